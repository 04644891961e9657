//! The words of the language: what each is said of, and how. For suggestions and for whoever says one wrongly; what
//! they do stands in `verbs` and `schema_verbs`.

use super::suggest;

/// A word, as `mappings/README.md` explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// What it is chained to: `resource`, `attr`, `schema`, `define`; empty for one that stands alone.
    pub of: &'static str,
    pub name: &'static str,
    /// How it is said.
    pub form: &'static str,
}

/// Every word.
pub(super) const WORDS: &[Word] = &[
    word("", "resource", "resource(\"User\")"),
    word("", "attr", "attr(\"userName\", \"LoginName\")"),
    word("", "initial", "initial(\"Column\", \"value\")"),
    word("", "stamp", "stamp(\"Column\", now())"),
    word("", "rest", "rest(\"Table\", \"Key\", \"Column\") or rest(\"attribute\")"),
    word("", "schema", "schema(\"urn:example:params:scim:schemas:2.0:Device\")"),
    word("", "define", "define(\"serialNumber\", \"string\")"),
    word("", "on_error", "on_error(50001, \"uniqueness\")"),
    word("", "enterprise", "enterprise(\"department\")"),
    word("", "param", "param(\"name\") or param(\"name\", \"fallback\")"),
    word("", "any", "any()"),
    word("", "today", "today()"),
    word("", "now", "now()"),
    word("", "uuid", "uuid()"),
    word("", "gt", "gt(7) or gt(\"2026-01-31\")"),
    word("", "ge", "ge(7) or ge(\"2026-01-31\")"),
    word("", "lt", "lt(7) or lt(\"2026-01-31\")"),
    word("", "le", "le(7) or le(\"2026-01-31\")"),
    word("", "bit_set", "bit_set(0x2)"),
    word("", "bit_clear", "bit_clear(0x2)"),
    word("", "counter", "counter(\"cn=uidNext,dc=example,dc=test\", \"uidNumber\")"),
    word("", "sequence", "sequence(\"dbo.UserSeq\")"),
    word("", "escape_dn", "escape_dn(text)"),
    word("resource", "table", ".table(\"Table\")"),
    word("resource", "base", ".base(\"ou=people,dc=example,dc=test\")"),
    word("resource", "classes", ".classes([\"inetOrgPerson\"])"),
    word("resource", "id", ".id(\"Column\")"),
    word("resource", "rdn", ".rdn(\"uid\", \"{userName}\")"),
    word("resource", "parent", ".parent(\"function\", [\"departmentNumber\"])"),
    word("resource", "version", ".version(\"RowVer\")"),
    word("resource", "lookup", ".lookup(\"alias\", \"Table\", \"Key\", \"ForeignKey\")"),
    word(
        "resource",
        "part",
        ".part(\"alias\", \"Table\", \"Key\") or .part(\"alias\", #{ dn: \"…\", classes: [\"…\"] })",
    ),
    word("resource", "dated", ".dated(\"alias\", \"Date\", \"Number\")"),
    word("resource", "only", ".only(#{ Column: \"value\" })"),
    word("resource", "on_delete", ".on_delete(\"delete\")"),
    word("resource", "read_only", ".read_only()"),
    word("resource", "schema", ".schema(\"urn:…\")"),
    word("resource", "endpoint", ".endpoint(\"/Devices\")"),
    word("resource", "extension", ".extension(\"urn:…\")"),
    word("attr", "required", ".required()"),
    word("attr", "unique", ".unique()"),
    word("attr", "case_exact", ".case_exact()"),
    word("attr", "max_len", ".max_len(50)"),
    word("attr", "read_only", ".read_only()"),
    word("attr", "immutable", ".immutable()"),
    word("attr", "write_only", ".write_only()"),
    word("attr", "returned", ".returned(\"request\")"),
    word("attr", "missing", ".missing(\"-\")"),
    word("attr", "many", ".many()"),
    word("attr", "prefix", ".prefix(\"smtp:\")"),
    word("attr", "values", ".values([[\"A\", true], [\"T\", false]])"),
    word("attr", "read", ".read(\"function\")"),
    word("attr", "write", ".write(\"function\")"),
    word("attr", "find", ".find(\"Column\", \"function\")"),
    word("attr", "exact", ".exact()"),
    word("attr", "ref", ".ref(\"User\") or .ref(\"User\", \"Group\")"),
    word("attr", "by", ".by(\"uid\")"),
    word("attr", "on_missing", ".on_missing(\"skip\")"),
    word("attr", "placeholder", ".placeholder(\"cn=nobody\")"),
    word("attr", "hash", ".hash(\"pbkdf2-sha256\", #{ salt: \"SaltColumn\" })"),
    word("attr", "child", ".child(\"ForeignKey\")"),
    word("attr", "copy", ".copy()"),
    word("schema", "description", ".description(\"…\")"),
    word("define", "description", ".description(\"…\")"),
    word("define", "many", ".many()"),
    word("define", "required", ".required()"),
    word("define", "case_exact", ".case_exact()"),
    word("define", "read_only", ".read_only()"),
    word("define", "immutable", ".immutable()"),
    word("define", "write_only", ".write_only()"),
    word("define", "returned", ".returned(\"request\")"),
    word("define", "canonical_values", ".canonical_values([\"new\", \"used\"])"),
    word("plan", "statement", "plan.statement(\"… ? …\", [value])"),
    word("plan", "exec", "plan.exec(\"procedure\", #{ name: value })"),
    word("plan", "modify", "plan.modify(\"dn\", #{ replace: #{ attribute: value } })"),
    word("plan", "id", "plan.id(value)"),
    word("define", "reference_types", ".reference_types([\"User\"])"),
];

const fn word(of: &'static str, name: &'static str, form: &'static str) -> Word {
    Word { of, name, form }
}

/// The word, said of this.
pub(super) fn find(of: &str, name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.of == of && word.name == name)
}

/// What the word is said of, where it is known at all.
pub(super) fn homes(name: &str) -> Vec<&'static Word> {
    WORDS.iter().filter(|word| word.name == name).collect()
}

/// The word of this receiver that was most likely meant.
pub(super) fn closest(of: &str, name: &str) -> Option<String> {
    let here = WORDS.iter().filter(|word| word.of == of).map(|word| word.name);
    suggest::closest(name, here).or_else(|| suggest::closest(name, WORDS.iter().map(|word| word.name)))
}

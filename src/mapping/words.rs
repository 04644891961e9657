//! The words of the language: what each is said of, how, and what it says. For suggestions, for whoever says one wrongly and
//! for editors (`definitions`); what they do stands in `verbs` and `schema_verbs`.

use super::suggest;

/// A word, as `mappings/README.md` explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// What it is chained to: `resource`, `attr`, `schema`, `define`; empty for one that stands alone.
    pub of: &'static str,
    pub name: &'static str,
    /// How it is said, for instance.
    pub form: &'static str,
    /// What it takes, one text for each way: parameters with their types, `?` being any.
    pub takes: &'static [&'static str],
    /// What it says, in a sentence or two.
    pub says: &'static str,
}

/// Every word.
pub(super) const WORDS: &[Word] = &[
    word(
        "",
        "resource",
        "resource(\"User\")",
        &["name: String"],
        "Begins a type: `User`, `Group`, or one with a schema of its own. All that follows belongs to it, up to the next `resource`.",
    ),
    word(
        "",
        "attr",
        "attr(\"userName\", \"LoginName\")",
        &["path: String, native: String", "path: String, natives: Array", "paths: Array, native: String"],
        "A line: one SCIM attribute and the column or LDAP attribute that holds it, in both directions. Of several paths the first is written.",
    ),
    word(
        "",
        "initial",
        "initial(\"Column\", \"value\")",
        &["native: String, value: ?"],
        "Written when a resource is created: a literal, a template, `uuid()`, `now()`, `today()`, `counter(…)`, `sequence(…)`.",
    ),
    word(
        "",
        "stamp",
        "stamp(\"Column\", now())",
        &["native: String, value: ?"],
        "Written at every change, the creation included.",
    ),
    word(
        "",
        "rest",
        "rest(\"Table\", \"Key\", \"Column\") or rest(\"attribute\")",
        &[
            "attribute: String",
            "table: String, key: String, column: String",
            "table: String, key: Array, column: String",
        ],
        "What no line stores is kept there as one JSON document, so that nothing an identity provider sends is lost.",
    ),
    word(
        "",
        "schema",
        "schema(\"urn:example:params:scim:schemas:2.0:Device\")",
        &["urn: String", "urn: String, name: String"],
        "A schema of your own. Without a name it has the last part of the URN.",
    ),
    word(
        "",
        "define",
        "define(\"serialNumber\", \"string\")",
        &["name: String, type: String"],
        "An attribute of the schema that stands above, and after a dot a sub-attribute: \"string\", \"boolean\", \"integer\", \"decimal\", \"dateTime\", \"reference\", \"binary\" or \"complex\".",
    ),
    word(
        "",
        "on_error",
        "on_error(50001, \"uniqueness\")",
        &["number: int, scim_type: String", "number: int, scim_type: String, detail: String"],
        "Which SCIM error a number means that a procedure or a trigger raises: \"uniqueness\", \"invalidValue\", \"mutability\" or \"noTarget\".",
    ),
    word(
        "",
        "enterprise",
        "enterprise(\"department\")",
        &["name: String"],
        "The path of an attribute of the enterprise extension.",
    ),
    word(
        "",
        "param",
        "param(\"name\") or param(\"name\", \"fallback\")",
        &["name: String", "name: String, fallback: ?"],
        "A value that the configuration gives in `params`.",
    ),
    word("", "any", "any()", &[""], "The pattern of anything that is there."),
    word(
        "",
        "today",
        "today()",
        &[""],
        "The day in UTC: as a value that is written, and as a pattern of `values`.",
    ),
    word("", "now", "now()", &[""], "The time of the change, for `initial` and `stamp`."),
    word("", "uuid", "uuid()", &[""], "A new UUID, for `initial`."),
    word(
        "",
        "gt",
        "gt(7) or gt(\"2026-01-31\")",
        &["bound: ?"],
        "The pattern of what is greater: than a number, a day as \"2026-01-31\", or `today()`.",
    ),
    word("", "ge", "ge(7) or ge(\"2026-01-31\")", &["bound: ?"], "The pattern of what is greater or equal."),
    word("", "lt", "lt(7) or lt(\"2026-01-31\")", &["bound: ?"], "The pattern of what is less."),
    word("", "le", "le(7) or le(\"2026-01-31\")", &["bound: ?"], "The pattern of what is less or equal."),
    word(
        "",
        "bit_set",
        "bit_set(0x2)",
        &["bit: int"],
        "The pattern of a number that has this bit; only the bit is written.",
    ),
    word(
        "",
        "bit_clear",
        "bit_clear(0x2)",
        &["bit: int"],
        "The pattern of a number that lacks this bit; only the bit is written.",
    ),
    word(
        "",
        "counter",
        "counter(\"cn=uidNext,dc=example,dc=test\", \"uidNumber\")",
        &["dn: String, attribute: String"],
        "The next number of an entry that holds one, taken by a compare-and-swap; for `initial`.",
    ),
    word(
        "",
        "sequence",
        "sequence(\"dbo.UserSeq\")",
        &["name: String"],
        "The next number of a sequence of SQL Server; for `initial`.",
    ),
    word(
        "",
        "escape_dn",
        "escape_dn(text)",
        &["text: String"],
        "A client's text as one value in a DN, whatever is in it.",
    ),
    word(
        "resource",
        "table",
        ".table(\"Table\")",
        &["name: String"],
        "Its rows are in this table; `schema.Name` names a schema too.",
    ),
    word(
        "resource",
        "base",
        ".base(\"ou=people,dc=example,dc=test\")",
        &["dn: String"],
        "Its entries are below this DN.",
    ),
    word(
        "resource",
        "classes",
        ".classes([\"inetOrgPerson\"])",
        &["names: Array"],
        "Its entries have all these object classes.",
    ),
    word(
        "resource",
        "id",
        ".id(\"Column\")",
        &[
            "native: String",
            "first: String, second: String",
            "first: String, second: String, third: String",
            "first: String, second: String, third: String, fourth: String",
        ],
        "The key, of up to four columns. Its value, as text, is the SCIM `id`. Of entries it may be left out: the server's `entryUUID`, or `objectGUID`.",
    ),
    word(
        "resource",
        "rdn",
        ".rdn(\"uid\", \"{userName}\")",
        &["attribute: String, template: String"],
        "How a new entry is named. A change of what the template reads is a rename.",
    ),
    word(
        "resource",
        "parent",
        ".parent(\"function\", [\"departmentNumber\"])",
        &["function: String, natives: Array"],
        "Where an entry stands below the base: a function of these natives gives the DN.",
    ),
    word(
        "resource",
        "version",
        ".version(\"RowVer\")",
        &["native: String"],
        "The stamp that the backend changes with every write: `entryCSN`, `entryUSN`, a rowversion. It makes If-Match atomic.",
    ),
    word(
        "resource",
        "lookup",
        ".lookup(\"alias\", \"Table\", \"Key\", \"ForeignKey\")",
        &[
            "alias: String, table: String, key: String, foreign_key: String",
            "alias: String, table: String, key: Array, foreign_key: Array",
        ],
        "A shared row, read by its name and never changed.",
    ),
    word(
        "resource",
        "part",
        ".part(\"alias\", \"Table\", \"Key\") or .part(\"alias\", #{ dn: \"…\", classes: [\"…\"] })",
        &[
            "alias: String, place: Map",
            "alias: String, table: String, key: String",
            "alias: String, table: String, key: Array",
        ],
        "One more entry, `#{ dn: …, classes: […] }`, or one more row of another table, that lives and dies with the first.",
    ),
    word(
        "resource",
        "dated",
        ".dated(\"alias\", \"Date\", \"Number\")",
        &[
            "part: String, date: String, number: String",
            "part: String, date: String, number: String, kept: Array",
        ],
        "That part keeps history: the row in force is read, a change inserts the next, which takes over the kept columns.",
    ),
    word(
        "resource",
        "only",
        ".only(#{ Column: \"value\" })",
        &["natives: Map"],
        "Only rows or entries that are so exist: `#{ Kind: \"staff\", LeftAt: () }`. A new one gets the literal values.",
    ),
    word(
        "resource",
        "on_delete",
        ".on_delete(\"delete\")",
        &[
            "how: String",
            "how: String, dn: String",
            "how: String, dn: String, rows: Map",
            "how: String, rows_or_values: Map",
            "how: String, values: Map, rows: Map",
        ],
        "What DELETE does: \"delete\", \"disable\" with what is written, \"move\" to a DN, or \"refuse\". A last map says for which rows. The first rule that fits decides.",
    ),
    word(
        "resource",
        "read_only",
        ".read_only()",
        &[""],
        "No default steps: functions of the mapping give them, and what none does is refused.",
    ),
    word(
        "resource",
        "schema",
        ".schema(\"urn:…\")",
        &["urn: String"],
        "A type of its own, with this schema.",
    ),
    word(
        "resource",
        "endpoint",
        ".endpoint(\"/Devices\")",
        &["path: String"],
        "Where the type is served; without it its name and an `s`.",
    ),
    word(
        "resource",
        "extension",
        ".extension(\"urn:…\")",
        &["urn: String", "urn: String, options: Map"],
        "Its resources may have the attributes of this schema; must, with `#{ required: true }`.",
    ),
    word("attr", "required", ".required()", &[""], "A client must give it."),
    word(
        "attr",
        "unique",
        ".unique()",
        &[""],
        "No two may have it: 409. A table's constraint decides; on LDAP it is looked up before the write.",
    ),
    word("attr", "case_exact", ".case_exact()", &[""], "Upper and lower case differ."),
    word(
        "attr",
        "max_len",
        ".max_len(50)",
        &["length: int"],
        "A longer text is refused with 400, never cut.",
    ),
    word("attr", "read_only", ".read_only()", &[""], "Clients cannot change it."),
    word("attr", "immutable", ".immutable()", &[""], "Clients give it once."),
    word("attr", "write_only", ".write_only()", &[""], "It is written and never shown."),
    word(
        "attr",
        "returned",
        ".returned(\"request\")",
        &["when: String"],
        "When it is in an answer: \"always\", \"never\", \"default\", or \"request\": only when asked for by name.",
    ),
    word(
        "attr",
        "missing",
        ".missing(\"-\")",
        &["native: ?"],
        "This native value means \"no value\", and is written for it: NOT NULL columns, mandatory LDAP attributes.",
    ),
    word("attr", "many", ".many()", &[""], "All values of the LDAP attribute, an array."),
    word(
        "attr",
        "prefix",
        ".prefix(\"smtp:\")",
        &["text: String"],
        "Only native values that start exactly so are the line's; clients see what follows.",
    ),
    word(
        "attr",
        "values",
        ".values([[\"A\", true], [\"T\", false]])",
        &["pairs: Array"],
        "Coded values, in order: `[[native, value], …]`. `()` is nothing there, `any()` anything. The first pair that fits is read, the first with the value is written.",
    ),
    word(
        "attr",
        "read",
        ".read(\"function\")",
        &["function: String"],
        "A function of the script gives the SCIM value: of the native, or of a map of several.",
    ),
    word(
        "attr",
        "write",
        ".write(\"function\")",
        &["function: String"],
        "A function of the script gives the native value, or a map of several.",
    ),
    word(
        "attr",
        "find",
        ".find(\"Column\", \"function\")",
        &["native: String, function: String"],
        "By what filters look for such a line: `f(value)`, or `f(path, op, value)`, which may give a pattern, or `()`: not asked.",
    ),
    word(
        "attr",
        "exact",
        ".exact()",
        &[""],
        "What `find` finds is neither less nor more than the filter means.",
    ),
    word(
        "attr",
        "ref",
        ".ref(\"User\") or .ref(\"User\", \"Group\")",
        &["resource: String", "one: String, other: String"],
        "The native value leads to another resource: a foreign key, or a DN. Clients see its id.",
    ),
    word(
        "attr",
        "by",
        ".by(\"uid\")",
        &["native: String"],
        "What is referred to is held by this attribute of its own, in place of its key or DN; behind `child`, the resource itself.",
    ),
    word(
        "attr",
        "on_missing",
        ".on_missing(\"skip\")",
        &["how: String"],
        "Of a reference or a look-up that leads nowhere: \"reject\" (the default), \"create\" or \"skip\".",
    ),
    word(
        "attr",
        "placeholder",
        ".placeholder(\"cn=nobody\")",
        &["value: String"],
        "Stands in a group so that it is never empty, and is never shown.",
    ),
    word(
        "attr",
        "hash",
        ".hash(\"pbkdf2-sha256\", #{ salt: \"SaltColumn\" })",
        &["scheme: String, options: Map"],
        "A password is hashed before it is stored: \"pbkdf2-sha256\", `#{ salt: \"SaltColumn\", rounds: 600000 }`.",
    ),
    word(
        "attr",
        "child",
        ".child(\"ForeignKey\")",
        &[
            "foreign_key: String",
            "first: String, second: String",
            "first: String, second: String, third: String",
            "first: String, second: String, third: String, fourth: String",
        ],
        "A collection in a table of its own: the column there that leads to the resource. Lines for its columns, `Table.Column`, follow.",
    ),
    word(
        "attr",
        "copy",
        ".copy()",
        &[""],
        "Written along with the attribute's own line; never read, never filtered by.",
    ),
    word(
        "schema",
        "description",
        ".description(\"…\")",
        &["text: String"],
        "A sentence about the schema, for `/Schemas`.",
    ),
    word(
        "define",
        "description",
        ".description(\"…\")",
        &["text: String"],
        "A sentence about the attribute, for `/Schemas`.",
    ),
    word("define", "many", ".many()", &[""], "An array."),
    word(
        "define",
        "required",
        ".required()",
        &[""],
        "A client must give it, of every resource that has the schema.",
    ),
    word("define", "case_exact", ".case_exact()", &[""], "Upper and lower case differ."),
    word("define", "read_only", ".read_only()", &[""], "Clients cannot change it."),
    word("define", "immutable", ".immutable()", &[""], "Clients give it once."),
    word("define", "write_only", ".write_only()", &[""], "It is written and never shown."),
    word(
        "define",
        "returned",
        ".returned(\"request\")",
        &["when: String"],
        "When it is in an answer: \"always\", \"never\", \"default\" or \"request\".",
    ),
    word(
        "define",
        "canonical_values",
        ".canonical_values([\"new\", \"used\"])",
        &["values: Array"],
        "The values that clients are told of; of coded values those that can be written.",
    ),
    word(
        "plan",
        "statement",
        "plan.statement(\"… ? …\", [value])",
        &["text: String, values: Array", "text: String, values: Array, outputs: Array"],
        "A statement: its text word for word, each `?` a parameter; the outputs are the columns that it returns.",
    ),
    word(
        "plan",
        "exec",
        "plan.exec(\"procedure\", #{ name: value })",
        &[
            "procedure: String, arguments: Map",
            "procedure: String, arguments: Map, outputs: Array",
            "procedure: String, arguments: Map, given: Map",
        ],
        "SQL Server: a stored procedure; the outputs are its OUTPUT parameters, or `#{ outputs: […], columns: […] }` with columns of the one row of its result set.",
    ),
    word(
        "plan",
        "modify",
        "plan.modify(\"dn\", #{ replace: #{ attribute: value } })",
        &["dn: String, changes: Map"],
        "Changes an entry: `#{ add: #{…}, delete: #{…}, replace: #{…} }`.",
    ),
    word(
        "plan",
        "id",
        "plan.id(value)",
        &["value: ?"],
        "The id of what was created: the value of each column of its key.",
    ),
    word(
        "define",
        "reference_types",
        ".reference_types([\"User\"])",
        &["types: Array"],
        "What a reference leads to: types of this mapping, \"external\" or \"uri\".",
    ),
];

const fn word(
    of: &'static str,
    name: &'static str,
    form: &'static str,
    takes: &'static [&'static str],
    says: &'static str,
) -> Word {
    Word { of, name, form, takes, says }
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

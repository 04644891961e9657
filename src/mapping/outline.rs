//! What a mapping says, as words to compare one version with another: type by type, line by line. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use super::Mapping;
use super::codes::{Codes, Pattern};
use super::line::{Access, Conversion, Find, Generated, How, Line, Missing, ResourceMapping};
use super::statements::Scan;
use crate::plan::{
    Case, DeleteRule, Entity, Key, Native, OnDelete, OnMissing, Order, Predicate, Row, Store, Test, Value,
};
use crate::scim::path::AttrPath;
use crate::scim::schema::Attribute;

/// What is said of something: the word for it, and what it is.
pub type Said = BTreeMap<String, String>;

/// A resource type.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// Where it lives, and what DELETE does.
    pub said: Said,
    /// Its attributes, by path.
    pub lines: BTreeMap<String, OutlinedLine>,
}

/// What an attribute's line says.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlinedLine {
    /// The attribute, without sub-attribute.
    pub attribute: AttrPath,
    /// Where it stands natively.
    pub natives: Vec<String>,
    /// Whether its values are for the backend alone.
    pub is_secret: bool,
    /// What is said of it.
    pub said: Said,
}

/// A function of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Where the shared rows stand that an attribute's value names.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// The resource type's name.
    pub of: String,
    /// The attribute.
    pub path: AttrPath,
    /// The shared table.
    pub table: Arc<str>,
    /// Its key.
    pub key: Key,
    /// The column with the name.
    pub column: Arc<str>,
    /// What stands in such a row beside its name.
    pub initial: Row,
}

// === impl Mapping ===

impl Mapping {
    /// What it says of each resource type, in its order.
    pub fn outline(&self) -> Vec<Outline> {
        let outline = |of: &ResourceMapping| {
            let mut said = self.model().entity(&of.entity).map(place).unwrap_or_default();
            said.insert("endpoint".to_owned(), of.resource_type.endpoint.clone());
            given(of, &mut said);
            Outline { name: of.entity.to_string(), said, lines: lines(of) }
        };
        self.resources.iter().map(outline).collect()
    }

    /// The functions of its script, by name.
    pub fn functions(&self) -> Vec<Function> {
        let scan = Scan::of(&self.text);
        let text = |name: &str| self.text.get(scan.function(name)?).map(|text| text.trim().to_owned());
        let function = |name: &str| Function { name: name.to_owned(), text: text(name).unwrap_or_default() };
        let mut all: Vec<Function> = self.ast.iter_functions().map(|known| function(known.name)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The shared rows that its look-ups read.
    pub fn shared(&self) -> Vec<Shared> {
        let of_type = |of: &ResourceMapping| {
            let Some(Store::Table(table)) = self.model().entity(&of.entity).map(|entity| &entity.store)
            else {
                return Vec::new();
            };
            let shared = |line: &Line| {
                let native = line.natives.first()?;
                let lookup = table.lookup(native.part.as_deref()?)?;
                Some(Shared {
                    of: of.entity.to_string(),
                    path: line.path.clone(),
                    table: lookup.table.clone(),
                    key: lookup.key.clone(),
                    column: native.name.clone(),
                    initial: lookup.initial.clone(),
                })
            };
            of.lines.iter().filter_map(shared).collect()
        };
        self.resources.iter().flat_map(of_type).collect()
    }
}

// === Lines ===

fn lines(of: &ResourceMapping) -> BTreeMap<String, OutlinedLine> {
    let mut lines = BTreeMap::new();
    for line in &of.lines {
        let path = match &line.element {
            Some(element) => format!("{}[{} eq {}].{}", line.path, element.key, element.value, element.sub),
            None => line.path.to_string(),
        };
        lines.insert(path, outlined(of, line));
    }
    for copy in &of.copies {
        let natives: Vec<String> = copy.natives.iter().map(Native::to_string).collect();
        lines.insert(format!("{} (copy in {})", copy.path, natives.join(", ")), outlined(of, copy));
    }
    for collection in &of.collections {
        let (path, attribute) = (collection.path.to_string(), collection.path.without_sub());
        let mut said = Said::new();
        put(&mut said, "child table", format!("{} by {}", collection.table, collection.foreign_key));
        if collection.read_only {
            put(&mut said, "read only", "yes");
        }
        schema(of, &collection.path, &mut said);
        let line = OutlinedLine { attribute: attribute.clone(), natives: Vec::new(), is_secret: false, said };
        lines.insert(path.clone(), line);
        for part in &collection.parts {
            let natives = vec![format!("{}.{}", collection.table, part.column)];
            let mut said = Said::new();
            put(&mut said, "stored in", natives.join(", "));
            converted(&part.conversion, &mut said);
            schema(of, &collection.path.with_sub(&part.sub), &mut said);
            let line = OutlinedLine { attribute: attribute.clone(), natives, is_secret: false, said };
            lines.insert(
                if part.sub.is_empty() { path.clone() } else { format!("{path}.{}", part.sub) },
                line,
            );
        }
    }
    lines
}

fn outlined(of: &ResourceMapping, line: &Line) -> OutlinedLine {
    let mut said = Said::new();
    let natives: Vec<String> = line.natives.iter().map(Native::to_string).collect();
    put(&mut said, "stored in", natives.join(", "));
    if line.many {
        put(&mut said, "many", "yes");
    }
    let access = match line.access {
        Access::ReadWrite => None,
        Access::ReadOnly => Some("read only"),
        Access::Immutable => Some("immutable"),
        Access::WriteOnly => Some("write only"),
    };
    if let Some(access) = access {
        put(&mut said, "access", access);
    }
    if let Some(Find { native, function, is_asked_all, is_exact }) = &line.find {
        let exact = if *is_exact { ", exactly" } else { "" };
        let asked = if *is_asked_all { "of every operator" } else { "of eq" };
        put(&mut said, "found by", format!("{native}, {function} {asked}{exact}"));
    }
    converted(&line.conversion, &mut said);
    match &line.element {
        Some(element) => schema(of, &line.path.with_sub(&element.sub), &mut said),
        None => schema(of, &line.path, &mut said),
    }
    let is_secret = line.is_secret() || line.access == Access::WriteOnly;
    OutlinedLine { attribute: line.path.without_sub(), natives, is_secret, said }
}

fn converted(conversion: &Conversion, said: &mut Said) {
    let Conversion { case_exact, max_len, missing, prefix, how, .. } = conversion;
    if *case_exact {
        put(said, "case exact", "yes");
    }
    if let Some(max_len) = max_len {
        put(said, "max len", max_len.to_string());
    }
    match missing {
        Some(Missing::Value(value)) => put(said, "missing", shown(value)),
        Some(Missing::Composed(composed)) => {
            let names: Vec<String> = composed.natives().map(Native::to_string).collect();
            put(said, "missing", format!("made of {}", names.join(", ")));
        }
        None => {}
    }
    if let Some(prefix) = prefix {
        put(said, "prefix", format!("{prefix:?}"));
    }
    match how {
        How::Plain => {}
        How::Codes(codes) => put(said, "values", coded(codes)),
        How::Script { read, write } => {
            read.iter().for_each(|name| put(said, "read", name.as_str()));
            write.iter().for_each(|name| put(said, "write", name.as_str()));
        }
        How::Reference { types, on_missing } => {
            put(said, "ref", types.join(", "));
            put(said, "on missing", policy(*on_missing));
        }
        How::Hash { salt, rounds } => put(said, "hash", format!("salt in {salt}, {rounds} rounds")),
    }
}

/// What clients are told of it.
fn schema(of: &ResourceMapping, path: &AttrPath, said: &mut Said) {
    let Some(attribute) = attribute(of, path) else { return };
    let mut word = |word: &str, value: String, usual: &str| {
        if value != usual {
            put(said, word, value);
        }
    };
    word("type", format!("{:?}", attribute.kind).to_lowercase(), "string");
    word("required", attribute.required.to_string(), "false");
    word("unique", format!("{:?}", attribute.uniqueness).to_lowercase(), "none");
    word("returned", format!("{:?}", attribute.returned).to_lowercase(), "default");
}

fn attribute<'a>(of: &'a ResourceMapping, path: &AttrPath) -> Option<&'a Attribute> {
    let same = |(urn, one): &(Option<&str>, &Attribute)| *urn == path.urn.as_deref() && one.name == path.name;
    let (_, attribute) = of.resource_type.attributes().find(same)?;
    match &path.sub {
        Some(sub) => attribute.sub_attributes.iter().find(|one| one.name == *sub),
        None => Some(attribute),
    }
}

fn coded(codes: &Codes) -> String {
    let pair = |pair: &super::codes::Pair| {
        let patterns: Vec<String> = pair.patterns.iter().map(pattern).collect();
        let value = pair.value.as_ref().map_or("()".to_owned(), ToString::to_string);
        match patterns.as_slice() {
            [one] => format!("[{one}, {value}]"),
            several => format!("[[{}], {value}]", several.join(", ")),
        }
    };
    format!("[{}]", codes.0.iter().map(pair).collect::<Vec<_>>().join(", "))
}

fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Absent => "()".to_owned(),
        Pattern::Any => "any()".to_owned(),
        Pattern::Is(value) => shown(value),
        Pattern::Set(bit) => format!("bit_set({bit:#x})"),
        Pattern::Clear(bit) => format!("bit_clear({bit:#x})"),
        Pattern::Ordered(order, value) => format!("{}({})", order_word(*order), shown(value)),
    }
}

// === Places ===

/// What is given to new ones, and at each change.
fn given(of: &ResourceMapping, said: &mut Said) {
    for (word, all) in [("initial", &of.initial), ("stamp", &of.stamps)] {
        for (native, generated) in all {
            let value = match generated {
                Generated::Literal(value) => shown(value),
                Generated::Template(template) => template.to_string(),
                Generated::Uuid => "uuid()".to_owned(),
                Generated::Now => "now()".to_owned(),
            };
            put(said, &format!("{word} {native}"), value);
        }
    }
    if let Some(rdn) = &of.rdn {
        put(said, "rdn of", rdn.to_string());
    }
    if let Some(parent) = &of.parent {
        let inputs: Vec<String> = parent.inputs.iter().map(Native::to_string).collect();
        put(said, "parent", format!("{} of {}", parent.function, inputs.join(", ")));
    }
}

fn place(entity: &Entity) -> Said {
    let mut said = Said::new();
    match &entity.store {
        Store::Table(table) => {
            put(&mut said, "table", &*table.name);
            put(&mut said, "id", table.id.to_string());
            put(&mut said, "only", predicate(&table.only));
            for lookup in &table.lookups {
                let mut text = format!("{} by {} = {}", lookup.table, lookup.key, lookup.foreign_key);
                let _ = write!(text, ", on missing {}", policy(lookup.on_missing));
                push_only(&mut text, &lookup.only);
                put(&mut said, &format!("lookup {}", lookup.alias), text);
            }
            for part in &table.parts {
                let mut text = format!("{} by {}", part.table, part.key);
                if let Some(dated) = &part.dated {
                    let _ = write!(
                        text,
                        ", dated by {} and {}, keeps {}",
                        dated.date,
                        dated.seq,
                        dated.kept.join(", ")
                    );
                }
                push_only(&mut text, &part.only);
                put(&mut said, &format!("part {}", part.alias), text);
            }
            for child in &table.children {
                let mut text = format!("by {}, new rows: {}", child.foreign_key, row(&child.initial));
                push_only(&mut text, &child.only);
                put(&mut said, &format!("rows of {}", child.table), text);
            }
            if let Some(rest) = &table.rest {
                put(&mut said, "rest", format!("{}.{} by {}", rest.table, rest.column, rest.key));
            }
            for (column, sequence) in &table.sequences {
                put(&mut said, &format!("initial {column}"), format!("the next of the sequence {sequence}"));
            }
        }
        Store::Entries(entries) => {
            put(&mut said, "base", entries.base.as_str());
            put(&mut said, "id", &*entries.id);
            put(&mut said, "only", predicate(&entries.only));
            put(&mut said, "classes", entries.classes.join(", "));
            put(&mut said, "rdn", &*entries.rdn);
            if let Some((attribute, value)) = &entries.placeholder {
                put(&mut said, "placeholder", format!("{attribute}: {value}"));
            }
            entries.rest.iter().for_each(|rest| put(&mut said, "rest", &**rest));
            for part in &entries.parts {
                let names: Vec<String> = part.name.natives().map(Native::to_string).collect();
                let initial: Vec<&str> = part.initial.iter().map(|(name, _)| &**name).collect();
                let text = format!("named by {}, new ones have {}", names.join(", "), initial.join(", "));
                put(&mut said, &format!("part {}", part.alias), text);
            }
            for (native, counter) in &entries.counters {
                put(
                    &mut said,
                    &format!("initial {native}"),
                    format!("the next of {} of {}", counter.attribute, counter.dn),
                );
            }
        }
    }
    if let Some(version) = &entity.version {
        put(&mut said, "version", version.to_string());
    }
    if entity.read_only {
        put(&mut said, "read only", "yes");
    }
    put(&mut said, "on delete", entity.on_delete.iter().map(rule).collect::<Vec<_>>().join("; "));
    said.retain(|_, value| !value.is_empty());
    said
}

fn rule(rule: &DeleteRule) -> String {
    let how = match &rule.how {
        OnDelete::Refuse => "refuse".to_owned(),
        OnDelete::Delete => "delete".to_owned(),
        OnDelete::Disable(disable) if disable.values.is_empty() => "disable".to_owned(),
        OnDelete::Disable(disable) => format!("disable with {}", row(&disable.values)),
        OnDelete::Move(to) => format!("move to {}", to.to),
    };
    if rule.rows.is_empty() { how } else { format!("{how} where {}", row(&rule.rows)) }
}

fn push_only(text: &mut String, only: &Predicate) {
    if *only != Predicate::All {
        let _ = write!(text, ", only {}", predicate(only));
    }
}

fn row(row: &Row) -> String {
    row.iter().map(|(column, value)| format!("{column}: {}", shown(value))).collect::<Vec<_>>().join(", ")
}

fn predicate(only: &Predicate) -> String {
    let all = |terms: &[Predicate], word: &str| terms.iter().map(predicate).collect::<Vec<_>>().join(word);
    match only {
        Predicate::All => String::new(),
        Predicate::Nothing => "nobody".to_owned(),
        Predicate::And(terms) => all(terms, " and "),
        Predicate::Or(terms) => format!("({})", all(terms, " or ")),
        Predicate::Not(inner) => format!("not {}", predicate(inner)),
        Predicate::Id(ids) => format!("id {}", ids.join(", ")),
        Predicate::Entry(dn) => format!("entry {dn}"),
        Predicate::Test(native, one) => format!("{native} {}", test(one)),
        Predicate::Child(table, inner) => format!("{table}[{}]", predicate(inner)),
    }
}

fn test(test: &Test) -> String {
    let exactly = |case: &Case| if *case == Case::Exact { "" } else { " in any case" };
    match test {
        Test::Present => "present".to_owned(),
        Test::Equals(value, case) => format!("= {}{}", shown(value), exactly(case)),
        Test::StartsWith(text, _) => format!("starts with {text:?}"),
        Test::EndsWith(text, _) => format!("ends with {text:?}"),
        Test::Contains(text, _) => format!("contains {text:?}"),
        Test::Compare(order, value) => format!("{} {}", order_word(*order), shown(value)),
        Test::Bit(bit) => format!("has bit {bit:#x}"),
    }
}

fn order_word(order: Order) -> &'static str {
    match order {
        Order::Greater => "gt",
        Order::GreaterOrEqual => "ge",
        Order::Less => "lt",
        Order::LessOrEqual => "le",
    }
}

fn policy(on_missing: OnMissing) -> &'static str {
    match on_missing {
        OnMissing::Reject => "reject",
        OnMissing::Create => "create",
        OnMissing::Skip => "skip",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Secret(_) => "(secret)".to_owned(),
        Value::Today => "today()".to_owned(),
        Value::Bytes(octets) => format!("{} octets", octets.len()),
        other => other.text().unwrap_or_default(),
    }
}

fn put(said: &mut Said, word: &str, value: impl Into<String>) {
    said.insert(word.to_owned(), value.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_in_the_words_of_the_language() {
        let text = r#"
            resource("User").table("Person").id("Id").lookup("dept", "Department", "DeptId", "DeptNo")
              .only(#{ Kind: "staff" }).on_delete("disable", #{ Kind: "left" });
            attr("userName", "Login").required().unique().max_len(50);
            attr("active", "Status").values([["A", true], [any(), false]]);
            attr(`emails[type eq "work"].value`, "Mail").read("lower").write("lower");
            attr(enterprise("department"), "dept.Name").on_missing("create");
            initial("Source", "scim");
            fn lower(text) { text.to_lower() }
        "#;
        let mapping = Mapping::parse("m", text, &BTreeMap::new()).unwrap();
        let outline = mapping.outline().remove(0);
        let said = |words: &Said| words.iter().map(|(word, is)| format!("{word}: {is}")).collect::<Vec<_>>();
        let lines =
            outline.lines.iter().map(|(path, line)| format!("{path} => {}", said(&line.said).join("; ")));
        let told: Vec<String> = said(&outline.said).into_iter().chain(lines).collect();
        assert_eq!(
            told,
            [
                "endpoint: /Users",
                "id: Id",
                "initial Kind: \"staff\"",
                "initial Source: \"scim\"",
                "lookup dept: Department by DeptId = DeptNo, on missing create",
                "on delete: disable with Kind: \"left\"",
                "only: Kind = \"staff\"",
                "table: Person",
                "active => stored in: Status; type: boolean; values: [[\"A\", true], [any(), false]]",
                "emails[type eq \"work\"].value => read: lower; stored in: Mail; write: lower",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department => stored in: dept.Name",
                "userName => max len: 50; required: true; stored in: Login; unique: server",
            ]
        );
        assert_eq!(
            mapping.functions(),
            [Function { name: "lower".to_owned(), text: "fn lower(text) { text.to_lower() }".to_owned() }]
        );
        let shared = mapping.shared();
        assert_eq!((&*shared[0].table, &*shared[0].column, shared.len()), ("Department", "Name", 1));
    }
}

//! What a database in memory holds: rows as a JSON file says them, in tables made of them and of what a mapping
//! touches. A column has the type of its values in the file, a key without any is a number that the database gives,
//! and what refers to a key has that key's type.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::Value as Native;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value as Json;

use crate::backend::sql::dialect::Dialect;
use crate::plan::{self, Entity, Key, Model, OnDelete, Predicate, Store, Table, Touched};

/// A table's rows: columns with their values.
type Rows = Vec<Vec<(String, Native)>>;

/// The rows of each table, as a file says them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Contents(BTreeMap<String, Rows>);

/// The tables that there are.
#[derive(Debug, Default)]
pub(super) struct Tables {
    columns: BTreeMap<String, BTreeMap<String, Kind>>,
    keys: BTreeMap<String, Key>,
    /// Columns whose values together are given once only, each with those that tell one tenant's rows from another's.
    unique: BTreeMap<(String, Vec<String>), Vec<String>>,
    /// Columns that the database counts up.
    versions: BTreeSet<(String, String)>,
}

/// What a column holds, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Number,
    Text,
}

// === impl Contents ===

impl Contents {
    /// `{ "Table": [ { "Column": value } ] }`; the error says what is wrong, and where.
    pub(super) fn parse(json: &Json) -> Result<Self, String> {
        let tables = json.as_object().ok_or("this is no JSON object of tables")?;
        let rows = |(table, rows): (&String, &Json)| {
            let wrong = || format!("{table}: a table is an array of rows, each an object");
            let rows = rows.as_array().ok_or_else(wrong)?.iter();
            let row = |row: &Json| {
                let cells = row.as_object().ok_or_else(wrong)?.iter();
                cells
                    .map(|(column, value)| {
                        let value = native(value).ok_or_else(|| {
                            format!("{table}.{column}: not null, a truth value, a number, a text or {{\"base64\": …}}")
                        })?;
                        Ok((column.clone(), value))
                    })
                    .collect()
            };
            Ok((table.clone(), rows.map(row).collect::<Result<Rows, String>>()?))
        };
        tables.iter().map(rows).collect::<Result<_, String>>().map(Self)
    }

    /// A table or column that the mapping does not know, whose name is nearly that of one which is not here: rows under it
    /// would be no rows for the mapping.
    pub(super) fn misspelt(&self, known: &Tables) -> Option<String> {
        let here: Vec<&str> = self.0.keys().map(String::as_str).collect();
        for (table, rows) in &self.0 {
            let Some(columns) = known.columns.get(&known.spelled(table)) else {
                match nearly(table, known.columns.keys(), &here) {
                    Some(meant) => return Some(format!("{table}: did you mean the table {meant}?")),
                    None => continue,
                }
            };
            for row in rows {
                let here: Vec<&str> = row.iter().map(|(column, _)| column.as_str()).collect();
                let meant = here.iter().find_map(|name| Some((name, nearly(name, columns.keys(), &here)?)));
                if let Some((name, meant)) = meant {
                    return Some(format!("{table}.{name}: did you mean the column {meant}?"));
                }
            }
        }
        None
    }

    /// Puts these rows in place of those that the same tables have.
    pub(super) fn replace(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        for table in self.0.keys() {
            connection.execute_batch(&format!("DELETE FROM {}", quoted(table)))?;
        }
        self.fill(connection)
    }

    fn fill(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        for (table, row) in self.0.iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table, row))) {
            let names: Vec<String> = row.iter().map(|(column, _)| quoted(column)).collect();
            let marks = vec!["?"; row.len()].join(", ");
            let insert = match row.is_empty() {
                true => format!("INSERT INTO {} DEFAULT VALUES", quoted(table)),
                false => format!("INSERT INTO {} ({}) VALUES ({marks})", quoted(table), names.join(", ")),
            };
            connection.execute(&insert, params_from_iter(row.iter().map(|(_, value)| value)))?;
        }
        Ok(())
    }
}

/// All rows of these tables, as [`Contents::parse`] takes them.
pub(super) fn rows(connection: &Connection, tables: &[String]) -> Result<Json, rusqlite::Error> {
    let mut all = serde_json::Map::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {}", quoted(table)))?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let row = |row: &rusqlite::Row<'_>| {
            let mut cells = serde_json::Map::new();
            for (at, name) in names.iter().enumerate() {
                let value: Native = row.get(at)?;
                if value != Native::Null {
                    cells.insert(name.clone(), json(value));
                }
            }
            Ok(Json::Object(cells))
        };
        let rows = statement.query_map([], row)?.collect::<Result<Vec<_>, _>>()?;
        all.insert(table.clone(), rows.into());
    }
    Ok(all.into())
}

fn json(value: Native) -> Json {
    match value {
        Native::Null => Json::Null,
        Native::Integer(number) => number.into(),
        Native::Real(number) => number.into(),
        Native::Text(text) => text.into(),
        Native::Blob(octets) => serde_json::json!({ "base64": STANDARD.encode(octets) }),
    }
}

/// The one of the known names that is most likely meant by another, and not among those that are here.
fn nearly<'a>(name: &str, known: impl Iterator<Item = &'a String>, here: &[&str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let slips = |other: &&str| strsim::osa_distance(&lower, &other.to_lowercase());
    let is_here = |other: &str| here.iter().any(|here| here.eq_ignore_ascii_case(other));
    let mut known: Vec<&str> = known.map(String::as_str).collect();
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    known.retain(|known| !is_here(known));
    known.into_iter().filter(|known| slips(known) <= (name.len() / 4).min(2)).min_by_key(slips)
}

fn native(value: &Json) -> Option<Native> {
    Some(match value {
        Json::Null => Native::Null,
        Json::Bool(truth) => Native::Integer(i64::from(*truth)),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Native::Integer(number),
            None => Native::Real(number.as_f64()?),
        },
        Json::String(text) => Native::Text(text.clone()),
        Json::Object(octets) => Native::Blob(STANDARD.decode(octets.get("base64")?.as_str()?).ok()?),
        Json::Array(_) => return None,
    })
}

// === impl Tables ===

impl Tables {
    /// Those that the rows are of, and all that a mapping touches.
    pub(super) fn of(contents: &[&Contents], model: &Model, touched: &[Touched]) -> Self {
        let mut tables = Self::default();
        for (table, rows) in contents.iter().flat_map(|contents| &contents.0) {
            tables.columns.entry(tables.spelled(table)).or_default();
            for (column, value) in rows.iter().flatten() {
                tables.learn(table, column, kind(value));
            }
        }
        let own = model.entities.values().filter_map(|entity| match &entity.store {
            Store::Table(table) => Some((entity, table)),
            Store::Entries(_) => None,
        });
        let own: Vec<(&Entity, &Table)> = own.collect();
        for (entity, table) in &own {
            tables.touch(entity, table, touched.iter().find(|touched| touched.entity == entity.name));
        }
        // A key that nobody gives is a number; it is known only when all values are.
        let (numbers, written) = (tables.keys.clone(), written(&own, touched));
        for (table, key) in &numbers {
            if let [column] = key.columns() {
                let is_given = written.contains(&(table.clone(), column.to_string()));
                tables.learn(table, column, if is_given { Kind::Unknown } else { Kind::Number });
            }
        }
        for (entity, table) in &own {
            tables.refer(model, entity, table);
        }
        tables
    }

    /// The schemas that stand in tables' names.
    pub(super) fn schemas(&self) -> BTreeSet<String> {
        let schema = |table: &String| table.rsplit_once('.').map(|(schema, _)| schema.to_owned());
        self.columns.keys().filter_map(schema).collect()
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<String> {
        self.columns.keys().cloned().collect()
    }

    /// Makes them, with these rows.
    pub(super) fn make(&self, connection: &Connection, contents: &Contents) -> Result<(), rusqlite::Error> {
        for (table, columns) in &self.columns {
            connection.execute_batch(&self.created(table, columns))?;
        }
        contents.fill(connection)?;
        for (at, ((table, columns), tenant)) in self.unique.iter().enumerate() {
            let (schema, name) =
                table.rsplit_once('.').map_or(("main", &**table), |(schema, name)| (schema, name));
            let index = format!("{}.{}", quoted(schema), quoted(&format!("gantry {at}")));
            let unique = |tenant: &[String]| {
                let others =
                    tenant.iter().filter(|column| !columns.contains(column)).map(|column| quoted(column));
                let own = columns.iter().map(|column| format!("{} COLLATE NOCASE", quoted(column)));
                let columns = others.chain(own).collect::<Vec<_>>().join(", ");
                connection
                    .execute_batch(&format!("CREATE UNIQUE INDEX {index} ON {} ({columns})", quoted(name)))
            };
            // Where the rows say that a value comes twice, it may, if not within a tenant.
            let _ = unique(&[]).or_else(|_| unique(tenant));
        }
        Ok(())
    }

    fn created(&self, table: &str, columns: &BTreeMap<String, Kind>) -> String {
        let key = self.keys.get(table).map(Key::columns).unwrap_or_default();
        let own = |column: &str| matches!(key, [only] if **only == *column);
        let column = |(name, kind): (&String, &Kind)| {
            let kind = match kind {
                Kind::Unknown => "",
                Kind::Number if own(name) => " INTEGER PRIMARY KEY",
                Kind::Number => " NUMERIC",
                Kind::Text => " TEXT",
            };
            let counted = self.versions.contains(&(table.to_owned(), name.clone()));
            format!("{}{kind}{}", quoted(name), if counted { " DEFAULT 1" } else { "" })
        };
        let mut parts: Vec<String> = columns.iter().map(column).collect();
        if !parts.iter().any(|part| part.ends_with("PRIMARY KEY")) && !key.is_empty() {
            let names: Vec<String> = key.iter().map(|column| quoted(column)).collect();
            parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
        }
        // A table has a column at least.
        if parts.is_empty() {
            parts.push("\"-\"".to_owned());
        }
        format!("CREATE TABLE {} ({})", quoted(table), parts.join(", "))
    }

    /// The table's name as it is known already, for case does not count.
    fn spelled(&self, table: &str) -> String {
        let known = self.columns.keys().find(|known| known.eq_ignore_ascii_case(table));
        known.cloned().unwrap_or_else(|| table.to_owned())
    }

    fn learn(&mut self, table: &str, column: &str, kind: Kind) {
        let columns = self.columns.entry(self.spelled(table)).or_default();
        let name = columns.keys().find(|known| known.eq_ignore_ascii_case(column)).cloned();
        let known = columns.entry(name.unwrap_or_else(|| column.to_owned())).or_default();
        *known = match (*known, kind) {
            (known, Kind::Unknown) => known,
            (Kind::Unknown, kind) => kind,
            (Kind::Number, Kind::Number) => Kind::Number,
            _ => Kind::Text,
        };
    }

    fn known(&self, table: &str, column: &str) -> Kind {
        let columns = self.columns.get(&self.spelled(table));
        let found = columns.and_then(|all| all.iter().find(|(known, _)| known.eq_ignore_ascii_case(column)));
        found.map(|(_, kind)| *kind).unwrap_or_default()
    }

    /// All columns of a type that there must be.
    fn touch(&mut self, entity: &Entity, table: &Table, touched: Option<&Touched>) {
        for (place, key) in keys(table) {
            key.columns().iter().for_each(|column| self.learn(place, column, Kind::Unknown));
        }
        let natives = touched.into_iter().flat_map(Touched::natives);
        let natives = natives.chain(entity.references.keys()).chain(&entity.unique).chain(&entity.version);
        for native in natives.filter(|native| !table.links.contains_key(*native)) {
            self.learn(table.place(native), &native.name, Kind::Unknown);
        }
        given(table, &mut |place, column| self.learn(place, column, Kind::Unknown));
        deciding(entity, table, &mut |place, column| self.learn(place, column, Kind::Unknown));
        let name = self.spelled(&table.name);
        let tenant = equal(&table.only);
        for native in entity.unique.iter().filter(|native| native.part.is_none()) {
            let columns = table.columns(native).columns().iter().map(ToString::to_string).collect();
            self.unique.insert((name.clone(), columns), tenant.clone());
        }
        let version = entity.version.iter().filter(|native| native.part.is_none());
        self.versions.extend(version.map(|native| (name.clone(), native.name.to_string())));
        self.keys.insert(name, table.id.clone());
    }

    /// What holds a key has that key's type.
    fn refer(&mut self, model: &Model, entity: &Entity, table: &Table) {
        let mut same = |holder: &str, columns: &Key, of: &str, key: &Key| {
            for (column, key) in columns.columns().iter().zip(key.columns()) {
                if self.known(holder, column) == Kind::Unknown {
                    self.learn(holder, column, self.known(of, key));
                }
            }
        };
        for lookup in &table.lookups {
            same(&table.name, &lookup.foreign_key, &lookup.table, &lookup.key);
        }
        for child in &table.children {
            let by = child.by.clone().map(Key::from);
            same(&child.table, &child.foreign_key, &table.name, by.as_ref().unwrap_or(&table.id));
        }
        table.parts.iter().for_each(|part| same(&part.table, &part.key, &table.name, &table.id));
        table.rest.iter().for_each(|rest| same(&rest.table, &rest.key, &table.name, &table.id));
        for (native, targets) in &entity.references {
            let target = targets.iter().find_map(|target| match &model.entity(target)?.store {
                Store::Table(table) => Some(table),
                Store::Entries(_) => None,
            });
            let Some(target) = target.filter(|_| !table.stand_ins.contains_key(native)) else { continue };
            same(table.place(native), &table.columns(native), &target.name, &target.id);
        }
    }
}

/// The keys in a type's tables, its own and those that lead to others, each with the table that it is in.
fn keys(table: &Table) -> impl Iterator<Item = (&str, &Key)> {
    let lookups = table.lookups.iter();
    let lookups =
        lookups.flat_map(|lookup| [(&*lookup.table, &lookup.key), (&*table.name, &lookup.foreign_key)]);
    let children = table.children.iter().map(|child| (&*child.table, &child.foreign_key));
    let parts = table.parts.iter().map(|part| (&*part.table, &part.key));
    let rest = table.rest.iter().map(|rest| (&*rest.table, &rest.key));
    let links = table.links.iter().map(|(native, columns)| (table.place(native), columns));
    let own = std::iter::once((&*table.name, &table.id));
    own.chain(lookups).chain(children).chain(parts).chain(rest).chain(links)
}

/// The columns that no line is about: what the mapping gives, and where documents and history stand.
fn given(table: &Table, one: &mut dyn FnMut(&str, &str)) {
    table.lookups.iter().for_each(|all| all.initial.keys().for_each(|column| one(&all.table, column)));
    table.children.iter().for_each(|all| all.initial.keys().for_each(|column| one(&all.table, column)));
    for part in &table.parts {
        let dated = part.dated.iter().flat_map(|dated| [&dated.date, &dated.seq]);
        let counted = part.sequences.iter().map(|(column, _)| column);
        dated.chain(counted).for_each(|column| one(&part.table, column));
    }
    table.children.iter().filter_map(|child| child.by.as_ref()).for_each(|by| one(&table.name, by));
    table.rest.iter().for_each(|rest| one(&rest.table, &rest.column));
    table.sequences.iter().for_each(|(column, _)| one(&table.name, column));
}

/// The columns that decide which rows there are, and what becomes of them.
fn deciding(entity: &Entity, table: &Table, one: &mut dyn FnMut(&str, &str)) {
    let lookups = table.lookups.iter().map(|lookup| (&lookup.table, &lookup.only));
    let children = table.children.iter().map(|child| (&child.table, &child.only));
    let parts = table.parts.iter().map(|part| (&part.table, &part.only));
    let own = std::iter::once((&table.name, &table.only));
    for (place, only) in own.chain(lookups).chain(children).chain(parts) {
        tested(only, &mut |column| one(place, column));
    }
    for rule in &entity.on_delete {
        rule.rows.keys().for_each(|column| one(&table.name, column));
        if let OnDelete::Disable(disable) = &rule.how {
            disable.account.iter().for_each(|(native, _)| one(table.place(native), &native.name));
            disable.values.keys().for_each(|column| one(&table.name, column));
        }
    }
}

/// The columns of types' own tables that a mapping gives a value.
fn written(own: &[(&Entity, &Table)], touched: &[Touched]) -> BTreeSet<(String, String)> {
    let mut written = BTreeSet::new();
    for (entity, table) in own {
        let natives = touched.iter().filter(|one| one.entity == entity.name).flat_map(|one| &one.written);
        for native in natives.filter(|native| native.part.is_none()) {
            let columns = table.columns(native);
            written
                .extend(columns.columns().iter().map(|column| (table.name.to_string(), column.to_string())));
        }
    }
    written
}

fn kind(value: &Native) -> Kind {
    match value {
        Native::Null | Native::Blob(_) => Kind::Unknown,
        Native::Integer(_) | Native::Real(_) => Kind::Number,
        Native::Text(_) => Kind::Text,
    }
}

/// The columns of a table that a condition wants to have one value.
fn equal(only: &Predicate) -> Vec<String> {
    match only {
        Predicate::And(terms) => terms.iter().flat_map(equal).collect(),
        Predicate::Test(native, plan::Test::Equals(..)) => vec![native.name.to_string()],
        _ => Vec::new(),
    }
}

/// The columns that a condition on one table is about.
fn tested(predicate: &Predicate, one: &mut dyn FnMut(&str)) {
    match predicate {
        Predicate::And(terms) | Predicate::Or(terms) => terms.iter().for_each(|term| tested(term, one)),
        Predicate::Not(inner) => tested(inner, one),
        Predicate::Test(native, _) => one(&native.name),
        Predicate::All
        | Predicate::Nothing
        | Predicate::Id(_)
        | Predicate::Entry(_)
        | Predicate::Child(..) => {}
    }
}

pub(super) fn quoted(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_taken_as_json_has_them() {
        let file =
            json!({ "T": [{ "a": 1, "b": "x", "c": true, "d": null, "e": 0.5, "f": { "base64": "/9g=" } }] });
        let values = vec![
            Native::Integer(1),
            Native::Text("x".to_owned()),
            Native::Integer(1),
            Native::Null,
            Native::Real(0.5),
            Native::Blob(vec![0xff, 0xd8]),
        ];
        let Contents(tables) = Contents::parse(&file).unwrap();
        assert_eq!(tables["T"][0].iter().map(|(_, value)| value.clone()).collect::<Vec<_>>(), values);
        for (file, told) in [
            (json!([]), "no JSON object"),
            (json!({ "T": {} }), "T: a table is"),
            (json!({ "T": [1] }), "T: a table is"),
            (json!({ "T": [{ "a": [] }] }), "T.a: not null"),
            (json!({ "T": [{ "a": { "base64": "%" } }] }), "T.a: not null"),
        ] {
            let found = Contents::parse(&file).unwrap_err();
            assert!(found.contains(told), "{found}");
        }
    }
}

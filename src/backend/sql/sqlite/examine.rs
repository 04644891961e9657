//! What `gantry doctor` tells of a SQLite database: whether the tables and columns that the mapping names are there,
//! what look-ups compare is indexed, and who may write. Pure reads, but for a transaction that is rolled back.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::select::table_of;
use crate::plan::{Entity, Model, Table, Touched};

/// The columns of a table; `hidden` ones are generated.
const COLUMNS: &str = "SELECT lower(name), pk FROM pragma_table_xinfo(?1)";
/// The indexes of a table by their first columns, and whether that alone is unique.
const INDEXES: &str = "SELECT lower(i.name), l.\"unique\" AND l.partial = 0 AND \
    (SELECT count(*) FROM pragma_index_info(l.name)) = 1 \
    FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i WHERE i.seqno = 0 AND i.name IS NOT NULL";

/// A table as the database has it; names in lower case.
struct Seen {
    columns: BTreeSet<String>,
    /// Columns that an index, or the key, begins with.
    indexed: BTreeSet<String>,
    /// Columns that no two rows have the same value of.
    unique: BTreeSet<String>,
}

/// Whether all that is touched is there.
pub(super) fn examine(
    connection: &Connection,
    model: &Model,
    touched: &[Touched],
    write: bool,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    for touched in touched {
        match table_of(model, &touched.entity) {
            Ok((entity, table)) => {
                if let Err(error) = of_type(connection, touched, entity, table, &mut findings) {
                    findings.wrong(format!("{}: {error}", touched.entity));
                }
            }
            Err(failure) => findings.wrong(failure.to_string()),
        }
    }
    if write {
        match connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => findings.good("the database can be written"),
            Err(error) => findings.wrong(format!("the database cannot be written: {error}")),
        }
    }
    findings.all()
}

fn of_type(
    connection: &Connection,
    touched: &Touched,
    entity: &Entity,
    table: &Table,
    findings: &mut Findings,
) -> Result<(), rusqlite::Error> {
    let before = findings.len();
    for (name, columns) in needed(touched, entity, table) {
        let seen = Seen::of(connection, &name)?;
        if seen.columns.is_empty() {
            findings.wrong(format!("{}: there is no table {name}", entity.name));
            continue;
        }
        for column in columns.iter().filter(|column| !seen.columns.contains(&column.to_lowercase())) {
            findings.wrong(format!("{}: the table {name} has no column {column}", entity.name));
        }
    }
    if findings.len() == before {
        let own = Seen::of(connection, &table.name)?;
        for native in entity.unique.iter().filter(|native| native.part.is_none()) {
            if !own.unique.contains(&native.name.to_lowercase()) {
                findings.wrong(format!(
                    "{}: {} is said to be unique, and no UNIQUE constraint of {} says so: two requests at one time \
                     could both take a value",
                    entity.name, native.name, table.name
                ));
            }
        }
        for child in &table.children {
            if !Seen::of(connection, &child.table)?.indexed.contains(&child.foreign_key.to_lowercase()) {
                findings.note(format!(
                    "{}: no index of {} begins with {}: each read goes through the whole table",
                    entity.name, child.table, child.foreign_key
                ));
            }
        }
        let name = table.name.replace('"', "\"\"");
        let rows: i64 =
            connection.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get(0))?;
        findings.good(format!(
            "{}: every table and column is there; {} has {rows} rows",
            entity.name, table.name
        ));
    }
    Ok(())
}

/// Tables with the columns that the mapping names.
fn needed(touched: &Touched, entity: &Entity, table: &Table) -> BTreeMap<String, BTreeSet<String>> {
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut need = |table: &str, column: &str| {
        needed.entry(table.to_owned()).or_default().insert(column.to_owned());
    };
    need(&table.name, &table.id);
    for lookup in &table.lookups {
        need(&table.name, &lookup.foreign_key);
        need(&lookup.table, &lookup.key);
    }
    for child in &table.children {
        need(&child.table, &child.foreign_key);
        child.initial.keys().for_each(|column| need(&child.table, column));
    }
    if let Some(rest) = &table.rest {
        need(&rest.table, &rest.key);
        need(&rest.table, &rest.column);
    }
    for native in touched.natives().chain(&entity.version) {
        let place = native
            .part
            .as_ref()
            .map_or(&table.name, |part| table.lookup(part).map_or(part, |lookup| &lookup.table));
        need(place, &native.name);
    }
    needed
}

// === impl Seen ===

impl Seen {
    fn of(connection: &Connection, table: &str) -> Result<Self, rusqlite::Error> {
        let (mut columns, mut key) = (BTreeSet::new(), Vec::new());
        let mut statement = connection.prepare(COLUMNS)?;
        for row in
            statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?
        {
            let (name, place) = row?;
            if place > 0 {
                key.push((place, name.clone()));
            }
            columns.insert(name);
        }
        let (mut indexed, mut unique) = (BTreeSet::new(), BTreeSet::new());
        key.sort_unstable();
        indexed.extend(key.first().map(|(_, name)| name.clone()));
        if let [(_, only)] = key.as_slice() {
            unique.insert(only.clone());
        }
        let mut statement = connection.prepare(INDEXES)?;
        for row in
            statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?
        {
            let (name, is_unique) = row?;
            if is_unique {
                unique.insert(name.clone());
            }
            indexed.insert(name);
        }
        Ok(Self { columns, indexed, unique })
    }
}

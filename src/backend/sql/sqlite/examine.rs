//! What `gantry doctor` tells of a SQLite database: whether the tables and columns that the mapping names are there,
//! what look-ups compare is indexed, and who may write. Pure reads, but for a transaction that is rolled back.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::select::table_of;
use crate::plan::{Entity, Key, Model, Table, Touched};

/// The columns of a table; `hidden` ones are generated.
const COLUMNS: &str = "SELECT lower(name), pk FROM pragma_table_xinfo(?1)";
/// The columns of a table's indexes, index by index, and whether it is unique.
const INDEXES: &str = "SELECT l.name, coalesce(lower(i.name), ''), l.\"unique\" AND l.partial = 0 \
    FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i ORDER BY l.name, i.seqno";
/// Whether a name is a view's, which has no indexes.
const IS_VIEW: &str = "SELECT count(*) FROM pragma_table_list(?1) WHERE type = 'view'";

/// A table as the database has it; names in lower case.
struct Seen {
    columns: BTreeSet<String>,
    /// The columns of the key and of each index, in their order, and whether no two rows have the same there.
    indexes: Vec<(Vec<String>, bool)>,
    is_view: bool,
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
            if !own.tells_apart(&BTreeSet::from([native.name.to_lowercase()])) {
                findings.wrong(format!(
                    "{}: {} is said to be unique, and no UNIQUE constraint of {} says so: two requests at one time \
                     could both take a value",
                    entity.name, native.name, table.name
                ));
            }
        }
        if !own.is_view && !own.tells_apart(&lowered(&table.id)) {
            findings.wrong(format!(
                "{}: the id is made of {}, and no key or UNIQUE constraint of {} says that two rows cannot have the same",
                entity.name, table.id, table.name
            ));
        }
        for child in &table.children {
            if !Seen::of(connection, &child.table)?.finds(&lowered(&child.foreign_key)) {
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

/// The columns of a key, names in lower case.
fn lowered(key: &Key) -> BTreeSet<String> {
    key.columns().iter().map(|column| column.to_lowercase()).collect()
}

/// Tables with the columns that the mapping names.
fn needed(touched: &Touched, entity: &Entity, table: &Table) -> BTreeMap<String, BTreeSet<String>> {
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut need = |table: &str, column: &str| {
        needed.entry(table.to_owned()).or_default().insert(column.to_owned());
    };
    let mut need_all = |table: &str, key: &Key| key.columns().iter().for_each(|column| need(table, column));
    need_all(&table.name, &table.id);
    for lookup in &table.lookups {
        need_all(&table.name, &lookup.foreign_key);
        need_all(&lookup.table, &lookup.key);
    }
    for child in &table.children {
        need_all(&child.table, &child.foreign_key);
    }
    if let Some(rest) = &table.rest {
        need_all(&rest.table, &rest.key);
        need(&rest.table, &rest.column);
    }
    for child in &table.children {
        child.initial.keys().for_each(|column| need(&child.table, column));
    }
    for native in touched.natives().chain(&entity.version) {
        let place = native
            .part
            .as_ref()
            .map_or(&table.name, |part| table.lookup(part).map_or(part, |lookup| &lookup.table));
        table.columns(native).columns().iter().for_each(|column| need(place, column));
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
        key.sort_unstable();
        let mut indexes = vec![(key.into_iter().map(|(_, name)| name).collect(), true)];
        let mut last: Option<String> = None;
        let mut statement = connection.prepare(INDEXES)?;
        for row in statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
            let (index, column, is_unique): (String, String, bool) = row?;
            if last.as_ref() != Some(&index) {
                indexes.push((Vec::new(), is_unique));
                last = Some(index);
            }
            indexes.iter_mut().next_back().into_iter().for_each(|(columns, _)| columns.push(column.clone()));
        }
        let is_view = connection.query_row(IS_VIEW, [table], |row| row.get::<_, i64>(0))? > 0;
        Ok(Self { columns, indexes, is_view })
    }

    /// Whether an index finds the rows that have these values.
    fn finds(&self, columns: &BTreeSet<String>) -> bool {
        let begins = |index: &[String]| {
            let first: BTreeSet<String> = index.iter().take(columns.len()).cloned().collect();
            first == *columns
        };
        self.indexes.iter().any(|(index, _)| begins(index))
    }

    /// Whether no two rows have the same values of these.
    fn tells_apart(&self, columns: &BTreeSet<String>) -> bool {
        let are_all = |index: &[String]| index.iter().cloned().collect::<BTreeSet<_>>() == *columns;
        self.indexes.iter().any(|(index, is_unique)| *is_unique && are_all(index))
    }
}

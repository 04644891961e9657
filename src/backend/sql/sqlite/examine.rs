//! What `gantry doctor` tells of a SQLite database: whether the tables and columns that the mapping names are there,
//! what look-ups compare is indexed, and who may write. Pure reads, but for a transaction that is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;

use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::select::table_of;
use crate::plan::{Entity, Model, Predicate, Table, Test, Touched};

/// The columns of a table with their place in the key; `hidden` ones are generated.
const COLUMNS: &str = "SELECT name, pk, hidden FROM pragma_table_xinfo(?1)";
/// The indexes of a table, column by column, and whether each is unique.
const INDEXES: &str = "SELECT l.seq, i.seqno, lower(i.name), l.\"unique\" AND l.partial = 0 \
    FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i WHERE i.name IS NOT NULL";

/// A table as the database has it; names in lower case.
#[derive(Default)]
struct Seen {
    columns: BTreeSet<String>,
    /// Those that somebody has to write, as they are spelt: neither generated nor of the key.
    written: Vec<String>,
    /// Columns that an index, or the key, begins with.
    indexed: BTreeSet<String>,
    /// Sets of columns that no two rows have the same values of.
    unique: Vec<BTreeSet<String>>,
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
                if let Err(error) = of_type(connection, model, touched, entity, table, &mut findings) {
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
    model: &Model,
    touched: &Touched,
    entity: &Entity,
    table: &Table,
    findings: &mut Findings,
) -> Result<(), rusqlite::Error> {
    let before = findings.len();
    for (name, columns) in needed(model, touched, entity, table) {
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
        unique(connection, entity, table, findings)?;
        stand_ins(connection, model, entity, table, findings)?;
        parts(connection, entity, table, findings)?;
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

/// Values that are said to be unique, and are not by what the database promises. What every row of this mapping has
/// (`only`) may be a part of the promise: a tenant.
fn unique(
    connection: &Connection,
    entity: &Entity,
    table: &Table,
    findings: &mut Findings,
) -> Result<(), rusqlite::Error> {
    for native in &entity.unique {
        let (name, only) = match native.part.as_ref().map(|alias| table.part(alias)) {
            None => (&table.name, &table.only),
            Some(Some(part)) => (&part.table, &part.only),
            Some(None) => continue,
        };
        if !Seen::of(connection, name)?.is_unique(&native.name, only) {
            findings.wrong(format!(
                "{}: {native} is said to be unique, and no UNIQUE constraint of {name} says so: two requests at one time \
                 could both take a value",
                entity.name
            ));
        }
    }
    Ok(())
}

/// Whether what stands in for rows tells them apart.
fn stand_ins(
    connection: &Connection,
    model: &Model,
    entity: &Entity,
    table: &Table,
    findings: &mut Findings,
) -> Result<(), rusqlite::Error> {
    let columns: BTreeSet<&str> = model.holders(&entity.name).map(|held| &*held.by.attribute).collect();
    let seen = Seen::of(connection, &table.name)?;
    for column in columns.into_iter().filter(|column| !seen.is_unique(column, &table.only)) {
        findings.wrong(format!(
            "{}: references by {column} would mean several, for no UNIQUE constraint of {} is about it",
            entity.name, table.name
        ));
    }
    Ok(())
}

/// Whether a part's row is one, and whether of one that keeps history nothing would be lost from row to row.
fn parts(
    connection: &Connection,
    entity: &Entity,
    table: &Table,
    findings: &mut Findings,
) -> Result<(), rusqlite::Error> {
    for part in &table.parts {
        let seen = Seen::of(connection, &part.table)?;
        let Some(dated) = &part.dated else {
            if !seen.is_unique(&part.key, &part.only) {
                findings.wrong(format!(
                    "{}: no UNIQUE constraint of {} says that there is one row for a {}: with two of them it would be \
                     there twice",
                    entity.name, part.table, part.key
                ));
            }
            continue;
        };
        let promised = [&part.key, &dated.date, &dated.seq].map(|name| name.to_lowercase());
        if !seen.are_unique(&promised, &part.only) {
            findings.wrong(format!(
                "{}: no UNIQUE constraint of {} says that {}, {} and {} tell its rows apart",
                entity.name, part.table, part.key, dated.date, dated.seq
            ));
        }
        let is_known = |column: &str| {
            promised.iter().any(|known| known.eq_ignore_ascii_case(column))
                || dated.kept.iter().any(|known| known.eq_ignore_ascii_case(column))
        };
        let lost: Vec<&str> =
            seen.written.iter().map(String::as_str).filter(|column| !is_known(column)).collect();
        if !lost.is_empty() {
            findings.wrong(format!(
                "{}: a change would insert a row of {} without {}: name what is to be kept, \
                 .dated({:?}, {:?}, {:?}, {lost:?})",
                entity.name,
                part.table,
                lost.join(", "),
                part.alias,
                dated.date,
                dated.seq
            ));
        }
    }
    Ok(())
}

/// Tables with the columns that the mapping names.
fn needed(
    model: &Model,
    touched: &Touched,
    entity: &Entity,
    table: &Table,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut need = |table: &str, column: &str| {
        needed.entry(table.to_owned()).or_default().insert(column.to_owned());
    };
    need(&table.name, &table.id);
    for lookup in &table.lookups {
        need(&table.name, &lookup.foreign_key);
        need(&lookup.table, &lookup.key);
        scope(&lookup.only).iter().for_each(|column| need(&lookup.table, column));
    }
    for (native, by) in &table.stand_ins {
        for referred in entity.references.get(native).into_iter().flatten() {
            if let Ok((_, referred)) = table_of(model, referred) {
                need(&referred.name, &by.attribute);
            }
        }
    }
    for child in &table.children {
        need(&child.table, &child.foreign_key);
        child.initial.keys().for_each(|column| need(&child.table, column));
        scope(&child.only).iter().for_each(|column| need(&child.table, column));
    }
    for part in &table.parts {
        need(&part.table, &part.key);
        for column in scope(&part.only).iter().chain(part.sequences.iter().map(|(column, _)| column)) {
            need(&part.table, column);
        }
        if let Some(dated) = &part.dated {
            [&dated.date, &dated.seq]
                .into_iter()
                .chain(&dated.kept)
                .for_each(|column| need(&part.table, column));
        }
    }
    if let Some(rest) = &table.rest {
        need(&rest.table, &rest.key);
        need(&rest.table, &rest.column);
    }
    for native in touched.natives().chain(&entity.version) {
        let place = native.part.as_ref().map_or(&table.name, |alias| {
            let part = table.part(alias).map(|part| &part.table);
            part.or_else(|| table.lookup(alias).map(|lookup| &lookup.table)).unwrap_or(alias)
        });
        need(place, &native.name);
    }
    needed
}

// === impl Seen ===

impl Seen {
    fn of(connection: &Connection, table: &str) -> Result<Self, rusqlite::Error> {
        let mut seen = Self::default();
        let mut key = BTreeMap::new();
        let mut statement = connection.prepare(COLUMNS)?;
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            let (name, place, hidden): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if place > 0 {
                key.insert(place, name.to_lowercase());
            } else if hidden == 0 {
                seen.written.push(name.clone());
            }
            seen.columns.insert(name.to_lowercase());
        }
        seen.indexed.extend(key.values().next().cloned());
        seen.unique.push(key.into_values().collect());
        let mut indexes: BTreeMap<i64, (bool, BTreeSet<String>)> = BTreeMap::new();
        let mut statement = connection.prepare(INDEXES)?;
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            let (index, place, name): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if place == 0 {
                seen.indexed.insert(name.clone());
            }
            let (is_unique, columns) = indexes.entry(index).or_default();
            (*is_unique, _) = (row.get(3)?, columns.insert(name));
        }
        let unique = indexes.into_values().filter(|(is_unique, _)| *is_unique);
        seen.unique.extend(unique.map(|(_, columns)| columns));
        Ok(seen)
    }

    /// Whether no two rows that there are for this mapping have the same value of a column.
    fn is_unique(&self, column: &str, only: &Predicate) -> bool {
        self.are_unique(&[column.to_lowercase()], only)
    }

    fn are_unique(&self, columns: &[String], only: &Predicate) -> bool {
        let constant: BTreeSet<String> = constants(only).iter().map(|name| name.to_lowercase()).collect();
        let is_said = |column: &String| columns.contains(column) || constant.contains(column);
        self.unique.iter().any(|set| !set.is_empty() && set.iter().all(is_said))
    }
}

/// The columns that have one value in all rows that `only` leaves.
fn constants(only: &Predicate) -> Vec<Arc<str>> {
    match only {
        Predicate::And(terms) => terms.iter().flat_map(constants).collect(),
        Predicate::Test(native, Test::Equals(..)) => vec![native.name.clone()],
        _ => Vec::new(),
    }
}

/// The columns that `only` is about.
fn scope(only: &Predicate) -> Vec<Arc<str>> {
    match only {
        Predicate::And(terms) | Predicate::Or(terms) => terms.iter().flat_map(scope).collect(),
        Predicate::Not(inner) => scope(inner),
        Predicate::Test(native, _) => vec![native.name.clone()],
        Predicate::All
        | Predicate::Nothing
        | Predicate::Id(_)
        | Predicate::Entry(_)
        | Predicate::Child(..) => Vec::new(),
    }
}

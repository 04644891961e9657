//! What `gantry doctor` tells of a SQLite database: whether the tables and columns that the mapping names are there,
//! what look-ups compare is indexed, and who may write. Pure reads, but for a transaction that is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;

use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::select::table_of;
use crate::plan::{Entity, Key, Model, Predicate, Table, Test, Touched};

/// The columns of a table; `hidden` ones are generated.
const COLUMNS: &str = "SELECT name, pk, hidden FROM pragma_table_xinfo(?1)";
/// The columns of a table's indexes, index by index, and whether it is unique.
const INDEXES: &str = "SELECT l.name, coalesce(lower(i.name), ''), l.\"unique\" AND l.partial = 0 \
    FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i ORDER BY l.name, i.seqno";
/// Whether a name is a view's, which has no indexes.
const IS_VIEW: &str = "SELECT count(*) FROM pragma_table_list(?1) WHERE type = 'view'";

/// A table as the database has it; names in lower case.
struct Seen {
    columns: BTreeSet<String>,
    /// Those that somebody has to write, as they are spelt: neither generated nor of the key.
    written: Vec<String>,
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
        let own = Seen::of(connection, &table.name)?;
        unique(connection, entity, table, findings)?;
        stand_ins(connection, model, entity, table, findings)?;
        parts(connection, entity, table, findings)?;
        if !own.is_view && !own.tells_apart(&lowered(&table.id), &table.only) {
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
            if !seen.tells_apart(&lowered(&part.key), &part.only) {
                findings.wrong(format!(
                    "{}: no UNIQUE constraint of {} says that there is one row for a {}: with two of them it would be \
                     there twice",
                    entity.name, part.table, part.key
                ));
            }
            continue;
        };
        let mut promised = lowered(&part.key);
        promised.extend([&dated.date, &dated.seq].map(|name| name.to_lowercase()));
        if !seen.tells_apart(&promised, &part.only) {
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

/// The columns of a key, names in lower case.
fn lowered(key: &Key) -> BTreeSet<String> {
    key.columns().iter().map(|column| column.to_lowercase()).collect()
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
    let mut need_all = |table: &str, key: &Key| key.columns().iter().for_each(|column| need(table, column));
    need_all(&table.name, &table.id);
    for lookup in &table.lookups {
        need_all(&table.name, &lookup.foreign_key);
        need_all(&lookup.table, &lookup.key);
    }
    for child in &table.children {
        need_all(&child.table, &child.foreign_key);
    }
    for part in &table.parts {
        need_all(&part.table, &part.key);
    }
    if let Some(rest) = &table.rest {
        need_all(&rest.table, &rest.key);
        need(&rest.table, &rest.column);
    }
    for child in &table.children {
        child.initial.keys().for_each(|column| need(&child.table, column));
        scope(&child.only).iter().for_each(|column| need(&child.table, column));
    }
    for lookup in &table.lookups {
        scope(&lookup.only).iter().for_each(|column| need(&lookup.table, column));
    }
    for part in &table.parts {
        scope(&part.only).iter().for_each(|column| need(&part.table, column));
        part.sequences.iter().for_each(|(column, _)| need(&part.table, column));
        if let Some(dated) = &part.dated {
            let columns = [&dated.date, &dated.seq].into_iter().chain(&dated.kept);
            columns.for_each(|column| need(&part.table, column));
        }
    }
    for (native, by) in &table.stand_ins {
        for referred in entity.references.get(native).into_iter().flatten() {
            if let Ok((_, referred)) = table_of(model, referred) {
                need(&referred.name, &by.attribute);
            }
        }
    }
    for native in touched.natives().chain(&entity.version) {
        let place = table.place(native);
        table.columns(native).columns().iter().for_each(|column| need(place, column));
    }
    needed
}

// === impl Seen ===

impl Seen {
    fn of(connection: &Connection, table: &str) -> Result<Self, rusqlite::Error> {
        let (mut columns, mut written, mut key) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut statement = connection.prepare(COLUMNS)?;
        for row in statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
            let (name, place, hidden): (String, i64, i64) = row?;
            columns.insert(name.to_lowercase());
            match (place, hidden) {
                (0, 0) => written.push(name),
                (0, _) => {}
                _ => key.push((place, name.to_lowercase())),
            }
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
        Ok(Self { columns, written, indexes, is_view })
    }

    /// Whether an index finds the rows that have these values.
    fn finds(&self, columns: &BTreeSet<String>) -> bool {
        let begins = |index: &[String]| {
            let first: BTreeSet<String> = index.iter().take(columns.len()).cloned().collect();
            first == *columns
        };
        self.indexes.iter().any(|(index, _)| begins(index))
    }

    /// Whether no two rows that there are for this mapping have the same values of these.
    fn tells_apart(&self, columns: &BTreeSet<String>, only: &Predicate) -> bool {
        let constant: BTreeSet<String> = constants(only).iter().map(|name| name.to_lowercase()).collect();
        let is_said = |column: &String| columns.contains(column) || constant.contains(column);
        let is_promised = |index: &[String]| !index.is_empty() && index.iter().all(is_said);
        self.indexes.iter().any(|(index, is_unique)| *is_unique && is_promised(index))
    }

    fn is_unique(&self, column: &str, only: &Predicate) -> bool {
        self.tells_apart(&BTreeSet::from([column.to_lowercase()]), only)
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

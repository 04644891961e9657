//! What `gantry doctor` tells of a SQLite database: what its tables are like, and who may write. Pure reads, but for a
//! transaction that is rolled back.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::failure::failure;
use crate::backend::Failure;
use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::examine::{self, Examiner, Seen};
use crate::backend::sql::select::table_of;
use crate::plan::{Model, Native, Touched};

/// The columns of a table; `hidden` ones are generated.
const COLUMNS: &str = "SELECT name, pk, hidden FROM pragma_table_xinfo(?1)";
/// The columns of a table's indexes, index by index, and whether it is unique.
const INDEXES: &str = "SELECT l.name, coalesce(lower(i.name), ''), l.\"unique\" AND l.partial = 0 \
    FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i ORDER BY l.name, i.seqno";
/// Whether a name is a view's, which has no indexes.
const IS_VIEW: &str = "SELECT count(*) FROM pragma_table_list(?1) WHERE type = 'view'";

/// Whether all that is touched is there.
pub(super) fn examine(
    connection: &Connection,
    model: &Model,
    touched: &[Touched],
    write: bool,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    let looked = model.tables().into_iter().map(|name| Ok((name.to_owned(), look(connection, name)?)));
    match looked.collect::<Result<BTreeMap<_, _>, rusqlite::Error>>() {
        Ok(seen) => {
            for touched in touched {
                of_type(connection, model, touched, &seen, &mut findings);
            }
        }
        Err(error) => findings.wrong(error.to_string()),
    }
    if write {
        match connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => findings.good("the database can be written"),
            Err(error) => findings.wrong(format!("the database cannot be written: {error}")),
        }
    }
    findings.all()
}

/// Whether indexes find what is compared of one type.
pub(super) fn indexes(
    connection: &Connection,
    model: &Model,
    entity: &str,
    compared: &BTreeSet<Native>,
) -> Result<Vec<Finding>, Failure> {
    let (_, table) = table_of(model, entity)?;
    let places = examine::places(table, compared).into_iter();
    let looked = places.map(|name| look(connection, &name).map(|seen| (name, seen)));
    let seen = looked.collect::<Result<BTreeMap<_, _>, _>>().map_err(|error| failure(&error))?;
    Ok(examine::indexes(table, compared, &seen))
}

fn of_type(
    connection: &Connection,
    model: &Model,
    touched: &Touched,
    seen: &BTreeMap<String, Seen>,
    findings: &mut Findings,
) {
    let (entity, table) = match table_of(model, &touched.entity) {
        Ok(found) => found,
        Err(failure) => return findings.wrong(failure.to_string()),
    };
    let mut examiner = Examiner { model, touched, entity, table, seen, findings };
    if !examiner.is_there("") {
        return;
    }
    examiner.unique();
    examiner.stand_ins();
    examiner.parts();
    examiner.id();
    examiner.children();
    let name = table.name.replace('"', "\"\"");
    let rows =
        connection.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get::<_, i64>(0));
    match rows {
        Ok(rows) => findings.good(format!(
            "{}: every table and column is there; {} has {rows} rows",
            entity.name, table.name
        )),
        Err(error) => findings.wrong(format!("{}: {error}", entity.name)),
    }
}

fn look(connection: &Connection, table: &str) -> Result<Seen, rusqlite::Error> {
    let (mut seen, mut key) = (Seen::default(), Vec::new());
    let mut statement = connection.prepare(COLUMNS)?;
    for row in statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
        let (name, place, hidden): (String, i64, i64) = row?;
        seen.columns.insert(name.to_lowercase());
        match (place, hidden) {
            (0, 0) => seen.written.push(name),
            (0, _) => {}
            _ => key.push((place, name.to_lowercase())),
        }
    }
    key.sort_unstable();
    seen.indexes.push((key.into_iter().map(|(_, name)| name).collect(), true));
    let mut last: Option<String> = None;
    let mut statement = connection.prepare(INDEXES)?;
    for row in statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
        let (index, column, is_unique): (String, String, bool) = row?;
        if last.as_ref() != Some(&index) {
            seen.indexes.push((Vec::new(), is_unique));
            last = Some(index);
        }
        seen.indexes.iter_mut().next_back().into_iter().for_each(|(columns, _)| columns.push(column.clone()));
    }
    seen.is_view = connection.query_row(IS_VIEW, [table], |row| row.get::<_, i64>(0))? > 0;
    Ok(seen)
}

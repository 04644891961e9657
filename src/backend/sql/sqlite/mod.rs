//! SQLite: sessions on leased connections, the running of statements, rows as records.

mod examine;
mod failure;
mod pool;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, Value as Native, ValueRef};
use rusqlite::{Connection, params_from_iter};
use time::format_description::well_known::Rfc3339;

use self::failure::failure;
use self::pool::{Lease, Pool};
use super::dialect::Dialect;
use super::key;
use super::lower;
use super::select::{ChildSelect, Column, Select, Target, select, table_of};
use crate::backend::{Backend, Failure, Finding, Intent, Lowered, Session, Weight};
use crate::plan::{
    Action, Expect, Facts, Folding, Found, Instants, Model, Operation, Param, Plan, Precision, Profile,
    Record, Reference, Row, Search, Statement, Touched, Value, id_of,
};

/// Connections that read at one time.
const READERS: usize = 4;

/// A SQLite database.
pub struct Sqlite {
    model: Arc<Model>,
    writer: Arc<Pool>,
    readers: Arc<Pool>,
}

// === impl Sqlite ===

impl Sqlite {
    /// Opens an existing database file; with the intent to read, no session changes anything in it. Every
    /// statement, and every wait for a connection, ends within the deadline.
    pub fn open(file: &Path, model: Arc<Model>, intent: Intent, deadline: Duration) -> Result<Self, String> {
        let open = |size, intent| {
            Pool::open(file, size, intent, deadline).map_err(|error| format!("{}: {error}", file.display()))
        };
        Ok(Self { model, writer: open(1, intent)?, readers: open(READERS, Intent::Read)? })
    }
}

#[async_trait]
impl Backend for Sqlite {
    fn profile(&self) -> Profile {
        Profile {
            kind: "SQLite",
            folding: Folding::Ascii,
            text: Precision::Exact,
            ordering: true,
            instants: Instants::Exact,
            bits: true,
            windows: true,
        }
    }

    fn lower(&self, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
        lower::lower(Dialect::Sqlite, &self.model, operation, facts)
    }

    async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Failure> {
        let (pool, begin) = match intent {
            Intent::Read => (&self.readers, "BEGIN"),
            Intent::Write => (&self.writer, "BEGIN IMMEDIATE"),
        };
        let mut lease = pool.lease().await?;
        lease.run(move |connection| connection.execute_batch(begin).map_err(|error| failure(&error))).await?;
        Ok(Box::new(SqliteSession { model: self.model.clone(), lease }))
    }

    async fn ping(&self) -> Result<(), Failure> {
        let mut lease = self.readers.lease().await?;
        lease.run(|connection| connection.execute_batch("SELECT 1").map_err(|error| failure(&error))).await
    }

    async fn examine(&self, touched: &[Touched], write: bool) -> Vec<Finding> {
        let (model, touched) = (self.model.clone(), touched.to_vec());
        let pool = if write { &self.writer } else { &self.readers };
        let looked = async {
            let mut lease = pool.lease().await?;
            lease.run(move |connection| Ok(examine::examine(connection, &model, &touched, write))).await
        };
        let broken = |failure: Failure| vec![Finding { weight: Weight::Wrong, text: failure.to_string() }];
        looked.await.unwrap_or_else(broken)
    }
}

/// One transaction. Dropped without a commit, it is rolled back.
struct SqliteSession {
    model: Arc<Model>,
    lease: Lease,
}

#[async_trait]
impl Session for SqliteSession {
    async fn search(&mut self, search: &Search) -> Result<Found, Failure> {
        let mut all = Found::default();
        for batch in key::batches(Dialect::Sqlite, table_of(&self.model, &search.entity)?.1, search) {
            let statements = select(Dialect::Sqlite, &self.model, &batch)?;
            let limit = batch.range.limit;
            all.add(self.lease.run(move |connection| found(connection, &statements, limit)).await?);
        }
        Ok(all)
    }

    async fn execute(&mut self, plan: &Plan) -> Result<Option<String>, Failure> {
        let plan = plan.clone();
        self.lease.run(move |connection| execute(connection, &plan)).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Failure> {
        self.lease.run(|connection| connection.execute_batch("COMMIT").map_err(|error| failure(&error))).await
    }

    /// The lease sees to it.
    async fn roll_back(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

// === reading ===

fn found(connection: &Connection, select: &Select, limit: usize) -> Result<Found, Failure> {
    let mut records = query(connection, &select.rows, |row| record(row, select))?;
    let more = records.len() > limit;
    records.truncate(limit);
    let places: HashMap<String, usize> =
        records.iter().enumerate().map(|(at, record)| (record.id.clone(), at)).collect();
    for child in &select.children {
        for record in &mut records {
            record.children.insert(child.table.clone(), Vec::new());
        }
        for (key, row) in query(connection, &child.statement, |row| child_row(row, select.key, child))? {
            let record = places.get(&key).and_then(|at| records.get_mut(*at));
            if let (Some(record), Some(row)) = (record, row) {
                record.children.entry(child.table.clone()).or_default().push(row);
            }
        }
    }
    let count = select
        .count
        .as_ref()
        .map(|count| query(connection, count, |row| row.get::<_, i64>(0)))
        .transpose()?;
    let total = count.and_then(|rows| rows.first().copied()).and_then(|total| usize::try_from(total).ok());
    Ok(Found { records, total, more })
}

fn query<T>(
    connection: &Connection,
    statement: &Statement,
    read: impl FnMut(&rusqlite::Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, Failure> {
    let mut prepared = connection.prepare_cached(&statement.text).map_err(|error| failure(&error))?;
    let bound = bind(&statement.params, &HashMap::new())?;
    let rows = prepared.query_map(params_from_iter(bound), read).map_err(|error| failure(&error))?;
    rows.collect::<Result<Vec<T>, _>>().map_err(|error| failure(&error))
}

fn record(row: &rusqlite::Row<'_>, select: &Select) -> Result<Record, rusqlite::Error> {
    let mut record = Record { id: id(row, 0, select.key)?, ..Record::default() };
    let mut at = select.key;
    for column in &select.columns {
        if let Some(value) = cell(row, &mut at, column)? {
            record.values.insert(column.native.clone(), vec![value]);
        }
    }
    if select.rest {
        record.rest = row.get(at)?;
        at += 1;
    }
    if select.sorted {
        record.key = read(row.get_ref(at)?);
    }
    Ok(record)
}

/// A child's row with the key that it belongs to; `None` when a reference in it leads nowhere.
fn child_row(
    row: &rusqlite::Row<'_>,
    key: usize,
    child: &ChildSelect,
) -> Result<(String, Option<Row>), rusqlite::Error> {
    let mut values = Row::new();
    let mut at = key;
    let mut whole = true;
    for column in &child.columns {
        match cell(row, &mut at, column)? {
            Some(value) => {
                values.insert(column.native.name.clone(), value);
            }
            None => whole &= column.target == Target::Value,
        }
    }
    Ok((id(row, 0, key)?, whole.then_some(values)))
}

/// One native's value: of a reference made of as many columns as the key has that it leads to, and where that is one
/// of several entities' of one more.
fn cell(row: &rusqlite::Row<'_>, at: &mut usize, column: &Column) -> Result<Option<Value>, rusqlite::Error> {
    let first = *at;
    *at += column.width;
    let resource = match &column.target {
        Target::Value => return Ok(read(row.get_ref(first)?)),
        Target::One(entity) => Some(entity.to_string()),
        Target::Several => {
            *at += 1;
            row.get(*at - 1)?
        }
    };
    for part in first..first + column.width {
        if row.get_ref(part)? == ValueRef::Null {
            return Ok(None);
        }
    }
    let id = id(row, first, column.width)?;
    Ok(resource.map(|resource| Value::Reference(Reference { resource: Some(resource), id })))
}

/// The id that a key's values make, which stand in so many columns from this one on.
fn id(row: &rusqlite::Row<'_>, first: usize, columns: usize) -> Result<String, rusqlite::Error> {
    let text = |at| Ok(read(row.get_ref(at)?).and_then(|value| value.text()).unwrap_or_default());
    Ok(id_of(&(first..first + columns).map(text).collect::<Result<Vec<_>, rusqlite::Error>>()?))
}

fn read(value: ValueRef<'_>) -> Option<Value> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(Value::Integer(number)),
        ValueRef::Real(number) => Some(Value::Real(number)),
        ValueRef::Text(octets) => Some(match std::str::from_utf8(octets) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(octets.to_vec()),
        }),
        ValueRef::Blob(octets) => Some(Value::Bytes(octets.to_vec())),
    }
}

// === writing ===

fn execute(connection: &Connection, plan: &Plan) -> Result<Option<String>, Failure> {
    let mut outputs: HashMap<Arc<str>, Value> = HashMap::new();
    let mut is_changed = false;
    for step in &plan.steps {
        let Action::Sql(statement) = &step.action else {
            return Err(Failure::Internal("a step of another backend".to_owned()));
        };
        if statement.after_change && !is_changed {
            continue;
        }
        let rows = run(connection, statement, &mut outputs)?;
        is_changed |= rows > 0;
        if let Expect::Rows(expected) = step.expect
            && rows != expected
        {
            return Err(Failure::Conflict(format!("{}: {rows} rows, not {expected}", step.about)));
        }
    }
    let text = |part: &Param| match part {
        Param::Value(value) => value.text(),
        Param::Output(name) => outputs.get(name).and_then(Value::text),
        Param::Null => None,
    };
    let parts: Option<Vec<String>> = plan.id.iter().map(text).collect();
    Ok(parts.filter(|parts| !parts.is_empty()).map(|parts| id_of(&parts)))
}

/// Runs one statement; how many rows it touched.
fn run(
    connection: &Connection,
    statement: &Statement,
    outputs: &mut HashMap<Arc<str>, Value>,
) -> Result<usize, Failure> {
    let mut prepared = connection.prepare_cached(&statement.text).map_err(|error| failure(&error))?;
    let bound = bind(&statement.params, outputs)?;
    if statement.outputs.is_empty() {
        return prepared.execute(params_from_iter(bound)).map_err(|error| failure(&error));
    }
    let mut returned = prepared.query(params_from_iter(bound)).map_err(|error| failure(&error))?;
    let mut rows = 0;
    while let Some(row) = returned.next().map_err(|error| failure(&error))? {
        rows += 1;
        for (index, output) in statement.outputs.iter().enumerate() {
            if let Some(value) = read(row.get_ref(index).map_err(|error| failure(&error))?) {
                outputs.insert(output.clone(), value);
            }
        }
    }
    Ok(rows)
}

fn bind(params: &[Param], outputs: &HashMap<Arc<str>, Value>) -> Result<Vec<ToSqlOutput<'static>>, Failure> {
    params.iter().map(|param| bound(param, outputs).map(ToSqlOutput::Owned)).collect()
}

fn bound(param: &Param, outputs: &HashMap<Arc<str>, Value>) -> Result<Native, Failure> {
    match param {
        Param::Null => Ok(Native::Null),
        Param::Value(value) => native(value),
        Param::Output(name) => match outputs.get(name) {
            Some(value) => native(value),
            None => Err(Failure::Internal(format!("no step returned {name}"))),
        },
    }
}

fn native(value: &Value) -> Result<Native, Failure> {
    Ok(match value {
        Value::Text(text) => without_nul(text)?,
        Value::Integer(number) => Native::Integer(*number),
        Value::Real(number) => Native::Real(*number),
        Value::Bool(truth) => Native::Integer(i64::from(*truth)),
        Value::Bytes(octets) => Native::Blob(octets.clone()),
        Value::Secret(secret) => match secret.expose_text() {
            Some(text) => without_nul(text)?,
            None => Native::Blob(secret.expose().to_vec()),
        },
        Value::Reference(reference) => Native::Text(reference.id.clone()),
        Value::Date(_) => Native::Text(value.text().unwrap_or_default()),
        Value::Today => {
            return Err(Failure::Internal("the dialect has words of its own for today".to_owned()));
        }
        Value::Timestamp(at) => {
            let text = at.to_offset(time::UtcOffset::UTC).format(&Rfc3339);
            Native::Text(text.map_err(|error| Failure::Internal(error.to_string()))?)
        }
    })
}

fn without_nul(text: &str) -> Result<Native, Failure> {
    if text.contains('\0') {
        let detail = "A text with the character U+0000 cannot be stored.".to_owned();
        return Err(Failure::Rejected(detail, "U+0000 in a parameter".to_owned()));
    }
    Ok(Native::Text(text.to_owned()))
}

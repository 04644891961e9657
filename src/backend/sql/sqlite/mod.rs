//! SQLite: sessions on leased connections, the running of statements, rows as records.

mod examine;
mod failure;
mod memory;
mod pool;
mod survey;
mod tables;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, Value as Native, ValueRef};
use rusqlite::{Connection, params_from_iter};
use time::format_description::well_known::Rfc3339;

use self::failure::failure;
pub use self::memory::{InMemory, Stage, StandsFor};
use self::pool::{Lease, Place, Pool};
use super::dialect::Dialect;
use super::key;
use super::lower;
use super::records::{self, Cells};
use super::returned::{self, Known, Set};
use super::select::{Reading, Select, select, table_of};
use crate::backend::{Backend, Failure, Finding, Intent, Lowered, Session};
use crate::plan::{
    Action, Expect, Facts, Folding, Found, Instants, Model, Operation, Param, Plan, Precision, Profile,
    Search, Statement, Touched, Value,
};
use crate::survey::tables::{Seen, Tables, Wish};

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
        let place = Place::File(file.to_owned());
        let open = |size, intent| {
            Pool::open(&place, size, intent, deadline).map_err(|error| format!("{}: {error}", file.display()))
        };
        Ok(Self { model, writer: open(1, intent)?, readers: open(READERS, Intent::Read)? })
    }

    async fn begin(&self, intent: Intent) -> Result<SqliteSession, Failure> {
        let (pool, begin) = match intent {
            Intent::Read => (&self.readers, "BEGIN"),
            Intent::Write => (&self.writer, "BEGIN IMMEDIATE"),
        };
        let mut lease = pool.lease().await?;
        lease.run(move |connection| connection.execute_batch(begin).map_err(|error| failure(&error))).await?;
        Ok(SqliteSession { model: self.model.clone(), lease })
    }

    /// The tables of a database file that no mapping is for yet. It only reads.
    pub async fn survey(file: &Path, deadline: Duration) -> Result<Tables, Failure> {
        Self::looked(file, deadline, survey::tables).await
    }

    /// What stands in some of them.
    pub async fn sample(file: &Path, deadline: Duration, wishes: &[Wish]) -> Result<Seen, Failure> {
        let mut seen = Seen::new();
        for wish in wishes.iter().cloned() {
            let name = wish.table.clone();
            let look = move |connection: &Connection| survey::sample(connection, &wish);
            seen.insert(name, Self::looked(file, deadline, look).await?);
        }
        Ok(seen)
    }

    async fn looked<T: Send + 'static>(
        file: &Path,
        deadline: Duration,
        look: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let told = |error| Failure::Unavailable(format!("{}: {error}", file.display()));
        let pool = Pool::open(&Place::File(file.to_owned()), 1, Intent::Read, deadline).map_err(told)?;
        let mut lease = pool.lease().await?;
        lease.run(move |connection| look(connection).map_err(|error| failure(&error))).await
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
        Ok(Box::new(self.begin(intent).await?))
    }

    fn with_model(&self, model: Arc<Model>) -> Result<Option<Arc<dyn Backend>>, String> {
        Ok(Some(Arc::new(Self { model, writer: self.writer.clone(), readers: self.readers.clone() })))
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
        looked.await.unwrap_or_else(Finding::broken)
    }

    async fn indexes(&self, entity: &str, compared: &BTreeSet<crate::plan::Native>) -> Vec<Finding> {
        let (model, entity, compared) = (self.model.clone(), entity.to_owned(), compared.clone());
        let looked = async {
            let mut lease = self.readers.lease().await?;
            lease.run(move |connection| examine::indexes(connection, &model, &entity, &compared)).await
        };
        looked.await.unwrap_or_else(Finding::broken)
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
            let statements = select(Dialect::Sqlite, &self.model, &batch, Reading::Free)?;
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
    let rows = query(connection, &select.rows)?;
    let children = select.children.iter().map(|child| query(connection, &child.statement));
    let children = children.collect::<Result<_, _>>()?;
    let count = select.count.as_ref().map(|count| query(connection, count)).transpose()?;
    let count = count.as_ref().and_then(|rows| rows.first()?.first()?.as_ref());
    Ok(records::found(select, rows, children, count, limit))
}

fn query(connection: &Connection, statement: &Statement) -> Result<Vec<Cells>, Failure> {
    let mut prepared = connection.prepare_cached(&statement.text).map_err(|error| failure(&error))?;
    let bound = bind(&statement.params, &Known::new())?;
    let width = prepared.column_count();
    let cells = |row: &rusqlite::Row<'_>| (0..width).map(|at| Ok(read(row.get_ref(at)?))).collect();
    let rows = prepared.query_map(params_from_iter(bound), cells).map_err(|error| failure(&error))?;
    rows.collect::<Result<Vec<Cells>, _>>().map_err(|error| failure(&error))
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
    let mut known = Known::new();
    let mut is_changed = false;
    for step in &plan.steps {
        let Action::Sql(statement) = &step.action else {
            return Err(Failure::Internal("a step of another backend".to_owned()));
        };
        if statement.after_change && !is_changed {
            continue;
        }
        let (rows, set) = run(connection, (plan, statement), &known)?;
        is_changed |= rows > 0;
        if let Expect::Rows(expected) = step.expect
            && rows != expected
        {
            return Err(Failure::Conflict(format!("{}: {rows} rows, not {expected}", step.about)));
        }
        returned::learn(&step.about, &statement.outputs, set.iter(), &mut known)?;
    }
    records::created(plan, &known)
}

/// Runs one statement; how many rows it touched, and those that it returns, where later steps use them: more than one is
/// as wrong as any number more.
fn run(
    connection: &Connection,
    (plan, statement): (&Plan, &Statement),
    known: &Known,
) -> Result<(usize, Option<Set>), Failure> {
    let failure = |error: rusqlite::Error| failure::of_plan(&error, plan);
    let mut prepared = connection.prepare_cached(&statement.text).map_err(failure)?;
    let bound = bind(&statement.params, known)?;
    if statement.outputs.is_empty() {
        return Ok((prepared.execute(params_from_iter(bound)).map_err(failure)?, None));
    }
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let cells = |row: &rusqlite::Row<'_>| (0..width).map(|at| Ok(read(row.get_ref(at)?))).collect();
    let rows = prepared.query_map(params_from_iter(bound), cells).map_err(failure)?;
    let rows = rows.take(2).collect::<Result<Vec<Cells>, _>>().map_err(failure)?;
    Ok((rows.len(), Some(Set { columns, rows })))
}

fn bind(params: &[Param], known: &Known) -> Result<Vec<ToSqlOutput<'static>>, Failure> {
    params.iter().map(|param| bound(param, known).map(ToSqlOutput::Owned)).collect()
}

fn bound(param: &Param, known: &Known) -> Result<Native, Failure> {
    match param {
        Param::Null => Ok(Native::Null),
        Param::Value(value) => native(value),
        Param::Output(name) => match known.get(name) {
            Some(value) => value.as_ref().map_or(Ok(Native::Null), native),
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

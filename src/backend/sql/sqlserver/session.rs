//! One request's conversation with SQL Server. Each search of a reading session is one round trip. A writing session is one
//! transaction: it begins with the first read or write, its reads lock what they read, and without a commit all of it is
//! rolled back. The connection is taken out of the session for each wait: a wait that is given up closes it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use tiberius::{IsolationLevel, Query, QueryItem, QueryStream};
use tokio::time::{Instant, timeout_at};

use super::batch::{self, Batch, CHANGED, ENDING, STOPPED};
use super::connect::Tds;
use super::failure::Trouble;
use super::pool::Lease;
use super::value;
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::records::{self, Cells};
use crate::backend::sql::select::select;
use crate::backend::{Failure, Intent, Session};
use crate::limits::RESULT_BYTES;
use crate::plan::{Found, Model, Param, Plan, Search, Value};

/// One result set.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// The names of its columns.
    pub columns: Vec<String>,
    pub rows: Vec<Cells>,
}

/// One conversation.
pub(super) struct TdsSession {
    model: Arc<Model>,
    lease: Lease,
    intent: Intent,
    /// Whether a transaction is open.
    is_open: bool,
}

// === impl TdsSession ===

impl TdsSession {
    pub(super) fn new(model: Arc<Model>, lease: Lease, intent: Intent) -> Self {
        Self { model, lease, intent, is_open: false }
    }

    /// Begins the transaction of a writing session, unless it has begun. A connection that turns out to be stale is replaced.
    async fn begin(&mut self) -> Result<(), Failure> {
        if self.intent == Intent::Read || self.is_open {
            return Ok(());
        }
        let until = self.lease.pool().until();
        match self.lease.begin(until).await {
            Err(Trouble::Lost(cause)) if !self.lease.is_new => {
                tracing::debug!(cause, "a connection to the database was stale");
                self.lease.renew(until).await?;
                self.lease.begin(until).await?;
            }
            done => done?,
        }
        self.is_open = true;
        Ok(())
    }

    /// The result sets of a batch that only reads.
    async fn read(&mut self, batch: &Batch) -> Result<Vec<Set>, Failure> {
        let until = self.lease.pool().until();
        let params = batch::values(&batch.params, |_| None)?;
        match self.lease.run(&batch.text, params.clone(), until).await {
            Err(Trouble::Lost(cause)) if !self.lease.is_new && !self.is_open => {
                tracing::debug!(cause, "a connection to the database was stale");
                self.lease.renew(until).await?;
                Ok(self.lease.run(&batch.text, params, until).await?)
            }
            done => Ok(done?),
        }
    }

    /// Runs one batch of a plan; its outputs join those that are known.
    async fn write(
        &mut self,
        plan: &Plan,
        batch: &Batch,
        outputs: &mut HashMap<Arc<str>, Value>,
    ) -> Result<(), Failure> {
        let until = self.lease.pool().until();
        let params = batch::values(&batch.params, |name| outputs.get(name).cloned())?;
        let sets = self.lease.run(&batch.text, params, until).await?;
        let ending = ending(&sets).ok_or_else(|| Failure::Internal("a batch without its end".to_owned()))?;
        let number = |at: usize| match ending.get(at) {
            Some(Some(Value::Integer(number))) => *number,
            Some(Some(Value::Bool(truth))) => i64::from(*truth),
            _ => 0,
        };
        let (stopped, rows, depth) = (number(0), number(1), number(2));
        if let Ok(at) = usize::try_from(stopped) {
            let about = plan.steps.get(at).map(|step| step.about.as_str()).unwrap_or_default();
            return Err(Failure::Conflict(format!("{about}: {rows} rows, not as many as there should be")));
        }
        if depth != 1 {
            let cause = format!("what the mapping calls left {depth} transactions open where one was");
            return Err(Failure::Internal(cause));
        }
        outputs.insert(CHANGED.into(), Value::Bool(number(3) != 0));
        let given = ending.iter().skip(ENDING);
        let mut learn = |name: &Arc<str>, value: &Option<Value>| {
            if let Some(value) = value {
                outputs.insert(name.clone(), value.clone());
            }
        };
        batch.outputs.iter().zip(given).for_each(|(name, value)| learn(name, value));
        let own = sets.iter().find(|set| !set.ends()).and_then(|set| set.rows.first());
        batch.row.iter().zip(own.into_iter().flatten()).for_each(|(name, value)| learn(name, value));
        Ok(())
    }
}

fn ending(sets: &[Set]) -> Option<&Cells> {
    sets.iter().rev().find(|set| set.ends())?.rows.first()
}

#[async_trait]
impl Session for TdsSession {
    async fn search(&mut self, search: &Search) -> Result<Found, Failure> {
        let select = select(Dialect::Transact, &self.model, search)?;
        self.begin().await?;
        let sets = self.read(&batch::reading(select.statements())).await?;
        let mut sets = sets.into_iter().map(|set| set.rows);
        let rows = sets.next().unwrap_or_default();
        let children = select.children.iter().map(|_| sets.next().unwrap_or_default()).collect();
        let count = sets.next();
        let count = count.as_ref().and_then(|rows| rows.first()?.first()?.as_ref());
        Ok(records::found(&select, rows, children, count, search.range.limit))
    }

    async fn execute(&mut self, plan: &Plan) -> Result<Option<String>, Failure> {
        self.begin().await?;
        let mut outputs = HashMap::new();
        for batch in batch::of_plan(plan)? {
            self.write(plan, &batch, &mut outputs).await?;
        }
        Ok(match &plan.id {
            Some(Param::Value(value)) => value.text(),
            Some(Param::Output(name)) => outputs.get(name).and_then(Value::text),
            Some(Param::Null) | None => None,
        })
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Failure> {
        if !std::mem::take(&mut self.is_open) {
            return Ok(());
        }
        let until = self.lease.pool().until();
        match self.lease.commit(until).await {
            Ok(()) => Ok(()),
            Err(Trouble::Server(error)) => {
                self.lease.client = None; // who knows what is open there
                Err(super::failure::failure(&error))
            }
            Err(Trouble::Lost(cause)) => Err(Failure::Unknown(cause)),
            Err(Trouble::Late) => Err(Failure::Unknown("no answer to the commit in time".to_owned())),
            Err(Trouble::Other(failure)) => Err(failure),
        }
    }

    /// Dropping it sees to it.
    async fn roll_back(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Drop for TdsSession {
    /// What is open is rolled back before somebody else gets the connection; nobody waits for it.
    fn drop(&mut self) {
        if self.is_open && self.lease.client.is_some() {
            let mut lease = self.lease.split();
            tokio::spawn(async move { lease.roll_back().await });
        }
    }
}

// === impl Set ===

impl Set {
    /// Whether it is the row that ends a batch.
    fn ends(&self) -> bool {
        self.columns.first().is_some_and(|name| name == STOPPED)
    }
}

// === impl Lease ===

impl Lease {
    /// Runs a batch, and reads its answer to the end.
    pub(super) async fn run(
        &mut self,
        text: &str,
        params: Vec<Option<Value>>,
        until: Instant,
    ) -> Result<Vec<Set>, Trouble> {
        let mut query = Query::new(text);
        for param in params {
            query.bind(value::parameter(param)?);
        }
        let mut client = self.take()?;
        let work = async {
            let stream = query.query(&mut client).await?;
            collect(stream).await
        };
        let done = timeout_at(until, work).await;
        self.keep(client, done)
    }

    async fn begin(&mut self, until: Instant) -> Result<(), Trouble> {
        let mut client = self.take()?;
        // Said at each beginning: the session keeps the level that the last one asked for.
        let work = client.begin_transaction_with_isolation(IsolationLevel::ReadCommitted);
        let done = timeout_at(until, work).await.map(|done| done.map_err(Trouble::from));
        self.keep(client, done)
    }

    async fn commit(&mut self, until: Instant) -> Result<(), Trouble> {
        let mut client = self.take()?;
        let done = timeout_at(until, client.commit_transaction()).await;
        self.keep(client, done.map(|done| done.map_err(Trouble::from)))
    }

    /// Rolls back what is open, else closes the connection.
    async fn roll_back(&mut self) {
        let until = self.pool().until();
        let text = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SELECT @@TRANCOUNT";
        let done = self.simple(text, until).await;
        let depth = done.as_ref().ok().and_then(|sets| sets.first()?.rows.first()?.first()?.clone());
        if depth != Some(Value::Integer(0)) {
            self.client = None;
        }
    }

    /// Runs a text of our own that has no parameters, as a batch of its own and not within `sp_executesql`.
    pub(super) async fn simple(&mut self, text: &str, until: Instant) -> Result<Vec<Set>, Trouble> {
        let mut client = self.take()?;
        let work = async { collect(client.simple_query(text).await?).await };
        let done = timeout_at(until, work).await;
        self.keep(client, done)
    }

    fn take(&mut self) -> Result<Tds, Trouble> {
        self.client.take().ok_or_else(|| Trouble::Lost("the connection to the database was lost".to_owned()))
    }

    /// Keeps the connection when its last answer was read to the end.
    fn keep<T>(
        &mut self,
        client: Tds,
        done: Result<Result<T, Trouble>, tokio::time::error::Elapsed>,
    ) -> Result<T, Trouble> {
        let done = done.unwrap_or(Err(Trouble::Late));
        if matches!(done, Ok(_) | Err(Trouble::Server(_))) {
            self.client = Some(client);
        }
        done
    }
}

/// All of an answer, within the bound.
async fn collect(mut stream: QueryStream<'_>) -> Result<Vec<Set>, Trouble> {
    let (mut sets, mut octets) = (Vec::new(), 0_usize);
    while let Some(item) = stream.try_next().await? {
        match item {
            QueryItem::Metadata(told) => {
                let columns = told.columns().iter().map(|column| column.name().to_owned()).collect();
                sets.push(Set { columns, rows: Vec::new() });
            }
            QueryItem::Row(row) => {
                let cells = row.cells().map(|(column, data)| value::read(data, column.column_type()));
                let cells = cells.collect::<Result<Cells, Failure>>()?;
                octets += cells.iter().map(size).sum::<usize>();
                if octets > RESULT_BYTES {
                    return Err(Trouble::Lost(format!("more than {RESULT_BYTES} octets of an answer")));
                }
                sets.last_mut().into_iter().for_each(|set| set.rows.push(cells.clone()));
            }
        }
    }
    Ok(sets)
}

/// About how much a value takes.
fn size(cell: &Option<Value>) -> usize {
    let content = match cell {
        Some(Value::Text(text)) => text.len(),
        Some(Value::Bytes(octets)) => octets.len(),
        _ => 0,
    };
    content + size_of::<Option<Value>>()
}

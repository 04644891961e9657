//! One request's conversation with SQL Server. Each search of a reading session is one round trip. A writing session is one
//! transaction: it begins with the first read or write, its reads lock what they read, and without a commit all of it is
//! rolled back.

use std::sync::Arc;

use super::batch::{self, Batch, CHANGED, ENDING, STOPPED};
use super::exchange::{Request, Set};
use super::failure::{self, Trouble};
use super::pool::Lease;
use crate::backend::sql::catalog::Catalog;
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::key;
use crate::backend::sql::records::{self, Cells};
use crate::backend::sql::returned::{self, Known};
use crate::backend::sql::select::{Reading, Select, select, table_of};
use crate::backend::{Failure, Intent, Session};
use crate::plan::{Found, Model, Plan, Search, Value};
use async_trait::async_trait;

/// One conversation.
pub(super) struct TdsSession {
    model: Arc<Model>,
    catalog: Arc<Catalog>,
    lease: Lease,
    intent: Intent,
    /// Whether a transaction is open.
    is_open: bool,
}

// === impl TdsSession ===

impl TdsSession {
    pub(super) fn new(model: Arc<Model>, catalog: Arc<Catalog>, lease: Lease, intent: Intent) -> Self {
        Self { model, catalog, lease, intent, is_open: false }
    }

    /// Begins the transaction of a writing session, unless it has begun. A connection that turns out to be stale is replaced.
    async fn begin(&mut self) -> Result<(), Failure> {
        if self.intent == Intent::Read || self.is_open {
            return Ok(());
        }
        self.lease.ask_first(Request::Begin).await?;
        self.is_open = true;
        Ok(())
    }

    /// One search, in one round trip.
    async fn found(&mut self, select: &Select, limit: usize) -> Result<Found, Failure> {
        let all = select.lock.iter().chain(select.statements());
        let sets = self.read(&batch::reading(all)).await?;
        let (told, asked) = (sets.len(), select.statements().count());
        if told != asked {
            self.lease.client = None; // who knows whose answer that is
            return Err(Failure::Unavailable(format!("{told} result sets where {asked} were asked for")));
        }
        let mut sets = sets.into_iter().map(|set| set.rows);
        let rows = sets.next().unwrap_or_default();
        let children = select.children.iter().map(|_| sets.next().unwrap_or_default()).collect();
        let count = sets.next();
        let count = count.as_ref().and_then(|rows| rows.first()?.first()?.as_ref());
        Ok(records::found(select, rows, children, count, limit))
    }

    /// The result sets of a batch that only reads.
    async fn read(&mut self, batch: &Batch) -> Result<Vec<Set>, Failure> {
        let params = batch::values(&batch.params, &Known::new())?;
        let request = Request::Batch(&batch.text, &params);
        Ok(match self.is_open {
            true => self.lease.ask(request).await?,
            false => self.lease.ask_first(request).await?,
        })
    }

    /// Runs one batch of a plan; its outputs join those that are known.
    async fn write(&mut self, plan: &Plan, batch: &Batch, known: &mut Known) -> Result<(), Failure> {
        let params = batch::values(&batch.params, known)?;
        let done = self.lease.ask(Request::Batch(&batch.text, &params)).await;
        let sets = done.map_err(|trouble| failure::of_plan(trouble, plan))?;
        let ending = ending(&sets).ok_or_else(|| Failure::Internal("a batch without its end".to_owned()))?;
        let number = |at: usize| match ending.get(at) {
            Some(Some(Value::Integer(number))) => *number,
            Some(Some(Value::Bool(truth))) => i64::from(*truth),
            _ => 0,
        };
        let (stopped, rows, depth) = (number(0), number(1), number(2));
        let about = |at: usize| plan.steps.get(at).map(|step| step.about.as_str()).unwrap_or_default();
        if let Ok(at) = usize::try_from(stopped) {
            let about = about(at);
            return Err(Failure::Conflict(format!("{about}: {rows} rows, not as many as there should be")));
        }
        if depth != 1 {
            let cause = format!("what the mapping calls left {depth} transactions open where one was");
            return Err(Failure::Internal(cause));
        }
        known.insert(CHANGED.into(), Some(Value::Bool(number(3) != 0)));
        let given = batch.outputs.iter().cloned().zip(ending.iter().skip(ENDING).cloned());
        known.extend(given);
        let own = sets.iter().filter(|set| !ends(set));
        returned::learn(about(batch.steps.end.saturating_sub(1)), &batch.row, own, known)
    }
}

fn ending(sets: &[Set]) -> Option<&Cells> {
    sets.iter().rev().find(|set| ends(set))?.rows.first()
}

/// Whether it is the row that ends a batch.
fn ends(set: &Set) -> bool {
    set.columns.first().is_some_and(|name| name == STOPPED)
}

#[async_trait]
impl Session for TdsSession {
    async fn search(&mut self, search: &Search) -> Result<Found, Failure> {
        let reading = if self.intent == Intent::Write { Reading::Locking } else { Reading::Free };
        let (model, catalog) = (self.model.clone(), self.catalog.clone());
        let dialect = Dialect::Transact(&catalog);
        let mut all = Found::default();
        self.begin().await?;
        for batch in key::batches(dialect, table_of(&model, &search.entity)?.1, search) {
            all.add(self.found(&select(dialect, &model, &batch, reading)?, batch.range.limit).await?);
        }
        Ok(all)
    }

    async fn execute(&mut self, plan: &Plan) -> Result<Option<String>, Failure> {
        self.begin().await?;
        let mut known = Known::new();
        for batch in batch::of_plan(plan)? {
            self.write(plan, &batch, &mut known).await?;
        }
        records::created(plan, &known)
    }

    async fn commit(mut self: Box<Self>) -> Result<(), Failure> {
        if !std::mem::take(&mut self.is_open) {
            return Ok(());
        }
        match self.lease.ask(Request::Commit).await {
            Ok(_) => Ok(()),
            Err(Trouble::Server(error)) => {
                self.lease.client = None; // who knows what is open there
                Err(failure::failure(&error))
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

//! The port: one trait that a directory and a database both implement. The only modules below `src`
//! that talk to either are `ldap` and `sql`, and only inside a [`Session`].
//!
//! A backend knows `plan` and its own wire, never SCIM, a mapping or a script.

mod finding;
pub mod ldap;
pub mod sql;
mod standing;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

pub use finding::{Finding, Weight};

use crate::plan::{Facts, Found, Model, Native, Operation, Plan, Profile, Record, Search, Touched};

/// A directory or a database behind one target.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What it can do.
    fn profile(&self) -> Profile;

    /// What would be done for this operation, or which reads decide it. Pure: it talks to nobody, and
    /// gives the same answer for the same operation and facts.
    fn lower(&self, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure>;

    /// Opens a session. On SQL a `Write` session is one transaction that takes its lock at once.
    async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Failure>;

    /// Whether it answers now; bounded by its deadline.
    async fn ping(&self) -> Result<(), Failure>;

    /// The same directory or database with another mapping's model, sharing the connections of this one; `None` where
    /// there are none. The error is for the person who configures.
    fn with_model(&self, _model: Arc<Model>) -> Result<Option<Arc<dyn Backend>>, String> {
        Ok(None)
    }

    /// What a person should know who connects it: whether it can be used, and whether all that a mapping touches is
    /// there. It reads; with `write` it also writes, and leaves nothing behind.
    async fn examine(&self, touched: &[Touched], write: bool) -> Vec<Finding>;

    /// Whether an index finds what is compared of one type's resources, as far as the backend shows it. It reads.
    async fn indexes(&self, entity: &str, compared: &BTreeSet<Native>) -> Vec<Finding>;
}

/// A conversation with a backend on behalf of one request. Dropped without [`Session::commit`], what
/// it did is rolled back where the backend has transactions. Every call ends within the backend's deadline.
#[async_trait]
pub trait Session: Send {
    /// Runs a search.
    async fn search(&mut self, search: &Search) -> Result<Found, Failure>;

    /// Runs a search of very many, `take` getting them some at a time, so that what is held here does not grow with
    /// their number. They come in no order, and one may come twice. `take` says whether it wants more. Answers
    /// whether there are more than the range's limit; the whole may take some times the backend's deadline.
    async fn scan(&mut self, search: &Search, take: &mut Take<'_>) -> Result<bool, Failure> {
        let found = self.search(search).await?;
        take(found.records);
        Ok(found.more)
    }

    /// Does what the plan says: the only place that changes a backend. Answers the id of the resource
    /// that the plan created, if it created one.
    async fn execute(&mut self, plan: &Plan) -> Result<Option<String>, Failure>;

    /// Makes it last.
    async fn commit(self: Box<Self>) -> Result<(), Failure>;

    /// Undoes what was executed; without a transaction, by the inverse of each step. An `Err` says that
    /// something may have stayed.
    async fn roll_back(self: Box<Self>) -> Result<(), Failure>;
}

/// Gets some records of a scan; whether it wants more.
pub type Take<'a> = dyn FnMut(Vec<Record>) -> bool + Send + 'a;

/// What a session is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Reading only.
    Read,
    /// Reads that decide a write, and the write.
    Write,
}

/// The answer of [`Backend::lower`].
#[derive(Clone, Debug, PartialEq)]
pub enum Lowered {
    /// These searches' results must be among the facts first.
    Need(Vec<Search>),
    /// What will be done.
    Plan(Plan),
}

/// Why a backend did not do what was asked. The texts are for the log, under the request's id; they
/// may hold DNs and native messages, so none of them reaches a client except `Rejected`'s and
/// `Refused`'s, which are written for clients.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// It cannot be reached, is too busy or did not answer a read in time. Nothing was changed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A write was sent and its outcome is not known.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The state was not as the plan expected; asking again from the start may work.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Somebody else took the number that the plan would have given away; asking again from the start takes the
    /// next. Nothing stayed but, where the answer was lost, a gap in the numbers.
    #[error("overtaken: {0}")]
    Overtaken(String),
    /// The resource does not exist (any more).
    #[error("not found: {0}")]
    NotFound(String),
    /// A value that must be unique is taken.
    #[error("uniqueness: {0}")]
    Uniqueness(String),
    /// A value that must be unique is a deleted resource's, which the backend keeps.
    #[error("uniqueness, of what is deleted: {0}")]
    Hidden(String),
    /// It cannot end, for something that is no resource still refers to it.
    #[error("referred to: {0}")]
    Referred(String),
    /// A value cannot be stored. The first text is for the client, the second the cause.
    #[error("rejected: {0} ({1})")]
    Rejected(String, String),
    /// A procedure or a trigger of the database refused it, with this number: what it means the mapping may say
    /// ([`crate::plan::Model::raised`]). The text is the cause.
    #[error("raised {0}: {1}")]
    Raised(u32, String),
    /// The mapping or the backend does not let this be done. The text is for the client.
    #[error("refused: {0}")]
    Refused(String),
    /// More rows or entries than may be looked at.
    #[error("too many: {0}")]
    TooMany(String),
    /// The gateway's own rights do not suffice.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// Something else that is not the client's fault.
    #[error("internal: {0}")]
    Internal(String),
}

//! A database in memory, for tests of mappings and for plans against a file: it holds what a JSON file says, in tables
//! made of it and of what the mapping touches, and is read and written as any SQLite. In front of SQL Server plans are
//! in its words; they cannot be run here, so an answer is what SQLite's own plan of the same brings, or, where a mapping
//! calls procedures, what a second file says that they leave.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::pool::{Place, Pool};
use super::tables::{self, Contents, Tables};
use super::{READERS, Sqlite, SqliteSession, failure};
use crate::backend::sql::catalog::Catalog;
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::returned::Known;
use crate::backend::sql::sqlserver;
use crate::backend::sql::{lower, records};
use crate::backend::{Backend, Failure, Finding, Intent, Lowered, Session};
use crate::plan::{Facts, Found, Model, Native, Operation, Plan, Profile, Search, Touched};

/// What counts the databases of this process.
static MADE: AtomicU64 = AtomicU64::new(0);

/// What a database in memory stands for, and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    /// Which database it stands for.
    pub stands_for: StandsFor,
    /// Rows by table: `{ "AppUser": [ { "UserId": 1 } ] }`.
    pub before: &'a Json,
    /// What the tables named here hold when a plan was run, of one that cannot be run here, and `"id": 7`, the id of
    /// what it made; or `{ "raised": 50001 }`, the number of the error that it ends with.
    pub after: Option<&'a Json>,
    /// Whether plans are wanted and nothing is run: then they are in the words of the database that it stands for.
    pub only_plans: bool,
}

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandsFor {
    /// SQLite.
    Sqlite,
    /// SQL Server.
    SqlServer,
}

/// What a plan leaves that is not run.
enum After {
    /// These rows, and the new resource's id where the plan alone would tell it.
    Rows(Contents, Option<String>),
    Raised(u32),
}

/// A database in memory.
pub struct InMemory {
    sqlite: Sqlite,
    /// The names of its tables.
    tables: Vec<String>,
    stands_for: StandsFor,
    /// Whether plans are in T-SQL.
    is_transact: bool,
    after: Option<Arc<After>>,
}

struct InMemorySession {
    inner: SqliteSession,
    after: Option<Arc<After>>,
}

// === impl InMemory ===

impl InMemory {
    /// Whether rows have names that a mapping does not know and nearly knows; the error says which.
    pub fn misspelt(rows: &Json, model: &Model, touched: &[Touched]) -> Result<(), String> {
        Contents::parse(rows)?.misspelt(&Tables::of(&[], model, touched)).map_or(Ok(()), Err)
    }

    /// Makes it. The error says what is wrong in a file.
    pub fn new(
        stage: &Stage<'_>,
        model: Arc<Model>,
        touched: &[Touched],
        deadline: Duration,
    ) -> Result<Self, String> {
        let before = Contents::parse(stage.before)?;
        let after = stage.after.map(After::parse).transpose()?;
        let mut contents = vec![&before];
        if let Some(After::Rows(after, _)) = &after {
            contents.push(after);
        }
        let tables = Tables::of(&contents, &model, touched);
        let name = format!("gantry-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let place = Place::Memory { name, schemas: tables.schemas().into_iter().collect() };
        let told = |error: rusqlite::Error| error.to_string();
        let open = |size| Pool::open(&place, size, Intent::Write, deadline).map_err(told);
        let (writer, readers) = (open(1)?, open(READERS)?);
        writer.prepare(|connection| tables.make(connection, &before)).flatten().map_err(told)?;
        let is_transact = stage.stands_for == StandsFor::SqlServer && (stage.only_plans || after.is_some());
        let sqlite = Sqlite { model, writer, readers };
        let tables = tables.names();
        Ok(Self { sqlite, tables, stands_for: stage.stands_for, is_transact, after: after.map(Arc::new) })
    }

    /// All rows, as a file would say them.
    pub async fn contents(&self) -> Result<Json, Failure> {
        let names = self.tables.clone();
        let read = move |connection: &mut rusqlite::Connection| {
            tables::rows(connection, &names).map_err(|error| failure::failure(&error))
        };
        self.sqlite.readers.lease().await?.run(read).await
    }
}

impl After {
    fn parse(json: &Json) -> Result<Self, String> {
        if let Some(number) = json.get("raised").and_then(Json::as_number) {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            return number.map(Self::Raised).ok_or_else(|| "raised: not the number of an error".to_owned());
        }
        let mut tables = json.clone();
        let id = match json.get("id") {
            Some(Json::String(id)) => Some(id.clone()),
            Some(Json::Number(id)) => Some(id.to_string()),
            _ => None,
        };
        if let (Some(_), Json::Object(tables)) = (&id, &mut tables) {
            tables.shift_remove("id");
        }
        Contents::parse(&tables).map(|rows| Self::Rows(rows, id))
    }
}

#[async_trait]
impl Backend for InMemory {
    fn profile(&self) -> Profile {
        match self.stands_for {
            StandsFor::Sqlite => self.sqlite.profile(),
            StandsFor::SqlServer => sqlserver::PROFILE,
        }
    }

    fn lower(&self, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
        match self.is_transact {
            true => lower::lower(Dialect::Transact(Catalog::unknown()), &self.sqlite.model, operation, facts),
            false => self.sqlite.lower(operation, facts),
        }
    }

    async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Failure> {
        let inner = self.sqlite.begin(intent).await?;
        Ok(Box::new(InMemorySession { inner, after: self.after.clone() }))
    }

    async fn ping(&self) -> Result<(), Failure> {
        self.sqlite.ping().await
    }

    async fn examine(&self, touched: &[Touched], write: bool) -> Vec<Finding> {
        self.sqlite.examine(touched, write).await
    }

    async fn indexes(&self, entity: &str, compared: &BTreeSet<Native>) -> Vec<Finding> {
        self.sqlite.indexes(entity, compared).await
    }
}

#[async_trait]
impl Session for InMemorySession {
    async fn search(&mut self, search: &Search) -> Result<Found, Failure> {
        self.inner.search(search).await
    }

    async fn execute(&mut self, plan: &Plan) -> Result<Option<String>, Failure> {
        let Some(after) = self.after.clone() else { return self.inner.execute(plan).await };
        let id = match &*after {
            After::Raised(number) => {
                return Err(Failure::Raised(*number, "as the file says".to_owned()));
            }
            After::Rows(_, id) => id.clone(),
        };
        let put = move |connection: &mut rusqlite::Connection| match &*after {
            After::Rows(rows, _) => rows.replace(connection).map_err(|error| failure::failure(&error)),
            After::Raised(_) => Ok(()),
        };
        self.inner.lease.run(put).await?;
        let told = records::created(plan, &Known::new())?;
        Ok(told.or(id.filter(|_| !plan.id.is_empty())))
    }

    async fn commit(self: Box<Self>) -> Result<(), Failure> {
        Box::new(self.inner).commit().await
    }

    async fn roll_back(self: Box<Self>) -> Result<(), Failure> {
        Box::new(self.inner).roll_back().await
    }
}

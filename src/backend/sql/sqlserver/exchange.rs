//! One request to SQL Server and its answer, read to the end within the deadline. The connection is taken out of its loan
//! for that: a wait that is given up closes it, and so does everything but an answer that was read to its end.

use futures_util::TryStreamExt as _;
use tiberius::{IsolationLevel, Query, QueryItem, QueryStream};
use tokio::time::{Instant, timeout_at};

use super::connect::Tds;
use super::failure::Trouble;
use super::pool::Lease;
use super::value;
use crate::backend::Failure;
use crate::backend::sql::records::Cells;
pub(super) use crate::backend::sql::returned::Set;
use crate::limits::RESULT_BYTES;
use crate::plan::Value;

// === impl Lease ===

impl Lease {
    /// One request, and its answer to the end, within a deadline of its own.
    pub(super) async fn ask(&mut self, request: Request<'_>) -> Result<Vec<Set>, Trouble> {
        let lost = || Trouble::Lost("the connection to the database was lost".to_owned());
        let what = request.name();
        let request = request.prepared()?;
        let mut client = self.client.take().ok_or_else(lost)?;
        let began = Instant::now();
        let done =
            timeout_at(self.pool().until(), request.send(&mut client)).await.unwrap_or(Err(Trouble::Late));
        tracing::debug!(what, ms = began.elapsed().as_millis(), "asked the database");
        if matches!(done, Err(Trouble::Late)) && !self.is_new {
            self.pool().forget(); // a silence that nobody is told of met all of them
        }
        // Only a connection whose last answer was read to the end is kept.
        if matches!(done, Ok(_) | Err(Trouble::Server(_))) {
            self.client = Some(client);
        }
        done
    }

    /// The same of what changes nothing: once more on a new connection, when this one turns out to be stale.
    pub(super) async fn ask_first(&mut self, request: Request<'_>) -> Result<Vec<Set>, Trouble> {
        match self.ask(request).await {
            Err(Trouble::Lost(cause)) if !self.is_new => {
                tracing::debug!(cause, "a connection to the database was stale");
                self.renew().await?;
                self.ask(request).await
            }
            done => done,
        }
    }

    /// Rolls back what is open, else closes the connection.
    pub(super) async fn roll_back(&mut self) {
        let request = Request::Text("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SELECT @@TRANCOUNT");
        let done = self.ask(request).await;
        let depth = done.as_ref().ok().and_then(|sets| sets.first()?.rows.first()?.first()?.clone());
        if depth != Some(Value::Integer(0)) {
            self.client = None;
        }
    }
}

/// What is asked of the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    /// A batch with its parameters.
    Batch(&'a str, &'a [Option<Value>]),
    /// A text of our own that has no parameters, as it is and not within `sp_executesql`.
    Text(&'a str),
    /// A transaction begins.
    Begin,
    /// It is made to last.
    Commit,
}

/// The same, its parameters as the protocol has them.
enum Prepared<'a> {
    Query(Query<'a>),
    Other(Request<'a>),
}

// === impl Request ===

impl<'a> Request<'a> {
    /// For the log.
    fn name(self) -> &'static str {
        match self {
            Self::Batch(..) | Self::Text(_) => "batch",
            Self::Begin => "begin",
            Self::Commit => "commit",
        }
    }

    fn prepared(self) -> Result<Prepared<'a>, Failure> {
        let Self::Batch(text, params) = self else { return Ok(Prepared::Other(self)) };
        let mut query = Query::new(text);
        for param in params {
            query.bind(value::parameter(param.clone())?);
        }
        Ok(Prepared::Query(query))
    }
}

// === impl Prepared ===

impl Prepared<'_> {
    async fn send(self, client: &mut Tds) -> Result<Vec<Set>, Trouble> {
        match self {
            Self::Query(query) => collect(query.query(client).await?).await,
            Self::Other(Request::Text(text) | Request::Batch(text, _)) => {
                collect(client.simple_query(text).await?).await
            }
            Self::Other(Request::Begin) => {
                // Said at each beginning: the session keeps the level that the last one asked for.
                client.begin_transaction_with_isolation(IsolationLevel::ReadCommitted).await?;
                Ok(Vec::new())
            }
            Self::Other(Request::Commit) => {
                client.commit_transaction().await?;
                Ok(Vec::new())
            }
        }
    }
}

/// All of an answer, within the bound.
async fn collect(mut stream: QueryStream<'_>) -> Result<Vec<Set>, Trouble> {
    let (mut sets, mut octets) = (Vec::new(), 0_usize);
    while let Some(item) = stream.try_next().await? {
        match item {
            QueryItem::Metadata(told) => {
                let columns: Vec<_> = told.columns().iter().map(|column| column.name().to_owned()).collect();
                octets += columns.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>();
                sets.push(Set { columns, rows: Vec::new() });
            }
            QueryItem::Row(row) => {
                let cells = row.cells().map(|(column, data)| value::read(data, column.column_type()));
                let cells = cells.collect::<Result<Cells, Failure>>()?;
                octets += cells.iter().map(size).sum::<usize>();
                sets.last_mut().into_iter().for_each(|set| set.rows.push(cells.clone()));
            }
        }
        if octets > RESULT_BYTES {
            return Err(Trouble::Lost(format!("more than {RESULT_BYTES} octets of an answer")));
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

//! Connections to one SQLite file: one that writes, a few that read. A connection is lent to one session at
//! a time, moves to a blocking thread for each piece of work, and goes back clean: a session that ended
//! half-way leaves no transaction behind.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::failure;
use super::tables::quoted;
use crate::backend::{Failure, Intent};

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// Where a database is.
pub(super) enum Place {
    /// In a file that there is.
    File(PathBuf),
    /// In this process, for as long as a connection is open; with databases beside it for the schemas in tables' names.
    Memory { name: String, schemas: Vec<String> },
}

/// Connections that are used alike.
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    deadline: Duration,
}

/// A connection on loan.
pub(super) struct Lease {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

// === impl Pool ===

impl Pool {
    /// Opens `size` connections.
    pub(super) fn open(
        place: &Place,
        size: usize,
        intent: Intent,
        deadline: Duration,
    ) -> Result<Arc<Self>, rusqlite::Error> {
        let idle = (0..size).map(|_| place.connect(intent, deadline)).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Self { idle: Mutex::new(idle), permits: Arc::new(Semaphore::new(size)), deadline }))
    }

    /// Does something on one of the connections before anybody else does.
    pub(super) fn prepare<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T, rusqlite::Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.first().map(work).ok_or(rusqlite::Error::InvalidQuery)
    }

    /// Waits for a connection, in the order of asking, no longer than the deadline.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Failure> {
        let busy = || Failure::Unavailable("no connection to the database became free in time".to_owned());
        let permit = tokio::time::timeout(self.deadline, self.permits.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Lease { connection: Some(connection.ok_or_else(busy)?), pool: self.clone(), _permit: permit })
    }
}

// === impl Place ===

impl Place {
    fn connect(&self, intent: Intent, deadline: Duration) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self {
            Self::File(file) => Connection::open_with_flags(file, flags)?,
            Self::Memory { name, schemas } => {
                let flags = flags | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI;
                let connection = Connection::open_with_flags(format!("file:/{name}?vfs=memdb"), flags)?;
                for (at, schema) in schemas.iter().enumerate() {
                    let attach = format!("ATTACH 'file:/{name}-{at}?vfs=memdb' AS {}", quoted(schema));
                    connection.execute_batch(&attach)?;
                }
                connection
            }
        };
        connection.busy_timeout(deadline)?;
        match (self, intent) {
            (Self::Memory { .. }, _) => {}
            // Who only reads also leaves the file's journal mode as it is: that would be a change that lasts.
            (Self::File(_), Intent::Read) => connection.pragma_update(None, "query_only", true)?,
            (Self::File(_), Intent::Write) => {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "synchronous", "FULL")?;
                connection.pragma_update(None, "foreign_keys", true)?;
            }
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }
}

// === impl Lease ===

impl Lease {
    /// Runs work on the connection in a blocking thread, interrupted at the deadline.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let lost = || Failure::Unavailable("the connection to the database was lost".to_owned());
        let mut connection = self.connection.take().ok_or_else(lost)?;
        let interrupt = connection.get_interrupt_handle();
        let mut task = tokio::task::spawn_blocking(move || {
            let result = work(&mut connection);
            (connection, result)
        });
        let done = match tokio::time::timeout(self.pool.deadline, &mut task).await {
            Ok(done) => done,
            Err(_) => {
                interrupt.interrupt();
                task.await
            }
        };
        let (connection, result) = done.map_err(|_| lost())?;
        self.connection = Some(connection);
        result
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(cause = %failure(&error), "a transaction could not be rolled back");
        }
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

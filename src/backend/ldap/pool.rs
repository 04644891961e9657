//! A few multiplexed connections, each with a bounded number of operations in flight, made when they
//! are needed. An outage is remembered for a moment, so that it is answered at once instead of queued.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;

use super::codes;
use super::connection::{Connection, Credentials, Server, Trouble};
use super::kind::Kind;

const CONNECTIONS: usize = 4;
/// More in flight on one connection only wait for each other there.
const IN_FLIGHT: usize = 16;
/// Connections of their own for paged searches, of which OpenLDAP allows one a connection.
const SCANS: usize = 2;
/// For so long after a failed attempt nobody tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// The connections to one directory.
pub(super) struct Pool {
    servers: Vec<Server>,
    credentials: Credentials,
    slots: Vec<Slot>,
    scans: Arc<Semaphore>,
    outage: Mutex<Option<(Instant, String)>>,
    /// The kind of the server that was connected last.
    kind: Mutex<Kind>,
}

struct Slot {
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    permits: Arc<Semaphore>,
}

/// The right to one operation on a connection.
pub(super) struct Lease {
    /// The connection.
    pub connection: Arc<Connection>,
    _permit: OwnedSemaphorePermit,
}

// === impl Pool ===

impl Pool {
    /// No connection is made yet: a directory that is down at the start is no error.
    pub(super) fn new(servers: Vec<Server>, credentials: Credentials) -> Self {
        let slot = || Slot {
            connection: tokio::sync::Mutex::new(None),
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
        };
        let kind = servers.iter().find_map(|server| server.kind).unwrap_or_default();
        Self {
            servers,
            credentials,
            slots: (0..CONNECTIONS).map(|_| slot()).collect(),
            scans: Arc::new(Semaphore::new(SCANS)),
            outage: Mutex::new(None),
            kind: Mutex::new(kind),
        }
    }

    /// A place on the least busy connection; [`Failure::Unavailable`] when there is none in time.
    pub(super) async fn lease(&self, until: Instant) -> Result<Lease, Failure> {
        let Some(slot) = self.slots.iter().max_by_key(|slot| slot.permits.available_permits()) else {
            return Err(Failure::Internal("a pool without connections".to_owned()));
        };
        let permit = self.permit(&slot.permits, until).await?;
        let mut place = timeout_at(until, slot.connection.lock()).await.map_err(|_| busy())?;
        if let Some(connection) = place.as_ref().filter(|connection| connection.usable()) {
            return Ok(Lease { connection: connection.clone(), _permit: permit });
        }
        *place = None;
        let connection = Arc::new(self.open(until).await?);
        *place = Some(connection.clone());
        Ok(Lease { connection, _permit: permit })
    }

    /// A connection of one's own, closed when it is given back.
    pub(super) async fn dedicated(&self, until: Instant) -> Result<Lease, Failure> {
        let permit = self.permit(&self.scans, until).await?;
        Ok(Lease { connection: Arc::new(self.open(until).await?), _permit: permit })
    }

    /// The kind of the servers, as far as it is known: a generic one before the first connection, unless the
    /// configuration says it.
    pub(super) fn kind(&self) -> Kind {
        *self.kind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn permit(
        &self,
        permits: &Arc<Semaphore>,
        until: Instant,
    ) -> Result<OwnedSemaphorePermit, Failure> {
        match timeout_at(until, permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(busy()),
        }
    }

    /// The servers in their order, each with its share of the time.
    async fn open(&self, until: Instant) -> Result<Connection, Failure> {
        if let Some(text) = self.recent_outage() {
            return Err(Failure::Unavailable(text));
        }
        let mut last = "no server is configured".to_owned();
        for (tried, server) in self.servers.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(self.servers.len() - tried).unwrap_or(1);
            match Connection::open(server, &self.credentials, Instant::now() + share).await {
                Ok(connection) => {
                    *self.kind.lock().unwrap_or_else(PoisonError::into_inner) = connection.features.kind;
                    return Ok(connection);
                }
                Err(trouble) => last = self.failed(server, trouble),
            }
        }
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), last.to_string()));
        Err(Failure::Unavailable(last))
    }

    fn recent_outage(&self) -> Option<String> {
        let outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.as_ref().filter(|(when, _)| when.elapsed() < PAUSE).map(|(_, text)| text.clone())
    }

    fn failed(&self, server: &Server, trouble: Trouble) -> String {
        let text = match trouble {
            Trouble::Refused(result) => {
                let dn = &self.credentials.bind_dn;
                tracing::error!(url = server.url, dn, code = result.rc, "the directory refuses the bind");
                codes::bind(&result)
            }
            Trouble::NotSent(text) | Trouble::Lost(text) | Trouble::Malformed(text) => text,
        };
        tracing::warn!(url = server.url, cause = text, "no connection to the directory");
        format!("{}: {text}", server.url)
    }
}

fn busy() -> Failure {
    Failure::Unavailable("all connections to the directory are busy".to_owned())
}

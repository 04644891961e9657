//! A few multiplexed connections, each with a bounded number of operations in flight, made when they
//! are needed. Which server they go to is `fleet`'s affair.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;

use super::connection::Connection;
use super::fleet::Fleet;
use super::kind::Kind;

const CONNECTIONS: usize = 4;
/// More in flight on one connection only wait for each other there.
const IN_FLIGHT: usize = 16;
/// Connections of their own for paged searches, of which OpenLDAP allows one a connection.
const SCANS: usize = 2;

/// The connections to one directory.
pub(super) struct Pool {
    /// The servers.
    pub fleet: Arc<Fleet>,
    slots: Vec<Slot>,
    scans: Arc<Semaphore>,
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
    pub(super) fn new(fleet: Arc<Fleet>) -> Self {
        let slot = || Slot {
            connection: tokio::sync::Mutex::new(None),
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
        };
        Self {
            fleet,
            slots: (0..CONNECTIONS).map(|_| slot()).collect(),
            scans: Arc::new(Semaphore::new(SCANS)),
        }
    }

    /// How much of the time until then the first attempt gets: not all, when another server can be asked.
    pub(super) fn share(&self, until: Instant) -> Instant {
        self.fleet.share(until)
    }

    /// A place on the least busy connection; [`Failure::Unavailable`] when there is none in time.
    pub(super) async fn lease(&self, until: Instant) -> Result<Lease, Failure> {
        let Some(slot) = self.slots.iter().max_by_key(|slot| slot.permits.available_permits()) else {
            return Err(Failure::Internal("a pool without connections".to_owned()));
        };
        let permit = self.permit(&slot.permits, until).await?;
        let mut place = timeout_at(until, slot.connection.lock()).await.map_err(|_| busy())?;
        let fits = |connection: &&Arc<Connection>| connection.usable() && self.fleet.prefers(connection);
        if let Some(connection) = place.as_ref().filter(fits) {
            return Ok(Lease { connection: connection.clone(), _permit: permit });
        }
        *place = None;
        let connection = Arc::new(self.fleet.open(until).await?);
        *place = Some(connection.clone());
        Ok(Lease { connection, _permit: permit })
    }

    /// A connection of one's own, closed when it is given back.
    pub(super) async fn dedicated(&self, until: Instant) -> Result<Lease, Failure> {
        let permit = self.permit(&self.scans, until).await?;
        Ok(Lease { connection: Arc::new(self.fleet.open(until).await?), _permit: permit })
    }

    /// The kind of the servers, as far as it is known: a generic one before the first connection, unless the
    /// configuration says it.
    pub(super) fn kind(&self) -> Kind {
        self.fleet.kind()
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
}

fn busy() -> Failure {
    Failure::Unavailable("all connections to the directory are busy".to_owned())
}

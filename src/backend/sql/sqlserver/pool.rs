//! Connections to one SQL Server database. A connection is lent to one session at a time; it goes back only when its last
//! answer was read to its end and no transaction is open, else its socket is closed: what one request
//! left unread, no other may read. While the server cannot be reached, nobody waits for it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;
use crate::backend::standing::{Health, Standing};

use super::connect::{Refusal, Settings, Tds};

/// Connections at one time.
const CONNECTIONS: usize = 16;
/// How long a connection is used before another takes its place; a tenth more or less, by chance, so that not all end
/// at once.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How long one may lie unused.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// Connections that are used alike.
pub(super) struct Pool {
    settings: Settings,
    deadline: Duration,
    idle: Mutex<Vec<Resting>>,
    permits: Arc<Semaphore>,
    standing: Standing,
}

struct Resting {
    client: Tds,
    ends: Instant,
    since: Instant,
}

/// A connection on loan.
pub(super) struct Lease {
    /// `None` once it is of no use.
    pub client: Option<Tds>,
    /// Whether it was opened for this loan: then a failure is no sign that others are stale.
    pub is_new: bool,
    ends: Instant,
    pool: Arc<Pool>,
    permit: Option<OwnedSemaphorePermit>,
}

// === impl Pool ===

impl Pool {
    /// No connection is made yet: a server that is down at the start is no error.
    pub(super) fn new(settings: Settings, deadline: Duration) -> Arc<Self> {
        Arc::new(Self {
            settings,
            deadline,
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            standing: Standing::new(),
        })
    }

    /// The end of a wait that begins now.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// A connection, in the order of asking. The wait for a place and that for a new connection have each its deadline:
    /// who got a place when it was nearly too late must not find the server down for want of time.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, Failure> {
        let permit = match timeout_at(self.until(), self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            _ => return Err(Failure::Unavailable("all connections to the database are busy".to_owned())),
        };
        if let Some(Resting { client, ends, .. }) = self.rested() {
            return Ok(self.lend(client, ends, false, permit));
        }
        if let Health::Down(why) = self.standing.health() {
            self.tend();
            return Err(Failure::Unavailable(why));
        }
        match self.open().await {
            Ok(client) => Ok(self.lend(client, Instant::now() + life(), true, permit)),
            Err(refusal) => {
                self.tend();
                Err(Failure::Unavailable(refusal.cause))
            }
        }
    }

    /// Closes what lies unused: it is as stale as the connection that has just failed.
    pub(super) fn forget(&self) {
        self.resting().clear();
    }

    /// A new connection, within a deadline of its own, and what it tells of the server.
    pub(super) async fn open(&self) -> Result<Tds, Refusal> {
        match self.settings.connect(self.until()).await {
            Ok(client) => {
                if self.standing.answered() {
                    tracing::info!(host = self.settings.host, "the database answers again");
                }
                Ok(client)
            }
            Err(refusal) => {
                let (host, cause) = (&self.settings.host, &refusal.cause);
                if !self.standing.failed(refusal.cause.clone()) {
                    tracing::debug!(host, cause, "still no connection to the database");
                } else if refusal.is_denial {
                    tracing::error!(
                        host,
                        cause,
                        "the database does not let the gateway in: look at [target.sqlserver]"
                    );
                } else {
                    tracing::error!(host, cause, "no connection to the database");
                }
                Err(refusal)
            }
        }
    }

    fn lend(
        self: &Arc<Self>,
        client: Tds,
        ends: Instant,
        is_new: bool,
        permit: OwnedSemaphorePermit,
    ) -> Lease {
        Lease { client: Some(client), is_new, ends, pool: self.clone(), permit: Some(permit) }
    }

    /// The connection that was used last and is still good.
    fn rested(&self) -> Option<Resting> {
        let now = Instant::now();
        let mut resting = self.resting();
        resting.retain(|resting| resting.ends > now && resting.since + IDLE > now);
        resting.pop()
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<Resting>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that the server is probed while it is down.
    fn tend(self: &Arc<Self>) {
        if self.standing.wants_probe() {
            tokio::spawn(probe(Arc::downgrade(self)));
        }
    }
}

/// Probes the server until it is up, or nobody needs it any more.
async fn probe(pool: Weak<Pool>) {
    loop {
        let Some(pause) = pool.upgrade().map(|pool| pool.standing.pause()) else { return };
        tokio::time::sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.standing.is_up() {
            return pool.standing.leave();
        }
        if let Ok(client) = pool.open().await {
            let now = Instant::now();
            pool.resting().push(Resting { client, ends: now + life(), since: now });
            return pool.standing.leave();
        }
    }
}

fn life() -> Duration {
    LIFE * 9 / 10 + LIFE / 5 * u32::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255
}

// === impl Lease ===

impl Lease {
    /// The pool that it came from.
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Another connection in place of one that turned out to be stale, newly opened.
    pub(super) async fn renew(&mut self) -> Result<(), Failure> {
        self.pool.forget();
        self.client = None;
        let client = self.pool.open().await;
        self.client = Some(client.map_err(|refusal| {
            self.pool.tend();
            Failure::Unavailable(refusal.cause)
        })?);
        (self.is_new, self.ends) = (true, Instant::now() + life());
        Ok(())
    }

    /// The same loan, for a task that ends it after this one is dropped.
    pub(super) fn split(&mut self) -> Self {
        let (client, permit) = (self.client.take(), self.permit.take());
        Self { client, is_new: self.is_new, ends: self.ends, pool: self.pool.clone(), permit }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.pool.resting().push(Resting { client, ends: self.ends, since: Instant::now() });
        }
    }
}

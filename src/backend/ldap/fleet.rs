//! The servers of one directory, in order of preference: which of them is asked now. One that fails is left
//! to a probe in the background, so that no request waits for what is known to be down; when none is left,
//! the answer is [`Failure::Unavailable`] at once. Knows how to open a connection, not what it is for.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::Failure;

use super::codes;
use super::connection::{Connection, Credentials, Server, Trouble};
use super::kind::Kind;
use crate::backend::standing::{Health, Standing};

/// For so long after a write everybody stays with the server that took it: others may lag behind.
const STICKY: Duration = Duration::from_secs(5);
/// But no longer than this after a server that is preferred came back, however much is written.
const PATIENCE: Duration = Duration::from_secs(30);

const ADVICE: &str = "look at bind_dn and bind_password, or client_certificate";

/// The servers of one directory.
pub(super) struct Fleet {
    members: Vec<Member>,
    credentials: Credentials,
    /// How long a probe may take.
    deadline: Duration,
    /// The kind of the server that was connected last.
    kind: Mutex<Kind>,
}

struct Member {
    server: Server,
    standing: Arc<Standing>,
}

// === impl Fleet ===

impl Fleet {
    /// Nobody is asked yet.
    pub(super) fn new(servers: Vec<Server>, credentials: Credentials, deadline: Duration) -> Arc<Self> {
        let kind = Mutex::new(servers.iter().find_map(|server| server.kind).unwrap_or_default());
        let member = |server| Member { server, standing: Arc::new(Standing::new()) };
        Arc::new(Self { members: servers.into_iter().map(member).collect(), credentials, deadline, kind })
    }

    /// Whether a connection is to the server that is asked now.
    pub(super) fn prefers(self: &Arc<Self>, connection: &Connection) -> bool {
        self.tend();
        let chosen = self.choice(&[]).and_then(|at| self.members.get(at));
        chosen.is_some_and(|member| Arc::ptr_eq(&member.standing, &connection.standing))
    }

    /// How much of the time until then one server gets, so that another can still be asked.
    pub(super) fn share(&self, until: Instant) -> Instant {
        if self.up().nth(1).is_some() { half(until) } else { until }
    }

    /// A connection to the first server that gives one.
    pub(super) async fn open(self: &Arc<Self>, until: Instant) -> Result<Connection, Failure> {
        let mut tried = Vec::new();
        while let Some((at, member)) = self.choice(&tried).and_then(|at| Some((at, self.members.get(at)?))) {
            tried.push(at);
            let end = if self.choice(&tried).is_some() { half(until) } else { until };
            let began = Instant::now();
            match self.reach(member, end).await {
                Ok(connection) => return Ok(connection),
                // Too little time to tell more.
                Err(_) if Instant::now() >= end && end - began < self.deadline / 2 => {
                    member.standing.late(began);
                }
                Err(trouble) => self.failed(member, trouble),
            }
        }
        self.tend();
        Err(Failure::Unavailable(self.outage()))
    }

    /// A connection to each server, however it stands, one after the other: for an examination.
    pub(super) async fn each(&self) -> Vec<(&Server, Result<Connection, Trouble>)> {
        let mut all = Vec::with_capacity(self.members.len());
        for Member { server, standing } in &self.members {
            let until = Instant::now() + self.deadline;
            all.push((server, Connection::open(server, standing, &self.credentials, until).await));
        }
        all
    }

    /// The kind of the servers, as far as it is known: a generic one before the first connection, unless the
    /// configuration says it.
    pub(super) fn kind(&self) -> Kind {
        *self.kind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who the gateway is to the servers.
    pub(super) fn who(&self) -> &str {
        self.credentials.who()
    }

    /// The server to ask, of those not tried yet: the most preferred that is up, unless another took a write
    /// a moment ago. Without any, one that is only suspect.
    fn choice(&self, tried: &[usize]) -> Option<usize> {
        let untried = |at: &usize| !tried.contains(at);
        let Some(first) = self.up().find(untried) else {
            let suspect = |at: &usize| self.members.get(*at).is_some_and(|member| !member.standing.is_down());
            return (0..self.members.len()).filter(untried).find(suspect);
        };
        let wrote = |at| Some((self.written_lately(at)?, at));
        let sticky = self.up().filter(untried).filter_map(wrote).max().map(|(_, at)| at);
        Some(sticky.filter(|_| !self.is_long_back(first)).unwrap_or(first))
    }

    fn up(&self) -> impl Iterator<Item = usize> {
        self.members.iter().enumerate().filter(|(_, member)| member.standing.is_up()).map(|(at, _)| at)
    }

    /// The server's last write, while everybody stays with it for that.
    fn written_lately(&self, at: usize) -> Option<Instant> {
        self.members.get(at)?.standing.written().filter(|written| written.elapsed() < STICKY)
    }

    fn is_long_back(&self, at: usize) -> bool {
        let since = self.members.get(at).and_then(|member| member.standing.up_since());
        since.is_some_and(|since| since.elapsed() > PATIENCE)
    }

    async fn reach(&self, member: &Member, until: Instant) -> Result<Connection, Trouble> {
        let Member { server, standing } = member;
        let connection = Connection::open(server, standing, &self.credentials, until).await?;
        *self.kind.lock().unwrap_or_else(PoisonError::into_inner) = connection.features.kind;
        if standing.answered() {
            tracing::info!(url = server.url, "the directory's server answers again");
        }
        Ok(connection)
    }

    fn failed(&self, member: &Member, trouble: Trouble) {
        let (url, is_refused) = (&member.server.url, matches!(trouble, Trouble::Refused(_)));
        let cause = match trouble {
            Trouble::Refused(result) => codes::bind(&result),
            Trouble::NotSent(text) | Trouble::Lost(text) | Trouble::Malformed(text) => text,
        };
        if !member.standing.failed(cause.clone()) {
            tracing::debug!(url, cause, "still no connection to the directory");
        } else if is_refused {
            let who = self.credentials.who();
            tracing::error!(url, who, cause, "the directory refuses the gateway's bind: {ADVICE}");
        } else if self.up().next().is_some() {
            tracing::warn!(url, cause, "no connection to a server of the directory; another is asked");
        } else {
            tracing::error!(url, cause, "no connection to the directory");
        }
    }

    /// Why nobody can be asked.
    fn outage(&self) -> String {
        let why = |member: &Member| {
            let why = match member.standing.health() {
                Health::Down(why) => why,
                Health::Suspect | Health::Up => "no answer in time".to_owned(),
            };
            format!("{}: {why}", member.server.url)
        };
        self.members.iter().map(why).collect::<Vec<_>>().join("; ")
    }

    /// Sees to it that every server that is not up is probed.
    fn tend(self: &Arc<Self>) {
        for (at, member) in self.members.iter().enumerate() {
            if member.standing.wants_probe() {
                tokio::spawn(probe(Arc::downgrade(self), at));
            }
        }
    }

    /// One probe. Whether the server is up after it.
    async fn probe(&self, member: &Member) -> bool {
        match self.reach(member, Instant::now() + self.deadline).await {
            Ok(_) => true,
            Err(trouble) => {
                self.failed(member, trouble);
                false
            }
        }
    }
}

/// Probes a server until it is up, or nobody needs it any more.
async fn probe(fleet: Weak<Fleet>, at: usize) {
    loop {
        let pause = fleet.upgrade().and_then(|fleet| Some(fleet.members.get(at)?.standing.pause()));
        let Some(pause) = pause else { return };
        tokio::time::sleep(pause).await;
        let Some(fleet) = fleet.upgrade() else { return };
        let Some(member) = fleet.members.get(at) else { return };
        if member.standing.is_up() || fleet.probe(member).await {
            member.standing.leave();
            return;
        }
    }
}

fn half(until: Instant) -> Instant {
    let now = Instant::now();
    now + until.saturating_duration_since(now) / 2
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, server};
    use super::*;
    use crate::plan::Secret;

    const MOMENT: Duration = Duration::from_secs(1);

    fn fleet() -> (Arc<Fleet>, [Arc<Standing>; 2]) {
        let urls = ["ldap://127.0.0.1:1", "ldap://127.0.0.1:2"].map(str::to_owned);
        let identity = Identity::Password { dn: String::new(), password: Secret::new("secret") };
        let servers = server::parse_all(&urls, true, None).unwrap();
        let fleet = Fleet::new(servers, Credentials { identity, tls: None }, MOMENT);
        let standings = [0, 1].map(|at: usize| fleet.members[at].standing.clone());
        (fleet, standings)
    }

    #[test]
    fn the_preferred_server_is_asked_while_it_is_up() {
        let (fleet, [first, second]) = fleet();
        assert_eq!((fleet.choice(&[]), fleet.choice(&[0]), fleet.choice(&[0, 1])), (Some(0), Some(1), None));
        first.failed("refused".to_owned());
        assert_eq!((fleet.choice(&[]), fleet.choice(&[1])), (Some(1), None));
        second.late(Instant::now());
        assert_eq!(fleet.choice(&[]), Some(1));
        second.failed("refused".to_owned());
        assert_eq!(fleet.choice(&[]), None);
        first.answered();
        assert_eq!(fleet.choice(&[]), Some(0));
    }

    #[test]
    fn a_suspect_is_asked_when_nobody_else_is_left() {
        let (fleet, [first, second]) = fleet();
        first.late(Instant::now());
        assert_eq!((fleet.choice(&[]), fleet.choice(&[1])), (Some(1), Some(0)));
        second.late(Instant::now());
        assert_eq!(fleet.choice(&[]), Some(0));
    }

    #[test]
    fn everybody_stays_with_the_server_that_took_the_last_write_but_not_for_ever() {
        let (fleet, [first, second]) = fleet();
        first.long_ago(MOMENT, None);
        for (written, chosen) in [(MOMENT, 1), (STICKY + MOMENT, 0)] {
            second.long_ago(STICKY * 3, Some(written));
            assert_eq!(fleet.choice(&[]), Some(chosen), "{written:?}");
        }
        second.long_ago(STICKY * 3, Some(MOMENT));
        first.long_ago(PATIENCE + MOMENT, None);
        assert_eq!(fleet.choice(&[]), Some(0));
    }
}

//! One bound connection to a directory: made within a deadline, multiplexed, and given up at the first
//! sign of trouble. What an answer means is `codes`' affair; only what the wire can tell is told here.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ldap3::asn1::Tag;
use ldap3::controls::RawControl;
use ldap3::{LdapError, LdapResult, Mod, SearchOptions};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout, timeout_at};

use crate::plan::{AttributeChange, LdapOperation, ModifyKind, Scope, Value};

use super::Identity;
use super::deref::{self, DEREF};
use super::entry::Entry;
use super::kind::{self, Kind};
use super::memory::Memory;
use super::value::octets;
use super::wire::Wire;
use crate::backend::standing::Standing;

/// A connection is replaced at this age: firewalls and servers close old ones without a word.
const AGE: Duration = Duration::from_secs(600);
/// And after so many operations, which bounds what the wire library keeps of each.
const OPERATIONS: u64 = 100_000;

/// How long the end of a connection that failed to open is awaited, for its cause.
const AFTERMATH: Duration = Duration::from_millis(100);

const ASSERTION: &str = "1.3.6.1.1.12";
const POST_READ: &str = "1.3.6.1.1.13.2";
const PAGED: &str = "1.2.840.113556.1.4.319";

/// A server of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// `ldap://` or `ldaps://` with host and port.
    pub url: String,
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether StartTLS comes first.
    pub start_tls: bool,
    /// What kind it is, where the configuration says it.
    pub kind: Option<Kind>,
    /// What stands in its place.
    pub memory: Option<Arc<Memory>>,
}

/// Who the gateway is to the directory, and whom it believes.
pub(super) struct Credentials {
    pub identity: Identity,
    pub tls: Option<Arc<ClientConfig>>,
}

impl Credentials {
    /// Who that is, for the log.
    pub(super) fn who(&self) -> &str {
        match &self.identity {
            Identity::Password { dn, .. } => dn,
            Identity::Certificate { .. } => "whom the client certificate names",
        }
    }
}

/// Why a connection gave no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The operation certainly never left.
    NotSent(String),
    /// It may have left; the answer did not come.
    Lost(String),
    /// The bind was refused.
    Refused(LdapResult),
    /// The operation could not even be written: a fault of the mapping or of this gateway.
    Malformed(String),
}

/// What a search brought, whatever its result code.
#[derive(Debug)]
pub(super) struct Answer {
    pub entries: Vec<Entry>,
    pub result: LdapResult,
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// All of it.
    pub whole: Instant,
    /// Each next entry.
    pub entry: Duration,
}

/// What the server is and can do, from its rootDSE (RFC 4512 §5.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Features {
    pub kind: Kind,
    /// Whether nobody else can read along.
    pub secure: bool,
    pub assertion: bool,
    pub post_read: bool,
    pub paged: bool,
    pub deref: bool,
}

/// Who answers.
enum Peer {
    Server(Wire),
    /// Nobody: a directory in memory, to which all that is above is the same.
    Memory(Arc<Memory>),
}

/// A bound connection.
pub(super) struct Connection {
    peer: Peer,
    born: Instant,
    operations: AtomicU64,
    broken: AtomicBool,
    /// How its server stands: what happens here is told there.
    pub standing: Arc<Standing>,
    /// What the server is and can do.
    pub features: Features,
}

// === impl Patience ===

impl Patience {
    /// Now, and when what comes next is too late.
    fn begin(self) -> (Instant, Instant) {
        let now = Instant::now();
        (now, now.checked_add(self.entry).map_or(self.whole, |entry| entry.min(self.whole)))
    }
}

// === impl Connection ===

impl Connection {
    /// Connects, secures and binds.
    pub(super) async fn open(
        server: &Server,
        standing: &Arc<Standing>,
        who: &Credentials,
        until: Instant,
    ) -> Result<Self, Trouble> {
        if let Some(memory) = &server.memory {
            let features = Features { kind: memory.kind(), secure: true, paged: true, ..Features::default() };
            return Ok(Self { features, ..Self::to(Peer::Memory(memory.clone()), standing) });
        }
        let connecting = async { Wire::connect(server, who.tls.as_ref()).await.map_err(Trouble::Lost) };
        let mut connection = Self::to(Peer::Server(before(until, connecting).await?), standing);
        match connection.begin(server, who, until).await {
            Ok(features) => connection.features = features,
            Err(trouble) => return Err(connection.explained(who, trouble).await),
        }
        Ok(connection)
    }

    fn to(peer: Peer, standing: &Arc<Standing>) -> Self {
        Self {
            peer,
            born: Instant::now(),
            operations: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            standing: standing.clone(),
            features: Features::default(),
        }
    }

    async fn begin(&self, server: &Server, who: &Credentials, until: Instant) -> Result<Features, Trouble> {
        self.bind(who, until).await?;
        let secure = server.start_tls || server.url.starts_with("ldaps:");
        Ok(Features { secure, ..self.root_dse(server.kind, until).await? })
    }

    /// The trouble with the cause that only the wire knows, such as a refused certificate.
    /// Servers that do not take the gateway's certificate mostly close without a word.
    async fn explained(&mut self, who: &Credentials, trouble: Trouble) -> Trouble {
        let (Trouble::NotSent(text) | Trouble::Lost(text)) = &trouble else { return trouble };
        let hint = match who.identity {
            Identity::Password { .. } => "",
            Identity::Certificate { .. } => {
                "; it may not accept the client_certificate: look at its dates and issuer"
            }
        };
        let Peer::Server(wire) = &mut self.peer else { return trouble };
        match timeout(AFTERMATH, wire.end()).await {
            Ok(Some(cause)) => Trouble::Lost(format!("{cause}{hint}")),
            Ok(None) => Trouble::Lost(format!("{text}{hint}")),
            Err(_) => trouble,
        }
    }

    /// Whether it may take new operations.
    pub(super) fn usable(&self) -> bool {
        !self.broken.load(Ordering::Relaxed)
            && !is_worn(self.born.elapsed(), self.operations.load(Ordering::Relaxed))
            && !matches!(&self.peer, Peer::Server(wire) if wire.ldap.clone().is_closed())
    }

    /// As if it had done all that one connection does.
    #[cfg(test)]
    pub(super) fn wear_out(&self) {
        self.operations.store(OPERATIONS, Ordering::Relaxed);
    }

    /// Runs a search. More entries than its size limit allows are not read.
    pub(super) async fn search(
        &self,
        search: &LdapOperation,
        control: Option<RawControl>,
        until: Instant,
    ) -> Result<Answer, Trouble> {
        let mut entries = Vec::new();
        let patience = Patience { whole: until, entry: Duration::MAX };
        let result = self.pass(search, control, patience, &mut |entry| entries.push(entry)).await?;
        Ok(Answer { entries, result })
    }

    /// Runs a search whose entries go on one by one, as they come.
    pub(super) async fn pass(
        &self,
        search: &LdapOperation,
        control: Option<RawControl>,
        patience: Patience,
        take: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<LdapResult, Trouble> {
        let LdapOperation::Search { base, scope, filter, attributes, size_limit } = search else {
            return Err(Trouble::Malformed("not a search".to_owned()));
        };
        let mut ldap = match &self.peer {
            Peer::Server(wire) => self.operation(wire),
            Peer::Memory(memory) => {
                let (entries, result) = memory.search(search);
                entries.into_iter().for_each(take);
                return Ok(result);
            }
        };
        ldap.with_search_options(SearchOptions::new().sizelimit(i32::try_from(*size_limit).unwrap_or(0)));
        if let Some(control) = control {
            ldap.with_controls(control);
        }
        let scope = match scope {
            Scope::Base => ldap3::Scope::Base,
            Scope::Subtree => ldap3::Scope::Subtree,
        };
        let (mut began, mut until) = patience.begin();
        let reading = async {
            // Without an adapter the library frees the message's id at the end; with one it never does.
            let begin = ldap.streaming_search(base, scope, filter, attributes);
            let mut stream = before(until, async { begin.await.map_err(trouble) }).await?;
            let mut count = 0;
            while let Some(item) = before(until, async { stream.next().await.map_err(trouble) }).await? {
                (began, until) = patience.begin();
                if item.is_ref() || item.is_intermediate() {
                    continue;
                }
                if *size_limit > 0 && count >= *size_limit {
                    return Err(Trouble::Lost("the server sent more entries than asked".to_owned()));
                }
                count += 1;
                if let Some(mut entry) = Entry::decode(item.0) {
                    entry.led = deref::led(&item.1);
                    take(entry);
                }
            }
            Ok(stream.finish().await)
        };
        let answer = reading.await;
        self.watched(answer, began, until)
    }

    /// Sends a write, in a task of its own: the wire library panics on answers that are not UTF-8.
    pub(super) async fn write(
        &self,
        write: LdapOperation,
        controls: Vec<RawControl>,
        until: Instant,
    ) -> Result<LdapResult, Trouble> {
        self.send(write, true, controls, until).await
    }

    /// A rename that leaves the old name's value in the entry.
    pub(super) async fn rename_keeping(
        &self,
        rename: LdapOperation,
        until: Instant,
    ) -> Result<LdapResult, Trouble> {
        self.send(rename, false, Vec::new(), until).await
    }

    async fn send(
        &self,
        write: LdapOperation,
        delete_old_rdn: bool,
        controls: Vec<RawControl>,
        until: Instant,
    ) -> Result<LdapResult, Trouble> {
        let (mut ldap, began) = match &self.peer {
            Peer::Server(wire) => (self.operation(wire), Instant::now()),
            Peer::Memory(memory) => return Ok(memory.write(&write, delete_old_rdn)),
        };
        let task = tokio::spawn(async move {
            if !controls.is_empty() {
                ldap.with_controls(controls);
            }
            before(until, async { send(ldap, write, delete_old_rdn).await.map_err(trouble) }).await
        });
        let answer = self.watched(task.await.unwrap_or_else(|_| Err(malformed())), began, until);
        if answer.as_ref().is_ok_and(|result| result.rc == 0) {
            self.standing.wrote();
        }
        answer
    }

    fn operation(&self, wire: &Wire) -> ldap3::Ldap {
        self.operations.fetch_add(1, Ordering::Relaxed);
        wire.ldap.clone()
    }

    /// Gives the connection up when there was trouble; a server that let the time pass is suspect.
    fn watched<T>(&self, answer: Result<T, Trouble>, began: Instant, until: Instant) -> Result<T, Trouble> {
        if matches!(answer, Err(Trouble::NotSent(_) | Trouble::Lost(_))) {
            self.broken.store(true, Ordering::Relaxed);
            if Instant::now() >= until {
                self.standing.late(began);
            }
        }
        answer
    }

    async fn bind(&self, who: &Credentials, until: Instant) -> Result<(), Trouble> {
        let Peer::Server(wire) = &self.peer else { return Ok(()) };
        let mut ldap = self.operation(wire);
        let identity = who.identity.clone();
        let binding = async move {
            match identity {
                Identity::Password { dn, password } => {
                    let password = std::str::from_utf8(password.expose()).unwrap_or_default();
                    ldap.simple_bind(&dn, password).await.map_err(trouble)
                }
                Identity::Certificate { .. } => ldap.sasl_external_bind().await.map_err(trouble),
            }
        };
        let task = tokio::spawn(before(until, binding));
        let result = task.await.unwrap_or_else(|_| Err(malformed()))?;
        if result.rc == 0 { Ok(()) } else { Err(Trouble::Refused(result)) }
    }

    async fn root_dse(&self, said: Option<Kind>, until: Instant) -> Result<Features, Trouble> {
        let answer = self.search(&root_dse(), None, until).await?;
        let root_dse = answer.entries.into_iter().next().unwrap_or_default();
        let kind = said.unwrap_or_else(|| Kind::of(&root_dse));
        let controls = root_dse.values("supportedControl");
        let has = |oid: &str| controls.contains(&Value::from(oid));
        let assertion = has(ASSERTION) && kind.asserts();
        let (post_read, paged, deref) = (has(POST_READ), has(PAGED), has(DEREF) && kind.leads());
        Ok(Features { kind, assertion, post_read, paged, deref, ..Features::default() })
    }
}

/// The read of the server's own entry; also what a health check asks.
pub(super) fn root_dse() -> LdapOperation {
    let attributes = ["supportedControl"].into_iter().chain(kind::TELLING);
    LdapOperation::Search {
        base: String::new(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: attributes.map(str::to_owned).collect(),
        size_limit: 1,
    }
}

/// Ends at the deadline, with [`Trouble::Lost`].
async fn before<T>(until: Instant, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let late = |_| Trouble::Lost("no answer before the deadline".to_owned());
    timeout_at(until, work).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

fn trouble(error: LdapError) -> Trouble {
    match error {
        LdapError::OpSend { .. } => Trouble::NotSent("the connection was closed".to_owned()),
        LdapError::FilterParsing | LdapError::AddNoValues => Trouble::Malformed(error.to_string()),
        other => Trouble::Lost(other.to_string()),
    }
}

fn malformed() -> Trouble {
    Trouble::Lost("a malformed answer".to_owned())
}

/// Whether a connection is to be replaced though nothing is wrong with it.
fn is_worn(age: Duration, operations: u64) -> bool {
    age >= AGE || operations >= OPERATIONS
}

async fn send(
    mut ldap: ldap3::Ldap,
    write: LdapOperation,
    delete_old_rdn: bool,
) -> Result<LdapResult, LdapError> {
    match write {
        LdapOperation::Add { dn, attributes } => {
            let set = |(name, values): (String, Vec<Value>)| {
                (name.into_bytes(), values.iter().map(octets).collect())
            };
            ldap.add(&dn, attributes.into_iter().map(set).collect()).await
        }
        LdapOperation::Modify { dn, changes, .. } => {
            ldap.modify(&dn, changes.into_iter().map(modification).collect()).await
        }
        LdapOperation::ModifyDn { dn, new_rdn, new_superior, .. } => {
            ldap.modifydn(&dn, &new_rdn, delete_old_rdn, new_superior.as_deref()).await
        }
        LdapOperation::Delete { dn, .. } => ldap.delete(&dn).await,
        LdapOperation::Search { .. } => Err(LdapError::FilterParsing),
    }
}

fn modification(change: AttributeChange) -> Mod<Vec<u8>> {
    let values: HashSet<Vec<u8>> = change.values.iter().map(octets).collect();
    let attribute = change.attribute.into_bytes();
    match change.kind {
        ModifyKind::Add => Mod::Add(attribute, values),
        ModifyKind::Delete => Mod::Delete(attribute, values),
        ModifyKind::Replace => Mod::Replace(attribute, values),
    }
}

/// A filter as a critical assertion (RFC 4528); `None` when it is not a filter, on which the wire
/// library's own constructor would panic.
pub(super) fn assertion(filter: &str) -> Option<RawControl> {
    use ldap3::controls::{Assertion, MakeCritical};
    let _: Tag = ldap3::parse_filter(filter).ok()?;
    Some(Assertion { filter }.critical().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_worn_by_age_and_by_work() {
        assert!(!is_worn(AGE - Duration::from_secs(1), OPERATIONS - 1));
        assert!(is_worn(AGE, 0) && is_worn(Duration::ZERO, OPERATIONS));
    }
}

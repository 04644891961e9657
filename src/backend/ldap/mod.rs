//! The port to a directory: what is configured, and the trait's two halves, the pure lowering and the
//! session. Knows LDAP and `plan`; no SCIM, no mapping. Tested against OpenLDAP and
//! 389 Directory Server.

mod account;
mod ber;
mod cache;
mod codes;
mod configured;
mod connection;
mod counter;
mod delegation;
mod deref;
mod dn;
mod entry;
mod examine;
mod execute;
mod filter;
#[cfg(test)]
mod fixture;
mod fleet;
mod id;
mod kind;
mod long;
mod lower;
mod memory;
mod naming;
mod pages;
mod pool;
mod ranges;
mod read;
mod references;
mod rename;
mod said;
mod scan;
mod schema;
mod search;
mod server;
mod stand_ins;
mod subcodes;
mod survey;
#[cfg(test)]
mod tests;
mod tls;
mod turns;
mod unknown;
mod value;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::sync::OwnedMutexGuard;

use super::{Backend, Failure, Finding, Intent, Lowered, Session, Take};
use crate::limits::Limits;
use crate::plan::{
    Entity, Facts, Found, Instants, Model, Native, Operation, Plan, Precision, Profile, Search, Secret, Step,
    Store, Touched,
};
use connection::Credentials;
pub use kind::Kind;
use read::Directory;
pub use tls::Authority;

/// What a configuration says about a directory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ldaps://host:port`, or `ldap://host:port`, which begins with StartTLS; in order of preference.
    pub urls: Vec<String>,
    /// Whom to believe; the platform's own bundle when absent.
    pub ca: Option<Authority>,
    /// What kind of server it is; absent: each server is asked.
    pub kind: Option<Kind>,
    /// Who the gateway is.
    pub identity: Identity,
    /// Whether `ldap://` goes without TLS: for loopback only.
    pub plaintext: bool,
    /// One call of a session, at most.
    pub deadline: Duration,
    /// Entries that one search may look at.
    pub scanned_rows: usize,
}

/// Who the gateway is to a directory.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Simple bind; the password is UTF-8, not empty.
    Password {
        /// Who.
        dn: String,
        /// The password.
        password: Secret,
    },
    /// SASL EXTERNAL, by the certificate shown in TLS. Both are PEM.
    Certificate {
        /// The certificate chain, the gateway's own first.
        chain: Vec<u8>,
        /// Its private key.
        key: Secret,
    },
}

/// A directory.
pub struct Ldap {
    directory: Arc<Directory>,
}

struct LdapSession {
    directory: Arc<Directory>,
    intent: Intent,
    /// What was executed.
    done: Vec<Step>,
    /// Its turn to take numbers. Without turns the requests of one gateway would mostly be in each other's way.
    turn: Option<OwnedMutexGuard<()>>,
    /// The names of what it read.
    seen: naming::Seen,
}

impl Ldap {
    /// Checks the settings; connects to nobody yet. The error is for the person who configures.
    pub fn new(settings: Settings, model: Arc<Model>) -> Result<Self, String> {
        let servers = server::parse_all(&settings.urls, settings.plaintext, settings.kind)?;
        let secure = settings.urls.iter().any(|url| url.starts_with("ldaps:")) || !settings.plaintext;
        check_leavers(&model)?;
        let identity = settings.identity;
        let tls = if secure { Some(tls::client(settings.ca.as_ref(), &identity)?) } else { None };
        match &identity {
            Identity::Password { password, .. }
                if password.expose().is_empty() || std::str::from_utf8(password.expose()).is_err() =>
            {
                return Err("bind_password is empty or not UTF-8".to_owned());
            }
            Identity::Certificate { .. } if settings.plaintext => {
                return Err("a client certificate needs TLS, which plaintext leaves out".to_owned());
            }
            _ => {}
        }
        let credentials = Credentials { identity, tls };
        let fleet = fleet::Fleet::new(servers, credentials, settings.deadline);
        Ok(Self::of(model, fleet, settings.deadline, settings.scanned_rows))
    }

    /// A directory that is held in memory and asks nobody: the entries of an LDIF file, in which `now` is the time. The
    /// error says what is wrong in the file.
    pub fn in_memory(
        ldif: &str,
        model: Arc<Model>,
        kind: Kind,
        now: OffsetDateTime,
        limits: &Limits,
    ) -> Result<Self, String> {
        check_leavers(&model)?;
        let server = server::in_memory(memory::Memory::new(ldif, &model, kind, now)?);
        let identity = Identity::Password { dn: String::new(), password: Secret::text("") };
        let deadline = Duration::from_millis(limits.backend_deadline_ms);
        let fleet = fleet::Fleet::new(vec![server], Credentials { identity, tls: None }, deadline);
        Ok(Self::of(model, fleet, deadline, limits.scanned_rows))
    }

    fn of(model: Arc<Model>, fleet: Arc<fleet::Fleet>, deadline: Duration, scanned_rows: usize) -> Self {
        let naming = naming::Naming::of(&model);
        let directory = Directory {
            model,
            pool: pool::Pool::new(fleet).into(),
            names: cache::Names::new(),
            turns: turns::Turns::new().into(),
            numbers: Arc::default(),
            naming,
            deadline,
            scanned_rows,
            long: Arc::default(),
        };
        Self { directory: Arc::new(directory) }
    }
}

/// Whether a type's entries have Active Directory's ids, and so its rule for bits too. The mapping says it, so that a
/// filter is the same before a connection is made.
fn is_of_active_directory(entity: &Entity) -> bool {
    matches!(&entity.store, Store::Entries(entries) if id::is_guid(&entries.id))
}

/// Whoever left must be in no resource's reach.
fn check_leavers(model: &Model) -> Result<(), String> {
    let parse = |dn: &str| dn::Dn::parse(dn).ok_or_else(|| format!("{dn} is not a DN"));
    for entity in model.entities.values() {
        let Store::Entries(entries) = &entity.store else { continue };
        let base = parse(&entries.base)?;
        let rules = model.entities.values().flat_map(|entity| &entity.on_delete);
        for to in rules.filter_map(|rule| rule.how.place()) {
            if parse(to)?.under(&base) {
                let name = &entity.name;
                return Err(format!(
                    "{to}, where leavers go, is below {}, where each {name} is",
                    entries.base
                ));
            }
        }
    }
    Ok(())
}

#[async_trait]
impl Backend for Ldap {
    fn profile(&self) -> Profile {
        Profile {
            kind: "LDAP",
            folding: self.directory.pool.kind().folding(),
            // Whether an attribute ignores case, or spaces, or hyphens, is its own matching rule's affair.
            text: Precision::Over,
            ordering: false,
            // RFC 4512 §3.4 gives these two their matching rules; with others a server may know none.
            instants: Instants::Seconds(&["createTimestamp", "modifyTimestamp"]),
            bits: self.directory.model.entities.values().all(is_of_active_directory),
            windows: false,
        }
    }

    fn lower(&self, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
        lower::lower(&self.directory.model, operation, facts)
    }

    async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(LdapSession {
            directory: self.directory.clone(),
            intent,
            done: Vec::new(),
            turn: None,
            seen: self.directory.naming.begin(),
        }))
    }

    /// What was seen is forgotten: another mapping may find ids elsewhere.
    fn with_model(&self, model: Arc<Model>) -> Result<Option<Arc<dyn Backend>>, String> {
        check_leavers(&model)?;
        let before = &self.directory;
        let directory = Directory {
            pool: before.pool.clone(),
            names: cache::Names::new(),
            turns: before.turns.clone(),
            numbers: before.numbers.clone(),
            naming: naming::Naming::of(&model),
            deadline: before.deadline,
            scanned_rows: before.scanned_rows,
            long: before.long.clone(),
            model,
        };
        Ok(Some(Arc::new(Self { directory: Arc::new(directory) })))
    }

    async fn ping(&self) -> Result<(), Failure> {
        self.directory.ping().await
    }

    async fn examine(&self, touched: &[Touched], write: bool) -> Vec<Finding> {
        self.directory.examine(touched, write).await
    }

    async fn indexes(&self, _entity: &str, compared: &BTreeSet<Native>) -> Vec<Finding> {
        self.directory.indexes(compared).await.unwrap_or_else(Finding::broken)
    }
}

impl LdapSession {
    /// Without a change of names between what decided the plan and its end.
    async fn in_turn(&mut self, plan: &Plan) -> Result<Option<String>, Failure> {
        let until = self.directory.until();
        let _turn = self.directory.naming.enter(plan, &self.seen, until).await?;
        self.directory.execute(plan).await
    }
}

#[async_trait]
impl Session for LdapSession {
    async fn search(&mut self, search: &Search) -> Result<Found, Failure> {
        if self.turn.is_none() && self.intent == Intent::Write && self.directory.is_counter(search) {
            self.turn = Some(self.directory.turn_at_numbers().await?);
        }
        let found = self.directory.find(search).await?;
        if self.intent == Intent::Write {
            self.directory.naming.saw(&mut self.seen, &search.entity, &found);
        }
        Ok(found)
    }

    async fn scan(&mut self, search: &Search, take: &mut Take<'_>) -> Result<bool, Failure> {
        self.directory.scan(search, take).await
    }

    async fn execute(&mut self, plan: &Plan) -> Result<Option<String>, Failure> {
        let made = self.in_turn(plan).await;
        self.turn = None;
        self.done.extend(plan.steps.iter().filter(|_| made.is_ok()).cloned());
        made
    }

    /// LDAP has no transaction: what was executed lasts already.
    async fn commit(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }

    async fn roll_back(self: Box<Self>) -> Result<(), Failure> {
        self.directory.undo(&self.done).await
    }
}

//! The one place that changes a directory. Steps run in their order; when one fails, the inverses of
//! those before it run in the opposite order, for LDAP has no transaction.

use ldap3::LdapResult;
use ldap3::controls::{PostRead, RawControl};
use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{Action, Expect, LdapOperation, ModifyKind, Plan, Scope, Step, Store};

use super::ber;
use super::codes::{self, dn};
use super::connection::{Trouble, assertion};
use super::entry::Entry;
use super::id;
use super::pool::Lease;
use super::read::{Directory, unavailable};
use super::rename;
use super::unknown::Lost;

/// What became of a write that was sent.
enum Sent {
    Answered(LdapResult),
    Lost(Lost),
}

impl Directory {
    /// Does what the plan says; the id of the entry that it made, if it made one.
    pub(super) async fn execute(&self, plan: &Plan) -> Result<Option<String>, Failure> {
        let until = self.until();
        let mut id = None;
        for (done, step) in plan.steps.iter().enumerate() {
            match self.step(step, until).await {
                Ok(made) => id = id.or(made),
                Err(failure) => {
                    return Err(self.broken_off(plan.steps.get(..done).unwrap_or(&[]), failure).await);
                }
            }
        }
        Ok(id)
    }

    /// After a failure, what was done before is undone, except when the failed step may have been done
    /// after all: then the state is as the plan wanted, or some steps short of it, and asking again ends it.
    async fn broken_off(&self, done: &[Step], failure: Failure) -> Failure {
        if matches!(failure, Failure::Unknown(_)) {
            return failure;
        }
        match self.undo(done).await {
            Ok(()) => failure,
            Err(second) => {
                tracing::error!(after = %failure, "a change stays half done");
                second
            }
        }
    }

    /// Runs the inverses of these steps, the last one's first.
    pub(super) async fn undo(&self, done: &[Step]) -> Result<(), Failure> {
        let until = self.until();
        let mut end = Ok(());
        for inverse in done.iter().rev().filter_map(inverse) {
            let half_done = |cause| format!("a change of {} stays half done: {cause}", dn(&inverse));
            // One that fails is no reason to leave the others.
            let failed = self.write(&inverse, until).await.err().map(|failure| match failure {
                Failure::Unavailable(text) | Failure::Unknown(text) => Failure::Unknown(half_done(text)),
                other => Failure::Internal(half_done(other.to_string())),
            });
            if let Some(failure) = failed {
                tracing::error!(cause = %failure, "what was done could not be undone");
                end = end.and(Err(failure));
            }
        }
        end
    }

    async fn step(&self, step: &Step, until: Instant) -> Result<Option<String>, Failure> {
        match &step.action {
            Action::Ldap(LdapOperation::Search { .. }) => {
                Err(Failure::Internal("a search is run as a search, not as a step".to_owned()))
            }
            Action::Ldap(write) if step.expect == Expect::Free => {
                self.take(write, until).await.map(|()| None)
            }
            Action::Ldap(write) => self.write(write, until).await,
            Action::Sql(_) => Err(Failure::Internal("SQL cannot be run on a directory".to_owned())),
        }
    }

    /// A counter's step. What it left is no proof that this write did it: another's leaves the same. So where the
    /// answer is lost the number is given up, and nobody has one twice.
    async fn take(&self, write: &LdapOperation, until: Instant) -> Result<(), Failure> {
        match self.send(write, until).await? {
            Sent::Answered(result) => match self.answered(write, &result, until).await {
                Err(Failure::Conflict(cause)) => Err(Failure::Overtaken(cause)),
                answered => answered.map(|_| ()),
            },
            Sent::Lost(lost) if lost.is_late => Err(Failure::Unavailable(lost.why)),
            Sent::Lost(lost) => Err(Failure::Overtaken(lost.why)),
        }
    }

    /// One write: the new entry's id when it is an add.
    async fn write(&self, write: &LdapOperation, until: Instant) -> Result<Option<String>, Failure> {
        match self.send(write, until).await? {
            Sent::Answered(result) => self.answered(write, &result, until).await,
            Sent::Lost(lost) => self.look_again(lost, until).await,
        }
    }

    /// Sends a write; what certainly never left, once more. [`Failure::Unavailable`]: nothing was sent.
    async fn send(&self, write: &LdapOperation, until: Instant) -> Result<Sent, Failure> {
        match self.send_once(write, self.pool.share(until)).await {
            Err(Failure::Unavailable(_)) if Instant::now() < until => self.send_once(write, until).await,
            sent => sent,
        }
    }

    async fn send_once(&self, write: &LdapOperation, until: Instant) -> Result<Sent, Failure> {
        let lease = self.pool.lease(until).await?;
        let features = lease.connection.features;
        if !features.secure && codes::sets_password(write) {
            let text = "passwords are only written over TLS, and the connection to this directory has none";
            return Err(Failure::Refused(text.to_owned()));
        }
        let _turn = match asserted(write) {
            Some(_) if !features.assertion => Some(self.turns.take(dn(write), until).await?),
            _ => None,
        };
        let (sent, controls) = self.conditioned(&lease, write, until).await?;
        match lease.connection.write(sent.clone(), controls, until).await {
            Ok(result) if rename::is_met(features.kind, write, &result) => {
                rename::in_two(&lease.connection, write, until).await.map(Sent::Answered)
            }
            Ok(result) => Ok(Sent::Answered(result)),
            Err(Trouble::Lost(why)) => {
                let is_late = Instant::now() >= until;
                let server = lease.connection.standing.clone();
                Ok(Sent::Lost(Lost { write: sent, server, is_late, why }))
            }
            Err(trouble) => Err(unavailable(trouble)),
        }
    }

    async fn answered(
        &self,
        write: &LdapOperation,
        result: &LdapResult,
        until: Instant,
    ) -> Result<Option<String>, Failure> {
        if result.rc != 0 {
            return Err(self.failure(write, result));
        }
        match write {
            LdapOperation::Add { dn, .. } => self.made(dn, result, until).await.map(Some),
            _ => Ok(None),
        }
    }

    /// The write with its assertion, critical. A server without that control is asked just before instead: between
    /// the two another's change can slip in. Where an id can stand for the DN, the write then goes to the very entry
    /// that was asked, never to another that has its name by then.
    async fn conditioned(
        &self,
        lease: &Lease,
        write: &LdapOperation,
        until: Instant,
    ) -> Result<(LdapOperation, Vec<RawControl>), Failure> {
        let (filter, features) = (asserted(write), lease.connection.features);
        let controls = match (write, filter) {
            (LdapOperation::Add { .. }, _) if features.post_read => vec![PostRead::new(self.ids())],
            (_, Some(filter)) if features.assertion => {
                let control = assertion(&features.kind.assertion(dn(write), filter));
                vec![control.ok_or_else(|| Failure::Internal(format!("not a filter: {filter}")))?]
            }
            (_, Some(filter)) => {
                let entry = self.holding(lease, dn(write), filter, until).await?;
                let name = id::name(&entry).filter(|_| features.kind.takes_ids());
                return Ok((name.map_or_else(|| write.clone(), |name| at(write, name)), Vec::new()));
            }
            _ => Vec::new(),
        };
        Ok((write.clone(), controls))
    }

    /// The entry, its id at least, when it is as the filter says.
    async fn holding(&self, lease: &Lease, dn: &str, filter: &str, until: Instant) -> Result<Entry, Failure> {
        let search = LdapOperation::Search {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: filter.to_owned(),
            attributes: vec![id::GUID_ATTRIBUTE.to_owned()],
            size_limit: 1,
        };
        let answer = lease.connection.search(&search, None, until).await.map_err(unavailable)?;
        match (answer.result.rc, answer.entries.into_iter().next()) {
            (0, Some(entry)) => Ok(entry),
            (0 | codes::NO_SUCH_OBJECT, _) => {
                Err(Failure::Conflict("the entry is no longer as it was".to_owned()))
            }
            _ => Err(codes::search(dn, &answer.result)),
        }
    }

    /// The names of the id attributes in the mapping; one, as a rule.
    pub(super) fn ids(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for entity in self.model.entities.values() {
            if let Store::Entries(entries) = &entity.store
                && !ids.contains(&entries.id.to_string())
            {
                ids.push(entries.id.to_string());
            }
        }
        ids
    }

    /// The id of the entry just made: from the answer, or by a read.
    async fn made(&self, dn: &str, result: &LdapResult, until: Instant) -> Result<String, Failure> {
        let ids = self.ids();
        let id = |entry: Entry| ids.iter().find_map(|attribute| id::of(&entry, attribute));
        let mut id_made = post_read(result).and_then(id);
        if id_made.is_none() {
            let read = LdapOperation::Search {
                base: dn.to_owned(),
                scope: Scope::Base,
                filter: "(objectClass=*)".to_owned(),
                attributes: ids.clone(),
                size_limit: 1,
            };
            let entry =
                self.ask(&read, until).await.ok().and_then(|answer| answer.entries.into_iter().next());
            id_made = entry.and_then(id);
        }
        let id =
            id_made.ok_or_else(|| Failure::Unknown(format!("{dn} was made, its id could not be read")))?;
        self.names.saw(&id, dn);
        Ok(id)
    }

    /// A removal that would leave an attribute empty which must not be is tried again with the
    /// placeholder; all else is as the code says.
    fn failure(&self, write: &LdapOperation, result: &LdapResult) -> Failure {
        if result.rc == codes::OBJECT_CLASS && self.lacks_placeholder(write) {
            return Failure::Conflict("the last value goes, and there is no placeholder".to_owned());
        }
        codes::write(write, result)
    }

    fn lacks_placeholder(&self, write: &LdapOperation) -> bool {
        let LdapOperation::Modify { changes, .. } = write else { return false };
        let touches = |kind: ModifyKind, attribute: &str| {
            changes
                .iter()
                .any(|change| change.kind == kind && change.attribute.eq_ignore_ascii_case(attribute))
        };
        self.model.entities.values().any(|entity| match &entity.store {
            Store::Entries(entries) => entries.placeholder.as_ref().is_some_and(|(attribute, _)| {
                touches(ModifyKind::Delete, attribute) && !touches(ModifyKind::Add, attribute)
            }),
            Store::Table(_) => false,
        })
    }
}

/// What undoes a step: what the plan says; of an add it is clear without.
fn inverse(step: &Step) -> Option<LdapOperation> {
    match &step.action {
        Action::Ldap(LdapOperation::Add { dn, .. }) if step.undo.is_none() => {
            Some(LdapOperation::Delete { dn: dn.clone(), assertion: None })
        }
        _ => step.undo.clone(),
    }
}

fn post_read(result: &LdapResult) -> Option<Entry> {
    let value = |control: &ldap3::controls::Control| match control.1.ctype.as_str() {
        "1.3.6.1.1.13.2" => control.1.val.clone(),
        _ => None,
    };
    let value = result.ctrls.iter().find_map(value)?;
    ber::parse(&value).and_then(Entry::decode)
}

/// The same change of the entry with this name. A rename keeps the DN: Samba takes nothing else there.
fn at(write: &LdapOperation, name: String) -> LdapOperation {
    let mut write = write.clone();
    if let LdapOperation::Modify { dn, .. } | LdapOperation::Delete { dn, .. } = &mut write {
        *dn = name;
    }
    write
}

fn asserted(write: &LdapOperation) -> Option<&str> {
    match write {
        LdapOperation::Modify { assertion, .. }
        | LdapOperation::ModifyDn { assertion, .. }
        | LdapOperation::Delete { assertion, .. } => assertion.as_deref(),
        LdapOperation::Add { .. } | LdapOperation::Search { .. } => None,
    }
}

//! Names that stand in several entries: a group's in its further entry, a person's `uid` in `memberUid`. LDAP changes
//! one entry at a time, so whoever writes by such a name is kept apart from whoever changes it: a plan that was
//! made with a name that is another since is made anew, and so is one that changes a name which somebody has written
//! elsewhere since. Writers at other gateways are not stopped so.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;
use crate::plan::{Action, Found, LdapOperation, Model, Plan, Store};

use super::dn::Dn;

/// Names of each kind that are remembered, at most.
const NAMES: u64 = 10_000;
/// So many names that one plan writes are remembered one by one; of more, that they may be anybody's.
const WRITTEN: usize = 1_000;
/// How long a changed name is remembered: longer than any session lasts.
const LATELY: Duration = Duration::from_secs(120);

/// Whose turn it is, and which names changed lately.
pub(super) struct Naming {
    /// Whether the mapping has such names.
    matters: bool,
    /// The types whose names stand elsewhere in place of their DN.
    held: BTreeSet<Arc<str>>,
    /// Their attributes that do.
    by: BTreeSet<String>,
    turn: RwLock<()>,
    noting: Mutex<()>,
    /// How often a name changed or was written.
    events: AtomicU64,
    /// By normalised DN: when its name changed.
    changed: Cache<String, u64>,
    /// By normalised DN: when its name was written elsewhere.
    written: Cache<String, u64>,
    /// When so many were written that nobody counted them.
    flood: AtomicU64,
}

/// What a session has seen of names.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How much had happened when it began.
    since: u64,
    /// DNs as the server wrote them.
    dns: Vec<String>,
    /// Those of them whose names it may write elsewhere.
    held: Vec<String>,
}

/// The turn, until it is dropped: then whoever read before that knows too little.
pub(super) struct Turn<'a> {
    naming: &'a Naming,
    change: Change,
    /// Held, not read.
    _lock: Lock<'a>,
}

/// What a plan does to names, by normalised DN.
enum Change {
    /// They may be written elsewhere.
    Writes(Vec<String>),
    /// They become others, or end.
    Renames(Vec<String>),
}

#[allow(dead_code)] // held, not read
enum Lock<'a> {
    /// No names matter.
    Free,
    /// With others who change no name.
    Shared(RwLockReadGuard<'a, ()>),
    /// Alone.
    Alone(RwLockWriteGuard<'a, ()>),
}

// === impl Naming ===

impl Naming {
    pub(super) fn of(model: &Model) -> Self {
        let mut entries = model.entities.values().filter_map(|entity| match &entity.store {
            Store::Entries(entries) => Some(entries),
            Store::Table(_) => None,
        });
        let has_parts = entries.any(|entries| !entries.parts.is_empty());
        let held: BTreeSet<Arc<str>> = model.held().flat_map(|held| held.by.types.clone()).collect();
        let names = || Cache::builder().max_capacity(NAMES).time_to_live(LATELY).build();
        Self {
            matters: has_parts || !held.is_empty(),
            held,
            by: model.held().map(|held| held.by.attribute.to_lowercase()).collect(),
            turn: RwLock::new(()),
            noting: Mutex::new(()),
            events: AtomicU64::new(0),
            changed: names(),
            written: names(),
            flood: AtomicU64::new(0),
        }
    }

    /// Nothing yet.
    pub(super) fn begin(&self) -> Seen {
        Seen { since: self.events.load(SeqCst), ..Seen::default() }
    }

    /// A session has read entries of a type, to write by what they are called.
    pub(super) fn saw(&self, seen: &mut Seen, entity: &Arc<str>, found: &Found) {
        if !self.matters {
            return;
        }
        let dns = found.records.iter().filter_map(|record| record.dn.clone());
        if self.held.contains(entity) {
            seen.held.extend(dns.clone());
        }
        seen.dns.extend(dns);
    }

    /// The turn to execute a plan; a conflict when a name that the session saw is another since, or, for a plan that
    /// changes names, when it was written elsewhere.
    pub(super) async fn enter(&self, plan: &Plan, seen: &Seen, until: Instant) -> Result<Turn<'_>, Failure> {
        let turn = |change, lock| Turn { naming: self, change, _lock: lock };
        if !self.matters {
            return Ok(turn(Change::Writes(Vec::new()), Lock::Free));
        }
        let busy = |_| Failure::Unavailable("many writers wait for a change of names".to_owned());
        let renamed: Vec<String> = plan.steps.iter().filter_map(|step| self.renamed(&step.action)).collect();
        if renamed.is_empty() {
            let lock = timeout_at(until, self.turn.read()).await.map_err(busy)?;
            self.is_as_seen(seen, &[&self.changed])?;
            let names = seen.held.iter().filter_map(|dn| normalised(dn)).collect();
            return Ok(turn(Change::Writes(names), Lock::Shared(lock)));
        }
        let lock = timeout_at(until, self.turn.write()).await.map_err(busy)?;
        if self.flood.load(SeqCst) > seen.since {
            return Err(Failure::Conflict("many names were written since this one was read".to_owned()));
        }
        self.is_as_seen(seen, &[&self.changed, &self.written])?;
        Ok(turn(Change::Renames(renamed), Lock::Alone(lock)))
    }

    /// The entry whose name a step changes, or ends.
    fn renamed(&self, action: &Action) -> Option<String> {
        let dn = match action {
            Action::Ldap(LdapOperation::ModifyDn { dn, .. } | LdapOperation::Delete { dn, .. }) => dn,
            Action::Ldap(LdapOperation::Modify { dn, changes, .. })
                if changes.iter().any(|change| self.by.contains(&change.attribute.to_lowercase())) =>
            {
                dn
            }
            _ => return None,
        };
        normalised(dn)
    }

    fn is_as_seen(&self, seen: &Seen, of: &[&Cache<String, u64>]) -> Result<(), Failure> {
        if self.events.load(SeqCst) == seen.since {
            return Ok(());
        }
        let is_new = |dn: &String| {
            let name = normalised(dn);
            let when = |known: &&Cache<String, u64>| known.get(name.as_ref()?);
            of.iter().filter_map(when).any(|event| event > seen.since)
        };
        match seen.dns.iter().find(|dn| is_new(dn)) {
            Some(dn) => Err(Failure::Conflict(format!("the name of {dn} was changed or written since"))),
            None => Ok(()),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let naming = self.naming;
        let (known, names) = match &mut self.change {
            Change::Writes(names) => (&naming.written, names),
            Change::Renames(names) => (&naming.changed, names),
        };
        if names.is_empty() {
            return;
        }
        // One after the other, so that no name is left with an earlier event than its last.
        let _one = naming.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let event = naming.events.fetch_add(1, SeqCst) + 1;
        match names.len() > WRITTEN {
            true => naming.flood.store(event, SeqCst),
            false => names.drain(..).for_each(|name| known.insert(name, event)),
        }
    }
}

fn normalised(dn: &str) -> Option<String> {
    Dn::parse(dn).map(|dn| dn.normalised())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ldap::fixture;
    use crate::plan::{Copied, Expect, Native, Record, StandIn, Step};

    fn plan(action: LdapOperation) -> Plan {
        let step =
            Step { about: String::new(), action: Action::Ldap(action), expect: Expect::Done, undo: None };
        Plan { steps: vec![step], ..Plan::default() }
    }

    #[tokio::test]
    async fn a_plan_by_a_name_that_changed_is_made_anew_and_others_are_not() {
        let mut model = fixture::model();
        let deletion =
            plan(LdapOperation::Delete { dn: "UID=Ann, ou=people,dc=x".to_owned(), assertion: None });
        let addition = plan(LdapOperation::Add { dn: "cn=a".to_owned(), attributes: Vec::new() });
        let soon = || Instant::now() + Duration::from_secs(5);
        let free = Naming::of(&model);
        let turn = free.enter(&deletion, &Seen::default(), soon()).await.unwrap();
        assert!(matches!(turn._lock, Lock::Free));

        if let Some(Store::Entries(groups)) = model.entities.get_mut("Group").map(|group| &mut group.store) {
            groups.copies.push(Copied {
                of: Native::own("member"),
                to: Native::own("memberUid"),
                by: Some(StandIn { attribute: "uid".into(), types: vec!["User".into()], is_followed: true }),
            });
        }
        let naming = Naming::of(&model);
        let saw = |dn: &str| {
            let mut seen = naming.begin();
            let record = Record { dn: Some(dn.to_owned()), ..Record::default() };
            naming.saw(&mut seen, &"User".into(), &Found { records: vec![record], ..Found::default() });
            seen
        };
        let (ann, ben) = (saw("uid=ann,ou=people,dc=x"), saw("uid=ben,ou=people,dc=x"));
        let turn = naming.enter(&deletion, &saw("uid=ann,ou=people,dc=x"), soon()).await.unwrap();
        // Who begins while a name is being changed reads it too early.
        let early = saw("uid=ann,ou=people,dc=x");
        drop(turn);
        assert!(matches!(naming.enter(&addition, &early, soon()).await, Err(Failure::Conflict(_))));
        for plan in [&addition, &deletion] {
            assert!(matches!(naming.enter(plan, &ann, soon()).await, Err(Failure::Conflict(_))));
        }
        assert!(naming.enter(&addition, &ben, soon()).await.is_ok());
        assert!(naming.enter(&addition, &saw("uid=ann,ou=people,dc=x"), soon()).await.is_ok());

        // Who changes a name must know of all who write it.
        let (cleo, dora) = (saw("uid=cleo,ou=people,dc=x"), saw("uid=dora,ou=people,dc=x"));
        let turn = naming.enter(&addition, &saw("uid=Cleo,ou=people,dc=x"), soon()).await.unwrap();
        let early = saw("uid=cleo,ou=people,dc=x");
        drop(turn);
        assert!(matches!(naming.enter(&deletion, &early, soon()).await, Err(Failure::Conflict(_))));
        assert!(naming.enter(&addition, &cleo, soon()).await.is_ok());
        assert!(matches!(naming.enter(&deletion, &cleo, soon()).await, Err(Failure::Conflict(_))));
        assert!(naming.enter(&deletion, &dora, soon()).await.is_ok());
    }
}

//! Names that stand in several entries: a group's in its further entry, a person's `uid` in `memberUid`. LDAP changes
//! one entry at a time, so whoever writes by such a name is kept apart from whoever changes it: a plan that was
//! made with a name that is another since is made anew. Writers elsewhere are not stopped so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;
use crate::plan::{Action, LdapOperation, Model, Plan, Store};

use super::dn::Dn;

/// Names that changed lately, at most.
const CHANGED: u64 = 10_000;
/// How long a changed name is remembered: longer than any session lasts.
const LATELY: Duration = Duration::from_secs(120);

/// Whose turn it is, and which names changed lately.
pub(super) struct Naming {
    /// Whether the mapping has such names.
    matters: bool,
    turn: RwLock<()>,
    /// How often a name changed.
    changes: AtomicU64,
    /// By normalised DN: at which change.
    changed: Cache<String, u64>,
}

/// What a session has seen of names.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often names had changed when it began.
    since: u64,
    /// DNs as the server wrote them.
    dns: Vec<String>,
}

/// The turn, until it is dropped.
#[allow(dead_code)] // what it holds is held, not read
pub(super) enum Turn<'a> {
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
        let matters = model.entities.values().any(|entity| match &entity.store {
            Store::Entries(entries) => {
                !entries.parts.is_empty() || entries.copies.iter().any(|copy| copy.by.is_some())
            }
            Store::Table(_) => false,
        });
        let changed = Cache::builder().max_capacity(CHANGED).time_to_live(LATELY).build();
        Self { matters, turn: RwLock::new(()), changes: AtomicU64::new(0), changed }
    }

    /// Nothing yet.
    pub(super) fn begin(&self) -> Seen {
        Seen { since: self.changes.load(Ordering::SeqCst), dns: Vec::new() }
    }

    /// A session has read entries, to write by what they are called.
    pub(super) fn saw<'d>(&self, seen: &mut Seen, dns: impl Iterator<Item = &'d String>) {
        if self.matters {
            seen.dns.extend(dns.cloned());
        }
    }

    /// The turn to execute a plan; a conflict when a name that the session saw is another since.
    pub(super) async fn enter(
        &self,
        plan: &Plan,
        seen: &mut Seen,
        until: Instant,
    ) -> Result<Turn<'_>, Failure> {
        if !self.matters {
            return Ok(Turn::Free);
        }
        let busy = |_| Failure::Unavailable("many writers wait for a change of names".to_owned());
        let names: Vec<String> = plan.steps.iter().filter_map(|step| changed(&step.action)).collect();
        if names.is_empty() {
            let turn = timeout_at(until, self.turn.read()).await.map_err(busy)?;
            return self.is_as_seen(seen).map(|()| Turn::Shared(turn));
        }
        let turn = timeout_at(until, self.turn.write()).await.map_err(busy)?;
        self.is_as_seen(seen)?;
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        names.into_iter().for_each(|name| self.changed.insert(name, change));
        seen.since = change; // its own changes are no surprise
        Ok(Turn::Alone(turn))
    }

    fn is_as_seen(&self, seen: &Seen) -> Result<(), Failure> {
        if self.changes.load(Ordering::SeqCst) == seen.since {
            return Ok(());
        }
        let is_new = |dn: &String| {
            let name = Dn::parse(dn).map(|dn| dn.normalised());
            name.and_then(|name| self.changed.get(&name)).is_some_and(|change| change > seen.since)
        };
        match seen.dns.iter().find(|dn| is_new(dn)) {
            Some(dn) => Err(Failure::Conflict(format!("{dn} changed its name since it was read"))),
            None => Ok(()),
        }
    }
}

/// The entry whose name a step changes, or ends.
fn changed(action: &Action) -> Option<String> {
    match action {
        Action::Ldap(LdapOperation::ModifyDn { dn, .. } | LdapOperation::Delete { dn, .. }) => {
            Dn::parse(dn).map(|dn| dn.normalised())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ldap::fixture;
    use crate::plan::{Copied, Expect, Native, Step};

    fn plan(action: LdapOperation) -> Plan {
        let step =
            Step { about: String::new(), action: Action::Ldap(action), expect: Expect::Done, undo: None };
        Plan { steps: vec![step] }
    }

    #[tokio::test]
    async fn a_plan_by_a_name_that_changed_is_made_anew_and_others_are_not() {
        let mut model = fixture::model();
        let deletion =
            plan(LdapOperation::Delete { dn: "UID=Ann, ou=people,dc=x".to_owned(), assertion: None });
        let addition = plan(LdapOperation::Add { dn: "cn=a".to_owned(), attributes: Vec::new() });
        let soon = || Instant::now() + Duration::from_secs(5);
        assert!(matches!(
            Naming::of(&model).enter(&deletion, &mut Seen::default(), soon()).await,
            Ok(Turn::Free)
        ));

        if let Some(Store::Entries(groups)) = model.entities.get_mut("Group").map(|group| &mut group.store) {
            groups.copies.push(Copied {
                of: Native::own("member"),
                to: Native::own("memberUid"),
                by: Some(("uid".into(), vec!["User".into()])),
            });
        }
        let naming = Naming::of(&model);
        let saw = |dn: &str| {
            let mut seen = naming.begin();
            naming.saw(&mut seen, std::iter::once(&dn.to_owned()));
            seen
        };
        let (mut ann, mut ben) = (saw("uid=ann,ou=people,dc=x"), saw("uid=ben,ou=people,dc=x"));
        drop(naming.enter(&deletion, &mut saw("uid=ann,ou=people,dc=x"), soon()).await.unwrap());
        for plan in [&addition, &deletion] {
            assert!(matches!(naming.enter(plan, &mut ann, soon()).await, Err(Failure::Conflict(_))));
        }
        assert!(naming.enter(&addition, &mut ben, soon()).await.is_ok());
        assert!(naming.enter(&addition, &mut saw("uid=ann,ou=people,dc=x"), soon()).await.is_ok());
    }
}

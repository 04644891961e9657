//! Writes whose answer did not come. The entry is read again on a fresh connection, and what it shows decides:
//! only what is seen counts as done. What is not seen is told as such, never guessed.

use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{AttributeChange, LdapOperation, ModifyKind, Scope, Value};

use super::codes;
use super::dn::{Dn, below, fold, split};
use super::entry::Entry;
use super::id;
use super::pool::Lease;
use super::read::{Directory, unavailable};
use crate::backend::standing::Standing;

/// A write that may have been carried out.
pub(super) struct Lost {
    /// The write as it was sent.
    pub write: LdapOperation,
    /// The server that it was sent to.
    pub server: Arc<Standing>,
    /// Whether the time ran out: then the server may still have it before it.
    pub is_late: bool,
    /// What is known.
    pub why: String,
}

/// What the entry shows.
#[derive(Debug, PartialEq)]
enum Seen {
    /// All that the write wanted; the id of an entry that was added.
    Done(Option<String>),
    /// That it was not done.
    Before,
    /// Neither.
    Unclear,
}

/// How values are compared.
type Same = fn(&Value, &Value) -> bool;

impl Directory {
    /// What such a write came to: as its answer would have been, or why that is not known.
    pub(super) async fn look_again(&self, lost: Lost, until: Instant) -> Result<Option<String>, Failure> {
        let seen = match Instant::now() < until {
            true => self.seen(&lost, until).await,
            false => Ok(Seen::Unclear),
        };
        tracing::warn!(cause = lost.why, ?seen, "the answer to a write did not come");
        match seen {
            Ok(Seen::Done(id)) => Ok(id),
            Ok(Seen::Before) if !lost.is_late => Err(Failure::Unavailable(lost.why)),
            _ => Err(Failure::Unknown(lost.why)),
        }
    }

    async fn seen(&self, lost: &Lost, until: Instant) -> Result<Seen, Failure> {
        let lease = self.pool.lease(until).await?;
        // Another server may not have heard of what was there before: there, nothing follows from absence.
        let is_same = Arc::ptr_eq(&lease.connection.standing, &lost.server);
        let seen = match &lost.write {
            LdapOperation::Search { .. } => Seen::Unclear,
            LdapOperation::Add { dn, attributes } => {
                let names = attributes.iter().map(|(name, _)| name.clone()).chain(self.ids()).collect();
                self.added(attributes, entry(&lease, dn, names, until).await?)
            }
            LdapOperation::Modify { dn, changes, .. } => {
                let names = changes.iter().map(|change| change.attribute.clone()).collect();
                modified(changes, entry(&lease, dn, names, until).await?, is_same)
            }
            LdapOperation::ModifyDn { dn, new_rdn, new_superior, .. } => {
                let parent = new_superior.as_deref().or(split(dn).map(|(_, parent)| parent));
                let new = below(new_rdn, parent.unwrap_or_default());
                renamed(exists(&lease, dn, until).await?, exists(&lease, &new, until).await?)
            }
            LdapOperation::Delete { dn, .. } => deleted(exists(&lease, dn, until).await?, is_same),
        };
        Ok(seen)
    }

    fn added(&self, attributes: &[(String, Vec<Value>)], entry: Option<Entry>) -> Seen {
        let Some(entry) = entry else { return Seen::Before };
        let carries = |(name, values): &(String, Vec<Value>)| {
            let held = entry.values(name);
            let mut values = values.iter().filter(|value| is_comparable(value));
            values.all(|value| held.iter().any(|held| is_equal(held, value)))
        };
        match self.ids().iter().find_map(|attribute| id::of(&entry, attribute)) {
            Some(id) if attributes.iter().all(carries) => Seen::Done(Some(id)),
            _ => Seen::Unclear,
        }
    }
}

/// A modify is done whole or not at all: what is not even nearly as it wanted shows that it was not done, or
/// that somebody else was there after it.
fn modified(changes: &[AttributeChange], entry: Option<Entry>, is_same: bool) -> Seen {
    let Some(entry) = entry else { return Seen::Unclear };
    let shown = |same: Same| changes.iter().all(|change| shows(&entry, change, same));
    match (shown(is_equal), shown(is_alike)) {
        (true, _) if changes.iter().any(|change| is_proof(change, is_same)) => Seen::Done(None),
        (_, true) => Seen::Unclear,
        (_, false) => Seen::Before,
    }
}

/// Whether an attribute is as a change wants it, as far as its values can be compared.
fn shows(entry: &Entry, change: &AttributeChange, same: Same) -> bool {
    let held = entry.values(&change.attribute);
    let has = |value: &Value| held.iter().any(|held| same(held, value));
    let mut values = change.values.iter().filter(|value| is_comparable(value));
    match change.kind {
        ModifyKind::Add => values.all(has),
        ModifyKind::Delete if change.values.is_empty() => held.is_empty(),
        ModifyKind::Delete => !values.any(has),
        ModifyKind::Replace if !change.values.iter().all(is_comparable) => true,
        ModifyKind::Replace => held.len() == change.values.len() && values.all(has),
    }
}

/// Whether a change that shows was done: a secret does not show, and absence says something only where the
/// value was before.
fn is_proof(change: &AttributeChange, is_same: bool) -> bool {
    let is_addition = change.kind != ModifyKind::Delete && !change.values.is_empty();
    change.values.iter().all(is_comparable) && (is_addition || is_same)
}

fn renamed(old: bool, new: bool) -> Seen {
    match (old, new) {
        (false, true) => Seen::Done(None),
        (true, false) => Seen::Before,
        _ => Seen::Unclear,
    }
}

fn deleted(exists: bool, is_same: bool) -> Seen {
    match (exists, is_same) {
        (true, _) => Seen::Before,
        (false, true) => Seen::Done(None),
        (false, false) => Seen::Unclear,
    }
}

/// Whether a value can be found again: a server keeps a password's hash.
fn is_comparable(value: &Value) -> bool {
    !matches!(value, Value::Secret(_))
}

/// Octet by octet, or a DN, which a server spells in its own way.
fn is_equal(one: &Value, other: &Value) -> bool {
    let name = |value: &Value| value.text().and_then(|text| Dn::parse(&text)).map(|dn| dn.normalised());
    one == other || name(one).is_some_and(|one| Some(one) == name(other))
}

/// As most matching rules see it.
fn is_alike(one: &Value, other: &Value) -> bool {
    let folded = |value: &Value| value.text().map(|text| fold(&text));
    is_equal(one, other) || folded(one).is_some_and(|one| Some(one) == folded(other))
}

async fn exists(lease: &Lease, dn: &str, until: Instant) -> Result<bool, Failure> {
    Ok(entry(lease, dn, vec!["1.1".to_owned()], until).await?.is_some())
}

async fn entry(
    lease: &Lease,
    dn: &str,
    attributes: Vec<String>,
    until: Instant,
) -> Result<Option<Entry>, Failure> {
    let read = LdapOperation::Search {
        base: dn.to_owned(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes,
        size_limit: 1,
    };
    let answer = lease.connection.search(&read, None, until).await.map_err(unavailable)?;
    match answer.result.rc {
        0 | codes::NO_SUCH_OBJECT => Ok(answer.entries.into_iter().next()),
        _ => Err(codes::search(dn, &answer.result)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Secret;

    fn change(kind: ModifyKind, values: &[&str]) -> AttributeChange {
        let values = values.iter().map(|value| Value::from(*value)).collect();
        AttributeChange { kind, attribute: "a".to_owned(), values }
    }

    fn seen(changes: &[AttributeChange], held: &[&str], is_same: bool) -> Seen {
        let values: Vec<_> = held.iter().map(|value| ("a", *value)).collect();
        modified(changes, Some(Entry::of("uid=a", &values)), is_same)
    }

    #[test]
    fn a_modify_is_done_when_all_of_it_shows() {
        use ModifyKind::{Add, Delete, Replace};
        let swap = [change(Delete, &["old"]), change(Add, &["new"])];
        assert_eq!(seen(&swap, &["new"], true), Seen::Done(None));
        assert_eq!(seen(&swap, &["new"], false), Seen::Done(None));
        assert_eq!(seen(&swap, &["old"], true), Seen::Before);
        assert_eq!(seen(&swap, &["third"], true), Seen::Before);
        assert_eq!(seen(&[change(Replace, &["x", "y"])], &["y", "x"], true), Seen::Done(None));
        assert_eq!(seen(&[change(Replace, &["x"])], &["y", "x"], true), Seen::Before);
        assert_eq!(seen(&[change(Replace, &[])], &["x"], true), Seen::Before);
        assert_eq!(modified(&swap, None, true), Seen::Unclear);
    }

    #[test]
    fn absence_is_proof_only_where_the_value_was() {
        for gone in [[change(ModifyKind::Delete, &["old"])], [change(ModifyKind::Delete, &[])]] {
            assert_eq!(seen(&gone, &[], true), Seen::Done(None));
            assert_eq!(seen(&gone, &[], false), Seen::Unclear);
        }
        assert_eq!((deleted(false, true), deleted(false, false)), (Seen::Done(None), Seen::Unclear));
        assert_eq!(deleted(true, true), Seen::Before);
    }

    #[test]
    fn what_only_matches_is_unclear_and_a_dn_may_be_spelt_otherwise() {
        assert_eq!(seen(&[change(ModifyKind::Add, &["Ann"])], &["ann"], true), Seen::Unclear);
        let member = change(ModifyKind::Add, &["uid=a\\2cb, dc=x"]);
        assert_eq!(seen(&[member], &["uid=a\\,b,dc=x"], true), Seen::Done(None));
    }

    #[test]
    fn a_secret_shows_nothing() {
        let values = vec![Value::Secret(Secret::new("x"))];
        let secret = AttributeChange { kind: ModifyKind::Replace, attribute: "a".to_owned(), values };
        let both = [secret, change(ModifyKind::Add, &["hash"])];
        assert_eq!(seen(&both[..1], &["hash"], true), Seen::Unclear);
        assert_eq!(seen(&both, &["hash"], true), Seen::Done(None));
    }

    #[test]
    fn a_rename_shows_in_both_names() {
        assert_eq!(renamed(false, true), Seen::Done(None));
        assert_eq!(renamed(true, false), Seen::Before);
        assert_eq!((renamed(true, true), renamed(false, false)), (Seen::Unclear, Seen::Unclear));
    }
}

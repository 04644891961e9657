//! Counters: entries that hold the next free number. A number is taken by a modify that deletes it and adds the
//! next (a compare-and-swap, RFC 4511 §4.6), as a step of the plan that gives it away; what the counter holds is
//! read just before. Whoever read the same number and comes second asks again.

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout_at;

use crate::backend::Failure;
use crate::plan::{Counter, Entries, Initial, Predicate, Search, Store};

use super::read::Directory;

/// All counters that entries of a type take numbers of, its parts included.
pub(super) fn of(entries: &Entries) -> impl Iterator<Item = &Counter> {
    let own = entries.counters.iter().map(|(_, counter)| counter);
    let of_parts =
        entries.parts.iter().flat_map(|part| &part.initial).filter_map(|(_, initial)| match initial {
            Initial::Counter(counter) => Some(counter),
            Initial::Literal(_) | Initial::Composed(_) => None,
        });
    own.chain(of_parts)
}

impl Directory {
    /// Whether a search reads a counter.
    pub(super) fn is_counter(&self, search: &Search) -> bool {
        let Predicate::Entry(dn) = &search.predicate else { return false };
        self.model.entities.values().any(|entity| match &entity.store {
            Store::Entries(entries) => of(entries).any(|counter| counter.dn == *dn),
            Store::Table(_) => false,
        })
    }

    /// The turn to read a counter and to take its number, until it is dropped. Other gateways are not stopped so.
    pub(super) async fn turn_at_numbers(&self) -> Result<OwnedMutexGuard<()>, Failure> {
        let busy = |_| Failure::Unavailable("many writers wait for a number".to_owned());
        timeout_at(self.until(), self.numbers.clone().lock_owned()).await.map_err(busy)
    }
}

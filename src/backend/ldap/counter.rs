//! Counters: entries that hold the next free number. A number is taken by a modify that deletes it and adds the
//! next (a compare-and-swap, RFC 4511 §4.6), as a step of the plan that gives it away; what the counter holds is
//! read just before. Whoever read the same number and comes second asks again.

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout_at;

use crate::backend::Failure;
use crate::plan::{Counter, Entity, Entries, Initial, Model, Native, Predicate, Search, Store};

use super::read::Directory;
use super::search::place;

/// All counters that entries of a type take numbers of, its parts included: each with the attribute that gets the
/// numbers and the entries that have it.
pub(super) fn numbered<'a>(
    model: &'a Model,
    entity: &'a Entity,
    entries: &'a Entries,
) -> Vec<(Native, &'a Entries, &'a Counter)> {
    let own = entries.counters.iter().map(|(native, counter)| (native.clone(), entries, counter));
    let of_parts = entries.parts.iter().flat_map(|part| {
        let place = place(model, &format!("{}.{}", entity.name, part.alias)).ok();
        part.initial.iter().filter_map(move |(attribute, initial)| match initial {
            Initial::Counter(counter) => Some((Native::own(attribute.clone()), place?.1, counter)),
            Initial::Literal(_) | Initial::Composed(_) => None,
        })
    });
    own.chain(of_parts).collect()
}

impl Directory {
    /// Whether a search reads a counter.
    pub(super) fn is_counter(&self, search: &Search) -> bool {
        let Predicate::Entry(dn) = &search.predicate else { return false };
        self.model.entities.values().any(|entity| match &entity.store {
            Store::Entries(entries) => {
                numbered(&self.model, entity, entries).iter().any(|(_, _, counter)| counter.dn == *dn)
            }
            Store::Table(_) => false,
        })
    }

    /// The turn to read a counter and to take its number, until it is dropped. Other gateways are not stopped so.
    pub(super) async fn turn_at_numbers(&self) -> Result<OwnedMutexGuard<()>, Failure> {
        let busy = |_| Failure::Unavailable("many writers wait for a number".to_owned());
        timeout_at(self.until(), self.numbers.clone().lock_owned()).await.map_err(busy)
    }
}

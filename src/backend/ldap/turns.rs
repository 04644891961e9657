//! Writers of one entry wait for each other, where the server has no assertion control: there the check of what
//! a write expects is an operation of its own, and between the two another request's write must not slip in.
//! Writers elsewhere are not stopped so.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;

use super::dn::Dn;

/// Entries share so many turns; two that meet in one only wait without need.
const TURNS: usize = 256;

/// Whose turn it is.
pub(super) struct Turns(Vec<Mutex<()>>);

// === impl Turns ===

impl Turns {
    pub(super) fn new() -> Self {
        Self((0..TURNS).map(|_| Mutex::new(())).collect())
    }

    /// The turn at the entry with this DN, until it is dropped.
    pub(super) async fn take(&self, dn: &str, until: Instant) -> Result<MutexGuard<'_, ()>, Failure> {
        let name = Dn::parse(dn).map_or_else(|| dn.to_owned(), |name| name.normalised());
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(name);
        let place = usize::try_from(hash % TURNS as u64).unwrap_or_default();
        let Some(turn) = self.0.get(place) else {
            return Err(Failure::Internal("no turns".to_owned()));
        };
        let busy = |_| Failure::Unavailable("many writers wait for this entry".to_owned());
        timeout_at(until, turn.lock()).await.map_err(busy)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_entry_has_one_turn_under_every_spelling() {
        let turns = Turns::new();
        let soon = || Instant::now() + Duration::from_millis(50);
        let held = turns.take("UID=Ann,dc=x", soon()).await.unwrap();
        assert!(matches!(turns.take("uid=ann, DC=x", soon()).await, Err(Failure::Unavailable(_))));
        drop(held);
        assert!(turns.take("uid=ann,dc=x", soon()).await.is_ok());
    }
}

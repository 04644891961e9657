//! Under which DNs ids were seen a moment ago. Bounded in octets and time, and never trusted: whoever reads by a DN
//! compares the id that comes back. What a DN stands for is not kept: a name may be another's by now, and who asks
//! whether it is has read it anew.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

/// The map, at most.
const OCTETS: u64 = 6 << 20;
/// What an entry costs beside its texts, about.
const OVERHEAD: usize = 200;
/// How long a DN stands for an id.
const LIFE: Duration = Duration::from_secs(300);

/// Id to DN.
pub(super) struct Names(Cache<String, Arc<str>>);

// === impl Names ===

impl Names {
    pub(super) fn new() -> Self {
        let octets =
            |id: &String, dn: &Arc<str>| u32::try_from(id.len() + dn.len() + OVERHEAD).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(OCTETS).weigher(octets).time_to_live(LIFE).build())
    }

    /// The DN under which this id was seen.
    pub(super) fn dn(&self, id: &str) -> Option<Arc<str>> {
        self.0.get(id)
    }

    /// An entry was seen, or made.
    pub(super) fn saw(&self, id: &str, dn: &str) {
        if self.0.get(id).is_none_or(|known| *known != *dn) {
            self.0.insert(id.to_owned(), dn.into());
        }
    }

    /// This id's DN was not the entry's.
    pub(super) fn forget(&self, id: &str) {
        self.0.invalidate(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_until_another_is_seen_or_it_was_wrong() {
        let names = Names::new();
        names.saw("7", "uid=a");
        names.saw("7", "uid=b");
        assert_eq!(names.dn("7").as_deref(), Some("uid=b"));
        names.forget("7");
        assert_eq!(names.dn("7"), None);
    }
}

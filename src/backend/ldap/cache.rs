//! What was seen of ids and DNs a moment ago. Bounded in octets and time. An id's DN is never trusted:
//! whoever reads by it compares the id that comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::dn::Dn;

/// Each of the two maps, at most.
const OCTETS: u64 = 6 << 20;
/// What an entry costs beside its texts, about.
const OVERHEAD: usize = 200;
/// How long a DN stands for an id. It is verified at every use.
const DN_LIFE: Duration = Duration::from_secs(300);
/// How long an id stands for a DN. Nobody verifies it: after a rename elsewhere, and a new entry under
/// the old name, a member may show the old id for so long.
const ID_LIFE: Duration = Duration::from_secs(30);

/// An entry that was seen so lately is not noted again: normalising its DN is a good part of what a small
/// read costs here.
const LATELY: Duration = Duration::from_secs(10);

/// Id to DN, and DN to type and id.
pub(super) struct Names {
    dns: Cache<String, Seen>,
    ids: Cache<String, (Arc<str>, String)>,
}

#[derive(Clone)]
struct Seen {
    dn: Arc<str>,
    /// When both maps were told; `None` when the other one was not.
    at: Option<Instant>,
}

// === impl Names ===

impl Names {
    pub(super) fn new() -> Self {
        let text = |length: usize| u32::try_from(length + OVERHEAD).unwrap_or(u32::MAX);
        Self {
            dns: Cache::builder()
                .max_capacity(OCTETS)
                .weigher(move |id: &String, seen: &Seen| text(id.len() + seen.dn.len()))
                .time_to_live(DN_LIFE)
                .build(),
            ids: Cache::builder()
                .max_capacity(OCTETS)
                .weigher(move |dn: &String, (_, id): &(Arc<str>, String)| text(dn.len() + id.len()))
                .time_to_live(ID_LIFE)
                .build(),
        }
    }

    /// The DN under which this id was seen.
    pub(super) fn dn(&self, id: &str) -> Option<Arc<str>> {
        self.dns.get(id).map(|seen| seen.dn)
    }

    /// The type and id of the entry that was seen under this normalised DN.
    pub(super) fn id(&self, normalised: &str) -> Option<(Arc<str>, String)> {
        self.ids.get(normalised)
    }

    /// An entry was seen.
    pub(super) fn saw(&self, entity: &Arc<str>, id: &str, dn: &str) {
        let lately = |at: &Instant| at.elapsed() < LATELY;
        let known = self.dns.get(id).filter(|seen| *seen.dn == *dn);
        if known.is_some_and(|seen| seen.at.as_ref().is_some_and(lately)) {
            return;
        }
        if let Some(name) = Dn::parse(dn) {
            self.ids.insert(name.normalised(), (entity.clone(), id.to_owned()));
        }
        self.dns.insert(id.to_owned(), Seen { dn: dn.into(), at: Some(Instant::now()) });
    }

    /// An entry was made.
    pub(super) fn created(&self, id: &str, dn: &str) {
        self.dns.insert(id.to_owned(), Seen { dn: dn.into(), at: None });
    }

    /// The entry under this DN is gone, or has another name.
    pub(super) fn forget(&self, dn: &str) {
        let Some(name) = Dn::parse(dn) else { return };
        if let Some((_, id)) = self.ids.remove(&name.normalised()) {
            self.dns.invalidate(&id);
        }
    }

    /// This id's DN was not the entry's.
    pub(super) fn forget_id(&self, id: &str) {
        if let Some(seen) = self.dns.remove(id) {
            self.forget(&seen.dn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_under_every_spelling_until_it_is_forgotten() {
        let names = Names::new();
        names.saw(&"User".into(), "7", "UID=Ann,dc=x");
        assert_eq!(names.dn("7").as_deref(), Some("UID=Ann,dc=x"));
        let spelling = Dn::parse("uid=ann, DC=x").unwrap().normalised();
        assert_eq!(names.id(&spelling), Some(("User".into(), "7".to_owned())));
        names.forget("uid=ann,dc=X");
        assert_eq!((names.dn("7"), names.id(&spelling)), (None, None));
    }

    #[test]
    fn a_wrong_dn_takes_its_id_along() {
        let names = Names::new();
        names.saw(&"User".into(), "7", "uid=a");
        names.forget_id("7");
        assert_eq!((names.dn("7"), names.id("uid=a")), (None, None));
    }
}

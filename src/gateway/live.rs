//! What is served now. A snapshot is immutable; a newer one takes its place as a whole, and each request takes it
//! once, so that those in work end on the one that they began with.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use time::OffsetDateTime;

use super::Snapshot;

/// What is served now, and what is not served although it was asked for.
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    unserved: ArcSwapOption<Unserved>,
}

/// Something newer that is not served. Anybody may read it: it says nothing of what stands in files.
#[derive(Debug)]
pub struct Unserved {
    /// When that was found.
    pub at: OffsetDateTime,
    /// Why, in a sentence.
    pub why: &'static str,
}

// === impl Live ===

impl Live {
    /// Serves this from now on.
    pub fn new(snapshot: Snapshot) -> Self {
        Self { snapshot: ArcSwap::from_pointee(snapshot), unserved: ArcSwapOption::empty() }
    }

    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Serves this from now on. Requests in work end on what they began with, which ends with the last of them.
    pub fn swap(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
    }

    /// What is not served although it was asked for.
    pub fn unserved(&self) -> Option<Arc<Unserved>> {
        self.unserved.load_full()
    }

    /// Notes why something newer is not served; `None`: all of it is.
    pub fn note_unserved(&self, why: Option<&'static str>) {
        let noted = why.map(|why| Arc::new(Unserved { at: OffsetDateTime::now_utc(), why }));
        self.unserved.store(noted);
    }
}

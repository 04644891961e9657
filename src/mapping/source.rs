//! Where values come from that nobody says: the time, and identifiers that nobody had before.

use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;
use uuid::Uuid;

use super::Mapping;

/// Who gives such values.
pub(super) enum Source {
    /// The clock and chance.
    World,
    /// Always the same: this instant, and identifiers that count from 1.
    Fixed { now: OffsetDateTime, count: AtomicU64 },
}

// === impl Source ===

impl Source {
    pub(super) fn uuid(&self) -> Uuid {
        match self {
            Self::World => Uuid::new_v4(),
            Self::Fixed { count, .. } => Uuid::from_u128(u128::from(count.fetch_add(1, Ordering::Relaxed))),
        }
    }
}

// === impl Mapping ===

impl Mapping {
    /// The same where the time stands still and identifiers count from 1, for a request whose plan must always be the
    /// same. Scripts are bounded by their operations alone then: how busy the machine is must decide nothing.
    pub fn fixed(mut self, now: OffsetDateTime) -> Self {
        self.engine.on_progress(|_| None);
        self.source = Source::Fixed { now, count: AtomicU64::new(1) };
        self
    }

    /// What time it is.
    pub fn now(&self) -> OffsetDateTime {
        match &self.source {
            Source::World => OffsetDateTime::now_utc(),
            Source::Fixed { now, .. } => *now,
        }
    }
}

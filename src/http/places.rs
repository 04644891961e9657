//! Requests in work, of which there may be only so many at one time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The requests in work.
#[derive(Default)]
pub struct Places {
    taken: AtomicUsize,
    none: Notify,
}

/// One request in work, as long as this lives.
pub struct Place(Arc<Places>);

// === impl Places ===

impl Places {
    /// A place, unless so many are taken already.
    pub fn take(self: &Arc<Self>, most: usize) -> Option<Place> {
        let more = |taken: usize| (taken < most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.is_ok().then(|| Place(Arc::clone(self)))
    }

    /// Ends when none is taken.
    pub async fn idle(&self) {
        let mut none = std::pin::pin!(self.none.notified());
        loop {
            none.as_mut().enable();
            if self.taken.load(Ordering::Acquire) == 0 {
                return;
            }
            none.as_mut().await;
            none.set(self.none.notified());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_are_so_many_and_idle_is_when_none_is_taken() {
        let places = Arc::new(Places::default());
        places.idle().await;
        let (a, b) = (places.take(2).unwrap(), places.take(2).unwrap());
        assert!(places.take(2).is_none());
        // Another bound counts at once.
        let c = places.take(3).unwrap();
        drop((a, b));
        assert!(places.take(1).is_none());
        let ends = tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(c);
        });
        places.idle().await;
        ends.await.unwrap();
        assert!(places.take(1).is_some());
    }
}

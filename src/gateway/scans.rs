//! The ordered places of lists that a backend cannot page itself, so that pages after the first neither scan
//! again nor shift, and so that many who ask at once share a scan.
//!
//! Nobody gets places older than what they asked for: a first page comes from a scan that began after its
//! request came; a later page may come from one of a moment ago, unless this process wrote since.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use super::failure::Stop;
use super::walk::Place;
use crate::backend::Failure;
use crate::limits::{CONCURRENT_SCANS, SCAN_CACHE_BYTES, SCAN_CACHE_SECONDS, SCAN_LIVES};
use crate::scim::error::Error;

/// Lists are told apart by this many hashes when they wait for their turn.
const TURNS: usize = 16;

/// The scans of one target; a clone is the same scans.
#[derive(Clone, Default)]
pub struct Scans(Arc<State>);

struct State {
    kept: Cache<String, Scanned>,
    /// Counts the writes of this process.
    writes: AtomicU64,
    /// One scan of a list at a time: whoever comes meanwhile waits for the next one, and shares it.
    turns: [Mutex<()>; TURNS],
    /// What bounds the memory that scans of different lists take together.
    places: Semaphore,
}

#[derive(Clone)]
struct Scanned {
    begun: Instant,
    /// The count when it began.
    writes: u64,
    places: Arc<Vec<Place>>,
    bytes: u32,
    /// How long it is kept: so long that a walk through the whole list scans for a small part of its time only,
    /// however many there are.
    life: Duration,
}

/// Each is kept for as long as it says itself.
struct Lives;

// === impl Lives ===

impl Expiry<String, Scanned> for Lives {
    fn expire_after_create(&self, _: &String, scanned: &Scanned, _: Instant) -> Option<Duration> {
        Some(scanned.life)
    }

    fn expire_after_update(
        &self,
        _: &String,
        scanned: &Scanned,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(scanned.life)
    }
}

impl Default for State {
    fn default() -> Self {
        let kept = Cache::builder()
            .max_capacity(SCAN_CACHE_BYTES)
            .weigher(|_, scanned: &Scanned| scanned.bytes)
            .expire_after(Lives)
            .build();
        Self {
            kept,
            writes: AtomicU64::new(0),
            turns: Default::default(),
            places: Semaphore::new(CONCURRENT_SCANS),
        }
    }
}

// === impl Scans ===

impl Scans {
    /// Something was written: what was scanned before may not be so any more.
    pub(super) fn forget(&self) {
        self.0.writes.fetch_add(1, Ordering::Release);
    }

    /// The places of this list, if they were scanned a moment ago. `overtaken`: also when something was written
    /// since.
    pub(super) fn kept(&self, list: &str, overtaken: bool) -> Option<Arc<Vec<Place>>> {
        let writes = self.0.writes.load(Ordering::Acquire);
        let fits = |scanned: &Scanned| overtaken || scanned.writes == writes;
        self.0.kept.get(list).filter(fits).map(|scanned| scanned.places)
    }

    /// The places of this list from a scan that begins after this call: an own one, or that of somebody who
    /// waited too. `patience` bounds the waiting, not the scan.
    pub(super) async fn fresh(
        &self,
        list: &str,
        patience: Duration,
        scan: impl Future<Output = Result<Vec<Place>, Stop>>,
    ) -> Result<Arc<Vec<Place>>, Stop> {
        let asked = Instant::now();
        let late = |_| Failure::Unavailable("other scans took all the time there was".to_owned());
        let _turn = tokio::time::timeout(patience, self.turn(list)).await.map_err(late)?;
        if let Some(scanned) = self.0.kept.get(list).filter(|scanned| scanned.begun >= asked) {
            return Ok(scanned.places);
        }
        let _place = tokio::time::timeout(patience, self.0.places.acquire())
            .await
            .map_err(late)?
            .map_err(|_| Error::internal("Nothing may be scanned any more."))?;
        let (begun, writes) = (Instant::now(), self.0.writes.load(Ordering::Acquire));
        let places = Arc::new(scan.await?);
        let bytes = list.len() + places.iter().map(Place::bytes).sum::<usize>();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let life = Duration::from_secs(SCAN_CACHE_SECONDS).max(begun.elapsed() * SCAN_LIVES);
        self.0.kept.insert(list.to_owned(), Scanned { begun, writes, places: places.clone(), bytes, life });
        Ok(places)
    }

    async fn turn(&self, list: &str) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(list);
        let at = usize::try_from(hash % TURNS as u64).unwrap_or_default();
        self.0.turns[at].lock().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// How many scans ran, each a while long.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Counter {
        async fn scan(&self) -> Result<Vec<Place>, Stop> {
            let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(vec![Place { key: None, kind: 0, id: count.to_string() }])
        }
    }

    async fn ask(scans: &Scans, counter: &Counter) -> String {
        scans.fresh("list", PATIENCE, counter.scan()).await.ok().unwrap()[0].id.clone()
    }

    #[tokio::test]
    async fn who_waits_shares_the_next_scan_and_never_one_that_ran_already() {
        let (scans, counter) = (Scans::default(), Counter::default());
        let waiting = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            tokio::join!(ask(&scans, &counter), ask(&scans, &counter), ask(&scans, &counter))
        };
        let (first, (a, b, c)) = tokio::join!(ask(&scans, &counter), waiting);
        assert_eq!([first, a, b, c], ["1", "2", "2", "2"]);
    }

    #[tokio::test]
    async fn a_later_page_takes_what_is_kept_until_something_is_written() {
        let (scans, counter) = (Scans::default(), Counter::default());
        assert!(scans.kept("list", false).is_none());
        ask(&scans, &counter).await;
        assert_eq!(scans.kept("list", false).unwrap()[0].id, "1");
        assert!(scans.kept("another", false).is_none());
        scans.forget();
        assert!(scans.kept("list", false).is_none());
        assert_eq!(scans.kept("list", true).unwrap()[0].id, "1");
    }

    #[tokio::test]
    async fn a_scan_that_a_write_overtakes_is_not_kept() {
        let (scans, counter) = (Scans::default(), Counter::default());
        tokio::join!(ask(&scans, &counter), async { scans.forget() });
        assert!(scans.kept("list", false).is_none());
    }
}

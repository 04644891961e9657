//! Workers that ask without a pause, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What runs of one case came to.
#[derive(Debug, Default)]
pub struct Measured {
    took: Vec<Duration>,
    span: Duration,
}

/// One of those who ask.
pub trait Worker: Send + 'static {
    /// Asks once and waits for the answer; `number` is another one each time.
    fn ask(&mut self, number: usize) -> impl Future<Output = ()> + Send;
}

/// Has all workers ask until the span is over. What began in the warm-up does not count.
pub async fn run<W: Worker>(
    workers: Vec<W>,
    numbers: &Arc<AtomicUsize>,
    warm_up: Duration,
    span: Duration,
) -> Measured {
    let begin = Instant::now() + warm_up;
    let end = begin + span;
    let tasks: Vec<_> = workers
        .into_iter()
        .map(|mut worker| {
            let numbers = Arc::clone(numbers);
            tokio::spawn(async move {
                let mut took = Vec::new();
                loop {
                    let asked = Instant::now();
                    if asked >= end {
                        return took;
                    }
                    worker.ask(numbers.fetch_add(1, Ordering::Relaxed)).await;
                    if asked >= begin {
                        took.push(asked.elapsed());
                    }
                }
            })
        })
        .collect();
    let mut measured = Measured::default();
    for task in tasks {
        measured.took.extend(task.await.expect("a worker ended"));
    }
    // The last answers come a little after the end.
    measured.span = begin.elapsed();
    measured
}

// === impl Measured ===

impl Measured {
    /// Takes another run's answers to its own.
    pub fn absorb(&mut self, other: Self) {
        self.took.extend(other.took);
        self.span += other.span;
    }

    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.span.as_secs_f64()
    }

    /// So large a share of the answers came within this.
    pub fn within(&self, share: f64) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[((took.len() - 1) as f64 * share) as usize]
    }
}

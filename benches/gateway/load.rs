//! Workers that ask without a pause, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a run of one case came to.
#[derive(Debug)]
pub struct Measured {
    /// Answers a second.
    pub per_second: f64,
    /// Half of the answers came within this.
    pub p50: Duration,
    /// 99 of 100 did.
    pub p99: Duration,
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
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await.expect("a worker ended"));
    }
    // The last answers come a little after the end.
    let measured = begin.elapsed();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    Measured { per_second: took.len() as f64 / measured.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
}

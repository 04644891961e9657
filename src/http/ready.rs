//! Whether each target's backend answers, for `/readyz`. The causes go to the log: the answer is for
//! anybody who can reach the port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

use crate::gateway::{Snapshot, Target};

/// How long one look at the backends is told again: asking costs no token, so it must cost no more.
const KEPT: Duration = Duration::from_secs(1);

/// The last look at the backends.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Value)>>);

// === impl Readiness ===

impl Readiness {
    /// The state of every target. The lock is held while the backends are asked: of many who ask at
    /// once, one asks for all.
    pub async fn state(&self, snapshot: &Snapshot) -> Value {
        let mut last = self.0.lock().await;
        if let Some((_, state)) = last.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return state.clone();
        }
        let state = look(snapshot).await;
        *last = Some((Instant::now(), state.clone()));
        state
    }
}

/// Asks every backend at the same time, each in a task of its own, so that none can take another down.
async fn look(snapshot: &Snapshot) -> Value {
    let asked: Vec<(&str, JoinHandle<bool>)> = snapshot
        .targets
        .iter()
        .map(|target| (target.name.as_str(), tokio::spawn(is_up(Arc::clone(target)).in_current_span())))
        .collect();
    let mut targets = Vec::with_capacity(asked.len());
    for (name, answer) in asked {
        let is_up = answer.await.unwrap_or(false);
        targets.push(json!({ "name": name, "backend": if is_up { "up" } else { "down" } }));
    }
    json!({ "status": "ready", "targets": targets })
}

async fn is_up(target: Arc<Target>) -> bool {
    let deadline = Duration::from_millis(target.limits.backend_deadline_ms);
    let name = target.name.as_str();
    match tokio::time::timeout(deadline, target.backend.ping()).await {
        Ok(Ok(())) => true,
        Ok(Err(cause)) => {
            warn!(target_name = name, %cause, "the backend is down");
            false
        }
        Err(_) => {
            warn!(target_name = name, "the backend did not answer in time");
            false
        }
    }
}

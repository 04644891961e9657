//! What is served, and whether each target's backend answers, for `/readyz`. The causes go to the log: the answer is
//! for anybody who can reach the port.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

use crate::gateway::{Live, Snapshot, Target};

/// How long one look at the backends is told again: asking costs no token, so it must cost no more.
const KEPT: Duration = Duration::from_secs(1);

/// The last look at the backends.
#[derive(Default)]
pub struct Readiness(Mutex<Option<Looked>>);

struct Looked {
    at: Instant,
    /// Whose backends they are.
    of: Weak<Snapshot>,
    targets: Value,
}

// === impl Readiness ===

impl Readiness {
    /// What is served, and the state of every target.
    pub async fn state(&self, live: &Live, snapshot: &Arc<Snapshot>) -> Value {
        let mut state = json!({
            "status": "ready",
            "snapshot": { "loaded": instant(snapshot.loaded), "hash": snapshot.hash },
            "targets": self.targets(snapshot).await,
        });
        if let Some(unserved) = live.unserved() {
            state["unserved"] = json!({ "since": instant(unserved.at), "detail": unserved.why });
        }
        state
    }

    /// The lock is held while the backends are asked: of many who ask at once, one asks for all.
    async fn targets(&self, snapshot: &Arc<Snapshot>) -> Value {
        let mut last = self.0.lock().await;
        let is_of_now = |looked: &&Looked| {
            looked.at.elapsed() < KEPT && std::ptr::eq(looked.of.as_ptr(), Arc::as_ptr(snapshot))
        };
        if let Some(looked) = last.as_ref().filter(is_of_now) {
            return looked.targets.clone();
        }
        let targets = look(snapshot).await;
        *last = Some(Looked { at: Instant::now(), of: Arc::downgrade(snapshot), targets: targets.clone() });
        targets
    }
}

fn instant(at: OffsetDateTime) -> Option<String> {
    at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
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
    Value::Array(targets)
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

//! The one line that each request leaves in the log, also when its client hangs up. Never a token, a
//! body or a query's values: filters hold personal data.

use std::time::Instant;

use hyper::Request;
use tracing::{debug, info};

/// A path in the log, at most: anybody may send one.
const PATH_CHARS: usize = 200;

/// A request's line; written when it is dropped.
pub struct Line {
    started: Instant,
    method: String,
    path: String,
    has_filter: bool,
    /// The target's name, once it is known.
    pub target: Option<String>,
    /// The client's name, once it is known.
    pub client: Option<String>,
    /// The answer's status; absent when nobody waited for it.
    pub status: Option<u16>,
}

// === impl Line ===

impl Line {
    /// A request that begins now.
    pub fn of<B>(request: &Request<B>) -> Self {
        let uri = request.uri();
        Self {
            started: Instant::now(),
            method: request.method().as_str().chars().take(PATH_CHARS).collect(),
            path: uri.path().chars().take(PATH_CHARS).collect(),
            has_filter: uri.query().is_some_and(|query| query.contains("filter=")),
            target: None,
            client: None,
            status: None,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Self { method, path, has_filter, target, client, status, .. } = self;
        let client = client.as_deref().unwrap_or("-");
        let (method, path) = (method.as_str(), path.as_str());
        match (target, *status) {
            // Probes ask every few seconds, and have nothing to tell.
            (None, Some(200)) => debug!(method, path, status, ms, "probe"),
            (target, Some(status)) => {
                let target = target.as_deref().unwrap_or("-");
                info!(client, target, method, path, filter = has_filter, status, ms, "answered");
            }
            (target, None) => {
                let target = target.as_deref().unwrap_or("-");
                info!(client, target, method, path, filter = has_filter, ms, "the client went away");
            }
        }
    }
}

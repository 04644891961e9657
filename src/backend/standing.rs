//! How one server stands: whether it answers, as its connections and its probes found, how long to leave it
//! alone, and when it took its last write. Knows no wire, and no other server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause before a server is probed; it doubles with each failure.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest. Shorter than what clients are asked to wait (`Retry-After`), so that they find it back.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// After so long without a failure, earlier ones count no more.
const CALM: Duration = Duration::from_secs(5);

/// What is known of a server.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Health {
    /// It answered, or nobody has asked it yet.
    Up,
    /// An answer did not come in time. It is asked when no other server is up.
    Suspect,
    /// It cannot be reached, or does not take the gateway's bind: why. It is only probed.
    Down(String),
}

/// One server's standing, shared by its connections.
pub(super) struct Standing {
    state: Mutex<State>,
}

struct State {
    health: Health,
    /// Since when it answers; `None` before the first answer.
    up_since: Option<Instant>,
    failures: u32,
    is_probed: bool,
    written: Option<Instant>,
}

// === impl Standing ===

impl Standing {
    /// Nothing is known against it.
    pub(super) fn new() -> Self {
        let state =
            State { health: Health::Up, up_since: None, failures: 0, is_probed: false, written: None };
        Self { state: Mutex::new(state) }
    }

    pub(super) fn health(&self) -> Health {
        self.state().health.clone()
    }

    pub(super) fn is_up(&self) -> bool {
        self.state().health == Health::Up
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.state().health, Health::Down(_))
    }

    /// It answered a new connection. Whether that is news.
    pub(super) fn answered(&self) -> bool {
        let mut state = self.state();
        let was_up = state.health == Health::Up;
        state.health = Health::Up;
        if !was_up || state.up_since.is_none() {
            state.up_since = Some(Instant::now());
        }
        !was_up
    }

    /// An operation that began then was not answered in time. What began before the server was last found
    /// well says nothing.
    pub(super) fn late(&self, began: Instant) {
        let mut state = self.state();
        if state.health == Health::Up && state.up_since.is_none_or(|since| since <= began) {
            state.failed(Health::Suspect);
        }
    }

    /// It cannot be reached. Whether that is news.
    pub(super) fn failed(&self, why: String) -> bool {
        let mut state = self.state();
        let was_down = matches!(state.health, Health::Down(_));
        state.failed(Health::Down(why));
        !was_down
    }

    /// It did what a write asked.
    pub(super) fn wrote(&self) {
        self.state().written = Some(Instant::now());
    }

    /// When it took its last write.
    pub(super) fn written(&self) -> Option<Instant> {
        self.state().written
    }

    /// Since when it answers.
    pub(super) fn up_since(&self) -> Option<Instant> {
        self.state().up_since
    }

    /// As if it had answered first, and written last, so long ago.
    #[cfg(test)]
    pub(super) fn long_ago(&self, answered: Duration, written: Option<Duration>) {
        let ago = |age| Instant::now().checked_sub(age);
        let mut state = self.state();
        (state.health, state.up_since, state.written) = (Health::Up, ago(answered), written.and_then(ago));
    }

    /// Whether somebody must begin to probe it; true once until [`Self::leave`].
    pub(super) fn wants_probe(&self) -> bool {
        let mut state = self.state();
        state.health != Health::Up && !std::mem::replace(&mut state.is_probed, true)
    }

    /// The probing ended.
    pub(super) fn leave(&self) {
        self.state().is_probed = false;
    }

    /// How long to leave it alone before the next probe: longer after each failure, and not the same for
    /// every gateway.
    pub(super) fn pause(&self) -> Duration {
        pause(self.state().failures, uuid::Uuid::new_v4().as_bytes()[0])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn failed(&mut self, health: Health) {
        let was_calm = self.health == Health::Up && self.up_since.is_none_or(|since| since.elapsed() > CALM);
        self.failures = if was_calm { 1 } else { self.failures.saturating_add(1) };
        self.health = health;
    }
}

/// From half of the full pause to all of it, by the chance given.
fn pause(failures: u32, chance: u8) -> Duration {
    let full = PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(PAUSE_MAX);
    full / 2 + full * u32::from(chance) / 510
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_bounds_and_differ_by_chance() {
        assert_eq!((pause(1, 0), pause(1, 255)), (PAUSE / 2, PAUSE));
        assert_eq!(pause(3, 255), PAUSE * 4);
        assert_eq!((pause(100, 0), pause(u32::MAX, 255)), (PAUSE_MAX / 2, PAUSE_MAX));
    }

    #[test]
    fn what_began_before_the_server_was_found_well_says_nothing() {
        let (standing, before) = (Standing::new(), Instant::now());
        standing.late(before);
        assert_eq!(standing.health(), Health::Suspect);
        assert!(standing.answered() && !standing.answered());
        standing.late(before);
        assert_eq!(standing.health(), Health::Up);
        standing.late(Instant::now());
        assert_eq!(standing.health(), Health::Suspect);
    }

    #[test]
    fn news_and_probes_are_told_once() {
        let standing = Standing::new();
        assert!(!standing.wants_probe());
        assert!(standing.failed("refused".to_owned()) && !standing.failed("refused".to_owned()));
        assert!(standing.wants_probe() && !standing.wants_probe());
        standing.leave();
        assert!(standing.wants_probe());
    }
}

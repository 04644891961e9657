//! Loading while serving: SIGHUP asks for it, or files that hold something else than before. What is new is built
//! beside what is served, its mappings' tests are run, and it takes the place of the other as a whole; with a mistake in
//! it, or a test that fails, nothing changes, and the log says so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tracing::{Dispatch, dispatcher, error, info};

use super::build;
use super::renew::{self, Before};
use crate::config::{self, Config, Files, Script};
use crate::gateway::{Live, Snapshot};
use crate::http::Tls;
use crate::mapping::diagnostic::{Code, Diagnostic};
use crate::rehearsal;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long the tests of one mapping may take, all together.
const TRIAL: Duration = Duration::from_secs(30);

/// What `/readyz` says of a mistake.
const MISTAKEN: &str =
    "What the files hold now has mistakes, which the log tells; what was served before is.";
/// What `/readyz` says of a test that fails.
const UNTRIED: &str =
    "A changed mapping does not pass its own tests, of which the log tells; what was served before is.";
/// What `/readyz` says of another address.
const ELSEWHERE: &str =
    "Another address to listen on takes a restart; all else that the files hold is served.";

/// What is served, and whether something newer is there.
pub struct Reload {
    path: PathBuf,
    /// Where it is listened, as it was configured.
    listen: SocketAddr,
    /// Where it is listened.
    listening: SocketAddr,
    live: Arc<Live>,
    tls: Arc<Tls>,
    /// What is served.
    config: Config,
    /// What the files held when they were last loaded, or with which mistake they were not.
    tried: Files,
    /// What they held a moment ago, when that was something else: it is loaded once it stays so, for a file may be
    /// half written.
    seen: Option<Files>,
}

/// What came of a configuration.
struct Built {
    config: Config,
    snapshot: Snapshot,
    tls: Option<TlsAcceptor>,
}

/// Reads the configuration, and notes what belongs to it before anything is made of it: what changes meanwhile
/// is seen as a change later.
pub fn read(path: &Path, files: &mut Files) -> Result<Config, Vec<Diagnostic>> {
    let config = config::read(path, files)?;
    for target in &config.targets {
        if let Script::Folder(folder) = &target.mapping {
            files.note_mapping(folder);
        }
    }
    Ok(config)
}

/// Runs the tests in these folders with these texts of their mappings, in the thread that asks for it. What they do is
/// no affair of the log: they are refused on purpose, too.
fn tried(mappings: &BTreeMap<&Path, &str>) -> Result<(), Vec<Diagnostic>> {
    let runtime = Handle::current();
    let trial = |(folder, text): (&&Path, &&str)| {
        let trial = rehearsal::trial(folder, text, TRIAL);
        dispatcher::with_default(&Dispatch::none(), || runtime.block_on(trial)).err()
    };
    let mistakes: Vec<_> = mappings.iter().filter_map(trial).flatten().collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

// === impl Reload ===

impl Reload {
    /// What this configuration is served with, which was read from these files.
    pub fn new(
        path: PathBuf,
        (config, files): (Config, Files),
        listening: SocketAddr,
        live: Arc<Live>,
        tls: Arc<Tls>,
    ) -> Self {
        Self { path, listen: config.listen, listening, live, tls, config, tried: files, seen: None }
    }

    /// Goes on without end. What takes its time happens in a blocking thread.
    pub async fn run(self, mut asked: Signal) {
        let this = Arc::new(Mutex::new(self));
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                Some(()) = asked.recv() => true,
                _ = looks.tick() => false,
            };
            let this = Arc::clone(&this);
            let turn = move || {
                let mut this = this.lock().unwrap_or_else(PoisonError::into_inner);
                if is_asked { this.load() } else { this.look() }
            };
            if let Err(cause) = tokio::task::spawn_blocking(turn).await {
                error!(%cause, "loading ended by a defect; what was served before is");
            }
        }
    }

    /// Loads what the files hold when it is new, and the same as a moment ago.
    fn look(&mut self) {
        if !self.config.watch {
            return;
        }
        let now = self.tried.again();
        if now == self.tried {
            self.seen = None;
        } else if self.seen.as_ref() == Some(&now) {
            self.load();
        } else {
            self.seen = Some(now);
        }
    }

    /// Loads what the files hold.
    fn load(&mut self) {
        let mut files = Files::default();
        let built = self.build(&mut files);
        (self.tried, self.seen) = (files, None);
        match built {
            Ok(built) => self.serve(built),
            Err(mistakes) => {
                for mistake in &mistakes {
                    error!(file = mistake.file, line = mistake.line, "not loaded: {mistake}");
                }
                error!(mistakes = mistakes.len(), "the files hold mistakes; what was served before is");
                let is_of_tests = mistakes.iter().all(|mistake| mistake.code == Code::FailedTest);
                self.live.note_unserved(Some(if is_of_tests { UNTRIED } else { MISTAKEN }));
            }
        }
    }

    /// Whatever fails here leaves what is served as it is.
    fn build(&self, files: &mut Files) -> Result<Built, Vec<Diagnostic>> {
        let config = read(&self.path, files)?;
        let tls = build::tls(&config).map_err(|mistake| vec![mistake])?;
        let served = self.live.snapshot();
        let before = Before { config: &self.config, snapshot: &served };
        let snapshot = renew::snapshot(&config, self.listening, Some(before))?;
        tried(&before.changed(&config, &snapshot))?;
        Ok(Built { config, snapshot, tls })
    }

    fn serve(&mut self, Built { config, snapshot, tls }: Built) {
        let (old, new) = (self.live.snapshot(), Arc::new(snapshot));
        self.tls.store(tls.map(Arc::new));
        self.live.swap(Arc::clone(&new));
        let is_kept = |target| old.targets.iter().any(|before| Arc::ptr_eq(before, target));
        for target in new.targets.iter().filter(|target| !is_kept(target)) {
            info!(name = target.name, url = target.base_url, listen = %self.listening, "serving");
        }
        info!(hash = new.hash, "loaded: requests from now on are answered by what the files hold");
        let is_elsewhere = config.listen != self.listen;
        if is_elsewhere {
            error!(listen = %self.listen, configured = %config.listen, "another address to listen on takes a restart");
        }
        self.live.note_unserved(is_elsewhere.then_some(ELSEWHERE));
        self.config = config;
    }
}

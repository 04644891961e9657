//! Pairs of files in a folder, written by a thread of its own behind a bounded queue: nobody waits for the disk. What
//! it cannot take is left out, counted and logged.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

/// What the name of a request's file ends with.
pub const REQUEST: &str = ".request.http";
/// And that of its answer.
pub const ANSWER: &str = ".answer.http";
/// Pairs that wait, at most.
const WAITING: usize = 256;
/// Their octets, at most.
const WAITING_BYTES: usize = 16 << 20;
/// How often it is told that some are left out.
const TOLD: Duration = Duration::from_secs(10);

/// A request and its answer.
pub(super) struct Pair {
    /// In whose order they are kept.
    pub name: String,
    pub request: String,
    pub answer: String,
}

/// Where pairs are given.
pub(super) struct Writer {
    queue: SyncSender<Pair>,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    keep: usize,
    waiting_bytes: AtomicUsize,
    left_out: AtomicU64,
    told: Mutex<Option<Instant>>,
}

// === impl Writer ===

impl Writer {
    /// Writes into this folder, which is made if it is not there, and keeps so many pairs. The error is for the person
    /// who configures.
    pub(super) fn open(folder: &Path, keep: usize) -> std::result::Result<Self, String> {
        own(folder)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            keep,
            waiting_bytes: AtomicUsize::new(0),
            left_out: AtomicU64::new(0),
            told: Mutex::new(None),
        });
        let (queue, pairs) = sync_channel(WAITING);
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("capture".to_owned());
        let started = thread.spawn(move || writing.write_all(&pairs));
        started.map_err(|cause| format!("no thread to write captured requests: {cause}"))?;
        Ok(Self { queue, shared })
    }

    /// Whether no pair waits, or is being written.
    pub(super) fn is_idle(&self) -> bool {
        self.shared.waiting_bytes.load(Ordering::Acquire) == 0
    }

    /// Takes a pair, if there is room for it.
    pub(super) fn take(&self, pair: Pair) {
        let bytes = pair.bytes();
        let waiting = self.shared.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
        if waiting + bytes > WAITING_BYTES || self.queue.try_send(pair).is_err() {
            self.shared.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.shared.leave_out("the disk is too slow");
        }
    }
}

// === impl Pair ===

impl Pair {
    fn bytes(&self) -> usize {
        self.name.len() + self.request.len() + self.answer.len()
    }
}

// === impl Shared ===

impl Shared {
    fn write_all(&self, pairs: &Receiver<Pair>) {
        let mut kept = self.kept();
        self.forget(&mut kept);
        while let Ok(pair) = pairs.recv() {
            match self.write(&pair) {
                Ok(()) => _ = kept.insert(pair.name.clone()),
                Err(cause) => self.leave_out(&cause.to_string()),
            }
            self.forget(&mut kept);
            self.waiting_bytes.fetch_sub(pair.bytes(), Ordering::AcqRel);
        }
    }

    /// The names of the pairs that are there.
    fn kept(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let name = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(REQUEST).filter(|name| super::is_name(name)).map(str::to_owned)
        };
        entries.filter_map(name).collect()
    }

    /// Removes the oldest, as long as there are too many.
    fn forget(&self, kept: &mut BTreeSet<String>) {
        while kept.len() > self.keep
            && let Some(oldest) = kept.pop_first()
        {
            for kind in [REQUEST, ANSWER] {
                // Somebody else may have removed it.
                let _ = fs::remove_file(self.folder.join(format!("{oldest}{kind}")));
            }
        }
    }

    /// The request comes last: where it is, all is.
    fn write(&self, Pair { name, request, answer }: &Pair) -> Result<()> {
        let put = |kind: &str, text: &str| self.put(&format!("{name}{kind}"), text);
        put(ANSWER, answer)?;
        put(REQUEST, request).inspect_err(|_| {
            let _ = fs::remove_file(self.folder.join(format!("{name}{ANSWER}")));
        })
    }

    /// A file that is there whole or not at all.
    fn put(&self, name: &str, text: &str) -> Result<()> {
        let part = self.folder.join(format!(".{name}.part"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let done = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&part, self.folder.join(name)));
        done.inspect_err(|_| {
            let _ = fs::remove_file(&part);
        })
    }

    fn leave_out(&self, cause: &str) {
        let left_out = self.left_out.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() > TOLD) {
            *told = Some(Instant::now());
            let folder = self.folder.display();
            warn!(%folder, cause, left_out, "requests are left out of what is captured; all of them were answered");
        }
    }
}

/// Makes the folder, or looks whether it is its owner's alone.
fn own(folder: &Path) -> std::result::Result<(), String> {
    let shown = folder.display();
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            let found = fs::metadata(folder).map_err(|cause| format!("{shown}: {cause}"))?;
            if !found.is_dir() {
                return Err(format!("{shown} is no folder"));
            }
            match found.permissions().mode() & 0o077 {
                0 => Ok(()),
                _ => Err(format!(
                    "{shown} is open to others: what is captured is personal data; `chmod 700` keeps them out"
                )),
            }
        }
        Err(cause) => Err(format!("{shown} cannot be made: {cause}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(number: usize) -> Pair {
        let name = format!("20260101T000000.{number:06}Z-000000");
        Pair { name, request: format!("GET /Users/{number}\n"), answer: "200\n".to_owned() }
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Gives the pairs and waits until they are written.
    fn written(folder: &Path, keep: usize, pairs: impl Iterator<Item = Pair>) -> Arc<Shared> {
        let writer = Writer::open(folder, keep).unwrap();
        pairs.for_each(|pair| writer.take(pair));
        let Writer { queue, shared } = writer;
        drop(queue);
        while Arc::strong_count(&shared) > 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
        shared
    }

    #[test]
    fn the_newest_are_kept_for_their_owner_alone_and_other_files_let_be() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("captured");
        let shared = written(&folder, 3, (0..5).map(pair));
        assert_eq!(
            (shared.left_out.load(Ordering::Relaxed), shared.waiting_bytes.load(Ordering::Relaxed)),
            (0, 0)
        );
        fs::write(folder.join("mine.request.http"), "").unwrap();
        assert_eq!(names(&folder).len(), 7);
        written(&folder, 2, (5..6).map(pair));
        let mut left: BTreeSet<String> = [4, 5]
            .map(pair)
            .into_iter()
            .flat_map(|pair| [REQUEST, ANSWER].map(|kind| pair.name.clone() + kind))
            .collect();
        for name in &left {
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder), mode(&folder.join(name))), (0o700, 0o600));
        }
        left.insert("mine.request.http".to_owned());
        assert_eq!(names(&folder), left);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("captured");
        let gone = |_: &Pair| {
            let _ = fs::remove_dir(&folder);
        };
        let shared = written(&folder, 9, [pair(1), pair(2)].into_iter().inspect(gone));
        assert_eq!(shared.left_out.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_folder_that_others_can_look_into_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(Writer::open(folder.path(), 1).err().unwrap().contains("is open to others"));
        assert!(Writer::open(&folder.path().join("a/b"), 1).err().unwrap().contains("cannot be made"));
    }
}

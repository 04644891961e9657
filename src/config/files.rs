//! The files that a configuration is made of, and what they held when they were read, as hashes: a change is seen by
//! what files hold, so through renames and symbolic links too, and on file systems that tell nobody.

use std::collections::BTreeMap;
use std::io::{Error, Read, Result};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use crate::limits::MAPPING_BYTES;
use crate::mapping::MAPPING_FILE;

/// Files with a mapping's tests that are looked at.
const TESTS: usize = 10_000;
/// Where they are, in the mapping's folder.
const TESTS_FOLDER: &str = "tests";
/// How deep folders with tests may lie in each other.
const DEPTH: usize = 8;

/// Files and what each of them held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Those that somebody named, each with its bound.
    named: BTreeMap<PathBuf, (u64, Held)>,
    /// By mapping's folder: the mapping and its tests.
    mappings: BTreeMap<PathBuf, BTreeMap<PathBuf, Held>>,
}

/// The SHA-256 of a file's content; `None` where it could not be read.
type Held = Option<[u8; 32]>;

// === impl Files ===

impl Files {
    /// A file's content, if it is not longer than `limit_bytes`; noted with what it held.
    pub fn read(&mut self, path: &Path, limit_bytes: u64) -> Result<Vec<u8>> {
        let content = read_bounded(path, limit_bytes);
        // What is there and no file, a pipe say, can be read once only.
        if std::fs::metadata(path).map_or(true, |found| found.is_file()) {
            let held = content.as_ref().ok().map(|octets| sha256(octets));
            self.named.insert(path.to_owned(), (limit_bytes, held));
        }
        content
    }

    /// Notes what a mapping's folder holds: the mapping, and the files of its tests.
    pub fn note_mapping(&mut self, folder: &Path) {
        let mut found = BTreeMap::new();
        let path = folder.join(MAPPING_FILE);
        found.insert(path.clone(), held(&path, MAPPING_BYTES));
        let mut left = TESTS;
        note_below(&folder.join(TESTS_FOLDER), DEPTH, &mut left, &mut found);
        self.mappings.insert(folder.to_owned(), found);
    }

    /// The same places with what they hold now.
    pub fn again(&self) -> Self {
        let mut now = Self::default();
        for (path, (limit_bytes, _)) in &self.named {
            now.named.insert(path.clone(), (*limit_bytes, held(path, *limit_bytes)));
        }
        self.mappings.keys().for_each(|folder| now.note_mapping(folder));
        now
    }
}

fn note_below(folder: &Path, depth: usize, left: &mut usize, found: &mut BTreeMap<PathBuf, Held>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.take(*left).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if *left == 0 {
            return;
        }
        *left -= 1;
        if path.is_dir() {
            note_below(&path, depth, left, found);
        } else {
            let held = held(&path, MAPPING_BYTES);
            found.insert(path, held);
        }
    }
}

fn held(path: &Path, limit_bytes: u64) -> Held {
    if !path.is_file() {
        return None;
    }
    read_bounded(path, limit_bytes).ok().map(|octets| sha256(&octets))
}

fn read_bounded(path: &Path, limit_bytes: u64) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(limit_bytes + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit_bytes {
        return Err(Error::other(format!("it is longer than {limit_bytes} bytes")));
    }
    Ok(content)
}

/// SHA-256.
pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, octets).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_what_a_file_holds_is_seen_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "1").unwrap();
        let mut files = Files::default();
        assert_eq!(files.read(&path, 2).unwrap(), b"1");
        assert!(files.read(&other, 2).is_err());
        assert_eq!(files.again(), files);
        std::fs::write(&path, "1").unwrap();
        assert_eq!(files.again(), files);
        // Too long is like not there, whatever it holds.
        std::fs::write(&other, "123").unwrap();
        assert_eq!(files.again(), files);
        std::fs::write(&other, "12").unwrap();
        assert_ne!(files.again(), files);
        std::fs::remove_file(&other).unwrap();
        assert_eq!(files.again(), files);
        std::fs::write(&other, "2").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(files.again(), files);
    }

    #[test]
    fn a_mapping_is_its_file_and_its_tests_those_that_are_new_too() {
        let folder = tempfile::tempdir().unwrap();
        let case = folder.path().join("tests").join("create");
        std::fs::create_dir_all(&case).unwrap();
        let mut files = Files::default();
        files.note_mapping(folder.path());
        let mut last = files.clone();
        for (name, text) in
            [("mapping.rhai", "a"), ("tests/create/x", "a"), ("tests/y", ""), ("tests/y", "b")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
            let now = last.again();
            assert_ne!(now, last, "{name}");
            last = now;
        }
        std::fs::write(folder.path().join("README.md"), "no matter").unwrap();
        assert_eq!(last.again(), last);
        std::fs::remove_dir_all(&case).unwrap();
        assert_ne!(last.again(), last);
    }
}

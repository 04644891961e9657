//! A mapping's folder: the mapping, and beside it `tests/` with a folder for each test and, where it is needed,
//! `tests/test.toml`. Knows where each file is; what is in them is others' affair.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Facts, Kind, Scene, Trouble, Written, request};
use crate::mapping::{MAPPING_FILE, Mapping, read_text};
use crate::scim::profile::{self, Profile};

/// A file of a test, at most.
const FILE_BYTES: u64 = 8 << 20;
/// Where a mapping's tests are.
const TESTS: &str = "tests";
/// What says that a folder is a test.
pub(super) const REQUEST: &str = "request.http";

/// A mapping's folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The mapping, in front of what its tests are for.
    pub scene: Scene,
}

/// What a mapping is rehearsed with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The mapping's params.
    pub params: BTreeMap<String, String>,
    /// What stands behind it; absent: what the mapping tells.
    pub kind: Option<Kind>,
    /// How requests are read and answered.
    pub profile: Profile,
}

/// `test.toml`, all of which may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// What stands behind the mapping, as a configuration names it.
    backend: Option<String>,
    /// The client's profile.
    profile: Option<String>,
    /// The mapping's params.
    #[serde(default)]
    params: BTreeMap<String, String>,
}

// === impl Folder ===

impl Folder {
    /// The folder of a mapping that holds no mistake.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let (_, script) = Mapping::file(path).map_err(Trouble::Mapping)?;
        Self::with(path, script)
    }

    /// The same, whose mapping has this text, whatever its file holds by now.
    pub fn with(path: &Path, script: String) -> Result<Self, Trouble> {
        let name = path.join(MAPPING_FILE).display().to_string();
        let scene = Scene::new(name, script, settings(path)?.unwrap_or_default())?;
        Ok(Self { path: path.to_owned(), scene })
    }

    /// The tests of another version of the mapping, or of the same, with this one in front of them.
    pub fn of(path: &Path, scene: Scene) -> Self {
        Self { path: path.to_owned(), scene }
    }

    /// The folders of its tests, by name.
    pub fn cases(&self) -> Result<Vec<PathBuf>, Trouble> {
        cases(&self.path)
    }

    /// What the backend holds in a test: what its own folder says, else what is said for all of them, else nothing.
    pub fn facts(&self, case: &Path) -> Result<Facts, Trouble> {
        let name = format!("before.{}", self.scene.kind.facts());
        let before =
            [case.join(&name), self.path.join(TESTS).join(&name)].into_iter().find(|path| path.exists());
        let after =
            Some(case.join(format!("after.{}", self.scene.kind.facts()))).filter(|path| path.exists());
        let read = |path: Option<PathBuf>| path.map(Written::read).transpose();
        Ok(Facts { before: read(before)?, after: read(after)? })
    }

    /// What the backend holds in tests that say nothing of it themselves.
    pub fn common_facts(&self) -> Result<Facts, Trouble> {
        self.facts(&self.path.join(TESTS))
    }

    /// Makes a test of a request that was captured; its folder.
    pub fn add(&self, name: &str, captured: &Path) -> Result<PathBuf, Trouble> {
        let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Trouble::file(name, "the name of a test is letters, digits, dots, - and _"));
        }
        let text = text(captured).map_err(|cause| Trouble::file(captured, cause))?;
        request::parse(&text).map_err(|cause| Trouble::file(captured, cause))?;
        let case = self.path.join(TESTS).join(name);
        if case.exists() {
            return Err(Trouble::file(case, "there is one already"));
        }
        fs::create_dir_all(&case).map_err(|cause| Trouble::file(&case, cause))?;
        let file = case.join(REQUEST);
        fs::write(&file, text).map_err(|cause| Trouble::file(file, cause))?;
        Ok(case)
    }
}

/// The folders of a mapping's tests, by name. One without a request would be no test, and nobody would know.
pub(super) fn cases(path: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let folders = subfolders(&path.join(TESTS))?;
    match folders.iter().find(|folder| !folder.join(REQUEST).exists()) {
        Some(folder) => {
            Err(Trouble::file(folder, format!("there is no {REQUEST} in the folder of this test")))
        }
        None => Ok(folders),
    }
}

/// The mappings' folders that a path stands for, each with the one test that is meant, if not all are: a mapping's own
/// folder, one with several mappings in it, or a test's.
pub fn mappings(path: &Path) -> Result<Vec<(PathBuf, Option<PathBuf>)>, Trouble> {
    if path.join(MAPPING_FILE).exists() {
        return Ok(vec![(path.to_owned(), None)]);
    }
    if path.join(REQUEST).exists() {
        let full = path.canonicalize().map_err(|cause| Trouble::file(path, cause))?;
        let mapping = full.ancestors().nth(2).filter(|folder| folder.join(MAPPING_FILE).exists());
        let mapping =
            mapping.ok_or_else(|| Trouble::file(path, "a test without a mapping two folders above"))?;
        return Ok(vec![(mapping.to_owned(), Some(full.clone()))]);
    }
    let mut found = subfolders(path)?;
    found.retain(|folder| folder.join(MAPPING_FILE).exists());
    match found.is_empty() {
        true => Err(Trouble::file(path, format!("there is no {MAPPING_FILE} here, nor one folder below"))),
        false => Ok(found.into_iter().map(|folder| (folder, None)).collect()),
    }
}

/// What `test.toml` says, where there is one.
pub(super) fn settings(folder: &Path) -> Result<Option<Settings>, Trouble> {
    let file = folder.join(TESTS).join("test.toml");
    if !file.exists() {
        return Ok(None);
    }
    let text = text(&file).map_err(|cause| Trouble::file(&file, cause))?;
    let said: Said = toml::from_str(&text).map_err(|cause| Trouble::file(&file, cause))?;
    let profile = said.profile.as_deref().map_or(Some(Profile::rfc()), Profile::named);
    let known = || Trouble::file(&file, format!("the profiles are {}", profile::NAMES.join(", ")));
    let profile = profile.ok_or_else(known)?;
    let kind = said.backend.as_deref().map(Kind::named).transpose();
    let kind = kind.map_err(|cause| Trouble::file(&file, cause))?;
    Ok(Some(Settings { params: said.params, kind, profile }))
}

/// The folders in a folder, in their order; none where the folder itself is not there. Hidden ones are others'.
fn subfolders(path: &Path) -> Result<Vec<PathBuf>, Trouble> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let unreadable = |cause: std::io::Error| Trouble::file(path, cause);
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let folders = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut folders = folders.map_err(unreadable)?;
    let is_hidden =
        |folder: &Path| folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    folders.retain(|folder| folder.is_dir() && !is_hidden(folder));
    folders.sort();
    Ok(folders)
}

/// A file's text, which is bounded.
pub(super) fn text(path: &Path) -> Result<String, String> {
    read_text(path, FILE_BYTES)
}

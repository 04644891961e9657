//! The backend that a mapping is rehearsed in front of: in memory, of a kind, holding what a file says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Trouble;
use crate::backend::Backend;
use crate::backend::ldap::{self, Ldap};
use crate::backend::sql::{InMemory, Stage, StandsFor};
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::plan::Store;

/// A kind of backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory, whose files are LDIF.
    Directory(ldap::Kind),
    /// A database, whose files are JSON.
    Database(StandsFor),
}

/// What a backend holds, as files say it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Before the request: LDIF, or JSON; nothing where there is no file.
    pub before: Option<Written>,
    /// After it, where what is planned cannot be run here; JSON.
    pub after: Option<Written>,
}

/// A file and its text.
#[derive(Clone, Debug)]
pub struct Written {
    path: PathBuf,
    text: String,
}

/// The kinds with their names, which are those of a configuration.
const NAMES: [(&str, Kind); 6] = [
    ("openldap", Kind::Directory(ldap::Kind::OpenLdap)),
    ("389ds", Kind::Directory(ldap::Kind::Ds389)),
    ("active-directory", Kind::Directory(ldap::Kind::ActiveDirectory)),
    ("generic", Kind::Directory(ldap::Kind::Generic)),
    ("sqlite", Kind::Database(StandsFor::Sqlite)),
    ("sqlserver", Kind::Database(StandsFor::SqlServer)),
];

// === impl Kind ===

impl Kind {
    /// The kind with this name; the error says which there are.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        let known = || NAMES.map(|(known, _)| known).join(", ");
        found.ok_or_else(|| format!("there is no backend {name:?}; there are: {}", known()))
    }

    /// The kind that a mapping is likely written for: the directory that its ids are of; SQLite, or SQL Server where it
    /// needs what SQLite has not.
    pub fn likely(mapping: &Mapping) -> Self {
        let is_directory = |entity: &crate::plan::Entity| matches!(entity.store, Store::Entries(_));
        match mapping.model().entities.values().any(is_directory) {
            true => Self::Directory(ldap::Kind::likely(mapping.model())),
            false if mapping.is_for_sqlite() => Self::Database(StandsFor::Sqlite),
            false => Self::Database(StandsFor::SqlServer),
        }
    }

    /// How the names of the files end in which facts stand.
    pub fn facts(self) -> &'static str {
        match self {
            Self::Directory(_) => "ldif",
            Self::Database(_) => "json",
        }
    }

    /// And those of plans.
    pub fn plans(self) -> &'static str {
        match self {
            Self::Directory(_) => "ldif",
            Self::Database(_) => "sql",
        }
    }

    /// Whether a file that somebody wrote says what this mapping understands: rows under a misspelt name would be none.
    pub fn understood(self, facts: &Facts, mapping: &Mapping) -> Result<(), Trouble> {
        match (self, &facts.before) {
            (Self::Database(_), Some(before)) => {
                let said = InMemory::misspelt(&before.json()?, mapping.model(), &mapping.touched());
                said.map_err(|cause| Trouble::file(&before.path, cause))
            }
            _ => Ok(()),
        }
    }

    /// A backend of this kind in memory; of one that only plans, plans are in the kind's own words, whatever can be run
    /// here. The error says what is wrong in which file.
    pub fn backend(
        self,
        facts: &Facts,
        mapping: &Mapping,
        limits: &Limits,
        only_plans: bool,
    ) -> Result<Arc<dyn Backend>, Trouble> {
        let (model, before) = (mapping.model().clone(), facts.before.as_ref());
        let wrong =
            |cause: String| Trouble::file(before.map_or_else(PathBuf::new, |said| said.path.clone()), cause);
        match self {
            Self::Directory(kind) => {
                let text = before.map_or("", |said| &said.text);
                let made = Ldap::in_memory(text, model, kind, mapping.now(), limits);
                Ok(Arc::new(made.map_err(wrong)?))
            }
            Self::Database(stands_for) => {
                let before = before.map_or_else(|| Ok(serde_json::json!({})), Written::json)?;
                let after = facts.after.as_ref().map(Written::json).transpose()?;
                let stage = Stage { stands_for, before: &before, after: after.as_ref(), only_plans };
                let deadline = Duration::from_millis(limits.backend_deadline_ms);
                let made = InMemory::new(&stage, model, &mapping.touched(), deadline);
                Ok(Arc::new(made.map_err(wrong)?))
            }
        }
    }
}

// === impl Facts ===

impl Facts {
    /// What was put together here.
    pub fn made(before: String) -> Self {
        Self { before: Some(Written::made(before)), after: None }
    }

    /// What is there before, as text; empty where nothing is.
    pub fn text(&self) -> &str {
        self.before.as_ref().map_or("", Written::text)
    }

    /// What a backend holds, from one file.
    pub fn read(path: &Path) -> Result<Self, Trouble> {
        Ok(Self { before: Some(Written::read(path.to_owned())?), after: None })
    }
}

// === impl Written ===

impl Written {
    /// A file, whose length is bounded.
    pub(super) fn read(path: PathBuf) -> Result<Self, Trouble> {
        match super::folder::text(&path) {
            Ok(text) => Ok(Self { path, text }),
            Err(cause) => Err(Trouble::file(path, cause)),
        }
    }

    /// What was put together here, and stands in no file.
    pub fn made(text: String) -> Self {
        Self { path: PathBuf::new(), text }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn json(&self) -> Result<serde_json::Value, Trouble> {
        match self.text.trim() {
            "" => Ok(serde_json::json!({})),
            text => serde_json::from_str(text)
                .map_err(|cause| Trouble::file(&self.path, format!("this is no JSON: {cause}"))),
        }
    }
}

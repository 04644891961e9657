//! The backend that a mapping is rehearsed in front of: in memory, of a kind, holding what a file says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
    /// Before the request: LDIF, or JSON. Empty: nothing.
    pub before: String,
    /// After it, where what is planned cannot be run here; JSON.
    pub after: Option<String>,
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

    /// A backend of this kind in memory; of one that only plans, plans are in the kind's own words, whatever can be run
    /// here. The error says what is wrong in the facts.
    pub fn backend(
        self,
        facts: &Facts,
        mapping: &Mapping,
        limits: &Limits,
        only_plans: bool,
    ) -> Result<Arc<dyn Backend>, String> {
        let model = mapping.model().clone();
        match self {
            Self::Directory(kind) => {
                Ok(Arc::new(Ldap::in_memory(&facts.before, model, kind, mapping.now(), limits)?))
            }
            Self::Database(stands_for) => {
                let (before, after) = (json(&facts.before)?, facts.after.as_deref().map(json).transpose()?);
                let stage = Stage { stands_for, before: &before, after: after.as_ref(), only_plans };
                let deadline = Duration::from_millis(limits.backend_deadline_ms);
                Ok(Arc::new(InMemory::new(&stage, model, &mapping.touched(), deadline)?))
            }
        }
    }
}

pub(super) fn json(text: &str) -> Result<serde_json::Value, String> {
    match text.trim() {
        "" => Ok(serde_json::json!({})),
        text => serde_json::from_str(text).map_err(|cause| format!("no JSON: {cause}")),
    }
}

// === impl Facts ===

impl Facts {
    /// What a backend holds, from one file, whose length is bounded. The error says why it cannot be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        super::folder::text(path).map(|before| Self { before, after: None })
    }
}

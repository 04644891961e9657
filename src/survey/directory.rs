//! A directory as it was found: where people and groups are, a sample of them, and what the server has.

use std::collections::{BTreeMap, BTreeSet};

/// Entries of people, and of groups, that a sample looks at, at most.
pub const SAMPLE_ENTRIES: usize = 1_000;
/// Units and counters that are looked at, at most.
pub const PLACES: usize = 500;

/// A directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// What it is.
    pub server: Server,
    /// DNs of the naming contexts that hold entries of people: an Active Directory's domain, not its schema.
    pub contexts: Vec<String>,
    /// Organizational units and containers.
    pub units: Vec<String>,
    /// People, as far as seen; the gateway's own account is none.
    pub people: Vec<Entry>,
    /// Groups of whatever kind.
    pub groups: Vec<Entry>,
    /// Entries that hold a next number and are neither a person's nor a group's: `uidNumber` or `gidNumber`, and the DN.
    pub counters: Vec<(String, String)>,
    /// Names of attributes that the schema has, in lower case; `None` where the account may not read it.
    pub attributes: Option<BTreeSet<String>>,
    /// What entries of an object class must have; both in lower case.
    pub must: BTreeMap<String, BTreeSet<String>>,
    /// Overlays or plug-ins that are on, in lower case; `None` where the account may not see them.
    pub helpers: Option<BTreeSet<String>>,
}

/// A kind of directory server.
#[allow(missing_docs)] // the names say it
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Server {
    OpenLdap,
    Ds389,
    ActiveDirectory,
    #[default]
    Other,
}

/// An entry of a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The attribute that names it.
    pub rdn: String,
    /// The DNs above it, its parent first, as the server writes them.
    pub above: Vec<String>,
    /// The first value of each attribute that was asked for and is there, by its name in lower case; empty of octets.
    pub first: BTreeMap<String, String>,
    /// Its object classes in lower case.
    pub classes: BTreeSet<String>,
}

// === impl Directory ===

impl Directory {
    /// Whether the schema has an attribute, as far as is known.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.as_ref().is_none_or(|known| known.contains(&attribute.to_ascii_lowercase()))
    }

    /// Whether an overlay or plug-in is on; `None` where that is not to be seen.
    pub fn is_on(&self, names: &[&str]) -> Option<bool> {
        let helpers = self.helpers.as_ref()?;
        Some(names.iter().any(|name| helpers.contains(&name.to_ascii_lowercase())))
    }
}

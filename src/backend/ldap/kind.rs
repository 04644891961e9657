//! The kinds of directory server, and what differs between them whatever the mapping says. A kind is told by
//! the server's rootDSE when a connection is made, unless the configuration says it. Knows no connection.

use crate::plan::{Folding, Model, Store, Value};

use super::entry::Entry;
use super::filter::at_this_entry;

/// A kind of directory server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// OpenLDAP.
    OpenLdap,
    /// 389 Directory Server, and so Red Hat Directory Server and FreeIPA.
    Ds389,
    /// Active Directory, and Samba in its place.
    ActiveDirectory,
    /// Any other: what it says that it can do is believed.
    #[default]
    Generic,
}

/// Attributes of the rootDSE that tell the kind. Operational ones among them are only given by name.
pub(super) const TELLING: [&str; 3] = ["objectClass", "vendorName", "supportedCapabilities"];

/// The object class of OpenLDAP's rootDSE.
const OPENLDAP: &str = "OpenLDAProotDSE";
/// The capability that every Active Directory has (MS-ADTS §3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// What the vendors of 389 Directory Server begin with.
const VENDORS: [&str; 3] = ["389 Project", "Red Hat", "Fedora"];

// === impl Kind ===

impl Kind {
    /// The kind that a rootDSE tells.
    pub(super) fn of(root_dse: &Entry) -> Self {
        let vendor = root_dse.text("vendorName").unwrap_or_default();
        if root_dse.values("supportedCapabilities").contains(&Value::from(ACTIVE_DIRECTORY)) {
            Self::ActiveDirectory
        } else if VENDORS.iter().any(|known| vendor.starts_with(known)) {
            Self::Ds389
        } else if root_dse.values("objectClass").contains(&Value::from(OPENLDAP)) {
            Self::OpenLdap
        } else {
            Self::Generic
        }
    }

    /// The kind that a mapping is written for, by what gives its entries their ids.
    pub fn likely(model: &Model) -> Self {
        let ids = model.entities.values().filter_map(|entity| match &entity.store {
            Store::Entries(entries) => Some(&*entries.id),
            Store::Table(_) => None,
        });
        let ids: Vec<&str> = ids.collect();
        let has = |id: &str| ids.iter().any(|known| known.eq_ignore_ascii_case(id));
        match (has("objectGUID"), has("nsUniqueId"), has("entryUUID")) {
            (true, ..) => Self::ActiveDirectory,
            (_, true, _) => Self::Ds389,
            (.., true) => Self::OpenLdap,
            _ => Self::Generic,
        }
    }

    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpenLdap => "OpenLDAP",
            Self::Ds389 => "389 Directory Server",
            Self::ActiveDirectory => "Active Directory",
            Self::Generic => "a directory of no kind that is known here",
        }
    }

    /// How it folds the case of text.
    pub(super) fn folding(self) -> Folding {
        match self {
            Self::Ds389 | Self::ActiveDirectory => Folding::Unprepared,
            _ => Folding::Directory,
        }
    }

    /// Whether the assertion control (RFC 4528) is honoured where it is advertised. 389 Directory Server and
    /// Active Directory refuse it, or ignore it and write.
    pub(super) fn asserts(self) -> bool {
        matches!(self, Self::OpenLdap | Self::Generic)
    }

    /// Whether the dereference control costs no more than the search that it saves. 389 Directory Server copies the whole
    /// entry that a DN leads to: 17 ms for each person in a group of 100,000, where the search takes less than one.
    pub(super) fn leads(self) -> bool {
        self != Self::Ds389
    }

    /// Whether an entry's id can stand in place of its DN.
    pub(super) fn takes_ids(self) -> bool {
        self == Self::ActiveDirectory
    }

    /// A condition as the assertion of a write to the entry with this DN.
    pub(super) fn assertion(self, dn: &str, condition: &str) -> String {
        match self {
            Self::OpenLdap => at_this_entry(dn, condition),
            _ => condition.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_dse_tells_the_kind() {
        for (attribute, value, kind) in [
            ("objectClass", OPENLDAP, Kind::OpenLdap),
            ("vendorName", "389 Project", Kind::Ds389),
            ("vendorName", "Red Hat, Inc.", Kind::Ds389),
            ("supportedCapabilities", ACTIVE_DIRECTORY, Kind::ActiveDirectory),
            ("vendorName", "Somebody else", Kind::Generic),
        ] {
            assert_eq!(Kind::of(&Entry::of("", &[(attribute, value)])), kind, "{attribute}: {value}");
        }
        assert_eq!(Kind::of(&Entry::default()), Kind::Generic);
    }
}

//! What a server says of itself: its kind, whatever the configuration says, and its version. Reads only.

use tokio::time::Instant;

use crate::plan::{LdapOperation, Scope};

use super::connection::Connection;
use super::entry::Entry;
use super::kind::{Kind, TELLING};

/// Its version, of most (RFC 3045).
const VERSION: &str = "vendorVersion";
/// The version of an Active Directory's servers, as far as it counts ([MS-ADTS] §3.1.1.3.2.25).
const LEVEL: &str = "domainControllerFunctionality";
/// Where OpenLDAP tells its version to whom it opens its monitor.
const MONITOR: &str = "cn=Monitor";
const INFO: &str = "monitoredInfo";

/// What a server says of itself.
pub(super) struct Said {
    pub kind: Kind,
    pub version: Option<String>,
}

impl Said {
    /// What this one says.
    pub(super) async fn by(connection: &Connection, until: Instant) -> Self {
        let own = [&TELLING[..], &[VERSION, LEVEL]].concat();
        let root = read(connection, "", &own, until).await;
        let kind = Kind::of(&root);
        let version = match (root.text(VERSION), root.text(LEVEL)) {
            (Some(version), _) => Some(version),
            (None, Some(level)) => Some(format!("functional level {level}")),
            (None, None) if kind == Kind::OpenLdap => {
                read(connection, MONITOR, &[INFO], until).await.text(INFO).as_deref().map(of_openldap)
            }
            (None, None) => None,
        };
        Self { kind, version }
    }

    /// Whether it is of another kind than somebody takes it for. Of a server that says nothing of its kind, as one
    /// behind a proxy may, any is believed.
    pub(super) fn contradicts(&self, kind: Kind) -> bool {
        self.kind != Kind::Generic && self.kind != kind
    }
}

/// One entry, or an empty one: nothing else depends on it.
async fn read(connection: &Connection, dn: &str, attributes: &[&str], until: Instant) -> Entry {
    let search = LdapOperation::Search {
        base: dn.to_owned(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        size_limit: 1,
    };
    let answer = connection.search(&search, None, until).await;
    answer.ok().and_then(|answer| answer.entries.into_iter().next()).unwrap_or_default()
}

/// `OpenLDAP: slapd 2.5.13+dfsg-5 (Feb  8 2023 01:56:12)`
fn of_openldap(info: &str) -> String {
    let version = info.split_once("slapd ").map_or(info, |(_, rest)| rest);
    version.split(" (").next().unwrap_or(version).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_taken_out_of_what_the_monitor_says() {
        assert_eq!(of_openldap("OpenLDAP: slapd 2.5.13+dfsg-5 (Feb  8 2023 01:56:12) "), "2.5.13+dfsg-5");
        assert_eq!(of_openldap("2.6"), "2.6");
    }
}

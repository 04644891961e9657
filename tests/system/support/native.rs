//! A directory of any kind, looked into with another client than the gateway, which asks it in the clear:
//! a relay between them can lose what goes through.

use super::Server;
use super::directory::{Directory, Entry, SUFFIX};
use super::samba::{self, DOMAIN, Samba};

/// A running directory, with the ready mapping for its kind. Ends with this.
pub enum Native {
    OpenLdap(Directory),
    /// An OpenLDAP with POSIX accounts and groups of two entries.
    Posix(Directory),
    Ds389(Directory),
    ActiveDirectory(Samba),
}

// === impl Native ===

impl Native {
    pub fn openldap() -> Self {
        Self::OpenLdap(Directory::start())
    }

    pub fn posix() -> Self {
        Self::Posix(Directory::posix())
    }

    pub fn ds389() -> Self {
        Self::Ds389(Directory::ds389())
    }

    pub fn active_directory() -> Self {
        Self::ActiveDirectory(Samba::start())
    }

    /// One of each kind.
    pub fn each() -> [Self; 3] {
        [Self::openldap(), Self::ds389(), Self::active_directory()]
    }

    pub fn server(&mut self) -> &mut dyn Server {
        match self {
            Self::OpenLdap(directory) | Self::Posix(directory) | Self::Ds389(directory) => directory,
            Self::ActiveDirectory(samba) => samba,
        }
    }

    pub fn plain_port(&self) -> u16 {
        match self {
            Self::OpenLdap(directory) | Self::Posix(directory) | Self::Ds389(directory) => {
                directory.plain_port()
            }
            Self::ActiveDirectory(samba) => samba.plain_port(),
        }
    }

    /// The target `corp`, asked at these URLs. What a person logs in by names the entry.
    pub fn target(&self, urls: &[String]) -> String {
        match self {
            Self::OpenLdap(directory) => directory.target_in_the_clear("corp", "openldap", urls),
            Self::Posix(directory) => directory.target_in_the_clear("corp", "openldap-posix", urls),
            Self::Ds389(directory) => directory.target_in_the_clear("corp", "389ds", urls),
            Self::ActiveDirectory(samba) => {
                let name = ", name = \"{userName}\"";
                samba.target_in_the_clear("corp", "active-directory", name, urls)
            }
        }
    }

    /// An OpenLDAP or a 389 Directory Server, for what only these have.
    pub fn entries(&self) -> &Directory {
        match self {
            Self::OpenLdap(directory) | Self::Posix(directory) | Self::Ds389(directory) => directory,
            Self::ActiveDirectory(_) => panic!("an Active Directory"),
        }
    }

    /// All that there is of people and groups.
    pub fn all(&self) -> Vec<Entry> {
        match self {
            Self::ActiveDirectory(samba) => ["people", "groups"]
                .iter()
                .flat_map(|unit| samba.search(&format!("ou={unit},{DOMAIN}"), "(objectClass=*)"))
                .collect(),
            _ => self.entries().search(SUFFIX, "(objectClass=*)"),
        }
    }

    pub fn people(&self) -> Vec<Entry> {
        match self {
            Self::OpenLdap(directory) | Self::Posix(directory) | Self::Ds389(directory) => {
                directory.search(&format!("ou=people,{SUFFIX}"), "(objectClass=inetOrgPerson)")
            }
            Self::ActiveDirectory(samba) => {
                samba.search(&format!("ou=people,{DOMAIN}"), "(objectClass=user)")
            }
        }
    }

    /// The entry of a person with this login.
    pub fn person(&self, login: &str) -> Option<Entry> {
        self.people().into_iter().find(|entry| entry.one(self.login()) == Some(login))
    }

    /// The entry of a group with this name.
    pub fn group(&self, cn: &str) -> Option<Entry> {
        match self {
            Self::OpenLdap(directory) | Self::Posix(directory) | Self::Ds389(directory) => {
                directory.group(cn)
            }
            Self::ActiveDirectory(samba) => samba.group(cn),
        }
    }

    /// The attribute with what a person logs in by.
    pub fn login(&self) -> &'static str {
        match self {
            Self::OpenLdap(_) | Self::Posix(_) | Self::Ds389(_) => "uid",
            Self::ActiveDirectory(_) => "sAMAccountName",
        }
    }

    /// The id of an entry.
    pub fn id(&self, entry: &Entry) -> String {
        match self {
            Self::OpenLdap(_) | Self::Posix(_) => entry.one("entryUUID").unwrap().to_owned(),
            Self::Ds389(_) => entry.one("nsUniqueId").unwrap().to_owned(),
            Self::ActiveDirectory(_) => samba::guid(entry.one("objectGUID").unwrap()),
        }
    }
}

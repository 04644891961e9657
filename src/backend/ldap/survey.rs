//! What is in a directory that nobody knows yet, as far as the account sees it. It only reads; each search has its bound
//! and its deadline.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::configured::{DS389_PLUGINS, OPENLDAP_OVERLAYS, bare};
use super::connection::Connection;
use super::dn;
use super::entry::Entry;
use super::examine::Examination;
use super::kind::Kind;
use super::{Identity, Ldap, Settings, codes};
use crate::backend::Failure;
use crate::backend::finding::Findings;
use crate::plan::{LdapOperation, Model, Scope};
use crate::survey::directory::{self, Directory, PLACES, SAMPLE_ENTRIES, Server};

/// What is asked for of people and of groups. No password is among it, and nothing that may be very long.
const ATTRIBUTES: [&str; 39] = [
    "objectClass",
    "uid",
    "cn",
    "sn",
    "givenName",
    "displayName",
    "mail",
    "telephoneNumber",
    "mobile",
    "facsimileTelephoneNumber",
    "homePhone",
    "title",
    "preferredLanguage",
    "employeeNumber",
    "employeeType",
    "departmentNumber",
    "department",
    "company",
    "o",
    "manager",
    "street",
    "streetAddress",
    "l",
    "st",
    "postalCode",
    "memberOf",
    "uidNumber",
    "gidNumber",
    "loginShell",
    "sAMAccountName",
    "userPrincipalName",
    "isCriticalSystemObject",
    "businessCategory",
    "info",
    "entryUSN",
    "entryCSN",
    "entryUUID",
    "nsUniqueId",
    "nsAccountLock",
];
const PEOPLE: &str = "(|(objectClass=inetOrgPerson)(objectClass=organizationalPerson)(objectClass=posixAccount)(objectClass=account))";
const USERS: &str = "(&(objectClass=user)(!(objectClass=computer)))";
const GROUPS: &str = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))";
/// An Active Directory has hundreds of containers of its own.
const OWN_UNITS: &str = "(objectClass=organizationalUnit)";
const UNITS: &str = "(|(objectClass=organizationalUnit)(objectClass=container))";
/// A class that the schema lacks must not stand here: of an entry that is not of it nothing would be known.
const NUMBERS: [(&str, &str); 2] = [
    ("uidNumber", "(&(uidNumber=*)(!(objectClass=posixAccount)))"),
    ("gidNumber", "(&(gidNumber=*)(!(objectClass=posixAccount))(!(objectClass=posixGroup)))"),
];
/// Naming contexts that hold no people.
const OWN: [&str; 6] =
    ["cn=config", "cn=monitor", "cn=schema", "cn=accesslog", "cn=changelog", "o=netscaperoot"];

impl Ldap {
    /// What is there. The first server that answers is asked.
    pub async fn survey(settings: Settings) -> Result<Directory, Failure> {
        let own = match &settings.identity {
            Identity::Password { dn, .. } => dn::Dn::parse(dn),
            Identity::Certificate { .. } => None,
        };
        let ldap = Self::new(settings, Arc::new(Model::default())).map_err(Failure::Internal)?;
        let connection = ldap.directory.pool.fleet.open(ldap.directory.until()).await?;
        let mut findings = Findings::default();
        let look = Examination::of(&ldap.directory, &connection, &mut findings);
        Survey { look, connection: &connection, own }.take().await
    }
}

struct Survey<'a> {
    look: Examination<'a>,
    connection: &'a Connection,
    /// The gateway's own account, which is no person.
    own: Option<dn::Dn>,
}

impl Survey<'_> {
    async fn take(mut self) -> Result<Directory, Failure> {
        let kind = self.connection.features.kind;
        let schema = self.look.schema().await?;
        let mut found = Directory {
            server: server(kind),
            contexts: self.contexts(kind).await?,
            helpers: self.helpers(kind).await?,
            attributes: schema.as_ref().map(|schema| schema.attributes().clone()),
            must: schema.map(|schema| schema.musts().clone()).unwrap_or_default(),
            ..Directory::default()
        };
        let [people, places] = match kind {
            Kind::ActiveDirectory => [USERS, OWN_UNITS],
            _ => [PEOPLE, UNITS],
        };
        for context in found.contexts.clone() {
            let entries = self.search(&context, people, &ATTRIBUTES, SAMPLE_ENTRIES).await?;
            let is_own =
                |entry: &Entry| self.own.is_some() && dn::Dn::parse(&entry.dn).as_ref() == self.own.as_ref();
            found.people.extend(entries.iter().filter(|entry| !is_own(entry)).map(sighted));
            let entries = self.search(&context, GROUPS, &ATTRIBUTES, SAMPLE_ENTRIES).await?;
            found.groups.extend(entries.iter().map(sighted));
            let units = self.search(&context, places, &["1.1"], PLACES).await?;
            found.units.extend(units.into_iter().map(|entry| entry.dn));
            if kind != Kind::ActiveDirectory {
                for (attribute, filter) in NUMBERS {
                    let counters = self.search(&context, filter, &["1.1"], PLACES).await?;
                    found.counters.extend(counters.into_iter().map(|entry| (attribute.to_owned(), entry.dn)));
                }
            }
        }
        Ok(found)
    }

    async fn contexts(&self, kind: Kind) -> Result<Vec<String>, Failure> {
        let attribute = if kind == Kind::ActiveDirectory { "defaultNamingContext" } else { "namingContexts" };
        let root = self.look.read("", &[attribute]).await?.entries.into_iter().next().unwrap_or_default();
        let all = root.values(attribute).into_iter().filter_map(|value| value.text());
        let contexts: Vec<String> =
            all.filter(|dn| !dn.is_empty() && !OWN.contains(&dn.to_lowercase().as_str())).collect();
        match contexts.is_empty() {
            true => Err(Failure::Unavailable(format!("the server tells this account no {attribute}"))),
            false => Ok(contexts),
        }
    }

    async fn helpers(&self, kind: Kind) -> Result<Option<BTreeSet<String>>, Failure> {
        let place = match kind {
            Kind::OpenLdap => &OPENLDAP_OVERLAYS,
            Kind::Ds389 => &DS389_PLUGINS,
            Kind::ActiveDirectory | Kind::Generic => return Ok(None),
        };
        let on: BTreeSet<String> = self.look.configured(Some(place)).await?.into_iter().map(bare).collect();
        Ok(Some(on).filter(|on| !on.is_empty()))
    }

    /// As much as the server gives of what a filter finds.
    async fn search(
        &self,
        base: &str,
        filter: &str,
        attributes: &[&str],
        size_limit: usize,
    ) -> Result<Vec<Entry>, Failure> {
        let search = LdapOperation::Search {
            base: base.to_owned(),
            scope: Scope::Subtree,
            filter: filter.to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            size_limit,
        };
        let answer = self.look.ask(&search).await?;
        match answer.result.rc {
            0 | codes::SIZE_LIMIT | codes::NO_SUCH_OBJECT => Ok(answer.entries),
            _ => Err(codes::search(base, &answer.result)),
        }
    }
}

fn server(kind: Kind) -> Server {
    match kind {
        Kind::OpenLdap => Server::OpenLdap,
        Kind::Ds389 => Server::Ds389,
        Kind::ActiveDirectory => Server::ActiveDirectory,
        Kind::Generic => Server::Other,
    }
}

/// An entry as a draft looks at it.
fn sighted(entry: &Entry) -> directory::Entry {
    let rdn = dn::Dn::parse(&entry.dn).and_then(|dn| dn.naming().first().map(|ava| ava.attribute.clone()));
    let (mut above, mut rest) = (Vec::new(), entry.dn.as_str());
    while let Some((_, parent)) = dn::split(rest).filter(|(_, parent)| !parent.is_empty()) {
        above.push(parent.to_owned());
        rest = parent;
    }
    let first = entry.all().filter(|(_, values)| !values.is_empty()).map(|(name, values)| {
        let text = values.first().and_then(|value| value.text()).unwrap_or_default();
        (name.to_ascii_lowercase(), text)
    });
    let classes = entry.values("objectClass").into_iter().filter_map(|value| value.text());
    directory::Entry {
        rdn: rdn.unwrap_or_default(),
        above,
        first: first.collect(),
        classes: classes.map(|class| class.to_ascii_lowercase()).collect(),
    }
}

//! The direct client: the same `ldap3` that the gateway stands on, over the same LDAPS, with as many
//! connections as the gateway's pool has and 16 operations in flight in all. It does what a program that
//! knew this one directory would do.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Mod, Scope, SearchEntry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::cases::{anybody, newcomer, toggled};
use crate::load::{self, Measured, Worker};
use crate::people::{Ids, PEOPLE, login};
use crate::support::directory::{BIND_DN, Directory, PASSWORD, SUFFIX};
use crate::{CONNECTIONS, SPAN, WARM_UP};

/// Connections, as many as the gateway's pool has.
const POOL: usize = 4;
/// What the mapping reads of a person.
const ATTRIBUTES: [&str; 15] = [
    "entryUUID",
    "entryCSN",
    "uid",
    "employeeNumber",
    "displayName",
    "cn",
    "sn",
    "givenName",
    "title",
    "preferredLanguage",
    "mail",
    "telephoneNumber",
    "mobile",
    "pwdAccountLockedTime",
    "memberOf",
];

/// What is done.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A person by entryUUID.
    ById,
    /// A person by uid.
    ByName,
    /// The ids of all people, put in order, then the hundred from this one on.
    Page(usize),
    /// An add.
    Create,
    /// A modify of pwdAccountLockedTime.
    Active,
    /// A modify of member.
    Member,
}

/// Bound connections.
pub struct Direct {
    connections: Vec<Ldap>,
    /// Operations of [`Self::counter`] itself.
    counted: AtomicU64,
    /// Begin where the gateway's own runs do not come to.
    numbers: Arc<AtomicUsize>,
}

struct Client {
    ldap: Ldap,
    what: What,
    ids: Arc<Ids>,
}

// === impl Direct ===

impl Direct {
    pub async fn connect(directory: &Directory) -> Self {
        let mut connections = Vec::new();
        for _ in 0..POOL {
            connections.push(bound(&directory.url(), &directory.file("ca.pem"), BIND_DN, PASSWORD).await);
        }
        Self { connections, counted: AtomicU64::new(0), numbers: Arc::new(AtomicUsize::new(500_000)) }
    }

    /// The ids of all people and groups.
    pub async fn ids(&self, suffix: &str) -> Ids {
        let mut ldap = self.connections[0].clone();
        let mut all = Vec::new();
        for (base, class, name) in [("people", "inetOrgPerson", "uid"), ("groups", "groupOfNames", "cn")] {
            let base = format!("ou={base},{suffix}");
            let attributes = [name, "entryUUID"];
            let mut found = search(&mut ldap, &base, &format!("(objectClass={class})"), &attributes).await;
            found.sort_by(|a, b| a.attrs[name].cmp(&b.attrs[name]));
            all.push(found.into_iter().map(|entry| entry.attrs["entryUUID"][0].clone()).collect());
        }
        let groups = all.pop().unwrap();
        Ids { people: all.pop().unwrap(), groups }
    }

    /// A counter of the server's monitor.
    pub async fn counter(&self, dn: &str, attribute: &str) -> u64 {
        self.counted.fetch_add(1, Ordering::Relaxed);
        let mut ldap = self.connections[0].clone();
        let found = ldap.search(dn, Scope::Base, "(objectClass=*)", [attribute]).await.unwrap();
        let (entries, _) = found.success().unwrap();
        let entry = SearchEntry::construct(entries.into_iter().next().unwrap());
        entry.attrs[attribute][0].parse().unwrap()
    }

    /// How often [`Self::counter`] asked.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    pub async fn run(&self, what: What, ids: &Arc<Ids>) -> Measured {
        let connections = self.connections.iter().cycle().take(CONNECTIONS);
        let client = |ldap: &Ldap| Client { ldap: ldap.clone(), what, ids: Arc::clone(ids) };
        load::run(connections.map(client).collect(), &self.numbers, WARM_UP, SPAN).await
    }
}

impl Worker for Client {
    async fn ask(&mut self, number: usize) {
        let people = format!("ou=people,{SUFFIX}");
        match self.what {
            What::ById => {
                let id = &self.ids.people[anybody(number)];
                let filter = format!("(&(objectClass=inetOrgPerson)(entryUUID={id}))");
                self.finds(&people, &filter, 1).await;
            }
            What::ByName => {
                let filter = format!("(&(objectClass=inetOrgPerson)(uid={}))", login(anybody(number)));
                self.finds(&people, &filter, 1).await;
            }
            What::Page(start) => self.page(&people, start).await,
            What::Create => {
                let login = format!("new{number:06}");
                let value = |text: &str| HashSet::from([text.to_owned()]);
                let attributes = vec![
                    ("objectClass".to_owned(), value("inetOrgPerson")),
                    ("uid".to_owned(), value(&login)),
                    ("cn".to_owned(), value("New Person")),
                    ("sn".to_owned(), value("Person")),
                    ("givenName".to_owned(), value("New")),
                    ("mail".to_owned(), value(&format!("{login}@example.test"))),
                ];
                done(self.ldap.add(&format!("uid={login},{people}"), attributes).await);
            }
            What::Active => {
                let (person, locked) = toggled(number);
                let dn = format!("uid={},{people}", login((person + 1) % PEOPLE));
                let locked = if locked { HashSet::from(["000001010000Z"]) } else { HashSet::new() };
                done(self.ldap.modify(&dn, vec![Mod::Replace("pwdAccountLockedTime", locked)]).await);
            }
            What::Member => {
                let (group, person) = newcomer(number);
                let dn = format!("cn=group{group:03},ou=groups,{SUFFIX}");
                let member = format!("uid={},{people}", login(person));
                done(self.ldap.modify(&dn, vec![Mod::Add("member", HashSet::from([member.as_str()]))]).await);
            }
        }
    }
}

impl Client {
    async fn finds(&mut self, base: &str, filter: &str, count: usize) {
        let found = search(&mut self.ldap, base, filter, &ATTRIBUTES).await;
        assert_eq!(found.len(), count, "{filter}");
    }

    async fn page(&mut self, base: &str, start: usize) {
        let all = search(&mut self.ldap, base, "(objectClass=inetOrgPerson)", &["entryUUID"]).await;
        let mut ids: Vec<String> =
            all.into_iter().map(|mut entry| entry.attrs.remove("entryUUID").unwrap().remove(0)).collect();
        ids.sort_unstable();
        let ids: String = ids[start - 1..start + 99].iter().map(|id| format!("(entryUUID={id})")).collect();
        self.finds(base, &format!("(&(objectClass=inetOrgPerson)(|{ids}))"), 100).await;
    }
}

/// A connection over TLS, bound.
pub async fn bound(url: &str, ca: &Path, who: &str, password: &str) -> Ldap {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let settings = LdapConnSettings::new().set_config(config);
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, url).await.unwrap();
    tokio::spawn(connection.drive());
    ldap.simple_bind(who, password).await.unwrap().success().unwrap();
    ldap
}

async fn search(ldap: &mut Ldap, base: &str, filter: &str, attributes: &[&str]) -> Vec<SearchEntry> {
    let found = ldap.search(base, Scope::Subtree, filter, attributes).await.unwrap();
    let (entries, _) = found.success().unwrap();
    entries.into_iter().map(SearchEntry::construct).collect()
}

fn done(result: Result<ldap3::LdapResult, LdapError>) {
    result.unwrap().success().unwrap();
}

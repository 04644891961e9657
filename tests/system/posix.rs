//! POSIX accounts in OpenLDAP: numbers from counters, and a group that is two entries. The server is looked into
//! with `ldapsearch`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::directory::{Directory, Entry, SUFFIX};
use super::support::gateway::Gateway;
use super::support::scim::Scim;

struct Case {
    directory: Directory,
    gateway: Gateway,
    scim: Scim,
}

// === impl Case ===

impl Case {
    fn start() -> Self {
        Self::with("")
    }

    /// With these lines at the end of the server's configuration.
    fn with(last_lines: &str) -> Self {
        let directory = Directory::posix_with(last_lines);
        let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
        let scim = gateway.target("corp");
        Self { directory, gateway, scim }
    }

    fn person(&self, login: &str) -> Value {
        self.scim.post("/Users", &json!({ "userName": login })).is(201)
    }

    fn group(&self, name: &str, members: &[&Value]) -> Value {
        let members: Vec<Value> = members.iter().map(|one| json!({ "value": one["id"] })).collect();
        self.scim.post("/Groups", &json!({ "displayName": name, "members": members })).is(201)
    }

    /// The members of both entries of a group, by uid: they are the same.
    #[track_caller]
    fn members(&self, name: &str) -> BTreeSet<String> {
        let by_dn: BTreeSet<String> =
            self.directory.group(name).unwrap().all("member").iter().filter_map(|dn| uid(dn)).collect();
        assert_eq!(self.uids(name), by_dn, "{name}");
        by_dn
    }

    #[track_caller]
    fn uids(&self, name: &str) -> BTreeSet<String> {
        self.directory.posix_group(name).unwrap().all("memberUid").iter().cloned().collect()
    }

    fn counter(&self, name: &str, attribute: &str) -> u32 {
        let found = self.directory.search(SUFFIX, &format!("(cn={name})"));
        number(&found[0], attribute)
    }
}

fn number(entry: &Entry, attribute: &str) -> u32 {
    entry.one(attribute).unwrap().parse().unwrap()
}

/// The uid in a person's DN; the placeholder has none.
fn uid(dn: &str) -> Option<String> {
    Some(dn.strip_prefix("uid=")?.split(',').next()?.to_owned())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_person_has_a_number_and_a_group_two_entries() {
    let case = Case::start();
    let (ada, bob) = (case.person("ada"), case.person("bob"));
    let ada_entry = case.directory.person("ada").unwrap();
    assert_eq!(number(&ada_entry, "uidNumber"), 10_000);
    assert_eq!(number(&case.directory.person("bob").unwrap(), "uidNumber"), 10_001);
    assert_eq!(case.counter("uidNext", "uidNumber"), 10_002);
    assert_eq!(ada_entry.one("homeDirectory"), Some("/home/ada"));
    assert_eq!((ada_entry.one("gidNumber"), ada_entry.one("loginShell")), (Some("100"), Some("/bin/bash")));

    let group = case.group("Crew", &[&ada, &bob]);
    assert_eq!(group["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(case.members("Crew"), set(&["ada", "bob"]));
    assert_eq!(number(&case.directory.posix_group("Crew").unwrap(), "gidNumber"), 20_000);
    assert_eq!(case.counter("gidNext", "gidNumber"), 20_001);
    assert!(case.gateway.log().iter().all(|line| !line.contains("ERROR")));
}

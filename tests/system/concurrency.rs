//! Many clients that change one group at the same time, each its own member, while somebody renames it: no
//! member is lost, and none comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::samba::Samba;
use crate::support::scim::{Answer, Scim};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const WRITERS: usize = 16;
const ROUNDS: usize = 8;

#[test]
fn on_an_applications_tables() {
    crm(&Database::of("crm"));
}

pub fn crm(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("crm", "crm")]);
    let (id, _) = contend(&gateway.target("crm"));
    let rows = database.rows(&format!(
        "SELECT LoginName FROM UserRole m JOIN AppUser u ON u.UserId = m.UserId WHERE RoleId = {id}"
    ));
    assert_eq!(
        rows.iter().map(|row| row["LoginName"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
        stayed()
    );
    gateway.is_sound();
}

#[test]
fn on_two_bare_tables() {
    plain(&Database::of("plain"));
}

pub fn plain(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("plain", "plain")]);
    let (id, _) = contend(&gateway.target("plain"));
    let rows = database.rows(&format!(
        "SELECT UserName FROM Members JOIN Users ON MemberId = Users.Id WHERE GroupId = '{id}'"
    ));
    assert_eq!(
        rows.iter().map(|row| row["UserName"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
        stayed()
    );
    gateway.is_sound();
}

#[test]
fn on_openldap() {
    in_a_directory(&Directory::start(), "openldap");
}

#[test]
fn on_openldap_in_two_entries() {
    let directory = Directory::posix();
    in_a_directory(&directory, "openldap-posix");
    let groups = directory.search(&format!("ou=posix,{SUFFIX}"), "(objectClass=posixGroup)");
    let [group] = groups.as_slice() else { panic!("{groups:#?}") };
    let uids: BTreeSet<String> = group.all("memberUid").iter().cloned().collect();
    assert_eq!((uids, directory.group(group.one("cn").unwrap()).is_some()), (stayed(), true));
}

#[test]
fn on_openldap_by_uids() {
    let directory = Directory::posix();
    let mut gateway = Gateway::serve(&[crate::uids::target(&directory)]);
    let (_, name) = contend(&gateway.target("corp"));
    let group = directory.group(&name).unwrap();
    assert_eq!(group.all("memberUid").iter().cloned().collect::<BTreeSet<_>>(), stayed());
    gateway.is_sound();
}

#[test]
fn on_389_directory_server() {
    in_a_directory(&Directory::ds389(), "389ds");
}

fn in_a_directory(directory: &Directory, mapping: &str) {
    let mut gateway = Gateway::serve(&[directory.target("corp", mapping)]);
    let (_, name) = contend(&gateway.target("corp"));
    let group = directory.group(&name).unwrap();
    let dn = |login: &String| format!("uid={login},ou=people,{SUFFIX}");
    let members = group.all("member").iter().filter(|dn| *dn != "cn=gantry-placeholder").cloned();
    assert_eq!(members.collect::<BTreeSet<_>>(), stayed().iter().map(dn).collect());
    // What keeps memberOf has followed: each of them shows the group, under its last name, and nobody else does.
    for number in 0..WRITERS {
        let person = directory.person(&login(number)).unwrap();
        let shown = person.all("memberOf") == [group.dn.clone()];
        assert_eq!(shown, stayed().contains(&login(number)), "{person:?}");
    }
    gateway.is_sound();
}

#[test]
fn on_active_directory() {
    let samba = Samba::start();
    let mut gateway = Gateway::serve(&[samba.target("corp", "active-directory", "")]);
    let (_, name) = contend(&gateway.target("corp"));
    let group = samba.group(&name).unwrap();
    let people: BTreeMap<String, String> =
        (0..WRITERS).map(login).map(|login| (samba.person(&login).unwrap().dn, login)).collect();
    let members = group.all("member").iter().map(|dn| people[dn].clone());
    assert_eq!(members.collect::<BTreeSet<_>>(), stayed());
    gateway.is_sound();
}

fn login(number: usize) -> String {
    format!("writer-{number}")
}

/// Every other writer ends with its member in the group.
fn stayed() -> BTreeSet<String> {
    (0..WRITERS).filter(|number| stays(*number)).map(login).collect()
}

fn stays(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// The group's id and its name in the end.
fn contend(scim: &Scim) -> (String, String) {
    let make = |number| scim.post("/Users", &json!({ "schemas": [USER], "userName": login(number) })).is(201);
    let people: Vec<String> = (0..WRITERS).map(|number| id(&make(number))).collect();
    let group = id(&scim.post("/Groups", &json!({ "schemas": [GROUP], "displayName": "contended" })).is(201));
    let path = format!("/Groups/{group}");
    let goes_on = AtomicBool::new(true);
    let name = std::thread::scope(|scope| {
        let renaming = scope.spawn(|| rename(scim, &path, &goes_on));
        let writers: Vec<_> = people
            .iter()
            .enumerate()
            .map(|(number, member)| {
                let path = &path;
                scope.spawn(move || come_and_go(scim, path, member, stays(number)))
            })
            .collect();
        // The renaming must end also when a writer did not succeed.
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        goes_on.store(false, Ordering::Relaxed);
        ended.into_iter().for_each(|end| end.unwrap());
        renaming.join().unwrap()
    });
    let expected: BTreeSet<String> =
        people.iter().enumerate().filter(|(number, _)| stays(*number)).map(|(_, id)| id.clone()).collect();
    assert_eq!(members(scim, &path), expected);
    assert_eq!(scim.get(&path).is(200)["displayName"], name);
    (group, name)
}

fn come_and_go(scim: &Scim, path: &str, member: &str, stays: bool) {
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": member }] }]);
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{member}\"]") }]);
    for _ in 0..ROUNDS {
        done(|| scim.patch(path, &add));
        assert!(members(scim, path).contains(member), "{member} was lost");
        done(|| scim.patch(path, &remove));
        assert!(!members(scim, path).contains(member), "{member} came back");
    }
    if stays {
        done(|| scim.patch(path, &add));
    }
}

/// Gives the group one new name after the other; the last one.
fn rename(scim: &Scim, path: &str, goes_on: &AtomicBool) -> String {
    let mut name = String::new();
    for number in 0.. {
        name = format!("contended {number}");
        done(|| scim.patch(path, &json!([{ "op": "replace", "path": "displayName", "value": name }])));
        if !goes_on.load(Ordering::Relaxed) {
            break;
        }
    }
    name
}

/// Asks until it is done, as a client does that is told that others are changing the same resource.
fn done(ask: impl Fn() -> Answer) {
    for _ in 0..50 {
        let answer = ask();
        if [200, 204].contains(&answer.status) {
            return;
        }
        answer.is_error(503, "");
    }
    panic!("refused again and again");
}

fn members(scim: &Scim, path: &str) -> BTreeSet<String> {
    let group = scim.get(path).is(200);
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

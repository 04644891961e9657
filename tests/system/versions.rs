//! Versions (RFC 7644 §3.14) over HTTP, on each ready mapping: the same in every answer of one state, another
//! after a change, also one that another client made; conditions that do not hold change nothing.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::support::database::Database;
use super::support::directory::Directory;
use super::support::gateway::Gateway;
use super::support::samba::Samba;
use super::support::scim::{Answer, Scim};

#[test]
fn in_two_bare_tables() {
    plain(&Database::of("plain"));
}

#[test]
fn in_an_applications_tables() {
    crm(&Database::of("crm"));
}

pub fn plain(database: &Database) {
    life(&Gateway::serve(&[database.target("plain", "plain")]).target("plain"));
}

pub fn crm(database: &Database) {
    life(&Gateway::serve(&[database.target("crm", "crm")]).target("crm"));
}

#[test]
fn what_hangs_on_a_row_moves_its_version() {
    beside(&Database::holding(include_str!("../mappings/beside/database.sql")));
}

/// A change that lies only in a row beside, a collection, the document or the members moves the version that the database
/// counts (`tests/mappings/beside`), and of those who write on condition of one version one wins.
pub fn beside(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("beside", "../tests/mappings/beside")]);
    let scim = gateway.target("beside");
    let stamp = |table: &str| {
        let rows = database.rows(&format!("SELECT CAST(RowVer AS BIGINT) AS v FROM {table}"));
        rows[0]["v"].as_i64().unwrap()
    };
    let phones = |number: &str| json!([{ "type": "work", "value": number }]);
    let user = json!({ "userName": "vera", "title": "none", "phoneNumbers": phones("+0"), "nickName": "v" });
    let user = scim.post("/Users", &user).is(201);
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    for (attribute, value) in [
        ("phoneNumbers", phones("+1")),
        ("phoneNumbers", json!([{ "type": "work", "value": "+1" }, { "type": "mobile", "value": "+2" }])),
        ("title", json!("Dr")),
        ("nickName", json!("Vee")),
        ("displayName", json!("Vera")),
    ] {
        let (version, before) = (etag(&scim.get(&path)), stamp("Person"));
        let body = patch(json!([{ "op": "replace", "path": attribute, "value": value }]));
        let on = |version: &str| scim.on_condition("PATCH", &path, "If-Match", version, Some(&body));
        let done = on(&version);
        let after = stamp("Person");
        assert_ne!(etag(&done), version, "{attribute}");
        assert_eq!(done.is(200)["meta"]["version"], etag(&scim.get(&path)).as_str());
        assert!(after > before, "{attribute}: {before}, {after}");
        on(&version).is_error(412, "");
        scim.patch(&path, &body["Operations"]).is(200);
        assert_eq!(stamp("Person"), after, "{attribute}: what changes nothing moves nothing");
    }

    let group = scim.post("/Groups", &json!({ "displayName": "Voices" }));
    let (version, group) = (etag(&group), group.is(201));
    let group = format!("/Groups/{}", group["id"].as_str().unwrap());
    let (of_user, member) = (stamp("Person"), json!([{ "value": user["id"] }]));
    let one = format!("members[value eq \"{}\"]", user["id"].as_str().unwrap());
    let mut before = stamp("Team");
    for (operation, moves) in [
        (json!({ "op": "add", "path": "members", "value": member }), true),
        (json!({ "op": "add", "path": "members", "value": member }), false),
        (json!({ "op": "remove", "path": one }), true),
        (json!({ "op": "remove", "path": one }), false),
    ] {
        let body = patch(json!([operation]));
        scim.on_condition("PATCH", &group, "If-Match", &version, Some(&body)).is(204);
        let after = stamp("Team");
        assert_eq!(after > before, moves, "{operation}: {before}, {after}");
        before = after;
    }
    scim.put(&group, &json!({ "displayName": "Voices", "members": member })).is(200);
    assert!(stamp("Team") > before);
    assert_eq!(stamp("Person"), of_user, "who is a member is not changed by that");

    for round in 0..3 {
        let version = etag(&scim.get(&path));
        let number = |number: usize| format!("+{round}{number}");
        let body =
            |at| patch(json!([{ "op": "replace", "path": "phoneNumbers", "value": phones(&number(at)) }]));
        let won = one_wins(&scim, "PATCH", &path, &version, (10..26).map(body).collect());
        assert_eq!(scim.get(&path).is(200)["phoneNumbers"][0]["value"], number(10 + won));
    }
    gateway.is_sound();
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

#[test]
fn in_openldap() {
    let directory = Directory::start();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    life(&gateway.target("corp"));
}

#[test]
fn of_posix_accounts_in_openldap() {
    let directory = Directory::posix();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
    life(&gateway.target("corp"));
}

#[test]
fn of_groups_of_uids_in_openldap() {
    let directory = Directory::posix();
    let gateway = Gateway::serve(&[crate::uids::target(&directory)]);
    life(&gateway.target("corp"));
}

#[test]
fn in_389_directory_server() {
    let directory = Directory::ds389();
    let gateway = Gateway::serve(&[directory.target("corp", "389ds")]);
    life(&gateway.target("corp"));
}

#[test]
fn in_active_directory() {
    let samba = Samba::start();
    let gateway = Gateway::serve(&[samba.target("corp", "active-directory", "")]);
    life(&gateway.target("corp"));
}

fn life(scim: &Scim) {
    let made =
        scim.post("/Users", &json!({ "userName": "vera", "name": { "familyName": "Vox" }, "active": true }));
    let (version, user) = (etag(&made), made.is(201));
    assert_eq!(user["meta"]["version"], version.as_str(), "{user:#}");
    let path = format!("/Users/{}", user["id"].as_str().unwrap());

    // The same in every answer of one state.
    assert_eq!(etag(&scim.get(&path)), version);
    let listed = scim.find("/Users", "userName eq \"vera\"").is(200);
    assert_eq!(listed["Resources"][0]["meta"]["version"], version.as_str(), "{listed:#}");
    let part = scim.get(&format!("{path}?attributes=userName"));
    assert!(!part.headers.contains_key("etag"), "an answer without all that a version depends on");

    // A read on condition.
    let unchanged = scim.on_condition("GET", &path, "If-None-Match", &version, None);
    assert_eq!((unchanged.status, etag(&unchanged), &unchanged.body), (304, version.clone(), &Value::Null));
    scim.on_condition("GET", &path, "If-None-Match", "W/\"other\"", None).is(200);
    scim.on_condition("GET", &path, "If-Match", "W/\"other\"", None).is_error(412, "");
    scim.on_condition("GET", &format!("{path}?attributes=userName"), "If-None-Match", &version, None).is(304);
    scim.on_condition("GET", &path, "If-Match", "\"", None).is_error(400, "invalidVers");

    // A write on condition: the first one takes the version with it.
    let operations = json!([{ "op": "replace", "path": "name.familyName", "value": "Vale" }]);
    let patch =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    scim.on_condition("PATCH", &path, "If-Match", "W/\"other\"", Some(&patch)).is_error(412, "");
    assert_eq!(scim.get(&path).is(200)["name"]["familyName"], "Vox");
    let patched = scim.on_condition("PATCH", &path, "If-Match", &version, Some(&patch));
    let second = etag(&patched);
    assert_ne!(second, version);
    assert_eq!(patched.is(200)["meta"]["version"], second.as_str());
    scim.on_condition("PATCH", &path, "If-Match", &version, Some(&patch)).is_error(412, "");
    let body = json!({ "userName": "vera", "name": { "familyName": "Vrees" }, "active": true });
    scim.on_condition("PUT", &path, "If-Match", &version, Some(&body)).is_error(412, "");
    scim.on_condition("PUT", &path, "If-None-Match", "*", Some(&body)).is_error(412, "");
    assert_eq!(etag(&scim.get(&path)), second);
    let put = scim.on_condition("PUT", &path, "If-Match", &format!("\"x\", {second}"), Some(&body));
    let third = etag(&put);
    assert_eq!(put.is(200)["name"]["familyName"], "Vrees");

    // Membership is no part of the version, but may be written on condition of it.
    let group = scim.post("/Groups", &json!({ "displayName": "Voices" }));
    let (group_version, group) = (etag(&group), group.is(201));
    let group = format!("/Groups/{}", group["id"].as_str().unwrap());
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": user["id"] }] }]);
    let add = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": add });
    scim.on_condition("PATCH", &group, "If-Match", "W/\"other\"", Some(&add)).is_error(412, "");
    assert_eq!(scim.get(&group).is(200).get("members"), None);
    scim.on_condition("PATCH", &group, "If-Match", &group_version, Some(&add)).is(204);
    assert_eq!(etag(&scim.get(&group)), group_version);
    assert_eq!(etag(&scim.get(&path)), third);

    scim.on_condition("DELETE", &path, "If-Match", &second, None).is_error(412, "");
    scim.get(&path).is(200);
    scim.on_condition("DELETE", &path, "If-Match", &third, None).is(204);
    scim.on_condition("DELETE", &path, "If-Match", &third, None).is_error(404, "");
    scim.delete(&group).is(204);
}

#[test]
fn of_many_who_write_on_condition_of_one_version_one_wins() {
    let (openldap, ds389, samba) = (Directory::start(), Directory::ds389(), Samba::start());
    let plain = Gateway::demo("plain", &[]);
    let ldap = Gateway::serve(&[
        openldap.target("openldap", "openldap"),
        ds389.target("389ds", "389ds"),
        samba.target("ad", "active-directory", ""),
    ]);
    for scim in [plain.target("plain"), ldap.target("openldap"), ldap.target("389ds"), ldap.target("ad")] {
        race(&scim);
    }
}

/// Eight replace what they read, then eight times two change it in ways that exclude each other.
pub fn race(scim: &Scim) {
    let made = scim.post("/Users", &json!({ "userName": "race", "active": true }));
    let (version, user) = (etag(&made), made.is(201));
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let title = |number: usize| format!("number {number}");
    let put = |number: usize| json!({ "userName": "race", "title": title(number), "active": true });
    let mut won = vec![one_wins(scim, "PUT", &path, &version, (0..8).map(put).collect())];
    for round in 1..9 {
        let version = etag(&scim.get(&path));
        let patch = |number: usize| {
            let operation = json!({ "op": "replace", "path": "title", "value": title(10 * round + number) });
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] })
        };
        won.push(10 * round + one_wins(scim, "PATCH", &path, &version, (0..2).map(patch).collect()));
    }
    assert_eq!(scim.get(&path).is(200)["title"], title(won[8]));
}

/// Sends these at the same time on condition of one version; which of them is done.
fn one_wins(scim: &Scim, method: &str, path: &str, version: &str, bodies: Vec<Value>) -> usize {
    let start = Barrier::new(bodies.len());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = |body| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                scim.on_condition(method, path, "If-Match", version, Some(body)).status
            })
        };
        let threads: Vec<_> = bodies.iter().map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(200), count(412)), (1, bodies.len() - 1), "{method}: {statuses:?}");
    statuses.iter().position(|status| *status == 200).unwrap()
}

/// Behind two gateways nothing stops them but the directory: each writes the old value's end and the new one.
#[test]
fn of_many_behind_two_gateways_one_wins() {
    for (directory, mapping) in [(Directory::start(), "openldap"), (Directory::ds389(), "389ds")] {
        let gateways = [(); 2].map(|()| Gateway::serve(&[directory.target("corp", mapping)]));
        let scims = gateways.each_ref().map(|gateway| gateway.target("corp"));
        for round in 0..5 {
            let name = format!("race{round}");
            let body = json!({ "userName": name, "title": "none", "active": true });
            let made = scims[0].post("/Users", &body);
            let (version, user) = (etag(&made), made.is(201));
            let path = format!("/Users/{}", user["id"].as_str().unwrap());
            let start = Barrier::new(8);
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let one = |number: usize| {
                    let (scim, mut body) = (&scims[number % 2], body.clone());
                    body["title"] = format!("number {number}").into();
                    let (path, version, start) = (&path, &version, &start);
                    scope.spawn(move || {
                        start.wait();
                        scim.on_condition("PUT", path, "If-Match", version, Some(&body)).status
                    })
                };
                let threads: Vec<_> = (0..8).map(one).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
            assert_eq!((count(200), count(412)), (1, 7), "{mapping}: {statuses:?}");
            let titles = directory.person(&name).unwrap().all("title").to_vec();
            let winner = statuses.iter().position(|status| *status == 200).unwrap();
            assert_eq!(titles, [format!("number {winner}")]);
        }
    }
}

fn etag(answer: &Answer) -> String {
    answer.headers.get("etag").unwrap_or_else(|| panic!("no ETag: {answer:?}")).to_str().unwrap().to_owned()
}

//! A group of a hundred thousand members, changed by PATCH. That nobody reads them is not shown by time: they
//! cannot be read. In the table one member's column fails whoever reads it; in the directory the gateway's account
//! may search and write members, but not see them.

use std::process::Command;

use serde_json::{Value, json};

use super::support::database::Database;
use super::support::directory::{BIND_DN, Directory, SLAPD, SMALL_LIMITS, SUFFIX};
use super::support::gateway::{Gateway, gantry, write_configuration};
use super::support::scim::Scim;
use super::support::{by_hand, output};

const MEMBERS: usize = 100_000;
/// The group's id.
const GROUP: &str = "00000000-0000-4000-8000-000000000000";
/// The ids of two people.
const ADA: &str = "00000000-0000-4000-8000-00000000000a";
const BOB: &str = "00000000-0000-4000-8000-00000000000b";

/// The ways to say that Ada comes, and that she goes.
fn ways(ada: &str) -> Vec<(&'static str, Value, Value)> {
    let by_path = json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]);
    let add = |value: Value| json!([{ "op": "add", "path": "members", "value": value }]);
    vec![
        ("rfc", add(json!([{ "value": ada }])), by_path.clone()),
        (
            "rfc",
            json!([{ "op": "add", "value": { "members": [{ "value": ada, "type": "User" }] } }]),
            json!([{ "op": "remove", "path": "members", "value": [{ "value": ada }] }]),
        ),
        (
            "entra",
            json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": ada }] }]),
            json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": ada }] }]),
        ),
        ("okta", add(json!([{ "value": ada, "display": "ada@example.test" }])), by_path),
    ]
}

/// One person goes and another comes, in one request.
fn swap(goes: &str, comes: &str) -> Value {
    json!([
        { "op": "remove", "path": format!("members[value eq \"{goes}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": comes }] },
    ])
}

// === Rows ===

#[test]
fn of_rows_that_cannot_be_read() {
    rows(&Database::of("plain"));
}

pub fn rows(database: &Database) {
    fill(database);
    let targets =
        ["rfc", "entra", "okta"].map(|profile| profiled(&database.target(profile, "plain"), profile));
    let gateway = Gateway::serve(&targets);
    let path = format!("/Groups/{GROUP}");
    let count = |member: &str| {
        let sql = format!(
            "SELECT count(*) AS n, max(CASE MemberId WHEN '{member}' THEN 1 ELSE 0 END) AS is_there FROM Members"
        );
        let row = &database.rows(&sql)[0];
        (row["n"].as_u64().unwrap() as usize, row["is_there"] == 1)
    };
    let modified = || database.rows("SELECT Modified FROM Groups")[0]["Modified"].clone();
    for (profile, comes, goes) in ways(ADA) {
        let scim = gateway.target(profile);
        for (operations, expected) in [(&comes, (MEMBERS + 1, true)), (&goes, (MEMBERS, false))] {
            let before = modified();
            scim.patch(&path, operations).is(204);
            assert_eq!(count(ADA), expected, "{operations}");
            let stamped = modified();
            assert_ne!(stamped, before, "{operations}");
            // What is so already is no change, and leaves no stamp (RFC 7644 §3.5.2.1).
            scim.patch(&path, operations).is(204);
            assert_eq!((count(ADA), modified()), (expected, stamped), "{operations}");
        }
    }
    let scim = gateway.target("rfc");
    scim.patch(&path, &swap(BOB, ADA)).is(204);
    assert_eq!((count(ADA), count(BOB)), ((MEMBERS, true), (MEMBERS, false)));
    let stamped = modified();
    for (op, path_to, value) in [
        ("add", "members", json!([])),
        ("remove", "members", json!([])),
        ("remove", "members", json!([{ "value": "nobody" }])),
        ("remove", "members[value eq \"nobody\"]", Value::Null),
    ] {
        scim.patch(&path, &json!([{ "op": op, "path": path_to, "value": value }])).is(204);
        assert_eq!((count(ADA), modified()), ((MEMBERS, true), stamped.clone()), "{op} {path_to} {value}");
    }
    // Whoever reads the members is told so.
    assert_eq!(scim.get(&path).status, 500);
    assert_eq!(scim.get(&format!("{path}?attributes=displayName")).status, 200);
}

#[test]
fn of_rows_in_statements_that_name_one_member() {
    let database = Database::of("plain");
    fill(&database);
    let target = database.target("rfc", "plain");
    let folder = tempfile::tempdir().unwrap();
    let configuration = write_configuration(folder.path(), &[target]);
    let stamp = "UPDATE \"Groups\" SET \"Modified\" = ?1 WHERE \"Id\" = ?2;";
    let insert = "INSERT INTO \"Members\" (\"GroupId\", \"MemberId\") SELECT ?1, ?2 WHERE NOT EXISTS \
                  (SELECT 1 FROM \"Members\" WHERE \"GroupId\" = ?1 AND \"MemberId\" = ?2);";
    let delete = "DELETE FROM \"Members\" WHERE \"GroupId\" = ?1 AND \"MemberId\" = ?2;";
    let (_, comes, goes) = ways(ADA).remove(0);
    for (operations, statements) in [
        (comes, vec![insert, stamp]),
        (goes, vec![delete, stamp]),
        (swap(BOB, ADA), vec![delete, insert, stamp]),
    ] {
        let body = folder.path().join("body.json");
        std::fs::write(&body, json!({ "Operations": operations }).to_string()).unwrap();
        let mut plan = gantry();
        plan.args(["plan", "--target", "rfc", "--config"]).arg(&configuration);
        let plan = output(plan.args(["PATCH", &format!("/Groups/{GROUP}")]).arg(&body));
        let printed: Vec<&str> =
            plan.lines().filter(|line| !line.is_empty() && !line.starts_with("--")).collect();
        assert_eq!(printed, [&["BEGIN IMMEDIATE;"][..], &statements, &["COMMIT;"]].concat(), "{plan}");
        by_hand::carry_out(&database, &plan);
    }
    let members = "SELECT count(*) AS n, sum(MemberId = '{ADA}') AS ada FROM Members";
    let row = &database.rows(&members.replace("{ADA}", ADA))[0];
    assert_eq!(*row, json!({ "n": MEMBERS, "ada": 1 }));
}

/// Two people, and a group of Bob and of many who need not be anybody. The column `Ref` of one of them cannot be
/// worked out.
fn fill(database: &Database) {
    database.change(&format!(
        "INSERT INTO Users (Id, UserName) VALUES ('{ADA}', 'ada'), ('{BOB}', 'bob');
         INSERT INTO Groups (Id, DisplayName) VALUES ('{GROUP}', 'Everybody');
         INSERT INTO Members (GroupId, MemberId) VALUES ('{GROUP}', '{BOB}');"
    ));
    if !database.is_sqlite() {
        return fill_server(database);
    }
    database.change(&format!(
        "WITH RECURSIVE number(n) AS (VALUES (2) UNION ALL SELECT n + 1 FROM number WHERE n < {MEMBERS})
           INSERT INTO Members (GroupId, MemberId) SELECT '{GROUP}', 'm' || n FROM number;
         ALTER TABLE Members DROP COLUMN Ref;
         ALTER TABLE Members ADD COLUMN Ref TEXT AS (abs(-9223372036854775807 - (MemberId = 'm50000')));"
    ));
}

/// Not every server works out a column only when it is read: here it is that of a view.
fn fill_server(database: &Database) {
    let digits = (0..10).map(|digit| format!("({digit})")).collect::<Vec<_>>().join(", ");
    for statement in [
        "CREATE TABLE Digits (d INT)".to_owned(),
        format!("INSERT INTO Digits (d) VALUES {digits}"),
        format!(
            "INSERT INTO Members (GroupId, MemberId) SELECT '{GROUP}', CONCAT('m', n) FROM (
               SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n
               FROM Digits a CROSS JOIN Digits b CROSS JOIN Digits c CROSS JOIN Digits e CROSS JOIN Digits f
             ) AS numbers WHERE n BETWEEN 2 AND {MEMBERS}"
        ),
        "ALTER TABLE Members DROP COLUMN Ref".to_owned(),
        "EXEC sp_rename 'Members', 'Links', 'OBJECT'".to_owned(),
        "CREATE VIEW Members AS SELECT GroupId, MemberId, Display,
           CASE WHEN MemberId = 'm50000' THEN 1 / (LEN(MemberId) - LEN(MemberId)) END AS Ref FROM Links"
            .to_owned(),
    ] {
        database.change(&statement);
    }
}

/// A target whose client has this profile.
fn profiled(target: &str, profile: &str) -> String {
    format!("{target}profile = \"{profile}\"\n")
}

// === Entries ===

#[test]
fn of_an_entry_whose_members_cannot_be_read() {
    let blind = format!("{SMALL_LIMITS}\naccess to attrs=member by dn.exact=\"{BIND_DN}\" =wsc by * none");
    let directory = Directory::tuned(&big_entry(), &blind, "");
    let targets =
        ["rfc", "entra", "okta"].map(|profile| profiled(&directory.target(profile, "openldap"), profile));
    let gateway = Gateway::serve(&targets);
    let path = format!("/Groups/{GROUP}");
    let count = |login: &str| {
        let members = members(&directory);
        (members.len(), members.contains(&format!("member: uid={login},ou=people,{SUFFIX}")))
    };
    // Nobody's value comes to the gateway.
    let scim: Scim = gateway.target("rfc");
    assert_eq!(scim.get(&path).is(200).get("members"), None);
    for (profile, comes, goes) in ways(ADA) {
        let scim = gateway.target(profile);
        for (operations, expected) in [(&comes, (MEMBERS + 1, true)), (&goes, (MEMBERS, false))] {
            for _ in 0..2 {
                scim.patch(&path, operations).is(204);
                assert_eq!(count("ada"), expected, "{operations}");
            }
        }
    }
    scim.patch(&path, &swap(BOB, ADA)).is(204);
    assert_eq!((count("ada"), count("bob")), ((MEMBERS, true), (MEMBERS, false)));
}

#[test]
fn of_two_entries_whose_members_cannot_be_read() {
    let blind =
        format!("{SMALL_LIMITS}\naccess to attrs=member,memberUid by dn.exact=\"{BIND_DN}\" =wsc by * none");
    let account = "objectClass: inetOrgPerson\nobjectClass: posixAccount\nuidNumber: 1\ngidNumber: 100\nhomeDirectory: /\n";
    let uids: String = (2..=MEMBERS).map(|number| format!("memberUid: m{number}\n")).collect();
    let second = format!(
        "\ndn: ou=posix,{SUFFIX}\nobjectClass: organizationalUnit\nou: posix\n\n\
         dn: cn=Everybody,ou=posix,{SUFFIX}\nobjectClass: posixGroup\ncn: Everybody\ngidNumber: 1\nmemberUid: bob\n{uids}"
    );
    let entries = format!("{}{second}", big_entry().replace("objectClass: inetOrgPerson\n", account));
    let directory = Directory::tuned(&entries, &blind, "");
    let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
    let (scim, path) = (gateway.target("corp"), format!("/Groups/{GROUP}"));
    let count = |login: &str| {
        let (members, uids) = (members(&directory), lines(&directory, "memberUid: "));
        assert_eq!(members.len(), uids.len());
        let by_dn = members.contains(&format!("member: uid={login},ou=people,{SUFFIX}"));
        assert_eq!(by_dn, uids.contains(&format!("memberUid: {login}")));
        (members.len(), by_dn)
    };
    assert_eq!(scim.get(&path).is(200).get("members"), None);
    let (_, comes, goes) = ways(ADA).remove(0);
    for (operations, expected) in [(&comes, (MEMBERS + 1, true)), (&goes, (MEMBERS, false))] {
        for _ in 0..2 {
            scim.patch(&path, operations).is(204);
            assert_eq!(count("ada"), expected, "{operations}");
        }
    }
    scim.patch(&path, &swap(BOB, ADA)).is(204);
    assert_eq!((count("ada"), count("bob")), ((MEMBERS, true), (MEMBERS, false)));
    // Who has another name is found in both, and nobody else is looked at.
    let name = json!([{ "op": "replace", "path": "userName", "value": "king" }]);
    scim.patch(&format!("/Users/{ADA}"), &name).is(200);
    assert_eq!((count("ada"), count("king")), ((MEMBERS, false), (MEMBERS, true)));
}

#[test]
fn of_an_entry_in_389_directory_server_whose_members_cannot_be_read() {
    let blind = format!(
        "aci: (targetattr=\"member\")(version 3.0; acl \"blind\"; deny (read) userdn=\"ldap:///{BIND_DN}\";)\n"
    );
    let without_ids: String = big_entry()
        .lines()
        .filter(|line| !line.starts_with("entryUUID"))
        .map(|line| format!("{line}\n"))
        .collect();
    let directory = Directory::ds389_holding(&format!("{without_ids}{blind}"), "");
    let targets =
        ["rfc", "entra", "okta"].map(|profile| profiled(&directory.target(profile, "389ds"), profile));
    let gateway = Gateway::serve(&targets);
    let scim = gateway.target("rfc");
    let id = |endpoint: &str, filter: &str| {
        let found = scim.find(endpoint, filter).is(200);
        found["Resources"][0]["id"].as_str().unwrap().to_owned()
    };
    let [ada, bob] = ["ada", "bob"].map(|login| id("/Users", &format!("userName eq \"{login}\"")));
    let path = format!("/Groups/{}", id("/Groups", "displayName eq \"Everybody\""));
    let is_member = |login: &str| {
        let filter = format!("(&(cn=Everybody)(member=uid={login},ou=people,{SUFFIX}))");
        !directory.search(SUFFIX, &filter).is_empty()
    };
    // Nobody's value comes to the gateway.
    assert_eq!(scim.get(&path).is(200).get("members"), None);
    for (profile, comes, goes) in ways(&ada) {
        let scim = gateway.target(profile);
        for (operations, expected) in [(&comes, true), (&goes, false)] {
            for _ in 0..2 {
                scim.patch(&path, operations).is(204);
                assert_eq!(is_member("ada"), expected, "{operations}");
            }
        }
    }
    scim.patch(&path, &swap(&bob, &ada)).is(204);
    assert_eq!(["ada", "bob", "m2", "m50000", "m100000"].map(is_member), [true, false, true, true, true]);
}

fn big_entry() -> String {
    let person = |login: &str, id: &str| {
        format!(
            "\ndn: uid={login},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: {login}\n\
             sn: {login}\nentryUUID: {id}\n"
        )
    };
    let others: String =
        (2..=MEMBERS).map(|number| format!("member: uid=m{number},ou=people,{SUFFIX}\n")).collect();
    format!(
        "{}{}\ndn: cn=Everybody,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: Everybody\nentryUUID: {GROUP}\n\
         member: uid=bob,ou=people,{SUFFIX}\n{others}",
        person("ada", ADA),
        person("bob", BOB)
    )
}

/// The lines of the group's members, as the database of the directory has them.
fn members(directory: &Directory) -> Vec<String> {
    lines(directory, "member: ")
}

fn lines(directory: &Directory, start: &str) -> Vec<String> {
    let mut slapcat = Command::new(SLAPD);
    slapcat.args(["-T", "cat", "-o", "ldif-wrap=no", "-b", SUFFIX, "-f"]);
    let printed = output(slapcat.arg(directory.file("slapd.conf")));
    printed.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}

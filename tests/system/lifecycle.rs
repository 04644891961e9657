//! One and the same life cycle of people and groups, over HTTP, on every backend; after each step the
//! backend is looked into with another client.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::database::{Database, literal};
use crate::support::directory::{Directory, Entry};
use crate::support::gateway::Gateway;
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::Scim;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A person as the backend holds it.
#[derive(Debug, Default, PartialEq)]
struct Person {
    family: Option<String>,
    mail: Option<String>,
    active: Option<bool>,
}

/// A backend, looked into with another client than the gateway.
trait Native {
    fn person(&self, login: &str) -> Option<Person>;
    /// What every write of a person changes.
    fn stamp(&self, login: &str) -> String;
    /// What every write of a group changes.
    fn group_stamp(&self, group: &str) -> String;
    fn logins(&self) -> BTreeSet<String>;
    /// The logins of a group's members; `None` when there is no such group.
    fn members(&self, group: &str) -> Option<BTreeSet<String>>;
}

#[test]
fn of_an_applications_tables() {
    crm(&Database::of("crm"));
}

#[test]
fn of_two_bare_tables() {
    plain(&Database::of("plain"));
}

pub fn crm(database: &Database) {
    let gateway = Gateway::serve(&[database.target("crm", "crm")]);
    live(&gateway.target("crm"), &Crm(database));
}

pub fn plain(database: &Database) {
    let gateway = Gateway::serve(&[database.target("plain", "plain")]);
    live(&gateway.target("plain"), &Plain(database));
}

#[test]
fn of_entries_in_openldap() {
    let directory = Directory::start();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    live(&gateway.target("corp"), &directory);
}

#[test]
fn of_posix_accounts_in_openldap() {
    let directory = Directory::posix();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
    live(&gateway.target("corp"), &directory);
}

#[test]
fn of_entries_in_389_directory_server() {
    let directory = Directory::ds389();
    let gateway = Gateway::serve(&[directory.target("corp", "389ds")]);
    live(&gateway.target("corp"), &directory);
}

#[test]
fn of_entries_in_active_directory() {
    let samba = Samba::start();
    let gateway = Gateway::serve(&[samba.target("corp", "active-directory", "")]);
    live(&gateway.target("corp"), &samba);
}

// === The life ===

fn live(scim: &Scim, native: &dyn Native) {
    discover(scim);
    let ada = create(scim, native, "ada.lovelace", "Lovelace");
    let bob = create(scim, native, "bob.o'neil", "O'Neil");
    find(scim, &ada);
    page(scim, native);
    change(scim, native, &ada);
    deactivate(scim, native, &ada);
    let group = group(scim, native, &ada, &bob);
    rename(scim, native, &ada, &group);
    replace(scim, native, &bob);
    delete(scim, native, &ada, &bob, &group);
}

fn discover(scim: &Scim) {
    let config = scim.get("/ServiceProviderConfig").is(200);
    assert_eq!(config["patch"]["supported"], true);
    for endpoint in ["ResourceTypes", "Schemas"] {
        let list = scim.get(&format!("/{endpoint}")).is(200);
        let found = list["Resources"].as_array().unwrap();
        assert_eq!(list["totalResults"], found.len());
        for one in found {
            let id = one["id"].as_str().unwrap();
            assert_eq!(scim.get(&format!("/{endpoint}/{id}")).is(200), *one);
        }
    }
}

fn create(scim: &Scim, native: &dyn Native, login: &str, family: &str) -> Value {
    let mail = format!("{}@example.test", login.replace('\'', ""));
    let body = json!({
        "schemas": [USER],
        "userName": login,
        "externalId": format!("ext-{login}"),
        "name": { "givenName": "Some", "familyName": family },
        "emails": [{ "type": "work", "value": mail }],
        "active": true,
        // Where it has no place it is ignored.
        "password": "Analytical-1843",
        // Read-only: not for a client to say.
        "id": "mine",
        "meta": { "resourceType": "Robot" },
        "groups": [{ "value": "everybody" }],
    });
    let answer = scim.post("/Users", &body);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let made = answer.is(201);
    assert_eq!(made["meta"]["location"], location);
    assert_eq!((&made["meta"]["resourceType"], made.get("groups")), (&json!("User"), None));
    assert_ne!(made["id"], "mine");
    let expected = Person { family: Some(family.to_owned()), mail: Some(mail), active: Some(true) };
    assert_eq!(native.person(login), Some(expected));
    scim.post("/Users", &body).is_error(409, "uniqueness");
    assert_eq!(scim.get(&users(&made)).is(200), made);
    made
}

fn find(scim: &Scim, ada: &Value) {
    let external = format!("externalId eq {}", ada["externalId"]);
    for filter in ["userName eq \"ADA.lovelace\"", "userName sw \"ada.\" and active eq true", &external] {
        let list = scim.find("/Users", filter).is(200);
        assert_eq!(list["totalResults"], 1, "{filter}");
        assert_eq!(list["Resources"][0], *ada, "{filter}");
    }
    let none = scim.find("/Users", "userName eq \"nobody\"").is(200);
    assert_eq!((&none["totalResults"], none["Resources"].as_array().map(Vec::len)), (&json!(0), Some(0)));
}

fn page(scim: &Scim, native: &dyn Native) {
    for number in 0..7 {
        scim.post("/Users", &json!({ "schemas": [USER], "userName": format!("extra{number}") })).is(201);
    }
    let all = native.logins();
    let (mut seen, mut start) = (BTreeSet::new(), 1);
    loop {
        let page = scim.get(&format!("/Users?startIndex={start}&count=4&attributes=userName")).is(200);
        assert_eq!(page["totalResults"], all.len());
        let found = page["Resources"].as_array().unwrap();
        assert_eq!(page["itemsPerPage"], found.len());
        if found.is_empty() {
            break;
        }
        for one in found {
            assert!(seen.insert(one["userName"].as_str().unwrap().to_owned()), "twice: {one}");
        }
        start += found.len();
    }
    assert_eq!(seen, all);
    let rest = scim.find("/Users", "userName sw \"extra\"").is(200);
    for one in rest["Resources"].as_array().unwrap() {
        scim.delete(&users(one)).is(204);
    }
    assert_eq!(native.logins().len(), all.len() - 7);
}

fn change(scim: &Scim, native: &dyn Native, ada: &Value) {
    let operations = json!([
        { "op": "replace", "path": "name.familyName", "value": "King" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada@king.test" },
        { "op": "add", "path": "name.givenName", "value": "Augusta" },
    ]);
    let changed = scim.patch(&users(ada), &operations).is(200);
    assert_eq!(changed["name"]["familyName"], "King");
    let person = native.person("ada.lovelace").unwrap();
    assert_eq!((person.family.as_deref(), person.mail.as_deref()), (Some("King"), Some("ada@king.test")));

    // The same once more changes nothing, not even a stamp.
    let stamp = native.stamp("ada.lovelace");
    assert_eq!(scim.patch(&users(ada), &operations).is(200), changed);
    assert_eq!(native.stamp("ada.lovelace"), stamp);
    // One operation that fails takes the others along.
    let half = json!([
        { "op": "replace", "path": "name.familyName", "value": "Byron" },
        { "op": "replace", "path": "id", "value": "x" },
    ]);
    scim.patch(&users(ada), &half).is_error(400, "mutability");
    assert_eq!(native.person("ada.lovelace").unwrap().family.as_deref(), Some("King"));

    scim.patch(&users(ada), &json!([{ "op": "remove", "path": "emails" }])).is(200);
    assert_eq!(native.person("ada.lovelace").unwrap().mail, None);
}

fn deactivate(scim: &Scim, native: &dyn Native, ada: &Value) {
    // As Okta says it, and as Entra ID does.
    for (value, active) in [
        (json!([{ "op": "replace", "value": { "active": false } }]), false),
        (json!([{ "op": "Replace", "path": "active", "value": "True" }]), true),
        (json!([{ "op": "Replace", "path": "active", "value": "False" }]), false),
    ] {
        assert_eq!(scim.patch(&users(ada), &value).is(200)["active"], active);
        assert_eq!(native.person("ada.lovelace").unwrap().active, Some(active));
    }
    let found = scim.find("/Users", "active eq false and userName eq \"ada.lovelace\"").is(200);
    assert_eq!(found["totalResults"], 1);
}

fn group(scim: &Scim, native: &dyn Native, ada: &Value, bob: &Value) -> Value {
    let body = json!({ "schemas": [GROUP], "displayName": "Deck crew", "members": [{ "value": ada["id"] }] });
    let made = scim.post("/Groups", &body).is(201);
    let path = groups(&made);
    assert_eq!((&made["meta"]["resourceType"], &made["members"][0]["value"]), (&json!("Group"), &ada["id"]));
    assert_eq!(native.members("Deck crew"), Some(logins(&["ada.lovelace"])));

    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": bob["id"] }] }]);
    let mut stamps = Vec::new();
    for _ in 0..2 {
        assert!([200, 204].contains(&scim.patch(&path, &add).status));
        assert_eq!(native.members("Deck crew"), Some(logins(&["ada.lovelace", "bob.o'neil"])));
        stamps.push(native.group_stamp("Deck crew"));
    }
    assert_eq!(scim.get(&users(bob)).is(200)["groups"][0]["value"], made["id"]);
    let within = scim.find("/Groups", &format!("members eq {}", bob["id"])).is(200);
    assert_eq!(within["totalResults"], 1);

    let id = ada["id"].as_str().unwrap();
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
    for _ in 0..2 {
        assert!([200, 204].contains(&scim.patch(&path, &remove).status));
        assert_eq!(native.members("Deck crew"), Some(logins(&["bob.o'neil"])));
        stamps.push(native.group_stamp("Deck crew"));
    }
    // Who is a member already, or none any more, changes nothing, not even a stamp.
    assert_eq!((&stamps[0], &stamps[2]), (&stamps[1], &stamps[3]));
    // As Entra ID removes; the last one leaves an empty group, not none.
    let remove =
        json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": bob["id"] }] }]);
    assert!([200, 204].contains(&scim.patch(&path, &remove).status));
    assert_eq!(native.members("Deck crew"), Some(logins(&[])));
    assert_eq!(scim.get(&path).is(200).get("members"), None);

    let unknown = json!([{ "op": "add", "path": "members", "value": [{ "value": "no-such-id" }] }]);
    let detail = scim.patch(&path, &unknown).is_error(400, "invalidValue");
    assert!(detail.contains("no-such-id"), "{detail}");

    let both =
        json!([{ "op": "add", "value": { "members": [{ "value": ada["id"] }, { "value": bob["id"] }] } }]);
    assert!([200, 204].contains(&scim.patch(&path, &both).status));
    assert_eq!(native.members("Deck crew"), Some(logins(&["ada.lovelace", "bob.o'neil"])));
    made
}

fn rename(scim: &Scim, native: &dyn Native, ada: &Value, group: &Value) {
    let new = json!([{ "op": "replace", "path": "userName", "value": "ada.king" }]);
    assert_eq!(scim.patch(&users(ada), &new).is(200)["id"], ada["id"]);
    assert_eq!(native.person("ada.lovelace"), None);
    assert_eq!(native.person("ada.king").unwrap().family.as_deref(), Some("King"));
    assert_eq!(native.members("Deck crew"), Some(logins(&["ada.king", "bob.o'neil"])));

    let taken = json!([{ "op": "replace", "path": "userName", "value": "bob.o'neil" }]);
    scim.patch(&users(ada), &taken).is_error(409, "uniqueness");
    assert!(native.person("ada.king").is_some());

    // Okta sends the id along with the new name.
    let new = json!([{ "op": "replace", "value": { "id": group["id"], "displayName": "Bridge, crew" } }]);
    assert!([200, 204].contains(&scim.patch(&groups(group), &new).status));
    assert_eq!(native.members("Deck crew"), None);
    assert_eq!(native.members("Bridge, crew"), Some(logins(&["ada.king", "bob.o'neil"])));

    // A PUT that does not mention the members leaves them.
    scim.put(&groups(group), &json!({ "schemas": [GROUP], "displayName": "Deck crew" })).is(200);
    assert_eq!(native.members("Deck crew"), Some(logins(&["ada.king", "bob.o'neil"])));
}

fn replace(scim: &Scim, native: &dyn Native, bob: &Value) {
    let leave = json!([{ "op": "replace", "path": "active", "value": false }]);
    scim.patch(&users(bob), &leave).is(200);
    let mut body = json!({ "schemas": [USER], "userName": "bob.o'neil", "name": { "familyName": "Neil" } });
    // What says nothing of the account does not open it.
    assert_eq!(scim.put(&users(bob), &body).is(200)["active"], false);
    assert_eq!(native.person("bob.o'neil").unwrap().active, Some(false));
    body["active"] = true.into();
    let replaced = scim.put(&users(bob), &body).is(200);
    assert_eq!(replaced.get("externalId"), None);
    // What is read-only stays, whatever the body says of it.
    for (name, said) in [("id", json!("x")), ("groups", json!([])), ("meta", json!({ "created": "x" }))] {
        body[name] = said;
    }
    assert_eq!(scim.put(&users(bob), &body).is(200), replaced);
    let expected = Person { family: Some("Neil".to_owned()), mail: None, active: Some(true) };
    assert_eq!(native.person("bob.o'neil"), Some(expected));
}

fn delete(scim: &Scim, native: &dyn Native, ada: &Value, bob: &Value, group: &Value) {
    scim.delete(&users(ada)).is(204);
    assert_eq!(native.person("ada.king"), None);
    assert_eq!(native.members("Deck crew"), Some(logins(&["bob.o'neil"])));
    scim.get(&users(ada)).is_error(404, "");
    scim.delete(&users(ada)).is_error(404, "");
    let body = json!({ "schemas": [USER], "userName": "ada.king" });
    scim.put(&users(ada), &body).is_error(404, "");
    scim.patch(&users(ada), &json!([{ "op": "add", "path": "title", "value": "x" }])).is_error(404, "");
    assert_eq!(native.person("ada.king"), None);
    assert_eq!(scim.find("/Users", "userName eq \"ada.king\"").is(200)["totalResults"], 0);
    // Her name is free again.
    let again = create(scim, native, "ada.king", "King");
    assert_ne!(again["id"], ada["id"]);
    scim.delete(&users(&again)).is(204);

    scim.delete(&groups(group)).is(204);
    assert_eq!(native.members("Deck crew"), None);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": bob["id"] }] }]);
    scim.patch(&groups(group), &add).is_error(404, "");
    assert_eq!(scim.get(&users(bob)).is(200).get("groups"), None);
    scim.delete(&users(bob)).is(204);
    assert_eq!(native.person("bob.o'neil"), None);
}

fn users(resource: &Value) -> String {
    format!("/Users/{}", resource["id"].as_str().unwrap())
}

fn groups(resource: &Value) -> String {
    format!("/Groups/{}", resource["id"].as_str().unwrap())
}

fn logins(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

// === The backends ===

struct Crm<'a>(&'a Database);

impl Native for Crm<'_> {
    fn person(&self, login: &str) -> Option<Person> {
        let sql = format!(
            "SELECT LoginName, LastName, Email, StatusCd FROM AppUser WHERE LoginName = {}",
            literal(login)
        );
        self.0.rows(&sql).pop().filter(|row| row["LoginName"] == login).map(|row| Person {
            family: text(&row["LastName"]).filter(|name| !name.is_empty()),
            mail: text(&row["Email"]),
            active: text(&row["StatusCd"]).map(|status| status == "A"),
        })
    }

    fn stamp(&self, login: &str) -> String {
        self.0.rows(&format!("SELECT RowVer FROM AppUser WHERE LoginName = {}", literal(login)))[0]
            .to_string()
    }

    /// Its roles have none.
    fn group_stamp(&self, group: &str) -> String {
        self.0.rows(&format!("SELECT * FROM Role WHERE RoleName = {}", literal(group)))[0].to_string()
    }

    fn logins(&self) -> BTreeSet<String> {
        column(&self.0.rows("SELECT LoginName AS login FROM AppUser"))
    }

    fn members(&self, group: &str) -> Option<BTreeSet<String>> {
        let name = literal(group);
        self.0.rows(&format!("SELECT 1 AS there FROM Role WHERE RoleName = {name}")).pop()?;
        let sql = "SELECT LoginName AS login FROM AppUser u JOIN UserRole m ON m.UserId = u.UserId JOIN Role r ON r.RoleId = m.RoleId";
        Some(column(&self.0.rows(&format!("{sql} WHERE RoleName = {name}"))))
    }
}

struct Plain<'a>(&'a Database);

impl Native for Plain<'_> {
    fn person(&self, login: &str) -> Option<Person> {
        let sql = format!("SELECT UserName, Doc FROM Users WHERE UserName = {}", literal(login));
        let row = self.0.rows(&sql).pop().filter(|row| row["UserName"] == login)?;
        let document: Value = serde_json::from_str(row["Doc"].as_str().unwrap_or("{}")).unwrap();
        Some(Person {
            family: text(&document["name"]["familyName"]),
            mail: text(&document["emails"][0]["value"]),
            active: document["active"].as_bool(),
        })
    }

    fn stamp(&self, login: &str) -> String {
        self.0.rows(&format!("SELECT Modified FROM Users WHERE UserName = {}", literal(login)))[0].to_string()
    }

    fn group_stamp(&self, group: &str) -> String {
        self.0.rows(&format!("SELECT Modified FROM Groups WHERE DisplayName = {}", literal(group)))[0]
            .to_string()
    }

    fn logins(&self) -> BTreeSet<String> {
        column(&self.0.rows("SELECT UserName AS login FROM Users"))
    }

    fn members(&self, group: &str) -> Option<BTreeSet<String>> {
        let name = literal(group);
        self.0.rows(&format!("SELECT 1 AS there FROM Groups WHERE DisplayName = {name}")).pop()?;
        let sql = "SELECT UserName AS login FROM Users JOIN Members ON MemberId = Users.Id JOIN Groups ON GroupId = Groups.Id";
        Some(column(&self.0.rows(&format!("{sql} WHERE DisplayName = {name}"))))
    }
}

/// What closes an account: of OpenLDAP, of 389 Directory Server.
const LOCKS: [&str; 2] = ["pwdAccountLockedTime", "nsAccountLock"];

/// The stamp of OpenLDAP, or of 389 Directory Server.
fn stamp(entry: &Entry) -> String {
    entry.one("entryCSN").or(entry.one("entryUSN")).unwrap().to_owned()
}

impl Native for Directory {
    fn person(&self, login: &str) -> Option<Person> {
        let entry = Self::person(self, login).filter(|entry| entry.one("uid") == Some(login))?;
        Some(Person {
            family: entry.one("sn").map(str::to_owned),
            mail: entry.one("mail").map(str::to_owned),
            active: Some(LOCKS.iter().all(|lock| entry.one(lock).is_none())),
        })
    }

    fn stamp(&self, login: &str) -> String {
        stamp(&Self::person(self, login).unwrap())
    }

    fn group_stamp(&self, group: &str) -> String {
        stamp(&self.group(group).unwrap())
    }

    fn logins(&self) -> BTreeSet<String> {
        let people = self.search("ou=people,dc=example,dc=test", "(objectClass=inetOrgPerson)");
        people.iter().map(|entry| entry.one("uid").unwrap().to_owned()).collect()
    }

    /// Member DNs, whose naming value is the login; the placeholder must be there all the time.
    fn members(&self, group: &str) -> Option<BTreeSet<String>> {
        let entry = self.group(group)?;
        let people = self.search("ou=people,dc=example,dc=test", "(objectClass=inetOrgPerson)");
        let login = |dn: &String| {
            let person = people.iter().find(|person| person.dn == *dn);
            person.map(|person| person.one("uid").unwrap().to_owned())
        };
        let strangers: Vec<_> = entry.all("member").iter().filter(|dn| login(dn).is_none()).collect();
        assert!(strangers.iter().all(|dn| *dn == "cn=gantry-placeholder"), "{strangers:?}");
        Some(entry.all("member").iter().filter_map(login).collect())
    }
}

impl Native for Samba {
    fn person(&self, login: &str) -> Option<Person> {
        let entry = Self::person(self, login).filter(|entry| entry.one("sAMAccountName") == Some(login))?;
        let control: i64 = entry.one("userAccountControl").unwrap().parse().unwrap();
        assert_eq!(control & !2, 512, "only the bit changes");
        Some(Person {
            family: entry.one("sn").map(str::to_owned),
            mail: entry.one("mail").map(str::to_owned),
            active: Some(control & 2 == 0),
        })
    }

    fn stamp(&self, login: &str) -> String {
        Self::person(self, login).unwrap().one("uSNChanged").unwrap().to_owned()
    }

    fn group_stamp(&self, group: &str) -> String {
        self.group(group).unwrap().one("uSNChanged").unwrap().to_owned()
    }

    fn logins(&self) -> BTreeSet<String> {
        let people = self.search(&format!("ou=people,{DOMAIN}"), "(objectClass=user)");
        people.iter().map(|entry| entry.one("sAMAccountName").unwrap().to_owned()).collect()
    }

    fn members(&self, group: &str) -> Option<BTreeSet<String>> {
        let entry = self.group(group)?;
        let people = self.search(&format!("ou=people,{DOMAIN}"), "(objectClass=user)");
        let login = |dn: &String| {
            let person = people.iter().find(|person| person.dn == *dn).unwrap();
            person.one("sAMAccountName").unwrap().to_owned()
        };
        Some(entry.all("member").iter().map(login).collect())
    }
}

fn column(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| row["login"].as_str().unwrap().to_owned()).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

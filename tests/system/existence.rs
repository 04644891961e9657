//! What a mapping hides is not there, for reads and for writes, and who is deleted may be kept
//! (`tests/mappings/kept`, `kept-ldap`): looked up natively.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::{Directory, SUFFIX};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::scim::Scim;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn person(scim: &Scim, login: &str, more: Value) -> String {
    let mut body = json!({ "userName": login, "active": true });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scim.post("/Users", &body).is(201)["id"].as_str().unwrap().to_owned()
}

/// The whole life of people among machines, on whatever stands behind; what stays is looked up by the caller.
/// Answers the ids of Ada, who was deleted, and of Ben, who led to her.
fn lives(scim: &Scim, machine: &str) -> [String; 2] {
    let ada = person(scim, "ada", json!({}));
    let ben = person(scim, "ben", json!({ ENTERPRISE: { "manager": { "value": ada } } }));
    let team = json!({ "displayName": "team", "members": [{ "value": ada }, { "value": ben }] });
    let team = scim.post("/Groups", &team).is(201);
    let team = format!("/Groups/{}", team["id"].as_str().unwrap());
    let members = |id: &str| {
        scim.find("/Groups", &format!("members.value eq \"{id}\"")).is(200)["totalResults"].clone()
    };
    assert_eq!((members(&ada), members(&ben)), (json!(1), json!(1)));

    // A machine is nobody: not read, not found, not changed, not deleted, no member and no manager.
    let path = format!("/Users/{machine}");
    scim.get(&path).is_error(404, "");
    assert_eq!(scim.find("/Users", "userName eq \"printer\"").is(200)["totalResults"], 0);
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 2);
    let change = json!([{ "op": "replace", "path": "active", "value": false }]);
    scim.patch(&path, &change).is_error(404, "");
    scim.put(&path, &json!({ "userName": "printer", "active": true })).is_error(404, "");
    scim.delete(&path).is_error(404, "");
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": machine }] }]);
    scim.patch(&team, &join).is_error(400, "invalidValue");
    // But its name is taken.
    let detail =
        scim.post("/Users", &json!({ "userName": "Printer", "active": true })).is_error(409, "uniqueness");
    assert!(detail.contains("was deleted"), "{detail}");
    let rename = json!([{ "op": "replace", "path": "userName", "value": "printer" }]);
    scim.patch(&format!("/Users/{ben}"), &rename).is_error(409, "uniqueness");

    // Who is deleted is nobody any more, wherever something led there.
    scim.delete(&format!("/Users/{ada}")).is(204);
    scim.get(&format!("/Users/{ada}")).is_error(404, "");
    scim.delete(&format!("/Users/{ada}")).is_error(404, "");
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 1);
    let seen = scim.get(&team).is(200)["members"].clone();
    assert_eq!(seen.as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen[0]["value"], ben.as_str());
    assert_eq!((members(&ada), members(&ben)), (json!(0), json!(1)));
    assert_eq!(scim.find("/Groups", "members pr").is(200)["totalResults"], 1);
    let read = scim.get(&format!("/Users/{ben}")).is(200);
    assert_eq!(read[ENTERPRISE].get("manager"), None, "{read}");
    let manager = |test: &str| {
        scim.find("/Users", &format!("{ENTERPRISE}:manager.value {test}")).is(200)["totalResults"].clone()
    };
    assert_eq!((manager("pr"), manager(&format!("eq \"{ada}\""))), (json!(0), json!(0)));
    let leave = json!([{ "op": "remove", "path": format!("members[value eq \"{ben}\"]") }]);
    assert!(scim.patch(&team, &leave).status < 300);
    assert_eq!(scim.find("/Groups", "members pr").is(200)["totalResults"], 0);
    let detail =
        scim.post("/Users", &json!({ "userName": "ada", "active": true })).is_error(409, "uniqueness");
    assert!(detail.contains("was deleted"), "{detail}");
    [ada, ben]
}

#[test]
fn a_row_that_is_deleted_is_kept_and_hidden() {
    rows(&Database::holding(include_str!("../mappings/kept/database.sql")));
}

pub fn rows(database: &Database) {
    let gateway = Gateway::serve(&[database.target("kept", "../tests/mappings/kept")]);
    let scim = gateway.target("kept");
    let [ada, ben] = lives(&scim, "1");
    let row = |id: &str| {
        let sql = format!("SELECT Login, LeavesOn, Kind, Gone, ChangedBy, Mark FROM Person WHERE Id = {id}");
        let mut row = database.rows(&sql).remove(0);
        let leaves_on = row["LeavesOn"].take();
        row["LeavesOn"] = (leaves_on.as_str().map(|day| &day[..10]) == Some(&day(0))).into();
        row
    };
    // What a template makes of a person stays as it was; what is the same for everybody is stamped.
    let kept = json!({ "Login": "ada", "LeavesOn": true, "Kind": "staff", "Gone": 1, "ChangedBy": "gantry", "Mark": "<ada>" });
    assert_eq!(row(&ada), kept);
    assert_eq!(row("1")["Kind"], "machine");

    // What is stored in another form is found by its function, and no more than what is meant.
    let change =
        json!([{ "op": "add", "path": "phoneNumbers", "value": [{ "type": "work", "value": "555-1234" }] }]);
    let read = scim.patch(&format!("/Users/{ben}"), &change).is(200);
    assert_eq!((&read["phoneNumbers"][0]["value"], &read["title"]), (&json!("555 1234"), &json!("555 1234")));
    for (filter, found) in [
        ("phoneNumbers.value eq \"555 1234\"", 1),
        ("title eq \"555 1234\"", 1),
        ("title eq \"555-1234\"", 0), // found by its digits, and read as another text
        ("title sw \"555 \"", 1),
        ("not (title eq \"555 1234\")", 0),
    ] {
        assert_eq!(scim.find("/Users", filter).is(200)["totalResults"], found, "{filter}");
    }

    // Who leaves on some day is active until then, for what is read and for what is found.
    for (days, active) in [(-1, false), (0, false), (1, true), (365, true)] {
        for time in ["", " 00:00:00", " 23:59:59"] {
            let at = format!("{}{time}", day(days));
            database.change(&format!("UPDATE Person SET LeavesOn = '{at}' WHERE Id = {ben}"));
            assert_eq!(scim.get(&format!("/Users/{ben}")).is(200)["active"], active, "{at}");
            assert_eq!(scim.find("/Users", &format!("active eq {active}")).is(200)["totalResults"], 1);
            assert_eq!(scim.find("/Users", &format!("active eq {}", !active)).is(200)["totalResults"], 0);
        }
    }

    // The first rule that fits decides.
    let path = format!("/Users/{ben}");
    database.change(&format!("UPDATE Person SET Pinned = 1 WHERE Id = {ben}"));
    scim.delete(&path).is_error(403, "");
    assert_eq!(row(&ben)["Gone"], 0);
    database.change(&format!("UPDATE Person SET Pinned = 0 WHERE Id = {ben}"));
    scim.delete(&path).is(204);
    assert_eq!(row(&ben)["Gone"], 1);
}

/// `now()` and `today()` are written as `stamp` writes them, and the row is nobody any more.
#[test]
fn a_row_that_is_deleted_says_since_when() {
    let database = Database::holding(include_str!("../mappings/left/database.sql"));
    let gateway = Gateway::serve(&[database.target("left", "../tests/mappings/left")]);
    let scim = gateway.target("left");
    let id = scim.post("/Users", &json!({ "userName": "ada" })).is(201)["id"].as_str().unwrap().to_owned();
    let row = || database.rows("SELECT Doc, DeletedAt, DeletedOn, DeletedBy FROM Person").remove(0);
    // Braces that are written twice are signs.
    assert_eq!((&row()["Doc"], &row()["DeletedAt"]), (&json!("{ \"name\": \"ada\" }"), &Value::Null));
    let before = day(0);
    scim.delete(&format!("/Users/{id}")).is(204);
    scim.get(&format!("/Users/{id}")).is_error(404, "");
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 0);
    let (row, after) = (row(), day(0));
    let at = row["DeletedAt"].as_str().unwrap().to_owned();
    time::OffsetDateTime::parse(&at, &time::format_description::well_known::Rfc3339).unwrap();
    assert!(at.starts_with(&before) || at.starts_with(&after), "{at}");
    assert!([before, after].contains(&row["DeletedOn"].as_str().unwrap().to_owned()), "{row}");
    assert_eq!(row["DeletedBy"], "gantry");
}

/// The day that is so many days from now, in UTC.
fn day(days: i64) -> String {
    (time::OffsetDateTime::now_utc() + time::Duration::days(days)).date().to_string()
}

#[test]
fn what_no_line_stores_is_kept_in_one_attribute_of_the_entry() {
    let directory = Directory::start();
    let gateway = Gateway::serve(&[directory.target("kept", "../tests/mappings/kept-ldap")]);
    let scim = gateway.target("kept");
    let more = json!({ "title": "Countess", "externalId": "A-1", "name": { "givenName": "Ada" },
        "emails": [{ "type": "work", "value": "ada@example.test" }, { "type": "home", "value": "ada@example.org" }] });
    let ada = person(&scim, "ada", more);
    let path = format!("/Users/{ada}");
    let kept = || {
        let text = directory.person("ada").unwrap().one("description").map(str::to_owned);
        text.map(|text| serde_json::from_str::<Value>(&text).unwrap())
    };
    let read = scim.get(&path).is(200);
    assert_eq!(
        (&read["title"], &read["externalId"], &read["name"]["givenName"]),
        (&json!("Countess"), &json!("A-1"), &json!("Ada"))
    );
    assert_eq!(
        (kept().unwrap()["title"].clone(), kept().unwrap().get("userName").cloned()),
        (json!("Countess"), None)
    );
    for filter in
        ["externalId eq \"A-1\"", "title co \"ount\"", "emails[type eq \"home\" and value ew \".org\"]"]
    {
        assert_eq!(scim.find("/Users", filter).is(200)["totalResults"], 1, "{filter}");
        assert_eq!(scim.find("/Users", &format!("not ({filter})")).is(200)["totalResults"], 0, "{filter}");
    }
    let change = json!([
        { "op": "replace", "path": "title", "value": "Mathematician" },
        { "op": "remove", "path": "emails[type eq \"home\"]" },
    ]);
    assert_eq!(scim.patch(&path, &change).is(200)["emails"].as_array().unwrap().len(), 1);
    assert_eq!(
        (kept().unwrap()["title"].clone(), kept().unwrap()["emails"].as_array().unwrap().len()),
        (json!("Mathematician"), 1)
    );
    scim.put(&path, &json!({ "userName": "ada", "active": true })).is(200);
    assert_eq!(kept(), None);
    scim.put(&path, &json!({ "userName": "ada", "active": true, "nickName": "née Byron, \u{1F3A9}" }))
        .is(200);
    assert_eq!(
        (kept().unwrap()["nickName"].clone(), &scim.get(&path).is(200)["nickName"]),
        (json!("née Byron, \u{1F3A9}"), &json!("née Byron, \u{1F3A9}"))
    );

    // A member's own words are not kept: with them the member would come back.
    let team = json!({ "displayName": "team", "externalId": "T", "members": [{ "value": ada, "display": "The Countess" }] });
    let team = format!("/Groups/{}", scim.post("/Groups", &team).is(201)["id"].as_str().unwrap());
    let leave = json!([{ "op": "remove", "path": "members" }, { "op": "replace", "path": "externalId", "value": "T2" }]);
    assert!(scim.patch(&team, &leave).status < 300);
    let read = scim.get(&team).is(200);
    assert_eq!((read.get("members"), &read["externalId"]), (None, &json!("T2")));
}

#[test]
fn an_entry_that_is_deleted_is_kept_and_hidden() {
    let machine = format!(
        "dn: uid=printer,ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: printer\ncn: printer\nsn: printer\n\
         employeeType: machine\nuserPassword: s3cret of the printer\n\n"
    );
    let directory = Directory::holding(&machine);
    let gateway = Gateway::serve(&[directory.target("kept", "../tests/mappings/kept-ldap")]);
    let scim = gateway.target("kept");
    let id = directory.person("printer").unwrap().one("entryUUID").unwrap().to_owned();
    let [_, ben] = lives(&scim, &id);
    let ada = directory.person("ada").unwrap();
    assert_eq!(
        (ada.all("employeeType"), ada.one("pwdAccountLockedTime")),
        (&["left".to_owned()][..], Some("000001010000Z"))
    );
    let printer = directory.person("printer").unwrap();
    assert_eq!((printer.one("employeeType"), printer.one("pwdAccountLockedTime")), (Some("machine"), None));

    let path = format!("/Users/{ben}");
    let pin = |value: Value| {
        let change = json!([{ "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": value }]);
        scim.patch(&path, &change).is(200);
    };
    pin(json!("pinned"));
    scim.delete(&path).is_error(403, "");
    assert_eq!(directory.person("ben").unwrap().one("employeeType"), Some("staff"));
    pin(json!("sales"));
    scim.delete(&path).is(204);
    assert_eq!(directory.person("ben").unwrap().one("employeeType"), Some("left"));
}

/// Somebody used the attribute of `rest` for something else: the entry is shown without it, and its words are kept.
#[test]
fn what_is_no_document_hides_nobody_and_is_not_lost() {
    let entry = |uid: &str, more: &str| {
        format!(
            "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: x\nsn: x\nemployeeType: staff\n{more}\n"
        )
    };
    let words = "the one with the hat";
    let directory =
        Directory::holding(&[entry("ann", &format!("description: {words}\n")), entry("ben", "")].concat());
    let mut gateway = Gateway::serve(&[directory.target("corp", "../tests/mappings/kept-ldap")]);
    let scim = gateway.target("corp");
    let list = scim.get("/Users").is(200);
    let logins: BTreeSet<&str> =
        list["Resources"].as_array().unwrap().iter().map(|one| one["userName"].as_str().unwrap()).collect();
    assert_eq!(logins, BTreeSet::from(["ann", "ben"]));
    // The log comes a moment after what it tells of.
    eventually("the log's line about it", || {
        gateway.log().iter().any(|line| line.contains("holds no JSON object") && line.contains("uid=ann"))
    });

    let found = scim.find("/Users", "userName eq \"ann\"").is(200);
    let path = format!("/Users/{}", found["Resources"][0]["id"].as_str().unwrap());
    let set = |name: &str, value: Value| {
        scim.patch(&path, &json!([{ "op": "replace", "path": name, "value": value }]))
    };
    set("active", json!(false)).is(200);
    set("nickName", json!("Annie")).is_error(500, "");
    assert_eq!(directory.person("ann").unwrap().all("description"), [words]);
    gateway.is_sound();
}

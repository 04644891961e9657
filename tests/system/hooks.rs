//! What a mapping's own functions write (`plan_create`, `plan_update`, `plan_delete`), on a database and in a directory;
//! looked up natively.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;

#[test]
fn a_view_is_read_and_statements_of_the_mapping_write() {
    rows(&Database::holding(include_str!("../mappings/hooks/database.sql")), "hooks");
}

/// With this mapping of the tests.
pub fn rows(database: &Database, mapping: &str) {
    let mut gateway = Gateway::serve(&[database.target("staff", &format!("../tests/mappings/{mapping}"))]);
    let scim = gateway.target("staff");
    let today = time::OffsetDateTime::now_utc().date().to_string();
    let people = || database.rows("SELECT StaffNo, Login, Given, TermDate FROM Staff");
    let journal = || database.rows("SELECT Login, What FROM Journal ORDER BY Line");

    // The id is what a read by the unique value tells, for no step says it.
    let hostile = "a'); DELETE FROM Staff; --?";
    let body = json!({ "userName": hostile, "active": true, "name": { "givenName": "Ada" } });
    let made = scim.post("/Users", &body).is(201);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    assert_eq!(
        people(),
        [json!({ "StaffNo": 1, "Login": hostile, "Given": "Ada", "TermDate": Value::Null })]
    );
    assert_eq!(database.rows("SELECT CameLine FROM Staff"), [json!({ "CameLine": 1 })]);
    scim.post("/Users", &body).is_error(409, "uniqueness");
    let detail =
        scim.post("/Users", &json!({ "userName": "root", "active": true })).is_error(400, "invalidValue");
    assert_eq!(detail, "root is nobody.");
    assert_eq!(journal().len(), 1);

    // A change is read, merged and written; nothing that stays is touched, and nothing is written for nothing.
    let rename = json!([{ "op": "replace", "path": "userName", "value": "ada" }]);
    assert_eq!(scim.patch(&path, &rename).is(200)["name"]["givenName"], "Ada");
    assert_eq!(people()[0]["Login"], "ada");
    assert_eq!(scim.put(&path, &json!({ "userName": "ada", "active": true })).is(200).get("name"), None);
    assert_eq!(people()[0]["Given"], Value::Null);

    // DELETE is the change by which nobody is active any more. Here she stays visible, and `check` warns of it.
    scim.delete(&path).is(204);
    assert_eq!(people()[0]["TermDate"], today);
    assert_eq!(journal()[1], json!({ "Login": "ada", "What": "left" }));
    assert_eq!(scim.get(&path).is(200)["active"], false);
    scim.delete(&path).is(204);
    assert_eq!(journal().len(), 2);
    scim.delete("/Users/7").is_error(404, "");
    assert!(gateway.log().iter().any(|line| line.contains("a deleted resource stays visible")));
    gateway.is_sound();
}

#[test]
fn one_more_entry_is_changed_along_and_back_when_that_fails() {
    let group = format!(
        "dn: cn=everybody,ou=groups,{SUFFIX}\nobjectClass: posixGroup\ncn: everybody\ngidNumber: 100\n\n"
    );
    let directory = Directory::holding(&group);
    let mut gateway = Gateway::serve(&[directory.target("corp", "../tests/mappings/hooks-ldap")]);
    let scim = gateway.target("corp");
    let members = || directory.group("everybody").unwrap().all("memberUid").to_vec();
    let ada = scim.post("/Users", &json!({ "userName": "ada", "active": true })).is(201);
    let path = format!("/Users/{}", ada["id"].as_str().unwrap());
    assert_eq!(members(), ["ada"]);
    let rename = |to: &str| scim.patch(&path, &json!([{ "op": "replace", "path": "userName", "value": to }]));
    rename("countess").is(200);
    assert_eq!(members(), ["countess"]);
    scim.patch(&path, &json!([{ "op": "replace", "path": "title", "value": "Dr" }])).is(200);

    // Where the mapping's own step fails, nothing of the rest stays.
    directory.modify(&format!(
        "dn: cn=everybody,ou=groups,{SUFFIX}\nchangetype: modify\nadd: memberUid\nmemberUid: ben\nmemberUid: eve\n"
    ));
    assert!(scim.post("/Users", &json!({ "userName": "ben", "active": true })).status >= 400);
    assert_eq!(directory.person("ben"), None);
    let both = json!([{ "op": "replace", "value": { "userName": "eve", "title": "Countess" } }]);
    assert!(scim.patch(&path, &both).status >= 400);
    assert_eq!(directory.person("countess").unwrap().one("title"), Some("Dr"));
    assert!(rename("eve").status >= 400);
    assert!(directory.person("countess").is_some() && directory.person("eve").is_none());
    assert_eq!(members(), ["countess", "ben", "eve"]);

    scim.delete(&path).is(204);
    assert_eq!((directory.person("countess"), members()), (None, vec!["ben".to_owned(), "eve".to_owned()]));
    gateway.is_sound();
}

//! Case 2: what is read from a view and written by procedures, with the ready mapping; and with tests/mappings/results,
//! whose procedures answer in result sets. SQLite has no procedures, so that there is no suite of it elsewhere.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::eventually;
use crate::support::gateway::Gateway;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub fn life(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("staff", "procedures")]);
    let staff = gateway.target("staff");
    let eve = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "eve",
        "name": { "givenName": "Eve", "familyName": "O'Neil" },
        "active": true,
        ENTERPRISE: { "department": "Sales" },
    });
    let made = staff.post("/Users", &eve).is(201);
    // The procedure's OUTPUT parameter is the id, though it has a result set of its own too.
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let row = |column: &str| database.rows("SELECT * FROM Staff WHERE login = 'eve'")[0][column].clone();
    assert_eq!(
        (row("id").to_string(), row("ln")),
        (made["id"].as_str().unwrap().to_owned(), json!("O'Neil"))
    );
    assert_eq!(staff.get(&path).is(200), made);
    // RAISERROR's number is what the mapping says it is.
    staff.post("/Users", &eve).is_error(409, "uniqueness");

    let change = |op: serde_json::Value| json!([op]);
    // NULL is no change to the procedure, and '' clears.
    let cleared = staff.patch(&path, &change(json!({ "op": "remove", "path": "name.givenName" }))).is(200);
    assert_eq!(
        (cleared["name"].get("givenName"), row("fn"), row("dept")),
        (None, json!(null), json!("Sales"))
    );
    let long = change(
        json!({ "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "x".repeat(11) }),
    );
    staff.patch(&path, &long).is_error(400, "invalidValue");

    for (filter, count) in [("active eq true", 1), ("active eq false", 0), ("name.familyName sw \"o'\"", 1)] {
        assert_eq!(staff.find("/Users", filter).is(200)["totalResults"], count, "{filter}");
    }
    // There is no deletion: who is deleted is terminated, and cannot come back here.
    staff.delete(&path).is(204);
    assert_ne!(row("term_date"), json!(null));
    assert_eq!(staff.find("/Users", "active eq false").is(200)["totalResults"], 1);
    staff
        .patch(&path, &change(json!({ "op": "replace", "path": "active", "value": true })))
        .is_error(400, "mutability");
    let gone =
        staff.post("/Users", &json!({ "schemas": [USER], "userName": "bob", "active": false })).is(201);
    assert_eq!(gone["active"], false);
    gateway.is_sound();
}

pub fn result_sets(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("staff", "../tests/mappings/results")]);
    let staff = gateway.target("staff");
    let people =
        || database.rows("SELECT StaffNo, Login, Note, Badge, Told, CameLine FROM Staff ORDER BY StaffNo");
    let journal = || database.rows("SELECT Line, StaffNo, What, Badge FROM Journal ORDER BY Line");
    let hostile = "a'); DELETE FROM Staff; --@P1]?";
    let made = staff.post("/Users", &json!({ "userName": hostile, "displayName": "Ada" })).is(201);
    // The key stands in one of several result sets, beside an OUTPUT parameter; later steps have used all of it.
    assert_eq!(made["id"], "41");
    let person = |note: &str, told: Value| json!({ "StaffNo": 41, "Login": hostile, "Note": note, "Badge": "B41", "Told": told, "CameLine": 501 });
    assert_eq!(people(), [person("Ada", Value::Null)]);
    assert_eq!(journal(), [json!({ "Line": 501, "StaffNo": 41, "What": "new", "Badge": "B41" })]);
    assert_eq!(staff.get("/Users/41").is(200), made);
    staff.post("/Users", &json!({ "userName": hostile })).is_error(409, "uniqueness");
    // NULL is no key.
    staff.post("/Users", &json!({ "userName": "nobody" })).is_error(500, "");
    assert_eq!((people().len(), journal().len()), (1, 1));

    let rename = |to: &str| {
        staff.patch("/Users/41", &json!([{ "op": "replace", "path": "displayName", "value": to }]))
    };
    assert_eq!(rename("fine").is(200)["displayName"], "fine");
    assert_eq!(people(), [person("fine", json!("yes"))]);
    // NULL is handed on.
    rename("null").is(200);
    assert_eq!(people(), [person("null", Value::Null)]);
    for (name, says) in [
        ("none", "it returned 0 rows where one is expected"),
        ("two", "it returned 2 rows where one is expected"),
        ("other", "no result set has the columns"),
        ("silent", "it returned no result set"),
    ] {
        rename(name).is_error(500, "");
        let is_told = |line: &String| line.contains("the mapping calls usp_PersonUpd") && line.contains(says);
        eventually(says, || gateway.log().iter().any(is_told));
        assert_eq!(people(), [person("null", Value::Null)], "{name}");
    }
    // An error behind the row is an error, whatever the row says.
    rename("error").is_error(400, "mutability");
    assert_eq!(people(), [person("null", Value::Null)]);
    assert_eq!(rename("again").is(200)["displayName"], "again");
    gateway.is_sound();
}

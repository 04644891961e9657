//! Case 2: what is read from a view and written by procedures, with the ready mapping. SQLite has no procedures, so that
//! there is no suite of it elsewhere.

use serde_json::json;

use crate::support::database::Database;
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

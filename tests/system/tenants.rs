//! One tenant among several in the same tables (`tests/mappings/tenants`): another tenant's rows are nobody's, and its
//! names are free. Looked up with another client.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::gateway::Gateway;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn another_tenants_rows_are_neither_seen_nor_touched_nor_in_the_way() {
    life(&Database::holding(include_str!("../mappings/tenants/database.sql")));
}

pub fn life(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("seven", "../tests/mappings/tenants")]);
    let scim = gateway.target("seven");
    let others = || {
        [
            "SELECT * FROM Account WHERE TenantId = 8 ORDER BY AccountNo",
            "SELECT * FROM AccountDetail WHERE TenantId = 8",
            "SELECT * FROM Dept WHERE TenantId = 8",
            "SELECT * FROM Role WHERE TenantId = 8",
            "SELECT * FROM AccountRole WHERE TenantId = 8",
        ]
        .map(|sql| database.rows(sql))
    };
    let untouched = others();

    // The same names are free here, and the department of the same name is another one.
    let body = json!({
        "userName": "ada", "active": true, "userType": "partner", "locale": "en-GB",
        "phoneNumbers": [{ "type": "work", "value": "222" }], ENTERPRISE: { "department": "Sales" }
    });
    let ada = scim.post("/Users", &body).is(201);
    let id = ada["id"].as_str().unwrap().to_owned();
    assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
    let row = |id: &str| {
        let sql = format!(
            "SELECT a.TenantId AS t, StatusCd, KindCd, ChiefLogin, p.TenantId AS pt, Phone, LangCd, d.TenantId AS dt, DeptName \
             FROM Account a LEFT JOIN AccountDetail p ON p.AccountNo = a.AccountNo \
             LEFT JOIN Dept d ON d.DeptNo = a.DeptNo WHERE a.AccountNo = '{id}'"
        );
        database.rows(&sql).remove(0)
    };
    let expected = json!({ "t": 7, "StatusCd": "A", "KindCd": 2, "ChiefLogin": null, "pt": 7, "Phone": "222", "LangCd": "EN", "dt": 7, "DeptName": "Sales" });
    assert_eq!(row(&id), expected);
    scim.post("/Users", &body).is_error(409, "uniqueness");
    let ben = scim.post("/Users", &json!({ "userName": "ben" })).is(201)["id"].as_str().unwrap().to_owned();
    let bare = json!({ "t": 7, "StatusCd": "A", "KindCd": 1, "ChiefLogin": null, "pt": 7, "Phone": null, "LangCd": null, "dt": null, "DeptName": null });
    assert_eq!(row(&ben), bare);

    // Another tenant's rows are not there.
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 2);
    assert_eq!(scim.get("/Groups").is(200)["totalResults"], 0);
    scim.get("/Users/other").is_error(404, "");
    scim.put("/Users/other", &json!({ "userName": "x" })).is_error(404, "");
    scim.delete("/Users/other").is_error(404, "");
    scim.delete("/Groups/500001").is_error(404, "");
    let team =
        scim.post("/Groups", &json!({ "displayName": "Admins", "members": [{ "value": id }] })).is(201);
    let team = format!("/Groups/{}", team["id"].as_str().unwrap());
    let join = |id: &str| {
        scim.patch(&team, &json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]))
    };
    join("other").is_error(400, "invalidValue");
    assert!(join(&ben).status < 300);
    assert_eq!(
        database.rows("SELECT TenantId FROM AccountRole WHERE TenantId <> 8"),
        [json!({ "TenantId": 7 }), json!({ "TenantId": 7 })]
    );
    let chief = |id: &str| {
        let value =
            json!([{ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": { "value": id } }]);
        scim.patch(&format!("/Users/{ben}"), &value)
    };
    chief("other").is_error(400, "invalidValue");
    assert_eq!(chief(&id).is(200)[ENTERPRISE]["manager"]["value"], id.as_str());
    assert_eq!(row(&ben)["ChiefLogin"], "ada");

    // Links to another tenant, however they came, lead nowhere.
    database.change(&format!("INSERT INTO AccountRole VALUES (8, 500001, '{id}')"));
    let read = scim.get(&format!("/Users/{id}")).is(200);
    assert_eq!(read["groups"].as_array().unwrap().len(), 1, "{read}");
    database.change("DELETE FROM AccountRole WHERE TenantId = 8 AND AccountNo <> 'other'");

    // Codes, a part and a look-up in filters and in the order.
    let found = |filter: &str| scim.find("/Users", filter).is(200)["totalResults"].clone();
    for (filter, count) in [
        ("userName eq \"ADA\"".to_owned(), 1),
        ("userType eq \"employee\"".to_owned(), 1),
        ("not (userType eq \"employee\")".to_owned(), 1),
        ("locale eq \"en-GB\"".to_owned(), 1),
        ("locale eq \"de-DE\"".to_owned(), 0),
        ("not (locale pr)".to_owned(), 1),
        ("phoneNumbers.value eq \"222\"".to_owned(), 1),
        ("phoneNumbers.value eq \"111\"".to_owned(), 0),
        (format!("{ENTERPRISE}:department eq \"sales\""), 1),
        (format!("{ENTERPRISE}:manager.value eq \"{id}\""), 1),
        (format!("not ({ENTERPRISE}:manager.value eq \"{id}\")"), 1),
        (format!("{ENTERPRISE}:manager pr"), 1),
        ("active eq true".to_owned(), 2),
        ("active eq false".to_owned(), 0),
    ] {
        assert_eq!(found(&filter), count, "{filter}");
    }
    let sorted = scim.get(&format!("/Users?sortBy={ENTERPRISE}:department&sortOrder=descending")).is(200);
    assert_eq!(
        sorted["Resources"][0]["id"],
        ben.as_str(),
        "who has none is last, and in falling order first"
    );

    // PUT, deactivation, a code that means the same stays, a rename that chiefs follow.
    database.change(&format!("UPDATE Account SET StatusCd = 'L' WHERE AccountNo = '{id}'"));
    let put = json!({ "userName": "ada", "active": false, "userType": "employee" });
    scim.put(&format!("/Users/{id}"), &put).is(200);
    let expected = json!({ "t": 7, "StatusCd": "L", "KindCd": 1, "ChiefLogin": null, "pt": 7, "Phone": null, "LangCd": null, "dt": null, "DeptName": null });
    assert_eq!(row(&id), expected);
    scim.patch(
        &format!("/Users/{id}"),
        &json!([{ "op": "replace", "path": "userName", "value": "countess" }]),
    )
    .is(200);
    assert_eq!(row(&ben)["ChiefLogin"], "countess");
    let wrong = json!([{ "op": "replace", "path": "userType", "value": "robot" }]);
    scim.patch(&format!("/Users/{id}"), &wrong).is_error(400, "invalidValue");

    // A row of the part that is not there is made, for this tenant.
    database.change("DELETE FROM AccountDetail WHERE TenantId = 7");
    scim.patch(&format!("/Users/{id}"), &json!([{ "op": "add", "path": "locale", "value": "de-DE" }]))
        .is(200);
    assert_eq!((row(&id)["pt"].clone(), row(&id)["LangCd"].clone()), (json!(7), json!("DE")));

    // DELETE takes what is this tenant's, and nothing else.
    scim.delete(&format!("/Users/{id}")).is(204);
    assert_eq!((row(&ben)["ChiefLogin"].clone(), others()), (Value::Null, untouched));
    assert_eq!(
        database.rows("SELECT AccountNo FROM AccountRole WHERE TenantId = 7"),
        [json!({ "AccountNo": ben })]
    );
    assert!(database.rows("SELECT * FROM AccountDetail WHERE TenantId = 7").is_empty());
    scim.delete(&team).is(204);
    assert!(database.rows("SELECT * FROM AccountRole WHERE TenantId = 7").is_empty());
    gateway.is_sound();
}

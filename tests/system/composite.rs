//! Keys of several columns everywhere (`tests/mappings/composite`): ids, collections, documents, look-ups and references,
//! each write looked up with another client; keys that the client or the mapping gives; and ids that are none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::by_hand;
use crate::support::database::Database;
use crate::support::gateway::{Gateway, gantry, write_configuration};
use crate::support::run;
use crate::support::scim::{Scim, encoded};
use crate::support::told::{doctor, says};

const MAPPING: &str = "../tests/mappings/composite";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn sqlite() -> Database {
    Database::holding(include_str!("../mappings/composite/database.sql"))
}

fn served(database: &Database) -> (Gateway, Scim) {
    let gateway = Gateway::serve(&[database.target("tenants", MAPPING)]);
    let scim = gateway.target("tenants");
    (gateway, scim)
}

fn person(login: &str, tenant: &str) -> Value {
    json!({ "userName": login, "active": true, ENTERPRISE: { "organization": tenant } })
}

#[track_caller]
fn made(scim: &Scim, endpoint: &str, body: &Value) -> String {
    scim.post(endpoint, body).is(201)["id"].as_str().unwrap().to_owned()
}

fn operation(op: &str, path: &str, value: Value) -> Value {
    json!([{ "op": op, "path": path, "value": value }])
}

fn ids(body: &Value) -> Vec<&str> {
    body["Resources"].as_array().into_iter().flatten().map(|r| r["id"].as_str().unwrap()).collect()
}

#[test]
fn a_person_s_whole_life() {
    life(&sqlite());
}

pub fn life(database: &Database) {
    let (mut gateway, scim) = served(database);
    let mut body = person("ann", "ACME");
    body["name"] = json!({ "givenName": "Ann", "familyName": "Lee" });
    body["nickName"] = json!("Annie");
    body["phoneNumbers"] = json!([{ "type": "work", "value": "+1" }, { "type": "mobile", "value": "+2" }]);
    body[ENTERPRISE]["department"] = json!("Sales");
    let answer = scim.post("/Users", &body);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let ann = answer.is(201);
    assert_eq!(ann["id"], "ACME.2");
    assert!(location.ends_with("/Users/ACME.2") && ann["meta"]["location"] == location, "{location}");
    assert_eq!(scim.get("/Users/ACME.2").is(200), ann);
    // The department of the same name is another tenant's.
    assert_eq!(
        database.rows("SELECT d.Tenant, d.Name FROM Employee e JOIN Department d ON d.Tenant = e.Tenant AND d.DeptNo = e.DeptNo \
             WHERE Login = 'ann'"),
        [json!({ "Tenant": "ACME", "Name": "Sales" })]
    );
    assert_eq!(database.rows("SELECT count(*) AS n FROM Department"), [json!({ "n": 2 })]);
    assert_eq!(
        database.rows("SELECT Tenant, EmpNo, Num FROM Phone ORDER BY Num")[1],
        json!({ "Tenant": "ACME", "EmpNo": 2, "Num": "+2" })
    );
    let nick_name = if database.is_sqlite() { "Doc ->> 'nickName'" } else { "JSON_VALUE(Doc, '$.nickName')" };
    assert_eq!(
        database.rows(&format!("SELECT Tenant, EmpNo, {nick_name} AS n FROM EmployeeScim")),
        [json!({ "Tenant": "ACME", "EmpNo": 2, "n": "Annie" })]
    );

    // A manager is of the same tenant, whose column both keys have in common.
    let boss = made(&scim, "/Users", &person("zoë", "ACME"));
    let path = format!("{ENTERPRISE}:manager");
    let manager =
        |id: &str| scim.patch("/Users/ACME.2", &operation("replace", &path, json!({ "value": id })));
    assert_eq!(manager(&boss).is(200)[ENTERPRISE]["manager"]["value"], "ACME.3");
    let detail = manager("B.1").is_error(400, "invalidValue");
    assert!(detail.contains("\"B.1\"") && !detail.contains("Tenant"), "{detail}");
    manager("ACME.77").is_error(400, "invalidValue");
    manager("ACME").is_error(400, "invalidValue");
    let of = |login: &str| {
        database.rows(&format!("SELECT Tenant, MgrNo, First FROM Employee WHERE Login = '{login}'"))
    };
    assert_eq!(of("ann"), [json!({ "Tenant": "ACME", "MgrNo": 3, "First": "Ann" })]);
    let mut body = person("bea", "B");
    body[ENTERPRISE]["manager"] = json!({ "value": "ACME.2" });
    scim.post("/Users", &body).is_error(400, "invalidValue");
    body[ENTERPRISE]["manager"] = json!({ "value": "B.1" });
    assert_eq!(made(&scim, "/Users", &body), "B.4");
    scim.patch("/Users/ACME.2", &json!([{ "op": "remove", "path": path }])).is(200);
    assert_eq!(of("ann"), [json!({ "Tenant": "ACME", "MgrNo": null, "First": "Ann" })]);

    // What stands in the key stays as it is.
    let organization = format!("{ENTERPRISE}:organization");
    scim.patch("/Users/ACME.2", &operation("replace", &organization, json!("B"))).is_error(400, "mutability");
    scim.put("/Users/ACME.2", &person("ann", "B")).is_error(400, "mutability");
    let schema = scim.get(&format!("/Schemas/{ENTERPRISE}")).is(200);
    let attributes = schema["attributes"].as_array().unwrap();
    let organization = attributes.iter().find(|attribute| attribute["name"] == "organization").unwrap();
    assert_eq!(organization["mutability"], "immutable");

    // Changes of what hangs on the row, on a condition, and the end.
    let phones = operation("replace", "phoneNumbers", json!([{ "type": "work", "value": "+3" }]));
    let old = ann["meta"]["version"].as_str().unwrap();
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": phones });
    let on = |version: &str| scim.on_condition("PATCH", "/Users/ACME.2", "If-Match", version, Some(&body));
    let now = scim.get("/Users/ACME.2").is(200)["meta"]["version"].as_str().unwrap().to_owned();
    assert_eq!(on("W/\"no\"").status, 412);
    assert_eq!(now, old, "a manager that came and went leaves no trace");
    assert_ne!(on(&now).is(200)["meta"]["version"], now.as_str());
    assert_eq!(database.rows("SELECT Kind, Num FROM Phone"), [json!({ "Kind": "W", "Num": "+3" })]);
    scim.delete("/Users/ACME.2").is(204);
    scim.get("/Users/ACME.2").is_error(404, "");
    let left =
        "SELECT (SELECT count(*) FROM Phone) + (SELECT count(*) FROM EmployeeScim WHERE EmpNo = 2) AS n";
    assert_eq!(database.rows(left), [json!({ "n": 0 })]);
    gateway.is_sound();
}

#[test]
fn members_are_of_the_same_tenant() {
    members(&sqlite());
}

pub fn members(database: &Database) {
    let (mut gateway, scim) = served(database);
    let [ann, ben] = ["ann", "ben"].map(|login| made(&scim, "/Users", &person(login, "ACME")));
    let name = "R&D / .x~";
    let group = made(&scim, "/Groups", &json!({ "displayName": name, "members": [{ "value": ann }] }));
    assert_eq!(group, "ACME.R~26D~20~2f~20~2ex~7e");
    let path = format!("/Groups/{group}");
    let members =
        || database.rows("SELECT EmpNo, GrantedBy FROM UserRole WHERE Tenant = 'ACME' ORDER BY EmpNo");
    assert_eq!(members(), [json!({ "EmpNo": 2, "GrantedBy": "gantry" })]);
    let user = scim.get(&format!("/Users/{ann}")).is(200);
    assert_eq!(user["groups"][0]["value"], group.as_str());
    assert!(user["groups"][0]["$ref"].as_str().unwrap().ends_with(&path));

    // By value, without a read of the members; what is there stays there once.
    let add = |id: &str| scim.patch(&path, &operation("add", "members", json!([{ "value": id }]))).status;
    assert_eq!([add(&ben), add(&ben), add(&ann)], [204; 3]);
    assert_eq!(members().len(), 2);
    assert_eq!([add("B.1"), add("ACME.99"), add("ACME")], [400; 3]);
    let get = scim.get(&path).is(200);
    let held: BTreeSet<&str> =
        get["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    assert_eq!(held, BTreeSet::from([ann.as_str(), ben.as_str()]));
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{ann}\"]") }]);
    assert_eq!(scim.patch(&path, &remove).status, 204);
    assert_eq!(members(), [json!({ "EmpNo": 3, "GrantedBy": "gantry" })]);

    for (endpoint, filter, found) in [
        ("/Groups", format!("members.value eq \"{ben}\""), vec![group.as_str()]),
        ("/Groups", format!("members.value eq \"{ann}\""), vec![]),
        ("/Groups", "members pr".to_owned(), vec![&group]),
        ("/Groups", format!("id eq \"{group}\""), vec![&group]),
        ("/Groups", "id eq \"B.Admins\"".to_owned(), vec![]),
        ("/Users", format!("groups.value eq \"{group}\""), vec![&ben]),
        ("/Users", format!("not (groups.value eq \"{group}\")"), vec!["ACME.2", "B.1"]),
        ("/Users", "groups.value eq \"B.Admins\"".to_owned(), vec![]),
        ("/Users", format!("id eq \"{ann}\" or id eq \"{ben}\" or id eq \"x\""), vec!["ACME.2", "ACME.3"]),
        ("/Users", format!("id ne \"{ann}\" and active eq true"), vec!["ACME.3", "B.1"]),
        (
            "/Users",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager pr".to_owned(),
            vec![],
        ),
    ] {
        let body = scim.find(endpoint, &filter).is(200);
        assert_eq!(
            (ids(&body), body["totalResults"].as_u64()),
            (found.clone(), Some(found.len() as u64)),
            "{filter}"
        );
    }
    // A group that is another tenant's does not exist here, nor does a membership in it.
    assert_eq!(scim.get("/Users/B.1").is(200).get("groups"), None);
    scim.get("/Groups/B.Admins").is_error(404, "");

    // The name is the key: taken names and new ones.
    scim.post("/Groups", &json!({ "displayName": name })).is_error(409, "uniqueness");
    scim.put(&path, &json!({ "displayName": "other" })).is_error(400, "mutability");
    scim.put(&path, &json!({ "displayName": name, "members": [{ "value": ann }, { "value": ben }] })).is(200);
    assert_eq!(members().len(), 2);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Groups", "bulkId": "g",
              "data": { "displayName": "Bulk", "members": [{ "value": "bulkId:u" }] } },
            { "method": "POST", "path": "/Users", "bulkId": "u", "data": person("cy", "ACME") },
        ],
    });
    scim.post("/Bulk", &bulk).is(200);
    assert_eq!(
        database.rows("SELECT Tenant, EmpNo FROM UserRole WHERE RoleCode = 'Bulk'"),
        [json!({ "Tenant": "ACME", "EmpNo": 4 })]
    );
    scim.delete(&path).is(204);
    assert_eq!(members().len(), 1);
    gateway.is_sound();
}

/// Ids that are half, too long, written otherwise or hostile: nobody has them.
#[test]
fn what_is_no_id_is_not_found() {
    no_ids(&sqlite());
}

pub fn no_ids(database: &Database) {
    let (mut gateway, scim) = served(database);
    let ann = made(&scim, "/Users", &person("ann", "ACME"));
    let group = made(&scim, "/Groups", &json!({ "displayName": "a.b" }));
    assert_eq!((ann.as_str(), group.as_str()), ("ACME.2", "ACME.a~2eb"));
    let long = "A".repeat(5000);
    let others = [
        "..",
        ".",
        "~",
        "~.~",
        "ACME",
        "ACME.",
        ".2",
        "ACME.2.",
        "ACME.2.2",
        "ACME.02",
        "ACME.2~20",
        "ACME.~32",
        "acme.2",
        "ACME~.2",
        "ACME.+2",
        "ACME.2.0",
        "B.2",
        "ACME.1",
        "ACME.~",
        "ACME.~00",
        "~41CME.2",
        "ACME.~FF",
        "ACME.~c3",
        "ACME.2'--",
        "é.2",
        "(2)",
        "ACME.a.b",
        "ACME.a~2Eb",
        "ACME.a%2eb",
        "ACME.A~2eb",
        &long,
    ];
    for id in others {
        for endpoint in ["/Users", "/Groups"] {
            let path = format!("{endpoint}/{}", encoded(id));
            assert_eq!(scim.get(&path).status, 404, "{path}");
            let rename = operation("replace", "name.givenName", json!("x"));
            let rename = if endpoint == "/Users" {
                rename
            } else {
                operation("add", "members", json!([{ "value": ann }]))
            };
            assert_eq!(scim.patch(&path, &rename).status, 404, "{path}");
            assert_eq!(scim.delete(&path).status, 404, "{path}");
            if id.len() < 100 && !id.contains('\'') {
                let found = scim.find(endpoint, &format!("id eq \"{id}\"")).is(200);
                assert_eq!(found["totalResults"], 0, "{endpoint} {id}");
            }
        }
        let members = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
        scim.patch(&format!("/Groups/{group}"), &members).is_error(400, "invalidValue");
    }
    // An unreserved character that is percent-encoded is the same in a URL (RFC 3986 §6.2.2.2).
    assert_eq!(scim.get("/Users/ACME%2E2").is(200)["id"], "ACME.2");
    assert_eq!(
        database.rows("SELECT count(*) AS n, min(First) AS f FROM Employee"),
        [json!({ "n": 2, "f": null })]
    );
    gateway.is_sound();
}

/// The person who is there and five hundred others, of three tenants.
const FIVE_HUNDRED: &str = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 501)
    INSERT INTO Employee (EmpNo, Tenant, Login, First, Last, StatusCd)
    SELECT i, char(65 + i % 3), 'p' || i, CASE WHEN i % 7 > 0 THEN 'F' || i % 4 END, 'Same', 'A' FROM n;
    INSERT INTO Phone SELECT Tenant, EmpNo, 'W', '+' || EmpNo FROM Employee WHERE EmpNo > 1;";

/// The same, the numbers the database's own.
const FIVE_HUNDRED_BY_TRANSACT: &str = "DECLARE @i INT = 2;
    WHILE @i <= 501
    BEGIN
      INSERT INTO Employee (Tenant, Login, First, Last, StatusCd)
      VALUES (CHAR(65 + @i % 3), 'p' + CAST(@i AS VARCHAR(9)),
              CASE WHEN @i % 7 > 0 THEN 'F' + CAST(@i % 4 AS VARCHAR(9)) END, 'Same', 'A');
      SET @i = @i + 1;
    END;
    INSERT INTO Phone SELECT Tenant, EmpNo, 'W', '+' + CAST(EmpNo AS VARCHAR(9)) FROM Employee WHERE EmpNo > 1;";

/// By cursor and by number, with and without an order whose values are alike.
#[test]
fn five_hundred_rows_are_paged_through() {
    pages(&sqlite());
}

pub fn pages(database: &Database) {
    let (mut gateway, scim) = served(database);
    database.change(if database.is_sqlite() { FIVE_HUNDRED } else { FIVE_HUNDRED_BY_TRANSACT });
    let expected = |order: &str| -> Vec<String> {
        let rows = database.rows(&format!("SELECT Tenant, EmpNo FROM Employee ORDER BY {order}"));
        rows.iter().map(|row| format!("{}.{}", row["Tenant"].as_str().unwrap(), row["EmpNo"])).collect()
    };
    for (query, order) in [
        ("", "Tenant, EmpNo"),
        ("&sortBy=name.givenName", "CASE WHEN First IS NULL THEN 1 ELSE 0 END, First, Tenant, EmpNo"),
        (
            "&sortBy=name.givenName&sortOrder=descending",
            "CASE WHEN First IS NULL THEN 0 ELSE 1 END, First DESC, Tenant, EmpNo",
        ),
        ("&sortBy=name.familyName", "CASE WHEN Last IS NULL THEN 1 ELSE 0 END, Last, Tenant, EmpNo"),
    ] {
        let (mut forward, mut backward, mut cursor) = (Vec::new(), Vec::new(), Some(String::new()));
        let mut last = Value::Null;
        while let Some(text) = cursor {
            let page = scim.get(&format!("/Users?cursor={}&count=30{query}", encoded(&text))).is(200);
            assert_eq!(page["totalResults"], 501);
            for resource in page["Resources"].as_array().unwrap() {
                let number = resource["id"].as_str().unwrap().rsplit('.').next().unwrap();
                let phone = if number == "1" { Value::Null } else { format!("+{number}").into() };
                assert_eq!(resource["phoneNumbers"][0]["value"], phone, "{resource:#}");
            }
            forward.extend(ids(&page).into_iter().map(str::to_owned));
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            last = page;
        }
        assert_eq!(forward, expected(order), "{query}");
        backward.extend(ids(&last).into_iter().rev().map(str::to_owned));
        while let Some(text) = last["previousCursor"].as_str() {
            last = scim.get(&format!("/Users?cursor={}&count=30{query}", encoded(text))).is(200);
            backward.extend(ids(&last).into_iter().rev().map(str::to_owned));
        }
        backward.reverse();
        assert_eq!(backward, forward, "{query}");
        let by_number = scim.get(&format!("/Users?startIndex=251&count=100{query}")).is(200);
        assert_eq!(ids(&by_number), &forward[250..350], "{query}");
    }
    // By the id as SCIM orders texts, which no key does.
    let sorted = scim.get("/Users?sortBy=id&count=200").is(200);
    let mut texts = expected("1");
    texts.sort();
    assert_eq!(ids(&sorted), &texts[..200]);

    // More members than a statement compares keys.
    let members: Vec<Value> =
        expected("1").iter().filter(|id| id.starts_with("A.")).map(|id| json!({ "value": id })).collect();
    database.change("INSERT INTO Role VALUES ('ACME', 'All')");
    scim.put("/Groups/ACME.All", &json!({ "displayName": "All", "members": members }))
        .is_error(400, "invalidValue");
    let move_all =
        "DELETE FROM Phone; DELETE FROM UserRole; UPDATE Employee SET Tenant = 'ACME', DeptNo = NULL;";
    database.change(move_all);
    let members: Vec<Value> = (1..=501).map(|number| json!({ "value": format!("ACME.{number}") })).collect();
    scim.put("/Groups/ACME.All", &json!({ "displayName": "All", "members": members })).is(200);
    assert_eq!(
        database.rows("SELECT count(*) AS n FROM UserRole WHERE RoleCode = 'All'"),
        [json!({ "n": 501 })]
    );
    let group = scim.get("/Groups/ACME.All").is(200);
    assert_eq!(group["members"].as_array().unwrap().len(), 501);
    gateway.is_sound();
}

/// Keys that the mapping makes or the client names, and references from them to others of several columns.
#[test]
fn keys_that_are_given() {
    given_keys(&sqlite());
}

pub fn given_keys(database: &Database) {
    let (mut gateway, scim) = served(database);
    let ann = made(&scim, "/Users", &person("ann", "ACME"));
    let group = made(&scim, "/Groups", &json!({ "displayName": "Staff" }));
    let holder = |id: &str| json!({ "serialNumber": "S1", "holder": { "value": id } });
    let device = made(&scim, "/Devices", &holder(&ann));
    assert_eq!(device.len(), 36);
    let path = format!("/Devices/{device}");
    let row = || database.rows("SELECT Guid, HolderTenant, HolderKey FROM Device")[0].clone();
    assert!(row()["Guid"].as_str().unwrap().eq_ignore_ascii_case(&device), "{device}");
    assert_eq!((&row()["HolderTenant"], &row()["HolderKey"]), (&json!("ACME"), &json!("2")));
    let leads =
        |body: Value| body["holder"]["$ref"].as_str().map(|to| to.rsplit("/v2").next().unwrap().to_owned());
    assert!(leads(scim.get(&path).is(200)).unwrap().ends_with("/Users/ACME.2"));
    assert!(leads(scim.put(&path, &holder(&group)).is(200)).unwrap().ends_with("/Groups/ACME.Staff"));
    assert_eq!(row()["HolderKey"], "Staff");
    assert_eq!(ids(&scim.find("/Devices", "holder.value eq \"ACME.Staff\"").is(200)), [device.as_str()]);
    assert_eq!(ids(&scim.find("/Devices", "not (holder.value eq \"ACME.2\")").is(200)), [device.as_str()]);
    // What leads to nobody, and what is half, is none.
    database.change("UPDATE Device SET HolderKey = 'gone'");
    assert_eq!(leads(scim.get(&path).is(200)), None);
    database.change("UPDATE Device SET HolderKey = NULL");
    assert_eq!(leads(scim.get(&path).is(200)), None);
    assert_eq!(scim.find("/Devices", "holder pr").is(200)["totalResults"], 0);
    scim.put(&path, &json!({ "serialNumber": "S1" })).is(200);
    let other_case =
        if device == device.to_uppercase() { device.to_lowercase() } else { device.to_uppercase() };
    scim.get(&format!("/Devices/{other_case}")).is_error(404, "");

    // The client's own key: case is kept, other cases are no id, and it is not changed.
    let site = made(&scim, "/Sites", &json!({ "code": "Hq/1", "town": "Ulm" }));
    assert_eq!(site, "Hq/1");
    assert_eq!(scim.get("/Sites/Hq%2F1").is(200)["town"], "Ulm");
    scim.get("/Sites/HQ%2F1").is_error(404, "");
    scim.delete("/Sites/HQ%2F1").is_error(404, "");
    scim.post("/Sites", &json!({ "code": "HQ/1" })).is_error(409, "uniqueness");
    scim.put("/Sites/Hq%2F1", &json!({ "code": "Hq/2" })).is_error(400, "mutability");
    scim.patch("/Sites/Hq%2F1", &operation("replace", "town", json!("Bonn"))).is(200);
    assert_eq!(database.rows("SELECT * FROM Site"), [json!({ "Code": "Hq/1", "Town": "Bonn" })]);
    for nowhere in ["", ".", ".."] {
        scim.post("/Sites", &json!({ "code": nowhere })).is_error(400, "invalidValue");
    }
    gateway.is_sound();
}

/// References that no two rows may have, and what stands in the columns of those that lead to nobody.
#[test]
fn desks_of_one_and_of_nobody() {
    desks(&sqlite());
}

pub fn desks(database: &Database) {
    let (mut gateway, scim) = served(database);
    let [ann, ben] = ["ann", "ben"].map(|login| made(&scim, "/Users", &person(login, "ACME")));
    let group = made(&scim, "/Groups", &json!({ "displayName": "Staff" }));
    let desk = |label: &str, holder: &str| json!({ "label": label, "holder": { "value": holder } });
    let first = made(&scim, "/Desks", &desk("first", &ann));
    let path = format!("/Desks/{first}");
    let row = || {
        database.rows("SELECT HolderNo, KeeperNo, LenderTenant, LenderKey FROM Desk WHERE Label = 'first'")[0]
            .clone()
    };
    let nobody =
        |holder: u64| json!({ "HolderNo": holder, "KeeperNo": 0, "LenderTenant": "-", "LenderKey": "-" });
    assert_eq!(row(), nobody(2));
    let bare = scim.get(&path).is(200);
    assert_eq!((bare.get("keeper"), bare.get("lender")), (None, None));

    // One holder has one desk: at creation, by PATCH and by PUT.
    scim.post("/Desks", &desk("second", &ann)).is_error(409, "uniqueness");
    let second = format!("/Desks/{}", made(&scim, "/Desks", &desk("second", &ben)));
    scim.patch(&second, &operation("replace", "holder", json!({ "value": ann }))).is_error(409, "uniqueness");
    scim.put(&second, &desk("second", &ann)).is_error(409, "uniqueness");
    scim.put(&second, &desk("second", &ben)).is(200);
    scim.patch(&second, &operation("replace", "holder", json!({ "value": "B.1" })))
        .is_error(400, "invalidValue");
    assert_eq!(ids(&scim.find("/Desks", &format!("holder.value eq \"{ann}\"")).is(200)), [first.as_str()]);
    let schema = scim.get("/Schemas/urn:example:params:scim:schemas:composite:2.0:Desk").is(200);
    let holder = schema["attributes"].as_array().unwrap().iter().find(|a| a["name"] == "holder").unwrap();
    assert_eq!(holder["uniqueness"], "server");

    // A row that has the number of nobody makes nobody of nobody.
    let zero = "INSERT INTO Employee (EmpNo, Tenant, Login) VALUES (0, 'ACME', 'nobody');";
    match database.is_sqlite() {
        true => database.change(zero),
        false => database
            .change(&format!("SET IDENTITY_INSERT Employee ON; {zero} SET IDENTITY_INSERT Employee OFF;")),
    }
    assert_eq!(scim.get(&path).is(200), bare);
    let found = |filter: &str| scim.find("/Desks", filter).is(200)["totalResults"].as_u64().unwrap();
    for (filter, count) in [
        ("keeper pr", 0),
        ("lender pr", 0),
        ("not (keeper pr)", 2),
        ("not (lender pr)", 2),
        ("keeper.value eq \"ACME.0\"", 0),
        ("not (keeper.value eq \"ACME.0\")", 2),
        ("lender.value eq \"~2d.~2d\"", 0),
        ("lender.value eq \"-.-\"", 0),
        ("keeper.value ne \"ACME.2\"", 0),
    ] {
        assert_eq!(found(filter), count, "{filter}");
    }

    // Somebody comes and goes.
    let before = bare["meta"]["version"].as_str().unwrap().to_owned();
    let leads = json!({ "keeper": { "value": ben }, "lender": { "value": group } });
    let with = scim.patch(&path, &json!([{ "op": "add", "value": leads }])).is(200);
    assert_eq!((&with["keeper"]["value"], &with["lender"]["value"]), (&json!(ben), &json!(group)));
    let held = json!({ "HolderNo": 2, "KeeperNo": 3, "LenderTenant": "ACME", "LenderKey": "Staff" });
    assert_eq!(row(), held);
    assert_eq!([found("keeper pr"), found("lender pr"), found("keeper.value ne \"ACME.2\"")], [1, 1, 1]);
    assert_eq!(found(&format!("keeper.value eq \"{ben}\" and lender.value eq \"{group}\"")), 1);
    let gone = json!([{ "op": "remove", "path": "keeper" }, { "op": "remove", "path": "lender" }]);
    let without = scim.patch(&path, &gone).is(200);
    assert_eq!((row(), without["meta"]["version"].as_str()), (nobody(2), Some(before.as_str())));

    // What is deleted here keeps its holder there.
    scim.delete(&path).is(204);
    let detail = scim.post("/Desks", &desk("third", &ann)).is_error(409, "uniqueness");
    assert!(detail.contains("deleted"), "{detail}");
    gateway.is_sound();
}

#[test]
fn plan_and_doctor_tell_of_all_columns() {
    let database = sqlite();
    let target = database.target("tenants", MAPPING);
    let (told, well) = doctor(std::slice::from_ref(&target), &[]);
    assert!(well, "{told}");
    says(&told, &["User: every table and column is there", "Group: every table and column is there"]);

    let folder = tempfile::tempdir().unwrap();
    let file = write_configuration(folder.path(), &[target]);
    let body = folder.path().join("body.json");
    let plan = |method: &str, path: &str, value: &Value| {
        std::fs::write(&body, value.to_string()).unwrap();
        let done = run(gantry()
            .args(["plan", "--target", "tenants", "--config"])
            .arg(&file)
            .args([method, path])
            .arg(&body));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let mut ann = person("ann", "ACME");
    ann["nickName"] = json!("x");
    let printed = plan("POST", "/Users", &ann);
    says(&printed, &["its (Tenant, EmpNo) is :id.Tenant, :id.EmpNo below", "--   returns :id.EmpNo"]);
    by_hand::carry_out(&database, &printed);
    by_hand::carry_out(
        &database,
        &plan("POST", "/Groups", &json!({ "displayName": "G", "members": [{ "value": "ACME.2" }] })),
    );
    assert_eq!(
        database.rows("SELECT Tenant, EmpNo FROM UserRole WHERE RoleCode = 'G'"),
        [json!({ "Tenant": "ACME", "EmpNo": 2 })]
    );
    by_hand::carry_out(
        &database,
        &plan(
            "PATCH",
            "/Users/ACME.2",
            &json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": operation("add", "phoneNumbers", json!([{ "type": "work", "value": "+1" }])),
            }),
        ),
    );
    assert_eq!(
        database.rows("SELECT Tenant, EmpNo, Num FROM Phone"),
        [json!({ "Tenant": "ACME", "EmpNo": 2, "Num": "+1" })]
    );
    drop(folder);

    // An id that two rows may have is none.
    let fewer = include_str!("../mappings/composite/database.sql")
        .replace("PRIMARY KEY (Tenant, RoleCode));", "PRIMARY KEY (Tenant, RoleCode, Rank));")
        .replace(
            "CREATE TABLE Role (Tenant TEXT NOT NULL,",
            "CREATE TABLE Role (Rank INTEGER, Tenant TEXT NOT NULL,",
        )
        .replace("INTO Role VALUES (", "INTO Role VALUES (1, ")
        .replace(", UNIQUE (Tenant, HolderNo)", "")
        .replace("CREATE INDEX UserRoleOfEmployee ON UserRole (Tenant, EmpNo);", "");
    let (told, well) = doctor(&[Database::holding(&fewer).target("tenants", MAPPING)], &[]);
    assert!(!well, "{told}");
    says(
        &told,
        &[
            "Group: the id is made of (Tenant, RoleCode), and no key or UNIQUE constraint of Role says",
            "Desk: (Tenant, HolderNo) is said to be unique, and no UNIQUE constraint of Desk says so",
            "User: no index of UserRole begins with (Tenant, EmpNo)",
        ],
    );
}

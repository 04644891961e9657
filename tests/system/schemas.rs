//! A resource type and an extension of a mapping's own (`tests/mappings/lending`), through their whole life on
//! SQLite, which is looked into with `sqlite3`; and what the discovery endpoints say of them.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::Gateway;
use crate::support::scim::{Scim, encoded};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const DEVICE: &str = "urn:example:params:scim:schemas:lending:2.0:Device";
const BORROWER: &str = "urn:example:params:scim:schemas:lending:2.0:Borrower";

/// A lending desk, open.
struct Desk {
    database: Database,
    _gateway: Gateway,
    scim: Scim,
}

impl Desk {
    fn open(more: &str) -> Self {
        let database = Database::holding(include_str!("../mappings/lending/database.sql"));
        let target = database.target("desk", "../tests/mappings/lending");
        let gateway = Gateway::serve(&[target.replacen("\n[target.", &format!("\n{more}\n[target."), 1)]);
        let scim = gateway.target("desk");
        Self { database, _gateway: gateway, scim }
    }

    fn borrower(&self, login: &str) -> Value {
        let body =
            json!({ "schemas": [USER, BORROWER], "userName": login, BORROWER: { "costCentre": "cc1" } });
        self.scim.post("/Users", &body).is(201)
    }

    fn device(&self, serial: &str) -> Value {
        self.scim.post("/Devices", &json!({ "schemas": [DEVICE], "serialNumber": serial })).is(201)
    }
}

fn path(endpoint: &str, resource: &Value) -> String {
    format!("/{endpoint}/{}", resource["id"].as_str().unwrap())
}

#[test]
fn a_device_lives() {
    let desk = Desk::open("");
    let (scim, database) = (&desk.scim, &desk.database);
    let ada = desk.borrower("ada");
    let body = json!({
        "schemas": [DEVICE], "serialNumber": "X-1", "externalId": "A17", "label": "drill", "price": 129.95,
        "weightGrams": 1800, "insured": true, "boughtAt": "2026-01-31T13:00:00+01:00",
        "manual": "https://example.test/drill.pdf", "certificate": "/+8", "condition": "new",
        "tags": ["loud", "heavy"], "location": { "building": "A", "room": "1" },
        "parts": [{ "value": "bit", "price": 2.5 }, { "value": "case", "price": 10 }],
        "borrower": { "value": ada["id"] }, "notMapped": "lost",
    });
    let answer = scim.post("/Devices", &body);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let made = answer.is(201);
    assert_eq!(made["meta"]["location"], location);
    assert_eq!((&made["schemas"], &made["meta"]["resourceType"]), (&json!([DEVICE]), &json!("Device")));
    // Returned because it was written; in the base64 that has its padding.
    assert_eq!(made["certificate"], "/+8=");
    assert_eq!(made["borrower"]["$ref"], ada["meta"]["location"]);
    let read = scim.get(&path("Devices", &made)).is(200);
    assert_eq!(read.get("certificate"), None);
    for (name, value) in [
        ("externalId", json!("A17")),
        ("price", json!(129.95)),
        ("weightGrams", json!(1800)),
        ("insured", json!(true)),
        ("boughtAt", json!("2026-01-31T12:00:00Z")),
        ("manual", json!("https://example.test/drill.pdf")),
        ("condition", json!("new")),
        ("tags", json!(["heavy", "loud"])),
        ("location", json!({ "building": "A", "room": "1" })),
        ("parts", json!([{ "value": "bit", "price": 2.5 }, { "value": "case", "price": 10.0 }])),
        ("notMapped", Value::Null),
    ] {
        let mut found = read[name].clone();
        if name == "tags" {
            found.as_array_mut().unwrap().sort_by_key(Value::to_string);
        }
        assert_eq!(found, value, "{name}");
    }
    let row = &database
        .rows("SELECT Price, typeof(Price) AS T, hex(Certificate) AS C, ConditionCd, BoughtAt FROM Device")
        [0];
    assert_eq!(
        (&row["Price"], &row["T"], &row["C"], &row["ConditionCd"], &row["BoughtAt"]),
        (&json!(129.95), &json!("real"), &json!("FFEF"), &json!("N"), &json!("2026-01-31T12:00:00Z"))
    );
    assert_eq!(database.rows("SELECT Tag FROM DeviceTag").len(), 2);

    // The other way round, from the extension.
    let borrows = scim.get(&path("Users", &ada)).is(200)[BORROWER]["devices"].clone();
    assert_eq!(borrows, json!([{ "value": made["id"], "$ref": made["meta"]["location"] }]));

    change(&desk, &made);
    replace(&desk, &made);
    scim.delete(&path("Devices", &made)).is(204);
    scim.get(&path("Devices", &made)).is_error(404, "");
    for table in ["Device", "DeviceTag", "Part"] {
        assert_eq!(database.rows(&format!("SELECT * FROM {table}")).len(), 0, "{table}");
    }
}

fn change(desk: &Desk, made: &Value) {
    let device = path("Devices", made);
    let changed = desk.scim.patch(
        &device,
        &json!([
            { "op": "add", "path": "tags", "value": ["loud", "new"] },
            { "op": "remove", "path": "tags[value eq \"heavy\"]" },
            { "op": "replace", "path": format!("{DEVICE}:location.room"), "value": "2" },
            { "op": "replace", "path": "parts[value eq \"bit\"].price", "value": 3 },
            { "op": "replace", "value": { "condition": "used", "price": 99 } },
            { "op": "remove", "path": "boughtAt" },
        ]),
    );
    let changed = changed.is(200);
    assert_eq!(changed["location"], json!({ "building": "A", "room": "2" }));
    let mut tags = desk.database.rows("SELECT Tag FROM DeviceTag ORDER BY Tag");
    tags.iter_mut().for_each(|row| *row = row["Tag"].take());
    assert_eq!(tags, ["loud", "new"]);
    assert_eq!(
        desk.database.rows("SELECT ConditionCd, Price, BoughtAt, Room FROM Device"),
        [json!({ "ConditionCd": "U", "Price": 99, "BoughtAt": null, "Room": "2" })]
    );
    let parts = desk.database.rows("SELECT Name, Price FROM Part ORDER BY Name");
    assert_eq!(parts, [json!({ "Name": "bit", "Price": 3 }), json!({ "Name": "case", "Price": 10 })]);
    let none = json!([{ "op": "remove", "path": "tags", "value": ["loud"] }]);
    assert_eq!(desk.scim.patch(&device, &none).is(200)["tags"], json!(["new"]));

    for (operation, kind) in [
        (json!({ "op": "replace", "path": "serialNumber", "value": "X-2" }), "mutability"),
        (json!({ "op": "replace", "path": "notMapped", "value": "x" }), "invalidPath"),
        (json!({ "op": "replace", "path": "price", "value": "dear" }), "invalidValue"),
        (json!({ "op": "remove", "path": "parts[price gt 5].value" }), "mutability"),
        (json!({ "op": "add", "path": "parts", "value": [{ "price": 1 }] }), "invalidValue"),
        (json!({ "op": "replace", "path": "meta.created", "value": "2026-01-31T12:00:00Z" }), "mutability"),
    ] {
        desk.scim.patch(&device, &json!([operation])).is_error(400, kind);
    }
    let created = &made["meta"]["created"];
    assert_eq!(changed["meta"]["created"], *created);
    let old =
        desk.scim.find("/Devices", &format!("meta.created le {created} and meta.lastModified ge {created}"));
    assert_eq!(old.is(200)["totalResults"], 1);
}

fn replace(desk: &Desk, made: &Value) {
    let device = path("Devices", made);
    let other = desk.device("X-9");
    // A reference by the URI that answers have; and by one that leads elsewhere.
    let body = |spare: &Value| json!({ "schemas": [DEVICE], "serialNumber": "X-1", "spareFor": spare });
    let replaced = desk.scim.put(&device, &body(&other["meta"]["location"])).is(200);
    assert_eq!(replaced["spareFor"], other["meta"]["location"]);
    let id = other["id"].as_str().unwrap();
    assert_eq!(
        desk.database.rows("SELECT CAST(SpareForId AS TEXT) AS S FROM Device WHERE SerialNo = 'X-1'")[0]["S"],
        id
    );
    let by_uri = format!("spareFor eq {}", other["meta"]["location"]);
    assert_eq!(desk.scim.find("/Devices", &by_uri).is(200)["totalResults"], 1);
    desk.scim.put(&device, &body(&json!(format!("../Users/{id}")))).is_error(400, "invalidValue");
    desk.scim.put(&device, &body(&json!("/Devices/999"))).is_error(400, "invalidValue");
    // What the body does not mention is gone; what may not change must be the same.
    let row = &desk.database.rows("SELECT * FROM Device WHERE SerialNo = 'X-1'")[0];
    assert_eq!(
        (&row["Price"], &row["Label"], &row["Certificate"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(desk.database.rows("SELECT * FROM DeviceTag").len(), 0);
    let renamed = json!({ "schemas": [DEVICE], "serialNumber": "X-2" });
    desk.scim.put(&device, &renamed).is_error(400, "mutability");
    desk.scim.put(&device, &json!({ "schemas": [DEVICE], "serialNumber": "X-1" })).is(200);
    desk.scim.delete(&path("Devices", &other)).is(204);
}

#[test]
fn an_extension_lives() {
    let desk = Desk::open("");
    let scim = &desk.scim;
    let bare = json!({ "schemas": [USER], "userName": "bob" });
    assert!(scim.post("/Users", &bare).is_error(400, "invalidValue").contains(BORROWER));
    let poor = json!({ "schemas": [USER, BORROWER], "userName": "bob", BORROWER: { "limit": 1 } });
    assert!(scim.post("/Users", &poor).is_error(400, "invalidValue").contains("costCentre"));

    let ada = json!({
        "schemas": [USER, BORROWER], "userName": "ada",
        BORROWER.to_uppercase(): { "COSTCENTRE": "cc7", "limit": 0.1, "pin": "1234", "devices": [{ "value": "1" }] },
    });
    let ada = scim.post("/Users", &ada).is(201);
    assert_eq!(ada["schemas"], json!([USER, BORROWER]));
    assert_eq!(ada[BORROWER], json!({ "costCentre": "cc7", "limit": 0.1 }));
    desk.borrower("bob");
    assert_eq!(
        desk.database.rows("SELECT Pin, CreditLimit FROM Person WHERE Login = 'ada'"),
        [json!({ "Pin": "1234", "CreditLimit": 0.1 })]
    );

    let user = path("Users", &ada);
    for (filter, found) in [
        (format!("{BORROWER}:costCentre eq \"cc7\""), 1),
        (format!("{BORROWER}:costCentre eq \"CC7\""), 0),
        (format!("{}:limit lt 1", BORROWER.to_uppercase()), 1),
        (format!("not ({BORROWER}:limit pr)"), 1),
        (format!("{USER}:userName sw \"a\" and {BORROWER}:costCentre pr"), 1),
    ] {
        assert_eq!(scim.find("/Users", &filter).is(200)["totalResults"], found, "{filter}");
    }
    for wrong in
        [format!("{BORROWER}:nothing pr"), format!("{BORROWER}:pin eq \"1234\""), format!("{BORROWER} pr")]
    {
        scim.find("/Users", &wrong).is_error(400, "invalidFilter");
    }
    for (query, shown) in [
        (format!("attributes={BORROWER}:limit"), json!({ "limit": 0.1 })),
        (format!("attributes={BORROWER}"), json!({ "costCentre": "cc7", "limit": 0.1 })),
        (format!("excludedAttributes={BORROWER}:limit"), json!({ "costCentre": "cc7" })),
        (format!("excludedAttributes={BORROWER}"), Value::Null),
        ("attributes=userName".to_owned(), Value::Null),
    ] {
        assert_eq!(scim.get(&format!("{user}?{query}")).is(200)[BORROWER], shown, "{query}");
    }
    for (operation, now) in [
        (
            json!({ "op": "replace", "path": format!("{BORROWER}:costCentre"), "value": "cc8" }),
            json!(["cc8", 0.1]),
        ),
        (json!({ "op": "add", "value": { format!("{BORROWER}:limit"): 5 } }), json!(["cc8", 5])),
        (json!({ "op": "add", "path": BORROWER, "value": { "costCentre": "cc9" } }), json!(["cc9", 5])),
        (json!({ "op": "add", "value": { BORROWER: { "limit": 6 } } }), json!(["cc9", 6])),
        (json!({ "op": "remove", "path": format!("{BORROWER}:limit") }), json!(["cc9", null])),
    ] {
        scim.patch(&user, &json!([operation])).is(200);
        let row = &desk.database.rows("SELECT * FROM Person WHERE Login = 'ada'")[0];
        assert_eq!(json!([row["CostCentre"], row["CreditLimit"]]), now, "{operation}");
    }
    // It is required, and so is what it consists of.
    for path in [BORROWER, &format!("{BORROWER}:costCentre")] {
        scim.patch(&user, &json!([{ "op": "remove", "path": path }])).is_error(400, "mutability");
    }
    let read_only = json!([{ "op": "remove", "path": format!("{BORROWER}:devices") }]);
    scim.patch(&user, &read_only).is_error(400, "mutability");
    let body = json!({ "schemas": [USER, BORROWER], "userName": "ada", BORROWER: { "costCentre": "x" } });
    assert_eq!(scim.put(&user, &body).is(200)[BORROWER], json!({ "costCentre": "x" }));
    let body = json!({ "schemas": [USER, BORROWER], "userName": "ada", BORROWER: { "costCentre": "x", "pin": "9" } });
    assert_eq!(scim.put(&user, &body).is(200)[BORROWER], json!({ "costCentre": "x" }));
    assert_eq!(desk.database.rows("SELECT Pin FROM Person WHERE Login = 'ada'"), [json!({ "Pin": "9" })]);
    scim.delete(&user).is(204);
    assert_eq!(desk.database.rows("SELECT Login FROM Person"), [json!({ "Login": "bob" })]);

    // Another type's reference goes with what it leads to.
    let bob = &scim.find("/Users", "userName eq \"bob\"").is(200)["Resources"][0];
    let lent = json!({ "schemas": [DEVICE], "serialNumber": "1", "borrower": bob["id"] });
    let lent = scim.post("/Devices", &lent).is(201);
    assert_eq!(lent["borrower"]["value"], bob["id"]);
    assert_eq!(scim.find("/Devices", &format!("borrower eq {}", bob["id"])).is(200)["totalResults"], 1);
    assert_eq!(
        scim.find("/Users", &format!("{BORROWER}:devices eq {}", lent["id"])).is(200)["totalResults"],
        1
    );
    scim.delete(&path("Users", bob)).is(204);
    assert_eq!(scim.get(&path("Devices", &lent)).is(200)["borrower"], Value::Null);
}

#[test]
fn what_a_type_cannot_hold_is_refused() {
    let desk = Desk::open("");
    for (name, value) in [
        ("price", json!("12")),
        ("price", json!(12_345_678_901_234_567_890_u64)),
        ("weightGrams", json!(1.5)),
        ("insured", json!("perhaps")),
        ("boughtAt", json!("yesterday")),
        ("boughtAt", json!("9999-12-31T23:59:59-01:00")),
        ("manual", json!("no URI")),
        ("certificate", json!("not base64!")),
        ("condition", json!("lost")),
        ("tags", json!([1])),
        ("location", json!("A")),
        ("parts", json!([{ "price": 1 }])),
        ("label", json!("more than twenty characters")),
        ("borrower", json!({ "value": "77" })),
        ("spareFor", json!("77")),
    ] {
        let detail = desk
            .scim
            .post("/Devices", &json!({ "schemas": [DEVICE], "serialNumber": "1", name: value }))
            .is_error(400, "invalidValue");
        assert!(detail.contains(name), "{name} {value}: {detail}");
    }
    for filter in ["price eq \"x\"", "boughtAt gt \"soon\"", "certificate eq \"!\"", "tags.value eq \"x\""] {
        desk.scim.find("/Devices", filter).is_error(400, "invalidFilter");
    }
    for op in ["gt", "ge", "lt", "le"] {
        desk.scim.find("/Devices", &format!("certificate {op} \"AAAA\"")).is_error(400, "invalidFilter");
        desk.scim.find("/Devices", &format!("insured {op} true")).is_error(400, "invalidFilter");
    }
    assert_eq!(desk.database.rows("SELECT * FROM Device").len(), 0);
    desk.device("1");
    desk.scim
        .post("/Devices", &json!({ "schemas": [DEVICE], "serialNumber": "1" }))
        .is_error(409, "uniqueness");
}

#[test]
fn values_of_every_type_are_found() {
    let desk = Desk::open("");
    let body = json!({
        "schemas": [DEVICE], "serialNumber": "X-1", "label": "drill", "price": 129.95, "weightGrams": 1800, "insured": true,
        "boughtAt": "2026-01-31T12:00:00Z", "certificate": "/+8=", "condition": "used", "tags": ["loud", "heavy"],
        "location": { "room": "1" }, "parts": [{ "value": "bit", "price": 2.5 }],
    });
    let drill = desk.scim.post("/Devices", &body).is(201);
    desk.device("X-2");
    let parts = json!([{ "value": "belt", "price": 1 }, { "value": "blade", "price": 2 }]);
    let body = json!({ "schemas": [DEVICE], "serialNumber": "X-3", "tags": ["quiet"], "parts": parts });
    desk.scim.post("/Devices", &body).is(201);
    for (filter, found) in [
        ("price eq 129.95", 1),
        ("price gt 129 and weightGrams le 1800", 1),
        ("insured eq true", 1),
        ("boughtAt eq \"2026-01-31T13:00:00+01:00\"", 1),
        ("boughtAt lt \"9999-12-31T23:59:59-01:00\"", 1),
        ("certificate eq \"/+8\"", 1),
        ("condition eq \"used\"", 1),
        ("condition pr", 1),
        ("tags eq \"LOUD\"", 1),
        ("tags[value sw \"hea\"]", 1),
        ("location.room eq \"1\"", 1),
        ("parts[value eq \"bit\" and price lt 3]", 1),
        ("parts.price gt 3", 0),
        // Of one and the same part, and of any.
        ("parts[value eq \"blade\" and price lt 2]", 0),
        ("parts.value eq \"blade\" and parts.price lt 2", 1),
        ("serialNumber eq \"x-1\"", 0),
        ("not (tags pr)", 1),
    ] {
        let list = desk.scim.find("/Devices", filter).is(200);
        assert_eq!(list["totalResults"], found, "{filter}");
    }
    // What is always returned, and what only by its name.
    let device = path("Devices", &drill);
    let mut asked = desk.scim.get(&format!("{device}?attributes=certificate")).is(200);
    assert_eq!(asked["certificate"], "/+8=");
    assert_eq!(asked["serialNumber"], "X-1");
    assert_eq!(asked["price"].take(), Value::Null);
    let rest = desk.scim.get(&format!("{device}?excludedAttributes=serialNumber,label")).is(200);
    assert_eq!((&rest["serialNumber"], &rest["label"]), (&json!("X-1"), &Value::Null));
}

#[test]
fn what_cannot_be_changed_can_be_set_once() {
    let desk = Desk::open("");
    let with_model =
        |model: &str| json!({ "schemas": [DEVICE], "serialNumber": "X-1", "label": "drill", "model": model });
    let made = path("Devices", &desk.device("X-1"));
    assert_eq!(desk.scim.put(&made, &with_model("M1")).is(200)["model"], "M1");
    desk.scim.put(&made, &with_model("M2")).is_error(400, "mutability");
    assert_eq!(desk.scim.put(&made, &with_model("M1")).is(200)["model"], "M1");
    let set = |model: &str| json!([{ "op": "add", "path": "model", "value": model }]);
    let other = path("Devices", &desk.device("X-2"));
    assert_eq!(desk.scim.patch(&other, &set("M1")).is(200)["model"], "M1");
    desk.scim.patch(&other, &set("M2")).is_error(400, "mutability");
    assert_eq!(desk.database.rows("SELECT DISTINCT Model FROM Device"), [json!({ "Model": "M1" })]);
}

#[test]
fn an_answer_to_a_write_has_the_attributes_that_are_asked_for() {
    let desk = Desk::open("");
    let mut body = json!({ "schemas": [DEVICE], "serialNumber": "X-1", "label": "drill", "price": 2.5 });
    let made = desk.scim.post("/Devices?attributes=label", &body).is(201);
    let id = &made["id"];
    assert_eq!(made, json!({ "schemas": [DEVICE], "id": id, "serialNumber": "X-1", "label": "drill" }));
    body["price"] = 3.5.into();
    let without = format!("{}?excludedAttributes=serialNumber,label,meta", path("Devices", &made));
    let expected = json!({ "schemas": [DEVICE], "id": id, "serialNumber": "X-1", "price": 3.5 });
    assert_eq!(desk.scim.put(&without, &body).is(200), expected);
    let operations = json!([{ "op": "replace", "path": "label", "value": "saw" }]);
    assert_eq!(desk.scim.patch(&without, &operations).is(200), expected);
}

/// Nobody has to say which schemas a resource has, and nobody can say it otherwise.
#[test]
fn schemas_follow_from_the_data() {
    let gateway = Gateway::demo("plain", &[]);
    let scim = gateway.target("plain");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let user = path("Users", &scim.post("/Users", &json!({ "userName": "ada" })).is(201));
    let cost_center = format!("{enterprise}:costCenter");
    for (operations, schemas) in [
        (json!([{ "op": "add", "path": cost_center, "value": "1" }]), json!([USER, enterprise])),
        (
            json!([
                { "op": "remove", "path": "schemas" },
                { "op": "replace", "path": cost_center, "value": "2" },
            ]),
            json!([USER, enterprise]),
        ),
        (json!([{ "op": "remove", "path": cost_center }]), json!([USER])),
        (
            json!([
                { "op": "add", "path": "schemas", "value": [enterprise] },
                { "op": "add", "path": cost_center, "value": "3" },
            ]),
            json!([USER, enterprise]),
        ),
    ] {
        assert_eq!(scim.patch(&user, &operations).is(200)["schemas"], schemas, "{operations}");
    }
    assert_eq!(scim.get(&user).is(200)[enterprise], json!({ "costCenter": "3" }));
}

#[test]
fn discovery_tells_of_them() {
    let desk = Desk::open("");
    let scim = &desk.scim;
    let device = scim.get(&format!("/Schemas/{}", DEVICE.to_uppercase())).is(200);
    assert_eq!((&device["id"], &device["name"]), (&json!(DEVICE), &json!("Device")));
    assert_eq!(device["description"], "A thing that is lent out");
    let of = |schema: &Value, name: &str| {
        let found = schema["attributes"].as_array().unwrap().iter().find(|a| a["name"] == name);
        found.cloned().unwrap_or_default()
    };
    let serial = of(&device, "serialNumber");
    for (key, value) in [
        ("type", json!("string")),
        ("required", json!(true)),
        ("caseExact", json!(true)),
        ("mutability", json!("immutable")),
        ("uniqueness", json!("server")),
        ("multiValued", json!(false)),
    ] {
        assert_eq!(serial[key], value, "{key}");
    }
    assert_eq!(of(&device, "condition")["canonicalValues"], json!(["new", "used", "broken"]));
    assert_eq!(of(&device, "certificate")["returned"], "request");
    assert_eq!(of(&device, "manual")["referenceTypes"], json!(["external"]));
    assert_eq!(of(&device, "borrower")["subAttributes"][1]["referenceTypes"], json!(["User"]));
    assert_eq!(
        (of(&device, "tags")["multiValued"].clone(), of(&device, "notMapped")),
        (json!(true), Value::Null)
    );
    let borrower = scim.get(&format!("/Schemas/{BORROWER}")).is(200);
    assert_eq!(of(&borrower, "pin")["mutability"], "writeOnly");
    assert_eq!(of(&borrower, "pin")["returned"], "never");
    assert_eq!(of(&borrower, "devices")["mutability"], "readOnly");

    let kind = scim.get("/ResourceTypes/Device").is(200);
    assert_eq!(
        (&kind["endpoint"], &kind["schema"], &kind["schemaExtensions"]),
        (&json!("/Devices"), &json!(DEVICE), &json!([]))
    );
    let user = scim.get("/ResourceTypes/User").is(200);
    assert_eq!(user["schemaExtensions"], json!([{ "schema": BORROWER, "required": true }]));

    let all = scim.get("/Schemas").is(200);
    let ids: Vec<&str> =
        all["Resources"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    let core = |name: &str| format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
    let services = ["ServiceProviderConfig", "ResourceType", "Schema"].map(core);
    assert_eq!(ids, [&[USER, BORROWER, DEVICE][..], &services.each_ref().map(String::as_str)].concat());
    // Each of them has what its own schema says.
    for (path, schema) in [("/ServiceProviderConfig", &services[0]), ("/ResourceTypes/User", &services[1])] {
        let schema = scim.get(&format!("/Schemas/{schema}")).is(200);
        for (name, value) in scim.get(path).is(200).as_object().unwrap() {
            if !["schemas", "meta", "id"].contains(&name.as_str()) {
                assert_eq!(of(&schema, name)["multiValued"], value.is_array(), "{path} {name}");
            }
        }
    }
}

#[test]
fn discovery_takes_no_filter_and_is_only_read() {
    let desk = Desk::open("");
    for path in
        ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Schemas/x", "/ResourceTypes/Device"]
    {
        desk.scim.find(path, "id pr").is_error(403, "");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let body = json!({});
            let answer = desk.scim.send(method, path, Some(&body).filter(|_| method != "DELETE"));
            answer.is_error(405, "");
            assert_eq!(answer.headers["allow"], "GET", "{method} {path}");
        }
    }
    for path in
        ["/Schemas/urn:example:none", "/ResourceTypes/Printer", "/ServiceProviderConfig/1", "/Printers"]
    {
        desk.scim.get(path).is_error(404, "");
    }
    // RFC 7644 §4: sorting, paging and projection are ignored.
    assert_eq!(desk.scim.get("/Schemas?count=1&sortBy=id").is(200), desk.scim.get("/Schemas").is(200));
    for (method, path, allow) in [
        ("PUT", "/Devices", "GET, POST"),
        ("PATCH", "/Devices", "GET, POST"),
        ("DELETE", "/Devices", "GET, POST"),
        ("POST", "/Devices/1", "GET, PUT, PATCH, DELETE"),
    ] {
        let body = json!({});
        let answer = desk.scim.send(method, path, Some(&body).filter(|_| method != "DELETE"));
        answer.is_error(405, "");
        assert_eq!(answer.headers["allow"], allow, "{method} {path}");
    }
}

#[test]
fn what_is_only_read_is_advertised_so() {
    let desk = Desk::open("mode = \"read-only\"");
    desk.database.change("INSERT INTO Person (Login, CostCentre) VALUES ('ada', 'cc1')");
    assert_eq!(desk.scim.get("/ServiceProviderConfig").is(200)["patch"]["supported"], false);
    for schema in desk.scim.get("/Schemas").is(200)["Resources"].as_array().unwrap() {
        for attribute in schema["attributes"].as_array().unwrap() {
            assert_eq!(attribute["mutability"], "readOnly", "{}", attribute["name"]);
            assert_ne!(attribute["name"], "pin");
            for sub in attribute["subAttributes"].as_array().into_iter().flatten() {
                assert_eq!(sub["mutability"], "readOnly", "{}.{}", attribute["name"], sub["name"]);
            }
        }
    }
    let found = desk.scim.get(&format!("/Users?filter={}", encoded("userName eq \"ada\""))).is(200);
    assert_eq!(found["totalResults"], 1);
}

#[test]
fn they_live_in_a_directory_too() {
    let directory = Directory::start();
    let gateway = Gateway::serve(&[directory.target("desk", "../tests/mappings/lending-ldap")]);
    let scim = gateway.target("desk");
    let ada = json!({
        "schemas": [USER, BORROWER], "userName": "ada",
        BORROWER: { "room": "1", "vehicles": ["A 1", "B 2"] },
    });
    let ada = scim.post("/Users", &ada).is(201);
    let eve = json!({ "schemas": [USER, BORROWER], "userName": "eve", BORROWER: { "photo": "/+8" } });
    assert_eq!(scim.post("/Users", &eve).is(201)[BORROWER], json!({ "photo": "/+8=" }));
    assert_eq!(directory.person("eve").unwrap().one("jpegPhoto"), Some("/+8="));
    let eve = path("Users", &scim.find("/Users", "userName eq \"eve\"").is(200)["Resources"][0]);
    for (operation, photo) in [
        (json!({ "op": "replace", "path": format!("{BORROWER}:photo"), "value": "/+7/" }), Some("/+7/")),
        (json!({ "op": "remove", "path": format!("{BORROWER}:photo") }), None),
    ] {
        scim.patch(&eve, &json!([operation])).is(200);
        assert_eq!(directory.person("eve").unwrap().one("jpegPhoto"), photo);
    }
    let entry = directory.person("ada").unwrap();
    // A directory's values have no order.
    let vehicles: std::collections::BTreeSet<&str> =
        entry.all("carLicense").iter().map(String::as_str).collect();
    assert_eq!((entry.one("roomNumber"), vehicles), (Some("1"), ["A 1", "B 2"].into()));
    let body = json!({ "schemas": [DEVICE], "label": "drill", "serialNumber": "X-1", "tags": ["loud", "heavy"], "borrower": ada["id"] });
    let drill = scim.post("/Devices", &body).is(201);
    assert_eq!(drill["borrower"], json!({ "value": ada["id"], "$ref": ada["meta"]["location"] }));
    assert_eq!(directory.group("drill").unwrap().one("owner"), Some("uid=ada,ou=people,dc=example,dc=test"));
    scim.post("/Devices", &body).is_error(409, "uniqueness");

    let device = path("Devices", &drill);
    let operations = json!([
        { "op": "remove", "path": "tags", "value": ["heavy"] },
        { "op": "add", "path": format!("{DEVICE}:tags"), "value": "new" },
        { "op": "replace", "path": "label", "value": "big drill" },
    ]);
    assert_eq!(scim.patch(&device, &operations).is(200)["label"], "big drill");
    let mut tags = directory.group("big drill").unwrap().all("description").to_vec();
    tags.sort();
    assert_eq!(tags, ["loud", "new"]);
    let operations = json!([
        { "op": "replace", "path": format!("{BORROWER}:room"), "value": "2" },
        { "op": "remove", "path": format!("{BORROWER}:vehicles[value sw \"A\"]") },
    ]);
    scim.patch(&path("Users", &ada), &operations).is(200);
    let entry = directory.person("ada").unwrap();
    assert_eq!((entry.one("roomNumber"), entry.all("carLicense")), (Some("2"), &["B 2".to_owned()][..]));
    for (endpoint, filter, found) in [
        ("/Users", format!("{BORROWER}:room eq \"2\""), 1),
        ("/Users", format!("{BORROWER}:vehicles sw \"b\""), 1),
        ("/Users", format!("{BORROWER}:vehicles[value eq \"A 1\"]"), 0),
        ("/Devices", "tags eq \"LOUD\" and serialNumber eq \"X-1\"".to_owned(), 1),
        ("/Devices", "serialNumber eq \"x-1\"".to_owned(), 0),
        ("/Devices", format!("borrower eq {}", ada["id"]), 1),
        ("/Devices", format!("meta.created le {}", drill["meta"]["created"]), 1),
    ] {
        assert_eq!(scim.find(endpoint, &filter).is(200)["totalResults"], found, "{filter}");
    }
    let body = json!({ "schemas": [USER], "userName": "ada" });
    assert_eq!(scim.put(&path("Users", &ada), &body).is(200)["schemas"], json!([USER]));
    assert_eq!(directory.person("ada").unwrap().one("roomNumber"), None);
    scim.delete(&device).is(204);
    assert_eq!(directory.group("big drill"), None);
}

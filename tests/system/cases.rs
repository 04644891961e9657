//! The project's own cases for the engine, over HTTP on two bare tables: what a filter finds there, and what a PATCH
//! leaves, is what the engine says by itself. A PATCH that is refused leaves everything as it was.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::support::database::Database;
use super::support::gateway::Gateway;
use super::support::scim::Scim;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn document(name: &str) -> Value {
    let file = format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The cases about the core types as they are.
fn cases(document: &Value) -> impl Iterator<Item = &Value> {
    document["cases"].as_array().unwrap().iter().filter(|case| case.get("attributes").is_none())
}

#[test]
fn filters_find_the_same() {
    filters(&Database::of("plain"));
}

pub fn filters(database: &Database) {
    let gateway = Gateway::serve(&[database.target("plain", "plain")]);
    let scim = gateway.target("plain");
    let filters = document("filters.json");
    let resources = &filters["resources"];
    let made = |name: &Value| {
        let person = &resources[name.as_str().unwrap()];
        (text(&person["id"]), text(&scim.post("/Users", person).is(201)["id"]))
    };
    let ids: BTreeMap<String, String> = resources["people"].as_array().unwrap().iter().map(made).collect();
    for case in cases(&filters) {
        let (filter, expected) = (case["filter"].as_str().unwrap(), &case["expect"]);
        // What is read-only is the server's own.
        let is_own = ["meta.created", "meta.lastModified", "manager.displayName"];
        let Some(wanted) = expected["match"]["ids"].as_array() else {
            scim.find("/Users", filter).is_error(400, "invalidFilter");
            continue;
        };
        if is_own.iter().any(|name| filter.contains(name)) {
            continue;
        }
        let filter = ids.iter().fold(filter.to_owned(), |text, (from, to)| text.replace(from, to));
        let list = scim.find("/Users", &filter).is(200);
        let found: Vec<String> =
            list["Resources"].as_array().into_iter().flatten().map(|one| text(&one["id"])).collect();
        let mut wanted: Vec<String> = wanted.iter().map(|id| ids[id.as_str().unwrap()].clone()).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{filter}");
    }
}

#[test]
fn patches_leave_the_same() {
    patches(&Database::of("plain"));
}

pub fn patches(database: &Database) {
    let target = |profile: &str| format!("{}profile = {profile:?}\n", database.target(profile, "plain"));
    let gateway = Gateway::serve(&[target("rfc"), target("entra")]);
    let rfc = gateway.target("rfc");
    let person = |name: &str| text(&rfc.post("/Users", &json!({ "userName": name })).is(201)["id"]);
    let members = ["u1", "u2", "u3"].map(|name| (name, person(name)));
    for case in cases(&document("patch.json")) {
        let scim = if case["rfc"] == "idp-extension" { gateway.target("entra") } else { rfc.clone() };
        match case["resourceType"] == "Group" {
            false => leaves(&scim, "/Users", case),
            true => {
                let named = members.iter().fold(case.to_string(), |text, (from, to)| text.replace(from, to));
                leaves(&scim, "/Groups", &serde_json::from_str(&named).unwrap());
            }
        }
    }
}

#[track_caller]
fn leaves(scim: &Scim, endpoint: &str, case: &Value) {
    let before = scim.post(endpoint, &case["before"]).is(201);
    let path = format!("{endpoint}/{}", text(&before["id"]));
    let answer = scim.send("PATCH", &path, Some(&case["patch"]));
    let after = scim.get(&path).is(200);
    match case.get("error") {
        Some(error) => {
            let kinds = error["scimType"].as_str().unwrap().split('|');
            let kind = kinds.into_iter().find(|kind| answer.body["scimType"] == **kind);
            answer.is_error(400, kind.unwrap_or("another"));
            assert_eq!(after, before, "{case}");
        }
        None => {
            assert!([200, 204].contains(&answer.status), "{case}\n{:#}", answer.body);
            assert_eq!(said(&after), said(&case["after"]), "{case}");
            // What follows from the data: which schemas it is of, and, where nothing changed, the old stamp.
            let has_schema = after["schemas"].as_array().unwrap().contains(&json!(ENTERPRISE));
            assert_eq!(has_schema, case["after"].get(ENTERPRISE).is_some(), "{case}");
            let is_secret = case["patch"].to_string().contains("password");
            let stays = said(&case["before"]) == said(&case["after"]) && !is_secret;
            assert_eq!(stays, after["meta"] == before["meta"], "{case}");
        }
    }
    scim.delete(&path).is(204);
}

/// What a client can have said, in one order: without what the server adds, and without what is nothing.
fn said(value: &Value) -> Value {
    let of_server = ["id", "meta", "schemas", "password", "$ref"];
    let is_nothing = |value: &Value| *value == json!([]) || *value == json!({}) || value.is_null();
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| {
                let is_added = of_server.contains(&key.as_str()) || (*key == "type" && *value == "User");
                let is_absence = *key == "primary" && **value == false;
                !is_added && !is_absence
            });
            let kept = kept.map(|(key, value)| (key.clone(), said(value)));
            kept.filter(|(_, value)| !is_nothing(value)).collect::<BTreeMap<_, _>>().into_iter().collect()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(said).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

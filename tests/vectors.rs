//! Cases against the pure protocol core: filters that must parse or not, and PATCH bodies with the resource that
//! must come of them. The project's own stand in `tests/cases`; other people's are read from `SCIM_VECTORS`,
//! `../shared/vectors` when that is not set, where that folder exists.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // a test may end loudly

use std::path::PathBuf;

use gantry::scim::error::Error;
use gantry::scim::resource::Resource;
use gantry::scim::schema::{self, Attribute, Extension, ResourceType, Type};
use gantry::scim::{filter, patch, resource};
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let folder =
        std::env::var_os("SCIM_VECTORS").map_or_else(|| PathBuf::from("../shared/vectors"), PathBuf::from);
    let mut all = Vec::new();
    for file in [PathBuf::from("tests/cases").join(file), folder.join(file)] {
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                let document: Value = serde_json::from_str(&text).unwrap();
                all.extend(document["cases"].as_array().unwrap().clone());
            }
            Err(cause) => eprintln!("{}: {cause}", file.display()),
        }
    }
    all
}

fn user() -> ResourceType {
    ResourceType {
        name: "User".to_owned(),
        endpoint: "/Users".to_owned(),
        description: String::new(),
        schema: schema::core_user().clone(),
        extensions: vec![Extension { schema: schema::enterprise_user().clone(), required: false }],
    }
}

fn group() -> ResourceType {
    ResourceType {
        name: "Group".to_owned(),
        endpoint: "/Groups".to_owned(),
        description: String::new(),
        schema: schema::core_group().clone(),
        extensions: Vec::new(),
    }
}

#[test]
fn filters_parse_as_others_say() {
    let mut wrong = Vec::new();
    for case in cases("filters.json") {
        let text = case["filter"].as_str().unwrap();
        let parsed = filter::parse(text);
        if parsed.is_ok() != (case["expect"]["parse"] == "ok") {
            wrong.push(format!("{}: {text}: {parsed:?}", case["id"]));
        }
        if let Ok(parsed) = parsed {
            assert_eq!(filter::parse(&parsed.to_string()).unwrap().to_string(), parsed.to_string(), "{text}");
        }
        if case["rfc"] == "agrees-semantic-error" {
            let error = filter::check(filter::parse(text).unwrap(), &user()).unwrap_err();
            assert_eq!(error.scim_type.map(|kind| kind.name()), Some("invalidFilter"), "{text}");
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn patches_end_as_others_say() {
    let mut wrong = Vec::new();
    for case in cases("patch.json") {
        let label = case["rfc"].as_str().unwrap();
        let mut rt = if case["resourceType"] == "Group" { group() } else { user() };
        if label == "custom-schema" {
            [&case["before"], &case["after"]]
                .into_iter()
                .for_each(|seen| define(seen, &mut rt.schema.attributes));
        }
        let rules = patch::Rules { create_on_missing: label == "idp-extension" };
        let outcome = patched(&case["before"], &case["patch"], &rt, &rules);
        if let Err(difference) = agrees(&case, outcome, &rt) {
            wrong.push(format!(
                "{} ({label}, {}): {}\n   {difference}",
                case["id"], case["source"], case["patch"]["Operations"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// Defines what a case's resource has beyond the core schema.
fn define(seen: &Value, known: &mut Vec<Attribute>) {
    for (name, value) in seen.as_object().into_iter().flatten() {
        let is_common = ["schemas", "id", "externalId", "meta"].contains(&name.as_str());
        if is_common || name.starts_with("urn:") {
            continue;
        }
        let at = known.iter().position(|attribute| attribute.name == *name).unwrap_or_else(|| {
            known.push(attribute(name, value));
            known.len() - 1
        });
        let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        elements.iter().for_each(|element| define(element, &mut known[at].sub_attributes));
    }
}

/// An attribute of the type that its value has.
fn attribute(name: &str, value: &Value) -> Attribute {
    let kind = match value.as_array().map_or(Some(value), |elements| elements.first()) {
        Some(Value::Object(_)) => Type::Complex,
        Some(Value::Bool(_)) => Type::Boolean,
        Some(Value::Number(_)) => Type::Decimal,
        _ => Type::String,
    };
    Attribute { name: name.to_owned(), kind, multi_valued: value.is_array(), ..Attribute::default() }
}

fn patched(before: &Value, body: &Value, rt: &ResourceType, rules: &patch::Rules) -> Result<Resource, Error> {
    let before = resource::parse(before, rt)?.resource;
    let operations = patch::parse(body, rt)?;
    let after = patch::apply(&before, &operations, rt, rules)?;
    resource::require(&after, rt)?;
    Ok(after)
}

fn agrees(case: &Value, outcome: Result<Resource, Error>, rt: &ResourceType) -> Result<(), String> {
    if let Some(expected) = case.get("error") {
        let Err(error) = outcome else { return Err(format!("no error, but {expected}")) };
        let kinds = expected["scimType"].as_str().unwrap_or_default();
        let kind = error.scim_type.map_or("", |kind| kind.name());
        // A keyword that is none of the RFC's is a library's own word for its error.
        let known = |wanted: &str| gantry::scim::error::ScimType::from_name(wanted).is_some();
        let fits = !kinds.split('|').any(known) || kinds.split('|').any(|wanted| wanted == kind);
        return match fits && expected["status"] == error.status {
            true => Ok(()),
            false => Err(format!("{error:?}, not {expected}")),
        };
    }
    let after = outcome.map_err(|error| format!("{error:?}"))?;
    let expected: Vec<Value> = match case.get("after_any_of").and_then(Value::as_array) {
        Some(several) => several.clone(),
        None => vec![case["after"].clone()],
    };
    let normal =
        |value: &Value| resource::parse(value, rt).map(|parsed| plain(&Value::Object(parsed.resource)));
    let after = plain(&Value::Object(after));
    match expected.iter().any(|expected| normal(expected).is_ok_and(|expected| expected == after)) {
        true => Ok(()),
        false => Err(format!("got {after}\n   not {}", plain(&normal(&expected[0]).unwrap_or_default()))),
    }
}

/// Without `primary: false`, which is the same as none, and the password, which no answer has.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let hidden = |key: &str, value: &Value| {
                key == "password" || (key == "primary" && *value == Value::Bool(false))
            };
            let kept = map.iter().filter(|(key, value)| !hidden(key, value));
            kept.map(|(key, value)| (key.clone(), plain(value))).collect()
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

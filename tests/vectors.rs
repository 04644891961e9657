//! Cases against the pure protocol core: filters with what they must find or how they must be refused, and PATCH
//! bodies with the resource that must come of them. The project's own stand in `tests/cases`; other people's are read from `SCIM_VECTORS`,
//! `../shared/vectors` when that is not set, where that folder exists.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // a test may end loudly

use std::path::PathBuf;

use gantry::scim::error::{Error, ScimType};
use gantry::scim::evaluate::{self, Folding};
use gantry::scim::filter::{Filter, Literal};
use gantry::scim::path::{AttrPath, named};
use gantry::scim::query::Query;
use gantry::scim::resource::Resource;
use gantry::scim::schema::{self, Attribute, Extension, ResourceType, Type};
use gantry::scim::{filter, patch, resource};
use serde_json::{Value, json};

/// The documents of this name: the project's own, and other people's.
fn documents(file: &str) -> Vec<Value> {
    let folder =
        std::env::var_os("SCIM_VECTORS").map_or_else(|| PathBuf::from("../shared/vectors"), PathBuf::from);
    let own = PathBuf::from("tests/cases").join(file);
    let mut all = vec![serde_json::from_str(&std::fs::read_to_string(own).unwrap()).unwrap()];
    let others = folder.join(file);
    match std::fs::read_to_string(&others) {
        Ok(text) => all.push(serde_json::from_str(&text).unwrap()),
        Err(cause) => eprintln!("{}: {cause}", others.display()),
    }
    all
}

fn cases(document: &Value) -> &[Value] {
    document["cases"].as_array().unwrap()
}

/// The type that a case is about: a core type, with what the case defines beyond that.
fn type_of(case: &Value) -> ResourceType {
    let mut rt = if case["resourceType"] == "Group" { group() } else { user() };
    if case["attributes"].is_array() {
        let own: Vec<Attribute> = serde_json::from_value(case["attributes"].clone()).unwrap();
        rt.schema.attributes.retain(|core| own.iter().all(|own| own.name != core.name));
        rt.schema.attributes.extend(own);
    }
    rt
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

// === Filters ===

#[test]
fn filters_find_what_others_say() {
    let mut wrong = Vec::new();
    for document in documents("filters.json") {
        for case in cases(&document) {
            if let Err(difference) = finds(case, &document["resources"]) {
                wrong.push(format!("{} ({}): {}: {difference}", case["id"], case["source"], case["filter"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

fn finds(case: &Value, resources: &Value) -> Result<(), String> {
    let (text, expected) = (case["filter"].as_str().unwrap(), &case["expect"]);
    let query = Query::of_parameters(|name| (name == "filter").then_some(text), 1);
    let parsed = match query {
        Ok(query) if expected["parse"] == "ok" => query.filter.unwrap(),
        Err(error) if expected["parse"] == "error" => return refused(&error, expected),
        other => return Err(format!("{other:?}")),
    };
    if filter::parse(&parsed.to_string()).as_ref() != Ok(&parsed) {
        return Err(format!("is printed as {parsed}"));
    }
    let Some(wanted) = expected.get("match") else { return Ok(()) };
    let seen = of_name(&case["resource"], resources);
    let mut rt = type_of(case);
    let attributes = &mut rt.schema.attributes;
    seen.iter().for_each(|resource| define(resource, attributes));
    if let Some(case_exact) = case["caseExact"].as_bool() {
        attributes.iter_mut().for_each(|attribute| attribute.case_exact = case_exact);
    }
    if wanted != "error" {
        define_asked(&parsed, &mut rt);
    }
    let checked = match filter::check(parsed, &rt) {
        Err(error) if wanted == "error" => return refused(&error, expected),
        other => other.map_err(|error| error.to_string())?,
    };
    let is_found =
        |resource: &&Value| evaluate::matches(&checked, resource.as_object().unwrap(), &rt, Folding::Unicode);
    let found: Vec<&Value> = seen.into_iter().filter(is_found).collect();
    let got = match wanted {
        Value::Bool(_) => json!(!found.is_empty()),
        Value::Object(wanted) if wanted.contains_key("count") => json!({ "count": found.len() }),
        _ => json!({ "ids": found.iter().map(|resource| &resource["id"]).collect::<Vec<_>>() }),
    };
    if got == *wanted { Ok(()) } else { Err(format!("{got}, not {wanted}")) }
}

fn refused(error: &Error, expected: &Value) -> Result<(), String> {
    let kind = error.scim_type.map_or("", |kind| kind.name());
    match error.status == 400 && expected["scimType"] == kind {
        true => Ok(()),
        false => Err(format!("{error:?}")),
    }
}

/// The resource of this name, or those of a set.
fn of_name<'a>(name: &Value, resources: &'a Value) -> Vec<&'a Value> {
    match name.as_str().map(|name| &resources[name]) {
        Some(Value::Array(names)) => names.iter().flat_map(|name| of_name(name, resources)).collect(),
        Some(resource) => vec![resource],
        None => Vec::new(),
    }
}

/// Defines what a case's filter asks for and no resource has: that is absent, where a stranger's name would be
/// refused.
fn define_asked(filter: &Filter, rt: &mut ResourceType) {
    let mut define_path = |path: &AttrPath, sample: Value| {
        if named(path, rt).is_none() && path.urn.is_none() {
            let sample = path.sub.iter().fold(sample, |sample, sub| json!({ sub: sample }));
            define(&json!({ &path.name: sample }), &mut rt.schema.attributes);
        }
    };
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().for_each(|term| define_asked(term, rt)),
        Filter::Not(inner) => define_asked(inner, rt),
        Filter::Present { path, .. } => define_path(path, Value::Null),
        Filter::Compare { path, value, .. } => define_path(
            path,
            match value {
                Literal::Bool(truth) => json!(truth),
                Literal::Number(number) => json!(number),
                Literal::Null | Literal::Text(_) => Value::Null,
            },
        ),
        Filter::ValuePath { .. } => {}
    }
}

// === PATCH ===

#[test]
fn patches_end_as_others_say() {
    let mut wrong = Vec::new();
    for case in documents("patch.json").iter().flat_map(cases) {
        let label = case["rfc"].as_str().unwrap();
        let mut rt = type_of(case);
        if label == "custom-schema" {
            [&case["before"], &case["after"]]
                .into_iter()
                .for_each(|seen| define(seen, &mut rt.schema.attributes));
        }
        let rules = patch::Rules { create_on_missing: label == "idp-extension" };
        let outcome = patched(&case["before"], &case["patch"], &rt, &rules);
        if let Err(difference) = agrees(case, outcome, &rt) {
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
        let at = known.iter().position(|known| known.name.eq_ignore_ascii_case(name)).unwrap_or_else(|| {
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
        let known = |wanted: &str| ScimType::from_name(wanted).is_some();
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

//! Requests made of what a mapping has: values for its attributes, and what is asked with them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::gateway::Request;
use crate::mapping::Outline;
use crate::scim::method::Method;
use crate::scim::schema::{Attribute, Mutability, ResourceType, Type};
use crate::scim::version::Conditions;

/// Elements of one attribute, at most.
const ELEMENTS: usize = 4;

/// The ids of resources that are there, by type.
pub(super) type Ids = BTreeMap<String, Vec<String>>;

/// An attribute as PATCH and filters name it.
pub(super) fn path(urn: Option<&str>, name: &str) -> String {
    urn.map_or_else(|| name.to_owned(), |urn| format!("{urn}:{name}"))
}

/// The type with those attributes, sub-attributes and kinds of elements alone that one of these has a line for. What is
/// kept as a document is left out.
pub(super) fn mapped(rt: &ResourceType, outlines: &[&Outline]) -> ResourceType {
    let mut rt = rt.clone();
    let outlines = outlines.iter().filter(|of| of.name == rt.name);
    let lines: BTreeSet<&str> = outlines.flat_map(|of| of.lines.keys()).map(String::as_str).collect();
    let kept = |urn: Option<&str>, attribute: &Attribute| {
        let path = path(urn, &attribute.name);
        let of_it = |mark: &str| lines.iter().any(|line| line.starts_with(&format!("{path}{mark}")));
        let (is_whole, has_subs, has_kinds) = (lines.contains(&*path), of_it("."), of_it("["));
        let mut kept = attribute.clone();
        if has_subs {
            kept.sub_attributes
                .retain(|sub| sub.name == "$ref" || lines.contains(&*format!("{path}.{}", sub.name)));
        }
        for sub in kept.sub_attributes.iter_mut().filter(|sub| has_kinds && !is_whole && sub.name == "type") {
            sub.canonical_values.retain(|kind| of_it(&format!("[type eq \"{kind}\"]")));
        }
        (is_whole || has_subs || has_kinds || of_it(" (")).then_some(kept)
    };
    rt.schema.attributes = rt.schema.attributes.iter().filter_map(|one| kept(None, one)).collect();
    for extension in &mut rt.extensions {
        let schema = &mut extension.schema;
        schema.attributes = schema.attributes.iter().filter_map(|one| kept(Some(&schema.id), one)).collect();
    }
    rt
}

/// The attributes that a client may write; a password comes last, for it may be hashed, and that takes its time.
pub(super) fn writable(rt: &ResourceType) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
    let is_written_only = |attribute: &Attribute| attribute.mutability == Mutability::WriteOnly;
    let plain = rt
        .attributes()
        .filter(move |(_, one)| one.mutability != Mutability::ReadOnly && !is_written_only(one));
    plain.chain(rt.attributes().filter(move |(_, one)| is_written_only(one)))
}

/// Values for an attribute, the likeliest first; `nth` tells those of one person from another's.
pub(super) fn values(attribute: &Attribute, nth: usize, ids: &Ids) -> Vec<Value> {
    let single = match attribute.kind {
        Type::Complex => complex(attribute, nth, ids),
        _ => plain(attribute, nth).into_iter().map(|value| vec![value]).collect(),
    };
    let value = |mut elements: Vec<Value>| match attribute.multi_valued {
        true => Some(elements.into()),
        false => (!elements.is_empty()).then(|| elements.remove(0)),
    };
    single.into_iter().filter_map(value).collect()
}

/// Whether its values are references to other resources.
pub(super) fn is_reference(attribute: &Attribute) -> bool {
    let has = |name: &str| attribute.sub_attributes.iter().any(|sub| sub.name == name);
    attribute.kind == Type::Complex && has("value") && has("$ref")
}

/// Whom a reference may lead to, of those who are there.
pub(super) fn referable<'a>(attribute: &'a Attribute, ids: &'a Ids) -> impl Iterator<Item = &'a String> {
    kinds(attribute).filter_map(|kind| ids.get(kind)).flatten()
}

/// The types that a reference may lead to.
pub(super) fn kinds(attribute: &Attribute) -> impl Iterator<Item = &String> {
    let is_link = |sub: &&Attribute| sub.name == "$ref";
    attribute.sub_attributes.iter().filter(is_link).flat_map(|sub| &sub.reference_types)
}

/// Values of a simple attribute.
pub(super) fn plain(attribute: &Attribute, nth: usize) -> Vec<Value> {
    let canonical = &attribute.canonical_values;
    if !canonical.is_empty() && attribute.kind == Type::String {
        let turn = |at: usize| canonical.get((nth + at) % canonical.len()).cloned();
        return (0..canonical.len()).filter_map(turn).map(Value::from).collect();
    }
    match attribute.kind {
        Type::Boolean => vec![nth.is_multiple_of(2).into(), (!nth.is_multiple_of(2)).into()],
        Type::Integer => vec![(7 + nth).into()],
        Type::Decimal => vec![json!(nth as f64 + 0.5)],
        Type::DateTime => vec![format!("2024-05-{:02}T07:08:09Z", nth % 28 + 1).into()],
        Type::Reference => vec![format!("https://example.test/{}/{nth}", attribute.name).into()],
        Type::Binary => vec!["AAEC".into()],
        Type::String | Type::Complex => texts(&attribute.name, nth),
    }
}

fn texts(name: &str, nth: usize) -> Vec<Value> {
    let mut all =
        vec![format!("{name}{nth}"), format!("{name}{nth}@example.test"), format!("+49 30 555{nth:04}")];
    // What must be a password, a number, a day, a language or a country.
    all.extend([
        format!("Sample.{nth}.c0rrect-horse"),
        (1000 + nth).to_string(),
        format!("2024-05-{:02}", nth % 28 + 1),
    ]);
    all.extend(["en-US".to_owned(), "DE".to_owned()]);
    if name.eq_ignore_ascii_case("password") {
        all.swap(0, 3);
    }
    all.into_iter().map(Value::from).collect()
}

fn complex(attribute: &Attribute, nth: usize, ids: &Ids) -> Vec<Vec<Value>> {
    if is_reference(attribute) {
        return referable(attribute, ids).map(|id| vec![json!({ "value": id })]).collect();
    }
    let mut subs = Map::new();
    let writable = attribute.sub_attributes.iter().filter(|sub| sub.mutability != Mutability::ReadOnly);
    for sub in writable.filter(|sub| !["$ref", "primary", "display"].contains(&sub.name.as_str())) {
        subs.extend(plain(sub, nth).into_iter().next().map(|value| (sub.name.clone(), value)));
    }
    if !attribute.multi_valued {
        return vec![vec![subs.into()]];
    }
    let kinds = attribute.sub_attributes.iter().find(|sub| sub.name == "type");
    let kinds = kinds.map(|sub| sub.canonical_values.as_slice()).unwrap_or_default();
    let of_kind = |kind: &String| {
        let mut subs = subs.clone();
        subs.insert("type".to_owned(), kind.as_str().into());
        Value::from(subs)
    };
    let of_kinds: Vec<Value> = kinds.iter().take(ELEMENTS).map(of_kind).collect();
    let least = |kind: &String| {
        let value = subs.get("value").cloned().unwrap_or_default();
        vec![json!({ "type": kind, "value": value })]
    };
    let mut all: Vec<Vec<Value>> = if of_kinds.is_empty() { Vec::new() } else { vec![of_kinds] };
    all.push(vec![subs.clone().into()]);
    all.extend(kinds.iter().map(least));
    all.extend(subs.get("value").map(|value| vec![json!({ "value": value })]));
    all
}

/// An attribute of a resource.
pub(super) fn get<'a>(resource: &'a Value, urn: Option<&str>, name: &str) -> Option<&'a Value> {
    urn.map_or(Some(resource), |urn| resource.get(urn))?.get(name)
}

/// Sets an attribute of a body.
pub(super) fn set(body: &mut Map<String, Value>, urn: Option<&str>, name: &str, value: Value) {
    match urn {
        None => _ = body.insert(name.to_owned(), value),
        Some(urn) => {
            let home = body.entry(urn.to_owned()).or_insert_with(|| Map::new().into());
            if let Value::Object(home) = home {
                home.insert(name.to_owned(), value);
            }
        }
    }
}

/// A body of nothing yet.
pub(super) fn empty(rt: &ResourceType) -> Map<String, Value> {
    let extensions = rt.extensions.iter().map(|extension| extension.schema.id.as_str());
    let schemas: Vec<&str> = std::iter::once(rt.schema.id.as_str()).chain(extensions).collect();
    Map::from_iter([("schemas".to_owned(), schemas.into())])
}

/// A request at a type's endpoint, or at one of its resources.
pub(super) fn request(method: Method, rt: &ResourceType, id: Option<&str>, body: Option<Value>) -> Request {
    let mut path = vec![rt.endpoint.trim_start_matches('/').to_owned()];
    path.extend(id.map(str::to_owned));
    Request { method, path, query: Vec::new(), conditions: Conditions::default(), body }
}

/// A PATCH of one operation.
pub(super) fn patch(rt: &ResourceType, id: &str, operation: Value) -> Request {
    let body =
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
    request(Method::Patch, rt, Some(id), Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::core_user;

    #[test]
    fn people_have_values_of_their_own() {
        let attribute = |name: &str| core_user().attributes.iter().find(|one| one.name == name).unwrap();
        let ids = Ids::from([
            ("Group".to_owned(), vec!["7".to_owned()]),
            ("User".to_owned(), vec!["1".to_owned()]),
        ]);
        assert_ne!(values(attribute("userName"), 0, &ids)[0], values(attribute("userName"), 1, &ids)[0]);
        assert_eq!(values(attribute("active"), 0, &ids), [json!(true), json!(false)]);
        let emails = &values(attribute("emails"), 0, &ids)[0];
        assert_eq!(emails[0], json!({ "value": "value0", "type": "work" }));
        assert_eq!(emails.as_array().unwrap().len(), 3);
        assert_eq!(values(attribute("groups"), 0, &ids), [json!([{ "value": "7" }])]);
    }
}

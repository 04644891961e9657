//! Two views of one resource, attribute by attribute; of lists, resource by resource.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::gateway::{Body, Client, Request, Target};

/// What is no difference: it follows from the others.
const DERIVED: [&str; 2] = ["meta.version", "schemas"];
/// A value that is shown, at most; in characters.
const SHOWN: usize = 120;

/// An attribute that differs, with what it was and what it is.
pub(super) type Differing = BTreeMap<String, (Option<Value>, Option<Value>)>;

/// An answer's status and body.
pub(super) async fn answer(target: &Arc<Target>, request: Request, client: &Client) -> (u16, Value) {
    match target.handle(request, client).await {
        Ok(answer) => (answer.status, answer.body.and_then(Body::whole).unwrap_or_default()),
        Err(error) => (error.status, json!({ "scimType": error.scim_type.map(|kind| kind.name()) })),
    }
}

/// What differs between two answers, a line each.
pub(super) fn difference((old, was): &(u16, Value), (new, is): &(u16, Value)) -> Vec<String> {
    if old != new {
        let kind = |body: &Value| body.get("scimType").and_then(Value::as_str).map(|kind| format!(" {kind}"));
        let (was, is) = (kind(was).unwrap_or_default(), kind(is).unwrap_or_default());
        return vec![format!("status: {old}{was} → {new}{is}")];
    }
    match (list(was), list(is)) {
        (Some(was), Some(is)) => of_lists(&was, &is),
        _ => attributes(was, is).iter().map(told).collect(),
    }
}

fn of_lists(old: &BTreeMap<String, &Value>, new: &BTreeMap<String, &Value>) -> Vec<String> {
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let of_id = |id: &String| match (old.get(id), new.get(id)) {
        (Some(old), Some(new)) => {
            attributes(old, new).iter().map(|one| format!("{id} {}", told(one))).collect()
        }
        (Some(_), None) => vec![format!("{id} is not there any more")],
        _ => vec![format!("{id} is there too")],
    };
    ids.into_iter().flat_map(of_id).collect()
}

/// The resources of a list, by id.
fn list(body: &Value) -> Option<BTreeMap<String, &Value>> {
    body.get("totalResults")?;
    let resources = body.get("Resources").and_then(Value::as_array);
    let id = |one: &'_ Value| one.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(resources.into_iter().flatten().map(|one| (id(one), one)).collect())
}

/// The attributes that differ between two views of one resource.
pub(super) fn attributes(old: &Value, new: &Value) -> Differing {
    let (old, new) = (flat(old), flat(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |path: &&String| old.get(*path) != new.get(*path) && !DERIVED.contains(&path.as_str());
    let pair = |path: &String| (path.clone(), (old.get(path).cloned(), new.get(path).cloned()));
    paths.into_iter().filter(differs).map(pair).collect()
}

/// Each attribute and sub-attribute with its value; the elements of an array in an order of their own, for theirs says
/// nothing.
fn flat(resource: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let Value::Object(members) = resource else { return all };
    for (name, value) in members {
        flatten(name, value, false, &mut all);
    }
    all
}

fn flatten(path: &str, value: &Value, is_within: bool, all: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            // At the top only a schema's URN has a colon.
            let mark = if path.contains(':') && !is_within { ":" } else { "." };
            for (name, value) in members {
                flatten(&format!("{path}{mark}{name}"), value, true, all);
            }
        }
        Value::Array(elements) => {
            let mut elements = elements.clone();
            elements.sort_by_cached_key(sorted);
            all.insert(path.to_owned(), elements.into());
        }
        plain => _ = all.insert(path.to_owned(), plain.clone()),
    }
}

/// A text by which elements are put in order, their members in order too.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            json!(members).to_string()
        }
        other => other.to_string(),
    }
}

/// An attribute that differs, as a line.
pub(super) fn told((path, (was, is)): (&String, &(Option<Value>, Option<Value>))) -> String {
    format!("{path}: {} → {}", shown(was.as_ref()), shown(is.as_ref()))
}

/// A value, cut where it is long.
pub(super) fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(nothing)".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_compared_one_by_one() {
        let old = json!({
            "id": "1", "name": { "givenName": "A", "familyName": "L" }, "active": true,
            "emails": [{ "value": "a" }, { "value": "b" }], "meta": { "version": "x" },
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "R&D" },
        });
        let mut new = old.clone();
        new["emails"] = json!([{ "value": "b" }, { "value": "a" }]);
        new["meta"]["version"] = "y".into();
        assert!(attributes(&old, &new).is_empty());
        new["name"]["givenName"] = "B".into();
        new.as_object_mut().unwrap().remove("active");
        new["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] = "Sales".into();
        let found = attributes(&old, &new);
        assert_eq!(
            found.iter().map(told).collect::<Vec<_>>(),
            [
                "active: true → (nothing)",
                "name.givenName: \"A\" → \"B\"",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: \"R&D\" → \"Sales\"",
            ]
        );
    }

    #[test]
    fn lists_are_compared_by_id() {
        let list = |resources: Value| (200, json!({ "totalResults": 2, "Resources": resources }));
        let old = list(json!([{ "id": "1", "title": "a" }, { "id": "2" }]));
        let new = list(json!([{ "id": "3" }, { "id": "1", "title": "b" }]));
        assert_eq!(
            difference(&old, &new),
            ["1 title: \"a\" → \"b\"", "2 is not there any more", "3 is there too"]
        );
        assert_eq!(
            difference(&old, &(400, json!({ "scimType": "noTarget" }))),
            ["status: 200 → 400 noTarget"]
        );
    }
}

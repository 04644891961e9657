//! Getting and setting values in a resource by attribute path. No array is looked into: that is the
//! business of lines for elements and collections.

use serde_json::{Map, Value as Json};

use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;

/// The value at the path; an absent one and null are `None`.
pub(super) fn get<'a>(resource: &'a Resource, path: &AttrPath) -> Option<&'a Json> {
    let home = match &path.urn {
        Some(urn) => resource.get(urn)?.as_object()?,
        None => resource,
    };
    let value = home.get(&path.name)?;
    let value = match &path.sub {
        Some(sub) => value.as_object()?.get(sub)?,
        None => value,
    };
    (!value.is_null()).then_some(value)
}

/// The value at the path as text, when it is a text, number or truth value that is not empty.
pub(super) fn text(resource: &Resource, path: &AttrPath) -> Option<String> {
    match get(resource, path)? {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Sets the value at the path, making the objects on the way.
pub(super) fn set(resource: &mut Resource, path: &AttrPath, value: Json) {
    let home = match &path.urn {
        Some(urn) => object(resource, urn),
        None => resource,
    };
    match &path.sub {
        Some(sub) => object(home, &path.name).insert(sub.clone(), value),
        None => home.insert(path.name.clone(), value),
    };
}

/// Takes the value at the path away.
pub(super) fn remove(resource: &mut Resource, path: &AttrPath) {
    let home = match &path.urn {
        Some(urn) => resource.get_mut(urn).and_then(Json::as_object_mut),
        None => Some(resource),
    };
    match (home, &path.sub) {
        (Some(home), None) => {
            home.shift_remove(&path.name);
        }
        (Some(home), Some(sub)) => {
            if let Some(Json::Object(object)) = home.get_mut(&path.name) {
                object.shift_remove(sub);
            }
        }
        (None, _) => {}
    }
}

/// The array at the path, made when absent.
pub(super) fn array<'a>(resource: &'a mut Resource, path: &AttrPath) -> &'a mut Vec<Json> {
    let home = match &path.urn {
        Some(urn) => object(resource, urn),
        None => resource,
    };
    let slot = home.entry(path.name.clone()).or_insert_with(|| Json::Array(Vec::new()));
    if !slot.is_array() {
        *slot = Json::Array(Vec::new());
    }
    match slot {
        Json::Array(items) => items,
        _ => unreachable!("it was just made an array"),
    }
}

fn object<'a>(map: &'a mut Map<String, Json>, key: &str) -> &'a mut Map<String, Json> {
    let slot = map.entry(key.to_owned()).or_insert_with(|| Json::Object(Map::new()));
    if !slot.is_object() {
        *slot = Json::Object(Map::new());
    }
    match slot {
        Json::Object(object) => object,
        _ => unreachable!("it was just made an object"),
    }
}

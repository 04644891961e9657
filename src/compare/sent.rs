//! What stands in resources and in bodies that clients sent: whom they refer to, and which shared rows they name. Pure.

use serde_json::Value;

use super::samples;
use crate::mapping::Shared;
use crate::scim::path::{AttrPath, parse_path};
use crate::scim::schema::Attribute;

/// The ids that stand at a reference in a resource, in a body or in the operations of a PATCH.
pub(super) fn ids_at(value: &Value, urn: Option<&str>, attribute: &Attribute) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |value: &Value| {
        let elements = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for element in elements {
            let id = element.get("value").unwrap_or(&element).as_str().map(str::to_owned);
            found.extend(id.filter(|id| !id.is_empty()));
        }
    };
    samples::get(value, urn, &attribute.name).into_iter().for_each(&mut take);
    let mut told = Vec::new();
    for operation in operations(value) {
        let about = operation.get("path").and_then(Value::as_str).unwrap_or_default();
        let is_about = parse_path(about).is_ok_and(|about| {
            about.attr.name.eq_ignore_ascii_case(&attribute.name)
                && (about.attr.urn.is_none() || about.attr.urn.as_deref() == urn)
        });
        match operation.get("value") {
            Some(inner) if is_about => take(inner),
            Some(inner) if about.is_empty() => told.extend(ids_at(inner, urn, attribute)),
            _ => {}
        }
        if is_about {
            told.extend(about.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found.extend(told);
    found
}

fn operations(body: &Value) -> impl Iterator<Item = &Value> {
    body.get("Operations").and_then(Value::as_array).into_iter().flatten()
}

/// The names of shared rows in a resource, in a body or in the operations of a PATCH.
pub(super) fn named_in(value: &Value, shared: &Shared) -> Vec<Value> {
    let mut names = at(value, &shared.path);
    for operation in operations(value) {
        let about = operation.get("path").and_then(Value::as_str).unwrap_or_default();
        match operation.get("value") {
            Some(Value::Object(_)) if about.is_empty() => {
                names.extend(named_in(operation.get("value").unwrap_or(&Value::Null), shared));
            }
            Some(inner) if about.eq_ignore_ascii_case(&shared.path.to_string()) => names.push(inner.clone()),
            _ => {}
        }
    }
    names
}

/// The values at a path in a resource.
fn at(resource: &Value, path: &AttrPath) -> Vec<Value> {
    let value = samples::get(resource, path.urn.as_deref(), &path.name).cloned().unwrap_or_default();
    let elements = if let Value::Array(elements) = value { elements } else { vec![value] };
    let inner = |element: Value| match &path.sub {
        Some(sub) => element.get(sub).cloned().unwrap_or_default(),
        None => element,
    };
    elements.into_iter().map(inner).filter(|value| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::core_group;

    #[test]
    fn whom_resources_and_operations_refer_to() {
        let members = core_group().attributes.iter().find(|one| one.name == "members").unwrap();
        let group =
            json!({ "displayName": "g", "members": [{ "value": "1" }, { "value": "2", "type": "User" }] });
        assert_eq!(ids_at(&group, None, members), ["1", "2"]);
        let patch = json!({ "Operations": [
            { "op": "add", "path": "members", "value": [{ "value": "3" }] },
            { "op": "remove", "path": "members[value eq \"4\"]" },
            { "op": "add", "value": { "members": { "value": "5" } } },
            { "op": "replace", "path": "displayName", "value": "6" },
        ] });
        let mut found = ids_at(&patch, None, members);
        found.sort();
        assert_eq!(found, ["3", "4", "5"]);
    }
}

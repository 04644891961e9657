//! PATCH (RFC 7644 §3.5.2): [`parse`] reads operations and resolves their paths, [`apply`] does all of them
//! or none, [`delta`] sees when they only change membership by value.

mod apply;
mod parse;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::filter::{Filter, Literal, Op};
use super::path::AttrPath;
use super::schema::{Attribute, Mutability, ResourceType};

pub use apply::apply;
pub use parse::parse;

/// One operation on one attribute; an operation without a path is one for each attribute of its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What is done.
    pub kind: Kind,
    /// To what.
    pub target: Target,
    /// With what, in canonical form; `None` for null and for none at all.
    pub value: Option<Value>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the RFC's own words
pub enum Kind {
    Add,
    Remove,
    Replace,
}

/// What an operation is done to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The attribute, without sub-attribute.
    pub path: AttrPath,
    /// Its definition.
    pub attribute: Attribute,
    /// Which of its elements.
    pub filter: Option<Filter>,
    /// The sub-attribute.
    pub sub: Option<Attribute>,
}

/// How operations are taken where providers want what the RFC does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// A replace whose filter matches nothing creates the element (Entra ID); the RFC wants `noTarget`.
    pub create_on_missing: bool,
}

/// Elements of one multi-valued attribute that come and go by their `value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The attribute.
    pub attribute: AttrPath,
    /// Elements that come.
    pub add: Vec<Map<String, Value>>,
    /// The `value`s of those that go.
    pub remove: Vec<String>,
}

/// The attributes and sub-attributes that operations change.
pub fn written(operations: &[Operation]) -> Vec<AttrPath> {
    let of = |operation: &Operation| {
        let Target { path, sub, .. } = &operation.target;
        let sub = sub.as_ref().map(|sub| path.with_sub(&sub.name));
        path.with_subs_of(operation.value.as_ref()).into_iter().chain(sub)
    };
    operations.iter().flat_map(of).collect()
}

/// The delta, when all operations do nothing but add and remove elements of one and the same attribute by
/// their `value`. The last operation on a value counts.
pub fn delta(operations: &[Operation], rt: &ResourceType) -> Option<Delta> {
    let first = operations.first()?;
    let attribute = &rt.find(&first.target.path)?.attribute;
    if !attribute.multi_valued
        || attribute.mutability != Mutability::ReadWrite
        || attribute.sub("value").is_none()
    {
        return None;
    }
    let mut last: BTreeMap<String, Option<Map<String, Value>>> = BTreeMap::new();
    for operation in operations {
        if operation.target.path != first.target.path || operation.target.sub.is_some() {
            return None;
        }
        match operation.kind {
            Kind::Add if operation.target.filter.is_none() => {
                for element in operation.value.iter().filter_map(Value::as_array).flatten() {
                    last.insert(value_of(element)?, Some(element.as_object()?.clone()));
                }
            }
            Kind::Remove => last.extend(removed(operation)?.into_iter().map(|value| (value, None))),
            _ => return None,
        }
    }
    let remove: Vec<String> =
        last.iter().filter(|(_, element)| element.is_none()).map(|(value, _)| value.clone()).collect();
    // Whether the last one of what is required goes, only the elements tell.
    if attribute.required && !remove.is_empty() {
        return None;
    }
    let add = last.into_values().flatten().collect();
    Some(Delta { attribute: first.target.path.clone(), add, remove })
}

/// The `value`s that a removal names, in its filter or in its value.
fn removed(operation: &Operation) -> Option<Vec<String>> {
    match (&operation.target.filter, &operation.value) {
        (Some(filter), None) => named(filter),
        (None, Some(Value::Array(elements))) => elements.iter().map(value_of).collect(),
        _ => None,
    }
}

/// `value eq "x"`, also several of it joined by `or`.
fn named(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare { path, op: Op::Eq, value: Literal::Text(value), .. } if path.name == "value" => {
            Some(vec![value.clone()])
        }
        Filter::Or(terms) => {
            terms.iter().map(named).collect::<Option<Vec<_>>>().map(|values| values.concat())
        }
        _ => None,
    }
}

fn value_of(element: &Value) -> Option<String> {
    element.get("value")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::core_group;

    fn delta_of(operations: Value, required: bool) -> Option<(usize, Vec<String>)> {
        let mut rt = ResourceType { schema: core_group().clone(), ..ResourceType::default() };
        let members = rt.schema.attributes.iter_mut().find(|attribute| attribute.name == "members");
        members.unwrap().required = required;
        let operations = parse(&json!({ "Operations": operations }), &rt).unwrap();
        delta(&operations, &rt).map(|delta| (delta.add.len(), delta.remove))
    }

    #[test]
    fn what_needs_no_read_of_the_elements() {
        let add = |value: Value| json!({ "op": "add", "path": "members", "value": value });
        let remove = |path: &str| json!({ "op": "remove", "path": path });
        let one = "members[value eq \"a\"]";
        for (operations, expected, when_required) in [
            (json!([add(json!([{ "value": "a" }]))]), Some((1, vec![])), Some((1, vec![]))),
            (json!([add(json!([]))]), Some((0, vec![])), Some((0, vec![]))),
            // Whether it was the last one, only the elements tell.
            (json!([remove(one)]), Some((0, vec!["a".to_owned()])), None),
            (json!([remove(one), add(json!([{ "value": "a" }]))]), Some((1, vec![])), Some((1, vec![]))),
            (json!([remove("members")]), None, None),
            (json!([remove("members[value sw \"a\"]")]), None, None),
            (json!([remove("members[not (value eq \"a\")]")]), None, None),
            (json!([remove(one), remove("displayName")]), None, None),
            (json!([{ "op": "replace", "path": "members", "value": [{ "value": "a" }] }]), None, None),
        ] {
            assert_eq!(delta_of(operations.clone(), false), expected, "{operations}");
            assert_eq!(delta_of(operations.clone(), true), when_required, "{operations}");
        }
    }
}

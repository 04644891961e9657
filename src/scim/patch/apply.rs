//! Doing PATCH operations to a resource, all or none.

use serde_json::{Map, Value};

use super::{Kind, Operation, Rules, Target};
use crate::scim::error::{Error, ScimType};
use crate::scim::evaluate::element_matches;
use crate::scim::filter::{Filter, Literal, Op};
use crate::scim::path::AttrPath;
use crate::scim::resource::{Resource, check_immutable, require};
use crate::scim::schema::{Attribute, Mutability, ResourceType, Type};

/// The resource after all operations; an error leaves nothing done.
pub fn apply(
    before: &Resource,
    operations: &[Operation],
    rt: &ResourceType,
    rules: &Rules,
) -> Result<Resource, Error> {
    let mut after = before.clone();
    for operation in operations {
        one(&mut after, operation, rt, rules)?;
    }
    check_immutable(before, &after, rt)?;
    if operations.iter().any(takes_required) {
        // RFC 7644 §3.5.2.2: what is removed and required is a matter of mutability.
        require(&after, rt).map_err(|missing| Error::mutability(missing.detail))?;
    }
    Ok(after)
}

/// Whether an operation may leave something unassigned that is required.
fn takes_required(operation: &Operation) -> bool {
    let Target { attribute, sub, .. } = &operation.target;
    let takes = operation.kind == Kind::Remove || operation.value.is_none();
    takes && (attribute.required || sub.as_ref().is_some_and(|sub| sub.required))
}

fn one(
    resource: &mut Resource,
    operation: &Operation,
    rt: &ResourceType,
    rules: &Rules,
) -> Result<(), Error> {
    let Operation { kind, target, value } = operation;
    let name = &target.path.name;
    let home = home_of(resource, &target.path);
    if let Some(filter) = target.filter.as_ref().filter(|_| !target.attribute.multi_valued)
        && !home.get(name).is_some_and(|value| element_matches(filter, value, &target.path, rt))
    {
        return Err(no_target(target));
    }
    match (kind, value) {
        (Kind::Remove, _) => remove(home, target, value.as_ref(), rt)?,
        (Kind::Add, None) => {}
        (Kind::Replace, None) => clear(home, target, rt)?,
        (_, Some(value)) if target.attribute.multi_valued => {
            set_elements(home, *kind, target, value, rt, rules)?
        }
        (Kind::Add, Some(value)) if target.sub.as_ref().is_some_and(|sub| sub.multi_valued) => {
            add_to_sub(home, target, value)
        }
        (_, Some(value)) => set_single(home, target, value),
    }
    if home.get(name).is_some_and(is_empty) {
        home.shift_remove(name);
    }
    if let Some(urn) = &target.path.urn
        && resource.get(urn).is_some_and(is_empty)
    {
        resource.shift_remove(urn);
    }
    Ok(())
}

/// The object that holds the attribute: the resource, or the extension's object.
fn home_of<'a>(resource: &'a mut Resource, path: &AttrPath) -> &'a mut Map<String, Value> {
    match &path.urn {
        Some(urn) => object_in(resource, urn),
        None => resource,
    }
}

fn object_in<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = map.entry(key.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(object) => object,
        _ => unreachable!("it was just made an object"),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Sets a single-valued attribute. Sub-attributes that a complex value does not name stay as they are
/// (RFC 7644 §3.5.2.3).
fn set_single(home: &mut Map<String, Value>, target: &Target, value: &Value) {
    let name = &target.path.name;
    match (&target.sub, value) {
        (Some(sub), _) => {
            object_in(home, name).insert(sub.name.clone(), value.clone());
        }
        (None, Value::Object(new)) if target.attribute.kind == Type::Complex => {
            let object = object_in(home, name);
            // Another `value` is another resource: what was said of the old one does not hold.
            if new.get("value").is_some_and(|value| object.get("value").is_some_and(|old| old != value)) {
                object.clear();
            }
            object.extend(new.clone());
        }
        (None, _) => {
            home.insert(name.clone(), value.clone());
        }
    }
}

/// Adds to a sub-attribute that is an array what it does not have yet.
fn add_to_sub(home: &mut Map<String, Value>, target: &Target, value: &Value) {
    let Some(sub) = &target.sub else { return };
    let object = object_in(home, &target.path.name);
    let mut elements = take_elements(object, &sub.name);
    for new in value.as_array().into_iter().flatten() {
        if !elements.contains(new) {
            elements.push(new.clone());
        }
    }
    object.insert(sub.name.clone(), Value::Array(elements));
}

fn set_elements(
    home: &mut Map<String, Value>,
    kind: Kind,
    target: &Target,
    value: &Value,
    rt: &ResourceType,
    rules: &Rules,
) -> Result<(), Error> {
    let mut elements = take_elements(home, &target.path.name);
    match (&target.filter, &target.sub) {
        (None, None) if kind == Kind::Replace => elements = value.as_array().cloned().unwrap_or_default(),
        (None, None) => {
            value.as_array().into_iter().flatten().for_each(|new| add_element(&mut elements, new, target))
        }
        (filter, sub) => {
            let mut matched: Vec<usize> = matching(&elements, filter.as_ref(), target, rt);
            if matched.is_empty() {
                matched.push(create(&mut elements, kind, target, rules)?);
            }
            let touched = matched.iter().filter_map(|at| elements.get(*at));
            check_immutable_sub(touched, sub.as_ref(), Some(value))?;
            let keep_others =
                kind == Kind::Add || is_fresh(&elements, &matched, target) || is_part(value, filter.as_ref());
            for at in &matched {
                if let Some(element) = elements.get_mut(*at) {
                    change_element(element, sub.as_ref().map(|sub| sub.name.as_str()), value, keep_others);
                }
            }
            if is_primary(&elements, &matched) {
                only_primary(&mut elements, matched.first().copied());
            }
        }
    }
    home.insert(target.path.name.clone(), Value::Array(elements));
    Ok(())
}

fn take_elements(home: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match home.get_mut(name).map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

fn matching(elements: &[Value], filter: Option<&Filter>, target: &Target, rt: &ResourceType) -> Vec<usize> {
    let matches =
        |element: &Value| filter.is_none_or(|filter| element_matches(filter, element, &target.path, rt));
    elements.iter().enumerate().filter(|(_, element)| matches(element)).map(|(at, _)| at).collect()
}

/// A new element for a filter that matched none: what its `eq` terms say (RFC 7644 §3.5.2.1 for add; for
/// replace only where the client's profile wants it, else `noTarget`, §3.5.2.3).
fn create(elements: &mut Vec<Value>, kind: Kind, target: &Target, rules: &Rules) -> Result<usize, Error> {
    let mut element = Map::new();
    if let Some(filter) = &target.filter {
        let possible = target.attribute.kind == Type::Complex && said(filter, &mut element);
        if (kind == Kind::Replace && !rules.create_on_missing) || !possible {
            return Err(no_target(target));
        }
    }
    elements.push(Value::Object(element));
    Ok(elements.len() - 1)
}

/// Puts what a filter's `eq` terms say into an element; false when the filter says more than that.
fn said(filter: &Filter, element: &mut Map<String, Value>) -> bool {
    match filter {
        Filter::Compare { path, op: Op::Eq, value, .. } => {
            let value = match value {
                Literal::Text(text) => text.as_str().into(),
                Literal::Bool(truth) => (*truth).into(),
                Literal::Number(number) => Value::Number(number.clone()),
                Literal::Null => return false,
            };
            element.insert(path.name.clone(), value);
            true
        }
        Filter::And(terms) => terms.iter().all(|term| said(term, element)),
        _ => false,
    }
}

fn is_fresh(elements: &[Value], matched: &[usize], target: &Target) -> bool {
    let mut said_only = Map::new();
    target.filter.as_ref().is_some_and(|filter| said(filter, &mut said_only))
        && matches!(matched, [only] if elements.get(*only) == Some(&Value::Object(said_only)))
}

/// Whether a value is a part of an element rather than another one: it says neither its `value` nor what the
/// filter asked for, and an element without those would be nobody's.
fn is_part(value: &Value, filter: Option<&Filter>) -> bool {
    let Value::Object(value) = value else { return false };
    filter.is_some_and(|filter| !value.contains_key("value") && !names_any(filter, value))
}

/// Whether an object has one of the sub-attributes that a filter asks for.
fn names_any(filter: &Filter, object: &Map<String, Value>) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|term| names_any(term, object)),
        Filter::Not(inner) => names_any(inner, object),
        Filter::Present { path, .. } | Filter::Compare { path, .. } | Filter::ValuePath { path, .. } => {
            object.contains_key(&path.name)
        }
    }
}

/// Changes one element: one of its sub-attributes, some of them, or (replace) all.
fn change_element(element: &mut Value, sub: Option<&str>, value: &Value, keep_others: bool) {
    match (sub, value, &mut *element) {
        (Some(sub), _, Value::Object(object)) => {
            object.insert(sub.to_owned(), value.clone());
        }
        (None, Value::Object(new), Value::Object(object)) if keep_others => object.extend(new.clone()),
        (None, _, slot) => *slot = value.clone(),
        (Some(_), _, _) => {}
    }
}

/// A sub-attribute of an element that cannot be changed keeps what it says.
fn check_immutable_sub<'a>(
    mut touched: impl Iterator<Item = &'a Value>,
    sub: Option<&Attribute>,
    value: Option<&Value>,
) -> Result<(), Error> {
    let Some(sub) = sub.filter(|sub| sub.mutability == Mutability::Immutable) else { return Ok(()) };
    let is_changed = |element: &Value| {
        let old = element.get(&sub.name);
        old.is_some() && old != value
    };
    match touched.any(is_changed) {
        true => Err(Error::mutability(format!("{} cannot be changed once it is set.", sub.name))),
        false => Ok(()),
    }
}

fn is_primary(elements: &[Value], matched: &[usize]) -> bool {
    matched
        .iter()
        .any(|at| elements.get(*at).and_then(|element| element.get("primary")) == Some(&Value::Bool(true)))
}

/// A new primary takes the place of the old one (RFC 7644 §3.5.2).
fn only_primary(elements: &mut [Value], which: Option<usize>) {
    for (at, element) in elements.iter_mut().enumerate() {
        if let (true, Value::Object(object)) = (Some(at) != which, element)
            && object.contains_key("primary")
        {
            object.insert("primary".to_owned(), false.into());
        }
    }
}

/// Adds an element; one that is there already changes nothing (RFC 7644 §3.5.2.1). The same `value` of the
/// same `type` is the same element: what else is said of it is added.
fn add_element(elements: &mut Vec<Value>, new: &Value, target: &Target) {
    let is_link = target.attribute.sub("$ref").is_some();
    let same = |old: &Value| match (old.get("value"), new.get("value")) {
        (Some(old_value), Some(new_value)) if old_value == new_value => {
            is_link || old.get("type") == new.get("type")
        }
        _ => old == new,
    };
    let at = match elements.iter().position(same) {
        Some(at) => {
            if let (Some(Value::Object(old)), Value::Object(new), false) =
                (elements.get_mut(at), new, is_link)
            {
                old.extend(new.clone());
            }
            at
        }
        None => {
            elements.push(new.clone());
            elements.len() - 1
        }
    };
    if new.get("primary") == Some(&Value::Bool(true)) {
        only_primary(elements, Some(at));
    }
}

fn remove(
    home: &mut Map<String, Value>,
    target: &Target,
    value: Option<&Value>,
    rt: &ResourceType,
) -> Result<(), Error> {
    let name = &target.path.name;
    if !target.attribute.multi_valued {
        match &target.sub {
            Some(sub) => {
                if let Some(Value::Object(object)) = home.get_mut(name) {
                    remove_sub(object, sub, value);
                }
            }
            None => {
                home.shift_remove(name);
            }
        }
        return Ok(());
    }
    let mut elements = take_elements(home, name);
    match (&target.filter, &target.sub, value) {
        (None, None, Some(Value::Array(gone))) => {
            gone.iter().for_each(|gone| remove_named(&mut elements, gone));
        }
        (None, None, _) => elements.clear(),
        (filter, sub, _) => {
            let matched = matching(&elements, filter.as_ref(), target, rt);
            if matched.is_empty() && filter.is_some() && target.attribute.sub("$ref").is_none() {
                return Err(no_target(target));
            }
            let touched = matched.iter().filter_map(|at| elements.get(*at));
            check_immutable_sub(touched, sub.as_ref(), None)?;
            match sub {
                Some(sub) => {
                    for at in matched {
                        if let Some(Value::Object(element)) = elements.get_mut(at) {
                            element.shift_remove(&sub.name);
                        }
                    }
                    elements.retain(|element| !is_empty(element));
                }
                None => {
                    let mut at = 0;
                    elements.retain(|_| {
                        at += 1;
                        !matched.contains(&(at - 1))
                    });
                }
            }
        }
    }
    home.insert(name.clone(), Value::Array(elements));
    Ok(())
}

/// Removes a sub-attribute, or of one that is an array the elements that the removal names.
fn remove_sub(object: &mut Map<String, Value>, sub: &Attribute, value: Option<&Value>) {
    let Some(Value::Array(gone)) = value.filter(|_| sub.multi_valued) else {
        object.shift_remove(&sub.name);
        return;
    };
    let mut elements = take_elements(object, &sub.name);
    gone.iter().for_each(|gone| remove_named(&mut elements, gone));
    object.insert(sub.name.clone(), Value::Array(elements));
    object.retain(|_, value| !is_empty(value));
}

/// Removes what a removal's element names: what agrees with all that it says (null is absence), else what
/// has its `value`: Entra ID sends `"$ref": null` for members whose answers have a `$ref`.
fn remove_named(elements: &mut Vec<Value>, gone: &Value) {
    let agrees = |element: &Value| match gone {
        Value::Object(gone) => {
            gone.iter().all(|(key, value)| element.get(key).unwrap_or(&Value::Null) == value)
        }
        other => other == element,
    };
    if elements.iter().any(agrees) {
        elements.retain(|element| !agrees(element));
    } else if let Some(value) = gone.get("value") {
        elements.retain(|element| element.get("value") != Some(value));
    }
}

/// Replace with null: the attribute, sub-attribute or elements go.
fn clear(home: &mut Map<String, Value>, target: &Target, rt: &ResourceType) -> Result<(), Error> {
    remove(home, target, None, rt)
}

fn no_target(target: &Target) -> Error {
    let filter = target.filter.as_ref().map(ToString::to_string).unwrap_or_default();
    Error::bad_request(ScimType::NoTarget, format!("No element of {} matches [{filter}].", target.path))
}

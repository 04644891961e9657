//! Reading a PATCH body: operations in any case, paths resolved, values in canonical form. Also the forms
//! that identity providers send beyond the RFC: removal by value, dotted and URN keys without a path.

use serde_json::{Map, Value};

use super::{Kind, Operation, Target};
use crate::limits::PATCH_OPERATIONS;
use crate::scim::body::{member, syntax};
use crate::scim::error::{Error, ScimType};
use crate::scim::filter::check_elements;
use crate::scim::path::{AttrPath, Path, canonical, named, parse_path};
use crate::scim::resource::{normalise, single};
use crate::scim::schema::{Attribute, Mutability, ResourceType, Type};

/// The URN of a PATCH body.
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Reads the operations of a PATCH body.
pub fn parse(body: &Value, rt: &ResourceType) -> Result<Vec<Operation>, Error> {
    let Value::Object(body) = body else { return Err(syntax("The body is no JSON object.")) };
    if let Some(Value::Array(schemas)) = member(body, "schemas")
        && !schemas.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP)))
    {
        return Err(syntax(&format!("The body's schemas lack {PATCH_OP}.")));
    }
    let Some(Value::Array(items)) = member(body, "Operations") else {
        return Err(syntax("The body has no array Operations."));
    };
    if items.is_empty() || items.len() > PATCH_OPERATIONS {
        return Err(syntax(&format!(
            "Operations holds {} operations; 1 to {PATCH_OPERATIONS} are taken.",
            items.len()
        )));
    }
    let mut operations = Vec::with_capacity(items.len());
    for item in items {
        operation(item, rt, &mut operations)?;
    }
    Ok(operations)
}

fn operation(item: &Value, rt: &ResourceType, into: &mut Vec<Operation>) -> Result<(), Error> {
    let Value::Object(item) = item else { return Err(syntax("An operation is no JSON object.")) };
    let kind = match member(item, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Kind::Add,
        Some("remove") => Kind::Remove,
        Some("replace") => Kind::Replace,
        Some(other) => {
            return Err(syntax(&format!("An operation's op is add, remove or replace, not {other:?}.")));
        }
        None => return Err(syntax("An operation has no op.")),
    };
    let value = member(item, "value");
    if kind != Kind::Remove && value.is_none() {
        return Err(Error::bad_request(
            ScimType::InvalidValue,
            "An operation that adds or replaces needs a value.",
        ));
    }
    match member(item, "path") {
        Some(Value::String(path)) if !path.trim().is_empty() => with_path(kind, path, value, rt, into),
        Some(Value::Null | Value::String(_)) | None if kind == Kind::Remove => {
            Err(Error::bad_request(ScimType::NoTarget, "An operation that removes needs a path."))
        }
        Some(Value::Null | Value::String(_)) | None => without_path(kind, value, rt, into),
        Some(_) => Err(Error::bad_request(ScimType::InvalidPath, "A path is a text.")),
    }
}

fn with_path(
    kind: Kind,
    text: &str,
    value: Option<&Value>,
    rt: &ResourceType,
    into: &mut Vec<Operation>,
) -> Result<(), Error> {
    let invalid =
        |why: String| Error::bad_request(ScimType::InvalidPath, format!("The path {text:?} {why}."));
    let path = parse_path(text).map_err(|error| invalid(format!("cannot be read {error}")))?;
    let attr =
        named(&path.attr, rt).ok_or_else(|| invalid(format!("names nothing that a {} has", rt.name)))?;
    if attr.name.is_empty() {
        return extension(kind, &attr, value, rt, into);
    }
    if attr.urn.is_none() && attr.name == "schemas" {
        return Ok(()); // it follows from the data
    }
    let target = target(&path, &attr, rt).map_err(|error| match error {
        Some(error) => error,
        None => invalid("has a filter or sub-attribute that the attribute cannot have".to_owned()),
    })?;
    let read_only = |mutability| mutability == Mutability::ReadOnly;
    if read_only(target.attribute.mutability)
        || target.sub.as_ref().is_some_and(|sub| read_only(sub.mutability))
    {
        return Err(Error::mutability(format!("{attr} is read-only.")));
    }
    let normal = value_for(&target, kind, value)?;
    let takes_away = kind == Kind::Remove || (kind == Kind::Replace && normal.is_none());
    if takes_away && target.attribute.mutability == Mutability::WriteOnly {
        // Nobody reads it, so a removal would find nothing and do nothing.
        return Err(Error::mutability(format!("{attr} can be set anew, but not removed.")));
    }
    let cleared = if kind == Kind::Replace { cleared(&target, value) } else { None };
    // What has another `value`, or none any more, is another thing as a whole.
    match cleared.filter(|cleared| cleared.iter().all(|sub| sub.name != "value")) {
        Some(cleared) => {
            let removal = |sub: Attribute| {
                let target = Target { sub: Some(sub), ..target.clone() };
                Operation { kind: Kind::Remove, target, value: None }
            };
            into.extend(cleared.into_iter().map(removal));
            into.extend(normal.map(|value| Operation { kind, target, value: Some(value) }));
        }
        None => into.push(Operation { kind, target, value: normal }),
    }
    Ok(())
}

/// The sub-attributes that a replacement of an object names as null or empty, and so clears; those that it does
/// not name stay as they are (RFC 7644 §3.5.2.3).
fn cleared(target: &Target, value: Option<&Value>) -> Option<Vec<Attribute>> {
    let is_single = !target.attribute.multi_valued && target.attribute.kind == Type::Complex;
    let object = value?.as_object().filter(|_| is_single && target.sub.is_none())?;
    let is_nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let named = object.iter().filter(|(_, value)| is_nothing(value));
    let subs = named.filter_map(|(name, _)| target.attribute.sub(name));
    Some(subs.filter(|sub| sub.mutability != Mutability::ReadOnly).cloned().collect())
}

/// What a path leads to; `Err(None)` when its parts do not fit together.
fn target(path: &Path, attr: &AttrPath, rt: &ResourceType) -> Result<Target, Option<Error>> {
    let home = attr.without_sub();
    let attribute = rt.find(&home).ok_or(None)?.attribute.clone();
    let name = attr.sub.as_ref().or(path.sub.as_ref());
    let sub = name.map(|name| attribute.sub(name).cloned().ok_or(None)).transpose()?;
    if path.filter.is_some() && !(attribute.multi_valued || attribute.kind == Type::Complex) {
        return Err(None);
    }
    let filter = path.filter.clone().map(|filter| check_elements(filter, &home, rt)).transpose()?;
    Ok(Target { path: home, attribute, filter, sub })
}

/// The value in canonical form for what it is put into.
fn value_for(target: &Target, kind: Kind, value: Option<&Value>) -> Result<Option<Value>, Error> {
    let Some(value) = value else { return Ok(None) };
    let name = target.path.to_string();
    if let Some(sub) = &target.sub {
        return normalise(value, sub, &format!("{name}.{}", sub.name));
    }
    if target.filter.is_some() {
        // One element; some send it as an array of one.
        let value = match value.as_array().map(Vec::as_slice) {
            Some([one]) => one,
            _ => value,
        };
        return match kind {
            Kind::Remove => Ok(None),
            _ => single(value, &target.attribute, &name),
        };
    }
    if kind == Kind::Remove {
        return Ok(removed(target, value));
    }
    normalise(unwrapped(target, value), &target.attribute, &name)
}

/// Entra ID once sent the value of a simple attribute as `[{"$ref": null, "value": "x"}]`.
fn unwrapped<'a>(target: &Target, value: &'a Value) -> &'a Value {
    let is_simple = !target.attribute.multi_valued && target.attribute.kind != Type::Complex;
    let element = match value.as_array().map(Vec::as_slice) {
        Some([Value::Object(element)]) if is_simple => element,
        _ => return value,
    };
    let says_nothing_else =
        element.iter().all(|(key, value)| key == "value" || (key == "$ref" && value.is_null()));
    element.get("value").filter(|_| says_nothing_else).unwrap_or(value)
}

/// Removal by value: `[{"value": "u1"}]`, one such object, a bare text, or `{"members": [{"value": "u1"}]}`.
/// A value that names nothing removes nothing: a literal reading, which ignores the value, would empty the group.
fn removed(target: &Target, value: &Value) -> Option<Value> {
    if !target.attribute.multi_valued || value.is_null() {
        return None;
    }
    let value = match value {
        Value::Object(object) => member(object, &target.path.name).unwrap_or(value),
        other => other,
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let is_simple = target.attribute.kind != Type::Complex;
    let of = |item: &Value| match item {
        Value::Object(object) if is_simple => member(object, "value").cloned(),
        Value::Object(_) => Some(item.clone()),
        Value::Array(_) | Value::Null => None,
        _ if is_simple => Some(item.clone()),
        Value::String(text) => {
            Some(Value::Object(Map::from_iter([("value".to_owned(), text.as_str().into())])))
        }
        _ => None,
    };
    Some(Value::Array(items.iter().filter_map(of).collect()))
}

/// An operation without a path is one for each attribute of its value (RFC 7644 §3.5.2.1, §3.5.2.3). What
/// is read-only or unknown among them is ignored, as in a body.
fn without_path(
    kind: Kind,
    value: Option<&Value>,
    rt: &ResourceType,
    into: &mut Vec<Operation>,
) -> Result<(), Error> {
    let Some(Value::Object(attributes)) = value else {
        return Err(Error::bad_request(
            ScimType::InvalidValue,
            "An operation without a path needs an object as its value.",
        ));
    };
    for (key, value) in attributes {
        if rt.schema.id.eq_ignore_ascii_case(key) {
            without_path(kind, Some(value), rt, into)?;
            continue;
        }
        let Ok(path) = parse_path(key) else { continue };
        let Some(attr) = named(&path.attr, rt) else {
            if path.attr.urn.as_ref().is_some_and(|urn| rt.extension(urn).is_some()) {
                let detail = format!("{key:?} names nothing that a {} has.", rt.name);
                return Err(Error::bad_request(ScimType::InvalidPath, detail));
            }
            continue;
        };
        if is_ignored(&attr, rt) {
            continue;
        }
        with_path(kind, key, Some(value), rt, into)?;
    }
    Ok(())
}

fn extension(
    kind: Kind,
    attr: &AttrPath,
    value: Option<&Value>,
    rt: &ResourceType,
    into: &mut Vec<Operation>,
) -> Result<(), Error> {
    let urn = attr.urn.clone().unwrap_or_default();
    let names: Vec<String> = rt
        .extension(&urn)
        .map(|e| e.schema.attributes.iter().map(|a| a.name.clone()).collect())
        .unwrap_or_default();
    match (kind, value) {
        (Kind::Remove, _) | (_, Some(Value::Null)) => names
            .iter()
            .map(|name| format!("{urn}:{name}"))
            .filter(|path| is_taken(path, rt))
            .try_for_each(|path| with_path(Kind::Remove, &path, None, rt, into)),
        (_, Some(Value::Object(attributes))) => attributes
            .iter()
            .map(|(key, value)| (format!("{urn}:{key}"), value))
            .filter(|(path, _)| is_taken(path, rt))
            .try_for_each(|(path, value)| with_path(kind, &path, Some(value), rt, into)),
        _ => Err(Error::bad_request(ScimType::InvalidValue, format!("{urn} must be an object."))),
    }
}

/// Whether a path that follows from an extension's URN leads to what a client may change.
fn is_taken(path: &str, rt: &ResourceType) -> bool {
    let attr = parse_path(path).ok().and_then(|path| canonical(&path.attr, rt));
    attr.is_some_and(|attr| !is_ignored(&attr, rt))
}

fn is_ignored(attr: &AttrPath, rt: &ResourceType) -> bool {
    let read_only = |mutability| mutability == Mutability::ReadOnly;
    rt.find(attr).is_some_and(|found| {
        read_only(found.attribute.mutability) || found.sub.is_some_and(|sub| read_only(sub.mutability))
    })
}

//! Resources: what a client's body means, what it must have, and what PUT makes of two versions.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::body::{syntax, wrong_type};
use super::error::{Error, ScimType};
use super::evaluate::instant;
use super::path::AttrPath;
use super::schema::{Attribute, Mutability, ResourceType, Type};

/// A SCIM resource: attribute names in the schema's own spelling; extension attributes nested under
/// their URN.
pub type Resource = Map<String, Value>;

/// A client's body, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Canonical names, checked types; nothing that is read-only, null or empty.
    pub resource: Resource,
    /// Attributes that the type does not have, for the log.
    pub ignored: Vec<String>,
    /// Attributes of the body, those that it clears with null or [] included.
    pub mentioned: Vec<AttrPath>,
}

// === impl Parsed ===

impl Parsed {
    /// The attributes and sub-attributes that the body says something of.
    pub fn written(&self) -> Vec<AttrPath> {
        let value = |path: &AttrPath| match &path.urn {
            Some(urn) => self.resource.get(urn)?.get(&path.name),
            None => self.resource.get(&path.name),
        };
        self.mentioned.iter().flat_map(|path| path.with_subs_of(value(path))).collect()
    }
}

/// Reads a body: names in any case become the schema's, types are checked (400 `invalidValue` that names
/// the attribute), read-only attributes are dropped (RFC 7644 §3.3), unknown ones ignored and listed.
pub fn parse(body: &Value, rt: &ResourceType) -> Result<Parsed, Error> {
    let Value::Object(body) = body else {
        return Err(syntax("The body is no JSON object."));
    };
    let mut parsed = Parsed::default();
    attributes(body, None, rt, &mut parsed)?;
    Ok(parsed)
}

fn attributes(
    body: &Map<String, Value>,
    urn: Option<&str>,
    rt: &ResourceType,
    parsed: &mut Parsed,
) -> Result<(), Error> {
    for (key, value) in body {
        if urn.is_none() && key.eq_ignore_ascii_case("schemas") {
            continue;
        }
        if let (None, Value::Object(nested)) = (urn, value)
            && (rt.extension(key).is_some() || rt.schema.id.eq_ignore_ascii_case(key))
        {
            attributes(nested, Some(key), rt, parsed)?;
            continue;
        }
        let path = AttrPath { urn: urn.map(str::to_owned), name: key.clone(), sub: None };
        let Some(found) = rt.find(&path) else {
            parsed.ignored.push(path.to_string());
            continue;
        };
        if found.attribute.mutability == Mutability::ReadOnly {
            continue;
        }
        let path =
            AttrPath { urn: found.urn.map(str::to_owned), name: found.attribute.name.clone(), sub: None };
        if let Some(value) = normalise(value, found.attribute, &path.to_string())? {
            put(&mut parsed.resource, &path, value);
        }
        parsed.mentioned.push(path);
    }
    Ok(())
}

fn put(resource: &mut Resource, path: &AttrPath, value: Value) {
    let Some(urn) = &path.urn else {
        resource.insert(path.name.clone(), value);
        return;
    };
    if let Value::Object(extension) = resource.entry(urn.clone()).or_insert_with(|| Value::Object(Map::new()))
    {
        extension.insert(path.name.clone(), value);
    }
}

/// A client's value for an attribute in canonical form; `None` when it is no value (RFC 7643 §2.5).
pub(super) fn normalise(value: &Value, attribute: &Attribute, path: &str) -> Result<Option<Value>, Error> {
    match (attribute.multi_valued, value) {
        (_, Value::Null) => Ok(None),
        (true, Value::Array(items)) => {
            let mut elements = Vec::with_capacity(items.len());
            for item in items {
                elements.extend(single(item, attribute, path)?);
            }
            one_primary(&elements, path)?;
            Ok((!elements.is_empty()).then_some(Value::Array(elements)))
        }
        (true, one) => Ok(single(one, attribute, path)?.map(|one| Value::Array(vec![one]))),
        // Entra ID sends a single value as an array of one.
        (false, Value::Array(items)) => match items.as_slice() {
            [] => Ok(None),
            [one] => single(one, attribute, path),
            _ => Err(wrong_type(path, "one value, not several")),
        },
        (false, one) => single(one, attribute, path),
    }
}

/// The same for one value, or one element.
pub(super) fn single(value: &Value, attribute: &Attribute, path: &str) -> Result<Option<Value>, Error> {
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Type::Complex, Value::Object(object)) => complex(object, attribute, path),
        // Entra ID and others send an object as JSON within a text.
        (Type::Complex, Value::String(text)) if text.trim_start().starts_with('{') => {
            match serde_json::from_str(text) {
                Ok(Value::Object(object)) => complex(&object, attribute, path),
                _ => Err(wrong_type(path, "an object")),
            }
        }
        // A reference as a bare text: Entra ID's `manager`.
        (Type::Complex, Value::String(_)) if attribute.sub("value").is_some() => {
            complex(&Map::from_iter([("value".to_owned(), value.clone())]), attribute, path)
        }
        (Type::Complex, _) => Err(wrong_type(path, "an object")),
        (Type::Boolean, Value::Bool(_)) => Ok(Some(value.clone())),
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true.into())),
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false.into())),
        (Type::Boolean, _) => Err(wrong_type(path, "true or false")),
        (Type::Integer, Value::Number(number)) if number.is_i64() => Ok(Some(value.clone())),
        (Type::Integer, _) => Err(wrong_type(path, "a whole number")),
        // A whole number beyond 64 bits would come back as another one.
        (Type::Decimal, Value::Number(number)) if number.is_f64() || number.is_i64() => {
            Ok(Some(value.clone()))
        }
        (Type::Decimal, _) => Err(wrong_type(path, "a number that 64 bits can hold")),
        (_, Value::String(text)) if text.contains('\0') => Err(Error::bad_request(
            ScimType::InvalidValue,
            format!("{path} has the character U+0000, which no target can keep."),
        )),
        (Type::DateTime, Value::String(text)) if instant(text).is_none() => {
            Err(wrong_type(path, "a date and time such as \"2026-01-31T12:00:00Z\""))
        }
        (Type::Binary, Value::String(text)) => {
            base64(text).map(|text| Some(text.into())).ok_or_else(|| wrong_type(path, "octets in base64"))
        }
        (Type::Reference, Value::String(text)) if !may_be_uri(text) => Err(wrong_type(path, "a URI")),
        (_, Value::String(_)) => Ok(Some(value.clone())),
        _ => Err(wrong_type(path, "a text")),
    }
}

/// The one base64 form of what may come without padding (RFC 7643 §2.3.6); `None` when it is none.
pub(super) fn base64(text: &str) -> Option<String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text).ok().map(|octets| LENIENT.encode(octets))
}

/// Whether a text has only characters that a URI reference may have (RFC 3986 §2, RFC 3987 §2.2).
fn may_be_uri(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c))
}

fn complex(object: &Map<String, Value>, attribute: &Attribute, path: &str) -> Result<Option<Value>, Error> {
    let mut result = Map::new();
    for (key, value) in object {
        let Some(sub) = attribute.sub(key) else { continue };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(value) = normalise(value, sub, &format!("{path}.{}", sub.name))? {
            result.insert(sub.name.clone(), value);
        }
    }
    Ok((!result.is_empty()).then_some(Value::Object(result)))
}

/// RFC 7643 §2.4: `primary` is true at most once.
fn one_primary(elements: &[Value], path: &str) -> Result<(), Error> {
    let primaries =
        elements.iter().filter(|element| element.get("primary") == Some(&Value::Bool(true))).count();
    match primaries > 1 {
        true => Err(Error::bad_request(
            ScimType::InvalidValue,
            format!("{path} has more than one primary value."),
        )),
        false => Ok(()),
    }
}

/// Checks that a resource has what its type requires: 400 `invalidValue` that names what is missing.
pub fn require(resource: &Resource, rt: &ResourceType) -> Result<(), Error> {
    let absent = |urn: &str| !resource.get(urn).is_some_and(Value::is_object);
    let mut required = rt.extensions.iter().filter(|extension| extension.required);
    if let Some(missing) = required.find(|extension| absent(&extension.schema.id)) {
        let detail = format!("The extension {} is required.", missing.schema.id);
        return Err(Error::bad_request(ScimType::InvalidValue, detail));
    }
    for (urn, attribute) in rt.attributes() {
        let home = match urn {
            Some(urn) => match resource.get(urn).and_then(Value::as_object) {
                Some(home) => home,
                None => continue,
            },
            None => resource,
        };
        let value = home.get(&attribute.name);
        let empty = value.is_none_or(|value| value.is_null() || value.as_str().is_some_and(str::is_empty));
        if attribute.required && empty && attribute.mutability != Mutability::ReadOnly {
            return Err(Error::bad_request(
                ScimType::InvalidValue,
                format!("{} is required.", attribute.name),
            ));
        }
        value.map_or(Ok(()), |value| require_subs(value, attribute))?;
    }
    Ok(())
}

fn require_subs(value: &Value, attribute: &Attribute) -> Result<(), Error> {
    let elements: &[Value] = match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    };
    for sub in
        attribute.sub_attributes.iter().filter(|sub| sub.required && sub.mutability != Mutability::ReadOnly)
    {
        if elements.iter().any(|element| element.is_object() && element.get(&sub.name).is_none()) {
            let detail = format!("{}.{} is required.", attribute.name, sub.name);
            return Err(Error::bad_request(ScimType::InvalidValue, detail));
        }
    }
    Ok(())
}

/// What a PUT that does not mention it leaves as it is: no rename may empty a group, and no change of a name
/// may open the account of somebody who left.
const KEPT_BY_PUT: [&str; 2] = ["active", "members"];

/// What PUT makes of a resource (RFC 7644 §3.5.1): as the body says. Read-only attributes stay; an
/// immutable one may only be repeated (400 `mutability`); what the body does not mention is cleared, which
/// the RFC leaves to the server, but for [`KEPT_BY_PUT`].
pub fn replace(before: &Resource, body: &Parsed, rt: &ResourceType) -> Result<Resource, Error> {
    let mut after = body.resource.clone();
    for name in ["id", "meta"] {
        if let Some(value) = before.get(name) {
            after.insert(name.to_owned(), value.clone());
        }
    }
    for (urn, attribute) in rt.attributes() {
        let path = AttrPath { urn: urn.map(str::to_owned), name: attribute.name.clone(), sub: None };
        let home = urn.map_or(Some(before), |urn| before.get(urn).and_then(Value::as_object));
        let Some(old) = home.and_then(|home| home.get(&attribute.name)) else { continue };
        let mentioned = body.mentioned.contains(&path);
        let keeps = match attribute.mutability {
            Mutability::ReadOnly => true,
            Mutability::Immutable => !mentioned,
            _ => !mentioned && urn.is_none() && KEPT_BY_PUT.contains(&attribute.name.as_str()),
        };
        if keeps {
            put(&mut after, &path, old.clone());
        }
        keep_read_only_subs(&mut after, &path, old, attribute);
    }
    check_immutable(before, &after, rt)?;
    Ok(after)
}

/// Read-only sub-attributes of an object stay as they are (`name.formatted` where it is derived).
fn keep_read_only_subs(after: &mut Resource, path: &AttrPath, old: &Value, attribute: &Attribute) {
    let read_only = attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::ReadOnly);
    let home = match &path.urn {
        Some(urn) => after.get_mut(urn).and_then(Value::as_object_mut),
        None => Some(after),
    };
    let Some(Value::Object(object)) = home.and_then(|home| home.get_mut(&path.name)) else { return };
    for sub in read_only {
        if let Some(value) = old.get(&sub.name) {
            object.insert(sub.name.clone(), value.clone());
        }
    }
}

/// An immutable attribute that has a value keeps it (RFC 7643 §7).
pub(super) fn check_immutable(before: &Resource, after: &Resource, rt: &ResourceType) -> Result<(), Error> {
    for (urn, attribute) in
        rt.attributes().filter(|(_, attribute)| attribute.mutability == Mutability::Immutable)
    {
        let value = |of: &Resource| match urn {
            Some(urn) => of.get(urn).and_then(|object| object.get(&attribute.name)).cloned(),
            None => of.get(&attribute.name).cloned(),
        };
        if value(before).is_some_and(|old| value(after) != Some(old)) {
            return Err(Error::mutability(format!("{} cannot be changed once it is set.", attribute.name)));
        }
    }
    check_immutable_subs(before, after, rt)
}

/// The same for the sub-attributes of an object. Elements of an array have no identity but their value: one
/// that differs is another one.
fn check_immutable_subs(before: &Resource, after: &Resource, rt: &ResourceType) -> Result<(), Error> {
    for (urn, attribute) in rt.attributes().filter(|(_, attribute)| !attribute.multi_valued) {
        let object = |of: &Resource| {
            let home = urn.map_or(Some(of), |urn| of.get(urn).and_then(Value::as_object))?;
            home.get(&attribute.name)?.as_object().cloned()
        };
        let (Some(old), Some(new)) = (object(before), object(after)) else { continue };
        let kept = attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable);
        if let Some(sub) = kept
            .filter(|sub| old.contains_key(&sub.name))
            .find(|sub| old.get(&sub.name) != new.get(&sub.name))
        {
            let detail = format!("{}.{} cannot be changed once it is set.", attribute.name, sub.name);
            return Err(Error::mutability(detail));
        }
    }
    Ok(())
}

/// Sets `schemas`: the core schema, then the extensions that have data.
pub fn set_schemas(resource: &mut Resource, rt: &ResourceType) {
    let extensions =
        rt.extensions.iter().map(|extension| &extension.schema.id).filter(|urn| resource.contains_key(*urn));
    let urns: Vec<Value> =
        std::iter::once(&rt.schema.id).chain(extensions).map(|urn| urn.as_str().into()).collect();
    resource.shift_insert(0, "schemas".to_owned(), Value::Array(urns));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{Extension, Schema};

    fn of_type(kind: Type) -> Attribute {
        Attribute { name: "x".to_owned(), kind, ..Attribute::default() }
    }

    #[test]
    fn values_are_of_their_type() {
        for (kind, good, bad) in [
            (
                Type::Decimal,
                vec![json!(1), json!(-0.5), json!(1e300)],
                vec![json!("1"), json!(u64::MAX), json!(true)],
            ),
            (Type::Integer, vec![json!(i64::MIN)], vec![json!(1.0), json!(u64::MAX), json!("1")]),
            (
                Type::Binary,
                vec![json!("AAA="), json!("AAA"), json!("")],
                vec![json!("A"), json!("_-=="), json!("A A="), json!(1)],
            ),
            (
                Type::Reference,
                vec![json!("../Users/1"), json!("urn:x:y"), json!("https://x/\u{e9}")],
                vec![json!("a b"), json!("<a>"), json!("\n")],
            ),
            (
                Type::DateTime,
                vec![json!("2026-01-31T12:00:00"), json!("2026-01-31T12:00:00.5-09:30")],
                vec![json!("2026-01-31"), json!(0)],
            ),
        ] {
            for value in good {
                assert!(single(&value, &of_type(kind), "x").is_ok(), "{kind:?} {value}");
            }
            for value in bad {
                let error = single(&value, &of_type(kind), "x").unwrap_err();
                assert_eq!(error.scim_type, Some(ScimType::InvalidValue), "{kind:?} {value}");
            }
        }
        assert_eq!(single(&json!("AAA"), &of_type(Type::Binary), "x").unwrap(), Some(json!("AAA=")));
    }

    fn thing(subs: Vec<Attribute>) -> ResourceType {
        let attribute = Attribute { sub_attributes: subs, ..of_type(Type::Complex) };
        let schema =
            Schema { id: "urn:x:y:Thing".to_owned(), attributes: vec![attribute], ..Schema::default() };
        let extension = Schema { id: "urn:x:y:More".to_owned(), ..schema.clone() };
        ResourceType {
            schema,
            extensions: vec![Extension { schema: extension, required: false }],
            ..ResourceType::default()
        }
    }

    fn object(value: Value) -> Resource {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn an_immutable_sub_attribute_is_set_once() {
        let fixed = Attribute { mutability: Mutability::Immutable, ..of_type(Type::String) };
        let rt = thing(vec![
            Attribute { name: "fixed".to_owned(), ..fixed },
            Attribute { name: "free".to_owned(), ..of_type(Type::String) },
        ]);
        for home in ["core", "urn:x:y:More"] {
            let of = |value: Value| match home {
                "core" => object(json!({ "x": value })),
                urn => object(json!({ urn: { "x": value } })),
            };
            let check = |before: Value, after: Value| check_immutable(&of(before), &of(after), &rt).is_ok();
            assert!(check(json!({ "free": "1" }), json!({ "free": "2", "fixed": "1" })), "{home}");
            assert!(check(json!({ "fixed": "1", "free": "1" }), json!({ "fixed": "1" })), "{home}");
            assert!(!check(json!({ "fixed": "1" }), json!({ "fixed": "2" })), "{home}");
            assert!(!check(json!({ "fixed": "1" }), json!({ "free": "2" })), "{home}");
        }
    }

    #[test]
    fn an_extension_may_be_required() {
        let mut rt = thing(vec![of_type(Type::String)]);
        assert!(require(&Resource::new(), &rt).is_ok());
        rt.extensions[0].required = true;
        assert!(require(&Resource::new(), &rt).unwrap_err().detail.contains("urn:x:y:More"));
        assert!(require(&object(json!({ "urn:x:y:More": { "x": { "x": "1" } } })), &rt).is_ok());
    }
}

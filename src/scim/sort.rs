//! Sorting (RFC 7644 §3.4.2.3): what `sortBy` may name, and the [`Key`] that orders a resource by it.
//!
//! Text is ordered by Unicode code points once its case is folded as the backend folds it (unless the
//! attribute is case-exact), numbers and truth values by size, dates as instants. Of several values the
//! primary's counts, else the first. Who has none stands last, in descending order first.

use std::cmp::Ordering;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{Error, ScimType};
use super::evaluate::{Folding, elements, folded, instant};
use super::path::{AttrPath, named, parse_path};
use super::resource::Resource;
use super::schema::{Attribute, ResourceType, Returned, Type};
use crate::limits::{SORT_BY_CHARS, SORTED_CHARS};

/// What `sortBy` and `sortOrder` say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortBy {
    /// As the client spelled it.
    pub path: AttrPath,
    /// Whether the order is turned round.
    pub descending: bool,
}

/// What orders the resources of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// The attribute, or the sub-attribute, in the schema's own spelling.
    pub path: AttrPath,
    /// Whether the order is turned round.
    pub descending: bool,
    kind: Type,
    case_exact: bool,
}

/// What one resource is sorted by. Keys of several kinds meet only where two types have attributes of one
/// name and different types.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// A truth value: false first.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
    /// An instant.
    Instant(OffsetDateTime),
    /// A text, already folded and no longer than [`SORTED_CHARS`].
    Text(String),
}

// === impl SortBy ===

impl SortBy {
    /// Reads the two parameters; the second says nothing without the first, but is no nonsense either.
    pub fn parse(sort_by: Option<&str>, sort_order: Option<&str>) -> Result<Option<Self>, Error> {
        let descending = match sort_order.map(str::to_ascii_lowercase).as_deref() {
            None | Some("ascending") => false,
            Some("descending") => true,
            Some(_) => return Err(invalid("sortOrder is ascending or descending.".to_owned())),
        };
        let Some(text) = sort_by else { return Ok(None) };
        if text.chars().count() > SORT_BY_CHARS {
            return Err(invalid(format!("sortBy has more than {SORT_BY_CHARS} characters.")));
        }
        let parsed = parse_path(text).map_err(|error| invalid(format!("sortBy cannot be read {error}.")))?;
        match parsed.filter {
            None => Ok(Some(Self { path: parsed.attr, descending })),
            Some(_) => Err(invalid(format!("sortBy names an attribute without a filter, not {text:?}."))),
        }
    }

    /// What that means for each of these types; `None` for one that has no such attribute. Where none has
    /// it, or where it has no order, that is 400 `invalidValue`: the RFC leaves it open, and an order that
    /// was asked for and not given would be taken for one.
    pub fn of_types(&self, types: &[&ResourceType]) -> Result<Vec<Option<Sort>>, Error> {
        let sorts = types.iter().map(|rt| self.of_type(rt)).collect::<Result<Vec<_>, _>>()?;
        match sorts.iter().all(Option::is_none) {
            true => {
                let names: Vec<&str> = types.iter().map(|rt| rt.name.as_str()).collect();
                let detail = format!("sortBy: {} has no attribute {}.", names.join(" or "), self.path);
                Err(invalid(detail))
            }
            false => Ok(sorts),
        }
    }

    fn of_type(&self, rt: &ResourceType) -> Result<Option<Sort>, Error> {
        let Some(mut path) = named(&self.path, rt) else { return Ok(None) };
        let Some(found) = rt.find(&path) else {
            return Err(invalid(format!("sortBy names one attribute, not all of {path}.")));
        };
        let mut attribute = found.sub.unwrap_or(found.attribute);
        if is_never_told(found.attribute) || is_never_told(attribute) {
            return Err(invalid(format!("{path} cannot be sorted by.")));
        }
        if attribute.kind == Type::Complex {
            let detail = || invalid(format!("sortBy: {path} has sub-attributes; name one of them."));
            attribute = attribute.sub("value").ok_or_else(detail)?;
            path = path.with_sub(&attribute.name);
        }
        match attribute.kind {
            Type::Binary => Err(invalid(format!("{path} is binary data, which has no order."))),
            kind => {
                let (descending, case_exact) = (self.descending, attribute.case_exact);
                Ok(Some(Sort { path, descending, kind, case_exact }))
            }
        }
    }
}

fn is_never_told(attribute: &Attribute) -> bool {
    attribute.returned == Returned::Never
}

fn invalid(detail: String) -> Error {
    Error::bad_request(ScimType::InvalidValue, detail)
}

// === impl Sort ===

impl Sort {
    /// The type of the values.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// What this resource is sorted by, under this folding; `None` when it has no value.
    pub fn key(&self, resource: &Resource, folding: Folding) -> Option<Key> {
        let elements = elements(resource, &self.path);
        let primary = elements.iter().filter(|element| element.get("primary") == Some(&Value::Bool(true)));
        primary.chain(&elements).find_map(|element| self.value(element, folding))
    }

    fn value(&self, element: &Value, folding: Folding) -> Option<Key> {
        let value = match (&self.path.sub, element) {
            (Some(sub), Value::Object(object)) => object.get(sub)?,
            (Some(sub), simple) if sub == "value" => simple,
            (Some(_), _) => return None,
            (None, value) => value,
        };
        match (self.kind, value) {
            // A sub-attribute may have several values itself.
            (_, Value::Array(items)) => items.iter().find_map(|item| self.value(item, folding)),
            (Type::Boolean, Value::Bool(truth)) => Some(Key::Bool(*truth)),
            (Type::Integer, Value::Number(number)) => number.as_i64().map(Key::Integer),
            (Type::Decimal, Value::Number(number)) => number.as_f64().map(Key::Decimal),
            (Type::DateTime, Value::String(text)) => instant(text).map(Key::Instant),
            (Type::String | Type::Reference, Value::String(text)) => {
                let text = folded(text, self.case_exact, folding);
                Some(Key::Text(text.chars().take(SORTED_CHARS).collect()))
            }
            _ => None,
        }
    }
}

/// Which of two stands first; who has no key stands last, in descending order first.
pub fn compare(a: Option<&Key>, b: Option<&Key>, descending: bool) -> Ordering {
    let order = match (a, b) {
        (Some(a), Some(b)) => a.compare(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    if descending { order.reverse() } else { order }
}

// === impl Key ===

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Decimal(a), Self::Decimal(b)) => a.total_cmp(b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Integer(_) => 1,
            Self::Decimal(_) => 2,
            Self::Instant(_) => 3,
            Self::Text(_) => 4,
        }
    }

    /// The key as JSON, for a cursor: its kind and its value.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Bool(truth) => json!(["b", truth]),
            Self::Integer(number) => json!(["i", number]),
            // As text, because JSON's reader may round.
            Self::Decimal(number) => json!(["d", format!("{number:?}")]),
            Self::Instant(at) => json!(["t", at.format(&Rfc3339).unwrap_or_default()]),
            Self::Text(text) => json!(["s", text]),
        }
    }

    /// The key of such a JSON.
    pub(super) fn of_json(json: &Value) -> Option<Self> {
        let [Value::String(kind), value] = json.as_array()?.as_slice() else { return None };
        match kind.as_str() {
            "b" => value.as_bool().map(Self::Bool),
            "i" => value.as_i64().map(Self::Integer),
            "d" => value.as_str()?.parse().ok().map(Self::Decimal),
            "t" => instant(value.as_str()?).map(Self::Instant),
            "s" => value.as_str().map(str::to_owned).map(Self::Text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::scim::schema::{Extension, core_group, core_user, enterprise_user};

    static USER: LazyLock<ResourceType> = LazyLock::new(|| ResourceType {
        name: "User".to_owned(),
        schema: core_user().clone(),
        extensions: vec![Extension { schema: enterprise_user().clone(), required: false }],
        ..ResourceType::default()
    });
    static GROUP: LazyLock<ResourceType> = LazyLock::new(|| ResourceType {
        name: "Group".to_owned(),
        schema: core_group().clone(),
        ..ResourceType::default()
    });

    fn sort(by: &str) -> Sort {
        let by = SortBy::parse(Some(by), None).unwrap().unwrap();
        by.of_types(&[&USER]).unwrap().pop().unwrap().unwrap()
    }

    fn key(by: &str, resource: Value) -> Option<Key> {
        sort(by).key(resource.as_object().unwrap(), Folding::Unicode)
    }

    fn text(text: &str) -> Option<Key> {
        Some(Key::Text(text.to_owned()))
    }

    #[test]
    fn the_value_that_counts() {
        let emails = |second: Value| json!({ "emails": [{ "value": "B@x" }, second] });
        assert_eq!(key("emails", emails(json!({ "value": "a@x" }))), text("b@x"));
        assert_eq!(key("EMAILS.value", emails(json!({ "value": "A@x", "primary": true }))), text("a@x"));
        // A primary element without this sub-attribute leaves it to the first that has it.
        assert_eq!(key("emails.value", emails(json!({ "type": "work", "primary": true }))), text("b@x"));
        assert_eq!(key("emails", json!({ "emails": [] })), None);
        assert_eq!(key("name.familyName", json!({ "name": { "familyName": "Ärger" } })), text("ärger"));
        assert_eq!(key("externalId", json!({ "externalId": "Ab" })), text("Ab"));
        assert_eq!(key("active", json!({ "active": true })), Some(Key::Bool(true)));
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        let extension = json!({ "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": { "value": "7" } } });
        assert_eq!(key(manager, extension), text("7"));
        let early = key("meta.created", json!({ "meta": { "created": "2026-01-01T01:00:00+02:00" } }));
        let late = key("meta.created", json!({ "meta": { "created": "2026-01-01T00:00:00Z" } }));
        assert!(compare(early.as_ref(), late.as_ref(), false).is_lt());
    }

    #[test]
    fn who_has_no_value_stands_last_and_first_in_descending_order() {
        let a = text("a");
        assert!(compare(a.as_ref(), None, false).is_lt());
        assert!(compare(a.as_ref(), None, true).is_gt());
        assert!(compare(None, None, true).is_eq());
    }

    #[test]
    fn what_cannot_be_sorted_by_is_refused_and_named() {
        for (by, word) in [
            ("nothing", "User has no attribute nothing"),
            ("password", "password cannot"),
            ("name", "name has sub-attributes"),
            ("addresses", "addresses has sub-attributes"),
            ("x509Certificates", "binary"),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "one attribute"),
        ] {
            let parsed = SortBy::parse(Some(by), None).unwrap().unwrap();
            let error = parsed.of_types(&[&USER]).unwrap_err();
            assert_eq!(error.scim_type, Some(ScimType::InvalidValue), "{by}");
            assert!(error.detail.contains(word), "{error}");
        }
        for (by, order) in [("a b", None), ("", None), ("userName", Some("")), ("userName", Some("up"))] {
            assert!(SortBy::parse(Some(by), order).is_err(), "{by}");
        }
        assert!(SortBy::parse(Some(&"a".repeat(SORT_BY_CHARS + 1)), None).is_err());
    }

    #[test]
    fn an_attribute_of_one_type_is_no_attribute_of_the_other() {
        let by = SortBy::parse(Some("displayName"), Some("DESCENDING")).unwrap().unwrap();
        assert!(by.of_types(&[&USER, &GROUP]).unwrap().iter().all(Option::is_some));
        let by = SortBy::parse(Some("userName"), None).unwrap().unwrap();
        assert!(matches!(by.of_types(&[&USER, &GROUP]).unwrap().as_slice(), [Some(_), None]));
    }

    #[test]
    fn of_a_long_text_the_beginning_counts() {
        let long = "x".repeat(SORTED_CHARS);
        assert_eq!(key("userName", json!({ "userName": format!("{long}y") })), text(&long));
    }

    fn any_key() -> impl Strategy<Value = Option<Key>> {
        prop_oneof![
            Just(None),
            any::<bool>().prop_map(|truth| Some(Key::Bool(truth))),
            any::<i64>().prop_map(|number| Some(Key::Integer(number))),
            any::<f64>().prop_filter("no NaN in JSON", |n| n.is_finite()).prop_map(|n| Some(Key::Decimal(n))),
            (0i64..4_000_000_000, 0u32..1_000_000_000).prop_map(|(s, ns)| {
                let at = OffsetDateTime::from_unix_timestamp(s).unwrap().replace_nanosecond(ns).unwrap();
                Some(Key::Instant(at))
            }),
            ".{0,8}".prop_map(|text| Some(Key::Text(text))),
        ]
    }

    proptest! {
        #[test]
        fn keys_go_through_json_unchanged(key in any_key()) {
            let json = key.as_ref().map(Key::to_json);
            prop_assert_eq!(json.as_ref().and_then(Key::of_json), key);
        }

        #[test]
        fn the_order_is_total(mut keys in proptest::collection::vec(any_key(), 0..12), descending: bool) {
            keys.sort_by(|a, b| compare(a.as_ref(), b.as_ref(), descending));
            for (at, a) in keys.iter().enumerate() {
                for b in &keys[at..] {
                    prop_assert!(compare(a.as_ref(), b.as_ref(), descending).is_le());
                }
            }
        }
    }
}

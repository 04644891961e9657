//! Which attributes an answer has: `attributes` and `excludedAttributes` (RFC 7644 §3.9), and each
//! attribute's own `returned` (RFC 7643 §7).

use serde_json::{Map, Value};

use super::error::{Error, ScimType};
use super::path::{AttrPath, canonical, parse_path};
use super::resource::Resource;
use super::schema::{Attribute, ResourceType, Returned};

/// What the client wants to see.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    asked: Asked,
    /// Attributes that are always shown, never, or only when asked for, of this type.
    always: Vec<AttrPath>,
    never: Vec<AttrPath>,
    on_request: Vec<AttrPath>,
}

#[derive(Clone, Debug, PartialEq)]
enum Asked {
    /// What is shown by default.
    Default,
    /// These, and what is always shown.
    Only(Vec<AttrPath>),
    /// What is shown by default without these.
    Without(Vec<AttrPath>),
}

/// Shown whatever is asked (RFC 7643 §3.1, RFC 7644 §3.9).
const ALWAYS: [&str; 2] = ["id", "schemas"];

// === impl Projection ===

impl Projection {
    /// Reads the two query parameters, lists with commas; both at once are 400. A name that the type does
    /// not have asks for nothing.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>, rt: &ResourceType) -> Result<Self, Error> {
        let asked = match (attributes, excluded) {
            (Some(_), Some(_)) => {
                let detail = "attributes and excludedAttributes exclude each other.";
                return Err(Error::bad_request(ScimType::InvalidValue, detail));
            }
            (Some(names), None) => Asked::Only(paths(names, rt)),
            (None, Some(names)) => Asked::Without(paths(names, rt)),
            (None, None) => Asked::Default,
        };
        let returned = |returned: Returned| -> Vec<AttrPath> {
            rt.attributes().flat_map(|(urn, attribute)| marked(urn, attribute, returned)).collect()
        };
        let mut always = returned(Returned::Always);
        always.extend(ALWAYS.map(AttrPath::attribute));
        Ok(Self { asked, always, never: returned(Returned::Never), on_request: returned(Returned::Request) })
    }

    /// For the answer to a write: what is shown only when asked for is shown where the client wrote it
    /// (RFC 7643 §7, `returned`). `written` answers the attributes and sub-attributes that it wrote.
    pub fn after_writing(&mut self, written: impl FnOnce() -> Vec<AttrPath>) {
        if !self.on_request.is_empty() {
            let written = written();
            self.on_request.retain(|path| !written.contains(path));
        }
    }

    /// Whether neither parameter was given.
    pub fn is_default(&self) -> bool {
        self.asked == Asked::Default
    }

    /// Whether any part of this attribute would be in the answer.
    pub fn wants(&self, path: &AttrPath) -> bool {
        let attribute = path.without_sub();
        if self.never.contains(&attribute) {
            return false;
        }
        if self.always.contains(&attribute) {
            return true;
        }
        match &self.asked {
            Asked::Default => !self.on_request.contains(&attribute),
            Asked::Only(wanted) => wanted.iter().any(|wanted| {
                wanted.without_sub() == attribute
                    || (covers(wanted, &attribute) && !self.on_request.contains(&attribute))
            }),
            Asked::Without(unwanted) => {
                !self.on_request.contains(&attribute)
                    && !unwanted.iter().any(|unwanted| covers(unwanted, &attribute))
            }
        }
    }

    /// Takes out of a resource what the answer should not have.
    pub fn apply(&self, resource: &mut Resource, rt: &ResourceType) {
        for extension in &rt.extensions {
            let urn = extension.schema.id.as_str();
            if let Some(Value::Object(object)) = resource.get_mut(urn) {
                self.keep(object, Some(urn));
                if object.is_empty() {
                    resource.shift_remove(urn);
                }
            }
        }
        let extensions: Vec<&str> =
            rt.extensions.iter().map(|extension| extension.schema.id.as_str()).collect();
        self.keep_but(resource, None, &extensions);
    }

    fn keep(&self, object: &mut Map<String, Value>, urn: Option<&str>) {
        self.keep_but(object, urn, &[]);
    }

    fn keep_but(&self, object: &mut Map<String, Value>, urn: Option<&str>, but: &[&str]) {
        object.retain(|name, value| {
            let path = AttrPath { urn: urn.map(str::to_owned), name: name.clone(), sub: None };
            but.contains(&name.as_str()) || (self.wants(&path) && self.keep_subs(&path, value))
        });
    }

    /// Takes the unwanted sub-attributes out of a value; whether anything is left.
    fn keep_subs(&self, path: &AttrPath, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => self.keep_sub(path, object),
            Value::Array(items) => {
                items
                    .retain_mut(|item| item.as_object_mut().is_none_or(|object| self.keep_sub(path, object)));
                !items.is_empty()
            }
            _ => true,
        }
    }

    fn keep_sub(&self, path: &AttrPath, object: &mut Map<String, Value>) -> bool {
        object.retain(|name, _| {
            let sub = path.with_sub(name);
            if self.never.contains(&sub) || self.always.contains(&sub) {
                return self.always.contains(&sub);
            }
            let shown = !self.on_request.contains(&sub);
            match &self.asked {
                // Whole because it is always shown.
                Asked::Only(_) if self.always.contains(path) => shown,
                Asked::Default => shown,
                Asked::Only(wanted) => {
                    wanted.contains(&sub) || (shown && wanted.iter().any(|wanted| covers(wanted, path)))
                }
                Asked::Without(unwanted) => shown && !unwanted.contains(&sub),
            }
        });
        !object.is_empty()
    }
}

/// Whether asking for `asked` asks for the whole attribute: by its own path, or by its extension's URN.
fn covers(asked: &AttrPath, attribute: &AttrPath) -> bool {
    asked == attribute || (asked.name.is_empty() && asked.urn == attribute.urn)
}

fn paths(names: &str, rt: &ResourceType) -> Vec<AttrPath> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.filter_map(|name| canonical(&parse_path(name).ok()?.attr, rt)).collect()
}

/// The paths of an attribute and its sub-attributes that are returned so.
fn marked(urn: Option<&str>, attribute: &Attribute, returned: Returned) -> Vec<AttrPath> {
    let path = AttrPath { urn: urn.map(str::to_owned), name: attribute.name.clone(), sub: None };
    let subs = attribute.sub_attributes.iter().filter(|sub| sub.returned == returned);
    let subs = subs.map(|sub| path.with_sub(&sub.name)).collect::<Vec<_>>();
    (attribute.returned == returned).then_some(path).into_iter().chain(subs).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{Extension, Schema, Type};

    const URN: &str = "urn:x:ext:Extra";

    /// `a` is always shown, `n` never, `r` on request, `d` by default; the same within `c`, and in an extension.
    fn rt() -> ResourceType {
        let simple = || {
            [
                ("a", Returned::Always),
                ("n", Returned::Never),
                ("r", Returned::Request),
                ("d", Returned::Default),
            ]
            .map(|(name, returned)| Attribute {
                name: name.to_owned(),
                returned,
                ..Attribute::default()
            })
        };
        let complex = Attribute {
            name: "c".to_owned(),
            kind: Type::Complex,
            sub_attributes: simple().to_vec(),
            ..Attribute::default()
        };
        let attributes: Vec<Attribute> = simple().into_iter().chain([complex]).collect();
        let schema =
            |id: &str| Schema { id: id.to_owned(), attributes: attributes.clone(), ..Schema::default() };
        ResourceType {
            schema: schema("urn:x:core:Thing"),
            extensions: vec![Extension { schema: schema(URN), required: false }],
            ..ResourceType::default()
        }
    }

    fn shown(projection: &Projection) -> Value {
        let one = json!({ "a": 1, "n": 1, "r": 1, "d": 1, "c": { "a": 1, "n": 1, "r": 1, "d": 1 } });
        let mut resource = one.as_object().unwrap().clone();
        resource.insert("id".to_owned(), "1".into());
        resource.insert(URN.to_owned(), one);
        projection.apply(&mut resource, &rt());
        resource.into()
    }

    fn asked(attributes: Option<&str>, excluded: Option<&str>) -> Projection {
        Projection::parse(attributes, excluded, &rt()).unwrap()
    }

    #[test]
    fn each_attribute_is_shown_as_it_is_returned() {
        let default = json!({ "a": 1, "d": 1, "c": { "a": 1, "d": 1 } });
        for (attributes, excluded, core, extension) in [
            (None, None, default.clone(), default.clone()),
            (Some("d"), None, json!({ "a": 1, "d": 1 }), json!({ "a": 1 })),
            (Some("r,n"), None, json!({ "a": 1, "r": 1 }), json!({ "a": 1 })),
            (Some("c"), None, json!({ "a": 1, "c": { "a": 1, "d": 1 } }), json!({ "a": 1 })),
            (Some("c.r,c.n"), None, json!({ "a": 1, "c": { "a": 1, "r": 1 } }), json!({ "a": 1 })),
            (Some(URN), None, json!({ "a": 1 }), default.clone()),
            (
                Some("urn:X:EXT:extra:C.D"),
                None,
                json!({ "a": 1 }),
                json!({ "a": 1, "c": { "a": 1, "d": 1 } }),
            ),
            (None, Some("a,d,c.a,c.d"), json!({ "a": 1, "c": { "a": 1 } }), default.clone()),
            (None, Some(URN), default.clone(), json!({ "a": 1 })),
        ] {
            let mut found = shown(&asked(attributes, excluded));
            let what = format!("{attributes:?} without {excluded:?}");
            assert_eq!(found[URN].take(), extension, "{what}");
            let found = found.as_object_mut().unwrap();
            assert_eq!(
                (found.remove("id"), found.remove(URN)),
                (Some("1".into()), Some(Value::Null)),
                "{what}"
            );
            assert_eq!(Value::Object(found.clone()), core, "{what}");
        }
    }

    #[test]
    fn what_a_client_wrote_it_sees_once() {
        let path = |name: &str| AttrPath::attribute(name);
        let wrote = vec![path("r"), path("n"), path("c"), path("c").with_sub("r")];
        let mut projection = asked(None, None);
        projection.after_writing(|| wrote);
        let found = shown(&projection);
        assert_eq!((&found["r"], &found["n"], &found["c"]["r"]), (&json!(1), &Value::Null, &json!(1)));
        assert_eq!(found[URN]["r"], Value::Null);
    }
}

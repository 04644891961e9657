//! Versions of a resource (RFC 7643 §3.1 `meta.version`, RFC 7644 §3.14) and the conditions that a request
//! makes on them (RFC 9110 §13). Knows no HTTP beyond a header's text.
//!
//! A version is a hash over the resource's own attributes: what an answer shows unless it is asked for more
//! or less. Members and groups, `meta`, and what other resources say (`display`, `$ref`) are not in it, so that
//! it is the same in every answer of one state, and no group is read for it.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::error::{Error, ScimType};
use super::path::AttrPath;
use super::resource::Resource;
use super::schema::{Attribute, ResourceType, Returned};

/// Octets of the hash that a version shows.
const HASH_BYTES: usize = 16;
/// Versions that one header may name.
const TAGS: usize = 100;

/// What a request demands of the version that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`
    pub if_match: Option<Tags>,
    /// `If-None-Match`
    pub if_none_match: Option<Tags>,
}

/// The versions that a condition names, without `W/` and quotes: all comparisons are weak ones, for the versions
/// of RFC 7644's own examples are weak and stand in `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`
    Any,
    /// A list.
    Of(Vec<String>),
}

/// What the conditions say of the version that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Holds,
    /// 412: the version is another than the client wants.
    Fails,
    /// The client has this version already: 304 for a read, 412 for a write.
    Unchanged,
}

/// The version of a resource of which all [`inputs`] were read: `W/"…"`.
pub fn version(resource: &Resource, rt: &ResourceType) -> String {
    let mut text = Vec::with_capacity(1024);
    for name in ["id", "externalId"] {
        if let Some(value) = resource.get(name) {
            simple(value, &mut text);
        }
        text.push(b'\n');
    }
    for (urn, attribute) in rt.attributes().filter(|(_, attribute)| is_input(attribute)) {
        let home = urn.map_or(Some(resource), |urn| resource.get(urn)?.as_object());
        let Some(value) = home.and_then(|home| home.get(&attribute.name)) else { continue };
        text.extend_from_slice(urn.unwrap_or_default().as_bytes());
        text.extend_from_slice(attribute.name.as_bytes());
        own(value, attribute, &mut text);
        text.push(b'\n');
    }
    let hash = digest(&SHA256, &text);
    let octets = hash.as_ref().iter().take(HASH_BYTES);
    let hex = octets.fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}"); // writing to a text does not fail
        hex
    });
    format!("W/\"{hex}\"")
}

/// The attributes that a version depends on.
pub fn inputs(rt: &ResourceType) -> impl Iterator<Item = AttrPath> {
    let own = rt.attributes().filter(|(_, attribute)| is_input(attribute));
    let paths = own.map(|(urn, attribute)| AttrPath {
        urn: urn.map(str::to_owned),
        name: attribute.name.clone(),
        sub: None,
    });
    paths.chain([AttrPath::attribute("externalId")])
}

fn is_input(attribute: &Attribute) -> bool {
    let is_collection_of_links = attribute.multi_valued && attribute.sub("$ref").is_some();
    is_shown(attribute) && !is_collection_of_links
}

fn is_shown(attribute: &Attribute) -> bool {
    matches!(attribute.returned, Returned::Always | Returned::Default)
}

/// Adds a value: keys in the schema's order, elements in one order, without what another resource says of itself.
fn own(value: &Value, attribute: &Attribute, text: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Vec<u8>> = items
                .iter()
                .map(|item| {
                    let mut text = Vec::new();
                    own(item, attribute, &mut text);
                    text
                })
                .collect();
            items.sort_unstable();
            text.push(b'[');
            for item in items {
                text.extend_from_slice(&item);
                text.push(b',');
            }
            text.push(b']');
        }
        Value::Object(object) => own_object(object, attribute, text),
        value => simple(value, text),
    }
}

fn own_object(object: &Map<String, Value>, attribute: &Attribute, text: &mut Vec<u8>) {
    let is_link = attribute.sub("$ref").is_some();
    text.push(b'{');
    for sub in
        attribute.sub_attributes.iter().filter(|sub| is_shown(sub) && (!is_link || sub.name == "value"))
    {
        if let Some(value) = object.get(&sub.name) {
            text.extend_from_slice(sub.name.as_bytes());
            text.push(b':');
            own(value, sub, text);
        }
    }
    text.push(b'}');
}

/// Adds a simple value as JSON, which no other value's JSON begins with.
fn simple(value: &Value, text: &mut Vec<u8>) {
    let _ = serde_json::to_writer(text, value); // neither memory nor a value of JSON fails
}

// === impl Conditions ===

impl Conditions {
    /// Reads the two headers' texts, each with all its lines joined by commas.
    pub fn parse(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, Error> {
        let tags = |name, text: Option<&str>| text.map(|text| Tags::parse(name, text)).transpose();
        Ok(Self {
            if_match: tags("If-Match", if_match)?,
            if_none_match: tags("If-None-Match", if_none_match)?,
        })
    }

    /// The condition of one operation in a bulk request (RFC 7644 §3.7 `version`).
    pub fn of_version(version: &str) -> Result<Self, Error> {
        Self::parse(Some(version), None)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// What they say of the version that is there (RFC 9110 §13.2.2: If-Match first).
    pub fn judge(&self, version: &str) -> Verdict {
        if self.if_match.as_ref().is_some_and(|tags| !tags.name(version)) {
            return Verdict::Fails;
        }
        match self.if_none_match.as_ref().is_some_and(|tags| tags.name(version)) {
            true => Verdict::Unchanged,
            false => Verdict::Holds,
        }
    }

    /// 412 unless a write may go on.
    pub fn permit(&self, version: &str) -> Result<(), Error> {
        match self.judge(version) {
            Verdict::Holds => Ok(()),
            Verdict::Fails => Err(failed("The resource was changed since; get it anew.")),
            Verdict::Unchanged => Err(failed("The resource has the version that it must not have.")),
        }
    }
}

/// 412 (RFC 7644 table 8).
pub fn failed(detail: &str) -> Error {
    Error::status(412, detail)
}

// === impl Tags ===

impl Tags {
    fn parse(header: &str, text: &str) -> Result<Self, Error> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let wrong = || {
            let detail = format!("{header} is * or up to {TAGS} versions such as W/\"3694e05e9dff590\".");
            Error::bad_request(ScimType::InvalidVers, detail)
        };
        let mut tags = Vec::new();
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            tags.push(opaque(tag).ok_or_else(wrong)?.to_owned());
        }
        if tags.is_empty() || tags.len() > TAGS { Err(wrong()) } else { Ok(Self::Of(tags)) }
    }

    fn name(&self, version: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Of(tags) => opaque(version).is_some_and(|version| tags.iter().any(|tag| tag == version)),
        }
    }
}

/// What stands between the quotes. Some clients send `meta.version` without them; no version has a quote or a
/// comma of its own.
fn opaque(tag: &str) -> Option<&str> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
    let fits = inner.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'"');
    (!inner.is_empty() && fits).then_some(inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::{self, Extension};

    fn user() -> ResourceType {
        let enterprise = Extension { schema: schema::enterprise_user().clone(), required: false };
        ResourceType {
            name: "User".to_owned(),
            schema: schema::core_user().clone(),
            extensions: vec![enterprise],
            ..ResourceType::default()
        }
    }

    fn of(value: Value) -> String {
        version(value.as_object().unwrap(), &user())
    }

    #[test]
    fn it_is_the_same_for_one_state_and_another_for_another() {
        let one = of(
            json!({ "id": "1", "userName": "ann", "emails": [{ "value": "a", "type": "work" }, { "value": "b" }] }),
        );
        let same = of(json!({
            "schemas": [schema::USER], "id": "1",
            "emails": [{ "value": "b" }, { "type": "work", "value": "a" }],
            "userName": "ann", "groups": [{ "value": "g" }], "meta": { "lastModified": "2026-01-01T00:00:00Z" },
        }));
        assert_eq!(one, same);
        assert!(one.starts_with("W/\"") && one.len() == 4 + 2 * HASH_BYTES, "{one}");
        for other in [
            json!({ "id": "2", "userName": "ann", "emails": [{ "value": "a", "type": "work" }, { "value": "b" }] }),
            json!({ "id": "1", "userName": "Ann", "emails": [{ "value": "a", "type": "work" }, { "value": "b" }] }),
            json!({ "id": "1", "userName": "ann", "emails": [{ "value": "a" }, { "value": "b" }] }),
        ] {
            assert_ne!(one, of(other));
        }
    }

    #[test]
    fn what_another_resource_says_of_itself_is_not_in_it() {
        let with = |manager: Value| of(json!({ "id": "1", schema::ENTERPRISE_USER: { "manager": manager } }));
        let plain = with(json!({ "value": "7" }));
        assert_eq!(plain, with(json!({ "value": "7", "displayName": "Boss", "$ref": "https://x/Users/7" })));
        assert_ne!(plain, with(json!({ "value": "8" })));
    }

    #[test]
    fn conditions_name_versions_with_or_without_their_trimmings() {
        let judge = |if_match: Option<&str>, if_none_match: Option<&str>| {
            Conditions::parse(if_match, if_none_match).unwrap().judge("W/\"abc\"")
        };
        for tag in ["*", "W/\"abc\"", "\"abc\"", "abc", "\"x\", W/\"abc\"", " * "] {
            assert_eq!(judge(Some(tag), None), Verdict::Holds, "{tag}");
            assert_eq!(judge(None, Some(tag)), Verdict::Unchanged, "{tag}");
        }
        assert_eq!(judge(Some("\"abd\""), None), Verdict::Fails);
        assert_eq!(judge(None, Some("\"abd\"")), Verdict::Holds);
        assert_eq!(judge(Some("\"abd\""), Some("*")), Verdict::Fails);
        assert_eq!(judge(None, None), Verdict::Holds);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", ",", "W/", "\"a b\"", "a\"b", &"\"x\",".repeat(101)] {
            let error = Conditions::parse(Some(text), None).unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidVers)), "{text}");
        }
    }
}

//! What is left of a request or an answer without what must not be kept. Pure. Whatever cannot be read as SCIM is left
//! out too: nobody knows what it holds.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::scim::filter::{Filter, parse};
use crate::scim::path::{AttrPath, Path, parse_path};

/// The parameters of a query that SCIM knows (RFC 7644 §3.4.2, RFC 9865). Others may hold anything, a token too.
const PARAMETERS: [&str; 8] =
    ["filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes", "excludedAttributes"];

/// The attributes that are removed, whatever their schema and however their letters are written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    attributes: BTreeSet<String>,
    /// Attributes with one of their sub-attributes.
    subs: BTreeSet<(String, String)>,
}

// === impl Removed ===

impl Removed {
    /// These, and passwords in any case.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a AttrPath>) -> Self {
        let mut removed = Self::default();
        removed.attributes.insert("password".to_owned());
        for path in paths {
            let name = lower(&path.name);
            match &path.sub {
                Some(sub) => _ = removed.subs.insert((name, lower(sub))),
                None => _ = removed.attributes.insert(name),
            }
        }
        removed
    }

    /// What is left of a body.
    pub fn body(&self, body: &Value) -> Value {
        self.value(body, None).unwrap_or(Value::Null)
    }

    /// What is left of a query's pairs.
    pub fn query<'a>(&self, pairs: &'a [(String, String)]) -> Vec<(&'static str, &'a str)> {
        let known = |name: &str| PARAMETERS.into_iter().find(|known| known.eq_ignore_ascii_case(name));
        let kept = |(name, value): &'a (String, String)| {
            let name = known(name)?;
            self.keeps(name, value).then_some((name, value.as_str()))
        };
        pairs.iter().filter_map(kept).collect()
    }

    fn keeps(&self, parameter: &str, value: &str) -> bool {
        let is_of = |fits: fn(char) -> bool| value.chars().all(fits);
        match parameter {
            "filter" => parse(value).is_ok_and(|filter| !self.is_in(&filter, None)),
            "sortBy" => parse_path(value).is_ok_and(|path| path.filter.is_none()),
            "attributes" | "excludedAttributes" => {
                value.split(',').all(|name| parse_path(name.trim()).is_ok_and(|path| path.filter.is_none()))
            }
            "startIndex" | "count" => is_of(|c| c.is_ascii_digit() || c == '-'),
            "sortOrder" => ["ascending", "descending"].contains(&lower(value).as_str()),
            // A cursor is sealed.
            _ => is_of(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
        }
    }

    /// `within`: the attribute whose value this is.
    fn value(&self, value: &Value, within: Option<&str>) -> Option<Value> {
        match value {
            Value::Object(map) => self.object(map, within),
            Value::Array(items) => {
                Some(items.iter().filter_map(|item| self.value(item, within)).collect::<Vec<_>>().into())
            }
            plain => Some(plain.clone()),
        }
    }

    fn object(&self, map: &Map<String, Value>, within: Option<&str>) -> Option<Value> {
        let of_path = self.target(map, within)?;
        let mut left = Map::new();
        for (key, value) in map {
            let Ok(name) = parse_path(key.trim()) else { continue };
            if self.is_removed(&name, within) || self.is_hidden(key, value) {
                continue;
            }
            let inner = lower(&name.attr.name);
            // The value of a PATCH operation is that of its path.
            let inner = if inner == "value" { of_path.clone().unwrap_or(inner) } else { inner };
            left.extend(self.value(value, Some(&inner)).map(|value| (key.clone(), value)));
        }
        Some(left.into())
    }

    /// The attribute that an operation is about, where it is about one; `None` for what must not be kept.
    fn target(&self, map: &Map<String, Value>, within: Option<&str>) -> Option<Option<String>> {
        let is_bulk = members(map, "method").next().is_some() && members(map, "op").next().is_none();
        let mut about = None;
        for path in members(map, "path") {
            match path {
                Value::Null => {}
                Value::String(text) if text.trim().is_empty() => {}
                Value::String(text) if is_bulk && text.starts_with('/') => {}
                Value::String(text) => {
                    let path = parse_path(text.trim()).ok().filter(|path| !self.is_removed(path, None))?;
                    about = Some(lower(&path.attr.name));
                }
                _ => return None,
            }
        }
        // A bare value that is of nothing may be of anything.
        let is_bare = about.is_none() && members(map, "value").any(|value| !value.is_object());
        (within != Some("operations") || !is_bare).then_some(about)
    }

    /// A filter in a body (RFC 7644 §3.4.3) that tells what is removed; a path of a bulk operation with a query.
    fn is_hidden(&self, key: &str, value: &Value) -> bool {
        let Value::String(text) = value else { return false };
        match lower(key.trim()).as_str() {
            "filter" => !self.keeps("filter", text),
            "path" => text.contains('?'),
            _ => false,
        }
    }

    fn is_removed(&self, path: &Path, within: Option<&str>) -> bool {
        let name = lower(&path.attr.name);
        let sub = path.attr.sub.as_ref().or(path.sub.as_ref()).map(|sub| lower(sub));
        let is_told = path.filter.as_ref().is_some_and(|filter| self.is_in(filter, Some(&name)));
        is_told
            || self.attributes.contains(&name)
            || sub
                .is_some_and(|sub| self.attributes.contains(&sub) || self.subs.contains(&(name.clone(), sub)))
            || within.is_some_and(|within| self.subs.contains(&(within.to_owned(), name)))
    }

    /// Whether a filter, on the elements of an attribute or on resources, is about what is removed.
    fn is_in(&self, filter: &Filter, within: Option<&str>) -> bool {
        let is_about = |path: &AttrPath| {
            let path = Path { attr: path.clone(), filter: None, sub: None };
            self.is_removed(&path, within)
        };
        match filter {
            Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|term| self.is_in(term, within)),
            Filter::Not(term) => self.is_in(term, within),
            Filter::Present { path, .. } | Filter::Compare { path, .. } => is_about(path),
            Filter::ValuePath { path, filter, then, .. } => {
                let name = lower(&path.name);
                let mut inner = std::iter::once(filter).chain(then);
                is_about(path) || inner.any(|filter| self.is_in(filter, Some(&name)))
            }
        }
    }
}

/// The members with a name, in whatever case.
fn members<'a>(map: &'a Map<String, Value>, name: &'static str) -> impl Iterator<Item = &'a Value> {
    map.iter().filter(move |(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn removed() -> Removed {
        let path = |text| parse_path(text).unwrap().attr;
        Removed::new(&["emails", "name.familyName", "urn:x:2.0:User:badge"].map(path))
    }

    #[test]
    fn an_attribute_goes_however_it_is_written() {
        let kept =
            json!({ "userName": "ada", "name": { "givenName": "A" }, "urn:x:2.0:User": { "desk": 1 } });
        let mut body = kept.clone();
        body["passWORD"] = "s".into();
        body[" password "] = "s".into();
        body["urn:ietf:params:scim:schemas:core:2.0:User:password"] = "s".into();
        body["emails"] = json!([{ "value": "s" }]);
        body["emails[type eq \"work\"].value"] = "s".into();
        body["Name"] = json!({});
        body["name"]["FamilyName"] = "s".into();
        body["name.familyName"] = "s".into();
        body["urn:x:2.0:User"]["badge"] = "s".into();
        body["urn:x:2.0:User:badge"] = "s".into();
        body["not a name"] = "s".into();
        body["deep"] = json!([[{ "x": { "password": { "value": "s" } } }]]);
        let mut left = removed().body(&body);
        assert_eq!(left["deep"], json!([[{ "x": {} }]]));
        left.as_object_mut().unwrap().remove("deep");
        left.as_object_mut().unwrap().remove("Name");
        assert_eq!(left, kept);
    }

    #[test]
    fn an_operation_on_it_goes_as_a_whole() {
        let kept = json!([
            { "op": "replace", "path": "name", "value": { "givenName": "A" } },
            { "op": "add", "value": { "title": "x" } },
            { "op": "remove", "path": "members[value eq \"42\"]" },
        ]);
        let sent = json!({ "Operations": [
            { "op": "replace", "path": "password", "value": "s" },
            { "op": "replace", "path": " PassWord", "value": "s" },
            { "OP": "replace", "Path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "Value": "s" },
            { "op": "replace", "path": "name", "value": { "givenName": "A", "familyName": "s" } },
            { "op": "replace", "path": "name.familyName", "value": "s" },
            { "op": "add", "path": "emails[type eq \"work\"].value", "value": "s" },
            { "op": "remove", "path": "emails[value eq \"s\"]" },
            { "op": "remove", "path": "x[password eq \"s\"]" },
            { "op": "replace", "path": "pass word", "value": "s" },
            { "op": "replace", "path": "/password", "value": "s" },
            { "op": "replace", "path": "/emails", "value": { "value": "s" } },
            { "op": "replace", "path": "title", "PATH": "password", "value": "s" },
            { "op": "replace", "path": ["password"], "value": "s" },
            { "op": "replace", "pfad": "password", "value": "s" },
            { "path": "password", "value": "s" },
            { "op": "add", "value": { "title": "x", "Password": "s", "name.familyName": "s" } },
            { "op": "remove", "path": "members[value eq \"42\"]" },
        ] });
        assert_eq!(removed().body(&sent)["Operations"], kept);
        // Those of a bulk request too.
        let bulk = json!({ "Operations": [
            { "method": "PATCH", "path": "/Users/1", "data": sent },
            { "method": "POST", "path": "/Users?password=s", "bulkId": "a", "data": { "password": "s", "title": "x" } },
        ] });
        let left = removed().body(&bulk);
        assert_eq!(left["Operations"][0]["data"]["Operations"], kept);
        assert_eq!(
            left["Operations"][1],
            json!({ "method": "POST", "bulkId": "a", "data": { "title": "x" } })
        );
    }

    #[test]
    fn of_a_query_stays_what_scim_knows_and_tells_nothing() {
        let query = |name: &str, value: &str| removed().query(&[(name.into(), value.into())]).len();
        for (name, value) in [
            ("filter", "userName eq \"ada\" and not (active eq false)"),
            ("Filter", "members[value eq \"1\"]"),
            ("sortBy", "name.givenName"),
            ("sortOrder", "Descending"),
            ("count", "10"),
            ("cursor", "aB_9-"),
            ("attributes", "userName, password"),
        ] {
            assert_eq!(query(name, value), 1, "{name}={value}");
        }
        for (name, value) in [
            ("filter", "password eq \"s\""),
            ("filter", "userName eq \"x\" or not (PASSWORD sw \"s\")"),
            ("filter", "urn:ietf:params:scim:schemas:core:2.0:User:password eq \"s\""),
            ("filter", "emails[value eq \"s\"]"),
            ("filter", "emails.value eq \"s\""),
            ("filter", "name[familyName eq \"s\"]"),
            ("filter", "name.familyName eq \"s\""),
            ("filter", "password eq \"s"),
            ("access_token", "s"),
            ("count", "s3cret"),
            ("sortBy", "x[password eq \"s\"]"),
            ("attributes", "a b"),
        ] {
            assert_eq!(query(name, value), 0, "{name}={value}");
        }
        let search = json!({ "filter": "password eq \"s\"", "count": 1 });
        assert_eq!(removed().body(&search), json!({ "count": 1 }));
    }
}

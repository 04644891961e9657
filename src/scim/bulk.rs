//! Bulk requests (RFC 7644 §3.7): what the operations are, in which turns they are done, and what their
//! `bulkId:…` stand for. Pure: who does an operation, and what came of it, is told from outside.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::body::{member, syntax};
use super::error::{Error, ScimType};
use super::method::Method;
use crate::limits::BULK_OPERATIONS;

/// The URN of a bulk request.
const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The URN of what is answered to one.
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// What a reference to a resource that the request itself creates begins with (§3.7.2).
const PREFIX: &str = "bulkId:";

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    /// In the client's order.
    pub operations: Vec<Operation>,
    /// After how many errors no further operation is begun; `None`: all are.
    pub fail_on_errors: Option<u64>,
}

/// One operation; what names it is kept whatever is wrong with the rest, for it is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// `method` in capitals; empty where there is none.
    pub method: String,
    /// `bulkId`.
    pub bulk_id: Option<String>,
    /// `path`; empty where there is none.
    pub path: String,
    /// What it asks, or why it is no operation.
    pub asked: Result<Asked, Error>,
}

/// What an operation asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// The version that the resource must have.
    pub version: Option<String>,
    /// The body; `None` for DELETE.
    pub data: Option<Value>,
}

/// What is done together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// An operation.
    One(usize),
    /// POSTs that refer to each other in a circle, or one that refers to itself (§3.7.1).
    Circle(Vec<usize>),
}

/// The ids of the resources that a request's POSTs create, by bulkId; `None` while, or because, there is none.
pub type Ids = BTreeMap<String, Option<String>>;

/// What came of an operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// Where the resource is; `None` for a POST that failed.
    pub location: Option<String>,
    /// The version that the resource has now.
    pub version: Option<String>,
    /// The body of an error.
    pub response: Option<Value>,
}

// === impl Bulk ===

impl Bulk {
    /// Reads a request. What is wrong with a single operation is that operation's error; an `Err` is what keeps
    /// all of them from being done.
    pub fn parse(body: &Value) -> Result<Self, Error> {
        let Value::Object(body) = body else { return Err(syntax("The body is no JSON object.")) };
        if let Some(Value::Array(schemas)) = member(body, "schemas")
            && !schemas.iter().any(|urn| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(REQUEST)))
        {
            return Err(syntax(&format!("The body's schemas lack {REQUEST}.")));
        }
        let fail_on_errors = match member(body, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_u64().ok_or_else(|| syntax("failOnErrors is a whole number."))?),
        };
        let Some(Value::Array(items)) = member(body, "Operations") else {
            return Err(syntax("The body has no array Operations."));
        };
        if items.len() > BULK_OPERATIONS {
            let detail = format!("{} operations exceed maxOperations ({BULK_OPERATIONS}).", items.len());
            return Err(Error::status(413, detail));
        }
        let operations = items.iter().map(Operation::parse).collect::<Result<Vec<_>, _>>()?;
        let bulk = Self { operations, fail_on_errors };
        let mut seen = BTreeSet::new();
        if let Some((_, twice)) = bulk.creating().find(|(_, bulk_id)| !seen.insert(*bulk_id)) {
            return Err(syntax(&format!("Two operations have the bulkId {twice:?}.")));
        }
        Ok(bulk)
    }

    /// The POSTs with their bulkIds.
    fn creating(&self) -> impl Iterator<Item = (usize, &str)> {
        let posts = self.operations.iter().enumerate().filter(|(_, operation)| operation.method == "POST");
        posts.filter_map(|(at, operation)| Some((at, operation.bulk_id.as_deref()?)))
    }

    /// No id yet for any of the bulkIds.
    pub fn ids(&self) -> Ids {
        self.creating().map(|(_, bulk_id)| (bulk_id.to_owned(), None)).collect()
    }

    /// The turns: the client's order, but that an operation comes behind those whose resources it refers to.
    pub fn turns(&self) -> Vec<Turn> {
        let reach = self.reach();
        let count = self.operations.len();
        let reaches = |from: usize, to: usize| reach.get(from).and_then(|row| row.get(to)) == Some(&true);
        let together =
            |one: usize, other: usize| one == other || (reaches(one, other) && reaches(other, one));
        let waits_for = |one: usize, other: usize| reaches(one, other) && !together(one, other);
        let mut missing: BTreeMap<usize, usize> =
            (0..count).map(|one| (one, (0..count).filter(|other| waits_for(one, *other)).count())).collect();
        let mut turns = Vec::new();
        // What waits for nothing is never wanting: what refers to each other has its turn together.
        while let Some(next) = missing.iter().find(|(_, missing)| **missing == 0).map(|(one, _)| *one) {
            let turn: Vec<usize> = (0..count).filter(|other| together(next, *other)).collect();
            missing.retain(|one, _| !turn.contains(one));
            for (one, missing) in &mut missing {
                *missing -= turn.iter().filter(|done| waits_for(*one, **done)).count();
            }
            turns.push(if reaches(next, next) { Turn::Circle(turn) } else { Turn::One(next) });
        }
        turns
    }

    /// Which operations each refers to, by itself or through others.
    fn reach(&self) -> Vec<Vec<bool>> {
        let creating: BTreeMap<&str, usize> = self.creating().map(|(at, bulk_id)| (bulk_id, at)).collect();
        let refers_to = |operation: &Operation| {
            let mut found = BTreeSet::new();
            operation.referred(&mut |bulk_id| found.extend(creating.get(bulk_id)));
            found
        };
        let referred: Vec<BTreeSet<usize>> = self.operations.iter().map(refers_to).collect();
        let through = |first: &BTreeSet<usize>| {
            let mut reached = vec![false; referred.len()];
            let mut waiting: Vec<usize> = first.iter().copied().collect();
            while let Some(next) = waiting.pop() {
                if let (Some(cell @ false), Some(further)) = (reached.get_mut(next), referred.get(next)) {
                    *cell = true;
                    waiting.extend(further);
                }
            }
            reached
        };
        referred.iter().map(through).collect()
    }
}

// === impl Operation ===

impl Operation {
    fn parse(item: &Value) -> Result<Self, Error> {
        let Value::Object(item) = item else { return Err(syntax("An operation is no JSON object.")) };
        let text = |name| member(item, name).and_then(Value::as_str).map(str::to_owned);
        let method = text("method").unwrap_or_default().to_ascii_uppercase();
        let (bulk_id, path) = (text("bulkId"), text("path").unwrap_or_default());
        let asked = asked(item, &method, bulk_id.as_deref(), &path);
        Ok(Self { method, bulk_id, path, asked })
    }

    /// Calls with each bulkId that the operation refers to.
    fn referred(&self, found: &mut dyn FnMut(&str)) {
        let data = self.asked.as_ref().ok().and_then(|asked| asked.data.as_ref());
        data.into_iter().for_each(|data| each_reference(data, found));
        self.path.split('/').filter_map(|segment| segment.strip_prefix(PREFIX)).for_each(found);
    }

    /// What is answered about it (§3.7.3).
    pub fn answered(&self, outcome: Outcome) -> Value {
        let mut answer = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                answer.insert(name.to_owned(), value);
            }
        };
        put("location", outcome.location.map(Value::from));
        put("method", Some(self.method.as_str().into()));
        put("bulkId", self.bulk_id.as_deref().map(Value::from));
        put("version", outcome.version.map(Value::from));
        put("status", Some(outcome.status.to_string().into()));
        put("response", outcome.response);
        answer.into()
    }
}

fn asked(item: &Map<String, Value>, method: &str, bulk_id: Option<&str>, path: &str) -> Result<Asked, Error> {
    let method = Method::named(method).filter(|method| *method != Method::Get);
    let method = method.ok_or_else(|| syntax("An operation's method is POST, PUT, PATCH or DELETE."))?;
    if path.is_empty() {
        return Err(syntax("An operation needs a path, such as /Users or /Users/{id}."));
    }
    if method == Method::Post && bulk_id.is_none_or(str::is_empty) {
        return Err(syntax("A POST needs a bulkId, a text."));
    }
    let version = match member(item, "version") {
        None | Some(Value::Null) => None,
        Some(Value::String(version)) => Some(version.clone()),
        Some(_) => return Err(syntax("An operation's version is a text.")),
    };
    let data = match member(item, "data").filter(|data| !data.is_null()) {
        _ if !method.has_body() => None,
        None => return Err(syntax("A POST, PUT or PATCH needs data.")),
        // The bare array of the RFC's own example (§3.7.3).
        Some(Value::Array(operations)) if method == Method::Patch => {
            Some(json!({ "Operations": operations }))
        }
        Some(data) => Some(data.clone()),
    };
    Ok(Asked { method, version, data })
}

/// The body of the answer.
pub fn response(operations: Vec<Value>) -> Value {
    json!({ "schemas": [RESPONSE], "Operations": operations })
}

// === what stands for resources that the request creates ===

/// A value with ids in place of references.
pub fn resolve(value: &Value, ids: &Ids) -> Result<Value, Error> {
    Ok(match value {
        Value::String(text) => Value::String(resolve_text(text, ids)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| resolve(item, ids)).collect::<Result<_, _>>()?)
        }
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(key, value)| Ok((key.clone(), resolve(value, ids)?)))
                .collect::<Result<_, Error>>()?,
        ),
        other => other.clone(),
    })
}

/// A text with ids in place of references. A text that is a reference to nothing is refused.
pub fn resolve_text(text: &str, ids: &Ids) -> Result<String, Error> {
    let mut resolved = String::with_capacity(text.len());
    let mut done = 0;
    for (at, bulk_id) in references(text) {
        let id = match ids.get(bulk_id) {
            Some(Some(id)) => id,
            Some(None) => return Err(nobody(bulk_id, "the operation that creates it did not succeed")),
            None if at == 0 => return Err(nobody(bulk_id, "no operation of this request creates it")),
            None => continue,
        };
        resolved.push_str(text.get(done..at).unwrap_or_default());
        resolved.push_str(id);
        done = at + PREFIX.len() + bulk_id.len();
    }
    resolved.push_str(text.get(done..).unwrap_or_default());
    Ok(resolved)
}

fn nobody(bulk_id: &str, why: &str) -> Error {
    let detail = format!("{PREFIX}{bulk_id} stands for no resource: {why}.");
    Error::bad_request(ScimType::InvalidValue, detail)
}

/// A new resource without what refers to these: elements and whole attributes go, so that nothing stays that was
/// said of a reference. Null when it is no object.
pub fn without(data: &Value, referred: &BTreeSet<&str>) -> Value {
    let Value::Object(attributes) = data else { return Value::Null };
    let refers = |value: &Value| {
        let mut refers = false;
        each_reference(value, &mut |reference| refers |= referred.contains(reference));
        refers
    };
    let kept = attributes.iter().filter_map(|(name, value)| match value {
        Value::Array(items) => {
            let items = items.iter().filter(|item| !refers(item)).cloned().collect();
            Some((name.clone(), Value::Array(items)))
        }
        // An extension's attributes.
        Value::Object(_) if name.contains(':') => Some((name.clone(), without(value, referred))),
        value => (!refers(value)).then(|| (name.clone(), value.clone())),
    });
    Value::Object(kept.collect())
}

fn each_reference(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => references(text).into_iter().for_each(|(_, bulk_id)| found(bulk_id)),
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, found)),
        Value::Object(object) => object.values().for_each(|value| each_reference(value, found)),
        _ => {}
    }
}

/// The references in a text, each with its place and its bulkId: the whole text, the end of a path
/// (`../Users/bulkId:x`), or what a PATCH's path compares with (`members[value eq "bulkId:x"]`).
fn references(text: &str) -> Vec<(usize, &str)> {
    let last = text.rsplit('/').next().unwrap_or_default();
    for end in [text, last] {
        if let Some(bulk_id) = end.strip_prefix(PREFIX) {
            return vec![(text.len() - end.len(), bulk_id)];
        }
    }
    let mut at = 0;
    let mut found = Vec::new();
    for part in text.split('"') {
        found.extend(part.strip_prefix(PREFIX).map(|bulk_id| (at, bulk_id)));
        at += part.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(bulk_id: &str, refers_to: &[&str]) -> Value {
        let members: Vec<Value> =
            refers_to.iter().map(|to| json!({ "value": format!("bulkId:{to}") })).collect();
        json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": { "members": members } })
    }

    fn turns(operations: &[Value]) -> Vec<Turn> {
        Bulk::parse(&json!({ "Operations": operations })).unwrap().turns()
    }

    #[test]
    fn what_refers_to_nothing_later_keeps_its_place() {
        use Turn::One;
        let delete = json!({ "method": "DELETE", "path": "/Users/1" });
        let patch = json!({ "method": "PATCH", "path": "/Groups/bulkId:a", "data": [] });
        assert_eq!(turns(&[]), []);
        assert_eq!(turns(&[post("a", &["b"]), delete.clone(), post("b", &[])]), [One(1), One(2), One(0)]);
        assert_eq!(turns(&[patch, post("a", &["none"]), delete]), [One(1), One(0), One(2)]);
        let chain = [post("a", &["b"]), post("b", &["c"]), post("c", &[])];
        assert_eq!(turns(&chain), [One(2), One(1), One(0)]);
    }

    #[test]
    fn a_circle_has_one_turn() {
        use Turn::{Circle, One};
        assert_eq!(turns(&[post("a", &["a"])]), [Circle(vec![0])]);
        let two = [
            post("hangs", &["a"]),
            post("a", &["b", "first"]),
            post("b", &["c"]),
            post("x", &["y"]),
            post("c", &["a"]),
            post("y", &["x", "hangs"]),
            post("first", &[]),
        ];
        assert_eq!(turns(&two), [One(6), Circle(vec![1, 2, 4]), One(0), Circle(vec![3, 5])]);
        // As many as there may be, all in one circle.
        let name = |number: usize| number.to_string();
        let ring: Vec<Value> =
            (0..BULK_OPERATIONS).map(|at| post(&name(at), &[&name((at + 1) % BULK_OPERATIONS)])).collect();
        assert_eq!(turns(&ring), [Circle((0..BULK_OPERATIONS).collect())]);
    }

    #[test]
    fn ids_stand_where_references_stood() {
        let ids = Ids::from([("a".to_owned(), Some("7".to_owned())), ("b".to_owned(), None)]);
        for (text, resolved) in [
            ("bulkId:a", "7"),
            ("/Users/bulkId:a", "/Users/7"),
            (
                "members[value eq \"bulkId:a\" or value eq \"bulkId:a\"]",
                "members[value eq \"7\" or value eq \"7\"]",
            ),
            ("see bulkId:a", "see bulkId:a"),
            ("bulkid:a", "bulkid:a"),
            ("/Users/bulkId:none", "/Users/bulkId:none"),
            ("x[y eq \"bulkId:none\" or y eq \"bulkId:a\"]", "x[y eq \"bulkId:none\" or y eq \"7\"]"),
            ("x[y eq \"bulkId:ab\" or y eq \"bulkId:a\"]", "x[y eq \"bulkId:ab\" or y eq \"7\"]"),
            ("", ""),
        ] {
            assert_eq!(resolve_text(text, &ids).unwrap(), resolved, "{text}");
        }
        for text in
            ["bulkId:b", "../Users/bulkId:b", "members[value eq \"bulkId:b\"]", "bulkId:none", "bulkId:"]
        {
            let error = resolve_text(text, &ids).unwrap_err();
            assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidValue)), "{text}");
        }
        let nested =
            json!({ "a": [{ "value": "bulkId:a", "n": 1 }], "urn:x": { "m": { "value": "bulkId:a" } } });
        let resolved = json!({ "a": [{ "value": "7", "n": 1 }], "urn:x": { "m": { "value": "7" } } });
        assert_eq!(resolve(&nested, &ids).unwrap(), resolved);
    }

    #[test]
    fn without_the_others_nothing_is_left_of_a_reference() {
        let data = json!({
            "displayName": "A", "nickName": "bulkId:x",
            "members": [{ "value": "bulkId:x", "display": "X" }, { "value": "1" }, { "value": "bulkId:other" }],
            "urn:x": { "manager": { "value": "bulkId:x", "displayName": "X" }, "number": 1 },
        });
        let left = json!({
            "displayName": "A",
            "members": [{ "value": "1" }, { "value": "bulkId:other" }],
            "urn:x": { "number": 1 },
        });
        assert_eq!(without(&data, &BTreeSet::from(["x"])), left);
        assert_eq!(without(&json!(["bulkId:x"]), &BTreeSet::from(["x"])), Value::Null);
    }
}

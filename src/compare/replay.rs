//! What two versions of a mapping make of requests that clients really sent: of a write its plan, of a read its answer. No
//! backend is asked: what was there is put together in memory of the answers that were captured. What cannot be told
//! so is said, and never passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::lines::difference;
use super::sent::{ids_at, named_in};
use super::stage::{self, Stage};
use super::{Versions, resources, samples};
use crate::gateway::{Request, Target};
use crate::mapping::{Mapping, Shared};
use crate::rehearsal::{Captured, Facts, NOTHING_DONE, Trouble};
use crate::scim::method::Method;
use crate::scim::schema::ResourceType;
use crate::scim::version::Conditions;

/// Resources that are put together for one request, at most.
const MOST: usize = 25;
/// What of a list's page is not asked again: all that is there is the page.
const PAGING: [&str; 3] = ["startIndex", "count", "cursor"];

/// The way through what was captured, in its order.
pub struct Replay<'a> {
    versions: Versions<'a>,
    mappings: [Mapping; 2],
    /// The types, with what the mappings have lines for.
    types: Vec<ResourceType>,
    /// What resources looked like last, by type and id.
    known: BTreeMap<(String, String), Value>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Same,
    /// This differs, a line each.
    Differs(Vec<String>),
    /// It cannot be compared: why.
    Unknown(String),
}

/// What was there when a request came, in memory.
#[derive(Default)]
struct Before {
    stage: Stage,
    /// The ids that resources have there, by those that they really have.
    ids: BTreeMap<String, String>,
    /// Attributes that could not be put there.
    dropped: BTreeSet<String>,
    /// Whether the resource that is written is made up.
    is_made_up: bool,
}

// === impl Replay ===

impl<'a> Replay<'a> {
    /// Nothing known yet.
    pub fn new(versions: Versions<'a>) -> Result<Self, Trouble> {
        let mappings = [versions.old.mapping()?, versions.new.mapping()?];
        let outlines = mappings.iter().flat_map(Mapping::outline).collect::<Vec<_>>();
        let outlines: Vec<_> = outlines.iter().collect();
        let old = mappings.iter().take(1).flat_map(Mapping::resources);
        let types = old.map(|of| samples::mapped(&of.resource_type, &outlines)).collect();
        Ok(Self { versions, mappings, types, known: BTreeMap::new() })
    }

    /// The next request.
    pub async fn next(&mut self, captured: &Captured) -> Result<Verdict, Trouble> {
        let verdict = self.verdict(captured).await?;
        if let (Ok(request), Some((status, body))) = (&captured.request, &captured.answer) {
            self.learn(request, *status, body.as_ref());
        }
        Ok(verdict)
    }

    async fn verdict(&self, captured: &Captured) -> Result<Verdict, Trouble> {
        let unknown = |why: &str| Ok(Verdict::Unknown(why.to_owned()));
        let request = match &captured.request {
            Ok(request) => request,
            Err(cause) => return unknown(&format!("it is no request: {cause}")),
        };
        let Some((status, body)) = &captured.answer else { return unknown("its answer is not there") };
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let is_read = is_read(request);
        match (path.as_slice(), status) {
            (["Bulk"], _) => return unknown("the operations of a bulk request are planned one at a time"),
            (["Me"], _) => return unknown("who asked is not captured"),
            (_, 304 | 412) => return unknown("its answer hung on the resource's version"),
            (_, 429 | 500..) => return unknown(&format!("it was answered {status}, and not done")),
            (_, 200) if is_read && body.is_none() => return unknown("its answer is too long to be captured"),
            _ => {}
        }
        let body = body.clone().unwrap_or_default();
        let before = match self.before(request, *status, &body).await? {
            Ok(before) => before,
            Err(why) => return unknown(&why),
        };
        let asked = before.named(request);
        let verdict = match is_read {
            true => self.read(&before, asked, (*status, &body)).await?,
            false => self.written(&before, asked, *status).await?,
        };
        let dropped: Vec<&str> = before.dropped.iter().map(String::as_str).collect();
        Ok(match verdict {
            Verdict::Same if captured.is_in_part => {
                Verdict::Unknown("the same, but something was left out of it when it was captured".to_owned())
            }
            Verdict::Same if is_read && captured.answer_is_in_part => Verdict::Unknown(
                "the same, but something was left out of its answer when it was captured".to_owned(),
            ),
            Verdict::Same if before.is_made_up => Verdict::Unknown(
                "the same of a made-up resource; no answer before it tells what was there".to_owned(),
            ),
            Verdict::Same if !dropped.is_empty() => Verdict::Unknown(format!(
                "the same, but what was there cannot be put together with {}",
                dropped.join(", ")
            )),
            Verdict::Differs(mut lines) => {
                if captured.is_in_part || captured.answer_is_in_part {
                    lines.push("(something was left out when it was captured)".to_owned());
                }
                Verdict::Differs(lines)
            }
            verdict => verdict,
        })
    }

    async fn targets(&self, facts: &Facts, only_plans: bool) -> Result<[Arc<Target>; 2], Trouble> {
        let Versions { old, new } = self.versions;
        Ok([old.target(facts, only_plans)?, new.target(facts, only_plans)?])
    }

    async fn written(&self, before: &Before, asked: Request, status: u16) -> Result<Verdict, Trouble> {
        let [old, new] = self.targets(&before.stage.facts, true).await?;
        let was = self.versions.old.plan(&old, asked.clone()).await;
        let is = self.versions.new.plan(&new, asked).await;
        if status < 400 && was.starts_with(NOTHING_DONE) {
            let told = was.trim_end().trim_start_matches("# ");
            return Ok(Verdict::Unknown(format!("what was there cannot be put together: {told}")));
        }
        let lines = difference(&was, &is);
        Ok(match lines.is_empty() {
            false => Verdict::Differs(lines),
            true if status >= 400 && !was.starts_with(NOTHING_DONE) => Verdict::Unknown(format!(
                "the same, but it was answered {status}, for what is not known here"
            )),
            true => Verdict::Same,
        })
    }

    async fn read(
        &self,
        before: &Before,
        asked: Request,
        (status, body): (u16, &Value),
    ) -> Result<Verdict, Trouble> {
        let [old, new] = self.targets(&before.stage.facts, false).await?;
        let was = resources::answer(&old, asked.clone(), &self.versions.old.client()).await;
        let is = resources::answer(&new, asked.clone(), &self.versions.new.client()).await;
        let lines = resources::difference(&was, &is);
        let count = |body: &Value| body.get("Resources").and_then(Value::as_array).map_or(0, Vec::len);
        if was.0 != status || count(&was.1) != count(body).min(MOST) {
            let told = "what was there cannot be put together: the old version answers something else now";
            return Ok(Verdict::Unknown(told.to_owned()));
        }
        if !lines.is_empty() {
            return Ok(Verdict::Differs(lines));
        }
        let filtered = filtered(&asked);
        let asks = |target: &Target| {
            let explained = filtered.as_ref().map(|list| target.explain(list));
            explained.map(|explained| explained.map(|explained| explained.predicate).ok())
        };
        if count(body) == 0 && asks(&old) != asks(&new) {
            let told = "nobody was found, and the new version asks the backend for something else";
            return Ok(Verdict::Unknown(told.to_owned()));
        }
        let all = count(body);
        Ok(match all > MOST {
            true => Verdict::Unknown(format!(
                "the same for the first {MOST} of {all}; the others were not put together"
            )),
            false => Verdict::Same,
        })
    }

    /// What was there when it came; the inner error says why nobody can tell.
    async fn before(
        &self,
        request: &Request,
        status: u16,
        body: &Value,
    ) -> Result<Result<Before, String>, Trouble> {
        let mut before = Before::default();
        let rt = self.types.iter().find(|rt| Some(&rt.endpoint) == endpoint(request).as_ref());
        let (Some(rt), false) = (rt, status == 404) else {
            return Ok(Ok(before));
        };
        let list = body.get("Resources").and_then(Value::as_array);
        let id = request.path.get(1).filter(|id| *id != ".search");
        let mut there: Vec<(String, Value)> = match (is_read(request), list, id) {
            (true, Some(all), _) => all.iter().take(MOST).filter_map(with_id).collect(),
            (true, None, _) => with_id(body).into_iter().collect(),
            (false, _, Some(id)) => {
                let known = self.known.get(&(rt.name.clone(), id.clone())).cloned();
                before.is_made_up = known.is_none();
                vec![(id.clone(), known.unwrap_or_default())]
            }
            (false, _, None) => Vec::new(),
        };
        let mut referred = Vec::new();
        let sent = request.body.clone().unwrap_or_default();
        for resource in there.iter().map(|(_, resource)| resource).chain([&sent]) {
            self.referred(rt, resource, &mut referred);
        }
        referred.retain(|(_, id)| there.iter().all(|(known, _)| known != id));
        referred.truncate(MOST);
        let whole: Vec<Value> = there.iter().map(|(_, one)| one.clone()).chain([sent]).collect();
        let named = |shared: &Shared| whole.iter().flat_map(|one| named_in(one, shared)).collect();
        let [old, new] = &self.mappings;
        before.stage = Stage::new(&Facts::default(), self.versions.old.kind, [old, new], &named);
        for (kind, id) in referred {
            let known = self.known.get(&(kind.clone(), id.clone())).cloned().unwrap_or_default();
            let Some(of) = self.types.iter().find(|rt| rt.name == kind) else { continue };
            let without: Map<String, Value> = self.without_references(of, &known);
            // Of who is only referred to, anybody will do.
            if let Err(why) = self.put(&mut before, of, &id, &without.into()).await? {
                return Ok(Err(why));
            }
        }
        before.dropped.clear();
        for (id, resource) in there.drain(..) {
            if let Err(why) = self.put(&mut before, rt, &id, &resource).await? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(before))
    }

    /// Puts a resource there as far as it is known, else one that is made up.
    async fn put(
        &self,
        before: &mut Before,
        rt: &ResourceType,
        id: &str,
        resource: &Value,
    ) -> Result<Result<(), String>, Trouble> {
        let old = self.versions.old;
        let target = old.target(&before.stage.facts, true)?;
        let ids = before.stage.ids.clone();
        let nth = before.ids.len();
        let mut body = match stage::grow(old, &target, rt, (nth, &ids), true).await {
            Ok(grown) => grown.body,
            Err(error) => return Ok(Err(format!("no {} can be put together: {}", rt.name, error.detail))),
        };
        for (urn, attribute) in samples::writable(rt) {
            let Some(value) = samples::get(resource, urn, &attribute.name) else { continue };
            let mut tried = body.clone();
            samples::set(&mut tried, urn, &attribute.name, before.mapped(value));
            match stage::check(old, &target, rt, &tried).await {
                Ok(()) => body = tried,
                Err(_) => _ = before.dropped.insert(samples::path(urn, &attribute.name)),
            }
        }
        Ok(match before.stage.create(old, rt, &body).await? {
            Ok(made) => {
                before.ids.insert(id.to_owned(), made);
                Ok(())
            }
            Err(error) => Err(format!("no {} can be put together: {}", rt.name, error.detail)),
        })
    }

    /// The resources that a resource or a body refers to, each with its type.
    fn referred(&self, rt: &ResourceType, value: &Value, found: &mut Vec<(String, String)>) {
        for (urn, attribute) in samples::writable(rt).filter(|(_, one)| samples::is_reference(one)) {
            let kinds: Vec<&String> = samples::kinds(attribute).collect();
            for id in ids_at(value, urn, attribute) {
                let is_known = |kind: &&&String| self.known.contains_key(&((**kind).clone(), id.clone()));
                let kind = kinds.iter().find(is_known).or(kinds.first());
                if let Some(kind) = kind
                    && !found.iter().any(|(_, other)| *other == id)
                {
                    found.push(((*kind).clone(), id));
                }
            }
        }
    }

    fn without_references(&self, rt: &ResourceType, resource: &Value) -> Map<String, Value> {
        let mut left = Map::new();
        for (urn, attribute) in samples::writable(rt).filter(|(_, one)| !samples::is_reference(one)) {
            if let Some(value) = samples::get(resource, urn, &attribute.name) {
                samples::set(&mut left, urn, &attribute.name, value.clone());
            }
        }
        left
    }

    /// What an answer tells for the requests behind it.
    fn learn(&mut self, request: &Request, status: u16, body: Option<&Value>) {
        let Some(endpoint) = endpoint(request) else { return };
        let Some(rt) = self.types.iter().find(|rt| rt.endpoint == endpoint) else { return };
        let is_whole =
            ["attributes", "excludedAttributes"].iter().all(|name| request.parameter(name).is_none());
        if status >= 400 {
            return;
        }
        if let (false, Some(id)) = (is_read(request), request.path.get(1)) {
            // What it is now, the answer may tell.
            self.known.remove(&(rt.name.clone(), id.clone()));
        }
        let list = body.and_then(|body| body.get("Resources")?.as_array());
        let all = list.map_or_else(|| body.into_iter().collect(), |list| list.iter().collect::<Vec<_>>());
        for (id, resource) in all.into_iter().filter_map(with_id).filter(|_| is_whole) {
            self.known.insert((rt.name.clone(), id), resource);
        }
    }
}

// === impl Before ===

impl Before {
    /// The request with the ids that resources have here, and without what hangs on versions and pages.
    fn named(&self, request: &Request) -> Request {
        let mut asked = request.clone();
        asked.conditions = Conditions::default();
        asked.query.retain(|(name, _)| !PAGING.iter().any(|one| one.eq_ignore_ascii_case(name)));
        asked.query.iter_mut().for_each(|(_, value)| *value = self.quoted(value));
        if let Some(id) = asked.path.get_mut(1) {
            *id = self.id(id);
        }
        if let Some(body) = &mut asked.body {
            if let (Value::Object(members), true) = (&mut *body, is_read(request)) {
                members.retain(|name, _| !PAGING.contains(&name.as_str()));
            }
            *body = self.mapped(body);
        }
        asked
    }

    fn id(&self, id: &str) -> String {
        self.ids.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// What stands in quotes in a filter or a path.
    fn quoted(&self, text: &str) -> String {
        let pieces = text.split('"').enumerate();
        let piece = |(at, piece): (usize, &str)| if at % 2 == 1 { self.id(piece) } else { piece.to_owned() };
        pieces.map(piece).collect::<Vec<_>>().join("\"")
    }

    /// A body, with other ids where ids may stand.
    fn mapped(&self, value: &Value) -> Value {
        let member = |(name, value): (&String, &Value)| {
            let value = match (name.as_str(), value) {
                ("value", Value::String(id)) => self.id(id).into(),
                ("path" | "filter", Value::String(text)) => self.quoted(text).into(),
                _ => self.mapped(value),
            };
            (name.clone(), value)
        };
        match value {
            Value::Object(members) => {
                members.iter().filter(|(name, _)| *name != "$ref").map(member).collect()
            }
            Value::Array(elements) => elements.iter().map(|one| self.mapped(one)).collect(),
            plain => plain.clone(),
        }
    }
}

/// Whether nothing is changed: a GET, or a query by POST.
fn is_read(request: &Request) -> bool {
    request.method == Method::Get || request.path.last().is_some_and(|last| last == ".search")
}

/// Where a request goes, as resource types have it.
fn endpoint(request: &Request) -> Option<String> {
    request.path.first().map(|first| format!("/{first}"))
}

fn with_id(resource: &Value) -> Option<(String, Value)> {
    Some((resource.get("id")?.as_str()?.to_owned(), resource.clone()))
}

/// The list that a query with a filter is, whether it came by GET or by POST.
fn filtered(asked: &Request) -> Option<Request> {
    let sent = asked.body.as_ref().and_then(|body| body.get("filter")?.as_str());
    let filter = asked.parameter("filter").or(sent)?.to_owned();
    Some(Request {
        method: Method::Get,
        path: asked.path.iter().take(1).cloned().collect(),
        query: vec![("filter".to_owned(), filter)],
        conditions: Conditions::default(),
        body: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_put_in_the_place_of_others_where_ids_stand() {
        let ids = BTreeMap::from([("1".to_owned(), "2".to_owned()), ("2".to_owned(), "1".to_owned())]);
        let before = Before { ids, ..Before::default() };
        let body = json!({
            "title": "1", "active": true, "manager": { "value": "1", "$ref": "x" },
            "Operations": [{ "op": "remove", "path": "members[value eq \"2\"]" }, { "value": [{ "value": "2" }] }],
        });
        let expected = json!({
            "title": "1", "active": true, "manager": { "value": "2" },
            "Operations": [{ "op": "remove", "path": "members[value eq \"1\"]" }, { "value": [{ "value": "1" }] }],
        });
        assert_eq!(before.mapped(&body), expected);
        let request =
            Request::parse(Method::Get, "/Users/1?count=5&filter=manager.value+eq+%222%22").unwrap();
        let asked = before.named(&request);
        assert_eq!(asked.path, ["Users", "2"]);
        assert_eq!(asked.query, [("filter".to_owned(), "manager.value eq \"1\"".to_owned())]);
        assert_eq!(filtered(&asked).unwrap().path, ["Users"]);
    }
}

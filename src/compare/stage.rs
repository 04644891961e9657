//! Who is there when plans are compared: somebody of each type, created through the old version in memory, so that they
//! stand as it writes them. What a mapping looks up is put there first.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::samples::{self, Ids};
use crate::gateway::{Body, Target};
use crate::mapping::{Mapping, Shared};
use crate::plan::{self, Counter, Initial, Store};
use crate::rehearsal::{Facts, Kind, Scene, Trouble};
use crate::scim::error::Error;
use crate::scim::method::Method;
use crate::scim::schema::ResourceType;

/// The key of the first shared row that is put there.
const FIRST_KEY: i64 = 90_001;

/// What is there, and whom it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub facts: Facts,
    /// The ids of each type's resources that were created, in the order in which they were.
    pub ids: Ids,
}

/// A body that can be created.
pub(super) struct Grown {
    pub body: Map<String, Value>,
    /// What it has not, since it was refused.
    pub refused: Vec<String>,
}

// === impl Stage ===

impl Stage {
    /// Of what a file says, and of the shared rows that these values name.
    pub(super) fn new(
        facts: &Facts,
        kind: Kind,
        mappings: [&Mapping; 2],
        named: &dyn Fn(&Shared) -> Vec<Value>,
    ) -> Self {
        let facts = match kind {
            Kind::Directory(_) => Facts::made(with_counters(facts.text(), mappings)),
            Kind::Database(_) => Facts::made(with_shared(facts.text(), mappings, named)),
        };
        Self { facts, ids: Ids::new() }
    }

    /// The last of a type that was created.
    pub(super) fn last(&self, rt: &ResourceType) -> Option<&String> {
        self.ids.get(&rt.name)?.last()
    }

    /// Creates one; its id. The inner error is what the client would be answered.
    pub(super) async fn create(
        &mut self,
        scene: &Scene,
        rt: &ResourceType,
        body: &Map<String, Value>,
    ) -> Result<Result<String, Error>, Trouble> {
        let before = ids(scene, &scene.target(&self.facts, false)?, rt).await;
        let request = samples::request(Method::Post, rt, None, Some(body.clone().into()));
        let facts = match scene.created(&self.facts, request).await? {
            Ok(facts) => facts,
            Err(error) => return Ok(Err(error)),
        };
        let after = ids(scene, &scene.target(&facts, false)?, rt).await;
        let Some(id) = after.into_iter().find(|id| !before.contains(id)) else {
            return Ok(Err(Error::internal("whoever is created is not seen")));
        };
        self.facts = facts;
        self.ids.entry(rt.name.clone()).or_default().push(id.clone());
        Ok(Ok(id))
    }
}

/// Whom a type lists.
async fn ids(scene: &Scene, target: &Arc<Target>, rt: &ResourceType) -> Vec<String> {
    let mut request = samples::request(Method::Get, rt, None, None);
    request.query = vec![("attributes".to_owned(), "id".to_owned()), ("count".to_owned(), "1000".to_owned())];
    let answer = target.handle(request, &scene.client()).await.ok();
    let list = answer.and_then(|answer| answer.body).and_then(Body::value).unwrap_or_default();
    let resources = list.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
    resources.iter().filter_map(|one| one.get("id")?.as_str().map(str::to_owned)).collect()
}

/// A body of a type that is accepted: what is required, with `only_required`, else all that is not refused.
pub(super) async fn grow(
    scene: &Scene,
    target: &Arc<Target>,
    rt: &ResourceType,
    (nth, ids): (usize, &Ids),
    only_required: bool,
) -> Result<Grown, Error> {
    let mut grown = Grown { body: samples::empty(rt), refused: Vec::new() };
    for (urn, attribute) in samples::writable(rt).filter(|(_, attribute)| attribute.required) {
        let value = samples::values(attribute, nth, ids).into_iter().next().unwrap_or_default();
        samples::set(&mut grown.body, urn, &attribute.name, value);
    }
    let mut state = check(scene, target, rt, &grown.body).await;
    for (urn, attribute) in samples::writable(rt) {
        // What is accepted is not changed any more, but by what it may have beside.
        if state.is_ok() && (only_required || attribute.required) {
            continue;
        }
        let mut is_taken = false;
        for value in samples::values(attribute, nth, ids) {
            let mut tried = grown.body.clone();
            samples::set(&mut tried, urn, &attribute.name, value);
            let found = check(scene, target, rt, &tried).await;
            if found.is_ok() {
                (grown.body, state, is_taken) = (tried, found, true);
                break;
            }
        }
        if !is_taken && state.is_ok() {
            grown.refused.push(samples::path(urn, &attribute.name));
        }
    }
    state.map(|()| grown)
}

/// The same body with what only this version has beside.
pub(super) async fn grow_on(
    scene: &Scene,
    target: &Arc<Target>,
    (rt, known): (&ResourceType, &ResourceType),
    (nth, ids): (usize, &Ids),
    mut body: Map<String, Value>,
) -> Map<String, Value> {
    let is_known =
        |urn: Option<&str>, name: &str| known.attributes().any(|(u, one)| u == urn && one.name == name);
    for (urn, attribute) in samples::writable(rt) {
        if is_known(urn, &attribute.name) {
            continue;
        }
        for value in samples::values(attribute, nth, ids) {
            let mut tried = body.clone();
            samples::set(&mut tried, urn, &attribute.name, value);
            if check(scene, target, rt, &tried).await.is_ok() {
                body = tried;
                break;
            }
        }
    }
    body
}

/// Whether a body would be created.
pub(super) async fn check(
    scene: &Scene,
    target: &Arc<Target>,
    rt: &ResourceType,
    body: &Map<String, Value>,
) -> Result<(), Error> {
    let request = samples::request(Method::Post, rt, None, Some(body.clone().into()));
    target.plan(request, &scene.client()).await.map(|_| ())
}

/// Entries, and those that count where none of them does.
fn with_counters(before: &str, mappings: [&Mapping; 2]) -> String {
    let mut ldif = before.trim_end().to_owned();
    let entities = mappings.into_iter().flat_map(|mapping| mapping.model().entities.values());
    for entity in entities {
        let Store::Entries(entries) = &entity.store else { continue };
        let of_parts =
            entries.parts.iter().flat_map(|part| &part.initial).filter_map(|(_, initial)| match initial {
                Initial::Counter(counter) => Some(counter),
                Initial::Literal(_) | Initial::Composed(_) => None,
            });
        for Counter { dn, attribute } in entries.counters.iter().map(|(_, counter)| counter).chain(of_parts) {
            if !ldif.to_lowercase().contains(&format!("dn: {}\n", dn.to_lowercase())) {
                ldif.push_str(&format!("\n\ndn: {dn}\n{attribute}: {FIRST_KEY}"));
            }
        }
    }
    ldif + "\n"
}

/// Rows of tables, and those shared ones that values name.
fn with_shared(before: &str, mappings: [&Mapping; 2], named: &dyn Fn(&Shared) -> Vec<Value>) -> String {
    let mut tables: Map<String, Value> = serde_json::from_str(before).unwrap_or_default();
    let mut key = FIRST_KEY;
    for shared in mappings.into_iter().flat_map(Mapping::shared) {
        let rows = tables.entry(shared.table.to_string()).or_insert_with(|| json!([]));
        let Value::Array(rows) = rows else { continue };
        for name in named(&shared) {
            if rows.iter().any(|row| row.get(&*shared.column) == Some(&name)) {
                continue;
            }
            let mut row = Map::new();
            for column in shared.key.columns() {
                row.insert(column.to_string(), key.into());
            }
            row.extend(shared.initial.iter().map(|(column, value)| (column.to_string(), native(value))));
            row.insert(shared.column.to_string(), name);
            rows.push(row.into());
            key += 1;
        }
    }
    Value::from(tables).to_string()
}

fn native(value: &plan::Value) -> Value {
    match value {
        plan::Value::Integer(number) => (*number).into(),
        plan::Value::Bool(truth) => (*truth).into(),
        other => other.text().into(),
    }
}

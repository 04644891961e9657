//! What is done for requests: those that are made of the mapping's own attributes, and those of its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Versions;
use super::lines::difference;
use super::report::{Change, Section};
use super::samples::Ids;
use super::stage::{self, Grown, Stage};
use super::{resources, samples};
use crate::gateway::{Request, Target};
use crate::mapping::{Mapping, Outline, Shared};
use crate::rehearsal::{Facts, Folder, Trouble, request_in};
use crate::scim::method::Method;
use crate::scim::schema::{Attribute, ResourceType};

/// The values of those who are there, and of those who come and are changed. Of truth values the even ones are true first.
const LEAST: usize = 0;
const WHOLE: usize = 2;
const COMES: usize = 4;
const CHANGED: usize = 5;

/// A request, and what it is.
type Tried = (String, Request);

/// The requests that are made of what a mapping has; with them, what could not be tried.
pub(super) async fn of_samples(
    versions: Versions<'_>,
    facts: &Facts,
) -> Result<(Section, Vec<String>), Trouble> {
    let Versions { old, new } = versions;
    let (was, is) = (old.mapping()?, new.mapping()?);
    let named = |shared: &Shared| named(&[&was, &is], shared);
    let mut stage = Stage::new(facts, old.kind, [&was, &is], &named);
    let outlines = [was.outline(), is.outline()].concat();
    let outlines: Vec<&Outline> = outlines.iter().collect();
    let types = |mapping: &Mapping| -> Vec<ResourceType> {
        mapping.resources().iter().map(|of| samples::mapped(&of.resource_type, &outlines)).collect()
    };
    let (types, later) = (types(&was), types(&is));
    let mut notes = Vec::new();
    for (nth, only_required) in [(LEAST, true), (WHOLE, false)] {
        for rt in &types {
            let target = old.target(&stage.facts, true)?;
            let grown = stage::grow(old, &target, rt, (nth, &stage.ids), only_required).await;
            let told = match grown {
                Ok(Grown { body, .. }) => stage.create(old, rt, &body).await?.err(),
                Err(error) => Some(error),
            };
            if let Some(error) = told.filter(|_| only_required) {
                let name = &rt.name;
                notes.push(format!(
                    "what is done to a {name} who is there: none can be made up, for {}",
                    error.detail
                ));
            }
        }
    }
    let (before, after) = (old.target(&stage.facts, true)?, new.target(&stage.facts, true)?);
    let mut changes = Vec::new();
    for rt in &types {
        let Some(now) = later.iter().find(|one| one.endpoint == rt.endpoint) else { continue };
        let (tried, refused) = requests(versions, &stage, (&before, &after), (rt, now)).await;
        notes.extend(
            refused
                .into_iter()
                .map(|path| format!("creations with {} {path}: no made-up value is taken", rt.name)),
        );
        for (what, request) in tried {
            before.mapping.restart();
            after.mapping.restart();
            let shown = (old.plan(&before, request.clone()).await, new.plan(&after, request.clone()).await);
            changes.extend(Change::of(&what, difference(&shown.0, &shown.1)));
            if request.method == Method::Get {
                let was = old.target(&stage.facts, false)?;
                let is = new.target(&stage.facts, false)?;
                let was = resources::answer(&was, request.clone(), &old.client()).await;
                let is = resources::answer(&is, request, &new.client()).await;
                let lines = resources::difference(&was, &is);
                changes.extend(Change::of(format!("{what}, the answer"), lines));
            }
        }
    }
    Ok((Section { name: "plans", changes }, notes))
}

/// What is tried of a type; with it, the attributes of which no value was taken.
async fn requests(
    Versions { old, new }: Versions<'_>,
    stage: &Stage,
    (before, after): (&Arc<Target>, &Arc<Target>),
    (rt, now): (&ResourceType, &ResourceType),
) -> (Vec<Tried>, Vec<String>) {
    let (mut tried, ids, endpoint) = (Vec::new(), &stage.ids, &rt.endpoint);
    let mut refused = Vec::new();
    let mut least = None;
    if let Ok(grown) = stage::grow(old, before, rt, (COMES, ids), true).await {
        least = Some(grown.body.clone());
        let post = samples::request(Method::Post, rt, None, Some(grown.body.into()));
        tried.push((format!("POST {endpoint} with what is required"), post));
    }
    if let Ok(grown) = stage::grow(old, before, rt, (COMES, ids), false).await {
        refused = grown.refused;
        let body = stage::grow_on(new, after, (now, rt), (COMES, ids), grown.body).await;
        let post = samples::request(Method::Post, rt, None, Some(body.into()));
        tried.push((format!("POST {endpoint} with everything"), post));
    }
    let Some(id) = stage.last(rt) else { return (tried, refused) };
    tried.push((format!("GET {endpoint}/…"), samples::request(Method::Get, rt, Some(id), None)));
    let mut seen = BTreeSet::new();
    for (urn, attribute) in samples::writable(rt).chain(samples::writable(now)) {
        if seen.insert(samples::path(urn, &attribute.name)) {
            let path = samples::path(urn, &attribute.name);
            for operation in operations(&path, attribute, ids) {
                let what = told(endpoint, &operation);
                tried.push((what, samples::patch(rt, id, operation)));
            }
        }
    }
    if let Some(body) = least {
        let put = samples::request(Method::Put, rt, Some(id), Some(body.into()));
        tried.push((format!("PUT {endpoint}/… with what is required"), put));
    }
    tried.push((format!("DELETE {endpoint}/…"), samples::request(Method::Delete, rt, Some(id), None)));
    (tried, refused)
}

/// What is tried with an attribute of somebody who is there.
fn operations(path: &str, attribute: &Attribute, ids: &Ids) -> Vec<Value> {
    let values = samples::values(attribute, CHANGED, ids);
    if attribute.multi_valued && samples::is_reference(attribute) {
        let Some(id) = samples::referable(attribute, ids).next() else { return Vec::new() };
        return vec![
            json!({ "op": "add", "path": path, "value": [{ "value": id }] }),
            json!({ "op": "remove", "path": format!("{path}[value eq {}]", Value::from(id.as_str())) }),
        ];
    }
    let all = if values.iter().all(Value::is_boolean) { values.len() } else { 1 };
    let mut operations: Vec<Value> = values
        .into_iter()
        .take(all)
        .map(|value| json!({ "op": "replace", "path": path, "value": value }))
        .collect();
    if !attribute.required {
        operations.push(json!({ "op": "remove", "path": path }));
    }
    operations
}

fn told(endpoint: &str, operation: &Value) -> String {
    let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = operation.get("value").filter(|value| value.is_boolean());
    let value = value.map(|value| format!(": {value}")).unwrap_or_default();
    format!("PATCH {endpoint}/… {} {}{value}", text("op"), text("path"))
}

/// The names of shared rows that made-up people have.
fn named(mappings: &[&Mapping], shared: &Shared) -> Vec<Value> {
    let types = mappings.iter().flat_map(|mapping| mapping.resources()).filter(|of| *of.entity == *shared.of);
    let same = |(urn, one): &(Option<&str>, &Attribute)| {
        *urn == shared.path.urn.as_deref() && one.name == shared.path.name
    };
    let attributes = types
        .flat_map(|of| of.resource_type.attributes().filter(same).map(|(_, one)| one).collect::<Vec<_>>());
    let mut all = Vec::new();
    for attribute in attributes {
        for nth in [LEAST, WHOLE, COMES, CHANGED] {
            let value = samples::values(attribute, nth, &Ids::new()).into_iter().next();
            let inner = |value: Value| match &shared.path.sub {
                Some(sub) => value.get(sub).cloned(),
                None => Some(value),
            };
            all.extend(value.and_then(inner).filter(|value| !all.contains(value)));
        }
    }
    all
}

/// The requests of the tests that either version's folder has.
pub(super) async fn of_tests(versions: Versions<'_>, folders: &[Folder]) -> Result<Section, Trouble> {
    let mut cases: BTreeMap<String, (&Folder, PathBuf)> = BTreeMap::new();
    for folder in folders {
        for path in folder.cases()? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            cases.entry(name).or_insert((folder, path));
        }
    }
    let mut changes = Vec::new();
    for (name, (folder, path)) in cases {
        let (request, facts) = (request_in(&path)?, folder.facts(&path)?);
        let mut shown = Vec::new();
        for scene in [versions.old, versions.new] {
            let plan = scene.plan(&scene.target(&facts, true)?, request.clone()).await;
            let target = scene.target(&facts, false)?;
            shown.push((plan, resources::answer(&target, request.clone(), &scene.client()).await));
        }
        if let [(plan, answer), (planned, answered)] = shown.as_slice() {
            changes.extend(Change::of(format!("{name}, the plan"), difference(plan, planned)));
            changes
                .extend(Change::of(format!("{name}, the answer"), resources::difference(answer, answered)));
        }
    }
    Ok(Section { name: "tests", changes })
}

//! What filters become: a few of each attribute that both versions have, as [`Target::explain`] tells it.

use std::sync::Arc;

use serde_json::Value;

use super::Versions;
use super::lines::difference;
use super::report::{Change, Section};
use super::samples;
use crate::gateway::{Request, Target};
use crate::plan::Predicate;
use crate::rehearsal::{Facts, Scene, Trouble};
use crate::scim::method::Method;
use crate::scim::schema::{Attribute, ResourceType, Returned, Type};

/// A filter in front of one version.
struct Became {
    /// What decides whether it is the same: what is asked for, and the verdicts.
    asked: (Predicate, Vec<String>),
    /// It as text.
    shown: String,
}

/// What differs.
pub(super) async fn section(versions: Versions<'_>, facts: &Facts) -> Result<Section, Trouble> {
    let (old, new) = (versions.old.target(facts, true)?, versions.new.target(facts, true)?);
    let outlines = [old.mapping.outline(), new.mapping.outline()].concat();
    let outlines: Vec<_> = outlines.iter().collect();
    let mut changes = Vec::new();
    for of in old.mapping.resources() {
        let rt = &of.resource_type;
        let same = |other: &&crate::mapping::ResourceMapping| other.resource_type.endpoint == rt.endpoint;
        let Some(now) = new.mapping.resources().iter().find(same) else { continue };
        let all = list(rt, None);
        let (was, is) = (versions.old.plan(&old, all.clone()).await, versions.new.plan(&new, all).await);
        changes.extend(Change::of(format!("{} without a filter", rt.name), difference(&was, &is)));
        for filter in probes(&samples::mapped(rt, &outlines), &now.resource_type) {
            let was = became(versions.old, &old, rt, &filter).await;
            let is = became(versions.new, &new, rt, &filter).await;
            if was.asked != is.asked {
                let what = format!("{}: {filter}", rt.name);
                changes.extend(Change::of(what, difference(&was.shown, &is.shown)));
            }
        }
    }
    Ok(Section { name: "filters", changes })
}

async fn became(scene: &Scene, target: &Arc<Target>, rt: &ResourceType, filter: &str) -> Became {
    let request = list(rt, Some(filter));
    match target.explain(&request) {
        Ok(explained) => {
            let told = |term: &crate::mapping::Term| {
                let negated = if term.is_negated { "not " } else { "" };
                format!("{negated}{}: {}", term.text, term.verdict)
            };
            let verdicts: Vec<String> = explained.terms.iter().map(told).collect();
            let asked = scene.plan(target, request).await;
            let shown = format!("{}\n{}", verdicts.join("\n"), asked.trim_end());
            Became { asked: (explained.predicate, verdicts), shown }
        }
        Err(error) => {
            let shown = format!("refused: {}", error.detail);
            Became { asked: (Predicate::Nothing, vec![shown.clone()]), shown }
        }
    }
}

/// A list, with as little of each resource as there can be.
fn list(rt: &ResourceType, filter: Option<&str>) -> Request {
    let mut query = vec![("attributes".to_owned(), "id".to_owned())];
    query.extend(filter.map(|filter| ("filter".to_owned(), filter.to_owned())));
    Request { query, ..samples::request(Method::Get, rt, None, None) }
}

/// Filters on what both have.
fn probes(old: &ResourceType, new: &ResourceType) -> Vec<String> {
    let mut all = Vec::new();
    for (urn, attribute) in old.attributes() {
        let known = new.attributes().any(|(other, one)| other == urn && one.name == attribute.name);
        if !known || attribute.returned == Returned::Never {
            continue;
        }
        let path = samples::path(urn, &attribute.name);
        if attribute.kind != Type::Complex {
            all.extend(of_path(&path, attribute));
            continue;
        }
        all.push(format!("{path} pr"));
        for sub in &attribute.sub_attributes {
            if sub.kind != Type::Complex && sub.name != "$ref" {
                all.extend(of_path(&format!("{path}.{}", sub.name), sub));
            }
        }
        let kinds = attribute.sub_attributes.iter().find(|sub| sub.name == "type" && attribute.multi_valued);
        let kinds = kinds.map(|sub| sub.canonical_values.as_slice()).unwrap_or_default();
        all.extend(kinds.iter().map(|kind| format!("{path}[type eq \"{kind}\" and value eq \"x\"]")));
    }
    all
}

fn of_path(path: &str, attribute: &Attribute) -> Vec<String> {
    let operators: &[&str] = match attribute.kind {
        Type::String | Type::Reference => &["eq", "ne", "sw", "co"],
        Type::Integer | Type::Decimal | Type::DateTime => &["eq", "gt"],
        Type::Boolean | Type::Binary | Type::Complex => &["eq"],
    };
    let value = samples::plain(attribute, 0).into_iter().next().unwrap_or(Value::Null);
    let mut all = vec![format!("{path} pr")];
    all.extend(operators.iter().map(|operator| format!("{path} {operator} {value}")));
    all.push(format!("not ({path} eq {value})"));
    if attribute.kind == Type::Boolean {
        all.push(format!("{path} eq false"));
    }
    all
}

//! A list has the resources that the filter's evaluation in memory finds among all resources.

use std::collections::BTreeSet;

use gantry::scim::evaluate::{Folding, matches};
use gantry::scim::filter::{self, Filter, Literal, Op};
use gantry::scim::path::AttrPath;
use gantry::scim::resource::Resource;
use gantry::scim::schema::{Attribute, Extension, ResourceType, Returned, Schema, Type};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};
use serde_json::Value;

use super::people::{self, TEXTS};
use super::{Everywhere, TARGETS, all, one, runner};
use crate::support::scim::{Scim, encoded};

/// Filters that once found what they should not, or did not find what they should.
const ONCE_WRONG: [&str; 7] = [
    "meta.version pr",
    "not (meta.version ge \"\")",
    "meta.lastModified lt \"9999-12-31T23:59:59-01:00\"",
    "externalId pr",
    "externalId eq null",
    "not (externalId pr)",
    "externalId ne \"x\" and (not (externalId pr) or externalId eq \"\")",
];

#[test]
fn find_what_their_evaluation_finds() {
    let everywhere = Everywhere::start();
    for name in TARGETS {
        agree(&everywhere.gateway.target(name), name, &TEXTS);
    }
}

/// Filters of a target with people made of these texts.
pub fn agree(scim: &Scim, name: &str, texts: &'static [&'static str]) {
    let mut runner = runner(120);
    let population = one(&mut runner, &people::population(30, 8, texts));
    let settled = people::settle(scim, &population);
    assert!(settled > 20, "{name}: of all only {settled} were taken");
    for kind in ["User", "Group"] {
        let list = List::read(scim, name, kind, texts);
        ONCE_WRONG.iter().for_each(|text| list.agrees(&filter::parse(text).unwrap()).unwrap());
        all(&mut runner, &filters(&list), |filter| list.agrees(&filter));
    }
}

/// The resources of one type as a client sees them, and their type as it is advertised.
struct List {
    scim: Scim,
    target: String,
    rt: ResourceType,
    folding: Folding,
    resources: Vec<Resource>,
    /// What filters are made of, besides what the resources have.
    texts: &'static [&'static str],
}

// === impl List ===

impl List {
    fn read(scim: &Scim, target: &str, kind: &str, texts: &'static [&'static str]) -> Self {
        let rt = advertised(scim, kind);
        let folding = match target {
            "openldap" | "posix" => Folding::Directory,
            "389ds" | "ad" => Folding::Unprepared,
            "server" => Folding::Unicode,
            _ => Folding::Ascii,
        };
        let (scim, target) = (scim.clone(), target.to_owned());
        let mut list = Self { scim, target, rt, folding, resources: Vec::new(), texts };
        // Also what is returned only when it is asked for.
        let names = paths(&list.rt).into_iter();
        let names = names.filter(|(path, of)| path.sub.is_none() || of.returned == Returned::Request);
        let names: Vec<String> = names.map(|(path, _)| path.to_string()).collect();
        list.resources = list.pages(&format!("attributes={}", encoded(&names.join(",")))).unwrap();
        list
    }

    /// All pages of a list, or the error's status and keyword.
    fn pages(&self, query: &str) -> Result<Vec<Resource>, String> {
        let mut found = Vec::new();
        loop {
            let start = found.len() + 1;
            let path = format!("{}?{query}&startIndex={start}&count=40", self.rt.endpoint);
            let answer = self.scim.get(&path);
            if answer.status != 200 {
                return Err(format!("{} {}", answer.status, answer.body["scimType"]));
            }
            let page = answer.body["Resources"].as_array().unwrap();
            found.extend(page.iter().map(|resource| resource.as_object().unwrap().clone()));
            let total = usize::try_from(answer.body["totalResults"].as_u64().unwrap()).unwrap();
            if page.is_empty() || found.len() >= total {
                assert_eq!(found.len(), total, "{path}");
                return Ok(found);
            }
        }
    }

    fn agrees(&self, filter: &Filter) -> Result<(), String> {
        let found = self.pages(&format!("filter={}", encoded(&filter.to_string())));
        let checked = match filter::check(filter.clone(), &self.rt) {
            Ok(checked) => checked,
            Err(error) if found.as_ref().is_err_and(|found| found == r#"400 "invalidFilter""#) => {
                drop(error);
                return Ok(());
            }
            Err(error) => return Err(format!("{}: {filter}\n{error}, but {found:?}", self.target)),
        };
        let ids = |resources: &[Resource]| -> BTreeSet<String> {
            resources.iter().map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
        };
        let meets = |resource: &&Resource| matches(&checked, resource, &self.rt, self.folding);
        let expected = ids(&self.resources.iter().filter(meets).cloned().collect::<Vec<_>>());
        let found = found.map_err(|error| format!("{}: {filter}\n{error}", self.target))?;
        let once = ids(&found);
        if once.len() != found.len() {
            return Err(format!("{}: {filter}\nfinds some twice", self.target));
        }
        match once.symmetric_difference(&expected).next() {
            None => Ok(()),
            Some(id) => {
                let resource = self.resources.iter().find(|resource| resource["id"] == id.as_str()).unwrap();
                let what = if expected.contains(id) { "does not find" } else { "finds" };
                Err(format!("{}: {filter}\n{what}\n{:#}", self.target, Value::Object(resource.clone())))
            }
        }
    }

    /// The texts that resources have at a path.
    fn texts(&self, path: &AttrPath) -> Vec<String> {
        let mut found = BTreeSet::new();
        for resource in &self.resources {
            let home = path.urn.as_ref().map_or(Some(resource), |urn| resource.get(urn)?.as_object());
            let value = home.and_then(|home| home.get(&path.name));
            let elements = match value {
                Some(Value::Array(items)) => items.as_slice(),
                Some(one) => std::slice::from_ref(one),
                None => &[],
            };
            let sub = |element: &Value| match &path.sub {
                Some(sub) => element.get(sub).cloned(),
                None => Some(element.clone()),
            };
            found.extend(elements.iter().filter_map(|one| sub(one)?.as_str().map(str::to_owned)));
        }
        found.into_iter().collect()
    }
}

/// The resource type as discovery tells it.
pub fn advertised(scim: &Scim, kind: &str) -> ResourceType {
    let found = scim.get(&format!("/ResourceTypes/{kind}")).is(200);
    let schema = |urn: &Value| -> Schema {
        serde_json::from_value(scim.get(&format!("/Schemas/{}", urn.as_str().unwrap())).is(200)).unwrap()
    };
    let extensions = found["schemaExtensions"].as_array().into_iter().flatten();
    ResourceType {
        name: kind.to_owned(),
        endpoint: found["endpoint"].as_str().unwrap().to_owned(),
        schema: schema(&found["schema"]),
        extensions: extensions
            .map(|extension| Extension { schema: schema(&extension["schema"]), required: false })
            .collect(),
        ..ResourceType::default()
    }
}

/// Every attribute and sub-attribute, also those that all resources have.
fn paths(rt: &ResourceType) -> Vec<(AttrPath, Attribute)> {
    let mut found: Vec<(AttrPath, Attribute)> = Vec::new();
    let mut push = |path: AttrPath, attribute: &Attribute| {
        found.extend(attribute.sub_attributes.iter().map(|sub| (path.with_sub(&sub.name), sub.clone())));
        found.push((path, attribute.clone()));
    };
    for (urn, attribute) in rt.attributes() {
        push(AttrPath { urn: urn.map(str::to_owned), name: attribute.name.clone(), sub: None }, attribute);
    }
    for name in ["externalId", "id", "meta", "schemas"] {
        let path = AttrPath::attribute(name);
        let attribute = rt.find(&path).unwrap().attribute.clone();
        push(path, &attribute);
    }
    found
}

// --- random filters ---

fn filters(list: &List) -> BoxedStrategy<Filter> {
    let paths = paths(&list.rt);
    let with_texts: Vec<_> =
        paths.iter().map(|(path, attribute)| (path.clone(), attribute.clone(), list.texts(path))).collect();
    let elements = with_texts.iter().filter(|(path, attribute, _)| {
        path.sub.is_none() && attribute.kind == Type::Complex && attribute.multi_valued
    });
    let elements: Vec<_> = elements
        .map(|(path, attribute, _)| {
            let subs = attribute.sub_attributes.iter().map(|sub| {
                let texts = list.texts(&path.with_sub(&sub.name));
                (AttrPath::attribute(&sub.name), sub.clone(), texts)
            });
            (path.clone(), nested(terms(subs.collect(), list.texts), 2))
        })
        .collect();
    let value_path = prop::sample::select(elements).prop_flat_map(|(path, inner)| {
        inner.prop_map(move |filter| Filter::ValuePath {
            path: path.clone(),
            filter: Box::new(filter),
            then: None,
            at: 0,
        })
    });
    nested(prop_oneof![4 => terms(with_texts, list.texts), 1 => value_path].boxed(), 3)
}

fn nested(leaf: BoxedStrategy<Filter>, depth: u32) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
    .boxed()
}

const OPERATORS: [Op; 9] = [Op::Eq, Op::Ne, Op::Co, Op::Sw, Op::Ew, Op::Gt, Op::Ge, Op::Lt, Op::Le];

/// A comparison, or a test of presence, of one of the attributes.
fn terms(
    of: Vec<(AttrPath, Attribute, Vec<String>)>,
    texts: &'static [&'static str],
) -> BoxedStrategy<Filter> {
    let op = option::weighted(0.9, prop::sample::select(&OPERATORS[..]));
    // Mostly what some resource has.
    let had = of.iter().filter(|(_, attribute, texts)| attribute.kind == Type::Boolean || !texts.is_empty());
    let had: Vec<_> = had.cloned().collect();
    let path = prop_oneof![1 => prop::sample::select(of.clone()), 3 => prop::sample::select(if had.is_empty() { of } else { had })];
    let term = (path, op).prop_flat_map(move |((path, attribute, had), op)| {
        let literal = literals(&attribute, had, texts);
        (Just(path), Just(op), literal)
    });
    term.prop_map(|(path, op, value)| match op {
        None => Filter::Present { path, at: 0 },
        Some(op) => Filter::Compare { path, op, value, at: 0 },
    })
    .boxed()
}

/// Values of the attribute's type, mostly those that resources have, or parts of them, or in another case.
fn literals(attribute: &Attribute, had: Vec<String>, more: &[&str]) -> BoxedStrategy<Literal> {
    let mut texts = had;
    let truth = any::<bool>().prop_map(Literal::Bool).boxed();
    let number = (-1_i64..50).prop_map(|number| Literal::Number(number.into())).boxed();
    if attribute.kind == Type::DateTime {
        texts.extend(["2026-01-31T12:00:00+02:00", "9999-12-31T23:59:59-01:00"].map(str::to_owned));
        texts.extend(texts.clone().iter().map(|text| text.replace('Z', "+00:00")));
    } else {
        texts.extend(more.iter().map(|text| (*text).to_owned()));
    }
    let text = (prop::sample::select(texts), 0..8_u8, any::<prop::sample::Index>());
    let text = text.prop_map(|(text, change, at)| Literal::Text(changed(&text, change, at))).boxed();
    let own = match attribute.kind {
        Type::Boolean => truth.clone(),
        Type::Integer | Type::Decimal => number.clone(),
        _ => text.clone(),
    };
    prop_oneof![20 => own, 2 => Just(Literal::Null), 1 => truth, 1 => number, 1 => text].boxed()
}

fn changed(text: &str, change: u8, at: prop::sample::Index) -> String {
    let letters: Vec<char> = text.chars().collect();
    let cut = at.index(letters.len() + 1);
    match change {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        2 => letters.iter().take(cut).collect(),
        3 => letters.iter().skip(cut).collect(),
        4 => format!(" {text} "),
        _ => text.to_owned(),
    }
}

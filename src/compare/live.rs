//! What two versions of a mapping show of the resources that are really there, attribute by attribute. Reads only: lists,
//! and single resources by id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::report::{Change, How, Section};
use super::{resources, samples};
use crate::gateway::{Client, Request, Target};
use crate::mapping::Mapping;
use crate::scim::method::Method;
use crate::scim::schema::ResourceType;

/// Examples that are shown of each difference.
const EXAMPLES: usize = 3;

/// Two versions in front of one backend.
pub struct Live<'a> {
    /// Before.
    pub old: &'a Arc<Target>,
    /// After.
    pub new: &'a Arc<Target>,
    /// Who asks.
    pub client: &'a Client,
    /// Of so many resources of each type.
    pub sample: usize,
}

/// What a version shows of a type.
#[derive(Default)]
struct Walked {
    resources: BTreeMap<String, Value>,
    total: usize,
    /// Why it could not be listed: the status.
    failed: Option<u16>,
}

/// What differs of a type.
#[derive(Default)]
struct Found {
    looked: usize,
    gone: Vec<String>,
    come: Vec<String>,
    /// By attribute: how many, and the first.
    attributes: BTreeMap<String, (usize, Vec<String>)>,
}

// === impl Live ===

impl Live<'_> {
    /// What differs; with it, what was not looked at. `told` hears how far it is.
    pub async fn compare(&self, told: &mut (dyn FnMut(String) + Send)) -> (Section, Vec<String>) {
        let (mut changes, mut notes) = (Vec::new(), Vec::new());
        let hidden = hidden([&self.old.mapping, &self.new.mapping]);
        for of in self.old.mapping.resources() {
            let rt = &of.resource_type;
            if self.new.mapping.resources().iter().any(|now| now.resource_type.endpoint == rt.endpoint) {
                self.of_type(rt, &hidden, told, (&mut changes, &mut notes)).await;
            }
        }
        (Section { name: "resources seen", changes }, notes)
    }

    async fn of_type(
        &self,
        rt: &ResourceType,
        hidden: &BTreeSet<String>,
        told: &mut (dyn FnMut(String) + Send),
        (changes, notes): (&mut Vec<Change>, &mut Vec<String>),
    ) {
        let name = &rt.name;
        let old = self.walk(self.old, rt, &format!("{name}, old"), told).await;
        let new = self.walk(self.new, rt, &format!("{name}, new"), told).await;
        let mut found = Found::default();
        let ids: BTreeSet<&String> = old.resources.keys().chain(new.resources.keys()).collect();
        for id in ids {
            let was = self.seen(self.old, rt, id, &old).await;
            let is = self.seen(self.new, rt, id, &new).await;
            found.add(id, (&was, &is), hidden);
        }
        let lists = [("old", &old), ("new", &new)];
        for (version, status) in lists.iter().filter_map(|(version, walked)| Some((version, walked.failed?)))
        {
            let lines = vec![format!("the {version} version's list is answered {status}")];
            changes.extend(Change::of(format!("{name}, the list"), lines));
        }
        if lists.iter().all(|(_, walked)| walked.failed.is_none()) && old.total != new.total {
            let lines = vec![format!("{} → {}", old.total, new.total)];
            changes.extend(Change::of(format!("{name}: how many there are"), lines));
        }
        let most = old.total.max(new.total);
        if most > found.looked {
            notes.push(format!("{name}: {} of {most} were looked at; --sample says how many", found.looked));
        }
        changes.extend(found.changes(name));
    }

    /// What a version shows of one: as it was listed, else by its id.
    async fn seen(
        &self,
        target: &Arc<Target>,
        rt: &ResourceType,
        id: &String,
        walked: &Walked,
    ) -> (u16, Value) {
        if let Some(resource) = walked.resources.get(id) {
            return (200, resource.clone());
        }
        resources::answer(target, samples::request(Method::Get, rt, Some(id), None), self.client).await
    }

    /// The first of a type's list.
    async fn walk(
        &self,
        target: &Arc<Target>,
        rt: &ResourceType,
        what: &str,
        told: &mut (dyn FnMut(String) + Send),
    ) -> Walked {
        let (mut walked, mut cursor) = (Walked::default(), String::new());
        while walked.resources.len() < self.sample {
            let count = target.limits.page_size.min(self.sample - walked.resources.len());
            let query = vec![("cursor".to_owned(), cursor), ("count".to_owned(), count.to_string())];
            let request = Request { query, ..samples::request(Method::Get, rt, None, None) };
            let (status, body) = resources::answer(target, request, self.client).await;
            if status != 200 {
                walked.failed = Some(status);
                break;
            }
            let total = body.get("totalResults").and_then(Value::as_u64).unwrap_or_default();
            walked.total = usize::try_from(total).unwrap_or(usize::MAX);
            for one in body.get("Resources").and_then(Value::as_array).into_iter().flatten() {
                if let Some(id) = one.get("id").and_then(Value::as_str) {
                    walked.resources.insert(id.to_owned(), one.clone());
                }
            }
            told(format!("{what}: {} of {}", walked.resources.len(), walked.total.min(self.sample)));
            match body.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        walked
    }
}

// === impl Found ===

impl Found {
    fn add(
        &mut self,
        id: &str,
        ((old, was), (new, is)): (&(u16, Value), &(u16, Value)),
        hidden: &BTreeSet<String>,
    ) {
        self.looked += 1;
        let name = |resource: &Value| {
            let name = ["userName", "displayName"].iter().find_map(|name| resource.get(name)?.as_str());
            name.map_or_else(|| id.to_owned(), |name| format!("{id} ({name})"))
        };
        match (old, new) {
            (200, 200) => {
                for (path, (was, is)) in resources::attributes(was, is) {
                    let line = match is_hidden(hidden, &path) {
                        true => format!("{id}: (not shown)"),
                        false => {
                            format!(
                                "{id}: {} → {}",
                                resources::shown(was.as_ref()),
                                resources::shown(is.as_ref())
                            )
                        }
                    };
                    self.note(path, line);
                }
            }
            (200, 404) => self.gone.push(name(was)),
            (404, 200) => self.come.push(name(is)),
            (old, new) if old != new => {
                self.note("the answer's status".to_owned(), format!("{id}: {old} → {new}"));
            }
            _ => {}
        }
    }

    /// One more of whom this differs, shown while they are few.
    fn note(&mut self, what: String, line: String) {
        let (count, examples) = self.attributes.entry(what).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(line);
        }
    }

    fn changes(self, name: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        for (how, all) in [(How::Removed, self.gone), (How::Added, self.come)] {
            if !all.is_empty() {
                let what = format!("{name}: {} of {}", all.len(), self.looked);
                changes.push(Change { how, what, lines: all.into_iter().take(EXAMPLES).collect() });
            }
        }
        let looked = self.looked;
        let of = |(path, (count, lines)): (String, (usize, Vec<String>))| {
            let what = format!("{name} {path}: {count} of {looked}");
            Change { how: How::Changed, what, lines }
        };
        changes.extend(self.attributes.into_iter().map(of));
        changes
    }
}

/// The attributes that are secret in either version, or stand where the other has a secret.
fn hidden(mappings: [&Mapping; 2]) -> BTreeSet<String> {
    let outlines: Vec<_> = mappings.iter().flat_map(|mapping| mapping.outline()).collect();
    let lines = || outlines.iter().flat_map(|of| of.lines.values().map(move |line| (&of.name, line)));
    let natives: BTreeSet<(&String, &String)> = lines()
        .filter(|(_, line)| line.is_secret)
        .flat_map(|(name, line)| line.natives.iter().map(move |native| (name, native)))
        .collect();
    let is_there = |name: &String, line: &crate::mapping::OutlinedLine| {
        line.is_secret || line.natives.iter().any(|native| natives.contains(&(name, native)))
    };
    let of_lines =
        lines().filter(|(name, line)| is_there(name, line)).map(|(_, line)| line.attribute.to_string());
    let said = mappings.iter().flat_map(|mapping| mapping.secrets()).map(|path| path.to_string());
    of_lines.chain(said).collect()
}

fn is_hidden(hidden: &BTreeSet<String>, path: &str) -> bool {
    let is_within = |one: &String| {
        path.strip_prefix(one.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    hidden.iter().any(is_within)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::mapping;
    use super::*;

    #[test]
    fn a_secret_s_place_is_not_shown_whatever_stands_for_it_now() {
        let old = mapping("attr(\"password\", \"Pin\").write_only();");
        let new = mapping("attr(\"title\", \"Pin\");\nattr(\"nickName\", \"Nick\");");
        let hidden = hidden([&old, &new]);
        assert!(
            is_hidden(&hidden, "title") && is_hidden(&hidden, "password") && !is_hidden(&hidden, "nickName")
        );
        let mut found = Found::default();
        let seen = |body: Value| (200, body);
        found.add("1", (&seen(json!({})), &seen(json!({ "title": "s3cret", "nickName": "N" }))), &hidden);
        let told = format!("{:?}", found.changes("User"));
        assert!(!told.contains("s3cret") && told.contains("(not shown)") && told.contains("N"), "{told}");
    }

    #[test]
    fn differences_are_counted_and_the_first_shown() {
        let mut found = Found::default();
        let one = |title: &str| (200, json!({ "userName": "u", "title": title }));
        for id in 0..5 {
            found.add(&id.to_string(), (&one("a"), &one("b")), &BTreeSet::new());
        }
        found.add("5", (&one("a"), &(404, Value::Null)), &BTreeSet::new());
        found.add("6", (&(404, Value::Null), &one("a")), &BTreeSet::new());
        found.add("7", (&one("a"), &one("a")), &BTreeSet::new());
        let told: Vec<String> = found
            .changes("User")
            .iter()
            .map(|change| format!("{} {} | {}", change.how.word(), change.what, change.lines.join(" | ")))
            .collect();
        assert_eq!(
            told,
            [
                "removed User: 1 of 8 | 5 (u)",
                "added User: 1 of 8 | 6 (u)",
                "changed User title: 5 of 8 | 0: \"a\" → \"b\" | 1: \"a\" → \"b\" | 2: \"a\" → \"b\"",
            ]
        );
    }
}

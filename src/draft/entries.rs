//! Where in a directory things are, and what most of them have: told from a sample.

use std::collections::BTreeMap;

use super::script::count;
use crate::survey::directory::{Directory, Entry};

/// Units of people, by what they are called.
pub(super) const PEOPLE: &[&str] = &[
    "people",
    "users",
    "staff",
    "accounts",
    "employees",
    "persons",
    "members",
    "personen",
    "benutzer",
    "mitarbeiter",
    "leute",
];
/// Units of groups.
pub(super) const GROUPS: &[&str] = &["groups", "group", "roles", "teams", "gruppen", "rollen"];

/// The entries below one base.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) base: String,
    pub(super) entries: Vec<&'a Entry>,
    /// How many stand elsewhere.
    pub(super) elsewhere: usize,
}

/// The place with the most of these entries, the deepest of several; where there are none, the unit that is called so, else the
/// whole directory. What an Active Directory has by itself counts only when nothing else is there.
pub(super) fn place<'a>(directory: &'a Directory, all: &'a [Entry], called: &[&str]) -> Place<'a> {
    let own: Vec<&Entry> = all.iter().filter(|entry| !is_built_in(directory, entry)).collect();
    let units = directory.units.iter().find(|dn| called.contains(&name(dn).as_str()));
    let context = directory.contexts.first().cloned().unwrap_or_default();
    let mut counts: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for entry in &own {
        let is_context =
            |dn: &&String| directory.contexts.iter().any(|context| context.eq_ignore_ascii_case(dn));
        for dn in entry.above.iter().take_while(|dn| !is_context(dn)) {
            counts.entry(dn.to_lowercase()).or_insert((0, dn)).0 += 1;
        }
    }
    let depth = |dn: &str| {
        own.iter().filter_map(|entry| entry.above.iter().rev().position(|above| above == dn)).max()
    };
    let most = counts.values().max_by_key(|(number, dn)| (*number, depth(dn)));
    let base = match (most, units) {
        (Some((_, dn)), _) => (*dn).to_owned(),
        (None, Some(unit)) => unit.clone(),
        (None, None) => own.first().and_then(|entry| entry.above.first()).cloned().unwrap_or(context),
    };
    let is_below = |entry: &&&Entry| entry.above.iter().any(|dn| dn.eq_ignore_ascii_case(&base));
    let entries: Vec<&Entry> = own.iter().filter(is_below).copied().collect();
    let elsewhere = own.len() - entries.len();
    Place { base, entries, elsewhere }
}

/// Whether an entry is one of those that an Active Directory has from the start, or stands among them though there are other
/// places.
fn is_built_in(directory: &Directory, entry: &Entry) -> bool {
    use crate::survey::directory::Server;
    if directory.server != Server::ActiveDirectory {
        return false;
    }
    let parent = entry.above.first().map(|dn| dn.to_lowercase()).unwrap_or_default();
    let stands = directory.contexts.iter().any(|context| {
        let context = context.to_lowercase();
        parent == format!("cn=users,{context}") || parent == format!("cn=builtin,{context}")
    });
    let is_unit = |dn: &String| dn.to_lowercase().starts_with("ou=") && name(dn) != "domain controllers";
    entry.first.contains_key("iscriticalsystemobject") || stands && directory.units.iter().any(is_unit)
}

/// What the unit with this DN is called, in lower case.
fn name(dn: &str) -> String {
    let first = dn.split(',').next().unwrap_or_default();
    first.split_once('=').map_or(first, |(_, name)| name).trim().to_lowercase()
}

impl Place<'_> {
    /// How many have an attribute.
    pub(super) fn having(&self, attribute: &str) -> usize {
        let attribute = attribute.to_lowercase();
        self.entries.iter().filter(|entry| entry.first.contains_key(&attribute)).count()
    }

    /// How many are of a class.
    pub(super) fn of_class(&self, class: &str) -> usize {
        let class = class.to_lowercase();
        self.entries.iter().filter(|entry| entry.classes.contains(&class)).count()
    }

    /// Whether more than half of them are.
    pub(super) fn mostly(&self, class: &str) -> bool {
        2 * self.of_class(class) > self.entries.len()
    }

    /// The most frequent value of an attribute.
    pub(super) fn usual(&self, attribute: &str) -> Option<&str> {
        let attribute = attribute.to_lowercase();
        most(self.entries.iter().filter_map(|entry| entry.first.get(&attribute)).map(String::as_str))
    }

    /// What most values of an attribute have behind their `@`.
    pub(super) fn usual_suffix(&self, attribute: &str) -> Option<&str> {
        let attribute = attribute.to_lowercase();
        let values = self.entries.iter().filter_map(|entry| entry.first.get(&attribute));
        most(values.filter_map(|value| value.rsplit_once('@')).map(|(_, suffix)| suffix))
    }

    /// The attribute that names most of them.
    pub(super) fn rdn(&self) -> Option<&str> {
        most(self.entries.iter().map(|entry| entry.rdn.as_str()))
    }

    /// `812 of 1,000 entries have it`; empty where nobody was seen.
    pub(super) fn told(&self, attribute: &str) -> String {
        match self.entries.len() {
            0 => String::new(),
            all => format!("{} of {} entries have it", count(self.having(attribute)), count(all)),
        }
    }

    /// What was seen, for the heading.
    pub(super) fn heading(&self, what: &str) -> String {
        let elsewhere = match self.elsewhere {
            0 => String::new(),
            number => format!(" Elsewhere, and not served: {}.", count(number)),
        };
        match self.entries.len() {
            0 => format!("No {what} were seen; {} is the place that is called so.", self.base),
            number => format!("Looked at: {} {what} below {}.{elsewhere}", count(number), self.base),
        }
    }

    /// How many stand deeper than right below the base, where new ones are put.
    pub(super) fn deeper(&self) -> usize {
        let is_deeper =
            |entry: &&&Entry| entry.above.first().is_some_and(|dn| !dn.eq_ignore_ascii_case(&self.base));
        self.entries.iter().filter(is_deeper).count()
    }
}

fn most<'a>(all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    all.filter(|text| !text.is_empty()).for_each(|text| *counts.entry(text).or_default() += 1);
    counts.into_iter().max_by_key(|(text, times)| (*times, std::cmp::Reverse(*text))).map(|(text, _)| text)
}

//! A directory in memory in place of a server, for tests of mappings and for plans against a file: it holds what an
//! LDIF file says, answers the very operations that a server is sent, and does by itself what the ready mappings expect
//! of their servers' overlays and plug-ins: `memberOf` says who is a member, and names are followed where they are
//! referred to. It knows no schema: every attribute is compared as caseIgnoreMatch would, a few by name exactly.

mod ldif;
mod matches;
mod stamps;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ldap3::LdapResult;
use time::OffsetDateTime;

use crate::plan::{LdapOperation, Model, Scope, Store};

use super::codes;
use super::dn::Dn;
use super::entry::Entry;
use super::kind::Kind;
use matches::Filter;

/// What says of a person in which groups it is.
const MEMBER_OF: &str = "memberOf";
/// And of a group who is in it.
const MEMBERS: [&str; 2] = ["member", "uniqueMember"];
/// Attributes that are a server's own, in lower case.
const OPERATIONAL: [&str; 13] = [
    "createtimestamp",
    "creatorsname",
    "entrycsn",
    "entrydn",
    "entryusn",
    "entryuuid",
    "hassubordinates",
    "memberof",
    "modifiersname",
    "modifytimestamp",
    "nsuniqueid",
    "structuralobjectclass",
    "subschemasubentry",
];

/// A directory in memory.
#[derive(Debug)]
pub(super) struct Memory {
    kind: Kind,
    now: OffsetDateTime,
    /// The bases of the mapping: entries may stand below them even where they themselves are in no file.
    bases: Vec<Dn>,
    /// Attributes that hold DNs of entries, in lower case.
    links: Vec<String>,
    /// Attributes that may not become empty, in lower case, each with what stands there then.
    must: Vec<(String, String)>,
    /// What gives entries their ids.
    ids: Vec<String>,
    /// What changes with every write.
    versions: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Held>,
    /// Entries that were made, and writes that were done.
    made: u64,
    writes: u64,
}

/// The DNs of groups, by the normalised name of who is in them.
type Groups = HashMap<String, Vec<Vec<u8>>>;

/// An entry.
#[derive(Clone, Debug)]
struct Held {
    dn: String,
    name: Dn,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

// === impl Memory ===

impl Memory {
    /// The entries of an LDIF file. The error says what is wrong in it, and where.
    pub(super) fn new(ldif: &str, model: &Model, kind: Kind, now: OffsetDateTime) -> Result<Self, String> {
        let mut entries = ldif::parse(ldif)?;
        let (mut bases, mut links, mut must, mut ids, mut versions) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for entity in model.entities.values() {
            let Store::Entries(of) = &entity.store else { continue };
            bases.extend(Dn::parse(&of.base));
            let by_dn = entity.references.keys().filter(|native| !of.stand_ins.contains_key(*native));
            links.extend(by_dn.map(|native| native.name.to_ascii_lowercase()));
            let placeholder = of.placeholder.iter();
            must.extend(placeholder.map(|(attribute, dn)| (attribute.to_ascii_lowercase(), dn.clone())));
            ids.push(of.id.to_string());
            versions.extend(entity.version.iter().map(|native| native.name.to_string()));
        }
        links.retain(|attribute| !attribute.eq_ignore_ascii_case(MEMBER_OF));
        for all in [&mut ids, &mut versions, &mut links] {
            all.sort();
            all.dedup();
        }
        let mut memory = Self { kind, now, bases, links, must, ids, versions, state: Mutex::default() };
        entries.iter_mut().enumerate().for_each(|(place, held)| memory.complete(held, place));
        memory.state = Mutex::new(State { entries, ..State::default() });
        Ok(memory)
    }

    /// What kind of server it stands for.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The entries that a search finds, as a server would send them.
    pub(super) fn search(&self, search: &LdapOperation) -> (Vec<Entry>, LdapResult) {
        let LdapOperation::Search { base, scope, filter, attributes, size_limit } = search else {
            return (Vec::new(), result(codes::OPERATIONS_ERROR, "not a search"));
        };
        let Some(filter) = Filter::parse(filter) else {
            return (Vec::new(), result(codes::OPERATIONS_ERROR, "not a filter"));
        };
        let state = self.state();
        let at_base = state.find(base);
        let base = at_base.map(|held| held.name.clone()).or_else(|| Dn::parse(base));
        let (Some(base), true) = (base, at_base.is_some() || *scope == Scope::Subtree) else {
            return (Vec::new(), result(codes::NO_SUCH_OBJECT, "no such entry"));
        };
        let is_inside = |held: &&Held| match scope {
            Scope::Base => held.name.normalised() == base.normalised(),
            Scope::Subtree => held.name.under(&base),
        };
        // Of few searches only: it takes a look at all of them.
        let is_asked = |name: &str| name.eq_ignore_ascii_case(MEMBER_OF);
        let groups =
            attributes.iter().any(|name| name == "*" || is_asked(name)) || filter.mentions(MEMBER_OF);
        let groups = groups.then(|| state.groups());
        let shown = state.entries.iter().filter(is_inside).map(|held| {
            let mut shown = held.clone();
            if let Some(groups) = &groups {
                shown.set(MEMBER_OF, groups.get(&held.name.normalised()).cloned().unwrap_or_default());
            }
            shown
        });
        let all_is_plain = self.kind == Kind::ActiveDirectory;
        let wants = |name: &str| {
            let is_plain = all_is_plain || !is_operational(name);
            attributes.iter().any(|one| one.eq_ignore_ascii_case(name) || (one == "*" && is_plain))
        };
        let mut found: Vec<Entry> =
            shown.filter(|held| filter.holds(held)).map(|held| held.entry(&wants)).collect();
        match *size_limit > 0 && found.len() > *size_limit {
            true => {
                found.truncate(*size_limit);
                (found, result(codes::SIZE_LIMIT, "more than were asked for"))
            }
            false => (found, result(0, "")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn find(&self, dn: &str) -> Option<&Held> {
        self.at(dn).and_then(|at| self.entries.get(at))
    }

    /// Where the entry with this name is; in Active Directory `<GUID=…>` is one too.
    fn at(&self, dn: &str) -> Option<usize> {
        if let Some(digits) = dn.strip_prefix("<GUID=").and_then(|rest| rest.strip_suffix('>')) {
            let is_it = |held: &Held| {
                let octets = held.values("objectGUID").first().cloned().unwrap_or_default();
                octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>() == digits
            };
            return self.entries.iter().position(is_it);
        }
        let name = Dn::parse(dn)?.normalised();
        self.entries.iter().position(|held| held.name.normalised() == name)
    }

    /// In which groups each name is.
    fn groups(&self) -> Groups {
        let mut groups = Groups::new();
        for held in &self.entries {
            let members = MEMBERS.iter().flat_map(|attribute| held.values(attribute));
            let names = members.filter_map(|dn| Dn::parse(std::str::from_utf8(dn).ok()?));
            for name in names {
                groups.entry(name.normalised()).or_default().push(held.dn.clone().into_bytes());
            }
        }
        groups
    }
}

// === impl Held ===

impl Held {
    fn values(&self, attribute: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        found.map_or(&[], |(_, values)| values)
    }

    /// Gives an attribute these values; without any it is gone.
    fn set(&mut self, attribute: &str, values: Vec<Vec<u8>>) {
        let at = self.attributes.iter().position(|(name, _)| name.eq_ignore_ascii_case(attribute));
        match (at, values.is_empty()) {
            (Some(at), true) => _ = self.attributes.remove(at),
            (Some(at), false) => {
                self.attributes.iter_mut().skip(at).take(1).for_each(|one| one.1 = values.clone())
            }
            (None, true) => {}
            (None, false) => self.attributes.push((attribute.to_owned(), values)),
        }
    }

    fn add(&mut self, attribute: &str, value: Vec<u8>) {
        let mut values = self.values(attribute).to_vec();
        values.push(value);
        self.set(attribute, values);
    }

    /// With the attributes that are asked for.
    fn entry(self, wants: &dyn Fn(&str) -> bool) -> Entry {
        let attributes = self.attributes.into_iter().filter(|(name, _)| wants(name)).collect();
        Entry::new(self.dn, attributes)
    }
}

/// Whether an attribute is given only by its name (RFC 4512 §3.4), on servers that tell these from others.
fn is_operational(attribute: &str) -> bool {
    let attribute = attribute.to_ascii_lowercase();
    OPERATIONAL.contains(&attribute.as_str())
        || attribute.starts_with("pwd")
        || attribute.starts_with("nsaccount")
}

fn result(rc: u32, text: &str) -> LdapResult {
    LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls: Vec::new() }
}

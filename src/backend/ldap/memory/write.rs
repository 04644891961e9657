//! Writes, with the results that a server gives: all of an operation is done, or nothing of it.

use ldap3::LdapResult;

use crate::plan::{AttributeChange, LdapOperation, ModifyKind};

use super::super::codes;
use super::super::dn::{Dn, below, split};
use super::super::value::octets;
use super::matches::octets_equal;
use super::{Held, Memory, State, result};

/// Result codes that only these writes have.
const VALUE_EXISTS: u32 = 20;
const INVALID_DN: u32 = 34;
const NOT_LEAF: u32 = 66;
const NAMING: u32 = 67;
const EXISTS: u32 = 68;

type Done = Result<(), (u32, &'static str)>;

// === impl Memory ===

impl Memory {
    /// Does one write; a rename leaves the old name's value where it is told to.
    pub(in super::super) fn write(&self, write: &LdapOperation, delete_old_rdn: bool) -> LdapResult {
        let mut state = self.state();
        let done = match write {
            LdapOperation::Add { dn, attributes } => {
                let octets =
                    |(name, values): &(String, Vec<_>)| (name.clone(), values.iter().map(octets).collect());
                self.add(&mut state, dn, attributes.iter().map(octets).collect())
            }
            LdapOperation::Modify { dn, changes, .. } => self.modify(&mut state, dn, changes),
            LdapOperation::ModifyDn { dn, new_rdn, new_superior, .. } => {
                self.rename(&mut state, dn, new_rdn, new_superior.as_deref(), delete_old_rdn)
            }
            LdapOperation::Delete { dn, .. } => self.delete(&mut state, dn),
            LdapOperation::Search { .. } => Err((codes::OPERATIONS_ERROR, "not a write")),
        };
        match done {
            Ok(()) => result(0, ""),
            Err((rc, text)) => result(rc, text),
        }
    }

    fn add(&self, state: &mut State, dn: &str, attributes: Vec<(String, Vec<Vec<u8>>)>) -> Done {
        let name = Dn::parse(dn).ok_or((INVALID_DN, "not a DN"))?;
        if state.find(dn).is_some() {
            return Err((EXISTS, "an entry with this name exists"));
        }
        self.has_parent(state, dn)?;
        let mut held = Held { dn: dn.to_owned(), name, attributes };
        held.take_name();
        (state.made, state.writes) = (state.made + 1, state.writes + 1);
        self.begin(&mut held, state.made);
        self.stamp(&mut held, state.writes);
        state.entries.push(held);
        Ok(())
    }

    /// The mapping's bases count as there, whatever a file leaves out.
    fn has_parent(&self, state: &State, dn: &str) -> Done {
        let missing = (codes::NO_SUCH_OBJECT, "the parent does not exist");
        let (_, parent) = split(dn).ok_or((INVALID_DN, "not a DN"))?;
        let name = Dn::parse(parent).ok_or(missing)?;
        let is_known = state.find(parent).is_some() || self.bases.iter().any(|base| base.under(&name));
        is_known.then_some(()).ok_or(missing)
    }

    fn modify(&self, state: &mut State, dn: &str, changes: &[AttributeChange]) -> Done {
        let at = state.at(dn).ok_or((codes::NO_SUCH_OBJECT, "no such entry"))?;
        let Some(mut held) = state.entries.get(at).cloned() else { return Ok(()) };
        changes.iter().try_for_each(|change| held.change(change))?;
        let is_named = held.name.naming().iter().all(|ava| {
            held.values(&ava.attribute).iter().any(|value| octets_equal(&ava.attribute, value, &ava.value))
        });
        if !is_named {
            return Err((NAMING, "the name's own value"));
        }
        let changed =
            |attribute: &str| changes.iter().any(|one| one.attribute.eq_ignore_ascii_case(attribute));
        if self.must.iter().any(|(attribute, _)| changed(attribute) && held.values(attribute).is_empty()) {
            return Err((codes::OBJECT_CLASS, "an attribute that must have a value has none"));
        }
        self.put(state, at, held);
        Ok(())
    }

    fn put(&self, state: &mut State, at: usize, mut held: Held) {
        state.writes += 1;
        self.stamp(&mut held, state.writes);
        if let Some(place) = state.entries.get_mut(at) {
            *place = held;
        }
    }

    fn rename(
        &self,
        state: &mut State,
        dn: &str,
        new_rdn: &str,
        new_superior: Option<&str>,
        delete_old_rdn: bool,
    ) -> Done {
        let at = state.at(dn).ok_or((codes::NO_SUCH_OBJECT, "no such entry"))?;
        let Some(mut held) = state.entries.get(at).cloned() else { return Ok(()) };
        let (_, parent) = split(&held.dn).ok_or((INVALID_DN, "not a DN"))?;
        let (old, new) = (held.dn.clone(), below(new_rdn, new_superior.unwrap_or(parent)));
        let name = Dn::parse(&new).ok_or((INVALID_DN, "not a DN"))?;
        if state.at(&new).is_some_and(|other| other != at) {
            return Err((EXISTS, "an entry with this name exists"));
        }
        self.has_parent(state, &new)?;
        if delete_old_rdn {
            for ava in held.name.naming().to_vec() {
                held.remove(&ava.attribute, &ava.value);
            }
        }
        (held.dn, held.name) = (new.clone(), name);
        held.take_name();
        self.put(state, at, held);
        self.follow(state, &old, Some(&new));
        Ok(())
    }

    fn delete(&self, state: &mut State, dn: &str) -> Done {
        let at = state.at(dn).ok_or((codes::NO_SUCH_OBJECT, "no such entry"))?;
        let Some(held) = state.entries.get(at).cloned() else { return Ok(()) };
        let stands_below = |other: &Held| other.dn != held.dn && other.name.under(&held.name);
        if state.entries.iter().any(stands_below) {
            return Err((NOT_LEAF, "other entries stand below it"));
        }
        state.entries.remove(at);
        state.writes += 1;
        self.follow(state, &held.dn, None);
        Ok(())
    }

    /// What a server's own referential integrity does: who referred to the old name has the new one, or none.
    fn follow(&self, state: &mut State, old: &str, new: Option<&str>) {
        for held in &mut state.entries {
            for attribute in &self.links {
                if !held.remove(attribute, old.as_bytes()) {
                    continue;
                }
                match (new, self.must.iter().find(|(must, _)| must == attribute)) {
                    (Some(new), _) => held.add(attribute, new.as_bytes().to_vec()),
                    (None, Some((_, placeholder))) if held.values(attribute).is_empty() => {
                        held.add(attribute, placeholder.as_bytes().to_vec());
                    }
                    (None, _) => {}
                }
            }
        }
    }
}

// === impl Held ===

impl Held {
    /// The values of its name are among its attributes.
    fn take_name(&mut self) {
        for ava in self.name.naming().to_vec() {
            let is_it = |value: &Vec<u8>| octets_equal(&ava.attribute, value, &ava.value);
            if !self.values(&ava.attribute).iter().any(is_it) {
                self.add(&ava.attribute, ava.value.clone());
            }
        }
    }

    /// Whether it had the value.
    fn remove(&mut self, attribute: &str, value: &[u8]) -> bool {
        let mut values = self.values(attribute).to_vec();
        let count = values.len();
        values.retain(|held| !octets_equal(attribute, held, value));
        let had = values.len() < count;
        self.set(attribute, values);
        had
    }

    fn change(&mut self, change: &AttributeChange) -> Done {
        let AttributeChange { kind, attribute, values } = change;
        let values: Vec<Vec<u8>> = values.iter().map(octets).collect();
        match kind {
            ModifyKind::Replace => self.set(attribute, values),
            ModifyKind::Delete if values.is_empty() && self.values(attribute).is_empty() => {
                return Err((codes::NO_SUCH_ATTRIBUTE, "no such attribute"));
            }
            ModifyKind::Delete if values.is_empty() => self.set(attribute, Vec::new()),
            ModifyKind::Delete => {
                for value in &values {
                    if !self.remove(attribute, value) {
                        return Err((codes::NO_SUCH_ATTRIBUTE, "no such value"));
                    }
                }
            }
            ModifyKind::Add => {
                for value in values {
                    if self.values(attribute).iter().any(|held| octets_equal(attribute, held, &value)) {
                        return Err((VALUE_EXISTS, "the value is there already"));
                    }
                    self.add(attribute, value);
                }
            }
        }
        Ok(())
    }
}

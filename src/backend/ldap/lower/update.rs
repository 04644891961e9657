//! A change of an entry: a rename, a move or both in one, when its name or its place changes, then one modify with
//! the values that go and come; on Active Directory several of them when there are very many. Membership is written
//! as deltas; a group's members are never read.

use crate::backend::ldap::dn::{self, Dn};
use crate::backend::ldap::filter;
use crate::backend::ldap::id;
use crate::backend::ldap::search::place;
use crate::backend::ldap::value::{Dns, octets, stored};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    AttributeChange, Change, Entity, Entries, Facts, LdapOperation, Model, ModifyKind, Native, Record,
    Reference, Step, Update, Value,
};

use super::numbers::Numbers;
use super::{Needs, holders, inside, needs, parts, pieces, stand_ins};

pub(super) fn lower(model: &Model, update: &Update, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &update.entity)?;
    if !update.changes.children.is_empty() {
        return Err(Failure::Internal("a directory has no child tables".to_owned()));
    }
    let mut needs = Needs::new(model, entity, facts);
    let record = needs.record(&update.id)?;
    if let Some(steps) = super::only_hooks(entity, &update.hooks, "changed")? {
        return needs.or_else(|| Ok(steps));
    }
    let own = stand_ins::in_update(&mut needs, entries, update)?;
    let dns = needs.dns(references(&own));
    for native in &entity.unique {
        let added = update.changes.values.get(native).map_or(&[][..], |change| &change.add);
        needs.unique(native, added, &update.id)?;
    }
    let document = document(entries, record, update);
    let mut values = Vec::new();
    for (native, change) in
        own.changes.values.iter().chain(document.as_ref().map(|(name, change)| (name, change)))
    {
        let change = match facts.attempt {
            0 => change.clone(),
            _ => again(&mut needs, entries, update, native, change),
        };
        values.push((native, Written::of(record, native, change)));
    }
    for copy in entries.copies.iter().filter(|copy| copy.to.part.is_none()) {
        let Some(change) = parts::along_change(&mut needs, copy, update)? else { continue };
        let change = match facts.attempt {
            0 => change,
            _ => still(&mut needs, &update.id, &copy.to, change),
        };
        values.push((&copy.to, Written::of(record, &copy.to, change)));
    }
    let followed = holders::follow(&mut needs, entity, entries, update, record)?;
    let more = followed.own.into_iter().filter(|(native, _)| !own.changes.values.contains_key(native));
    values.extend(more.map(|(native, change)| (native, Written::Values(change))));
    if is_done(&values) {
        values.clear();
    }
    let mut numbers = Numbers::default();
    let mut before = parts::changed(&mut needs, entity, entries, update, record, &mut numbers)?;
    before.extend(followed.steps);
    needs.or_else(|| {
        let rename = Rename::of(entries, &needs::dn(record)?, update)?;
        let own = steps(entity, entries, update, rename, &values, &dns)?;
        let hooks = super::hooks(&update.hooks)?;
        Ok(numbers.steps().into_iter().chain(before).chain(own).chain(hooks).collect())
    })
}

/// The document of `rest`, in the place of the one that was read.
fn document(entries: &Entries, record: Option<&Record>, update: &Update) -> Option<(Native, Change)> {
    let (attribute, document) = (entries.rest.as_ref()?, update.changes.rest.as_ref()?);
    let text = |document: &String| Value::from(document.as_str());
    let remove = record.and_then(|record| record.rest.as_ref()).map(text);
    let change = Change {
        remove: remove.into_iter().collect(),
        add: document.iter().map(text).collect(),
        repeatable: false,
    };
    Some((Native::own(attribute.clone()), change))
}

fn references(update: &Update) -> impl Iterator<Item = (&Native, &Reference)> {
    update.changes.values.iter().flat_map(|(native, change)| {
        change.remove.iter().chain(&change.add).filter_map(move |value| match value {
            Value::Reference(reference) => Some((native, reference)),
            _ => None,
        })
    })
}

/// How a change of an attribute is written.
enum Written {
    /// Value by value.
    Values(Change),
    /// All values anew.
    Whole(Vec<Value>),
}

impl Written {
    /// Anew where no single value can be named: a secret is not known before, and octets that go, photographs and
    /// the like, have no equality rule (RFC 2798).
    fn of(record: Option<&Record>, native: &Native, change: Change) -> Self {
        if change.add.iter().any(|value| matches!(value, Value::Secret(_))) {
            return Self::Whole(change.add);
        }
        let mut touched = change.remove.iter().chain(&change.add);
        let is_of_octets = touched.any(|value| matches!(value, Value::Bytes(_)));
        let held = record.and_then(|record| record.values.get(native));
        match held.filter(|_| is_of_octets && !change.remove.is_empty()) {
            Some(held) => {
                let left = held.iter().filter(|held| !change.remove.iter().any(|gone| gone.same(held)));
                Self::Whole(left.chain(&change.add).cloned().collect())
            }
            None => Self::Values(change),
        }
    }
}

/// A change that ended in a conflict before: of a repeatable one only what is still to be done, and the
/// placeholder where a removal may take an attribute's last value.
fn again(needs: &mut Needs, entries: &Entries, update: &Update, native: &Native, change: &Change) -> Change {
    let mut change = change.clone();
    let removes = !change.remove.is_empty();
    if change.repeatable {
        change = still(needs, &update.id, native, change);
    }
    if let Some((attribute, placeholder)) = &entries.placeholder
        && removes
        && attribute.eq_ignore_ascii_case(&native.name)
    {
        let placeholder = Value::from(placeholder.as_str());
        if needs.holds(&update.id, native, &placeholder) == Some(false) && !change.remove.is_empty() {
            change.add.push(placeholder);
        }
    }
    change
}

/// What of a change is still to be done.
fn still(needs: &mut Needs, id: &str, native: &Native, mut change: Change) -> Change {
    change.remove.retain(|value| needs.holds(id, native, value) == Some(true));
    change.add.retain(|value| needs.holds(id, native, value) == Some(false));
    change
}

/// Whether these are a delta that has nothing left to do: then the stamps beside it are of no change.
fn is_done(values: &[(&Native, Written)]) -> bool {
    let mut deltas = values.iter().filter_map(|(_, written)| match written {
        Written::Values(change) if change.repeatable => Some(change),
        _ => None,
    });
    let is_empty = |change: &Change| change.remove.is_empty() && change.add.is_empty();
    deltas.next().is_some_and(is_empty) && deltas.all(is_empty)
}

/// An entry's name and place before and after.
struct Rename {
    old_dn: String,
    old_rdn: String,
    old_value: Option<String>,
    new_dn: String,
    new_rdn: String,
    /// `None`: the name stays.
    new_value: Option<String>,
    /// The place before and after; `None`: it stays.
    moved: Option<[String; 2]>,
}

enum Named {
    Stays(String),
    Changes(Rename),
}

impl Rename {
    /// Whether the new naming value, or the new place, really is another than the present one.
    fn of(entries: &Entries, dn: &str, update: &Update) -> Result<Named, Failure> {
        let changes = &update.changes;
        if changes.rdn.is_none() && changes.parent.is_none() {
            return Ok(Named::Stays(dn.to_owned()));
        }
        let parsed = Dn::parse(dn);
        let (Some(parsed), Some((old_rdn, old_parent))) = (parsed, dn::split(dn)) else {
            return Err(Failure::Internal(format!("the directory gave {dn}, which is not a DN")));
        };
        let new_value = changes.rdn.as_deref().filter(|value| parsed.named_by(&entries.rdn) != Some(value));
        let new_rdn = new_value.map(|value| dn::rdn(&entries.rdn, value)).transpose()?;
        let normalised = |dn: &str| Dn::parse(dn).map(|dn| dn.normalised());
        let new_parent = changes.parent.as_deref().map(|parent| inside(entries, parent)).transpose()?;
        let new_parent = new_parent.filter(|parent| normalised(parent) != normalised(old_parent));
        if new_rdn.is_none() && new_parent.is_none() {
            return Ok(Named::Stays(dn.to_owned()));
        }
        let new_rdn = new_rdn.unwrap_or_else(|| old_rdn.to_owned());
        Ok(Named::Changes(Self {
            old_dn: dn.to_owned(),
            old_rdn: old_rdn.to_owned(),
            old_value: parsed.value_of(&entries.rdn),
            new_dn: dn::below(&new_rdn, new_parent.unwrap_or(old_parent)),
            new_rdn,
            new_value: new_value.map(str::to_owned),
            moved: new_parent.map(|parent| [old_parent.to_owned(), parent.to_owned()]),
        }))
    }

    fn step(&self, entity: &Entity, assertion: String, later: String) -> Step {
        let [from, to] = self.moved.clone().map_or([None, None], |[from, to]| [Some(from), Some(to)]);
        let modify_dn = |dn: &str, new_rdn: &str, new_superior, assertion| LdapOperation::ModifyDn {
            dn: dn.to_owned(),
            new_rdn: new_rdn.to_owned(),
            new_superior,
            assertion: Some(assertion),
        };
        let what = if self.moved.is_some() { "place" } else { "name" };
        super::step(
            format!("the {} entry's new {what}", entity.name),
            modify_dn(&self.old_dn, &self.new_rdn, to, assertion),
            Some(modify_dn(&self.new_dn, &self.old_rdn, from, later)),
        )
    }

    /// The naming attribute's part of a change is done by the rename itself.
    fn left(&self, entries: &Entries, native: &Native, change: &mut Change) {
        if self.new_value.is_some() && entries.rdn.eq_ignore_ascii_case(&native.name) {
            let is = |value: &Value, name: Option<&String>| name.is_some() && value.text().as_ref() == name;
            change.remove.retain(|value| !is(value, self.old_value.as_ref()));
            change.add.retain(|value| !is(value, self.new_value.as_ref()));
        }
    }
}

fn steps(
    entity: &Entity,
    entries: &Entries,
    update: &Update,
    named: Named,
    values: &[(&Native, Written)],
    dns: &Dns,
) -> Result<Vec<Step>, Failure> {
    let itself = id::equals(&entries.id, &update.id);
    let mut assertion = stamped(entity, update.version.as_ref())?.unwrap_or_else(|| itself.clone());
    let mut steps = Vec::new();
    let (dn, rename) = match named {
        Named::Stays(dn) => (dn, None),
        Named::Changes(rename) => {
            let before = std::mem::replace(&mut assertion, itself.clone());
            steps.push(rename.step(entity, before, itself.clone()));
            (rename.new_dn.clone(), Some(rename))
        }
    };
    let mut changes = Vec::new();
    for (native, written) in values {
        match written {
            Written::Whole(values) => changes.push(line(ModifyKind::Replace, native, values, dns)?),
            Written::Values(change) => {
                let mut change = change.clone();
                if let Some(rename) = &rename {
                    rename.left(entries, native, &mut change);
                }
                changes.extend(lines(native, &change, dns)?);
            }
        }
    }
    let mut pieces = match id::is_guid(&entries.id) {
        true => pieces::divided(changes),
        false => Vec::from_iter((!changes.is_empty()).then_some(changes)),
    }
    .into_iter()
    .peekable();
    while let Some(changes) = pieces.next() {
        let modify = |changes, assertion| LdapOperation::Modify { dn: dn.clone(), changes, assertion };
        let is_last = pieces.peek().is_none() && update.hooks.is_empty();
        let inverse = if is_last { None } else { super::inverse(&changes) };
        let undo = inverse.map(|inverse| modify(inverse, Some(itself.clone())));
        let assertion = std::mem::replace(&mut assertion, itself.clone());
        let modify = modify(changes, Some(assertion));
        steps.push(super::step(format!("the {} entry's values", entity.name), modify, undo));
    }
    Ok(steps)
}

/// The native stamp that was read, for the plan's first step only: that step changes it.
pub(super) fn stamped(entity: &Entity, version: Option<&Value>) -> Result<Option<String>, Failure> {
    let (Some(native), Some(version)) = (&entity.version, version) else { return Ok(None) };
    let attribute = filter::attribute(native)?;
    let version = stored(attribute, version, &Dns::new())?;
    Ok(Some(filter::equals(attribute, &octets(&version))))
}

/// The lines of one attribute: values that go, then values that come.
fn lines(native: &Native, change: &Change, dns: &Dns) -> Result<Vec<AttributeChange>, Failure> {
    // Whoever is gone is a member no longer, whether the directory took the value away or left it hanging.
    let there = |value: &&Value| match value {
        Value::Reference(reference) => matches!(dns.get(reference), Some(Some(_))),
        _ => true,
    };
    let remove = line(ModifyKind::Delete, native, change.remove.iter().filter(there), dns)?;
    let add = line(ModifyKind::Add, native, &change.add, dns)?;
    Ok([remove, add].into_iter().filter(|line| !line.values.is_empty()).collect())
}

fn line<'a>(
    kind: ModifyKind,
    native: &Native,
    values: impl IntoIterator<Item = &'a Value>,
    dns: &Dns,
) -> Result<AttributeChange, Failure> {
    let attribute = filter::attribute(native)?;
    let values = values.into_iter().map(|value| stored(attribute, value, dns)).collect::<Result<_, _>>()?;
    Ok(AttributeChange { kind, attribute: attribute.to_owned(), values })
}

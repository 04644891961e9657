//! Further entries of a resource, and what is written along when one of its attributes is. Of a change, the parts'
//! steps come before those of the resource's own entry: that one tells whether the change was made, so whoever
//! asks again after a change that broke off half-way finds what is left, and what is done already.

use std::sync::Arc;

use crate::backend::Failure;
use crate::backend::ldap::dn::{self, Dn};
use crate::backend::ldap::filter;
use crate::backend::ldap::id;
use crate::backend::ldap::search::{EVERY, place};
use crate::backend::ldap::value::{Dns, stored};
use crate::plan::{
    AttributeChange, Change, Copied, Entity, Entries, Initial, LdapOperation, ModifyKind, Native, Part,
    Record, Step, Update, Value,
};

use super::create::put;
use super::numbers::Numbers;
use super::{Needs, needs, stand_ins};

/// After so many conflicts a part that is not there is made anew. Before, somebody who renames the resource may be
/// between its two steps.
const PATIENCE: u32 = 3;

/// One part of a resource: where such entries are, and what the mapping says of it.
struct Second<'a> {
    entity: &'a Entity,
    /// The resource's own entries.
    entries: &'a Entries,
    part: &'a Part,
    /// The part's.
    place: &'a Entity,
    of: &'a Entries,
}

/// What is written along for these values.
pub(super) fn along(
    needs: &mut Needs,
    copy: &Copied,
    values: &[Value],
    comes: bool,
) -> Result<Vec<Value>, Failure> {
    match &copy.by {
        Some(by) => stand_ins::of(needs, &copy.of, by, values, comes),
        None => Ok(values.to_vec()),
    }
}

/// A copy's change, where its source changes.
pub(super) fn along_change(
    needs: &mut Needs,
    copy: &Copied,
    update: &Update,
) -> Result<Option<Change>, Failure> {
    let Some(change) = update.changes.values.get(&copy.of) else { return Ok(None) };
    let remove = along(needs, copy, &change.remove, false)?;
    let add = along(needs, copy, &change.add, true)?;
    Ok(Some(Change { remove, add, repeatable: change.repeatable }))
}

/// The parts of a new resource, whose own entry holds these values.
pub(super) fn new<'a>(
    needs: &mut Needs<'a>,
    entity: &'a Entity,
    entries: &'a Entries,
    record: &Record,
    numbers: &mut Numbers<'a>,
) -> Result<Vec<Step>, Failure> {
    let held = |native: &Native| match &record.rdn {
        Some(name) if native.name.eq_ignore_ascii_case(&entries.rdn) => vec![Value::Text(name.clone())],
        _ => record.values.get(native).cloned().unwrap_or_default(),
    };
    let mut steps = Vec::new();
    for part in &entries.parts {
        let second = Second::of(needs, entity, entries, part)?;
        steps.extend(second.make(needs, &held, numbers)?);
    }
    Ok(steps)
}

/// What a change of a resource makes of its parts.
pub(super) fn changed<'a>(
    needs: &mut Needs<'a>,
    entity: &'a Entity,
    entries: &'a Entries,
    update: &Update,
    record: Option<&Record>,
    numbers: &mut Numbers<'a>,
) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for part in &entries.parts {
        let second = Second::of(needs, entity, entries, part)?;
        steps.extend(second.change(needs, update, record, numbers)?);
    }
    Ok(steps)
}

/// The end of a resource's parts. One that is not there has ended already.
pub(super) fn deleted<'a>(
    needs: &mut Needs<'a>,
    entity: &'a Entity,
    entries: &'a Entries,
    id: &str,
    record: Option<&Record>,
) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for part in &entries.parts {
        let second = Second::of(needs, entity, entries, part)?;
        steps.extend(second.delete(needs, id, record)?);
    }
    Ok(steps)
}

// === impl Second ===

impl<'a> Second<'a> {
    fn of(
        needs: &Needs<'a>,
        entity: &'a Entity,
        entries: &'a Entries,
        part: &'a Part,
    ) -> Result<Self, Failure> {
        let (place, of) = place(needs.model(), &format!("{}.{}", entity.name, part.alias))?;
        Ok(Self { entity, entries, part, place, of })
    }

    fn copies(&self) -> impl Iterator<Item = &'a Copied> {
        let alias = &self.part.alias;
        self.entries.copies.iter().filter(move |copy| copy.to.part.as_ref() == Some(alias))
    }

    fn about(&self, what: &str) -> String {
        format!("the {} entry of the {}{what}", self.part.alias, self.entity.name)
    }

    fn dn(&self, name: &str) -> Result<String, Failure> {
        Ok(dn::below(&dn::rdn(&self.of.rdn, name)?, &self.of.base))
    }

    fn nameless(&self) -> Failure {
        let client = format!("{}: what names this further entry has no value", self.part.alias);
        Failure::Rejected(client, "a part without a name".to_owned())
    }

    /// What a write of the entry is sure of: another one that stands there is left alone.
    fn itself(&self) -> Result<Option<String>, Failure> {
        filter::of_type(self.of, "").map(Some)
    }

    /// A new one.
    fn make(
        &self,
        needs: &mut Needs,
        held: &dyn Fn(&Native) -> Vec<Value>,
        numbers: &mut Numbers<'a>,
    ) -> Result<Option<Step>, Failure> {
        let first = |native: &Native| held(native).first().and_then(Value::text);
        let name = self.part.name.text(first).ok_or_else(|| self.nameless())?;
        let classes = self.of.classes.iter().map(|class| Value::from(class.as_str())).collect();
        let mut attributes = vec![
            ("objectClass".to_owned(), classes),
            (self.of.rdn.to_string(), vec![Value::Text(name.clone())]),
        ];
        for copy in self.copies() {
            for value in along(needs, copy, &held(&copy.of), true)? {
                put(&mut attributes, &copy.to.name, stored(&copy.to.name, &value, &Dns::new())?);
            }
        }
        for (attribute, initial) in &self.part.initial {
            if attributes.iter().any(|(known, _)| known.eq_ignore_ascii_case(attribute)) {
                continue;
            }
            let value = match initial {
                Initial::Literal(value) => Some(value.clone()),
                Initial::Composed(text) => {
                    Some(Value::Text(text.text(first).ok_or_else(|| self.nameless())?))
                }
                Initial::Counter(counter) => numbers.take(needs, counter)?,
            };
            let Some(value) = value else { return Ok(None) };
            put(&mut attributes, attribute, stored(attribute, &value, &Dns::new())?);
        }
        let add = LdapOperation::Add { dn: self.dn(&name)?, attributes };
        Ok(Some(super::step(self.about(""), add, None)))
    }

    fn change(
        &self,
        needs: &mut Needs,
        update: &Update,
        record: Option<&Record>,
        numbers: &mut Numbers<'a>,
    ) -> Result<Vec<Step>, Failure> {
        let mut changes = Vec::new();
        for copy in self.copies() {
            changes.extend(along_change(needs, copy, update)?.map(|change| (&copy.to.name, change)));
        }
        let is_named_anew = self.part.name.natives().any(|native| {
            update.changes.values.contains_key(native) || (self.names(native) && update.changes.rdn.is_some())
        });
        if changes.is_empty() && !is_named_anew {
            return Ok(Vec::new());
        }
        let held = needs.held(&update.id, self.part.name.natives()).flatten();
        let (Some(record), Some(held)) = (record, held) else { return Ok(Vec::new()) };
        let (old, new) = (self.name(record, held)?, self.new_name(record, held, update)?);
        let Some(new) = new else { return Err(self.nameless()) };
        let Some(stands) = self.standing(needs, old, &new)? else { return Ok(Vec::new()) };
        match stands {
            Some(now) => self.steps(needs, &now, &new, changes),
            None if needs.attempt() < PATIENCE => {
                Err(Failure::Conflict(format!("{} is not there", self.dn(&new)?)))
            }
            None => self.anew(needs, update, record, numbers),
        }
    }

    /// Whether a native names the resource's own entry: its value stands in the DN.
    fn names(&self, native: &Native) -> bool {
        native.name.eq_ignore_ascii_case(&self.entries.rdn)
    }

    /// The part's name, as the resource's entry is.
    fn name(&self, record: &Record, held: &Record) -> Result<Option<String>, Failure> {
        let own = own_name(self.entries, record)?;
        Ok(self.part.name.text(|native| match self.names(native) {
            true => own.clone(),
            false => held.values.get(native).and_then(|values| values.first()).and_then(Value::text),
        }))
    }

    /// And as it will be.
    fn new_name(&self, record: &Record, held: &Record, update: &Update) -> Result<Option<String>, Failure> {
        let own = own_name(self.entries, record)?;
        let changes = &update.changes;
        Ok(self.part.name.text(|native| match (changes.values.get(native), &changes.rdn) {
            (_, Some(name)) if self.names(native) => Some(name.clone()),
            _ if self.names(native) => own.clone(),
            (Some(change), _) => change.add.first().and_then(Value::text),
            (None, _) => held.values.get(native).and_then(|values| values.first()).and_then(Value::text),
        }))
    }

    /// The name under which the part stands: the old one, or the new one after a change that broke off. The outer
    /// `None` when it must be looked for first. Nobody looks before there was a conflict.
    fn standing(
        &self,
        needs: &mut Needs,
        old: Option<String>,
        new: &str,
    ) -> Result<Option<Option<String>>, Failure> {
        if needs.attempt() == 0 {
            return Ok(Some(old));
        }
        let new = Some(new.to_owned()).filter(|new| Some(new) != old.as_ref());
        for name in [old, new].into_iter().flatten() {
            match needs.at(self.place, &self.dn(&name)?, &[Native::own("objectClass")]) {
                None => return Ok(None),
                Some(found) if found.is_some_and(|found| self.is_one(found)) => return Ok(Some(Some(name))),
                Some(_) => {}
            }
        }
        Ok(Some(None))
    }

    /// Whether an entry has the part's classes.
    fn is_one(&self, record: &Record) -> bool {
        let held = record.values.iter().find(|(native, _)| native.name.eq_ignore_ascii_case("objectClass"));
        let held: Vec<String> =
            held.into_iter().flat_map(|(_, values)| values).filter_map(Value::text).collect();
        self.of.classes.iter().all(|class| held.iter().any(|held| held.eq_ignore_ascii_case(class)))
    }

    /// The rename, and the values.
    fn steps(
        &self,
        needs: &mut Needs,
        now: &str,
        new: &str,
        changes: Vec<(&Arc<str>, Change)>,
    ) -> Result<Vec<Step>, Failure> {
        let (old_dn, new_dn) = (self.dn(now)?, self.dn(new)?);
        let mut left = Vec::new();
        for (attribute, change) in changes {
            let mut change = self.left(needs, now, attribute, change)?;
            if attribute.eq_ignore_ascii_case(&self.of.rdn) && now != new {
                change.remove.retain(|value| value.text().as_deref() != Some(now));
                change.add.retain(|value| value.text().as_deref() != Some(new));
            }
            left.push((attribute.clone(), change));
        }
        let mut steps = Vec::new();
        if now != new {
            let rename = |dn: &str, name: &str| -> Result<LdapOperation, Failure> {
                Ok(LdapOperation::ModifyDn {
                    dn: dn.to_owned(),
                    new_rdn: dn::rdn(&self.of.rdn, name)?,
                    new_superior: None,
                    assertion: self.itself()?,
                })
            };
            let undo = rename(&new_dn, now)?;
            steps.push(super::step(self.about("'s new name"), rename(&old_dn, new)?, Some(undo)));
        }
        if let Some(modify) = modify(&new_dn, &left, self.itself()?)? {
            steps.push(super::step(self.about("'s values"), modify, inverse(&new_dn, &left)?));
        }
        Ok(steps)
    }

    /// What of a change is still to be done, after a conflict.
    fn left(
        &self,
        needs: &mut Needs,
        name: &str,
        attribute: &Arc<str>,
        mut change: Change,
    ) -> Result<Change, Failure> {
        if needs.attempt() > 0 {
            let dn = self.dn(name)?;
            let mut holds = |value: &Value| {
                let tests = vec![
                    (Native::own(self.of.rdn.clone()), Value::from(name)),
                    (Native::own(attribute.clone()), value.clone()),
                ];
                let found = needs.all(self.place, tests)?;
                Some(found.records.iter().any(|record| is_at(record, &dn)))
            };
            change.remove.retain(|value| holds(value) == Some(true));
            change.add.retain(|value| holds(value) == Some(false));
        }
        Ok(change)
    }

    /// A new part of a resource that has lost its own.
    fn anew(
        &self,
        needs: &mut Needs,
        update: &Update,
        record: &Record,
        numbers: &mut Numbers<'a>,
    ) -> Result<Vec<Step>, Failure> {
        let composed = self.part.initial.iter().filter_map(|(_, initial)| match initial {
            Initial::Composed(text) => Some(text),
            Initial::Literal(_) | Initial::Counter(_) => None,
        });
        let natives = self.part.name.natives().chain(composed.flat_map(|text| text.natives()));
        let natives = natives.chain(self.copies().map(|copy| &copy.of));
        let Some(held) = needs.held(&update.id, natives).flatten() else { return Ok(Vec::new()) };
        let own = own_name(self.entries, record)?;
        let after = |native: &Native| {
            if self.names(native) {
                return update
                    .changes
                    .rdn
                    .clone()
                    .or_else(|| own.clone())
                    .into_iter()
                    .map(Value::Text)
                    .collect();
            }
            let mut values = held.values.get(native).cloned().unwrap_or_default();
            if let Some(change) = update.changes.values.get(native) {
                values.retain(|value| !change.remove.iter().any(|gone| gone.same(value)));
                let comes = change.add.iter().filter(|new| !values.iter().any(|held| held.same(new)));
                values.extend(comes.cloned().collect::<Vec<_>>());
            }
            values
        };
        Ok(self.make(needs, &after, numbers)?.into_iter().collect())
    }

    fn delete(&self, needs: &mut Needs, id: &str, record: Option<&Record>) -> Result<Option<Step>, Failure> {
        let held = needs.held(id, self.part.name.natives()).flatten();
        let (Some(record), Some(held)) = (record, held) else { return Ok(None) };
        let Some(name) = self.name(record, held)? else { return Ok(None) };
        let dn = self.dn(&name)?;
        let found = needs.at(self.place, &dn, &[Native::own(EVERY)]).flatten();
        let Some(found) = found.filter(|found| self.is_one(found)) else { return Ok(None) };
        let own = found.values.iter().filter(|(native, _)| !id::is_of_server(&native.name));
        let attributes = own.map(|(native, held)| (native.name.to_string(), held.clone()));
        let undo = LdapOperation::Add { dn: dn.clone(), attributes: attributes.collect() };
        let delete = LdapOperation::Delete { dn, assertion: self.itself()? };
        Ok(Some(super::step(self.about(", which ends"), delete, Some(undo))))
    }
}

/// The value that names an entry.
pub(super) fn own_name(entries: &Entries, record: &Record) -> Result<Option<String>, Failure> {
    let dn = needs::dn(Some(record))?;
    Ok(Dn::parse(&dn).and_then(|dn| dn.value_of(&entries.rdn)))
}

fn is_at(record: &Record, dn: &str) -> bool {
    let normalised = |dn: &str| Dn::parse(dn).map(|dn| dn.normalised());
    record.dn.as_deref().and_then(normalised) == normalised(dn)
}

/// The modify of values that are final; `None` when nothing is left.
pub(super) fn modify(
    dn: &str,
    changes: &[(Arc<str>, Change)],
    assertion: Option<String>,
) -> Result<Option<LdapOperation>, Failure> {
    let mut lines = Vec::new();
    for (attribute, change) in changes {
        for (kind, values) in [(ModifyKind::Delete, &change.remove), (ModifyKind::Add, &change.add)] {
            let values = values.iter().map(|value| stored(attribute, value, &Dns::new()));
            let values: Vec<Value> = values.collect::<Result<_, _>>()?;
            if !values.is_empty() {
                lines.push(AttributeChange { kind, attribute: attribute.to_string(), values });
            }
        }
    }
    let dn = dn.to_owned();
    Ok((!lines.is_empty()).then_some(LdapOperation::Modify { dn, changes: lines, assertion }))
}

/// What undoes it.
pub(super) fn inverse(dn: &str, changes: &[(Arc<str>, Change)]) -> Result<Option<LdapOperation>, Failure> {
    let turned = |(attribute, change): &(Arc<str>, Change)| {
        let (remove, add) = (change.add.clone(), change.remove.clone());
        (attribute.clone(), Change { remove, add, repeatable: false })
    };
    modify(dn, &changes.iter().map(turned).collect::<Vec<_>>(), None)
}

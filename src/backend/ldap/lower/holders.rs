//! Whoever holds an attribute of an entry in place of its DN (`memberUid`, a person's `uid`): when that value
//! changes or the entry ends, no overlay follows, so the plan does. Its steps come before the entry's own: a
//! change that broke off is asked for again, and then the holders that are left are found.

use crate::backend::Failure;
use crate::plan::{Change, Entity, Entries, Held, Native, Record, StandIn, Step, Update, Value};

use super::parts::{inverse, modify, own_name};
use super::{Needs, stand_ins};

/// What becomes of the entries that hold a value.
#[derive(Default)]
pub(super) struct Followed<'a> {
    /// Those of others.
    pub steps: Vec<Step>,
    /// That of the entry itself, which may refer to itself.
    pub own: Vec<(&'a Native, Change)>,
}

/// The new value in place of the old one, wherever the old one is held.
pub(super) fn follow<'a>(
    needs: &mut Needs<'a>,
    entity: &'a Entity,
    entries: &Entries,
    update: &Update,
    record: Option<&Record>,
) -> Result<Followed<'a>, Failure> {
    let mut followed = Followed::default();
    for held in needs.model().holders(&entity.name) {
        let Some(new) = becomes(entries, update, held.by) else { continue };
        if let Some(old) = old(needs, entries, &update.id, record, held)?
            && new.as_ref() != Some(&old)
        {
            swap(needs, held, &old, new.as_deref(), record, &mut followed)?;
        }
    }
    Ok(followed)
}

/// The value taken away, wherever it is held.
pub(super) fn leave<'a>(
    needs: &mut Needs<'a>,
    entity: &'a Entity,
    entries: &Entries,
    id: &str,
    record: Option<&Record>,
) -> Result<Vec<Step>, Failure> {
    let mut followed = Followed::default();
    for held in needs.model().holders(&entity.name) {
        if let Some(old) = old(needs, entries, id, record, held)? {
            swap(needs, held, &old, None, record, &mut followed)?;
        }
    }
    Ok(followed.steps)
}

/// What stands in for an entry after a change of it; `None` where that stays.
pub(super) fn becomes(entries: &Entries, update: &Update, by: &StandIn) -> Option<Option<String>> {
    let changes = &update.changes;
    match (&changes.rdn, changes.values.get(&Native::own(by.attribute.clone()))) {
        (Some(name), _) if by.attribute.eq_ignore_ascii_case(&entries.rdn) => Some(Some(name.clone())),
        (_, Some(change)) => Some(change.add.first().and_then(Value::text)),
        _ => None,
    }
}

/// The value that stands now; `None` where there is none, or it is another's too, or it must be read first.
fn old(
    needs: &mut Needs,
    entries: &Entries,
    id: &str,
    record: Option<&Record>,
    held: Held<'_>,
) -> Result<Option<String>, Failure> {
    let Some(record) = record else { return Ok(None) };
    let old = match held.by.attribute.eq_ignore_ascii_case(&entries.rdn) {
        true => own_name(entries, record)?,
        false => {
            let native = Native::own(held.by.attribute.clone());
            let held = needs.held(id, [&native]).flatten();
            held.and_then(|held| held.values.get(&native)?.first()?.text())
        }
    };
    match old {
        // What is written along says nothing: there the DN does.
        Some(old) if !held.is_copy && stand_ins::is_shared(needs, held.by, &old)? != Some(false) => Ok(None),
        old => Ok(old),
    }
}

fn swap<'a>(
    needs: &mut Needs<'a>,
    held: Held<'a>,
    old: &str,
    new: Option<&str>,
    record: Option<&Record>,
    followed: &mut Followed<'a>,
) -> Result<(), Failure> {
    let lost = || Failure::Internal(format!("the mapping has no place for {}", held.native));
    let place = needs.model().place_of(held.owner, held.native).ok_or_else(lost)?;
    let attribute = &held.native.name;
    let native = Native::own(attribute.clone());
    let Some(found) = needs.all(place, vec![(native.clone(), old.into())]) else { return Ok(()) };
    if found.more {
        return Err(Failure::TooMany(format!("entries that hold {old} in {attribute}")));
    }
    // Who holds both already was reached before, or is somebody's own work.
    let both = match new.filter(|_| needs.attempt() > 0) {
        Some(new) => needs.all(place, vec![(native.clone(), old.into()), (native, new.into())]),
        None => None,
    };
    let own = record.and_then(|record| record.dn.as_deref());
    for dn in found.records.iter().filter_map(|record| record.dn.as_deref()) {
        let is_there =
            both.is_some_and(|both| both.records.iter().any(|record| record.dn.as_deref() == Some(dn)));
        let add: Vec<Value> = new.filter(|_| !is_there).map(Value::from).into_iter().collect();
        let change = Change { remove: vec![old.into()], add, repeatable: false };
        if own == Some(dn) {
            followed.own.push((held.native, change));
            continue;
        }
        let change = [(attribute.clone(), change)];
        if let Some(write) = modify(dn, &change, None)? {
            let about = format!("a {} that holds the old {attribute}", place.name);
            followed.steps.push(super::step(about, write, inverse(dn, &change)?));
        }
    }
    Ok(())
}

//! Whoever holds an attribute of an entry in place of its DN (`memberUid`, a person's `uid`): when that value
//! changes or the entry ends, no overlay follows, so the plan does. Its steps come before the entry's own: a
//! change that broke off is asked for again, and then the holders that are left are found.

use std::sync::Arc;

use crate::backend::Failure;
use crate::plan::{Change, Copied, Entity, Entries, Native, Record, Step, Update, Value};

use super::Needs;
use super::parts::{inverse, modify, own_name};

/// The new value in place of the old one, wherever the old one is held.
pub(super) fn follow(
    needs: &mut Needs,
    entity: &Entity,
    entries: &Entries,
    update: &Update,
    record: Option<&Record>,
) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for (owner, copy, by) in needs.model().holders(&entity.name) {
        let native = Native::own(by.clone());
        let changes = &update.changes;
        let new = match (&changes.rdn, changes.values.get(&native)) {
            (Some(name), _) if by.eq_ignore_ascii_case(&entries.rdn) => Some(name.clone()),
            (_, Some(change)) => change.add.first().and_then(Value::text),
            _ => continue,
        };
        if let Some(old) = old(needs, entries, &update.id, record, &native)?
            && new.as_ref() != Some(&old)
        {
            steps.extend(swap(needs, owner, copy, &old, new.as_deref())?);
        }
    }
    Ok(steps)
}

/// The value taken away, wherever it is held.
pub(super) fn leave(
    needs: &mut Needs,
    entity: &Entity,
    entries: &Entries,
    id: &str,
    record: Option<&Record>,
) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for (owner, copy, by) in needs.model().holders(&entity.name) {
        if let Some(old) = old(needs, entries, id, record, &Native::own(by.clone()))? {
            steps.extend(swap(needs, owner, copy, &old, None)?);
        }
    }
    Ok(steps)
}

/// The value that stands now; `None` where there is none, or it must be read first.
fn old(
    needs: &mut Needs,
    entries: &Entries,
    id: &str,
    record: Option<&Record>,
    native: &Native,
) -> Result<Option<String>, Failure> {
    let Some(record) = record else { return Ok(None) };
    if native.name.eq_ignore_ascii_case(&entries.rdn) {
        return own_name(entries, record);
    }
    let held = needs.held(id, [native]).flatten();
    Ok(held.and_then(|held| held.values.get(native)?.first()?.text()))
}

fn swap(
    needs: &mut Needs,
    owner: &Entity,
    copy: &Copied,
    old: &str,
    new: Option<&str>,
) -> Result<Vec<Step>, Failure> {
    let lost = || Failure::Internal(format!("the mapping has no place for {}", copy.to));
    let place = needs.model().place_of(owner, &copy.to).ok_or_else(lost)?;
    let attribute: &Arc<str> = &copy.to.name;
    let native = Native::own(attribute.clone());
    let Some(found) = needs.all(place, vec![(native.clone(), old.into())]) else { return Ok(Vec::new()) };
    if found.more {
        return Err(Failure::TooMany(format!("entries that hold {old} in {attribute}")));
    }
    // Who holds both already was reached before, or is somebody's own work.
    let both = match new.filter(|_| needs.attempt() > 0) {
        Some(new) => needs.all(place, vec![(native.clone(), old.into()), (native, new.into())]),
        None => None,
    };
    let mut steps = Vec::new();
    for dn in found.records.iter().filter_map(|record| record.dn.as_deref()) {
        let is_there =
            both.is_some_and(|both| both.records.iter().any(|record| record.dn.as_deref() == Some(dn)));
        let add: Vec<Value> = new.filter(|_| !is_there).map(Value::from).into_iter().collect();
        let change = [(attribute.clone(), Change { remove: vec![old.into()], add, repeatable: false })];
        if let Some(write) = modify(dn, &change, None)? {
            let about = format!("a {} that holds the old {attribute}", place.name);
            steps.push(super::step(about, write, inverse(dn, &change)?));
        }
    }
    Ok(steps)
}

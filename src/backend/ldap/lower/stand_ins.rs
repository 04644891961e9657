//! What is written for references that are stored by another attribute than the DN (`memberUid` holds a `uid`): from
//! here on they are values as others are.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::backend::Failure;
use crate::backend::ldap::dn::fold;
use crate::backend::ldap::search::place;
use crate::plan::{Change, Entries, Native, Record, StandIn, Update, Value};

use super::needs::Stand;
use super::{Needs, holders};

/// Values looked up by one search.
const VALUES: usize = 200;

/// What stands in for these references. Those that must be looked up first are left out; where nothing can stand in
/// for one, it is refused if it comes, and left out if it goes.
pub(super) fn of(
    needs: &mut Needs,
    native: &Native,
    by: &StandIn,
    values: &[Value],
    comes: bool,
) -> Result<Vec<Value>, Failure> {
    let mut written = Vec::new();
    for value in values {
        let Value::Reference(reference) = value else {
            written.push(value.clone());
            continue;
        };
        match needs.stand(reference, by) {
            Stand::For(value) => written.push(value),
            Stand::Nameless if comes => {
                let attribute = &by.attribute;
                let client = format!("{native}: {:?} has no {attribute}, by which it is kept", reference.id);
                return Err(Failure::Rejected(client, format!("a reference needs {attribute}")));
            }
            Stand::Nameless | Stand::Nothing | Stand::Unknown => {}
        }
    }
    Ok(written)
}

/// A new entry's values.
pub(super) fn in_record(needs: &mut Needs, entries: &Entries, record: &Record) -> Result<Record, Failure> {
    let mut written = record.clone();
    for (native, by) in &entries.stand_ins {
        if let Some(values) = written.values.get_mut(native) {
            *values = comes(needs, native, by, values)?;
        }
    }
    Ok(written)
}

/// A change's values.
pub(super) fn in_update<'u>(
    needs: &mut Needs,
    entries: &Entries,
    update: &'u Update,
) -> Result<Cow<'u, Update>, Failure> {
    let mut written = Cow::Borrowed(update);
    for (native, by) in &entries.stand_ins {
        let Some(change) = update.changes.values.get(native) else { continue };
        // Who refers to himself does so by what he is called then.
        let new = holders::becomes(entries, update, by).flatten();
        let anew = |value: &Value| match (value, &new) {
            (Value::Reference(to), Some(new)) if to.id == update.id => Value::from(new.as_str()),
            (value, _) => value.clone(),
        };
        let add: Vec<Value> = change.add.iter().map(anew).collect();
        let add = comes(needs, native, by, &add)?;
        let remove = goes(needs, native, by, &change.remove)?;
        let change = Change { remove, add, repeatable: change.repeatable };
        written.to_mut().changes.values.insert(native.clone(), change);
    }
    Ok(written)
}

/// What stands in for these, all of which must be there, and nobody else have it: he would come, too.
fn comes(needs: &mut Needs, native: &Native, by: &StandIn, values: &[Value]) -> Result<Vec<Value>, Failure> {
    let attribute = &by.attribute;
    let refused = |client: String, why: &str| Err(Failure::Rejected(client, why.to_owned()));
    let standing = of(needs, native, by, values, true)?;
    let shared = shared(needs, by, &standing)?;
    for value in values {
        let Value::Reference(reference) = value else { continue };
        let id = &reference.id;
        match needs.stand(reference, by) {
            Stand::Nothing => {
                return refused(format!("{native}: nothing has the id {id:?}"), "a reference to no entry");
            }
            Stand::For(value) if shared.contains(&value.text()) => {
                let client =
                    format!("{native}: {id:?} has the {attribute} of another, too, by which it is kept");
                return refused(client, "a reference to two entries");
            }
            Stand::For(_) | Stand::Nameless | Stand::Unknown => {}
        }
    }
    Ok(standing)
}

/// What stands in for these, without what may be another's.
fn goes(needs: &mut Needs, native: &Native, by: &StandIn, values: &[Value]) -> Result<Vec<Value>, Failure> {
    let mut standing = of(needs, native, by, values, false)?;
    let shared = shared(needs, by, &standing)?;
    standing.retain(|value| !shared.contains(&value.text()));
    Ok(standing)
}

/// Those of these values that more than one entry has; as far as it is known.
fn shared(needs: &mut Needs, by: &StandIn, values: &[Value]) -> Result<BTreeSet<Option<String>>, Failure> {
    let native = Native::own(by.attribute.clone());
    let mut having: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for values in values.chunks(VALUES) {
        for target in &by.types {
            let (target, _) = place(needs.model(), target)?;
            for record in needs.any(target, &native, values)?.into_iter().flatten() {
                for value in record.values.get(&native).into_iter().flatten().filter_map(Value::text) {
                    having.entry(fold(&value)).or_default().insert(&record.id);
                }
            }
        }
    }
    let mut shared = BTreeSet::new();
    for value in values.iter().filter_map(Value::text) {
        // Where case counts, another's may be another value: the directory tells.
        if having.get(&fold(&value)).is_some_and(|ids| ids.len() > 1)
            && is_shared(needs, by, &value)? == Some(true)
        {
            shared.insert(Some(value));
        }
    }
    Ok(shared)
}

/// Whether more than one entry has this value; `None` when it must be asked first.
pub(super) fn is_shared(needs: &mut Needs, by: &StandIn, value: &str) -> Result<Option<bool>, Failure> {
    let native = Native::own(by.attribute.clone());
    let (mut ids, mut is_known) = (BTreeSet::new(), true);
    for target in &by.types {
        let (target, _) = place(needs.model(), target)?;
        match needs.all(target, vec![(native.clone(), value.into())]) {
            Some(found) => ids.extend(found.records.iter().map(|record| &record.id)),
            None => is_known = false,
        }
    }
    Ok(is_known.then_some(ids.len() > 1))
}

//! What is written for references that are stored by another attribute than the DN (`memberUid` holds a `uid`): from
//! here on they are values as others are.

use std::borrow::Cow;

use crate::backend::Failure;
use crate::plan::{Change, Entries, Native, Record, StandIn, Update, Value};

use super::needs::Stand;
use super::{Needs, holders};

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
            *values = all_of(needs, native, by, values)?;
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
        let remove = of(needs, native, by, &change.remove, false)?;
        // Who refers to himself does so by what he is called then.
        let new = holders::becomes(entries, update, by).flatten();
        let anew = |value: &Value| match (value, &new) {
            (Value::Reference(to), Some(new)) if to.id == update.id => Value::from(new.as_str()),
            (value, _) => value.clone(),
        };
        let add: Vec<Value> = change.add.iter().map(anew).collect();
        let add = all_of(needs, native, by, &add)?;
        let change = Change { remove, add, repeatable: change.repeatable };
        written.to_mut().changes.values.insert(native.clone(), change);
    }
    Ok(written)
}

/// What stands in for these, all of which must be there.
fn all_of(needs: &mut Needs, native: &Native, by: &StandIn, values: &[Value]) -> Result<Vec<Value>, Failure> {
    for value in values {
        if let Value::Reference(reference) = value
            && matches!(needs.stand(reference, by), Stand::Nothing)
        {
            let client = format!("{native}: nothing has the id {:?}", reference.id);
            return Err(Failure::Rejected(client, "a reference to no entry".to_owned()));
        }
    }
    of(needs, native, by, values, true)
}

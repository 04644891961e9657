//! The end of an entry: it is deleted, or disabled and hidden, or disabled and moved to where no resource's base
//! reaches.

use std::sync::Arc;

use crate::backend::ldap::dn::{self, Dn};
use crate::backend::ldap::filter;
use crate::backend::ldap::id;
use crate::backend::ldap::search::place;
use crate::backend::ldap::value::{Dns, stored};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    AttributeChange, Case, Delete, DeleteRule, Disabled, Entity, Entries, Facts, LdapOperation, Model,
    ModifyKind, Move, Native, OnDelete, Predicate, Record, Step, Test, Value,
};

use super::{Needs, holders, needs, parts, update};

/// Characters of the id that follow a leaver's name: of two with one name both must have room there.
const SUFFIX: usize = 8;
/// And of the name before them: Active Directory takes 64 in all.
const NAME: usize = 64 - SUFFIX - 1;

pub(super) fn lower(model: &Model, delete: &Delete, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &delete.entity)?;
    let mut needs = Needs::new(model, entity, facts);
    let record = needs.record(&delete.id)?;
    let Some((rule, permitted)) = rule(entity, &mut needs, &delete.id)? else {
        return needs.or_else(|| Ok(Vec::new()));
    };
    if rule.how != OnDelete::Refuse
        && let Some(steps) = super::only_hooks(entity, &delete.hooks, "deleted")?
    {
        return needs.or_else(|| Ok(steps));
    }
    let mut steps = super::hooks(&delete.hooks)?;
    if matches!(rule.how, OnDelete::Delete | OnDelete::Move(_)) {
        steps.extend(parts::deleted(&mut needs, entity, entries, &delete.id, record)?);
        steps.extend(holders::leave(&mut needs, entity, entries, &delete.id, record)?);
    }
    let itself = id::equals(&entries.id, &delete.id);
    let stamped = update::stamped(entity, delete.version.as_ref())?.unwrap_or_else(|| itself.clone());
    let first = match filter::condition(entries, &permitted)? {
        Some(permitted) => filter::all(vec![stamped, permitted]),
        None => stamped,
    };
    match &rule.how {
        OnDelete::Refuse => Err(Failure::Refused(format!("This {} cannot be deleted here.", entity.name))),
        OnDelete::Delete => needs.or_else(|| {
            let delete = LdapOperation::Delete { dn: needs::dn(record)?, assertion: Some(first) };
            steps.push(super::step(format!("the {} entry", entity.name), delete, None));
            Ok(steps)
        }),
        OnDelete::Disable(disable) => {
            let moments = disable.moments.iter().map(|name| (name, &delete.now));
            let values = disable.values.iter().chain(moments);
            let values = values.map(|(name, value)| (Native::own(name.clone()), value));
            let given = values.chain(delete.stamps.iter().map(|(native, value)| (native.clone(), value)));
            let given = given.map(|(native, value)| (native, Disabled::Value(Some(value.clone()))));
            let ends: Vec<_> = disable.account.iter().cloned().chain(given).collect();
            let held = needs.held(&delete.id, ends.iter().map(|(native, _)| native));
            needs.or_else(|| {
                let (dn, held) = (needs::dn(record)?, held.flatten());
                steps.extend(end(entity, &dn, &ends, held, [&first, &itself])?);
                Ok(steps)
            })
        }
        OnDelete::Move(to) => {
            let ends = &to.disabled;
            let held = needs.held(&delete.id, ends.iter().map(|(native, _)| native));
            needs.or_else(|| {
                let (dn, held) = (needs::dn(record)?, held.flatten());
                let ended = end(entity, &dn, ends, held, [&first, &itself])?;
                let assertion = if ended.is_none() { first } else { itself.clone() };
                steps.extend(ended);
                steps.push(leave(entity, entries, &dn, &delete.id, to, [assertion, itself])?);
                Ok(steps)
            })
        }
    }
}

/// The first rule that fits the entry, and what the entry must be so that no other does. `None` when a read tells.
fn rule<'a>(
    entity: &'a Entity,
    needs: &mut Needs<'_>,
    id: &str,
) -> Result<Option<(&'a DeleteRule, Predicate)>, Failure> {
    let mut permitted = Predicate::All;
    for rule in &entity.on_delete {
        let is = |(name, value): (&Arc<str>, &Value)| {
            Predicate::Test(Native::own(name.clone()), Test::Equals(value.clone(), Case::Exact))
        };
        let rows = rule.rows.iter().map(is).fold(Predicate::All, Predicate::and);
        let fits = if rows == Predicate::All { Some(true) } else { needs.is(id, rows.clone()) };
        match fits {
            Some(true) => return Ok(Some((rule, permitted.and(rows)))),
            Some(false) => permitted = permitted.and(rows.not()),
            None => return Ok(None),
        }
    }
    Err(Failure::Refused(format!("A {} cannot be deleted here.", entity.name)))
}

/// What ends the account or hides the entry, as far as it is not so already; with its inverse, for a move's failure.
fn end(
    entity: &Entity,
    dn: &str,
    ends: &[(Native, Disabled)],
    held: Option<&Record>,
    [first, later]: [&str; 2],
) -> Result<Option<Step>, Failure> {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for (native, disabled) in ends {
        let attribute = filter::attribute(native)?;
        let held = held.and_then(|record| record.values.get(native)).map_or(&[][..], Vec::as_slice);
        let wanted = match disabled {
            Disabled::Value(value) => value.clone(),
            Disabled::Bits { set, clear } => {
                let number = held.first().and_then(Value::text).and_then(|text| text.parse::<i64>().ok());
                Some(Value::Integer((number.unwrap_or(0) & !clear) | set))
            }
        };
        let is_so = match (held, &wanted) {
            ([held], Some(wanted)) => held.same(wanted),
            (held, wanted) => held.is_empty() && wanted.is_none(),
        };
        if is_so {
            continue;
        }
        let value = |value: &Value| stored(attribute, value, &Dns::new());
        let old = held.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let new = wanted.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        there.extend(swap(attribute, &old, &new));
        back.extend(swap(attribute, &new, &old));
    }
    if there.is_empty() {
        return Ok(None);
    }
    let modify = |changes, assertion: &str| LdapOperation::Modify {
        dn: dn.to_owned(),
        changes,
        assertion: Some(assertion.to_owned()),
    };
    let about = format!("the {} entry's account, which ends", entity.name);
    Ok(Some(super::step(about, modify(there, first), Some(modify(back, later)))))
}

/// The lines that put these values in the place of those.
fn swap(attribute: &str, old: &[Value], new: &[Value]) -> impl Iterator<Item = AttributeChange> {
    let line = |kind, values: &[Value]| AttributeChange {
        kind,
        attribute: attribute.to_owned(),
        values: values.to_vec(),
    };
    let lines = [line(ModifyKind::Delete, old), line(ModifyKind::Add, new)];
    lines.into_iter().filter(|line| !line.values.is_empty())
}

/// The move, with its inverse.
fn leave(
    entity: &Entity,
    entries: &Entries,
    old_dn: &str,
    id: &str,
    to: &Move,
    [first, later]: [String; 2],
) -> Result<Step, Failure> {
    let (Some(name), Some((old_rdn, old_parent))) = (Dn::parse(old_dn), dn::split(old_dn)) else {
        return Err(Failure::Internal(format!("the directory gave {old_dn}, which is not a DN")));
    };
    let new_rdn = match name.value_of(&entries.rdn) {
        Some(name) => {
            let name: String = name.chars().take(NAME).collect();
            let suffix: String = id.chars().take(SUFFIX).collect();
            dn::rdn(&entries.rdn, &format!("{name} {suffix}"))?
        }
        None => old_rdn.to_owned(),
    };
    let modify_dn = |dn: &str, new_rdn: &str, parent: &str, assertion| LdapOperation::ModifyDn {
        dn: dn.to_owned(),
        new_rdn: new_rdn.to_owned(),
        new_superior: Some(parent.to_owned()),
        assertion: Some(assertion),
    };
    Ok(super::step(
        format!("the {} entry's new place, where it is none", entity.name),
        modify_dn(old_dn, &new_rdn, &to.to, first),
        Some(modify_dn(&dn::below(&new_rdn, &to.to), old_rdn, old_parent, later)),
    ))
}

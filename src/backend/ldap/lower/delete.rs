//! The end of an entry: it is deleted, or disabled and moved to where no resource's base reaches.

use crate::backend::ldap::dn::{self, Dn};
use crate::backend::ldap::filter;
use crate::backend::ldap::id;
use crate::backend::ldap::search::place;
use crate::backend::ldap::value::{Dns, stored};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    AttributeChange, Delete, Disabled, Entity, Entries, Facts, LdapOperation, Model, ModifyKind, Move,
    Native, OnDelete, Record, Step, Value,
};

use super::{Needs, needs, update};

/// Characters of the id that follow a leaver's name: of two with one name both must have room there.
const SUFFIX: usize = 8;
/// And of the name before them: Active Directory takes 64 in all.
const NAME: usize = 64 - SUFFIX - 1;

pub(super) fn lower(model: &Model, delete: &Delete, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &delete.entity)?;
    let itself = id::equals(&entries.id, &delete.id);
    let assertion = update::stamped(entity, delete.version.as_ref())?.unwrap_or_else(|| itself.clone());
    let mut needs = Needs::new(model, entity, facts);
    match entity.on_delete.first() {
        Some(OnDelete::Refuse(_)) => {
            let text = "this mapping refuses to delete some rows, which only a database can tell apart";
            Err(Failure::Refused(text.to_owned()))
        }
        Some(OnDelete::Move(to)) => {
            let record = needs.record(&delete.id)?;
            let native = to.disabled.as_ref().map(|(native, _)| native);
            let held = native.map(|native| needs.held(&delete.id, native));
            needs.or_else(|| {
                let dn = needs::dn(record)?;
                let mut steps = Vec::new();
                if let (Some((native, disabled)), Some(held)) = (&to.disabled, held) {
                    let [first, later] = [&assertion, &itself];
                    steps.extend(disable(entity, &dn, native, disabled, held.flatten(), [first, later])?);
                }
                let first = if steps.is_empty() { assertion } else { itself.clone() };
                steps.push(leave(entity, entries, &dn, &delete.id, to, [first, itself])?);
                Ok(steps)
            })
        }
        _ => {
            let record = needs.record(&delete.id)?;
            needs.or_else(|| {
                let delete = LdapOperation::Delete { dn: needs::dn(record)?, assertion: Some(assertion) };
                Ok(vec![super::step(format!("the {} entry", entity.name), delete, None)])
            })
        }
    }
}

/// The account's end, when it has not come before; the move's failure undoes it.
fn disable(
    entity: &Entity,
    dn: &str,
    native: &Native,
    disabled: &Disabled,
    held: Option<&Record>,
    [first, later]: [&str; 2],
) -> Result<Option<Step>, Failure> {
    let attribute = filter::attribute(native)?;
    let held = held.and_then(|record| record.values.get(native)).and_then(|values| values.first());
    let wanted = match disabled {
        Disabled::Value(value) => value.clone(),
        Disabled::Bits { set, clear } => {
            let number = held.and_then(Value::text).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            Some(Value::Integer((number & !clear) | set))
        }
    };
    let is_so = match (held, &wanted) {
        (Some(held), Some(wanted)) => held.same(wanted),
        (held, wanted) => held.is_none() && wanted.is_none(),
    };
    if is_so {
        return Ok(None);
    }
    let value = |value: &Value| stored(attribute, value, &Dns::new());
    let (old, new) = (held.map(value).transpose()?, wanted.as_ref().map(value).transpose()?);
    let modify = |remove: &Option<Value>, add: &Option<Value>, assertion: &str| {
        let line = |kind, value: &Value| AttributeChange {
            kind,
            attribute: attribute.to_owned(),
            values: vec![value.clone()],
        };
        let remove = remove.iter().map(|value| line(ModifyKind::Delete, value));
        let changes = remove.chain(add.iter().map(|value| line(ModifyKind::Add, value))).collect();
        LdapOperation::Modify { dn: dn.to_owned(), changes, assertion: Some(assertion.to_owned()) }
    };
    let about = format!("the {} entry's account, which ends", entity.name);
    Ok(Some(super::step(about, modify(&old, &new, first), Some(modify(&new, &old, later)))))
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

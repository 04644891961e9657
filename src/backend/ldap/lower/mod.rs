//! Native operations as LDAP steps. Pure: what must be known first is answered as searches, and the same
//! operation with the same facts always gives the same plan.

mod create;
mod delete;
mod holders;
mod needs;
mod numbers;
mod parts;
mod pieces;
mod stand_ins;
mod update;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_parts;

use crate::backend::{Failure, Lowered};
use crate::plan::{
    Action, AttributeChange, Entity, Entries, Expect, Facts, HookStep, LdapOperation, Model, ModifyKind,
    Operation, Plan, Search, Step,
};

use super::dn::Dn;
use super::search::{by_value, operations, place, references};
use needs::{Needs, Stand};

/// The plan, or the searches whose results it needs.
pub(super) fn lower(model: &Model, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
    match operation {
        Operation::Search(search) => read(model, search, facts),
        Operation::Create(create) => create::lower(model, create, facts),
        Operation::Update(update) => update::lower(model, update, facts),
        Operation::Delete(delete) => delete::lower(model, delete, facts),
    }
}

fn read(model: &Model, search: &Search, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &search.entity)?;
    let mut needs = Needs::new(model, entity, facts);
    let search = by_value(entries, search, |by, reference| match needs.stand(reference, by) {
        Stand::For(value) => Some(value),
        Stand::Nothing | Stand::Nameless | Stand::Unknown => None,
    });
    let dns = needs.dns(references(&search.predicate));
    needs.or_else(|| {
        let operations = operations(entity, entries, &search, &dns)?;
        let about = format!("{} entries", entity.name);
        Ok(operations.into_iter().map(|operation| step(about.clone(), operation, None)).collect())
    })
}

/// The DN of a place that the mapping chose, when it is one of the type's: an entry elsewhere would be none.
fn inside<'a>(entries: &Entries, parent: &'a str) -> Result<&'a str, Failure> {
    let is_inside = matches!((Dn::parse(parent), Dn::parse(&entries.base)), (Some(parent), Some(base)) if parent.under(&base));
    let elsewhere =
        || Failure::Internal(format!("the mapping puts an entry below {parent}, not below {}", entries.base));
    is_inside.then_some(parent).ok_or_else(elsewhere)
}

/// What the mapping's own functions ask for, beside what is done anyway. The inverse of what comes and goes by value is
/// clear; what is replaced has none.
fn hooks(hooks: &[HookStep]) -> Result<Vec<Step>, Failure> {
    let modify = |dn: &str, changes: Vec<AttributeChange>| LdapOperation::Modify {
        dn: dn.to_owned(),
        changes,
        assertion: None,
    };
    let one = |hook: &HookStep| match hook {
        HookStep::Modify { dn, changes } => {
            let undo = inverse(changes).map(|changes| modify(dn, changes));
            Ok(step("the mapping's own change".to_owned(), modify(dn, changes.clone()), undo))
        }
        _ => {
            let text = "a directory is changed by `plan.modify`, not by procedures and statements";
            Err(Failure::Internal(text.to_owned()))
        }
    };
    hooks.iter().map(one).collect()
}

/// What undoes changes that were made: a server that made them had none of the values that came, and all of those that
/// went. `None` where old values are not known.
fn inverse(changes: &[AttributeChange]) -> Option<Vec<AttributeChange>> {
    let one = |change: &AttributeChange| {
        let kind = match change.kind {
            ModifyKind::Add => ModifyKind::Delete,
            ModifyKind::Delete if !change.values.is_empty() => ModifyKind::Add,
            ModifyKind::Delete | ModifyKind::Replace => return None,
        };
        Some(AttributeChange { kind, ..change.clone() })
    };
    changes.iter().rev().map(one).collect()
}

/// What the mapping's functions do where nothing else does; `None` where more is done.
fn only_hooks(entity: &Entity, steps: &[HookStep], what: &str) -> Result<Option<Vec<Step>>, Failure> {
    match (entity.read_only, steps.is_empty()) {
        (false, _) => Ok(None),
        (true, true) => Err(Failure::Refused(format!("A {} cannot be {what} here.", entity.name))),
        (true, false) => hooks(steps).map(Some),
    }
}

fn step(about: String, operation: LdapOperation, undo: Option<LdapOperation>) -> Step {
    Step { about, action: Action::Ldap(operation), expect: Expect::Done, undo }
}

fn plan(steps: Vec<Step>) -> Lowered {
    Lowered::Plan(Plan { steps, ..Plan::default() })
}

//! Native operations as LDAP steps. Pure: what must be known first is answered as searches, and the same
//! operation with the same facts always gives the same plan.

mod create;
mod needs;
mod update;

#[cfg(test)]
mod tests;

use crate::backend::{Failure, Lowered};
use crate::plan::{
    Action, Delete, Expect, Facts, LdapOperation, Model, OnDelete, Operation, Plan, Search, Step,
};

use super::id;
use super::search::{operations, place, references};
use needs::Needs;

/// The plan, or the searches whose results it needs.
pub(super) fn lower(model: &Model, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
    match operation {
        Operation::Search(search) => read(model, search, facts),
        Operation::Create(create) => create::lower(model, create, facts),
        Operation::Update(update) => update::lower(model, update, facts),
        Operation::Delete(delete) => remove(model, delete, facts),
    }
}

fn read(model: &Model, search: &Search, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &search.entity)?;
    let mut needs = Needs::new(model, entity, facts);
    let dns = needs.dns(references(&search.predicate));
    needs.or_else(|| {
        let operations = operations(entity, entries, search, &dns)?;
        let about = format!("{} entries", entity.name);
        Ok(operations.into_iter().map(|operation| step(about.clone(), operation, None)).collect())
    })
}

fn remove(model: &Model, delete: &Delete, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &delete.entity)?;
    if let Some(OnDelete::Refuse(_)) = entity.on_delete.first() {
        let text = "this mapping refuses to delete some rows, which only a database can tell apart";
        return Err(Failure::Refused(text.to_owned()));
    }
    let mut needs = Needs::new(model, entity, facts);
    let record = needs.record(&delete.id)?;
    needs.or_else(|| {
        let dn = needs::dn(record)?;
        let itself = id::equals(&entries.id, &delete.id);
        let assertion = Some(update::stamped(entity, delete.version.as_ref())?.unwrap_or(itself));
        Ok(vec![step(format!("the {} entry", entity.name), LdapOperation::Delete { dn, assertion }, None)])
    })
}

fn step(about: String, operation: LdapOperation, undo: Option<LdapOperation>) -> Step {
    Step { about, action: Action::Ldap(operation), expect: Expect::Done, undo }
}

fn plan(steps: Vec<Step>) -> Lowered {
    Lowered::Plan(Plan { steps })
}

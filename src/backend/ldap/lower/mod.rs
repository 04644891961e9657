//! Native operations as LDAP steps. Pure: what must be known first is answered as searches, and the same
//! operation with the same facts always gives the same plan.

mod create;
mod delete;
mod needs;
mod pieces;
mod update;

#[cfg(test)]
mod tests;

use crate::backend::{Failure, Lowered};
use crate::plan::{Action, Entries, Expect, Facts, LdapOperation, Model, Operation, Plan, Search, Step};

use super::dn::Dn;
use super::search::{operations, place, references};
use needs::Needs;

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
    let dns = needs.dns(references(&search.predicate));
    needs.or_else(|| {
        let operations = operations(entity, entries, search, &dns)?;
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

fn step(about: String, operation: LdapOperation, undo: Option<LdapOperation>) -> Step {
    Step { about, action: Action::Ldap(operation), expect: Expect::Done, undo }
}

fn plan(steps: Vec<Step>) -> Lowered {
    Lowered::Plan(Plan { steps })
}

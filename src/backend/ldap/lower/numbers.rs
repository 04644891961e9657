//! Numbers that a plan gives away. What a counter holds is read; the step that takes it is a compare-and-swap,
//! and comes first, so that a plan that breaks off later loses a number and gives none twice.

use crate::backend::Failure;
use crate::plan::{Action, AttributeChange, Counter, Expect, LdapOperation, ModifyKind, Record, Step, Value};

use super::Needs;

/// The numbers of one plan, each counter's in a row.
#[derive(Default)]
pub(super) struct Numbers<'a>(Vec<Taken<'a>>);

struct Taken<'a> {
    counter: &'a Counter,
    /// As the directory spells it.
    held: Value,
    next: i64,
}

// === impl Numbers ===

impl<'a> Numbers<'a> {
    /// The counter's next number; `None` when it must be read first.
    pub(super) fn take(&mut self, needs: &mut Needs, counter: &'a Counter) -> Result<Option<Value>, Failure> {
        if !self.0.iter().any(|taken| taken.counter == counter) {
            let Some(found) = needs.counter(counter) else { return Ok(None) };
            let (held, next) = held(counter, found)?;
            self.0.push(Taken { counter, held, next });
        }
        let taken = self.0.iter_mut().find(|taken| taken.counter == counter);
        let Some(taken) = taken else { return Ok(None) };
        let number = taken.next;
        taken.next = number.checked_add(1).ok_or_else(|| broken(counter, "is at its end"))?;
        Ok(Some(Value::Integer(number)))
    }

    /// What takes them.
    pub(super) fn steps(self) -> Vec<Step> {
        self.0.into_iter().map(Taken::step).collect()
    }
}

// === impl Taken ===

impl Taken<'_> {
    fn step(self) -> Step {
        let line = |kind, value| AttributeChange {
            kind,
            attribute: self.counter.attribute.to_string(),
            values: vec![value],
        };
        let next = Value::Text(self.next.to_string());
        let changes = vec![line(ModifyKind::Delete, self.held), line(ModifyKind::Add, next)];
        Step {
            about: "the counter's number, if nobody else takes it before; else the next one".to_owned(),
            action: Action::Ldap(LdapOperation::Modify {
                dn: self.counter.dn.clone(),
                changes,
                assertion: None,
            }),
            expect: Expect::Free,
            undo: None,
        }
    }
}

/// The one number that a counter holds.
fn held(counter: &Counter, found: Option<&Record>) -> Result<(Value, i64), Failure> {
    let Some(record) = found else {
        return Err(broken(counter, "does not exist, or the gateway's account may not see it"));
    };
    let mut values = record.values.iter().filter(|(native, _)| native.name == counter.attribute);
    let [held] = values.next().map(|(_, values)| values.as_slice()).unwrap_or_default() else {
        return Err(broken(counter, "has no value of it, or several"));
    };
    let number = held.text().and_then(|text| text.parse::<i64>().ok()).filter(|number| *number >= 0);
    number.map(|number| (held.clone(), number)).ok_or_else(|| broken(counter, "holds no number there"))
}

fn broken(counter: &Counter, what: &str) -> Failure {
    let Counter { dn, attribute } = counter;
    Failure::Internal(format!(
        "the counter {dn} ({attribute}) {what}: it must be an entry that holds the next free number in that \
         attribute, and the gateway's account must be allowed to read and to change it"
    ))
}

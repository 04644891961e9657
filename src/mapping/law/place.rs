//! The function of `parent`, tried on values: it gives a DN below the base whatever stands there, and a value stays a
//! value in it.

use rhai::Position;
use serde_json::{Map, Value as Json};

use super::super::diagnostic::Code;
use super::super::dn;
use super::super::line::{Parent, ResourceMapping};
use super::{Law, Tried};
use crate::plan::{Native, Store};

/// A value without signs of DNs, and one whose signs would make more of a DN than a value.
const PLAIN: &str = "Sales";
const OTHER: &str = "x,ou=admins";

impl Law<'_> {
    pub(super) fn place(&mut self, of: &ResourceMapping, parent: &Parent, at: Position) {
        let base = match self.mapping.model.entity(&of.entity).map(|entity| &entity.store) {
            Some(Store::Entries(entries)) => entries.base.as_str(),
            _ => return,
        };
        let name = &parent.function;
        let plain = self.try_place(parent, &|_| PLAIN.into());
        if let Some(Tried::Gave(given)) = &plain {
            let Some(rdns) = given.as_str().and_then(dn::rdns) else {
                let message = format!("the function `{name}` gives no DN: {given}");
                let help = format!("it gives the entry's place: `ou=${{escape_dn(row.…)}},{base}`");
                return self.warn(Code::Place, at, message, &help);
            };
            if dn::rdns(base).is_some_and(|base| !dn::is_within(&rdns, &base)) {
                let message = format!("the function `{name}` gives a place outside of the base: {given}");
                let help = format!("every place of this type is {base}, or below it");
                return self.warn(Code::Place, at, message, &help);
            }
        }
        if self.is_spliced(parent, at, plain.as_ref()) {
            return;
        }
        let absent = parent.inputs.iter().filter(|input| !is_required(of, input));
        for input in absent {
            let given =
                self.try_place(parent, &|native| if native == input { Json::Null } else { PLAIN.into() });
            if let Some(Tried::Gave(given)) = given
                && !given.is_string()
            {
                let message =
                    format!("the function `{name}` gives no place where `{}` has no value", input.name);
                let help = format!(
                    "say where such an entry stands: if row.{} == () {{ \"{base}\" }} else {{ … }}",
                    input.name
                );
                return self.warn(Code::Place, at, message, &help);
            }
        }
    }

    /// Whether a value with a comma makes further RDNs.
    fn is_spliced(&mut self, parent: &Parent, at: Position, plain: Option<&Tried>) -> bool {
        let Some(Tried::Gave(plain)) = plain else { return false };
        let count = |given: &Json| given.as_str().and_then(dn::rdns).map(|rdns| rdns.len());
        for input in &parent.inputs {
            let given =
                self.try_place(parent, &|native| if native == input { OTHER.into() } else { PLAIN.into() });
            let Some(Tried::Gave(given)) = given else { continue };
            let is_spliced = given.as_str().is_some_and(|dn| dn::is_spliced(dn, OTHER));
            if is_spliced || count(&given).is_some_and(|other| Some(other) > count(plain)) {
                let message = format!(
                    "the function `{}` lets a value say more than a name: {OTHER:?} gives {given}",
                    parent.function
                );
                let help = format!("a client's value stands in a DN as `${{escape_dn(row.{})}}`", input.name);
                self.found.push(self.file.at(Code::Place, at, message).with_help(help));
                return true;
            }
        }
        false
    }

    fn try_place(&self, parent: &Parent, value: &dyn Fn(&Native) -> Json) -> Option<Tried> {
        let inputs = parent.inputs.iter().map(|native| (native.name.to_string(), value(native)));
        match self.try_on(&parent.function, &Json::Object(inputs.collect::<Map<_, _>>())) {
            Tried::Failed(_) | Tried::Refused => None,
            given => Some(given),
        }
    }
}

/// Whether an entry always has this.
fn is_required(of: &ResourceMapping, native: &Native) -> bool {
    let line = of.lines.iter().find(|line| line.writable() && line.natives.contains(native));
    let found = line.and_then(|line| of.resource_type.find(&line.path));
    found.is_some_and(|found| found.sub.unwrap_or(found.attribute).required)
}

//! The functions that write steps, tried on rows: full ones, empty ones, and changes from one to the other.

use rhai::EvalAltResult;

use super::super::diagnostic::Code;
use super::super::line::{Line, ResourceMapping};
use super::super::{faults, hooks, script};
use super::{Law, TEXTS};
use crate::plan::{Record, Value};

impl Law<'_> {
    pub(super) fn steps(&mut self, of: &ResourceMapping) {
        let empty = Record { id: "7".to_owned(), ..Record::default() };
        let full = [Value::Text(TEXTS[3].to_owned()), Value::Integer(42), Value::Bool(true)];
        let full = full.map(|value| {
            let natives = of.lines.iter().flat_map(Line::all_natives);
            let values = natives.map(|native| (native.clone(), vec![value.clone()])).collect();
            Record { values, ..empty.clone() }
        });
        let [text, number, truth] = &full;
        let tries =
            [(text, text), (number, number), (truth, truth), (text, number), (&empty, text), (text, &empty)];
        for (name, _) in hooks::HOOKS {
            if self.is_broken([&name.to_owned()]) {
                continue;
            }
            let mut errors = Vec::new();
            for (index, rows) in tries.into_iter().enumerate() {
                let Some(error) = self.mapping.try_hook(of, name, rows) else { continue };
                let is_full = !rows.0.values.is_empty() && !rows.1.values.is_empty();
                if self.is_certain_of_steps(&error, is_full) {
                    let mistake = faults::of_running(self.file, &self.mapping.ast, &error);
                    if !self.found.contains(&mistake) {
                        self.found.push(mistake);
                    }
                    errors.clear();
                    break;
                }
                errors.push((index, error));
            }
            self.always_fails(name, errors, tries.len());
        }
    }

    /// A failure that is none of the sample's.
    fn is_certain_of_steps(&self, error: &EvalAltResult, is_full: bool) -> bool {
        match error.unwrap_inner() {
            EvalAltResult::ErrorFunctionNotFound(signature, _) => signature.contains("(plan"),
            // Of a mapping with several types a function may be meant for one of them.
            EvalAltResult::ErrorPropertyNotFound(name, _) => !self.is_native(name),
            // What is absent here may always be there.
            _ => is_full && script::refused(error).is_some(),
        }
    }

    /// Says so where no row came through.
    fn always_fails(&mut self, name: &str, errors: Vec<(usize, Box<EvalAltResult>)>, tries: usize) {
        let is_of_another_type =
            |error: &EvalAltResult| matches!(error.unwrap_inner(), EvalAltResult::ErrorPropertyNotFound(..));
        if errors.len() < tries || errors.iter().any(|(_, error)| is_of_another_type(error)) {
            return;
        }
        let Some((_, error)) = errors.into_iter().next() else { return };
        let cause = faults::of_running(self.file, &self.mapping.ast, &error);
        let message =
            format!("the function `{name}` fails on each row that it was tried with: {}", cause.message);
        let at = script::place_of(&self.mapping.ast, name, &error);
        let help = "what it cannot take it refuses: throw #{ scimType: \"invalidValue\", detail: \"…\" }";
        self.warn(Code::FunctionFails, at, message, help);
    }

    /// Whether a name is in the row of any type.
    fn is_native(&self, name: &str) -> bool {
        self.mapping
            .resources
            .iter()
            .any(|of| self.mapping.natives_of_row(of).iter().any(|known| known == name))
    }
}

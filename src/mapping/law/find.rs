//! What `find` looks for must be what `write` writes: else a filter misses what is there.

use serde_json::Value as Json;

use super::super::codes::{Codes, Pair};
use super::super::diagnostic::Code;
use super::super::draft::DraftLine;
use super::super::line::{How, Line};
use super::super::{build, script, values, verbs};
use super::samples::samples;
use super::{Law, Tried};
use crate::plan::Value;

impl Law<'_> {
    /// A line whose `find` is about its own native; of another native nobody knows here what stands in it.
    pub(super) fn finds(&mut self, said: &DraftLine, line: &Line) {
        let (Some(find), Some((_, _, at))) = (&line.find, &said.find) else { return };
        let How::Script { read, write } = &line.conversion.how else { return };
        if line.natives != [find.native.clone()] || self.is_broken([&find.function]) {
            return;
        }
        for sample in samples(&said.path, line.conversion.kind).all {
            let Some(native) = self.gave(write.as_deref(), &sample).filter(|native| !native.is_null()) else {
                continue;
            };
            // A client asks for what it is shown.
            let Some(shown) = self.gave(read.as_deref(), &native).filter(|shown| !shown.is_null()) else {
                continue;
            };
            if self.looks_for(find.is_asked_all, &find.function, said, &shown, &native) != Some(false) {
                continue;
            }
            let message = format!(
                "`{}` does not find what is written: of {shown} stands {native} in `{}`",
                find.function, find.native
            );
            let help = match write {
                Some(write) => format!(
                    "it gives what stands natively, as `{write}` does: .find(\"{}\", \"{write}\")",
                    find.native
                ),
                None => "it gives what stands natively for a value".to_owned(),
            };
            return self.warn(Code::FindsOthers, *at, message, &help);
        }
    }

    fn gave(&self, function: Option<&str>, value: &Json) -> Option<Json> {
        match function {
            None => Some(value.clone()),
            Some(function) => match self.try_on(function, value) {
                Tried::Gave(given) => Some(given),
                Tried::Refused | Tried::Failed(_) => None,
            },
        }
    }

    /// Whether the pattern for what is shown fits what stands natively; `None` where it does not ask for anything.
    fn looks_for(
        &self,
        is_asked_all: bool,
        function: &str,
        said: &DraftLine,
        shown: &Json,
        native: &Json,
    ) -> Option<bool> {
        let (engine, ast, value) = (&self.mapping.engine, &self.mapping.ast, script::to_script(shown));
        let given = match is_asked_all {
            true => script::try_call(engine, ast, function, (said.path.clone(), "eq".to_owned(), value)),
            false => script::try_call(engine, ast, function, (value,)),
        };
        let pattern = given.ok().filter(|given| !given.is_unit()).and_then(verbs::pattern_of)?;
        let pair = Pair { patterns: vec![build::code(&pattern)], value: Some(true.into()) };
        let codes = Codes(vec![pair]);
        let held = values::literal(native)?;
        // Databases and directories mostly compare without regard to case.
        let lower = held.text().map(|text| Value::Text(text.to_lowercase()));
        let fits = |held: &Value| codes.read(&[Some(held)]).is_some();
        let is_same_but_for_case = matches!(&pattern, super::super::draft::Pattern::Literal(literal)
            if literal.as_str().map(|text| Value::Text(text.to_lowercase())) == lower && lower.is_some());
        Some(fits(&held) || is_same_but_for_case)
    }
}

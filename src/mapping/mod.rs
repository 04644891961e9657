//! Mappings: the Rhai file that an admin edits, run once at load into an immutable [`Mapping`].
//!
//! Pure after load: scripts see values, never a connection, and this module knows `scim` and `plan` only.
//! In the order of a mapping's life: `script` (the sandbox), `verbs` and `draft` (what was said), `build`,
//! `model` and `discover` (what it means), `select`, `push`, `read`, `write`, `references`, `rest` (its use).

mod build;
mod codes;
mod delta;
pub mod diagnostic;
mod discover;
mod draft;
mod existence;
mod hash;
mod hooks;
mod keys;
mod line;
mod model;
mod parts;
mod place;
mod push;
mod raised;
mod read;
mod references;
mod rest;
mod rows;
mod schema_verbs;
mod schemas;
mod script;
mod select;
mod sort;
mod suggest;
mod template;
#[cfg(test)]
mod tests;
mod values;
mod verbs;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Engine, EvalAltResult, ParseErrorType, Position};

use crate::limits::{MAPPING_BYTES, SCRIPT_LOAD_MS};
use crate::plan::Model;
use diagnostic::{Diagnostic, Severity};

pub use line::ResourceMapping;
pub use push::Pushed;
pub use sort::{key_of, native_key};
pub use write::Versions;

/// A mapping: what maps to what, and the script's functions for values. Immutable; shared by all requests.
pub struct Mapping {
    resources: Vec<ResourceMapping>,
    model: Arc<Model>,
    engine: Engine,
    ast: AST,
    /// The file, as it was read.
    text: Arc<str>,
    warnings: Vec<Diagnostic>,
    /// What only SQL Server has: without it some is a mistake, some is of no use.
    beyond_sqlite: Vec<Diagnostic>,
}

// === impl Mapping ===

impl Mapping {
    /// Reads `folder/mapping.rhai` and runs it once with these params. Answers every mistake that was found.
    pub fn load(folder: &Path, params: &BTreeMap<String, String>) -> Result<Self, Vec<Diagnostic>> {
        let path = folder.join("mapping.rhai");
        let name = path.display().to_string();
        let unreadable =
            |cause: String| vec![Diagnostic::whole(&name, format!("the mapping cannot be read: {cause}"))];
        let size = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > MAPPING_BYTES {
            return Err(unreadable(format!("it has {size} bytes, more than {MAPPING_BYTES}")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&name, &text, params)
    }

    /// Runs a mapping's text once with these params; `name` is the file's name in diagnostics.
    pub fn parse(name: &str, text: &str, params: &BTreeMap<String, String>) -> Result<Self, Vec<Diagnostic>> {
        check_params(name, text, params)?;
        let params = Arc::new(params.clone());
        let draft = draft::Shared::default();
        let mut engine = script::sandbox();
        verbs::register(&mut engine, &draft, &params);
        let ast = engine.compile(text).map_err(|error| {
            let message = match *error.0 {
                ParseErrorType::VariableUndefined(ref name) => format!("there is no variable `{name}`"),
                ref other => other.to_string(),
            };
            vec![at(name, text, error.1, message)]
        })?;
        check_functions(name, text, &ast)?;
        script::within_deadline(SCRIPT_LOAD_MS, || engine.run_ast(&ast))
            .map_err(|error| vec![mistake(name, text, &error)])?;
        let mut builder = build::Builder::new(name, text, &ast);
        let built = builder.build(&draft.lock());
        if !builder.mistakes.is_empty() {
            return Err(builder.mistakes);
        }
        let (warnings, beyond_sqlite) = (builder.warnings, builder.beyond_sqlite);
        let mut engine = script::sandbox();
        verbs::register_param(&mut engine, &params);
        verbs::register_patterns(&mut engine);
        hooks::register(&mut engine);
        let (resources, model) = (built.resources, Arc::new(built.model));
        Ok(Self { resources, model, engine, ast, text: text.into(), warnings, beyond_sqlite })
    }

    /// The same in front of SQLite, which has less than SQL Server: what cannot be done there is a mistake, what
    /// never happens there a warning.
    pub fn for_sqlite(mut self) -> Result<Self, Vec<Diagnostic>> {
        let (mistakes, warnings): (Vec<_>, Vec<_>) =
            self.beyond_sqlite.drain(..).partition(|said| said.severity == Severity::Error);
        self.warnings.extend(warnings);
        if mistakes.is_empty() { Ok(self) } else { Err(mistakes) }
    }

    /// What works, and is hardly what was wanted.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Where each resource type lives.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The resource types, in the mapping's order.
    pub fn resources(&self) -> &[ResourceMapping] {
        &self.resources
    }
}

/// What a script without verbs comes to, as text: for tests of what writes scripts.
#[cfg(test)]
pub(crate) fn script_value(text: &str) -> String {
    script::sandbox()
        .eval::<rhai::Dynamic>(text)
        .unwrap_or_else(|error| panic!("{error}: {text:?}"))
        .to_string()
}

/// Params that the mapping asks for nowhere, functions included: a mistyped one would leave its fallback in force.
fn check_params(name: &str, text: &str, params: &BTreeMap<String, String>) -> Result<(), Vec<Diagnostic>> {
    let is_asked_for =
        |param: &str| ['"', '`'].iter().any(|quote| text.contains(&format!("{quote}{param}{quote}")));
    let unasked = params.keys().filter(|param| !is_asked_for(param));
    let mistakes: Vec<_> = unasked
        .map(|param| {
            Diagnostic::whole(
                name,
                format!("the configuration gives the param {param:?}, which this mapping never asks for"),
            )
        })
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// Hooks that nobody would call, because they take other parameters.
fn check_functions(name: &str, text: &str, ast: &AST) -> Result<(), Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    for function in ast.iter_functions() {
        let takes = hooks::HOOKS.iter().find(|(hook, _)| *hook == function.name).map(|(_, takes)| *takes);
        if takes.is_some_and(|takes| takes != function.params.len()) {
            let place = text.lines().position(|line| line.contains(&format!("fn {}", function.name)));
            let line = place.map_or(0, |index| index + 1);
            let parameters = if takes == Some(3) { "(before, after, plan)" } else { "(row, plan)" };
            let message = format!("this function is `{}{parameters}`", function.name);
            mistakes.push(Diagnostic::at(name, text, line, 1, message));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// An error of the script's run, as a diagnostic.
fn mistake(name: &str, text: &str, error: &EvalAltResult) -> Diagnostic {
    let inner = error.unwrap_inner();
    match inner {
        EvalAltResult::ErrorRuntime(message, position) => at(name, text, *position, message.to_string()),
        EvalAltResult::ErrorFunctionNotFound(signature, position) => {
            let verb = signature.split([' ', '(']).next().unwrap_or(signature);
            let known = verbs::names().any(|known| known == verb);
            let message = match known {
                true => format!("`{verb}` does not take these values: {}", readable(signature)),
                false => format!("there is no verb or function `{verb}`"),
            };
            let diagnostic = at(name, text, *position, message);
            match suggest::closest(verb, verbs::names()).filter(|_| !known) {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
            }
        }
        EvalAltResult::ErrorTerminated(reason, position) => at(name, text, *position, reason.to_string()),
        other => at(name, text, other.position(), other.to_string()),
    }
}

/// A call's signature in an admin's words.
fn readable(signature: &str) -> String {
    signature.replace("&str | ImmutableString | String", "text").replace("i64", "number")
}

fn at(name: &str, text: &str, position: Position, message: impl Into<String>) -> Diagnostic {
    let (line, column) = script::place(position);
    Diagnostic::at(name, text, line, column, message)
}

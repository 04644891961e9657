//! Mappings: the Rhai file that an admin edits, run once at load into an immutable [`Mapping`].
//!
//! Pure after load: scripts see values, never a connection, and this module knows `scim` and `plan` only.
//! In the order of a mapping's life: `script` (the sandbox), `verbs` and `draft` (what was said), `build`,
//! `model` and `discover` (what it means), `select`, `push`, `read`, `write`, `references`, `rest` (its use).
//! What cannot have been meant is looked for by `sense`, and by theme in `braces`, `natives`, `options`, `passwords` and
//! `writers`.

mod bodies;
mod braces;
mod build;
mod calls;
mod chains;
mod codes;
mod definitions;
mod delta;
pub mod diagnostic;
mod discover;
mod dn;
mod draft;
mod existence;
mod explain;
mod faults;
mod file;
mod functions;
mod habits;
mod hash;
mod hooks;
mod keys;
mod kinds;
mod law;
mod line;
mod model;
mod natives;
mod options;
mod outline;
mod parts;
mod passwords;
mod place;
mod push;
mod raised;
mod read;
mod references;
mod rest;
mod roles;
mod rows;
mod run;
mod schema_verbs;
mod schemas;
mod script;
mod select;
mod sense;
mod shapes;
mod sort;
mod source;
mod sql_text;
mod statements;
mod suggest;
mod template;
#[cfg(test)]
mod tests;
mod texts;
mod values;
mod verbs;
mod words;
mod write;
mod writers;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Engine};

use crate::limits::MAPPING_BYTES;
use crate::plan::Model;
use crate::scim::path::AttrPath;
use crate::scim::schema::Attribute;
use diagnostic::{Code, Diagnostic, Severity};

pub use definitions::definitions;
pub use explain::{Reason, Term, Verdict};
pub use file::read_text;
pub use line::ResourceMapping;
pub use outline::{Function, Outline, OutlinedLine, Said, Shared};
pub use push::Pushed;
pub use sort::{key_of, native_key};
pub use write::Versions;

/// The mapping itself, in its folder.
pub const MAPPING_FILE: &str = "mapping.rhai";

/// A mapping: what maps to what, and the script's functions for values. Immutable; shared by all requests.
pub struct Mapping {
    resources: Vec<ResourceMapping>,
    model: Arc<Model>,
    engine: Engine,
    ast: AST,
    /// What diagnostics call the file.
    name: Arc<str>,
    /// The file, as it was read.
    text: Arc<str>,
    warnings: Vec<Diagnostic>,
    /// What only SQL Server has: without it some is a mistake, some is of no use.
    beyond_sqlite: Vec<Diagnostic>,
    /// Who gives the values that nobody says.
    source: source::Source,
}

// === impl Mapping ===

impl Mapping {
    /// What `folder/mapping.rhai` is called in diagnostics, and its text.
    pub fn file(folder: &Path) -> Result<(String, String), Vec<Diagnostic>> {
        Self::read_file(&folder.join(MAPPING_FILE))
    }

    /// The same of the file itself, whatever it is called.
    fn read_file(path: &Path) -> Result<(String, String), Vec<Diagnostic>> {
        let name = path.display().to_string();
        let unreadable = |cause: String| {
            vec![Diagnostic::whole(Code::Unreadable, &name, format!("the mapping cannot be read: {cause}"))]
        };
        if path.parent().is_some_and(Path::is_file) {
            let cause = "a file stands where its folder is meant: leave out the file's name".to_owned();
            return Err(unreadable(cause));
        }
        let text = read_text(path, MAPPING_BYTES).map_err(unreadable)?;
        Ok((name, text))
    }

    /// One version of a mapping, a folder or the file itself: what it is called, its text, and of these params those that it
    /// asks for, since its other version may ask for others.
    pub fn version(
        path: &Path,
        params: &BTreeMap<String, String>,
    ) -> Result<(String, String, BTreeMap<String, String>), Vec<Diagnostic>> {
        let (name, text) = if path.is_dir() { Self::file(path) } else { Self::read_file(path) }?;
        let asked = params.iter().filter(|(param, _)| Self::asks_for(&text, param));
        let params = asked.map(|(param, value)| (param.clone(), value.clone())).collect();
        Ok((name, text, params))
    }

    /// Runs a mapping's text once with these params; `name` is the file's name in diagnostics.
    pub fn parse(name: &str, text: &str, params: &BTreeMap<String, String>) -> Result<Self, Vec<Diagnostic>> {
        let params = Arc::new(params.clone());
        let run::Run { ast, draft, mut mistakes, left, spoilt } = run::run(name, text, &params);
        let Some(ast) = ast else { return Err(mistakes) };
        mistakes.extend(chains::check(faults::File { name, text }, &left));
        let mut builder = build::Builder::new(name, text, &ast);
        let built = builder.build(&draft);
        mistakes.extend(builder.mistakes.into_iter().filter(|mistake| spoilt.leaves(mistake)));
        let (signs, odd): (Vec<_>, Vec<_>) = check_texts(name, text, &mistakes)
            .into_iter()
            .partition(|found| found.severity == Severity::Error);
        mistakes.extend(signs);
        builder.warnings.extend(odd);
        // What is wrong elsewhere may be what asks for them.
        if mistakes.is_empty() {
            mistakes = check_params(name, text, &params);
        }
        if !mistakes.is_empty() {
            mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
            return Err(mistakes);
        }
        let (warnings, beyond_sqlite) = (builder.warnings, builder.beyond_sqlite);
        let mut engine = script::sandbox();
        verbs::register(&mut engine, &draft::Shared::default(), &params);
        let loading = calls::Known::of(&engine);
        let mut engine = script::sandbox();
        verbs::register_param(&mut engine, &params);
        verbs::register_patterns(&mut engine);
        hooks::register(&mut engine);
        let (resources, model) = (built.resources, Arc::new(built.model));
        let (name, text) = (name.into(), text.into());
        let source = source::Source::World;
        let mut mapping = Self { resources, model, engine, ast, name, text, warnings, beyond_sqlite, source };
        let functions::Findings { mistakes, beyond_sqlite, broken } =
            functions::examine(&mapping, &draft, &loading);
        mapping.beyond_sqlite.extend(beyond_sqlite);
        let tried = law::examine(&mapping, &draft, broken);
        let mut found: Vec<Diagnostic> = mistakes;
        for tried in tried {
            let is_known = |known: &Diagnostic| (known.line, known.column) == (tried.line, tried.column);
            if !found.iter().any(|known| is_known(known) && known.code == tried.code) {
                found.push(tried);
            }
        }
        found.sort_by_key(|found| (found.line, found.column));
        let (mistakes, warnings): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| found.severity == Severity::Error);
        mapping.warnings.extend(warnings);
        if mistakes.is_empty() { Ok(mapping) } else { Err(mistakes) }
    }

    /// The same in front of SQLite, which has less than SQL Server: what cannot be done there is a mistake, what
    /// never happens there a warning.
    pub fn for_sqlite(mut self) -> Result<Self, Vec<Diagnostic>> {
        let (mistakes, warnings): (Vec<_>, Vec<_>) =
            self.beyond_sqlite.drain(..).partition(|said| said.severity == Severity::Error);
        self.warnings.extend(warnings);
        if mistakes.is_empty() { Ok(self) } else { Err(mistakes) }
    }

    /// Whether a mapping with this text asks for this param.
    fn asks_for(text: &str, param: &str) -> bool {
        ['"', '`'].iter().any(|quote| text.contains(&format!("{quote}{param}{quote}")))
    }

    /// The file, as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has all that it needs in front of SQLite.
    pub fn is_for_sqlite(&self) -> bool {
        self.beyond_sqlite.iter().all(|said| said.severity != Severity::Error)
    }

    /// What works, and is hardly what was wanted.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The resources that cannot live in front of this backend: tables in a directory, entries in a database.
    pub fn misplaced(&self, is_directory: bool) -> Vec<Diagnostic> {
        let file = faults::File { name: &self.name, text: &self.text };
        let scan = statements::Scan::of(&self.text);
        let odd = self.resources.iter().filter(|of| of.is_entry != is_directory);
        let mistake = |of: &ResourceMapping| {
            let (here, other) = if is_directory { ("directory", "table") } else { ("database", "base") };
            let message = format!("the target is a {here}, and a {} lives in a `.{other}(…)`", of.entity);
            file.at_byte(Code::OtherBackend, scan.resource(&of.entity).unwrap_or(0), message)
        };
        odd.map(mistake).collect()
    }

    /// A mistake that somebody else found, at the place of the native that its message names last; `None` where it
    /// names none.
    pub fn named_in(&self, code: Code, message: &str) -> Option<Diagnostic> {
        let file = faults::File { name: &self.name, text: &self.text };
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let mut words = message.split(|c| !is_name(c)).map(|word| word.trim_matches('.')).rev();
        let scan = statements::Scan::of(&self.text);
        let at = words.find_map(|word| scan.text(word))?;
        Some(file.at_byte(code, at, message))
    }

    /// Where each resource type lives.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The attributes that no answer shows: write-only, or never returned.
    pub fn secrets(&self) -> Vec<AttrPath> {
        let types = self.resources.iter().flat_map(|of| of.resource_type.attributes());
        let of_attribute = |(_, attribute): (Option<&str>, &Attribute)| {
            let path = AttrPath::attribute(&attribute.name);
            let subs = attribute.sub_attributes.iter().filter(|sub| sub.is_secret());
            let mut secrets: Vec<_> = subs.map(|sub| path.with_sub(&sub.name)).collect();
            secrets.extend(attribute.is_secret().then_some(path));
            secrets
        };
        types.flat_map(of_attribute).collect()
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

/// Params that the mapping asks for nowhere, functions included: a mistyped one would leave its fallback in force. Their
/// place is where it asks for the one that is most likely meant, or for its first.
fn check_params(name: &str, text: &str, params: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let (file, asked) = (faults::File { name, text }, params_asked(text));
    let unasked = params.keys().filter(|param| !Mapping::asks_for(text, param));
    let mistake = |param: &String| {
        let message =
            format!("the configuration gives the param {param:?}, which this mapping never asks for");
        let meant = suggest::nearest(param, asked.iter().map(|(name, _)| *name));
        let at = asked.iter().find(|(name, _)| meant.is_none_or(|meant| meant == *name));
        let Some((_, at)) = at else { return Diagnostic::whole(Code::UnknownParam, name, message) };
        let mistake = file.at_byte(Code::UnknownParam, *at, message);
        match meant {
            Some(meant) => mistake.with_help(suggest::did_you_mean(meant)),
            None => mistake.with_help("take it out of `params`, or ask for it by `param(\"…\")`"),
        }
    };
    unasked.map(mistake).collect()
}

/// The params that a text asks for by name, each with the byte where it does.
fn params_asked(text: &str) -> Vec<(&str, usize)> {
    let calls = text.match_indices("param(\"");
    let name = |(at, call): (usize, &str)| {
        let behind = text.get(at + call.len()..)?;
        Some((behind.split_once('"')?.0, at))
    };
    calls.filter_map(name).collect()
}

/// Signs that mean something else where they stand, on lines of which nothing is told yet.
fn check_texts(name: &str, text: &str, told: &[Diagnostic]) -> Vec<Diagnostic> {
    let found = texts::check(faults::File { name, text }, &statements::Scan::of(text));
    found.into_iter().filter(|found| told.iter().all(|told| told.line != found.line)).collect()
}

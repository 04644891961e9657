//! The one run of a mapping's text. An error ends a script; so that one run of `gantry check` shows several mistakes,
//! what is wrong is left out and the rest is run again, a bounded number of times.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rhai::{AST, Engine, ParseError, ParseErrorType, Position};

use super::diagnostic::{Code, Diagnostic};
use super::draft::{Draft, Shared};
use super::faults::{self, File};
use super::statements::{self, Scan, blanked};
use super::{script, verbs};
use crate::limits::SCRIPT_LOAD_MS;

/// How many mistakes of the run are looked for.
const MISTAKES: usize = 50;
/// The words whose statement says what all that follows belongs to.
const BEGINNINGS: [&str; 2] = ["resource", "schema"];

/// What came of a text.
pub(super) struct Run {
    /// Absent where what is left out would leave nothing to understand.
    pub ast: Option<AST>,
    pub draft: Draft,
    pub mistakes: Vec<Diagnostic>,
    /// The text without what is wrong; lines are the same.
    pub left: String,
    pub spoilt: Spoilt,
}

/// Where what was left out may make mistakes of what is none, by lines.
#[derive(Default)]
pub(super) struct Spoilt {
    lines: Vec<Range<usize>>,
    /// What is left out may have been meant for a function.
    has_functions: bool,
}

/// An attempt that failed: what is wrong, and where.
enum Failed {
    Parsing(ParseError),
    Running(Box<rhai::EvalAltResult>, AST),
}

/// Runs a text, and what is left of it after each mistake.
pub(super) fn run(name: &str, text: &str, params: &Arc<BTreeMap<String, String>>) -> Run {
    let file = File { name, text };
    let (mut mistakes, mut spoilt) = (Vec::new(), Spoilt::default());
    if let Some(at) = Scan::of(text).open_comment {
        let open = file.at_byte(Code::UnclosedText, at, "this comment has no end: nothing behind it counts");
        mistakes.push(open.with_help("close it with `*/`, or begin each of its lines with `//`"));
    }
    let mut left = text.to_owned();
    for _ in 0..MISTAKES {
        let draft = Shared::default();
        let mut engine = script::sandbox();
        verbs::register(&mut engine, &draft, params);
        let (mistake, next) = match attempt(&engine, &left) {
            Ok(ast) => {
                let draft = std::mem::take(&mut *draft.lock());
                return Run { ast: Some(ast), draft, mistakes, left, spoilt };
            }
            Err(Failed::Parsing(error)) => {
                (faults::of_parsing(file, &left, &error), without_unread(&left, &error, &mut spoilt))
            }
            Err(Failed::Running(error, ast)) => {
                let at = error.unwrap_inner().position();
                (faults::of_running(file, &ast, &error), without_call(&left, at, &mut spoilt))
            }
        };
        // What was put in the place of one may be wrong there too.
        let is_new = |mistake: &Diagnostic| {
            mistakes.iter().all(|known| (known.line, known.column) != (mistake.line, mistake.column))
        };
        if is_new(&mistake) {
            mistakes.push(mistake);
        }
        match next.filter(|next| *next != left) {
            Some(next) => left = next,
            None => break,
        }
    }
    Run { ast: None, draft: Draft::default(), mistakes, left, spoilt }
}

fn attempt(engine: &Engine, text: &str) -> Result<AST, Failed> {
    let ast = engine.compile(text).map_err(Failed::Parsing)?;
    match script::within_deadline(SCRIPT_LOAD_MS, || engine.run_ast(&ast)) {
        Ok(()) => Ok(ast),
        Err(error) => Err(Failed::Running(error, ast)),
    }
}

/// The text without what could not be read; `None` where the rest would be misunderstood.
fn without_unread(text: &str, error: &ParseError, spoilt: &mut Spoilt) -> Option<String> {
    let at = byte(text, error.1)?;
    let scan = Scan::of(text);
    match &*error.0 {
        ParseErrorType::VariableUndefined(name) if is_in_function(text, &scan, at) => {
            let unit = if name.len() < 2 { "0" } else { "()" };
            let value = format!("{unit}{}", " ".repeat(name.len().saturating_sub(unit.len())));
            Some(format!("{}{value}{}", text.get(..at)?, text.get(at + name.len()..)?))
        }
        ParseErrorType::VariableUndefined(_) => without_call(text, error.1, spoilt),
        ParseErrorType::MissingToken(token, _) if token == ";" && scan.unclosed.is_none() => {
            if faults::closes(text, at) {
                return Some(blanked(text, at..at + 1));
            } else if at >= text.trim_end().len() && scan.open_bracket().is_some() {
                return None;
            }
            let end = scan.end_before(at);
            let behind = text.get(end..)?;
            let is_blank = behind.starts_with([' ', '\t']);
            Some(format!("{};{}", text.get(..end)?, behind.get(usize::from(is_blank)..)?))
        }
        _ => {
            let start = scan.statement(at)?.start;
            let is_beginning = scan.word(start).is_some_and(|word| BEGINNINGS.contains(&word));
            if is_beginning || is_in_function(text, &scan, at) {
                return None;
            }
            // Of brackets and quotes without an end nobody knows how far they reach: no further than the line or the `;`.
            let rest = text.get(at..)?;
            let end = at + rest.find([';', '\n']).map_or(rest.len(), |end| end + 1);
            spoilt.add(text, &scan, start);
            Some(blanked(text, start..end))
        }
    }
}

/// The text without the call in a chain that holds this place, or without the statement where that is its first.
fn without_call(text: &str, position: Position, spoilt: &mut Spoilt) -> Option<String> {
    let at = byte(text, position)?;
    let scan = Scan::of(text);
    let statement = scan.statement(at)?;
    let links = scan.links(statement.clone());
    let holder = links.iter().position(|link| link.place.contains(&at)).unwrap_or(0);
    let first = links.first()?;
    // What a variable or a condition decides is not known without it.
    let is_chain = first.place.start == statement.start;
    if !is_chain || holder == 0 && BEGINNINGS.contains(&first.name) {
        return None;
    }
    spoilt.add(text, &scan, statement.start);
    let part = if holder == 0 { statement } else { links.get(holder)?.place.clone() };
    Some(blanked(text, part))
}

fn is_in_function(text: &str, scan: &Scan<'_>, at: usize) -> bool {
    let statement = scan.statement(at).and_then(|statement| text.get(statement));
    statement.is_some_and(|text| text.starts_with("fn ") || text.starts_with("private "))
}

fn byte(text: &str, position: Position) -> Option<usize> {
    let (line, column) = script::place(position);
    (line > 0).then(|| statements::offset(text, line, column.max(1)))
}

// === impl Spoilt ===

impl Spoilt {
    /// Notes that something is left out at this byte: all that the same resource or schema says may depend on it.
    fn add(&mut self, text: &str, scan: &Scan<'_>, at: usize) {
        let is_beginning = |start: &usize| scan.word(*start).is_some_and(|word| BEGINNINGS.contains(&word));
        let starts: Vec<usize> =
            scan.statements().into_iter().map(|statement| statement.start).filter(is_beginning).collect();
        let own = starts.iter().rfind(|start| **start <= at).copied();
        const FUNCTIONS: [&str; 4] = ["function", "func", "def", "sub"];
        let head = scan.statement(at).and_then(|statement| scan.word(statement.start));
        self.has_functions |= head.is_some_and(|head| FUNCTIONS.contains(&head));
        // What stands before everything else was meant for any of them.
        let next = starts.iter().find(|start| **start > at).copied().filter(|_| own.is_some());
        let (from, to) = (own.unwrap_or(0), next.unwrap_or(text.len()));
        self.lines.push(
            statements::place(text, from).0..statements::place(text, to).0 + usize::from(to == text.len()),
        );
    }

    /// Whether this mistake is one whatever was left out.
    pub(super) fn leaves(&self, mistake: &Diagnostic) -> bool {
        let is_spoilt = self.lines.iter().any(|lines| lines.contains(&mistake.line));
        let is_whole = mistake.line == 0 && !self.lines.is_empty();
        if mistake.code == Code::UnknownFunction && self.has_functions {
            return false;
        }
        stands_alone(mistake.code) || !is_spoilt && !is_whole
    }
}

/// Whether a mistake is what a line says by itself, and not how it goes together with others.
fn stands_alone(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownAttribute
            | Code::UnknownFunction
            | Code::UnknownReference
            | Code::UnknownWord
            | Code::BadPath
            | Code::Template
            | Code::ValuesForm
            | Code::ValueType
            | Code::NeverRead
            | Code::SaidTwice
            | Code::GivenValue
            | Code::RaisedNumber
            | Code::HookParameters
    )
}

//! Statements as batches of T-SQL, so that a search or a whole plan is one round trip. Pure. The text of a batch is made of
//! what `dialect` and the mapping wrote, and of marks; every value is a parameter.

use std::ops::Range;
use std::sync::Arc;

use crate::backend::Failure;
use crate::backend::sql::returned::Known;
use crate::plan::{Action, Expect, Origin, Output, Param, Plan, Statement, Value};

/// Parameters in one batch of a plan, at most: some below what a request can have, for those of our own.
const PARAMETERS: usize = 2_000;
/// The text of one batch of a plan, at most, but for a single statement's.
const TEXT_BYTES: usize = 256 * 1024;

/// What every batch begins with. No count is sent for each statement, and any error ends the transaction. Both end
/// with the batch (it runs inside `sp_executesql`), so that the session stays as it was.
const PREAMBLE: &str = "SET NOCOUNT ON; SET XACT_ABORT ON;\n";

/// The first column of the row that ends a batch: which step's expectation did not hold, -1 when all did. A name that
/// no other result set has.
pub(super) const STOPPED: &str = "gantry_step";

/// The names of that row's further columns, before the outputs.
pub(super) const ENDING: usize = 4;

/// One request to the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub text: String,
    /// Values, and outputs of batches before.
    pub params: Vec<Param>,
    /// The outputs that the ending row has behind its first columns.
    pub outputs: Vec<Arc<str>>,
    /// The outputs of its last step that stand in a row of another result set.
    pub row: Vec<Output>,
    /// The plan's steps that it holds.
    pub steps: Range<usize>,
}

/// The name of the output in which `@changed` goes from one batch to the next.
pub(super) const CHANGED: &str = "gantry.changed";

/// Statements that only read, as one batch.
pub(super) fn reading<'a>(statements: impl IntoIterator<Item = &'a Statement>) -> Batch {
    let mut writer = Writer::new(0);
    for statement in statements {
        writer.statement(statement);
        writer.batch.text.push_str(";\n");
    }
    writer.batch
}

/// The steps of a plan as batches.
pub(super) fn of_plan(plan: &Plan) -> Result<Vec<Batch>, Failure> {
    let mut batches = Vec::new();
    let asks_changed = plan
        .steps
        .iter()
        .any(|step| matches!(&step.action, Action::Sql(Statement { after_change, .. }) if *after_change));
    let mut writer = Writer::begin(0, asks_changed);
    for (at, step) in plan.steps.iter().enumerate() {
        let Action::Sql(statement) = &step.action else {
            return Err(Failure::Internal("a step of another backend".to_owned()));
        };
        let returns_row = statement.outputs.iter().any(Output::is_in_row);
        if !writer.has_room_for(statement) || (returns_row && !writer.batch.steps.is_empty()) {
            batches.push(writer.end(asks_changed));
            writer = Writer::begin(at, asks_changed);
        }
        writer.step(at, statement, step.expect, asks_changed);
        if returns_row {
            writer.batch.row = statement.outputs.iter().filter(|one| one.is_in_row()).cloned().collect();
            batches.push(writer.end(asks_changed));
            writer = Writer::begin(at + 1, asks_changed);
        }
    }
    if !writer.batch.steps.is_empty() {
        batches.push(writer.end(asks_changed));
    }
    Ok(batches)
}

struct Writer {
    batch: Batch,
    /// The outputs that stand in variables of this batch, with those.
    variables: Vec<(Arc<str>, String)>,
}

// === impl Writer ===

impl Writer {
    fn new(first: usize) -> Self {
        let batch = Batch {
            text: PREAMBLE.to_owned(),
            params: Vec::new(),
            outputs: Vec::new(),
            row: Vec::new(),
            steps: first..first,
        };
        Self { batch, variables: Vec::new() }
    }

    /// A batch of a plan whose first step is this one.
    fn begin(first: usize, asks_changed: bool) -> Self {
        let mut writer = Self::new(first);
        writer.batch.text.push_str("DECLARE @rows INT;\n");
        if asks_changed {
            let changed = match first {
                0 => "0".to_owned(),
                _ => writer.param(&Param::Output(CHANGED.into())),
            };
            writer.batch.text.push_str(&format!("DECLARE @changed BIT = {changed};\n"));
        }
        writer
    }

    fn has_room_for(&self, statement: &Statement) -> bool {
        let is_first = self.batch.steps.is_empty();
        let params = self.batch.params.len() + statement.params.len();
        is_first || (params <= PARAMETERS && self.batch.text.len() + statement.text.len() <= TEXT_BYTES)
    }

    fn step(&mut self, at: usize, statement: &Statement, expect: Expect, asks_changed: bool) {
        if statement.after_change {
            self.batch.text.push_str("IF @changed = 1\nBEGIN\n");
        }
        self.statement(statement);
        self.batch.text.push_str(";\nSET @rows = @@ROWCOUNT;\n");
        if let Expect::Rows(rows) = expect {
            self.batch.text.push_str(&format!(
                "IF @rows <> {rows} BEGIN SELECT {at} AS {STOPPED}, @rows AS rows, @@TRANCOUNT AS depth, 0 AS changed; \
                 RETURN; END;\n"
            ));
        }
        if asks_changed {
            self.batch.text.push_str("IF @rows > 0 SET @changed = 1;\n");
        }
        if statement.after_change {
            self.batch.text.push_str("END;\n");
        }
        self.batch.steps.end = at + 1;
        for output in &statement.outputs {
            if let Origin::Variable(variable) = &output.origin {
                self.variables.push((output.name.clone(), variable.clone()));
            }
        }
    }

    /// Ends the batch with the row that tells how it went.
    fn end(mut self, asks_changed: bool) -> Batch {
        let changed = if asks_changed { "@changed" } else { "0" };
        let mut last =
            format!("SELECT -1 AS {STOPPED}, 0 AS rows, @@TRANCOUNT AS depth, {changed} AS changed");
        for (output, variable) in self.variables {
            last.push_str(&format!(", {variable} AS [{}]", output.replace(']', "]]")));
            self.batch.outputs.push(output);
        }
        self.batch.text.push_str(&last);
        self.batch
    }

    /// Appends a statement, its marks numbered anew.
    fn statement(&mut self, statement: &Statement) {
        let mut rest = statement.text.as_str();
        while let Some((before, number, after)) = next_mark(rest) {
            self.batch.text.push_str(before);
            let mark = match number.checked_sub(1).and_then(|at| statement.params.get(at)) {
                Some(param) => self.param(param),
                None => format!("@P{number}"), // no mark of ours: the server will say so
            };
            self.batch.text.push_str(&mark);
            rest = after;
        }
        self.batch.text.push_str(rest);
    }

    /// What stands for a parameter in this batch.
    fn param(&mut self, param: &Param) -> String {
        match param {
            // Not every server takes a parameter that has no type.
            Param::Null => return "NULL".to_owned(),
            Param::Output(name) => {
                if let Some((_, variable)) = self.variables.iter().rev().find(|(known, _)| known == name) {
                    return variable.clone();
                }
            }
            Param::Value(_) => {}
        }
        self.batch.params.push(param.clone());
        format!("@P{}", self.batch.params.len())
    }
}

/// The text before the next mark `@P…` that stands outside quotes, its number, and the text behind it.
fn next_mark(text: &str) -> Option<(&str, usize, &str)> {
    let mut close = None;
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, close) {
            // Doubled, it stands for itself: a quote opens again at once, a bracket does not.
            (']', Some(']')) if chars.peek().is_some_and(|(_, next)| *next == ']') => _ = chars.next(),
            (c, Some(end)) if c == end => close = None,
            (_, Some(_)) => {}
            ('\'', None) => close = Some('\''),
            ('"', None) => close = Some('"'),
            ('[', None) => close = Some(']'),
            ('@', None) if !is_name(before) => {
                if let Some((number, length)) = mark_at(&text[at..]) {
                    return Some((&text[..at], number, &text[at + length..]));
                }
            }
            _ => {}
        }
        before = c;
    }
    None
}

/// The number and the length of the mark that a text begins with.
fn mark_at(text: &str) -> Option<(usize, usize)> {
    let digits = text.strip_prefix("@P")?;
    let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if digits[count..].starts_with(is_name) {
        return None; // a variable whose name begins so
    }
    Some((digits[..count].parse().ok()?, 2 + count))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

/// The values of a batch's parameters, those of outputs from batches before.
pub(super) fn values(params: &[Param], known: &Known) -> Result<Vec<Option<Value>>, Failure> {
    let value = |param: &Param| match param {
        Param::Value(value) => Ok(Some(value.clone())),
        Param::Null => Ok(None),
        Param::Output(name) => {
            let missing = || Failure::Internal(format!("no step returned {name}"));
            known.get(name).cloned().ok_or_else(missing)
        }
    };
    params.iter().map(value).collect()
}

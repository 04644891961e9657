//! A statement in the making: text with marks, and the parameters that they stand for.

use std::sync::Arc;

use super::catalog::{Comparable, Kind};
use super::dialect::Dialect;
use crate::backend::Failure;
use crate::plan::{Action, Expect, Origin, Output, Param, Statement, Step, Value};

/// A statement in the making.
#[derive(Clone, Debug)]
pub(super) struct Builder<'a> {
    pub dialect: Dialect<'a>,
    /// Whether the statement is run only when one before it touched a row.
    pub after_change: bool,
    text: String,
    params: Vec<Param>,
}

// === impl Builder ===

impl<'a> Builder<'a> {
    pub(super) fn new(dialect: Dialect<'a>) -> Self {
        Self { dialect, after_change: false, text: String::new(), params: Vec::new() }
    }

    /// Appends text of our own: keywords, quoted identifiers, marks.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A new parameter's mark.
    pub(super) fn param(&mut self, param: Param) -> String {
        if param == Param::Value(Value::Today) {
            return self.dialect.today().to_owned();
        }
        self.params.push(param);
        self.dialect.mark(self.params.len())
    }

    /// What is written meanwhile, as a text of its own.
    pub(super) fn aside(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let before = std::mem::take(&mut self.text);
        let written = write(self);
        let aside = std::mem::replace(&mut self.text, before);
        written.map(|()| aside)
    }

    /// A new parameter's mark.
    pub(super) fn value(&mut self, value: Value) -> String {
        self.param(Param::Value(value))
    }

    /// What a value is compared with a column of this kind as; `None` when nothing there can be equal to it.
    pub(super) fn compared(&mut self, kind: Kind, value: &Value) -> Option<String> {
        match kind.comparable(value) {
            Comparable::As(value, expression) => Some(expression.replace("{}", &self.value(value))),
            Comparable::Never => None,
        }
    }

    /// The same, of a value that was stored a moment ago: its parameter serves once more.
    pub(super) fn compared_again(&mut self, kind: Kind, value: &Value, mark: &str) -> Option<String> {
        match kind.comparable(value) {
            Comparable::As(value, expression) if self.params.last() == Some(&Param::Value(value.clone())) => {
                Some(expression.replace("{}", mark))
            }
            _ => self.compared(kind, value),
        }
    }

    /// A new parameter's mark, for a value that is stored in a column.
    pub(super) fn stored(&mut self, table: &str, column: &str, param: Param) -> Result<String, Failure> {
        let param = match self.dialect {
            Dialect::Sqlite => param,
            Dialect::Transact(catalog) => catalog.stored(table, column, param)?,
        };
        Ok(self.param(param))
    }

    pub(super) fn statement(self, outputs: impl IntoIterator<Item = Output>) -> Result<Statement, Failure> {
        let outputs = outputs.into_iter().collect();
        let most = self.dialect.most_parameters();
        if self.params.len() > most {
            return Err(Failure::TooMany(format!(
                "{} parameters in one statement, more than {most}",
                self.params.len()
            )));
        }
        let Self { text, params, after_change, .. } = self;
        Ok(Statement { text, params, outputs, after_change })
    }

    pub(super) fn step(
        self,
        about: impl Into<String>,
        expect: Expect,
        outputs: impl IntoIterator<Item = Output>,
    ) -> Result<Step, Failure> {
        Ok(Step { about: about.into(), action: Action::Sql(self.statement(outputs)?), expect, undo: None })
    }

    /// A step whose text gives its outputs as the dialect has them: as a row, or in variables.
    pub(super) fn returning(
        self,
        about: impl Into<String>,
        expect: Expect,
        outputs: impl IntoIterator<Item = Arc<str>>,
    ) -> Result<Step, Failure> {
        let dialect = self.dialect;
        let output = |name: Arc<str>| match dialect {
            Dialect::Sqlite => Output { name, origin: Origin::Next },
            Dialect::Transact(_) => in_variable(name),
        };
        self.step(about, expect, outputs.into_iter().map(output))
    }
}

/// An output in the variable that is named after it.
pub(super) fn in_variable(name: Arc<str>) -> Output {
    let origin = Origin::Variable(variable(&name));
    Output { name, origin }
}

/// The T-SQL variable that holds an output, a name of our own or of a mapping's: no character of it can end it.
pub(super) fn variable(output: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("@out_{}", output.chars().map(plain).collect::<String>())
}

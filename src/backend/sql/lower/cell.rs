//! What a statement writes into one column.

use std::sync::Arc;

use super::super::builder::Builder;
use super::super::dialect::Dialect;
use super::super::link::{self, Target};
use crate::backend::Failure;
use crate::plan::{Param, Reference, Value};

/// Columns of one row, each with what is written there.
pub(super) type Columns<'a> = Vec<(Arc<str>, Cell<'a>)>;

/// What is written into a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// A value, or NULL.
    Param(Param),
    /// What stands in for a row of one of these tables.
    Link(Vec<Target<'a>>, Reference),
    /// The bits of what stands there, some set and some clear.
    Bits { set: i64, clear: i64 },
    /// The next number of this sequence.
    Next(Arc<str>),
    /// What stands there: the row is written, and says what it said.
    Held,
}

// === impl Cell ===

impl Cell<'_> {
    pub(super) fn value(value: &Value) -> Self {
        Self::Param(Param::Value(value.clone()))
    }

    /// The first of the values, or NULL.
    pub(super) fn first(values: &[Value]) -> Self {
        Self::Param(values.first().cloned().map_or(Param::Null, Param::Value))
    }

    /// What stands for it by itself, where something does.
    pub(super) fn param(&self) -> Option<&Param> {
        match self {
            Self::Param(param) => Some(param),
            Self::Link(..) | Self::Bits { .. } | Self::Next(_) | Self::Held => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        *self == Self::Param(Param::Null)
    }

    /// The expression that is written into this column of this table; `held` is what stands there, which in a new row is
    /// nothing.
    pub(super) fn write(
        &self,
        builder: &mut Builder<'_>,
        table: &str,
        column: &str,
        held: &str,
    ) -> Result<String, Failure> {
        Ok(match self {
            Self::Param(Param::Null) => "NULL".to_owned(),
            Self::Param(param) => builder.stored(table, column, param.clone())?,
            Self::Link(targets, reference) => link::value(builder, targets, reference)?,
            Self::Bits { set, clear } => {
                let [set, clear] = [*set, !*clear].map(|bits| builder.value(Value::Integer(bits)));
                format!("(COALESCE({held}, 0) & {clear}) | {set}")
            }
            Self::Next(sequence) if matches!(builder.dialect, Dialect::Sqlite) => {
                return Err(Failure::Internal(format!("{sequence}: SQLite has no sequences")));
            }
            Self::Held => held.to_owned(),
            Self::Next(sequence) => format!("NEXT VALUE FOR {}", builder.dialect.quote(sequence)),
        })
    }
}

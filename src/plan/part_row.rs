//! A row beside a resource's own in another table, which lives and dies with it.

use std::sync::Arc;

use super::{Key, Predicate};

/// One more row, one to one with the resource's own: `part("hr", "HrPerson", "PersonId")`.
#[derive(Clone, Debug, PartialEq)]
pub struct PartRow {
    /// What the mapping calls it; the `part` of its natives.
    pub alias: Arc<str>,
    /// The other table.
    pub table: Arc<str>,
    /// Its columns that hold the resource's key, in its order.
    pub key: Key,
    /// Columns that are given the next number of a sequence when the row is inserted, each with the sequence's name.
    pub sequences: Vec<(Arc<str>, Arc<str>)>,
    /// The rows of that table that there are for this mapping; its natives are that table's own.
    pub only: Predicate,
    /// Whether it keeps history.
    pub dated: Option<Dated>,
}

/// How a part keeps history: of several rows the one in force is read, the one with the greatest date that is not in
/// the future, and of those the one with the greatest number. A change inserts the next; those of the future stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated {
    /// The column with the day from which a row is in force.
    pub date: Arc<str>,
    /// The column with the number that tells the rows of one day apart.
    pub seq: Arc<str>,
    /// The number of the first row of a day.
    pub first: i64,
    /// What the next row takes over from the one before, where it is not what changes.
    pub kept: Vec<Arc<str>>,
}

//! The order of a search's result, and where in it a window begins.

use super::{Case, Native, Value};

/// The order of a result and where it is entered. Only backends with [`super::Profile::windows`] are asked
/// for more than the default, which is the order of the ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// What orders the result; ids stand between those that it does not tell apart.
    pub sort: Option<Sort>,
    /// Whether it is walked from its end: the last one first.
    pub backward: bool,
    /// Only what comes behind this place on that walk.
    pub behind: Option<Mark>,
}

/// One native value that orders a result. Who has none stands last, in descending order first.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// An own native or a look-up's.
    pub native: Native,
    /// How its values are ordered.
    pub by: By,
    /// The value that stands for "no value".
    pub missing: Option<Value>,
    /// Whether the order is turned round; ids are not.
    pub descending: bool,
}

/// How values are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// As text, by code points; only the first [`crate::limits::SORTED_CHARS`] count.
    Text(Case),
    /// As whole numbers.
    Integer,
    /// As instants.
    Instant,
}

/// A place in an ordered result, by what stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The value that orders the result there, as [`super::Record::key`] had it; `None` when there is none.
    pub value: Option<Value>,
    /// The id.
    pub id: String,
}

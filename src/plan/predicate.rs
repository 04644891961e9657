//! The resolved filter, over native names. Two-valued: a test of something absent is false, and its
//! negation is true, whatever SQL's NULL or LDAP's Undefined would say.

use std::collections::BTreeSet;

use super::{Native, Value};

/// A condition on a resource's native values.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Predicate {
    /// Every resource of the type.
    #[default]
    All,
    /// None.
    Nothing,
    /// All of these; empty means every resource.
    And(Vec<Predicate>),
    /// At least one of these; empty means none.
    Or(Vec<Predicate>),
    /// Not this.
    Not(Box<Predicate>),
    /// One of these SCIM ids. An id that cannot be a key is simply not found.
    Id(Vec<String>),
    /// LDAP: the entry at this DN, of whatever type: what a backend itself asks for before it writes.
    Entry(String),
    /// A native value passes the test; with several values, any of them.
    Test(Native, Test),
    /// At least one row of the child table meets the condition, whose natives are that table's.
    Child(std::sync::Arc<str>, Box<Predicate>),
}

/// A test of one native value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is a value.
    Present,
    /// Equal.
    Equals(Value, Case),
    /// Text that starts so.
    StartsWith(String, Case),
    /// Text that ends so.
    EndsWith(String, Case),
    /// Text that has this in it.
    Contains(String, Case),
    /// Ordered so against the value, a whole number or an instant.
    Compare(Order, Value),
    /// A whole number in which this bit is set. Only asked where [`super::Profile::bits`] says so.
    Bit(i64),
}

/// Whether letters' case counts in a comparison of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// It counts.
    Exact,
    /// It does not, by the backend's own folding.
    Folded,
}

/// The four orderings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

// === impl Predicate ===

impl Predicate {
    /// The natives that it tests.
    pub fn natives(&self) -> BTreeSet<&Native> {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().flat_map(Self::natives).collect(),
            Self::Not(inner) | Self::Child(_, inner) => inner.natives(),
            Self::Test(native, _) => BTreeSet::from([native]),
            Self::All | Self::Nothing | Self::Id(_) | Self::Entry(_) => BTreeSet::new(),
        }
    }

    /// Both, without needless nesting.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, other) | (other, Self::All) => other,
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::And(mut terms), Self::And(more)) => {
                terms.extend(more);
                Self::And(terms)
            }
            (Self::And(mut terms), other) => {
                terms.push(other);
                Self::And(terms)
            }
            (one, other) => Self::And(vec![one, other]),
        }
    }

    /// Either, without needless nesting.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, other) | (other, Self::Nothing) => other,
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Or(mut terms), Self::Or(more)) => {
                terms.extend(more);
                Self::Or(terms)
            }
            (Self::Or(mut terms), other) => {
                terms.push(other);
                Self::Or(terms)
            }
            (one, other) => Self::Or(vec![one, other]),
        }
    }

    /// The opposite.
    #[allow(clippy::should_implement_trait)] // `!predicate` would read worse than the field's own word
    pub fn not(self) -> Self {
        match self {
            Self::All => Self::Nothing,
            Self::Nothing => Self::All,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

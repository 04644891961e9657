//! Filters (RFC 7644 §3.4.2.2): the tree, its printing, its parser and the check against a resource type.

mod check;
mod parse;

use std::fmt;

use super::path::AttrPath;

pub(super) use check::check_elements;
pub use check::{check, check_among};
pub use parse::{SyntaxError, parse, parse_path};

/// A filter. Two are equal when they say the same, wherever that stands in their texts.
#[derive(Clone, Debug)]
pub enum Filter {
    /// All of these; at least two when parsed. Of none: true.
    And(Vec<Filter>),
    /// At least one of these; at least two when parsed. Of none: false.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// The attribute has a value.
    Present {
        /// The attribute.
        path: AttrPath,
        /// Where it stands in the text, in octets from 0.
        at: usize,
    },
    /// The attribute's value compares so.
    Compare {
        /// The attribute.
        path: AttrPath,
        /// How.
        op: Op,
        /// With what.
        value: Literal,
        /// Where it stands in the text, in octets from 0.
        at: usize,
    },
    /// One and the same element of the attribute meets a filter.
    ValuePath {
        /// The multi-valued attribute.
        path: AttrPath,
        /// The filter on the element's sub-attributes.
        filter: Box<Filter>,
        /// `.value eq "x"` behind the bracket: outside the RFC's grammar, sent by Entra ID. A filter on the
        /// same element's sub-attribute.
        then: Option<Box<Filter>>,
        /// Where it stands in the text, in octets from 0.
        at: usize,
    },
}

/// The comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the RFC's own words
pub enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// What is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// A JSON string.
    Text(String),
}

/// Each operator with its word.
const OPERATORS: [(Op, &str); 9] = [
    (Op::Eq, "eq"),
    (Op::Ne, "ne"),
    (Op::Co, "co"),
    (Op::Sw, "sw"),
    (Op::Ew, "ew"),
    (Op::Gt, "gt"),
    (Op::Ge, "ge"),
    (Op::Lt, "lt"),
    (Op::Le, "le"),
];

// === impl Op ===

impl Op {
    fn from_word(word: &str) -> Option<Self> {
        OPERATORS.iter().find(|(_, known)| known.eq_ignore_ascii_case(word)).map(|(op, _)| *op)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OPERATORS.iter().find(|(op, _)| op == self).map_or("", |(_, word)| word))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
        }
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::And(a), Self::And(b)) | (Self::Or(a), Self::Or(b)) => a == b,
            (Self::Not(a), Self::Not(b)) => a == b,
            (Self::Present { path: a, .. }, Self::Present { path: b, .. }) => a == b,
            (
                Self::Compare { path: a, op: a_op, value: a_value, .. },
                Self::Compare { path: b, op: b_op, value: b_value, .. },
            ) => a == b && a_op == b_op && a_value == b_value,
            (
                Self::ValuePath { path: a, filter: a_filter, then: a_then, .. },
                Self::ValuePath { path: b, filter: b_filter, then: b_then, .. },
            ) => a == b && a_filter == b_filter && a_then == b_then,
            _ => false,
        }
    }
}

/// Prints text that parses to the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => joined(f, terms, " and ", |term| matches!(term, Self::And(_) | Self::Or(_))),
            // `and` binds tighter: brackets would only nest deeper than the text did.
            Self::Or(terms) => joined(f, terms, " or ", |term| matches!(term, Self::Or(_))),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present { path, .. } => write!(f, "{path} pr"),
            Self::Compare { path, op, value, .. } => write!(f, "{path} {op} {value}"),
            Self::ValuePath { path, filter, then, .. } => {
                write!(f, "{path}[{filter}]")?;
                match then {
                    Some(then) => write!(f, ".{then}"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    terms: &[Filter],
    word: &str,
    in_brackets: fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        match in_brackets(term) {
            true => write!(f, "({term})")?,
            false => write!(f, "{term}")?,
        }
    }
    Ok(())
}

//! What became of each term of a filter in [`super::push`], for people: pushed exactly, pushed as more than was
//! asked and checked again, or not pushed; and why. The reasons are given where the decision is made.

use std::fmt;

use super::Mapping;
use super::line::ResourceMapping;
use super::push::{Bounds, Place, Pusher, place};
use crate::plan::{Predicate, Profile};
use crate::scim::filter::Filter;
use crate::scim::path::AttrPath;

/// One term of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// As SCIM spells it: `userName eq "ada"`.
    pub text: String,
    /// Whether it stands under an odd number of `not`.
    pub is_negated: bool,
    /// The line of the mapping's file that holds its attribute, counted from one; absent where no single one does.
    pub line: Option<usize>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The backend is asked just this.
    Exact,
    /// The backend is asked for more; what comes back is checked again.
    Superset(Reason),
    /// The backend is not asked; all is checked here.
    Here(Reason),
}

/// Why a term is not pushed just as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Brackets ask for one and the same element.
    OneElement,
    /// No single line, or collection of values, holds it.
    Scattered,
    /// `ne` of an attribute with several values.
    NeOfMany,
    /// A function of the script makes the value, and no `.find` says how to look for it.
    Function,
    /// Only its hash is stored.
    Hash,
    /// Codes of bits or of order that the backend cannot test.
    Codes,
    /// Coded values are only looked for by `eq`, `ne` and `pr`.
    CodesOfEq,
    /// `.find` with a function of the value alone, asked for something else than `eq`.
    FindOfEq,
    /// The function of `.find` gave nothing, or failed.
    FoundNone,
    /// `.find` without `.exact`, or before a backend that compares text its own way.
    FindOver,
    /// A reference is only looked for by `eq`, `ne` and `pr`.
    ReferenceOfEq,
    /// The value is a URI, and the backend holds a part of it.
    Uri,
    /// A value that leads to nobody is not shown.
    Astray,
    /// A value that stands for "no value".
    Missing,
    /// `.prefix`: the case of letters.
    Prefix,
    /// The backend compares text by rules of its own.
    Text,
    /// Text is ordered by collations of its own.
    TextOrder,
    /// The backend compares instants by whole seconds.
    Seconds,
    /// The backend cannot compare these instants.
    Instants,
    /// The backend has no such comparison for this type.
    Comparison,
    /// The opposite of "more than asked" would be less than asked.
    Negated,
    /// With a term beside it that cannot be asked, `or` lets anyone through.
    Beside,
}

// === impl Mapping ===

impl Mapping {
    /// Each term of a checked filter, in its order, with what [`Mapping::push`] makes of it.
    pub fn explain(&self, of: &ResourceMapping, filter: &Filter, profile: &Profile) -> Vec<Term> {
        let mut walk = Walk { pusher: Pusher { mapping: self, of, profile }, terms: Vec::new() };
        walk.filter(filter, false, false);
        walk.terms
    }
}

/// The way through a filter's terms.
struct Walk<'a> {
    pusher: Pusher<'a>,
    terms: Vec<Term>,
}

// === impl Walk ===

impl Walk<'_> {
    /// `is_lost` where what is around asks nothing of the backend, whatever this would.
    fn filter(&mut self, filter: &Filter, is_negated: bool, is_lost: bool) {
        match filter {
            Filter::And(terms) | Filter::Or(terms) => {
                let bounds = self.bounds(filter, is_negated);
                let is_lost = is_lost || bounds.why.is_some() && bounds.over == Predicate::All;
                for term in terms {
                    self.filter(term, is_negated, is_lost);
                }
            }
            Filter::Not(inner) => self.filter(inner, !is_negated, is_lost),
            Filter::Present { path, .. } | Filter::Compare { path, .. } | Filter::ValuePath { path, .. } => {
                let verdict = self.verdict(filter, is_negated, is_lost);
                let line = line(self.pusher.of, path);
                self.terms.push(Term { text: filter.to_string(), is_negated, line, verdict });
            }
        }
    }

    fn bounds(&self, filter: &Filter, is_negated: bool) -> Bounds {
        let bounds = self.pusher.filter(filter);
        if is_negated { bounds.not() } else { bounds }
    }

    fn verdict(&self, term: &Filter, is_negated: bool, is_lost: bool) -> Verdict {
        let plain = self.pusher.filter(term);
        let was_narrowing = plain.over != Predicate::All;
        let bounds = if is_negated { plain.not() } else { plain };
        match (bounds.why, bounds.over == Predicate::All) {
            (Some(_), true) if is_negated && was_narrowing => Verdict::Here(Reason::Negated),
            (Some(why), true) => Verdict::Here(why),
            _ if is_lost => Verdict::Here(Reason::Beside),
            (Some(why), false) => Verdict::Superset(why),
            (None, _) => Verdict::Exact,
        }
    }
}

/// The line of the mapping that holds the attribute.
fn line(of: &ResourceMapping, path: &AttrPath) -> Option<usize> {
    match place(of, path) {
        Place::Line(line) => Some(line.conversion.at),
        Place::Links(collection) => collection.reference().map(|part| part.conversion.at),
        Place::Elements(_, part) => Some(part.conversion.at),
        Place::Elsewhere => None,
    }
}

// === impl Reason ===

impl Reason {
    /// In plain words; a clause.
    fn words(self) -> &'static str {
        match self {
            Self::OneElement => "brackets ask for one and the same element",
            Self::Scattered => {
                "no single line of the mapping holds all its values (it is computed, in `rest`, or in several places)"
            }
            Self::NeOfMany => "`ne` of several values holds where any of them differs",
            Self::Function => "a function of the mapping makes the value; `.find` can say how to look for it",
            Self::Hash => "only its hash is stored",
            Self::Codes => "the backend cannot test bits or order as SCIM does",
            Self::CodesOfEq => "coded values are looked for by `eq`, `ne` and `pr` alone",
            Self::FindOfEq => "the function of `.find` takes the value of `eq` alone",
            Self::FoundNone => "the function of `.find` gave nothing for this, or failed",
            Self::FindOver => "`.find` may find more than was meant",
            Self::ReferenceOfEq => "references are looked for by `eq`, `ne` and `pr` alone",
            Self::Uri => "the value is a URI, of which the backend holds a part",
            Self::Astray => "a value that leads to nobody is not shown",
            Self::Missing => "a value that stands for \"no value\" is not shown",
            Self::Prefix => "the case of letters in the prefix and the value has to be looked at",
            Self::Text => "the backend compares text by rules of its own",
            Self::TextOrder => "text is ordered by rules of the backend's own",
            Self::Seconds => "the backend compares instants by whole seconds",
            Self::Instants => "the backend cannot compare these instants",
            Self::Comparison => "the backend has no such comparison for this type",
            Self::Negated => "the backend would find more than the term means, and so less than its opposite",
            Self::Beside => "a term beside it is not asked, and with it anyone may match",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("pushed exactly"),
            Self::Superset(why) => write!(f, "pushed, and checked again: {why}"),
            Self::Here(why) => write!(f, "not pushed, checked here: {why}"),
        }
    }
}

//! What an examination of a backend found, in words for the person who connects it. Knows no backend.

use std::fmt;

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// A sentence or two: what it is, and what to do when something is wrong. Names and DNs may stand in it, no secret.
    pub text: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Something will not work.
    Wrong,
}

/// Findings as they come.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

// === impl Finding ===

impl Finding {
    /// That what was looked at could not be seen.
    pub(super) fn broken(cause: impl fmt::Display) -> Vec<Self> {
        vec![Self { weight: Weight::Wrong, text: cause.to_string() }]
    }
}

// === impl Findings ===

impl Findings {
    pub(super) fn good(&mut self, text: impl Into<String>) {
        self.add(Weight::Good, text.into());
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.add(Weight::Note, text.into());
    }

    pub(super) fn wrong(&mut self, text: impl Into<String>) {
        self.add(Weight::Wrong, text.into());
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn all(self) -> Vec<Finding> {
        self.0
    }

    fn add(&mut self, weight: Weight, text: String) {
        self.0.push(Finding { weight, text });
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Wrong => "WRONG",
        })
    }
}

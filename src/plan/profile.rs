//! What a backend can do, as far as a mapping must know it to push a filter down.

/// What a backend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What kind of backend it is, in a word for people: `SQLite`, `LDAP`.
    pub kind: &'static str,
    /// How it folds the case of text; the re-check folds the same way.
    pub folding: Folding,
    /// How well its equality and substring tests of text agree with that folding.
    pub text: Precision,
    /// Whether it orders numbers and text as SCIM does, so that gt, ge, lt and le may be pushed down.
    pub ordering: bool,
    /// How its comparisons of instants agree with SCIM's.
    pub instants: Instants,
    /// Whether it can test a number's bits.
    pub bits: bool,
    /// Whether it can give any window of an ordered result together with the true total.
    pub windows: bool,
}

/// How the case of text is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folding {
    /// A to Z only: SQLite's NOCASE.
    Ascii,
    /// Unicode's lower case: about what a collation of SQL Server does that ignores case.
    Unicode,
    /// LDAP's caseIgnoreMatch: Unicode, outer spaces and runs of spaces do not count.
    Directory,
    /// Like it, but what Unicode counts as the same in another form differs: 389 Directory Server and
    /// Active Directory.
    Unprepared,
}

/// Which instants a backend compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instants {
    /// All, in every form that is read, and exactly.
    Exact,
    /// Those of these natives, names in any case, to the second.
    Seconds(&'static [&'static str]),
}

/// How a pushed test relates to what SCIM asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// The same set.
    Exact,
    /// A superset: what comes back is re-checked.
    Over,
}

//! What the verbs wrote down while the script ran, word for word, with the place of each. Nothing is
//! understood yet; `build` does that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::Position;
use serde_json::Value as Json;

use crate::plan::Order;

/// A mapping as it was said.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub schemas: Vec<DraftSchema>,
    pub resources: Vec<DraftResource>,
    pub raised: Vec<DraftRaised>,
}

/// The draft, shared between the verbs while the script runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Draft>>);

/// `on_error(number, scimType, detail)`
#[derive(Clone, Debug)]
pub(super) struct DraftRaised {
    pub at: Position,
    pub number: i64,
    pub scim_type: String,
    pub detail: Option<String>,
}

/// `schema(urn, name)` and all the `define`s until the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftSchema {
    pub at: Position,
    pub urn: String,
    pub name: Option<String>,
    pub description: String,
    pub attributes: Vec<DraftAttribute>,
}

/// `define(path, type)` with what was chained to it.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftAttribute {
    pub at: Position,
    pub path: String,
    pub kind: String,
    pub description: String,
    pub many: bool,
    pub required: bool,
    pub case_exact: bool,
    pub access: Option<DraftAccess>,
    pub returned: Option<(String, Position)>,
    pub canonical_values: Option<(Vec<String>, Position)>,
    pub reference_types: Option<(Vec<String>, Position)>,
}

/// `resource(name)` and all that followed until the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftResource {
    pub at: Position,
    pub name: String,
    pub schema: Option<(String, Position)>,
    pub endpoint: Option<(String, Position)>,
    pub extensions: Vec<DraftExtension>,
    pub table: Option<String>,
    pub base: Option<String>,
    pub classes: Vec<String>,
    pub ids: Vec<String>,
    pub rdn: Option<(String, String, Position)>,
    pub parent: Option<DraftParent>,
    pub version: Option<String>,
    pub read_only: bool,
    pub only: Option<(Vec<(String, Pattern)>, Position)>,
    pub lookups: Vec<DraftLookup>,
    pub parts: Vec<DraftPart>,
    pub dated: Vec<DraftDated>,
    pub on_delete: Vec<DraftDelete>,
    pub lines: Vec<DraftLine>,
    pub initial: Vec<DraftGiven>,
    pub stamps: Vec<DraftGiven>,
    pub rest: Option<(DraftRest, Position)>,
}

/// `rest(table, key, column)` or `rest(attribute)`
#[derive(Clone, Debug)]
pub(super) enum DraftRest {
    Column { table: String, key: Vec<String>, column: String },
    Attribute(String),
}

/// `.parent(function, inputs)`
#[derive(Clone, Debug)]
pub(super) struct DraftParent {
    pub at: Position,
    pub function: String,
    pub inputs: Vec<String>,
}

/// `.extension(urn, #{ required })`
#[derive(Clone, Debug)]
pub(super) struct DraftExtension {
    pub at: Position,
    pub urn: String,
    pub required: bool,
}

/// `.lookup(alias, table, key, foreign key)`
#[derive(Clone, Debug)]
pub(super) struct DraftLookup {
    pub alias: String,
    pub table: String,
    pub key: Vec<String>,
    pub foreign_key: Vec<String>,
}

/// `.part(alias, #{ dn, classes })` or `.part(alias, table, key)`
#[derive(Clone, Debug, Default)]
pub(super) struct DraftPart {
    pub at: Position,
    pub alias: String,
    pub dn: String,
    pub classes: Vec<String>,
    /// The other table, and its columns that hold the resource's key.
    pub row: Option<(String, Vec<String>)>,
}

/// `.dated(part, date, seq, kept)`
#[derive(Clone, Debug)]
pub(super) struct DraftDated {
    pub at: Position,
    pub part: String,
    pub date: String,
    pub seq: String,
    pub kept: Vec<String>,
}

/// `.on_delete(how)`, `.on_delete("move", dn)` or `.on_delete("disable", values)`, each with rows or without
#[derive(Clone, Debug)]
pub(super) struct DraftDelete {
    pub at: Position,
    pub how: String,
    pub to: Option<String>,
    pub values: Vec<(String, Json)>,
    pub rows: Vec<(String, Json)>,
}

/// `attr(path, natives)` with what was chained to it.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftLine {
    pub at: Position,
    pub path: String,
    /// Further paths that show the same.
    pub also: Vec<String>,
    pub natives: Vec<String>,
    pub child: Option<Vec<String>>,
    /// What of the resource the rows of `child` hold in place of its key.
    pub child_by: Option<(String, Position)>,
    pub many: bool,
    pub values: Option<Vec<(Vec<Pattern>, Json)>>,
    pub missing: Option<Json>,
    pub prefix: Option<String>,
    pub read: Option<(String, Position)>,
    pub write: Option<(String, Position)>,
    pub find: Option<(String, String, Position)>,
    pub exact: Option<Position>,
    pub refs: Vec<String>,
    pub by: Option<(String, Position)>,
    pub copy: bool,
    pub on_missing: Option<(String, Position)>,
    pub placeholder: Option<String>,
    pub hash: Option<DraftHash>,
    pub required: bool,
    pub unique: bool,
    pub case_exact: bool,
    pub max_len: Option<usize>,
    pub access: Option<DraftAccess>,
    pub returned: Option<(String, Position)>,
}

/// `.read_only()`, `.immutable()`, `.write_only()`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DraftAccess {
    ReadOnly,
    Immutable,
    WriteOnly,
}

/// `.hash(scheme, #{ salt, rounds })`
#[derive(Clone, Debug)]
pub(super) struct DraftHash {
    pub at: Position,
    pub scheme: String,
    pub salt: Option<String>,
    pub rounds: Option<i64>,
}

/// `initial(native, value)` or `stamp(native, value)`
#[derive(Clone, Debug)]
pub(super) struct DraftGiven {
    pub at: Position,
    pub native: String,
    pub value: Given,
}

/// A value that a mapping gives itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    /// A literal, or a text with braces: a template.
    Literal(Json),
    /// `uuid()`
    Uuid,
    /// `now()`
    Now,
    /// `today()`
    Today,
    /// `counter(dn, attribute)`
    Counter(String, String),
    /// `sequence(name)`
    Sequence(String),
}

/// The native side of a pair of `.values`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    /// `()`
    Absent,
    /// `any()`
    Any,
    /// `bit_set(n)`
    BitSet(i64),
    /// `bit_clear(n)`
    BitClear(i64),
    /// `gt(x)`, `ge(x)`, `lt(x)`, `le(x)`
    Ordered(Order, Box<Pattern>),
    /// `today()`
    Today,
    /// A literal.
    Literal(Json),
}

// === impl Shared ===

impl Shared {
    /// The draft, for a moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, Draft> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The resolved mapping of one resource type: lines, collections and what the mapping gives itself.
//! Only shapes here; reading, writing and filters are in files of their own.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::plan::{Composed, Key, Native, OnMissing, Record, Value};
use crate::scim::path::AttrPath;
use crate::scim::schema::{ResourceType, Type};

use super::codes::Codes;
use super::template::Template;

/// One resource type, mapped.
#[derive(Clone, Debug)]
pub struct ResourceMapping {
    /// The entity's name in the model, which is the resource type's.
    pub entity: Arc<str>,
    /// What is advertised: computed from the lines.
    pub resource_type: ResourceType,
    pub(super) lines: Vec<Line>,
    pub(super) collections: Vec<Collection>,
    /// Columns that are written along, and never read.
    pub(super) copies: Vec<Line>,
    /// Native-only values at create.
    pub(super) initial: Vec<(Native, Generated)>,
    /// Native-only values at each change, the create included.
    pub(super) stamps: Vec<(Native, Generated)>,
    pub(super) rdn: Option<Template>,
    pub(super) parent: Option<Parent>,
    /// Whether what no line stores is kept as a document.
    pub(super) has_rest: bool,
    /// How values are written natively: entries hold text, tables typed values.
    pub(super) is_entry: bool,
}

/// Where an entry stands: what a function of the script makes of what some natives hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parent {
    pub function: String,
    pub inputs: Vec<Native>,
}

/// One `attr` line that is no collection in a table of its own.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The attribute or sub-attribute; for a line of an element, the multi-valued attribute.
    pub path: AttrPath,
    /// `emails[type eq "work"].value`: which element, and which of its sub-attributes.
    pub element: Option<ElementKey>,
    pub natives: Vec<Native>,
    /// Several native values, and so an array.
    pub many: bool,
    pub access: Access,
    pub conversion: Conversion,
    /// By what filters look for it, where that is another native than the one that holds it.
    pub find: Option<Find>,
}

/// `.find(native, function)`: what filters on a line ask of the backend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Find {
    pub native: Native,
    pub function: String,
    /// Whether the function gets the path, the operator and the value; else only the value, of `eq`.
    pub is_asked_all: bool,
    /// Whether it finds no more than the filter means.
    pub is_exact: bool,
}

/// Which element of a multi-valued attribute a line holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ElementKey {
    /// `type`
    pub key: String,
    /// `work`, or true
    pub value: Json,
    /// `value`
    pub sub: String,
}

/// A collection in a child table.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    /// The multi-valued attribute.
    pub path: AttrPath,
    /// Its type: elements of a simple one are the values of its only part.
    pub kind: Type,
    pub table: Arc<str>,
    pub foreign_key: Key,
    /// The resource's own column that the foreign key holds a value of, where that is not its key.
    pub by: Option<Arc<str>>,
    pub read_only: bool,
    pub parts: Vec<Part>,
}

/// A column of a collection's table, as a sub-attribute.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub sub: String,
    pub column: Arc<str>,
    /// A row cannot stand without it.
    pub required: bool,
    pub conversion: Conversion,
}

/// Who may change the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
    Immutable,
    WriteOnly,
}

/// How a SCIM value and native values become each other.
#[derive(Clone, Debug)]
pub(super) struct Conversion {
    /// The SCIM type; of the `value` sub-attribute where the attribute is a reference.
    pub kind: Type,
    pub case_exact: bool,
    pub max_len: Option<usize>,
    /// The line of the mapping's file that says it.
    pub at: usize,
    /// What stands natively for "no value".
    pub missing: Option<Missing>,
    /// Only native values that start so are the line's; clients see what follows.
    pub prefix: Option<String>,
    pub how: How,
}

/// What stands natively for "no value".
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Missing {
    /// Always the same.
    Value(Value),
    /// What other natives of the resource make together.
    Composed(Composed),
}

/// The kind of conversion.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// As the type says.
    Plain,
    /// Coded values.
    Codes(Codes),
    /// Functions of the script; a missing one means that this direction is not used, or plain.
    Script { read: Option<String>, write: Option<String> },
    /// Another resource.
    Reference { types: Vec<Arc<str>>, on_missing: OnMissing },
    /// A password that is hashed here.
    Hash { salt: Native, rounds: u32 },
}

/// A value that the mapping gives itself, ready to be made.
#[derive(Clone, Debug)]
pub(super) enum Generated {
    Literal(Value),
    Template(Template),
    Uuid,
    Now,
}

// === impl Line ===

impl Line {
    pub(super) fn writable(&self) -> bool {
        self.access != Access::ReadOnly
    }

    pub(super) fn readable(&self) -> bool {
        self.access != Access::WriteOnly
    }

    /// Whether its values are for the backend alone: RFC 7643 §9.2, whatever else the mapping says of them.
    pub(super) fn is_secret(&self) -> bool {
        self.path.urn.is_none() && self.path.name == "password"
    }

    /// Whether several natives hold its one value together.
    pub(super) fn is_composed(&self) -> bool {
        self.natives.len() > 1
    }

    pub(super) fn is_reference(&self) -> bool {
        matches!(self.conversion.how, How::Reference { .. })
    }

    /// Whether every value of the attribute is stored by this line, so that `rest` never holds one.
    pub(super) fn stores_all(&self) -> bool {
        let skips = matches!(self.conversion.how, How::Reference { on_missing: OnMissing::Skip, .. });
        self.element.is_none() && !skips
    }
}

// === impl Missing ===

impl Missing {
    /// What stands for no value beside these values.
    pub(super) fn beside(&self, record: &Record) -> Option<Value> {
        let held = |native: &Native| record.values.get(native)?.first()?.text();
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Composed(composed) => composed.text(held).map(Value::Text),
        }
    }

    /// The natives that it reads.
    pub(super) fn natives(&self) -> impl Iterator<Item = &Native> {
        let composed = match self {
            Self::Value(_) => None,
            Self::Composed(composed) => Some(composed),
        };
        composed.into_iter().flat_map(Composed::natives)
    }
}

// === impl Collection ===

impl Collection {
    /// The part that is a reference, in a collection of references (`members`, `groups`).
    pub(super) fn reference(&self) -> Option<&Part> {
        self.parts.iter().find(|part| matches!(part.conversion.how, How::Reference { .. }))
    }

    pub(super) fn is_simple(&self) -> bool {
        self.kind != Type::Complex
    }

    pub(super) fn part(&self, sub: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.sub == sub)
    }
}

// === impl ResourceMapping ===

impl ResourceMapping {
    /// The line that holds exactly this attribute or sub-attribute.
    pub(super) fn line(&self, path: &AttrPath) -> Option<&Line> {
        self.lines.iter().find(|line| line.element.is_none() && line.path == *path)
    }

    /// The lines by which values are written, copies among them.
    pub(super) fn written_lines(&self) -> impl Iterator<Item = &Line> + Clone {
        self.lines.iter().filter(|line| line.writable()).chain(&self.copies)
    }

    /// The collection of this attribute.
    pub(super) fn collection(&self, path: &AttrPath) -> Option<&Collection> {
        self.collections.iter().find(|c| c.path.urn == path.urn && c.path.name == path.name)
    }

    /// Whether a line or the mapping itself gives a new resource this native.
    pub(super) fn gives(&self, native: &Native) -> bool {
        let writes = |line: &Line| line.writable() && line.natives.contains(native);
        self.written_lines().any(writes)
            || self.initial.iter().chain(&self.stamps).any(|(known, _)| known == native)
    }

    /// The bits of this native that lines are about; 0 where they are about whole values.
    pub(super) fn bits(&self, native: &Native) -> i64 {
        self.lines.iter().fold(0, |bits, line| {
            match (&line.conversion.how, line.natives.iter().position(|known| known == native)) {
                (How::Codes(codes), Some(at)) => bits | codes.bits(at),
                _ => bits,
            }
        })
    }

    /// Whether `rest` may hold a part of this attribute (named without sub-attribute).
    pub(super) fn rest_may_hold(&self, path: &AttrPath) -> bool {
        let same = |other: &AttrPath| other.urn == path.urn && other.name == path.name;
        // What is read-only for every client never comes to be kept.
        if !self.has_rest || (path.urn.is_none() && path.name == "meta") {
            return false;
        }
        if let Some(collection) = self.collection(path) {
            return collection.reference().is_none();
        }
        let mut lines = self.lines.iter().filter(|line| same(&line.path)).peekable();
        lines.peek().is_none() || lines.any(|line| !line.stores_all() || line.path.sub.is_some())
    }
}

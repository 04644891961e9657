//! A database as it was found: its tables, and a sample of what stands in some of them.

use std::collections::BTreeMap;

use crate::plan::Value;

/// Rows of a table that a sample looks at, at most.
pub const SAMPLE_ROWS: usize = 10_000;
/// Different values of a column that a sample tells apart, at most.
pub const SAMPLE_VALUES: usize = 12;
/// Tables and views that are looked at, at most.
pub const TABLES: usize = 2_000;
/// Columns of all of them, at most.
pub const COLUMNS: usize = 50_000;

/// A database's tables and views.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// Whether it is SQLite, which numbers rows by itself and does not enforce lengths; else SQL Server.
    pub is_sqlite: bool,
    /// In the order of their names.
    pub tables: Vec<Table>,
}

/// A table or a view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// As a mapping names it: `schema.Name` outside the login's own schema.
    pub name: String,
    /// Whether it is a view, which promises nothing itself.
    pub is_view: bool,
    /// In their order.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in its order; none where there is none.
    pub primary: Vec<String>,
    /// Further sets of columns that tell rows apart.
    pub unique: Vec<Vec<String>>,
    /// Which columns lead to which other table.
    pub foreign_keys: Vec<ForeignKey>,
    /// What the database says of itself as text: in SQLite the table's and its triggers' statements.
    pub says: Vec<String>,
    /// Whether the login may INSERT, UPDATE and DELETE.
    pub is_writable: bool,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name as the database spells it.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// How much text goes in, where that is bounded: octets or units of UTF-16, as the type counts.
    pub longest: Option<usize>,
    /// Whether it takes NULL.
    pub is_nullable: bool,
    /// Whether the database itself gives its values.
    pub is_generated: bool,
    /// Whether it has a value when none is given.
    pub has_default: bool,
}

/// What a column holds, as far as a draft asks.
#[allow(missing_docs)] // the names say it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Text,
    Integer,
    Boolean,
    Instant,
    Date,
    Guid,
    /// A number that changes with every write by itself: ROWVERSION.
    Stamp,
    /// Octets, of which no id is made.
    Octets,
    Other,
}

/// Columns that lead to a row of another table, or of the same.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// The columns here.
    pub columns: Vec<String>,
    /// The table that they lead to.
    pub table: String,
    /// The columns there, in the same order.
    pub referenced: Vec<String>,
}

/// A table of which a sample is wanted, and which of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The table's name.
    pub table: String,
    /// Its columns, none twice.
    pub columns: Vec<String>,
}

/// What stands in tables, by their names.
pub type Seen = BTreeMap<String, Sample>;

/// Some rows of a table, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many rows were looked at.
    pub rows: usize,
    /// By column.
    pub columns: BTreeMap<String, Values>,
}

/// What stands in one column of a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// In how many rows something does.
    pub filled: usize,
    /// Different values and in how many rows each stands, the most frequent first; one more than
    /// [`SAMPLE_VALUES`] when there are more.
    pub most: Vec<(Value, usize)>,
}

// === impl Table ===

impl Table {
    /// A column by its name, whatever its case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Whether no two rows have the same here.
    pub fn is_unique(&self, columns: &[&str]) -> bool {
        let is = |known: &Vec<String>| {
            !known.is_empty()
                && known.iter().all(|name| columns.iter().any(|column| column.eq_ignore_ascii_case(name)))
        };
        is(&self.primary) || self.unique.iter().any(is)
    }

    /// Whether any row must have a value here that nobody but the mapping gives.
    pub fn must(&self, column: &Column) -> bool {
        !column.is_nullable && !column.is_generated && !column.has_default
    }
}

// === impl Values ===

impl Values {
    /// All its values, when there are few enough to be codes.
    pub fn codes(&self) -> Option<&[(Value, usize)]> {
        (self.most.len() <= SAMPLE_VALUES).then_some(self.most.as_slice())
    }
}

//! Where each resource type lives natively. Built once from a mapping; immutable afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{Key, PartRow, Predicate, Raised, Value};

/// A native name: a column of the resource's own table or an attribute of its own entry (`part` is
/// `None`), or a column of a look-up, or a column or an attribute of a part (`part` is its alias), or a column of a
/// child table (`part` is its name). A reference over several columns has one native, which stands for them all
/// ([`Table::links`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Native {
    /// The alias or the child table's name; `None` for the resource's own row or entry.
    pub part: Option<Arc<str>>,
    /// The column or the attribute, as the mapping spells it.
    pub name: Arc<str>,
}

/// A row of a child table, by column. A column that is NULL is absent.
pub type Row = BTreeMap<Arc<str>, Value>;

/// Every place that a mapping knows, by name: a resource type's name (`User`), or for the table of a
/// look-up and for the entries of a part, the type's name and the alias (`User.dept`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The places.
    pub entities: BTreeMap<Arc<str>, Entity>,
    /// What the numbers mean that a database's own procedures and triggers raise.
    pub raised: BTreeMap<u32, Raised>,
}

/// Where the resources of one type live.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Its key in [`Model::entities`].
    pub name: Arc<str>,
    /// The table or the entries.
    pub store: Store,
    /// Which natives hold references, and to which entities (by name), in the mapping's order.
    pub references: BTreeMap<Native, Vec<Arc<str>>>,
    /// Natives whose value no other resource of this type may have. SQL leaves it to the constraint,
    /// LDAP reads before it writes.
    pub unique: Vec<Native>,
    /// The native stamp that changes with every write (`RowVer`, `entryCSN`).
    pub version: Option<Native>,
    /// What DELETE does; the first rule that fits the row or the entry decides. Never empty.
    pub on_delete: Vec<DeleteRule>,
    /// Whether nothing is written to it but what the mapping's own functions ask for.
    pub read_only: bool,
    /// The entity with the same rows or entries and those that `only` hides: a value that must be unique must be
    /// free there too. `None` where nothing is hidden.
    pub unscoped: Option<Arc<str>>,
}

/// A table in a database, or entries in a directory.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// A row a resource.
    Table(Table),
    /// An entry a resource.
    Entries(Entries),
}

/// A table, and what hangs on its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The table's name; `schema.table` is two identifiers.
    pub name: Arc<str>,
    /// The key, whose values make the SCIM id.
    pub id: Key,
    /// Shared rows, read by their name, never changed.
    pub lookups: Vec<Lookup>,
    /// Rows of other tables that live and die with its own.
    pub parts: Vec<PartRow>,
    /// Collections in tables of their own.
    pub children: Vec<Child>,
    /// Where what no line stores is kept.
    pub rest: Option<SideDocument>,
    /// References over several columns, its own and child tables', by the native that stands for them; in the order of
    /// the key that they lead to.
    pub links: BTreeMap<Native, Key>,
    /// What stands in the columns of such a reference of its own that leads to nobody, where that is not NULL in all.
    pub nobody: BTreeMap<Native, Nobody>,
    /// The rows that exist for SCIM; no other is read, changed or deleted.
    pub only: Predicate,
    /// Which of its references are stored by another column than the key.
    pub stand_ins: BTreeMap<Native, StandIn>,
    /// Columns that are given the next number of a sequence at creation, where nothing else gives them a value, each
    /// with the sequence's name.
    pub sequences: Vec<(Arc<str>, Arc<str>)>,
    /// Columns of its own that clients say, none of the key or the version; those that nothing depends on come first.
    /// Where only what hangs on the row changes, one of them is written as it is, so that the version moves.
    pub writable: Vec<Arc<str>>,
}

/// A shared row, read by its name: `lookup("dept", "Department", "DeptId", "DeptId")`. Its own table is
/// the entity `<type>.<alias>` of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// What the mapping calls it; the `part` of its natives.
    pub alias: Arc<str>,
    /// The shared table.
    pub table: Arc<str>,
    /// The shared table's key.
    pub key: Key,
    /// The columns of the resource's own table that hold that key, in its order.
    pub foreign_key: Key,
    /// What happens when no shared row has the name that a client sent.
    pub on_missing: OnMissing,
    /// The shared rows that there are for this mapping; its natives are that table's own.
    pub only: Predicate,
    /// Values of a shared row that is inserted, beside its name.
    pub initial: Row,
}

/// What a reference over several columns is when it leads to nobody.
#[derive(Clone, Debug, PartialEq)]
pub struct Nobody {
    /// Column by column; `None` is NULL, or of a column of the row's own key whatever that holds.
    pub columns: Vec<Option<Value>>,
    /// Whether it is written too: the reference is not read-only.
    pub is_written: bool,
}

/// What happens when the row or resource that a value names does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// 400 `invalidValue` that names it.
    #[default]
    Reject,
    /// The shared row is inserted.
    Create,
    /// Not stored natively; it stays in `rest` where the mapping has one.
    Skip,
}

/// A collection in a table of its own: rows that carry the resource's key, or what stands in for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// The child table's name; the `part` of its natives.
    pub table: Arc<str>,
    /// Its columns that hold the resource's key, in its order; or its column that holds what stands in for it.
    pub foreign_key: Key,
    /// The column of the resource's own row that stands in for its key there.
    pub by: Option<Arc<str>>,
    /// Native-only values of each inserted row (`GrantedBy`), by column.
    pub initial: Row,
    /// The rows of that table that there are for this mapping; its natives are that table's own.
    pub only: Predicate,
}

/// A JSON document beside each row: `rest("UserScim", "UserId", "Doc")`. When `table` is the entity's
/// own table, the document is a column of the row itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SideDocument {
    /// The side table.
    pub table: Arc<str>,
    /// Its columns that hold the resource's key, in its order.
    pub key: Key,
    /// Its column that holds the document, as text.
    pub column: Arc<str>,
}

/// The entries of a directory below one base.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// The base DN, as configured. Searches cover its whole subtree; new entries stand right below it, or where the
    /// mapping says.
    pub base: String,
    /// The object classes of a new entry; an entry is of this type when it has them all.
    pub classes: Vec<String>,
    /// The naming attribute.
    pub rdn: Arc<str>,
    /// The attribute whose value is the SCIM id (`entryUUID`).
    pub id: Arc<str>,
    /// A value (a DN) that stands in an attribute which must not be empty, and is never shown.
    pub placeholder: Option<(Arc<str>, String)>,
    /// The attribute in which what no line stores is kept, as one text.
    pub rest: Option<Arc<str>>,
    /// The entries below the base that exist for SCIM; no other is read, changed or deleted.
    pub only: Predicate,
    /// Further entries, which live and die with it.
    pub parts: Vec<Part>,
    /// What is written along when one of its attributes is.
    pub copies: Vec<Copied>,
    /// Which of its references are stored by another attribute than the DN.
    pub stand_ins: BTreeMap<Native, StandIn>,
    /// Its attributes that are given a number of their own at creation, where nothing else gives them a value.
    pub counters: Vec<(Native, Counter)>,
}

/// One more entry that lives and dies with a resource's own: `part("posix", #{ dn, classes })`. Where such
/// entries are is the entity `<type>.<alias>` of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What the mapping calls it; the `part` of its natives.
    pub alias: Arc<str>,
    /// The value of its naming attribute.
    pub name: Composed,
    /// What the mapping itself gives a new one.
    pub initial: Vec<(Arc<str>, Initial)>,
}

/// A value of a new part that no client says.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// Always the same.
    Literal(Value),
    /// Made of what the resource's own entry holds.
    Composed(Composed),
    /// The next number.
    Counter(Counter),
}

/// An attribute that is written along with another one of the same resource, and never read.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    /// The attribute of the resource's own entry that decides it.
    pub of: Native,
    /// The attribute that is written: its own, or a part's.
    pub to: Native,
    /// Of references: what is written in place of their DN. Those of other types are left out.
    pub by: Option<StandIn>,
}

/// What is stored of the entries that are referred to, in place of their DN: `memberUid` holds a `uid`; or of the rows,
/// in place of their key.
#[derive(Clone, Debug, PartialEq)]
pub struct StandIn {
    /// The attribute of theirs: the value that names the entry, where this attribute does, else the first one. Of rows,
    /// the column.
    pub attribute: Arc<str>,
    /// Of which types (by name).
    pub types: Vec<Arc<str>>,
    /// Whether it is written here, and so follows a change of that attribute; else whoever writes it does.
    pub is_followed: bool,
}

/// A native that holds what stands in for entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held<'a> {
    /// The type that refers to them.
    pub owner: &'a Entity,
    /// Where it does.
    pub native: &'a Native,
    /// What it holds.
    pub by: &'a StandIn,
    /// Whether it is written along with the DNs, which another native holds.
    pub is_copy: bool,
}

/// An entry that holds the next free number in one attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    /// Its DN.
    pub dn: String,
    /// The attribute.
    pub attribute: Arc<str>,
}

/// A text made of literals and of what a resource's own entry holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Composed(pub Vec<Piece>);

/// A piece of a [`Composed`] text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// This.
    Literal(String),
    /// The first of these natives that has a value.
    FirstOf(Vec<Native>),
}

/// A rule of DELETE: for which rows or entries, and what is done then.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteRule {
    /// For those with all of these values; empty: for every one.
    pub rows: Row,
    /// What is done.
    pub how: OnDelete,
}

/// What DELETE does.
#[derive(Clone, Debug, PartialEq)]
pub enum OnDelete {
    /// Nothing: 403.
    Refuse,
    /// Children first, then the row; or the entry.
    Delete,
    /// It stays, disabled, with what hides it from SCIM.
    Disable(Disable),
    /// The entry is disabled and goes elsewhere.
    Move(Move),
}

/// How a row or an entry is disabled instead of being deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Disable {
    /// What makes of it an account that nobody can use, where the mapping has `active`.
    pub account: Vec<(Native, Disabled)>,
    /// What is written beside it, by column or attribute.
    pub values: Row,
}

/// Where an entry goes instead of being deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The DN of the entry that it will stand below: no resource's base holds it.
    pub to: String,
    /// What makes of it an account that nobody can use, where the mapping has `active`.
    pub disabled: Vec<(Native, Disabled)>,
}

/// What stands in an account that nobody can use.
#[derive(Clone, Debug, PartialEq)]
pub enum Disabled {
    /// This value, or none.
    Value(Option<Value>),
    /// These bits set, and these clear.
    Bits {
        /// The bits that are set.
        set: i64,
        /// The bits that are clear.
        clear: i64,
    },
}

// === impl DeleteRule ===

impl DeleteRule {
    /// A rule for every row or entry.
    pub fn always(how: OnDelete) -> Self {
        Self { rows: Row::new(), how }
    }
}

// === impl OnDelete ===

impl OnDelete {
    /// The DN that entries go below instead of being deleted.
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::Move(to) => Some(&to.to),
            Self::Refuse | Self::Delete | Self::Disable(_) => None,
        }
    }
}

// === impl Native ===

impl Native {
    /// A column or attribute of the resource itself.
    pub fn own(name: impl Into<Arc<str>>) -> Self {
        Self { part: None, name: name.into() }
    }

    /// A column of a look-up or of a child table.
    pub fn of(part: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { part: Some(part.into()), name: name.into() }
    }
}

impl fmt::Display for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "{part}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

// === impl Table, Child ===

impl Table {
    /// A table by itself, with this key.
    pub fn new(name: Arc<str>, id: Key) -> Self {
        Self {
            name,
            id,
            lookups: Vec::new(),
            parts: Vec::new(),
            children: Vec::new(),
            rest: None,
            links: BTreeMap::new(),
            nobody: BTreeMap::new(),
            only: Predicate::All,
            stand_ins: BTreeMap::new(),
            sequences: Vec::new(),
            writable: Vec::new(),
        }
    }

    /// The look-up with this alias.
    pub fn lookup(&self, alias: &str) -> Option<&Lookup> {
        self.lookups.iter().find(|lookup| &*lookup.alias == alias)
    }

    /// The part with this alias.
    pub fn part(&self, alias: &str) -> Option<&PartRow> {
        self.parts.iter().find(|part| &*part.alias == alias)
    }

    /// The columns that a native stands for: of a reference those that hold the key of what it leads to.
    pub fn columns(&self, native: &Native) -> Key {
        self.links.get(native).cloned().unwrap_or_else(|| Key::from(native.name.clone()))
    }

    /// By which of its columns, each with its value, a reference is known to lead to nobody although none of them is NULL;
    /// none where NULL alone says so.
    pub fn told_nobody(&self, native: &Native) -> Vec<(usize, &Value)> {
        let Some(nobody) = self.nobody.get(native) else { return Vec::new() };
        let key = self.columns(native);
        let is_null = |(column, value): (&Arc<str>, &Option<Value>)| value.is_none() && !self.id.has(column);
        match key.columns().iter().zip(&nobody.columns).any(is_null) {
            true => Vec::new(),
            false => nobody
                .columns
                .iter()
                .enumerate()
                .filter_map(|(at, value)| Some((at, value.as_ref()?)))
                .collect(),
        }
    }

    /// The name of the table that a native is a column of.
    pub fn place<'a>(&'a self, native: &'a Native) -> &'a str {
        match &native.part {
            None => &self.name,
            Some(alias) => {
                let part = self.part(alias).map(|part| &part.table);
                part.or_else(|| self.lookup(alias).map(|lookup| &lookup.table)).unwrap_or(alias)
            }
        }
    }

    /// The child table with this name.
    pub fn child(&self, table: &str) -> Option<&Child> {
        self.children.iter().find(|child| &*child.table == table)
    }
}

impl Child {
    /// Its columns that hold the resource's key; `None` where something else stands in for that.
    pub fn key(&self) -> Option<&Key> {
        Some(&self.foreign_key).filter(|_| self.by.is_none())
    }
}

// === impl Model ===

impl Model {
    /// The place with this name.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.get(name)
    }

    /// The names of all tables, as the mapping has them.
    pub fn tables(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for entity in self.entities.values() {
            let Store::Table(table) = &entity.store else { continue };
            names.insert(&table.name);
            names.extend(table.parts.iter().map(|part| &*part.table));
            names.extend(table.lookups.iter().map(|lookup| &*lookup.table));
            names.extend(table.children.iter().map(|child| &*child.table));
            names.extend(table.rest.iter().map(|rest| &*rest.table));
        }
        names
    }

    /// Where a native of this type is: the type's own place, or its part's.
    pub fn place_of(&self, entity: &Entity, native: &Native) -> Option<&Entity> {
        match &native.part {
            None => self.entity(&entity.name),
            Some(alias) => self.entity(&format!("{}.{alias}", entity.name)),
        }
    }

    /// All natives that hold what stands in for entries or rows, and follow it.
    pub fn held(&self) -> impl Iterator<Item = Held<'_>> {
        self.entities.values().flat_map(|owner| {
            let (stand_ins, copies) = match &owner.store {
                Store::Entries(entries) => (&entries.stand_ins, entries.copies.as_slice()),
                Store::Table(table) => (&table.stand_ins, &[][..]),
            };
            let copied = copies.iter().filter_map(|copy| Some((&copy.to, copy.by.as_ref()?, true)));
            let own = stand_ins.iter().map(|(native, by)| (native, by, false));
            let all = own.chain(copied).filter(|(_, by, _)| by.is_followed);
            all.map(move |(native, by, is_copy)| Held { owner, native, by, is_copy })
        })
    }

    /// Those that hold what stands in for entries of this type.
    pub fn holders<'a>(&'a self, referred: &'a str) -> impl Iterator<Item = Held<'a>> {
        self.held().filter(move |held| held.by.types.iter().any(|name| **name == *referred))
    }
}

// === impl Composed ===

impl Composed {
    /// The text, where every piece has one; `value` gives what a native holds.
    pub fn text(&self, value: impl Fn(&Native) -> Option<String>) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Literal(text) => Some(text.clone()),
            Piece::FirstOf(natives) => natives.iter().find_map(&value),
        };
        self.0.iter().map(text).collect()
    }

    /// The natives that it reads.
    pub fn natives(&self) -> impl Iterator<Item = &Native> {
        self.0.iter().flat_map(|piece| match piece {
            Piece::Literal(_) => &[][..],
            Piece::FirstOf(natives) => natives,
        })
    }
}

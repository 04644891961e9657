//! What is asked of a backend in native terms, what it is told of the state ([`Facts`]), and what a
//! search brings back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{AttributeChange, Links, Native, Param, Predicate, Row, Sequence, Value};

/// What a backend is asked to lower to a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Reading.
    Search(Search),
    /// A new row or entry.
    Create(Create),
    /// A change of one.
    Update(Update),
    /// The end of one.
    Delete(Delete),
}

/// A read of resources of one entity, in the order that its range says.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The entity's name.
    pub entity: Arc<str>,
    /// Which.
    pub predicate: Predicate,
    /// What of them.
    pub fields: Fields,
    /// How many.
    pub range: Range,
}

/// What a mapping reads and writes of the resources of one type, whatever it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Touched {
    /// The entity's name.
    pub entity: Arc<str>,
    /// Own natives, look-ups' and child tables'.
    pub read: BTreeSet<Native>,
    /// The same; what the mapping gives itself is among them.
    pub written: BTreeSet<Native>,
    /// What the mapping says of some of them.
    pub said: BTreeMap<Native, Said>,
}

/// What a mapping says of a native.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// In which line of its file; 0 when that is not known.
    pub line: usize,
    /// `max_len`, in the native type's unit.
    pub longest: Option<usize>,
}

/// What is read of each resource beside its id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Own natives, look-ups' and child tables'. A child table is read when one of its columns is named.
    pub natives: BTreeSet<Native>,
    /// Whether the document of `rest` is read.
    pub rest: bool,
    /// Natives of references whose values, where they are very many, may come as [`Record::links`].
    pub long: BTreeSet<Native>,
}

/// Which window of the ordered result. A backend without [`super::Profile::windows`] is only asked
/// with `offset` 0, without a total and in the order of the ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The order, and where it is entered.
    pub sequence: Sequence,
    /// How many to leave out first.
    pub offset: usize,
    /// How many to bring at the most. [`Found::more`] says whether there were more.
    pub limit: usize,
    /// Whether [`Found::total`] is wanted: how many the predicate has, wherever the window begins.
    pub total: bool,
}

/// What a search brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The resources.
    pub records: Vec<Record>,
    /// How many there are in all, when it was asked for.
    pub total: Option<usize>,
    /// Whether there are more than the range's limit.
    pub more: bool,
}

/// A resource's native side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The SCIM id in its canonical form; empty before a create, unless the mapping itself gives it.
    pub id: String,
    /// LDAP: the entry's DN as the server wrote it. `None` on SQL and before a create.
    pub dn: Option<String>,
    /// LDAP: the naming attribute's value that the mapping's template gives. `None` on SQL and when read.
    pub rdn: Option<String>,
    /// LDAP: the DN of the entry above it, where the mapping says so. `None` on SQL and when read.
    pub parent: Option<String>,
    /// Values by name, own and look-ups'. Absent: no value.
    pub values: BTreeMap<Native, Vec<Value>>,
    /// Rows of child tables, by table.
    pub children: BTreeMap<Arc<str>, Vec<Row>>,
    /// The document of `rest`, JSON text.
    pub rest: Option<String>,
    /// References that are very many, of natives that have no `values` then. Only where [`Fields::long`] allows it.
    pub links: BTreeMap<Native, Links>,
    /// Of a search that sorts: what stands at this place of the order, to go on behind it ([`super::Mark`]).
    pub key: Option<Value>,
}

/// A new resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// The entity's name.
    pub entity: Arc<str>,
    /// All that is written, native-only values included.
    pub record: Record,
    /// What the mapping's own function adds.
    pub hooks: Vec<HookStep>,
}

/// A change of an existing resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The entity's name.
    pub entity: Arc<str>,
    /// Which resource.
    pub id: String,
    /// What changes.
    pub changes: Changes,
    /// The native stamp ([`super::Entity::version`]) that was read before the change was computed; the
    /// write is a conflict when it is no longer so. `None` for a change that was computed without a read.
    pub version: Option<Value>,
    /// What the mapping's own function adds.
    pub hooks: Vec<HookStep>,
}

/// The end of a resource, by the entity's `on_delete`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// The entity's name.
    pub entity: Arc<str>,
    /// Which resource.
    pub id: String,
    /// As in [`Update`]; `None` where no read decided it.
    pub version: Option<Value>,
    /// What the mapping gives at each change, for a row or an entry that stays.
    pub stamps: BTreeMap<Native, Value>,
    /// What the mapping's own function adds.
    pub hooks: Vec<HookStep>,
}

/// A step that a mapping's own function (`plan_create`, `plan_update`, `plan_delete`) asks for; they come after what
/// is done anyway, of a deletion before it, in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum HookStep {
    /// A stored procedure is called.
    Exec {
        /// Its name.
        procedure: String,
        /// By name; NULL too is said.
        arguments: Vec<(String, Param)>,
        /// OUTPUT parameters, each with the name that later steps know it by.
        outputs: Vec<(String, Arc<str>)>,
        /// Columns of the one row of its result set, the same.
        columns: Vec<(String, Arc<str>)>,
    },
    /// A statement, whose text stands word for word in the mapping; each `?` is a parameter.
    Statement {
        /// The text.
        text: String,
        /// The parameters, in order.
        params: Vec<Param>,
        /// The names that later steps know the columns of the row by that it returns.
        outputs: Vec<Arc<str>>,
    },
    /// An entry is changed.
    Modify {
        /// Its DN.
        dn: String,
        /// What of it.
        changes: Vec<AttributeChange>,
    },
    /// The new resource's id: the value of each column of its key.
    Id(Vec<Param>),
}

/// What changes in a resource. Empty: nothing is written at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// By native name, own and look-ups'.
    pub values: BTreeMap<Native, Change>,
    /// By child table.
    pub children: BTreeMap<Arc<str>, RowChanges>,
    /// LDAP: the naming attribute's new value.
    pub rdn: Option<String>,
    /// LDAP: the DN of the entry above it, when that changes.
    pub parent: Option<String>,
    /// The new document of `rest`: `Some(None)` removes it, `None` leaves it.
    pub rest: Option<Option<String>>,
    /// SQL: what a part gets beside what changes in it, should its row not be there yet. By itself it is no change.
    pub initial: BTreeMap<Native, Value>,
}

/// A change of one native's values, value by value: on LDAP a delete and an add in one modify (and so
/// a compare-and-swap), on SQL the column's new value (the first of `add`, or NULL).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Values that go.
    pub remove: Vec<Value>,
    /// Values that come.
    pub add: Vec<Value>,
    /// True for a delta that was computed without a read: removing what is absent and adding what is
    /// present are no errors.
    pub repeatable: bool,
}

/// A change of a child table's rows. Adding a row that exists and removing one that does not are no
/// errors. A removed row is named by the columns given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowChanges {
    /// Rows that go; first.
    pub remove: Vec<Row>,
    /// Rows that come.
    pub add: Vec<Row>,
    /// True for a delta that was computed without a read: it may find all as it should be, and then the
    /// resource's own values, which are stamps, stay too.
    pub repeatable: bool,
}

/// What is known of the backend's state: searches that were run, with what they found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    known: Vec<(Search, Found)>,
    by_id: HashMap<(Arc<str>, String), Option<Record>>,
    /// Of records by id, which natives were read.
    read: HashSet<(Arc<str>, String, Native)>,
    /// How often the loop of needs, plan and execution ended in a conflict before; 0 at first. A
    /// `lower` may ask for more when it is not 0.
    pub attempt: u32,
}

// === impl Search ===

impl Search {
    /// Which of these ids exist: no fields, only ids (and DNs).
    pub fn existing(entity: &Arc<str>, ids: Vec<String>) -> Self {
        let limit = ids.len();
        Self {
            entity: entity.clone(),
            predicate: Predicate::Id(ids),
            fields: Fields::default(),
            range: Range::first(limit),
        }
    }
}

// === impl Touched ===

impl Touched {
    /// A search for the first resources of the type that reads all that is ever read.
    pub fn search(&self, limit: usize) -> Search {
        Search {
            entity: self.entity.clone(),
            predicate: Predicate::All,
            fields: Fields { natives: self.read.clone(), ..Fields::default() },
            range: Range::first(limit),
        }
    }

    /// Where the mapping names a native, for the end of a sentence.
    pub fn place(&self, native: &Native) -> String {
        match self.said.get(native) {
            Some(said) if said.line > 0 => format!(" (line {} of the mapping)", said.line),
            _ => String::new(),
        }
    }

    /// How long the mapping lets its values be.
    pub fn longest(&self, native: &Native) -> Option<usize> {
        self.said.get(native)?.longest
    }

    /// All that the backend must have.
    pub fn natives(&self) -> impl Iterator<Item = &Native> {
        self.read.union(&self.written)
    }
}

// === impl Fields ===

impl Fields {
    /// And these.
    pub fn add(&mut self, other: Self) {
        self.natives.extend(other.natives);
        self.rest |= other.rest;
        self.long.extend(other.long);
    }
}

// === impl Range ===

impl Range {
    /// The first `limit`, without a total.
    pub fn first(limit: usize) -> Self {
        Self { sequence: Sequence::default(), offset: 0, limit, total: false }
    }
}

// === impl Found ===

impl Found {
    /// And what another part of the same search brought.
    pub fn add(&mut self, other: Self) {
        self.records.extend(other.records);
        self.total = match (self.total, other.total) {
            (Some(one), Some(more)) => Some(one + more),
            (one, more) => one.or(more),
        };
        self.more |= other.more;
    }
}

// === impl Changes ===

impl Changes {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        let stays = self.rdn.is_none() && self.parent.is_none();
        self.values.is_empty() && self.children.is_empty() && stays && self.rest.is_none()
    }
}

// === impl Facts ===

impl Facts {
    /// Nothing known yet, at this attempt.
    pub fn at(attempt: u32) -> Self {
        Self { attempt, ..Self::default() }
    }

    /// What this search found, when it was run.
    pub fn get(&self, search: &Search) -> Option<&Found> {
        self.known.iter().find(|(known, _)| known == search).map(|(_, found)| found)
    }

    /// What is known of the resource with this id: `None`, nothing yet; `Some(None)`, it does not exist.
    /// Every search by id that was run counts, whatever fields it read.
    pub fn by_id(&self, entity: &Arc<str>, id: &str) -> Option<Option<&Record>> {
        self.by_id.get(&(entity.clone(), id.to_owned())).map(Option::as_ref)
    }

    /// What the resource with this id holds of a native: `None` when it was not read.
    pub fn held(&self, entity: &Arc<str>, id: &str, native: &Native) -> Option<&[Value]> {
        let key = (entity.clone(), id.to_owned());
        let record = self.by_id.get(&key)?.as_ref();
        let was_read = self.read.contains(&(key.0, key.1, native.clone()));
        let values = record.and_then(|record| record.values.get(native));
        was_read.then(|| values.map(Vec::as_slice).unwrap_or_default())
    }

    /// Adds what a search found.
    pub fn add(&mut self, search: Search, found: Found) {
        if let Predicate::Id(ids) = &search.predicate {
            let mut records: HashMap<&str, &Record> =
                found.records.iter().map(|r| (r.id.as_str(), r)).collect();
            for id in ids {
                let record = records.remove(id.as_str()).cloned();
                let key = (search.entity.clone(), id.clone());
                let read = search.fields.natives.iter();
                self.read.extend(read.map(|native| (key.0.clone(), key.1.clone(), native.clone())));
                let known = self.by_id.insert(key.clone(), record).flatten();
                if let (Some(known), Some(Some(record))) = (known, self.by_id.get_mut(&key)) {
                    known.values.into_iter().for_each(|(native, values)| {
                        record.values.entry(native).or_insert(values);
                    });
                }
            }
        }
        self.known.push((search, found));
    }
}

//! What an examination of a database says of one resource type, from what was seen of its tables: whether all that the
//! mapping names is there, and whether the database promises what the mapping relies on. Pure; who looks at the tables,
//! and what only one kind of database can tell, is `sqlite`'s and `sqlserver`'s affair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::select::table_of;
use crate::backend::finding::{Finding, Findings};
use crate::plan::{Entity, Key, Model, Native, PartRow, Predicate, Table, Test, Touched};

/// A table as the database has it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Its columns, in lower case; none when there is no such table.
    pub columns: BTreeSet<String>,
    /// Those that somebody has to write, as the database spells them: neither generated nor of the key.
    pub written: Vec<String>,
    /// The columns of the key and of each index in their order, in lower case, and whether no two rows have the same there.
    pub indexes: Vec<(Vec<String>, bool)>,
    pub is_view: bool,
}

/// What is looked at of one resource type.
pub(super) struct Examiner<'a> {
    pub model: &'a Model,
    pub touched: &'a Touched,
    pub entity: &'a Entity,
    pub table: &'a Table,
    /// Every table that the model names ([`Model::tables`]).
    pub seen: &'a BTreeMap<String, Seen>,
    pub findings: &'a mut Findings,
}

/// Whether an index finds each of these, from what was seen of their tables.
pub(super) fn indexes(
    table: &Table,
    compared: &BTreeSet<Native>,
    seen: &BTreeMap<String, Seen>,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    for native in compared {
        let (name, columns) = (table.place(native), table.columns(native));
        match seen.get(name) {
            Some(seen) if seen.is_view => {
                findings
                    .note(format!("{name} is a view: the indexes of what is behind it count for {columns}"));
            }
            Some(seen) if seen.finds(&lowered(&columns)) => {
                findings.good(format!("an index of {name} begins with {columns}"));
            }
            Some(seen) if !seen.columns.is_empty() => {
                findings
                    .note(format!("no index of {name} begins with {columns}: all of its rows are looked at"));
            }
            _ => findings.wrong(format!("there is no table {name}, or it may not be seen")),
        }
    }
    findings.all()
}

/// The tables that these stand in.
pub(super) fn places(table: &Table, compared: &BTreeSet<Native>) -> BTreeSet<String> {
    compared.iter().map(|native| table.place(native).to_owned()).collect()
}

/// The columns of a key, names in lower case.
pub(super) fn lowered(key: &Key) -> BTreeSet<String> {
    key.columns().iter().map(|column| column.to_lowercase()).collect()
}

// === impl Examiner ===

impl Examiner<'_> {
    pub(super) fn wrong(&mut self, text: String) {
        self.findings.wrong(format!("{}: {text}", self.entity.name));
    }

    pub(super) fn note(&mut self, text: String) {
        self.findings.note(format!("{}: {text}", self.entity.name));
    }

    /// What was seen of a table of the model.
    pub(super) fn of(&self, table: &str) -> Option<&Seen> {
        self.seen.get(table)
    }

    /// Whether every table and column is there that the mapping names; `unseen` is what else it may be when not.
    pub(super) fn is_there(&mut self, unseen: &str) -> bool {
        let before = self.findings.len();
        for (name, columns) in self.needed() {
            match self.seen.get(&name).filter(|seen| !seen.columns.is_empty()) {
                None => self.wrong(format!("there is no table {name}{unseen}")),
                Some(seen) => {
                    let lacks = |column: &&String| !seen.columns.contains(&column.to_lowercase());
                    for column in columns.iter().filter(lacks) {
                        self.wrong(format!("the table {name} has no column {column}"));
                    }
                }
            }
        }
        self.findings.len() == before
    }

    /// Values that are said to be unique, and are not by what the database promises. What every row of this mapping has
    /// (`only`) may be a part of the promise: a tenant.
    pub(super) fn unique(&mut self) {
        for native in &self.entity.unique {
            let (name, only) = match native.part.as_ref().map(|alias| self.table.part(alias)) {
                None => (&self.table.name, &self.table.only),
                Some(Some(part)) => (&part.table, &part.only),
                Some(None) => continue,
            };
            if self
                .of(name)
                .is_some_and(|seen| !seen.tells_apart(&lowered(&self.table.columns(native)), only))
            {
                let place = self.touched.place(native);
                self.wrong(format!(
                    "{native} is said to be unique, and no UNIQUE constraint of {name} says so: two requests at one time \
                     could both take a value{place}"
                ));
            }
        }
    }

    /// Whether what stands in for rows tells them apart.
    pub(super) fn stand_ins(&mut self) {
        let Some(seen) = self.seen.get(&*self.table.name) else { return };
        let own = self.table.children.iter().filter_map(|child| child.by.as_deref());
        let held = self.model.holders(&self.entity.name).map(|held| &*held.by.attribute);
        let columns: BTreeSet<&str> = held.chain(own).collect();
        for column in columns.into_iter().filter(|column| !seen.is_unique(column, &self.table.only)) {
            self.wrong(format!(
                "references by {column} would mean several, for no UNIQUE constraint of {} is about it",
                self.table.name
            ));
        }
    }

    /// Whether a part's row is one, and whether of one that keeps history nothing would be lost from row to row.
    pub(super) fn parts(&mut self) {
        for part in &self.table.parts {
            match (self.seen.get(&*part.table), &part.dated) {
                (None, _) => {}
                (Some(seen), None) if !seen.tells_apart(&lowered(&part.key), &part.only) => {
                    self.wrong(format!(
                        "no UNIQUE constraint of {} says that there is one row for a {}: with two of them it would be \
                         there twice",
                        part.table, part.key
                    ));
                }
                (Some(_), None) => {}
                (Some(seen), Some(_)) => self.history(part, seen),
            }
        }
    }

    fn history(&mut self, part: &PartRow, seen: &Seen) {
        let Some(dated) = &part.dated else { return };
        let mut promised = lowered(&part.key);
        promised.extend([&dated.date, &dated.seq].map(|name| name.to_lowercase()));
        if !seen.tells_apart(&promised, &part.only) {
            self.wrong(format!(
                "no UNIQUE constraint of {} says that {}, {} and {} tell its rows apart",
                part.table, part.key, dated.date, dated.seq
            ));
        }
        let is_known = |column: &str| {
            promised.iter().any(|known| known.eq_ignore_ascii_case(column))
                || dated.kept.iter().any(|known| known.eq_ignore_ascii_case(column))
        };
        let lost: Vec<&str> =
            seen.written.iter().map(String::as_str).filter(|column| !is_known(column)).collect();
        if !lost.is_empty() {
            self.wrong(format!(
                "a change would insert a row of {} without {}: name what is to be kept, .dated({:?}, {:?}, {:?}, {lost:?})",
                part.table,
                lost.join(", "),
                part.alias,
                dated.date,
                dated.seq
            ));
        }
    }

    /// Whether an id is one row's.
    pub(super) fn id(&mut self) {
        let is_several =
            |seen: &Seen| !seen.is_view && !seen.tells_apart(&lowered(&self.table.id), &self.table.only);
        if self.of(&self.table.name).is_some_and(is_several) {
            self.wrong(format!(
                "the id is made of {}, and no key or UNIQUE constraint of {} says that two rows cannot have the same",
                self.table.id, self.table.name
            ));
        }
    }

    /// Whether child rows are found by an index.
    pub(super) fn children(&mut self) {
        for child in &self.table.children {
            if self.of(&child.table).is_some_and(|seen| !seen.finds(&lowered(&child.foreign_key))) {
                self.note(format!(
                    "no index of {} begins with {}: each read goes through the whole table",
                    child.table, child.foreign_key
                ));
            }
        }
    }

    /// Tables with the columns that the mapping names.
    fn needed(&self) -> BTreeMap<String, BTreeSet<String>> {
        let (table, entity) = (self.table, self.entity);
        let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut need = |table: &str, column: &str| {
            needed.entry(table.to_owned()).or_default().insert(column.to_owned());
        };
        let mut need_all =
            |table: &str, key: &Key| key.columns().iter().for_each(|column| need(table, column));
        need_all(&table.name, &table.id);
        for lookup in &table.lookups {
            need_all(&table.name, &lookup.foreign_key);
            need_all(&lookup.table, &lookup.key);
        }
        for child in &table.children {
            need_all(&child.table, &child.foreign_key);
            child.by.iter().for_each(|by| need_all(&table.name, &Key::from(by.clone())));
        }
        for part in &table.parts {
            need_all(&part.table, &part.key);
        }
        if let Some(rest) = &table.rest {
            need_all(&rest.table, &rest.key);
            need(&rest.table, &rest.column);
        }
        for child in &table.children {
            child.initial.keys().for_each(|column| need(&child.table, column));
            child.only.natives().into_iter().for_each(|native| need(&child.table, &native.name));
        }
        for lookup in &table.lookups {
            lookup.only.natives().into_iter().for_each(|native| need(&lookup.table, &native.name));
        }
        for part in &table.parts {
            part.only.natives().into_iter().for_each(|native| need(&part.table, &native.name));
            part.sequences.iter().for_each(|(column, _)| need(&part.table, column));
            if let Some(dated) = &part.dated {
                let columns = [&dated.date, &dated.seq].into_iter().chain(&dated.kept);
                columns.for_each(|column| need(&part.table, column));
            }
        }
        for (native, by) in &table.stand_ins {
            for referred in entity.references.get(native).into_iter().flatten() {
                if let Ok((_, referred)) = table_of(self.model, referred) {
                    need(&referred.name, &by.attribute);
                }
            }
        }
        for native in self.touched.natives().chain(&entity.version) {
            let place = table.place(native);
            table.columns(native).columns().iter().for_each(|column| need(place, column));
        }
        needed
    }
}

// === impl Seen ===

impl Seen {
    /// Whether an index finds the rows that have these values.
    pub(super) fn finds(&self, columns: &BTreeSet<String>) -> bool {
        let begins = |index: &[String]| {
            let first: BTreeSet<String> = index.iter().take(columns.len()).cloned().collect();
            first == *columns
        };
        self.indexes.iter().any(|(index, _)| begins(index))
    }

    /// Whether no two rows that there are for this mapping have the same values of these.
    fn tells_apart(&self, columns: &BTreeSet<String>, only: &Predicate) -> bool {
        let constant: BTreeSet<String> = constants(only).iter().map(|name| name.to_lowercase()).collect();
        let is_said = |column: &String| columns.contains(column) || constant.contains(column);
        let is_promised = |index: &[String]| !index.is_empty() && index.iter().all(is_said);
        self.indexes.iter().any(|(index, is_unique)| *is_unique && is_promised(index))
    }

    fn is_unique(&self, column: &str, only: &Predicate) -> bool {
        self.tells_apart(&BTreeSet::from([column.to_lowercase()]), only)
    }
}

/// The columns that have one value in all rows that `only` leaves.
fn constants(only: &Predicate) -> Vec<Arc<str>> {
    match only {
        Predicate::And(terms) => terms.iter().flat_map(constants).collect(),
        Predicate::Test(native, Test::Equals(..)) => vec![native.name.clone()],
        _ => Vec::new(),
    }
}

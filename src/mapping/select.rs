//! Which natives an answer needs: projection, pushed down.

use std::collections::BTreeSet;

use super::Mapping;
use super::line::{Collection, How, Line, Missing, ResourceMapping};
use crate::plan::{DeleteRule, Fields, Native, OnDelete, Predicate, Said, Store, Touched};
use crate::scim::filter::Filter;
use crate::scim::path::AttrPath;

impl Mapping {
    /// All natives that are ever read or written, type by type.
    pub fn touched(&self) -> Vec<Touched> {
        self.resources().iter().map(|of| self.touched_by(of)).collect()
    }

    fn touched_by(&self, of: &ResourceMapping) -> Touched {
        let (mut read, mut written) = (of.fields(&|_| true).natives, of.written());
        if let Some(entity) = self.model().entity(&of.entity) {
            read.extend(entity.version.clone());
            match &entity.store {
                Store::Table(table) => tested(&table.only, &mut read),
                Store::Entries(entries) => {
                    tested(&entries.only, &mut read);
                    written.extend(entries.copies.iter().map(|copy| copy.to.clone()));
                    written.extend(entries.counters.iter().map(|(native, _)| native.clone()));
                    // Those of further entries are these entries' own affair.
                    written.retain(|native| native.part.is_none());
                }
            }
            for DeleteRule { rows, how } in &entity.on_delete {
                read.extend(rows.keys().cloned().map(Native::own));
                if let OnDelete::Disable(disable) = how {
                    let ends = disable.values.keys().chain(&disable.moments);
                    written.extend(ends.cloned().map(Native::own));
                }
            }
        }
        let own = of
            .lines
            .iter()
            .flat_map(|line| line.natives.iter().map(|native| (native.clone(), &line.conversion)));
        let parts = of.collections.iter().flat_map(|collection| {
            let native = |column: &std::sync::Arc<str>| Native::of(collection.table.clone(), column.clone());
            collection.parts.iter().map(move |part| (native(&part.column), &part.conversion))
        });
        let said = own
            .chain(parts)
            .map(|(native, conversion)| (native, Said { line: conversion.at, longest: conversion.max_len }));
        Touched { entity: of.entity.clone(), read, written, said: said.collect() }
    }
}

impl ResourceMapping {
    /// The natives behind the attributes that are wanted.
    pub fn fields(&self, wants: &dyn Fn(&AttrPath) -> bool) -> Fields {
        let mut natives = BTreeSet::new();
        for line in self.lines.iter().filter(|line| line.readable() && wants(&line.attribute())) {
            natives.extend(line.natives.iter().cloned());
            natives.extend(line.conversion.missing.iter().flat_map(Missing::natives).cloned());
        }
        for collection in self.collections.iter().filter(|collection| wants(&collection.path)) {
            natives.extend(collection.natives());
        }
        Fields { natives, rest: self.has_rest && self.rest_is_wanted(wants), ..Fields::default() }
    }

    /// The attributes that can be read in pieces, each with its native: those of one line, which is nothing but
    /// references. A person's `groups` are none of them: what may be very many is read one at a time, and the look-ups
    /// of people, the most frequent requests of all, must not wait for each other.
    pub fn long(&self) -> impl Iterator<Item = (&AttrPath, &Native)> {
        self.lines.iter().filter_map(|line| {
            let [native] = line.natives.as_slice() else { return None };
            let is_plain = line.many && line.is_reference() && line.element.is_none() && line.readable();
            let is_core = line.path.urn.is_none() && line.path.sub.is_none() && native.part.is_none();
            let is_back_link = line.path.name == "groups";
            let of_it = |other: &&Line| other.path.name == line.path.name || other.natives.contains(native);
            let is_alone = self.lines.iter().filter(of_it).count() == 1 && !self.rest_may_hold(&line.path);
            (is_plain && is_core && !is_back_link && is_alone).then_some((&line.path, native))
        })
    }

    /// The natives that lines write, and those that the mapping gives values itself.
    fn written(&self) -> BTreeSet<Native> {
        let mut written = BTreeSet::new();
        for line in self.written_lines() {
            written.extend(line.natives.iter().cloned());
            if let How::Hash { salt, .. } = &line.conversion.how {
                written.insert(salt.clone());
            }
        }
        for collection in self.collections.iter().filter(|collection| !collection.read_only) {
            written.extend(collection.natives());
        }
        written.extend(self.initial.iter().chain(&self.stamps).map(|(native, _)| native.clone()));
        written
    }

    /// The natives that the evaluation of a filter needs.
    pub fn fields_of_filter(&self, filter: &Filter) -> Fields {
        let mut named = BTreeSet::new();
        attributes(filter, &mut named);
        // Which schemas a resource has follows from its data.
        let of_extensions = named.contains(&AttrPath::attribute("schemas"));
        let names = |path: &AttrPath| {
            (of_extensions && path.urn.is_some())
                || named.iter().any(|other| other.urn == path.urn && other.name == path.name)
        };
        self.fields(&names)
    }

    /// Whether an attribute consists of references and nothing else (`members`, `groups`).
    pub fn holds_links(&self, path: &AttrPath) -> bool {
        let line = |line: &&Line| line.many && line.is_reference() && line.path == *path;
        self.lines.iter().find(line).is_some()
            || self.collection(path).is_some_and(|c| c.reference().is_some())
    }

    /// Whether the mapping keeps `rest` and one of the attributes that it may hold is wanted.
    fn rest_is_wanted(&self, wants: &dyn Fn(&AttrPath) -> bool) -> bool {
        let paths = self.resource_type.attributes().map(|(urn, attribute)| AttrPath {
            urn: urn.map(str::to_owned),
            name: attribute.name.clone(),
            sub: None,
        });
        let common = AttrPath { urn: None, name: "externalId".to_owned(), sub: None };
        paths.chain([common]).any(|path| wants(&path) && self.rest_may_hold(&path))
    }
}

/// The natives that a condition is about.
fn tested(predicate: &Predicate, into: &mut BTreeSet<Native>) {
    match predicate {
        Predicate::And(terms) | Predicate::Or(terms) => terms.iter().for_each(|term| tested(term, into)),
        Predicate::Not(inner) | Predicate::Child(_, inner) => tested(inner, into),
        Predicate::Test(native, _) => _ = into.insert(native.clone()),
        Predicate::All | Predicate::Nothing | Predicate::Id(_) | Predicate::Entry(_) => {}
    }
}

/// Every attribute that a filter names, without sub-attributes.
fn attributes(filter: &Filter, into: &mut BTreeSet<AttrPath>) {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().for_each(|term| attributes(term, into)),
        Filter::Not(inner) => attributes(inner, into),
        Filter::Present { path, .. } | Filter::Compare { path, .. } | Filter::ValuePath { path, .. } => {
            into.insert(path.without_sub());
        }
    }
}

// === impl Line, Collection ===

impl Line {
    /// The attribute, without sub-attribute.
    pub(super) fn attribute(&self) -> AttrPath {
        self.path.without_sub()
    }
}

impl Collection {
    fn natives(&self) -> impl Iterator<Item = Native> {
        self.parts.iter().map(|part| Native::of(self.table.clone(), part.column.clone()))
    }
}

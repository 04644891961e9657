//! What a plan must know first: the DN of the entry itself, the DNs of those that it refers to, whether a
//! unique value is free. Gathered, so that one round of reads answers all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backend::{Failure, Lowered};
use crate::plan::{
    Case, Entity, Facts, Fields, Model, Native, Predicate, Range, Record, Reference, Search, Step, Test,
    Value,
};

use crate::backend::ldap::search::targets;
use crate::backend::ldap::value::Dns;

/// What is not known yet, of what was asked so far.
pub(super) struct Needs<'a> {
    model: &'a Model,
    entity: &'a Entity,
    facts: &'a Facts,
    ids: BTreeMap<Arc<str>, BTreeSet<String>>,
    searches: Vec<Search>,
}

/// The DN of a record that a read gave.
pub(super) fn dn(record: Option<&Record>) -> Result<String, Failure> {
    let dn = record.and_then(|record| record.dn.clone());
    dn.ok_or_else(|| Failure::Internal("a fact about an entry holds no DN".to_owned()))
}

// === impl Needs ===

impl<'a> Needs<'a> {
    pub(super) fn new(model: &'a Model, entity: &'a Entity, facts: &'a Facts) -> Self {
        Self { model, entity, facts, ids: BTreeMap::new(), searches: Vec::new() }
    }

    /// The entry itself; `None` when it must be read first, [`Failure::NotFound`] when there is none.
    pub(super) fn record(&mut self, id: &str) -> Result<Option<&'a Record>, Failure> {
        match self.facts.by_id(&self.entity.name, id) {
            Some(Some(record)) => Ok(Some(record)),
            Some(None) => Err(Failure::NotFound(format!("no {} has the id {id:?}", self.entity.name))),
            None => {
                self.searches.push(Search::existing(&self.entity.name, vec![id.to_owned()]));
                Ok(None)
            }
        }
    }

    /// The DNs of references; those that must be looked up first are left out.
    pub(super) fn dns<'r>(
        &mut self,
        references: impl IntoIterator<Item = (&'r Native, &'r Reference)>,
    ) -> Dns {
        let mut dns = Dns::new();
        for (native, reference) in references {
            if let Some(dn) = self.dn(native, reference) {
                dns.insert(reference.clone(), dn);
            }
        }
        dns
    }

    /// The DN; `Some(None)` when nothing has that id, `None` when it must be looked up first.
    fn dn(&mut self, native: &Native, reference: &Reference) -> Option<Option<String>> {
        let mut unknown = false;
        for target in targets(self.entity, native) {
            if reference.resource.as_ref().is_some_and(|name| **name != **target) {
                continue;
            }
            match self.facts.by_id(target, &reference.id) {
                Some(Some(record)) => return Some(record.dn.clone()),
                Some(None) => {}
                None if self.model.entity(target).is_some() => {
                    self.ids.entry(target.clone()).or_default().insert(reference.id.clone());
                    unknown = true;
                }
                None => {}
            }
        }
        if unknown { None } else { Some(None) }
    }

    /// [`Failure::Uniqueness`] when another entry than `own` has one of these values.
    pub(super) fn unique(&mut self, native: &Native, values: &[Value], own: &str) -> Result<(), Failure> {
        for value in values.iter().filter(|value| value.text().is_some_and(|text| !text.is_empty())) {
            let predicate = Predicate::Test(native.clone(), Test::Equals(value.clone(), Case::Folded));
            let found = self.search(predicate, 2);
            if found.is_some_and(|records| records.iter().any(|record| record.id != own)) {
                return Err(Failure::Uniqueness(format!("{native} of another {}", self.entity.name)));
            }
        }
        Ok(())
    }

    /// Whether the entry with this id has this value; `None` when it must be asked first. Only the
    /// directory looks at the values: they may be many.
    pub(super) fn holds(&mut self, id: &str, native: &Native, value: &Value) -> Option<bool> {
        let test = Predicate::Test(native.clone(), Test::Equals(value.clone(), Case::Folded));
        let predicate = Predicate::And(vec![Predicate::Id(vec![id.to_owned()]), test]);
        self.search(predicate, 1).map(|records| !records.is_empty())
    }

    /// The entry with what it holds of a native; `None` when it must be read first.
    pub(super) fn held(&mut self, id: &str, native: &Native) -> Option<Option<&'a Record>> {
        let fields = Fields { natives: BTreeSet::from([native.clone()]), ..Fields::default() };
        let found = self.read(Predicate::Id(vec![id.to_owned()]), fields, 1);
        found.map(<[Record]>::first)
    }

    fn search(&mut self, predicate: Predicate, limit: usize) -> Option<&'a [Record]> {
        self.read(predicate, Fields::default(), limit)
    }

    fn read(&mut self, predicate: Predicate, fields: Fields, limit: usize) -> Option<&'a [Record]> {
        let search =
            Search { entity: self.entity.name.clone(), predicate, fields, range: Range::first(limit) };
        if let Some(found) = self.facts.get(&search) {
            return Some(&found.records);
        }
        self.searches.push(search);
        None
    }

    /// The steps, when everything is known; else what is needed.
    pub(super) fn or_else(
        self,
        steps: impl FnOnce() -> Result<Vec<Step>, Failure>,
    ) -> Result<Lowered, Failure> {
        let existing = |(entity, ids): (&Arc<str>, &BTreeSet<String>)| {
            Search::existing(entity, ids.iter().cloned().collect())
        };
        let needed: Vec<Search> = self.ids.iter().map(existing).chain(self.searches).collect();
        if needed.is_empty() { steps().map(super::plan) } else { Ok(Lowered::Need(needed)) }
    }
}

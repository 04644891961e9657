//! What a plan must know first: the DN of the entry itself, the DNs of those that it refers to, whether a
//! unique value is free. Gathered, so that one round of reads answers all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backend::{Failure, Lowered};
use crate::plan::{
    Case, Counter, Entity, Facts, Fields, Found, Model, Native, Predicate, Range, Record, Reference, Search,
    StandIn, Step, Test, Value,
};

use crate::backend::ldap::dn::Dn;
use crate::backend::ldap::search::{place, targets};
use crate::backend::ldap::value::Dns;

/// What is not known yet, of what was asked so far.
pub(super) struct Needs<'a> {
    model: &'a Model,
    entity: &'a Entity,
    facts: &'a Facts,
    ids: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Of which entries an attribute is wanted that others hold in place of their DN.
    named: BTreeMap<(Arc<str>, Native), BTreeSet<String>>,
    searches: Vec<Search>,
    /// Counters: asked for when nothing else is needed, so that little time passes before their numbers are taken.
    counters: Vec<Search>,
}

/// What stands for a reference where its DN does not.
pub(super) enum Stand {
    /// This.
    For(Value),
    /// Nothing: it is of a type that is left out, or gone.
    Nothing,
    /// The entry is there, and has no value that could.
    Nameless,
    /// It must be looked up first.
    Unknown,
}

/// The DN of a record that a read gave.
pub(super) fn dn(record: Option<&Record>) -> Result<String, Failure> {
    let dn = record.and_then(|record| record.dn.clone());
    dn.ok_or_else(|| Failure::Internal("a fact about an entry holds no DN".to_owned()))
}

// === impl Needs ===

impl<'a> Needs<'a> {
    pub(super) fn new(model: &'a Model, entity: &'a Entity, facts: &'a Facts) -> Self {
        Self {
            model,
            entity,
            facts,
            ids: BTreeMap::new(),
            named: BTreeMap::new(),
            searches: Vec::new(),
            counters: Vec::new(),
        }
    }

    pub(super) fn model(&self) -> &'a Model {
        self.model
    }

    pub(super) fn attempt(&self) -> u32 {
        self.facts.attempt
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

    /// What is written for a reference in place of its DN.
    pub(super) fn stand(&mut self, reference: &Reference, by: &StandIn) -> Stand {
        let StandIn { attribute: by, types, .. } = by;
        let known = |target: &&Arc<str>| reference.resource.as_ref().is_none_or(|name| **name == ***target);
        for target in types.iter().filter(known) {
            let record = match self.facts.by_id(target, &reference.id) {
                Some(Some(record)) => record,
                Some(None) => continue,
                None => {
                    self.ids.entry(target.clone()).or_default().insert(reference.id.clone());
                    return Stand::Unknown;
                }
            };
            if let Some(name) = self.named_by(target, record, by) {
                return Stand::For(name);
            }
            let native = Native::own(by.clone());
            match self.facts.held(target, &reference.id, &native) {
                Some(values) => return values.first().cloned().map_or(Stand::Nameless, Stand::For),
                None => {
                    let ids = self.named.entry((target.clone(), native)).or_default();
                    ids.insert(reference.id.clone());
                    return Stand::Unknown;
                }
            }
        }
        Stand::Nothing
    }

    /// The attribute's value in the entry's name, when that attribute names such entries.
    fn named_by(&self, target: &str, record: &Record, by: &str) -> Option<Value> {
        let (_, entries) = place(self.model, target).ok()?;
        let dn = record.dn.as_deref().filter(|_| entries.rdn.eq_ignore_ascii_case(by))?;
        Dn::parse(dn)?.value_of(by).map(Value::Text)
    }

    /// [`Failure::Uniqueness`] when another entry than `own` has one of these values.
    pub(super) fn unique(&mut self, native: &Native, values: &[Value], own: &str) -> Result<(), Failure> {
        for value in values.iter().filter(|value| value.text().is_some_and(|text| !text.is_empty())) {
            let predicate = Predicate::Test(native.clone(), Test::Equals(value.clone(), Case::Folded));
            let is_other = |record: &Record| record.id != own;
            let found = self.search(predicate.clone(), 2);
            if found.is_some_and(|records| records.iter().any(is_other)) {
                return Err(Failure::Uniqueness(format!("{native} of another {}", self.entity.name)));
            }
            let unscoped = self.entity.unscoped.as_ref().and_then(|name| self.model.entity(name));
            let Some(unscoped) = unscoped else { continue };
            let found = self.read(unscoped, predicate, Fields::default(), 2);
            if found.is_some_and(|found| found.records.iter().any(is_other)) {
                return Err(Failure::Hidden(format!("{native} of a {} that is hidden", self.entity.name)));
            }
        }
        Ok(())
    }

    /// Whether the entry with this id has this value; `None` when it must be asked first. Only the
    /// directory looks at the values: they may be many.
    pub(super) fn holds(&mut self, id: &str, native: &Native, value: &Value) -> Option<bool> {
        self.is(id, Predicate::Test(native.clone(), Test::Equals(value.clone(), Case::Folded)))
    }

    /// Whether the entry with this id meets the condition; `None` when it must be asked first.
    pub(super) fn is(&mut self, id: &str, condition: Predicate) -> Option<bool> {
        let predicate = Predicate::Id(vec![id.to_owned()]).and(condition);
        self.search(predicate, 1).map(|records| !records.is_empty())
    }

    /// The entry with what it holds of these natives; `None` when it must be read first.
    pub(super) fn held<'n>(
        &mut self,
        id: &str,
        natives: impl IntoIterator<Item = &'n Native>,
    ) -> Option<Option<&'a Record>> {
        let fields = fields(natives);
        if fields.natives.is_empty() {
            return Some(None);
        }
        let found = self.read(self.entity, Predicate::Id(vec![id.to_owned()]), fields, 1);
        found.map(|found| found.records.first())
    }

    /// What stands at this DN, with these natives; `None` when it must be read first.
    pub(super) fn at(&mut self, place: &Entity, dn: &str, natives: &[Native]) -> Option<Option<&'a Record>> {
        let found = self.read(place, Predicate::Entry(dn.to_owned()), fields(natives), 1);
        found.map(|found| found.records.first())
    }

    /// The entries of a place that meet these tests, without values; `None` when they must be looked for first.
    pub(super) fn all(&mut self, place: &Entity, tests: Vec<(Native, Value)>) -> Option<&'a Found> {
        let test = |(native, value)| Predicate::Test(native, Test::Equals(value, Case::Exact));
        let predicate = tests.into_iter().map(test).fold(Predicate::All, Predicate::and);
        self.read(place, predicate, Fields::default(), usize::MAX)
    }

    /// The entries of a place that have one of these values, with all that they have; `None` when they must be looked
    /// for first.
    pub(super) fn any(
        &mut self,
        place: &Entity,
        native: &Native,
        values: &[Value],
    ) -> Result<Option<&'a [Record]>, Failure> {
        let test = |value: &Value| Predicate::Test(native.clone(), Test::Equals(value.clone(), Case::Exact));
        let predicate = Predicate::Or(values.iter().map(test).collect());
        match self.read(place, predicate, fields([native]), usize::MAX) {
            Some(found) if found.more => {
                Err(Failure::TooMany(format!("entries that have the same {native}")))
            }
            found => Ok(found.map(|found| found.records.as_slice())),
        }
    }

    /// What a counter's entry holds; `None` when it must be read first.
    pub(super) fn counter(&mut self, counter: &Counter) -> Option<Option<&'a Record>> {
        let native = Native::own(counter.attribute.clone());
        let predicate = Predicate::Entry(counter.dn.clone());
        let (entity, range) = (self.entity.name.clone(), Range::first(1));
        let search = Search { entity, predicate, fields: fields([&native]), range };
        let found = self.facts.get(&search);
        if found.is_none() && !self.counters.contains(&search) {
            self.counters.push(search);
        }
        found.map(|found| found.records.first())
    }

    fn search(&mut self, predicate: Predicate, limit: usize) -> Option<&'a [Record]> {
        self.read(self.entity, predicate, Fields::default(), limit).map(|found| found.records.as_slice())
    }

    fn read(
        &mut self,
        place: &Entity,
        predicate: Predicate,
        fields: Fields,
        limit: usize,
    ) -> Option<&'a Found> {
        let search = Search { entity: place.name.clone(), predicate, fields, range: Range::first(limit) };
        let found = self.facts.get(&search);
        if found.is_none() && !self.searches.contains(&search) {
            self.searches.push(search);
        }
        found
    }

    /// The steps, when everything is known; else what is needed.
    pub(super) fn or_else(
        self,
        steps: impl FnOnce() -> Result<Vec<Step>, Failure>,
    ) -> Result<Lowered, Failure> {
        let existing = |(entity, ids): (&Arc<str>, &BTreeSet<String>)| {
            Search::existing(entity, ids.iter().cloned().collect())
        };
        let named = |((entity, native), ids): (&(Arc<str>, Native), &BTreeSet<String>)| Search {
            fields: fields([native]),
            ..Search::existing(entity, ids.iter().cloned().collect())
        };
        let ids = self.ids.iter().map(existing).chain(self.named.iter().map(named));
        let mut needed: Vec<Search> = ids.chain(self.searches).collect();
        if needed.is_empty() {
            needed = self.counters;
        }
        if needed.is_empty() { steps().map(super::plan) } else { Ok(Lowered::Need(needed)) }
    }
}

fn fields<'n>(natives: impl IntoIterator<Item = &'n Native>) -> Fields {
    Fields { natives: natives.into_iter().cloned().collect(), ..Fields::default() }
}

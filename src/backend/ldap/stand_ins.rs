//! References that are stored by another attribute than the DN (`memberUid` holds a `uid`): whom the values of a
//! result stand for, in one search for each type and some hundred of them. An entry refers to another when it holds,
//! as the server compares, what stands in for that one, and nobody else has it: reads, filters and writes go by the
//! same. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{
    Entity, Entries, Fields, LdapOperation, Native, Record, Reference, Scope, Search, StandIn, Value,
};

use super::codes;
use super::connection::Answer;
use super::dn::{Dn, fold};
use super::entry::Entry;
use super::filter;
use super::id;
use super::read::Directory;
use super::search::{by_value, place, references};
use super::value::Dns;

/// Values looked up by one search.
const VALUES: usize = 200;

/// Who has a value.
#[derive(Clone, Debug, PartialEq)]
struct Whose {
    entity: Arc<str>,
    id: String,
    /// What stands in for this entry: that value, as it is written there, or another one.
    stand_in: Option<String>,
}

/// A look-up of several values in one type's entries.
struct LookUp {
    entity: Arc<str>,
    values: Vec<String>,
}

/// Everybody who has a value, by value.
type Having = BTreeMap<String, Vec<Whose>>;

impl Directory {
    /// The search with values in place of such references.
    pub(super) async fn by_value(
        self: &Arc<Self>,
        entries: &Entries,
        search: &Search,
        until: Instant,
    ) -> Result<Search, Failure> {
        let mut standing: BTreeMap<Reference, BTreeMap<Arc<str>, String>> = BTreeMap::new();
        for (native, reference) in references(&search.predicate) {
            let Some(by) = entries.stand_ins.get(native) else { continue };
            if let Some(value) = self.stand_in(by, reference, until).await? {
                standing.entry(reference.clone()).or_default().insert(by.attribute.clone(), value);
            }
        }
        Ok(by_value(entries, search, |by, reference| {
            standing.get(reference)?.get(&by.attribute).map(|value| Value::from(value.as_str()))
        }))
    }

    /// What stands in for the resource that a reference leads to, and for nobody else.
    async fn stand_in(
        self: &Arc<Self>,
        by: &StandIn,
        reference: &Reference,
        until: Instant,
    ) -> Result<Option<String>, Failure> {
        let known = |target: &&Arc<str>| reference.resource.as_ref().is_none_or(|name| **name == ***target);
        for target in by.types.iter().filter(known) {
            let (target, entries) = place(&self.model, target)?;
            let native = Native::own(by.attribute.clone());
            let search = Search {
                fields: Fields { natives: [native.clone()].into(), ..Fields::default() },
                ..Search::existing(&target.name, vec![reference.id.clone()])
            };
            let (found, _) = self.records(target, entries, &search, &Dns::new(), until).await?;
            let Some(record) = found.records.into_iter().next() else { continue };
            let held = record.values.get(&native).map_or(&[][..], Vec::as_slice);
            let Some(value) = stand_in(entries, by, record.dn.as_deref(), held) else { return Ok(None) };
            let whose = self.whose(by, BTreeSet::from([value.clone()]), until).await?;
            return Ok(whose.get(&value).is_some_and(|whose| whose.id == reference.id).then_some(value));
        }
        Ok(None)
    }

    /// Replaces values by references in the natives that hold what stands in for entries; takes away those that
    /// stand for nobody, or for two.
    pub(super) async fn show_stand_ins(
        self: &Arc<Self>,
        entries: &Entries,
        records: &mut [Record],
        until: Instant,
    ) -> Result<(), Failure> {
        for (native, by) in &entries.stand_ins {
            let values = records.iter().filter_map(|record| record.values.get(native)).flatten();
            let values: BTreeSet<String> = values.filter_map(Value::text).collect();
            let whose = self.whose(by, values, until).await?;
            for record in records.iter_mut() {
                if let Some(values) = record.values.remove(native) {
                    let dn = record.dn.as_deref();
                    let shown = self.shown(native, dn, &values, &whose, until).await?;
                    record.values.insert(native.clone(), shown);
                }
            }
        }
        Ok(())
    }

    /// The references that an entry's values are. One that is written otherwise than what stands in for its entry is
    /// the same where the server says so: it knows whether letters' case counts there.
    async fn shown(
        self: &Arc<Self>,
        native: &Native,
        dn: Option<&str>,
        values: &[Value],
        whose: &BTreeMap<String, Whose>,
        until: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let values: Vec<String> = values.iter().filter_map(Value::text).collect();
        let found: Vec<(&String, &Whose)> =
            values.iter().filter_map(|value| Some((value, whose.get(value)?))).collect();
        let is_plain = |(value, whose): &(&String, &Whose)| whose.stand_in.as_ref() == Some(*value);
        let plain: BTreeSet<&str> =
            found.iter().filter(|one| is_plain(one)).map(|(_, whose)| whose.id.as_str()).collect();
        let others = found.iter().filter(|one| !is_plain(one) && !plain.contains(one.1.id.as_str()));
        let others: BTreeSet<String> = others.filter_map(|(_, whose)| whose.stand_in.clone()).collect();
        let held = match dn {
            Some(dn) => self.held(dn, native, others, until).await?,
            None => BTreeSet::new(),
        };
        let is_held = |whose: &Whose| whose.stand_in.as_ref().is_some_and(|value| held.contains(value));
        let shown = found.into_iter().filter(|one| is_plain(one) || is_held(one.1));
        let mut seen = BTreeSet::new();
        let once = shown.filter(|(_, whose)| seen.insert(whose.id.as_str()));
        Ok(once.map(|(_, whose)| whose.reference()).collect())
    }

    /// Who alone has each of these values.
    async fn whose(
        self: &Arc<Self>,
        by: &StandIn,
        values: BTreeSet<String>,
        until: Instant,
    ) -> Result<BTreeMap<String, Whose>, Failure> {
        let values: Vec<String> = values.into_iter().filter(|value| !value.is_empty()).collect();
        let mut having = self.having(by, values.chunks(VALUES), until).await?;
        // Of several one may have the value in another case only, where case counts: the server tells.
        let several: Vec<String> =
            having.iter().filter(|(_, whose)| whose.len() > 1).map(|(value, _)| value.clone()).collect();
        having.extend(self.having(by, several.chunks(1), until).await?);
        let alone = |(value, mut whose): (String, Vec<Whose>)| {
            let one = whose.pop()?;
            whose.is_empty().then_some((value, one))
        };
        Ok(having.into_iter().filter_map(alone).collect())
    }

    /// Everybody who has one of these values. A look-up that the server cuts short is halved, down to one value, which
    /// more than one has then.
    async fn having(
        self: &Arc<Self>,
        by: &StandIn,
        chunks: impl Iterator<Item = &[String]>,
        until: Instant,
    ) -> Result<Having, Failure> {
        let of =
            |values: &[String], entity: &Arc<str>| LookUp { entity: entity.clone(), values: values.to_vec() };
        let mut lookups: Vec<LookUp> =
            chunks.flat_map(|values| by.types.iter().map(move |entity| of(values, entity))).collect();
        let mut having = Having::new();
        while !lookups.is_empty() {
            let operations: Result<Vec<_>, _> =
                lookups.iter().map(|lookup| self.look_up_of(by, lookup)).collect();
            let operations = operations?;
            let answers = self.ask_all(&operations, until).await?;
            let mut cut = Vec::new();
            for (lookup, answer) in lookups.into_iter().zip(answers) {
                let (_, entries) = place(&self.model, &lookup.entity)?;
                match answer.result.rc {
                    codes::SIZE_LIMIT if lookup.values.len() > 1 => {
                        let (front, back) = lookup.values.split_at(lookup.values.len() / 2);
                        cut.extend([front, back].map(|values| of(values, &lookup.entity)));
                    }
                    0 | codes::SIZE_LIMIT => lookup.learn(entries, by, &answer.entries, &mut having),
                    _ => return Err(codes::search(&entries.base, &answer.result)),
                }
            }
            lookups = cut;
        }
        Ok(having)
    }

    fn look_up_of(&self, by: &StandIn, lookup: &LookUp) -> Result<LdapOperation, Failure> {
        let (_, entries) = place(&self.model, &lookup.entity)?;
        let native = Native::own(by.attribute.clone());
        let attribute = filter::attribute(&native)?;
        let terms = lookup.values.iter().map(|value| filter::equals(attribute, value.as_bytes()));
        Ok(LdapOperation::Search {
            base: entries.base.clone(),
            scope: Scope::Subtree,
            filter: filter::of_type(entries, &filter::any(terms.collect()))?,
            attributes: vec![entries.id.to_string(), attribute.to_owned()],
            size_limit: 2 * VALUES,
        })
    }

    /// Which of these values the entry's attribute has.
    async fn held(
        self: &Arc<Self>,
        dn: &str,
        native: &Native,
        values: BTreeSet<String>,
        until: Instant,
    ) -> Result<BTreeSet<String>, Failure> {
        let attribute = filter::attribute(native)?;
        let values: Vec<String> = values.into_iter().collect();
        let mut open: Vec<Vec<String>> = values.chunks(VALUES).map(<[_]>::to_vec).collect();
        let mut held = BTreeSet::new();
        while !open.is_empty() {
            let terms = |values: &[String]| -> Vec<String> {
                values.iter().map(|value| filter::equals(attribute, value.as_bytes())).collect()
            };
            // All of them, or none, as a rule.
            let filters =
                open.iter().flat_map(|values| [filter::any(terms(values)), filter::all(terms(values))]);
            let operations: Vec<LdapOperation> = filters.map(|filter| at(dn, filter)).collect();
            let answers = self.ask_all(&operations, until).await?;
            let mut next = Vec::new();
            for (values, answers) in open.into_iter().zip(answers.chunks(2)) {
                let answers: Result<Vec<bool>, _> = answers.iter().map(|answer| is_so(dn, answer)).collect();
                match answers?.as_slice() {
                    [_, true] => held.extend(values),
                    [true, false] if values.len() > 1 => {
                        let (front, back) = values.split_at(values.len() / 2);
                        next.extend([front, back].map(<[_]>::to_vec));
                    }
                    _ => {}
                }
            }
            open = next;
        }
        Ok(held)
    }
}

// === impl LookUp ===

impl LookUp {
    /// Takes what it found. Whoever is found by one value has it; which of several, his own values tell.
    fn learn(&self, entries: &Entries, by: &StandIn, found: &[Entry], having: &mut Having) {
        let mut wanted: BTreeMap<String, Vec<&String>> = BTreeMap::new();
        for value in &self.values {
            wanted.entry(fold(value)).or_default().push(value);
        }
        for entry in found {
            let held = entry.values(&by.attribute);
            let Some(id) = id::of(entry, &entries.id) else { continue };
            let stand_in = stand_in(entries, by, Some(&entry.dn), &held);
            let whose = Whose { entity: self.entity.clone(), id, stand_in };
            let has: BTreeSet<&String> = match self.values.as_slice() {
                [value] => BTreeSet::from([value]),
                _ => {
                    let held = held.iter().filter_map(Value::text);
                    held.filter_map(|held| wanted.get(&fold(&held))).flatten().copied().collect()
                }
            };
            for value in has {
                let all = having.entry(value.clone()).or_default();
                if all.iter().all(|known| known.id != whose.id) {
                    all.push(whose.clone());
                }
            }
        }
    }
}

// === impl Whose ===

impl Whose {
    fn reference(&self) -> Value {
        Value::Reference(Reference { resource: Some(self.entity.to_string()), id: self.id.clone() })
    }
}

/// To which types a native's references may point by their DNs.
pub(super) fn by_dn<'a>(entity: &'a Entity, entries: &Entries, native: &Native) -> &'a [Arc<str>] {
    if entries.stand_ins.contains_key(native) { &[] } else { super::search::targets(entity, native) }
}

/// What stands in for an entry: the value in its name, where the attribute names it, else the first one.
fn stand_in(entries: &Entries, by: &StandIn, dn: Option<&str>, held: &[Value]) -> Option<String> {
    let named = dn.filter(|_| entries.rdn.eq_ignore_ascii_case(&by.attribute)).and_then(Dn::parse);
    let named = named.and_then(|name| name.value_of(&by.attribute));
    named.or_else(|| held.first().and_then(Value::text))
}

fn at(dn: &str, filter: String) -> LdapOperation {
    let attributes = vec!["1.1".to_owned()];
    LdapOperation::Search { base: dn.to_owned(), scope: Scope::Base, filter, attributes, size_limit: 1 }
}

fn is_so(dn: &str, answer: &Answer) -> Result<bool, Failure> {
    match answer.result.rc {
        0 => Ok(!answer.entries.is_empty()),
        codes::NO_SUCH_OBJECT => Ok(false),
        _ => Err(codes::search(dn, &answer.result)),
    }
}

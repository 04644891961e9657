//! DNs in what was read become references: all of a result's DNs together, in one search for each type and some hundred
//! names. Each is asked for each time: a name may be another's by now. What resolves to nothing is not shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{Entity, Entries, LdapOperation, Native, Record, Reference, Scope, Value};

use super::codes;
use super::connection::Answer;
use super::dn::Dn;
use super::filter;
use super::id;
use super::read::Directory;
use super::search::place;
use super::stand_ins::by_dn;

/// DNs looked up by one search.
const NAMES: usize = 200;
/// And so many in all are kept in mind: very many would push out those that are in use.
const KEPT: usize = 800;

/// What DNs stand for, by normalised DN.
type Known = BTreeMap<String, (Arc<str>, String)>;

/// A look-up of several DNs in one type's entries.
struct LookUp {
    entity: Arc<str>,
    is_kept: bool,
    /// Normalised, with the DN as it was written.
    names: Vec<(String, String)>,
}

impl LookUp {
    fn halves(self) -> [Self; 2] {
        let (front, back) = self.names.split_at(self.names.len() / 2);
        [front, back].map(|names| Self { names: names.to_vec(), entity: self.entity.clone(), ..self })
    }
}

impl Directory {
    /// Replaces DNs by references in the natives that hold them; takes away the placeholder and DNs that
    /// are no resource of the types that the native may point to.
    pub(super) async fn show_references(
        self: &Arc<Self>,
        entity: &Entity,
        entries: &Entries,
        records: &mut [Record],
        until: Instant,
    ) -> Result<(), Failure> {
        let hidden = hidden(entries);
        self.show_stand_ins(entries, records, until).await?;
        let (lookups, mut known) = (self.unknown(entity, entries, records, hidden.as_deref())?, Known::new());
        self.look_up(lookups, &mut known, until).await?;
        for record in records {
            for (native, values) in &mut record.values {
                if holds_placeholder(entries, native) {
                    values.retain(|value| hidden.is_none() || normalised(value) != hidden);
                }
                let targets = by_dn(entity, entries, native);
                if !targets.is_empty() {
                    *values = values.iter().filter_map(|value| shown(value, targets, &known)).collect();
                }
            }
            record.values.retain(|_, values| !values.is_empty());
        }
        Ok(())
    }

    /// The look-ups that tell what the DNs in these records stand for.
    fn unknown(
        &self,
        entity: &Entity,
        entries: &Entries,
        records: &[Record],
        hidden: Option<&str>,
    ) -> Result<Vec<LookUp>, Failure> {
        let mut seen = BTreeSet::new();
        let mut wanted: BTreeMap<Arc<str>, Vec<(String, String)>> = BTreeMap::new();
        for (native, values) in records.iter().flat_map(|record| &record.values) {
            let places = self.places(by_dn(entity, entries, native))?;
            let is_open = |value: &&Value| !places.is_empty() && !matches!(value, Value::Reference(_));
            for dn in values.iter().filter(is_open).filter_map(Value::text) {
                let Some(name) = Dn::parse(&dn) else { continue };
                let normalised = name.normalised();
                if Some(normalised.as_str()) == hidden || !seen.insert((native, normalised.clone())) {
                    continue;
                }
                for (target, _) in places.iter().filter(|(_, base)| name.under(base)) {
                    wanted.entry(target.clone()).or_default().push((normalised.clone(), dn.clone()));
                }
            }
        }
        let is_kept = seen.len() <= KEPT;
        let lookup = |(entity, names): (Arc<str>, Vec<(String, String)>)| {
            let chunks: Vec<_> = names.chunks(NAMES).map(<[_]>::to_vec).collect();
            chunks.into_iter().map(move |names| LookUp { entity: entity.clone(), is_kept, names })
        };
        Ok(wanted.into_iter().flat_map(lookup).collect())
    }

    /// The types with their bases.
    pub(super) fn places(&self, targets: &[Arc<str>]) -> Result<Vec<(Arc<str>, Dn)>, Failure> {
        let mut places = Vec::new();
        for target in targets {
            let (target, entries) = place(&self.model, target)?;
            let base = Dn::parse(&entries.base)
                .ok_or_else(|| Failure::Internal(format!("the base {} is not a DN", entries.base)))?;
            places.push((target.name.clone(), base));
        }
        Ok(places)
    }

    /// Runs look-ups until all are answered. One that the server cuts short, because many entries share
    /// a naming value, is halved, down to a read of one entry.
    async fn look_up(
        self: &Arc<Self>,
        mut lookups: Vec<LookUp>,
        known: &mut Known,
        until: Instant,
    ) -> Result<(), Failure> {
        while !lookups.is_empty() {
            let operations: Result<Vec<_>, _> = lookups.iter().map(|lookup| self.operation(lookup)).collect();
            let operations = operations?;
            let answers = self.ask_all(&operations, until).await?;
            let mut cut = Vec::new();
            for ((lookup, operation), answer) in lookups.into_iter().zip(&operations).zip(answers) {
                if !self.learn(&lookup, operation, answer, known)? {
                    cut.extend(lookup.halves());
                }
            }
            lookups = cut;
        }
        Ok(())
    }

    fn operation(&self, lookup: &LookUp) -> Result<LdapOperation, Failure> {
        let (_, entries) = place(&self.model, &lookup.entity)?;
        let named = |dn: &str| -> Option<String> {
            let name = Dn::parse(dn)?;
            let avas = name.naming().iter();
            Some(filter::all(avas.map(|ava| filter::equals(&ava.attribute, &ava.value)).collect()))
        };
        let (base, scope, filter) = match lookup.names.as_slice() {
            [(_, dn)] => (dn.clone(), Scope::Base, filter::of_type(entries, "")?),
            names => {
                let names = names.iter().filter_map(|(_, dn)| named(dn)).collect();
                (entries.base.clone(), Scope::Subtree, filter::of_type(entries, &filter::any(names))?)
            }
        };
        let attributes = vec![entries.id.to_string()];
        Ok(LdapOperation::Search { base, scope, filter, attributes, size_limit: 2 * NAMES })
    }

    /// Takes what a look-up found; `false` when the server cut it short.
    fn learn(
        &self,
        lookup: &LookUp,
        operation: &LdapOperation,
        answer: Answer,
        known: &mut Known,
    ) -> Result<bool, Failure> {
        let LdapOperation::Search { base, scope, .. } = operation else { return Ok(true) };
        let entity = &lookup.entity;
        let (_, entries) = place(&self.model, entity)?;
        for entry in &answer.entries {
            if let (Some(id), Some(name)) = (id::of(entry, &entries.id), Dn::parse(&entry.dn)) {
                if lookup.is_kept {
                    self.names.saw(&id, &entry.dn);
                }
                known.entry(name.normalised()).or_insert((entity.clone(), id));
            }
        }
        match answer.result.rc {
            0 => Ok(true),
            codes::NO_SUCH_OBJECT if *scope == Scope::Base => Ok(true),
            codes::SIZE_LIMIT => Ok(*scope == Scope::Base),
            _ => Err(codes::search(base, &answer.result)),
        }
    }
}

/// The member that is not shown.
pub(super) fn hidden(entries: &Entries) -> Option<String> {
    entries.placeholder.as_ref().and_then(|(_, dn)| Dn::parse(dn)).map(|dn| dn.normalised())
}

fn holds_placeholder(entries: &Entries, native: &Native) -> bool {
    entries.placeholder.as_ref().is_some_and(|(attribute, _)| attribute.eq_ignore_ascii_case(&native.name))
}

fn normalised(value: &Value) -> Option<String> {
    value.text().and_then(|dn| Dn::parse(&dn)).map(|dn| dn.normalised())
}

fn shown(value: &Value, targets: &[Arc<str>], known: &Known) -> Option<Value> {
    // The server told already what it leads to.
    if let Value::Reference(_) = value {
        return Some(value.clone());
    }
    let (entity, id) = known.get(&normalised(value)?)?;
    let reference = Reference { resource: Some(entity.to_string()), id: id.clone() };
    targets.contains(entity).then_some(Value::Reference(reference))
}

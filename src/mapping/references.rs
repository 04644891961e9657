//! References in a record: which must be looked up before the record can be written, and what becomes
//! of those that lead nowhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Mapping;
use super::line::{How, ResourceMapping};
use crate::plan::{Facts, Native, OnMissing, Record, Reference, Search, Value};
use crate::scim::error::{Error, ScimType};
use crate::scim::profile::UnknownMembers;

impl Mapping {
    /// The searches that tell whether the record's references exist; those that `known` holds already
    /// and those that `facts` tell of are left out. Of several types only the next is asked, for the first
    /// that has the id is the one that is meant: ask again with what was found, until nothing is left.
    pub fn unsettled(
        &self,
        of: &ResourceMapping,
        record: &Record,
        known: &Record,
        facts: &Facts,
    ) -> Vec<Search> {
        let known = held(known);
        let mut wanted: BTreeMap<Arc<str>, BTreeSet<String>> = BTreeMap::new();
        for (native, reference) in references(record) {
            if known.contains_key(&(native.clone(), reference.id.as_str())) {
                continue;
            }
            let is_no_miss = |entity: &&Arc<str>| facts.by_id(entity, &reference.id) != Some(None);
            let next = self.targets(of, &native).iter().find(is_no_miss);
            if let Some(entity) = next.filter(|entity| facts.by_id(entity, &reference.id).is_none()) {
                wanted.entry(entity.clone()).or_default().insert(reference.id.clone());
            }
        }
        wanted.into_iter().map(|(entity, ids)| Search::existing(&entity, ids.into_iter().collect())).collect()
    }

    /// Says of each reference which type it leads to. One that leads nowhere is refused with a 400 that
    /// names it, or taken out of the record where the mapping says `on_missing("skip")`, or where it is a member
    /// and `unknown` says so; a reference that stands alone (`manager`) is none. Answers the members' ids.
    pub fn settle(
        &self,
        of: &ResourceMapping,
        record: &mut Record,
        known: &Record,
        facts: &Facts,
        unknown: UnknownMembers,
    ) -> Result<Vec<String>, Error> {
        let known = held(known);
        let mut lost = Vec::new();
        let mut judge = |native: &Native, reference: &mut Reference| {
            if let Some(resource) = known.get(&(native.clone(), reference.id.as_str())) {
                reference.resource = reference.resource.take().or_else(|| resource.map(str::to_owned));
                return Ok(true);
            }
            match self.resolved(of, native, reference, facts) {
                Some(entity) => reference.resource = Some(entity.to_string()),
                None if unknown == UnknownMembers::Skipped && of.holds_members(native) => {
                    lost.push(reference.id.clone());
                    return Ok(false);
                }
                None if of.on_missing(native) == OnMissing::Skip => {
                    tracing::info!(native = %native, id = reference.id, "a reference leads nowhere and is not stored natively");
                    return Ok(false);
                }
                None => return Err(self.nobody(of, native, &reference.id)),
            }
            Ok(true)
        };
        for (native, values) in &mut record.values {
            let mut kept = Vec::with_capacity(values.len());
            for mut value in values.drain(..) {
                let keep = match &mut value {
                    Value::Reference(reference) => judge(native, reference)?,
                    _ => true,
                };
                kept.extend(keep.then_some(value));
            }
            *values = kept;
        }
        for (table, rows) in &mut record.children {
            let mut kept = Vec::with_capacity(rows.len());
            for mut row in rows.drain(..) {
                let mut keep = true;
                for (column, value) in &mut row {
                    if let Value::Reference(reference) = value {
                        keep &= judge(&Native::of(table.clone(), column.clone()), reference)?;
                    }
                }
                kept.extend(keep.then_some(row));
            }
            *rows = kept;
        }
        record.values.retain(|_, values| !values.is_empty());
        Ok(lost)
    }

    /// Leaves only references that lead somewhere: what is to be removed and does not exist is gone already.
    pub fn settle_removals(&self, of: &ResourceMapping, record: &mut Record, facts: &Facts) {
        let exists = |native: &Native, value: &Value| {
            reference(value).is_none_or(|reference| self.resolved(of, native, reference, facts).is_some())
        };
        for (native, values) in &mut record.values {
            values.retain(|value| exists(native, value));
        }
        for (table, rows) in &mut record.children {
            let native = |column: &Arc<str>| Native::of(table.clone(), column.clone());
            rows.retain(|row| row.iter().all(|(column, value)| exists(&native(column), value)));
        }
    }

    fn resolved(
        &self,
        of: &ResourceMapping,
        native: &Native,
        to: &Reference,
        facts: &Facts,
    ) -> Option<&Arc<str>> {
        self.targets(of, native).iter().find(|entity| facts.by_id(entity, &to.id).flatten().is_some())
    }

    fn targets(&self, of: &ResourceMapping, native: &Native) -> &[Arc<str>] {
        let entity = self.model().entity(&of.entity);
        entity.and_then(|entity| entity.references.get(native)).map(Vec::as_slice).unwrap_or_default()
    }

    fn nobody(&self, of: &ResourceMapping, native: &Native, id: &str) -> Error {
        let types: Vec<&str> = self.targets(of, native).iter().map(|entity| &**entity).collect();
        let attribute = of.attribute_of(native);
        Error::bad_request(
            ScimType::InvalidValue,
            format!("{attribute}: there is no {} with the id {id:?}.", types.join(" or ")),
        )
    }
}

/// Every reference in a record, with the native that holds it.
fn references(record: &Record) -> Vec<(Native, &Reference)> {
    let own = record.values.iter().flat_map(|(native, values)| {
        values.iter().filter_map(move |value| Some((native.clone(), reference(value)?)))
    });
    let rows = record.children.iter().flat_map(|(table, rows)| {
        rows.iter().flatten().filter_map(move |(column, value)| {
            Some((Native::of(table.clone(), column.clone()), reference(value)?))
        })
    });
    own.chain(rows).collect()
}

fn reference(value: &Value) -> Option<&Reference> {
    match value {
        Value::Reference(reference) => Some(reference),
        _ => None,
    }
}

/// The references that a record holds, each with the type that it leads to.
fn held(record: &Record) -> HashMap<(Native, &str), Option<&str>> {
    let all = references(record).into_iter();
    all.map(|(native, to)| ((native, to.id.as_str()), to.resource.as_deref())).collect()
}

// === impl ResourceMapping ===

impl ResourceMapping {
    fn on_missing(&self, native: &Native) -> OnMissing {
        let own = self
            .lines
            .iter()
            .filter(|line| line.natives.first() == Some(native))
            .map(|line| &line.conversion.how);
        let parts =
            self.collections.iter().filter(|c| Some(&c.table) == native.part.as_ref()).flat_map(|c| &c.parts);
        let parts = parts.filter(|part| part.column == native.name).map(|part| &part.conversion.how);
        own.chain(parts)
            .find_map(|how| match how {
                How::Reference { on_missing, .. } => Some(*on_missing),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// Whether a native holds one of many references.
    fn holds_members(&self, native: &Native) -> bool {
        self.collections.iter().any(|collection| Some(&collection.table) == native.part.as_ref())
            || self.lines.iter().any(|line| line.many && line.natives.first() == Some(native))
    }

    /// The attribute that a native belongs to, for messages.
    fn attribute_of(&self, native: &Native) -> String {
        let line = self.lines.iter().find(|line| line.natives.contains(native)).map(|line| line.name());
        let collection = self.collections.iter().find(|c| Some(&c.table) == native.part.as_ref());
        line.or_else(|| collection.map(|c| c.path.to_string())).unwrap_or_else(|| native.to_string())
    }
}

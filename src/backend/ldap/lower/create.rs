//! A new entry: one add, after the numbers that it takes and before the entries that belong to it.

use crate::backend::ldap::account;
use crate::backend::ldap::dn::{self, fold};
use crate::backend::ldap::filter;
use crate::backend::ldap::search::place;
use crate::backend::ldap::value::{Dns, stored};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    Create, Entity, Entries, Facts, LdapOperation, Model, Native, Record, Reference, Step, Value,
};

use super::numbers::Numbers;
use super::{Needs, inside, parts, stand_ins};

pub(super) fn lower(model: &Model, create: &Create, facts: &Facts) -> Result<Lowered, Failure> {
    let (entity, entries) = place(model, &create.entity)?;
    if let Some(steps) = super::only_hooks(entity, &create.hooks, "created")? {
        return Ok(super::plan(steps));
    }
    let record = &create.record;
    let mut needs = Needs::new(model, entity, facts);
    let mut written = stand_ins::in_record(&mut needs, entries, record)?;
    let dns = needs.dns(references(&written));
    for native in &entity.unique {
        needs.unique(native, record.values.get(native).map_or(&[], Vec::as_slice), &record.id)?;
    }
    let mut numbers = Numbers::default();
    for (native, counter) in &entries.counters {
        if !written.values.contains_key(native)
            && let Some(number) = numbers.take(&mut needs, counter)?
        {
            written.values.insert(native.clone(), vec![number]);
        }
    }
    for copy in entries.copies.iter().filter(|copy| copy.to.part.is_none()) {
        let values = record.values.get(&copy.of).map(Vec::as_slice).unwrap_or_default();
        let values = parts::along(&mut needs, copy, values, true)?;
        written.values.entry(copy.to.clone()).or_default().extend(values);
    }
    let parts = parts::new(&mut needs, entity, entries, &written, &mut numbers)?;
    needs.or_else(|| {
        let mut steps = numbers.steps();
        steps.push(add(entity, entries, &written, &dns)?);
        steps.extend(parts);
        steps.extend(super::hooks(&create.hooks)?);
        Ok(steps)
    })
}

fn references(record: &Record) -> impl Iterator<Item = (&Native, &Reference)> {
    record.values.iter().flat_map(|(native, values)| {
        values.iter().filter_map(move |value| match value {
            Value::Reference(reference) => Some((native, reference)),
            _ => None,
        })
    })
}

fn add(entity: &Entity, entries: &Entries, record: &Record, dns: &Dns) -> Result<Step, Failure> {
    let Some(name) = &record.rdn else {
        let client = format!("{}: what names the entry has no value", entries.rdn);
        return Err(Failure::Rejected(client, "no naming value".to_owned()));
    };
    let parent = record.parent.as_deref().map_or(Ok(&*entries.base), |parent| inside(entries, parent))?;
    let dn = dn::below(&dn::rdn(&entries.rdn, name)?, parent);
    let classes = entries.classes.iter().map(|class| Value::from(class.as_str())).collect();
    let mut attributes = vec![("objectClass".to_owned(), classes)];
    attributes.push((entries.rdn.to_string(), vec![Value::from(name.as_str())]));
    if let Some((attribute, placeholder)) = &entries.placeholder {
        attributes.push((attribute.to_string(), vec![Value::from(placeholder.as_str())]));
    }
    for (native, values) in &record.values {
        let attribute = filter::attribute(native)?;
        for value in values {
            let value = stored(attribute, value, dns)?;
            put(&mut attributes, attribute, value);
        }
    }
    if let (Some(attribute), Some(document)) = (&entries.rest, &record.rest) {
        put(
            &mut attributes,
            filter::attribute(&Native::own(attribute.clone()))?,
            Value::from(document.as_str()),
        );
    }
    account::complete(&mut attributes);
    Ok(super::step(format!("the new {} entry", entity.name), LdapOperation::Add { dn, attributes }, None))
}

/// Adds a value, once: the naming value mostly comes again as an attribute's.
pub(super) fn put(attributes: &mut Vec<(String, Vec<Value>)>, attribute: &str, value: Value) {
    let Some((_, values)) = attributes.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(attribute))
    else {
        attributes.push((attribute.to_owned(), vec![value]));
        return;
    };
    let folded = |value: &Value| value.text().map(|text| fold(&text));
    let naming = values.first().and_then(folded);
    if !values.contains(&value) && (naming.is_none() || folded(&value) != naming) {
        values.push(value);
    }
}

//! A [`Search`] as LDAP operations, and entries as records. Pure: lowering prints the same operations
//! that the session runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backend::Failure;
use crate::plan::{
    Case, Entity, Entries, Fields, LdapOperation, Model, Native, Predicate, Record, Reference, Scope, Search,
    StandIn, Store, Test, Value,
};

use super::entry::Entry;
use super::filter;
use super::id;
use super::value::Dns;

/// Ids in one filter; more become several searches.
pub(super) const IDS: usize = 200;
/// Among the natives that are read: all attributes that users may change (RFC 4511 §4.5.1.8).
pub(super) const EVERY: &str = "*";
/// Every entry.
const ANY: &str = "(objectClass=*)";

/// The entity with this name and its entries; [`Failure::Internal`] when the mapping has none.
pub(super) fn place<'a>(model: &'a Model, name: &str) -> Result<(&'a Entity, &'a Entries), Failure> {
    match model.entity(name).map(|entity| (entity, &entity.store)) {
        Some((entity, Store::Entries(entries))) => Ok((entity, entries)),
        Some(_) => Err(Failure::Internal(format!("{name} lives in a table, not in a directory"))),
        None => Err(Failure::Internal(format!("the mapping has no {name}"))),
    }
}

/// What is asked of the directory: nothing when no entry can match, several searches for many ids. Each
/// asks for one entry more than the range's limit, so that it is known whether there are more.
pub(super) fn operations(
    entity: &Entity,
    entries: &Entries,
    search: &Search,
    dns: &Dns,
) -> Result<Vec<LdapOperation>, Failure> {
    let attributes = attributes(entity, entries, &search.fields)?;
    if let Predicate::Entry(dn) = &search.predicate {
        return Ok(vec![LdapOperation::Search {
            base: dn.clone(),
            scope: Scope::Base,
            filter: ANY.to_owned(),
            attributes,
            size_limit: 1,
        }]);
    }
    let mut operations = Vec::new();
    for predicate in batches(&search.predicate) {
        if let Some(filter) = filter::build(entries, &predicate, dns)? {
            operations.push(LdapOperation::Search {
                base: entries.base.clone(),
                scope: Scope::Subtree,
                filter,
                attributes: attributes.clone(),
                size_limit: search.range.limit.saturating_add(1),
            });
        }
    }
    Ok(operations)
}

/// The predicate split so that none of its parts has too many ids.
fn batches(predicate: &Predicate) -> Vec<Predicate> {
    match predicate {
        Predicate::Id(ids) if ids.len() > IDS => {
            let distinct: Vec<String> = ids.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
            distinct.chunks(IDS).map(|ids| Predicate::Id(ids.to_vec())).collect()
        }
        Predicate::And(terms) => {
            let many = |term: &Predicate| matches!(term, Predicate::Id(ids) if ids.len() > IDS);
            let Some(at) = terms.iter().position(many) else { return vec![predicate.clone()] };
            let (before, rest) = terms.split_at(at);
            let Some((ids, after)) = rest.split_first() else { return vec![predicate.clone()] };
            let with = |ids| Predicate::And([before, &[ids], after].concat());
            batches(ids).into_iter().map(with).collect()
        }
        other => vec![other.clone()],
    }
}

/// The id, and the fields with the version's native where there is one; nothing else is read.
fn attributes(entity: &Entity, entries: &Entries, fields: &Fields) -> Result<Vec<String>, Failure> {
    let mut names = vec![entries.id.to_string()];
    let rest = entries.rest.iter().filter(|_| fields.rest).map(|name| Native::own(name.clone()));
    let rest: Vec<Native> = rest.collect();
    for native in natives(entity, fields).chain(&rest) {
        let name = if *native.name == *EVERY { EVERY } else { filter::attribute(native)? };
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The version belongs to what is read: where that is nothing but ids, which a scan wants of everybody, it
/// is left out.
fn natives<'a>(entity: &'a Entity, fields: &'a Fields) -> impl Iterator<Item = &'a Native> {
    let version = entity.version.iter().filter(|_| !fields.natives.is_empty());
    version.chain(&fields.natives)
}

/// The search with what `standing` gives in place of references that are stored by another attribute than the DN;
/// with nothing where it gives none, which no entry holds.
pub(super) fn by_value(
    entries: &Entries,
    search: &Search,
    mut standing: impl FnMut(&StandIn, &Reference) -> Option<Value>,
) -> Search {
    let mut search = search.clone();
    replace(&mut search.predicate, &mut |native, reference| {
        let by = entries.stand_ins.get(native)?;
        Some(match standing(by, reference) {
            Some(value) => Predicate::Test(native.clone(), Test::Equals(value, Case::Exact)),
            None => Predicate::Nothing,
        })
    });
    search
}

fn replace(predicate: &mut Predicate, other: &mut dyn FnMut(&Native, &Reference) -> Option<Predicate>) {
    let replaced = match predicate {
        Predicate::And(terms) | Predicate::Or(terms) => {
            terms.iter_mut().for_each(|term| replace(term, other));
            None
        }
        Predicate::Not(inner) | Predicate::Child(_, inner) => {
            replace(inner, other);
            None
        }
        Predicate::Test(native, Test::Equals(Value::Reference(reference), _)) => other(native, reference),
        Predicate::All
        | Predicate::Nothing
        | Predicate::Id(_)
        | Predicate::Entry(_)
        | Predicate::Test(..) => None,
    };
    if let Some(replaced) = replaced {
        *predicate = replaced;
    }
}

/// The references that a predicate compares with.
pub(super) fn references(predicate: &Predicate) -> Vec<(&Native, &Reference)> {
    match predicate {
        Predicate::And(terms) | Predicate::Or(terms) => terms.iter().flat_map(references).collect(),
        Predicate::Not(inner) | Predicate::Child(_, inner) => references(inner),
        Predicate::Test(native, Test::Equals(Value::Reference(reference), _)) => vec![(native, reference)],
        Predicate::All
        | Predicate::Nothing
        | Predicate::Id(_)
        | Predicate::Entry(_)
        | Predicate::Test(..) => Vec::new(),
    }
}

/// The entry as a record: its DNs in reference attributes still text. `None` when it does not show its id.
pub(super) fn record(entity: &Entity, entries: &Entries, fields: &Fields, entry: &Entry) -> Option<Record> {
    let id = id::of(entry, &entries.id)?;
    let mut values: BTreeMap<Native, Vec<Value>> = BTreeMap::new();
    for native in natives(entity, fields) {
        if *native.name == *EVERY {
            values.extend(entry.all().map(|(name, held)| (Native::own(name), held)));
            continue;
        }
        let found = entry.values(&native.name);
        if !found.is_empty() {
            values.insert(native.clone(), found);
        }
    }
    let rest = entries.rest.as_ref().filter(|_| fields.rest);
    let rest = rest.and_then(|name| entry.values(name).first().and_then(Value::text));
    Some(Record { id, dn: Some(entry.dn.clone()), values, rest, ..Record::default() })
}

/// To which types a native's references may point.
pub(super) fn targets<'a>(entity: &'a Entity, native: &Native) -> &'a [Arc<str>] {
    let same = |name: &Native| name.part == native.part && name.name.eq_ignore_ascii_case(&native.name);
    entity.references.iter().find(|(name, _)| same(name)).map_or(&[], |(_, targets)| targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ldap::fixture;
    use crate::plan::Range;

    fn id(number: usize) -> String {
        format!("00000000-0000-0000-0000-{number:012x}")
    }

    fn asked(predicate: Predicate) -> Vec<LdapOperation> {
        let model = fixture::model();
        let (entity, entries) = place(&model, "User").unwrap();
        let natives = BTreeSet::from([Native::own("UID"), Native::own("entryuuid")]);
        let fields = Fields { natives, ..Fields::default() };
        let search = Search { entity: entity.name.clone(), predicate, fields, range: Range::first(10) };
        operations(entity, entries, &search, &Dns::new()).unwrap()
    }

    #[test]
    fn only_what_is_needed_is_read_and_one_more_is_asked() {
        let operations = asked(Predicate::All);
        let [LdapOperation::Search { base, scope, attributes, size_limit, .. }] = operations.as_slice()
        else {
            panic!("{operations:?}")
        };
        assert_eq!((base.as_str(), *scope, *size_limit), ("ou=people,dc=x", Scope::Subtree, 11));
        assert_eq!(attributes, &["entryUUID", "entryCSN", "UID"]);
    }

    #[test]
    fn many_ids_become_several_searches() {
        let ids: Vec<String> = (0..450).map(id).collect();
        assert_eq!(asked(Predicate::Id(ids.clone())).len(), 3);
        let present = Predicate::Test(Native::own("sn"), Test::Present);
        assert_eq!(asked(Predicate::And(vec![present, Predicate::Id(ids)])).len(), 3);
        assert_eq!(asked(Predicate::Nothing).len(), 0);
    }
}

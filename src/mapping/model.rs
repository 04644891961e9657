//! The native side of a mapping: the [`Model`] that backends work with, from the draft.

use std::sync::Arc;

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::{DraftLine, DraftResource, DraftRest, Given};
use super::line::{Access, Collection, How, Line, ResourceMapping};
use super::{existence, keys, parts, values};
use crate::plan::{
    Child, DeleteRule, Entity, Entries, Key, Lookup, Model, Native, OnDelete, OnMissing, Predicate,
    SideDocument, StandIn, Store, Table,
};

/// Adds the entity of one resource, and those of its look-ups, to the model.
pub(super) fn add(builder: &mut Builder<'_>, model: &mut Model, draft: &DraftResource, of: &ResourceMapping) {
    let store = match (&draft.table, &draft.base) {
        (Some(name), None) => table(builder, draft, name, of).map(Store::Table),
        (None, Some(base)) => entries(builder, draft, base, of).map(Store::Entries),
        _ => {
            builder.wrong(Code::NoHome, draft.at, "a resource needs either `.table(…)` or `.base(…)`");
            None
        }
    };
    let Some(mut store) = store else { return };
    for entity in parts::entities(draft, &store) {
        model.entities.insert(entity.name.clone(), entity);
    }
    if let Store::Table(table) = &store {
        for lookup in &table.lookups {
            let entity = lookup_entity(&of.entity, lookup);
            model.entities.insert(entity.name.clone(), entity);
        }
    }
    let only = existence::only(builder, draft, of);
    let unscoped = (only != Predicate::All).then(|| {
        let name: Arc<str> = format!("{}.*", of.entity).into();
        let entity = bare(name.clone(), alone(&store));
        model.entities.insert(name.clone(), entity);
        name
    });
    match &mut store {
        Store::Table(table) => table.only = only,
        Store::Entries(entries) => entries.only = only,
    }
    let unique = draft.lines.iter().filter(|line| line.unique && line.child.is_none());
    let entity = Entity {
        name: of.entity.clone(),
        store,
        references: references(of),
        unique: unique
            .filter_map(|line| match line.link() {
                Some((native, _)) => Some(native),
                None => line.natives.first().map(|name| native(draft, of, name)),
            })
            .collect(),
        version: draft.version.as_deref().map(Native::own),
        on_delete: existence::on_delete(builder, draft, of),
        read_only: draft.read_only,
        unscoped,
    };
    model.entities.insert(entity.name.clone(), entity);
}

fn table(
    builder: &mut Builder<'_>,
    draft: &DraftResource,
    name: &str,
    of: &ResourceMapping,
) -> Option<Table> {
    if draft.rdn.is_some() || !draft.classes.is_empty() {
        builder.wrong(Code::OtherBackend, draft.at, "`rdn` and `classes` are for entries, not for a table");
    }
    builder.only_entries(draft);
    let Some(id) = Key::of(draft.ids.iter().map(String::as_str)) else {
        builder.wrong(
            Code::NoKey,
            draft.at,
            "a table needs `.id(\"Column\")`: the key that becomes the SCIM id",
        );
        return None;
    };
    let key = |columns: &[String]| Key::of(columns.iter().map(String::as_str)).unwrap_or_else(|| id.clone());
    let lookups = draft.lookups.iter().map(|lookup| Lookup {
        alias: lookup.alias.as_str().into(),
        table: lookup.table.as_str().into(),
        key: key(&lookup.key),
        foreign_key: key(&lookup.foreign_key),
        on_missing: lookup_policy(builder, draft, &lookup.alias),
        only: existence::only_of(draft, of, &lookup.alias),
        initial: existence::literals_of(draft, of, &lookup.alias),
    });
    let lookups = lookups.collect();
    let parts = builder.part_rows(draft, of);
    let sequences = builder.sequences(draft, of);
    let children = of.collections.iter().map(|collection| child(draft, of, collection)).collect();
    let rest = match &draft.rest {
        Some((DraftRest::Column { table, key: columns, column }, _)) => {
            let [table, column] = [table, column].map(|name| name.as_str().into());
            Some(SideDocument { table, key: key(columns), column })
        }
        Some((DraftRest::Attribute(_), at)) => {
            builder.wrong(
                Code::RestForm,
                *at,
                "of a table, `rest` needs `rest(\"Table\", \"Key\", \"Column\")`",
            );
            None
        }
        None => None,
    };
    let stand_ins = stand_ins(draft, of);
    let links = draft.lines.iter().filter_map(DraftLine::link).collect();
    let nobody = keys::nobody(draft, of);
    let only = Predicate::All;
    let mut table = Table {
        lookups,
        parts,
        children,
        rest,
        links,
        nobody,
        only,
        stand_ins,
        sequences,
        ..Table::new(name.into(), id)
    };
    table.writable = writable_columns(draft, of, &table);
    builder.check_keys(draft, of, &table);
    check_version(builder, draft, of, &table);
    Some(table)
}

/// The columns of the row itself that clients say, in the mapping's order; last what must be unique, what leads elsewhere
/// and what stays. No password: who looks for changes of it shall find none.
fn writable_columns(draft: &DraftResource, of: &ResourceMapping, table: &Table) -> Vec<Arc<str>> {
    let is_unique = |line: &Line| {
        let natives: Vec<String> = line.natives.iter().map(Native::to_string).collect();
        draft.lines.iter().any(|said| said.unique && said.natives == natives)
    };
    let mut lines: Vec<&Line> = of.written_lines().filter(|line| !line.is_secret()).collect();
    let is_kept = |line: &Line| line.access != Access::ReadWrite;
    let leads = |line: &Line| line.is_reference() || line.natives.iter().any(|native| native.part.is_some());
    lines.sort_by_key(|line| (is_kept(line), leads(line), is_unique(line)));
    let columns = |native: &Native| match &native.part {
        None => Some(table.columns(native)),
        Some(alias) => table.lookup(alias).map(|lookup| lookup.foreign_key.clone()),
    };
    let is_own = |column: &Arc<str>| {
        let is_version = draft.version.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(column));
        !is_version && !table.id.columns().iter().any(|key| key.eq_ignore_ascii_case(column))
    };
    let mut all = Vec::new();
    for key in lines.iter().flat_map(|line| &line.natives).filter_map(columns) {
        for column in key.columns().iter().filter(|column| is_own(column)) {
            if !all.contains(column) {
                all.push(column.clone());
            }
        }
    }
    all
}

/// That a version moves when what hangs on the row changes: then something of the row is written too.
fn check_version(builder: &mut Builder<'_>, draft: &DraftResource, of: &ResourceMapping, table: &Table) {
    let is_apart = |rest: &SideDocument| rest.table != table.name;
    let hangs = !table.parts.is_empty()
        || table.rest.as_ref().is_some_and(is_apart)
        || of.collections.iter().any(|collection| !collection.read_only);
    let is_stamped = of.stamps.iter().any(|(native, _)| native.part.is_none());
    let is_moved = is_stamped || !table.writable.is_empty();
    let Some(version) = draft.version.as_ref().filter(|_| hangs && !is_moved && !draft.read_only) else {
        return;
    };
    let message = format!(
        "`{version}` stays as it is when only what hangs on the row changes: no column is written then"
    );
    let help = format!("say what is: stamp(\"…\", now()), or a line over another column of {}", table.name);
    builder.warn(Code::VersionStays, builder.verb(draft.at, "version"), &message, &help);
}

fn child(draft: &DraftResource, of: &ResourceMapping, collection: &Collection) -> Child {
    let prefix = format!("{}.", collection.table);
    let initial = draft.initial.iter().filter_map(|given| {
        let column = given.native.strip_prefix(&prefix)?;
        let Given::Literal(value) = &given.value else { return None };
        Some((column.into(), values::literal(value)?))
    });
    let mut all = existence::literals_of(draft, of, &collection.table);
    all.extend(initial);
    Child {
        table: collection.table.clone(),
        foreign_key: collection.foreign_key.clone(),
        by: collection.by.clone().filter(|by| draft.ids != [&**by]), // the key itself is no stand-in
        initial: all,
        only: existence::only_of(draft, of, &collection.table),
    }
}

/// The `on_missing` of the line that reads the look-up's name.
fn lookup_policy(builder: &mut Builder<'_>, draft: &DraftResource, alias: &str) -> OnMissing {
    let prefix = format!("{alias}.");
    let mut lines =
        draft.lines.iter().filter(|line| line.natives.iter().any(|native| native.starts_with(&prefix)));
    match lines.next() {
        Some(line) => builder.on_missing(line, &[OnMissing::Reject, OnMissing::Create]),
        None => OnMissing::default(),
    }
}

fn lookup_entity(owner: &str, lookup: &Lookup) -> Entity {
    let table = Table {
        name: lookup.table.clone(),
        id: lookup.key.clone(),
        only: lookup.only.clone(),
        ..Table::new(lookup.table.clone(), lookup.key.clone())
    };
    bare(format!("{owner}.{}", lookup.alias).into(), Store::Table(table))
}

/// The same rows or entries, without what is written with them.
fn alone(store: &Store) -> Store {
    let mut store = store.clone();
    match &mut store {
        Store::Table(table) => table.stand_ins.clear(),
        Store::Entries(entries) => {
            (entries.parts, entries.copies, entries.counters) = (Vec::new(), Vec::new(), Vec::new());
            entries.stand_ins.clear();
        }
    }
    store
}

/// A place that is no resource type of its own.
pub(super) fn bare(name: Arc<str>, store: Store) -> Entity {
    Entity {
        name,
        store,
        references: Default::default(),
        unique: Vec::new(),
        version: None,
        on_delete: vec![DeleteRule::always(OnDelete::Delete)],
        read_only: false,
        unscoped: None,
    }
}

fn entries(
    builder: &mut Builder<'_>,
    draft: &DraftResource,
    base: &str,
    of: &ResourceMapping,
) -> Option<Entries> {
    builder.only_rows(draft);
    let Some((rdn, _, _)) = &draft.rdn else {
        builder.wrong(
            Code::EntryIncomplete,
            draft.at,
            "an entry needs `.rdn(\"attribute\", \"{template}\")`: its name",
        );
        return None;
    };
    if !draft.lookups.is_empty() {
        builder.wrong(Code::OtherBackend, draft.at, "`lookup` is for a table, not for entries");
    }
    if draft.ids.len() > 1 {
        builder.wrong(Code::KeyColumns, draft.at, "an entry's id is one attribute");
    }
    let rest = match &draft.rest {
        Some((DraftRest::Attribute(name), _)) => Some(name.as_str().into()),
        Some((DraftRest::Column { .. }, at)) => {
            builder.wrong(Code::RestForm, *at, "of an entry, `rest` is one attribute: `rest(\"attribute\")`");
            None
        }
        None => None,
    };
    if draft.classes.is_empty() {
        builder.wrong(Code::EntryIncomplete, draft.at, "an entry needs `.classes([…])`: its object classes");
    }
    let placeholder = draft.lines.iter().find_map(|line| {
        let value = line.placeholder.clone()?;
        Some((line.natives.first()?.as_str().into(), value))
    });
    Some(Entries {
        base: base.to_owned(),
        classes: draft.classes.clone(),
        rdn: rdn.as_str().into(),
        id: draft.ids.first().map_or_else(|| usual_id(&draft.classes), String::as_str).into(),
        placeholder,
        rest,
        only: Predicate::All,
        parts: builder.parts(draft, of),
        copies: builder.copies(draft),
        stand_ins: stand_ins(draft, of),
        counters: builder.counters(draft),
    })
}

/// The attribute that gives entries their id where the mapping does not say it: Active Directory's classes have
/// another one than the rest of the world (RFC 4530).
fn usual_id(classes: &[String]) -> &'static str {
    let is_of_active_directory = |class: &String| ["user", "group"].contains(&class.to_lowercase().as_str());
    if classes.iter().any(is_of_active_directory) { "objectGUID" } else { "entryUUID" }
}

/// The native of a name that stands alone.
fn native(draft: &DraftResource, of: &ResourceMapping, name: &str) -> Native {
    match draft.place_of(of, name).filter(|_| !of.is_entry) {
        Some((place, column)) => Native::of(place, column),
        None => Native::own(name),
    }
}

/// The lines of references that are stored by another attribute than the DN, or another column than the key.
fn stand_ins(draft: &DraftResource, of: &ResourceMapping) -> std::collections::BTreeMap<Native, StandIn> {
    let stand_in = |line: &DraftLine| {
        let native = native(draft, of, line.natives.first()?);
        let is_written = of.lines.iter().any(|line| line.writable() && line.natives.contains(&native))
            || of.collections.iter().any(|c| !c.read_only && Some(&c.table) == native.part.as_ref());
        Some((native, line.stand_in(is_written && !draft.read_only)?))
    };
    draft.lines.iter().filter(|line| !line.copy).filter_map(stand_in).collect()
}

fn references(of: &ResourceMapping) -> std::collections::BTreeMap<Native, Vec<Arc<str>>> {
    let types = |how: &How| match how {
        How::Reference { types, .. } => Some(types.clone()),
        _ => None,
    };
    let lines = of
        .lines
        .iter()
        .filter_map(|line| Some((line.natives.first()?.clone(), types(&line.conversion.how)?)));
    let parts = of.collections.iter().flat_map(|collection| {
        collection.parts.iter().filter_map(|part| {
            let native = Native::of(collection.table.clone(), part.column.clone());
            Some((native, types(&part.conversion.how)?))
        })
    });
    lines.chain(parts).collect()
}

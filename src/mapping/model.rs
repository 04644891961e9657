//! The native side of a mapping: the [`Model`] that backends work with, from the draft.

use std::sync::Arc;

use serde_json::Value as Json;

use super::build::Builder;
use super::draft::{DraftDelete, DraftResource, Given};
use super::line::{Collection, How, ResourceMapping};
use super::{parts, values};
use crate::plan::{
    Child, Disabled, Entity, Entries, Lookup, Model, Move, Native, OnDelete, OnMissing, Row, SideDocument,
    Store, Table, Value,
};
use crate::scim::path::AttrPath;

/// Adds the entity of one resource, and those of its look-ups, to the model.
pub(super) fn add(builder: &mut Builder<'_>, model: &mut Model, draft: &DraftResource, of: &ResourceMapping) {
    let store = match (&draft.table, &draft.base) {
        (Some(name), None) => table(builder, draft, name, of).map(Store::Table),
        (None, Some(base)) => entries(builder, draft, base, of).map(Store::Entries),
        _ => {
            builder.wrong(draft.at, "a resource needs either `.table(…)` or `.base(…)`");
            None
        }
    };
    let Some(store) = store else { return };
    for entity in parts::entities(draft, &store) {
        model.entities.insert(entity.name.clone(), entity);
    }
    if let Store::Table(table) = &store {
        for lookup in &table.lookups {
            let entity = lookup_entity(&of.entity, lookup);
            model.entities.insert(entity.name.clone(), entity);
        }
    }
    let unique = draft.lines.iter().filter(|line| line.unique && line.child.is_none());
    let entity = Entity {
        name: of.entity.clone(),
        store,
        references: references(of),
        unique: unique
            .filter_map(|line| line.natives.first())
            .map(|name| Native::own(name.as_str()))
            .collect(),
        version: draft.version.as_deref().map(Native::own),
        on_delete: on_delete(builder, draft, of),
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
        builder.wrong(draft.at, "`rdn` and `classes` are for entries, not for a table");
    }
    builder.only_entries(draft);
    let [id] = draft.ids.as_slice() else {
        builder.wrong(draft.at, "a table needs `.id(\"Column\")`: the key that becomes the SCIM id");
        return None;
    };
    let lookups = draft.lookups.iter().map(|lookup| Lookup {
        alias: lookup.alias.as_str().into(),
        table: lookup.table.as_str().into(),
        key: lookup.key.as_str().into(),
        foreign_key: lookup.foreign_key.as_str().into(),
        on_missing: lookup_policy(builder, draft, &lookup.alias),
    });
    let lookups = lookups.collect();
    let children = of.collections.iter().map(|collection| child(draft, collection)).collect();
    let rest = draft.rest.as_ref().map(|(table, key, column, _)| SideDocument {
        table: table.as_str().into(),
        key: key.as_str().into(),
        column: column.as_str().into(),
    });
    Some(Table { name: name.into(), id: id.as_str().into(), lookups, children, rest })
}

fn child(draft: &DraftResource, collection: &Collection) -> Child {
    let prefix = format!("{}.", collection.table);
    let initial = draft.initial.iter().filter_map(|given| {
        let column = given.native.strip_prefix(&prefix)?;
        let Given::Literal(value) = &given.value else { return None };
        Some((column.into(), values::literal(value)?))
    });
    Child {
        table: collection.table.clone(),
        foreign_key: collection.foreign_key.clone(),
        initial: initial.collect(),
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
    Entity {
        name: format!("{owner}.{}", lookup.alias).into(),
        store: Store::Table(Table {
            name: lookup.table.clone(),
            id: lookup.key.clone(),
            lookups: Vec::new(),
            children: Vec::new(),
            rest: None,
        }),
        references: Default::default(),
        unique: Vec::new(),
        version: None,
        on_delete: vec![OnDelete::Delete],
    }
}

fn entries(
    builder: &mut Builder<'_>,
    draft: &DraftResource,
    base: &str,
    of: &ResourceMapping,
) -> Option<Entries> {
    let Some((rdn, _, _)) = &draft.rdn else {
        builder.wrong(draft.at, "an entry needs `.rdn(\"attribute\", \"{template}\")`: its name");
        return None;
    };
    if !draft.lookups.is_empty() {
        builder.wrong(draft.at, "`lookup` is for a table, not for entries");
    }
    if let Some((_, _, _, at)) = &draft.rest {
        builder.wrong(*at, "`rest` on a directory is not built yet");
    }
    if draft.classes.is_empty() {
        builder.wrong(draft.at, "an entry needs `.classes([…])`: its object classes");
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
        parts: builder.parts(draft, of),
        copies: builder.copies(draft),
        counters: builder.counters(draft),
    })
}

/// The attribute that gives entries their id where the mapping does not say it: Active Directory's classes have
/// another one than the rest of the world (RFC 4530).
fn usual_id(classes: &[String]) -> &'static str {
    let is_of_active_directory = |class: &String| ["user", "group"].contains(&class.to_lowercase().as_str());
    if classes.iter().any(is_of_active_directory) { "objectGUID" } else { "entryUUID" }
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

fn on_delete(builder: &mut Builder<'_>, draft: &DraftResource, of: &ResourceMapping) -> Vec<OnDelete> {
    if draft.on_delete.is_empty() {
        builder.wrong(draft.at, "say what DELETE does: `.on_delete(\"delete\")` or `.on_delete(\"refuse\")`");
    }
    draft.on_delete.iter().filter_map(|rule| delete_rule(builder, rule, of)).collect()
}

fn delete_rule(builder: &mut Builder<'_>, rule: &DraftDelete, of: &ResourceMapping) -> Option<OnDelete> {
    if rule.to.is_some() && rule.how != "move" {
        builder.wrong(rule.at, format!("`on_delete({:?}, …)` has no place to go to", rule.how));
        return None;
    }
    match rule.how.as_str() {
        "delete" if rule.rows.is_empty() => Some(OnDelete::Delete),
        "delete" => {
            builder.wrong(rule.at, "`on_delete(\"delete\", …)` for some rows only is not built yet");
            None
        }
        "refuse" => Some(OnDelete::Refuse(rule.rows.iter().filter_map(guard).collect::<Row>())),
        "move" => match &rule.to {
            Some(to) if of.is_entry => Some(OnDelete::Move(Move { to: to.clone(), disabled: of.disabled() })),
            _ => {
                builder.wrong(rule.at, "an entry is moved to a DN: `.on_delete(\"move\", \"ou=leavers,…\")`");
                None
            }
        },
        "disable" => {
            builder.wrong(rule.at, "`on_delete(\"disable\")` is not built yet");
            None
        }
        other => {
            builder
                .wrong(rule.at, format!("`on_delete` knows delete, disable, move and refuse, not {other:?}"));
            None
        }
    }
}

impl ResourceMapping {
    /// What stands in an account that is not active, where the mapping says it by coded values.
    fn disabled(&self) -> Option<(Native, Disabled)> {
        let line = self.line(&AttrPath::attribute("active")).filter(|line| line.writable())?;
        let How::Codes(codes) = &line.conversion.how else { return None };
        let written = codes.write(Some(&false.into()))?;
        let disabled = match (codes.bits(), &written) {
            (0, _) => Disabled::Value(written),
            (bits, Some(Value::Integer(set))) => Disabled::Bits { set: bits & set, clear: bits & !set },
            (bits, _) => Disabled::Bits { set: 0, clear: bits },
        };
        Some((line.natives.first()?.clone(), disabled))
    }
}

fn guard((column, value): &(String, Json)) -> Option<(Arc<str>, crate::plan::Value)> {
    Some((column.as_str().into(), values::literal(value)?))
}

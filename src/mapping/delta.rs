//! Membership changed by value: a PATCH that becomes native deltas without a read of the members.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Mapping;
use super::line::{How, ResourceMapping};
use crate::plan::{Change, Changes, Native, Record, Reference, Row, RowChanges, Value};
use crate::scim::error::Error;
use crate::scim::patch::Delta;

impl Mapping {
    /// The records of what comes and of what goes, when the attribute consists of references that may be
    /// written; their references are not settled yet.
    pub fn delta(&self, of: &ResourceMapping, delta: &Delta) -> Result<Option<(Record, Record)>, Error> {
        let (mut comes, mut goes) = (Record::default(), Record::default());
        if let Some(line) =
            of.line(&delta.attribute).filter(|line| line.many && line.is_reference() && line.writable())
        {
            let Some(native) = line.natives.first() else { return Ok(None) };
            let ids = delta.add.iter().filter_map(|element| element.get("value").and_then(Json::as_str));
            comes.values.insert(native.clone(), ids.map(link).collect());
            goes.values.insert(native.clone(), delta.remove.iter().map(|id| link(id)).collect());
            return Ok(Some((comes, goes)));
        }
        let collection = of.collection(&delta.attribute).filter(|collection| !collection.read_only);
        let Some((collection, part)) = collection.and_then(|c| Some((c, c.reference()?))) else {
            return Ok(None);
        };
        if !matches!(part.conversion.how, How::Reference { .. }) {
            return Ok(None);
        }
        let rows = delta.add.iter().map(|element| self.row(collection, &Json::Object(element.clone())));
        comes.children.insert(collection.table.clone(), rows.collect::<Result<_, _>>()?);
        let gone = |id: &String| Row::from([(part.column.clone(), link(id))]);
        goes.children.insert(collection.table.clone(), delta.remove.iter().map(gone).collect());
        Ok(Some((comes, goes)))
    }

    /// The changes for settled records of what comes and goes.
    pub fn delta_changes(&self, comes: Record, mut goes: Record) -> Changes {
        let mut changes = Changes::default();
        for (native, add) in comes.values {
            let remove = goes.values.remove(&native).unwrap_or_default();
            insert(&mut changes, native, Change { remove, add, repeatable: true, ..Change::default() });
        }
        for (native, remove) in goes.values {
            insert(&mut changes, native, Change { remove, repeatable: true, ..Change::default() });
        }
        let mut tables: Vec<Arc<str>> = comes.children.keys().chain(goes.children.keys()).cloned().collect();
        tables.dedup();
        let mut comes = comes.children;
        for table in tables {
            let rows = RowChanges {
                remove: goes.children.remove(&table).unwrap_or_default(),
                add: comes.remove(&table).unwrap_or_default(),
            };
            if !rows.add.is_empty() || !rows.remove.is_empty() {
                changes.children.insert(table, rows);
            }
        }
        changes
    }
}

fn insert(changes: &mut Changes, native: Native, change: Change) {
    if !change.add.is_empty() || !change.remove.is_empty() {
        changes.values.insert(native, change);
    }
}

fn link(id: &str) -> Value {
    Value::Reference(Reference { resource: None, id: id.to_owned() })
}

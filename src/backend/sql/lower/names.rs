//! What stands in for rows elsewhere (`by`): looked up when it is written, following the row when its name changes, and
//! gone with it: who gets the name later must not find what was another's.

use std::sync::Arc;

use super::super::builder::Builder;
use super::super::{condition, link};
use super::Lowering;
use super::cell::{Cell, Columns};
use crate::backend::Failure;
use crate::plan::{Change, Entity, Expect, Held, Native, Param, Predicate, Reference, Store, Update, Value};

/// Where something that stands in for a row is held.
struct Place<'a> {
    table: &'a Arc<str>,
    only: &'a Predicate,
    column: &'a Arc<str>,
    /// Whether a row is nothing but the link: then it goes when what it leads to goes.
    is_link: bool,
}

impl<'a> Lowering<'a> {
    /// What is written of a native of the row's own.
    pub(super) fn own_cells(&self, native: &Native, values: &[Value]) -> Result<Columns<'a>, Failure> {
        if self.table.stand_ins.contains_key(native) {
            return Ok(vec![(native.name.clone(), self.cell(native, values))]);
        }
        let written = self.own.written(self.table, native, values.first(), &self.table.id)?;
        Ok(written.into_iter().map(|(column, param)| (column, Cell::Param(param))).collect())
    }

    /// What is written for a native's values: the first, or NULL; for a reference by another column what that holds.
    pub(super) fn cell(&self, native: &Native, values: &[Value]) -> Cell<'a> {
        match values.first() {
            Some(Value::Reference(to)) if self.table.stand_ins.contains_key(native) => {
                Cell::Link(link::targets(self.model, self.entity, native), to.clone())
            }
            _ => Cell::first(values),
        }
    }

    /// Whether a child table's column holds what stands in for rows.
    pub(super) fn is_named(&self, table: &Arc<str>, column: &Arc<str>) -> bool {
        self.table.stand_ins.contains_key(&Native::of(table.clone(), column.clone()))
    }

    /// What stands in for the row that a child table's row leads to.
    pub(super) fn in_child(
        &self,
        builder: &mut Builder<'_>,
        table: &Arc<str>,
        column: &Arc<str>,
        value: &Value,
    ) -> Result<String, Failure> {
        let native = Native::of(table.clone(), column.clone());
        self.cell(&native, std::slice::from_ref(value)).write(builder, table, column, "NULL")
    }

    /// What stands in for the row follows its new value, unless the database did so by itself.
    pub(super) fn rename_elsewhere(&mut self, update: &Update) -> Result<(), Failure> {
        for (native, Change { remove, add, .. }) in &update.changes.values {
            let ([old, ..], [new, ..]) = (remove.as_slice(), add.as_slice()) else { continue };
            for place in self.places(native) {
                let mut builder = Builder::new(self.dialect);
                let (table, column) = (self.quote(place.table), self.quote(place.column));
                let new = builder.stored(place.table, place.column, Param::Value(new.clone()))?;
                let old = self.against(&mut builder, place.table, place.column, &Param::Value(old.clone()));
                builder.push(&format!("UPDATE {table} SET {column} = {new} WHERE {column} = {old}"));
                condition::write_scope(&mut builder, place.table, place.only, None)?;
                let about = format!("{} in {} follows, if it has not", place.column, place.table);
                self.steps.push(builder.step(about, Expect::Done, None)?);
            }
        }
        Ok(())
    }

    /// What stands in for the row goes before it does.
    pub(super) fn leave_elsewhere(&mut self, id: &str) -> Result<(), Failure> {
        let to = Reference { resource: Some(self.entity.name.to_string()), id: id.to_owned() };
        for held in self.model.holders(&self.entity.name) {
            let Some(place) = place(&held) else { continue };
            let mut builder = Builder::new(self.dialect);
            let (table, column) = (self.quote(place.table), self.quote(place.column));
            let name = link::value(&mut builder, &link::targets(self.model, held.owner, held.native), &to)?;
            let verb = match place.is_link {
                true => format!("DELETE FROM {table}"),
                false => format!("UPDATE {table} SET {column} = NULL"),
            };
            builder.push(&format!("{verb} WHERE {column} = {name}"));
            condition::write_scope(&mut builder, place.table, place.only, None)?;
            let about = format!("what leads to it by {} in {}", place.column, place.table);
            self.steps.push(builder.step(about, Expect::Done, None)?);
        }
        Ok(())
    }

    /// Where this column of the resource's own row stands in for it.
    fn places(&self, column: &Native) -> Vec<Place<'a>> {
        let is_meant = |held: &Held<'_>| column.part.is_none() && column.name == held.by.attribute;
        let name: &'a str = &self.entity.name;
        let held = self.model.holders(name).filter(is_meant);
        held.filter_map(|held| place(&held)).collect()
    }
}

fn place<'a>(held: &Held<'a>) -> Option<Place<'a>> {
    let Entity { store: Store::Table(owner), .. } = held.owner else { return None };
    let column = &held.native.name;
    let (table, only, is_link) = match &held.native.part {
        None => (&owner.name, &owner.only, false),
        Some(part) => match (owner.part(part), owner.child(part)) {
            (Some(part), _) => (&part.table, &part.only, false),
            (None, Some(child)) => (&child.table, &child.only, true),
            (None, None) => return None,
        },
    };
    Some(Place { table, only, column, is_link })
}

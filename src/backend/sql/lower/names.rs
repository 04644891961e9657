//! What stands in for rows elsewhere (`by`): looked up when it is written, following the row when its name changes, and
//! gone with it: who gets the name later must not find what was another's.

use std::sync::Arc;

use super::super::builder::Builder;
use super::super::{condition, key, link};
use super::Lowering;
use super::cell::{Cell, Columns};
use crate::backend::Failure;
use crate::plan::{
    Change, Child, Entity, Expect, Held, Native, Param, Predicate, Reference, Store, Update, Value,
};

/// Where something that stands in for a row is held.
#[derive(PartialEq)]
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
        let written = self.own.written(self.table, native, values.first(), Some(&self.table.id))?;
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

    /// The columns of a child table that lead to the row, and the marks of what is stored there.
    pub(super) fn stored_in_child(
        &self,
        builder: &mut Builder<'_>,
        child: &Child,
    ) -> Result<(Vec<String>, Vec<String>), Failure> {
        match &child.by {
            None => self.stored_key(builder, &child.table, &child.foreign_key),
            Some(by) => Ok((self.columns(&child.foreign_key), vec![self.own_name(builder, by)])),
        }
    }

    /// That a child table's row leads to the row.
    pub(super) fn is_in_child(&self, builder: &mut Builder<'_>, child: &Child) -> String {
        match &child.by {
            None => self.is_own(builder, &child.table, &child.foreign_key),
            Some(by) => key::same(&self.columns(&child.foreign_key), &[self.own_name(builder, by)]),
        }
    }

    /// What stands in for the row itself, looked up when the statement runs.
    fn own_name(&self, builder: &mut Builder<'_>, by: &str) -> String {
        let is_it = self.is_own(builder, &self.table.name, &self.table.id);
        format!("(SELECT {} FROM {} WHERE {is_it})", self.quote(by), self.quote(&self.table.name))
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

    /// What stands in for the row goes before it does, after its own rows elsewhere.
    pub(super) fn leave_elsewhere(&mut self, id: &str) -> Result<(), Failure> {
        let to = Reference { resource: Some(self.entity.name.to_string()), id: id.to_owned() };
        for held in self.model.holders(&self.entity.name) {
            let own = self.own_places();
            let Some(place) = place(&held).filter(|place| !own.contains(place)) else { continue };
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
        let held = self.model.holders(name).filter(is_meant).filter_map(|held| place(&held));
        let is_by = |child: &&Child| column.part.is_none() && child.by.as_ref() == Some(&column.name);
        let mut places: Vec<_> = self.table.children.iter().filter(is_by).map(of_child).collect();
        for place in held {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// Those in the resource's own child tables.
    fn own_places(&self) -> Vec<Place<'a>> {
        self.table.children.iter().filter(|child| child.by.is_some()).map(of_child).collect()
    }
}

fn of_child(child: &Child) -> Place<'_> {
    let column = child.foreign_key.columns().first().unwrap_or(&child.table);
    Place { table: &child.table, only: &child.only, column, is_link: true }
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

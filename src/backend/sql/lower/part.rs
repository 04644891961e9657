//! The rows beside the resource's own that live and die with it: inserted after it, changed or inserted when it changes,
//! deleted before it. Of a part that keeps history a change is one more row.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::builder::Builder;
use super::super::{condition, key, part};
use super::Lowering;
use super::cell::{Cell, Columns};
use crate::backend::Failure;
use crate::plan::{Changes, Dated, Expect, Native, PartRow, Predicate, Test, Value};

/// The alias of the row in force, where the next is made of it.
const BEFORE: &str = "b";
/// The alias of the rows of the same day.
const SAME_DAY: &str = "s";

impl<'a> Lowering<'a> {
    /// The parts of a new resource: each one for which there is a value.
    pub(super) fn insert_parts(&mut self, values: &BTreeMap<Native, Vec<Value>>) -> Result<(), Failure> {
        for part in &self.table.parts {
            let columns = of_part(part, values, |native, values| self.cell(native, values));
            if !columns.is_empty() {
                self.insert_part(part, columns)?;
            }
        }
        Ok(())
    }

    /// What changes in parts.
    pub(super) fn update_parts(&mut self, id: &str, changes: &Changes) -> Result<(), Failure> {
        for part in &self.table.parts {
            let columns = of_part(part, &changes.values, |native, change| self.cell(native, &change.add));
            let initial = of_part(part, &changes.initial, |_, value| Cell::value(value));
            self.write_part(part, id, columns, initial)?;
        }
        Ok(())
    }

    /// Writes these columns of a part; `initial` are more, should it not be there. Whether it is a read tells.
    pub(super) fn write_part(
        &mut self,
        part: &PartRow,
        id: &str,
        columns: Columns<'a>,
        initial: Columns<'a>,
    ) -> Result<(), Failure> {
        if columns.is_empty() {
            return Ok(());
        }
        let needed = self.needs.len();
        let is_there = part.key.columns().iter().fold(Predicate::All, |all, column| {
            all.and(Predicate::Test(Native::of(part.alias.clone(), column.clone()), Test::Present))
        });
        let is_there = self.has(id, &is_there);
        match (is_there, &part.dated) {
            _ if self.needs.len() > needed => Ok(()),
            (true, Some(dated)) => self.insert_next(part, dated, &columns),
            (true, None) => self.update_part(part, &columns),
            (false, _) if columns.iter().all(|(_, cell)| cell.is_null()) => Ok(()),
            (false, _) => self.insert_part(part, columns.into_iter().chain(initial).collect()),
        }
    }

    /// The rows of all parts go.
    pub(super) fn delete_parts(&mut self) -> Result<(), Failure> {
        for part in &self.table.parts {
            let mut builder = Builder::new(self.dialect);
            let is_its = self.is_own(&mut builder, &part.table, &part.key);
            builder.push(&format!("DELETE FROM {} WHERE {is_its}", self.quote(&part.table)));
            condition::write_scope(&mut builder, &part.table, &part.only, None)?;
            let about = match part.dated {
                Some(_) => format!("its rows in {}, those of the future too", part.table),
                None => format!("its row in {}", part.table),
            };
            self.steps.push(builder.step(about, Expect::Done, None)?);
        }
        Ok(())
    }

    fn insert_part(&mut self, part: &PartRow, mut columns: Columns<'a>) -> Result<(), Failure> {
        let has = |columns: &Columns<'a>, name: &str| columns.iter().any(|(known, _)| **known == *name);
        for (column, sequence) in &part.sequences {
            if !has(&columns, column) {
                columns.push((column.clone(), Cell::Next(sequence.clone())));
            }
        }
        if let Some(dated) = &part.dated {
            columns.retain(|(known, _)| *known != dated.date);
            columns.push((dated.date.clone(), Cell::value(&Value::Today)));
            if !has(&columns, &dated.seq) {
                columns.push((dated.seq.clone(), Cell::value(&Value::Integer(dated.first))));
            }
        }
        let mut builder = Builder::new(self.dialect);
        let (mut names, mut marks) = self.stored_key(&mut builder, &part.table, &part.key)?;
        for (column, cell) in &columns {
            let name = self.quote(column);
            marks.push(cell.write(&mut builder, &part.table, column, "NULL")?);
            names.push(name);
        }
        let table = self.quote(&part.table);
        builder.push(&format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), marks.join(", ")));
        self.steps.push(builder.step(format!("its row in {}", part.table), Expect::Rows(1), None)?);
        Ok(())
    }

    fn update_part(&mut self, part: &PartRow, columns: &Columns<'a>) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        let set = self.set(&mut builder, &part.table, columns)?;
        let is_its = self.is_own(&mut builder, &part.table, &part.key);
        builder.push(&format!("UPDATE {} SET {set} WHERE {is_its}", self.quote(&part.table)));
        condition::write_scope(&mut builder, &part.table, &part.only, None)?;
        self.steps.push(builder.step(format!("its row in {}", part.table), Expect::Rows(1), None)?);
        Ok(())
    }

    /// The next row of history: what changes, and all else as in the one in force.
    fn insert_next(&mut self, part: &PartRow, dated: &Dated, columns: &Columns<'a>) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        let [table, date, seq] = [&part.table, &dated.date, &dated.seq].map(|name| self.quote(name));
        let of = |alias| key::columns(self.dialect, alias, &part.key);
        let (same_day, before) = (of(Some(SAME_DAY)), of(Some(BEFORE)));
        let is_its = key::same(&same_day, &before);
        let today = self.dialect.today();
        let kind = self.dialect.kind(&part.table, &dated.date);
        let day = self.dialect.date(&format!("{SAME_DAY}.{date}"), kind);
        let (mut names, mut values) = (of(None), before.clone());
        names.extend([date, seq.clone()]);
        values.extend([
            today.to_owned(),
            format!(
                "COALESCE((SELECT MAX({SAME_DAY}.{seq}) + 1 FROM {table} AS {SAME_DAY} \
                 WHERE {is_its} AND {day} = {today}), {})",
                dated.first
            ),
        ]);
        let is_given = |name: &Arc<str>| [&dated.date, &dated.seq].contains(&name) || part.key.has(name);
        for (column, cell) in columns.iter().filter(|(name, _)| !is_given(name)) {
            let name = self.quote(column);
            values.push(cell.write(&mut builder, &part.table, column, &format!("{BEFORE}.{name}"))?);
            names.push(name);
        }
        for column in &dated.kept {
            let is_said = columns.iter().any(|(known, _)| known == column);
            if !is_said && !is_given(column) {
                let name = self.quote(column);
                values.push(format!("{BEFORE}.{name}"));
                names.push(name);
            }
        }
        let is_its = self.is_row(&mut builder, &part.table, &part.key, &before);
        builder.push(&format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table} AS {BEFORE} WHERE {is_its}",
            names.join(", "),
            values.join(", ")
        ));
        part::write_current(&mut builder, part, BEFORE)?;
        let about = format!("its next row in {}, in force from today", part.table);
        self.steps.push(builder.step(about, Expect::Rows(1), None)?);
        Ok(())
    }
}

/// What there is for a part's columns, as cells.
pub(super) fn of_part<'a, T>(
    part: &PartRow,
    all: &BTreeMap<Native, T>,
    cell: impl Fn(&Native, &T) -> Cell<'a>,
) -> Columns<'a> {
    let own = all.iter().filter(|(native, _)| native.part.as_deref() == Some(&*part.alias));
    own.map(|(native, value)| (native.name.clone(), cell(native, value))).collect()
}

//! From an operation and what is known of the state to statements, or to the reads that are needed first.
//! Pure. All statements of a plan run in one transaction, with the reads that decided it.

mod cell;
mod names;
mod part;

use std::collections::BTreeMap;
use std::sync::Arc;

use cell::{Cell, Columns};

use super::builder::{Builder, variable};
use super::condition;
use super::dialect::Dialect;
use super::hooks;
use super::key;
use super::own::{self, Own, id_parts, texts};
use super::select::{Reading, select, table_of};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    Case, Changes, Child, Create, Delete, DeleteRule, Disable, Disabled, Entity, Expect, Facts, HookStep,
    Key, Lookup, Model, Native, OnDelete, OnMissing, Operation, Param, Plan, Predicate, Range, Record, Row,
    Search, Step, Table, Test, Update, Value,
};

/// The output under which the statements after an INSERT know the new row's key; of a key of several columns, what each
/// one's begins with.
const KEY: &str = "id";

/// What would be done, or which reads decide it.
pub(super) fn lower(
    dialect: Dialect<'_>,
    model: &Model,
    operation: &Operation,
    facts: &Facts,
) -> Result<Lowered, Failure> {
    match operation {
        Operation::Search(search) => Ok(Lowered::Plan(select(dialect, model, search, Reading::Free)?.plan())),
        Operation::Create(create) => Lowering::new(dialect, model, &create.entity, facts)?.create(create),
        Operation::Update(update) => Lowering::new(dialect, model, &update.entity, facts)?.update(update),
        Operation::Delete(delete) => Lowering::new(dialect, model, &delete.entity, facts)?.delete(delete),
    }
}

struct Lowering<'a> {
    dialect: Dialect<'a>,
    model: &'a Model,
    entity: &'a Entity,
    table: &'a Table,
    facts: &'a Facts,
    steps: Vec<Step>,
    own: Own,
    id: Vec<Param>,
    hidden: Option<String>,
    needs: Vec<Search>,
}

// === impl Lowering ===

impl<'a> Lowering<'a> {
    fn new(dialect: Dialect<'a>, model: &'a Model, entity: &str, facts: &'a Facts) -> Result<Self, Failure> {
        let (entity, table) = table_of(model, entity)?;
        let (steps, own, id, hidden, needs) = Default::default();
        Ok(Self { dialect, model, entity, table, facts, steps, own, id, hidden, needs })
    }

    fn done(self) -> Lowered {
        match self.needs.is_empty() {
            true => Lowered::Plan(Plan { steps: self.steps, id: self.id, hidden: self.hidden }),
            false => Lowered::Need(self.needs),
        }
    }

    fn quote(&self, name: &str) -> String {
        self.dialect.quote(name)
    }

    /// The columns of a key in a statement about one table.
    fn columns(&self, key: &Key) -> Vec<String> {
        key::columns(self.dialect, None, key)
    }

    /// The columns of a table that hold the row's own key, and the marks of what is stored there.
    fn stored_key(
        &self,
        builder: &mut Builder<'_>,
        table: &str,
        holders: &Key,
    ) -> Result<(Vec<String>, Vec<String>), Failure> {
        let held = holders.columns().iter().zip(&self.own.params);
        let marks = held.map(|(column, param)| builder.stored(table, column, param.clone()));
        Ok((self.columns(holders), marks.collect::<Result<_, _>>()?))
    }

    /// That these columns of a table hold the row's own key.
    fn is_own(&self, builder: &mut Builder<'_>, table: &str, holders: &Key) -> String {
        self.is_row(builder, table, holders, &self.columns(holders))
    }

    /// The same of columns that a statement names so.
    fn is_row(&self, builder: &mut Builder<'_>, table: &str, holders: &Key, columns: &[String]) -> String {
        let held = holders.columns().iter().zip(&self.own.params);
        let marks: Vec<String> =
            held.map(|(column, param)| self.against(builder, table, column, param)).collect();
        key::same(columns, &marks)
    }

    // --- create ---

    fn create(mut self, create: &Create) -> Result<Lowered, Failure> {
        if self.is_left_to(&create.hooks, "created")? {
            return Ok(self.done());
        }
        let columns = self.new_columns(&create.record)?;
        self.own.leads_somewhere()?;
        self.unique(&create.record.values, None)?;
        self.insert_own(&columns)?;
        self.insert_parts(&create.record.values)?;
        for (table, rows) in &create.record.children {
            let child = self.child(table)?;
            for row in rows {
                self.insert_child(child, row)?;
            }
        }
        if let Some(document) = &create.record.rest {
            self.insert_rest(document)?;
        }
        self.id.clone_from(&self.own.params);
        self.add_hooks(&create.hooks)?;
        Ok(self.done())
    }

    /// What a new row holds: first what may give its key, then what has a part of it in common.
    fn new_columns(&mut self, record: &Record) -> Result<Columns<'a>, Failure> {
        let mut columns = Columns::new();
        for are_links in [false, true] {
            let is_one =
                |native: &Native| native.part.is_none() && self.table.links.contains_key(native) == are_links;
            for (native, values) in record.values.iter().filter(|(native, _)| is_one(native)) {
                columns.extend(self.own_cells(native, values)?);
            }
            let known = columns.iter().filter_map(|(column, cell)| Some((column, cell.param()?)));
            self.own.learn(&self.table.id, known);
        }
        let is_unsaid = |native: &&Native| !record.values.contains_key(*native);
        let nobody = self.table.nobody.iter().filter(|(_, nobody)| nobody.is_written);
        for native in nobody.map(|(native, _)| native).filter(is_unsaid) {
            columns.extend(self.own_cells(native, &[])?);
        }
        for (native, values) in &record.values {
            if let Some(alias) = native.part.as_ref().filter(|alias| self.table.part(alias).is_none()) {
                columns.extend(self.looked_up(alias, native, values)?);
            }
        }
        for (column, sequence) in &self.table.sequences {
            if !columns.iter().any(|(known, _)| known == column) {
                columns.push((column.clone(), Cell::Next(sequence.clone())));
            }
        }
        let own_rest = self.table.rest.as_ref().filter(|rest| rest.table == self.table.name);
        if let (Some(rest), Some(document)) = (own_rest, &record.rest) {
            columns.push((rest.column.clone(), Cell::value(&Value::Text(document.clone()))));
        }
        Ok(columns)
    }

    /// Whether the mapping's own functions do all of it; then it is done, or refused where they do nothing.
    fn is_left_to(&mut self, hooks: &[HookStep], what: &str) -> Result<bool, Failure> {
        match (self.entity.read_only, hooks.is_empty()) {
            (false, _) => Ok(false),
            (true, true) => Err(Failure::Refused(format!("A {} cannot be {what} here.", self.entity.name))),
            (true, false) => self.add_hooks(hooks).map(|()| true),
        }
    }

    fn add_hooks(&mut self, hooks: &[HookStep]) -> Result<(), Failure> {
        let own = hooks::steps(self.dialect, hooks)?;
        self.steps.extend(own.steps);
        if !own.id.is_empty() {
            self.id = own.id;
        }
        Ok(())
    }

    fn insert_own(&mut self, columns: &Columns<'a>) -> Result<(), Failure> {
        let names: Vec<String> = columns.iter().map(|(name, _)| self.quote(name)).collect();
        let mut builder = Builder::new(self.dialect);
        let marks =
            columns.iter().map(|(name, cell)| cell.write(&mut builder, &self.table.name, name, "NULL"));
        let marks = marks.collect::<Result<Vec<String>, _>>()?;
        let (list, values) = match columns.is_empty() {
            true => (String::new(), "DEFAULT VALUES".to_owned()),
            false => (format!("({})", names.join(", ")), format!("VALUES ({})", marks.join(", "))),
        };
        let about = format!("the row in {}", self.table.name);
        let of = (&*self.table.name, &self.table.id);
        self.own.params = self.insert_returning(builder, about, of, KEY, (list, values))?;
        Ok(())
    }

    /// An INSERT with its columns and values; what later statements know the new row's key by.
    fn insert_returning(
        &mut self,
        mut builder: Builder<'_>,
        about: String,
        (table, key): (&str, &Key),
        output: &str,
        (columns, values): (String, String),
    ) -> Result<Vec<Param>, Failure> {
        let named = |column: &Arc<str>| match key.len() {
            1 => output.into(),
            _ => format!("{output}.{column}").into(),
        };
        let outputs: Vec<Arc<str>> = key.columns().iter().map(named).collect();
        let variables: Vec<String> = outputs.iter().map(|output| variable(output)).collect();
        let (table, columns_of_key) = (self.quote(table), self.columns(key));
        builder.push(&self.dialect.insert_returning(&table, &columns, &values, &columns_of_key, &variables));
        let about = format!("{about}; its {key} is :{} below", outputs.join(", :"));
        self.steps.push(builder.returning(about, Expect::Rows(1), outputs.iter().cloned())?);
        Ok(outputs.into_iter().map(Param::Output).collect())
    }

    /// The foreign key for a look-up's name: known, made by a step before, or refused. What it has in common with the
    /// row's own key stays, and only shared rows with the same there are meant.
    fn looked_up(&mut self, alias: &str, native: &Native, values: &[Value]) -> Result<Columns<'a>, Failure> {
        let lookup = self.table.lookup(alias);
        let lookup = lookup
            .ok_or_else(|| Failure::Internal(format!("{alias} is no look-up of {}", self.entity.name)))?;
        let Some(name) = values.first() else {
            return Ok(self.foreign_key(lookup, vec![Param::Null; lookup.key.len()]));
        };
        let named =
            Predicate::Test(Native::own(native.name.clone()), Test::Equals(name.clone(), Case::Folded));
        let common = self.in_common(lookup);
        let search = Search {
            entity: format!("{}.{alias}", self.entity.name).into(),
            predicate: common.iter().fold(named, |all, (column, value)| all.and(equals(column, value))),
            fields: Default::default(),
            range: Range::first(1),
        };
        let Some(found) = self.facts.get(&search) else {
            self.needs.push(search);
            return Ok(Columns::new());
        };
        let key = match found.records.first() {
            Some(record) => texts(&id_parts(&lookup.key, &record.id)?),
            None => self.missing(lookup, native, name, &common)?,
        };
        Ok(self.foreign_key(lookup, key))
    }

    /// Which columns of a look-up's key hold what the row's own key does.
    fn in_common(&self, lookup: &Lookup) -> Vec<(Arc<str>, Value)> {
        let pairs = lookup.key.columns().iter().zip(lookup.foreign_key.columns());
        let known = |column: &str| Some(Value::from(self.own.known(&self.table.id, column)?));
        pairs.filter_map(|(key, column)| Some((key.clone(), known(column)?))).collect()
    }

    /// What is written of a look-up's key.
    fn foreign_key(&self, lookup: &Lookup, key: Vec<Param>) -> Columns<'a> {
        let columns = lookup.foreign_key.columns().iter().cloned().zip(key.into_iter().map(Cell::Param));
        columns.filter(|(column, _)| self.own.known(&self.table.id, column).is_none()).collect()
    }

    fn missing(
        &mut self,
        lookup: &Lookup,
        native: &Native,
        name: &Value,
        common: &[(Arc<str>, Value)],
    ) -> Result<Vec<Param>, Failure> {
        let shown = name.text().unwrap_or_default();
        match lookup.on_missing {
            OnMissing::Create => {
                let mut builder = Builder::new(self.dialect);
                let given = [(&native.name, name)].into_iter().chain(common.iter().map(|(c, v)| (c, v)));
                let is_said = |column: &Arc<str>| {
                    *column == native.name || common.iter().any(|(known, _)| known == column)
                };
                let given = given.chain(lookup.initial.iter().filter(|(column, _)| !is_said(column)));
                let (mut columns, mut marks) = (Vec::new(), Vec::new());
                for (column, value) in given {
                    columns.push(self.quote(column));
                    marks.push(builder.stored(&lookup.table, column, Param::Value(value.clone()))?);
                }
                let list = (format!("({})", columns.join(", ")), format!("VALUES ({})", marks.join(", ")));
                let about = format!("a new row in {}", lookup.table);
                let of = (&*lookup.table, &lookup.key);
                self.insert_returning(builder, about, of, &lookup.alias, list)
            }
            OnMissing::Skip => Ok(vec![Param::Null; lookup.key.len()]),
            OnMissing::Reject => Err(Failure::Rejected(
                format!("{shown:?} does not exist and is not created here."),
                format!("no row in {} has this name", lookup.table),
            )),
        }
    }

    // --- children and rest ---

    fn child(&self, table: &str) -> Result<&'a Child, Failure> {
        self.table
            .child(table)
            .ok_or_else(|| Failure::Internal(format!("{table} is no child table of {}", self.entity.name)))
    }

    /// Inserts a row unless it is there: a repeated add is no error. A row that leads to a resource is there
    /// when another leads to the same.
    fn insert_child(&mut self, child: &Child, row: &Row) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        let (mut columns, mut marks) = self.stored_in_child(&mut builder, child)?;
        let mut same = vec![key::same(&columns, &marks)];
        let is_link = |value: &Value| matches!(value, Value::Reference(_));
        let has_link = row.values().any(is_link);
        for (name, value) in row {
            if self.is_named(&child.table, name) {
                let (column, mark) =
                    (self.quote(name), self.in_child(&mut builder, &child.table, name, value)?);
                same.push(format!("{column} = {mark}"));
                columns.push(column);
                marks.push(mark);
                continue;
            }
            for (column, param) in self.of_child(child, name, value)? {
                let mark = builder.stored(&child.table, &column, param.clone())?;
                let name = self.quote(&column);
                if is_link(value) || !has_link {
                    let again = self.against_again(&mut builder, (&child.table, &column), &param, &mark);
                    same.push(format!("{name} = {again}"));
                }
                columns.push(name);
                marks.push(mark);
            }
        }
        for (column, value) in child.initial.iter().filter(|(column, _)| !row.contains_key(*column)) {
            columns.push(self.quote(column));
            marks.push(builder.stored(&child.table, column, Param::Value(value.clone()))?);
        }
        let table = self.quote(&child.table);
        builder.push(&format!(
            "INSERT INTO {table} ({}) SELECT {} WHERE NOT EXISTS (SELECT 1 FROM {table}{} WHERE {})",
            columns.join(", "),
            marks.join(", "),
            self.dialect.locking(),
            same.join(" AND ")
        ));
        self.steps.push(builder.step(format!("a row in {}", child.table), Expect::Done, None)?);
        Ok(())
    }

    /// What is written of one column of a child's row, or of the several that a reference stands in.
    fn of_child(&self, child: &Child, name: &Arc<str>, value: &Value) -> Result<own::Columns, Failure> {
        let native = Native::of(child.table.clone(), name.clone());
        self.own.written(self.table, &native, Some(value), child.key())
    }

    /// The mark of a value that a column is compared with; nothing is equal to NULL.
    fn against(&self, builder: &mut Builder<'_>, table: &str, column: &str, param: &Param) -> String {
        match param {
            Param::Value(value) => {
                builder.compared(self.dialect.kind(table, column), value).unwrap_or_else(|| "NULL".to_owned())
            }
            other => builder.param(other.clone()),
        }
    }

    /// The same, of what was stored a moment ago.
    fn against_again(
        &self,
        builder: &mut Builder<'_>,
        (table, column): (&str, &str),
        param: &Param,
        mark: &str,
    ) -> String {
        match param {
            Param::Value(value) => builder
                .compared_again(self.dialect.kind(table, column), value, mark)
                .unwrap_or_else(|| "NULL".to_owned()),
            _ => mark.to_owned(),
        }
    }

    fn delete_child(&mut self, child: &Child, row: &Row) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        let mut terms = vec![self.is_in_child(&mut builder, child)];
        for (name, value) in row {
            if self.is_named(&child.table, name) {
                let mark = self.in_child(&mut builder, &child.table, name, value)?;
                terms.push(format!("{} = {mark}", self.quote(name)));
                continue;
            }
            for (column, param) in self.of_child(child, name, value)? {
                let mark = self.against(&mut builder, &child.table, &column, &param);
                terms.push(format!("{} = {mark}", self.quote(&column)));
            }
        }
        let table = self.quote(&child.table);
        builder.push(&format!("DELETE FROM {table} WHERE {}", terms.join(" AND ")));
        condition::write_scope(&mut builder, &child.table, &child.only, None)?;
        let about = match row.is_empty() {
            true => format!("its rows in {}", child.table),
            false => format!("a row of {} goes", child.table),
        };
        self.steps.push(builder.step(about, Expect::Done, None)?);
        Ok(())
    }

    fn insert_rest(&mut self, document: &str) -> Result<(), Failure> {
        let Some(rest) = self.table.rest.as_ref().filter(|rest| rest.table != self.table.name) else {
            return Ok(());
        };
        let mut builder = Builder::new(self.dialect);
        let (mut columns, mut marks) = self.stored_key(&mut builder, &rest.table, &rest.key)?;
        let document = Param::Value(Value::Text(document.to_owned()));
        columns.push(self.quote(&rest.column));
        marks.push(builder.stored(&rest.table, &rest.column, document)?);
        let (table, columns, marks) = (self.quote(&rest.table), columns.join(", "), marks.join(", "));
        builder.push(&format!("INSERT INTO {table} ({columns}) VALUES ({marks})"));
        self.steps.push(builder.step("what has no column of its own", Expect::Done, None)?);
        Ok(())
    }

    fn delete_rest(&mut self) -> Result<(), Failure> {
        let Some(rest) = self.table.rest.as_ref().filter(|rest| rest.table != self.table.name) else {
            return Ok(());
        };
        let mut builder = Builder::new(self.dialect);
        let is_its = self.is_own(&mut builder, &rest.table, &rest.key);
        builder.push(&format!("DELETE FROM {} WHERE {is_its}", self.quote(&rest.table)));
        self.steps.push(builder.step("its document", Expect::Done, None)?);
        Ok(())
    }

    // --- update ---

    /// Whether the resource is known to exist; asks for the read that tells, when it is not.
    fn exists(&mut self, id: &str) -> Result<bool, Failure> {
        let absent = || Failure::NotFound(format!("no row of {} has the key {id:?}", self.table.name));
        match self.facts.by_id(&self.entity.name, id) {
            Some(Some(_)) => {
                self.own = Own::of_id(&self.table.id, id).ok_or_else(absent)?;
                Ok(true)
            }
            Some(None) => Err(absent()),
            None => {
                self.needs.push(Search::existing(&self.entity.name, vec![id.to_owned()]));
                Ok(false)
            }
        }
    }

    fn update(mut self, update: &Update) -> Result<Lowered, Failure> {
        if !self.exists(&update.id)? || self.is_left_to(&update.hooks, "changed")? {
            return Ok(self.done());
        }
        let mut columns = self.changed_columns(&update.changes)?;
        if columns.is_empty() && !update.changes.is_empty() {
            columns = self.touched();
        }
        let comes = update.changes.values.iter().map(|(native, change)| (native.clone(), change.add.clone()));
        self.unique(&comes.collect(), Some(&update.id))?;
        let is_delta = update.changes.children.values().any(|rows| rows.repeatable);
        if !columns.is_empty() && !is_delta {
            self.update_own(update, &columns, false)?;
        }
        self.rename_elsewhere(update)?;
        self.update_parts(&update.id, &update.changes)?;
        for (table, change) in &update.changes.children {
            let child = self.child(table)?;
            for row in &change.remove {
                self.delete_child(child, row)?;
            }
            for row in &change.add {
                self.insert_child(child, row)?;
            }
        }
        if !columns.is_empty() && is_delta {
            self.update_own(update, &columns, true)?;
        }
        if let Some(document) = &update.changes.rest {
            self.delete_rest()?;
            if let Some(document) = document {
                self.insert_rest(document)?;
            }
        }
        self.add_hooks(&update.hooks)?;
        Ok(self.done())
    }

    fn changed_columns(&mut self, changes: &Changes) -> Result<Columns<'a>, Failure> {
        let mut columns = Columns::new();
        for (native, change) in &changes.values {
            match &native.part {
                None => columns.extend(self.own_cells(native, &change.add)?),
                Some(alias) if self.table.part(alias).is_some() => {}
                Some(alias) => columns.extend(self.looked_up(alias, native, &change.add)?),
            }
        }
        let own_rest = self.table.rest.as_ref().filter(|rest| rest.table == self.table.name);
        if let (Some(rest), Some(document)) = (own_rest, &changes.rest) {
            let param = document.clone().map_or(Param::Null, |document| Param::Value(Value::Text(document)));
            columns.push((rest.column.clone(), Cell::Param(param)));
        }
        Ok(columns)
    }

    /// What is written of the row where only what hangs on it changes: one column, as it is. So its version moves, nobody
    /// else changes what hangs on the row at the same time, and the version that was read can be demanded. Without a
    /// version nothing of it is written: the lock of the read that decided the change is what holds then.
    fn touched(&self) -> Columns<'a> {
        let is_given = |column: &&Arc<str>| !self.dialect.is_generated(&self.table.name, column);
        let column = self.entity.version.as_ref().and_then(|_| self.table.writable.iter().find(is_given));
        column.map(|column| (column.clone(), Cell::Held)).into_iter().collect()
    }

    fn update_own(
        &mut self,
        update: &Update,
        columns: &Columns<'a>,
        after_change: bool,
    ) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        builder.after_change = after_change;
        let set = self.set(&mut builder, &self.table.name, columns)?;
        builder.push(&format!("UPDATE {} SET {set}", self.quote(&self.table.name)));
        self.only_this(&mut builder, update.version.as_ref(), &self.table.only)?;
        let why = if columns.iter().all(|(_, cell)| *cell == Cell::Held) { ", for its version" } else { "" };
        let when = if after_change { ", when a statement above changed something" } else { "" };
        let about = format!("the row in {}{why}{when}", self.table.name);
        self.steps.push(builder.step(about, Expect::Rows(1), None)?);
        Ok(())
    }

    /// The columns of an UPDATE, each with what it becomes.
    fn set(&self, builder: &mut Builder<'_>, table: &str, columns: &Columns<'a>) -> Result<String, Failure> {
        let one = |(column, cell): &(Arc<str>, Cell<'a>)| {
            let name = self.quote(column);
            let value = cell.write(builder, table, column, &name)?;
            Ok(format!("{name} = {value}"))
        };
        Ok(columns.iter().map(one).collect::<Result<Vec<_>, Failure>>()?.join(", "))
    }

    // --- delete ---

    fn delete(mut self, delete: &Delete) -> Result<Lowered, Failure> {
        if !self.exists(&delete.id)? {
            return Ok(self.done());
        }
        let Some((rule, permitted)) = self.rule(&delete.id)? else { return Ok(self.done()) };
        match &rule.how {
            OnDelete::Refuse => {
                return Err(Failure::Refused(format!("This {} cannot be deleted here.", self.entity.name)));
            }
            _ if self.is_left_to(&delete.hooks, "deleted")? => return Ok(self.done()),
            OnDelete::Move(_) => return Err(Failure::Internal("a row cannot be moved".to_owned())),
            OnDelete::Disable(disable) => {
                self.add_hooks(&delete.hooks)?;
                self.disable(delete, disable, &permitted)?;
            }
            OnDelete::Delete => {
                self.add_hooks(&delete.hooks)?;
                for child in &self.table.children {
                    self.delete_child(child, &Row::new())?;
                }
                self.leave_elsewhere(&delete.id)?;
                self.delete_parts()?;
                self.delete_rest()?;
                self.delete_own(delete, &permitted)?;
            }
        }
        Ok(self.done())
    }

    /// The first rule that fits the row, and what the row must be so that no other does. `None` when a read tells.
    fn rule(&mut self, id: &str) -> Result<Option<(&'a DeleteRule, Predicate)>, Failure> {
        let mut permitted = self.table.only.clone();
        for rule in &self.entity.on_delete {
            let rows =
                rule.rows.iter().fold(Predicate::All, |all, (name, value)| all.and(equals(name, value)));
            match rows == Predicate::All || self.has(id, &rows) {
                true => return Ok(Some((rule, permitted.and(rows)))),
                false if !self.needs.is_empty() => return Ok(None),
                false => permitted = permitted.and(rows.not()),
            }
        }
        Err(Failure::Refused(format!("A {} cannot be deleted here.", self.entity.name)))
    }

    /// Whether the row is so; asks for the read that tells.
    fn has(&mut self, id: &str, rows: &Predicate) -> bool {
        let search = Search {
            entity: self.entity.name.clone(),
            predicate: Predicate::Id(vec![id.to_owned()]).and(rows.clone()),
            fields: Default::default(),
            range: Range::first(1),
        };
        match self.facts.get(&search) {
            Some(found) => !found.records.is_empty(),
            None => {
                self.needs.push(search);
                false
            }
        }
    }

    /// The row stays, with what ends its account and what hides it.
    fn disable(&mut self, delete: &Delete, disable: &Disable, permitted: &Predicate) -> Result<(), Failure> {
        let cell = |disabled: &Disabled| match disabled {
            Disabled::Value(value) => Cell::first(value.as_slice()),
            Disabled::Bits { set, clear } => Cell::Bits { set: *set, clear: *clear },
        };
        let mut all: BTreeMap<Native, Cell<'a>> =
            disable.account.iter().map(|(native, disabled)| (native.clone(), cell(disabled))).collect();
        let own = disable.values.iter().map(|(column, value)| (Native::own(column.clone()), value));
        let is_touched = |native: &Native| native.part.is_none() || all.keys().any(|k| k.part == native.part);
        let stamps = delete.stamps.iter().filter(|(native, _)| is_touched(native));
        let stamps: Vec<_> = stamps.map(|(native, value)| (native.clone(), value)).collect();
        all.extend(own.chain(stamps).map(|(native, value)| (native, Cell::value(value))));
        if all.is_empty() {
            return Err(Failure::Internal(format!("nothing disables a {}", self.entity.name)));
        }
        let own = all.iter().filter(|(native, _)| native.part.is_none());
        let mut own: Columns<'a> = own.map(|(native, cell)| (native.name.clone(), cell.clone())).collect();
        if own.is_empty() {
            own = self.touched();
        }
        if !own.is_empty() {
            let mut builder = Builder::new(self.dialect);
            let set = self.set(&mut builder, &self.table.name, &own)?;
            builder.push(&format!("UPDATE {} SET {set}", self.quote(&self.table.name)));
            self.only_this(&mut builder, delete.version.as_ref(), permitted)?;
            let about = format!("the row in {}, which stays", self.table.name);
            self.steps.push(builder.step(about, Expect::Rows(1), None)?);
        }
        for part in &self.table.parts {
            let columns = part::of_part(part, &all, |_, cell| cell.clone());
            self.write_part(part, &delete.id, columns, Columns::new())?;
        }
        Ok(())
    }

    fn delete_own(&mut self, delete: &Delete, permitted: &Predicate) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        builder.push(&format!("DELETE FROM {}", self.quote(&self.table.name)));
        self.only_this(&mut builder, delete.version.as_ref(), permitted)?;
        self.steps.push(builder.step(format!("the row in {}", self.table.name), Expect::Rows(1), None)?);
        Ok(())
    }

    /// The condition of a statement that is about one row: its key, the native stamp that was read, and what else
    /// it must be.
    fn only_this(
        &self,
        builder: &mut Builder<'_>,
        version: Option<&Value>,
        permitted: &Predicate,
    ) -> Result<(), Failure> {
        let is_it = self.is_own(builder, &self.table.name, &self.table.id);
        builder.push(&format!(" WHERE {is_it}"));
        if let (Some(native), Some(version)) = (&self.entity.version, version) {
            let mark = self.against(builder, &self.table.name, &native.name, &Param::Value(version.clone()));
            builder.push(&format!(" AND {} = {mark}", self.quote(&native.name)));
        }
        if *permitted != Predicate::All {
            builder.push(" AND ");
            condition::write_bare(builder, self.table, permitted)?;
        }
        Ok(())
    }

    // --- unique ---

    /// Looks whether a row has the value that `only` hides. The table's own constraint tells whether that matters: it
    /// does not where the row is another tenant's.
    fn unique(&mut self, values: &BTreeMap<Native, Vec<Value>>, id: Option<&str>) -> Result<(), Failure> {
        let Some(unscoped) = &self.entity.unscoped else { return Ok(()) };
        for native in &self.entity.unique {
            let Some(value) = values.get(native).and_then(|values| values.first()) else { continue };
            let test = Predicate::Test(native.clone(), Test::Equals(value.clone(), Case::Folded));
            let hidden = Search {
                entity: unscoped.clone(),
                predicate: test.and(self.table.only.clone().not()),
                fields: Default::default(),
                range: Range::first(1),
            };
            match self.facts.get(&hidden).map(|found| found.records.first()) {
                None => self.needs.push(hidden),
                Some(Some(other)) if Some(&*other.id) != id => {
                    self.hidden = Some(format!("{native} of row {} in {}", other.id, self.table.name));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

fn equals(column: &Arc<str>, value: &Value) -> Predicate {
    Predicate::Test(Native::own(column.clone()), Test::Equals(value.clone(), Case::Exact))
}

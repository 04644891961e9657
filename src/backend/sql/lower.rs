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
use super::select::{Reading, select, table_of};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    Case, Changes, Child, Create, Delete, DeleteRule, Disable, Disabled, Entity, Expect, Facts, HookStep,
    Lookup, Model, Native, OnDelete, OnMissing, Operation, Param, Plan, Predicate, Range, Row, Search, Step,
    Table, Test, Update, Value,
};

/// The output under which the statements after an INSERT know the new row's key.
pub(super) const KEY: &str = "id";

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
    id: Option<Param>,
    hidden: Option<String>,
    needs: Vec<Search>,
}

// === impl Lowering ===

impl<'a> Lowering<'a> {
    fn new(dialect: Dialect<'a>, model: &'a Model, entity: &str, facts: &'a Facts) -> Result<Self, Failure> {
        let (entity, table) = table_of(model, entity)?;
        Ok(Self {
            dialect,
            model,
            entity,
            table,
            facts,
            steps: Vec::new(),
            id: None,
            hidden: None,
            needs: Vec::new(),
        })
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

    // --- create ---

    fn create(mut self, create: &Create) -> Result<Lowered, Failure> {
        if self.is_left_to(&create.hooks, "created")? {
            return Ok(self.done());
        }
        let mut columns = Columns::new();
        for (native, values) in &create.record.values {
            match &native.part {
                None => {
                    columns.extend(
                        (!values.is_empty()).then(|| (native.name.clone(), self.cell(native, values))),
                    );
                }
                Some(alias) if self.table.part(alias).is_some() => {}
                Some(alias) => columns.extend(self.looked_up(alias, native, values)?),
            }
        }
        for (column, sequence) in &self.table.sequences {
            if !columns.iter().any(|(known, _)| known == column) {
                columns.push((column.clone(), Cell::Next(sequence.clone())));
            }
        }
        let own_rest = self.table.rest.as_ref().filter(|rest| rest.table == self.table.name);
        if let (Some(rest), Some(document)) = (own_rest, &create.record.rest) {
            columns.push((rest.column.clone(), Cell::value(&Value::Text(document.clone()))));
        }
        self.unique(&create.record.values, None)?;
        self.insert_own(&columns)?;
        self.insert_parts(&create.record.values)?;
        for (table, rows) in &create.record.children {
            let child = self.child(table)?;
            for row in rows {
                self.insert_child(child, Param::Output(KEY.into()), row)?;
            }
        }
        if let Some(document) = &create.record.rest {
            self.insert_rest(Param::Output(KEY.into()), document)?;
        }
        self.id = Some(Param::Output(KEY.into()));
        self.add_hooks(&create.hooks)?;
        Ok(self.done())
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
        self.id = own.id.or(self.id.take());
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
        let (table, key) = (self.quote(&self.table.name), self.quote(&self.table.id));
        builder.push(&self.dialect.insert_returning(&table, &list, &values, &key, &variable(KEY)));
        let about = format!("the row in {}; its {} is :{KEY} below", self.table.name, self.table.id);
        self.steps.push(builder.returning(about, Expect::Rows(1), Some(KEY.into()))?);
        Ok(())
    }

    /// The foreign key for a look-up's name: known, made by a step before, or refused.
    fn looked_up(
        &mut self,
        alias: &str,
        native: &Native,
        values: &[Value],
    ) -> Result<Option<(Arc<str>, Cell<'a>)>, Failure> {
        let lookup = self.table.lookup(alias);
        let lookup = lookup
            .ok_or_else(|| Failure::Internal(format!("{alias} is no look-up of {}", self.entity.name)))?;
        let Some(name) = values.first() else {
            return Ok(Some((lookup.foreign_key.clone(), Cell::Param(Param::Null))));
        };
        let test = Test::Equals(name.clone(), Case::Folded);
        let search = Search {
            entity: format!("{}.{alias}", self.entity.name).into(),
            predicate: Predicate::Test(Native::own(native.name.clone()), test),
            fields: Default::default(),
            range: Range::first(1),
        };
        let Some(found) = self.facts.get(&search) else {
            self.needs.push(search);
            return Ok(None);
        };
        let key = match found.records.first() {
            Some(record) => Param::Value(Value::Text(record.id.clone())),
            None => self.missing(lookup, native, name)?,
        };
        Ok(Some((lookup.foreign_key.clone(), Cell::Param(key))))
    }

    fn missing(&mut self, lookup: &Lookup, native: &Native, name: &Value) -> Result<Param, Failure> {
        let shown = name.text().unwrap_or_default();
        match lookup.on_missing {
            OnMissing::Create => {
                let (table, key) = (self.quote(&lookup.table), self.quote(&lookup.key));
                let mut builder = Builder::new(self.dialect);
                let given = lookup.initial.iter().filter(|(column, _)| **column != native.name);
                let (mut columns, mut marks) = (Vec::new(), Vec::new());
                for (column, value) in std::iter::once((&native.name, name)).chain(given) {
                    columns.push(self.quote(column));
                    marks.push(builder.stored(&lookup.table, column, Param::Value(value.clone()))?);
                }
                let (columns, values) =
                    (format!("({})", columns.join(", ")), format!("VALUES ({})", marks.join(", ")));
                let output = variable(&lookup.alias);
                builder.push(&self.dialect.insert_returning(&table, &columns, &values, &key, &output));
                let about =
                    format!("a new row in {}; its {} is :{} below", lookup.table, lookup.key, lookup.alias);
                self.steps.push(builder.returning(about, Expect::Rows(1), Some(lookup.alias.clone()))?);
                Ok(Param::Output(lookup.alias.clone()))
            }
            OnMissing::Skip => Ok(Param::Null),
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
    fn insert_child(&mut self, child: &Child, key: Param, row: &Row) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        let mut columns = vec![self.quote(&child.foreign_key)];
        let mut marks = vec![builder.stored(&child.table, &child.foreign_key, key)?];
        let mut same = vec![format!("{} = {}", columns[0], marks[0])];
        let is_link = |value: &Value| matches!(value, Value::Reference(_));
        let has_link = row.values().any(is_link);
        for (column, value) in row {
            let mark = self.in_child(&mut builder, &child.table, column, value)?;
            let name = self.quote(column);
            if is_link(value) || !has_link {
                let again = match self.is_named(&child.table, column) {
                    true => Some(mark.clone()),
                    false => {
                        let kind = self.dialect.kind(&child.table, column);
                        builder.compared_again(kind, value, &mark)
                    }
                };
                same.push(format!("{name} = {}", again.as_deref().unwrap_or("NULL")));
            }
            columns.push(name);
            marks.push(mark);
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

    /// The mark of a value that a column is compared with; nothing is equal to NULL.
    fn against(&self, builder: &mut Builder<'_>, table: &str, column: &str, value: &Value) -> String {
        let kind = self.dialect.kind(table, column);
        builder.compared(kind, value).unwrap_or_else(|| "NULL".to_owned())
    }

    /// The same, for a text that is an id.
    fn against_id(&self, builder: &mut Builder<'_>, table: &str, column: &str, id: &str) -> String {
        self.against(builder, table, column, &Value::Text(id.to_owned()))
    }

    fn delete_child(&mut self, child: &Child, id: &str, row: &Row) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        let mark = self.against_id(&mut builder, &child.table, &child.foreign_key, id);
        let mut terms = vec![format!("{} = {mark}", self.quote(&child.foreign_key))];
        for (column, value) in row {
            let mark = self.against_in_child(&mut builder, &child.table, column, value)?;
            terms.push(format!("{} = {mark}", self.quote(column)));
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

    fn insert_rest(&mut self, key: Param, document: &str) -> Result<(), Failure> {
        let Some(rest) = self.table.rest.as_ref().filter(|rest| rest.table != self.table.name) else {
            return Ok(());
        };
        let mut builder = Builder::new(self.dialect);
        let document = Param::Value(Value::Text(document.to_owned()));
        let (key, document) = (
            builder.stored(&rest.table, &rest.key, key)?,
            builder.stored(&rest.table, &rest.column, document)?,
        );
        let (table, key_column, column) =
            (self.quote(&rest.table), self.quote(&rest.key), self.quote(&rest.column));
        builder.push(&format!("INSERT INTO {table} ({key_column}, {column}) VALUES ({key}, {document})"));
        self.steps.push(builder.step("what has no column of its own", Expect::Done, None)?);
        Ok(())
    }

    fn delete_rest(&mut self, id: &str) -> Result<(), Failure> {
        let Some(rest) = self.table.rest.as_ref().filter(|rest| rest.table != self.table.name) else {
            return Ok(());
        };
        let mut builder = Builder::new(self.dialect);
        let mark = self.against_id(&mut builder, &rest.table, &rest.key, id);
        let (table, key) = (self.quote(&rest.table), self.quote(&rest.key));
        builder.push(&format!("DELETE FROM {table} WHERE {key} = {mark}"));
        self.steps.push(builder.step("its document", Expect::Done, None)?);
        Ok(())
    }

    // --- update ---

    /// Whether the resource is known to exist; asks for the read that tells, when it is not.
    fn exists(&mut self, id: &str) -> Result<bool, Failure> {
        match self.facts.by_id(&self.entity.name, id) {
            Some(Some(_)) => Ok(true),
            Some(None) => Err(Failure::NotFound(format!("no row of {} has the key {id:?}", self.table.name))),
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
        let columns = self.changed_columns(&update.changes)?;
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
                self.delete_child(child, &update.id, row)?;
            }
            for row in &change.add {
                self.insert_child(child, Param::Value(Value::Text(update.id.clone())), row)?;
            }
        }
        if !columns.is_empty() && is_delta {
            self.update_own(update, &columns, true)?;
        }
        if let Some(document) = &update.changes.rest {
            self.delete_rest(&update.id)?;
            if let Some(document) = document {
                self.insert_rest(Param::Value(Value::Text(update.id.clone())), document)?;
            }
        }
        self.add_hooks(&update.hooks)?;
        Ok(self.done())
    }

    fn changed_columns(&mut self, changes: &Changes) -> Result<Columns<'a>, Failure> {
        let mut columns = Columns::new();
        for (native, change) in &changes.values {
            match &native.part {
                None => columns.push((native.name.clone(), self.cell(native, &change.add))),
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
        self.only_this(&mut builder, &update.id, update.version.as_ref(), &self.table.only)?;
        let when = if after_change { ", when a statement above changed something" } else { "" };
        let about = format!("the row in {}{when}", self.table.name);
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
                    self.delete_child(child, &delete.id, &Row::new())?;
                }
                self.leave_elsewhere(&delete.id)?;
                self.delete_parts(&delete.id)?;
                self.delete_rest(&delete.id)?;
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
        let stamps: Vec<_> = delete
            .stamps
            .iter()
            .filter(|(native, _)| is_touched(native))
            .map(|(n, v)| (n.clone(), v))
            .collect();
        all.extend(own.chain(stamps).map(|(native, value)| (native, Cell::value(value))));
        if all.is_empty() {
            return Err(Failure::Internal(format!("nothing disables a {}", self.entity.name)));
        }
        let own: Columns<'a> = all
            .iter()
            .filter(|(native, _)| native.part.is_none())
            .map(|(n, c)| (n.name.clone(), c.clone()))
            .collect();
        if !own.is_empty() {
            let mut builder = Builder::new(self.dialect);
            let set = self.set(&mut builder, &self.table.name, &own)?;
            builder.push(&format!("UPDATE {} SET {set}", self.quote(&self.table.name)));
            self.only_this(&mut builder, &delete.id, delete.version.as_ref(), permitted)?;
            let about = format!("the row in {}, which stays", self.table.name);
            self.steps.push(builder.step(about, Expect::Rows(1), None)?);
        }
        for part in &self.table.parts {
            self.write_part(
                part,
                &delete.id,
                part::of_part(part, &all, |_, cell| cell.clone()),
                Columns::new(),
            )?;
        }
        Ok(())
    }

    fn delete_own(&mut self, delete: &Delete, permitted: &Predicate) -> Result<(), Failure> {
        let mut builder = Builder::new(self.dialect);
        builder.push(&format!("DELETE FROM {}", self.quote(&self.table.name)));
        self.only_this(&mut builder, &delete.id, delete.version.as_ref(), permitted)?;
        self.steps.push(builder.step(format!("the row in {}", self.table.name), Expect::Rows(1), None)?);
        Ok(())
    }

    /// The condition of a statement that is about one row: its key, the native stamp that was read, and what else
    /// it must be.
    fn only_this(
        &self,
        builder: &mut Builder<'_>,
        id: &str,
        version: Option<&Value>,
        permitted: &Predicate,
    ) -> Result<(), Failure> {
        let mark = self.against_id(builder, &self.table.name, &self.table.id, id);
        builder.push(&format!(" WHERE {} = {mark}", self.quote(&self.table.id)));
        if let (Some(native), Some(version)) = (&self.entity.version, version) {
            let mark = self.against(builder, &self.table.name, &native.name, version);
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

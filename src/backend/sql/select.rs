//! A [`Search`] as SELECT statements: one for the rows with their look-ups, parts and document, one for each child
//! table, one for the total. A child table's statement repeats the rows' own condition, so that it needs no
//! list of keys from the first and all can go in one round trip.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::builder::Builder;
use super::condition::{self, CHILD, OWN};
use super::dialect::Dialect;
use super::key::KEYS;
use super::{key, link, order, part};
use crate::backend::Failure;
use crate::plan::{
    Action, Child, Entity, Expect, Model, Native, Param, Plan, Predicate, Search, SideDocument, Statement,
    Step, Store, Table, Value,
};

/// The statements of a search, and what their columns are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Select {
    /// What locks the row before anything is read, where what stands beside it is read too. It brings nothing.
    pub lock: Option<Statement>,
    /// The rows: the key's columns, then `columns`, then the document where it is read, then what orders them.
    pub rows: Statement,
    /// How many columns the key has, here and in the children's statements.
    pub key: usize,
    pub columns: Vec<Column>,
    pub rest: bool,
    /// Whether the last column is what orders the rows.
    pub sorted: bool,
    pub children: Vec<ChildSelect>,
    pub count: Option<Statement>,
}

/// The rows of a child table: the columns of the resource's key, then `columns`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChildSelect {
    pub table: Arc<str>,
    pub statement: Statement,
    pub columns: Vec<Column>,
}

/// One native of the result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub native: Native,
    /// Of how many columns of the result its value is made.
    pub width: usize,
    pub target: Target,
    /// Of a reference over several columns: by which of them, each with its value, it is known to lead to nobody.
    pub nobody: Vec<(usize, Value)>,
}

/// What a column's value leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// Nothing: a value.
    Value,
    /// A resource of this entity.
    One(Arc<str>),
    /// A resource of one of several entities; one more column of the result says which.
    Several,
}

/// The table of an entity that has one.
pub(super) fn table_of<'a>(model: &'a Model, entity: &str) -> Result<(&'a Entity, &'a Table), Failure> {
    match model.entity(entity).map(|entity| (entity, &entity.store)) {
        Some((entity, Store::Table(table))) => Ok((entity, table)),
        _ => Err(Failure::Internal(format!("{entity} is no table of this mapping"))),
    }
}

/// What a search leaves of what it reads for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// All of it.
    Free,
    /// Nothing until the transaction ends: what is read decides a write.
    Locking,
}

/// The statements of a search.
pub(super) fn select(
    dialect: Dialect<'_>,
    model: &Model,
    search: &Search,
    reading: Reading,
) -> Result<Select, Failure> {
    let locking = if reading == Reading::Locking { dialect.locking() } else { "" };
    let (entity, table) = table_of(model, &search.entity)?;
    let is_child = |native: &&Native| native.part.as_ref().is_some_and(|part| table.child(part).is_some());
    let selector = Selector { dialect, model, entity, table, search, locking };
    let columns: Vec<Column> = search
        .fields
        .natives
        .iter()
        .filter(|native| !is_child(native))
        .map(|native| selector.column(native))
        .collect();
    let children: BTreeSet<&Arc<str>> =
        search.fields.natives.iter().filter(is_child).filter_map(|native| native.part.as_ref()).collect();
    Ok(Select {
        lock: if reading == Reading::Locking { selector.lock(&columns)? } else { None },
        rows: selector.rows(&columns)?,
        key: table.id.len(),
        columns,
        rest: search.fields.rest && table.rest.is_some(),
        sorted: search.range.sequence.sort.is_some(),
        children: children.into_iter().map(|child| selector.child(child)).collect::<Result<_, _>>()?,
        count: search.range.total.then(|| selector.count()).transpose()?,
    })
}

struct Selector<'a> {
    dialect: Dialect<'a>,
    model: &'a Model,
    entity: &'a Entity,
    table: &'a Table,
    search: &'a Search,
    locking: &'static str,
}

// === impl Selector ===

impl Selector<'_> {
    fn quote(&self, name: &str) -> String {
        self.dialect.quote(name)
    }

    fn key(&self) -> Vec<String> {
        condition::own_key(self.dialect, self.table)
    }

    fn column(&self, native: &Native) -> Column {
        let target = match self.entity.references.get(native).map(Vec::as_slice) {
            None | Some([]) => Target::Value,
            Some([one]) => Target::One(one.clone()),
            Some(_) => Target::Several,
        };
        let targets = link::targets(self.model, self.entity, native);
        let width = match targets.first().filter(|_| link::are_named(&targets)) {
            Some(target) => target.width(),
            None => self.table.columns(native).len(),
        };
        let nobody =
            self.table.told_nobody(native).into_iter().map(|(at, value)| (at, value.clone())).collect();
        Column { native: native.clone(), width, target, nobody }
    }

    /// What is selected for a column: its value, and which entity it leads to where that is open. A reference to a
    /// row that does not exist for SCIM is none; of a child table no such row is selected.
    fn write_selected(&self, builder: &mut Builder<'_>, alias: &str, column: &Column) -> Result<(), Failure> {
        let values = key::columns(self.dialect, Some(alias), &self.table.columns(&column.native));
        let kind = self.dialect.kind(self.table.place(&column.native), &column.native.name);
        let targets = link::targets(self.model, self.entity, &column.native);
        let is_whole = link::scoped(self.model, self.entity, &column.native).is_empty();
        let keys = self.keys(builder, &targets, &values)?;
        match &column.target {
            Target::Value => _ = builder.push(&format!(", {}", kind.selected(&values.concat()))),
            Target::Several => {
                builder.push(&format!(", {}, ", keys.join(", ")));
                self.write_kind(builder, &targets, &values)?;
            }
            // A value that stands in for nobody has no key.
            Target::One(_) if is_whole || alias == CHILD || link::are_named(&targets) => {
                builder.push(&format!(", {}", keys.join(", ")));
            }
            Target::One(_) => {
                for key in &keys {
                    builder.push(", CASE WHEN ");
                    link::write_leads(builder, &targets, &values, None)?;
                    builder.push(&format!(" THEN {key} END"));
                }
            }
        }
        Ok(())
    }

    /// The key that values lead to, column by column: they themselves, unless something else stands in for it.
    fn keys(
        &self,
        builder: &mut Builder<'_>,
        targets: &[link::Target<'_>],
        values: &[String],
    ) -> Result<Vec<String>, Failure> {
        if !link::are_named(targets) {
            return Ok(values.to_vec());
        }
        let keys = targets.iter().map(|target| target.key(builder, values)).collect::<Result<Vec<_>, _>>()?;
        let width = keys.first().map_or(0, Vec::len);
        let column = |at: usize| {
            let all: Vec<&str> = keys.iter().filter_map(|key| key.get(at)).map(String::as_str).collect();
            if all.len() == 1 { all.concat() } else { format!("COALESCE({})", all.join(", ")) }
        };
        Ok((0..width).map(column).collect())
    }

    /// Which of several entities has a row with this key; NULL when none has.
    fn write_kind(
        &self,
        builder: &mut Builder<'_>,
        targets: &[link::Target<'_>],
        values: &[String],
    ) -> Result<(), Failure> {
        builder.push("CASE");
        for target in targets {
            builder.push(" WHEN ");
            link::write_leads(builder, std::slice::from_ref(target), values, None)?;
            // The name is an identifier of the mapping, `User` or the like; doubled quotes keep it a literal.
            builder.push(&format!(" THEN '{}'", target.entity.replace('\'', "''")));
        }
        builder.push(" END");
        Ok(())
    }

    /// What locks one row before it is read with what stands beside it: with READ_COMMITTED_SNAPSHOT a statement that
    /// waits for the row sees it as it is, and the rest as it was when the statement began.
    fn lock(&self, columns: &[Column]) -> Result<Option<Statement>, Failure> {
        let is_apart = |rest: &SideDocument| self.search.fields.rest && rest.table != self.table.name;
        let is_beside = columns.iter().any(|column| column.native.part.is_some())
            || self.table.rest.as_ref().is_some_and(is_apart);
        match &self.search.predicate {
            Predicate::Id(ids) if is_beside && ids.len() == 1 => {
                let mut builder = Builder::new(self.dialect);
                builder.push("DECLARE @locked INT; SELECT @locked = 1");
                self.from(&mut builder, &BTreeSet::new())?;
                self.filtered(&mut builder)?;
                builder.statement(None).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn rows(&self, columns: &[Column]) -> Result<Statement, Failure> {
        let mut builder = Builder::new(self.dialect);
        builder.push("SELECT ").push(&self.key().join(", "));
        for column in columns {
            let alias = column.native.part.as_ref().map_or_else(|| OWN.to_owned(), |alias| self.quote(alias));
            self.write_selected(&mut builder, &alias, column)?;
        }
        let rest = self.table.rest.as_ref().filter(|_| self.search.fields.rest);
        if let Some(rest) = rest {
            let alias = if rest.table == self.table.name { OWN } else { "rest" };
            builder.push(&format!(", {alias}.{}", self.quote(&rest.column)));
        }
        order::write_selected(&mut builder, self.table, &self.search.range.sequence);
        let mut lookups: BTreeSet<Arc<str>> =
            columns.iter().filter_map(|column| column.native.part.clone()).collect();
        condition::lookups(&self.search.predicate, &mut lookups);
        lookups.extend(order::lookup(&self.search.range.sequence));
        self.from(&mut builder, &lookups)?;
        if let Some(rest) = rest.filter(|rest| rest.table != self.table.name) {
            let is_its = key::same(&key::columns(self.dialect, Some("rest"), &rest.key), &self.key());
            builder.push(&format!(" LEFT JOIN {} AS rest ON {is_its}", self.quote(&rest.table)));
        }
        self.filtered(&mut builder)?;
        self.window(&mut builder, 1)?;
        builder.statement(None)
    }

    fn from(&self, builder: &mut Builder<'_>, lookups: &BTreeSet<Arc<str>>) -> Result<(), Failure> {
        builder.push(&format!(" FROM {} AS {OWN}{}", self.quote(&self.table.name), self.locking));
        for alias in lookups {
            if let Some(part) = self.table.part(alias) {
                part::write_join(builder, self.table, part)?;
                continue;
            }
            let lookup = self.table.lookup(alias);
            let lookup = lookup.ok_or_else(|| {
                Failure::Internal(format!("{alias} is no look-up and no part of {}", self.entity.name))
            })?;
            let (table, alias) = (self.quote(&lookup.table), self.quote(alias));
            let key = key::columns(self.dialect, Some(&alias), &lookup.key);
            let is_it = key::same(&key, &key::columns(self.dialect, Some(OWN), &lookup.foreign_key));
            builder.push(&format!(" LEFT JOIN {table} AS {alias} ON {is_it}"));
            condition::write_scope(builder, &lookup.table, &lookup.only, Some(&alias))?;
        }
        Ok(())
    }

    fn filtered(&self, builder: &mut Builder<'_>) -> Result<(), Failure> {
        builder.push(" WHERE ");
        let predicate = self.search.predicate.clone().and(self.table.only.clone());
        condition::write(builder, self.model, (self.entity, self.table), &predicate)
    }

    /// The window in its order, and `beyond` rows more, which tell whether there is more.
    fn window(&self, builder: &mut Builder<'_>, beyond: usize) -> Result<(), Failure> {
        let sequence = &self.search.range.sequence;
        order::write_behind(builder, self.table, sequence)?;
        order::write_order(builder, self.table, sequence);
        let number = |count: usize| Param::Value(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)));
        let limit = builder.param(number(self.search.range.limit.saturating_add(beyond)));
        let offset = builder.param(number(self.search.range.offset));
        let window = self.dialect.window(&limit, &offset);
        builder.push(&window);
        Ok(())
    }

    fn child(&self, name: &Arc<str>) -> Result<ChildSelect, Failure> {
        let child = self.table.child(name);
        let child = child
            .ok_or_else(|| Failure::Internal(format!("{name} is no child table of {}", self.entity.name)))?;
        let natives = self.search.fields.natives.iter().filter(|native| native.part.as_ref() == Some(name));
        let columns: Vec<Column> = natives.map(|native| self.column(native)).collect();
        let (key, begin, end) = self.owners(child);
        let mut builder = Builder::new(self.dialect);
        builder.push("SELECT ").push(&key.join(", "));
        for column in &columns {
            self.write_selected(&mut builder, CHILD, column)?;
        }
        builder.push(&format!(" FROM {} AS {CHILD} {begin}", self.quote(&child.table)));
        let mut lookups = BTreeSet::new();
        condition::lookups(&self.search.predicate, &mut lookups);
        lookups.extend(order::lookup(&self.search.range.sequence));
        self.from(&mut builder, &lookups)?;
        self.filtered(&mut builder)?;
        self.window(&mut builder, 0)?;
        builder.push(&end);
        condition::write_scope(&mut builder, &child.table, &child.only, Some(CHILD))?;
        for native in self.entity.references.keys().filter(|native| native.part.as_ref() == Some(name)) {
            let targets = link::scoped(self.model, self.entity, native);
            if !targets.is_empty() {
                builder.push(" AND ");
                let link = key::columns(self.dialect, Some(CHILD), &self.table.columns(native));
                link::write_leads(&mut builder, &targets, &link, None)?;
            }
        }
        let of =
            |column: &Column| key::columns(self.dialect, Some(CHILD), &self.table.columns(&column.native));
        let ordering: Vec<String> = key.into_iter().chain(columns.iter().flat_map(of)).collect();
        builder.push(&format!(" ORDER BY {}", key::order(&ordering, false)));
        Ok(ChildSelect { table: name.clone(), statement: builder.statement(None)?, columns })
    }

    /// The key of the row that a child table's row belongs to, and what stands before and behind the choice of those rows.
    fn owners(&self, child: &Child) -> (Vec<String>, String, String) {
        let own_key = self.key();
        let Some(by) = &child.by else {
            let key = key::columns(self.dialect, Some(CHILD), &child.foreign_key);
            let (begin, end) = key::among(self.dialect, &key);
            return (key, format!("WHERE {begin}SELECT {}", own_key.join(", ")), end);
        };
        // What stands in for the key tells the row, and not the key.
        let selected: Vec<String> =
            own_key.iter().enumerate().map(|(at, column)| format!("{column} AS {KEYS}{}", at + 1)).collect();
        let key = (1..=own_key.len()).map(|number| format!("{KEYS}.{KEYS}{number}")).collect();
        let name = condition::column(self.dialect, &Native::own(by.clone()));
        let is_its = condition::belongs(self.dialect, self.table, child, &[format!("{KEYS}.named")]);
        let begin = format!("JOIN (SELECT {}, {name} AS named", selected.join(", "));
        (key, begin, format!(") AS {KEYS} ON {is_its}"))
    }

    fn count(&self) -> Result<Statement, Failure> {
        let mut builder = Builder::new(self.dialect);
        builder.push("SELECT COUNT(*)");
        let mut lookups = BTreeSet::new();
        condition::lookups(&self.search.predicate, &mut lookups);
        self.from(&mut builder, &lookups)?;
        self.filtered(&mut builder)?;
        builder.statement(None)
    }
}

// === impl Select ===

impl Select {
    /// Its statements, in the order of their results.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        let children = self.children.iter().map(|child| &child.statement);
        std::iter::once(&self.rows).chain(children).chain(&self.count)
    }

    /// As a plan, for the dry run.
    pub(super) fn plan(self) -> Plan {
        let step = |about: String, statement: Statement| Step {
            about,
            action: Action::Sql(statement),
            expect: Expect::Done,
            undo: None,
        };
        let lock = self.lock.map(|lock| step("the row, before it is read".to_owned(), lock));
        let mut steps: Vec<Step> = lock.into_iter().collect();
        steps.push(step("the rows".to_owned(), self.rows));
        steps.extend(
            self.children.into_iter().map(|child| step(format!("their {}", child.table), child.statement)),
        );
        steps.extend(self.count.map(|count| step("how many there are in all".to_owned(), count)));
        Plan { steps, ..Plan::default() }
    }
}

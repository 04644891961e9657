//! A [`Predicate`] as a WHERE condition. Two-valued as predicates are: below a NOT every test is guarded, so
//! that NULL is false there and not unknown; elsewhere the guard is left off, so that indexes serve.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::builder::Builder;
use super::catalog::Kind;
use super::dialect::Dialect;
use super::link::{self, Target};
use super::{key, order};
use crate::backend::Failure;
use crate::plan::{Case, Child, Entity, Key, Model, Native, Order, Param, Predicate, Table, Test, Value};

/// How deep predicates may nest.
const DEPTH: usize = 64;

/// The alias of the resource's own table.
pub(super) const OWN: &str = "t";
/// The alias of a child table within EXISTS and in statements of its own.
pub(super) const CHILD: &str = "c";

/// What no row meets.
pub(super) const NEVER: &str = "1 = 0";

/// The resource's own key.
pub(super) fn own_key(dialect: Dialect<'_>, table: &Table) -> Vec<String> {
    key::columns(dialect, Some(OWN), &table.id)
}

/// That a child table's row belongs to the resource's row, of which `own` are the columns of the key, or the one that
/// stands in for it.
pub(super) fn belongs(dialect: Dialect<'_>, table: &Table, child: &Child, own: &[String]) -> String {
    let foreign = key::columns(dialect, Some(CHILD), &child.foreign_key);
    match (&child.by, own, foreign.as_slice(), child.foreign_key.columns()) {
        (Some(by), [own], [foreign], [column]) => {
            let (named, held) = (dialect.kind(&table.name, by), dialect.kind(&child.table, column));
            dialect.equal((own, named), (foreign, held))
        }
        _ => key::same(&foreign, own),
    }
}

/// A column of the resource's own table, of a look-up or of a part.
pub(super) fn column(dialect: Dialect<'_>, native: &Native) -> String {
    let alias = native.part.as_ref().map_or_else(|| OWN.to_owned(), |alias| dialect.quote(alias));
    format!("{alias}.{}", dialect.quote(&native.name))
}

/// Writes the condition to the builder, for a SELECT in which the table has its alias.
pub(super) fn write(
    builder: &mut Builder<'_>,
    model: &Model,
    (entity, table): (&Entity, &Table),
    predicate: &Predicate,
) -> Result<(), Failure> {
    let links = Some((model, entity));
    Writer { builder, table, links, own: Some(OWN), child: None }.predicate(predicate, false, 0)
}

/// The same for an UPDATE or DELETE of the table, which has no alias there, of what is no reference.
pub(super) fn write_bare(
    builder: &mut Builder<'_>,
    table: &Table,
    predicate: &Predicate,
) -> Result<(), Failure> {
    Writer { builder, table, links: None, own: None, child: None }.predicate(predicate, false, 0)
}

/// Writes what rows of another table must be so that they are there for this mapping, behind an `AND`; `only` is about
/// that table's own columns.
pub(super) fn write_scope(
    builder: &mut Builder<'_>,
    name: &Arc<str>,
    only: &Predicate,
    alias: Option<&str>,
) -> Result<(), Failure> {
    if *only == Predicate::All {
        return Ok(());
    }
    builder.push(" AND ");
    let table = Table::new(name.clone(), Key::from(name.clone())); // nothing asks for its key
    Writer { builder, table: &table, links: None, own: alias, child: None }.predicate(only, false, 0)
}

/// The aliases of the look-ups and parts that a predicate tests.
pub(super) fn lookups(predicate: &Predicate, into: &mut BTreeSet<Arc<str>>) {
    match predicate {
        Predicate::And(terms) | Predicate::Or(terms) => terms.iter().for_each(|term| lookups(term, into)),
        Predicate::Not(inner) => lookups(inner, into),
        Predicate::Test(native, _) => into.extend(native.part.clone()),
        Predicate::All
        | Predicate::Nothing
        | Predicate::Id(_)
        | Predicate::Entry(_)
        | Predicate::Child(..) => {}
    }
}

struct Writer<'a, 'b> {
    builder: &'a mut Builder<'b>,
    table: &'a Table,
    /// What tells where references lead, where the condition may be about one.
    links: Option<(&'a Model, &'a Entity)>,
    /// The alias of the resource's own table, where it has one.
    own: Option<&'a str>,
    /// The child table whose rows are tested, inside EXISTS.
    child: Option<&'a str>,
}

// === impl Writer ===

impl Writer<'_, '_> {
    fn predicate(&mut self, predicate: &Predicate, negated: bool, depth: usize) -> Result<(), Failure> {
        if depth > DEPTH {
            return Err(Failure::TooMany("the filter nests too deeply".to_owned()));
        }
        match predicate {
            Predicate::All => self.text("1 = 1"),
            Predicate::Nothing => self.text(NEVER),
            Predicate::And(terms) => self.joined(terms, " AND ", "1 = 1", negated, depth)?,
            Predicate::Or(terms) => self.joined(terms, " OR ", NEVER, negated, depth)?,
            Predicate::Not(inner) => {
                self.text("NOT (");
                self.predicate(inner, true, depth + 1)?;
                self.text(")");
            }
            Predicate::Id(ids) => self.ids(ids),
            Predicate::Entry(dn) => {
                return Err(Failure::Internal(format!("{dn}: a database has no entries")));
            }
            Predicate::Test(native, test) => self.test(native, test, negated)?,
            Predicate::Child(table, inner) => self.child(table, inner, negated, depth)?,
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.builder.push(text);
    }

    fn joined(
        &mut self,
        terms: &[Predicate],
        word: &str,
        none: &str,
        negated: bool,
        depth: usize,
    ) -> Result<(), Failure> {
        if terms.is_empty() {
            self.text(none);
            return Ok(());
        }
        self.text("(");
        for (index, term) in terms.iter().enumerate() {
            if index > 0 {
                self.text(word);
            }
            self.predicate(term, negated, depth + 1)?;
        }
        self.text(")");
        Ok(())
    }

    fn ids(&mut self, ids: &[String]) {
        let columns = own_key(self.builder.dialect, self.table);
        let held = (&*self.table.name, &self.table.id);
        let condition = key::is_one_of(self.builder, held, &columns, ids);
        self.text(&condition);
    }

    fn child(&mut self, table: &str, inner: &Predicate, negated: bool, depth: usize) -> Result<(), Failure> {
        let Some(child) = self.table.child(table) else {
            return Err(Failure::Internal(format!("{table} is no child table of {}", self.table.name)));
        };
        let dialect = self.builder.dialect;
        let name = dialect.quote(&child.table);
        let own = match &child.by {
            Some(by) => vec![column(dialect, &Native::own(by.clone()))],
            None => own_key(dialect, self.table),
        };
        let is_its = belongs(dialect, self.table, child, &own);
        self.text(&format!("EXISTS (SELECT 1 FROM {name} AS {CHILD} WHERE {is_its} AND "));
        let table = self.table;
        let (links, own) = (self.links, self.own);
        let mut inside = Writer { builder: &mut *self.builder, table, links, own, child: Some(&child.table) };
        inside.predicate(inner, negated, depth + 1)?;
        write_scope(inside.builder, &child.table, &child.only, Some(CHILD))?;
        for native in links.iter().flat_map(|(_, entity)| entity.references.keys()) {
            if native.part.as_deref() == Some(&*child.table) {
                inside.leads(native)?;
            }
        }
        self.text(")");
        Ok(())
    }

    fn column(&self, native: &Native) -> String {
        let dialect = self.builder.dialect;
        match &native.part {
            Some(part) if self.child == Some(&**part) => format!("{CHILD}.{}", dialect.quote(&native.name)),
            None => match self.own {
                Some(alias) => format!("{alias}.{}", dialect.quote(&native.name)),
                None => dialect.quote(&native.name),
            },
            Some(_) => column(dialect, native),
        }
    }

    /// The columns that a reference's native stands for.
    fn link(&self, native: &Native) -> (Key, Vec<String>) {
        let (key, dialect) = (self.table.columns(native), self.builder.dialect);
        let part = native.part.as_ref().filter(|part| self.child != Some(&***part));
        let columns = match (part, &native.part) {
            (Some(part), _) => key::columns(dialect, Some(&dialect.quote(part)), &key),
            (None, Some(_)) => key::columns(dialect, Some(CHILD), &key),
            (None, None) => key::columns(dialect, self.own, &key),
        };
        (key, columns)
    }

    /// Where this native's references lead, when not every value of it is one.
    fn scoped(&self, native: &Native) -> Vec<Target<'_>> {
        self.links.map(|(model, entity)| link::scoped(model, entity, native)).unwrap_or_default()
    }

    /// Where this is a reference to rows of which some do not exist: that it leads to one that does.
    fn leads(&mut self, native: &Native) -> Result<(), Failure> {
        let Some((model, entity)) = self.links else { return Ok(()) };
        let targets = link::scoped(model, entity, native);
        if targets.is_empty() {
            return Ok(());
        }
        let (_, columns) = self.link(native);
        self.text(" AND ");
        link::write_leads(self.builder, &targets, &columns, None)
    }

    fn test(&mut self, native: &Native, test: &Test, negated: bool) -> Result<(), Failure> {
        if let (Test::Equals(Value::Reference(to), _), Some((model, entity))) = (test, self.links) {
            let targets = link::scoped(model, entity, native);
            if link::are_named(&targets) {
                let (_, columns) = self.link(native);
                return link::write_leads(self.builder, &targets, &columns, Some(&to.id));
            }
        }
        let (tested, condition) = match test {
            Test::Equals(Value::Reference(to), _) => self.leads_to(native, &to.id),
            Test::Present if self.table.links.contains_key(native) => (Vec::new(), self.is_led(native)),
            test => {
                let (column, kind) = (self.column(native), self.kind(native));
                let condition = self.condition(&column, kind, test);
                let tested = match test {
                    Test::Equals(value, _) | Test::Compare(_, value) => self.compared(&column, kind, value),
                    _ => column,
                };
                (vec![tested], condition)
            }
        };
        let is_guarded = negated && *test != Test::Present;
        let is_link = self.child.is_none() && !self.scoped(native).is_empty();
        match is_guarded {
            true => self.text(&format!("({} AND {condition}", present(&tested))),
            false if is_link => self.text(&format!("({condition}")),
            false => self.text(&condition),
        }
        if is_link {
            self.leads(native)?;
        }
        if is_guarded || is_link {
            self.text(")");
        }
        Ok(())
    }

    /// That a reference over several columns is one: none is NULL, and they do not hold what stands there for nobody.
    fn is_led(&mut self, native: &Native) -> String {
        let (key, columns) = self.link(native);
        let (place, table) = (self.table.place(native), self.table);
        let mut held = Vec::new();
        for (at, value) in table.told_nobody(native) {
            if let (Some(name), Some(column)) = (key.columns().get(at), columns.get(at)) {
                let kind = self.builder.dialect.kind(place, name);
                held.push(self.equals(column, kind, value, Case::Exact));
            }
        }
        match held.is_empty() {
            true => present(&columns),
            false => format!("({} AND NOT ({}))", present(&columns), held.join(" AND ")),
        }
    }

    /// That a reference leads to what has this id; and the columns that hold it. What stands for nobody leads nowhere,
    /// also where a row has that key.
    fn leads_to(&mut self, native: &Native, id: &str) -> (Vec<String>, String) {
        let (key, columns) = self.link(native);
        let place = self.table.place(native);
        let told = self.table.told_nobody(native);
        let parts = key.parts(id).unwrap_or_default();
        let is_told = |(at, told): &(usize, &Value)| {
            parts.get(*at).is_some_and(|part| told.text().as_ref() == Some(part))
        };
        if !told.is_empty() && told.iter().all(is_told) {
            return (columns, NEVER.to_owned());
        }
        let condition = key::is_one_of(self.builder, (place, &key), &columns, &[id.to_owned()]);
        (columns, condition)
    }

    /// What the native's column holds.
    fn kind(&self, native: &Native) -> Kind {
        self.builder.dialect.kind(self.table.place(native), &native.name)
    }

    fn condition(&mut self, column: &str, kind: Kind, test: &Test) -> String {
        match test {
            Test::Present => format!("{column} IS NOT NULL"),
            Test::StartsWith(text, _) | Test::EndsWith(text, _) | Test::Contains(text, _)
                if text.is_empty() =>
            {
                format!("{column} IS NOT NULL")
            }
            Test::Equals(value, case) => self.equals(column, kind, value, *case),
            Test::StartsWith(text, case) => self.substring(column, kind, text, *case, ("", "%")),
            Test::EndsWith(text, case) => self.substring(column, kind, text, *case, ("%", "")),
            Test::Contains(text, case) => self.substring(column, kind, text, *case, ("%", "%")),
            Test::Compare(order, value) => {
                let compared = self.compared(column, kind, value);
                match order::value_mark(self.builder, kind, value) {
                    Some(mark) => format!("{compared} {} {mark}", sign(*order)),
                    None => NEVER.to_owned(),
                }
            }
            Test::Bit(bit) => {
                let mark = self.builder.value(Value::Integer(*bit));
                format!("({column} & {mark}) <> 0")
            }
        }
    }

    /// The column as what a value is compared with.
    fn compared(&self, column: &str, kind: Kind, value: &Value) -> String {
        match value {
            Value::Timestamp(_) => self.builder.dialect.instant(column, kind),
            Value::Date(_) | Value::Today => self.builder.dialect.date(column, kind),
            _ => column.to_owned(),
        }
    }

    fn equals(&mut self, column: &str, kind: Kind, value: &Value, case: Case) -> String {
        let Some(mark) = order::value_mark(self.builder, kind, value) else { return NEVER.to_owned() };
        let dialect = self.builder.dialect;
        match (value, dialect) {
            (Value::Text(_), Dialect::Sqlite) => {
                format!("{column} = {mark}{}", dialect.collation(case == Case::Exact))
            }
            // The column as it is too, for its index. Blanks at the end do not count there, so the length is compared,
            // but for columns that pad what they hold.
            (Value::Text(_), Dialect::Transact(_)) if kind.is_text() || kind == Kind::Other => {
                let mut terms = vec![format!("{column} = {mark}")];
                if case == Case::Exact {
                    terms.push(format!("{} = {mark}", dialect.exactly(column)));
                }
                if kind.keeps_blanks() {
                    terms.push(format!("DATALENGTH({column}) = DATALENGTH({mark})"));
                }
                if terms.len() == 1 { terms.concat() } else { format!("({})", terms.join(" AND ")) }
            }
            (Value::Text(_), _) => format!("{column} = {mark}"),
            _ => format!("{} = {mark}", self.compared(column, kind, value)),
        }
    }

    /// LIKE folds case in SQLite whatever the collation, so an exact test also compares the octets.
    fn substring(
        &mut self,
        column: &str,
        kind: Kind,
        text: &str,
        case: Case,
        (before, after): (&str, &str),
    ) -> String {
        let dialect = self.builder.dialect;
        let pattern = Value::Text(format!("{before}{}{after}", dialect.like(text)));
        let mark = match kind.is_text() {
            true => self.builder.compared(kind, &pattern),
            false => Some(self.builder.value(pattern)),
        };
        let Some(mark) = mark else { return NEVER.to_owned() };
        let escape = dialect.escape();
        let like = format!("{column} LIKE {mark}{escape}");
        match (case, dialect) {
            (Case::Folded, _) => like,
            (Case::Exact, Dialect::Transact(_)) => {
                format!("({like} AND {} LIKE {mark}{escape})", dialect.exactly(column))
            }
            (Case::Exact, Dialect::Sqlite) => {
                let plain = self.builder.param(Param::Value(Value::Text(text.to_owned())));
                let exact = match (before, after) {
                    ("", _) => format!("substr({column}, 1, length({plain})) = {plain} COLLATE BINARY"),
                    (_, "") => format!("substr({column}, -length({plain})) = {plain} COLLATE BINARY"),
                    _ => format!("instr({column}, {plain}) > 0"),
                };
                format!("({like} AND {exact})")
            }
        }
    }
}

/// That none of the columns is NULL.
fn present(columns: &[String]) -> String {
    columns.iter().map(|column| format!("{column} IS NOT NULL")).collect::<Vec<_>>().join(" AND ")
}

fn sign(order: Order) -> &'static str {
    match order {
        Order::Greater => ">",
        Order::GreaterOrEqual => ">=",
        Order::Less => "<",
        Order::LessOrEqual => "<=",
    }
}

//! What `gantry doctor` and `check --live` tell of a SQL Server database: who the gateway is there, whether the tables and
//! columns that the mapping names are there and hold what it lets through, what is indexed, and what the login may do.
//! It only reads.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::{Request, Set};
use super::failure::Trouble;
use super::pool::Lease;
use super::schema;
use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::catalog::{Catalog, Kind};
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::select::table_of;
use crate::plan::{Entity, Key, Model, Native, Table, Touched, Value};

const WHO: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)), DB_NAME(), SUSER_SNAME()";

/// What a login may do with a table, as HAS_PERMS_BY_NAME calls it.
const RIGHTS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// A table's indexes and rights; names in lower case.
#[derive(Debug, Default)]
struct Seen {
    /// The columns of each index in their order, and whether no two rows have the same there.
    indexes: BTreeMap<String, (Vec<String>, bool)>,
    is_view: bool,
    triggers: Vec<String>,
    /// In the order of [`RIGHTS`].
    rights: Vec<bool>,
}

/// Whether all that is touched is there.
pub(super) async fn examine(
    lease: &mut Lease,
    model: &Model,
    touched: &[Touched],
) -> Result<Vec<Finding>, Trouble> {
    let mut findings = Findings::default();
    let who = lease.ask_first(Request::Batch(WHO, &[])).await?;
    let cell = |at: usize| who.first()?.rows.first()?.get(at)?.as_ref()?.text();
    let [version, database, login] = [0, 1, 2].map(|at| cell(at).unwrap_or_default());
    findings.good(format!("SQL Server {version}; the database {database}, as {login}"));
    let names = schema::tables(model);
    let catalog = schema::read(lease, &names).await?;
    let mut seen = BTreeMap::new();
    for name in names {
        let looked = look(lease, &name).await?;
        seen.insert(name, looked);
    }
    for touched in touched {
        match table_of(model, &touched.entity) {
            Ok((entity, table)) => {
                Examiner { catalog: &catalog, seen: &seen, touched, entity, table, findings: &mut findings }
                    .examine();
            }
            Err(failure) => findings.wrong(failure.to_string()),
        }
    }
    Ok(findings.all())
}

/// A table's indexes, triggers and rights.
async fn look(lease: &mut Lease, table: &str) -> Result<Seen, Trouble> {
    let name = Dialect::Transact(Catalog::unknown()).quote(table);
    let rights = RIGHTS.map(|right| format!("HAS_PERMS_BY_NAME(@P1, 'OBJECT', '{right}')"));
    let text = format!(
        "SELECT i.name, COL_NAME(c.object_id, c.column_id), i.is_unique FROM sys.indexes i \
         JOIN sys.index_columns c ON c.object_id = i.object_id AND c.index_id = i.index_id \
         WHERE i.object_id = OBJECT_ID(@P1) AND c.key_ordinal > 0 ORDER BY i.name, c.key_ordinal;\n\
         SELECT name FROM sys.triggers WHERE parent_id = OBJECT_ID(@P1) AND is_disabled = 0 ORDER BY name;\n\
         SELECT CASE WHEN OBJECTPROPERTY(OBJECT_ID(@P1), 'IsView') = 1 THEN 1 ELSE 0 END, {};\n",
        rights.join(", ")
    );
    let sets = lease.ask_first(Request::Batch(&text, &[Some(Value::Text(name))])).await?;
    Ok(Seen::of(&sets))
}

/// What is looked at of one resource type.
struct Examiner<'a> {
    catalog: &'a Catalog,
    seen: &'a BTreeMap<String, Seen>,
    touched: &'a Touched,
    entity: &'a Entity,
    table: &'a Table,
    findings: &'a mut Findings,
}

// === impl Examiner ===

impl Examiner<'_> {
    fn examine(mut self) {
        let before = self.findings.len();
        for (table, columns) in self.needed() {
            match self.catalog.has(&table) {
                true => self.columns(&table, &columns),
                false => self.wrong(format!("there is no table {table}, or this login may not see it")),
            }
        }
        if self.findings.len() > before {
            return;
        }
        self.values();
        self.indexes();
        self.rights();
        if self.findings.len() == before {
            self.findings.good(format!("{}: every table and column is there", self.entity.name));
        }
        for (table, seen) in self.seen.iter().filter(|(table, _)| **table == *self.table.name) {
            if !seen.triggers.is_empty() {
                self.findings.note(format!("{table} has triggers: {}", seen.triggers.join(", ")));
            }
        }
    }

    fn wrong(&mut self, text: String) {
        self.findings.wrong(format!("{}: {text}", self.entity.name));
    }

    fn note(&mut self, text: String) {
        self.findings.note(format!("{}: {text}", self.entity.name));
    }

    /// Tables with the columns that the mapping names.
    fn needed(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut need = |table: &str, key: &Key| {
            let columns = key.columns().iter().map(ToString::to_string);
            needed.entry(table.to_owned()).or_default().extend(columns);
        };
        let table = self.table;
        need(&table.name, &table.id);
        for lookup in &table.lookups {
            need(&table.name, &lookup.foreign_key);
            need(&lookup.table, &lookup.key);
        }
        table.children.iter().for_each(|child| need(&child.table, &child.foreign_key));
        table.rest.iter().for_each(|rest| need(&rest.table, &rest.key));
        for native in self.touched.natives().chain(&self.entity.version) {
            need(table.place(native), &table.columns(native));
        }
        needed
    }

    fn columns(&mut self, table: &str, columns: &BTreeSet<String>) {
        for column in columns.iter().filter(|column| self.catalog.column(table, column).is_none()) {
            self.findings.wrong(format!("{}: the table {table} has no column {column}", self.entity.name));
        }
    }

    /// Whether columns take what the mapping gives them, and get what they need.
    fn values(&mut self) {
        let touched = self.touched;
        for native in &touched.written {
            let (table, place) = (self.table.place(native), touched.place(native));
            let Some(column) = self.catalog.column(table, &native.name) else { continue };
            if column.is_generated {
                self.wrong(format!("{table}.{} is the database's own to give{place}", native.name));
            }
            if let (Some(longest), Some(most)) = (touched.longest(native), column.kind.longest())
                && longest > most
            {
                self.note(format!(
                    "{table}.{} takes {most}, and max_len({longest}) lets more through{place}",
                    native.name
                ));
            }
        }
        if self.entity.read_only {
            return;
        }
        let is_given = |column: &str| {
            let native = Native::own(column);
            let keys = self.table.lookups.iter().any(|lookup| lookup.foreign_key.has(column));
            let rest = self
                .table
                .rest
                .as_ref()
                .is_some_and(|rest| rest.table == self.table.name && *rest.column == *column);
            keys || rest
                || touched
                    .written
                    .iter()
                    .any(|known| known.part.is_none() && known.name.eq_ignore_ascii_case(&native.name))
        };
        let lacking: Vec<String> = self
            .catalog
            .columns(&self.table.name)
            .filter(|(_, column)| !column.is_nullable && !column.is_generated && !column.has_default)
            .map(|(name, _)| name.to_owned())
            .filter(|name| {
                !is_given(name) && !self.table.id.columns().iter().any(|id| id.eq_ignore_ascii_case(name))
            })
            .collect();
        for column in lacking {
            self.wrong(format!(
                "{}.{column} must have a value, and nothing gives it one: see `initial`",
                self.table.name
            ));
        }
    }

    fn indexes(&mut self) {
        let Some(own) = self.seen.get(&*self.table.name).filter(|seen| !seen.is_view) else { return };
        for native in self.entity.unique.iter().filter(|native| native.part.is_none()) {
            if !own.tells_apart(&[native.name.to_lowercase()]) {
                let place = self.touched.place(native);
                self.wrong(format!(
                    "{} is said to be unique, and no UNIQUE constraint of {} says so: two requests at one time could both \
                     take a value{place}",
                    native.name, self.table.name
                ));
            }
        }
        if !own.tells_apart(&lowered(&self.table.id)) {
            self.wrong(format!(
                "the id is made of {}, and no key or UNIQUE constraint of {} says that two rows cannot have the same",
                self.table.id, self.table.name
            ));
        }
        let children = self.table.children.iter().map(|child| (&child.table, &child.foreign_key));
        for (table, key) in children {
            if self.seen.get(&**table).is_some_and(|seen| !seen.is_view && !seen.finds(&lowered(key))) {
                self.note(format!(
                    "no index of {table} begins with {key}: each read goes through the whole table"
                ));
            }
        }
        for native in self.entity.references.keys().filter(|native| native.part.is_none()) {
            if !own.finds(&lowered(&self.table.columns(native))) {
                let place = self.touched.place(native);
                self.note(format!(
                    "no index of {} begins with {}, which filters compare{place}",
                    self.table.name, native.name
                ));
            }
        }
    }

    fn rights(&mut self) {
        let mut needed: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let all = [0, 1, 2, 3];
        let own: &[usize] = if self.entity.read_only { &all[..1] } else { &all };
        needed.entry(&self.table.name).or_default().extend(own);
        self.table.lookups.iter().for_each(|lookup| _ = needed.entry(&lookup.table).or_default().insert(0));
        for child in &self.table.children {
            let is_written =
                self.touched.written.iter().any(|native| native.part.as_deref() == Some(&*child.table));
            let rights: &[usize] = if is_written { &[0, 1, 3] } else { &[0] };
            needed.entry(&child.table).or_default().extend(rights);
        }
        for (table, rights) in needed {
            let Some(seen) = self.seen.get(table) else { continue };
            let lacks: Vec<&str> = rights
                .into_iter()
                .filter(|right| seen.rights.get(*right) == Some(&false))
                .filter_map(|right| RIGHTS.get(right).copied())
                .collect();
            if !lacks.is_empty() {
                self.wrong(format!("this login lacks the right to {} on {table}", lacks.join(", ")));
            }
        }
    }
}

fn lowered(key: &Key) -> Vec<String> {
    key.columns().iter().map(|column| column.to_lowercase()).collect()
}

// === impl Seen ===

impl Seen {
    fn of(sets: &[Set]) -> Self {
        let mut seen = Self::default();
        let rows = |at: usize| sets.get(at).into_iter().flat_map(|set| &set.rows);
        let text = |cell: Option<&Option<Value>>| cell?.as_ref()?.text();
        let is_set =
            |cell: Option<&Option<Value>>| matches!(cell, Some(Some(Value::Integer(1) | Value::Bool(true))));
        for row in rows(0) {
            let (Some(index), Some(column)) = (text(row.first()), text(row.get(1))) else { continue };
            let index = seen.indexes.entry(index).or_insert((Vec::new(), is_set(row.get(2))));
            index.0.push(column.to_lowercase());
        }
        seen.triggers = rows(1).filter_map(|row| text(row.first())).collect();
        for row in rows(2) {
            seen.is_view = is_set(row.first());
            seen.rights = row.iter().skip(1).map(|cell| is_set(Some(cell))).collect();
        }
        seen
    }

    /// Whether an index finds the rows that have these values.
    fn finds(&self, columns: &[String]) -> bool {
        let begins = |index: &[String]| {
            let first: BTreeSet<&String> = index.iter().take(columns.len()).collect();
            first == columns.iter().collect()
        };
        self.indexes.values().any(|(index, _)| begins(index))
    }

    /// Whether no two rows have the same values of these.
    fn tells_apart(&self, columns: &[String]) -> bool {
        let are_all = |index: &[String]| index.iter().collect::<BTreeSet<_>>() == columns.iter().collect();
        self.indexes.values().any(|(index, is_unique)| *is_unique && are_all(index))
    }
}

// === impl Kind ===

impl Kind {
    /// How much it holds, in its own unit: octets or units of UTF-16.
    fn longest(self) -> Option<usize> {
        match self {
            Self::Narrow { octets, .. } => octets,
            Self::Wide { units, .. } => units,
            _ => None,
        }
    }
}

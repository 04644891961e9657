//! What `gantry doctor` and `check --live` tell of a SQL Server database: who the gateway is there, what its tables are like,
//! whether the columns hold what the mapping lets through, and what the login may do. It only reads.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::{Request, Set};
use super::failure::Trouble;
use super::pool::Lease;
use super::schema;
use crate::backend::Failure;
use crate::backend::finding::{Finding, Findings};
use crate::backend::sql::catalog::{Catalog, Kind};
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::examine::{self, Examiner, lowered};
use crate::backend::sql::records::Cells;
use crate::backend::sql::select::table_of;
use crate::plan::{Model, Native, Touched, Value};

const WHO: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)), DB_NAME(), SUSER_SNAME()";

/// What a login may do with a table, as HAS_PERMS_BY_NAME calls it.
const RIGHTS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// What else is seen of a table than every database shows.
#[derive(Debug, Default)]
struct Seen {
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
    let names = model.tables();
    let catalog = schema::read(lease, &names).await?;
    let (mut seen, mut own) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        let sets = look(lease, name).await?;
        seen.insert(name.to_owned(), table(&catalog, name, &sets));
        own.insert(name.to_owned(), Seen::of(&sets));
    }
    for touched in touched {
        let (entity, table) = match table_of(model, &touched.entity) {
            Ok(found) => found,
            Err(failure) => {
                findings.wrong(failure.to_string());
                continue;
            }
        };
        let examiner = Examiner { model, touched, entity, table, seen: &seen, findings: &mut findings };
        Special { examiner, catalog: &catalog, own: &own }.examine();
    }
    Ok(findings.all())
}

/// Whether indexes find what is compared of one type.
pub(super) async fn indexes(
    lease: &mut Lease,
    model: &Model,
    entity: &str,
    compared: &BTreeSet<Native>,
) -> Result<Vec<Finding>, Failure> {
    let (_, own) = table_of(model, entity)?;
    let places = examine::places(own, compared);
    let catalog = schema::read(lease, &places.iter().map(String::as_str).collect()).await?;
    let mut seen = BTreeMap::new();
    for name in places {
        let sets = look(lease, &name).await?;
        let found = table(&catalog, &name, &sets);
        seen.insert(name, found);
    }
    Ok(examine::indexes(own, compared, &seen))
}

/// A table's indexes, its triggers, and its kind with the login's rights.
async fn look(lease: &mut Lease, table: &str) -> Result<Vec<Set>, Trouble> {
    let name = Dialect::Transact(Catalog::unknown()).quote(table);
    let rights = RIGHTS.map(|right| format!("HAS_PERMS_BY_NAME(@P1, 'OBJECT', '{right}')"));
    let text = format!(
        "SELECT i.name, COL_NAME(c.object_id, c.column_id), CASE WHEN i.has_filter = 1 THEN 0 ELSE i.is_unique END \
         FROM sys.indexes i \
         JOIN sys.index_columns c ON c.object_id = i.object_id AND c.index_id = i.index_id \
         WHERE i.object_id = OBJECT_ID(@P1) AND c.key_ordinal > 0 ORDER BY i.name, c.key_ordinal;\n\
         SELECT name FROM sys.triggers WHERE parent_id = OBJECT_ID(@P1) AND is_disabled = 0 ORDER BY name;\n\
         SELECT CASE WHEN OBJECTPROPERTY(OBJECT_ID(@P1), 'IsView') = 1 THEN 1 ELSE 0 END, {};\n",
        rights.join(", ")
    );
    lease.ask_first(Request::Batch(&text, &[Some(Value::Text(name))])).await
}

/// What every database shows of a table, from the catalog and what [`look`] brought.
fn table(catalog: &Catalog, name: &str, sets: &[Set]) -> examine::Seen {
    let mut indexes: BTreeMap<String, (Vec<String>, bool)> = BTreeMap::new();
    for row in rows(sets, 0) {
        let (Some(index), Some(column)) = (text(row.first()), text(row.get(1))) else { continue };
        let (columns, _) = indexes.entry(index).or_insert((Vec::new(), is_set(row.get(2))));
        columns.push(column.to_lowercase());
    }
    let mut written: Vec<String> = catalog
        .columns(name)
        .filter(|(_, column)| !column.is_generated)
        .map(|(column, _)| column.to_owned())
        .collect();
    written.sort_unstable();
    examine::Seen {
        columns: catalog.columns(name).map(|(column, _)| column.to_owned()).collect(),
        written,
        indexes: indexes.into_values().collect(),
        is_view: rows(sets, 2).any(|row| is_set(row.first())),
    }
}

fn rows(sets: &[Set], at: usize) -> impl Iterator<Item = &Cells> {
    sets.get(at).into_iter().flat_map(|set| &set.rows)
}

fn text(cell: Option<&Option<Value>>) -> Option<String> {
    cell?.as_ref()?.text()
}

fn is_set(cell: Option<&Option<Value>>) -> bool {
    matches!(cell, Some(Some(Value::Integer(1) | Value::Bool(true))))
}

// === impl Seen ===

impl Seen {
    fn of(sets: &[Set]) -> Self {
        let triggers = rows(sets, 1).filter_map(|row| text(row.first())).collect();
        let rights =
            rows(sets, 2).flat_map(|row| row.iter().skip(1).map(|cell| is_set(Some(cell)))).collect();
        Self { triggers, rights }
    }
}

/// What is looked at of one resource type.
struct Special<'a> {
    examiner: Examiner<'a>,
    catalog: &'a Catalog,
    own: &'a BTreeMap<String, Seen>,
}

// === impl Special ===

impl Special<'_> {
    fn examine(mut self) {
        let before = self.examiner.findings.len();
        if !self.examiner.is_there(", or this login may not see it") {
            return;
        }
        self.values();
        self.lacking();
        self.promises();
        self.rights();
        let Examiner { entity, table, findings, .. } = self.examiner;
        if findings.len() == before {
            findings.good(format!("{}: every table and column is there", entity.name));
        }
        if let Some(Seen { triggers, .. }) = self.own.get(&*table.name)
            && !triggers.is_empty()
        {
            findings.note(format!("{} has triggers: {}", table.name, triggers.join(", ")));
        }
    }

    /// Whether columns take what the mapping gives them.
    fn values(&mut self) {
        let Examiner { touched, table, .. } = self.examiner;
        for native in &touched.written {
            let (name, place) = (table.place(native), touched.place(native));
            let Some(column) = self.catalog.column(name, &native.name) else { continue };
            if column.is_generated {
                self.examiner.wrong(format!("{name}.{} is the database's own to give{place}", native.name));
            }
            if let (Some(longest), Some(most)) = (touched.longest(native), column.kind.longest())
                && longest > most
            {
                self.examiner.note(format!(
                    "{name}.{} takes {most}, and max_len({longest}) lets more through{place}",
                    native.name
                ));
            }
        }
    }

    /// Whether the columns of the own table get what they must have.
    fn lacking(&mut self) {
        let Examiner { touched, table, entity, .. } = self.examiner;
        if entity.read_only {
            return;
        }
        let mut given: BTreeSet<String> = lowered(&table.id);
        given.extend(table.lookups.iter().flat_map(|lookup| lowered(&lookup.foreign_key)));
        given.extend(
            table.rest.iter().filter(|rest| rest.table == table.name).map(|rest| rest.column.to_lowercase()),
        );
        let own = touched.written.iter().filter(|native| native.part.is_none());
        given.extend(own.flat_map(|native| lowered(&table.columns(native))));
        let must = self
            .catalog
            .columns(&table.name)
            .filter(|(_, column)| !column.is_nullable && !column.is_generated && !column.has_default);
        let lacking: BTreeSet<&str> =
            must.map(|(name, _)| name).filter(|name| !given.contains(*name)).collect();
        for column in lacking {
            self.examiner.wrong(format!(
                "{}.{column} must have a value, and nothing gives it one: see `initial`",
                table.name
            ));
        }
    }

    /// What the database promises. Of a view's columns it promises nothing itself.
    fn promises(&mut self) {
        let Examiner { touched, table, entity, seen, .. } = self.examiner;
        let Some(own) = seen.get(&*table.name).filter(|seen| !seen.is_view) else { return };
        self.examiner.unique();
        self.examiner.stand_ins();
        self.examiner.parts();
        self.examiner.id();
        self.examiner.children();
        for native in entity.references.keys().filter(|native| native.part.is_none()) {
            if !own.finds(&lowered(&table.columns(native))) {
                let place = touched.place(native);
                self.examiner.note(format!(
                    "no index of {} begins with {}, which filters compare{place}",
                    table.name, native.name
                ));
            }
        }
    }

    fn rights(&mut self) {
        let Examiner { touched, table, entity, .. } = self.examiner;
        let mut needed: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let all = [0, 1, 2, 3];
        let own: &[usize] = if entity.read_only { &all[..1] } else { &all };
        needed.entry(&table.name).or_default().extend(own);
        table.lookups.iter().for_each(|lookup| _ = needed.entry(&lookup.table).or_default().insert(0));
        for child in &table.children {
            let is_written =
                touched.written.iter().any(|native| native.part.as_deref() == Some(&*child.table));
            let rights: &[usize] = if is_written { &[0, 1, 3] } else { &[0] };
            needed.entry(&child.table).or_default().extend(rights);
        }
        for (table, rights) in needed {
            let Some(seen) = self.own.get(table) else { continue };
            let lacks: Vec<&str> = rights
                .into_iter()
                .filter(|right| seen.rights.get(*right) == Some(&false))
                .filter_map(|right| RIGHTS.get(right).copied())
                .collect();
            if !lacks.is_empty() {
                self.examiner.wrong(format!("this login lacks the right to {} on {table}", lacks.join(", ")));
            }
        }
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

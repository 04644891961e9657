//! What is in a SQL Server database that nobody knows yet, as far as the login may see it. It only reads.

use std::collections::BTreeMap;

use super::exchange::{Request, Set};
use super::failure::Trouble;
use super::pool::Lease;
use super::schema;
use crate::backend::sql::catalog::{Catalog, Kind};
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::records::Cells;
use crate::backend::sql::survey;
use crate::plan::Value;
use crate::survey::tables::{COLUMNS, Column, ForeignKey, Holds, Sample, TABLES, Table, Tables, Wish};

/// A table as a mapping names it: its schema is said where it is not the login's own.
const NAME: &str = "CASE WHEN s.name = SCHEMA_NAME() THEN o.name ELSE s.name + '.' + o.name END";
/// Tables and views of users.
const OBJECTS: &str = "sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id";
const OWN: &str = "o.type IN ('U', 'V') AND o.is_ms_shipped = 0";

/// Its tables.
pub(super) async fn tables(lease: &mut Lease) -> Result<Tables, Trouble> {
    let rights = ["INSERT", "UPDATE", "DELETE"].map(|right| {
        format!("HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', '{right}')")
    });
    let objects = format!(
        "SELECT TOP ({TABLES}) {NAME}, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END, {} FROM {OBJECTS} WHERE {OWN} ORDER BY 1",
        rights.join(", ")
    );
    let columns = format!(
        "SELECT TOP ({COLUMNS}) {NAME}, {} FROM sys.columns c JOIN {OBJECTS} ON o.object_id = c.object_id WHERE {OWN} \
         ORDER BY 1, c.column_id",
        schema::COLUMN
    );
    let keys = format!(
        "SELECT TOP ({COLUMNS}) {NAME}, i.name, COL_NAME(k.object_id, k.column_id), i.is_primary_key \
         FROM sys.indexes i JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id \
         JOIN {OBJECTS} ON o.object_id = i.object_id \
         WHERE {OWN} AND i.is_unique = 1 AND i.has_filter = 0 AND k.key_ordinal > 0 ORDER BY 1, i.name, k.key_ordinal"
    );
    let foreign = format!(
        "SELECT TOP ({COLUMNS}) {NAME}, f.constraint_object_id, COL_NAME(f.parent_object_id, f.parent_column_id), \
         CASE WHEN rs.name = SCHEMA_NAME() THEN r.name ELSE rs.name + '.' + r.name END, \
         COL_NAME(f.referenced_object_id, f.referenced_column_id) \
         FROM sys.foreign_key_columns f JOIN {OBJECTS} ON o.object_id = f.parent_object_id \
         JOIN sys.objects r ON r.object_id = f.referenced_object_id JOIN sys.schemas rs ON rs.schema_id = r.schema_id \
         ORDER BY 1, 2, f.constraint_column_id"
    );
    let mut found = Found::default();
    found.objects(&ask(lease, &objects).await?);
    found.columns(&ask(lease, &columns).await?);
    found.keys(&ask(lease, &keys).await?);
    found.foreign(&ask(lease, &foreign).await?);
    Ok(Tables { is_sqlite: false, tables: found.0 })
}

/// Some rows of a table.
pub(super) async fn sample(lease: &mut Lease, wish: &Wish) -> Result<Sample, Trouble> {
    let dialect = Dialect::Transact(Catalog::unknown());
    let counts = ask(lease, &survey::counts(dialect, wish)).await?;
    let mut values = Vec::with_capacity(wish.columns.len());
    for column in &wish.columns {
        values.push(ask(lease, &survey::values(dialect, &wish.table, column)).await?);
    }
    Ok(survey::sample(wish, counts.first(), values))
}

async fn ask(lease: &mut Lease, text: &str) -> Result<Vec<Cells>, Trouble> {
    let sets = lease.ask_first(Request::Batch(text, &[])).await?;
    Ok(sets.into_iter().next().map(|Set { rows, .. }| rows).unwrap_or_default())
}

/// Tables as they come together.
#[derive(Default)]
struct Found(Vec<Table>);

impl Found {
    fn table(&mut self, row: &Cells) -> Option<&mut Table> {
        let name = text(row, 0)?;
        self.0.iter_mut().find(|table| table.name == name)
    }

    fn objects(&mut self, rows: &[Cells]) {
        for row in rows {
            let Some(name) = text(row, 0) else { continue };
            let is_view = is_set(row, 1);
            let is_writable = !is_view && (2..5).all(|at| is_set(row, at));
            self.0.push(Table { name, is_view, is_writable, ..Table::default() });
        }
    }

    fn columns(&mut self, rows: &[Cells]) {
        for row in rows {
            let described = row.get(1..).and_then(schema::described);
            let Some((name, column, kind_name)) = described else { continue };
            let column = Column {
                name,
                holds: holds(column.kind, &kind_name),
                longest: match column.kind {
                    Kind::Narrow { octets, .. } => octets,
                    Kind::Wide { units, .. } => units,
                    _ => None,
                },
                is_nullable: column.is_nullable,
                is_generated: column.is_generated,
                has_default: column.has_default,
            };
            self.table(row).into_iter().for_each(|table| table.columns.push(column.clone()));
        }
    }

    fn keys(&mut self, rows: &[Cells]) {
        let mut keys: BTreeMap<(String, String), (bool, Vec<String>)> = BTreeMap::new();
        for row in rows {
            let (Some(table), Some(index), Some(column)) = (text(row, 0), text(row, 1), text(row, 2)) else {
                continue;
            };
            let (_, columns) = keys.entry((table, index)).or_insert((is_set(row, 3), Vec::new()));
            columns.push(column);
        }
        for ((name, _), (is_primary, columns)) in keys {
            let Some(table) = self.0.iter_mut().find(|table| table.name == name) else { continue };
            match is_primary {
                true => table.primary = columns,
                false => table.unique.push(columns),
            }
        }
    }

    fn foreign(&mut self, rows: &[Cells]) {
        let mut last = None;
        for row in rows {
            let (Some(constraint), Some(from), Some(to), Some(referenced)) =
                (text(row, 1), text(row, 2), text(row, 3), text(row, 4))
            else {
                continue;
            };
            let is_new = last.as_ref() != Some(&constraint);
            last = Some(constraint);
            let Some(table) = self.table(row) else { continue };
            if is_new {
                table.foreign_keys.push(ForeignKey {
                    columns: Vec::new(),
                    table: to,
                    referenced: Vec::new(),
                });
            }
            table.foreign_keys.iter_mut().next_back().into_iter().for_each(|key| {
                key.columns.push(from.clone());
                key.referenced.push(referenced.clone());
            });
        }
    }
}

fn text(row: &Cells, at: usize) -> Option<String> {
    row.get(at)?.as_ref()?.text()
}

fn is_set(row: &Cells, at: usize) -> bool {
    matches!(row.get(at), Some(Some(Value::Integer(1) | Value::Bool(true))))
}

/// What a column holds; texts that the server does not group by are others.
fn holds(kind: Kind, name: &str) -> Holds {
    match kind {
        _ if matches!(name, "text" | "ntext") => Holds::Other,
        Kind::Narrow { .. } | Kind::Wide { .. } => Holds::Text,
        Kind::Integer { .. } => Holds::Integer,
        Kind::Bit => Holds::Boolean,
        Kind::Guid => Holds::Guid,
        Kind::Date => Holds::Date,
        Kind::Instant | Kind::OldInstant | Kind::OffsetInstant => Holds::Instant,
        Kind::Octets if matches!(name, "timestamp" | "rowversion") => Holds::Stamp,
        Kind::Octets => Holds::Octets,
        Kind::Decimal { .. } | Kind::Money | Kind::Real | Kind::Other => Holds::Other,
    }
}

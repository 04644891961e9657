//! Reads what a database knows of the columns that a mapping names.

use std::collections::BTreeSet;

use super::exchange::Request;
use super::failure::Trouble;
use super::pool::Lease;
use crate::backend::sql::catalog::{Catalog, Column, Kind};
use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::records::Cells;
use crate::plan::Value;

/// What there is to say of a column `c` of `sys.columns`.
pub(super) const COLUMN: &str = "c.name, TYPE_NAME(c.system_type_id), c.max_length, c.precision, c.scale, c.is_nullable, \
    c.is_identity, c.is_computed, CAST(COLLATIONPROPERTY(c.collation_name, 'CodePage') AS INT), \
    CASE WHEN c.default_object_id = 0 THEN 0 ELSE 1 END";

/// What the database says of the columns of these tables.
pub(super) async fn read(lease: &mut Lease, tables: &BTreeSet<&str>) -> Result<Catalog, Trouble> {
    let (mut text, mut params) = (String::new(), Vec::new());
    for table in tables {
        let name = Dialect::Transact(Catalog::unknown()).quote(table);
        params.push(Some(Value::Text(name.clone())));
        text.push_str(&columns(&name, params.len()));
    }
    let sets = lease.ask_first(Request::Batch(&text, &params)).await?;
    let mut catalog = Catalog::default();
    for (table, set) in tables.iter().zip(sets) {
        for row in &set.rows {
            if let Some((name, column)) = column(row) {
                catalog.add(table, &name, column);
            }
        }
    }
    Ok(catalog)
}

/// The statement that tells of one table's columns. `name` is quoted; its parts before the schema name another database.
fn columns(name: &str, mark: usize) -> String {
    let parts: Vec<&str> = name.split("].[").collect();
    let database = match parts.as_slice() {
        [database, _, _] => format!("{database}]."),
        _ => String::new(),
    };
    format!("SELECT {COLUMN} FROM {database}sys.columns c WHERE c.object_id = OBJECT_ID(@P{mark});\n")
}

fn column(row: &Cells) -> Option<(String, Column)> {
    described(row).map(|(name, column, _)| (name, column))
}

/// A column's name, what it is like, and its type's name, as [`COLUMN`] brings them.
pub(super) fn described(row: &[Option<Value>]) -> Option<(String, Column, String)> {
    let text = |at: usize| row.get(at)?.as_ref()?.text();
    let number = |at: usize| match row.get(at) {
        Some(Some(Value::Integer(number))) => *number,
        Some(Some(Value::Bool(truth))) => i64::from(*truth),
        _ => 0,
    };
    let kind_name = text(1)?.to_lowercase();
    let length = usize::try_from(number(2)).ok().filter(|length| *length > 0);
    let small = |at: usize| u8::try_from(number(at)).unwrap_or_default();
    let integer = |least, greatest| Kind::Integer { least, greatest };
    let kind = match kind_name.as_str() {
        "varchar" | "char" | "text" => Kind::Narrow {
            code_page: u32::try_from(number(8)).unwrap_or_default(),
            octets: length.filter(|_| kind_name != "text"),
            is_padded: kind_name == "char",
        },
        "nvarchar" | "nchar" | "sysname" => {
            Kind::Wide { units: length.map(|octets| octets / 2), is_padded: kind_name == "nchar" }
        }
        "ntext" => Kind::Wide { units: None, is_padded: false },
        "tinyint" => integer(0, 255),
        "smallint" => integer(i16::MIN.into(), i16::MAX.into()),
        "int" => integer(i32::MIN.into(), i32::MAX.into()),
        "bigint" => integer(i64::MIN, i64::MAX),
        "bit" => Kind::Bit,
        "decimal" | "numeric" => Kind::Decimal { precision: small(3), scale: small(4) },
        "money" | "smallmoney" => Kind::Money,
        "float" | "real" => Kind::Real,
        "uniqueidentifier" => Kind::Guid,
        "binary" | "varbinary" | "image" | "timestamp" | "rowversion" => Kind::Octets,
        "date" => Kind::Date,
        "datetime" | "smalldatetime" => Kind::OldInstant,
        "datetime2" => Kind::Instant,
        "datetimeoffset" => Kind::OffsetInstant,
        _ => Kind::Other,
    };
    let is_stamp = matches!(kind_name.as_str(), "timestamp" | "rowversion");
    let column = Column {
        kind,
        is_nullable: number(5) != 0,
        is_generated: number(6) != 0 || number(7) != 0 || is_stamp,
        has_default: number(9) != 0,
    };
    Some((text(0)?, column, kind_name))
}

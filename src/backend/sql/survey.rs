//! The statements that sample a table, for both dialects: how many rows have something in a column, and which values stand
//! in it. Pure; who sends them is `sqlite`'s and `sqlserver`'s affair.

use super::dialect::Dialect;
use super::records::Cells;
use crate::plan::Value;
use crate::survey::tables::{SAMPLE_ROWS, SAMPLE_VALUES, Sample, Values, Wish};

/// What counts the rows of a sample and those with something in each column, in the wish's order.
pub(super) fn counts(dialect: Dialect<'_>, wish: &Wish) -> String {
    let columns: Vec<String> = wish.columns.iter().map(|column| dialect.quote(column)).collect();
    let counted: String = columns.iter().map(|column| format!(", COUNT({column})")).collect();
    let listed = if columns.is_empty() { "1 AS one".to_owned() } else { columns.join(", ") };
    format!("SELECT COUNT(*){counted} FROM ({}) AS s", limited(dialect, &listed, &wish.table))
}

/// What tells the values of one column, the most frequent first.
pub(super) fn values(dialect: Dialect<'_>, table: &str, column: &str) -> String {
    let (column, most) = (dialect.quote(column), SAMPLE_VALUES + 1);
    let (top, limit) = match dialect {
        Dialect::Sqlite => (String::new(), format!(" LIMIT {most}")),
        Dialect::Transact(_) => (format!("TOP ({most}) "), String::new()),
    };
    let rows = limited(dialect, &column, table);
    format!(
        "SELECT {top}{column}, COUNT(*) FROM ({rows}) AS s WHERE {column} IS NOT NULL \
         GROUP BY {column} ORDER BY COUNT(*) DESC, {column}{limit}"
    )
}

fn limited(dialect: Dialect<'_>, columns: &str, table: &str) -> String {
    let table = dialect.quote(table);
    match dialect {
        Dialect::Sqlite => format!("SELECT {columns} FROM {table} LIMIT {SAMPLE_ROWS}"),
        Dialect::Transact(_) => format!("SELECT TOP ({SAMPLE_ROWS}) {columns} FROM {table}"),
    }
}

/// The sample that the answers make: that of [`counts`], and of [`values`] for each column.
pub(super) fn sample(wish: &Wish, counts: Option<&Cells>, values: Vec<Vec<Cells>>) -> Sample {
    let count = |at: usize| counts.and_then(|cells| number(cells.get(at)?.as_ref()?)).unwrap_or_default();
    let columns = wish.columns.iter().zip(values).enumerate().map(|(at, (column, rows))| {
        let pair = |row: Cells| {
            let [value, count] = <[Option<Value>; 2]>::try_from(row).ok()?;
            Some((value?, number(&count?)?))
        };
        (column.clone(), Values { filled: count(at + 1), most: rows.into_iter().filter_map(pair).collect() })
    });
    Sample { rows: count(0), columns: columns.collect() }
}

fn number(value: &Value) -> Option<usize> {
    match value {
        Value::Integer(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

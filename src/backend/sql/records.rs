//! The rows that a [`Select`]'s statements brought, as records. Knows no database, only the columns that were asked for.

use std::collections::HashMap;

use super::select::{ChildSelect, Column, Select, Target};
use crate::plan::{Found, Record, Reference, Row, Value};

/// A row as it came; NULL is `None`.
pub(super) type Cells = Vec<Option<Value>>;

/// What the rows, those of each child table in order, and the count make. One row more than the limit tells that there
/// are more.
pub(super) fn found(
    select: &Select,
    rows: Vec<Cells>,
    children: Vec<Vec<Cells>>,
    count: Option<&Value>,
    limit: usize,
) -> Found {
    let more = rows.len() > limit;
    let mut records: Vec<Record> = rows.into_iter().take(limit).map(|row| record(row, select)).collect();
    let places: HashMap<String, usize> =
        records.iter().enumerate().map(|(at, record)| (record.id.clone(), at)).collect();
    for (child, rows) in select.children.iter().zip(children) {
        for record in &mut records {
            record.children.insert(child.table.clone(), Vec::new());
        }
        for (key, row) in rows.into_iter().map(|row| child_row(row, child)) {
            let record = places.get(&key).and_then(|at| records.get_mut(*at));
            if let (Some(record), Some(row)) = (record, row) {
                record.children.entry(child.table.clone()).or_default().push(row);
            }
        }
    }
    let total = count.and_then(|count| match count {
        Value::Integer(total) => usize::try_from(*total).ok(),
        _ => None,
    });
    Found { records, total, more }
}

fn record(row: Cells, select: &Select) -> Record {
    let mut cells = row.into_iter();
    let mut record = Record { id: key(cells.next().flatten()), ..Record::default() };
    for column in &select.columns {
        if let Some(value) = cell(&mut cells, column) {
            record.values.insert(column.native.clone(), vec![value]);
        }
    }
    if select.rest {
        record.rest = cells.next().flatten().and_then(|document| document.text());
    }
    if select.sorted {
        record.key = cells.next().flatten();
    }
    record
}

/// A child's row with the key that it belongs to; `None` when a reference in it leads nowhere.
fn child_row(row: Cells, child: &ChildSelect) -> (String, Option<Row>) {
    let mut cells = row.into_iter();
    let key = key(cells.next().flatten());
    let mut values = Row::new();
    let mut whole = true;
    for column in &child.columns {
        match cell(&mut cells, column) {
            Some(value) => {
                values.insert(column.native.name.clone(), value);
            }
            None => whole &= column.target == Target::Value,
        }
    }
    (key, whole.then_some(values))
}

/// One native's value, from one column or, for a reference to one of several entities, from two.
fn cell(cells: &mut impl Iterator<Item = Option<Value>>, column: &Column) -> Option<Value> {
    let value = cells.next().flatten();
    let resource = match &column.target {
        Target::Value => return value,
        Target::One(entity) => entity.to_string(),
        Target::Several => cells.next().flatten().and_then(|kind| kind.text())?,
    };
    value.map(|value| Value::Reference(Reference { resource: Some(resource), id: key(Some(value)) }))
}

/// A key as the text of a SCIM id.
fn key(value: Option<Value>) -> String {
    value.and_then(|value| value.text()).unwrap_or_default()
}

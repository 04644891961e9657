//! The rows that a [`Select`]'s statements brought, as records. Knows no database, only the columns that were asked for.

use std::collections::HashMap;

use super::returned::Known;
use super::select::{ChildSelect, Column, Select, Target};
use crate::backend::Failure;
use crate::plan::{Found, Param, Plan, Record, Reference, Row, Value, id_of};

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
        for (key, row) in rows.into_iter().map(|row| child_row(row, select.key, child)) {
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
    let mut record = Record { id: id(&mut cells, select.key), ..Record::default() };
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
fn child_row(row: Cells, key: usize, child: &ChildSelect) -> (String, Option<Row>) {
    let mut cells = row.into_iter();
    let id = id(&mut cells, key);
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
    (id, whole.then_some(values))
}

/// One native's value: of a reference made of as many columns as the key has that it leads to, and where that is one of
/// several entities' of one more.
fn cell(cells: &mut impl Iterator<Item = Option<Value>>, column: &Column) -> Option<Value> {
    let values: Cells = cells.by_ref().take(column.width).collect();
    let resource = match &column.target {
        Target::Value => return values.into_iter().next().flatten(),
        Target::One(entity) => entity.to_string(),
        Target::Several => cells.next().flatten().and_then(|kind| kind.text())?,
    };
    let is_told =
        |(at, told): &(usize, Value)| matches!(values.get(*at), Some(Some(held)) if told.same(held));
    if !column.nobody.is_empty() && column.nobody.iter().all(is_told) {
        return None;
    }
    let is_whole = values.iter().all(Option::is_some);
    let id = id(&mut values.into_iter(), column.width);
    is_whole.then_some(Value::Reference(Reference { resource: Some(resource), id }))
}

/// The id that a key's values make, which stand in the next columns.
fn id(cells: &mut impl Iterator<Item = Option<Value>>, columns: usize) -> String {
    let text = |value: Option<Value>| value.and_then(|value| value.text()).unwrap_or_default();
    id_of(&cells.take(columns).map(text).collect::<Vec<_>>())
}

/// The id of what a plan created, where that and what its steps gave tell it.
pub(super) fn created(plan: &Plan, known: &Known) -> Result<Option<String>, Failure> {
    let text = |part: &Param| match part {
        Param::Value(value) => Ok(value.text()),
        Param::Output(name) => match known.get(name) {
            Some(None) => {
                Err(Failure::Internal(format!("{name} is NULL, and the new resource's id is made of it")))
            }
            given => Ok(given.cloned().flatten().and_then(|value| value.text())),
        },
        Param::Null => Ok(None),
    };
    let parts = plan.id.iter().map(text).collect::<Result<Option<Vec<String>>, _>>()?;
    Ok(parts.filter(|parts| !parts.is_empty()).map(|parts| id_of(&parts)))
}

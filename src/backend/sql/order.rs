//! The order of a result: ORDER BY, and the condition that begins behind a place of it. NULL stands where
//! SCIM puts it, whatever the dialect would do with it by itself.

use time::OffsetDateTime;
use time::UtcOffset;

use super::builder::Builder;
use super::catalog::Kind;
use super::dialect::Dialect;
use super::{condition, key};
use crate::backend::Failure;
use crate::limits::SORTED_CHARS;
use crate::plan::{By, Case, Mark, Sequence, Sort, Table, Value};

/// Writes the condition of a sequence that begins behind a place, if it does.
pub(super) fn write_behind(
    builder: &mut Builder<'_>,
    table: &Table,
    sequence: &Sequence,
) -> Result<(), Failure> {
    let Some(mark) = &sequence.behind else { return Ok(()) };
    let parts = table.id.parts(&mark.id).ok_or_else(|| {
        let cause = format!("{:?} is no key of {}", mark.id, table.name);
        Failure::Rejected("The list cannot go on from here; begin it anew.".to_owned(), cause)
    })?;
    let columns = condition::own_key(builder.dialect, table);
    let held = (&*table.name, &table.id);
    let Some(beyond) = key::is_beyond(builder, held, &columns, (&parts, sequence.backward)) else {
        builder.push(" AND ").push(condition::NEVER);
        return Ok(());
    };
    let condition = match &sequence.sort {
        None => beyond,
        Some(sort) => behind(builder, table, sort, (sequence.backward, mark), &beyond),
    };
    builder.push(" AND ").push(&condition);
    Ok(())
}

/// What stands behind a place in a sorted result: another value, or the same one and an id beyond.
fn behind(
    builder: &mut Builder<'_>,
    table: &Table,
    sort: &Sort,
    (backward, mark): (bool, &Mark),
    beyond: &str,
) -> String {
    let key = sort_key(builder, table, sort);
    let is_falling = sort.descending != backward;
    let Some(value) = &mark.value else {
        let same = format!("{key} IS NULL AND {beyond}");
        return match is_falling {
            true => format!("({key} IS NOT NULL OR {same})"),
            false => format!("({same})"),
        };
    };
    // An instant comes back as text, and is compared as what it was.
    let kind = match (sort.by, builder.dialect) {
        (By::Instant, Dialect::Transact(_)) => Kind::OffsetInstant,
        _ => Kind::Other,
    };
    let Some(mark) = value_mark(builder, kind, value) else { return condition::NEVER.to_owned() };
    let (sign, nulls) = if is_falling { ('<', String::new()) } else { ('>', format!(" OR {key} IS NULL")) };
    format!("({key} {sign} {mark} OR ({key} = {mark} AND {beyond}){nulls})")
}

/// Writes what orders the rows as one more column.
pub(super) fn write_selected(builder: &mut Builder<'_>, table: &Table, sequence: &Sequence) {
    if let Some(sort) = &sequence.sort {
        let key = sort_key(builder, table, sort);
        builder.push(", ").push(&key);
    }
}

/// Writes ORDER BY.
pub(super) fn write_order(builder: &mut Builder<'_>, table: &Table, sequence: &Sequence) {
    let mut own = condition::own_key(builder.dialect, table);
    builder.push(" ORDER BY ");
    if let Some(sort) = &sequence.sort {
        let key = sort_key(builder, table, sort);
        let term = builder.dialect.order(&key, sort.descending != sequence.backward);
        builder.push(&term);
        // What is sorted by has no ties in itself, and T-SQL takes no column twice.
        own.retain(|column| *column != key);
        if own.is_empty() {
            return;
        }
        builder.push(", ");
    }
    builder.push(&key::order(&own, sequence.backward));
}

/// The alias of the look-up whose column orders the result.
pub(super) fn lookup(sequence: &Sequence) -> Option<std::sync::Arc<str>> {
    sequence.sort.as_ref().and_then(|sort| sort.native.part.clone())
}

/// The expression that orders the result.
fn sort_key(builder: &mut Builder<'_>, table: &Table, sort: &Sort) -> String {
    let dialect = builder.dialect;
    let kind = dialect.kind(table.place(&sort.native), &sort.native.name);
    let column = condition::column(dialect, &sort.native);
    let of_column = match sort.by {
        By::Text(_) => dialect.beginning(&dialect.as_text(&column), SORTED_CHARS),
        By::Integer => column.clone(),
        By::Instant => dialect.instant(&column, kind),
    };
    let value = match &sort.missing {
        None => of_column,
        Some(missing) => {
            let mark = builder.value(missing.clone());
            let exact = if matches!(missing, Value::Text(_)) { dialect.collation(true) } else { "" };
            format!("CASE WHEN {column} = {mark}{exact} THEN NULL ELSE {of_column} END")
        }
    };
    match sort.by {
        By::Text(case) => dialect.by_code_points(&value, case == Case::Exact),
        By::Integer | By::Instant => value,
    }
}

/// What a value is compared with a column of this kind as, or with [`Dialect::instant`] of it; `None` when nothing there
/// can be equal to it.
pub(super) fn value_mark(builder: &mut Builder<'_>, kind: Kind, value: &Value) -> Option<String> {
    match (value, builder.dialect) {
        (Value::Timestamp(at), Dialect::Sqlite) => Some(builder.value(Value::Text(sqlite_instant(*at)))),
        _ => builder.compared(kind, value),
    }
}

/// An instant as [`Dialect::instant`] gives it in SQLite.
fn sqlite_instant(at: OffsetDateTime) -> String {
    let at = at.checked_to_offset(UtcOffset::UTC).unwrap_or(at); // what fails is beyond the year 9999
    let (date, time) = (at.date(), at.time());
    let text = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
    );
    match time.nanosecond() {
        0 => text,
        nanosecond => format!("{text}.{nanosecond:09}").trim_end_matches('0').to_owned(),
    }
}

//! Native values as TDS has them, in both directions. What comes from the wire is checked: a date or a number that
//! cannot be is no value but an error.

use std::borrow::Cow;

use tiberius::numeric::Numeric;
use tiberius::time as tds;
use tiberius::{ColumnData, ColumnType};
use time::format_description::well_known::Rfc3339;
use time::macros::date;
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::backend::Failure;
use crate::plan::Value;

/// The day from which DATE, DATETIME2 and DATETIMEOFFSET count.
const FIRST: Date = date!(0001 - 01 - 01);
/// The day from which DATETIME and SMALLDATETIME count.
const OLD_FIRST: Date = date!(1900 - 01 - 01);
/// The fraction of a second that instants are sent with: hundreds of nanoseconds.
const SCALE: u8 = 7;

/// A parameter. Texts are NVARCHAR, whole numbers BIGINT, instants DATETIMEOFFSET in UTC.
pub(super) fn parameter(value: Option<Value>) -> Result<ColumnData<'static>, Failure> {
    Ok(match value {
        None => ColumnData::String(None),
        Some(Value::Text(text)) => string(text)?,
        Some(Value::Integer(number)) => ColumnData::I64(Some(number)),
        Some(Value::Real(number)) => ColumnData::F64(Some(number)),
        Some(Value::Bool(truth)) => ColumnData::Bit(Some(truth)),
        Some(Value::Bytes(octets)) => ColumnData::Binary(Some(Cow::Owned(octets))),
        Some(Value::Secret(secret)) => match secret.expose_text() {
            Some(text) => string(text.to_owned())?,
            None => ColumnData::Binary(Some(Cow::Owned(secret.expose().to_vec()))),
        },
        Some(Value::Reference(reference)) => string(reference.id)?,
        Some(Value::Date(day)) => ColumnData::Date(Some(tds_date(day)?)),
        Some(Value::Timestamp(at)) => instant(at)?,
        Some(Value::Today) => {
            return Err(Failure::Internal("the dialect has words of its own for today".to_owned()));
        }
    })
}

fn string(text: String) -> Result<ColumnData<'static>, Failure> {
    if text.contains('\0') {
        let detail = "A text with the character U+0000 cannot be stored.".to_owned();
        return Err(Failure::Rejected(detail, "U+0000 in a parameter".to_owned()));
    }
    Ok(ColumnData::String(Some(Cow::Owned(text))))
}

fn tds_date(day: Date) -> Result<tds::Date, Failure> {
    let days = u32::try_from((day - FIRST).whole_days()).ok().filter(|days| *days < 1 << 24);
    let beyond =
        || Failure::Rejected("A date before the year 1 cannot be stored.".to_owned(), day.to_string());
    days.map(tds::Date::new).ok_or_else(beyond)
}

fn instant(at: OffsetDateTime) -> Result<ColumnData<'static>, Failure> {
    let utc = at.checked_to_offset(UtcOffset::UTC).unwrap_or(at);
    let since = (utc.time() - Time::MIDNIGHT).whole_nanoseconds() / 100;
    let time = tds::Time::new(u64::try_from(since).unwrap_or_default(), SCALE);
    let at = tds::DateTimeOffset::new(tds::DateTime2::new(tds_date(utc.date())?, time), 0);
    Ok(ColumnData::DateTimeOffset(Some(at)))
}

/// A value that was read; `None` is NULL. Instants come as RFC 3339 text, in UTC where the type has no offset; exact
/// numbers that are no whole ones as text, so that no digit is lost; the blanks that pad CHAR are left out.
pub(super) fn read(data: &ColumnData<'_>, kind: ColumnType) -> Result<Option<Value>, Failure> {
    Ok(match data {
        ColumnData::U8(number) => number.map(|number| Value::Integer(number.into())),
        ColumnData::I16(number) => number.map(|number| Value::Integer(number.into())),
        ColumnData::I32(number) => number.map(|number| Value::Integer(number.into())),
        ColumnData::I64(number) => number.map(Value::Integer),
        ColumnData::F32(number) => number.map(|number| Value::Real(number.into())),
        ColumnData::F64(number) => number.map(Value::Real),
        ColumnData::Bit(truth) => truth.map(Value::Bool),
        ColumnData::String(text) => text.as_deref().map(|text| Value::Text(unpadded(text, kind).to_owned())),
        ColumnData::Guid(guid) => guid.map(|guid| Value::Text(guid.hyphenated().to_string().to_uppercase())),
        ColumnData::Binary(octets) => octets.as_deref().map(|octets| Value::Bytes(octets.to_vec())),
        ColumnData::Numeric(number) => number.map(numeric),
        ColumnData::Xml(xml) => xml.clone().map(|xml| Value::Text(xml.into_owned().into_string())),
        ColumnData::Date(day) => {
            day.map(|day| later(FIRST, day.days().into()).map(|day| Value::Text(iso(day)))).transpose()?
        }
        ColumnData::Time(time) => {
            time.map(|time| time_of(time).map(|time| Value::Text(time.to_string()))).transpose()?
        }
        ColumnData::DateTime(at) => at
            .map(|at| {
                let nanoseconds = i64::from(at.seconds_fragments()) * 10_000_000 / 3;
                // Three digits of a third of a hundredth of a second are what it keeps; the server compares seven.
                written(
                    later(OLD_FIRST, at.days().into())?,
                    Duration::nanoseconds((nanoseconds + 50) / 100 * 100),
                )
            })
            .transpose()?,
        ColumnData::SmallDateTime(at) => at
            .map(|at| {
                let minutes = Duration::minutes(at.seconds_fragments().into());
                written(later(OLD_FIRST, at.days().into())?, minutes)
            })
            .transpose()?,
        ColumnData::DateTime2(at) => at.map(|at| date_time(at).and_then(text)).transpose()?,
        ColumnData::DateTimeOffset(at) => at
            .map(|at| {
                let offset =
                    UtcOffset::from_whole_seconds(i32::from(at.offset()) * 60).map_err(|_| impossible())?;
                let utc = date_time(at.datetime2())?;
                text(utc.checked_to_offset(offset).unwrap_or(utc))
            })
            .transpose()?,
    })
}

fn unpadded(text: &str, kind: ColumnType) -> &str {
    match kind {
        ColumnType::BigChar | ColumnType::NChar => text.trim_end_matches(' '),
        _ => text,
    }
}

fn numeric(number: Numeric) -> Value {
    let (digits, scale) = (number.value(), usize::from(number.scale()));
    if scale == 0
        && let Ok(whole) = i64::try_from(digits)
    {
        return Value::Integer(whole);
    }
    let sign = if digits < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = all.split_at(all.len() - scale);
    Value::Text(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

fn later(first: Date, days: i64) -> Result<Date, Failure> {
    first.checked_add(Duration::days(days)).ok_or_else(impossible)
}

fn time_of(time: tds::Time) -> Result<Time, Failure> {
    let unit = 9_u32.checked_sub(time.scale().into()).and_then(|zeros| 10_u64.checked_pow(zeros));
    let nanoseconds = unit.and_then(|unit| unit.checked_mul(time.increments()));
    let since = nanoseconds.and_then(|nanoseconds| i64::try_from(nanoseconds).ok()).ok_or_else(impossible)?;
    let (seconds, rest) = (since / 1_000_000_000, since % 1_000_000_000);
    let part = |number: i64| u8::try_from(number).map_err(|_| impossible());
    let rest = u32::try_from(rest).map_err(|_| impossible())?;
    Time::from_hms_nano(part(seconds / 3_600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, rest)
        .map_err(|_| impossible())
}

fn date_time(at: tds::DateTime2) -> Result<OffsetDateTime, Failure> {
    Ok(PrimitiveDateTime::new(later(FIRST, at.date().days().into())?, time_of(at.time())?).assume_utc())
}

fn written(day: Date, since: Duration) -> Result<Value, Failure> {
    let at = PrimitiveDateTime::new(day, Time::MIDNIGHT).checked_add(since).ok_or_else(impossible)?;
    text(at.assume_utc())
}

fn text(at: OffsetDateTime) -> Result<Value, Failure> {
    at.format(&Rfc3339).map(Value::Text).map_err(|_| impossible())
}

fn iso(day: Date) -> String {
    Value::Date(day).text().unwrap_or_default()
}

fn impossible() -> Failure {
    Failure::Internal("the server sent a date or a time that cannot be".to_owned())
}

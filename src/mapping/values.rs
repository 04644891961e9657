//! A SCIM value of a type as a native value, and back. Plain conversions only: codes, scripts and
//! references are the lines' business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::plan::Value;
use crate::scim::schema::Type;

/// A native value for a SCIM value; `None` when the value is not of the type.
pub(super) fn to_native(value: &Json, kind: Type) -> Option<Value> {
    match (kind, value) {
        (Type::DateTime, Json::String(text)) => instant(text).map(Value::Timestamp),
        (Type::Binary, Json::String(text)) => BASE64.decode(text).ok().map(Value::Bytes),
        (_, Json::String(text)) => Some(Value::Text(text.clone())),
        (_, Json::Bool(truth)) => Some(Value::Bool(*truth)),
        (_, Json::Number(number)) => {
            number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Real))
        }
        _ => None,
    }
}

/// A literal of a mapping as a native value; `()` is `None`.
pub(super) fn literal(value: &Json) -> Option<Value> {
    to_native(value, Type::String)
}

/// The SCIM value that a native value means; `None` when it means none of that type.
pub(super) fn from_native(value: &Value, kind: Type) -> Option<Json> {
    match kind {
        Type::Boolean => truth(value).map(Json::Bool),
        Type::Integer => whole(value).map(Json::from),
        Type::Decimal => decimal(value).and_then(serde_json::Number::from_f64).map(Json::Number),
        Type::DateTime => moment(value).and_then(|at| at.format(&Rfc3339).ok()).map(Json::String),
        Type::Binary => match value {
            Value::Bytes(octets) => Some(BASE64.encode(octets).into()),
            other => other.text().map(|text| BASE64.encode(text).into()),
        },
        Type::String | Type::Reference | Type::Complex => value.text().map(Json::String),
    }
}

/// What a script gave, as the value of an attribute of this type: numbers and truths are texts where texts belong, as of
/// a native value. The kind of thing that it is where it cannot be one.
pub(super) fn given(value: Json, kind: Type) -> Result<Option<Json>, &'static str> {
    let is_kept = kind == Type::Complex || super::sense::is_of(kind, &value);
    match value {
        Json::Null => Ok(None),
        value if is_kept => Ok(Some(value)),
        Json::Array(_) => Err("an array"),
        Json::Object(_) => Err("a map"),
        value => {
            let what = match value {
                Json::Bool(_) => "true or false",
                Json::Number(_) => "a number",
                _ => "a text",
            };
            literal(&value).and_then(|native| from_native(&native, kind)).map(Some).ok_or(what)
        }
    }
}

/// A native value as scripts see it.
pub(super) fn plain(value: &Value) -> Json {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Real(number) => (*number).into(),
        Value::Bool(truth) => (*truth).into(),
        Value::Today => day(value).and_then(|date| Value::Date(date).text()).map_or(Json::Null, Json::String),
        other => other.text().map_or(Json::Null, Json::String),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Integer(number) => Some(*number != 0),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The whole number that a native value is.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// The day that a native value is, or is on in UTC.
pub(super) fn day(value: &Value) -> Option<Date> {
    match value {
        Value::Today => Some(OffsetDateTime::now_utc().date()),
        Value::Date(date) => Some(*date),
        Value::Text(text) => {
            let date = Date::parse(text, format_description!("[year]-[month]-[day]"));
            date.ok().or_else(|| instant(text).map(|at| at.date()))
        }
        other => moment(other).map(|at| at.to_offset(UtcOffset::UTC).date()),
    }
}

pub(super) fn decimal(value: &Value) -> Option<f64> {
    match value {
        Value::Real(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        other => whole(other).map(|number| number as f64),
    }
}

fn moment(value: &Value) -> Option<OffsetDateTime> {
    match value {
        Value::Timestamp(at) => Some(*at),
        Value::Text(text) => instant(text),
        _ => None,
    }
}

/// An instant in RFC 3339 or in SQL's form, which differ in the letter between date and time (without an offset:
/// taken as UTC), or in GeneralizedTime (RFC 4517 §3.3.13, UTC). `None` too for one that is beyond the year 9999 in UTC.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let general = format_description!("[year][month][day][hour][minute][second]Z");
    let general_fraction = format_description!("[year][month][day][hour][minute][second].[subsecond]Z");
    if let Some(at) = crate::scim::evaluate::instant(text) {
        return at.checked_to_offset(UtcOffset::UTC).filter(|at| (0..=9999).contains(&at.year()));
    }
    PrimitiveDateTime::parse(text, general)
        .map(PrimitiveDateTime::assume_utc)
        .or_else(|_| PrimitiveDateTime::parse(text, general_fraction).map(PrimitiveDateTime::assume_utc))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_the_forms_that_backends_write() {
        for text in [
            "2026-11-24T07:21:00Z",
            "2026-11-24T08:21:00+01:00",
            "2026-11-24T07:21:00",
            "20261124072100Z",
            "20261124072100.0Z",
            "2026-11-24 07:21:00",
            "2026-11-24 07:21:00.000",
        ] {
            let read = from_native(&text.into(), Type::DateTime);
            assert_eq!(read, Some("2026-11-24T07:21:00Z".into()), "{text}");
        }
        for text in ["yesterday", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
            assert_eq!(from_native(&text.into(), Type::DateTime), None, "{text}");
        }
    }

    #[test]
    fn types_are_read_from_what_each_backend_gives() {
        assert_eq!(from_native(&Value::Integer(1), Type::Boolean), Some(true.into()));
        assert_eq!(from_native(&"FALSE".into(), Type::Boolean), Some(false.into()));
        assert_eq!(from_native(&"42".into(), Type::Integer), Some(42.into()));
        assert_eq!(from_native(&Value::Bytes(vec![255]), Type::Binary), Some("/w==".into()));
        assert_eq!(from_native(&Value::Integer(7), Type::String), Some("7".into()));
    }
}

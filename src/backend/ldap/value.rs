//! Native values as a directory stores them: text by the syntaxes of RFC 4517, references as DNs. Knows
//! no connection.

use std::collections::BTreeMap;

use time::{OffsetDateTime, UtcOffset};

use crate::backend::Failure;
use crate::plan::{Reference, Value};

use super::account;

/// The DNs that references stand for, as far as they were looked up; `None`: no such entry.
pub(super) type Dns = BTreeMap<Reference, Option<String>>;

/// The value as it stands in a directory: text, octets or a secret, never empty.
pub(super) fn stored(attribute: &str, value: &Value, dns: &Dns) -> Result<Value, Failure> {
    match value {
        Value::Text(text) if text.is_empty() => Err(empty(attribute)),
        Value::Bytes(octets) if octets.is_empty() => Err(empty(attribute)),
        Value::Secret(secret) if secret.expose().is_empty() => Err(empty(attribute)),
        Value::Secret(secret) if account::is_password(attribute) => {
            let not_text = || Failure::Internal(format!("{attribute}: this secret is no text"));
            account::password(secret).map(Value::Secret).ok_or_else(not_text)
        }
        Value::Text(_) | Value::Bytes(_) | Value::Secret(_) => Ok(value.clone()),
        Value::Integer(number) => Ok(Value::Text(number.to_string())),
        Value::Real(number) => Ok(Value::Text(number.to_string())),
        Value::Bool(truth) => Ok(Value::Text(if *truth { "TRUE" } else { "FALSE" }.to_owned())),
        Value::Timestamp(at) => Ok(Value::Text(generalized_time(*at))),
        Value::Date(date) => Ok(Value::Text(generalized_time(date.midnight().assume_utc()))),
        Value::Today => {
            let today = OffsetDateTime::now_utc().date();
            Ok(Value::Text(generalized_time(today.midnight().assume_utc())))
        }
        Value::Reference(reference) => match dns.get(reference) {
            Some(Some(dn)) => Ok(Value::Text(dn.clone())),
            _ => Err(Failure::Rejected(
                format!("{attribute}: nothing has the id {:?}", reference.id),
                "a reference to no entry".to_owned(),
            )),
        },
    }
}

fn empty(attribute: &str) -> Failure {
    Failure::Rejected(
        format!("{attribute}: LDAP cannot store an empty text"),
        "an empty value (RFC 4517 §3.3.6)".to_owned(),
    )
}

/// The octets of a value that [`stored`] gave.
pub(super) fn octets(value: &Value) -> Vec<u8> {
    match value {
        Value::Bytes(octets) => octets.clone(),
        Value::Secret(secret) => secret.expose().to_vec(),
        other => other.text().unwrap_or_default().into_bytes(),
    }
}

/// GeneralizedTime in UTC with whole seconds (RFC 4517 §3.3.13).
pub(super) fn generalized_time(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_directory_text() {
        let at = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let at = at.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap());
        for (value, text) in [
            (Value::Timestamp(at), "20231114221320Z"),
            (Value::Date(at.date()), "20231115000000Z"),
            (Value::Bool(true), "TRUE"),
            (Value::Bool(false), "FALSE"),
            (Value::Integer(-7), "-7"),
            (Value::from("x"), "x"),
        ] {
            assert_eq!(stored("a", &value, &Dns::new()).unwrap(), Value::from(text));
        }
    }

    #[test]
    fn empty_text_and_unknown_references_are_refused_by_name() {
        let reference = Reference { resource: None, id: "7".to_owned() };
        for value in [Value::from(""), Value::Bytes(Vec::new()), Value::Reference(reference)] {
            match stored("sn", &value, &Dns::new()) {
                Err(Failure::Rejected(client, _)) => assert!(client.starts_with("sn: "), "{client}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

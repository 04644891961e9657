//! Sort push-down: which native value orders resources exactly as SCIM does, if one does. All else is
//! ordered by `scim::sort`, once it has been read.

use super::Mapping;
use super::line::{How, Missing, ResourceMapping};
use super::push::{Place, place};
use crate::plan::{By, Case, Native, Profile, Sort, Store, Value};
use crate::scim::path::AttrPath;
use crate::scim::schema::Type;
use crate::scim::sort::{self, Key};

impl Mapping {
    /// The native that orders the resources as this asks, where the backend orders by it exactly.
    pub fn sort(&self, of: &ResourceMapping, sort: &sort::Sort, profile: &Profile) -> Option<Sort> {
        if !(profile.ordering && profile.windows) {
            return None;
        }
        let descending = sort.descending;
        if sort.path == AttrPath::attribute("id") {
            let Store::Table(table) = &self.model().entity(&of.entity)?.store else { return None };
            let [only] = table.id.columns() else { return None };
            let native = Native::own(only.clone());
            return Some(Sort { native, by: By::Text(Case::Exact), missing: None, descending });
        }
        let Place::Line(line) = place(of, &sort.path) else { return None };
        let [native] = line.natives.as_slice() else { return None };
        let by = match (&line.conversion.how, line.conversion.kind) {
            (How::Plain, _) if line.many || line.conversion.prefix.is_some() => return None,
            (How::Plain, Type::String | Type::Reference) if line.conversion.case_exact => {
                By::Text(Case::Exact)
            }
            (How::Plain, Type::String | Type::Reference) => By::Text(Case::Folded),
            (How::Plain, Type::Integer) => By::Integer,
            (How::Plain, Type::DateTime) => By::Instant,
            _ => return None,
        };
        let missing = match &line.conversion.missing {
            None => None,
            Some(Missing::Value(value)) => Some(value.clone()),
            Some(Missing::Composed(_)) => return None,
        };
        Some(Sort { native: native.clone(), by, missing, descending })
    }
}

/// What a backend orders a record by, as a key that a cursor can hold; `None` where that is neither text, number
/// nor instant. Back again by [`native_key`] it is the same value, whatever SCIM would make of it.
pub fn key_of(value: &Value) -> Option<Key> {
    match value {
        Value::Bool(truth) => Some(Key::Bool(*truth)),
        Value::Integer(number) => Some(Key::Integer(*number)),
        Value::Real(number) => Some(Key::Decimal(*number)),
        Value::Timestamp(at) => Some(Key::Instant(*at)),
        Value::Text(text) => Some(Key::Text(text.clone())),
        Value::Bytes(_) | Value::Date(_) | Value::Today | Value::Secret(_) | Value::Reference(_) => None,
    }
}

/// A key as the native value that orders a record.
pub fn native_key(key: &Key) -> Value {
    match key {
        Key::Bool(truth) => Value::Bool(*truth),
        Key::Integer(number) => Value::Integer(*number),
        Key::Decimal(number) => Value::Real(*number),
        Key::Instant(at) => Value::Timestamp(*at),
        Key::Text(text) => Value::Text(text.clone()),
    }
}

//! What the readings of clients' JSON have in common: members by their names in any case, and the errors that say
//! what is wrong with them. Knows no message's own form.

use serde_json::{Map, Value};

use super::error::{Error, ScimType};

/// A member of an object, its name in any case.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// 400 `invalidSyntax`.
pub(super) fn syntax(detail: &str) -> Error {
    Error::bad_request(ScimType::InvalidSyntax, detail)
}

/// 400 `invalidValue`: an attribute's or a member's value is of another type.
pub(super) fn wrong_type(name: &str, wanted: &str) -> Error {
    Error::bad_request(ScimType::InvalidValue, format!("{name} must be {wanted}."))
}

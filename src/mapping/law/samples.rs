//! The values that functions are tried with: of the attribute's own form where it has one.

use serde_json::{Value as Json, json};

use crate::scim::schema::Type;

/// Texts of the kinds that attributes hold; each is long enough that something is lost when it is cut.
pub(super) const TEXTS: [&str; 6] =
    ["Ada Lovelace", "ada@example.test", "+1 555 010 0199", "2026-01-31", "1234567890", "Zoë O'Hara-Núñez"];

const EMAILS: [&str; 2] = ["ada@example.test", "zoe.ohara@mail.example.test"];
const PHONES: [&str; 2] = ["+1 555 010 0199", "+44 20 7946 0958"];
const URLS: [&str; 2] = ["https://example.test/ada", "https://example.test/people/zoe.png"];
const NAMES: [&str; 2] = ["Ada Lovelace", "Zoë O'Hara-Núñez"];

/// Values for one attribute.
pub(super) struct Samples {
    pub all: Vec<Json>,
    /// Whether they are of a form that the attribute's values have: each must then come back.
    pub is_form: bool,
}

/// Values that a client may send for an attribute of this path and type.
pub(super) fn samples(path: &str, kind: Type) -> Samples {
    let plain = |all: Vec<Json>| Samples { all, is_form: false };
    match kind {
        Type::Boolean => plain(vec![true.into(), false.into()]),
        Type::Integer => plain(vec![7.into(), 42.into(), 1_000.into()]),
        Type::Decimal => plain(vec![json!(0.5), json!(12.25)]),
        Type::DateTime => plain(vec!["2026-01-31T08:30:00Z".into(), "2019-12-01T23:59:59Z".into()]),
        Type::String | Type::Reference | Type::Binary | Type::Complex => match form(path) {
            Some(form) => Samples { all: form.map(Json::from).to_vec(), is_form: true },
            None => plain(TEXTS.map(Json::from).to_vec()),
        },
    }
}

/// Texts of any form, where texts are sent.
pub(super) fn texts_of(kind: Type) -> Vec<Json> {
    match kind {
        Type::String | Type::Reference => TEXTS.map(Json::from).to_vec(),
        _ => Vec::new(),
    }
}

/// The form of what RFC 7643 §4.1 defines.
fn form(path: &str) -> Option<[&'static str; 2]> {
    let path = path.to_ascii_lowercase();
    let is_value = path.ends_with(".value");
    match path.split(['[', '.']).next().unwrap_or_default() {
        "emails" if is_value => Some(EMAILS),
        "phonenumbers" if is_value => Some(PHONES),
        "photos" if is_value => Some(URLS),
        "profileurl" => Some(URLS),
        "name" | "displayname" | "nickname" | "title" => Some(NAMES),
        _ => None,
    }
}

/// Values that may stand natively, of which the mapping does not say what type they have.
pub(super) fn natives_of_any_type() -> Vec<Json> {
    let mut all = TEXTS.map(Json::from).to_vec();
    all.extend([json!(42), json!(true), json!(0.5), json!("2026-01-31 08:30:00"), json!("1")]);
    all
}

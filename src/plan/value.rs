//! A native value: what stands in a column or in an attribute. Knows nothing of where it stands.

use std::fmt;

use time::{Date, OffsetDateTime};

/// One native value. SQL's NULL and LDAP's absence are not values: they are an empty list of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text. LDAP values that are valid UTF-8 are always text, numbers included.
    Text(String),
    /// A whole number (SQL only).
    Integer(i64),
    /// A floating point number (SQL only).
    Real(f64),
    /// A truth value: 0 or 1 in SQLite, `TRUE` or `FALSE` in LDAP.
    Bool(bool),
    /// Octets that are not text.
    Bytes(Vec<u8>),
    /// An instant. LDAP writes it as GeneralizedTime, SQLite as RFC 3339 text in UTC. Only written:
    /// a backend reads instants as text.
    Timestamp(OffsetDateTime),
    /// A day. LDAP writes it as GeneralizedTime at midnight in UTC, SQLite as `2026-11-27`. Only written and
    /// compared with: a backend reads days as text.
    Date(Date),
    /// The day in UTC when it is written or compared with.
    Today,
    /// A password's hash, a salt or a password: written, never read and never shown.
    Secret(Secret),
    /// Another resource, by its SCIM id. A backend stores the key or the DN that the id stands for.
    Reference(Reference),
}

/// A reference to another resource by its SCIM id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The resource type's name, as a key of [`super::Model::entities`]. Always known when read from a
    /// backend; `None` in what a client sent where several types are possible.
    pub resource: Option<String>,
    /// The SCIM id.
    pub id: String,
}

/// Octets or a text that must not be shown. Blank in `Debug`; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Octets(Vec<u8>),
    Text(String),
}

// === impl Secret ===

impl Secret {
    /// Takes octets into keeping.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Kept::Octets(octets.into()))
    }

    /// Takes a text into keeping; where a backend tells texts from octets, it stays one.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Kept::Text(text.into()))
    }

    /// The octets, for the one place that sends them to a backend.
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Kept::Octets(octets) => octets,
            Kept::Text(text) => text.as_bytes(),
        }
    }

    /// The text, where it is one, for the one place that sends it to a backend.
    pub fn expose_text(&self) -> Option<&str> {
        match &self.0 {
            Kept::Octets(_) => None,
            Kept::Text(text) => Some(text),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

// === impl Value ===

impl Value {
    /// The value as text, where it has one: what LDAP would show for it. `None` for octets, secrets
    /// and instants.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Real(number) => Some(number.to_string()),
            Self::Bool(truth) => Some(if *truth { "TRUE" } else { "FALSE" }.to_owned()),
            Self::Reference(reference) => Some(reference.id.clone()),
            Self::Date(date) => Some(iso(*date)),
            Self::Bytes(_) | Self::Timestamp(_) | Self::Today | Self::Secret(_) => None,
        }
    }

    /// The same value, shown no longer.
    pub fn hidden(self) -> Self {
        match self {
            Self::Bytes(octets) => Self::Secret(Secret::new(octets)),
            other => other.text().map_or(other, |text| Self::Secret(Secret::text(text))),
        }
    }

    /// Whether two values mean the same natively, whatever the type that each backend gave them:
    /// SQLite's 1 is `true`, LDAP's `"512"` is 512.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(truth), Self::Integer(number)) | (Self::Integer(number), Self::Bool(truth)) => {
                *number == i64::from(*truth)
            }
            (Self::Reference(a), Self::Reference(b)) => a.id == b.id,
            _ if self == other => true,
            _ => self.text().is_some_and(|text| other.text() == Some(text)),
        }
    }
}

/// A day as ISO 8601 has it.
fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

//! Stand-in until the protocol core is merged.
use serde_json::{Value, json};
/// A SCIM error.
#[derive(thiserror::Error, Debug, Clone, PartialEq)]
#[error("{detail}")]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// The kind.
    pub scim_type: Option<ScimType>,
    /// The sentence.
    pub detail: String,
}
/// RFC 7644 table 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    /// Not JSON.
    InvalidSyntax,
    /// Bad value.
    InvalidValue,
}
impl Error {
    /// RFC 7644 section 3.12.
    pub fn to_json(&self) -> Value {
        json!({"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":self.status.to_string(),"detail":self.detail})
    }
}

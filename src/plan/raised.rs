//! What errors mean that a database's own procedures and triggers raise, by their numbers.

use std::sync::Arc;

/// What the mapping makes of an error number: `on_error(50001, "uniqueness")`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The kind of SCIM error, as RFC 7644 table 9 spells it; one that [`super::Model::raised`] may hold is checked
    /// when the mapping is loaded.
    pub scim_type: Arc<str>,
    /// What the client is told, where the mapping says it. Never the server's own text.
    pub detail: Option<Arc<str>>,
}

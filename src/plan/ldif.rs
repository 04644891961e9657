//! Rendering of LDAP steps as LDIF (RFC 2849).

use super::Plan;

/// The plan as LDIF.
pub(super) fn render(_plan: &Plan) -> String {
    String::new()
}

//! Rendering of SQL steps as text with their parameters.

use super::Plan;

/// The plan as SQL.
pub(super) fn render(_plan: &Plan) -> String {
    String::new()
}

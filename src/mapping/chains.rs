//! What is chained to a statement: no verb twice, and none that takes back another.

use super::diagnostic::{Code, Diagnostic};
use super::faults::File;
use super::statements::Scan;

/// Verbs that may be said several times of one resource.
const REPEATABLE: [&str; 6] = ["on_delete", "lookup", "part", "dated", "extension", "id"];
/// Who may change it: only one of them is so.
const ACCESS: [&str; 3] = ["read_only", "immutable", "write_only"];

/// The mistakes of all chains in what is left of a text.
pub(super) fn check(file: File<'_>, left: &str) -> Vec<Diagnostic> {
    let scan = Scan::of(left);
    let mut mistakes = Vec::new();
    for statement in scan.statements() {
        let links = scan.links(statement);
        let is_chain = links.first().is_some_and(|link| ["resource", "attr", "define"].contains(&link.name));
        let verbs = if is_chain { links.get(1..).unwrap_or_default() } else { &[] };
        for (index, verb) in verbs.iter().enumerate() {
            let before = || verbs.iter().take(index).map(|other| other.name);
            // Once of whom the rows belong to, once of where they lead.
            let is_other =
                verb.name == "by" && before().collect::<Vec<_>>().ends_with(&["child", "by", "ref"]);
            let may_be_again = REPEATABLE.contains(&verb.name) || is_other;
            if !may_be_again && before().any(|other| other == verb.name) {
                let message = format!("`{}` is said twice here", verb.name);
                mistakes.push(file.in_rest(left, Code::SaidTwice, verb.at, message));
            } else if ACCESS.contains(&verb.name)
                && let Some(other) = before().find(|other| ACCESS.contains(other))
            {
                let message = format!("`{}` and `{other}` exclude each other", verb.name);
                mistakes.push(file.in_rest(left, Code::Excluding, verb.at, message));
            }
        }
    }
    mistakes
}

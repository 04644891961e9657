//! A mapping of a database.

pub use super::outline::Outline;
use super::script::Script;
use super::{group, user};
use crate::survey::tables::Seen;

/// The mapping's text. `seen` is a sample of what the outline wished to see.
pub fn mapping(outline: &Outline<'_>, seen: &Seen) -> String {
    let mut script = Script::default();
    let people = &outline.people.table.name;
    script.comment(&match &outline.groups {
        Some(groups) => format!(
            "People are the rows of {people}, groups those of {}; who is in which stands in {}.",
            groups.table.name, groups.membership.name
        ),
        None => format!("People are the rows of {people}. No table of groups was found: one that leads to people and to what they are in."),
    });
    script.comment(
        "This is a draft, made of what was seen in the database. What something else could be meant by is marked `decide:`; \
         every verb stands in mappings/README.md.",
    );
    if !outline.passed_over.is_empty() {
        script.comment(&format!(
            "Tables that looked alike, and were not taken: {}.",
            outline.passed_over.join(", ")
        ));
    }
    script.blank();
    let constants = user::write(&mut script, outline, seen);
    if let Some(groups) = &outline.groups {
        script.blank();
        group::write(&mut script, outline, groups, seen, constants);
    }
    script.text()
}

//! The part of a mapping that is about groups.

use std::collections::BTreeMap;

use super::outline::{Groups, Outline, meanings};
use super::resource::{Chained, Line, Resource};
use super::script::{Script, list, literal};
use super::spelling::{Means, SYSTEMS, rank};
use super::user::{document, line};
use crate::survey::tables::{Holds, Sample, Seen};

/// Writes it.
pub(super) fn write(
    script: &mut Script,
    outline: &Outline<'_>,
    groups: &Groups<'_>,
    seen: &Seen,
    constants: BTreeMap<String, String>,
) {
    let empty = Sample::default();
    let sample = seen.get(&groups.table.name).unwrap_or(&empty);
    let mut group = Resource::new("Group", groups.table, &groups.key, sample);
    (group.is_sqlite, group.constants, group.tenants) = (outline.is_sqlite, constants, &outline.tenants);
    name(&mut group, groups);
    for (known, column) in meanings(groups.table) {
        let is_of_groups = match known.means {
            Means::Text => known.path.contains("externalId"),
            Means::Created | Means::Changed | Means::CreatedBy | Means::ChangedBy | Means::Version => true,
            _ => false,
        };
        if is_of_groups && !group.is_spoken_for(&column.name) {
            line(&mut group, known, column);
        }
    }
    let end = ends(&mut group);
    group.keys("displayName");
    members(&mut group, groups, seen);
    group.fill();
    document(
        &mut group,
        groups.document.as_ref().map(|(table, link, column)| {
            (table.name.as_str(), link.columns.as_slice(), column.name.as_str())
        }),
    );
    group.write(script, &end);
}

fn name(group: &mut Resource<'_>, groups: &Groups<'_>) {
    let column = groups.name;
    let is_unique = group.is_unique(&column.name);
    let chained = format!(".required(){}{}", if is_unique { ".unique()" } else { "" }, group.bound(column));
    let line = Line::attr("\"displayName\"", std::slice::from_ref(&column.name), &chained)
        .aside(group.filled(column));
    group.speak_for(&column.name);
    group.add(line);
}

/// What DELETE does: what belongs to the application stays.
fn ends(group: &mut Resource<'_>) -> Vec<Chained> {
    let flag = group.table.columns.iter().find(|column| {
        matches!(column.holds, Holds::Boolean | Holds::Integer)
            && rank(&column.name, &group.table.name, SYSTEMS).is_some()
    });
    let mut ends = Vec::new();
    if let Some(flag) = flag {
        let [yes, no] = if flag.holds == Holds::Boolean { ["true", "false"] } else { ["1", "0"] };
        group.speak_for(&flag.name);
        group.initial(&flag.name, no, "");
        let verb = format!(".on_delete(\"refuse\", #{{ {}: {yes} }})", literal(&flag.name));
        ends.push(Chained { verb, aside: "the first rule that fits the row decides".to_owned() });
    }
    ends.push(Chained { verb: ".on_delete(\"delete\")".to_owned(), aside: String::new() });
    ends
}

fn members(group: &mut Resource<'_>, groups: &Groups<'_>, seen: &Seen) {
    let table = groups.membership;
    let spoken: Vec<&String> = groups.to_group.columns.iter().chain(&groups.to_person.columns).collect();
    let at = group.lines.len();
    let is_writable = group.fill_child(table, seen.get(&table.name), &spoken);
    let access = if is_writable { "" } else { ".read_only()" };
    let natives: Vec<String> =
        groups.to_person.columns.iter().map(|column| format!("{}.{column}", table.name)).collect();
    let verb = format!(".child({}){access}", list(&groups.to_group.columns));
    let guessed = |line: Line, is_said: bool| {
        if is_said { line } else { line.aside("decide: no foreign key says so, the names do") }
    };
    let lines = [
        guessed(Line::attr("\"members\"", std::slice::from_ref(&table.name), &verb), groups.to_group.is_said),
        guessed(Line::attr("\"members.value\"", &natives, ".ref(\"User\")"), groups.to_person.is_said),
    ];
    group.lines.splice(at..at, lines);
}

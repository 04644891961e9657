//! What two versions of a mapping say: resource types, attributes, functions. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::difference;
use super::report::{Change, How, Section};
use crate::mapping::{Mapping, Outline, Said};

/// What differs of types, attributes and functions.
pub(super) fn sections(old: &Mapping, new: &Mapping) -> [Section; 3] {
    let functions = |mapping: &Mapping| -> BTreeMap<String, Said> {
        let text = |text: String| Said::from([(String::new(), text)]);
        mapping.functions().into_iter().map(|function| (function.name, text(function.text))).collect()
    };
    let (outlined, now) = (old.outline(), new.outline());
    let name = |outline: &Outline| outline.name.clone();
    let types = |all: &[Outline]| all.iter().map(|of| (name(of), of.said.clone())).collect();
    // Attributes of a type that is not there in one of them are told by the type.
    let both: BTreeSet<String> =
        outlined.iter().map(name).filter(|one| now.iter().any(|of| of.name == *one)).collect();
    let attributes = |all: &[Outline]| {
        let of_type = |of: &Outline| {
            let named = |(path, line): (&String, &crate::mapping::OutlinedLine)| {
                (format!("{} {path}", of.name), line.said.clone())
            };
            of.lines.iter().map(named).collect::<Vec<_>>()
        };
        all.iter().filter(|of| both.contains(&of.name)).flat_map(of_type).collect()
    };
    [
        Section { name: "resources", changes: changes(&types(&outlined), &types(&now)) },
        Section { name: "attributes", changes: changes(&attributes(&outlined), &attributes(&now)) },
        Section { name: "functions", changes: changes(&functions(old), &functions(new)) },
    ]
}

/// What differs between two sets of things, by name.
fn changes(old: &BTreeMap<String, Said>, new: &BTreeMap<String, Said>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let what = name.clone();
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => Change::of(what, said(old, new)),
            (None, Some(new)) => Some(Change { how: How::Added, what, lines: told(new) }),
            (Some(old), None) => Some(Change { how: How::Removed, what, lines: told(old) }),
            (None, None) => None,
        }
    };
    names.into_iter().filter_map(change).collect()
}

fn told(said: &Said) -> Vec<String> {
    let line = |(word, is): (&String, &String)| match word.is_empty() {
        true => is.lines().map(str::to_owned).collect(),
        false => vec![format!("{word}: {is}")],
    };
    said.iter().flat_map(line).collect()
}

/// Word by word; a text of several lines is compared line by line.
fn said(old: &Said, new: &Said) -> Vec<String> {
    let words: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut lines = Vec::new();
    for word in words {
        let (was, is) = (old.get(word), new.get(word));
        match word.is_empty() {
            _ if was == is => {}
            true => lines.extend(difference(was.map_or("", |text| text), is.map_or("", |text| text))),
            false => {
                let shown = |text: Option<&String>| text.map_or("(nothing)".to_owned(), Clone::clone);
                lines.push(format!("{word}: {} → {}", shown(was), shown(is)));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::mapping;
    use super::*;

    #[test]
    fn what_is_added_removed_and_changed() {
        let old =
            mapping("attr(\"title\", \"Title\");\nattr(\"active\", \"A\").values([[1, true], [0, false]]);");
        let new = mapping(
            "attr(\"nickName\", \"Nick\");\nattr(\"active\", \"A\").values([[1, true], [2, false]]);",
        );
        let [types, attributes, functions] = sections(&old, &new);
        assert!(types.changes.is_empty() && functions.changes.is_empty());
        let told: Vec<String> = attributes
            .changes
            .iter()
            .map(|change| format!("{} {}: {}", change.how.word(), change.what, change.lines.join("; ")))
            .collect();
        assert_eq!(
            told,
            [
                "changed User active: values: [[1, true], [0, false]] → [[1, true], [2, false]]",
                "added User nickName: stored in: Nick",
                "removed User title: stored in: Title",
            ]
        );
        assert!(sections(&old, &old).iter().all(|section| section.changes.is_empty()));
    }

    #[test]
    fn a_function_is_compared_by_its_text() {
        let text = |suffix: &str| {
            format!(
                "attr(\"title\", \"T\").read(\"f\").read_only();\nfn f(text) {{\n  text + \"{suffix}\"\n}}"
            )
        };
        let [_, attributes, functions] = sections(&mapping(&text("a")), &mapping(&text("b")));
        assert!(attributes.changes.is_empty());
        assert_eq!(
            functions.changes[0].lines,
            ["  fn f(text) {", "-   text + \"a\"", "+   text + \"b\"", "  }"]
        );
    }
}

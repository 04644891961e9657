//! Every row of docs/conformance.md names a test that there is, or says in words why there is none.
#![allow(clippy::unwrap_used, reason = "a test ends loudly")]

use std::path::Path;

/// The sections of RFC 7644 chapter 3 that require something of a service provider.
const SECTIONS: [&str; 29] = [
    "3.1", "3.2", "3.3", "3.3.1", "3.4.2", "3.4.2.1", "3.4.2.2", "3.4.2.3", "3.4.2.4", "3.4.2.5", "3.4.3",
    "3.5", "3.5.1", "3.5.2", "3.5.2.1", "3.5.2.2", "3.5.2.3", "3.6", "3.7", "3.7.1", "3.7.2", "3.7.3",
    "3.7.4", "3.8", "3.9", "3.11", "3.12", "3.13", "3.14",
];

/// A row: its section, its requirement, the tests, and the remark.
type Row = [String; 4];

fn rows() -> Vec<Row> {
    let rows = read("docs/conformance.md").unwrap();
    let rows = rows.lines().filter(|line| line.starts_with("| 3."));
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(|line| Row::try_from(cells(line)).unwrap()).collect()
}

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

#[test]
fn every_section_has_rows_and_every_row_a_test_or_a_reason() {
    let rows = rows();
    for section in SECTIONS {
        assert!(rows.iter().any(|[of, ..]| of == section), "{section}");
    }
    for row @ [section, requirement, tests, remark] in &rows {
        assert!(SECTIONS.contains(&section.as_str()) && !requirement.is_empty(), "{row:?}");
        assert!(!tests.is_empty() || !remark.is_empty(), "{row:?}");
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut missing = Vec::new();
    for [section, requirement, tests, _] in rows() {
        let named = named(&tests);
        assert_eq!(named.is_empty(), tests.is_empty(), "{section}: {tests}");
        let gone = named.into_iter().filter(|(file, name)| !is_there(file, name));
        missing.extend(gone.map(|(file, name)| format!("{section} {requirement}: {file} {name}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The tests of a cell, each with its file: `file` `test` `test` `file` `test`.
fn named(cell: &str) -> Vec<(&str, &str)> {
    let (mut file, mut found) = ("", Vec::new());
    for word in cell.split('`').skip(1).step_by(2) {
        match word.contains('/') {
            true => file = word,
            false => found.push((file, word)),
        }
    }
    found
}

/// Whether a file has a test, or a case, of this name.
fn is_there(file: &str, name: &str) -> bool {
    match read(file) {
        Some(text) if file.ends_with(".json") => text.contains(&format!("{{\"id\": \"{name}\",")),
        Some(text) => has_test(&text, name),
        None => false,
    }
}

fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let head = format!("fn {name}(");
    let is_head = |line: &&str| line.strip_prefix("async ").unwrap_or(line).starts_with(&head);
    let Some(at) = lines.iter().position(is_head) else { return false };
    let attributes =
        lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes.into_iter().any(|line| ["#[test]", "#[tokio::test]"].contains(line))
}

#[test]
fn what_is_not_there_is_missed() {
    let cell =
        "`tests/conformance.rs` `what_is_not_there_is_missed` `named`; `tests/cases/patch.json` `G001` `G1`";
    let found: Vec<bool> = named(cell).into_iter().map(|(file, name)| is_there(file, name)).collect();
    assert_eq!(found, [true, false, true, false]);
    assert!(!is_there("tests/none.rs", "any"));
}

//! The page of codes, and how a diagnostic is shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::mapping::Mapping;

const PAGE: &str = include_str!("../../../mappings/MISTAKES.md");

/// The examples of a section that follow this word.
fn examples<'a>(section: &'a str, word: &str, language: &str) -> Vec<&'a str> {
    let start = format!("{word}:\n\n```{language}\n");
    section.split(&start).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// What is said of a mapping, warnings among it.
fn said(text: &str) -> Vec<Diagnostic> {
    match Mapping::parse("mapping.rhai", text, &BTreeMap::new()) {
        Ok(mapping) => mapping.warnings().to_vec(),
        Err(mistakes) => mistakes,
    }
}

#[test]
fn every_code_has_a_section_and_every_section_a_code() {
    let headings: Vec<&str> =
        PAGE.lines().filter_map(|line| line.strip_prefix("## ")).filter_map(|line| line.get(..4)).collect();
    let codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(headings, codes, "the sections of mappings/MISTAKES.md are in the order of the codes");
    for code in Code::ALL {
        let explanation = code.explanation().unwrap();
        assert!(explanation.starts_with(&format!("{code} ")) && explanation.lines().count() > 2, "{code}");
        assert_eq!(code.to_string().to_lowercase().parse(), Ok(*code));
    }
    assert!("G999".parse::<Code>().is_err() && "".parse::<Code>().is_err());
}

#[test]
fn every_wrong_example_has_just_its_mistake_and_every_right_one_has_none() {
    let (mut wrong, mut shown) = (Vec::new(), BTreeSet::new());
    for code in Code::ALL {
        let section = code.explanation().unwrap();
        for example in examples(section, "Wrong", "rhai") {
            shown.insert(*code);
            let found = said(example);
            let codes: BTreeSet<Code> = found.iter().map(|found| found.code).collect();
            let is_placed = found.iter().all(|found| found.line > 0 && found.column > 0);
            if codes != BTreeSet::from([*code]) || !is_placed {
                wrong.push(format!("{code} wrong: {found:#?}"));
            }
        }
        for example in examples(section, "Right", "rhai") {
            let found = said(example);
            if !found.is_empty() {
                wrong.push(format!("{code} right: {found:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown.len() >= 50, "only {} codes have examples", shown.len());
}

#[test]
fn it_is_shown_for_people_and_for_programs() {
    let at =
        |column| Diagnostic::at(Code::UnknownVerb, "m.rhai", "a\n\tb.c();\n", 2, column, "there is no `c`");
    let warning = at(4).with_help("did you mean `d`?").as_warning();
    assert_eq!(
        warning.to_string(),
        "warning[G011]: there is no `c`\n --> m.rhai:2:4\n  |\n2 | \tb.c();\n  | \t  ^\n  = help: did you mean `d`?"
    );
    assert_eq!(warning.render(Style::Plain), warning.to_string());
    let coloured = warning.render(Style::Coloured);
    assert!(coloured.starts_with("\u{1b}[1;33mwarning[G011]\u{1b}[0m: "), "{coloured:?}");
    assert_eq!(
        warning.json(),
        json!({
            "code": "G011", "severity": "warning", "file": "m.rhai", "line": 2, "column": 4, "excerpt": "\tb.c();",
            "message": "there is no `c`", "help": "did you mean `d`?"
        })
    );
    let whole = Diagnostic::whole(Code::Unreadable, "m.rhai", "no").json();
    assert_eq!(
        (&whole["line"], &whole["column"], &whole["help"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!(whole["severity"], "error");
}

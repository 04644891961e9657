//! The allowed arrows between the modules (`src/lib.rs` says them in prose): data flows one way, and what is
//! pure knows nothing of I/O.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every module and the modules that it may name; `limits` everyone may.
const ARROWS: [(&str, &[&str]); 16] = [
    ("main", &["cli", "observe"]),
    (
        "cli",
        &[
            "backend",
            "capture",
            "compare",
            "config",
            "draft",
            "gateway",
            "http",
            "mapping",
            "plan",
            "rehearsal",
            "scim",
            "survey",
        ],
    ),
    ("compare", &["gateway", "mapping", "plan", "rehearsal", "scim"]),
    ("rehearsal", &["backend", "capture", "gateway", "mapping", "plan", "scim"]),
    ("config", &["mapping", "plan", "scim"]),
    ("observe", &[]),
    ("http", &["capture", "gateway", "scim"]),
    ("capture", &["scim"]),
    ("gateway", &["backend", "capture", "mapping", "plan", "scim"]),
    ("mapping", &["plan", "scim"]),
    ("backend", &["plan", "survey"]),
    ("draft", &["mapping", "plan", "survey"]), // the mapping: its tests load what it writes
    ("survey", &["plan"]),
    ("plan", &[]),
    ("scim", &[]),
    ("limits", &[]),
];

/// Crates that only these modules may use: whoever talks to a backend, a client or a script.
const CRATES: [(&str, &[&str]); 9] = [
    ("hyper", &["http", "config"]), // the configuration: its type of URI only
    ("hyper_util", &["http"]),
    ("ldap3", &["backend"]),
    ("rusqlite", &["backend"]),
    ("rhai", &["mapping"]),
    ("clap", &["cli", "main"]),
    ("similar", &["compare", "rehearsal"]),
    ("toml", &["config", "rehearsal"]),
    ("tokio", &["backend", "cli", "gateway", "http", "main"]),
];

#[test]
fn the_modules_know_only_whom_they_may() {
    let arrows: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for (module, file, text) in sources() {
        let allowed = arrows.get(module.as_str()).unwrap_or_else(|| panic!("{module} stands in no arrow"));
        for name in named(&text, if module == "main" { "gantry::" } else { "crate::" }) {
            if name != module && name != "limits" && !allowed.contains(name.as_str()) {
                wrong.push(format!("{}: {module} → {name}", file.display()));
            }
        }
        // A chain of `super` must not leave its module for another.
        for name in named(&text, "super::super::") {
            if arrows.contains_key(name.as_str())
                && !Path::new("src").join(&module).join(format!("{name}.rs")).exists()
            {
                wrong.push(format!("{}: super::super::{name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn io_stands_where_it_belongs() {
    let mut wrong = Vec::new();
    for (module, file, text) in sources() {
        for (name, allowed) in CRATES {
            let used = code(&text)
                .any(|line| line.contains(&format!("{name}::")) && !line.contains(&format!("_{name}::")));
            if used && !allowed.contains(&module.as_str()) {
                wrong.push(format!("{}: {module} uses {name}", file.display()));
            }
        }
        let is_pure = matches!(module.as_str(), "scim" | "plan" | "survey" | "draft");
        if is_pure && code(&text).any(|line| line.contains("std::fs") || line.contains("std::net")) {
            wrong.push(format!("{}: {module} is pure", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The module, path and text of every source file.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "rs") && !entry.ends_with("lib.rs") {
                let first = entry.strip_prefix(&root).unwrap().components().next().unwrap();
                let module = first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push((module, entry, text));
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// Lines without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// The names after a prefix, those of `prefix::{a, b::c}` too.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let code: String = code(text).collect::<Vec<_>>().join("\n");
    let ident = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                names.extend(group.split(',').map(|item| ident(item.trim())));
            }
            None => _ = names.insert(ident(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

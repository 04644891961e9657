//! Planted mistakes: each file of `tests/mistakes` is a mapping with just the mistakes that its first lines name,
//! `// expect: G012 at 3:5`. The built command finds each, with its code and at its place, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends loudly")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Around a mapping: a database that is never asked.
const CONFIGURATION: &str = "listen = \"127.0.0.1:8080\"\n[[target]]\nname = \"m\"\nmapping = \"m\"\n\
    [target.sqlserver]\nhost = \"sql1.example.test\"\ndatabase = \"crm\"\nuser = \"gantry\"\npassword = { env = \"PATH\" }\n";
/// The same in front of a directory.
const DIRECTORY: &str = "listen = \"127.0.0.1:8080\"\n[[target]]\nname = \"m\"\nmapping = \"m\"\n\
    [target.ldap]\nurls = [\"ldaps://ldap.example.test\"]\nbind_dn = \"cn=gw\"\nbind_password = { env = \"PATH\" }\n";

/// A folder with a mapping and a configuration that fits it.
fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("m")).unwrap();
    std::fs::write(folder.path().join("m/mapping.rhai"), text).unwrap();
    let is_directory = text.contains(".base(") && !text.contains(".table(");
    let configuration = if is_directory { DIRECTORY } else { CONFIGURATION };
    std::fs::write(folder.path().join("gantry.toml"), configuration).unwrap();
    folder
}

fn gantry(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gantry")).current_dir(folder).args(arguments).output().unwrap()
}

fn check(folder: &Path, more: &[&str]) -> Output {
    gantry(folder, &[&["check", "--config", "gantry.toml"], more].concat())
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// What is found, as `G012 at 3:5`, in order.
fn found(output: &Output) -> Vec<String> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown = |found: &Value| {
        format!("{} at {}:{}", found["code"].as_str().unwrap(), found["line"], found["column"])
    };
    document["diagnostics"].as_array().unwrap().iter().map(shown).collect()
}

fn planted() -> Vec<(String, String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let expected = text.lines().map_while(|line| line.strip_prefix("// expect: ")).map(str::to_owned);
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), text.clone(), expected.collect())
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_planted_mistake_is_found_at_its_place_and_nothing_else() {
    let planted = planted();
    assert!(planted.len() >= 60, "only {} mistakes", planted.len());
    let mut wrong = Vec::new();
    for (name, mapping, expected) in &planted {
        let folder = folder(mapping);
        let output = check(folder.path(), &["--format", "json"]);
        let stderr = text(&output.stderr);
        assert!(!stderr.contains("panicked"), "{name}: {stderr}");
        let found = found(&output);
        assert!(!expected.is_empty(), "{name} names no mistake");
        let has_errors = text(&output.stdout).contains("\"severity\": \"error\"");
        assert_eq!(output.status.code(), Some(i32::from(has_errors)), "{name}");
        if found != *expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}\n{}", text(&output.stdout)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), planted.len(), wrong.join("\n"));
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret_below_it() {
    let folder = folder(
        "resource(\"User\").table(\"Person\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"Login\").requird();\n",
    );
    let output = check(folder.path(), &[]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    // Not to a terminal, so without colours.
    assert_eq!(
        text(&output.stderr),
        "error[G011]: there is no verb or function `requird`\n --> m/mapping.rhai:2:27\n  |\n\
         2 | attr(\"userName\", \"Login\").requird();\n  |                           ^\n  \
         = help: did you mean `required`?\n"
    );
    let document: Value =
        serde_json::from_slice(&check(folder.path(), &["--format", "json"]).stdout).unwrap();
    let found = &document["diagnostics"][0];
    assert_eq!((&found["file"], &found["severity"]), (&"m/mapping.rhai".into(), &"error".into()));
    assert_eq!(found["help"], "did you mean `required`?");
}

#[test]
fn a_configuration_is_told_of_in_the_same_form() {
    let folder = folder("");
    let path = folder.path().join("gantry.toml");
    std::fs::write(&path, "listen = \"here\"\n").unwrap();
    let output = check(folder.path(), &["--format", "json"]);
    assert_eq!(
        (output.status.code(), found(&output)),
        (Some(1), vec!["G105 at null:null".to_owned(), "G102 at 1:10".to_owned()])
    );
    std::fs::remove_file(path).unwrap();
    assert_eq!(found(&check(folder.path(), &["--format", "json"])), ["G100 at null:null"]);
}

#[test]
fn nothing_wrong_is_an_empty_list() {
    let folder = folder(
        "resource(\"User\").table(\"Person\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"Login\").required();\n",
    );
    let output = check(folder.path(), &["--format", "json"]);
    assert_eq!((output.status.code(), found(&output)), (Some(0), Vec::new()));
}

#[test]
fn every_code_is_explained() {
    let folder = folder("");
    let output = gantry(folder.path(), &["explain-code", "g011"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(said.starts_with("G011 There is no such verb or function\n"), "{said}");
    assert!(said.contains("Wrong:") && said.contains("Right:") && !said.contains("G012"), "{said}");
    let unknown = gantry(folder.path(), &["explain-code", "G999"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("there is no code G999"), "{}", text(&unknown.stderr));
}

//! What README.md shows is so: its demo command and what that prints, its configuration, its commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends loudly")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// The fenced blocks in this language, without their indentation.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut found = Vec::new();
    let mut lines = readme.lines();
    while let Some(fence) = lines.next() {
        if fence.trim_start() == format!("```{language}") {
            let indent = fence.len() - fence.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            found.push(block.map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect());
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn its_two_commands_come_first() {
    assert_eq!(blocks("sh")[..2], ["cargo run --release -- demo\n", "scripts/test\n"]);
    assert!(root().join("scripts/test").is_file());
}

/// A release build: some minutes.
#[test]
#[ignore = "builds the release; scripts/test runs it"]
fn its_demo_prints_what_it_shows() {
    // A port of its own, so that a demo that runs already is no matter.
    let command = format!("exec {} --listen 127.0.0.1:0", blocks("sh")[0].trim());
    let mut demo = Command::new("sh")
        .args(["-c", &command])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = Vec::new();
    for line in BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap) {
        printed.push(line);
        if printed.last().is_some_and(|line| line == "Ctrl-C ends it.") {
            break;
        }
    }
    let first_curl = printed.iter().find(|line| line.starts_with("curl ")).unwrap().clone();
    let listed = Command::new("sh").args(["-c", &first_curl]).output().unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("\"itemsPerPage\":3"), "{listed:?}");

    let shown = blocks("text").into_iter().find(|block| block.starts_with("Base URL")).unwrap();
    let shown: Vec<_> = shown.lines().map(skeleton).collect();
    let printed: Vec<_> = printed.iter().map(|line| skeleton(line)).collect();
    assert_eq!(shown, printed);
}

/// A line without what differs from run to run, and what README.md cuts.
fn skeleton(line: &str) -> String {
    let words = line.split(' ').filter(|word| !word.is_empty());
    let kept = words.map(|word| match word {
        _ if word.contains("http://") => "URL",
        _ if word.starts_with("'{") => "BODY",
        _ if word.ends_with('\'') && word.len() > 8 && !word.contains('"') && !word.contains('/') => "TOKEN'",
        _ if word.bytes().take(8).all(|b| b.is_ascii_hexdigit()) && word.len() > 8 => "TOKEN",
        _ => word,
    });
    kept.collect::<Vec<_>>().join(" ")
}

#[test]
fn its_configuration_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("gantry.toml"), &blocks("toml")[0]).unwrap();
    let authority = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap();
    std::fs::write(file("ca.pem"), authority.cert.pem()).unwrap();
    std::fs::write(file("ldap.password"), "x").unwrap();
    std::fs::write(file("okta.token"), "a-token-of-the-tests").unwrap();
    std::os::unix::fs::symlink(root().join("mappings"), file("mappings")).unwrap();
    let command =
        blocks("sh")[2].lines().next().unwrap().replace("gantry check", env!("CARGO_BIN_EXE_gantry"));
    let command = command.replacen(" --config", " check --config", 1);
    let done = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

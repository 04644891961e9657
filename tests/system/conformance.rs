//! Another project's conformance checks: `scim2 test` of scim2-cli, against each ready mapping.

use std::path::Path;
use std::process::Command;

use crate::support::directory::Directory;
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::run;
use crate::support::samba::Samba;

#[test]
fn of_an_applications_tables() {
    has_no_failed_check(Gateway::demo("crm", &[]), "crm");
}

#[test]
fn of_two_bare_tables() {
    has_no_failed_check(Gateway::demo("plain", &[]), "plain");
}

#[test]
fn of_entries_in_openldap() {
    let directory = Directory::start();
    has_no_failed_check(Gateway::serve(&[directory.target("corp", "openldap")]), "corp");
}

#[test]
fn of_posix_accounts_in_openldap() {
    let directory = Directory::posix();
    has_no_failed_check(Gateway::serve(&[directory.target("corp", "openldap-posix")]), "corp");
}

#[test]
fn of_entries_in_389_directory_server() {
    let directory = Directory::ds389();
    has_no_failed_check(Gateway::serve(&[directory.target("corp", "389ds")]), "corp");
}

#[test]
fn of_entries_in_active_directory() {
    let samba = Samba::start();
    // The checks' names are longer than those of accounts may be.
    let target = samba.target("corp", "active-directory", ", user_name = \"userPrincipalName\"");
    has_no_failed_check(Gateway::serve(&[target]), "corp");
}

pub fn has_no_failed_check(mut gateway: Gateway, target: &str) {
    // Where `scripts/test` puts it.
    let scim2 = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/scim2/bin/scim2");
    let url = gateway.target(target).base;
    let done = run(Command::new(scim2).env("NO_COLOR", "1").args([
        "-u",
        &url,
        "-h",
        &format!("Authorization: Bearer {TOKEN}"),
        "test",
    ]));
    let report = String::from_utf8_lossy(&done.stdout);
    // The exit code says nothing: it is 1 for what a server is free to leave out, too.
    let of = |word: &str| report.lines().filter(|line| line.starts_with(word)).count();
    let fine = ["SUCCESS", "COMPLIANT", "ACCEPTABLE"].map(of).iter().sum::<usize>();
    let is_verdict = |word: &str| word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase());
    let verdicts = report.lines().filter_map(|line| line.split(' ').next()).filter(|w| is_verdict(w)).count();
    assert!(fine > 60, "{report}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(fine, verdicts, "{report}");
    gateway.is_sound();
}

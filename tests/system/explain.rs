//! `gantry explain`: what a filter becomes, word for word, in front of a database and of a directory.

use std::process::Output;

use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::{gantry, write_configuration};
use crate::support::run;

const TARGET: &str = "explained";

#[test]
fn of_a_database_says_what_is_asked_what_is_checked_again_and_why() {
    let database = Database::of("crm");
    let folder = configured(&database.target(TARGET, "crm"));
    insta::assert_snapshot!(
        "explain_crm",
        told(&folder, &["userName sw \"a\" and not (title eq \"x\") and name.formatted co \"b\"", "--run"])
    );
    let ordered = told(&folder, &["active eq true", "--sort", "userName", "--descending", "--run"]);
    insta::assert_snapshot!("explain_crm_ordered", ordered);
}

#[test]
fn of_a_directory_says_the_filter_and_why_it_is_not_exact() {
    let directory = Directory::start();
    let folder = configured(&directory.target(TARGET, "openldap"));
    let filter = "userName eq \"ada\" and not (title sw \"x\") and emails[type eq \"work\"]";
    let told = told(&folder, &[filter, "--run"]);
    insta::assert_snapshot!("explain_openldap", told);
}

#[test]
fn of_what_cannot_be_asked_says_the_place() {
    let database = Database::of("crm");
    let folder = configured(&database.target(TARGET, "crm"));
    for (filter, says) in [
        ("userName eq \"a\" and shoeSize pr", "at position 20: User has no attribute"),
        ("userName eq", "position"),
    ] {
        let done = explain(&folder, &[filter]);
        let said = text(&done.stderr);
        assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""), "{filter}");
        assert!(said.contains("\"invalidFilter\"") && said.contains(says), "{said}");
    }
    // And of what can be, what of it has an index.
    let filters = [
        ("id eq \"1\"", "indexes: nothing but ids is compared"),
        ("userName eq \"a\" or name.givenName eq \"b\"", "ok    an index of AppUser begins with LoginName"),
        ("active eq true", "note  no index of AppUser begins with StatusCd: all of its rows are looked at"),
        ("groups.value eq \"500002\"", "ok    an index of UserRole begins with RoleId"),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"x\"",
            "ok    an index of Department begins with Name",
        ),
    ];
    for (filter, says) in filters {
        let told = told(&folder, &[filter]);
        assert!(told.contains(says), "{told}");
    }
    let groups = explain(&folder, &["displayName eq \"x\"", "--type", "Groups"]);
    assert!(groups.status.success() && text(&groups.stdout).contains("RoleName"), "{}", text(&groups.stderr));
}

fn configured(target: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_configuration(folder.path(), &[target.to_owned()]);
    folder
}

#[track_caller]
fn told(folder: &TempDir, arguments: &[&str]) -> String {
    let done = explain(folder, arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    text(&done.stdout)
}

fn explain(folder: &TempDir, arguments: &[&str]) -> Output {
    let file = folder.path().join("gantry.toml");
    run(gantry().args(["explain", "--config"]).arg(file).args(["--target", TARGET]).args(arguments))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

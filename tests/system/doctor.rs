//! `gantry doctor`: what it says of backends that are as they should be, and of those that are not.

use super::support::database::Database;
use super::support::directory::{Directory, SUFFIX};
use super::support::gateway::{gantry, write_configuration};
use super::support::{free_port, run};

/// What it printed about these targets, and whether all was well.
pub(super) fn doctor(targets: &[String], arguments: &[&str]) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = write_configuration(folder.path(), targets);
    let done = run(gantry().arg("doctor").arg("--config").arg(file).args(arguments));
    let [told, failed] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    let text = format!("{told}{failed}");
    (text, done.status.success())
}

#[track_caller]
pub(super) fn says(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_directory_that_is_well() {
    let directory = Directory::holding(&format!(
        "dn: uid=ann,ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: ann\ncn: Ann\nsn: Ann\n"
    ));
    let (text, well) = doctor(&[directory.target("corp", "openldap")], &[]);
    assert!(well, "{text}");
    says(
        &text,
        &[
            "corp at /corp",
            &format!("ok    {}: OpenLDAP, over TLS, bound as cn=gw,{SUFFIX}", directory.url()),
            "If-Match is atomic",
            "note  User: 1 entries looked at; nobody has, or the account may not read: displayName",
            "note  Group: no entry below ou=groups",
        ],
    );
    assert!(!text.contains("gw-s3cret") && !text.contains("WRONG"), "{text}");

    // With --write it leaves nothing behind.
    let (text, well) = doctor(&[directory.target("corp", "openldap")], &["--write"]);
    assert!(well, "{text}");
    says(&text, &["entries below ou=people,dc=example,dc=test can be added, changed and deleted"]);
    assert!(directory.search(SUFFIX, "(objectClass=device)").is_empty());
}

#[test]
fn a_directory_that_gives_few_entries_a_search() {
    let people: String = (0..600)
        .map(|n| {
            format!(
                "dn: uid=p{n},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: x\nsn: x\n\n"
            )
        })
        .collect();
    let limits = "size.soft=500 size.hard=500 size.pr=400 size.prtotal=unlimited";
    let directory = Directory::tuned(&people, limits, "");
    let (text, well) = doctor(&[directory.target("corp", "openldap")], &[]);
    assert!(well, "{text}");
    says(&text, &["User: the server gives this account 500 entries a search", "User: 100 entries looked at"]);
}

#[test]
fn what_is_wrong_with_a_directory_is_said() {
    let directory = Directory::start();
    let target = directory.target("corp", "openldap");
    let misspelt = target.replace("people =", "external_id = \"employeeNumbr\", people =");
    let (text, well) = doctor(&[misspelt], &[]);
    assert!(!well);
    says(&text, &["WRONG User: the schema has no attribute employeeNumbr", "1 things are wrong"]);

    let elsewhere = target.replace("ou=groups,", "ou=teams,");
    let (text, well) = doctor(&[elsewhere], &[]);
    assert!(!well);
    says(&text, &["WRONG Group: the base ou=teams,dc=example,dc=test does not exist"]);

    std::fs::write(directory.file("password"), "another").unwrap();
    let (text, well) = doctor(&[target], &[]);
    assert!(!well);
    says(&text, &["WRONG ldaps://127.0.0.1", "the bind was refused"]);
    assert!(!text.contains("another"), "{text}");
}

#[test]
fn each_server_of_a_directory_is_looked_at() {
    let directory = Directory::start();
    let nobody = format!("ldaps://127.0.0.1:{}", free_port());
    let url = format!("{:?}", directory.url());
    let target = directory.target("corp", "openldap").replace(&url, &format!("{nobody:?}, {url}"));
    let (text, well) = doctor(&[target], &[]);
    assert!(!well);
    says(&text, &[&format!("WRONG {nobody}: "), &format!("ok    {}: OpenLDAP", directory.url())]);
}

#[test]
fn databases() {
    let (crm, plain) = (Database::of("crm"), Database::of("plain"));
    let (text, well) = doctor(&[crm.target("crm", "crm"), plain.target("plain", "plain")], &["--write"]);
    assert!(well, "{text}");
    says(
        &text,
        &[
            "User: every table and column is there; AppUser has 100 rows",
            "the database can be written",
            "plain at",
        ],
    );

    let (text, well) = doctor(&[plain.target("other", "crm")], &[]);
    assert!(!well);
    says(&text, &["WRONG User: there is no table AppUser", "things are wrong"]);

    crm.change("ALTER TABLE UserPhone RENAME COLUMN Num TO Number");
    let (text, well) =
        doctor(&[crm.target("crm", "crm"), plain.target("plain", "plain")], &["--target", "crm"]);
    assert!(!well && !text.contains("plain at"), "{text}");
    says(&text, &["WRONG User: the table UserPhone has no column Num"]);

    let (text, well) = doctor(&[crm.target("crm", "crm")], &["--target", "none"]);
    assert!(!well);
    says(&text, &["no target none"]);
}

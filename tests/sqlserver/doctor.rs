//! `gantry doctor` in front of a server: what it says of a database that fits the mapping, and of one that does not.

use crate::support::database::Database;
use crate::support::gateway::{gantry, write_configuration};
use crate::support::output;
use crate::support::told::{self, says};

/// What is said, and whether all is well.
fn doctor(database: &Database) -> (String, bool) {
    told::doctor(&[database.target("crm", "crm")], &[])
}

pub fn of_tables(database: &Database) {
    let (text, is_well) = doctor(database);
    assert!(is_well, "{text}");
    says(
        &text,
        &["ok    SQL Server ", "ok    User: every table and column is there", "AppUser has triggers: "],
    );

    let folder = tempfile::tempdir().unwrap();
    let file = write_configuration(folder.path(), &[database.target("crm", "crm")]);
    let mut explain = gantry();
    explain.args(["explain", "--target", "crm", "--config"]).arg(file);
    let text = output(explain.arg("userName eq \"a\" and active eq true"));
    says(
        &text,
        &["ok    an index of AppUser begins with LoginName", "no index of AppUser begins with StatusCd"],
    );

    database.change("ALTER TABLE AppUser ADD Site VARCHAR(10) NOT NULL DEFAULT 'x'");
    assert!(doctor(database).1, "a default is a value");
    database.change("ALTER TABLE Department ADD Code INT");
    database.change("ALTER TABLE UserPhone DROP COLUMN Num");
    let (text, is_well) = doctor(database);
    assert!(!is_well);
    says(&text, &["WRONG User: the table UserPhone has no column Num"]);
    database.change("ALTER TABLE UserPhone ADD Num VARCHAR(20)");
    let (text, is_well) = doctor(database);
    assert!(is_well, "{text}");
    says(&text, &["UserPhone.Num takes 20, and max_len(30) lets more through (line 15 of the mapping)"]);
    database.change("DROP INDEX AppUserManagerId ON AppUser");
    says(&doctor(database).0, &["no index of AppUser begins with ManagerId, which filters compare (line "]);
}

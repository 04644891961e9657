//! `gantry diff`: what a change of a mapping changes, without a backend, and in front of a database and of a directory
//! that hold real people. It ends with 0 where nothing differs, with 1 where something does, with 2 where it cannot tell.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::{gantry, write_configuration};
use crate::support::run;

const TARGET: &str = "changed";
const SECRET: &str = "hunter2-the-secret";

/// A ready mapping and a version of it that is changed.
struct Change {
    folder: TempDir,
    old: PathBuf,
}

// === impl Change ===

impl Change {
    fn of(mapping: &str, changes: &[(&str, &str)]) -> Self {
        let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings").join(mapping);
        let mut text = std::fs::read_to_string(old.join("mapping.rhai")).unwrap();
        for (was, is) in changes {
            assert!(text.contains(was), "{was}");
            text = text.replacen(was, is, 1);
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("new.rhai"), text).unwrap();
        Self { folder, old }
    }

    /// In front of this target too.
    fn at(self, target: &str) -> Self {
        write_configuration(self.folder.path(), &[target.to_owned()]);
        self
    }

    fn diff(&self, arguments: &[&str]) -> Output {
        let new = self.folder.path().join("new.rhai");
        run(gantry().arg("diff").arg(&self.old).arg(new).args(arguments))
    }

    fn live(&self, arguments: &[&str]) -> Output {
        let file = self.folder.path().join("gantry.toml");
        let at = ["--config", file.to_str().unwrap(), "--target", TARGET, "--live"];
        self.diff(&[&at[..], arguments].concat())
    }
}

/// What is told, where something differs.
#[track_caller]
fn differs(done: &Output) -> String {
    // On stderr it may be told how far it is.
    assert_eq!(done.status.code(), Some(1), "{}\n{}", text(&done.stdout), text(&done.stderr));
    text(&done.stdout)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// The section with this name.
#[track_caller]
fn section<'a>(told: &'a str, name: &str) -> &'a str {
    let (_, rest) = told.split_once(&format!("{name}\n  ")).unwrap_or_else(|| panic!("{told}"));
    rest.split("\n\n").next().unwrap()
}

#[test]
fn nothing_differs_of_any_ready_mapping_from_itself() {
    for mapping in ["plain", "openldap", "openldap-posix", "389ds", "active-directory", "procedures"] {
        let done = Change::of(mapping, &[]).diff(&[]);
        let told = text(&done.stdout);
        assert_eq!((done.status.code(), text(&done.stderr).as_str()), (Some(0), ""), "{mapping}: {told}");
        assert!(told.ends_with("nothing differs\n"), "{mapping}: {told}");
        // Without its database nobody can say what its procedures leave.
        assert_eq!(told.contains("not compared"), mapping == "procedures", "{mapping}: {told}");
    }
}

#[test]
fn of_a_database_s_mapping_attributes_filters_and_plans() {
    let change = Change::of(
        "crm",
        &[
            ("\"Email\").max_len(120)", "\"Mail\").max_len(100)"),
            ("[\"T\", false], [\"L\", false]", "[\"L\", false], [\"T\", false]"),
        ],
    );
    insta::assert_snapshot!("diff_crm", differs(&change.diff(&[])));
}

#[test]
fn of_a_directory_s_mapping_attributes_filters_and_plans() {
    let change = Change::of("openldap", &[("\"title\");", "\"employeeType\");")]);
    insta::assert_snapshot!("diff_openldap", differs(&change.diff(&[])));
}

#[test]
fn for_programs_it_is_json() {
    let change = Change::of("openldap", &[("\"title\");", "\"employeeType\");")]);
    let told: Value = serde_json::from_str(&differs(&change.diff(&["--format", "json"]))).unwrap();
    let attributes = &told["attributes"][0];
    assert_eq!(attributes["what"], "User title");
    assert_eq!(attributes["how"], "changed");
    assert_eq!(attributes["lines"][0], "stored in: title → employeeType");
    assert!(told["plans"].as_array().is_some_and(|plans| !plans.is_empty()));
}

#[test]
fn what_the_tests_of_the_mapping_ask_is_compared_too() {
    let change = Change::of("crm", &[("on_missing(\"create\")", "on_missing(\"reject\")")]);
    let told = differs(&change.diff(&[]));
    let tests = section(&told, "tests");
    assert!(
        tests.contains("create-with-a-new-department, the answer\n           status: 201 → 400 invalidValue"),
        "{tests}"
    );
}

#[test]
fn live_in_front_of_a_database_says_how_many_and_which() {
    let database = Database::of("crm");
    database.change("UPDATE AppUser SET StatusCd = 'T' WHERE UserId IN (3, 5); UPDATE AppUser SET StatusCd = 'A' WHERE UserId NOT IN (3, 5);");
    let before = std::fs::read(database.file()).unwrap();
    let only = (".version(\"RowVer\")", ".version(\"RowVer\").only(#{ StatusCd: \"A\" })");
    let name = ("\"FirstName\").max_len(40)", "\"LoginName\").read_only()");
    let change = Change::of("crm", &[only, name]).at(&database.target(TARGET, "crm"));
    let told = differs(&change.live(&["--sample", "100000"]));
    let seen = section(&told, "resources seen");
    let all = database.rows("SELECT COUNT(*) AS n FROM AppUser")[0]["n"].as_u64().unwrap();
    let login = |id: u64| {
        database.rows(&format!("SELECT LoginName FROM AppUser WHERE UserId = {id}"))[0]["LoginName"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(seen.contains(&format!("User: how many there are\n           {all} → {}\n", all - 2)), "{seen}");
    let gone =
        format!("removed  User: 2 of {all}\n           3 ({})\n           5 ({})\n", login(3), login(5));
    assert!(seen.contains(&gone), "{seen}");
    let differing = database
        .rows("SELECT COUNT(*) AS n FROM AppUser WHERE UserId NOT IN (3, 5) AND FirstName IS NOT LoginName")
        [0]["n"]
        .clone();
    assert!(
        seen.contains(&format!("changed  User name.givenName: {differing} of {all}\n           1: ")),
        "{seen}"
    );
    assert!(!told.contains("not compared"), "{told}");
    let few = differs(&change.live(&["--sample", "10"]));
    assert!(few.contains(&format!("not compared: User: 12 of {all} were looked at")), "{few}");
    assert!(std::fs::read(database.file()).unwrap() == before, "something was written");
}

#[test]
fn live_in_front_of_a_directory_says_how_many_and_which_and_no_secret() {
    let person = |uid: &str, more: &str| {
        format!(
            "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n{more}\n\n"
        )
    };
    let entries = [
        person("ada", &format!("title: Countess\nuserPassword: {SECRET}")),
        person("bob", "title: Builder\nemployeeType: Builder"),
        person("eve", "employeeNumber: 7"),
    ]
    .concat();
    let directory = Directory::holding(&entries);
    let change = Change::of(
        "openldap",
        &[
            ("\"title\");", "\"employeeType\");"),
            ("\"displayName\",       \"displayName\")", "\"nickName\", \"userPassword\").read_only()"),
            (".version(\"entryCSN\")", ".version(\"entryCSN\").only(#{ employeeNumber: () })"),
        ],
    );
    let change = change.at(&directory.target(TARGET, "openldap"));
    let before = directory.search(SUFFIX, "(objectClass=*)").len();
    let told = differs(&change.live(&[]));
    let seen = section(&told, "resources seen");
    for line in [
        "User: how many there are\n           3 → 2",
        "removed  User: 1 of 3",
        "(eve)",
        "User title: 1 of 3",
        "\"Countess\" → (nothing)",
    ] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert!(seen.contains("User nickName: 1 of 3") && seen.contains("(not shown)"), "{seen}");
    assert!(!told.contains(SECRET) && !told.contains("aHVudGVy"), "{told}");
    assert_eq!(directory.search(SUFFIX, "(objectClass=*)").len(), before);
    let same = Change::of("openldap", &[]).at(&directory.target(TARGET, "openldap")).live(&[]);
    assert_eq!((same.status.code(), text(&same.stdout).as_str()), (Some(0), "nothing differs\n"));
}

#[test]
fn what_cannot_be_compared_ends_with_2() {
    let change = Change::of("crm", &[]);
    for (arguments, says) in [
        (vec!["--live"], "--config"),
        (vec!["--config", "/no/such/gantry.toml", "--target", "x"], "/no/such/gantry.toml"),
    ] {
        let done = change.diff(&arguments);
        assert!(
            done.status.code() == Some(2) && text(&done.stderr).contains(says),
            "{arguments:?}: {}",
            text(&done.stderr)
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let between = |old: &str, new: &str| run(gantry().arg("diff").args([folder.join(old), folder.join(new)]));
    for (old, new, says) in [("no-such", "crm", "no-such"), ("crm", "openldap", "the target is a directory")]
    {
        let done = between(old, new);
        assert!(done.status.code() == Some(2) && text(&done.stderr).contains(says), "{}", text(&done.stderr));
    }
}

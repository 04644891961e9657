//! `gantry replay`: what a change of a mapping would make of requests that a client really sent, in front of a database
//! and of a directory. What was captured in part, or hangs on what nobody knows, is never told to be the same.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::eventually;
use crate::support::gateway::{Gateway, gantry, write_configuration};
use crate::support::run;
use crate::support::scim::{Scim, encoded};

const TARGET: &str = "replayed";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A gateway whose requests are captured.
struct Site {
    gateway: Gateway,
    scim: Scim,
    mapping: &'static str,
}

// === impl Site ===

impl Site {
    fn of(mapping: &'static str, target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = target.replacen("\nmapping", "\ncapture = { dir = \"captured\" }\nmapping", 1);
        let file = write_configuration(folder.path(), &[target]);
        let gateway = Gateway::start(gantry().args(["serve", "--config"]).arg(file), folder);
        let scim = gateway.target(TARGET);
        Self { gateway, scim, mapping }
    }

    fn captured(&self) -> PathBuf {
        self.gateway.folder.path().join("captured")
    }

    /// A person comes, is looked for, changed and read, and goes: seven requests; her id.
    fn lives(&self) -> String {
        let made = self.scim.post("/Users", &json!({ "userName": "ada", "title": "Countess", "active": true, "name": { "familyName": "King" } }));
        let id = made.is(201)["id"].as_str().unwrap().to_owned();
        self.scim.get(&format!("/Users?filter={}&count=5", encoded("userName eq \"ada\""))).is(200);
        self.patch(&id, &json!({ "op": "replace", "path": "title", "value": "Analyst" }));
        self.patch(&id, &json!({ "op": "replace", "value": { "active": false } }));
        self.scim.get(&format!("/Users/{id}")).is(200);
        self.scim.get("/Users/nobody").is(404);
        self.scim.delete(&format!("/Users/{id}")).is(204);
        id
    }

    fn patch(&self, id: &str, operation: &Value) {
        let body = json!({ "schemas": [PATCH], "Operations": [operation] });
        self.scim.send("PATCH", &format!("/Users/{id}"), Some(&body)).is(200);
    }

    /// What is told of so many requests with the mapping, changed so.
    fn replay(&self, requests: usize, changes: &[(&str, &str)], arguments: &[&str]) -> Output {
        eventually("the files", || {
            let files = std::fs::read_dir(self.captured()).unwrap().filter_map(Result::ok);
            let is_whole = |name: &str| name.ends_with(".http") && !name.starts_with('.');
            files.filter(|file| is_whole(&file.file_name().to_string_lossy())).count() >= 2 * requests
        });
        let folder = changed(self.mapping, changes);
        let file = self.gateway.folder.path().join("gantry.toml");
        let new = folder.path().join("new.rhai");
        run(gantry()
            .arg("replay")
            .arg(self.captured())
            .arg("--mapping")
            .arg(new)
            .arg("--config")
            .arg(file)
            .args(["--target", TARGET])
            .args(arguments))
    }

    /// Of each request the verdict, and what is told of it.
    #[track_caller]
    fn verdicts(&self, requests: usize, changes: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let done = self.replay(requests, changes, &["--format", "json"]);
        let told: Value =
            serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", text(&done.stderr)));
        let all: Vec<_> = told
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let lines = one["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
                let word = |name: &str| one[name].as_str().unwrap().to_owned();
                (word("verdict"), word("request"), lines.collect::<Vec<_>>().join("\n"))
            })
            .collect();
        let is_same = all.iter().all(|(verdict, ..)| verdict == "same");
        assert_eq!(done.status.code(), Some(if is_same { 0 } else { 1 }), "{told}");
        all
    }
}

fn changed(mapping: &str, changes: &[(&str, &str)]) -> TempDir {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings").join(mapping).join("mapping.rhai");
    let mut text = std::fs::read_to_string(old).unwrap();
    for (was, is) in changes {
        assert!(text.contains(was), "{was}");
        text = text.replacen(was, is, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("new.rhai"), text).unwrap();
    folder
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

fn words(all: &[(String, String, String)]) -> Vec<&str> {
    all.iter().map(|(verdict, ..)| verdict.as_str()).collect()
}

#[test]
fn in_front_of_a_database() {
    let database = Database::of("crm");
    let site = Site::of("crm", &database.target(TARGET, "crm"));
    let id = site.lives();
    let same = site.replay(7, &[], &[]);
    assert_eq!(
        (same.status.code(), text(&same.stdout).as_str()),
        (Some(0), "7 requests: 0 would differ, 7 the same, 0 cannot be compared\n"),
        "{}",
        text(&same.stderr)
    );
    let before = std::fs::read(database.file()).unwrap();
    let codes = ("[\"T\", false], [\"L\", false]", "[\"L\", false], [\"T\", false]");
    let found = site.verdicts(7, &[codes]);
    assert_eq!(words(&found), ["same", "same", "same", "differs", "same", "same", "same"], "{found:?}");
    let (_, request, lines) = &found[3];
    assert_eq!(request, &format!("PATCH /Users/{id}"));
    assert!(lines.contains("= 'T'") && lines.contains("= 'L'"), "{lines}");

    let login = ("\"userName\",        \"LoginName\"", "\"userName\",        \"FirstName\"");
    let found = site.verdicts(7, &[login, ("attr(\"name.givenName\",  \"FirstName\").max_len(40);", "")]);
    // She came under another column, so nobody finds her there.
    assert_eq!(found[0].0, "differs");
    assert!(found[0].2.contains("FirstName"), "{found:?}");
    assert_eq!(found[1].0, "differs");
    assert!(std::fs::read(database.file()).unwrap() == before, "something was written");
}

#[test]
fn in_front_of_a_directory() {
    let directory = Directory::start();
    let site = Site::of("openldap", &directory.target(TARGET, "openldap"));
    site.lives();
    let found = site.verdicts(7, &[]);
    assert_eq!(words(&found), ["same"; 7], "{found:?}");
    let found = site.verdicts(7, &[("\"title\");", "\"employeeType\");")]);
    assert_eq!(
        words(&found),
        ["differs", "differs", "differs", "same", "differs", "same", "same"],
        "{found:?}"
    );
    assert!(
        found[0].2.contains("- title: Countess") && found[0].2.contains("+ employeeType: Countess"),
        "{found:?}"
    );
    assert!(found[4].2.contains("title: \"Analyst\" → (nothing)"), "{found:?}");
    let told = text(&site.replay(7, &[("\"title\");", "\"employeeType\");")], &[]).stdout);
    assert!(told.ends_with("7 requests: 4 would differ, 3 the same, 0 cannot be compared\n"), "{told}");
}

#[test]
fn what_cannot_be_told_is_said() {
    let database = Database::of("crm");
    let site = Site::of("crm", &database.target(TARGET, "crm"));
    // Kept in part, for there is a password in it.
    site.scim.post("/Users", &json!({ "userName": "ada", "password": "s3cret-s3cret" })).is(201);
    // Of whom no answer told before.
    site.patch("1", &json!({ "op": "replace", "path": "name.familyName", "value": "Lovelace" }));
    site.scim.get(&format!("/Users?filter={}", encoded("password eq \"x\"")));
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [{ "method": "DELETE", "path": "/Users/2" }] });
    site.scim.send("POST", "/Bulk", Some(&bulk)).is(200);
    site.scim.get(&format!("/Users?filter={}", encoded("userName eq \"nobody\""))).is(200);
    let found = site.verdicts(5, &[("\"LoginName\").required()", "\"LoginNm\").required()")]);
    let found_same = site.verdicts(5, &[]);
    assert_eq!(words(&found_same), ["unknown", "unknown", "unknown", "unknown", "same"], "{found_same:?}");
    for (at, says) in [(0, "left out"), (1, "made-up"), (3, "one at a time")] {
        assert!(found_same[at].2.contains(says), "{found_same:?}");
    }
    assert!(found[4].0 == "unknown" && found[4].2.contains("nobody was found"), "{found:?}");
    std::fs::write(site.captured().join("mine.request.http"), "GET\n").unwrap();
    let told = text(&site.replay(5, &[], &[]).stdout);
    assert!(told.contains("mine.request.http") && told.contains("it is no request"), "{told}");
}

#[test]
fn a_folder_without_requests_ends_with_2() {
    let database = Database::of("crm");
    let folder = tempfile::tempdir().unwrap();
    let file = write_configuration(folder.path(), &[database.target(TARGET, "crm")]);
    let new = changed("crm", &[]);
    let mut command = gantry();
    command.arg("replay").arg(new.path()).arg("--mapping").arg(new.path().join("new.rhai"));
    let done = run(command.arg("--config").arg(file).args(["--target", TARGET]));
    assert!(
        done.status.code() == Some(2) && text(&done.stderr).contains("no captured requests"),
        "{}",
        text(&done.stderr)
    );
}

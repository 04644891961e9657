//! The command line as an admin meets it: `check` and what it says of mistakes, `demo` and what it prints.

use std::fs::read_dir;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::{Gateway, TOKEN, gantry, write_configuration};
use crate::support::{output, run};

// === check ===

#[test]
fn check_finds_nothing_wrong_with_the_ready_mappings() {
    let (crm, plain, directory) = (Database::of("crm"), Database::of("plain"), Directory::start());
    let folder = tempfile::tempdir().unwrap();
    let targets =
        [crm.target("crm", "crm"), plain.target("plain", "plain"), directory.target("corp", "openldap")];
    write_configuration(folder.path(), &targets);
    let done = check(folder.path());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let lines = ["ok: gantry.toml", "at /crm/scim/v2", "at /plain/scim/v2", "at /corp/scim/v2"];
    for (line, says) in text(&done.stdout).lines().zip(lines) {
        assert!(line.contains(says), "{line:?} does not say {says:?}");
    }
}

#[test]
fn check_shows_where_each_mistake_is() {
    let folder = tempfile::tempdir().unwrap();
    mapping(
        &folder,
        "one",
        "resource(\"User\").table(\"T\").id(\"Id\");\nattr(\"userName\", \"Login\").requird();\n",
    );
    mapping(&folder, "two", "resource(\"User\").table(\"T\").id(\"Id\");\nattr(\"userName\" \"Login\");\n");
    mapping(
        &folder,
        "three",
        "resource(\"User\").table(\"T\").id(\"Id\");\nattr(\"userName\", \"L\");\nattr(\"shoeSize\", \"S\");\n",
    );
    let targets = ["one", "two", "three"].map(|name| own_target(name, ""));
    write_configuration(folder.path(), &targets);
    let done = check(folder.path());
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""));
    let said = text(&done.stderr);
    for shown in [
        "error: there is no verb or function `requird`\n --> one/mapping.rhai:2:27\n  |\n\
         2 | attr(\"userName\", \"Login\").requird();\n  |                           ^\n",
        " --> two/mapping.rhai:2:17\n  |\n2 | attr(\"userName\" \"Login\");\n  |                 ^\n",
        " --> three/mapping.rhai:3:",
    ] {
        assert!(said.contains(shown), "{shown}\nis not in\n{said}");
    }
    assert!(said.contains("shoeSize") && said.contains("did you mean `required`?"), "{said}");
}

#[test]
fn check_shows_where_a_configuration_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    mapping(
        &folder,
        "m",
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"L\").required();\n",
    );
    let good = own_target("m", "");
    for (targets, shown) in [
        (good.replace("mapping =", "maping ="), "unknown field `maping`, expected one of"),
        (good.replace("{ file = \"token\" }", "\"s3cret\""), "gantry.toml:"),
        (good.replace("\"token\"", "\"nothing-there\""), "the file nothing-there cannot be read"),
        (good.replace("mapping = \"m\"", "mapping = \"nowhere\""), "nowhere"),
        (own_target("m", "mode = \"read-mostly\"\n"), "read-mostly"),
        (own_target("m", "params = { people = \"x\" }\n"), "never asks for"),
        (good.repeat(2), "m"),
        (String::new(), "target"),
    ] {
        write_configuration(folder.path(), std::slice::from_ref(&targets));
        let done = check(folder.path());
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{targets}\n{said}");
        assert!(said.starts_with("error: ") && said.contains(shown), "{targets}\n{said}");
        assert!(!said.contains(TOKEN), "{said}");
        // What cannot be checked is not served either.
        let served = run(gantry().current_dir(folder.path()).args(["serve", "--config", "gantry.toml"]));
        assert_eq!((served.status.code(), text(&served.stdout).as_str()), (Some(1), ""), "{targets}");
        assert!(text(&served.stderr).contains(shown), "{}", text(&served.stderr));
    }
    let missing = run(gantry().args(["check", "--config", "/nowhere/gantry.toml"]));
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nowhere/gantry.toml"), "{}", text(&missing.stderr));
}

fn check(folder: &Path) -> Output {
    run(gantry().current_dir(folder).args(["check", "--config", "gantry.toml"]))
}

fn mapping(folder: &TempDir, name: &str, text: &str) {
    let folder = folder.path().join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mapping.rhai"), text).unwrap();
}

/// A target with a mapping beside the configuration.
fn own_target(mapping: &str, more: &str) -> String {
    format!(
        "[[target]]\nname = \"{mapping}\"\nmapping = \"{mapping}\"\n{more}[target.sqlite]\nfile = \"x.db\"\n\
         [[target.client]]\nname = \"tests\"\ntoken = {{ file = \"token\" }}\n"
    )
}

// === demo ===

#[test]
fn the_commands_of_the_demo_of_an_application_work_when_pasted() {
    let gateway = Gateway::demo("crm", &[]);
    let [list, find, create] = pasted(&gateway);
    assert_eq!((&list["itemsPerPage"], &list["totalResults"]), (&3.into(), &100.into()));
    assert_eq!(find["totalResults"], 1);
    assert_eq!((&create["userName"], &create["name"]["familyName"]), (&"ada".into(), &"Lovelace".into()));
    let scim = gateway.target("crm");
    let departments: std::collections::BTreeSet<_> = scim.get("/Users?count=200").is(200)["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|user| {
            user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(departments.len(), 8, "{departments:?}");
    assert_eq!(scim.get("/Groups").is(200)["totalResults"], 12);
}

#[test]
fn the_commands_of_the_demo_of_two_bare_tables_work_when_pasted() {
    let gateway = Gateway::demo("plain", &[]);
    let [create, list, find] = pasted(&gateway);
    assert_eq!(create["userName"], "ada");
    assert_eq!((&list["totalResults"], &find["totalResults"]), (&1.into(), &1.into()));
    assert_eq!(find["Resources"][0], create);
}

/// What the three commands that a demo prints answer, when a shell runs them.
fn pasted(gateway: &Gateway) -> [Value; 3] {
    let printed = gateway.printed();
    let url = format!("http://{}/scim/v2", gateway.listening());
    assert!(printed.starts_with(&format!("Base URL: {url}\nToken:    {TOKEN}\n")), "{printed}");
    let commands = printed.lines().filter(|line| line.starts_with("curl "));
    let answers: Vec<Value> = commands
        .map(|line| serde_json::from_str(&output(Command::new("sh").args(["-c", line]))).unwrap())
        .collect();
    answers.try_into().unwrap()
}

#[test]
fn a_demo_keeps_what_it_is_told_to_keep_and_nothing_else() {
    let (kept, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = kept.path().join("kept.db").display().to_string();
    let first = Gateway::demo("plain", &["--data", &file]);
    first.target("plain").post("/Users", &serde_json::json!({ "userName": "kept" })).is(201);
    assert_eq!(first.terminate(), Some(0));
    let second = Gateway::demo("plain", &["--data", &file]);
    assert_eq!(second.target("plain").find("/Users", "userName eq \"kept\"").is(200)["totalResults"], 1);

    let mut command = gantry();
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", temporary.path());
    let third = Gateway::start(&mut command, tempfile::tempdir().unwrap());
    let is_empty = || read_dir(temporary.path()).unwrap().next().is_none();
    assert!(!is_empty(), "its database is elsewhere");
    // The token is random, and it is asked for.
    let printed = third.printed();
    let token = printed.lines().find_map(|line| line.strip_prefix("Token:    ")).unwrap();
    let mut scim = third.target("crm");
    scim.get("/Users").is_error(401, "");
    scim.token = token.to_owned();
    scim.get("/Users").is(200);
    assert_eq!(third.terminate(), Some(0));
    assert!(is_empty(), "{temporary:?}");
}

#[test]
fn a_demo_that_others_can_reach_needs_a_token() {
    let done = run(gantry().args(["demo", "--listen", "0.0.0.0:0"]));
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(2), ""));
    assert!(text(&done.stderr).contains("--token"), "{}", text(&done.stderr));
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

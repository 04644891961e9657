//! The command line as an admin meets it: `check` and what it says of mistakes, `demo` and what it prints.

use std::fs::read_dir;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::{Gateway, TOKEN, gantry, write_configuration};
use crate::support::{certificates, eventually, output, run};

/// The first two lines of a mapping.
const USER: &str = "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"L\").required();\n";

// === check ===

#[test]
fn check_finds_nothing_wrong_with_the_ready_mappings() {
    let (crm, plain, directory) = (Database::of("crm"), Database::of("plain"), Directory::start());
    let folder = tempfile::tempdir().unwrap();
    let targets = [
        crm.target("crm", "crm"),
        plain.target("plain", "plain"),
        directory.target("corp", "openldap"),
        directory.target("posix", "openldap-posix"),
    ];
    write_configuration(folder.path(), &targets);
    let done = check(folder.path());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let found =
        ["crm", "plain", "corp", "posix"].map(|name| format!("ok: target {name} at /{name}/scim/v2\n"));
    assert_eq!(text(&done.stdout), format!("ok: gantry.toml\n{}", found.concat()));
}

#[test]
fn check_shows_where_each_mistake_is() {
    let folder = tempfile::tempdir().unwrap();
    let mistakes = [
        ("syntax", r#"attr("title" "T");"#, 14, "a `,` is missing between two values"),
        ("verb", r#"attr("title", "T").requird();"#, 20, "there is no verb or function `requird`"),
        (
            "sequence",
            r#"initial("T", sequence("dbo.S"));"#,
            1,
            "SQLite has no sequences: `T` cannot have numbers of \"dbo.S\" there",
        ),
        ("values", r#"attr("title", "T").max_len("x");"#, 20, "`max_len` does not take these values: text"),
        ("attribute", r#"attr("titel", "T");"#, 1, "a User has no attribute `titel`"),
        (
            "param",
            r#"attr("title", param("column"));"#,
            15,
            "the configuration gives no value for the param \"column\", and the mapping no fallback",
        ),
    ];
    for (name, line, _, _) in mistakes {
        mapping(&folder, name, &format!("{USER}{line}\n"));
    }
    let targets = mistakes.map(|(name, ..)| own_target(name, ""));
    write_configuration(folder.path(), &targets);
    let done = check(folder.path());
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""));
    let said = text(&done.stderr);
    for (name, line, column, message) in mistakes {
        let shown = pointed(message, &format!("{name}/mapping.rhai"), 3, line, column);
        assert!(said.contains(&shown), "{shown}\nis not in\n{said}");
    }
    assert_eq!(said.matches("error[G").count(), mistakes.len(), "{said}");
    assert!(said.contains("did you mean `required`?") && said.contains("did you mean `title`?"), "{said}");
}

#[test]
fn check_shows_where_a_configuration_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    mapping(&folder, "m", USER);
    let good = own_target("m", "");
    for (targets, shown) in [
        (good.replace("mapping =", "maping ="), "unknown field `maping`, expected one of"),
        (good.replace("\"token\"", "\"nothing-there\""), "the file nothing-there cannot be read"),
        (good.replace("mapping = \"m\"", "mapping = \"nowhere\""), "--> nowhere/mapping.rhai"),
        (own_target("m", "mode = \"read-mostly\"\n"), "unknown variant `read-mostly`"),
        (own_target("m", "params = { people = \"x\" }\n"), "\"people\", which this mapping never asks for"),
        (good.repeat(2), "a target before this one is called \"m\" too"),
        (String::new(), "no [[target]]: there is nothing to serve"),
    ] {
        write_configuration(folder.path(), std::slice::from_ref(&targets));
        let done = check(folder.path());
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{targets}\n{said}");
        assert!(said.starts_with("error[G") && said.contains(shown), "{targets}\n{said}");
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

#[test]
fn check_points_at_the_place_in_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    mapping(&folder, "m", USER);
    let good = own_target("m", "");
    for (old, new, line, column, message) in [
        ("= \"m\"\n[", "= m\n[", 4, 11, "string values must be quoted, expected literal string"),
        ("mapping = \"m\"", "mapping = 5", 4, 11, "a path in quotes is needed here, not `5`"),
        ("file = \"x.db\"\n", "", 5, 1, "missing field `file`"),
        ("\"x.db\"", "\"x.db\"\nmode = \"ro\"", 7, 1, "unknown field `mode`, expected `file`"),
        (
            "{ file = \"token\" }",
            "{ env = \"GANTRY_NOT_SET\" }",
            9,
            9,
            "the environment variable GANTRY_NOT_SET is not set",
        ),
        (
            "token",
            "profile = \"azure\"\ntoken",
            9,
            11,
            "unknown variant `azure`, expected one of `rfc`, `entra`, `okta`",
        ),
    ] {
        let file = write_configuration(folder.path(), &[good.replacen(old, new, 1)]);
        let written = std::fs::read_to_string(file).unwrap();
        let shown = pointed(message, "gantry.toml", line, written.lines().nth(line - 1).unwrap(), column);
        let done = check(folder.path());
        assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""), "{new}");
        let said = text(&done.stderr);
        assert!(said.starts_with("error[G1") && said[10..].starts_with(&shown), "{shown}\nis not\n{said}");
    }
}

#[test]
fn check_looks_at_the_certificate_and_its_key() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates::write(folder.path());
    certificates::write(other.path());
    std::fs::copy(other.path().join("server.key"), folder.path().join("other.key")).unwrap();
    mapping(&folder, "m", USER);
    let with = |key: &str| {
        let tls =
            format!("tls = {{ cert = \"server.pem\", key = {{ file = {key:?} }}, client_ca = \"ca.pem\" }}");
        write_configuration(folder.path(), &[format!("{tls}\n"), own_target("m", "")]);
        (check(folder.path()), tls)
    };
    let (done, _) = with("server.key");
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let (done, tls) = with("other.key");
    let said = text(&done.stderr);
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""));
    assert!(said.starts_with("error[G107]: tls: "), "{said}");
    assert!(said.contains(&format!("\n --> gantry.toml:2:7\n  |\n2 | {tls}\n  |       ^\n")), "{said}");
}

#[test]
fn a_secret_that_stands_in_the_configuration_is_refused_and_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    mapping(&folder, "m", USER);
    for written in [
        "token = \"hunter2\"",
        "token = hunter2",
        "token = \"hunter2",
        "token = \"\"\"\nhunter2\\q\"\"\"",
        "token = [\"hunter2\"]",
        "token = { value = \"hunter2\" }",
        "token = { file = \"token\", env = \"PATH\" }",
        "tokn = \"hunter2\"",
        "token_sha256 = \"hunter2\"",
    ] {
        let target = own_target("m", "").replace("token = { file = \"token\" }", written);
        write_configuration(folder.path(), &[target]);
        let plan = ["plan", "--config", "gantry.toml", "--target", "m", "GET", "/Users"];
        for arguments in
            [&["check", "--config", "gantry.toml"][..], &["serve", "--config", "gantry.toml"], &plan]
        {
            let done = run(gantry().current_dir(folder.path()).args(arguments));
            let said = text(&done.stderr);
            assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""), "{written}\n{said}");
            assert!(said.contains("--> gantry.toml:9:") || said.contains("--> gantry.toml:10:"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

fn check(folder: &Path) -> Output {
    run(gantry().current_dir(folder).args(["check", "--config", "gantry.toml"]))
}

/// A mistake as it is shown.
fn pointed(message: &str, file: &str, line: usize, excerpt: &str, column: usize) -> String {
    let caret = format!("{:>column$}", '^');
    format!("]: {message}\n --> {file}:{line}:{column}\n  |\n{line} | {excerpt}\n  | {caret}\n")
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
    let database = Database::of("crm");
    let gateway = Gateway::demo("crm", &["--data", &database.file().display().to_string()]);
    let [list, find, create] = pasted(&gateway, TOKEN);
    assert_eq!((&list["itemsPerPage"], &list["totalResults"]), (&3.into(), &100.into()));
    assert_eq!(find["totalResults"], 1);
    assert_eq!((&create["userName"], &create["name"]["familyName"]), (&"ada".into(), &"Lovelace".into()));
    let made = &database.rows("SELECT UserId, FirstName, StatusCd FROM AppUser WHERE LoginName = 'ada'")[0];
    assert_eq!(*made, json!({ "UserId": 101, "FirstName": "Ada", "StatusCd": "A" }));
    assert_eq!(create["id"], "101");
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
    // A shell must take the token as it is.
    let token = "it's-\"$HOME\"-`x`\\";
    let mut command = gantry();
    command.args(["demo", "--mapping", "plain", "--listen", "127.0.0.1:0", "--token", token]);
    let gateway = Gateway::start(&mut command, tempfile::tempdir().unwrap());
    let [create, list, find] = pasted(&gateway, token);
    assert_eq!(create["userName"], "ada");
    assert_eq!((&list["totalResults"], &find["totalResults"]), (&1.into(), &1.into()));
    assert_eq!(find["Resources"][0], create);
}

/// What the three commands that a demo prints answer, when a shell runs them.
fn pasted(gateway: &Gateway, token: &str) -> [Value; 3] {
    let printed = gateway.printed();
    let url = format!("http://{}/scim/v2", gateway.listening());
    assert!(printed.starts_with(&format!("Base URL: {url}\nToken:    {token}\n")), "{printed}");
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
    first.target("plain").post("/Users", &json!({ "userName": "kept" })).is(201);
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(names(&kept), ["kept.db"]);
    let found = Command::new("sqlite3").args([&file, "SELECT UserName FROM Users"]).output().unwrap();
    assert_eq!(text(&found.stdout), "kept\n");
    let second = Gateway::demo("plain", &["--data", &file]);
    assert_eq!(second.target("plain").find("/Users", "userName eq \"kept\"").is(200)["totalResults"], 1);

    let mut command = gantry();
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", temporary.path());
    let third = Gateway::start(&mut command, tempfile::tempdir().unwrap());
    assert!(!names(&temporary).is_empty(), "its database is elsewhere");
    // The token is random, and it is asked for.
    let printed = third.printed();
    let token = printed.lines().find_map(|line| line.strip_prefix("Token:    ")).unwrap();
    let mut scim = third.target("crm");
    scim.get("/Users").is_error(401, "");
    scim.token = token.to_owned();
    scim.get("/Users").is(200);
    assert_eq!(third.terminate(), Some(0));
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
}

#[test]
fn a_demo_that_is_ended_while_it_starts_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = gantry();
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", temporary.path());
    let mut demo = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the making of its database", || !names(&temporary).is_empty());
    output(Command::new("kill").arg(demo.id().to_string()));
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
}

#[test]
fn at_a_terminal_the_log_is_for_people_and_ctrl_c_ends_a_demo() {
    let temporary = tempfile::tempdir().unwrap();
    // `exec`: dash would stay in front of the demo, be ended by the same Ctrl-C, and its end be what is seen.
    let demo = format!("exec {} demo --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_gantry"));
    let mut terminal = Command::new("timeout");
    terminal.args(["--foreground", "20", "script", "-qefc", &demo, "/dev/null"]);
    terminal.env("TMPDIR", temporary.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = terminal.spawn().unwrap();
    let mut lines = BufReader::new(terminal.stdout.take().unwrap()).lines().map_while(Result::ok);
    let serving = lines.find(|line| line.contains("serving")).unwrap();
    assert!(serving.contains("INFO") && !serving.contains("{\""), "{serving}");
    terminal.stdin.take().unwrap().write_all(b"\x03").unwrap();
    assert!(lines.any(|line| line.contains("ending")));
    assert_eq!(terminal.wait().unwrap().code(), Some(0));
    assert!(names(&temporary).is_empty(), "{:?}", names(&temporary));
}

#[test]
fn a_demo_leaves_other_peoples_files_alone() {
    let (folder, plain) = (tempfile::tempdir().unwrap(), Database::of("plain"));
    let notes = folder.path().join("notes");
    std::fs::write(&notes, "no database\n".repeat(100)).unwrap();
    for (file, says) in [(plain.file(), "holds other tables"), (notes, "not a database")] {
        let before = std::fs::read(&file).unwrap();
        let mut command = gantry();
        let done = run(command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(&file));
        assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""));
        assert!(text(&done.stderr).contains(says), "{}", text(&done.stderr));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
}

#[test]
fn a_demo_takes_another_port_when_its_own_is_taken() {
    // Where this fails, somebody else has taken it.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let mut command = gantry();
    let gateway = Gateway::start(command.args(["demo", "--token", TOKEN]), tempfile::tempdir().unwrap());
    let listening = gateway.listening();
    assert!(listening.starts_with("127.0.0.1:") && listening != "127.0.0.1:8080", "{listening}");
    gateway.target("crm").get("/Users").is(200);
}

#[test]
fn a_demo_that_others_can_reach_needs_a_token() {
    let done = run(gantry().args(["demo", "--listen", "0.0.0.0:0"]));
    assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(2), ""));
    assert!(text(&done.stderr).contains("--token"), "{}", text(&done.stderr));
    let mut command = gantry();
    command.args(["demo", "--listen", "0.0.0.0:0", "--token", TOKEN]);
    Gateway::start(&mut command, tempfile::tempdir().unwrap()).target("crm").get("/Users").is(200);
}

/// What is in a folder.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

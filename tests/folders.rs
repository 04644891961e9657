//! `gantry test` and what it is made of, as an admin meets them: the ready mappings pass their tests, a difference is
//! shown, `--update` and `--add` write, and `gantry plan --against` plans against a file. No backend is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use gantry::mapping::diagnostic::Code;
use gantry::rehearsal::trial;
use serde_json::Value;
use tempfile::TempDir;

/// What every mapping's tests show, by how their names begin; a mapping without groups has no members.
const KINDS: [&str; 8] =
    ["create", "create-minimal", "patch", "deactivate", "membership", "filter", "delete", "refuse"];
/// The fewest tests that a ready mapping has.
const FEWEST: usize = 8;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn gantry(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
    command.current_dir(folder).env_remove("GANTRY_LOG").args(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// A copy of a ready mapping, with its tests, to be spoilt.
fn copied(mapping: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("mappings").join(mapping), &folder.path().join(mapping));
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            _ = fs::copy(entry.path(), target).unwrap()
        }
    }
}

/// Replaces a text, which must be there, in a file.
#[track_caller]
fn replace(file: PathBuf, old: &str, new: &str) {
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(old), "{old} is not in {}", file.display());
    fs::write(file, text.replace(old, new)).unwrap();
}

#[test]
fn the_ready_mappings_pass_their_tests() {
    let done = gantry(root(), &["test", "mappings"]);
    let said = text(&done.stdout);
    assert!(done.status.success() && done.stderr.is_empty(), "{said}{}", text(&done.stderr));
    let (mut mappings, mut all) = (0, 0);
    for folder in fs::read_dir(root().join("mappings")).unwrap().map(|entry| entry.unwrap()) {
        if !folder.path().is_dir() {
            continue;
        }
        let name = folder.file_name().into_string().unwrap();
        let begin = format!("ok     mappings/{name}/tests/");
        let tests: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix(&begin)).collect();
        assert!(tests.len() >= FEWEST, "{name}: {tests:?}");
        for kind in KINDS.iter().filter(|kind| **kind != "membership" || name != "procedures") {
            assert!(
                tests.iter().any(|test| test.starts_with(kind)),
                "{name} has no test of {kind}: {tests:?}"
            );
        }
        (mappings, all) = (mappings + 1, all + tests.len());
    }
    assert!(mappings >= 7, "{mappings}");
    assert!(said.ends_with(&format!("\n{all} ok\n")), "{said}");
}

#[test]
fn what_differs_is_shown_line_by_line() {
    let folder = copied("plain");
    replace(folder.path().join("plain/mapping.rhai"), "attr(\"externalId\",        \"ExternalId\");", "");
    let done = gantry(&folder.path().join("plain"), &["test"]);
    let said = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{said}");
    // The attribute goes into the document now.
    for line in [
        "FAILED ./tests/create\n",
        "       --- ./tests/create/plan.sql\n       +++ as it is now\n",
        "       -INSERT INTO \"Users\" (\"Created\", \"ExternalId\", \"Id\", ",
        "       +INSERT INTO \"Users\" (\"Created\", \"Id\", ",
        "       ---   ?2 = 'e-3'\n",
        "\nok     ./tests/delete\n",
    ] {
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
    let told = text(&done.stderr);
    let failed = said.lines().filter(|line| line.starts_with("FAILED ")).count();
    assert!(failed > 0 && told.ends_with(&format!(" ok, {failed} failed\n")), "{told}");
    // One alone, by its own folder.
    let one = gantry(folder.path(), &["test", "plain/tests/create"]);
    assert_eq!((one.status.code(), text(&one.stderr).as_str()), (Some(1), "0 ok, 1 failed\n"));
}

#[test]
fn update_writes_how_things_are_now() {
    let folder = copied("plain");
    replace(folder.path().join("plain/mapping.rhai"), "attr(\"externalId\",        \"ExternalId\");", "");
    let done = gantry(folder.path(), &["test", "plain", "--update"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("wrote  plain/tests/create: plan.sql"), "{}", text(&done.stdout));
    let plan = fs::read_to_string(folder.path().join("plain/tests/create/plan.sql")).unwrap();
    assert!(plan.contains("\"externalId\":\"e-3\"") && !plan.contains("\"ExternalId\""), "{plan}");
    let again = gantry(folder.path(), &["test", "plain"]);
    assert!(again.status.success(), "{}", text(&again.stdout));
    // What was right is not touched.
    let kept = "plain/tests/delete/plan.sql";
    let original = fs::read_to_string(root().join("mappings").join(kept)).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join(kept)).unwrap(), original);
}

#[test]
fn a_captured_request_becomes_a_test_with_one_command() {
    let folder = copied("openldap");
    let captured = "POST /Users\nContent-Type: application/scim+json\nUser-Agent: okta\n\n{ \"userName\": \"captured\" }\n";
    fs::write(folder.path().join("captured.http"), captured).unwrap();
    let add = ["test", "--add", "as-it-came", "openldap", "captured.http"];
    let done = gantry(folder.path(), &add);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let case = folder.path().join("openldap/tests/as-it-came");
    assert_eq!(fs::read_to_string(case.join("request.http")).unwrap(), captured);
    let plan = fs::read_to_string(case.join("plan.ldif")).unwrap();
    assert!(plan.contains("\ndn: uid=captured,ou=people,dc=example,dc=test\nchangetype: add\n"), "{plan}");
    assert!(fs::read_to_string(case.join("answer.http")).unwrap().starts_with("201\nLocation: "));
    assert!(gantry(folder.path(), &["test", "openldap"]).status.success());

    let twice = gantry(folder.path(), &add);
    assert_eq!(twice.status.code(), Some(1));
    assert!(text(&twice.stderr).contains("as-it-came: there is one already"), "{}", text(&twice.stderr));
    for name in ["../outside", "", ".hidden"] {
        let odd = gantry(folder.path(), &["test", "--add", name, "openldap", "captured.http"]);
        assert_eq!(odd.status.code(), Some(1), "{name}");
    }
    fs::write(folder.path().join("captured.http"), "nonsense").unwrap();
    let odd = gantry(folder.path(), &["test", "--add", "odd", "openldap", "captured.http"]);
    assert!(text(&odd.stderr).contains("captured.http: the first line is"), "{}", text(&odd.stderr));
    assert!(!folder.path().join("openldap/tests/odd").exists());
}

#[test]
fn a_mistake_in_a_tests_files_is_told_with_its_file() {
    for (mapping, file, content, told) in [
        (
            "plain",
            "tests/test.toml",
            "backend = \"oracle\"\n",
            "there is no backend \"oracle\"; there are: openldap,",
        ),
        ("plain", "tests/test.toml", "colour = \"red\"\n", "unknown field `colour`"),
        ("plain", "tests/test.toml", "profile = \"x\"\n", "the profiles are rfc, entra, okta"),
        ("openldap", "tests/test.toml", "", "\"people\""),
        ("plain", "tests/before.json", "{", "tests/before.json: this is no JSON"),
        (
            "plain",
            "tests/before.json",
            "{ \"Usres\": [] }",
            "tests/before.json: Usres: did you mean the table Users?",
        ),
        (
            "plain",
            "tests/before.json",
            "{ \"Users\": [{ \"UserNam\": \"x\" }] }",
            "tests/before.json: Users.UserNam: did you mean the column UserName?",
        ),
        ("openldap", "tests/before.ldif", "uid: x\n", "tests/before.ldif: line 1: an entry begins"),
        ("plain", "tests/odd/reqest.http", "GET /Users\n", "tests/odd: there is no request.http"),
        (
            "plain",
            "tests/create/request.http",
            "\u{feff}GET\n",
            "tests/create/request.http: the first line is",
        ),
        ("plain", "tests/create/request.http", "GET\n", "tests/create/request.http: the first line is"),
        ("plain", "mapping.rhai", "resource(\"User\").tabel(\"T\");\n", "did you mean `table`?"),
    ] {
        let folder = copied(mapping);
        let file_path = folder.path().join(mapping).join(file);
        fs::create_dir_all(file_path.parent().unwrap()).unwrap();
        fs::write(file_path, content).unwrap();
        let done = gantry(folder.path(), &["test", mapping]);
        let said = text(&done.stdout) + text(&done.stderr).as_str();
        assert_eq!(done.status.code(), Some(1), "{file}: {said}");
        assert!(said.contains(told), "{told}\nis not in\n{said}");
    }
    let nothing = tempfile::tempdir().unwrap();
    let done = gantry(nothing.path(), &["test"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("there is no mapping.rhai here"), "{}", text(&done.stderr));
}

/// What a gateway asks before it serves a mapping that changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_of_the_text_that_is_given_and_bounded_in_time() {
    let folder = copied("plain");
    let plain = folder.path().join("plain");
    let script = fs::read_to_string(plain.join("mapping.rhai")).unwrap();
    // Whatever the file holds by now.
    fs::write(plain.join("mapping.rhai"), "half a mapp").unwrap();
    assert_eq!(trial(&plain, &script, Duration::from_secs(60)).await, Ok(()));
    let mistakes = trial(&plain, &script, Duration::ZERO).await.unwrap_err();
    assert_eq!((mistakes.len(), mistakes[0].code), (1, Code::FailedTest));
    assert!(mistakes[0].message.ends_with("longer than 0 seconds: 0 of 11 were run"), "{}", mistakes[0]);
    // The first that fails, and of a long difference its beginning.
    let other = script.replace("attr(\"externalId\",        \"ExternalId\");", "");
    let mistakes = trial(&plain, &other, Duration::from_secs(60)).await.unwrap_err();
    let told = &mistakes[0].message;
    assert!(mistakes.len() == 1 && mistakes[0].file.ends_with("plain/tests/create"), "{mistakes:?}");
    assert!(told.contains("plan.sql") && told.lines().count() <= 21, "{told}");
    // A mapping that the params of its tests do not fit has mistakes of its own.
    fs::write(plain.join("tests/test.toml"), "params = { nobody = \"asks\" }").unwrap();
    let mistakes = trial(&plain, &script, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(mistakes[0].code, Code::UnknownParam);
    // Without tests nobody says the params that a mapping asks for.
    let folder = copied("openldap");
    let openldap = folder.path().join("openldap");
    let script = fs::read_to_string(openldap.join("mapping.rhai")).unwrap();
    fs::remove_dir_all(openldap.join("tests")).unwrap();
    assert_eq!(trial(&openldap, &script, Duration::from_secs(60)).await, Ok(()));
}

/// Tables with a schema in their names, keys that a sequence gives, and a plan in T-SQL: the answer cannot be told by
/// running it, and is told by a file.
#[test]
fn tables_of_sql_server_are_rehearsed_too() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    };
    write(
        "mapping.rhai",
        "resource(\"User\").table(\"hr.Person\").id(\"Id\").on_delete(\"delete\");\n\
         attr(\"userName\", \"Login\").required().unique();\ninitial(\"Id\", sequence(\"hr.Ids\"));\n",
    );
    write("tests/create/request.http", "POST /Users\n\n{ \"userName\": \"lin\" }\n");
    write("tests/create/after.json", r#"{ "id": 7, "hr.Person": [{ "Id": 7, "Login": "lin" }] }"#);
    write("tests/get/request.http", "GET /Users/1\n");
    write("tests/get/before.json", r#"{ "hr.Person": [{ "Id": 1, "Login": "ada" }] }"#);
    let done = gantry(folder.path(), &["test", "--update"]);
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    let read = |name: &str| fs::read_to_string(folder.path().join("tests").join(name)).unwrap();
    assert!(
        read("create/plan.sql").contains("INSERT INTO [hr].[Person] ([Login], [Id])"),
        "{}",
        read("create/plan.sql")
    );
    assert!(read("create/answer.http").starts_with("201\nLocation: https://scim.example.test/Users/7\n"));
    assert!(read("get/answer.http").contains("\"userName\": \"ada\""), "{}", read("get/answer.http"));
    assert!(read("create/plan.sql").contains("NEXT VALUE FOR [hr].[Ids]"), "{}", read("create/plan.sql"));
    // Without that file there is no answer, and none is made up.
    fs::remove_file(folder.path().join("tests/create/after.json")).unwrap();
    let done = gantry(folder.path(), &["test", "--update"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        text(&done.stdout).contains("tests/create: the answer is 500; the log says"),
        "{}",
        text(&done.stdout)
    );
    assert!(text(&done.stderr).contains("sequence"), "{}", text(&done.stderr));
}

/// Where a file's rows say that a value comes twice, in two tenants, it does not come twice in one.
#[test]
fn a_name_is_taken_within_its_tenant() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("tests/mappings/tenants"), folder.path());
    let tests = folder.path().join("tests");
    fs::create_dir_all(&tests).unwrap();
    let account = |number: &str, tenant: u8, login: &str| {
        format!(r#"{{ "AccountNo": "{number}", "TenantId": {tenant}, "LoginCd": "{login}" }}"#)
    };
    let accounts = [account("a", 7, "ada"), account("b", 8, "ADA"), account("c", 8, "bob")].join(", ");
    fs::write(tests.join("before.json"), format!("{{ \"Account\": [{accounts}] }}")).unwrap();
    for (login, status) in [("Ada", "409\n"), ("bob", "201\n")] {
        let case = tests.join(login);
        fs::create_dir_all(&case).unwrap();
        let request = format!("POST /Users\n\n{{ \"userName\": \"{login}\" }}\n");
        fs::write(case.join("request.http"), request).unwrap();
        let done = gantry(folder.path(), &["test", "--update"]);
        assert!(done.status.success(), "{}", text(&done.stdout));
        let answer = fs::read_to_string(case.join("answer.http")).unwrap();
        assert!(answer.starts_with(status), "{login}: {answer}");
    }
}

// === plan ===

/// A configuration of targets whose backends do not exist.
fn configuration() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mappings = root().join("mappings");
    let client = "\n[[target.client]]\nname = \"c\"\ntoken = { file = \"token\" }\n";
    let target = |name: &str, store: &str| {
        let mapping = mappings.join(name);
        format!("\n[[target]]\nname = {name:?}\nmapping = {mapping:?}\n{store}{client}")
    };
    let directory = "params = { people = \"ou=people,dc=example,dc=test\", groups = \"ou=groups,dc=example,dc=test\" }\n\
        [target.ldap]\nurls = [\"ldap://127.0.0.1:1\"]\nplaintext = true\nbind_dn = \"cn=x\"\nbind_password = { file = \"token\" }\n";
    let database = "[target.sqlite]\nfile = \"nowhere.db\"\n";
    let text =
        format!("listen = \"127.0.0.1:0\"\n{}{}", target("openldap", directory), target("plain", database));
    fs::write(folder.path().join("gantry.toml"), text).unwrap();
    fs::write(folder.path().join("token"), "a-token-of-the-tests").unwrap();
    folder
}

fn planned(folder: &Path, target: &str, more: &[&str]) -> Output {
    gantry(folder, &[&["plan", "--config", "gantry.toml", "--target", target], more].concat())
}

/// The path of a file of a ready mapping's tests.
fn of(mapping: &str, file: &str) -> String {
    root().join("mappings").join(mapping).join("tests").join(file).display().to_string()
}

#[test]
fn plans_against_a_file_are_those_of_the_tests() {
    let folder = configuration();
    for (mapping, before, ending) in [("openldap", "before.ldif", "ldif"), ("plain", "before.json", "sql")] {
        for test in ["patch", "delete", "membership-add", "filter"] {
            let request = of(mapping, &format!("{test}/request.http"));
            let against = of(mapping, before);
            let done = planned(folder.path(), mapping, &["--request", &request, "--against", &against]);
            assert!(done.status.success(), "{mapping} {test}: {}", text(&done.stderr));
            let expected = fs::read_to_string(of(mapping, &format!("{test}/plan.{ending}"))).unwrap();
            assert_eq!(steady(&text(&done.stdout)), steady(&expected), "{mapping} {test}");
        }
    }
    // As before, of a method, a path and a body.
    let path = "/Users?filter=userName%20eq%20%22Ada%22";
    let done = planned(folder.path(), "plain", &["get", path, "--against", &of("plain", "before.json")]);
    assert!(text(&done.stdout).contains("--   ?1 = 'Ada'\n"), "{}", text(&done.stderr));
    // Without the file the backend is asked, and there is none.
    assert_eq!(planned(folder.path(), "openldap", &["GET", "/Users/x"]).status.code(), Some(0));
    let asked =
        planned(folder.path(), "openldap", &["DELETE", "/Users/7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01"]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(text(&asked.stderr).contains("\"503\""), "{}", text(&asked.stderr));
}

/// Without the trailing line, and with no instant that is told from another.
fn steady(plan: &str) -> String {
    let line = |line: &str| match line.split_once(" = '2026-") {
        Some((mark, _)) => format!("{mark} = an instant\n"),
        None => format!("{line}\n"),
    };
    plan.trim_end().lines().map(line).collect()
}

#[test]
fn a_plan_is_shown_as_json_without_its_secrets() {
    let folder = configuration();
    for (mapping, before, kind) in [("openldap", "before.ldif", "ldap"), ("plain", "before.json", "sql")] {
        let (request, against) = (of(mapping, "create/request.http"), of(mapping, before));
        let arguments = ["--request", &request, "--against", &against, "--format", "json"];
        let done = planned(folder.path(), mapping, &arguments);
        assert!(done.status.success(), "{}", text(&done.stderr));
        let said = text(&done.stdout);
        let plan: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(plan["steps"].as_array().unwrap().len(), 1, "{said}");
        assert!(plan["steps"][0][kind].is_object(), "{said}");
        assert!(said.contains("\"secret\": true") && !said.contains("battery"), "{said}");
        let other = if mapping == "plain" { "ldif" } else { "sql" };
        let wrong = planned(folder.path(), mapping, &["--request", &request, "--format", other]);
        assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
    }
    // A whole request is not said twice.
    let twice =
        planned(folder.path(), "plain", &["GET", "/Users", "--request", &of("plain", "filter/request.http")]);
    assert_eq!(twice.status.code(), Some(2));
    assert_eq!(planned(folder.path(), "plain", &[]).status.code(), Some(2));
}

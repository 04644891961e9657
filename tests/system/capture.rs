//! Requests that are kept as files: all that a test of a mapping needs is there, and no secret is, whatever a client
//! sends.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::eventually;
use crate::support::gateway::{Gateway, TOKEN, gantry, write_configuration};
use crate::support::scim::{Scim, encoded};

/// What must not reach the disk.
const SECRET: &str = "hunter2-the-secret";

struct Site {
    gateway: Gateway,
    scim: Scim,
    _database: Database,
}

// === impl Site ===

impl Site {
    /// The sample behind `crm`, its requests kept.
    fn new(more: &str) -> Self {
        let (folder, database) = (tempfile::tempdir().unwrap(), Database::of("crm"));
        let capture = format!("\ncapture = {{ dir = \"captured\"{more} }}\nmapping");
        let target = database.target("crm", "crm").replacen("\nmapping", &capture, 1);
        let file = write_configuration(folder.path(), &[target]);
        let gateway = Gateway::start(gantry().args(["serve", "--config"]).arg(file), folder);
        let scim = gateway.target("crm");
        Self { gateway, scim, _database: database }
    }

    fn folder(&self) -> PathBuf {
        self.gateway.folder.path().join("captured")
    }

    /// The files by their names, once there are so many requests.
    #[track_caller]
    fn files(&self, requests: usize) -> BTreeMap<String, String> {
        eventually("the files", || read(&self.folder()).len() == 2 * requests);
        read(&self.folder())
    }

    /// The texts of the last request and of its answer.
    #[track_caller]
    fn last(&self, requests: usize) -> (String, String) {
        let files = self.files(requests);
        let (name, request) = files.iter().rfind(|(name, _)| name.ends_with(".request.http")).unwrap();
        (request.clone(), files[&name.replace(".request.", ".answer.")].clone())
    }
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // It may have its last name meanwhile.
        if let (false, Ok(text)) = (name.ends_with(".part"), std::fs::read_to_string(&path)) {
            files.insert(name, text);
        }
    }
    files
}

/// The lines before the body, and the body.
fn split(text: &str) -> (Vec<&str>, Value) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), "null"));
    (head.lines().collect(), serde_json::from_str(body).unwrap())
}

#[test]
fn a_request_and_its_answer_are_two_files_for_their_owner() {
    let site = Site::new(", without = [\"emails\", \"name.familyName\"]");
    let body = json!({
        "userName": "ada", "password": SECRET, "name": { "givenName": "A", "familyName": "L" },
        "emails": [{ "type": "work", "value": "a@b.test" }],
    });
    let made = site.scim.post("/Users", &body);
    let path = format!("/Users/{}", made.body["id"].as_str().unwrap());
    let (request, answer) = site.last(1);
    let (head, kept) = split(&request);
    let part = "captured: in part";
    assert_eq!(head, ["POST /Users", "content-type: application/scim+json", part]);
    assert_eq!(kept, json!({ "userName": "ada", "name": { "givenName": "A" } }));
    let (head, kept) = split(&answer);
    let etag = made.headers["etag"].to_str().unwrap();
    assert_eq!(head, ["201", &format!("Location: {}{path}", site.scim.base), &format!("ETag: {etag}"), part]);
    assert_eq!(kept["name"], json!({ "givenName": "A" }));
    assert!(kept.get("emails").is_none() && made.body.get("emails").is_some(), "{kept}");

    let title = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": title });
    site.scim.on_condition("PATCH", &path, "If-Match", etag, Some(&patch)).is(200);
    let (head, kept) = (site.last(2).0, patch);
    assert_eq!(
        split(&head).0,
        [&format!("PATCH {path}"), "content-type: application/scim+json", &format!("if-match: {etag}")]
    );
    assert_eq!(split(&head).1, kept);

    site.scim.get("/Users/nobody?attributes=userName,emails").is(404);
    let (request, answer) = site.last(3);
    assert_eq!(
        split(&request),
        (
            vec!["GET /Users/nobody?attributes=userName,emails", "content-type: application/scim+json"],
            Value::Null
        )
    );
    assert_eq!(split(&answer).0, ["404"]);
    assert!(split(&answer).1["detail"].is_string());

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.folder()), 0o700);
    site.files(3).keys().for_each(|name| assert_eq!(mode(&site.folder().join(name)), 0o600));
}

#[test]
fn no_secret_reaches_the_disk_whatever_is_sent() {
    let site = Site::new(", without = [\"nickName\"]");
    let mut sent = 0;
    let mut ask = |method: &str, path: &str, body: &Value| {
        site.scim.send(method, path, Some(body));
        sent += 1;
    };
    let patch = |operation: Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    for body in [
        json!({ "userName": "a", "password": SECRET }),
        json!({ "userName": "b", "PASSWORD": SECRET }),
        json!({ "userName": "c", format!("{core}:password"): SECRET }),
        json!({ "userName": "d", core: { "password": SECRET } }),
        json!({ "userName": "e", "password": { "value": [SECRET] } }),
        json!({ "userName": "f", "nickName": SECRET }),
        json!([{ "password": SECRET }]),
        json!({ "userName": { "password": SECRET } }),
        json!({ "userName": "g", "pass word": SECRET }),
    ] {
        ask("POST", "/Users", &body);
        ask("PUT", "/Users/1", &body);
    }
    for operation in [
        json!({ "op": "replace", "path": "password", "value": SECRET }),
        json!({ "op": "Replace", "path": format!("{core}:Password"), "value": SECRET }),
        json!({ "op": "replace", "value": { "password": SECRET } }),
        json!({ "op": "replace", "value": { format!("{core}:password"): SECRET, "nickName": SECRET } }),
        json!({ "op": "replace", "path": format!("password[value eq \"{SECRET}\"]"), "value": "x" }),
        json!({ "op": "replace", "path": format!("password eq \"{SECRET}\""), "value": "x" }),
        json!({ "op": "frobnicate", "path": "password", "value": SECRET }),
        json!({ "path": "password", "value": SECRET }),
        json!({ "op": "replace", "path": ["password"], "value": SECRET }),
        json!({ "op": "replace", "path": "/password", "value": SECRET }),
    ] {
        ask("PATCH", "/Users/1", &patch(operation.clone()));
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "PATCH", "path": "/Users/1", "data": patch(operation) },
                           { "method": "POST", "path": "/Users", "bulkId": "x", "data": { "userName": "h", "password": SECRET } }],
        });
        ask("POST", "/Bulk", &bulk);
    }
    let filter = format!("password eq \"{SECRET}\"");
    ask(
        "POST",
        "/Users/.search",
        &json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter }),
    );
    for query in [
        format!("filter={}", encoded(&filter)),
        format!("FILTER={}", encoded(&format!("not (nickName co \"{SECRET}\")"))),
        format!("filter={}", encoded(&format!("userName eq \"x\" and password sw \"{SECRET}\""))),
        format!("filter={}", encoded(&format!("password eq \"{SECRET}"))),
        format!("access_token={SECRET}"),
        format!("sortBy={}", encoded(&format!("emails[value eq \"{SECRET}\"]"))),
        format!("count={SECRET}"),
        format!("attributes={}", encoded(&format!("a b {SECRET}"))),
    ] {
        site.scim.get(&format!("/Users?{query}"));
        sent += 1;
    }
    // Of what is no JSON nothing is kept.
    for text in
        [format!("{{\"password\":\"{SECRET}\""), format!("password={SECRET}"), format!("\"{SECRET}\" x")]
    {
        site.scim.send_octets("POST", "/Users", "application/scim+json", text.into_bytes()).is(400);
        sent += 1;
    }
    let files = site.files(sent);
    for (name, text) in &files {
        assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{name}: {text}");
        assert!(!text.to_ascii_lowercase().contains("authorization"), "{name}: {text}");
    }
    // What is no secret is there.
    assert!(files.values().any(|text| text.contains("\"userName\": \"a\"")));
}

#[test]
fn the_newest_are_kept() {
    let site = Site::new(", keep = 3");
    for id in 1..=7 {
        site.scim.get(&format!("/Users/{id}")).is(200);
    }
    let is_there =
        |id: usize| site.files(3).values().any(|text| text.starts_with(&format!("GET /Users/{id}\n")));
    eventually("the last", || is_there(7));
    assert_eq!((1..=7).filter(|id| is_there(*id)).collect::<Vec<_>>(), [5, 6, 7]);
}

#[test]
fn a_disk_that_takes_nothing_fails_no_request() {
    let site = Site::new("");
    site.scim.get("/Users/1").is(200);
    site.files(1);
    std::fs::rename(site.folder(), site.gateway.folder.path().join("away")).unwrap();
    for _ in 0..20 {
        site.scim.get("/Users/1").is(200);
    }
    eventually("the news", || site.gateway.count("requests are left out of what is captured") == 1);
}

#[test]
fn a_folder_that_others_can_read_is_refused_at_the_start() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::of("crm"));
    let captured = folder.path().join("captured");
    std::fs::create_dir(&captured).unwrap();
    std::fs::set_permissions(&captured, std::fs::Permissions::from_mode(0o755)).unwrap();
    let capture = "\ncapture = { dir = \"captured\" }\nmapping";
    let target = database.target("crm", "crm").replacen("\nmapping", capture, 1);
    let file = write_configuration(folder.path(), &[target]);
    let done = crate::support::run(gantry().args(["serve", "--config"]).arg(file));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && said.contains("is open to others"), "{said}");
}

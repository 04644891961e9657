//! `gantry serve` as a process: several targets, their tokens, a proxy in front, TLS asked by `curl`, its log,
//! its end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::{Gateway, TOKEN, gantry, write_configuration};
use crate::support::scim::Scim;
use crate::support::{Server, certificates, eventually, output, run};

/// `printf other | sha256sum`
const SHA256_OF_OTHER: &str = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

/// curl(1), exit codes: the peer's certificate cannot be authenticated with known ones.
const CURL_UNKNOWN_AUTHORITY: i32 = 60;

#[test]
fn each_target_has_its_path_and_its_tokens() {
    let (crm, plain) = (Database::of("crm"), Database::of("plain"));
    let hashed = plain
        .target("plain", "plain")
        .replace("token = { file = \"token\" }", &format!("token_sha256 = \"{SHA256_OF_OTHER}\""));
    let gateway = Gateway::serve(&[crm.target("crm", "crm"), hashed]);
    let (mut crm, mut plain) = (gateway.target("crm"), gateway.target("plain"));
    assert!(crm.base.ends_with("/crm/scim/v2") && plain.base.ends_with("/plain/scim/v2"));
    crm.get("/Users").is(200);
    plain.get("/Users").is_error(401, "");
    plain.token = "other".to_owned();
    plain.get("/Users").is(200);
    crm.token = "other".to_owned();
    crm.get("/Users").is_error(401, "");
    plain.token = SHA256_OF_OTHER.to_owned();
    plain.get("/Users").is_error(401, "");
    let log = gateway.log().join("\n");
    assert!(!log.contains(TOKEN) && !log.contains(SHA256_OF_OTHER), "{log}");
}

#[test]
fn a_target_has_several_clients_and_the_log_says_which_one_called() {
    let (folder, plain) = (tempfile::tempdir().unwrap(), Database::of("plain"));
    let other = "[[target.client]]\nname = \"other\"\ntoken = { env = \"OTHER_TOKEN\" }\n";
    let file = write_configuration(folder.path(), &[plain.target("plain", "plain"), other.to_owned()]);
    let mut command = gantry();
    command.args(["serve", "--config"]).arg(file).env("OTHER_TOKEN", "of-the-other");
    let gateway = Gateway::start(&mut command, folder);
    let mut scim = gateway.target("plain");
    scim.get("/Users/1").is(404);
    scim.token = "of-the-other".to_owned();
    scim.get("/Users/2").is(404);
    scim.token = "of-nobody".to_owned();
    scim.get("/Users/3").is(401);
    let answered = || lines(&gateway).into_iter().filter(|line| line["fields"]["message"] == "answered");
    eventually("their lines", || answered().count() == 3);
    let who: Vec<_> = answered().map(|line| line["fields"]["client"].clone()).collect();
    assert_eq!(who, ["tests", "other", "-"]);
    let log = gateway.log().join("\n");
    assert!(!log.contains(TOKEN) && !log.contains("of-the-other") && !log.contains("of-nobody"), "{log}");
}

/// The log's lines.
fn lines(gateway: &Gateway) -> Vec<Value> {
    gateway.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_target_that_is_read_only_is_not_written_to() {
    let crm = Database::of("crm");
    let target = crm.target("crm", "crm").replace("\nmapping", "\nmode = \"read-only\"\nmapping");
    let gateway = Gateway::serve(&[target]);
    let scim = gateway.target("crm");
    let before = crm.rows("SELECT * FROM AppUser");
    let body = json!({ "userName": "new" });
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 100);
    scim.post("/Users", &body).is_error(403, "");
    scim.put("/Users/1", &body).is_error(403, "");
    scim.patch("/Users/1", &json!([{ "op": "replace", "path": "active", "value": false }])).is_error(403, "");
    scim.delete("/Users/1").is_error(403, "");
    assert_eq!(crm.rows("SELECT * FROM AppUser"), before);
    let config = scim.get("/ServiceProviderConfig").is(200);
    assert_eq!(
        (&config["patch"]["supported"], &config["changePassword"]["supported"]),
        (&false.into(), &false.into())
    );
}

#[test]
fn limits_are_those_of_the_configuration() {
    let crm = Database::of("crm");
    let limits = "limits = { page_size = 3, request_bytes = 100 }\n".to_owned();
    let gateway = Gateway::serve(&[limits, crm.target("crm", "crm")]);
    let scim = gateway.target("crm");
    assert_eq!(scim.get("/Users?count=50").is(200)["itemsPerPage"], 3);
    assert_eq!(scim.get("/ServiceProviderConfig").is(200)["filter"]["maxResults"], 3);
    let named = |length| json!({ "userName": "x".repeat(length) });
    scim.post("/Users", &named(50)).is(201);
    assert!(scim.post("/Users", &named(100)).is_error(413, "").contains("100 bytes"));
}

#[test]
fn a_directory_that_is_down_at_the_start_is_down_for_its_own_target_only() {
    let (mut directory, crm) = (Directory::start(), Database::of("crm"));
    directory.kill();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap"), crm.target("crm", "crm")]);
    let corp = gateway.target("corp");
    let probe = Scim::new(&format!("http://{}", gateway.listening()), "");
    // Ready is who has its configuration; the backends are in the detail.
    let ready = |corp: &str| {
        let targets = json!([{ "name": "corp", "backend": corp }, { "name": "crm", "backend": "up" }]);
        json!({ "status": "ready", "targets": targets })
    };
    let readyz = || {
        let mut state = probe.get("/readyz").is(200);
        let snapshot = state.as_object_mut().unwrap().remove("snapshot").unwrap();
        assert!(snapshot["loaded"].as_str().unwrap().ends_with('Z'), "{snapshot}");
        assert_eq!(snapshot["hash"].as_str().unwrap().len(), 16, "{snapshot}");
        state
    };
    assert_eq!(probe.get("/healthz").is(200), json!({ "status": "ok" }));
    assert_eq!(readyz(), ready("down"));
    let detail = corp.get("/Users").is_error(503, "");
    assert!(!detail.contains(&directory.url()), "{detail}");
    gateway.target("crm").get("/Users").is(200);
    directory.up();
    eventually("the news that it is up", || readyz() == ready("up"));
    corp.get("/Users").is(200);
}

#[test]
fn the_cause_of_a_refusal_is_found_in_the_log_by_the_clients_own_id() {
    let mut directory = Directory::start();
    directory.kill();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    let url = gateway.target("corp").base + "/Users";
    let said = run(&mut curl(&url, &["-i", "-H", "X-Request-Id: the-clients.own_1"])).stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("\r\nretry-after: "), "{said}");
    assert!(said.contains("\r\nx-request-id: the-clients.own_1\r\n"), "{said}");
    let is_answered = |line: &Value| line["fields"]["message"] == "answered";
    eventually("the request's line", || lines(&gateway).iter().any(is_answered));
    let (begun, of_request): (Vec<_>, Vec<_>) =
        lines(&gateway).into_iter().partition(|line| line["fields"]["message"] == "serving");
    assert_eq!(begun.len(), 1);
    assert!(of_request.iter().all(|line| line["spans"][0]["id"] == "the-clients.own_1"), "{of_request:#?}");
    let cause = of_request.iter().find_map(|line| line["fields"]["cause"].as_str()).unwrap();
    assert!(cause.contains("refused"), "{cause}");
}

#[test]
fn what_cannot_be_served_ends_at_once_and_says_why() {
    let (folder, plain) = (tempfile::tempdir().unwrap(), Database::of("plain"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = plain.target("plain", "plain");
    let missing = target.replace("data.db", "missing.db");
    let wrong = target.replace("mappings/plain", "mappings/openldap");
    for (listen, target, says) in [
        (taken.local_addr().unwrap().to_string(), &target, "cannot listen on 127.0.0.1:"),
        // Who can be reached from anywhere does not know what it is called there.
        ("0.0.0.0:0".to_owned(), &target, "locations need a public_url"),
        ("127.0.0.1:0".to_owned(), &missing, "missing.db"),
        ("127.0.0.1:0".to_owned(), &wrong, "no value for the param \"people\""),
    ] {
        let done = ended(folder.path(), &listen, target);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!((done.status.code(), done.stdout.len()), (Some(1), 0), "{listen}: {said}");
        assert!(said.contains(says) && !said.contains("serving"), "{said:?} does not say {says:?}");
    }
    assert!(!plain.file().with_file_name("missing.db").exists(), "serving makes no database");
}

/// `gantry serve` to its end, which is expected to come soon.
fn ended(folder: &Path, listen: &str, target: &str) -> Output {
    let file = write_configuration(folder, &[target.to_owned()]);
    let text = std::fs::read_to_string(&file).unwrap().replace("127.0.0.1:0", listen);
    std::fs::write(&file, text).unwrap();
    run(Command::new("timeout").args(["20", env!("CARGO_BIN_EXE_gantry"), "serve", "--config"]).arg(file))
}

#[test]
fn only_version_2_of_the_protocol_is_spoken_also_where_the_path_names_none() {
    let (named, bare) = (Database::of("plain"), Database::of("plain"));
    let bare = bare.target("bare", "plain").replacen("\nmapping", "\npath = \"/scim\"\nmapping", 1);
    let gateway = Gateway::serve(&[named.target("named", "plain"), bare]);
    let mut named = gateway.target("named");
    assert!(named.base.ends_with("/scim/v2"), "{}", named.base);
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]);
    for scim in [&named, &gateway.target("bare")] {
        assert_eq!(scim.get("/ServiceProviderConfig").is(200)["schemas"], schemas);
    }
    for version in ["v1", "v3", "v2.0", "V2"] {
        named.base = gateway.target("named").base.replace("v2", version);
        named.get("/Users").is_error(404, "");
    }
}

#[test]
fn an_answer_is_of_the_type_that_the_client_accepts() {
    let plain = Database::of("plain");
    let gateway = Gateway::serve(&[plain.target("plain", "plain")]);
    let scim = gateway.target("plain");
    for (accept, media) in [
        ("application/scim+json", "application/scim+json"),
        ("application/json", "application/json"),
        ("*/*", "application/scim+json"),
    ] {
        for (path, status) in [("/Users", 200), ("/Users/no-such-id", 404)] {
            let answer = scim.on_condition("GET", path, "Accept", accept, None);
            assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (status, media));
        }
    }
    // Who says nothing of the encoding means UTF-8.
    for media in ["application/json", "application/scim+json; charset=utf-8"] {
        let body = json!({ "userName": format!("Zoë {media}") });
        let made = scim.send_octets("POST", "/Users", media, body.to_string().into_bytes());
        assert_eq!(made.headers["content-type"], "application/scim+json");
        assert_eq!(made.is(201)["userName"], body["userName"]);
    }
}

#[test]
fn locations_are_those_of_the_proxy_in_front() {
    let plain = Database::of("plain");
    let public = "public_url = \"https://scim.example.test\"\n".to_owned();
    let gateway = Gateway::serve(&[public, plain.target("plain", "plain")]);
    let mut scim = gateway.target("plain");
    assert_eq!(scim.base, "https://scim.example.test/plain/scim/v2");
    let seen = std::mem::replace(&mut scim.base, format!("http://{}/plain/scim/v2", gateway.listening()));
    let made = scim.post("/Users", &json!({ "userName": "ada" }));
    let location = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(made.body["meta"]["location"], location);
    assert_eq!(location, format!("{seen}/Users/{}", made.body["id"].as_str().unwrap()));
    let group = json!({ "displayName": "g", "members": [{ "value": made.body["id"] }] });
    assert_eq!(scim.post("/Groups", &group).is(201)["members"][0]["$ref"], location);
}

#[test]
fn a_request_is_found_in_the_log_by_its_id() {
    let plain = Database::of("plain");
    let gateway = Gateway::serve(&[plain.target("plain", "plain")]);
    let answer = gateway.target("plain").get("/Users/7?attributes=userName");
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let mut found = None;
    eventually("the request's line", || {
        found = gateway.log().into_iter().find(|line| line.contains(&id));
        found.is_some()
    });
    let line: Value = serde_json::from_str(&found.unwrap()).unwrap();
    let text = line.to_string();
    assert_eq!(line["fields"]["status"], 404, "{text}");
    assert!(text.contains("GET") && text.contains("/plain/scim/v2/Users/7"), "{text}");
}

#[test]
fn curl_is_answered_over_tls_with_either_version_of_http() {
    let (plain, folder) = (Database::of("plain"), tempfile::tempdir().unwrap());
    let tls = tls(folder.path(), "");
    let mut gateway = Gateway::serve(&[tls, plain.target("plain", "plain")]);
    let url = gateway.target("plain").base + "/Users";
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let curl = |options: &[&str]| run(curl(&url, options).arg("--cacert").arg(folder.path().join("ca.pem")));
    is_list(&curl(&["--http2"]), "2");
    is_list(&curl(&["--http1.1"]), "1.1");
    is_list(&curl(&["--http2", "--tls-max", "1.2"]), "2");
    // Another authority's word is not taken by curl: what is served is this certificate.
    assert_eq!(run(&mut self::curl(&url, &[])).status.code(), Some(CURL_UNKNOWN_AUTHORITY));
    // What was made over TLS is found over TLS.
    let body = json!({ "userName": "ada" }).to_string();
    let made = curl(&["--http2", "-H", "Content-Type: application/scim+json", "-d", &body]);
    let made = String::from_utf8(made.stdout).unwrap();
    assert!(made.contains(&format!("\"location\":\"{url}/")) && made.ends_with("\n201 2"), "{made}");
    // Who speaks without TLS gets no answer, and harms nobody.
    let mut plain_text = TcpStream::connect(gateway.listening()).unwrap();
    plain_text.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    plain_text.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut got = Vec::new();
    let _ = plain_text.read_to_end(&mut got);
    assert!(!String::from_utf8_lossy(&got).contains("HTTP/1.1 200"), "{got:?}");
    gateway.is_sound();
}

#[test]
fn curl_must_show_a_certificate_where_one_is_asked_for() {
    let (plain, folder) = (Database::of("plain"), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    let tls = tls(folder.path(), &format!(", client_ca = {:?}", file("ca.pem")));
    let gateway = Gateway::serve(&[tls, plain.target("plain", "plain")]);
    let url = gateway.target("plain").base + "/Users";
    let mut curl = curl(&url, &["--http2"]);
    curl.arg("--cacert").arg(file("ca.pem"));
    let refused = run(&mut curl);
    assert!(!refused.status.success() && refused.stdout.ends_with(b"\n000 0"), "{refused:?}");
    curl.arg("--cert").arg(file("server.pem")).arg("--key").arg(file("server.key"));
    is_list(&run(&mut curl), "2");
}

#[test]
fn curl_is_answered_without_tls_with_either_version_of_http() {
    let plain = Database::of("plain");
    let gateway = Gateway::serve(&[plain.target("plain", "plain")]);
    let url = gateway.target("plain").base + "/Users";
    for (option, version) in [("--http2-prior-knowledge", "2"), ("--http1.1", "1.1")] {
        is_list(&run(&mut curl(&url, &[option])), version);
    }
}

/// The configuration's line for TLS, with certificates that are written to the folder.
fn tls(folder: &Path, more: &str) -> String {
    certificates::write(folder);
    let (cert, key) = (folder.join("server.pem"), folder.join("server.key"));
    format!("tls = {{ cert = {cert:?}, key = {{ file = {key:?} }}{more} }}\n")
}

/// `curl`, which prints the status and the version of HTTP after the body.
fn curl(url: &str, options: &[&str]) -> Command {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-w",
        "\n%{http_code} %{http_version}",
        "-H",
        &format!("Authorization: Bearer {TOKEN}"),
    ]);
    curl.args(options).arg(url);
    curl
}

#[track_caller]
fn is_list(answer: &Output, version: &str) {
    let said = String::from_utf8_lossy(&answer.stdout);
    assert!(said.contains("totalResults") && said.ends_with(&format!("\n200 {version}")), "{answer:?}");
}

#[test]
fn what_is_in_work_at_sigterm_is_answered_and_the_exit_code_is_0() {
    let plain = Database::of("plain");
    let mut gateway = Gateway::serve(&[plain.target("plain", "plain")]);
    let body = json!({ "userName": "late" }).to_string();
    let mut stream = TcpStream::connect(gateway.listening()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /plain/scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // It is in work when it asks for its body.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&asked));

    output(Command::new("kill").arg(gateway.pid().to_string()));
    eventually("the end of listening", || TcpStream::connect(gateway.listening()).is_err());
    gateway.is_sound();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(plain.rows("SELECT count(*) AS n FROM Users WHERE UserName = 'late'")[0]["n"], 1);
}

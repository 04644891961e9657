//! `gantry serve` as a process: several targets, their tokens, a proxy in front, TLS asked by `curl`, its log,
//! its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::{certificates, eventually, output};

/// `printf other | sha256sum`
const SHA256_OF_OTHER: &str = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

#[test]
fn each_target_has_its_path_and_its_tokens() {
    let (crm, plain) = (Database::of("crm"), Database::of("plain"));
    let hashed = plain
        .target("plain", "plain")
        .replace("token = { file = \"token\" }", &format!("token_sha256 = \"{SHA256_OF_OTHER}\""));
    let gateway = Gateway::serve(&[crm.target("crm", "crm"), hashed]);
    let (crm, mut plain) = (gateway.target("crm"), gateway.target("plain"));
    assert!(crm.base.ends_with("/crm/scim/v2") && plain.base.ends_with("/plain/scim/v2"));
    crm.get("/Users").is(200);
    plain.get("/Users").is_error(401, "");
    plain.token = "other".to_owned();
    plain.get("/Users").is(200);
    plain.token = SHA256_OF_OTHER.to_owned();
    plain.get("/Users").is_error(401, "");
    let log = gateway.log().join("\n");
    assert!(!log.contains(TOKEN) && !log.contains(SHA256_OF_OTHER), "{log}");
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
    let plain = Database::of("plain");
    let folder = tempfile::tempdir().unwrap();
    certificates::write(folder.path());
    let file = |name: &str| folder.path().join(name);
    let tls =
        format!("tls = {{ cert = {:?}, key = {{ file = {:?} }} }}\n", file("server.pem"), file("server.key"));
    let mut gateway = Gateway::serve(&[tls, plain.target("plain", "plain")]);
    let url = gateway.target("plain").base + "/Users";
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    for (asked, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", asked, "-w", "\n%{http_code} %{http_version}", "--cacert"]).arg(file("ca.pem"));
        let said = output(curl.args(["-H", &format!("Authorization: Bearer {TOKEN}"), &url]));
        assert!(said.ends_with(&format!("\n200 {version}")) && said.contains("totalResults"), "{said}");
    }
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

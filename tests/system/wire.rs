//! A directory server that answers nonsense, half, or not at all: the requests that meet it are answered 503
//! within the deadline, the process lives, the other target does not notice, and all is well again when the
//! server is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::relay::{Relay, Spoiler, Spoilt};
use crate::support::scim::Scim;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// One operation on a backend, at most, and what a busy machine may add.
const DEADLINE: Duration = Duration::from_millis(1_500);
const MARGIN: Duration = Duration::from_secs(2);

struct Scene {
    directory: Directory,
    _database: Database,
    relay: Relay,
    gateway: Gateway,
    corp: Scim,
    crm: Scim,
    path: String,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let (directory, database) = (Directory::start(), Database::of("crm"));
        let relay = Relay::to(directory.plain_port());
        let url = format!("ldap://127.0.0.1:{}", relay.port());
        let corp = directory.target_in_the_clear("corp", "openldap", &[url]);
        let limits = format!("limits = {{ backend_deadline_ms = {} }}\n", DEADLINE.as_millis());
        let gateway = Gateway::serve(&[limits, corp, database.target("crm", "crm")]);
        let (corp, crm) = (gateway.target("corp"), gateway.target("crm"));
        let made = corp.post("/Users", &person("there")).is(201);
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        Self { directory, _database: database, relay, gateway, corp, crm, path }
    }

    /// What becomes of a read, a write, and whatever comes then.
    fn bears(&mut self, spoiler: Spoiler) {
        self.corp.get(&self.path).is(200);
        self.relay.spoil(Some(spoiler));
        let title = json!([{ "op": "replace", "path": "title", "value": "never" }]);
        std::thread::scope(|scope| {
            scope.spawn(|| self.elsewhere());
            // Several at once, on several connections; then on new ones.
            for _ in 0..4 {
                scope.spawn(|| self.is_refused(|| self.corp.get(&self.path)));
                scope.spawn(|| self.is_refused(|| self.corp.patch(&self.path, &title)));
                scope.spawn(|| self.is_refused(|| self.corp.post("/Users", &person("nobody"))));
            }
        });
        self.is_refused(|| self.corp.get(&self.path));
        self.relay.spoil(None);
        eventually("the end of the nonsense", || self.corp.get(&self.path).status == 200);
        assert_eq!(self.directory.person("nobody"), None);
        assert_eq!(self.directory.person("there").unwrap().one("title"), None);
        self.gateway.lives();
    }

    #[track_caller]
    fn is_refused(&self, ask: impl FnOnce() -> crate::support::scim::Answer) {
        let began = Instant::now();
        let answer = ask();
        assert!(began.elapsed() < DEADLINE + MARGIN, "{:?}", began.elapsed());
        answer.is_error(503, "");
    }

    fn elsewhere(&self) {
        for number in 0..10 {
            let began = Instant::now();
            let body = json!({ "schemas": [USER], "userName": format!("elsewhere-{number}") });
            let made = self.crm.post("/Users", &body).is(201);
            self.crm.delete(&format!("/Users/{}", made["id"].as_str().unwrap())).is(204);
            assert!(began.elapsed() < MARGIN, "{:?}", began.elapsed());
        }
    }
}

fn person(login: &str) -> Value {
    json!({ "schemas": [USER], "userName": login, "name": { "familyName": "Wire" } })
}

fn stays(octets: Vec<u8>) -> Spoilt {
    Spoilt { octets, closes: false }
}

fn closes(octets: Vec<u8>) -> Spoilt {
    Spoilt { octets, closes: true }
}

/// A result (RFC 4511 section 4.1.9) of success to the request, with this diagnostic message.
fn result(id: u8, operation: u8, message: &[u8]) -> Vec<u8> {
    // A search's answer is 2 further on, every other's 1.
    let answer = match operation {
        0x63 => 0x65,
        0x4a => 0x6b,
        other => other + 1,
    };
    envelope(id, answer, &[&[0x0a, 1, 0, 4, 0, 4, message.len() as u8], message].concat())
}

fn envelope(id: u8, tag: u8, content: &[u8]) -> Vec<u8> {
    let head = [0x30, 5 + content.len() as u8, 2, 1, id, tag, content.len() as u8];
    [&head, content].concat()
}

#[test]
fn a_server_that_closes_at_once() {
    Scene::new().bears(|_, _| closes(Vec::new()));
}

#[test]
fn a_server_that_never_answers() {
    Scene::new().bears(|_, _| stays(Vec::new()));
}

#[test]
fn a_server_that_sends_garbage() {
    let mut scene = Scene::new();
    for garbage in [
        (|_, _| stays(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())) as Spoiler,
        |_, _| stays(vec![0xff; 4096]),
        |_, _| stays(vec![0; 4096]),
        |id, operation| stays([&result(id, operation, b"")[..5], &[0xff; 64]].concat()),
        // A sequence of nothing; a message without an operation; one whose id is no number.
        |_, _| stays(vec![0x30, 0]),
        |id, _| stays(vec![0x30, 3, 2, 1, id]),
        |_, _| stays(vec![0x30, 4, 0x30, 0, 0x61, 0]),
        // A result without a code, and one that is no sequence of values.
        |id, operation| stays(envelope(id, operation + 1, &[])),
        |id, operation| stays(envelope(id, operation + 1, &[0x30, 0x30])),
    ] {
        scene.bears(garbage);
    }
}

#[test]
fn a_server_whose_answers_are_cut_off() {
    let mut scene = Scene::new();
    scene.bears(|id, operation| closes(result(id, operation, b"all is well")[..9].to_vec()));
    scene.bears(|id, operation| stays(result(id, operation, b"all is well")[..9].to_vec()));
}

#[test]
fn a_server_that_answers_another_question() {
    let mut scene = Scene::new();
    // An ExtendedResponse, to a search too.
    scene.bears(|id, _| stays(envelope(id, 0x78, &[0x0a, 1, 0, 4, 0, 4, 0])));
    // An answer to a question that nobody asked: were the next one's on its way, it would be a lie that nobody can see.
    scene.bears(|id, operation| stays(result(id ^ 0x40, operation, b"")));
}

#[test]
fn a_server_whose_messages_are_not_utf_8() {
    Scene::new().bears(|id, operation| stays(result(id, operation, b"\xff\xfe")));
}

#[test]
fn a_server_whose_answers_are_nested_without_end() {
    Scene::new().bears(|_, _| {
        let mut octets = Vec::new();
        for _ in 0..50_000 {
            let length = octets.len() as u32;
            octets.extend(length.to_be_bytes().iter().rev());
            octets.extend([0x84, 0x30]);
        }
        octets.reverse();
        stays(octets)
    });
}

//! Several servers in order of preference: who is asked when one refuses, closes or freezes, that it is
//! asked again when it is back, and that nobody waits while none answers. Two relays to one OpenLDAP play the
//! servers, so that whatever is written through one is there through the other.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::directory::Directory;
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::relay::Relay;
use crate::support::scim::Scim;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// One operation on a backend, at most (`backend_deadline_ms`).
const DEADLINE: Duration = Duration::from_secs(5);
/// Within this, requests succeed after a connection was refused or closed.
const SOON: Duration = Duration::from_secs(1);
/// What a busy machine may add.
const MARGIN: Duration = Duration::from_secs(2);

struct Scene {
    directory: Directory,
    first: Relay,
    second: Relay,
    gateway: Gateway,
    corp: Scim,
    /// Somebody who is there.
    path: String,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let directory = Directory::start();
        let [first, second] = [(); 2].map(|()| Relay::to(directory.port()));
        let urls = [&first, &second].map(|relay| format!("ldaps://127.0.0.1:{}", relay.port()));
        let gateway = Gateway::serve(&[directory.target_at("corp", "openldap", &urls)]);
        let corp = gateway.target("corp");
        let made = corp.post("/Users", &person("there")).is(201);
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        Self { directory, first, second, gateway, corp, path }
    }

    #[track_caller]
    fn reads(&self) {
        assert_eq!(self.corp.get(&self.path).is(200)["userName"], "there");
    }

    #[track_caller]
    fn writes(&self, title: &str) {
        let change = json!([{ "op": "replace", "path": "title", "value": title }]);
        self.corp.patch(&self.path, &change).is(200);
        assert_eq!(self.directory.person("there").unwrap().one("title"), Some(title));
    }

    /// Whether a read goes through this relay.
    #[track_caller]
    fn is_read_by(&self, relay: &Relay) -> bool {
        let before = relay.octets();
        self.reads();
        relay.octets() > before
    }

    /// Reads until they go through the first one and no longer through the second.
    fn is_back(&self) {
        eventually("the switch back", || self.is_read_by(&self.first) && !self.is_read_by(&self.second));
    }

    /// Refused, the way a target that is down must refuse.
    #[track_caller]
    fn is_refused(&self) {
        let answer = self.corp.get(&self.path);
        let seconds = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().parse::<u32>());
        assert!(matches!(seconds, Some(Ok(1..))), "{:?}", answer.headers);
        answer.is_error(503, "");
    }
}

fn person(login: &str) -> Value {
    json!({ "schemas": [USER], "userName": login, "name": { "familyName": "Fail-over" } })
}

#[track_caller]
fn within<T>(most: Duration, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    assert!(began.elapsed() < most, "{:?}", began.elapsed());
    done
}

#[test]
fn a_server_that_is_gone_is_replaced_by_the_next_and_asked_again_when_it_is_back() {
    let mut scene = Scene::new();
    assert_eq!(scene.second.octets(), 0, "the second server was asked without need");
    scene.first.refuse();
    within(SOON + MARGIN, || {
        scene.reads();
        scene.writes("at the second");
    });
    let made = within(SOON + MARGIN, || scene.corp.post("/Users", &person("made")).is(201));
    assert_eq!(scene.directory.person("made").unwrap().one("entryUUID"), made["id"].as_str());

    scene.first.open();
    scene.is_back();
    scene.second.refuse();
    within(SOON + MARGIN, || scene.writes("at the first"));
    scene.gateway.is_sound();
}

#[test]
fn a_closed_connection_is_replaced_within_the_request() {
    let mut scene = Scene::new();
    for round in 0..10 {
        scene.first.cut();
        within(SOON + MARGIN, || scene.reads());
        scene.writes(&format!("round {round}"));
    }
    scene.gateway.is_sound();
}

#[test]
fn a_frozen_server_is_replaced_within_the_deadline() {
    let mut scene = Scene::new();
    scene.first.freeze();
    within(DEADLINE + MARGIN, || scene.reads());
    within(SOON + MARGIN, || scene.writes("at the second"));
    scene.first.open();
    scene.is_back();

    scene.first.freeze();
    let change = json!([{ "op": "replace", "path": "title", "value": "perhaps" }]);
    let answer = within(DEADLINE + MARGIN, || scene.corp.patch(&scene.path, &change));
    assert!([200, 503].contains(&answer.status), "{}: {:#}", answer.status, answer.body);
    within(SOON + MARGIN, || scene.writes("certainly"));
    scene.first.open();
    scene.is_back();
    assert_eq!(scene.directory.person("there").unwrap().one("title"), Some("certainly"));
    scene.gateway.is_sound();
}

#[test]
fn a_read_after_a_write_goes_to_the_server_that_took_it() {
    let mut scene = Scene::new();
    scene.first.refuse();
    scene.reads();
    scene.first.open();
    for round in 0..20 {
        scene.writes(&round.to_string());
        assert!(scene.is_read_by(&scene.second), "{round}");
    }
    scene.is_back();
    scene.gateway.is_sound();
}

#[test]
fn nobody_waits_while_no_server_answers() {
    let mut scene = Scene::new();
    for freezes in [false, true] {
        for relay in [&scene.first, &scene.second] {
            if freezes { relay.freeze() } else { relay.refuse() }
        }
        // The first ones find it out, by their own deadline at the latest.
        eventually("the news of the outage", || {
            let began = Instant::now();
            within(DEADLINE + MARGIN, || scene.is_refused());
            began.elapsed() < SOON
        });
        within(MARGIN, || (0..20).for_each(|_| scene.is_refused()));
        scene.first.open();
        eventually("the end of the outage", || scene.corp.get(&scene.path).status == 200);
        scene.second.open();
        scene.is_back();
    }
    scene.gateway.is_sound();
}

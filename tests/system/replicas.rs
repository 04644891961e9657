//! Two real servers of one directory, each of which takes over what is written in the other: that the second is asked
//! when the first dies, that whoever reads after a write is not sent to a server that lags behind, and that the first
//! is asked again when it is back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::directory::Directory;
use crate::support::gateway::Gateway;
use crate::support::relay::Relay;
use crate::support::scim::Scim;
use crate::support::{Server, eventually};

/// Within this, requests succeed after the first server died, on a machine that may be busy.
const SOON: Duration = Duration::from_secs(3);

struct Scene {
    first: Directory,
    second: Directory,
    /// In front of the second server: tells whether it is asked.
    relay: Relay,
    gateway: Gateway,
    corp: Scim,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let [mut first, mut second] = Directory::twins();
        first.follow(&second, 1);
        second.follow(&first, 2);
        let relay = Relay::to(second.port());
        // The gateway believes both authorities.
        let authorities = [&first, &second].map(|one| std::fs::read_to_string(one.file("ca.pem")).unwrap());
        std::fs::write(second.file("both.pem"), authorities.concat()).unwrap();
        let urls = [first.url(), format!("ldaps://127.0.0.1:{}", relay.port())];
        let target = second.target_at("corp", "openldap", &urls);
        let gateway = Gateway::serve(&[target.replace("/ca.pem", "/both.pem")]);
        let corp = gateway.target("corp");
        Self { first, second, relay, gateway, corp }
    }

    /// A write, and a read that shows it.
    #[track_caller]
    fn writes(&self, path: &str, title: &str) {
        let change = json!([{ "op": "replace", "path": "title", "value": title }]);
        assert_eq!(self.corp.patch(path, &change).is(200)["title"], title);
        assert_eq!(self.corp.get(path).is(200)["title"], title);
    }

    /// Whether a read goes to the second server.
    fn asks_the_second(&self, path: &str) -> bool {
        let before = self.relay.octets();
        self.corp.get(path).is(200);
        self.relay.octets() > before
    }
}

fn title(directory: &Directory, login: &str) -> Option<String> {
    directory.person(login)?.one("title").map(str::to_owned)
}

fn person(login: &str) -> Value {
    json!({ "userName": login, "name": { "familyName": "Replica" } })
}

#[test]
fn the_second_server_takes_over_and_the_first_is_asked_again_when_it_is_back() {
    let mut scene = Scene::new();
    let made = scene.corp.post("/Users", &person("there")).is(201);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    scene.writes(&path, "at the first");
    assert_eq!(title(&scene.first, "there").as_deref(), Some("at the first"));
    eventually("the second's news", || title(&scene.second, "there").as_deref() == Some("at the first"));
    assert_eq!(scene.relay.octets(), 0, "the second server was asked without need");

    scene.first.kill();
    let began = Instant::now();
    scene.writes(&path, "at the second");
    let also = scene.corp.post("/Users", &person("also")).is(201);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let known = scene.second.person("also").unwrap();
    assert_eq!(known.one("entryUUID"), also["id"].as_str());

    // Back, but behind: it hears nothing of the second.
    let (other, nobody) = (scene.second.plain_url(), "ldap://127.0.0.1:1");
    scene.first.reconfigure(&other, nobody);
    for round in 0..10 {
        scene.writes(&path, &format!("round {round}"));
        assert!(scene.asks_the_second(&path), "{round}");
        assert_eq!(title(&scene.first, "there").as_deref(), Some("at the first"));
    }

    // It catches up, and is asked again.
    scene.first.reconfigure(nobody, &other);
    eventually("the first's news", || title(&scene.first, "there").as_deref() == Some("round 9"));
    eventually("the switch back", || !scene.asks_the_second(&path));
    assert_eq!(scene.corp.get(&path).is(200)["title"], "round 9");
    scene.writes(&path, "at the first again");
    assert_eq!(title(&scene.first, "there").as_deref(), Some("at the first again"));
    eventually("the second's news", || {
        title(&scene.second, "there").as_deref() == Some("at the first again")
    });
    assert_eq!(scene.first.person("also").unwrap().one("entryUUID"), also["id"].as_str());
    scene.gateway.is_sound();
}

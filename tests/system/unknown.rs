//! Writes that are lost, or whose answer is, on the way between the gateway and a directory of each kind: what was
//! carried out is acknowledged though nobody said so, what was not is a 503 and leaves everything as it was.

use serde_json::{Value, json};

use crate::support::directory::{Entry, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::native::Native;
use crate::support::relay::{Loss, Relay};
use crate::support::scim::{Answer, Scim};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

struct Scene {
    directory: Native,
    relay: Relay,
    gateway: Gateway,
    corp: Scim,
    ann: String,
    crew: String,
}

// === impl Scene ===

impl Scene {
    /// One of each kind of directory.
    fn each() -> impl Iterator<Item = Self> {
        Native::each().into_iter().map(Self::new)
    }

    fn new(directory: Native) -> Self {
        let relay = Relay::to(directory.plain_port());
        let url = format!("ldap://127.0.0.1:{}", relay.port());
        let gateway = Gateway::serve(&[directory.target(&[url])]);
        let corp = gateway.target("corp");
        let made =
            |path: &str, body: &Value| corp.post(path, body).is(201)["id"].as_str().unwrap().to_owned();
        let ann = made("/Users", &person("ann"));
        let crew = made("/Groups", &json!({ "schemas": [GROUP], "displayName": "crew" }));
        Self { directory, relay, gateway, corp, ann, crew }
    }

    fn all(&self) -> Vec<Entry> {
        self.directory.all()
    }

    /// What the answer is when a write's answer is lost after `after` others, and then that it was carried out.
    #[track_caller]
    fn is_done(&self, after: usize, ask: impl Fn(&Scim) -> Answer) -> Answer {
        let before = self.all();
        self.relay.lose(Loss::Answer, after);
        let answer = ask(&self.corp);
        assert!(self.relay.has_lost());
        assert!((200..300).contains(&answer.status), "{}: {:#}", answer.status, answer.body);
        assert_ne!(self.all(), before);
        answer
    }

    /// That a write whose request is lost after `after` others is a 503 and changed nothing that lasts, its
    /// stamps apart.
    #[track_caller]
    fn is_not_done(&self, after: usize, ask: impl Fn(&Scim) -> Answer) {
        let before = without_stamps(self.all());
        self.relay.lose(Loss::Request, after);
        ask(&self.corp).is_error(503, "");
        assert!(self.relay.has_lost());
        assert_eq!(without_stamps(self.all()), before);
    }

    #[track_caller]
    fn both(&self, after: usize, ask: impl Fn(&Scim) -> Answer) -> Answer {
        self.is_not_done(after, &ask);
        self.is_done(after, ask)
    }
}

fn person(login: &str) -> Value {
    let name = json!({ "familyName": "Unknown" });
    json!({ "schemas": [USER], "userName": login, "name": name })
}

/// A further entry of a group that was taken back is one anew, but for all that users can change.
fn without_stamps(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        let mut own =
            vec!["entrycsn", "entryusn", "modifytimestamp", "modifiersname", "usnchanged", "whenchanged"];
        if entry.all("objectClass") == ["posixGroup"] {
            own.extend(["entryuuid", "createtimestamp"]);
        }
        entry.values.retain(|name, _| !own.contains(&name.as_str()));
    }
    entries.sort_by(|one, other| one.dn.cmp(&other.dn));
    entries
}

#[test]
fn a_create_is_acknowledged_when_the_entry_carries_it() {
    for mut scene in Scene::each() {
        let made = scene.both(0, |corp| corp.post("/Users", &person("ben")));
        assert_eq!(made.status, 201);
        let entry = scene.directory.person("ben").unwrap();
        assert_eq!(Some(scene.directory.id(&entry).as_str()), made.body["id"].as_str());
        scene.gateway.is_sound();
    }
}

#[test]
fn a_change_is_acknowledged_when_the_entry_shows_it() {
    for mut scene in Scene::each() {
        let user = format!("/Users/{}", scene.ann);
        let title = json!([{ "op": "replace", "path": "title", "value": "Captain" }]);
        scene.both(0, |corp| corp.patch(&user, &title)).is(200);
        assert_eq!(scene.directory.person("ann").unwrap().one("title"), Some("Captain"));

        let removal = json!([{ "op": "remove", "path": "title" }]);
        scene.both(0, |corp| corp.patch(&user, &removal)).is(200);
        assert_eq!(scene.directory.person("ann").unwrap().one("title"), None);

        let members = json!([{ "op": "add", "path": "members", "value": [{ "value": scene.ann }] }]);
        scene.both(0, |corp| corp.patch(&format!("/Groups/{}", scene.crew), &members)).is(204);
        let ann = scene.directory.person("ann").unwrap();
        assert!(scene.directory.group("crew").unwrap().all("member").contains(&ann.dn));
        scene.gateway.is_sound();
    }
}

#[test]
fn a_change_in_two_steps_is_done_or_undone() {
    for mut scene in Scene::each() {
        let user = format!("/Users/{}", scene.ann);
        let rename =
            |login: &str| json!([{ "op": "replace", "value": { "userName": login, "title": login } }]);
        let shown = |login: &str| {
            let entry = scene.directory.person(login).unwrap();
            assert_eq!(entry.one("title"), Some(login));
            assert_eq!(scene.directory.id(&entry), scene.ann);
        };
        scene.both(0, |corp| corp.patch(&user, &rename("anna"))).is(200);
        shown("anna");
        // The second step, the modify after the rename.
        scene.both(1, |corp| corp.patch(&user, &rename("hanna"))).is(200);
        shown("hanna");
        scene.gateway.is_sound();
    }
}

#[test]
fn a_deletion_is_acknowledged_when_the_entry_is_gone() {
    for mut scene in Scene::each() {
        scene.both(0, |corp| corp.delete(&format!("/Users/{}", scene.ann))).is(204);
        assert_eq!(scene.directory.person("ann"), None);
        scene.gateway.is_sound();
    }
}

/// A number whose step was lost, or its answer, is given to nobody twice: it is left out, or taken after all.
#[test]
fn a_number_whose_answer_is_lost_is_given_up() {
    let mut scene = Scene::new(Native::posix());
    let number = |login: &str| {
        let entry = scene.directory.person(login).unwrap();
        entry.one("uidNumber").unwrap().parse::<u32>().unwrap()
    };
    let mut last = number("ann");
    for (round, loss) in [Loss::Answer, Loss::Request, Loss::Answer].into_iter().enumerate() {
        scene.relay.lose(loss, 0);
        let login = format!("n{round}");
        scene.corp.post("/Users", &person(&login)).is(201);
        assert!(scene.relay.has_lost());
        // Somebody else comes right after.
        scene.corp.post("/Users", &person(&format!("o{round}"))).is(201);
        let (one, other) = (number(&login), number(&format!("o{round}")));
        assert!(last < one && one < other, "{last} {one} {other}");
        last = other;
    }
    let counter = scene.directory.entries().search(SUFFIX, "(cn=uidNext)").pop().unwrap();
    assert_eq!(counter.one("uidNumber"), Some((last + 1).to_string().as_str()));
    scene.gateway.is_sound();
}

#[test]
fn each_step_of_a_change_in_two_entries_is_done_or_undone() {
    let mut scene = Scene::new(Native::posix());
    let (ann, crew) = (format!("/Users/{}", scene.ann), format!("/Groups/{}", scene.crew));
    let uids = |name: &str| scene.directory.entries().posix_group(name).unwrap().all("memberUid").to_vec();
    let replace =
        |attribute: &str, value: &str| json!([{ "op": "replace", "path": attribute, "value": value }]);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": scene.ann }] }]);
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", scene.ann) }]);
    for after in [0, 1] {
        scene.both(after, |corp| corp.patch(&crew, &add)).is(204);
        assert_eq!(uids("crew"), ["ann"]);
        scene.both(after, |corp| corp.patch(&crew, &remove)).is(204);
        assert!(uids("crew").is_empty());
    }
    scene.corp.patch(&crew, &add).is(204);
    for (after, name) in [(0, "first"), (1, "second")] {
        scene.both(after, |corp| corp.patch(&crew, &replace("displayName", name))).is(200);
        scene.both(after, |corp| corp.patch(&ann, &replace("userName", name))).is(200);
        assert_eq!(uids(name), [name]);
        assert_eq!(scene.directory.group(name).unwrap().all("member").len(), 2);
    }
    for after in [0, 1] {
        scene.is_not_done(after, |corp| corp.delete(&crew));
        scene.is_not_done(after, |corp| corp.delete(&ann));
    }
    scene.is_done(1, |corp| corp.delete(&ann)).is(204);
    assert!(uids("second").is_empty());
    scene.is_done(0, |corp| corp.delete(&crew)).is(204);
    assert_eq!(
        (scene.directory.group("second"), scene.directory.entries().posix_group("second")),
        (None, None)
    );
    // The number is the first step of a new one.
    let body = |name: &str| json!({ "schemas": [GROUP], "displayName": name });
    for (after, name) in [(1, "own"), (2, "further")] {
        scene.relay.lose(Loss::Request, after);
        scene.corp.post("/Groups", &body(name)).is_error(503, "");
        assert!(scene.relay.has_lost());
        assert_eq!((scene.directory.group(name), scene.directory.entries().posix_group(name)), (None, None));
        scene.is_done(after, |corp| corp.post("/Groups", &body(name))).is(201);
        assert!(
            scene.directory.group(name).is_some() && scene.directory.entries().posix_group(name).is_some()
        );
    }
    scene.gateway.is_sound();
}

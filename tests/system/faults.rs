//! Many writes while the directory is killed, frozen, restarted, cut off and switched at random, and single writes
//! or their answers are lost: what was answered 2xx is there, what was answered 4xx is not, what was answered
//! 503 is there or not, or of its two steps only the first. On each kind of directory; some hundreds of writes, and
//! `scripts/soak -f` does thousands.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::directory::Entry;
use crate::support::gateway::Gateway;
use crate::support::native::Native;
use crate::support::random::Random;
use crate::support::relay::{Loss, Relay};
use crate::support::scim::{Answer, Scim};
use crate::support::{eventually, number};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const WRITERS: usize = 6;
/// For how many writes that were answered 2xx or 4xx there is a fault at the least.
const WRITES_A_FAULT: usize = 30;
/// One operation on a backend, at most. Short, so that there are many faults in little time.
const DEADLINE: Duration = Duration::from_millis(1_500);

#[test]
fn what_is_answered_is_so_whatever_happens_to_openldap() {
    is_so_whatever_happens(Native::openldap(), 800);
}

#[test]
fn what_is_answered_is_so_whatever_happens_to_389_directory_server() {
    is_so_whatever_happens(Native::ds389(), 300);
}

#[test]
fn what_is_answered_is_so_whatever_happens_to_active_directory() {
    is_so_whatever_happens(Native::active_directory(), 300);
}

#[allow(clippy::print_stdout, reason = "the seed, with which a failure comes again")]
fn is_so_whatever_happens(directory: Native, writes: usize) {
    let writes = number("GANTRY_FAULT_WRITES").map_or(writes, |writes| writes as usize);
    let seed = number("GANTRY_FAULT_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}, {writes} writes");
    let mut scene = Scene::new(directory);
    let load = Load::new(scene.gateway.target("corp"));
    let told = std::thread::scope(|scope| {
        let _stop = Stop(&load.stop);
        let load = &load;
        let writers: Vec<_> = (0..WRITERS)
            .map(|at| scope.spawn(move || load.write(at, Random(seed + 1 + at as u64))))
            .collect();
        let mut random = Random(seed);
        let (mut faults, mut counts) = (0, [0; 9]);
        while (load.writes() < writes || faults < writes / WRITES_A_FAULT) && load.goes_on() {
            sleep(random.up_to(300));
            counts[scene.fault(&mut random)] += 1;
            faults += 1;
            load.recovers();
        }
        println!("{faults} faults: {counts:?}");
        load.stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    scene.gateway.is_sound();
    let Scene { directory, relays, gateway } = scene;
    drop((gateway, relays));
    let told = Told::of_all(told);
    let of = |class: u16| told.statuses.iter().filter(|status| **status / 100 == class).count();
    println!("answers: {} 2xx, {} 4xx, {} 503", of(2), of(4), of(5));
    assert!([2, 4, 5].iter().all(|class| of(*class) > 0));
    Found::in_the(&directory).is_as(&told);
}

// === What happens ===

/// A directory that looks like two servers.
struct Scene {
    directory: Native,
    relays: [Relay; 2],
    gateway: Gateway,
}

// === impl Scene ===

impl Scene {
    fn new(directory: Native) -> Self {
        let relays = [(); 2].map(|()| Relay::to(directory.plain_port()));
        let urls = relays.each_ref().map(|relay| format!("ldap://127.0.0.1:{}", relay.port()));
        let limits = format!("limits = {{ backend_deadline_ms = {} }}\n", DEADLINE.as_millis());
        let gateway = Gateway::serve(&[limits, directory.target(&urls)]);
        Self { directory, relays, gateway }
    }

    /// One fault, and its end. Which it was.
    fn fault(&mut self, random: &mut Random) -> usize {
        let (kind, long) = (random.below(9), random.up_to(1_200));
        let at = usize::from(random.below(4) == 0);
        let relay = &self.relays[at];
        match kind {
            0 => {
                self.directory.server().kill();
                sleep(long);
                self.directory.server().up();
            }
            1 => {
                self.directory.server().kill();
                self.directory.server().up();
            }
            2 => {
                self.directory.server().signal("STOP");
                sleep(long * 2);
                self.directory.server().signal("CONT");
            }
            3 => {
                self.directory.server().signal("STOP");
                sleep(long / 4);
                self.directory.server().kill();
                self.directory.server().up();
            }
            4 => relay.cut(),
            5 => {
                relay.refuse();
                sleep(long);
                relay.open();
            }
            6 => {
                relay.freeze();
                sleep(long * 2);
                relay.open();
            }
            kind => {
                let loss = if kind == 7 { Loss::Answer } else { Loss::Request };
                let after = random.below(5);
                self.relays.iter().for_each(|relay| relay.lose(loss, after));
            }
        }
        kind
    }
}

/// Ends the load also when an assertion fails, the director's or a writer's.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// === The load ===

struct Load {
    corp: Scim,
    stop: AtomicBool,
    writes: AtomicUsize,
    /// The path of the group.
    group: String,
}

/// What one writer was told.
#[derive(Default)]
struct Told {
    people: Vec<Person>,
    /// Logins of creates that were answered 4xx.
    refused: Vec<String>,
    statuses: Vec<u16>,
}

/// A person whose creation was tried.
struct Person {
    /// Absent: the create was answered 503.
    id: Option<String>,
    /// What may be: the last that was acknowledged, and all that was tried since.
    logins: BTreeSet<String>,
    titles: BTreeSet<String>,
    /// Whether they are a member, when that is certain.
    is_member: Option<bool>,
    end: End,
}

/// Whether a person's end came.
#[derive(Clone, Copy, PartialEq)]
enum End {
    No,
    Perhaps,
    Yes,
}

// === impl Told ===

impl Told {
    fn of_all(told: Vec<Self>) -> Self {
        let mut all = Self::default();
        for mut one in told {
            all.people.append(&mut one.people);
            all.refused.append(&mut one.refused);
            all.statuses.append(&mut one.statuses);
        }
        all
    }
}

// === impl Load ===

impl Load {
    fn new(corp: Scim) -> Self {
        let group = corp.post("/Groups", &json!({ "schemas": [GROUP], "displayName": "crew" })).is(201);
        corp.post("/Users", &person("taken", "0")).is(201);
        let group = format!("/Groups/{}", group["id"].as_str().unwrap());
        Self { corp, stop: AtomicBool::new(false), writes: AtomicUsize::new(0), group }
    }

    fn recovers(&self) {
        eventually("the end of the fault", || self.corp.get("/Users?count=1").status == 200);
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// A write: its status, which must be one of these, or 503.
    fn ask(&self, told: &mut Told, method: &str, path: &str, body: Option<&Value>, expected: u16) -> Answer {
        let answer = self.corp.send(method, path, body);
        let what = format!("{method} {path} {}: {:#}", body.unwrap_or(&Value::Null), answer.body);
        assert!([expected, 503].contains(&answer.status), "{} not {expected}: {what}", answer.status);
        told.statuses.push(answer.status);
        if answer.status == 503 {
            assert!(answer.headers.contains_key("retry-after"), "{what}");
            sleep(Duration::from_millis(50));
        } else {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// New people, each of whom lives through some writes.
    fn write(&self, writer: usize, mut random: Random) -> Told {
        let _stop = Stop(&self.stop);
        let mut told = Told::default();
        for number in 0.. {
            let mut one = self.create(&mut told, &format!("p-{writer}-{number}"));
            for turn in 0..random.below(8) {
                if one.id.is_none() || one.end != End::No || !self.goes_on() {
                    break;
                }
                match random.below(8) {
                    0 | 1 => self.retitle(&mut told, &mut one, turn),
                    2 | 3 => self.rename(&mut told, &mut one, turn),
                    4 => self.join(&mut told, &mut one),
                    5 => self.leave(&mut told, &mut one),
                    6 => self.refused(&mut told, &one, turn),
                    _ => self.delete(&mut told, &mut one),
                }
                self.look(&one);
            }
            told.people.push(one);
            if !self.goes_on() {
                return told;
            }
        }
        told
    }

    fn create(&self, told: &mut Told, login: &str) -> Person {
        let made = self.ask(told, "POST", "/Users", Some(&person(login, "0")), 201);
        let id = (made.status == 201).then(|| made.body["id"].as_str().unwrap().to_owned());
        let (logins, titles) = ([login.to_owned()].into(), ["0".to_owned()].into());
        Person { id, logins, titles, is_member: Some(false), end: End::No }
    }

    fn patch(&self, told: &mut Told, one: &Person, operations: Value) -> bool {
        let path = format!("/Users/{}", one.id.as_deref().unwrap());
        self.ask(told, "PATCH", &path, Some(&patch(operations)), 200).status == 200
    }

    fn retitle(&self, told: &mut Told, one: &mut Person, turn: usize) {
        let title = format!("title {turn}");
        let is_done = self.patch(told, one, json!([{ "op": "replace", "path": "title", "value": title }]));
        tried(&mut one.titles, title, is_done);
    }

    /// Two operations in a directory. Not of members: OpenLDAP renames those in their groups later, and a
    /// kill may come before that.
    fn rename(&self, told: &mut Told, one: &mut Person, turn: usize) {
        if one.is_member != Some(false) {
            return;
        }
        let first = one.logins.first().unwrap();
        let login = format!("{}-{turn}", first.split('-').take(3).collect::<Vec<_>>().join("-"));
        let title = format!("renamed {turn}");
        let operations = json!([{ "op": "replace", "value": { "userName": login, "title": title } }]);
        let is_done = self.patch(told, one, operations);
        tried(&mut one.logins, login, is_done);
        tried(&mut one.titles, title, is_done);
    }

    /// Once: a change of the members is not computed from what was read, so one that was held up may come late.
    fn join(&self, told: &mut Told, one: &mut Person) {
        if one.is_member == Some(false) {
            let value = json!([{ "value": one.id }]);
            let add = json!([{ "op": "add", "path": "members", "value": value }]);
            one.is_member = self.members(told, add).then_some(true);
        }
    }

    fn leave(&self, told: &mut Told, one: &mut Person) {
        if one.is_member == Some(true) {
            let path = format!("members[value eq \"{}\"]", one.id.as_deref().unwrap());
            one.is_member = self.members(told, json!([{ "op": "remove", "path": path }])).then_some(false);
        }
    }

    fn members(&self, told: &mut Told, operations: Value) -> bool {
        self.ask(told, "PATCH", &self.group, Some(&patch(operations)), 204).status == 204
    }

    /// What must not be done.
    fn refused(&self, told: &mut Told, one: &Person, turn: usize) {
        let path = format!("/Users/{}", one.id.as_deref().unwrap());
        self.ask(told, "POST", "/Users", Some(&person("taken", "1")), 409);
        let rename = json!([{ "op": "replace", "value": { "userName": "taken", "title": "never" } }]);
        self.ask(told, "PATCH", &path, Some(&patch(rename)), 409);
        let login = format!("never-{}-{turn}", one.logins.first().unwrap());
        let mut body = person(&login, "0");
        body["phoneNumbers"] = json!([{ "type": "work", "value": "é".repeat(65) }]);
        let answer = self.ask(told, "POST", "/Users", Some(&body), 400);
        if answer.status == 400 {
            told.refused.push(login);
        }
    }

    fn delete(&self, told: &mut Told, one: &mut Person) {
        let path = format!("/Users/{}", one.id.as_deref().unwrap());
        let is_done = self.ask(told, "DELETE", &path, None, 204).status == 204;
        one.end = if is_done { End::Yes } else { End::Perhaps };
        if is_done {
            let title = json!([{ "op": "replace", "path": "title", "value": "never" }]);
            self.ask(told, "PATCH", &path, Some(&patch(title)), 404);
        }
    }

    /// A read says what may be.
    fn look(&self, one: &Person) {
        let found = self.corp.get(&format!("/Users/{}", one.id.as_deref().unwrap()));
        match (one.end, found.status) {
            (_, 503) | (End::Yes | End::Perhaps, 404) => {}
            (End::No | End::Perhaps, 200) => {
                one.may_be(found.body["userName"].as_str(), found.body["title"].as_str());
            }
            (_, status) => panic!("{status}: {:#}", found.body),
        }
    }
}

// === impl Person ===

impl Person {
    #[track_caller]
    fn may_be(&self, login: Option<&str>, title: Option<&str>) {
        assert!(self.logins.contains(login.unwrap()), "{login:?} is not of {:?}", self.logins);
        assert!(self.titles.contains(title.unwrap()), "{title:?} is not of {:?}", self.titles);
    }
}

/// What may be after a change was tried: only this, when it was acknowledged.
fn tried(values: &mut BTreeSet<String>, value: String, is_done: bool) {
    if is_done {
        values.clear();
    }
    values.insert(value);
}

fn person(login: &str, title: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": login,
        "title": title,
        "name": { "familyName": "Fault" },
        "emails": [{ "type": "work", "value": "fault@example.test" }],
    })
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

// === What must be so in the end ===

struct Found {
    people: Vec<Entry>,
    group: Entry,
}

// === impl Found ===

impl Found {
    fn in_the(directory: &Native) -> Self {
        let key = |entry: Entry| Found::keyed(directory, entry);
        Self {
            people: directory.people().into_iter().map(key).collect(),
            group: directory.group("crew").unwrap(),
        }
    }

    /// The entry with its id and its login under the same names on each kind of directory.
    fn keyed(directory: &Native, mut entry: Entry) -> Entry {
        let login = entry.one(directory.login()).unwrap().to_owned();
        let id = directory.id(&entry);
        entry.values.extend([("login".to_owned(), vec![login]), ("id".to_owned(), vec![id])]);
        entry
    }

    fn is_as(&self, told: &Told) {
        for entry in &self.people {
            assert_eq!(entry.one("sn"), Some("Fault"), "{entry:?}");
            assert_eq!(entry.one("mail"), Some("fault@example.test"), "{entry:?}");
        }
        for login in &told.refused {
            assert_eq!(self.by("login", login), None, "{login} was refused");
        }
        for one in &told.people {
            self.has(one);
        }
        let taken = self.by("login", "taken").unwrap();
        assert_eq!(taken.one("title"), Some("0"));
    }

    fn by(&self, attribute: &str, value: &str) -> Option<&Entry> {
        self.people.iter().find(|entry| entry.one(attribute) == Some(value))
    }

    /// What is known of a person.
    fn has(&self, one: &Person) {
        let Some(id) = &one.id else {
            let entry = one.logins.iter().find_map(|login| self.by("login", login));
            return assert!(entry.is_none_or(|entry| entry.one("title") == Some("0")), "{entry:?}");
        };
        match (self.by("id", id), one.end) {
            (Some(entry), End::No | End::Perhaps) => {
                one.may_be(entry.one("login"), entry.one("title"));
                // A rename is a step of its own: without a word of the other it may stay alone.
                let name = entry.dn.split(['=', ',']).nth(1);
                one.may_be(name, entry.one("title"));
                let is_member = self.group.all("member").contains(&entry.dn);
                assert!(one.is_member.is_none_or(|certain| certain == is_member), "{entry:?}");
            }
            (None, End::Yes | End::Perhaps) => {}
            (entry, _) => panic!("{:?} was acknowledged, and there is {entry:?}", one.logins),
        }
    }
}

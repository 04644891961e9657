//! A directory that is killed, or freezes, in the middle of load: what was acknowledged is there, everything
//! else was answered 503 and nothing else, the gateway works again by itself, and the other target of the
//! same process never notices.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::{Directory, Entry, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::scim::{Answer, Scim};
use crate::support::{Server, eventually};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// One operation on a backend, at most (`backend_deadline_ms`), and what a busy machine may add.
const DEADLINE: Duration = Duration::from_secs(5);
const MARGIN: Duration = Duration::from_secs(2);

/// Writers that make people members of the group, and how many people each of them has.
const JOINERS: usize = 6;
const EACH: usize = 500;

#[test]
fn a_directory_killed_in_the_middle_of_load() {
    let mut scene = Scene::new();
    let load = Load::new(&scene);
    let down = Duration::from_millis(1_500);
    let mut halts = [false, true].into_iter();
    let outages = load.run(&scene.gateway, 2, |load| {
        let killed = Instant::now();
        if halts.next() == Some(true) {
            // Everybody's next operation is on its way, and none of them is done.
            scene.directory.signal("STOP");
            sleep(Duration::from_millis(300));
        }
        scene.directory.kill();
        is_down(&scene.gateway);
        sleep(down.saturating_sub(killed.elapsed()));
        load.felt_it(killed);
        scene.directory.up();
        load.works_again();
        (killed, Instant::now())
    });
    load.kept_its_word(&scene.directory, &outages);
    // Refused at once, not after the deadline: only what was on its way waits.
    load.was_quick(Duration::from_secs(2));
    scene.gateway.is_sound();
}

#[test]
fn a_directory_frozen_in_the_middle_of_load() {
    let mut scene = Scene::new();
    let load = Load::new(&scene);
    let outages = load.run(&scene.gateway, 1, |load| {
        let frozen = Instant::now();
        scene.directory.signal("STOP");
        is_down(&scene.gateway);
        sleep((DEADLINE + MARGIN).saturating_sub(frozen.elapsed()));
        load.felt_it(frozen);
        scene.directory.signal("CONT");
        load.works_again();
        (frozen, Instant::now())
    });
    load.kept_its_word(&scene.directory, &outages);
    load.was_quick(DEADLINE + MARGIN);
    scene.gateway.is_sound();
}

/// One gateway with two targets.
struct Scene {
    directory: Directory,
    _database: Database,
    gateway: Gateway,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let people: String = (0..JOINERS * EACH).map(|number| entry(&format!("member-{number}"))).collect();
        let (directory, database) = (Directory::holding(&people), Database::of("crm"));
        let gateway = Gateway::serve(&[directory.target("corp", "openldap"), database.target("crm", "crm")]);
        Self { directory, _database: database, gateway }
    }
}

/// A person, as [`person`] makes one.
fn entry(login: &str) -> String {
    format!(
        "\ndn: uid={login},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: -\nsn: Load\n\
         title: 0\nmail: load@example.test\n"
    )
}

/// The gateway stays ready, and says which backend is down.
fn is_down(gateway: &Gateway) {
    let probe = Scim::new(&format!("http://{}", gateway.listening()), "");
    let state = |backend: &str| {
        json!({
            "status": "ready",
            "targets": [{ "name": "corp", "backend": backend }, { "name": "crm", "backend": "up" }],
        })
    };
    eventually("the news of the outage", || {
        let mut found = probe.get("/readyz").is(200);
        found.as_object_mut().unwrap().remove("snapshot"); // which configuration is served
        assert!(found == state("down") || found == state("up"), "{found:#}");
        found == state("down")
    });
}

// === The load ===

/// When the directory was away: from its end to the first request that worked again.
type Outage = (Instant, Instant);

/// Writers and readers of both targets, and what they were told.
struct Load {
    corp: Scim,
    crm: Scim,
    /// Who is there from the start, by what happens to them.
    patched: [String; 2],
    renamed: String,
    read: String,
    group: String,
    /// Logins and ids of those who are to become members.
    joiners: Vec<(String, String)>,
    stop: AtomicBool,
    told: Mutex<Told>,
    undisturbed: Mutex<Vec<Instant>>,
}

/// What the callers of the directory's target were told.
#[derive(Default)]
struct Told {
    /// 201, by userName.
    created: BTreeMap<String, String>,
    /// 204.
    deleted: Vec<String>,
    /// A deletion that was answered 503.
    perhaps_deleted: Vec<String>,
    /// Of each resource that is changed again and again, the number of the last change that was
    /// acknowledged, and of the last that was tried.
    changed: BTreeMap<String, (usize, usize)>,
    /// People whose entry into the group was acknowledged.
    members: Vec<String>,
    /// What was answered 503.
    refused: Vec<Refused>,
}

// === impl Told ===

impl Told {
    /// How much of each kind of work was acknowledged.
    fn amounts(&self) -> [usize; 3] {
        let changes = self.changed.values().map(|(acknowledged, _)| *acknowledged).min();
        [self.created.len(), changes.unwrap_or_default(), self.members.len()]
    }
}

struct Refused {
    what: String,
    began: Instant,
    ended: Instant,
}

/// Ends the load also when the director's own assertion fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// === impl Load ===

impl Load {
    fn new(scene: &Scene) -> Self {
        let corp = scene.gateway.target("corp");
        let people = scene.directory.search(&format!("ou=people,{SUFFIX}"), "(uid=member-*)");
        let one = |entry: &Entry, name: &str| entry.one(name).unwrap().to_owned();
        let joiners: Vec<_> =
            people.iter().map(|entry| (one(entry, "uid"), one(entry, "entryUUID"))).collect();
        assert_eq!(joiners.len(), JOINERS * EACH);
        let make = |name: &str| {
            let made = corp.post("/Users", &person(name)).is(201);
            made["id"].as_str().unwrap().to_owned()
        };
        let group = corp.post("/Groups", &json!({ "schemas": [GROUP], "displayName": "crew" })).is(201);
        Self {
            crm: scene.gateway.target("crm"),
            joiners,
            patched: [make("patched-0"), make("patched-1")],
            renamed: make("renamed-0"),
            read: make("read"),
            group: group["id"].as_str().unwrap().to_owned(),
            stop: AtomicBool::new(false),
            told: Mutex::default(),
            undisturbed: Mutex::default(),
            corp,
        }
    }

    /// Loads both targets and lets outages happen, calm before and after each.
    fn run(&self, gateway: &Gateway, outages: usize, mut outage: impl FnMut(&Self) -> Outage) -> Vec<Outage> {
        let pid = gateway.pid();
        let happened = std::thread::scope(|scope| {
            let _stop = Stop(&self.stop);
            for name in ["a", "b", "c"] {
                scope.spawn(move || self.create(name));
            }
            for id in &self.patched {
                scope.spawn(move || self.patch(id));
            }
            scope.spawn(|| self.rename());
            for people in self.joiners.chunks(EACH) {
                scope.spawn(move || self.join(people));
            }
            scope.spawn(|| self.look());
            scope.spawn(|| self.elsewhere());
            self.calm();
            let once = |_| {
                let happened = outage(self);
                self.calm();
                happened
            };
            (0..outages).map(once).collect()
        });
        assert_eq!(gateway.pid(), pid);
        happened
    }

    /// A while in which each kind of work goes on, however busy the machine is.
    fn calm(&self) {
        let before = self.told.lock().unwrap().amounts();
        sleep(Duration::from_millis(500));
        eventually("work of each kind", || {
            let now = self.told.lock().unwrap().amounts();
            now.iter().zip(&before).all(|(now, before)| now - before >= 15)
        });
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Waits until the directory's target answers again.
    /// Waits until everybody at the directory was refused, and much was done at the other target meanwhile.
    fn felt_it(&self, since: Instant) {
        eventually("refusals", || {
            let told = self.told.lock().unwrap();
            told.refused.iter().filter(|one| one.ended > since).count() >= 8
        });
        eventually("undisturbed work on the other target", || {
            self.undisturbed.lock().unwrap().iter().filter(|at| **at > since).count() > 10
        });
    }

    fn works_again(&self) {
        eventually("the end of the outage", || self.corp.get(&format!("/Users/{}", self.read)).status == 200);
    }

    /// Asks the directory's target. The answer when it is a success; all else must be a 503 as it should be.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let began = Instant::now();
        let answer = self.corp.send(method, path, body);
        let ended = Instant::now();
        let what = format!("{method} {path} {}", body.unwrap_or(&Value::Null));
        if (200..300).contains(&answer.status) {
            return Some(answer.body);
        }
        is_unavailable(&answer, &what);
        self.told.lock().unwrap().refused.push(Refused { what, began, ended });
        sleep(Duration::from_millis(20));
        None
    }

    /// New people, of whom every third is deleted again.
    fn create(&self, name: &str) {
        for number in (0..).take_while(|_| self.goes_on()) {
            let login = format!("{name}-{number}");
            let Some(made) = self.ask("POST", "/Users", Some(&person(&login))) else { continue };
            let id = made["id"].as_str().unwrap().to_owned();
            self.told.lock().unwrap().created.insert(login.clone(), id.clone());
            if number % 3 == 0 {
                let gone = self.ask("DELETE", &format!("/Users/{id}"), None).is_some();
                let mut told = self.told.lock().unwrap();
                let list = if gone { &mut told.deleted } else { &mut told.perhaps_deleted };
                list.push(login);
            }
        }
    }

    fn patch(&self, id: &str) {
        self.change(id, |number| json!([{ "op": "replace", "path": "title", "value": number.to_string() }]));
    }

    /// A change that takes a directory two operations.
    fn rename(&self) {
        self.change(&self.renamed, |number| {
            json!([{ "op": "replace", "value": { "userName": format!("renamed-{number}"), "title": number.to_string() } }])
        });
    }

    fn change(&self, id: &str, operations: impl Fn(usize) -> Value) {
        let (path, mut acknowledged) = (format!("/Users/{id}"), 0);
        for number in (1..).take_while(|_| self.goes_on()) {
            let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
            let body = json!({ "schemas": [schema], "Operations": operations(number) });
            if let Some(changed) = self.ask("PATCH", &path, Some(&body)) {
                assert_eq!(changed["title"], number.to_string());
                acknowledged = number;
            }
            self.told.lock().unwrap().changed.insert(id.to_owned(), (acknowledged, number));
        }
    }

    /// New members of the group. Its answer is the one that is given without a look at what was written.
    fn join(&self, people: &[(String, String)]) {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        for (login, id) in people.iter().take_while(|_| self.goes_on()) {
            let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
            let body = json!({ "schemas": [schema], "Operations": add });
            if self.ask("PATCH", &format!("/Groups/{}", self.group), Some(&body)).is_some() {
                self.told.lock().unwrap().members.push(login.clone());
            }
        }
        assert!(!self.goes_on(), "there were too few people to the end of the load");
    }

    /// Who is there is never told to be absent.
    fn look(&self) {
        let path = format!("/Users/{}", self.read);
        while self.goes_on() {
            if let Some(found) = self.ask("GET", &path, None) {
                assert_eq!(found["userName"], "read");
            }
            let filter = "/Users?filter=userName%20eq%20%22read%22";
            if let Some(found) = self.ask("GET", filter, None) {
                assert_eq!(found["totalResults"], 1);
            }
        }
    }

    /// The other target, without a pause: every answer is a success, and comes soon.
    fn elsewhere(&self) {
        let quick = |began: Instant| assert!(began.elapsed() < MARGIN, "{:?}", began.elapsed());
        for number in (0..).take_while(|_| self.goes_on()) {
            let began = Instant::now();
            let login = format!("elsewhere-{number}");
            let body = json!({ "schemas": [USER], "userName": login });
            let made = self.crm.post("/Users", &body).is(201);
            let path = format!("/Users/{}", made["id"].as_str().unwrap());
            let rename = json!([{ "op": "replace", "path": "name.familyName", "value": "New" }]);
            self.crm.patch(&path, &rename).is(200);
            assert_eq!(self.crm.get(&path).is(200)["name"]["familyName"], "New");
            let found = self.crm.find("/Users", &format!("userName eq {login:?}")).is(200);
            assert_eq!(found["totalResults"], 1);
            self.crm.delete(&path).is(204);
            quick(began);
            self.undisturbed.lock().unwrap().push(Instant::now());
        }
    }

    // === What must be so in the end ===

    fn kept_its_word(&self, directory: &Directory, outages: &[Outage]) {
        let told = self.told.lock().unwrap();
        let people = directory.search(&format!("ou=people,{SUFFIX}"), "(objectClass=inetOrgPerson)");
        let by_login: BTreeMap<&str, &Entry> =
            people.iter().map(|entry| (entry.one("uid").unwrap(), entry)).collect();
        for (login, id) in &told.created {
            match by_login.get(login.as_str()) {
                Some(entry) => {
                    assert!(!told.deleted.contains(login), "{login} was deleted");
                    assert_eq!(entry.one("entryUUID"), Some(id.as_str()));
                }
                None => {
                    assert!(told.deleted.contains(login) || told.perhaps_deleted.contains(login), "{login}");
                }
            }
        }
        // Also what was not acknowledged is there wholly or not at all.
        for entry in &people {
            assert_eq!(entry.one("sn"), Some("Load"), "{entry:?}");
            assert_eq!(entry.one("mail"), Some("load@example.test"), "{entry:?}");
        }
        self.changes_last(&told, &people);
        self.members_stay(&told, directory, &by_login);
        for refused in &told.refused {
            let within = |(from, to): &Outage| refused.began < *to && refused.ended > *from;
            assert!(outages.iter().any(within), "refused while the directory was there: {}", refused.what);
        }
    }

    /// The last change that was acknowledged, or a later one that was not.
    fn changes_last(&self, told: &Told, people: &[Entry]) {
        assert_eq!(told.changed.len(), 3);
        for (id, (acknowledged, tried)) in &told.changed {
            let entry = people.iter().find(|entry| entry.one("entryUUID") == Some(id.as_str())).unwrap();
            let mut numbers = vec![entry.one("title").unwrap().parse::<usize>().unwrap()];
            if *id == self.renamed {
                let login = entry.one("uid").unwrap();
                numbers.push(login.strip_prefix("renamed-").unwrap().parse().unwrap());
            }
            for number in numbers {
                assert!(
                    (*acknowledged..=*tried).contains(&number),
                    "{number} is not of {acknowledged} to {tried}: {entry:?}"
                );
            }
        }
    }

    fn members_stay(&self, told: &Told, directory: &Directory, by_login: &BTreeMap<&str, &Entry>) {
        let group = directory.group("crew").unwrap();
        for login in &told.members {
            let dn = &by_login[login.as_str()].dn;
            assert!(group.all("member").contains(dn), "{login} is no member");
        }
    }

    fn was_quick(&self, most: Duration) {
        for refused in &self.told.lock().unwrap().refused {
            let took = refused.ended - refused.began;
            assert!(took < most, "{took:?}: {}", refused.what);
        }
    }
}

fn person(login: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": login,
        "title": "0",
        "name": { "familyName": "Load" },
        "emails": [{ "type": "work", "value": "load@example.test" }],
    })
}

fn is_unavailable(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {:#}", answer.body);
    let seconds = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().parse::<u32>());
    assert!(matches!(seconds, Some(Ok(1..))), "{what}: {:?}", answer.headers);
    answer.is_error(503, "");
}

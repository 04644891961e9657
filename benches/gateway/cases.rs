//! What is asked of the gateway, the same of both backends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::direct::What;
use crate::http::{Ask, Http};
use crate::load::{self, Measured, Worker};
use crate::people::{GROUPS, Ids, MEMBERS, PEOPLE, login};
use crate::process::{self, Monitor};
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::scim::encoded;
use crate::{CONNECTIONS, SPAN, WARM_UP};

/// Requests, one after the other, whose LDAP operations are counted.
const COUNTED: usize = 20;
/// A prime, so that people come in no order that a cache would like.
const STRIDE: usize = 7_919;

type Make = dyn Fn(usize, &Ids) -> Ask + Send + Sync;

/// One kind of request.
pub struct Case {
    pub name: &'static str,
    /// What the direct client does for it.
    pub direct: What,
    make: Arc<Make>,
    numbers: Arc<AtomicUsize>,
}

/// A gateway's target under load.
pub struct Subject {
    pub ids: Arc<Ids>,
    pid: u32,
    address: String,
    base: String,
    person: fn(usize) -> Value,
}

struct Caller {
    http: Http,
    base: String,
    ids: Arc<Ids>,
    make: Arc<Make>,
}

/// The `number`th person to look at.
pub fn anybody(number: usize) -> usize {
    number.wrapping_mul(STRIDE) % PEOPLE
}

/// A person, and whether the account is to be locked now: another state than at the last time. One in two
/// people; the other half, each next to one of these, is the direct client's.
pub fn toggled(number: usize) -> (usize, bool) {
    (anybody(2 * number), (number / (PEOPLE / 2)).is_multiple_of(2))
}

/// A group, and a person who is not in it yet.
pub fn newcomer(number: usize) -> (usize, usize) {
    let group = number % GROUPS;
    (group, ((group + 1) * MEMBERS + number / GROUPS) % PEOPLE)
}

/// A new person for the tables.
pub fn crm_person(number: usize) -> Value {
    let mut person = inet_org_person(number);
    person["phoneNumbers"] = json!([{ "type": "work", "value": "+49 30 123456" }]);
    person
}

/// A new person for the directory.
pub fn inet_org_person(number: usize) -> Value {
    let login = format!("new{number:06}");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": login, "active": true,
        "name": { "givenName": "New", "familyName": format!("Person{number}") },
        "emails": [{ "type": "work", "value": format!("{login}@example.test") }],
    })
}

// === impl Subject ===

impl Subject {
    pub fn new(gateway: &Gateway, target: &str, ids: Ids, person: fn(usize) -> Value) -> Self {
        let url = gateway.target(target).base;
        let rest = url.strip_prefix("http://").unwrap();
        let (address, path) = rest.split_once('/').unwrap();
        Self {
            ids: Arc::new(ids),
            pid: gateway.pid(),
            address: address.to_owned(),
            base: format!("/{path}"),
            person,
        }
    }

    pub fn cases(&self) -> Vec<Case> {
        let person = self.person;
        let page =
            |start: usize| move |_: usize, _: &Ids| get(format!("/Users?startIndex={start}&count=100"));
        vec![
            case("GET by id", What::ById, |number, ids| {
                get(format!("/Users/{}", ids.people[anybody(number)]))
            }),
            case("`userName eq`", What::ByName, |number, _| {
                let filter = format!("userName eq \"{}\"", login(anybody(number)));
                get(format!("/Users?filter={}", encoded(&filter)))
            }),
            case("first page of 100", What::Page(1), page(1)),
            case("page of 100 from 5,001", What::Page(5_001), page(5_001)),
            case("create", What::Create, move |number, _| Ask {
                method: "POST",
                path: "/Users".to_owned(),
                body: person(number).to_string(),
                status: 201,
            }),
            case("PATCH `active`", What::Active, |number, ids| {
                let (person, locked) = toggled(number);
                let operation = json!({ "op": "replace", "path": "active", "value": !locked });
                patch(format!("/Users/{}", ids.people[person]), &operation, 200)
            }),
            case("add a member", What::Member, |number, ids| {
                let (group, person) = newcomer(number);
                let value = json!([{ "value": ids.people[person] }]);
                let operation = json!({ "op": "add", "path": "members", "value": value });
                patch(format!("/Groups/{}", ids.groups[group]), &operation, 204)
            }),
        ]
    }

    /// The load. The process's peak of memory begins anew.
    pub async fn run(&self, case: &Case) -> Measured {
        process::reset_peak(self.pid);
        let mut callers = Vec::new();
        for _ in 0..CONNECTIONS {
            callers.push(self.caller(case).await);
        }
        load::run(callers, &case.numbers, WARM_UP, SPAN).await
    }

    /// LDAP operations for one request to a new process, as the directory counts them: of the first one,
    /// once there is a connection, and on average of those after it.
    pub async fn operations(&self, case: &Case, monitor: &Monitor<'_>) -> (f64, f64) {
        let mut caller = self.caller(case).await;
        let nobody = encoded("userName eq \"nobody\"");
        caller.http.send(&self.base, &get(format!("/Users?filter={nobody}"))).await;
        let mut counts = Vec::new();
        for _ in 0..=COUNTED {
            let before = monitor.operations().await;
            caller.ask(case.numbers.fetch_add(1, Ordering::Relaxed)).await;
            counts.push((monitor.operations().await - before) as f64);
        }
        (counts[0], counts[1..].iter().sum::<f64>() / COUNTED as f64)
    }

    async fn caller(&self, case: &Case) -> Caller {
        let http = Http::connect(&self.address, TOKEN).await;
        Caller { http, base: self.base.clone(), ids: Arc::clone(&self.ids), make: Arc::clone(&case.make) }
    }
}

impl Worker for Caller {
    async fn ask(&mut self, number: usize) {
        let ask = (self.make)(number, &self.ids);
        self.http.send(&self.base, &ask).await;
    }
}

fn case(name: &'static str, direct: What, make: impl Fn(usize, &Ids) -> Ask + Send + Sync + 'static) -> Case {
    Case { name, direct, make: Arc::new(make), numbers: Arc::default() }
}

fn get(path: String) -> Ask {
    Ask { method: "GET", path, body: String::new(), status: 200 }
}

fn patch(path: String, operation: &Value, status: u16) -> Ask {
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let body = json!({ "schemas": [schema], "Operations": [operation] }).to_string();
    Ask { method: "PATCH", path, body, status }
}

//! The gateway in front of a SQL Server that stalls, cuts, fails, lies and answers late: the scripted endpoint
//! (`support/tds`), which a real server cannot be asked to be. Each request is answered honestly and in time, what was
//! left half-read is never used again, and all is well when the server is.

mod errors;
mod login;
mod random;
mod reads;
mod results;
mod writes;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::certificates;
use crate::support::gateway::Gateway;
use crate::support::scim::{Answer, Scim};
use crate::support::tds::answer::Answer as Told;
use crate::support::tds::request::{Ask, Request};
use crate::support::tds::{Encryption, Endpoint, application, certified};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PASSWORD: &str = "pass-w0rd-of-the-tests";
/// One operation on the database, at most.
const DEADLINE: Duration = Duration::from_millis(1_000);
/// A whole request, at most.
const WHOLE_DEADLINE: Duration = Duration::from_millis(5_000);
/// What a busy machine may add.
const MARGIN: Duration = Duration::from_secs(2);
/// Connections that the gateway has at one time, at most.
const CONNECTIONS: usize = 16;

struct Scene {
    endpoint: Endpoint,
    gateway: Gateway,
    scim: Scim,
    spoilt: Spoilt,
    /// Where its certificates are, when they are its own.
    _folder: Option<TempDir>,
}

/// The connections on which something went wrong, and the request in which it did.
#[derive(Clone, Default)]
struct Spoilt(Arc<Mutex<HashMap<usize, u64>>>);

/// Certificates and secrets.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    certificates::write(folder.path());
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    folder
}

/// The keys of a `[target.sqlserver]` for a login by password and an authority that is known.
fn keys(folder: &TempDir) -> String {
    let (ca, password) = (folder.path().join("ca.pem"), folder.path().join("password"));
    format!("user = \"scim\"\npassword = {{ file = {password:?} }}\nca = {ca:?}")
}

fn limits() -> String {
    let (operation, whole) = (DEADLINE.as_millis(), WHOLE_DEADLINE.as_millis());
    format!("limits = {{ backend_deadline_ms = {operation}, deadline_ms = {whole} }}\n")
}

// === impl Scene ===

impl Scene {
    /// All that goes between the two is encrypted.
    fn new() -> Self {
        let folder = folder();
        let endpoint =
            Endpoint::start(Encryption::All(certified(folder.path(), "server")), application::answer);
        let keys = keys(&folder);
        Self { _folder: Some(folder), ..Self::at(endpoint, &keys) }
    }

    /// In front of this endpoint, with these keys.
    fn at(endpoint: Endpoint, keys: &str) -> Self {
        Self::of("marked", endpoint, keys)
    }

    /// The same with this mapping of the tests.
    fn of(mapping: &str, endpoint: Endpoint, keys: &str) -> Self {
        let gateway = Gateway::serve(&[limits(), endpoint.target_of("app", mapping, keys)]);
        let scim = gateway.target("app");
        Self { endpoint, gateway, scim, spoilt: Spoilt::default(), _folder: None }
    }

    /// From now on the answers to these requests are spoilt.
    fn spoil(
        &self,
        which: impl Fn(&Request) -> bool + Send + Sync + 'static,
        how: impl Fn(&Request, Told) -> Told + Send + Sync + 'static,
    ) {
        let spoilt = self.spoilt.clone();
        self.endpoint.answers(move |request| {
            let answer = application::answer(request);
            if !which(request) {
                return answer;
            }
            spoilt.0.lock().unwrap().insert(request.connection, request.number);
            how(request, answer)
        });
    }

    fn heal(&self) {
        self.endpoint.answers(application::answer);
    }

    /// The server is well again, and the gateway sees it; what was spoilt is not used any more.
    #[track_caller]
    fn recovers(&mut self) {
        self.heal();
        crate::support::eventually("the end of the fault", || self.scim.get("/Users/8").status == 200);
        is_user(&self.scim.get("/Users/7").is(200), 7);
        self.spoilt.is_left_alone(&self.endpoint.seen());
        self.is_sound();
    }

    #[track_caller]
    fn is_sound(&mut self) {
        self.gateway.is_sound();
        let log = self.gateway.log();
        assert!(!log.iter().any(|line| line.contains(PASSWORD)), "{log:#?}");
        assert!(self.endpoint.open() <= CONNECTIONS);
    }
}

// === impl Spoilt ===

impl Spoilt {
    /// Nothing was asked on such a connection afterwards.
    #[track_caller]
    fn is_left_alone(&self, seen: &[Request]) {
        let spoilt = self.0.lock().unwrap();
        let again = seen
            .iter()
            .find(|request| spoilt.get(&request.connection).is_some_and(|number| *number < request.number));
        assert!(again.is_none(), "{again:?}");
    }
}

/// A user who is the one with this number, in every attribute.
#[track_caller]
fn is_user(user: &Value, number: i64) {
    assert_eq!(user["id"], number.to_string(), "{user:#}");
    assert_eq!(user["userName"], application::login(number), "{user:#}");
    assert_eq!(user["displayName"], application::name(number), "{user:#}");
}

fn person(number: i64) -> Value {
    json!({ "schemas": [USER], "userName": application::login(number), "displayName": "new" })
}

fn rename() -> Value {
    json!([{ "op": "replace", "path": "displayName", "value": "other" }])
}

/// What becomes of a request: 503 with a time to try again, within so many deadlines.
#[track_caller]
fn is_refused(deadlines: u32, ask: impl FnOnce() -> Answer) -> String {
    let began = Instant::now();
    let answer = ask();
    assert!(began.elapsed() < DEADLINE * deadlines + MARGIN, "{:?}", began.elapsed());
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    answer.is_error(503, "")
}

/// How often this was asked.
fn count(seen: &[Request], which: impl Fn(&Ask) -> bool) -> usize {
    seen.iter().filter(|request| which(&request.ask)).count()
}

fn is_login(ask: &Ask) -> bool {
    matches!(ask, Ask::Login(_))
}

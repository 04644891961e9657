//! What writes meet. Before the commit nothing is done; after it was sent, nobody knows.

use std::time::Instant;

use super::{MARGIN, Scene, count, folder, is_refused, is_user, keys, person, rename};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::tds::answer::Answer;
use crate::support::tds::application;
use crate::support::tds::request::{Ask, Request};
use crate::support::tds::{Encryption, Endpoint, certified};

const DOES_NOT_ANSWER: &str = "does not answer";
const DID_NOT_SAY: &str = "did not say whether";

fn begins(request: &Request) -> bool {
    matches!(request.ask, Ask::Begin(_))
}

fn commits(request: &Request) -> bool {
    request.ask == Ask::Commit
}

fn rolls_back(request: &Request) -> bool {
    request.text().is_some_and(|text| text.contains("ROLLBACK"))
}

type Which = fn(&Request) -> bool;

/// Each write meets this where it is said; what the client is told.
#[track_caller]
fn meets(
    scene: &mut Scene,
    which: Which,
    how: impl Fn(&Request, Answer) -> Answer + Clone + Send + Sync + 'static,
    told: &str,
) {
    let rename = rename();
    for write in [
        &(|scene: &Scene| scene.scim.post("/Users", &person(9))) as &dyn Fn(&Scene) -> _,
        &|scene| scene.scim.patch("/Users/7", &rename),
        &|scene| scene.scim.delete("/Users/7"),
    ] {
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        scene.spoil(which, how.clone());
        let before = scene.endpoint.seen().len();
        // A stale connection is tried anew at the beginning, and nowhere else.
        let detail = is_refused(3, || write(scene));
        assert!(detail.contains(told), "{detail}");
        let seen = &scene.endpoint.seen()[before..];
        assert_eq!(count(seen, |ask| *ask == Ask::Commit), usize::from(told == DID_NOT_SAY), "{seen:#?}");
        scene.recovers();
        eventually("the connection's end", || scene.endpoint.open() == 1);
    }
}

#[test]
fn a_fault_at_the_beginning_of_a_transaction() {
    let mut scene = Scene::new();
    meets(&mut scene, begins, |_, answer| answer.hangs(0), DOES_NOT_ANSWER);
    meets(&mut scene, begins, |_, answer| answer.hangs(1), DOES_NOT_ANSWER);
    meets(&mut scene, begins, |_, answer| answer.cut_after_token(1), DOES_NOT_ANSWER);
    meets(&mut scene, begins, |_, answer| answer.turns_into(0, &[0xff; 64]), DOES_NOT_ANSWER);
}

#[test]
fn a_fault_in_what_writes() {
    let mut scene = Scene::new();
    meets(&mut scene, application::writes, |_, answer| answer.hangs(0), DOES_NOT_ANSWER);
    meets(&mut scene, application::writes, |_, answer| answer.hangs(2), DOES_NOT_ANSWER);
    meets(&mut scene, application::writes, |_, answer| answer.comes_late(), DOES_NOT_ANSWER);
    meets(&mut scene, application::writes, |_, answer| answer.cut_after_token(0), DOES_NOT_ANSWER);
    meets(&mut scene, application::writes, |_, answer| answer.cut_after_token(3), DOES_NOT_ANSWER);
    meets(&mut scene, application::writes, |_, answer| answer.turns_into(1, &[0xff; 64]), DOES_NOT_ANSWER);
}

#[test]
fn a_fault_after_a_commit_was_sent() {
    let mut scene = Scene::new();
    meets(&mut scene, commits, |_, answer| answer.hangs(0), DID_NOT_SAY);
    meets(&mut scene, commits, |_, answer| answer.hangs(1), DID_NOT_SAY);
    meets(&mut scene, commits, |_, answer| answer.cut_after_token(0), DID_NOT_SAY);
    meets(&mut scene, commits, |_, answer| answer.cut_after_token(1), DID_NOT_SAY);
    meets(&mut scene, commits, |_, answer| answer.cut_after_octet(9), DID_NOT_SAY);
    meets(&mut scene, commits, |_, answer| answer.turns_into(0, &[0xff; 64]), DID_NOT_SAY);
    meets(&mut scene, commits, |_, answer| answer.comes_late(), DID_NOT_SAY);
}

#[test]
fn a_rollback_that_stalls_ends_the_connection_and_holds_nobody_up() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    for hangs in [true, false] {
        scene.spoil(
            rolls_back,
            move |_, answer| if hangs { answer.hangs(0) } else { answer.cut_after_token(1) },
        );
        let (spoilt, first) = (scene.spoilt.clone(), scene.endpoint.connections());
        scene.endpoint.answers(move |request| match application::answer(request) {
            _ if application::writes(request) => request.error(50_001, 16, "no"),
            answer if rolls_back(request) => {
                spoilt.0.lock().unwrap().insert(request.connection, request.number);
                if hangs { answer.hangs(0) } else { answer.cut_after_token(1) }
            }
            answer => answer,
        });
        scene.scim.patch("/Users/7", &rename()).is_error(400, "invalidValue");
        is_user(&scene.scim.get("/Users/8").is(200), 8);
        eventually("the connection's end", || scene.endpoint.open() <= 1);
        assert!(scene.endpoint.connections() > first);
        scene.recovers();
    }
}

#[test]
fn a_gateway_that_is_told_to_end_does_not_wait_for_a_stalled_server() {
    let folder = folder();
    let endpoint = Endpoint::start(Encryption::All(certified(folder.path(), "server")), application::answer);
    let limits = "limits = { backend_deadline_ms = 60_000, drain_ms = 300 }\n".to_owned();
    let gateway = Gateway::serve(&[limits, endpoint.target("app", &keys(&folder))]);
    let scim = gateway.target("app");
    is_user(&scim.get("/Users/7").is(200), 7);
    endpoint.answers(|request| match application::answer(request) {
        answer if application::writes(request) => answer.hangs(1),
        answer => answer,
    });
    std::thread::scope(|scope| {
        for number in 1..5 {
            let scim = scim.clone();
            let body = person(number).to_string().into_bytes();
            scope.spawn(move || scim.try_send("POST", "/Users", "application/scim+json", body));
        }
        let writes = || endpoint.seen().iter().filter(|request| application::writes(request)).count();
        eventually("writes that stall", || writes() == 4);
        let began = Instant::now();
        assert_eq!(gateway.terminate(), Some(0));
        assert!(began.elapsed() < MARGIN, "{:?}", began.elapsed());
    });
    assert_eq!(count(&endpoint.seen(), |ask| *ask == Ask::Commit), 0);
    eventually("the connections' end", || endpoint.open() == 0);
}

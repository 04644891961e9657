//! Errors of each class, and what the gateway makes of them.

use super::{Scene, count, is_refused, is_user, rename};
use crate::support::tds::application;
use crate::support::tds::request::Ask;

#[test]
fn an_error_is_told_by_its_number_and_the_connection_stays() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    for (number, class, status, scim_type) in [
        (2627, 14, 409, "uniqueness"),
        (2601, 14, 409, "uniqueness"),
        (547, 16, 400, "invalidValue"),
        (515, 16, 400, "invalidValue"),
        (8152, 16, 400, "invalidValue"),
        (2628, 16, 400, "invalidValue"),
        (220, 16, 400, "invalidValue"),
        (8115, 16, 400, "invalidValue"),
        (245, 16, 400, "invalidValue"),
        (50_000, 11, 400, "invalidValue"),
        (50_001, 16, 400, "invalidValue"),
        // What the mapping says of a number.
        (50_005, 16, 409, "uniqueness"),
        (50_006, 16, 400, "mutability"),
        (59_999, 18, 400, "invalidValue"),
        (229, 14, 403, ""),
        (1222, 16, 503, ""),
        (208, 16, 500, ""),
        (701, 17, 500, ""),
        (3624, 19, 500, ""),
    ] {
        scene.endpoint.answers(move |request| match application::writes(request) {
            true => request.error(number, class, "the server's own words about user-7"),
            false => application::answer(request),
        });
        let before = scene.endpoint.seen().len();
        let answer = scene.scim.patch("/Users/7", &rename());
        assert_eq!(answer.status, status, "{number}: {answer:?}");
        let detail = answer.is_error(status, scim_type);
        assert!(!detail.contains("own words"), "{number}: {detail}");
        assert_eq!(detail == "This one is there already.", number == 50_005, "{number}: {detail}");
        scene.heal();
        is_user(&scene.scim.get("/Users/8").is(200), 8);
        is_user(&scene.scim.patch("/Users/9", &rename()).is(200), 9);
        // The transaction was rolled back before the connection served another.
        let seen = &scene.endpoint.seen()[before..];
        assert_eq!(count(seen, |ask| *ask == Ask::Commit), 1, "{number}");
    }
    scene.is_sound();
    // What the gateway understands is no alarm; its own words tell it, not a library's.
    let log = scene.gateway.log();
    let told: Vec<_> = log.iter().filter(|line| line.contains("own words")).collect();
    assert!(told.iter().all(|line| line.contains("\"gantry::")), "{told:#?}");
    // One that is rolled back in the background, perhaps, while the next is asked.
    assert!(scene.endpoint.connections() <= 2, "{}", scene.endpoint.connections());
}

#[test]
fn an_error_of_class_20_and_above_ends_the_connection() {
    let mut scene = Scene::new();
    for class in [20, 21, 24, 25] {
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        let before = scene.endpoint.connections();
        scene.spoil(application::reads, move |request, _| request.error(823, class, "the disk is broken"));
        is_refused(2, || scene.scim.get("/Users/7"));
        scene.spoil(application::writes, move |request, _| request.error(823, class, "the disk is broken"));
        is_refused(2, || scene.scim.patch("/Users/7", &rename()));
        scene.recovers();
        assert!(scene.endpoint.connections() > before + 1);
    }
}

#[test]
fn the_victim_of_a_deadlock_tries_again_from_the_beginning() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    // Twice, and then no more.
    let times = std::sync::atomic::AtomicUsize::new(2);
    scene.endpoint.answers(move |request| {
        use std::sync::atomic::Ordering::Relaxed;
        let is_victim = application::writes(request)
            && times.fetch_update(Relaxed, Relaxed, |times| times.checked_sub(1)).is_ok();
        if is_victim { request.deadlock() } else { application::answer(request) }
    });
    let before = scene.endpoint.seen().len();
    is_user(&scene.scim.patch("/Users/7", &rename()).is(200), 7);
    let seen = &scene.endpoint.seen()[before..];
    let of = |which: fn(&Ask) -> bool| count(seen, which);
    assert_eq!((of(|ask| matches!(ask, Ask::Begin(_))), of(|ask| *ask == Ask::Commit)), (3, 1), "{seen:#?}");
    // Each time from the read that decided it.
    assert!(seen.iter().filter(|request| application::reads(request)).count() >= 3, "{seen:#?}");
    // Always: it gives up in the end.
    scene.endpoint.answers(|request| match application::writes(request) {
        true => request.deadlock(),
        false => application::answer(request),
    });
    let before = scene.endpoint.seen().len();
    let detail = is_refused(2, || scene.scim.patch("/Users/7", &rename()));
    assert!(detail.contains("Others are changing"), "{detail}");
    let seen = &scene.endpoint.seen()[before..];
    let (begun, done) =
        (count(seen, |ask| matches!(ask, Ask::Begin(_))), count(seen, |ask| *ask == Ask::Commit));
    assert!((3..10).contains(&begun) && done == 0, "{begun} {done}");
    scene.recovers();
}

#[test]
fn an_error_of_a_commit_is_no_success() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    scene.spoil(|request| request.ask == Ask::Commit, |request, _| request.error(3998, 16, "Uncommittable"));
    let answer = scene.scim.patch("/Users/7", &rename());
    assert!(answer.status >= 500, "{answer:?}");
    scene.recovers();
}

#[test]
fn an_error_behind_rows_is_an_error() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    for class in [16, 20] {
        scene.endpoint.answers(move |request| {
            let mut answer = application::answer(request);
            if application::reads(request) {
                // In the midst of the rows, and the rest goes on as if nothing were.
                let mut behind = request.error(50_001, class, "no").tokens;
                behind.truncate(2);
                answer.tokens.splice(2..2, behind);
            }
            answer
        });
        let answer = scene.scim.get("/Users/7");
        assert_eq!(answer.status, if class < 20 { 400 } else { 503 }, "{answer:?}");
    }
    scene.recovers();
}

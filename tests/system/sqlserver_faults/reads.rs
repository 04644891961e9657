//! What reads meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{CONNECTIONS, DEADLINE, Scene, count, is_login, is_refused, is_user, person, rename};
use crate::support::eventually;
use crate::support::tds::answer::{Answer, Outcome};
use crate::support::tds::application;
use crate::support::tds::request::{Ask, Request};
use crate::support::tds::token::Token;
use crate::support::tds::value::{Type, Value};

#[test]
fn without_a_fault_all_is_well() {
    let mut scene = Scene::new();
    let scim = &scene.scim;
    is_user(&scim.get("/Users/7").is(200), 7);
    is_user(&scim.find("/Users", "userName eq \"user-8\"").is(200)["Resources"][0], 8);
    assert_eq!(scim.find("/Users", "userName eq \"nobody\"").is(200)["totalResults"], 0);
    let page = scim.get("/Users?startIndex=71&count=3").is(200);
    assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(application::PEOPLE), &json!(3)));
    (71..74).zip(page["Resources"].as_array().unwrap()).for_each(|(number, user)| is_user(user, number));
    is_user(&scim.post("/Users", &person(9)).is(201), 9);
    is_user(&scim.patch("/Users/10", &rename()).is(200), 10);
    scim.delete("/Users/11").is(204);
    let seen = scene.endpoint.seen();
    // One after the other: one connection served them all.
    assert_eq!((scene.endpoint.connections(), count(&seen, is_login)), (1, 1));
    let Some(Ask::Login(login)) = seen.iter().map(|request| &request.ask).find(|ask| is_login(ask)) else {
        panic!("{seen:?}")
    };
    assert_eq!((login.user.as_str(), login.application.as_str()), ("scim", "gantry"));
    assert_eq!((login.database.as_str(), login.only_reads), ("hr", false));
    // Three writes, each a transaction of its own that locks at READ COMMITTED; reads are in none.
    assert_eq!(count(&seen, |ask| *ask == Ask::Begin(2)), 3);
    assert_eq!(count(&seen, |ask| *ask == Ask::Commit), 3);
    assert_eq!(seen.iter().filter(|request| application::writes(request)).count(), 3);
    assert!(seen.iter().all(|request| !application::writes(request) || request.transaction.is_some()));
    assert!(seen[..6].iter().all(|request| request.transaction.is_none()), "{:#?}", &seen[..6]);
    // No client's value stands in a statement.
    assert!(
        seen.iter().filter_map(Request::text).all(|text| !text.contains("user-") && !text.contains("other"))
    );
    scene.is_sound();
}

/// A read meets this at each try: 503 in time, and all is well afterwards.
#[track_caller]
fn meets(scene: &mut Scene, what: &str, how: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static) {
    // A connection lies there, which may be stale for all that the gateway knows.
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    scene.spoil(application::reads, how);
    let detail = is_refused(2, || scene.scim.get("/Users/7"));
    assert!(detail.contains("does not answer"), "{what}: {detail}");
    scene.recovers();
    eventually(&format!("the connections' end after {what}"), || scene.endpoint.open() == 1);
}

/// How many tokens the answer to a read of one user has.
fn tokens(scene: &Scene) -> usize {
    scene.scim.get("/Users/7").is(200);
    let seen = scene.endpoint.seen();
    application::answer(seen.iter().rev().find(|request| application::reads(request)).unwrap()).tokens.len()
}

#[test]
fn a_stall_before_and_inside_a_result() {
    let mut scene = Scene::new();
    for after in 0..tokens(&scene) {
        meets(&mut scene, &format!("a stall after {after}"), move |_, answer| answer.hangs(after));
    }
    meets(&mut scene, "an answer that comes late", |_, answer| answer.comes_late());
    // One that ends in time is none.
    scene.spoil(application::reads, |_, answer| answer.stalls(2, DEADLINE / 3));
    is_user(&scene.scim.get("/Users/7").is(200), 7);
}

#[test]
fn a_connection_that_is_cut() {
    let mut scene = Scene::new();
    for after in 0..tokens(&scene) {
        meets(&mut scene, &format!("a cut after {after}"), move |_, answer| answer.cut_after_token(after));
    }
    for after in [1, 7, 8, 9, 60, 100] {
        meets(&mut scene, &format!("a cut after octet {after}"), move |_, answer| {
            answer.cut_after_octet(after)
        });
    }
}

#[test]
fn a_connection_that_was_cut_while_it_lay_there() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    // A restart, or a firewall: nobody is told.
    for path in ["/Users/8", "/Users?startIndex=1&count=2"] {
        scene.endpoint.cut();
        scene.scim.get(path).is(200);
    }
    scene.endpoint.cut();
    is_user(&scene.scim.patch("/Users/9", &rename()).is(200), 9);
    // Cut in the middle of the answer, once: asked again, since it only reads.
    let first = scene.endpoint.connections();
    scene.spoil(
        move |request| application::reads(request) && request.connection == first,
        |_, answer| answer.cut_after_token(2),
    );
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    assert_eq!(scene.endpoint.connections(), first + 1);
    scene.recovers();
}

#[test]
fn connections_that_went_silent_while_they_lay_there() {
    let mut scene = Scene::new();
    fill(&scene);
    let first = scene.endpoint.connections();
    // A firewall that forgot them, without a word.
    scene.spoil(move |request| request.connection <= first, |_, answer| answer.hangs(0));
    is_refused(1, || scene.scim.get("/Users/7"));
    // One found out for all.
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    scene.recovers();
}

#[test]
fn garbage() {
    let mut scene = Scene::new();
    for garbage in [&[0_u8; 64][..], &[0xff; 4096], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        for after in [0, 2] {
            meets(&mut scene, "garbage", move |_, answer| answer.turns_into(after, garbage));
        }
    }
    // Well packed, and no tokens: a token of no type, a row before its columns, a text that is longer than all.
    for tokens in [vec![0x5a; 100], vec![0xd1, 0, 0, 0], vec![0xaa, 0xff, 0xff, 1, 2, 3]] {
        meets(&mut scene, "no tokens", move |_, _| Answer::of(vec![Token::Octets(tokens.clone())]));
    }
}

#[test]
fn an_answer_with_fewer_results_than_were_asked_for() {
    let mut scene = Scene::new();
    scene.scim.get("/Users?startIndex=1&count=2").is(200);
    // Well-formed, and another's for all that anybody knows.
    for kept in [0, 1] {
        scene.spoil(application::reads, move |request, _| {
            let outcomes = vec![Outcome::row([(Type::Int(8), Value::Int(1))]); kept];
            request.answer(if kept == 0 { vec![Outcome::Changed(0)] } else { outcomes })
        });
        is_refused(2, || scene.scim.get("/Users?startIndex=1&count=2"));
        scene.recovers();
    }
}

#[test]
fn values_that_cannot_be() {
    let mut scene = Scene::new();
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    for (kind, value) in [
        (Type::DateTime2(7), Value::DateTime(738_000, 2 * 864_000_000_000)),
        (Type::DateTime2(7), Value::DateTime(0xff_ffff, 0)),
        (Type::DateTimeOffset(7), Value::DateTimeOffset(738_000, 0, 30_000)),
        (Type::DateTimeOffset(7), Value::DateTimeOffset(0xff_ffff, 864_000_000_000 - 1, 840)),
        (Type::Date, Value::Date(0xff_ffff)),
        (Type::Decimal(38, 38), Value::Decimal(i128::MAX, 38)),
        (Type::Money, Value::Decimal(i64::MIN.into(), 4)),
        (Type::VarBinary(8), Value::Octets(vec![0xff; 8])),
        (Type::Bit, Value::Bit(true)),
    ] {
        scene.endpoint.answers({
            let value = value.clone();
            move |request| match application::reads(request) {
                true => request.answer([Outcome::row([
                    (Type::Int(8), Value::Int(7)),
                    (Type::NVarChar(200), Value::Text("user-7".into())),
                    (kind, value.clone()),
                ])]),
                false => application::answer(request),
            }
        });
        // It is shown as what it is, or it is an error: the gateway lives.
        let answer = scene.scim.get("/Users/7");
        assert!([200, 500].contains(&answer.status), "{value:?}: {answer:?}");
    }
    scene.recovers();
}

#[test]
fn a_text_that_is_none_is_shown_as_far_as_it_is() {
    let mut scene = Scene::new();
    // An A, and the first half of a character: NVARCHAR takes it.
    let half = Value::Octets(vec![0x41, 0, 0, 0xd8]);
    scene.endpoint.answers(move |request| match application::reads(request) {
        true => request.answer([Outcome::row([
            (Type::Int(8), Value::Int(7)),
            (Type::NVarChar(200), Value::Text("user-7".into())),
            (Type::NVarChar(200), half.clone()),
        ])]),
        false => application::answer(request),
    });
    assert_eq!(scene.scim.get("/Users/7").is(200)["displayName"], "A\u{fffd}");
    scene.recovers();
}

#[test]
fn a_text_in_a_code_page_of_ms_dos_is_asked_for_in_unicode() {
    for (kind, shown) in
        [("varchar", "CAST(t.[Name] AS NVARCHAR(MAX))"), ("char", "RTRIM(CAST(t.[Name] AS NVARCHAR(4000)))")]
    {
        let scene = Scene::new();
        scene.endpoint.answers(move |request| match request.text() {
            Some(text) if text.contains("sys.columns") => {
                request.answer([application::columns(kind, Some(850))])
            }
            _ => application::answer(request),
        });
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        let seen = scene.endpoint.seen();
        let texts: Vec<_> =
            seen.iter().filter(|request| application::reads(request)).filter_map(Request::text).collect();
        assert!(texts.iter().all(|text| text.contains(&format!("{shown} FROM"))), "{texts:#?}");
    }
}

#[test]
fn an_answer_in_packets_of_one_octet_is_one() {
    let scene = Scene::new();
    scene.endpoint.answers(|request| application::answer(request).in_packets_of(1));
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    is_user(&scene.scim.patch("/Users/8", &rename()).is(200), 8);
    assert_eq!(scene.endpoint.connections(), 1);
}

#[test]
fn a_server_that_stalls_holds_up_to_the_pools_size_and_not_for_long() {
    let mut scene = Scene::new();
    scene.spoil(application::reads, |_, answer| answer.hangs(1));
    std::thread::scope(|scope| {
        for number in 0..3 * CONNECTIONS {
            let scim = scene.scim.clone();
            scope.spawn(move || is_refused(2, || scim.get(&format!("/Users/{number}"))));
        }
    });
    assert!(scene.endpoint.connections() <= 3 * CONNECTIONS);
    scene.recovers();
}

#[test]
fn who_waited_for_a_place_and_has_little_time_left_does_not_find_the_server_down() {
    let mut scene = Scene::new();
    fill(&scene);
    // What is asked on the connections that there are never ends, and takes all places.
    let (first, taken) = (scene.endpoint.connections(), Arc::new(AtomicUsize::new(0)));
    scene.endpoint.answers({
        let taken = taken.clone();
        move |request| match application::answer(request) {
            answer if request.connection <= first => {
                taken.fetch_add(1, Ordering::Relaxed);
                answer.hangs(0)
            }
            answer => answer,
        }
    });
    std::thread::scope(|scope| {
        for number in 1..=CONNECTIONS as i64 {
            let scim = &scene.scim;
            scope.spawn(move || is_refused(2, || scim.get(&format!("/Users/{number}"))));
        }
        eventually("all places to be taken", || taken.load(Ordering::Relaxed) == CONNECTIONS);
        // They get a place when it is nearly too late.
        for number in 1..=4 {
            let scim = &scene.scim;
            scope.spawn(move || scim.get(&format!("/Users/{number}")));
        }
    });
    is_user(&scene.scim.get("/Users/8").is(200), 8);
    scene.is_sound();
}

/// As many connections as there can be lie there.
fn fill(scene: &Scene) {
    scene.endpoint.answers(|request| match application::answer(request) {
        answer if application::reads(request) => answer.stalls(0, DEADLINE / 3),
        answer => answer,
    });
    eventually("all connections", || {
        std::thread::scope(|scope| {
            (0..CONNECTIONS).for_each(|_| _ = scope.spawn(|| scene.scim.get("/Users/7")));
        });
        scene.endpoint.open() == CONNECTIONS
    });
}

//! Many requests of many clients while the server commits random faults and clients hang up: no answer belongs to
//! another request, none outlives its deadline, nothing leaks. Some hundreds of requests; `scripts/soak -t` does
//! thousands.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{CONNECTIONS, MARGIN, Scene, WHOLE_DEADLINE, is_user, person, rename};
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::random::Random;
use crate::support::scim::{Answer as Response, Scim};
use crate::support::tds::answer::Answer;
use crate::support::tds::application;
use crate::support::tds::request::{Ask, Request};
use crate::support::{eventually, number};

const CLIENTS: usize = 16;
/// Of so many requests to the server one meets a fault.
const REQUESTS_A_FAULT: usize = 12;
/// And of so many logins: after one, nobody is let through for a while.
const LOGINS_A_FAULT: usize = 60;

#[test]
#[allow(clippy::print_stdout, reason = "the seed, with which a failure comes again")]
fn no_answer_is_anothers_and_nothing_leaks() {
    let requests = number("GANTRY_TDS_REQUESTS").map_or(600, |requests| requests as usize);
    let seed = number("GANTRY_TDS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}, {requests} requests");
    let mut scene = Scene::new();
    warm_up(&scene);
    let before = Usage::of(&scene.gateway);
    let faults = spoil_at_random(&scene, seed);
    let told = ask_at_random(&scene, seed, requests);
    println!("{faults:?} faults; answers: {told:?}");
    assert!(faults.lock().unwrap().iter().all(|count| *count > 0), "{faults:?}");
    assert!([200, 503].iter().all(|status| told.iter().any(|(of, _)| of == status)), "{told:?}");
    scene.recovers();
    warm_up(&scene);
    // What was spoilt is closed, and what is there is used again.
    eventually("the end of what was spoilt", || scene.endpoint.open() <= CONNECTIONS);
    let after = Usage::of(&scene.gateway);
    println!("{before:?} {after:?}");
    assert!(after.files <= before.files + CONNECTIONS, "{before:?} {after:?}");
    assert!(after.kilobytes < before.kilobytes + 40_000, "{before:?} {after:?}");
    let Scene { endpoint, gateway, .. } = scene;
    assert_eq!(gateway.terminate(), Some(0));
    eventually("the end of all connections", || endpoint.open() == 0);
}

/// As many connections as there can be, and what they need. All at once, they may take longer than one may.
fn warm_up(scene: &Scene) {
    std::thread::scope(|scope| {
        for client in 1..=CLIENTS as i64 {
            scope.spawn(move || {
                eventually("a connection", || scene.scim.get(&format!("/Users/{client}")).status == 200);
            });
        }
    });
}

/// What the gateway holds.
#[derive(Debug)]
struct Usage {
    files: usize,
    kilobytes: usize,
}

// === impl Usage ===

impl Usage {
    fn of(gateway: &Gateway) -> Self {
        let process = format!("/proc/{}", gateway.pid());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            files: std::fs::read_dir(format!("{process}/fd")).unwrap().count(),
            kilobytes: resident.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }
}

// === The server's faults ===

const KINDS: usize = 10;

/// Random faults from now on; how many of each kind there were.
fn spoil_at_random(scene: &Scene, seed: u64) -> &'static Mutex<[usize; KINDS]> {
    let counts: &Mutex<[usize; KINDS]> = Box::leak(Box::default());
    let random = Mutex::new(Random(seed));
    let spoilt = scene.spoilt.clone();
    scene.endpoint.answers(move |request| {
        let answer = application::answer(request);
        let mut random = random.lock().unwrap();
        let rate = if is_of_a_login(request) { LOGINS_A_FAULT } else { REQUESTS_A_FAULT };
        if random.below(rate) > 0 {
            return answer;
        }
        let kind = random.below(KINDS);
        counts.lock().unwrap()[kind] += 1;
        let (answer, ends) = fault(request, answer, kind, &mut random);
        if ends {
            spoilt.0.lock().unwrap().insert(request.connection, request.number);
        }
        answer
    });
    counts
}

fn is_of_a_login(request: &Request) -> bool {
    matches!(request.ask, Ask::Prelogin(_) | Ask::Login(_))
}

/// A fault, and whether the connection is of no use after it.
fn fault(request: &Request, answer: Answer, kind: usize, random: &mut Random) -> (Answer, bool) {
    let (token, octet) = (random.below(answer.tokens.len() + 1), random.below(answer.length()));
    let is_statement = request.text().is_some();
    match kind {
        0 => (answer.hangs(token), true),
        1 => (answer.stalls(token, random.up_to(200)), false),
        2 => (answer.cut_after_token(token), true),
        3 => (answer.cut_after_octet(octet), true),
        4 => {
            let garbage: Vec<u8> = (0..random.below(200) + 8).map(|_| random.below(256) as u8).collect();
            (answer.turns_into(token, &garbage), true)
        }
        5 => (answer.comes_late(), true),
        6 => (answer.in_packets_of(random.below(20) + 1), false),
        7 if is_statement => {
            (request.error(50_000 + random.below(9) as i32, 11 + random.below(8) as u8, "no"), false)
        }
        8 if is_statement => (request.error(823, 20 + random.below(6) as u8, "the disk is broken"), true),
        9 if is_statement && request.transaction.is_some() => (request.deadlock(), false),
        _ => (answer.stalls(0, random.up_to(50)), false),
    }
}

// === The clients ===

/// So many requests that are done or refused for a reason, and how often each status was answered.
fn ask_at_random(scene: &Scene, seed: u64, requests: usize) -> Vec<(u16, usize)> {
    // While nobody is let through, 503 is quickly said: it is not what is counted.
    let (done, told) = (AtomicUsize::new(0), Mutex::new(std::collections::BTreeMap::new()));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (scim, done, told) = (scene.scim.clone(), &done, &told);
            scope.spawn(move || {
                let mut random = Random(seed + 1 + client as u64);
                while done.load(Ordering::Relaxed) < requests {
                    let number = random.below(application::PEOPLE as usize - 10) as i64 + 1;
                    if random.below(8) == 0 {
                        hang_up(&scim, number, random.up_to(300));
                        continue;
                    }
                    let began = Instant::now();
                    let status = ask(&scim, number, random.below(6));
                    assert!(began.elapsed() < WHOLE_DEADLINE + MARGIN, "{:?}", began.elapsed());
                    done.fetch_add(usize::from(status != 503), Ordering::Relaxed);
                    *told.lock().unwrap().entry(status).or_insert(0) += 1;
                }
            });
        }
    });
    told.into_inner().unwrap().into_iter().collect()
}

/// One request about this number; whatever it is answered is about this number. The status.
fn ask(scim: &Scim, number: i64, kind: usize) -> u16 {
    let path = format!("/Users/{number}");
    let (answer, expected) = match kind {
        0 => (scim.get(&path), 200),
        1 => (scim.patch(&path, &rename()), 200),
        2 => (scim.post("/Users", &person(number)), 201),
        3 => (scim.delete(&path), 204),
        4 => (scim.find("/Users", &format!("userName eq \"{}\"", application::login(number))), 200),
        _ => (scim.get(&format!("/Users?startIndex={number}&count=3")), 200),
    };
    match answer.status {
        status if status == expected => belongs(&answer, number, kind),
        // The application's own errors, two of which the mapping says more of.
        400 if answer.body["scimType"] == "mutability" => _ = answer.is_error(400, "mutability"),
        400 => _ = answer.is_error(400, "invalidValue"),
        409 => _ = answer.is_error(409, "uniqueness"),
        503 => {
            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
            answer.is_error(503, "");
        }
        _ => panic!("{answer:?}"),
    }
    answer.status
}

fn belongs(answer: &Response, number: i64, kind: usize) {
    match kind {
        0..=2 => is_user(&answer.body, number),
        3 => assert!(answer.body.is_null()),
        _ => {
            let found = answer.body["Resources"].as_array().unwrap();
            assert_eq!(found.len(), if kind == 4 { 1 } else { 3 }, "{answer:?}");
            (number..).zip(found).for_each(|(number, user)| is_user(user, number));
        }
    }
}

/// A client that does not wait for its answer.
fn hang_up(scim: &Scim, number: i64, after: Duration) {
    let (address, base) = scim.base.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let head = format!("Host: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/scim+json\r\n");
    let body = person(number).to_string();
    let request = match number % 2 {
        0 => format!("GET /{base}/Users/{number} HTTP/1.1\r\n{head}\r\n"),
        _ => format!("POST /{base}/Users HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()),
    };
    socket.write_all(request.as_bytes()).unwrap();
    std::thread::sleep(after);
}

//! Mappings whose functions do what they should not: each such request ends soon and in an error, and those of others
//! are answered meanwhile.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::database::Database;
use crate::support::gateway::{Gateway, gantry};
use crate::support::run;
use crate::support::scim::Scim;

/// What a call of a mapping's function may take.
const LIMIT: Duration = Duration::from_millis(50);
/// How much longer it may be on a busy machine, in a build that is not optimised.
const PATIENCE: u32 = 6;

/// Each the body of a function, with a word for it. `wide` has 16,000 letters, `long` 4,000 items.
const HOSTILE: [(&str, &str); 31] = [
    ("an endless loop", "loop {}"),
    ("a loop that counts", "let n = 0; while true { n += 1 }"),
    ("a long range", "for n in 0..9000000000000000000 { let m = n; }"),
    ("a long range by steps", "for n in range(0, 9000000000000000000, 1) { let m = n; }"),
    ("recursion", "deep(0)"),
    ("recursion of two", "ping(0)"),
    ("recursion of a closure", "let f = |x, me| me.call(x, me); f.call(1, f)"),
    ("recursion through a callback", "through([1])"),
    ("a text that doubles", "let s = \"x\"; loop { s += s; }"),
    ("a text that doubles in quotes", "let s = \"x\"; loop { s = `${s}${s}`; }"),
    ("a wide pad", "let s = \"\"; s.pad(1000000000, 'x'); s"),
    ("a wide replacement", "wide().replace(\"x\", wide())"),
    ("a wide replacement of nothing", "wide().replace(\"\", wide())"),
    ("a wide replacement of a letter", "let s = wide(); s.replace('x', wide()); s"),
    ("wide texts joined", "let s = wide(); loop { let t = s + s; }"),
    ("wide replacements", "let s = wide(); loop { let t = s.replace(\"x\", \"y\"); }"),
    ("wide texts searched", "let s = wide(); loop { let t = s.contains(\"xxxxxxxxxxxxxxxxxxxxxxxxy\"); }"),
    ("wide texts split", "let s = wide(); loop { let t = s.split(\"x\"); }"),
    ("wide texts in lower case", "let s = wide(); loop { let t = s.to_lower(); }"),
    ("letters from the end", "let s = wide(); loop { let t = s[-1]; let u = s.sub_string(15990, 5); }"),
    ("an array that doubles", "let a = [1]; loop { a += a; }"),
    ("an array that grows", "let a = []; loop { a.push(1); }"),
    ("an array of wide texts", "let a = []; let s = wide(); loop { a.push(s); }"),
    ("an array of wide texts by a callback", "let s = wide(); let a = long().map(|x| s); a.to_string()"),
    ("an array in an array", "let a = []; loop { a = [a]; }"),
    ("an array in an array as a text", "let a = []; for n in 0..4000 { a = [a]; } a.to_string()"),
    ("an array that is padded", "let a = []; a.pad(1000000000, 0); a"),
    ("arrays sorted", "loop { let a = long(); a.sort(|x, y| if x < y { 1 } else { -1 }); }"),
    ("arrays compared", "let a = long(); let b = long(); loop { let c = a == b; }"),
    ("arrays without doubles", "loop { let a = long(); a.dedup(); }"),
    ("a map that grows", "let m = #{}; let n = 0; loop { m[`k${n}`] = m; n += 1; }"),
];

/// What must not even load.
const REFUSED: [(&str, &str); 6] = [
    ("an import", "import \"/etc/passwd\" as p;"),
    ("a file", "fn f(v) { open(\"/etc/passwd\") }"),
    ("another way to a file", "fn f(v) { read_file(\"/etc/passwd\") }"),
    ("sleep", "fn f(v) { sleep(10) }"),
    ("eval", "fn f(v) { eval(\"1\") }"),
    ("an endless loop at load", "loop {}"),
];

const TABLE: &str =
    "CREATE TABLE P (Id INTEGER PRIMARY KEY, Name TEXT NOT NULL UNIQUE, Note TEXT, Kind TEXT);";

/// The mapping with what is hostile, chosen by the value that is written to a note. Reading a title takes long, and is
/// not hostile enough to be stopped.
fn mapping() -> String {
    let mut text = "resource(\"User\").table(\"P\").id(\"Id\").on_delete(\"delete\");\n\
         attr(\"userName\", \"Name\").required().unique();\n\
         attr(\"nickName\", \"Note\").write(\"hostile\");\n\
         attr(\"title\", \"Kind\").read(\"slow\").returned(\"request\");\n\
         fn deep(n) { deep(n + 1) }\n\
         fn ping(n) { pong(n) }\nfn pong(n) { ping(n) }\n\
         fn through(a) { a.map(|x| through(a)) }\n\
         fn wide() { let s = \"\"; s.pad(16000, 'x'); s }\n\
         fn long() { let a = []; a.pad(4000, 0); a }\n\
         fn slow(value) { for n in 0..1000 { if n < 0 { return () } } value }\n\
         fn hostile(value) {\nswitch value {\n"
        .to_owned();
    for (name, body) in HOSTILE {
        writeln!(text, "{name:?} => {{ {body} }},").unwrap();
    }
    text + "_ => value\n}\n}\n"
}

fn gateway(database: &Database) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let file = crate::support::gateway::write_configuration(
        folder.path(),
        &[database.target("p", folder.path().to_str().unwrap())],
    );
    std::fs::write(folder.path().join("mapping.rhai"), mapping()).unwrap();
    Gateway::start(gantry().args(["serve", "--config"]).arg(file), folder)
}

/// The time that a process has spent on its processors.
fn spent(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = text.rsplit_once(')').unwrap().1;
    let numbers: Vec<u64> =
        after_name.split_whitespace().skip(11).take(2).map(|n| n.parse().unwrap()).collect();
    // In hundredths of a second, whatever the kernel's own clock is.
    Duration::from_millis(10 * numbers.iter().sum::<u64>())
}

#[test]
fn a_hostile_function_ends_soon_and_in_an_error() {
    let database = Database::holding(TABLE);
    let mut gateway = gateway(&database);
    let scim = gateway.target("p");
    scim.post("/Users", &json!({ "userName": "ada", "nickName": "kind" })).is(201);
    let mut slow = Vec::new();
    for (name, _) in HOSTILE {
        let body = json!({ "userName": name, "nickName": name });
        let before = spent(gateway.pid());
        for _ in 0..4 {
            let detail = scim.post("/Users", &body).is_error(500, "");
            assert_eq!(
                detail, "The mapping of this target failed on a value; the log has the place.",
                "{name}"
            );
        }
        let each = (spent(gateway.pid()) - before) / 4;
        if each > LIMIT * PATIENCE {
            slow.push((name, each));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 1);
    let kilobytes = peak(gateway.pid());
    assert!(kilobytes < 300_000, "{kilobytes} kB were held at some time");
    gateway.is_sound();
}

/// The most that a process ever held.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_must_not_be_in_a_mapping_does_not_load() {
    let database = Database::holding(TABLE);
    for (name, text) in REFUSED {
        let folder = tempfile::tempdir().unwrap();
        let target = database.target("p", folder.path().to_str().unwrap());
        let file = crate::support::gateway::write_configuration(folder.path(), &[target]);
        std::fs::write(folder.path().join("mapping.rhai"), format!("{}{text}\n", mapping())).unwrap();
        let done = run(gantry().args(["check", "--config"]).arg(file));
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("mapping.rhai:"), "{name}: {said}");
    }
}

/// Two clients keep as many cores busy as the gateway has threads on a small machine; a third one asks meanwhile.
#[test]
fn others_are_answered_while_functions_take_their_time() {
    let rows: String =
        (0..200).map(|n| format!("INSERT INTO P (Name, Kind) VALUES ('n{n}', 'k');")).collect();
    let database = Database::holding(&format!("{TABLE}{rows}"));
    let gateway = gateway(&database);
    let scim = gateway.target("p");
    let alone = mean(&scim, 40);
    let is_over = AtomicBool::new(false);
    let listed = Instant::now();
    scim.get("/Users?attributes=title").is(200);
    let listed = listed.elapsed();
    let beside = std::thread::scope(|scope| {
        for scim in [scim.clone(), scim.clone()] {
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    scim.get("/Users?attributes=title").is(200);
                }
            });
            let (scim, is_over) = (gateway.target("p"), is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    scim.post("/Users", &json!({ "userName": "x", "nickName": "an endless loop" })).is(500);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(200));
        let beside = mean(&scim, 40);
        is_over.store(true, Ordering::Relaxed);
        beside
    });
    assert!(listed > LIMIT * 2, "{listed:?}: these lists are no burden");
    assert!(beside < listed / 3, "alone {alone:?}, beside {beside:?}, where a list takes {listed:?}");
}

/// How long a small request takes, of so many.
fn mean(scim: &Scim, count: u32) -> Duration {
    let began = Instant::now();
    (0..count).for_each(|_| _ = scim.get("/Users/1?attributes=userName").is(200));
    began.elapsed() / count
}

//! The suites for SQL on a SQL Server, Azure SQL or Babelfish: the one that `GANTRY_TEST_SQLSERVER` names. Each is the
//! same function that `tests/system` runs on SQLite. Without a server this says which did not run, and ends well;
//! `tests/README.md` says how to have one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends loudly")]
#![allow(clippy::print_stdout, reason = "it is its own harness")]
#![allow(dead_code, unused_imports, reason = "the suites for other backends run in tests/system")]

#[path = "sqlserver/arguments.rs"]
mod arguments;
#[path = "system/bulk.rs"]
mod bulk;
#[path = "system/cases.rs"]
mod cases;
#[path = "system/composite.rs"]
mod composite;
#[path = "system/concurrency.rs"]
mod concurrency;
#[path = "system/conformance.rs"]
mod conformance;
#[path = "sqlserver/doctor.rs"]
mod doctor;
#[path = "system/existence.rs"]
mod existence;
#[path = "system/tour.rs"]
mod guide;
#[path = "system/history.rs"]
mod history;
#[path = "system/hooks.rs"]
mod hooks;
#[path = "system/hostile.rs"]
mod hostile;
#[path = "system/init.rs"]
mod init;
#[path = "system/lifecycle.rs"]
mod lifecycle;
#[path = "system/membership.rs"]
mod membership;
#[path = "system/plan.rs"]
mod plan;
#[path = "sqlserver/procedures.rs"]
mod procedures;
#[path = "system/properties/mod.rs"]
mod properties;
#[path = "system/queries.rs"]
mod queries;
#[path = "system/refusals.rs"]
mod refusals;
#[path = "system/support/mod.rs"]
mod support;
#[path = "system/tenants.rs"]
mod tenants;
#[path = "sqlserver/tour.rs"]
mod tour;
#[path = "system/uids.rs"]
mod uids;
#[path = "system/versions.rs"]
mod versions;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

use arguments::Arguments;
use support::database::Database;
use support::gateway::Gateway;
use support::sqlserver::{Place, VARIABLE};

/// What is run, one after the other: each makes its tables in the one database there is, and drops them.
const SCENARIOS: [(&str, fn()); 48] = [
    ("bulk::crm", || bulk::crm(&crm())),
    ("bulk::plain", || bulk::plain(&plain())),
    ("cases::filters", || cases::filters(&plain())),
    ("cases::patches", || cases::patches(&plain())),
    ("composite::desks", || composite::desks(&composite())),
    ("composite::life", || composite::life(&composite())),
    ("composite::members", || composite::members(&composite())),
    ("composite::no_ids", || composite::no_ids(&composite())),
    ("composite::pages", || composite::pages(&composite())),
    ("composite::given_keys", || composite::given_keys(&composite())),
    ("concurrency::crm", || concurrency::crm(&crm())),
    ("concurrency::plain", || concurrency::plain(&plain())),
    ("conformance::crm", || on("crm", |gateway| conformance::has_no_failed_check(gateway, "crm"))),
    ("conformance::plain", || on("plain", |gateway| conformance::has_no_failed_check(gateway, "plain"))),
    ("doctor::of_tables", || doctor::of_tables(&crm())),
    ("existence::rows", || existence::rows(&Database::on_server("kept"))),
    ("history::rows_of_three_tables", || history::rows_of_three_tables(&history())),
    ("history::dated_rows", || history::dated_rows(&history())),
    ("history::by_logins", || history::by_logins(&history())),
    ("hooks::rows", || hooks::rows(&Database::on_server("hooks"), "hooks-sqlserver")),
    ("hostile::crm", || hostile::crm(&crm())),
    ("hostile::plain", || hostile::plain(&Database::on_server("exact"))),
    ("init::crm", || drafted(&crm(), init::crm)),
    ("init::plain", || drafted(&plain(), init::plain)),
    ("lifecycle::crm", || lifecycle::crm(&crm())),
    ("lifecycle::plain", || lifecycle::plain(&plain())),
    ("membership::rows", || membership::rows(&plain())),
    ("plan::crm_methods", || plan::crm_methods(&crm())),
    ("plan::crm_rows", || plan::crm_rows(&crm, "O'Neil\"; DROP TABLE AppUser;--\n@P1 = :id ß")),
    ("plan::plain_methods", || plan::plain_methods(&plain())),
    ("plan::plain_rows", || plan::plain_rows(&plain)),
    ("procedures::life", || procedures::life(&Database::on_server("procedures"))),
    ("procedures::result_sets", || procedures::result_sets(&Database::on_server("results"))),
    ("properties::filters", || {
        on("plain", |gateway| {
            properties::filters::agree(&gateway.target("plain"), "server", &FOLDED_ALIKE);
        })
    }),
    ("properties::members", || {
        on("plain", |gateway| {
            let team = properties::patches::Team::new(gateway.target("plain"));
            properties::patches::come_and_go(&[("server", team)], &|_| Ok(()));
        })
    }),
    ("properties::patches", || {
        on("plain", |gateway| {
            properties::patches::in_tables(&gateway.target("plain"), "server");
        })
    }),
    ("queries::crm", || queries::crm(crm())),
    ("queries::plain", || queries::plain(plain())),
    ("refusals::crm", || on("crm", |mut gateway| refusals::of_targets(&mut gateway, &["crm"]))),
    ("refusals::plain", || on("plain", |mut gateway| refusals::of_targets(&mut gateway, &["plain"]))),
    ("refusals::taken", || refusals::of_a_name_that_is_taken(&crm())),
    ("tenants::life", || tenants::life(&Database::on_server("tenants"))),
    ("tour::crm", || tour::crm(&crm())),
    ("versions::beside", || versions::beside(&Database::on_server("beside"))),
    ("versions::crm", || versions::crm(&crm())),
    ("versions::plain", || versions::plain(&plain())),
    ("versions::race_crm", || on("crm", |gateway| versions::race(&gateway.target("crm")))),
    ("versions::race_plain", || on("plain", |gateway| versions::race(&gateway.target("plain")))),
];

/// What rests on locks that Babelfish does not take: there nothing else, no row's version, keeps two writers apart.
const NEED_LOCKS: [&str; 1] = ["versions::race_plain"];

/// Of the texts of `properties`, those that every collation folds as Unicode's lower case does: no accents beside their
/// letter, no letters that are two, nothing without weight.
const FOLDED_ALIKE: [&str; 26] = [
    "anna",
    "Anna",
    "ANNA",
    "annabel",
    "änna",
    "ÄNNA",
    "é",
    "fin",
    " lead",
    "two  gaps",
    "two gaps",
    "a%b",
    "a_b",
    "axb",
    "a*b",
    "(a)(b)",
    "a\\b",
    "it's",
    "\"q\"",
    "cn=a,dc=b",
    "#1",
    "null",
    "true",
    "42",
    "042",
    "a-b",
];

fn crm() -> Database {
    Database::on_server("crm")
}

fn composite() -> Database {
    Database::on_server("composite")
}

fn history() -> Database {
    Database::on_server("history")
}

fn plain() -> Database {
    Database::on_server("plain")
}

/// Runs this with a gateway in front of the tables of one of the ready mappings.
fn on(mapping: &str, run: impl FnOnce(Gateway)) {
    let database = Database::on_server(mapping);
    let gateway = Gateway::serve(&[database.target(mapping, mapping)]);
    // A stand-in's first answer can take longer than somebody else's client waits.
    gateway.target(mapping).get("/Users?count=1").is(200);
    run(gateway);
}

/// Runs this with a draft of what is on the server.
fn drafted(database: &Database, run: impl FnOnce(&Database, &init::Drafted)) {
    let Database::SqlServer(server) = database else { panic!("no server") };
    let arguments = server.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let drafted = init::Drafted::of(&server.name(), &arguments);
    // A stand-in's first answer can take longer than somebody else's client waits.
    drafted.scim.get("/Users?count=1").is(200);
    run(database, &drafted);
}

fn main() -> ExitCode {
    let arguments = Arguments::given();
    let chosen: Vec<_> = SCENARIOS.iter().filter(|(name, _)| arguments.choose(name)).collect();
    if arguments.lists {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        println!("\n{} tests, 0 benchmarks", chosen.len());
        return ExitCode::SUCCESS;
    }
    let out = SCENARIOS.len() - chosen.len();
    match Place::given() {
        Some(place) => {
            let needs_locks = |one: &&&(&str, fn())| NEED_LOCKS.contains(&one.0);
            let left: Vec<_> = chosen.iter().filter(needs_locks).filter(|_| place.is_babelfish()).collect();
            left.iter()
                .for_each(|(name, _)| println!("!!! {name} DID NOT RUN: Babelfish ignores table hints."));
            let chosen: Vec<_> =
                chosen.iter().filter(|one| left.iter().all(|other| other.0 != one.0)).copied().collect();
            run(&chosen, left.len(), out)
        }
        None => {
            say_loudly(&chosen, out);
            ExitCode::SUCCESS
        }
    }
}

fn run(chosen: &[&(&str, fn())], left: usize, out: usize) -> ExitCode {
    println!("\nrunning {} tests", chosen.len());
    let begun = Instant::now();
    let mut failed = Vec::new();
    for (name, scenario) in chosen {
        println!("test {name} ...");
        let since = Instant::now();
        let is_well = catch_unwind(scenario).is_ok();
        let end = if is_well { "ok" } else { "FAILED" };
        println!("test {name} ... {end} ({:.1} s)", since.elapsed().as_secs_f32());
        if !is_well {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        println!("\nfailures:");
        failed.iter().for_each(|name| println!("    {name}"));
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = chosen.len() - failed.len();
    println!(
        "\ntest result: {word}. {passed} passed; {} failed; {left} ignored; 0 measured; {out} filtered out; finished in {:.2}s\n",
        failed.len(),
        begun.elapsed().as_secs_f32()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// That nothing was shown of a SQL Server.
fn say_loudly(chosen: &[&(&str, fn())], out: usize) {
    println!("\nrunning 0 tests\n");
    if !chosen.is_empty() {
        println!(
            "!!! {} TESTS DID NOT RUN: nothing here shows that Gantry works with SQL Server.",
            chosen.len()
        );
        println!("!!! They need a server, and {VARIABLE} is not set; tests/README.md says how.");
        chosen.iter().for_each(|(name, _)| println!("!!!     {name}"));
    }
    println!(
        "\ntest result: ok. 0 passed; 0 failed; {} ignored; 0 measured; {out} filtered out; finished in 0.00s\n",
        chosen.len()
    );
}

//! A large database: 100,000 people in the classic application's tables, in SQLite and, when `GANTRY_TEST_SQLSERVER` names
//! one, on a SQL Server. One caller asks, one request after the other, in turn with what a look-up costs, so that
//! what else the machine does meets all; shown are medians, how many times a look-up's they are, and the round trips to the
//! server, as the gateway's own log has them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Ask, Http};
use crate::process;
use crate::report;
use crate::support::database::Database;
use crate::support::gateway::{Gateway, TOKEN, gantry, write_configuration};
use crate::support::scim::encoded;

const PEOPLE: usize = 100_000;
/// How often each case is asked.
const TIMES: usize = 40;
/// What the gateway logs of each request to a server.
const ROUND_TRIP: &str = "asked the database";

/// The benchmark in front of one kind of database, or of all.
pub fn run(only: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("{}\n", report::machine());
    if only.is_none_or(|only| only == "sqlite") {
        let database = Database::of("crm");
        database.change(&sqlite());
        runtime.block_on(measure("SQLite", &database));
    }
    if only.is_none_or(|only| only == "sqlserver") {
        match std::env::var("GANTRY_TEST_SQLSERVER") {
            Ok(_) => {
                let database = Database::on_server("crm");
                database.change(&transact());
                runtime.block_on(measure("SQL Server", &database));
            }
            Err(_) => println!("SQL Server: NOT MEASURED, for GANTRY_TEST_SQLSERVER names none\n"),
        }
    }
}

/// Fills the demo's tables of SQLite up. Its own sample makes room.
fn sqlite() -> String {
    format!(
        "PRAGMA foreign_keys = OFF;
         BEGIN;
         DELETE FROM UserRole; DELETE FROM UserPhone; DELETE FROM AppUser;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {PEOPLE})
         INSERT INTO AppUser (UserId, LoginName, FirstName, LastName, Email, StatusCd, DeptId, ModifiedUtc)
         SELECT i + 1, printf('person%06d', i), 'First', 'Last' || i, printf('person%06d@example.test', i), 'A',
                i % 8 + 1, '2026-01-05T08:00:00Z' FROM n;
         INSERT INTO UserPhone SELECT UserId, 'W', printf('+49 30 %06d', UserId) FROM AppUser;
         COMMIT;
         ANALYZE;"
    )
}

/// The same on a server.
fn transact() -> String {
    let digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    let tens: Vec<String> = (0..5).map(|place| format!("{digits} AS d{place}(n)")).collect();
    let number = "d0.n + 10 * d1.n + 100 * d2.n + 1000 * d3.n + 10000 * d4.n";
    format!(
        "DELETE FROM UserRole; DELETE FROM UserPhone; DELETE FROM UserScim; DELETE FROM AppUser;
         INSERT INTO AppUser (LoginName, FirstName, LastName, Email, StatusCd, DeptId, ModifiedUtc)
         SELECT 'person' + RIGHT('000000' + CAST({number} AS VARCHAR(6)), 6), 'First',
                'Last' + CAST({number} AS VARCHAR(6)),
                'person' + CAST({number} AS VARCHAR(6)) + '@example.test', 'A', d0.n % 8 + 1, '2026-01-05T08:00:00'
         FROM {};
         INSERT INTO UserPhone SELECT UserId, 'W', '+49 30 ' + CAST(UserId AS VARCHAR(9)) FROM AppUser;",
        tens.join(" CROSS JOIN ")
    )
}

async fn measure(name: &str, database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let file = write_configuration(folder.path(), &[database.target("crm", "crm")]);
    let mut command = gantry();
    command.env("GANTRY_LOG", "info,gantry::backend=debug").args(["serve", "--config"]).arg(file);
    let gateway = Gateway::start(&mut command, folder);
    let url = gateway.target("crm").base;
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (base, mut http) = (format!("/{path}"), Http::connect(address, TOKEN).await);
    println!("{name}: {PEOPLE} people\n");
    println!("| | ms | times a look-up | round trips |\n|---|---:|---:|---:|");
    let last = PEOPLE - 99;
    let page = |start: usize| get(format!("/Users?startIndex={start}&count=100"));
    let cases: [(&str, &dyn Fn(usize) -> Ask); 4] = [
        ("look-up by `userName`, an indexed VARCHAR", &look_up),
        ("page 1 of 100, with its total", &|_| page(1)),
        ("page 1,000 of 100, with its total", &|_| page(last)),
        ("create with three phones", &create),
    ];
    for (what, ask) in cases {
        let (mut spans, mut basis) = (Vec::new(), Vec::new());
        let mut trips = RoundTrips::default();
        for turn in 0..TIMES {
            let began = Instant::now();
            http.send(&base, &look_up(turn)).await;
            basis.push(began.elapsed());
            let before = RoundTrips::of(&gateway).await;
            let began = Instant::now();
            http.send(&base, &ask(turn)).await;
            spans.push(began.elapsed());
            trips = RoundTrips::of(&gateway).await.since(before);
        }
        let (one, look) = (median(spans), median(basis));
        let trips = if database.is_sqlite() { "–".to_owned() } else { trips.to_string() };
        println!(
            "| {what} | {:.2} | {:.1} | {trips} |",
            one.as_secs_f64() * 1e3,
            one.as_secs_f64() / look.as_secs_f64()
        );
    }
    println!("\nThe gateway's memory was at most {:.0} MiB.\n", process::peak_mib(gateway.pid()));
}

fn get(path: String) -> Ask {
    Ask { method: "GET", path, body: String::new(), status: 200 }
}

fn look_up(turn: usize) -> Ask {
    let filter = encoded(&format!("userName eq \"person{:06}\"", turn * 997 % PEOPLE));
    get(format!("/Users?filter={filter}"))
}

fn create(turn: usize) -> Ask {
    let phone = |kind: &str| json!({ "type": kind, "value": format!("+49 30 {turn}") });
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("new{turn}"),
        "name": { "givenName": "New", "familyName": "Person" },
        "active": true,
        "phoneNumbers": [phone("work"), phone("mobile"), phone("home")],
    });
    Ask { method: "POST", path: "/Users".to_owned(), body: body.to_string(), status: 201 }
}

/// How often the server was asked.
#[derive(Clone, Copy, Default)]
struct RoundTrips {
    /// For reads and writes.
    batches: usize,
    /// To begin a transaction, and to commit it.
    bounds: usize,
}

impl RoundTrips {
    /// So far. The log comes a moment after what it tells of.
    async fn of(gateway: &Gateway) -> Self {
        tokio::time::sleep(Duration::from_millis(25)).await;
        let log = gateway.log();
        let (batches, bounds): (Vec<_>, Vec<_>) =
            log.iter().filter(|line| line.contains(ROUND_TRIP)).partition(|line| line.contains("\"batch\""));
        Self { batches: batches.len(), bounds: bounds.len() }
    }

    fn since(self, before: Self) -> Self {
        Self { batches: self.batches - before.batches, bounds: self.bounds - before.bounds }
    }
}

impl std::fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.bounds {
            0 => write!(f, "{}", self.batches),
            bounds => write!(f, "{}, and {bounds} for begin and commit", self.batches),
        }
    }
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}

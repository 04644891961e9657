//! The benchmark: the gateway as a process, 16 connections that ask it without a pause, a SQLite database
//! and an OpenLDAP of 10,000 people and 500 groups behind it, and a direct LDAP client that does the same
//! look-ups in the same run. `scripts/bench` runs it; with `--write` it puts its tables into
//! `docs/performance.md`. A backend's name (`sqlite`, `openldap`), and a part of a case's name after it, run
//! only that. Something else is run by `scale`, one caller in front of large directories ([`scale`]), by `rows`, in front of a large
//! database ([`rows`]), and by `mapping`: what a mapping costs by itself ([`mapping`]).
//!
//! An answer with another status than the expected one ends it: what fails quickly is not fast.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark ends loudly, and prints"
)]

mod cases;
mod direct;
mod http;
mod load;
mod mapping;
mod people;
mod process;
mod report;
mod rows;
mod scale;
#[path = "../../tests/system/support/mod.rs"]
mod support;

use std::time::Duration;

use cases::Subject;
use direct::Direct;
use process::Monitor;
use report::{Report, Row};
use support::database::Database;
use support::directory::{Directory, SUFFIX};
use support::gateway::Gateway;

/// Requests in flight, each on a connection of its own to the gateway.
const CONNECTIONS: usize = 16;
/// Each case runs so often, in turn with its direct counterpart, so that what else the machine does meets both.
const ROUNDS: usize = 3;
/// How long a round is measured.
const SPAN: Duration = Duration::from_secs(2);
/// And what goes before, in which connections are made and caches filled.
const WARM_UP: Duration = Duration::from_millis(500);

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_asked = |name: &str| only.first().is_none_or(|only| only == name);
    let case = only.get(1).map_or("", String::as_str);
    if only.first().is_some_and(|only| only == "scale") {
        return scale::run(only.get(1).map(String::as_str));
    }
    if only.first().is_some_and(|only| only == "rows") {
        return rows::run(only.get(1).map(String::as_str));
    }
    let is_written = std::env::args().any(|argument| argument == "--write");
    if only.first().is_some_and(|only| only == "mapping") {
        return mapping::run(is_written);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut report = Report::default();
    if is_asked("sqlite") {
        runtime.block_on(sqlite(&mut report, case));
    }
    if is_asked("openldap") {
        runtime.block_on(openldap(&mut report, case));
    }
    print!("{report}");
    if is_written {
        report.write();
    }
}

async fn sqlite(report: &mut Report, only: &str) {
    let database = Database::of("crm");
    people::fill(&database);
    let gateway = Gateway::serve(&[database.target("crm", "crm")]);
    let subject = Subject::new(&gateway, "crm", people::sqlite(), cases::crm_person);
    for case in subject.cases().iter().filter(|case| case.name.contains(only)) {
        let mut row = Row::new(case.name);
        for _ in 0..ROUNDS {
            row.gateway.absorb(subject.run(case).await);
            row.saw_peak(process::peak_mib(gateway.pid()));
        }
        println!("{row}");
        report.sqlite.push(row);
    }
}

async fn openldap(report: &mut Report, only: &str) {
    // What an admin gives a service account whose work is to read everybody: no size limit, and the overlay that saves
    // the search for groups' names.
    let monitor = &format!(
        "moduleload deref\noverlay deref\ndatabase monitor\naccess to * by dn.exact=\"{}\" read by * none\n",
        support::directory::BIND_DN
    );
    let directory = Directory::tuned(&people::ldif(), "size=unlimited", monitor);
    let gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    let direct = Direct::connect(&directory).await;
    let ids = direct.ids(SUFFIX).await;
    let subject = Subject::new(&gateway, "corp", ids.clone(), cases::inet_org_person);
    let counters = Monitor::new(&direct);
    for case in subject.cases().iter().filter(|case| case.name.contains(only)) {
        let mut row = Row::new(case.name);
        let fresh = Gateway::serve(&[directory.target("corp", "openldap")]);
        let counted = Subject::new(&fresh, "corp", ids.clone(), cases::inet_org_person);
        row.operations = Some(counted.operations(case, &counters).await);
        drop(fresh);
        for _ in 0..ROUNDS {
            row.gateway.absorb(subject.run(case).await);
            row.saw_peak(process::peak_mib(gateway.pid()));
            row.direct.get_or_insert_default().absorb(direct.run(case.direct, &subject.ids).await);
        }
        println!("{row}");
        report.openldap.push(row);
    }
    drop(gateway);
    drop(directory);
    limited(report, ids, monitor, only).await;
}

/// What pages cost in front of a server that gives its usual 500 entries a search, and the rest by pages.
async fn limited(report: &mut Report, ids: people::Ids, monitor: &str, only: &str) {
    let limits = "size.soft=500 size.hard=500 size.pr=unlimited size.prtotal=unlimited";
    let directory = Directory::tuned(&people::ldif(), limits, monitor);
    let direct = Direct::connect(&directory).await;
    let new = || Gateway::serve(&[directory.target("corp", "openldap")]);
    let subject = |gateway: &Gateway| Subject::new(gateway, "corp", ids.clone(), cases::inet_org_person);
    let is_asked = |case: &&cases::Case| case.name.contains("page") && case.name.contains(only);
    for case in subject(&new()).cases().iter().filter(is_asked) {
        let fresh = new();
        let operations = subject(&fresh).operations(case, &Monitor::new(&direct)).await;
        report.limited.push((case.name, operations));
    }
}

//! The benchmark: the gateway as a process, 16 connections that ask it without a pause, a SQLite database
//! and an OpenLDAP of 10,000 people and 500 groups behind it, and a direct LDAP client that does the same
//! look-ups in the same run. `scripts/bench` runs it; with `--write` it puts its tables into
//! `docs/performance.md`. A backend's name (`sqlite`, `openldap`), and a part of a case's name after it, run
//! only that.
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
mod people;
mod process;
mod report;
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
/// How long each case runs.
const SPAN: Duration = Duration::from_secs(4);
/// Of which this is not measured: connections are made, caches filled.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_asked = |name: &str| only.first().is_none_or(|only| only == name);
    let case = only.get(1).map_or("", String::as_str);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut report = Report::default();
    if is_asked("sqlite") {
        runtime.block_on(sqlite(&mut report, case));
    }
    if is_asked("openldap") {
        runtime.block_on(openldap(&mut report, case));
    }
    print!("{report}");
    if std::env::args().any(|argument| argument == "--write") {
        report.write();
    }
}

async fn sqlite(report: &mut Report, only: &str) {
    let database = Database::of("crm");
    people::fill(&database);
    let gateway = Gateway::serve(&[database.target("crm", "crm")]);
    let subject = Subject::new(&gateway, "crm", people::sqlite(), cases::crm_person);
    for case in subject.cases().iter().filter(|case| case.name.contains(only)) {
        report.sqlite.push(Row::new(&case.name, subject.run(case).await, None, &gateway));
    }
}

async fn openldap(report: &mut Report, only: &str) {
    // What an admin gives a service account whose work is to read everybody: no size limit.
    let monitor = format!(
        "database monitor\naccess to * by dn.exact=\"{}\" read by * none\n",
        support::directory::BIND_DN
    );
    let directory = Directory::tuned(&people::ldif(), "size=unlimited", &monitor);
    let gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    let direct = Direct::connect(&directory).await;
    let subject = Subject::new(&gateway, "corp", direct.ids(SUFFIX).await, cases::inet_org_person);
    let monitor = Monitor::new(&direct);
    for case in subject.cases().iter().filter(|case| case.name.contains(only)) {
        let operations = subject.operations(case, &monitor).await;
        let measured = subject.run(case).await;
        let counterpart = match case.direct {
            Some(what) => Some(direct.run(what, &subject.ids).await),
            None => None,
        };
        let mut row = Row::new(&case.name, measured, counterpart, &gateway);
        row.operations = Some(operations);
        report.openldap.push(row);
    }
}

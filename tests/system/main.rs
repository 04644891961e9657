//! The gateway as its users meet it: the built binary, asked over HTTP, in front of real databases and
//! real directories; what it did is looked up with other clients (`sqlite3`, `ldapsearch`), never through it.
//!
//! Nothing here passes without its server: a program that is missing ends the test. `scripts/test` installs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends loudly")]

mod accounts;
mod active_directory;
mod bulk;
mod capture;
mod cases;
mod commands;
mod composite;
mod concurrency;
mod conformance;
mod credentials;
mod diff;
mod doctor;
mod existence;
mod explain;
mod failover;
mod faults;
mod groups;
mod history;
mod hooks;
mod hostile;
mod init;
mod large_groups;
mod lifecycle;
mod limits;
mod membership;
mod outage;
mod paging;
mod plan;
mod posix;
mod properties;
mod providers;
mod queries;
mod refusals;
mod reload;
mod replay;
mod replicas;
mod schemas;
mod scripts;
mod serving;
mod sqlserver_faults;
mod support;
mod swapped;
mod tds;
mod tenants;
mod tour;
mod uids;
mod unknown;
mod versions;
mod wire;

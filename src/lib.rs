//! Gantry: SCIM 2.0 in over HTTP, LDAP or SQL out, through mapping scripts that admins edit.
//!
//! The modules stand in the order in which a request meets them. Data flows one way, and these hold:
//! - `scim` is pure: it knows no backend, no mapping, no HTTP. It is RFC 7643 and 7644 as functions over values.
//! - `mapping` is pure after load: scripts see values, never a connection.
//! - `plan` holds what mapping and backend share; everything done to a backend is a `Plan` before it is done.
//! - `backend` is the only place that talks to a directory or a database.
//! - `capture` keeps requests as files; what must not be kept it never writes.
//! - `survey` is what a backend looks like that no mapping is for yet; `draft` makes a first mapping of it, and is pure.
//! - `cli`, `compare`, `config`, `rehearsal` and `observe` stand at the rim: nothing that a request meets knows them.
//! - `tests/architecture.rs` holds the arrows between them.

pub mod cli;
pub mod compare;
pub mod config;
pub mod limits;
pub mod observe;
pub mod rehearsal;

pub mod http;

pub mod capture;

pub mod scim;

pub mod gateway;

pub mod mapping;

pub mod plan;

pub mod survey;

pub mod draft;

pub mod backend;

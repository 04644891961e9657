//! The protocol: RFC 7643, 7644 and 9865 as functions over values.
//!
//! PURE: this module knows no backend, no mapping and no HTTP, does no I/O and reads no clock. Everything in
//! it takes what a client sent as hostile: bounded, never indexed blindly, never unwrapped.

mod body;
pub mod bulk;
pub mod cursor;
pub mod discovery;
pub mod error;
pub mod evaluate;
pub mod filter;
pub mod method;
pub mod page;
pub mod patch;
pub mod path;
pub mod profile;
pub mod project;
pub mod query;
pub mod resource;
pub mod schema;
pub mod sort;
pub mod version;

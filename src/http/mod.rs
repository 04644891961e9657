//! SCIM's transport: connections, TLS, who calls, which target, the body's bytes, the answer's headers.
//!
//! Hands the gateway a request that is authenticated, bounded and split, and writes what it answers.
//! Knows no resource, no mapping and no backend. `respond` alone makes HTTP answers.

mod auth;
mod body;
mod content;
mod log;
mod places;
mod ready;
mod respond;
mod route;
mod server;
mod service;
mod tls;

pub use auth::token_sha256;
pub use server::serve;
pub use tls::{Tls, acceptor};

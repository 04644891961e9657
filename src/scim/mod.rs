//! PURE.
pub mod error;

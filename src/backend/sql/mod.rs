//! SQL: one statement builder for two dialects. `dialect`, `builder`, `key`, `condition`, `order`, `select`, `own` and `lower` are
//! pure;
//! only `sqlite` talks to a database. T-SQL is rendered here from the start; what executes it comes with the
//! SQL Server backend.

mod builder;
mod condition;
pub mod demo;
mod dialect;
mod hooks;
mod key;
mod lower;
mod order;
mod own;
mod select;
mod sqlite;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_keys;

pub use sqlite::Sqlite;

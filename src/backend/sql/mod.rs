//! SQL: one statement builder for two dialects. `dialect`, `builder`, `key`, `condition`, `link`, `order`, `part`, `select`,
//! `own`, `lower`, `records`, `returned`, `examine` and `survey` are pure; only `sqlite` and `sqlserver` talk to a database.

mod builder;
mod catalog;
mod condition;
pub mod demo;
mod dialect;
mod examine;
mod hooks;
mod key;
mod link;
mod lower;
mod order;
mod own;
mod part;
mod records;
mod returned;
mod select;
mod sqlite;
mod sqlserver;
mod survey;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_keys;
#[cfg(test)]
mod tests_of_nobody;
#[cfg(test)]
mod tests_of_rows;
#[cfg(test)]
mod tests_of_transact;

pub use sqlite::{InMemory, Sqlite, Stage, StandsFor};
pub use sqlserver::{Encryption, Login, Settings, SqlServer, Trust};

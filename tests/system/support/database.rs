//! A SQLite database of the demo's shape, looked into with `sqlite3`.

use std::path::PathBuf;
use std::process::Command;

use gantry::backend::sql::demo::{self, Demo};
use serde_json::Value;
use tempfile::TempDir;

use super::output;

/// A database file. Removed with this.
pub struct Database {
    folder: TempDir,
}

// === impl Database ===

impl Database {
    /// The database of the demo with this mapping.
    pub fn of(mapping: &str) -> Self {
        let database = Self { folder: tempfile::tempdir().unwrap() };
        let which = if mapping == "crm" { Demo::Crm } else { Demo::Plain };
        demo::create(&database.file(), which).unwrap();
        database
    }

    /// One that these statements make.
    pub fn holding(sql: &str) -> Self {
        let database = Self { folder: tempfile::tempdir().unwrap() };
        database.change(sql);
        database
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("data.db")
    }

    /// The rows of a query, each a JSON object.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        let text = output(Command::new("sqlite3").args(["-json", "-readonly"]).arg(self.file()).arg(sql));
        if text.trim().is_empty() { Vec::new() } else { serde_json::from_str(&text).unwrap() }
    }

    /// Runs statements that may change something.
    #[track_caller]
    pub fn change(&self, sql: &str) {
        output(Command::new("sqlite3").arg("-bail").arg(self.file()).arg(sql));
    }
}

/// A text as a SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

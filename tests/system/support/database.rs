//! A database of the demo's shape, or of another: in SQLite, looked into with `sqlite3`, or on a SQL Server.

use std::path::{Path, PathBuf};
use std::process::Command;

use gantry::backend::sql::demo::{self, Demo};
use serde_json::Value;
use tempfile::TempDir;

use super::output;
use super::sqlserver::SqlServer;

/// A database. Removed with this.
pub enum Database {
    /// A file of SQLite, in this folder.
    Sqlite(TempDir),
    /// All that there is in the tests' database.
    SqlServer(Box<SqlServer>),
}

/// The demo's tables that hold the sample, in an order in which rows find what they refer to.
const SAMPLE: [&str; 5] = ["Department", "AppUser", "UserPhone", "Role", "UserRole"];

// === impl Database ===

impl Database {
    /// The database of the demo with this mapping.
    pub fn of(mapping: &str) -> Self {
        let database = Self::Sqlite(tempfile::tempdir().unwrap());
        let which = if mapping == "crm" { Demo::Crm } else { Demo::Plain };
        demo::create(&database.file(), which).unwrap();
        database
    }

    /// One that these statements make.
    pub fn holding(sql: &str) -> Self {
        let database = Self::Sqlite(tempfile::tempdir().unwrap());
        database.change(sql);
        database
    }

    /// What `tests/sqlserver/NAME.sql` makes, on the server that the environment names; `crm` with the demo's sample.
    pub fn on_server(name: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sqlserver/{name}.sql"));
        let database =
            Self::SqlServer(Box::new(SqlServer::made_by(&std::fs::read_to_string(script).unwrap())));
        if name == "crm" {
            database.copy(&Self::of("crm"));
        }
        database
    }

    /// Copies the sample's rows, with their keys.
    fn copy(&self, from: &Self) {
        let has_own_keys = self.rows("SELECT OBJECT_NAME(object_id) AS name FROM sys.identity_columns");
        for table in SAMPLE {
            let rows = from.rows(&format!("SELECT * FROM {table}"));
            let is_keyed =
                |row: &Value| row["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(table));
            let inserts = rows.iter().map(|row| insert(table, row)).collect::<Vec<_>>().join("\n");
            self.change(&match has_own_keys.iter().any(is_keyed) {
                true => {
                    format!("SET IDENTITY_INSERT {table} ON;\n{inserts}\nSET IDENTITY_INSERT {table} OFF;")
                }
                false => inserts,
            });
        }
    }

    /// Whether it is one of SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// The file; a server has none.
    #[track_caller]
    pub fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("data.db"),
            Self::SqlServer(_) => panic!("a server has no file"),
        }
    }

    /// The lines of a target that lead here.
    pub fn store(&self) -> String {
        match self {
            Self::Sqlite(_) => format!("[target.sqlite]\nfile = {:?}", self.file()),
            Self::SqlServer(server) => server.store(),
        }
    }

    /// The rows of a query, each a JSON object.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        match self {
            Self::Sqlite(_) => {
                let text =
                    output(Command::new("sqlite3").args(["-json", "-readonly"]).arg(self.file()).arg(sql));
                if text.trim().is_empty() { Vec::new() } else { serde_json::from_str(&text).unwrap() }
            }
            Self::SqlServer(server) => server.rows(sql),
        }
    }

    /// The same, asked by somebody who has just come: where a connection knows tables that changed since, Babelfish
    /// loses its way.
    #[track_caller]
    pub fn rows_by_somebody(&self, sql: &str) -> Vec<Value> {
        match self {
            Self::Sqlite(_) => self.rows(sql),
            Self::SqlServer(server) => server.rows_by_somebody(sql),
        }
    }

    /// Runs statements that may change something.
    #[track_caller]
    pub fn change(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => _ = output(Command::new("sqlite3").arg("-bail").arg(self.file()).arg(sql)),
            Self::SqlServer(server) => _ = server.rows(sql),
        }
    }
}

/// A row with all that it has, for T-SQL. The version of a row is the server's own.
fn insert(table: &str, row: &Value) -> String {
    let cells = row.as_object().unwrap().iter().filter(|(name, value)| *name != "RowVer" && !value.is_null());
    let (names, values): (Vec<&str>, Vec<String>) = cells
        .map(|(name, value)| {
            (name.as_str(), value.as_str().map_or(value.to_string(), |text| format!("N{}", literal(text))))
        })
        .unzip();
    format!("INSERT INTO {table} ({}) VALUES ({});", names.join(", "), values.join(", "))
}

/// A text as a SQL literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

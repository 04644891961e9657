//! The configuration: one TOML file with strict types (an unknown key is a mistake), checked as a whole
//! before anything is built from it. Owns the file's shape, what is allowed in it, and the reading of
//! the files and environment variables that it names. Knows no backend, no mapping's content, no HTTP.
//!
//! Secrets stand in a file or in the environment, never in the configuration; they are read here, once.

mod check;
mod files;
mod identity;
mod place;
mod raw;
mod secret;
mod sqlserver;
mod target;
#[cfg(test)]
mod tests;
pub mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use files::Files;
pub use raw::{Encrypt, Server};

use crate::limits::Limits;
use crate::mapping::diagnostic::{Code, Diagnostic};
use crate::plan::Secret;
use crate::scim::path::AttrPath;
use crate::scim::profile::Profile;

/// A configuration file, at most.
const CONFIGURATION_BYTES: u64 = 1 << 20;

/// A configuration that holds no mistake that can be found without its mappings and backends.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What locations begin with, without a slash at the end. Absent: what is listened on.
    pub public_url: Option<String>,
    /// What keys cursors, shared by all replicas. Absent: one at random for each process.
    pub cursor_key: Option<Secret>,
    /// The bounds.
    pub limits: Limits,
    /// TLS at the listener; absent: clear text.
    pub tls: Option<Tls>,
    /// Whether files that change while it is served are loaded, or only when SIGHUP asks for it.
    pub watch: bool,
    /// The targets, in the file's order; never empty.
    pub targets: Vec<Target>,
    /// SHA-256 of the file's text; absent where it was no file.
    pub sha256: Option<[u8; 32]>,
}

/// TLS at the listener. All texts are PEM.
#[derive(Debug)]
pub struct Tls {
    /// The certificate chain, the server's own certificate first.
    pub cert: Vec<u8>,
    /// Its private key.
    pub key: Secret,
    /// Clients must show a certificate that one of these signed.
    pub client_ca: Option<Vec<u8>>,
    /// Where it stands, for a mistake that shows when it is used; its message is empty.
    pub place: Diagnostic,
}

/// One backend with its mapping, served at one path.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name, unique.
    pub name: String,
    /// Where it is served, without a slash at the end.
    pub path: String,
    /// The mapping.
    pub mapping: Script,
    /// Values for the mapping's `param`.
    pub params: BTreeMap<String, String>,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Where its resources live.
    pub store: Store,
    /// Who may call it; without any, nobody may.
    pub clients: Vec<Client>,
    /// Where its requests are kept, if they are.
    pub capture: Option<Capture>,
}

/// Requests and answers that are kept as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Their folder.
    pub dir: PathBuf,
    /// How many requests.
    pub keep: usize,
    /// The attributes that are removed, beside secrets.
    pub without: Vec<AttrPath>,
}

/// Where a mapping's text comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Script {
    /// A folder with a `mapping.rhai`.
    Folder(PathBuf),
    /// One that is built in (the demo's): what to call it, and its text.
    Embedded(&'static str, &'static str),
}

/// Where a target's resources live.
#[derive(Debug, PartialEq, Eq)]
pub enum Store {
    /// A directory.
    Ldap(Ldap),
    /// A SQLite database: its file.
    Sqlite(PathBuf),
    /// A SQL Server database.
    SqlServer(SqlServer),
}

/// A SQL Server database.
#[derive(Debug, PartialEq, Eq)]
pub struct SqlServer {
    /// The server's name or IPv4 address; the name that its certificate must have.
    pub host: String,
    /// Its port; 1433 when absent, unless there is an instance.
    pub port: Option<u16>,
    /// The named instance whose port is asked for.
    pub instance: Option<String>,
    /// The database.
    pub database: String,
    /// Who the gateway is to it.
    pub login: Login,
    /// What is encrypted.
    pub encrypt: Encrypt,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// Whether only reads are sent, so that a readable secondary may answer them.
    pub read_only: bool,
}

/// Who the gateway is to a database.
#[derive(Debug, PartialEq, Eq)]
pub enum Login {
    /// A login of SQL Server's own.
    Password {
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// An access token that this file holds at each connection.
    TokenFile(PathBuf),
    /// An access token that this program, with its arguments, writes at each connection.
    TokenCommand(Vec<String>),
    /// The Kerberos ticket of the account that the gateway runs as.
    #[cfg(feature = "kerberos")]
    Kerberos,
}

/// Whose certificates are trusted.
#[derive(Debug, PartialEq, Eq)]
pub enum Trust {
    /// The system's authorities.
    System,
    /// The authorities in this PEM file too.
    Authority(PathBuf),
    /// Anybody's.
    Blind,
}

/// A directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Ldap {
    /// `ldaps://` or `ldap://`, in order of preference; never empty.
    pub urls: Vec<String>,
    /// The authorities that may sign its certificate, in PEM; absent: the system's.
    pub ca: Option<Vec<u8>>,
    /// What kind of server it is; absent: it is asked.
    pub server: Option<Server>,
    /// Who the gateway is to it.
    pub identity: Identity,
    /// Whether `ldap://` goes without StartTLS.
    pub plaintext: bool,
}

/// Who the gateway is to a directory.
#[derive(Debug, PartialEq, Eq)]
pub enum Identity {
    /// Simple bind.
    Password {
        /// Who it binds as.
        bind_dn: String,
        /// With which password.
        bind_password: Secret,
    },
    /// SASL EXTERNAL. Both are PEM.
    Certificate {
        /// The certificate chain, the gateway's own certificate first.
        chain: Vec<u8>,
        /// Its private key.
        key: Secret,
    },
}

/// Somebody who may call a target.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// The name, unique within the target.
    pub name: String,
    /// What shows that it is they.
    pub token: Token,
    /// How their requests are read and answered.
    pub profile: Profile,
    /// The `id` of the User that they are, for `/Me`.
    pub user: Option<String>,
}

/// What a bearer token is compared with.
#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// The token itself.
    Plain(Secret),
    /// Only its SHA-256.
    Sha256([u8; 32]),
}

/// Reads and checks a configuration with every file that it names, the mappings excepted. Relative
/// paths in it are relative to its own folder. Answers every mistake that was found.
pub fn load(path: &Path) -> Result<Config, Vec<Diagnostic>> {
    read(path, &mut Files::default())
}

/// The same, noting the files that were read, also where it is a mistake.
pub fn read(path: &Path, files: &mut Files) -> Result<Config, Vec<Diagnostic>> {
    let file = path.display().to_string();
    let bytes = files.read(path, CONFIGURATION_BYTES).map_err(|cause| {
        vec![Diagnostic::whole(Code::ConfigUnreadable, &file, format!("cannot be read: {cause}"))]
    })?;
    let sha256 = Some(files::sha256(&bytes));
    let text = String::from_utf8(bytes).map_err(|_| {
        vec![Diagnostic::whole(Code::ConfigUnreadable, &file, "is not UTF-8, as TOML must be")]
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&file, &text, folder, files).map(|config| Config { sha256, ..config })
}

/// What a value is not, in an admin's words: of `invalid type: map, expected a sequence`.
fn plain(said: &str) -> String {
    let Some((given, needed)) =
        said.strip_prefix("invalid type: ").and_then(|said| said.split_once(", expected "))
    else {
        return said.to_owned();
    };
    let needed = match needed {
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "path string" => "a path in quotes",
        number if number.starts_with(['u', 'i']) && number.len() <= 5 => "a number",
        table if table.starts_with("struct ") || table == "a map" => "a table, { key = value },",
        other => other,
    };
    let given = match given {
        "map" => "a table",
        "sequence" => "a list",
        _ => {
            let kinds = ["integer ", "boolean ", "string ", "floating point "];
            kinds.iter().find_map(|kind| given.strip_prefix(kind)).unwrap_or(given)
        }
    };
    let hint =
        if (needed, given) == ("a list", "a table") { ": [[target]] begins one of several" } else { "" };
    format!("{needed} is needed here, not {given}{hint}")
}

/// Checks a configuration's text. `file` is what diagnostics call it.
fn parse(file: &str, text: &str, folder: &Path, files: &mut Files) -> Result<Config, Vec<Diagnostic>> {
    let source = place::Source { file, text };
    let raw: raw::Config = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        vec![source.mistake(Code::ConfigSyntax, start, plain(error.message()))]
    })?;
    check::Check::new(source, folder, files).config(raw)
}

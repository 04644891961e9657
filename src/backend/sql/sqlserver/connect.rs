//! A connection to SQL Server: how it is reached, encrypted and logged in to. Knows no statement.

use std::path::PathBuf;
use std::process::Stdio;

use tiberius::error::Error;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, SqlBrowser};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::limits::TOKEN_BYTES;
use crate::plan::Secret;

use super::failure::described;

/// The name that the server's administrators see.
const APPLICATION: &str = "gantry";

/// A connection that is logged in.
pub(super) type Tds = Client<Compat<TcpStream>>;

/// Where the server is, and who the gateway is to it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address; the name that its certificate must have.
    pub host: String,
    /// 1433 when absent, unless there is an instance.
    pub port: Option<u16>,
    /// A named instance, whose port the SQL Server Browser tells (UDP port 1434).
    pub instance: Option<String>,
    /// The database.
    pub database: String,
    /// Who the gateway is.
    pub login: Login,
    /// What is encrypted.
    pub encryption: Encryption,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// Whether only reads are sent, so that a readable secondary may answer them.
    pub read_only: bool,
}

/// Who the gateway is to the server.
#[derive(Clone, Debug)]
pub enum Login {
    /// A login of SQL Server's own.
    Password {
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
    /// An access token of Entra ID, read from a file at each connection.
    TokenFile(PathBuf),
    /// The same, from what a command writes to its standard output: a program and its arguments.
    TokenCommand(Vec<String>),
    /// The Kerberos ticket of the account that the gateway runs as.
    #[cfg(feature = "kerberos")]
    Kerberos,
}

/// What of a conversation is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// All, from the first octet: TDS 8.0, from SQL Server 2022 on.
    Strict,
    /// All but the first greeting.
    Required,
    /// Nothing but the login. A server that cannot even encrypt that is not logged in to.
    Off,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of the authorities that the system trusts, with the host's name.
    System,
    /// Those of the authorities in this file too, with the host's name.
    Authority(PathBuf),
    /// Any.
    Blind,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub cause: String,
    /// Whether the server was reached and does not let the gateway in, so that waiting does not help.
    pub is_denial: bool,
}

// === impl Settings ===

impl Settings {
    /// A new connection; one redirection is followed.
    pub(super) async fn connect(&self, until: Instant) -> Result<Tds, Refusal> {
        match timeout_at(until, self.attempt()).await {
            Ok(done) => done,
            Err(_) => Err(Refusal::of("no connection in time")),
        }
    }

    async fn attempt(&self) -> Result<Tds, Refusal> {
        let method = self.login.method().await?;
        let mut here = self.config(&self.host, method.clone());
        if let Some(port) = self.port {
            here.port(port);
        }
        if let Some(instance) = &self.instance {
            here.instance_name(instance);
        }
        match reach(here).await {
            Err(Error::Routing { host, port }) => {
                tracing::debug!(host, port, "the server sends on to another");
                // Some name the instance too; the port is said already.
                let host = host.split('\\').next().unwrap_or_default();
                let mut there = self.config(host, method);
                there.port(port);
                Ok(reach(there).await?)
            }
            done => Ok(done?),
        }
    }

    fn config(&self, host: &str, method: AuthMethod) -> Config {
        let mut config = Config::new();
        config.host(host);
        config.database(&self.database);
        config.application_name(APPLICATION);
        config.readonly(self.read_only);
        config.encryption(match self.encryption {
            Encryption::Strict => EncryptionLevel::Strict,
            Encryption::Required => EncryptionLevel::Required,
            Encryption::Off => EncryptionLevel::Off,
        });
        match &self.trust {
            Trust::System => {}
            Trust::Authority(file) => config.trust_cert_ca(file.display()),
            Trust::Blind => config.trust_cert(),
        }
        // NVARCHAR holds halves of characters too: one in one row must not keep all others of a page from being read.
        config.lossy_utf16_decoding(true);
        // Every wait is bounded as a whole, by the pool.
        config.handshake_timeout(None);
        config.command_timeout(None);
        config.authentication(method);
        config
    }
}

/// Reaches the server that a configuration names.
async fn reach(config: Config) -> Result<Tds, Error> {
    let stream = TcpStream::connect_named(&config).await?;
    stream.set_nodelay(true)?;
    Client::connect(config, stream.compat_write()).await
}

// === impl Login ===

impl Login {
    async fn method(&self) -> Result<AuthMethod, Refusal> {
        match self {
            Self::Password { user, password } => {
                let password = std::str::from_utf8(password.expose());
                let password = password.map_err(|_| Refusal::of("the password is no text"))?;
                Ok(AuthMethod::sql_server(user, password))
            }
            Self::TokenFile(file) => {
                let read = tokio::fs::read(file).await;
                token(read.map_err(|error| Refusal::of(format!("the token's file: {error}")))?)
            }
            Self::TokenCommand(command) => token(run(command).await?),
            #[cfg(feature = "kerberos")]
            Self::Kerberos => Ok(AuthMethod::Integrated),
        }
    }
}

fn token(octets: Vec<u8>) -> Result<AuthMethod, Refusal> {
    let text = (octets.len() <= TOKEN_BYTES).then(|| String::from_utf8(octets).ok()).flatten();
    let token = text.as_deref().map(str::trim).filter(|token| !token.is_empty());
    token.map(AuthMethod::aad_token).ok_or_else(|| Refusal::of("what should be an access token is none"))
}

/// What a command writes. It ends with the wait for it.
async fn run(command: &[String]) -> Result<Vec<u8>, Refusal> {
    let (program, arguments) =
        command.split_first().ok_or_else(|| Refusal::of("no command for the token"))?;
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| Refusal::of(format!("the command for the token: {error}")))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(Refusal::of(format!("the command for the token ended with {}", output.status))),
    }
}

// === impl Refusal ===

impl Refusal {
    fn of(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), is_denial: false }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match &error {
            Error::Server(told) => Self { cause: described(told), is_denial: true },
            Error::Routing { host, port } => {
                Self::of(format!("sent on a second time, to {host}:{port}; one redirection is followed"))
            }
            Error::Tls(_) => Self { cause: error.to_string(), is_denial: true },
            _ => Self::of(error.to_string()),
        }
    }
}

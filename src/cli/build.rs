//! From a configuration to what serves it: the one place where mappings, backends and TLS are made.
//! A backend that does not answer is no mistake: it may come up later.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

use super::Exit;
use crate::backend::ldap::{self, Ldap};
use crate::backend::sql::{self, SqlServer, Sqlite};
use crate::backend::{Backend, Failure, Intent};
use crate::config::{self, Config, Script, Store, Token};
use crate::draft;
use crate::gateway::{Client, Cursors, LongAnswers, Scans, Target};
use crate::http;
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::mapping::diagnostic::{Code, Diagnostic};
use crate::plan::Model;
use crate::rehearsal::{self, Facts};

/// What locations begin with.
pub fn public_url(config: &Config, listening: SocketAddr) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{listening}"))
}

/// What seals cursors, for all targets.
pub fn cursors(config: &Config) -> Result<Arc<Cursors>, Vec<Diagnostic>> {
    let cursors = Cursors::new(config.cursor_key.as_ref());
    cursors.map(Arc::new).map_err(|cause| vec![Diagnostic::whole(Code::ConfigValue, "cursor_key", cause)])
}

/// One target, to be changed or only to be read.
pub fn target(
    settings: &config::Target,
    limits: Limits,
    public_url: &str,
    cursors: &Arc<Cursors>,
    intent: Intent,
) -> Result<Target, Vec<Diagnostic>> {
    let mapping = mapping(settings)?;
    let backend = backend(settings, &mapping, limits, intent)?;
    Ok(assembled(settings, limits, public_url, cursors, Arc::new(mapping), backend))
}

/// One target in front of what a file says that its backend holds, for plans only.
pub fn against(
    settings: &config::Target,
    limits: Limits,
    public_url: &str,
    cursors: &Arc<Cursors>,
    facts: &Facts,
) -> Result<Target, Vec<Diagnostic>> {
    let mapping = mapping(settings)?;
    let kind = rehearsed(settings).kind.unwrap_or_else(|| rehearsal::Kind::likely(&mapping));
    let told = |trouble: rehearsal::Trouble| vec![wrong(settings, trouble.to_string())];
    kind.understood(facts, &mapping).map_err(told)?;
    let backend = kind.backend(facts, &mapping, &limits, true).map_err(told)?;
    Ok(assembled(settings, limits, public_url, cursors, Arc::new(mapping), backend))
}

/// The settings of the target with this name; the error says which there are.
pub fn settings<'a>(config: &'a Config, name: &str) -> Result<&'a config::Target, Exit> {
    config.targets.iter().find(|target| target.name == name).ok_or_else(|| {
        let known: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
        Exit::usage(format!("no target {name}; there are: {}", known.join(", ")))
    })
}

/// What a target's mapping is rehearsed with: its params, what stands behind it, its first client's ways.
pub fn rehearsed(settings: &config::Target) -> rehearsal::Settings {
    let kind = match &settings.store {
        Store::Sqlite(_) => Some(rehearsal::Kind::Database(sql::StandsFor::Sqlite)),
        Store::SqlServer(_) => Some(rehearsal::Kind::Database(sql::StandsFor::SqlServer)),
        // Which directory it is the mapping tells, where the configuration does not.
        Store::Ldap(ldap) => ldap.server.map(|server| rehearsal::Kind::Directory(kind(server))),
    };
    let profile = settings.clients.first().map(|client| client.profile).unwrap_or_default();
    rehearsal::Settings { params: settings.params.clone(), kind, profile }
}

/// A target of its parts.
pub fn assembled(
    settings: &config::Target,
    limits: Limits,
    public_url: &str,
    cursors: &Arc<Cursors>,
    mapping: Arc<Mapping>,
    backend: Arc<dyn Backend>,
) -> Target {
    Target {
        name: settings.name.clone(),
        path: settings.path.clone(),
        read_only: settings.read_only,
        clients: settings.clients.iter().map(client).collect(),
        mapping,
        backend,
        limits,
        base_url: format!("{public_url}{}", settings.path),
        scans: Scans::default(),
        cursors: Arc::clone(cursors),
        long_answers: LongAnswers::default(),
        capture: None,
    }
}

/// A target's mapping, for what stands behind it.
pub fn mapping(settings: &config::Target) -> Result<Mapping, Vec<Diagnostic>> {
    let (name, text) = script(&settings.mapping)?;
    parsed(settings, &name, &text)
}

/// What a mapping is called in diagnostics, and its text.
pub fn script(script: &Script) -> Result<(Cow<'static, str>, Cow<'static, str>), Vec<Diagnostic>> {
    match script {
        Script::Folder(folder) => Mapping::file(folder).map(|(name, text)| (name.into(), text.into())),
        Script::Embedded(name, text) => Ok(((*name).into(), (*text).into())),
    }
}

/// A target with another version of its mapping, a folder or a file, only to be read. Of the params it takes those that it
/// asks for.
pub fn version(config: &Config, settings: &config::Target, path: &Path) -> Result<Target, Vec<Diagnostic>> {
    let (name, text, params) = Mapping::version(path, &settings.params)?;
    let mapping = fitting(settings, Mapping::parse(&name, &text, &params)?)?;
    let backend = backend(settings, &mapping, config.limits, Intent::Read)?;
    let public_url = public_url(config, config.listen);
    Ok(assembled(settings, config.limits, &public_url, &cursors(config)?, Arc::new(mapping), backend))
}

/// The mapping with this text, for what stands behind its target.
pub fn parsed(settings: &config::Target, name: &str, text: &str) -> Result<Mapping, Vec<Diagnostic>> {
    fitting(settings, Mapping::parse(name, text, &settings.params)?)
}

/// A mapping, if it fits what stands behind its target.
fn fitting(settings: &config::Target, mapping: Mapping) -> Result<Mapping, Vec<Diagnostic>> {
    let misplaced = mapping.misplaced(matches!(settings.store, Store::Ldap(_)));
    match &settings.store {
        _ if !misplaced.is_empty() => Err(misplaced),
        Store::Sqlite(_) => mapping.for_sqlite(),
        Store::SqlServer(_) | Store::Ldap(_) => Ok(mapping),
    }
}

/// A first mapping of what stands behind a target, drafted from what is seen there. The error is for who asked.
pub async fn drafted(settings: &config::Target, limits: Limits) -> Result<String, String> {
    let deadline = Duration::from_millis(limits.backend_deadline_ms);
    let told = |failure: Failure| failure.to_string();
    match &settings.store {
        Store::Sqlite(file) => {
            let told = |failure: Failure| format!("{}: {failure}", file.display());
            let tables = Sqlite::survey(file, deadline).await.map_err(told)?;
            let outline = draft::tables::Outline::of(&tables)?;
            let seen = Sqlite::sample(file, deadline, &outline.wishes()).await.map_err(told)?;
            Ok(draft::tables::mapping(&outline, &seen))
        }
        Store::SqlServer(settings) => {
            let tables = SqlServer::survey(database(settings), deadline).await.map_err(told)?;
            let outline = draft::tables::Outline::of(&tables)?;
            let seen =
                SqlServer::sample(database(settings), deadline, &outline.wishes()).await.map_err(told)?;
            Ok(draft::tables::mapping(&outline, &seen))
        }
        Store::Ldap(settings) => {
            let found =
                Ldap::survey(directory(settings, deadline, limits.scanned_rows)).await.map_err(told)?;
            Ok(draft::directory::mapping(&found))
        }
    }
}

/// TLS at the listener, if the configuration has it.
pub fn tls(config: &Config) -> Result<Option<TlsAcceptor>, Diagnostic> {
    let acceptor = |tls: &config::Tls| {
        http::acceptor(&tls.cert, tls.key.expose(), tls.client_ca.as_deref())
            .map_err(|cause| Diagnostic { message: cause, ..tls.place.clone() })
    };
    config.tls.as_ref().map(acceptor).transpose()
}

/// What stands behind a target. What is worth knowing of its mapping goes to the log.
pub fn backend(
    settings: &config::Target,
    mapping: &Mapping,
    limits: Limits,
    intent: Intent,
) -> Result<Arc<dyn Backend>, Vec<Diagnostic>> {
    for warning in mapping.warnings() {
        tracing::warn!(target = settings.name, "{warning}");
    }
    connected(&settings.store, Arc::clone(mapping.model()), limits, intent)
        .map_err(|cause| vec![wrong(settings, cause)])
}

/// What is wrong with a target as a whole.
pub fn wrong(settings: &config::Target, cause: String) -> Diagnostic {
    Diagnostic::whole(Code::BackendUnusable, &format!("target {}", settings.name), cause)
}

fn connected(
    store: &Store,
    model: Arc<Model>,
    limits: Limits,
    intent: Intent,
) -> Result<Arc<dyn Backend>, String> {
    let deadline = Duration::from_millis(limits.backend_deadline_ms);
    match store {
        Store::Sqlite(file) => Ok(Arc::new(Sqlite::open(file, model, intent, deadline)?)),
        Store::SqlServer(settings) => Ok(Arc::new(SqlServer::new(database(settings), model, deadline))),
        Store::Ldap(ldap) => Ok(Arc::new(Ldap::new(directory(ldap, deadline, limits.scanned_rows), model)?)),
    }
}

fn database(settings: &config::SqlServer) -> sql::Settings {
    sql::Settings {
        host: settings.host.clone(),
        port: settings.port,
        instance: settings.instance.clone(),
        database: settings.database.clone(),
        login: match &settings.login {
            config::Login::Password { user, password } => {
                sql::Login::Password { user: user.clone(), password: password.clone() }
            }
            config::Login::TokenFile(file) => sql::Login::TokenFile(file.clone()),
            config::Login::TokenCommand(command) => sql::Login::TokenCommand(command.clone()),
            #[cfg(feature = "kerberos")]
            config::Login::Kerberos => sql::Login::Kerberos,
        },
        encryption: match settings.encrypt {
            config::Encrypt::Strict => sql::Encryption::Strict,
            config::Encrypt::Required => sql::Encryption::Required,
            config::Encrypt::Off => sql::Encryption::Off,
        },
        trust: match &settings.trust {
            config::Trust::System => sql::Trust::System,
            config::Trust::Authority(file) => sql::Trust::Authority(file.clone()),
            config::Trust::Blind => sql::Trust::Blind,
        },
        read_only: settings.read_only,
    }
}

fn directory(settings: &config::Ldap, deadline: Duration, scanned_rows: usize) -> ldap::Settings {
    ldap::Settings {
        urls: settings.urls.clone(),
        ca: settings.ca.clone().map(ldap::Authority::Pem),
        kind: settings.server.map(kind),
        identity: identity(&settings.identity),
        plaintext: settings.plaintext,
        deadline,
        scanned_rows,
    }
}

fn kind(server: config::Server) -> ldap::Kind {
    match server {
        config::Server::OpenLdap => ldap::Kind::OpenLdap,
        config::Server::Ds389 => ldap::Kind::Ds389,
        config::Server::ActiveDirectory => ldap::Kind::ActiveDirectory,
        config::Server::Generic => ldap::Kind::Generic,
    }
}

fn identity(settings: &config::Identity) -> ldap::Identity {
    match settings {
        config::Identity::Password { bind_dn, bind_password } => {
            ldap::Identity::Password { dn: bind_dn.clone(), password: bind_password.clone() }
        }
        config::Identity::Certificate { chain, key } => {
            ldap::Identity::Certificate { chain: chain.clone(), key: key.clone() }
        }
    }
}

fn client(settings: &config::Client) -> Arc<Client> {
    let token_sha256 = match &settings.token {
        Token::Plain(token) => http::token_sha256(token.expose()),
        Token::Sha256(hash) => *hash,
    };
    let (name, user) = (settings.name.clone(), settings.user.clone());
    Arc::new(Client { name, token_sha256, profile: settings.profile, user })
}

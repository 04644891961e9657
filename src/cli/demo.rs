//! `gantry demo`: a sample SQLite database behind a mapping that is built in. The newcomer's first
//! minute: nothing to set up, nothing left behind.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use aws_lc_rs::rand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;

use super::serve::{Server, signalled};
use super::{Exit, print};
use crate::backend::sql::demo;
use crate::config::{Client, Config, Script, Store, Target, Token};
use crate::limits::Limits;
use crate::plan::Secret;
use crate::scim::profile::{self, Profile};

/// Where the demo listens unless it is told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Where the demo is served.
const PATH: &str = "/scim/v2";
/// One of the sample's people.
const SAMPLE_PERSON: &str = "bjorn.haddad1";
/// A random token's octets.
const TOKEN_BYTES: usize = 16;

#[derive(Args)]
pub struct Demo {
    /// crm: people in a classic application's tables; plain: two bare tables, for trying SCIM itself
    #[arg(long, value_enum, default_value = "crm")]
    mapping: Sample,
    /// The address to listen on [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// The bearer token [default: a random one]
    #[arg(long)]
    token: Option<String>,
    /// The database, made if it does not exist [default: a temporary file]
    #[arg(long)]
    data: Option<PathBuf>,
    /// How requests are read and answered: rfc, or as a provider wants it
    #[arg(long, value_parser = profile(), default_value = "rfc")]
    profile: Profile,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sample {
    Crm,
    Plain,
}

// === impl Demo ===

impl Demo {
    pub async fn run(self) -> Result<(), Exit> {
        let token = self.token()?;
        let ended = signalled()?;
        let listener = listen(self.listen).await?;
        // Removed when this function returns.
        let folder =
            tempfile::tempdir().map_err(|cause| Exit::failure(format!("temporary folder: {cause}")))?;
        let file = self.data.unwrap_or_else(|| folder.path().join("demo.db"));
        demo::create(&file, self.mapping.database()).map_err(Exit::failure)?;
        let server = Server::new(listener, &configuration(self.mapping, file, &token, self.profile))?;
        print(&welcome(self.mapping, &format!("{}{PATH}", server.public_url()), &token))?;
        server.run(ended).await;
        Ok(())
    }

    /// The token that was given, if it can stand in a header; else a random one, where only this
    /// machine can reach the listener.
    fn token(&self) -> Result<String, Exit> {
        match &self.token {
            Some(token) if !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(token.clone())
            }
            Some(_) => Err(Exit::usage("--token takes visible ASCII characters without spaces")),
            None if self.listen.is_some_and(|address| !address.ip().is_loopback()) => {
                Err(Exit::usage("others can reach this address: choose a token with --token"))
            }
            None => random_token(),
        }
    }
}

fn profile() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(profile::NAMES).map(|name| Profile::named(&name).unwrap_or_default())
}

pub(super) fn random_token() -> Result<String, Exit> {
    let mut octets = [0_u8; TOKEN_BYTES];
    rand::fill(&mut octets).map_err(|_| Exit::failure("no random bytes for a token"))?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

async fn listen(address: Option<SocketAddr>) -> Result<TcpListener, Exit> {
    let mut listener = TcpListener::bind(address.unwrap_or(LISTEN)).await;
    if address.is_none() && listener.as_ref().is_err_and(|cause| cause.kind() == ErrorKind::AddrInUse) {
        listener = TcpListener::bind((LISTEN.ip(), 0)).await;
    }
    let shown = address.unwrap_or(LISTEN);
    listener.map_err(|cause| Exit::failure(format!("cannot listen on {shown}: {cause}")))
}

/// The demo as a configuration would say it.
fn configuration(sample: Sample, file: PathBuf, token: &str, profile: Profile) -> Config {
    let token = Token::Plain(Secret::new(token));
    let target = Target {
        name: sample.name().to_owned(),
        path: PATH.to_owned(),
        mapping: sample.script(),
        params: BTreeMap::new(),
        read_only: false,
        store: Store::Sqlite(file),
        clients: vec![Client { name: "demo".to_owned(), token, profile, user: None }],
        capture: None,
    };
    Config {
        listen: LISTEN,
        public_url: None,
        cursor_key: None,
        limits: Limits::default(),
        tls: None,
        watch: false,
        targets: vec![target],
        sha256: None,
    }
}

// === impl Sample ===

impl Sample {
    fn name(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Plain => "plain",
        }
    }

    fn database(self) -> demo::Demo {
        match self {
            Self::Crm => demo::Demo::Crm,
            Self::Plain => demo::Demo::Plain,
        }
    }

    fn script(self) -> Script {
        match self {
            Self::Crm => {
                Script::Embedded("mappings/crm/mapping.rhai", include_str!("../../mappings/crm/mapping.rhai"))
            }
            Self::Plain => Script::Embedded(
                "mappings/plain/mapping.rhai",
                include_str!("../../mappings/plain/mapping.rhai"),
            ),
        }
    }
}

/// What a newcomer sees: where it is, the token, and three commands to paste, in an order in which each
/// finds something.
fn welcome(sample: Sample, url: &str, token: &str) -> String {
    let curl = format!("curl -s -H {}", quoted(&format!("Authorization: Bearer {token}")));
    let list = format!("{curl} {}", quoted(&format!("{url}/Users?count=3")));
    let find = |name: &str| {
        let filter = quoted(&format!("filter=userName eq \"{name}\""));
        format!("{curl} -G {} --data-urlencode {filter}", quoted(&format!("{url}/Users")))
    };
    let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada","name":{"givenName":"Ada","familyName":"Lovelace"},"active":true}"#;
    let create = format!(
        "{curl} -H 'Content-Type: application/scim+json' -d {} {}",
        quoted(body),
        quoted(&format!("{url}/Users"))
    );
    let commands = match sample {
        Sample::Crm => [list, find(SAMPLE_PERSON), create],
        Sample::Plain => [create, list, find("ada")],
    };
    format!("Base URL: {url}\nToken:    {token}\n\n{}\n\nCtrl-C ends it.", commands.join("\n\n"))
}

/// As one word for a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn demo(listen: Option<&str>, token: Option<&str>) -> Demo {
        Demo {
            mapping: Sample::Crm,
            listen: listen.map(|address| address.parse().unwrap()),
            token: token.map(str::to_owned),
            data: None,
            profile: Profile::rfc(),
        }
    }

    #[test]
    fn a_token_is_random_unless_others_can_reach_it() {
        let random = || demo(None, None).token().unwrap();
        assert!(random().len() == 32 && random().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(random(), random());
        assert_eq!(demo(Some("[::1]:1"), Some("it's")).token().unwrap(), "it's");
        assert!(demo(Some("[::1]:1"), None).token().is_ok());
        for (listen, token) in [("0.0.0.0:1", None), ("10.0.0.1:1", None), ("127.0.0.1:1", Some("a b"))] {
            assert_eq!(demo(Some(listen), token).token().unwrap_err().code, 2, "{listen}");
        }
    }

    #[test]
    fn a_shell_takes_a_quoted_text_as_it_is() {
        for text in ["it's", "\"$HOME\" `x` \\ !", "''", "a b"] {
            let out =
                Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output().unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), text);
        }
    }

    #[test]
    fn three_commands_to_paste() {
        for sample in [Sample::Crm, Sample::Plain] {
            let text = welcome(sample, "http://127.0.0.1:8080/scim/v2", "t0k'en");
            assert_eq!(text.lines().filter(|line| line.starts_with("curl ")).count(), 3);
            assert!(text.starts_with("Base URL: http://127.0.0.1:8080/scim/v2\nToken:    t0k'en\n"));
            assert_eq!(text.matches(r"'Authorization: Bearer t0k'\''en'").count(), 3);
        }
    }

    #[tokio::test]
    async fn a_port_that_was_asked_for_is_that_port() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(listen(Some(address)).await.unwrap_err().code, 1);
    }
}

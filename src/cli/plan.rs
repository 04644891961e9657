//! `gantry plan`: what a request would do to its backend, as LDIF, SQL or JSON. Where the plan depends on what the
//! backend holds, it reads, or takes it from a file; it never writes.

use std::fmt::Display;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{Exit, build, print};
use crate::backend::Intent;
use crate::config::{self, Store};
use crate::gateway::{Client, Request, Target};
use crate::rehearsal::{self, Facts};
use crate::scim::error::Error;
use crate::scim::method::Method;

#[derive(Args)]
pub struct Plan {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// The target's name in the configuration
    #[arg(long)]
    target: String,
    /// The client whose profile counts [default: the target's first]
    #[arg(long)]
    client: Option<String>,
    /// What the backend holds, from a file instead of from the backend: LDIF or JSON (see the guide to mappings)
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The whole request from a file, as it was captured; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "path", "body"])]
    request: Option<PathBuf>,
    /// As what the plan is shown [default: ldif in front of a directory, sql in front of a database]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// GET, POST, PUT, PATCH or DELETE
    #[arg(value_parser = method, required_unless_present = "request")]
    method: Option<Method>,
    /// The path below the target's, with its query: /Users?filter=…
    #[arg(required_unless_present = "request")]
    path: Option<String>,
    /// A file with the request's body; - is stdin
    body: Option<PathBuf>,
}

/// As what a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Change records; of directories
    Ldif,
    /// Statements; of databases
    Sql,
    /// The steps as values
    Json,
}

// === impl Plan ===

impl Plan {
    pub async fn run(self) -> Result<(), Exit> {
        let config = config::load(&self.config)?;
        let settings = build::settings(&config, &self.target)?;
        let own = if matches!(settings.store, Store::Ldap(_)) { Format::Ldif } else { Format::Sql };
        let format = self.format.unwrap_or(own);
        if format != Format::Json && format != own {
            return Err(Exit::usage("a directory's plans are LDIF, a database's SQL, and both are JSON"));
        }
        let request = self.asked(config.limits.request_bytes)?;
        let public_url = build::public_url(&config, config.listen);
        let (limits, cursors) = (config.limits, build::cursors(&config)?);
        let target = match &self.against {
            Some(path) => {
                let facts = Facts::read(path)?;
                build::against(settings, limits, &public_url, &cursors, &facts)?
            }
            None => build::target(settings, limits, &public_url, &cursors, Intent::Read)?,
        };
        let target = Arc::new(target);
        let client = self.client(&target)?;
        let planned = target.plan(request, &client).await.map_err(refused)?;
        match format {
            Format::Json => print(&format!("{:#}", planned.to_json())),
            Format::Ldif | Format::Sql => print(planned.render().trim_end()),
        }
    }

    /// What is asked.
    fn asked(&self, limit_bytes: usize) -> Result<Request, Exit> {
        if let Some(path) = &self.request {
            let text = String::from_utf8(octets(path, limit_bytes)?);
            let text = text.map_err(|_| unreadable(path, "it is no text in UTF-8: save it as UTF-8"))?;
            return rehearsal::parse(&text).map_err(|cause| unreadable(path, cause));
        }
        let (Some(method), Some(path)) = (self.method, &self.path) else {
            return Err(Exit::usage("a method and a path, or --request"));
        };
        if method.has_body() != self.body.is_some() {
            return Err(Exit::usage("POST, PUT and PATCH need a body, the others take none"));
        }
        let mut request = Request::parse(method, path).map_err(refused)?;
        if let Some(path) = &self.body {
            request.body = Some(body(path, limit_bytes)?);
        }
        Ok(request)
    }

    /// Who would ask.
    fn client(&self, target: &Target) -> Result<Arc<Client>, Exit> {
        let is_wanted = |client: &&Arc<Client>| self.client.as_ref().is_none_or(|name| *name == client.name);
        let found = target.clients.iter().find(is_wanted).cloned();
        found.ok_or_else(|| {
            let known: Vec<&str> = target.clients.iter().map(|client| client.name.as_str()).collect();
            Exit::usage(match &self.client {
                Some(name) => format!("no client {name} of this target; there are: {}", known.join(", ")),
                None => "this target has no client yet: give it a [[target.client]]".to_owned(),
            })
        })
    }
}

fn method(text: &str) -> Result<Method, String> {
    let known = Method::named(&text.to_ascii_uppercase());
    known.ok_or_else(|| "the methods are GET, POST, PUT, PATCH and DELETE".to_owned())
}

fn body(path: &Path, limit_bytes: usize) -> Result<Value, Exit> {
    let text = octets(path, limit_bytes)?;
    serde_json::from_slice(&text).map_err(|cause| unreadable(path, format!("not JSON: {cause}")))
}

/// A file, or what comes from stdin.
fn octets(path: &Path, limit_bytes: usize) -> Result<Vec<u8>, Exit> {
    let source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(stdin()),
        false => Box::new(File::open(path).map_err(|cause| unreadable(path, cause))?),
    };
    let mut octets = Vec::new();
    let read = source.take(limit_bytes as u64 + 1).read_to_end(&mut octets);
    read.map_err(|cause| unreadable(path, cause))?;
    match octets.len() > limit_bytes {
        true => Err(unreadable(path, format!("longer than {limit_bytes} bytes"))),
        false => Ok(octets),
    }
}

fn unreadable(path: &Path, cause: impl Display) -> Exit {
    Exit::failure(format!("{}: {cause}", path.display()))
}

/// What a client would have been answered.
fn refused(error: Error) -> Exit {
    Exit::failure(format!("{:#}", error.to_json()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn methods_in_any_case() {
        assert_eq!(method("patch"), Ok(Method::Patch));
        assert!(method("HEAD").is_err());
    }

    #[test]
    fn a_body_is_bounded_json() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"a\":1}").unwrap();
        assert_eq!(body(file.path(), 7).unwrap(), serde_json::json!({ "a": 1 }));
        assert!(body(file.path(), 6).unwrap_err().message.contains("longer than 6 bytes"));
        file.write_all(b"x").unwrap();
        assert!(body(file.path(), 9).unwrap_err().message.contains("line 1 column 8"));
        assert!(body(Path::new("/no/such"), 9).is_err());
    }
}

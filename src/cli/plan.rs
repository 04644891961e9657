//! `gantry plan`: what a request would do to its backend, as text. Where the plan depends on what the
//! backend holds, it reads; it never writes.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::Value;

use super::{Exit, build, print};
use crate::backend::Intent;
use crate::config;
use crate::gateway::{Client, Request, Target};
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
    /// GET, POST, PUT, PATCH or DELETE
    #[arg(value_parser = method)]
    method: Method,
    /// The path below the target's, with its query: /Users?filter=…
    path: String,
    /// A file with the request's body; - is stdin
    body: Option<PathBuf>,
}

// === impl Plan ===

impl Plan {
    pub async fn run(self) -> Result<(), Exit> {
        if self.method.has_body() != self.body.is_some() {
            return Err(Exit::usage("POST, PUT and PATCH need a body, the others take none"));
        }
        let config = config::load(&self.config)?;
        let Some(settings) = config.targets.iter().find(|target| target.name == self.target) else {
            let known: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
            return Err(Exit::usage(format!("no target {}; there are: {}", self.target, known.join(", "))));
        };
        let mut request = Request::parse(self.method, &self.path).map_err(refused)?;
        if let Some(path) = &self.body {
            request.body = Some(body(path, config.limits.request_bytes)?);
        }
        let public_url = build::public_url(&config, config.listen);
        let cursors = build::cursors(&config)?;
        let target = Arc::new(build::target(settings, config.limits, &public_url, &cursors, Intent::Read)?);
        let client = self.client(&target)?;
        print(target.plan(request, &client).await.map_err(refused)?.render().trim_end())
    }

    /// Who would ask.
    fn client(&self, target: &Target) -> Result<Arc<Client>, Exit> {
        let is_wanted = |client: &&Arc<Client>| self.client.as_ref().is_none_or(|name| *name == client.name);
        let found = target.clients.iter().find(is_wanted).cloned();
        found.ok_or_else(|| {
            let known: Vec<&str> = target.clients.iter().map(|client| client.name.as_str()).collect();
            let name = self.client.as_deref().unwrap_or_default();
            Exit::usage(format!("no client {name} of this target; there are: {}", known.join(", ")))
        })
    }
}

fn method(text: &str) -> Result<Method, String> {
    let known = Method::named(&text.to_ascii_uppercase());
    known.ok_or_else(|| "the methods are GET, POST, PUT, PATCH and DELETE".to_owned())
}

fn body(path: &Path, limit_bytes: usize) -> Result<Value, Exit> {
    let shown = path.display();
    let unreadable = |cause: std::io::Error| Exit::failure(format!("{shown}: {cause}"));
    let source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(stdin()),
        false => Box::new(File::open(path).map_err(unreadable)?),
    };
    let mut text = Vec::new();
    source.take(limit_bytes as u64 + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() > limit_bytes {
        return Err(Exit::failure(format!("{shown}: longer than {limit_bytes} bytes")));
    }
    serde_json::from_slice(&text).map_err(|cause| Exit::failure(format!("{shown}: not JSON: {cause}")))
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

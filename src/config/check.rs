//! What is allowed in a configuration, beyond its shape. Goes on after a mistake, so that one run shows
//! them all; what parses and is not built yet is refused at its place, never ignored.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::place::Source;
use super::secret::SecretPlace;
use super::target::paths_shadow;
use super::{Config, Files, Target, Tls, raw};
use crate::limits::Limits;
use crate::mapping::diagnostic::{Code, Diagnostic};
use crate::plan::Secret;

/// A PEM file, at most.
const PEM_BYTES: u64 = 1 << 20;
/// No deadline is longer: an hour.
const DEADLINE_MS_MAX: u64 = 3_600_000;
/// No cursor is good for longer: a month.
const CURSOR_TIMEOUT_S_MAX: u64 = 31 * 24 * 3_600;
/// What keys cursors, at least: what `openssl rand -hex 32` gives is twice that.
const CURSOR_KEY_BYTES_MIN: usize = 32;
/// No other limit is larger.
const LIMIT_MAX: u64 = 1 << 30;
/// Requests in work at one time, at most: each may hold a connection, a body and a task.
const CONCURRENT_REQUESTS_MAX: u64 = 1 << 16;

/// The check of one configuration, and the mistakes that it has found so far.
pub struct Check<'a> {
    source: Source<'a>,
    pub(super) folder: &'a Path,
    files: &'a mut Files,
    mistakes: Vec<Diagnostic>,
}

// === impl Check ===

impl<'a> Check<'a> {
    /// Nothing is found yet. `folder` is what relative paths are relative to; `files` notes what is read.
    pub fn new(source: Source<'a>, folder: &'a Path, files: &'a mut Files) -> Self {
        Self { source, folder, files, mistakes: Vec::new() }
    }

    /// The configuration, or every mistake in the order of their places.
    pub fn config(mut self, raw: raw::Config) -> Result<Config, Vec<Diagnostic>> {
        let listen = self.listen(&raw.listen, raw.public_url.is_some());
        let public_url = raw.public_url.and_then(|url| self.public_url(&url));
        let cursor_key = raw.cursor_key.and_then(|key| self.cursor_key(&key));
        let limits = raw.limits.map_or_else(Limits::default, |limits| self.limits(&limits));
        let tls = raw.tls.and_then(|tls| self.tls(&tls));
        if raw.target.is_empty() {
            self.mistakes.push(Diagnostic::whole(
                Code::NoTarget,
                self.source.file,
                "no [[target]]: there is nothing to serve",
            ));
        }
        let targets = self.targets(raw.target);
        self.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
        match listen {
            Some(listen) if self.mistakes.is_empty() => Ok(Config {
                listen,
                public_url,
                cursor_key,
                limits,
                tls,
                watch: raw.watch,
                targets,
                sha256: None,
            }),
            _ => Err(self.mistakes),
        }
    }

    /// Notes a mistake at a value's place.
    pub(super) fn mistake<T>(&mut self, code: Code, place: &Spanned<T>, message: impl Into<String>) {
        self.mistakes.push(self.source.mistake(code, place.span().start, message));
    }

    /// Notes a mistake, with what to do about it.
    pub(super) fn mistake_with_help<T>(
        &mut self,
        code: Code,
        place: &Spanned<T>,
        message: impl Into<String>,
        help: &str,
    ) {
        self.mistakes.push(self.source.mistake(code, place.span().start, message).with_help(help));
    }

    fn listen(&mut self, listen: &Spanned<String>, has_public_url: bool) -> Option<SocketAddr> {
        let Ok(address) = listen.get_ref().parse::<SocketAddr>() else {
            self.mistake_with_help(
                Code::Address,
                listen,
                "listen is not an IP address with a port",
                "for instance \"127.0.0.1:8080\" or \"[::1]:8080\"",
            );
            return None;
        };
        if address.ip().is_unspecified() && !has_public_url {
            self.mistake_with_help(
                Code::Address,
                listen,
                "every address is listened on, so locations need a public_url",
                "for instance public_url = \"https://scim.example.test\"",
            );
        }
        Some(address)
    }

    fn public_url(&mut self, url: &Spanned<String>) -> Option<String> {
        let text = url.get_ref().trim_end_matches('/');
        let parts = text.parse::<hyper::Uri>().ok().map(hyper::Uri::into_parts);
        let fits = parts.is_some_and(|parts| {
            parts.authority.is_some()
                && parts.scheme.is_some_and(|scheme| ["https", "http"].contains(&scheme.as_str()))
                && parts.path_and_query.is_none_or(|rest| rest.query().is_none())
        });
        if fits {
            return Some(text.to_owned());
        }
        self.mistake_with_help(
            Code::Address,
            url,
            "public_url is not an http or https URL without a query",
            "for instance \"https://scim.example.test\"",
        );
        None
    }

    fn cursor_key(&mut self, place: &Spanned<SecretPlace>) -> Option<Secret> {
        let key = self.secret(place)?;
        if key.expose().len() >= CURSOR_KEY_BYTES_MIN {
            return Some(key);
        }
        self.mistake_with_help(
            Code::SecretValue,
            place,
            format!("the cursor_key has fewer than {CURSOR_KEY_BYTES_MIN} bytes"),
            "for instance what `openssl rand -hex 32` prints, the same for all replicas",
        );
        None
    }

    fn limits(&mut self, limits: &Spanned<Limits>) -> Limits {
        let Limits {
            request_bytes,
            page_size,
            scanned_rows,
            concurrent_requests,
            cursor_timeout_s,
            deadline_ms,
            header_deadline_ms,
            backend_deadline_ms,
            drain_ms,
        } = *limits.get_ref();
        for (name, value, max) in [
            ("request_bytes", request_bytes as u64, LIMIT_MAX),
            ("page_size", page_size as u64, LIMIT_MAX),
            ("scanned_rows", scanned_rows as u64, LIMIT_MAX),
            ("concurrent_requests", concurrent_requests as u64, CONCURRENT_REQUESTS_MAX),
            ("cursor_timeout_s", cursor_timeout_s, CURSOR_TIMEOUT_S_MAX),
            ("deadline_ms", deadline_ms, DEADLINE_MS_MAX),
            ("header_deadline_ms", header_deadline_ms, DEADLINE_MS_MAX),
            ("backend_deadline_ms", backend_deadline_ms, DEADLINE_MS_MAX),
            ("drain_ms", drain_ms, DEADLINE_MS_MAX),
        ] {
            if value == 0 || value > max {
                self.mistake(Code::Limit, limits, format!("limits: {name} must be from 1 to {max}"));
            }
        }
        *limits.get_ref()
    }

    fn tls(&mut self, tls: &Spanned<raw::Tls>) -> Option<Tls> {
        let place = self.source.mistake(Code::ConfigFile, tls.span().start, "");
        let tls = tls.get_ref();
        let cert = self.pem(&tls.cert);
        let key = self.secret(&tls.key);
        let client_ca = tls.client_ca.as_ref().map(|path| self.pem(path));
        Some(Tls { cert: cert?, key: key?, client_ca: client_ca.unwrap_or(None), place })
    }

    fn targets(&mut self, targets: Vec<raw::Target>) -> Vec<Target> {
        let mut checked: Vec<Target> = Vec::with_capacity(targets.len());
        for raw in targets {
            let place = raw.path.clone().unwrap_or_else(|| raw.name.clone());
            let name = raw.name.clone();
            let Some(target) = self.target(raw) else { continue };
            if checked.iter().any(|other| other.name == target.name) {
                self.mistake(
                    Code::Taken,
                    &name,
                    format!("a target before this one is called {:?} too", target.name),
                );
            } else if let Some(other) = checked.iter().find(|other| paths_shadow(&other.path, &target.path)) {
                let message =
                    format!("the path {} lies in the way of {} ({})", target.path, other.path, other.name);
                self.mistake_with_help(
                    Code::Taken,
                    &place,
                    message,
                    "give each target a path that no other begins with",
                );
            }
            let dir = |target: &Target| target.capture.as_ref().map(|capture| capture.dir.clone());
            if dir(&target).is_some() && checked.iter().any(|other| dir(other) == dir(&target)) {
                self.mistake(
                    Code::Taken,
                    &name,
                    "a target before this one captures requests in the same folder",
                );
            }
            checked.push(target);
        }
        checked
    }

    /// Reads a secret from its place.
    pub(super) fn secret(&mut self, place: &Spanned<SecretPlace>) -> Option<Secret> {
        let read = place.get_ref().read(self.folder, self.files);
        read.map_err(|cause| self.mistake(Code::SecretValue, place, cause)).ok()
    }

    /// Reads a password, which is a text and not empty; `key` is what the configuration calls it.
    pub(super) fn password(&mut self, place: &Spanned<SecretPlace>, key: &str) -> Option<Secret> {
        let password = self.secret(place)?;
        if password.expose().is_empty() || std::str::from_utf8(password.expose()).is_err() {
            self.mistake(Code::SecretValue, place, format!("the {key} is empty or not UTF-8"));
        }
        Some(password)
    }

    /// Reads a PEM file.
    pub(super) fn pem(&mut self, path: &Spanned<PathBuf>) -> Option<Vec<u8>> {
        let name = path.get_ref();
        self.files
            .read(&self.folder.join(name), PEM_BYTES)
            .map_err(|cause| {
                self.mistake(
                    Code::ConfigFile,
                    path,
                    format!("the file {} cannot be read: {cause}", name.display()),
                )
            })
            .ok()
    }
}

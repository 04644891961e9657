//! What is allowed in a `[[target]]`: its name, its path, its one backend and its clients.

use std::path::PathBuf;

use toml::Spanned;

use super::check::Check;
use super::identity::certificates;
use super::{Capture, Client, Ldap, Script, Store, Target, Token, raw};
use crate::mapping::diagnostic::Code;
use crate::scim::path::parse_path;
use crate::scim::profile::{PatchAnswer, Profile, UnknownMembers};

/// Requests that are kept where the configuration does not say how many.
const CAPTURED: usize = 1_000;
/// And the most that it may say.
const CAPTURED_MAX: usize = 1_000_000;
/// Paths that are the process's own.
const OWN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

// === impl Check ===

impl Check<'_> {
    /// One target; `None` when what is wrong with it leaves nothing to compare with the others.
    pub(super) fn target(&mut self, raw: raw::Target) -> Option<Target> {
        let name_fits = self.name(&raw.name, "target");
        let path = match &raw.path {
            Some(path) => self.path(path),
            None => name_fits.then(|| format!("/{}/scim/v2", raw.name.get_ref())),
        };
        let store = self.store(&raw);
        let capture = raw.capture.as_ref().and_then(|capture| self.capture(capture));
        let mut clients: Vec<Client> = Vec::with_capacity(raw.client.len());
        for client in &raw.client {
            if clients.iter().any(|other| other.name == *client.name.get_ref()) {
                let message =
                    format!("a client of this target is called {:?} already", client.name.get_ref());
                self.mistake(Code::Taken, &client.name, message);
            }
            clients.extend(self.client(client));
        }
        Some(Target {
            name: raw.name.into_inner(),
            path: path?,
            mapping: Script::Folder(self.folder.join(raw.mapping)),
            params: raw.params,
            read_only: raw.mode == raw::Mode::ReadOnly,
            store: store?,
            clients,
            capture,
        })
    }

    fn capture(&mut self, place: &Spanned<raw::Capture>) -> Option<Capture> {
        let raw = place.get_ref();
        let keep = raw.keep.unwrap_or(CAPTURED);
        if keep == 0 || keep > CAPTURED_MAX {
            self.mistake(Code::Limit, place, format!("capture: keep must be from 1 to {CAPTURED_MAX}"));
        }
        let mut without = Vec::with_capacity(raw.without.len());
        for name in &raw.without {
            match parse_path(name.get_ref()).ok().filter(|path| path.filter.is_none()) {
                Some(path) => without.push(path.attr),
                None => self.mistake_with_help(
                    Code::ConfigValue,
                    name,
                    "not the name of an attribute",
                    "for instance \"emails\" or \"name.familyName\"",
                ),
            }
        }
        Some(Capture { dir: self.folder.join(&raw.dir), keep, without })
    }

    fn name(&mut self, name: &Spanned<String>, what: &str) -> bool {
        let fits = is_plain(name.get_ref());
        if !fits {
            self.mistake(
                Code::Name,
                name,
                format!("a {what}'s name is 1 to 64 of the characters A-Z a-z 0-9 . _ -"),
            );
        }
        fits
    }

    fn path(&mut self, path: &Spanned<String>) -> Option<String> {
        let text = path.get_ref();
        let segments_fit = text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain));
        if !segments_fit {
            let message = format!("the path {text:?} is not made of plain segments");
            self.mistake_with_help(
                Code::Address,
                path,
                message,
                "for instance \"/scim/v2\", without a slash at the end",
            );
            return None;
        }
        if OWN_PATHS.iter().any(|own| paths_shadow(own, text)) {
            self.mistake(Code::Taken, path, "/healthz and /readyz are the gateway's own");
            return None;
        }
        Some(text.clone())
    }

    fn store(&mut self, raw: &raw::Target) -> Option<Store> {
        let said = [raw.ldap.is_some(), raw.sqlite.is_some(), raw.sqlserver.is_some()];
        if said.into_iter().filter(|is_said| *is_said).count() != 1 {
            self.mistake_with_help(
                Code::NoTarget,
                &raw.name,
                "a target has exactly one backend",
                "give it one of [target.ldap], [target.sqlite] and [target.sqlserver]",
            );
            return None;
        }
        if let Some(sqlserver) = &raw.sqlserver {
            return self.sqlserver(sqlserver, raw.mode == raw::Mode::ReadOnly).map(Store::SqlServer);
        }
        if let Some(sqlite) = &raw.sqlite {
            return Some(Store::Sqlite(self.folder.join(&sqlite.get_ref().file)));
        }
        raw.ldap.as_ref().and_then(|ldap| self.ldap(ldap)).map(Store::Ldap)
    }

    fn ldap(&mut self, ldap: &Spanned<raw::Ldap>) -> Option<Ldap> {
        let raw = ldap.get_ref();
        if raw.urls.get_ref().is_empty() {
            self.mistake(Code::Address, &raw.urls, "urls is empty: name at least one server");
        }
        for (at, url) in raw.urls.get_ref().iter().enumerate() {
            if !is_server(url.get_ref()) {
                let help = "for instance \"ldaps://ldap.example.test\" or \"ldap://10.0.0.1:1389\"";
                self.mistake_with_help(Code::Address, url, "not an LDAP server's URL", help);
            } else if raw.urls.get_ref().iter().take(at).any(|other| other.get_ref() == url.get_ref()) {
                self.mistake(Code::Taken, url, "this server is named twice");
            }
        }
        let identity = self.identity(ldap);
        let ca = raw.ca.as_ref().map(|ca| self.authority(ca));
        Some(Ldap {
            urls: raw.urls.get_ref().iter().map(|url| url.get_ref().clone()).collect(),
            ca: ca.flatten(),
            server: raw.server,
            identity: identity?,
            plaintext: raw.plaintext,
        })
    }

    /// A file with certificates.
    pub(super) fn authority(&mut self, path: &Spanned<PathBuf>) -> Option<Vec<u8>> {
        let pem = self.pem(path)?;
        if certificates(&pem).is_empty() {
            self.mistake(Code::ConfigFile, path, "there is no PEM certificate in this file");
        }
        Some(pem)
    }

    fn client(&mut self, raw: &raw::Client) -> Option<Client> {
        self.name(&raw.name, "client");
        let profile = raw.profile.as_ref().map(|profile| self.profile(profile)).unwrap_or_default();
        let token = match (&raw.token, &raw.token_sha256) {
            (Some(token), None) => self.secret(token).map(Token::Plain),
            (None, Some(hash)) => self.hash(hash).map(Token::Sha256),
            _ => {
                self.mistake(
                    Code::ClientToken,
                    &raw.name,
                    "a client has exactly one of token and token_sha256",
                );
                None
            }
        };
        Some(Client { name: raw.name.get_ref().clone(), token: token?, profile, user: raw.user.clone() })
    }

    fn profile(&mut self, raw: &Spanned<raw::NameOrProfile>) -> Profile {
        let raw::NameOrProfile(said) = raw.get_ref();
        let mut profile = said.base.0;
        match said.patch_answer {
            None => {}
            Some(200) => profile.patch_answer = PatchAnswer::Resource,
            Some(204) => profile.patch_answer = PatchAnswer::NoContent,
            Some(_) => self.mistake(Code::ConfigValue, raw, "patch_answer is 200 or 204"),
        }
        if let Some(create) = said.create_on_missing {
            profile.patch.create_on_missing = create;
        }
        match said.unknown_members {
            None => {}
            Some(raw::UnknownMembers::Refuse) => profile.unknown_members = UnknownMembers::Refused,
            Some(raw::UnknownMembers::Skip) => profile.unknown_members = UnknownMembers::Skipped,
        }
        profile
    }

    fn hash(&mut self, hash: &Spanned<String>) -> Option<[u8; 32]> {
        let octets = from_hex(hash.get_ref());
        if octets.is_none() {
            self.mistake(Code::ClientToken, hash, "token_sha256 is not 64 hexadecimal digits");
        }
        octets
    }
}

/// Whether this is `ldaps://` or `ldap://` with a host's name or IPv4 address, and a port or none.
fn is_server(url: &str) -> bool {
    let Some(place) = url.strip_prefix("ldaps://").or(url.strip_prefix("ldap://")) else { return false };
    let (host, port) = place.rsplit_once(':').unwrap_or((place, "0"));
    is_plain(host) && port.parse::<u16>().is_ok()
}

/// Whether a text can stand in a path and in a log as it is.
fn is_plain(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(fits) && text != "." && text != ".."
}

/// Whether one path is the other, or lies above it at a slash.
pub fn paths_shadow(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut octets = [0; 32];
    if text.len() != 2 * octets.len() {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value * 16 + char::from(*digit).to_digit(16)?;
        }
        *octet = u8::try_from(value).ok()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_shadows_itself_and_what_lies_below() {
        assert!(paths_shadow("/a", "/a"));
        assert!(paths_shadow("/a", "/a/b"));
        assert!(paths_shadow("/a/b", "/a"));
        assert!(!paths_shadow("/a", "/ab"));
        assert!(!paths_shadow("/a/b", "/a/c"));
    }

    #[test]
    fn a_hash_is_64_digits() {
        assert_eq!(from_hex(&"fF".repeat(32)), Some([255; 32]));
        for text in ["", "zz", &"f".repeat(63), &"f".repeat(65), &"é".repeat(32), &"+1".repeat(32)] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn a_plain_text_has_no_slash_and_is_no_dot() {
        assert!(is_plain("v2") && is_plain("a.b_c-D"));
        assert!(!is_plain("") && !is_plain("..") && !is_plain("a/b") && !is_plain("é") && !is_plain("a%20"));
    }
}

//! The configuration's shape as it is written, for serde. Says nothing of what is allowed: that is
//! `check`. What a later mistake may be about is `Spanned`, so that it can be shown at its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use toml::Spanned;

use super::secret::SecretPlace;
use crate::limits::Limits;
use crate::scim::profile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: Spanned<String>,
    pub public_url: Option<Spanned<String>>,
    pub cursor_key: Option<Spanned<SecretPlace>>,
    pub limits: Option<Spanned<Limits>>,
    pub tls: Option<Spanned<Tls>>,
    #[serde(default = "yes")]
    pub watch: bool,
    #[serde(default)]
    pub target: Vec<Target>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub cert: Spanned<PathBuf>,
    pub key: Spanned<SecretPlace>,
    pub client_ca: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub name: Spanned<String>,
    pub path: Option<Spanned<String>>,
    pub mapping: PathBuf,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub capture: Option<Spanned<Capture>>,
    pub ldap: Option<Spanned<Ldap>>,
    pub sqlite: Option<Spanned<Sqlite>>,
    pub sqlserver: Option<Spanned<SqlServer>>,
    #[serde(default)]
    pub client: Vec<Client>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    pub dir: PathBuf,
    pub keep: Option<usize>,
    #[serde(default)]
    pub without: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    ReadWrite,
    ReadOnly,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ldap {
    pub urls: Spanned<Vec<Spanned<String>>>,
    pub ca: Option<Spanned<PathBuf>>,
    pub bind_dn: Option<String>,
    pub bind_password: Option<Spanned<SecretPlace>>,
    pub client_certificate: Option<Spanned<PathBuf>>,
    pub client_key: Option<Spanned<SecretPlace>>,
    pub server: Option<Server>,
    #[serde(default)]
    pub plaintext: bool,
}

/// A kind of directory server.
#[allow(missing_docs)] // the names say it
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Server {
    #[serde(rename = "openldap")]
    OpenLdap,
    #[serde(rename = "389ds")]
    Ds389,
    #[serde(rename = "active-directory")]
    ActiveDirectory,
    #[serde(rename = "generic")]
    Generic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sqlite {
    pub file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlServer {
    pub host: Spanned<String>,
    pub port: Option<u16>,
    pub instance: Option<Spanned<String>>,
    pub database: String,
    pub user: Option<String>,
    pub password: Option<Spanned<SecretPlace>>,
    pub token: Option<Spanned<TokenPlace>>,
    pub kerberos: Option<Spanned<bool>>,
    pub ca: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub encrypt: Encrypt,
    pub trust_certificate: Option<Spanned<bool>>,
}

/// Where an access token comes from, at each connection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPlace {
    pub file: Option<PathBuf>,
    pub command: Option<Vec<String>>,
}

/// What of a conversation with SQL Server is encrypted.
#[allow(missing_docs)] // the configuration's own words
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encrypt {
    Strict,
    #[default]
    Required,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub name: Spanned<String>,
    pub profile: Option<Spanned<NameOrProfile>>,
    pub user: Option<String>,
    pub token: Option<Spanned<SecretPlace>>,
    pub token_sha256: Option<Spanned<String>>,
}

/// How a client's requests are read and answered: a name, or a name and what differs.
pub struct NameOrProfile(pub Profile);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub base: Base,
    pub patch_answer: Option<u16>,
    pub create_on_missing: Option<bool>,
    pub unknown_members: Option<UnknownMembers>,
}

/// A profile by its name.
pub struct Base(pub profile::Profile);

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownMembers {
    Refuse,
    Skip,
}

// === impl Base ===

impl<'de> Deserialize<'de> for Base {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::named(&String::deserialize(deserializer)?)
    }
}

impl Base {
    fn named<E: de::Error>(name: &str) -> Result<Self, E> {
        profile::Profile::named(name).map(Self).ok_or_else(|| E::unknown_variant(name, &profile::NAMES))
    }
}

// === impl NameOrProfile ===

impl<'de> Deserialize<'de> for NameOrProfile {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProfileVisitor)
    }
}

struct ProfileVisitor;

// By hand, because an untagged enum would say only that no variant fits.
impl<'de> Visitor<'de> for ProfileVisitor {
    type Value = NameOrProfile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"rfc\", \"entra\", \"okta\" or { base = \"…\", patch_answer = … }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let base = Base::named(name)?;
        Ok(NameOrProfile(Profile {
            base,
            patch_answer: None,
            create_on_missing: None,
            unknown_members: None,
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Profile::deserialize(MapAccessDeserializer::new(map)).map(NameOrProfile)
    }
}

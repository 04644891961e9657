//! A secret's place: a file or an environment variable. A literal in the configuration is a mistake,
//! and no message repeats it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};

use super::Files;
use crate::plan::Secret;

/// A secret's file, at most.
const SECRET_BYTES: u64 = 64 * 1024;

const LITERAL: &str =
    "a secret does not stand in the configuration itself: say { file = \"…\" } or { env = \"…\" }";

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    file: Option<PathBuf>,
    env: Option<String>,
}

// === impl SecretPlace ===

impl SecretPlace {
    /// Reads the secret; one line ending at its end does not belong to it. The error says which file or
    /// variable it was, and why.
    pub fn read(&self, folder: &Path, files: &mut Files) -> Result<Secret, String> {
        let (mut octets, place) = match self {
            Self::File(path) => {
                let place = format!("the file {}", path.display());
                let octets = files
                    .read(&folder.join(path), SECRET_BYTES)
                    .map_err(|cause| format!("{place} cannot be read: {cause}"))?;
                (octets, place)
            }
            Self::Env(name) => {
                let place = format!("the environment variable {name}");
                let value = std::env::var_os(name).ok_or_else(|| format!("{place} is not set"))?;
                (value.into_encoded_bytes(), place)
            }
        };
        trim_line_ending(&mut octets);
        if octets.is_empty() { Err(format!("{place} is empty")) } else { Ok(Secret::new(octets)) }
    }
}

fn trim_line_ending(octets: &mut Vec<u8>) {
    if octets.last() == Some(&b'\n') {
        octets.pop();
        if octets.last() == Some(&b'\r') {
            octets.pop();
        }
    }
}

impl<'de> Deserialize<'de> for SecretPlace {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlaceVisitor)
    }
}

struct PlaceVisitor;

// Every scalar is answered with one and the same sentence: serde's own would repeat the value.
impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = SecretPlace;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ file = \"…\" } or { env = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(LITERAL))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        match Shape::deserialize(MapAccessDeserializer::new(map))? {
            Shape { file: Some(path), env: None } => Ok(SecretPlace::File(path)),
            Shape { file: None, env: Some(name) } => Ok(SecretPlace::Env(name)),
            _ => Err(de::Error::custom("a secret has exactly one of file and env")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_ending_is_trimmed() {
        for (text, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("a", "a")] {
            let mut octets = text.as_bytes().to_vec();
            trim_line_ending(&mut octets);
            assert_eq!(octets, kept.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn a_file_is_looked_for_in_the_configurations_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t"), "hunter2\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let read = |name: &str| SecretPlace::File(name.into()).read(folder.path(), &mut Files::default());
        assert_eq!(read("t").unwrap().expose(), b"hunter2");
        assert_eq!(read("empty").unwrap_err(), "the file empty is empty");
        assert!(read("none").unwrap_err().starts_with("the file none cannot be read: "));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let place = SecretPlace::Env("GANTRY_NO_SUCH_VARIABLE".into());
        let cause = place.read(Path::new(""), &mut Files::default()).unwrap_err();
        assert_eq!(cause, "the environment variable GANTRY_NO_SUCH_VARIABLE is not set");
    }
}

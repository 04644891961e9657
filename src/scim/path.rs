//! Attribute paths (RFC 7644 §3.10) and PATCH paths (§3.5.2, `PATH`).

use std::fmt;

use serde_json::{Map, Value};

use super::filter::{self, Filter, SyntaxError};
use super::schema::ResourceType;

/// The path of an attribute or a sub-attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttrPath {
    /// The schema's URN; in canonical form `None` for core and common attributes.
    pub urn: Option<String>,
    /// The attribute's name; empty in the path of an extension's whole object.
    pub name: String,
    /// The sub-attribute's name.
    pub sub: Option<String>,
}

/// A PATCH path: an attribute, perhaps a filter on its elements, perhaps a sub-attribute of those.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute; with a sub-attribute only when there is no filter.
    pub attr: AttrPath,
    /// `[type eq "work"]`
    pub filter: Option<Filter>,
    /// What follows the filter: `.value`
    pub sub: Option<String>,
}

// === impl AttrPath ===

impl AttrPath {
    /// A core attribute's path.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self { urn: None, name: name.into(), sub: None }
    }

    /// The path of the attribute itself.
    pub fn without_sub(&self) -> Self {
        Self { sub: None, ..self.clone() }
    }

    /// The path itself, and those of the sub-attributes that a value of it has.
    pub(super) fn with_subs_of(&self, value: Option<&Value>) -> Vec<Self> {
        let elements = match value {
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let names = elements.iter().filter_map(Value::as_object).flat_map(Map::keys);
        std::iter::once(self.clone()).chain(names.map(|name| self.with_sub(name))).collect()
    }

    /// With this sub-attribute.
    pub fn with_sub(&self, sub: impl Into<String>) -> Self {
        Self { sub: Some(sub.into()), ..self.clone() }
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.urn {
            Some(urn) if self.name.is_empty() => return f.write_str(urn),
            Some(urn) => write!(f, "{urn}:{}", self.name)?,
            None => f.write_str(&self.name)?,
        }
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// Parses a PATCH path. The names are not looked up.
pub fn parse_path(text: &str) -> Result<Path, SyntaxError> {
    filter::parse_path(text)
}

/// Splits the text of an attribute path; `None` when it is none. A URN ends at the last colon.
pub(super) fn split(text: &str) -> Option<AttrPath> {
    let (urn, rest) = match text.rsplit_once(':') {
        Some((urn, rest)) if urn.to_ascii_lowercase().starts_with("urn:") => (Some(urn.to_owned()), rest),
        Some(_) => return None,
        None => (None, text),
    };
    let (name, sub) = match rest.split_once('.') {
        // The version of a bare schema URN has a dot that ends no attribute: `…:2.0:User` does not come here.
        Some((name, sub)) => (name, Some(sub)),
        None => (rest, None),
    };
    let is_name = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '$' || first == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
    };
    let good = is_name(name) && sub.is_none_or(is_name);
    good.then(|| AttrPath { urn, name: name.to_owned(), sub: sub.map(str::to_owned) })
}

/// The path with the schema's own spelling; a core URN is dropped. `None` when the type has no such
/// attribute. The bare URN of an extension is the path of its object, with an empty name.
pub fn canonical(path: &AttrPath, rt: &ResourceType) -> Option<AttrPath> {
    if let Some(found) = rt.find(path) {
        return Some(AttrPath {
            urn: found.urn.map(str::to_owned),
            name: found.attribute.name.clone(),
            sub: found.sub.map(|sub| sub.name.clone()),
        });
    }
    let whole = path.to_string();
    let extension = rt.extension(&whole)?;
    Some(AttrPath { urn: Some(extension.schema.id.clone()), name: String::new(), sub: None })
}

/// The same; a path without a URN also leads to an attribute of an extension when no other has its name
/// (Entra ID patches and looks up `manager`).
pub fn named(path: &AttrPath, rt: &ResourceType) -> Option<AttrPath> {
    canonical(path, rt).or_else(|| {
        let in_extension = |urn: &String| AttrPath { urn: Some(urn.clone()), ..path.clone() };
        let mut urns = rt.extensions.iter().map(|extension| &extension.schema.id);
        let is_bare = path.urn.is_none();
        is_bare.then(|| urns.find_map(|urn| canonical(&in_extension(urn), rt))).flatten()
    })
}

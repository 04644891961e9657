//! Texts with SCIM attributes in braces: `"{displayName|userName}"`, `"/home/{userName}"`. In braces
//! stand paths, the first that is present is taken.

use crate::plan::{Composed, Native, Piece};
use crate::scim::error::{Error, ScimType};
use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;

use super::place;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    parts: Vec<Part>,
    source: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    FirstOf(Vec<AttrPath>),
}

/// As the mapping has it.
impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

// === impl Template ===

impl Template {
    /// Parses the text; `resolve` turns a path's text into a path that the mapping knows, or says why not.
    pub(super) fn parse(
        text: &str,
        resolve: &dyn Fn(&str) -> Result<AttrPath, String>,
    ) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            let (inner, after) = after
                .split_once('}')
                .ok_or_else(|| format!("the template {text:?} has a `{{` without its `}}`"))?;
            let paths = inner.split('|').map(|path| resolve(path.trim())).collect::<Result<Vec<_>, _>>()?;
            parts.push(Part::FirstOf(paths));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts, source: text.to_owned() })
    }

    /// The same over natives; `native` says where an attribute stands as it is, or why that cannot be said.
    pub(super) fn composed(
        &self,
        native: &dyn Fn(&AttrPath) -> Result<Native, String>,
    ) -> Result<Composed, String> {
        let pieces = self.parts.iter().map(|part| match part {
            Part::Literal(text) => Ok(Piece::Literal(text.clone())),
            Part::FirstOf(paths) => paths.iter().map(native).collect::<Result<_, _>>().map(Piece::FirstOf),
        });
        pieces.collect::<Result<_, _>>().map(Composed)
    }

    /// The text for a resource; 400 when none of a brace's attributes is present.
    pub(super) fn render(&self, resource: &Resource) -> Result<String, Error> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::FirstOf(paths) => {
                    let value = paths.iter().find_map(|path| place::text(resource, path));
                    text.push_str(&value.ok_or_else(|| self.absent(paths))?);
                }
            }
        }
        Ok(text)
    }

    fn absent(&self, paths: &[AttrPath]) -> Error {
        let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
        Error::bad_request(
            ScimType::InvalidValue,
            format!("{} is required here: this target makes {:?} of it.", names.join(" or "), self.source),
        )
    }
}

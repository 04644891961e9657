//! Texts with SCIM attributes in braces: `"{displayName|userName}"`, `"/home/{userName}"`. In braces
//! stand paths, the first that is present is taken; a brace that is written twice is the sign itself.

use crate::plan::{Composed, Native, Piece};
use crate::scim::error::{Error, ScimType};
use crate::scim::path::{self, AttrPath};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;

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
    /// Parses a text whose paths are of this type.
    pub(super) fn of(text: &str, full: &ResourceType) -> Result<Self, String> {
        let resolve = |path: &str| {
            let parsed = path::parse_path(path).map_err(|error| error.to_string())?;
            path::canonical(&parsed.attr, full)
                .ok_or_else(|| format!("a {} has no attribute `{path}`", full.name))
        };
        Self::parse(text, &resolve)
    }

    /// Parses the text; `resolve` turns a path's text into a path that the mapping knows, or says why not.
    fn parse(text: &str, resolve: &dyn Fn(&str) -> Result<AttrPath, String>) -> Result<Self, String> {
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            let twice = |sign| Some((sign, brace.strip_prefix(sign)?.strip_prefix(sign)?));
            if let Some((sign, after)) = ['{', '}'].into_iter().find_map(twice) {
                literal.push(sign);
                rest = after;
                continue;
            }
            let inner = brace
                .strip_prefix('{')
                .ok_or_else(|| format!("the template {text:?} has a `}}` without its `{{`"))?;
            let (inner, after) = inner
                .split_once('}')
                .ok_or_else(|| format!("the template {text:?} has a `{{` without its `}}`"))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            let paths = inner.split('|').map(|path| resolve(path.trim())).collect::<Result<Vec<_>, _>>()?;
            parts.push(Part::FirstOf(paths));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts, source: text.to_owned() })
    }

    /// Of each pair of braces, the attributes in it.
    pub(super) fn braces(&self) -> impl Iterator<Item = &[AttrPath]> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::FirstOf(paths) => Some(paths.as_slice()),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, String> {
        Template::parse(text, &|path| Ok(AttrPath::attribute(path)))
    }

    #[test]
    fn a_brace_that_is_written_twice_is_a_sign() {
        let user: Resource = serde_json::from_str("{\"userName\":\"ada\"}").unwrap();
        for (text, expected) in [
            ("/home/{userName}", "/home/ada"),
            ("{{}}", "{}"),
            ("{{\"name\": \"{userName}\"}}", "{\"name\": \"ada\"}"),
            ("{{{userName}}}", "{ada}"),
            ("{nickName|userName}", "ada"),
        ] {
            assert_eq!(parse(text).unwrap().render(&user).unwrap(), expected, "{text}");
        }
        for text in ["{userName", "{userName}}", "a}b{userName}"] {
            assert!(parse(text).unwrap_err().contains("without its"), "{text}");
        }
    }
}

//! What a filter says of a resource (RFC 7644 §3.4.2.2). Multi-valued attributes match when any of their
//! elements does; a value path asks for one and the same element; dates are compared as instants; an absent
//! attribute matches neither `eq` nor `ne` but those with null.

use std::cmp::Ordering;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::{Map, Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::filter::{Filter, Literal, Op};
use super::path::AttrPath;
use super::resource::Resource;
use super::schema::{Attribute, ResourceType, Type};

/// How the case of text is folded where an attribute is not case-exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folding {
    /// A to Z only.
    Ascii,
    /// By Unicode's lower-case mapping.
    Unicode,
    /// LDAP's caseIgnoreMatch: Unicode, in compatibility form; outer spaces and runs of spaces do not count.
    Directory,
    /// Like it, without the compatibility form.
    Unprepared,
}

/// Whether the resource meets the filter, which was checked against the type.
pub fn matches(filter: &Filter, resource: &Resource, rt: &ResourceType, folding: Folding) -> bool {
    Evaluator { rt, folding, within: None }.matches(filter, resource)
}

/// Whether one element of the multi-valued attribute `path` meets a filter on its sub-attributes.
pub(super) fn element_matches(filter: &Filter, element: &Value, path: &AttrPath, rt: &ResourceType) -> bool {
    Evaluator { rt, folding: Folding::Unicode, within: Some(path) }.element(filter, element)
}

/// An instant in RFC 3339; without an offset it is taken as UTC (xsd:dateTime leaves it open).
pub fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()
}

struct Evaluator<'a> {
    rt: &'a ResourceType,
    folding: Folding,
    within: Option<&'a AttrPath>,
}

// === impl Evaluator ===

impl Evaluator<'_> {
    fn matches(&self, filter: &Filter, object: &Map<String, Value>) -> bool {
        match filter {
            Filter::And(terms) => terms.iter().all(|term| self.matches(term, object)),
            Filter::Or(terms) => terms.iter().any(|term| self.matches(term, object)),
            Filter::Not(inner) => !self.matches(inner, object),
            Filter::Present { path, .. } => values(object, path).into_iter().any(present),
            Filter::Compare { path, op, value, .. } => self.compares(object, path, *op, value),
            Filter::ValuePath { path, filter, then, .. } => {
                let inner = Evaluator { within: Some(path), ..*self };
                let both = |element: &Value| {
                    inner.element(filter, element)
                        && then.as_deref().is_none_or(|then| inner.element(then, element))
                };
                elements(object, path).into_iter().any(both)
            }
        }
    }

    fn element(&self, filter: &Filter, element: &Value) -> bool {
        match element {
            Value::Object(element) => self.matches(filter, element),
            // A simple value is its own `value`.
            simple => self.matches(filter, &Map::from_iter([("value".to_owned(), simple.clone())])),
        }
    }

    fn compares(&self, object: &Map<String, Value>, path: &AttrPath, op: Op, literal: &Literal) -> bool {
        let values = values(object, path);
        if *literal == Literal::Null {
            let absent = !values.into_iter().any(present);
            return if op == Op::Eq { absent } else { !absent };
        }
        let Some(attribute) = self.attribute(path) else { return false };
        values.into_iter().any(|value| self.compare(&attribute, value, op, literal))
    }

    fn attribute(&self, path: &AttrPath) -> Option<Attribute> {
        if let Some(home) = self.within {
            return self.rt.in_elements(home, &path.name);
        }
        let found = self.rt.find(path)?;
        Some(found.sub.unwrap_or(found.attribute).clone())
    }

    fn compare(&self, attribute: &Attribute, value: &Value, op: Op, literal: &Literal) -> bool {
        match (value, literal) {
            (Value::Bool(a), Literal::Bool(b)) => equality(op, a == b),
            (Value::Number(a), Literal::Number(b)) => numerical(a, b).is_some_and(|order| ordered(op, order)),
            (Value::String(a), Literal::Text(b)) if attribute.kind == Type::DateTime => {
                match (instant(a), instant(b)) {
                    (Some(a), Some(b)) if !is_substring(op) => ordered(op, a.cmp(&b)),
                    _ => self.text(attribute, a, op, b),
                }
            }
            (Value::String(a), Literal::Text(b)) => self.text(attribute, a, op, b),
            _ => false,
        }
    }

    fn text(&self, attribute: &Attribute, value: &str, op: Op, wanted: &str) -> bool {
        let folded = |text: &str, part: Op| match (attribute.case_exact, self.folding) {
            (false, Folding::Directory) => prepared(text, part),
            (false, Folding::Unprepared) => spaced(&lower(text), part),
            (case_exact, folding) => folded(text, case_exact, folding),
        };
        let (value, wanted) = (folded(value, Op::Eq), folded(wanted, op));
        match op {
            Op::Co => value.contains(&wanted),
            Op::Sw => value.starts_with(&wanted),
            Op::Ew => value.ends_with(&wanted),
            _ => ordered(op, value.cmp(&wanted)),
        }
    }
}

/// A whole text as it is compared.
pub(super) fn folded(text: &str, case_exact: bool, folding: Folding) -> String {
    match (case_exact, folding) {
        (true, _) => text.to_owned(),
        (false, Folding::Ascii) => text.to_ascii_lowercase(),
        (false, Folding::Unicode) => text.to_lowercase(),
        (false, Folding::Directory) => prepared(text, Op::Eq),
        (false, Folding::Unprepared) => spaced(&lower(text), Op::Eq),
    }
}

/// A text as caseIgnoreMatch and caseIgnoreSubstringsMatch prepare it (RFC 4518 §2.2 to 2.6.1): each letter
/// folded by itself, then NFKC, then spaces. What RFC 4518 maps to nothing stays, as it does in OpenLDAP.
fn prepared(text: &str, op: Op) -> String {
    spaced(&ComposingNormalizerBorrowed::new_nfkc().normalize(&lower(text)), op)
}

/// Each letter folded by itself.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Runs of spaces are one. Where a value begins or ends they do not count; where a part of one does, they
/// do, for there the value may go on.
fn spaced(text: &str, op: Op) -> String {
    let words = text.split(' ').filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join(" ");
    if joined.is_empty() && !text.is_empty() && is_substring(op) {
        return " ".to_owned();
    }
    let before = if text.starts_with(' ') && matches!(op, Op::Co | Op::Ew) { " " } else { "" };
    let after = if text.ends_with(' ') && matches!(op, Op::Co | Op::Sw) { " " } else { "" };
    format!("{before}{joined}{after}")
}

/// Whole numbers as such: beyond 2⁵³ a floating-point number is the same for several of them.
fn numerical(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn is_substring(op: Op) -> bool {
    matches!(op, Op::Co | Op::Sw | Op::Ew)
}

fn equality(op: Op, equal: bool) -> bool {
    match op {
        Op::Eq => equal,
        Op::Ne => !equal,
        _ => false,
    }
}

fn ordered(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Co | Op::Sw | Op::Ew => false,
    }
}

/// Whether there is really something (RFC 7643 §2.5: null and [] are no value; `pr` wants it not empty).
fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(present),
        Value::Object(map) => map.values().any(present),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn home<'a>(object: &'a Map<String, Value>, path: &AttrPath) -> Option<&'a Map<String, Value>> {
    match &path.urn {
        Some(urn) => object.get(urn)?.as_object(),
        None => Some(object),
    }
}

/// The elements of an attribute: those of its array, or its one value.
pub(super) fn elements<'a>(object: &'a Map<String, Value>, path: &AttrPath) -> Vec<&'a Value> {
    match home(object, path).and_then(|home| home.get(&path.name)) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// Every value at the path, those of all elements.
fn values<'a>(object: &'a Map<String, Value>, path: &AttrPath) -> Vec<&'a Value> {
    let elements = elements(object, path);
    let Some(sub) = &path.sub else { return elements };
    let of_element = |element: &'a Value| match element {
        Value::Object(map) => map.get(sub),
        simple if sub == "value" => Some(simple),
        _ => None,
    };
    elements.into_iter().filter_map(of_element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As OpenLDAP compares.
    #[test]
    fn a_directory_prepares_texts() {
        for (op, text, expected) in [
            (Op::Eq, "  A  b ", "a b"),
            (Op::Sw, " a  b  ", "a b "),
            (Op::Co, "  a  b  ", " a b "),
            (Op::Ew, "  a b ", " a b"),
            (Op::Sw, "  ", " "),
            (Op::Ew, " ", " "),
            (Op::Eq, " ", ""),
            (Op::Co, "", ""),
            (Op::Eq, "E\u{301}", "\u{e9}"),
            (Op::Eq, "\u{fb01}n", "fin"),
            (Op::Eq, "\u{391}\u{3a3}", "\u{3b1}\u{3c3}"),
            (Op::Co, "\u{301}x", "\u{301}x"),
        ] {
            assert_eq!(prepared(text, op), expected, "{op:?} {text:?}");
        }
    }

    #[test]
    fn without_preparation_another_form_is_another_text() {
        for (text, expected) in
            [("  \u{c4}  b ", "\u{e4} b"), ("E\u{301}", "e\u{301}"), ("\u{fb01}n", "\u{fb01}n")]
        {
            assert_eq!(folded(text, false, Folding::Unprepared), expected, "{text:?}");
        }
    }
}

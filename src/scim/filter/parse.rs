//! The parser of filters and paths: the grammar of RFC 7644 §3.4.2.2, figure 1, by recursive descent.
//! Bounded in depth and terms; words in any case; more white space than the grammar has does no harm.

use std::fmt;

use super::{Filter, Literal, Op};
use crate::scim::path::{self, AttrPath, Path};

/// How deep brackets may nest.
const DEPTH: usize = 20;
/// How many comparisons a filter may have.
const TERMS: usize = 400;
/// How long a filter or path may be, in octets.
const BYTES: usize = 16 * 1024;

/// A text that is no filter or path, and where it stops being one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// In octets from 0.
    pub position: usize,
    /// What was expected there.
    pub message: String,
    /// A little of the text from there.
    pub near: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.near.is_empty() {
            true => write!(f, "at its end (position {}): {}", self.position, self.message),
            false => write!(f, "at position {}, {:?}: {}", self.position, self.near, self.message),
        }
    }
}

/// Parses a filter.
pub fn parse(text: &str) -> Result<Filter, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.or(0)?;
    parser.end()?;
    Ok(filter)
}

/// Parses a PATCH path (RFC 7644 §3.5.2).
pub fn parse_path(text: &str) -> Result<Path, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let attr = parser.attr_path()?;
    let mut path = Path { attr, filter: None, sub: None };
    if parser.eat('[') {
        if path.attr.sub.is_some() {
            return Err(parser.wrong("a filter stands behind an attribute, not behind a sub-attribute"));
        }
        path.filter = Some(parser.or(1)?);
        parser.need(']')?;
        if parser.eat('.') {
            path.sub = Some(parser.sub_name()?);
        }
    }
    parser.end()?;
    Ok(path)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, SyntaxError> {
        let parser = Self { text, at: 0, terms: 0 };
        match text.len() > BYTES {
            true => Err(parser.wrong(&format!("it has more than {BYTES} octets"))),
            false => Ok(parser),
        }
    }

    fn or(&mut self, depth: usize) -> Result<Filter, SyntaxError> {
        let mut terms = vec![self.and(depth)?];
        while self.eat_word("or") {
            terms.push(self.and(depth)?);
        }
        Ok(one_or(terms, Filter::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Filter, SyntaxError> {
        let mut terms = vec![self.term(depth)?];
        while self.eat_word("and") {
            terms.push(self.term(depth)?);
        }
        Ok(one_or(terms, Filter::And))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, SyntaxError> {
        if depth > DEPTH {
            return Err(self.wrong(&format!("it nests deeper than {DEPTH} levels")));
        }
        let start = self.at;
        if self.eat_word("not") {
            if self.eat('(') {
                let inner = self.or(depth + 1)?;
                self.need(')')?;
                return Ok(Filter::Not(Box::new(inner)));
            }
            self.at = start; // an attribute called `not` is one, too
        }
        if self.eat('(') {
            let inner = self.or(depth + 1)?;
            self.need(')')?;
            return Ok(inner);
        }
        self.expression(depth)
    }

    fn expression(&mut self, depth: usize) -> Result<Filter, SyntaxError> {
        self.terms += 1;
        if self.terms > TERMS {
            return Err(self.wrong(&format!("it has more than {TERMS} terms")));
        }
        self.space();
        let at = self.at;
        let path = self.attr_path()?;
        if !self.eat('[') {
            return self.operation(path, at);
        }
        let filter = Box::new(self.or(depth + 1)?);
        self.need(']')?;
        let then = match self.eat('.') {
            true => {
                let at = self.at;
                let sub = AttrPath::attribute(self.sub_name()?);
                Some(Box::new(self.operation(sub, at)?))
            }
            false => None,
        };
        Ok(Filter::ValuePath { path, filter, then, at })
    }

    fn operation(&mut self, path: AttrPath, at: usize) -> Result<Filter, SyntaxError> {
        self.space();
        let start = self.at;
        let word = self.take(|c| c.is_ascii_alphabetic());
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present { path, at });
        }
        let Some(op) = Op::from_word(word) else {
            self.at = start;
            return Err(self.wrong("an operator is needed: eq, ne, co, sw, ew, gt, ge, lt, le or pr"));
        };
        Ok(Filter::Compare { path, op, value: self.literal()?, at })
    }

    fn literal(&mut self) -> Result<Literal, SyntaxError> {
        self.space();
        if self.rest().starts_with('"') {
            return self.string();
        }
        let start = self.at;
        let word = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
        let literal = match word.to_ascii_lowercase().as_str() {
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            "null" => Some(Literal::Null),
            _ => serde_json::from_str(word).ok().map(Literal::Number),
        };
        literal.ok_or_else(|| {
            self.at = start;
            self.wrong("a value is needed: a text in double quotes, a number, true, false or null")
        })
    }

    /// A JSON string; its end is the first quote that no backslash stands before.
    fn string(&mut self) -> Result<Literal, SyntaxError> {
        let mut escaped = false;
        let close = self.rest().char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((close, _)) = close else { return Err(self.wrong("the text has no closing quote")) };
        let quoted = self.rest().get(..=close).unwrap_or_default();
        match serde_json::from_str(quoted) {
            Ok(text) => {
                self.at += close + 1;
                Ok(Literal::Text(text))
            }
            Err(_) => Err(self.wrong("a text is written as a JSON string, with its escapes")),
        }
    }

    fn attr_path(&mut self) -> Result<AttrPath, SyntaxError> {
        self.space();
        let start = self.at;
        let text = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | ':' | '.'));
        path::split(text).ok_or_else(|| {
            self.at = start;
            self.wrong("an attribute's name is needed")
        })
    }

    fn sub_name(&mut self) -> Result<String, SyntaxError> {
        let path = self.attr_path()?;
        match path {
            AttrPath { urn: None, name, sub: None } => Ok(name),
            _ => Err(self.wrong("one sub-attribute's name is needed")),
        }
    }

    // --- the text ---

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let start = self.at;
        self.space();
        let found = self.rest().starts_with(wanted);
        self.at = if found { self.at + wanted.len_utf8() } else { start };
        found
    }

    fn need(&mut self, wanted: char) -> Result<(), SyntaxError> {
        match self.eat(wanted) {
            true => Ok(()),
            false => {
                self.space();
                Err(self.wrong(&format!("`{wanted}` is needed")))
            }
        }
    }

    fn eat_word(&mut self, wanted: &str) -> bool {
        let start = self.at;
        self.space();
        let found = self.take(|c| c.is_ascii_alphanumeric() || c == '_').eq_ignore_ascii_case(wanted);
        if !found {
            self.at = start;
        }
        found
    }

    fn end(&mut self) -> Result<(), SyntaxError> {
        self.space();
        match self.rest().is_empty() {
            true => Ok(()),
            false => Err(self.wrong("nothing more is expected here")),
        }
    }

    fn wrong(&self, message: &str) -> SyntaxError {
        let near = self.rest().chars().take(24).collect();
        SyntaxError { position: self.at, message: message.to_owned(), near }
    }
}

fn one_or(mut terms: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match (terms.len(), terms.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            terms.push(last);
            many(terms)
        }
        (_, None) => many(terms),
    }
}

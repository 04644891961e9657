//! A folder of captured requests with their answers, as `capture` of a target writes them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::folder::text;
use super::{Trouble, request};
use crate::capture::{ANSWER, IN_PART, REQUEST};
use crate::gateway::Request;

/// A request that a client sent, and what it was answered.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The name of its file.
    pub name: String,
    /// What was asked; the error says why it is no request.
    pub request: Result<Request, String>,
    /// The answer's status and body; absent where it is not there.
    pub answer: Option<(u16, Option<Value>)>,
    /// Whether something was left out of the request.
    pub is_in_part: bool,
    /// Whether something was left out of the answer.
    pub answer_is_in_part: bool,
}

/// The names of the captured requests in a folder, in their order.
pub fn captured(folder: &Path) -> Result<Vec<String>, Trouble> {
    let unreadable = |cause: std::io::Error| Trouble::file(folder, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(REQUEST).filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

// === impl Captured ===

impl Captured {
    /// The one with this name. One that is no request is told by itself.
    pub fn read(folder: &Path, name: &str) -> Self {
        let asked = text(&folder.join(format!("{name}{REQUEST}")));
        let answered = text(&folder.join(format!("{name}{ANSWER}"))).ok();
        Self {
            name: format!("{name}{REQUEST}"),
            is_in_part: asked.as_ref().is_ok_and(|text| is_in_part(text)),
            answer_is_in_part: answered.as_ref().is_some_and(|text| is_in_part(text)),
            request: asked.and_then(|text| request::parse(&text)),
            answer: answered.and_then(|text| answer(&text)),
        }
    }
}

/// Whether one of the lines before the body says it.
fn is_in_part(text: &str) -> bool {
    text.lines().take_while(|line| !line.trim().is_empty()).any(|line| line.trim() == IN_PART)
}

fn answer(text: &str) -> Option<(u16, Option<Value>)> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let status = head.lines().next()?.trim().parse().ok()?;
    Some((status, serde_json::from_str(body).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_in_their_order_and_what_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("b.request.http", "POST /Users\ncaptured: in part\n\n{ \"userName\": \"a\" }\n");
        put("b.answer.http", "201\nETag: W/\"x\"\n\n{ \"id\": \"1\" }\n");
        put("a.request.http", "captured: in part");
        put("mine.txt", "");
        assert_eq!(captured(folder.path()).unwrap(), ["a", "b"]);
        let b = Captured::read(folder.path(), "b");
        assert!(b.is_in_part && !b.answer_is_in_part && b.request.is_ok());
        assert_eq!(b.answer, Some((201, Some(serde_json::json!({ "id": "1" })))));
        let a = Captured::read(folder.path(), "a");
        assert!(a.request.is_err() && a.answer.is_none());
        assert!(captured(&folder.path().join("no")).is_err());
    }
}

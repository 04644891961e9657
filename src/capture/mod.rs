//! Requests and their answers as files, for the tests of mappings to come: without secrets and without what the
//! configuration says, for their owner's eyes only. `removed` says what is left, `writer` puts it on the disk. No
//! request waits for that, and none fails of it.

mod removed;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

pub use removed::Removed;
pub use writer::{ANSWER, REQUEST};
use writer::{Pair, Writer};

/// What is not written as it stands in a query.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b',');

/// Says in a file that something of it was left out.
pub const IN_PART: &str = "captured: in part";

/// Tells apart what came at the same moment.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Keeps a target's requests.
pub struct Capture {
    removed: Removed,
    writer: Arc<Writer>,
}

/// What was asked.
pub struct Asked<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path below the target's, as it was sent.
    pub path: &'a str,
    /// The query's pairs, decoded.
    pub query: &'a [(String, String)],
    /// The headers that say something, none of which is a secret.
    pub headers: &'a [(&'static str, String)],
    /// The body; absent where it was no JSON too.
    pub body: Option<&'a Value>,
}

/// What was answered.
pub struct Answered<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<&'a str>,
    /// The `ETag` header.
    pub version: Option<&'a str>,
    /// The body.
    pub body: Option<&'a Value>,
}

/// A request in work.
pub struct Taken {
    name: String,
    request: String,
    /// Whether all that was asked is kept: else an error's detail may repeat what is not.
    is_whole: bool,
    capture: Arc<Capture>,
}

// === impl Capture ===

impl Capture {
    /// Writes into this folder and keeps so many requests. The error is for the person who configures.
    pub fn open(folder: &Path, keep: usize, removed: Removed) -> Result<Self, String> {
        Ok(Self { removed, writer: Arc::new(Writer::open(folder, keep)?) })
    }

    /// The same with other attributes removed.
    pub fn without(&self, removed: Removed) -> Self {
        Self { removed, writer: Arc::clone(&self.writer) }
    }

    /// Whether nothing waits for the disk.
    pub fn is_written(&self) -> bool {
        self.writer.is_idle()
    }

    /// Takes down what was asked.
    pub fn request(self: &Arc<Self>, asked: &Asked<'_>) -> Taken {
        let query = self.removed.query(asked.query);
        let body = asked.body.map(|body| self.removed.body(body));
        let is_whole = query.len() == asked.query.len() && body.as_ref() == asked.body;
        let path = if asked.path.is_empty() { "/" } else { asked.path };
        let mut request = format!("{} {path}", asked.method);
        for (at, (name, value)) in query.iter().enumerate() {
            let mark = if at == 0 { '?' } else { '&' };
            request.push_str(&format!("{mark}{name}={}", utf8_percent_encode(value, ESCAPED)));
        }
        request.push('\n');
        for (name, value) in asked.headers {
            push_header(&mut request, name, value);
        }
        push_part(&mut request, is_whole);
        push_body(&mut request, body.as_ref());
        Taken { name: name(), request, is_whole, capture: Arc::clone(self) }
    }
}

// === impl Taken ===

impl Taken {
    /// Takes down what was answered, and gives both to be written.
    pub fn answered(self, answered: &Answered<'_>) {
        let mut answer = format!("{}\n", answered.status);
        for (name, value) in [("Location", answered.location), ("ETag", answered.version)] {
            if let Some(value) = value {
                push_header(&mut answer, name, value);
            }
        }
        let mut body = answered.body.map(|body| self.capture.removed.body(body));
        push_part(&mut answer, body.as_ref() == answered.body);
        if let Some(body) = body.as_mut().filter(|_| !self.is_whole) {
            remove_details(body);
        }
        push_body(&mut answer, body.as_ref());
        self.capture.writer.take(Pair { name: self.name, request: self.request, answer });
    }
}

/// Leaves out the details of errors, those of a bulk request's operations too.
fn remove_details(answer: &mut Value) {
    match answer {
        Value::Object(map) => {
            map.remove("detail");
            map.values_mut().for_each(remove_details);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_details),
        _ => {}
    }
}

/// A header's line; a value with a line's end in it would be two.
fn push_header(text: &mut String, name: &str, value: &str) {
    if !value.contains(['\r', '\n']) {
        text.push_str(&format!("{name}: {value}\n"));
    }
}

/// That something was left out, where it was: who replays it must know.
fn push_part(text: &mut String, is_whole: bool) {
    if !is_whole {
        text.push_str(IN_PART);
        text.push('\n');
    }
}

fn push_body(text: &mut String, body: Option<&Value>) {
    if let Some(body) = body {
        text.push_str(&format!("\n{body:#}\n"));
    }
}

/// A name behind all before it: when, and a number.
fn name() -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:6]Z");
    let at = OffsetDateTime::now_utc().format(format).unwrap_or_default();
    format!("{at}-{:06}", COUNT.fetch_add(1, Ordering::Relaxed) % 1_000_000)
}

/// Whether a name is one of these.
fn is_name(name: &str) -> bool {
    let pattern = "00000000T000000.000000Z-000000";
    let fits = |(letter, model): (char, char)| match model {
        '0' => letter.is_ascii_digit(),
        model => letter == model,
    };
    name.len() == pattern.len() && name.chars().zip(pattern.chars()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_again_and_stand_in_their_order() {
        let (first, second) = (name(), name());
        assert!(is_name(&first) && is_name(&second) && first < second, "{first} {second}");
        assert!(!is_name("mine") && !is_name(&first.replace('T', "-")) && !is_name(&(first + "0")));
    }
}

//! An answer as a text: the status, the headers that say something, an empty line, the body.

use crate::gateway::{Answer, Body};
use crate::scim::error::Error;

/// What stands in place of a cursor, which is another one each time.
const CURSOR: &str = "(a cursor)";

/// The answer's text.
pub(super) fn render(answered: Result<Answer, Error>) -> String {
    let answer = answered.unwrap_or_else(|error| Answer {
        status: error.status,
        body: Some(error.to_json().into()),
        ..Answer::default()
    });
    let mut text = format!("{}\n", answer.status);
    let headers = [
        ("Location", answer.location.as_deref()),
        ("ETag", answer.version.as_deref()),
        ("Allow", answer.allow),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    if let Some(mut body) = answer.body.and_then(Body::whole) {
        for cursor in ["nextCursor", "previousCursor"] {
            if let Some(value) = body.get_mut(cursor) {
                *value = CURSOR.into();
            }
        }
        text.push_str(&format!("\n{body:#}\n"));
    }
    text
}

//! A request as a file: the method and the path below the target's in the first line, headers, an empty line, the body.
//!
//! ```text
//! PATCH /Users/42
//! If-Match: W/"5d41"
//!
//! { "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [] }
//! ```

use crate::gateway::Request;
use crate::scim::method::Method;
use crate::scim::version::Conditions;

/// The request that a text is. Headers that say nothing to the gateway may stand there too. The error says what is
/// wrong.
pub fn parse(text: &str) -> Result<Request, String> {
    let (head, body) = split(text);
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let method = Method::named(method).filter(|_| path.starts_with('/'));
    let method = method.ok_or("the first line is a method and a path: PATCH /Users/42")?;
    let mut request = Request::parse(method, path).map_err(|error| error.detail)?;
    request.conditions = conditions(lines)?;
    request.body = match body.trim() {
        "" => None,
        body => Some(serde_json::from_str(body).map_err(|cause| format!("the body is no JSON: {cause}"))?),
    };
    match (request.body.is_some(), method.has_body()) {
        (true, false) => Err("this method has no body".to_owned()),
        (false, true) => Err("this method has a body, behind an empty line".to_owned()),
        _ => Ok(request),
    }
}

/// The lines before the first empty one, and the text behind it.
fn split(text: &str) -> (&str, &str) {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() && end > 0 {
            break;
        }
        end += line.len();
    }
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn conditions<'a>(headers: impl Iterator<Item = &'a str>) -> Result<Conditions, String> {
    let (mut matches, mut none_matches) = (None, None);
    for line in headers {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("{line:?} is no header"))?;
        match name.trim().to_ascii_lowercase().as_str() {
            "if-match" => matches = Some(value.trim()),
            "if-none-match" => none_matches = Some(value.trim()),
            _ => {}
        }
    }
    Conditions::parse(matches, none_matches).map_err(|error| error.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_line_its_headers_and_its_body() {
        let request = parse(
            "PATCH /Users/a%20b?attributes=userName HTTP/1.1\r\nif-match: W/\"x\"\r\nContent-Type: application/scim+json\r\n\r\n{\"a\":\n\n1}\n",
        );
        let request = request.unwrap();
        assert_eq!(
            (request.method, request.path.as_slice()),
            (Method::Patch, &["Users".to_owned(), "a b".to_owned()][..])
        );
        assert_eq!(request.parameter("attributes"), Some("userName"));
        assert!(!request.conditions.is_empty());
        assert_eq!(request.body, Some(serde_json::json!({ "a": 1 })));
        assert!(parse("GET /Users").unwrap().body.is_none());
    }

    #[test]
    fn what_is_no_request_is_told() {
        for (text, told) in [
            ("", "the first line"),
            ("FETCH /Users\n", "the first line"),
            ("GET Users\n", "the first line"),
            ("GET /Users\nnonsense\n", "\"nonsense\" is no header"),
            ("GET /Users\n\n{}\n", "no body"),
            ("POST /Users\n\n", "has a body"),
            ("POST /Users\n\n{", "no JSON"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.contains(told), "{text:?}: {found}");
        }
    }
}

//! A request to one target, past HTTP: what is asked, of which path, on which conditions. Pure. What the path
//! leads to is `dispatch`'s.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::scim::error::{Error, ScimType};
use crate::scim::method::Method;
use crate::scim::version::Conditions;

/// A request to one target, past HTTP.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// The path below the target's, percent-decoded, split at slashes: `["Users", "42"]`.
    pub path: Vec<String>,
    /// The query's pairs, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// What it demands of the version that is there.
    pub conditions: Conditions,
    /// The body, when there was one.
    pub body: Option<Value>,
}

// === impl Request ===

impl Request {
    /// What a path below the target's and its query ask; the conditions and the body still missing.
    pub fn new(method: Method, path: &str, query: Option<&str>) -> Result<Self, Error> {
        let (path, query) = (segments(path)?, pairs(query.unwrap_or(""))?);
        Ok(Self { method, path, query, conditions: Conditions::default(), body: None })
    }

    /// The same of one text: `/Users?filter=…`.
    pub fn parse(method: Method, target: &str) -> Result<Self, Error> {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Self::new(method, path, query)
    }

    /// The first value of a query parameter; its name's case does not count.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The decoded segments. A slash at the end adds none; an encoded slash stays within its segment.
fn segments(rest: &str) -> Result<Vec<String>, Error> {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    rest.split('/').map(|segment| decode(segment, "the path")).collect()
}

/// The decoded pairs (`application/x-www-form-urlencoded`).
fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let decode = |text: &str| decode(&text.replace('+', " "), "the query");
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str, place: &str) -> Result<String, Error> {
    let bad = |what: &str| Error::bad_request(ScimType::InvalidValue, format!("{place} {what}"));
    if !escapes_are_whole(text) {
        return Err(bad("has a % that is not followed by two hexadecimal digits"));
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| bad("is not UTF-8"))?;
    if decoded.contains('\0') { Err(bad("holds U+0000")) } else { Ok(decoded.into_owned()) }
}

/// RFC 3986 section 2.1; the decoder would let other percent signs stand.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<Request, Error> {
        Request::parse(Method::Get, text)
    }

    #[test]
    fn a_path_is_split_and_then_decoded() {
        let path = |text: &str| ask(text).unwrap().path;
        assert_eq!(path("/Users/42"), ["Users", "42"]);
        assert_eq!(path("/Users/"), ["Users"]);
        assert_eq!(path("/Users/a%2Fb%20c+d"), ["Users", "a/b c+d"]);
        assert_eq!(path("/Users//42"), ["Users", "", "42"]);
        assert!(path("").is_empty() && path("/").is_empty());
    }

    #[test]
    fn a_query_is_decoded_pair_by_pair() {
        let query = |text: &str| ask(text).unwrap().query;
        let filter = query("/Users?filter=userName+eq+%22a%2Bb%26c%22&count=3&&x");
        assert_eq!(filter[0], ("filter".to_owned(), "userName eq \"a+b&c\"".to_owned()));
        assert_eq!(filter[1], ("count".to_owned(), "3".to_owned()));
        assert_eq!(filter[2], ("x".to_owned(), String::new()));
        assert_eq!(filter.len(), 3);
        assert_eq!(query("/Users?a=b=c")[0].1, "b=c");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for text in [
            "/Users/%FF",
            "/Users/%00",
            "/Users?filter=%C3",
            "/Users?filter=a%00",
            "/Users?%ff=1",
            "/Users/100%",
            "/Users/%zz",
        ] {
            assert_eq!(ask(text).unwrap_err().status, 400, "{text}");
        }
    }
}

//! From a URI to a target, the segments below its path and the query's pairs. Pure. Knows no
//! resource: what the segments mean is the gateway's.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::gateway::{Method, Request, Target};
use crate::scim::error::{Error, ScimType};
use crate::scim::version::Conditions;

/// What a path leads to.
pub enum Route<'a> {
    /// Whether the process lives.
    Health,
    /// Whether it is ready, and its backends.
    Ready,
    /// A target, and what follows its path: empty, or beginning with a slash.
    Target(&'a Arc<Target>, &'a str),
    /// Nothing.
    Unknown,
}

/// Where a path leads. Of several targets the one with the longest path.
pub fn route<'a>(targets: &'a [Arc<Target>], path: &'a str) -> Route<'a> {
    match path {
        "/healthz" => return Route::Health,
        "/readyz" => return Route::Ready,
        _ => {}
    }
    targets
        .iter()
        .filter_map(|target| Some((target, below(&target.path, path)?)))
        .max_by_key(|(target, _)| target.path.len())
        .map_or(Route::Unknown, |(target, rest)| Route::Target(target, rest))
}

fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a request to a target asks, its body still missing. `rest` is the path below the target's.
pub fn request(method: Method, rest: &str, query: Option<&str>) -> Result<Request, Error> {
    let (path, query) = (segments(rest)?, pairs(query.unwrap_or(""))?);
    Ok(Request { method, path, query, conditions: Conditions::default(), body: None })
}

/// A target's path and query as one text (`/Users?filter=…`), for the command line.
pub fn parse_target(method: Method, text: &str) -> Result<Request, Error> {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    request(method, path, query)
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
        parse_target(Method::Get, text)
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

    #[test]
    fn a_prefix_ends_at_a_slash() {
        assert_eq!(below("/a/v2", "/a/v2"), Some(""));
        assert_eq!(below("/a/v2", "/a/v2/Users"), Some("/Users"));
        assert_eq!(below("/a/v2", "/a/v2x"), None);
        assert_eq!(below("/a/v2", "/a"), None);
    }
}

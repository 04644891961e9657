//! A request's body: bounded bytes within a deadline, of a type that SCIM uses, to JSON. Knows nothing
//! of what the JSON means.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::HeaderMap;
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use serde_json::Value;

use super::respond::Refusal;
use crate::limits::Limits;

/// How much of an unwanted body is taken.
const DISCARDED_BYTES: usize = 16 << 20;
/// For how long.
const DISCARD_DEADLINE: Duration = Duration::from_secs(1);

/// Reads the body as JSON; `None` when there is none. An absent type is taken as JSON.
pub async fn read<B>(headers: &HeaderMap, body: B, limits: &Limits) -> Result<Option<Value>, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !is_json(headers) {
        return Err(Refusal::media_type());
    }
    // A length that is announced too long is refused before any of it is taken.
    if body.size_hint().lower() > limits.request_bytes as u64 {
        return Err(Refusal::too_long(limits.request_bytes));
    }
    let deadline = Duration::from_millis(limits.deadline_ms);
    let collected = tokio::time::timeout(deadline, Limited::new(body, limits.request_bytes).collect())
        .await
        .map_err(|_| Refusal::body_late())?
        .map_err(|error| match error.is::<LengthLimitError>() {
            true => Refusal::too_long(limits.request_bytes),
            false => Refusal::syntax("the body broke off"),
        })?;
    parse(&collected.to_bytes())
}

/// Takes what remains of a body that is not wanted, within bounds: a client that is still sending would
/// otherwise see its connection reset, and not the answer. One that waits to be asked (`Expect`) is not.
pub async fn discard<B: Body<Data = Bytes> + Unpin>(headers: &HeaderMap, mut body: B) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let taken = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > DISCARDED_BYTES {
                return;
            }
        }
    };
    // What does not come in time is not waited for.
    let _ = tokio::time::timeout(DISCARD_DEADLINE, taken).await;
}

fn parse(bytes: &[u8]) -> Result<Option<Value>, Refusal> {
    if bytes.is_empty() {
        // Whether one is needed is for the endpoint to say.
        return Ok(None);
    }
    // serde_json's messages end with "at line 1 column 5", and hold nothing of the body.
    let value = serde_json::from_slice(bytes);
    value.map(Some).map_err(|error| Refusal::syntax(format!("the body is not JSON: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let plain = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let media = plain(CONTENT_TYPE).map(|value| value.split(';').next().unwrap_or("").trim());
    let is_encoded = plain(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    let is_json = media.is_none_or(|media| {
        media.eq_ignore_ascii_case("application/scim+json") || media.eq_ignore_ascii_case("application/json")
    });
    is_json && !is_encoded
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use hyper::HeaderMap;
    use serde_json::json;

    use super::super::respond::Reply;
    use super::*;

    async fn status(media: Option<&str>, body: &'static str) -> u16 {
        let headers: HeaderMap = media.iter().map(|media| (CONTENT_TYPE, media.parse().unwrap())).collect();
        let limits = Limits { request_bytes: 64, ..Limits::default() };
        match read(&headers, Full::new(Bytes::from_static(body.as_bytes())), &limits).await {
            Ok(None) => 204,
            Ok(Some(value)) => {
                assert_eq!(value, json!({ "a": 1 }));
                200
            }
            Err(refusal) => Reply::to(&hyper::Method::POST, &headers).refusal(refusal).status().as_u16(),
        }
    }

    #[tokio::test]
    async fn json_of_a_known_type_is_read() {
        for media in [None, Some("application/json"), Some("Application/SCIM+json ; charset=utf-8")] {
            assert_eq!(status(media, r#"{"a":1}"#).await, 200, "{media:?}");
        }
    }

    #[tokio::test]
    async fn other_types_are_refused() {
        for media in ["text/plain", "application/jsonp", "", "application/x-www-form-urlencoded"] {
            assert_eq!(status(Some(media), r#"{"a":1}"#).await, 415, "{media:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_bounded_and_must_be_json() {
        // Whether a body is needed is for the endpoint to say.
        assert_eq!(status(None, "").await, 204);
        assert_eq!(status(None, "{").await, 400);
        assert_eq!(status(None, r#"{"a":1} x"#).await, 400);
        let long =
            concat!(r#"{"a":"0123456789012345678901234567890123456789"#, r#"0123456789012345678901"}"#);
        assert_eq!(status(None, long).await, 413);
    }

    #[test]
    fn a_syntax_mistake_has_a_place_and_deep_nesting_is_one() {
        let place = format!("{:?}", parse(b"{\n \"a\": }").unwrap_err());
        assert!(place.contains("line 2 column 7"), "{place}");
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}

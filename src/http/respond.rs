//! The only file that writes HTTP answers: statuses, headers and bodies, and [`Refusal`], which is why
//! a request was not done. Every answer carries the request's id, every refusal a SCIM error
//! (RFC 7644 section 3.12).

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Response, StatusCode};
use serde_json::Value;

use super::content::Content;
use crate::gateway::{Answer, Body, Pieces};
use crate::scim::error::{Error, ScimType};

/// An HTTP answer.
pub type HttpResponse = Response<Content>;

const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a client that is answered 503 is asked to wait.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// What an answer takes over from its request.
pub struct Reply {
    request_id: String,
    media: HeaderValue,
    /// HEAD: the length is told, the body is not sent. hyper sees to it in HTTP/1 only.
    is_head: bool,
}

/// Why a request is not done, and the header that says more.
#[derive(Debug)]
pub struct Refusal {
    error: Error,
    header: Option<(HeaderName, HeaderValue)>,
}

// === impl Reply ===

impl Reply {
    /// The client's own request id if it is harmless, else a new one; the media type that it accepts.
    pub fn to(method: &Method, headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_request_id(id));
        let request_id = given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        Self { request_id, media: accepted(headers), is_head: *method == Method::HEAD }
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// What the gateway answered.
    pub fn answer(&self, answer: Answer) -> HttpResponse {
        let mut response = match answer.body {
            Some(Body::Pieces(pieces)) => self.in_pieces(answer.status, pieces),
            Some(Body::Whole(body)) => self.response(answer.status, Some(&body), self.media.clone()),
            None => self.response(answer.status, None, self.media.clone()),
        };
        // A location that is no header value would be the gateway's mistake; the body says it anyway.
        if let Some(location) = answer.location.as_ref().and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(LOCATION, location);
        }
        if let Some(version) = answer.version.as_ref().and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(ETAG, version);
        }
        if let Some(allow) = answer.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }

    /// Why it was not done. Every 503 says when to come again.
    pub fn refusal(&self, refusal: Refusal) -> HttpResponse {
        let mut response =
            self.response(refusal.error.status, Some(&refusal.error.to_json()), self.media.clone());
        if refusal.error.status == 503 {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        if let Some((name, value)) = refusal.header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// How the process is: plain JSON.
    pub fn state(&self, state: &Value) -> HttpResponse {
        self.response(200, Some(state), JSON)
    }

    fn response(&self, status: u16, body: Option<&Value>, media: HeaderValue) -> HttpResponse {
        // `Display` would go through a formatter for every token; it is there for what cannot happen.
        let octets =
            |body: &Value| serde_json::to_vec(body).unwrap_or_else(|_| body.to_string().into_bytes());
        let bytes = body.map_or_else(Bytes::new, |body| octets(body).into());
        let length = bytes.len();
        let sent = if self.is_head { Bytes::new() } else { bytes };
        let mut response = self.of_content(status, Content::Whole(Full::new(sent)));
        if self.is_head {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        if body.is_some() {
            response.headers_mut().insert(CONTENT_TYPE, media);
        }
        response
    }

    /// A text whose length nobody knows yet.
    fn in_pieces(&self, status: u16, pieces: Box<Pieces>) -> HttpResponse {
        let mut response = self.of_content(status, Content::Pieces(pieces));
        response.headers_mut().insert(CONTENT_TYPE, self.media.clone());
        response
    }

    fn of_content(&self, status: u16, content: Content) -> HttpResponse {
        let mut response = Response::new(content);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
}

// === impl Refusal ===

impl Refusal {
    fn new(status: u16, detail: impl Into<String>) -> Self {
        Error { status, scim_type: None, detail: detail.into() }.into()
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.error.status
    }

    /// The SCIM error.
    pub fn body(&self) -> Value {
        self.error.to_json()
    }

    /// Nothing is served at the path.
    pub fn unknown_path() -> Self {
        Self::new(404, "nothing is served at this path")
    }

    /// No token, or one that nobody has (RFC 6750 section 3).
    pub fn unauthorized() -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"SCIM\"");
        Self::new(401, "a valid bearer token is needed").with(WWW_AUTHENTICATE, challenge)
    }

    /// A method that the path does not know.
    pub fn method(allow: &'static str) -> Self {
        Self::new(405, format!("the methods here are {allow}")).with(ALLOW, HeaderValue::from_static(allow))
    }

    /// The body is longer than allowed.
    pub fn too_long(limit_bytes: usize) -> Self {
        Self::new(413, format!("the body is longer than maxPayloadSize ({limit_bytes} bytes)"))
    }

    /// The body is of a type that SCIM does not use.
    pub fn media_type() -> Self {
        Self::new(415, "the body must be application/scim+json or application/json")
    }

    /// The body did not come to its end in time.
    pub fn body_late() -> Self {
        Self::new(408, "the body did not arrive in time")
    }

    /// The body cannot be read as JSON.
    pub fn syntax(detail: impl Into<String>) -> Self {
        Error::bad_request(ScimType::InvalidSyntax, detail).into()
    }

    /// As many requests are in work as may be. Nothing was done.
    pub fn busy() -> Self {
        Self::new(503, "too many requests are in work; nothing was done")
    }

    /// The work is not done in time. It goes on: a write may still happen.
    pub fn late() -> Self {
        Self::new(503, "not done in time; what was asked may still be carried out")
    }

    /// The work ended by a defect. What it was is in the log.
    pub fn defect() -> Self {
        Self::new(500, "an internal error; the log has it under this request's id")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, header: None }
    }
}

fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// `application/json` for a client that accepts only that, else SCIM's own type, which RFC 7644
/// section 3.8 makes the default.
fn accepted(headers: &HeaderMap) -> HeaderValue {
    let mut types = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or("").trim())
        .filter(|range| !range.is_empty())
        .peekable();
    let only_json =
        types.peek().is_some() && types.all(|range| range.eq_ignore_ascii_case("application/json"));
    if only_json { JSON } else { SCIM_JSON }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(name: HeaderName, value: &str) -> Reply {
        Reply::to(&Method::GET, &HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn a_harmless_request_id_is_taken_over() {
        assert_eq!(reply(REQUEST_ID, "a.B_9-").request_id(), "a.B_9-");
        for bad in ["", "a b", "a\"", &"x".repeat(65)] {
            let made = reply(REQUEST_ID, bad);
            assert_ne!(made.request_id(), bad);
            assert!(is_request_id(made.request_id()));
        }
    }

    #[test]
    fn only_a_client_that_accepts_nothing_else_gets_plain_json() {
        for accept in ["application/json", "Application/JSON; q=0.9", "application/json, application/json"] {
            assert_eq!(reply(ACCEPT, accept).media, JSON, "{accept}");
        }
        for accept in ["", "*/*", "application/scim+json", "application/json, */*"] {
            assert_eq!(reply(ACCEPT, accept).media, SCIM_JSON, "{accept}");
        }
    }

    #[test]
    fn refusals_say_what_helps() {
        let reply = Reply::to(&Method::GET, &HeaderMap::new());
        let header = |refusal: Refusal, name: HeaderName| {
            let response = reply.refusal(refusal);
            assert_eq!(response.headers()[REQUEST_ID], reply.request_id());
            assert_eq!(response.headers()[CONTENT_TYPE], SCIM_JSON);
            (response.status().as_u16(), response.headers().get(name).cloned())
        };
        assert_eq!(header(Refusal::busy(), RETRY_AFTER), (503, Some(RETRY_AFTER_S)));
        assert_eq!(header(Refusal::method("GET"), ALLOW), (405, Some(HeaderValue::from_static("GET"))));
        assert_eq!(header(Refusal::unknown_path(), RETRY_AFTER), (404, None));
        let (status, challenge) = header(Refusal::unauthorized(), WWW_AUTHENTICATE);
        assert!(status == 401 && challenge.unwrap().to_str().unwrap().starts_with("Bearer realm="));
    }

    #[test]
    fn the_gateways_allow_is_a_header() {
        let answer = Answer { status: 405, allow: Some("GET"), ..Answer::default() };
        assert_eq!(Reply::to(&Method::GET, &HeaderMap::new()).answer(answer).headers()[ALLOW], "GET");
    }

    #[test]
    fn an_answer_without_a_body_has_no_type() {
        let answer = Answer { status: 204, location: Some("http://h/Users/1".into()), ..Answer::default() };
        let response = Reply::to(&Method::GET, &HeaderMap::new()).answer(answer);
        assert_eq!(response.status(), 204);
        assert!(!response.headers().contains_key(CONTENT_TYPE));
        assert_eq!(response.headers()[LOCATION], "http://h/Users/1");
    }
}

//! A SCIM client: one function a method, and answers that say what they are when they are not what was
//! expected.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::http::{HeaderMap, Request};

/// A caller of one target.
#[derive(Clone)]
pub struct Scim {
    agent: ureq::Agent,
    /// Where the target is, without a slash at the end.
    pub base: String,
    /// The bearer token.
    pub token: String,
}

/// An answer; the body is null when there is none.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

// === impl Scim ===

impl Scim {
    pub fn new(base: &str, token: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // Before the gateway closes what is idle: a request on such a connection would be lost.
            .max_idle_age(Duration::from_secs(3))
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.into(), base: base.to_owned(), token: token.to_owned() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    /// A PATCH of these operations.
    pub fn patch(&self, path: &str, operations: &Value) -> Answer {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        let body = serde_json::json!({ "schemas": [schema], "Operations": operations });
        self.send("PATCH", path, Some(&body))
    }

    /// The resources that a filter finds.
    pub fn find(&self, endpoint: &str, filter: &str) -> Answer {
        self.get(&format!("{endpoint}?filter={}", encoded(filter)))
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let octets = body.map_or(Vec::new(), |body| body.to_string().into_bytes());
        self.send_octets(method, path, "application/scim+json", octets)
    }

    /// A request with a header of its own.
    pub fn on_condition(
        &self,
        method: &str,
        path: &str,
        header: &str,
        value: &str,
        body: Option<&Value>,
    ) -> Answer {
        let octets = body.map_or(Vec::new(), |body| body.to_string().into_bytes());
        let sent = self.try_send_with(
            method,
            path,
            &[("Content-Type", "application/scim+json"), (header, value)],
            octets,
        );
        sent.unwrap_or_else(|cause| panic!("{method} {path}: {cause}"))
    }

    /// Any octets as a body; none when there are none.
    pub fn send_octets(&self, method: &str, path: &str, media: &str, body: Vec<u8>) -> Answer {
        self.try_send(method, path, media, body).unwrap_or_else(|cause| panic!("{method} {path}: {cause}"))
    }

    /// Like [`Self::send_octets`], for a gateway that may not be there.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        media: &str,
        body: Vec<u8>,
    ) -> Result<Answer, ureq::Error> {
        self.try_send_with(method, path, &[("Content-Type", media)], body)
    }

    fn try_send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, ureq::Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Authorization", format!("Bearer {}", self.token));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let sent = match body.is_empty() {
            true => self.agent.run(request.body(())?),
            false => self.agent.run(request.body(body)?),
        };
        let mut response = sent?;
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let body = match text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&text).unwrap_or_else(|cause| panic!("{cause}: {text}")),
        };
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }
}

/// A text as a part of a path or query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

// === impl Answer ===

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// The detail of a SCIM error with this status and `scimType` (empty: none).
    #[track_caller]
    pub fn is_error(&self, status: u16, scim_type: &str) -> String {
        let body = &self.body;
        assert_eq!(self.status, status, "{body:#}");
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{body:#}");
        assert_eq!(body["status"], status.to_string(), "{body:#}");
        assert_eq!(body["scimType"].as_str().unwrap_or_default(), scim_type, "{body:#}");
        body["detail"].as_str().unwrap().to_owned()
    }
}

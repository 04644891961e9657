//! A request's way through HTTP, from top to bottom: route, caller, method, path, a place, body, work.
//! What is cheap to refuse is refused first, and nothing of a body is read before its caller is known.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::{Method as HttpMethod, Request as HttpRequest};
use serde_json::{Value, json};
use tracing::{Instrument, error, info_span};

use super::log::Line;
use super::places::{Place, Places};
use super::ready::Readiness;
use super::respond::{HttpResponse, Refusal, Reply};
use super::route::{Route, route};
use super::{auth, body};
use crate::capture::{Answered, Asked, Taken};
use crate::gateway::Body::Whole;
use crate::gateway::{Answer, Client, Live, Request, Target};
use crate::scim::error::{Error, ScimType};
use crate::scim::method::Method;
use crate::scim::version::Conditions;

/// The methods of `/healthz` and `/readyz`.
const PROBE_METHODS: &str = "GET, HEAD";
/// The headers of a request that are kept with it.
const KEPT_HEADERS: [&str; 3] = ["content-type", "if-match", "if-none-match"];
/// The methods that SCIM uses.
const SCIM_METHODS: &str = "GET, POST, PUT, PATCH, DELETE";

/// What all connections share.
pub struct Service {
    live: Arc<Live>,
    places: Arc<Places>,
    readiness: Readiness,
}

// === impl Service ===

impl Service {
    /// A service of what is live at the time of each request.
    pub fn new(live: Arc<Live>) -> Self {
        Self { live, places: Arc::default(), readiness: Readiness::default() }
    }

    /// Answers a request, whatever it is.
    pub async fn answer<B>(&self, request: HttpRequest<B>) -> HttpResponse
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let reply = Reply::to(request.method(), request.headers());
        let span = info_span!("request", id = reply.request_id());
        async {
            let mut line = Line::of(&request);
            let (parts, mut body) = request.into_parts();
            let response = self.routed(&reply, &parts, &mut body, &mut line).await;
            if !body.is_end_stream() {
                // Also one that no method wants (DELETE): left unread, it would take the connection with it.
                body::discard(&parts.headers, &mut body).await;
            }
            let response = response.unwrap_or_else(|refusal| reply.refusal(refusal));
            line.status = Some(response.status().as_u16());
            response
        }
        .instrument(span)
        .await
    }

    /// Ends when no request is in work any more, also none whose client has gone.
    pub async fn idle(&self) {
        self.places.idle().await;
    }

    async fn routed<B>(
        &self,
        reply: &Reply,
        parts: &Parts,
        body: &mut B,
        line: &mut Line,
    ) -> Result<HttpResponse, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let snapshot = self.live.snapshot();
        let is_read = parts.method == HttpMethod::GET || parts.method == HttpMethod::HEAD;
        match route(&snapshot.targets, parts.uri.path()) {
            Route::Health | Route::Ready if !is_read => Err(Refusal::method(PROBE_METHODS)),
            Route::Health => Ok(reply.state(&json!({ "status": "ok" }))),
            Route::Ready => Ok(reply.state(&self.readiness.state(&self.live, &snapshot).await)),
            Route::Unknown => Err(Refusal::unknown_path()),
            Route::Target(target, rest) => {
                line.target = Some(target.name.clone());
                self.scim(target, rest, parts, body, line).await.map(|answer| reply.answer(answer))
            }
        }
    }

    async fn scim<B>(
        &self,
        target: &Arc<Target>,
        rest: &str,
        parts: &Parts,
        body: &mut B,
        line: &mut Line,
    ) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // Who calls. Nothing is told to nobody, not even which paths there are.
        let client = auth::client(&parts.headers, &target.clients).ok_or_else(Refusal::unauthorized)?;
        line.client = Some(client.name.clone());

        // What is asked.
        let method = Method::named(parts.method.as_str()).ok_or_else(|| Refusal::method(SCIM_METHODS))?;
        let mut request = Request::new(method, rest, parts.uri.query())?;
        request.conditions = conditions(&parts.headers)?;

        // A place: held until the work is done, also when nobody waits for it any more.
        let most = target.limits.concurrent_requests;
        let place = self.places.take(most).ok_or_else(Refusal::busy)?;

        let read = match method.has_body() {
            true => body::read(&parts.headers, body, &target.limits).await,
            false => Ok(None),
        };
        let captured = captured(target, (parts, rest), &request, read.as_ref().ok().and_then(Option::as_ref));
        let done = match read {
            Ok(body) => work(target, Request { body, ..request }, client, place).await,
            Err(refusal) => Err(refusal),
        };
        if let Some(captured) = captured {
            captured.answered(&told(&done, &done.as_ref().err().map(Refusal::body)));
        }
        done
    }
}

/// Takes down what is asked, where requests are kept. The headers that say who asks are not among it.
fn captured(
    target: &Target,
    (parts, path): (&Parts, &str),
    request: &Request,
    body: Option<&Value>,
) -> Option<Taken> {
    let capture = target.capture.as_ref()?;
    let header = |name: &'static str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name, value.to_owned()))
    };
    let headers: Vec<_> = KEPT_HEADERS.into_iter().filter_map(header).collect();
    let method = parts.method.as_str();
    Some(capture.request(&Asked { method, path, query: &request.query, headers: &headers, body }))
}

/// What is answered, as it is kept; of an answer in pieces, not its body.
fn told<'a>(done: &'a Result<Answer, Refusal>, refused: &'a Option<Value>) -> Answered<'a> {
    match done {
        Ok(answer) => {
            let body = match &answer.body {
                Some(Whole(body)) => Some(body),
                _ => None,
            };
            Answered {
                status: answer.status,
                location: answer.location.as_deref(),
                version: answer.version.as_deref(),
                body,
            }
        }
        Err(refusal) => {
            Answered { status: refusal.status(), location: None, version: None, body: refused.as_ref() }
        }
    }
}

/// Has the gateway do it in a task of its own: a client that hangs up does not stop it half-way, and a
/// defect in it ends nothing else.
async fn work(
    target: &Arc<Target>,
    request: Request,
    client: &Arc<Client>,
    place: Place,
) -> Result<Answer, Refusal> {
    let deadline = Duration::from_millis(target.limits.deadline_ms);
    let (target, client) = (Arc::clone(target), Arc::clone(client));
    let task = async move {
        let _place = place;
        target.handle(request, &client).await
    };
    match tokio::time::timeout(deadline, tokio::spawn(task.in_current_span())).await {
        Ok(Ok(done)) => done.map_err(Refusal::from),
        Ok(Err(cause)) => {
            error!(%cause, "a request's work ended by a defect");
            Err(Refusal::defect())
        }
        Err(_) => Err(Refusal::late()),
    }
}

/// What the headers demand of the version that is there.
fn conditions(headers: &HeaderMap) -> Result<Conditions, Error> {
    let text = |name: HeaderName| -> Result<Option<String>, Error> {
        let lines: Result<Vec<&str>, _> = headers.get_all(&name).iter().map(|line| line.to_str()).collect();
        let lines =
            lines.map_err(|_| Error::bad_request(ScimType::InvalidVers, format!("{name} is no text")))?;
        Ok((!lines.is_empty()).then(|| lines.join(",")))
    };
    Conditions::parse(text(IF_MATCH)?.as_deref(), text(IF_NONE_MATCH)?.as_deref())
}

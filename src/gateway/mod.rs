//! The middle: an immutable [`Snapshot`] of everything that was configured, and [`Target::handle`], which
//! takes a request through mapping, plan and backend and back. Knows no HTTP: a [`Request`] is already
//! authenticated, bounded and split; an [`Answer`] is a status and a SCIM value.

mod aside;
mod body;
mod bulk;
mod cursor;
mod discovery;
mod dispatch;
mod failure;
mod job;
mod list;
mod live;
mod request;
mod scans;
mod taken;
mod walk;
mod write;

use std::sync::Arc;

use time::OffsetDateTime;

use crate::backend::Backend;
use crate::capture::Capture;
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::plan::Plan;
use crate::scim::error::Error;
use crate::scim::profile::Profile;

pub use body::{Body, LongAnswers, Pieces};
pub use cursor::Cursors;
pub use live::Live;
pub use request::Request;
pub use scans::Scans;

/// Everything that a request may need, built once, swapped as a whole.
pub struct Snapshot {
    /// The targets, each at a path of its own.
    pub targets: Vec<Arc<Target>>,
    /// The bounds.
    pub limits: Limits,
    /// What `meta.location` and `$ref` begin with, without a slash at the end (`https://scim.example.test`).
    pub public_url: String,
    /// When it was built.
    pub loaded: OffsetDateTime,
    /// What tells it from others: a hash of the configuration's text and of the mappings'. No secret goes into it.
    pub hash: String,
}

/// One backend with its mapping, served at one path.
pub struct Target {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is served, without a slash at the end: `/scim/v2`.
    pub path: String,
    /// Whether writes are refused (403).
    pub read_only: bool,
    /// Who may call it.
    pub clients: Vec<Arc<Client>>,
    /// What maps to what.
    pub mapping: Arc<Mapping>,
    /// Where it lives.
    pub backend: Arc<dyn Backend>,
    /// The bounds.
    pub limits: Limits,
    /// What locations begin with: the public URL and the path.
    pub base_url: String,
    /// Ordered places of lists that had to be scanned, for the pages after the first.
    pub scans: Scans,
    /// What seals and opens cursors; one for all targets.
    pub cursors: Arc<Cursors>,
    /// Places for answers in pieces.
    pub long_answers: LongAnswers,
    /// Where its requests are kept, if they are.
    pub capture: Option<Arc<Capture>>,
}

/// Somebody who may call a target.
#[derive(Clone, Debug)]
pub struct Client {
    /// The name in the configuration, for the log.
    pub name: String,
    /// SHA-256 of the bearer token.
    pub token_sha256: [u8; 32],
    /// How its requests are read and answered.
    pub profile: Profile,
    /// The `id` of the User that it is: what `/Me` stands for (RFC 7644 §3.11).
    pub user: Option<String>,
}

/// What is answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The SCIM body.
    pub body: Option<Body>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The `ETag` header: the resource's version.
    pub version: Option<String>,
    /// The `Allow` header of a 405.
    pub allow: Option<&'static str>,
}

/// What a request would do.
#[derive(Debug)]
pub enum Planned {
    /// This; without a step: nothing.
    Steps(Plan),
    /// Nothing: it is answered without the backend, with this status.
    Answered(u16),
}

impl Target {
    /// Does what the request asks. Every wait within is bounded by the backend's deadline. The work runs
    /// to its end even when the caller goes away: the caller spawns it.
    pub async fn handle(self: &Arc<Self>, request: Request, client: &Client) -> Result<Answer, Error> {
        let me = self.me(&request, client);
        let answer = dispatch::dispatch(self, request, client, false).await.map_err(failure::answer)?;
        Ok(Answer { location: answer.location.or(me), ..answer })
    }

    /// Where the User is that a request to `/Me` is about. Every answer says it, also one without a body
    /// (RFC 7644 §3.11).
    fn me(&self, request: &Request, client: &Client) -> Option<String> {
        let id = client.user.as_deref().filter(|_| request.path == ["Me"])?;
        Some(self.mapping.location("User", id, &self.base_url))
    }

    /// What the request would do to the backend, without doing it. Where a plan depends on what the backend holds, it
    /// reads.
    pub async fn plan(self: &Arc<Self>, request: Request, client: &Client) -> Result<Planned, Error> {
        match dispatch::dispatch(self, request, client, true).await {
            Err(failure::Stop::Planned(plan)) => Ok(Planned::Steps(plan)),
            Err(stop) => Err(failure::answer(stop)),
            Ok(Answer { allow: Some(allow), .. }) => Err(dispatch::wrong_method(allow)),
            Ok(answer) => Ok(Planned::Answered(answer.status)),
        }
    }
}

impl Planned {
    /// As LDIF or SQL, secrets left out.
    pub fn render(&self) -> String {
        match self {
            Self::Steps(plan) => plan.render(),
            Self::Answered(status) => {
                format!("# nothing to do: the answer is {status} without the backend\n")
            }
        }
    }

    /// As JSON: its steps, secrets left out; none where nothing is to do.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Steps(plan) => plan.to_json(),
            Self::Answered(_) => Plan::default().to_json(),
        }
    }
}

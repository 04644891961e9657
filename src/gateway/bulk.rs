//! POST to `/Bulk` (RFC 7644 §3.7): each operation as if it were a request of its own, in a transaction of its
//! own; those that refer to each other in a circle in one, or undone together. What they mean is `scim::bulk`'s.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::{Instrument, info_span};

use super::dispatch::{AT_A_RESOURCE, read_only, resource, type_of, wrong_method};
use super::failure::{self, Stop};
use super::job::Job;
use super::write::{New, pause, without_conflict};
use super::{Answer, Body, Client, Request, Target};
use crate::backend::{Failure, Intent, Session};
use crate::limits::{CONFLICT_RETRIES, NUMBER_RETRIES};
use crate::scim::bulk::{self, Bulk, Ids, Operation, Outcome, Turn};
use crate::scim::error::Error;
use crate::scim::method::Method;
use crate::scim::project::Projection;
use crate::scim::version::Conditions;

/// Does what a bulk request asks, as far as can be.
pub(super) async fn bulk(target: &Arc<Target>, body: &Value, client: &Client) -> Result<Answer, Stop> {
    if target.read_only {
        return Err(read_only().into());
    }
    let bulk = Bulk::parse(body)?;
    let mut run = Run::new(target, client, &bulk);
    for turn in bulk.turns() {
        if run.is_over() {
            break;
        }
        match turn {
            Turn::One(at) => run.one(at).await,
            Turn::Circle(circle) => run.circle(&circle).await,
        }
    }
    let answered = run.answers.into_iter().flatten().collect();
    Ok(Answer { status: 200, body: Some(bulk::response(answered).into()), ..Answer::default() })
}

/// A bulk request in work.
struct Run<'a> {
    target: &'a Arc<Target>,
    client: &'a Client,
    bulk: &'a Bulk,
    ids: Ids,
    /// What is answered about each operation that was done, in the client's order.
    answers: Vec<Option<Value>>,
    errors: u64,
    /// When no operation is begun any more: what was done must still be answered in time.
    until: Instant,
}

/// One of a circle, ready to be created.
struct Member<'a> {
    at: usize,
    bulk_id: &'a str,
    /// All that it shall be.
    data: &'a Value,
    /// The same without what refers to the others.
    new: New,
    job: Job<'a>,
}

// === impl Run ===

impl<'a> Run<'a> {
    fn new(target: &'a Arc<Target>, client: &'a Client, bulk: &'a Bulk) -> Self {
        let (whole, one) = (target.limits.deadline_ms, target.limits.backend_deadline_ms);
        let until = Instant::now() + Duration::from_millis(whole.saturating_sub(one).max(whole / 2));
        let answers = vec![None; bulk.operations.len()];
        Self { target, client, bulk, ids: bulk.ids(), answers, errors: 0, until }
    }

    /// Whether the client wants no more, after so many errors.
    fn is_over(&self) -> bool {
        self.bulk.fail_on_errors.is_some_and(|limit| self.errors >= limit.max(1))
    }

    fn in_time(&self) -> Result<(), Error> {
        let late = "The time of this request was over before this operation; it was not begun.";
        if Instant::now() < self.until { Ok(()) } else { Err(Error::unavailable(late)) }
    }

    // --- one operation ---

    async fn one(&mut self, at: usize) {
        let Some(operation) = self.bulk.operations.get(at) else { return };
        let done = match self.request(operation) {
            Ok(request) => self.carry_out(&request).instrument(info_span!("operation", at)).await,
            Err(error) => Err(error),
        };
        self.answer(at, done);
    }

    async fn carry_out(&self, request: &Request) -> Result<Answer, Error> {
        let segments: Vec<&str> = request.path.iter().map(String::as_str).collect();
        resource(self.target, request, &segments, self.client, false).await.map_err(failure::answer)
    }

    /// The request that the operation stands for.
    fn request(&self, operation: &Operation) -> Result<Request, Error> {
        self.in_time()?;
        let asked = operation.asked.as_ref().map_err(Clone::clone)?;
        let mut request = Request::parse(asked.method, &operation.path)?;
        for segment in &mut request.path {
            let resolved = bulk::resolve_text(segment, &self.ids);
            *segment = resolved.map_err(|error| Error::not_found(error.detail))?;
        }
        request.body = asked.data.as_ref().map(|data| bulk::resolve(data, &self.ids)).transpose()?;
        if let (Some(version), true) = (&asked.version, asked.method != Method::Post) {
            request.conditions = Conditions::of_version(version)?;
        }
        Ok(request)
    }

    // --- a circle ---

    /// Creates all of a circle, or none.
    async fn circle(&mut self, circle: &[usize]) {
        let mut failing = None;
        let done = match self.in_time() {
            Ok(()) => self.try_circle(circle, &mut failing).await.map_err(failure::answer),
            Err(error) => Err(error),
        };
        match done {
            Ok(answers) => circle.iter().zip(answers).for_each(|(at, answer)| self.answer(*at, Ok(answer))),
            Err(error) => {
                let undone =
                    Error::status(409, format!("Undone, for another of its circle failed: {}", error.detail));
                for at in circle {
                    let is_cause = failing.is_none_or(|failing| failing == *at);
                    self.answer(*at, Err(if is_cause { error.clone() } else { undone.clone() }));
                }
            }
        }
    }

    /// The answers in the circle's order. `failing` is whose fault an error is, if it is one's.
    async fn try_circle(&self, circle: &[usize], failing: &mut Option<usize>) -> Result<Vec<Answer>, Stop> {
        let unconditional = Conditions::default();
        let operation = |at: &usize| self.bulk.operations.get(*at).map(|operation| (*at, operation));
        let referred: BTreeSet<&str> = circle
            .iter()
            .filter_map(operation)
            .filter_map(|(_, operation)| operation.bulk_id.as_deref())
            .collect();
        let mut members = Vec::with_capacity(circle.len());
        for (at, operation) in circle.iter().filter_map(operation) {
            *failing = Some(at);
            members.push(self.member(at, operation, &referred, &unconditional).await?);
        }
        without_conflict!(attempt => self.create_all(&members, failing, attempt))
    }

    async fn member<'b>(
        &self,
        at: usize,
        operation: &'b Operation,
        referred: &BTreeSet<&str>,
        conditions: &'b Conditions,
    ) -> Result<Member<'b>, Stop>
    where
        'a: 'b,
    {
        let asked = operation.asked.as_ref().map_err(Clone::clone)?;
        let request = Request::parse(asked.method, &operation.path)?;
        let segments: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let of = type_of(self.target, &segments)?;
        let (1, Some(data), Some(bulk_id)) = (segments.len(), &asked.data, &operation.bulk_id) else {
            return Err(wrong_method(AT_A_RESOURCE).into());
        };
        let projection = Projection::parse(None, None, &of.resource_type)?;
        let mut job = Job::new(self.target, of, projection, self.client, conditions, false);
        let new = job.new_resource(&bulk::resolve(&bulk::without(data, referred), &self.ids)?).await?;
        Ok(Member { at, bulk_id, data, new, job })
    }

    async fn create_all(
        &self,
        members: &[Member<'_>],
        failing: &mut Option<usize>,
        attempt: u32,
    ) -> Result<Vec<Answer>, Stop> {
        let mut session = self.target.backend.session(Intent::Write).await?;
        let done = match self.create_in(&mut *session, members, failing, attempt).await {
            Ok(answers) => {
                *failing = None;
                session.commit().await.map(|()| answers).map_err(Stop::from)
            }
            // That something stayed is worse news than why.
            Err(stop) => session.roll_back().await.map_or_else(|failure| Err(failure.into()), |()| Err(stop)),
        };
        self.target.scans.forget();
        done
    }

    /// Creates each without what refers to the others, and then makes each what it shall be.
    async fn create_in(
        &self,
        session: &mut dyn Session,
        members: &[Member<'_>],
        failing: &mut Option<usize>,
        attempt: u32,
    ) -> Result<Vec<Answer>, Stop> {
        let mut ids = self.ids.clone();
        let mut made = Vec::with_capacity(members.len());
        for member in members {
            *failing = Some(member.at);
            let id = member.job.create_in(session, &member.new, attempt).await?;
            ids.insert(member.bulk_id.to_owned(), Some(id.clone()));
            made.push((member, id));
        }
        let mut answers = Vec::with_capacity(members.len());
        for (member, id) in made {
            *failing = Some(member.at);
            let data = bulk::resolve(member.data, &ids)?;
            answers.push(member.job.replace_in(session, &id, &data, attempt).await?);
        }
        Ok(answers)
    }

    // --- what is answered ---

    fn answer(&mut self, at: usize, done: Result<Answer, Error>) {
        let (Some(operation), Some(place)) = (self.bulk.operations.get(at), self.answers.get_mut(at)) else {
            return;
        };
        let done = done.unwrap_or_else(|error| Answer {
            status: error.status,
            body: Some(error.to_json().into()),
            ..Answer::default()
        });
        let (creates, failed) = (operation.method == "POST", done.status >= 300);
        let body = done.body.and_then(Body::value);
        let id = body.as_ref().and_then(|body| body.get("id")).and_then(Value::as_str);
        if let (true, false, Some(bulk_id), Some(id)) = (creates, failed, &operation.bulk_id, id) {
            self.ids.insert(bulk_id.clone(), Some(id.to_owned()));
        }
        self.errors += u64::from(failed);
        let outcome = Outcome {
            status: done.status,
            location: done.location.or_else(|| {
                // §3.7.3: of all but a POST that failed.
                (!creates).then(|| location(self.target, operation, &self.ids))
            }),
            version: done.version,
            response: body.filter(|_| failed),
        };
        *place = Some(operation.answered(outcome));
    }
}

/// Where the resource is that an operation names, whether it exists or not.
fn location(target: &Target, operation: &Operation, ids: &Ids) -> String {
    let path = operation.path.split('?').next().unwrap_or_default();
    let path = bulk::resolve_text(path, ids).unwrap_or_else(|_| path.to_owned());
    format!("{}/{}", target.base_url, path.trim_start_matches('/'))
}

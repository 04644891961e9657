//! Which endpoint and method does what (RFC 7644 §3.2).

use std::sync::Arc;

use super::failure::Stop;
use super::job::Job;
use super::list::List;
use super::{Answer, Client, Request, Target, bulk, discovery};
use crate::mapping::ResourceMapping;
use crate::scim::error::{Error, ScimType};
use crate::scim::method::Method;
use crate::scim::project::Projection;
use crate::scim::query::Query;

/// Where several operations are sent in one request.
const BULK: &str = "Bulk";

/// What a resource's own path takes.
pub(super) const AT_A_RESOURCE: &str = "GET, PUT, PATCH, DELETE";

/// Why there is no plan of a bulk request: its later operations hang on ids that the earlier ones bring about.
const ONE_BY_ONE: &str = "The operations of a bulk request are planned one at a time.";

/// What a query by POST ends in.
const SEARCH: &str = ".search";

/// The endpoint of those whom `/Me` can stand for.
const USERS: &str = "Users";

pub(super) async fn dispatch(
    target: &Arc<Target>,
    request: Request,
    client: &Client,
    dry: bool,
) -> Result<Answer, Stop> {
    let segments: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let is_me = matches!(segments.as_slice(), ["Me"]);
    let segments = if is_me { vec![USERS, me(client)?] } else { segments };
    if let Some(answer) = discovery::answer(target, &request, &segments) {
        return answer.map_err(Stop::from);
    }
    if let Some(types) = listed(target, &request, &segments) {
        let is_search = segments.last() == Some(&SEARCH);
        return list(target, &types, &request, is_search, client, dry).await;
    }
    if segments == [BULK] {
        return match request.method {
            Method::Post if dry => Err(Error::not_implemented(ONE_BY_ONE).into()),
            Method::Post => bulk::bulk(target, body(&request)?, client).await,
            _ => Ok(not_allowed("POST")),
        };
    }
    resource(target, &request, &segments, client, dry).await
}

/// One resource: its creation at its type's endpoint, all else at its own.
pub(super) async fn resource(
    target: &Arc<Target>,
    request: &Request,
    segments: &[&str],
    client: &Client,
    dry: bool,
) -> Result<Answer, Stop> {
    let of = type_of(target, segments)?;
    let projection = Projection::parse(
        request.parameter("attributes"),
        request.parameter("excludedAttributes"),
        &of.resource_type,
    )?;
    let is_read = request.method == Method::Get;
    if target.read_only && !is_read {
        return Err(read_only().into());
    }
    let job = Job::new(target, of, projection, client, &request.conditions, dry);
    match (request.method, segments.get(1)) {
        (Method::Get, Some(id)) => job.get(id).await,
        (Method::Post, None) => job.create(body(request)?).await,
        (Method::Put, Some(id)) => job.replace(id, body(request)?).await,
        (Method::Patch, Some(id)) => job.patch(id, body(request)?, request).await,
        (Method::Delete, Some(id)) => job.delete(id).await,
        (_, None) => Ok(not_allowed("GET, POST")),
        (_, Some(_)) => Ok(not_allowed(AT_A_RESOURCE)),
    }
}

/// The type of what is at `/{endpoint}` or `/{endpoint}/{id}`.
pub(super) fn type_of<'a>(target: &'a Target, segments: &[&str]) -> Result<&'a ResourceMapping, Error> {
    let endpoint = segments.first().copied().unwrap_or_default();
    let of = type_at(target, endpoint).filter(|_| segments.len() <= 2);
    of.ok_or_else(|| Error::not_found(format!("There is no endpoint /{}.", segments.join("/"))))
}

pub(super) fn read_only() -> Error {
    Error::forbidden("This target is read-only.")
}

/// The types that a path lists: all of them at the root, one at its endpoint; `None` when it is no query.
/// A POST to an endpoint itself creates.
fn listed<'a>(target: &'a Target, request: &Request, segments: &[&str]) -> Option<Vec<&'a ResourceMapping>> {
    match segments {
        [] | [SEARCH] => Some(target.mapping.resources().iter().collect()),
        [endpoint, SEARCH] => type_at(target, endpoint).map(|of| vec![of]),
        [endpoint] if request.method == Method::Get => type_at(target, endpoint).map(|of| vec![of]),
        _ => None,
    }
}

/// The type whose resources are at `/{endpoint}`.
fn type_at<'a>(target: &'a Target, endpoint: &str) -> Option<&'a ResourceMapping> {
    let mut types = target.mapping.resources().iter();
    types.find(|of| of.resource_type.endpoint.trim_start_matches('/') == endpoint)
}

/// A query by GET, or by POST to `.search` (RFC 7644 §3.4.3), which changes nothing either.
async fn list(
    target: &Arc<Target>,
    types: &[&ResourceMapping],
    request: &Request,
    is_search: bool,
    client: &Client,
    dry: bool,
) -> Result<Answer, Stop> {
    let page_size = target.limits.page_size;
    let query = match (request.method, is_search) {
        (Method::Get, false) => Query::of_parameters(|name| request.parameter(name), page_size)?,
        (Method::Post, true) => Query::of_body(body(request)?, page_size)?,
        (_, false) => return Ok(not_allowed("GET")),
        (_, true) => return Ok(not_allowed("POST")),
    };
    List::new(target, types, query, client, &request.conditions, dry)?.answer().await
}

/// The id that `/Me` stands for (RFC 7644 §3.11); 501 where the configuration binds the client to nobody.
fn me(client: &Client) -> Result<&str, Error> {
    let nobody = || Error::not_implemented("The configuration says of no User that this client is it.");
    client.user.as_deref().ok_or_else(nobody)
}

/// 405 with what is allowed (RFC 9110 §15.5.6).
pub(super) fn not_allowed(allow: &'static str) -> Answer {
    Answer {
        status: 405,
        body: Some(wrong_method(allow).to_json().into()),
        allow: Some(allow),
        ..Answer::default()
    }
}

pub(super) fn wrong_method(allow: &str) -> Error {
    Error { status: 405, scim_type: None, detail: format!("This endpoint takes {allow}.") }
}

fn body(request: &Request) -> Result<&serde_json::Value, Error> {
    let absent = || Error::bad_request(ScimType::InvalidSyntax, "A body is needed.");
    request.body.as_ref().ok_or_else(absent)
}

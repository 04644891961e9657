//! The three discovery endpoints (RFC 7644 §4), computed from the mapping and what this target really does.

use serde_json::Value;

use super::dispatch::not_allowed;
use super::{Answer, Request, Target};
use crate::scim::discovery::{self, Capabilities};
use crate::scim::error::Error;
use crate::scim::method::Method;
use crate::scim::page::{Page, list_response, with_resources};
use crate::scim::schema::{self, Schema};

/// The answer, when the path is one of the discovery endpoints.
pub(super) fn answer(target: &Target, request: &Request, segments: &[&str]) -> Option<Result<Answer, Error>> {
    let (endpoint, id) = match segments {
        [endpoint] => (*endpoint, None),
        [endpoint, id] => (*endpoint, Some(*id)),
        _ => return None,
    };
    let found = match endpoint {
        "ServiceProviderConfig" if id.is_none() => {
            Ok(discovery::service_provider_config(&capabilities(target), &target.base_url))
        }
        "ResourceTypes" => pick(resource_types(target), id),
        "Schemas" => pick(schemas(target), id),
        _ => return None,
    };
    if request.method != Method::Get {
        return Some(Ok(not_allowed("GET")));
    }
    if request.parameter("filter").is_some() {
        // RFC 7644 §4: a filter on these is answered with 403, so that nobody takes all for some.
        return Some(Err(Error::forbidden("Discovery endpoints take no filter.")));
    }
    Some(found.map(|body| Answer { status: 200, body: Some(body.into()), ..Answer::default() }))
}

fn capabilities(target: &Target) -> Capabilities {
    let writes_password = |of: &crate::mapping::ResourceMapping| {
        of.resource_type.attributes().any(|(urn, attribute)| urn.is_none() && attribute.name == "password")
    };
    Capabilities {
        max_results: target.limits.page_size,
        cursor_timeout_s: target.limits.cursor_timeout_s,
        max_payload_bytes: target.limits.request_bytes,
        write: !target.read_only,
        etag: true,
        change_password: !target.read_only && target.mapping.resources().iter().any(writes_password),
    }
}

/// Each resource type by its name.
fn resource_types(target: &Target) -> Vec<(String, Value)> {
    let types = target.mapping.resources().iter().map(|of| &of.resource_type);
    types.map(|rt| (rt.name.clone(), discovery::resource_type(rt, &target.base_url))).collect()
}

/// Each schema by its URN: those of the resource types, each once, and those of these endpoints themselves.
fn schemas(target: &Target) -> Vec<(String, Value)> {
    let types = target.mapping.resources().iter().map(|of| &of.resource_type);
    let all = types.flat_map(|rt| std::iter::once(&rt.schema).chain(rt.extensions.iter().map(|e| &e.schema)));
    let mut schemas: Vec<Schema> = Vec::new();
    for schema in all {
        match schemas.iter_mut().find(|known| known.id == schema.id) {
            Some(known) => known.merge(schema),
            None => schemas.push(schema.clone()),
        }
    }
    if target.read_only {
        schemas.iter_mut().for_each(|schema| *schema = schema.read_only());
    }
    let all = schemas.iter().chain(schema::of_discovery());
    all.map(|schema| (schema.id.clone(), discovery::schema(schema, &target.base_url))).collect()
}

fn pick(all: Vec<(String, Value)>, id: Option<&str>) -> Result<Value, Error> {
    let Some(id) = id else {
        let page = Page { start_index: 1, count: all.len() };
        let resources =
            all.into_iter().filter_map(|(_, value)| value.as_object().cloned()).collect::<Vec<_>>();
        let response = list_response(resources.len(), &page, resources.len());
        return Ok(with_resources(response, resources.into_iter()));
    };
    let found = all.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(id));
    found.map(|(_, value)| value).ok_or_else(|| Error::not_found(format!("There is no {id:?} here.")))
}

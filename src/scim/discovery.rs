//! The bodies of the discovery endpoints (RFC 7643 §5 to §7, RFC 7644 §4).

use serde_json::{Value, json};

use super::schema::{ResourceType, Schema};
use crate::limits::BULK_OPERATIONS;

/// What a target really does. Filters, sorting and both ways of paging every target has: what its backend
/// cannot do is done here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The most resources in one answer, and how many there are when nobody says.
    pub max_results: usize,
    /// How long a cursor is good for.
    pub cursor_timeout_s: u64,
    /// The longest body.
    pub max_payload_bytes: usize,
    /// Whether anything can be changed.
    pub write: bool,
    /// Whether a password can be changed.
    pub change_password: bool,
    /// Whether resources have versions.
    pub etag: bool,
}

/// `/ServiceProviderConfig` below `base`.
pub fn service_provider_config(capabilities: &Capabilities, base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": capabilities.write },
        "bulk": {
            "supported": capabilities.write,
            "maxOperations": BULK_OPERATIONS,
            "maxPayloadSize": capabilities.max_payload_bytes,
        },
        "filter": { "supported": true, "maxResults": capabilities.max_results },
        "changePassword": { "supported": capabilities.change_password },
        "sort": { "supported": true },
        "etag": { "supported": capabilities.etag },
        // RFC 9865 §4.
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": capabilities.max_results,
            "maxPageSize": capabilities.max_results,
            "cursorTimeout": capabilities.cursor_timeout_s,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token in the Authorization header (RFC 6750)",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

/// A resource of `/ResourceTypes`.
pub fn resource_type(rt: &ResourceType, base: &str) -> Value {
    let extensions: Vec<Value> = rt
        .extensions
        .iter()
        .map(|extension| json!({ "schema": extension.schema.id, "required": extension.required }))
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": rt.name,
        "name": rt.name,
        "endpoint": rt.endpoint,
        "description": rt.description,
        "schema": rt.schema.id,
        "schemaExtensions": extensions,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", rt.name) },
    })
}

/// A resource of `/Schemas`.
pub fn schema(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

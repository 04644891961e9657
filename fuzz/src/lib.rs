//! What the targets share: resource types, and resources of each that have something at every place.

use std::sync::LazyLock;

use gantry::scim::resource::{self, Resource};
use gantry::scim::schema::{self, Extension, ResourceType};
use serde_json::{Value, json};

/// A resource type with some resources.
pub struct Kind {
    pub rt: ResourceType,
    pub resources: Vec<Resource>,
}

/// User with the enterprise extension, and Group.
pub fn kinds() -> &'static [Kind] {
    static KINDS: LazyLock<Vec<Kind>> =
        LazyLock::new(|| vec![kind(user(), vec![full(), bare()]), kind(group(), vec![team(), empty_team()])]);
    &KINDS
}

fn kind(rt: ResourceType, resources: Vec<Value>) -> Kind {
    let resources = resources.iter().map(|body| resource::parse(body, &rt).unwrap().resource).collect();
    Kind { rt, resources }
}

fn user() -> ResourceType {
    ResourceType {
        name: "User".to_owned(),
        endpoint: "/Users".to_owned(),
        schema: schema::core_user().clone(),
        extensions: vec![Extension { schema: schema::enterprise_user().clone(), required: false }],
        ..ResourceType::default()
    }
}

fn group() -> ResourceType {
    ResourceType {
        name: "Group".to_owned(),
        endpoint: "/Groups".to_owned(),
        schema: schema::core_group().clone(),
        ..ResourceType::default()
    }
}

fn full() -> Value {
    json!({
        "userName": "Anna.Ärger", "externalId": "x-1", "displayName": "  Anna  Ä ", "active": true,
        "title": "100%_*", "name": { "givenName": "Anna", "familyName": "\u{c4}rger" },
        "emails": [
            { "value": "anna@example.test", "type": "work", "primary": true },
            { "value": "ANNA@example.test", "type": "home" },
            { "value": "a@example.test" },
        ],
        "phoneNumbers": [{ "value": "+1 201", "type": "mobile" }],
        "addresses": [{ "type": "work", "country": "DE", "formatted": "a\nb" }],
        "roles": [{ "value": "admin", "primary": false }],
        "x509Certificates": [{ "value": "AAEC" }],
        schema::ENTERPRISE_USER: {
            "employeeNumber": "701984", "department": "Tour", "manager": { "value": "m1", "$ref": "../Users/m1" },
        },
    })
}

fn bare() -> Value {
    json!({ "userName": "b" })
}

fn team() -> Value {
    json!({
        "displayName": "Team",
        "members": [{ "value": "u1", "type": "User" }, { "value": "u2" }, { "value": "g1", "type": "Group" }],
    })
}

fn empty_team() -> Value {
    json!({ "displayName": "Nobody" })
}

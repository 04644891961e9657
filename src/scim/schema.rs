//! Schemas, attributes and their characteristics (RFC 7643 §2 and §7), resource types (§6), and the core
//! schemas of §8.7.1 with their errata.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::path::AttrPath;

/// The URN of the core User schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the core Group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The endpoints that RFC 7644 §3.2 gives a meaning: no resource type is there.
pub const RESERVED_ENDPOINTS: [&str; 6] =
    ["Bulk", "Me", "ResourceTypes", "Schemas", "ServiceProviderConfig", ".search"];

/// An attribute's data type (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the RFC's own words
pub enum Type {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Reference,
    Binary,
    Complex,
}

/// Who may write an attribute, and when (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the RFC's own words
pub enum Mutability {
    ReadOnly,
    #[default]
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// When an attribute is in an answer (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the RFC's own words
pub enum Returned {
    Always,
    Never,
    #[default]
    Default,
    Request,
}

/// Among whom a value is unique (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)] // the RFC's own words
pub enum Uniqueness {
    #[default]
    None,
    Server,
    Global,
}

/// An attribute's definition (RFC 7643 §7); serialises to the form of `/Schemas`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attribute {
    /// Its name, in the spelling that answers have.
    pub name: String,
    /// Its data type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether it is an array.
    pub multi_valued: bool,
    /// A sentence about it.
    pub description: String,
    /// Whether a resource (or an element) must have it.
    pub required: bool,
    /// Suggested values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether letters' case counts.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is in an answer.
    pub returned: Returned,
    /// Among whom it is unique.
    pub uniqueness: Uniqueness,
    /// What a reference may lead to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The sub-attributes of a complex attribute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
}

/// A schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Its URN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// A resource type: a core schema, extensions and an endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceType {
    /// `User`
    pub name: String,
    /// `/Users`
    pub endpoint: String,
    /// A sentence about it.
    pub description: String,
    /// The core schema.
    pub schema: Schema,
    /// The extensions.
    pub extensions: Vec<Extension>,
}

/// An extension of a resource type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extension {
    /// Its schema.
    pub schema: Schema,
    /// Whether every resource must have it.
    pub required: bool,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found<'a> {
    /// The extension's URN; `None` for core and common attributes.
    pub urn: Option<&'a str>,
    /// The attribute.
    pub attribute: &'a Attribute,
    /// The sub-attribute, when the path names one.
    pub sub: Option<&'a Attribute>,
}

/// The core User schema.
pub fn core_user() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| embedded(include_str!("schemas/user.json")));
    &SCHEMA
}

/// The core Group schema.
pub fn core_group() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| embedded(include_str!("schemas/group.json")));
    &SCHEMA
}

/// The enterprise extension.
pub fn enterprise_user() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> =
        LazyLock::new(|| embedded(include_str!("schemas/enterprise_user.json")));
    &SCHEMA
}

/// The schemas of the discovery endpoints' own resources (RFC 7643 §8.7.2, RFC 9865 §4).
pub fn of_discovery() -> &'static [Schema] {
    static SCHEMAS: LazyLock<[Schema; 3]> = LazyLock::new(|| {
        [
            embedded(include_str!("schemas/service_provider_config.json")),
            embedded(include_str!("schemas/resource_type.json")),
            embedded(include_str!("schemas/schema.json")),
        ]
    });
    &*SCHEMAS
}

/// An embedded schema; a test shows that each can be read.
fn embedded(text: &str) -> Schema {
    serde_json::from_str(text).unwrap_or_default()
}

/// Whether every resource has an attribute with this name (in any case), whatever its type.
pub fn is_common(name: &str) -> bool {
    common().iter().any(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The attributes that every resource has (RFC 7643 §3.1), and `schemas`.
fn common() -> &'static [Attribute] {
    static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
        let plain = |name: &str, kind, mutability, case_exact| Attribute {
            name: name.to_owned(),
            kind,
            mutability,
            case_exact,
            ..Attribute::default()
        };
        let read_only = Mutability::ReadOnly;
        let id = Attribute {
            returned: Returned::Always,
            uniqueness: Uniqueness::Server,
            ..plain("id", Type::String, read_only, true)
        };
        let schemas = Attribute {
            returned: Returned::Always,
            multi_valued: true,
            ..plain("schemas", Type::Reference, Mutability::ReadWrite, true)
        };
        let meta = Attribute {
            sub_attributes: vec![
                plain("resourceType", Type::String, read_only, true),
                plain("created", Type::DateTime, read_only, false),
                plain("lastModified", Type::DateTime, read_only, false),
                plain("location", Type::Reference, read_only, true),
                plain("version", Type::String, read_only, true),
            ],
            ..plain("meta", Type::Complex, read_only, false)
        };
        vec![id, plain("externalId", Type::String, Mutability::ReadWrite, true), meta, schemas]
    });
    &COMMON
}

// === impl ResourceType ===

impl ResourceType {
    /// What a path leads to; names in any case. A path without a URN is looked up among the common
    /// attributes and in the core schema; with a URN in that schema.
    pub fn find(&self, path: &AttrPath) -> Option<Found<'_>> {
        let (urn, attribute) = self.attribute(path.urn.as_deref(), &path.name)?;
        let sub = match &path.sub {
            Some(name) => Some(attribute.sub(name)?),
            None => None,
        };
        Some(Found { urn, attribute, sub })
    }

    /// Every attribute with its extension's URN (`None`: core). Common attributes are not among them.
    pub fn attributes(&self) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
        let core = self.schema.attributes.iter().map(|attribute| (None, attribute));
        let extensions = self.extensions.iter().flat_map(|extension| {
            extension
                .schema
                .attributes
                .iter()
                .map(|attribute| (Some(extension.schema.id.as_str()), attribute))
        });
        core.chain(extensions)
    }

    /// What a filter in brackets asks for: a sub-attribute of the elements of `home`. A simple value is its
    /// own `value` (RFC 7643 §2.4).
    pub(super) fn in_elements(&self, home: &AttrPath, name: &str) -> Option<Attribute> {
        let attribute = self.find(home)?.attribute;
        if attribute.kind != Type::Complex && attribute.multi_valued && name.eq_ignore_ascii_case("value") {
            let name = "value".to_owned();
            return Some(Attribute { name, multi_valued: false, ..attribute.clone() });
        }
        attribute.sub(name).cloned()
    }

    /// The extension with this URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    fn attribute(&self, urn: Option<&str>, name: &str) -> Option<(Option<&str>, &Attribute)> {
        let named = |attribute: &&Attribute| attribute.name.eq_ignore_ascii_case(name);
        let extension = urn.filter(|urn| !self.schema.id.eq_ignore_ascii_case(urn));
        if let Some(urn) = extension {
            let extension = self.extension(urn)?;
            let attribute = extension.schema.attributes.iter().find(named)?;
            return Some((Some(extension.schema.id.as_str()), attribute));
        }
        let attribute = self.schema.attributes.iter().find(named).or_else(|| common().iter().find(named))?;
        Some((None, attribute))
    }
}

// === impl Schema ===

impl Schema {
    /// Adds what another type's mapping knows of the same schema: a schema is served once, with every attribute
    /// that any of its types has; one is required where all that have it require it.
    pub fn merge(&mut self, other: &Self) {
        merge(&mut self.attributes, &other.attributes);
    }

    /// What is left of it where nothing can be written: all that can be read, read-only.
    pub fn read_only(&self) -> Self {
        let attributes = self.attributes.iter().filter_map(Attribute::read_only).collect();
        Self { attributes, ..self.clone() }
    }
}

fn merge(known: &mut Vec<Attribute>, more: &[Attribute]) {
    for attribute in more {
        match known.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => {
                known.required &= attribute.required;
                merge(&mut known.sub_attributes, &attribute.sub_attributes);
            }
            None => known.push(attribute.clone()),
        }
    }
}

// === impl Attribute ===

impl Attribute {
    /// The sub-attribute with this name, in any case.
    pub fn sub(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether no answer shows it: write-only, or never returned.
    pub fn is_secret(&self) -> bool {
        self.mutability == Mutability::WriteOnly || self.returned == Returned::Never
    }

    fn read_only(&self) -> Option<Self> {
        let sub_attributes = self.sub_attributes.iter().filter_map(Self::read_only).collect();
        let attribute = Self { mutability: Mutability::ReadOnly, sub_attributes, ..self.clone() };
        (self.mutability != Mutability::WriteOnly).then_some(attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_schemas_can_be_read() {
        assert_eq!(core_user().id, USER);
        assert_eq!(core_group().id, GROUP);
        assert_eq!(enterprise_user().id, ENTERPRISE_USER);
        assert!(core_user().attributes.len() > 15);
        for (schema, name) in of_discovery().iter().zip(["ServiceProviderConfig", "ResourceType", "Schema"]) {
            assert_eq!(schema.id, format!("urn:ietf:params:scim:schemas:core:2.0:{name}"));
        }
    }

    /// `schemas/README.md` says which.
    #[test]
    fn the_errata_are_applied() {
        let [_, resource_type, schema] = of_discovery() else { panic!("three schemas") };
        let find = |schema: &Schema, name: &str| {
            let found = schema.attributes.iter().find(|attribute| attribute.name == name);
            found.cloned().unwrap_or_default()
        };
        let sub =
            |schema: &Schema, name: &str, sub: &str| find(schema, name).sub(sub).cloned().unwrap_or_default();
        assert!(find(core_group(), "displayName").required);
        assert!(find(resource_type, "schemaExtensions").multi_valued);
        assert!(sub(schema, "attributes", "referenceTypes").multi_valued);
        assert!(sub(schema, "attributes", "type").canonical_values.contains(&"binary".to_owned()));
        assert_eq!(sub(core_user(), "groups", "$ref").reference_types, ["Group"]);
        assert!(sub(enterprise_user(), "manager", "value").case_exact);
        assert!(!sub(core_user(), "emails", "display").description.contains("READ-ONLY"));
        let all = [core_user(), core_group(), enterprise_user()].into_iter().chain(of_discovery());
        for attribute in all.flat_map(|schema| &schema.attributes) {
            for one in attribute.sub_attributes.iter().chain([attribute]) {
                assert!(one.case_exact || one.kind != Type::Reference, "{}.{}", attribute.name, one.name);
            }
        }
    }

    fn named(name: &str) -> Attribute {
        Attribute { name: name.to_owned(), required: true, ..Attribute::default() }
    }

    #[test]
    fn a_schema_of_two_types_is_one_with_all_that_both_have() {
        let of = |attributes: Vec<Attribute>| Schema { attributes, ..Schema::default() };
        let complex = |subs: &[&str]| Attribute {
            sub_attributes: subs.iter().map(|name| named(name)).collect(),
            ..named("c")
        };
        let mut one = of(vec![named("a"), complex(&["x"])]);
        one.merge(&of(vec![named("b"), complex(&["x", "y"]), Attribute { required: false, ..named("a") }]));
        let a = Attribute { required: false, ..named("a") };
        assert_eq!(one.attributes, [a, complex(&["x", "y"]), named("b")]);
    }

    #[test]
    fn where_nothing_is_written_all_that_can_be_read_is_read_only() {
        let secret = Attribute { mutability: Mutability::WriteOnly, ..named("secret") };
        let complex = Attribute { sub_attributes: vec![named("x"), secret.clone()], ..named("c") };
        let schema = Schema { attributes: vec![secret, complex], ..Schema::default() }.read_only();
        let x = Attribute { mutability: Mutability::ReadOnly, ..named("x") };
        let complex = Attribute { mutability: Mutability::ReadOnly, sub_attributes: vec![x], ..named("c") };
        assert_eq!(schema.attributes, [complex]);
    }
}

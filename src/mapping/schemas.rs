//! The schemas that a mapping declares with `schema` and `define`, and each resource's full type: its core
//! schema, its extensions and its endpoint, before any line says what of it is mapped.

use rhai::Position;

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::{Draft, DraftAccess, DraftAttribute, DraftExtension, DraftResource, DraftSchema};
use super::suggest;
use crate::scim::path::{self, AttrPath};
use crate::scim::schema::{
    self, Attribute, Extension, Mutability, RESERVED_ENDPOINTS, ResourceType, Returned, Schema, Type,
};

/// The words for an attribute's data type (RFC 7643 §2.3).
const TYPES: [(&str, Type); 8] = [
    ("string", Type::String),
    ("boolean", Type::Boolean),
    ("decimal", Type::Decimal),
    ("integer", Type::Integer),
    ("dateTime", Type::DateTime),
    ("reference", Type::Reference),
    ("binary", Type::Binary),
    ("complex", Type::Complex),
];

/// What a URN that a mapping gives looks like.
const EXAMPLE: &str = "urn:example:params:scim:schemas:2.0:Device";

impl Builder<'_> {
    /// The declared schemas, also those of which a mistake is noted: what names them is no further one.
    pub(super) fn schemas(&mut self, draft: &Draft) -> Vec<Schema> {
        let mut schemas: Vec<Schema> = Vec::new();
        for said in &draft.schemas {
            let is_same = |known: &Schema| known.id.eq_ignore_ascii_case(&said.urn);
            if schemas.iter().any(is_same) {
                self.wrong(
                    Code::SaidTwice,
                    said.at,
                    format!("the schema {} stands here a second time", said.urn),
                );
                continue;
            }
            self.check_use(said, draft);
            self.check_urn(said);
            let schema = self.schema(said, draft);
            self.check_overlap(said, &schema, &schemas);
            schemas.push(schema);
        }
        schemas
    }

    /// Everything that the schemas know of this type.
    pub(super) fn full_type(
        &mut self,
        draft: &DraftResource,
        declared: &[Schema],
        known: &[&ResourceType],
    ) -> Option<ResourceType> {
        let schema = self.core_schema(draft, declared)?;
        let endpoint = self.endpoint(draft, known)?;
        let extensions = self.extensions(draft, &schema, declared);
        let description = schema.description.clone();
        Some(ResourceType { name: draft.name.clone(), endpoint, description, schema, extensions })
    }

    // === schemas ===

    fn check_use(&mut self, said: &DraftSchema, draft: &Draft) {
        let is_it = |urn: &str| urn.eq_ignore_ascii_case(&said.urn);
        let is_used = draft.resources.iter().any(|resource| {
            resource.schema.iter().any(|(urn, _)| is_it(urn))
                || resource.extensions.iter().any(|extension| is_it(&extension.urn))
        });
        if !is_used {
            self.wrong(Code::UnusedSchema,
                said.at,
                "no resource has this schema: `.schema(…)` makes it a type's own, `.extension(…)` adds it to one",
            );
        }
        if said.attributes.is_empty() {
            self.wrong(
                Code::UnusedSchema,
                said.at,
                "this schema has no attribute: define(\"serial\", \"string\")",
            );
        }
    }

    fn check_urn(&mut self, said: &DraftSchema) {
        let urn = said.urn.as_str();
        let holds = |text: &str, is: &dyn Fn(&AttrPath) -> bool| {
            path::parse_path(text).is_ok_and(|path| path.filter.is_none() && is(&path.attr))
        };
        let is_prefix = |path: &AttrPath| path.urn.as_deref() == Some(urn) && path.name == "x";
        let is_urn = urn.split(':').nth(2).is_some_and(|name| !name.is_empty());
        if !is_urn || !holds(&format!("{urn}:x"), &is_prefix) || !holds(urn, &|path| path.urn.is_some()) {
            self.wrong(
                Code::SchemaName,
                said.at,
                format!(
                    "{urn:?} is no URN that a path can begin with; one reads {EXAMPLE} and ends in a name"
                ),
            );
            return;
        }
        let is_standard =
            urn.get(..21).is_some_and(|head| head.eq_ignore_ascii_case("urn:ietf:params:scim:"));
        if is_standard {
            self.wrong(
                Code::SchemaName,
                said.at,
                "names below urn:ietf:params:scim: are the RFCs' own; choose another",
            );
        }
    }

    fn schema(&mut self, said: &DraftSchema, draft: &Draft) -> Schema {
        let last = said.urn.rsplit(':').next().unwrap_or(&said.urn);
        let mut schema = Schema {
            id: said.urn.clone(),
            name: said.name.as_deref().unwrap_or(last).to_owned(),
            description: said.description.clone(),
            attributes: Vec::new(),
        };
        let is_it = |(urn, _): &(String, Position)| urn.eq_ignore_ascii_case(&said.urn);
        let is_core = draft.resources.iter().any(|resource| resource.schema.as_ref().is_some_and(is_it));
        for attribute in &said.attributes {
            if is_core && schema::is_common(&attribute.path) {
                self.wrong(
                    Code::Definition,
                    attribute.at,
                    format!("every resource has `{}` already", attribute.path),
                );
                continue;
            }
            self.define(&mut schema.attributes, attribute, draft);
        }
        for attribute in &said.attributes {
            let defined = schema.attributes.iter().find(|known| known.name == attribute.path);
            if defined.is_some_and(|known| known.kind == Type::Complex && known.sub_attributes.is_empty()) {
                self.wrong(
                    Code::Definition,
                    attribute.at,
                    format!(
                        "no line says what `{0}` consists of: define(\"{0}.value\", \"string\")",
                        attribute.path
                    ),
                );
            }
        }
        schema
    }

    /// A path is an attribute's or a schema's, never both.
    fn check_overlap(&mut self, said: &DraftSchema, schema: &Schema, others: &[Schema]) {
        let is_path = |of: &Schema, urn: &str| {
            let mut paths = of.attributes.iter().map(|attribute| format!("{}:{}", of.id, attribute.name));
            paths.any(|path| path.eq_ignore_ascii_case(urn))
        };
        if let Some(other) =
            others.iter().find(|other| is_path(other, &schema.id) || is_path(schema, &other.id))
        {
            self.wrong(
                Code::SchemaName,
                said.at,
                format!("{} and {}: one is the path of an attribute of the other", schema.id, other.id),
            );
        }
    }

    fn define(&mut self, known: &mut Vec<Attribute>, said: &DraftAttribute, draft: &Draft) {
        let parsed = path::parse_path(&said.path).ok().filter(|path| path.filter.is_none());
        let Some(path) = parsed.map(|path| path.attr).filter(|path| path.urn.is_none()) else {
            let message = format!(
                "{:?} is no attribute's name: it has letters and digits, and a dot before a sub-attribute",
                said.path
            );
            return self.wrong(Code::Definition, said.at, message);
        };
        let Some(home) = self.home(known, &path, said) else { return };
        let name = path.sub.as_ref().unwrap_or(&path.name);
        if home.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            return self.wrong(Code::SaidTwice, said.at, format!("`{path}` is defined here a second time"));
        }
        if let Some(attribute) = self.attribute_of(said, name, path.sub.is_some(), draft) {
            home.push(attribute);
        }
    }

    /// Where an attribute stands: in the schema, or in the complex attribute that its path begins with.
    fn home<'a>(
        &mut self,
        known: &'a mut Vec<Attribute>,
        path: &AttrPath,
        said: &DraftAttribute,
    ) -> Option<&'a mut Vec<Attribute>> {
        if path.sub.is_none() {
            return Some(known);
        }
        let parent = known.iter_mut().find(|attribute| attribute.name.eq_ignore_ascii_case(&path.name));
        let parent = parent.filter(|parent| parent.kind == Type::Complex);
        if parent.is_none() {
            let first = format!("define(\"{}\", \"complex\")", path.name);
            self.wrong(
                Code::Definition,
                said.at,
                format!("a sub-attribute comes after its attribute: {first}"),
            );
        }
        parent.map(|parent| &mut parent.sub_attributes)
    }

    fn attribute_of(
        &mut self,
        said: &DraftAttribute,
        name: &str,
        is_sub: bool,
        draft: &Draft,
    ) -> Option<Attribute> {
        let Some((_, kind)) = TYPES.into_iter().find(|(word, _)| *word == said.kind) else {
            let words = TYPES.map(|(word, _)| word);
            let help = suggest::closest(&said.kind, words.into_iter());
            self.wrong_with_help(
                Code::UnknownWord,
                said.at,
                format!("{:?} is no type; the types are {}", said.kind, words.join(", ")),
                help,
            );
            return None;
        };
        if is_sub && kind == Type::Complex {
            self.wrong(
                Code::Definition,
                said.at,
                "a sub-attribute cannot have sub-attributes of its own (RFC 7643 §2.3.8)",
            );
            return None;
        }
        let returned = self.returned_when(said.returned.as_ref());
        let mutability = said.access.map_or(Mutability::ReadWrite, mutability);
        let by_default = match mutability {
            Mutability::WriteOnly => Returned::Never,
            _ => Returned::Default,
        };
        Some(Attribute {
            name: name.to_owned(),
            kind,
            multi_valued: said.many,
            description: said.description.clone(),
            required: said.required,
            canonical_values: self.canonical_values(said, kind),
            case_exact: said.case_exact || matches!(kind, Type::Reference | Type::Binary),
            mutability,
            returned: returned.unwrap_or(by_default),
            reference_types: self.reference_types(said, kind, draft),
            ..Attribute::default()
        })
    }

    fn canonical_values(&mut self, said: &DraftAttribute, kind: Type) -> Vec<String> {
        let Some((values, at)) = &said.canonical_values else { return Vec::new() };
        if kind != Type::String {
            self.wrong(Code::Definition, *at, "`canonical_values` are texts, for the type string");
        }
        values.clone()
    }

    fn reference_types(&mut self, said: &DraftAttribute, kind: Type, draft: &Draft) -> Vec<String> {
        let Some((types, at)) = &said.reference_types else { return Vec::new() };
        if kind != Type::Reference {
            self.wrong(Code::Definition, *at, "`reference_types` are for the type reference");
        }
        let resources = draft.resources.iter().map(|resource| resource.name.as_str());
        let known: Vec<&str> = resources.chain(["external", "uri"]).collect();
        for unknown in types.iter().filter(|name| !known.contains(&name.as_str())) {
            let help = suggest::closest(unknown, known.iter().copied());
            self.wrong_with_help(
                Code::UnknownReference,
                *at,
                format!("{unknown:?} is neither a resource of this mapping nor `external` nor `uri`"),
                help,
            );
        }
        types.clone()
    }

    // === resource types ===

    fn core_schema(&mut self, draft: &DraftResource, declared: &[Schema]) -> Option<Schema> {
        let standard = match draft.name.as_str() {
            "User" => Some(schema::core_user()),
            "Group" => Some(schema::core_group()),
            _ => None,
        };
        match (standard, &draft.schema) {
            (Some(standard), None) => Some(standard.clone()),
            (Some(_), Some((_, at))) => {
                let name = &draft.name;
                self.wrong(
                    Code::ResourceSchema,
                    *at,
                    format!("a {name}'s schema is RFC 7643's; `.extension(…)` adds to it"),
                );
                None
            }
            (None, Some((urn, at))) => self.known_schema(urn, *at, declared),
            (None, None) => {
                let help = suggest::closest(&draft.name, ["User", "Group"].into_iter());
                self.wrong_with_help(
                    Code::ResourceSchema,
                    draft.at,
                    format!("say which schema a {} has: .schema(\"{EXAMPLE}\")", draft.name),
                    help,
                );
                None
            }
        }
    }

    fn known_schema(&mut self, urn: &str, at: Position, declared: &[Schema]) -> Option<Schema> {
        let standard = [schema::core_user(), schema::core_group(), schema::enterprise_user()];
        let known: Vec<&Schema> = declared.iter().chain(standard).collect();
        let found = known.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
        if found.is_none() {
            let help = suggest::closest(urn, known.iter().map(|schema| schema.id.as_str()));
            self.wrong_with_help(
                Code::UnknownSchema,
                at,
                format!("there is no schema {urn}; schema(\"{urn}\") declares it"),
                help,
            );
        }
        found.map(|schema| (*schema).clone())
    }

    fn extensions(&mut self, draft: &DraftResource, core: &Schema, declared: &[Schema]) -> Vec<Extension> {
        let mut extensions: Vec<Extension> = Vec::new();
        for DraftExtension { at, urn, required } in &draft.extensions {
            let Some(schema) = self.known_schema(urn, *at, declared) else { continue };
            if schema.id == core.id || extensions.iter().any(|known| known.schema.id == schema.id) {
                self.wrong(Code::SaidTwice, *at, format!("a {} has {} already", draft.name, schema.id));
                continue;
            }
            extensions.push(Extension { schema, required: *required });
        }
        let enterprise = schema::enterprise_user();
        if draft.name == "User" && extensions.iter().all(|known| known.schema.id != enterprise.id) {
            extensions.insert(0, Extension { schema: enterprise.clone(), required: false });
        }
        extensions
    }

    fn endpoint(&mut self, draft: &DraftResource, known: &[&ResourceType]) -> Option<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let (endpoint, at) = match &draft.endpoint {
            None if draft.name.is_empty() || !draft.name.chars().all(is_name) => {
                self.wrong(
                    Code::Endpoint,
                    draft.at,
                    format!("{:?} is no resource's name: it has letters and digits", draft.name),
                );
                return None;
            }
            None => (format!("/{}s", draft.name), draft.at),
            Some((_, at)) if matches!(draft.name.as_str(), "User" | "Group") => {
                self.wrong(
                    Code::Endpoint,
                    *at,
                    format!("the endpoint of a {0} is /{0}s (RFC 7644 §3.2)", draft.name),
                );
                return None;
            }
            Some((said, at)) => (said.clone(), *at),
        };
        let segment = endpoint.strip_prefix('/').unwrap_or_default();
        if segment.is_empty() || !segment.chars().all(is_name) {
            // `.search` among others.
            self.wrong(
                Code::Endpoint,
                at,
                format!("{endpoint:?} is no endpoint: it reads \"/Devices\", one word after a slash"),
            );
            return None;
        }
        if RESERVED_ENDPOINTS.iter().any(|reserved| reserved.eq_ignore_ascii_case(segment)) {
            self.wrong(
                Code::Endpoint,
                at,
                format!("the endpoint {endpoint} is SCIM's own; say another: .endpoint(\"/…\")"),
            );
            return None;
        }
        if let Some(other) = known.iter().find(|other| other.endpoint.eq_ignore_ascii_case(&endpoint)) {
            self.wrong(
                Code::Endpoint,
                at,
                format!("the endpoint {endpoint} is the {}'s already", other.name),
            );
            return None;
        }
        Some(endpoint)
    }
}

fn mutability(access: DraftAccess) -> Mutability {
    match access {
        DraftAccess::ReadOnly => Mutability::ReadOnly,
        DraftAccess::Immutable => Mutability::Immutable,
        DraftAccess::WriteOnly => Mutability::WriteOnly,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Mapping;

    const URN: &str = "urn:example:params:scim:schemas:2.0:Device";
    const DEVICE: &str = "resource(\"Device\").schema(URN).table(\"D\").id(\"Id\").on_delete(\"delete\");\n";

    /// The first mistake of a mapping that begins with the URN.
    fn mistake(text: &str) -> String {
        let text = format!("const URN = \"{URN}\";\n{text}");
        let found = Mapping::parse("mapping.rhai", &text, &BTreeMap::new());
        found.err().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_mistake_in_a_schema_has_its_place_and_a_sentence() {
        for (define, place, says) in [
            ("define(\"a\", \"datetime\")", 1, "\"datetime\" is no type; the types are string"),
            ("define(\"a\", \"string\").requird()", 23, "there is no verb or function `requird`"),
            ("define(\"a b\", \"string\")", 1, "\"a b\" is no attribute's name"),
            ("define(\"urn:x:y\", \"string\")", 1, "\"urn:x:y\" is no attribute's name"),
            ("define(\"id\", \"string\")", 1, "every resource has `id` already"),
            ("define(\"Meta\", \"string\")", 1, "every resource has `Meta` already"),
            ("define(\"x\", \"complex\")", 1, "no line says what `x` consists of"),
            ("define(\"x.y\", \"string\")", 1, "a sub-attribute comes after its attribute"),
            ("define(\"s.y\", \"string\")", 1, "a sub-attribute comes after its attribute"),
            ("define(\"S\", \"string\")", 1, "`S` is defined here a second time"),
            ("define(\"c.Y\", \"string\")", 1, "`c.Y` is defined here a second time"),
            ("define(\"c.z\", \"complex\")", 1, "a sub-attribute cannot have sub-attributes"),
            ("define(\"a\", \"string\").unique()", 23, "only the backend can keep values unique"),
            (
                "define(\"a\", \"string\").returned(\"often\")",
                23,
                "`returned` is always, never, default or request",
            ),
            ("define(\"a\", \"integer\").canonical_values([\"1\"])", 24, "`canonical_values` are texts"),
            ("define(\"a\", \"string\").canonical_values([1])", 23, "a text is needed, not a number"),
            (
                "define(\"a\", \"string\").reference_types([\"Device\"])",
                23,
                "`reference_types` are for the type",
            ),
            (
                "define(\"a\", \"reference\").reference_types([\"Devise\"])",
                26,
                "\"Devise\" is neither a resource",
            ),
        ] {
            let whole = format!(
                "schema(URN);\ndefine(\"s\", \"string\"); define(\"c\", \"complex\"); define(\"c.y\", \"string\");\n{define};\n{DEVICE}"
            );
            let said = mistake(&whole);
            let head = format!("]: {says}");
            assert!(
                said.contains(&head) && said.contains(&format!("mapping.rhai:4:{place}\n")),
                "{define}\n{said}"
            );
        }
    }

    #[test]
    fn every_mistake_in_a_type_has_its_place_and_a_sentence() {
        let schema = |urn: &str| format!("schema(\"{urn}\"); define(\"s\", \"string\");");
        let own = schema(URN);
        let user = "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\")";
        for (text, says) in [
            (format!("{own} {user};"), "no resource has this schema"),
            (format!("schema(URN); {DEVICE}"), "this schema has no attribute"),
            (
                format!("{own} {own} {DEVICE}"),
                "the schema urn:example:params:scim:schemas:2.0:Device stands here a second",
            ),
            (
                format!("{} {user}.extension(\"acme\");", schema("acme")),
                "\"acme\" is no URN that a path can begin with",
            ),
            (format!("{} {user}.extension(\"urn:x:2.0\");", schema("urn:x:2.0")), "\"urn:x:2.0\" is no URN"),
            (format!("{} {user}.extension(\"urn:x y:z\");", schema("urn:x y:z")), "\"urn:x y:z\" is no URN"),
            (
                "schema(\"urn:ietf:params:scim:schemas:core:2.0:Device\");".to_owned(),
                "no resource has this schema",
            ),
            (
                format!("{} {user}.extension(\"URN:ietf:params:scim:x\");", schema("URN:ietf:params:scim:x")),
                "names below urn:ietf:params:scim: are the RFCs' own",
            ),
            (
                format!("{own} {} {DEVICE} {user}.extension(\"{URN}:s\");", schema(&format!("{URN}:s"))),
                "urn:example:params:scim:schemas:2.0:Device:s and urn:example:params:scim:schemas:2.0:Device: one is",
            ),
            ("define(\"a\", \"string\");".to_owned(), "`define` comes after the `schema`"),
            (DEVICE.replace(".schema(URN)", ""), "say which schema a Device has"),
            (
                DEVICE.to_owned(),
                "there is no schema urn:example:params:scim:schemas:2.0:Device; schema(\"urn:",
            ),
            (format!("{user}.schema(URN);"), "a User's schema is RFC 7643's"),
            (format!("{user}.endpoint(\"/People\");"), "the endpoint of a User is /Users"),
            (format!("{own} {user}.extension(URN);"), "no line maps an attribute of urn:example"),
            (format!("{own} {user}.extension(URN).extension(URN);"), "a User has urn:example"),
            (
                format!("{own} {user}.extension(URN, #{{ requird: true }});"),
                "`extension` knows `required`, not",
            ),
            (
                format!("{own} {DEVICE} attr(\"urn:example:other:s\", \"S\");"),
                "a Device has no extension urn:example:other",
            ),
            (format!("{own} {DEVICE} attr(\"t\", \"T\");"), "a Device has no attribute `t`"),
            (format!("{own} {DEVICE}{DEVICE}"), "the resource \"Device\" stands here a second time"),
            (
                format!(
                    "{own} {DEVICE}{}",
                    DEVICE.replace("Device", "Thing").replace(".table", ".endpoint(\"/devices\").table")
                ),
                "the endpoint /devices is the Device's already",
            ),
        ] {
            let said = mistake(&text);
            assert!(said.contains(&format!("]: {says}")) && said.contains("mapping.rhai:"), "{text}\n{said}");
        }
        for (endpoint, says) in [
            ("/Bulk", "the endpoint /Bulk is SCIM's own"),
            ("/me", "the endpoint /me is SCIM's own"),
            ("/Schemas", "the endpoint /Schemas is SCIM's own"),
            ("/ResourceTypes", "the endpoint /ResourceTypes is SCIM's own"),
            ("/ServiceProviderConfig", "the endpoint /ServiceProviderConfig is SCIM's own"),
            ("/.search", "\"/.search\" is no endpoint"),
            ("Devices", "\"Devices\" is no endpoint"),
            ("/a/b", "\"/a/b\" is no endpoint"),
            ("/", "\"/\" is no endpoint"),
        ] {
            let device = DEVICE.replace(".table", &format!(".endpoint(\"{endpoint}\").table"));
            let said = mistake(&format!("{own}\n{device}"));
            assert!(
                said.contains(&format!("]: {says}")) && said.contains("mapping.rhai:3:"),
                "{endpoint}\n{said}"
            );
        }
        let said = mistake(&format!("{own} {}", DEVICE.replace("\"Device\"", "\"Schema\"")));
        assert!(said.starts_with("error[G084]: the endpoint /Schemas is SCIM's own"), "{said}");
    }
}

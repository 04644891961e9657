//! The schemas that a mapping declares with `schema` and `define`, and each resource's full type: its core
//! schema, its extensions and its endpoint, before any line says what of it is mapped.

use rhai::Position;

use super::build::Builder;
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
    /// The declared schemas. One that cannot stand is left out, its mistakes noted.
    pub(super) fn schemas(&mut self, draft: &Draft) -> Vec<Schema> {
        let mut schemas: Vec<Schema> = Vec::new();
        for said in &draft.schemas {
            let is_same = |known: &Schema| known.id.eq_ignore_ascii_case(&said.urn);
            if schemas.iter().any(is_same) {
                self.wrong(said.at, format!("the schema {} stands here a second time", said.urn));
                continue;
            }
            self.check_use(said, draft);
            if self.is_good_urn(said) {
                let schema = self.schema(said, draft);
                self.check_overlap(said, &schema, &schemas);
                schemas.push(schema);
            }
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
            self.wrong(
                said.at,
                "no resource has this schema: `.schema(…)` makes it a type's own, `.extension(…)` adds it to one",
            );
        }
        if said.attributes.is_empty() {
            self.wrong(said.at, "this schema has no attribute: define(\"serial\", \"string\")");
        }
    }

    fn is_good_urn(&mut self, said: &DraftSchema) -> bool {
        let urn = said.urn.as_str();
        let holds = |text: &str, is: &dyn Fn(&AttrPath) -> bool| {
            path::parse_path(text).is_ok_and(|path| path.filter.is_none() && is(&path.attr))
        };
        let is_prefix = |path: &AttrPath| path.urn.as_deref() == Some(urn) && path.name == "x";
        let is_urn = urn.split(':').nth(2).is_some_and(|name| !name.is_empty());
        if !is_urn || !holds(&format!("{urn}:x"), &is_prefix) || !holds(urn, &|path| path.urn.is_some()) {
            self.wrong(
                said.at,
                format!(
                    "{urn:?} is no URN that a path can begin with; one reads {EXAMPLE} and ends in a name"
                ),
            );
            return false;
        }
        let is_standard =
            urn.get(..21).is_some_and(|head| head.eq_ignore_ascii_case("urn:ietf:params:scim:"));
        if is_standard {
            self.wrong(said.at, "names below urn:ietf:params:scim: are the RFCs' own; choose another");
        }
        !is_standard
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
                self.wrong(attribute.at, format!("every resource has `{}` already", attribute.path));
                continue;
            }
            self.define(&mut schema.attributes, attribute, draft);
        }
        for attribute in &said.attributes {
            let defined = schema.attributes.iter().find(|known| known.name == attribute.path);
            if defined.is_some_and(|known| known.kind == Type::Complex && known.sub_attributes.is_empty()) {
                self.wrong(
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
            return self.wrong(said.at, message);
        };
        let Some(home) = self.home(known, &path, said) else { return };
        let name = path.sub.as_ref().unwrap_or(&path.name);
        if home.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            return self.wrong(said.at, format!("`{path}` is defined here a second time"));
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
            self.wrong(said.at, format!("a sub-attribute comes after its attribute: {first}"));
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
                said.at,
                format!("{:?} is no type; the types are {}", said.kind, words.join(", ")),
                help,
            );
            return None;
        };
        if is_sub && kind == Type::Complex {
            self.wrong(said.at, "a sub-attribute cannot have sub-attributes of its own (RFC 7643 §2.3.8)");
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
            self.wrong(*at, "`canonical_values` are texts, for the type string");
        }
        values.clone()
    }

    fn reference_types(&mut self, said: &DraftAttribute, kind: Type, draft: &Draft) -> Vec<String> {
        let Some((types, at)) = &said.reference_types else { return Vec::new() };
        if kind != Type::Reference {
            self.wrong(*at, "`reference_types` are for the type reference");
        }
        let resources = draft.resources.iter().map(|resource| resource.name.as_str());
        let known: Vec<&str> = resources.chain(["external", "uri"]).collect();
        for unknown in types.iter().filter(|name| !known.contains(&name.as_str())) {
            let help = suggest::closest(unknown, known.iter().copied());
            self.wrong_with_help(
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
                self.wrong(*at, format!("a {name}'s schema is RFC 7643's; `.extension(…)` adds to it"));
                None
            }
            (None, Some((urn, at))) => self.known_schema(urn, *at, declared),
            (None, None) => {
                self.wrong(
                    draft.at,
                    format!("say which schema a {} has: .schema(\"{EXAMPLE}\")", draft.name),
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
                self.wrong(*at, format!("a {} has {} already", draft.name, schema.id));
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
                    draft.at,
                    format!("{:?} is no resource's name: it has letters and digits", draft.name),
                );
                return None;
            }
            None => (format!("/{}s", draft.name), draft.at),
            Some((_, at)) if matches!(draft.name.as_str(), "User" | "Group") => {
                self.wrong(*at, format!("the endpoint of a {0} is /{0}s (RFC 7644 §3.2)", draft.name));
                return None;
            }
            Some((said, at)) => (said.clone(), *at),
        };
        let segment = endpoint.strip_prefix('/').unwrap_or_default();
        if segment.is_empty() || !segment.chars().all(is_name) {
            // `.search` among others.
            self.wrong(
                at,
                format!("{endpoint:?} is no endpoint: it reads \"/Devices\", one word after a slash"),
            );
            return None;
        }
        if RESERVED_ENDPOINTS.iter().any(|reserved| reserved.eq_ignore_ascii_case(segment)) {
            self.wrong(at, format!("the endpoint {endpoint} is SCIM's own; say another: .endpoint(\"/…\")"));
            return None;
        }
        if let Some(other) = known.iter().find(|other| other.endpoint.eq_ignore_ascii_case(&endpoint)) {
            self.wrong(at, format!("the endpoint {endpoint} is the {}'s already", other.name));
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

//! What is advertised: the resource type as the mapping really serves it. An attribute that no line maps
//! is advertised only where `rest` keeps it; mutability, required and the like are as mapped.

use super::line::{Access, Collection, How, Line, Part, ResourceMapping};
use crate::scim::path::AttrPath;
use crate::scim::schema::{
    Attribute, Extension, Mutability, ResourceType, Returned, Schema, Type, Uniqueness,
};

/// What the lines say about an attribute beyond the core schema.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub required: bool,
    pub unique: bool,
    pub case_exact: bool,
    pub returned: Option<Returned>,
}

/// Narrows and marks the full resource type by what is mapped. `said` answers for each line's path.
pub(super) fn resource_type(
    full: &ResourceType,
    of: &ResourceMapping,
    said: &dyn Fn(&str) -> Said,
) -> ResourceType {
    let extensions = full.extensions.iter().map(|extension| Extension {
        schema: schema(&extension.schema, Some(&extension.schema.id), of, said),
        required: extension.required,
    });
    ResourceType {
        schema: schema(&full.schema, None, of, said),
        extensions: extensions.filter(|extension| !extension.schema.attributes.is_empty()).collect(),
        ..full.clone()
    }
}

fn schema(full: &Schema, urn: Option<&str>, of: &ResourceMapping, said: &dyn Fn(&str) -> Said) -> Schema {
    let attributes =
        full.attributes.iter().filter_map(|attribute| mapped(attribute, urn, of, said)).collect();
    Schema { attributes, ..full.clone() }
}

fn mapped(
    full: &Attribute,
    urn: Option<&str>,
    of: &ResourceMapping,
    said: &dyn Fn(&str) -> Said,
) -> Option<Attribute> {
    let path = AttrPath { urn: urn.map(str::to_owned), name: full.name.clone(), sub: None };
    let lines: Vec<&Line> = of.lines.iter().filter(|line| line.attribute() == path).collect();
    let collection = of.collection(&path);
    let kept = of.has_rest && matches!(full.mutability, Mutability::ReadWrite | Mutability::Immutable);
    if lines.is_empty() && collection.is_none() {
        return kept.then(|| full.clone());
    }
    let mut attribute = full.clone();
    if !kept {
        attribute.sub_attributes.iter_mut().for_each(|sub| sub.canonical_values.clear());
    }
    for line in &lines {
        mark(&mut attribute, line, of, said);
    }
    // Of an attribute all of whose elements are shown alone nothing can be changed.
    let is_shown = |line: &&Line| line.element.is_some() && line.access == Access::ReadOnly;
    if !kept && collection.is_none() && lines.iter().all(is_shown) {
        protect(&mut attribute, Access::ReadOnly);
    }
    if let Some(collection) = collection {
        mark_collection(&mut attribute, collection, kept && collection.reference().is_none(), said);
    } else if !kept {
        attribute.sub_attributes.retain(|sub| lines.iter().any(|line| line.fills(&sub.name)));
    }
    Some(attribute)
}

fn mark(attribute: &mut Attribute, line: &Line, of: &ResourceMapping, said: &dyn Fn(&str) -> Said) {
    if let Some(key) = &line.element {
        // `emails[type eq "work"].value`: the types that lines name are the ones that are kept.
        let kind = attribute.sub_attributes.iter_mut().find(|sub| sub.name == key.key);
        if let (Some(kind), Some(value)) = (kind, key.value.as_str()) {
            kind.canonical_values.retain(|known| known != value);
            kind.canonical_values.push(value.to_owned());
        }
        return;
    }
    let said = said(&line.path.to_string());
    let target = match &line.path.sub {
        Some(sub) => attribute.sub_attributes.iter_mut().find(|candidate| candidate.name == *sub),
        None => Some(attribute),
    };
    let Some(target) = target else { return };
    // What is read where nothing stands natively cannot be taken away.
    target.required |= said.required || of.given_when_absent(line).is_some();
    target.case_exact |= said.case_exact;
    if said.unique {
        target.uniqueness = Uniqueness::Server;
    } else if target.uniqueness == Uniqueness::Server {
        target.uniqueness = Uniqueness::None;
    }
    protect(target, line.access);
    target.returned = said.returned.unwrap_or(target.returned);
    if let How::Codes(codes) = &line.conversion.how
        && target.kind == Type::String
    {
        target.canonical_values = codes.writable();
    }
    if let How::Reference { types, .. } = &line.conversion.how {
        link(target, types.iter().map(ToString::to_string).collect(), &|_| false);
    }
}

fn protect(attribute: &mut Attribute, access: Access) {
    attribute.mutability = match access {
        Access::ReadOnly => Mutability::ReadOnly,
        Access::Immutable => Mutability::Immutable,
        Access::WriteOnly => Mutability::WriteOnly,
        Access::ReadWrite => attribute.mutability,
    };
    if access == Access::WriteOnly {
        attribute.returned = Returned::Never;
    }
    if access == Access::ReadOnly {
        attribute.required = false;
        for sub in &mut attribute.sub_attributes {
            sub.mutability = Mutability::ReadOnly;
        }
    }
}

/// An attribute that leads to other resources: which, and with which sub-attributes beside those that have
/// lines of their own.
fn link(attribute: &mut Attribute, types: Vec<String>, has_line: &dyn Fn(&str) -> bool) {
    let is_part = |name: &str| matches!(name, "value" | "$ref" | "type") || has_line(name);
    attribute.sub_attributes.retain(|sub| is_part(&sub.name));
    // A `type` with other values (`direct`) is not that of the resource.
    let names_types = |sub: &Attribute| {
        sub.canonical_values.is_empty() || sub.canonical_values.iter().any(|name| types.contains(name))
    };
    attribute.sub_attributes.retain(|sub| sub.name != "type" || names_types(sub));
    for sub in &mut attribute.sub_attributes {
        match sub.name.as_str() {
            "$ref" => sub.reference_types = types.clone(),
            "type" => sub.canonical_values = types.clone(),
            _ => {}
        }
    }
    if attribute.kind == Type::Reference {
        attribute.reference_types = types;
    }
}

fn mark_collection(
    attribute: &mut Attribute,
    collection: &Collection,
    kept: bool,
    said: &dyn Fn(&str) -> Said,
) {
    if let Some(part) = collection.reference()
        && let How::Reference { types, .. } = &part.conversion.how
    {
        let has_line = |name: &str| collection.part(name).is_some();
        link(attribute, types.iter().map(ToString::to_string).collect(), &has_line);
    } else if !kept {
        attribute.sub_attributes.retain(|sub| collection.part(&sub.name).is_some());
    }
    for part in &collection.parts {
        mark_part(attribute, collection, part, said);
    }
    let said = said(&collection.path.to_string());
    attribute.required |= said.required;
    attribute.returned = said.returned.unwrap_or(attribute.returned);
    if collection.read_only {
        protect(attribute, Access::ReadOnly);
    }
}

fn mark_part(attribute: &mut Attribute, collection: &Collection, part: &Part, said: &dyn Fn(&str) -> Said) {
    let said = said(&format!("{}.{}", collection.path, part.sub));
    let Some(sub) = attribute.sub_attributes.iter_mut().find(|sub| sub.name == part.sub) else { return };
    sub.required |= said.required;
    sub.case_exact |= said.case_exact;
    sub.returned = said.returned.unwrap_or(sub.returned);
    if let How::Codes(codes) = &part.conversion.how {
        sub.canonical_values = codes.writable();
    }
}

// === impl Line ===

impl Line {
    /// Whether this line gives the attribute's sub-attribute a value.
    fn fills(&self, sub: &str) -> bool {
        match (&self.element, &self.path.sub) {
            (Some(key), _) => key.sub == sub || key.key == sub,
            (None, Some(own)) => own == sub,
            (None, None) => true,
        }
    }
}

// === impl ResourceMapping ===

impl ResourceMapping {
    /// Whether a reference's `type` is the type of the resource that it leads to (`members`), not
    /// something else (`groups`, where it is `direct` or `indirect`).
    pub(super) fn types_its_links(&self, attribute: &AttrPath) -> bool {
        let found = self.resource_type.find(&attribute.without_sub());
        found.is_some_and(|found| found.attribute.sub("type").is_some())
    }

    /// Whether a line of references is for a simple attribute, whose value is the id itself.
    pub(super) fn is_simple(&self, line: &Line) -> bool {
        line.path.sub.is_some()
            || self.resource_type.find(&line.path).is_some_and(|f| f.attribute.kind != Type::Complex)
    }
}

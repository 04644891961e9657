//! From a native record to a SCIM resource.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json, json};

use super::line::{Collection, Conversion, How, Line, Missing, Part, ResourceMapping};
use super::{Mapping, place, rest, script, sense, values};
use crate::plan::{Native, Record, Reference, Row, Value};
use crate::scim::error::Error;
use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;
use crate::scim::schema::Type;

impl Mapping {
    /// The SCIM resource that a record means, with `id`, `meta` and `$ref`s below `base_url`.
    pub fn read(&self, of: &ResourceMapping, record: &Record, base_url: &str) -> Result<Resource, Error> {
        let mut resource = self.read_native(of, record, base_url)?;
        if let Some(document) = record.rest.as_deref().and_then(|text| document_of(text, record)) {
            rest::merge(&mut resource, document);
        }
        resource.insert("id".to_owned(), record.id.clone().into());
        let meta = resource.entry("meta").or_insert_with(|| json!({}));
        if let Json::Object(meta) = meta {
            meta.insert("resourceType".to_owned(), of.resource_type.name.clone().into());
            let location = self.location(&of.resource_type.name, &record.id, base_url);
            meta.insert("location".to_owned(), location.into());
        }
        Ok(resource)
    }

    /// Where a resource is found: `https://…/scim/v2/Users/42`.
    pub fn location(&self, resource_type: &str, id: &str, base_url: &str) -> String {
        let of = self.resources().iter().find(|of| of.resource_type.name == resource_type);
        let endpoint = of.map_or("", |of| of.resource_type.endpoint.as_str());
        format!("{base_url}{endpoint}/{}", utf8_percent_encode(id, &UNRESERVED))
    }

    /// What the lines alone read, without `rest`.
    pub(super) fn read_native(
        &self,
        of: &ResourceMapping,
        record: &Record,
        base: &str,
    ) -> Result<Resource, Error> {
        let mut resource = Resource::new();
        for line in of.lines.iter().filter(|line| line.readable()) {
            if let Some(value) = self.line_value(of, line, record, base)? {
                store(&mut resource, line, value);
            }
        }
        for collection in &of.collections {
            let rows = record.children.get(&collection.table).map(Vec::as_slice).unwrap_or_default();
            let elements: Vec<Json> = rows
                .iter()
                .filter_map(|row| self.element(of, collection, row, base).transpose())
                .collect::<Result<_, _>>()?;
            if !elements.is_empty() {
                place::set(&mut resource, &collection.path, Json::Array(elements));
            }
        }
        Ok(resource)
    }

    fn line_value(
        &self,
        of: &ResourceMapping,
        line: &Line,
        record: &Record,
        base: &str,
    ) -> Result<Option<Json>, Error> {
        let native = |native: &Native| record.values.get(native).map(Vec::as_slice).unwrap_or_default();
        if line.is_composed() {
            return self.composed(line, record);
        }
        let Some(first) = line.natives.first() else { return Ok(None) };
        let missing = line.conversion.missing.as_ref().and_then(|missing| missing.beside(record));
        let is_nothing = |value: &&Value| missing.as_ref().is_some_and(|missing| missing.same(value));
        let mut found =
            native(first).iter().filter(|value| line.conversion.is_its_own(value) || is_nothing(value));
        if !line.many {
            return self.value(of, line, found.next().filter(|value| !is_nothing(value)), base);
        }
        let mut items = Vec::new();
        for value in found.filter(|value| !is_nothing(value)) {
            items.extend(self.value(of, line, Some(value), base)?);
        }
        Ok((!items.is_empty()).then_some(Json::Array(items)))
    }

    fn value(
        &self,
        of: &ResourceMapping,
        line: &Line,
        native: Option<&Value>,
        base: &str,
    ) -> Result<Option<Json>, Error> {
        match (&line.conversion.how, native) {
            (How::Reference { .. }, Some(Value::Reference(reference))) => {
                Ok(Some(self.link(of, line, reference, base)))
            }
            _ => self.scalar(&line.conversion, native),
        }
    }

    /// A value that is no reference.
    fn scalar(&self, conversion: &Conversion, native: Option<&Value>) -> Result<Option<Json>, Error> {
        match &conversion.how {
            How::Codes(codes) => Ok(codes.read(&[native])),
            How::Script { read: Some(function), .. } => match native {
                Some(native) => self.call(function, &values::plain(native), conversion.kind),
                None => Ok(None),
            },
            How::Hash { .. } => Ok(None),
            _ => Ok(native.and_then(|native| match conversion.bare(native) {
                Some(bare) => Some(bare.into()),
                None => values::from_native(native, conversion.kind),
            })),
        }
    }

    /// The one value that several natives hold together.
    fn composed(&self, line: &Line, record: &Record) -> Result<Option<Json>, Error> {
        let held = |native: &Native| record.values.get(native).and_then(|values| values.first());
        let function = match &line.conversion.how {
            How::Codes(codes) => return Ok(codes.read(&line.natives.iter().map(held).collect::<Vec<_>>())),
            How::Script { read: Some(function), .. } => function,
            _ => return Ok(None),
        };
        let row: Map<String, Json> = line
            .natives
            .iter()
            .map(|native| (native.name.to_string(), held(native).map_or(Json::Null, values::plain)))
            .collect();
        self.call(function, &Json::Object(row), line.conversion.kind)
    }

    /// What a function makes of a value. What cannot be the attribute's value is served to nobody.
    fn call(&self, function: &str, value: &Json, kind: Type) -> Result<Option<Json>, Error> {
        let result = script::call(&self.engine, &self.ast, function, (script::to_script(value),))?;
        let given =
            script::from_script(result).ok_or("what is no value").and_then(|json| values::given(json, kind));
        given.map_err(|what| {
            let cause = format!("it gave {what}, and the attribute is of the type {}", sense::name(kind));
            let (line, column) = script::place(script::defined_at(&self.ast, function));
            tracing::error!(function, line, column, cause, "a mapping's function failed");
            Error::internal(
                "The mapping of this target made of a value what it cannot be; the log has the place.",
            )
        })
    }

    fn link(&self, of: &ResourceMapping, line: &Line, reference: &Reference, base: &str) -> Json {
        if of.is_simple(line) {
            return self.simple_link(line.conversion.kind, reference, base);
        }
        let mut link = Map::new();
        self.fill_link(of, &line.path, &mut link, reference, base);
        Json::Object(link)
    }

    /// A reference as one value: the URI of what it leads to where the attribute's type is `reference`
    /// (RFC 7643 §2.3.7), else its id.
    fn simple_link(&self, kind: Type, to: &Reference, base: &str) -> Json {
        match (&to.resource, kind) {
            (Some(resource), Type::Reference) => self.location(resource, &to.id, base).into(),
            _ => to.id.clone().into(),
        }
    }

    /// `value`, `$ref` and, where it is advertised with resource types' names, `type`.
    fn fill_link(
        &self,
        of: &ResourceMapping,
        attribute: &AttrPath,
        link: &mut Map<String, Json>,
        to: &Reference,
        base: &str,
    ) {
        link.insert("value".to_owned(), to.id.clone().into());
        if let Some(kind) = &to.resource {
            link.insert("$ref".to_owned(), self.location(kind, &to.id, base).into());
            if of.types_its_links(attribute) {
                link.insert("type".to_owned(), kind.clone().into());
            }
        }
    }

    fn element(
        &self,
        of: &ResourceMapping,
        collection: &Collection,
        row: &Row,
        base: &str,
    ) -> Result<Option<Json>, Error> {
        if collection.is_simple() {
            return self.simple_element(collection, row, base);
        }
        let mut element = Map::new();
        for part in &collection.parts {
            self.part(of, collection, part, row, &mut element, base)?;
        }
        Ok((!element.is_empty()).then_some(Json::Object(element)))
    }

    fn simple_element(&self, collection: &Collection, row: &Row, base: &str) -> Result<Option<Json>, Error> {
        let Some(part) = collection.parts.first() else { return Ok(None) };
        match row.get(&part.column).filter(|value| !part.conversion.stands_for_nothing(value)) {
            Some(Value::Reference(reference)) => Ok(Some(self.simple_link(collection.kind, reference, base))),
            native => self.scalar(&part.conversion, native),
        }
    }

    fn part(
        &self,
        of: &ResourceMapping,
        collection: &Collection,
        part: &Part,
        row: &Row,
        element: &mut Map<String, Json>,
        base: &str,
    ) -> Result<(), Error> {
        let native = row.get(&part.column).filter(|value| !part.conversion.stands_for_nothing(value));
        if let Some(Value::Reference(reference)) = native {
            self.fill_link(of, &collection.path, element, reference, base);
        } else if let Some(value) = self.scalar(&part.conversion, native)? {
            element.insert(part.sub.clone(), value);
        }
        Ok(())
    }
}

/// What stands unescaped in a location's last segment (RFC 3986 §2.3).
const UNRESERVED: percent_encoding::AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `rest` keeps beside a record. Something else than the gateway writes there hides no resource.
fn document_of(text: &str, record: &Record) -> Option<Resource> {
    let what = record.dn.as_deref().unwrap_or(&record.id);
    let told = |cause: &_| tracing::error!(%cause, what, "`rest` holds no JSON object; it is left out");
    serde_json::from_str(text).inspect_err(told).ok()
}

/// That what a new document would take the place of is one: of what somebody else wrote there nothing is lost.
pub(super) fn keeps_documents(record: &Record) -> Result<(), Error> {
    let unreadable = || {
        Error::internal("What is stored beside this resource is not the gateway's; the log has the cause.")
    };
    let is_one = record.rest.as_ref().is_none_or(|text| document_of(text, record).is_some());
    is_one.then_some(()).ok_or_else(unreadable)
}

/// Puts a line's value where it belongs in the resource.
fn store(resource: &mut Resource, line: &Line, value: Json) {
    let Some(key) = &line.element else {
        return match (&line.path.sub, value) {
            (Some(sub), Json::Array(items)) if line.many => {
                let elements = items.into_iter().map(|item| json!({ sub: item })).collect();
                place::set(resource, &line.path.without_sub(), Json::Array(elements));
            }
            (_, value) => place::set(resource, &line.path, value),
        };
    };
    let items = if line.many { value.as_array().cloned().unwrap_or_default() } else { vec![value] };
    let elements = place::array(resource, &line.path);
    for item in items {
        let open = |element: &&mut Map<String, Json>| {
            element.get(&key.key) == Some(&key.value) && !element.contains_key(&key.sub)
        };
        match elements.iter_mut().filter_map(Json::as_object_mut).find(open) {
            Some(element) => {
                element.insert(key.sub.clone(), item);
            }
            None => elements.push(json!({ key.sub.clone(): item, key.key.clone(): key.value })),
        }
    }
}

// === impl Conversion ===

impl Conversion {
    /// Whether this native value is one of the line's: others of the attribute may be somebody else's.
    pub(super) fn is_its_own(&self, value: &Value) -> bool {
        self.prefix.is_none() || self.bare(value).is_some()
    }

    /// What follows the prefix.
    fn bare<'a>(&self, value: &'a Value) -> Option<&'a str> {
        match (&self.prefix, value) {
            (Some(prefix), Value::Text(text)) => text.strip_prefix(prefix.as_str()),
            _ => None,
        }
    }

    /// Whether this native value always stands for "no value".
    fn stands_for_nothing(&self, value: &Value) -> bool {
        matches!(&self.missing, Some(Missing::Value(missing)) if missing.same(value))
    }
}

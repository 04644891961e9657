//! From a SCIM resource to a native record, and from two versions of one to what changes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::codes::{Codes, same, with_bits};
use super::line::{
    Access, Collection, Conversion, ElementKey, Generated, How, Line, Missing, Parent, ResourceMapping,
};
use super::source::Source;
use super::{Mapping, dn, hash, place, read, rest, script, values};
use crate::plan::{Change, Changes, Native, Record, Reference, Row, RowChanges, Store, Value};
use crate::scim::error::{Error, ScimType};
use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;
use crate::scim::schema::Type;

impl Mapping {
    /// What the lines make of a resource: mapped values only, without `rest`. A value that cannot be
    /// written is refused, unless it already stood so in the version `before`: what others wrote natively
    /// stays untouched and hinders no other change.
    pub fn write(
        &self,
        of: &ResourceMapping,
        resource: &Resource,
        before: Option<&Resource>,
    ) -> Result<Record, Error> {
        let mut record = Record::default();
        for line in of.written_lines() {
            let stood = |before: &Resource| of.values_for(line, before) == of.values_for(line, resource);
            match self.write_line(of, line, resource, &mut record) {
                Err(_) if before.is_some_and(stood) => {}
                result => result?,
            }
        }
        fill_in(of, &mut record);
        for collection in of.collections.iter().filter(|collection| !collection.read_only) {
            let rows = self.rows(of, collection, resource, before)?;
            record.children.insert(collection.table.clone(), rows);
        }
        if let Some(template) = &of.rdn {
            let unnamed = |before: &Resource| template.render(before).is_err();
            record.rdn = match template.render(resource) {
                Err(_) if before.is_some_and(unnamed) => None,
                name => Some(name?),
            };
        }
        if let Some(parent) = &of.parent {
            record.parent = Some(self.parent(of, parent, &record)?);
        }
        Ok(record)
    }

    /// Where an entry with these values stands: below the base, and at no place that a client's value made by its signs.
    fn parent(&self, of: &ResourceMapping, parent: &Parent, record: &Record) -> Result<String, Error> {
        let input = |native: &Native| {
            let value = record.values.get(native).and_then(|values| values.first());
            (native.name.to_string(), value.map_or(Json::Null, values::plain))
        };
        let inputs: Vec<(String, Json)> = parent.inputs.iter().map(input).collect();
        let given = script::to_script(&Json::Object(inputs.iter().cloned().collect()));
        let made = script::call(&self.engine, &self.ast, &parent.function, (given,))?;
        let base = self.base(of);
        let texts = inputs.iter().filter_map(|(_, value)| value.as_str());
        let cause = match made.into_string() {
            Err(kind) => format!("it gave {kind} in place of a DN"),
            Ok(place) => match Self::misplaced_at(&place, base, texts) {
                None => return Ok(place),
                Some(cause) => cause,
            },
        };
        let (line, column) = script::place(script::defined_at(&self.ast, &parent.function));
        tracing::error!(function = parent.function, line, column, cause, "a mapping's function failed");
        Err(Error::internal(
            "The mapping of this target does not say where this entry stands; the log has the place.",
        ))
    }

    /// The DN below which a type's entries are.
    fn base(&self, of: &ResourceMapping) -> &str {
        match self.model.entity(&of.entity).map(|entity| &entity.store) {
            Some(Store::Entries(entries)) => &entries.base,
            _ => "",
        }
    }

    /// Why no entry can stand at this place, which a function made of these texts.
    fn misplaced_at<'t>(place: &str, base: &str, mut texts: impl Iterator<Item = &'t str>) -> Option<String> {
        if texts.any(|text| dn::is_spliced(place, text)) {
            return Some("a value stands in the DN without `escape_dn`".to_owned());
        }
        let Some(rdns) = dn::rdns(place) else { return Some("what it gave is no DN".to_owned()) };
        let is_within = dn::rdns(base).is_none_or(|base| dn::is_within(&rdns, &base));
        (!is_within).then(|| format!("what it gave is not below {base}"))
    }

    /// Adds to a new resource what it would be read to have without it: `active`, where nothing stands natively for
    /// true, or where the mapping gives a new account its bits. Such an attribute is required of every resource, but no client need send it.
    pub fn complete(&self, of: &ResourceMapping, resource: &mut Resource) {
        for line in of.lines.iter().filter(|line| line.writable()) {
            if let Some(value) = of.given_when_absent(line)
                && place::get(resource, &line.path).is_none()
            {
                place::set(resource, &line.path, value);
            }
        }
    }

    /// Adds what the mapping itself gives a new resource.
    pub fn initialise(
        &self,
        of: &ResourceMapping,
        resource: &Resource,
        now: OffsetDateTime,
        record: &mut Record,
    ) -> Result<(), Error> {
        for (native, generated) in of.initial.iter().chain(&of.stamps) {
            let value = generated.value(resource, now, &self.source)?;
            let bits = of.bits(native);
            let values = record.values.entry(native.clone()).or_insert_with(|| vec![value.clone()]);
            if bits != 0 {
                *values = vec![with_bits(Some(&value), bits, values.first())];
            }
        }
        Ok(())
    }

    /// The document of `rest`: the resource minus what reads back from the record; `None` when nothing is left.
    pub fn rest_of(
        &self,
        of: &ResourceMapping,
        resource: &Resource,
        record: &Record,
    ) -> Result<Option<String>, Error> {
        if !of.has_rest {
            return Ok(None);
        }
        let native = self.read_native(of, record, "")?;
        let mut left = rest::subtract(&of.keepable(resource), &native);
        left.retain(|_, value| !matches!(value, Json::Object(map) if map.is_empty()));
        Ok((!left.is_empty()).then(|| Json::Object(left).to_string()))
    }

    /// What must change natively so that a resource that was `before` is `after`. `actual` is what the
    /// backend holds; `written_before` and `written_after` are the records of both versions. Empty when
    /// nothing that a client can see differs: then not even a stamp is written.
    pub fn changes(
        &self,
        of: &ResourceMapping,
        versions: &Versions<'_>,
        now: OffsetDateTime,
    ) -> Result<Changes, Error> {
        let mut changes = Changes::default();
        for line in of.written_lines() {
            for native in line.all_natives() {
                if let Some(change) = versions.change(line, native, of.bits(native)) {
                    changes.values.insert(native.clone(), change);
                }
            }
        }
        if of.is_entry {
            keep_closed(of, versions, &mut changes);
        }
        for collection in of.collections.iter().filter(|collection| !collection.read_only) {
            if let Some(change) = versions.rows(collection) {
                changes.children.insert(collection.table.clone(), change);
            }
        }
        if versions.written_before.rdn != versions.written_after.rdn {
            changes.rdn = versions.written_after.rdn.clone();
        }
        if versions.written_before.parent != versions.written_after.parent {
            changes.parent = versions.written_after.parent.clone();
        }
        if versions.rest != versions.actual.rest && !same_document(versions) {
            read::keeps_documents(versions.actual)?;
            changes.rest = Some(versions.rest.clone());
        }
        self.stamp(of, Some(versions.after), now, &mut changes)?;
        self.begin_parts(of, versions.after, now, &mut changes)?;
        Ok(changes)
    }

    /// Adds the values that the mapping gives at each change. Where nothing changes there are none.
    pub fn stamp(
        &self,
        of: &ResourceMapping,
        resource: Option<&Resource>,
        now: OffsetDateTime,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let parts: BTreeSet<Option<Arc<str>>> =
            changes.values.keys().map(|native| native.part.clone()).collect();
        // A part is stamped when it changes itself.
        let is_touched = |native: &Native| native.part.is_none() || parts.contains(&native.part);
        for (native, value) in self.stamps(of, resource, now)? {
            if !is_touched(&native) {
                continue;
            }
            changes.values.insert(native, Change { add: vec![value], ..Change::default() });
        }
        Ok(())
    }

    /// Adds what the mapping gives a part's row, should one that changes not be there yet.
    fn begin_parts(
        &self,
        of: &ResourceMapping,
        after: &Resource,
        now: OffsetDateTime,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let begins = |native: &Native| {
            native.part.is_some() && changes.values.keys().any(|known| known.part == native.part)
        };
        let given =
            of.initial.iter().filter(|(native, _)| begins(native) && !changes.values.contains_key(native));
        let given =
            given.map(|(native, generated)| Ok((native.clone(), generated.value(after, now, &self.source)?)));
        changes.initial = given.collect::<Result<_, Error>>()?;
        Ok(())
    }

    /// The values that the mapping gives at each change. Without the resource, of which then nothing else changes,
    /// what a template makes of it stays as it is.
    pub fn stamps(
        &self,
        of: &ResourceMapping,
        resource: Option<&Resource>,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<Native, Value>, Error> {
        let mut values = BTreeMap::new();
        for (native, generated) in &of.stamps {
            let value = match (generated, resource) {
                (Generated::Template(_), None) => continue,
                (_, None) => generated.value(&Resource::new(), now, &self.source)?,
                (_, Some(resource)) => generated.value(resource, now, &self.source)?,
            };
            values.insert(native.clone(), value);
        }
        Ok(values)
    }

    fn write_line(
        &self,
        of: &ResourceMapping,
        line: &Line,
        resource: &Resource,
        record: &mut Record,
    ) -> Result<(), Error> {
        let found = of.values_of(line, resource)?;
        if let How::Hash { salt, rounds } = &line.conversion.how {
            return hash_password(line, salt, *rounds, found.first(), record);
        }
        if line.is_composed() {
            return self.write_composed(line, found.first(), record);
        }
        let Some(native) = line.natives.first() else { return Ok(()) };
        let mut natives = Vec::with_capacity(found.len());
        for value in &found {
            natives.extend(self.native(of, line, Some(value))?);
        }
        if found.is_empty() {
            natives.extend(self.native(of, line, None)?);
        }
        if line.is_secret() {
            natives = natives.into_iter().map(Value::hidden).collect();
        }
        if let How::Codes(codes) = &line.conversion.how
            && let (true, [written]) = (codes.have_bits(), natives.as_slice())
        {
            let held = record.values.get(native).and_then(|values| values.first());
            natives = vec![with_bits(held, codes.bits(0), Some(written))];
        } else if line.conversion.prefix.is_some() {
            natives.splice(0..0, record.values.remove(native).unwrap_or_default());
        }
        if !natives.is_empty() {
            record.values.insert(native.clone(), natives);
        }
        Ok(())
    }

    /// One value, written to several natives together: by codes, or by a function that gives a map of them.
    fn write_composed(&self, line: &Line, value: Option<&Json>, record: &mut Record) -> Result<(), Error> {
        let named = || line.name();
        let written: Vec<Option<Value>> = match (&line.conversion.how, value) {
            (How::Codes(codes), value) => coded(codes, value, &named)?,
            (How::Script { write: Some(function), .. }, Some(value)) => {
                let result = script::call(&self.engine, &self.ast, function, (script::to_script(value),))?;
                let Some(Json::Object(map)) = script::from_script(result) else {
                    return Err(no_map(function));
                };
                let of = |native: &Native| map.get(&*native.name).ok_or_else(|| no_map(function));
                let natives = line.natives.iter();
                natives.map(|native| Ok(values::literal(of(native)?))).collect::<Result<_, Error>>()?
            }
            _ => Vec::new(),
        };
        for (at, (native, value)) in line.natives.iter().zip(written).enumerate() {
            let bits = match &line.conversion.how {
                How::Codes(codes) => codes.bits(at),
                _ => 0,
            };
            if let Some(value) = value {
                let held = record.values.get(native).and_then(|values| values.first());
                let value = if bits == 0 { value } else { with_bits(held, bits, Some(&value)) };
                record.values.insert(native.clone(), vec![value]);
            }
        }
        Ok(())
    }

    /// The native value for a SCIM value, or for its absence.
    fn native(
        &self,
        of: &ResourceMapping,
        line: &Line,
        value: Option<&Json>,
    ) -> Result<Option<Value>, Error> {
        let named = || line.name();
        let native = self.convert(&line.conversion, value, &named)?;
        if let (Some(Value::Text(text)), Some(max)) = (&native, line.conversion.max_len) {
            let length = text.chars().count();
            if length > max {
                return Err(invalid(format!(
                    "{} may have at most {max} characters here, not {length}.",
                    named()
                )));
            }
        }
        let is_empty_text = matches!(&native, Some(Value::Text(text)) if text.is_empty());
        if is_empty_text && of.is_entry {
            return Err(invalid(format!("{} may not be an empty text here.", named())));
        }
        Ok(native)
    }

    fn convert(
        &self,
        conversion: &Conversion,
        value: Option<&Json>,
        named: &dyn Fn() -> String,
    ) -> Result<Option<Value>, Error> {
        match (&conversion.how, value) {
            (How::Codes(codes), value) => Ok(coded(codes, value, named)?.into_iter().next().flatten()),
            (_, None) => Ok(conversion.always_missing()),
            (How::Script { write: Some(function), .. }, Some(value)) => {
                let result = script::call(&self.engine, &self.ast, function, (script::to_script(value),))?;
                let json = script::from_script(result);
                Ok(json.as_ref().and_then(values::literal).or_else(|| conversion.always_missing()))
            }
            (How::Reference { types, .. }, Some(value)) => {
                if let Some(other) = self.other_type(value, types) {
                    return Err(invalid(format!(
                        "{} leads to a {}, not to a {other}.",
                        named(),
                        types.join(" or ")
                    )));
                }
                let id = match value {
                    Json::String(uri) if conversion.kind == Type::Reference => {
                        self.id_at(uri, types, named)?
                    }
                    _ => reference_id(value).ok_or_else(|| {
                        invalid(format!("{} needs a `value`: the id of another resource.", named()))
                    })?,
                };
                Ok(Some(Value::Reference(Reference { resource: None, id })))
            }
            (_, Some(value)) => match (values::to_native(value, conversion.kind), &conversion.prefix) {
                (Some(Value::Text(text)), Some(prefix)) if !text.is_empty() => {
                    Ok(Some(Value::Text(format!("{prefix}{text}"))))
                }
                (Some(native), _) => Ok(Some(native)),
                (None, _) => {
                    Err(invalid(format!("{} has a value of another type than this target keeps.", named())))
                }
            },
        }
    }

    /// The id of the resource at a URI, which may be relative; a bare id is one already.
    fn id_at(&self, uri: &str, types: &[Arc<str>], named: &dyn Fn() -> String) -> Result<String, Error> {
        let leads = || invalid(format!("{} leads to a {}, not to {uri:?}.", named(), types.join(" or ")));
        let Some((place, id)) = uri.rsplit_once('/') else { return Ok(uri.to_owned()) };
        let of = self.resources.iter().find(|of| place.ends_with(of.resource_type.endpoint.as_str()));
        of.filter(|of| types.contains(&of.entity)).ok_or_else(leads)?;
        Ok(percent_decode_str(id).decode_utf8().map_err(|_| leads())?.into_owned())
    }

    /// The type that a link says it leads to, where it is none of these but one that this mapping has: ids of
    /// different types may be alike, and somebody else would be meant.
    fn other_type<'a>(&self, link: &'a Json, types: &[Arc<str>]) -> Option<&'a str> {
        let said = link.get("type")?.as_str()?;
        let is = |name: &str| name.eq_ignore_ascii_case(said);
        let is_known = self.resources.iter().any(|of| is(&of.resource_type.name));
        (is_known && !types.iter().any(|name| is(name))).then_some(said)
    }

    /// The rows of a collection. An element that no row can carry is left to `rest` where there is one;
    /// without it, it is refused.
    fn rows(
        &self,
        of: &ResourceMapping,
        collection: &Collection,
        resource: &Resource,
        before: Option<&Resource>,
    ) -> Result<Vec<Row>, Error> {
        let in_version = |version| place::get(version, &collection.path).and_then(Json::as_array);
        let elements = in_version(resource);
        let stood =
            |element: &Json| before.and_then(in_version).is_some_and(|elements| elements.contains(element));
        let mut rows: Vec<Row> = Vec::new();
        let mut keys = HashSet::new();
        let mut types = Vec::new();
        for element in elements.into_iter().flatten() {
            let kind = element.get("type").map(|kind| kind.to_string().to_ascii_lowercase());
            let one_per_type = of.has_rest && collection.part("type").is_some();
            if one_per_type && types.contains(&kind) {
                continue;
            }
            match self.row(collection, element) {
                Ok(row) if keys.insert(collection.key(&row)) => {
                    rows.push(row);
                    if one_per_type {
                        types.push(kind);
                    }
                }
                Ok(_) => {}
                Err(_) if of.rest_may_hold(&collection.path) || stood(element) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    /// One element as a row.
    pub(super) fn row(&self, collection: &Collection, element: &Json) -> Result<Row, Error> {
        let mut row = Row::new();
        for part in &collection.parts {
            let named = || format!("{}.{}", collection.path, part.sub);
            let value = match part.conversion.how {
                How::Reference { .. } => Some(element),
                _ if collection.is_simple() => Some(element),
                _ => element.get(&part.sub).filter(|value| !value.is_null()),
            };
            let native = self.convert(&part.conversion, value, &named)?;
            if let (Some(Value::Text(text)), Some(max)) = (&native, part.conversion.max_len)
                && text.chars().count() > max
            {
                return Err(invalid(format!("{} may have at most {max} characters here.", named())));
            }
            match native {
                Some(native) => {
                    row.insert(part.column.clone(), native);
                }
                None if part.required => return Err(invalid(format!("{} is required here.", named()))),
                None => {}
            }
        }
        Ok(row)
    }
}

/// Both versions of a resource, as a client sees them and natively.
pub struct Versions<'a> {
    /// What the backend holds.
    pub actual: &'a Record,
    /// The record of the version before.
    pub written_before: &'a Record,
    /// The version after.
    pub after: &'a Resource,
    /// The record of the version after, its references settled.
    pub written_after: &'a Record,
    /// The document of `rest` of the version after.
    pub rest: Option<String>,
}

// === impl Versions ===

impl Versions<'_> {
    fn change(&self, line: &Line, native: &Native, bits: i64) -> Option<Change> {
        let of = |record: &Record| record.values.get(native).cloned().unwrap_or_default();
        let (before, after, actual) = (of(self.written_before), of(self.written_after), of(self.actual));
        let is_same = match line.is_composed() {
            // The value as a whole changes: then each of its natives is to stand as the new one wants it.
            true => !self.changes_any(&line.natives) || bits == 0 && same_values(&actual, &after),
            false => same_values(&before, &after),
        };
        if is_same {
            return None;
        }
        if bits != 0 {
            let add = vec![with_bits(actual.first(), bits, Some(after.first()?))];
            return Some(Change { remove: actual.into_iter().take(1).collect(), add, repeatable: false });
        }
        // Of values that start so others are somebody else's.
        if line.many || line.conversion.prefix.is_some() {
            let remove = without(&before, &after, value_key);
            return Some(Change { remove, add: without(&after, &before, value_key), repeatable: false });
        }
        // The native value that was read, not the one that the mapping would write for it: a code that
        // means the same stays comparable, and further values of the attribute stay untouched.
        Some(Change { remove: actual.into_iter().take(1).collect(), add: after, repeatable: false })
    }

    fn changes_any(&self, natives: &[Native]) -> bool {
        let of = |record: &Record, native| record.values.get(native).cloned().unwrap_or_default();
        natives
            .iter()
            .any(|native| !same_values(&of(self.written_before, native), &of(self.written_after, native)))
    }

    fn rows(&self, collection: &Collection) -> Option<RowChanges> {
        let of = |record: &Record| record.children.get(&collection.table).cloned().unwrap_or_default();
        let (before, after) = (of(self.written_before), of(self.written_after));
        let mut remove = without(&before, &after, row_key);
        if let Some(part) = collection.reference() {
            // What a link shows beside its value may be computed, and so stand in no column.
            remove.iter_mut().for_each(|row| row.retain(|column, _| *column == part.column));
        }
        let add = without(&after, &before, row_key);
        let changes = RowChanges { remove, add, repeatable: false };
        (!changes.remove.is_empty() || !changes.add.is_empty()).then_some(changes)
    }
}

/// Writes once more what closes an account whose password changes: OpenLDAP's policy overlay opens it otherwise
/// (slapo-ppolicy(5), pwdAccountLockedTime), and who left would be back.
fn keep_closed(of: &ResourceMapping, versions: &Versions<'_>, changes: &mut Changes) {
    let is_password = |change: &Change| change.add.iter().any(|value| matches!(value, Value::Secret(_)));
    let active = of.line(&AttrPath::attribute("active")).filter(|line| line.writable());
    let Some(line) = active.filter(|_| changes.values.values().any(is_password)) else { return };
    for native in line.natives.iter().filter(|native| of.bits(native) == 0) {
        let held = versions.actual.values.get(native).and_then(|values| values.first());
        let stays = versions.written_after.values.contains_key(native);
        if let (Some(held), true) = (held, stays && !changes.values.contains_key(native)) {
            let change = Change { remove: vec![held.clone()], add: vec![held.clone()], repeatable: false };
            changes.values.insert(native.clone(), change);
        }
    }
}

/// Writes what stands for no value where that is made of what else is written.
fn fill_in(of: &ResourceMapping, record: &mut Record) {
    for line in of.lines.iter().filter(|line| line.writable()) {
        let (Some(native), Some(missing @ Missing::Composed(_))) =
            (line.natives.first(), &line.conversion.missing)
        else {
            continue;
        };
        if !record.values.contains_key(native)
            && let Some(value) = missing.beside(record)
        {
            record.values.insert(native.clone(), vec![value]);
        }
    }
}

/// What codes make of a value, or why they cannot.
fn coded(
    codes: &Codes,
    value: Option<&Json>,
    named: &dyn Fn() -> String,
) -> Result<Vec<Option<Value>>, Error> {
    let unknown = || invalid(format!("{} must be one of {}.", named(), codes.writable().join(", ")));
    codes.write(value).ok_or_else(unknown)
}

/// What a function that writes several natives did not give.
fn no_map(function: &str) -> Error {
    tracing::error!(function, "a function that writes several natives gave no map with each of them");
    Error::internal(
        "The mapping of this target does not say what is to be written; the log has the function.",
    )
}

fn same_values(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}

/// The items that are not among `others`, by their key; groups may be large, so no comparison of pairs.
fn without<T: Clone>(items: &[T], others: &[T], key: fn(&T) -> String) -> Vec<T> {
    let others: HashSet<String> = others.iter().map(key).collect();
    items.iter().filter(|item| !others.contains(&key(item))).cloned().collect()
}

/// What makes a value the same as another ([`Value::same`]).
fn value_key(value: &Value) -> String {
    value.text().unwrap_or_else(|| format!("{value:?}"))
}

fn row_key(row: &Row) -> String {
    row.iter().map(|(column, value)| format!("{column}={}\n", value_key(value))).collect()
}

/// Whether the documents differ in nothing but the order of their keys.
fn same_document(versions: &Versions<'_>) -> bool {
    let parse =
        |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Json>(text).ok());
    match (parse(&versions.rest), parse(&versions.actual.rest)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        _ => false,
    }
}

fn hash_password(
    line: &Line,
    salt: &Native,
    rounds: u32,
    password: Option<&Json>,
    record: &mut Record,
) -> Result<(), Error> {
    let Some(Json::String(password)) = password else { return Ok(()) };
    if password.is_empty() {
        return Err(invalid("password may not be empty.".to_owned()));
    }
    let hashed = hash::pbkdf2_sha256(password.as_bytes(), rounds)
        .map_err(|cause| Error::internal(format!("The password could not be hashed: {cause}.")))?;
    if let Some(native) = line.natives.first() {
        record.values.insert(native.clone(), vec![Value::Secret(hashed.hash)]);
        record.values.insert(salt.clone(), vec![Value::Secret(hashed.salt)]);
    }
    Ok(())
}

/// The id in a reference: an object's `value`, or a bare text (Entra sends `manager` so).
fn reference_id(value: &Json) -> Option<String> {
    let id = match value {
        Json::String(id) => id,
        Json::Object(link) => link.get("value")?.as_str()?,
        _ => return None,
    };
    (!id.is_empty()).then(|| id.to_owned())
}

fn invalid(detail: String) -> Error {
    Error::bad_request(ScimType::InvalidValue, detail)
}

// === impl Generated ===

impl Generated {
    fn value(&self, resource: &Resource, now: OffsetDateTime, source: &Source) -> Result<Value, Error> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Template(template) => Value::Text(template.render(resource)?),
            Self::Uuid => Value::Text(source.uuid().to_string()),
            Self::Now => Value::Timestamp(now),
        })
    }
}

// === impl Collection ===

impl Collection {
    /// What makes a row another one: where it leads, or all of it.
    fn key(&self, row: &Row) -> String {
        let link = self.reference().and_then(|part| row.get(&part.column));
        link.map_or_else(|| row_key(row), value_key)
    }
}

// === impl Conversion ===

impl Conversion {
    /// What stands for "no value" whatever else is written.
    fn always_missing(&self) -> Option<Value> {
        match &self.missing {
            Some(Missing::Value(value)) => Some(value.clone()),
            Some(Missing::Composed(_)) | None => None,
        }
    }
}

// === impl Line ===

impl Line {
    pub(super) fn all_natives(&self) -> impl Iterator<Item = &Native> {
        let salt = match &self.conversion.how {
            How::Hash { salt, .. } => Some(salt),
            _ => None,
        };
        self.natives.iter().chain(salt)
    }

    /// The attribute's name for a client.
    pub(super) fn name(&self) -> String {
        match &self.element {
            Some(ElementKey { key, value, sub }) => format!("{}[{key} eq {value}].{sub}", self.path),
            None => self.path.to_string(),
        }
    }
}

// === impl ResourceMapping ===

impl ResourceMapping {
    /// What is read where nothing stands natively, `[(), true]` among the line's `values`, or of bits, where
    /// nothing stands but what the mapping gives.
    pub(super) fn given_when_absent(&self, line: &Line) -> Option<Json> {
        let How::Codes(codes) = &line.conversion.how else { return None };
        if line.element.is_some() || line.many {
            return None;
        }
        let given = |native: &Native| match self.initial.iter().find(|(known, _)| known == native) {
            Some((_, Generated::Literal(value))) if self.bits(native) != 0 => Some(value),
            _ => None,
        };
        codes.read(&line.natives.iter().map(given).collect::<Vec<_>>())
    }

    /// The SCIM values that a line holds, in their order. Refuses more of them than it holds, where nothing else
    /// keeps them.
    fn values_of(&self, line: &Line, resource: &Resource) -> Result<Vec<Json>, Error> {
        let mut values = self.values_for(line, resource);
        if line.many {
            return Ok(values);
        }
        if !self.has_rest && values.windows(2).any(|two| two.first() != two.last()) {
            let detail = format!("{} can have one value here, not {}.", line.name(), values.len());
            return Err(invalid(detail));
        }
        values.truncate(1);
        Ok(values)
    }

    /// The SCIM values that are a line's, also those that it has no room for.
    fn values_for(&self, line: &Line, resource: &Resource) -> Vec<Json> {
        let subs = |value: Option<&Json>, of: &dyn Fn(&Json) -> Option<Json>| -> Vec<Json> {
            value.and_then(Json::as_array).into_iter().flatten().filter_map(of).collect()
        };
        if let Some(key) = &line.element {
            let value = place::get(resource, &line.path);
            return subs(value, &|element| {
                self.is_element(key, element).then(|| element.get(&key.sub).cloned())?
            });
        }
        if let (true, Some(sub)) = (line.many, &line.path.sub) {
            let value = place::get(resource, &line.path.without_sub());
            return subs(value, &|element| element.get(sub).cloned());
        }
        match place::get(resource, &line.path) {
            Some(Json::Array(items)) => items.clone(),
            Some(value) => vec![value.clone()],
            None => Vec::new(),
        }
    }

    /// Whether this element is the one that the line holds. Without `rest`, and where it is the only kind
    /// of element that is kept, one without a type is taken for it rather than lost.
    fn is_element(&self, key: &ElementKey, element: &Json) -> bool {
        match element.get(&key.key).filter(|kind| !kind.is_null()) {
            Some(kind) => same(Some(kind), Some(&key.value)),
            None => !self.has_rest,
        }
    }

    /// What of a resource may be kept in `rest`: no ids, no `meta`, nothing secret, no collection of references.
    fn keepable(&self, resource: &Resource) -> Resource {
        let mut left = resource.clone();
        for name in ["id", "meta", "schemas", "password"] {
            left.shift_remove(name);
        }
        for collection in self.collections.iter().filter(|c| c.reference().is_some() || c.read_only) {
            place::remove(&mut left, &collection.path);
        }
        // Of links what is not stored natively is gone: kept here, it would come back with them.
        let is_left_out = |line: &&Line| {
            matches!(line.access, Access::WriteOnly | Access::ReadOnly) || line.many && line.is_reference()
        };
        for line in self.lines.iter().filter(is_left_out).filter(|line| line.element.is_none()) {
            place::remove(&mut left, &line.path);
        }
        left
    }
}

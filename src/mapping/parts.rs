//! What belongs to an entry beside its own attributes: further entries (`part`), what is written along (`copy`),
//! numbers of its own (`counter`). All of it stands in the model, for the backend writes it by itself.

use std::sync::Arc;

use rhai::Position;

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::{DraftGiven, DraftLine, DraftPart, DraftResource, Given};
use super::line::{How, ResourceMapping};
use super::template::Template;
use super::{model, values};
use crate::plan::{Composed, Copied, Counter, Entity, Entries, Initial, Native, Part, StandIn, Store, Value};
use crate::scim::path::AttrPath;
use crate::scim::schema::{Attribute, Type};

/// The places of a type's parts.
pub(super) fn entities(draft: &DraftResource, store: &Store) -> Vec<Entity> {
    let Store::Entries(entries) = store else { return Vec::new() };
    let entity = |part: &DraftPart| {
        let place = split(&part.dn)?;
        let entries = Entries {
            base: place.base.to_owned(),
            classes: part.classes.clone(),
            rdn: place.attribute.into(),
            id: entries.id.clone(),
            ..Entries::default()
        };
        Some(model::bare(format!("{}.{}", draft.name, part.alias).into(), Store::Entries(entries)))
    };
    draft.parts.iter().filter_map(entity).collect()
}

/// A DN of which only the first value is a template.
struct Place<'a> {
    attribute: &'a str,
    name: &'a str,
    base: &'a str,
}

fn split(dn: &str) -> Option<Place<'_>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let (attribute, rest) = dn.split_once('=')?;
    let (name, base) = rest.split_once(',')?;
    let is_one = attribute.chars().all(is_plain) && !name.contains(['=', '+', '\\']) && !base.contains('{');
    is_one.then_some(Place { attribute, name, base: base.trim_start() })
}

impl Builder<'_> {
    /// The parts of a type's entries.
    pub(super) fn parts(&mut self, draft: &DraftResource, of: &ResourceMapping) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for said in &draft.parts {
            if parts.iter().any(|part| *part.alias == *said.alias) {
                self.wrong(
                    Code::SaidTwice,
                    said.at,
                    format!("the part {:?} stands here a second time", said.alias),
                );
            }
            if said.row.is_some() {
                let message = "a part of an entry is an entry: `.part(\"posix\", #{ dn: \"cn={displayName},ou=…\", classes: […] })`";
                self.wrong(Code::Part, said.at, message);
                continue;
            }
            if said.classes.is_empty() {
                self.wrong(Code::Part, said.at, "a part needs `classes: […]`: its object classes");
            }
            let Some(place) = split(&said.dn) else {
                let form = "`dn` has the form \"cn={displayName},ou=…\": one attribute, a template, and the DN of the place";
                self.wrong(Code::Part, said.at, form);
                continue;
            };
            let is_own = draft.rdn.as_ref().is_some_and(|(attribute, name, _)| {
                attribute.eq_ignore_ascii_case(place.attribute) && name == place.name
            });
            if is_own && draft.base.as_deref().is_some_and(|base| base.eq_ignore_ascii_case(place.base)) {
                self.wrong(
                    Code::Part,
                    said.at,
                    "this part would be the entry that it belongs to: it needs another place or name",
                );
            }
            let Some(name) = self.composed(place.name, said.at, of) else { continue };
            let prefix = format!("{}.", said.alias);
            let given = draft.initial.iter();
            let given = given.filter_map(|given| Some((given.native.strip_prefix(&prefix)?, given)));
            let initial = given
                .filter_map(|(name, given)| Some((name.into(), self.given_to_part(given, of)?)))
                .collect();
            parts.push(Part { alias: said.alias.as_str().into(), name, initial });
        }
        for stamp in draft.stamps.iter().filter(|stamp| draft.part_of(&stamp.native).is_some()) {
            self.wrong(Code::NotBuilt, stamp.at, "`stamp` in a part is not built yet; `initial` is");
        }
        parts
    }

    fn given_to_part(&mut self, given: &DraftGiven, of: &ResourceMapping) -> Option<Initial> {
        match &given.value {
            Given::Counter(dn, attribute) => Some(Initial::Counter(counter(dn, attribute))),
            Given::Literal(serde_json::Value::String(text)) if text.contains('{') => {
                self.composed(text, given.at, of).map(Initial::Composed)
            }
            Given::Literal(value) => {
                let value = values::literal(value);
                if value.is_none() {
                    self.wrong(Code::GivenValue, given.at, "a value is needed here, not ()");
                }
                value.map(Initial::Literal)
            }
            Given::Today => Some(Initial::Literal(Value::Today)),
            Given::Sequence(_) => None, // refused as a whole
            Given::Uuid | Given::Now => {
                self.wrong(Code::NotBuilt, given.at, "`uuid()` and `now()` in a part are not built yet");
                None
            }
        }
    }

    /// A template whose attributes stand natively as they are, for it is filled in from the directory.
    pub(super) fn composed(&mut self, text: &str, at: Position, of: &ResourceMapping) -> Option<Composed> {
        let template = self.template(text, at, &of.resource_type)?;
        let native = |path: &AttrPath| plain(of, path);
        Template::composed(&template, &native).map_err(|message| self.wrong(Code::Template, at, message)).ok()
    }

    /// Checks a line with `copy`: it says nothing but what is written along, and where.
    pub(super) fn copy(&mut self, draft: &DraftResource, line: &DraftLine, attribute: &Attribute) {
        let is_more = line.child.is_some()
            || line.values.is_some()
            || line.missing.is_some()
            || line.prefix.is_some()
            || line.read.is_some()
            || line.write.is_some()
            || line.hash.is_some()
            || line.placeholder.is_some()
            || line.on_missing.is_some()
            || line.find.is_some()
            || line.exact.is_some()
            || line.required
            || line.unique
            || line.access.is_some()
            || line.returned.is_some()
            || line.max_len.is_some();
        if is_more || line.natives.len() != 1 {
            let message = "what is written along is as the attribute's own line says: beside `copy` stand `many`, `ref` and `by`";
            self.wrong(Code::CopyForm, line.at, message);
        }
        let is_secret = attribute.name.eq_ignore_ascii_case("password");
        if is_secret || attribute.kind == Type::Binary {
            self.wrong(Code::NotBuilt, line.at, "`copy` of a password or of octets is not built yet");
        }
        if line.refs.is_empty() == line.by.is_some() {
            let message = "a copy of references says `.ref(…).by(…)`: which attribute of theirs is written in place of their DN";
            self.wrong(Code::CopyForm, line.at, message);
        }
        let native = line.natives.first().map(String::as_str).unwrap_or_default();
        if native.contains('.') && draft.part_of(native).is_none() {
            let part = native.split('.').next().unwrap_or_default();
            self.wrong(Code::UnknownPlace, line.at, format!("this resource has no part `{part}`"));
        }
        match draft.source(line) {
            None => {
                self.wrong(
                    Code::CopyForm,
                    line.at,
                    format!("nothing to copy: no other line maps `{}`", line.path),
                );
            }
            Some(source) if source.natives.len() != 1 || source.prefix.is_some() => {
                self.wrong(
                    Code::NotBuilt,
                    line.at,
                    "`copy` of a line over several natives, or with `prefix`, is not built yet",
                );
            }
            Some(source) if line.refs.iter().any(|name| !source.refs.contains(name)) => {
                self.wrong(Code::CopyForm, line.at, format!("`{}` itself refers to no such type", line.path));
            }
            Some(source) if line.refs.is_empty() && !source.refs.is_empty() => {
                let message = format!("`{}` consists of references: say `.ref(…).by(…)`", line.path);
                self.wrong(Code::CopyForm, line.at, message);
            }
            Some(_) => {}
        }
    }

    /// What is written along.
    pub(super) fn copies(&mut self, draft: &DraftResource) -> Vec<Copied> {
        let copied = |line: &DraftLine| {
            let own = draft.source(line)?.natives.first()?;
            let to = line.natives.first()?;
            let to = match draft.part_of(to) {
                Some((part, name)) => Native::of(part.alias.as_str(), name),
                None => Native::own(to.as_str()),
            };
            Some(Copied { of: Native::own(own.as_str()), to, by: line.stand_in(true) })
        };
        draft.lines.iter().filter(|line| line.copy).filter_map(copied).collect()
    }

    /// The numbers that an entry itself is given.
    pub(super) fn counters(&mut self, draft: &DraftResource) -> Vec<(Native, Counter)> {
        for given in draft.stamps.iter().filter(|given| matches!(given.value, Given::Counter(..))) {
            self.wrong(Code::GivenValue, given.at, "a number is given once: `counter` is for `initial`");
        }
        let own = draft.initial.iter().filter(|given| draft.part_of(&given.native).is_none());
        let number = |given: &DraftGiven| match &given.value {
            Given::Counter(dn, attribute) => {
                Some((Native::own(given.native.as_str()), counter(dn, attribute)))
            }
            _ => None,
        };
        own.filter_map(number).collect()
    }
}

fn counter(dn: &str, attribute: &str) -> Counter {
    Counter { dn: dn.to_owned(), attribute: attribute.into() }
}

/// Where an attribute stands natively as it is.
fn plain(of: &ResourceMapping, path: &AttrPath) -> Result<Native, String> {
    let as_it_is = |line: &&super::line::Line| {
        matches!(line.conversion.how, How::Plain) && line.conversion.prefix.is_none() && !line.many
    };
    let line = of.line(path).filter(as_it_is).filter(|line| line.writable() && !line.is_secret());
    let native = line.and_then(|line| line.natives.first().cloned());
    native.ok_or_else(|| {
        format!("it can be made of attributes that are stored as they are, which `{path}` is not")
    })
}

// === impl DraftLine ===

impl DraftLine {
    /// What `.ref(types).by(native)` says is stored in place of DNs.
    pub(super) fn stand_in(&self, is_followed: bool) -> Option<StandIn> {
        let (native, _) = self.by.as_ref()?;
        let types = self.refs.iter().map(|name| Arc::from(name.as_str())).collect();
        Some(StandIn { attribute: native.as_str().into(), types, is_followed })
    }
}

// === impl DraftResource ===

impl DraftResource {
    /// The part that a native is in, and its name there.
    pub(super) fn part_of<'a>(&'a self, native: &'a str) -> Option<(&'a DraftPart, &'a str)> {
        let (alias, name) = native.split_once('.')?;
        self.parts.iter().find(|part| part.alias == alias).map(|part| (part, name))
    }

    /// The line that a copy follows.
    fn source(&self, copy: &DraftLine) -> Option<&DraftLine> {
        self.lines.iter().find(|line| !line.copy && line.path.eq_ignore_ascii_case(&copy.path))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::mapping::Mapping;
    use crate::plan::{Native, Store};

    const READY: &str = include_str!("../../mappings/openldap-posix/mapping.rhai");

    fn load(text: &str) -> Result<Mapping, String> {
        let all = ["people", "groups", "posix"].map(|name| (name.to_owned(), format!("ou={name},dc=x")));
        let asked_for = all.into_iter().filter(|(name, _)| text.contains(&format!("\"{name}\"")));
        let params: BTreeMap<String, String> = asked_for.collect();
        Mapping::parse("mapping.rhai", text, &params)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn what_belongs_to_an_entry_stands_in_the_model_and_not_in_the_lines() {
        let mapping = load(READY).unwrap();
        let Store::Entries(groups) = &mapping.model().entity("Group").unwrap().store else { panic!() };
        let to: Vec<String> = groups.copies.iter().map(|copy| copy.to.to_string()).collect();
        assert_eq!(to, ["posix.cn", "posix.memberUid"]);
        let name: Vec<&Native> = groups.parts[0].name.natives().collect();
        assert_eq!(name, [&Native::own("cn")]);
        let Store::Entries(posix) = &mapping.model().entity("Group.posix").unwrap().store else { panic!() };
        assert_eq!((posix.base.as_str(), &*posix.rdn, posix.classes.len()), ("ou=posix,dc=x", "cn", 1));
        let Store::Entries(people) = &mapping.model().entity("User").unwrap().store else { panic!() };
        assert_eq!(people.counters.len(), 1);
        let of = &mapping.resources()[1];
        let read = of.fields(&|_| true).natives;
        assert!(
            read.contains(&Native::own("member")) && read.iter().all(|native| !native.name.contains("posix"))
        );
    }

    #[test]
    fn what_is_kept_by_another_attribute_than_the_dn_stands_in_the_model() {
        let mapping = load(include_str!("../../tests/mappings/uids/mapping.rhai")).unwrap();
        let held: Vec<_> = mapping.model().holders("User").collect();
        let names = held.iter().map(|held| (&*held.owner.name, &*held.native.name, &*held.by.attribute));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [("Group", "memberUid", "uid"), ("User", "carLicense", "employeeNumber")]
        );
    }

    /// Who is hidden is in a place of his own, which is written by nobody.
    #[test]
    fn what_exists_is_written_along_once() {
        let only = READY.replace(".version(", ".only(#{ description: () }).version(");
        let mapping = load(&only).unwrap();
        let model = mapping.model();
        assert!(model.entity("Group.*").is_some() && model.entity("User.*").is_some());
        let holders: Vec<&str> = model.holders("User").map(|held| &*held.owner.name).collect();
        assert_eq!(holders, ["Group"]);
    }

    /// The ready mapping with one of its texts replaced by another.
    #[test]
    fn what_cannot_be_written_so_is_refused_with_its_place() {
        let by = ".ref(\"User\").by(\"uid\").copy();";
        let part =
            ".part(\"posix\", #{ dn: `cn={displayName},${param(\"posix\")}`, classes: [\"posixGroup\"] })";
        let number = "initial(\"posix.gidNumber\", ";
        for (old, new, says) in [
            (by, ".ref(\"User\").copy();", "a copy of references says"),
            (by, ".by(\"uid\").copy();", "a copy of references says"),
            (by, ".ref(\"User\").by(\"uid\");", "reading it is not built yet"),
            (by, ".by(\"uid\");", "and there is no `ref`"),
            (by, ".ref(\"Group\").by(\"cn\").copy();", "`members` itself refers to no such type"),
            (by, ".ref(\"User\").by(\"uid\").copy().required();", "is as the attribute's own line says"),
            (by, ".copy();", "`members` consists of references"),
            ("\"posix.memberUid\"", "\"posx.memberUid\"", "this resource has no part `posx`"),
            ("\"posix.cn\").copy()", "\"posix.cn\")", "what stands in a part is written along"),
            (
                "attr(\"displayName\",       \"cn\").required().unique();\nattr(\"displayName\",       \"posix",
                "attr(\"displayName\", \"posix",
                "nothing to copy: no other line maps `displayName`",
            ),
            (
                part,
                ".part(\"posix\", #{ dn: `cn={displayName}`, classes: [\"posixGroup\"] })",
                "`dn` has the form",
            ),
            (
                part,
                ".part(\"posix\", #{ dn: `cn=x,ou={displayName},dc=x`, classes: [\"posixGroup\"] })",
                "`dn` has the form",
            ),
            (
                part,
                ".part(\"posix\", #{ dn: `cn={displayName},ou=groups,dc=x`, classes: [\"posixGroup\"] })",
                "would be the entry that it belongs to",
            ),
            (
                part,
                ".part(\"posix\", #{ dn: `cn={members},ou=x`, classes: [\"posixGroup\"] })",
                "which `members` is not",
            ),
            (
                part,
                ".part(\"posix\", #{ dn: `cn={displayNam},ou=x`, classes: [\"posixGroup\"] })",
                "no attribute `displayNam`",
            ),
            (part, ".part(\"posix\", #{ dn: `cn={displayName},ou=x` })", "its object classes"),
            (part, ".part(\"posix\", #{ dn: 5 })", "`dn` is a text"),
            (part, ".part(\"posix\", #{ base: 5 })", "`part` knows `dn` and `classes`, not `base`"),
            (part, ".part(\"posix\", \"T\", \"Id\")", "a part of an entry is an entry"),
            (
                number,
                "initial(\"uidNumber\", sequence(\"s\"));\ninitial(\"posix.gidNumber\", ",
                "`sequence` is for a table",
            ),
            (part, ".dated(\"posix\", \"a\", \"b\")", "a directory keeps no history"),
            (
                number,
                "initial(\"posix.description\", now());\ninitial(\"posix.gidNumber\", ",
                "`uuid()` and `now()` in a part are not built yet",
            ),
            (
                number,
                "stamp(\"posix.description\", \"x\");\ninitial(\"posix.gidNumber\", ",
                "`stamp` in a part is not built yet",
            ),
            (
                number,
                "stamp(\"description\", counter(\"cn=x\", \"y\"));\ninitial(\"posix.gidNumber\", ",
                "a number is given once",
            ),
            (
                "attr(\"password\",          \"userPassword\").write_only();",
                "attr(\"password\", \"userPassword\").write_only();\nattr(\"password\", \"x\").copy();",
                "`copy` of a password",
            ),
        ] {
            assert!(READY.contains(old), "{old}");
            let said = load(&READY.replacen(old, new, 1)).err().unwrap_or_else(|| panic!("{new} loads"));
            assert!(said.contains(says) && said.contains("--> mapping.rhai:"), "{new}\n{said}");
        }
    }
}

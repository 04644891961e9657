//! The dereference control (draft-masarati-ldap-deref): what an entry's DNs lead to comes with the entry itself, which
//! saves the search for it. What it brings is compared with what a look-up would ask for; of what does not fit, or what
//! is not brought, the DN stays, and is looked up.

use ldap3::asn1::{PL, StructureTag, TagClass};
use ldap3::controls::{Control, RawControl};

use crate::plan::{Entity, Entries, Model, Native, Predicate, Record, Reference, Value};

use super::ber;
use super::dn::Dn;
use super::entry::Entry;
use super::id;
use super::search::place;
use super::stand_ins::by_dn;

/// The control's OID.
pub(super) const DEREF: &str = "1.3.6.1.4.1.4203.666.5.16";
/// Attributes whose DNs may be very many: what these lead to is read apart from them.
const MAY_BE_LONG: [&str; 2] = ["member", "uniqueMember"];
const CLASSES: &str = "objectClass";

const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// An entry that an attribute of another one leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Led {
    attribute: String,
    entry: Entry,
}

/// The control that asks what these natives lead to; `None` where that is nothing, or too much.
pub(super) fn control<'a>(
    model: &Model,
    entity: &Entity,
    entries: &Entries,
    natives: impl Iterator<Item = &'a Native>,
) -> Option<RawControl> {
    let mut specs = Vec::new();
    for native in natives.filter(|native| native.part.is_none() && !may_be_long(native)) {
        let mut wanted: Vec<&[u8]> = vec![CLASSES.as_bytes()];
        let targets = by_dn(entity, entries, native).iter().filter_map(|target| place(model, target).ok());
        for (_, target) in targets.filter(|(_, target)| is_told(target)) {
            if !wanted.contains(&target.id.as_bytes()) {
                wanted.push(target.id.as_bytes());
            }
        }
        if wanted.len() > 1 {
            let wanted: Vec<u8> = wanted.into_iter().flat_map(|name| element(OCTETS, name)).collect();
            let spec = [element(OCTETS, native.name.as_bytes()), element(SEQUENCE, &wanted)].concat();
            specs.extend(element(SEQUENCE, &spec));
        }
    }
    let control =
        || RawControl { ctype: DEREF.to_owned(), crit: false, val: Some(element(SEQUENCE, &specs)) };
    (!specs.is_empty()).then(control)
}

/// What a server brought with an entry.
pub(super) fn led(controls: &[Control]) -> Vec<Led> {
    let of_deref = |control: &&Control| control.1.ctype == DEREF;
    let values = controls.iter().filter(of_deref).filter_map(|control| control.1.val.as_deref());
    values.filter_map(ber::parse).filter_map(parts).flatten().filter_map(one).collect()
}

/// Puts references in place of the DNs of a record where what was brought tells what they are.
pub(super) fn resolve(model: &Model, entity: &Entity, entries: &Entries, led: &[Led], record: &mut Record) {
    for led in led {
        let Some(name) = Dn::parse(&led.entry.dn) else { continue };
        let normalised = name.normalised();
        for (native, values) in &mut record.values {
            if !native.name.eq_ignore_ascii_case(&led.attribute) {
                continue;
            }
            let targets = by_dn(entity, entries, native);
            let Some(reference) = reference(model, targets, &name, &led.entry) else { continue };
            let is_it = |value: &Value| {
                let dn = value.text().and_then(|dn| Dn::parse(&dn));
                dn.is_some_and(|dn| dn.normalised() == normalised)
            };
            values.iter_mut().filter(|value| is_it(value)).for_each(|value| *value = reference.clone());
        }
    }
}

/// As a look-up in these types, in its order, would find the entry.
fn reference(model: &Model, targets: &[std::sync::Arc<str>], name: &Dn, entry: &Entry) -> Option<Value> {
    let mut targets: Vec<_> = targets.iter().collect();
    targets.sort();
    for target in targets {
        let (entity, entries) = place(model, target).ok()?;
        let base = Dn::parse(&entries.base)?;
        if !name.under(&base) {
            continue;
        }
        // Of a type that more than classes tells, a look-up tells.
        if !is_told(entries) {
            return None;
        }
        let held = entry.values(CLASSES);
        let is_of =
            |class: &String| held.iter().filter_map(Value::text).any(|held| held.eq_ignore_ascii_case(class));
        if entries.classes.iter().all(is_of) {
            let id = id::of(entry, &entries.id)?;
            return Some(Value::Reference(Reference { resource: Some(entity.name.to_string()), id }));
        }
    }
    None
}

/// Whether an entry's classes and its place tell that it is of this type.
fn is_told(entries: &Entries) -> bool {
    entries.only == Predicate::All
}

fn may_be_long(native: &Native) -> bool {
    MAY_BE_LONG.iter().any(|name| native.name.eq_ignore_ascii_case(name))
}

/// `DerefRes`: the attribute, the DN, and what that entry has.
fn one(tag: StructureTag) -> Option<Led> {
    let mut parts = parts(tag)?.into_iter();
    let attribute = match parts.next()?.payload {
        PL::P(name) => String::from_utf8(name).ok()?,
        PL::C(_) => return None,
    };
    let rest = StructureTag { class: TagClass::Universal, id: 16, payload: PL::C(parts.collect()) };
    Some(Led { attribute, entry: Entry::decode(rest)? })
}

fn parts(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

/// An element in BER (X.690 §8.1).
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut octets = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => octets.push(short),
        _ => {
            let length: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
            octets.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            octets.extend(length);
        }
    }
    octets.extend(content);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ldap::fixture;

    const ID: &str = "11111111-2222-3333-4444-55555555aaaa";
    const GROUP: &str = "cn=crew,ou=groups,dc=x";

    fn natives() -> [Native; 3] {
        ["memberOf", "uid", "member"].map(Native::own)
    }

    fn asked(of: &str) -> Option<Vec<u8>> {
        let model = fixture::model();
        let (entity, entries) = place(&model, of).unwrap();
        control(&model, entity, entries, natives().iter())?.val
    }

    /// What a server would bring of the group: a value of an attribute at a time.
    fn brought(dn: &str, values: &[(&str, &str)]) -> Vec<Led> {
        let text = |text: &str| element(OCTETS, text.as_bytes());
        let attribute = |(name, value): &(&str, &str)| {
            element(SEQUENCE, &[text(name), element(0x31, &text(value))].concat())
        };
        let values: Vec<u8> = values.iter().flat_map(attribute).collect();
        let one = element(SEQUENCE, &[text("memberOf"), text(dn), element(0xa0, &values)].concat());
        let raw = RawControl { ctype: DEREF.to_owned(), crit: false, val: Some(element(SEQUENCE, &one)) };
        led(&[Control(None, raw)])
    }

    fn shown(led: &[Led]) -> Value {
        let model = fixture::model();
        let (entity, entries) = place(&model, "User").unwrap();
        let values = [(Native::own("memberOf"), vec![Value::from("CN=Crew, ou=groups,dc=x")])].into();
        let mut record = Record { values, ..Record::default() };
        resolve(&model, entity, entries, led, &mut record);
        record.values.into_values().flatten().next().unwrap()
    }

    #[test]
    fn groups_of_people_are_asked_for_and_members_of_groups_are_not() {
        assert_eq!(asked("Group"), None);
        let octets = asked("User").unwrap();
        let expected = b"\x30\x26\x30\x24\x04\x08memberOf\x30\x18\x04\x0bobjectClass\x04\x09entryUUID";
        assert_eq!(octets, expected);
    }

    #[test]
    fn what_is_brought_is_shown_when_it_is_what_a_look_up_would_find() {
        let whole = [("objectClass", "GroupOfNames"), ("entryUUID", ID)];
        let reference = Reference { resource: Some("Group".to_owned()), id: ID.to_owned() };
        assert_eq!(shown(&brought(GROUP, &whole)), Value::Reference(reference));
        let dn = Value::from("CN=Crew, ou=groups,dc=x");
        for led in [
            brought("cn=other,ou=groups,dc=x", &whole),
            brought("cn=crew,dc=x", &whole),
            brought(GROUP, &[("objectClass", "device"), ("entryUUID", ID)]),
            brought(GROUP, &[("objectClass", "groupOfNames")]),
            Vec::new(),
        ] {
            assert_eq!(shown(&led), dn, "{led:?}");
        }
    }

    #[test]
    fn what_is_malformed_brings_nothing() {
        for octets in [&b""[..], b"\x30\x03\x04\x01a", b"\x30\x05\x30\x03\x04\x01a", b"\x30\x80"] {
            let raw = RawControl { ctype: DEREF.to_owned(), crit: false, val: Some(octets.to_vec()) };
            assert_eq!(led(&[Control(None, raw)]), []);
        }
    }

    #[test]
    fn long_elements_have_long_lengths() {
        assert_eq!(element(OCTETS, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(element(OCTETS, &[0; 700])[..4], [4, 0x82, 2, 188]);
    }
}

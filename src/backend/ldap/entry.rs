//! An entry off the wire, decoded without trust: whatever is malformed is no entry, never a panic (the
//! wire library's own decoder panics). Knows no mapping.

use ldap3::asn1::{PL, StructureTag};

use crate::plan::Value;

use super::deref::Led;

/// An entry as a search, or a post-read control, gave it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    /// The DN as the server wrote it.
    pub dn: String,
    /// Attributes as the server spells them, options cut off, and their values in the server's order.
    attributes: Vec<(String, Vec<Vec<u8>>)>,
    /// Attributes of which these are the first values only, and where the next begin: Active Directory gives so
    /// many at once ([MS-ADTS] §3.1.1.3.1.3.3).
    cut: Vec<(String, usize)>,
    /// Entries that its DNs lead to, where the server brought them.
    pub led: Vec<Led>,
}

impl Entry {
    /// A SearchResultEntry (RFC 4511 §4.5.2), or the like in a post-read control (RFC 4527 §3.2).
    pub(super) fn decode(tag: StructureTag) -> Option<Self> {
        let mut parts = parts(tag)?.into_iter();
        let dn = String::from_utf8(octets(parts.next()?)?).ok()?;
        let (mut attributes, mut cut) = (Vec::new(), Vec::new());
        for attribute in self::parts(parts.next()?)? {
            let mut parts = self::parts(attribute)?.into_iter();
            let name = String::from_utf8(octets(parts.next()?)?).ok()?;
            let (name, options) = name.split_once(';').unwrap_or((&name, ""));
            cut.extend(next_of(options).map(|next| (name.to_owned(), next)));
            let name = name.to_owned();
            let values: Option<Vec<_>> = self::parts(parts.next()?)?.into_iter().map(octets).collect();
            attributes.push((name, values?));
        }
        Some(Self { dn, attributes, cut, led: Vec::new() })
    }

    /// One that was on no wire.
    pub(super) fn new(dn: String, attributes: Vec<(String, Vec<Vec<u8>>)>) -> Self {
        Self { dn, attributes, ..Self::default() }
    }

    /// One with octets, for a test.
    #[cfg(test)]
    pub(super) fn holding(dn: &str, name: &str, octets: &[u8]) -> Self {
        Self {
            dn: dn.to_owned(),
            attributes: vec![(name.to_owned(), vec![octets.to_vec()])],
            ..Self::default()
        }
    }

    /// One for a test.
    #[cfg(test)]
    pub(super) fn of(dn: &str, values: &[(&str, &str)]) -> Self {
        let attribute = |(name, value): &(&str, &str)| ((*name).to_owned(), vec![value.as_bytes().to_vec()]);
        Self { dn: dn.to_owned(), attributes: values.iter().map(attribute).collect(), ..Self::default() }
    }

    /// An attribute of which there are more values, and where they begin; it is asked for once.
    pub(super) fn take_cut(&mut self) -> Option<(String, usize)> {
        self.cut.pop()
    }

    /// Takes the values that another answer about the same entry has.
    pub(super) fn extend(&mut self, more: Self) {
        self.attributes.extend(more.attributes);
        self.cut.extend(more.cut);
    }

    /// All attributes that have no options, as the server spells them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Vec<Value>)> {
        self.attributes.iter().map(|(name, held)| (name.as_str(), held.iter().cloned().map(value).collect()))
    }

    /// The values of this attribute, whatever the case of its name and its options.
    pub(super) fn values(&self, name: &str) -> Vec<Value> {
        let matching = self.attributes.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        matching.flat_map(|(_, values)| values).cloned().map(value).collect()
    }

    /// How many values this attribute has.
    pub(super) fn count(&self, name: &str) -> usize {
        let matching = self.attributes.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        matching.map(|(_, values)| values.len()).sum()
    }

    /// Takes the values of this attribute out of the entry.
    pub(super) fn take(&mut self, name: &str) -> Vec<Vec<u8>> {
        let matching = self.attributes.extract_if(.., |(found, _)| found.eq_ignore_ascii_case(name));
        matching.flat_map(|(_, values)| values).collect()
    }

    /// The first value of this attribute, as the server sent it.
    pub(super) fn octets(&self, name: &str) -> Option<&[u8]> {
        let (_, values) = self.attributes.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        values.first().map(Vec::as_slice)
    }

    /// The first value of this attribute, when it is text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.values(name).into_iter().next().and_then(|value| value.text())
    }
}

/// The place behind `range=0-1499`; `None` where it is `range=1500-*`, the last ones, or no range at all.
fn next_of(options: &str) -> Option<usize> {
    let range = options.split(';').find_map(|option| option.strip_prefix("range="))?;
    let (_, last) = range.split_once('-')?;
    last.parse::<usize>().ok()?.checked_add(1)
}

fn value(octets: Vec<u8>) -> Value {
    String::from_utf8(octets).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text)
}

fn parts(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

fn octets(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(octets) => Some(octets),
        PL::C(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ldap3::asn1::TagClass;

    use super::*;

    fn tag(payload: PL) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 4, payload }
    }

    fn text(text: &[u8]) -> StructureTag {
        tag(PL::P(text.to_vec()))
    }

    fn list(parts: Vec<StructureTag>) -> StructureTag {
        tag(PL::C(parts))
    }

    #[test]
    fn an_entry_is_decoded_with_text_and_octets_apart() {
        let values = list(vec![text(b"512"), text(&[0xff, 0xfe])]);
        let attribute = list(vec![text(b"CN;lang-de"), values]);
        let entry = Entry::decode(list(vec![text(b"cn=a"), list(vec![attribute])])).unwrap();
        assert_eq!(entry.dn, "cn=a");
        assert_eq!(entry.values("cn"), [Value::from("512"), Value::Bytes(vec![0xff, 0xfe])]);
        assert_eq!(entry.text("Cn").as_deref(), Some("512"));
        assert_eq!(entry.text("sn"), None);
    }

    #[test]
    fn what_is_malformed_is_no_entry() {
        let odd = list(vec![text(b"cn=a"), list(vec![list(vec![text(b"cn")])])]);
        for malformed in [text(b"x"), list(vec![]), list(vec![text(&[0xff]), list(vec![])]), odd] {
            assert_eq!(Entry::decode(malformed), None);
        }
    }
}

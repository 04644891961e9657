//! Whether an entry meets a filter (RFC 4511 §4.5.1.7), of the kinds that `filter` builds.

use ldap3::asn1::Tag;

use super::super::dn::{Dn, fold};
use super::Held;

/// Attributes in which letters' case counts (RFC 2307).
const EXACT: [&str; 4] = ["memberUid", "homeDirectory", "loginShell", "gecos"];

/// Active Directory's rule for numbers in which all these bits are set.
const BIT_AND: &[u8] = b"1.2.840.113556.1.4.803";

/// A filter, taken apart by the wire library, and its text in lower case.
pub(super) struct Filter(Tag, String);

// === impl Filter ===

impl Filter {
    pub(super) fn parse(text: &str) -> Option<Self> {
        ldap3::parse_filter(text).ok().map(|filter| Self(filter, text.to_ascii_lowercase()))
    }

    /// Whether it may be about this attribute.
    pub(super) fn mentions(&self, attribute: &str) -> bool {
        self.1.contains(&attribute.to_ascii_lowercase())
    }

    pub(super) fn holds(&self, held: &Held) -> bool {
        holds(&self.0, held).unwrap_or(false)
    }
}

/// `None`: a filter of a kind that is not known here, which nothing meets.
fn holds(filter: &Tag, held: &Held) -> Option<bool> {
    match filter {
        Tag::Sequence(all) if all.id == 0 => {
            all.inner.iter().try_fold(true, |so, one| Some(so & holds(one, held)?))
        }
        Tag::Sequence(any) if any.id == 1 => {
            any.inner.iter().try_fold(false, |so, one| Some(so | holds(one, held)?))
        }
        Tag::ExplicitTag(not) if not.id == 2 => Some(!holds(&not.inner, held)?),
        Tag::OctetString(present) if present.id == 7 => {
            let name = std::str::from_utf8(&present.inner).ok()?;
            // Every entry has its classes, whatever a file leaves out.
            Some(name.eq_ignore_ascii_case("objectClass") || !held.values(name).is_empty())
        }
        Tag::Sequence(item) => compared(item.id, &item.inner, held),
        _ => None,
    }
}

fn compared(kind: u64, parts: &[Tag], held: &Held) -> Option<bool> {
    if kind == 9 {
        return bits(parts, held);
    }
    let [attribute, wanted] = parts else { return None };
    let attribute = std::str::from_utf8(octets(attribute)?).ok()?;
    let any = |test: &dyn Fn(&[u8]) -> bool| Some(held.values(attribute).iter().any(|value| test(value)));
    if let (4, Tag::Sequence(pieces)) = (kind, wanted) {
        return any(&|value| has_pieces(attribute, value, &pieces.inner));
    }
    let wanted = octets(wanted)?;
    match kind {
        3 | 8 => any(&|value| octets_equal(attribute, value, wanted)),
        5 => any(&|value| order(value, wanted).is_ge()),
        6 => any(&|value| order(value, wanted).is_le()),
        _ => None,
    }
}

/// `(attribute:1.2.840.113556.1.4.803:=number)`.
fn bits(parts: &[Tag], held: &Held) -> Option<bool> {
    let part = |id: u64| {
        parts.iter().find_map(|part| match part {
            Tag::OctetString(found) if found.id == id => Some(found.inner.as_slice()),
            _ => None,
        })
    };
    if part(1)? != BIT_AND {
        return None;
    }
    let (attribute, wanted) = (std::str::from_utf8(part(2)?).ok()?, number(part(3)?)?);
    Some(
        held.values(attribute).iter().filter_map(|value| number(value)).any(|value| value & wanted == wanted),
    )
}

fn octets(tag: &Tag) -> Option<&[u8]> {
    match tag {
        Tag::OctetString(octets) => Some(&octets.inner),
        _ => None,
    }
}

/// Whether two values of an attribute are the same: letters' case and the number of spaces do not count, nor does how a
/// DN is written.
pub(super) fn octets_equal(attribute: &str, one: &[u8], other: &[u8]) -> bool {
    let (Ok(a), Ok(b)) = (std::str::from_utf8(one), std::str::from_utf8(other)) else { return one == other };
    if one == other || is_exact(attribute) {
        return one == other;
    }
    let name =
        |text: &str| text.contains('=').then(|| Dn::parse(text)).flatten().map(|name| name.normalised());
    fold(a) == fold(b) || name(a).is_some_and(|name_of_a| name(b) == Some(name_of_a))
}

fn has_pieces(attribute: &str, value: &[u8], pieces: &[Tag]) -> bool {
    let text = |octets: &[u8]| {
        let text = String::from_utf8_lossy(octets).into_owned();
        if is_exact(attribute) { text } else { fold(&text) }
    };
    let value = text(value);
    let mut rest = value.as_str();
    pieces.iter().all(|piece| {
        let Tag::OctetString(piece) = piece else { return false };
        let wanted = text(&piece.inner);
        let after = match piece.id {
            0 => rest.strip_prefix(&wanted),
            2 => rest.strip_suffix(&wanted).map(|_| ""),
            _ => rest.find(&wanted).and_then(|at| rest.get(at + wanted.len()..)),
        };
        rest = after.unwrap_or("");
        after.is_some()
    })
}

/// Numbers by their size, all else as text.
fn order(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    match (number(one), number(other)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => one.cmp(other),
    }
}

fn number(octets: &[u8]) -> Option<i64> {
    std::str::from_utf8(octets).ok()?.parse().ok()
}

fn is_exact(attribute: &str) -> bool {
    EXACT.iter().any(|exact| exact.eq_ignore_ascii_case(attribute))
}

#[cfg(test)]
mod tests {
    use super::super::ldif;
    use super::*;

    #[test]
    fn filters_hold_as_on_a_server() {
        let text = "dn: uid=ann,dc=x\nuid: Ann  Lee\nuidNumber: 1000\nuserAccountControl: 514\nmemberUid: ann\n\
            manager: CN=Bob, dc=x\n";
        let entries = ldif::parse(text).unwrap();
        let entry = &entries[0];
        for (filter, so) in [
            ("(objectClass=*)", true),
            ("(uid=ann lee)", true),
            ("(uid=ann*)", true),
            ("(uid=*LEE)", true),
            ("(uid=*n*e*)", true),
            ("(uid=*n*x*)", false),
            ("(mail=*)", false),
            ("(!(mail=x))", true),
            ("(&(uid=*)(uidNumber>=999)(uidNumber<=1000))", true),
            ("(uidNumber>=1001)", false),
            ("(|(uid=x)(manager=cn=bob,dc=x))", true),
            ("(memberUid=ANN)", false),
            ("(userAccountControl:1.2.840.113556.1.4.803:=2)", true),
            ("(userAccountControl:1.2.840.113556.1.4.803:=16)", false),
            ("(uid:caseExactMatch:=Ann  Lee)", false),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().holds(entry), so, "{filter}");
        }
        assert!(Filter::parse("(uid").is_none());
    }
}

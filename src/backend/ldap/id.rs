//! The attributes that give entries their SCIM id, as texts: which texts can be one, how one is looked for,
//! and how it is read. Only the canonical form is an id, so that no entry has two. Knows no connection.

use super::entry::Entry;
use super::filter;

/// Groups of hexadecimal digits of an entryUUID (RFC 4530).
const UUID: &[usize] = &[8, 4, 4, 4, 12];
/// What gives the entries of Active Directory their ids.
pub(super) const GUID_ATTRIBUTE: &str = "objectGUID";
/// Octets of an objectGUID, which are shown as those groups, the first three of them turned round
/// (MS-DTYP §2.3.4.2).
const GUID: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
/// And of the nsUniqueId of 389 Directory Server.
const NS_UNIQUE_ID: &[usize] = &[8, 8, 8, 8];

/// Whether an entry can have this id.
pub(super) fn is_possible(attribute: &str, id: &str) -> bool {
    if attribute.eq_ignore_ascii_case("entryUUID") || is_guid(attribute) {
        return is_grouped(id, UUID);
    }
    if attribute.eq_ignore_ascii_case("nsUniqueId") {
        return is_grouped(id, NS_UNIQUE_ID);
    }
    !id.is_empty() && id.len() <= 256
}

/// The filter for the entry with this id.
pub(super) fn equals(attribute: &str, id: &str) -> String {
    match guid(id).filter(|_| is_guid(attribute)) {
        Some(octets) => filter::equals(attribute, &octets),
        None => filter::equals(attribute, id.as_bytes()),
    }
}

/// The id that an entry shows.
pub(super) fn of(entry: &Entry, attribute: &str) -> Option<String> {
    if !is_guid(attribute) {
        return entry.text(attribute);
    }
    let octets: [u8; 16] = entry.octets(attribute)?.try_into().ok()?;
    let digits = GUID.iter().filter_map(|at| octets.get(*at));
    let mut text: String = digits.map(|octet| format!("{octet:02x}")).collect();
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    Some(text)
}

/// What stands for the DN of an entry of Active Directory, whatever its name is by then (MS-ADTS §3.1.1.3.1.2.4).
pub(super) fn name(entry: &Entry) -> Option<String> {
    let octets: [u8; 16] = entry.octets(GUID_ATTRIBUTE)?.try_into().ok()?;
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    Some(format!("<GUID={digits}>"))
}

/// Whether the attribute is the server's own, which nobody writes.
pub(super) fn is_of_server(attribute: &str) -> bool {
    ["entryUUID", "nsUniqueId", "objectGUID"].iter().any(|own| own.eq_ignore_ascii_case(attribute))
}

/// Whether the attribute is Active Directory's, whose values are octets.
pub(super) fn is_guid(attribute: &str) -> bool {
    attribute.eq_ignore_ascii_case(GUID_ATTRIBUTE)
}

/// The octets of an objectGUID.
fn guid(id: &str) -> Option<[u8; 16]> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let mut octets = [0; 16];
    for (at, place) in GUID.iter().enumerate() {
        *octets.get_mut(*place)? = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(octets)
}

fn is_grouped(id: &str, lengths: &[usize]) -> bool {
    let is_digit = |octet: u8| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet);
    let groups: Vec<&str> = id.split('-').collect();
    let fits = |(group, length): (&&str, &usize)| group.len() == *length && group.bytes().all(is_digit);
    groups.len() == lengths.len() && groups.iter().zip(lengths).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_shown_with_its_first_three_fields_turned_round() {
        let shown = "00112233-4455-6677-8899-aabbccddeeff";
        let octets = b"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
        assert_eq!(guid(shown).as_ref(), Some(octets));
        assert_eq!(of(&Entry::holding("cn=a", "objectGUID", octets), "ObjectGuid").as_deref(), Some(shown));
        let filter = "(objectGUID=\\33\\22\\11\\00\\55\\44\\77\\66\\88\\99\\aa\\bb\\cc\\dd\\ee\\ff)";
        assert_eq!(equals("objectGUID", shown), filter);
        let entry = Entry::holding("cn=a", "objectGUID", octets);
        assert_eq!(name(&entry).as_deref(), Some("<GUID=33221100554477668899aabbccddeeff>"));
        // Sixteen octets that happen to be text are none the less octets.
        assert_eq!(
            of(&Entry::holding("cn=a", "objectGUID", b"abcdefghijklmnop"), "objectGUID").as_deref(),
            Some("64636261-6665-6867-696a-6b6c6d6e6f70")
        );
        assert_eq!(of(&Entry::holding("cn=a", "objectGUID", b"short"), "objectGUID"), None);
    }

    #[test]
    fn only_the_canonical_form_is_an_id() {
        for (attribute, id) in [
            ("entryUUID", "11111111-2222-3333-4444-55555555aaaa"),
            ("objectGUID", "11111111-2222-3333-4444-55555555aaaa"),
            ("nsuniqueid", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1d3"),
            ("employeeNumber", "7"),
        ] {
            assert!(is_possible(attribute, id), "{attribute} {id}");
        }
        for (attribute, id) in [
            ("entryUUID", "11111111-2222-3333-4444-55555555AAAA"),
            ("entryUUID", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1d3"),
            ("objectGUID", "11111111-2222-3333-4444-55555555AAAA"),
            ("nsUniqueId", "9AD2C981-cb9c11f0-8f1ba9a5-7b3bf1d3"),
            ("nsUniqueId", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1d3-"),
            ("nsUniqueId", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1dé"),
            ("employeeNumber", ""),
        ] {
            assert!(!is_possible(attribute, id), "{attribute} {id}");
        }
    }
}

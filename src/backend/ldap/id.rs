//! The attributes that give entries their SCIM id, as texts: which texts can be one, how one is looked for,
//! and how it is read. Only the canonical form is an id, so that no entry has two. Knows no connection.

use super::entry::Entry;
use super::filter;

/// Groups of hexadecimal digits of an entryUUID (RFC 4530).
const UUID: &[usize] = &[8, 4, 4, 4, 12];
/// And of the nsUniqueId of 389 Directory Server.
const NS_UNIQUE_ID: &[usize] = &[8, 8, 8, 8];

/// Whether an entry can have this id.
pub(super) fn is_possible(attribute: &str, id: &str) -> bool {
    if attribute.eq_ignore_ascii_case("entryUUID") {
        return is_grouped(id, UUID);
    }
    if attribute.eq_ignore_ascii_case("nsUniqueId") {
        return is_grouped(id, NS_UNIQUE_ID);
    }
    !id.is_empty() && id.len() <= 256
}

/// The filter for the entry with this id.
pub(super) fn equals(attribute: &str, id: &str) -> String {
    filter::equals(attribute, id.as_bytes())
}

/// The id that an entry shows.
pub(super) fn of(entry: &Entry, attribute: &str) -> Option<String> {
    entry.text(attribute)
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
    fn only_the_canonical_form_is_an_id() {
        for (attribute, id) in [
            ("entryUUID", "11111111-2222-3333-4444-55555555aaaa"),
            ("nsuniqueid", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1d3"),
            ("employeeNumber", "7"),
        ] {
            assert!(is_possible(attribute, id), "{attribute} {id}");
        }
        for (attribute, id) in [
            ("entryUUID", "11111111-2222-3333-4444-55555555AAAA"),
            ("entryUUID", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1d3"),
            ("nsUniqueId", "9AD2C981-cb9c11f0-8f1ba9a5-7b3bf1d3"),
            ("nsUniqueId", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1d3-"),
            ("nsUniqueId", "9ad2c981-cb9c11f0-8f1ba9a5-7b3bf1dé"),
            ("employeeNumber", ""),
        ] {
            assert!(!is_possible(attribute, id), "{attribute} {id}");
        }
    }
}

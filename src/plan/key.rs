//! The key of a table: one or more columns, and the SCIM id that their values make.
//!
//! The id of one column is its value's text. Of several it is the texts joined by `.`: letters, digits, `-` and
//! `_` stand for themselves, every other octet is `~` and two hexadecimal digits, and an empty text is `~` alone. So
//! an id is readable where the values are (`ACME.42`), needs no escape in a URL, is never a dot segment of a path, and
//! no two keys have the same. What is not written so is no id, even where it could be read.

use std::fmt;
use std::sync::Arc;

/// The columns of a key, in their order; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<Arc<str>>);

// === impl Key ===

impl Key {
    /// A key of these columns; `None` without any.
    pub fn of(columns: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Option<Self> {
        let columns: Vec<Arc<str>> = columns.into_iter().map(Into::into).collect();
        (!columns.is_empty()).then_some(Self(columns))
    }

    /// The columns, in their order.
    pub fn columns(&self) -> &[Arc<str>] {
        &self.0
    }

    /// How many columns it has.
    #[allow(clippy::len_without_is_empty)] // it never is
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is one of its columns.
    pub fn has(&self, column: &str) -> bool {
        self.0.iter().any(|own| **own == *column)
    }

    /// The values' texts, column by column, that make this id; `None` when it is none of such a key.
    pub fn parts(&self, id: &str) -> Option<Vec<String>> {
        if self.0.len() == 1 {
            return Some(vec![id.to_owned()]);
        }
        let parts: Vec<String> = id.split('.').map(decoded).collect::<Option<_>>()?;
        (parts.len() == self.0.len() && id_of(&parts) == id).then_some(parts)
    }
}

impl From<Arc<str>> for Key {
    fn from(column: Arc<str>) -> Self {
        Self(vec![column])
    }
}

/// A column's name, or of several `(A, B)`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            several => write!(f, "({})", several.join(", ")),
        }
    }
}

/// The id that these values' texts make.
pub fn id_of(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => several.iter().map(|part| encoded(part)).collect::<Vec<_>>().join("."),
    }
}

fn encoded(part: &str) -> String {
    if part.is_empty() {
        return "~".to_owned();
    }
    let mut text = String::with_capacity(part.len());
    for octet in part.bytes() {
        match octet {
            b'-' | b'_' => text.push(octet.into()),
            octet if octet.is_ascii_alphanumeric() => text.push(octet.into()),
            octet => text.push_str(&format!("~{octet:02x}")),
        }
    }
    text
}

/// What a part of an id stands for; also of one that is written otherwise than [`encoded`] does.
fn decoded(text: &str) -> Option<String> {
    if text == "~" {
        return Some(String::new());
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'~' {
            octets.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = more;
    }
    // No parameter of a statement can hold U+0000.
    String::from_utf8(octets).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(columns: usize) -> Key {
        Key::of((0..columns).map(|number| format!("K{number}"))).unwrap()
    }

    fn texts(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    /// Characters that mean something here or elsewhere, and others.
    fn part() -> impl Strategy<Value = String> {
        let odd =
            prop::sample::select(vec!['~', '.', '/', '%', '0', 'a', 'A', '-', '_', ' ', '?', 'é', '😀']);
        let c = prop_oneof![odd, any::<char>().prop_filter("U+0000", |c| *c != '\0')];
        prop::collection::vec(c, 0..6).prop_map(String::from_iter)
    }

    #[test]
    fn simple_values_are_readable_and_one_column_is_as_it_is() {
        for (parts, id) in [
            (vec!["42"], "42"),
            (vec!["a.b~/"], "a.b~/"),
            (vec!["ACME", "42"], "ACME.42"),
            (vec!["a-b_c", "2026-01-31"], "a-b_c.2026-01-31"),
            (vec!["a.b", "c d", "~"], "a~2eb.c~20d.~7e"),
            (vec!["é", "x"], "~c3~a9.x"),
            (vec!["", ""], "~.~"),
            (vec![".", ".."], "~2e.~2e~2e"),
        ] {
            assert_eq!(id_of(&texts(&parts)), id);
            assert_eq!(key(parts.len()).parts(id), Some(texts(&parts)));
        }
    }

    #[test]
    fn what_is_written_otherwise_is_no_id() {
        for id in [
            "",
            ".",
            "..",
            "...",
            "ACME",
            "ACME.",
            ".42",
            "ACME.42.",
            "ACME.42.1",
            "ACME..42",
            "~",
            "~~.1",
            "a.~4",
            "a.~4g",
            "a.~+1",
            "a.~2E",
            "a.~41",
            "a.~",
            "a~.1",
            "~c3.1",
            "~ff.1",
            "~00.1",
            "a.b/c",
            "a.b c",
            "a.é",
            "a.%34%32",
        ] {
            let parts = key(2).parts(id);
            assert_eq!(parts, (id == "a.~").then(|| texts(&["a", ""])), "{id:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_key(parts in prop::collection::vec(part(), 1..5)) {
            prop_assert_eq!(key(parts.len()).parts(&id_of(&parts)), Some(parts));
        }

        #[test]
        fn two_keys_never_have_the_same_id(
            a in prop::collection::vec(part(), 2..5),
            b in prop::collection::vec(part(), 2..5),
        ) {
            prop_assert_eq!(id_of(&a) == id_of(&b), a == b);
        }

        #[test]
        fn an_id_is_a_segment_of_a_path_as_it_is(parts in prop::collection::vec(part(), 2..5)) {
            let id = id_of(&parts);
            prop_assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)), "{}", id);
            prop_assert!(!matches!(id.as_str(), "" | "." | ".."));
        }

        /// Whatever a client sends is read to a key whose id it is, or not at all.
        #[test]
        fn only_one_text_is_the_id_of_a_key(id in "[~.0-9a-fA-F/é]{0,8}", columns in 2..4_usize) {
            if let Some(parts) = key(columns).parts(&id) {
                prop_assert_eq!(id_of(&parts), id);
                prop_assert_eq!(parts.len(), columns);
            }
        }
    }
}

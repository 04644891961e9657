//! What a directory's schema has, by name (RFC 4512 §4.2): its attribute types and object classes, under every
//! name that they have. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;

/// The attribute of the rootDSE, and of every entry, that says where the schema is.
pub(super) const SUBENTRY: &str = "subschemaSubentry";
/// The attributes of the schema's entry.
pub(super) const ATTRIBUTES: [&str; 2] = ["attributeTypes", "objectClasses"];

/// The names that a schema knows, in lower case.
pub(super) struct Schema {
    attribute_types: BTreeSet<String>,
    object_classes: BTreeSet<String>,
    /// What entries of a class must have beside what its superior classes say.
    must: BTreeMap<String, BTreeSet<String>>,
}

// === impl Schema ===

impl Schema {
    /// Reads the schema's entry; `None` when it shows nothing.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let [attribute_types, object_classes] = ATTRIBUTES.map(|attribute| -> BTreeSet<String> {
            let descriptions = entry.values(attribute).into_iter().filter_map(|value| value.text());
            descriptions.flat_map(|description| names(&description)).collect()
        });
        let described = entry.values(ATTRIBUTES[1]).into_iter().filter_map(|value| value.text());
        let must = described.flat_map(|text| {
            let needed = oids(&text, " MUST ");
            names(&text).into_iter().map(move |name| (name, needed.clone()))
        });
        let must = must.collect();
        (!attribute_types.is_empty()).then_some(Self { attribute_types, object_classes, must })
    }

    /// Names of all attributes, in lower case.
    pub(super) fn attributes(&self) -> &BTreeSet<String> {
        &self.attribute_types
    }

    /// What entries of each class must have; all in lower case.
    pub(super) fn musts(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.must
    }

    pub(super) fn has_attribute(&self, name: &str) -> bool {
        self.attribute_types.contains(&name.to_ascii_lowercase())
    }

    pub(super) fn has_class(&self, name: &str) -> bool {
        self.object_classes.contains(&name.to_ascii_lowercase())
    }
}

/// The names in a description: `( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC …`, or `NAME 'sn'`.
fn names(description: &str) -> Vec<String> {
    let Some((_, after)) = description.split_once(" NAME ") else { return Vec::new() };
    let after = after.trim_start();
    let listed = match after.strip_prefix('(') {
        Some(list) => list.split(')').next().unwrap_or_default(),
        None => after.get(..after.match_indices('\'').nth(1).map_or(0, |(at, _)| at + 1)).unwrap_or_default(),
    };
    listed.split('\'').skip(1).step_by(2).map(str::to_ascii_lowercase).collect()
}

/// The names behind a keyword: `MUST ( sn $ cn )`, or `MUST cn`.
fn oids(description: &str, keyword: &str) -> BTreeSet<String> {
    let Some((_, after)) = description.split_once(keyword) else { return BTreeSet::new() };
    let after = after.trim_start();
    let listed = match after.strip_prefix('(') {
        Some(list) => list.split(')').next().unwrap_or_default(),
        None => after.split(' ').next().unwrap_or_default(),
    };
    listed.split('$').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_whatever_its_case() {
        let entry = Entry::of(
            "cn=schema",
            &[
                ("attributeTypes", "( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'the ( sur''name' SUP name )"),
                ("attributeTypes", "( 0.9.2342.19200300.100.1.3 NAME 'mail' EQUALITY caseIgnoreIA5Match )"),
                ("objectClasses", "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) )"),
                ("objectClasses", "( 1.2.3 DESC 'has no name' )"),
            ],
        );
        let schema = Schema::of(&entry).unwrap();
        assert!(["sn", "SurName", "mail"].iter().all(|name| schema.has_attribute(name)));
        assert!(schema.has_class("Person") && !schema.has_class("sn") && !schema.has_attribute("cn"));
        assert_eq!(schema.musts()["person"], ["cn".to_owned(), "sn".to_owned()].into());
        assert_eq!(oids("( 1.2 NAME 'x' MUST cn MAY ( a $ b ) )", " MUST "), ["cn".to_owned()].into());
        assert!(Schema::of(&Entry::default()).is_none());
    }
}

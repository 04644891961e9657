//! A small model for the tests of this folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::{DeleteRule, Entity, Entries, Model, Native, OnDelete, Store};

pub(super) fn people() -> Entries {
    Entries {
        base: "ou=people,dc=x".to_owned(),
        classes: vec!["inetOrgPerson".to_owned()],
        rdn: "uid".into(),
        id: "entryUUID".into(),
        placeholder: None,
        ..Entries::default()
    }
}

pub(super) fn groups() -> Entries {
    Entries {
        base: "ou=groups,dc=x".to_owned(),
        classes: vec!["groupOfNames".to_owned()],
        rdn: "cn".into(),
        id: "entryUUID".into(),
        placeholder: Some(("member".into(), "cn=nobody".to_owned())),
        ..Entries::default()
    }
}

pub(super) fn model() -> Model {
    let entity = |name: &str, entries, references: &[(&str, &[&str])], unique: &str| {
        let references = references.iter().map(|(native, targets)| {
            (Native::own(*native), targets.iter().map(|target| Arc::from(*target)).collect())
        });
        let entity = Entity {
            name: name.into(),
            store: Store::Entries(entries),
            references: references.collect(),
            unique: vec![Native::own(unique)],
            version: Some(Native::own("entryCSN")),
            on_delete: vec![DeleteRule::always(OnDelete::Delete)],
            read_only: false,
            unscoped: None,
        };
        (Arc::from(name), entity)
    };
    Model {
        entities: BTreeMap::from([
            entity("User", people(), &[("memberOf", &["Group"])], "uid"),
            entity("Group", groups(), &[("member", &["User", "Group"])], "cn"),
        ]),
        ..Model::default()
    }
}

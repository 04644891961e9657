//! The directory in memory through the port, as a server: what is written is found, and refused where a server would.

use std::sync::Arc;

use time::macros::datetime;

use super::super::{Kind, Ldap, fixture};
use crate::backend::{Backend, Failure, Intent};
use crate::limits::Limits;
use crate::plan::{
    Action, AttributeChange, Expect, Fields, Found, LdapOperation, ModifyKind, Native, Plan, Predicate,
    Range, Record, Search, Step, Value,
};

const ADA: &str = "7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01";
const CREW: &str = "7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8c01";
const LDIF: &str = "dn: uid=ada,ou=people,dc=x\nobjectClass: inetOrgPerson\nuid: ada\nsn: King\n\
    entryUUID: 7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01\n\n\
    dn: cn=Crew,ou=groups,dc=x\nobjectClass: groupOfNames\ncn: Crew\nmember: UID=ada,ou=people, dc=x\n\
    entryUUID: 7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8c01\n";

fn directory() -> Ldap {
    let now = datetime!(2026-01-15 08:00 UTC);
    Ldap::in_memory(LDIF, Arc::new(fixture::model()), Kind::OpenLdap, now, &Limits::default()).unwrap()
}

async fn done(ldap: &Ldap, operations: Vec<LdapOperation>) -> Result<Option<String>, Failure> {
    let step = |operation| Step {
        about: String::new(),
        action: Action::Ldap(operation),
        expect: Expect::Done,
        undo: None,
    };
    let plan = Plan { steps: operations.into_iter().map(step).collect(), ..Plan::default() };
    ldap.session(Intent::Write).await.unwrap().execute(&plan).await
}

/// What is there of this id.
async fn found(ldap: &Ldap, entity: &str, id: &str, natives: &[&str]) -> Option<Record> {
    let natives = natives.iter().map(|native| Native::own(*native)).collect();
    let search = Search {
        entity: entity.into(),
        predicate: Predicate::Id(vec![id.to_owned()]),
        fields: Fields { natives, ..Fields::default() },
        range: Range::first(1),
    };
    let Found { records, .. } = ldap.session(Intent::Read).await.unwrap().search(&search).await.unwrap();
    records.into_iter().next()
}

fn texts(record: &Record, native: &str) -> Vec<String> {
    record.values.get(&Native::own(native)).into_iter().flatten().filter_map(Value::text).collect()
}

fn modify(dn: &str, kind: ModifyKind, attribute: &str, values: &[&str]) -> LdapOperation {
    let values = values.iter().map(|value| Value::from(*value)).collect();
    let changes = vec![AttributeChange { kind, attribute: attribute.to_owned(), values }];
    LdapOperation::Modify { dn: dn.to_owned(), changes, assertion: None }
}

fn add(dn: &str) -> LdapOperation {
    let attributes = vec![("objectClass".to_owned(), vec![Value::from("inetOrgPerson")])];
    LdapOperation::Add { dn: dn.to_owned(), attributes }
}

fn rename(dn: &str, new_rdn: &str) -> LdapOperation {
    LdapOperation::ModifyDn {
        dn: dn.to_owned(),
        new_rdn: new_rdn.to_owned(),
        new_superior: None,
        assertion: None,
    }
}

fn delete(dn: &str) -> LdapOperation {
    LdapOperation::Delete { dn: dn.to_owned(), assertion: None }
}

#[tokio::test]
async fn what_is_made_is_found_with_what_a_server_adds() {
    let ldap = directory();
    let id = done(&ldap, vec![add("uid=bob,ou=people,dc=x")]).await.unwrap().unwrap();
    assert_eq!(id, "00000000-0000-0000-0000-000000000001");
    let bob = found(&ldap, "User", &id, &["uid", "createTimestamp"]).await.unwrap();
    assert_eq!(
        (texts(&bob, "uid"), texts(&bob, "createTimestamp")),
        (vec!["bob".to_owned()], vec!["20260115080000Z".to_owned()])
    );
    assert_eq!(texts(&bob, "entryCSN"), ["20260115080000.000001Z#000000#000#000000"]);
    let next = done(&ldap, vec![add("uid=cy,ou=people,dc=x")]).await.unwrap();
    assert_eq!(next.as_deref(), Some("00000000-0000-0000-0000-000000000002"));
}

#[tokio::test]
async fn names_are_followed_and_groups_are_shown() {
    let ldap = directory();
    let groups = |record: &Record| texts(record, "memberOf");
    let ada = found(&ldap, "User", ADA, &["uid", "memberOf"]).await.unwrap();
    assert_eq!(groups(&ada), [CREW]);
    done(&ldap, vec![rename("uid=ada,ou=people,dc=x", "uid=king")]).await.unwrap();
    let king = found(&ldap, "User", ADA, &["uid", "memberOf"]).await.unwrap();
    assert_eq!((texts(&king, "uid"), groups(&king)), (vec!["king".to_owned()], vec![CREW.to_owned()]));
    done(&ldap, vec![delete("uid=king,ou=people,dc=x")]).await.unwrap();
    assert_eq!(found(&ldap, "User", ADA, &["uid"]).await, None);
    // The placeholder is there in place of the last one, and not shown.
    let crew = found(&ldap, "Group", CREW, &["member"]).await.unwrap();
    assert!(texts(&crew, "member").is_empty());
    done(&ldap, vec![modify("cn=Crew,ou=groups,dc=x", ModifyKind::Delete, "member", &["cn=nobody"])])
        .await
        .unwrap_err();
}

#[tokio::test]
async fn what_a_server_would_refuse_is_refused_and_leaves_nothing() {
    let (ada, crew) = ("uid=ada,ou=people,dc=x", "cn=Crew,ou=groups,dc=x");
    let member = "uid=ada,ou=people,dc=x";
    for (operation, told) in [
        (add("UID=Ada,ou=people,dc=x"), "uniqueness: "),
        (add("uid=bob,ou=nowhere,dc=x"), "internal: the parent does not exist"),
        (modify(ada, ModifyKind::Add, "sn", &["King"]), "conflict: LDAP result 20"),
        (modify(ada, ModifyKind::Delete, "sn", &["Queen"]), "conflict: LDAP result 16"),
        (modify(ada, ModifyKind::Delete, "mail", &[]), "conflict: LDAP result 16"),
        (modify(ada, ModifyKind::Replace, "uid", &["x"]), "rejected: uid: its name cannot be changed so"),
        (modify(crew, ModifyKind::Delete, "member", &[member]), "conflict: the last value goes"),
        (modify("uid=x,ou=people,dc=x", ModifyKind::Add, "sn", &["x"]), "internal: there is no entry"),
        (rename(ada, "uid=bob"), "uniqueness: "),
        (delete("uid=x,ou=people,dc=x"), "conflict: LDAP result 32"),
        (delete("uid=bob,ou=people,dc=x"), "refused: other entries stand below"),
    ] {
        let ldap = directory();
        done(&ldap, vec![add("uid=bob,ou=people,dc=x"), add("cn=below,uid=bob,ou=people,dc=x")])
            .await
            .unwrap();
        let changed = modify(ada, ModifyKind::Add, "title", &["Countess"]);
        let undo = Some(modify(ada, ModifyKind::Delete, "title", &["Countess"]));
        let first = Step { about: String::new(), action: Action::Ldap(changed), expect: Expect::Done, undo };
        let last = Step { action: Action::Ldap(operation.clone()), undo: None, ..first.clone() };
        let plan = Plan { steps: vec![first, last], ..Plan::default() };
        let failure =
            ldap.session(Intent::Write).await.unwrap().execute(&plan).await.unwrap_err().to_string();
        assert!(failure.starts_with(told), "{operation:?}: {failure}");
        let ada = found(&ldap, "User", ADA, &["title", "sn"]).await.unwrap();
        assert_eq!(
            (texts(&ada, "title").len(), texts(&ada, "sn")),
            (0, vec!["King".to_owned()]),
            "{operation:?}"
        );
    }
}

//! Each operation with facts by hand: what is asked first, and what is then done.

use std::collections::BTreeMap;

use super::*;
use crate::backend::ldap::fixture;
use crate::plan::{
    Case, Change, Changes, Create, Delete, DeleteRule, Disable, Disabled, Fields, Found, Move, Native,
    OnDelete, Predicate, Range, Record, Reference, Row, Secret, Store, Test, Update, Value,
};

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const BEN: &str = "00000000-0000-0000-0000-00000000000b";
const TEAM: &str = "00000000-0000-0000-0000-0000000000aa";

fn run(operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
    lower(&fixture::model(), operation, facts)
}

fn needs(operation: &Operation, facts: &Facts) -> Vec<Search> {
    match run(operation, facts) {
        Ok(Lowered::Need(needs)) => needs,
        other => panic!("{other:?}"),
    }
}

fn printed(operation: &Operation, facts: &Facts) -> String {
    match run(operation, facts) {
        Ok(Lowered::Plan(plan)) => plan.render(),
        other => panic!("{other:?}"),
    }
}

fn found(ids: &[(&str, &str)]) -> Found {
    let record = |(id, dn): &(&str, &str)| Record {
        id: (*id).to_owned(),
        dn: Some((*dn).to_owned()),
        ..Record::default()
    };
    Found { records: ids.iter().map(record).collect(), ..Found::default() }
}

fn exists(facts: &mut Facts, entity: &str, id: &str, dn: &str) {
    facts.add(Search::existing(&entity.into(), vec![id.to_owned()]), found(&[(id, dn)]));
}

fn absent(facts: &mut Facts, entity: &str, id: &str) {
    facts.add(Search::existing(&entity.into(), vec![id.to_owned()]), found(&[]));
}

/// The facts after every search has found nothing more than was known before.
fn answered(operation: &Operation, mut facts: Facts) -> Facts {
    while let Ok(Lowered::Need(needs)) = run(operation, &facts) {
        needs.into_iter().for_each(|search| facts.add(search, Found::default()));
    }
    facts
}

fn member(id: &str) -> Value {
    Value::Reference(Reference { resource: None, id: id.to_owned() })
}

fn user(values: &[(&str, Value)], rdn: Option<&str>) -> Operation {
    let values = values.iter().map(|(name, value)| (Native::own(*name), vec![value.clone()]));
    let record = Record { rdn: rdn.map(str::to_owned), values: values.collect(), ..Record::default() };
    Operation::Create(Create { entity: "User".into(), record, hooks: Vec::new() })
}

fn update(entity: &str, id: &str, values: &[(&str, Change)], rdn: Option<&str>) -> Operation {
    let values: BTreeMap<_, _> =
        values.iter().map(|(name, change)| (Native::own(*name), change.clone())).collect();
    let changes = Changes { values, rdn: rdn.map(str::to_owned), ..Changes::default() };
    Operation::Update(Update {
        entity: entity.into(),
        id: id.to_owned(),
        changes,
        version: None,
        hooks: Vec::new(),
    })
}

fn swap(old: &str, new: &str) -> Change {
    Change { remove: vec![old.into()], add: vec![new.into()], repeatable: false }
}

fn delta(remove: &[&str], add: &[&str]) -> Change {
    let members = |ids: &[&str]| ids.iter().map(|id| member(id)).collect();
    Change { remove: members(remove), add: members(add), repeatable: true }
}

#[test]
fn a_create_asks_for_uniqueness_and_is_one_add() {
    let create = user(&[("uid", "a,b".into()), ("sn", "x".into()), ("cn", "Ann".into())], Some("a,b"));
    let asked = needs(&create, &Facts::default());
    let unique = Predicate::Test(Native::own("uid"), Test::Equals("a,b".into(), Case::Folded));
    assert_eq!(asked.iter().map(|search| &search.predicate).collect::<Vec<_>>(), [&unique]);
    assert_eq!(
        printed(&create, &answered(&create, Facts::default())),
        "version: 1\n\n# the new User entry\ndn: uid=a\\2cb,ou=people,dc=x\nchangetype: add\n\
         objectClass: inetOrgPerson\nuid: a,b\ncn: Ann\nsn: x\n"
    );
}

#[test]
fn a_value_that_is_taken_is_uniqueness() {
    let create = user(&[("uid", "ann".into())], Some("ann"));
    let mut facts = Facts::default();
    let search = needs(&create, &facts).remove(0);
    facts.add(search, found(&[(BEN, "uid=Ann,ou=people,dc=x")]));
    assert!(matches!(run(&create, &facts), Err(Failure::Uniqueness(_))));
}

#[test]
fn what_cannot_be_stored_is_refused() {
    for create in [
        user(&[("sn", "".into())], Some("a")),
        user(&[("sn", "x".into())], None),
        user(&[("sn", "x".into())], Some("a\0")),
        user(&[("userPassword", Value::Secret(Secret::new("")))], Some("a")),
    ] {
        let facts = answered(&create, Facts::default());
        assert!(matches!(run(&create, &facts), Err(Failure::Rejected(..))), "{create:?}");
    }
}

#[test]
fn a_group_looks_its_members_up_in_one_search_a_type_and_keeps_its_placeholder() {
    let values = BTreeMap::from([(Native::own("member"), vec![member(ANN), member(BEN)])]);
    let record = Record { rdn: Some("team".to_owned()), values, ..Record::default() };
    let create = Operation::Create(Create { entity: "Group".into(), record, hooks: Vec::new() });
    let asked = needs(&create, &Facts::default());
    let both = vec![ANN.to_owned(), BEN.to_owned()];
    assert_eq!(asked.len(), 2);
    assert!(asked.contains(&Search::existing(&"User".into(), both.clone())));

    let mut facts = Facts::default();
    let people = found(&[(ANN, "uid=ann,ou=people,dc=x")]);
    facts.add(Search::existing(&"User".into(), both.clone()), people);
    facts.add(Search::existing(&"Group".into(), both), found(&[(BEN, "cn=ben,ou=groups,dc=x")]));
    assert!(printed(&create, &facts).ends_with(
        "cn: team\nmember: cn=nobody\nmember: uid=ann,ou=people,dc=x\nmember: cn=ben,ou=groups,dc=x\n"
    ));
    let nobody = answered(&create, Facts::default());
    assert!(matches!(run(&create, &nobody), Err(Failure::Rejected(client, _)) if client.contains(ANN)));
}

#[test]
fn an_update_asserts_the_entry_or_its_version() {
    let mut change = update("User", ANN, &[("sn", swap("a", "b"))], None);
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    let expected = |assertion: &str| {
        format!(
            "version: 1\n\n# the User entry's values\n# only if {assertion}\ndn: uid=ann,ou=people,dc=x\n\
             changetype: modify\ndelete: sn\nsn: a\n-\nadd: sn\nsn: b\n-\n"
        )
    };
    assert_eq!(printed(&change, &facts), expected(&format!("(entryUUID={ANN})")));
    if let Operation::Update(update) = &mut change {
        update.version = Some("2026Z#0".into());
    }
    assert_eq!(printed(&change, &facts), expected("(entryCSN=2026Z#0)"));
}

#[test]
fn a_rename_comes_first_and_takes_the_naming_attribute_along() {
    let change = update("User", ANN, &[("uid", swap("ann", "a+b")), ("sn", swap("a", "b"))], Some("a+b"));
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=sub\\, unit,ou=people,dc=x");
    let facts = answered(&change, facts);
    assert_eq!(
        printed(&change, &facts),
        format!(
            "version: 1\n\n# the User entry's new name\n# only if (entryUUID={ANN})\n\
             dn: uid=ann,ou=sub\\, unit,ou=people,dc=x\nchangetype: modrdn\nnewrdn: uid=a\\2bb\n\
             deleteoldrdn: 1\n# undone by:\n# dn: uid=a\\2bb,ou=sub\\, unit,ou=people,dc=x\n\
             # changetype: modrdn\n# newrdn: uid=ann\n# deleteoldrdn: 1\n\n\
             # the User entry's values\n# only if (entryUUID={ANN})\n\
             dn: uid=a\\2bb,ou=sub\\, unit,ou=people,dc=x\nchangetype: modify\n\
             delete: sn\nsn: a\n-\nadd: sn\nsn: b\n-\n"
        )
    );
}

#[test]
fn a_name_that_stays_is_no_rename() {
    let change = update("User", ANN, &[], Some("a,b"));
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=a\\2Cb,ou=people,dc=x");
    assert_eq!(run(&change, &facts).unwrap(), plan(Vec::new()));
}

#[test]
fn ones_own_value_is_not_taken() {
    let change = update("User", ANN, &[("uid", swap("ann", "ANN"))], Some("ANN"));
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    let search = needs(&change, &facts).remove(0);
    let mut taken = facts.clone();
    facts.add(search.clone(), found(&[(ANN, "uid=ann,ou=people,dc=x")]));
    assert!(printed(&change, &facts).contains("newrdn: uid=ANN"));
    taken.add(search, found(&[(BEN, "uid=ann,ou=sub,ou=people,dc=x")]));
    assert!(matches!(run(&change, &taken), Err(Failure::Uniqueness(_))));
}

#[test]
fn a_password_replaces_what_was_there() {
    let secret = Change { add: vec![Value::Secret(Secret::new("hunter2"))], ..Change::default() };
    let change = update("User", ANN, &[("userPassword", secret)], None);
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    let printed = printed(&change, &facts);
    assert!(printed.contains("replace: userPassword: (secret, left out)"), "{printed}");
    assert!(!printed.contains("hunter2"));
}

#[test]
fn membership_is_a_delta_and_a_removed_member_that_is_gone_is_no_error() {
    let change = update("Group", TEAM, &[("member", delta(&[BEN], &[ANN]))], None);
    let mut facts = Facts::default();
    exists(&mut facts, "Group", TEAM, "cn=team,ou=groups,dc=x");
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    absent(&mut facts, "User", BEN);
    absent(&mut facts, "Group", BEN);
    assert!(printed(&change, &facts).ends_with("modify\nadd: member\nmember: uid=ann,ou=people,dc=x\n-\n"));
}

#[test]
fn after_a_conflict_only_what_is_left_is_done_and_the_placeholder_comes_back() {
    let change = update("Group", TEAM, &[("member", delta(&[BEN], &[ANN]))], None);
    let mut facts = Facts::default();
    facts.attempt = 1;
    exists(&mut facts, "Group", TEAM, "cn=team,ou=groups,dc=x");
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    exists(&mut facts, "User", BEN, "uid=ben,ou=people,dc=x");
    let holds = |value: Value| Search {
        entity: "Group".into(),
        predicate: Predicate::And(vec![
            Predicate::Id(vec![TEAM.to_owned()]),
            Predicate::Test(Native::own("member"), Test::Equals(value, Case::Folded)),
        ]),
        fields: Fields::default(),
        range: Range::first(1),
    };
    let team = found(&[(TEAM, "cn=team,ou=groups,dc=x")]);
    let mut emptied = facts.clone();
    for (value, present) in [(member(ANN), true), (member(BEN), true), ("cn=nobody".into(), false)] {
        emptied.add(holds(value), if present { team.clone() } else { Found::default() });
    }
    assert!(printed(&change, &emptied).ends_with(
        "modify\ndelete: member\nmember: uid=ben,ou=people,dc=x\n-\nadd: member\nmember: cn=nobody\n-\n"
    ));
    for (value, present) in [(member(ANN), true), (member(BEN), false), ("cn=nobody".into(), true)] {
        facts.add(holds(value), if present { team.clone() } else { Found::default() });
    }
    assert_eq!(run(&change, &facts).unwrap(), plan(Vec::new()));
    // A stamp is one of a change; where none is left, it stays.
    let stamp = Change { add: vec!["now".into()], ..Change::default() };
    let stamped = update("Group", TEAM, &[("description", stamp), ("member", delta(&[BEN], &[ANN]))], None);
    assert!(printed(&stamped, &emptied).contains("description: now"));
    assert_eq!(run(&stamped, &facts).unwrap(), plan(Vec::new()));
}

#[test]
fn many_members_are_several_modifies_with_inverses_on_active_directory_only() {
    let id = |number: usize| format!("00000000-0000-0000-0000-{number:012x}");
    let ids: Vec<String> = (0x1000..0x1000 + 2_500).map(id).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let change = update("Group", TEAM, &[("member", delta(&[], &names))], None);
    let steps = |of: &str| {
        let mut model = fixture::model();
        for entity in model.entities.values_mut() {
            if let Store::Entries(entries) = &mut entity.store {
                entries.id = of.into();
            }
        }
        let mut facts = Facts::default();
        exists(&mut facts, "Group", TEAM, "cn=team,ou=groups,dc=x");
        ids.iter().for_each(|id| exists(&mut facts, "User", id, &format!("uid={id},ou=people,dc=x")));
        ids.iter().for_each(|id| absent(&mut facts, "Group", id));
        match lower(&model, &change, &facts) {
            Ok(Lowered::Plan(plan)) => plan.steps,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(steps("entryUUID").len(), 1);
    let steps = steps("objectGUID");
    assert_eq!(steps.iter().map(|step| step.undo.is_some()).collect::<Vec<_>>(), [true, true, false]);
    for step in steps {
        let Action::Ldap(LdapOperation::Modify { assertion, .. }) = step.action else { panic!("{step:?}") };
        assert!(assertion.unwrap().starts_with("(objectGUID="));
    }
}

#[test]
fn a_delete_asserts_the_entry_and_what_is_gone_is_not_found() {
    let delete = Operation::Delete(Delete {
        entity: "User".into(),
        id: ANN.to_owned(),
        version: None,
        stamps: BTreeMap::new(),
        now: "now".into(),
        hooks: Vec::new(),
    });
    assert_eq!(needs(&delete, &Facts::default()), [Search::existing(&"User".into(), vec![ANN.to_owned()])]);
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    assert!(printed(&delete, &facts).ends_with("dn: uid=ann,ou=people,dc=x\nchangetype: delete\n"));
    let mut facts = Facts::default();
    absent(&mut facts, "User", ANN);
    assert!(matches!(run(&delete, &facts), Err(Failure::NotFound(_))));
}

#[test]
fn a_search_by_member_looks_the_member_up_first() {
    let predicate = Predicate::Test(Native::own("member"), Test::Equals(member(ANN), Case::Exact));
    let search =
        Search { entity: "Group".into(), predicate, fields: Fields::default(), range: Range::first(5) };
    let search = Operation::Search(search);
    let mut facts = Facts::default();
    assert_eq!(needs(&search, &facts).len(), 2);
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    absent(&mut facts, "Group", ANN);
    let printed = printed(&search, &facts);
    assert!(printed.contains("'(&(objectClass=groupOfNames)(member=uid=ann,ou=people,dc=x))'"), "{printed}");
}

fn placed(values: &[(&str, Change)], rdn: Option<&str>, parent: &str) -> Operation {
    match update("User", ANN, values, rdn) {
        Operation::Update(mut update) => {
            update.changes.parent = Some(parent.to_owned());
            Operation::Update(update)
        }
        other => other,
    }
}

#[test]
fn a_new_place_is_a_move_and_may_be_a_rename_too() {
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,OU=People,dc=x");
    let moved = |rdn: &str| {
        format!(
            "version: 1\n\n# the User entry's new place\n# only if (entryUUID={ANN})\n\
             dn: uid=ann,OU=People,dc=x\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\n\
             newsuperior: ou=it,ou=people,dc=x\n# undone by:\n# dn: {rdn},ou=it,ou=people,dc=x\n\
             # changetype: modrdn\n# newrdn: uid=ann\n# deleteoldrdn: 1\n# newsuperior: OU=People,dc=x\n"
        )
    };
    let place = "ou=it,ou=people,dc=x";
    assert_eq!(printed(&placed(&[], None, place), &facts), moved("uid=ann"));
    assert_eq!(printed(&placed(&[], Some("ben"), place), &facts), moved("uid=ben"));
    // It stands there already, however the place is spelt.
    let stays = placed(&[("sn", swap("a", "b"))], None, "OU=people, DC=x");
    assert!(printed(&stays, &facts).contains("dn: uid=ann,OU=People,dc=x\nchangetype: modify\n"));
}

#[test]
fn no_entry_goes_where_it_would_be_none() {
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    for elsewhere in ["ou=other,dc=x", "dc=x", "nonsense"] {
        assert!(
            matches!(run(&placed(&[], None, elsewhere), &facts), Err(Failure::Internal(_))),
            "{elsewhere}"
        );
        let mut create = user(&[("sn", "x".into())], Some("a"));
        if let Operation::Create(create) = &mut create {
            create.record.parent = Some(elsewhere.to_owned());
        }
        let facts = answered(&create, Facts::default());
        assert!(matches!(run(&create, &facts), Err(Failure::Internal(_))), "{elsewhere}");
    }
}

fn leave(disabled: Disabled, held: &str) -> String {
    let to = Move { to: "ou=leavers,dc=x".to_owned(), disabled: vec![(Native::own("uac"), disabled)] };
    end(vec![DeleteRule::always(OnDelete::Move(to))], held)
}

/// What DELETE does to Ann, who holds this.
fn end(rules: Vec<DeleteRule>, held: &str) -> String {
    let mut model = fixture::model();
    model.entities.get_mut("User").unwrap().on_delete = rules;
    let stamps = BTreeMap::from([(Native::own("modified"), "now".into())]);
    let delete = Operation::Delete(Delete {
        entity: "User".into(),
        id: ANN.to_owned(),
        version: None,
        stamps,
        now: "now".into(),
        hooks: Vec::new(),
    });
    let mut facts = Facts::default();
    while let Lowered::Need(needs) = lower(&model, &delete, &facts).unwrap() {
        for search in needs {
            let mut ann = found(&[(ANN, "uid=ann\\, b,ou=people,dc=x")]);
            ann.records[0].values.insert(Native::own("uac"), vec![held.into()]);
            facts.add(search, ann);
        }
    }
    match lower(&model, &delete, &facts) {
        Ok(Lowered::Plan(plan)) => plan.render(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_leaver_is_disabled_and_goes_elsewhere_under_a_name_that_is_free_there() {
    let (from, to) = ("uid=ann\\, b,ou=people,dc=x", "uid=ann\\2c b 00000000,ou=leavers,dc=x");
    let move_ = format!(
        "# the User entry's new place, where it is none\n# only if (entryUUID={ANN})\ndn: {from}\nchangetype: modrdn\n\
         newrdn: uid=ann\\2c b 00000000\ndeleteoldrdn: 1\nnewsuperior: ou=leavers,dc=x\n# undone by:\n# dn: {to}\n\
         # changetype: modrdn\n# newrdn: uid=ann\\, b\n# deleteoldrdn: 1\n# newsuperior: ou=people,dc=x\n"
    );
    let disable = |old: &str, new: &str| {
        format!(
            "# the User entry's account, which ends\n# only if (entryUUID={ANN})\ndn: {from}\nchangetype: modify\n\
             delete: uac\nuac: {old}\n-\nadd: uac\nuac: {new}\n-\n# undone by:\n# dn: {from}\n# changetype: modify\n\
             # delete: uac\n# uac: {new}\n# -\n# add: uac\n# uac: {old}\n# -\n"
        )
    };
    let bits = Disabled::Bits { set: 2, clear: 0 };
    assert_eq!(leave(bits.clone(), "66048"), format!("version: 1\n\n{}\n{move_}", disable("66048", "66050")));
    assert_eq!(leave(bits, "514"), format!("version: 1\n\n{move_}"));
    let value = Disabled::Value(Some("off".into()));
    assert_eq!(leave(value, "on"), format!("version: 1\n\n{}\n{move_}", disable("on", "off")));
}

#[test]
fn who_is_disabled_stays_with_what_hides_them() {
    let disable = Disable {
        account: vec![(Native::own("uac"), Disabled::Bits { set: 2, clear: 0 })],
        values: Row::from([("kind".into(), "left".into())]),
        moments: vec!["since".into()],
    };
    assert_eq!(
        end(vec![DeleteRule::always(OnDelete::Disable(disable))], "512"),
        format!(
            "version: 1\n\n# the User entry's account, which ends\n# only if (entryUUID={ANN})\n\
             dn: uid=ann\\, b,ou=people,dc=x\nchangetype: modify\ndelete: uac\nuac: 512\n-\nadd: uac\nuac: 514\n-\n\
             add: kind\nkind: left\n-\nadd: since\nsince: now\n-\nadd: modified\nmodified: now\n-\n# undone by:\n\
             # dn: uid=ann\\, b,ou=people,dc=x\n# changetype: modify\n# delete: uac\n# uac: 514\n# -\n# add: uac\n\
             # uac: 512\n# -\n# delete: kind\n# kind: left\n# -\n# delete: since\n# since: now\n# -\n# delete: modified\n# modified: now\n# -\n"
        )
    );
}

#[test]
fn the_first_rule_that_fits_decides_and_is_asserted() {
    let rows = Row::from([("kind".into(), "staff".into())]);
    let rules =
        vec![DeleteRule { rows: rows.clone(), how: OnDelete::Delete }, DeleteRule::always(OnDelete::Refuse)];
    // Whatever is asked is found here, and so the first rule fits.
    let printed = end(rules, "512");
    assert!(printed.contains(&format!("# only if (&(entryUUID={ANN})(kind=staff))")), "{printed}");
    let mut model = fixture::model();
    model.entities.get_mut("User").unwrap().on_delete =
        vec![DeleteRule { rows, how: OnDelete::Refuse }, DeleteRule::always(OnDelete::Delete)];
    let stamps = BTreeMap::new();
    let delete = Operation::Delete(Delete {
        entity: "User".into(),
        id: ANN.to_owned(),
        version: None,
        stamps,
        now: "now".into(),
        hooks: Vec::new(),
    });
    let mut facts = Facts::default();
    exists(&mut facts, "User", ANN, "uid=ann,ou=people,dc=x");
    while let Lowered::Need(needs) = lower(&model, &delete, &facts).unwrap() {
        needs.into_iter().for_each(|search| facts.add(search, Found::default()));
    }
    let Ok(Lowered::Plan(plan)) = lower(&model, &delete, &facts) else { panic!() };
    assert!(
        plan.render().contains(&format!("# only if (&(entryUUID={ANN})(!(kind=staff)))")),
        "{}",
        plan.render()
    );
}

#[test]
fn a_name_that_a_hidden_entry_has_is_told_so() {
    let mut model = fixture::model();
    let mut everybody = model.entity("User").unwrap().clone();
    everybody.name = "User.*".into();
    model.entities.insert(everybody.name.clone(), everybody);
    model.entities.get_mut("User").unwrap().unscoped = Some("User.*".into());
    let create = user(&[("uid", "ann".into())], Some("ann"));
    let mut facts = Facts::default();
    let Ok(Lowered::Need(needs)) = lower(&model, &create, &facts) else { panic!() };
    assert_eq!(needs.len(), 2);
    for search in needs {
        let hidden: &[(&str, &str)] =
            if &*search.entity == "User.*" { &[(BEN, "uid=ann,ou=people,dc=x")] } else { &[] };
        facts.add(search, found(hidden));
    }
    assert!(matches!(lower(&model, &create, &facts), Err(Failure::Hidden(_))));
}

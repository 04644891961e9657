//! The same for a group that is two entries, and for who is held by a name: what is asked, and what is done in which
//! order.

use super::*;
use crate::backend::ldap::fixture;
use crate::plan::{
    Change, Changes, Composed, Copied, Counter, Create, Delete, DeleteRule, Disabled, Entity, Expect, Found,
    Initial, Move, Native, OnDelete, Part, Piece, Predicate, Record, Reference, StandIn, Store, Test, Update,
    Value,
};

const ANN: &str = "00000000-0000-0000-0000-00000000000a";
const TEAM: &str = "00000000-0000-0000-0000-0000000000aa";
const PART: &str = "cn=team,ou=posix,dc=x";

/// The small model, its groups with a part, its people with a number.
fn model() -> Model {
    let mut model = fixture::model();
    let counter = |name: &str| Counter { dn: format!("cn={name},dc=x"), attribute: "serialNumber".into() };
    let cn = Composed(vec![Piece::FirstOf(vec![Native::own("cn")])]);
    let entries = |model: &mut Model, name: &str, say: &dyn Fn(&mut Entries)| {
        if let Some(Store::Entries(entries)) = model.entities.get_mut(name).map(|entity| &mut entity.store) {
            say(entries);
        }
    };
    entries(&mut model, "User", &|people| {
        people.counters = vec![(Native::own("uidNumber"), counter("uidNext"))];
    });
    entries(&mut model, "Group", &|groups| {
        groups.parts = vec![Part {
            alias: "posix".into(),
            name: cn.clone(),
            initial: vec![("gidNumber".into(), Initial::Counter(counter("gidNext")))],
        }];
        groups.copies = vec![
            Copied { of: Native::own("cn"), to: Native::of("posix", "cn"), by: None },
            Copied {
                of: Native::own("member"),
                to: Native::of("posix", "memberUid"),
                by: Some(StandIn { attribute: "uid".into(), types: vec!["User".into()], is_followed: true }),
            },
        ];
    });
    let place = Entity {
        name: "Group.posix".into(),
        store: Store::Entries(Entries {
            base: "ou=posix,dc=x".to_owned(),
            classes: vec!["posixGroup".to_owned()],
            rdn: "cn".into(),
            id: "entryUUID".into(),
            ..Entries::default()
        }),
        references: Default::default(),
        unique: Vec::new(),
        version: None,
        on_delete: vec![DeleteRule::always(OnDelete::Delete)],
        read_only: false,
        unscoped: None,
    };
    model.entities.insert(place.name.clone(), place);
    model
}

/// A directory that answers searches.
type Answers<'a> = &'a dyn Fn(&Search) -> Vec<Record>;

/// What comes of an operation at this attempt, every search answered so; the searches too.
fn run(
    model: &Model,
    operation: &Operation,
    attempt: u32,
    answers: Answers,
) -> (Result<Plan, Failure>, Vec<Search>) {
    let (mut facts, mut asked) = (Facts::at(attempt), Vec::new());
    for _ in 0..8 {
        match lower(model, operation, &facts) {
            Ok(Lowered::Plan(plan)) => return (Ok(plan), asked),
            Err(failure) => return (Err(failure), asked),
            Ok(Lowered::Need(searches)) => {
                for search in searches {
                    asked.push(search.clone());
                    let records = answers(&search);
                    facts.add(search, Found { records, ..Found::default() });
                }
            }
        }
    }
    panic!("it asks without end: {asked:#?}");
}

fn record(id: &str, dn: &str, values: &[(&str, &[&str])]) -> Record {
    let values = values
        .iter()
        .map(|(name, values)| (Native::own(*name), values.iter().map(|value| Value::from(*value)).collect()));
    Record { id: id.to_owned(), dn: Some(dn.to_owned()), values: values.collect(), ..Record::default() }
}

/// Ann, the team that she is in, its part and the counters are there.
fn world(search: &Search) -> Vec<Record> {
    let ann = || vec![record(ANN, "uid=ann,ou=people,dc=x", &[])];
    let part = || {
        vec![record(
            "p",
            PART,
            &[("objectClass", &["posixGroup"]), ("gidNumber", &["5"]), ("entryUUID", &["p"])],
        )]
    };
    match (&*search.entity, &search.predicate) {
        (_, Predicate::Entry(dn)) if dn.ends_with("Next,dc=x") => {
            vec![record("c", dn, &[("serialNumber", &["0042"])])]
        }
        ("Group.posix", Predicate::Entry(dn)) if dn == PART => part(),
        ("Group.posix", Predicate::Test(native, Test::Equals(uid, _))) if *native.name == *"memberUid" => {
            if *uid == Value::from("ann") {
                part()
            } else {
                Vec::new()
            }
        }
        ("User", Predicate::Id(ids)) if ids.contains(&ANN.to_owned()) => ann(),
        ("Group", Predicate::Id(ids)) if ids.contains(&TEAM.to_owned()) => {
            vec![record(TEAM, "cn=team,ou=groups,dc=x", &[("cn", &["team"])])]
        }
        _ => Vec::new(),
    }
}

/// The same world, but for one place.
fn without(dn: &'static str) -> impl Fn(&Search) -> Vec<Record> {
    move |search| if search.predicate == Predicate::Entry(dn.to_owned()) { Vec::new() } else { world(search) }
}

fn ann() -> Value {
    Value::Reference(Reference { resource: None, id: ANN.to_owned() })
}

fn team() -> Operation {
    let values = [(Native::own("cn"), vec!["team".into()]), (Native::own("member"), vec![ann()])];
    let record = Record { rdn: Some("team".to_owned()), values: values.into(), ..Record::default() };
    Operation::Create(Create { entity: "Group".into(), record, hooks: Vec::new() })
}

fn update(entity: &str, id: &str, native: &str, change: Change, rdn: Option<&str>) -> Operation {
    let values = [(Native::own(native), change)].into();
    let changes = Changes { values, rdn: rdn.map(str::to_owned), ..Changes::default() };
    Operation::Update(Update {
        entity: entity.into(),
        id: id.to_owned(),
        changes,
        version: None,
        hooks: Vec::new(),
    })
}

fn join() -> Operation {
    update("Group", TEAM, "member", Change { add: vec![ann()], repeatable: true, ..Change::default() }, None)
}

fn delete(entity: &str, id: &str) -> Operation {
    Operation::Delete(Delete {
        entity: entity.into(),
        id: id.to_owned(),
        version: None,
        stamps: Default::default(),
        now: "now".into(),
        hooks: Vec::new(),
    })
}

/// What each step is about.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.about.clone()).collect()
}

#[test]
fn a_counter_is_asked_last_and_its_step_comes_first() {
    let (plan, asked) = run(&model(), &team(), 0, &world);
    let plan = plan.unwrap();
    assert_eq!(asked.last().unwrap().predicate, Predicate::Entry("cn=gidNext,dc=x".to_owned()));
    let step = "the counter's number, if nobody else takes it before; else the next one";
    assert_eq!(steps(&plan), [step, "the new Group entry", "the posix entry of the Group"]);
    let expected: Vec<Expect> = plan.steps.iter().map(|step| step.expect).collect();
    assert_eq!(expected, [Expect::Free, Expect::Done, Expect::Done]);
    // What goes is as the directory spells it.
    let printed = plan.render();
    assert!(
        printed.contains(
            "delete: serialNumber\nserialNumber: 0042\n-\nadd: serialNumber\nserialNumber: 43\n-\n"
        )
    );
    assert!(printed.ends_with(
        "dn: cn=team,ou=posix,dc=x\nchangetype: add\nobjectClass: posixGroup\ncn: team\nmemberUid: ann\ngidNumber: 42\n"
    ));
}

#[test]
fn a_counter_without_a_number_gives_none() {
    for held in [&["x"][..], &["-1"], &["1", "2"], &["9223372036854775807"], &[]] {
        let answers = |search: &Search| match &search.predicate {
            Predicate::Entry(dn) => vec![record("c", dn, &[("serialNumber", held)])],
            _ => world(search),
        };
        let (plan, _) = run(&model(), &team(), 0, &answers);
        assert!(matches!(plan, Err(Failure::Internal(text)) if text.contains("cn=gidNext,dc=x")), "{held:?}");
    }
    let (plan, _) = run(&model(), &team(), 0, &without("cn=gidNext,dc=x"));
    assert!(matches!(plan, Err(Failure::Internal(text)) if text.contains("does not exist")));
}

#[test]
fn a_given_number_takes_none() {
    let values = [(Native::own("uid"), vec!["ann".into()]), (Native::own("uidNumber"), vec!["7".into()])];
    let record = Record { rdn: Some("ann".to_owned()), values: values.into(), ..Record::default() };
    let create = Operation::Create(Create { entity: "User".into(), record, hooks: Vec::new() });
    let (plan, _) = run(&model(), &create, 0, &world);
    assert_eq!(steps(&plan.unwrap()), ["the new User entry"]);
}

#[test]
fn the_part_comes_before_the_entry_itself_and_has_its_inverse() {
    let (plan, asked) = run(&model(), &join(), 0, &world);
    // Nobody looks at the part before there was a conflict, nor ever at the members.
    let natives = asked.iter().flat_map(|search| &search.fields.natives);
    assert!(natives.clone().all(|native| *native.name == *"cn"), "{:?}", natives.collect::<Vec<_>>());
    assert!(asked.iter().all(|search| !matches!(search.predicate, Predicate::Entry(_))));
    let printed = plan.unwrap().render();
    let part = format!(
        "# the posix entry of the Group's values\n# only if (objectClass=posixGroup)\ndn: {PART}\nchangetype: modify\n\
         add: memberUid\nmemberUid: ann\n-\n# undone by:\n# dn: {PART}\n# changetype: modify\n# delete: memberUid\n\
         # memberUid: ann\n# -\n\n# the Group entry's values\n"
    );
    assert!(printed.contains(&part), "{printed}");
}

#[test]
fn a_part_that_is_not_there_is_waited_for_and_then_made() {
    let gone = without(PART);
    for attempt in [1, 2] {
        let (plan, _) = run(&model(), &join(), attempt, &gone);
        assert!(matches!(plan, Err(Failure::Conflict(_))), "{attempt}");
    }
    let (plan, asked) = run(&model(), &join(), 3, &gone);
    let plan = plan.unwrap();
    assert_eq!(steps(&plan)[1..], ["the posix entry of the Group", "the Group entry's values"]);
    assert!(plan.render().contains("memberUid: ann\ngidNumber: 42\n"));
    // All members are read for that.
    assert!(asked.iter().any(|search| search.fields.natives.contains(&Native::own("member"))));
}

#[test]
fn a_rename_goes_through_both_entries_and_is_found_half_done() {
    let swap = Change { remove: vec!["team".into()], add: vec!["crew".into()], repeatable: false };
    let rename = update("Group", TEAM, "cn", swap, Some("crew"));
    let (plan, _) = run(&model(), &rename, 0, &world);
    let both = ["the posix entry of the Group's new name", "the Group entry's new name"];
    assert_eq!(steps(&plan.unwrap()), both);
    // At another attempt the part has the new name already.
    let half = |search: &Search| match (&*search.entity, &search.predicate) {
        ("Group.posix", Predicate::Entry(dn)) if dn == PART => Vec::new(),
        ("Group.posix", Predicate::Entry(dn)) => {
            vec![record("p", dn, &[("objectClass", &["top", "POSIXGROUP"])])]
        }
        ("Group.posix", Predicate::And(terms)) if terms.iter().all(|term| is_of(term, "crew")) => {
            vec![record("p", "cn=crew,ou=posix,dc=x", &[])]
        }
        _ => world(search),
    };
    let (plan, _) = run(&model(), &rename, 1, &half);
    assert_eq!(steps(&plan.unwrap()), ["the Group entry's new name"]);
}

fn is_of(term: &Predicate, value: &str) -> bool {
    matches!(term, Predicate::Test(_, Test::Equals(held, _)) if *held == Value::from(value))
}

#[test]
fn who_holds_a_name_follows_it_before_it_changes() {
    let swap = Change { remove: vec!["ann".into()], add: vec!["anna".into()], repeatable: false };
    let rename = update("User", ANN, "uid", swap, Some("anna"));
    let (plan, _) = run(&model(), &rename, 0, &world);
    let plan = plan.unwrap();
    assert_eq!(steps(&plan), ["a Group.posix that holds the old memberUid", "the User entry's new name"]);
    let swapped = format!(
        "dn: {PART}\nchangetype: modify\ndelete: memberUid\nmemberUid: ann\n-\nadd: memberUid\nmemberUid: anna\n-\n\
         # undone by:\n"
    );
    assert!(plan.render().contains(&swapped), "{}", plan.render());
    // One that has the new one already, by an earlier attempt, loses the old one.
    let both = |search: &Search| match &search.predicate {
        Predicate::And(terms) if terms.iter().any(|term| is_of(term, "anna")) => vec![record("p", PART, &[])],
        _ => world(search),
    };
    let (plan, _) = run(&model(), &rename, 1, &both);
    assert!(!plan.unwrap().render().contains("\nadd: memberUid"));
    // Too many to go through.
    let mut facts = Facts::default();
    let many = loop {
        match lower(&model(), &rename, &facts) {
            Ok(Lowered::Need(searches)) => {
                for search in searches {
                    let (records, more) = (world(&search), *search.entity == *"Group.posix");
                    facts.add(search, Found { records, more, ..Found::default() });
                }
            }
            end => break end,
        }
    };
    assert!(matches!(many, Err(Failure::TooMany(_))));
}

#[test]
fn the_end_of_a_group_is_the_end_of_both_and_can_be_undone() {
    let (plan, _) = run(&model(), &delete("Group", TEAM), 0, &world);
    let printed = plan.unwrap().render();
    let part = format!(
        "# the posix entry of the Group, which ends\n# only if (objectClass=posixGroup)\ndn: {PART}\nchangetype: delete\n\
         # undone by:\n# dn: {PART}\n# changetype: add\n# gidNumber: 5\n# objectClass: posixGroup\n\n# the Group entry\n"
    );
    assert!(printed.contains(&part), "{printed}");
    // One that is gone, or is none, is left out.
    let other = |search: &Search| match &search.predicate {
        Predicate::Entry(dn) if dn == PART => vec![record("d", PART, &[("objectClass", &["device"])])],
        _ => world(search),
    };
    for answers in [&without(PART) as Answers, &other] {
        let (plan, _) = run(&model(), &delete("Group", TEAM), 0, answers);
        assert_eq!(steps(&plan.unwrap()), ["the Group entry"]);
    }
}

#[test]
fn who_leaves_is_held_by_nobody() {
    let (plan, _) = run(&model(), &delete("User", ANN), 0, &world);
    assert_eq!(steps(&plan.unwrap()), ["a Group.posix that holds the old memberUid", "the User entry"]);
    let mut model = model();
    let disabled = vec![(Native::own("locked"), Disabled::Value(Some("yes".into())))];
    let to = Move { to: "ou=leavers,dc=x".to_owned(), disabled };
    for name in ["User", "Group"] {
        model.entities.get_mut(name).unwrap().on_delete =
            vec![DeleteRule::always(OnDelete::Move(to.clone()))];
    }
    let (plan, _) = run(&model, &delete("User", ANN), 0, &world);
    let place = "the User entry's new place, where it is none";
    let leaves =
        ["a Group.posix that holds the old memberUid", "the User entry's account, which ends", place];
    assert_eq!(steps(&plan.unwrap()), leaves);
    let (plan, _) = run(&model, &delete("Group", TEAM), 0, &world);
    assert_eq!(steps(&plan.unwrap())[0], "the posix entry of the Group, which ends");
}

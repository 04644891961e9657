//! What stands beside a row, in both dialects word for word: parts, history, references by another column than the key,
//! sequences, one tenant among several. That SQLite does what they say is shown in `tests/system/history.rs` and
//! `tenants.rs`.

use std::collections::BTreeMap;

use super::catalog::{Catalog, Column, Kind};
use super::dialect::Dialect;
use super::lower::lower;
use super::tests::{entity, is, key, search, table};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    Case, Change, Changes, Child, Create, Dated, Delete, DeleteRule, Disable, Disabled, Entity, Facts, Found,
    Lookup, Model, Native, OnDelete, OnMissing, Operation, PartRow, Predicate, Record, Reference, Row,
    RowChanges, SideDocument, StandIn, Store, Table, Test, Update, Value,
};

fn tenant() -> Predicate {
    Predicate::Test(Native::own("TenantId"), Test::Equals(Value::Integer(7), Case::Exact))
}

/// People of three tables, and teams that know them by their logins.
fn history() -> Model {
    let part = |alias: &str, table: &str, column: &str| PartRow {
        alias: alias.into(),
        table: table.into(),
        key: key(&[column]),
        sequences: Vec::new(),
        only: Predicate::All,
        dated: None,
    };
    let hr = part("hr", "Employee", "PersonId");
    let dated = Dated {
        date: "EffDt".into(),
        seq: "EffSeq".into(),
        first: 0,
        kept: ["ChangedBy", "DeptId", "Grade", "Status"].map(Into::into).to_vec(),
    };
    let job = PartRow { dated: Some(dated), ..part("job", "EmployeeJob", "EmpId") };
    let person = Table { parts: vec![hr, job], ..table("Person", "PersonId") };
    let members = Child {
        table: "TeamMember".into(),
        foreign_key: key(&["TeamId"]),
        by: None,
        initial: Row::new(),
        only: Predicate::All,
    };
    let by = StandIn { attribute: "LoginName".into(), types: vec!["User".into()], is_followed: true };
    let natives = [Native::own("LeadLogin"), Native::of("TeamMember", "Login")];
    let team = Table {
        children: vec![members],
        stand_ins: natives.iter().map(|native| (native.clone(), by.clone())).collect(),
        ..table("Team", "TeamId")
    };
    let mut group = entity("Group", team);
    group.references = natives.into_iter().map(|native| (native, vec!["User".into()])).collect();
    model([entity("User", person), group])
}

/// One tenant's accounts, with a look-up, a part and roles.
fn tenants() -> Model {
    let row = Row::from([("TenantId".into(), Value::Integer(7))]);
    let dept = Lookup {
        alias: "dept".into(),
        table: "Dept".into(),
        key: key(&["DeptNo"]),
        foreign_key: key(&["DeptNo"]),
        on_missing: OnMissing::Create,
        only: tenant(),
        initial: row.clone(),
    };
    let detail = PartRow {
        alias: "detail".into(),
        table: "AccountDetail".into(),
        key: key(&["AccountNo"]),
        sequences: Vec::new(),
        only: tenant(),
        dated: None,
    };
    let roles = Child {
        table: "AccountRole".into(),
        foreign_key: key(&["AccountNo"]),
        by: None,
        initial: row,
        only: tenant(),
    };
    let account = Table {
        lookups: vec![dept.clone()],
        parts: vec![detail],
        children: vec![roles],
        only: tenant(),
        ..table("Account", "AccountNo")
    };
    let dept = Table { only: tenant(), ..table("Dept", "DeptNo") };
    model([entity("User", account), entity("User.dept", dept)])
}

fn model<const N: usize>(entities: [Entity; N]) -> Model {
    let entities = entities.into_iter().map(|entity| (entity.name.clone(), entity));
    Model { entities: entities.collect(), ..Model::default() }
}

/// The plan of an operation, each read that it needs finding what is `there`.
fn plan(dialect: Dialect<'_>, model: &Model, operation: &Operation, there: bool) -> String {
    let mut facts = Facts::default();
    for _ in 0..4 {
        match lower(dialect, model, operation, &facts).unwrap() {
            Lowered::Plan(plan) => return plan.render(),
            Lowered::Need(needs) => needs.into_iter().for_each(|need| {
                let is_itself = matches!(&need.predicate, Predicate::Id(_));
                let record = Record { id: "1".to_owned(), ..Record::default() };
                let records = if is_itself || there { vec![record] } else { Vec::new() };
                facts.add(need, Found { records, ..Found::default() });
            }),
        }
    }
    panic!("it needs ever more")
}

fn both(name: &str, model: &Model, operations: &[(Operation, bool)]) {
    for (kind, dialect) in [("sqlite", Dialect::Sqlite), ("transact", Dialect::Transact(Catalog::unknown()))]
    {
        let plans = operations.iter().map(|(operation, there)| plan(dialect, model, operation, *there));
        insta::assert_snapshot!(format!("{name}_{kind}"), plans.collect::<Vec<_>>().join("\n"));
    }
}

fn values(values: &[(Native, Value)]) -> BTreeMap<Native, Vec<Value>> {
    values.iter().map(|(native, value)| (native.clone(), vec![value.clone()])).collect()
}

fn create(entity: &str, record: Record) -> Operation {
    Operation::Create(Create { entity: entity.into(), record, hooks: Vec::new() })
}

fn update(entity: &str, changes: Changes) -> Operation {
    let (entity, id) = (entity.into(), "1".to_owned());
    Operation::Update(Update { entity, id, changes, version: None, hooks: Vec::new() })
}

fn delete(entity: &str) -> Operation {
    let stamps = BTreeMap::from([
        (Native::own("ChangedBy"), "gantry".into()),
        (Native::of("job", "ChangedBy"), "gantry".into()),
        (Native::of("hr", "ChangedBy"), "gantry".into()),
    ]);
    let (entity, id) = (entity.into(), "1".to_owned());
    Operation::Delete(Delete { entity, id, version: None, stamps, hooks: Vec::new() })
}

fn becomes(old: Option<Value>, new: Option<Value>) -> Change {
    Change { remove: old.into_iter().collect(), add: new.into_iter().collect(), repeatable: false }
}

fn reference(id: &str) -> Value {
    Value::Reference(Reference { resource: Some("User".to_owned()), id: id.to_owned() })
}

#[test]
fn a_part_and_a_history_are_read_as_they_are_in_force() {
    let is_in = |part: &str, name: &str| {
        Predicate::Test(Native::of(part, name), Test::Equals("MATH".into(), Case::Folded))
    };
    let natives = [Native::own("LoginName"), Native::of("hr", "BadgeNo"), Native::of("job", "DeptId")];
    let filtered = search("User", is_in("job", "DeptId").not(), &natives[..2]);
    both(
        "rows_search",
        &history(),
        &[
            (Operation::Search(search("User", Predicate::All, &natives)), true),
            (Operation::Search(filtered), true),
        ],
    );
}

#[test]
fn what_lives_beside_a_row_is_made_changed_and_gone_with_it() {
    let record = Record {
        values: values(&[
            (Native::own("LoginName"), "Ada".into()),
            (Native::own("LoginNameLower"), "ada".into()),
            (Native::of("hr", "BadgeNo"), "B1".into()),
            (Native::of("job", "Status"), "A".into()),
        ]),
        ..Record::default()
    };
    let bare = Record { values: values(&[(Native::own("LoginName"), "Ben".into())]), ..Record::default() };
    let changes = Changes {
        values: BTreeMap::from([
            (Native::own("LoginName"), becomes(Some("Ada".into()), Some("Eve".into()))),
            (Native::of("hr", "BadgeNo"), becomes(Some("B1".into()), None)),
            (Native::of("job", "DeptId"), becomes(None, Some("MATH".into()))),
        ]),
        initial: BTreeMap::from([(Native::of("job", "Status"), "A".into())]),
        ..Changes::default()
    };
    let change = update("User", changes);
    both(
        "rows_writes",
        &history(),
        &[
            (create("User", record), true),
            (create("User", bare), true),
            (change.clone(), true),
            (change, false),
            (delete("User"), true),
        ],
    );
}

#[test]
fn who_stays_is_disabled_in_a_part_too() {
    let mut model = history();
    model.entities.get_mut("User").unwrap().on_delete =
        vec![DeleteRule::always(OnDelete::Disable(Disable {
            account: vec![
                (Native::of("job", "Status"), Disabled::Value(Some("T".into()))),
                (Native::of("hr", "Flags"), Disabled::Bits { set: 2, clear: 0 }),
            ],
            values: Row::from([("Gone".into(), Value::Bool(true))]),
        }))];
    both("rows_disable", &model, &[(delete("User"), true)]);
}

#[test]
fn references_by_another_column_are_looked_up_by_the_statements_themselves() {
    let link = |id: &str| Row::from([("Login".into(), reference(id))]);
    let record = Record {
        values: values(&[
            (Native::own("TeamName"), "team".into()),
            (Native::own("LeadLogin"), reference("1")),
        ]),
        children: BTreeMap::from([("TeamMember".into(), vec![link("1")])]),
        ..Record::default()
    };
    let changes = Changes {
        values: BTreeMap::from([(Native::own("LeadLogin"), becomes(None, Some(reference("2"))))]),
        children: BTreeMap::from([(
            "TeamMember".into(),
            RowChanges { remove: vec![link("1")], add: vec![link("2")], repeatable: false },
        )]),
        ..Changes::default()
    };
    let natives = [Native::own("LeadLogin"), Native::of("TeamMember", "Login")];
    let led = Predicate::Test(natives[0].clone(), Test::Equals(reference("1"), Case::Exact));
    let member = Predicate::Test(natives[1].clone(), Test::Equals(reference("1"), Case::Exact));
    let member = Predicate::Child("TeamMember".into(), Box::new(member));
    let present = Predicate::Test(natives[0].clone(), Test::Present);
    let all = search("Group", led.not().and(member).and(present), &natives);
    both(
        "rows_by",
        &history(),
        &[
            (Operation::Search(all), true),
            (create("Group", record), true),
            (update("Group", changes), true),
            (delete("Group"), true),
        ],
    );
}

/// Where only what hangs on a row changes, the row is written as it is, so that its version moves: of what may find all as
/// it should be behind it, of all else first. A column that the database is known to generate is none to write.
#[test]
fn a_change_beside_a_row_touches_the_row() {
    let mut model = history();
    for (entity, columns) in [("User", ["LoginName", "Nick"]), ("Group", ["TeamName", "Note"])] {
        let entity = model.entities.get_mut(entity).unwrap();
        entity.version = Some(Native::own("RowVer"));
        let Store::Table(table) = &mut entity.store else { panic!() };
        table.writable = columns.map(Into::into).to_vec();
        let [table_of_it, column] = ["TeamScim", "Doc"].map(Into::into);
        table.rest = Some(SideDocument { table: table_of_it, key: key(&["TeamId"]), column });
    }
    let read = |mut operation: Operation| {
        match &mut operation {
            Operation::Update(update) => update.version = Some(Value::Integer(3)),
            Operation::Delete(delete) => delete.version = Some(Value::Integer(3)),
            _ => {}
        }
        operation
    };
    let part = |alias: &str, name: &str, old: Option<Value>| {
        let values = BTreeMap::from([(Native::of(alias, name), becomes(old, Some("x".into())))]);
        update("User", Changes { values, ..Changes::default() })
    };
    let rows = |repeatable| {
        let link = |id: &str| Row::from([("Login".into(), reference(id))]);
        let rows = RowChanges { remove: vec![link("1")], add: vec![link("2")], repeatable };
        let children = BTreeMap::from([("TeamMember".into(), rows)]);
        update("Group", Changes { children, ..Changes::default() })
    };
    let document = update("Group", Changes { rest: Some(Some("{}".to_owned())), ..Changes::default() });
    let own = BTreeMap::from([(Native::own("Nick"), becomes(None, Some("x".into())))]);
    let ended = Disable {
        account: vec![(Native::of("job", "Status"), Disabled::Value(Some("T".into())))],
        values: Row::new(),
    };
    model.entities.get_mut("User").unwrap().on_delete = vec![DeleteRule::always(OnDelete::Disable(ended))];
    let Operation::Delete(mut end) = delete("User") else { panic!() };
    end.stamps.clear();
    let operations = [
        read(part("hr", "BadgeNo", Some("B1".into()))),
        read(part("job", "DeptId", None)),
        read(rows(false)),
        read(rows(true)),
        rows(true),
        read(document),
        read(update("User", Changes { values: own, ..Changes::default() })),
        read(Operation::Delete(end)),
    ]
    .map(|operation| (operation, true));
    both("rows_touched", &model, &operations);

    let nothing = read(update("User", Changes::default()));
    assert!(plan(Dialect::Sqlite, &model, &nothing, true).contains("nothing to do"));
    let mut catalog = Catalog::default();
    let generated = Column { kind: Kind::Other, is_nullable: false, is_generated: true, has_default: false };
    catalog.add("Team", "TeamName", generated);
    let told = plan(Dialect::Transact(&catalog), &model, &rows(true), true);
    assert!(told.contains("UPDATE [Team] SET [Note] = [Note] WHERE"), "{told}");
    model.entities.values_mut().for_each(|entity| entity.version = None);
    for (operation, there) in operations.iter().take(6) {
        let told = plan(Dialect::Sqlite, &model, operation, *there);
        assert!(!told.contains("UPDATE \"Team\"") && !told.contains("UPDATE \"Person\""), "{told}");
    }
}

#[test]
fn rows_may_belong_to_a_resource_by_another_column_than_its_key() {
    let mut model = history();
    let Some(user) = model.entities.get_mut("User") else { panic!() };
    user.references = BTreeMap::from([(Native::of("TeamMember", "TeamId"), vec!["Group".into()])]);
    let Store::Table(person) = &mut user.store else { panic!() };
    let child = |table: &str| Child {
        table: table.into(),
        foreign_key: key(&["Login"]),
        by: Some("LoginName".into()),
        initial: Row::new(),
        only: Predicate::All,
    };
    person.children = vec![child("TeamMember"), child("Phone")];
    person.parts.clear();
    let group = Value::Reference(Reference { resource: Some("Group".to_owned()), id: "5".to_owned() });
    let leads = Predicate::Test(Native::of("TeamMember", "TeamId"), Test::Equals(group, Case::Exact));
    let member = Predicate::Child("TeamMember".into(), Box::new(leads));
    let natives = [Native::own("LoginName"), Native::of("TeamMember", "TeamId"), Native::of("Phone", "Num")];
    let phone = |number: &str| Row::from([("Num".into(), number.into())]);
    let record = Record {
        values: values(&[(Native::own("LoginName"), "ada".into())]),
        children: BTreeMap::from([("Phone".into(), vec![phone("1")])]),
        ..Record::default()
    };
    let renamed = becomes(Some("ada".into()), Some("eve".into()));
    let changes = Changes {
        values: BTreeMap::from([(Native::own("LoginName"), renamed)]),
        children: BTreeMap::from([(
            "Phone".into(),
            RowChanges { remove: vec![phone("1")], add: vec![phone("2")], repeatable: false },
        )]),
        ..Changes::default()
    };
    both(
        "rows_of_a_name",
        &model,
        &[
            (Operation::Search(search("User", member.not(), &natives)), true),
            (create("User", record), true),
            (update("User", changes), true),
            (delete("User"), true),
        ],
    );
    // Of a key of several columns the row is told all the same.
    let Some(Entity { store: Store::Table(person), .. }) = model.entities.get_mut("User") else { panic!() };
    person.id = key(&["Tenant", "LoginName"]);
    let all = search("User", Predicate::All, &natives[1..2]);
    both("rows_of_a_name_keys", &model, &[(Operation::Search(all), true)]);
}

#[test]
fn references_of_several_types_may_stand_by_another_column_too() {
    let mut model = history();
    let group = model.entities.get_mut("Group").unwrap();
    for leads in group.references.values_mut() {
        leads.push("Group".into());
    }
    let natives = [Native::own("LeadLogin"), Native::of("TeamMember", "Login")];
    both("rows_by_types", &model, &[(Operation::Search(search("Group", Predicate::All, &natives)), true)]);
}

#[test]
fn a_tenant_stands_in_every_statement() {
    let record = Record {
        values: values(&[
            (Native::own("AccountNo"), "a-1".into()),
            (Native::own("TenantId"), Value::Integer(7)),
            (Native::of("dept", "DeptName"), "Sales".into()),
            (Native::of("detail", "TenantId"), Value::Integer(7)),
        ]),
        children: BTreeMap::from([(
            "AccountRole".into(),
            vec![Row::from([("RoleNo".into(), Value::Integer(1))])],
        )]),
        ..Record::default()
    };
    let changes = Changes {
        values: BTreeMap::from([
            (Native::own("LoginCd"), becomes(None, Some("b".into()))),
            (Native::of("detail", "Phone"), becomes(None, Some("1".into()))),
        ]),
        children: BTreeMap::from([(
            "AccountRole".into(),
            RowChanges {
                remove: vec![Row::from([("RoleNo".into(), Value::Integer(1))])],
                ..RowChanges::default()
            },
        )]),
        ..Changes::default()
    };
    let natives =
        [Native::of("dept", "DeptName"), Native::of("detail", "Phone"), Native::of("AccountRole", "RoleNo")];
    let any_role = Predicate::Child("AccountRole".into(), Box::new(Predicate::All));
    let found = search("User", is("LoginCd", "ada", Case::Folded).and(any_role), &natives);
    both(
        "rows_tenants",
        &tenants(),
        &[
            (Operation::Search(found), true),
            (create("User", record), false),
            (update("User", changes), true),
            (delete("User"), true),
        ],
    );
}

#[test]
fn numbers_of_sequences_stand_in_the_inserts_themselves() {
    let mut model = history();
    let Some(Entity { store: Store::Table(person), .. }) = model.entities.get_mut("User") else { panic!() };
    person.sequences = vec![("PersonId".into(), "dbo.PersonSeq".into())];
    person.parts[0].sequences = vec![("RecordNo".into(), "dbo.RecordSeq".into())];
    let given =
        |natives: &[(Native, Value)]| create("User", Record { values: values(natives), ..Record::default() });
    let login = (Native::own("LoginName"), Value::from("ada"));
    let badge = (Native::of("hr", "BadgeNo"), Value::from("B1"));
    // A number that something else gives is that one.
    let own =
        [(Native::own("PersonId"), Value::Integer(5)), (Native::of("hr", "RecordNo"), Value::Integer(6))];
    let all = [given(&[login.clone(), badge]), given(&[login, own[0].clone(), own[1].clone()])];
    let plans = all.iter().map(|create| plan(Dialect::Transact(Catalog::unknown()), &model, create, true));
    insta::assert_snapshot!("rows_sequences_transact", plans.collect::<Vec<_>>().join("\n"));
    assert!(matches!(lower(Dialect::Sqlite, &model, &all[0], &Facts::default()), Err(Failure::Internal(_))));
}

//! References over several columns that lead to nobody, and those that no two rows may have: word for word in both
//! dialects, and what of them SQLite makes. A column of the row's own key, here the tenant, stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::dialect::Dialect;
use super::lower::lower;
use super::select::{Reading, select};
use super::sqlite::{InMemory, Stage, StandsFor};
use super::tests_of_keys::{in_both, known, leads, lender, link, manager, model, search};
use crate::backend::{Backend, Failure, Intent, Lowered};
use crate::plan::{
    Case, Change, Changes, Create, Facts, Found, Model, Native, Nobody, Operation, Predicate, Record, Search,
    Store, Test, Update, Value,
};

/// A manager with the number 0 is none, and a lender `-`, `(none)`.
fn with_nobody() -> Model {
    let mut model = model();
    let user = model.entities.get_mut("User").unwrap();
    let Store::Table(table) = &mut user.store else { panic!() };
    let nobody = |columns: [Option<Value>; 2]| Nobody { columns: columns.to_vec(), is_written: true };
    table.nobody = BTreeMap::from([
        (manager(), nobody([None, Some(Value::Integer(0))])),
        (lender(), nobody([Some("-".into()), Some("(none)".into())])),
    ]);
    model
}

fn created(values: &[(Native, Value)]) -> Operation {
    let mut record = Record::default();
    record.values.extend(values.iter().map(|(native, value)| (native.clone(), vec![value.clone()])));
    record.values.insert(Native::own("Tenant"), vec!["ACME".into()]);
    Operation::Create(Create { entity: "User".into(), record, hooks: Vec::new() })
}

fn changed(native: Native, add: &[Value]) -> Operation {
    let values = BTreeMap::from([(native, Change { add: add.to_vec(), ..Change::default() })]);
    let changes = Changes { values, ..Changes::default() };
    let (entity, id) = ("User".into(), "ACME.9".to_owned());
    Operation::Update(Update { entity, id, changes, version: None, hooks: Vec::new() })
}

#[test]
fn what_stands_for_nobody_in_both_dialects() {
    let operations = [
        created(&[(Native::own("Login"), "ann".into())]),
        created(&[(manager(), link("ACME.7"))]),
        changed(manager(), &[]),
        changed(lender(), &[]),
        changed(lender(), &[link("B.7")]),
    ];
    let present = |native| Predicate::Test(native, Test::Present);
    let terms = [
        present(manager()),
        present(lender()).not(),
        leads(manager(), "ACME.0"),
        leads(lender(), "-.~28none~29").not(),
        leads(lender(), "-.7"),
    ];
    in_both("nobody", |dialect| {
        let plan = |operation| match lower(dialect, &with_nobody(), operation, &known("ACME.9")).unwrap() {
            Lowered::Plan(plan) => plan.render(),
            Lowered::Need(needs) => panic!("{needs:?}"),
        };
        let read = search(Predicate::And(terms.to_vec()), &[manager()]);
        let read = select(dialect, &with_nobody(), &read, Reading::Free).unwrap().plan().render();
        operations.iter().map(plan).chain([read]).collect::<Vec<_>>().join("\n")
    });
}

/// A tenant that another column has too is no reason to find nobody; where NULL stands for nobody it says so itself.
#[tokio::test]
async fn nobody_is_written_read_and_found_as_nobody() {
    let row = |number: i64, boss: Option<i64>, lender: [Option<&str>; 2]| json!({ "Tenant": "ACME", "EmpNo": number, "MgrNo": boss, "LenderTenant": lender[0], "LenderNo": lender[1] });
    let none = [Some("-"), Some("(none)")];
    let rows = [
        row(1, Some(0), none),
        row(2, Some(1), [Some("-"), Some("7")]),
        row(3, None, [Some("ACME"), Some("(none)")]),
        row(4, Some(4), [Some("-"), None]),
    ];
    let before = json!({ "hr.Employee": rows });
    let stage = Stage { stands_for: StandsFor::Sqlite, before: &before, after: None, only_plans: false };
    let backend = InMemory::new(&stage, Arc::new(with_nobody()), &[], Duration::from_secs(5)).unwrap();
    let mut session = backend.session(Intent::Read).await.unwrap();
    let present = |native| Predicate::Test(native, Test::Present);
    for (predicate, found) in [
        (Predicate::All, vec!["ACME.1", "ACME.2", "ACME.3", "ACME.4"]),
        (present(manager()), vec!["ACME.2", "ACME.4"]),
        (present(manager()).not(), vec!["ACME.1", "ACME.3"]),
        (leads(manager(), "ACME.0"), vec![]),
        (leads(manager(), "ACME.0").not(), vec!["ACME.1", "ACME.2", "ACME.3", "ACME.4"]),
        (leads(manager(), "ACME.4"), vec!["ACME.4"]),
    ] {
        let found_ids = session.search(&search(predicate.clone(), &[manager()])).await.unwrap().records;
        let ids: Vec<&str> = found_ids.iter().map(|record| record.id.as_str()).collect();
        assert_eq!(ids, found, "{predicate:?}");
        let has_boss = |record: &&Record| record.values.contains_key(&manager());
        let with_boss: Vec<&str> = found_ids.iter().filter(has_boss).map(|record| &*record.id).collect();
        assert!(with_boss.iter().all(|id| ["ACME.2", "ACME.4"].contains(id)), "{with_boss:?}");
    }
}

/// Also one that `only` hides, by all its columns.
#[tokio::test]
async fn no_two_rows_have_the_same_unique_reference() {
    let mut model = model();
    let user = model.entities.get_mut("User").unwrap();
    user.unique = vec![manager()];
    user.unscoped = Some("User.*".into());
    let (mut all, is_here) = (user.clone(), Test::Equals("n".into(), Case::Exact));
    let Store::Table(table) = &mut user.store else { panic!() };
    table.only = Predicate::Test(Native::own("Gone"), is_here);
    (all.name, all.unique, all.unscoped, all.references) =
        ("User.*".into(), Vec::new(), None, BTreeMap::new());
    model.entities.insert(all.name.clone(), all);
    let model = Arc::new(model);

    let asked = |value: &[Value]| match lower(
        Dialect::Sqlite,
        &model,
        &changed(manager(), value),
        &known("ACME.9"),
    ) {
        Ok(Lowered::Need(needs)) => needs,
        other => panic!("{other:?}"),
    };
    let hidden: Search = asked(&[link("ACME.7")]).remove(0);
    assert_eq!(&*hidden.entity, "User.*");
    insta::assert_snapshot!(select(Dialect::Sqlite, &model, &hidden, Reading::Free).unwrap().plan().render());
    let mut facts = known("ACME.9");
    let records = vec![Record { id: "ACME.5".to_owned(), ..Record::default() }];
    facts.add(hidden, Found { records, ..Found::default() });
    let lowered = lower(Dialect::Sqlite, &model, &changed(manager(), &[link("ACME.7")]), &facts).unwrap();
    let Lowered::Plan(plan) = lowered else { panic!() };
    assert_eq!(plan.hidden.as_deref(), Some("(Tenant, MgrNo) of row ACME.5 in hr.Employee"));

    let row =
        |tenant: &str, number: i64| json!({ "Tenant": tenant, "EmpNo": number, "MgrNo": 7, "Gone": "n" });
    let before = json!({ "hr.Employee": [row("ACME", 1), row("B", 2)] });
    let stage = Stage { stands_for: StandsFor::Sqlite, before: &before, after: None, only_plans: false };
    let backend = InMemory::new(&stage, model.clone(), &[], Duration::from_secs(5)).unwrap();
    let mut session = backend.session(Intent::Write).await.unwrap();
    let mut taken = Vec::new();
    for (number, boss) in [(3, "ACME.7"), (4, "ACME.8")] {
        let own = [(Native::own("EmpNo"), Value::Integer(number)), (manager(), link(boss))];
        let (mut facts, create) = (Facts::default(), created(&own));
        let plan = loop {
            match lower(Dialect::Sqlite, &model, &create, &facts).unwrap() {
                Lowered::Plan(plan) => break plan,
                Lowered::Need(needs) => needs.into_iter().for_each(|need| facts.add(need, Found::default())),
            }
        };
        taken.push(matches!(session.execute(&plan).await, Err(Failure::Uniqueness(_))));
    }
    assert_eq!(taken, [true, false]);
}

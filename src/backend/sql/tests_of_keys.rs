//! Keys of several columns in statements, word for word in both dialects, and what of them SQLite makes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::Sqlite;
use super::catalog::{Catalog, Column, Kind};
use super::dialect::Dialect;
use super::key::batches;
use super::lower::lower;
use super::select::{Reading, select, table_of};
use crate::backend::{Backend, Failure, Intent, Lowered};
use crate::plan::{
    By, Case, Change, Changes, Child, Create, Delete, DeleteRule, Entity, Facts, Fields, Found, Key, Lookup,
    Mark, Model, Native, OnDelete, OnMissing, Operation, Plan, Predicate, Range, Record, Reference, Row,
    RowChanges, Search, Sequence, SideDocument, Sort, Store, Table, Test, Update, Value, id_of,
};

/// Nothing is known of its columns.
const TSQL: fn() -> Dialect<'static> = || Dialect::Transact(Catalog::unknown());

// === employees of a tenant, with a department, a manager, roles and a document; who lends is anybody ===

fn key(columns: &[&str]) -> Key {
    Key::of(columns.iter().copied()).unwrap()
}

fn entity(name: &str, table: &str, id: &[&str]) -> (Entity, Table) {
    let (lookups, children, rest, links) = Default::default();
    let table = Table { lookups, children, rest, links, ..Table::new(table.into(), key(id)) };
    let entity = Entity {
        name: name.into(),
        store: Store::Table(table.clone()),
        references: BTreeMap::new(),
        unique: Vec::new(),
        version: None,
        on_delete: vec![DeleteRule::always(OnDelete::Delete)],
        read_only: false,
        unscoped: None,
    };
    (entity, table)
}

pub(super) fn manager() -> Native {
    Native::own("(Tenant, MgrNo)")
}

fn member() -> Native {
    Native::of("UserRole", "(Tenant, RoleNo)")
}

pub(super) fn lender() -> Native {
    Native::own("(LenderTenant, LenderNo)")
}

pub(super) fn model() -> Model {
    let (mut user, mut table) = entity("User", "hr.Employee", &["Tenant", "EmpNo"]);
    let child = |name: &str| {
        let (table, foreign_key) = (name.into(), key(&["Tenant", "EmpNo"]));
        Child { table, foreign_key, by: None, initial: Row::new(), only: Predicate::All }
    };
    table.lookups.push(Lookup {
        alias: "dept".into(),
        table: "Department".into(),
        key: key(&["Tenant", "DeptNo"]),
        foreign_key: key(&["Tenant", "DeptNo"]),
        on_missing: OnMissing::Create,
        only: Predicate::All,
        initial: Row::new(),
    });
    table.children = vec![child("Phone"), child("UserRole")];
    let rest = SideDocument { table: "Scim".into(), key: key(&["Tenant", "EmpNo"]), column: "Doc".into() };
    table.rest = Some(rest);
    table.links = BTreeMap::from([
        (manager(), key(&["Tenant", "MgrNo"])),
        (member(), key(&["Tenant", "RoleNo"])),
        (lender(), key(&["LenderTenant", "LenderNo"])),
    ]);
    user.store = Store::Table(table);
    user.references = BTreeMap::from([
        (manager(), vec!["User".into()]),
        (member(), vec!["Group".into()]),
        (lender(), vec!["User".into(), "Group".into()]),
    ]);
    let (mut group, mut table) = entity("Group", "Role", &["Tenant", "RoleNo"]);
    table.only = Predicate::Test(Native::own("Tenant"), Test::Equals("ACME".into(), Case::Exact));
    group.store = Store::Table(table);
    let (dept, _) = entity("User.dept", "Department", &["Tenant", "DeptNo"]);
    Model {
        entities: [user, group, dept].into_iter().map(|entity| (entity.name.clone(), entity)).collect(),
        ..Model::default()
    }
}

pub(super) fn search(predicate: Predicate, natives: &[Native]) -> Search {
    let fields = Fields { natives: natives.iter().cloned().collect(), ..Fields::default() };
    Search { entity: "User".into(), predicate, fields, range: Range::first(10) }
}

pub(super) fn link(id: &str) -> Value {
    Value::Reference(Reference { resource: None, id: id.to_owned() })
}

pub(super) fn leads(native: Native, id: &str) -> Predicate {
    Predicate::Test(native, Test::Equals(link(id), Case::Exact))
}

pub(super) fn known(id: &str) -> Facts {
    let mut facts = Facts::default();
    let records = vec![Record { id: id.to_owned(), ..Record::default() }];
    facts.add(Search::existing(&"User".into(), vec![id.to_owned()]), Found { records, ..Found::default() });
    facts
}

/// The plan; every look-up finds `found`.
fn plan(
    dialect: Dialect<'_>,
    operation: &Operation,
    mut facts: Facts,
    found: Option<&str>,
) -> Result<Plan, Failure> {
    loop {
        match lower(dialect, &model(), operation, &facts)? {
            Lowered::Plan(plan) => return Ok(plan),
            Lowered::Need(needs) => needs.into_iter().for_each(|need| {
                let record = |id: &str| Record { id: id.to_owned(), ..Record::default() };
                facts.add(
                    need,
                    Found { records: found.map(record).into_iter().collect(), ..Found::default() },
                );
            }),
        }
    }
}

pub(super) fn in_both(name: &str, print: impl Fn(Dialect<'_>) -> String) {
    insta::assert_snapshot!(format!("{name}_sqlite"), print(Dialect::Sqlite));
    insta::assert_snapshot!(format!("{name}_transact"), print(TSQL()));
}

#[test]
fn searches_in_both_dialects() {
    let natives = [Native::own("Login"), Native::of("dept", "Name"), manager(), lender(), member()];
    let mut all = search(Predicate::All, &natives);
    all.fields.rest = true;
    all.range.sequence.behind = Some(Mark { value: None, id: "ACME.7".to_owned() });
    let sort =
        Sort { native: Native::own("First"), by: By::Text(Case::Folded), missing: None, descending: true };
    let behind = Some(Mark { value: Some("Ann".into()), id: "ACME.7".to_owned() });
    let mut sorted = search(Predicate::Id(["ACME.7", "no", "B~2e.8"].map(str::to_owned).to_vec()), &[]);
    sorted.range.sequence = Sequence { sort: Some(sort), backward: true, behind };
    let is_member = Predicate::Child("UserRole".into(), Box::new(leads(member(), "ACME.1")));
    let terms = [
        leads(manager(), "ACME.7").not(),
        leads(lender(), "half"),
        Predicate::Test(lender(), Test::Present),
        is_member,
        Predicate::Id(vec!["ACME.8".to_owned()]),
    ];
    let filtered = search(Predicate::And(terms.to_vec()), &[]);
    let mut by_number = search(Predicate::All, &[]);
    let native = Native::own("EmpNo");
    by_number.range.sequence.sort = Some(Sort { native, by: By::Integer, missing: None, descending: false });
    in_both("keys_search", |dialect| {
        let printed = |search| select(dialect, &model(), search, Reading::Free).unwrap().plan().render();
        [&all, &sorted, &filtered, &by_number].map(printed).join("\n")
    });
}

fn creation(tenant: Option<&str>) -> Record {
    let mut record = Record::default();
    record.values.insert(Native::own("Login"), vec!["ann".into()]);
    record.values.extend(tenant.map(|tenant| (Native::own("Tenant"), vec![tenant.into()])));
    record.values.insert(manager(), vec![link("ACME.7")]);
    record.values.insert(lender(), vec![link("B.a~20b")]);
    record.values.insert(Native::of("dept", "Name"), vec!["Sales".into()]);
    record.children.insert("UserRole".into(), vec![Row::from([(member().name, link("ACME.1"))])]);
    record.rest = Some("{}".to_owned());
    record
}

#[test]
fn a_create_in_both_dialects() {
    let create = |tenant, entity: &str| {
        let (entity, record, hooks) = (entity.into(), creation(tenant), Vec::new());
        Operation::Create(Create { entity, record, hooks })
    };
    let of_acme = create(Some("ACME"), "User");
    in_both("keys_create", |dialect| {
        let [known, unknown] =
            [Some("ACME.3"), None].map(|found| plan(dialect, &of_acme, Facts::default(), found).unwrap());
        format!("{}\n{}", known.render(), unknown.render())
    });
    let other = plan(Dialect::Sqlite, &create(Some("B"), "User"), Facts::default(), Some("B.3"));
    assert!(matches!(other, Err(Failure::Rejected(..))), "{other:?}");
}

#[test]
fn an_update_and_a_delete_in_both_dialects() {
    let row = |id: &str| Row::from([(member().name, link(id))]);
    let mut changes = Changes { rest: Some(Some("{}".to_owned())), ..Changes::default() };
    for (native, add) in
        [(manager(), vec![link("ACME.7")]), (lender(), vec![]), (Native::of("dept", "Name"), vec![])]
    {
        changes.values.insert(native, Change { add, ..Change::default() });
    }
    let rows = RowChanges { remove: vec![row("ACME.1")], add: vec![row("ACME.2")], repeatable: false };
    changes.children.insert("UserRole".into(), rows);
    let update = |changes: &Changes| {
        let (entity, id, changes) = ("User".into(), "ACME.9".to_owned(), changes.clone());
        Operation::Update(Update { entity, id, changes, version: None, hooks: Vec::new() })
    };
    let (id, stamps) = ("ACME.9".to_owned(), BTreeMap::new());
    let delete =
        Operation::Delete(Delete { entity: "User".into(), id, version: None, stamps, hooks: Vec::new() });
    in_both("keys_change", |dialect| {
        let printed = |operation| plan(dialect, operation, known("ACME.9"), None).unwrap().render();
        [&update(&changes), &delete].map(printed).join("\n")
    });
    changes.values.insert(manager(), Change { add: vec![link("B.7")], ..Change::default() });
    let other = plan(Dialect::Sqlite, &update(&changes), known("ACME.9"), None);
    assert!(matches!(other, Err(Failure::Rejected(..))), "{other:?}");
}

#[test]
fn a_statement_compares_no_more_keys_than_it_can() {
    let model = model();
    for (entity, dialect, ids, batched) in
        [("User", Dialect::Sqlite, 250, 1), ("User", TSQL(), 1001, 5), ("User.dept", TSQL(), 2, 1)]
    {
        let ids: Vec<String> = (0..ids).map(|number| format!("ACME.{number}")).collect();
        let search = Search::existing(&entity.into(), ids.clone());
        let (_, table) = table_of(&model, entity).unwrap();
        let found = batches(dialect, table, &search);
        assert_eq!(found.len(), batched);
        let in_all: Vec<String> = found
            .iter()
            .flat_map(|batch| match &batch.predicate {
                Predicate::Id(ids) => ids.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(in_all, ids);
        found.iter().for_each(|batch| _ = select(dialect, &model, batch, Reading::Free).unwrap());
    }
    // The statements about children, and the count, have the ids too.
    let mut search =
        Search::existing(&"User".into(), (0..400).map(|number| format!("ACME.{number}")).collect());
    search.fields.natives.extend([Native::of("Phone", "Num"), member()]);
    search.range.total = true;
    let (_, table) = table_of(&model, "User").unwrap();
    for batch in batches(TSQL(), table, &search) {
        let select = select(TSQL(), &model, &batch, Reading::Free).unwrap();
        let params = select.statements().map(|statement| statement.params.len()).sum::<usize>();
        assert!(params <= 2098, "{params}");
    }
    let (entity, table) = entity("One", "One", &["Id"]);
    let model = Model { entities: [(entity.name.clone(), entity)].into(), ..Model::default() };
    for (dialect, most) in [(Dialect::Sqlite, 32_718), (TSQL(), 2_050)] {
        let search = Search::existing(&"One".into(), (0..=most).map(|number| number.to_string()).collect());
        let found = batches(dialect, &table, &search);
        assert_eq!(found.len(), 2);
        found.iter().for_each(|batch| _ = select(dialect, &model, batch, Reading::Free).unwrap());
    }
}

/// Where the columns' types are known, each part of a key is compared as its column's.
#[test]
fn the_parts_of_a_key_have_types_of_their_own() {
    let mut catalog = Catalog::default();
    let narrow = Kind::Narrow { code_page: 1252, octets: Some(8), is_padded: false };
    let number = Kind::Integer { least: 0, greatest: 999 };
    for (table, columns) in
        [("hr.Employee", ["Tenant", "EmpNo", "MgrNo"]), ("UserRole", ["Tenant", "EmpNo", "RoleNo"])]
    {
        for (column, kind) in columns.into_iter().zip([narrow, number, number]) {
            let (is_nullable, is_generated, has_default) = (false, false, false);
            catalog.add(table, column, Column { kind, is_nullable, is_generated, has_default });
        }
    }
    let dialect = Dialect::Transact(&catalog);
    let ids = ["ACME.7", "ACME.07", "ACME.x", "~ce~a9.1"].map(str::to_owned).to_vec();
    let mut wanted = search(Predicate::Id(ids), &[]);
    wanted.range.sequence.behind = Some(Mark { value: None, id: "ACME.3".to_owned() });
    let led = search(leads(manager(), "ACME.7"), &[]);
    let mut lost = search(leads(manager(), "ACME.x"), &[]);
    lost.range.sequence.behind = Some(Mark { value: None, id: "ACME.gone".to_owned() });
    let printed = |search| select(dialect, &model(), search, Reading::Free).unwrap().plan().render();
    let rows = RowChanges {
        remove: vec![Row::from([(member().name, link("ACME.1"))])],
        add: vec![Row::from([(member().name, link("ACME.2"))])],
        repeatable: true,
    };
    let changes = Changes { children: BTreeMap::from([("UserRole".into(), rows)]), ..Changes::default() };
    let (entity, id) = ("User".into(), "ACME.9".to_owned());
    let update = Operation::Update(Update { entity, id, changes, version: None, hooks: Vec::new() });
    let update = plan(dialect, &update, known("ACME.9"), None).unwrap().render();
    insta::assert_snapshot!(
        "keys_typed_transact",
        [printed(&wanted), printed(&led), printed(&lost), update].join("\n")
    );
}

/// Walks from both ends, in steps of every size, meet each row once, in the order of the key's columns.
#[tokio::test]
async fn a_key_of_three_columns_is_walked_through() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let rows = Connection::open(&file).unwrap();
    rows.execute_batch("CREATE TABLE T (A TEXT, B INTEGER, C TEXT, PRIMARY KEY (A, B, C))").unwrap();
    let mut expected = Vec::new();
    for a in ["", "~", "a", "b."] {
        for b in [-1, 2, 10] {
            for c in ["", "é/", "x"] {
                rows.execute("INSERT INTO T VALUES (?1, ?2, ?3)", (a, b, c)).unwrap();
                expected.push((a, b, c));
            }
        }
    }
    expected.sort();
    let expected: Vec<String> =
        expected.into_iter().map(|(a, b, c)| id_of(&[a.to_owned(), b.to_string(), c.to_owned()])).collect();
    let (entity, _) = entity("T", "T", &["A", "B", "C"]);
    let model = Model { entities: [(entity.name.clone(), entity)].into(), ..Model::default() };
    let sqlite = Sqlite::open(&file, Arc::new(model), Intent::Write, Duration::from_secs(5)).unwrap();
    let mut session = sqlite.session(Intent::Read).await.unwrap();
    for (backward, limit) in [(false, 1), (false, 5), (true, 1), (true, 7)] {
        let (mut met, mut behind) = (Vec::new(), None);
        loop {
            let sequence = Sequence { sort: None, backward, behind: behind.take() };
            let range = Range { sequence, ..Range::first(limit) };
            let step =
                Search { entity: "T".into(), predicate: Predicate::All, fields: Fields::default(), range };
            let found = session.search(&step).await.unwrap();
            met.extend(found.records.into_iter().map(|record| record.id));
            if !found.more {
                break;
            }
            behind = met.last().map(|id: &String| Mark { value: None, id: id.clone() });
        }
        if backward {
            met.reverse();
        }
        assert_eq!(met, expected, "{backward} {limit}");
    }
    // Each is found by its id, and all together in several statements.
    for id in &expected {
        let found = session.search(&Search::existing(&"T".into(), vec![id.clone()])).await.unwrap();
        assert_eq!(found.records.iter().map(|record| &record.id).collect::<Vec<_>>(), [id]);
    }
    let many = expected.iter().cloned().chain((0..600).map(|number| format!("no.{number}.x"))).collect();
    let found = session.search(&Search::existing(&"T".into(), many)).await.unwrap();
    assert_eq!(found.records.len(), expected.len());
    let behind = Some(Mark { value: None, id: "a.1".to_owned() });
    let range = Range { sequence: Sequence { behind, ..Sequence::default() }, ..Range::first(1) };
    let step = Search { entity: "T".into(), predicate: Predicate::All, fields: Fields::default(), range };
    let lost = session.search(&step).await;
    assert!(matches!(lost, Err(Failure::Rejected(..))), "{lost:?}");
}

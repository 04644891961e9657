//! The statements of both dialects word for word, and SQLite itself: conditions against an evaluation in
//! memory, hostile values, concurrent writers, what is rolled back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, prop, prop_oneof, proptest};
use rusqlite::Connection;

use super::Sqlite;
use super::dialect::Dialect;
use super::lower::lower;
use super::select::select;
use crate::backend::{Backend, Failure, Intent, Lowered};
use crate::plan::{
    Case, Change, Changes, Child, Create, Delete, Entity, Facts, Fields, Found, Lookup, Model, Native,
    OnDelete, OnMissing, Operation, Order, Plan, Predicate, Range, Record, Reference, Row, RowChanges,
    Search, SideDocument, Store, Table, Test, Update, Value,
};

const DEADLINE: Duration = Duration::from_secs(5);

// === a small model: people with a department, phones and roles ===

fn table(name: &str, id: &str) -> Table {
    Table { name: name.into(), id: id.into(), lookups: Vec::new(), children: Vec::new(), rest: None }
}

fn entity(name: &str, table: Table) -> Entity {
    Entity {
        name: name.into(),
        store: Store::Table(table),
        references: BTreeMap::new(),
        unique: Vec::new(),
        version: None,
        on_delete: vec![OnDelete::Delete],
    }
}

fn model() -> Model {
    let child =
        |table: &str, key: &str| Child { table: table.into(), foreign_key: key.into(), initial: Row::new() };
    let dept = Lookup {
        alias: "dept".into(),
        table: "Department".into(),
        key: "DeptId".into(),
        foreign_key: "DeptId".into(),
        on_missing: OnMissing::Create,
    };
    let rest = SideDocument { table: "PersonScim".into(), key: "PersonId".into(), column: "Doc".into() };
    let mut user = entity(
        "User",
        Table {
            lookups: vec![dept],
            children: vec![child("Phone", "PersonId"), child("PersonRole", "PersonId")],
            rest: Some(rest),
            ..table("Person", "PersonId")
        },
    );
    user.references.insert(Native::own("BossId"), vec!["User".into()]);
    user.references.insert(Native::of("PersonRole", "RoleId"), vec!["Group".into()]);
    user.version = Some(Native::own("RowVer"));
    let mut group = entity(
        "Group",
        Table { children: vec![child("PersonRole", "RoleId")], ..table("app.Role", "RoleId") },
    );
    group.references.insert(Native::of("PersonRole", "PersonId"), vec!["User".into(), "Group".into()]);
    group.on_delete =
        vec![OnDelete::Refuse(Row::from([("IsSystem".into(), Value::Bool(true))])), OnDelete::Delete];
    let lookup = entity("User.dept", table("Department", "DeptId"));
    Model {
        entities: [user, group, lookup].into_iter().map(|entity| (entity.name.clone(), entity)).collect(),
    }
}

fn search(entity: &str, predicate: Predicate, natives: &[Native]) -> Search {
    let fields = Fields { natives: natives.iter().cloned().collect(), rest: false };
    Search { entity: entity.into(), predicate, fields, range: Range { offset: 0, limit: 10, total: false } }
}

fn is(name: &str, value: &str, case: Case) -> Predicate {
    Predicate::Test(Native::own(name), Test::Equals(value.into(), case))
}

fn plan(dialect: Dialect, operation: Operation, facts: &Facts) -> Plan {
    match lower(dialect, &model(), &operation, facts).unwrap() {
        Lowered::Plan(plan) => plan,
        Lowered::Need(needs) => panic!("needs {needs:?}"),
    }
}

fn known(id: &str) -> Facts {
    let mut facts = Facts::default();
    let found =
        Found { records: vec![Record { id: id.to_owned(), ..Record::default() }], ..Found::default() };
    facts.add(Search::existing(&"User".into(), vec![id.to_owned()]), found);
    facts
}

// === the dialects ===

#[test]
fn a_search_in_both_dialects() {
    let natives = [Native::own("Login"), Native::of("dept", "Name"), Native::of("Phone", "Num")];
    let mut wanted = search("User", is("Login", "ada", Case::Folded).not(), &natives);
    wanted.fields.rest = true;
    wanted.range.total = true;
    let text = |dialect| select(dialect, &model(), &wanted).unwrap().plan().render();
    insta::assert_snapshot!("search_sqlite", text(Dialect::Sqlite));
    insta::assert_snapshot!("search_transact", text(Dialect::Transact));
}

#[test]
fn a_create_in_both_dialects() {
    let mut record = Record::default();
    record.values.insert(Native::own("Login"), vec!["ada".into()]);
    record.values.insert(Native::of("dept", "Name"), vec!["Sales".into()]);
    record
        .children
        .insert("Phone".into(), vec![Row::from([("Kind".into(), "W".into()), ("Num".into(), "1".into())])]);
    record.rest = Some("{}".to_owned());
    let create = Operation::Create(Create { entity: "User".into(), record });
    let Lowered::Need(needs) = lower(Dialect::Sqlite, &model(), &create, &Facts::default()).unwrap() else {
        panic!("a look-up is a need")
    };
    let mut facts = Facts::default();
    needs.into_iter().for_each(|need| facts.add(need, Found::default()));
    insta::assert_snapshot!("create_sqlite", plan(Dialect::Sqlite, create.clone(), &facts).render());
    insta::assert_snapshot!("create_transact", plan(Dialect::Transact, create, &facts).render());
}

#[test]
fn an_update_and_a_delete_in_both_dialects() {
    let row = |number: &str| Row::from([("Num".into(), number.into())]);
    let mut changes = Changes { rest: Some(None), ..Changes::default() };
    changes.values.insert(Native::own("Login"), Change { add: vec!["eve".into()], ..Change::default() });
    changes.children.insert("Phone".into(), RowChanges { remove: vec![row("1")], add: vec![row("2")] });
    let update =
        Update { entity: "User".into(), id: "7".to_owned(), changes, version: Some(Value::Integer(3)) };
    let delete = Delete { entity: "User".into(), id: "7".to_owned(), version: None };
    for (name, dialect) in [("sqlite", Dialect::Sqlite), ("transact", Dialect::Transact)] {
        insta::assert_snapshot!(
            format!("update_{name}"),
            plan(dialect, Operation::Update(update.clone()), &known("7")).render()
        );
        insta::assert_snapshot!(
            format!("delete_{name}"),
            plan(dialect, Operation::Delete(delete.clone()), &known("7")).render()
        );
    }
}

#[test]
fn a_client_s_value_is_never_part_of_a_statement() {
    let texts = |value: &str| {
        let tests = [
            Test::Equals(value.into(), Case::Exact),
            Test::StartsWith(value.to_owned(), Case::Exact),
            Test::EndsWith(value.to_owned(), Case::Folded),
            Test::Contains(value.to_owned(), Case::Folded),
            Test::Compare(Order::Less, value.into()),
            Test::Equals(Value::Reference(Reference { resource: None, id: value.to_owned() }), Case::Exact),
        ];
        let terms = tests.into_iter().map(|test| Predicate::Test(Native::own("Login"), test));
        let all = Predicate::And(terms.chain([Predicate::Id(vec![value.to_owned()])]).collect());
        [Dialect::Sqlite, Dialect::Transact]
            .map(|dialect| select(dialect, &model(), &search("User", all.clone(), &[])).unwrap().rows.text)
    };
    for hostile in ["'", "\"; DROP TABLE Person; --", "]", "%_[\\", "@P1", "?1", "\u{2028}"] {
        assert_eq!(texts(hostile), texts("harmless"));
    }
}

#[test]
fn identifiers_are_quoted() {
    assert_eq!(Dialect::Sqlite.quote("a\"b.c"), "\"a\"\"b\".\"c\"");
    assert_eq!(Dialect::Transact.quote("dbo.a]b"), "[dbo].[a]]b]");
}

#[test]
fn a_guarded_row_is_refused_and_the_statement_guards_it_too() {
    let delete = Operation::Delete(Delete { entity: "Group".into(), id: "1".to_owned(), version: None });
    let mut facts = Facts::default();
    let mut guard = None;
    for _ in 0..2 {
        if let Lowered::Need(needs) = lower(Dialect::Sqlite, &model(), &delete, &facts).unwrap() {
            for need in needs {
                let record = Record { id: "1".to_owned(), ..Record::default() };
                let is_existing = need == Search::existing(&"Group".into(), vec!["1".to_owned()]);
                let records = if is_existing { vec![record] } else { Vec::new() };
                guard = (!is_existing).then(|| need.clone()).or(guard);
                facts.add(need, Found { records, ..Found::default() });
            }
        }
    }
    assert!(
        plan(Dialect::Sqlite, delete.clone(), &facts).render().contains("AND NOT ((\"IsSystem\" IS NOT NULL")
    );
    let mut facts = Facts::default();
    let record = Record { id: "1".to_owned(), ..Record::default() };
    facts.add(guard.unwrap(), Found { records: vec![record.clone()], ..Found::default() });
    facts.add(
        Search::existing(&"Group".into(), vec!["1".to_owned()]),
        Found { records: vec![record], ..Found::default() },
    );
    assert!(matches!(lower(Dialect::Sqlite, &model(), &delete, &facts), Err(Failure::Refused(_))));
}

// === SQLite ===

struct Database {
    _folder: tempfile::TempDir,
    sqlite: Sqlite,
}

fn database(rows: &[(&str, Option<&str>)]) -> Database {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.db");
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE Person (PersonId INTEGER PRIMARY KEY, Login TEXT, Nick TEXT, BossId INTEGER, DeptId INTEGER, RowVer INTEGER DEFAULT 1);
             CREATE UNIQUE INDEX PersonLogin ON Person (Login COLLATE NOCASE);
             CREATE TABLE Department (DeptId INTEGER PRIMARY KEY, Name TEXT);
             CREATE TABLE Phone (PersonId INTEGER REFERENCES Person, Num TEXT);
             CREATE TABLE PersonRole (PersonId INTEGER, RoleId INTEGER, PRIMARY KEY (PersonId, RoleId));
             CREATE TABLE PersonScim (PersonId INTEGER PRIMARY KEY, Doc TEXT);",
        )
        .unwrap();
    for (login, nick) in rows {
        connection.execute("INSERT INTO Person (Login, Nick) VALUES (?1, ?2)", (login, nick)).unwrap();
    }
    let sqlite = Sqlite::open(&file, Arc::new(model()), Intent::Write, DEADLINE).unwrap();
    Database { _folder: folder, sqlite }
}

impl Database {
    async fn ids(&self, predicate: Predicate) -> Vec<String> {
        let mut session = self.sqlite.session(Intent::Read).await.unwrap();
        let found = session.search(&search("User", predicate, &[])).await.unwrap();
        found.records.into_iter().map(|record| record.id).collect()
    }
}

#[tokio::test]
async fn a_negation_matches_what_is_null() {
    let database = database(&[("a", Some("x")), ("b", None)]);
    assert_eq!(database.ids(is("Nick", "x", Case::Exact).not()).await, ["2"]);
    assert_eq!(database.ids(Predicate::Test(Native::own("Nick"), Test::Present).not()).await, ["2"]);
    let nested =
        Predicate::And(vec![is("Nick", "y", Case::Folded).not(), is("Login", "B", Case::Folded)]).not();
    assert_eq!(database.ids(nested).await, ["1"]);
}

#[tokio::test]
async fn only_the_canonical_id_finds_a_row() {
    let database = database(&[("a", None)]);
    for id in ["01", "1.0", " 1", "1 ", "+1", "0x1", "1'--", ""] {
        assert!(database.ids(Predicate::Id(vec![id.to_owned()])).await.is_empty(), "{id:?}");
    }
    assert_eq!(database.ids(Predicate::Id(vec!["1".to_owned()])).await, ["1"]);
}

#[tokio::test]
async fn what_is_not_committed_is_rolled_back() {
    let database = database(&[("a", None)]);
    let mut changes = Changes::default();
    changes.values.insert(Native::own("Login"), Change { add: vec!["changed".into()], ..Change::default() });
    let update = Update { entity: "User".into(), id: "1".to_owned(), changes, version: None };
    let plan = plan(Dialect::Sqlite, Operation::Update(update), &known("1"));
    let mut session = database.sqlite.session(Intent::Write).await.unwrap();
    session.execute(&plan).await.unwrap();
    drop(session);
    assert!(database.ids(is("Login", "changed", Case::Exact)).await.is_empty());
    let mut session = database.sqlite.session(Intent::Write).await.unwrap();
    session.execute(&plan).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(database.ids(is("Login", "changed", Case::Exact)).await, ["1"]);
}

#[tokio::test]
async fn a_secret_text_is_stored_as_text() {
    let database = database(&[("a", None)]);
    let mut changes = Changes::default();
    let secret = Value::from("x").hidden();
    changes.values.insert(Native::own("Nick"), Change { add: vec![secret], ..Change::default() });
    let update = Update { entity: "User".into(), id: "1".to_owned(), changes, version: None };
    let plan = plan(Dialect::Sqlite, Operation::Update(update), &known("1"));
    let mut session = database.sqlite.session(Intent::Write).await.unwrap();
    session.execute(&plan).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(database.ids(is("Nick", "x", Case::Exact)).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_one_time_lose_nothing() {
    let database = Arc::new(database(&[("a", None)]));
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let row = Row::from([("RoleId".into(), Value::Integer(number))]);
                let mut changes = Changes::default();
                changes
                    .children
                    .insert("PersonRole".into(), RowChanges { remove: Vec::new(), add: vec![row] });
                let update = Update { entity: "User".into(), id: "1".to_owned(), changes, version: None };
                let plan = plan(Dialect::Sqlite, Operation::Update(update), &known("1"));
                for _ in 0..2 {
                    let mut session = database.sqlite.session(Intent::Write).await.unwrap();
                    session.execute(&plan).await.unwrap();
                    session.commit().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut session = database.sqlite.session(Intent::Read).await.unwrap();
    let all = search("User", Predicate::All, &[Native::of("PersonRole", "RoleId")]);
    let found = session.search(&all).await.unwrap();
    assert_eq!(found.records[0].children["PersonRole"].len(), 16, "added twice each, there once each");
}

#[tokio::test]
async fn a_taken_value_is_a_uniqueness_and_a_wrong_version_a_conflict() {
    let database = database(&[("a", None), ("b", None)]);
    let mut changes = Changes::default();
    changes.values.insert(Native::own("Login"), Change { add: vec!["A".into()], ..Change::default() });
    let update = |version| {
        Operation::Update(Update {
            entity: "User".into(),
            id: "2".to_owned(),
            changes: changes.clone(),
            version,
        })
    };
    let mut session = database.sqlite.session(Intent::Write).await.unwrap();
    let taken = session.execute(&plan(Dialect::Sqlite, update(None), &known("2"))).await;
    assert!(matches!(taken, Err(Failure::Uniqueness(_))), "{taken:?}");
    let late = session.execute(&plan(Dialect::Sqlite, update(Some(Value::Integer(9))), &known("2"))).await;
    assert!(matches!(late, Err(Failure::Conflict(_))), "{late:?}");
}

// === conditions against an evaluation in memory ===

const WORDS: [&str; 7] = ["a", "A", "ab", "b%", "_", "", "ä"];

fn tests() -> impl Strategy<Value = Test> {
    let word = prop::sample::select(&WORDS[..]);
    let case = prop_oneof![Just(Case::Exact), Just(Case::Folded)];
    (0..5_u8, word, case).prop_map(|(kind, word, case)| match kind {
        0 => Test::Present,
        1 => Test::Equals(word.into(), case),
        2 => Test::StartsWith(word.to_owned(), case),
        3 => Test::EndsWith(word.to_owned(), case),
        _ => Test::Contains(word.to_owned(), case),
    })
}

fn predicates() -> impl Strategy<Value = Predicate> {
    let leaf = (prop::sample::select(&["Login", "Nick"][..]), tests())
        .prop_map(|(name, test)| Predicate::Test(Native::own(name), test));
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Predicate::Or),
            inner.prop_map(|inner| Predicate::Not(Box::new(inner))),
        ]
    })
}

fn holds(predicate: &Predicate, row: (&str, Option<&str>)) -> bool {
    match predicate {
        Predicate::And(terms) => terms.iter().all(|term| holds(term, row)),
        Predicate::Or(terms) => terms.iter().any(|term| holds(term, row)),
        Predicate::Not(inner) => !holds(inner, row),
        Predicate::Test(native, test) => {
            let value = if &*native.name == "Login" { Some(row.0) } else { row.1 };
            value.is_some_and(|value| passes(value, test))
        }
        _ => unreachable!("not generated"),
    }
}

fn passes(value: &str, test: &Test) -> bool {
    let folded = |text: &str, case: &Case| {
        if *case == Case::Exact { text.to_owned() } else { text.to_ascii_lowercase() }
    };
    match test {
        Test::Present => true,
        Test::Equals(Value::Text(word), case) => folded(value, case) == folded(word, case),
        Test::StartsWith(word, case) => folded(value, case).starts_with(&folded(word, case)),
        Test::EndsWith(word, case) => folded(value, case).ends_with(&folded(word, case)),
        Test::Contains(word, case) => folded(value, case).contains(&folded(word, case)),
        _ => unreachable!("not generated"),
    }
}

#[test]
fn conditions_mean_what_predicates_mean() {
    let rows = [
        ("a", Some("A")),
        ("B", None),
        ("ab", Some("")),
        ("c_", Some("b%")),
        ("Ä", Some("ä")),
        ("x%b%", Some("_a")),
    ];
    let database = database(&rows);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    proptest!(|(predicate in predicates())| {
        let found = runtime.block_on(database.ids(predicate.clone()));
        let expected: Vec<String> = rows.iter().enumerate().filter(|(_, row)| holds(&predicate, **row)).map(|(at, _)| (at + 1).to_string()).collect();
        proptest::prop_assert_eq!(found, expected);
    });
}

//! The statements of both dialects word for word, and SQLite itself: conditions against an evaluation in
//! memory, hostile values, concurrent writers, what is rolled back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, prop, prop_oneof, proptest};
use rusqlite::Connection;

use super::Sqlite;
use super::catalog::Catalog;
use super::dialect::Dialect;
use super::lower::lower;
use super::select::{Reading, select};
use crate::backend::{Backend, Failure, Intent, Lowered};
use crate::plan::{
    By, Case, Change, Changes, Child, Create, Delete, DeleteRule, Disable, Disabled, Entity, Facts, Fields,
    Found, HookStep, Key, Lookup, Mark, Model, Native, OnDelete, OnMissing, Operation, Order, Param, Plan,
    Predicate, Range, Record, Reference, Row, RowChanges, Search, Sequence, SideDocument, Sort, Store, Table,
    Test, Update, Value,
};

const DEADLINE: Duration = Duration::from_secs(5);

// === a small model: people with a department, phones and roles ===

pub(super) fn key(columns: &[&str]) -> Key {
    Key::of(columns.iter().copied()).unwrap()
}

pub(super) fn table(name: &str, id: &str) -> Table {
    Table::new(name.into(), key(&[id]))
}

pub(super) fn entity(name: &str, table: Table) -> Entity {
    Entity {
        name: name.into(),
        store: Store::Table(table),
        references: BTreeMap::new(),
        unique: Vec::new(),
        version: None,
        on_delete: vec![DeleteRule::always(OnDelete::Delete)],
        read_only: false,
        unscoped: None,
    }
}

pub(super) fn model() -> Model {
    let child = |table: &str, column: &str| Child {
        table: table.into(),
        foreign_key: key(&[column]),
        by: None,
        initial: Row::new(),
        only: Predicate::All,
    };
    let dept = Lookup {
        alias: "dept".into(),
        table: "Department".into(),
        key: key(&["DeptId"]),
        foreign_key: key(&["DeptId"]),
        on_missing: OnMissing::Create,
        only: Predicate::All,
        initial: Row::new(),
    };
    let rest = SideDocument { table: "PersonScim".into(), key: key(&["PersonId"]), column: "Doc".into() };
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
    group.on_delete = vec![
        DeleteRule { rows: Row::from([("IsSystem".into(), Value::Bool(true))]), how: OnDelete::Refuse },
        DeleteRule::always(OnDelete::Delete),
    ];
    let lookup = entity("User.dept", table("Department", "DeptId"));
    Model {
        entities: [user, group, lookup].into_iter().map(|entity| (entity.name.clone(), entity)).collect(),
        ..Model::default()
    }
}

pub(super) fn search(entity: &str, predicate: Predicate, natives: &[Native]) -> Search {
    let fields = Fields { natives: natives.iter().cloned().collect(), ..Fields::default() };
    Search { entity: entity.into(), predicate, fields, range: Range::first(10) }
}

pub(super) fn is(name: &str, value: &str, case: Case) -> Predicate {
    Predicate::Test(Native::own(name), Test::Equals(value.into(), case))
}

fn plan(dialect: Dialect<'_>, operation: Operation, facts: &Facts) -> Plan {
    match lower(dialect, &model(), &operation, facts).unwrap() {
        Lowered::Plan(plan) => plan,
        Lowered::Need(needs) => panic!("needs {needs:?}"),
    }
}

pub(super) fn known(id: &str) -> Facts {
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
    let text = |dialect| select(dialect, &model(), &wanted, Reading::Free).unwrap().plan().render();
    insta::assert_snapshot!("search_sqlite", text(Dialect::Sqlite));
    insta::assert_snapshot!("search_transact", text(Dialect::Transact(Catalog::unknown())));
}

#[test]
fn an_ordered_window_in_both_dialects() {
    let sorted = |native: Native, by, missing: Option<&str>, descending, backward, value: Option<Value>| {
        let sort = Some(Sort { native, by, missing: missing.map(Value::from), descending });
        let behind = Some(Mark { value, id: "7".to_owned() });
        let mut wanted = search("User", is("Login", "ada", Case::Folded), &[Native::of("Phone", "Num")]);
        wanted.range.sequence = Sequence { sort, backward, behind };
        wanted
    };
    let at = Value::Timestamp(time::macros::datetime!(2026-01-31 12:00:00.5 +1));
    let dept = Native::of("dept", "Name");
    let searches = [
        sorted(dept.clone(), By::Text(Case::Folded), Some("-"), false, false, Some("Sales".into())),
        sorted(dept, By::Text(Case::Exact), None, true, false, None),
        sorted(Native::own("Changed"), By::Instant, None, false, true, Some(at)),
        sorted(Native::own("Age"), By::Integer, None, false, false, None),
    ];
    for (name, dialect) in [("sqlite", Dialect::Sqlite), ("transact", Dialect::Transact(Catalog::unknown()))]
    {
        let texts = searches
            .iter()
            .map(|search| select(dialect, &model(), search, Reading::Free).unwrap().plan().render());
        insta::assert_snapshot!(format!("order_{name}"), texts.collect::<String>());
    }
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
    let create = Operation::Create(Create { entity: "User".into(), record, hooks: Vec::new() });
    let Lowered::Need(needs) = lower(Dialect::Sqlite, &model(), &create, &Facts::default()).unwrap() else {
        panic!("a look-up is a need")
    };
    let mut facts = Facts::default();
    needs.into_iter().for_each(|need| facts.add(need, Found::default()));
    insta::assert_snapshot!("create_sqlite", plan(Dialect::Sqlite, create.clone(), &facts).render());
    insta::assert_snapshot!(
        "create_transact",
        plan(Dialect::Transact(Catalog::unknown()), create, &facts).render()
    );
}

#[test]
fn an_update_and_a_delete_in_both_dialects() {
    let row = |number: &str| Row::from([("Num".into(), number.into())]);
    let mut changes = Changes { rest: Some(None), ..Changes::default() };
    changes.values.insert(Native::own("Login"), Change { add: vec!["eve".into()], ..Change::default() });
    changes.children.insert(
        "Phone".into(),
        RowChanges { remove: vec![row("1")], add: vec![row("2")], repeatable: false },
    );
    let update = Update {
        entity: "User".into(),
        id: "7".to_owned(),
        changes,
        version: Some(Value::Integer(3)),
        hooks: Vec::new(),
    };
    let delete = Delete {
        entity: "User".into(),
        id: "7".to_owned(),
        version: None,
        stamps: Default::default(),
        hooks: Vec::new(),
    };
    for (name, dialect) in [("sqlite", Dialect::Sqlite), ("transact", Dialect::Transact(Catalog::unknown()))]
    {
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
            Test::Bit(2),
            Test::Equals(Value::Reference(Reference { resource: None, id: value.to_owned() }), Case::Exact),
        ];
        let terms = tests.into_iter().map(|test| Predicate::Test(Native::own("Login"), test));
        let all = Predicate::And(terms.chain([Predicate::Id(vec![value.to_owned()])]).collect());
        [Dialect::Sqlite, Dialect::Transact(Catalog::unknown())].map(|dialect| {
            select(dialect, &model(), &search("User", all.clone(), &[]), Reading::Free).unwrap().rows.text
        })
    };
    for hostile in ["'", "\"; DROP TABLE Person; --", "]", "%_[\\", "@P1", "?1", "\u{2028}"] {
        assert_eq!(texts(hostile), texts("harmless"));
    }
}

#[test]
fn identifiers_are_quoted() {
    assert_eq!(Dialect::Sqlite.quote("a\"b.c"), "\"a\"\"b\".\"c\"");
    assert_eq!(Dialect::Transact(Catalog::unknown()).quote("dbo.a]b"), "[dbo].[a]]b]");
}

#[test]
fn a_guarded_row_is_refused_and_the_statement_guards_it_too() {
    let delete = Operation::Delete(Delete {
        entity: "Group".into(),
        id: "1".to_owned(),
        version: None,
        stamps: Default::default(),
        hooks: Vec::new(),
    });
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
    folder: tempfile::TempDir,
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
    Database { folder, sqlite }
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
async fn a_bit_of_a_number_is_tested() {
    let database = database(&[("a", Some("512")), ("b", Some("514")), ("c", None), ("d", Some("66050"))]);
    let set = Predicate::Test(Native::own("Nick"), Test::Bit(2));
    assert_eq!(database.ids(set.clone()).await, ["2", "4"]);
    assert_eq!(database.ids(set.not()).await, ["1", "3"]);
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
async fn a_row_that_something_is_taken_from_is_the_only_one() {
    let database = database(&[("a", None), ("b", None)]);
    let taken = |text: &str, about: &str| {
        let step = |text: &str, params: Vec<Param>, outputs: &[&str]| HookStep::Statement {
            text: text.to_owned(),
            params,
            outputs: outputs.iter().map(|name| Arc::from(*name)).collect(),
        };
        let uses = step("UPDATE Person SET Nick = ? WHERE Login = 'b'", vec![Param::Output("n".into())], &[]);
        let (id, hooks) = (about.to_owned(), vec![step(text, Vec::new(), &["n"]), uses]);
        let changes = Changes::default();
        let update = Update { entity: "User".into(), id, changes, version: None, hooks };
        plan(Dialect::Sqlite, Operation::Update(update), &known(about))
    };
    let mut session = database.sqlite.session(Intent::Write).await.unwrap();
    for (text, says) in [
        ("SELECT Login FROM Person WHERE Login = 'c'", "it returned 0 rows where one is expected"),
        ("UPDATE Person SET Nick = 'x' RETURNING Nick", "it returned 2 rows where one is expected"),
    ] {
        let failure = session.execute(&taken(text, "1")).await.unwrap_err();
        assert!(matches!(&failure, Failure::Internal(cause) if cause.contains(says)), "{text}: {failure}");
    }
    // NULL is handed on.
    session.execute(&taken("SELECT NULL", "1")).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(database.ids(Predicate::Test(Native::own("Nick"), Test::Present)).await, ["1"]);
}

#[tokio::test]
async fn what_is_not_committed_is_rolled_back() {
    let database = database(&[("a", None)]);
    let mut changes = Changes::default();
    changes.values.insert(Native::own("Login"), Change { add: vec!["changed".into()], ..Change::default() });
    let update =
        Update { entity: "User".into(), id: "1".to_owned(), changes, version: None, hooks: Vec::new() };
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
    let update =
        Update { entity: "User".into(), id: "1".to_owned(), changes, version: None, hooks: Vec::new() };
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
                    .insert("PersonRole".into(), RowChanges { add: vec![row], ..RowChanges::default() });
                let update = Update {
                    entity: "User".into(),
                    id: "1".to_owned(),
                    changes,
                    version: None,
                    hooks: Vec::new(),
                };
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

/// RFC 7644 §3.5.2.1: what is there already does not change the modify timestamp.
#[tokio::test]
async fn a_delta_that_changes_nothing_leaves_the_stamp() {
    let database = database(&[("a", None)]);
    let role = |id: i64| vec![Row::from([("RoleId".into(), Value::Integer(id))])];
    for (remove, add, stamp, kept) in [
        (vec![], role(1), "came", "came"),
        (vec![], role(1), "came again", "came"),
        (role(2), vec![], "another went", "came"),
        (role(1), role(1), "went and came", "went and came"),
        (role(1), vec![], "went", "went"),
        (role(1), vec![], "went again", "went"),
    ] {
        let mut changes = Changes::default();
        changes.values.insert(Native::own("Nick"), Change { add: vec![stamp.into()], ..Change::default() });
        changes.children.insert("PersonRole".into(), RowChanges { remove, add, repeatable: true });
        let update =
            Update { entity: "User".into(), id: "1".to_owned(), changes, version: None, hooks: Vec::new() };
        let plan = plan(Dialect::Sqlite, Operation::Update(update), &known("1"));
        let mut session = database.sqlite.session(Intent::Write).await.unwrap();
        session.execute(&plan).await.unwrap();
        session.commit().await.unwrap();
        assert_eq!(database.ids(is("Nick", kept, Case::Exact)).await, ["1"], "{stamp}");
    }
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
            hooks: Vec::new(),
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

// === the order against one in memory ===

/// A text column's value, and what it means.
fn sorted_rows() -> impl Strategy<Value = Vec<Option<String>>> {
    let word =
        prop::sample::select(&["a", "A", "b", "B", "ab", "Ä", "ä", "", "10", "9", "_", "\u{10FFFF}z"][..]);
    let long = Just("x".repeat(crate::limits::SORTED_CHARS));
    let value = prop_oneof![
        2 => Just(None),
        6 => word.prop_map(|word| Some(word.to_owned())),
        1 => (long, word_of_two()).prop_map(|(long, word)| Some(format!("{long}{word}"))),
    ];
    prop::collection::vec(value, 0..10)
}

fn word_of_two() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["a", "b"][..])
}

#[test]
fn windows_follow_the_order_in_both_directions() {
    let database = database(&[]);
    let rows = Connection::open(database.folder.path().join("test.db")).unwrap();
    rows.pragma_update(None, "synchronous", false).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    proptest!(|(
        nicks in sorted_rows(),
        is_exact: bool,
        missing in prop::option::of(Just("b")),
        descending: bool,
        backward: bool,
        limit in 1..4_usize,
    )| {
        let transaction = rows.unchecked_transaction().unwrap();
        transaction.execute("DELETE FROM Person", []).unwrap();
        for nick in &nicks {
            transaction.execute("INSERT INTO Person (Nick) VALUES (?1)", [nick]).unwrap();
        }
        transaction.commit().unwrap();
        let case = if is_exact { Case::Exact } else { Case::Folded };
        let key = |nick: &Option<String>| {
            let nick = nick.as_ref().filter(|nick| missing != Some(nick.as_str()))?;
            let nick = if is_exact { nick.clone() } else { nick.to_ascii_lowercase() };
            Some(nick.chars().take(crate::limits::SORTED_CHARS).collect::<String>())
        };
        let mut expected: Vec<(Option<String>, usize)> =
            nicks.iter().enumerate().map(|(at, nick)| (key(nick), at + 1)).collect();
        expected.sort_by(|(a, at), (b, bt)| {
            let order = (a.is_none(), a).cmp(&(b.is_none(), b));
            (if descending { order.reverse() } else { order }).then(at.cmp(bt))
        });
        if backward {
            expected.reverse();
        }
        let sort = Sort { native: Native::own("Nick"), by: By::Text(case), missing: missing.map(Value::from), descending };
        let mut behind = None;
        let mut found: Vec<String> = Vec::new();
        loop {
            let mut window = search("User", Predicate::All, &[]);
            let sequence = Sequence { sort: Some(sort.clone()), backward, behind: behind.take() };
            window.range = Range { sequence, offset: 0, limit, total: true };
            let page = runtime.block_on(async {
                database.sqlite.session(Intent::Read).await.unwrap().search(&window).await.unwrap()
            });
            proptest::prop_assert_eq!(page.total, Some(nicks.len()));
            let last = page.records.last().cloned();
            found.extend(page.records.into_iter().map(|record| record.id));
            if !page.more {
                break;
            }
            behind = last.map(|last| Mark { value: last.key, id: last.id });
        }
        let ids: Vec<String> = expected.iter().map(|(_, at)| at.to_string()).collect();
        proptest::prop_assert_eq!(found, ids);
    });
}

/// Instants in every form that is read: what orders them, and what a filter compares, are the instants.
#[tokio::test]
async fn instants_are_compared_whatever_their_form() {
    let forms = [
        ("late", Some("2026-01-05T08:00:01Z")),
        ("half", Some("2026-01-05 08:00:00.500")),
        ("east", Some("2026-01-05T10:00:00.25+02:00")),
        ("zero", Some("2026-01-05T08:00:00.000Z")),
        ("none", None),
        ("same", Some("2026-01-05t08:00:00z")),
        ("nano", Some("2026-01-05T08:00:00.999999999Z")),
        ("west", Some("2026-01-04T23:59:59-08:00")),
        ("garbage", Some("the day before yesterday, at noon")),
        ("day", Some("2026-01-05")),
        ("number", Some("2461045.8333")),
    ];
    let database = database(&forms);
    let mut window = search("User", Predicate::All, &[]);
    let sort = Sort { native: Native::own("Nick"), by: By::Instant, missing: None, descending: false };
    window.range.limit = 100;
    window.range.sequence.sort = Some(sort);
    let mut session = database.sqlite.session(Intent::Read).await.unwrap();
    let found = session.search(&window).await.unwrap().records;
    let ids: Vec<&str> = found.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["8", "4", "6", "3", "2", "7", "1", "5", "9", "10", "11"]);
    drop(session);
    let at = time::macros::datetime!(2026-01-05 08:00:00 UTC);
    let test = |test| Predicate::Test(Native::own("Nick"), test);
    let equal = test(Test::Equals(Value::Timestamp(at), Case::Exact));
    assert_eq!(database.ids(equal.clone()).await, ["4", "6"]);
    let later = test(Test::Compare(Order::Greater, Value::Timestamp(at)));
    assert_eq!(database.ids(later).await, ["1", "2", "3", "7"]);
    // Two-valued: what is no instant is not that one.
    assert_eq!(database.ids(equal.not()).await, ["1", "2", "3", "5", "7", "8", "9", "10", "11"]);
}

#[test]
fn only_stands_in_every_statement_and_who_is_disabled_stays() {
    let mut model = model();
    let user = model.entities.get_mut("User").unwrap();
    if let Store::Table(table) = &mut user.store {
        table.only = is("Kind", "staff", Case::Exact);
    }
    user.on_delete = vec![DeleteRule::always(OnDelete::Disable(Disable {
        account: vec![(Native::own("Status"), Disabled::Value(Some("T".into())))],
        values: Row::from([("Kind".into(), "left".into())]),
    }))];
    let stamps = BTreeMap::from([(Native::own("ModifiedBy"), "gantry".into())]);
    let delete =
        Delete { entity: "User".into(), id: "7".to_owned(), version: None, stamps, hooks: Vec::new() };
    let changes = Changes {
        values: BTreeMap::from([(
            Native::own("Login"),
            Change { add: vec!["b".into()], ..Change::default() },
        )]),
        ..Changes::default()
    };
    let update =
        Update { entity: "User".into(), id: "7".to_owned(), changes, version: None, hooks: Vec::new() };
    let printed =
        |dialect, operation: &Operation| match lower(dialect, &model, operation, &known("7")).unwrap() {
            Lowered::Plan(plan) => plan.render(),
            Lowered::Need(needs) => panic!("needs {needs:?}"),
        };
    let search = Operation::Search(search("User", Predicate::All, &[Native::of("Phone", "Num")]));
    for (dialect, name) in
        [(Dialect::Sqlite, "only_sqlite"), (Dialect::Transact(Catalog::unknown()), "only_transact")]
    {
        let all = [&search, &Operation::Update(update.clone()), &Operation::Delete(delete.clone())];
        insta::assert_snapshot!(name, all.map(|operation| printed(dialect, operation)).join("\n"));
    }
}

#[test]
fn the_mappings_own_steps_are_procedures_and_statements() {
    let mut model = model();
    model.entities.get_mut("User").unwrap().read_only = true;
    let text = |name: &str| (name.to_owned(), Param::Value("x'; --".into()));
    let exec = HookStep::Exec {
        procedure: "dbo.usp_UserAdd".to_owned(),
        arguments: vec![
            text("login"),
            ("fn".to_owned(), Param::Null),
            ("date".to_owned(), Param::Value(Value::Today)),
        ],
        outputs: vec![("newId".to_owned(), "usp_UserAdd.newId".into())],
        columns: vec![("Row Version".to_owned(), "usp_UserAdd.Row Version#1".into())],
    };
    let id = Param::Output("usp_UserAdd.newId".into());
    let note = HookStep::Statement {
        text: "INSERT INTO Note VALUES (?, '?', \"?\", ?, ?)".to_owned(),
        params: vec![
            id.clone(),
            Param::Value(Value::Today),
            Param::Output("usp_UserAdd.Row Version#1".into()),
        ],
        outputs: vec!["note.1".into()],
    };
    let create = |hooks: &[HookStep]| {
        let hooks = hooks.to_vec();
        Operation::Create(Create { entity: "User".into(), record: Record::default(), hooks })
    };
    let lowered = |dialect, hooks: &[HookStep]| lower(dialect, &model, &create(hooks), &Facts::default());
    let all = [exec.clone(), note.clone(), HookStep::Id(vec![id.clone()])];
    let Ok(Lowered::Plan(plan)) = lowered(Dialect::Transact(Catalog::unknown()), &all) else { panic!() };
    assert_eq!(plan.id, [id]);
    insta::assert_snapshot!("hooks_transact", plan.render());
    insta::assert_snapshot!(
        "hooks_sqlite",
        match lowered(Dialect::Sqlite, &all[1..]) {
            Ok(Lowered::Plan(plan)) => plan.render(),
            other => panic!("{other:?}"),
        }
    );
    let strange = HookStep::Exec {
        procedure: "p".to_owned(),
        arguments: vec![("a = 1; --".to_owned(), Param::Null)],
        outputs: Vec::new(),
        columns: Vec::new(),
    };
    let few = HookStep::Statement { text: "SELECT ?".to_owned(), params: Vec::new(), outputs: Vec::new() };
    let many =
        HookStep::Statement { text: "SELECT 1".to_owned(), params: vec![Param::Null], outputs: Vec::new() };
    let modify = HookStep::Modify { dn: "cn=x".to_owned(), changes: Vec::new() };
    for wrong in [strange, few, many, modify] {
        assert!(matches!(
            lowered(Dialect::Transact(Catalog::unknown()), &[wrong]),
            Err(Failure::Internal(_))
        ));
    }
    assert!(matches!(lowered(Dialect::Sqlite, &[exec]), Err(Failure::Internal(_))));
    assert!(matches!(lowered(Dialect::Sqlite, &[]), Err(Failure::Refused(_))));
}

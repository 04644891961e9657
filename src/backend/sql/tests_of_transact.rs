//! T-SQL: every condition on every kind of column word for word, what the columns cannot hold, and that another
//! project's parser takes all that stands in the snapshots.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;
use time::macros::{date, datetime};

use super::catalog::{Catalog, Column, Comparable, Kind};
use super::dialect::Dialect;
use super::lower::lower;
use super::select::{Reading, select};
use super::tests::{entity, known, model, search, table};
use crate::backend::{Failure, Lowered};
use crate::plan::{
    Action, Case, Change, Changes, Create, Delete, DeleteRule, Disable, Disabled, Entity, Facts, HookStep,
    Model, Native, OnDelete, Operation, Order, Param, Plan, Predicate, Record, Reference, Row, RowChanges,
    Store, Test, Update, Value,
};

const KINDS: [(&str, Kind); 14] = [
    ("Narrow", Kind::Narrow { code_page: 1252, octets: Some(5), is_padded: false }),
    ("Wide", Kind::Wide { units: Some(5), is_padded: false }),
    ("Int", Kind::Integer { least: i32::MIN as i64, greatest: i32::MAX as i64 }),
    ("Bit", Kind::Bit),
    ("Decimal", Kind::Decimal { precision: 5, scale: 2 }),
    ("Money", Kind::Money),
    ("Real", Kind::Real),
    ("Guid", Kind::Guid),
    ("Octets", Kind::Octets),
    ("Date", Kind::Date),
    ("Old", Kind::OldInstant),
    ("Instant", Kind::Instant),
    ("Offset", Kind::OffsetInstant),
    ("Other", Kind::Other),
];

fn column(kind: Kind) -> Column {
    Column { kind, is_nullable: true, is_generated: false, has_default: false }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    KINDS.iter().for_each(|(name, kind)| catalog.add("dbo.Kinds", name, column(*kind)));
    catalog.add("dbo.Kinds", "Id", column(KINDS[2].1));
    catalog
}

fn kinds() -> Model {
    let entity = entity("Kinds", table("dbo.Kinds", "Id"));
    Model { entities: BTreeMap::from([(entity.name.clone(), entity)]), ..Model::default() }
}

/// The condition of a search.
fn condition(predicate: Predicate) -> String {
    let catalog = catalog();
    let wanted = search("Kinds", predicate, &[]);
    let select = select(Dialect::Transact(&catalog), &kinds(), &wanted, Reading::Free).unwrap();
    let (_, condition) = select.rows.text.split_once(" WHERE ").unwrap();
    let (condition, _) = condition.split_once(" ORDER BY ").unwrap();
    let params = select.rows.params.iter().take(select.rows.params.len() - 2);
    let params = params.map(|param| match param {
        Param::Value(value) => format!("{value:?}"),
        other => format!("{other:?}"),
    });
    let params = params.collect::<Vec<_>>();
    format!("{condition}\n    {}\n", params.join(", "))
}

#[test]
fn every_condition_on_every_kind_of_column() {
    let reference = Value::Reference(Reference { resource: None, id: "7".to_owned() });
    let at = Value::Timestamp(datetime!(2026-11-27 12:00 UTC));
    let tests = [
        Test::Present,
        Test::Equals("7".into(), Case::Folded),
        Test::Equals("7".into(), Case::Exact),
        Test::Equals("Łódź".into(), Case::Folded),
        Test::Equals(Value::Integer(7), Case::Exact),
        Test::Equals(Value::Bool(true), Case::Exact),
        Test::Equals(reference, Case::Exact),
        Test::StartsWith("a_%[\\".to_owned(), Case::Folded),
        Test::EndsWith("b".to_owned(), Case::Exact),
        Test::Contains("Ł".to_owned(), Case::Folded),
        Test::Compare(Order::Less, Value::Integer(7)),
        Test::Compare(Order::GreaterOrEqual, at.clone()),
        Test::Compare(Order::Greater, Value::Date(date!(2026 - 11 - 27))),
        Test::Compare(Order::LessOrEqual, Value::Today),
        Test::Bit(2),
    ];
    let mut all = String::new();
    for (name, _) in KINDS {
        for test in &tests {
            all += &condition(Predicate::Test(Native::own(name), test.clone()));
        }
        all += &condition(Predicate::Test(Native::own(name), tests[1].clone()).not());
    }
    insta::assert_snapshot!("conditions", all);
}

#[test]
fn ids_are_compared_as_their_column_has_them() {
    let found = |ids: &[&str]| condition(Predicate::Id(ids.iter().map(|id| (*id).to_owned()).collect()));
    assert_eq!(found(&["7", "07", "x", "-3"]), "t.[Id] IN (@P1, @P2)\n    Integer(7), Integer(-3)\n");
    assert_eq!(found(&["x", "7.0", "", "99999999999999999999"]), "1 = 0\n    \n");
}

#[test]
fn what_a_column_cannot_hold_is_refused() {
    let held = |name: &str, value: Value| {
        let (_, kind) = KINDS.iter().find(|(known, _)| *known == name).unwrap();
        match kind.stored(value, name) {
            Ok(value) => format!("{value:?}"),
            Err(Failure::Rejected(detail, _)) => detail,
            Err(other) => panic!("{other}"),
        }
    };
    let long = "A value is too long to be stored.";
    let digits = "A value is no number that can be stored there with all its digits.";
    let cases = [
        ("Narrow", "Zoë".into(), "Text(\"Zoë\")"),
        ("Narrow", "Zoë-Eve".into(), long),
        (
            "Narrow",
            "Łódź".into(),
            "A value has characters that the system behind this target cannot store there.",
        ),
        ("Narrow", Value::Integer(7), "Text(\"7\")"),
        ("Wide", "a😀😀".into(), "Text(\"a😀😀\")"),
        ("Wide", "aa😀😀".into(), long),
        ("Int", "42".into(), "Integer(42)"),
        ("Int", Value::Integer(i64::MAX), "A value is no whole number that can be stored there."),
        ("Int", "four".into(), "A value is no whole number that can be stored there."),
        ("Bit", Value::Integer(1), "Bool(true)"),
        ("Bit", Value::Integer(2), "A value is neither true nor false."),
        ("Decimal", "123.450".into(), "Text(\"123.450\")"),
        ("Decimal", Value::Real(0.25), "Text(\"0.25\")"),
        ("Decimal", "1.234".into(), digits),
        ("Decimal", "1234".into(), digits),
        ("Decimal", "1e3".into(), digits),
        ("Money", "-922.3372".into(), "Text(\"-922.3372\")"),
        ("Guid", "{6f9619ff-8b86-d011-b42d-00c04fc964ff}".into(), "A value is no GUID."),
        ("Instant", "yesterday".into(), "A value is no date with a time."),
    ];
    for (name, value, expected) in cases {
        let told = format!("{name} {value:?}");
        assert_eq!(held(name, value), expected, "{told}");
    }
    let guid = held("Guid", "6f9619ff-8b86-d011-b42d-00c04fc964ff".into());
    assert_eq!(guid, "Text(\"6F9619FF-8B86-D011-B42D-00C04FC964FF\")");
}

#[test]
fn nothing_is_equal_to_what_a_column_cannot_hold() {
    let never = |kind: Kind, value: &str| kind.comparable(&value.into()) == Comparable::Never;
    assert!(never(KINDS[0].1, "Ł") && !never(KINDS[0].1, "é") && !never(KINDS[1].1, "Ł"));
    assert!(never(KINDS[2].1, "07") && never(KINDS[2].1, "+7") && !never(KINDS[2].1, "-7"));
    assert!(never(KINDS[4].1, "1.2.3") && never(KINDS[4].1, "") && never(KINDS[4].1, "."));
    assert!(never(KINDS[7].1, "7") && never(KINDS[11].1, "now"));
}

#[test]
fn what_decides_a_write_is_locked() {
    let wanted = search("User", Predicate::Id(vec!["7".to_owned()]), &[Native::of("Phone", "Num")]);
    let unknown = Dialect::Transact(Catalog::unknown());
    let locked = select(unknown, &model(), &wanted, Reading::Locking).unwrap();
    insta::assert_snapshot!("locking_transact", locked.plan().render());
    // What stands beside it is read when the row is its own.
    let mut whole = search("User", wanted.predicate, &[Native::own("Login"), Native::of("dept", "Name")]);
    whole.fields.rest = true;
    let locked = select(unknown, &model(), &whole, Reading::Locking).unwrap();
    insta::assert_snapshot!("locking_first_transact", locked.plan().render());
    assert_eq!(select(unknown, &model(), &whole, Reading::Free).unwrap().lock, None);
}

// === hostile values ===

/// Every operation with this text wherever a client's can be, in both dialects.
fn every_operation(value: &str) -> Vec<String> {
    let text = || Value::from(value);
    let mut record = Record::default();
    record.values.insert(Native::own("Login"), vec![text()]);
    record.values.insert(Native::of("dept", "Name"), vec![text()]);
    let phone = Row::from([("Kind".into(), text()), ("Num".into(), text())]);
    record.children.insert("Phone".into(), vec![phone.clone()]);
    record.rest = Some(value.to_owned());
    let mut changes = Changes { rest: Some(Some(value.to_owned())), ..Changes::default() };
    let change = Change { remove: vec![text()], add: vec![text()], repeatable: false };
    changes.values.insert(Native::own("Login"), change);
    let rows = RowChanges { remove: vec![phone.clone()], add: vec![phone], repeatable: false };
    changes.children.insert("Phone".into(), rows);
    let hooks = vec![
        HookStep::Statement {
            text: "UPDATE [x] SET [a] = ? WHERE [b] = '?'".to_owned(),
            params: vec![Param::Value(text())],
            outputs: Vec::new(),
        },
        HookStep::Exec {
            procedure: "usp".to_owned(),
            arguments: vec![("a".to_owned(), Param::Value(text()))],
            outputs: vec![("b".to_owned(), Arc::from("usp.b#1"))],
            columns: vec![("]; --@P1".to_owned(), Arc::from("usp.]; --@P1#1"))],
        },
        HookStep::Exec {
            procedure: "usp".to_owned(),
            arguments: vec![
                ("a".to_owned(), Param::Output(Arc::from("usp.]; --@P1#1"))),
                ("b".to_owned(), Param::Value(text())),
            ],
            outputs: Vec::new(),
            columns: vec![("c".to_owned(), Arc::from("usp.c#2"))],
        },
        HookStep::Statement {
            text: "UPDATE [x] SET [a] = ?, [c] = ?".to_owned(),
            params: vec![Param::Value(text()), Param::Output(Arc::from("usp.c#2"))],
            outputs: Vec::new(),
        },
    ];
    let id = || value.to_owned();
    let version = Some(text());
    let operations = [
        Operation::Search(search(
            "User",
            Predicate::Test(Native::own("Login"), Test::Contains(id(), Case::Exact)),
            &[],
        )),
        Operation::Create(Create { entity: "User".into(), record, hooks: hooks.clone() }),
        Operation::Update(Update {
            entity: "User".into(),
            id: id(),
            changes,
            version: version.clone(),
            hooks,
        }),
        Operation::Delete(Delete {
            entity: "User".into(),
            id: id(),
            version,
            stamps: BTreeMap::from([(Native::own("By"), text())]),
            hooks: Vec::new(),
        }),
    ];
    let mut model = model();
    let mut texts = Vec::new();
    for (disables, by) in [(false, None), (false, Some("Login".into())), (true, None)] {
        let Some(user) = model.entities.get_mut("User") else { panic!() };
        if disables {
            disable(user, value);
        }
        if let Store::Table(table) = &mut user.store {
            table.children.iter_mut().for_each(|child| child.by.clone_from(&by));
        }
        for operation in &operations {
            texts.extend(planned(&model, operation, &known(value)));
        }
    }
    texts
}

fn disable(user: &mut Entity, value: &str) {
    let account = vec![(Native::own("Status"), Disabled::Value(Some(value.into())))];
    let values = Row::from([("Kind".into(), value.into())]);
    user.on_delete = vec![DeleteRule::always(OnDelete::Disable(Disable { account, values }))];
}

/// The texts of a plan, every need answered with nothing.
fn planned(model: &Model, operation: &Operation, facts: &Facts) -> Vec<String> {
    let mut facts = facts.clone();
    for _ in 0..4 {
        match lower(Dialect::Transact(Catalog::unknown()), model, operation, &facts).unwrap() {
            Lowered::Need(needs) => needs.into_iter().for_each(|need| facts.add(need, Default::default())),
            Lowered::Plan(plan) => return texts(&plan),
        }
    }
    panic!("{operation:?} needs ever more");
}

fn texts(plan: &Plan) -> Vec<String> {
    let text = |action: &Action| match action {
        Action::Sql(statement) => statement.text.clone(),
        other => panic!("{other:?}"),
    };
    let mut texts: Vec<String> = plan.steps.iter().map(|step| text(&step.action)).collect();
    if let Ok(batches) = super::sqlserver::batch_texts(plan) {
        texts.extend(batches);
    }
    texts
}

#[test]
fn no_operations_statement_has_a_clients_text_in_it() {
    let harmless = every_operation("harmless");
    assert!(harmless.len() > 20, "{harmless:#?}");
    for hostile in
        ["'", "''; DROP TABLE Person; --", "]", "[", "@P1", "@out_id", "?", "*/", "\u{2028}", "\n;GO\n"]
    {
        assert_eq!(every_operation(hostile), harmless, "{hostile:?}");
    }
}

// === another project's parser ===

/// What the parser lacks, each with the reason; the text is replaced before it is parsed.
const LACKING: [(&str, &str, &str); 2] = [
    ("NEXT VALUE FOR [dbo].[PersonSeq]", "1", "an expression of T-SQL that it does not know"),
    ("NEXT VALUE FOR [dbo].[RecordSeq]", "1", "the same"),
];

/// A snapshot's statements, without what a person is told beside them.
fn statements(snapshot: &str) -> String {
    let body = snapshot.splitn(3, "---\n").nth(2).unwrap();
    let lines = body.lines().filter(|line| !line.starts_with("--"));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    // Parameters there are T-SQL; the parser wants numbers.
    for word in ["OFFSET @P", "NEXT @P"] {
        while let Some(at) = text.find(word) {
            let mark = at + word.len() - 2;
            let digits = text[mark + 2..].chars().take_while(char::is_ascii_digit).count();
            text.replace_range(mark..mark + 2 + digits, "1");
        }
    }
    for (lacking, instead, _) in LACKING {
        text = text.replace(lacking, instead);
    }
    text
}

#[test]
fn another_projects_parser_takes_every_statement() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/sql");
    let mut parsed = 0;
    for folder in [folder.join("snapshots"), folder.join("sqlserver/snapshots")] {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with("_transact.snap") || folder.ends_with("sqlserver/snapshots") {
                let text = statements(&std::fs::read_to_string(&path).unwrap());
                let result = Parser::parse_sql(&MsSqlDialect {}, &text);
                parsed += result.unwrap_or_else(|cause| panic!("{name}: {cause}\n{text}")).len();
            }
        }
    }
    assert!(parsed > 40, "{parsed}");
    let conditions = std::fs::read_to_string(
        folder.join("snapshots/gantry__backend__sql__tests_of_transact__conditions.snap"),
    );
    for line in conditions.unwrap().splitn(3, "---\n").nth(2).unwrap().lines().step_by(2) {
        let text = format!("SELECT 1 FROM [Kinds] AS t WHERE {line}");
        Parser::parse_sql(&MsSqlDialect {}, &text).unwrap_or_else(|cause| panic!("{cause}\n{text}"));
    }
}

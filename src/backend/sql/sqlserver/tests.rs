//! Batches word for word, values in both directions.

use std::borrow::Cow;
use std::sync::Arc;

use tiberius::numeric::Numeric;
use tiberius::time as tds;
use tiberius::{ColumnData, ColumnType};

use super::batch::{self, CHANGED};
use super::value::{parameter, read};
use crate::backend::Failure;
use crate::backend::sql::returned::Known;
use crate::plan::{Action, Expect, Origin, Output, Param, Plan, Statement, Step, Value};

fn statement(text: &str, params: &[Param], outputs: &[(&str, &str)]) -> Statement {
    Statement {
        text: text.to_owned(),
        params: params.to_vec(),
        outputs: outputs.iter().map(|(name, origin)| output(name, origin)).collect(),
        after_change: false,
    }
}

/// In a variable, in a column of this name, or in the next column.
fn output(name: &str, origin: &str) -> Output {
    let origin = match origin {
        "" => Origin::Next,
        variable if variable.starts_with('@') => Origin::Variable(variable.to_owned()),
        column => Origin::Column(column.to_owned()),
    };
    Output { name: name.into(), origin }
}

fn step(statement: Statement, expect: Expect) -> Step {
    Step { about: "a row".to_owned(), action: Action::Sql(statement), expect, undo: None }
}

fn value(text: &str) -> Param {
    Param::Value(text.into())
}

#[test]
fn a_plan_is_one_batch_whose_steps_know_earlier_ones() {
    let insert = "DECLARE @out_id_row TABLE (k INT); INSERT INTO [t] ([a]) OUTPUT INSERTED.[k] INTO @out_id_row \
                  VALUES (@P1); DECLARE @out_id INT = (SELECT k FROM @out_id_row)";
    let child = "INSERT INTO [c@P1] ([k], [b], [n]) SELECT @P1, @P2, @P3 WHERE '@P2' <> @P2";
    let stamp =
        Statement { after_change: true, ..statement("UPDATE [t] SET [s] = @P1", &[value("now")], &[]) };
    let steps = vec![
        step(statement(insert, &[value("ada")], &[("id", "@out_id")]), Expect::Rows(1)),
        step(statement(child, &[Param::Output("id".into()), value("b"), Param::Null], &[]), Expect::Done),
        step(stamp, Expect::Rows(1)),
    ];
    let batches = batch::of_plan(&Plan { steps, ..Plan::default() }).unwrap();
    let [batch] = batches.as_slice() else { panic!("{batches:?}") };
    insta::assert_snapshot!("plan", batch.text);
    assert_eq!(batch.params, [value("ada"), value("b"), value("b"), value("now")]);
    assert_eq!(batch.outputs, [Arc::from("id")]);
}

#[test]
fn a_row_that_a_statement_returns_ends_its_batch_and_so_do_too_many_parameters() {
    let ask =
        step(statement("SELECT [n] FROM [x] WHERE [k] = @P1", &[value("k")], &[("n", "")]), Expect::Done);
    let many = vec![value("v"); 1_999];
    let marks = (1..=many.len()).map(|number| format!("@P{number}")).collect::<Vec<_>>().join(", ");
    let wide =
        || step(statement(&format!("DELETE FROM [t] WHERE [a] IN ({marks})"), &many, &[]), Expect::Done);
    let use_it =
        step(statement("UPDATE [t] SET [n] = @P1", &[Param::Output("n".into())], &[]), Expect::Rows(1));
    let late = Step {
        action: Action::Sql(Statement {
            after_change: true,
            ..statement("UPDATE [t] SET [s] = 1", &[], &[])
        }),
        ..use_it.clone()
    };
    let steps = vec![wide(), wide(), ask, use_it, late];
    let batches = batch::of_plan(&Plan { steps, ..Plan::default() }).unwrap();
    let steps: Vec<_> = batches.iter().map(|batch| batch.steps.clone()).collect();
    assert_eq!(steps, [0..1, 1..2, 2..3, 3..5]);
    assert_eq!(batches[2].row, [output("n", "")]);
    assert_eq!(batches[3].params, [Param::Output(CHANGED.into()), Param::Output("n".into())]);
    insta::assert_snapshot!("last", batches[3].text);
}

#[test]
fn a_result_set_ends_its_batch_beside_what_variables_hold() {
    let call = "DECLARE @out_s NVARCHAR(4000); EXEC [usp] @a = @P1, @s = @out_s OUTPUT";
    let known = [("s", "@out_s"), ("id", "NewId"), ("v", "Ver")];
    let calls = step(statement(call, &[value("ada")], &known), Expect::Done);
    let outputs = ["id", "s", "v"].map(|name| Param::Output(name.into()));
    let uses = step(statement("EXEC [other] @a = @P1, @b = @P2, @c = @P3", &outputs, &[]), Expect::Done);
    let batches = batch::of_plan(&Plan { steps: vec![calls, uses], ..Plan::default() }).unwrap();
    let [first, second] = batches.as_slice() else { panic!("{batches:?}") };
    assert_eq!(
        (&first.outputs[..], &first.row[..]),
        (&["s".into()][..], &[output("id", "NewId"), output("v", "Ver")][..])
    );
    assert_eq!((first.steps.clone(), second.steps.clone()), (0..1, 1..2));
    insta::assert_snapshot!("result_set", first.text);
    // Of another batch a value is a parameter, and NULL too is one.
    let known: Known = [("s", Some("x".into())), ("id", Some(Value::Integer(7))), ("v", None)]
        .map(|(name, value)| (name.into(), value))
        .into();
    let values = batch::values(&second.params, &known).unwrap();
    assert_eq!(values, [Some(Value::Integer(7)), Some("x".into()), None]);
    assert!(matches!(batch::values(&second.params, &Known::new()), Err(Failure::Internal(_))));
}

#[test]
fn marks_are_known_from_what_only_looks_like_them() {
    let text = "SELECT [a]]@P1], '@P1''@P1', \"@P1\", @P1x, x@P1, @Price, @P1 FROM t";
    let batch =
        batch::reading(&[statement("x = @P1", &[value("x")], &[]), statement(text, &[value("y")], &[])]);
    let expected = "x = @P1;\nSELECT [a]]@P1], '@P1''@P1', \"@P1\", @P1x, x@P1, @Price, @P2 FROM t;\n";
    assert!(batch.text.ends_with(expected), "{}", batch.text);
}

#[test]
fn values_go_and_come_without_loss() {
    let text = |data: ColumnData<'_>| match read(&data, ColumnType::NVarchar).unwrap() {
        Some(Value::Text(text)) => text,
        other => panic!("{other:?}"),
    };
    let decimal = |digits, scale| text(ColumnData::Numeric(Some(Numeric::new_with_scale(digits, scale))));
    assert_eq!(decimal(-12_345, 4), "-1.2345");
    assert_eq!(decimal(5, 4), "0.0005");
    assert_eq!(decimal(i128::from(i64::MAX) + 1, 0), "9223372036854775808");
    assert_eq!(decimal(10_i128.pow(37), 38), format!("0.1{}", "0".repeat(37)));
    let padded = ColumnData::String(Some(Cow::Borrowed(" A  ")));
    assert_eq!(read(&padded, ColumnType::BigChar).unwrap(), Some(" A".into()));
    assert_eq!(read(&padded, ColumnType::NVarchar).unwrap(), Some(" A  ".into()));
    let noon = tds::Time::new(432_000_000_001, 7);
    let at = tds::DateTime2::new(tds::Date::new(739_000), noon);
    assert_eq!(text(ColumnData::DateTime2(Some(at))), "2024-04-25T12:00:00.0000001Z");
    let there = tds::DateTimeOffset::new(at, -90);
    assert_eq!(text(ColumnData::DateTimeOffset(Some(there))), "2024-04-25T10:30:00.0000001-01:30");
    assert_eq!(text(ColumnData::Date(Some(tds::Date::new(0)))), "0001-01-01");
    assert_eq!(text(ColumnData::DateTime(Some(tds::DateTime::new(-1, 1)))), "1899-12-31T00:00:00.0033333Z");
    let moment = time::macros::datetime!(2026-11-27 23:30:00.123_456_7 -2);
    match parameter(Some(Value::Timestamp(moment))).unwrap() {
        ColumnData::DateTimeOffset(Some(sent)) => {
            assert_eq!(text(ColumnData::DateTimeOffset(Some(sent))), "2026-11-28T01:30:00.1234567Z");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_is_an_error_and_no_panic() {
    let wrong = [
        ColumnData::DateTime2(Some(tds::DateTime2::new(tds::Date::new(0), tds::Time::new(u64::MAX, 0)))),
        ColumnData::DateTime2(Some(tds::DateTime2::new(
            tds::Date::new((1 << 24) - 1),
            tds::Time::new(0, 200),
        ))),
        ColumnData::DateTime(Some(tds::DateTime::new(i32::MIN, u32::MAX))),
        ColumnData::SmallDateTime(Some(tds::SmallDateTime::new(u16::MAX, u16::MAX))),
        ColumnData::Date(Some(tds::Date::new((1 << 24) - 1))),
    ];
    for data in wrong {
        let _ = read(&data, ColumnType::Datetime2); // an error or a value
    }
    assert!(matches!(parameter(Some("a\0b".into())), Err(Failure::Rejected(..))));
}

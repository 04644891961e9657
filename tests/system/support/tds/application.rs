//! The application behind the endpoint: a table `Person` in which everybody is whose number may be asked for. It keeps
//! nothing: each row says its number in every column, so that a row of another request is seen. It knows the statements
//! of the gateway's driver as far as it must.

use super::answer::{Answer, Outcome};
use super::request::Request;
use super::token::{Change, Token};
use super::value::{Type, Value};

/// How many people there are.
pub const PEOPLE: i64 = 1_000_000;

/// What all is well with.
pub fn answer(request: &Request) -> Answer {
    match request.text() {
        Some(text) if text.contains("ROLLBACK TRANSACTION") => rolled_back(request),
        Some(text) => request.answer(outcomes(request, text)),
        None => request.usual(),
    }
}

/// Whether it writes.
pub fn writes(request: &Request) -> bool {
    request.text().is_some_and(|text| text.contains(ENDING))
}

/// Whether it reads people.
pub fn reads(request: &Request) -> bool {
    request.text().is_some_and(|text| text.contains("FROM [Person]") && !text.contains(ENDING))
}

/// The login of the person with this number.
pub fn login(number: i64) -> String {
    format!("user-{number}")
}

/// Their name.
pub fn name(number: i64) -> String {
    format!("Name of {number}")
}

/// The row that ends a batch that writes: its step, rows, transactions, and whether something changed.
const ENDING: &str = "SELECT -1 AS gantry_step";

/// A rollback by statement, and how many transactions are open then.
fn rolled_back(request: &Request) -> Answer {
    let mut answer = request.answer([number_row([0])]);
    let rolled_back = request.transaction.map(|number| Token::Change(Change::Rollback(number)));
    answer.tokens.splice(0..0, rolled_back);
    answer
}

fn outcomes(request: &Request, text: &str) -> Vec<Outcome> {
    if let Some((steps, last)) = text.split_once(ENDING) {
        return vec![ending(request, steps, last)];
    }
    let selects = text.split(";\n").map(str::trim).filter_map(|statement| statement.strip_prefix("SELECT "));
    selects.map(|select| rows(request, select)).collect()
}

/// All steps did what they should. The key of a row that was inserted is its login's number.
fn ending(request: &Request, steps: &str, last: &str) -> Outcome {
    let mut columns: Vec<_> =
        ["gantry_step", "rows", "depth", "changed"].map(|name| (name.to_owned(), Type::Int(4))).into();
    let mut values: Vec<_> = [-1, 0, 1, 1].map(Value::Int).into();
    if let Some((_, output)) = last.split_once(" AS [") {
        let inserted =
            after(steps, "INSERT INTO [Person] ([Login]").and_then(|rest| mark(rest, "VALUES (@P"));
        let number = inserted.and_then(|at| number_of(request, at)).expect("a login to insert");
        columns.push((output.trim_end_matches(']').to_owned(), Type::NVarChar(4_000)));
        values.push(Value::Text(number.to_string()));
    }
    Outcome::Rows(columns, vec![values])
}

fn rows(request: &Request, select: &str) -> Outcome {
    if select.contains("sys.columns") {
        return columns("nvarchar", None);
    }
    let Some((columns, condition)) = select.split_once(" FROM [Person] AS t") else {
        return number_row([1]);
    };
    let one = marked(condition).map(|at| number_of(request, at));
    if columns == "COUNT(*)" {
        return number_row([one.map_or(PEOPLE, |one| one.iter().count() as i64)]);
    }
    let numbers: Vec<i64> = match one {
        Some(one) => one.into_iter().collect(),
        None => window(request, condition),
    };
    let columns: Vec<&str> = columns.split(", ").collect();
    let named = columns.iter().map(|column| ((*column).to_owned(), kind(column))).collect();
    let row = |number: i64| columns.iter().map(|column| value(column, number)).collect();
    Outcome::Rows(named, numbers.into_iter().map(row).collect())
}

/// What the database knows of the table: names, types, lengths, and so on. `Name` is of this type, in this code page.
pub fn columns(of_name: &str, code_page: Option<i64>) -> Outcome {
    let mut kinds = vec![Type::NVarChar(200); 2];
    kinds.extend([2, 1, 1, 1, 1, 1, 4, 4].map(Type::Int));
    let row = |name: &str, kind: &str, length: i64, is_identity: i64, code_page: Option<i64>| {
        let numbers = [length, 10, 0, 0, is_identity, 0];
        let mut values = vec![Value::Text(name.to_owned()), Value::Text(kind.to_owned())];
        values.extend(numbers.map(Value::Int));
        values.extend([code_page.map_or(Value::Null, Value::Int), Value::Int(0)]);
        values
    };
    let rows = vec![
        row("Id", "bigint", 8, 1, None),
        row("Login", "nvarchar", 400, 0, None),
        row("Name", of_name, 400, 0, code_page),
    ];
    Outcome::Rows(kinds.into_iter().map(|kind| (String::new(), kind)).collect(), rows)
}

/// The parameter that says who is asked for.
fn marked(condition: &str) -> Option<usize> {
    ["[Id] IN (@P", "[Id] = @P", "[Login] = @P"].iter().find_map(|before| mark(condition, before))
}

/// Those of a page.
fn window(request: &Request, condition: &str) -> Vec<i64> {
    let int = |at: Option<usize>| match at.and_then(|at| request.parameter(at)) {
        Some(Value::Int(number)) => *number,
        other => panic!("{other:?} in {condition}"),
    };
    let offset = int(mark(condition, "OFFSET @P"));
    let limit = int(mark(condition, "FETCH NEXT @P"));
    (1..=limit).map(|number| offset + number).take_while(|number| *number <= PEOPLE).collect()
}

/// The number of the parameter whose mark comes after this.
fn mark(text: &str, before: &str) -> Option<usize> {
    let digits: String = after(text, before)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.split_once(before).map(|(_, rest)| rest)
}

/// Who is meant by a parameter: an id or a login.
fn number_of(request: &Request, at: usize) -> Option<i64> {
    match request.parameter(at)? {
        Value::Int(number) => Some(*number),
        Value::Text(text) => text.strip_prefix("user-").unwrap_or(text).parse().ok(),
        _ => None,
    }
}

fn kind(column: &str) -> Type {
    if column.contains("[Id]") { Type::Int(8) } else { Type::NVarChar(200) }
}

fn value(column: &str, number: i64) -> Value {
    match column {
        id if id.contains("[Id]") => Value::Int(number),
        of_login if of_login.contains("[Login]") => Value::Text(login(number)),
        of_name if of_name.contains("[Name]") => Value::Text(name(number)),
        other => panic!("the column {other}"),
    }
}

fn number_row(numbers: impl IntoIterator<Item = i64>) -> Outcome {
    Outcome::row(numbers.into_iter().map(|number| (Type::Int(8), Value::Int(number))))
}

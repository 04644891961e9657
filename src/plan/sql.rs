//! Rendering of SQL steps: each statement as it would be sent, its parameters as comments below it. Filled in,
//! `sqlite3` accepts them. Secrets are left out.

use std::fmt::Write as _;

use time::format_description::well_known::Rfc3339;

use super::{Action, Param, Plan, Statement, Value};

/// The plan as SQL.
pub(super) fn render(plan: &Plan) -> String {
    let statements: Vec<(&str, &Statement)> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Sql(statement) => Some((step.about.as_str(), statement)),
            Action::Ldap(_) => None,
        })
        .collect();
    let writes = statements.iter().any(|(_, statement)| !statement.text.starts_with("SELECT"));
    let body: String = statements.iter().map(|(about, statement)| one(about, statement)).collect();
    // T-SQL writes identifiers in brackets.
    let is_transact = statements.iter().any(|(_, statement)| statement.text.contains('['));
    let begin = if is_transact { "BEGIN TRANSACTION" } else { "BEGIN IMMEDIATE" };
    match writes {
        true => format!("{begin};\n\n{body}COMMIT;\n"),
        false => body,
    }
}

fn one(about: &str, statement: &Statement) -> String {
    let mut text = format!("-- {}\n{};\n", on_one_line(about), statement.text);
    let marks = if statement.text.contains("@P") { "@P" } else { "?" };
    for (index, param) in statement.params.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "--   {marks}{} = {}", index + 1, shown(param));
    }
    for output in &statement.outputs {
        let _ = writeln!(text, "--   returns :{output}");
    }
    text.push('\n');
    text
}

fn shown(param: &Param) -> String {
    match param {
        Param::Null => "NULL".to_owned(),
        Param::Output(name) => format!(":{name}, which a statement above returned"),
        Param::Value(value) => literal(value),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        // With a fraction or an exponent, always: else SQL takes it for a whole number.
        Value::Real(number) => format!("{number:?}"),
        Value::Bool(truth) => i64::from(*truth).to_string(),
        Value::Bytes(octets) => {
            format!("x'{}'", octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>())
        }
        Value::Timestamp(at) => format!("'{}'", at.format(&Rfc3339).unwrap_or_default()),
        Value::Date(_) | Value::Today => quoted(&value.text().unwrap_or_else(|| "today".to_owned())),
        Value::Secret(_) => "(secret, left out)".to_owned(),
        Value::Text(text) => quoted(text),
        Value::Reference(reference) => quoted(&reference.id),
    }
}

/// A text as a literal of one line: a line break in a value must not end the comment that it stands in.
fn quoted(text: &str) -> String {
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match c {
            '\'' => parts.last_mut().into_iter().for_each(|part| part.push_str("''")),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}') => {
                parts.push(format!("char({})", u32::from(c)));
                parts.push(String::new());
            }
            c => parts.last_mut().into_iter().for_each(|part| part.push(c)),
        }
    }
    let shown = parts
        .iter()
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { format!("'{part}'") } else { part.clone() });
    shown.collect::<Vec<_>>().join(" || ")
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Expect, Secret, Step};
    use super::*;

    #[test]
    fn values_stay_in_their_comment_and_secrets_out_of_it() {
        let params = vec![
            Param::Value("O'Brien\n'; DROP TABLE x; --".into()),
            Param::Null,
            Param::Value(Value::Secret(Secret::new(*b"hush"))),
            Param::Output("id".into()),
            Param::Value(Value::Bool(true)),
        ];
        let statement = Statement {
            text: "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)".to_owned(),
            params,
            outputs: Vec::new(),
            variables: Vec::new(),
            after_change: false,
        };
        let step = Step {
            about: "the row".to_owned(),
            action: Action::Sql(statement),
            expect: Expect::Rows(1),
            undo: None,
        };
        assert_eq!(
            render(&Plan { steps: vec![step], ..Plan::default() }),
            "BEGIN IMMEDIATE;\n\n-- the row\nINSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5);\n\
             --   ?1 = 'O''Brien' || char(10) || '''; DROP TABLE x; --'\n--   ?2 = NULL\n\
             --   ?3 = (secret, left out)\n--   ?4 = :id, which a statement above returned\n--   ?5 = 1\n\nCOMMIT;\n"
        );
    }

    #[test]
    fn a_real_stays_one() {
        let shown = |number| literal(&Value::Real(number));
        assert_eq!([shown(1.0), shown(0.5), shown(-1e300)], ["1.0", "0.5", "-1e300"]);
    }
}

//! Rendering of SQL steps: each statement as it would be sent, its parameters as comments below it, as literals of the
//! statement's dialect. Filled in, `sqlite3` accepts them one by one, and SQL Server's tools all of them as one batch.
//! Secrets are left out.

use std::fmt::Write as _;

use time::format_description::well_known::Rfc3339;

use super::{Action, Origin, Param, Plan, Statement, Value};

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
    match writes {
        true => format!("{};\n\n{body}COMMIT;\n", words(statements.iter().map(|(_, one)| *one)).begin),
        false => body,
    }
}

/// How a dialect writes what is not in the statements.
struct Words {
    begin: &'static str,
    mark: &'static str,
    /// What begins a text's literal: T-SQL loses what a code page does not have without its N.
    text: &'static str,
    /// One of these characters, by its number.
    character: &'static str,
    join: &'static str,
    octets: (&'static str, &'static str),
}

const SQLITE: Words = Words {
    begin: "BEGIN IMMEDIATE",
    mark: "?",
    text: "'",
    character: "char",
    join: " || ",
    octets: ("x'", "'"),
};
const TRANSACT: Words = Words {
    begin: "BEGIN TRANSACTION",
    mark: "@P",
    text: "N'",
    character: "NCHAR",
    join: " + ",
    octets: ("0x", ""),
};

/// Those of the dialect that these statements are in, by their marks.
fn words<'a>(mut statements: impl Iterator<Item = &'a Statement>) -> &'static Words {
    if statements.any(|statement| statement.text.contains(TRANSACT.mark)) { &TRANSACT } else { &SQLITE }
}

fn one(about: &str, statement: &Statement) -> String {
    let mut text = format!("-- {}\n{};\n", on_one_line(about), statement.text);
    let words = words(std::iter::once(statement));
    for (index, param) in statement.params.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "--   {}{} = {}", words.mark, index + 1, shown(param, words));
    }
    for output in &statement.outputs {
        let of_set = match &output.origin {
            Origin::Column(name) => format!(", the column {} of its result set", on_one_line(name)),
            Origin::Next | Origin::Variable(_) => String::new(),
        };
        let _ = writeln!(text, "--   returns :{}{of_set}", on_one_line(&output.name));
    }
    text.push('\n');
    text
}

fn shown(param: &Param, words: &Words) -> String {
    match param {
        Param::Null => "NULL".to_owned(),
        Param::Output(name) => format!(":{name}, which a statement above returned"),
        Param::Value(value) => literal(value, words),
    }
}

fn literal(value: &Value, words: &Words) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        // With a fraction or an exponent, always: else SQL takes it for a whole number.
        Value::Real(number) => format!("{number:?}"),
        Value::Bool(truth) => i64::from(*truth).to_string(),
        Value::Bytes(octets) => {
            let (start, end) = words.octets;
            let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("{start}{digits}{end}")
        }
        Value::Timestamp(at) => format!("'{}'", at.format(&Rfc3339).unwrap_or_default()),
        Value::Date(_) | Value::Today => quoted(&value.text().unwrap_or_else(|| "today".to_owned()), words),
        Value::Secret(_) => "(secret, left out)".to_owned(),
        Value::Text(text) => quoted(text, words),
        Value::Reference(reference) => quoted(&reference.id, words),
    }
}

/// A text as a literal of one line: a line break in a value must not end the comment that it stands in.
fn quoted(text: &str, words: &Words) -> String {
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match c {
            '\'' => parts.last_mut().into_iter().for_each(|part| part.push_str("''")),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}') => {
                parts.push(format!("{}({})", words.character, u32::from(c)));
                parts.push(String::new());
            }
            c => parts.last_mut().into_iter().for_each(|part| part.push(c)),
        }
    }
    let shown = parts
        .iter()
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { format!("{}{part}'", words.text) } else { part.clone() });
    shown.collect::<Vec<_>>().join(words.join)
}

fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Expect, Secret, Step};
    use super::*;

    /// A plan of one statement, about a row.
    fn rendered(text: &str, params: Vec<Param>) -> String {
        let statement = Statement { text: text.to_owned(), params, outputs: Vec::new(), after_change: false };
        let (about, action) = ("the row".to_owned(), Action::Sql(statement));
        let step = Step { about, action, expect: Expect::Rows(1), undo: None };
        render(&Plan { steps: vec![step], ..Plan::default() })
    }

    #[test]
    fn values_stay_in_their_comment_and_secrets_out_of_it() {
        let params = vec![
            Param::Value("O'Brien\n'; DROP TABLE x; --".into()),
            Param::Null,
            Param::Value(Value::Secret(Secret::new(*b"hush"))),
            Param::Output("id".into()),
            Param::Value(Value::Bool(true)),
        ];
        assert_eq!(
            rendered("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", params),
            "BEGIN IMMEDIATE;\n\n-- the row\nINSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5);\n\
             --   ?1 = 'O''Brien' || char(10) || '''; DROP TABLE x; --'\n--   ?2 = NULL\n\
             --   ?3 = (secret, left out)\n--   ?4 = :id, which a statement above returned\n--   ?5 = 1\n\nCOMMIT;\n"
        );
    }

    #[test]
    fn in_transact_sql_no_character_is_lost() {
        let params = vec![Param::Value("Zoë's\n".into()), Param::Value(Value::Bytes(vec![1, 255]))];
        assert_eq!(
            rendered("UPDATE t SET a = @P1, b = @P2", params),
            "BEGIN TRANSACTION;\n\n-- the row\nUPDATE t SET a = @P1, b = @P2;\n\
             --   @P1 = N'Zoë''s' + NCHAR(10) + N''\n--   @P2 = 0x01ff\n\nCOMMIT;\n"
        );
    }

    #[test]
    fn a_real_stays_one() {
        let shown = |number| literal(&Value::Real(number), &SQLITE);
        assert_eq!([shown(1.0), shown(0.5), shown(-1e300)], ["1.0", "0.5", "-1e300"]);
    }
}

//! A printed SQL plan as a person carries it out: its values filled in, statement by statement in one `sqlite3`, or
//! as one batch on a SQL Server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::database::Database;

/// What is printed of a plan's statements, a row a line: by `sqlite3` with values as literals, of a server as JSON.
#[track_caller]
pub fn carry_out(database: &Database, plan: &str) -> String {
    if !database.is_sqlite() {
        let batch: Vec<String> = statements(plan).iter().map(Printed::in_a_batch).collect();
        let rows = database.rows_by_somebody(&format!("SET XACT_ABORT ON;\n{}", batch.join("\n")));
        return rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    }
    let mut shell = Shell::start(database);
    let mut returned = BTreeMap::new();
    let mut printed = Vec::new();
    for statement in statements(plan) {
        let rows = shell.ask(&statement.filled_in(&returned));
        if !statement.returns.is_empty() {
            returned.extend(statement.returns.into_iter().zip(literals(&rows[0])));
        }
        printed.extend(rows);
    }
    shell.end();
    printed.join("\n")
}

/// A printed statement, and what the comments below it say.
struct Printed {
    text: String,
    values: Vec<String>,
    returns: Vec<String>,
}

fn statements(plan: &str) -> Vec<Printed> {
    let mut found: Vec<Printed> = Vec::new();
    for line in plan.lines() {
        if let Some(said) = line.strip_prefix("--   ") {
            found.last_mut().unwrap().say(said);
        } else if !line.is_empty() && !line.starts_with("-- ") {
            found.push(Printed { text: line.to_owned(), values: Vec::new(), returns: Vec::new() });
        }
    }
    found
}

// === impl Printed ===

impl Printed {
    fn say(&mut self, said: &str) {
        match said.strip_prefix("returns :") {
            Some(name) => self.returns.push(name.to_owned()),
            None => {
                let number = format!("{} = ", self.values.len() + 1);
                let said = said.strip_prefix("@P").or(said.strip_prefix('?')).unwrap();
                self.values.push(said.strip_prefix(&number).unwrap().to_owned());
            }
        }
    }

    /// With its values in place of the marks.
    fn filled_in(&self, returned: &BTreeMap<String, String>) -> String {
        self.with("?", &|said| literal(said, returned))
    }

    /// The same of T-SQL: what a statement above returned stands in a variable that it declares.
    fn in_a_batch(&self) -> String {
        self.with("@P", &|said| match said.strip_suffix(", which a statement above returned") {
            Some(name) => format!("@out_{}", &name[1..]),
            None if said == "(secret, left out)" => "0x00".to_owned(),
            None => said.to_owned(),
        })
    }

    /// With these in place of the marks.
    fn with(&self, mark: &str, literal: &dyn Fn(&str) -> String) -> String {
        let mut parts = self.text.split(mark);
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (number, rest) = part.split_at(end);
            text.push_str(&literal(&self.values[number.parse::<usize>().unwrap() - 1]));
            text.push_str(rest);
        }
        text
    }
}

/// The values of a printed row.
fn literals(row: &str) -> Vec<String> {
    let (mut values, mut is_quoted) = (vec![String::new()], false);
    for c in row.chars() {
        is_quoted ^= c == '\'';
        match c {
            ',' if !is_quoted => values.push(String::new()),
            c => values.last_mut().unwrap().push(c),
        }
    }
    values
}

fn literal(said: &str, returned: &BTreeMap<String, String>) -> String {
    if said == "(secret, left out)" {
        return "x'00'".to_owned();
    }
    match said.strip_suffix(", which a statement above returned") {
        Some(name) => returned[name.strip_prefix(':').unwrap()].clone(),
        None => said.to_owned(),
    }
}

/// A running `sqlite3` that stops at the first mistake, and shows values as literals.
struct Shell {
    child: Child,
    input: ChildStdin,
    printed: BufReader<ChildStdout>,
}

// === impl Shell ===

impl Shell {
    fn start(database: &Database) -> Self {
        let mut command = Command::new("sqlite3");
        command.args(["-bail", "-batch", "-quote"]).arg(database.file());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, printed) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut shell = Self { child, input, printed };
        shell.ask("PRAGMA foreign_keys = ON;");
        shell
    }

    /// What one line makes it print.
    fn ask(&mut self, line: &str) -> Vec<String> {
        const END: &str = "(that was all)";
        assert!(line.ends_with(';') && !line.contains('\n'), "{line}");
        // When it has ended, what it said of that is more telling than the broken pipe.
        let _ = writeln!(self.input, "{line}\n.print \"{END}\"");
        let mut printed = Vec::new();
        for answer in self.printed.by_ref().lines().map(Result::unwrap) {
            if answer == END {
                return printed;
            }
            printed.push(answer);
        }
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        panic!("{line}\n{told}");
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

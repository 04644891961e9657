//! Signs that mean something else where they stand: `${…}` in a text in double quotes, which takes it as it is, and `{}`,
//! which is no map.

use super::diagnostic::{Code, Diagnostic};
use super::faults::File;
use super::statements::Scan;

/// The mistakes of a text.
pub(super) fn check(file: File<'_>, scan: &Scan<'_>) -> Vec<Diagnostic> {
    let dollars = scan.quoted_texts().filter_map(|(at, text)| {
        let inside =
            text.find("${").filter(|inside| text.get(*inside..).is_some_and(|rest| rest.contains('}')))?;
        let message = "`${…}` means nothing in double quotes: the text keeps it as it stands";
        let help = format!("a text with values in it stands in backticks: `{}`", text.trim_matches('"'));
        let found = file.at_byte(Code::Interpolation, at + inside, message).with_help(help);
        // Outside of functions it may be a name: databases and directories allow most signs.
        Some(if is_in_function(scan, at) { found } else { found.as_warning() })
    });
    let braces = scan.empty_braces().map(|at| {
        file.at_byte(Code::Syntax, at, "`{}` is no map, and gives nothing")
            .with_help("a map begins with a `#`: #{}")
    });
    dollars.chain(braces).collect()
}

fn is_in_function(scan: &Scan<'_>, at: usize) -> bool {
    let statement = scan.statement(at);
    let head = statement.and_then(|statement| scan.word(statement.start));
    head.is_some_and(|head| ["fn", "private"].contains(&head))
}

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
        Some(file.at_byte(Code::Interpolation, at + inside, message).with_help(help))
    });
    let braces = scan.empty_braces().map(|at| {
        file.at_byte(Code::Syntax, at, "`{}` is no map, and gives nothing")
            .with_help("a map begins with a `#`: #{}")
    });
    dollars.chain(braces).collect()
}

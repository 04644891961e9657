//! How a diagnostic is shown: as text for people, in colours where a terminal shows them, and as JSON for programs.

use std::fmt::{self, Write};

use serde_json::{Value as Json, json};

use super::{Diagnostic, Severity};

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is, for files and pipes.
    Plain,
    /// With the colours of a terminal (ECMA-48).
    Coloured,
}

/// Characters of a line that are shown.
const EXCERPT: usize = 240;

const BOLD: &str = "1";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const CYAN: &str = "1;36";

// === impl Style ===

impl Style {
    fn paint(self, colour: &str, text: impl fmt::Display) -> String {
        match self {
            Self::Plain => text.to_string(),
            Self::Coloured => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        }
    }
}

// === impl Severity ===

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Error => RED,
            Self::Warning => YELLOW,
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// For people: what is wrong, where, and what to do about it.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = self.write(&mut text, style);
        text
    }

    fn write(&self, f: &mut impl Write, style: Style) -> fmt::Result {
        let head = format!("{}[{}]", self.severity.name(), self.code);
        let message = style.paint(BOLD, printable(&self.message));
        writeln!(f, "{}: {message}", style.paint(self.severity.colour(), head))?;
        let bar = |text: &str| style.paint(BLUE, text);
        if self.line == 0 {
            write!(f, "  {} {}", bar("-->"), self.file)?;
        } else {
            let gutter = self.line.to_string().len();
            let blank = " ".repeat(gutter);
            writeln!(f, "{blank}{} {}:{}:{}", bar("-->"), self.file, self.line, self.column.max(1))?;
            writeln!(f, "{blank} {}", bar("|"))?;
            let (excerpt, before) = self.shown();
            writeln!(f, "{} {excerpt}", bar(&format!("{} |", self.line)))?;
            let blank_or_tab = |c: char| if c == '\t' { '\t' } else { ' ' };
            let indent: String = excerpt.chars().take(before).map(blank_or_tab).collect();
            let caret = style.paint(self.severity.colour(), "^");
            write!(f, "{blank} {} {indent}{caret}", bar("|"))?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  {} {}", style.paint(CYAN, "= help:"), printable(help)),
            None => Ok(()),
        }
    }

    /// As much of the line as is shown, and how many characters of that stand before the place: of a long line what is
    /// around it.
    fn shown(&self) -> (String, usize) {
        let column = self.column.saturating_sub(1);
        let from =
            if self.excerpt.chars().nth(EXCERPT).is_none() { 0 } else { column.saturating_sub(EXCERPT / 2) };
        let excerpt: String = self.excerpt.chars().skip(from).take(EXCERPT).collect();
        (printable(&excerpt), column - from)
    }

    /// For programs; a place that is not known is null.
    pub fn json(&self) -> Json {
        let known = |place: usize| (place > 0).then_some(place);
        json!({
            "code": self.code.to_string(),
            "severity": self.severity.name(),
            "file": self.file,
            "line": known(self.line),
            "column": known(self.line).map(|_| self.column.max(1)),
            "excerpt": known(self.line).map(|_| &self.excerpt),
            "message": self.message,
            "help": self.help,
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Style::Plain)
    }
}

/// A text without what would command a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\t' | '\n') { '\u{fffd}' } else { c }).collect()
}

//! A mistake in a file that an admin wrote, with its place, ready to be shown. Used for mappings and for
//! the configuration.

use std::fmt;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is served with it.
    Error,
    /// It is served, and hardly does what was wanted.
    Warning,
}

/// A mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1; 0 when the mistake has no place.
    pub line: usize,
    /// Column in characters, from 1; 0 when only the line is known.
    pub column: usize,
    /// The line's text.
    pub excerpt: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

// === impl Diagnostic ===

impl Diagnostic {
    /// A mistake at a place of `text`, the whole file's content.
    pub fn at(file: &str, text: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        let excerpt = line.checked_sub(1).and_then(|index| text.lines().nth(index)).unwrap_or("").to_owned();
        let (severity, file) = (Severity::Error, file.to_owned());
        Self { severity, file, line, column, excerpt, message: message.into(), help: None }
    }

    /// A mistake of the file as a whole.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self::at(file, "", 0, 0, message)
    }

    /// With what to do about it.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        if self.line == 0 {
            write!(f, "  --> {}", self.file)?;
        } else {
            let gutter = self.line.to_string().len();
            writeln!(f, "{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column.max(1))?;
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{} | {}", self.line, self.excerpt)?;
            let indent: String = self
                .excerpt
                .chars()
                .take(self.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "{:gutter$} | {indent}^", "")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}

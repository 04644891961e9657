//! A mistake in a file that an admin wrote, with its code and its place, ready to be shown. Used for mappings and for
//! the configuration.

mod code;
mod render;
#[cfg(test)]
mod tests;

pub use code::Code;
pub use render::Style;

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
    /// What kind of mistake it is.
    pub code: Code,
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
    pub fn at(
        code: Code,
        file: &str,
        text: &str,
        line: usize,
        column: usize,
        message: impl Into<String>,
    ) -> Self {
        let excerpt = line.checked_sub(1).and_then(|index| text.lines().nth(index)).unwrap_or("").to_owned();
        let (severity, file) = (Severity::Error, file.to_owned());
        Self { code, severity, file, line, column, excerpt, message: message.into(), help: None }
    }

    /// A mistake of the file as a whole.
    pub fn whole(code: Code, file: &str, message: impl Into<String>) -> Self {
        Self::at(code, file, "", 0, 0, message)
    }

    /// The same as something that works and is hardly what was wanted.
    pub fn as_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// With what to do about it.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

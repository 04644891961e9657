//! From a byte offset in the configuration to a diagnostic. Knows which values are no secrets, so that a
//! secret that stands in the file by mistake does not get into the output as well.

use crate::mapping::diagnostic::{Code, Diagnostic};

/// Keys whose values may be shown. Any other value may be a secret, under a misspelt key or without quotes.
const HARMLESS_KEYS: [&str; 28] = [
    "listen",
    "public_url",
    "watch",
    "dir",
    "keep",
    "without",
    "name",
    "path",
    "mapping",
    "mode",
    "urls",
    "ca",
    "bind_dn",
    "client_certificate",
    "server",
    "plaintext",
    "host",
    "port",
    "database",
    "user",
    "encrypt",
    "trust_certificate",
    "profile",
    "base",
    "cert",
    "client_ca",
    "file",
    "env",
];

/// The configuration's name and text.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What diagnostics call it.
    pub file: &'a str,
    /// The whole text.
    pub text: &'a str,
}

// === impl Source ===

impl Source<'_> {
    /// A mistake at a byte offset.
    pub fn mistake(&self, code: Code, offset: usize, message: impl Into<String>) -> Diagnostic {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        let mut diagnostic = Diagnostic::at(code, self.file, self.text, line, column, message);
        let above = before.get(..line_start).unwrap_or("");
        let is_quoted = ["\"\"\"", "'''"].iter().any(|mark| above.matches(mark).count() % 2 == 1);
        diagnostic.excerpt = without_secrets(&diagnostic.excerpt, is_quoted);
        diagnostic
    }
}

/// The line with every value starred out, those of harmless keys excepted. `is_quoted`: a text of several
/// lines goes on in it. Every character stays one character, so that a caret below still points at its place.
fn without_secrets(line: &str, is_quoted: bool) -> String {
    let at = if is_quoted { At::Quoted('"') } else { At::Start };
    let mut excerpt = Excerpt { shown: String::with_capacity(line.len()), key: String::new(), at };
    line.chars().for_each(|c| excerpt.push(c));
    excerpt.shown
}

/// A line, read so far.
struct Excerpt {
    shown: String,
    /// The last key.
    key: String,
    at: At,
}

/// What the next character belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// A key, or an element of an array.
    Start,
    Key,
    Value,
    /// A text that ends with this mark.
    Quoted(char),
    /// A value without quotes that may not be shown: wherever it was meant to end, the line does not go on.
    Hidden,
    Comment,
}

// === impl Excerpt ===

impl Excerpt {
    fn push(&mut self, c: char) {
        let before = self.at;
        self.at = self.next(c);
        let is_inside = matches!(before, At::Quoted(_)) && self.at == before || self.at == At::Hidden;
        let is_shown = !is_inside || c.is_whitespace() || self.is_harmless();
        self.shown.push(if is_shown { c } else { '*' });
    }

    fn next(&mut self, c: char) -> At {
        match (self.at, c) {
            (At::Quoted(mark), _) if c == mark => At::Value,
            (At::Quoted(_) | At::Hidden | At::Comment, _) => self.at,
            (At::Start | At::Key, _) if c.is_alphanumeric() || "_-.".contains(c) => {
                if self.at == At::Start {
                    self.key.clear();
                }
                self.key.push(c);
                At::Key
            }
            (_, '"' | '\'') => At::Quoted(c),
            (_, '#') => At::Comment,
            (_, '{' | ',') => At::Start,
            (_, '}') => {
                self.key.clear();
                At::Value
            }
            (At::Start, '[') => At::Start,
            (At::Start, _) if c.is_whitespace() => At::Start,
            (_, '=' | ':' | '[' | ']') => At::Value,
            _ if c.is_whitespace() || self.is_harmless() => At::Value,
            _ => At::Hidden,
        }
    }

    fn is_harmless(&self) -> bool {
        self.key.rsplit('.').next().is_some_and(|key| HARMLESS_KEYS.contains(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        let source = Source { file: "g.toml", text: "a = 1\nname = 'ñandú' true\n" };
        let offset = source.text.find("true").unwrap();
        let mistake = source.mistake(Code::ConfigSyntax, offset, "no");
        assert_eq!((mistake.line, mistake.column), (2, 16));
        assert_eq!(mistake.excerpt, "name = 'ñandú' true");
    }

    #[test]
    fn an_offset_beyond_the_text_is_its_end() {
        assert_eq!(Source { file: "g", text: "a\nb" }.mistake(Code::ConfigSyntax, 99, "no").line, 2);
    }

    #[test]
    fn secrets_are_starred_out_and_their_places_are_not() {
        for (line, shown) in [
            (r#"token = "hunter2" # x"#, r#"token = "*******" # x"#),
            (r#"tls = { cert = "a.pem", key = 'k' }"#, r#"tls = { cert = "a.pem", key = '*' }"#),
            (r#"token = { env = "T" }"#, r#"token = { env = "T" }"#),
            (r#"token.file = "t""#, r#"token.file = "t""#),
            (r#"mapping = "m""#, r#"mapping = "m""#),
            (r#"urls = ["a", "b"]"#, r#"urls = ["a", "b"]"#),
            ("plaintext = yes # no", "plaintext = yes # no"),
            ("[[target.client]]", "[[target.client]]"),
        ] {
            assert_eq!(without_secrets(line, false), shown);
        }
    }

    #[test]
    fn secrets_are_starred_out_however_they_are_written() {
        for line in [
            "token = hunter2",
            "token = x,hunter2 # hunter2",
            "token hunter2",
            "token: hunter2",
            "token = \"hunter2",
            "token = \"a\\\"hunter2\"",
            "token = { env = \"X\" } hunter2",
            "client = { name = \"x\", token = hunter2 }",
            "token = [\"x\", \"hunter2\"]",
            " \"hunter2\",",
            "tokn = \"hunter2\"",
            "[[target.client]] token = hunter2",
        ] {
            let shown = without_secrets(line, false);
            assert!(!shown.contains("hunter2") && shown.chars().count() == line.chars().count(), "{shown}");
        }
        let text = "token = \"\"\"\nhunter2 \\q\"\"\"";
        let mistake =
            Source { file: "g.toml", text }.mistake(Code::ConfigSyntax, text.find('q').unwrap(), "no");
        assert_eq!(mistake.excerpt, "******* **\"\"\"");
    }
}

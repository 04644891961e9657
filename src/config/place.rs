//! From a byte offset in the configuration to a diagnostic. Knows what a secret's line looks like, so
//! that a secret that stands in the file by mistake does not get into the output as well.

use crate::mapping::diagnostic::Diagnostic;

/// A key that contains one of these names a secret.
const SECRET_KEYS: [&str; 5] = ["password", "passwd", "token", "secret", "key"];

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
    pub fn mistake(&self, offset: usize, message: impl Into<String>) -> Diagnostic {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        let mut diagnostic = Diagnostic::at(self.file, self.text, line, column, message);
        diagnostic.excerpt = without_secrets(&diagnostic.excerpt);
        diagnostic
    }
}

/// The line with every quoted text starred out, if the line speaks of a secret. References to where a
/// secret is kept (`{ file = "…" }`, `{ env = "…" }`) and hashes stay readable. Every character stays
/// one character, so that a caret below still points at its place.
fn without_secrets(line: &str) -> String {
    let lower = line.to_lowercase();
    if !SECRET_KEYS.iter().any(|key| lower.contains(key)) {
        return line.to_owned();
    }
    let mut shown = String::with_capacity(line.len());
    let mut quote: Option<(char, bool)> = None;
    for c in line.chars() {
        match quote {
            None => {
                if c == '"' || c == '\'' {
                    quote = Some((c, is_harmless(&shown)));
                }
                shown.push(c);
            }
            Some((mark, _)) if c == mark => {
                quote = None;
                shown.push(c);
            }
            Some((_, harmless)) => shown.push(if harmless { c } else { '*' }),
        }
    }
    shown
}

/// Whether the key before this quote is one whose text may be shown.
fn is_harmless(before: &str) -> bool {
    let key = before.trim_end().trim_end_matches('=').trim_end();
    ["file", "env", "name", "profile", "cert", "client_ca"].iter().any(|known| {
        key.strip_suffix(known)
            .is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        let source = Source { file: "g.toml", text: "a = 1\nñandú = true\n" };
        let offset = source.text.find("true").unwrap();
        let mistake = source.mistake(offset, "no");
        assert_eq!((mistake.line, mistake.column), (2, 9));
        assert_eq!(mistake.excerpt, "ñandú = true");
    }

    #[test]
    fn an_offset_beyond_the_text_is_its_end() {
        assert_eq!(Source { file: "g", text: "a\nb" }.mistake(99, "no").line, 2);
    }

    #[test]
    fn secrets_are_starred_out_and_their_places_are_not() {
        assert_eq!(without_secrets(r#"token = "hunter2" # x"#), r#"token = "*******" # x"#);
        assert_eq!(
            without_secrets(r#"tls = { cert = "a.pem", key = 'k' }"#),
            r#"tls = { cert = "a.pem", key = '*' }"#
        );
        assert_eq!(without_secrets(r#"token = { env = "T" }"#), r#"token = { env = "T" }"#);
        assert_eq!(without_secrets(r#"mapping = "m""#), r#"mapping = "m""#);
    }
}

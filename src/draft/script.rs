//! The text of a mapping as it is written: literals, comments, statements. The one place that makes Rhai of names and values
//! that come from elsewhere, so that none of them can be anything but a literal or a comment.

use std::fmt::Write as _;

use crate::plan::Value;

/// Columns of a line of comment.
const WIDTH: usize = 112;
/// Where a comment behind a statement begins, where there is room.
const ASIDE: usize = 70;

/// A script in the making.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
}

/// A text as a literal of Rhai, which has no interpolation between double quotes.
pub(super) fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            c if is_plain(c) => written.push(c),
            c => _ = write!(written, "\\U{:08x}", u32::from(c)),
        }
    }
    written.push('"');
    written
}

/// Texts as an array; a single one stands by itself.
pub(super) fn one_or_many(texts: &[String]) -> String {
    match texts {
        [one] => literal(one),
        many => format!("[{}]", list(many)),
    }
}

/// Texts as arguments.
pub(super) fn list(texts: &[String]) -> String {
    texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
}

/// A value as a literal that a mapping takes as it is; `None` of what has none, such as a text that would be a template.
pub(super) fn value(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if text.contains('{') => None,
        Value::Text(text) => Some(literal(text)),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A text for a comment: on one line, whatever is in it.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if is_plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// A number as people write it: 1,204.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Whether a character ends no line and hides nothing of what stands beside it.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

// === impl Script ===

impl Script {
    /// A comment, in as many lines as it takes.
    pub(super) fn comment(&mut self, text: &str) {
        let mut line = String::new();
        for word in shown(text).split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.put(&format!("// {line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.put(&format!("// {line}"));
        }
    }

    /// What the reader is to decide.
    pub(super) fn decide(&mut self, text: &str) {
        self.comment(&format!("decide: {text}"));
    }

    /// A statement, and what is said beside it.
    pub(super) fn line(&mut self, statement: &str, aside: &str) {
        match shown(aside) {
            aside if aside.is_empty() => self.put(statement),
            aside => self.put(&format!("{statement:<ASIDE$}  // {aside}")),
        }
    }

    pub(super) fn blank(&mut self) {
        self.put("");
    }

    pub(super) fn text(self) -> String {
        self.text
    }

    fn put(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evaluated(script: &str) -> String {
        crate::mapping::script_value(script)
    }

    proptest! {
        #[test]
        fn a_literal_is_the_text_and_nothing_else(text in any::<String>(), odd in "[\"\\\\\n\r`${}'/*\u{0}\u{2028} a]{0,12}") {
            for text in [text, odd] {
                prop_assert_eq!(&evaluated(&literal(&text)), &text);
                // Nor does what follows become a part of it.
                let both = format!("{} + {}", literal(&text), literal("x"));
                prop_assert_eq!(evaluated(&both), format!("{text}x"));
            }
        }

        #[test]
        fn a_comment_ends_at_no_place_of_its_own(text in any::<String>(), odd in "[\n\r\u{85}\u{2028}*/ a\"`]{0,12}") {
            for text in [text, odd] {
                let mut script = Script::default();
                script.comment(&text);
                script.line("let x = \"kept\";", &text);
                let text = script.text();
                prop_assert!(text.lines().all(|line| line.starts_with("//") || line.starts_with("let x")), "{}", text);
                prop_assert_eq!(evaluated(&format!("{text}x")), "kept");
            }
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}

//! The text of a statement that a mapping's function says, before any database sees it: one statement, with as many
//! marks as values. Knows quotes and comments of SQL, and nothing else of it.

/// The text without what stands in quotes and comments: `_` and blanks in their place, the quotes stay.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let (mut end, mut signs) = (None, text.chars().peekable());
    while let Some(sign) = signs.next() {
        match (end, sign) {
            (None, '\'' | '"') => end = Some(sign),
            (None, '[') => end = Some(']'),
            (None, '-') if signs.peek() == Some(&'-') => {
                end = Some('\n');
                bare.push(' ');
                continue;
            }
            (Some(close), sign) if sign == close => end = None,
            (Some(close), _) => {
                bare.push(if close == '\n' { ' ' } else { '_' });
                continue;
            }
            (None, _) => {}
        }
        bare.push(sign);
    }
    bare
}

/// What is wrong with a text that is given so many values (`None`: not known), and what to do about it.
pub(super) fn fault(text: &str, values: Option<usize>) -> Option<(String, &'static str)> {
    if text.trim().is_empty() {
        return Some(("this statement is empty".to_owned(), "say what it does, or leave it out"));
    }
    let bare = bare(text);
    if let Some(name) = named(&bare) {
        let message = format!("`{name}` is no place for a value: values have no names here");
        return Some((message, "each value is a `?`, in the order of the list: VALUES (?, ?)"));
    }
    let first = bare.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    // A block of T-SQL is one statement of several.
    let is_block = ["DECLARE", "BEGIN", "IF", "SET"].contains(&first.as_str());
    let behind = bare.split_once(';').map(|(_, behind)| behind.trim_matches([';', ' ', '\n', '\r', '\t']));
    if !is_block && behind.is_some_and(|behind| !behind.is_empty()) {
        let message = "this text holds two statements, and only one is sent".to_owned();
        return Some((message, "say each in a `plan.statement(…)` of its own"));
    }
    let (marks, values) = (bare.matches('?').count(), values?);
    if text.contains("'?'") && marks < values {
        let message = "in quotes a `?` is a question mark, and no place for a value".to_owned();
        return Some((message, "without quotes: `?`; the value is sent beside the text, quotes and all"));
    }
    (marks != values).then(|| {
        let message =
            format!("this statement has {}, and is given {}", count(marks, "`?`"), count(values, "value"));
        (message, "each `?` takes one value of the list")
    })
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 || what.starts_with('`') { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// `:login`, `@login` or `$1`, where the text itself declares none.
fn named(bare: &str) -> Option<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let declares = bare.to_ascii_uppercase().contains("DECLARE");
    bare.char_indices().find_map(|(at, sign)| {
        let before = bare.get(..at)?.chars().next_back();
        let is_sign = match sign {
            ':' => before != Some(':'),
            '@' => !declares && before != Some('@'),
            '$' => true,
            _ => false,
        };
        let rest = bare.get(at + 1..)?;
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let is_name = end > 0 && (sign != '$' || rest.starts_with(|c: char| c.is_ascii_digit()));
        (is_sign && is_name && !before.is_some_and(is_word)).then(|| bare.get(at..at + 1 + end))?
    })
}

/// What is wrong with the name of a procedure.
pub(super) fn procedure(name: &str) -> Option<(String, &'static str)> {
    let outside = bare(name);
    if name.trim().is_empty() {
        return Some((
            "a procedure has a name".to_owned(),
            "it reads: plan.exec(\"dbo.usp_UserAdd\", #{ login: row.login })",
        ));
    }
    outside.contains([' ', '(', ')', ',', '\n', '?']).then(|| {
        let message = format!("{name:?} is no name of a procedure");
        (message, "only its name stands there, without EXEC and without values: \"dbo.usp_UserAdd\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_what_stands_outside_of_quotes_and_comments() {
        let text = "UPDATE t SET a = ?, b = '?', [c?] = \"?\" -- ?\nWHERE d = ?";
        assert_eq!(fault(text, Some(2)), None);
        assert!(fault(text, Some(4)).is_some());
    }

    #[test]
    fn a_text_that_cannot_be_sent_is_told_of() {
        for (text, values, says) in [
            ("UPDATE u SET a = ?, b = ?", 1, "has 2 `?`, and is given 1 value"),
            ("UPDATE u SET a = ?", 2, "has 1 `?`, and is given 2 values"),
            ("INSERT INTO t VALUES (:login)", 1, "`:login` is no place"),
            ("INSERT INTO t VALUES (@login)", 1, "`@login` is no place"),
            ("INSERT INTO t VALUES ($1)", 1, "`$1` is no place"),
            ("UPDATE u SET a = '?'", 1, "in quotes a `?`"),
            (" ", 0, "is empty"),
            ("UPDATE u SET a = 1; DELETE FROM u", 0, "two statements"),
        ] {
            let (said, _) = fault(text, Some(values)).unwrap_or_else(|| panic!("{text} is taken"));
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn a_text_that_can_be_sent_is_not() {
        for (text, values) in [
            ("UPDATE u SET a = ?, b = 'x;?', c = ':y' WHERE d = ?;\n", 2),
            ("SELECT @@ROWCOUNT, geography::Point(?, ?, 4326)", 2),
            ("DECLARE @n INT = ?; UPDATE u SET a = @n", 1),
            ("BEGIN UPDATE u SET a = 1; DELETE FROM v; END", 0),
            ("SELECT '10:30', [a:b] -- :c", 0),
        ] {
            assert_eq!(fault(text, Some(values)), None, "{text}");
        }
        assert_eq!(procedure("dbo.[usp Add]"), None);
        assert!(procedure("EXEC usp_Add").is_some());
    }
}

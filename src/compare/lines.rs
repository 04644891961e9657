//! Two texts, line by line.

use similar::TextDiff;

/// Lines that a difference is shown with, before it and behind it.
const CONTEXT: usize = 2;

/// What differs, a line each: `- ` before, `+ ` after, two blanks for what is the same around it; none where nothing does.
pub(super) fn difference(old: &str, new: &str) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let (old, new) = (ended(old), ended(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = Vec::new();
    for (at, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if at > 0 {
            lines.push("  …".to_owned());
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let text = change.value().trim_end();
            lines.push(format!("{} {text}", change.tag()).trim_end().to_owned());
        }
    }
    lines
}

/// That the last line ends or does not is no difference.
fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_with_a_little_around_it() {
        assert!(difference("a\n", "a\n").is_empty());
        assert_eq!(difference("a\nb\nc\nd\ne\nf", "a\nb\nc\nd\nX\nf"), ["  c", "  d", "- e", "+ X", "  f"]);
        let old: String = (0..20).map(|number| format!("{number}\n")).collect();
        let new = old.replace("1\n", "x\n");
        assert!(difference(&old, &new).contains(&"  …".to_owned()));
    }
}

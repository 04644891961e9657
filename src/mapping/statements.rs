//! A mapping's text as a run of statements, and a statement as a chain of calls: only so much of the language as is
//! needed to say where something stands, and to leave out what is wrong while the rest is looked at. All places are
//! bytes of the text.

use std::collections::BTreeMap;
use std::ops::Range;

/// One call of a chain: `attr(…)`, `.required()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    pub name: &'a str,
    /// From the name, or the dot before it, to behind the bracket.
    pub place: Range<usize>,
    /// Where the name begins.
    pub at: usize,
}

/// What a byte of the text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Names, brackets, operators.
    Code,
    /// A text, its quotes included.
    Text,
    /// Comments and blanks.
    Blank,
}

/// The text, looked through once.
pub(super) struct Scan<'a> {
    text: &'a str,
    kinds: Vec<Kind>,
    /// The statements in order, and the one that defines each function: a mapping may have thousands.
    all: Vec<Range<usize>>,
    functions: BTreeMap<&'a str, Range<usize>>,
    /// Where a text begins that has no end, or that most likely was to end before it does.
    pub unclosed: Option<usize>,
    /// Where a comment begins that has no end, so that nothing behind it counts.
    pub open_comment: Option<usize>,
}

// === impl Scan ===

impl<'a> Scan<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let kinds = vec![Kind::Blank; text.len()];
        let (all, functions) = (Vec::new(), BTreeMap::new());
        let mut scan = Scan { text, kinds, all, functions, unclosed: None, open_comment: None };
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let rest = text.get(at..).unwrap_or_default();
            let (kind, length) = match byte {
                b'/' if rest.starts_with("//") => (Kind::Blank, rest.find('\n').unwrap_or(rest.len())),
                b'/' if rest.starts_with("/*") => {
                    let length = comment(rest);
                    if length.is_none() {
                        scan.open_comment = Some(at);
                    }
                    (Kind::Blank, length.unwrap_or(rest.len()))
                }
                b'"' => (Kind::Text, scan.quoted(at, rest, '"')),
                b'`' => (Kind::Text, scan.quoted(at, rest, '`')),
                byte if byte.is_ascii_whitespace() => (Kind::Blank, 1),
                _ => (Kind::Code, rest.chars().next().map_or(1, char::len_utf8)),
            };
            let end = (at + length.max(1)).min(text.len());
            if let Some(kinds) = scan.kinds.get_mut(at..end) {
                kinds.fill(kind);
            }
            at = end;
        }
        scan.all = scan.split();
        for statement in scan.all.iter().rev() {
            if let Some(name) = scan.defined(statement) {
                scan.functions.insert(name, statement.clone());
            }
        }
        scan
    }

    /// How long the text is that begins here; one in double quotes ends with its line.
    fn quoted(&mut self, at: usize, rest: &str, mark: char) -> usize {
        let mut is_escaped = false;
        for (length, c) in rest.char_indices().skip(1) {
            match c {
                '\n' if mark == '"' => {
                    self.unclosed.get_or_insert(at);
                    return length;
                }
                _ if is_escaped => is_escaped = false,
                '\\' if mark == '"' => is_escaped = true,
                _ if c == mark => {
                    let next = rest.get(length + 1..).and_then(|rest| rest.chars().next());
                    // `"userName, "uid"`: the first text was to end before the second begins.
                    if mark == '"' && next.is_some_and(|next| next.is_alphanumeric() || next == '_') {
                        self.unclosed.get_or_insert(at);
                    }
                    return length + 1;
                }
                _ => {}
            }
        }
        self.unclosed.get_or_insert(at);
        rest.len()
    }

    /// Whether no comment and no text stands here.
    fn is_code(&self, at: usize) -> bool {
        self.kinds.get(at) == Some(&Kind::Code)
    }

    fn code(&self, range: Range<usize>) -> impl Iterator<Item = (usize, u8)> + '_ {
        let bytes = self.text.as_bytes();
        range.filter(|at| self.is_code(*at)).filter_map(|at| Some((at, *bytes.get(at)?)))
    }

    /// The bracket that was opened last and is not closed.
    pub(super) fn open_bracket(&self) -> Option<usize> {
        let mut open = Vec::new();
        for (at, byte) in self.code(0..self.text.len()) {
            match byte {
                b'(' | b'[' | b'{' => open.push(at),
                b')' | b']' | b'}' => _ = open.pop(),
                _ => {}
            }
        }
        open.pop()
    }

    /// Where the last thing before this place ends that is no comment and no blank.
    pub(super) fn end_before(&self, at: usize) -> usize {
        let last = (0..at.min(self.kinds.len())).rev().find(|at| self.kinds.get(*at) != Some(&Kind::Blank));
        last.map_or(0, |last| last + 1)
    }

    /// The statements, each from its first sign to its `;` or `}`.
    pub(super) fn statements(&self) -> Vec<Range<usize>> {
        self.all.clone()
    }

    fn split(&self) -> Vec<Range<usize>> {
        let mut all = Vec::new();
        let (mut start, mut depth) = (None, 0usize);
        for at in 0..self.text.len() {
            if self.kinds.get(at) == Some(&Kind::Blank) {
                continue;
            }
            let start_here = *start.get_or_insert(at);
            if !self.is_code(at) {
                continue;
            }
            let byte = self.text.as_bytes().get(at).copied().unwrap_or_default();
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            let is_block = byte == b'}' && self.is_block(start_here);
            if depth == 0 && (byte == b';' || is_block) {
                all.push(start_here..at + 1);
                start = None;
            }
        }
        all.extend(start.map(|start| start..self.text.len()));
        all
    }

    /// Whether the statement that begins here ends with its `}` and needs no `;`.
    fn is_block(&self, start: usize) -> bool {
        const BLOCKS: [&str; 10] =
            ["fn", "private", "if", "else", "for", "while", "loop", "switch", "try", "catch"];
        self.word(start).is_none_or(|word| BLOCKS.contains(&word))
    }

    /// The statement that a place is in.
    pub(super) fn statement(&self, at: usize) -> Option<Range<usize>> {
        let index = self.all.partition_point(|statement| statement.end <= at);
        self.all.get(index).cloned()
    }

    /// The word that begins here.
    pub(super) fn word(&self, at: usize) -> Option<&'a str> {
        let rest = self.text.get(at..)?;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        rest.get(..end).filter(|word| !word.is_empty())
    }

    /// The calls of a statement that is a chain of them; what does not read so is left out.
    pub(super) fn links(&self, statement: Range<usize>) -> Vec<Link<'a>> {
        let mut links = Vec::new();
        let mut depth = 0usize;
        let (mut dot, mut name) = (None, None);
        for (at, byte) in self.code(statement) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if (depth, byte) == (0, b')')
                        && let Some((at_name, word)) = name.take()
                    {
                        let start = dot.take().unwrap_or(at_name);
                        links.push(Link { name: word, place: start..at + 1, at: at_name });
                    }
                }
                b'.' if depth == 0 => (dot, name) = (dot.or(Some(at)), None),
                _ if depth == 0 && name.is_none() => name = self.word(at).map(|word| (at, word)),
                _ => {}
            }
        }
        links
    }

    /// Whether the body of a function is empty or ends in `;`, so that it gives nothing; and where that is.
    pub(super) fn gives_nothing(&self, function: Range<usize>) -> Option<usize> {
        let close = self.code(function.clone()).filter(|(_, byte)| *byte == b'}').last()?.0;
        let end = self.end_before(close);
        let last = end.checked_sub(1)?;
        let is_end = matches!(self.text.as_bytes().get(last), Some(b';' | b'{')) && self.is_code(last);
        let body = self.text.get(function)?;
        (is_end && !body.contains("return") && !body.contains("throw")).then_some(last)
    }

    /// The function that a statement defines.
    fn defined(&self, statement: &Range<usize>) -> Option<&'a str> {
        let head = self.text.get(statement.clone())?;
        let rest = head.strip_prefix("private").unwrap_or(head).trim_start().strip_prefix("fn")?;
        let name = rest.trim_start();
        let word = self.word(statement.end - name.len())?;
        let is_one = rest.len() > name.len() && name.get(word.len()..)?.trim_start().starts_with('(');
        is_one.then_some(word)
    }

    /// The statement that defines a function.
    pub(super) fn function(&self, name: &str) -> Option<Range<usize>> {
        self.functions.get(name).cloned()
    }

    /// The texts in double quotes, their quotes included.
    pub(super) fn quoted_texts(&self) -> impl Iterator<Item = (usize, &'a str)> + '_ {
        let is_start = |at: &usize| {
            self.kinds.get(*at) == Some(&Kind::Text)
                && (*at == 0 || self.kinds.get(*at - 1) != Some(&Kind::Text))
        };
        let starts = (0..self.text.len()).filter(is_start);
        let text = |at: usize| {
            let length = self.kinds.get(at..)?.iter().take_while(|kind| **kind == Kind::Text).count();
            Some((at, self.text.get(at..at + length)?))
        };
        starts.filter_map(text).filter(|(_, text)| text.starts_with('"'))
    }

    /// The names between two `|` in a part of the text.
    pub(super) fn closure_parameters(&self, part: Range<usize>) -> Vec<String> {
        let bars: Vec<usize> = self.code(part).filter(|(_, byte)| *byte == b'|').map(|(at, _)| at).collect();
        let between = bars.windows(2).filter_map(|pair| match pair {
            [from, to] => self.text.get(from + 1..*to),
            _ => None,
        });
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let names = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
        between.flat_map(names).filter(|name| !name.is_empty() && name.chars().all(is_name)).collect()
    }

    /// Where `{}` stands for a value.
    pub(super) fn empty_braces(&self) -> impl Iterator<Item = usize> + '_ {
        let code: Vec<(usize, u8)> = self.code(0..self.text.len()).collect();
        let is_blank = |from: usize, to: usize| {
            self.kinds.get(from..to).is_some_and(|kinds| kinds.iter().all(|kind| *kind == Kind::Blank))
        };
        let found = code.windows(3).filter_map(|three| match three {
            [(sign, b'=' | b',' | b'(' | b'[' | b':'), (open, b'{'), (close, b'}')] => {
                (is_blank(sign + 1, *open) && is_blank(open + 1, *close)).then_some(*open)
            }
            _ => None,
        });
        found.collect::<Vec<_>>().into_iter()
    }

    /// Where a method of this name is called as the last thing that a function does.
    pub(super) fn last_call(&self, name: &str, function: Range<usize>) -> Option<usize> {
        let close = self.code(function.clone()).filter(|(_, byte)| *byte == b'}').last()?.0;
        let end = self.end_before(close);
        let calls = self.code(function).filter(|(_, byte)| *byte == b'.').map(|(at, _)| at + 1);
        let is_it = |at: &usize| self.word(*at) == Some(name);
        calls.filter(is_it).find(|at| {
            let mut depth = 0usize;
            let close = self.code(*at..end).find(|(_, byte)| {
                match byte {
                    b'(' => depth += 1,
                    b')' => depth = depth.saturating_sub(1),
                    _ => return false,
                }
                depth == 0
            });
            close.is_some_and(|(close, _)| close + 1 == end)
        })
    }

    /// Where a text with exactly this in it stands first.
    pub(super) fn text(&self, inside: &str) -> Option<usize> {
        let quoted = format!("\"{inside}\"");
        let mut found = self.text.match_indices(&quoted).map(|(at, _)| at);
        found.find(|at| !inside.is_empty() && self.kinds.get(*at) == Some(&Kind::Text))
    }

    /// Where the statement begins that declares this resource.
    pub(super) fn resource(&self, name: &str) -> Option<usize> {
        let head = format!("\"{name}\"");
        let starts = self.statements().into_iter().map(|statement| statement.start);
        starts.filter(|start| self.word(*start) == Some("resource")).find(|start| {
            let rest = self.text.get(start + "resource".len()..).unwrap_or_default();
            rest.trim_start_matches(['(', ' ']).starts_with(&head)
        })
    }

    /// Where a method of this name is called in a part of the text.
    pub(super) fn method_call(&self, name: &str, part: Range<usize>) -> Option<usize> {
        let dots = self.code(part).filter(|(_, byte)| *byte == b'.');
        dots.map(|(at, _)| at + 1).find(|at| {
            let behind = self.text.get(at + name.len()..).unwrap_or_default();
            self.word(*at) == Some(name) && behind.trim_start().starts_with('(')
        })
    }
}

/// How long the comment is that a text begins with; comments nest. `None` where it has no end.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    loop {
        let rest = text.get(at..)?;
        let (length, change) = match rest {
            rest if rest.starts_with("/*") => (2, 1),
            rest if rest.starts_with("*/") => (2, -1),
            rest => (rest.chars().next()?.len_utf8(), 0),
        };
        (depth, at) = (depth.checked_add_signed(change)?, at + length);
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The byte of a place that is counted in lines and characters, both from 1.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    let inside = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    before + inside
}

/// The line and the character of a byte, both from 1.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or("").chars().count() + 1)
}

/// The text with a part of it blank; lines and columns stay.
pub(super) fn blanked(text: &str, part: Range<usize>) -> String {
    let blank = |c: char| if c == '\n' || c == '\r' { c } else { ' ' };
    let [before, inside, after] =
        [0..part.start, part.clone(), part.end..text.len()].map(|range| text.get(range).unwrap_or_default());
    format!("{before}{}{after}", inside.chars().map(blank).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "// a; comment\nattr(\"a;b\", `c\n;d`)\n  .only(#{ x: \";\" }).many();\nfn f(x) { x.g(); x }\nstamp(\"A\", 1);";

    #[test]
    fn statements_end_where_they_end() {
        let scan = Scan::of(TEXT);
        let found: Vec<&str> = scan.statements().into_iter().map(|range| &TEXT[range]).collect();
        assert_eq!(
            found,
            [
                "attr(\"a;b\", `c\n;d`)\n  .only(#{ x: \";\" }).many();",
                "fn f(x) { x.g(); x }",
                "stamp(\"A\", 1);"
            ]
        );
        assert_eq!(scan.unclosed, None);
        let links = scan.links(scan.statements()[0].clone());
        let texts: Vec<&str> = links.iter().map(|link| &TEXT[link.place.clone()]).collect();
        assert_eq!(texts, ["attr(\"a;b\", `c\n;d`)", ".only(#{ x: \";\" })", ".many()"]);
        assert_eq!(links[2].name, "many");
        assert_eq!(scan.function("f"), Some(scan.statements()[1].clone()));
        assert!(scan.method_call("g", 0..TEXT.len()).is_some());
        assert_eq!(scan.method_call("h", 0..TEXT.len()), None);
    }

    #[test]
    fn a_text_without_end_is_found_where_it_begins() {
        for (text, at) in [
            ("attr(\"userName, \"uid\");", 5),
            ("attr(\"userName\", \"uid);", 17),
            ("a;\nattr(`userName, \"uid\");", 8),
        ] {
            assert_eq!(Scan::of(text).unclosed, Some(at), "{text}");
        }
    }

    #[test]
    fn a_place_is_a_byte_and_back() {
        let text = "ñ\r\n  ä = 1;\n";
        for at in [0, 2, 5, 8, text.len()] {
            let (line, column) = place(text, at);
            assert_eq!(offset(text, line, column), at);
        }
        assert_eq!(blanked(text, 6..8), "ñ\r\n    = 1;\n");
    }

    #[test]
    fn a_function_that_ends_in_a_semicolon_gives_nothing() {
        for (text, gives_nothing) in [
            ("fn f(x) { x.trim(); }", true),
            ("fn f(x) { x.trim() }", false),
            ("fn f(x) { }", true),
            ("fn f(x) { return x; }", false),
            ("fn f(x) { if x { 1 } else { 2 } // ;\n}", false),
        ] {
            assert_eq!(Scan::of(text).gives_nothing(0..text.len()).is_some(), gives_nothing, "{text}");
        }
    }
}

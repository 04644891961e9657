//! What coded values mean, as far as that can be told from the codes themselves.

use super::script::{count, literal, value};
use crate::plan::Value;
use crate::survey::tables::{Holds, Sample, Values};

const ACTIVE: &[&str] =
    &["a", "active", "act", "aktiv", "y", "yes", "j", "ja", "1", "enabled", "ok", "true", "open", "current"];
const INACTIVE: &[&str] = &[
    "t",
    "terminated",
    "l",
    "locked",
    "i",
    "inactive",
    "inaktiv",
    "d",
    "disabled",
    "deleted",
    "n",
    "no",
    "nein",
    "0",
    "s",
    "suspended",
    "x",
    "g",
    "gesperrt",
    "b",
    "blocked",
    "f",
    "false",
    "closed",
    "left",
    "e",
];
/// What the kinds of phones and addresses are called, and SCIM's word.
const KINDS: &[(&str, &[&str])] = &[
    (
        "work",
        &["w", "work", "business", "b", "office", "o", "g", "geschaeftlich", "dienstlich", "d", "arbeit"],
    ),
    ("mobile", &["m", "mobile", "mobil", "cell", "c", "handy"]),
    ("home", &["h", "home", "private", "p", "privat"]),
    ("fax", &["f", "fax", "telefax"]),
    ("pager", &["pager"]),
];

/// A line's codes: what `.values(…)` takes, and what the reader is to know or decide.
#[derive(Debug, PartialEq)]
pub(super) struct Codes {
    /// `[["A", true], …]`
    pub(super) pairs: String,
    /// The literal that is written for the first meaning.
    pub(super) first: String,
    /// What to decide; empty where the codes speak for themselves.
    pub(super) decide: String,
}

/// Whether people are active, by what stands in the column; `turned` where the column says that they are not. `None` when
/// nothing can be told.
pub(super) fn active(column: &str, holds: Holds, turned: bool, seen: &Values, rows: usize) -> Option<Codes> {
    let codes = seen.codes()?;
    let is_truth = |code: &Value| matches!(code, Value::Bool(_) | Value::Integer(0 | 1));
    if holds == Holds::Boolean || codes.iter().all(|(code, _)| is_truth(code)) && holds == Holds::Integer {
        let [yes, no] = if holds == Holds::Boolean { ["true", "false"] } else { ["1", "0"] };
        let [first, second] = if turned { [no, yes] } else { [yes, no] };
        let (pairs, first) = (format!("[[{first}, true], [{second}, false]]"), first.to_owned());
        return Some(Codes { pairs, first, decide: String::new() });
    }
    let word = |code: &Value| code.text().map(|text| text.trim().to_lowercase()).unwrap_or_default();
    let said = |words: &[&str]| codes.iter().find(|(code, _)| words.contains(&word(code).as_str()));
    // `T` is true beside `F`, else terminated.
    let is_true = said(&["t"]).filter(|_| said(&["f"]).is_some());
    let (chosen, _) = is_true.or_else(|| said(ACTIVE)).or_else(|| codes.first())?;
    let first = value(chosen)?;
    let others: Option<Vec<String>> =
        codes.iter().filter(|(code, _)| code != chosen).map(|(code, _)| value(code)).collect();
    let others = ordered(others?, codes, chosen);
    let pairs = std::iter::once(format!("[{first}, true]"))
        .chain(others.iter().map(|code| format!("[{code}, false]")))
        .collect::<Vec<_>>()
        .join(", ");
    let mut told: Vec<String> = codes
        .iter()
        .filter_map(|(code, times)| Some(format!("{} {}", value(code)?, count(*times))))
        .collect();
    if rows > seen.filled {
        told.push(format!("nothing {}", count(rows - seen.filled)));
    }
    let second = others.first().map_or("none was seen that could mean not active".to_owned(), |code| {
        format!("not active is written as {code}")
    });
    let decide = format!(
        "which of {column} mean that somebody is active. Seen: {}. Here {first} is taken for active, and {second}.",
        told.join(", ")
    );
    Some(Codes { pairs: format!("[{pairs}]"), first, decide })
}

/// Codes for "not active", one that surely means it first: the first is the one that is written.
fn ordered(mut others: Vec<String>, codes: &[(Value, usize)], chosen: &Value) -> Vec<String> {
    let word = |code: &Value| code.text().map(|text| text.trim().to_lowercase()).unwrap_or_default();
    let place = |literal: &String| {
        let code = codes.iter().find(|(code, _)| code != chosen && value(code).as_ref() == Some(literal));
        let word = code.map(|(code, _)| word(code)).unwrap_or_default();
        INACTIVE.iter().position(|known| *known == word).unwrap_or(INACTIVE.len())
    };
    others.sort_by_key(place);
    others
}

/// Of which kind a phone or an address is. `None` when nothing was seen, or more than codes.
pub(super) fn kinds(sample: &Sample, column: &str) -> Option<Codes> {
    let codes = sample.columns.get(column)?.codes().filter(|codes| !codes.is_empty())?;
    let (mut pairs, mut used, mut guessed) = (Vec::new(), Vec::new(), Vec::new());
    for (code, _) in codes {
        let text = code.text()?.trim().to_lowercase();
        let plain = super::spelling::plain(&text);
        let known = KINDS.iter().find(|(_, words)| words.contains(&plain.as_str())).map(|(kind, _)| *kind);
        let kind = match known.filter(|kind| !used.contains(&(*kind).to_owned())) {
            Some(kind) => kind.to_owned(),
            None => {
                guessed.push(value(code)?);
                if text.is_empty() { "other".to_owned() } else { text }
            }
        };
        pairs.push(format!("[{}, {}]", value(code)?, literal(&kind)));
        used.push(kind);
    }
    let decide = match guessed.is_empty() {
        true => String::new(),
        false => format!(
            "what {} means; SCIM's own words are work, home, mobile, fax, pager and other.",
            guessed.join(", ")
        ),
    };
    Some(Codes { pairs: format!("[{}]", pairs.join(", ")), first: String::new(), decide })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(codes: &[(&str, usize)]) -> Values {
        let most: Vec<(Value, usize)> =
            codes.iter().map(|(code, times)| (Value::from(*code), *times)).collect();
        Values { filled: codes.iter().map(|(_, times)| times).sum(), most }
    }

    #[test]
    fn active_is_told_from_the_codes() {
        for (codes, pairs) in [
            (&[("A", 84), ("L", 4), ("T", 4)][..], r#"[["A", true], ["T", false], ["L", false]]"#),
            (&[("T", 9), ("F", 3)], r#"[["T", true], ["F", false]]"#),
            (&[("nein", 9), ("ja", 3)], r#"[["ja", true], ["nein", false]]"#),
            (&[("7", 9), ("3", 3)], r#"[["7", true], ["3", false]]"#),
            (&[("A", 1)], r#"[["A", true]]"#),
        ] {
            let told = active("S", Holds::Text, false, &seen(codes), 100).unwrap();
            assert_eq!(told.pairs, pairs);
            assert!(told.decide.contains("Seen: ") && told.decide.contains("nothing "), "{}", told.decide);
        }
        assert_eq!(active("S", Holds::Text, false, &seen(&[]), 0), None);
        assert_eq!(active("S", Holds::Text, false, &seen(&[("{a}", 2)]), 2), None);
        let truth = |holds, turned| active("S", holds, turned, &seen(&[]), 0).unwrap();
        assert_eq!(truth(Holds::Boolean, true).pairs, "[[false, true], [true, false]]");
        assert_eq!(
            truth(Holds::Integer, false),
            Codes { pairs: "[[1, true], [0, false]]".into(), first: "1".into(), decide: String::new() }
        );
    }

    #[test]
    fn kinds_are_told_and_none_is_there_twice() {
        let sample = |codes| Sample { rows: 9, columns: [("K".to_owned(), seen(codes))].into() };
        let told = kinds(&sample(&[("W", 2), ("M", 1), ("Z", 1), ("work", 1)]), "K").unwrap();
        assert_eq!(told.pairs, r#"[["W", "work"], ["M", "mobile"], ["Z", "z"], ["work", "work"]]"#);
        assert!(told.decide.contains(r#""Z", "work""#));
        assert!(kinds(&sample(&[]), "K").is_none() && kinds(&sample(&[("W", 1)]), "L").is_none());
    }
}

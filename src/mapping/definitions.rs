//! The words of the language for an editor: a definition file of Rhai, as its language server reads it. The tests compare the
//! words with what is registered and with what the guide tells.

use std::fmt::Write as _;

use super::words::{WORDS, Word};

/// What an editor needs to complete and explain the verbs of a mapping.
pub fn definitions() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "// What a mapping of Gantry {version} may say, for Rhai's language server. Written by `gantry definitions`.\n\
         module static;\n"
    );
    for word in WORDS {
        for takes in word.takes {
            let receiver = match word.of {
                "" => String::new(),
                of => format!("_: {of}{}", if takes.is_empty() { "" } else { ", " }),
            };
            let (says, name) = (word.says, word.name);
            _ = write!(
                text,
                "\n/// {says}{}\nfn {name}({receiver}{takes}){};\n",
                others(word, takes),
                gives(word)
            );
        }
    }
    text
}

/// The other ways to say a word: of several functions of one name the language server shows any one.
fn others(word: &Word, shown: &str) -> String {
    let others = word.takes.iter().filter(|takes| **takes != shown);
    let others: Vec<_> = others.map(|takes| format!("`{}({takes})`", word.name)).collect();
    if others.is_empty() { String::new() } else { format!("\n///\n/// Or {}.", others.join(", ")) }
}

/// What a word gives to chain more to.
fn gives(word: &Word) -> &'static str {
    match (word.of, word.name) {
        ("", "resource") | ("resource", _) => " -> resource",
        ("", "attr") | ("attr", _) => " -> attr",
        ("", "schema") | ("schema", _) => " -> schema",
        ("", "define") | ("define", _) => " -> define",
        ("", "initial" | "stamp" | "rest" | "on_error") | ("plan", "id" | "modify") => "",
        ("", "enterprise" | "escape_dn") => " -> String",
        ("plan", _) => " -> Map",
        _ => " -> ?",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use rhai::EvalAltResult;

    use super::*;
    use crate::mapping::{draft, script, verbs};

    /// A way that is not registered would end in "function not found", whatever else is wrong with such a call.
    #[test]
    fn every_way_of_saying_a_word_is_one_that_the_engine_knows() {
        let mut engine = script::sandbox();
        verbs::register(&mut engine, &draft::Shared::default(), &Arc::new(BTreeMap::new()));
        let is_known = |text: &str| match engine.run(text) {
            Ok(()) => true,
            Err(error) => !matches!(*error, EvalAltResult::ErrorFunctionNotFound(..)),
        };
        assert!(!is_known("resource(\"User\", 1)") && !is_known("resource(\"User\").tabel(\"x\")"));
        for word in WORDS.iter().filter(|word| word.of != "plan") {
            for takes in word.takes {
                let value = |part: &str| match part.split_once(": ") {
                    Some((_, "String")) => "\"x\"",
                    Some((_, "Array")) => "[]",
                    Some((_, "Map")) => "#{}",
                    Some((_, "int" | "?")) => "1",
                    other => panic!("{other:?}"),
                };
                let values: Vec<_> = takes.split(", ").filter(|part| !part.is_empty()).map(value).collect();
                let before = match word.of {
                    "resource" => "resource(\"User\").",
                    "attr" => "resource(\"User\"); attr(\"userName\", \"x\").",
                    "schema" => "schema(\"urn:x\").",
                    "define" => "schema(\"urn:x\"); define(\"x\", \"string\").",
                    _ => "",
                };
                let text = format!("{before}{}({});", word.name, values.join(", "));
                assert!(is_known(&text), "{text}");
            }
        }
    }

    /// The sources register no word that the table lacks.
    #[test]
    fn every_word_that_is_registered_is_defined() {
        let sources = [include_str!("verbs.rs"), include_str!("schema_verbs.rs"), include_str!("hooks.rs")];
        let mut found = 0;
        for source in sources {
            for (_, after) in
                source.match_indices("register_fn(").map(|(at, text)| source.split_at(at + text.len()))
            {
                let Some(name) = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next())
                else {
                    panic!("{}", &after[..40]);
                };
                found += 1;
                let is_operator = ["==", "!="].contains(&name);
                assert!(is_operator || WORDS.iter().any(|word| word.name == name), "{name}");
            }
        }
        assert!(found > 90, "{found}");
    }

    #[test]
    fn every_word_stands_in_the_guide() {
        let guide = include_str!("../../mappings/README.md");
        for Word { name, .. } in WORDS {
            assert!(guide.contains(&format!("{name}(")), "{name} is not in mappings/README.md");
        }
    }

    #[test]
    fn definitions_say_each_way() {
        let text = definitions();
        assert!(text.contains("\nmodule static;\n") && text.contains("\nfn uuid() -> ?;\n"));
        assert!(
            text.contains("/// Upper and lower case differ.\nfn case_exact(_: attr) -> attr;\n"),
            "{text}"
        );
        let lookup = "fn lookup(_: resource, alias: String, table: String, key: Array, foreign_key: Array) -> resource;";
        assert!(text.contains(lookup));
        let ways: usize = WORDS.iter().map(|word| word.takes.len()).sum();
        assert_eq!(text.matches("\nfn ").count(), ways);
    }
}

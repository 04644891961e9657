//! Words of other languages that people write out of habit, and what says the same here. For suggestions only.

/// Words, and how the same is said.
const WORDS: &[(&[&str], &str)] = &[
    (&["and"], "\"and\" is written `&&`"),
    (&["or"], "\"or\" is written `||`"),
    (&["not"], "\"not\" is written `!`, and \"is not\" `!=`"),
    (&["is"], "\"is\" is written `==`, and \"is nothing\" `== ()`"),
    (&["then", "begin"], "what an `if` decides stands in braces: if … { … } else { … }"),
    (&["elif", "elsif", "elseif"], "it reads: else if … { … }"),
    (&["foreach"], "it reads: for value in values { … }"),
    (&["true", "yes", "on"], "is `true` meant?"),
    (&["false", "no", "off"], "is `false` meant?"),
    (&["function", "func", "def", "sub"], "a function reads: fn name(value) { value }"),
    (&["null", "none", "nil", "undefined"], "\"no value\" is written `()`"),
    (&["var"], "a variable begins with `let`: let name = …;"),
];

/// Functions and methods, and what does the same.
const METHODS: &[(&[&str], &str)] = &[
    (&["length", "size", "count", "strlen"], "len()"),
    (&["tolower", "tolowercase", "lowercase", "downcase", "lcase", "lower"], "to_lower()"),
    (&["toupper", "touppercase", "uppercase", "upcase", "ucase", "upper"], "to_upper()"),
    (&["substring", "substr", "slice", "mid"], "sub_string(start, length)"),
    (&["startswith", "beginswith", "begins_with"], "starts_with(text)"),
    (&["endswith"], "ends_with(text)"),
    (&["indexof", "position", "charindex"], "index_of(text)"),
    (&["includes"], "contains(text)"),
    (&["tostring", "to_str", "str"], "to_string()"),
    (&["strip", "ltrim", "rtrim"], "trim()"),
];

/// Attributes of SCIM, and what people call them.
const ATTRIBUTES: &[(&[&str], &str)] = &[
    (&["name.firstname", "firstname", "givenname", "name.given"], "name.givenName"),
    (&["name.lastname", "name.surname", "lastname", "surname", "familyname", "name.last"], "name.familyName"),
    (&["name.fullname", "fullname", "name.full"], "name.formatted"),
    (&["login", "loginname", "uid", "samaccountname", "username"], "userName"),
    (&["email", "mail", "e-mail"], "emails[type eq \"work\"].value"),
    (&["phone", "telephone", "telephonenumber"], "phoneNumbers[type eq \"work\"].value"),
    (&["mobile"], "phoneNumbers[type eq \"mobile\"].value"),
    (&["enabled", "status", "disabled"], "active"),
    (&["commonname", "cn"], "displayName"),
];

/// The attribute that is most likely meant by this name.
pub(super) fn of_attribute(path: &str) -> Option<&'static str> {
    among(ATTRIBUTES, path)
}

/// How what this word means elsewhere is said here.
pub(super) fn of_word(word: &str) -> Option<&'static str> {
    among(WORDS, word)
}

/// What does here what a function of this name does elsewhere.
pub(super) fn of_method(name: &str) -> Option<String> {
    among(METHODS, name).map(|method| format!("it is `{method}` here: text.{method}"))
}

fn among(habits: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    habits.iter().find(|(words, _)| words.contains(&word.as_str())).map(|(_, said)| *said)
}

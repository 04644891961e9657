//! Why a mapping's text cannot be read or run, in an admin's words: from the script engine's errors to diagnostics.

use rhai::{AST, EvalAltResult, LexError, ParseError, ParseErrorType, Position};

use super::diagnostic::{Code, Diagnostic};
use super::habits;
use super::script;
use super::statements::{self, Scan};
use super::suggest;
use super::words::{self, Word};

/// The methods of texts, arrays and maps that functions of a mapping mostly use, for suggestions.
pub(super) const METHODS: [&str; 22] = [
    "to_lower",
    "to_upper",
    "trim",
    "replace",
    "split",
    "sub_string",
    "contains",
    "starts_with",
    "ends_with",
    "index_of",
    "len",
    "is_empty",
    "to_string",
    "chars",
    "push",
    "pop",
    "filter",
    "map",
    "keys",
    "values",
    "join",
    "type_of",
];

/// The file, in diagnostics.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// What is wrong, before it has its excerpt.
struct Fault {
    code: Code,
    message: String,
    help: Option<String>,
}

// === impl File ===

impl File<'_> {
    pub(super) fn at(self, code: Code, position: Position, message: impl Into<String>) -> Diagnostic {
        let (line, column) = script::place(position);
        Diagnostic::at(code, self.name, self.text, line, column, message)
    }

    /// A mistake at a byte of the text.
    pub(super) fn at_byte(self, code: Code, at: usize, message: impl Into<String>) -> Diagnostic {
        let (line, column) = statements::place(self.text, at);
        Diagnostic::at(code, self.name, self.text, line, column, message)
    }

    /// A mistake at a byte of what is left of the text, which has the same lines.
    pub(super) fn in_rest(self, rest: &str, code: Code, at: usize, message: impl Into<String>) -> Diagnostic {
        let (line, column) = statements::place(rest, at);
        Diagnostic::at(code, self.name, self.text, line, column, message)
    }

    fn said(self, position: Position, fault: Fault) -> Diagnostic {
        let diagnostic = self.at(fault.code, position, fault.message);
        match fault.help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        }
    }
}

/// A text that is no script; `rest` is what is left of it, mistakes that were found before blank.
pub(super) fn of_parsing(file: File<'_>, rest: &str, error: &ParseError) -> Diagnostic {
    let (line, column) = script::place(error.1);
    let scan = Scan::of(rest);
    let at = if line == 0 { rest.len() } else { statements::offset(rest, line, column) };
    let is_near = |open: &usize| line == 0 || line >= statements::place(rest, *open).0;
    if let Some(open) = scan.unclosed.filter(is_near) {
        return unclosed(file, rest, open);
    }
    if let Some(open) = scan.open_bracket().filter(|_| at >= rest.trim_end().len()) {
        let bracket = rest.get(open..open + 1).unwrap_or_default();
        return file.in_rest(rest, Code::Syntax, open, format!("this `{bracket}` is not closed"));
    }
    if closes(rest, at) && matches!(&*error.0, ParseErrorType::MissingToken(token, _) if token == ";") {
        let bracket = rest.get(at..at + 1).unwrap_or_default();
        return file.in_rest(rest, Code::Syntax, at, format!("this `{bracket}` closes nothing"));
    }
    if let ParseErrorType::MissingToken(token, _) = &*error.0
        && token == ";"
    {
        return file
            .in_rest(
                rest,
                Code::MissingSemicolon,
                scan.end_before(at),
                "a `;` is missing at the end of this statement",
            )
            .with_help("every statement ends in `;`, the verbs that are chained to it before that");
    }
    if closes(rest, at)
        && let Some(missing) = rest.get(..at).and_then(|before| Scan::of(before).open_bracket())
        && let Some(closing) = unlike(rest, missing, at)
    {
        let message = format!("a `{closing}` is missing before this");
        return file.in_rest(rest, Code::Syntax, at, message);
    }
    if matches!(&*error.0, ParseErrorType::MissingToken(..) | ParseErrorType::BadInput(_))
        && let Some(help) = scan.word(at).and_then(habits::of_word)
    {
        let word = scan.word(at).unwrap_or_default();
        let message = format!("`{word}` is no word of the script language");
        return file.in_rest(rest, Code::Syntax, at, message).with_help(help);
    }
    let statement = scan.statement(at).map_or(at, |statement| statement.start);
    if rest.get(statement..).is_some_and(|text| text.starts_with('.')) {
        let name = scan.word(statement + 1).unwrap_or_default();
        return file
            .in_rest(rest, Code::MisplacedVerb, statement, format!("`.{name}` is chained to nothing"))
            .with_help("take away the `;` before it, so that it belongs to the statement above");
    }
    if line == 0 {
        let last = scan.end_before(rest.len());
        return file.in_rest(rest, Code::Syntax, last, parsing(&error.0).message);
    }
    if matches!(&*error.0, ParseErrorType::PropertyExpected)
        && let Some(word) = scan.word(at).filter(|word| word.starts_with(char::is_alphabetic))
    {
        return file.said(error.1, reserved(word));
    }
    if let ParseErrorType::VariableUndefined(name) = &*error.0
        && let Some(help) = by_its_surroundings(rest, &scan, at, name)
    {
        return file.said(error.1, Fault { help: Some(help), ..unknown_variable(name) });
    }
    if rest.get(at..).is_some_and(|text| text.starts_with(';'))
        && matches!(&*error.0, ParseErrorType::MissingToken(..))
    {
        return file.at(Code::Syntax, error.1, "a bracket is not closed before this `;`");
    }
    file.said(error.1, parsing(&error.0))
}

/// Whether a bracket is closed here.
pub(super) fn closes(text: &str, at: usize) -> bool {
    text.get(at..).is_some_and(|text| text.starts_with([')', ']', '}']))
}

/// The bracket that would close the open one, where another stands.
fn unlike(text: &str, open: usize, at: usize) -> Option<char> {
    let closing = match text.as_bytes().get(open)? {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    };
    (!text.get(at..)?.starts_with(closing)).then_some(closing)
}

/// What is most likely meant by a name that means nothing, by what stands around it.
fn by_its_surroundings(text: &str, scan: &Scan<'_>, at: usize, name: &str) -> Option<String> {
    let behind = text.get(at + name.len()..)?.trim_start();
    let is_said_outside = |word: &str| {
        let said = format!("{word} {name} ");
        text.find(&said).is_some_and(|at| scan.statement(at).is_some_and(|statement| statement.start == at))
    };
    if behind.starts_with(':') {
        Some(format!("a map begins with a `#`: #{{ {name}: … }}"))
    } else if ["const", "let"].into_iter().any(is_said_outside) {
        Some(format!("functions see nothing of what stands outside of them: say `{name}` in the function"))
    } else if behind.starts_with('=') && !behind.starts_with("==") && words::find("", name).is_none() {
        Some(format!("a variable begins with `let`: let {name} = …;"))
    } else {
        None
    }
}

fn unclosed(file: File<'_>, rest: &str, open: usize) -> Diagnostic {
    let line = rest.get(open..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let (mark, help) = match line.starts_with('`') {
        true => ("backtick", "a text begins and ends with the same quote"),
        false if line.contains('[') && line.contains(" eq ") => {
            ("quote", "a text with quotes in it stands in backticks: `emails[type eq \"work\"].value`")
        }
        false => ("quote", "a text begins and ends with the same quote, in one line"),
    };
    file.in_rest(rest, Code::UnclosedText, open, format!("this text has no closing {mark}")).with_help(help)
}

fn fault(code: Code, message: impl Into<String>, help: Option<&str>) -> Fault {
    Fault { code, message: message.into(), help: help.map(str::to_owned) }
}

fn parsing(error: &ParseErrorType) -> Fault {
    let syntax = |message: &str| fault(Code::Syntax, message, None);
    match error {
        ParseErrorType::VariableUndefined(name) => unknown_variable(name),
        ParseErrorType::Reserved(word) => reserved(word),
        ParseErrorType::UnexpectedEOF => syntax("the file ends in the middle: a bracket is not closed"),
        ParseErrorType::MissingToken(token, _) => {
            let what = match token.as_str() {
                "," => "between two values".to_owned(),
                "{" => "here: what an `if`, a loop or a function does stands in braces".to_owned(),
                ")" | "]" | "}" => "that closes what was opened before".to_owned(),
                _ => "here".to_owned(),
            };
            syntax(&format!("a `{token}` is missing {what}"))
        }
        ParseErrorType::MissingSymbol(_) | ParseErrorType::ExprExpected(_) => {
            syntax("something is missing here, or stands here that does not belong")
        }
        ParseErrorType::MalformedIndexExpr(_) => fault(
            Code::Syntax,
            "what stands in these brackets does not fit",
            Some("is a `,` missing before them?"),
        ),
        ParseErrorType::PropertyExpected => {
            let help =
                "of a map: #{ name: value }; a word that the language keeps for itself stands in quotes";
            fault(Code::Syntax, "a name is missing here", Some(help))
        }
        ParseErrorType::BadInput(error) => lexical(error),
        ParseErrorType::UnknownOperator(sign) => unknown_sign(sign),
        ParseErrorType::FnDuplicatedDefinition(name, _) => {
            fault(Code::SaidTwice, format!("the function `{name}` stands here a second time"), None)
        }
        ParseErrorType::DuplicatedProperty(name) => {
            fault(Code::SaidTwice, format!("`{name}` stands twice in this map"), None)
        }
        ParseErrorType::FnDuplicatedParam(function, name) => {
            fault(Code::SaidTwice, format!("`{function}` has two parameters `{name}`"), None)
        }
        ParseErrorType::WrongFnDefinition => {
            syntax("a function stands by itself, not inside of something else")
        }
        ParseErrorType::FnMissingName
        | ParseErrorType::FnMissingParams(_)
        | ParseErrorType::FnMissingBody(_) => {
            fault(Code::Syntax, "this is no whole function", Some("it reads: fn name(value) { value }"))
        }
        ParseErrorType::AssignmentToConstant(name) => {
            syntax(&format!("`{name}` is a constant and cannot change"))
        }
        ParseErrorType::AssignmentToInvalidLHS(_) => {
            fault(Code::Syntax, "nothing can be assigned to this", Some("is it `==` that is meant?"))
        }
        ParseErrorType::ExprTooDeep => syntax("this nests too deep"),
        ParseErrorType::MismatchedType(..) => {
            let help = "it is compared with something: if value == \"A\" { … }";
            fault(Code::Syntax, "true or false is needed here", Some(help))
        }
        ParseErrorType::LiteralTooLarge(_, most) => {
            syntax(&format!("this is longer than it may be: {most} values or signs at most"))
        }
        other => syntax(&other.to_string()),
    }
}

fn lexical(error: &LexError) -> Fault {
    match error {
        LexError::UnterminatedString => fault(Code::UnclosedText, "this text has no closing quote", None),
        LexError::MalformedChar(_) => fault(
            Code::Syntax,
            "single quotes are for one character",
            Some("a text stands in double quotes: \"…\""),
        ),
        LexError::MalformedEscapeSequence(sequence) => fault(
            Code::Syntax,
            format!("`{sequence}` means nothing in a text"),
            Some("a backslash itself is written twice: \"\\\\\""),
        ),
        LexError::MalformedNumber(number) => fault(Code::Syntax, format!("`{number}` is no number"), None),
        LexError::UnexpectedInput(sign) | LexError::ImproperSymbol(sign, _) => unknown_sign(sign),
        other => fault(Code::Syntax, other.to_string(), None),
    }
}

fn unknown_sign(sign: &str) -> Fault {
    if sign.starts_with(char::is_alphabetic) {
        return reserved(sign);
    }
    let help = match sign {
        "#" | "--" => Some("a comment begins with `//`"),
        "=" => Some("\"is equal to\" is written `==`"),
        "'" => Some("a text stands in double quotes: \"…\""),
        "<>" => Some("\"is not\" is written `!=`"),
        "=>" | ":=" | "->" => Some("in a map a value stands after a colon: #{ name: value }"),
        "“" | "”" | "„" | "‘" | "’" => Some("a text stands in straight quotes: \"…\""),
        _ => None,
    };
    fault(Code::Syntax, format!("`{sign}` means nothing here"), help)
}

fn reserved(word: &str) -> Fault {
    if !word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return unknown_sign(word);
    }
    let help = match word {
        "null" => "\"no value\" is written `()`".to_owned(),
        "import" | "export" | "eval" | "module" => "a mapping is one file, and reaches no other".to_owned(),
        _ => format!(
            "as a column after a dot it stands in brackets: row[\"{word}\"]; a function or variable needs another name"
        ),
    };
    fault(
        Code::ReservedWord,
        format!("`{word}` is a word that the script language keeps for itself"),
        Some(&help),
    )
}

fn unknown_variable(name: &str) -> Fault {
    let near = || suggest::closest(name, ["true", "false"].into_iter());
    let help = match (habits::of_word(name), words::find("", name)) {
        (Some(help), _) => help.to_owned(),
        (None, Some(word)) => format!("it is said with brackets: {}", word.form),
        (None, None) => near().unwrap_or_else(|| format!("a text stands in quotes: \"{name}\"")),
    };
    fault(Code::UnknownVariable, format!("there is no variable `{name}`"), Some(&help))
}

/// An error of the script's run. `ast` is for the script's own functions.
pub(super) fn of_running(file: File<'_>, ast: &AST, error: &EvalAltResult) -> Diagnostic {
    file.said(error.unwrap_inner().position(), running(ast, error))
}

/// The same in one sentence, for the log.
pub(super) fn cause(ast: &AST, error: &EvalAltResult) -> String {
    running(ast, error).message
}

fn running(ast: &AST, error: &EvalAltResult) -> Fault {
    let inner = error.unwrap_inner();
    let stopped = |message: String| fault(Code::ScriptStopped, message, None);
    match inner {
        EvalAltResult::ErrorRuntime(value, _) => match script::refused(inner) {
            Some(refused) => fault(refused.code, refused.message, None),
            None => stopped(format!("the script ends itself here: {value}")),
        },
        EvalAltResult::ErrorFunctionNotFound(signature, _) => unknown_function(signature, ast),
        EvalAltResult::ErrorDotExpr(said, _) => unknown_property(said),
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            fault(Code::UnknownNative, format!("there is no `{name}` here"), None)
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => unknown_variable(name),
        EvalAltResult::ErrorMismatchDataType(needed, given, _)
        | EvalAltResult::ErrorMismatchOutputType(needed, given, _) => {
            let (needed, given) = (readable(needed), readable(given));
            fault(Code::WrongArguments, format!("{needed} is needed here, not {given}"), None)
        }
        EvalAltResult::ErrorIndexingType(of, _) => {
            fault(Code::WrongArguments, format!("a {} has no parts in brackets", readable(of)), None)
        }
        EvalAltResult::ErrorArrayBounds(length, index, _) => {
            let message = format!("a list of {length} has nothing at {index}");
            let help = "the first is [0]; ask for its len() before";
            fault(Code::WrongArguments, message, Some(help))
        }
        EvalAltResult::ErrorStringBounds(length, index, _) => {
            let message = format!("a text of {length} signs has nothing at {index}");
            fault(Code::WrongArguments, message, None)
        }
        EvalAltResult::ErrorFor(_) => fault(
            Code::WrongArguments,
            "this is nothing that `for` goes through",
            Some("it goes through a list"),
        ),
        EvalAltResult::ErrorArithmetic(said, _) => stopped(format!("this cannot be computed: {said}")),
        EvalAltResult::ErrorDataTooLarge(what, _) => {
            stopped(format!("this grows larger than it may: {what}"))
        }
        EvalAltResult::ErrorTerminated(reason, _) => stopped(reason.to_string()),
        EvalAltResult::ErrorTooManyOperations(_) => stopped("the script runs longer than it may".to_owned()),
        EvalAltResult::ErrorStackOverflow(_) => {
            stopped("functions call each other without an end".to_owned())
        }
        other => stopped(without_place(&other.to_string()).to_owned()),
    }
}

/// An error's words without ` (line 3, position 4)`, which the diagnostic shows.
fn without_place(said: &str) -> &str {
    said.split_once(" (line ").map_or(said, |(said, _)| said)
}

/// `Unknown property 'required' - …`: a verb without its brackets, most likely.
fn unknown_property(said: &str) -> Fault {
    let name = said.split('\'').nth(1).unwrap_or_default();
    match words::homes(name).first() {
        Some(word) => fault(
            Code::WrongArguments,
            format!("the verb `{name}` has no brackets"),
            Some(&format!("it is said so: {}", word.form)),
        ),
        None => Fault {
            code: Code::UnknownVerb,
            message: format!("there is no verb `{name}`"),
            help: suggest::closest(name, words::WORDS.iter().map(|word| word.name)),
        },
    }
}

/// A call that nothing answers, by its signature: `max_len (attr, &str | ImmutableString | String)`.
fn unknown_function(signature: &str, ast: &AST) -> Fault {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let arguments = readable(arguments.trim_end_matches(')'));
    let first = arguments.split(", ").next().unwrap_or_default();
    let receivers = ["resource", "attr", "schema", "define", "plan"];
    let of = if receivers.contains(&first) { first } else { "" };
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let message = format!("`{name}` does not go together with {arguments}");
        let help =
            if name == "&" { "texts are joined by `+`" } else { "is a `;` or a `,` missing before it?" };
        return fault(Code::WrongArguments, message, Some(help));
    }
    if let Some(own) = ast.iter_functions().find(|own| own.name == name) {
        let message = format!("the function `{name}` does not take these values: {arguments}");
        return fault(
            Code::WrongArguments,
            message,
            Some(&format!("it is {name}({})", own.params.join(", "))),
        );
    }
    if let Some(word) = words::find(of, name) {
        let given = match of {
            "" => arguments.as_str(),
            _ => arguments.strip_prefix(of).unwrap_or_default().trim_start_matches(", "),
        };
        let given = if given.is_empty() { "nothing" } else { given };
        let message = format!("`{name}` does not take these values: {given}");
        let quotes = match given {
            given if given.contains("one character") => "a text stands in double quotes; ",
            given if given.contains("function") => "the name of a function stands in quotes; ",
            _ => "",
        };
        return fault(Code::WrongArguments, message, Some(&format!("{quotes}it is said so: {}", word.form)));
    }
    match words::homes(name).first() {
        Some(Word { of: "", form, .. }) => fault(
            Code::MisplacedVerb,
            format!("`{name}` begins a statement of its own, and is chained to none"),
            Some(&format!("end the statement before it with `;`: {form}")),
        ),
        Some(Word { of: home, form, .. }) => {
            let message = match of {
                "" => format!("`{name}` is chained to a statement with `{home}`, and stands here alone"),
                of => format!("`{name}` is said of `{home}`, not of `{of}`"),
            };
            fault(Code::MisplacedVerb, message, Some(&format!("it reads: {home}(…){form}")))
        }
        None => Fault {
            code: Code::UnknownVerb,
            message: format!("there is no verb or function `{name}`"),
            help: closest(of, name, ast),
        },
    }
}

fn closest(of: &str, name: &str, ast: &AST) -> Option<String> {
    if let Some(said) = habits::of_word(name) {
        return Some(said.to_owned());
    } else if let Some(said) = habits::of_method(name).filter(|_| of.is_empty()) {
        return Some(said);
    }
    let own = suggest::closest(name, ast.iter_functions().map(|own| own.name));
    let method = || suggest::closest(name, METHODS.into_iter());
    if of.is_empty() {
        own.or_else(|| words::closest(of, name)).or_else(method)
    } else {
        words::closest(of, name)
    }
}

/// A call's values in an admin's words.
fn readable(arguments: &str) -> String {
    let words = [
        ("&str | ImmutableString | String", "text"),
        ("char", "one character"),
        ("Fn", "function"),
        ("i64", "number"),
        ("f64", "decimal number"),
        ("bool", "true or false"),
        ("rhai::Map", "map"),
        ("map", "map"),
        ("rhai::Array", "array"),
        ("()", "()"),
    ];
    words.iter().fold(arguments.to_owned(), |text, (from, to)| text.replace(from, to))
}

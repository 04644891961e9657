//! The functions of a script, tried on samples when the mapping is loaded: `read(write(x)) == x`, nothing fails where
//! there is no value, and whoever calls something that is not there is told so now and not by the first request.

mod find;
mod place;
mod samples;
mod steps;

use rhai::{EvalAltResult, Position};
use serde_json::{Map, Value as Json};

use super::diagnostic::{Code, Diagnostic};
use super::draft::{Draft, DraftLine, DraftResource};
use super::faults::{self, File};
use super::line::{How, Line, ResourceMapping};
use super::statements::Scan;
use super::{Mapping, script, sense, values};
use crate::scim::schema::Type;
use samples::{Samples, TEXTS, natives_of_any_type, samples};

/// Methods of the script language that change a text or an array in place and give nothing.
const IN_PLACE: [&str; 12] = [
    "make_upper",
    "make_lower",
    "truncate",
    "crop",
    "pad",
    "clear",
    "append",
    "push",
    "insert",
    "reverse",
    "sort",
    "set",
];

/// What a function made of a sample.
enum Tried {
    Gave(Json),
    /// It refuses this value on purpose.
    Refused,
    Failed(Box<EvalAltResult>),
}

/// What is found, of one mapping.
struct Law<'a> {
    mapping: &'a Mapping,
    file: File<'a>,
    scan: Scan<'a>,
    /// Functions of which something is found already: they are not tried.
    broken: Vec<String>,
    found: Vec<Diagnostic>,
}

/// Tries every function that the mapping names, but those of which something is found already.
pub(super) fn examine(mapping: &Mapping, draft: &Draft, broken: Vec<String>) -> Vec<Diagnostic> {
    let file = File { name: &mapping.name, text: &mapping.text };
    let mut law = Law { mapping, file, scan: Scan::of(&mapping.text), broken, found: Vec::new() };
    law.functions(draft);
    for of in &mapping.resources {
        for draft in draft.resources.iter().filter(|draft| draft.name == *of.entity) {
            law.resource(draft, of);
        }
    }
    law.found.sort_by_key(|found| (found.line, found.column));
    law.found.dedup();
    law.found
}

// === impl Law ===

impl Law<'_> {
    fn error(&mut self, code: Code, at: usize, message: String, help: &str) {
        self.found.push(self.file.at_byte(code, at, message).with_help(help));
    }

    fn warn(&mut self, code: Code, at: Position, message: String, help: &str) {
        self.found.push(self.file.at(code, at, message).with_help(help).as_warning());
    }

    /// What can be seen of the functions without a call.
    fn functions(&mut self, draft: &Draft) {
        let names: Vec<String> =
            self.mapping.ast.iter_functions().map(|known| known.name.to_owned()).collect();
        for name in &names {
            let Some(place) = self.scan.function(name) else { continue };
            if let Some(at) = self.scan.method_call(name, place) {
                let message = format!("`{name}` calls itself here, and not the method of that name");
                self.error(Code::CallsItself, at, message, "give the function another name");
                self.broken.push(name.clone());
            }
        }
        let mut named: Vec<&str> = Vec::new();
        for of in &draft.resources {
            named.extend(of.parent.iter().map(|parent| parent.function.as_str()));
            for line in &of.lines {
                named.extend(line.read.iter().chain(&line.write).map(|(name, _)| name.as_str()));
                named.extend(line.find.iter().map(|(_, name, _)| name.as_str()));
            }
        }
        named.sort_unstable();
        named.dedup();
        for name in named {
            let before = self.found.len();
            self.gives_something(name);
            if self.found.len() > before {
                self.broken.push(name.to_owned());
            }
        }
    }

    fn is_broken<'f>(&self, functions: impl IntoIterator<Item = &'f String>) -> bool {
        functions.into_iter().any(|function| self.broken.contains(function))
    }

    fn gives_something(&mut self, name: &str) {
        let Some(place) = self.scan.function(name) else { return };
        if let Some(at) = self.scan.gives_nothing(place.clone()) {
            let message = format!("the function `{name}` gives nothing: `()`");
            let help = "what it is to give is its last expression, without a `;` behind it";
            return self.error(Code::GivesNothing, at, message, help);
        }
        for method in IN_PLACE {
            if let Some(at) = self.scan.last_call(method, place.clone()) {
                let message = format!("`{method}` changes the value in place and gives nothing: `()`");
                let help = "end the function with the value itself, or use a method that gives one, such as `to_upper`";
                self.error(Code::GivesNothing, at, message, help);
            }
        }
    }

    fn resource(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        for line in of.lines.iter().chain(&of.copies) {
            if let Some(said) = draft.said_at(line.conversion.at) {
                self.line(said, line);
            }
        }
        for part in of.collections.iter().flat_map(|collection| &collection.parts) {
            let said = draft.said_at(part.conversion.at);
            if let (Some(said), How::Script { read, write }) = (said, &part.conversion.how)
                && !self.is_broken(read.iter().chain(write))
                && !self.shows(said, part.conversion.kind, read.as_deref(), None)
            {
                self.round(
                    said,
                    part.conversion.kind,
                    part.conversion.case_exact,
                    (read.as_deref(), write.as_deref()),
                    None,
                );
            }
        }
        if let (Some(parent), Some(said)) = (&of.parent, &draft.parent)
            && !self.is_broken([&parent.function])
        {
            let inputs: Vec<String> = parent.inputs.iter().map(|native| native.name.to_string()).collect();
            let before = self.found.len();
            self.over_several(&parent.function, &inputs, said.at);
            if self.found.len() == before {
                self.place(of, parent, said.at);
            }
        }
        self.steps(of);
    }

    fn line(&mut self, said: &DraftLine, line: &Line) {
        let How::Script { read, write } = &line.conversion.how else { return };
        if self.is_broken(read.iter().chain(write)) {
            return;
        }
        let natives: Vec<String> = line.natives.iter().map(|native| native.name.to_string()).collect();
        let several = line.is_composed().then_some(natives.as_slice());
        if let (Some(natives), Some(function), Some((_, at))) = (several, read, &said.read) {
            self.over_several(function, natives, *at);
        }
        let read = read.as_deref().filter(|_| line.readable());
        if self.shows(said, line.conversion.kind, read, several) {
            return;
        }
        self.finds(said, line);
        let write = write.as_deref().filter(|_| line.writable());
        let is_round = line.readable() && line.writable();
        if is_round && (several.is_none() || read.is_some() && write.is_some()) {
            self.round(said, line.conversion.kind, line.conversion.case_exact, (read, write), several);
        } else if let Some((function, (_, at))) = write.zip(said.write.as_ref()) {
            self.alone(function, *at, &samples(&said.path, line.conversion.kind).all);
        } else if let (Some((function, (_, at))), None) = (read.zip(said.read.as_ref()), several) {
            self.alone(function, *at, &natives_of_any_type());
        }
    }

    /// A function for one direction only: it does not fail on all values.
    fn alone(&mut self, function: &str, at: Position, samples: &[Json]) {
        let tried: Vec<Tried> = samples.iter().map(|sample| self.try_on(function, sample)).collect();
        self.fails_on_all(function, at, tried);
    }

    /// `read(write(x)) == x`, on samples.
    fn round(
        &mut self,
        said: &DraftLine,
        kind: Type,
        case_exact: bool,
        (read, write): (Option<&str>, Option<&str>),
        several: Option<&[String]>,
    ) {
        let Samples { all: samples, is_form } = samples(&said.path, kind);
        let at = said.read.as_ref().or(said.write.as_ref()).map_or(said.at, |(_, at)| *at);
        let write_at = said.write.as_ref().map_or(at, |(_, at)| *at);
        if let Some(write) = write {
            let tried: Vec<Tried> = samples.iter().map(|sample| self.try_on(write, sample)).collect();
            let gave = |tried: &&Tried| matches!(tried, Tried::Gave(_));
            let is_empty = |tried: &Tried| matches!(tried, Tried::Gave(Json::Null));
            if tried.iter().any(|tried| gave(&tried)) && tried.iter().filter(gave).all(is_empty) {
                let message =
                    format!("the function `{write}` gave nothing for each value that it was tried with");
                let help = "what it gives is its last expression; `()` clears what stands natively";
                return self.warn(Code::GivesNothing, write_at, message, help);
            }
            let has_all =
                |json: &Json| several.is_none_or(|names| names.iter().all(|name| json.get(name).is_some()));
            if let Some(natives) = several
                && tried.iter().any(|tried| gave(&tried))
                && tried.iter().all(|tried| !matches!(tried, Tried::Gave(json) if has_all(json)))
            {
                let message = format!(
                    "the function `{write}` writes several natives, and gives no map with each of them"
                );
                let entries: Vec<String> = natives.iter().map(|native| format!("{native}: …")).collect();
                let help = format!("its last expression is #{{ {} }}", entries.join(", "));
                let mistake = self.file.at(Code::FunctionFails, write_at, message).with_help(help);
                return self.found.push(mistake);
            }
            let loses = several.is_none() && tried.iter().any(|tried| gave(&tried) && !is_empty(tried));
            if self.fails_on_all(write, write_at, tried) {
                if let (Some(read), None) = (read, several) {
                    self.alone(read, at, &natives_of_any_type());
                }
                return;
            }
            let before = self.found.len();
            self.fails_on_some(write, write_at, &samples);
            if loses && self.found.len() == before && self.clears(write, write_at, &samples, kind) {
                return;
            }
        }
        let Some((read, pairs)) = Some((read, self.passed(&samples, write, read, kind, several))) else {
            return;
        };
        if let Some(read) = read
            && let Some(error) = pairs.failed
            && pairs.rounds.is_empty()
        {
            self.fails_on_all(read, at, vec![Tried::Failed(error)]);
            return;
        }
        let is_kept = |(sent, first, _): &(Json, Json, Json)| alike(sent, first, case_exact);
        let is_steady = |(_, first, second): &(Json, Json, Json)| match (first.as_str(), second.as_str()) {
            (Some(first), Some(second)) if !case_exact => first.to_lowercase() == second.to_lowercase(),
            _ => first == second,
        };
        let unsteady = pairs.rounds.iter().find(|round| !is_steady(round));
        let must_all = is_form || matches!(kind, Type::Boolean);
        let lost = pairs.rounds.iter().find(|round| !is_kept(round));
        let is_lost = if must_all {
            lost.is_some()
        } else {
            !pairs.rounds.is_empty() && !pairs.rounds.iter().any(is_kept)
        };
        if let Some((sent, first, _)) = unsteady.or(lost.filter(|_| is_lost)) {
            let back = if first.is_null() { "nothing".to_owned() } else { first.to_string() };
            let message = format!("what is written is not read back: {sent} comes back as {back}");
            let help = match (read, write) {
                (Some(_), None) => "a function for `.write` is missing, or `.read_only()`",
                (None, Some(_)) => "a function for `.read` is missing, or `.write_only()`",
                _ => "one function must undo what the other does",
            };
            self.warn(Code::NotInverse, at, message, help);
        }
    }

    /// Each sample with what comes back of it, once and twice.
    fn passed(
        &self,
        samples: &[Json],
        write: Option<&str>,
        read: Option<&str>,
        kind: Type,
        several: Option<&[String]>,
    ) -> Passed {
        let mut passed = Passed { rounds: Vec::new(), failed: None };
        let once = |value: &Json| -> Tried {
            let native = match write {
                Some(write) => match self.try_on(write, value) {
                    Tried::Gave(native) => native,
                    other => return other,
                },
                None => match values::to_native(value, kind) {
                    Some(native) => values::plain(&native),
                    None => return Tried::Refused,
                },
            };
            if several.is_none() && native.is_null() {
                return Tried::Gave(Json::Null);
            }
            match read {
                Some(read) => self.try_on(read, &native),
                None => {
                    let value =
                        values::literal(&native).and_then(|native| values::from_native(&native, kind));
                    Tried::Gave(value.unwrap_or(Json::Null))
                }
            }
        };
        for sample in samples {
            let first = match once(sample) {
                Tried::Gave(first) => first,
                Tried::Refused => continue,
                Tried::Failed(error) => {
                    passed.failed.get_or_insert(error);
                    continue;
                }
            };
            let second = match once(&first) {
                // Nothing is not sent again.
                _ if first.is_null() => Json::Null,
                Tried::Gave(second) => second,
                Tried::Refused | Tried::Failed(_) => continue,
            };
            passed.rounds.push((sample.clone(), first, second));
        }
        passed
    }

    /// Says so where no sample came through; a call of what is not there is an error at its place.
    fn fails_on_all(&mut self, function: &str, at: Position, tried: Vec<Tried>) -> bool {
        let is_through = |tried: &Tried| !matches!(tried, Tried::Failed(_));
        if tried.iter().any(is_through) {
            return false;
        }
        let Some(Tried::Failed(error)) = tried.into_iter().next() else { return false };
        match self.certain(&error) {
            Some(mistake) => self.found.push(mistake),
            None => {
                let cause = faults::of_running(self.file, &self.mapping.ast, &error);
                let message = format!(
                    "the function `{function}` fails on each value that it was tried with: {} (line {})",
                    cause.message, cause.line
                );
                let help =
                    "what it cannot take it refuses: throw #{ scimType: \"invalidValue\", detail: \"…\" }";
                self.warn(Code::FunctionFails, at, message, help);
            }
        }
        true
    }

    /// Whether a write function gives nothing for some value that it does not refuse: what stands natively would be gone.
    fn clears(&mut self, write: &str, at: Position, samples: &[Json], kind: Type) -> bool {
        let others = samples::texts_of(kind);
        let gone = samples
            .iter()
            .chain(&others)
            .find(|sample| matches!(self.try_on(write, sample), Tried::Gave(Json::Null)));
        let Some(sample) = gone else { return false };
        let message =
            format!("the function `{write}` gives nothing for {sample}: what stands natively is cleared");
        let help = "give a value in every case (if … { … } else { … }), or refuse: \
                    throw #{ scimType: \"invalidValue\", detail: \"…\" }";
        self.warn(Code::GivesNothing, at, message, help);
        true
    }

    /// Whether a read function gives what the attribute cannot be.
    fn shows(
        &mut self,
        said: &DraftLine,
        kind: Type,
        read: Option<&str>,
        several: Option<&[String]>,
    ) -> bool {
        let (Some(read), Some((_, at))) = (read, &said.read) else { return false };
        let one = |sample: &Json| match several {
            Some(natives) => {
                Json::Object(natives.iter().map(|native| (native.clone(), sample.clone())).collect())
            }
            None => sample.clone(),
        };
        let mut given: Vec<(bool, Json)> = Vec::new();
        for sample in natives_of_any_type() {
            if let Tried::Gave(value) = self.try_on(read, &one(&sample))
                && !value.is_null()
            {
                given.push((sample.is_string(), value));
            }
        }
        let is_wrong = |value: &Json| values::given(value.clone(), kind).is_err();
        let is_bare = |value: &Json| value.is_number() || value.is_boolean();
        let no_value =
            given.iter().find(|(_, value)| (value.is_array() || value.is_object()) && is_wrong(value));
        let all_wrong = given.first().filter(|_| given.iter().all(|(_, value)| is_wrong(value)));
        // Of a text a number is made on purpose where a number is wanted.
        let of_texts: Vec<&(bool, Json)> = given.iter().filter(|(is_text, _)| *is_text).collect();
        let no_text = of_texts.first().copied().filter(|_| {
            let is_texts = matches!(kind, Type::String | Type::Reference | Type::DateTime | Type::Binary);
            is_texts && of_texts.iter().all(|(_, value)| is_bare(value))
        });
        let Some((_, value)) = no_value.or(all_wrong).or(no_text) else { return false };
        let message = format!(
            "the function `{read}` gives {value}, and the attribute is of the type {}",
            sense::name(kind)
        );
        let help = "what it gives is its last expression; a text is put together in backticks: `${row.First} ${row.Last}`";
        self.warn(Code::ValueType, *at, message, help);
        true
    }

    /// A client may send anything of the type: what the function cannot take it is to refuse.
    fn fails_on_some(&mut self, function: &str, at: Position, samples: &[Json]) {
        for sample in samples {
            let Tried::Failed(error) = self.try_on(function, sample) else { continue };
            let cause = faults::of_running(self.file, &self.mapping.ast, &error);
            let message = format!(
                "the function `{function}` fails on {sample}: {} (line {})",
                cause.message, cause.line
            );
            let help = "what it cannot take it refuses: throw #{ scimType: \"invalidValue\", detail: \"…\" }";
            return self.warn(Code::FunctionFails, at, message, help);
        }
    }

    /// A failure that no value would mend.
    fn certain(&self, error: &EvalAltResult) -> Option<Diagnostic> {
        let is_certain = match error.unwrap_inner() {
            EvalAltResult::ErrorFunctionNotFound(signature, _) => signature.starts_with(char::is_alphabetic),
            EvalAltResult::ErrorPropertyNotFound(..) | EvalAltResult::ErrorVariableNotFound(..) => true,
            _ => false,
        };
        is_certain.then(|| faults::of_running(self.file, &self.mapping.ast, error))
    }

    /// A function that gets a map: it reads what is in it, and does not fail where something is absent.
    fn over_several(&mut self, function: &str, natives: &[String], at: Position) {
        let map = |absent: Option<&String>, sample: &Json| -> Json {
            let value = |native: &String| if absent == Some(native) { Json::Null } else { sample.clone() };
            Json::Object(natives.iter().map(|native| (native.clone(), value(native))).collect::<Map<_, _>>())
        };
        let mut all: Vec<Json> = vec![TEXTS[3].into()];
        all.extend(natives_of_any_type());
        let mut failed = Vec::new();
        let works = all.iter().find(|sample| match self.try_on(function, &map(None, sample)) {
            Tried::Failed(error) => {
                failed.push(Tried::Failed(error));
                false
            }
            _ => true,
        });
        let Some(sample) = works else {
            self.misread(function, natives, at, failed);
            return;
        };
        let nothing = (None, map(None, &Json::Null));
        let absences = natives.iter().map(|native| (Some(native), map(Some(native), sample)));
        for (native, values) in absences.chain([nothing]) {
            let Tried::Failed(error) = self.try_on(function, &values) else { continue };
            let cause = faults::of_running(self.file, &self.mapping.ast, &error);
            let which = native
                .map_or("nothing at all is there".to_owned(), |native| format!("`{native}` has no value"));
            let message = format!("the function `{function}` fails here where {which}");
            let help = "ask first: if row.Column == () { … } else { … }";
            let place = if cause.line > 0 { error.unwrap_inner().position() } else { at };
            return self.warn(Code::FailsOnAbsent, place, message, help);
        }
    }

    /// A function over several natives that fails on all samples: most likely it reads what is not in the map.
    fn misread(&mut self, function: &str, natives: &[String], at: Position, mut failed: Vec<Tried>) {
        let first = failed.drain(..).next();
        if let Some(Tried::Failed(error)) = &first
            && let EvalAltResult::ErrorPropertyNotFound(name, position) = error.unwrap_inner()
        {
            let message = format!("`{function}` gets no `{name}`: it is called with {}", natives.join(", "));
            let help = super::suggest::closest(name, natives.iter().map(String::as_str));
            let mistake = self.file.at(Code::UnknownNative, *position, message);
            self.found.push(match help {
                Some(help) => mistake.with_help(help),
                None => mistake,
            });
            return;
        }
        self.fails_on_all(function, at, first.into_iter().collect());
    }

    fn try_on(&self, function: &str, value: &Json) -> Tried {
        let arguments = (script::to_script(value),);
        match script::try_call(&self.mapping.engine, &self.mapping.ast, function, arguments) {
            Ok(given) => {
                let is_nothing = given.is_unit();
                match script::from_script(given) {
                    Some(json) => Tried::Gave(json),
                    None if is_nothing => Tried::Gave(Json::Null),
                    None => Tried::Refused,
                }
            }
            Err(error) if script::thrown(&error).is_some() => Tried::Refused,
            Err(error) => Tried::Failed(error),
        }
    }
}

/// What came back of samples: each as it was sent, as it came back, and as that came back.
struct Passed {
    rounds: Vec<(Json, Json, Json)>,
    failed: Option<Box<EvalAltResult>>,
}

/// Whether a value came back: letters' case counts only where the attribute says so, and signs and blanks may be set
/// anew (a telephone number).
fn alike(a: &Json, b: &Json, case_exact: bool) -> bool {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => {
            let bare = |text: &str| -> String {
                let kept = text.chars().filter(|c| c.is_alphanumeric());
                if case_exact { kept.collect() } else { kept.flat_map(char::to_lowercase).collect() }
            };
            bare(a) == bare(b)
        }
        _ => a == b || a.as_f64().is_some_and(|number| Some(number) == b.as_f64()),
    }
}

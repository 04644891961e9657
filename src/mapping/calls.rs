//! Whether what the script's functions call is there, in all branches: their own functions, the language's methods and
//! the verbs. By name and number of values; what types they have is known only when they run.

use std::collections::{BTreeMap, BTreeSet};

use rhai::Engine;

use super::bodies::{Body, Call};
use super::diagnostic::{Code, Diagnostic};
use super::faults::{self, File};
use super::words::{self, Word};
use super::{habits, suggest};

/// What the language itself knows, whatever is registered.
const BUILT_IN: [&str; 9] =
    ["print", "debug", "type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn"];

/// What can be called: names, each with the numbers of values that it takes. A method's first is what it is called on.
pub(super) struct Known(BTreeMap<String, BTreeSet<usize>>);

// === impl Known ===

impl Known {
    pub(super) fn of(engine: &Engine) -> Self {
        let mut known: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let all = engine.collect_fn_metadata(
            None,
            |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
            true,
        );
        for (name, takes) in all {
            known.entry(name).or_default().insert(takes);
        }
        Self(known)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
    }
}

/// Calls of what is not there, each with the function that it stands in. `later` is what can be called when a function
/// runs for a request, `loading` what can be while the mapping is loaded; `later_on` are the functions of the first
/// kind.
pub(super) fn check<'b>(
    file: File<'_>,
    bodies: &'b [Body],
    (later, loading): (&Known, &Known),
    later_on: &BTreeSet<&str>,
) -> Vec<(&'b str, Diagnostic)> {
    let own: BTreeSet<(&str, usize)> =
        bodies.iter().map(|own| (own.name.as_str(), own.params.len())).collect();
    let mut found = Vec::new();
    for body in bodies {
        let runs_later = later_on.contains(body.name.as_str());
        for call in &body.calls {
            let takes = call.given.len() + usize::from(call.is_method);
            let answers = |known: &Known| known.0.get(&call.name).is_some_and(|all| all.contains(&takes));
            let is_variable = || body.params.iter().chain(&body.declared).any(|name| *name == call.name);
            let is_own = || own.contains(&(call.name.as_str(), call.given.len()));
            let is_there = answers(later) || answers(loading) && !runs_later;
            if is_there || is_own() || is_variable() || BUILT_IN.contains(&call.name.as_str()) {
                continue;
            }
            found.push((body.name.as_str(), fault(file, bodies, call, later)));
        }
    }
    found
}

fn fault(file: File<'_>, bodies: &[Body], call: &Call, later: &Known) -> Diagnostic {
    let name = &call.name;
    if let Some(own) = bodies.iter().find(|own| own.name == *name) {
        let message = format!("the function `{name}` takes {}, not {}", own.params.len(), call.given.len());
        let help = format!("it is {name}({})", own.params.join(", "));
        return file.at(Code::WrongArguments, call.at, message).with_help(help);
    }
    if let Some(takes) = later.0.get(name) {
        let receiver = usize::from(call.is_method);
        let takes: BTreeSet<String> =
            takes.iter().map(|takes| takes.saturating_sub(receiver).to_string()).collect();
        let takes: Vec<String> = takes.into_iter().collect();
        let message = format!(
            "`{name}` does not take this number of values: {}, in place of {}",
            call.given.len(),
            takes.join(" or ")
        );
        return file.at(Code::WrongArguments, call.at, message);
    }
    if let Some(Word { form, .. }) = words::homes(name).into_iter().find(|word| word.of != "plan") {
        let message = format!(
            "`{name}` is said when the mapping is loaded, and not by a function that runs for a request"
        );
        return file.at(Code::MisplacedVerb, call.at, message).with_help(format!("it reads: {form}"));
    }
    let message = format!("there is no verb or function `{name}`");
    let mistake = file.at(Code::UnknownVerb, call.at, message);
    let help = habits::of_method(name).or_else(|| match call.is_method {
        true => suggest::closest(name, faults::METHODS.into_iter())
            .or_else(|| suggest::closest(name, later.names())),
        false => suggest::closest(name, bodies.iter().map(|own| own.name.as_str()))
            .or_else(|| suggest::closest(name, later.names())),
    });
    match help {
        Some(help) => mistake.with_help(help),
        None => mistake,
    }
}

/// These functions, and all that they call.
pub(super) fn reached<'b>(bodies: &'b [Body], from: impl Iterator<Item = &'b str>) -> BTreeSet<&'b str> {
    let own: BTreeMap<&str, &Body> = bodies.iter().map(|body| (body.name.as_str(), body)).collect();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = from.collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            let calls = own.get(name).into_iter().flat_map(|body| &body.calls);
            open.extend(calls.map(|call| call.name.as_str()));
        }
    }
    reached
}

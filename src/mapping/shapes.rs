//! What the functions read of the rows that they are given, and say of a plan, in all branches: a misspelt column and a
//! step that cannot be so are found though no sample comes there. A value whose kind is not known is left alone.

use std::collections::{BTreeMap, BTreeSet};

use super::bodies::{Body, Call, Given};
use super::diagnostic::{Code, Diagnostic};
use super::faults::File;
use super::{sql_text, suggest, words};

/// What a parameter is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A map of natives.
    Row(BTreeSet<String>),
    Plan,
    Any,
}

/// What the parameters of functions are.
#[derive(Default)]
pub(super) struct Shapes(BTreeMap<String, Vec<Option<Shape>>>);

// === impl Shapes ===

impl Shapes {
    /// Says what a function is called with.
    pub(super) fn say(&mut self, function: &str, given: &[Shape]) {
        let known = self.0.entry(function.to_owned()).or_default();
        known.resize(known.len().max(given.len()), None);
        for (known, given) in known.iter_mut().zip(given) {
            *known = Some(match (known.take(), given) {
                (None, given) => given.clone(),
                (Some(Shape::Row(known)), Shape::Row(given)) => {
                    Shape::Row(known.union(given).cloned().collect())
                }
                (Some(Shape::Plan), Shape::Plan) => Shape::Plan,
                _ => Shape::Any,
            });
        }
    }

    fn of(&self, body: &Body, variable: &str) -> Shape {
        let is_it = |param: &String| param == variable;
        let known = self.0.get(&body.name);
        match body.params.iter().position(is_it).filter(|_| !body.declared.iter().any(is_it)) {
            Some(at) => known.and_then(|known| known.get(at).cloned().flatten()).unwrap_or(Shape::Any),
            None => Shape::Any,
        }
    }

    /// What is handed on to other functions is the same there.
    pub(super) fn hand_on(&mut self, bodies: &[Body]) {
        const DEPTH: usize = 4;
        let own: BTreeSet<&str> = bodies.iter().map(|body| body.name.as_str()).collect();
        for _ in 0..DEPTH {
            for body in bodies {
                // What nobody calls for a request says nothing.
                if !self.0.contains_key(&body.name) {
                    continue;
                }
                for call in body.calls.iter().filter(|call| own.contains(call.name.as_str())) {
                    let shape = |given: &Given| match given {
                        Given::Variable(name) => self.of(body, name),
                        _ => Shape::Any,
                    };
                    let given: Vec<Shape> = call.given.iter().map(shape).collect();
                    self.say(&call.name, &given);
                }
            }
        }
    }

    /// The mistakes, each with the function that it stands in.
    pub(super) fn check<'b>(&self, file: File<'_>, bodies: &'b [Body]) -> Vec<(&'b str, Diagnostic)> {
        let mut found = Vec::new();
        for body in bodies.iter().filter(|body| self.0.contains_key(&body.name)) {
            let properties = body.properties.iter().filter_map(|property| {
                let (name, at) = (property.name.as_str(), property.at);
                match self.of(body, &property.of) {
                    Shape::Row(natives) if !natives.contains(name) => {
                        let is_set = body.properties.iter().any(|other| other.is_set && other.name == name);
                        (!is_set).then(|| unknown_native(file, at, &property.of, name, &natives))
                    }
                    Shape::Plan if name != "resource" || property.is_set => Some(of_plan(file, at, name)),
                    _ => None,
                }
            });
            let steps = body.calls.iter().filter_map(|call| {
                let is_plan = call.on.as_ref().is_some_and(|on| self.of(body, on) == Shape::Plan);
                is_plan.then(|| step(file, call)).flatten()
            });
            found.extend(properties.chain(steps).map(|mistake| (body.name.as_str(), mistake)));
        }
        found
    }

    /// The calls of procedures.
    pub(super) fn procedures<'b>(&self, bodies: &'b [Body]) -> Vec<&'b Call> {
        let of_body = |body: &'b Body| body.calls.iter().map(move |call| (body, call));
        let is_it = |(body, call): &(&Body, &Call)| {
            let on_plan = call.on.as_ref().is_some_and(|on| self.of(body, on) == Shape::Plan);
            on_plan && call.name == "exec"
        };
        bodies.iter().flat_map(of_body).filter(is_it).map(|(_, call)| call).collect()
    }
}

fn unknown_native(
    file: File<'_>,
    at: rhai::Position,
    row: &str,
    name: &str,
    natives: &BTreeSet<String>,
) -> Diagnostic {
    const SHOWN: usize = 12;
    let shown: Vec<&str> = natives.iter().take(SHOWN).map(String::as_str).collect();
    let more = if natives.len() > SHOWN { ", …" } else { "" };
    let message = format!("`{row}` has no `{name}`: it holds {}{more}", shown.join(", "));
    let mistake = file.at(Code::UnknownNative, at, message);
    match suggest::closest(name, natives.iter().map(String::as_str)) {
        Some(help) => mistake.with_help(help),
        None => mistake,
    }
}

/// A property of a plan: it has one, and the others are verbs.
fn of_plan(file: File<'_>, at: rhai::Position, name: &str) -> Diagnostic {
    if name == "resource" {
        return file.at(
            Code::WrongArguments,
            at,
            "`plan.resource` is the type's name, and cannot be changed",
        );
    }
    match words::find("plan", name) {
        Some(word) => file
            .at(Code::WrongArguments, at, format!("the verb `{name}` has no brackets"))
            .with_help(format!("it is said so: {}", word.form)),
        None => {
            let verbs = words::WORDS.iter().filter(|word| word.of == "plan").map(|word| word.name);
            let help = suggest::closest(name, verbs.chain(["resource"]));
            let help = help.unwrap_or_else(|| {
                "a plan has `resource`, and the verbs `statement`, `exec`, `modify` and `id`".to_owned()
            });
            file.at(Code::UnknownVerb, at, format!("a plan has no `{name}`")).with_help(help)
        }
    }
}

/// A step whose text says already that it cannot be.
fn step(file: File<'_>, call: &Call) -> Option<Diagnostic> {
    let fault = match (call.name.as_str(), call.given.first()?) {
        ("statement", Given::Joined) => Some((PUT_TOGETHER.to_owned(), VALUES_APART)),
        ("statement", Given::Text(text)) => {
            let values = call.given.get(1).and_then(|given| match given {
                Given::Items(items) => Some(*items),
                _ => None,
            });
            sql_text::fault(text, values)
        }
        ("exec", Given::Text(name)) => sql_text::procedure(name).or_else(|| parameter(call.given.get(1)?)),
        _ => None,
    };
    fault.map(|(message, help)| file.at(Code::Step, call.at, message).with_help(help))
}

/// What is said of a text that is put together.
pub(super) const PUT_TOGETHER: &str = "the text of a statement stands in the mapping as it is sent, in one literal; values go \
                           into the list of parameters, a `?` for each";
const VALUES_APART: &str = "plan.statement(\"INSERT INTO Log (Who) VALUES (?)\", [row.Login])";

/// A procedure's parameter whose name cannot be one.
fn parameter(given: &Given) -> Option<(String, &'static str)> {
    let Given::Keys(names) = given else { return None };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | '$');
    let odd = names.iter().find(|name| name.is_empty() || !name.chars().all(is_name))?;
    let help = "it stands without its `@`: #{ login: row.login }";
    Some((format!("{odd:?} is no name of a parameter"), help))
}

//! The script's functions as a text: what they call, what they read and what they say of a plan, in all branches, so that
//! a misspelt name is found though no sample comes there. What they do with values is `law`'s business.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::Mapping;
use super::bodies::{self, Body};
use super::calls::{self, Known};
use super::diagnostic::{Code, Diagnostic, Severity};
use super::draft::Draft;
use super::faults::File;
use super::hooks::HOOKS;
use super::line::{How, ResourceMapping};
use super::roles;
use super::shapes::{Shape, Shapes};
use super::statements::Scan;

/// What is found in functions.
pub(super) struct Findings {
    pub mistakes: Vec<Diagnostic>,
    /// What only SQL Server has.
    pub beyond_sqlite: Vec<Diagnostic>,
    /// The functions in which, or in what they call, something is found: to try them tells nothing more.
    pub broken: Vec<String>,
}

/// Looks at all functions of a mapping; `loading` is what can be called while it is loaded.
pub(super) fn examine(mapping: &Mapping, draft: &Draft, loading: &Known) -> Findings {
    let file = File { name: &mapping.name, text: &mapping.text };
    let scan = Scan::of(&mapping.text);
    let bodies = bodies::of(&mapping.text, &scan, &mapping.ast);
    let named = named(draft);
    let hooks = HOOKS.iter().map(|(hook, _)| *hook);
    let later_on = calls::reached(&bodies, hooks.chain(named.iter().copied()));
    let shapes = shapes(mapping, draft, &bodies, &named);

    let later = Known::of(&mapping.engine);
    let mut found = calls::check(file, &bodies, (&later, loading), &later_on);
    found.extend(shapes.check(file, &bodies));
    let results = bodies.iter().filter(|body| named.contains(body.name.as_str()));
    found.extend(results.filter_map(|body| {
        let message =
            format!("the function `{}` ends by setting a variable, and gives nothing: `()`", body.name);
        let mistake = file.at(Code::GivesNothing, body.assigned_last?, message);
        Some((
            body.name.as_str(),
            mistake.with_help("to compare is `==`; what it is to give is its last expression"),
        ))
    }));

    let broken: BTreeSet<&str> = found.iter().map(|(function, _)| *function).collect();
    let is_broken = |name: &str| {
        calls::reached(&bodies, std::iter::once(name)).iter().any(|called| broken.contains(called))
    };
    let names = bodies.iter().map(|body| body.name.as_str());
    let broken_ones = if broken.is_empty() {
        Vec::new()
    } else {
        names.filter(|name| is_broken(name)).map(str::to_owned).collect()
    };
    let mut mistakes: Vec<Diagnostic> = found.into_iter().map(|(_, mistake)| mistake).collect();
    mistakes.extend(roles::check(file, &bodies, &used(&mapping.text, &bodies)));
    Findings { mistakes, beyond_sqlite: procedures(file, &shapes, &bodies), broken: broken_ones }
}

/// Calls of procedures, which SQLite has not.
fn procedures(file: File<'_>, shapes: &Shapes, bodies: &[Body]) -> Vec<Diagnostic> {
    let said = shapes.procedures(bodies).into_iter().map(|call| {
        let message = "SQLite has no procedures: `plan.exec` cannot be done there";
        let said = file
            .at(Code::BeyondSqlite, call.at, message)
            .with_help("say what it does by `plan.statement(…)`");
        Diagnostic { severity: Severity::Error, ..said }
    });
    said.collect()
}

/// The functions that lines and places name.
fn named(draft: &Draft) -> BTreeSet<&str> {
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for of in &draft.resources {
        named.extend(of.parent.iter().map(|parent| parent.function.as_str()));
        for line in &of.lines {
            named.extend(line.read.iter().chain(&line.write).map(|(name, _)| name.as_str()));
            named.extend(line.find.iter().map(|(_, name, _)| name.as_str()));
        }
    }
    named
}

/// The functions whose name stands elsewhere than where they are defined.
fn used<'b>(text: &str, bodies: &'b [Body]) -> BTreeSet<&'b str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut once: BTreeSet<&str> = BTreeSet::new();
    let again: BTreeSet<&str> = text.split(|c| !is_word(c)).filter(|word| !once.insert(word)).collect();
    bodies.iter().map(|body| body.name.as_str()).filter(|name| again.contains(name)).collect()
}

/// What each function's parameters are.
fn shapes(mapping: &Mapping, draft: &Draft, bodies: &[Body], named: &BTreeSet<&str>) -> Shapes {
    let mut shapes = Shapes::default();
    let natives = |of: &ResourceMapping| mapping.natives_of_row(of);
    let row = Shape::Row(mapping.resources.iter().flat_map(natives).collect());
    for (hook, takes) in HOOKS.into_iter().filter(|(hook, _)| roles::takes_its_own(bodies, hook)) {
        let mut given = vec![row.clone(); takes - 1];
        given.push(Shape::Plan);
        shapes.say(hook, &given);
    }
    let row_of = |names: &mut dyn Iterator<Item = String>| Shape::Row(names.collect());
    let mut several: BTreeSet<&str> = BTreeSet::new();
    for of in &mapping.resources {
        if let Some(parent) = &of.parent {
            let mut names = parent.inputs.iter().map(|native| native.name.to_string());
            shapes.say(&parent.function, &[row_of(&mut names)]);
            several.insert(&parent.function);
        }
        for line in of.lines.iter().chain(&of.copies).filter(|line| line.is_composed()) {
            if let How::Script { read: Some(read), .. } = &line.conversion.how {
                let mut names = line.natives.iter().map(|native| native.name.to_string());
                shapes.say(read, &[row_of(&mut names)]);
                several.insert(read);
            }
        }
    }
    // What gets one value besides is none of a row's only.
    for of in &draft.resources {
        for line in &of.lines {
            let writes = line.write.iter().map(|(name, _)| name);
            let reads = line.read.iter().filter(|_| line.natives.len() < 2).map(|(name, _)| name);
            let finds = line.find.iter().map(|(_, name, _)| name);
            for name in writes.chain(reads).chain(finds).filter(|name| several.contains(name.as_str())) {
                shapes.say(name, &[Shape::Any]);
            }
        }
    }
    for name in named.iter().filter(|name| !several.contains(**name)) {
        shapes.say(name, &[Shape::Any, Shape::Any, Shape::Any]);
    }
    shapes.hand_on(bodies);
    shapes
}

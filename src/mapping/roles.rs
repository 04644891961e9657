//! Functions that Gantry calls by their name: that they have that name, and take what they are called with.

use std::collections::BTreeSet;

use super::bodies::Body;
use super::diagnostic::{Code, Diagnostic};
use super::faults::File;
use super::hooks::HOOKS;
use super::suggest;

/// How each is written.
pub(super) fn form(hook: &str) -> String {
    let parameters = if hook == "plan_update" { "before, after, plan" } else { "row, plan" };
    format!("{hook}({parameters})")
}

/// Hooks that nobody would call, because they have another name, or take other parameters. `used` are the functions that
/// the mapping names or other functions call.
pub(super) fn check(file: File<'_>, bodies: &[Body], used: &BTreeSet<&str>) -> Vec<Diagnostic> {
    bodies.iter().filter_map(|body| of_body(file, bodies, body, used)).collect()
}

fn of_body(file: File<'_>, bodies: &[Body], body: &Body, used: &BTreeSet<&str>) -> Option<Diagnostic> {
    let name = body.name.as_str();
    if HOOKS.iter().any(|(hook, _)| *hook == name) {
        return parameters(file, body);
    }
    if used.contains(name) {
        return None;
    }
    let meant = meant(body).filter(|meant| bodies.iter().all(|other| other.name != *meant))?;
    let message = format!("nobody calls the function `{name}`");
    let help = format!("did you mean `{meant}`? What writes steps is {}", form(meant));
    Some(file.at_byte(Code::NeverCalled, body.start, message).with_help(help))
}

/// Whether this hook takes what it is called with, so that its parameters are what their places say.
pub(super) fn takes_its_own(bodies: &[Body], hook: &str) -> bool {
    bodies.iter().filter(|body| body.name == hook).all(|body| misfit(body).is_none())
}

fn parameters(file: File<'_>, body: &Body) -> Option<Diagnostic> {
    let message = format!("{} `{}`", misfit(body)?, form(&body.name));
    Some(file.at_byte(Code::HookParameters, body.start, message))
}

/// How it takes something else than it is called with.
fn misfit(body: &Body) -> Option<&'static str> {
    let takes = HOOKS.iter().find(|(hook, _)| *hook == body.name).map_or(0, |(_, takes)| *takes);
    if body.params.len() != takes {
        return Some("this function is");
    }
    let names: &[&str] = if takes == 3 { &["before", "after", "plan"] } else { &["row", "plan"] };
    let is_swapped = body.params.iter().enumerate().any(|(at, param)| {
        names.iter().position(|name| name == param).is_some_and(|position| position != at)
    });
    is_swapped.then_some("the parameters stand in another order: this function is")
}

/// The hook that a function was most likely meant to be.
fn meant(body: &Body) -> Option<&'static str> {
    let name = body.name.to_ascii_lowercase();
    let names = || HOOKS.iter().map(|(hook, _)| *hook);
    let looks_so = ["plan", "on_", "before_", "after_", "hook"].iter().any(|start| name.starts_with(start));
    let has_plan = body.params.last().is_some_and(|param| param == "plan");
    let is_near = suggest::closest(&name, names()).is_some() && name.contains("plan");
    if !looks_so && !has_plan && !is_near {
        return None;
    }
    const WORDS: [(&str, &[&str]); 3] = [
        ("plan_create", &["create", "creat", "insert", "add", "new"]),
        ("plan_update", &["update", "updat", "modify", "change", "replace", "patch"]),
        ("plan_delete", &["delete", "delet", "remove"]),
    ];
    let said = WORDS.iter().find(|(_, words)| words.iter().any(|word| name.contains(word)));
    let said = said.map(|(hook, _)| *hook);
    said.or_else(|| {
        let near = suggest::closest(&name, names())?;
        names().find(|hook| near.contains(hook))
    })
}

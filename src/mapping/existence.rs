//! Which rows and entries exist for SCIM (`only`), and how one ends (`on_delete`). Both belong together: what DELETE
//! leaves behind must be among what does not exist any more (RFC 7644 §3.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::build::Builder;
use super::codes::Pattern;
use super::diagnostic::Code;
use super::dn;
use super::draft::{DraftDelete, DraftResource, Given};
use super::line::{Generated, How, ResourceMapping};
use super::values;
use crate::plan::{DeleteRule, Disable, Disabled, Move, Native, OnDelete, Predicate, Row, Value};
use crate::scim::path::AttrPath;

/// What `.only(…)` says of the resource's own row or entry.
pub(super) fn only(builder: &mut Builder<'_>, draft: &DraftResource, of: &ResourceMapping) -> Predicate {
    let Some((_, at)) = &draft.only else { return Predicate::All };
    let patterns = patterns(draft, of);
    for (native, _) in patterns.iter().filter(|(native, _)| native.part.is_none()) {
        if native.name.contains('.') && of.is_entry {
            builder.wrong(
                Code::UnknownPlace,
                *at,
                format!("`only` is about the resource's own entry, not about `{native}`"),
            );
        } else if native.name.contains('.') {
            builder.no_place(draft, of, &native.name, *at);
        }
    }
    predicate(patterns.iter().filter(|(native, _)| native.part.is_none()))
}

/// What it says of the rows of a part, a look-up or a child table; the natives are that table's own.
pub(super) fn only_of(draft: &DraftResource, of: &ResourceMapping, place: &str) -> Predicate {
    let patterns =
        patterns(draft, of).into_iter().filter(|(native, _)| native.part.as_deref() == Some(place));
    let own: Vec<_> = patterns.map(|(native, pattern)| (Native::own(native.name), pattern)).collect();
    predicate(own.iter())
}

fn predicate<'a>(patterns: impl Iterator<Item = &'a (Native, Pattern)>) -> Predicate {
    patterns.fold(Predicate::All, |all, (native, pattern)| all.and(pattern.predicate(native)))
}

/// The literal values of `.only(…)`, which a new resource gets where nothing else gives one.
pub(super) fn literals(draft: &DraftResource, of: &ResourceMapping) -> Vec<(Native, Generated)> {
    let said = patterns(draft, of).into_iter().filter_map(|(native, pattern)| match pattern {
        Pattern::Is(value) => Some((native, Generated::Literal(value))),
        _ => None,
    });
    // Rows of child tables and of look-ups get them whenever one is inserted.
    let is_one = |native: &Native| {
        native.part.as_ref().is_none_or(|part| draft.parts.iter().any(|known| *known.alias == **part))
    };
    said.filter(|(native, _)| is_one(native)).collect()
}

/// The literal values that a new row of a look-up or a child table gets.
pub(super) fn literals_of(draft: &DraftResource, of: &ResourceMapping, place: &str) -> Row {
    let said = patterns(draft, of).into_iter().filter(|(native, _)| native.part.as_deref() == Some(place));
    let literal = |(native, pattern): (Native, Pattern)| match pattern {
        Pattern::Is(value) => Some((native.name, value)),
        _ => None,
    };
    said.filter_map(literal).collect()
}

fn patterns(draft: &DraftResource, of: &ResourceMapping) -> Vec<(Native, Pattern)> {
    let native = |name: &str| match draft.place_of(of, name).filter(|_| !of.is_entry) {
        Some((place, column)) => Native::of(place, column),
        None => Native::own(name),
    };
    let said = draft.only.iter().flat_map(|(patterns, _)| patterns);
    said.map(|(name, pattern)| (native(name), super::build::code(pattern))).collect()
}

/// The rules of DELETE, in order.
pub(super) fn on_delete(
    builder: &mut Builder<'_>,
    draft: &DraftResource,
    of: &ResourceMapping,
) -> Vec<DeleteRule> {
    if draft.on_delete.is_empty() {
        builder.wrong(
            Code::DeletionUnsaid,
            draft.at,
            "say what DELETE does: `.on_delete(\"delete\")` or `.on_delete(\"refuse\")`",
        );
    }
    let rules: Vec<DeleteRule> =
        draft.on_delete.iter().filter_map(|rule| delete_rule(builder, rule, of)).collect();
    reached(builder, draft);
    for (rule, said) in rules.iter().zip(&draft.on_delete) {
        builder.check_end(draft, &rule.how, said.at);
        if let OnDelete::Disable(disable) = &rule.how
            && !hides(disable, &patterns(draft, of))
        {
            let help = "say `.only(#{ … })` of the resource, so that what `on_delete` writes is not among it";
            builder.warn(
                Code::StaysVisible,
                said.at,
                "a deleted resource stays visible: what DELETE writes hides it from nobody",
                help,
            );
        }
        if let OnDelete::Move(to) = &rule.how
            && let (Some(base), Some(place)) = (draft.base.as_deref().and_then(dn::rdns), dn::rdns(&to.to))
            && dn::is_within(&place, &base)
            && !hides(&ends(&to.disabled), &patterns(draft, of))
        {
            let message = "a deleted resource stays visible: this place is below the resource's own base";
            let help = "leavers go to a place that no `.base(…)` reaches";
            builder.warn(Code::StaysVisible, said.at, message, help);
        }
    }
    rules
}

/// That no rule stands behind one for all rows, and that each says which rows it is for.
fn reached(builder: &mut Builder<'_>, draft: &DraftResource) {
    let is_for_all = |rule: &DraftDelete| rule.rows.is_empty() && (rule.to.is_none() || rule.how == "move");
    let for_all = draft.on_delete.iter().position(is_for_all);
    for rule in draft.on_delete.iter().skip(for_all.map_or(usize::MAX, |at| at.saturating_add(1))) {
        let message = format!(
            "this rule is never reached: the first that fits decides, and one before it is for every {}",
            draft.name
        );
        let help = "the rules for some come first, the one for all others last".to_owned();
        builder.wrong_with_help(Code::DeletionRule, rule.at, message, Some(help));
    }
    for rule in &draft.on_delete {
        if let Some((name, _)) = rule.rows.iter().find(|(_, value)| value.is_null()) {
            let message = format!("a rule is for those that have a value, and `()` of `{name}` is none");
            builder.wrong(Code::DeletionRule, rule.at, message);
        }
    }
}

/// What ends an account and nothing else.
fn ends(account: &[(Native, Disabled)]) -> Disable {
    Disable { account: account.to_vec(), values: Row::new(), moments: Vec::new() }
}

fn delete_rule(builder: &mut Builder<'_>, rule: &DraftDelete, of: &ResourceMapping) -> Option<DeleteRule> {
    let mut names = rule.rows.iter().map(|(name, _)| name).chain(rule.values.iter().map(|(name, _)| name));
    if let Some(name) = names.find(|name| name.contains('.') && !of.is_entry) {
        builder.wrong(
            Code::DeletionRule,
            rule.at,
            format!("`on_delete` is about the resource's own row, not about `{name}`"),
        );
    }
    let how = match (rule.how.as_str(), &rule.to) {
        ("delete" | "refuse", Some(_)) => {
            builder.wrong(
                Code::DeletionRule,
                rule.at,
                format!("`on_delete({:?}, …)` has no place to go to", rule.how),
            );
            return None;
        }
        ("delete", None) => OnDelete::Delete,
        ("refuse", None) => OnDelete::Refuse,
        ("disable", None) => {
            let (values, moments) = written(builder, rule);
            let disable = Disable { account: of.disabled(), values, moments };
            if disable.account.is_empty() && rule.values.is_empty() {
                let help = "map `active` by `.values([[\"A\", true], [\"T\", false]])`, or say what is written: \
                            `.on_delete(\"disable\", #{ Column: value })`";
                builder.wrong_with_help(
                    Code::DeletionRule,
                    rule.at,
                    "nothing says how a resource is disabled",
                    Some(help.to_owned()),
                );
                return None;
            }
            OnDelete::Disable(disable)
        }
        ("move", Some(to)) if of.is_entry => OnDelete::Move(Move { to: to.clone(), disabled: of.disabled() }),
        ("move", _) => {
            builder.wrong(
                Code::DeletionRule,
                rule.at,
                "an entry is moved to a DN: `.on_delete(\"move\", \"ou=leavers,…\")`",
            );
            return None;
        }
        ("disable", Some(_)) => {
            builder.wrong(
                Code::DeletionRule,
                rule.at,
                "`on_delete(\"disable\", …)` takes what is written: #{ Column: value }",
            );
            return None;
        }
        (other, _) => {
            builder.wrong(
                Code::UnknownWord,
                rule.at,
                format!("`on_delete` knows delete, disable, move and refuse, not {other:?}"),
            );
            return None;
        }
    };
    Some(DeleteRule { rows: row(&rule.rows), how })
}

fn row(said: &[(String, Json)]) -> Row {
    said.iter().filter_map(|(name, value)| Some((name.as_str().into(), values::literal(value)?))).collect()
}

/// What DELETE writes to a row or an entry that stays: the values, and what gets the instant.
fn written(builder: &mut Builder<'_>, rule: &DraftDelete) -> (Row, Vec<Arc<str>>) {
    let (mut row, mut moments) = (Row::new(), Vec::new());
    for (name, given) in &rule.values {
        let value = match given {
            Given::Now => {
                moments.push(name.as_str().into());
                continue;
            }
            Given::Today => Some(Value::Today),
            Given::Literal(value) => values::literal(value),
            Given::Uuid | Given::Counter(..) | Given::Sequence(_) => None,
        };
        match value {
            Some(value) => drop(row.insert(name.as_str().into(), value)),
            None => {
                let message = format!("DELETE writes a literal, `now()` or `today()` to `{name}`");
                builder.wrong(Code::DeletionRule, rule.at, message);
            }
        }
    }
    (row, moments)
}

/// Whether what is written makes of a row or an entry one that does not exist for SCIM.
fn hides(disable: &Disable, only: &[(Native, Pattern)]) -> bool {
    let account = disable.account.iter().map(|(native, disabled)| {
        let value = match disabled {
            Disabled::Value(value) => value.clone(),
            Disabled::Bits { set, .. } => Some(Value::Integer(*set)),
        };
        (native.clone(), value)
    });
    let values = disable.values.iter().map(|(name, value)| (Native::own(name.clone()), Some(value.clone())));
    // Which day it will be nobody knows; it is never one before today.
    let moments = disable.moments.iter().map(|name| (Native::own(name.clone()), Some(Value::Today)));
    // What stands later takes the place of what is written to the same native before.
    let written: BTreeMap<Native, Option<Value>> = account.chain(values).chain(moments).collect();
    only.iter()
        .any(|(native, pattern)| written.get(native).is_some_and(|value| !pattern.fits(value.as_ref())))
}

impl ResourceMapping {
    /// What stands in an account that is not active, where the mapping says it by coded values.
    fn disabled(&self) -> Vec<(Native, Disabled)> {
        let line = self.line(&AttrPath::attribute("active")).filter(|line| line.writable());
        let Some((line, How::Codes(codes))) = line.map(|line| (line, &line.conversion.how)) else {
            return Vec::new();
        };
        let written = codes.write(Some(&false.into())).into_iter().flatten().enumerate();
        let disabled = written.map(|(at, value)| match (codes.bits(at), &value) {
            (0, _) => Disabled::Value(value),
            (bits, Some(Value::Integer(set))) => Disabled::Bits { set: bits & set, clear: bits & !set },
            (bits, _) => Disabled::Bits { set: 0, clear: bits },
        });
        line.natives.iter().cloned().zip(disabled).collect()
    }
}

//! What is said of a line and does not go together with its attribute: options for another type, one value where there are
//! several, words that are nearly the standard's.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::build::Builder;
use super::codes::{Codes, Pattern};
use super::diagnostic::Code;
use super::draft::{DraftAccess, DraftLine, DraftResource};
use super::line::{How, Line, ResourceMapping};
use super::suggest;
use crate::plan::Value;
use crate::scim::path::{self, AttrPath};
use crate::scim::schema::{Attribute, ResourceType, Type};

/// What the names of the standard's own schemas begin with (RFC 7643 §10).
const STANDARD: &str = "urn:ietf:params:scim:schemas:";

impl Builder<'_> {
    /// Looks at the options of every line.
    pub(super) fn options(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        for said in &draft.lines {
            let Some((path, is_element)) = parsed(said, full) else { continue };
            let Some(found) = full.find(&path) else { continue };
            self.clients(said, &path, found.attribute);
            self.missing_fits(said);
            let is_open = !said.copy && !is_element && said.child.is_none();
            match draft.table {
                None if is_open => self.several(said, &path, found.attribute),
                Some(_) if is_open && said.refs.is_empty() && of.collection(&path).is_none() => {
                    self.several_in_a_row(said, &path, found.attribute);
                }
                _ => {}
            }
        }
        for line in &of.lines {
            let Some(said) = draft.said(line) else { continue };
            if said.case_exact && !is_text(line.conversion.kind) {
                let message = "`case_exact` is for texts, and this is none";
                self.wrong(Code::ValueType, self.verb(said.at, "case_exact"), message);
            }
            if let How::Codes(codes) = &line.conversion.how {
                self.bits_agree(said, line.conversion.kind, codes);
            }
        }
        self.vocabulary(draft, of, full);
    }

    /// That clients can do what they must.
    fn clients(&mut self, said: &DraftLine, path: &AttrPath, attribute: &Attribute) {
        if said.required && said.access == Some(DraftAccess::ReadOnly) {
            let message =
                format!("`{path}` is `required`, which clients give, and `read_only`, which they cannot");
            self.wrong(Code::Excluding, self.verb(said.at, "read_only"), message);
        }
        let is_must = path.sub.is_none() && path.urn.is_none() && attribute.required;
        if is_must && said.access == Some(DraftAccess::WriteOnly) {
            let message = format!("every answer has a `{path}`, and `write_only` is what none shows");
            self.wrong(Code::Excluding, self.verb(said.at, "write_only"), message);
        }
    }

    /// That what stands for no value can stand there.
    fn missing_fits(&mut self, said: &DraftLine) {
        let (Some(missing), Some(longest)) = (&said.missing, said.max_len) else { return };
        let at = self.verb(said.at, "missing");
        match missing {
            Json::String(text) if !text.contains('{') && text.chars().count() > longest => {
                let message = format!("{text:?} is longer than `max_len({longest})` lets a value be");
                self.warn(Code::MissingForm, at, &message, "what stands for no value fits in the column too");
            }
            Json::Number(_) | Json::Bool(_) => {
                let message = format!("{missing} is no text, and `max_len` says that texts stand there");
                self.warn(Code::MissingForm, at, &message, "a text stands in quotes: .missing(\"\")");
            }
            _ => {}
        }
    }

    /// That an attribute with several values has `many`, and no other.
    fn several(&mut self, said: &DraftLine, path: &AttrPath, attribute: &Attribute) {
        match (said.many, attribute.multi_valued) {
            (true, false) => {
                let message = format!("`many` is for an attribute of several values, and `{path}` has one");
                self.wrong(Code::CollectionForm, self.verb(said.at, "many"), message);
            }
            (false, true)
                if attribute.kind != Type::Complex || path.sub.is_some() || !said.refs.is_empty() =>
            {
                let message = format!("`{path}` has several values, and this line is for one");
                let help = match attribute.kind {
                    Type::Complex if said.refs.is_empty() => one_element(path),
                    _ => "say `.many()` of the line".to_owned(),
                };
                self.wrong_with_help(Code::CollectionForm, said.at, message, Some(help));
            }
            _ => {}
        }
    }

    /// The same of a table, where functions may make one text of several values.
    fn several_in_a_row(&mut self, said: &DraftLine, path: &AttrPath, attribute: &Attribute) {
        let is_whole = path.sub.is_none() && attribute.kind == Type::Complex;
        if attribute.multi_valued && !is_whole && !said.many && said.read.is_none() && said.write.is_none() {
            let message = format!("`{path}` has several values, and one column holds one");
            let help = match attribute.kind {
                Type::Complex => one_element(path),
                _ => "they stand in a table of their own: say `.child(\"ForeignKey\")`".to_owned(),
            };
            self.wrong_with_help(Code::CollectionForm, said.at, message, Some(help));
        }
    }

    /// `[[bit_clear(2), true], [bit_set(4), false]]`: true and false of two different bits.
    fn bits_agree(&mut self, said: &DraftLine, kind: Type, codes: &Codes) {
        let bits: Vec<i64> = codes
            .0
            .iter()
            .filter_map(|pair| match pair.patterns.as_slice() {
                [Pattern::Set(bit) | Pattern::Clear(bit)] => Some(*bit),
                _ => None,
            })
            .collect();
        if let (Type::Boolean, 2, [one, other]) = (kind, codes.0.len(), bits.as_slice())
            && one != other
        {
            let message = format!("true and false are told by two different bits, {one} and {other}");
            let help = "one bit is set for the one and clear for the other";
            self.warn(Code::ValuesForm, self.verb(said.at, "values"), &message, help);
        }
    }

    /// Words that are one slip from the standard's, or not among those that the mapping's own schema names.
    fn vocabulary(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        let parts = of.collections.iter().flat_map(|collection| {
            collection.parts.iter().map(|part| {
                let path = if collection.is_simple() {
                    collection.path.clone()
                } else {
                    collection.path.with_sub(&part.sub)
                };
                (path, &part.conversion)
            })
        });
        let lines = of.lines.iter().filter(|line| line.element.is_none());
        let all: Vec<_> = lines.map(|line| (line.path.clone(), &line.conversion)).chain(parts).collect();
        for (path, conversion) in all {
            let (How::Codes(codes), Some(found)) = (&conversion.how, full.find(&path)) else { continue };
            let known = &found.sub.unwrap_or(found.attribute).canonical_values;
            let said = draft.said_at(conversion.at);
            let (Some(said), false) = (said, known.is_empty()) else { continue };
            self.words(said, &path, codes, known, is_own(&path, full));
        }
        self.elements(draft, of, full);
    }

    fn words(&mut self, said: &DraftLine, path: &AttrPath, codes: &Codes, known: &[String], is_own: bool) {
        let at = self.verb(said.at, "values");
        let meant = codes.meant();
        let is_known = |word: &String| known.iter().any(|known| known.eq_ignore_ascii_case(word));
        let natives: Vec<String> = codes
            .0
            .iter()
            .flat_map(|pair| &pair.patterns)
            .filter_map(|pattern| match pattern {
                Pattern::Is(Value::Text(text)) => Some(text.clone()),
                _ => None,
            })
            .collect();
        if !natives.is_empty() && natives.iter().all(is_known) && !meant.iter().any(is_known) {
            let message = format!("the values of `{path}` stand where the native ones belong");
            return self.warn(
                Code::ValuesForm,
                at,
                &message,
                "a pair is [native, value]: what stands natively comes first",
            );
        }
        for word in meant.iter().filter(|word| !is_known(word)) {
            let slip = slip(word, known, &meant);
            if is_own || slip.is_some() {
                let message = format!("{word:?} is none of the values that `{path}` is known to have");
                let help = slip.unwrap_or_else(|| format!("they are {}", known.join(", ")));
                self.warn(Code::UnknownWord, at, &message, &help);
            }
        }
    }

    /// `emails[type eq "wrok"].value`
    fn elements(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        let key_of = |line: &Line| {
            let key = line.element.as_ref()?;
            let known = full.find(&line.path.with_sub(&key.key))?.sub?.canonical_values.clone();
            Some((key.value.as_str()?.to_owned(), known))
        };
        let mut seen = BTreeSet::new();
        for line in &of.lines {
            let Some((word, known)) = key_of(line).filter(|(_, known)| !known.is_empty()) else { continue };
            let others = of.lines.iter().filter(|other| other.path == line.path);
            let used: Vec<String> = others.filter_map(|other| Some(key_of(other)?.0)).collect();
            if known.iter().any(|known| known.eq_ignore_ascii_case(&word))
                || !seen.insert((line.path.to_string(), word.clone()))
            {
                continue;
            }
            if let (Some(help), Some(said)) = (slip(&word, &known, &used), draft.said(line)) {
                let message = format!("{word:?} is none of the types that `{}` is known to have", line.path);
                self.warn(Code::UnknownWord, said.at, &message, &help);
            }
        }
    }

    /// `.by("userName")`: an attribute of SCIM where one of the backend is meant.
    pub(super) fn by_native(&mut self, line: &DraftLine, drafts: &[DraftResource]) {
        let Some((by, at)) = &line.by else { return };
        let targets: Vec<&DraftResource> =
            drafts.iter().filter(|target| line.refs.contains(&target.name)).collect();
        let lines = || targets.iter().flat_map(|target| &target.lines);
        let mut natives = lines().flat_map(|line| &line.natives);
        if natives.any(|native| native.eq_ignore_ascii_case(by)) {
            return;
        }
        let meant =
            lines().find(|line| line.path.eq_ignore_ascii_case(by)).and_then(|line| line.natives.first());
        if let Some(native) = meant {
            let message = format!("`by` names what the backend has, and `{by}` is what SCIM calls it");
            self.wrong_with_help(
                Code::ReferenceForm,
                *at,
                message,
                Some(format!("did you mean `{native}`?")),
            );
        }
    }
}

/// Suggests a known word that is not used otherwise, where one slip of the keyboard tells them apart; a number behind a
/// word is no slip.
fn slip(word: &str, known: &[String], used: &[String]) -> Option<String> {
    if word.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let free = known.iter().filter(|known| !used.iter().any(|used| used.eq_ignore_ascii_case(known)));
    let near = free.filter(|known| strsim::osa_distance(&known.to_lowercase(), &word.to_lowercase()) == 1);
    suggest::closest(word, near.map(String::as_str))
}

/// The path in the schema's spelling, and whether it is about one element.
fn parsed(said: &DraftLine, full: &ResourceType) -> Option<(AttrPath, bool)> {
    let parsed = path::parse_path(&said.path).ok()?;
    Some((path::canonical(&parsed.attr, full)?, parsed.filter.is_some()))
}

/// Whether a schema of the mapping's own says what the attribute is.
fn is_own(path: &AttrPath, full: &ResourceType) -> bool {
    let schema = path.urn.as_deref().unwrap_or(&full.schema.id);
    !schema.to_lowercase().starts_with(STANDARD)
}

fn one_element(path: &AttrPath) -> String {
    format!(
        "say which one: attr(`{}[type eq \"work\"].{}`, \"…\")",
        path.without_sub(),
        path.sub.as_deref().unwrap_or("value")
    )
}

fn is_text(kind: Type) -> bool {
    matches!(kind, Type::String | Type::Reference | Type::Binary | Type::Complex)
}

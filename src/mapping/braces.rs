//! What stands in the templates of a mapping: that no password gets into a text by one, and that an entry's name is made
//! of what a line keeps.

use rhai::Position;
use serde_json::Value as Json;

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::{DraftAccess, DraftLine, DraftResource, Given};
use super::line::ResourceMapping;
use super::template::Template;
use crate::scim::path::{self, AttrPath};
use crate::scim::schema::{Attribute, ResourceType};

impl Builder<'_> {
    /// Looks at every template of a resource.
    pub(super) fn braces(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        for (text, at) in self.templates(draft) {
            let Ok(template) = Template::of(&text, full) else { continue };
            for path in template.braces().flatten().filter(|path| is_secret(path, draft, full)) {
                let message = format!(
                    "`{{{path}}}` is a secret, and would stand in clear in the backend and in every plan"
                );
                let help = "a template is made of what clients may see".to_owned();
                self.wrong_with_help(Code::Template, at, message, Some(help));
            }
            if template.braces().next().is_none() && text.contains("{{") {
                self.doubled(&text, at, full);
            }
        }
        if let Some((attribute, name, at)) = &draft.rdn {
            self.name(attribute, name, *at, of, full);
        }
    }

    /// `"/home/{{userName}}"`: the braces are signs then, and the attribute a word.
    fn doubled(&mut self, text: &str, at: Position, full: &ResourceType) {
        let once = text.replace("{{", "{").replace("}}", "}");
        if Template::of(&once, full).is_ok_and(|template| template.braces().next().is_some()) {
            let message = format!("{text:?} has the signs {{ and }} in it, and no attribute");
            self.warn(
                Code::Template,
                at,
                &message,
                &format!("an attribute stands in single braces: {once:?}"),
            );
        }
    }

    /// That an entry's name can be made again of what is stored.
    fn name(&mut self, attribute: &str, name: &str, at: Position, of: &ResourceMapping, full: &ResourceType) {
        let repeats =
            name.split_once('=').is_some_and(|(first, _)| first.trim().eq_ignore_ascii_case(attribute));
        if repeats {
            let message = format!("every name would begin with the text `{attribute}=`");
            let help = format!("`.rdn` has the attribute in front: .rdn(\"{attribute}\", \"{{…}}\")");
            self.wrong_with_help(Code::Template, at, message, Some(help));
        }
        let Ok(template) = Template::of(name, full) else { return };
        let is_kept = |path: &AttrPath| {
            let is_it = |line: &AttrPath| line == path || *line == path.without_sub();
            of.has_rest
                || of.lines.iter().any(|line| is_it(&line.path))
                || of.collections.iter().any(|collection| is_it(&collection.path))
        };
        for paths in template.braces().filter(|paths| !paths.iter().any(is_kept)) {
            let Some(path) = paths.first() else { continue };
            let message = format!("an entry is named after its `{path}`, and no line says where that stands");
            let help = format!("say it: attr(\"{path}\", \"…\")");
            self.wrong_with_help(Code::Template, at, message, Some(help));
        }
    }

    /// The texts that are templates, each with its place.
    fn templates(&self, draft: &DraftResource) -> Vec<(String, Position)> {
        let rdn = draft.rdn.iter().map(|(_, name, at)| (name.clone(), *at));
        let parts = draft.parts.iter().map(|part| (part.dn.clone(), part.at));
        let given = draft.initial.iter().chain(&draft.stamps).filter_map(|given| match &given.value {
            Given::Literal(Json::String(text)) => Some((text.clone(), given.at)),
            _ => None,
        });
        let missing = draft.lines.iter().filter_map(|line| {
            let text = line.missing.as_ref()?.as_str()?;
            Some((text.to_owned(), self.verb(line.at, "missing")))
        });
        let all = rdn.chain(parts).chain(given).chain(missing);
        all.filter(|(text, _)| text.contains('{')).collect()
    }
}

/// The path of a line, in the schema's spelling.
fn known(path: &str, full: &ResourceType) -> Option<AttrPath> {
    path::canonical(&path::parse_path(path).ok()?.attr, full)
}

/// Whether no client may see what stands here.
fn is_secret(path: &AttrPath, draft: &DraftResource, full: &ResourceType) -> bool {
    let by_schema = full.find(path).map(|found| found.sub.unwrap_or(found.attribute));
    let is_hidden = |line: &DraftLine| {
        line.access == Some(DraftAccess::WriteOnly)
            || line.hash.is_some()
            || line.returned.as_ref().is_some_and(|(when, _)| when == "never")
    };
    let is_it = |line: &&DraftLine| known(&line.path, full).as_ref() == Some(path);
    by_schema.is_some_and(Attribute::is_secret) || draft.lines.iter().filter(is_it).any(is_hidden)
}

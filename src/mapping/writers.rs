//! That a native has one writer: what a line, a key, the rest, a history or an entry's name writes, nothing else does. What
//! two lines write stands in [`super::sense`].

use rhai::Position;

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::{DraftResource, DraftRest};
use super::line::{Line, ResourceMapping};
use super::template::Template;
use crate::plan::Native;
use crate::scim::schema::ResourceType;

impl Builder<'_> {
    /// Looks at what is written beside the lines.
    pub(super) fn writers(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        self.rest_alone(draft, of);
        self.links_alone(draft, of);
        self.parts_alone(draft, of);
        self.name_alone(draft, of, full);
        self.initial_in_vain(draft, of);
    }

    fn twice(&mut self, at: Position, native: &str, by: &str, help: &str) {
        let message = format!("`{native}` is written by {by} already");
        self.wrong_with_help(Code::WrittenTwice, at, message, Some(help.to_owned()));
    }

    /// The document has a place of its own.
    fn rest_alone(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        let Some((rest, at)) = &draft.rest else { return };
        let help = "the rest is a document, and needs a place that nothing else writes";
        let (place, name) = match rest {
            DraftRest::Attribute(name) => (None, name),
            DraftRest::Column { table, column, .. } => {
                if of.collections.iter().any(|collection| is_same(&collection.table, table)) {
                    let message = format!("`{table}` is the table of a collection, whose rows come and go");
                    return self.wrong_with_help(Code::RestForm, *at, message, Some(help.to_owned()));
                }
                let part = draft
                    .parts
                    .iter()
                    .find(|part| part.row.as_ref().is_some_and(|(of, _)| is_same(of, table)));
                let is_own = draft.table.as_deref().is_some_and(|own| is_same(own, table));
                match part {
                    Some(part) => (Some(part.alias.as_str()), column),
                    None if is_own => (None, column),
                    None => return,
                }
            }
        };
        let is_it = |native: &Native| native.part.as_deref() == place && is_same(&native.name, name);
        if let Some(line) = written(of).find(|line| line.all_natives().any(is_it)) {
            self.twice(*at, name, &format!("`{}`", line.name()), help);
        } else if of.initial.iter().chain(&of.stamps).any(|(native, _)| is_it(native)) {
            self.twice(*at, name, "`initial` or `stamp`", help);
        } else if place.is_none() && draft.ids.iter().any(|id| is_same(id, name)) {
            self.twice(*at, name, "the key", help);
        }
    }

    /// The columns of look-ups and of collections that lead to other rows.
    fn links_alone(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        for lookup in &draft.lookups {
            let is_written = written(of).any(|line| is_of(line, &lookup.alias));
            let [column] = lookup.foreign_key.as_slice() else { continue };
            if !is_written || draft.ids.contains(column) {
                continue;
            }
            let is_it = |native: &Native| native.part.is_none() && is_same(&native.name, column);
            for line in written(of).filter(|line| line.natives.iter().any(is_it)) {
                let help = "say `.read_only()` of the lines through the look-up, or of this one";
                self.twice(draft.place(line), column, &format!("the look-up `{}`", lookup.alias), help);
            }
        }
        for collection in of.collections.iter().filter(|collection| !collection.read_only) {
            let keys = collection.foreign_key.columns();
            for part in
                collection.parts.iter().filter(|part| keys.iter().any(|key| is_same(key, &part.column)))
            {
                let line = draft.said_at(part.conversion.at);
                let by = format!("`child`, which says that it leads to the {}", draft.name);
                let help = "an element stands in another column of the table";
                self.twice(line.map_or(draft.at, |line| line.at), &part.column, &by, help);
            }
        }
    }

    /// The keys of parts, which are the resource's own, and the columns of histories.
    fn parts_alone(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        for part in &draft.parts {
            let Some((table, key)) = &part.row else { continue };
            let is_own = draft.table.as_deref().is_some_and(|own| is_same(own, table)) && *key == draft.ids;
            if is_own {
                let message = format!("this part is the resource's own row of `{table}`");
                let help = "its columns need no part: attr(\"…\", \"Column\")".to_owned();
                self.wrong_with_help(Code::Part, part.at, message, Some(help));
                continue;
            }
            let is_key = |native: &Native| {
                native.part.as_deref() == Some(&*part.alias)
                    && key.iter().any(|key| is_same(key, &native.name))
            };
            let by = format!("the part `{}`, whose key it is", part.alias);
            for line in written(of).filter(|line| line.natives.iter().any(is_key)) {
                let name = line.natives.iter().find(|native| is_key(native)).map(Native::to_string);
                self.twice(
                    draft.place(line),
                    &name.unwrap_or_default(),
                    &by,
                    "say `.read_only()` of this line",
                );
            }
            for given in draft.initial.iter().chain(&draft.stamps) {
                let native = draft.place_of(of, &given.native).map(|(place, name)| Native::of(place, name));
                if native.is_some_and(|native| is_key(&native)) {
                    self.twice(given.at, &given.native, &by, "leave it out");
                }
            }
        }
        for dated in draft.dated.iter().filter(|dated| is_same(&dated.date, &dated.seq)) {
            let message = format!("`{}` cannot hold the date and the number of the day", dated.date);
            self.wrong(Code::History, dated.at, message);
        }
    }

    /// The attribute that names an entry.
    fn name_alone(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        let Some((attribute, name, at)) = &draft.rdn else { return };
        let Ok(template) = Template::of(name, full) else { return };
        let is_it = |native: &Native| native.part.is_none() && is_same(&native.name, attribute);
        let others = || written(of).filter(|line| !line.many && line.natives.iter().any(is_it));
        let is_named_after = |line: &Line| template.braces().flatten().any(|path| *path == line.path);
        if template.braces().next().is_none() || others().any(is_named_after) {
            return;
        }
        if let Some(line) = others().next() {
            let help = format!(
                "the template of the name is made of what stands in `{attribute}`: \"{{{}}}\"",
                line.path
            );
            self.twice(*at, attribute, &format!("`{}`", line.name()), &help);
        }
    }

    /// What a required attribute's line writes, `initial` never gives.
    fn initial_in_vain(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        for given in &draft.initial {
            let is_it = |native: &String| is_same(native, &given.native);
            let mut lines = written(of).filter_map(|line| Some((line, draft.said(line)?)));
            let always = lines.find(|(line, said)| {
                let is_required = said.required || line.path.urn.is_none() && line.path.name == "userName";
                is_required && said.missing.is_none() && said.natives.iter().any(is_it)
            });
            if let Some((line, _)) = always {
                let message = format!(
                    "`{}` is always written by `{}`, and this never counts",
                    given.native,
                    line.name()
                );
                self.warn(Code::WrittenTwice, given.at, &message, "leave it out, or the line");
            }
        }
    }
}

fn written(of: &ResourceMapping) -> impl Iterator<Item = &Line> {
    of.lines.iter().filter(|line| line.writable())
}

fn is_of(line: &Line, place: &str) -> bool {
    line.natives.iter().any(|native| native.part.as_deref() == Some(place))
}

/// Whether two names are one for a directory and for most databases.
fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

//! Names that can name nothing: an empty one, an expression of SQL, an attribute with a blank, a DN that is none. Whether
//! what a good name names is there, only the backend knows.

use rhai::Position;

use super::build::Builder;
use super::diagnostic::Code;
use super::dn::{is_attribute, is_dn};
use super::draft::{DraftAccess, DraftResource, DraftRest, Given};
use super::suggest;

impl Builder<'_> {
    /// Looks at every name of a resource.
    pub(super) fn names(&mut self, draft: &DraftResource) {
        for line in draft.lines.iter().filter(|line| line.natives.is_empty()) {
            self.wrong(Code::BadValue, line.at, format!("`{}` stands in at least one native", line.path));
        }
        match draft.table {
            Some(_) => self.names_of_rows(draft),
            None => self.names_of_entries(draft),
        }
        self.places(draft);
    }

    fn names_of_rows(&mut self, draft: &DraftResource) {
        for (name, at) in self.tables(draft).into_iter().chain(self.columns(draft)) {
            let own = name.rsplit('.').next().unwrap_or_default();
            if own.trim().is_empty() {
                self.wrong(
                    Code::BadValue,
                    at,
                    format!("{name:?} names nothing: a table or a column has a name"),
                );
            } else if name.contains(char::is_control) {
                let message = format!("{name:?} has a sign in it that hardly any name has");
                self.warn(Code::BadValue, at, &message, "a name is one line without tabs");
            } else if is_quoted(own) {
                let message = format!("{name:?} is taken for the name with its quotes in it");
                self.warn(
                    Code::BadValue,
                    at,
                    &message,
                    "names are quoted by themselves: leave the quotes out",
                );
            } else if is_call(&name) {
                let message =
                    format!("{name:?} is taken for the name of a column, and not for an expression");
                let help =
                    "what is to become of a column's value says `.read(\"function\")`; or a view has it";
                self.warn(Code::BadValue, at, &message, help);
            }
        }
        let table = draft.table.as_deref().unwrap_or_default();
        let table = table.rsplit('.').next().unwrap_or_default();
        for id in &draft.ids {
            let (place, column) = id.rsplit_once('.').unwrap_or_default();
            if !table.is_empty() && place.eq_ignore_ascii_case(table) {
                let message =
                    format!("the key is of the resource's own table, `{table}`, and needs no name before it");
                let help = Some(format!("say .id(\"{column}\")"));
                self.wrong_with_help(Code::BadValue, self.verb(draft.at, "id"), message, help);
            }
        }
    }

    fn names_of_entries(&mut self, draft: &DraftResource) {
        for (name, at) in self.attributes(draft) {
            let own = draft.part_of(&name).map_or(name.as_str(), |(_, own)| own);
            if is_attribute(own) {
                continue;
            }
            match own.split_once('.') {
                Some((part, rest)) if is_attribute(part) && is_attribute(rest) => {
                    let aliases = draft.parts.iter().map(|part| part.alias.as_str());
                    let help = suggest::closest(part, aliases);
                    self.wrong_with_help(
                        Code::UnknownPlace,
                        at,
                        format!("this resource has no part `{part}`"),
                        help,
                    );
                }
                _ => {
                    let help = "it is one word, such as \"employeeNumber\"".to_owned();
                    let message = format!("{own:?} is no name of an LDAP attribute");
                    self.wrong_with_help(Code::BadValue, at, message, Some(help));
                }
            }
        }
        let lines = draft.lines.iter().flat_map(|line| {
            let is_written = line.access != Some(DraftAccess::ReadOnly);
            line.natives.iter().map(move |name| (name, line.at, is_written))
        });
        let given = draft.initial.iter().chain(&draft.stamps).map(|given| (&given.native, given.at, true));
        for (name, at, is_written) in lines.chain(given) {
            let (message, help) = match name.to_lowercase().as_str() {
                "dn" => (
                    "an entry's DN is no attribute of it",
                    "how an entry is named says `.rdn(…)`; `entryDN` can be read",
                ),
                "objectclass" if is_written => (
                    "the object classes are what `.classes([…])` says",
                    "say `.read_only()` of a line that shows them",
                ),
                _ => continue,
            };
            self.wrong_with_help(Code::BadValue, at, message, Some(help.to_owned()));
        }
        let classes = draft.classes.iter().map(|class| (class, self.verb(draft.at, "classes")));
        let of_parts = draft.parts.iter().flat_map(|part| part.classes.iter().map(|class| (class, part.at)));
        let odd = classes.chain(of_parts).filter(|(class, _)| !is_attribute(class));
        for (class, at) in odd.collect::<Vec<_>>() {
            let help =
                class.contains(',').then(|| "each is a text of its own: [\"top\", \"person\"]".to_owned());
            self.wrong_with_help(
                Code::BadValue,
                at,
                format!("{class:?} is no name of an object class"),
                help,
            );
        }
    }

    /// That what is to be a DN is one.
    fn places(&mut self, draft: &DraftResource) {
        let mut all: Vec<(&str, Position)> = Vec::new();
        all.extend(draft.base.iter().map(|dn| (dn.as_str(), self.verb(draft.at, "base"))));
        let moves = draft.on_delete.iter().filter(|rule| rule.how == "move");
        all.extend(moves.filter_map(|rule| Some((rule.to.as_deref()?, rule.at))));
        all.extend(draft.initial.iter().filter_map(|given| match &given.value {
            Given::Counter(dn, _) => Some((dn.as_str(), given.at)),
            _ => None,
        }));
        // Among what stands in place of DNs there is no DN.
        let holders = draft.lines.iter().filter(|line| line.by.is_none() && draft.base.is_some());
        let placeholders = holders.filter_map(|line| Some((line.placeholder.as_deref()?, line)));
        all.extend(placeholders.map(|(dn, line)| (dn, self.verb(line.at, "placeholder"))));
        for (dn, at) in all.into_iter().filter(|(dn, _)| !is_dn(dn)) {
            let help = "a place in a directory reads \"ou=people,dc=example,dc=test\"".to_owned();
            self.wrong_with_help(Code::BadValue, at, format!("{dn:?} is no DN"), Some(help));
        }
    }

    fn tables(&self, draft: &DraftResource) -> Vec<(String, Position)> {
        let verb = |name: &str| self.verb(draft.at, name);
        let mut all: Vec<(String, Position)> = Vec::new();
        all.extend(draft.table.iter().map(|name| (name.clone(), verb("table"))));
        all.extend(draft.lookups.iter().map(|lookup| (lookup.table.clone(), verb("lookup"))));
        all.extend(draft.parts.iter().filter_map(|part| Some((part.row.as_ref()?.0.clone(), part.at))));
        if let Some((DraftRest::Column { table, .. }, at)) = &draft.rest {
            all.push((table.clone(), *at));
        }
        all
    }

    fn columns(&self, draft: &DraftResource) -> Vec<(String, Position)> {
        let verb = |name: &str| self.verb(draft.at, name);
        let mut all = self.everywhere(draft);
        let mut add =
            |names: &[String], at: Position| all.extend(names.iter().map(|name| (name.clone(), at)));
        for lookup in &draft.lookups {
            add(&lookup.key, verb("lookup"));
            add(&lookup.foreign_key, verb("lookup"));
        }
        draft
            .parts
            .iter()
            .filter_map(|part| Some((&part.row.as_ref()?.1, part.at)))
            .for_each(|(key, at)| add(key, at));
        if let Some((DraftRest::Column { key, column, .. }, at)) = &draft.rest {
            add(key, *at);
            add(std::slice::from_ref(column), *at);
        }
        for line in &draft.lines {
            line.child.iter().for_each(|columns| add(columns, self.verb(line.at, "child")));
            let salt = line.hash.iter().filter_map(|hash| Some((hash.salt.clone()?, hash.at)));
            salt.for_each(|(salt, at)| add(&[salt], at));
        }
        for dated in &draft.dated {
            add(&[dated.date.clone(), dated.seq.clone()], dated.at);
            add(&dated.kept, dated.at);
        }
        all
    }

    fn attributes(&self, draft: &DraftResource) -> Vec<(String, Position)> {
        let mut all = self.everywhere(draft);
        all.extend(draft.rdn.iter().map(|(name, _, at)| (name.clone(), *at)));
        if let Some((DraftRest::Attribute(name), at)) = &draft.rest {
            all.push((name.clone(), *at));
        }
        all
    }

    /// What rows and entries have both.
    fn everywhere(&self, draft: &DraftResource) -> Vec<(String, Position)> {
        let verb = |name: &str| self.verb(draft.at, name);
        let mut all: Vec<(String, Position)> = Vec::new();
        all.extend(draft.ids.iter().map(|name| (name.clone(), verb("id"))));
        all.extend(draft.version.iter().map(|name| (name.clone(), verb("version"))));
        let only =
            draft.only.iter().flat_map(|(patterns, at)| patterns.iter().map(|(name, _)| (name.clone(), *at)));
        // Of an entry it says itself where it may not be about others.
        all.extend(only.filter(|(name, _)| draft.base.is_none() || !name.contains('.')));
        for rule in &draft.on_delete {
            all.extend(rule.rows.iter().map(|(name, _)| (name.clone(), rule.at)));
            all.extend(rule.values.iter().map(|(name, _)| (name.clone(), rule.at)));
        }
        for line in &draft.lines {
            // Copies look for their parts themselves.
            let natives = line.natives.iter().filter(|name| !line.copy || !name.contains('.'));
            all.extend(natives.map(|name| (name.clone(), line.at)));
            all.extend(line.by.iter().cloned());
            all.extend(line.find.iter().map(|(native, _, at)| (native.clone(), *at)));
        }
        let given = draft.initial.iter().chain(&draft.stamps);
        all.extend(given.map(|given| (given.native.clone(), given.at)));
        all
    }
}

/// `[Name]`: a name as SQL quotes one.
fn is_quoted(name: &str) -> bool {
    [('[', ']'), ('`', '`'), ('"', '"')]
        .iter()
        .any(|(open, close)| name.starts_with(*open) && name.ends_with(*close))
}

/// `UPPER(Name)`: a word with brackets right behind it.
fn is_call(name: &str) -> bool {
    let word = name.split('(').next().unwrap_or_default();
    name.ends_with(')')
        && word.len() < name.len()
        && !word.is_empty()
        && word.chars().all(|c| c.is_alphanumeric() || "_.".contains(c))
}

//! From the draft to the mapping: every name is resolved against the schema, every combination of verbs
//! that means nothing is refused with its place. All mistakes are found in one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, Position};
use serde_json::Value as Json;

use super::codes::{Codes, Pair, Pattern as Coded};
use super::diagnostic::{Code, Diagnostic, Severity};
use super::discover::{self, Said};
use super::draft::{Draft, DraftAccess, DraftGiven, DraftLine, DraftParent, DraftResource, Given, Pattern};
use super::line::{
    Access, Collection, Conversion, ElementKey, Find, Generated, How, Line, Missing, Parent, Part,
    ResourceMapping,
};
use super::statements::{self, Scan};
use super::template::Template;
use super::{existence, habits, keys, model, script, suggest, values};
use crate::plan::{Key, Model, Native, OnMissing, Value};
use crate::scim::filter::{Filter, Literal, Op};
use crate::scim::path::{self, AttrPath};
use crate::scim::schema::{self, Attribute, Mutability, ResourceType, Returned, Type};

/// Rounds of PBKDF2 where the mapping names none.
const DEFAULT_ROUNDS: u32 = 600_000;

/// Everything that the builder looks things up in, and where it writes the mistakes.
pub(super) struct Builder<'a> {
    pub file: &'a str,
    pub text: &'a str,
    scan: Scan<'a>,
    pub ast: &'a AST,
    pub mistakes: Vec<Diagnostic>,
    /// What works, and is hardly what was wanted.
    pub warnings: Vec<Diagnostic>,
    /// What SQLite has not: mistakes and warnings for who has no SQL Server.
    pub beyond_sqlite: Vec<Diagnostic>,
}

/// A draft, resolved.
pub(super) struct Built {
    pub resources: Vec<ResourceMapping>,
    pub model: Model,
}

// === impl Builder ===

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a str, text: &'a str, ast: &'a AST) -> Self {
        let (mistakes, warnings, beyond_sqlite) = (Vec::new(), Vec::new(), Vec::new());
        Self { file, text, scan: Scan::of(text), ast, mistakes, warnings, beyond_sqlite }
    }
}

impl Builder<'_> {
    pub(super) fn build(&mut self, draft: &Draft) -> Built {
        let mut built = Built { resources: Vec::new(), model: Model::default() };
        let schemas = self.schemas(draft);
        let drafts = &draft.resources;
        for draft in drafts {
            let known: Vec<&ResourceType> =
                built.resources.iter().map(|known| &known.resource_type).collect();
            if known.iter().any(|known| known.name.eq_ignore_ascii_case(&draft.name)) {
                self.wrong(
                    Code::SaidTwice,
                    draft.at,
                    format!("the resource {:?} stands here a second time", draft.name),
                );
                continue;
            }
            let Some(full) = self.full_type(draft, &schemas, &known) else { continue };
            let of = self.resource(draft, &full, drafts);
            model::add(self, &mut built.model, draft, &of);
            built.resources.push(of);
        }
        for (name, at) in &draft.spelt {
            let message = format!(
                "{name} stands alone: it is made when something is written, and is no part of a text"
            );
            let help = "in a text stand attributes: \"{userName}\"; what is made of a time says a function of the script";
            self.wrong_with_help(Code::GivenValue, *at, message, Some(help.to_owned()));
        }
        built.model.raised = self.raised(draft);
        if drafts.is_empty() {
            self.wrong(Code::NoResource, Position::new(1, 1), "the mapping has no `resource(…)`");
        }
        built
    }

    /// Notes a mistake at a place of the script.
    pub(super) fn wrong(&mut self, code: Code, at: Position, message: impl Into<String>) {
        let (line, column) = script::place(at);
        self.mistakes.push(Diagnostic::at(code, self.file, self.text, line, column, message));
    }

    pub(super) fn wrong_with_help(
        &mut self,
        code: Code,
        at: Position,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.wrong(code, at, message);
        if let (Some(help), Some(mistake)) = (help, self.mistakes.last_mut()) {
            mistake.help = Some(help);
        }
    }

    /// Where a verb is chained to the statement at this place; the statement itself where it is not.
    pub(super) fn verb(&self, at: Position, name: &str) -> Position {
        let (line, column) = script::place(at);
        let byte = statements::offset(self.text, line, column);
        let links = self.scan.statement(byte).map(|statement| self.scan.links(statement)).unwrap_or_default();
        let found = links.iter().find(|link| link.name == name);
        let place = found.map(|link| statements::place(self.text, link.at));
        let small = |number: usize| u16::try_from(number).ok();
        let place = place.and_then(|(line, column)| Some(Position::new(small(line)?, small(column)?)));
        place.unwrap_or(at)
    }

    /// Notes what SQLite has not, with its place.
    pub(super) fn beyond_sqlite(&mut self, at: Position, severity: Severity, message: String) {
        let (line, column) = script::place(at);
        let said = Diagnostic::at(Code::BeyondSqlite, self.file, self.text, line, column, message);
        self.beyond_sqlite.push(Diagnostic { severity, ..said });
    }

    pub(super) fn warn(&mut self, code: Code, at: Position, message: &str, help: &str) {
        let (line, column) = script::place(at);
        let warning = Diagnostic::at(code, self.file, self.text, line, column, message).with_help(help);
        self.warnings.push(warning.as_warning());
    }

    fn resource(
        &mut self,
        draft: &DraftResource,
        full: &ResourceType,
        drafts: &[DraftResource],
    ) -> ResourceMapping {
        let mut of = ResourceMapping {
            entity: draft.name.as_str().into(),
            resource_type: full.clone(),
            lines: Vec::new(),
            collections: Vec::new(),
            copies: Vec::new(),
            initial: Vec::new(),
            stamps: Vec::new(),
            rdn: None,
            parent: None,
            has_rest: draft.rest.is_some(),
            is_entry: draft.base.is_some(),
        };
        let mut said = BTreeMap::new();
        let first = self.mistakes.len();
        for line in &draft.lines {
            self.check_references(line, drafts);
            self.by_native(line, drafts);
            self.check_link(draft, line, drafts);
            if let Some(path) = self.line(draft, line, full, &mut of) {
                let marks = Said {
                    required: line.required,
                    unique: line.unique,
                    case_exact: line.case_exact,
                    returned: self.returned(line),
                };
                said.insert(path, marks);
            }
            for other in &line.also {
                let marks = Said { case_exact: line.case_exact, ..Said::default() };
                said.extend(self.also(draft, line, other, full, &mut of).map(|path| (path, marks)));
            }
        }
        self.missing(draft, &mut of);
        self.check_collections(draft, &of);
        let mut given = |all: &[DraftGiven]| -> Vec<(Native, Generated)> {
            all.iter().filter_map(|given| self.generated(draft, given, full, &of)).collect()
        };
        (of.initial, of.stamps) = (given(&draft.initial), given(&draft.stamps));
        let literals = existence::literals(draft, &of).into_iter().filter(|(native, _)| !of.gives(native));
        of.initial.extend(literals.collect::<Vec<_>>());
        if let Some((_, name, at)) = draft.rdn.as_ref().filter(|(_, name, _)| is_constant(name)) {
            let message = format!("every entry would have the same name, {name:?}");
            let help = "attributes stand in braces: \"{userName}\"".to_owned();
            self.wrong_with_help(Code::Template, *at, message, Some(help));
        }
        of.rdn = draft.rdn.as_ref().and_then(|(_, template, at)| self.template(template, *at, full));
        of.parent = draft.parent.as_ref().and_then(|parent| self.parent(parent, &of));
        of.resource_type =
            discover::resource_type(full, &of, &|path| said.get(path).copied().unwrap_or_default());
        for extension in &draft.extensions {
            if full.extension(&extension.urn).is_some()
                && of.resource_type.extension(&extension.urn).is_none()
            {
                self.wrong(
                    Code::UnusedSchema,
                    extension.at,
                    format!("no line maps an attribute of {}", extension.urn),
                );
            }
        }
        self.sense(draft, &of, full, first);
        of
    }

    /// Resolves one `attr` line into the mapping; answers the path that it is for.
    fn line(
        &mut self,
        draft: &DraftResource,
        line: &DraftLine,
        full: &ResourceType,
        of: &mut ResourceMapping,
    ) -> Option<String> {
        let parsed = match path::parse_path(&line.path) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.wrong(Code::BadPath, line.at, format!("{:?} is no attribute path: {error}", line.path));
                return None;
            }
        };
        let (path, attribute) = self.attribute(line, &parsed.attr, full)?;
        if path.urn.is_none() && ["id", "schemas"].contains(&path.name.as_str()) {
            let message = format!("`{}` needs no line: Gantry gives it", path.name);
            let help = "what the id is made of, the resource says: .id(\"Column\")".to_owned();
            self.wrong_with_help(Code::BadPath, line.at, message, Some(help));
            return None;
        }
        if line.copy && draft.table.is_none() {
            self.copy(draft, line, &attribute);
            return None;
        }
        if let Some((_, at)) = line.by.as_ref().filter(|_| line.refs.is_empty()) {
            let message = "`by` says what is stored of those that `.ref(…)` names, and there is no `ref`; or, right behind \
                           `.child(…)`, of the resource itself";
            self.wrong(Code::ReferenceForm, *at, message);
        }
        let element = match parsed.filter {
            Some(filter) => Some(self.element_key(line, &filter, parsed.sub.as_deref(), &path, full)?),
            None => None,
        };
        if line.copy {
            self.copied_column(draft, line, (path, element), &attribute, of);
            return None;
        }
        if element.is_some() {
            return self.plain_line(draft, line, path, element, &attribute, of);
        }
        let part_of = of.collections.iter().position(|c| path.sub.is_some() && c.path == path.without_sub());
        match (&line.child, part_of) {
            (Some(columns), _) => self.collection(line, path, columns, &attribute, of),
            (None, Some(at)) => self.part(line, path, &attribute, of.collections.get_mut(at)?),
            (None, None) => self.plain_line(draft, line, path, None, &attribute, of),
        }
    }

    /// A further path that shows what the line's first path is about: written by the first alone.
    fn also(
        &mut self,
        draft: &DraftResource,
        line: &DraftLine,
        path: &str,
        full: &ResourceType,
        of: &mut ResourceMapping,
    ) -> Option<String> {
        let is_one = line.child.is_none() && !line.many && !line.copy && line.hash.is_none();
        if !is_one || line.missing.as_ref().is_some_and(|said| template_of(said).is_some()) {
            self.wrong(
                Code::SeveralPaths,
                line.at,
                "several paths show one value of one native, as it is, coded or by functions",
            );
            return None;
        }
        let shown = DraftLine {
            path: path.to_owned(),
            also: Vec::new(),
            access: Some(DraftAccess::ReadOnly),
            required: false,
            unique: false,
            returned: None,
            ..line.clone()
        };
        self.line(draft, &shown, full, of)
    }

    /// The path in the schema's own spelling, and what it leads to.
    fn attribute(
        &mut self,
        line: &DraftLine,
        path: &AttrPath,
        full: &ResourceType,
    ) -> Option<(AttrPath, Attribute)> {
        let found = path::canonical(path, full).and_then(|path| {
            let found = full.find(&path)?;
            let attribute = found.sub.unwrap_or(found.attribute).clone();
            Some((path, attribute))
        });
        if found.is_none() {
            let known = attribute_names(full);
            let habit = habits::of_attribute(&path.to_string()).filter(|meant| {
                let root = meant.split(['[', '.']).next().unwrap_or_default();
                known.iter().any(|known| known.split('.').next() == Some(root))
            });
            let help = elsewhere(full, &path.to_string())
                .or_else(|| habit.map(suggest::did_you_mean))
                .or_else(|| suggest::closest(&path.to_string(), known.iter().map(String::as_str)));
            let is_known =
                |urn: &&String| full.extension(urn).is_none() && !full.schema.id.eq_ignore_ascii_case(urn);
            let message = match path.urn.as_ref().filter(is_known) {
                Some(urn) => {
                    format!("a {0} has no extension {urn}: .extension(\"{urn}\") gives it one", full.name)
                }
                None => format!("a {} has no attribute `{path}`", full.name),
            };
            self.wrong_with_help(Code::UnknownAttribute, line.at, message, help);
        }
        found
    }

    /// `[type eq "work"].value`
    fn element_key(
        &mut self,
        line: &DraftLine,
        filter: &Filter,
        sub: Option<&str>,
        path: &AttrPath,
        full: &ResourceType,
    ) -> Option<ElementKey> {
        let key = match filter {
            Filter::Compare { path, op: Op::Eq, value, .. } if path.sub.is_none() => match value {
                Literal::Text(text) => Some((path.name.clone(), text.as_str().into())),
                Literal::Bool(truth) => Some((path.name.clone(), (*truth).into())),
                Literal::Number(_) | Literal::Null => None,
            },
            _ => None,
        };
        let (Some((key, value)), Some(sub)) = (key, sub) else {
            self.wrong(
                Code::BadPath,
                line.at,
                "a line for one element has the form `emails[type eq \"work\"].value`",
            );
            return None;
        };
        for name in [key.as_str(), sub] {
            let sub_path = AttrPath { sub: Some(name.to_owned()), ..path.clone() };
            if full.find(&sub_path).is_none_or(|found| !found.attribute.multi_valued) {
                self.wrong(
                    Code::BadPath,
                    line.at,
                    format!("`{path}` is no multi-valued attribute with a sub-attribute `{name}`"),
                );
                return None;
            }
        }
        Some(ElementKey { key, value, sub: sub.to_owned() })
    }

    fn plain_line(
        &mut self,
        draft: &DraftResource,
        line: &DraftLine,
        path: AttrPath,
        element: Option<ElementKey>,
        attribute: &Attribute,
        of: &mut ResourceMapping,
    ) -> Option<String> {
        let is_table = draft.table.is_some();
        if line.many && is_table {
            self.wrong(
                Code::OtherBackend,
                self.verb(line.at, "many"),
                "`many` is for an entry's attributes; a table keeps a collection with `child`",
            );
        }
        if line.placeholder.is_some() && is_table {
            self.wrong(
                Code::OtherBackend,
                self.verb(line.at, "placeholder"),
                "`placeholder` is for an entry's attributes; a table has no need of one",
            );
        }
        let is_read_only = line.access == Some(DraftAccess::ReadOnly);
        let is_converted =
            line.values.is_some() || (line.read.is_some() && (is_read_only || line.write.is_some()));
        if line.natives.len() > 1 && !is_converted && line.refs.is_empty() {
            self.wrong(Code::SeveralNatives,
                line.at,
                "a line over several natives needs `.values([[[…, …], …], …])`, or `.read(\"f\")` with `.write(\"f\")` or `.read_only()`",
            );
        }
        if line.natives.len() > 1 && (line.many || element.is_some() && line.missing.is_some()) {
            self.wrong(Code::SeveralNatives, line.at, "a line over several natives holds one value");
        }
        if attribute.kind == Type::Complex && line.refs.is_empty() && element.is_none() {
            let help = format!("map its sub-attributes, `{path}.value` and the like, or say `.ref(\"…\")`");
            self.wrong_with_help(
                Code::ComplexAttribute,
                line.at,
                format!("`{path}` has sub-attributes and cannot stand in one native"),
                Some(help),
            );
        }
        let name = path.to_string();
        let kind = self.kind(attribute, &path, element.as_ref(), of);
        let conversion = self.conversion(line, attribute, kind)?;
        let natives = match line.link() {
            Some((native, _)) => vec![native],
            None => {
                line.natives.iter().filter_map(|native| self.native(draft, of, native, line.at)).collect()
            }
        };
        if line.link().is_some_and(|(native, _)| native.part.is_some()) {
            self.wrong(
                Code::ReferenceForm,
                line.at,
                "a reference stands in the resource's own columns, or in those of a collection's table",
            );
        }
        let of_collection =
            |native: &&Native| of.collections.iter().any(|known| native.part.as_ref() == Some(&known.table));
        if let Some(table) = natives.iter().find(of_collection).and_then(|native| native.part.clone()) {
            let message =
                format!("`{table}` is the table of a collection, of which a resource may have several rows");
            self.wrong(Code::CollectionForm, line.at, message);
        }
        let access = keys::access(draft, line, access(line.access, attribute.mutability));
        if of.lines.iter().any(|known| known.path == path && known.element == element) {
            self.wrong(Code::SaidTwice, line.at, format!("`{}` stands here a second time", line.path));
        }
        let find = self.find(draft, line, &conversion, of);
        of.lines.push(Line { path, element, natives, many: line.many, access, conversion, find });
        Some(name)
    }

    /// What `.find(native, function)` says.
    fn find(
        &mut self,
        draft: &DraftResource,
        line: &DraftLine,
        conversion: &Conversion,
        of: &ResourceMapping,
    ) -> Option<Find> {
        let Some((native, function, at)) = &line.find else {
            if let Some(at) = line.exact {
                self.wrong(
                    Code::FindForm,
                    at,
                    "`exact` says that what `.find(…)` finds is exact; there is none here",
                );
            }
            return None;
        };
        if matches!(conversion.how, How::Reference { .. } | How::Hash { .. }) {
            self.wrong(
                Code::FindForm,
                *at,
                "`find` is for values; references and passwords are found by themselves, or not at all",
            );
        }
        let params =
            self.ast.iter_functions().find(|known| known.name == *function).map(|known| known.params.len());
        let is_asked_all = params == Some(3);
        if !is_asked_all {
            self.check_function(function, *at);
        }
        let native = self.native(draft, of, native, *at)?;
        Some(Find { native, function: function.clone(), is_asked_all, is_exact: line.exact.is_some() })
    }

    /// The SCIM type of what the natives hold.
    pub(super) fn kind(
        &self,
        attribute: &Attribute,
        path: &AttrPath,
        element: Option<&ElementKey>,
        of: &ResourceMapping,
    ) -> Type {
        let Some(key) = element else { return attribute.kind };
        let sub = AttrPath { sub: Some(key.sub.clone()), ..path.clone() };
        of.resource_type.find(&sub).and_then(|found| found.sub).map_or(Type::String, |sub| sub.kind)
    }

    /// A collection in a table of its own: `child` with the table, and with the column too where the elements
    /// are simple values.
    fn collection(
        &mut self,
        line: &DraftLine,
        path: AttrPath,
        foreign_key: &[String],
        attribute: &Attribute,
        of: &mut ResourceMapping,
    ) -> Option<String> {
        let is_simple = attribute.kind != Type::Complex;
        let link = line.link().filter(|_| is_simple);
        let link =
            link.and_then(|(native, _)| Some((native.part?.to_string(), Some(native.name.to_string()))));
        let (table, column) = match line.natives.as_slice() {
            [native] if is_simple => native
                .rsplit_once('.')
                .map_or((String::new(), None), |(table, column)| (table.to_owned(), Some(column.to_owned()))),
            [table] => (table.clone(), None),
            _ => link.unwrap_or_default(),
        };
        let Some(foreign_key) = Key::of(foreign_key.iter().map(String::as_str)) else {
            return self.no_child(line, is_simple);
        };
        if table.is_empty() || of.is_entry || !attribute.multi_valued {
            return self.no_child(line, is_simple);
        }
        let name = path.to_string();
        let read_only = access(line.access, attribute.mutability) == Access::ReadOnly;
        let mut parts = Vec::new();
        if let Some(column) = column {
            let conversion = self.conversion(line, attribute, attribute.kind)?;
            parts.push(Part { sub: "value".to_owned(), column: column.into(), required: true, conversion });
        }
        of.collections.push(Collection {
            path,
            kind: attribute.kind,
            table: table.into(),
            foreign_key,
            by: line.child_by.as_ref().map(|(column, _)| column.as_str().into()),
            read_only,
            parts,
        });
        Some(name)
    }

    fn no_child(&mut self, line: &DraftLine, is_simple: bool) -> Option<String> {
        let message = match is_simple {
            true => {
                "`child` of simple values names one column: attr(\"tags\", \"DeviceTag.Tag\").child(\"DeviceId\")"
            }
            false => "`child` names one table: attr(\"phoneNumbers\", \"UserPhone\").child(\"UserId\")",
        };
        let help = "it is for a multi-valued attribute of a resource in a table";
        self.wrong_with_help(Code::CollectionForm, line.at, message, Some(help.to_owned()));
        None
    }

    fn part(
        &mut self,
        line: &DraftLine,
        path: AttrPath,
        attribute: &Attribute,
        collection: &mut Collection,
    ) -> Option<String> {
        let link = line.link().filter(|(native, _)| native.part.as_ref() == Some(&collection.table));
        let column = match line.natives.as_slice() {
            [native] => native.strip_prefix(&format!("{}.", collection.table)).map(Arc::from),
            _ => link.map(|(native, _)| native.name),
        };
        let (Some(column), Some(sub)) = (column, path.sub.clone()) else {
            self.wrong(
                Code::CollectionForm,
                line.at,
                format!("this line names a column of {0}: \"{0}.Column\"", collection.table),
            );
            return None;
        };
        if line.access.is_some() || (!collection.read_only && attribute.mutability == Mutability::ReadOnly) {
            let message = format!("who may change `{path}` is said of all of `{}`", collection.path);
            self.wrong(Code::CollectionForm, line.at, message);
        }
        let same = collection.parts.iter().find(|part| part.sub == sub || *part.column == *column);
        match same {
            Some(part) if part.sub == sub => {
                self.wrong(Code::SaidTwice, line.at, format!("`{}` stands here a second time", line.path));
            }
            Some(part) => {
                let message = format!("`{column}` is written by `{}.{}` already", collection.path, part.sub);
                self.wrong(Code::WrittenTwice, line.at, message);
            }
            None => {}
        }
        let conversion = self.conversion(line, attribute, attribute.kind)?;
        let is_link = matches!(conversion.how, How::Reference { .. });
        collection.parts.push(Part { sub, column, required: line.required || is_link, conversion });
        Some(path.to_string())
    }

    pub(super) fn conversion(
        &mut self,
        line: &DraftLine,
        attribute: &Attribute,
        kind: Type,
    ) -> Option<Conversion> {
        for (function, at) in [&line.read, &line.write].into_iter().flatten() {
            self.check_function(function, *at);
        }
        if line.prefix.is_some() && (kind != Type::String || ways_of(line) > 0) {
            self.wrong(
                Code::Excluding,
                self.verb(line.at, "prefix"),
                "`prefix` is for a text that is stored as it is",
            );
        }
        if ways_of(line) > 1 {
            self.wrong(
                Code::Excluding,
                line.at,
                "`values`, `read`/`write`, `ref` and `hash` exclude each other",
            );
        }
        let how = self.how(line)?;
        let missing = line.missing.as_ref().filter(|said| template_of(said).is_none());
        let missing = missing.and_then(values::literal).map(Missing::Value);
        let case_exact = line.case_exact || attribute.case_exact;
        let prefix = line.prefix.clone();
        let at = line.at.line().unwrap_or_default();
        Some(Conversion { kind, case_exact, max_len: line.max_len, at, missing, prefix, how })
    }

    /// What `.missing("{template}")` says, once all lines are known: of which natives it is made.
    fn missing(&mut self, draft: &DraftResource, of: &mut ResourceMapping) {
        for said in draft.lines.iter().filter(|line| !line.copy) {
            let Some(text) = said.missing.as_ref().and_then(template_of) else { continue };
            let is_meant = |line: &Line| {
                let is_one = !line.many && !line.is_composed() && line.conversion.prefix.is_none();
                let is_stored = matches!(line.conversion.how, How::Plain | How::Script { .. });
                is_one
                    && is_stored
                    && line.natives.iter().map(Native::to_string).eq(said.natives.iter().cloned())
            };
            let Some(at) = of.lines.iter().position(is_meant) else {
                self.wrong(
                    Code::MissingForm,
                    said.at,
                    "a template in `missing` is for one value that is stored as it is",
                );
                continue;
            };
            if let Some(composed) = self.composed(text, said.at, of)
                && let Some(line) = of.lines.get_mut(at)
            {
                line.conversion.missing = Some(Missing::Composed(composed));
            }
        }
        let natives = |line: &Line| -> Vec<Native> {
            line.conversion.missing.iter().flat_map(Missing::natives).cloned().collect()
        };
        let is_composed = |line: &&Line| matches!(line.conversion.missing, Some(Missing::Composed(_)));
        for line in of.lines.iter().filter(is_composed) {
            let read = natives(line);
            let is_read = |other: &&Line| other.natives.iter().any(|native| read.contains(native));
            let Some(other) = of.lines.iter().filter(is_composed).find(is_read) else { continue };
            let message = match other.path == line.path {
                true => format!("where `{}` has no value, nothing can be made of it", line.path),
                false => format!(
                    "`missing` of `{}` is made of `{}`, which has a template in its own `missing`",
                    line.path, other.path
                ),
            };
            let at = draft.place(line);
            self.wrong(Code::MissingForm, self.verb(at, "missing"), message);
        }
    }

    fn check_function(&mut self, function: &str, at: Position) {
        if !self.ast.iter_functions().any(|known| known.name == function && known.params.len() == 1) {
            let others = self.ast.iter_functions().map(|known| known.name).filter(|name| *name != function);
            let help = suggest::closest(function, others);
            self.wrong_with_help(
                Code::UnknownFunction,
                at,
                format!("the script has no function `{function}` of one value"),
                help,
            );
        }
    }

    /// What `.parent(function, inputs)` says: the function gets what lines write to these natives.
    fn parent(&mut self, parent: &DraftParent, of: &ResourceMapping) -> Option<Parent> {
        self.check_function(&parent.function, parent.at);
        if !of.is_entry {
            self.wrong(Code::OtherBackend, parent.at, "`parent` is for entries, not for a table");
        }
        let written = |line: &&Line| line.writable() && !line.is_secret();
        let natives: Vec<&Native> =
            of.lines.iter().filter(written).filter_map(|line| line.natives.first()).collect();
        let mut inputs = Vec::new();
        for input in &parent.inputs {
            match natives.iter().find(|native| *native.name == **input) {
                Some(native) => inputs.push((*native).clone()),
                None => {
                    let help = suggest::closest(input, natives.iter().map(|native| &*native.name));
                    self.wrong_with_help(
                        Code::UnknownNative,
                        parent.at,
                        format!("no line writes `{input}`"),
                        help,
                    );
                }
            }
        }
        Some(Parent { function: parent.function.clone(), inputs })
    }

    fn how(&mut self, line: &DraftLine) -> Option<How> {
        if let Some(pairs) = &line.values {
            let pair = |(natives, value): &(Vec<Pattern>, Json)| Pair {
                patterns: natives.iter().map(code).collect(),
                value: meaning(value),
            };
            let codes = Codes(pairs.iter().map(pair).collect());
            let natives = line.natives.len();
            if !codes.are_of(natives) {
                let form = "[[[\"A\", ()], true], …]: a pattern for each of the natives";
                let message = match natives {
                    1 => "each pair is about one native: [[\"A\", true], …]".to_owned(),
                    _ => format!("each pair is about {natives} natives: {form}"),
                };
                self.wrong(Code::ValuesForm, self.verb(line.at, "values"), message);
                return None;
            }
            if codes.is_mixed() {
                self.wrong(
                    Code::ValuesForm,
                    line.at,
                    "`bit_set` and `bit_clear` stand beside each other and `()`, not beside whole values",
                );
            }
            return Some(How::Codes(codes));
        }
        if let Some(hash) = &line.hash {
            if hash.scheme != "pbkdf2-sha256" {
                self.wrong(
                    Code::Hash,
                    hash.at,
                    format!("the scheme {:?} is not built yet; `pbkdf2-sha256` is", hash.scheme),
                );
                return None;
            }
            let Some(salt) = &hash.salt else {
                self.wrong(
                    Code::Hash,
                    hash.at,
                    "`hash` needs the native for the salt: #{ salt: \"PwdSalt\" }",
                );
                return None;
            };
            let rounds = hash.rounds.map_or(Some(DEFAULT_ROUNDS), |rounds| {
                u32::try_from(rounds).ok().filter(|rounds| *rounds > 0)
            });
            let Some(rounds) = rounds else {
                self.wrong(Code::Hash, hash.at, "`rounds` is a number above 0");
                return None;
            };
            return Some(How::Hash { salt: Native::own(salt.as_str()), rounds });
        }
        if !line.refs.is_empty() {
            let types = line.refs.iter().map(|name| name.as_str().into()).collect();
            return Some(How::Reference {
                types,
                on_missing: self.on_missing(line, &[OnMissing::Reject, OnMissing::Skip]),
            });
        }
        if line.read.is_some() || line.write.is_some() {
            let name = |said: &Option<(String, Position)>| said.as_ref().map(|(name, _)| name.clone());
            return Some(How::Script { read: name(&line.read), write: name(&line.write) });
        }
        Some(How::Plain)
    }

    /// What `.returned(when)` says.
    fn returned(&mut self, line: &DraftLine) -> Option<Returned> {
        let (_, at) = line.returned.as_ref()?;
        if line.path.contains('[') || line.child.is_some() {
            self.wrong(Code::Excluding, *at, "`returned` is said of an attribute or a sub-attribute");
        }
        self.returned_when(line.returned.as_ref())
    }

    /// The word for when an attribute is in an answer.
    pub(super) fn returned_when(&mut self, said: Option<&(String, Position)>) -> Option<Returned> {
        let (when, at) = said?;
        let returned = match when.as_str() {
            "always" => Some(Returned::Always),
            "never" => Some(Returned::Never),
            "default" => Some(Returned::Default),
            "request" => Some(Returned::Request),
            _ => None,
        };
        if returned.is_none() {
            self.wrong(
                Code::UnknownWord,
                *at,
                format!("`returned` is always, never, default or request, not {when:?}"),
            );
        }
        returned
    }

    /// What `.on_missing(how)` says, among what fits here.
    pub(super) fn on_missing(&mut self, line: &DraftLine, fitting: &[OnMissing]) -> OnMissing {
        let Some((how, at)) = &line.on_missing else { return OnMissing::default() };
        let named = match how.as_str() {
            "reject" => Some(OnMissing::Reject),
            "create" => Some(OnMissing::Create),
            "skip" => Some(OnMissing::Skip),
            _ => None,
        };
        match named {
            Some(named) if fitting.contains(&named) => named,
            Some(_) => {
                self.wrong(
                    Code::NotBuilt,
                    *at,
                    format!("`on_missing({how:?})` is not built yet for this kind of line"),
                );
                OnMissing::default()
            }
            None => {
                self.wrong(
                    Code::UnknownWord,
                    *at,
                    format!("`on_missing` knows reject, create and skip, not {how:?}"),
                );
                OnMissing::default()
            }
        }
    }

    /// A native name as the mapping spells it, `alias.column` included.
    pub(super) fn native(
        &mut self,
        draft: &DraftResource,
        of: &ResourceMapping,
        name: &str,
        at: Position,
    ) -> Option<Native> {
        if draft.table.is_none() {
            if draft.part_of(name).is_some() {
                self.wrong(
                    Code::NotBuilt,
                    at,
                    "what stands in a part is written along: say `.copy()`; reading it is not built yet",
                );
            }
            return Some(Native::own(name));
        }
        match draft.place_of(of, name) {
            Some((place, column)) => Some(Native::of(place, column)),
            None if name.contains('.') => {
                self.no_place(draft, of, name, at);
                None
            }
            None => Some(Native::own(name)),
        }
    }

    fn generated(
        &mut self,
        draft: &DraftResource,
        given: &DraftGiven,
        full: &ResourceType,
        of: &ResourceMapping,
    ) -> Option<(Native, Generated)> {
        let is_number = matches!(given.value, Given::Counter(..) | Given::Sequence(_));
        if is_number || of.is_entry && draft.part_of(&given.native).is_some() {
            return None; // an entry's part's values, counters and sequences stand in the model
        }
        let native = self.native(draft, of, &given.native, given.at)?;
        let generated = match &given.value {
            Given::Counter(..) | Given::Sequence(_) => return None,
            Given::Uuid => Generated::Uuid,
            Given::Now => Generated::Now,
            Given::Today => Generated::Literal(Value::Today),
            Given::Literal(Json::String(text)) if text.contains('{') => {
                Generated::Template(self.template(text, given.at, full)?)
            }
            Given::Literal(value) => match values::literal(value) {
                Some(value) => Generated::Literal(value),
                None => {
                    self.wrong(Code::GivenValue, given.at, "a value is needed here, not ()");
                    return None;
                }
            },
        };
        // Values of child rows stand in the model: every inserted row has them.
        let in_child =
            native.part.as_ref().is_some_and(|part| of.collections.iter().any(|c| c.table == *part));
        (!in_child).then_some((native, generated))
    }

    pub(super) fn template(&mut self, text: &str, at: Position, full: &ResourceType) -> Option<Template> {
        if text.contains("${") {
            let message = "in a template a `$` before the brace is a sign as any other";
            self.wrong_with_help(
                Code::Template,
                at,
                message,
                Some("leave it out: \"{userName}\"".to_owned()),
            );
        }
        let twice = || "a brace that is a sign in the text is written twice: {{ and }}".to_owned();
        Template::of(text, full)
            .map_err(|message| {
                let is_sign = text.contains("{}") || message.contains("without its");
                let help = is_sign.then(twice);
                self.wrong_with_help(Code::Template, at, message, help);
            })
            .ok()
    }

    fn check_references(&mut self, line: &DraftLine, drafts: &[DraftResource]) {
        let names: Vec<&str> = drafts.iter().map(|draft| draft.name.as_str()).collect();
        for name in &line.refs {
            if !names.contains(&name.as_str()) {
                let help = suggest::closest(name, names.iter().copied());
                self.wrong_with_help(
                    Code::UnknownReference,
                    self.verb(line.at, "ref"),
                    format!("this mapping has no resource {name:?} to refer to"),
                    help,
                );
            }
        }
    }

    fn check_collections(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        for collection in of.collections.iter().filter(|collection| collection.parts.is_empty()) {
            let at = draft
                .lines
                .iter()
                .find(|line| line.child.is_some() && line.natives.contains(&collection.table.to_string()));
            let message = format!(
                "no line says what `{0}` consists of: attr(\"{0}.value\", \"{1}.Column\")",
                collection.path, collection.table
            );
            self.wrong(Code::CollectionForm, at.map_or(draft.at, |line| line.at), message);
        }
    }
}

/// Whether no attribute stands in a template, so that it is always the same.
pub(super) fn is_constant(template: &str) -> bool {
    !template.replace("{{", "").contains('{')
}

/// The text of a template, where it is one.
fn template_of(said: &Json) -> Option<&str> {
    said.as_str().filter(|text| text.contains('{'))
}

/// Who may change what a line maps: as the line says, else as the schema does.
fn access(said: Option<DraftAccess>, schema: Mutability) -> Access {
    match (said, schema) {
        (Some(DraftAccess::ReadOnly), _) | (None, Mutability::ReadOnly) => Access::ReadOnly,
        (Some(DraftAccess::Immutable), _) | (None, Mutability::Immutable) => Access::Immutable,
        (Some(DraftAccess::WriteOnly), _) | (None, Mutability::WriteOnly) => Access::WriteOnly,
        (None, Mutability::ReadWrite) => Access::ReadWrite,
    }
}

/// How many ways of converting a value a line says, beside none.
fn ways_of(line: &DraftLine) -> usize {
    let ways = [
        line.values.is_some(),
        line.read.is_some() || line.write.is_some(),
        !line.refs.is_empty(),
        line.hash.is_some(),
    ];
    ways.into_iter().filter(|way| *way).count()
}

pub(super) fn code(pattern: &Pattern) -> Coded {
    match pattern {
        Pattern::Absent => Coded::Absent,
        Pattern::Any => Coded::Any,
        Pattern::BitSet(bit) => Coded::Set(*bit),
        Pattern::BitClear(bit) => Coded::Clear(*bit),
        Pattern::Today => Coded::Is(Value::Today),
        Pattern::Ordered(order, bound) => match &**bound {
            Pattern::Literal(Json::String(text)) => values::day(&text.as_str().into())
                .map_or(Coded::Any, |date| Coded::Ordered(*order, Value::Date(date))),
            other => match code(other) {
                Coded::Is(bound) => Coded::Ordered(*order, bound),
                _ => Coded::Any,
            },
        },
        Pattern::Literal(value) => values::literal(value).map_or(Coded::Absent, Coded::Is),
    }
}

fn meaning(value: &Json) -> Option<Json> {
    (!value.is_null()).then(|| value.clone())
}

/// The path of what has this name elsewhere: in the enterprise extension, or as a sub-attribute.
fn elsewhere(full: &ResourceType, path: &str) -> Option<String> {
    let name = path.rsplit(['.', ':']).next().unwrap_or(path);
    let is_it = |attribute: &Attribute| attribute.name.eq_ignore_ascii_case(name);
    let extension = full.extensions.iter().find(|known| known.schema.id == schema::ENTERPRISE_USER);
    let added = extension.and_then(|known| known.schema.attributes.iter().find(|attribute| is_it(attribute)));
    if let Some(attribute) = added {
        return Some(format!("did you mean enterprise(\"{}\")?", attribute.name));
    }
    let home = full
        .schema
        .attributes
        .iter()
        .find(|attribute| !attribute.multi_valued && attribute.sub_attributes.iter().any(&is_it))?;
    let sub = home.sub_attributes.iter().find(|sub| is_it(sub))?;
    Some(format!("did you mean `{}.{}`?", home.name, sub.name))
}

/// Every attribute's and sub-attribute's path, for suggestions.
fn attribute_names(full: &ResourceType) -> Vec<String> {
    let mut names = vec!["externalId".to_owned(), "meta.created".to_owned(), "meta.lastModified".to_owned()];
    for (urn, attribute) in full.attributes() {
        let prefix = urn.map(|urn| format!("{urn}:")).unwrap_or_default();
        names.push(format!("{prefix}{}", attribute.name));
        names.extend(
            attribute.sub_attributes.iter().map(|sub| format!("{prefix}{}.{}", attribute.name, sub.name)),
        );
    }
    names
}

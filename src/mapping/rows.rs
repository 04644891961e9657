//! What belongs to a row beside its own columns: rows of other tables that live and die with it (`part`, `dated`),
//! columns that are written along (`copy`), numbers of sequences.

use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::Position;

use super::build::Builder;
use super::diagnostic::{Code, Severity};
use super::draft::{DraftDated, DraftLine, DraftResource, Given};
use super::line::{Access, ElementKey, Generated, Line, ResourceMapping};
use super::{existence, suggest};
use crate::plan::{Dated, Key, Native, PartRow, Value};
use crate::scim::path::AttrPath;
use crate::scim::schema::{Attribute, Type};

impl Builder<'_> {
    /// The rows beside a type's own.
    pub(super) fn part_rows(&mut self, draft: &DraftResource, of: &ResourceMapping) -> Vec<PartRow> {
        let mut parts: Vec<PartRow> = Vec::new();
        for said in &draft.parts {
            let Some((table, key)) = &said.row else {
                let message = "a part with a `dn` is an entry; beside a row it is one: `.part(\"hr\", \"HrPerson\", \"PersonId\")`";
                self.wrong(Code::Part, said.at, message);
                continue;
            };
            let is_taken = parts.iter().any(|part| *part.alias == *said.alias)
                || draft.lookups.iter().any(|lookup| lookup.alias == said.alias);
            if is_taken || said.alias.contains('.') {
                self.wrong(
                    Code::Part,
                    said.at,
                    format!("{:?} is no name for a part, or another's", said.alias),
                );
            }
            self.agrees(said.at, "`part`", key, draft);
            let Some(key) = Key::of(key.iter().map(String::as_str)) else { continue };
            let sequences = draft.initial.iter().filter_map(|given| {
                match (&given.value, draft.place_of(of, &given.native)) {
                    (Given::Sequence(name), Some((alias, column))) if alias == said.alias => {
                        Some((column.into(), name.as_str().into()))
                    }
                    _ => None,
                }
            });
            parts.push(PartRow {
                alias: said.alias.as_str().into(),
                table: table.as_str().into(),
                key,
                sequences: sequences.collect(),
                only: existence::only_of(draft, of, &said.alias),
                dated: draft
                    .dated
                    .iter()
                    .find(|dated| dated.part == said.alias)
                    .map(|dated| self.dated(dated, draft, of)),
            });
        }
        for (at, dated) in draft.dated.iter().enumerate() {
            let aliases = || draft.parts.iter().map(|part| part.alias.as_str());
            if !aliases().any(|alias| alias == dated.part) {
                let help = suggest::closest(&dated.part, aliases());
                let message = format!("`dated` is said of a `part`, and {:?} is none", dated.part);
                self.wrong_with_help(Code::UnknownPlace, dated.at, message, help);
            }
            if draft.dated.iter().take(at).any(|other| other.part == dated.part) {
                self.wrong(
                    Code::SaidTwice,
                    dated.at,
                    format!("the history of {:?} stands here a second time", dated.part),
                );
            }
        }
        parts
    }

    /// How a part keeps history: what the mapping names of it goes on from row to row.
    fn dated(&mut self, said: &DraftDated, draft: &DraftResource, of: &ResourceMapping) -> Dated {
        let ours = [&said.date, &said.seq];
        let is_ours = |native: &Native| {
            native.part.as_deref() == Some(&*said.part) && ours.iter().any(|name| ***name == *native.name)
        };
        let lines = of.lines.iter().chain(&of.copies);
        let mut written = lines.clone().filter(|line| line.writable());
        let written = written.find(|line| line.all_natives().any(is_ours)).map(|line| draft.place(line));
        let is_date = |native: &Native| is_ours(native) && *native.name == *said.date;
        let is_given = of.stamps.iter().any(|(native, _)| is_ours(native))
            || of.initial.iter().any(|(native, _)| is_date(native));
        if let Some(at) = written.or(is_given.then_some(said.at)) {
            let message = format!("{} and {} are given by the history itself", said.date, said.seq);
            self.wrong(Code::History, at, message);
        }
        let first = of.initial.iter().find(|(native, _)| is_ours(native) && *native.name == *said.seq);
        let first = match first {
            None => 0,
            Some((_, Generated::Literal(Value::Integer(first)))) => *first,
            Some(_) => {
                self.wrong(
                    Code::History,
                    said.at,
                    format!("the first {} of a day is a whole number", said.seq),
                );
                0
            }
        };
        let natives = lines.flat_map(Line::all_natives);
        let given = of.initial.iter().chain(&of.stamps).map(|(native, _)| native);
        let named = natives.chain(given).filter(|native| native.part.as_deref() == Some(&*said.part));
        let mut kept: BTreeSet<Arc<str>> = named.map(|native| native.name.clone()).collect();
        kept.extend(said.kept.iter().map(|column| Arc::from(column.as_str())));
        kept.retain(|column| ours.iter().all(|name| ***name != **column));
        Dated {
            date: said.date.as_str().into(),
            seq: said.seq.as_str().into(),
            first,
            kept: kept.into_iter().collect(),
        }
    }

    /// A column that is written along with an attribute's own.
    pub(super) fn copied_column(
        &mut self,
        draft: &DraftResource,
        line: &DraftLine,
        (path, element): (AttrPath, Option<ElementKey>),
        attribute: &Attribute,
        of: &mut ResourceMapping,
    ) {
        let is_more = line.child.is_some()
            || line.many
            || line.prefix.is_some()
            || line.read.is_some()
            || line.hash.is_some()
            || line.placeholder.is_some()
            || line.on_missing.is_some()
            || line.find.is_some()
            || line.exact.is_some()
            || !line.refs.is_empty()
            || line.by.is_some()
            || line.required
            || line.unique
            || line.access.is_some()
            || line.returned.is_some()
            || !line.also.is_empty();
        if is_more || line.natives.len() != 1 {
            let message = "a column that is written along is as the attribute's own line says: beside `copy` stand `write`, `values`, `missing` and `max_len`";
            self.wrong(Code::CopyForm, line.at, message);
        }
        let is_secret = attribute.name.eq_ignore_ascii_case("password");
        if is_secret
            || attribute.kind == Type::Complex && element.is_none()
            || attribute.multi_valued && element.is_none()
        {
            self.wrong(Code::CopyForm, line.at, "`copy` in a table is for one value, and for no password");
        }
        if !of.lines.iter().any(|known| known.path == path && known.element == element) {
            let message = format!("nothing to copy: no line above maps `{}`", line.path);
            self.wrong(Code::CopyForm, line.at, message);
        }
        let kind = self.kind(attribute, &path, element.as_ref(), of);
        let Some(conversion) = self.conversion(line, attribute, kind) else { return };
        let natives: Vec<Native> =
            line.natives.iter().filter_map(|native| self.native(draft, of, native, line.at)).collect();
        let is_known = |native| of.lines.iter().chain(&of.copies).any(|line| line.natives.contains(native));
        if natives.iter().any(is_known) {
            self.wrong(
                Code::WrittenTwice,
                line.at,
                format!("`{}` is written by another line", line.natives.join(", ")),
            );
        }
        of.copies.push(Line {
            path,
            element,
            natives,
            many: false,
            access: Access::WriteOnly,
            conversion,
            find: None,
        });
    }

    /// The columns of the resource's own row that are given a sequence's numbers.
    pub(super) fn sequences(
        &mut self,
        draft: &DraftResource,
        of: &ResourceMapping,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let mut own = Vec::new();
        for given in &draft.initial {
            let Given::Sequence(name) = &given.value else { continue };
            if name.is_empty() {
                self.wrong(Code::GivenValue, given.at, "a sequence has a name: sequence(\"dbo.UserSeq\")");
            }
            let message =
                format!("SQLite has no sequences: `{}` cannot have numbers of {name:?} there", given.native);
            self.beyond_sqlite(given.at, Severity::Error, message);
            match draft.place_of(of, &given.native) {
                None => own.push((given.native.as_str().into(), name.as_str().into())),
                Some((alias, _)) if draft.parts.iter().any(|part| part.alias == alias) => {}
                Some((alias, _)) => {
                    let message =
                        format!("`sequence` is for the resource's own row and its parts, not for `{alias}`");
                    self.wrong(Code::GivenValue, given.at, message);
                }
            }
        }
        for given in draft.stamps.iter().filter(|given| matches!(given.value, Given::Sequence(_))) {
            self.wrong(Code::GivenValue, given.at, "a number is given once: `sequence` is for `initial`");
        }
        own
    }

    /// Refuses in a table what only entries have, and the other way round.
    pub(super) fn only_rows(&mut self, draft: &DraftResource) {
        for dated in &draft.dated {
            self.wrong(Code::OtherBackend, dated.at, "`dated` is for a table; a directory keeps no history");
        }
        for given in draft.initial.iter().chain(&draft.stamps) {
            if let Given::Sequence(_) = given.value {
                self.wrong(
                    Code::OtherBackend,
                    given.at,
                    "`sequence` is for a table; in a directory it is `counter(dn, attribute)`",
                );
            }
        }
    }

    /// Refuses in a table what only entries have.
    pub(super) fn only_entries(&mut self, draft: &DraftResource) {
        for given in draft.initial.iter().chain(&draft.stamps) {
            if let Given::Counter(..) = given.value {
                let message =
                    "`counter` is an entry of a directory; in a table it is `sequence(\"dbo.UserSeq\")`";
                self.wrong(Code::OtherBackend, given.at, message);
            }
        }
    }

    /// Notes a name that is neither a part, nor a look-up, nor a child table.
    pub(super) fn no_place(&mut self, draft: &DraftResource, of: &ResourceMapping, name: &str, at: Position) {
        let part = name.split('.').next().unwrap_or_default();
        let known = draft.places(of).collect::<Vec<_>>();
        let help = suggest::closest(part, known.iter().copied());
        let message =
            format!("`{part}` is neither a `part` nor a `lookup` nor a child table of this resource");
        self.wrong_with_help(Code::UnknownPlace, at, message, help);
    }
}

// === impl DraftResource ===

impl DraftResource {
    /// The names of the places beside the resource's own row.
    fn places<'a>(&'a self, of: &'a ResourceMapping) -> impl Iterator<Item = &'a str> {
        let lookups = self.lookups.iter().map(|lookup| lookup.alias.as_str());
        let parts = self.parts.iter().map(|part| part.alias.as_str());
        lookups.chain(parts).chain(of.collections.iter().map(|collection| &*collection.table))
    }

    /// The place beside the resource's own row that a native is in, and its name there.
    pub(super) fn place_of<'a>(
        &'a self,
        of: &'a ResourceMapping,
        native: &'a str,
    ) -> Option<(&'a str, &'a str)> {
        self.places(of).find_map(|place| Some((place, native.strip_prefix(place)?.strip_prefix('.')?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mapping;
    use crate::plan::{Case, Dated, Native, Predicate, Row, Store, Table, Test, Value};

    const HISTORY: &str = include_str!("../../tests/mappings/history/mapping.rhai");
    const TENANTS: &str = include_str!("../../tests/mappings/tenants/mapping.rhai");
    const TABLE: &str = r#"resource("User").table("T").id("Id").part("p", "P", "Id").dated("p", "D", "S").on_delete("delete");
attr("userName", "N");
attr("title", "p.Title");
"#;

    fn load(text: &str) -> Result<Mapping, String> {
        Mapping::parse("mapping.rhai", text, &Default::default())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    fn table(mapping: &Mapping, name: &str) -> Table {
        match &mapping.model().entity(name).unwrap().store {
            Store::Table(table) => table.clone(),
            Store::Entries(_) => panic!("{name} is no table"),
        }
    }

    #[test]
    fn what_lives_beside_a_row_stands_in_the_model() {
        let mapping = load(HISTORY).unwrap();
        let user = table(&mapping, "User");
        let parts: Vec<_> = user
            .parts
            .iter()
            .map(|part| [part.alias.to_string(), part.table.to_string(), part.key.to_string()])
            .collect();
        assert_eq!(parts, [["hr", "Employee", "PersonId"], ["job", "EmployeeJob", "EmpId"]]);
        let kept = ["ChangedBy", "DeptId", "Grade", "Status", "Title"].map(Into::into).to_vec();
        let dated = Dated { date: "EffDt".into(), seq: "EffSeq".into(), first: 0, kept };
        assert_eq!((&user.parts[0].dated, &user.parts[1].dated), (&None, &Some(dated)));
        assert_eq!(
            mapping.model().entity("User").unwrap().unique,
            [Native::own("LoginName"), Native::of("hr", "BadgeNo")]
        );
        let held: Vec<_> = mapping
            .model()
            .holders("User")
            .map(|held| (held.native.to_string(), held.by.attribute.to_string()))
            .collect();
        assert_eq!(
            held,
            [
                ("LeadLogin".to_owned(), "LoginName".to_owned()),
                ("TeamMember.Login".to_owned(), "LoginName".to_owned())
            ]
        );
        // What is written along is touched, and in nothing that is read or advertised.
        let touched = mapping.touched();
        let copy = Native::own("LoginNameLower");
        assert!(touched[0].written.contains(&copy) && !touched[0].read.contains(&copy));

        // The first number of a day may be another.
        let first = load(&format!("{TABLE}initial(\"p.S\", 1);")).unwrap();
        assert_eq!(table(&first, "User").parts[0].dated.as_ref().unwrap().first, 1);
    }

    #[test]
    fn a_part_has_as_many_key_columns_as_the_resource() {
        let text = |key: &str| {
            format!(
                "resource(\"User\").table(\"T\").id(\"A\", \"B\").part(\"p\", \"P\", {key}).on_delete(\"delete\");\n\
                     attr(\"externalId\", \"A\"); attr(\"userName\", \"B\"); attr(\"title\", \"p.Title\");"
            )
        };
        let mapping = load(&text("[\"X\", \"Y\"]")).unwrap();
        assert_eq!(table(&mapping, "User").parts[0].key.to_string(), "(X, Y)");
        let said = load(&text("\"X\"")).err().unwrap();
        assert!(said.contains("`part`") && said.contains("--> mapping.rhai:1:"), "{said}");
    }

    #[test]
    fn a_tenant_is_said_of_every_table() {
        let mapping = load(TENANTS).unwrap();
        let user = table(&mapping, "User");
        let tenant = Predicate::Test(Native::own("TenantId"), Test::Equals(Value::Integer(7), Case::Exact));
        let row = Row::from([("TenantId".into(), Value::Integer(7))]);
        let dept = table(&mapping, "User.dept");
        assert_eq!(
            [&user.only, &user.lookups[0].only, &user.parts[0].only, &user.children[0].only, &dept.only],
            [&tenant; 5]
        );
        assert_eq!([&user.lookups[0].initial, &user.children[0].initial], [&row; 2]);
        let written = &mapping.touched()[0].written;
        assert!(
            written.contains(&Native::own("TenantId")) && written.contains(&Native::of("detail", "TenantId"))
        );
        assert!(
            load(&TENANTS.replace("\"dept.TenantId\"", "\"detp.TenantId\""))
                .err()
                .unwrap()
                .contains("did you mean `dept`?")
        );
    }

    #[test]
    fn numbers_of_sequences_are_the_databases_own() {
        let text = format!(
            "{TABLE}initial(\"Id\", sequence(\"dbo.UserSeq\"));\ninitial(\"p.No\", sequence(\"dbo.PartSeq\"));"
        );
        let mapping = load(&text).unwrap();
        let user = table(&mapping, "User");
        assert_eq!(user.sequences, [("Id".into(), "dbo.UserSeq".into())]);
        assert_eq!(user.parts[0].sequences, [("No".into(), "dbo.PartSeq".into())]);
        // What SQLite does not have is a mistake there, with its place.
        let said = mapping.for_sqlite().err().unwrap();
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2);
        for part in ["error[G042]: SQLite has no sequences", "\"dbo.UserSeq\"", "--> mapping.rhai:4:1"] {
            assert!(said[0].contains(part), "{}", said[0]);
        }
    }

    #[test]
    fn what_cannot_be_so_is_refused_with_its_place_and_a_suggestion() {
        for (old, new, says) in [
            ("\"p.Title\"", "\"q.Title\"", "`q` is neither a `part` nor a `lookup`"),
            ("\"p.Title\"", "\"p.D\"", "D and S are given by the history itself"),
            (".dated(\"p\"", ".dated(\"pp\"", "did you mean `p`?"),
            (
                ".dated(\"p\", \"D\", \"S\")",
                ".dated(\"p\", \"D\", \"S\").dated(\"p\", \"D\", \"S\")",
                "a second time",
            ),
            (
                ".part(\"p\", \"P\", \"Id\")",
                ".part(\"p\", \"P\", \"Id\").part(\"p\", \"Q\", \"Id\")",
                "is no name for a part, or another's",
            ),
            (
                ".part(\"p\", \"P\", \"Id\")",
                ".part(\"p\", #{ dn: \"cn={userName},ou=x\", classes: [\"c\"] })",
                "beside a row it is one",
            ),
            (
                "attr(\"userName\", \"N\");",
                "attr(\"userName\", \"N\");\nattr(\"title\", \"L\").copy();",
                "no line above maps `title`",
            ),
            (
                "attr(\"userName\", \"N\");",
                "attr(\"userName\", \"N\");\nattr(\"userName\", \"N\").copy();",
                "`N` is written by another line",
            ),
            (
                "attr(\"userName\", \"N\");",
                "attr(\"userName\", \"N\");\nattr(\"userName\", \"L\").copy().unique();",
                "beside `copy` stand",
            ),
            (
                "attr(\"userName\", \"N\");",
                "attr(\"userName\", \"N\");\nattr(\"userName\", \"L\").copy().write(\"lowr\");",
                "no function `lowr`",
            ),
            (
                "attr(\"userName\", \"N\");",
                "attr([\"userName\", \"nickNmae\"], \"N\");",
                "did you mean `nickName`?",
            ),
            ("attr(\"userName\", \"N\");", "attr([\"userName\", \"userName\"], \"N\");", "a second time"),
            ("attr(\"userName\", \"N\");", "attr([], \"N\");", "names at least one path"),
            (
                "attr(\"userName\", \"N\");",
                "attr([\"userName\", \"nickName\"], [\"N\", \"M\"]);",
                "several paths show one native",
            ),
            ("attr(\"userName\", \"N\");", "attr(\"userName\", \"N\").by(\"M\");", "there is no `ref`"),
            ("attr(\"title\"", "initial(\"p.D\", \"x\");\nattr(\"title\"", "given by the history itself"),
            ("attr(\"title\"", "initial(\"p.S\", \"x\");\nattr(\"title\"", "is a whole number"),
            (
                "attr(\"title\"",
                "stamp(\"N2\", sequence(\"s\"));\nattr(\"title\"",
                "`sequence` is for `initial`",
            ),
            ("attr(\"title\"", "initial(\"N2\", sequence(\"\"));\nattr(\"title\"", "a sequence has a name"),
            (
                "attr(\"title\"",
                "initial(\"N2\", counter(\"cn=x\", \"y\"));\nattr(\"title\"",
                "in a table it is `sequence(",
            ),
            (
                ".on_delete(\"delete\")",
                ".on_delete(\"refuse\", #{ \"p.Title\": 1 }).on_delete(\"delete\")",
                "the resource's own row",
            ),
        ] {
            assert!(TABLE.contains(old), "{old}");
            let said = load(&TABLE.replacen(old, new, 1)).err().unwrap_or_else(|| panic!("{new} loads"));
            assert!(said.contains(says) && said.contains("--> mapping.rhai:"), "{new}\n{said}");
        }
    }
}

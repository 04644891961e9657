//! Keys of tables: what is said of them agrees, column by column, and no line changes one. A reference over several
//! columns has one native, which is named after them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::Position;
use serde_json::Value as Json;

use super::build::Builder;
use super::diagnostic::Code;
use super::draft::{DraftLine, DraftResource, DraftRest};
use super::line::{Access, ResourceMapping};
use super::values;
use crate::plan::{Key, Native, Nobody, OnDelete, Table};

impl DraftLine {
    /// The native that stands for a reference over several columns of one table, and the columns; `None` of any
    /// other line.
    pub(super) fn link(&self) -> Option<(Native, Key)> {
        if self.refs.is_empty() || self.natives.len() < 2 {
            return None;
        }
        let split = |native: &String| match native.rsplit_once('.') {
            Some((table, column)) => (Some(table.to_owned()), column.to_owned()),
            None => (None, native.clone()),
        };
        let (tables, columns): (BTreeSet<Option<String>>, Vec<String>) =
            self.natives.iter().map(split).unzip();
        let key = Key::of(columns)?;
        let part = tables.first().filter(|_| tables.len() == 1)?.as_deref().map(Arc::from);
        Some((Native { part, name: key.to_string().into() }, key))
    }
}

/// What references over several columns are that lead to nobody.
pub(super) fn nobody(draft: &DraftResource, of: &ResourceMapping) -> BTreeMap<Native, Nobody> {
    let one = |line: &DraftLine| {
        let (native, _) = line.link().filter(|(native, _)| native.part.is_none())?;
        let columns = line.missing.as_ref()?.as_array()?.iter().map(values::literal).collect();
        let is_written = of.lines.iter().any(|line| line.writable() && line.natives.contains(&native));
        Some((native, Nobody { columns, is_written: is_written && !draft.read_only }))
    };
    draft.lines.iter().filter_map(one).collect()
}

/// What a line over columns of the key may do: a resource keeps its id (RFC 7643 §3.1).
pub(super) fn access(draft: &DraftResource, line: &DraftLine, said: Access) -> Access {
    let is_of_key = |native: &String| draft.is_of_key(native);
    let writes_key = match line.refs.is_empty() {
        true => line.natives.iter().any(is_of_key),
        // What it has in common with the key stays anyway.
        false => line.natives.iter().all(is_of_key),
    };
    match (writes_key && draft.table.is_some(), said) {
        (true, Access::ReadWrite) => Access::Immutable,
        (_, said) => said,
    }
}

// === impl DraftResource ===

impl DraftResource {
    /// Whether a native of a line stands in the key: a column of it, or of a look-up whose foreign key does.
    fn is_of_key(&self, native: &str) -> bool {
        let is_own = |column: &String| self.ids.contains(column);
        match native.split_once('.') {
            None => self.ids.iter().any(|own| own == native),
            Some((alias, _)) => {
                let mut lookups = self.lookups.iter().filter(|lookup| lookup.alias == alias);
                lookups.any(|lookup| lookup.foreign_key.iter().all(is_own))
            }
        }
    }
}

// === impl Builder ===

impl Builder<'_> {
    /// That a line's references have as many columns as the keys that they lead to.
    pub(super) fn check_link(&mut self, of: &DraftResource, line: &DraftLine, drafts: &[DraftResource]) {
        if line.refs.is_empty() || (of.table.is_none() && line.natives.len() < 2) {
            return;
        }
        if of.table.is_none() {
            return self.wrong(Code::ReferenceForm, line.at, "an entry refers to another by one attribute");
        }
        let by_key = drafts.iter().filter(|target| line.by.is_none() && line.refs.contains(&target.name));
        for target in by_key {
            self.agrees(line.at, "this line", &line.natives, target);
        }
        if line.natives.len() < 2 {
            return;
        }
        self.has_no_twins(line.at, &line.natives);
        if line.link().is_none() {
            self.wrong(Code::ReferenceForm, line.at, "a reference stands in the columns of one table");
        }
        self.check_nobody(of, line);
    }

    /// That `missing` of a reference over several columns says what stands in each of them.
    fn check_nobody(&mut self, of: &DraftResource, line: &DraftLine) {
        let (Some(said), Some((native, key))) = (&line.missing, line.link()) else { return };
        let at = self.verb(line.at, "missing");
        let help = || Some(format!("`()` stands for NULL, and for a column of the key of a {}", of.name));
        if native.part.is_some() {
            let message = "a row of a collection that leads to nobody is none: `missing` means nothing here";
            return self.wrong(Code::MissingForm, at, message);
        }
        let Some(values) = said.as_array().filter(|values| values.len() == key.len()) else {
            let message = format!("`missing` is an array here, with what stands in each of {key}");
            return self.wrong_with_help(Code::MissingForm, at, message, help());
        };
        let mut columns = key.columns().iter().zip(values);
        if let Some((column, _)) =
            columns.find(|(name, value)| of.ids.contains(&name.to_string()) && !value.is_null())
        {
            let message =
                format!("`{column}` is of the key, which stays as it is: `missing` says `()` there");
            return self.wrong_with_help(Code::MissingForm, at, message, help());
        }
        if values.iter().all(Json::is_null) {
            let message = "NULL in each column leads to nobody by itself: `missing` says nothing here";
            self.wrong(Code::MissingForm, at, message);
        }
    }

    /// That what is said of the keys of a table agrees.
    pub(super) fn check_keys(&mut self, draft: &DraftResource, of: &ResourceMapping, table: &Table) {
        self.has_no_twins(draft.at, &draft.ids);
        for line in &draft.lines {
            match (&line.child, &line.child_by) {
                (Some(columns), None) => self.agrees(line.at, "`child`", columns, draft),
                (Some(columns), Some((by, at))) => self.check_child_by(columns, (by, *at)),
                (None, _) => {}
            }
        }
        if let Some((DraftRest::Column { key, .. }, at)) = &draft.rest {
            self.agrees(*at, "`rest`", key, draft);
        }
        for lookup in &draft.lookups {
            if lookup.key.len() != lookup.foreign_key.len() || lookup.key.is_empty() {
                let message = format!("the look-up `{}` has not as many foreign keys as keys", lookup.alias);
                self.wrong(Code::KeyColumns, draft.at, message);
            }
        }
        for stamp in draft.stamps.iter().filter(|stamp| draft.ids.contains(&stamp.native)) {
            self.wrong(
                Code::KeyWritten,
                stamp.at,
                format!("`stamp` would change the key's `{}`, and with it the id", stamp.native),
            );
        }
        self.check_in_common(draft, of, table);
    }

    /// That rows which belong to a resource by another column than its key name one, of its own row.
    fn check_child_by(&mut self, columns: &[String], (by, at): (&str, Position)) {
        if columns.len() != 1 {
            let message =
                format!("`{by}` stands in for the key in one column, and `child` names {}", columns.len());
            self.wrong(Code::KeyColumns, at, message);
        }
        if by.contains('.') {
            let message = format!(
                "`{by}` is no column of the resource's own table, which alone can stand in for its key"
            );
            self.wrong(Code::ReferenceForm, at, message);
        }
    }

    /// That DELETE does not change the key of what stays.
    pub(super) fn check_end(&mut self, draft: &DraftResource, how: &OnDelete, at: Position) {
        let OnDelete::Disable(disable) = how else { return };
        let account = disable.account.iter().map(|(native, _)| &native.name);
        if let Some(column) = account.chain(disable.values.keys()).find(|name| draft.is_of_key(name)) {
            self.wrong(
                Code::KeyWritten,
                at,
                format!("DELETE would change the key's `{column}`, and with it the id of what stays"),
            );
        }
    }

    /// What a reference or a look-up has in common with the resource's own key must be known before it is looked for; with
    /// anything else it can have nothing in common, for it would be written by both.
    fn check_in_common(&mut self, draft: &DraftResource, of: &ResourceMapping, table: &Table) {
        let at = |native: &Native| {
            let is_it = |line: &&DraftLine| line.link().is_some_and(|(known, _)| known == *native);
            draft.lines.iter().find(is_it).map_or(draft.at, |line| line.at)
        };
        let own = table.links.iter().filter(|(native, _)| native.part.is_none());
        let own = own.map(|(native, key)| (at(native), key, native.to_string()));
        let lookups = table.lookups.iter().filter(|lookup| lookup.foreign_key.len() > 1);
        let lookups = lookups.map(|lookup| (draft.at, &lookup.foreign_key, lookup.alias.to_string()));
        let all: Vec<(Position, &Key, String)> = own.chain(lookups).collect();
        for (at, key, name) in &all {
            let others = all.iter().filter(|(_, _, other)| other != name).map(|(_, key, _)| *key);
            let others: Vec<&Key> = others.collect();
            let is_key = key.columns().iter().all(|column| table.id.has(column));
            for column in key.columns() {
                let is_given = of.gives(&Native::own(column.clone()));
                match table.id.has(column) {
                    true if !is_given && !is_key => self.is_not_given(*at, name, column),
                    false if is_given || others.iter().any(|key| key.has(column)) => {
                        self.is_given_twice(*at, name, column);
                    }
                    _ => {}
                }
            }
        }
        for (native, key) in table.links.iter().filter(|(native, _)| native.part.is_some()) {
            self.check_in_child(at(native), of, table, (native, key));
        }
    }

    /// The same of a reference in a child table's row, which has the resource's own key beside it.
    fn check_in_child(
        &mut self,
        at: Position,
        of: &ResourceMapping,
        table: &Table,
        (native, key): (&Native, &Key),
    ) {
        let Some(child) = native.part.as_deref().and_then(|name| table.child(name)) else { return };
        let parts = of.collections.iter().filter(|collection| collection.table == child.table);
        let parts: Vec<&str> =
            parts.flat_map(|collection| &collection.parts).map(|part| &*part.column).collect();
        for column in key.columns() {
            let holder = child.key().and_then(|key| key.columns().iter().position(|name| name == column));
            let own = holder.and_then(|at| table.id.columns().get(at));
            match own {
                Some(own) if !of.gives(&Native::own(own.clone())) => {
                    self.is_not_given(at, &native.to_string(), own);
                }
                None if parts.contains(&&**column)
                    || child.initial.contains_key(column)
                    || child.foreign_key.has(column) =>
                {
                    self.is_given_twice(at, &native.to_string(), column);
                }
                _ => {}
            }
        }
    }

    fn is_not_given(&mut self, at: Position, name: &str, column: &str) {
        let message =
            format!("`{name}` has the key's `{column}` in it, and neither a line nor `initial` gives that");
        let help = format!("say it by a line, `initial(\"{column}\", …)` or `.only(#{{ {column}: … }})`");
        self.wrong_with_help(Code::KeyShared, at, message, Some(help));
    }

    fn is_given_twice(&mut self, at: Position, name: &str, column: &str) {
        let message = format!("`{name}` writes `{column}`, and so does something else of this mapping");
        self.wrong_with_help(
            Code::KeyShared,
            at,
            message,
            Some("only columns of the resource's own key may be shared".to_owned()),
        );
    }

    /// That as many columns are named as the key of a type has.
    pub(super) fn agrees(&mut self, at: Position, what: &str, columns: &[String], of: &DraftResource) {
        if columns.len() == of.ids.len() || of.ids.is_empty() {
            return;
        }
        let count = |number| if number == 1 { "1 column".to_owned() } else { format!("{number} columns") };
        let message = format!(
            "{what} names {}, and the key of a {} has {}",
            count(columns.len()),
            of.name,
            count(of.ids.len())
        );
        let help = format!("one for each of {}, in this order", of.ids.join(", "));
        self.wrong_with_help(Code::KeyColumns, at, message, Some(help));
    }

    fn has_no_twins(&mut self, at: Position, columns: &[String]) {
        let twin =
            columns.iter().enumerate().find(|(at, column)| columns.iter().take(*at).any(|c| c == *column));
        if let Some((_, column)) = twin {
            self.wrong(Code::KeyColumns, at, format!("`{column}` stands twice among the columns of a key"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Mapping;
    use crate::plan::{Key, Native, Nobody, Store, Table, Value};
    use crate::scim::path::AttrPath;
    use crate::scim::schema::Mutability;

    const GROUP: &str =
        "resource(\"Group\").table(\"G\").id(\"T\", \"C\").only(#{ T: \"x\" }).on_delete(\"delete\");\n";
    const USER: &str =
        "resource(\"User\").table(\"P\").id(\"T\", \"N\").only(#{ T: \"x\" }).on_delete(\"delete\");\n";
    const NAMES: &str = "attr(\"userName\", \"Login\");\n";

    fn load(text: &str) -> Result<Mapping, String> {
        let found = Mapping::parse("mapping.rhai", text, &BTreeMap::new());
        found.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    fn table(mapping: &Mapping, name: &str) -> Table {
        match mapping.model().entity(name).map(|entity| &entity.store) {
            Some(Store::Table(table)) => table.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn key(columns: &[&str]) -> Key {
        Key::of(columns.iter().copied()).unwrap()
    }

    #[test]
    fn a_reference_over_several_columns_has_one_native() {
        let text = format!(
            "{USER}{NAMES}attr(enterprise(\"manager\"), [\"T\", \"BossNo\"]).ref(\"User\");
             attr(enterprise(\"department\"), \"dept.Name\");
             attr(\"groups\", \"M\").child(\"MT\", \"MN\").read_only();
             attr(\"groups.value\", [\"M.MT\", \"M.Code\"]).ref(\"Group\");
             rest(\"Scim\", [\"ST\", \"SN\"], \"Doc\");
             {GROUP}attr(\"displayName\", \"C\");"
        );
        let lookup = ".lookup(\"dept\", \"D\", [\"T\", \"No\"], [\"T\", \"DeptNo\"]).on_delete";
        let mapping = load(&text.replacen(".on_delete", lookup, 1)).unwrap();
        let user = table(&mapping, "User");
        assert_eq!(user.id, key(&["T", "N"]));
        let manager = Native::own("(T, BossNo)");
        assert_eq!(user.columns(&manager), key(&["T", "BossNo"]));
        assert_eq!(user.columns(&Native::of("M", "(MT, Code)")), key(&["MT", "Code"]));
        assert_eq!(user.child("M").map(|child| child.foreign_key.clone()), Some(key(&["MT", "MN"])));
        assert_eq!(user.rest.map(|rest| rest.key), Some(key(&["ST", "SN"])));
        let lookup = &user.lookups[0];
        assert_eq!((&lookup.key, &lookup.foreign_key), (&key(&["T", "No"]), &key(&["T", "DeptNo"])));
        assert_eq!(table(&mapping, "User.dept").id, key(&["T", "No"]));
        let references = &mapping.model().entity("User").unwrap().references;
        assert_eq!(references.keys().cloned().collect::<Vec<_>>(), [manager, Native::of("M", "(MT, Code)")]);
    }

    #[test]
    fn a_reference_over_several_columns_may_be_unique_and_have_columns_for_nobody() {
        let text = format!(
            "{USER}{NAMES}attr(enterprise(\"manager\"), [\"T\", \"BossNo\"]).ref(\"User\").unique().missing([(), 0]);
             {GROUP}attr(\"displayName\", \"C\");"
        );
        let mapping = load(&text).unwrap();
        let manager = Native::own("(T, BossNo)");
        let nobody = Nobody { columns: vec![None, Some(Value::Integer(0))], is_written: true };
        let user = mapping.model().entity("User").unwrap();
        assert_eq!(table(&mapping, "User").nobody, BTreeMap::from([(manager.clone(), nobody)]));
        assert_eq!(
            (user.unique.clone(), user.references.keys().cloned().collect::<Vec<_>>()),
            (vec![manager.clone()], vec![manager])
        );
        let shown = load(&text.replace(".unique()", ".read_only()")).unwrap();
        assert!(table(&shown, "User").nobody.values().all(|nobody| !nobody.is_written));
    }

    #[test]
    fn what_stands_in_the_key_is_given_once() {
        let text = "resource(\"User\").table(\"P\").id(\"Login\", \"T\", \"D\").lookup(\"dept\", \"Dept\", \"Id\", \"D\").on_delete(\"delete\");
            attr(\"userName\", \"Login\").required(); attr(\"title\", [\"T\", \"U\"]).read(\"f\").write(\"g\");
            attr(\"nickName\", \"U2\"); attr(\"displayName\", \"T\").read_only(); attr(enterprise(\"department\"), \"dept.Name\");
            fn f(row) { row.T } fn g(x) { #{ T: x, U: x } }";
        let mapping = load(text).unwrap();
        let rt = &mapping.resources()[0].resource_type;
        for (name, expected) in [
            ("userName", Mutability::Immutable),
            ("title", Mutability::Immutable),
            ("nickName", Mutability::ReadWrite),
            ("displayName", Mutability::ReadOnly),
        ] {
            let found = rt.find(&AttrPath::attribute(name)).unwrap().attribute.mutability;
            assert_eq!(found, expected, "{name}");
        }
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let path = AttrPath { urn: Some(urn.to_owned()), ..AttrPath::attribute("department") };
        assert_eq!(rt.find(&path).unwrap().attribute.mutability, Mutability::Immutable);
    }

    #[test]
    fn rows_elsewhere_belong_to_a_resource_by_its_key_or_by_what_stands_in_for_it() {
        let text = "schema(\"urn:x:u\"); define(\"spares\", \"reference\").many().reference_types([\"Group\"]);
            resource(\"User\").table(\"P\").id(\"T\", \"N\").extension(\"urn:x:u\").on_delete(\"delete\");
            attr(\"userName\", \"Login\").required();
            attr(\"phoneNumbers\", \"Ph\").child(\"PT\", \"PN\"); attr(\"phoneNumbers.value\", \"Ph.Num\");
            attr(\"groups\", \"M\").child(\"Who\").by(\"Login\"); attr(\"groups.value\", \"M.Team\").ref(\"Group\");
            attr(\"urn:x:u:spares\", \"S.Name\").child(\"Holder\").by(\"Login\").ref(\"Group\").by(\"Code\");
            resource(\"Group\").table(\"G\").id(\"Id\").on_delete(\"delete\"); attr(\"displayName\", \"Code\");
            attr(\"members\", \"M\").child(\"Team\").by(\"Id\"); attr(\"members.value\", \"M.Who\").ref(\"User\").by(\"Login\");";
        let mapping = load(text).unwrap();
        let (user, group) = (table(&mapping, "User"), table(&mapping, "Group"));
        let by = |of: &Table, name: &str| of.child(name).unwrap().by.as_deref().map(str::to_owned);
        assert_eq!(
            ["Ph", "M", "S"].map(|name| by(&user, name)),
            [None, Some("Login".into()), Some("Login".into())]
        );
        assert_eq!(
            user.child("M").map(|child| (child.key(), child.foreign_key.clone())),
            Some((None, key(&["Who"])))
        );
        // Each `by` is about what stands before it.
        assert_eq!(&*user.stand_ins[&Native::of("S", "Name")].attribute, "Code");
        assert!(!user.stand_ins.contains_key(&Native::of("M", "Team")));
        let before = "resource(\"User\").table(\"P\").id(\"N\").on_delete(\"delete\"); attr(\"userName\", \"L\");
            attr(\"phoneNumbers\", \"Ph\").by(\"L\").child(\"PL\"); attr(\"phoneNumbers.value\", \"Ph.Num\");";
        let said = load(before).err().unwrap();
        assert!(
            said.contains("there is no `ref`; or, right behind `.child(…)`, of the resource itself"),
            "{said}"
        );
        let twice = text.replace(".by(\"Code\")", ".by(\"Code\").by(\"Name\")");
        assert!(load(&twice).err().unwrap().contains("`by` is said twice here"));
        // The key needs nothing to stand in for it.
        assert_eq!((by(&group, "M"), group.child("M").unwrap().key()), (None, Some(&key(&["Team"]))));
        let groups = mapping.resources()[0].resource_type.find(&AttrPath::attribute("groups")).unwrap();
        assert_eq!(groups.attribute.mutability, Mutability::ReadOnly);
    }

    #[test]
    fn every_mistake_in_a_key_has_a_sentence() {
        let user = USER.trim_end().trim_end_matches(';');
        let generated = user.replace(".only(#{ T: \"x\" })", "");
        let boss = |columns: &str| format!("attr(enterprise(\"manager\"), {columns}).ref(\"User\");");
        let members = |columns: &str| {
            format!(
                "{GROUP}attr(\"displayName\", \"C\"); attr(\"members\", \"M\").child(\"T\", \"C\"); \
                 attr(\"members.value\", {columns}).ref(\"User\");"
            )
        };
        for (text, says) in [
            (USER.replace("\"N\"", "\"T\""), "`T` stands twice among the columns of a key"),
            (format!("{USER}{NAMES}attr(\"phoneNumbers\", \"Ph\").child(\"T\"); attr(\"phoneNumbers.value\", \"Ph.N\");"),
             "`child` names 1 column, and the key of a User has 2 columns"),
            (format!("{USER}{NAMES}attr(\"phoneNumbers\", \"Ph\").child(\"T\", \"L\").by(\"Login\"); attr(\"phoneNumbers.value\", \"Ph.N\");"),
             "`Login` stands in for the key in one column, and `child` names 2"),
            (format!("{USER}{NAMES}attr(\"phoneNumbers\", \"Ph\").child(\"L\").by(\"hr.Login\"); attr(\"phoneNumbers.value\", \"Ph.N\");"),
             "`hr.Login` is no column of the resource's own table"),
            (format!("{USER}{NAMES}attr(\"groups\", \"M\").child(\"C\").by(\"Login\"); \
                     attr(\"groups.value\", [\"M.T\", \"M.C\"]).ref(\"Group\"); {GROUP}attr(\"displayName\", \"C\");"),
             "`M.(T, C)` writes `C`, and so does something else"),
            (format!("{USER}{NAMES}rest(\"S\", \"Id\", \"Doc\");"), "`rest` names 1 column, and the key of a User has 2 columns"),
            (format!("{USER}{NAMES}{}", boss("\"BossNo\"")), "this line names 1 column, and the key of a User has 2 columns"),
            (format!("{USER}{NAMES}{}", boss("[\"T\", \"B\", \"C\"]")), "this line names 3 columns, and the key of a User has 2"),
            (format!("{USER}{NAMES}{}", boss("[\"B\", \"B\"]")), "`B` stands twice among the columns of a key"),
            (format!("{USER}{NAMES}{}", boss("[\"X.A\", \"B\"]")), "a reference stands in the columns of one table"),
            (format!("{USER}{NAMES}{}", boss("[\"X.A\", \"X.B\"]")), "a reference stands in the resource's own columns"),
            (format!("{USER}{NAMES}{}", boss("[\"A\", \"B\"]").replace(".ref", ".missing(0).ref")), "`missing` is an array here, with what stands in each of (A, B)"),
            (format!("{USER}{NAMES}{}", boss("[\"A\", \"B\"]").replace(".ref", ".missing([0]).ref")), "`missing` is an array here, with what stands in each of (A, B)"),
            (format!("{USER}{NAMES}{}", boss("[\"T\", \"B\"]").replace(".ref", ".missing([\"x\", 0]).ref")), "`T` is of the key, which stays as it is: `missing` says `()` there"),
            (format!("{USER}{NAMES}{}", boss("[\"A\", \"B\"]").replace(".ref", ".missing([(), ()]).ref")), "NULL in each column leads to nobody by itself"),
            (format!("{USER}attr(\"userName\", \"Login\").missing([\"x\"]);"), "one native has one value that stands for no value"),
            (format!("{USER}{NAMES}{}", members("[\"M.T\", \"M.N\"]").replace("attr(\"members.value\", [\"M.T\", \"M.N\"])", "attr(\"members.value\", [\"M.T\", \"M.N\"]).missing([(), 0])")), "a row of a collection that leads to nobody is none"),
            (format!("{generated};{NAMES}{}", boss("[\"T\", \"B\"]")), "`(T, B)` has the key's `T` in it, and neither a line nor `initial` gives"),
            (format!("{USER}attr(\"userName\", \"B\");{}", boss("[\"T\", \"B\"]")), "`(T, B)` writes `B`, and so does something else"),
            (format!("{user}.lookup(\"d\", \"D\", [\"T\", \"Id\"], [\"T\", \"B\"]);{NAMES}{}attr(\"title\", \"d.Name\");", boss("[\"T\", \"B\"]")),
             "`(T, B)` writes `B`, and so does something else"),
            (format!("{user}.lookup(\"d\", \"D\", [\"T\", \"Id\"], [\"B\"]);{NAMES}attr(\"title\", \"d.Name\");"),
             "the look-up `d` has not as many foreign keys as keys"),
            (format!("{user}.lookup(\"d\", \"D\", [], []);{NAMES}attr(\"title\", \"d.Name\");"), "the look-up `d` has not as many"),
            (format!("{USER}{NAMES}stamp(\"T\", \"y\");"), "`stamp` would change the key's `T`"),
            (USER.replace("(\"delete\")", "(\"disable\", #{ T: \"gone\" })") + NAMES, "DELETE would change the key's `T`"),
            (format!("{USER}{NAMES}{}", members("\"M.N\"")), "this line names 1 column, and the key of a User has 2 columns"),
            (format!("{USER}{NAMES}{}", members("[\"M.T\", \"X.N\"]")), "a reference stands in the columns of one table"),
            (format!("{USER}{NAMES}{}", members("[\"M.T\", \"M.N\"]").replace(".only(#{ T: \"x\" })", "")), "`M.(T, N)` has the key's `T` in it"),
            (format!("{USER}{NAMES}{}initial(\"M.N\", 1);", members("[\"M.T\", \"M.N\"]")), "`M.(T, N)` writes `N`, and so does something else"),
            ("resource(\"User\").base(\"dc=x\").classes([\"p\"]).rdn(\"uid\", \"{userName}\").id(\"a\", \"b\").on_delete(\"delete\"); attr(\"userName\", \"uid\");".to_owned(),
             "an entry's id is one attribute"),
            (format!("resource(\"User\").base(\"dc=x\").classes([\"p\"]).rdn(\"uid\", \"{{userName}}\").on_delete(\"delete\"); attr(\"userName\", \"uid\");{}", boss("[\"a\", \"b\"]")),
             "an entry refers to another by one attribute"),
        ] {
            let said = load(&text).err().unwrap_or_default();
            assert!(said.contains(&format!("]: {says}")) && said.contains("mapping.rhai:"), "{text}\n{says}\n{said}");
        }
        // Its columns are nobody else's, and the tenant is given.
        let members = members("[\"M.T\", \"M.N\"]");
        load(&format!("{USER}{NAMES}{}{members}", boss("[\"T\", \"B\"]"))).unwrap();
    }
}

//! Drafts of whatever was seen can be loaded, and say what the names are, not more.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{directory, tables};
use crate::mapping::Mapping;
use crate::plan::{Store, Value};
use crate::survey::directory::{Directory, Entry, Server};
use crate::survey::tables::{Column, ForeignKey, Holds, Sample, Seen, Table, Tables, Values};

fn load(text: &str) -> Mapping {
    let loaded = Mapping::parse("mapping.rhai", text, &BTreeMap::new());
    loaded.unwrap_or_else(|mistakes| {
        panic!("{}\n{text}", mistakes.iter().map(ToString::to_string).collect::<String>())
    })
}

fn column(name: &str, holds: Holds) -> Column {
    Column {
        name: name.to_owned(),
        holds,
        longest: None,
        is_nullable: true,
        is_generated: false,
        has_default: false,
    }
}

/// People with a key of a number, and their groups; with a column and a table that are called so.
fn application(odd: &str, code: &str) -> (Tables, Seen) {
    let id = || Column { is_generated: true, is_nullable: false, ..column("Id", Holds::Integer) };
    let mut people = Table {
        name: "People".to_owned(),
        columns: vec![
            id(),
            column("Login", Holds::Text),
            column("Email", Holds::Text),
            column("Status", Holds::Text),
        ],
        primary: vec!["Id".to_owned()],
        is_writable: true,
        ..Table::default()
    };
    people.columns.push(column("FirstName", Holds::Text));
    people.columns.push(Column { is_nullable: false, ..column(odd, Holds::Text) });
    let groups = Table {
        name: format!("Groups {odd}"),
        columns: vec![id(), column("Name", Holds::Text)],
        primary: vec!["Id".to_owned()],
        is_writable: true,
        ..Table::default()
    };
    let key = |column: &str, table: &Table| ForeignKey {
        columns: vec![column.to_owned()],
        table: table.name.clone(),
        referenced: vec!["Id".to_owned()],
    };
    let members = Table {
        name: "Members".to_owned(),
        columns: vec![column("Person", Holds::Integer), column("In", Holds::Integer)],
        primary: vec!["Person".to_owned(), "In".to_owned()],
        foreign_keys: vec![key("Person", &people), key("In", &groups)],
        is_writable: true,
        ..Table::default()
    };
    let values = Values { filled: 3, most: vec![(Value::from(code), 2), (Value::from("T"), 1)] };
    let columns = ["Status", odd].map(|name| (name.to_owned(), values.clone()));
    let seen = [("People".to_owned(), Sample { rows: 3, columns: columns.into() })];
    (Tables { is_sqlite: true, tables: vec![people, groups, members] }, seen.into())
}

fn drafted((tables, seen): &(Tables, Seen)) -> String {
    tables::mapping(&tables::Outline::of(tables).unwrap(), seen)
}

/// Names and values that would like to be code.
fn hostile() -> impl Strategy<Value = String> {
    let odd = "[\"'`\\\\\n\r\t{}$;()/*#\u{0}\u{85}\u{2028}\u{202e} aé]{1,20}";
    prop_oneof![
        odd,
        any::<String>(),
        Just("\"); throw 1; (\"".to_owned()),
        Just("*/ x\n\nfn plan_create(row, plan) {}".to_owned())
    ]
}

proptest! {
    #[test]
    fn names_and_values_of_a_database_are_only_names_and_values(odd in hostile(), code in hostile()) {
        let odd = odd.replace('.', ",");
        prop_assume!(!odd.trim().is_empty());
        let mapping = load(&drafted(&application(&odd, &code)));
        prop_assert_eq!(mapping.resources().len(), 2);
        let group = mapping.model().entity("Group").unwrap();
        let Store::Table(table) = &group.store else { panic!() };
        prop_assert_eq!(&*table.name, &format!("Groups {odd}"));
    }

    #[test]
    fn names_of_a_directory_are_only_names(odd in hostile(), other in hostile()) {
        let unit = format!("ou={odd},dc=x");
        let person = |text: &str| Entry {
            rdn: "uid".to_owned(),
            above: vec![unit.clone(), "dc=x".to_owned()],
            first: ["uid", "gidnumber", "loginshell", "userprincipalname"]
                .map(|name| (name.to_owned(), text.to_owned()))
                .into(),
            classes: ["inetorgperson", "posixaccount"].map(str::to_owned).into(),
        };
        for server in [Server::OpenLdap, Server::Ds389, Server::ActiveDirectory, Server::Other] {
            let found = Directory {
                server,
                contexts: vec!["dc=x".to_owned()],
                people: vec![person(&other), person(&format!("a@{other}"))],
                counters: vec![("uidNumber".to_owned(), format!("cn={other}"))],
                ..Directory::default()
            };
            let mapping = load(&directory::mapping(&found));
            let Store::Entries(entries) = &mapping.model().entity("User").unwrap().store else { panic!() };
            prop_assert_eq!(&entries.base, &unit);
        }
    }
}

#[test]
fn what_must_have_a_value_gets_the_usual_one_and_says_so() {
    let text = drafted(&application("Site", "A"));
    assert!(
        text.contains(
            "// decide: Site must have a value; 2 of 3 rows have this one.\ninitial(\"Site\", \"A\");"
        ),
        "{text}"
    );
    assert!(text.contains("\"Status\").values([[\"A\", true], [\"T\", false]]);"), "{text}");
    // Nothing keeps two from having one login.
    assert!(text.contains("attr(\"userName\",                     \"Login\").required();"), "{text}");
}

#[test]
fn what_nobody_can_make_up_makes_a_type_read_only() {
    let mut application = application("Site", "A");
    application.0.tables[0].columns.push(Column { is_nullable: false, ..column("Photo", Holds::Other) });
    let text = drafted(&application);
    assert!(
        text.contains("// decide: how a User comes to be: Photo must have a value, and none can be made up."),
        "{text}"
    );
    assert!(
        text.contains(".read_only().on_delete(\"refuse\");") && !text.contains("initial(\"Site\""),
        "{text}"
    );
    load(&text);
    application.0.tables[0].columns.pop();
    application.0.tables[0].is_writable = false;
    let text = drafted(&application);
    assert!(
        text.contains("// This login may not write People: Users are shown, and stay as they are."),
        "{text}"
    );
    load(&text);
}

#[test]
fn where_nothing_looks_like_people_that_is_said() {
    let tables = |names: &[&str]| Tables {
        is_sqlite: true,
        tables: names.iter().map(|name| Table { name: (*name).to_owned(), ..Table::default() }).collect(),
    };
    let said = |names: &[&str]| tables::Outline::of(&tables(names)).unwrap_err();
    assert!(said(&["Invoice", "Item"]).contains("among Invoice, Item"));
    assert!(said(&[]).contains("there are no tables"));
}

#[test]
fn without_what_follows_names_groups_are_only_read() {
    let found = Directory {
        server: Server::OpenLdap,
        contexts: vec!["dc=x".to_owned()],
        helpers: Some(["memberof".to_owned()].into()),
        ..Directory::default()
    };
    let text = directory::mapping(&found);
    assert!(text.contains("switch refint on"), "{text}");
    assert!(text.contains("\"memberOf\").many()") && !text.contains("pwdAccountLockedTime"), "{text}");
    load(&text);
}

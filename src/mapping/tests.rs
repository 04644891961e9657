//! The mapping language as a whole: the ready mappings, the examples of its reference, its mistakes.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::diagnostic::Diagnostic;
use super::{Mapping, Reason, ResourceMapping, Verdict, Versions};
use crate::plan::{
    AttributeChange, By, Case, Change, Changes, DeleteRule, Disable, Disabled, Folding, HookStep, Instants,
    ModifyKind, Move, Native, OnDelete, Order, Param, Precision, Predicate, Profile, Record, Row, Sort,
    Store, Test, Value,
};
use crate::scim::filter;
use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;
use crate::scim::schema::Mutability;
use crate::scim::sort::SortBy;

const CRM: &str = include_str!("../../mappings/crm/mapping.rhai");
const PLAIN: &str = include_str!("../../mappings/plain/mapping.rhai");
const OPENLDAP: &str = include_str!("../../mappings/openldap/mapping.rhai");
const POSIX: &str = include_str!("../../mappings/openldap-posix/mapping.rhai");
const DS389: &str = include_str!("../../mappings/389ds/mapping.rhai");
const ACTIVE_DIRECTORY: &str = include_str!("../../mappings/active-directory/mapping.rhai");
const REFERENCE: &str = include_str!("../../mappings/README.md");

const SQLITE: Profile = Profile {
    kind: "SQLite",
    folding: Folding::Ascii,
    text: Precision::Exact,
    ordering: true,
    instants: Instants::Exact,
    bits: true,
    windows: true,
};
const LDAP: Profile = Profile {
    kind: "LDAP",
    folding: Folding::Directory,
    text: Precision::Over,
    ordering: false,
    instants: Instants::Seconds(&["createTimestamp", "modifyTimestamp"]),
    bits: false,
    windows: false,
};

fn load(text: &str) -> Result<Mapping, Vec<Diagnostic>> {
    let params = [("people", "ou=people,dc=x"), ("groups", "ou=groups,dc=x"), ("posix", "ou=posix,dc=x")];
    let asked_for = params.into_iter().filter(|(name, _)| text.contains(&format!("\"{name}\"")));
    let params: BTreeMap<String, String> = asked_for.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Mapping::parse("mapping.rhai", text, &params)
}

fn good(text: &str) -> Mapping {
    load(text).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn user(mapping: &Mapping) -> &ResourceMapping {
    mapping.resources().iter().find(|of| of.resource_type.name == "User").unwrap()
}

fn object(value: Json) -> Resource {
    value.as_object().unwrap().clone()
}

fn mistake(text: &str) -> String {
    let Err(mistakes) = load(text) else { panic!("no mistake found in {text}") };
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

// === loading ===

#[test]
fn the_ready_mappings_load() {
    for text in [CRM, PLAIN, OPENLDAP, POSIX, DS389, ACTIVE_DIRECTORY] {
        assert_eq!(good(text).resources().len(), 2);
    }
    // Where leavers go is a param: without it there are none.
    let mut params = BTreeMap::from(
        ["people", "groups", "leavers", "domain"].map(|name| (name.to_owned(), format!("ou={name}"))),
    );
    let rule = |params: &_| {
        let mapping = Mapping::parse("mapping.rhai", ACTIVE_DIRECTORY, params)
            .unwrap_or_else(|_| panic!("it does not load"));
        mapping.model().entity("User").unwrap().on_delete[0].how.place().map(str::to_owned)
    };
    assert_eq!(rule(&params).as_deref(), Some("ou=leavers"));
    params.remove("leavers");
    assert_eq!(rule(&params), None);
}

#[test]
fn every_example_of_the_reference_loads() {
    let examples: Vec<&str> =
        REFERENCE.split("```rhai\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 9, "only {} examples", examples.len());
    for example in examples {
        // An example may refer to a type that it need not show.
        let groups = "resource(\"Group\").table(\"G\").id(\"Id\").on_delete(\"delete\"); attr(\"displayName\", \"N\");";
        let whole = if example.contains("resource(\"Group\")") {
            example.to_owned()
        } else {
            format!("{example}\n{groups}")
        };
        good(&whole);
    }
}

#[test]
fn mistakes_have_a_place_and_a_suggestion() {
    let said = mistake(
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");\nattr(\"userNmae\", \"N\");\nattr(\"active\", \"A\").requird();\n",
    );
    assert!(said.contains("there is no verb or function `requird`"), "{said}");
    assert!(said.contains("--> mapping.rhai:3:"), "{said}");
    assert!(said.contains("did you mean `required`?"), "{said}");
    let said = mistake(
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");\nattr(\"userNmae\", \"N\");\nattr(\"name\", \"X\");\nattr(\"displayName\", \"D\").read(\"nobody\");",
    );
    for part in [
        "a User has no attribute `userNmae`",
        "did you mean `userName`?",
        "mapping.rhai:2:1",
        "`name` has sub-attributes",
        "no function `nobody`",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
}

#[test]
fn a_verb_with_wrong_values_is_told_so_in_an_admins_words() {
    let start = "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");";
    let line = "attr(\"userName\", \"N\")";
    for (verb, says) in [
        ("max_len(\"x\")", "error[G012]: `max_len` does not take these values: text"),
        ("child(5)", "error[G012]: `child` does not take these values: number"),
        ("table(\"x\")", "error[G013]: `table` is said of `resource`, not of `attr`"),
        ("on_error()", "error[G013]: `on_error` begins a statement of its own, and is chained to none"),
    ] {
        let said = mistake(&format!("{start} {line}.{verb};"));
        assert!(said.starts_with(&format!("{says}\n --> mapping.rhai:1:")), "{said}");
    }
    let said = mistake(&format!("{start} {line}.read(\"f\"); fn f(a, b) {{ a }}"));
    assert!(said.contains("no function `f` of one value") && !said.contains("did you mean"), "{said}");
}

#[test]
fn a_script_can_neither_run_on_nor_reach_out() {
    for text in [
        "loop { }",
        "import \"x\" as y;",
        "eval(\"1\");",
        "sleep(1);",
        "fn f() { f() } f();",
        "let s = \"x\"; loop { s += s; }",
        "print(open(\"/etc/passwd\"));",
    ] {
        mistake(text);
    }
}

#[test]
fn a_mapping_may_load_slowly() {
    let slow =
        "let s = \"x\"; while s.len() < 8000 { s += s; } for i in range(0, 400) { s.replace(\"y\", \"z\"); }";
    good(&format!("{slow}\n{CRM}"));
}

#[test]
fn a_misspelt_column_in_a_function_is_an_error() {
    let text = |body: &str| {
        format!(
            "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\"); attr(\"userName\", \"N\");
             attr(\"name.formatted\", [\"A\", \"B\"]).read_only().read(\"full\"); fn full(row) {{ {body} }}"
        )
    };
    let said = mistake(&text("row.Aa"));
    assert!(said.contains("error[G073]: `row` has no `Aa`: it holds A, B"), "{said}");
    // Where the text does not say which column it is, it is an error when it comes to that.
    let mapping = good(&text("if row.A == \"x\" { row[row.A + \"a\"] } else { row.A }"));
    let record = Record {
        id: "1".to_owned(),
        values: [(Native::own("A"), vec!["x".into()])].into(),
        ..Record::default()
    };
    assert_eq!(mapping.read(user(&mapping), &record, "").unwrap_err().status, 500);
}

#[test]
fn several_paths_show_what_the_first_writes() {
    let mapping = good(
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\"); \
         attr([\"userName\", \"nickName\", `emails[primary eq true].value`], \"N\").required().unique();",
    );
    let of = user(&mapping);
    let written =
        mapping.write(of, &object(json!({ "userName": "ada", "nickName": "other" })), None).unwrap();
    assert_eq!(written.values, [(Native::own("N"), vec!["ada".into()])].into());
    let read = mapping.read(of, &Record { id: "1".to_owned(), ..written }, "").unwrap();
    assert_eq!(
        (&read["userName"], &read["nickName"], &read["emails"]),
        (&json!("ada"), &json!("ada"), &json!([{ "value": "ada", "primary": true }]))
    );
    for (path, mutability) in [
        ("userName", Mutability::ReadWrite),
        ("nickName", Mutability::ReadOnly),
        ("emails", Mutability::ReadOnly),
    ] {
        let found = of.resource_type.find(&AttrPath::attribute(path)).unwrap().attribute;
        assert_eq!((found.mutability, found.required), (mutability, path == "userName"), "{path}");
    }
    // By either of them the database is asked, and exactly.
    let asked = |text: &str| {
        let filter = filter::check(filter::parse(text).unwrap(), &of.resource_type).unwrap();
        let pushed = mapping.push(of, &filter, &SQLITE);
        (pushed.predicate, pushed.exact)
    };
    assert_eq!(asked("nickName eq \"ada\""), asked("userName eq \"ada\""));
    assert!(asked("nickName eq \"ada\"").1);
}

// === reading and writing ===

fn ada() -> Resource {
    object(json!({
        "userName": "ada", "name": {"givenName": "Ada", "familyName": "Lovelace", "middleName": "King"}, "active": false,
        "emails": [{"type": "work", "value": "ada@x.test", "primary": true}, {"type": "home", "value": "a@home.test"}],
        "phoneNumbers": [{"type": "work", "value": "1"}, {"type": "work", "value": "2"}, {"type": "fax", "value": "3"}],
        "title": "Countess",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}
    }))
}

#[test]
fn nothing_that_a_client_sends_is_lost() {
    let mapping = good(CRM);
    let of = user(&mapping);
    let mut record = mapping.write(of, &ada(), None).unwrap();
    assert_eq!(record.values[&Native::own("StatusCd")], vec![Value::from("T")]);
    assert_eq!(record.values[&Native::of("dept", "Name")], vec![Value::from("Sales")]);
    let rows = &record.children["UserPhone"];
    assert_eq!(rows.len(), 1, "a second phone of one kind and a fax have no row: {rows:?}");
    record.rest = mapping.rest_of(of, &ada(), &record).unwrap();
    record.id = "7".to_owned();
    let read = mapping.read(of, &record, "https://x.test/scim").unwrap();
    for (name, value) in ada() {
        match (&value, &read[&name]) {
            (Json::Array(sent), Json::Array(read)) => {
                assert!(sent.iter().all(|element| read.contains(element)), "{name}: {read:?}");
                assert_eq!(sent.len(), read.len(), "{name}");
            }
            (Json::Object(sent), Json::Object(read)) => {
                assert!(sent.iter().all(|(key, value)| read.get(key) == Some(value)))
            }
            (sent, read) => assert_eq!(*sent, *read, "{name}"),
        }
    }
    assert_eq!(read["name"]["formatted"], "Ada Lovelace");
    assert_eq!(read["meta"]["location"], "https://x.test/scim/Users/7");
}

#[test]
fn a_code_that_means_the_same_stays() {
    let mapping = good(CRM);
    let of = user(&mapping);
    let actual = Record {
        id: "7".to_owned(),
        values: [(Native::own("LoginName"), vec!["ada".into()]), (Native::own("StatusCd"), vec!["L".into()])]
            .into(),
        ..Record::default()
    };
    let before = mapping.read(of, &actual, "").unwrap();
    assert_eq!(before["active"], false);
    let changes = |after: &Resource| {
        let written_before = mapping.write(of, &before, Some(&before)).unwrap();
        let written_after = mapping.write(of, after, Some(&before)).unwrap();
        let rest = mapping.rest_of(of, after, &written_after).unwrap();
        let versions = Versions {
            actual: &actual,
            written_before: &written_before,
            after,
            written_after: &written_after,
            rest,
        };
        mapping.changes(of, &versions, OffsetDateTime::UNIX_EPOCH).unwrap()
    };
    assert!(changes(&before).is_empty(), "nothing changed, so not even a stamp is written");
    let mut after = before.clone();
    after.insert("active".to_owned(), true.into());
    let change = changes(&after).values[&Native::own("StatusCd")].clone();
    assert_eq!(change, Change { remove: vec!["L".into()], add: vec!["A".into()], repeatable: false });
}

/// What changes when a client makes `after` of what a User's entry or row holds.
fn changes(mapping: &Mapping, actual: &Record, change: impl Fn(&mut Resource)) -> Changes {
    let of = user(mapping);
    let before = mapping.read(of, actual, "").unwrap();
    let mut after = before.clone();
    change(&mut after);
    let written_before = mapping.write(of, &before, Some(&before)).unwrap();
    let written_after = mapping.write(of, &after, Some(&before)).unwrap();
    let (written_before, written_after) = (&written_before, &written_after);
    let versions = Versions { actual, written_before, after: &after, written_after, rest: None };
    mapping.changes(of, &versions, OffsetDateTime::UNIX_EPOCH).unwrap()
}

fn held(values: &[(&str, &[&str])]) -> Record {
    let values = values.iter().map(|(native, values)| {
        (Native::own(*native), values.iter().map(|value| Value::from(*value)).collect())
    });
    Record { id: "7".to_owned(), values: values.collect(), ..Record::default() }
}

const ACCOUNT: &str = r#"
resource("User").base("ou=people,dc=x").classes(["user"]).rdn("CN", "{userName}")
  .parent("place", ["department"]).on_delete("move", "ou=leavers,dc=x");
attr("userName", "sAMAccountName");
attr("active", "uac").values([[bit_clear(2), true], [bit_set(2), false]]);
attr("title", "info").prefix("title:");
attr(`emails[type eq "home"].value`, "mails").prefix("HOME:");
attr(`emails[type eq "other"].value`, "mails").many().prefix("smtp:").case_exact();
attr(enterprise("department"), "department");
initial("uac", 512);
fn place(user) { if user.department == () { "ou=people,dc=x" } else { `ou=${escape_dn(user.department)},ou=people,dc=x` } }
"#;

#[test]
fn of_a_number_only_the_bit_changes() {
    let mapping = good(ACCOUNT);
    let of = user(&mapping);
    let created = |active: Option<bool>| {
        let mut sent = object(json!({"userName": "ada"}));
        sent.extend(active.map(|active| ("active".to_owned(), active.into())));
        mapping.complete(of, &mut sent);
        let mut record = mapping.write(of, &sent, None).unwrap();
        mapping.initialise(of, &sent, OffsetDateTime::UNIX_EPOCH, &mut record).unwrap();
        (sent["active"].clone(), record.values[&Native::own("uac")].clone())
    };
    assert_eq!(created(None), (true.into(), vec![Value::Integer(512)]));
    assert_eq!(created(Some(true)), (true.into(), vec![Value::Integer(512)]));
    assert_eq!(created(Some(false)), (false.into(), vec![Value::Integer(514)]));
    // It cannot be taken away, so a client is told that it is always there.
    assert!(of.resource_type.find(&AttrPath::attribute("active")).unwrap().attribute.required);

    let actual = held(&[("sAMAccountName", &["ada"]), ("uac", &["66050"])]);
    let change =
        |active: bool| changes(&mapping, &actual, |user| _ = user.insert("active".into(), active.into()));
    assert!(change(false).is_empty());
    let expected =
        Change { remove: vec!["66050".into()], add: vec![Value::Integer(66048)], repeatable: false };
    assert_eq!(change(true).values[&Native::own("uac")], expected);
}

#[test]
fn a_bit_is_asked_for_where_the_backend_can_test_it() {
    let mapping = good(ACCOUNT);
    let inactive = pushed(&mapping, &SQLITE, "active eq false");
    assert_eq!(inactive, (Predicate::Test(Native::own("uac"), Test::Bit(2)), true));
    let inactive = pushed(&mapping, &LDAP, "active eq false");
    assert_eq!(inactive, (Predicate::All, false));
}

#[test]
fn bits_and_whole_values_do_not_mix() {
    let start = "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\"); attr(\"active\", \"N\")";
    let said = mistake(&format!("{start}.values([[bit_set(2), false], [512, true]]);"));
    assert!(said.contains("not beside whole values"), "{said}");
    for bit in ["0", "3", "-2"] {
        let said = mistake(&format!("{start}.values([[bit_set({bit}), false]]);"));
        assert!(said.contains("one bit is needed"), "{said}");
    }
}

#[test]
fn of_values_with_a_prefix_the_others_stay() {
    let mapping = good(ACCOUNT);
    let mails: &[&str] = &["SMTP:ada@x.test", "smtp:b@x.test", "HOME:h@x.test", "smtp:c@x.test", "X500:/o=x"];
    let actual =
        held(&[("sAMAccountName", &["ada"]), ("info", &["note", "title:Countess"]), ("mails", mails)]);
    let read = mapping.read(user(&mapping), &actual, "").unwrap();
    assert_eq!(read["title"], "Countess");
    let mails: Vec<_> =
        read["emails"].as_array().unwrap().iter().map(|mail| mail["value"].as_str()).collect();
    assert_eq!(mails, [Some("h@x.test"), Some("b@x.test"), Some("c@x.test")]);
    let change = changes(&mapping, &actual, |user| {
        user.insert("title".to_owned(), "Lady".into());
        let mails =
            json!([{ "type": "other", "value": "c@x.test" }, { "type": "home", "value": "n@x.test" }]);
        user.insert("emails".to_owned(), mails);
    });
    let swap = |remove: &[&str], add: &[&str]| {
        let values = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect();
        Change { remove: values(remove), add: values(add), repeatable: false }
    };
    assert_eq!(change.values[&Native::own("info")], swap(&["title:Countess"], &["title:Lady"]));
    let expected = swap(&["HOME:h@x.test", "smtp:b@x.test"], &["HOME:n@x.test"]);
    assert_eq!(change.values[&Native::own("mails")], expected);
    // Asked for as what the values start with, whose case is re-checked.
    let starts =
        |text: &str| Predicate::Test(Native::own("info"), Test::StartsWith(text.into(), Case::Folded));
    for (filter, text) in [
        ("title eq \"a\"", "title:a"),
        ("title sw \"a\"", "title:a"),
        ("title co \"a\"", "title:"),
        ("title pr", "title:"),
    ] {
        let found = pushed(&mapping, &SQLITE, filter);
        assert_eq!(found, (starts(text), false), "{filter}");
    }
}

#[test]
fn a_function_says_where_an_entry_stands() {
    let mapping = good(ACCOUNT);
    let department = |name: &str| json!({ "department": name });
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let mut sent = object(json!({"userName": "ada", "active": true}));
    let place = |sent: &Resource| mapping.write(user(&mapping), sent, None).unwrap().parent;
    assert_eq!(place(&sent).as_deref(), Some("ou=people,dc=x"));
    sent.insert(ENTERPRISE.to_owned(), department("a,ou=b+ "));
    assert_eq!(place(&sent).as_deref(), Some("ou=a\\,ou\\=b\\+\\ ,ou=people,dc=x"));
    let actual = held(&[("sAMAccountName", &["ada"]), ("uac", &["512"]), ("department", &["Sales"])]);
    let moved = changes(&mapping, &actual, |user| _ = user.insert(ENTERPRISE.into(), department("IT")));
    assert_eq!(moved.parent.as_deref(), Some("ou=IT,ou=people,dc=x"));
    let stays = changes(&mapping, &actual, |user| _ = user.insert("title".into(), "x".into()));
    assert_eq!(stays.parent, None);

    let said = mistake(&ACCOUNT.replace("\"place\", [\"department\"]", "\"palce\", [\"departmnt\"]"));
    for part in [
        "no function `palce`",
        "did you mean `place`?",
        "no line writes `departmnt`",
        "did you mean `department`?",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
}

#[test]
fn a_leaver_is_disabled_as_active_says() {
    let rule = |text: &str| good(text).model().entity("User").unwrap().on_delete.clone();
    let moved = |disabled| {
        vec![DeleteRule::always(OnDelete::Move(Move { to: "ou=leavers,dc=x".to_owned(), disabled }))]
    };
    let bits = Disabled::Bits { set: 2, clear: 0 };
    assert_eq!(rule(ACCOUNT), moved(vec![(Native::own("uac"), bits)]));
    let locked = OPENLDAP.replacen("on_delete(\"delete\")", "on_delete(\"move\", \"ou=leavers,dc=x\")", 1);
    let value = Disabled::Value(Some("000001010000Z".into()));
    assert_eq!(rule(&locked), moved(vec![(Native::own("pwdAccountLockedTime"), value)]));
    for (text, says) in [
        (ACCOUNT.replace("\"move\", \"ou=leavers,dc=x\"", "\"move\""), "is moved to a DN"),
        (ACCOUNT.replace("\"move\"", "\"delete\""), "has no place to go to"),
    ] {
        let said = mistake(&text);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn only_says_what_exists_and_a_new_resource_has_its_literals() {
    let text = "resource(\"User\").table(\"T\").id(\"Id\").only(#{ Kind: \"staff\", Left: (), Site: any() })
        .on_delete(\"disable\", #{ Left: 1 }, #{ Frozen: false }).on_delete(\"refuse\");
        attr(\"userName\", \"N\").unique(); attr(\"active\", \"S\").values([[\"A\", true], [\"T\", false]]);";
    let mapping = good(text);
    let entity = mapping.model().entity("User").unwrap();
    let test = |name: &str, test| Predicate::Test(Native::own(name), test);
    let staff = test("Kind", Test::Equals("staff".into(), Case::Exact));
    let expected = staff.and(test("Left", Test::Present).not()).and(test("Site", Test::Present));
    let Store::Table(table) = &entity.store else { panic!("{entity:?}") };
    assert_eq!(table.only, expected);
    let Store::Table(everybody) = &mapping.model().entity(entity.unscoped.as_ref().unwrap()).unwrap().store
    else {
        panic!()
    };
    assert_eq!(everybody.only, Predicate::All);
    let disable = Disable {
        account: vec![(Native::own("S"), Disabled::Value(Some("T".into())))],
        values: Row::from([("Left".into(), Value::Integer(1))]),
        moments: Vec::new(),
    };
    let frozen = Row::from([("Frozen".into(), Value::Bool(false))]);
    let rules =
        [DeleteRule { rows: frozen, how: OnDelete::Disable(disable) }, DeleteRule::always(OnDelete::Refuse)];
    assert_eq!(entity.on_delete, rules);
    assert_eq!(mapping.warnings(), []);

    let mut record = Record::default();
    mapping.initialise(user(&mapping), &Resource::new(), OffsetDateTime::UNIX_EPOCH, &mut record).unwrap();
    assert_eq!(record.values, BTreeMap::from([(Native::own("Kind"), vec!["staff".into()])]));
}

/// The commonest way to keep who is deleted: a column says since when.
#[test]
fn who_is_deleted_may_get_the_instant() {
    let text = |values: &str| {
        format!(
            "resource(\"User\").table(\"T\").id(\"Id\").only(#{{ Left: () }}).on_delete(\"disable\", #{{ {values} }});
             attr(\"userName\", \"N\");"
        )
    };
    let mapping = good(&text("Left: now(), Day: today()"));
    let OnDelete::Disable(disable) = &mapping.model().entity("User").unwrap().on_delete[0].how else {
        panic!()
    };
    assert_eq!(disable.values, Row::from([("Day".into(), Value::Today)]));
    assert_eq!(disable.moments, ["Left".into()]);
    assert_eq!((mapping.warnings(), good(&text("Left: today()")).warnings()), (&[][..], &[][..]));
    let written = &mapping.touched()[0].written;
    assert!(written.contains(&Native::own("Left")) && written.contains(&Native::own("Day")));
}

#[test]
fn find_says_by_what_filters_look() {
    let text = |exact: &str| {
        format!(
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");
         attr(\"userName\", \"N\").read(\"up\").write(\"low\").find(\"N\", \"low\"){exact};
         attr(\"title\", [\"A\", \"B\"]).read_only().read(\"both\").find(\"A\", \"ask\"){exact};
         fn up(v) {{ v.to_upper() }} fn low(v) {{ if v == \"x\" {{ throw \"no\" }} else {{ v.to_lower() }} }}
         fn both(r) {{ `${{r.A}}/${{r.B}}` }}
         fn ask(path, op, v) {{ switch op {{ \"eq\" if path == \"title\" => v.split(\"/\")[0], \"gt\" => gt(7), _ => () }} }}"
    )
    };
    let is =
        |name: &str, value: &str| Predicate::Test(Native::own(name), Test::Equals(value.into(), Case::Exact));
    for (exact, is_exact) in [("", false), (".exact()", true)] {
        let mapping = good(&text(exact));
        let pushed = |filter: &str| pushed(&mapping, &SQLITE, filter);
        assert_eq!(pushed("userName eq \"ADA\""), (is("N", "ada"), is_exact));
        assert_eq!(pushed("title eq \"a/b\""), (is("A", "a"), is_exact));
        let greater = Predicate::Test(Native::own("A"), Test::Compare(Order::Greater, Value::Integer(7)));
        assert_eq!(pushed("title gt \"b\""), (greater, is_exact));
        // A negation of what is only a superset asks for nothing, and is checked here.
        assert_eq!(
            pushed("not (userName eq \"a\")"),
            match is_exact {
                true => (is("N", "a").not(), true),
                false => (Predicate::All, false),
            }
        );
        for unasked in ["userName sw \"a\"", "userName eq \"x\"", "title sw \"b\"", "title pr"] {
            assert_eq!(pushed(unasked), (Predicate::All, false), "{unasked}");
        }
    }
    let directory = Profile { text: Precision::Over, ordering: false, ..SQLITE };
    assert_eq!(pushed(&good(&text(".exact()")), &directory, "userName eq \"a\""), (is("N", "a"), false));
    let line = |verbs: &str| {
        format!(
            "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\"); attr(\"userName\", \"N\"){verbs}; fn f(a, b) {{ a }}"
        )
    };
    for (verbs, says) in [
        (".exact()", "there is none here"),
        (".find(\"N\", \"f\")", "no function `f` of one value"),
        (".ref(\"User\").find(\"N\", \"f\")", "`find` is for values"),
        (".find(\"x.N\", \"f\")", "neither a `part` nor a `lookup` nor a child table"),
    ] {
        let said = mistake(&line(verbs));
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn several_natives_hold_one_value_together() {
    let mapping = good(
        "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"disable\").only(#{ Kind: \"E\" });
         attr(\"userName\", [\"Realm\", \"Login\"]).required().read(\"joined\").write(\"split\");
         attr(\"active\", [\"Kind\", \"Left\"]).values([[[\"E\", ()], true], [[\"E\", any()], false], [[\"G\", \"x\"], false]]);
         fn joined(row) { `${row.Login}@${row.Realm}` }
         fn split(name) { #{ Login: before(name, \"@\"), Realm: name.sub_string(name.index_of(\"@\") + 1) } }
         fn before(text, mark) { text.sub_string(0, text.index_of(mark)) }",
    );
    let of = user(&mapping);
    let actual = held(&[("Realm", &["a.test"]), ("Login", &["ada"]), ("Kind", &["E"])]);
    let read = mapping.read(of, &actual, "").unwrap();
    assert_eq!((&read["userName"], &read["active"]), (&json!("ada@a.test"), &json!(true)));
    assert_eq!(mapping.write(of, &read, None).unwrap().values, actual.values);

    let change = |remove: &[&str], add: &[&str]| Change {
        remove: remove.iter().map(|text| Value::from(*text)).collect(),
        add: add.iter().map(|text| Value::from(*text)).collect(),
        repeatable: false,
    };
    let renamed = changes(&mapping, &actual, |user| _ = user.insert("userName".into(), "bob@a.test".into()));
    assert_eq!(renamed.values, BTreeMap::from([(Native::own("Login"), change(&["ada"], &["bob"]))]));
    let ended = changes(&mapping, &actual, |user| _ = user.insert("active".into(), false.into()));
    let (kind, left) = (Native::own("Kind"), Native::own("Left"));
    let gone = [(kind, change(&["E"], &["G"])), (left.clone(), change(&[], &["x"]))];
    assert_eq!(ended.values, BTreeMap::from(gone));
    // What stands there is cleared, though neither value would have it there.
    let back = held(&[("Realm", &["a.test"]), ("Login", &["ada"]), ("Kind", &["E"]), ("Left", &["soon"])]);
    assert_eq!(mapping.read(of, &back, "").unwrap()["active"], false);
    let begun = changes(&mapping, &back, |user| _ = user.insert("active".into(), true.into()));
    assert_eq!(begun.values, BTreeMap::from([(left, change(&["soon"], &[]))]));
    let disabled = [
        (Native::own("Kind"), Disabled::Value(Some("G".into()))),
        (Native::own("Left"), Disabled::Value(Some("x".into()))),
    ];
    let OnDelete::Disable(disable) = &mapping.model().entity("User").unwrap().on_delete[0].how else {
        panic!()
    };
    assert_eq!(disable.account, disabled);
    assert_eq!(mapping.warnings(), []);

    let line = |verbs: &str| {
        mistake(&format!(
            "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\"); attr(\"userName\", [\"A\", \"B\"]){verbs};\nfn f(a) {{ a }}"
        ))
    };
    for (verbs, says) in [
        (".values([[\"A\", \"x\"]])", "each pair is about 2 natives"),
        (".values([[[\"A\", \"B\", \"C\"], \"x\"]])", "each pair is about 2 natives"),
        (".read(\"f\")", "a line over several natives needs"),
        ("", "a line over several natives needs"),
    ] {
        assert!(line(verbs).contains(says), "{verbs}: {}", line(verbs));
    }
}

#[test]
fn what_stands_for_no_value_may_be_made_of_others() {
    let text = |missing: &str| {
        format!(
        "resource(\"User\").base(\"ou=people,dc=x\").classes([\"person\"]).rdn(\"uid\", \"{{userName}}\").on_delete(\"delete\");
         attr(\"displayName\", \"cn\").missing({missing}); attr(\"userName\", \"uid\").required();
         attr(\"name.familyName\", \"sn\").missing(\"-\"); attr(\"title\", \"title\");"
    )
    };
    let mapping = good(&text("\"{title|userName}\""));
    let of = user(&mapping);
    let cn = |sent: Json| {
        let record = mapping.write(of, &object(sent), None).unwrap();
        record.values[&Native::own("cn")][0].text().unwrap()
    };
    assert_eq!(cn(json!({"userName": "ada"})), "ada");
    assert_eq!(cn(json!({"userName": "ada", "title": "Dr"})), "Dr");
    assert_eq!(cn(json!({"userName": "ada", "displayName": "Ada"})), "Ada");
    let actual = held(&[("uid", &["ada"]), ("cn", &["ada"]), ("sn", &["-"])]);
    assert_eq!(mapping.read(of, &actual, "").unwrap().get("displayName"), None);
    let renamed = changes(&mapping, &actual, |user| _ = user.insert("userName".into(), "bob".into()));
    assert_eq!(renamed.values[&Native::own("cn")].add, ["bob".into()]);
    let named = held(&[("uid", &["ada"]), ("cn", &["Ada"]), ("sn", &["-"])]);
    assert_eq!(mapping.read(of, &named, "").unwrap()["displayName"], "Ada");
    let renamed = changes(&mapping, &named, |user| _ = user.insert("userName".into(), "bob".into()));
    assert_eq!(renamed.values.get(&Native::own("cn")), None);
    // Whoever reads the one needs the others, and which of them stands there is told here.
    let display = AttrPath::attribute("displayName");
    let natives = of.fields(&|path| *path == display).natives;
    assert_eq!(natives, ["cn", "title", "uid"].map(Native::own).into());
    assert!(!pushed(&mapping, &SQLITE, "displayName pr").1);
    let by = SortBy::parse(Some("displayName"), None).unwrap().unwrap();
    let sort = by.of_types(&[&of.resource_type]).unwrap().pop().unwrap().unwrap();
    assert_eq!(mapping.sort(of, &sort, &SQLITE), None);
    for (missing, says) in [
        ("\"{displayName}\"", "where `displayName` has no value, nothing can be made of it"),
        ("\"{nobody}\"", "has no attribute `nobody`"),
        ("\"{name.familyName\"", "without its `}`"),
    ] {
        let said = mistake(&text(missing));
        assert!(said.contains(says), "{said}");
    }
}

const PROCEDURES: &str = r#"
resource("User").table("vwUsers").read_only().id("id").on_delete("disable");
attr("userName", "login").required().unique();
attr("name.givenName", "fn");
attr(enterprise("department"), "dept");
attr("active", "term_date").values([[(), true], [gt(today()), true], [today(), false], [any(), false]]);

fn plan_create(row, plan) {
  let r = plan.exec("usp_UserAdd", #{ login: row.login, "fn": row["fn"], dept: row.dept }, ["newId"]);
  plan.id(r.newId);
  if row.term_date != () { plan.exec("usp_UserTerm", #{ id: r.newId, date: row.term_date }); }
}
fn plan_update(before, after, plan) {
  if before.term_date != () && after.term_date == () {
    throw #{ scimType: "mutability", detail: "A terminated person cannot be made active again here." };
  }
  let args = #{ id: before.id };
  for c in ["login", "fn", "dept"] { args[c] = change(before[c], after[c]); }
  plan.exec("usp_UserUpd", args);
  if before.term_date == () && after.term_date != () { plan.exec("usp_UserTerm", #{ id: before.id, date: after.term_date }); }
}
fn change(old, value) { if value == old { () } else if value == () { "" } else { value } }
"#;

#[test]
fn procedures_are_called_by_the_mappings_own_functions() {
    let mapping = good(PROCEDURES);
    let of = user(&mapping);
    assert!(mapping.model().entity("User").unwrap().read_only);
    let sent = object(json!({"userName": "ada", "active": false, "name": {"givenName": "Ada"}}));
    let record = mapping.write(of, &sent, None).unwrap();
    let text = |name: &str, value: &str| (name.to_owned(), Param::Value(value.into()));
    let output: std::sync::Arc<str> = "usp_UserAdd.newId#1".into();
    let exec = |procedure: &str, arguments: Vec<(String, Param)>| HookStep::Exec {
        procedure: procedure.to_owned(),
        arguments,
        outputs: Vec::new(),
        columns: Vec::new(),
    };
    let today = |name: &str| (name.to_owned(), Param::Value(Value::Today));
    let null = |name: &str| (name.to_owned(), Param::Null);
    assert_eq!(
        mapping.plan_create(of, &record).unwrap(),
        [
            HookStep::Exec {
                procedure: "usp_UserAdd".to_owned(),
                arguments: vec![null("dept"), text("fn", "Ada"), text("login", "ada")],
                outputs: vec![("newId".to_owned(), output.clone())],
                columns: Vec::new(),
            },
            HookStep::Id(vec![Param::Output(output.clone())]),
            exec("usp_UserTerm", vec![today("date"), ("id".to_owned(), Param::Output(output))]),
        ]
    );

    // What stays is NULL, what is cleared is '', and who leaves is terminated.
    let mut actual = held(&[("login", &["ada"]), ("fn", &["Ada"]), ("dept", &["IT"])]);
    actual.id = "7".to_owned();
    let leaves = changes(&mapping, &actual, |user| {
        user.remove("name");
        user.insert("active".into(), false.into());
    });
    assert_eq!(
        mapping.plan_update(of, &actual, &leaves).unwrap(),
        [
            exec("usp_UserUpd", vec![null("dept"), text("fn", ""), text("id", "7"), null("login")]),
            exec("usp_UserTerm", vec![today("date"), text("id", "7")]),
        ]
    );
    actual.values.insert(Native::own("term_date"), vec!["2020-01-01".into()]);
    let returns = changes(&mapping, &actual, |user| _ = user.insert("active".into(), true.into()));
    let error = mapping.plan_update(of, &actual, &returns).unwrap_err();
    assert_eq!(
        (error.status, error.detail.as_str()),
        (400, "A terminated person cannot be made active again here.")
    );
}

#[test]
fn a_procedures_result_set_and_its_output_parameters_are_used_alike() {
    let text = |body: &str| {
        format!(
            "resource(\"User\").table(\"T\").read_only().id(\"Id\").on_delete(\"refuse\"); attr(\"userName\", \"N\");
             fn plan_create(row, plan) {{ {body} }}"
        )
    };
    let record = held(&[("N", &["ada"])]);
    let steps = |body: &str| {
        let mapping = good(&text(body));
        mapping.plan_create(user(&mapping), &record).map_err(|error| error.status)
    };
    let named = |names: &[(&str, &str)]| -> Vec<(String, std::sync::Arc<str>)> {
        names.iter().map(|(name, known)| ((*name).to_owned(), (*known).into())).collect()
    };
    let add = |outputs: &[(&str, &str)], columns: &[(&str, &str)]| HookStep::Exec {
        procedure: "usp".to_owned(),
        arguments: Vec::new(),
        outputs: named(outputs),
        columns: named(columns),
    };
    let id = |known: &str| HookStep::Id(vec![Param::Output(known.into())]);
    assert_eq!(
        steps("let r = plan.exec(\"usp\", #{}, #{ columns: [\"NewId\"] }); plan.id(r.NewId);"),
        Ok(vec![add(&[], &[("NewId", "usp.NewId#1")]), id("usp.NewId#1")])
    );
    let both = "let r = plan.exec(\"usp\", #{}, #{ outputs: [\"state\"], columns: [\"NewId\", \"\"] }); plan.id(r[\"\"]);
                plan.statement(\"UPDATE T SET S = ?, N = ?\", [r.state, r.NewId]);";
    let both = steps(both).unwrap();
    assert_eq!(
        both[..2],
        [add(&[("state", "usp.state#1")], &[("NewId", "usp.NewId#1"), ("", "usp.#1")]), id("usp.#1")]
    );
    let HookStep::Statement { params, .. } = &both[2] else { panic!("{both:?}") };
    assert_eq!(params[..], ["usp.state#1", "usp.NewId#1"].map(|known| Param::Output(known.into())));
    // A name that no step gives is seen at load, with its place, whichever way it was to come.
    for given in ["[\"NewId\"]", "#{ columns: [\"NewId\"] }"] {
        let said = mistake(&text(&format!("let r = plan.exec(\"usp\", #{{}}, {given});\nplan.id(r.Newid);")));
        assert!(said.contains("Newid") && said.contains("mapping.rhai:3:"), "{said}");
    }
    for (given, says) in [
        ("#{ column: [\"NewId\"] }", "`exec` knows outputs and columns, not `column`"),
        ("#{ columns: \"NewId\" }", "takes the names in an array: #{ columns: [\"NewId\"] }"),
        ("#{ columns: [1] }", "error["),
        ("#{ outputs: [\"id\"], columns: [\"id\"] }", "`id` is an OUTPUT parameter and a column"),
    ] {
        let said = mistake(&text(&format!("plan.exec(\"usp\", #{{}}, {given});")));
        assert!(said.contains(says) && said.contains("mapping.rhai:2:"), "{given}: {said}");
    }
}

#[test]
fn a_functions_steps_are_checked() {
    let text = |body: &str, base: &str| {
        format!(
            "resource(\"User\"){base}.on_delete(\"delete\"); attr(\"userName\", \"N\");
         attr(\"password\", \"P\").write_only();
         fn plan_delete(row, plan) {{ {body} }}"
        )
    };
    let with = |body: &str, base: &str| good(&text(body, base));
    let refused = |body: &str, base: &str| mistake(&text(body, base));
    let table = ".table(\"T\").id(\"Id\")";
    let entry = ".base(\"ou=people,dc=x\").classes([\"person\"]).rdn(\"cn\", \"{userName}\")";
    let record = held(&[("N", &["x'; DROP TABLE T; --"])]);
    let steps = |body: &str, base: &str| {
        let mapping = with(body, base);
        mapping.plan_delete(user(&mapping), &record).map_err(|error| error.status)
    };
    let sent = HookStep::Statement {
        text: "DELETE FROM X WHERE N = ?".to_owned(),
        params: vec![Param::Value("x'; DROP TABLE T; --".into())],
        outputs: Vec::new(),
    };
    assert_eq!(steps("plan.statement(\"DELETE FROM X WHERE N = ?\", [row.N]);", table), Ok(vec![sent]));
    // No value gets into a text, in whatever way it is put together.
    for spliced in ["`DELETE FROM X WHERE N = '${row.N}'`", "\"DELETE FROM X WHERE N = \" + row.N", "row.N"] {
        // Where it is tried at load it is seen there, else when it comes to that.
        let rare =
            format!("if row.N.contains(\"DROP\") {{ let text = {spliced}; plan.statement(text, []); }}");
        assert_eq!(steps(&rare, table), Err(500), "{spliced}");
        let said = refused(&format!("plan.statement({spliced}, []);"), table);
        assert!(
            said.contains("error[G026]: the text of a statement stands in the mapping"),
            "{spliced}: {said}"
        );
    }
    let leaves = HookStep::Modify {
        dn: "cn=all,dc=x".to_owned(),
        changes: vec![AttributeChange {
            kind: ModifyKind::Delete,
            attribute: "memberUid".to_owned(),
            values: vec!["x'; DROP TABLE T; --".into()],
        }],
    };
    assert_eq!(
        steps("plan.modify(\"cn=all,dc=x\", #{ delete: #{ memberUid: row.N } });", entry),
        Ok(vec![leaves])
    );
    for (wrong, base) in [
        ("plan.modify(\"cn=all,dc=x\", #{ delete: #{ memberUid: row.N } });", table),
        ("plan.exec(\"p\", #{});", entry),
        ("plan.statement(\"DELETE FROM X\", []);", entry),
        ("plan.modify(\"cn=all,dc=x\", #{ remove: #{ memberUid: row.N } });", entry),
        ("plan.modify(\"cn=all,dc=x\", #{ add: 1 });", entry),
        ("plan.statement(\"DELETE FROM X WHERE N = ?\", [[1]]);", table),
        ("let values = [1]; plan.statement(\"DELETE FROM X\", values);", table),
        ("loop { plan.statement(\"DELETE FROM X\", []); }", table),
        ("let column = \"M\"; row[column]", table),
    ] {
        let rare = format!("if row.N.contains(\"DROP\") {{ {wrong} }}");
        assert_eq!(steps(&rare, base), Err(500), "{wrong}");
    }
    let said = mistake(
        "resource(\"User\").table(\"T\").id(\"I\").on_delete(\"delete\"); attr(\"userName\", \"N\");\nfn plan_update(row, plan) { }",
    );
    assert!(
        said.contains("`plan_update(before, after, plan)`") && said.contains("mapping.rhai:2:"),
        "{said}"
    );
}

#[test]
fn a_password_is_handed_on_and_not_seen() {
    let text = |body: &str| {
        format!(
            "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\"); attr(\"userName\", \"N\");
         attr(\"password\", \"P\").write_only(); fn plan_create(row, plan) {{ {body} }}"
        )
    };
    let sent = object(json!({"userName": "ada", "password": "hunter2"}));
    let plan = |body: &str| {
        let mapping = good(&text(body));
        let record = mapping.write(user(&mapping), &sent, None).unwrap();
        mapping.plan_create(user(&mapping), &record)
    };
    let steps = plan("plan.exec(\"p\", #{ pwd: row.P });").unwrap();
    let [HookStep::Exec { arguments, .. }] = &steps[..] else { panic!("{steps:?}") };
    assert!(
        matches!(&arguments[..], [(_, Param::Value(Value::Secret(_)))])
            && !format!("{steps:?}").contains("hunter2")
    );
    for seen in [
        "plan.exec(\"p\", #{ pwd: `${row.P}` });",
        "throw #{ scimType: \"invalidValue\", detail: `${row.P}` };",
    ] {
        assert!(!format!("{:?}", plan(seen)).contains("hunter2"), "{seen}");
    }
}

#[test]
fn who_stays_visible_after_delete_is_warned_about() {
    let with = |only: &str, delete: &str| {
        let text = format!(
            "resource(\"User\").table(\"T\").id(\"Id\"){only}.on_delete({delete});\n\
             attr(\"userName\", \"N\"); attr(\"active\", \"S\").values([[\"A\", true], [\"T\", false]]);"
        );
        good(&text).warnings().to_vec()
    };
    let [warning] = &with("", "\"disable\"")[..] else { panic!() };
    assert!(warning.to_string().starts_with("warning[G037]: a deleted resource stays visible"), "{warning}");
    assert_eq!(with(".only(#{ Left: () })", "\"disable\"").len(), 1);
    for fine in ["\"disable\", #{ Left: 1 }", "\"delete\"", "\"refuse\""] {
        assert_eq!(with(".only(#{ Left: () })", fine), []);
    }
    assert_eq!(with(".only(#{ S: \"A\" })", "\"disable\""), []);
    let line = "attr(\"userName\", \"N\");";
    for (rule, says) in [
        ("\"disable\"", "nothing says how a resource is disabled"),
        ("\"disable\", \"x\"", "takes what is written"),
        ("\"hide\"", "knows delete, disable, move and refuse"),
    ] {
        let said = mistake(&format!("resource(\"User\").table(\"T\").id(\"Id\").on_delete({rule});\n{line}"));
        assert!(said.contains(says), "{said}");
    }
    let parts = "resource(\"User\").table(\"T\").id(\"Id\").only(#{ \"p.x\": 1 }).on_delete(\"delete\");";
    assert!(mistake(&format!("{parts}\n{line}")).contains("`p` is neither a `part`"));
}

#[test]
fn a_member_of_another_type_than_is_kept_is_refused() {
    let mapping = good(CRM);
    let group = mapping.resources().iter().find(|of| of.resource_type.name == "Group").unwrap();
    let with = |kind: &str| {
        let sent = object(json!({"displayName": "g", "members": [{"value": "7", "type": kind}]}));
        mapping.write(group, &sent, None).map_err(|error| error.detail)
    };
    assert!(with("User").is_ok() && with("direct").is_ok());
    assert_eq!(with("Group").unwrap_err(), "members.value leads to a User, not to a Group.");
}

#[test]
fn a_param_that_nobody_asks_for_is_a_mistake() {
    let given =
        |names: [&str; 2]| BTreeMap::from(names.map(|name| (name.to_owned(), "ou=x,dc=x".to_owned())));
    let text = OPENLDAP.replace("param(\"people\")", "param(\"people\", \"ou=elsewhere\")");
    let said = |names| Mapping::parse("mapping.rhai", &text, &given(names)).err().unwrap()[0].to_string();
    let unasked = said(["peple", "groups"]);
    assert!(
        unasked.starts_with(
            "error[G009]: the configuration gives the param \"peple\", which this mapping never"
        )
    );
    assert!(unasked.contains("--> mapping.rhai:") && unasked.contains("did you mean `people`?"), "{unasked}");
    let missing = said(["people", "gruops"]);
    assert!(missing.contains("G010") && missing.contains("did you mean `gruops`?"), "{missing}");
    let script = "attr(\"userName\", \"Login\").required();";
    let text = format!("resource(\"User\").table(\"P\").id(\"Id\").on_delete(\"delete\"); {script}");
    let none = Mapping::parse("mapping.rhai", &text, &given(["a", "b"])).err().unwrap();
    assert_eq!((none.len(), none[0].line), (2, 0), "it asks for none: there is no place");
}

#[test]
fn a_password_is_hashed_and_kept_nowhere_else() {
    let text = CRM.replace("600000", "1000");
    let mapping = good(&text);
    let of = user(&mapping);
    let sent = object(json!({"userName": "ada", "password": "correct horse"}));
    let record = mapping.write(of, &sent, None).unwrap();
    let rest = mapping.rest_of(of, &sent, &record).unwrap();
    assert!(matches!(record.values[&Native::own("PwdHash")].as_slice(), [Value::Secret(_)]));
    assert!(matches!(record.values[&Native::own("PwdSalt")].as_slice(), [Value::Secret(_)]));
    assert!(!format!("{record:?}{rest:?}").contains("horse"));
    let plain = good(PLAIN);
    let record = plain.write(user(&plain), &sent, None).unwrap();
    assert_eq!(plain.rest_of(user(&plain), &sent, &record).unwrap(), None);
}

#[test]
fn a_password_that_is_not_hashed_is_a_secret_all_the_same() {
    for verb in ["", ".write_only()"] {
        let ready = "\"userPassword\").write_only();";
        assert!(OPENLDAP.contains(ready));
        let mapping = good(&OPENLDAP.replace(ready, &format!("\"userPassword\"){verb};")));
        let of = user(&mapping);
        let sent = object(json!({"userName": "ada", "password": "correct horse"}));
        let record = mapping.write(of, &sent, None).unwrap();
        match record.values[&Native::own("userPassword")].as_slice() {
            [Value::Secret(secret)] => assert_eq!(secret.expose_text(), Some("correct horse")),
            other => panic!("{other:?}"),
        }
        assert!(!of.fields(&|_| true).natives.contains(&Native::own("userPassword")), "it is never read");
    }
}

#[test]
fn too_long_is_refused_and_what_others_wrote_stays() {
    let mapping = good(CRM);
    let of = user(&mapping);
    let long = object(json!({"userName": "x".repeat(51)}));
    assert_eq!(mapping.write(of, &long, None).unwrap_err().status, 400);
    assert!(mapping.write(of, &long, Some(&long)).is_ok());
    let row = Row::from([("Num".into(), Value::from("5"))]);
    let actual = Record { children: [("UserPhone".into(), vec![row])].into(), ..Record::default() };
    let before = mapping.read(of, &actual, "").unwrap();
    assert!(
        mapping.write(of, &before, Some(&before)).is_ok(),
        "a row without a kind hinders no other change"
    );
}

// === filters ===

fn pushed(mapping: &Mapping, profile: &Profile, text: &str) -> (Predicate, bool) {
    let of = user(mapping);
    let filter = filter::check(filter::parse(text).unwrap(), &of.resource_type).unwrap();
    let pushed = mapping.push(of, &filter, profile);
    (pushed.predicate, pushed.exact)
}

#[test]
fn what_is_not_exact_is_never_pushed_as_if_it_were() {
    let (crm, ldap) = (good(CRM), good(OPENLDAP));
    let login = |test| Predicate::Test(Native::own("LoginName"), test);
    let is = Test::Equals("ada".into(), Case::Folded);
    assert_eq!(pushed(&crm, &SQLITE, "userName eq \"ada\""), (login(is.clone()), true));
    assert_eq!(pushed(&crm, &SQLITE, "not (userName eq \"ada\")"), (login(is).not(), true));
    // A title is in `rest`: nothing can be pushed, and its negation must not shrink the result either.
    assert_eq!(pushed(&crm, &SQLITE, "title eq \"x\""), (Predicate::All, false));
    assert_eq!(pushed(&crm, &SQLITE, "not (title eq \"x\")"), (Predicate::All, false));
    let (both, exact) = pushed(&crm, &SQLITE, "title eq \"x\" and userName sw \"a\"");
    assert_eq!((both, exact), (login(Test::StartsWith("a".to_owned(), Case::Folded)), false));
    let uid = Predicate::Test(Native::own("uid"), Test::Equals("ada".into(), Case::Folded));
    assert_eq!(pushed(&ldap, &LDAP, "userName eq \"ada\""), (uid, false));
    assert_eq!(pushed(&ldap, &LDAP, "not (userName eq \"ada\")"), (Predicate::All, false));
}

fn verdicts(mapping: &Mapping, profile: &Profile, text: &str) -> Vec<Verdict> {
    let of = user(mapping);
    let filter = filter::check(filter::parse(text).unwrap(), &of.resource_type).unwrap();
    mapping.explain(of, &filter, profile).into_iter().map(|term| term.verdict).collect()
}

#[test]
fn each_term_is_told_what_became_of_it_and_why() {
    use Verdict::{Exact, Here, Superset};
    let (crm, ldap) = (good(CRM), good(OPENLDAP));
    for (text, expected) in [
        ("userName eq \"ada\" or not (userName eq \"bob\")", vec![Exact, Exact]),
        ("title eq \"x\" and userName sw \"a\"", vec![Here(Reason::Scattered), Exact]),
        // With the title anyone may match, so the name narrows nothing.
        ("title eq \"x\" or userName sw \"a\"", vec![Here(Reason::Scattered), Here(Reason::Beside)]),
        ("not (title eq \"x\" and userName sw \"a\")", vec![Here(Reason::Scattered), Here(Reason::Beside)]),
        ("not (title eq \"x\" or userName sw \"a\")", vec![Here(Reason::Scattered), Exact]),
        ("phoneNumbers[type eq \"work\"]", vec![Here(Reason::OneElement)]),
        ("name.givenName gt \"a\"", vec![Here(Reason::TextOrder)]),
        ("groups.value ne \"1\"", vec![Here(Reason::NeOfMany)]),
        ("groups.value co \"1\"", vec![Here(Reason::ReferenceOfEq)]),
    ] {
        assert_eq!(verdicts(&crm, &SQLITE, text), expected, "{text}");
    }
    for (text, expected) in [
        ("userName eq \"ada\"", vec![Superset(Reason::Text)]),
        ("not (userName eq \"ada\")", vec![Here(Reason::Negated)]),
        ("not (not (userName eq \"ada\"))", vec![Superset(Reason::Text)]),
    ] {
        assert_eq!(verdicts(&ldap, &LDAP, text), expected, "{text}");
    }
}

#[test]
fn a_reason_stands_wherever_a_filter_is_not_pushed_exactly() {
    let (crm, ldap) = (good(CRM), good(OPENLDAP));
    for text in ["userName pr", "userName ne \"a\"", "active eq true", "title pr", "meta.version eq \"x\""] {
        for (mapping, profile) in [(&crm, &SQLITE), (&ldap, &LDAP)] {
            let is_exact = verdicts(mapping, profile, text) == [Verdict::Exact];
            assert_eq!(pushed(mapping, profile, text).1, is_exact, "{text}");
        }
    }
}

#[test]
fn the_type_of_a_resource_is_known_without_asking() {
    let crm = good(CRM);
    for (filter, expected) in [
        ("meta.resourceType eq \"User\"", Predicate::All),
        ("meta.resourceType ne \"Group\"", Predicate::All),
        ("meta.resourceType pr", Predicate::All),
        ("meta.resourceType eq \"Group\" and title eq \"x\"", Predicate::Nothing),
        ("meta.resourceType eq null", Predicate::Nothing),
    ] {
        assert_eq!(pushed(&crm, &SQLITE, filter).0, expected, "{filter}");
    }
    assert!(pushed(&crm, &SQLITE, "not (meta.resourceType eq \"Group\")").1);
}

#[test]
fn instants_are_pushed_as_far_as_the_backend_compares_them() {
    let (crm, ldap) = (good(CRM), good(OPENLDAP));
    let at = Value::Timestamp(time::macros::datetime!(2026-01-31 11:00:00.5 UTC));
    let compare =
        |name: &str, order, at: &Value| Predicate::Test(Native::own(name), Test::Compare(order, at.clone()));
    let filter = |op: &str| format!("meta.lastModified {op} \"2026-01-31T12:00:00.5+01:00\"");
    let (predicate, exact) = pushed(&crm, &SQLITE, &filter("gt"));
    assert_eq!((predicate, exact), (compare("ModifiedUtc", Order::Greater, &at), true));
    let is = Predicate::Test(Native::own("ModifiedUtc"), Test::Equals(at, Case::Exact));
    assert_eq!(pushed(&crm, &SQLITE, &filter("eq")), (is, true));
    // To the second, and away from the instant: more comes back than is meant, never less.
    let second = |second| {
        Value::Timestamp(time::macros::datetime!(2026-01-31 11:00:00 UTC) + time::Duration::seconds(second))
    };
    let from = compare("modifyTimestamp", Order::GreaterOrEqual, &second(0));
    let to = compare("modifyTimestamp", Order::LessOrEqual, &second(1));
    assert_eq!(pushed(&ldap, &LDAP, &filter("gt")), (from.clone(), false));
    assert_eq!(pushed(&ldap, &LDAP, &filter("le")), (to.clone(), false));
    assert_eq!(pushed(&ldap, &LDAP, &filter("eq")), (from.and(to), false));
    assert_eq!(pushed(&ldap, &LDAP, &format!("not ({})", filter("gt"))), (Predicate::All, false));
    // Beyond what can be written in UTC: re-checked.
    for at in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59.5Z"] {
        for (mapping, profile) in [(&crm, &SQLITE), (&ldap, &LDAP)] {
            let filter = format!("meta.lastModified lt \"{at}\"");
            assert_eq!(pushed(mapping, profile, &filter), (Predicate::All, false), "{at}");
        }
    }
}

#[test]
fn an_order_is_pushed_only_where_it_is_the_same() {
    let sorted = |mapping: &Mapping, profile: &Profile, by: &str| {
        let by = SortBy::parse(Some(by), Some("descending")).unwrap().unwrap();
        let of = user(mapping);
        let sort = by.of_types(&[&of.resource_type]).unwrap().pop().unwrap().unwrap();
        mapping.sort(of, &sort, profile)
    };
    let (crm, plain, ldap) = (good(CRM), good(PLAIN), good(OPENLDAP));
    let native =
        |name: &str, by| Some(Sort { native: Native::own(name), by, missing: None, descending: true });
    assert_eq!(sorted(&crm, &SQLITE, "userName"), native("LoginName", By::Text(Case::Folded)));
    assert_eq!(sorted(&crm, &SQLITE, "id"), native("UserId", By::Text(Case::Exact)));
    assert_eq!(sorted(&crm, &SQLITE, "meta.lastModified"), native("ModifiedUtc", By::Instant));
    assert_eq!(sorted(&plain, &SQLITE, "externalId"), native("ExternalId", By::Text(Case::Exact)));
    assert_eq!(sorted(&crm, &SQLITE, "name.givenName"), native("FirstName", By::Text(Case::Folded)));
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let by_lookup = sorted(&crm, &SQLITE, department).unwrap();
    assert_eq!(by_lookup.native, Native::of("dept", "Name"));
    // In `rest`, in several natives, in codes, in another table: sorted here.
    for by in [
        "title",
        "name.familyName",
        "name.formatted",
        "active",
        "phoneNumbers",
        "emails",
        "meta.location",
        "groups",
    ] {
        assert_eq!(sorted(&crm, &SQLITE, by), None, "{by}");
    }
    assert_eq!(sorted(&ldap, &LDAP, "userName"), None);
}

#[test]
fn coded_values_are_pushed_exactly() {
    let crm = good(CRM);
    let status =
        |code: &str| Predicate::Test(Native::own("StatusCd"), Test::Equals(code.into(), Case::Exact));
    assert_eq!(pushed(&crm, &SQLITE, "active eq false"), (status("T").or(status("L")), true));
    let (_, exact) = pushed(&crm, &SQLITE, "active ne true");
    assert!(exact);
}

// === discovery ===

#[test]
fn what_is_not_mapped_is_not_advertised() {
    let mapping = good(OPENLDAP);
    let names: Vec<&str> =
        user(&mapping).resource_type.attributes().map(|(_, attribute)| attribute.name.as_str()).collect();
    assert!(
        names.contains(&"userName") && !names.contains(&"addresses") && !names.contains(&"roles"),
        "{names:?}"
    );
    let emails = user(&mapping).resource_type.attributes().find(|(_, a)| a.name == "emails").unwrap().1;
    let subs: Vec<&str> = emails.sub_attributes.iter().map(|sub| sub.name.as_str()).collect();
    assert_eq!(subs, ["value", "type"]);
    assert_eq!(emails.sub("type").unwrap().canonical_values, ["work"]);
}

// === schemas of a mapping's own ===

const LENDING: &str = include_str!("../../tests/mappings/lending/mapping.rhai");

#[test]
fn simple_values_in_a_table_of_their_own_are_looked_for_there() {
    let mapping = good(LENDING);
    let of = mapping.resources().iter().find(|of| of.resource_type.name == "Device").unwrap();
    let pushed = |text: &str| {
        let filter = filter::check(filter::parse(text).unwrap(), &of.resource_type).unwrap();
        let pushed = mapping.push(of, &filter, &SQLITE);
        (pushed.predicate, pushed.exact)
    };
    let tag = |test| Predicate::Test(Native::of("DeviceTag", "Tag"), test);
    let any = |test| Predicate::Child("DeviceTag".into(), Box::new(tag(test)));
    // An empty text is no value.
    let filled = tag(Test::Present).and(tag(Test::Equals("".into(), Case::Exact)).not());
    let some = Predicate::Child("DeviceTag".into(), Box::new(filled));
    let is = Test::Equals("loud".into(), Case::Folded);
    assert_eq!(pushed("tags eq \"loud\""), (any(is.clone()), true));
    assert_eq!(pushed("not (tags eq \"loud\")"), (any(is).not(), true));
    assert_eq!(pushed("tags pr"), (some.clone(), true));
    assert_eq!(pushed("tags eq null"), (some.not(), true));
    // Several values differ when any does; their order is not the database's.
    assert_eq!(pushed("tags ne \"loud\""), (Predicate::All, false));
    let (_, exact) = pushed("tags gt \"loud\"");
    assert!(!exact);
}

#[test]
fn what_no_line_stores_of_an_extension_is_kept_beside_the_row() {
    let text = "schema(\"urn:x:ext:Extra\"); define(\"kept\", \"string\"); define(\"stored\", \"integer\"); define(\"told\", \"string\").read_only();
        define(\"secret\", \"string\").write_only(); define(\"first\", \"string\").immutable(); define(\"links\", \"complex\").many(); define(\"links.value\", \"string\");
        resource(\"User\").table(\"T\").id(\"Id\").extension(\"urn:x:ext:Extra\").on_delete(\"delete\"); rest(\"R\", \"Id\", \"Doc\");
        attr(\"userName\", \"N\"); attr(\"urn:x:ext:Extra:stored\", \"S\"); attr(\"urn:x:ext:Extra:told\", \"I\"); attr(\"urn:x:ext:Extra:secret\", \"P\");
        attr(\"urn:x:ext:Extra:links\", \"L\").child(\"Id\"); attr(\"urn:x:ext:Extra:links.value\", \"L.To\").ref(\"User\");";
    let mapping = good(text);
    let of = user(&mapping);
    let extra = json!({
        "kept": "k", "stored": 7, "told": "t", "secret": "s", "first": "f", "links": [{ "value": "1" }]
    });
    let resource = object(json!({ "userName": "ada", "told": "core", "urn:x:ext:Extra": extra }));
    let record = mapping.write(of, &resource, None).unwrap();
    assert_eq!(record.values[&Native::own("S")], vec![Value::Integer(7)]);
    let rest = mapping.rest_of(of, &resource, &record).unwrap().unwrap();
    let rest: Json = serde_json::from_str(&rest).unwrap();
    assert_eq!(rest, json!({ "told": "core", "urn:x:ext:Extra": { "kept": "k", "first": "f" } }));
    let extension = of.resource_type.extension("URN:X:ext:extra").unwrap();
    let names: Vec<&str> = extension.schema.attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["kept", "stored", "told", "secret", "first", "links"]);
}

#[test]
fn a_collection_that_cannot_be_one_is_refused() {
    let start = "schema(\"urn:x:y:Thing\"); define(\"tags\", \"string\").many(); define(\"one\", \"string\"); define(\"parts\", \"complex\").many();
        define(\"parts.a\", \"string\"); define(\"parts.b\", \"string\").read_only();
        resource(\"Thing\").schema(\"urn:x:y:Thing\").table(\"T\").id(\"Id\").on_delete(\"delete\"); attr(\"parts\", \"Part\").child(\"Id\");";
    for (line, says) in [
        ("attr(\"tags\", \"Tag\").child(\"Id\");", "`child` of simple values names one column"),
        ("attr(\"one\", \"Tag.One\").child(\"Id\");", "`child` of simple values names one column"),
        (
            "attr(\"tags\", [\"Tag.A\", \"Tag.B\"]).child(\"Id\");",
            "`child` of simple values names one column",
        ),
        ("attr(\"parts.a\", \"Part.A\").read_only();", "who may change `parts.a` is said of all of `parts`"),
        ("attr(\"parts.b\", \"Part.B\");", "who may change `parts.b` is said of all of `parts`"),
        ("attr(\"parts.a\", \"Tag.A\");", "this line names a column of Part"),
        (
            "attr(\"tags\", \"T.Tags\").child(\"Id\").returned(\"often\");",
            "`returned` is always, never, default or request",
        ),
    ] {
        let said = mistake(&format!("{start}\n{line}"));
        assert!(said.contains(says) && said.contains("mapping.rhai:4:"), "{line}\n{said}");
    }
}

#[test]
fn a_line_for_one_element_of_an_extension_names_the_types_that_are_kept() {
    let mapping = good(
        "schema(\"urn:x:ext:Extra\"); define(\"ports\", \"complex\").many(); define(\"ports.value\", \"string\").required();
        define(\"ports.type\", \"string\").canonical_values([\"usb\", \"lan\"]); define(\"ports.speed\", \"integer\");
        resource(\"User\").table(\"T\").id(\"Id\").extension(\"urn:x:ext:Extra\").on_delete(\"delete\"); attr(\"userName\", \"N\");
        attr(`urn:x:ext:Extra:ports[type eq \"usb\"].value`, \"Usb\"); attr(`urn:x:ext:Extra:ports[type eq \"usb\"].speed`, \"Speed\");",
    );
    let of = user(&mapping);
    let ports = &of.resource_type.extension("urn:x:ext:Extra").unwrap().schema.attributes[0];
    assert_eq!(ports.sub("type").unwrap().canonical_values, ["usb"]);
    let sent = object(json!({
        "userName": "ada", "urn:x:ext:Extra": { "ports": [{ "type": "usb", "value": "A", "speed": 5 }] }
    }));
    let record = mapping.write(of, &sent, None).unwrap();
    assert_eq!(record.values[&Native::own("Speed")], vec![Value::Integer(5)]);
    assert_eq!(mapping.read(of, &record, "").unwrap()["urn:x:ext:Extra"], sent["urn:x:ext:Extra"]);
}

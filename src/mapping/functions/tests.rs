use serde_json::{Value as Json, json};

use super::super::{Mapping, faults, script};
use crate::plan::{Native, Record, Value};
use crate::scim::resource::Resource;

const TABLE: &str = "resource(\"User\").table(\"T\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"N\").required();\n";

fn load(text: &str) -> Mapping {
    Mapping::parse("m", text, &Default::default()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// What the mapping reads of a row with these two columns.
fn formatted(function: &str, first: Value) -> Result<Option<Json>, String> {
    let text = format!(
        "{TABLE}attr(\"name.formatted\", [\"First\", \"Last\"]).read_only().read(\"full\");\n{function}"
    );
    let mapping = load(&text);
    let mut record = Record { id: "7".to_owned(), ..Record::default() };
    record.values.insert(Native::own("First"), vec![first]);
    let read =
        mapping.read(&mapping.resources()[0], &record, "https://x").map_err(|error| error.to_string())?;
    Ok(read.get("name").map(|name| name["formatted"].clone()))
}

#[test]
fn what_an_attribute_cannot_be_is_served_to_nobody() {
    for function in ["fn full(row) { [row.First] }", "fn full(row) { #{ formatted: row.First } }"] {
        assert!(formatted(function, Value::Text("Ada".to_owned())).is_err(), "{function}");
    }
    // A number where a text belongs is shown as one, as a plain line shows it.
    let first = "fn full(row) { row.First }";
    assert_eq!(formatted(first, Value::Integer(42)), Ok(Some(json!("42"))));
    assert_eq!(formatted(first, Value::Text("Ada".to_owned())), Ok(Some(json!("Ada"))));
}

/// Where an entry of this department stands.
fn place(function: &str, department: &str) -> Option<String> {
    let text = format!(
        "resource(\"User\").base(\"ou=people,dc=x\").classes([\"c\"]).rdn(\"uid\", \"{{userName}}\")\n\
         .parent(\"place\", [\"d\"]).on_delete(\"delete\");\n\
         attr(\"userName\", \"uid\").required();\nattr(enterprise(\"department\"), \"d\");\n{function}"
    );
    let mapping = load(&text);
    let user = json!({
        "userName": "zoe",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": department },
    });
    let user: Resource = serde_json::from_value(user).unwrap();
    mapping.write(&mapping.resources()[0], &user, None).ok().and_then(|record| record.parent)
}

#[test]
fn no_value_makes_another_place_of_an_entry() {
    let escaped = "fn place(row) { if row.d == () { \"ou=people,dc=x\" } else { `ou=${escape_dn(row.d)},ou=people,dc=x` } }";
    assert_eq!(place(escaped, "a,b").as_deref(), Some("ou=a\\,b,ou=people,dc=x"));
    // No sample comes to the branch that forgets it.
    let forgotten = "fn place(row) {\n\
        if row.d == () { \"ou=people,dc=x\" }\n\
        else if row.d.len() > 15 { `ou=${row.d},ou=people,dc=x` } else { `ou=${escape_dn(row.d)},ou=people,dc=x` }\n}";
    assert_eq!(place(forgotten, "research and more").as_deref(), Some("ou=research and more,ou=people,dc=x"));
    assert_eq!(place(forgotten, "research,ou=administrators"), None);
    let outside =
        "fn place(row) { if row.d == () { \"ou=people,dc=x\" } else { `ou=${escape_dn(row.d)},dc=y` } }";
    assert_eq!(place(outside, "Sales"), None);
}

#[test]
fn a_procedure_in_front_of_sqlite_is_a_mistake_at_its_place() {
    let text =
        format!("{TABLE}fn plan_delete(row, plan) {{ plan.exec(\"usp_Delete\", #{{ id: row.id }}); }}");
    let mapping = load(&text);
    assert!(!mapping.is_for_sqlite());
    let said = mapping.for_sqlite().err().unwrap();
    assert_eq!((said[0].code.to_string().as_str(), said[0].line, said[0].column), ("G042", 3, 34));
}

#[test]
fn a_failure_is_told_of_in_words_and_with_a_place() {
    let text =
        format!("{TABLE}fn endless(x) {{\n loop {{ }}\n}}\nfn nothing(x) {{ call_of_nothing_at_all }}",);
    let text = text.replace("call_of_nothing_at_all", "x.sub_string(\"a\", \"b\")");
    let mapping = load(&text);
    let failed = |function: &str| {
        let error = script::try_call(&mapping.engine, &mapping.ast, function, ("x".to_owned(),)).unwrap_err();
        (faults::cause(&mapping.ast, &error), script::place_of(&mapping.ast, function, &error))
    };
    let (cause, place) = failed("endless");
    assert!(cause.contains("longer than it may"), "{cause}");
    assert!((3..=4).contains(&place.line().unwrap()), "{place}");
    let (cause, place) = failed("nothing");
    assert!(!cause.contains("ImmutableString") && cause.contains("sub_string"), "{cause}");
    assert_eq!(place.line(), Some(6));
}

#[test]
fn names_are_looked_up_in_every_branch_and_what_is_not_known_is_left_alone() {
    for (function, says) in [
        (
            "fn plan_create(row, plan) { help(row, plan); }\nfn help(who, p) { if who.N == \"x\" { p.id(who.M); } }",
            "no `M`",
        ),
        ("fn plan_create(row, plan) { if row[\"M\"] == 1 { plan.id(1); } }", "no `M`"),
        ("fn plan_create(row, plan) { if row.N == 1 { plan.statment(\"x\", []); } }", "`statment`"),
        (
            "fn plan_create(row, plan) { if row.N == 1 { plan.id(row.N.trim(1, 2, 3)); } }",
            "this number of values",
        ),
        ("fn plan_create(row, plan) { plan.id(help(1)); }\nfn help(a, b) { a + b }", "takes 2, not 1"),
    ] {
        let mistakes = Mapping::parse("m", &format!("{TABLE}{function}"), &Default::default()).err();
        let said = mistakes.unwrap_or_else(|| panic!("{function} loads"));
        assert!(said[0].message.contains(says), "{function}: {said:?}");
    }
    for function in [
        "fn plan_create(row, plan) { let row = #{ M: 1 }; plan.id(row.M); }",
        "fn plan_create(row, plan) { let all = [#{ M: 1 }]; plan.id(all.map(|row| row.M)); }",
        "fn plan_create(row, plan) { row.M = row.N; plan.id(row.M); }",
        "fn plan_create(row, plan) { let f = |x| x; plan.id(f.call(row.N)); for c in [\"N\"] { row[c]; } }",
        "fn plan_create(row, plan) { plan.id(row.id.len()); plan.id(row.N.to_string().to_upper()); }",
    ] {
        load(&format!("{TABLE}{function}"));
    }
}

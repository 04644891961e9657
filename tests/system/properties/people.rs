//! Random people and groups, with what is awkward: letters' case in and outside of ASCII, spaces inside and
//! outside, wildcards and escapes, empty texts, several values of one attribute.

use proptest::option;
use proptest::prelude::{Strategy, any, prop};
use serde_json::{Map, Value, json};

use crate::support::scim::Scim;

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Texts that some backend may take for another one.
pub const TEXTS: [&str; 41] = [
    "anna",
    "Anna",
    "ANNA",
    "annabel",
    "änna",
    "ÄNNA",
    "straße",
    "STRASSE",
    "İstanbul",
    "istanbul",
    "σίσυφος",
    "ΣΊΣΥΦΟΣ",
    "é",
    "e\u{301}",
    "ﬁn",
    "fin",
    "😀",
    " lead",
    "trail ",
    "two  gaps",
    "two gaps",
    "a%b",
    "a_b",
    "axb",
    "a*b",
    "(a)(b)",
    "a\\b",
    "it's",
    "\"q\"",
    "cn=a,dc=b",
    "#1",
    "a\tb",
    "a\nb",
    "null",
    "true",
    "42",
    "042",
    "\u{200b}",
    "a-b",
    "1e1",
    "－",
];

/// One of the texts.
pub fn text() -> impl Strategy<Value = String> {
    one_of(&TEXTS)
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

/// One of the texts, or an empty one, or a space.
fn any_text(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(&["", " ", "-"][..]).prop_map(str::to_owned);
    proptest::prop_oneof![3 => one_of(texts), 1 => odd]
}

/// People, and groups whose members are people by their place in the list.
#[derive(Clone, Debug)]
pub struct Population {
    pub people: Vec<Value>,
    pub groups: Vec<(Value, Vec<usize>)>,
}

pub fn population(
    people: usize,
    groups: usize,
    texts: &'static [&'static str],
) -> impl Strategy<Value = Population> {
    let group = (one_of(texts), option::of(any_text(texts)), prop::collection::vec(0..people, 0..4));
    let group = group.prop_map(|(name, external, members)| {
        let body = object([("displayName", Some(json!(name))), ("externalId", external.map(Value::from))]);
        (body, members)
    });
    (prop::collection::vec(person(texts), people), prop::collection::vec(group, groups))
        .prop_map(|(people, groups)| Population { people, groups })
}

fn person(texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let plain = [(); 8].map(|()| option::weighted(0.6, any_text(texts)));
    let many = (prop::collection::vec(email(), 0..3), prop::collection::vec(phone(), 0..3));
    (one_of(texts), 0..4_u8, plain, option::of(any::<bool>()), many).prop_map(
        |(login, number, plain, active, (emails, phones))| {
            let [external, display, title, given, family, language, department, cost] =
                plain.map(|text| text.map(Value::from));
            let name = object([("givenName", given), ("familyName", family)]);
            let extension = object([("department", department), ("costCenter", cost)]);
            let filled = |value: Value| value.as_object().is_some_and(|map| !map.is_empty()).then_some(value);
            object([
                ("userName", Some(json!(if number == 0 { login } else { format!("{login}{number}") }))),
                ("externalId", external),
                ("displayName", display),
                ("title", title),
                ("preferredLanguage", language),
                ("active", active.map(Value::from)),
                ("name", filled(name)),
                ("emails", Some(emails.into())),
                ("phoneNumbers", Some(phones.into())),
                (ENTERPRISE, filled(extension)),
            ])
        },
    )
}

fn email() -> impl Strategy<Value = Value> {
    let kind = option::weighted(0.8, prop::sample::select(&["work", "home", "Work", "other"][..]));
    (prop::sample::select(&["a@x.test", "A@X.test", "b%@x.test", "ä@x.test"][..]), kind)
        .prop_map(|(value, kind)| object([("value", Some(json!(value))), ("type", kind.map(Value::from))]))
}

fn phone() -> impl Strategy<Value = Value> {
    let kind = option::weighted(0.9, prop::sample::select(&["work", "mobile", "home", "fax"][..]));
    (prop::sample::select(&["+1 201", "+1201", "+1-201"][..]), kind)
        .prop_map(|(value, kind)| object([("value", Some(json!(value))), ("type", kind.map(Value::from))]))
}

/// An object of the members that have a value.
pub fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let filled = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(filled.collect::<Map<_, _>>())
}

/// Creates them all, each once more under a manager who came before. What a backend cannot keep it refuses with
/// a reason; how many it took.
pub fn settle(scim: &Scim, population: &Population) -> usize {
    let mut ids = Vec::new();
    for person in &population.people {
        let mut body = person.clone();
        if let (Some(extension), Some(manager)) = (body.get_mut(ENTERPRISE), ids.last()) {
            extension["manager"] = json!({ "value": manager });
        }
        ids.extend(created(scim, "/Users", body));
    }
    let mut count = ids.len();
    for (group, members) in &population.groups {
        let mut body = group.clone();
        body["members"] = members.iter().filter_map(|at| Some(json!({ "value": ids.get(*at)? }))).collect();
        count += usize::from(created(scim, "/Groups", body).is_some());
    }
    count
}

fn created(scim: &Scim, endpoint: &str, mut body: Value) -> Option<String> {
    body["schemas"] = json!([if endpoint == "/Users" { USER } else { GROUP }]);
    let answer = scim.post(endpoint, &body);
    if answer.status == 201 {
        return answer.body["id"].as_str().map(str::to_owned);
    }
    assert!(matches!(answer.status, 400 | 409), "{body:#}\n{:#}", answer.body);
    assert!(!answer.body["detail"].as_str().unwrap().is_empty());
    None
}

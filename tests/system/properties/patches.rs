//! A PATCH ends on every backend in the resource that the engine makes of it, or in the one that was there.

use std::cell::Cell;
use std::collections::BTreeSet;

use gantry::scim::patch::{self, Rules};
use gantry::scim::resource::{self, Resource};
use gantry::scim::schema::{self, Extension, ResourceType};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};
use serde_json::{Value, json};

use super::filters::advertised;
use super::people::{ENTERPRISE, GROUP, USER, text};
use super::{Everywhere, TARGETS, all, is_directory, runner};
use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::scim::Scim;
use crate::uids;

/// Attributes that every mapping keeps, with one text each.
const KEPT: [&str; 6] =
    ["displayName", "title", "externalId", "preferredLanguage", "name.givenName", "name.familyName"];

#[test]
fn of_people_end_as_the_engine_says() {
    let everywhere = Everywhere::start();
    for name in TARGETS.iter().filter(|name| !is_directory(name)) {
        in_tables(&everywhere.gateway.target(name), name);
    }
    let number = Cell::new(0);
    let what_all_keep = |operations: Vec<Value>| {
        number.set(number.get() + 1);
        TARGETS.iter().try_for_each(|name| {
            let target = everywhere.gateway.target(name);
            let keeps: &dyn Fn(Resource) -> Option<Resource> =
                if is_directory(name) { &in_a_directory } else { &Some };
            person(name, &target, number.get(), &operations, keeps)
        })
    };
    ONCE_WRONG.iter().for_each(|text| what_all_keep(operations_of(text)).unwrap());
    all(&mut runner(60), &prop::collection::vec(prop_oneof![3 => kept(), 1 => email()], 1..5), what_all_keep);
}

/// What tables and a document keep is everything.
pub fn in_tables(scim: &Scim, name: &str) {
    let number = Cell::new(0);
    let everything = |operations: Vec<Value>| {
        number.set(number.get() + 1);
        person(name, scim, number.get(), &operations, &Some)
    };
    all(&mut runner(100), &prop::collection::vec(prop_oneof![kept(), wide()], 1..5), everything);
}

#[test]
fn of_members_end_as_the_engine_says() {
    let everywhere = Everywhere::start();
    let uids = Directory::posix();
    let gateway = Gateway::serve(&[uids::target(&uids)]);
    let mut teams: Vec<(&str, Team)> =
        TARGETS.iter().map(|name| (*name, Team::new(everywhere.gateway.target(name)))).collect();
    teams.push(("uids", Team::new(gateway.target("corp"))));
    come_and_go(&teams, &|name| if name == "posix" { agrees(&everywhere.posix) } else { Ok(()) });
}

/// Members of each team's groups, which are looked into before they go.
pub fn come_and_go(teams: &[(&str, Team)], looked_into: &dyn Fn(&str) -> Result<(), String>) {
    let number = Cell::new(0);
    let cases = (prop::collection::vec(0..PEOPLE, 0..4), prop::collection::vec(membership(), 1..5));
    all(&mut runner(80), &cases, |(before, operations)| {
        number.set(number.get() + 1);
        teams.iter().try_for_each(|(name, team)| {
            let changed = team.change(number.get(), &before, &operations, &|| looked_into(name));
            changed.map_err(|why| format!("{name}: {why}"))
        })
    });
}

/// The one group there is says the same in both of its entries.
fn agrees(directory: &Directory) -> Result<(), String> {
    let found = |unit: &str, class: &str| {
        directory.search(&format!("ou={unit},{SUFFIX}"), &format!("(objectClass={class})"))
    };
    let (groups, seconds) = (found("groups", "groupOfNames"), found("posix", "posixGroup"));
    let ([group], [second]) = (groups.as_slice(), seconds.as_slice()) else {
        return Err(format!("{groups:#?} and {seconds:#?}"));
    };
    let uid = |dn: &String| Some(dn.strip_prefix("uid=")?.split(',').next()?.to_owned());
    let by_dn: BTreeSet<String> = group.all("member").iter().filter_map(uid).collect();
    let by_uid: BTreeSet<String> = second.all("memberUid").iter().cloned().collect();
    let is_one = group.all("cn") == second.all("cn") && by_dn == by_uid;
    if is_one { Ok(()) } else { Err(format!("{group:#?} and {second:#?}")) }
}

/// Operations that once ended otherwise.
const ONCE_WRONG: [&str; 2] = [
    // Of two addresses a directory without `rest` kept the first, and said 200.
    r#"[{"op": "add", "path": "emails", "value": [{"type": "work", "value": "n@x.test"}]}]"#,
    r#"[{"op": "remove", "path": "emails[type eq \"work\"].value"}]"#,
];

fn operations_of(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

// === People ===

fn user() -> ResourceType {
    ResourceType {
        name: "User".to_owned(),
        schema: schema::core_user().clone(),
        extensions: vec![Extension { schema: schema::enterprise_user().clone(), required: false }],
        ..ResourceType::default()
    }
}

fn start(number: usize) -> Value {
    json!({
        "schemas": [USER], "userName": format!("p{number}"), "displayName": "D", "active": true,
        "name": { "givenName": "G", "familyName": "F" }, "emails": [{ "type": "work", "value": "w@x.test" }],
    })
}

/// What a directory keeps of a resource: one address, and nothing of an element that has no address. `None` when
/// it must refuse.
fn in_a_directory(mut after: Resource) -> Option<Resource> {
    let Some(Value::Array(emails)) = after.get_mut("emails") else { return Some(after) };
    emails.retain(|email| email.get("value").is_some());
    match emails.len() {
        0 => {
            after.shift_remove("emails");
        }
        1 => {}
        _ => return None,
    }
    Some(after)
}

fn person(
    target: &str,
    scim: &Scim,
    number: usize,
    operations: &[Value],
    keeps: &dyn Fn(Resource) -> Option<Resource>,
) -> Result<(), String> {
    let (rt, advertised) = (user(), advertised(scim, "User"));
    let made = scim.post("/Users", &start(number)).is(201);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let before = plain(&scim.get(&path).is(200), &rt);
    let body = json!({ "Operations": operations });
    let expected = patch::parse(&body, &rt).and_then(|operations| {
        let after = patch::apply(&before, &operations, &rt, &Rules::default())?;
        resource::require(&after, &advertised).map(|()| after)
    });
    let answer = scim.patch(&path, &operations.into());
    let after = plain(&scim.get(&path).is(200), &rt);
    scim.delete(&path).is(204);
    let differs = |what: &str| {
        let body = &answer.body;
        Err(format!("{target}: {what}\nbefore {before:?}\nafter {after:?}\nnot {expected:?}\n{body:#}"))
    };
    match (&expected, answer.status) {
        (Ok(_), 200) if plain(&answer.body, &rt) != after => differs("the answer is not the resource"),
        (Ok(expected), 200) if keeps(expected.clone()).as_ref() == Some(&after) => Ok(()),
        (Ok(_), 200) => differs("ends otherwise"),
        (Ok(expected), 400) if keeps(expected.clone()).is_none() && after == before => Ok(()),
        (Ok(_), _) => differs("is refused"),
        (Err(_), _) if after != before => differs("is refused and leaves something done"),
        (Err(error), status) if status == error.status => Ok(()),
        (Err(_), _) => differs("is refused otherwise"),
    }
}

/// A resource without what the server says itself, and without what is the same as nothing.
fn plain(body: &Value, rt: &ResourceType) -> Resource {
    let mut resource = resource::parse(body, rt).unwrap().resource;
    without_links(&mut resource);
    resource
}

fn without_links(of: &mut Resource) {
    of.shift_remove("$ref");
    of.values_mut().filter_map(Value::as_object_mut).for_each(without_links);
}

fn operation(kind: &'static str, path: &str, value: Value) -> Value {
    match (kind, path) {
        ("remove", path) => json!({ "op": kind, "path": path }),
        (_, "") => json!({ "op": kind, "value": value }),
        (_, path) => json!({ "op": kind, "path": path, "value": value }),
    }
}

fn kinds() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["add", "replace", "remove"][..])
}

/// One operation on what every mapping keeps.
fn kept() -> BoxedStrategy<Value> {
    let path = prop::sample::select(&KEPT[..]);
    let single =
        (kinds(), path.clone(), text()).prop_map(|(kind, path, text)| operation(kind, path, json!(text)));
    let pathless = (prop::sample::select(&["add", "replace"][..]), path, text(), any::<bool>());
    let pathless = pathless.prop_map(|(kind, path, text, active)| {
        operation(kind, "", json!({ path: text, "active": if active { "True" } else { "False" } }))
    });
    let active = any::<bool>().prop_map(|active| operation("replace", "active", json!(active)));
    let name = (prop::sample::select(&["add", "replace"][..]), text())
        .prop_map(|(kind, text)| operation(kind, "name", json!({ "givenName": text })));
    let wrong = prop::sample::select(&["userName", "name.nothing", "id", "title["][..])
        .prop_map(|path| operation("remove", path, Value::Null));
    prop_oneof![8 => single, 3 => pathless, 2 => active, 2 => name, 1 => wrong].boxed()
}

/// One operation on e-mail addresses of the type that every mapping keeps.
fn email() -> BoxedStrategy<Value> {
    let address = prop::sample::select(&["w@x.test", "n@x.test", "N@x.test"][..]);
    let path =
        prop::sample::select(&["emails", r#"emails[type eq "work"].value"#, r#"emails[type eq "work"]"#][..]);
    (kinds(), path, address)
        .prop_map(|(kind, path, address)| match path {
            "emails" => operation(kind, path, json!([{ "type": "work", "value": address }])),
            path if path.ends_with(']') => operation(kind, path, json!({ "type": "work", "value": address })),
            path => operation(kind, path, json!(address)),
        })
        .boxed()
}

/// One operation on what only `rest` or tables keep.
fn wide() -> BoxedStrategy<Value> {
    let paths = prop::sample::select(&["emails", "phoneNumbers", "ims", "roles", "addresses"][..]);
    let kind = prop::sample::select(&["work", "home", "mobile", "other", "Work"][..]);
    let element =
        (kind.clone(), text(), any::<bool>(), any::<bool>()).prop_map(|(kind, text, typed, primary)| {
            let mut element = json!({ "value": text });
            if typed {
                element["type"] = kind.into();
            }
            if primary {
                element["primary"] = true.into();
            }
            element
        });
    let whole = (kinds(), paths.clone(), prop::collection::vec(element, 0..3)).prop_map(
        |(kind, path, mut elements)| {
            let is_primary = |element: &Value| element.get("primary").is_some();
            let first = elements.iter().position(is_primary);
            for (at, element) in elements.iter_mut().enumerate() {
                if Some(at) != first && is_primary(element) {
                    element["primary"] = false.into();
                }
                if path == "addresses" {
                    element["formatted"] = element["value"].take();
                    element.as_object_mut().unwrap().shift_remove("value");
                }
            }
            operation(kind, path, elements.into())
        },
    );
    let filter = prop_oneof![
        kind.prop_map(|kind| format!("type eq \"{kind}\"")),
        Just("primary eq true".to_owned()),
        Just("not (type pr)".to_owned()),
        Just("value eq \"anna\" or value co \"a\"".to_owned()),
    ];
    let sub = prop::sample::select(&["", ".value", ".type", ".primary", ".display"][..]);
    let filtered = (kinds(), paths, filter, sub, text(), any::<bool>()).prop_map(
        |(kind, path, filter, sub, text, truth)| {
            let is_address = path == "addresses";
            let sub = if is_address && sub == ".value" { ".country" } else { sub };
            let filter = if is_address { filter.replace("value", "formatted") } else { filter };
            let value = match sub {
                "" if is_address => json!({ "country": text }),
                "" => json!({ "value": text }),
                ".primary" => json!(truth),
                ".type" => json!("home"),
                _ => json!(text),
            };
            operation(kind, &format!("{path}[{filter}]{sub}"), value)
        },
    );
    let extension = (
        kinds(),
        prop::sample::select(&["department", "costCenter", "manager", "manager.value"][..]),
        text(),
    )
        .prop_map(|(kind, name, text)| operation(kind, &format!("{ENTERPRISE}:{name}"), json!(text)));
    let null = prop::sample::select(&["title", "emails", "name", "nickName", "active"][..])
        .prop_map(|path| operation("replace", path, Value::Null));
    prop_oneof![4 => whole, 4 => filtered, 2 => extension, 1 => null].boxed()
}

// === Members ===

const PEOPLE: usize = 5;

/// What is done to the members, people named by their place.
#[derive(Clone, Debug)]
enum Membership {
    Add(Vec<usize>),
    Remove(Vec<usize>),
    RemoveOne(usize),
    Replace(Vec<usize>),
    Clear,
    Rename(String),
}

fn membership() -> impl Strategy<Value = Membership> {
    // The one behind the last is nobody.
    let some = || prop::collection::vec(prop_oneof![9 => 0..PEOPLE, 1 => Just(PEOPLE)], 0..4);
    prop_oneof![
        3 => some().prop_map(Membership::Add),
        2 => some().prop_map(Membership::Remove),
        2 => (0..=PEOPLE).prop_map(Membership::RemoveOne),
        1 => some().prop_map(Membership::Replace),
        1 => Just(Membership::Clear),
        1 => text().prop_map(Membership::Rename),
    ]
}

/// People of one target, for groups of them.
pub struct Team {
    scim: Scim,
    ids: Vec<String>,
}

// === impl Team ===

impl Team {
    pub fn new(scim: Scim) -> Self {
        let person =
            |number| scim.post("/Users", &json!({ "schemas": [USER], "userName": format!("m{number}") }));
        let mut ids: Vec<String> =
            (0..PEOPLE).map(|number| person(number).is(201)["id"].as_str().unwrap().to_owned()).collect();
        let gone = person(PEOPLE).is(201)["id"].as_str().unwrap().to_owned();
        scim.delete(&format!("/Users/{gone}")).is(204);
        ids.push(gone);
        Self { scim, ids }
    }

    fn links(&self, places: &[usize]) -> Value {
        places.iter().map(|at| json!({ "value": self.ids[*at] })).collect()
    }

    fn change(
        &self,
        number: usize,
        before: &[usize],
        operations: &[Membership],
        looked_into: &dyn Fn() -> Result<(), String>,
    ) -> Result<(), String> {
        let body =
            json!({ "schemas": [GROUP], "displayName": format!("g{number}"), "members": self.links(before) });
        let made = self.scim.post("/Groups", &body).is(201);
        let path = format!("/Groups/{}", made["id"].as_str().unwrap());
        let operations: Vec<Value> =
            operations.iter().map(|operation| self.operation(operation, number)).collect();
        let rt = ResourceType { schema: schema::core_group().clone(), ..ResourceType::default() };
        let before = self.scim.get(&path).is(200);
        let parsed = resource::parse(&before, &rt).unwrap().resource;
        let expected = patch::parse(&json!({ "Operations": operations }), &rt)
            .and_then(|operations| patch::apply(&parsed, &operations, &rt, &Rules::default()))
            .map(|after| seen(&Value::Object(after)));
        let answer = self.scim.patch(&path, &operations.clone().into());
        let after = seen(&self.scim.get(&path).is(200));
        let inside = looked_into();
        self.scim.delete(&path).is(204);
        inside?;
        let gone = &self.ids[PEOPLE];
        let fits = match &expected {
            Ok((_, members)) if members.contains(gone) => answer.status == 400 && after == seen(&before),
            Ok(expected) => matches!(answer.status, 200 | 204) && after == *expected,
            Err(error) => answer.status == error.status && after == seen(&before),
        };
        match fits {
            true => Ok(()),
            false => Err(format!("{operations:#?}\n{after:?}\nnot {expected:?}\n{:#}", answer.body)),
        }
    }

    fn operation(&self, of: &Membership, number: usize) -> Value {
        match of {
            Membership::Add(who) => operation("add", "members", self.links(who)),
            Membership::Remove(who) => json!({ "op": "remove", "path": "members", "value": self.links(who) }),
            Membership::RemoveOne(who) => {
                operation("remove", &format!("members[value eq \"{}\"]", self.ids[*who]), Value::Null)
            }
            Membership::Replace(who) => operation("replace", "members", self.links(who)),
            Membership::Clear => operation("remove", "members", Value::Null),
            Membership::Rename(name) => operation("replace", "displayName", json!(format!("{name}{number}"))),
        }
    }
}

/// A group's name and the ids of its members.
fn seen(group: &Value) -> (Value, BTreeSet<String>) {
    let members = group["members"].as_array().into_iter().flatten();
    let ids = members.map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    (group["displayName"].clone(), ids)
}

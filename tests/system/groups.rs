//! Groups in directories: groups in groups, and members that are neither people nor groups; on Active Directory, which
//! takes no more than so many values at a time, many members in one request: all of them are members then, or none is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::directory::{BIND_DN, Directory, Entry, SMALL_LIMITS, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::output;
use crate::support::relay::Relay;
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::{Scim, encoded};

const MEMBERS: usize = 2_500;
/// An overlay of OpenLDAP that brings what names lead to.
const DEREF: &str = "moduleload deref\noverlay deref\n";

#[test]
fn many_members_come_in_several_writes_and_all_or_none_of_them() {
    let person = |number: usize| {
        let dn = format!("cn=m{number:04},ou=people,{DOMAIN}");
        format!("dn: {dn}\nobjectClass: user\nsAMAccountName: m{number:04}\n\n")
    };
    let samba = Samba::holding(&(0..MEMBERS).map(person).collect::<String>());
    let relay = Relay::to(samba.plain_port());
    let url = format!("ldap://127.0.0.1:{}", relay.port());
    // The machine may be busy, and Samba is slow.
    let limits = "limits = { backend_deadline_ms = 60000, deadline_ms = 120000 }\n".to_owned();
    let mut gateway =
        Gateway::serve(&[limits, samba.target_in_the_clear("corp", "active-directory", "", &[url])]);
    let corp = gateway.target("corp");
    let mut ids = Vec::new();
    while ids.len() < MEMBERS {
        let list = corp.get(&format!("/Users?attributes=id&count=200&startIndex={}", ids.len() + 1)).is(200);
        let page = list["Resources"].as_array().unwrap();
        ids.extend(page.iter().map(|person| person["id"].as_str().unwrap().to_owned()));
    }
    let made = corp.post("/Groups", &json!({ "displayName": "everybody" })).is(201);
    let group = format!("/Groups/{}", made["id"].as_str().unwrap());
    let members = || samba.group("everybody").unwrap().all("member").len();
    let values: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    let add = json!([{ "op": "add", "path": "members", "value": values }]);
    let remove = json!([{ "op": "remove", "path": "members", "value": values }]);

    // The last of them ends when two thousand are in.
    let last = corp.get(&format!("/Users/{}?attributes=userName", ids[MEMBERS - 1])).is(200);
    let login = last["userName"].as_str().unwrap().to_owned();
    let mut end = samba.modification(&format!("dn: cn={login},ou=people,{DOMAIN}\nchangetype: delete\n"));
    relay.before_a_write(2, move || _ = output(&mut end));
    let detail = corp.patch(&group, &add).is_error(400, "invalidValue");
    assert!(detail.contains(&ids[MEMBERS - 1]), "{detail}");
    assert!(relay.has_happened());
    assert_eq!(members(), 0);

    let rest = json!([{ "op": "add", "path": "members", "value": values[..MEMBERS - 1] }]);
    relay.before_a_write(2, || {});
    corp.patch(&group, &rest).is(204);
    assert_eq!((members(), relay.has_happened()), (MEMBERS - 1, true));
    corp.patch(&group, &remove).is(204);
    assert_eq!(members(), 0);
    gateway.is_sound();
}

// === Groups in groups ===

/// A directory, looked into with another client than the gateway.
struct Native<'a> {
    suffix: &'a str,
    /// A class of entries named by `cn` that are neither people nor groups.
    other_class: &'a str,
    /// Whether what shows a person's groups shows those that are reached through others, too.
    shows_indirect: bool,
    group: &'a dyn Fn(&str) -> Option<Entry>,
    modify: &'a dyn Fn(&str),
}

#[test]
fn of_openldap_hold_groups() {
    nest_in(&Directory::start(), "openldap", false);
}

#[test]
fn of_openldap_that_brings_what_names_lead_to_hold_groups() {
    nest_in(&Directory::tuned("", SMALL_LIMITS, DEREF), "openldap", false);
}

/// A person comes with the groups in one search, where the server brings what their names lead to; else in two.
#[test]
fn a_person_and_the_groups_take_one_search_where_the_server_can() {
    for (overlay, searches) in [(DEREF, 1), ("", 2)] {
        let monitor = format!("{overlay}database monitor\naccess to * by dn.exact=\"{BIND_DN}\" read\n");
        let directory = Directory::tuned("", SMALL_LIMITS, &monitor);
        let mut gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
        let corp = gateway.target("corp");
        let ada = corp.post("/Users", &json!({ "userName": "ada" })).is(201)["id"].clone();
        let crew = json!({ "displayName": "crew", "members": [{ "value": ada }] });
        let crew = corp.post("/Groups", &crew).is(201)["id"].clone();
        let counter = || {
            let found = directory.search("cn=Search,cn=Operations,cn=Monitor", "(objectClass=*)");
            found[0].one("monitorOpInitiated").unwrap().parse::<u32>().unwrap()
        };
        let own = {
            let before = counter();
            counter() - before
        };
        let path = format!("/Users/{}", ada.as_str().unwrap());
        for query in [path, format!("/Users?filter={}", encoded("userName eq \"ada\""))] {
            let before = counter();
            let found = corp.get(&query).is(200);
            assert_eq!(counter() - before - own, searches, "{overlay:?} {query}");
            let person = found["Resources"].get(0).unwrap_or(&found);
            assert_eq!(person["groups"][0]["value"], crew);
        }
        gateway.is_sound();
    }
}

#[test]
fn of_389_directory_server_hold_groups() {
    nest_in(&Directory::ds389(), "389ds", true);
}

#[test]
fn of_active_directory_hold_groups() {
    let samba = Samba::start();
    let mut gateway = Gateway::serve(&[samba.target("corp", "active-directory", "")]);
    let native = Native {
        suffix: DOMAIN,
        other_class: "contact",
        shows_indirect: false,
        group: &|cn| samba.group(cn),
        modify: &|ldif| samba.modify(ldif),
    };
    nest(&gateway.target("corp"), &native);
    gateway.is_sound();
}

fn nest_in(directory: &Directory, mapping: &str, shows_indirect: bool) {
    let mut gateway = Gateway::serve(&[directory.target("corp", mapping)]);
    let native = Native {
        suffix: SUFFIX,
        other_class: "organizationalRole",
        shows_indirect,
        group: &|cn| directory.group(cn),
        modify: &|ldif| directory.modify(ldif),
    };
    nest(&gateway.target("corp"), &native);
    gateway.is_sound();
}

fn nest(corp: &Scim, native: &Native<'_>) {
    let id = |resource: &Value| resource["id"].as_str().unwrap().to_owned();
    let person = |login: &str| id(&corp.post("/Users", &json!({ "userName": login })).is(201));
    let (ada, bob) = (person("ada"), person("bob"));
    let group = |name: &str, members: Value| {
        id(&corp.post("/Groups", &json!({ "displayName": name, "members": members })).is(201))
    };
    let inner = group("inner", json!([{ "value": ada }]));
    let outer =
        group("outer", json!([{ "value": inner, "type": "Group" }, { "value": bob, "type": "User" }]));
    let path = format!("/Groups/{outer}");
    let link = |id: &str, kind: &str| (id.to_owned(), format!("{}/{kind}s/{id}", corp.base), kind.to_owned());
    let shown = |expected: &[(String, String, String)]| {
        let group = corp.get(&path).is(200);
        let text = |member: &Value, name: &str| member[name].as_str().unwrap().to_owned();
        let members = group["members"].as_array().into_iter().flatten();
        let members = members.map(|one| (text(one, "value"), text(one, "$ref"), text(one, "type")));
        assert_eq!(members.collect::<BTreeSet<_>>(), expected.iter().cloned().collect());
    };
    // The naming values of those that are members natively.
    let holds = |expected: &[&str]| {
        let outer = (native.group)("outer").unwrap();
        let members = outer.all("member").iter().filter(|dn| !dn.ends_with("placeholder"));
        let name = |dn: &String| dn.split([',', '=']).nth(1).unwrap().to_owned();
        assert_eq!(
            members.map(name).collect::<BTreeSet<_>>(),
            expected.iter().map(ToString::to_string).collect()
        );
    };
    let both = [link(&inner, "Group"), link(&bob, "User")];
    shown(&both);
    holds(&["inner", "bob"]);

    // By deltas, with and without the type; what is so already is no mistake.
    let gone = json!([{ "op": "remove", "path": format!("members[value eq \"{inner}\"]") }]);
    let back = |member: Value| json!([{ "op": "add", "path": "members", "value": [member] }]);
    for member in [json!({ "value": inner }), json!({ "value": inner, "type": "Group" })] {
        for _ in 0..2 {
            corp.patch(&path, &gone).is(204);
        }
        shown(&both[1..]);
        for _ in 0..2 {
            corp.patch(&path, &back(member.clone())).is(204);
        }
        holds(&["inner", "bob"]);
    }
    let whole = |members: Value| json!({ "displayName": "outer", "members": members });
    corp.put(&path, &whole(json!([{ "value": inner }]))).is(200);
    shown(&both[..1]);
    corp.put(&path, &whole(json!([{ "value": bob }, { "value": inner }]))).is(200);
    shown(&both);
    for filter in [format!("members.value eq \"{inner}\""), format!("members[value eq \"{inner}\"]")] {
        let found = corp.find("/Groups", &filter).is(200);
        assert_eq!(
            (&found["totalResults"], &found["Resources"][0]["id"]),
            (&json!(1), &json!(outer)),
            "{filter}"
        );
    }

    // Whoever is neither a person nor a group is not shown, wherever it stands, and stays.
    let suffix = native.suffix;
    let other = |place: &str| {
        let class = native.other_class;
        format!("dn: cn=other,{place}{suffix}\nchangetype: add\nobjectClass: {class}\n\n")
    };
    let others = ["ou=people,", "ou=groups,", ""];
    let members: String = others.iter().map(|place| format!("member: cn=other,{place}{suffix}\n")).collect();
    let add = format!("dn: cn=outer,ou=groups,{suffix}\nchangetype: modify\nadd: member\n{members}");
    (native.modify)(&format!("{}{add}", others.map(other).concat()));
    shown(&both);
    corp.patch(&path, &gone).is(204);
    corp.put(&path, &whole(json!([{ "value": inner }, { "value": bob }]))).is(200);
    shown(&both);
    assert_eq!(
        (native.group)("outer").unwrap().all("member").iter().filter(|dn| dn.contains("other")).count(),
        3
    );

    // A person's groups, as the directory tells them.
    let groups = corp.get(&format!("/Users/{ada}")).is(200)["groups"].clone();
    let groups = groups.as_array().unwrap().iter().map(|one| one["$ref"].as_str().unwrap().to_owned());
    let expected = if native.shows_indirect { vec![&inner, &outer] } else { vec![&inner] };
    let expected = expected.into_iter().map(|id| format!("{}/Groups/{id}", corp.base));
    assert_eq!(groups.collect::<BTreeSet<_>>(), expected.collect());

    // A group that has another name is the same member; one that is no more is none.
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "within" }]);
    corp.patch(&format!("/Groups/{inner}"), &rename).is(200);
    shown(&both);
    corp.delete(&format!("/Groups/{inner}")).is(204);
    shown(&both[1..]);
    corp.patch(&path, &back(json!({ "value": inner }))).is_error(400, "invalidValue");
}

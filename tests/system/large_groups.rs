//! Groups whose members are so many that they are given piece by piece: read whole and right, as `ldapsearch` finds
//! them, also where some members are no resources, where the entries' own word for their groups is wrong, and when
//! the directory or the client goes away in between.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::support::directory::{Directory, Entry, SUFFIX};
use super::support::eventually;
use super::support::gateway::{Gateway, TOKEN};
use super::support::relay::Relay;
use super::support::samba::{DOMAIN, Samba};
use super::support::scim::{Scim, encoded};

/// People in the large group. The first half say so themselves.
const MEMBERS: usize = 3_000;
/// Members that are looked up in many searches.
const VERY_MANY: usize = 10_000;
/// And so many that their text does not fit into what the kernel keeps for a client that does not read.
const UNREAD: usize = 40_000;
/// Answers in pieces at one time (`limits::LONG_ANSWERS`).
const PLACES: usize = 8;

#[test]
fn of_a_directory() {
    let directory = Directory::holding(&ldif(""));
    is_whole(&directory, &directory.target("corp", "openldap"), "entryuuid");
}

#[test]
fn of_a_389_directory_server() {
    let directory = Directory::ds389_holding(&ldif("objectClass: nsMemberOf\n"), "");
    is_whole(&directory, &directory.target("corp", "389ds"), "nsuniqueid");
}

#[test]
fn of_an_active_directory() {
    const PEOPLE: usize = 1_100;
    let person = |number: usize| format!("cn=p{number:05},ou=people,{DOMAIN}");
    let mut ldif = String::new();
    for number in 0..PEOPLE {
        let dn = person(number);
        write!(ldif, "dn: {dn}\nobjectClass: user\nsAMAccountName: p{number:05}\n\n").unwrap();
    }
    let group = |name: &str| {
        format!("dn: cn={name},ou=groups,{DOMAIN}\nobjectClass: group\nsAMAccountName: {name}\n")
    };
    write!(ldif, "{}\n{}", group("inner"), group("everybody")).unwrap();
    (0..PEOPLE).for_each(|number| writeln!(ldif, "member: {}", person(number)).unwrap());
    write!(ldif, "member: cn=inner,ou=groups,{DOMAIN}\nmember: cn=Guest,cn=Users,{DOMAIN}\n").unwrap();
    let samba = Samba::holding(&ldif);
    let gateway = Gateway::serve(&[samba.target("corp", "active-directory", "")]);
    let scim = gateway.target("corp");
    let names = |shown: &[Value], endpoint: &str, name: &str| -> BTreeSet<String> {
        let all = everybody(&scim, &format!("{endpoint}?attributes={name}"));
        let shown: BTreeSet<&str> = shown.iter().map(|member| member["value"].as_str().unwrap()).collect();
        let is_shown = |resource: &&Value| shown.contains(resource["id"].as_str().unwrap());
        all.iter().filter(is_shown).map(|resource| resource[name].as_str().unwrap().to_owned()).collect()
    };
    let found = scim.find("/Groups", "displayName eq \"everybody\"").is(200);
    let members = found["Resources"][0]["members"].as_array().unwrap();
    let expected: BTreeSet<String> = (0..PEOPLE).map(|number| format!("p{number:05}")).collect();
    assert_eq!(members.len(), PEOPLE + 1);
    assert_eq!(names(members, "/Users", "userName"), expected);
    assert_eq!(names(members, "/Groups", "displayName"), BTreeSet::from(["inner".to_owned()]));
}

/// A large group with all that can be odd in one.
fn ldif(class: &str) -> String {
    let mut ldif = format!("\ndn: ou=other,{SUFFIX}\nobjectClass: organizationalUnit\nou: other\n");
    let mut person = |login: &str, place: &str, says_so: bool| {
        write!(
            ldif,
            "\ndn: uid={login},ou={place},{SUFFIX}\nobjectClass: inetOrgPerson\n{class}uid: {login}\ncn: x\nsn: x\n"
        )
        .unwrap();
        if says_so {
            writeln!(ldif, "memberOf: cn=everybody,ou=groups,{SUFFIX}").unwrap();
        }
    };
    (0..MEMBERS).for_each(|number| person(&format!("p{number:05}"), "people", number < MEMBERS / 2));
    // Says that it is in the group, which does not say so.
    person("stale", "people", true);
    // The other way round, outside of what the mapping shows.
    person("outside", "other", true);
    write!(
        ldif,
        "\ndn: cn=printer,ou=people,{SUFFIX}\nobjectClass: device\ncn: printer\n\n\
         dn: cn=inner,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: inner\nmember: uid=p00000,ou=people,{SUFFIX}\n\n\
         dn: cn=small,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: small\nmember: uid=p00000,ou=people,{SUFFIX}\n\n\
         dn: cn=everybody,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: everybody\n"
    )
    .unwrap();
    // Other spellings of the same names.
    writeln!(ldif, "member: UID=P00000,OU=People,{SUFFIX}\nmember: uid=p02999, ou=people, {SUFFIX}").unwrap();
    for number in 1..MEMBERS - 1 {
        writeln!(ldif, "member: uid=p{number:05},ou=people,{SUFFIX}").unwrap();
    }
    for odd in [
        "cn=inner,ou=groups",
        "uid=outside,ou=other",
        "uid=nobody,ou=people",
        "cn=printer,ou=people",
        "cn=everybody,ou=groups",
    ] {
        writeln!(ldif, "member: {odd},{SUFFIX}").unwrap();
    }
    if class.is_empty() {
        ldif += "member: cn=gantry-placeholder\n";
    }
    ldif
}

fn is_whole(directory: &Directory, target: &str, id: &str) {
    let gateway = Gateway::serve(&[target.to_owned(), resource_target(target)]);
    let scim = gateway.target("corp");
    let id = |entry: Entry| entry.one(id).unwrap().to_owned();
    let of = |filter: &str| directory.search(SUFFIX, filter).into_iter().map(id).collect::<BTreeSet<_>>();
    let (people, groups) = (of("(uid=p*)"), of("(|(cn=inner)(cn=everybody))"));
    assert_eq!((people.len(), groups.len()), (MEMBERS, 2));
    let group = id(directory.group("everybody").unwrap());
    let small = id(directory.group("small").unwrap());
    let path = format!("/Groups/{group}");

    let answer = scim.get(&path);
    let version = answer.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers["content-type"], "application/scim+json");
    let whole = answer.is(200);
    for (kind, endpoint, expected) in [("User", "/Users", &people), ("Group", "/Groups", &groups)] {
        let members = whole["members"].as_array().unwrap().iter();
        let members: Vec<&Value> = members.filter(|member| member["type"] == kind).collect();
        let ids: BTreeSet<String> =
            members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
        assert_eq!((&ids, members.len()), (expected, expected.len()));
        for member in members {
            let reference = format!("{}{endpoint}/{}", scim.base, member["value"].as_str().unwrap());
            assert_eq!(*member, json!({ "value": member["value"], "$ref": reference, "type": kind }));
        }
    }

    // The same group, however it is asked for.
    let sorted = |group: &Value| {
        let mut group = group.clone();
        group["members"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(|member| member["value"].as_str().unwrap().to_owned());
        group
    };
    let expected = sorted(&whole);
    let filter = encoded("displayName eq \"everybody\"");
    let scan = encoded("displayName sw \"every\"");
    for query in [format!("filter={filter}"), format!("filter={scan}"), format!("filter={scan}&cursor=")] {
        let found = scim.get(&format!("/Groups?{query}")).is(200);
        let resources = found["Resources"].as_array().unwrap();
        assert_eq!(
            (&found["totalResults"], &found["itemsPerPage"], resources.len()),
            (&json!(1), &json!(1), 1),
            "{query}"
        );
        assert_eq!(sorted(&resources[0]), expected, "{query}");
    }
    let all = everybody(&scim, "/Groups?sortBy=displayName");
    let names: Vec<&Value> = all.iter().map(|group| &group["displayName"]).collect();
    assert_eq!(names, ["everybody", "inner", "small"]);
    assert_eq!(sorted(&all[0]), expected);
    assert_eq!(all[2], scim.get(&format!("/Groups/{small}")).is(200));
    let some = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "displayName eq \"everybody\"" });
    assert_eq!(sorted(&scim.post("/.search", &some).is(200)["Resources"][0]), expected);

    // Parts of it.
    let values = scim.get(&format!("{path}?attributes=members.value")).is(200);
    let values: BTreeSet<String> =
        values["members"].as_array().unwrap().iter().map(Value::to_string).collect();
    let ids = people.iter().chain(&groups).map(|id| json!({ "value": id }).to_string());
    assert_eq!(values, ids.collect());
    for query in ["excludedAttributes=members", "attributes=displayName"] {
        assert_eq!(scim.get(&format!("{path}?{query}")).is(200).get("members"), None);
    }
    let without = scim.get(&format!("{path}?excludedAttributes=members"));
    assert_eq!(without.headers["etag"].to_str().unwrap(), version);

    // Its version.
    let unchanged = scim.on_condition("GET", &path, "If-None-Match", &version, None);
    assert_eq!((unchanged.status, unchanged.body), (304, Value::Null));
    assert_eq!(scim.on_condition("GET", &path, "If-Match", "W/\"other\"", None).status, 412);

    // What a write answers.
    let scim = gateway.target("bodies");
    let goes = people.first().unwrap();
    let operation = json!([{ "op": "remove", "path": format!("members[value eq \"{goes}\"]") }]);
    let after = scim.patch(&path, &operation).is(200);
    let ids: BTreeSet<&str> =
        after["members"].as_array().unwrap().iter().map(|member| member["value"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), MEMBERS + 1);
    assert!(!ids.contains(goes.as_str()));
}

/// The same target for a client that wants to see what a PATCH made.
fn resource_target(target: &str) -> String {
    let profile = "profile = { base = \"rfc\", patch_answer = 200 }\n";
    format!("{}{profile}", target.replace("name = \"corp\"", "name = \"bodies\""))
}

fn everybody(scim: &Scim, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = scim.get(&format!("{path}&count=200&cursor={cursor}")).is(200);
        all.extend(page["Resources"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return all,
        }
    }
}

// === Somebody goes away ===

/// A group of very many, who say so themselves or not.
fn very_many(count: usize, says_so: bool) -> String {
    let mut ldif = String::new();
    for number in 0..count {
        write!(
            ldif,
            "\ndn: uid=p{number:05},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: p{number:05}\ncn: x\nsn: x\n"
        )
        .unwrap();
        if says_so {
            writeln!(ldif, "memberOf: cn=everybody,ou=groups,{SUFFIX}").unwrap();
        }
    }
    write!(ldif, "\ndn: cn=everybody,ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: everybody\n")
        .unwrap();
    (0..count).for_each(|number| writeln!(ldif, "member: uid=p{number:05},ou=people,{SUFFIX}").unwrap());
    ldif
}

fn group_of(scim: &Scim, name: &str) -> String {
    let filter = encoded(&format!("displayName eq \"{name}\""));
    let found = scim.get(&format!("/Groups?attributes=displayName&filter={filter}")).is(200);
    format!("/Groups/{}", found["Resources"][0]["id"].as_str().unwrap())
}

#[test]
fn a_directory_that_goes_away_in_between_leaves_no_part_that_looks_whole() {
    for says_so in [true, false] {
        let directory = Directory::holding(&very_many(VERY_MANY, says_so));
        let relay = Relay::to(directory.plain_port());
        let urls = [format!("ldap://127.0.0.1:{}", relay.port())];
        let mut gateway = Gateway::serve(&[directory.target_in_the_clear("corp", "openldap", &urls)]);
        let scim = gateway.target("corp");
        let path = group_of(&scim, "everybody");
        let read = || scim.get(&path).is(200)["members"].as_array().unwrap().len();
        // Connections are made.
        assert_eq!(read(), VERY_MANY);
        let before = relay.octets();
        assert_eq!(read(), VERY_MANY);
        let all = relay.octets() - before;
        // The entry itself is about the first third of it.
        for part in [1, 5, 8] {
            relay.refuse_after(all * part / 10);
            let answer = scim.get(&path);
            answer.is_error(503, "");
            assert!(answer.headers.contains_key("retry-after"));
            relay.open();
            eventually("the directory's return", || {
                scim.get("/Users?count=1&filter=userName%20eq%20%22p00001%22").status == 200
            });
        }
        assert_eq!(read(), VERY_MANY);
        gateway.is_sound();
    }
}

#[test]
fn clients_that_hang_up_or_do_not_read_hold_nobody_up_for_long() {
    let directory = Directory::holding(&very_many(UNREAD, true));
    let limits = "limits = { backend_deadline_ms = 20_000 }\n".to_owned();
    let mut gateway = Gateway::serve(&[limits, directory.target("corp", "openldap")]);
    let scim = gateway.target("corp");
    let path = group_of(&scim, "everybody");
    // They take the beginning and no more.
    let begun: Vec<TcpStream> = (0..PLACES).map(|_| begin(&scim, &path)).collect();
    let refused = scim.get(&path);
    refused.is_error(503, "");
    assert!(refused.headers.contains_key("retry-after"));
    // What is not so long goes on.
    assert_eq!(scim.get(&format!("{path}?excludedAttributes=members")).status, 200);
    assert_eq!(scim.get("/Users?count=3").status, 200);
    drop(begun);
    eventually("a place", || scim.get(&path).status == 200);
    gateway.is_sound();
}

/// A request of which the answer's first octets are taken.
fn begin(scim: &Scim, path: &str) -> TcpStream {
    let (address, base) = scim.base.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /{base}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    stream
}

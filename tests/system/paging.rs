//! Ten thousand entries in a directory of each kind, paged through while others write: nobody who is there all the
//! time is missed or met twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::{Gateway, gantry, write_configuration};
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::{Scim, encoded};

const PEOPLE: usize = 10_000;
const PAGE: usize = 200;

/// The person with this number.
fn login(number: usize) -> String {
    format!("p{number:05}")
}

fn in_ldap() -> String {
    let person = |number| {
        let uid = login(number);
        format!(
            "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: Page\n\n"
        )
    };
    (0..PEOPLE).map(person).collect()
}

#[test]
fn of_ten_thousand_entries_in_openldap() {
    of_directory(&Directory::holding(&in_ldap()), "openldap");
}

#[test]
fn of_ten_thousand_entries_in_389_directory_server() {
    of_directory(&Directory::ds389_holding(&in_ldap(), ""), "389ds");
}

fn of_directory(directory: &Directory, mapping: &str) {
    let rename = |from: &str, to: &str| {
        directory.modify(&format!(
            "dn: uid={from},ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n"
        ));
    };
    are_paged(&directory.target("corp", mapping), &rename);
}

#[test]
fn of_ten_thousand_entries_in_active_directory() {
    let samba = Samba::start();
    let person = |number| {
        let name = login(number);
        format!(
            "dn: cn={name},ou=people,{DOMAIN}\nchangetype: add\nobjectClass: user\nsAMAccountName: {name}\nsn: Page\n\
             userAccountControl: 514\n\n"
        )
    };
    samba.modify(&(0..PEOPLE).map(person).collect::<String>());
    let rename = |from: &str, to: &str| {
        samba.modify(&format!(
            "dn: cn={from},ou=people,{DOMAIN}\nchangetype: modrdn\nnewrdn: cn={to}\ndeleteoldrdn: 1\n"
        ));
    };
    are_paged(&samba.target("corp", "active-directory", ", name = \"{userName}\""), &rename);
}

/// Pages through everybody by cursor and by number while a client of the gateway and another of the directory write.
fn are_paged(target: &str, rename: &(dyn Fn(&str, &str) + Sync)) {
    let mut gateway = serve(target);
    let scim = gateway.target("corp");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| write(&scim, rename, &is_over));
        for sort in ["", "&sortBy=name.familyName"] {
            meets_everybody_once(&by_cursor(&scim, sort), sort);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 10);
    });
    // Whoever comes or goes moves the others to other numbers; so by number while nobody does.
    meets_everybody_once(&by_number(&scim, "&sortBy=userName"), "by number");
    let found = scim.find("/Users", "userName sw \"p0001\"").is(200);
    assert_eq!(found["totalResults"], 10);
    gateway.is_sound();
}

fn serve(target: &str) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cursor.key"), "0123456789abcdef0123456789abcdef").unwrap();
    let key = "cursor_key = { file = \"cursor.key\" }\n".to_owned();
    let file = write_configuration(folder.path(), &[key, target.to_owned()]);
    Gateway::start(gantry().args(["serve", "--config"]).arg(file), folder)
}

/// People come, change, are renamed behind the gateway's back and go, until it is over; how many did.
fn write(scim: &Scim, rename: &dyn Fn(&str, &str), is_over: &AtomicBool) -> usize {
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (first, second) = (format!("w{count}"), format!("v{count}"));
        let name = json!({ "familyName": if count % 2 == 0 { "Aaa" } else { "Zzz" } });
        let made = scim.post("/Users", &json!({ "userName": first, "name": name, "active": false })).is(201);
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        rename(&first, &second);
        let stays = scim.find("/Users", &format!("userName eq \"{}\"", login(count * 37 % PEOPLE))).is(200);
        let stays = format!("/Users/{}", stays["Resources"][0]["id"].as_str().unwrap());
        let change = json!([{ "op": "replace", "path": "name.givenName", "value": format!("G{count}") }]);
        scim.patch(&stays, &change).is(200);
        if count % 3 > 0 {
            scim.delete(&path).is(204);
        }
        count += 1;
    }
    count
}

fn by_cursor(scim: &Scim, sort: &str) -> Vec<String> {
    let (mut met, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            scim.get(&format!("/Users?attributes=userName&count={PAGE}{sort}&cursor={}", encoded(&cursor)));
        let page = page.is(200);
        met.extend(logins(&page));
        match page.get("nextCursor").and_then(Value::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => return met,
        }
    }
}

fn by_number(scim: &Scim, sort: &str) -> Vec<String> {
    let mut met = Vec::new();
    loop {
        let at = met.len() + 1;
        let page =
            scim.get(&format!("/Users?attributes=userName&count={PAGE}{sort}&startIndex={at}")).is(200);
        let more = logins(&page);
        if more.is_empty() {
            assert_eq!(page["totalResults"], met.len());
            return met;
        }
        met.extend(more);
    }
}

fn logins(page: &Value) -> Vec<String> {
    let found = page.get("Resources").and_then(Value::as_array).into_iter().flatten();
    found.map(|person| person["userName"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn meets_everybody_once(met: &[String], how: &str) {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    met.iter().filter(|login| login.starts_with('p')).for_each(|login| *times.entry(login).or_default() += 1);
    let again: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(again.is_empty(), "{how}: met again {again:?}");
    let missed: Vec<_> = (0..PEOPLE).map(login).filter(|login| !times.contains_key(login.as_str())).collect();
    assert!(missed.is_empty(), "{how}: missed {missed:?}");
}

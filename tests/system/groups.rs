//! Groups of many members that come in one request, on Active Directory, which takes no more than so many values at a
//! time: all of them are members then, or none is.

use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::output;
use crate::support::relay::Relay;
use crate::support::samba::{DOMAIN, Samba};

const MEMBERS: usize = 2_500;

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
        Gateway::serve(&[limits, samba.target_in_the_clear("corp", "active-directory", &[url])]);
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

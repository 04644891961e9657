//! Whom a write reaches in an Active Directory when the DN that the gateway knew has another entry by then: the one
//! with the id or nobody, never the other. Also when that comes about between the gateway's last look and its write.

use serde_json::{Value, json};

use crate::support::gateway::Gateway;
use crate::support::output;
use crate::support::relay::Relay;
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::Scim;

/// What becomes of the entry whose DN another takes.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Renamed,
    Deleted,
}

/// When that happens.
#[derive(Clone, Copy)]
enum When {
    /// After the gateway read the entry, and keeps its DN.
    BeforeTheRequest,
    /// While the write is on its way, after all that is read for it.
    BeforeTheWrite,
}

struct Scene {
    samba: Samba,
    relay: Relay,
    gateway: Gateway,
    corp: Scim,
}

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let samba = Samba::start();
        let relay = Relay::to(samba.plain_port());
        let url = format!("ldap://127.0.0.1:{}", relay.port());
        let gateway = Gateway::serve(&[samba.target_in_the_clear("corp", "active-directory", "", &[url])]);
        let corp = gateway.target("corp");
        Self { samba, relay, gateway, corp }
    }

    /// Somebody whom the gateway just read, whose DN another one gets; the path, for that.
    fn somebody(&self, login: &str, fate: Fate, when: When) -> String {
        let made = self.corp.post("/Users", &json!({ "userName": login, "displayName": login })).is(201);
        let path = format!("/Users/{}", made["id"].as_str().unwrap());
        self.corp.get(&path).is(200);
        let dn = format!("CN={login},ou=people,{DOMAIN}");
        let goes = match fate {
            Fate::Renamed => format!("changetype: modrdn\nnewrdn: CN={login} as before\ndeleteoldrdn: 1"),
            Fate::Deleted => "changetype: delete".to_owned(),
        };
        let comes = format!("changetype: add\nobjectClass: user\nsAMAccountName: {login}-too\ntitle: other");
        let ldif = format!("dn: {dn}\n{goes}\n\ndn: {dn}\n{comes}\n");
        let mut swap = self.samba.modification(&ldif);
        match when {
            When::BeforeTheRequest => _ = output(&mut swap),
            When::BeforeTheWrite => self.relay.before_a_write(0, move || _ = output(&mut swap)),
        }
        path
    }

    /// That the other one is as it was made.
    #[track_caller]
    fn leaves_the_other(&self, login: &str) {
        assert!(self.relay.has_happened());
        let other = self.samba.person(&format!("{login}-too")).unwrap();
        assert_eq!(other.one("title"), Some("other"), "{login}");
        assert_eq!(other.one("cn"), Some(login));
    }
}

fn title(value: &str) -> Value {
    json!([{ "op": "replace", "path": "title", "value": value }])
}

#[test]
fn a_write_by_id_never_reaches_the_entry_that_took_the_dn() {
    let mut scene = Scene::new();
    let whens = [("soon", When::BeforeTheRequest), ("late", When::BeforeTheWrite)];
    for (name, when) in whens {
        let login = |rest: &str| format!("{name} {rest}");

        let one = login("patched");
        let path = scene.somebody(&one, Fate::Renamed, when);
        assert_eq!(scene.corp.patch(&path, &title("new")).is(200)["title"], "new");
        assert_eq!(scene.samba.person(&one).unwrap().one("title"), Some("new"));
        scene.leaves_the_other(&one);

        let one = login("put");
        let path = scene.somebody(&one, Fate::Renamed, when);
        let body = json!({ "userName": one, "displayName": one, "title": "put" });
        scene.corp.put(&path, &body).is(200);
        assert_eq!(scene.samba.person(&one).unwrap().one("title"), Some("put"));
        scene.leaves_the_other(&one);

        let one = login("deleted");
        let path = scene.somebody(&one, Fate::Renamed, when);
        scene.corp.delete(&path).is(204);
        assert_eq!(scene.samba.person(&one), None);
        scene.leaves_the_other(&one);

        let one = login("lost");
        let path = scene.somebody(&one, Fate::Deleted, when);
        scene.corp.patch(&path, &title("never")).is_error(404, "");
        scene.leaves_the_other(&one);

        let one = login("gone");
        let path = scene.somebody(&one, Fate::Deleted, when);
        scene.corp.delete(&path).is_error(404, "");
        scene.leaves_the_other(&one);
    }
    scene.gateway.is_sound();
}

/// Members are who they are now, whatever their names stood for a moment ago.
#[test]
fn members_whose_names_are_swapped_are_shown_and_written_as_they_are() {
    use crate::support::directory::{Directory, SUFFIX};
    let directory = Directory::start();
    let mut gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    let scim = gateway.target("corp");
    let person = |login: &str| {
        let made = scim.post("/Users", &json!({ "userName": login, "active": true })).is(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let (ada, bob) = (person("ada"), person("bob"));
    let group =
        scim.post("/Groups", &json!({ "displayName": "crew", "members": [{ "value": ada }] })).is(201);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let members = || {
        let read = scim.get(&path).is(200);
        let members = read["members"].as_array().unwrap().iter();
        members.map(|member| member["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(members(), std::slice::from_ref(&ada));
    let rename = |from: &str, to: &str| {
        directory.modify(&format!(
            "dn: uid={from},ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n"
        ));
    };
    rename("ada", "x");
    rename("bob", "ada");
    rename("x", "bob");
    assert_eq!(members(), [ada]);
    scim.put(&path, &json!({ "displayName": "crew", "members": [{ "value": bob }] })).is(200);
    assert_eq!(members(), [bob]);
    let held = directory.group("crew").unwrap().all("member").to_vec();
    assert!(held.contains(&format!("uid=ada,ou=people,{SUFFIX}")), "{held:?}");
    assert!(!held.contains(&format!("uid=bob,ou=people,{SUFFIX}")), "{held:?}");
    gateway.is_sound();
}

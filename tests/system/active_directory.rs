//! What only an Active Directory has, on Samba's: accounts of bits and passwords, places that follow from a
//! department, leavers. The ready mapping, by its params; the lives of the other backends' people it lives elsewhere.

use serde_json::{Value, json};

use super::support::directory::Entry;
use super::support::gateway::{Gateway, gantry, write_configuration};
use super::support::output;
use super::support::samba::{self, DOMAIN, Samba};
use super::support::scim::Scim;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const FIRST: &str = "Analytical-1843";
const SECOND: &str = "Difference \u{20ac}ngine \u{1f600}";

struct Case {
    samba: Samba,
    gateway: Gateway,
    scim: Scim,
}

// === impl Case ===

impl Case {
    fn start() -> Self {
        let samba = Samba::start();
        let gateway = Gateway::serve(&[target(&samba)]);
        let scim = gateway.target("corp");
        Self { samba, gateway, scim }
    }

    fn make(&self, body: &Value) -> (String, Entry) {
        let made = self.scim.post("/Users", body).is(201);
        assert_eq!(self.scim.get(&path(&made)).is(200), made);
        (path(&made), self.person(body["userName"].as_str().unwrap()))
    }

    fn person(&self, login: &str) -> Entry {
        self.samba.person(login).unwrap_or_else(|| panic!("{login} is nobody"))
    }

    fn patch(&self, path: &str, attribute: &str, value: &Value) -> Value {
        self.scim.patch(path, &json!([{ "op": "replace", "path": attribute, "value": value }])).is(200)
    }
}

fn target(samba: &Samba) -> String {
    let departments = "departments = \"Sales; IT\", domain = \"corp.example\"";
    samba.target("corp", "active-directory", &format!(", leavers = \"ou=leavers,{DOMAIN}\", {departments}"))
}

fn path(resource: &Value) -> String {
    format!("/Users/{}", resource["id"].as_str().unwrap())
}

fn ada() -> Value {
    json!({
        "userName": "ada", "displayName": "Ada King", "active": true, "password": FIRST,
        "name": { "familyName": "King", "givenName": "Ada" },
        "emails": [{ "type": "work", "value": "ada@x.test" }, { "type": "other", "value": "a@y.test" }],
        ENTERPRISE: { "department": "Sales" },
    })
}

#[test]
fn an_account_is_made_enabled_in_one_step_or_disabled_without_a_password() {
    let case = Case::start();
    let (ada, entry) = case.make(&ada());
    assert_eq!(
        entry.dn,
        format!("CN=Ada King,OU=Sales,ou=people,{DOMAIN}")
            .replace("ou=people", "OU=people")
            .replace("dc=", "DC=")
    );
    assert_eq!(entry.one("userAccountControl"), Some("512"));
    assert_eq!(entry.one("userPrincipalName"), Some("ada@corp.example"));
    assert_eq!(entry.all("proxyAddresses"), ["smtp:a@y.test"]);
    assert!(case.samba.can_bind(&entry.dn, FIRST) && !case.samba.can_bind(&entry.dn, SECOND));

    let (bob, entry) = case.make(&json!({ "userName": "bob", "active": true }));
    assert_eq!(
        (entry.one("userAccountControl"), case.scim.get(&bob).is(200)["active"].clone()),
        (Some("514"), false.into())
    );
    let (_, entry) = case.make(&json!({ "userName": "eve", "active": false, "password": FIRST }));
    assert_eq!(entry.one("userAccountControl"), Some("514"));
    assert!(!case.samba.can_bind(&entry.dn, FIRST), "a disabled account");

    // A password makes an account usable, and `active` opens it.
    case.patch(&bob, "password", &SECOND.into());
    case.patch(&bob, "active", &true.into());
    assert!(case.samba.can_bind(&case.person("bob").dn, SECOND));

    // Only the one bit changes, whatever else stands there.
    let dn = case.person("ada").dn;
    case.samba.modify(&format!(
        "dn: {dn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 66048\n"
    ));
    for (active, control) in [(false, "66050"), (true, "66048"), (false, "66050")] {
        assert_eq!(case.patch(&ada, "active", &active.into())["active"], active);
        assert_eq!(case.person("ada").one("userAccountControl"), Some(control));
        assert_eq!(case.samba.can_bind(&dn, FIRST), active);
    }
    // The directory is asked for the bit.
    let found = case.scim.find("/Users", "active eq false").is(200);
    let mut names: Vec<_> =
        found["Resources"].as_array().unwrap().iter().map(|one| one["userName"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ada", "eve"]);
    assert_eq!(case.scim.find("/Users", "active eq true").is(200)["totalResults"], 1);
    assert_eq!(case.scim.find("/Users", "not (active eq true)").is(200)["totalResults"], 2);
    let file = write_configuration(case.gateway.folder.path(), &[target(&case.samba)]);
    let plan = output(
        gantry()
            .args(["plan", "--target", "corp", "--config"])
            .arg(file)
            .args(["GET", "/Users?filter=active%20eq%20false"]),
    );
    assert!(plan.contains("(userAccountControl:1.2.840.113556.1.4.803:=2)"), "{plan}");
}

#[test]
fn a_password_is_changed_and_one_that_is_refused_says_why_and_changes_nothing() {
    let case = Case::start();
    let (ada, entry) = case.make(&ada());
    case.patch(&ada, "password", &SECOND.into());
    assert!(case.samba.can_bind(&entry.dn, SECOND) && !case.samba.can_bind(&entry.dn, FIRST));

    for (weak, why) in [("aB3-x", "it is too short"), ("nothing but letters", "it is too simple")] {
        let operations = json!([
            { "op": "replace", "path": "password", "value": weak },
            { "op": "replace", "path": "name.familyName", "value": "Byron" },
        ]);
        let answer = case.scim.patch(&ada, &operations);
        let detail = answer.is_error(400, "invalidValue");
        assert!(detail.contains(why) && !detail.contains(weak), "{detail}");
        let mut body = json!({ "userName": "weak", "password": weak });
        let detail = case.scim.post("/Users", &body).is_error(400, "invalidValue");
        assert!(detail.contains(why) && !detail.contains(weak), "{detail}");
        assert_eq!(case.samba.person("weak"), None);
        body["password"] = FIRST.into();
        let (weak, _) = case.make(&body);
        case.scim.delete(&weak).is(204);
        case.samba.modify(&format!(
            "dn: {}\nchangetype: delete\n",
            case.samba.search(&format!("ou=leavers,{DOMAIN}"), "(sAMAccountName=weak)")[0].dn
        ));
    }
    assert!(case.samba.can_bind(&entry.dn, SECOND));
    assert_eq!(case.person("ada").one("sn"), Some("King"));
    let log = case.gateway.log().join("\n");
    for secret in [FIRST, SECOND, "aB3-x", "nothing but letters"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_department_is_a_place_and_who_moves_stays_who_he_is() {
    let case = Case::start();
    let (ada, _) = case.make(&ada());
    let (bob, _) = case.make(&json!({ "userName": "bob", "password": FIRST }));
    let id = ada.rsplit('/').next().unwrap();
    let crew = json!({ "displayName": "Crew", "members": [{ "value": id }] });
    let crew = format!("/Groups/{}", case.scim.post("/Groups", &crew).is(201)["id"].as_str().unwrap());
    case.patch(&bob, &format!("{ENTERPRISE}:manager.value"), &id.into());
    let place = || {
        let dn = case.person("ada").dn.to_lowercase();
        dn.strip_suffix(&format!(",ou=people,{DOMAIN}")).unwrap().to_owned()
    };
    let department = format!("{ENTERPRISE}:department");
    for (value, expected) in
        [("IT", "cn=ada king,ou=it"), ("Board", "cn=ada king"), ("sales", "cn=ada king,ou=sales")]
    {
        let moved = case.patch(&ada, &department, &value.into());
        assert_eq!((moved["id"].as_str(), place().as_str()), (Some(id), expected));
    }
    // A new name and a new place together, and values with them.
    let operations = json!([
        { "op": "replace", "path": department, "value": "IT" },
        { "op": "replace", "path": "displayName", "value": "Lovelace, Ada" },
        { "op": "replace", "path": "name.familyName", "value": "Lovelace" },
    ]);
    case.scim.patch(&ada, &operations).is(200);
    assert_eq!(place(), "cn=lovelace\\, ada,ou=it");
    assert_eq!(case.person("ada").one("sn"), Some("Lovelace"));
    case.scim.patch(&ada, &json!([{ "op": "remove", "path": department }])).is(200);
    assert_eq!(place(), "cn=lovelace\\, ada");

    // What refers to her goes along; what somebody else moves is found again.
    assert_eq!(case.scim.get(&crew).is(200)["members"][0]["value"], id);
    assert_eq!(case.scim.get(&bob).is(200)[ENTERPRISE]["manager"]["value"], id);
    let dn = case.person("ada").dn;
    case.samba.modify(&format!("dn: {dn}\nchangetype: modrdn\nnewrdn: CN=elsewhere\ndeleteoldrdn: 1\nnewsuperior: ou=IT,ou=people,{DOMAIN}\n"));
    assert_eq!(case.patch(&ada, "name.familyName", &"King".into())["id"], id);
    assert_eq!(
        (place().as_str(), case.person("ada").one("sn").map(str::to_owned)),
        ("cn=elsewhere,ou=it", Some("King".to_owned()))
    );

    // A step that fails takes the move back.
    let taken = json!([
        { "op": "replace", "path": department, "value": "Sales" },
        { "op": "replace", "path": "password", "value": "short" },
    ]);
    case.scim.patch(&ada, &taken).is_error(400, "invalidValue");
    assert_eq!(place(), "cn=elsewhere,ou=it");
}

#[test]
fn a_leaver_is_disabled_and_moved_and_gone_for_clients() {
    let case = Case::start();
    let (ada, entry) = case.make(&ada());
    let id = ada.rsplit('/').next().unwrap();
    let crew = json!({ "displayName": "Crew", "members": [{ "value": id }] });
    let crew = format!("/Groups/{}", case.scim.post("/Groups", &crew).is(201)["id"].as_str().unwrap());
    case.scim.delete(&ada).is(204);
    assert_eq!(case.samba.person("ada"), None);
    let left = || case.samba.search(&format!("ou=leavers,{DOMAIN}"), "(objectClass=user)");
    let leaver = left().pop().unwrap();
    assert_eq!(leaver.one("objectGUID"), entry.one("objectGUID"));
    assert_eq!(leaver.one("cn"), Some(format!("Ada King {}", &id[..8]).as_str()));
    assert_eq!(leaver.one("userAccountControl"), Some("514"));
    assert!(!case.samba.can_bind(&leaver.dn, FIRST));

    for answer in [
        case.scim.get(&ada),
        case.scim.delete(&ada),
        case.scim.put(&ada, &json!({ "userName": "x", "active": true })),
    ] {
        answer.is_error(404, "");
    }
    assert_eq!(case.scim.get("/Users").is(200)["totalResults"], 0);
    assert_eq!(case.scim.get(&crew).is(200).get("members"), None, "a member that is nobody");
    // The name is taken in the whole domain, and the one who has it is not in reach.
    let body = json!({ "userName": "ada", "displayName": "Ada King", "password": FIRST });
    case.scim.post("/Users", &body).is_error(409, "uniqueness");
    // One of the same name may leave, too, also when disabled before.
    let (again, _) = case.make(&json!({ "userName": "ada2", "displayName": "Ada King", "active": false }));
    case.scim.delete(&again).is(204);
    assert_eq!(left().len(), 2);

    // Who never was in reach is nobody either.
    let administrator =
        case.samba.search(&format!("cn=users,{DOMAIN}"), "(sAMAccountName=Administrator)").pop().unwrap();
    let guid = samba::guid(administrator.one("objectGUID").unwrap());
    for answer in [case.scim.get(&format!("/Users/{guid}")), case.scim.delete(&format!("/Users/{guid}"))] {
        answer.is_error(404, "");
    }
}

#[test]
fn other_values_of_an_attribute_and_addresses_of_another_kind_stay() {
    let case = Case::start();
    let (ada, entry) = case.make(&ada());
    case.samba.modify(&format!(
        "dn: {}\nchangetype: modify\nadd: proxyAddresses\nproxyAddresses: SMTP:ada@x.test\nproxyAddresses: smtp:b@y.test\n",
        entry.dn
    ));
    let emails = |user: &Value| -> Vec<String> {
        let others = user["emails"].as_array().unwrap().iter().filter(|email| email["type"] == "other");
        let mut values: Vec<_> = others.map(|email| email["value"].as_str().unwrap().to_owned()).collect();
        values.sort();
        values
    };
    assert_eq!(emails(&case.scim.get(&ada).is(200)), ["a@y.test", "b@y.test"]);
    let gone = json!([{ "op": "remove", "path": "emails[value eq \"a@y.test\"]" }]);
    assert_eq!(emails(&case.scim.patch(&ada, &gone).is(200)), ["b@y.test"]);
    let more =
        json!([{ "op": "add", "path": "emails", "value": [{ "type": "other", "value": "c@y.test" }] }]);
    assert_eq!(emails(&case.scim.patch(&ada, &more).is(200)), ["b@y.test", "c@y.test"]);
    let mut addresses = case.person("ada").all("proxyAddresses").to_vec();
    addresses.sort();
    assert_eq!(addresses, ["SMTP:ada@x.test", "smtp:b@y.test", "smtp:c@y.test"]);
    let found = |filter: &str| case.scim.find("/Users", filter).is(200)["totalResults"].clone();
    assert_eq!(found("emails[type eq \"other\" and value eq \"c@y.test\"]"), 1);
    assert_eq!(found("emails[type eq \"other\" and value eq \"ada@x.test\"]"), 0);
}

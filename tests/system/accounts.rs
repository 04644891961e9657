//! Accounts and passwords in directories: what SCIM says of them is tried by binding as the person, over TLS.

use serde_json::{Value, json};

use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::scim::Scim;

/// Passwords that a policy of eight characters takes.
const FIRST: &str = "c0rrect horse";
const SECOND: &str = "b4ttery stäple";

#[test]
fn who_is_not_active_cannot_bind_to_openldap() {
    is_closed_and_opened(&Directory::start(), "openldap");
}

#[test]
fn who_is_not_active_cannot_bind_to_a_posix_account() {
    is_closed_and_opened(&Directory::posix(), "openldap-posix");
}

#[test]
fn who_is_not_active_cannot_bind_to_389_directory_server() {
    is_closed_and_opened(&Directory::ds389(), "389ds");
}

fn is_closed_and_opened(directory: &Directory, mapping: &str) {
    let gateway = Gateway::serve(&[directory.target("corp", mapping)]);
    let scim = gateway.target("corp");
    let path = create(&scim, &json!({ "userName": "ada", "active": true }));
    directory.modify(&format!(
        "dn: {}\nchangetype: modify\nreplace: userPassword\nuserPassword: {FIRST}\n",
        dn("ada")
    ));
    let binds = || directory.binds(&dn("ada"), FIRST);
    assert!(binds());
    for active in [false, true, false] {
        let change = json!([{ "op": "replace", "path": "active", "value": active }]);
        assert_eq!(scim.patch(&path, &change).is(200)["active"], active);
        assert_eq!(binds(), active);
        assert_eq!(scim.find("/Users", &format!("active eq {active}")).is(200)["totalResults"], 1);
    }
}

#[test]
fn a_password_is_the_one_that_openldap_binds_with_and_opens_no_closed_account() {
    for (directory, mapping) in [(Directory::start(), "openldap"), (Directory::posix(), "openldap-posix")] {
        let mut gateway = Gateway::serve(&[directory.target("corp", mapping)]);
        let scim = gateway.target("corp");
        let path = create(&scim, &json!({ "userName": "ada", "password": FIRST, "active": true }));
        let is = |password: &str, other: &str| {
            assert!(directory.binds(&dn("ada"), password) && !directory.binds(&dn("ada"), other));
        };
        is(FIRST, SECOND);
        let change = |changes: Value| assert!([200, 204].contains(&scim.patch(&path, &changes).status));
        let password = |value: &str| json!([{ "op": "replace", "path": "password", "value": value }]);
        change(password(SECOND));
        is(SECOND, FIRST);
        scim.put(&path, &json!({ "userName": "ada", "title": "Countess", "active": true })).is(200);
        is(SECOND, FIRST);
        let stored = directory.person("ada").unwrap();
        assert!(stored.one("userPassword").unwrap().starts_with("{SSHA}"), "{stored:?}");

        // The policy's overlay opens an account whose password is set anew; who is not active stays so.
        change(json!([{ "op": "replace", "path": "active", "value": false }]));
        let is_closed = |password: &str| {
            assert!(!directory.binds(&dn("ada"), password), "{mapping}");
            assert_eq!(scim.get(&path).is(200)["active"], false, "{mapping}");
        };
        is_closed(SECOND);
        change(password(FIRST));
        is_closed(FIRST);
        scim.put(&path, &json!({ "userName": "ada", "password": SECOND, "active": false })).is(200);
        is_closed(SECOND);
        change(json!([{ "op": "replace", "value": { "active": true, "password": FIRST } }]));
        is(FIRST, SECOND);
        change(json!([{ "op": "replace", "value": { "active": false, "password": SECOND } }]));
        is_closed(SECOND);
        let ben = create(&scim, &json!({ "userName": "ben", "password": FIRST, "active": false }));
        assert!(!directory.binds(&dn("ben"), FIRST));
        scim.patch(&ben, &json!([{ "op": "replace", "path": "active", "value": true }])).is(200);
        assert!(directory.binds(&dn("ben"), FIRST));

        // What the policy refuses is told in its words, and nothing of the request is done.
        directory.modify(&format!(
            "dn: cn=policy,{SUFFIX}\nchangetype: modify\nreplace: pwdCheckQuality\npwdCheckQuality: 2\n-\n\
             replace: pwdMinLength\npwdMinLength: 8\n"
        ));
        let both = json!([{ "op": "replace", "value": { "title": "Dr", "password": "Sh0rt" } }]);
        let detail = scim.patch(&ben, &both).is_error(400, "invalidValue");
        assert!(detail.contains("quality") && !detail.contains("Sh0rt"), "{detail}");
        assert!(directory.binds(&dn("ben"), FIRST));
        assert_eq!(directory.person("ben").unwrap().one("title"), None);
        let log = gateway.log().join("\n");
        assert!(!log.contains(FIRST) && !log.contains(SECOND) && !log.contains("{SSHA}"));
        gateway.is_sound();
    }
}

#[test]
fn a_password_is_the_one_that_389_directory_server_binds_with() {
    let directory = Directory::ds389();
    let mut gateway = Gateway::serve(&[directory.target("corp", "389ds")]);
    let scim = gateway.target("corp");
    let path = create(&scim, &json!({ "userName": "ada", "password": FIRST, "active": true }));
    let is = |password: &str, other: &str| {
        assert!(directory.binds(&dn("ada"), password) && !directory.binds(&dn("ada"), other));
        assert!(!directory.binds(&dn("ada"), &password.to_uppercase()));
    };
    is(FIRST, SECOND);
    let change =
        |value: &str| scim.patch(&path, &json!([{ "op": "replace", "path": "password", "value": value }]));
    assert!([200, 204].contains(&change(SECOND).status));
    is(SECOND, FIRST);
    // What says nothing of the password leaves it.
    scim.put(&path, &json!({ "userName": "ada", "title": "Countess", "active": true })).is(200);
    is(SECOND, FIRST);
    scim.put(&path, &json!({ "userName": "ada", "password": FIRST, "active": true })).is(200);
    is(FIRST, SECOND);
    change("").is_error(400, "invalidValue");
    // Whoever is told that it is gone would still bind with it.
    for taken in [
        json!([{ "op": "remove", "path": "password" }]),
        json!([{ "op": "replace", "path": "password", "value": null }]),
        json!([{ "op": "replace", "value": { "title": "Dr", "password": null } }]),
    ] {
        let detail = scim.patch(&path, &taken).is_error(400, "mutability");
        assert_eq!(detail, "password can be set anew, but not removed.");
    }
    is(FIRST, SECOND);
    assert_eq!(directory.person("ada").unwrap().one("title"), None);

    // Who was never active has one, and cannot bind with it.
    let bob = create(&scim, &json!({ "userName": "bob", "password": FIRST, "active": false }));
    assert!(!directory.binds(&dn("bob"), FIRST));
    scim.patch(&bob, &json!([{ "op": "replace", "path": "active", "value": true }])).is(200);
    assert!(directory.binds(&dn("bob"), FIRST));

    // It is stored as a hash, and shown nowhere.
    let stored = directory.person("ada").unwrap();
    assert!(stored.one("userPassword").unwrap().starts_with("{PBKDF2"), "{stored:?}");
    let shown = scim.get(&format!("{path}?attributes=password,userName")).is(200);
    assert_eq!((shown.get("password"), &shown["userName"]), (None, &json!("ada")));
    let log = gateway.log().join("\n");
    assert!(!log.contains(FIRST) && !log.contains(SECOND) && !log.contains("PBKDF2"));
    gateway.is_sound();
}

#[test]
fn a_password_that_389_directory_server_refuses_is_400_with_its_reason() {
    let directory =
        Directory::ds389_holding("", "passwordCheckSyntax: on\npasswordMinLength: 8\npasswordHistory: on\n");
    let gateway = Gateway::serve(&[directory.target("corp", "389ds")]);
    let scim = gateway.target("corp");
    let with = |password: &str| json!({ "userName": "ada", "password": password, "active": true });
    let short = scim.post("/Users", &with("Sh0rt")).is_error(400, "invalidValue");
    assert!(short.contains("at least 8 characters"), "{short}");
    assert_eq!(directory.person("ada"), None);
    let path = create(&scim, &with(FIRST));
    for (password, reason) in [("Sh0rt", "at least 8 characters"), (FIRST, "history")] {
        let change = json!([
            { "op": "replace", "path": "title", "value": "Countess" },
            { "op": "replace", "path": "password", "value": password },
        ]);
        let detail = scim.patch(&path, &change).is_error(400, "invalidValue");
        assert!(detail.contains(reason) && !detail.contains(password), "{detail}");
    }
    assert!(directory.binds(&dn("ada"), FIRST));
    assert_eq!(directory.person("ada").unwrap().one("title"), None);
}

/// By another entry than the mapping's: only the server's own plug-in sees it. (At a rename it does not.)
#[test]
fn a_name_that_389_directory_server_has_elsewhere_is_taken() {
    let elsewhere = format!(
        "dn: ou=elsewhere,{SUFFIX}\nobjectClass: organizationalUnit\nou: elsewhere\n\n\
         dn: uid=ada,ou=elsewhere,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: ada\ncn: Ada\nsn: L\n"
    );
    let directory = Directory::ds389_holding(&elsewhere, "");
    let gateway = Gateway::serve(&[directory.target("corp", "389ds")]);
    let scim = gateway.target("corp");
    scim.post("/Users", &json!({ "userName": "ADA" })).is_error(409, "uniqueness");
    assert_eq!(scim.get("/Users").is(200)["totalResults"], 0);
}

fn create(scim: &Scim, body: &Value) -> String {
    format!("/Users/{}", scim.post("/Users", body).is(201)["id"].as_str().unwrap())
}

fn dn(login: &str) -> String {
    format!("uid={login},ou=people,{SUFFIX}")
}

//! Who the gateway is to an OpenLDAP, and whom it believes: StartTLS, client certificates, and what happens when
//! one of them is wrong, expired or taken away. Each is told in the log in words that help, and holds no secret;
//! each ends without a restart of the gateway.

use serde_json::{Value, json};

use crate::support::directory::{BIND_DN, Directory, PASSWORD, SUFFIX};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::scim::Scim;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn person(login: &str) -> Value {
    json!({ "schemas": [USER], "userName": login, "name": { "familyName": "Credentials" } })
}

/// A gateway at this URL that says so who it is.
fn gateway(directory: &Directory, url: String, who: &str) -> (Gateway, Scim) {
    let gateway = Gateway::serve(&[directory.target_as("corp", "openldap", &[url], who)]);
    let corp = gateway.target("corp");
    (gateway, corp)
}

fn by_password(directory: &Directory) -> String {
    format!("bind_dn = {BIND_DN:?}\nbind_password = {{ file = {:?} }}", directory.file("password"))
}

fn by_certificate(directory: &Directory, name: &str) -> String {
    let file = |ending: &str| directory.file(&format!("{name}.{ending}"));
    format!("client_certificate = {:?}\nclient_key = {{ file = {:?} }}", file("pem"), file("key"))
}

/// That the directory takes what this gateway writes.
#[track_caller]
fn works(directory: &Directory, corp: &Scim, login: &str) {
    let made = corp.post("/Users", &person(login)).is(201);
    let entry = directory.person(login).unwrap();
    assert_eq!(entry.one("entryUUID"), made["id"].as_str());
    assert_eq!(entry.one("creatorsName"), Some(BIND_DN));
}

/// That requests are 503, and the log has an error with this text.
#[track_caller]
fn is_refused(gateway: &mut Gateway, corp: &Scim, text: &str) {
    corp.get("/Users").is_error(503, "");
    corp.post("/Users", &person("nobody")).is_error(503, "");
    has_error(gateway, text);
}

#[track_caller]
fn has_error(gateway: &mut Gateway, text: &str) {
    let is_it = |line: &String| line.contains("\"ERROR\"") && line.contains(text);
    eventually(text, || gateway.log().iter().any(is_it));
    let log = gateway.log().concat();
    assert!(!log.contains(PASSWORD) && !log.contains("PRIVATE KEY"), "{log}");
    gateway.is_sound();
}

fn is_back(directory: &Directory, corp: &Scim) {
    eventually("the end of the refusals", || corp.get("/Users?count=1").status == 200);
    works(directory, corp, "afterwards");
}

#[test]
fn start_tls_comes_before_the_bind() {
    let mut directory = Directory::start();
    // The server takes nothing in the clear: neither a bind nor a search.
    directory.reconfigure("sizelimit 500", "sizelimit 500\nsecurity simple_bind=128 tls=128");
    let (mut gateway, corp) = gateway(&directory, directory.plain_url(), &by_password(&directory));
    works(&directory, &corp, "by-start-tls");
    gateway.is_sound();
    let url = directory.plain_url();
    let mut plaintext = Gateway::serve(&[directory.target_in_the_clear("corp", "openldap", &url)]);
    let corp = plaintext.target("corp");
    is_refused(&mut plaintext, &corp, "LDAP result 13");
}

#[test]
fn a_client_certificate_is_enough() {
    let directory = Directory::start();
    for url in [directory.url(), directory.plain_url()] {
        let (mut gateway, corp) = gateway(&directory, url.clone(), &by_certificate(&directory, "client"));
        works(&directory, &corp, if url.starts_with("ldaps:") { "by-ldaps" } else { "by-start-tls" });
        gateway.is_sound();
    }
}

#[test]
fn a_client_certificate_that_is_expired_or_unknown() {
    let directory = Directory::start();
    for name in ["expired-client", "stranger"] {
        let who = by_certificate(&directory, name);
        let (mut gateway, corp) = gateway(&directory, directory.url(), &who);
        is_refused(&mut gateway, &corp, "client_certificate");
    }
}

#[test]
fn a_server_certificate_of_another_authority() {
    let directory = Directory::start();
    let stranger = directory.file("stranger.pem");
    let (ours, theirs) = (format!("{:?}", directory.file("ca.pem")), format!("{stranger:?}"));
    for url in [directory.url(), directory.plain_url()] {
        let target = directory.target_as("corp", "openldap", &[url], &by_password(&directory));
        let mut gateway = Gateway::serve(&[target.replace(&ours, &theirs)]);
        let corp = gateway.target("corp");
        is_refused(&mut gateway, &corp, "the server's certificate is not accepted");
        has_error(&mut gateway, "look at `ca`");
    }
}

#[test]
fn a_server_certificate_that_is_expired() {
    let mut directory = Directory::start();
    directory.reconfigure("/server.", "/expired-server.");
    let (mut gateway, corp) = gateway(&directory, directory.url(), &by_password(&directory));
    is_refused(&mut gateway, &corp, "the certificate's dates");
    directory.reconfigure("/expired-server.", "/server.");
    is_back(&directory, &corp);
}

#[test]
fn a_wrong_service_password() {
    let directory = Directory::start();
    std::fs::write(directory.file("wrong"), "not-the-passw0rd").unwrap();
    let who = by_password(&directory).replace("/password\"", "/wrong\"");
    let (mut gateway, corp) = gateway(&directory, directory.url(), &who);
    is_refused(&mut gateway, &corp, "look at bind_dn and bind_password");
    assert!(gateway.log().iter().any(|line| line.contains("\"ERROR\"") && line.contains(BIND_DN)));
    assert!(!gateway.log().concat().contains("not-the-passw0rd"));

    let set = |password: &str| {
        let ldif =
            format!("dn: {BIND_DN}\nchangetype: modify\nreplace: userPassword\nuserPassword: {password}\n");
        directory.modify(&ldif);
    };
    set("not-the-passw0rd");
    std::fs::write(directory.file("password"), "not-the-passw0rd").unwrap();
    is_back(&directory, &corp);
}

#[test]
fn rights_that_were_taken_away() {
    let mut directory = Directory::start();
    let (mut gateway, corp) = gateway(&directory, directory.url(), &by_password(&directory));
    works(&directory, &corp, "before");
    let id = directory.person("before").unwrap().one("entryUUID").unwrap().to_owned();
    let rights = |of: &str| format!("access to * by dn.exact=\"{BIND_DN}\" {of} by * none");
    directory.reconfigure(&rights("write"), &rights("read"));

    eventually("the server's return", || corp.get("/Users").status == 200);
    let title = json!([{ "op": "replace", "path": "title", "value": "never" }]);
    corp.post("/Users", &person("nobody")).is_error(403, "");
    corp.patch(&format!("/Users/{id}"), &title).is_error(403, "");
    let told = corp.delete(&format!("/Users/{id}"));
    told.is_error(403, "");
    assert!(!told.body.to_string().contains(SUFFIX), "{:#}", told.body);
    for login in ["nobody", "before"] {
        has_error(&mut gateway, &format!("to write uid={login},ou=people,{SUFFIX}"));
    }
    assert_eq!(directory.person("nobody"), None);
    assert_eq!(directory.person("before").unwrap().one("title"), None);

    directory.reconfigure(&rights("read"), &rights("write"));
    is_back(&directory, &corp);
}

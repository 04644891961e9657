//! Bad input: every mistake of a client is a 4xx SCIM error that says where it is, on every backend; it
//! changes nothing, and ends nothing.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::samba::Samba;
use crate::support::scim::{Answer, Scim, encoded};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What the gateway says of a request, and what must stand in it.
#[track_caller]
fn refused(answer: Answer, status: u16, scim_type: &str, says: &str) {
    let detail = answer.is_error(status, scim_type);
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
}

#[test]
fn of_bodies_paths_and_filters() {
    let (crm, plain) = (Database::of("crm"), Database::of("plain"));
    let (openldap, posix, ds389) = (Directory::start(), Directory::posix(), Directory::ds389());
    let samba = Samba::start();
    let mut gateway = Gateway::serve(&[
        crm.target("crm", "crm"),
        plain.target("plain", "plain"),
        openldap.target("openldap", "openldap"),
        posix.target("posix", "openldap-posix"),
        ds389.target("389ds", "389ds"),
        samba.target("active-directory", "active-directory", ""),
    ]);
    of_targets(&mut gateway, &["crm", "plain", "openldap", "posix", "389ds", "active-directory"]);
}

/// Everything, on each of a gateway's targets.
pub fn of_targets(gateway: &mut Gateway, names: &[&str]) {
    for name in names {
        let scim = gateway.target(name);
        let made =
            scim.post("/Users", &json!({ "userName": "bystander", "name": { "familyName": "By" } })).is(201);
        let before = scim.get("/Users?count=200").is(200);
        let user = format!("/Users/{}", made["id"].as_str().unwrap());
        bodies(&scim, &user);
        values(&scim, &user);
        patches(&scim, &user);
        filters(&scim);
        queries(&scim);
        requests(&scim, &user);
        assert_eq!(scim.get("/Users?count=200").is(200), before);
    }
    gateway.is_sound();
    let faults: Vec<_> = gateway.log().into_iter().filter(|line| line.contains("\"ERROR\"")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn bodies(scim: &Scim, user: &str) {
    let scim_json = "application/scim+json";
    for (method, path) in [("POST", "/Users"), ("PUT", user), ("PATCH", user)] {
        let send = |media: &str, body: &[u8]| scim.send_octets(method, path, media, body.to_vec());
        refused(send(scim_json, b"{\"userName\": }"), 400, "invalidSyntax", "line 1 column 14");
        refused(send(scim_json, b"{\"a\":\"\xff\"}"), 400, "invalidSyntax", "line 1");
        refused(send(scim_json, b"[]"), 400, "invalidSyntax", "object");
        refused(send(scim_json, b"\"x\""), 400, "invalidSyntax", "object");
        refused(send(scim_json, "[".repeat(100_000).as_bytes()), 400, "invalidSyntax", "recursion");
        refused(send(scim_json, b""), 400, "invalidSyntax", "body");
        refused(send("text/plain", b"{}"), 415, "", "application/scim+json");
        let long = format!("{{\"userName\":\"{}\"}}", "x".repeat(1 << 20));
        refused(send(scim_json, long.as_bytes()), 413, "", "1048576");
    }
}

fn values(scim: &Scim, user: &str) {
    let wrong = [
        (json!({}), "userName"),
        (json!({ "userName": null }), "userName"),
        (json!({ "userName": "" }), "userName"),
        (json!({ "userName": 7 }), "userName"),
        (json!({ "userName": ["x", "y"] }), "userName"),
        (json!({ "userName": { "value": "x" } }), "userName"),
        (json!({ "userName": "x", "active": "perhaps" }), "active"),
        (json!({ "userName": "x", "name": "X" }), "name"),
        (json!({ "userName": "x", "name": { "familyName": [1] } }), "name.familyName"),
        (json!({ "userName": "x", "emails": 5 }), "emails"),
        (json!({ "userName": "x", "emails": [{ "value": { "a": 1 } }] }), "emails.value"),
    ];
    for (body, says) in wrong {
        refused(scim.post("/Users", &body), 400, "invalidValue", says);
        refused(scim.put(user, &body), 400, "invalidValue", says);
    }
    refused(
        scim.post("/Groups", &json!({ "displayName": "g", "members": 5 })),
        400,
        "invalidValue",
        "members",
    );
    refused(
        scim.post("/Groups", &json!({ "displayName": "g", "members": [{ "value": "nobody" }] })),
        400,
        "invalidValue",
        "nobody",
    );
}

fn patches(scim: &Scim, user: &str) {
    let whole = |body: Value| scim.send("PATCH", user, Some(&body));
    refused(whole(json!({ "schemas": [PATCH] })), 400, "invalidSyntax", "Operations");
    refused(whole(json!({ "schemas": [PATCH], "Operations": {} })), 400, "invalidSyntax", "Operations");
    refused(whole(json!({ "schemas": [PATCH], "Operations": [7] })), 400, "invalidSyntax", "peration");
    let one = |operation: Value| scim.patch(user, &json!([operation]));
    refused(one(json!({ "op": "burn", "path": "title" })), 400, "invalidSyntax", "burn");
    refused(one(json!({ "path": "title", "value": "x" })), 400, "invalidSyntax", "op");
    refused(one(json!({ "op": "add", "path": "shoeSize", "value": 1 })), 400, "invalidPath", "shoeSize");
    refused(one(json!({ "op": "replace", "path": "name.shoe", "value": "1" })), 400, "invalidPath", "shoe");
    refused(one(json!({ "op": "add", "path": "name[", "value": "x" })), 400, "invalidPath", "position 5");
    refused(
        one(json!({ "op": "add", "path": "emails[type eq", "value": "x" })),
        400,
        "invalidPath",
        "position 14",
    );
    refused(one(json!({ "op": "add", "path": 7, "value": "x" })), 400, "invalidPath", "path");
    refused(one(json!({ "op": "remove" })), 400, "noTarget", "path");
    refused(one(json!({ "op": "replace", "path": "id", "value": "x" })), 400, "mutability", "id");
    refused(one(json!({ "op": "remove", "path": "userName" })), 400, "mutability", "userName");
    refused(one(json!({ "op": "add", "path": "name", "value": "X" })), 400, "invalidValue", "name");
    refused(one(json!({ "op": "replace", "path": "name", "value": 7 })), 400, "invalidValue", "name");
    refused(one(json!({ "op": "replace", "value": "X" })), 400, "invalidValue", "object");
    refused(
        one(json!({ "op": "replace", "path": "active", "value": "perhaps" })),
        400,
        "invalidValue",
        "active",
    );
}

fn filters(scim: &Scim) {
    let wrong = [
        ("userName", "8"),
        ("userName eq", "11"),
        ("userName eq bystander", "12"),
        ("userName eq \"x", "12"),
        ("userName zz \"x\"", "9"),
        ("(userName eq \"x\"", "16"),
        ("userName eq \"x\" and", "19"),
        ("userName eq \"x\" \"y\"", "16"),
        ("shoeSize eq 7", "shoeSize"),
        ("not (shoeSize pr)", "shoeSize"),
        ("name.shoe pr", "shoe"),
        ("name eq \"x\"", "sub-attributes"),
        ("urn:example:x:y pr", "urn:example:x"),
        ("password eq \"x\"", "password"),
        ("active gt true", "active"),
        ("emails[shoe eq 1]", "shoe"),
        ("\u{0}", "U+0000"),
    ];
    for (filter, says) in wrong {
        let scim_type = if filter == "\u{0}" { "invalidValue" } else { "invalidFilter" };
        refused(scim.find("/Users", filter), 400, scim_type, says);
    }
    let deep = format!("{}userName pr{}", "(".repeat(5_000), ")".repeat(5_000));
    refused(scim.find("/Users", &deep), 400, "invalidFilter", "position 21");
    let many = vec!["userName eq \"x\""; 1_500].join(" or ");
    assert!([200, 400, 431].contains(&scim.find("/Users", &many).status));
}

fn queries(scim: &Scim) {
    for query in ["count=x", "count=1.5", "startIndex=x", "startIndex="] {
        refused(scim.get(&format!("/Users?{query}")), 400, "invalidValue", query.split('=').next().unwrap());
    }
    for query in ["filter=%", "filter=%FF", "attributes=%zz"] {
        refused(scim.get(&format!("/Users?{query}")), 400, "invalidValue", "query");
    }
    let page = scim.get("/Users?count=-3&startIndex=-7").is(200);
    assert_eq!((&page["itemsPerPage"], &page["startIndex"]), (&json!(0), &json!(1)));
    for start in ["1000000", "99999999999999999999999"] {
        let page = scim.get(&format!("/Users?startIndex={start}")).is(200);
        assert_eq!((&page["itemsPerPage"], &page["Resources"]), (&json!(0), &json!([])));
        assert!(page["totalResults"].as_u64() > Some(0), "{page}");
    }
    refused(scim.find("/Schemas", "id pr"), 403, "", "filter");
}

fn requests(scim: &Scim, user: &str) {
    for path in ["/Nobody", "/Users/no-such-id", "/Users/%2e%2e%2fGroups", "/Users/1/2", "/Users/a%00b"] {
        let answer = scim.get(path);
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
    let stranger = json!({ "userName": "stranger" });
    refused(scim.put("/Users/no-such-id", &stranger), 404, "", "no-such-id");
    let other = user.replace("Users", "Groups");
    let status = scim.get(&other).status;
    assert!(
        status == 404 || status == 200 && user.ends_with(|c: char| c.is_ascii_digit()),
        "{other}: {status}"
    );
    for (method, path) in [("DELETE", "/Users"), ("PUT", "/Users"), ("POST", user), ("POST", "/Schemas")] {
        let answer = scim.send(method, path, Some(&json!({})));
        assert!(answer.headers.contains_key("allow"), "{answer:?}");
        refused(answer, 405, "", "takes GET");
    }
    refused(scim.get("/Me"), 501, "", "no User");
    refused(scim.post("/Bulk", &json!({})), 400, "invalidSyntax", "Operations");
    for token in ["", "x", &encoded(TOKEN)[1..]] {
        let answer = Scim::new(&scim.base, token).get("/Users");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        refused(answer, 401, "", "");
    }
}

#[test]
fn a_name_that_is_taken_is_told_before_what_else_is_missing() {
    of_a_name_that_is_taken(&Database::of("crm"));
}

pub fn of_a_name_that_is_taken(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let mapping = "resource(\"User\").table(\"AppUser\").id(\"UserId\").on_delete(\"delete\");
        attr(\"userName\", \"LoginName\").required().unique();
        attr(\"name.givenName\", \"FirstName\");
        attr(\"name.familyName\", \"LastName\").missing(\"\");
        attr(\"title\", \"Email\").required();";
    std::fs::write(folder.path().join("mapping.rhai"), mapping).unwrap();
    let ready = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/crm");
    let target =
        database.target("crm", "crm").replace(ready.to_str().unwrap(), folder.path().to_str().unwrap());
    let gateway = Gateway::serve(&[target]);
    let scim = gateway.target("crm");
    scim.post("/Users", &json!({ "userName": "somebody", "title": "T" })).is(201);
    let without = |name: &str| scim.post("/Users", &json!({ "userName": name }));
    assert!(without("SomeBody").is_error(409, "uniqueness").contains("userName"));
    assert!(without("nobody").is_error(400, "invalidValue").contains("title"));
    let rows = database.rows("SELECT COUNT(*) AS n FROM AppUser WHERE LoginName LIKE '%body'");
    assert_eq!(rows[0]["n"], 1);
}

/// OpenLDAP's database has room for some 250 octets of a name, and says no more than that something is wrong.
#[test]
fn of_names_that_openldap_has_no_room_for() {
    let directory = Directory::start();
    let mut gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    let scim = gateway.target("corp");
    let long = "a".repeat(300);
    let is_refused =
        |answer: Answer| refused(answer, 400, "invalidValue", "the name is too long for the directory");
    is_refused(scim.post("/Users", &json!({ "userName": long, "active": true })));
    is_refused(scim.post("/Groups", &json!({ "displayName": long })));
    let made = scim.post("/Users", &json!({ "userName": "ada", "active": true })).is(201);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    is_refused(scim.patch(&path, &json!([{ "op": "replace", "path": "userName", "value": long }])));
    assert_eq!(scim.get(&path).is(200)["userName"], "ada");
    gateway.is_sound();
}

//! Bulk requests (RFC 7644 §3.7) over HTTP on each ready mapping; what they left behind is looked up with
//! `sqlite3` and `ldapsearch`.

use serde_json::{Value, json};

use super::support::database::Database;
use super::support::directory::Directory;
use super::support::gateway::{Gateway, gantry, write_configuration};
use super::support::samba::Samba;
use super::support::scim::{Answer, Scim};
use super::support::{Server, eventually, run};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn in_two_bare_tables() {
    plain(&Database::of("plain"));
}

pub fn plain(database: &Database) {
    let gateway = Gateway::serve(&[database.target("plain", "plain")]);
    let scim = gateway.target("plain");
    every_method(&scim);
    groups_in_a_circle(&scim);
    references_in_extensions(&scim);
    let members = "SELECT count(*) AS n FROM Members m JOIN Groups g ON g.Id = m.GroupId JOIN Groups o ON o.Id = m.MemberId";
    assert_eq!(database.rows(members), [json!({ "n": 3 })]);
}

#[test]
fn in_an_applications_tables() {
    crm(&Database::of("crm"));
}

pub fn crm(database: &Database) {
    let gateway = Gateway::serve(&[database.target("crm", "crm")]);
    let scim = gateway.target("crm");
    every_method(&scim);
    references_in_extensions(&scim);
    let managers = "SELECT a.LoginName AS a, b.LoginName AS b FROM AppUser a JOIN AppUser b ON b.UserId = a.ManagerId \
                    WHERE a.LoginName LIKE 'ring%' ORDER BY 1";
    assert_eq!(
        database.rows(managers),
        [json!({ "a": "ring1", "b": "ring2" }), json!({ "a": "ring2", "b": "ring1" })]
    );
}

#[test]
fn in_openldap() {
    in_a_directory(&Directory::start(), "openldap");
}

#[test]
fn with_posix_accounts_in_openldap() {
    let directory = Directory::posix();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
    every_method(&gateway.target("corp"));
    let mut uids = directory.posix_group("Guides").unwrap().all("memberUid").to_vec();
    uids.sort();
    assert_eq!(uids, ["bob", "cleo"]);
}

#[test]
fn in_389_directory_server() {
    in_a_directory(&Directory::ds389(), "389ds");
}

#[test]
fn in_active_directory() {
    let samba = Samba::start();
    let gateway = Gateway::serve(&[samba.target("corp", "active-directory", "")]);
    let scim = gateway.target("corp");
    every_method(&scim);
    groups_in_a_circle(&scim);
    references_in_extensions(&scim);
    let ring = samba.group("Ring A").unwrap();
    assert_eq!(ring.all("member"), ["CN=Ring B,OU=groups,DC=ad,DC=test"]);
    assert!(samba.group("Ring C").is_none() && samba.group("Ring D").is_none());
    let [one, two] = ["ring1", "ring2"].map(|login| samba.person(login).unwrap());
    assert_eq!((one.one("manager"), two.one("manager")), (Some(&*two.dn), Some(&*one.dn)));
}

fn in_a_directory(directory: &Directory, mapping: &str) {
    let gateway = Gateway::serve(&[directory.target("corp", mapping)]);
    let scim = gateway.target("corp");
    every_method(&scim);
    groups_in_a_circle(&scim);
    let ring = directory.group("Ring A").unwrap();
    assert!(ring.values["member"].contains(&"cn=Ring B,ou=groups,dc=example,dc=test".to_owned()), "{ring:?}");
    assert!(directory.group("Ring C").is_none() && directory.group("Ring D").is_none());
}

/// The entries are there when the directory refuses that the last one refers to the others.
#[test]
fn a_circle_that_openldap_refuses_half_way_is_undone() {
    let one_member = "moduleload constraint\noverlay constraint\nconstraint_attribute member count 2";
    let directory = Directory::tuned("", "size=unlimited", one_member);
    let gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    let scim = gateway.target("corp");
    let done = operations(&bulk(
        &scim,
        json!([group("A", "a", &["b"]), group("B", "b", &["a", "b"]), group("Alone", "c", &["c"])]),
    ));
    let statuses: Vec<&str> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["409", "400", "201"], "{done:#?}");
    let left = directory.search("ou=groups,dc=example,dc=test", "(objectClass=groupOfNames)");
    assert_eq!(
        left.iter().map(|entry| entry.dn.as_str()).collect::<Vec<_>>(),
        ["cn=Alone,ou=groups,dc=example,dc=test"]
    );
}

/// A group before its members; paths that lead to what is only created; versions; failures among successes.
fn every_method(scim: &Scim) {
    let old = scim.post("/Users", &json!({ "userName": "old", "active": true }));
    let version = old.headers["etag"].to_str().unwrap().to_owned();
    let old = format!("/Users/{}", old.is(201)["id"].as_str().unwrap());
    let gone = scim.post("/Users", &json!({ "userName": "gone", "active": true })).is(201);
    let gone = format!("/Users/{}", gone["id"].as_str().unwrap());
    let done = operations(&bulk(
        scim,
        json!([
            { "method": "PATCH", "path": "/Groups/bulkId:g", "data": { "Operations": [
                { "op": "add", "path": "members", "value": [{ "value": "bulkId:b" }] },
                { "op": "remove", "path": "members[value eq \"bulkId:a\"]" }] } },
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": {
                "displayName": "Guides", "members": [{ "value": "bulkId:a" }, { "value": "bulkId:c" }] } },
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": { "userName": "ann", "active": true } },
            { "method": "POST", "path": "/Users", "bulkId": "b", "data": { "userName": "bob", "active": true } },
            { "method": "POST", "path": "/Users", "bulkId": "c", "data": { "userName": "cleo", "active": true } },
            { "method": "POST", "path": "/Users", "bulkId": "twice", "data": { "userName": "ann", "active": true } },
            { "method": "PUT", "path": old, "version": "W/\"other\"", "bulkId": "mine", "data": { "userName": "old", "active": true } },
            { "method": "PUT", "path": old, "version": version, "data": { "userName": "old", "title": "Sir", "active": true } },
            { "method": "PATCH", "path": old, "version": version, "data": [{ "op": "replace", "path": "title", "value": "Dr" }] },
            { "method": "DELETE", "path": gone },
            { "method": "DELETE", "path": gone },
        ]),
    ));
    let statuses: Vec<&str> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(
        statuses,
        ["204", "201", "201", "201", "201", "409", "412", "200", "412", "204", "404"],
        "{done:#?}"
    );
    for one in &done {
        let failed = one["status"].as_str().unwrap() >= "300";
        assert_eq!(failed, one["response"]["schemas"].is_array(), "{one:#}");
        let is_failed_post = failed && one["method"] == "POST";
        assert_eq!(one["location"].is_string(), !is_failed_post, "{one:#}");
    }
    assert_eq!(done[5]["response"]["scimType"], "uniqueness");
    assert_eq!((&done[5]["bulkId"], &done[6]["bulkId"]), (&json!("twice"), &json!("mine")));
    assert_eq!(done[10]["location"], format!("{}{gone}", scim.base));

    // What was answered is so.
    let at = |number: usize| {
        done[number]["location"].as_str().unwrap().strip_prefix(&scim.base).unwrap().to_owned()
    };
    let group = scim.get(&at(1)).is(200);
    assert_eq!(at(0), at(1));
    let id = |number: usize| at(number).rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(members(&group), sorted([id(3), id(4)]), "{group:#}");
    let ann = scim.get(&at(2));
    assert_eq!(ann.headers["etag"].to_str().unwrap(), done[2]["version"]);
    assert_eq!(ann.is(200)["userName"], "ann");
    let changed = scim.get(&old);
    assert_eq!(changed.headers["etag"].to_str().unwrap(), done[7]["version"]);
    assert_eq!(changed.is(200)["title"], "Sir");
    scim.get(&gone).is_error(404, "");
}

/// §3.7.1: each a member of the other, one of itself too; all are there, or none.
fn groups_in_a_circle(scim: &Scim) {
    let done = operations(&bulk(
        scim,
        json!([group("Ring A", "qwerty", &["ytrewq"]), group("Ring B", "ytrewq", &["qwerty", "ytrewq"])]),
    ));
    let ids: Vec<String> = done
        .iter()
        .map(|one| {
            assert_eq!(one["status"], "201", "{one:#}");
            let path = one["location"].as_str().unwrap().strip_prefix(&scim.base).unwrap();
            let got = scim.get(path);
            assert_eq!(got.headers["etag"].to_str().unwrap(), one["version"]);
            got.is(200)["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let [a, b] = ids.as_slice() else { panic!("{done:#?}") };
    assert_eq!(members(&scim.get(&format!("/Groups/{a}")).is(200)), std::slice::from_ref(b));
    assert_eq!(members(&scim.get(&format!("/Groups/{b}")).is(200)), sorted([a.clone(), b.clone()]));

    // A member that does not exist: what was created before is undone; who is not of the circle is not.
    let before = scim.get("/Groups?count=0").is(200)["totalResults"].as_u64().unwrap();
    let done = operations(&bulk(
        scim,
        json!([
            group("Ring C", "c", &["d"]),
            group("Ring D", "d", &["e"]),
            { "method": "POST", "path": "/Groups", "bulkId": "e", "data": { "displayName": "Ring E", "members": [
                { "value": "bulkId:c" }, { "value": "nobody-has-this-id" }] } },
            group("Beside", "beside", &[]),
            group("Hanging on it", "hanging", &["c"]),
        ]),
    ));
    let statuses: Vec<&str> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["409", "409", "400", "201", "400"], "{done:#?}");
    assert!(done[2]["response"]["detail"].as_str().unwrap().contains("nobody-has-this-id"), "{done:#?}");
    assert_eq!(scim.get("/Groups?count=0").is(200)["totalResults"], before + 1);
    assert_eq!(scim.find("/Groups", "displayName sw \"Ring D\"").is(200)["totalResults"], 0);
}

/// §3.7.2: the enterprise extension's `manager`, also in a circle.
fn references_in_extensions(scim: &Scim) {
    let user = |name: &str, manager: &str| {
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": {
            "userName": name, "active": true, ENTERPRISE: { "manager": { "value": format!("bulkId:{manager}") } } } })
    };
    let done = operations(&bulk(
        scim,
        json!([user("ring1", "ring2"), user("ring2", "ring1"), user("below", "ring1")]),
    ));
    let ids: Vec<String> = done
        .iter()
        .map(|one| {
            assert_eq!(one["status"], "201", "{one:#}");
            one["location"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned()
        })
        .collect();
    for (at, manager) in [(0, 1), (1, 0), (2, 0)] {
        let user = scim.get(&format!("/Users/{}", ids[at])).is(200);
        assert_eq!(user[ENTERPRISE]["manager"]["value"], ids[manager].as_str(), "{user:#}");
    }
}

#[test]
fn after_so_many_errors_no_more_is_done() {
    let gateway = Gateway::demo("plain", &[]);
    let scim = gateway.target("plain");
    let bad = json!({ "method": "DELETE", "path": "/Users/nobody" });
    let good = |name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": { "userName": name } });
    let asked = json!([good("first"), bad, bad, good("last")]);
    let done = |limit: Value| {
        let body = json!({ "schemas": [REQUEST], "failOnErrors": limit, "Operations": asked });
        let done = operations(&scim.post("/Bulk", &body).is(200));
        done.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(done(json!(1)), ["201", "404"]);
    assert_eq!(done(json!(2)), ["409", "404"]);
    assert_eq!(done(json!(3)), ["409", "404", "404"]);
    assert_eq!(scim.find("/Users", "userName eq \"last\"").is(200)["totalResults"], 0);
    assert_eq!(done(Value::Null), ["409", "404", "404", "201"]);
    for wrong in [json!("1"), json!(-1), json!(1.5)] {
        let body = json!({ "failOnErrors": wrong, "Operations": asked });
        scim.post("/Bulk", &body).is_error(400, "invalidSyntax");
    }
}

#[test]
fn a_mistake_in_an_operation_is_its_own() {
    let mut gateway = Gateway::demo("plain", &[]);
    let scim = gateway.target("plain");
    let user = json!({ "userName": "x" });
    for (operation, status, scim_type) in [
        (json!({ "path": "/Users", "bulkId": "1", "data": user }), "400", "invalidSyntax"),
        (json!({ "method": "GET", "path": "/Users/1" }), "400", "invalidSyntax"),
        (json!({ "method": "POST", "bulkId": "1", "data": user }), "400", "invalidSyntax"),
        (json!({ "method": "POST", "path": "/Users", "data": user }), "400", "invalidSyntax"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "1" }), "400", "invalidSyntax"),
        (json!({ "method": "PUT", "path": "/Users/1", "data": null }), "400", "invalidSyntax"),
        (json!({ "method": "PUT", "path": "/Users/1", "data": [] }), "400", "invalidSyntax"),
        (json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": {} }), "400", "invalidValue"),
        (json!({ "method": "POST", "path": "/Cars", "bulkId": "1", "data": user }), "404", ""),
        (
            json!({ "method": "POST", "path": "/Bulk", "bulkId": "1", "data": { "Operations": [] } }),
            "404",
            "",
        ),
        (json!({ "method": "POST", "path": "/Users/.search", "bulkId": "1", "data": {} }), "405", ""),
        (json!({ "method": "DELETE", "path": "/Users" }), "405", ""),
        (json!({ "method": "DELETE", "path": "/Users/%zz" }), "400", "invalidValue"),
        (json!({ "method": "DELETE", "path": "/Users/bulkId:none" }), "404", ""),
        (json!({ "method": "DELETE", "path": "/Users/1", "version": "\"a b\"" }), "400", "invalidVers"),
        (json!({ "method": "DELETE", "path": "/Users/1", "version": 7 }), "400", "invalidSyntax"),
        (
            json!({ "method": "POST", "path": "/Groups", "bulkId": "1", "data": {
                "displayName": "G", "members": [{ "value": "bulkId:none" }] } }),
            "400",
            "invalidValue",
        ),
        (
            json!({ "method": "POST", "path": "/Users/7", "bulkId": "1", "data": {
                "userName": "x", "nickName": "bulkId:1" } }),
            "405",
            "",
        ),
    ] {
        let done = operations(&bulk(&scim, json!([operation])));
        assert_eq!(done[0]["status"], status, "{done:#?}");
        assert_eq!(done[0]["response"]["scimType"].as_str().unwrap_or_default(), scim_type, "{done:#?}");
        assert!(!done[0]["response"]["detail"].as_str().unwrap().is_empty(), "{done:#?}");
    }
    assert_eq!(scim.get("/Users?count=0").is(200)["totalResults"], 0);
    gateway.is_sound();
}

#[test]
fn what_is_wrong_with_the_request_is_refused_whole() {
    let gateway = Gateway::demo("plain", &[]);
    let scim = gateway.target("plain");
    let user = |bulk_id: &str, name: &str| json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": { "userName": name } });
    for body in [
        json!([]),
        json!({ "schemas": [REQUEST] }),
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [] }),
        json!({ "Operations": {} }),
        json!({ "Operations": [user("1", "one"), "text"] }),
        json!({ "Operations": [user("1", "one"), user("1", "two")] }),
    ] {
        scim.post("/Bulk", &body).is_error(400, "invalidSyntax");
    }
    assert_eq!(scim.get("/Users?count=0").is(200)["totalResults"], 0);
    assert_eq!(operations(&bulk(&scim, json!([]))), Vec::<Value>::new());
    for method in ["GET", "PUT", "DELETE"] {
        let answer = scim.send(method, "/Bulk", (method == "PUT").then_some(&json!({})));
        answer.is_error(405, "");
        assert_eq!(answer.headers["allow"], "POST");
    }
}

/// §3.7.4, as the service provider configuration says.
#[test]
fn the_limits_are_said_and_kept() {
    let gateway = Gateway::demo("plain", &[]);
    let scim = gateway.target("plain");
    let said = scim.get("/ServiceProviderConfig").is(200)["bulk"].clone();
    assert_eq!(said["supported"], true);
    let (operations, bytes) =
        (said["maxOperations"].as_u64().unwrap() as usize, said["maxPayloadSize"].as_u64().unwrap() as usize);
    let delete = json!({ "method": "DELETE", "path": "/Users/x" });
    let most = bulk(&scim, vec![delete.clone(); operations].into());
    assert_eq!(most["Operations"].as_array().unwrap().len(), operations);
    let more = scim.post("/Bulk", &json!({ "Operations": vec![delete; operations + 1] }));
    let detail = more.is_error(413, "");
    assert!(detail.contains("maxOperations") && detail.contains(&operations.to_string()), "{detail}");
    let long = json!({ "Operations": [], "x": "y".repeat(bytes) });
    let detail = scim.post("/Bulk", &long).is_error(413, "");
    assert!(detail.contains("maxPayloadSize") && detail.contains(&bytes.to_string()), "{detail}");
}

#[test]
fn a_target_that_is_read_only_takes_none() {
    let database = Database::of("plain");
    let target = database.target("plain", "plain").replace("mapping =", "mode = \"read-only\"\nmapping =");
    let gateway = Gateway::serve(&[target]);
    let scim = gateway.target("plain");
    let body = json!({ "Operations": [{ "method": "POST", "path": "/Users", "bulkId": "1", "data": { "userName": "x" } }] });
    scim.post("/Bulk", &body).is_error(403, "");
    assert_eq!(scim.get("/ServiceProviderConfig").is(200)["bulk"]["supported"], false);
}

/// Half of a circle is in the directory when it dies: nothing is said to be done.
#[test]
fn a_directory_that_dies_leaves_no_success_behind() {
    let (openldap, ds389, samba) = (Directory::start(), Directory::ds389(), Samba::start());
    let targets = [
        openldap.target("corp", "openldap"),
        ds389.target("corp", "389ds"),
        samba.target("corp", "active-directory", ""),
    ];
    let servers: [Box<dyn Server>; 3] = [Box::new(openldap), Box::new(ds389), Box::new(samba)];
    targets.into_iter().zip(servers).for_each(|(target, server)| dies(&target, server));
}

fn dies(target: &str, mut server: Box<dyn Server>) {
    let gateway = Gateway::serve(&[target.to_owned()]);
    let scim = gateway.target("corp");
    scim.get("/Users?count=1").is(200);
    server.kill();
    let ring = [group("A", "a", &["b"]), group("B", "b", &["a"])];
    let done = operations(&bulk(&scim, json!([ring[0], ring[1], group("C", "c", &["a"])])));
    let statuses: Vec<&str> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(&statuses[..1], ["503"], "{done:#?}");
    assert!(statuses.iter().all(|status| *status >= "400"), "{done:#?}");
    server.up();
    eventually("the gateway's way back", || scim.get("/Users?count=1").status == 200);
    let done = operations(&bulk(&scim, json!(ring)));
    assert!(done.iter().all(|one| one["status"] == "201"), "{done:#?}");
}

/// `gantry plan` says why it has none, rather than a part of it.
#[test]
fn a_plan_is_made_of_one_operation_at_a_time() {
    let database = Database::of("plain");
    let folder = tempfile::tempdir().unwrap();
    let configuration = write_configuration(folder.path(), &[database.target("plain", "plain")]);
    let body = folder.path().join("body.json");
    std::fs::write(&body, json!({ "Operations": [] }).to_string()).unwrap();
    let done = run(gantry()
        .args(["plan", "--target", "plain", "--config"])
        .arg(configuration)
        .args(["POST", "/Bulk"])
        .arg(body));
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("one at a time"), "{done:?}");
}

/// A POST of a group whose members are what these bulkIds stand for.
fn group(name: &str, bulk_id: &str, members: &[&str]) -> Value {
    let member = |bulk_id: &&str| json!({ "type": "Group", "value": format!("bulkId:{bulk_id}") });
    let data = json!({ "displayName": name, "members": members.iter().map(member).collect::<Vec<_>>() });
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

fn bulk(scim: &Scim, operations: Value) -> Value {
    let answer: Answer = scim.post("/Bulk", &json!({ "schemas": [REQUEST], "Operations": operations }));
    let body = answer.is(200);
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    body
}

fn operations(body: &Value) -> Vec<Value> {
    body["Operations"].as_array().unwrap().clone()
}

fn members(group: &Value) -> Vec<String> {
    let members = group["members"].as_array().into_iter().flatten();
    sorted(members.map(|member| member["value"].as_str().unwrap().to_owned()))
}

fn sorted(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.into_iter().collect();
    texts.sort();
    texts
}

//! What identity providers really send, each with the profile that its client has, and what the profiles change.
//! Their requests are read from `SCIM_VECTORS`, `../shared/vectors` when that is not set; where the folder does
//! not exist, the project's own cases run alone.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::database::Database;
use super::support::gateway::Gateway;
use super::support::scim::{Answer, Scim, encoded};

/// A person and a group with two members, for the requests of one provider.
struct Scene {
    scim: Scim,
    user: String,
    group: String,
    /// The members, and one who is none, by the names that the requests have for them.
    people: [(&'static str, String); 3],
}

#[test]
fn every_request_has_its_status_and_its_effect() {
    let folder =
        std::env::var_os("SCIM_VECTORS").map_or_else(|| PathBuf::from("../shared/vectors"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("idp_requests.json")) else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!cases.is_empty());
    for profile in ["entra", "okta", "rfc"] {
        let gateway = Gateway::demo("plain", &["--profile", profile]);
        let mut cases: Vec<&Value> = cases.iter().filter(|case| profile_of(case) == profile).collect();
        cases.sort_by_key(|case| case["name"] == "duplicate"); // somebody must be there before
        for (number, case) in cases.into_iter().enumerate() {
            let scene = Scene::new(gateway.target("plain"), number);
            let answer = scene.send(case);
            let wanted: Vec<u64> = case["expect_status"]
                .as_array()
                .unwrap()
                .iter()
                .map(|status| status.as_u64().unwrap())
                .collect();
            assert!(wanted.contains(&answer.status.into()), "{case:#}\n{answer:#?}");
            scene.check(case, &answer);
        }
    }
}

fn profile_of(case: &Value) -> &str {
    match case["idp"].as_str().unwrap() {
        known @ ("entra" | "okta") => known,
        _ => "rfc",
    }
}

// === impl Scene ===

impl Scene {
    fn new(scim: Scim, number: usize) -> Self {
        let person = |name: &str| {
            let made =
                scim.post("/Users", &json!({ "userName": format!("{name}-{number}"), "active": true }));
            made.is(201)["id"].as_str().unwrap().to_owned()
        };
        let people = ["u1", "89bb", "23a3"].map(|name| (name, person(name)));
        let members = json!([{ "value": people[0].1 }, { "value": people[1].1 }]);
        let group =
            scim.post("/Groups", &json!({ "displayName": format!("Group {number}"), "members": members }));
        let group = group.is(201)["id"].as_str().unwrap().to_owned();
        let user = person("subject");
        Self { scim, user, group, people }
    }

    fn send(&self, case: &Value) -> Answer {
        let path = case["path"].as_str().unwrap();
        let id = if path.starts_with("/Groups") { &self.group } else { &self.user };
        let path = path.replace("{id}", id).replace("\"...\"", "\"2100-01-01T00:00:00Z\"");
        let path = match path.split_once('?') {
            Some((path, query)) => {
                let pairs = query.split('&').map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap();
                    format!("{name}={}", encoded(value))
                });
                format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
            }
            None => path,
        };
        let mut scim = self.scim.clone();
        if case["name"] == "bad token" {
            scim.token = "wrong".to_owned();
        }
        let body = match &case["body"] {
            Value::Null => return scim.send(case["method"].as_str().unwrap(), &path, None),
            Value::String(_) => {
                json!({ "userName": "of-pingone", "emails": [{ "value": "p@x.test" }], "active": true })
            }
            body => body.clone(),
        };
        let ids = self.people.iter().map(|(name, id)| (format!("{name:?}"), format!("{id:?}")));
        let ids =
            ids.chain([("value eq \\\"u1\\\"".to_owned(), format!("value eq \\\"{}\\\"", self.people[0].1))]);
        let ids = ids
            .chain([("value eq \\\"89bb\\\"".to_owned(), format!("value eq \\\"{}\\\"", self.people[1].1))]);
        let text =
            ids.fold(body.to_string(), |text, (from, to)| text.replace(&from, &to)).replace("{id}", id);
        scim.send_octets(case["method"].as_str().unwrap(), &path, "application/scim+json", text.into())
    }

    fn members(&self) -> Vec<String> {
        let group = self.scim.get(&format!("/Groups/{}", self.group)).is(200);
        let mut ids: Vec<String> = group["members"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|member| member["value"].as_str().unwrap().to_owned())
            .collect();
        ids.sort_unstable();
        ids
    }

    fn sorted(&self, names: &[&str]) -> Vec<String> {
        let is_wanted = |(name, _): &&(&str, String)| names.contains(name);
        let mut ids: Vec<String> = self.people.iter().filter(is_wanted).map(|(_, id)| id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    #[track_caller]
    fn check(&self, case: &Value, answer: &Answer) {
        let user = || self.scim.get(&format!("/Users/{}", self.user)).is(200);
        let group = || self.scim.get(&format!("/Groups/{}", self.group)).is(200);
        match (case["idp"].as_str().unwrap(), case["name"].as_str().unwrap()) {
            ("entra", "create user") | ("okta", "create") => {
                assert!(answer.body["id"].is_string() && answer.body["meta"]["location"].is_string());
                assert!(answer.body.get("password").is_none() && answer.body.get("groups").is_none());
                assert_eq!(answer.body["emails"], case["body"]["emails"]);
            }
            ("entra", "get group without members") => assert!(answer.body.get("members").is_none()),
            ("entra", "disable (aadOptscim062020)") => assert_eq!(user()["active"], false),
            ("entra", "update (flag)") => {
                let user = user();
                assert_eq!(user["emails"], json!([{ "type": "work", "value": "T@x" }]));
                assert_eq!((&user["displayName"], &user["name"]["givenName"]), (&json!("B"), &json!("K")));
                let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
                assert_eq!(user[enterprise]["employeeNumber"], "A");
            }
            ("entra", "app roles") => assert!(user()["roles"][0]["value"].is_string()),
            (_, "remove members (default)" | "remove member (flag)" | "remove member") => {
                assert_eq!(self.members(), self.sorted(&["89bb"]));
            }
            ("okta", "match") => assert_eq!(answer.body["itemsPerPage"], 0),
            ("okta", "rename group") => {
                assert_eq!(group()["displayName"], "Test SCIMv2");
                assert_eq!(self.members(), self.sorted(&["u1", "89bb"]));
            }
            ("okta", "membership") => assert_eq!(self.members(), self.sorted(&["u1", "23a3"])),
            ("okta", "full push" | "AIW membership") => assert_eq!(self.members(), self.sorted(&["23a3"])),
            ("okta", "bad token") => assert!(!answer.is_error(401, "").is_empty()),
            ("pingone", "update") => {
                assert_eq!(self.scim.find("/Users", "emails eq \"p@x.test\"").is(200)["totalResults"], 1);
            }
            ("authentik", "group update") => {
                assert_eq!((&group()["displayName"], &group()["externalId"]), (&json!("New"), &json!("pk")));
                assert_eq!(self.members(), self.sorted(&["u1", "89bb"]));
            }
            _ => {}
        }
    }
}

/// A plain target with a client that has this profile (TOML) and perhaps more keys.
fn plain(client: &str) -> (Database, Gateway) {
    let database = Database::of("plain");
    let target = database
        .target("plain", "plain")
        .replace("name = \"tests\"\n", &format!("name = \"tests\"\n{client}\n"));
    let gateway = Gateway::serve(&[target]);
    (database, gateway)
}

#[test]
fn a_replace_that_matches_nothing_creates_for_entra_only() {
    let operations = json!([
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "e@x.test" },
        { "op": "Replace", "path": "emails[type eq \"work\"].display", "value": "E" },
    ]);
    for (profile, creates) in [
        ("", false),
        ("profile = \"okta\"", false),
        ("profile = \"entra\"", true),
        ("profile = { base = \"okta\", create_on_missing = true }", true),
        ("profile = { base = \"entra\", create_on_missing = false }", false),
    ] {
        let (_database, gateway) = plain(profile);
        let scim = gateway.target("plain");
        let user = scim.post("/Users", &json!({ "userName": "e" })).is(201);
        let answer = scim.patch(&format!("/Users/{}", user["id"].as_str().unwrap()), &operations);
        match creates {
            true => {
                let made = json!([{ "type": "work", "value": "e@x.test", "display": "E" }]);
                assert_eq!(answer.is(200)["emails"], made, "{profile}");
            }
            false => drop(answer.is_error(400, "noTarget")),
        }
    }
}

#[test]
fn what_a_patch_is_answered_with_is_the_clients_choice() {
    for (profile, user_status, group_status) in [
        ("", 200, 204),
        ("profile = { base = \"rfc\", patch_answer = 200 }", 200, 200),
        ("profile = { base = \"okta\", patch_answer = 204 }", 204, 204),
    ] {
        let (_database, gateway) = plain(profile);
        let scim = gateway.target("plain");
        let user = scim.post("/Users", &json!({ "userName": "p" })).is(201);
        let group = scim.post("/Groups", &json!({ "displayName": "P" })).is(201);
        let user_path = format!("/Users/{}", user["id"].as_str().unwrap());
        let group_path = format!("/Groups/{}", group["id"].as_str().unwrap());
        let title = json!([{ "op": "add", "path": "title", "value": "T" }]);
        assert_eq!(scim.patch(&user_path, &title).status, user_status, "{profile}");
        // Asked for attributes, a PATCH is always answered with them (RFC 7644 §3.5.2).
        assert_eq!(scim.patch(&format!("{user_path}?attributes=title"), &title).is(200)["title"], "T");
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": user["id"] }] }]);
        let answer = scim.patch(&format!("{group_path}?attributes=displayName"), &add).is(200);
        assert_eq!((&answer["displayName"], answer.get("members")), (&json!("P"), None), "{profile}");
        let answer = scim.patch(&group_path, &add);
        assert_eq!(answer.status, group_status, "{profile}");
        if group_status == 200 {
            assert_eq!(answer.body["members"][0]["value"], user["id"]);
        }
        assert_eq!(scim.get(&group_path).is(200)["members"][0]["value"], user["id"]);
    }
}

#[test]
fn an_unknown_member_is_named_and_only_okta_goes_on_without_it() {
    for (profile, skips) in [
        ("", false),
        ("profile = \"entra\"", false),
        ("profile = \"okta\"", true),
        ("profile = { base = \"rfc\", unknown_members = \"skip\" }", true),
        ("profile = { base = \"okta\", unknown_members = \"refuse\" }", false),
    ] {
        let (_database, gateway) = plain(profile);
        let scim = gateway.target("plain");
        let user = scim.post("/Users", &json!({ "userName": "m" })).is(201)["id"].clone();
        let members = json!([{ "value": user }, { "value": "nobody-77" }]);
        let group = scim.post("/Groups", &json!({ "displayName": "M" })).is(201);
        let path = format!("/Groups/{}", group["id"].as_str().unwrap());
        let add = scim.patch(&path, &json!([{ "op": "add", "path": "members", "value": members }]));
        let replace = scim.patch(&path, &json!([{ "op": "replace", "path": "members", "value": members }]));
        let put = scim.put(&path, &json!({ "displayName": "M", "members": members }));
        let post = scim.post("/Groups", &json!({ "displayName": "N", "members": members }));
        for (answer, status) in [(add, 200), (replace, 200), (put, 200), (post, 201)] {
            if skips {
                assert_eq!(answer.is(status)["members"].as_array().unwrap().len(), 1, "{profile}");
            } else {
                assert!(answer.is_error(400, "invalidValue").contains("nobody-77"), "{profile}");
            }
        }
        let left = scim.get(&path).is(200)["members"].as_array().map_or(0, Vec::len);
        assert_eq!(left, usize::from(skips), "{profile}");
        let is_logged = gateway.log().iter().any(|line| line.contains("WARN") && line.contains("nobody-77"));
        assert_eq!(is_logged, skips, "{profile}");
    }
}

#[test]
fn me_is_whom_the_configuration_says_or_nobody() {
    let (database, gateway) = plain("");
    let scim = gateway.target("plain");
    scim.get("/Me").is_error(501, "");
    let user = scim.post("/Users", &json!({ "userName": "me" })).is(201);
    drop(gateway);
    let client = format!(
        "name = \"tests\"\nuser = {}\nprofile = {{ base = \"rfc\", patch_answer = 204 }}\n",
        user["id"]
    );
    let gateway = Gateway::serve(&[database.target("plain", "plain").replace("name = \"tests\"\n", &client)]);
    let scim = gateway.target("plain");
    // Every answer says where it really is, also one without a body.
    let location = scim.get(&format!("/Users/{}", user["id"].as_str().unwrap())).headers["location"].clone();
    let me = |answer: Answer, status: u16| {
        assert_eq!(answer.headers.get("location"), Some(&location), "{answer:?}");
        answer.is(status)
    };
    assert_eq!(me(scim.get("/Me"), 200)["userName"], "me");
    let version = scim.get("/Me").headers["etag"].to_str().unwrap().to_owned();
    me(scim.on_condition("GET", "/Me", "If-None-Match", &version, None), 304);
    let title = json!([{ "op": "add", "path": "title", "value": "T" }]);
    me(scim.patch("/Me", &title), 204);
    assert_eq!(me(scim.patch("/Me?attributes=title", &title), 200)["title"], "T");
    assert_eq!(me(scim.put("/Me", &json!({ "userName": "me", "title": "U" })), 200)["title"], "U");
    scim.post("/Me", &json!({ "userName": "other" })).is_error(405, "");
    me(scim.delete("/Me"), 204);
    scim.get("/Me").is_error(404, "");
}

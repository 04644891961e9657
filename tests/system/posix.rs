//! POSIX accounts in OpenLDAP: numbers from counters, and a group that is two entries. The server is looked into
//! with `ldapsearch`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::directory::{BIND_DN, Directory, Entry, SUFFIX};
use super::support::eventually;
use super::support::gateway::Gateway;
use super::support::scim::Scim;
use super::support::told::{doctor, says};

struct Case {
    directory: Directory,
    gateway: Gateway,
    scim: Scim,
}

// === impl Case ===

impl Case {
    fn start() -> Self {
        Self::with("")
    }

    /// With these lines at the end of the server's configuration.
    fn with(last_lines: &str) -> Self {
        let directory = Directory::posix_with(last_lines);
        let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
        let scim = gateway.target("corp");
        Self { directory, gateway, scim }
    }

    /// After a restart of the server.
    fn settled(&self, is: impl Fn(&Scim) -> bool) {
        eventually("the gateway's new connections", || is(&self.scim));
    }

    /// Waits for a line of the log that has all of these.
    fn logs(&self, parts: &[&str]) {
        eventually(&format!("a line with {parts:?}"), || {
            self.gateway.log().iter().any(|line| parts.iter().all(|part| line.contains(part)))
        });
    }

    fn person(&self, login: &str) -> Value {
        self.scim.post("/Users", &json!({ "userName": login })).is(201)
    }

    fn group(&self, name: &str, members: &[&Value]) -> Value {
        let members: Vec<Value> = members.iter().map(|one| json!({ "value": one["id"] })).collect();
        self.scim.post("/Groups", &json!({ "displayName": name, "members": members })).is(201)
    }

    /// The members of both entries of a group, by uid: they are the same.
    #[track_caller]
    fn members(&self, name: &str) -> BTreeSet<String> {
        let by_dn: BTreeSet<String> =
            self.directory.group(name).unwrap().all("member").iter().filter_map(|dn| uid(dn)).collect();
        assert_eq!(self.uids(name), by_dn, "{name}");
        by_dn
    }

    #[track_caller]
    fn uids(&self, name: &str) -> BTreeSet<String> {
        self.directory.posix_group(name).unwrap().all("memberUid").iter().cloned().collect()
    }

    fn counter(&self, name: &str, attribute: &str) -> u32 {
        let found = self.directory.search(SUFFIX, &format!("(cn={name})"));
        number(&found[0], attribute)
    }
}

fn number(entry: &Entry, attribute: &str) -> u32 {
    entry.one(attribute).unwrap().parse().unwrap()
}

/// The uid in a person's DN; the placeholder has none.
fn uid(dn: &str) -> Option<String> {
    Some(dn.strip_prefix("uid=")?.split(',').next()?.to_owned())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_person_has_a_number_and_a_group_two_entries() {
    let case = Case::start();
    let (ada, bob) = (case.person("ada"), case.person("bob"));
    let ada_entry = case.directory.person("ada").unwrap();
    assert_eq!(number(&ada_entry, "uidNumber"), 10_000);
    assert_eq!(number(&case.directory.person("bob").unwrap(), "uidNumber"), 10_001);
    assert_eq!(case.counter("uidNext", "uidNumber"), 10_002);
    assert_eq!(ada_entry.one("homeDirectory"), Some("/home/ada"));
    assert_eq!((ada_entry.one("gidNumber"), ada_entry.one("loginShell")), (Some("100"), Some("/bin/bash")));

    let group = case.group("Crew", &[&ada, &bob]);
    assert_eq!(group["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(case.members("Crew"), set(&["ada", "bob"]));
    assert_eq!(number(&case.directory.posix_group("Crew").unwrap(), "gidNumber"), 20_000);
    assert_eq!(case.counter("gidNext", "gidNumber"), 20_001);
    assert!(case.gateway.log().iter().all(|line| !line.contains("ERROR")));
}

fn path(endpoint: &str, resource: &Value) -> String {
    format!("/{endpoint}/{}", resource["id"].as_str().unwrap())
}

fn add(member: &Value) -> Value {
    json!([{ "op": "add", "path": "members", "value": [{ "value": member["id"] }] }])
}

fn remove(member: &Value) -> Value {
    json!([{ "op": "remove", "path": format!("members[value eq {}]", member["id"]) }])
}

fn replace(attribute: &str, value: &str) -> Value {
    json!([{ "op": "replace", "path": attribute, "value": value }])
}

#[test]
fn both_entries_of_a_group_follow_every_change() {
    let case = Case::start();
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|login| case.person(login));
    let group = case.group("Crew", &[]);
    let path_of = path("Groups", &group);
    assert_eq!((case.members("Crew"), group.get("members")), (set(&[]), None));

    // By deltas, also such as are done already, in both entries or in one.
    case.scim.patch(&path_of, &add(&ada)).is(204);
    case.scim.patch(&path_of, &add(&ada)).is(204);
    case.scim.patch(&path_of, &add(&bob)).is(204);
    assert_eq!(case.members("Crew"), set(&["ada", "bob"]));
    let dn = case.directory.posix_group("Crew").unwrap().dn;
    case.directory.modify(&format!(
        "dn: {dn}\nchangetype: modify\nadd: memberUid\nmemberUid: eve\n-\ndelete: memberUid\nmemberUid: ada\n"
    ));
    case.scim.patch(&path_of, &add(&eve)).is(204);
    case.scim.patch(&path_of, &remove(&ada)).is(204);
    assert_eq!(case.members("Crew"), set(&["bob", "eve"]));

    // The name, alone and with members.
    case.scim.patch(&path_of, &replace("displayName", "Staff, all")).is(200);
    assert_eq!((case.directory.group("Crew"), case.directory.posix_group("Crew")), (None, None));
    assert_eq!(case.members("Staff, all"), set(&["bob", "eve"]));
    let whole = json!({ "displayName": "Crew", "externalId": "x", "members": [{ "value": ada["id"] }, { "value": eve["id"] }] });
    let put = case.scim.put(&path_of, &whole).is(200);
    assert_eq!((put["id"].clone(), put["externalId"].clone()), (group["id"].clone(), "x".into()));
    assert_eq!(case.members("Crew"), set(&["ada", "eve"]));
    let number_before = number(&case.directory.posix_group("Crew").unwrap(), "gidNumber");
    assert_eq!(number_before, 20_000);

    // Nobody is left in it, and it is as good as before.
    for one in [&ada, &eve] {
        case.scim.patch(&path_of, &remove(one)).is(204);
    }
    assert_eq!(case.members("Crew"), set(&[]));
    assert_eq!(case.scim.get(&path_of).is(200).get("members"), None);
    case.scim.patch(&path_of, &add(&ada)).is(204);
    assert_eq!(case.members("Crew"), set(&["ada"]));

    case.scim.delete(&path_of).is(204);
    assert_eq!((case.directory.group("Crew"), case.directory.posix_group("Crew")), (None, None));
    case.scim.delete(&path_of).is_error(404, "");
    assert_eq!(case.counter("gidNext", "gidNumber"), 20_001);
}

#[test]
fn who_is_renamed_is_a_member_by_the_new_name_and_who_is_deleted_by_none() {
    let case = Case::start();
    let [ada, bob] = ["ada", "bob"].map(|login| case.person(login));
    let groups = ["One", "Two", "Three"].map(|name| case.group(name, &[&ada, &bob]));
    let other = case.group("Other", &[&bob]);
    let renamed = case.scim.patch(&path("Users", &ada), &replace("userName", "ada.king")).is(200);
    assert_eq!((&renamed["userName"], &renamed["id"]), (&json!("ada.king"), &ada["id"]));
    for name in ["One", "Two", "Three"] {
        assert_eq!(case.members(name), set(&["ada.king", "bob"]));
    }
    assert_eq!(case.members("Other"), set(&["bob"]));
    // Another letter's case is another uid to whoever reads memberUid.
    case.scim.patch(&path("Users", &ada), &replace("userName", "Ada.King")).is(200);
    assert_eq!(case.members("One"), set(&["Ada.King", "bob"]));

    case.scim.delete(&path("Users", &ada)).is(204);
    for (name, group) in ["One", "Two", "Three"].iter().zip(&groups) {
        assert_eq!(case.members(name), set(&["bob"]));
        assert_eq!(
            case.scim.get(&path("Groups", group)).is(200)["members"].as_array().map(Vec::len),
            Some(1)
        );
    }
    // Who has the name next is in none of her groups.
    case.person("ada.king");
    case.person("ada");
    assert_eq!(case.scim.get(&path("Groups", &other)).is(200)["members"][0]["value"], bob["id"]);
    assert_eq!(case.uids("One"), set(&["bob"]));
}

/// Each of these ends as if it had never begun.
#[test]
fn a_second_step_that_fails_takes_the_first_one_back() {
    // Somebody else's entry has the name.
    let case = Case::start();
    let ada = case.person("ada");
    case.directory.modify(&format!(
        "dn: cn=Taken,ou=posix,{SUFFIX}\nchangetype: add\nobjectClass: device\ncn: Taken\n"
    ));
    let body = json!({ "displayName": "Taken", "members": [{ "value": ada["id"] }] });
    case.scim.post("/Groups", &body).is_error(409, "uniqueness");
    assert_eq!(case.directory.group("Taken"), None);
    let group = case.group("Crew", &[&ada]);
    let before = state(&case);
    case.scim.patch(&path("Groups", &group), &replace("displayName", "Taken")).is_error(409, "uniqueness");
    let mut whole = body.clone();
    whole["externalId"] = "new".into();
    case.scim.put(&path("Groups", &group), &whole).is_error(409, "uniqueness");
    // Here the further entry comes by its new name first.
    case.directory.modify(&format!(
        "dn: cn=Theirs,ou=groups,{SUFFIX}\nchangetype: add\nobjectClass: device\ncn: Theirs\n"
    ));
    case.scim.patch(&path("Groups", &group), &replace("displayName", "Theirs")).is_error(409, "uniqueness");
    assert_eq!(state(&case), before);
    // What stands below an entry keeps it, and so the entry that goes with it.
    case.directory.modify(&format!(
        "dn: cn=below,cn=Crew,ou=groups,{SUFFIX}\nchangetype: add\nobjectClass: device\ncn: below\n"
    ));
    case.scim.delete(&path("Groups", &group)).is_error(403, "");
    assert_eq!(state(&case), before);
}

/// Both entries of a group, without what every write leaves; a further entry that was taken back is one anew, but for
/// all that users can change.
fn state(case: &Case) -> [Entry; 2] {
    let plain = |entry: Option<Entry>, own: &[&str]| {
        let mut entry = entry.unwrap();
        for stamp in [&["entrycsn", "modifytimestamp", "hassubordinates"], own].concat() {
            entry.values.remove(stamp);
        }
        entry.values.values_mut().for_each(|values| values.sort());
        entry
    };
    [
        plain(case.directory.group("Crew"), &[]),
        plain(case.directory.posix_group("Crew"), &["entryuuid", "createtimestamp"]),
    ]
}

/// Rights that come before all others.
fn before_all(rules: &str) -> impl Fn(&mut Directory) + '_ {
    move |directory| {
        let first = "access to attrs=userPassword by dn.exact";
        directory.reconfigure(first, &format!("{rules}\n{first}"));
    }
}

/// Below this unit the gateway may add entries and change them, but neither rename nor delete.
fn only_additions(unit: &str) -> String {
    format!(
        "access to dn.base=\"ou={unit},{SUFFIX}\" attrs=children by dn.exact=\"{BIND_DN}\" =arscd by * none"
    )
}

/// And below this one it may change entries, and nothing else.
fn only_changes(unit: &str) -> String {
    format!(
        "access to dn.base=\"ou={unit},{SUFFIX}\" attrs=children by dn.exact=\"{BIND_DN}\" read by * none"
    )
}

/// And this one it may only read.
fn only_reading(unit: &str) -> String {
    format!("access to dn.subtree=\"ou={unit},{SUFFIX}\" by dn.exact=\"{BIND_DN}\" read by * none")
}

#[test]
fn a_step_that_the_server_refuses_leaves_nothing_of_those_before() {
    let mut case = Case::start();
    let [ada, bob] = ["ada", "bob"].map(|login| case.person(login));
    let group = case.group("Crew", &[&ada]);
    let before = state(&case);

    // The further entry cannot be written.
    before_all(&only_reading("posix"))(&mut case.directory);
    let body = json!({ "displayName": "New", "members": [{ "value": ada["id"] }] });
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    case.scim.post("/Groups", &body).is_error(403, "");
    case.directory.reconfigure(&only_reading("posix"), &only_changes("posix"));
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    case.scim.post("/Groups", &body).is_error(403, "");
    assert_eq!((case.directory.group("New"), case.directory.posix_group("New")), (None, None));
    assert_eq!(case.counter("gidNext", "gidNumber"), 20_002, "a number is lost, and given to nobody");
    case.directory.reconfigure(&only_changes("posix"), &only_reading("posix"));
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    case.scim.patch(&path("Groups", &group), &add(&bob)).is_error(403, "");
    case.scim.patch(&path("Groups", &group), &replace("displayName", "Other")).is_error(403, "");
    case.scim.patch(&path("Users", &ada), &replace("userName", "king")).is_error(403, "");
    case.scim.delete(&path("Users", &ada)).is_error(403, "");
    case.scim.delete(&path("Groups", &group)).is_error(403, "");
    assert_eq!(state(&case), before);
    assert_eq!((case.directory.person("king"), case.directory.person("ada").is_some()), (None, true));

    // The resource's own entry cannot, and the steps before it are undone.
    case.directory.reconfigure(&only_reading("posix"), &only_additions("groups"));
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    case.scim.patch(&path("Groups", &group), &replace("displayName", "Other")).is_error(403, "");
    case.scim.delete(&path("Groups", &group)).is_error(403, "");
    assert_eq!(state(&case), before);
    let (other, crew) = (case.directory.posix_group("Other"), case.members("Crew"));
    assert_eq!((other, crew), (None, set(&["ada"])));

    case.directory.reconfigure(&only_additions("groups"), &only_additions("people"));
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    case.scim.patch(&path("Users", &ada), &replace("userName", "king")).is_error(403, "");
    case.scim.delete(&path("Users", &ada)).is_error(403, "");
    assert_eq!(state(&case), before);
    assert_eq!(case.directory.person("king"), None);
}

#[test]
fn a_step_that_cannot_be_undone_is_an_error_that_names_the_entry_in_the_log() {
    let mut case = Case::start();
    let ada = case.person("ada");
    before_all(&format!("{}\n{}", only_additions("groups"), only_changes("posix")))(&mut case.directory);
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    let body = json!({ "displayName": "Half", "members": [{ "value": ada["id"] }] });
    let detail = case.scim.post("/Groups", &body).is_error(500, "");
    assert!(!detail.contains("cn=Half"), "{detail}");
    let half = format!("a change of cn=Half,ou=groups,{SUFFIX} stays half done");
    case.logs(&["\"ERROR\"", &half]);
    // It is there, and whoever looks finds it as it is.
    let found = case.scim.find("/Groups", "displayName eq \"Half\"").is(200);
    assert_eq!(found["totalResults"], 1);
    assert_eq!(case.directory.posix_group("Half"), None);
}

/// What an earlier change left behind that broke off, or somebody did by hand.
#[test]
fn a_change_that_broke_off_is_ended_by_asking_again() {
    let case = Case::start();
    let [ada, bob] = ["ada", "bob"].map(|login| case.person(login));
    let groups = ["One", "Two"].map(|name| case.group(name, &[&ada, &bob]));
    let posix = |name: &str| format!("cn={name},ou=posix,{SUFFIX}");
    // One group has the new uid already, the person has not the new name yet.
    case.directory.modify(&format!(
        "dn: {}\nchangetype: modify\ndelete: memberUid\nmemberUid: ada\n-\nadd: memberUid\nmemberUid: king\n",
        posix("One")
    ));
    case.scim.patch(&path("Users", &ada), &replace("userName", "king")).is(200);
    // And one that has both.
    case.directory
        .modify(&format!("dn: {}\nchangetype: modify\nadd: memberUid\nmemberUid: byron\n", posix("Two")));
    case.scim.patch(&path("Users", &ada), &replace("userName", "byron")).is(200);
    for name in ["One", "Two"] {
        assert_eq!(case.members(name), set(&["byron", "bob"]));
    }
    // The further entry has the new name already.
    case.directory
        .modify(&format!("dn: {}\nchangetype: modrdn\nnewrdn: cn=First\ndeleteoldrdn: 1\n", posix("One")));
    case.scim.patch(&path("Groups", &groups[0]), &replace("displayName", "First")).is(200);
    assert_eq!(case.members("First"), set(&["byron", "bob"]));
    assert_eq!(number(&case.directory.posix_group("First").unwrap(), "gidNumber"), 20_000);
    // Or is gone already.
    case.directory.modify(&format!("dn: {}\nchangetype: delete\n", posix("First")));
    case.scim.delete(&path("Groups", &groups[0])).is(204);
    assert_eq!(case.directory.group("First"), None);
}

#[test]
fn a_group_that_lost_its_further_entry_is_read_as_before_and_the_next_write_makes_it_anew() {
    let case = Case::start();
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|login| case.person(login));
    let group = case.group("Crew", &[&ada, &bob]);
    let path_of = path("Groups", &group);
    let lose = || {
        let dn = case.directory.posix_group("Crew").unwrap().dn;
        case.directory.modify(&format!("dn: {dn}\nchangetype: delete\n"));
    };
    lose();
    assert_eq!(case.scim.get(&path_of).is(200), group);
    case.scim.patch(&path_of, &replace("externalId", "x")).is(200);
    assert_eq!(case.directory.posix_group("Crew"), None, "nothing of it was written");
    case.scim.patch(&path_of, &add(&eve)).is(204);
    assert_eq!(case.members("Crew"), set(&["ada", "bob", "eve"]));
    assert_eq!(number(&case.directory.posix_group("Crew").unwrap(), "gidNumber"), 20_001);
    lose();
    case.scim.patch(&path_of, &remove(&bob)).is(204);
    assert_eq!(case.members("Crew"), set(&["ada", "eve"]));
    case.directory.modify(&format!("dn: cn=Crew,ou=posix,{SUFFIX}\nchangetype: delete\n"));
    case.scim.patch(&path_of, &replace("displayName", "Staff")).is(200);
    assert_eq!(case.members("Staff"), set(&["ada", "eve"]));
    // What stands in its place and is none is left alone.
    case.directory.modify(&format!(
        "dn: cn=Staff,ou=posix,{SUFFIX}\nchangetype: delete\n\n\
         dn: cn=Staff,ou=posix,{SUFFIX}\nchangetype: add\nobjectClass: device\ncn: Staff\n"
    ));
    case.scim.patch(&path_of, &add(&bob)).is_error(409, "uniqueness");
    let [device] = case.directory.search(&format!("ou=posix,{SUFFIX}"), "(cn=Staff)").try_into().unwrap();
    assert_eq!(device.all("objectClass"), ["device"]);
    let by_dn = case.directory.group("Staff").unwrap();
    assert!(!by_dn.all("member").iter().any(|dn| dn.starts_with("uid=bob,")), "{by_dn:?}");
}

#[test]
fn a_version_that_moved_on_stops_a_change_before_its_first_step() {
    let case = Case::start();
    let [ada, bob] = ["ada", "bob"].map(|login| case.person(login));
    let group = case.group("Crew", &[&ada]);
    let path_of = path("Groups", &group);
    let old = group["meta"]["version"].as_str().unwrap().to_owned();
    case.scim.patch(&path_of, &replace("externalId", "x")).is(200);
    let patch = |operations: &Value| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    for operations in [add(&bob), replace("displayName", "Other")] {
        let sent = case.scim.on_condition("PATCH", &path_of, "If-Match", &old, Some(&patch(&operations)));
        sent.is_error(412, "");
    }
    case.scim.on_condition("DELETE", &path_of, "If-Match", &old, None).is_error(412, "");
    assert_eq!(case.members("Crew"), set(&["ada"]));
    let now = case.scim.get(&path_of).is(200)["meta"]["version"].as_str().unwrap().to_owned();
    case.scim.on_condition("PATCH", &path_of, "If-Match", &now, Some(&patch(&add(&bob)))).is(204);
    assert_eq!(case.members("Crew"), set(&["ada", "bob"]));
}

#[test]
fn a_counter_that_is_not_there_or_holds_no_number_is_said_in_the_log_and_by_doctor() {
    let mut case = Case::start();
    let counter = format!("cn=uidNext,ou=people,{SUFFIX}");
    let create = |case: &Case, why: &str| {
        case.scim.post("/Users", &json!({ "userName": "ada" })).is_error(500, "");
        let told = "must be an entry that holds the next free number";
        case.logs(&[&counter, why, told]);
        assert_eq!(case.directory.person("ada"), None);
    };
    let target = [case.directory.target("corp", "openldap-posix")];
    let (text, well) = doctor(&target, &["--write"]);
    assert!(well, "{text}");
    says(&text, &["the counter cn=uidNext,ou=people,dc=example,dc=test stands at 10000", "stands at 20000"]);
    says(&text, &["entries below ou=posix,dc=example,dc=test can be added, changed and deleted"]);

    case.directory.reconfigure(
        "access to attrs=userPassword by dn.exact",
        &format!("access to dn.exact=\"{counter}\" by dn.exact=\"{BIND_DN}\" read\naccess to attrs=userPassword by dn.exact"),
    );
    let (text, well) = doctor(&target, &["--write"]);
    assert!(!well, "{text}");
    says(&text, &[&format!("WRONG the account may not change the counter {counter}: ")]);
    case.settled(|scim| scim.get("/Users?count=0").status == 200);
    case.scim.post("/Users", &json!({ "userName": "ada" })).is_error(403, "");
    let rule = format!("access to dn.exact=\"{counter}\" by dn.exact=\"{BIND_DN}\" read");
    case.directory.reconfigure(&rule, &rule.replace("read", "write"));
    case.settled(|scim| scim.get("/Users?count=0").status == 200);

    case.directory.modify(&format!("dn: {counter}\nchangetype: modify\nreplace: uidNumber\nuidNumber: -1\n"));
    create(&case, "holds no number");
    case.directory.modify(&format!("dn: {counter}\nchangetype: modify\ndelete: uidNumber\n"));
    create(&case, "has no value of it");
    case.directory.modify(&format!("dn: {counter}\nchangetype: delete\n"));
    create(&case, "does not exist");
    let (text, well) = doctor(&target, &[]);
    assert!(!well, "{text}");
    says(
        &text,
        &["WRONG User: the counter cn=uidNext,ou=people,dc=example,dc=test (uidNumber) does not exist"],
    );

    // Behind what somebody has already.
    case.directory.modify(&format!(
        "dn: {counter}\nchangetype: add\nobjectClass: device\nobjectClass: extensibleObject\ncn: uidNext\nuidNumber: 500\n\n\
         dn: uid=old,ou=people,{SUFFIX}\nchangetype: add\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n\
         uid: old\ncn: Old\nsn: Old\nuidNumber: 500\ngidNumber: 100\nhomeDirectory: /home/old\n"
    ));
    let (text, well) = doctor(&target, &[]);
    assert!(!well, "{text}");
    says(&text, &["stands at 500, and somebody has that number or a higher one"]);
}

const WRITERS: usize = 16;
const EACH: usize = 20;

#[test]
fn numbers_are_given_once_by_many_writers_at_two_gateways() {
    let case = Case::start();
    let second = Gateway::serve(&[case.directory.target("corp", "openldap-posix")]);
    let gateways = [case.scim.clone(), second.target("corp")];
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let scim = &gateways[writer % 2];
            scope.spawn(move || {
                for number in 0..EACH {
                    let login = format!("w{writer}-{number}");
                    scim.post("/Users", &json!({ "userName": login })).is(201);
                }
            });
        }
    });
    let entries = case.directory.search(&format!("ou=people,{SUFFIX}"), "(objectClass=posixAccount)");
    let numbers: BTreeSet<u32> = entries.iter().map(|entry| number(entry, "uidNumber")).collect();
    assert_eq!((entries.len(), numbers.len()), (WRITERS * EACH, WRITERS * EACH));
    assert!(numbers.iter().all(|number| (10_000..case.counter("uidNext", "uidNumber")).contains(number)));
}

#[test]
fn a_create_that_fails_after_its_number_gives_it_to_nobody_else() {
    let case = Case::start();
    case.person("ada");
    // The name is taken by an entry that is no person for SCIM: that shows only when the number is taken.
    case.directory.modify(&format!(
        "dn: uid=bob,ou=people,{SUFFIX}\nchangetype: add\nobjectClass: account\nuid: bob\n"
    ));
    case.scim.post("/Users", &json!({ "userName": "bob" })).is_error(409, "uniqueness");
    case.person("eve");
    let numbers = ["ada", "eve"].map(|login| number(&case.directory.person(login).unwrap(), "uidNumber"));
    assert_eq!((numbers, case.counter("uidNext", "uidNumber")), ([10_000, 10_002], 10_003));
}

/// Counters in a unit of their own, and `active` by an attribute of the site's own.
#[test]
fn a_site_has_its_own_counters_and_its_own_word_for_who_is_active() {
    let unit =
        |name: &str| format!("dn: ou={name},{SUFFIX}\nobjectClass: organizationalUnit\nou: {name}\n\n");
    let counter = |name: &str, attribute: &str| {
        format!(
            "dn: cn={name},ou=counters,{SUFFIX}\nobjectClass: device\nobjectClass: extensibleObject\ncn: {name}\n\
             {attribute}: 7000\n\n"
        )
    };
    let entries =
        [unit("posix"), unit("counters"), counter("uidNext", "uidNumber"), counter("gidNext", "gidNumber")]
            .concat();
    let directory = Directory::holding(&entries);
    let own = format!(
        "uid_counter = \"cn=uidNext,ou=counters,{SUFFIX}\", gid_counter = \"cn=gidNext,ou=counters,{SUFFIX}\", \
         active = \"employeeType\", inactive = \"left\", posix ="
    );
    let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix").replace("posix =", &own)]);
    let scim = gateway.target("corp");
    let case = Case { directory, gateway, scim };
    let ada = case.person("ada");
    let entry = || case.directory.person("ada").unwrap();
    assert_eq!((entry().one("uidNumber"), entry().one("cn")), (Some("7000"), Some("ada")));
    let found = |filter: &str| case.scim.find("/Users", filter).is(200)["totalResults"].clone();
    assert_eq!((found("name.formatted pr"), found("not (name.formatted pr)")), (0.into(), 1.into()));

    let active = |value: bool| {
        let operation = json!([{ "op": "replace", "path": "active", "value": value }]);
        case.scim.patch(&path("Users", &ada), &operation).is(200)["active"].clone()
    };
    assert_eq!((active(false), entry().one("employeeType")), (false.into(), Some("left")));
    assert_eq!((found("active eq false"), found("active eq true")), (1.into(), 0.into()));
    assert_eq!((active(true), entry().one("employeeType")), (true.into(), None));
    assert_eq!(entry().one("pwdAccountLockedTime"), None);
    let dn = entry().dn;
    case.directory.modify(&format!("dn: {dn}\nchangetype: modify\nadd: employeeType\nemployeeType: staff\n"));
    assert_eq!(case.scim.get(&path("Users", &ada)).is(200)["active"], true);

    let group = case.group("Crew", &[&ada]);
    assert_eq!(case.members("Crew"), set(&["ada"]));
    case.scim.patch(&path("Users", &ada), &replace("userName", "king")).is(200);
    case.scim.patch(&path("Groups", &group), &replace("displayName", "Staff")).is(200);
    assert_eq!(case.members("Staff"), set(&["king"]));
    // What the name stands for goes along with it, until there is one of its own.
    let common = || case.directory.person("king").unwrap().one("cn").map(str::to_owned);
    assert_eq!(common().as_deref(), Some("king"));
    let king = path("Users", &ada);
    assert_eq!(
        case.scim.patch(&king, &replace("name.formatted", "Ada King")).is(200)["name"]["formatted"],
        "Ada King"
    );
    assert_eq!((common().as_deref(), found("name.formatted eq \"ada king\"")), (Some("Ada King"), 1.into()));
    let clear = json!([{ "op": "remove", "path": "name.formatted" }]);
    assert_eq!(case.scim.patch(&king, &clear).is(200).get("name"), None);
    assert_eq!(common().as_deref(), Some("king"));
    case.scim.delete(&path("Groups", &group)).is(204);
    case.scim.delete(&path("Users", &ada)).is(204);
    assert_eq!((case.directory.posix_group("Staff"), case.counter("gidNext", "gidNumber")), (None, 7001));
}

/// Names that mean something in a DN, a filter or LDIF are names in both entries.
#[test]
fn hostile_names_are_names_in_both_entries() {
    let directory = Directory::posix();
    let target = directory.target("corp", "openldap-posix").replace("posix =", "home = \"/home/x\", posix =");
    let gateway = Gateway::serve(&[target]);
    let scim = gateway.target("corp");
    let case = Case { directory, gateway, scim };
    let names = [
        "*",
        ")(uid=*",
        "a,b",
        "a+uid=b",
        "a,ou=groups",
        "\\2a",
        "#ff",
        "\"q\"",
        "<;=>",
        "{userName}",
        "'--",
    ];
    let people: Vec<Value> = names.iter().map(|name| case.person(name)).collect();
    let group = case.group("Hostile", &people.iter().collect::<Vec<_>>());
    let all: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(case.uids("Hostile"), all);
    for (name, person) in names.iter().zip(&people) {
        case.scim.patch(&path("Users", person), &replace("userName", "calm")).is(200);
        assert!(case.uids("Hostile").contains("calm") && !case.uids("Hostile").contains(*name), "{name}");
        case.scim.patch(&path("Users", person), &replace("userName", name)).is(200);
        assert_eq!(case.uids("Hostile"), all);
        case.scim.patch(&path("Groups", &group), &replace("displayName", name)).is(200);
        assert_eq!(case.uids(name), all);
        case.scim.patch(&path("Groups", &group), &replace("displayName", "Hostile")).is(200);
    }
    for (name, person) in names.iter().zip(&people) {
        case.scim.patch(&path("Groups", &group), &remove(person)).is(204);
        assert!(!case.uids("Hostile").contains(*name));
    }
    // A memberUid is ASCII: who has another name is refused as a member, and is in neither entry.
    let other = case.person("änne");
    let said = case.scim.patch(&path("Groups", &group), &add(&other)).is_error(400, "invalidValue");
    assert!(said.contains("memberUid"), "{said}");
    assert_eq!((case.members("Hostile"), case.uids("Hostile")), (set(&[]), set(&[])));
    let body = json!({ "displayName": "Other", "members": [{ "value": other["id"] }] });
    case.scim.post("/Groups", &body).is_error(400, "invalidValue");
    assert_eq!((case.directory.group("Other"), case.directory.posix_group("Other")), (None, None));
    let ada = case.person("ada");
    case.scim.patch(&path("Groups", &group), &add(&ada)).is(204);
    case.scim.patch(&path("Users", &ada), &replace("userName", "ädä")).is_error(400, "invalidValue");
    assert_eq!((case.members("Hostile"), case.directory.person("ädä")), (set(&["ada"]), None));
}

/// While people come and go, others are renamed and deleted: whoever is a member is one by the name of today.
#[test]
fn names_and_memberships_that_change_at_the_same_time_end_alike() {
    let case = Case::start();
    let people: Vec<Value> = (0..8).map(|number| case.person(&format!("p{number}-0"))).collect();
    let group = path("Groups", &case.group("Busy", &[]));
    let done = |ask: &dyn Fn() -> u16, gone: u16| {
        let answered = (0..50).map(|_| ask()).find(|status| *status != 503);
        assert!(answered.is_some_and(|status| [200, 204, gone].contains(&status)), "{answered:?}");
    };
    std::thread::scope(|scope| {
        for (number, person) in people.iter().enumerate() {
            let (scim, group) = (&case.scim, &group);
            scope.spawn(move || {
                for _ in 0..12 {
                    // A member that is deleted meanwhile is unknown.
                    done(&|| scim.patch(group, &add(person)).status, 400);
                    done(&|| scim.patch(group, &remove(person)).status, 400);
                }
                done(&|| scim.patch(group, &add(person)).status, 400);
            });
            scope.spawn(move || {
                for round in 1..12 {
                    let name = format!("p{number}-{round}");
                    done(&|| scim.patch(&path("Users", person), &replace("userName", &name)).status, 200);
                }
                if number % 4 == 3 {
                    done(&|| scim.delete(&path("Users", person)).status, 204);
                }
            });
        }
    });
    let stayed = (0..8).filter(|number| number % 4 != 3).map(|number| format!("p{number}-11"));
    assert_eq!(case.members("Busy"), stayed.collect());
}

/// Copies in the entry itself, and members by an attribute that names nobody's entry.
#[test]
fn copies_in_the_same_entry_and_by_another_attribute_than_the_name() {
    copies(&Directory::posix(), "entryUUID");
}

#[test]
fn copies_in_389_directory_server() {
    copies(&Directory::ds389_holding(&Directory::posix_entries(), ""), "nsUniqueId");
}

fn copies(directory: &Directory, id: &str) {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let target = directory.target("corp", "../tests/mappings/copies");
    let gateway = Gateway::serve(&[target.replace("people =", &format!("id = {id:?}, people ="))]);
    let scim = gateway.target("corp");
    let person = |login: &str, number: &str| {
        let extension = json!({ "employeeNumber": number });
        let body = json!({ "userName": login, "displayName": format!("The {login}"), ENTERPRISE: extension });
        scim.post("/Users", &body).is(201)
    };
    let (ada, bob) = (person("ada", "1"), person("bob", "2"));
    let entry = directory.person("ada").unwrap();
    assert_eq!((entry.one("gecos"), entry.all("cn")), (Some("The ada"), &["The ada".to_owned()][..]));
    assert_eq!((number(&entry, "uidNumber"), number(&entry, "gidNumber")), (10_000, 10_001));
    assert_eq!(number(&directory.person("bob").unwrap(), "uidNumber"), 10_002);
    scim.patch(&path("Users", &ada), &replace("displayName", "Ada")).is(200);
    assert_eq!(directory.person("ada").unwrap().all("gecos"), ["Ada"]);
    scim.patch(&path("Users", &ada), &json!([{ "op": "remove", "path": "displayName" }])).is(200);
    assert!(directory.person("ada").unwrap().all("gecos").is_empty());

    let links =
        |members: &[&Value]| members.iter().map(|one| json!({ "value": one["id"] })).collect::<Value>();
    let body = json!({ "displayName": "Crew", "members": links(&[&ada, &bob]) });
    let crew = scim.post("/Groups", &body).is(201);
    let numbers = |name: &str| -> BTreeSet<String> {
        directory.group(name).unwrap().all("businessCategory").iter().cloned().collect()
    };
    let second = |name: &str| directory.posix_group(&format!("g-{name}"));
    let uids =
        |name: &str| -> BTreeSet<String> { second(name).unwrap().all("memberUid").iter().cloned().collect() };
    assert_eq!((numbers("Crew"), uids("Crew")), (set(&["1", "2"]), set(&["ada", "bob"])));
    let given = second("Crew").unwrap();
    assert_eq!((given.one("gidNumber"), given.one("description")), (Some("5"), Some("group Crew")));
    scim.patch(&path("Groups", &crew), &replace("displayName", "Staff")).is(200);
    assert_eq!((second("Crew"), uids("Staff")), (None, set(&["ada", "bob"])));
    scim.patch(&path("Groups", &crew), &replace("displayName", "Crew")).is(200);
    scim.patch(&path("Users", &ada), &replace("userName", "king")).is(200);
    assert_eq!(uids("Crew"), set(&["king", "bob"]));
    scim.patch(&path("Users", &ada), &replace("userName", "ada")).is(200);
    scim.patch(&path("Groups", &crew), &remove(&bob)).is(204);
    scim.patch(&path("Groups", &crew), &remove(&bob)).is(204);
    assert_eq!((numbers("Crew"), uids("Crew")), (set(&["1"]), set(&["ada"])));
    // A group among the members has no such number and is left out.
    let nested =
        scim.post("/Groups", &json!({ "displayName": "Nested", "members": links(&[&crew]) })).is(201);
    assert_eq!((numbers("Nested"), nested["members"][0]["value"].clone()), (set(&[]), crew["id"].clone()));

    let attribute = format!("{ENTERPRISE}:employeeNumber");
    scim.patch(&path("Users", &ada), &replace(&attribute, "7")).is(200);
    assert_eq!(numbers("Crew"), set(&["7"]));
    scim.patch(&path("Users", &ada), &json!([{ "op": "remove", "path": attribute }])).is(200);
    assert_eq!(numbers("Crew"), set(&[]));
    // Who has none can go, and not come.
    scim.patch(&path("Groups", &crew), &remove(&ada)).is(204);
    assert_eq!(scim.get(&path("Groups", &crew)).is(200).get("members"), None);
    let eve = scim.post("/Users", &json!({ "userName": "eve" })).is(201);
    let said = scim.patch(&path("Groups", &crew), &add(&eve)).is_error(400, "invalidValue");
    assert!(said.contains("has no employeeNumber"), "{said}");
    scim.patch(&path("Groups", &crew), &add(&bob)).is(204);
    assert_eq!((numbers("Crew"), uids("Crew")), (set(&["2"]), set(&["bob"])));
    scim.delete(&path("Users", &bob)).is(204);
    assert_eq!((numbers("Crew"), uids("Crew")), (set(&[]), set(&[])));
    scim.delete(&path("Groups", &crew)).is(204);
    assert_eq!((directory.group("Crew"), second("Crew")), (None, None));
}

#[test]
fn no_home_is_named_by_a_way_out_of_its_folder() {
    let directory = Directory::posix();
    let gateway = Gateway::serve(&[directory.target("corp", "openldap-posix")]);
    let scim = gateway.target("corp");
    for name in ["../../root", "a/b", ".", "..", "-rf"] {
        let body = json!({ "userName": name, "active": true });
        let detail = scim.post("/Users", &body).is_error(400, "invalidValue");
        assert!(detail.contains("home directory"), "{name}: {detail}");
    }
    scim.post("/Users", &json!({ "userName": "a.b-c", "active": true })).is(201);
    assert_eq!(directory.person("a.b-c").unwrap().one("homeDirectory"), Some("/home/a.b-c"));
}

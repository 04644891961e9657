//! References by another attribute than the DN: groups that are kept only as posixGroup, whose `memberUid` holds the
//! uid of who is in them, and managers by number. The servers are looked into with `ldapsearch`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::directory::{BIND_DN, Directory, SMALL_LIMITS, SUFFIX};
use super::support::gateway::Gateway;
use super::support::scim::Scim;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct Case {
    directory: Directory,
    gateway: Gateway,
    scim: Scim,
}

/// The mapping of these tests, in OpenLDAP.
pub fn target(directory: &Directory) -> String {
    directory.target("corp", "../tests/mappings/uids")
}

// === impl Case ===

impl Case {
    fn start() -> Self {
        Self::holding("")
    }

    /// With these entries from the start.
    fn holding(entries: &str) -> Self {
        Self::of(Directory::tuned(&format!("{}{entries}", Directory::posix_entries()), SMALL_LIMITS, ""))
    }

    fn of(directory: Directory) -> Self {
        let gateway = Gateway::serve(&[target(&directory)]);
        let scim = gateway.target("corp");
        Self { directory, gateway, scim }
    }

    /// In 389 Directory Server.
    fn ds389() -> Self {
        let directory = Directory::ds389_holding(&Directory::posix_entries(), "");
        let own = "id = \"nsUniqueId\", version = \"entryUSN\", people =";
        let gateway = Gateway::serve(&[target(&directory).replace("people =", own)]);
        let scim = gateway.target("corp");
        Self { directory, gateway, scim }
    }

    fn person(&self, login: &str) -> Value {
        self.scim.post("/Users", &json!({ "userName": login })).is(201)
    }

    fn numbered(&self, login: &str, number: &str, manager: Option<&Value>) -> Value {
        let mut extension = json!({ "employeeNumber": number });
        if let Some(manager) = manager {
            extension["manager"] = json!({ "value": manager["id"] });
        }
        self.scim.post("/Users", &json!({ "userName": login, ENTERPRISE: extension })).is(201)
    }

    fn group(&self, name: &str, members: &[&Value]) -> Value {
        let body = json!({ "displayName": name, "members": links(members) });
        self.scim.post("/Groups", &body).is(201)
    }

    /// What the group's entry holds.
    #[track_caller]
    fn uids(&self, name: &str) -> BTreeSet<String> {
        self.directory.group(name).unwrap().all("memberUid").iter().cloned().collect()
    }

    /// And whom it is shown to have: by their `$ref`s, which are as the ids.
    #[track_caller]
    fn shown(&self, group: &Value) -> BTreeSet<String> {
        self.members(&self.scim.get(&path("Groups", group)).is(200))
    }

    #[track_caller]
    fn members(&self, group: &Value) -> BTreeSet<String> {
        let members = group["members"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ids: BTreeSet<String> = members.iter().map(id).collect();
        assert_eq!(ids.len(), members.len(), "{group:#}");
        for member in members {
            assert_eq!(
                member["$ref"],
                format!("{}/Users/{}", self.scim.base, id(&json!({ "id": member["value"] })))
            );
            assert_eq!(member["type"], "User");
        }
        ids
    }

    /// The groups that a filter finds, by name.
    #[track_caller]
    fn found(&self, filter: &str) -> BTreeSet<String> {
        let list = self.scim.find("/Groups", filter).is(200);
        let found = list["Resources"].as_array().unwrap();
        assert_eq!(list["totalResults"], found.len(), "{filter}");
        found.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()).collect()
    }

    fn modify(&self, dn: &str, lines: &str) {
        self.directory.modify(&format!("dn: {dn}\nchangetype: modify\n{lines}\n"));
    }
}

fn id(one: &Value) -> String {
    one.get("id").or(one.get("value")).unwrap().as_str().unwrap().to_owned()
}

fn ids(all: &[&Value]) -> BTreeSet<String> {
    all.iter().map(|one| id(one)).collect()
}

fn links(all: &[&Value]) -> Value {
    all.iter().map(|one| json!({ "value": one["id"] })).collect()
}

fn path(endpoint: &str, resource: &Value) -> String {
    format!("/{endpoint}/{}", id(resource))
}

fn add(members: &[&Value]) -> Value {
    json!([{ "op": "add", "path": "members", "value": links(members) }])
}

fn remove(member: &Value) -> Value {
    json!([{ "op": "remove", "path": format!("members[value eq {}]", member["id"]) }])
}

fn replace(attribute: &str, value: &str) -> Value {
    json!([{ "op": "replace", "path": attribute, "value": value }])
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,{SUFFIX}")
}

#[test]
fn of_members_in_openldap() {
    let mut case = Case::start();
    life(&case);
    case.gateway.is_sound();
}

#[test]
fn of_members_in_389_directory_server() {
    let mut case = Case::ds389();
    life(&case);
    case.gateway.is_sound();
}

fn life(case: &Case) {
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|login| case.person(login));
    let made = case.group("Crew", &[&ada, &bob]);
    let crew = path("Groups", &made);
    assert_eq!((case.uids("Crew"), case.members(&made)), (set(&["ada", "bob"]), ids(&[&ada, &bob])));
    let entry = case.directory.group("Crew").unwrap();
    assert_eq!(entry.one("gidNumber"), Some("20000"));
    assert_eq!(case.shown(&made), ids(&[&ada, &bob]));

    // Deltas, also such as are done already.
    for _ in 0..2 {
        case.scim.patch(&crew, &add(&[&eve, &ada])).is(204);
        assert_eq!(case.uids("Crew"), set(&["ada", "bob", "eve"]));
    }
    for _ in 0..2 {
        case.scim.patch(&crew, &remove(&bob)).is(204);
        assert_eq!(case.uids("Crew"), set(&["ada", "eve"]));
    }
    let swap = json!([remove(&eve)[0], add(&[&bob])[0]]);
    case.scim.patch(&crew, &swap).is(204);
    assert_eq!((case.uids("Crew"), case.shown(&made)), (set(&["ada", "bob"]), ids(&[&ada, &bob])));

    // The whole, with what else changes.
    let body = json!({ "displayName": "Staff", "externalId": "x", "members": links(&[&bob, &eve]) });
    let put = case.scim.put(&crew, &body).is(200);
    assert_eq!((case.members(&put), put["id"].clone()), (ids(&[&bob, &eve]), made["id"].clone()));
    assert_eq!((case.uids("Staff"), case.directory.group("Crew")), (set(&["bob", "eve"]), None));

    // Nobody is in it, and nothing stands there in their place.
    case.scim.patch(&crew, &json!([{ "op": "remove", "path": "members" }])).is(200);
    assert_eq!((case.uids("Staff"), case.shown(&made)), (set(&[]), set(&[])));
    let empty = case.group("Empty", &[]);
    assert_eq!((case.uids("Empty"), case.members(&empty)), (set(&[]), set(&[])));

    // Who is nobody cannot come, in no way; who is nobody any more can go.
    let gone = case.person("gone");
    case.scim.patch(&crew, &add(&[&ada])).is(204);
    case.scim.delete(&path("Users", &gone)).is(204);
    let nobody = json!({ "id": "no-such-id" });
    for one in [&gone, &nobody] {
        let body = json!({ "displayName": "New", "members": links(&[&ada, one]) });
        let whole = json!({ "displayName": "Staff", "members": links(&[&ada, one]) });
        let refused = [
            case.scim.post("/Groups", &body),
            case.scim.put(&crew, &whole),
            case.scim.patch(&crew, &add(&[&bob, one])),
        ];
        for answer in refused {
            let detail = answer.is_error(400, "invalidValue");
            assert!(detail.contains(&id(one)), "{detail}");
        }
        case.scim.patch(&crew, &remove(one)).is(204);
    }
    assert_eq!((case.uids("Staff"), case.directory.group("New")), (set(&["ada"]), None));

    // Another name goes into every group, and a deletion out of it.
    case.scim.patch(&path("Groups", &empty), &add(&[&bob, &ada])).is(204);
    case.scim.patch(&path("Users", &ada), &replace("userName", "Ada.King")).is(200);
    assert_eq!((case.uids("Staff"), case.uids("Empty")), (set(&["Ada.King"]), set(&["Ada.King", "bob"])));
    case.scim.patch(&path("Users", &ada), &replace("userName", "ada.king")).is(200);
    assert_eq!((case.uids("Staff"), case.shown(&empty)), (set(&["ada.king"]), ids(&[&ada, &bob])));

    // Filters.
    let of = |one: &Value| {
        [
            format!("members.value eq \"{}\"", id(one)),
            format!("members eq \"{}\"", id(one)),
            format!("members[value eq \"{}\"]", id(one)),
        ]
    };
    of(&ada).iter().for_each(|filter| assert_eq!(case.found(filter), set(&["Staff", "Empty"]), "{filter}"));
    of(&bob).iter().for_each(|filter| assert_eq!(case.found(filter), set(&["Empty"]), "{filter}"));
    of(&gone).iter().for_each(|filter| assert_eq!(case.found(filter), set(&[]), "{filter}"));
    assert_eq!(case.found(&format!("not ({})", of(&bob)[0])), set(&["Staff"]));
    let either = format!("{} or externalId eq \"y\"", of(&bob)[0]);
    assert_eq!((case.found("members pr"), case.found(&either)), (set(&["Staff", "Empty"]), set(&["Empty"])));

    case.scim.delete(&path("Users", &ada)).is(204);
    assert_eq!((case.uids("Staff"), case.uids("Empty")), (set(&[]), set(&["bob"])));
    assert_eq!(case.found("members pr"), set(&["Empty"]));
    case.scim.delete(&crew).is(204);
    assert_eq!(case.directory.group("Staff"), None);
    case.scim.patch(&crew, &add(&[&bob])).is_error(404, "");
}

/// Values that nobody has, or two have, or somebody who is no resource; and other letters' case, which counts in
/// `memberUid` though it does not in `uid`.
#[test]
fn what_stands_for_nobody_is_not_shown_and_stays() {
    let person = |login: &str, place: &str| {
        format!(
            "dn: uid={login},{place}{SUFFIX}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: {login}\n\
             cn: x\nsn: x\nuidNumber: 1\ngidNumber: 1\nhomeDirectory: /\n\n"
        )
    };
    let unit = format!("dn: ou=more,ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: more\n\n");
    let device = format!(
        "dn: cn=printer,ou=people,{SUFFIX}\nobjectClass: device\nobjectClass: extensibleObject\ncn: printer\nuid: printer\n\n"
    );
    let twins = [person("twin", "ou=people,"), person("twin", "ou=more,ou=people,")].concat();
    let case = Case::holding(&[unit, device, twins, person("outside", "")].concat());
    let [ada, bob] = ["ada", "bob"].map(|login| case.person(login));
    let group = case.group("Odd", &[&ada]);
    let odd = ["nobody", "twin", "printer", "outside", "ADA", "BOB"];
    let lines: String = odd.iter().map(|uid| format!("memberUid: {uid}\n")).collect();
    case.modify(&group_dn("Odd"), &format!("add: memberUid\n{lines}"));
    let all = |more: &[&str]| set(&[&odd[..], more].concat());
    let has = |one: &Value| case.found(&format!("members.value eq \"{}\"", id(one)));
    assert_eq!((case.shown(&group), has(&bob)), (ids(&[&ada]), set(&[])));
    let twin = case.scim.find("/Users", "userName eq \"twin\"").is(200)["Resources"].clone();
    assert_eq!(twin.as_array().map(Vec::len), Some(2));
    twin.as_array().unwrap().iter().for_each(|twin| assert_eq!(has(twin), set(&[])));

    let odd_path = path("Groups", &group);
    case.scim.put(&odd_path, &json!({ "displayName": "Odd", "members": links(&[&bob]) })).is(200);
    assert_eq!((case.uids("Odd"), case.shown(&group)), (all(&["bob"]), ids(&[&bob])));
    assert_eq!((has(&ada), has(&bob)), (set(&[]), set(&["Odd"])));
    case.scim.patch(&odd_path, &add(&[&ada])).is(204);
    case.scim.patch(&odd_path, &remove(&bob)).is(204);
    assert_eq!((case.uids("Odd"), case.shown(&group)), (all(&["ada"]), ids(&[&ada])));
    case.scim.patch(&odd_path, &json!([{ "op": "remove", "path": "members" }])).is(200);
    assert_eq!((case.uids("Odd"), case.shown(&group)), (all(&[]), set(&[])));

    // What may be anybody's of two is given to neither and taken from neither.
    let twin = &twin[0];
    let refused = [
        case.scim.patch(&odd_path, &add(&[&ada, twin])),
        case.scim.post("/Groups", &json!({ "displayName": "New", "members": links(&[twin]) })),
        case.scim.put(&odd_path, &json!({ "displayName": "Odd", "members": links(&[twin, &ada]) })),
    ];
    for answer in refused {
        let detail = answer.is_error(400, "invalidValue");
        assert!(detail.contains(&id(twin)) && detail.contains("uid"), "{detail}");
    }
    case.scim.patch(&odd_path, &remove(twin)).is(204);
    assert_eq!(case.uids("Odd"), all(&[]));
    case.scim.patch(&path("Users", twin), &replace("userName", "only")).is(200);
    assert_eq!(case.uids("Odd"), all(&[]));
    // Who is left of the two is the one who has the name.
    let left = case.scim.find("/Users", "userName eq \"twin\"").is(200)["Resources"][0].clone();
    assert_eq!((case.shown(&group), has(&left), has(twin)), (ids(&[&left]), set(&["Odd"]), set(&[])));
    case.scim.patch(&odd_path, &add(&[twin])).is(204);
    case.scim.patch(&odd_path, &remove(&left)).is(204);
    assert_eq!((case.shown(&group), case.directory.group("New")), (ids(&[twin]), None));
    case.scim.patch(&odd_path, &remove(twin)).is(204);
    // Who has several uids is in a group by the one in the entry's name.
    case.modify(&format!("uid=bob,ou=people,{SUFFIX}"), "add: uid\nuid: nobody");
    assert_eq!((case.shown(&group), has(&bob)), (set(&[]), set(&[])));
}

/// What is read-only for clients is somebody else's: it is shown and found, and left alone.
#[test]
fn what_is_read_only_is_not_followed() {
    let case = Case::start();
    let (ada, crew) = (case.person("ada"), case.group("Crew", &[]));
    let dn = format!("uid=ada,ou=people,{SUFFIX}");
    case.modify(&dn, "add: departmentNumber\ndepartmentNumber: CREW\ndepartmentNumber: Staff");
    let shown = || case.scim.get(&path("Users", &ada)).is(200)["groups"].clone();
    let link = json!([{ "value": crew["id"], "$ref": format!("{}/Groups/{}", case.scim.base, id(&crew)), "type": "Group" }]);
    assert_eq!(shown(), link);
    let found = || {
        case.scim.find("/Users", &format!("groups.value eq {}", crew["id"])).is(200)["totalResults"].clone()
    };
    assert_eq!(found(), 1);
    case.scim.patch(&path("Groups", &crew), &replace("displayName", "Other")).is(200);
    assert_eq!((shown(), found()), (Value::Null, json!(0)));
    case.scim.delete(&path("Groups", &crew)).is(204);
    let held: BTreeSet<String> =
        case.directory.person("ada").unwrap().all("departmentNumber").iter().cloned().collect();
    assert_eq!(held, set(&["CREW", "Staff"]));
}

#[test]
fn of_a_manager_by_number_in_openldap() {
    managers(&Case::start());
}

#[test]
fn of_a_manager_by_number_in_389_directory_server() {
    managers(&Case::ds389());
}

fn managers(case: &Case) {
    let ada = case.numbered("ada", "A1", None);
    let bob = case.numbered("bob", "B2", Some(&ada));
    let held = |login: &str| case.directory.person(login).unwrap().all("carLicense").to_vec();
    let manager = |one: &Value| {
        let link = case.scim.get(&path("Users", one)).is(200)[ENTERPRISE]["manager"].clone();
        (!link.is_null()).then(|| id(&link))
    };
    let found = |manager: &Value| {
        let filter = format!("{ENTERPRISE}:manager.value eq \"{}\"", id(manager));
        let list = case.scim.find("/Users", &filter).is(200);
        let found = list["Resources"].as_array().unwrap();
        found.iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let set_manager = |of: &Value, to: &Value| {
        let link = json!([{ "op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": { "value": to["id"] } }]);
        case.scim.patch(&path("Users", of), &link)
    };
    let number = |of: &Value, number: &str| {
        let operations = replace(&format!("{ENTERPRISE}:employeeNumber"), number);
        case.scim.patch(&path("Users", of), &operations).is(200)
    };
    assert_eq!(
        (held("bob"), manager(&bob), found(&ada)),
        (vec!["A1".to_owned()], Some(id(&ada)), set(&["bob"]))
    );

    // Where case does not count, another one is the same value.
    case.modify(&format!("uid=bob,ou=people,{SUFFIX}"), "replace: carLicense\ncarLicense: a1");
    assert_eq!((manager(&bob), found(&ada)), (Some(id(&ada)), set(&["bob"])));
    number(&ada, "A7");
    assert_eq!((held("bob"), manager(&bob)), (vec!["A7".to_owned()], Some(id(&ada))));

    // Who refers to himself is one entry, whose change is one, with his version.
    let eve = case.numbered("eve", "E3", Some(&bob));
    set_manager(&eve, &eve).is(200);
    assert_eq!((held("eve"), found(&eve)), (vec!["E3".to_owned()], set(&["eve"])));
    number(&eve, "E4");
    assert_eq!((held("eve"), manager(&eve)), (vec!["E4".to_owned()], Some(id(&eve))));
    let both = json!({ "userName": "eve", ENTERPRISE: { "employeeNumber": "E5", "manager": { "value": bob["id"] } } });
    case.scim.put(&path("Users", &eve), &both).is(200);
    assert_eq!((held("eve"), manager(&eve)), (vec!["B2".to_owned()], Some(id(&bob))));
    let own = json!({ "userName": "eve", ENTERPRISE: { "employeeNumber": "E6", "manager": { "value": eve["id"] } } });
    case.scim.put(&path("Users", &eve), &own).is(200);
    assert_eq!((held("eve"), manager(&eve)), (vec!["E6".to_owned()], Some(id(&eve))));

    // Who has no number cannot be referred to.
    let max = case.person("max");
    let detail = set_manager(&bob, &max).is_error(400, "invalidValue");
    assert!(detail.contains(&id(&max)) && detail.contains("employeeNumber"), "{detail}");
    assert_eq!((held("bob"), found(&max)), (vec!["A7".to_owned()], set(&[])));
    case.scim
        .patch(
            &path("Users", &ada),
            &json!([{ "op": "remove", "path": format!("{ENTERPRISE}:employeeNumber") }]),
        )
        .is(200);
    assert_eq!((held("bob"), manager(&bob)), (vec![], None));
    number(&ada, "A8");
    set_manager(&bob, &ada).is(200);
    case.scim.delete(&path("Users", &ada)).is(204);
    assert_eq!((held("bob"), manager(&bob)), (vec![], None));
    case.scim.delete(&path("Users", &eve)).is(204);
    assert_eq!(case.directory.person("eve"), None);
}

/// So many that they are given piece by piece, with such as are no resources among them.
#[test]
fn of_very_many_members() {
    const MEMBERS: usize = 2_500;
    let mut entries = String::new();
    let mut group =
        format!("dn: {}\nobjectClass: posixGroup\ncn: Everybody\ngidNumber: 1\n", group_dn("Everybody"));
    for number in 0..MEMBERS {
        entries += &format!(
            "dn: uid=p{number:04},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n\
             uid: p{number:04}\ncn: x\nsn: x\nuidNumber: {number}\ngidNumber: 1\nhomeDirectory: /\n\n"
        );
        group += &format!("memberUid: p{number:04}\nmemberUid: P{number:04}\nmemberUid: gone{number}\n");
    }
    let case = Case::holding(&format!("{entries}{group}\n"));
    let found = case.scim.find("/Groups", "displayName eq \"Everybody\"").is(200)["Resources"][0].clone();
    let shown = case.shown(&found);
    assert_eq!((shown.len(), case.members(&found)), (MEMBERS, shown.clone()));
    let person = case.scim.find("/Users", "userName eq \"p2499\"").is(200)["Resources"][0].clone();
    assert!(shown.contains(&id(&person)));
    case.scim.patch(&path("Groups", &found), &remove(&person)).is(204);
    let left = case.shown(&found);
    assert_eq!(shown.difference(&left).cloned().collect::<BTreeSet<_>>(), ids(&[&person]));
}

/// Whoever changes members by value does not read them: here they cannot be read.
#[test]
fn of_members_that_cannot_be_read() {
    let blind = format!("{SMALL_LIMITS}\naccess to attrs=memberUid by dn.exact=\"{BIND_DN}\" =wsc by * none");
    let mut case = Case::of(Directory::tuned(&Directory::posix_entries(), &blind, ""));
    let [ada, bob] = ["ada", "bob"].map(|login| case.person(login));
    let group = case.group("Crew", &[&bob]);
    let is_member =
        |uid: &str| !case.directory.search(SUFFIX, &format!("(&(cn=Crew)(memberUid={uid}))")).is_empty();
    for _ in 0..2 {
        case.scim.patch(&path("Groups", &group), &add(&[&ada])).is(204);
        assert!(is_member("ada") && is_member("bob"));
    }
    for _ in 0..2 {
        case.scim.patch(&path("Groups", &group), &remove(&bob)).is(204);
        assert!(is_member("ada") && !is_member("bob"));
    }
    case.scim.patch(&path("Users", &ada), &replace("userName", "king")).is(200);
    assert!(is_member("king") && !is_member("ada"));
    assert_eq!(case.shown(&group), set(&[]));
    case.gateway.is_sound();
}

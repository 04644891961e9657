//! Queries on each ready mapping: order, pages by number and by cursor, `.search`, the root. Expected orders
//! are worked out here from what each resource shows; totals are counted with `sqlite3` and `ldapsearch`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::database::{Database, literal};
use crate::support::directory::{Directory, SUFFIX};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::{Answer, Scim, encoded};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const KEY: &str = "cursor_key = { file = \"cursor.key\" }\n";

/// A person: name, family name, address, external id.
type Person = (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

/// People whose attributes tie, differ in case only, or are missing.
const PEOPLE: [Person; 11] = [
    ("delta", Some("Young"), Some("d@b.test"), Some("b")),
    ("Alpha", Some("young"), None, Some("B")),
    ("charlie", Some("Adams"), Some("C@a.test"), None),
    ("Bravo", Some("adams"), Some("a@z.test"), Some("a")),
    ("echo", Some("Zimmer"), Some("E@a.test"), Some("A")),
    ("golf", Some("Ärger"), None, Some("ab")),
    ("Foxtrot", Some("zimmer"), Some("f@a.test"), None),
    ("india", Some("Young"), Some("i@a.test"), Some("Ab")),
    ("hotel", Some("Ng"), Some("H@a.test"), Some("c")),
    ("Juliett", Some("O'Neil"), None, Some("10")),
    ("kilo", Some("Ng"), Some("k@a.test"), Some("9")),
];

/// A backend, counted and changed with its own tools.
trait Native {
    /// How many people and groups it holds.
    fn count(&self) -> (usize, usize);
    /// Makes a person behind the gateway's back.
    fn make(&self, name: &str);
    /// Removes one.
    fn remove(&self, name: &str);
    /// A text as its comparisons fold it.
    fn fold(&self, text: &str) -> String;
}

struct Tables {
    database: Database,
    people: &'static str,
    groups: &'static str,
    make: &'static str,
    remove: &'static str,
}

// === impl Native ===

impl Native for Tables {
    fn count(&self) -> (usize, usize) {
        let count = |table: &str| {
            let rows = self.database.rows(&format!("SELECT COUNT(*) AS n FROM {table}"));
            usize::try_from(rows[0]["n"].as_u64().unwrap()).unwrap()
        };
        (count(self.people), count(self.groups))
    }

    fn make(&self, name: &str) {
        let id = uuid::Uuid::new_v4().to_string();
        self.database.change(&self.make.replace("NEWID", &id).replace("NAME", &literal(name)));
    }

    fn remove(&self, name: &str) {
        self.database.change(&self.remove.replace("NAME", &literal(name)));
    }

    fn fold(&self, text: &str) -> String {
        match self.database.is_sqlite() {
            true => text.to_ascii_lowercase(),
            false => text.to_lowercase(),
        }
    }
}

impl Native for Samba {
    fn count(&self) -> (usize, usize) {
        let count = |base: &str, class: &str| {
            self.search(&format!("ou={base},{DOMAIN}"), &format!("(objectClass={class})")).len()
        };
        (count("people", "user"), count("groups", "group"))
    }

    fn make(&self, name: &str) {
        self.modify(&format!(
            "dn: CN={name},ou=people,{DOMAIN}\nchangetype: add\nobjectClass: user\nsAMAccountName: {name}\n"
        ));
    }

    fn remove(&self, name: &str) {
        self.modify(&format!("dn: CN={name},ou=people,{DOMAIN}\nchangetype: delete\n"));
    }

    fn fold(&self, text: &str) -> String {
        text.to_lowercase()
    }
}

impl Native for Directory {
    fn count(&self) -> (usize, usize) {
        let count = |base: &str, class: &str| {
            self.search(&format!("ou={base},{SUFFIX}"), &format!("(objectClass={class})")).len()
        };
        (count("people", "inetOrgPerson"), count("groups", "groupOfNames"))
    }

    fn make(&self, name: &str) {
        self.modify(&format!(
            "dn: uid={name},ou=people,{SUFFIX}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {name}\ncn: x\nsn: x\n"
        ));
    }

    fn remove(&self, name: &str) {
        self.modify(&format!("dn: uid={name},ou=people,{SUFFIX}\nchangetype: delete\n"));
    }

    fn fold(&self, text: &str) -> String {
        text.to_lowercase()
    }
}

// === on each ready mapping ===

#[test]
fn of_two_bare_tables() {
    plain(Database::of("plain"));
}

pub fn plain(database: Database) {
    let tables = Tables {
        database,
        people: "Users",
        groups: "Groups",
        make: "INSERT INTO Users (Id, UserName, Created) VALUES ('NEWID', NAME, '2026-02-01 10:00:00')",
        remove: "DELETE FROM Users WHERE UserName = NAME",
    };
    let target = tables.database.target("q", "plain");
    whole(&[target], &tables);
}

#[test]
fn of_an_applications_tables() {
    crm(Database::of("crm"));
}

pub fn crm(database: Database) {
    let tables = Tables {
        database,
        people: "AppUser",
        groups: "Role",
        make: "INSERT INTO AppUser (LoginName, LastName, ModifiedUtc) VALUES (NAME, 'x', '2026-02-01 10:00:00')",
        remove: "DELETE FROM AppUser WHERE LoginName = NAME",
    };
    // Fewer than the sample, so that whole lists are one page.
    tables.database.change(
        "DELETE FROM UserRole; DELETE FROM UserPhone; UPDATE AppUser SET ManagerId = NULL; DELETE FROM AppUser WHERE UserId > 5;",
    );
    let target = tables.database.target("q", "crm");
    whole(&[target], &tables);
}

#[test]
fn of_a_directory() {
    let directory = Directory::start();
    let target = directory.target("q", "openldap");
    whole(&[target], &directory);
}

#[test]
fn of_a_389_directory_server() {
    let directory = Directory::ds389();
    let target = directory.target("q", "389ds");
    whole(&[target], &directory);
}

#[test]
fn of_an_active_directory() {
    let samba = Samba::start();
    // People and groups of one name, which accounts of a domain cannot have.
    let target = samba.target("q", "active-directory", ", group_account = \"\"");
    whole(&[target], &samba);
}

/// Everything, on one backend. The first gateway and a replica have the same key, a third has another.
fn whole(targets: &[String], native: &dyn Native) {
    let gateways = [KEY, KEY, ""].map(|key| serve(key, targets));
    let [scim, replica, stranger] = [0, 1, 2].map(|at: usize| gateways[at].target("q"));
    for (name, family, mail, external) in PEOPLE {
        let mut person = json!({ "schemas": [USER], "userName": name, "name": { "familyName": family } });
        if let Some(mail) = mail {
            person["emails"] = json!([{ "type": "work", "value": mail }]);
        }
        if let Some(external) = external {
            person["externalId"] = external.into();
        }
        scim.post("/Users", &person).is(201);
    }
    for name in ["Zulu", "delta", "Alpha", "mike"] {
        scim.post("/Groups", &json!({ "schemas": [GROUP], "displayName": name })).is(201);
    }
    let all = Queries { scim: &scim, native };
    all.are_counted();
    all.bind_as_the_rfc_says();
    all.leave_aside_what_they_do_not_know();
    all.find_what_was_given();
    all.are_sorted();
    all.refuse_what_has_no_order();
    all.are_the_same_by_post();
    all.ask_all_types();
    all.compare_instants();
    all.are_paged_by_number();
    all.are_walked_by_cursor();
    all.survive_changes();
    all.refuse_cursors(&replica, &stranger);
    drop((scim, replica, stranger));
    gateways.into_iter().for_each(|mut gateway| gateway.is_sound());
}

fn serve(key: &str, targets: &[String]) -> Gateway {
    let lines = [&[key.to_owned()], targets].concat();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cursor.key"), "0123456789abcdef0123456789abcdef").unwrap();
    let file = crate::support::gateway::write_configuration(folder.path(), &lines);
    let mut command = crate::support::gateway::gantry();
    Gateway::start(command.args(["serve", "--config"]).arg(file), folder)
}

struct Queries<'a> {
    scim: &'a Scim,
    native: &'a dyn Native,
}

/// What is asked, as parameters and as a body.
type Asked<'a> = &'a [(&'a str, Value)];

// === impl Queries ===

impl Queries<'_> {
    fn get(&self, endpoint: &str, asked: Asked<'_>) -> Answer {
        let pairs = asked.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={}", encoded(text)),
            Value::Array(names) => {
                let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
                format!("{name}={}", names.join(","))
            }
            number => format!("{name}={number}"),
        });
        self.scim.get(&format!("{endpoint}?{}", pairs.collect::<Vec<_>>().join("&")))
    }

    fn post(&self, endpoint: &str, asked: Asked<'_>) -> Answer {
        let mut body = json!({ "schemas": [SEARCH] });
        for (name, value) in asked {
            body[*name] = value.clone();
        }
        self.scim.post(&format!("{endpoint}/.search"), &body)
    }

    /// Everybody of a type as they are shown.
    fn everybody(&self, endpoint: &str) -> Vec<Value> {
        resources(&self.get(endpoint, &[]).is(200))
    }

    fn are_counted(&self) {
        let (people, groups) = self.native.count();
        for (endpoint, expected) in [("/Users", people), ("/Groups", groups), ("", people + groups)] {
            for count in [json!(0), json!(-1), json!(2), json!(1_000_000)] {
                let list = self.get(endpoint, &[("count", count.clone())]).is(200);
                let shown = usize::try_from(count.as_i64().unwrap().max(0)).unwrap().min(expected);
                assert_eq!(list["schemas"], json!([LIST]));
                assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&expected.into(), &shown.into()));
                assert_eq!(resources(&list).len(), shown, "{endpoint} {count}");
            }
            let past = self.get(endpoint, &[("startIndex", json!(expected + 1))]).is(200);
            assert_eq!((&past["totalResults"], &past["Resources"]), (&expected.into(), &json!([])));
            let last = self.get(endpoint, &[("startIndex", json!(expected))]).is(200);
            assert_eq!(resources(&last).len(), 1);
        }
    }

    fn total(&self, endpoint: &str, filter: &str) -> Value {
        self.get(endpoint, &[("filter", json!(filter))]).is(200)["totalResults"].clone()
    }

    /// `not` before `and` before `or`, and brackets before all of them.
    fn bind_as_the_rfc_says(&self) {
        let people = self.native.count().0;
        for (filter, expected) in [
            ("id pr or id pr and userName eq \"nobody\"", people),
            ("userName eq \"nobody\" and id pr or id pr", people),
            ("(id pr or id pr) and userName eq \"nobody\"", 0),
            ("not (userName eq \"delta\") and userName eq \"delta\"", 0),
            ("not (userName eq \"delta\" and userName eq \"nobody\")", people),
        ] {
            assert_eq!(self.total("/Users", filter), expected, "{filter}");
        }
    }

    fn leave_aside_what_they_do_not_know(&self) {
        for endpoint in ["/Users", ""] {
            let asked = [("count", json!(2)), ("sortBy", json!("id"))];
            let more = [("shoeSize", json!("7")), ("fields", json!("")), ("sort", json!("userName"))];
            let list = self.get(endpoint, &[&asked[..], &more].concat()).is(200);
            assert_eq!(list, self.get(endpoint, &asked).is(200), "{endpoint}");
        }
    }

    /// What somebody has whose client said nothing of it is what filters go by.
    fn find_what_was_given(&self) {
        let made = self.scim.post("/Users", &json!({ "schemas": [USER], "userName": "lima" })).is(201);
        let lima = |term: &str| self.total("/Users", &format!("userName eq \"lima\" and {term}"));
        let simple =
            made.as_object().unwrap().iter().filter(|(_, value)| value.is_string() || value.is_boolean());
        for (name, value) in simple {
            assert_eq!(
                (lima(&format!("{name} eq {value}")), lima(&format!("{name} pr"))),
                (json!(1), json!(1))
            );
        }
        assert_eq!(lima("active pr"), usize::from(made.get("active").is_some()));
        self.scim.delete(&format!("/Users/{}", id(&made))).is(204);
    }

    fn are_sorted(&self) {
        let everybody = self.everybody("/Users");
        let fold = |text: &str| self.native.fold(text);
        let exact = |text: &str| text.to_owned();
        type Fold<'a> = &'a dyn Fn(&str) -> String;
        let folds: [(&str, &str, Fold<'_>); 8] = [
            ("userName", "/userName", &fold),
            ("USERNAME", "/userName", &fold),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "/userName", &fold),
            ("name.familyName", "/name/familyName", &fold),
            ("emails", "/emails/0/value", &fold),
            ("emails.value", "/emails/0/value", &fold),
            ("externalId", "/externalId", &exact),
            ("meta.lastModified", "/meta/lastModified", &exact),
        ];
        for (sort_by, pointer, fold) in folds {
            let key = |one: &Value| one.pointer(pointer).map(|value| fold(value.as_str().unwrap()));
            for order in ["ascending", "Descending", "DESCENDING", ""] {
                let mut asked = vec![("sortBy", json!(sort_by))];
                if !order.is_empty() {
                    asked.push(("sortOrder", json!(order)));
                }
                let list = self.get("/Users", &asked).is(200);
                let sorted = resources(&list);
                let mut expected: Vec<_> =
                    everybody.iter().map(|one| (key(one).is_none(), key(one))).collect();
                expected.sort();
                if order.to_lowercase() == "descending" {
                    expected.reverse();
                }
                let found: Vec<_> = sorted.iter().map(|one| (key(one).is_none(), key(one))).collect();
                assert_eq!(found, expected, "{sort_by} {order}");
                assert_eq!(ids(&sorted).len(), everybody.len(), "{sort_by} {order}");
                assert_eq!(resources(&self.get("/Users", &asked).is(200)), sorted, "not stable");
            }
        }
        // Who is sorted alike stands in the order of the ids, which is that of a list without an order.
        let place: BTreeMap<&str, usize> =
            everybody.iter().enumerate().map(|(at, one)| (id(one), at)).collect();
        let sorted = resources(&self.get("/Users", &[("sortBy", json!("title"))]).is(200));
        let places: Vec<usize> = sorted.iter().map(|one| place[id(one)]).collect();
        assert_eq!(places, (0..everybody.len()).collect::<Vec<_>>());
    }

    fn refuse_what_has_no_order(&self) {
        for (by, order, word) in [
            ("shoeSize", "ascending", "shoeSize"),
            ("name", "ascending", "name"),
            ("password", "ascending", "password"),
            ("emails[type eq \"work\"]", "ascending", "sortBy"),
            ("", "ascending", "sortBy"),
            ("userName", "upwards", "sortOrder"),
            ("userName", "", "sortOrder"),
        ] {
            let asked = [("sortBy", json!(by)), ("sortOrder", json!(order))];
            for answer in [self.get("/Users", &asked), self.post("/Users", &asked)] {
                let detail = answer.is_error(400, "invalidValue");
                assert!(detail.contains(word), "{by}: {detail}");
            }
        }
    }

    fn are_the_same_by_post(&self) {
        let queries: [(&str, Vec<(&str, Value)>); 9] = [
            ("/Users", vec![]),
            ("/Users", vec![("filter", json!("userName sw \"d\" or emails co \"a.test\""))]),
            ("/Users", vec![("sortBy", json!("emails")), ("sortOrder", json!("descending"))]),
            ("/Users", vec![("startIndex", json!(3)), ("count", json!(2)), ("sortBy", json!("userName"))]),
            ("/Users", vec![("attributes", json!(["userName", "emails"]))]),
            ("/Users", vec![("excludedAttributes", json!(["name", "meta"])), ("count", json!(-1))]),
            ("/Groups", vec![("filter", json!("displayName eq \"ZULU\""))]),
            ("", vec![("sortBy", json!("displayName")), ("attributes", json!(["displayName"]))]),
            ("", vec![("filter", json!("userName eq \"delta\" or displayName eq \"delta\""))]),
        ];
        for (endpoint, asked) in queries {
            let (get, post) = (self.get(endpoint, &asked).is(200), self.post(endpoint, &asked).is(200));
            assert_eq!(get, post, "{endpoint} {asked:?}");
            assert!(endpoint != "/Groups" || get["totalResults"] == 1);
        }
        let bare = [("excludedAttributes", json!(["id", "schemas", "userName"])), ("count", json!(1))];
        let bare = resources(&self.post("/Users", &bare).is(200)).remove(0);
        assert!(
            bare["id"].is_string() && bare["schemas"].is_array() && bare.get("userName").is_none(),
            "{bare}"
        );
        self.scim.post("/.search", &json!({})).is_error(400, "invalidSyntax");
        self.scim.post("/Nobody/.search", &json!({ "schemas": [SEARCH] })).is_error(404, "");
        let wrong = self.post("/Users", &[("count", json!("3"))]).is_error(400, "invalidValue");
        assert!(wrong.contains("count"), "{wrong}");
        let both = [("attributes", json!(["id"])), ("excludedAttributes", json!(["name"]))];
        self.post("/Users", &both).is_error(400, "invalidValue");
        for (method, path, allowed) in
            [("GET", "/.search", "POST"), ("PUT", "/Users/.search", "POST"), ("POST", "", "GET")]
        {
            let answer = self.scim.send(method, path, Some(&json!({ "schemas": [SEARCH] })));
            assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, allowed));
        }
    }

    fn ask_all_types(&self) {
        let (people, groups) = self.native.count();
        for (filter, expected) in [
            ("meta.resourceType eq \"User\"", people),
            ("meta.resourceType eq \"Group\"", groups),
            ("meta.resourceType ne \"Group\"", people),
            ("(meta.resourceType eq \"User\") or (meta.resourceType eq \"Group\")", people + groups),
            ("meta.resourceType eq \"Device\"", 0),
            ("id pr", people + groups),
            // An attribute that only one type has is absent in the other.
            ("userName pr", people),
            ("not (userName pr)", groups),
            ("userName eq null", groups),
            ("userName ne null", people),
            ("userName eq \"delta\"", 1),
            ("userName eq \"delta\" or (meta.resourceType eq \"Group\" and displayName eq \"delta\")", 2),
            ("emails[type eq \"work\"] and meta.resourceType eq \"Group\"", 0),
        ] {
            assert_eq!(self.total("", filter), expected, "{filter}");
        }
        for filter in ["shoeSize eq 7", "not (shoeSize pr)", "userName gt 3", "password pr"] {
            self.get("", &[("filter", json!(filter))]).is_error(400, "invalidFilter");
        }
        self.get("", &[("sortBy", json!("shoeSize"))]).is_error(400, "invalidValue");
        // Pages across the types, in a fixed order; sorted ones are mixed.
        for sort in [None, Some("displayName"), Some("userName"), Some("meta.lastModified")] {
            let mut asked: Vec<(&str, Value)> = sort.iter().map(|by| ("sortBy", json!(by))).collect();
            let whole = resources(&self.get("", &asked).is(200));
            let locations: BTreeSet<&str> =
                whole.iter().map(|one| one["meta"]["location"].as_str().unwrap()).collect();
            assert_eq!(locations.len(), people + groups);
            let mut paged = Vec::new();
            asked.extend([("count", json!(4)), ("startIndex", json!(1))]);
            while paged.len() < whole.len() {
                *asked.last_mut().unwrap() = ("startIndex", json!(paged.len() + 1));
                paged.extend(resources(&self.get("", &asked).is(200)));
            }
            assert_eq!(paged, whole, "{sort:?}");
        }
        let names: Vec<Value> = resources(&self.get("", &[("sortBy", json!("userName"))]).is(200));
        let is_person = |one: &Value| one["meta"]["resourceType"] == "User";
        assert!(names[..people].iter().all(is_person), "who has no userName stands last");
    }

    /// Dates are compared as instants, whatever their spelling.
    fn compare_instants(&self) {
        let one =
            resources(&self.get("/Users", &[("filter", json!("userName eq \"delta\""))]).is(200)).remove(0);
        let changed = one["meta"]["lastModified"].as_str().unwrap();
        let everybody = self.everybody("/Users");
        for op in ["gt", "ge", "lt", "le", "eq", "ne"] {
            let expected = everybody.iter().filter_map(|one| one["meta"]["lastModified"].as_str());
            let expected = expected.filter(|at| match op {
                "gt" => *at > changed,
                "ge" => *at >= changed,
                "lt" => *at < changed,
                "le" => *at <= changed,
                "eq" => *at == changed,
                _ => *at != changed,
            });
            let filter = format!("meta.lastModified {op} \"{changed}\"");
            let found = self.get("/Users", &[("filter", json!(filter))]).is(200);
            assert_eq!(found["totalResults"], expected.count(), "{filter}");
        }
        // The same instant an hour further east.
        let (day, time) = changed.split_once('T').unwrap();
        let hour: u32 = time[..2].parse().unwrap();
        if hour < 23 {
            let east = format!("{day}T{:02}{}", hour + 1, time[2..].replace('Z', "+01:00"));
            let found = self.get("/Users", &[("filter", json!(format!("meta.lastModified eq \"{east}\"")))]);
            assert!(resources(&found.is(200)).iter().any(|found| id(found) == id(&one)), "{east}");
        }
        let none = self.get("/Users", &[("filter", json!("meta.lastModified gt \"2999-01-01T00:00:00Z\""))]);
        assert_eq!(none.is(200)["totalResults"], 0);
    }

    fn are_paged_by_number(&self) {
        for asked in [
            vec![],
            vec![("sortBy", json!("userName"))],
            vec![("sortBy", json!("name.familyName")), ("sortOrder", json!("descending"))],
            vec![("filter", json!("emails co \"a.test\"")), ("sortBy", json!("emails"))],
        ] {
            let whole = resources(&self.get("/Users", &asked).is(200));
            let mut paged = Vec::new();
            while paged.len() < whole.len() {
                let page = [("startIndex", json!(paged.len() + 1)), ("count", json!(3))];
                let page = self.get("/Users", &[asked.as_slice(), &page].concat()).is(200);
                assert_eq!(
                    (&page["totalResults"], &page["startIndex"]),
                    (&whole.len().into(), &(paged.len() + 1).into())
                );
                assert_eq!((page.get("nextCursor"), page.get("previousCursor")), (None, None));
                paged.extend(resources(&page));
            }
            assert_eq!(paged, whole, "{asked:?}");
        }
    }

    /// Forward to the end and back to the beginning: the pages are those of the whole list.
    fn are_walked_by_cursor(&self) {
        let descending = ("sortOrder", json!("descending"));
        for (endpoint, asked) in [
            ("/Users", vec![]),
            ("/Users", vec![("sortBy", json!("userName"))]),
            ("/Users", vec![("sortBy", json!("emails")), descending.clone()]),
            ("/Users", vec![("sortBy", json!("emails"))]),
            ("/Users", vec![("sortBy", json!("name.familyName")), descending.clone()]),
            ("/Users", vec![("sortBy", json!("meta.lastModified"))]),
            ("/Users", vec![("sortBy", json!("id")), descending]),
            ("/Users", vec![("filter", json!("emails co \"a.test\""))]),
            ("/Groups", vec![("sortBy", json!("displayName"))]),
            ("", vec![]),
            ("", vec![("sortBy", json!("displayName"))]),
        ] {
            let whole = resources(&self.get(endpoint, &asked).is(200));
            let count = (whole.len() / 4).max(1);
            let page = |cursor: &Value| {
                let more = [("cursor", cursor.clone()), ("count", json!(count))];
                let page = self.get(endpoint, &[asked.as_slice(), &more].concat()).is(200);
                assert_eq!((&page["totalResults"], page.get("startIndex")), (&whole.len().into(), None));
                assert_eq!(page["itemsPerPage"], resources(&page).len());
                page
            };
            let mut pages = vec![page(&json!(""))];
            assert_eq!(pages[0].get("previousCursor"), None, "{endpoint} {asked:?}");
            while let Some(next) = pages.last().unwrap().get("nextCursor").cloned() {
                let text = next.as_str().unwrap();
                assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{text}");
                pages.push(page(&next));
                assert!(pages.last().unwrap().get("previousCursor").is_some());
            }
            let walked: Vec<Value> = pages.iter().flat_map(resources).collect();
            assert_eq!(walked, whole, "{endpoint} {asked:?}");
            assert!(pages.len() > 3, "{endpoint} {asked:?}");
            let mut back = pages.pop().unwrap();
            while let Some(previous) = back.get("previousCursor").cloned() {
                back = page(&previous);
                assert_eq!(resources(&back), resources(&pages.pop().unwrap()), "{endpoint} {asked:?}");
                assert!(back.get("nextCursor").is_some());
            }
            assert!(pages.is_empty());
        }
        let none = self.get("/Users", &[("cursor", json!("")), ("count", json!(0))]).is(200);
        assert_eq!((&none["totalResults"], none.get("nextCursor")), (&self.native.count().0.into(), None));
        let all = self.get("/Users", &[("cursor", json!(""))]).is(200);
        assert_eq!((all.get("nextCursor"), all.get("previousCursor")), (None, None));
        assert_eq!(self.scim.get("/Users?cursor").is(200), all);
    }

    /// People come and go between the pages: whoever was there throughout is met once.
    fn survive_changes(&self) {
        for (at, asked) in [
            vec![],
            vec![("sortBy", json!("userName"))],
            vec![("sortBy", json!("emails")), ("sortOrder", json!("descending"))],
            vec![("filter", json!("not (userName sw \"comes\")")), ("sortBy", json!("meta.lastModified"))],
        ]
        .into_iter()
        .enumerate()
        {
            for number in 0..6 {
                self.native.make(&format!("goes{at}-{number}"));
            }
            let there = resources(&self.get("/Users", &asked).is(200));
            let stays: BTreeSet<String> = there.iter().map(|one| id(one).to_owned()).collect();
            let mut met: Vec<String> = Vec::new();
            let (mut cursor, mut step) = (json!(""), 0);
            let mut gone = BTreeSet::new();
            loop {
                let more = [("cursor", cursor), ("count", json!(3))];
                let page = self.get("/Users", &[asked.as_slice(), &more].concat()).is(200);
                met.extend(resources(&page).iter().map(|one| id(one).to_owned()));
                if step < 6 {
                    let name = format!("goes{at}-{step}");
                    let found = self.scim.find("/Users", &format!("userName eq \"{name}\"")).is(200);
                    gone.insert(found["Resources"][0]["id"].as_str().unwrap().to_owned());
                    self.native.remove(&name);
                    self.native.make(&format!("comes{at}-{step}"));
                    // One through the gateway, too.
                    let body = json!({ "schemas": [USER], "userName": format!("comes{at}-too{step}"), "name": { "familyName": "x" } });
                    self.scim.post("/Users", &body).is(201);
                }
                step += 1;
                let Some(next) = page.get("nextCursor") else { break };
                cursor = next.clone();
            }
            assert!(step > 3, "{step} pages");
            let distinct: BTreeSet<String> = met.iter().cloned().collect();
            assert_eq!(distinct.len(), met.len(), "somebody was met twice: {asked:?}");
            let missed: Vec<_> = stays.difference(&gone).filter(|id| !distinct.contains(*id)).collect();
            assert!(missed.is_empty(), "{asked:?}: {missed:?}");
        }
    }

    fn refuse_cursors(&self, replica: &Scim, stranger: &Scim) {
        let first =
            self.get("/Users", &[("cursor", json!("")), ("count", json!(2)), ("sortBy", json!("userName"))]);
        let first = first.is(200);
        let next = first["nextCursor"].as_str().unwrap().to_owned();
        let again = format!("/Users?sortBy=userName&cursor={next}");
        let second = self.scim.get(&format!("{again}&count=2")).is(200);
        // Another process with the same key goes on where this one was; the count may be left out.
        let there = resources(&replica.get(&again).is(200));
        let location = |one: &Value| one["id"].clone();
        assert_eq!(
            there.iter().map(location).collect::<Vec<_>>(),
            resources(&second).iter().map(location).collect::<Vec<_>>()
        );
        stranger.get(&again).is_error(400, "invalidCursor");
        let mut tampered = next.clone().into_bytes();
        tampered[20] = if tampered[20] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        for (path, query) in [
            ("/Users", format!("sortBy=userName&cursor={tampered}")),
            ("/Users", "sortBy=userName&cursor=x".to_owned()),
            ("/Users", format!("sortBy=userName&cursor={}", "A".repeat(20_000))),
            ("/Users", format!("cursor={next}")),
            ("/Users", format!("sortBy=userName&sortOrder=descending&cursor={next}")),
            ("/Users", format!("sortBy=userName&filter={}&cursor={next}", encoded("userName pr"))),
            ("/Groups", format!("cursor={next}")),
            ("", format!("sortBy=userName&cursor={next}")),
        ] {
            self.scim.get(&format!("{path}?{query}")).is_error(400, "invalidCursor");
        }
        for count in ["3", "x", "201", ""] {
            self.scim.get(&format!("{again}&count={count}")).is_error(400, "invalidCount");
        }
        self.scim.get("/Users?cursor&count=201").is_error(400, "invalidCount");
        self.scim.get("/Users?cursor&startIndex=1").is_error(400, "invalidValue");
        let by_post = self
            .post("/Users", &[("cursor", json!(next)), ("sortBy", json!("userName")), ("count", json!(2))]);
        assert_eq!(resources(&by_post.is(200)), resources(&second));
    }
}

#[test]
fn a_cursor_expires() {
    let database = Database::of("crm");
    let limits = "limits = { cursor_timeout_s = 1 }\n".to_owned();
    let gateway = Gateway::serve(&[limits, database.target("q", "crm")]);
    let scim = gateway.target("q");
    let pagination = scim.get("/ServiceProviderConfig").is(200)["pagination"].clone();
    let expected = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index",
        "defaultPageSize": 200, "maxPageSize": 200, "cursorTimeout": 1,
    });
    assert_eq!(pagination, expected);
    let first = scim.get("/Users?cursor&count=5").is(200);
    let again = format!("/Users?cursor={}", first["nextCursor"].as_str().unwrap());
    eventually("the cursor's end", || scim.get(&again).status == 400);
    scim.get(&again).is_error(400, "expiredCursor");
}

#[test]
fn more_rows_than_may_be_looked_at_are_refused_and_a_pushed_order_needs_none() {
    let database = Database::of("crm");
    let limits = "limits = { scanned_rows = 50 }\n".to_owned();
    let gateway = Gateway::serve(&[limits, database.target("q", "crm")]);
    let scim = gateway.target("q");
    scim.get("/Users?sortBy=emails").is_error(400, "tooMany");
    scim.get("/?sortBy=userName").is_error(400, "tooMany");
    scim.get("/Users?cursor&sortBy=emails").is_error(400, "tooMany");
    for by in ["userName", "id", "meta.lastModified"] {
        assert_eq!(scim.get(&format!("/Users?sortBy={by}")).is(200)["totalResults"], 100, "{by}");
    }
    assert_eq!(scim.get("/").is(200)["totalResults"], 112);
    let people = encoded("meta.resourceType eq \"User\"");
    assert_eq!(scim.get(&format!("/?sortBy=userName&filter={people}")).is(200)["totalResults"], 100);
}

#[test]
fn ids_of_a_directory_are_not_looked_at() {
    let person = |n: usize| {
        format!(
            "\ndn: uid=p{n},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: p{n}\nsn: p{n}\n"
        )
    };
    let directory = Directory::holding(&(0..5).map(person).collect::<String>());
    let limits = "limits = { scanned_rows = 4, page_size = 2 }\n".to_owned();
    let gateway = Gateway::serve(&[limits, directory.target("corp", "openldap")]);
    let scim = gateway.target("corp");
    for (start, expected) in [(1, 2), (4, 2), (5, 1)] {
        let page = scim.get(&format!("/Users?startIndex={start}")).is(200);
        assert_eq!((&page["totalResults"], resources(&page).len()), (&json!(5), expected), "{start}");
    }
    // These are.
    for query in ["sortBy=userName", "filter=userName%20co%20%22p%22"] {
        scim.get(&format!("/Users?{query}")).is_error(400, "tooMany");
    }
}

#[test]
fn a_query_by_post_is_a_read() {
    let database = Database::of("crm");
    let target =
        database.target("q", "crm").replacen("name = \"q\"", "name = \"q\"\nmode = \"read-only\"", 1);
    let gateway = Gateway::serve(&[target]);
    let scim = gateway.target("q");
    let body = json!({ "schemas": [SEARCH], "count": 3 });
    for path in ["/.search", "/Users/.search"] {
        assert_eq!(resources(&scim.post(path, &body).is(200)).len(), 3, "{path}");
    }
    scim.post("/Users", &json!({ "schemas": [USER], "userName": "x" })).is_error(403, "");
}

fn resources(list: &Value) -> Vec<Value> {
    list["Resources"].as_array().unwrap_or_else(|| panic!("{list:#}")).clone()
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

fn ids(resources: &[Value]) -> BTreeSet<&str> {
    resources.iter().map(id).collect()
}

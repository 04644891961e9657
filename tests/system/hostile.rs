//! Values that would mean something else in a filter, a statement, a DN or a script, if anything ever read
//! them as more than text. As names of people and groups, in filters, in paths and as member ids, on every
//! backend: each comes back as it was sent or is refused with 400, and nobody else is found or touched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::{Answer, Scim, encoded};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Names that a `*`, a `%`, a `_` or an `OR` that came to life would catch, some of them neighbours of the
/// hostile ones.
const BYSTANDERS: [&str; 8] =
    ["bystander", "by.stander", "100 percent", "a-b", "axb", "uid", "ou=groups", "drop table"];

#[test]
fn in_an_applications_tables() {
    crm(&Database::of("crm"));
}

#[test]
fn in_two_bare_tables() {
    plain(&Database::of("plain"));
}

pub fn crm(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("crm", "crm")]);
    suffer(&gateway.target("crm"), &Tables { database, of: &CRM });
    gateway.is_sound();
}

pub fn plain(database: &Database) {
    let mut gateway = Gateway::serve(&[database.target("plain", "plain")]);
    suffer(&gateway.target("plain"), &Tables { database, of: &PLAIN });
    gateway.is_sound();
}

#[test]
fn in_openldap() {
    let directory = Directory::start();
    let mut gateway = Gateway::serve(&[directory.target("corp", "openldap")]);
    suffer(&gateway.target("corp"), &Entries { directory: &directory, composes: true });
    gateway.is_sound();
}

#[test]
fn in_389_directory_server() {
    let directory = Directory::ds389();
    let mut gateway = Gateway::serve(&[directory.target("corp", "389ds")]);
    suffer(&gateway.target("corp"), &Entries { directory: &directory, composes: false });
    gateway.is_sound();
}

#[test]
fn in_active_directory() {
    // Names of accounts take none of this: an attribute for free text does, and so do names of entries.
    let allow = "dsacls \"OU=people,DC=\" /I:S /G \"CORP\\gantry:WP;info;user\"";
    let samba = Samba::delegating("gantry", allow);
    let free = ", user_name = \"info\", name = \"{userName}\", group_account = \"\"";
    let mut gateway = Gateway::serve(&[samba.target("corp", "active-directory", free)]);
    suffer(&gateway.target("corp"), &samba);
    gateway.is_sound();
}

/// The values. None has a letter whose case folds in one backend and not in another, and no two differ by
/// case or by what LDAP's stringprep makes equal.
fn values() -> Vec<String> {
    let mut values: Vec<String> = "*()\\'\"%_;-#,+<>=&|!~^`$@{}[]:/?.\t".chars().map(String::from).collect();
    values.extend(
        [
            "*()\\'\"%_;--",
            "--",
            "/*",
            "*/",
            "**",
            "%%",
            "a%b",
            "a_b",
            "a*b",
            "\\",
            "\\\\",
            "\\2a",
            "\\00",
            "\\,",
            "\\%",
            "#ff",
            "#04024869",
            " leading",
            "trailing ",
            " both ",
            "two  spaces",
            ",+\"\\<>;=",
            "cn=x,ou=groups",
            "uid=bystander,ou=people,dc=example,dc=test",
            "a,b",
            "a+uid=bystander",
            ")(uid=*",
            "*)(uid=*))(|(uid=*",
            "bystander)(objectclass=*",
            "' or '1'='1",
            "' or 1=1 --",
            "\"; drop table appuser; --",
            "'; delete from users; --",
            "x' union select 1 --",
            "?1",
            ":a",
            "@p1",
            "line\nbreak",
            "line\r\nbreak",
            "dn: x\n-\nuid: y",
            "\u{1}\u{2}\u{1b}\u{7f}",
            "\u{85}\u{2028}",
            "\u{202e}gnirts",
            "\u{feff}bom",
            "zero\u{200b}width",
            "e\u{301}",
            "e\u{301}mark",
            "\u{301}mark",
            "\u{200d}",
            "\u{200d}\u{1f468}",
            "\u{1f980}\u{200d}\u{1f468}",
            "\u{fdfd}",
            "\u{10ffff}",
            "${x}",
            "{userName}",
            "`${1+1}`",
            "\"+param(\"people\")+\"",
            "\" eq \"",
            "a\" or username sw \"",
            "%2a",
            "%00",
            "../users",
            "null",
            "true",
            "0",
            "-1",
            "1e9999",
            "nul\0inside",
            "\0",
            "bystander\0",
        ]
        .map(str::to_owned),
    );
    values.push("long*".repeat(2_000));
    values.sort();
    values.dedup();
    values
}

// === What is done to a target ===

fn suffer(scim: &Scim, store: &dyn Store) {
    for name in BYSTANDERS {
        scim.post("/Users", &person(name)).is(201);
    }
    let one = id_of(scim, "/Users", "userName", "bystander");
    let crew = json!({ "schemas": [GROUP], "displayName": "bystanders", "members": [{ "value": one }] });
    scim.post("/Groups", &crew).is(201);
    let before = store.snapshot();
    // Groups need a member of their own: on a directory an entry's stamps show that its groups came and went.
    let calm = scim.post("/Users", &person("calm")).is(201)["id"].as_str().unwrap().to_owned();

    let people = Kind { scim, store, endpoint: "/Users", attribute: "userName", calm: &calm };
    let groups = Kind { endpoint: "/Groups", attribute: "displayName", ..people };
    for kind in [&people, &groups] {
        let known = kind.population();
        let made = kind.create_all(&known);
        kind.find_all(&made);
        kind.rename_all(&made);
        if kind.endpoint == "/Users" {
            enrol(scim, &made);
        }
        kind.delete_all(&made);
        assert_eq!(kind.population(), known);
    }
    rename_unseen(scim, store);
    in_paths(scim, &one);
    as_members(scim);
    scim.delete(&format!("/Users/{calm}")).is(204);
    let after = store.snapshot();
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

/// Resources of one type, named by one attribute.
#[derive(Clone, Copy)]
struct Kind<'a> {
    scim: &'a Scim,
    store: &'a dyn Store,
    endpoint: &'a str,
    attribute: &'a str,
    /// The id of a person who is a member of every group made here.
    calm: &'a str,
}

// === impl Kind ===

impl Kind<'_> {
    /// Every resource's name by its id, asked without a filter.
    fn population(&self) -> BTreeMap<String, String> {
        let list = format!("{}?attributes={}", self.endpoint, self.attribute);
        self.all(&list, self.scim.get(&list))
    }

    /// The names in a list by their ids, its other pages asked for.
    fn all(&self, list: &str, first: Answer) -> BTreeMap<String, String> {
        let first = first.is(200);
        let total = first["totalResults"].as_u64().unwrap() as usize;
        let mut names = named(&first, self.attribute);
        while names.len() < total {
            let page = self.scim.get(&format!("{list}&startIndex={}", names.len() + 1)).is(200);
            assert_eq!(page["totalResults"], total, "{list}");
            let more = named(&page, self.attribute);
            assert!(!more.is_empty(), "{list} ends before its total");
            names.extend(more);
        }
        assert_eq!(names.len(), total, "{list}");
        names
    }

    /// The names as the backend holds them.
    fn native(&self) -> BTreeSet<String> {
        if self.endpoint == "/Users" { self.store.logins() } else { self.store.groups() }
    }

    fn body(&self, name: &str) -> Value {
        let mut body = person(name);
        if self.endpoint == "/Groups" {
            body = json!({ "schemas": [GROUP], "displayName": name, "members": [{ "value": self.calm }] });
        }
        body
    }

    fn path(&self, id: &str) -> String {
        format!("{}/{id}", self.endpoint)
    }

    /// Makes a resource of each value; those that were not refused, by id.
    fn create_all(&self, known: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut made = BTreeMap::new();
        for value in values() {
            let answer = self.scim.post(self.endpoint, &self.body(&value));
            if is_refused(&answer, &value) {
                continue;
            }
            let created = answer.is(201);
            let id = created["id"].as_str().unwrap().to_owned();
            for seen in [&created, &self.scim.get(&self.path(&id)).is(200)] {
                assert_eq!(seen[self.attribute], value);
                assert_eq!(seen["displayName"], value);
            }
            made.insert(id, value);
        }
        // Most of them must get through, or this proves nothing.
        assert!(made.len() > values().len() * 3 / 4, "{} of {}", made.len(), values().len());
        self.are_held(known, &made);
        made
    }

    /// The backend holds these names and no other, octet for octet.
    fn are_held(&self, known: &BTreeMap<String, String>, made: &BTreeMap<String, String>) {
        let expected: BTreeSet<String> = known.values().chain(made.values()).cloned().collect();
        assert_eq!(self.native(), expected);
    }

    /// Filters with each value find what the population says, whether or not the value is somebody's name.
    fn find_all(&self, made: &BTreeMap<String, String>) {
        let population = self.population();
        for value in values() {
            let is_name = made.values().any(|name| *name == value);
            let literal = serde_json::to_string(&value).unwrap();
            for (operator, holds) in OPERATORS {
                let wanted = self.store.folded(&value, operator);
                let (found, others): (BTreeMap<_, _>, BTreeMap<_, _>) = population
                    .clone()
                    .into_iter()
                    .partition(|(_, name)| holds(&self.store.folded(name, "eq"), &wanted));
                let comparison = format!("{} {operator} {literal}", self.attribute);
                self.finds(&comparison, &found, is_name);
                // A negation shows nearly everybody: wholly where matching is subtle, else by their number.
                let negation = format!("not ({comparison})");
                if is_subtle(&value) || (*operator == "eq" && value.contains(['*', '%'])) {
                    self.finds(&negation, &others, is_name);
                } else if *operator == "eq" {
                    self.counts(&negation, others.len(), is_name);
                }
            }
        }
    }

    /// A filter finds these and no other; with a value that is nobody's name it may be refused.
    fn finds(&self, filter: &str, expected: &BTreeMap<String, String>, must: bool) {
        let list = format!("{}?filter={}&attributes={}", self.endpoint, encoded(filter), self.attribute);
        let answer = self.scim.get(&list);
        if !must && is_refused(&answer, filter) {
            return;
        }
        assert_eq!(answer.status, 200, "{filter}: {:#}", answer.body);
        assert_eq!(self.all(&list, answer), *expected, "{filter}");
    }

    /// Like [`Self::finds`], without a look at who they are.
    fn counts(&self, filter: &str, expected: usize, must: bool) {
        let answer = self.scim.get(&format!("{}?filter={}&count=0", self.endpoint, encoded(filter)));
        if must || !is_refused(&answer, filter) {
            assert_eq!(answer.is(200)["totalResults"], expected, "{filter}");
        }
    }

    /// Each is renamed to something calm and back; what was refused as a name is refused as a new one.
    fn rename_all(&self, made: &BTreeMap<String, String>) {
        let known: BTreeMap<String, String> =
            self.population().into_iter().filter(|(id, _)| !made.contains_key(id)).collect();
        for (number, (id, value)) in made.iter().enumerate() {
            for name in [&format!("calm-{number}"), value] {
                let changed = self.rename(id, name);
                assert!([200, 204].contains(&changed.status), "{name:?}: {:#}", changed.body);
                assert_eq!(self.scim.get(&self.path(id)).is(200)[self.attribute], *name);
            }
        }
        let last = self.scim.post(self.endpoint, &self.body("calm-last")).is(201);
        let id = last["id"].as_str().unwrap();
        for value in values().iter().filter(|value| !made.values().any(|name| name == *value)) {
            assert!(is_refused(&self.rename(id, value), value), "{value:?} was refused before");
            assert_eq!(self.scim.get(&self.path(id)).is(200), last);
        }
        self.scim.delete(&self.path(id)).is(204);
        self.are_held(&known, made);
    }

    fn rename(&self, id: &str, name: &str) -> Answer {
        let new = json!([{ "op": "replace", "path": self.attribute, "value": name }]);
        self.scim.patch(&self.path(id), &new)
    }

    fn delete_all(&self, made: &BTreeMap<String, String>) {
        for id in made.keys() {
            self.scim.delete(&self.path(id)).is(204);
        }
    }
}

/// Names that a backend may hold for the same text: a rename from one to the other is a rename all the same.
fn rename_unseen(scim: &Scim, store: &dyn Store) {
    for (old, new) in [("case", "CASE"), ("a  b", "a b"), ("outer", " outer "), ("e\u{301}", "\u{e9}")] {
        let made = scim.post("/Users", &person(old));
        if !store.holds(old) {
            assert!(is_refused(&made, old), "{made:?}");
            continue;
        }
        let id = made.is(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/Users/{id}");
        let rename = json!([{ "op": "replace", "path": "userName", "value": new }]);
        scim.patch(&path, &rename).is(200);
        assert_eq!(scim.get(&path).is(200)["userName"], new);
        assert!(store.logins().contains(new), "{new:?}");
        scim.delete(&path).is(204);
    }
}

type Holds = fn(&str, &str) -> bool;

/// What the operators mean, on texts already folded.
const OPERATORS: &[(&str, Holds)] = &[
    ("eq", |name, value| name == value),
    ("sw", |name, value| name.starts_with(value)),
    ("co", |name, value| name.contains(value)),
    ("ew", |name, value| name.ends_with(value)),
];

/// All of them as members of one group: on a directory that is their DNs in another entry.
fn enrol(scim: &Scim, made: &BTreeMap<String, String>) {
    let group = json!({ "schemas": [GROUP], "displayName": "everybody hostile" });
    let group = scim.post("/Groups", &group).is(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/Groups/{group}");
    for id in made.keys() {
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
        assert!([200, 204].contains(&scim.patch(&path, &add).status));
        assert_eq!(scim.get(&format!("/Users/{id}")).is(200)["groups"][0]["value"], group);
        assert_eq!(scim.find("/Groups", &format!("members eq \"{id}\"")).is(200)["totalResults"], 1);
    }
    let ids: BTreeSet<String> = made.keys().cloned().collect();
    assert_eq!(members(&scim.get(&path).is(200)), ids);

    // The group goes along when a member is renamed, and a removal takes nobody else.
    let (first, name) = made.iter().next().unwrap();
    for new in ["calm-member", name] {
        let rename = json!([{ "op": "replace", "path": "userName", "value": new }]);
        scim.patch(&format!("/Users/{first}"), &rename).is(200);
        assert_eq!(members(&scim.get(&path).is(200)), ids);
    }
    for id in made.keys() {
        let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
        assert!([200, 204].contains(&scim.patch(&path, &remove).status));
    }
    assert_eq!(members(&scim.get(&path).is(200)), BTreeSet::new());
    scim.delete(&path).is(204);
}

/// As an id in a path each is nobody.
fn in_paths(scim: &Scim, bystander: &str) {
    let more = ["", " ", "*", "/../Users/", "'--", "\" or \"1\"=\"1"].map(|end| format!("{bystander}{end}"));
    let ids = values().into_iter().chain(more.into_iter().skip(1));
    let operations = json!([{ "op": "replace", "path": "userName", "value": "caught" }]);
    // A path ends with the bound of a request's headers, which is HTTP's affair; a dot is a client's own.
    for id in ids.filter(|id| id.len() < 4_000 && ![".", ""].contains(&id.as_str())) {
        let path = |endpoint: &str| format!("/{endpoint}/{}", encoded(&id));
        let answers = [
            scim.get(&path("Users")),
            scim.get(&path("Groups")),
            scim.patch(&path("Users"), &operations),
            scim.put(&path("Users"), &person("caught")),
            scim.delete(&path("Users")),
            scim.delete(&path("Groups")),
        ];
        for answer in answers {
            assert!(answer.status == 404 || answer.status == 400, "{id:?}: {answer:?}");
            answer.is_error(answer.status, answer.body["scimType"].as_str().unwrap_or_default());
        }
    }
}

/// As a member's id each is refused, and the group stays as it was.
fn as_members(scim: &Scim) {
    let group = scim.post("/Groups", &json!({ "schemas": [GROUP], "displayName": "nobody" })).is(201);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    for id in values() {
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
        scim.patch(&path, &add).is_error(400, "invalidValue");
        let body = json!({ "schemas": [GROUP], "displayName": "other", "members": [{ "value": id }] });
        scim.post("/Groups", &body).is_error(400, "invalidValue");
        let literal = serde_json::to_string(&id).unwrap();
        let within = scim.find("/Groups", &format!("members eq {literal}"));
        if !is_refused(&within, &id) {
            assert_eq!(within.is(200)["totalResults"], 0, "{id:?}");
        }
        assert_eq!(scim.get(&path).is(200), group);
    }
    scim.delete(&path).is(204);
}

// === Helpers ===

fn person(name: &str) -> Value {
    json!({ "schemas": [USER], "userName": name, "displayName": name, "active": true })
}

fn id_of(scim: &Scim, endpoint: &str, attribute: &str, name: &str) -> String {
    let list = scim.find(endpoint, &format!("{attribute} eq \"{name}\"")).is(200);
    list["Resources"][0]["id"].as_str().unwrap().to_owned()
}

/// Whether it is a 400 that is a SCIM error and says of what kind.
#[track_caller]
fn is_refused(answer: &Answer, about: &str) -> bool {
    if answer.status != 400 {
        return false;
    }
    let body = &answer.body;
    assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{about:?}: {body:#}");
    let kind = body["scimType"].as_str().unwrap_or_default();
    assert!(["invalidValue", "invalidFilter"].contains(&kind), "{about:?}: {body:#}");
    true
}

/// Whether LDAP compares it otherwise than octet by octet (RFC 4518 §2.4 and §2.6.1).
fn is_subtle(value: &str) -> bool {
    value.trim_matches(' ') != value || value.contains("  ") || value.contains('\u{301}')
}

fn named(list: &Value, attribute: &str) -> BTreeMap<String, String> {
    let resources = list["Resources"].as_array().cloned().unwrap_or_default();
    let pair =
        |one: &Value| (one["id"].as_str().unwrap().to_owned(), one[attribute].as_str().unwrap().to_owned());
    resources.iter().map(pair).collect()
}

fn members(group: &Value) -> BTreeSet<String> {
    let members = group["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

// === The backends ===

/// A backend, looked into with another client than the gateway.
trait Store {
    fn logins(&self) -> BTreeSet<String>;
    fn groups(&self) -> BTreeSet<String>;
    /// Everything that there is, for a comparison.
    fn snapshot(&self) -> BTreeSet<String>;
    /// A name, or what an operator compares it with, as the backend compares.
    fn folded(&self, text: &str, operator: &str) -> String;
    /// Whether a name can be held at all.
    fn holds(&self, _name: &str) -> bool {
        true
    }
}

struct Tables<'a> {
    database: &'a Database,
    of: &'a Shape,
}

/// Where names stand, and which tables there are.
struct Shape {
    logins: (&'static str, &'static str),
    groups: (&'static str, &'static str),
    tables: &'static [&'static str],
    /// Whether SQL Server's columns have the letters of a code page only.
    narrow: bool,
}

/// The audit table grows with every new person, and is the application's own.
const CRM: Shape = Shape {
    logins: ("AppUser", "LoginName"),
    groups: ("Role", "RoleName"),
    tables: &["AppUser", "UserPhone", "Department", "Role", "UserRole", "UserScim", "RoleScim"],
    narrow: true,
};
const PLAIN: Shape = Shape {
    logins: ("Users", "UserName"),
    groups: ("Groups", "DisplayName"),
    tables: &["Users", "Groups", "Members"],
    narrow: false,
};

// === impl Tables ===

impl Tables<'_> {
    /// The texts of a column, octet for octet.
    fn names(&self, (table, column): (&str, &str)) -> BTreeSet<String> {
        let is_sqlite = self.database.is_sqlite();
        let shown = if is_sqlite { format!("hex({column})") } else { column.to_owned() };
        let rows = self.database.rows(&format!("SELECT {shown} AS name FROM {table}"));
        let names = rows.iter().map(|row| row["name"].as_str().unwrap());
        names.map(|name| if is_sqlite { unhex(name) } else { name.to_owned() }).collect()
    }
}

impl Store for Tables<'_> {
    fn logins(&self) -> BTreeSet<String> {
        self.names(self.of.logins)
    }

    fn groups(&self) -> BTreeSet<String> {
        self.names(self.of.groups)
    }

    fn snapshot(&self) -> BTreeSet<String> {
        let own = self.of.tables.iter().map(|table| format!("SELECT * FROM {table} ORDER BY 1, 2"));
        let schema = match self.database.is_sqlite() {
            true => "SELECT * FROM sqlite_master ORDER BY name",
            false => {
                "SELECT TABLE_NAME AS t, COLUMN_NAME AS c, DATA_TYPE AS d FROM INFORMATION_SCHEMA.COLUMNS"
            }
        };
        let all = own.chain([schema.to_owned()]);
        all.flat_map(|sql| self.database.rows(&sql).into_iter().map(move |row| format!("{sql}: {row}")))
            .collect()
    }

    fn folded(&self, text: &str, _operator: &str) -> String {
        text.to_ascii_lowercase()
    }

    fn holds(&self, name: &str) -> bool {
        self.database.is_sqlite() || !self.of.narrow || !name.contains('\u{301}')
    }
}

struct Entries<'a> {
    directory: &'a Directory,
    /// Whether a letter and its accent are the letter with that accent.
    composes: bool,
}

impl Store for Entries<'_> {
    fn logins(&self) -> BTreeSet<String> {
        naming(self.directory, "(objectClass=inetOrgPerson)", "uid")
    }

    fn groups(&self) -> BTreeSet<String> {
        naming(self.directory, "(objectClass=groupOfNames)", "cn")
    }

    fn snapshot(&self) -> BTreeSet<String> {
        let mut entries = self.directory.search(SUFFIX, "(objectClass=*)");
        // How many were deleted below it, which 389 Directory Server counts.
        entries.iter_mut().for_each(|entry| _ = entry.values.remove("tombstonenumsubordinates"));
        entries.iter().map(|entry| format!("{entry:?}")).collect()
    }

    fn folded(&self, text: &str, operator: &str) -> String {
        folded(text, operator, self.composes)
    }
}

/// As directories compare: composed where they do so; no runs of spaces, and none at an end that is the value's own.
fn folded(text: &str, operator: &str, composes: bool) -> String {
    let mut text = text.to_ascii_lowercase();
    if composes {
        text = text.replace("e\u{301}", "\u{e9}");
    }
    while text.contains("  ") {
        text = text.replace("  ", " ");
    }
    let start = if ["eq", "sw"].contains(&operator) { text.trim_start_matches(' ') } else { &text };
    let end = if ["eq", "ew"].contains(&operator) { start.trim_end_matches(' ') } else { start };
    end.to_owned()
}

impl Store for Samba {
    fn logins(&self) -> BTreeSet<String> {
        let people = self.search(&format!("ou=people,{DOMAIN}"), "(objectClass=user)");
        people.iter().map(|entry| entry.one("info").unwrap().to_owned()).collect()
    }

    fn groups(&self) -> BTreeSet<String> {
        let groups = self.search(&format!("ou=groups,{DOMAIN}"), "(objectClass=group)");
        groups.iter().map(|entry| entry.one("cn").unwrap().to_owned()).collect()
    }

    fn snapshot(&self) -> BTreeSet<String> {
        ["people", "groups", "leavers"]
            .iter()
            .flat_map(|unit| self.search(&format!("ou={unit},{DOMAIN}"), "(objectClass=*)"))
            .map(|entry| format!("{entry:?}"))
            .collect()
    }

    fn folded(&self, text: &str, operator: &str) -> String {
        folded(text, operator, false)
    }
}

/// The one value of the naming attribute of each entry.
fn naming(directory: &Directory, filter: &str, attribute: &str) -> BTreeSet<String> {
    let value = |entry: &crate::support::directory::Entry| match entry.all(attribute) {
        [value] => value.clone(),
        other => panic!("{other:?} names {}", entry.dn),
    };
    directory.search(SUFFIX, filter).iter().map(value).collect()
}

fn unhex(text: &str) -> String {
    let octet = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    String::from_utf8((0..text.len()).step_by(2).map(octet).collect()).unwrap()
}

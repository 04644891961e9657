//! `gantry plan`: what it prints is taken by the backend's own tools (`ldapadd`, `ldapmodify`, `sqlite3`) and
//! does there what the gateway itself would do. Printing it changes nothing, tells no secret, and is refused
//! where the request would be, with the same words.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::by_hand;
use crate::support::database::Database;
use crate::support::directory::{Directory, Entry, SUFFIX};
use crate::support::gateway::{Gateway, gantry, write_configuration};
use crate::support::samba::{DOMAIN, Samba};
use crate::support::scim::{Scim, encoded};
use crate::support::{output, run};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The one target of each configuration here.
const TARGET: &str = "planned";
const PASSWORD: &str = "c0rrect horse/battery+staple";
/// A login that means something to a DN, a filter, a shell and LDIF.
const LOGIN: &str = "Ünal, \"J.\" +<x>;";
/// A text that means something to SQL and to who fills its parameters in.
const HOSTILE: &str = "O'Neil\"; DROP TABLE AppUser;--\n?1 = :id 🦀\u{2028}";

/// A backend, seen and changed with its own tools.
trait Native {
    /// All that it holds.
    fn state(&self) -> String;
    /// The same as a file that `--against` takes; `None` where plans hang on more, as on what types columns have.
    fn facts(&self) -> Option<String>;
    /// Does what a plan says, as a person would; what the tools print of it.
    fn carry_out(&self, plan: &str) -> String;
}

/// `gantry plan` on a configuration of one target. Whatever it is asked, nothing may change.
struct Planner<'a> {
    folder: TempDir,
    native: &'a dyn Native,
}

// === impl Planner ===

impl<'a> Planner<'a> {
    fn of(target: &str, native: &'a dyn Native) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_configuration(folder.path(), &[target.to_owned()]);
        Self { folder, native }
    }

    /// What is printed for a request that would be done.
    #[track_caller]
    fn plan(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let done = self.run(method, path, body);
        assert!(done.status.success(), "{method} {path}: {}", text(&done.stderr));
        conceals(&text(&done.stderr));
        conceals(&text(&done.stdout));
        text(&done.stdout)
    }

    /// Does by hand what is printed for a request; what the tools print of it.
    #[track_caller]
    fn does(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        self.native.carry_out(&self.plan(method, path, body))
    }

    /// The SCIM error of a request that would be refused.
    #[track_caller]
    fn refusal(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let done = self.run(method, path, body);
        assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(1), ""), "{method} {path}");
        let told = text(&done.stderr);
        conceals(&told);
        let error = told.find("{\n").map(|at| serde_json::from_str(&told[at..]).unwrap());
        error.unwrap_or_else(|| panic!("{method} {path}: no error in {told}"))
    }

    #[track_caller]
    fn run(&self, method: &str, path: &str, body: Option<&Value>) -> Output {
        let mut command = gantry();
        command.args(["plan", "--config"]).arg(self.folder.path().join("gantry.toml"));
        command.args(["--target", TARGET, method, path]);
        if let Some(body) = body {
            let file = self.folder.path().join("body.json");
            std::fs::write(&file, body.to_string()).unwrap();
            command.arg(file);
        }
        let before = self.native.state();
        let done = run(&mut command);
        assert!(self.native.state() == before, "{method} {path} changed something");
        if let Some(facts) = self.native.facts() {
            let file = self.folder.path().join("facts");
            std::fs::write(&file, facts).unwrap();
            let rehearsed = run(command.arg("--against").arg(file));
            assert_eq!(
                steady(&rehearsed),
                steady(&done),
                "{method} {path} against a file: {}",
                text(&rehearsed.stderr)
            );
        }
        done
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// How a request was planned, without what differs from run to run: instants, and identifiers that were made for it.
fn steady(done: &Output) -> (Option<i32>, String) {
    let words = text(&done.stdout);
    let words = words.split_inclusive(['\'', '\n', ' ']).map(|word| {
        let bare = word.trim_end_matches(['\'', '\n', ' ']);
        let digits = bare.chars().filter(char::is_ascii_digit).count();
        let is_instant = digits >= 14 && bare.contains('T') && bare.ends_with('Z');
        let is_made = bare.len() == 36 && bare.get(14..15) == Some("4") && bare.split('-').count() == 5;
        if is_instant || is_made { "…" } else { word }
    });
    (done.status.code(), words.collect())
}

/// The password is nowhere in it, in none of the forms that LDIF, SQL and JSON have for it.
#[track_caller]
fn conceals(text: &str) {
    let hex: String = PASSWORD.bytes().map(|octet| format!("{octet:02x}")).collect();
    for form in [PASSWORD, &STANDARD.encode(PASSWORD), &hex] {
        assert!(!text.contains(form), "{form} in {text}");
    }
}

// === Entries ===

#[test]
fn of_a_person_is_taken_by_ldapadd() {
    let directory = Directory::start();
    let target = directory.target(TARGET, "openldap");
    let planner = Planner::of(&target, &directory);
    let gateway = Gateway::serve(&[target]);
    for active in [true, false] {
        let body = rich_person(active);
        ldapadd(&directory, &planner.plan("POST", "/Users", Some(&body)));
        let planned = directory.person(LOGIN).unwrap();
        is_rich(&planned, active);
        remove(&directory, &planned);
        gateway.target(TARGET).post("/Users", &body).is(201);
        let served = directory.person(LOGIN).unwrap();
        remove(&directory, &served);
        assert_eq!(values(planned), values(served));
    }
}

#[test]
fn of_a_password_tells_only_that_there_is_one() {
    let directory = Directory::start();
    let target = directory.target(TARGET, "openldap");
    let planner = Planner::of(&target, &directory);
    let created = planner.plan("POST", "/Users", Some(&rich_person(true)));
    assert!(created.contains("\n# userPassword: (secret, left out)\n"), "{created}");
    ldapadd(&directory, &created);
    let person = directory.person(LOGIN).unwrap();
    is_rich(&person, true);

    let path = format!("/Users/{}", person.one("entryUUID").unwrap());
    let change = operation("replace", "password", &json!(PASSWORD));
    let changed = planner.plan("PATCH", &path, Some(&change));
    assert!(changed.contains("\n# replace: userPassword: (secret, left out)\n"), "{changed}");
    // What the plan leaves out is what the gateway sends.
    Gateway::serve(&[target]).target(TARGET).send("PATCH", &path, Some(&change)).is(200);
    let mut bind = Command::new("ldapwhoami");
    bind.env("LDAPTLS_CACERT", directory.file("ca.pem"));
    output(bind.args(["-x", "-H", &directory.url(), "-D", &person.dn, "-w", PASSWORD]));

    let database = Database::of("crm");
    let planner = Planner::of(&database.target(TARGET, "crm"), &database);
    let changed = planner.plan("PATCH", "/Users/1", Some(&change));
    assert_eq!(changed.matches(" = (secret, left out)\n").count(), 2, "{changed}");
}

#[test]
fn of_a_group_is_taken_by_ldapadd() {
    let directory = Directory::start();
    let planner = Planner::of(&directory.target(TARGET, "openldap"), &directory);
    ldapadd(&directory, &planner.plan("POST", "/Users", Some(&rich_person(true))));
    let member = directory.person(LOGIN).unwrap();
    let id = member.one("entryUUID").unwrap();

    let crew = json!({ "displayName": "Crew, #1 ", "members": [{ "value": id }] });
    ldapadd(&directory, &planner.plan("POST", "/Groups", Some(&crew)));
    let group = directory.group("Crew, #1 ").unwrap();
    assert_eq!(group.all("member"), ["cn=gantry-placeholder", member.dn.as_str()]);
    assert_eq!(directory.person(LOGIN).unwrap().all("memberOf"), [group.dn]);

    ldapadd(&directory, &planner.plan("POST", "/Groups", Some(&json!({ "displayName": "Nobody" }))));
    assert_eq!(directory.group("Nobody").unwrap().all("member"), ["cn=gantry-placeholder"]);
}

/// Every step, counters and both entries of a group, is what the tools do by it.
#[test]
fn of_posix_accounts_and_their_groups_tells_each_number_and_each_entry() {
    let directory = Directory::posix();
    let planner = Planner::of(&directory.target(TARGET, "openldap-posix"), &directory);
    let ada = planner.plan("POST", "/Users", Some(&json!({ "userName": "ada" })));
    let counter = format!(
        "version: 1\n\n# the counter's number, if nobody else takes it before; else the next one\n\
         dn: cn=uidNext,ou=people,{SUFFIX}\nchangetype: modify\ndelete: uidNumber\nuidNumber: 10000\n-\n\
         add: uidNumber\nuidNumber: 10001\n-\n\n# the new User entry\ndn: uid=ada,ou=people,{SUFFIX}\nchangetype: add\n"
    );
    assert!(ada.starts_with(&counter) && ada.contains("\nuidNumber: 10000\n"), "{ada}");
    // Asked again it is the same: nothing was taken.
    assert_eq!(planner.plan("POST", "/Users", Some(&json!({ "userName": "ada" }))), ada);
    ldapadd(&directory, &ada);
    ldapadd(&directory, &planner.plan("POST", "/Users", Some(&json!({ "userName": "bob" }))));
    let numbers =
        ["ada", "bob"].map(|login| directory.person(login).unwrap().one("uidNumber").unwrap().to_owned());
    assert_eq!(numbers, ["10000", "10001"]);

    let id = |entry: Option<Entry>| entry.unwrap().one("entryUUID").unwrap().to_owned();
    let [ada, bob] = ["ada", "bob"].map(|login| id(directory.person(login)));
    let crew = json!({ "displayName": "Crew", "members": [{ "value": ada }] });
    planner.does("POST", "/Groups", Some(&crew));
    let group = format!("/Groups/{}", id(directory.group("Crew")));
    let uids = |name: &str| directory.posix_group(name).unwrap().all("memberUid").to_vec();
    assert_eq!(uids("Crew"), ["ada"]);
    planner.does("PATCH", &group, Some(&operation("add", "members", &json!([{ "value": bob }]))));
    assert_eq!(uids("Crew"), ["ada", "bob"]);

    let named = planner.plan("PATCH", &group, Some(&operation("replace", "displayName", &json!("Staff"))));
    let undone =
        "# undone by:\n# dn: cn=Staff,ou=posix,dc=example,dc=test\n# changetype: modrdn\n# newrdn: cn=Crew\n";
    assert!(named.contains(undone), "{named}");
    directory.carry_out(&named);
    assert_eq!(
        (uids("Staff"), directory.group("Staff").is_some()),
        (vec!["ada".to_owned(), "bob".to_owned()], true)
    );
    let user = format!("/Users/{ada}");
    planner.does("PATCH", &user, Some(&operation("replace", "userName", &json!("king"))));
    assert_eq!(
        (uids("Staff"), directory.person("king").is_some()),
        (vec!["bob".to_owned(), "king".to_owned()], true)
    );
    planner.does("DELETE", &user, None);
    assert_eq!(uids("Staff"), ["bob"]);
    planner.does("DELETE", &group, None);
    assert_eq!((directory.group("Staff"), directory.posix_group("Staff")), (None, None));

    directory.modify(&format!("dn: cn=uidNext,ou=people,{SUFFIX}\nchangetype: delete\n"));
    let said = planner.refusal("POST", "/Users", Some(&json!({ "userName": "eve" })));
    assert_eq!(said["status"], "500");
}

/// Who is referred to by another attribute than the DN is followed wherever he is; and each step can be undone.
#[test]
fn of_members_by_uid_tells_each_group_that_holds_one() {
    let directory = Directory::posix();
    let target = crate::uids::target(&directory).replace("\"corp\"", &format!("{TARGET:?}"));
    let planner = Planner::of(&target, &directory);
    let id = |entry: Option<Entry>| entry.unwrap().one("entryUUID").unwrap().to_owned();
    let [ada, bob] = ["ada", "bob"].map(|login| {
        planner.does("POST", "/Users", Some(&json!({ "userName": login })));
        id(directory.person(login))
    });
    for name in ["Crew", "Staff"] {
        let body = json!({ "displayName": name, "members": [{ "value": ada }] });
        planner.does("POST", "/Groups", Some(&body));
    }
    let uids = |name: &str| directory.group(name).unwrap().all("memberUid").to_vec();
    let group = format!("/Groups/{}", id(directory.group("Crew")));
    let comes = planner.plan("PATCH", &group, Some(&operation("add", "members", &json!([{ "value": bob }]))));
    assert!(comes.contains("\nadd: memberUid\nmemberUid: bob\n-\n") && !comes.contains("ada"), "{comes}");
    directory.carry_out(&comes);
    assert_eq!(
        (uids("Crew"), uids("Staff")),
        (vec!["ada".to_owned(), "bob".to_owned()], vec!["ada".to_owned()])
    );

    let user = format!("/Users/{ada}");
    let renamed = planner.plan("PATCH", &user, Some(&operation("replace", "userName", &json!("king"))));
    for name in ["Crew", "Staff"] {
        let change = |old: &str, new: &str, start: &str| {
            let lines = [
                "changetype: modify",
                "delete: memberUid",
                &format!("memberUid: {old}"),
                "-",
                "add: memberUid",
            ];
            let dn = format!("{start}dn: cn={name},ou=groups,{SUFFIX}\n");
            let lines: String = lines.iter().map(|line| format!("{start}{line}\n")).collect();
            format!("{dn}{lines}{start}memberUid: {new}\n")
        };
        assert!(renamed.contains(&change("ada", "king", "")), "{renamed}");
        assert!(renamed.contains(&change("king", "ada", "# ")), "{renamed}");
    }
    directory.carry_out(&renamed);
    assert_eq!(
        (uids("Crew"), uids("Staff")),
        (vec!["bob".to_owned(), "king".to_owned()], vec!["king".to_owned()])
    );
    planner.does("DELETE", &user, None);
    assert_eq!((uids("Crew"), uids("Staff")), (vec!["bob".to_owned()], vec![]));
}

#[test]
fn of_each_method_on_posix_accounts() {
    let directory = Directory::posix();
    each_method_on_entries(&directory.target(TARGET, "openldap-posix"), &directory);
}

#[test]
fn of_each_method_on_entries_in_openldap() {
    let directory = Directory::start();
    each_method_on_entries(&directory.target(TARGET, "openldap"), &directory);
}

#[test]
fn of_each_method_on_entries_in_389_directory_server() {
    let directory = Directory::ds389();
    each_method_on_entries(&directory.target(TARGET, "389ds"), &directory);
}

#[test]
fn of_each_method_on_entries_in_active_directory() {
    let samba = Samba::start();
    each_method_on_entries(&samba.target(TARGET, "active-directory", ""), &samba);
}

fn each_method_on_entries(target: &str, native: &dyn Native) {
    let planner = Planner::of(target, native);
    let gateway = Gateway::serve(&[target.to_owned()]);
    let scim = gateway.target(TARGET);
    let id = |endpoint: &str, filter: &str| {
        let found = scim.find(endpoint, filter).is(200);
        found["Resources"][0]["id"].as_str().unwrap().to_owned()
    };
    let ada = json!({ "userName": "ada", "name": { "familyName": "Lovelace" }, "active": true });
    for body in [ada, json!({ "userName": "bob" })] {
        planner.does("POST", "/Users", Some(&body));
    }
    let [ada, bob] = ["ada", "bob"].map(|login| id("/Users", &format!("userName eq \"{login}\"")));
    let crew = json!({ "displayName": "Crew", "members": [{ "value": ada }] });
    planner.does("POST", "/Groups", Some(&crew));
    let group = id("/Groups", "displayName eq \"Crew\"");
    let known = Known { login: "ada".to_owned(), user: ada, other: bob, group };
    refusals(&planner, &scim, &known);
    let taken = json!({ "userName": "BOB" });
    refused(&planner, &scim, "POST", "/Users", Some(&taken), 409);
    each_method(&planner, &known);
}

#[test]
fn of_a_membership_that_is_there_already_says_so() {
    let directory = Directory::start();
    let planner = Planner::of(&directory.target(TARGET, "openldap"), &directory);
    for login in ["ada", "bob"] {
        ldapadd(&directory, &planner.plan("POST", "/Users", Some(&json!({ "userName": login }))));
    }
    let link = |login| json!({ "value": directory.person(login).unwrap().one("entryUUID") });
    let crew = json!({ "displayName": "Crew", "members": [link("ada")] });
    ldapadd(&directory, &planner.plan("POST", "/Groups", Some(&crew)));
    let path = format!("/Groups/{}", directory.group("Crew").unwrap().one("entryUUID").unwrap());
    let add = |members| operation("add", "members", &members);

    let nothing = planner.plan("PATCH", &path, Some(&add(json!([link("ada")]))));
    assert_eq!(nothing, "# nothing to do\n");
    let one = planner.plan("PATCH", &path, Some(&add(json!([link("ada"), link("bob")]))));
    let values: Vec<_> = one.lines().filter(|line| line.starts_with("member: ")).collect();
    assert_eq!(values, [format!("member: {}", directory.person("bob").unwrap().dn)]);
}

fn rich_person(active: bool) -> Value {
    json!({
        "userName": LOGIN,
        "externalId": "ext: <1>",
        "displayName": " Jörg the 1st",
        "name": { "formatted": "Jörg Ünal 🦀", "familyName": "Ünal", "givenName": "Jörg\nMaria" },
        "title": ": chief",
        "preferredLanguage": "de-DE",
        "emails": [{ "type": "work", "value": "j.uenal@example.test" }],
        "phoneNumbers": [
            { "type": "work", "value": "+49 30 5550 0100" },
            { "type": "mobile", "value": "+49 170 555 0100" },
        ],
        "active": active,
        "password": PASSWORD,
    })
}

#[track_caller]
fn is_rich(person: &Entry, active: bool) {
    for (attribute, value) in [
        ("uid", LOGIN),
        ("employeeNumber", "ext: <1>"),
        ("displayName", " Jörg the 1st"),
        ("cn", "Jörg Ünal 🦀"),
        ("sn", "Ünal"),
        ("givenName", "Jörg\nMaria"),
        ("title", ": chief"),
        ("preferredLanguage", "de-DE"),
        ("mail", "j.uenal@example.test"),
        ("telephoneNumber", "+49 30 5550 0100"),
        ("mobile", "+49 170 555 0100"),
        ("objectClass", "inetOrgPerson"),
    ] {
        assert_eq!(person.all(attribute), [value], "{attribute}");
    }
    assert_eq!(person.one("pwdAccountLockedTime"), (!active).then_some("000001010000Z"));
    assert_eq!(person.one("userPassword"), None);
}

/// Exactly what was printed.
#[track_caller]
fn ldapadd(directory: &Directory, plan: &str) {
    let file = directory.file("plan.ldif");
    std::fs::write(&file, plan).unwrap();
    output(directory.client("ldapadd").arg("-f").arg(file));
}

fn remove(directory: &Directory, entry: &Entry) {
    output(directory.client("ldapdelete").arg(&entry.dn));
}

/// An entry's values without the server's own, which no two entries share.
fn values(entry: Entry) -> BTreeMap<String, Vec<String>> {
    // A plan leaves passwords out.
    let own =
        ["entryuuid", "entrycsn", "createtimestamp", "modifytimestamp", "pwdchangedtime", "userpassword"];
    entry.values.into_iter().filter(|(name, _)| !own.contains(&name.as_str())).collect()
}

impl Native for Directory {
    fn facts(&self) -> Option<String> {
        let mut search = self.client("ldapsearch");
        Some(output(search.args(["-LLL", "-b", SUFFIX, "-z", "0", "(objectClass=*)", "*", "+"])))
    }

    fn state(&self) -> String {
        format!("{:#?}", self.search(SUFFIX, "(objectClass=*)"))
    }

    fn carry_out(&self, plan: &str) -> String {
        searched(&self.client("sh"), plan).unwrap_or_else(|| {
            self.modify(plan);
            String::new()
        })
    }
}

impl Native for Samba {
    fn facts(&self) -> Option<String> {
        let found = ["people", "groups", "leavers"].map(|unit| {
            let base = format!("ou={unit},{DOMAIN}");
            output(self.client("ldapsearch").args(["-LLL", "-b", &base, "(objectClass=*)"]))
        });
        Some(found.concat())
    }

    fn state(&self) -> String {
        let units = ["people", "groups", "leavers"];
        format!("{:#?}", units.map(|unit| self.search(&format!("ou={unit},{DOMAIN}"), "(objectClass=*)")))
    }

    fn carry_out(&self, plan: &str) -> String {
        searched(&self.client("sh"), plan).unwrap_or_else(|| {
            self.modify(plan);
            String::new()
        })
    }
}

/// What is found by a search as a plan's comment says it, in a shell with these arguments for the connection;
/// `None` when the plan is none of a search.
fn searched(client: &Command, plan: &str) -> Option<String> {
    let arguments = plan.lines().find_map(|line| line.strip_prefix("# search: ldapsearch "))?;
    let connection = client.get_args().map(|argument| argument.to_str().unwrap());
    let mut shell = Command::new("sh");
    shell.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let line = format!("ldapsearch -LLL {} {arguments}", connection.collect::<Vec<_>>().join(" "));
    Some(output(shell.arg("-c").arg(line)))
}

// === Rows ===

#[test]
fn of_rows_in_an_applications_tables_is_taken_by_sqlite3() {
    crm_rows(&|| Database::of("crm"), HOSTILE);
}

/// Makes people and groups, in one database as planned, in another as served. The name is one that the columns hold.
pub fn crm_rows(make: &dyn Fn() -> Database, name: &str) {
    let person = json!({
        "userName": format!("o'neil;-- ?2 {}", name.chars().find(|c| !c.is_ascii()).unwrap()),
        "externalId": HOSTILE,
        "name": { "givenName": "'); DROP TABLE Role;--", "familyName": "O'\nNeil" },
        "emails": [{ "type": "work", "value": "o'neil@x" }, { "type": "home", "value": HOSTILE }],
        "phoneNumbers": [
            { "type": "work", "value": "+49 30" },
            { "type": "mobile", "value": "'+1'" },
            { "type": "fax", "value": "+2" },
        ],
        "active": false,
        "password": PASSWORD,
        "roles": [{ "value": HOSTILE }],
        ENTERPRISE: { "department": "New 'Dept' ?1", "manager": { "value": "7" }, "division": HOSTILE },
    });
    let crew = json!({ "displayName": name, "members": [{ "value": "101" }, { "value": "2" }] });
    let varying = ["PwdHash", "PwdSalt", "ModifiedUtc", "At", "RowVer"];
    both_ways("crm", make, &[("/Users", &person), ("/Groups", &crew)], &varying, |planned, plans| {
        assert_eq!(plans[0].matches("= (secret, left out)\n").count(), 2, "{}", plans[0]);
        let sql = "SELECT UserId, LastName, StatusCd, ManagerId, Name FROM AppUser u JOIN Department d ON d.DeptId = u.DeptId \
                   WHERE LoginName LIKE 'o''neil;-- ?2 _'";
        let expected = json!({
            "UserId": 101, "LastName": "O'\nNeil", "StatusCd": "T", "ManagerId": 7, "Name": "New 'Dept' ?1",
        });
        assert_eq!(planned.rows(sql), [expected]);
        let members = "SELECT RoleName, UserId FROM Role r JOIN UserRole m ON m.RoleId = r.RoleId \
                       WHERE GrantedBy = 'gantry' ORDER BY UserId";
        let member = |id: u32| json!({ "RoleName": name, "UserId": id });
        assert_eq!(planned.rows(members), [member(2), member(101)]);
    });
}

#[test]
fn of_rows_in_two_bare_tables_is_taken_by_sqlite3() {
    plain_rows(&|| Database::of("plain"));
}

pub fn plain_rows(make: &dyn Fn() -> Database) {
    let person = json!({
        "userName": HOSTILE,
        "externalId": "'",
        "name": { "givenName": HOSTILE },
        "emails": [{ "type": HOSTILE, "value": "a@x" }],
        "active": false,
        "password": PASSWORD,
    });
    let make = || {
        let database = make();
        database.change("INSERT INTO Users (Id, UserName) VALUES ('u1', 'ada')");
        database.change("INSERT INTO Groups (Id, DisplayName) VALUES ('g1', 'inner')");
        database
    };
    let crew = json!({
        "displayName": HOSTILE,
        "externalId": HOSTILE,
        "members": [{ "value": "u1" }, { "value": "g1" }],
    });
    let varying = ["Id", "GroupId", "PwdHash", "PwdSalt", "Created", "Modified"];
    both_ways("plain", &make, &[("/Users", &person), ("/Groups", &crew)], &varying, |planned, _| {
        let row = &planned.rows("SELECT UserName, Doc FROM Users WHERE ExternalId = ''''")[0];
        assert_eq!(row["UserName"], HOSTILE);
        let document: Value = serde_json::from_str(row["Doc"].as_str().unwrap()).unwrap();
        assert_eq!((&document["name"], &document["active"]), (&person["name"], &json!(false)));
        let members = "SELECT MemberId FROM Members JOIN Groups ON Id = GroupId WHERE ExternalId = DisplayName \
                       ORDER BY MemberId";
        assert_eq!(planned.rows(members), [json!({ "MemberId": "g1" }), json!({ "MemberId": "u1" })]);
    });
}

#[test]
fn of_each_method_on_an_applications_tables() {
    crm_methods(&Database::of("crm"));
}

pub fn crm_methods(database: &Database) {
    let target = database.target(TARGET, "crm");
    let planner = Planner::of(&target, database);
    let login = &database.rows("SELECT LoginName FROM AppUser WHERE UserId = 30")[0]["LoginName"];
    let login = login.as_str().unwrap().to_owned();
    let known = Known { login, user: "30".to_owned(), other: "5".to_owned(), group: "500003".to_owned() };
    each_method(&planner, &known);
    let gateway = Gateway::serve(&[target]);
    let known = Known { user: "31".to_owned(), group: "4".to_owned(), ..known };
    refusals(&planner, &gateway.target(TARGET), &known);
    refused(&planner, &gateway.target(TARGET), "DELETE", "/Groups/500001", None, 403);
}

#[test]
fn of_each_method_on_two_bare_tables() {
    plain_methods(&Database::of("plain"));
}

pub fn plain_methods(database: &Database) {
    database.change("INSERT INTO Users (Id, UserName) VALUES ('u''1', 'ada'), ('u2', 'bob'), ('u3', 'eve')");
    database.change("INSERT INTO Groups (Id, DisplayName) VALUES ('g1', 'crew'), ('g2', 'others')");
    let target = database.target(TARGET, "plain");
    let planner = Planner::of(&target, database);
    let id = |id: &str| id.to_owned();
    let known = Known { login: id("ada"), user: id("u'1"), other: id("u2"), group: id("g1") };
    each_method(&planner, &known);
    let gateway = Gateway::serve(&[target]);
    let known = Known { user: id("u3"), group: id("g2"), ..known };
    refusals(&planner, &gateway.target(TARGET), &known);
}

/// Creates of each path and body: as planned, by hand; and in another database by the gateway. Both end with the same
/// rows; what is planned is shown with its plans before it goes.
fn both_ways(
    mapping: &str,
    make: &dyn Fn() -> Database,
    creates: &[(&str, &Value)],
    varying: &[&str],
    shown: impl Fn(&Database, &[String]),
) {
    let database = make();
    let planner = Planner::of(&database.target(TARGET, mapping), &database);
    let begin = if database.is_sqlite() { "BEGIN IMMEDIATE;\n" } else { "BEGIN TRANSACTION;\n" };
    let create = |(path, body): &(&str, &Value)| {
        let plan = planner.plan("POST", path, Some(body));
        assert!(plan.starts_with(begin) && plan.ends_with("\nCOMMIT;\n"), "{plan}");
        database.carry_out(&plan);
        plan
    };
    let plans: Vec<String> = creates.iter().map(create).collect();
    shown(&database, &plans);
    let planned = rows(&database, varying);
    drop(planner);
    drop(database);

    let database = make();
    let gateway = Gateway::serve(&[database.target(TARGET, mapping)]);
    for (path, body) in creates {
        gateway.target(TARGET).post(path, body).is(201);
    }
    assert_eq!(planned, rows(&database, varying));
}

/// Every row of every table; of columns that vary from run to run only whether there is a value.
fn rows(database: &Database, varying: &[&str]) -> BTreeMap<String, Vec<String>> {
    let columns = match database.is_sqlite() {
        true => {
            "SELECT t.name AS holder, c.name AS name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        }
        false => {
            "SELECT TABLE_NAME AS holder, COLUMN_NAME AS name FROM INFORMATION_SCHEMA.COLUMNS \
             ORDER BY TABLE_NAME, ORDINAL_POSITION"
        }
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in database.rows(columns) {
        let column = row["name"].as_str().unwrap();
        let table = tables.entry(row["holder"].as_str().unwrap().to_owned()).or_default();
        table.push(match varying.contains(&column) {
            true => format!("CASE WHEN {column} IS NULL THEN 'none' ELSE 'some' END AS {column}"),
            false => column.to_owned(),
        });
    }
    let read = |(table, columns): (String, Vec<String>)| {
        let found = database.rows(&format!("SELECT {} FROM {table}", columns.join(", ")));
        let mut rows: Vec<String> = found.iter().map(Value::to_string).collect();
        rows.sort();
        (table, rows)
    };
    tables.into_iter().map(read).collect()
}

impl Native for Database {
    /// Octets are nothing that plans hang on.
    fn facts(&self) -> Option<String> {
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let read = |table: &Value| {
            let table = table["name"].as_str().unwrap();
            (table.to_owned(), Value::Array(self.rows(&format!("SELECT * FROM {table}"))))
        };
        self.is_sqlite()
            .then(|| self.rows(tables).iter().map(read).collect::<serde_json::Map<_, _>>())
            .map(|tables| Value::Object(tables).to_string())
    }

    /// A file's octets too: a change of its mode is one.
    fn state(&self) -> String {
        if !self.is_sqlite() {
            return format!("{:#?}", rows(self, &[]));
        }
        let dump = output(Command::new("sqlite3").arg("-readonly").arg(self.file()).arg(".dump"));
        let octets = std::fs::read(self.file()).unwrap();
        format!("{dump}\n{}", STANDARD.encode(octets))
    }

    fn carry_out(&self, plan: &str) -> String {
        by_hand::carry_out(self, plan)
    }
}

// === On every backend ===

/// What a backend holds before it is asked.
struct Known {
    login: String,
    user: String,
    other: String,
    group: String,
}

// === impl Known ===

impl Known {
    fn user(&self) -> String {
        format!("/Users/{}", encoded(&self.user))
    }

    fn group(&self) -> String {
        format!("/Groups/{}", encoded(&self.group))
    }

    /// What the printed queries find of the person, by id and by name.
    #[track_caller]
    fn found(&self, planner: &Planner<'_>) -> String {
        let by_id = planner.does("GET", &self.user(), None);
        let filter = encoded(&format!("userName eq \"{}\"", self.login));
        let by_name = planner.does("GET", &format!("/Users?filter={filter}"), None);
        assert_eq!(by_id.contains(&self.login), by_name.contains(&self.login), "{by_id}\n{by_name}");
        by_name
    }
}

/// Reads and changes: what each prints does what was asked for.
fn each_method(planner: &Planner<'_>, known: &Known) {
    assert!(known.found(planner).contains(&known.login));
    person(planner, known);
    members(planner, known);
    planner.does("DELETE", &known.group(), None);
    assert_eq!(planner.does("GET", &known.group(), None), "");
    planner.does("DELETE", &known.user(), None);
    assert!(!known.found(planner).contains(&known.login));
}

fn person(planner: &Planner<'_>, known: &Known) {
    let rename = operation("replace", "name.familyName", &json!("King; -- '1'"));
    planner.does("PATCH", &known.user(), Some(&rename));
    let found = known.found(planner).replace("''", "'");
    assert!(found.contains("King; -- '1'"), "{found}");
    assert_eq!(planner.plan("PATCH", &known.user(), Some(&rename)), "# nothing to do\n");

    let body = json!({ "userName": known.login, "name": { "familyName": "Byron" }, "active": true });
    planner.does("PUT", &known.user(), Some(&body));
    let found = known.found(planner);
    assert!(found.contains("Byron") && !found.contains("King"), "{found}");
}

fn members(planner: &Planner<'_>, known: &Known) {
    let group = known.group();
    let members = || planner.does("GET", &format!("{group}?attributes=members"), None);
    let before = members();
    let both = json!([{ "value": known.user }, { "value": known.other }]);
    planner.does("PATCH", &group, Some(&operation("add", "members", &both)));
    let joined = members();
    assert!(joined.lines().count() > before.lines().count(), "{before}\n{joined}");
    let path = format!("members[value eq \"{}\"]", known.user);
    planner.does("PATCH", &group, Some(&operation("remove", &path, &Value::Null)));
    let left = members();
    assert!(left.lines().count() < joined.lines().count(), "{joined}\n{left}");
}

fn operation(op: &str, path: &str, value: &Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": [{ "op": op, "path": path, "value": value }] })
}

/// What the gateway would refuse, the plan refuses too.
fn refusals(planner: &Planner<'_>, scim: &Scim, known: &Known) {
    let (user, group) = (known.user(), known.group());
    let person = json!({ "userName": "new" });
    let nothing = json!({ "name": { "familyName": "X" }, "password": PASSWORD });
    let stranger = json!({ "displayName": "new", "members": [{ "value": "no-such-id" }] });
    let its_id = operation("replace", "id", &json!("x"));
    let filter = format!("/Users?filter={}", encoded("shoeSize eq 1"));
    for (method, path, body, status) in [
        ("POST", "/Users", Some(&nothing), 400),
        ("POST", "/Users", Some(&json!({ "userName": "a\0b" })), 400),
        ("POST", "/Groups", Some(&stranger), 400),
        ("PUT", &user, Some(&nothing), 400),
        ("PUT", "/Users/no-such-id", Some(&person), 404),
        ("PATCH", &user, Some(&its_id), 400),
        ("PATCH", &group, Some(&operation("add", "members", &stranger["members"])), 400),
        ("PATCH", "/Users/no-such-id", Some(&operation("replace", "active", &json!(false))), 404),
        ("DELETE", "/Users/no-such-id", None, 404),
        ("DELETE", "/Users", None, 405),
        ("GET", &filter, None, 400),
        ("GET", "/Ships", None, 404),
    ] {
        refused(planner, scim, method, path, body, status);
    }
}

/// The plan says what a client would be told.
#[track_caller]
fn refused(planner: &Planner<'_>, scim: &Scim, method: &str, path: &str, body: Option<&Value>, status: u16) {
    let said = planner.refusal(method, path, body);
    assert_eq!(said, scim.send(method, path, body).is(status), "{method} {path}");
}

#[test]
fn of_what_was_asked_wrongly_is_refused_as_such() {
    let database = Database::of("plain");
    let planner = Planner::of(&database.target(TARGET, "plain"), &database);
    let body = json!({ "userName": "x" });
    for (method, body) in [("POST", None), ("GET", Some(&body)), ("HEAD", None)] {
        let done = planner.run(method, "/Users", body);
        assert_eq!((done.status.code(), text(&done.stdout).as_str()), (Some(2), ""), "{method}");
        assert!(!done.stderr.is_empty());
    }
}

#[test]
fn of_a_sorted_list_is_sorted_by_sqlite3() {
    let database = Database::of("crm");
    let planner = Planner::of(&database.target(TARGET, "crm"), &database);
    let query = "/Users?attributes=userName&count=3&sortOrder=descending&sortBy=";
    let plan = planner.plan("GET", &format!("{query}userName"), None);
    let key = "substr(CAST(t.\"LoginName\" AS TEXT), 1, 256) COLLATE NOCASE";
    assert!(plan.contains(&format!(" ORDER BY {key} DESC NULLS FIRST, t.\"UserId\" LIMIT ")), "{plan}");
    let printed = database.carry_out(&plan);
    let last = database.rows("SELECT LoginName AS login FROM AppUser ORDER BY LoginName DESC LIMIT 3");
    let places: Vec<usize> =
        last.iter().map(|row| printed.find(row["login"].as_str().unwrap()).unwrap()).collect();
    assert!(places.len() == 3 && places.is_sorted(), "{printed}");
    // What is sorted here says so: everybody is looked at.
    assert!(planner.plan("GET", &format!("{query}emails"), None).contains("= 50001"));
    // Of several types, all statements; of none that can be meant, none.
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    let both = planner.plan("POST", "/.search", Some(&search));
    assert!(both.contains("FROM \"AppUser\"") && both.contains("FROM \"Role\""), "{both}");
    let filter = encoded("meta.resourceType eq \"Group\"");
    let one = planner.plan("GET", &format!("/?filter={filter}"), None);
    assert!(!one.contains("\"AppUser\" AS t") && one.contains("FROM \"Role\""), "{one}");
}

#[test]
fn of_a_body_on_standard_input() {
    let database = Database::of("plain");
    let planner = Planner::of(&database.target(TARGET, "plain"), &database);
    let mut command = gantry();
    command.args(["plan", "--config"]).arg(planner.folder.path().join("gantry.toml"));
    command.args(["--target", TARGET, "post", "/Users", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"userName\":\"from stdin\"}").unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && text(&done.stdout).contains("= 'from stdin'\n"));
}

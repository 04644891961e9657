//! `gantry init`: what it drafts of a backend that nobody wrote a mapping for passes `check --live` and is served as it is.
//! The requests are what an identity provider sends first; what they did is looked up with another client.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::directory::{self, Directory, SUFFIX};
use crate::support::gateway::{Gateway, gantry};
use crate::support::samba::{self, DOMAIN, Samba};
use crate::support::scim::Scim;
use crate::support::{output, run};

/// A draft, served.
pub struct Drafted {
    _gateway: Gateway,
    pub scim: Scim,
    pub mapping: String,
    _folder: TempDir,
}

impl Drafted {
    /// What `gantry init` makes when it is told this; served after `check --live` found nothing.
    #[track_caller]
    pub fn of(name: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("drafted");
        let done = run(gantry().arg("init").args(arguments).arg("--out").arg(&out));
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && said.contains("\nReady. ") && !said.contains("WRONG"), "{done:?}");
        let file = out.join("gantry.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let listen = format!("listen = \"127.0.0.1:0\"\n{}", crate::support::sqlserver::patience());
        std::fs::write(&file, text.replace("listen = \"127.0.0.1:8080\"\n", &listen)).unwrap();
        let checked = output(gantry().args(["check", "--live", "--config"]).arg(&file));
        assert!(checked.contains(&format!("ok: target {name} at /{name}/scim/v2")), "{checked}");
        let gateway = Gateway::serve_file(&file);
        let base = gateway.target(name).base;
        let token = std::fs::read_to_string(out.join("client-token")).unwrap();
        let mapping = std::fs::read_to_string(out.join("mapping/mapping.rhai")).unwrap();
        Self { _gateway: gateway, scim: Scim::new(&base, &token), mapping, _folder: folder }
    }

    /// How many there are of a type.
    #[track_caller]
    pub fn total(&self, endpoint: &str) -> u64 {
        self.scim.get(endpoint).is(200)["totalResults"].as_u64().unwrap()
    }

    /// That these lines stand in the mapping.
    #[track_caller]
    pub fn says(&self, lines: &[&str]) {
        // Comments are broken into lines, and a stand-in for SQL Server writes names small.
        let plain =
            |text: &str| text.split_whitespace().filter(|word| *word != "//").collect::<Vec<_>>().join(" ");
        let mapping = plain(&self.mapping).to_lowercase();
        for line in lines {
            assert!(mapping.contains(&plain(line).to_lowercase()), "{line}\n{}", self.mapping);
        }
    }

    /// A person and a group with that member, made.
    #[track_caller]
    pub fn create(&self, person: &Value, group: &str) -> [Value; 2] {
        let person = self.scim.post("/Users", person).is(201);
        let members = json!([{ "value": person["id"] }]);
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
        let group = self
            .scim
            .post("/Groups", &json!({ "schemas": schemas, "displayName": group, "members": members }))
            .is(201);
        [person, group]
    }

    /// PATCH of one attribute, and how the resource is then.
    #[track_caller]
    pub fn replace(&self, resource: &Value, path: &str, value: &Value) -> Value {
        let place = self.place(resource);
        let answer = self.scim.patch(&place, &json!([{ "op": "replace", "path": path, "value": value }]));
        assert!(matches!(answer.status, 200 | 204), "{:#}", answer.body);
        self.scim.get(&place).is(200)
    }

    /// DELETE, after which it is gone.
    #[track_caller]
    pub fn delete(&self, resource: &Value) {
        let place = self.place(resource);
        self.scim.delete(&place).is(204);
        self.scim.get(&place).is(404);
    }

    fn place(&self, resource: &Value) -> String {
        let location = resource["meta"]["location"].as_str().unwrap();
        location.strip_prefix(&self.scim.base).unwrap().to_owned()
    }
}

fn ada() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ada", "name": { "givenName": "Ada", "familyName": "Lovelace" }, "active": true,
        "emails": [{ "type": "work", "value": "ada@example.test" }],
    })
}

fn sqlite(name: &str, database: &Database) -> Drafted {
    // The target has the file's name.
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.keep().join(format!("{name}.db"));
    std::os::unix::fs::symlink(database.file(), &file).unwrap();
    Drafted::of(name, &["sqlite", "--file", file.to_str().unwrap()])
}

#[test]
fn of_the_classic_application() {
    let database = Database::of("crm");
    let drafted = sqlite("crm", &database);
    crm(&database, &drafted);
    drafted.says(&[
        r#".version("RowVer")"#,
        r#"attr("userName", "LoginName").required().unique().max_len(50); // 100 of 100 rows have one"#,
        r#"Seen: "A" 88, "L" 4, "T" 4, nothing 4. Here "A" is taken for active, and not active is written as "T"."#,
    ]);
}

/// What can be done with a draft of the classic application, in whatever database.
pub fn crm(database: &Database, drafted: &Drafted) {
    drafted.says(&[
        r#"resource("User").table("AppUser").id("UserId")"#,
        r#".lookup("dept", "Department", "DeptId", "DeptId")"#,
        r#"attr("name.familyName", "LastName").missing("").max_len(40);"#,
        r#"attr("active", "StatusCd").values([["A", true], ["T", false], ["L", false]]);"#,
        r#"attr("phoneNumbers.type", "UserPhone.Kind").required().values([["W", "work"], ["M", "mobile"]]);"#,
        r#"attr(enterprise("manager"), "ManagerId").ref("User");"#,
        r#"initial("UserRole.GrantedBy", "gantry");"#,
        r#"rest("RoleScim", "RoleId", "Doc");"#,
    ]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (100, 12));
    let mut person = ada();
    person["phoneNumbers"] = json!([{ "type": "work", "value": "+44 1" }]);
    person["nickName"] = json!("Countess");
    let [person, group] = drafted.create(&person, "Programmers");
    assert_eq!(person["nickName"], "Countess");
    let person = drafted.replace(&person, "active", &json!(false));
    assert_eq!((&person["active"], &person["groups"][0]["value"]), (&json!(false), &group["id"]));
    let row = "SELECT FirstName, LastName, Email, StatusCd, ModifiedBy FROM AppUser WHERE LoginName = 'ada'";
    assert_eq!(
        database.rows(row),
        [json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.test", "StatusCd": "T",
            "ModifiedBy": "gantry" })]
    );
    let member = "SELECT r.RoleName, m.GrantedBy FROM UserRole m JOIN Role r ON r.RoleId = m.RoleId \
        JOIN AppUser u ON u.UserId = m.UserId WHERE u.LoginName = 'ada'";
    assert_eq!(database.rows(member), [json!({ "RoleName": "Programmers", "GrantedBy": "gantry" })]);
    let system =
        drafted.scim.find("/Groups", "displayName eq \"Administrators\"").is(200)["Resources"][0].clone();
    drafted.scim.delete(&drafted.place(&system)).is(403);
    drafted.delete(&group);
    drafted.delete(&person);
    assert_eq!(database.rows("SELECT UserId FROM AppUser WHERE LoginName = 'ada'"), [] as [Value; 0]);
}

#[test]
fn of_two_bare_tables() {
    let database = Database::of("plain");
    plain(&database, &sqlite("plain", &database));
}

/// What can be done with a draft of two bare tables, in whatever database.
pub fn plain(database: &Database, drafted: &Drafted) {
    drafted.says(&[r#"initial("Id", uuid());"#, r#"rest("Users", "Id", "Doc");"#]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (0, 0));
    let [person, group] = drafted.create(&ada(), "Programmers");
    let person = drafted.replace(&person, "name.familyName", &json!("King"));
    assert_eq!(person["name"], json!({ "givenName": "Ada", "familyName": "King" }));
    assert_eq!(database.rows("SELECT UserName FROM Users"), [json!({ "UserName": "ada" })]);
    drafted.delete(&group);
    drafted.delete(&person);
}

/// Of German names with blanks and quotes, keys of two columns, tables without a key.
#[test]
fn of_an_application_of_another_shape() {
    let database = Database::holding(&format!("\n{}", include_str!("../init/odd.sql")));
    odd(&database, &sqlite("odd", &database));
}

/// What can be done with a draft of it, in whatever database.
pub fn odd(database: &Database, drafted: &Drafted) {
    drafted.says(&[
        r#"resource("User").table("Mitarbeiter \"Stamm\"").id("Mandant", "Mitarbeiter Nummer")"#,
        r#".only(#{ "Mandant": "NORD" })"#,
        r#"attr("active", "Gesperrt").values([[false, true], [true, false]]);"#,
        r#"attr("phoneNumbers.type", "Mitarbeiter Telefon.Art").values([["Handy", "mobile"], ["dienstlich", "work"]]);"#,
        r#"Tables that looked alike, and were not taken: Mitarbeiter Historie (nothing tells its rows apart)."#,
        r#"Columns of Mitarbeiter "Stamm" without a line: Notiz\x."#,
    ]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (3, 2));
    let mut person = ada();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    person[enterprise] = json!({ "employeeNumber": "M-9", "department": "Einkauf" });
    person["phoneNumbers"] = json!([{ "type": "mobile", "value": "+49 171" }]);
    person["nickName"] = json!("Countess");
    let [person, group] = drafted.create(&person, "Prüfer");
    assert_eq!(person["nickName"], Value::Null, "no line stores it");
    assert_eq!(person["id"], "NORD.M-9");
    let person = drafted.replace(&person, "active", &json!(false));
    assert_eq!(person[enterprise]["department"], "Einkauf");
    assert_eq!(
        database.rows("SELECT Mandant, \"Nach Name\", Gesperrt, AbtNr FROM \"Mitarbeiter \"\"Stamm\"\"\" WHERE Benutzername = 'ada'"),
        [json!({ "Mandant": "NORD", "Nach Name": "Lovelace", "Gesperrt": 1, "AbtNr": 2 })]
    );
    let member = "SELECT \"Kürzel\" AS code, \"Vergeben von\" AS who FROM Zuordnung WHERE \"Mitarbeiter Nummer\" = 'M-9'";
    assert_eq!(database.rows(member), [json!({ "code": "Prüfer", "who": "gantry" })]);
    drafted.delete(&group);
    drafted.delete(&person);
    assert_eq!(database.rows("SELECT count(*) AS n FROM \"Mitarbeiter Telefon\""), [json!({ "n": 2 })]);
}

fn of_directory(directory: &Directory) -> Drafted {
    let (url, ca, password) = (directory.url(), directory.file("ca.pem"), directory.file("password"));
    let [ca, password] = [&ca, &password].map(|file| file.to_str().unwrap());
    let who = ["--bind-dn", directory::BIND_DN, "--bind-password-file", password];
    Drafted::of("directory", &[&["ldap", "--url", &url, "--ca", ca][..], &who].concat())
}

fn person(uid: &str, classes: &str, more: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\n{classes}uid: {uid}\ncn: {uid}\nsn: {uid}\n\
         mail: {uid}@example.test\n{more}\n"
    )
}

fn group(cn: &str, unit: &str, lines: &str) -> String {
    format!("dn: cn={cn},ou={unit},{SUFFIX}\ncn: {cn}\n{lines}\n")
}

/// Somebody and a group come, change and go.
fn life(drafted: &Drafted, directory: &Directory) {
    let [person, group] = drafted.create(&ada(), "Programmers");
    assert_eq!(person["active"], true);
    let entry = directory.person("ada").unwrap();
    assert_eq!([entry.one("sn"), entry.one("mail")], [Some("Lovelace"), Some("ada@example.test")]);
    let person = drafted.replace(&person, "active", &json!(false));
    assert_eq!(person["active"], false);
    let person = drafted.replace(&person, "name.familyName", &json!("King"));
    assert_eq!(directory.person("ada").unwrap().one("sn"), Some("King"));
    drafted.delete(&group);
    drafted.delete(&person);
    assert!(directory.person("ada").is_none() && directory.group("Programmers").is_none());
}

#[test]
fn of_an_openldap() {
    let people =
        [("anna", "manager: uid=bert,ou=people,dc=example,dc=test\nl: Kiel\n"), ("bert", ""), ("cem", "")];
    let mut entries: String = people.map(|(uid, more)| person(uid, "", more)).concat();
    let member = format!("objectClass: groupOfNames\nmember: uid=anna,ou=people,{SUFFIX}\n");
    entries.push_str(&group("Admins", "groups", &member));
    let directory = Directory::holding(&entries);
    let drafted = of_directory(&directory);
    drafted.says(&[
        r#"resource("User").base("ou=people,dc=example,dc=test").classes(["inetOrgPerson"]) .rdn("uid", "{userName}")"#,
        r#"attr("userName", "uid").required().unique(); 3 of 3 entries have it"#,
        r#"attr(`addresses[type eq "work"].locality`, "l"); 1 of 3 entries have it"#,
        r#"attr(enterprise("manager"), "manager").ref("User");"#,
        r#"attr("active", "pwdAccountLockedTime")"#,
        r#"attr("groups", "memberOf").many().read_only().ref("Group");"#,
        r#"attr("members", "member").many().ref("User", "Group").placeholder("cn=gantry-placeholder");"#,
    ]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (3, 1));
    life(&drafted, &directory);
}

/// People and groups without a number of SCIM's, but with those of POSIX.
#[test]
fn of_an_openldap_with_posix_accounts() {
    let account = |uid: &str, number: u32| {
        let more = format!(
            "uidNumber: {number}\ngidNumber: 200\nhomeDirectory: /home/{uid}\nloginShell: /bin/zsh\n"
        );
        person(uid, "objectClass: posixAccount\n", &more)
    };
    let mut entries = [account("anna", 1_000), account("bert", 1_001)].concat();
    entries.push_str(&group(
        "Admins",
        "groups",
        "objectClass: posixGroup\ngidNumber: 300\nmemberUid: anna\n",
    ));
    let directory = Directory::holding(&[&Directory::posix_entries(), entries.as_str()].concat());
    let drafted = of_directory(&directory);
    drafted.says(&[
        r#".classes(["inetOrgPerson", "posixAccount"])"#,
        r#"initial("uidNumber", counter("cn=uidNext,ou=people,dc=example,dc=test", "uidNumber"));"#,
        r#"initial("gidNumber", "200");"#,
        r#"initial("loginShell", "/bin/zsh");"#,
        r#"resource("Group").base("ou=groups,dc=example,dc=test").classes(["posixGroup"])"#,
        r#"attr("members", "memberUid").many().ref("User").by("uid");"#,
        r#"initial("gidNumber", counter("cn=gidNext,ou=posix,dc=example,dc=test", "gidNumber"));"#,
    ]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (2, 1));
    life(&drafted, &directory);

    // Without counters nobody knows the next number: people come without one, and groups not at all.
    let entries = entries.replace("dn: cn=Admins", "dn: cn=Others").replace("cn: Admins", "cn: Others");
    let directory = Directory::holding(&entries);
    let drafted = of_directory(&directory);
    drafted.says(&[
        r#".classes(["inetOrgPerson"])"#,
        "decide: 2 of them are POSIX accounts, and new people get none",
        r#".read_only().on_delete("refuse");"#,
    ]);
    let made = drafted.scim.post("/Users", &ada()).is(201);
    assert_eq!(drafted.total("/Groups"), 1);
    drafted.delete(&made);
}

#[test]
fn of_an_openldap_without_anybody() {
    let directory = Directory::start();
    let drafted = of_directory(&directory);
    drafted.says(&["No people were seen; ou=people,dc=example,dc=test is the place that is called so."]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (0, 0));
    life(&drafted, &directory);
}

#[test]
fn of_a_389_directory_server() {
    let entries: String = ["anna", "bert"].map(|uid| person(uid, "", "employeeNumber: 7\n")).concat();
    let directory = Directory::ds389_holding(&entries, "");
    let drafted = of_directory(&directory);
    drafted.says(&[
        r#".id("nsUniqueId")"#,
        r#"attr(enterprise("employeeNumber"), "employeeNumber"); 2 of 2 entries have it"#,
        r#"attr("active", "nsAccountLock")"#,
        r#"attr("members", "member").many().ref("User", "Group");"#,
    ]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (2, 0));
    life(&drafted, &directory);
}

#[test]
fn of_an_active_directory() {
    let samba = Samba::start();
    let (url, ca, password) = (samba.url(), samba.file("ca.pem"), samba.file("password"));
    let [ca, password] = [&ca, &password].map(|file| file.to_str().unwrap());
    let who = ["--bind-dn", samba::BIND_DN, "--bind-password-file", password];
    let drafted = Drafted::of("directory", &[&["ldap", "--url", &url, "--ca", ca][..], &who].concat());
    drafted.says(&[
        &format!(
            r#"resource("User").base("OU=people,{}")"#,
            DOMAIN.to_uppercase().replace("AD", "ad").replace("TEST", "test")
        )[..],
        r#".classes(["top", "person", "organizationalPerson", "user"])"#,
        r#"attr("userName", "sAMAccountName").required().unique().max_len(20);"#,
        r#"attr("active", "userAccountControl").values([[bit_clear(0x2), true], [bit_set(0x2), false]]);"#,
    ]);
    assert_eq!((drafted.total("/Users"), drafted.total("/Groups")), (0, 0));
    let mut person = ada();
    person["password"] = json!("Compl3x.enough.for.it");
    let [person, group] = drafted.create(&person, "Programmers");
    assert_eq!(person["active"], true);
    let person = drafted.replace(&person, "active", &json!(false));
    assert_eq!(person["active"], false);
    assert_eq!(samba.person("ada").unwrap().one("sn"), Some("Lovelace"));
    assert_eq!(samba.group("Programmers").unwrap().all("member").len(), 1);
    drafted.delete(&group);
    drafted.delete(&person);
    assert!(samba.person("ada").is_none());
}

#[test]
fn a_draft_of_a_file_leaves_it_as_it_was() {
    let database = Database::of("crm");
    let before = std::fs::read(database.file()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let init = |out: &Path| {
        run(gantry().args(["init", "sqlite", "--file"]).arg(database.file()).arg("--out").arg(out))
    };
    assert!(init(&out).status.success());
    assert_eq!(std::fs::read(database.file()).unwrap(), before);
    let mode = std::fs::metadata(out.join("client-token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What is there is not written over, and nothing is added to it.
    let token = std::fs::read(out.join("client-token")).unwrap();
    let again = init(&out);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already, and stays as it is"));
    assert_eq!(std::fs::read(out.join("client-token")).unwrap(), token);
    std::fs::remove_file(out.join("gantry.toml")).unwrap();
    assert_eq!(init(&out).status.code(), Some(2));
    assert!(!out.join("gantry.toml").exists());
}

/// Of what no draft can be made of, nothing stays.
#[test]
fn what_is_no_backend_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (out, other) = (
        folder.path().join("out"),
        Database::holding("CREATE TABLE Invoice (Id INTEGER PRIMARY KEY, Sum REAL)"),
    );
    let password = folder.path().join("password");
    std::fs::write(&password, "x").unwrap();
    let (nowhere, file) = (folder.path().join("nowhere.db"), other.file());
    let ldap = ["ldap", "--url", "ldaps://127.0.0.1:1", "--bind-dn", "cn=gw", "--bind-password-file"];
    let sql = [
        "sqlserver",
        "--host",
        "127.0.0.1",
        "--port",
        "1",
        "--database",
        "d",
        "--user",
        "u",
        "--password-file",
    ];
    let cases: [(&[&str], &Path, &str); 4] = [
        (&["sqlite", "--file"], &nowhere, "unable to open database file"),
        (&["sqlite", "--file"], &file, "no table looks like one of people"),
        (&sql, &password, "unavailable: "),
        (&ldap, &password, "unavailable: "),
    ];
    for (arguments, path, expected) in cases {
        let done = run(gantry().arg("init").args(arguments).arg(path).arg("--out").arg(&out));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
        assert!(
            ["gantry.toml", "client-token", "mapping/mapping.rhai"]
                .iter()
                .all(|name| !out.join(name).exists())
        );
    }
}

//! People in several tables (`tests/mappings/history`): a row that shares the person's key, jobs with effective dates, a
//! column that is written along, teams that know people by their logins. The whole life, looked up with another client.

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::gateway::Gateway;
use crate::support::scim::Scim;
use crate::support::told::doctor;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TEAM: &str = "urn:example:params:scim:schemas:history:2.0:Team";

struct Site<'a> {
    database: &'a Database,
    gateway: Gateway,
    scim: Scim,
}

// === impl Site ===

fn sqlite() -> Database {
    Database::holding(include_str!("../mappings/history/database.sql"))
}

impl<'a> Site<'a> {
    fn begin(database: &'a Database) -> Self {
        let gateway = Gateway::serve(&[database.target("hr", "../tests/mappings/history")]);
        let scim = gateway.target("hr");
        Self { database, gateway, scim }
    }

    fn person(&self, body: &Value) -> String {
        self.scim.post("/Users", body).is(201)["id"].as_str().unwrap().to_owned()
    }

    /// The history of somebody's jobs: how many days from today, the number, department, status, grade, by whom.
    fn jobs(&self, id: &str) -> Vec<Value> {
        let days = match self.database.is_sqlite() {
            true => "CAST(julianday(date(EffDt)) - julianday(date('now')) AS INTEGER)",
            false => "DATEDIFF(day, CAST(GETUTCDATE() AS DATE), EffDt)",
        };
        self.database.rows(&format!(
            "SELECT {days} AS Days, EffSeq, DeptId, Status, Grade, ChangedBy FROM EmployeeJob WHERE EmpId = {id} ORDER BY EffDt, EffSeq"
        ))
    }

    /// So many days from today, at noon or at its beginning, as the database writes it.
    fn day(&self, days: i32, at_noon: bool) -> String {
        match (self.database.is_sqlite(), at_noon) {
            (true, false) => format!("date('now', '{days:+} days')"),
            (true, true) => format!("date('now', '{days:+} days') || ' 12:00:00'"),
            (false, _) => {
                let hours = days * 24 + if at_noon { 12 } else { 0 };
                format!("DATEADD(hour, {hours}, CAST(CAST(GETUTCDATE() AS DATE) AS DATETIME2(0)))")
            }
        }
    }

    /// The userNames that a filter finds.
    fn found(&self, filter: &str) -> Vec<String> {
        let found = self.scim.find("/Users", filter).is(200);
        let names = found["Resources"].as_array().into_iter().flatten();
        names.map(|person| person["userName"].as_str().unwrap().to_owned()).collect()
    }
}

fn job(days: i64, seq: i64, department: Value, status: &str, grade: Value, by: &str) -> Value {
    json!({ "Days": days, "EffSeq": seq, "DeptId": department, "Status": status, "Grade": grade, "ChangedBy": by })
}

#[test]
fn a_person_is_rows_of_three_tables_with_one_key() {
    rows_of_three_tables(&sqlite());
}

pub fn rows_of_three_tables(database: &Database) {
    let mut site = Site::begin(database);
    let scim = &site.scim;
    let ada = site.person(&json!({
        "userName": "Ada", "active": true, "title": "Countess", "name": { "givenName": "Ada", "familyName": "King" },
        "phoneNumbers": [{ "type": "work", "value": "555" }], ENTERPRISE: { "employeeNumber": "B1", "department": "MATH" }
    }));
    let path = format!("/Users/{ada}");
    let person = json!({ "PersonId": 1, "LoginName": "Ada", "LoginNameLower": "ada", "FirstName": "Ada", "LastName": "King" });
    assert_eq!(database.rows("SELECT * FROM Person"), [person]);
    let employee = format!(
        "SELECT PersonId, BadgeNo, Phone, CASE WHEN HiredOn = {} THEN 1 ELSE 0 END AS Today, \
         CASE WHEN RecordNo LIKE '%-%-%-%-%' THEN 1 ELSE 0 END AS HasGuid, ChangedBy FROM Employee",
        site.day(0, false)
    );
    let hr = json!({ "PersonId": 1, "BadgeNo": "B1", "Phone": "555", "Today": 1, "HasGuid": 1, "ChangedBy": "gantry" });
    assert_eq!(database.rows(&employee), [hr]);
    assert_eq!(site.jobs(&ada), [job(0, 0, json!("MATH"), "A", Value::Null, "gantry")]);

    // What one column holds is shown at two places, and written at the first alone.
    let read = scim.get(&path).is(200);
    assert_eq!(
        (&read["userName"], &read["emails"]),
        (&json!("Ada"), &json!([{ "value": "Ada", "primary": true }]))
    );
    assert_eq!(
        (
            &read[ENTERPRISE]["employeeNumber"],
            &read[ENTERPRISE]["department"],
            &read["title"],
            &read["active"]
        ),
        (&json!("B1"), &json!("MATH"), &json!("Countess"), &json!(true))
    );
    for name in ["lower", "loginNameLower"] {
        assert!(!read.to_string().contains(name), "{read}");
    }

    let elsewhere = json!([{ "op": "replace", "path": "emails[primary eq true].value", "value": "x" }]);
    scim.patch(&path, &elsewhere).is_error(400, "mutability");

    // With nothing but a name: what the mapping gives parts is written, and reads as it does.
    let ben = site.person(&json!({ "userName": "ben" }));
    assert_eq!(
        database.rows("SELECT BadgeNo, ChangedBy FROM Employee WHERE PersonId = 2"),
        [json!({ "BadgeNo": null, "ChangedBy": "gantry" })]
    );
    assert_eq!(site.jobs(&ben), [job(0, 0, Value::Null, "A", Value::Null, "gantry")]);
    assert_eq!(scim.get(&format!("/Users/{ben}")).is(200)["active"], true);

    // PATCH: the copy follows, only what changes is written, and no new job for what is none.
    scim.patch(&path, &json!([{ "op": "replace", "path": "userName", "value": "ADA.King" }])).is(200);
    scim.patch(
        &path,
        &json!([{ "op": "replace", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "B2" }]),
    )
    .is(200);
    assert_eq!(
        database.rows("SELECT LoginName, LoginNameLower FROM Person WHERE PersonId = 1"),
        [json!({ "LoginName": "ADA.King", "LoginNameLower": "ada.king" })]
    );
    assert_eq!(
        database.rows("SELECT BadgeNo FROM Employee WHERE PersonId = 1"),
        [json!({ "BadgeNo": "B2" })]
    );
    assert_eq!(site.jobs(&ada).len(), 1);

    // PUT clears what is absent, in every table; the job's next row says so.
    scim.put(&path, &json!({ "userName": "ada", "active": true })).is(200);
    let row = "SELECT LoginNameLower, FirstName, LastName, BadgeNo, Phone FROM Person p \
               JOIN Employee e ON e.PersonId = p.PersonId WHERE p.PersonId = 1";
    assert_eq!(
        database.rows(row),
        [
            json!({ "LoginNameLower": "ada", "FirstName": null, "LastName": "", "BadgeNo": null, "Phone": null })
        ]
    );
    assert_eq!(site.jobs(&ada).last(), Some(&job(0, 1, Value::Null, "A", Value::Null, "gantry")));

    // Refused: taken in a part, too long, by a trigger, and what a constraint does not take. Nothing stays of it.
    scim.patch(&path, &json!([{ "op": "add", "value": { ENTERPRISE: { "employeeNumber": "B3" } } }])).is(200);
    let count = || {
        database.rows("SELECT (SELECT COUNT(*) FROM Person) AS p, (SELECT COUNT(*) FROM EmployeeJob) AS j")
    };
    let before = count();
    scim.post("/Users", &json!({ "userName": "eve", ENTERPRISE: { "employeeNumber": "B3" } }))
        .is_error(409, "uniqueness");
    scim.post("/Users", &json!({ "userName": "ADA" })).is_error(409, "uniqueness");
    scim.post("/Users", &json!({ "userName": "x".repeat(41) })).is_error(400, "invalidValue");
    let phones = json!([{ "type": "work", "value": "5".repeat(21) }]);
    scim.post("/Users", &json!({ "userName": "eve", "phoneNumbers": phones })).is_error(400, "invalidValue");
    let detail = scim.post("/Users", &json!({ "userName": "Root" })).is_error(400, "invalidValue");
    assert!(!detail.contains("NoRoot"), "{detail}");
    assert_eq!(count(), before);

    // An employee's row that is not there is made when there is something to say; the mapping's values are in it.
    database.change("DELETE FROM Employee WHERE PersonId = 2");
    assert_eq!(scim.get(&format!("/Users/{ben}")).is(200)["userName"], "ben");
    scim.patch(
        &format!("/Users/{ben}"),
        &json!([{ "op": "add", "value": { "name": { "givenName": "Ben" } } }]),
    )
    .is(200);
    assert!(database.rows("SELECT * FROM Employee WHERE PersonId = 2").is_empty());
    scim.patch(
        &format!("/Users/{ben}"),
        &json!([{ "op": "add", "value": { "phoneNumbers": [{ "type": "work", "value": "7" }] } }]),
    )
    .is(200);
    let hr = json!({ "PersonId": 2, "BadgeNo": null, "Phone": "7", "Today": 1, "HasGuid": 1, "ChangedBy": "gantry" });
    assert_eq!(database.rows(&format!("{employee} WHERE PersonId = 2")), [hr]);
    site.gateway.is_sound();
}

#[test]
fn the_job_in_force_is_read_and_a_change_is_the_next_row() {
    dated_rows(&sqlite());
}

pub fn dated_rows(database: &Database) {
    let site = Site::begin(database);
    let scim = &site.scim;
    let ada = site.person(&json!({ "userName": "ada", ENTERPRISE: { "department": "MATH" } }));
    let eve = site.person(&json!({ "userName": "eve", ENTERPRISE: { "department": "OPS" } }));
    let path = format!("/Users/{ada}");
    database.change(&format!(
        "DELETE FROM EmployeeJob WHERE EmpId = {ada};
         INSERT INTO EmployeeJob VALUES ({ada}, {}, 0, 'OLD', 'A', 1, NULL, 'hr');
         INSERT INTO EmployeeJob VALUES ({ada}, {}, 1, 'WRONG', 'L', 6, NULL, 'hr');
         INSERT INTO EmployeeJob VALUES ({ada}, {}, 2, 'POETRY', 'A', 7, 'Poet', 'hr');
         INSERT INTO EmployeeJob VALUES ({ada}, {}, 0, 'MOON', 'T', 9, NULL, 'hr')",
        site.day(-90, false),
        site.day(-30, true),
        site.day(-30, false),
        site.day(30, false)
    ));
    let history = site.jobs(&ada);
    let department = || scim.get(&path).is(200)[ENTERPRISE]["department"].clone();
    assert_eq!((department(), scim.get(&path).is(200)["active"].clone()), (json!("POETRY"), json!(true)));

    // Filters and the order mean the job in force, and no other of somebody's.
    let of = |name: &str| format!("{ENTERPRISE}:department eq \"{name}\"");
    for (filter, names) in [
        (of("POETRY"), vec!["ada"]),
        (of("OLD"), vec![]),
        (of("WRONG"), vec![]),
        (of("MOON"), vec![]),
        (format!("not ({})", of("OLD")), vec!["ada", "eve"]),
        (format!("not ({})", of("POETRY")), vec!["eve"]),
        (format!("{ENTERPRISE}:department pr"), vec!["ada", "eve"]),
        (format!("{ENTERPRISE}:department sw \"po\" and active eq true"), vec!["ada"]),
        ("active eq false".to_owned(), vec![]),
        ("active ne false".to_owned(), vec!["ada", "eve"]),
        ("title eq \"poet\"".to_owned(), vec!["ada"]),
        ("not (title pr)".to_owned(), vec!["eve"]),
        ("userName eq \"ada\"".to_owned(), vec!["ada"]),
        ("emails[primary eq true].value eq \"ada\"".to_owned(), vec!["ada"]),
        ("emails.value sw \"e\"".to_owned(), vec!["eve"]),
    ] {
        assert_eq!(site.found(&filter), names, "{filter}");
    }
    let listed = |order: &str| {
        let list = scim.get(&format!("/Users?sortBy={ENTERPRISE}:department&sortOrder={order}")).is(200);
        list["Resources"].as_array().unwrap().iter().map(|p| p["userName"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (listed("ascending"), listed("descending")),
        (vec![json!("eve"), json!("ada")], vec![json!("ada"), json!("eve")])
    );

    // A change is one more row from today: all else as in the one in force, what no line maps included.
    let go = |to: &str| {
        scim.patch(
            &path,
            &json!([{ "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": to }]),
        )
    };
    assert_eq!(go("LOGIC").is(200)[ENTERPRISE]["department"], "LOGIC");
    go("LOGIC").is(200);
    go("ALGEBRA").is(200);
    scim.patch(&path, &json!([{ "op": "replace", "path": "active", "value": false }])).is(200);
    let future = history.last().unwrap().clone();
    let mut expected = history.clone();
    expected.pop();
    expected.extend([
        job(0, 0, json!("LOGIC"), "A", json!(7), "gantry"),
        job(0, 1, json!("ALGEBRA"), "A", json!(7), "gantry"),
        job(0, 2, json!("ALGEBRA"), "T", json!(7), "gantry"),
        future,
    ]);
    assert_eq!(site.jobs(&ada), expected);
    assert_eq!(scim.get(&path).is(200)["title"], "Poet");
    assert_eq!(site.found("active eq false"), ["ada"]);

    // Who has only a job to come has none in force; the first change begins one today.
    database.change(&format!(
        "DELETE FROM EmployeeJob WHERE EmpId = {eve};
         INSERT INTO EmployeeJob VALUES ({eve}, {}, 3, 'MOON', 'T', 9, NULL, 'hr')",
        site.day(9, false)
    ));
    let read = scim.get(&format!("/Users/{eve}")).is(200);
    assert_eq!((read.get("active"), read.get("title")), (None, None));
    assert_eq!(site.found("not (active eq false)"), ["eve"]);
    scim.patch(&format!("/Users/{eve}"), &json!([{ "op": "add", "path": "title", "value": "Dr" }])).is(200);
    assert_eq!(
        site.jobs(&eve),
        [job(0, 0, Value::Null, "A", Value::Null, "gantry"), job(9, 3, json!("MOON"), "T", json!(9), "hr")]
    );

    // DELETE takes all of it: past, present and future.
    scim.delete(&path).is(204);
    assert!(site.jobs(&ada).is_empty());
    assert_eq!(
        database.rows("SELECT PersonId FROM Person UNION ALL SELECT PersonId FROM Employee"),
        [json!({ "PersonId": 2 }), json!({ "PersonId": 2 })]
    );
    scim.get(&path).is_error(404, "");
}

#[test]
fn teams_know_people_by_their_logins() {
    by_logins(&sqlite());
}

pub fn by_logins(database: &Database) {
    let site = Site::begin(database);
    let scim = &site.scim;
    let [ada, ben] = ["ada", "ben"].map(|name| site.person(&json!({ "userName": name })));
    let body =
        json!({ "displayName": "team", "members": [{ "value": ada }], TEAM: { "lead": { "value": ada } } });
    let team = scim.post("/Groups", &body).is(201);
    let path = format!("/Groups/{}", team["id"].as_str().unwrap());
    assert_eq!(team["members"][0]["value"], ada.as_str());
    assert!(team["members"][0]["$ref"].as_str().unwrap().ends_with(&format!("/Users/{ada}")), "{team}");
    let logins = || {
        let rows = database.rows("SELECT Login FROM TeamMember ORDER BY Login");
        rows.iter().map(|row| row["Login"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let lead = || database.rows("SELECT LeadLogin FROM Team")[0]["LeadLogin"].clone();
    assert_eq!((logins(), lead()), (vec!["ada".to_owned()], json!("ada")));

    let change = |op: &str, path: String, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    let join = |id: &str| scim.patch(&path, &change("add", "members".to_owned(), json!([{ "value": id }])));
    assert!(join(&ben).status < 300 && join(&ben).status < 300);
    assert_eq!(logins(), ["ada", "ben"]);
    join("999").is_error(400, "invalidValue");
    let teams = |filter: &str| scim.find("/Groups", filter).is(200)["totalResults"].clone();
    for (filter, count) in [
        (format!("members.value eq \"{ben}\""), 1),
        (format!("members eq \"{ben}\""), 1),
        (format!("not (members.value eq \"{ben}\")"), 0),
        ("members.value eq \"999\"".to_owned(), 0),
        ("members pr".to_owned(), 1),
        (format!("{TEAM}:lead.value eq \"{ada}\""), 1),
        (format!("not ({TEAM}:lead.value eq \"{ada}\")"), 0),
        (format!("{TEAM}:lead.value eq \"{ben}\""), 0),
    ] {
        assert_eq!(teams(&filter), count, "{filter}");
    }

    // Who is in it says so too: the rows there have a login, and no key.
    let groups = |id: &str| scim.get(&format!("/Users/{id}")).is(200).get("groups").cloned();
    let of_team = Some(json!([{ "value": team["id"], "$ref": team["meta"]["location"], "type": "Group" }]));
    let eve = site.person(&json!({ "userName": "eve" }));
    assert_eq!([groups(&ada), groups(&ben), groups(&eve)], [of_team.clone(), of_team.clone(), None]);
    let body = json!({ "displayName": "others", "members": [{ "value": eve }, { "value": ben }] });
    let others = scim.post("/Groups", &body).is(201);
    let (one, two) = (team["id"].as_str().unwrap(), others["id"].as_str().unwrap());
    let values = |list: &Value| -> Vec<(String, Vec<String>)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let people = list["Resources"].as_array().unwrap().iter();
        let groups = |person: &Value| {
            person["groups"].as_array().into_iter().flatten().map(|group| text(&group["value"])).collect()
        };
        people.map(|person| (text(&person["userName"]), groups(person))).collect()
    };
    for (filter, names) in [
        (format!("groups.value eq \"{one}\""), vec!["ada", "ben"]),
        (format!("groups[value eq \"{one}\"]"), vec!["ada", "ben"]),
        (format!("groups eq \"{two}\""), vec!["ben", "eve"]),
        (format!("groups.value eq \"{one}\" and groups.value eq \"{two}\""), vec!["ben"]),
        (format!("not (groups.value eq \"{one}\")"), vec!["eve"]),
        (format!("groups.value ne \"{two}\""), vec!["ada", "ben"]),
        (format!("not (groups[value eq \"{one}\" or value eq \"{two}\"])"), vec![]),
        ("groups pr".to_owned(), vec!["ada", "ben", "eve"]),
        ("groups.value eq \"999\"".to_owned(), vec![]),
    ] {
        assert_eq!(site.found(&filter), names, "{filter}");
    }
    // In pages and in any order everybody has their own.
    let page = |query: &str| values(&scim.get(&format!("/Users?attributes=userName,groups&{query}")).is(200));
    let is = |name: &str, groups: &[&str]| {
        (name.to_owned(), groups.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
    };
    let all = [is("ada", &[one]), is("ben", &[one, two]), is("eve", &[two])];
    assert_eq!(page("sortBy=userName"), all);
    assert_eq!(page("sortBy=userName&sortOrder=descending&count=2"), [all[2].clone(), all[1].clone()]);
    assert_eq!(page("sortBy=userName&startIndex=2&count=1"), all[1..2]);
    assert_eq!(
        page(&format!("sortBy=userName&filter=groups.value%20eq%20%22{two}%22&count=1&startIndex=2")),
        all[2..]
    );
    // They are the groups' to change.
    let joins = change("add", "groups".to_owned(), json!([{ "value": two }]));
    scim.patch(&format!("/Users/{ada}"), &joins).is_error(400, "mutability");
    scim.delete(&format!("/Groups/{two}")).is(204);
    assert_eq!([groups(&ben), groups(&eve)], [of_team.clone(), None]);
    scim.delete(&format!("/Users/{eve}")).is(204);

    // A rename follows; a login that leads to nobody is no member.
    let rename = change("replace", "userName".to_owned(), json!("countess"));
    scim.patch(&format!("/Users/{ada}"), &rename).is(200);
    assert_eq!((logins(), lead()), (vec!["ben".to_owned(), "countess".to_owned()], json!("countess")));
    assert_eq!(groups(&ada), of_team);
    assert_eq!(site.found(&format!("groups.value eq \"{one}\"")), ["countess", "ben"]);
    assert_eq!(scim.get(&path).is(200)[TEAM]["lead"]["value"], ada.as_str());
    database.change("INSERT INTO TeamMember SELECT TeamId, 'ghost' FROM Team");
    assert_eq!(scim.get(&path).is(200)["members"].as_array().unwrap().len(), 2);
    assert!(
        scim.patch(&path, &json!([{ "op": "remove", "path": format!("members[value eq \"{ben}\"]") }]))
            .status
            < 300
    );
    assert_eq!(logins(), ["countess", "ghost"]);
    assert_eq!(groups(&ben), None);

    // Who is gone leaves nothing behind that the next with this login would find.
    scim.delete(&format!("/Users/{ada}")).is(204);
    assert_eq!((logins(), lead()), (vec!["ghost".to_owned()], Value::Null));
    let next = site.person(&json!({ "userName": "countess" }));
    assert_eq!(groups(&next), None);
    assert_eq!(scim.get(&path).is(200).get("members"), None);
    assert_eq!(teams("members pr"), 0);
    scim.delete(&path).is(204);
    assert!(logins().is_empty());
}

#[test]
fn doctor_tells_what_a_change_would_lose_and_what_is_there_twice() {
    let sql = include_str!("../mappings/history/database.sql");
    let told = |sql: &str| {
        let database = Database::holding(sql);
        doctor(&[database.target("hr", "../tests/mappings/history")], &[])
    };
    let (said, is_well) = told(sql);
    assert!(is_well, "{said}");
    for (old, new, says) in [
        (
            "Grade INTEGER,",
            "Grade INTEGER, Location TEXT,",
            "would insert a row of EmployeeJob without Location",
        ),
        ("Grade INTEGER,", "", "EmployeeJob has no column Grade"),
        ("PRIMARY KEY (EmpId, EffDt, EffSeq)", "CHECK (EffSeq >= 0)", "tell its rows apart"),
        (
            "  PersonId INTEGER PRIMARY KEY REFERENCES Person,",
            "  PersonId INTEGER,",
            "it would be there twice",
        ),
        (
            "BadgeNo TEXT UNIQUE",
            "BadgeNo TEXT",
            "hr.BadgeNo is said to be unique, and no UNIQUE constraint of Employee",
        ),
        (
            "LoginName TEXT NOT NULL UNIQUE",
            "LoginName TEXT NOT NULL",
            "references by LoginName would mean several",
        ),
        ("LoginNameLower TEXT NOT NULL UNIQUE,", "", "Person has no column LoginNameLower"),
    ] {
        assert!(sql.contains(old), "{old}");
        let sql = sql.replacen(old, new, 1);
        let sql = if says.contains("no column LoginNameLower") {
            sql.split("CREATE TRIGGER").next().unwrap()
        } else {
            &sql
        };
        let (said, is_well) = told(sql);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!is_well && said.contains(says), "{new}: {said}");
    }
}

//! Who is in the backends: the same 10,000 people and 500 groups of 20 members in both.

use std::fmt::Write as _;

use crate::support::database::Database;
use crate::support::directory::SUFFIX;

pub const PEOPLE: usize = 10_000;
pub const GROUPS: usize = 500;
/// Members of each group at the start; person `n` is in group `n / MEMBERS`.
pub const MEMBERS: usize = PEOPLE / GROUPS;

/// The SCIM ids of people and groups, each at its number.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    pub people: Vec<String>,
    pub groups: Vec<String>,
}

/// A person's login.
pub fn login(number: usize) -> String {
    format!("person{number:05}")
}

/// Entries for slapadd.
pub fn ldif() -> String {
    let mut ldif = String::new();
    for number in 0..PEOPLE {
        let (login, group) = (login(number), number / MEMBERS);
        write!(
            ldif,
            "\ndn: uid={login},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: First Last{number}\n\
             sn: Last{number}\ngivenName: First\ndisplayName: First Last{number}\nmail: {login}@example.test\n\
             telephoneNumber: +49 30 {number:06}\ntitle: Engineer\nemployeeNumber: {number}\n\
             memberOf: cn=group{group:03},ou=groups,{SUFFIX}\n"
        )
        .unwrap();
    }
    for group in 0..GROUPS {
        write!(
            ldif,
            "\ndn: cn=group{group:03},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: group{group:03}\n\
             member: cn=gantry-placeholder\n"
        )
        .unwrap();
        for number in group * MEMBERS..(group + 1) * MEMBERS {
            writeln!(ldif, "member: uid={},ou=people,{SUFFIX}", login(number)).unwrap();
        }
    }
    ldif
}

/// Fills the demo's database up. Its own sample makes room.
pub fn fill(database: &Database) {
    database.change(&format!(
        "PRAGMA foreign_keys = OFF;
         BEGIN;
         DELETE FROM UserRole; DELETE FROM UserPhone; DELETE FROM Role; DELETE FROM AppUser;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {PEOPLE})
         INSERT INTO AppUser (UserId, LoginName, FirstName, LastName, Email, StatusCd, DeptId, ModifiedBy, ModifiedUtc)
         SELECT i + 1, printf('person%05d', i), 'First', 'Last' || i, printf('person%05d@example.test', i), 'A',
                i % 8 + 1, 'bench', '2026-01-05T08:00:00Z' FROM n;
         INSERT INTO UserPhone SELECT UserId, 'W', printf('+49 30 %06d', UserId) FROM AppUser;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {GROUPS})
         INSERT INTO Role (RoleId, RoleName) SELECT i + 1, printf('group%03d', i) FROM n;
         INSERT INTO UserRole SELECT UserId, (UserId - 1) / {MEMBERS} + 1, 'bench' FROM AppUser;
         COMMIT;
         ANALYZE;"
    ));
}

/// The ids in that database.
pub fn sqlite() -> Ids {
    let numbers = |count: usize| (1..=count).map(|number| number.to_string()).collect();
    Ids { people: numbers(PEOPLE), groups: numbers(GROUPS) }
}

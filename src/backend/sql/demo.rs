//! The demo's databases: the classic application database with sample people, and two bare tables.

use std::path::Path;

use rusqlite::{Connection, Transaction, params};

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demo {
    /// The classic application database with about 100 people.
    Crm,
    /// Two bare tables, empty.
    Plain,
}

const DEPARTMENTS: [&str; 8] =
    ["Sales", "Engineering", "Finance", "Human Resources", "Legal", "Marketing", "Operations", "Support"];
const ROLES: [(&str, bool); 12] = [
    ("Administrators", true),
    ("Everyone", true),
    ("Account Managers", false),
    ("Approvers", false),
    ("Auditors", false),
    ("Contract Readers", false),
    ("Customer Editors", false),
    ("Invoice Clerks", false),
    ("Key Users", false),
    ("Report Viewers", false),
    ("Shift Leads", false),
    ("Ticket Agents", false),
];
const FIRST_NAMES: [&str; 20] = [
    "Amina", "Bjørn", "Chiara", "Dmitri", "Elif", "Fatima", "Gustavo", "Hana", "Ingrid", "João", "Kwame",
    "Leila", "Mateusz", "Ngozi", "Oisín", "Priya", "Quynh", "Rafael", "Siobhán", "Tomáš",
];
const LAST_NAMES: [&str; 25] = [
    "Adeyemi",
    "Bianchi",
    "Castillo",
    "Dubois",
    "Eriksson",
    "Fernández",
    "García",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "Larsen",
    "Müller",
    "Nguyen",
    "O'Brien",
    "Petrov",
    "Quispe",
    "Rossi",
    "Sato",
    "Tanaka",
    "Usman",
    "Varga",
    "Wójcik",
    "Yılmaz",
    "Zhang",
];
/// People in the sample.
const PEOPLE: u32 = 100;

// === impl Demo ===

impl Demo {
    fn schema(self) -> &'static str {
        match self {
            Self::Crm => include_str!("demo/crm.sql"),
            Self::Plain => include_str!("demo/plain.sql"),
        }
    }

    fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Crm => &["AppUser", "Department", "UserPhone", "Role", "UserRole", "UserScim", "RoleScim"],
            Self::Plain => &["Users", "Groups", "Members"],
        }
    }
}

/// Makes the database at `path`, with its sample, unless it is there already. A file with other tables is an
/// error that says so, and stays untouched.
pub fn create(path: &Path, demo: Demo) -> Result<(), String> {
    let told = |error: rusqlite::Error| format!("{}: {error}", path.display());
    let mut connection = Connection::open(path).map_err(told)?;
    let known = tables(&connection).map_err(told)?;
    if known.is_empty() {
        let transaction = connection.transaction().map_err(told)?;
        transaction.execute_batch(demo.schema()).map_err(told)?;
        if demo == Demo::Crm {
            fill(&transaction).map_err(told)?;
        }
        return transaction.commit().map_err(told);
    }
    match demo.tables().iter().all(|table| known.iter().any(|name| name == table)) {
        true => Ok(()),
        false => {
            Err(format!("{} holds other tables than this demo's ({})", path.display(), known.join(", ")))
        }
    }
}

fn tables(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    names.query_map([], |row| row.get(0))?.collect()
}

fn fill(transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    for name in DEPARTMENTS {
        transaction.execute("INSERT INTO Department (Name) VALUES (?1)", [name])?;
    }
    for (name, is_system) in ROLES {
        transaction
            .execute("INSERT INTO Role (RoleName, IsSystem) VALUES (?1, ?2)", params![name, is_system])?;
    }
    for number in 1..=PEOPLE {
        person(transaction, number)?;
    }
    Ok(())
}

/// One person of the sample; the same at every start.
fn person(transaction: &Transaction<'_>, number: u32) -> Result<(), rusqlite::Error> {
    let first = pick(&FIRST_NAMES, number);
    let last = pick(&LAST_NAMES, number * 7 + number / 20);
    let login = format!("{}.{}{number}", plain(first), plain(last));
    let department = number % 8 + 1;
    // The first person of each department leads it.
    let manager = (number > 8).then_some((number - 1) % 8 + 1);
    let status = match number % 25 {
        0 => Some("T"),
        7 => Some("L"),
        13 => None,
        _ => Some("A"),
    };
    transaction.execute(
        "INSERT INTO AppUser (LoginName, FirstName, LastName, Email, StatusCd, DeptId, ManagerId, ModifiedBy, ModifiedUtc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'sample', '2026-01-05T08:00:00Z')",
        params![login, first, last, format!("{login}@crm.example.test"), status, department, manager],
    )?;
    transaction.execute(
        "INSERT INTO UserPhone VALUES (?1, 'W', ?2)",
        params![number, format!("+49 30 5550 {number:04}")],
    )?;
    if number.is_multiple_of(3) {
        transaction.execute(
            "INSERT INTO UserPhone VALUES (?1, 'M', ?2)",
            params![number, format!("+49 170 555 {number:04}")],
        )?;
    }
    for role in [1, number % 10 + 2] {
        let name = ROLES.get(role as usize).map_or("", |(name, _)| name);
        transaction.execute(
            "INSERT INTO UserRole SELECT ?1, RoleId, 'sample' FROM Role WHERE RoleName = ?2",
            params![number, name],
        )?;
    }
    Ok(())
}

fn pick(names: &[&'static str], number: u32) -> &'static str {
    names.iter().cycle().nth(number as usize).copied().unwrap_or_default()
}

/// A name for a login: lower-case ASCII letters.
fn plain(name: &str) -> String {
    let letter = |c: char| match c {
        'á' | 'ã' => Some('a'),
        'é' => Some('e'),
        'í' | 'ı' => Some('i'),
        'ó' | 'ø' => Some('o'),
        'ü' => Some('u'),
        'š' => Some('s'),
        c => c.is_ascii_alphabetic().then_some(c),
    };
    name.to_lowercase().chars().filter_map(letter).collect()
}

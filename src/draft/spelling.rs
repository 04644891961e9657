//! What people call things in tables, in English and in German, against SCIM's names.

/// What a column of people may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// What a person logs in by.
    Login,
    /// A text of a person, at this path.
    Text,
    /// Whether a person is active: a code or a truth value.
    Active,
    /// The same turned round.
    Inactive,
    /// The day on which a person leaves.
    Leaves,
    Created,
    Changed,
    CreatedBy,
    ChangedBy,
    Password,
    Version,
}

/// Something that a column may hold.
#[derive(Debug)]
pub(super) struct Known {
    pub means: Means,
    /// SCIM's path, as a mapping writes it.
    pub path: &'static str,
    /// How much a column of that name says that a table holds people.
    pub weight: usize,
    /// What it is called, in lower case without anything between the words.
    pub spelled: &'static [&'static str],
}

const fn known(means: Means, path: &'static str, weight: usize, spelled: &'static [&'static str]) -> Known {
    Known { means, path, weight, spelled }
}

/// What a person may have, in the order in which a mapping says it.
pub(super) const PERSON: [Known; 28] = [
    known(
        Means::Login,
        r#""userName""#,
        5,
        &[
            "loginname",
            "username",
            "login",
            "userlogin",
            "loginid",
            "userlogon",
            "logonname",
            "logon",
            "accountname",
            "samaccountname",
            "userprincipalname",
            "upn",
            "userid",
            "uid",
            "usercode",
            "logincd",
            "account",
            "benutzername",
            "benutzerkennung",
            "anmeldename",
            "kennung",
            "benutzerid",
            "benutzer",
            "user",
        ],
    ),
    known(Means::Text, r#""externalId""#, 1, &["externalid", "extid", "externeid", "externereferenz"]),
    known(
        Means::Text,
        r#""displayName""#,
        1,
        &["displayname", "fullname", "anzeigename", "commonname", "vollername", "name"],
    ),
    known(
        Means::Text,
        r#""name.givenName""#,
        2,
        &["firstname", "givenname", "forename", "fname", "vorname", "rufname", "given", "first", "firstnm"],
    ),
    known(Means::Text, r#""name.middleName""#, 1, &["middlename", "secondname", "zweitname", "middle"]),
    known(
        Means::Text,
        r#""name.familyName""#,
        2,
        &[
            "lastname",
            "familyname",
            "surname",
            "lname",
            "nachname",
            "familienname",
            "zuname",
            "sn",
            "last",
            "lastnm",
        ],
    ),
    known(Means::Text, r#""name.honorificPrefix""#, 0, &["titel", "anrede", "salutation", "nameprefix"]),
    known(
        Means::Text,
        r#""title""#,
        1,
        &["jobtitle", "title", "position", "funktion", "stellenbezeichnung", "berufsbezeichnung", "jobname"],
    ),
    known(
        Means::Text,
        r#""preferredLanguage""#,
        0,
        &["preferredlanguage", "language", "lang", "sprache", "languagecode"],
    ),
    known(Means::Text, r#""locale""#, 0, &["locale", "culture", "gebietsschema"]),
    known(Means::Text, r#""timezone""#, 0, &["timezone", "timezoneid", "zeitzone", "tz"]),
    known(
        Means::Text,
        r#"`emails[type eq "work"].value`"#,
        3,
        &[
            "email",
            "mail",
            "emailaddress",
            "mailaddress",
            "workemail",
            "businessemail",
            "primaryemail",
            "emailaddr",
            "emailadresse",
            "mailadresse",
            "emailwork",
            "emailgeschaeftlich",
            "emaildienstlich",
        ],
    ),
    known(
        Means::Text,
        r#"`emails[type eq "home"].value`"#,
        1,
        &["privateemail", "homeemail", "emailprivat", "emailhome"],
    ),
    known(
        Means::Text,
        r#"`phoneNumbers[type eq "work"].value`"#,
        1,
        &[
            "phone",
            "phonenumber",
            "telephone",
            "telephonenumber",
            "workphone",
            "businessphone",
            "officephone",
            "phoneno",
            "tel",
            "telefon",
            "telefonnummer",
            "rufnummer",
            "durchwahl",
            "telnr",
            "phonework",
        ],
    ),
    known(
        Means::Text,
        r#"`phoneNumbers[type eq "mobile"].value`"#,
        1,
        &[
            "mobile",
            "mobilephone",
            "mobilenumber",
            "cellphone",
            "cell",
            "mobil",
            "handy",
            "mobiltelefon",
            "mobilnummer",
            "phonemobile",
            "mobileno",
        ],
    ),
    known(
        Means::Text,
        r#"`phoneNumbers[type eq "fax"].value`"#,
        0,
        &["fax", "faxnumber", "telefax", "faxnummer"],
    ),
    known(
        Means::Active,
        r#""active""#,
        1,
        &[
            "isactive",
            "active",
            "enabled",
            "isenabled",
            "aktiv",
            "istaktiv",
            "statuscd",
            "statuscode",
            "userstatus",
            "accountstatus",
            "status",
            "zustand",
        ],
    ),
    known(
        Means::Inactive,
        r#""active""#,
        1,
        &[
            "isdisabled",
            "disabled",
            "islocked",
            "locked",
            "inactive",
            "isinactive",
            "gesperrt",
            "istgesperrt",
            "blocked",
            "isblocked",
            "inaktiv",
            "deaktiviert",
            "suspended",
            "issuspended",
        ],
    ),
    known(
        Means::Leaves,
        r#""active""#,
        1,
        &[
            "leaveson",
            "termdate",
            "terminationdate",
            "terminatedon",
            "leftat",
            "lefton",
            "exitdate",
            "enddate",
            "validto",
            "validuntil",
            "austritt",
            "austrittsdatum",
            "austrittam",
            "gueltigbis",
        ],
    ),
    known(
        Means::Text,
        r#"enterprise("employeeNumber")"#,
        2,
        &[
            "employeenumber",
            "employeeno",
            "employeenr",
            "empno",
            "empnumber",
            "staffno",
            "staffnumber",
            "badgeno",
            "personnelnumber",
            "personnelno",
            "personalnummer",
            "personalnr",
            "persnr",
            "mitarbeiternummer",
            "mitarbeiternr",
            "employeeid",
            "empid",
        ],
    ),
    known(
        Means::Text,
        r#"enterprise("department")"#,
        1,
        &[
            "department",
            "dept",
            "departmentname",
            "deptname",
            "orgunit",
            "abteilung",
            "abteilungsname",
            "abt",
        ],
    ),
    known(
        Means::Text,
        r#"enterprise("costCenter")"#,
        0,
        &["costcenter", "costcentre", "kostenstelle", "kst"],
    ),
    known(
        Means::Password,
        r#""password""#,
        2,
        &[
            "passwordhash",
            "pwdhash",
            "passwdhash",
            "hashedpassword",
            "passhash",
            "password",
            "passwd",
            "pwd",
            "kennwort",
            "passwort",
            "passworthash",
        ],
    ),
    known(
        Means::Version,
        "",
        0,
        &["rowver", "rowversion", "recordversion", "version", "lockversion", "rowstamp"],
    ),
    known(
        Means::Created,
        r#""meta.created""#,
        0,
        &[
            "created",
            "createdat",
            "createdon",
            "createdutc",
            "createddate",
            "creationdate",
            "createdatutc",
            "datecreated",
            "erstellt",
            "erstelltam",
            "angelegt",
            "angelegtam",
            "anlagedatum",
        ],
    ),
    known(
        Means::Changed,
        r#""meta.lastModified""#,
        0,
        &[
            "modified",
            "modifiedat",
            "modifiedon",
            "modifiedutc",
            "modifieddate",
            "lastmodified",
            "updated",
            "updatedat",
            "updatedon",
            "lastupdated",
            "changed",
            "changedat",
            "changedon",
            "lastchange",
            "datemodified",
            "geaendert",
            "geaendertam",
            "aenderungsdatum",
        ],
    ),
    known(
        Means::CreatedBy,
        "",
        0,
        &["createdby", "createdbyuser", "erstelltvon", "angelegtvon", "insertedby"],
    ),
    known(
        Means::ChangedBy,
        "",
        0,
        &["modifiedby", "updatedby", "changedby", "lastmodifiedby", "lastupdatedby", "geaendertvon"],
    ),
];

/// Names of what people lead to, and SCIM's path of its name.
pub(super) const LOOKUPS: [(&str, &str, &[&str]); 4] = [
    (
        "dept",
        r#"enterprise("department")"#,
        &["department", "dept", "orgunit", "abteilung", "abt", "organisationseinheit"],
    ),
    ("division", r#"enterprise("division")"#, &["division", "bereich", "geschaeftsbereich", "businessunit"]),
    ("costs", r#"enterprise("costCenter")"#, &["costcenter", "costcentre", "kostenstelle"]),
    (
        "org",
        r#"enterprise("organization")"#,
        &["organization", "organisation", "company", "firma", "gesellschaft"],
    ),
];

/// Who leads a person.
pub(super) const MANAGERS: &[&str] = &[
    "manager",
    "boss",
    "supervisor",
    "reportsto",
    "lead",
    "chief",
    "mgr",
    "vorgesetzter",
    "vorgesetzte",
    "chef",
    "leiter",
];
/// Tables of people.
pub(super) const PEOPLE: &[&str] = &[
    "user",
    "person",
    "people",
    "employee",
    "staff",
    "account",
    "member",
    "benutzer",
    "mitarbeiter",
    "personal",
    "anwender",
];
/// Tables of groups.
pub(super) const GROUPS: &[&str] =
    &["role", "group", "team", "authority", "permissionset", "rolle", "gruppe", "berechtigung", "mannschaft"];
/// Tables of who is in which group.
pub(super) const MEMBERSHIPS: &[&str] =
    &["member", "userrole", "usergroup", "mitglied", "zuordnung", "assignment", "rollen"];
/// Tables that are no longer, or not yet, what they are called.
pub(super) const SHADOWS: &[&str] = &[
    "audit", "log", "hist", "archiv", "backup", "bak", "old", "tmp", "temp", "staging", "import", "copy",
    "kopie", "alt",
];
/// What a thing is called by.
pub(super) const NAMES: &[&str] = &[
    "displayname",
    "name",
    "title",
    "label",
    "bezeichnung",
    "text",
    "titel",
    "kuerzel",
    "code",
    "description",
    "beschreibung",
];
/// Columns for a phone number in a table of phones.
pub(super) const NUMBERS: &[&str] = &[
    "phonenumber",
    "number",
    "num",
    "no",
    "phone",
    "value",
    "telephone",
    "telefon",
    "nummer",
    "rufnummer",
    "telefonnummer",
];
/// Columns for an address in a table of e-mail addresses.
pub(super) const ADDRESSES: &[&str] =
    &["emailaddress", "address", "email", "mail", "value", "adresse", "emailadresse", "mailadresse"];
/// Columns that say of which kind something is.
pub(super) const KINDS: &[&str] = &["kind", "type", "typ", "art", "typecd", "kindcd", "label", "usage"];
/// Columns that mark what belongs to the application itself.
pub(super) const SYSTEMS: &[&str] = &[
    "issystem",
    "system",
    "isbuiltin",
    "builtin",
    "systemrole",
    "issystemrole",
    "systemrolle",
    "isprotected",
];

/// Columns of a key that say whose a row is.
pub(super) const TENANTS: &[&str] =
    &["tenant", "mandant", "client", "company", "organization", "site", "firma", "customer"];
/// Columns for what no line stores.
pub(super) const DOCUMENTS: &[&str] = &["scim", "scimdoc", "doc", "scimdocument", "document"];

/// What stands before the word proper in many names of columns.
const PREFIXES: &[&str] = &[
    "user",
    "usr",
    "person",
    "pers",
    "employee",
    "emp",
    "account",
    "acct",
    "staff",
    "mitarbeiter",
    "benutzer",
    "str",
    "txt",
    "fld",
];

/// A name as it is compared: letters and digits in lower case, German letters written out.
pub(super) fn plain(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'ä' => written.push_str("ae"),
            'ö' => written.push_str("oe"),
            'ü' => written.push_str("ue"),
            'ß' => written.push_str("ss"),
            c if c.is_alphanumeric() => written.push(c),
            _ => {}
        }
    }
    written
}

/// The same of a table's own name, in the singular and without its schema.
pub(super) fn singular(table: &str) -> String {
    let name = plain(table.rsplit('.').next().unwrap_or(table));
    match name.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => name.strip_suffix('s').filter(|stem| !stem.ends_with('s')).unwrap_or(&name).to_owned(),
    }
}

/// How well a column's name is one of these: 0 is best; `None` not at all. What the table is called, or what columns often
/// begin with, may stand before it.
pub(super) fn rank(column: &str, table: &str, spelled: &[&str]) -> Option<usize> {
    let name = plain(column);
    let place = |name: &str| spelled.iter().position(|known| *known == name);
    if let Some(at) = place(&name) {
        return Some(at);
    }
    let table = singular(table);
    let prefixes = PREFIXES.iter().copied().chain([table.as_str()]);
    let stripped = prefixes.filter_map(|prefix| name.strip_prefix(prefix)).filter_map(place).min();
    stripped.map(|at| spelled.len() + at)
}

/// Whether a table's name has one of these words in it.
pub(super) fn speaks_of(table: &str, words: &[&str]) -> bool {
    let name = plain(table.rsplit('.').next().unwrap_or(table));
    words.iter().any(|word| name.contains(word))
}

/// Whether a column leads, by its name, to the thing that is called so: `DeptId`, `dept_no`, `Abteilung`.
pub(super) fn leads_to(column: &str, words: &[&str]) -> bool {
    let name = plain(column);
    let stem = ["id", "no", "nr", "key", "code", "fk", "ref"].iter().find_map(|end| name.strip_suffix(end));
    words.iter().any(|word| name == *word || stem == Some(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_however_they_are_written() {
        let given = PERSON[3].spelled;
        for name in ["FirstName", "first_name", "FIRST NAME", "usr_Vorname", "EmpFirstName", "Vorname"] {
            assert!(rank(name, "Employee", given).is_some(), "{name}");
        }
        assert!(rank("LastName", "Employee", given).is_none());
        assert_eq!(plain("Geändert_Am (ß)"), "geaendertamss");
        assert_eq!(
            ["dbo.Roles", "Companies", "Staff", "Access"].map(singular),
            ["role", "company", "staff", "access"]
        );
        assert!(
            leads_to("Dept_ID", &["dept"])
                && leads_to("Abteilung", &["abteilung"])
                && !leads_to("Deputy", &["dept"])
        );
    }

    #[test]
    fn nothing_has_two_meanings() {
        let mut all: Vec<&str> = PERSON.iter().flat_map(|known| known.spelled).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|name| plain(name) == *name));
    }
}

//! A mapping of a directory. The ready mappings in `mappings` are its models.

use super::entries::{self, Place};
use super::resource::Line;
use super::script::{Script, count, list, literal};
use crate::survey::directory::{Directory, Server};

/// An attribute of people, and where SCIM has it. Those that are not usual are mapped when somebody has them.
struct Usual {
    path: &'static str,
    attribute: &'static str,
    is_usual: bool,
}

const fn usual(path: &'static str, attribute: &'static str, is_usual: bool) -> Usual {
    Usual { path, attribute, is_usual }
}

const PERSON: [Usual; 18] = [
    usual(r#""displayName""#, "displayName", true),
    usual(r#""name.givenName""#, "givenName", true),
    usual(r#""title""#, "title", true),
    usual(r#""userType""#, "employeeType", false),
    usual(r#""preferredLanguage""#, "preferredLanguage", true),
    usual(r#"`emails[type eq "work"].value`"#, "mail", true),
    usual(r#"`phoneNumbers[type eq "work"].value`"#, "telephoneNumber", true),
    usual(r#"`phoneNumbers[type eq "mobile"].value`"#, "mobile", true),
    usual(r#"`phoneNumbers[type eq "fax"].value`"#, "facsimileTelephoneNumber", false),
    usual(r#"`phoneNumbers[type eq "home"].value`"#, "homePhone", false),
    usual(r#"`addresses[type eq "work"].streetAddress`"#, "street", false),
    usual(r#"`addresses[type eq "work"].streetAddress`"#, "streetAddress", false),
    usual(r#"`addresses[type eq "work"].locality`"#, "l", false),
    usual(r#"`addresses[type eq "work"].region`"#, "st", false),
    usual(r#"`addresses[type eq "work"].postalCode`"#, "postalCode", false),
    usual(r#"enterprise("department")"#, "department", false),
    usual(r#"enterprise("department")"#, "departmentNumber", false),
    usual(r#"enterprise("organization")"#, "company", false),
];
/// What a group has to have somebody in it where it may not be empty.
const PLACEHOLDER: &str = "cn=gantry-placeholder";
const REFINT: &[&str] = &["refint", "referential integrity postoperation"];
const MEMBER_OF: &[&str] = &["memberof", "dynlist", "memberof plugin"];

/// The mapping's text.
pub fn mapping(directory: &Directory) -> String {
    let people = entries::place(directory, &directory.people, entries::PEOPLE);
    let groups = entries::place(directory, &directory.groups, entries::GROUPS);
    let mut script = Script::default();
    script.comment(&format!("{}: people and groups.", name(directory.server)));
    script.comment(
        "This is a draft, made of what was seen in the directory. What something else could be meant by is marked `decide:`; \
         every verb stands in mappings/README.md.",
    );
    script.blank();
    let draft = Draft { directory, people: &people, groups: &groups };
    draft.person(&mut script);
    script.blank();
    draft.group(&mut script);
    script.text()
}

fn name(server: Server) -> &'static str {
    match server {
        Server::OpenLdap => "OpenLDAP",
        Server::Ds389 => "389 Directory Server",
        Server::ActiveDirectory => "Active Directory",
        Server::Other => "A directory",
    }
}

struct Draft<'a> {
    directory: &'a Directory,
    people: &'a Place<'a>,
    groups: &'a Place<'a>,
}

impl Draft<'_> {
    fn is_of_microsoft(&self) -> bool {
        self.directory.server == Server::ActiveDirectory
    }

    fn counter(&self, attribute: &str) -> Option<&str> {
        let found = self.directory.counters.iter().find(|(counted, _)| counted == attribute);
        found.map(|(_, dn)| dn.as_str()).filter(|dn| !dn.contains('{'))
    }

    /// Whether somebody else keeps the names of members when an entry is renamed; as far as is known.
    fn follows_names(&self) -> bool {
        self.is_of_microsoft() || self.directory.is_on(REFINT) != Some(false)
    }

    /// The classes of a new person, and why no person can be made.
    fn classes(&self) -> (Vec<&'static str>, Option<String>) {
        let people = self.people;
        let number = "uidNumber, the number that a POSIX account must have, has no counter";
        match () {
            () if self.is_of_microsoft() => (vec!["top", "person", "organizationalPerson", "user"], None),
            () if people.entries.is_empty() || people.mostly("inetOrgPerson") => {
                let is_posix = self.counter("uidNumber").is_some()
                    && (people.entries.is_empty() || people.mostly("posixAccount"));
                (if is_posix { vec!["inetOrgPerson", "posixAccount"] } else { vec!["inetOrgPerson"] }, None)
            }
            () if people.mostly("posixAccount") => {
                let structural = if people.mostly("account") { "account" } else { "organizationalPerson" };
                let blocker = self.counter("uidNumber").is_none().then(|| number.to_owned());
                (vec![structural, "posixAccount"], blocker)
            }
            () => (vec!["organizationalPerson"], None),
        }
    }

    fn login(&self) -> &'static str {
        let has = |attribute| self.people.having(attribute) * 2 > self.people.entries.len();
        match () {
            () if self.is_of_microsoft() => "sAMAccountName",
            () if self.people.entries.is_empty() || has("uid") => "uid",
            () if has("mail") => "mail",
            () => "cn",
        }
    }

    /// What names a new person's entry: the attribute, and of what it is made.
    fn rdn(&self) -> (&'static str, &'static str) {
        let login = self.login();
        let seen = self.people.rdn().unwrap_or(login);
        match () {
            () if self.is_of_microsoft() => ("CN", "{displayName|userName}"),
            () if seen.eq_ignore_ascii_case("cn") && login != "cn" => ("cn", "{displayName|userName}"),
            () => (login, "{userName}"),
        }
    }

    fn person(&self, script: &mut Script) {
        let (classes, blocker) = self.classes();
        let is_posix = classes.contains(&"posixAccount");
        let (rdn, template) = self.rdn();
        script.comment(&self.people.heading("people"));
        let deeper = self.people.deeper();
        if deeper > 0 {
            script.decide(&format!(
                "where new people go: right below {}, while {} stand deeper. See \"The place of an entry\" in mappings/README.md.",
                self.people.base,
                count(deeper)
            ));
        }
        if !is_posix && self.people.of_class("posixAccount") > 0 {
            script.decide(&format!(
                "{} of them are POSIX accounts, and new people get none: no counter of numbers was found. With an entry that holds \
                 the next free uidNumber, take over what mappings/openldap-posix says of posixAccount.",
                count(self.people.of_class("posixAccount"))
            ));
        }
        let mut verbs = vec![self.base("User", &self.people.base, &classes)];
        verbs.extend(self.id());
        verbs.push(format!(".rdn({}, {})", literal(rdn), literal(template)));
        verbs.extend(self.version());
        let is_read_only = blocker.is_some();
        head(script, verbs, blocker.as_deref(), "User");
        let mut lines = self.names(rdn);
        lines.extend(self.usual());
        lines.extend(self.account());
        if is_posix && !is_read_only {
            lines.extend(self.posix());
        }
        write(script, &lines);
    }

    fn base(&self, resource: &str, base: &str, classes: &[&str]) -> String {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        format!("resource({}).base({}).classes([{}])", literal(resource), literal(base), list(&classes))
    }

    fn id(&self) -> Option<String> {
        (self.directory.server == Server::Ds389).then(|| ".id(\"nsUniqueId\")".to_owned())
    }

    fn version(&self) -> Option<String> {
        let attribute = match self.directory.server {
            Server::OpenLdap => "entryCSN",
            Server::ActiveDirectory => "uSNChanged",
            Server::Ds389 => {
                let is_on = self.directory.is_on(&["usn"]);
                let is_seen = self.people.having("entryUSN") + self.groups.having("entryUSN") > 0;
                if is_on != Some(true) && !is_seen {
                    return None;
                }
                "entryUSN"
            }
            Server::Other => return None,
        };
        Some(format!(".version({})", literal(attribute)))
    }

    /// What people are called by.
    fn names(&self, rdn: &str) -> Vec<Line> {
        let login = self.login();
        let bound = if login == "sAMAccountName" { ".max_len(20)" } else { "" };
        let mut lines = vec![
            attr("\"userName\"", login, &format!(".required().unique(){bound}"))
                .aside(self.people.told(login)),
        ];
        lines.push(match self.people.having("employeeNumber") {
            0 => attr("\"externalId\"", "employeeNumber", "")
                .decide("where the identity provider's own id of somebody is kept: nobody has an employeeNumber yet."),
            _ => attr("enterprise(\"employeeNumber\")", "employeeNumber", "").aside(self.people.told("employeeNumber")).decide(
                "where the identity provider's own id of somebody is kept, if it is to be: attr(\"externalId\", …) with an \
                 attribute that nobody uses.",
            ),
        });
        if !self.is_of_microsoft() {
            if !rdn.eq_ignore_ascii_case("cn") && login != "cn" {
                lines.push(
                    attr("\"name.formatted\"", "cn", ".missing(\"-\")")
                        .aside("the object class must have it"),
                );
            }
            lines.push(
                attr("\"name.familyName\"", "sn", ".missing(\"-\")").aside("the object class must have it"),
            );
        } else {
            lines.push(attr("\"name.familyName\"", "sn", "").aside(self.people.told("sn")));
        }
        lines
    }

    /// What is usual, and what was seen.
    fn usual(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for Usual { path, attribute, is_usual } in &PERSON {
            let is_wanted = *is_usual || self.people.having(attribute) > 0;
            let is_taken = lines.iter().any(|line| line.path == *path) || self.login() == *attribute;
            if is_wanted && !is_taken && self.directory.has(attribute) {
                lines.push(attr(path, attribute, "").aside(self.people.told(attribute)));
            }
        }
        if (self.people.having("manager") > 0 || self.is_of_microsoft()) && self.follows_names() {
            lines.push(
                attr("enterprise(\"manager\")", "manager", ".ref(\"User\")")
                    .aside(self.people.told("manager")),
            );
        }
        lines
    }

    /// Whether somebody may log in, by what, and which groups they are in.
    fn account(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let active =
            |attribute: &str, codes: &str| attr("\"active\"", attribute, &format!(".values({codes})"));
        match self.directory.server {
            Server::ActiveDirectory => {
                lines.push(active("userAccountControl", "[[bit_clear(0x2), true], [bit_set(0x2), false]]"));
            }
            Server::Ds389 => lines.push(active(
                "nsAccountLock",
                "[[(), true], [\"true\", false], [\"TRUE\", false], [any(), true]]",
            )),
            Server::OpenLdap
                if self.directory.has("pwdAccountLockedTime") && self.directory.is_on(&["ppolicy"]) != Some(false) =>
            {
                let codes = "[[(), true], [\"000001010000Z\", false], [any(), true]]";
                lines.push(active("pwdAccountLockedTime", codes).aside("ppolicy: locked for good"));
            }
            Server::OpenLdap | Server::Other => lines.push(Line::default().decide(
                "what says that an account is closed: no attribute for it was found. For instance attr(\"active\", \
                 \"employeeType\").values([[(), true], [\"closed\", false], [any(), true]]);",
            )),
        }
        let password = if self.is_of_microsoft() { "unicodePwd" } else { "userPassword" };
        lines.push(attr("\"password\"", password, ".write_only()").aside("the server hashes it"));
        let shows_groups = self.is_of_microsoft()
            || self.people.having("memberOf") > 0
            || self.directory.has("memberOf") && self.directory.is_on(MEMBER_OF) != Some(false);
        match shows_groups && self.by_name().is_none() {
            true => lines.push(attr("\"groups\"", "memberOf", ".many().read_only().ref(\"Group\")")),
            false => lines.push(Line::default().decide(
                "nothing at a person tells the groups that they are in (memberOf). Clients ask for \
                 /Groups?filter=members.value eq \"…\" then.",
            )),
        }
        lines.extend(times(self.directory.server));
        if self.is_of_microsoft() {
            let line = initial("userAccountControl", "512");
            lines.push(line.aside("an ordinary account; without a password it is closed"));
            lines.extend(self.principal());
        }
        lines
    }

    /// The other login of an Active Directory, when people have one of the domain's.
    fn principal(&self) -> Option<Line> {
        let suffix = self.people.usual_suffix("userPrincipalName")?;
        let given = literal(&format!("{{userName}}@{suffix}"));
        (!suffix.contains(['{', '}']))
            .then(|| initial("userPrincipalName", &given).aside(self.people.told("userPrincipalName")))
    }

    fn posix(&self) -> Vec<Line> {
        let Some(counter) = self.counter("uidNumber") else { return Vec::new() };
        let group =
            self.people.usual("gidNumber").filter(|gid| gid.bytes().all(|octet| octet.is_ascii_digit()));
        let shell =
            self.people.usual("loginShell").filter(|shell| !shell.contains('{')).unwrap_or("/bin/bash");
        vec![
            initial("uidNumber", &format!("counter({}, \"uidNumber\")", literal(counter))),
            initial("gidNumber", &literal(group.unwrap_or("100")))
                .decide("in which POSIX group a new account is first of all."),
            initial("homeDirectory", "\"/home/{userName}\""),
            initial("loginShell", &literal(shell)),
        ]
    }

    /// The attribute that holds names of members in place of DNs, of groups that are POSIX groups alone.
    fn by_name(&self) -> Option<&'static str> {
        let groups = self.groups;
        let is_posix = groups.mostly("posixGroup")
            && !groups.mostly("groupOfNames")
            && !groups.mostly("groupOfUniqueNames");
        (is_posix && !self.is_of_microsoft()).then_some("memberUid")
    }

    fn group(&self, script: &mut Script) {
        let unique = self.groups.mostly("groupOfUniqueNames");
        let (classes, member): (Vec<&str>, &str) = match self.by_name() {
            _ if self.is_of_microsoft() => (vec!["top", "group"], "member"),
            Some(member) => (vec!["posixGroup"], member),
            None if unique => (vec!["groupOfUniqueNames"], "uniqueMember"),
            None => (vec!["groupOfNames"], "member"),
        };
        let blocker = match self.by_name() {
            Some(_) if self.counter("gidNumber").is_none() => {
                Some("gidNumber, the number that a POSIX group must have, has no counter")
            }
            None if !self.follows_names() => Some(
                "nothing keeps the names of members when somebody is renamed or deleted: switch refint on (389 Directory \
                      Server: the plug-in referential integrity postoperation)",
            ),
            _ => None,
        };
        script.comment(&self.groups.heading("groups"));
        let mut verbs = vec![self.base("Group", &self.groups.base, &classes)];
        verbs.extend(self.id());
        verbs.push(format!(
            ".rdn({}, \"{{displayName}}\")",
            literal(if self.is_of_microsoft() { "CN" } else { "cn" })
        ));
        verbs.extend(self.version());
        head(script, verbs, blocker, "Group");
        let bound = if self.is_of_microsoft() { ".max_len(64)" } else { "" };
        let mut lines = vec![attr("\"displayName\"", "cn", &format!(".required().unique(){bound}"))];
        let external = if self.is_of_microsoft() { "info" } else { "businessCategory" };
        if self.groups.having(external) == 0 && self.by_name().is_none() && self.directory.has(external) {
            lines.push(attr("\"externalId\"", external, ""));
        }
        lines.push(self.members(member, &classes));
        lines.extend(times(self.directory.server));
        match (self.by_name().and(self.counter("gidNumber")), self.is_of_microsoft()) {
            (Some(counter), _) => {
                lines.push(initial("gidNumber", &format!("counter({}, \"gidNumber\")", literal(counter))));
            }
            (None, true) => lines.push(initial("sAMAccountName", "\"{displayName}\"")),
            (None, false) => {}
        }
        write(script, &lines);
    }

    fn members(&self, member: &str, classes: &[&str]) -> Line {
        if self.by_name().is_some() {
            return attr(
                "\"members\"",
                member,
                &format!(".many().ref(\"User\").by({})", literal(self.login())),
            );
        }
        let class = classes.last().map(|class| class.to_lowercase()).unwrap_or_default();
        let must = self.directory.must.get(&class).is_some_and(|must| must.contains(&member.to_lowercase()));
        let placeholder =
            if must { format!(".placeholder({})", literal(PLACEHOLDER)) } else { String::new() };
        let aside = if must { "at least one is a must: this one is hidden" } else { "" };
        attr("\"members\"", member, &format!(".many().ref(\"User\", \"Group\"){placeholder}")).aside(aside)
    }
}

fn attr(path: &str, native: &str, chained: &str) -> Line {
    Line::attr(path, &[native.to_owned()], chained)
}

fn initial(native: &str, given: &str) -> Line {
    Line::statement(format!("initial({}, {given});", literal(native)))
}

fn times(server: Server) -> [Line; 2] {
    let [created, changed] = match server {
        Server::ActiveDirectory => ["whenCreated", "whenChanged"],
        _ => ["createTimestamp", "modifyTimestamp"],
    };
    [("\"meta.created\"", created), ("\"meta.lastModified\"", changed)]
        .map(|(path, native)| attr(path, native, ".read_only()"))
}

/// The resource's own statement.
fn head(script: &mut Script, mut verbs: Vec<String>, blocker: Option<&str>, name: &str) {
    if let Some(blocker) = blocker {
        script
            .decide(&format!("how a {name} comes to be, or changes: {blocker}. Until then it is read-only."));
        verbs.push(".read_only().on_delete(\"refuse\")".to_owned());
    } else {
        verbs.push(".on_delete(\"delete\")".to_owned());
    }
    let last = verbs.len() - 1;
    for (at, verb) in verbs.iter().enumerate() {
        let (before, end) = (if at == 0 { "" } else { "  " }, if at == last { ";" } else { "" });
        script.line(&format!("{before}{verb}{end}"), "");
    }
    script.blank();
}

fn write(script: &mut Script, lines: &[Line]) {
    super::resource::write_lines(script, lines.iter());
}

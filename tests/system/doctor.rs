//! `gantry doctor`: what it says of backends that are as they should be, and of those that are not; and that `gantry
//! check --live` takes what is wrong for a mistake.

use super::support::database::Database;
use super::support::directory::{BIND_DN, Directory, SMALL_LIMITS, SUFFIX};
use super::support::samba::{DOMAIN, Samba};
use super::support::told::{check, doctor, says};
use super::support::{Server, free_port};

#[test]
fn a_directory_that_is_well() {
    let directory = Directory::holding(&format!(
        "dn: uid=ann,ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: ann\ncn: Ann\nsn: Ann\n"
    ));
    let (text, well) = doctor(&[directory.target("corp", "openldap")], &[]);
    assert!(well, "{text}");
    says(
        &text,
        &[
            "corp at /corp",
            &format!("ok    {}: OpenLDAP, over TLS, bound as cn=gw,{SUFFIX}", directory.url()),
            "If-Match is atomic",
            "note  User: 1 entries looked at; nobody has, or the account may not read: displayName",
            "note  Group: no entry below ou=groups",
        ],
    );
    assert!(!text.contains("gw-s3cret") && !text.contains("WRONG"), "{text}");

    // With --write it leaves nothing behind.
    let (text, well) = doctor(&[directory.target("corp", "openldap")], &["--write"]);
    assert!(well, "{text}");
    says(&text, &["entries below ou=people,dc=example,dc=test can be added, changed and deleted"]);
    assert!(directory.search(SUFFIX, "(objectClass=device)").is_empty());
}

#[test]
fn a_directory_that_gives_few_entries_a_search() {
    let people: String = (0..600)
        .map(|n| {
            format!(
                "dn: uid=p{n},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: x\nsn: x\n\n"
            )
        })
        .collect();
    let limits = "size.soft=500 size.hard=500 size.pr=400 size.prtotal=unlimited";
    let directory = Directory::tuned(&people, limits, "");
    let (text, well) = doctor(&[directory.target("corp", "openldap")], &[]);
    assert!(well, "{text}");
    says(&text, &["User: the server gives this account 500 entries a search", "User: 100 entries looked at"]);
}

#[test]
fn what_is_wrong_with_a_directory_is_said() {
    let directory = Directory::start();
    let target = directory.target("corp", "openldap");
    let misspelt = target.replace("people =", "external_id = \"employeeNumbr\", people =");
    let (text, well) = doctor(&[misspelt], &[]);
    assert!(!well);
    says(&text, &["WRONG User: the schema has no attribute employeeNumbr", "1 things are wrong"]);

    let elsewhere = target.replace("ou=groups,", "ou=teams,");
    let (text, well) = doctor(&[elsewhere], &[]);
    assert!(!well);
    says(&text, &["WRONG Group: the base ou=teams,dc=example,dc=test does not exist"]);

    std::fs::write(directory.file("password"), "another").unwrap();
    let (text, well) = doctor(&[target], &[]);
    assert!(!well);
    says(&text, &["WRONG ldaps://127.0.0.1", "the bind was refused"]);
    assert!(!text.contains("another"), "{text}");
}

/// What the mapping leaves to overlays and plug-ins is told where the account may see them, and else named.
#[test]
fn overlays_and_plug_ins_that_a_mapping_relies_on() {
    let config = format!(
        "database monitor\naccess to * by dn.exact=\"{BIND_DN}\" read\n\
         database config\naccess to * by dn.exact=\"{BIND_DN}\" read\n"
    );
    let mut directory = Directory::tuned("", SMALL_LIMITS, &config);
    let target = directory.target("corp", "openldap");
    let (text, well) = doctor(std::slice::from_ref(&target), &[]);
    assert!(well, "{text}");
    says(&text, &["OpenLDAP (2.", "ok    every overlay that the mapping relies on is on"]);

    for (overlay, instead, told) in [
        (
            "overlay refint\nrefint_attributes member\nrefint_nothing \"cn=gantry-placeholder\"\n",
            "",
            "refint (keeps members'",
        ),
        ("overlay ppolicy\nppolicy_use_lockout\nppolicy_hash_cleartext\n", "# ", "ppolicy (locks accounts)"),
    ] {
        directory.reconfigure(overlay, instead);
        let (text, well) = doctor(std::slice::from_ref(&target), &[]);
        assert!(!well, "{text}");
        says(&text, &["WRONG the mapping relies on the overlay", told]);
    }

    let plain = Directory::start();
    let (text, well) = doctor(&[plain.target("corp", "openldap")], &[]);
    assert!(well, "{text}");
    says(
        &text,
        &["note  which overlays are on this account cannot see; the mapping relies on memberof or dynlist"],
    );
}

#[test]
fn plug_ins_of_389_directory_server_that_are_off() {
    let seen = format!(
        "aci: (targetattr=\"*\")(version 3.0; acl \"doctor\"; allow (read, search, compare) userdn=\"ldap:///{BIND_DN}\";)\n"
    );
    let mut directory = Directory::ds389_holding("", &seen);
    let target = directory.target("corp", "389ds");
    let (text, well) = doctor(std::slice::from_ref(&target), &[]);
    assert!(well, "{text}");
    says(
        &text,
        &["389 Directory Server (389-Directory/", "ok    every plug-in that the mapping relies on is on"],
    );
    directory.kill();
    let file = directory.file("dse.ldif");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, usn) = text.split_once("dn: cn=USN,").unwrap();
    let off = usn.replacen("nsslapd-pluginEnabled: on", "nsslapd-pluginEnabled: off", 1);
    assert_ne!(usn, off);
    std::fs::write(&file, format!("{before}dn: cn=USN,{off}")).unwrap();
    directory.up();
    let (text, well) = doctor(&[target], &[]);
    assert!(!well, "{text}");
    says(
        &text,
        &["WRONG the mapping relies on the plug-in USN (counts the changes that versions are told by)"],
    );
}

#[test]
fn a_server_of_another_kind_than_the_configuration_says() {
    let directory = Directory::start();
    let target =
        directory.target("corp", "openldap").replace("[target.ldap]", "[target.ldap]\nserver = \"389ds\"");
    let (text, well) = doctor(&[target], &[]);
    assert!(!well, "{text}");
    says(&text, &["the configuration says that it is 389 Directory Server, the server itself says OpenLDAP"]);
}

#[test]
fn a_place_for_leavers_that_is_not_there() {
    let samba = Samba::start();
    let target = samba.target("corp", "active-directory", &leavers().replace("ou=leavers", "ou=left"));
    let (text, well) = doctor(&[target], &[]);
    assert!(!well, "{text}");
    says(&text, &[&format!("WRONG User: ou=left,{DOMAIN}, where leavers go, does not exist")]);
    assert!(!text.contains("may not make"), "{text}");
}

#[test]
fn an_active_directory_that_is_well() {
    let samba = Samba::start();
    let target = samba.target("corp", "active-directory", &leavers());
    let (text, well) = doctor(std::slice::from_ref(&target), &[]);
    assert!(well, "{text}");
    says(
        &text,
        &[
            ": Active Directory (",
            "), over TLS, bound as cn=gantry,cn=Users",
            "note  User: no entry shows which attributes the account may write; --write makes one of its own",
        ],
    );
    let (text, well) = doctor(std::slice::from_ref(&target), &["--write"]);
    assert!(well, "{text}");
    says(
        &text,
        &["ou=people", "ou=groups"]
            .map(|place| format!("entries below {place},{DOMAIN} can be added"))
            .each_ref()
            .map(String::as_str),
    );
    assert!(samba.search(DOMAIN, "(cn=gantry-doctor-*)").is_empty());

    samba.modify(&[person(), group()].concat());
    let (text, well) = doctor(&[target], &[]);
    assert!(well, "{text}");
    says(&text, &["ok    User: the account may make entries and write", "ok    Group: the account may make"]);
}

#[test]
fn what_an_account_in_active_directory_may_not_do_is_said() {
    let right = |right: &str| format!("\"CORP\\stranger:{right}\"");
    let allow = |place: &str, kind: &str, rights: &[&str]| {
        let rights: Vec<String> = rights.iter().map(|one| right(one)).collect();
        format!("dsacls \"OU={place},DC=\" {kind} /G {}\n", rights.join(" "))
    };
    let some = [
        allow("people", "/I:T", &["CC;user"]),
        allow("people", "/I:S", &["RPLC;;user", "WP;cn;user", "WP;sn;user"]),
    ];
    for (commands, says_of_people) in [
        (
            String::new(),
            format!("User: the account may not make entries of the class user below ou=people,{DOMAIN}"),
        ),
        (some.concat(), "User: the account may not write".to_owned()),
    ] {
        let samba = Samba::delegating("stranger", &commands);
        samba.modify(&[person(), group()].concat());
        let target =
            samba.target("corp", "active-directory", &leavers()).replace("cn=gantry,", "cn=stranger,");
        let (text, well) = doctor(std::slice::from_ref(&target), &[]);
        assert!(!well, "{text}");
        let advice = "delegate it as the README of the mapping `active-directory` says";
        says(
            &text,
            &[
                &format!("WRONG {says_of_people}"),
                &format!(
                    "WRONG User: the account may not make entries of the class user below ou=leavers,{DOMAIN}"
                ),
                &format!(
                    "WRONG Group: the account may not make entries of the class group below ou=groups,{DOMAIN}"
                ),
                "WRONG Group: the account may not write cn, info, member, sAMAccountName of CN=crew",
                advice,
            ],
        );
        if commands.is_empty() {
            continue;
        }
        // What it has is not named, what it lacks is.
        let line = text.lines().find(|line| line.contains(&says_of_people)).unwrap();
        let (lacking, _) = line.split_once(" of CN=").unwrap();
        let lacks = |name: &str| lacking.split([' ', ',']).any(|word| word == name);
        assert!(["displayName", "userAccountControl", "mail"].iter().all(|name| lacks(name)), "{line}");
        assert!(!["CN", "cn", "sn", "unicodePwd", "memberOf"].iter().any(|name| lacks(name)), "{line}");
    }

    // Rights that only show when they are used.
    let all = [
        allow("people", "/I:T", &["CC;user"]),
        allow("people", "/I:S", &["RPLC;;user"]),
        allow("groups", "/I:T", &["CCDC;group"]),
        allow("leavers", "/I:T", &["CC;user"]),
    ];
    let samba = Samba::delegating("stranger", &all.concat());
    let target = samba.target("corp", "active-directory", &leavers()).replace("cn=gantry,", "cn=stranger,");
    let (text, well) = doctor(&[target], &["--write"]);
    assert!(!well, "{text}");
    says(&text, &["the account may not set a password below ou=people", "is doctor's own, and stays"]);
    assert_eq!(samba.search(DOMAIN, "(cn=gantry-doctor-*)").len(), 1);
}

fn leavers() -> String {
    format!(", leavers = \"ou=leavers,{DOMAIN}\"")
}

fn person() -> String {
    format!("dn: cn=ann,ou=people,{DOMAIN}\nchangetype: add\nobjectClass: user\n\n")
}

fn group() -> String {
    format!("dn: cn=crew,ou=groups,{DOMAIN}\nchangetype: add\nobjectClass: group\n\n")
}

#[test]
fn each_server_of_a_directory_is_looked_at() {
    let directory = Directory::start();
    let nobody = format!("ldaps://127.0.0.1:{}", free_port());
    let url = format!("{:?}", directory.url());
    let target = directory.target("corp", "openldap").replace(&url, &format!("{nobody:?}, {url}"));
    let (text, well) = doctor(&[target], &[]);
    assert!(!well);
    says(&text, &[&format!("WRONG {nobody}: "), &format!("ok    {}: OpenLDAP", directory.url())]);
}

#[test]
fn databases() {
    let (crm, plain) = (Database::of("crm"), Database::of("plain"));
    let (text, well) = doctor(&[crm.target("crm", "crm"), plain.target("plain", "plain")], &["--write"]);
    assert!(well, "{text}");
    says(
        &text,
        &[
            "User: every table and column is there; AppUser has 100 rows",
            "the database can be written",
            "plain at",
        ],
    );

    let (text, well) = doctor(&[plain.target("other", "crm")], &[]);
    assert!(!well);
    says(&text, &["WRONG User: there is no table AppUser", "things are wrong"]);

    crm.change("ALTER TABLE UserPhone RENAME COLUMN Num TO Number");
    let (text, well) =
        doctor(&[crm.target("crm", "crm"), plain.target("plain", "plain")], &["--target", "crm"]);
    assert!(!well && !text.contains("plain at"), "{text}");
    says(&text, &["WRONG User: the table UserPhone has no column Num"]);

    let (text, well) = doctor(&[crm.target("crm", "crm")], &["--target", "none"]);
    assert!(!well);
    says(&text, &["no target none"]);
}

// === check --live ===

#[test]
fn a_mapping_that_its_directory_does_not_fit_is_a_mistake() {
    let (mut openldap, ds389, samba) = (Directory::start(), Directory::ds389(), Samba::start());
    samba.modify(&[person(), group()].concat());
    let targets = [
        openldap.target("corp", "openldap"),
        ds389.target("corp", "389ds"),
        samba.target("corp", "active-directory", ""),
    ];
    for target in &targets {
        let (text, well) = check(target, &["--live"]);
        assert!(well, "{text}");
        says(&text, &["ok: target corp at /corp/scim/v2"]);
        // Whoever does not look sees nothing.
        let misspelt = target.replace("people =", "external_id = \"employeeNumbr\", people =");
        assert!(check(&misspelt, &[]).1);
        let (text, well) = check(&misspelt, &["--live"]);
        assert!(!well, "{text}");
        says(
            &text,
            &[
                "error[G120]: User: the schema has no attribute employeeNumbr",
                "mapping.rhai:",
                "= help: it is the target corp",
            ],
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let misspelt = include_str!("../../mappings/openldap/mapping.rhai").replace("entryCSN", "entryCSM");
    std::fs::write(folder.path().join("mapping.rhai"), misspelt).unwrap();
    let (text, well) = check(&openldap.target("corp", folder.path().to_str().unwrap()), &["--live"]);
    assert!(!well, "{text}");
    says(&text, &["error[G120]: User: the schema has no attribute entryCSM", "mapping.rhai:6:12\n"]);
    openldap.kill();
    let (text, well) = check(&targets[0], &["--live"]);
    assert!(!well, "{text}");
    says(&text, &["error[G120]: ldaps://127.0.0.1", "--> target corp"]);
    assert!(check(&targets[0], &[]).1);
}

#[test]
fn a_class_that_the_schema_lacks_is_a_mistake_also_where_it_is_only_written() {
    let directory = Directory::start();
    let ready = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/openldap");
    let script = std::fs::read_to_string(ready.join("mapping.rhai")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = directory
        .target("corp", "openldap")
        .replace(ready.to_str().unwrap(), folder.path().to_str().unwrap());
    for (old, new, says_so) in [
        ("[\"inetOrgPerson\"]", "[\"inetOrgPersn\"]", "the schema has no object class inetOrgPersn"),
        (
            "resource(\"Group\")",
            "initial(\"employeType\", \"x\");\nresource(\"Group\")",
            "no attribute employeType",
        ),
    ] {
        std::fs::write(folder.path().join("mapping.rhai"), script.replace(old, new)).unwrap();
        let (text, well) = check(&target, &["--live"]);
        assert!(!well, "{text}");
        says(&text, &[says_so]);
    }
}

#[test]
fn a_mapping_that_its_database_does_not_fit_is_a_mistake_also_where_a_column_is_only_written() {
    let database = Database::of("crm");
    let target = database.target("crm", "crm");
    assert!(check(&target, &["--live"]).1);
    database.change("ALTER TABLE AppUser RENAME COLUMN PwdSalt TO Salt");
    let (text, well) = check(&target, &["--live"]);
    assert!(!well, "{text}");
    says(
        &text,
        &[
            "error[G120]: User: the table AppUser has no column PwdSalt",
            "mapping.rhai:",
            "PwdSalt",
            "the target crm",
        ],
    );
}

/// Whoever were given the number after the highest would get one that somebody else got at the same time, or had
/// before.
#[test]
fn a_counter_that_is_not_ahead_of_all_numbers_is_a_mistake() {
    let directory = Directory::posix();
    let target = directory.target("corp", "openldap-posix");
    let (text, well) = check(&target, &["--live"]);
    assert!(well, "{text}");
    let somebody = |number: u32| {
        let dn = format!("uid=n{number},ou=people,{SUFFIX}");
        directory.modify(&format!(
            "dn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\nuid: n{number}\n\
             cn: n\nsn: n\nuidNumber: {number}\ngidNumber: 1\nhomeDirectory: /\n"
        ));
    };
    let counter = directory.search(SUFFIX, "(cn=uidNext)").pop().unwrap();
    let next: u32 = counter.one("uidNumber").unwrap().parse().unwrap();
    somebody(next - 1);
    assert!(check(&target, &["--live"]).1);
    for number in [next, next + 7] {
        somebody(number);
        let (text, well) = check(&target, &["--live"]);
        assert!(!well, "{text}");
        says(
            &text,
            &[&format!("stands at {next}, and somebody has that number or a higher one"), "target corp"],
        );
        directory.modify(&format!("dn: uid=n{number},ou=people,{SUFFIX}\nchangetype: delete\n"));
    }
    assert!(check(&target, &["--live"]).1);
    directory.modify(&format!("dn: {}\nchangetype: delete\n", counter.dn));
    let (text, well) = check(&target, &["--live"]);
    assert!(!well, "{text}");
    says(&text, &["the counter cn=uidNext", "does not exist"]);
}

//! An OpenLDAP over TLS on loopback, looked into with `ldapsearch`. It has what the ready mapping asks
//! for: the overlays memberof, refint and ppolicy, and a service account. Its size limit is small, so that
//! whoever reads much must page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::{Server, certificates, free_port, output, run, started};

/// The suffix.
pub const SUFFIX: &str = "dc=example,dc=test";
/// The gateway's own account.
pub const BIND_DN: &str = "cn=gw,dc=example,dc=test";
/// Its password.
pub const PASSWORD: &str = "gw-s3cret";
/// So small that whoever reads much must page.
pub const SMALL_LIMITS: &str = "size.soft=500 size.hard=unlimited size.pr=400 size.prtotal=unlimited";
/// Where Debian has it; not on everybody's path.
pub const SLAPD: &str = "/usr/sbin/slapd";

/// What serves what is in the folder, at a port with TLS and, where it can, at one without.
pub(super) type Serve = fn(&Path, u16, u16) -> Command;

/// A running directory. Ends with this.
pub struct Directory {
    folder: TempDir,
    port: u16,
    plain_port: u16,
    command: Serve,
    server: Option<Child>,
}

/// An entry: its DN and its values by attribute in lower case.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub dn: String,
    pub values: BTreeMap<String, Vec<String>>,
}

// === impl Directory ===

impl Directory {
    /// An empty one: two organizational units, `people` and `groups`.
    pub fn start() -> Self {
        Self::holding("")
    }

    /// One that holds these entries, LDIF, from the start.
    pub fn holding(entries: &str) -> Self {
        Self::tuned(entries, SMALL_LIMITS, "")
    }

    /// One for POSIX accounts: beside the two units a third, `posix`, and the counters of both kinds of number.
    pub fn posix() -> Self {
        Self::posix_with("")
    }

    /// The same, its configuration ended by these lines.
    pub fn posix_with(last_lines: &str) -> Self {
        Self::tuned(&Self::posix_entries(), SMALL_LIMITS, last_lines)
    }

    /// The third unit and the counters, LDIF.
    pub fn posix_entries() -> String {
        let counter = |name: &str, place: &str, attribute: &str, next: u32| {
            format!(
                "dn: cn={name},ou={place},{SUFFIX}\nobjectClass: device\nobjectClass: extensibleObject\ncn: {name}\n\
                 {attribute}: {next}\n\n"
            )
        };
        [
            format!("dn: ou=posix,{SUFFIX}\nobjectClass: organizationalUnit\nou: posix\n\n"),
            counter("uidNext", "people", "uidNumber", 10_000),
            counter("gidNext", "posix", "gidNumber", 20_000),
        ]
        .concat()
    }

    /// One whose server gives the service account these limits (slapd.conf(5)), its configuration ended by
    /// these lines.
    pub fn tuned(entries: &str, limits: &str, last_lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        certificates::write(folder.path());
        std::fs::create_dir(path("db")).unwrap();
        std::fs::write(path("password"), PASSWORD).unwrap();
        std::fs::write(
            path("slapd.conf"),
            configuration(&folder.path().display().to_string(), limits, last_lines),
        )
        .unwrap();
        std::fs::write(path("base.ldif"), format!("{}\n{entries}", base())).unwrap();
        output(
            Command::new(SLAPD)
                .args(["-T", "add", "-q", "-f"])
                .arg(path("slapd.conf"))
                .arg("-l")
                .arg(path("base.ldif")),
        );
        Self::of(folder, |folder, port, plain_port| {
            let mut command = Command::new(SLAPD);
            let urls = format!("ldaps://127.0.0.1:{port} ldap://127.0.0.1:{plain_port}");
            command.args(["-d", "0", "-h", &urls, "-f"]);
            command.arg(folder.join("slapd.conf"));
            command
        })
    }

    /// Two with the same entries, ids and all; neither tells the other of what is written until it is told to
    /// [follow](Self::follow) it.
    pub fn twins() -> [Self; 2] {
        let [first, mut second] = [(); 2].map(|()| Self::start());
        second.kill();
        let data = "db/data.mdb";
        std::fs::copy(first.file(data), second.file(data)).unwrap();
        second.up();
        [first, second]
    }

    /// Starts the server anew, as one that takes over all that is written in the other, from the number of servers
    /// that this one is.
    pub fn follow(&mut self, other: &Self, number: usize) {
        let url = other.plain_url();
        let file = self.file("slapd.conf");
        let lines = format!(
            "moduleload syncprov\noverlay syncprov\n\
             syncrepl rid=00{number} provider={url} type=refreshAndPersist retry=\"1 +\" searchbase=\"{SUFFIX}\" \
             bindmethod=simple binddn=\"{BIND_DN}\" credentials={PASSWORD}\n\
             multiprovider on\n"
        );
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("serverID {number}\n{text}\n{lines}")).unwrap();
        self.kill();
        self.up();
    }

    /// One whose server is this command, started at a free port. Its folder holds `ca.pem` and `password`.
    pub(super) fn of(folder: TempDir, command: Serve) -> Self {
        let mut directory =
            Self { folder, port: free_port(), plain_port: free_port(), command, server: None };
        directory.up();
        directory
    }

    /// Starts the server anew, with a text of its configuration replaced by another.
    pub fn reconfigure(&mut self, old: &str, new: &str) {
        let file = self.file("slapd.conf");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{old}");
        std::fs::write(&file, text.replace(old, new)).unwrap();
        self.kill();
        self.up();
    }

    pub fn url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.port)
    }

    /// The same without TLS, unless the client begins it.
    pub fn plain_url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.plain_port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn plain_port(&self) -> u16 {
        self.plain_port
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of OpenLDAP's own clients, bound as the service account.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LDAPTLS_CACERT", self.file("ca.pem")).env_remove("LDAPCONF");
        command.args(["-x", "-H", &self.url(), "-D", BIND_DN, "-y"]).arg(self.file("password"));
        command
    }

    /// Whether somebody can bind with this password.
    pub fn binds(&self, dn: &str, password: &str) -> bool {
        let mut command = Command::new("ldapwhoami");
        command.env("LDAPTLS_CACERT", self.file("ca.pem")).env_remove("LDAPCONF");
        let done = run(command.args(["-x", "-H", &self.url(), "-D", dn, "-w", password]));
        // Invalid credentials, or unwilling to perform for an account that is closed.
        assert!(matches!(done.status.code(), Some(0 | 49 | 53)), "{done:?}");
        done.status.success()
    }

    /// The entries that an LDAP filter finds below a base, operational attributes too.
    #[track_caller]
    pub fn search(&self, base: &str, filter: &str) -> Vec<Entry> {
        let mut command = self.client("ldapsearch");
        command.args(["-LLL", "-o", "ldif-wrap=no", "-E", "pr=400/noprompt", "-b", base, filter, "*", "+"]);
        let text = output(&mut command);
        text.split("\n\n").filter_map(Entry::parse).collect()
    }

    /// The entry of a person with this uid.
    #[track_caller]
    pub fn person(&self, uid: &str) -> Option<Entry> {
        self.search(&format!("ou=people,{SUFFIX}"), &format!("(uid={})", escaped(uid))).pop()
    }

    /// The entry of a group with this cn.
    #[track_caller]
    pub fn group(&self, cn: &str) -> Option<Entry> {
        self.search(&format!("ou=groups,{SUFFIX}"), &format!("(cn={})", escaped(cn))).pop()
    }

    /// The entry of a posixGroup with this cn.
    #[track_caller]
    pub fn posix_group(&self, cn: &str) -> Option<Entry> {
        self.search(
            &format!("ou=posix,{SUFFIX}"),
            &format!("(&(objectClass=posixGroup)(cn={}))", escaped(cn)),
        )
        .pop()
    }

    /// Runs LDIF change records through `ldapmodify`.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        let file = self.file("change.ldif");
        std::fs::write(&file, ldif).unwrap();
        output(self.client("ldapmodify").arg("-f").arg(file));
    }
}

impl Server for Directory {
    fn up(&mut self) {
        let mut command = (self.command)(self.folder.path(), self.port, self.plain_port);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let missing = |cause| panic!("{command:?}: {cause}; scripts/test installs it");
        self.server = Some(child.unwrap_or_else(missing));
        started("the directory's start", || {
            run(self.client("ldapwhoami").env("LDAPTLS_REQCERT", "never")).status.success()
        });
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.server
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.kill();
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(value_of);
        let (_, dn) = lines.next()?;
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in lines {
            values.entry(name.to_lowercase()).or_default().push(value);
        }
        Some(Self { dn, values })
    }

    /// The values of an attribute.
    pub fn all(&self, attribute: &str) -> &[String] {
        self.values.get(&attribute.to_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first value of an attribute.
    pub fn one(&self, attribute: &str) -> Option<&str> {
        self.all(attribute).first().map(String::as_str)
    }
}

/// A line of LDIF: `name: value`, or `name:: ` and base64, which stays where it holds no text.
fn value_of(line: &str) -> (String, String) {
    let (name, rest) = line.split_once(':').unwrap();
    let value = match rest.strip_prefix(':') {
        Some(encoded) => {
            let octets = STANDARD.decode(encoded.trim()).unwrap();
            String::from_utf8(octets).unwrap_or_else(|_| encoded.trim().to_owned())
        }
        None => rest.trim_start().to_owned(),
    };
    (name.to_owned(), value)
}

/// A text as a value in a filter: every octet as hexadecimal digits, which RFC 4515 §3 allows.
pub(super) fn escaped(text: &str) -> String {
    text.bytes().map(|octet| format!("\\{octet:02x}")).collect()
}

fn configuration(folder: &str, limits: &str, last_lines: &str) -> String {
    format!(
        r#"
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient try
authz-regexp "^cn=gantry$" "{BIND_DN}"
sizelimit 500
database mdb
suffix "{SUFFIX}"
rootdn "cn=admin,{SUFFIX}"
directory {folder}/db
maxsize 1073741824
dbnosync
index objectClass,entryUUID,entryCSN,member,memberOf eq
index uid,cn,sn,mail,employeeNumber pres,eq,sub
index uidNumber,gidNumber,memberUid eq
limits dn.exact="{BIND_DN}" {limits}
access to attrs=userPassword by dn.exact="{BIND_DN}" write by anonymous auth by * none
access to * by dn.exact="{BIND_DN}" write by * none
overlay refint
refint_attributes member
refint_nothing "cn=gantry-placeholder"
overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
memberof-memberof-ad memberOf
memberof-refint TRUE
overlay ppolicy
ppolicy_use_lockout
ppolicy_hash_cleartext
ppolicy_default "cn=policy,{SUFFIX}"
{last_lines}"#
    )
}

fn base() -> String {
    format!(
        "dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n\
         dn: {BIND_DN}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: gw\nuserPassword: {PASSWORD}\n\n\
         dn: cn=policy,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\ncn: policy\n\
         pwdAttribute: userPassword\npwdLockout: TRUE\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n"
    )
}

//! An Active Directory over TLS on loopback: Samba's, looked into with `ldapsearch`. The domain is made once and
//! kept beside what cargo builds, which takes some twenty seconds; each server runs on a copy of it.

use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::directory::{Entry, escaped};
use super::{Server, certificates, free_port, output, run, started};

/// The domain.
pub const DOMAIN: &str = "dc=ad,dc=test";
/// The gateway's own account: it has the rights that the ready mapping's README gives it, and no others.
pub const BIND_DN: &str = "cn=gantry,cn=Users,dc=ad,dc=test";
/// Who may do everything: not the gateway.
const ADMINISTRATOR: &str = "cn=Administrator,cn=Users,dc=ad,dc=test";
/// The password of both.
pub const PASSWORD: &str = "gw-S3cret!23";
/// Where Debian has it; not on everybody's path.
const SAMBA: &str = "/usr/sbin/samba";
/// Debian's own Python has Samba's modules, another one may stand before it.
const PYTHON: &str = "/usr/bin/python3";

const SHIM: &str = include_str!("samba/ports.c");
const PROVISION: &str = include_str!("samba/provision.py");
const LOAD: &str = include_str!("samba/load.py");
const DELEGATE: &str = include_str!("samba/delegate.py");
const README: &str = include_str!("../../../mappings/active-directory/README.md");

/// A running domain controller. Ends with this.
pub struct Samba {
    folder: TempDir,
    port: u16,
    plain_port: u16,
    server: Option<Child>,
}

// === impl Samba ===

impl Samba {
    /// One with the organizational units `people`, with `Sales` and `IT` below it, `groups` and `leavers`.
    pub fn start() -> Self {
        Self::prepared(|_| {})
    }

    /// One that holds these entries too, LDIF, from the start.
    pub fn holding(entries: &str) -> Self {
        Self::prepared(|folder| run_python(folder, LOAD, &[], entries))
    }

    /// One in which this account, which is made when it is not there, has the rights that these commands of `dsacls`
    /// give it.
    pub fn delegating(account: &str, commands: &str) -> Self {
        Self::prepared(|folder| delegate(folder, account, commands))
    }

    fn prepared(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        output(Command::new("cp").arg("-R").arg(template().join(".")).arg(folder.path()));
        certificates::write(folder.path());
        output(Command::new("chmod").arg("600").arg(path("server.key")));
        std::fs::write(path("password"), PASSWORD).unwrap();
        std::fs::write(path("etc/smb.conf"), configuration(&folder.path().display().to_string())).unwrap();
        prepare(folder.path());
        let mut samba = Self { folder, port: free_port(), plain_port: free_port(), server: None };
        samba.up();
        samba
    }

    pub fn url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.port)
    }

    /// Where it listens without TLS.
    pub fn plain_port(&self) -> u16 {
        self.plain_port
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of OpenLDAP's clients, bound as an administrator.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.stranger(program);
        command.args(["-D", ADMINISTRATOR, "-y"]).arg(self.file("password"));
        command
    }

    /// One of OpenLDAP's clients, not bound.
    fn stranger(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LDAPTLS_CACERT", self.file("ca.pem")).env_remove("LDAPCONF");
        command.args(["-x", "-H", &self.url()]);
        command
    }

    /// Whether somebody can bind with this password.
    pub fn can_bind(&self, dn: &str, password: &str) -> bool {
        let file = self.file("tried");
        std::fs::write(&file, password).unwrap();
        let mut search = self.stranger("ldapsearch");
        let done = run(search.args(["-D", dn, "-s", "base", "-b", DOMAIN, "1.1", "-y"]).arg(file));
        let refused = done.status.code() == Some(49);
        assert!(done.status.success() || refused, "{}", String::from_utf8_lossy(&done.stderr));
        done.status.success()
    }

    /// The entries that an LDAP filter finds below a base.
    #[track_caller]
    pub fn search(&self, base: &str, filter: &str) -> Vec<Entry> {
        let mut command = self.client("ldapsearch");
        command.args(["-LLL", "-o", "ldif-wrap=no", "-E", "pr=400/noprompt", "-b", base, filter, "*"]);
        command.args(["uSNChanged", "createTimestamp"]);
        output(&mut command).split("\n\n").filter_map(Entry::parse).collect()
    }

    /// The entry of a person with this sAMAccountName.
    #[track_caller]
    pub fn person(&self, login: &str) -> Option<Entry> {
        self.search(&format!("ou=people,{DOMAIN}"), &format!("(sAMAccountName={})", escaped(login))).pop()
    }

    /// The entry of a group with this cn.
    #[track_caller]
    pub fn group(&self, cn: &str) -> Option<Entry> {
        self.search(&format!("ou=groups,{DOMAIN}"), &format!("(cn={})", escaped(cn))).pop()
    }

    /// Runs LDIF change records through `ldapmodify`.
    #[track_caller]
    pub fn modify(&self, ldif: &str) {
        output(&mut self.modification(ldif));
    }

    /// What runs them.
    pub fn modification(&self, ldif: &str) -> Command {
        let file = self.file("change.ldif");
        std::fs::write(&file, ldif).unwrap();
        let mut command = self.client("ldapmodify");
        command.arg("-f").arg(file);
        command
    }
}

impl Server for Samba {
    fn up(&mut self) {
        let mut command = Command::new(SAMBA);
        command
            .args(["--foreground", "--no-process-group", "--model=single", "-s"])
            .arg(self.file("etc/smb.conf"));
        command.env("LD_PRELOAD", self.file("ports.so"));
        command.env("PORT_636", self.port.to_string()).env("PORT_389", self.plain_port.to_string());
        for fixed in ["3268", "3269"] {
            command.env(format!("PORT_{fixed}"), free_port().to_string());
        }
        // It ends when its standard input does, so that not even a test that is killed leaves it behind.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server =
            Some(child.unwrap_or_else(|cause| panic!("{SAMBA}: {cause}; scripts/test installs it")));
        started("samba's start", || {
            run(self.client("ldapsearch").args(["-s", "base", "-b", DOMAIN])).status.success()
        });
    }

    fn process(&mut self) -> &mut Option<Child> {
        &mut self.server
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The text form of an objectGUID that `ldapsearch` gave as base64, or as text where its octets are some.
pub fn guid(value: &str) -> String {
    let decoded = STANDARD.decode(value).ok();
    let octets = decoded.filter(|octets| octets.len() == 16).unwrap_or_else(|| value.as_bytes().to_vec());
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let digits: String = order.map(|at: usize| format!("{:02x}", octets[at])).concat();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// A domain that nothing has happened in yet but that the gateway's account has its rights, with what preloads.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let made_by = BuildHasherDefault::<DefaultHasher>::default().hash_one((
            SHIM,
            PROVISION,
            PASSWORD,
            DELEGATE,
            delegations(),
        ));
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("samba-domain-{made_by:016x}"));
        if !kept.is_dir() {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            make_domain(folder.path());
            // Another run may have been quicker; its domain is as good.
            let _ = std::fs::rename(folder.path(), &kept);
        }
        kept
    })
}

fn make_domain(folder: &Path) {
    let path = |name: &str| folder.join(name);
    std::fs::create_dir(path("etc")).unwrap();
    std::fs::write(path("ports.c"), SHIM).unwrap();
    std::fs::write(path("provision.py"), PROVISION).unwrap();
    output(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(path("ports.so"))
            .arg(path("ports.c"))
            .arg("-ldl"),
    );
    output(Command::new(PYTHON).arg(path("provision.py")).arg(folder).arg(PASSWORD));
    let policy = ["--complexity=on", "--min-pwd-length=7", "--min-pwd-age=0", "--history-length=0"];
    output(
        Command::new("samba-tool")
            .args(["domain", "passwordsettings", "set"])
            .args(policy)
            .arg("-H")
            .arg(path("private/sam.ldb"))
            .arg("-s")
            .arg(path("etc/smb.conf")),
    );
    let units = ["people", "groups", "leavers", "Sales,ou=people", "IT,ou=people"];
    let unit = |name: &str| format!("dn: ou={name},{DOMAIN}\nobjectClass: organizationalUnit\n\n");
    run_python(folder, LOAD, &[], &units.map(unit).concat());
    delegate(folder, "gantry", &delegations());
}

/// What delegates rights to the gateway's account, as the README of the ready mapping tells administrators.
fn delegations() -> String {
    README.lines().filter(|line| line.starts_with("dsacls ")).map(|line| format!("{line}\n")).collect()
}

fn delegate(folder: &Path, account: &str, commands: &str) {
    run_python(folder, DELEGATE, &[account, PASSWORD, DOMAIN], commands);
}

/// Runs a script on a domain that nobody serves. In one transaction it adds entries in a tenth of the time.
fn run_python(folder: &Path, script: &str, arguments: &[&str], input: &str) {
    std::fs::write(folder.join("input"), input).unwrap();
    let mut python = Command::new(PYTHON);
    python.args(["-c", script]).arg(folder).args(arguments);
    output(python.stdin(File::open(folder.join("input")).unwrap()));
}

/// Without TLS it takes simple binds too, as a relay needs it. It does not wait for the disk: that would be for the case
/// that the machine dies.
fn configuration(folder: &str) -> String {
    format!(
        "[global]
workgroup = AD
realm = AD.TEST
netbios name = DC1
server role = active directory domain controller
server services = ldap
idmap_ldb:use rfc2307 = yes
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
binddns dir = {folder}/bind-dns
log file = {folder}/samba.log
tls enabled = yes
tls keyfile = {folder}/server.key
tls certfile = {folder}/server.pem
tls cafile = {folder}/ca.pem
ldap server require strong auth = no
bind interfaces only = yes
interfaces = 127.0.0.1/8
disable netbios = yes
ldb:nosync = yes
"
    )
}

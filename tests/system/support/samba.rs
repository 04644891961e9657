//! An Active Directory over TLS on loopback: Samba's, looked into with `ldapsearch`. The domain is made once and
//! kept beside what cargo builds, which takes some twenty seconds; each server runs on a copy of it.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::directory::{Entry, escaped};
use super::{certificates, eventually, free_port, output, run};

/// The domain.
pub const DOMAIN: &str = "dc=ad,dc=test";
/// The gateway's own account.
pub const BIND_DN: &str = "cn=Administrator,cn=Users,dc=ad,dc=test";
/// Its password.
pub const PASSWORD: &str = "gw-S3cret!23";
/// Where Debian has it; not on everybody's path.
const SAMBA: &str = "/usr/sbin/samba";
/// Debian's own Python has Samba's modules, another one may stand before it.
const PYTHON: &str = "/usr/bin/python3";

const SHIM: &str = include_str!("samba/ports.c");
const PROVISION: &str = include_str!("samba/provision.py");
const LOAD: &str = include_str!("samba/load.py");

/// A running domain controller. Ends with this.
pub struct Samba {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

// === impl Samba ===

impl Samba {
    /// One with the organizational units `people`, with `Sales` and `IT` below it, `groups` and `leavers`.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        output(Command::new("cp").arg("-R").arg(template().join(".")).arg(folder.path()));
        certificates::write(folder.path());
        output(Command::new("chmod").arg("600").arg(path("server.key")));
        std::fs::write(path("password"), PASSWORD).unwrap();
        std::fs::write(path("etc/smb.conf"), configuration(&folder.path().display().to_string())).unwrap();
        let mut samba = Self { folder, port: free_port(), server: None };
        samba.up();
        samba.modify(&units());
        samba
    }

    /// Starts the server, and waits until it answers.
    pub fn up(&mut self) {
        let mut command = Command::new(SAMBA);
        command
            .args(["--foreground", "--no-process-group", "--model=single", "-s"])
            .arg(self.file("etc/smb.conf"));
        command.env("LD_PRELOAD", self.file("ports.so")).env("PORT_636", self.port.to_string());
        for fixed in ["389", "3268", "3269"] {
            command.env(format!("PORT_{fixed}"), free_port().to_string());
        }
        // It ends when its standard input does, so that not even a test that is killed leaves it behind.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server =
            Some(child.unwrap_or_else(|cause| panic!("{SAMBA}: {cause}; scripts/test installs it")));
        eventually("samba's start", || {
            run(self.client("ldapsearch").args(["-s", "base", "-b", DOMAIN])).status.success()
        });
    }

    /// Takes LDIF of many entries into the domain: the server is away meanwhile.
    pub fn load(&mut self, ldif: &str) {
        self.down();
        std::fs::write(self.file("load.ldif"), ldif).unwrap();
        let (script, conf) = (self.file("load.py"), self.file("etc/smb.conf"));
        std::fs::write(&script, LOAD).unwrap();
        output(
            Command::new(PYTHON)
                .arg(script)
                .arg(conf)
                .arg(self.file("private/sam.ldb"))
                .arg(self.file("load.ldif")),
        );
        self.up();
    }

    fn down(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.port)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of OpenLDAP's clients, bound as the service account.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.stranger(program);
        command.args(["-D", BIND_DN, "-y"]).arg(self.file("password"));
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
        let file = self.file("change.ldif");
        std::fs::write(&file, ldif).unwrap();
        output(self.client("ldapmodify").arg("-f").arg(file));
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        self.down();
    }
}

/// A domain that nothing has happened in yet, with what preloads.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let made_by = BuildHasherDefault::<DefaultHasher>::default().hash_one((SHIM, PROVISION, PASSWORD));
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
}

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
ldap server require strong auth = yes
bind interfaces only = yes
interfaces = 127.0.0.1/8
disable netbios = yes
"
    )
}

fn units() -> String {
    ["people", "groups", "leavers", "Sales,ou=people", "IT,ou=people"]
        .map(|unit| format!("dn: ou={unit},{DOMAIN}\nchangetype: add\nobjectClass: organizationalUnit\n\n"))
        .concat()
}

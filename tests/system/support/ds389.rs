//! A 389 Directory Server over TLS on loopback, as a [`Directory`]: the same accounts, units and small size
//! limit as the OpenLDAP there, and the plug-ins that the ready mapping asks for. It is made from the package's
//! own templates, without systemd and the package's Python, which take three times as long.

use std::path::Path;
use std::process::Command;

use super::directory::{BIND_DN, Directory, PASSWORD, SUFFIX};
use super::{certificates, output};

/// Where Debian has it; not on everybody's path.
const NS_SLAPD: &str = "/usr/sbin/ns-slapd";
const TEMPLATES: &str = "/usr/share/dirsrv/data";
const BACKEND: &str = "userRoot";
/// Entries with so many octets are very many.
const MUCH: u64 = 1 << 20;
const SMALL_CACHES: &str = "nsslapd-cache-autosize: 0\nnsslapd-dbcachesize: 20000000\n";
const LARGE_CACHES: &str = "nsslapd-cache-autosize: 0\nnsslapd-dbcachesize: 200000000\n\
                            nsslapd-import-cache-autosize: 0\nnsslapd-import-cachesize: 400000000\n";

/// The plug-ins that are switched on, with lines of their own.
const PLUGINS: [(&str, &str); 4] = [
    ("MemberOf Plugin", "memberOfAutoAddOC: nsMemberOf\n"),
    ("referential integrity postoperation", ""),
    ("attribute uniqueness", ""),
    ("USN", ""),
];

// === impl Directory ===

impl Directory {
    /// An empty 389 Directory Server.
    pub fn ds389() -> Self {
        Self::ds389_holding("", "")
    }

    /// One that holds these entries, LDIF, from the start, with these lines in its `cn=config`.
    pub fn ds389_holding(entries: &str, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        certificates::write(at);
        std::fs::write(at.join("password"), PASSWORD).unwrap();
        for name in ["schema", "db", "home", "log", "run"] {
            std::fs::create_dir(at.join(name)).unwrap();
        }
        std::fs::write(at.join("schema/99user.ldif"), "dn: cn=schema\n").unwrap();
        std::fs::write(at.join("base.ldif"), format!("{}\n{entries}", base())).unwrap();
        std::fs::write(at.join("config.lines"), lines).unwrap();
        keep_certificates(at);
        Self::of(folder, |folder, port, plain_port| {
            if !folder.join("dse.ldif").exists() {
                std::fs::write(folder.join("dse.ldif"), configuration(folder, port, plain_port)).unwrap();
                let mut import = Command::new(NS_SLAPD);
                import.args(["ldif2db", "-n", BACKEND, "-D"]).arg(folder);
                output(import.arg("-i").arg(folder.join("base.ldif")));
            }
            let mut serve = Command::new(NS_SLAPD);
            serve.args(["-d", "0", "-D"]).arg(folder).arg("-i").arg(folder.join("pid"));
            serve
        })
    }
}

/// The certificates, in a database of NSS as this server wants them.
fn keep_certificates(folder: &Path) {
    let mut pack = Command::new("openssl");
    pack.args(["pkcs12", "-export", "-in", "server.pem", "-inkey", "server.key", "-out", "server.p12"]);
    let mut make = Command::new("certutil");
    make.args(["-N", "-d", ".", "--empty-password"]);
    let mut trust = Command::new("certutil");
    trust.args(["-A", "-d", ".", "-n", "CA", "-t", "CT,,", "-i", "ca.pem"]);
    let mut keep = Command::new("pk12util");
    keep.args(["-i", "server.p12", "-d", ".", "-W", "", "-K", ""]);
    for command in
        [pack.args(["-name", "Server-Cert", "-passout", "pass:"]), &mut make, &mut trust, &mut keep]
    {
        output(command.current_dir(folder));
    }
    std::fs::write(folder.join("pin.txt"), "Internal (Software) Token:\n").unwrap();
}

/// The package's templates, filled in, with what differs here.
fn configuration(folder: &Path, port: u16, plain_port: u16) -> String {
    let mut text = filled(&templates(), folder, plain_port);
    // Nobody needs the manager, whose password would have to be a hash.
    text = text.replace("nsslapd-rootpw: %ds_passwd%\n", "");
    // By default it takes no uid and mail beyond ASCII.
    text = switched(&text, "7-bit check", "", ["on", "off"]);
    for (plugin, lines) in PLUGINS {
        text = switched(&text, plugin, lines, ["off", "on"]);
    }
    let lines = std::fs::read_to_string(folder.join("config.lines")).unwrap();
    let own = format!(
        "nsslapd-listenhost: 127.0.0.1\nnsslapd-securelistenhost: 127.0.0.1\nnsslapd-security: on\n\
         nsslapd-secureport: {port}\nnsslapd-sizelimit: 500\nnsslapd-return-exact-case: on\n\
         nsslapd-accesslog-logging-enabled: off\n{lines}"
    );
    text = behind(&text, "nsslapd-localhost: localhost\n", &own);
    // A hundred thousand entries are imported in a fraction of the time when their indexes fit into memory.
    let holds_much = std::fs::metadata(folder.join("base.ldif")).unwrap().len() > MUCH;
    let caches = if holds_much { LARGE_CACHES } else { SMALL_CACHES };
    behind(&text, "nsslapd-backend-implement: bdb\n", caches)
}

fn templates() -> String {
    let read = |name: &str| {
        let text = std::fs::read_to_string(Path::new(TEMPLATES).join(name));
        text.unwrap_or_else(|cause| panic!("{TEMPLATES}/{name}: {cause}; scripts/test installs it"))
    };
    let suffix = read("template-suffix-db.ldif");
    let suffix: Vec<&str> = suffix.lines().filter(|line| !line.starts_with('#')).collect();
    format!("{}\n\n{}\n", read("template-dse.ldif").trim_end(), suffix.join("\n").trim())
}

fn filled(text: &str, folder: &Path, plain_port: u16) -> String {
    let user = output(Command::new("id").arg("-un"));
    let path = |name: &str| folder.join(name).display().to_string();
    let mut values = vec![
        ("cert_dir", folder.display().to_string()),
        ("schema_dir", path("schema")),
        ("log_dir", path("log")),
        ("db_dir", path("db")),
        ("db_home_dir", path("home")),
        ("ldapi", path("run/socket")),
        ("ds_port", plain_port.to_string()),
    ];
    values.extend(
        [
            ("config_dir", "/etc/dirsrv/config"),
            ("ds_user", user.trim()),
            ("ds_suffix", SUFFIX),
            ("ds_bename", BACKEND),
            ("db_lib", "bdb"),
            ("fqdn", "localhost"),
            ("rootdn", "cn=Directory Manager"),
            ("ldapi_enabled", "off"),
            ("ldapi_autobind", "off"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    );
    values.extend(
        ["lock_dir", "tmp_dir", "ldif_dir", "bak_dir", "run_dir", "inst_dir"].map(|name| (name, path("run"))),
    );
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("%{name}%"), value))
}

/// The text with more lines behind one that it has.
fn behind(text: &str, line: &str, more: &str) -> String {
    assert!(text.contains(line), "{line}");
    text.replace(line, &format!("{line}{more}"))
}

/// The text with a plug-in's entry switched.
fn switched(text: &str, plugin: &str, lines: &str, [from, to]: [&str; 2]) -> String {
    let head = format!("\ndn: cn={plugin},cn=plugins,cn=config\n");
    let (before, rest) = text.split_once(&head).unwrap();
    let (entry, after) = rest.split_once("\n\n").unwrap();
    let switch = format!("nsslapd-pluginenabled: {from}");
    assert!(entry.contains(&switch), "{entry}");
    let entry = entry.replace(&switch, &format!("{lines}nsslapd-pluginenabled: {to}"));
    format!("{before}{head}{entry}\n\n{after}")
}

/// As in the OpenLDAP; the gateway's account may do everything below the suffix, and page without end.
fn base() -> String {
    format!(
        "dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\
         aci: (targetattr=\"* || nsAccountLock || nsUniqueId\")(version 3.0; acl \"gateway\"; allow (all) userdn=\"ldap:///{BIND_DN}\";)\n\n\
         dn: {BIND_DN}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: gw\nuserPassword: {PASSWORD}\n\
         nsPagedSizeLimit: -1\nnsLookThroughLimit: -1\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n"
    )
}

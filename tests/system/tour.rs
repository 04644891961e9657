//! A newcomer's tour: the commands of the guide "From a real backend to a served mapping" in mappings/README.md, all of
//! them and as they stand there, in front of each kind of backend. Only hosts, ports and names are the test's own; what
//! the requests did is looked up with another client.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::support::directory::{self, Directory};
use crate::support::gateway::Gateway;
use crate::support::samba::{self, Samba};
use crate::support::{certificates, run, sqlserver};

/// Where the guide's gateway listens.
const LISTEN: &str = "127.0.0.1:8080";
/// The guide's SQL Server, and who the gateway is there.
pub const SQL_SERVER: &str =
    "sqlserver --host sql1.example.test --database hr --user gantry --password-file sql.password --ca ca.pem";
/// Said by the test's shell when all that was typed has been done.
const DONE: &str = "-- done --";

/// The guide's commands, a block each.
pub struct Guide {
    demo: String,
    sqlite: String,
    pub sqlserver: String,
    ldap: String,
    /// From the draft to what is served.
    prepare: [String; 4],
    serve: String,
    create: String,
    change: String,
    remove: String,
    definitions: String,
}

/// Somebody in a folder of their own who types what the guide says.
pub struct Newcomer {
    folder: TempDir,
    pub guide: Guide,
}

/// A shell that ends at the first command that fails.
struct Terminal {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[test]
fn with_sqlite() {
    let newcomer = Newcomer::comes();
    let (command, _) = newcomer.guide.demo.split_once('#').unwrap();
    let demo = newcomer.serves(&format!("{} --listen 127.0.0.1:0", command.trim()));
    assert_eq!(demo.terminate(), Some(0));
    let look = format!("sqlite3 -readonly crm.db \"{}\"", ROW);
    let looked = || Some(newcomer.terminal().types(&look).trim().to_owned()).filter(|name| !name.is_empty());
    newcomer.goes("crm", &newcomer.guide.sqlite, &looked);
}

#[test]
fn with_openldap() {
    with(&Directory::start());
}

#[test]
fn with_a_389_directory_server() {
    with(&Directory::ds389());
}

fn with(server: &Directory) {
    let newcomer = Newcomer::comes();
    let files = [server.file("ca.pem"), server.file("password")];
    let init = newcomer.in_front_of(&server.url(), directory::BIND_DN, &files.each_ref().map(|file| &**file));
    let looked = || server.person("ada").and_then(|entry| entry.one("sn").map(str::to_owned));
    newcomer.goes("directory", &init, &looked);
}

#[test]
fn with_an_active_directory() {
    let (server, newcomer) = (Samba::start(), Newcomer::comes());
    let files = [server.file("ca.pem"), server.file("password")];
    let init = newcomer.in_front_of(&server.url(), samba::BIND_DN, &files.each_ref().map(|file| &**file));
    let looked = || server.person("ada").and_then(|entry| entry.one("sn").map(str::to_owned));
    newcomer.goes("directory", &init, &looked);
}

/// Its arguments, at least: the server of the guide is nowhere. `tests/sqlserver` goes on from here.
#[test]
fn with_a_sql_server_that_cannot_be_reached() {
    let newcomer = Newcomer::comes();
    assert!(newcomer.guide.sqlserver.contains(SQL_SERVER));
    certificates::write(newcomer.folder.path());
    std::fs::write(newcomer.folder.path().join("sql.password"), "x").unwrap();
    let done = run(newcomer.shell().args(["-c", &newcomer.guide.sqlserver]));
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.code() == Some(1) && told.contains("sql1.example.test"), "{told}");
}

/// Asks for the family name of the guide's person in the classic application.
pub const ROW: &str = "SELECT LastName FROM AppUser WHERE LoginName = 'ada'";

// === impl Guide ===

impl Guide {
    fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/README.md");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, text) = text.split_once("\n## From a real backend to a served mapping\n").unwrap();
        let (text, _) = text.split_once("\n## ").unwrap();
        let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned());
        let blocks: [String; 13] = blocks.collect::<Vec<_>>().try_into().expect("a block that nobody plays");
        let [demo, sqlite, sqlserver, ldap, decide, check, plan, test, rest @ ..] = blocks;
        let [serve, create, change, remove, definitions] = rest;
        let prepare = [decide, check, plan, test];
        Self { demo, sqlite, sqlserver, ldap, prepare, serve, create, change, remove, definitions }
    }
}

// === impl Newcomer ===

impl Newcomer {
    pub fn comes() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), guide: Guide::read() }
    }

    /// What drafts a directory that is here and not where the guide has it, its authority and the password at hand.
    fn in_front_of(&self, url: &str, bind_dn: &str, [ca, password]: &[&Path; 2]) -> String {
        std::fs::copy(ca, self.folder.path().join("ca.pem")).unwrap();
        std::fs::copy(password, self.folder.path().join("ldap.password")).unwrap();
        let mut init = self.guide.ldap.clone();
        for (there, here) in [("ldaps://ldap.example.test", url), ("cn=gantry,dc=example,dc=test", bind_dn)] {
            assert!(init.contains(there), "{init}");
            init = init.replace(there, here);
        }
        init
    }

    /// All that the guide has behind the draft of a target of this name. `looked` is another client, which answers the
    /// family name of the guide's person while she is there.
    #[track_caller]
    pub fn goes(&self, name: &str, init: &str, looked: &dyn Fn() -> Option<String>) {
        let called = |block: &str| block.replace("crm", name);
        let mut here = self.terminal();
        assert!(here.types(init).contains("\nReady. "));
        self.listens_at_a_free_port(name);
        let [decide, check, plan, test] = &self.guide.prepare.each_ref().map(|block| called(block));
        here.types(decide);
        assert!(here.types(check).contains(&format!("ok: target {name} at /{name}/scim/v2")));
        assert!(here.types(plan).contains("Lovelace"));
        let tested = here.types(test);
        assert!(tested.contains("Lovelace") && tested.contains("1 written") && tested.contains("1 ok"));
        assert_eq!(looked(), None, "nothing was written yet");

        let gateway = self.serves(&called(&self.guide.serve));
        let mut there = self.terminal();
        let address = gateway.listening();
        let create = called(&self.guide.create);
        assert!(create.contains(&format!("http://{LISTEN}/{name}/scim/v2/")));
        there.types(&create.replace(LISTEN, &address));
        assert_eq!(looked().as_deref(), Some("Lovelace"));
        there.types(&self.guide.change);
        assert_eq!(looked().as_deref(), Some("King"));
        there.types(&self.guide.remove);
        assert_eq!(looked(), None);
        assert_eq!(gateway.terminate(), Some(0));

        here.types(&called(&self.guide.definitions));
        assert!(self.folder.path().join(name).join("gantry.d.rhai").is_file());
    }

    fn listens_at_a_free_port(&self, name: &str) {
        let file = self.folder.path().join(name).join("gantry.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let line = format!("listen = \"{LISTEN}\"\n");
        assert!(text.contains(&line), "{text}");
        let free = format!("listen = \"127.0.0.1:0\"\n{}", sqlserver::patience());
        std::fs::write(&file, text.replace(&line, &free)).unwrap();
    }

    /// What serves until it is ended.
    fn serves(&self, command: &str) -> Gateway {
        let mut shell = self.shell();
        Gateway::start(shell.args(["-c", &format!("exec {command}")]), tempfile::tempdir().unwrap())
    }

    fn terminal(&self) -> Terminal {
        let mut shell = self.shell().arg("-eu").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = shell.stdin.take().unwrap();
        input.write_all(b"exec 2>&1\n").unwrap();
        let output = BufReader::new(shell.stdout.take().unwrap());
        Terminal { shell, input, output }
    }

    fn shell(&self) -> Command {
        let folder = Path::new(env!("CARGO_BIN_EXE_gantry")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.current_dir(self.folder.path()).env("PATH", path);
        shell
    }
}

// === impl Terminal ===

impl Terminal {
    /// What these commands print, all of which succeed.
    #[track_caller]
    fn types(&mut self, commands: &str) -> String {
        self.input.write_all(format!("{commands}\necho; echo '{DONE}'\n").as_bytes()).unwrap();
        let (mut printed, mut line) = (String::new(), String::new());
        while line.trim_end() != DONE {
            printed.push_str(&line);
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it failed: {commands}\n{printed}");
        }
        printed
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

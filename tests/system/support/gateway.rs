//! The gateway: the built binary as a process, its log at hand.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::scim::Scim;
use super::{database::Database, directory::Directory, eventually, output, samba::Samba, tds::Endpoint};

/// The bearer token of every target in the tests.
pub const TOKEN: &str = "t0ken-of-the-tests";

/// A running gateway. Ends with this.
pub struct Gateway {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Its configuration, where it has one; removed with this.
    pub folder: TempDir,
}

/// Reads what has come since the last time. Who waits at a pipe is woken by each line, which costs the cores
/// that a benchmark measures.
struct Unhurried<R>(R);

impl<R: Read> Read for Unhurried<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_millis(5));
        self.0.read(buffer)
    }
}

/// The built binary.
pub fn gantry() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gantry"))
}

// === impl Gateway ===

impl Gateway {
    /// `gantry demo` with this mapping; more arguments may follow.
    pub fn demo(mapping: &str, arguments: &[&str]) -> Self {
        let mut command = gantry();
        command.args(["demo", "--mapping", mapping, "--listen", "127.0.0.1:0", "--token", TOKEN]);
        Self::start(command.args(arguments), tempfile::tempdir().unwrap())
    }

    /// `gantry serve` with a configuration of these targets.
    pub fn serve(targets: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = write_configuration(folder.path(), targets);
        Self::start(gantry().args(["serve", "--config"]).arg(file), folder)
    }

    /// `gantry serve` with a configuration that is there already.
    pub fn serve_file(file: &Path) -> Self {
        Self::start(gantry().args(["serve", "--config"]).arg(file), tempfile::tempdir().unwrap())
    }

    /// What serves, its standard output in the folder.
    pub fn start(command: &mut Command, folder: TempDir) -> Self {
        let stdout = File::create(folder.path().join("stdout")).unwrap();
        let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::with_capacity(64 << 10, Unhurried(child.stderr.take().unwrap()));
        let (lines, kept) = (stderr.lines(), log.clone());
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        let gateway = Self { child, log, folder };
        eventually("the gateway's start", || {
            let is_ended = gateway.log().iter().any(|line| line.starts_with("error"));
            assert!(!is_ended, "{:#?}", gateway.log());
            gateway.served().next().is_some()
        });
        gateway
    }

    /// A client of the target with this name.
    pub fn target(&self, name: &str) -> Scim {
        let mut url = None;
        eventually(&format!("the target {name}"), || {
            url = self.served().find(|(target, _)| target == name).map(|(_, url)| url);
            url.is_some()
        });
        Scim::new(&url.unwrap(), TOKEN)
    }

    /// Where it listens: `127.0.0.1:…`, whatever its public URL.
    pub fn listening(&self) -> String {
        let lines = self.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let found = lines.filter_map(|line| line["fields"]["listen"].as_str().map(str::to_owned)).next();
        found.unwrap_or_else(|| panic!("{:#?}", self.log()))
    }

    /// Names and URLs of the targets, from the log.
    fn served(&self) -> impl Iterator<Item = (String, String)> {
        let lines = self.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines.filter(|line| line["fields"]["message"] == "serving").map(|line| {
            let field = |name: &str| line["fields"][name].as_str().unwrap().to_owned();
            (field("name"), field("url"))
        })
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdout")).unwrap()
    }

    /// Its log so far, a JSON object a line.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// What its log has behind so many lines.
    pub fn log_after(&self, lines: usize) -> Vec<String> {
        self.log.lock().unwrap().get(lines..).unwrap_or_default().to_vec()
    }

    /// How many lines of its log so far have this text.
    pub fn count(&self, text: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGHUP: what the files hold is to be loaded.
    pub fn hang_up(&self) {
        output(Command::new("kill").args(["-HUP", &self.child.id().to_string()]));
    }

    /// Sends SIGTERM and waits; the exit code.
    pub fn terminate(self) -> Option<i32> {
        output(Command::new("kill").arg(self.child.id().to_string()));
        self.exit_code()
    }

    /// Waits for its end; the exit code.
    pub fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// That it still runs.
    #[track_caller]
    pub fn lives(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the gateway ended: {:#?}", self.log());
    }

    /// That it still runs, and that no request ended in a defect.
    #[track_caller]
    pub fn is_sound(&mut self) {
        self.lives();
        let faults: Vec<_> = self.log().into_iter().filter(|line| line.contains("panicked")).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

impl Drop for Gateway {
    /// A test that fails shows what the gateway has to say of it.
    #[allow(clippy::print_stderr, reason = "it is shown with the test's failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.log().iter().filter(|line| line.contains("\"ERROR\"")).for_each(|line| eprintln!("{line}"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes `gantry.toml` with these targets into the folder.
pub fn write_configuration(folder: &Path, targets: &[String]) -> std::path::PathBuf {
    std::fs::write(folder.join("token"), TOKEN).unwrap();
    let file = folder.join("gantry.toml");
    std::fs::write(
        &file,
        format!("listen = \"127.0.0.1:0\"\n{}{}", super::sqlserver::patience(), targets.concat()),
    )
    .unwrap();
    file
}

fn target(name: &str, mapping: &str, store: &str) -> String {
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings").join(mapping);
    format!(
        "\n[[target]]\nname = {name:?}\nmapping = {mapping:?}\n{store}\n\
         [[target.client]]\nname = \"tests\"\ntoken = {{ file = \"token\" }}\n"
    )
}

// === impl Database, Endpoint, Samba, Directory ===

impl Database {
    /// The `[[target]]` of a database.
    pub fn target(&self, name: &str, mapping: &str) -> String {
        target(name, mapping, &self.store())
    }
}

impl Endpoint {
    /// The `[[target]]` of the application behind the endpoint; the keys say who the gateway is and what it trusts.
    pub fn target(&self, name: &str, keys: &str) -> String {
        self.target_of(name, "marked", keys)
    }

    /// The same, with this mapping of the tests.
    pub fn target_of(&self, name: &str, mapping: &str, keys: &str) -> String {
        let (host, port) = (self.host(), self.port());
        let store = format!("[target.sqlserver]\nhost = {host:?}\nport = {port}\ndatabase = \"hr\"\n{keys}");
        target(name, &format!("../tests/mappings/{mapping}"), &store)
    }
}

impl Samba {
    /// The `[[target]]` of an Active Directory, with more params beside the bases.
    pub fn target(&self, name: &str, mapping: &str, more: &str) -> String {
        self.target_as(name, mapping, more, &[self.url()], "")
    }

    /// The same, asked at these URLs without TLS.
    pub fn target_in_the_clear(&self, name: &str, mapping: &str, more: &str, urls: &[String]) -> String {
        self.target_as(name, mapping, more, urls, "plaintext = true")
    }

    fn target_as(&self, name: &str, mapping: &str, more: &str, urls: &[String], last_line: &str) -> String {
        use super::samba::{BIND_DN, DOMAIN};
        let params =
            format!("params = {{ people = \"ou=people,{DOMAIN}\", groups = \"ou=groups,{DOMAIN}\"{more} }}");
        let (ca, password) = (self.file("ca.pem"), self.file("password"));
        let store = format!(
            "{params}\n[target.ldap]\nurls = {urls:?}\nca = {ca:?}\nbind_dn = \"{BIND_DN}\"\n\
             bind_password = {{ file = {password:?} }}\n{last_line}"
        );
        target(name, mapping, &store)
    }
}

impl Directory {
    /// The `[[target]]` of a directory.
    pub fn target(&self, name: &str, mapping: &str) -> String {
        self.target_at(name, mapping, &[self.url()])
    }

    /// The same, asked at these URLs.
    pub fn target_at(&self, name: &str, mapping: &str, urls: &[String]) -> String {
        let (bind_dn, password) = (super::directory::BIND_DN, self.file("password"));
        let who = format!("bind_dn = {bind_dn:?}\nbind_password = {{ file = {password:?} }}");
        self.target_as(name, mapping, urls, &who)
    }

    /// The same, asked at these URLs without TLS.
    pub fn target_in_the_clear(&self, name: &str, mapping: &str, urls: &[String]) -> String {
        let (bind_dn, password) = (super::directory::BIND_DN, self.file("password"));
        let who =
            format!("bind_dn = {bind_dn:?}\nbind_password = {{ file = {password:?} }}\nplaintext = true");
        self.target_as(name, mapping, urls, &who)
    }

    /// The same, by a gateway that is somebody else, or asks in another way.
    pub fn target_as(&self, name: &str, mapping: &str, urls: &[String], who: &str) -> String {
        let posix =
            if mapping.ends_with("-posix") { ", posix = \"ou=posix,dc=example,dc=test\"" } else { "" };
        let params = format!(
            "params = {{ people = \"ou=people,dc=example,dc=test\", groups = \"ou=groups,dc=example,dc=test\"{posix} }}"
        );
        let ca = self.file("ca.pem");
        target(name, mapping, &format!("{params}\n[target.ldap]\nurls = {urls:?}\nca = {ca:?}\n{who}"))
    }
}

//! What changes while `gantry serve` runs: loaded by SIGHUP or by itself, whole or not at all, and no request fails
//! over it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::{Gateway, TOKEN, gantry, write_configuration};
use crate::support::scim::Scim;
use crate::support::{certificates, eventually, run};

/// A line of the mapping, and what another one stands in its place.
const LINE: &str = "attr(\"name.givenName\",  \"FirstName\")";
const OTHER: &str = "attr(\"nickName\",  \"FirstName\")";

/// Somebody of the sample, and what both lines make of their first name.
const PERSON: &str = "/Users/1";

/// A gateway in front of the sample's database, whose configuration and mapping are the test's own.
struct Site {
    gateway: Gateway,
    database: Database,
    scim: Scim,
    probe: Scim,
}

// === impl Site ===

impl Site {
    /// With these lines at the configuration's top.
    fn new(top: &str) -> Self {
        let (folder, database) = (tempfile::tempdir().unwrap(), Database::of("crm"));
        let mapping = folder.path().join("mapping");
        std::fs::create_dir(&mapping).unwrap();
        std::fs::write(mapping.join("mapping.rhai"), text()).unwrap();
        write(
            &configuration(folder.path(), &database, &mapping),
            &["\n[[target]]", &format!("\n{top}\n[[target]]")],
        );
        Self::of(folder, database)
    }

    fn of(folder: tempfile::TempDir, database: Database) -> Self {
        let file = folder.path().join("gantry.toml");
        Self::started(Gateway::start(gantry().args(["serve", "--config"]).arg(file), folder), database)
    }

    fn started(gateway: Gateway, database: Database) -> Self {
        let (scim, probe) =
            (gateway.target("crm"), Scim::new(&format!("http://{}", gateway.listening()), ""));
        Self { gateway, database, scim, probe }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.gateway.folder.path().join(name)
    }

    fn mapping(&self) -> PathBuf {
        self.file("mapping/mapping.rhai")
    }

    /// What `/readyz` says of the snapshot, and of what is not served.
    fn state(&self) -> (String, Value) {
        let state = self.probe.get("/readyz").is(200);
        (state["snapshot"]["hash"].as_str().unwrap().to_owned(), state["unserved"].clone())
    }

    /// That something else is served soon after this.
    #[track_caller]
    fn loads(&self, change: impl FnOnce(&Self)) {
        let before = self.state().0;
        change(self);
        eventually("another snapshot", || self.state().0 != before);
    }

    /// That a mistake is told soon after this, and nothing else is served; what the log has to say of it.
    #[track_caller]
    fn refuses(&self, change: impl FnOnce(&Self)) -> String {
        let (before, told) = (self.state().0, self.errors().len());
        change(self);
        eventually("a refusal", || self.errors().len() > told && self.state().1["detail"].is_string());
        assert_eq!(self.state().0, before);
        self.errors().split_off(told).join("\n")
    }

    /// What `/readyz` says of what is not served.
    fn detail(&self) -> String {
        self.state().1["detail"].as_str().unwrap_or_default().to_owned()
    }

    fn errors(&self) -> Vec<String> {
        self.gateway.log().into_iter().filter(|line| line.contains("\"ERROR\"")).collect()
    }

    /// Which of the two lines is served.
    fn is_other(&self) -> bool {
        let person = self.scim.get(PERSON).is(200);
        assert!(person["nickName"].is_string() != person["name"]["givenName"].is_string(), "{person}");
        person["nickName"].is_string()
    }
}

/// The ready mapping.
fn text() -> String {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/crm/mapping.rhai"));
    let text = text.unwrap();
    assert!(text.contains(LINE));
    text
}

/// The same with the other line.
fn other() -> String {
    // `full_name` needs no attribute.
    text().replace(LINE, OTHER)
}

fn configuration(folder: &Path, database: &Database, mapping: &Path) -> PathBuf {
    write_configuration(folder, &[database.target("crm", mapping.to_str().unwrap())])
}

/// Replaces a text in a file, in place.
#[track_caller]
fn write(file: &Path, [from, to]: &[&str; 2]) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn sighup_loads_what_the_files_hold() {
    let site = Site::new("watch = false");
    assert!(!site.is_other());
    std::fs::write(site.mapping(), other()).unwrap();
    // Nobody looks by himself here.
    std::thread::sleep(Duration::from_secs(4));
    assert!(!site.is_other());
    site.loads(|site| site.gateway.hang_up());
    assert!(site.is_other());
    let mut gateway = site.gateway;
    gateway.is_sound();
}

#[test]
fn what_changes_is_loaded_however_it_was_written() {
    let site = Site::new("");
    // In place.
    site.loads(|site| std::fs::write(site.mapping(), other()).unwrap());
    assert!(site.is_other());
    // By another file that takes its name, as editors do.
    site.loads(|site| {
        std::fs::write(site.file("new"), text()).unwrap();
        std::fs::rename(site.file("new"), site.mapping()).unwrap();
    });
    assert!(!site.is_other());
    // As a symbolic link.
    site.loads(|site| {
        std::fs::write(site.file("elsewhere"), other()).unwrap();
        std::fs::remove_file(site.mapping()).unwrap();
        symlink(site.file("elsewhere"), site.mapping()).unwrap();
    });
    assert!(site.is_other());
    // Once more through the link.
    site.loads(|site| std::fs::write(site.file("elsewhere"), text()).unwrap());
    assert!(!site.is_other());
    assert_eq!(site.errors(), Vec::<String>::new());
}

/// Kubernetes mounts a config map as links to `..data/NAME`, and puts another folder in the place of `..data`.
#[test]
fn a_config_map_is_loaded_when_kubernetes_swaps_it() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::of("crm"));
    let mounted = folder.path().join("mounted");
    let version = |name: &str, mapping: &str| {
        let data = mounted.join(name);
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("mapping.rhai"), mapping).unwrap();
    };
    version("..1", &text());
    symlink("..1", mounted.join("..data")).unwrap();
    symlink("..data/mapping.rhai", mounted.join("mapping.rhai")).unwrap();
    configuration(folder.path(), &database, &mounted);
    let site = Site::of(folder, database);
    assert!(!site.is_other());
    site.loads(|_| {
        version("..2", &other());
        symlink("..2", mounted.join("..data_tmp")).unwrap();
        std::fs::rename(mounted.join("..data_tmp"), mounted.join("..data")).unwrap();
        std::fs::remove_dir_all(mounted.join("..1")).unwrap();
    });
    assert!(site.is_other());
    assert_eq!(site.errors(), Vec::<String>::new());
}

#[test]
fn a_mistake_changes_nothing_is_told_once_and_is_mended() {
    let site = Site::new("");
    let told =
        site.refuses(|site| std::fs::write(site.mapping(), text() + "\nattr(\"nickName\", \"x\"").unwrap());
    assert!(told.contains("mapping.rhai") && told.contains("what was served before is"), "{told}");
    assert!(site.detail().contains("mistakes, which the log tells"), "{}", site.detail());
    assert!(!site.is_other());
    // The same mistake is not told again and again.
    let count = site.errors().len();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(site.errors().len(), count);
    // But whoever asks is told.
    site.gateway.hang_up();
    eventually("the same, told again", || site.errors().len() == 2 * count);
    site.loads(|site| std::fs::write(site.mapping(), other()).unwrap());
    assert!(site.is_other() && site.state().1.is_null());
    // A mistake of the configuration, with a secret in it.
    let told = site.refuses(|site| {
        write(&site.file("gantry.toml"), &["[[target.client]]", "[[target.client]]\ntokn = \"hunter2\""])
    });
    assert!(told.contains("unknown field") && !told.contains("hunter2"), "{told}");
    assert!(site.detail().contains("mistakes") && !site.detail().contains("tokn"), "{}", site.detail());
    // To take it back is enough.
    write(&site.file("gantry.toml"), &["\ntokn = \"hunter2\"", ""]);
    eventually("the end of the complaint", || site.state().1.is_null());
    assert!(site.is_other());
    // A file that is named and not there yet.
    let told =
        site.refuses(|site| write(&site.file("gantry.toml"), &["file = \"token\"", "file = \"late\""]));
    assert!(told.contains("late"), "{told}");
    site.loads(|site| std::fs::write(site.file("late"), "another-token").unwrap());
    site.scim.get(PERSON).is(401);
}

/// The ready mapping's tests expect the line that it has, and not the other one.
#[test]
fn a_changed_mapping_is_served_once_its_own_tests_pass() {
    let site = Site::new("");
    let (ready, tests) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/crm/tests"), site.file("mapping/tests"));
    assert!(run(Command::new("cp").arg("-r").arg(ready).arg(&tests)).status.success());
    let told = site.refuses(|site| std::fs::write(site.mapping(), other()).unwrap());
    for part in ["G121", "mapping/tests/create/plan.sql", "-INSERT INTO", "+INSERT INTO", "gantry test"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(site.detail().contains("does not pass its own tests"), "{}", site.detail());
    assert!(!site.is_other());
    // Mended by tests that expect what the mapping does now.
    site.loads(|site| {
        let done = run(gantry().args(["test", "--update"]).arg(site.file("mapping")));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    });
    assert!(site.is_other() && site.state().1.is_null());
    // A test that cannot be run is no better than one that fails.
    std::fs::write(tests.join("test.toml"), "profile = \"none\"").unwrap();
    let told = site.refuses(|site| std::fs::write(site.mapping(), text()).unwrap());
    assert!(told.contains("G121") && told.contains("test.toml"), "{told}");
    assert!(site.is_other() && site.detail().contains("its own tests"), "{}", site.detail());
    // A mapping that is served is not tried again, and its tests alone are no mistake of it.
    std::fs::write(site.mapping(), other()).unwrap();
    eventually("the end of the complaint", || site.state().1.is_null());
}

#[test]
fn a_database_that_is_not_there_is_told() {
    let site = Site::new("watch = false");
    let told = site.refuses(|site| {
        write(&site.file("gantry.toml"), &["data.db", "missing.db"]);
        site.gateway.hang_up();
    });
    assert!(told.contains("missing.db"), "{told}");
    site.scim.get(PERSON).is(200);
}

#[test]
fn a_token_that_is_gone_is_refused_and_a_new_one_taken() {
    let site = Site::new("");
    site.scim.get(PERSON).is(200);
    // Only the secret changes, so that the hash, which knows no secret, stays.
    std::fs::write(site.file("token"), "rotated").unwrap();
    eventually("the refusal of the old token", || site.scim.get(PERSON).status == 401);
    let rotated = Scim::new(&site.scim.base, "rotated");
    rotated.get(PERSON).is(200);
    let log = site.gateway.log().join("\n");
    assert!(!log.contains(TOKEN) && !log.contains("rotated"), "{log}");
}

#[test]
fn targets_come_and_go_and_the_others_keep_their_cursors() {
    let site = Site::new("");
    let page = site.scim.get("/Users?cursor&count=3").is(200);
    let next = format!("/Users?cursor={}&count=3", page["nextCursor"].as_str().unwrap());
    let plain = Database::of("plain");
    site.loads(|site| {
        let text = std::fs::read_to_string(site.file("gantry.toml")).unwrap();
        std::fs::write(site.file("gantry.toml"), text + plain.target("plain", "plain").as_str()).unwrap();
    });
    let two = site.gateway.target("plain");
    two.get("/Users").is(200);
    // The key of the cursors is this process's own, and outlives the reload.
    assert_eq!(site.scim.get(&next).is(200)["itemsPerPage"], 3);
    site.loads(|site| {
        write(&site.file("gantry.toml"), &["name = \"plain\"", "name = \"plain\"\npath = \"/moved\""])
    });
    two.get("/Users").is(404);
    let moved = Scim::new(&format!("{}/moved", site.probe.base), TOKEN);
    moved.get("/Users").is(200);
    assert_eq!(site.scim.get(&next).is(200)["itemsPerPage"], 3);
}

#[test]
fn another_address_is_told_and_all_else_is_served() {
    let site = Site::new("");
    site.loads(|site| {
        write(&site.file("gantry.toml"), &["127.0.0.1:0", "127.0.0.1:1"]);
        std::fs::write(site.mapping(), other()).unwrap();
        site.gateway.hang_up();
    });
    eventually("the other mapping", || site.is_other());
    assert!(site.state().1["detail"].as_str().unwrap().contains("takes a restart"));
    assert!(site.errors().iter().any(|line| line.contains("127.0.0.1:1")), "{:#?}", site.errors());
    site.loads(|site| write(&site.file("gantry.toml"), &["127.0.0.1:1", "127.0.0.1:0"]));
    assert!(site.state().1.is_null());
}

#[test]
fn limits_count_from_the_next_request_on() {
    let site = Site::new("limits = { page_size = 3 }");
    assert_eq!(site.scim.get("/Users").is(200)["itemsPerPage"], 3);
    site.loads(|site| write(&site.file("gantry.toml"), &["page_size = 3", "page_size = 5"]));
    assert_eq!(site.scim.get("/Users").is(200)["itemsPerPage"], 5);
}

/// A request whose body is awaited when the mapping changes is done by the mapping that it began with.
#[test]
fn what_is_in_work_ends_on_what_it_began_with() {
    let site = Site::new("watch = false");
    let body = json!({ "userName": "late", "nickName": "N", "name": { "givenName": "G" } }).to_string();
    let mut stream = TcpStream::connect(site.gateway.listening()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /crm/scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // It is in work when it asks for its body.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    site.loads(|site| {
        std::fs::write(site.mapping(), other()).unwrap();
        site.gateway.hang_up();
    });
    assert!(site.is_other());
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("\"givenName\":\"G\""), "{answer}");
    let row = &site.database.rows("SELECT FirstName FROM AppUser WHERE LoginName = 'late'")[0];
    assert_eq!(row["FirstName"], "G");
}

#[test]
fn a_certificate_is_renewed_without_a_restart() {
    let (folder, database) = (tempfile::tempdir().unwrap(), Database::of("crm"));
    certificates::write(folder.path());
    let file = configuration(folder.path(), &database, Path::new("crm"));
    let tls = "tls = { cert = \"server.pem\", key = { file = \"server.key\" } }\n[[target]]";
    write(&file, &["[[target]]", tls]);
    let (ca, old) = (folder.path().join("ca.pem"), folder.path().join("old.pem"));
    std::fs::copy(&ca, &old).unwrap();
    let gateway = Gateway::start(gantry().args(["serve", "--config"]).arg(file), folder);
    assert!(is_answered(&gateway, &ca));
    // The authority, the certificate and its key are others now; for a moment they may not fit.
    certificates::write(gateway.folder.path());
    eventually("the new certificate", || is_answered(&gateway, &ca));
    assert!(!is_answered(&gateway, &old));
}

/// Whether curl, to whom this authority is known, gets an answer over TLS.
fn is_answered(gateway: &Gateway, ca: &Path) -> bool {
    let url = format!("https://{}/healthz", gateway.listening());
    let done = run(Command::new("curl").args(["-sS", "--cacert"]).arg(ca).arg(url));
    String::from_utf8_lossy(&done.stdout).contains("ok")
}

/// Reloads under load.
const RELOADS: usize = 1_000;
/// Clients of the database.
const CLIENTS: usize = 16;
/// Between a client's requests: a load, and not more than a small machine can bear.
const PAUSE: Duration = Duration::from_millis(100);
/// Threads for what blocks live for ten seconds, and each of ten looks in that time may find another.
const BLOCKING: usize = 12;
/// Files beside: write-ahead logs, which are opened late; and SQLite keeps the descriptors of closed connections for the
/// next ones, as long as others are open.
const FILES: usize = 16;
/// Clients of the directory.
const OTHERS: usize = 2;

#[test]
fn a_thousand_reloads_under_load_fail_no_request_and_leave_nothing_behind() {
    let (folder, database, directory) =
        (tempfile::tempdir().unwrap(), Database::of("crm"), Directory::start());
    let ready = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/openldap/mapping.rhai");
    let corp = std::fs::read_to_string(ready).unwrap();
    for (name, text) in [("mapping", &text()), ("corp", &corp)] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("mapping.rhai"), text).unwrap();
    }
    let targets = [
        "watch = false\nlimits = { cursor_timeout_s = 1000 }\n".to_owned(),
        database.target("crm", folder.path().join("mapping").to_str().unwrap()),
        directory.target("corp", folder.path().join("corp").to_str().unwrap()),
    ];
    write_configuration(folder.path(), &targets);
    let mut command = gantry();
    command.args(["serve", "--config"]).arg(folder.path().join("gantry.toml"));
    // No line for each request: what is waited for here is in the log too.
    command.env("GANTRY_LOG", "warn,gantry::cli=info");
    let site = Site::started(Gateway::start(&mut command, folder), database);
    // Each client has connections of its own, which end with it.
    let client = |number| site.gateway.target(if number < CLIENTS { "crm" } else { "corp" });
    (0..CLIENTS + OTHERS).for_each(|number| one_request(&client(number), number));
    let before = Held::by(site.gateway.pid());

    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let early = std::thread::scope(|scope| {
        let ask = |scim: Scim, number: usize| {
            let (is_over, asked) = (&is_over, &asked);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    one_request(&scim, number);
                    asked.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(PAUSE);
                }
            });
        };
        let _over = Over(&is_over);
        (0..CLIENTS + OTHERS).for_each(|number| ask(client(number), number));
        let mut early = None;
        for round in 0..RELOADS {
            reload(&site, &corp, round);
            if round == RELOADS / 4 {
                early = Some(Held::by(site.gateway.pid()));
            }
        }
        early.unwrap()
    });
    assert!(asked.load(Ordering::Relaxed) > RELOADS, "{asked:?} requests were no load");
    let late = Held::by(site.gateway.pid());
    assert!(late.kilobytes < early.kilobytes * 3 / 2 + 16_384, "{early:?} {late:?}");
    let mut now = late;
    for _ in 0..20 {
        now = Held::by(site.gateway.pid());
        if now.files <= before.files + FILES && now.threads <= before.threads + BLOCKING {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let more = now.files.saturating_sub(before.files);
    assert!(
        more <= FILES && now.threads <= before.threads + BLOCKING,
        "{before:?} {now:?} {:#?}",
        open(site.gateway.pid())
    );
    assert_eq!(site.errors(), Vec::<String>::new());
    let mut gateway = site.gateway;
    gateway.is_sound();
}

/// Ends the clients, also when the test failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A read, a search or a write that must be answered well.
#[track_caller]
fn one_request(scim: &Scim, number: usize) {
    let is_crm = number < CLIENTS;
    match number % 4 {
        0 if is_crm => {
            let path = format!("/Users/{}", number + 1);
            let value =
                json!([{ "op": "replace", "path": "name.familyName", "value": format!("F{number}") }]);
            scim.patch(&path, &value).is(200);
        }
        1 => _ = scim.get("/Groups?count=10").is(200),
        2 => _ = scim.find("/Users", "userName eq \"bjorn.haddad1\"").is(200),
        _ => _ = scim.get("/Users?count=5").is(200),
    }
}

/// Another configuration each time; now and then other mappings, and another bound, which opens other connections.
fn reload(site: &Site, corp: &str, round: usize) {
    if round.is_multiple_of(5) {
        let crm = if round.is_multiple_of(2) { other() } else { text() };
        std::fs::write(site.mapping(), format!("{crm}\n// {round}\n")).unwrap();
        std::fs::write(site.file("corp/mapping.rhai"), format!("{corp}\n// {round}\n")).unwrap();
    }
    let old = std::fs::read_to_string(site.file("gantry.toml")).unwrap();
    let (_, targets) = old.split_once("\n\n[[target]]").unwrap();
    let limits = format!("page_size = {}, backend_deadline_ms = {}", 100 + round % 9, 20_000 + round / 20);
    let top = format!("listen = \"127.0.0.1:0\"\nwatch = false\nlimits = {{ {limits} }}\n");
    std::fs::write(site.file("gantry.toml"), format!("{top}\n[[target]]{targets}")).unwrap();
    let before = site.gateway.log().len();
    site.gateway.hang_up();
    let until = Instant::now() + Duration::from_secs(20);
    while !site.gateway.log_after(before).iter().any(|line| line.contains("loaded: requests from now on")) {
        assert!(Instant::now() < until, "no reload in time: {:#?}", site.errors());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The files that a process has open.
fn open(pid: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    entries.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect()
}

/// What a process holds.
#[derive(Debug)]
struct Held {
    files: usize,
    threads: usize,
    kilobytes: usize,
}

// === impl Held ===

impl Held {
    fn by(pid: u32) -> Self {
        let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let resident = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kilobytes = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
        Self { files: count("fd"), threads: count("task"), kilobytes }
    }
}

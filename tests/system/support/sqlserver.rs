//! The SQL Server that `GANTRY_TEST_SQLSERVER` names: where it is, a client of it that is not the gateway's, and a
//! database of the tests' own there, which they find empty and leave empty.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Holds an ADO.NET connection string, when there is a server.
pub const VARIABLE: &str = "GANTRY_TEST_SQLSERVER";
/// The table that says that what stands beside it is the tests' own.
const MARKER: &str = "GantryTestsMadeThese";

/// Whether the tests have the database in use; of two at one time one would drop the other's tables.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Where a server is and who the tests are to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    pub host: String,
    pub port: Option<u16>,
    pub instance: Option<String>,
    pub database: String,
    pub user: String,
    pub password: String,
    /// As `[target.sqlserver]` has it: `required`, `strict`, `off`.
    pub encrypt: String,
    /// The file of the authorities that its certificate is checked with; without one none is trusted but the system's.
    pub ca: Option<PathBuf>,
    /// Whether any certificate is trusted.
    pub trusts: bool,
}

/// The tests' database on the server. What was made in it goes with this.
pub struct SqlServer {
    place: Place,
    client: Mutex<Client>,
    /// Has the password in a file, for the gateway's configuration.
    folder: TempDir,
}

/// What a configuration needs while the tests use the server: their machine may be slow, and a server's first answers.
pub fn patience() -> &'static str {
    match IN_USE.load(Ordering::SeqCst) {
        true => "limits = { backend_deadline_ms = 25000 }\n",
        false => "",
    }
}

// === impl Place ===

impl Place {
    /// That of the environment; `None` when it names none.
    pub fn given() -> Option<Self> {
        std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty()).map(|text| Self::of(&text))
    }

    /// What an ADO.NET connection string says, as far as the tests need it.
    pub fn of(text: &str) -> Self {
        let mut place = Self { encrypt: "required".to_owned(), ..Self::default() };
        for (key, value) in pairs(text) {
            match key.as_str() {
                "server" | "data source" | "addr" | "address" | "network address" => place.is_at(&value),
                "database" | "initial catalog" => place.database = value,
                "user id" | "uid" | "user" => place.user = value,
                "password" | "pwd" => place.password = value,
                "encrypt" => place.encrypt = encrypt(&value).to_owned(),
                "trustservercertificate" => place.trusts = is_true(&value),
                "trustservercertificateca" => place.ca = Some(value.into()),
                _ => {}
            }
        }
        let said = [&place.host, &place.database, &place.user, &place.password];
        let is_whole = said.iter().all(|part| !part.is_empty());
        assert!(
            is_whole,
            "{VARIABLE} needs Server, Database, User ID and Password; tests/README.md has an example"
        );
        place
    }

    /// `tcp:host\instance,port`.
    fn is_at(&mut self, text: &str) {
        let text = text.strip_prefix("tcp:").unwrap_or(text);
        let (text, port) = text.split_once(',').map_or((text, None), |(text, port)| (text, Some(port)));
        let (host, instance) = text.split_once('\\').map_or((text, None), |(host, name)| (host, Some(name)));
        self.host = if host == "." { "localhost".to_owned() } else { host.trim().to_owned() };
        self.port = port.map(|port| port.trim().parse().unwrap());
        self.instance = instance.map(str::to_owned).filter(|_| port.is_none());
    }

    /// Whether it is the stand-in that ignores table hints, and with them the locks that reads before a write ask for.
    pub fn is_babelfish(&self) -> bool {
        let asked = Client::start(self).ask(&json!("SELECT @@VERSION AS version"));
        asked.unwrap_or_else(|error| panic!("{error}"))[0]["version"].to_string().contains("Babelfish")
    }

    /// For the client.
    fn json(&self) -> Value {
        json!({
            "host": self.host, "port": self.port, "instance": self.instance, "database": self.database,
            "user": self.user, "password": self.password, "encrypt": self.encrypt,
            "ca": self.ca.as_ref().filter(|_| !self.trusts),
        })
    }
}

/// Keys in lower case, and values without their quotes.
fn pairs(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, left) = match quote.and_then(|quote| after[1..].split_once(quote)) {
            Some((value, left)) => (value, left.split_once(';').map_or("", |(_, left)| left)),
            None => after.split_once(';').unwrap_or((after, "")),
        };
        found.push((key.trim_matches([' ', ';']).to_lowercase(), value.trim().to_owned()));
        rest = left;
    }
    found
}

fn is_true(value: &str) -> bool {
    ["true", "yes"].contains(&value.to_lowercase().as_str())
}

fn encrypt(value: &str) -> &'static str {
    match value.to_lowercase().as_str() {
        "strict" => "strict",
        "false" | "no" | "optional" => "off",
        _ => "required",
    }
}

// === impl SqlServer ===

impl SqlServer {
    /// The database with what this script makes (`GO` ends a batch). One that holds what is not the tests' own is
    /// refused; what an earlier run left is dropped.
    pub fn made_by(script: &str) -> Self {
        let place = Place::given().unwrap_or_else(|| panic!("{VARIABLE} is not set"));
        assert!(!IN_USE.swap(true, Ordering::SeqCst), "a scenario has one database at a time");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), &place.password).unwrap();
        let server = Self { client: Mutex::new(Client::start(&place)), place, folder };
        server.is_ours();
        server.empty();
        server.rows(&format!("CREATE TABLE {MARKER} (Made DATETIME2 NOT NULL)"));
        script.split("\nGO\n").for_each(|batch| _ = server.rows(batch));
        server
    }

    /// The rows of a text's queries, each a JSON object.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<Value> {
        self.client().ask(&json!(sql)).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// The same, on a connection of its own.
    #[track_caller]
    pub fn rows_by_somebody(&self, sql: &str) -> Vec<Value> {
        Client::start(&self.place).ask(&json!(sql)).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// The lines of a target that lead here.
    pub fn store(&self) -> String {
        let Place { host, port, instance, database, user, encrypt, ca, trusts, .. } = &self.place;
        let password = self.folder.path().join("password");
        let mut lines = format!(
            "[target.sqlserver]\nhost = {host:?}\ndatabase = {database:?}\nuser = {user:?}\n\
             password = {{ file = {password:?} }}\nencrypt = {encrypt:?}\n"
        );
        let more = [
            port.map(|port| format!("port = {port}\n")),
            instance.as_ref().map(|instance| format!("instance = {instance:?}\n")),
            ca.as_ref().filter(|_| !trusts).map(|ca| format!("ca = {ca:?}\n")),
            trusts.then(|| "trust_certificate = true\n".to_owned()),
        ];
        lines.extend(more.into_iter().flatten());
        lines
    }

    /// The arguments of `gantry init` that lead here.
    pub fn arguments(&self) -> Vec<String> {
        let Place { host, port, instance, database, user, ca, trusts, .. } = &self.place;
        let password = self.folder.path().join("password");
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let mut arguments: Vec<String> =
            ["sqlserver", "--host", host, "--database", database, "--user", user].map(str::to_owned).into();
        arguments.extend(["--password-file".to_owned(), path(&password)]);
        arguments.extend(port.iter().flat_map(|port| ["--port".to_owned(), port.to_string()]));
        arguments.extend(instance.iter().flat_map(|name| ["--instance".to_owned(), name.clone()]));
        arguments.extend(trusts.then(|| "--trust-certificate".to_owned()));
        let ca = ca.iter().filter(|_| !trusts);
        arguments.extend(ca.flat_map(|ca| ["--ca".to_owned(), path(ca)]));
        arguments
    }

    /// The name that `gantry init` gives the target.
    pub fn name(&self) -> String {
        self.place.database.to_lowercase().replace('_', "-")
    }

    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the test when somebody's own things are in the database.
    fn is_ours(&self) {
        let there = self.objects("'U', 'V', 'P', 'FN', 'IF', 'TF'");
        let is_marked = there.iter().any(|(_, name)| name.eq_ignore_ascii_case(MARKER));
        let names: Vec<&str> = there.iter().map(|(_, name)| name.as_str()).collect();
        assert!(
            is_marked || names.is_empty(),
            "the database {} holds what is not the tests' own, and they drop what they find: {names:?}",
            self.place.database
        );
    }

    /// Drops all that is in the database, the marker last.
    fn empty(&self) {
        for row in self.rows(
            "SELECT name AS name, OBJECT_SCHEMA_NAME(parent_object_id) AS owner, OBJECT_NAME(parent_object_id) AS holder \
             FROM sys.foreign_keys",
        ) {
            let [name, owner, holder] = ["name", "owner", "holder"].map(|of| row[of].as_str().unwrap());
            self.rows(&format!("ALTER TABLE [{owner}].[{holder}] DROP CONSTRAINT [{name}]"));
        }
        let kinds =
            [("PROCEDURE", "'P'"), ("VIEW", "'V'"), ("FUNCTION", "'FN', 'IF', 'TF'"), ("TABLE", "'U'")];
        for (kind, types) in kinds {
            let mut there = self.objects(types);
            there.sort_by_key(|(_, name)| name.eq_ignore_ascii_case(MARKER));
            for (owner, name) in there {
                self.rows(&format!("DROP {kind} [{owner}].[{name}]"));
            }
        }
    }

    /// The schemas and names of what is of these types.
    fn objects(&self, types: &str) -> Vec<(String, String)> {
        let rows = self.rows(&format!(
            "SELECT SCHEMA_NAME(schema_id) AS owner, name AS name FROM sys.objects \
             WHERE is_ms_shipped = 0 AND type IN ({types})"
        ));
        let text = |row: &Value, of: &str| row[of].as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(row, "owner"), text(row, "name"))).collect()
    }
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        // After a failed test nothing more is asked of the server than what it takes.
        let emptied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.empty()));
        IN_USE.store(false, Ordering::SeqCst);
        if emptied.is_err() && !std::thread::panicking() {
            panic!("the tests' tables could not be dropped");
        }
    }
}

/// The client as a process: a line in, a line out.
struct Client {
    child: Child,
    input: ChildStdin,
    printed: BufReader<ChildStdout>,
}

// === impl Client ===

impl Client {
    fn start(place: &Place) -> Self {
        // Where `scripts/test` puts it.
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut python = Command::new(root.join("target/test-tools/tds/bin/python"));
        python.arg(root.join("tests/sqlserver/client.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = python.spawn();
        let mut child = started.unwrap_or_else(|cause| {
            panic!("the SQL client: {cause}; scripts/test installs it when {VARIABLE} is set")
        });
        let (input, printed) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, input, printed };
        client.ask(&place.json()).unwrap_or_else(|error| panic!("the server that {VARIABLE} names: {error}"));
        client
    }

    fn ask(&mut self, line: &Value) -> Result<Vec<Value>, String> {
        writeln!(self.input, "{line}").map_err(|error| error.to_string())?;
        let mut answer = String::new();
        self.printed.read_line(&mut answer).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("no answer: {error}"))?;
        match answer["rows"].as_array() {
            Some(rows) => Ok(rows.clone()),
            None => Err(answer["error"].as_str().unwrap_or("neither rows nor an error").to_owned()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

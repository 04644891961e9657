//! What the tests stand on: the gateway as a process, a SCIM client, directories, databases.
//! Everything listens on loopback at free ports and ends with its owner.
#![allow(dead_code, reason = "the benchmark and the suites on a SQL Server share these, and none uses all")]

pub mod by_hand;
pub mod certificates;
pub mod database;
pub mod directory;
pub mod ds389;
pub mod gateway;
pub mod native;
pub mod random;
pub mod relay;
pub mod samba;
pub mod scim;
pub mod sqlserver;
pub mod tds;
pub mod told;

use std::net::TcpListener;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// A server whose life is in the test's hands.
pub trait Server {
    /// Starts it, at the same ports as before, and waits until it answers.
    fn up(&mut self);

    /// The process, while it runs.
    fn process(&mut self) -> &mut Option<Child>;

    /// Kills it as a crash would.
    fn kill(&mut self) {
        if let Some(mut server) = self.process().take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Sends it a signal: `STOP`, `CONT`.
    fn signal(&mut self, name: &str) {
        let pid = self.process().as_ref().unwrap().id().to_string();
        output(Command::new("kill").arg(format!("-{name}")).arg(pid));
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A number that the environment says, for a run that is not the usual one.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs a program to its end; `scripts/test` says where it comes from when it is missing.
pub fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .output()
        .unwrap_or_else(|cause| panic!("{program}: {cause}; scripts/test installs what is needed"))
}

/// Runs a program that must succeed; its standard output.
#[track_caller]
pub fn output(command: &mut Command) -> String {
    let done = run(command);
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Waits until something is so, a bounded time.
#[track_caller]
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    within(Duration::from_secs(20), what, is_so);
}

/// The same for a server's start, which may have very much to read.
#[track_caller]
pub fn started(what: &str, is_so: impl FnMut() -> bool) {
    within(Duration::from_secs(120), what, is_so);
}

#[track_caller]
fn within(time: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + time;
    while !is_so() {
        assert!(Instant::now() < until, "{what} did not come about in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! Every backend does what the pure protocol says: a list has what the filter's evaluation in memory finds, and
//! a PATCH ends in the resource that the engine makes of it. Resources, filters and operations are random.
//!
//! The seed is fixed, so that a run can be repeated; `PROPTEST_RNG_SEED` takes another, and `PROPTEST_CASES`
//! more cases: `scripts/soak` runs them long. What once went wrong stands as a case of its own in `filters.rs`
//! and `patches.rs`.

pub mod filters;
pub mod patches;
pub mod people;

use std::fmt::Debug;

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::gateway::Gateway;
use crate::support::samba::Samba;

/// One gateway in front of all the ready mappings' backends.
struct Everywhere {
    gateway: Gateway,
    _crm: Database,
    _plain: Database,
    /// For POSIX accounts.
    posix: Directory,
    _directories: ([Directory; 2], Samba),
}

/// The names of its targets.
const TARGETS: [&str; 6] = ["crm", "plain", "openldap", "posix", "389ds", "ad"];
/// Names of accounts take hardly any of the texts: an attribute for free text does, and so do names of entries.
const FREE: &str = ", user_name = \"info\", name = \"{userName}\", group_account = \"\"";

fn is_directory(target: &str) -> bool {
    matches!(target, "openldap" | "posix" | "389ds" | "ad")
}

// === impl Everywhere ===

impl Everywhere {
    fn start() -> Self {
        let (crm, plain) = (Database::of("crm"), Database::of("plain"));
        let posix = Directory::posix();
        let (directories, samba) = ([Directory::start(), Directory::ds389()], Samba::start());
        let gateway = Gateway::serve(&[
            crm.target("crm", "crm"),
            plain.target("plain", "plain"),
            directories[0].target("openldap", "openldap"),
            // Few of the texts can be in the name of a home.
            posix.target("posix", "openldap-posix").replace("posix =", "home = \"/home/x\", posix ="),
            directories[1].target("389ds", "389ds"),
            samba.target("ad", "active-directory", FREE),
        ]);
        Self { gateway, _crm: crm, _plain: plain, posix, _directories: (directories, samba) }
    }
}

/// A runner of so many cases, if the environment does not say otherwise.
fn runner(cases: u32) -> TestRunner {
    let given = Config::default();
    let is_set = |name: &str| std::env::var_os(name).is_some();
    TestRunner::new(Config {
        cases: if is_set("PROPTEST_CASES") { given.cases } else { cases },
        rng_seed: if is_set("PROPTEST_RNG_SEED") { given.rng_seed } else { RngSeed::Fixed(1) },
        failure_persistence: None,
        max_shrink_iters: 300,
        ..given
    })
}

/// Runs cases; the smallest one that fails ends the test, with the seed that leads to it.
#[track_caller]
fn all<S: Strategy>(runner: &mut TestRunner, cases: &S, test: impl Fn(S::Value) -> Result<(), String>)
where
    S::Value: Debug,
{
    let test = |case| test(case).map_err(proptest::test_runner::TestCaseError::fail);
    match runner.run(cases, test) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{:?}: {case:#?}\n{why}", runner.config().rng_seed),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// One random value.
fn one<S: Strategy>(runner: &mut TestRunner, of: &S) -> S::Value {
    use proptest::strategy::ValueTree;
    of.new_tree(runner).unwrap().current()
}

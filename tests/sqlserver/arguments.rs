//! The command line of a test binary, as Cargo and people give it (`cargo test -- --help` of any other one).

/// Flags with a value of their own, when that does not follow a `=`.
const WITH_VALUE: [&str; 6] = ["--test-threads", "--format", "--color", "--logfile", "--shuffle-seed", "-Z"];

/// What was asked for.
#[derive(Debug, Default)]
pub struct Arguments {
    pub lists: bool,
    /// Only what is ignored otherwise: nothing is.
    only_ignored: bool,
    exact: bool,
    names: Vec<String>,
    skipped: Vec<String>,
}

// === impl Arguments ===

impl Arguments {
    pub fn given() -> Self {
        let (mut found, mut given) = (Self::default(), std::env::args().skip(1));
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--list" => found.lists = true,
                "--ignored" => found.only_ignored = true,
                "--exact" => found.exact = true,
                "--skip" => found.skipped.extend(given.next()),
                flag if WITH_VALUE.contains(&flag) => _ = given.next(),
                flag if flag.starts_with('-') => {
                    found.skipped.extend(flag.strip_prefix("--skip=").map(str::to_owned));
                }
                name => found.names.push(name.to_owned()),
            }
        }
        found
    }

    /// Whether this one was asked for.
    pub fn choose(&self, name: &str) -> bool {
        let fits = |asked: &String| if self.exact { name == asked } else { name.contains(asked.as_str()) };
        let is_named = self.names.is_empty() || self.names.iter().any(fits);
        is_named && !self.only_ignored && !self.skipped.iter().any(fits)
    }
}

//! How the gateway tells what it does: structured logs to stderr.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt};

/// Which lines are logged: `info`, `gantry=debug`, `gantry::backend=trace,info`, …
const FILTER_VARIABLE: &str = "GANTRY_LOG";

/// Starts logging, of lines from this level on where nothing else is said: for people on a terminal, else a JSON object
/// a line. The error says what is wrong with the filter, or that logging was started before.
pub fn start(level: &str) -> Result<(), String> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| level.to_owned());
    // It tells of each error of a database in the database's own words, which the gateway's log has once already.
    let filter = if filter.contains("tiberius") { filter } else { format!("{filter},tiberius=off") };
    let filter = EnvFilter::try_new(filter).map_err(|cause| format!("{FILTER_VARIABLE}: {cause}"))?;
    let builder = fmt().with_env_filter(filter).with_writer(stderr);
    let started = if stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().with_current_span(false).try_init()
    };
    started.map_err(|cause| format!("logging: {cause}"))
}

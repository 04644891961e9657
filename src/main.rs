//! The command `gantry`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use gantry::cli::{self, Arguments, Exit};
use gantry::observe;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long blocking work may take to notice that everything ends.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    cli::end(run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<(), Exit> {
    observe::start(arguments.log_level()).map_err(Exit::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Exit::failure(format!("no threads: {cause}")))?;
    let done = runtime.block_on(cli::run(arguments));
    runtime.shutdown_timeout(LAST_WORK);
    done
}

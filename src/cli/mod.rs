//! The command line: a verb a file. The only module that prints, and the one that puts configuration,
//! mappings, backends and HTTP together ([`build`]).

mod build;
mod check;
mod definitions;
mod demo;
mod diff;
mod doctor;
mod explain;
mod explain_code;
mod init;
mod plan;
mod reload;
mod renew;
mod replay;
mod serve;
mod test;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};

use crate::mapping::diagnostic::{Diagnostic, Style};

/// A SCIM 2.0 gateway: SCIM in over HTTP, LDAP or SQL out, through mapping scripts.
#[derive(Parser)]
#[command(name = "gantry", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve a sample SQLite database, without any set-up
    Demo(demo::Demo),
    /// Serve what a configuration says
    Serve(serve::Serve),
    /// Look for mistakes in a configuration and its mappings
    Check(check::Check),
    /// Write what an editor needs to complete the verbs of a mapping
    Definitions(definitions::Definitions),
    /// Show what a filter becomes: what the backend is asked, and what is checked again here, and why
    Explain(explain::Explain),
    /// Show what a change of a mapping changes: attributes, filters, plans, and what is seen of who is there
    Diff(diff::Diff),
    /// Say what a mistake's code means
    ExplainCode(explain_code::ExplainCode),
    /// Look at each target's backend, and say in plain words what is there and what is not
    Doctor(doctor::Doctor),
    /// Look at a database or a directory, and draft a configuration and a mapping of it
    Init(init::Init),
    /// Show what a request would do to its backend, and do none of it
    Plan(plan::Plan),
    /// Show what a change of a mapping would make of requests that were captured
    Replay(replay::Replay),
    /// Run a mapping's tests, without a backend
    Test(test::Test),
}

/// How what is found is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document for programs, on stdout
    Json,
}

/// Why a verb was not carried out.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    message: String,
}

// === impl Arguments ===

impl Arguments {
    /// From which level on lines are logged: of what is rehearsed, where some is refused on purpose, errors only, and
    /// nothing where nobody said that it should go well.
    pub fn log_level(&self) -> &'static str {
        match self.verb {
            Verb::Diff(_) | Verb::Replay(_) => "off",
            Verb::Test(_) => "error",
            _ => "info",
        }
    }
}

/// Carries out a verb.
pub async fn run(arguments: Arguments) -> Result<(), Exit> {
    match arguments.verb {
        Verb::Demo(demo) => demo.run().await,
        Verb::Serve(serve) => serve.run().await,
        Verb::Check(check) => check.run().await,
        Verb::Definitions(definitions) => definitions.run(),
        Verb::Diff(diff) => diff.run().await,
        Verb::Explain(explain) => explain.run().await,
        Verb::ExplainCode(explain) => explain.run(),
        Verb::Doctor(doctor) => doctor.run().await,
        Verb::Init(init) => init.run().await,
        Verb::Plan(plan) => plan.run().await,
        Verb::Replay(replay) => replay.run().await,
        Verb::Test(test) => test.run().await,
    }
}

/// The process's end: what went wrong goes to stderr.
pub fn end(done: Result<(), Exit>) -> ExitCode {
    let Err(Exit { code, message }) = done else { return ExitCode::SUCCESS };
    if !message.is_empty() {
        // Where stderr is closed, the code alone says it.
        let _ = writeln!(std::io::stderr(), "{message}");
    }
    ExitCode::from(code)
}

fn print(text: &str) -> Result<(), Exit> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|cause| Exit::failure(format!("stdout: {cause}")))
}

/// Says on stderr how far long work is, now and then.
struct Progress {
    last: Instant,
}

/// How often it is said.
const PROGRESS: Duration = Duration::from_secs(2);

// === impl Progress ===

impl Progress {
    fn begin() -> Self {
        Self { last: Instant::now() }
    }

    fn tell(&mut self, how_far: &str) {
        if self.last.elapsed() > PROGRESS {
            self.last = Instant::now();
            // Where stderr is closed, nobody wants to know.
            let _ = writeln!(std::io::stderr(), "{how_far}");
        }
    }
}

/// Colours for people at a terminal who have not asked for none (<https://no-color.org>).
fn style(stream: &impl IsTerminal) -> Style {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|wish| !wish.is_empty());
    if stream.is_terminal() && !is_unwanted { Style::Coloured } else { Style::Plain }
}

// === impl Exit ===

impl Exit {
    /// It was asked wrongly: code 2, as clap's own.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// It cannot be done: code 1.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// The same as trouble, code 2, of what ends with 1 where something differs.
    fn into_trouble(self) -> Self {
        Self { code: 2, ..self }
    }
}

impl From<Vec<Diagnostic>> for Exit {
    fn from(mistakes: Vec<Diagnostic>) -> Self {
        let style = style(&std::io::stderr());
        let shown: Vec<String> = mistakes.iter().map(|mistake| mistake.render(style)).collect();
        Self::failure(shown.join("\n\n"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::mapping::diagnostic::Code;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_mistake_is_shown() {
        let mistake = |message| Diagnostic::whole(Code::Syntax, "f", message);
        let exit = Exit::from(vec![mistake("a"), mistake("b")]);
        assert_eq!(
            (exit.code, exit.message.as_str()),
            (1, "error[G002]: a\n  --> f\n\nerror[G002]: b\n  --> f")
        );
    }
}

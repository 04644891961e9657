//! `gantry doctor`: connects to each target's backend and says in plain words what it found. It changes nothing,
//! unless it is told to try.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, build, print};
use crate::backend::{Finding, Intent, Weight};
use crate::config;
use crate::gateway::Target;

#[derive(Args)]
pub struct Doctor {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// Only the target with this name
    #[arg(long)]
    target: Option<String>,
    /// Try to write too: an entry of its own below each base, removed again; a transaction that is rolled back
    #[arg(long)]
    write: bool,
}

// === impl Doctor ===

impl Doctor {
    pub async fn run(self) -> Result<(), Exit> {
        let config = config::load(&self.config)?;
        let public_url = build::public_url(&config, config.listen);
        let cursors = build::cursors(&config)?;
        let intent = if self.write { Intent::Write } else { Intent::Read };
        let is_wanted = |name: &String| self.target.as_ref().is_none_or(|wanted| wanted == name);
        let (mut looked, mut wrong) = (0, 0);
        for settings in config.targets.iter().filter(|target| is_wanted(&target.name)) {
            let target = build::target(settings, config.limits, &public_url, &cursors, intent)?;
            let kind = target.backend.profile().kind;
            print(&format!("{} at {}: {kind}", target.name, target.path))?;
            for Finding { weight, text } in examine(&target, self.write).await {
                print(&format!("  {weight:<6}{text}"))?;
                wrong += usize::from(weight == Weight::Wrong);
            }
            looked += 1;
        }
        match (looked, wrong) {
            (0, _) => Err(Exit::usage(format!("no target {}", self.target.unwrap_or_default()))),
            (_, 0) => Ok(()),
            (_, wrong) => Err(Exit::failure(format!("{wrong} things are wrong"))),
        }
    }
}

/// What a target's backend is like, for all that its mapping touches.
pub(super) async fn examine(target: &Target, write: bool) -> Vec<Finding> {
    target.backend.examine(&target.mapping.touched(), write).await
}

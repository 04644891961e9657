//! `gantry check`: every mistake of a configuration, its TLS and its mappings. Talks to no backend.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, build, print};
use crate::config;

#[derive(Args)]
pub struct Check {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
}

// === impl Check ===

impl Check {
    pub fn run(self) -> Result<(), Exit> {
        let config = config::load(&self.config)?;
        let (mut mistakes, mut fine) = (Vec::new(), vec![format!("ok: {}", self.config.display())]);
        mistakes.extend(build::tls(&config).err());
        for target in &config.targets {
            match build::mapping(target) {
                Ok(mapping) => {
                    fine.extend(mapping.warnings().iter().map(ToString::to_string));
                    fine.push(format!("ok: target {} at {}", target.name, target.path));
                }
                Err(found) => mistakes.extend(found),
            }
        }
        if mistakes.is_empty() { print(&fine.join("\n")) } else { Err(mistakes.into()) }
    }
}

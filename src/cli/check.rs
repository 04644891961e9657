//! `gantry check`: every mistake of a configuration, its TLS and its mappings. Talks to no backend, unless it is told
//! to: then it also says what each mapping needs that its backend has not, as `doctor` finds it.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, build, doctor, print};
use crate::backend::{Intent, Weight};
use crate::config::{self, Config};
use crate::mapping::diagnostic::Diagnostic;

#[derive(Args)]
pub struct Check {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// Compare the mappings with the backends too; it only reads there
    #[arg(long)]
    live: bool,
}

// === impl Check ===

impl Check {
    pub async fn run(self) -> Result<(), Exit> {
        let config = config::load(&self.config)?;
        let (mut mistakes, mut fine) = (Vec::new(), vec![format!("ok: {}", self.config.display())]);
        mistakes.extend(build::tls(&config).err());
        for target in &config.targets {
            match self.of_target(&config, target).await {
                Ok(warnings) => {
                    fine.extend(warnings.iter().map(ToString::to_string));
                    fine.push(format!("ok: target {} at {}", target.name, target.path));
                }
                Err(found) => mistakes.extend(found),
            }
        }
        if mistakes.is_empty() { print(&fine.join("\n")) } else { Err(mistakes.into()) }
    }

    /// What is worth knowing of a target's mapping; or what is wrong with it.
    async fn of_target(
        &self,
        config: &Config,
        settings: &config::Target,
    ) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if !self.live {
            return build::mapping(settings).map(|mapping| mapping.warnings().to_vec());
        }
        let public_url = build::public_url(config, config.listen);
        let target =
            build::target(settings, config.limits, &public_url, &build::cursors(config)?, Intent::Read)?;
        let findings = doctor::examine(&target, false).await;
        let wrong = findings.into_iter().filter(|finding| finding.weight == Weight::Wrong);
        let place = format!("target {}", settings.name);
        let mistakes: Vec<_> = wrong.map(|finding| Diagnostic::whole(&place, finding.text)).collect();
        if mistakes.is_empty() { Ok(target.mapping.warnings().to_vec()) } else { Err(mistakes) }
    }
}

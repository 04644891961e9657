//! `gantry check`: every mistake of a configuration, its TLS and its mappings. Talks to no backend, unless it is told
//! to: then it also says what each mapping needs that its backend has not, as `doctor` finds it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Format, build, doctor, print, style};
use crate::backend::{Intent, Weight};
use crate::config::{self, Config};
use crate::mapping::diagnostic::{Code, Diagnostic, Severity};

#[derive(Args)]
pub struct Check {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
    /// Compare the mappings with the backends too; it only reads there
    #[arg(long)]
    live: bool,
    /// How mistakes are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was found, and what is fine.
#[derive(Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    fine: Vec<String>,
}

// === impl Check ===

impl Check {
    pub async fn run(self) -> Result<(), Exit> {
        let found = match config::load(&self.config) {
            Ok(config) => self.of_config(&config).await,
            Err(diagnostics) => Found { diagnostics, fine: Vec::new() },
        };
        let is_wrong = found.diagnostics.iter().any(|said| said.severity == Severity::Error);
        match (self.format, is_wrong) {
            (Format::Json, _) => {
                print(&format!("{:#}", found.json()))?;
                if is_wrong { Err(Exit::failure("")) } else { Ok(()) }
            }
            (Format::Text, true) => Err(found.diagnostics.into()),
            (Format::Text, false) => {
                let style = style(&std::io::stdout());
                let warnings = found.diagnostics.iter().map(|warning| warning.render(style));
                print(&found.fine.iter().take(1).cloned().chain(warnings).collect::<Vec<_>>().join("\n"))?;
                let targets: Vec<String> = found.fine.into_iter().skip(1).collect();
                if targets.is_empty() { Ok(()) } else { print(&targets.join("\n")) }
            }
        }
    }

    async fn of_config(&self, config: &Config) -> Found {
        let mut found = Found::default();
        found.fine.push(format!("ok: {}", self.config.display()));
        found.diagnostics.extend(build::tls(config).err());
        for target in &config.targets {
            match self.of_target(config, target).await {
                Ok(warnings) => {
                    found.diagnostics.extend(warnings);
                    found.fine.push(format!("ok: target {} at {}", target.name, target.path));
                }
                Err(mistakes) => found.diagnostics.extend(mistakes),
            }
        }
        found
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
        let mistakes: Vec<_> = wrong
            .map(|finding| {
                let named = target.mapping.named_in(Code::Live, &finding.text);
                let named = named.map(|named| named.with_help(format!("it is the {place}")));
                named.unwrap_or_else(|| Diagnostic::whole(Code::Live, &place, finding.text))
            })
            .collect();
        if mistakes.is_empty() { Ok(target.mapping.warnings().to_vec()) } else { Err(mistakes) }
    }
}

// === impl Found ===

impl Found {
    fn json(&self) -> Value {
        json!({ "diagnostics": self.diagnostics.iter().map(Diagnostic::json).collect::<Vec<_>>() })
    }
}

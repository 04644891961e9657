//! `gantry diff`: what a change of a mapping changes. Without a backend: attributes, filters and plans, of two versions
//! side by side. It writes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Exit, Format, Progress, build, print};
use crate::compare::{Live, Report, Section, Versions};
use crate::config::{self, Config};
use crate::rehearsal::{Folder, Scene, Settings};

#[derive(Args)]
pub struct Diff {
    /// The mapping as it was: its folder, or the file alone
    old: PathBuf,
    /// The mapping as it is to be
    new: PathBuf,
    /// The configuration that says the params and what stands behind [default: the mapping's tests/test.toml]
    #[arg(long, requires = "target", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The target's name in the configuration
    #[arg(long, requires = "config", value_name = "NAME")]
    target: Option<String>,
    /// Compare what the two show of the resources that are there too; it only reads
    #[arg(long, requires = "config")]
    live: bool,
    /// Of so many resources of each type
    #[arg(long, requires = "live", value_name = "N", default_value_t = SAMPLE)]
    sample: usize,
    /// How differences are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Resources of a type that are looked at where nothing else is said.
const SAMPLE: usize = 500;

// === impl Diff ===

impl Diff {
    pub async fn run(self) -> Result<(), Exit> {
        let report = self.compared().await.map_err(Exit::into_trouble)?;
        told(&report, self.format)
    }

    async fn compared(&self) -> Result<Report, Exit> {
        let config = self.config.as_deref().map(config::load).transpose()?;
        let settings = match (&config, &self.target) {
            (Some(config), Some(name)) => build::rehearsed(build::settings(config, name)?),
            _ => self.said()?,
        };
        let new = Scene::version(&self.new, &settings)?;
        // Both stand in front of the same.
        let settings = Settings { kind: Some(new.kind), ..settings };
        let old = Scene::version(&self.old, &settings)?;
        let paths = [&self.new, &self.old].into_iter().filter(|path| path.is_dir());
        let folders: Vec<Folder> = paths.map(|path| Folder::of(path, new.clone())).collect();
        let facts = folders.iter().map(Folder::common_facts).collect::<Result<Vec<_>, _>>()?;
        let facts = facts.into_iter().find(|facts| !facts.text().is_empty()).unwrap_or_default();
        let mut report = Versions { old: &old, new: &new }.compare(&folders, &facts).await?;
        if let (Some(config), Some(name), true) = (&config, &self.target, self.live) {
            let (seen, notes) = self.seen(config, build::settings(config, name)?).await?;
            report.sections.push(seen);
            report.notes.extend(notes);
        }
        Ok(report)
    }

    /// What the two show of who is really there.
    async fn seen(&self, config: &Config, settings: &config::Target) -> Result<(Section, Vec<String>), Exit> {
        let old = Arc::new(build::version(config, settings, &self.old)?);
        let new = Arc::new(build::version(config, settings, &self.new)?);
        let client = old.clients.first().ok_or_else(|| Exit::failure("the target has no client"))?;
        let live = Live { old: &old, new: &new, client, sample: self.sample };
        let mut progress = Progress::begin();
        Ok(live.compare(&mut |how_far| progress.tell(&how_far)).await)
    }

    /// What is said beside the new version, or else beside the old one.
    fn said(&self) -> Result<Settings, Exit> {
        let said = Settings::of(&self.new)?;
        let said = said.map_or_else(|| Settings::of(&self.old), |said| Ok(Some(said)))?;
        Ok(said.unwrap_or_default())
    }
}

/// Tells what differs: 1 where something does, as diff(1) has it.
pub(super) fn told(report: &Report, format: Format) -> Result<(), Exit> {
    match format {
        Format::Text => print(&report.render())?,
        Format::Json => print(&format!("{:#}", report.json()))?,
    }
    if report.is_empty() { Ok(()) } else { Err(Exit::failure("")) }
}

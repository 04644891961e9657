//! `gantry replay`: what a change of a mapping would make of requests that clients really sent, as `capture` keeps them:
//! another plan, another answer, or the same. No backend is asked.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Format, Progress, build, print};
use crate::compare::{Replay as Replaying, Verdict, Versions};
use crate::config;
use crate::rehearsal::{Captured, Scene, Settings, captured};

#[derive(Args)]
pub struct Replay {
    /// The folder with captured requests
    dir: PathBuf,
    /// The mapping as it is to be: its folder, or the file alone
    #[arg(long, value_name = "NEW")]
    mapping: PathBuf,
    /// The configuration, whose mapping is the one as it was
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The target's name in the configuration
    #[arg(long, value_name = "NAME")]
    target: String,
    /// How differences are shown
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A request and what became of it.
struct Told {
    /// Its file.
    file: String,
    /// The method and the path.
    what: String,
    verdict: Verdict,
}

// === impl Replay ===

impl Replay {
    pub async fn run(self) -> Result<(), Exit> {
        let all = self.replayed().await.map_err(Exit::into_trouble)?;
        let counts = |fits: fn(&Verdict) -> bool| all.iter().filter(|told| fits(&told.verdict)).count();
        let differ = counts(|verdict| matches!(verdict, Verdict::Differs(_)));
        let unknown = counts(|verdict| matches!(verdict, Verdict::Unknown(_)));
        match self.format {
            Format::Json => print(&format!("{:#}", all.iter().map(Told::json).collect::<Value>()))?,
            Format::Text => {
                for told in all.iter().filter(|told| told.verdict != Verdict::Same) {
                    print(&told.render())?;
                }
                let same = all.len() - differ - unknown;
                print(&format!(
                    "{} requests: {differ} would differ, {same} the same, {unknown} cannot be compared",
                    all.len()
                ))?;
            }
        }
        if differ + unknown == 0 { Ok(()) } else { Err(Exit::failure("")) }
    }

    async fn replayed(&self) -> Result<Vec<Told>, Exit> {
        let config = config::load(&self.config)?;
        let settings = build::settings(&config, &self.target)?;
        let (name, text) = build::script(&settings.mapping)?;
        let rehearsed = build::rehearsed(settings);
        let old = Scene::new(name.into_owned(), text.into_owned(), rehearsed.clone())?;
        let rehearsed = Settings { kind: Some(old.kind), ..rehearsed };
        let new = Scene::version(&self.mapping, &rehearsed)?;
        let mut replaying = Replaying::new(Versions { old: &old, new: &new })?;
        let names = captured(&self.dir)?;
        if names.is_empty() {
            let folder = self.dir.display();
            return Err(Exit::usage(format!("{folder}: no captured requests are here: NAME.request.http")));
        }
        let (mut all, mut progress) = (Vec::new(), Progress::begin());
        for (at, name) in names.iter().enumerate() {
            let one = Captured::read(&self.dir, name);
            let verdict = replaying.next(&one).await?;
            all.push(Told { what: asked(&one), file: one.name, verdict });
            progress.tell(&format!("{} of {}", at + 1, names.len()));
        }
        Ok(all)
    }
}

/// The first line of a request.
fn asked(captured: &Captured) -> String {
    let Ok(request) = &captured.request else { return String::new() };
    let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("{} /{}{query}", request.method.name(), request.path.join("/"))
}

// === impl Told ===

impl Told {
    fn render(&self) -> String {
        let Self { file, what, verdict } = self;
        match verdict {
            Verdict::Same => format!("same     {file}: {what}"),
            Verdict::Unknown(why) => {
                format!("unknown  {file}: {what}\n           cannot be compared: {why}\n")
            }
            Verdict::Differs(lines) => {
                let lines: String = lines
                    .iter()
                    .map(|line| format!("           {line}").trim_end().to_owned() + "\n")
                    .collect();
                format!("differs  {file}: {what}\n{lines}")
            }
        }
    }

    fn json(&self) -> Value {
        let (verdict, lines) = match &self.verdict {
            Verdict::Same => ("same", Vec::new()),
            Verdict::Unknown(why) => ("unknown", vec![why.clone()]),
            Verdict::Differs(lines) => ("differs", lines.clone()),
        };
        json!({ "file": self.file, "request": self.what, "verdict": verdict, "lines": lines })
    }
}

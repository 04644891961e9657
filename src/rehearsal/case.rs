//! One test: a request, what it is planned to do and how it is answered, compared with what its folder says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use similar::TextDiff;
use time::OffsetDateTime;
use time::macros::datetime;

use super::folder::{Folder, REQUEST, text};
use super::{Facts, Trouble, answer, request};
use crate::gateway::{Client, Cursors, LongAnswers, Request, Scans, Target};
use crate::limits::Limits;

/// When every test happens.
const NOW: OffsetDateTime = datetime!(2026-01-15 08:00 UTC);
/// Where it does.
const URL: &str = "https://scim.example.test";
/// Lines that a difference is shown with, before it and behind it.
const CONTEXT: usize = 3;
/// The file with the answer.
const ANSWER: &str = "answer.http";

/// A test.
pub struct Case {
    folder: Arc<Folder>,
    /// Its folder.
    pub path: PathBuf,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is as the folder says.
    Passed,
    /// These files were written.
    Written(Vec<String>),
    /// What is not so, ready to be shown.
    Failed(String),
}

// === impl Case ===

impl Case {
    /// A test of a mapping, in this folder.
    pub fn new(folder: &Arc<Folder>, path: PathBuf) -> Self {
        Self { folder: folder.clone(), path }
    }

    /// Runs it. With `update` the files are written as things are now.
    pub async fn run(&self, update: bool) -> Outcome {
        match self.found().await {
            // Nobody wants that of a mapping, and so it is not expected either.
            Ok([_, (_, answer)]) if answer.starts_with("500\n") => {
                let path = self.path.display();
                Outcome::Failed(format!("{path}: the answer is 500; the log says what is wrong\n"))
            }
            Ok(found) => match update {
                true => self.write(&found).unwrap_or_else(failed),
                false => self.compare(&found),
            },
            Err(trouble) => failed(trouble),
        }
    }

    /// The names of its files, with what stands in them as things are now.
    async fn found(&self) -> Result<[(String, String); 2], Trouble> {
        let file = self.path.join(REQUEST);
        let asked = text(&file).and_then(|text| request::parse(&text));
        let asked = asked.map_err(|cause| Trouble::file(file, cause))?;
        let facts = self.folder.facts(&self.path)?;
        let plan = self.plan(asked.clone(), &facts).await?;
        let target = self.target(&facts, false)?;
        let answer = answer::render(target.handle(asked, &self.client()).await);
        Ok([(format!("plan.{}", self.folder.kind.plans()), plan), (ANSWER.to_owned(), answer)])
    }

    async fn plan(&self, asked: Request, facts: &Facts) -> Result<String, Trouble> {
        let target = self.target(facts, true)?;
        Ok(match target.plan(asked, &self.client()).await {
            Ok(planned) => planned.render(),
            // A bulk request is done, and not planned.
            Err(error) if error.status == 501 => format!("# no plan: {}\n", error.detail),
            Err(error) => {
                let kind = error.scim_type.map(|kind| format!(" {}", kind.name())).unwrap_or_default();
                format!("# nothing is done: the answer is {}{kind}\n", error.status)
            }
        })
    }

    /// The mapping in front of what the files say; once more for each run, so that none leaves anything to the other.
    fn target(&self, facts: &Facts, only_plans: bool) -> Result<Arc<Target>, Trouble> {
        let (mapping, limits) = (self.folder.mapping()?.fixed(NOW), Limits::default());
        let backend = self.folder.kind.backend(facts, &mapping, &limits, only_plans)?;
        let cursors = Cursors::new(None).map_err(|cause| Trouble::file(&self.path, cause))?;
        Ok(Arc::new(Target {
            name: "test".to_owned(),
            path: String::new(),
            read_only: false,
            clients: Vec::new(),
            mapping: Arc::new(mapping),
            backend,
            limits,
            base_url: URL.to_owned(),
            scans: Scans::default(),
            cursors: Arc::new(cursors),
            long_answers: LongAnswers::default(),
            capture: None,
        }))
    }

    fn client(&self) -> Client {
        let (name, profile) = ("test".to_owned(), self.folder.profile);
        Client { name, token_sha256: [0; 32], profile, user: None }
    }

    fn write(&self, found: &[(String, String)]) -> Result<Outcome, Trouble> {
        let mut written = Vec::new();
        for (name, now) in found {
            let file = self.path.join(name);
            if text(&file).ok().as_ref() != Some(now) {
                fs::write(&file, now).map_err(|cause| Trouble::file(file, cause))?;
                written.push(name.clone());
            }
        }
        Ok(if written.is_empty() { Outcome::Passed } else { Outcome::Written(written) })
    }

    fn compare(&self, found: &[(String, String)]) -> Outcome {
        let different = found.iter().filter_map(|(name, now)| {
            let file = self.path.join(name);
            match file.exists().then(|| text(&file)) {
                None => Some(format!("{}: it is not there; `--update` writes it\n", file.display())),
                Some(Err(cause)) => Some(format!("{}: {cause}\n", file.display())),
                Some(Ok(said)) => difference(&file, &said.replace("\r\n", "\n"), now),
            }
        });
        let different: String = different.collect();
        if different.is_empty() { Outcome::Passed } else { Outcome::Failed(different) }
    }
}

/// What differs between a file and how it is now, line by line; `None`: nothing.
fn difference(file: &Path, said: &str, now: &str) -> Option<String> {
    let header = (file.display().to_string(), "as it is now");
    let diff = TextDiff::from_lines(said, now);
    let shown = diff.unified_diff().context_radius(CONTEXT).header(&header.0, header.1).to_string();
    (said != now).then_some(shown)
}

fn failed(trouble: Trouble) -> Outcome {
    Outcome::Failed(format!("{trouble}\n"))
}

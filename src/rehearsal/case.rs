//! One test: a request, what it is planned to do and how it is answered, compared with what its folder says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{Folder, REQUEST, text};
use super::{Trouble, request};
use crate::gateway::Request;
use similar::TextDiff;

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

    /// The names of its files, with what stands in them as things are now. The mapping is made once more for each run, so
    /// that none leaves anything to the other.
    async fn found(&self) -> Result<[(String, String); 2], Trouble> {
        let (asked, facts, scene) =
            (request_in(&self.path)?, self.folder.facts(&self.path)?, &self.folder.scene);
        let planning = scene.target(&facts, true)?;
        scene.kind.understood(&facts, &planning.mapping)?;
        let plan = scene.plan(&planning, asked.clone()).await;
        let answer = scene.answer(&scene.target(&facts, false)?, asked).await;
        Ok([(format!("plan.{}", scene.kind.plans()), plan), (ANSWER.to_owned(), answer)])
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

/// The request of the test in this folder.
pub fn request_in(case: &Path) -> Result<Request, Trouble> {
    let file = case.join(REQUEST);
    let asked = text(&file).and_then(|text| request::parse(&text));
    asked.map_err(|cause| Trouble::file(file, cause))
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

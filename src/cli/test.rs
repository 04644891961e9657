//! `gantry test`: a mapping's tests, all at once, without a backend; what differs is shown line by line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::Args;
use tokio::task::JoinSet;

use super::{Exit, print};
use crate::rehearsal::{Case, Folder, Outcome, Trouble, mappings};

#[derive(Args)]
pub struct Test {
    /// The folder of a mapping, of several mappings or of one test [default: the current one]
    folders: Vec<PathBuf>,
    /// Write the plans and answers of all these tests as they are now
    #[arg(long)]
    update: bool,
    /// Make a test of this name of a request in a file: gantry test --add NAME FOLDER REQUEST
    #[arg(long, value_name = "NAME", conflicts_with = "update")]
    add: Option<String>,
}

/// How the tests ended.
#[derive(Default)]
struct Summary {
    passed: usize,
    written: usize,
    failed: usize,
}

// === impl Test ===

impl Test {
    pub async fn run(self) -> Result<(), Exit> {
        if let Some(name) = &self.add {
            let [folder, request] = self.folders.as_slice() else {
                return Err(Exit::usage("--add takes a mapping's folder and a file with a request"));
            };
            let folder = Arc::new(Folder::open(folder)?);
            let path = folder.add(name, request)?;
            print(&format!(
                "made   {}: put what the backend holds before it there, and look at the plan",
                path.display()
            ))?;
            return run(vec![Case::new(&folder, path)], true).await;
        }
        let here = vec![PathBuf::from(".")];
        let folders = if self.folders.is_empty() { &here } else { &self.folders };
        let mut cases = Vec::new();
        for path in folders {
            cases.extend(of(path)?);
        }
        match cases.is_empty() {
            true => Err(Exit::usage("there are no tests: a test is a folder tests/NAME with a request.http")),
            false => run(cases, self.update).await,
        }
    }
}

/// The tests that a folder stands for.
fn of(path: &Path) -> Result<Vec<Case>, Exit> {
    let mut cases = Vec::new();
    for (folder, only) in mappings(path)? {
        let folder = Arc::new(Folder::open(&folder)?);
        let paths = only.map_or_else(|| folder.cases(), |one| Ok(vec![one]))?;
        cases.extend(paths.into_iter().map(|path| Case::new(&folder, path)));
    }
    Ok(cases)
}

/// Runs tests, as many at once as there are processors; a line each, as they end.
async fn run(cases: Vec<Case>, update: bool) -> Result<(), Exit> {
    let at_once = available_parallelism().map_or(1, usize::from);
    let (mut waiting, mut running) = (cases.into_iter(), JoinSet::new());
    let mut summary = Summary::default();
    loop {
        while running.len() < at_once
            && let Some(case) = waiting.next()
        {
            running.spawn(async move { (case.run(update).await, case.path) });
        }
        let Some(ended) = running.join_next().await else { break };
        let (outcome, path) = ended.map_err(|_| Exit::failure("a test ended by a defect"))?;
        summary.add(outcome, &path)?;
    }
    summary.end()
}

// === impl Summary ===

impl Summary {
    fn add(&mut self, outcome: Outcome, path: &Path) -> Result<(), Exit> {
        let path = path.display();
        match outcome {
            Outcome::Passed => {
                self.passed += 1;
                print(&format!("ok     {path}"))
            }
            Outcome::Written(files) => {
                self.written += 1;
                print(&format!("wrote  {path}: {}", files.join(", ")))
            }
            Outcome::Failed(why) => {
                self.failed += 1;
                let why: String = why.lines().map(|line| format!("       {line}\n")).collect();
                print(&format!("FAILED {path}\n{}", why.trim_end()))
            }
        }
    }

    fn end(self) -> Result<(), Exit> {
        let Self { passed, written, failed } = self;
        let mut told = vec![format!("{passed} ok")];
        told.extend((written > 0).then(|| format!("{written} written")));
        told.extend((failed > 0).then(|| format!("{failed} failed")));
        let told = told.join(", ");
        if failed == 0 { print(&told) } else { Err(Exit::failure(told)) }
    }
}

impl From<Trouble> for Exit {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Mapping(mistakes) => mistakes.into(),
            file @ Trouble::File(..) => Self::failure(file.to_string()),
        }
    }
}

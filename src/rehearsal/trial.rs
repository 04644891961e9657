//! All tests of a mapping that is about to be served: whether they pass, and which is the first that does not. Knows no
//! gateway; who serves decides what comes of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::folder::cases;
use super::{Case, Folder, Outcome, Trouble};
use crate::mapping::diagnostic::{Code, Diagnostic};

/// Lines of a test's difference that are shown.
const SHOWN: usize = 20;

/// Runs the tests in a mapping's folder with this text of the mapping, one after the other, until one fails or they took
/// longer than they may. The error is what is wrong, of the first test that fails.
pub async fn trial(path: &Path, script: &str, at_most: Duration) -> Result<(), Vec<Diagnostic>> {
    let until = Instant::now() + at_most;
    let cases = cases(path).map_err(Trouble::mistakes)?;
    let count = cases.len();
    if count == 0 {
        // Nobody says params for tests that are not there.
        return Ok(());
    }
    let folder = Arc::new(Folder::with(path, script.to_owned()).map_err(Trouble::mistakes)?);
    for (number, case) in cases.into_iter().map(|path| Case::new(&folder, path)).enumerate() {
        if Instant::now() >= until {
            let (name, seconds) = (path.display().to_string(), at_most.as_secs());
            let message =
                format!("its tests took longer than {seconds} seconds: {number} of {count} were run");
            return Err(vec![Diagnostic::whole(Code::FailedTest, &name, message)]);
        }
        if let Outcome::Failed(why) = case.run(false).await {
            return Err(vec![failed(path, &case, &why)]);
        }
    }
    Ok(())
}

fn failed(path: &Path, case: &Case, why: &str) -> Diagnostic {
    let shown: Vec<&str> = why.lines().take(SHOWN).collect();
    let message = format!("this test of the mapping fails:\n{}", shown.join("\n"));
    let help = format!("`gantry test {}` shows all that differs", path.display());
    Diagnostic::whole(Code::FailedTest, &case.path.display().to_string(), message).with_help(help)
}

//! Requests without their backend: a mapping's tests, and plans against a file. A request goes the way of every other,
//! through [`Target`]; only the backend is one in memory that holds what a file says, and time stands still.
//!
//! - `scene` is a mapping there, `stage` makes that backend, of the kind that a mapping is written for;
//! - `captured` is a folder of requests that clients sent; `request` and `answer` are requests and answers as files;
//! - `folder` finds a mapping's tests and what they say, `case` runs one and compares, `trial` runs all of them.

mod answer;
mod captured;
mod case;
mod folder;
mod request;
mod scene;
mod stage;
mod trial;

use std::fmt;
use std::path::PathBuf;

pub use captured::{Captured, captured};
pub use case::{Case, Outcome, request_in};
pub use folder::{Folder, Settings, mappings};
pub use request::parse;
pub use scene::{NOTHING_DONE, Scene};
pub use stage::{Facts, Kind, Written};
pub use trial::trial;

use crate::mapping::diagnostic::{Code, Diagnostic};

/// Why a folder's tests cannot be run.
#[derive(Debug)]
pub enum Trouble {
    /// What is wrong with a file.
    File(PathBuf, String),
    /// The mapping's mistakes.
    Mapping(Vec<Diagnostic>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, cause) => write!(f, "{}: {}", path.display(), cause.trim_end()),
            Self::Mapping(mistakes) => {
                let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                f.write_str(&shown.join("\n\n"))
            }
        }
    }
}

// === impl Trouble ===

impl Trouble {
    fn file(path: impl Into<PathBuf>, cause: impl ToString) -> Self {
        Self::File(path.into(), cause.to_string())
    }

    /// The same as mistakes of files.
    fn mistakes(self) -> Vec<Diagnostic> {
        match self {
            Self::File(path, cause) => {
                vec![Diagnostic::whole(Code::FailedTest, &path.display().to_string(), cause)]
            }
            Self::Mapping(mistakes) => mistakes,
        }
    }
}

//! `gantry explain-code`: what a mistake's code means, with a wrong and a right example.

use clap::Args;

use super::{Exit, print};
use crate::mapping::diagnostic::Code;

#[derive(Args)]
pub struct ExplainCode {
    /// The code, as `gantry check` shows it: G011
    code: String,
}

// === impl ExplainCode ===

impl ExplainCode {
    pub fn run(self) -> Result<(), Exit> {
        let code: Code = self.code.parse().map_err(Exit::usage)?;
        let explanation =
            code.explanation().ok_or_else(|| Exit::failure(format!("{code} has no explanation")))?;
        print(explanation)
    }
}

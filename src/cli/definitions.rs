//! `gantry definitions`: what an editor with Rhai's language server needs to complete the verbs of a mapping.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, print};
use crate::mapping;

const FILE: &str = "gantry.d.rhai";

#[derive(Args)]
pub struct Definitions {
    /// The folder to write gantry.d.rhai to: the one that the editor has open, or one below it
    #[arg(default_value = ".")]
    folder: PathBuf,
}

// === impl Definitions ===

impl Definitions {
    pub fn run(self) -> Result<(), Exit> {
        let path = self.folder.join(FILE);
        std::fs::write(&path, mapping::definitions())
            .map_err(|cause| Exit::failure(format!("{}: {cause}", path.display())))?;
        print(&format!("written: {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_written_where_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        Definitions { folder: folder.path().to_owned() }.run().unwrap();
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(text.contains("\nmodule static;\n"));
        assert_eq!(Definitions { folder: folder.path().join("nowhere") }.run().unwrap_err().code, 1);
    }
}

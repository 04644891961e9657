//! Mappings: the Rhai file that an admin edits, run once at load into an immutable [`Mapping`].

pub mod diagnostic;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use diagnostic::Diagnostic;

use crate::plan::Model;

/// A mapping: what maps to what, and the script's functions for values.
pub struct Mapping {
    model: Arc<Model>,
}

impl Mapping {
    /// Reads `folder/mapping.rhai` and runs it once with these params. Answers every mistake that was found.
    pub fn load(_folder: &Path, _params: &BTreeMap<String, String>) -> Result<Self, Vec<Diagnostic>> {
        todo!()
    }

    /// Where each resource type lives.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }
}

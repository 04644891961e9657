//! What a change of a mapping changes: two versions of it, side by side. It writes nothing anywhere.
//!
//! - `words` compares what the two say, `filters` what becomes of filters, `plans` what is done for requests;
//! - `samples` makes requests of what a mapping has, `stage` puts somebody there whom they are about;
//! - `live` compares what they show of the resources that are really there;
//! - `replay` takes requests that clients sent, `sent` is what stands in them;
//! - `resources` compares two views of one resource, attribute by attribute;
//! - `report` is what was found, as text and as JSON.

mod filters;
mod lines;
mod live;
mod plans;
mod replay;
mod report;
mod resources;
mod samples;
mod sent;
mod stage;
mod words;

pub use live::Live;
pub use replay::{Replay, Verdict};
pub use report::{Change, How, Report, Section};

use crate::rehearsal::{Facts, Folder, Scene, Trouble};

/// A mapping before a change of it and after.
#[derive(Clone, Copy, Debug)]
pub struct Versions<'a> {
    /// Before.
    pub old: &'a Scene,
    /// After.
    pub new: &'a Scene,
}

// === impl Versions ===

impl Versions<'_> {
    /// What differs without a backend. `folders` have the tests whose requests are tried too, `facts` is what all of them
    /// find there.
    pub async fn compare(self, folders: &[Folder], facts: &Facts) -> Result<Report, Trouble> {
        let (old, new) = (self.old.mapping()?, self.new.mapping()?);
        let mut report = Report::default();
        report.sections.extend(words::sections(&old, &new));
        report.sections.push(filters::section(self, facts).await?);
        let (samples, notes) = plans::of_samples(self, facts).await?;
        report.sections.push(samples);
        report.notes.extend(notes);
        report.sections.push(plans::of_tests(self, folders).await?);
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::mapping::Mapping;

    /// A mapping of one table, with these lines beside the login's.
    pub(super) fn mapping(lines: &str) -> Mapping {
        let head = "resource(\"User\").table(\"P\").id(\"Id\").on_delete(\"delete\");\nattr(\"userName\", \"Login\").required();\n";
        Mapping::parse("m", &format!("{head}{lines}"), &BTreeMap::new()).unwrap()
    }
}

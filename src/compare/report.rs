//! What was found, as text for people and as JSON for programs.

use serde_json::{Value, json};

/// All that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By what it is about.
    pub sections: Vec<Section>,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// What differs of one kind of things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What they are: `attributes`.
    pub name: &'static str,
    /// Each that differs.
    pub changes: Vec<Change>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// In which way.
    pub how: How,
    /// Which one it is: `User title`.
    pub what: String,
    /// What is different about it, a line each.
    pub lines: Vec<String>,
}

/// In which way something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Only the new version has it.
    Added,
    /// Only the old version has it.
    Removed,
    /// Both have it, and not the same.
    Changed,
}

// === impl Report ===

impl Report {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.sections.iter().all(|section| section.changes.is_empty())
    }

    /// For people.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for section in self.sections.iter().filter(|section| !section.changes.is_empty()) {
            text.push_str(&format!("{}\n", section.name));
            for Change { how, what, lines } in &section.changes {
                text.push_str(&format!("  {:<8} {what}\n", how.word()));
                for line in lines {
                    text.push_str(format!("           {line}").trim_end());
                    text.push('\n');
                }
            }
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&format!("not compared: {note}\n"));
        }
        text.push_str(&self.summary());
        text
    }

    /// How many of each kind differ.
    fn summary(&self) -> String {
        let told = self.sections.iter().filter(|section| !section.changes.is_empty());
        let told: Vec<String> =
            told.map(|section| format!("{} {}", section.name, section.changes.len())).collect();
        match told.is_empty() {
            true => "nothing differs".to_owned(),
            false => format!("differ: {}", told.join(", ")),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let change =
            |change: &Change| json!({ "how": change.how.word(), "what": change.what, "lines": change.lines });
        let mut all = serde_json::Map::new();
        for section in &self.sections {
            all.insert(section.name.to_owned(), section.changes.iter().map(change).collect());
        }
        all.insert("notCompared".to_owned(), self.notes.clone().into());
        all.into()
    }
}

// === impl How ===

impl How {
    /// As it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

// === impl Change ===

impl Change {
    /// What is different between two things of which one may be absent; `None`: nothing.
    pub(super) fn of(what: impl Into<String>, lines: Vec<String>) -> Option<Self> {
        (!lines.is_empty()).then(|| Self { how: How::Changed, what: what.into(), lines })
    }
}

//! What was seen of a real backend, for whoever drafts a first mapping of it: values without any I/O. A backend takes a
//! survey; `draft` makes a mapping's text of it.

pub mod directory;
pub mod tables;

//! A first mapping, drafted from what was seen of a backend: its text, commented for the person who reads it, and marked
//! `// decide:` wherever something else could be meant. Pure: it asks nobody.
//!
//! `script` writes Rhai. Of tables, `spelling` knows what people call things, `outline` tells which is what, `user` and
//! `group` write the parts of a mapping; of a directory, `entries` tells where things are, `directory` writes.

mod codes;
pub mod directory;
mod entries;
mod group;
mod outline;
mod resource;
mod script;
mod spelling;
pub mod tables;
#[cfg(test)]
mod tests;
mod user;

/// Something was seen, and no mapping can be made of it: a sentence for the person who asked.
pub type Nothing = String;

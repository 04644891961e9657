//! The command `gantry`.
fn main() {}

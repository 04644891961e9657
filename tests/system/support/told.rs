//! What `gantry doctor` and `gantry check` tell a person.

use super::gateway::{gantry, write_configuration};
use super::run;

/// What it printed about these targets, and whether all was well.
pub fn doctor(targets: &[String], arguments: &[&str]) -> (String, bool) {
    told("doctor", targets, arguments)
}

/// The same of `gantry check`.
pub fn check(target: &str, arguments: &[&str]) -> (String, bool) {
    told("check", &[target.to_owned()], arguments)
}

fn told(verb: &str, targets: &[String], arguments: &[&str]) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = write_configuration(folder.path(), targets);
    let done = run(gantry().arg(verb).arg("--config").arg(file).args(arguments));
    let [told, failed] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
    let text = format!("{told}{failed}");
    (text, done.status.success())
}

#[track_caller]
pub fn says(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

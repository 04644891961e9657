//! "Did you mean …?"

/// How alike two words must be to be suggested (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

/// A suggestion, when one of the known words is close to what was written.
pub(super) fn closest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let alike = |word: &str| strsim::jaro_winkler(&written.to_lowercase(), &word.to_lowercase());
    let best = known.map(|word| (alike(word), word)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(alike, _)| *alike >= ALIKE).map(|(_, word)| format!("did you mean `{word}`?"))
}

//! "Did you mean …?"

/// How alike two words must be to be suggested (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;
/// How alike two words are that one letter tells apart.
const ONE_SLIP: f64 = 0.95;

/// A suggestion, when one of the known words is close to what was written.
pub(super) fn closest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(written, known).map(did_you_mean)
}

/// That word, as a question.
pub(super) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// The known word that is close to what was written.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let alike = |word: &str| {
        let word = word.to_lowercase();
        // One slip of the keyboard makes of a short word a very different one.
        let is_slip = word.len() > 2 && strsim::osa_distance(&written, &word) == 1;
        strsim::jaro_winkler(&written, &word).max(if is_slip { ONE_SLIP } else { 0.0 })
    };
    let best = known.map(|word| (alike(word), word)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(alike, _)| *alike >= ALIKE).map(|(_, word)| word)
}

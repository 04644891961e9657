//! The tables and what they say of the aims, on the screen and in `docs/performance.md`.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::load::Measured;
use crate::support::run;

const BEGIN: &str = "<!-- scripts/bench --write puts this here -->\n";
const END: &str = "<!-- the end of what scripts/bench wrote -->\n";
/// How many of the direct client's look-ups the gateway should do.
const RATIO: f64 = 0.5;
/// LDAP operations for a page, at most.
const PAGE_OPERATIONS: f64 = 3.0;
/// Resident memory, less than this.
const MEMORY_MIB: f64 = 64.0;

/// What was measured.
#[derive(Default)]
pub struct Report {
    pub sqlite: Vec<Row>,
    pub openldap: Vec<Row>,
    /// LDAP operations for pages, where the server limits how much one search finds.
    pub limited: Vec<(&'static str, (f64, f64))>,
}

/// One case.
pub struct Row {
    name: &'static str,
    pub gateway: Measured,
    pub direct: Option<Measured>,
    /// LDAP operations of the first request, and on average of a later one.
    pub operations: Option<(f64, f64)>,
    peak_mib: f64,
}

// === impl Row ===

impl Row {
    pub fn new(name: &'static str) -> Self {
        Self { name, gateway: Measured::default(), direct: None, operations: None, peak_mib: 0.0 }
    }

    /// The process's memory had this peak in one of the rounds.
    pub fn saw_peak(&mut self, mib: f64) {
        self.peak_mib = self.peak_mib.max(mib);
    }

    fn ratio(&self) -> Option<f64> {
        self.direct.as_ref().map(|direct| self.gateway.per_second() / direct.per_second())
    }

    fn is_page(&self) -> bool {
        self.name.contains("page")
    }

    fn is_lookup(&self) -> bool {
        self.is_page() || self.name.contains("GET") || self.name.contains("eq")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = |of: &Measured| {
            format!("{:.0} | {} | {} |", of.per_second(), ms(of.within(0.5)), ms(of.within(0.99)))
        };
        write!(f, "| {} | {} {:.0} |", self.name, cells(&self.gateway), self.peak_mib)?;
        if let (Some(direct), Some(ratio)) = (&self.direct, self.ratio()) {
            write!(f, " {} {ratio:.2} |", cells(direct))?;
        }
        if let Some((first, later)) = self.operations {
            write!(f, " {first:.0} / {later:.1} |")?;
        }
        Ok(())
    }
}

// === impl Report ===

impl Report {
    /// Puts itself where it belongs in the documentation.
    pub fn write(&self) {
        put(BEGIN, END, &self.to_string());
    }

    fn aims(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = || self.sqlite.iter().chain(&self.openldap);
        let memory = rows().map(|row| row.peak_mib).fold(0.0, f64::max);
        let ratio = rows().filter(|row| row.is_lookup()).filter_map(Row::ratio).fold(f64::INFINITY, f64::min);
        let pages = rows().filter(|row| row.is_page()).filter_map(|row| row.operations);
        let operations = pages.map(|(first, later)| first.max(later)).fold(0.0, f64::max);
        let verdict = |holds: bool| if holds { "holds" } else { "**missed**" };
        writeln!(f, "| Aim | Measured | |\n|---|---|---|")?;
        let holds = verdict(ratio >= RATIO);
        writeln!(
            f,
            "| look-ups: {RATIO} of the direct client's or more | {ratio:.2} at the least | {holds} |"
        )?;
        let holds = verdict(operations <= PAGE_OPERATIONS);
        writeln!(
            f,
            "| a page: {PAGE_OPERATIONS} LDAP operations or fewer | {operations:.0} at most | {holds} |"
        )?;
        let holds = verdict(memory < MEMORY_MIB);
        writeln!(f, "| memory: less than {MEMORY_MIB} MiB | {memory:.0} MiB at most | {holds} |")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", machine())?;
        if !self.sqlite.is_empty() && !self.openldap.is_empty() {
            self.aims(f)?;
        }
        if !self.sqlite.is_empty() {
            writeln!(f, "\nSQLite:\n")?;
            writeln!(f, "| | requests/s | p50 ms | p99 ms | peak MiB |\n|---|--:|--:|--:|--:|")?;
            self.sqlite.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        }
        if !self.openldap.is_empty() {
            writeln!(f, "\nOpenLDAP, and the direct client:\n")?;
            write!(f, "| | requests/s | p50 ms | p99 ms | peak MiB | direct/s | p50 ms | p99 ms | ratio ")?;
            writeln!(f, "| LDAP operations: first / later |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
            self.openldap.iter().try_for_each(|row| writeln!(f, "{row}"))?;
            writeln!(f)?;
        }
        for (name, (first, later)) in &self.limited {
            writeln!(f, "With 500 entries a search, {name}: {first:.0} / {later:.1} LDAP operations.  ")?;
        }
        Ok(())
    }
}

/// Puts a text between two marks of the documentation.
pub fn put(begin: &str, end: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let document = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    std::fs::write(file, format!("{before}{begin}\n{text}\n{end}{after}")).unwrap();
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// What it was measured on.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().unwrap();
    let version = run(Command::new("/usr/sbin/slapd").arg("-VV")).stderr;
    let version = String::from_utf8_lossy(&version);
    let slapd = version.split_whitespace().skip_while(|word| *word != "slapd").nth(1).unwrap_or("?");
    let day = String::from_utf8(run(Command::new("date").args(["-u", "+%Y-%m-%d"])).stdout).unwrap();
    format!(
        "{}: gantry {}, OpenLDAP {slapd}, {cores} cores ({}).",
        day.trim(),
        env!("CARGO_PKG_VERSION"),
        model.trim_start_matches([' ', '\t', ':'])
    )
}

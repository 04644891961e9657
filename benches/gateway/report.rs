//! The tables, on the screen and in `docs/performance.md`.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::load::Measured;
use crate::process;
use crate::support::gateway::Gateway;

const BEGIN: &str = "<!-- scripts/bench --write puts its tables here -->\n";
const END: &str = "<!-- end of the tables -->\n";

/// What was measured.
#[derive(Default)]
pub struct Report {
    pub sqlite: Vec<Row>,
    pub openldap: Vec<Row>,
}

/// One case.
pub struct Row {
    name: String,
    gateway: Measured,
    direct: Option<Measured>,
    /// LDAP operations of the first request, and on average of a later one.
    pub operations: Option<(f64, f64)>,
    peak_mib: f64,
}

// === impl Row ===

impl Row {
    pub fn new(name: &str, gateway: Measured, direct: Option<Measured>, process: &Gateway) -> Self {
        let row = Self {
            name: name.to_owned(),
            gateway,
            direct,
            operations: None,
            peak_mib: process::peak_mib(process.pid()),
        };
        println!("{row}");
        row
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { per_second, p50, p99 } = self.gateway;
        write!(f, "| {} | {per_second:.0} | {} | {} | {:.0} |", self.name, ms(p50), ms(p99), self.peak_mib)?;
        if let Some(direct) = &self.direct {
            let ratio = per_second / direct.per_second;
            write!(f, " {:.0} | {} | {} | {ratio:.2} |", direct.per_second, ms(direct.p50), ms(direct.p99))?;
        }
        if let Some((first, later)) = self.operations {
            write!(f, " {first:.0} / {later:.1} |")?;
        }
        Ok(())
    }
}

// === impl Report ===

impl Report {
    /// Puts the tables where they belong in the documentation.
    pub fn write(&self) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        std::fs::write(file, format!("{before}{BEGIN}\n{self}\n{END}{after}")).unwrap();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.sqlite.is_empty() {
            writeln!(f, "SQLite:\n")?;
            writeln!(f, "| | requests/s | p50 ms | p99 ms | peak MiB |\n|---|--:|--:|--:|--:|")?;
            self.sqlite.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        }
        if !self.openldap.is_empty() {
            writeln!(f, "\nOpenLDAP, next to the direct client:\n")?;
            write!(f, "| | requests/s | p50 ms | p99 ms | peak MiB | direct/s | p50 ms | p99 ms | ratio ")?;
            writeln!(f, "| LDAP operations, first / later |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
            self.openldap.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        }
        Ok(())
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

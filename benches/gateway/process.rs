//! What the outside sees: the gateway's memory as the kernel counts it, the directory's operations as
//! slapd's monitor counts them.

use crate::direct::Direct;

/// The process's peak of resident memory, begun anew by [`reset_peak`], in MiB.
pub fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024.0
}

/// Has the peak begin at what is resident now (proc(5), `clear_refs`).
pub fn reset_peak(pid: u32) {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// slapd's counters.
pub struct Monitor<'a> {
    direct: &'a Direct,
}

// === impl Monitor ===

impl<'a> Monitor<'a> {
    pub fn new(direct: &'a Direct) -> Self {
        Self { direct }
    }

    /// Operations that the server has begun, without those of this method.
    pub async fn operations(&self) -> u64 {
        let counter = self.direct.counter("cn=Operations,cn=Monitor", "monitorOpInitiated").await;
        counter - self.direct.counted()
    }
}

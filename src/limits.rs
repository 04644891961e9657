//! Every bound, with its unit in its name. Defaults here; `[limits]` in the configuration changes those
//! that depend on a site.

use serde::Deserialize;

/// The bounds that a configuration may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A request's body, at most.
    pub request_bytes: usize,
    /// A page of a list: what is given when `count` is absent, and the most that is given.
    pub page_size: usize,
    /// How many rows or entries one filter that is re-checked here may look at.
    pub scanned_rows: usize,
    /// Requests in work at one time; more are answered 503 at once.
    pub concurrent_requests: usize,
    /// How long a cursor is good for.
    pub cursor_timeout_s: u64,
    /// From a request's last byte to its answer.
    pub deadline_ms: u64,
    /// From a connection's first byte to the end of a request's headers.
    pub header_deadline_ms: u64,
    /// One operation on a backend.
    pub backend_deadline_ms: u64,
    /// After SIGTERM, how long requests in work may take to end.
    pub drain_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 1 << 20,
            page_size: 200,
            scanned_rows: 50_000,
            concurrent_requests: 256,
            cursor_timeout_s: 3_600,
            deadline_ms: 30_000,
            header_deadline_ms: 10_000,
            backend_deadline_ms: 5_000,
            drain_ms: 20_000,
        }
    }
}

/// A request's line and headers together.
pub const HEADER_BYTES: usize = 32 * 1024;
/// How often the loop of needs, plan and execution begins again after a conflict.
pub const CONFLICT_RETRIES: u32 = 5;
/// How often it begins again because somebody else took the number that a new resource would have had: each time
/// one of them got one, so that this tells how many gateways may be at it at the same time.
pub const NUMBER_RETRIES: u32 = 40;
/// How often a `lower` may ask for more facts within one round.
pub const NEED_ROUNDS: u32 = 8;
/// Operations in one PATCH.
pub const PATCH_OPERATIONS: usize = 1_000;
/// Operations in one bulk request.
pub const BULK_OPERATIONS: usize = 1_000;
/// A text that a script sees or makes.
pub const SCRIPT_TEXT_BYTES: usize = 16 * 1024;
/// One call of a script's function, in its thread's own time.
pub const SCRIPT_DEADLINE_MS: u64 = 20;
/// One run of a mapping at load. Longer than it needs by far: a busy machine must not refuse a good mapping.
pub const SCRIPT_LOAD_MS: u64 = 2_000;
/// A mapping file.
pub const MAPPING_BYTES: u64 = 1 << 20;
/// A cursor, in characters: one of our own is shorter.
pub const CURSOR_CHARS: usize = 16 * 1024;
/// The value of `sortBy`.
pub const SORT_BY_CHARS: usize = 1_024;
/// How much of a text counts when resources are sorted by it; texts that differ only behind that stand in
/// the order of their ids. So a cursor, which holds such a text, is never too long for a URL.
pub const SORTED_CHARS: usize = 256;
/// Ids that a list may have where the backend filters exactly and cannot page: they are all that is read of it.
pub const LISTED_IDS: usize = 250_000;
/// What is kept of scanned lists, in all, for a target: ids, and what they are sorted by.
pub const SCAN_CACHE_BYTES: u64 = 24_000_000;
/// How long they are kept, or so many times as long as the scan took, if that is longer.
pub const SCAN_CACHE_SECONDS: u64 = 10;
/// See there.
pub const SCAN_LIVES: u32 = 10;
/// Scans that run at one time for a target: what they hold in memory grows with the backend.
pub const CONCURRENT_SCANS: usize = 2;
/// Answers of a target that are given in pieces at one time.
pub const LONG_ANSWERS: usize = 8;
/// One answer of a database, at most: about so much is held of it.
pub const RESULT_BYTES: usize = 256 << 20;
/// An access token.
pub const TOKEN_BYTES: usize = 64 * 1024;

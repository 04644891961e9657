//! Searches of very many entries, which go on as they come, so that nothing here grows with their number. Reads
//! only. Most scans want ids alone: those come in one search where the server gives it whole, for that is quickest;
//! all else comes by pages, so that a server is never ahead of who takes them.

use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::{Failure, Take};
use crate::plan::{Entity, Entries, Fields, LdapOperation, Record, Search};

use super::codes;
use super::connection::Patience;
use super::entry::Entry;
use super::pages::Pages;
use super::ranges;
use super::read::{Directory, unavailable};
use super::search::{operations, place, record};

/// Records that are given on at one time.
const BATCH: usize = 1000;
/// So many deadlines a scan may take as a whole; each next entry or page has one.
const DEADLINES: u32 = 6;

/// One scan.
struct Scan<'a> {
    directory: &'a Arc<Directory>,
    entity: &'a Entity,
    entries: &'a Entries,
    search: &'a Search,
    until: Instant,
}

/// How a search of a scan ended.
enum End {
    /// There is no more.
    Whole,
    /// There is more than was asked for, or who takes wants no more.
    Enough,
    /// The server does not give all in one search.
    Cut,
}

impl Directory {
    /// Runs a search, its records going on some at a time.
    pub(super) async fn scan(
        self: &Arc<Self>,
        search: &Search,
        take: &mut Take<'_>,
    ) -> Result<bool, Failure> {
        let (entity, entries) = place(&self.model, &search.entity)?;
        let search = &self.by_value(entries, search, self.until()).await?;
        let dns = self.named(entity, &search.predicate, self.until()).await?;
        let until = Instant::now() + self.deadline * DEADLINES;
        let scan = Scan { directory: self, entity, entries, search, until };
        for operation in operations(entity, entries, search, &dns)? {
            let end = match search.fields == Fields::default() {
                true => scan.at_once(&operation, take).await?,
                false => End::Cut,
            };
            let more = match end {
                End::Whole => false,
                End::Enough => true,
                End::Cut => scan.by_pages(&operation, take).await?,
            };
            if more {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

// === impl Scan ===

impl Scan<'_> {
    /// All in one search; once more, on a fresh connection, when the first attempt was cut off.
    async fn at_once(&self, operation: &LdapOperation, take: &mut Take<'_>) -> Result<End, Failure> {
        match self.try_at_once(operation, take).await {
            Err(Failure::Unavailable(_)) if Instant::now() < self.until => {
                self.try_at_once(operation, take).await
            }
            end => end,
        }
    }

    async fn try_at_once(&self, operation: &LdapOperation, take: &mut Take<'_>) -> Result<End, Failure> {
        let LdapOperation::Search { base, size_limit, .. } = operation else { return Ok(End::Whole) };
        let lease = self.directory.pool.lease(self.directory.until()).await?;
        let (mut batch, mut count, mut wants_more) = (Vec::with_capacity(BATCH), 0, true);
        let patience = Patience { whole: self.until, entry: self.directory.deadline };
        let mut keep = |entry: Entry| {
            count += 1;
            batch.extend(self.record(&entry).map(nameless));
            if batch.len() >= BATCH && wants_more {
                wants_more = take(std::mem::take(&mut batch));
            }
        };
        let passed = lease.connection.pass(operation, None, patience, &mut keep).await;
        let result = passed.map_err(unavailable)?;
        wants_more = wants_more && take(batch);
        match result.rc {
            0 if wants_more => Ok(End::Whole),
            0 => Ok(End::Enough),
            codes::SIZE_LIMIT if count >= *size_limit => Ok(End::Enough),
            codes::SIZE_LIMIT => Ok(End::Cut),
            _ => Err(codes::search(base, &result)),
        }
    }

    /// Page by page; whether there is more.
    async fn by_pages(&self, operation: &LdapOperation, take: &mut Take<'_>) -> Result<bool, Failure> {
        let until = || self.directory.until().min(self.until);
        let Some(mut pages) = Pages::of(self.directory, operation, until()).await? else { return Ok(true) };
        let mut left = self.search.range.limit;
        while let Some(page) = pages.next(until()).await? {
            let mut records = Vec::with_capacity(page.len());
            for entry in page {
                records.extend(self.record(&ranges::complete(self.directory, entry, until()).await?));
            }
            self.directory.show_references(self.entity, self.entries, &mut records, until()).await?;
            let mut records: Vec<Record> = records.into_iter().map(nameless).collect();
            let enough = records.len() > left;
            records.truncate(left);
            left -= records.len();
            if !take(records) || enough {
                return Ok(true);
            }
        }
        Ok(pages.more)
    }

    fn record(&self, entry: &Entry) -> Option<Record> {
        let record = record(self.entity, self.entries, &self.search.fields, entry);
        if record.is_none() {
            tracing::warn!(dn = entry.dn, attribute = %self.entries.id, "an entry shows no id");
        }
        record
    }
}

/// Of so many nobody asks for it.
fn nameless(record: Record) -> Record {
    Record { dn: None, ..record }
}

//! Running searches: by the cached DN where one id is asked for, beyond the server's size limit by pages,
//! and once more on a fresh connection when one was lost. Reads only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ldap3::LdapResult;
use ldap3::asn1::PL;
use ldap3::controls::{PagedResults, RawControl};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{Entity, Entries, Found, LdapOperation, Model, Predicate, Record, Scope, Search};

use super::ber;
use super::cache::Names;
use super::codes;
use super::connection::{Answer, Trouble, root_dse};
use super::entry::Entry;
use super::id;
use super::naming::Naming;
use super::pool::Pool;
use super::ranges;
use super::search::{operations, place, record, references, targets};
use super::turns::Turns;
use super::value::Dns;

/// Entries a page: as many as Active Directory gives.
const PAGE: i32 = 1000;
/// And where the server does not allow that.
const SMALL_PAGE: i32 = 200;
/// Names are kept of a search with so many entries at most: a scan of everybody would push out those that
/// are in use, and few of its own would be asked for before they are too old.
const SEEN: usize = 500;

/// One directory: where things are, the connections, and what was seen.
pub(super) struct Directory {
    /// Where each type lives.
    pub model: Arc<Model>,
    /// The connections.
    pub pool: Pool,
    /// What was seen.
    pub names: Names,
    /// Whose turn it is to write.
    pub turns: Turns,
    /// Whose turn it is to take a number.
    pub numbers: Arc<Mutex<()>>,
    /// Whose turn it is to change names that are held elsewhere.
    pub naming: Naming,
    /// One call of a session, at most.
    pub deadline: Duration,
    /// Entries that one search may look at.
    pub scanned_rows: usize,
}

impl Directory {
    /// When a call that begins now must end.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// Whether the directory answers.
    pub(super) async fn ping(&self) -> Result<(), Failure> {
        self.ask(&root_dse(), self.until()).await.map(|_| ())
    }

    /// Runs a search, references and all.
    pub(super) async fn find(self: &Arc<Self>, search: &Search) -> Result<Found, Failure> {
        let until = self.until();
        let (entity, entries) = place(&self.model, &search.entity)?;
        let mut search = search.clone();
        search.range.limit = search.range.limit.min(self.scanned_rows);
        let dns = self.named(entity, &search.predicate, until).await?;
        let mut found = self.records(entity, entries, &search, &dns, until).await?;
        self.show_references(entity, entries, &mut found.records, until).await?;
        Ok(found)
    }

    /// The DNs of the references that the predicate compares with.
    async fn named(
        self: &Arc<Self>,
        entity: &Entity,
        predicate: &Predicate,
        until: Instant,
    ) -> Result<Dns, Failure> {
        let mut dns = Dns::new();
        for (native, reference) in references(predicate) {
            let known =
                |target: &&Arc<str>| reference.resource.as_ref().is_none_or(|name| **name == ***target);
            for target in targets(entity, native).iter().filter(known) {
                let (target, entries) = place(&self.model, target)?;
                let search = Search::existing(&target.name, vec![reference.id.clone()]);
                let found = self.records(target, entries, &search, &Dns::new(), until).await?;
                if let Some(record) = found.records.into_iter().next() {
                    dns.insert(reference.clone(), record.dn);
                    break;
                }
            }
        }
        Ok(dns)
    }

    /// The records, their references still DNs.
    async fn records(
        self: &Arc<Self>,
        entity: &Entity,
        entries: &Entries,
        search: &Search,
        dns: &Dns,
        until: Instant,
    ) -> Result<Found, Failure> {
        let operations = operations(entity, entries, search, dns)?;
        if let Some(found) = self.by_cached_dn(&operations, search, until).await? {
            let found = ranges::complete(self, found, until).await?;
            return Ok(self.collect(entity, entries, search, vec![found], false));
        }
        let (mut found, mut more) = (Vec::new(), false);
        let answers = self.ask_all(&operations, until).await?;
        for (operation, answer) in operations.iter().zip(answers) {
            let (entries, cut) = self.complete(operation, answer, until).await?;
            for entry in entries {
                found.push(ranges::complete(self, entry, until).await?);
            }
            more |= cut;
        }
        Ok(self.collect(entity, entries, search, found, more))
    }

    /// The entry with the one id that is asked for, read at the DN under which it was seen last.
    async fn by_cached_dn(
        &self,
        operations: &[LdapOperation],
        search: &Search,
        until: Instant,
    ) -> Result<Option<Entry>, Failure> {
        let (Predicate::Id(ids), [operation]) = (&search.predicate, operations) else { return Ok(None) };
        let [id] = ids.as_slice() else { return Ok(None) };
        let Some(dn) = self.names.dn(id) else { return Ok(None) };
        let answer = self.ask(&at(operation, &dn), until).await?;
        let (_, entries) = place(&self.model, &search.entity)?;
        let found = match answer.result.rc {
            0 => answer.entries.into_iter().find(|entry| id::of(entry, &entries.id).as_ref() == Some(id)),
            codes::NO_SUCH_OBJECT => None,
            _ => return Err(codes::search(&dn, &answer.result)),
        };
        if found.is_none() {
            self.names.forget_id(id);
        }
        Ok(found)
    }

    /// Entries as records, ordered by id, no more than were asked for.
    fn collect(
        &self,
        entity: &Entity,
        entries: &Entries,
        search: &Search,
        found: Vec<Entry>,
        cut: bool,
    ) -> Found {
        let mut records = BTreeMap::new();
        let is_scan = found.len() > SEEN;
        for entry in found {
            match record(entity, entries, &search.fields, &entry) {
                Some(record) => {
                    if !is_scan {
                        self.names.saw(&entity.name, &record.id, &entry.dn);
                    }
                    records.insert(record.id.clone(), record);
                }
                None => tracing::warn!(dn = entry.dn, attribute = %entries.id, "an entry shows no id"),
            }
        }
        let more = cut || records.len() > search.range.limit;
        let records: Vec<Record> = records.into_values().take(search.range.limit).collect();
        Found { records, total: None, more }
    }

    /// Everything that an answer stands for: where the server's own size limit cut it short, the rest
    /// comes by pages. The flag says that there is more than was asked for, or than the server gives.
    async fn complete(
        &self,
        operation: &LdapOperation,
        answer: Answer,
        until: Instant,
    ) -> Result<(Vec<Entry>, bool), Failure> {
        let LdapOperation::Search { base, size_limit, scope, .. } = operation else {
            return Ok((Vec::new(), false));
        };
        match answer.result.rc {
            0 => Ok((answer.entries, false)),
            codes::NO_SUCH_OBJECT if *scope == Scope::Base => Ok((Vec::new(), false)),
            codes::SIZE_LIMIT if answer.entries.len() >= *size_limit => Ok((answer.entries, true)),
            codes::SIZE_LIMIT => {
                let (mut entries, cut) = self.pages(operation, *size_limit, until).await?;
                entries.extend(answer.entries);
                Ok((entries, cut))
            }
            _ => Err(codes::search(base, &answer.result)),
        }
    }

    /// The search from its start, by pages, on a connection of its own.
    async fn pages(
        &self,
        operation: &LdapOperation,
        wanted: usize,
        until: Instant,
    ) -> Result<(Vec<Entry>, bool), Failure> {
        let lease = self.pool.dedicated(until).await?;
        if !lease.connection.features.paged {
            return Ok((Vec::new(), true));
        }
        let operation = unlimited(operation);
        let (mut entries, mut cookie, mut size) = (Vec::new(), Vec::new(), PAGE);
        loop {
            let control = Some(RawControl::from(PagedResults { size, cookie }));
            let answer = lease.connection.search(&operation, control, until).await.map_err(unavailable)?;
            entries.extend(answer.entries);
            match answer.result.rc {
                0 => {}
                // OpenLDAP's size.pr: no page is given at all.
                codes::ADMIN_LIMIT if size == PAGE && entries.is_empty() => {
                    (cookie, size) = (Vec::new(), SMALL_PAGE);
                    continue;
                }
                codes::SIZE_LIMIT | codes::ADMIN_LIMIT => return Ok((entries, true)),
                _ => return Err(codes::search("the paged search's", &answer.result)),
            }
            match next_page(&answer.result) {
                Some(next) if entries.len() < wanted => cookie = next,
                next => return Ok((entries, next.is_some())),
            }
        }
    }

    /// Several searches at once, their answers in the same order.
    pub(super) async fn ask_all(
        self: &Arc<Self>,
        operations: &[LdapOperation],
        until: Instant,
    ) -> Result<Vec<Answer>, Failure> {
        if let [operation] = operations {
            return Ok(vec![self.ask(operation, until).await?]);
        }
        let mut tasks = JoinSet::new();
        for (at, operation) in operations.iter().cloned().enumerate() {
            let directory = self.clone();
            tasks.spawn(async move { Ok((at, directory.ask(&operation, until).await?)) });
        }
        let mut answers = BTreeMap::new();
        while let Some(ended) = tasks.join_next().await {
            let (at, answer) = ended.map_err(|_| Failure::Internal("a search ended early".to_owned()))??;
            answers.insert(at, answer);
        }
        Ok(answers.into_values().collect())
    }

    /// One search, whatever its result code; once more, on a fresh connection or at another server, when
    /// the first attempt brought no answer.
    pub(super) async fn ask(&self, operation: &LdapOperation, until: Instant) -> Result<Answer, Failure> {
        match self.ask_once(operation, self.pool.share(until)).await {
            Err(Failure::Unavailable(_)) if Instant::now() < until => self.ask_once(operation, until).await,
            answer => answer,
        }
    }

    async fn ask_once(&self, operation: &LdapOperation, until: Instant) -> Result<Answer, Failure> {
        let lease = self.pool.lease(until).await?;
        lease.connection.search(operation, None, until).await.map_err(unavailable)
    }
}

/// A read's failure: nothing was changed.
pub(super) fn unavailable(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::NotSent(text) | Trouble::Lost(text) => Failure::Unavailable(text),
        Trouble::Refused(result) => Failure::Unavailable(codes::bind(&result)),
        Trouble::Malformed(text) => Failure::Internal(text),
    }
}

/// The same search at one entry.
fn at(operation: &LdapOperation, dn: &str) -> LdapOperation {
    match operation {
        LdapOperation::Search { filter, attributes, .. } => LdapOperation::Search {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: filter.clone(),
            attributes: attributes.clone(),
            size_limit: 1,
        },
        other => other.clone(),
    }
}

fn unlimited(operation: &LdapOperation) -> LdapOperation {
    let mut operation = operation.clone();
    if let LdapOperation::Search { size_limit, .. } = &mut operation {
        *size_limit = 0;
    }
    operation
}

/// The cookie of the next page (RFC 2696); `None` after the last.
fn next_page(result: &LdapResult) -> Option<Vec<u8>> {
    let paged = |control: &&ldap3::controls::Control| control.1.ctype == "1.2.840.113556.1.4.319";
    let value = result.ctrls.iter().find(paged)?.1.val.as_ref()?;
    match ber::parse(value)?.payload {
        PL::C(mut parts) => match parts.pop()?.payload {
            PL::P(cookie) if !cookie.is_empty() => Some(cookie),
            _ => None,
        },
        PL::P(_) => None,
    }
}

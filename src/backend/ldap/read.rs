//! Running searches: by the cached DN where one id is asked for, beyond the server's size limit by pages,
//! and once more on a fresh connection when one was lost. Reads only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ldap3::controls::RawControl;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{Entity, Entries, Found, LdapOperation, Model, Predicate, Record, Scope, Search};

use super::cache::Names;
use super::codes;
use super::connection::{Answer, Trouble, root_dse};
use super::deref;
use super::entry::Entry;
use super::id;
use super::long::{Long, LongTurns};
use super::naming::Naming;
use super::pages::Pages;
use super::pool::Pool;
use super::ranges;
use super::search::{operations, place, record, references, targets};
use super::turns::Turns;
use super::value::Dns;

/// Names are kept of a search with so many entries at most: a scan of everybody would push out those that
/// are in use, and few of its own would be asked for before they are too old.
const SEEN: usize = 500;

/// One directory: where things are, the connections, and what was seen.
pub(super) struct Directory {
    /// Where each type lives.
    pub model: Arc<Model>,
    /// The connections.
    pub pool: Arc<Pool>,
    /// What was seen.
    pub names: Names,
    /// Whose turn it is to write.
    pub turns: Arc<Turns>,
    /// Whose turn it is to take a number.
    pub numbers: Arc<Mutex<()>>,
    /// Whose turn it is to change names that are held elsewhere.
    pub naming: Naming,
    /// One call of a session, at most.
    pub deadline: Duration,
    /// Entries that one search may look at.
    pub scanned_rows: usize,
    /// Whose turn it is to read what is very long.
    pub long: Arc<LongTurns>,
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
        let search = self.by_value(entries, &search, until).await?;
        let dns = self.named(entity, &search.predicate, until).await?;
        let (mut found, long) = self.records(entity, entries, &search, &dns, until).await?;
        self.show_references(entity, entries, &mut found.records, until).await?;
        for long in long {
            let (id, native) = (long.id.clone(), long.native.clone());
            let links = self.links(entity, entries, long).await?;
            if let Some(record) = found.records.iter_mut().find(|record| record.id == id) {
                record.links.insert(native, links);
            }
        }
        Ok(found)
    }

    /// The DNs of the references that the predicate compares with.
    pub(super) async fn named(
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
                let (found, _) = self.records(target, entries, &search, &Dns::new(), until).await?;
                if let Some(record) = found.records.into_iter().next() {
                    dns.insert(reference.clone(), record.dn);
                    break;
                }
            }
        }
        Ok(dns)
    }

    /// The records, their references still DNs; those that are very many apart from them.
    pub(super) async fn records(
        self: &Arc<Self>,
        entity: &Entity,
        entries: &Entries,
        search: &Search,
        dns: &Dns,
        until: Instant,
    ) -> Result<(Found, Vec<Long>), Failure> {
        let operations = operations(entity, entries, search, dns)?;
        // What may bring entries that take much room until they are taken apart goes few at a time.
        let _turn = match search.fields.long.is_empty() {
            true => None,
            false => Some(self.long.to_fetch(until).await?),
        };
        let leads = deref::control(&self.model, entity, entries, search.fields.natives.iter());
        if let Some(found) = self.by_cached_dn(&operations, search, leads.clone(), until).await? {
            let found = ranges::complete(self, found, until).await?;
            return Ok(self.collect(entity, entries, search, vec![found], false));
        }
        let (mut found, mut more) = (Vec::new(), false);
        let answers = self.ask_all_with(&operations, leads, until).await?;
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
        leads: Option<RawControl>,
        until: Instant,
    ) -> Result<Option<Entry>, Failure> {
        let (Predicate::Id(ids), [operation]) = (&search.predicate, operations) else { return Ok(None) };
        let [id] = ids.as_slice() else { return Ok(None) };
        let Some(dn) = self.names.dn(id) else { return Ok(None) };
        let answer = self.ask_with(&at(operation, &dn), leads, until).await?;
        let (_, entries) = place(&self.model, &search.entity)?;
        let found = match answer.result.rc {
            0 => answer.entries.into_iter().find(|entry| id::of(entry, &entries.id).as_ref() == Some(id)),
            codes::NO_SUCH_OBJECT => None,
            _ => return Err(codes::search(&dn, &answer.result)),
        };
        if found.is_none() {
            self.names.forget(id);
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
    ) -> (Found, Vec<Long>) {
        let (mut records, mut longs) = (BTreeMap::new(), Vec::new());
        let is_scan = found.len() > SEEN;
        for mut entry in found {
            longs.extend(Long::take(&mut entry, entries, &search.fields));
            match record(entity, entries, &search.fields, &entry) {
                Some(mut record) => {
                    deref::resolve(&self.model, entity, entries, &entry.led, &mut record);
                    if !is_scan {
                        self.names.saw(&record.id, &entry.dn);
                    }
                    records.insert(record.id.clone(), record);
                }
                None => tracing::warn!(dn = entry.dn, attribute = %entries.id, "an entry shows no id"),
            }
        }
        let more = cut || records.len() > search.range.limit;
        let records: Vec<Record> = records.into_values().take(search.range.limit).collect();
        (Found { records, total: None, more }, longs)
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
                let (mut entries, cut) = self.all_pages(operation, *size_limit, until).await?;
                entries.extend(answer.entries);
                Ok((entries, cut))
            }
            _ => Err(codes::search(base, &answer.result)),
        }
    }

    /// The search from its start, by pages.
    async fn all_pages(
        &self,
        operation: &LdapOperation,
        wanted: usize,
        until: Instant,
    ) -> Result<(Vec<Entry>, bool), Failure> {
        let Some(mut pages) = Pages::of(self, operation, until).await? else { return Ok((Vec::new(), true)) };
        let mut entries = Vec::new();
        while let Some(page) = pages.next(until).await? {
            entries.extend(page);
            if entries.len() >= wanted {
                break;
            }
        }
        Ok((entries, pages.more))
    }

    /// Several searches at once, their answers in the same order.
    pub(super) async fn ask_all(
        self: &Arc<Self>,
        operations: &[LdapOperation],
        until: Instant,
    ) -> Result<Vec<Answer>, Failure> {
        self.ask_all_with(operations, None, until).await
    }

    /// The same with what asks for more (see `deref`).
    async fn ask_all_with(
        self: &Arc<Self>,
        operations: &[LdapOperation],
        leads: Option<RawControl>,
        until: Instant,
    ) -> Result<Vec<Answer>, Failure> {
        if let [operation] = operations {
            return Ok(vec![self.ask_with(operation, leads, until).await?]);
        }
        let mut tasks: JoinSet<Result<_, Failure>> = JoinSet::new();
        for (at, operation) in operations.iter().cloned().enumerate() {
            let (directory, leads) = (self.clone(), leads.clone());
            tasks.spawn(async move { Ok((at, directory.ask_with(&operation, leads, until).await?)) });
        }
        let mut answers = BTreeMap::new();
        while let Some(ended) = tasks.join_next().await {
            let (at, answer) = ended.map_err(|_| Failure::Internal("a search ended early".to_owned()))??;
            answers.insert(at, answer);
        }
        Ok(answers.into_values().collect())
    }

    /// One search, whatever its result code.
    pub(super) async fn ask(&self, operation: &LdapOperation, until: Instant) -> Result<Answer, Failure> {
        self.ask_with(operation, None, until).await
    }

    /// The same with what asks for more; once more, on a fresh connection or at another server, when the first attempt
    /// brought no answer.
    async fn ask_with(
        &self,
        operation: &LdapOperation,
        leads: Option<RawControl>,
        until: Instant,
    ) -> Result<Answer, Failure> {
        match self.ask_once(operation, leads.clone(), self.pool.share(until)).await {
            Err(Failure::Unavailable(_)) if Instant::now() < until => {
                self.ask_once(operation, leads, until).await
            }
            answer => answer,
        }
    }

    async fn ask_once(
        &self,
        operation: &LdapOperation,
        leads: Option<RawControl>,
        until: Instant,
    ) -> Result<Answer, Failure> {
        let lease = self.pool.lease(until).await?;
        let leads = leads.filter(|_| lease.connection.features.deref);
        lease.connection.search(operation, leads, until).await.map_err(unavailable)
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

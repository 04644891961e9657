//! GET on a resource type: filters, pages, totals. Totals are always true and results always exact: what a
//! backend cannot do exactly is re-checked here, in one bounded scan to ordered ids.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::failure::Stop;
use super::job::Job;
use super::{Answer, Generation, Request};
use crate::backend::{Intent, Session};
use crate::limits::{SCAN_CACHE_IDS, SCAN_CACHE_SECONDS};
use crate::mapping::Pushed;
use crate::plan::{Fields, Folding, Predicate, Range, Record, Search, Test, Value};
use crate::scim::error::{Error, ScimType};
use crate::scim::filter::{self, Filter};
use crate::scim::page::{self, Page, list_response};
use crate::scim::resource::Resource;
use crate::scim::{self, evaluate};

/// The ordered ids of filters that were scanned a moment ago, so that pages after the first neither scan
/// again nor shift. Forgotten with every write of this process, and after a few seconds.
pub struct Scans {
    ids: Cache<String, Arc<Vec<String>>>,
    generation: Generation,
}

impl Default for Scans {
    fn default() -> Self {
        let ids = Cache::builder()
            .max_capacity(SCAN_CACHE_IDS)
            .weigher(|_, ids: &Arc<Vec<String>>| u32::try_from(ids.len() + 1).unwrap_or(u32::MAX))
            .time_to_live(Duration::from_secs(SCAN_CACHE_SECONDS))
            .build();
        Self { ids, generation: Generation::default() }
    }
}

// === impl Scans ===

impl Scans {
    /// Something was written: what was scanned before may not be so any more.
    pub(super) fn forget(&self) {
        self.generation.next();
    }

    fn key(&self, entity: &str, filter: Option<&Filter>) -> String {
        let filter = filter.map(ToString::to_string).unwrap_or_default();
        format!("{} {entity} {filter}", self.generation.now())
    }
}

/// What is asked of a list.
struct Query {
    filter: Option<Filter>,
    pushed: Pushed,
    page: Page,
}

impl Job<'_> {
    /// GET on the resource type.
    pub(super) async fn list(&self, request: &Request) -> Result<Answer, Stop> {
        let query = self.query(request)?;
        let mut session = self.session(Intent::Read).await?;
        let exact_windows = query.pushed.exact && self.target.backend.profile().windows;
        let (total, records) = if query.pushed.predicate == Predicate::Nothing {
            (0, Vec::new())
        } else if exact_windows {
            self.window(&mut *session, &query).await?
        } else if let Some(all) = self.few(&mut *session, &query).await? {
            all
        } else {
            self.scanned(&mut *session, &query).await?
        };
        let resources = records.iter().map(|record| self.shown(record)).collect::<Result<Vec<_>, _>>()?;
        Ok(Answer {
            status: 200,
            body: Some(list_response(total, &query.page, resources)),
            ..Answer::default()
        })
    }

    fn query(&self, request: &Request) -> Result<Query, Stop> {
        let max = self.target.limits.page_size;
        let page = page::parse(request.parameter("startIndex"), request.parameter("count"), max, max)?;
        let filter = request.parameter("filter").map(|text| {
            let parsed = filter::parse(text)
                .map_err(|error| Error::bad_request(ScimType::InvalidFilter, error.to_string()))?;
            filter::check(parsed, &self.of.resource_type)
        });
        let filter = filter.transpose()?;
        let pushed = match &filter {
            Some(filter) => self.target.mapping.push(self.of, filter, &self.target.backend.profile()),
            None => Pushed { predicate: Predicate::All, exact: true },
        };
        Ok(Query { filter, pushed, page })
    }

    /// The backend does it all: one window and the total.
    async fn window(&self, session: &mut dyn Session, query: &Query) -> Result<(usize, Vec<Record>), Stop> {
        let search = Search {
            entity: self.of.entity.clone(),
            predicate: query.pushed.predicate.clone(),
            fields: self.wanted(),
            range: Range { offset: query.page.start_index - 1, limit: query.page.count, total: true },
        };
        let found = self.search(session, &search).await?;
        let total = found.total.ok_or_else(|| Error::internal("The backend gave no total."))?;
        Ok((total, found.records))
    }

    /// A filter with an equality mostly finds a handful: then one search brings all there is. `None` when
    /// it found more than a page.
    async fn few(
        &self,
        session: &mut dyn Session,
        query: &Query,
    ) -> Result<Option<(usize, Vec<Record>)>, Stop> {
        if !narrow(&query.pushed.predicate) || query.page.count == 0 {
            return Ok(None);
        }
        let mut fields = self.wanted();
        if let Some(filter) = &query.filter {
            let needed = self.of.fields_of_filter(filter);
            fields.natives.extend(needed.natives);
            fields.rest |= needed.rest;
        }
        let search = self.over(query, fields, query.page.count);
        let found = self.search(session, &search).await?;
        if found.more {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(found.records.len());
        for record in found.records {
            if self.passes(query, &record)? {
                all.push(record);
            }
        }
        let total = all.len();
        let page = all.into_iter().skip(query.page.start_index - 1).take(query.page.count).collect();
        Ok(Some((total, page)))
    }

    /// One bounded scan to ordered ids, then the page by id.
    async fn scanned(&self, session: &mut dyn Session, query: &Query) -> Result<(usize, Vec<Record>), Stop> {
        let key = self.target.scans.key(&self.of.entity, query.filter.as_ref());
        let kept = (query.page.start_index > 1).then(|| self.target.scans.ids.get(&key)).flatten();
        let ids = match kept {
            Some(ids) => ids,
            None => {
                let ids = Arc::new(self.scan(session, query).await?);
                self.target.scans.ids.insert(key, ids.clone());
                ids
            }
        };
        let page: Vec<String> =
            ids.iter().skip(query.page.start_index - 1).take(query.page.count).cloned().collect();
        if page.is_empty() {
            return Ok((ids.len(), Vec::new()));
        }
        let range = Range::first(page.len());
        let predicate = Predicate::Id(page);
        let search = Search { entity: self.of.entity.clone(), predicate, fields: self.wanted(), range };
        Ok((ids.len(), session.search(&search).await?.records))
    }

    async fn scan(&self, session: &mut dyn Session, query: &Query) -> Result<Vec<String>, Stop> {
        let fields = match &query.filter {
            Some(filter) if !query.pushed.exact => self.of.fields_of_filter(filter),
            _ => Fields::default(),
        };
        let search = self.over(query, fields, self.target.limits.scanned_rows);
        let found = self.search(session, &search).await?;
        if found.more {
            return Err(Error::too_many(format!(
                "More than {} resources would have to be looked at for this; narrow the filter.",
                self.target.limits.scanned_rows
            ))
            .into());
        }
        let mut ids = Vec::with_capacity(found.records.len());
        for record in found.records {
            if self.passes(query, &record)? {
                ids.push(record.id);
            }
        }
        Ok(ids)
    }

    fn over(&self, query: &Query, fields: Fields, limit: usize) -> Search {
        let predicate = query.pushed.predicate.clone();
        Search { entity: self.of.entity.clone(), predicate, fields, range: Range::first(limit) }
    }

    /// The re-check, with the backend's own case folding.
    fn passes(&self, query: &Query, record: &Record) -> Result<bool, Stop> {
        let Some(filter) = query.filter.as_ref().filter(|_| !query.pushed.exact) else { return Ok(true) };
        let resource: Resource = self.target.mapping.read(self.of, record, &self.target.base_url)?;
        let folding = match self.target.backend.profile().folding {
            Folding::Ascii => scim::evaluate::Folding::Ascii,
            Folding::Directory => scim::evaluate::Folding::Directory,
        };
        Ok(evaluate::matches(filter, &resource, &self.of.resource_type, folding))
    }
}

/// Whether the predicate asks for one text or id, so that few are likely to meet it.
fn narrow(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Id(_) => true,
        Predicate::Test(_, Test::Equals(Value::Text(_) | Value::Reference(_), _)) => true,
        Predicate::And(terms) => terms.iter().any(narrow),
        _ => false,
    }
}

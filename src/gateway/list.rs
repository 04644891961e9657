//! GET on a resource type: filters, pages, totals. Totals are always true and results always exact: what a
//! backend cannot do exactly is re-checked here, in one bounded scan to ordered ids.

use std::time::Duration;

use super::failure::Stop;
use super::job::Job;
use super::{Answer, Request};
use crate::backend::{Intent, Session};
use crate::mapping::Pushed;
use crate::plan::{Fields, Folding, Predicate, Range, Record, Search, Test, Value};
use crate::scim::error::{Error, ScimType};
use crate::scim::filter::{self, Filter};
use crate::scim::page::{self, Page, list_response};
use crate::scim::resource::Resource;
use crate::scim::{self, evaluate};

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
        let (total, resources) = if query.pushed.predicate == Predicate::Nothing {
            (0, Vec::new())
        } else if exact_windows {
            self.window(&mut *session, &query).await?
        } else if let Some(all) = self.few(&mut *session, &query).await? {
            all
        } else {
            drop(session); // waiting for a scan is no reason to keep a connection from others
            self.scanned(&query).await?
        };
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
    async fn window(&self, session: &mut dyn Session, query: &Query) -> Result<(usize, Vec<Resource>), Stop> {
        let search = Search {
            entity: self.of.entity.clone(),
            predicate: query.pushed.predicate.clone(),
            fields: self.wanted(),
            range: Range { offset: query.page.start_index - 1, limit: query.page.count, total: true },
        };
        let found = self.search(session, &search).await?;
        let total = found.total.ok_or_else(|| Error::internal("The backend gave no total."))?;
        Ok((total, self.all_shown(&found.records)?))
    }

    /// A filter with an equality mostly finds a handful: then one search brings all there is. `None` when
    /// it found more than a page.
    async fn few(
        &self,
        session: &mut dyn Session,
        query: &Query,
    ) -> Result<Option<(usize, Vec<Resource>)>, Stop> {
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
        for record in &found.records {
            let resource = self.read(record)?;
            if self.passes(query, &resource) {
                all.push(resource);
            }
        }
        let total = all.len();
        let page = all.into_iter().skip(query.page.start_index - 1).take(query.page.count);
        Ok(Some((total, page.map(|resource| self.dressed(resource)).collect())))
    }

    /// One bounded scan to ordered ids, then the page by id.
    async fn scanned(&self, query: &Query) -> Result<(usize, Vec<Resource>), Stop> {
        let filter = query.filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let list = format!("{} {filter}", self.of.entity);
        let kept = (query.page.start_index > 1).then(|| self.target.scans.kept(&list)).flatten();
        let ids = match kept {
            Some(ids) => ids,
            None => {
                // The scan that runs, and the one that others wait for too.
                let patience = 2 * Duration::from_millis(self.target.limits.backend_deadline_ms);
                self.target.scans.fresh(&list, patience, self.scan(query)).await?
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
        let found = self.session(Intent::Read).await?.search(&search).await?;
        Ok((ids.len(), self.all_shown(&found.records)?))
    }

    async fn scan(&self, query: &Query) -> Result<Vec<String>, Stop> {
        let mut session = self.session(Intent::Read).await?;
        let fields = match &query.filter {
            Some(filter) if !query.pushed.exact => self.of.fields_of_filter(filter),
            _ => Fields::default(),
        };
        let search = self.over(query, fields, self.target.limits.scanned_rows);
        let found = self.search(&mut *session, &search).await?;
        if found.more {
            return Err(Error::too_many(format!(
                "More than {} resources would have to be looked at for this; narrow the filter.",
                self.target.limits.scanned_rows
            ))
            .into());
        }
        let mut ids = Vec::with_capacity(found.records.len());
        for record in found.records {
            if query.pushed.exact || self.passes(query, &self.read(&record)?) {
                ids.push(record.id);
            }
        }
        Ok(ids)
    }

    fn over(&self, query: &Query, fields: Fields, limit: usize) -> Search {
        let predicate = query.pushed.predicate.clone();
        Search { entity: self.of.entity.clone(), predicate, fields, range: Range::first(limit) }
    }

    fn all_shown(&self, records: &[Record]) -> Result<Vec<Resource>, Stop> {
        records.iter().map(|record| self.shown(record)).collect()
    }

    /// The re-check, with the backend's own case folding.
    fn passes(&self, query: &Query, resource: &Resource) -> bool {
        let Some(filter) = query.filter.as_ref().filter(|_| !query.pushed.exact) else { return true };
        let folding = match self.target.backend.profile().folding {
            Folding::Ascii => scim::evaluate::Folding::Ascii,
            Folding::Directory => scim::evaluate::Folding::Directory,
        };
        evaluate::matches(filter, resource, &self.of.resource_type, folding)
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

//! What a filter becomes, for an admin: the verdicts of its terms, who orders, and, when it is tried, how many the
//! backend finds and how many match.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::dispatch::type_of;
use super::{Body, Client, Request, Target, failure};
use crate::backend::{Failure, Finding, Intent};
use crate::mapping::{Pushed, Term};
use crate::plan::{Fields, Native, Predicate, Range, Record, Search};
use crate::scim::error::Error;
use crate::scim::filter::{Filter, check};
use crate::scim::query::Query;
use crate::scim::schema::ResourceType;

/// What a filter becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Its terms, in their order.
    pub terms: Vec<Term>,
    /// What the backend is asked for, over native names.
    pub predicate: Predicate,
    /// Whether what the backend finds is checked again.
    pub is_rechecked: bool,
    /// Whether the backend orders, where an order is asked for.
    pub is_sorted_there: Option<bool>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Rows or entries that the backend gives for what it is asked.
    pub seen: usize,
    /// Whether there are more than may be looked at.
    pub more: bool,
    /// Resources that match; absent where more would have to be looked at than may be.
    pub matched: Option<u64>,
}

// === impl Target ===

impl Target {
    /// What the filter of a list at one endpoint becomes. Without the backend.
    pub fn explain(&self, request: &Request) -> Result<Explained, Error> {
        let (query, filter, pushed) = self.pushed(request)?;
        let (of, profile) = (type_of(self, &segments(request))?, self.backend.profile());
        let all: [&ResourceType; 1] = [&of.resource_type];
        let sorts = query.sort.as_ref().map(|sort| sort.of_types(&all)).transpose()?;
        let sort = sorts.and_then(|sorts| sorts.into_iter().next().flatten());
        // Who checks again orders too: what is left then is no window of the backend's.
        let is_native = |sort| pushed.exact && self.mapping.sort(of, sort, &profile).is_some();
        let is_sorted_there = sort.as_ref().map(is_native);
        Ok(Explained {
            terms: self.mapping.explain(of, &filter, &profile),
            is_rechecked: !pushed.exact,
            predicate: pushed.predicate,
            is_sorted_there,
        })
    }

    /// Whether the backend has indexes for what it is asked to compare; nothing where it compares nothing.
    pub async fn filter_indexes(
        &self,
        request: &Request,
        explained: &Explained,
    ) -> Result<Vec<Finding>, Error> {
        let compared: BTreeSet<Native> = explained.predicate.natives().into_iter().cloned().collect();
        match compared.is_empty() {
            true => Ok(Vec::new()),
            false => Ok(self.backend.indexes(&type_of(self, &segments(request))?.entity, &compared).await),
        }
    }

    /// How many the backend finds, and how many of them match. Reads at most as many as a list may.
    pub async fn try_filter(self: &Arc<Self>, request: Request, client: &Client) -> Result<Tried, Error> {
        let (_, _, pushed) = self.pushed(&request)?;
        let of = type_of(self, &segments(&request))?;
        let search = Search {
            entity: of.entity.clone(),
            predicate: pushed.predicate,
            fields: Fields::default(),
            range: Range::first(self.limits.scanned_rows),
        };
        let mut ids = HashSet::new();
        let mut take = |records: Vec<Record>| {
            ids.extend(records.into_iter().map(|record| record.id));
            true
        };
        let failed = |failure: Failure| failure::answer(failure.into());
        let mut session = self.backend.session(Intent::Read).await.map_err(failed)?;
        let more = session.scan(&search, &mut take).await.map_err(failed)?;
        drop(session);
        let total = match more && !pushed.exact {
            true => None,
            false => self.total(request, client).await?,
        };
        Ok(Tried { seen: ids.len(), more, matched: total })
    }

    /// The `totalResults` of the list.
    async fn total(self: &Arc<Self>, mut request: Request, client: &Client) -> Result<Option<u64>, Error> {
        request.query.push(("count".to_owned(), "0".to_owned()));
        let body = self.handle(request, client).await?.body.and_then(Body::value);
        Ok(body.and_then(|list| list.get("totalResults")?.as_u64()))
    }

    fn pushed(&self, request: &Request) -> Result<(Query, Filter, Pushed), Error> {
        let of = type_of(self, &segments(request))?;
        let query = Query::of_parameters(|name| request.parameter(name), self.limits.page_size)?;
        let filter = query.filter.clone().unwrap_or(Filter::And(Vec::new()));
        let filter = check(filter, &of.resource_type)?;
        let pushed = self.mapping.push(of, &filter, &self.backend.profile());
        Ok((query, filter, pushed))
    }
}

fn segments(request: &Request) -> Vec<&str> {
    request.path.iter().map(String::as_str).collect()
}

//! Queries (RFC 7644 §3.4.2) of one resource type or of several: filters, order, pages, totals. Totals are
//! always true and results always exact. What the backend does exactly is asked of it window by window; a
//! handful is read at once; all else is one bounded scan to ordered places, re-checked and sorted here.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::aside::aside;
use super::body::Shown;
use super::failure::Stop;
use super::job::Job;
use super::walk::{Place, Walk};
use super::{Answer, Client, Target};
use crate::backend::{Failure, Intent, Session, Take};
use crate::limits::LISTED_IDS;
use crate::mapping::{Pushed, ResourceMapping, key_of, native_key};
use crate::plan::{
    self, Facts, Fields, Found, Operation, Plan, Predicate, Range, Record, Search, Sequence, Test, Value,
};
use crate::scim::cursor::{self, Cursor, Mark};
use crate::scim::error::Error;
use crate::scim::evaluate::{Folding, matches};
use crate::scim::filter::{Filter, check_among};
use crate::scim::page::{Page, cursor_response, list_response};
use crate::scim::project::Projection;
use crate::scim::query::{Paging, Query};
use crate::scim::resource::{Resource, set_schemas};
use crate::scim::schema::ResourceType;
use crate::scim::sort::{Key, Sort};
use crate::scim::version::Conditions;

/// One query.
pub(super) struct List<'a> {
    target: &'a Arc<Target>,
    kinds: Vec<Kind<'a>>,
    /// What is listed, and in which order: what its scans and its cursors belong to.
    name: String,
    descending: bool,
    walk: Walk,
    /// Where the page is, when that is a number.
    page: Option<Page>,
    dry: bool,
}

/// One of the types that are asked, and what is asked of it.
struct Kind<'a> {
    job: Job<'a>,
    filter: Option<Filter>,
    pushed: Pushed,
    /// `None` also where this type has no such attribute.
    sort: Option<Sort>,
    /// The same for a backend that orders exactly so.
    native_sort: Option<plan::Sort>,
}

/// What was found.
#[derive(Default)]
struct Listed {
    total: usize,
    resources: Vec<Shown>,
    /// The first and the last place of the page, in the order of the list.
    ends: Option<(Place, Place)>,
    /// Whether there is more on the walk.
    more: bool,
}

/// What runs the searches of a query; in a dry run it collects their plans instead.
struct Reader {
    session: Box<dyn Session>,
    planned: Option<Plan>,
}

// === impl List ===

impl<'a> List<'a> {
    /// The query of these types, checked.
    pub(super) fn new(
        target: &'a Arc<Target>,
        types: &[&'a ResourceMapping],
        query: Query,
        client: &'a Client,
        conditions: &'a Conditions,
        dry: bool,
    ) -> Result<Self, Stop> {
        let name = name(target, types, &query);
        let descending = query.sort.as_ref().is_some_and(|sort| sort.descending);
        let kinds =
            kinds(types, &query, |of, projection| Job::new(target, of, projection, client, conditions, dry))?;
        let place = |kind: &str| types.iter().position(|of| of.resource_type.name == kind);
        let (walk, page) = match query.paging {
            Paging::Index(page) => {
                (Walk { offset: page.start_index - 1, count: page.count, ..Walk::default() }, Some(page))
            }
            Paging::Cursor { cursor, count } if cursor.is_empty() => {
                (Walk { count: count.unwrap_or(target.limits.page_size), ..Walk::default() }, None)
            }
            Paging::Cursor { cursor: text, count } => {
                let opened = target.cursors.open(&name, &text)?;
                opened.check(count, target.limits.cursor_timeout_s, OffsetDateTime::now_utc())?;
                (Walk::of_cursor(opened, place).ok_or_else(cursor::invalid)?, None)
            }
        };
        Ok(Self { target, kinds, name, descending, walk, page, dry })
    }

    /// The page that is asked for.
    pub(super) async fn answer(&self) -> Result<Answer, Stop> {
        let mut listed = self.listed().await?;
        let resources = std::mem::take(&mut listed.resources);
        let (total, count) = (listed.total, resources.len());
        let response = match &self.page {
            Some(page) => list_response(total, page, count),
            None => {
                let (next, previous) = self.cursors(&listed)?;
                cursor_response(total, next, previous, count)
            }
        };
        let body = Some(Shown::list(response, resources, self.target)?);
        Ok(Answer { status: 200, body, ..Answer::default() })
    }

    async fn listed(&self) -> Result<Listed, Stop> {
        if self.live().next().is_none() {
            return Ok(Listed::default());
        }
        if self.is_windowed() {
            return self.windows().await;
        }
        if let Some(few) = self.few().await? {
            return Ok(few);
        }
        self.scanned().await
    }

    /// The types that any resource can be of, in the order of the list.
    fn live(&self) -> impl DoubleEndedIterator<Item = (usize, &Kind<'a>)> {
        self.kinds.iter().enumerate().filter(|(_, kind)| kind.pushed.predicate != Predicate::Nothing)
    }

    fn folding(&self) -> Folding {
        match self.target.backend.profile().folding {
            plan::Folding::Ascii => Folding::Ascii,
            plan::Folding::Unicode => Folding::Unicode,
            plan::Folding::Directory => Folding::Directory,
            plan::Folding::Unprepared => Folding::Unprepared,
        }
    }

    async fn reader(&self) -> Result<Reader, Stop> {
        let session = self.target.backend.session(Intent::Read).await?;
        Ok(Reader { session, planned: self.dry.then(Plan::default) })
    }

    /// The ways on, `nextCursor` and `previousCursor`. A page of nothing (`count=0`) has none: it would lead
    /// to itself.
    fn cursors(&self, listed: &Listed) -> Result<(Option<String>, Option<String>), Error> {
        let Walk { count, backward, ref behind, .. } = self.walk;
        if count == 0 || (listed.ends.is_none() && listed.total == 0) {
            return Ok((None, None));
        }
        let (first, last) =
            listed.ends.as_ref().map(|(first, last)| (Some(first), Some(last))).unwrap_or_default();
        // Where the walk came from there was somebody; where it goes there is somebody when there is more.
        let (is_next, is_previous) = match backward {
            false => (listed.more, behind.is_some()),
            true => (behind.is_some(), listed.more),
        };
        let sealed = |wanted: bool, place: Option<&Place>, backward| match wanted {
            true => self.sealed(place, backward).map(Some),
            false => Ok(None),
        };
        Ok((sealed(is_next, last, false)?, sealed(is_previous, first, true)?))
    }

    fn sealed(&self, place: Option<&Place>, backward: bool) -> Result<String, Error> {
        let mark = place.and_then(|place| {
            let kind = self.kinds.get(place.kind)?.job.of.resource_type.name.clone();
            Some(Mark { key: place.key.clone(), kind, id: place.id.clone() })
        });
        let cursor = Cursor { mark, backward, count: self.walk.count, made: OffsetDateTime::now_utc() };
        self.target.cursors.seal(&self.name, &cursor)
    }

    // --- the backend does it all ---

    /// Whether the backend filters and orders exactly. Several types follow one upon another; sorted, they
    /// would be mixed, which only a scan can do.
    fn is_windowed(&self) -> bool {
        let is_sorted = self.kinds.iter().any(|kind| kind.sort.is_some());
        let does_all =
            |kind: &Kind<'_>| kind.pushed.exact && (kind.sort.is_none() || kind.native_sort.is_some());
        self.target.backend.profile().windows
            && self.live().all(|(_, kind)| does_all(kind))
            && (!is_sorted || self.live().count() == 1)
    }

    /// One window of each type, and its total.
    async fn windows(&self) -> Result<Listed, Stop> {
        let mut reader = self.reader().await?;
        let mut along: Vec<(usize, &Kind<'_>)> = self.live().collect();
        if self.walk.backward {
            along.reverse();
        }
        let (mut total, mut offset, mut more) = (0, self.walk.offset, false);
        let mut found: Vec<(Place, Shown)> = Vec::new();
        for (at, kind) in along {
            let behind = self.walk.behind.as_ref();
            let side = behind.map_or(Ordering::Greater, |place| at.cmp(&place.kind));
            let side = if self.walk.backward && behind.is_some() { side.reverse() } else { side };
            let is_passed = side == Ordering::Less;
            let limit = if is_passed { 0 } else { self.walk.count - found.len() };
            let behind = behind.filter(|_| side == Ordering::Equal);
            let window = reader.search(&kind.job, &self.window(kind, behind, offset, limit)).await?;
            let of_kind = window.total.ok_or_else(|| Error::internal("The backend gave no total."))?;
            (total, offset) = (total + of_kind, offset.saturating_sub(of_kind));
            more |= window.more && !is_passed;
            aside(window.records.len(), || {
                for record in window.records {
                    let key = if self.page.is_none() { native_key_of(&record)? } else { None };
                    let place = Place { key, kind: at, id: record.id.clone() };
                    found.push((place, kind.job.shown(record)?));
                }
                Ok::<_, Stop>(())
            })?;
        }
        reader.done()?;
        if self.walk.backward {
            found.reverse();
        }
        let (places, resources): (Vec<Place>, Vec<Shown>) = found.into_iter().unzip();
        Ok(Listed { total, resources, ends: ends(&places), more })
    }

    fn window(&self, kind: &Kind<'_>, behind: Option<&Place>, offset: usize, limit: usize) -> Search {
        let mark =
            |place: &Place| plan::Mark { value: place.key.as_ref().map(native_key), id: place.id.clone() };
        let sequence = Sequence {
            sort: kind.native_sort.clone(),
            backward: self.walk.backward,
            behind: behind.map(mark),
        };
        let fields = if limit == 0 { Fields::default() } else { kind.job.wanted() };
        Search { range: Range { sequence, offset, limit, total: true }, ..kind.over(fields, limit) }
    }

    // --- a handful ---

    /// A filter with an equality mostly finds a handful: then one search brings all there is. `None` when
    /// it found more than a page.
    async fn few(&self) -> Result<Option<Listed>, Stop> {
        if !self.live().all(|(_, kind)| narrow(&kind.pushed.predicate)) {
            return Ok(None);
        }
        let mut reader = self.reader().await?;
        let mut found = Vec::new();
        for (at, kind) in self.live() {
            let mut needed = Fields::default();
            kind.add_filtered(&mut needed)?;
            kind.add_sorted(&mut needed);
            let mut fields = kind.job.wanted_in_pieces();
            fields.long.retain(|native| !needed.natives.contains(native));
            fields.add(needed);
            let handful = reader.search(&kind.job, &kind.over(fields, self.target.limits.page_size)).await?;
            if handful.more {
                return Ok(None);
            }
            aside(handful.records.len(), || {
                for record in handful.records {
                    if let Some(resource) = self.passing(kind, kind.job.read(&record)?) {
                        let place = self.place(at, &resource, &record.id);
                        let resource = kind.job.dressed(resource);
                        found.push((place, Shown { resource, long: kind.job.long(record) }));
                    }
                }
                Ok::<_, Stop>(())
            })?;
        }
        reader.done()?;
        found.sort_by(|(a, _), (b, _)| a.compare(b, self.descending));
        let (places, mut resources): (Vec<Place>, Vec<Shown>) = found.into_iter().unzip();
        let (range, more) = self.walk.cut(&places, self.descending);
        let ends = places.get(range.clone()).and_then(ends);
        resources.truncate(range.end);
        Ok(Some(Listed { total: places.len(), resources: resources.split_off(range.start), ends, more }))
    }

    // --- a scan ---

    /// One bounded scan to ordered places, then the page by id.
    async fn scanned(&self) -> Result<Listed, Stop> {
        let scans = &self.target.scans;
        let kept = (!self.walk.is_from_start()).then(|| scans.kept(&self.name, self.is_crawl())).flatten();
        let places = match kept {
            Some(places) => places,
            None => {
                // The scan that runs, and the one that others wait for too.
                let patience = 2 * Duration::from_millis(self.target.limits.backend_deadline_ms);
                scans.fresh(&self.name, patience, self.scan()).await?
            }
        };
        let (range, more) = self.walk.cut(&places, self.descending);
        let page = places.get(range).unwrap_or_default();
        Ok(Listed { total: places.len(), resources: self.by_ids(page).await?, ends: ends(page), more })
    }

    /// Whether it goes on behind a place in a list of everybody. Who comes or goes meanwhile may be met or not
    /// (RFC 9865 §2), so that others' writes need not make each page as slow as a scan.
    fn is_crawl(&self) -> bool {
        self.walk.behind.is_some() && self.live().all(|(_, kind)| kind.filter.is_none())
    }

    async fn scan(&self) -> Result<Vec<Place>, Stop> {
        let mut reader = self.reader().await?;
        let mut places = Vec::new();
        // Ids alone take little here and there; all else is bounded by what a site finds bearable.
        let is_of_ids = self.live().all(|(_, kind)| kind.is_listed_as_it_is());
        let limit = if is_of_ids { LISTED_IDS } else { self.target.limits.scanned_rows };
        let mut left = limit;
        let until = Instant::now() + Duration::from_millis(self.target.limits.deadline_ms);
        for (at, kind) in self.live() {
            let mut fields = Fields::default();
            kind.add_filtered(&mut fields)?;
            kind.add_sorted(&mut fields);
            let (mut looked, mut failed) = (0, None);
            let mut take = |records: Vec<Record>| {
                looked += records.len();
                let placed = aside(records.len(), || self.places(at, kind, records, &mut places, until));
                failed = placed.err();
                failed.is_none()
            };
            let more = reader.scan(&kind.job, &kind.over(fields, left), &mut take).await?;
            failed.map_or(Ok(()), Err)?;
            if more {
                let detail = match looked >= left {
                    true => format!(
                        "More than {limit} resources would have to be looked at for this; narrow the filter."
                    ),
                    false => {
                        tracing::error!(
                            looked,
                            "the directory gives this account no more entries in a search; raise its limits"
                        );
                        "The system behind this target gives fewer entries than have to be looked at for this; its limits \
                         must be raised for the gateway, or the filter narrowed."
                            .to_owned()
                    }
                };
                return Err(Error::too_many(detail).into());
            }
            left = left.saturating_sub(looked);
        }
        reader.done()?;
        // One may have come twice, and another time before it was changed than after.
        places.sort_unstable_by(|a, b| a.kind.cmp(&b.kind).then_with(|| a.id.cmp(&b.id)));
        places.dedup_by(|a, b| a.kind == b.kind && a.id == b.id);
        places.sort_unstable_by(|a, b| a.compare(b, self.descending));
        places.shrink_to_fit();
        Ok(places)
    }

    /// Adds the places of those records that the list has. What nobody waits for any more ends.
    fn places(
        &self,
        at: usize,
        kind: &Kind<'_>,
        records: Vec<Record>,
        places: &mut Vec<Place>,
        until: Instant,
    ) -> Result<(), Stop> {
        for record in records {
            if Instant::now() > until {
                return Err(Failure::Unavailable("a list took longer than a request may".to_owned()).into());
            }
            if kind.is_listed_as_it_is() {
                places.push(Place { key: None, kind: at, id: record.id });
            } else if let Some(resource) = self.passing(kind, kind.job.read(&record)?) {
                places.push(self.place(at, &resource, &record.id));
            }
        }
        Ok(())
    }

    /// The resources of these places, in their order; one that is gone meanwhile is left out.
    async fn by_ids(&self, page: &[Place]) -> Result<Vec<Shown>, Stop> {
        let mut read: HashMap<(usize, String), Shown> = HashMap::new();
        for (at, kind) in self.live() {
            let ids: Vec<String> =
                page.iter().filter(|place| place.kind == at).map(|place| place.id.clone()).collect();
            if ids.is_empty() {
                continue;
            }
            let mut search = kind.over(kind.job.wanted_in_pieces(), ids.len());
            search.predicate = Predicate::Id(ids);
            let found = self.target.backend.session(Intent::Read).await?.search(&search).await?;
            aside(found.records.len(), || {
                for record in found.records {
                    read.insert((at, record.id.clone()), kind.job.shown(record)?);
                }
                Ok::<_, Stop>(())
            })?;
        }
        Ok(page.iter().filter_map(|place| read.remove(&(place.kind, place.id.clone()))).collect())
    }

    // --- one resource ---

    fn place(&self, at: usize, resource: &Resource, id: &str) -> Place {
        let sort = self.kinds.get(at).and_then(|kind| kind.sort.as_ref());
        let key = sort.and_then(|sort| sort.key(resource, self.folding()));
        Place { key, kind: at, id: id.to_owned() }
    }

    /// The re-check, with the backend's own case folding.
    fn passing(&self, kind: &Kind<'_>, mut resource: Resource) -> Option<Resource> {
        let Some(filter) = kind.filter.as_ref().filter(|_| !kind.pushed.exact) else { return Some(resource) };
        let rt = &kind.job.of.resource_type;
        if tests_version(filter) {
            let version = kind.job.version(&resource);
            if let Some(serde_json::Value::Object(meta)) = resource.get_mut("meta") {
                meta.insert("version".to_owned(), version.into());
            }
        }
        set_schemas(&mut resource, rt);
        matches(filter, &resource, rt, self.folding()).then_some(resource)
    }
}

/// Whether a filter tests `meta.version`, which no backend holds.
fn tests_version(filter: &Filter) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(tests_version),
        Filter::Not(inner) => tests_version(inner),
        Filter::Present { path, .. } | Filter::Compare { path, .. } => {
            path.name == "meta" && path.sub.as_deref() == Some("version")
        }
        Filter::ValuePath { .. } => false,
    }
}

// === impl Kind ===

impl Kind<'_> {
    /// What the re-check needs.
    fn add_filtered(&self, fields: &mut Fields) -> Result<(), Stop> {
        if let Some(filter) = self.filter.as_ref().filter(|_| !self.pushed.exact) {
            fields.add(self.job.of.fields_of_filter(filter));
            if tests_version(filter) {
                fields.add(self.job.versioning()?);
            }
        }
        Ok(())
    }

    /// Whether all that the backend finds is listed, in the order of ids.
    fn is_listed_as_it_is(&self) -> bool {
        self.pushed.exact && self.sort.is_none()
    }

    /// What the order needs.
    fn add_sorted(&self, fields: &mut Fields) {
        if let Some(sort) = &self.sort {
            let attribute = sort.path.without_sub();
            fields.add(self.job.of.fields(&|path| *path == attribute));
        }
    }

    fn over(&self, fields: Fields, limit: usize) -> Search {
        Search {
            entity: self.job.of.entity.clone(),
            predicate: self.pushed.predicate.clone(),
            fields,
            range: Range::first(limit),
        }
    }
}

// === impl Reader ===

impl Reader {
    async fn search(&mut self, job: &Job<'_>, search: &Search) -> Result<Found, Stop> {
        let Some(planned) = &mut self.planned else { return Ok(self.session.search(search).await?) };
        let operation = Operation::Search(search.clone());
        let plan = job.lower(&mut *self.session, &operation, &mut Facts::default()).await?;
        planned.steps.extend(plan.steps);
        Ok(Found { total: Some(0), ..Found::default() })
    }

    async fn scan(&mut self, job: &Job<'_>, search: &Search, take: &mut Take<'_>) -> Result<bool, Stop> {
        match self.planned {
            Some(_) => Ok(self.search(job, search).await?.more),
            None => Ok(self.session.scan(search, take).await?),
        }
    }

    /// A dry run ends here, with everything that would have been asked.
    fn done(self) -> Result<(), Stop> {
        self.planned.map_or(Ok(()), |planned| Err(Stop::Planned(planned)))
    }
}

/// The query as one text: everything that decides which resources it lists, and in which order.
fn name(target: &Target, types: &[&ResourceMapping], query: &Query) -> String {
    let endpoints: Vec<&str> = types.iter().map(|of| of.resource_type.endpoint.as_str()).collect();
    let filter = query.filter.as_ref().map(ToString::to_string).unwrap_or_default();
    let sort = query.sort.as_ref().map(|sort| format!("{} {}", sort.path, sort.descending));
    format!("{}\n{}\n{}\n{filter}", target.path, endpoints.join(" "), sort.unwrap_or_default())
}

fn kinds<'a>(
    types: &[&'a ResourceMapping],
    query: &Query,
    job: impl Fn(&'a ResourceMapping, Projection) -> Job<'a>,
) -> Result<Vec<Kind<'a>>, Error> {
    let all: Vec<&ResourceType> = types.iter().map(|of| &of.resource_type).collect();
    let sorts = match &query.sort {
        Some(sort) => sort.of_types(&all)?,
        None => vec![None; types.len()],
    };
    let kind = |(of, sort): (&&'a ResourceMapping, Option<Sort>)| {
        let rt = &of.resource_type;
        let projection = Projection::parse(query.attributes.as_deref(), query.excluded.as_deref(), rt)?;
        let filter = query.filter.clone().map(|filter| check_among(filter, rt, &all)).transpose()?;
        let job = job(of, projection);
        let (target, profile) = (job.target, job.target.backend.profile());
        let pushed = match &filter {
            Some(filter) => target.mapping.push(of, filter, &profile),
            None => Pushed { predicate: Predicate::All, exact: true },
        };
        let native_sort = sort.as_ref().and_then(|sort| target.mapping.sort(of, sort, &profile));
        Ok(Kind { job, filter, pushed, sort, native_sort })
    };
    types.iter().zip(sorts).map(kind).collect()
}

/// What the backend itself ordered a record by. 500 where a cursor cannot hold it: octets that are no text.
fn native_key_of(record: &Record) -> Result<Option<Key>, Error> {
    let Some(value) = &record.key else { return Ok(None) };
    key_of(value).map(Some).ok_or_else(|| {
        tracing::error!(id = record.id, "what a list is sorted by is neither text nor number here");
        Error::internal("A resource holds no text where this list is sorted by one; the log has its id.")
    })
}

fn ends(page: &[Place]) -> Option<(Place, Place)> {
    Some((page.first()?.clone(), page.last()?.clone()))
}

/// Whether the predicate asks for one text or id, so that few are likely to meet it.
fn narrow(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Id(_) => true,
        Predicate::Test(_, Test::Equals(Value::Text(_) | Value::Reference(_), _)) => true,
        Predicate::And(terms) => terms.iter().any(narrow),
        Predicate::Or(terms) => !terms.is_empty() && terms.iter().all(narrow),
        _ => false,
    }
}

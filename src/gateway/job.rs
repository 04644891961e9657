//! One request for resources of one type: what its steps have in common.

use std::sync::Arc;

use serde_json::Value;

use super::body::{Long, Shown};
use super::failure::{Stop, of_raised};
use super::{Answer, Client, Target};
use crate::backend::{Failure, Intent, Lowered, Session};
use crate::limits::{CONFLICT_RETRIES, NEED_ROUNDS};
use crate::mapping::ResourceMapping;
use crate::plan::{self, Entity, Facts, Fields, Operation, Plan, Predicate, Range, Record, Search};
use crate::scim::error::Error;
use crate::scim::project::Projection;
use crate::scim::resource::{Resource, set_schemas};
use crate::scim::version::{self, Conditions, Verdict};

/// A request for resources of one type.
pub(super) struct Job<'a> {
    pub target: &'a Arc<Target>,
    pub of: &'a ResourceMapping,
    pub projection: Arc<Projection>,
    /// Who asks.
    pub client: &'a Client,
    /// What is demanded of the version that is there.
    pub conditions: &'a Conditions,
    /// Whether an answer has all that a version depends on; one that has not carries none.
    pub versioned: bool,
    /// Stop where something would be done, with its plan.
    pub dry: bool,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        target: &'a Arc<Target>,
        of: &'a ResourceMapping,
        projection: Projection,
        client: &'a Client,
        conditions: &'a Conditions,
        dry: bool,
    ) -> Self {
        let versioned =
            projection.is_default() || version::inputs(&of.resource_type).all(|path| projection.wants(&path));
        let projection = Arc::new(projection);
        Self { target, of, projection, client, conditions, versioned, dry }
    }

    /// A session; a dry run never holds up those who write.
    pub(super) async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Stop> {
        let intent = if self.dry { Intent::Read } else { intent };
        Ok(self.target.backend.session(intent).await?)
    }

    /// Nothing known yet. An attempt that met a conflict reads more before the next; a dry run never meets
    /// one, so it reads as much at once, and plans what will be done in the end.
    pub(super) fn facts(&self, attempt: u32) -> Facts {
        Facts::at(if self.dry { CONFLICT_RETRIES } else { attempt })
    }

    pub(super) fn entity(&self) -> Result<&Entity, Stop> {
        let entity = self.target.mapping.model().entity(&self.of.entity);
        entity.ok_or_else(|| Error::internal("The mapping has no place for this resource type.").into())
    }

    /// Runs searches and adds what they find to the facts.
    pub(super) async fn learn(
        &self,
        session: &mut dyn Session,
        searches: Vec<Search>,
        facts: &mut Facts,
    ) -> Result<(), Stop> {
        for search in searches {
            let found = session.search(&search).await?;
            facts.add(search, found);
        }
        Ok(())
    }

    /// Looks up where the record's references lead, except those that `known` holds.
    pub(super) async fn look_up(
        &self,
        session: &mut dyn Session,
        record: &Record,
        known: &Record,
        facts: &mut Facts,
    ) -> Result<(), Stop> {
        loop {
            let searches = self.target.mapping.unsettled(self.of, record, known, facts);
            if searches.is_empty() {
                return Ok(());
            }
            self.learn(session, searches, facts).await?;
        }
    }

    /// Lowers an operation, running the reads that it needs, a bounded number of times.
    pub(super) async fn lower(
        &self,
        session: &mut dyn Session,
        operation: &Operation,
        facts: &mut Facts,
    ) -> Result<Plan, Stop> {
        for _ in 0..NEED_ROUNDS {
            match self.target.backend.lower(operation, facts)? {
                Lowered::Plan(plan) => return Ok(plan),
                Lowered::Need(searches) => self.learn(session, searches, facts).await?,
            }
        }
        Err(Error::internal("The plan of this request needs more reads than it may have.").into())
    }

    /// Does what the operation asks, or stops with its plan in a dry run.
    pub(super) async fn carry_out(
        &self,
        session: &mut dyn Session,
        operation: &Operation,
        facts: &mut Facts,
    ) -> Result<Option<String>, Stop> {
        let plan = self.lower(session, operation, facts).await?;
        if self.dry {
            return Err(Stop::Planned(plan));
        }
        let done = session.execute(&plan).await;
        done.map_err(|failure| self.understood(failure, plan.hidden))
    }

    /// Why a plan failed, as the mapping understands it: what a number means that the database raised, and who has a
    /// value that is taken when nobody sees him.
    fn understood(&self, failure: Failure, hidden: Option<String>) -> Stop {
        let raised = match &failure {
            Failure::Raised(number, _) => self.target.mapping.model().raised.get(number),
            _ => None,
        };
        match (failure, raised, hidden) {
            (failure, Some(raised), _) => {
                tracing::info!(cause = %failure, "the database refused it");
                of_raised(raised).into()
            }
            (Failure::Uniqueness(cause), None, Some(hidden)) => {
                Failure::Hidden(format!("{hidden}: {cause}")).into()
            }
            (failure, ..) => failure.into(),
        }
    }

    /// Runs the search that a GET is about, or stops with its plan in a dry run.
    pub(super) async fn search(
        &self,
        session: &mut dyn Session,
        search: &Search,
    ) -> Result<crate::plan::Found, Stop> {
        if self.dry {
            let plan = self.lower(session, &Operation::Search(search.clone()), &mut Facts::default()).await?;
            return Err(Stop::Planned(plan));
        }
        Ok(session.search(search).await?)
    }

    /// The natives that the answer needs.
    pub(super) fn wanted(&self) -> Fields {
        self.of.fields(&|path| self.projection.wants(path))
    }

    /// The same, where what is very long of them may come apart.
    pub(super) fn wanted_in_pieces(&self) -> Fields {
        let mut fields = self.wanted();
        fields.long = self.of.long().map(|(_, native)| native.clone()).collect();
        fields.long.retain(|native| fields.natives.contains(native));
        fields
    }

    /// What a version depends on, and the native stamp beside it.
    pub(super) fn versioning(&self) -> Result<Fields, Stop> {
        let inputs: Vec<_> = version::inputs(&self.of.resource_type).collect();
        let mut fields = self.of.fields(&|path| inputs.contains(path));
        fields.natives.extend(self.entity()?.version.clone());
        Ok(fields)
    }

    /// The native stamp that was read with a record.
    pub(super) fn stamp_of(&self, record: &Record) -> Result<Option<plan::Value>, Stop> {
        let native = self.entity()?.version.as_ref();
        Ok(native.and_then(|native| record.values.get(native)?.first().cloned()))
    }

    /// The version of a resource of which all that it depends on was read.
    pub(super) fn version(&self, resource: &Resource) -> String {
        version::version(resource, &self.of.resource_type)
    }

    /// A search for one resource.
    pub(super) fn by_id(&self, id: &str, fields: Fields) -> Search {
        let predicate = Predicate::Id(vec![id.to_owned()]);
        Search { entity: self.of.entity.clone(), predicate, fields, range: Range::first(1) }
    }

    /// A record as a client sees it.
    pub(super) fn shown(&self, record: Record) -> Result<Shown, Stop> {
        let resource = self.dressed(self.read(&record)?);
        Ok(Shown { resource, long: self.long(record) })
    }

    /// What is very long of a record.
    pub(super) fn long(&self, mut record: Record) -> Vec<Long> {
        let mut links = std::mem::take(&mut record.links);
        let long = self.of.long().filter_map(|(path, native)| {
            let links = links.remove(native)?;
            let attribute = (path.clone(), native.clone(), links);
            Some(Long::new(self.target, &self.of.entity, &self.projection, &record.id, attribute))
        });
        long.collect()
    }

    /// A record as SCIM, with everything that was read.
    pub(super) fn read(&self, record: &Record) -> Result<Resource, Stop> {
        Ok(self.target.mapping.read(self.of, record, &self.target.base_url)?)
    }

    /// With `schemas` and its version, without what was not asked for.
    pub(super) fn dressed(&self, mut resource: Resource) -> Resource {
        self.dress(&mut resource);
        resource
    }

    /// The same; answers the version, where the resource has all that it depends on.
    fn dress(&self, resource: &mut Resource) -> Option<String> {
        let version = self.versioned.then(|| self.version(resource));
        if let (Some(version), Some(Value::Object(meta))) = (&version, resource.get_mut("meta")) {
            meta.insert("version".to_owned(), version.as_str().into());
        }
        set_schemas(resource, &self.of.resource_type);
        self.projection.apply(resource, &self.of.resource_type);
        version
    }

    /// GET of one resource.
    pub(super) async fn get(&self, id: &str) -> Result<Answer, Stop> {
        let mut session = self.session(Intent::Read).await?;
        let mut fields = self.wanted_in_pieces();
        if !self.conditions.is_empty() {
            fields.add(self.versioning()?);
        }
        let found = self.search(&mut *session, &self.by_id(id, fields)).await?;
        // A backend may take another text for the same id.
        let record =
            found.records.into_iter().find(|record| record.id == id).ok_or_else(|| self.absent(id))?;
        let resource = self.read(&record)?;
        if !self.conditions.is_empty() {
            let version = self.version(&resource);
            match self.conditions.judge(&version) {
                Verdict::Holds => {}
                Verdict::Fails => return Err(version::failed("The resource has another version.").into()),
                Verdict::Unchanged => {
                    return Ok(Answer { status: 304, version: Some(version), ..Answer::default() });
                }
            }
        }
        self.answer_in_pieces(id, resource, self.long(record))
    }

    /// One resource as an answer.
    pub(super) fn answer(&self, status: u16, id: &str, mut resource: Resource) -> Answer {
        let version = self.dress(&mut resource);
        let body = Some(Value::Object(resource).into());
        Answer { status, body, location: Some(self.location(id)), version, allow: None }
    }

    /// One that was read, with what is very long of it.
    pub(super) fn answer_in_pieces(
        &self,
        id: &str,
        mut resource: Resource,
        long: Vec<Long>,
    ) -> Result<Answer, Stop> {
        let version = self.dress(&mut resource);
        let body = Some(Shown { resource, long }.body(self.target)?);
        Ok(Answer { status: 200, body, location: Some(self.location(id)), version, allow: None })
    }

    pub(super) fn location(&self, id: &str) -> String {
        self.target.mapping.location(&self.of.resource_type.name, id, &self.target.base_url)
    }

    pub(super) fn absent(&self, id: &str) -> Error {
        Error::not_found(format!("There is no {} with the id {id:?}.", self.of.resource_type.name))
    }
}

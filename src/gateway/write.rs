//! POST, PUT, PATCH and DELETE: what each makes of a resource, and the loop in which it is written. A
//! conflict with somebody else's write begins the loop again, from the read that decided it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::failure::Stop;
use super::job::Job;
use super::{Answer, Request};
use crate::backend::{Failure, Intent, Session};
use crate::limits::{CONFLICT_RETRIES, NUMBER_RETRIES};
use crate::mapping::Versions;
use crate::plan::{
    self, Case, Create, Delete, Facts, Fields, Native, OnDelete, Operation, Predicate, Range, Record, Search,
    Test, Update,
};
use crate::scim::error::Error;
use crate::scim::patch::{self, Delta};
use crate::scim::path::AttrPath;
use crate::scim::profile::PatchAnswer;
use crate::scim::resource::{self, Resource};

/// What PUT or PATCH makes of the resource that is there.
type Apply<'a> = dyn Fn(&Resource) -> Result<Resource, Error> + Send + Sync + 'a;

/// Tries a write until it meets no conflict, a bounded number of times.
macro_rules! without_conflict {
    ($attempt:ident => $work:expr) => {{
        let (mut $attempt, mut overtaken) = (0, 0);
        loop {
            match $work.await {
                Err(Stop::Backend(Failure::Overtaken(cause))) if overtaken < NUMBER_RETRIES => {
                    tracing::debug!(cause, overtaken, "somebody else took the number; once more");
                    tokio::time::sleep(pause(overtaken.min(3))).await;
                    overtaken += 1;
                }
                Err(Stop::Backend(Failure::Conflict(cause))) if $attempt < CONFLICT_RETRIES => {
                    tracing::info!(cause, attempt = $attempt, "somebody else was quicker; once more");
                    tokio::time::sleep(pause($attempt)).await;
                    $attempt += 1;
                }
                result => break result,
            }
        }
    }};
}
pub(super) use without_conflict;

/// A new resource, read and found whole.
pub(super) struct New {
    resource: Resource,
    /// Its natives, references not settled yet.
    record: Record,
}

/// What a PUT or PATCH needs to begin.
struct Change<'a> {
    id: &'a str,
    /// What must be read before the change is computed.
    fields: Fields,
    apply: &'a Apply<'a>,
}

impl Job<'_> {
    /// POST: a new resource.
    pub(super) async fn create(mut self, body: &Value) -> Result<Answer, Stop> {
        let new = self.new_resource(body).await?;
        without_conflict!(attempt => self.try_create(&new, attempt))
    }

    /// What a body asks to create; later answers are about what it says.
    pub(super) async fn new_resource(&mut self, body: &Value) -> Result<New, Stop> {
        let parsed = resource::parse(body, &self.of.resource_type)?;
        Arc::make_mut(&mut self.projection).after_writing(|| parsed.written());
        self.log_ignored(&parsed.ignored);
        let mut resource = parsed.resource;
        self.target.mapping.complete(self.of, &mut resource);
        if let Err(missing) = resource::require(&resource, &self.of.resource_type) {
            return Err(self.taken(&resource).await?.unwrap_or(missing).into());
        }
        let record = self.written(&resource, None).await?;
        Ok(New { resource, record })
    }

    async fn try_create(&self, new: &New, attempt: u32) -> Result<Answer, Stop> {
        let mut session = self.session(Intent::Write).await?;
        let id = self.create_in(&mut *session, new, attempt).await?;
        let made = self.read_back(&mut *session, &id).await?;
        session.commit().await?;
        self.target.scans.forget();
        Ok(self.answer(201, &id, made))
    }

    /// Creates within a session; the new id.
    pub(super) async fn create_in(
        &self,
        session: &mut dyn Session,
        new: &New,
        attempt: u32,
    ) -> Result<String, Stop> {
        let mapping = &self.target.mapping;
        let mut facts = self.facts(attempt);
        let (nothing, mut record) = (Record::default(), new.record.clone());
        self.look_up(session, &record, &nothing, &mut facts).await?;
        self.settle(&mut record, &nothing, &facts)?;
        record.rest = mapping.rest_of(self.of, &new.resource, &record)?;
        mapping.initialise(self.of, &new.resource, mapping.now(), &mut record)?;
        let hooks = mapping.plan_create(self.of, &record)?;
        let unique = self.by_unique_value(&record)?;
        let create = Operation::Create(Create { entity: self.of.entity.clone(), record, hooks });
        let mut id = self.carry_out(session, &create, &mut facts).await?;
        self.target.scans.forget();
        if let (None, Some(search)) = (&id, unique) {
            id = session.search(&search).await?.records.into_iter().next().map(|record| record.id);
        }
        let unsaid = || Error::internal("The backend did not say which id the new resource has.");
        Ok(id.ok_or_else(unsaid)?)
    }

    /// The search for what was created where no step told its id, as a procedure may not.
    fn by_unique_value(&self, record: &Record) -> Result<Option<Search>, Stop> {
        let entity = self.entity()?;
        let value = |native: &Native| Some((native.clone(), record.values.get(native)?.first()?.clone()));
        let found = entity.unique.iter().filter(|_| entity.read_only).find_map(value);
        Ok(found.map(|(native, value)| Search {
            entity: entity.name.clone(),
            predicate: Predicate::Test(native, Test::Equals(value, Case::Folded)),
            fields: Fields::default(),
            range: Range::first(1),
        }))
    }

    /// PUT: the resource as the body says (RFC 7644 §3.5.1).
    pub(super) async fn replace(mut self, id: &str, body: &Value) -> Result<Answer, Stop> {
        let parsed = resource::parse(body, &self.of.resource_type)?;
        Arc::make_mut(&mut self.projection).after_writing(|| parsed.written());
        self.log_ignored(&parsed.ignored);
        let apply =
            |before: &Resource| self.whole(resource::replace(before, &parsed, &self.of.resource_type)?);
        self.change(id, body, &apply).await
    }

    /// PUT of what the session itself created.
    pub(super) async fn replace_in(
        &self,
        session: &mut dyn Session,
        id: &str,
        body: &Value,
        attempt: u32,
    ) -> Result<Answer, Stop> {
        let parsed = resource::parse(body, &self.of.resource_type)?;
        let apply =
            |before: &Resource| self.whole(resource::replace(before, &parsed, &self.of.resource_type)?);
        let change = Change { id, fields: self.fields_to_change(body)?, apply: &apply };
        let now = self.change_in(session, &change, attempt).await?;
        Ok(self.answer(201, id, now))
    }

    /// PATCH (RFC 7644 §3.5.2). Membership changed by value is written without a read of the members, and
    /// answered with 204: the body would be the whole group.
    pub(super) async fn patch(mut self, id: &str, body: &Value, request: &Request) -> Result<Answer, Stop> {
        let operations = patch::parse(body, &self.of.resource_type)?;
        Arc::make_mut(&mut self.projection).after_writing(|| patch::written(&operations));
        let asked = request.parameter("attributes").is_some();
        let answers = self.client.profile.patch_answer;
        if let Some(delta) = patch::delta(&operations, &self.of.resource_type).filter(|_| !asked)
            && let Some(lost) = self.membership(id, &delta).await?
        {
            let wants_body = answers == PatchAnswer::Resource || lost;
            return if wants_body { self.get_anew(id).await } else { Ok(no_content()) };
        }
        let rules = self.client.profile.patch;
        let apply = |before: &Resource| {
            self.whole(patch::apply(before, &operations, &self.of.resource_type, &rules)?)
        };
        let answer = self.change(id, body, &apply).await?;
        match answers == PatchAnswer::NoContent && !asked {
            true => Ok(Answer { version: answer.version, ..no_content() }),
            false => Ok(answer),
        }
    }

    /// The resource as it is after a write that did not read it.
    async fn get_anew(&self, id: &str) -> Result<Answer, Stop> {
        let mut session = self.session(Intent::Read).await?;
        let found = session.search(&self.by_id(id, self.wanted_in_pieces())).await?;
        let record = found.records.into_iter().next().ok_or_else(outside)?;
        let resource = self.read(&record)?;
        self.answer_in_pieces(id, resource, self.long(record))
    }

    /// DELETE, by the mapping's `on_delete`.
    pub(super) async fn delete(&self, id: &str) -> Result<Answer, Stop> {
        match self.ends_by_change()? {
            true => without_conflict!(attempt => self.try_end(id, attempt)),
            false => without_conflict!(attempt => self.try_delete(id, attempt)),
        }
    }

    /// Whether DELETE is, for the mapping's own functions, the change by which somebody is active no longer.
    fn ends_by_change(&self) -> Result<bool, Stop> {
        let entity = self.entity()?;
        let disables = entity.on_delete.iter().any(|rule| matches!(rule.how, OnDelete::Disable(_)));
        Ok(entity.read_only && disables && !self.target.mapping.has_hook("plan_delete"))
    }

    async fn try_end(&self, id: &str, attempt: u32) -> Result<Answer, Stop> {
        let mut session = self.session(Intent::Write).await?;
        let apply = |before: &Resource| {
            let mut after = before.clone();
            after.insert("active".to_owned(), false.into());
            Ok(after)
        };
        let change = Change { id, fields: self.fields_to_change(&Value::Null)?, apply: &apply };
        self.write_change(&mut *session, &change, attempt).await?;
        session.commit().await?;
        self.target.scans.forget();
        Ok(no_content())
    }

    async fn try_delete(&self, id: &str, attempt: u32) -> Result<Answer, Stop> {
        let mut session = self.session(Intent::Write).await?;
        let mut facts = self.facts(attempt);
        let version = self.permitted(&mut *session, id, &mut facts).await?;
        let now = self.target.mapping.now();
        let stamps = self.target.mapping.stamps(self.of, None, now)?;
        let hooks = self.hooks_of_delete(&mut *session, id, &mut facts).await?;
        let (entity, id, now) = (self.of.entity.clone(), id.to_owned(), plan::Value::Timestamp(now));
        let delete = Delete { entity, id, version, stamps, now, hooks };
        let delete = Operation::Delete(delete);
        self.carry_out(&mut *session, &delete, &mut facts).await?;
        session.commit().await?;
        self.target.scans.forget();
        Ok(no_content())
    }

    /// What the mapping's own function adds to a deletion, of what is there.
    async fn hooks_of_delete(
        &self,
        session: &mut dyn Session,
        id: &str,
        facts: &mut Facts,
    ) -> Result<Vec<plan::HookStep>, Stop> {
        if !self.target.mapping.has_hook("plan_delete") {
            return Ok(Vec::new());
        }
        let search = self.by_id(id, self.fields_to_change(&Value::Null)?);
        self.learn(session, vec![search.clone()], facts).await?;
        let record =
            facts.get(&search).and_then(|found| found.records.first()).ok_or_else(|| self.absent(id))?;
        Ok(self.target.mapping.plan_delete(self.of, record)?)
    }

    /// Reads what the request's conditions are about, if it has any, and refuses what they do not permit (412).
    /// Answers the native stamp that was read, so that the write that follows finds the same state.
    async fn permitted(
        &self,
        session: &mut dyn Session,
        id: &str,
        facts: &mut Facts,
    ) -> Result<Option<plan::Value>, Stop> {
        if self.conditions.is_empty() {
            return Ok(None);
        }
        self.learn(session, vec![self.by_id(id, self.versioning()?)], facts).await?;
        let record = facts.by_id(&self.of.entity, id).flatten().ok_or_else(|| self.absent(id))?;
        self.conditions.permit(&self.version(&self.read(record)?))?;
        self.stamp_of(record)
    }

    async fn change(&self, id: &str, body: &Value, apply: &Apply<'_>) -> Result<Answer, Stop> {
        let change = Change { id, fields: self.fields_to_change(body)?, apply };
        without_conflict!(attempt => self.try_change(&change, attempt))
    }

    async fn try_change(&self, change: &Change<'_>, attempt: u32) -> Result<Answer, Stop> {
        let mut session = self.session(Intent::Write).await?;
        let now = self.change_in(&mut *session, change, attempt).await?;
        session.commit().await?;
        self.target.scans.forget();
        Ok(self.answer(200, change.id, now))
    }

    /// Changes within a session; the resource as it is then.
    async fn change_in(
        &self,
        session: &mut dyn Session,
        change: &Change<'_>,
        attempt: u32,
    ) -> Result<Resource, Stop> {
        self.write_change(session, change, attempt).await?;
        self.read_back(session, change.id).await
    }

    /// A resource that has all that it must have.
    fn whole(&self, resource: Resource) -> Result<Resource, Error> {
        resource::require(&resource, &self.of.resource_type).map(|()| resource)
    }

    async fn write_change(
        &self,
        session: &mut dyn Session,
        change: &Change<'_>,
        attempt: u32,
    ) -> Result<(), Stop> {
        let (mapping, id) = (&self.target.mapping, change.id);
        let mut facts = self.facts(attempt);
        self.learn(session, vec![self.by_id(id, change.fields.clone())], &mut facts).await?;
        let actual = facts.by_id(&self.of.entity, id).flatten().cloned().ok_or_else(|| self.absent(id))?;
        let before = self.read(&actual)?;
        if !self.conditions.is_empty() {
            self.conditions.permit(&self.version(&before))?;
        }
        let after = (change.apply)(&before)?;
        let written_before = mapping.write(self.of, &before, Some(&before))?;
        let mut written_after = self.written(&after, Some(&before)).await?;
        self.look_up(session, &written_after, &actual, &mut facts).await?;
        self.settle(&mut written_after, &actual, &facts)?;
        let rest = mapping.rest_of(self.of, &after, &written_after)?;
        let versions = Versions {
            actual: &actual,
            written_before: &written_before,
            after: &after,
            written_after: &written_after,
            rest,
        };
        let changes = mapping.changes(self.of, &versions, mapping.now())?;
        if !changes.is_empty() {
            let version = self.stamp_of(&actual)?;
            let hooks = mapping.plan_update(self.of, &actual, &changes)?;
            let update =
                Update { entity: self.of.entity.clone(), id: id.to_owned(), changes, version, hooks };
            self.update(session, update, &mut facts).await?;
        } else if self.dry {
            return Err(Stop::Planned(plan::Plan::default()));
        }
        Ok(())
    }

    /// Membership as native deltas; `None` when the mapping cannot say it so. Whether a member that does not
    /// exist was left out.
    async fn membership(&self, id: &str, delta: &Delta) -> Result<Option<bool>, Stop> {
        if self.target.mapping.has_hook("plan_update") {
            return Ok(None); // it sees what is there
        }
        let Some((comes, goes)) = self.target.mapping.delta(self.of, delta)? else { return Ok(None) };
        let done =
            without_conflict!(attempt => self.try_membership(id, comes.clone(), goes.clone(), attempt));
        done.map(Some)
    }

    async fn try_membership(
        &self,
        id: &str,
        mut comes: Record,
        mut goes: Record,
        attempt: u32,
    ) -> Result<bool, Stop> {
        let mapping = &self.target.mapping;
        let mut session = self.session(Intent::Write).await?;
        let mut facts = self.facts(attempt);
        let version = self.permitted(&mut *session, id, &mut facts).await?;
        let nothing = Record::default();
        for record in [&comes, &goes] {
            self.look_up(&mut *session, record, &nothing, &mut facts).await?;
        }
        let lost = self.settle(&mut comes, &nothing, &facts)?;
        mapping.settle_removals(self.of, &mut goes, &facts);
        let mut changes = mapping.delta_changes(comes, goes);
        mapping.stamp(self.of, None, mapping.now(), &mut changes)?;
        let hooks = Vec::new();
        let update = Update { entity: self.of.entity.clone(), id: id.to_owned(), changes, version, hooks };
        self.update(&mut *session, update, &mut facts).await?;
        session.commit().await?;
        Ok(lost)
    }

    /// Settles a record's references as the client's profile wants it; whether a member that does not exist was
    /// left out.
    fn settle(&self, record: &mut Record, known: &Record, facts: &Facts) -> Result<bool, Error> {
        let unknown = self.client.profile.unknown_members;
        let lost = self.target.mapping.settle(self.of, record, known, facts, unknown)?;
        if !lost.is_empty() {
            tracing::warn!(members = lost.join(", "), "members that do not exist were left out");
        }
        Ok(!lost.is_empty())
    }

    async fn update(&self, session: &mut dyn Session, update: Update, facts: &mut Facts) -> Result<(), Stop> {
        self.carry_out(session, &Operation::Update(update), facts).await?;
        self.target.scans.forget();
        Ok(())
    }

    /// What must be read before a change is computed: everything but the collections of references that
    /// the body does not mention.
    fn fields_to_change(&self, body: &Value) -> Result<Fields, Stop> {
        let wants = |path: &AttrPath| !self.of.holds_links(path) || mentions(body, &path.name);
        let mut fields = self.of.fields(&wants);
        fields.natives.extend(self.entity()?.version.clone());
        Ok(fields)
    }

    async fn read_back(&self, session: &mut dyn Session, id: &str) -> Result<Resource, Stop> {
        let found = session.search(&self.by_id(id, self.wanted())).await?;
        self.read(found.records.first().ok_or_else(outside)?)
    }

    /// The natives of a resource. A password's hash takes a good part of a second of computing, which must
    /// not hold up other requests.
    async fn written(&self, resource: &Resource, before: Option<&Resource>) -> Result<Record, Stop> {
        if !resource.contains_key("password") {
            return Ok(self.target.mapping.write(self.of, resource, before)?);
        }
        let (target, name) = (self.target.clone(), self.of.entity.clone());
        let (resource, before) = (resource.clone(), before.cloned());
        let work = tokio::task::spawn_blocking(move || {
            let of = target.mapping.resources().iter().find(|of| of.entity == name);
            let of = of.ok_or_else(|| Error::internal("The mapping lost a resource type."))?;
            target.mapping.write(of, &resource, before.as_ref())
        });
        let written = work.await.map_err(|_| Error::internal("The password could not be hashed."))?;
        Ok(written?)
    }

    fn log_ignored(&self, ignored: &[String]) {
        if !ignored.is_empty() {
            tracing::info!(
                attributes = ignored.join(", "),
                "attributes that this target does not keep were ignored"
            );
        }
    }
}

fn outside() -> Error {
    Error::internal("The resource is outside what the mapping shows after this write.")
}

/// Done, and nothing to say.
fn no_content() -> Answer {
    Answer { status: 204, ..Answer::default() }
}

/// How long to wait before the next attempt: a little longer each time, and not the same for everybody.
pub(super) fn pause(attempt: u32) -> Duration {
    let jitter = u64::from(uuid::Uuid::new_v4().as_bytes()[0] % 16);
    Duration::from_millis((5 << attempt) + jitter)
}

/// Whether the name stands anywhere in the body as a key, or as the attribute of a path.
fn mentions(body: &Value, name: &str) -> bool {
    match body {
        Value::Object(map) => map.iter().any(|(key, value)| {
            let is_path = key.eq_ignore_ascii_case("path")
                && value.as_str().is_some_and(|path| begins_with(path, name));
            begins_with(key, name) || is_path || mentions(value, name)
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        _ => false,
    }
}

/// Whether a path's attribute has this name; in `members[value eq "urn:x"]` the filter has colons of its own.
fn begins_with(path: &str, name: &str) -> bool {
    let head = path.split('[').next().unwrap_or(path);
    let attribute = head.rsplit(':').next().unwrap_or(head);
    attribute.split('.').next().is_some_and(|attribute| attribute.eq_ignore_ascii_case(name))
}

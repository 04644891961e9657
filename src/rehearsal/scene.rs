//! A mapping in front of a backend in memory, where time stands still: what a request would do there, how it is
//! answered, and what is there afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::folder::Settings;
use super::{Facts, Kind, Trouble, Written, answer};
use crate::backend::Backend;
use crate::backend::sql::{InMemory, Stage, StandsFor};
use crate::gateway::{Client, Cursors, LongAnswers, Planned, Request, Scans, Target};
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::scim::error::Error;
use crate::scim::profile::Profile;

/// When every request comes.
const NOW: OffsetDateTime = datetime!(2026-01-15 08:00 UTC);
/// Where it does.
const URL: &str = "https://scim.example.test";

/// What a plan's text begins with where a request is refused.
pub const NOTHING_DONE: &str = "# nothing is done";

/// A mapping, and what it is rehearsed with.
#[derive(Clone, Debug)]
pub struct Scene {
    name: String,
    text: String,
    settings: Settings,
    /// The backend that it is in front of.
    pub kind: Kind,
}

// === impl Scene ===

impl Scene {
    /// The mapping with this text, which holds no mistake; `name` is what diagnostics call it.
    pub fn new(name: String, text: String, settings: Settings) -> Result<Self, Trouble> {
        let mapping = Mapping::parse(&name, &text, &settings.params).map_err(Trouble::Mapping)?;
        let kind = settings.kind.unwrap_or_else(|| Kind::likely(&mapping));
        let misplaced = mapping.misplaced(matches!(kind, Kind::Directory(_)));
        match misplaced.is_empty() {
            true => Ok(Self { name, text, settings, kind }),
            false => Err(Trouble::Mapping(misplaced)),
        }
    }

    /// A version of a mapping, a folder or its file. Of the params it takes those that it asks for: its other version may
    /// ask for others.
    pub fn version(path: &Path, settings: &Settings) -> Result<Self, Trouble> {
        let (name, text, params) = Mapping::version(path, &settings.params).map_err(Trouble::Mapping)?;
        Self::new(name, text, Settings { params, ..settings.clone() })
    }

    /// The mapping, once more: what it generates begins anew.
    pub fn mapping(&self) -> Result<Mapping, Trouble> {
        let mapping = Mapping::parse(&self.name, &self.text, &self.settings.params);
        mapping.map(|mapping| mapping.fixed(NOW)).map_err(Trouble::Mapping)
    }

    /// How requests are read and answered.
    pub fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// It in front of what a file says.
    pub fn target(&self, facts: &Facts, only_plans: bool) -> Result<Arc<Target>, Trouble> {
        let mapping = self.mapping()?;
        let backend = self.kind.backend(facts, &mapping, &Limits::default(), only_plans);
        self.assembled(mapping, backend?)
    }

    fn assembled(&self, mapping: Mapping, backend: Arc<dyn Backend>) -> Result<Arc<Target>, Trouble> {
        let cursors = Cursors::new(None).map_err(|cause| self.trouble(cause))?;
        Ok(Arc::new(Target {
            name: "test".to_owned(),
            path: String::new(),
            read_only: false,
            clients: Vec::new(),
            mapping: Arc::new(mapping),
            backend,
            limits: Limits::default(),
            base_url: URL.to_owned(),
            scans: Scans::default(),
            cursors: Arc::new(cursors),
            long_answers: LongAnswers::default(),
            capture: None,
        }))
    }

    fn trouble(&self, cause: impl ToString) -> Trouble {
        Trouble::file(&self.name, cause)
    }

    /// Who asks.
    pub fn client(&self) -> Client {
        let name = "test".to_owned();
        Client { name, token_sha256: [0; 32], profile: self.settings.profile, user: None }
    }

    /// What a request would do, as text.
    pub async fn plan(&self, target: &Arc<Target>, asked: Request) -> String {
        match target.plan(asked, &self.client()).await {
            Ok(planned) => planned.render(),
            // A bulk request is done, and not planned.
            Err(error) if error.status == 501 => format!("# no plan: {}\n", error.detail),
            Err(error) => {
                let kind = error.scim_type.map(|kind| format!(" {}", kind.name())).unwrap_or_default();
                format!("{NOTHING_DONE}: the answer is {}{kind}\n", error.status)
            }
        }
    }

    /// How it is answered, as text.
    pub async fn answer(&self, target: &Arc<Target>, asked: Request) -> String {
        answer::render(target.handle(asked, &self.client()).await)
    }

    /// What is there when somebody was created; the inner error is what the client would be answered.
    pub async fn created(&self, facts: &Facts, asked: Request) -> Result<Result<Facts, Error>, Trouble> {
        let Kind::Database(stands_for) = self.kind else {
            let target = self.target(facts, true)?;
            let planned = target.plan(asked, &self.client()).await;
            return Ok(planned.map(|planned| match planned {
                Planned::Steps(plan) => {
                    let before = format!("{}\n\n{}", facts.text().trim_end(), plan.entries());
                    Facts::made(before)
                }
                Planned::Answered(_) => facts.clone(),
            }));
        };
        let mapping = self.mapping()?;
        let database = self.database(stands_for, facts, &mapping)?;
        let target = self.assembled(mapping, Arc::clone(&database) as Arc<dyn Backend>)?;
        if let Err(error) = target.handle(asked, &self.client()).await {
            return Ok(Err(error));
        }
        let rows = database.contents().await.map_err(|cause| self.trouble(cause))?;
        Ok(Ok(Facts::made(rows.to_string())))
    }

    fn database(
        &self,
        stands_for: StandsFor,
        facts: &Facts,
        mapping: &Mapping,
    ) -> Result<Arc<InMemory>, Trouble> {
        let before = facts.before.as_ref().map_or_else(|| Ok(serde_json::json!({})), Written::json)?;
        let stage = Stage { stands_for, before: &before, after: None, only_plans: false };
        let deadline = Duration::from_millis(Limits::default().backend_deadline_ms);
        let made = InMemory::new(&stage, mapping.model().clone(), &mapping.touched(), deadline);
        made.map(Arc::new).map_err(|cause| self.trouble(cause))
    }
}

// === impl Settings ===

impl Settings {
    /// What the folder of a mapping says of its tests; `None` where it says nothing.
    pub fn of(folder: &Path) -> Result<Option<Self>, Trouble> {
        super::folder::settings(folder)
    }
}

//! SQL Server, and what speaks its protocol: Azure SQL, Babelfish. `batch` is pure; `pool` and `connect` own the connections,
//! `session` what is said on them, `value` and `failure` what comes back.

mod batch;
mod connect;
mod examine;
mod exchange;
mod failure;
mod pool;
mod schema;
mod session;
mod survey;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::time::Instant;

pub use self::connect::{Encryption, Login, Settings, Trust};
use self::exchange::Request;
use self::failure::Trouble;
use self::pool::{Lease, Pool};
use self::session::TdsSession;
use super::catalog::Catalog;
use super::dialect::Dialect;
use super::lower;
use crate::backend::{Backend, Failure, Finding, Intent, Lowered, Session};
use crate::plan::{Facts, Folding, Instants, Model, Native, Operation, Precision, Profile, Touched};
use crate::survey::tables::{Seen, Tables, Wish};

/// The texts of a plan's batches.
#[cfg(test)]
pub(super) fn batch_texts(plan: &crate::plan::Plan) -> Result<Vec<String>, Failure> {
    Ok(batch::of_plan(plan)?.into_iter().map(|batch| batch.text).collect())
}

/// How long what is known of the columns is taken to be so.
const CATALOG_LIFE: Duration = Duration::from_secs(10 * 60);

/// What SQL Server can do.
pub(super) const PROFILE: Profile = Profile {
    kind: "SQL Server",
    folding: Folding::Unicode,
    text: Precision::Exact,
    ordering: true,
    instants: Instants::Exact,
    bits: true,
    windows: true,
};

/// A SQL Server database.
pub struct SqlServer {
    model: Arc<Model>,
    pool: Arc<Pool>,
    catalog: ArcSwap<Known>,
}

/// What is known of the columns, and since when.
struct Known {
    catalog: Arc<Catalog>,
    since: Option<Instant>,
}

// === impl SqlServer ===

impl SqlServer {
    /// Nobody is asked yet. Every statement, and every wait for a connection, ends within the deadline.
    pub fn new(settings: Settings, model: Arc<Model>, deadline: Duration) -> Self {
        Self::of(Pool::new(settings, deadline), model)
    }

    fn of(pool: Arc<Pool>, model: Arc<Model>) -> Self {
        let catalog = ArcSwap::from_pointee(Known { catalog: Arc::default(), since: None });
        Self { model, pool, catalog }
    }

    /// The tables of a database that no mapping is for yet. It only reads.
    pub async fn survey(settings: Settings, deadline: Duration) -> Result<Tables, Failure> {
        let mut lease = Pool::new(settings, deadline).lease().await?;
        Ok(survey::tables(&mut lease).await?)
    }

    /// What stands in some of them.
    pub async fn sample(settings: Settings, deadline: Duration, wishes: &[Wish]) -> Result<Seen, Failure> {
        let mut lease = Pool::new(settings, deadline).lease().await?;
        let mut seen = Seen::new();
        for wish in wishes {
            seen.insert(wish.table.clone(), survey::sample(&mut lease, wish).await?);
        }
        Ok(seen)
    }

    /// What is known of the columns, read anew when it is old. Where it cannot be read, the server converts what it gets.
    async fn catalog(&self, lease: &mut Lease) -> Result<Arc<Catalog>, Failure> {
        let known = self.catalog.load();
        if known.since.is_some_and(|since| since.elapsed() < CATALOG_LIFE) {
            return Ok(known.catalog.clone());
        }
        let catalog = match schema::read(lease, &self.model.tables()).await {
            Ok(catalog) => Arc::new(catalog),
            Err(Trouble::Server(error)) => {
                tracing::warn!(
                    cause = failure::described(&error),
                    "the database's columns cannot be looked at"
                );
                known.catalog.clone()
            }
            Err(trouble) => return Err(trouble.into()),
        };
        self.catalog.store(Arc::new(Known { catalog: catalog.clone(), since: Some(Instant::now()) }));
        Ok(catalog)
    }
}

#[async_trait]
impl Backend for SqlServer {
    fn profile(&self) -> Profile {
        PROFILE
    }

    fn lower(&self, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
        lower::lower(Dialect::Transact(&self.catalog.load().catalog), &self.model, operation, facts)
    }

    async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Failure> {
        let mut lease = self.pool.lease().await?;
        let catalog = self.catalog(&mut lease).await?;
        Ok(Box::new(TdsSession::new(self.model.clone(), catalog, lease, intent)))
    }

    fn with_model(&self, model: Arc<Model>) -> Result<Option<Arc<dyn Backend>>, String> {
        Ok(Some(Arc::new(Self::of(self.pool.clone(), model))))
    }

    async fn ping(&self) -> Result<(), Failure> {
        let mut lease = self.pool.lease().await?;
        lease.ask_first(Request::Text("SELECT 1")).await?;
        Ok(())
    }

    async fn examine(&self, touched: &[Touched], _write: bool) -> Vec<Finding> {
        let looked = async {
            let mut lease = self.pool.lease().await?;
            Ok(examine::examine(&mut lease, &self.model, touched).await?)
        };
        looked.await.unwrap_or_else(|failure: Failure| Finding::broken(failure))
    }

    async fn indexes(&self, entity: &str, compared: &BTreeSet<Native>) -> Vec<Finding> {
        let looked = async {
            let mut lease = self.pool.lease().await?;
            examine::indexes(&mut lease, &self.model, entity, compared).await
        };
        looked.await.unwrap_or_else(|failure: Failure| Finding::broken(failure))
    }
}

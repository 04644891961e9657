//! SQL Server, and what speaks its protocol: Azure SQL, Babelfish. `batch` is pure; `pool` and `connect` own the connections,
//! `session` what is said on them, `value` and `failure` what comes back.

mod batch;
mod connect;
mod failure;
mod pool;
mod session;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::connect::{Encryption, Login, Settings, Trust};
use self::pool::Pool;
use self::session::TdsSession;
use super::dialect::Dialect;
use super::lower;
use crate::backend::{Backend, Failure, Finding, Intent, Lowered, Session};
use crate::plan::{Facts, Folding, Instants, Model, Operation, Precision, Profile, Touched};

/// A SQL Server database.
pub struct SqlServer {
    model: Arc<Model>,
    pool: Arc<Pool>,
}

// === impl SqlServer ===

impl SqlServer {
    /// Nobody is asked yet. Every statement, and every wait for a connection, ends within the deadline.
    pub fn new(settings: Settings, model: Arc<Model>, deadline: Duration) -> Self {
        Self { model, pool: Pool::new(settings, deadline) }
    }
}

#[async_trait]
impl Backend for SqlServer {
    fn profile(&self) -> Profile {
        Profile {
            kind: "SQL Server",
            folding: Folding::Unicode,
            text: Precision::Exact,
            ordering: true,
            instants: Instants::Exact,
            bits: true,
            windows: true,
        }
    }

    fn lower(&self, operation: &Operation, facts: &Facts) -> Result<Lowered, Failure> {
        lower::lower(Dialect::Transact, &self.model, operation, facts)
    }

    async fn session(&self, intent: Intent) -> Result<Box<dyn Session>, Failure> {
        let lease = self.pool.lease(self.pool.until()).await?;
        Ok(Box::new(TdsSession::new(self.model.clone(), lease, intent)))
    }

    async fn ping(&self) -> Result<(), Failure> {
        let until = self.pool.until();
        let mut lease = self.pool.lease(until).await?;
        let is_new = lease.is_new;
        match lease.simple("SELECT 1", until).await {
            Err(failure::Trouble::Lost(_)) if !is_new => {
                lease.renew(until).await?;
                lease.simple("SELECT 1", until).await?;
            }
            done => _ = done?,
        }
        Ok(())
    }

    async fn examine(&self, _touched: &[Touched], _write: bool) -> Vec<Finding> {
        Vec::new()
    }
}

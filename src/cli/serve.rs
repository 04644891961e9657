//! `gantry serve`: what a configuration says, until SIGTERM or SIGINT.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tracing::info;

use super::{Exit, build};
use crate::config::{self, Config};
use crate::gateway::Snapshot;
use crate::http;

#[derive(Args)]
pub struct Serve {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
}

/// Everything that serving needs, the listener open.
pub struct Server {
    listener: TcpListener,
    snapshot: Snapshot,
    tls: Option<TlsAcceptor>,
}

// === impl Serve ===

impl Serve {
    pub async fn run(self) -> Result<(), Exit> {
        let ended = signalled()?;
        let config = config::load(&self.config)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|cause| Exit::failure(format!("cannot listen on {}: {cause}", config.listen)))?;
        Server::new(listener, &config)?.run(ended).await
    }
}

// === impl Server ===

impl Server {
    /// Builds what the configuration says.
    pub fn new(listener: TcpListener, config: &Config) -> Result<Self, Exit> {
        let listening = listener.local_addr().map_err(|cause| Exit::failure(cause.to_string()))?;
        let tls = build::tls(config).map_err(|mistake| vec![mistake])?;
        let snapshot = build::snapshot(config, listening)?;
        Ok(Self { listener, snapshot, tls })
    }

    /// What its locations begin with.
    pub fn public_url(&self) -> &str {
        &self.snapshot.public_url
    }

    /// Serves until `ended`, and lets requests in work end.
    pub async fn run(self, ended: impl Future<Output = ()>) -> Result<(), Exit> {
        let listen = self.listener.local_addr().map_err(|cause| Exit::failure(cause.to_string()))?;
        for target in &self.snapshot.targets {
            info!(name = target.name, url = target.base_url, %listen, "serving");
        }
        http::serve(self.listener, Arc::new(ArcSwap::from_pointee(self.snapshot)), self.tls, ended).await;
        Ok(())
    }
}

/// Ends at the first SIGTERM or SIGINT from now on. Asked for before anything is made that the end must
/// tidy up: until then, a signal ends the process on the spot.
pub fn signalled() -> Result<impl Future<Output = ()>, Exit> {
    let from_now = |kind| signal(kind).map_err(|cause| Exit::failure(format!("signals: {cause}")));
    let mut terminate = from_now(SignalKind::terminate())?;
    let mut interrupt = from_now(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

//! `gantry serve`: what a configuration says, until SIGTERM or SIGINT.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::reload::{self, Reload};
use super::{Exit, build, renew};
use crate::config::{Config, Files};
use crate::gateway::Live;
use crate::http::{self, Tls};

#[derive(Args)]
pub struct Serve {
    /// The configuration file
    #[arg(long)]
    config: PathBuf,
}

/// Everything that serving needs, the listener open.
pub struct Server {
    listener: TcpListener,
    listening: SocketAddr,
    live: Arc<Live>,
    tls: Arc<Tls>,
}

// === impl Serve ===

impl Serve {
    pub async fn run(self) -> Result<(), Exit> {
        let (ended, asked) = (signalled()?, from_now(SignalKind::hangup())?);
        let mut files = Files::default();
        let config = reload::read(&self.config, &mut files)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|cause| Exit::failure(format!("cannot listen on {}: {cause}", config.listen)))?;
        let server = Server::new(listener, &config)?;
        let (live, tls) = (Arc::clone(&server.live), Arc::clone(&server.tls));
        let reload = Reload::new(self.config, (config, files), server.listening, live, tls);
        let reloading = tokio::spawn(reload.run(asked));
        server.run(ended).await;
        reloading.abort();
        Ok(())
    }
}

// === impl Server ===

impl Server {
    /// Builds what the configuration says.
    pub fn new(listener: TcpListener, config: &Config) -> Result<Self, Exit> {
        let listening = listener.local_addr().map_err(|cause| Exit::failure(cause.to_string()))?;
        let tls = build::tls(config).map_err(|mistake| vec![mistake])?;
        let live = Live::new(renew::snapshot(config, listening, None)?);
        Ok(Self { listener, listening, live: Arc::new(live), tls: Arc::new(Tls::from_pointee(tls)) })
    }

    /// What its locations begin with.
    pub fn public_url(&self) -> String {
        self.live.snapshot().public_url.clone()
    }

    /// Serves until `ended`, and lets requests in work end.
    pub async fn run(self, ended: impl Future<Output = ()>) {
        for target in &self.live.snapshot().targets {
            info!(name = target.name, url = target.base_url, listen = %self.listening, "serving");
        }
        http::serve(self.listener, self.live, self.tls, ended).await;
    }
}

/// Ends at the first SIGTERM or SIGINT from now on. Asked for before anything is made that the end must
/// tidy up: until then, a signal ends the process on the spot.
pub fn signalled() -> Result<impl Future<Output = ()>, Exit> {
    let mut terminate = from_now(SignalKind::terminate())?;
    let mut interrupt = from_now(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The signals of a kind from now on.
fn from_now(kind: SignalKind) -> Result<Signal, Exit> {
    signal(kind).map_err(|cause| Exit::failure(format!("signals: {cause}")))
}

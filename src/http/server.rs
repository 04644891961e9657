//! Listening: connections, HTTP/1.1 and HTTP/2 on them, and the end of it all. Knows bytes and
//! deadlines, not what a request asks.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::service::Service;
use crate::gateway::Snapshot;
use crate::limits::HEADER_BYTES;

/// Connections open at one time; more wait in the kernel's queue.
const CONNECTIONS: usize = 4096;
/// Requests in work on one HTTP/2 connection at one time.
const STREAMS: u32 = 128;
/// A connection without a request in work is closed after this, its last answer read or not.
const IDLE: Duration = Duration::from_secs(60);
/// How often a quiet HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// After an accept that failed (out of file descriptors, say): how long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
#[derive(Clone)]
struct Shared {
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
    builder: Builder<TokioExecutor>,
    header_deadline: Duration,
}

/// Serves what the snapshot holds until `shutdown` ends; then accepts no more, lets requests in work
/// end for at most the snapshot's `drain_ms`, and returns.
pub async fn serve(
    listener: TcpListener,
    snapshot: Arc<ArcSwap<Snapshot>>,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()>,
) {
    let limits = snapshot.load().limits;
    let header_deadline = Duration::from_millis(limits.header_deadline_ms);
    let shared = Shared {
        service: Arc::new(Service::new(snapshot)),
        tls,
        builder: builder(header_deadline),
        header_deadline,
    };
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                tokio::spawn(connection(stream, shared.clone(), graceful.watcher(), slot));
            }
            Err(cause) => {
                warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drain(graceful, &shared.service, Duration::from_millis(limits.drain_ms)).await;
}

/// The next connection, as soon as there is room for one.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

async fn drain(graceful: GracefulShutdown, service: &Service, deadline: Duration) {
    info!("ending: no more connections; requests in work may end");
    let drained = async {
        graceful.shutdown().await;
        service.idle().await;
    };
    if tokio::time::timeout(deadline, drained).await.is_err() {
        warn!("ending with requests still in work");
    }
}

fn builder(header_deadline: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_deadline).max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

/// One connection from its TLS handshake to its end. What goes wrong on it is its client's business.
async fn connection(stream: TcpStream, shared: Shared, watcher: Watcher, _slot: OwnedSemaphorePermit) {
    if let Err(cause) = stream.set_nodelay(true) {
        debug!(%cause, "TCP_NODELAY is not set");
    }
    let Some(tls) = &shared.tls else {
        return requests(stream, &shared, watcher).await;
    };
    match tokio::time::timeout(shared.header_deadline, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, &shared, watcher).await,
        Ok(Err(cause)) => debug!(%cause, "no TLS handshake"),
        Err(_) => debug!("no TLS handshake in time"),
    }
}

/// The requests of one connection.
async fn requests<S>(stream: S, shared: &Shared, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (in_work, watched) = watch::channel(0_usize);
    let in_work = Arc::new(in_work);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let service = Arc::clone(&shared.service);
        let counted = Counted::one_more(&in_work);
        async move {
            let _counted = counted;
            Ok::<_, Infallible>(service.answer(request).await)
        }
    });
    let served = watcher.watch(shared.builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = served => if let Err(cause) = ended {
            debug!(%cause, "a connection broke");
        },
        () = unused(watched, shared.header_deadline) => debug!("a connection was not used"),
    }
}

/// Ends when a connection has no request in work for too long: `first` for the first one, then [`IDLE`].
/// hyper itself waits without end for the bytes that tell HTTP/1 from HTTP/2.
async fn unused(mut in_work: watch::Receiver<usize>, first: Duration) {
    let mut patience = first;
    loop {
        let is_idle = *in_work.borrow_and_update() == 0;
        let changed = in_work.changed();
        let ended = match is_idle {
            true => tokio::time::timeout(patience, changed).await.map_or(true, |change| change.is_err()),
            false => changed.await.is_err(),
        };
        if ended {
            return;
        }
        patience = IDLE;
    }
}

/// A request in work on a connection, counted as long as this lives.
struct Counted(Arc<watch::Sender<usize>>);

// === impl Counted ===

impl Counted {
    fn one_more(in_work: &Arc<watch::Sender<usize>>) -> Self {
        in_work.send_modify(|count| *count += 1);
        Self(Arc::clone(in_work))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

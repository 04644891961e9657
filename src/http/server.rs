//! Listening: connections, HTTP/1.1 and HTTP/2 on them, and the end of it all. Knows bytes and
//! deadlines, not what a request asks.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info, warn};

use super::service::Service;
use super::tls::Tls;
use crate::gateway::{Live, Snapshot};
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

/// How long the disk has for captured requests when the time to end is over.
const LAST_WRITES: Duration = Duration::from_millis(500);
/// How often it is looked whether it has taken them.
const LOOK: Duration = Duration::from_millis(5);

/// What a connection needs.
struct Shared {
    service: Arc<Service>,
    tls: Arc<Tls>,
    builder: Builder<TokioExecutor>,
    header_deadline: Duration,
}

/// Serves what is live until `shutdown` ends; then accepts no more, lets requests in work end for at most
/// `drain_ms`, and returns.
pub async fn serve(
    listener: TcpListener,
    live: Arc<Live>,
    tls: Arc<Tls>,
    shutdown: impl Future<Output = ()>,
) {
    let service = Arc::new(Service::new(Arc::clone(&live)));
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
                let header_deadline = Duration::from_millis(live.snapshot().limits.header_deadline_ms);
                let builder = builder(header_deadline);
                let (service, tls) = (Arc::clone(&service), Arc::clone(&tls));
                let shared = Shared { service, tls, builder, header_deadline };
                tokio::spawn(connection(stream, shared, graceful.watcher(), slot));
            }
            Err(cause) => {
                warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drain(graceful, &service, &live.snapshot()).await;
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

async fn drain(graceful: GracefulShutdown, service: &Service, snapshot: &Snapshot) {
    info!("ending: no more connections; requests in work may end");
    let drained = async {
        graceful.shutdown().await;
        service.idle().await;
    };
    let until = Instant::now() + Duration::from_millis(snapshot.limits.drain_ms);
    if tokio::time::timeout_at(until.into(), drained).await.is_err() {
        warn!("ending with requests still in work");
    }
    let until = until.max(Instant::now() + LAST_WRITES);
    if tokio::time::timeout_at(until.into(), written(snapshot)).await.is_err() {
        warn!("ending before all captured requests are on the disk");
    }
}

/// Ends when no captured request waits for the disk.
async fn written(snapshot: &Snapshot) {
    for capture in snapshot.targets.iter().filter_map(|target| target.capture.as_ref()) {
        while !capture.is_written() {
            tokio::time::sleep(LOOK).await;
        }
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
    let Some(tls) = shared.tls.load_full() else {
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
    let usage = Arc::new(Usage::new(shared.header_deadline));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let service = Arc::clone(&shared.service);
        let counted = Counted::one_more(&usage);
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
        () = usage.ends() => debug!("a connection was not used"),
    }
}

/// How a connection is used: closed when it has no request in work for too long, the first one sooner than
/// [`IDLE`]. hyper itself waits without end for the bytes that tell HTTP/1 from HTTP/2.
struct Usage(Mutex<Used>);

struct Used {
    in_work: usize,
    /// When the last request ended; at first, when the connection began.
    idle_since: Instant,
    patience: Duration,
}

// === impl Usage ===

impl Usage {
    fn new(first: Duration) -> Self {
        Self(Mutex::new(Used { in_work: 0, idle_since: Instant::now(), patience: first }))
    }

    fn state(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the connection was not used for too long. Requests only leave a note, and the clock comes
    /// round to read it: waking this future with each would have the whole connection looked at anew.
    async fn ends(&self) {
        while let Some(wait) = self.left() {
            tokio::time::sleep(wait).await;
        }
    }

    /// How long nothing can be too late yet; `None` when it is.
    fn left(&self) -> Option<Duration> {
        let used = self.state();
        match used.in_work {
            0 => used.patience.checked_sub(used.idle_since.elapsed()).filter(|left| !left.is_zero()),
            _ => Some(used.patience),
        }
    }
}

/// A request in work on a connection, counted as long as this lives.
struct Counted(Arc<Usage>);

// === impl Counted ===

impl Counted {
    fn one_more(usage: &Arc<Usage>) -> Self {
        usage.state().in_work += 1;
        Self(Arc::clone(usage))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut used = self.0.state();
        used.in_work -= 1;
        used.idle_since = Instant::now();
        used.patience = IDLE;
    }
}

//! What HTTP owes a gateway whose backend misbehaves, and clients that do: deadlines, the cap on requests
//! in work, clients that hang up, silent connections, TLS, and the end of the process. The backend here is
//! a stand-in that does what a test tells it to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gantry::backend::{Backend, Failure, Finding, Intent, Lowered, Session};
use gantry::capture::{Answered, Asked, Capture, Removed};
use gantry::gateway::{Client, Cursors, Live, LongAnswers, Scans, Snapshot, Target};
use gantry::http;
use gantry::limits::Limits;
use gantry::mapping::Mapping;
use gantry::plan::{Facts, Folding, Instants, Native, Operation, Precision, Profile, Touched};
use gantry::scim::profile::Profile as Ways;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const GET: &str = "GET /s/Users/1 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n\r\n";

/// A backend whose sessions end as they are told to.
struct StandIn {
    behaviour: Behaviour,
    ended: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Behaviour {
    Panics,
    TakesTime(Duration),
}

#[async_trait]
impl Backend for StandIn {
    fn profile(&self) -> Profile {
        let (folding, text) = (Folding::Ascii, Precision::Exact);
        let instants = Instants::Exact;
        Profile { kind: "stand-in", folding, text, ordering: true, instants, bits: true, windows: true }
    }

    fn lower(&self, _: &Operation, _: &Facts) -> Result<Lowered, Failure> {
        Err(Failure::Internal("nothing is lowered here".into()))
    }

    async fn session(&self, _: Intent) -> Result<Box<dyn Session>, Failure> {
        match self.behaviour {
            Behaviour::Panics => panic!("told to"),
            Behaviour::TakesTime(time) => tokio::time::sleep(time).await,
        }
        self.ended.fetch_add(1, Ordering::SeqCst);
        Err(Failure::NotFound("told to".into()))
    }

    async fn ping(&self) -> Result<(), Failure> {
        match self.behaviour {
            Behaviour::Panics => panic!("told to"),
            Behaviour::TakesTime(_) => Ok(()),
        }
    }

    async fn examine(&self, _: &[Touched], _: bool) -> Vec<Finding> {
        Vec::new()
    }

    async fn indexes(&self, _: &str, _: &BTreeSet<Native>) -> Vec<Finding> {
        Vec::new()
    }
}

/// A gateway in this process.
struct Gateway {
    address: SocketAddr,
    backend: Arc<StandIn>,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// Limits under which a test need not wait long.
fn short() -> Limits {
    Limits { deadline_ms: 300, header_deadline_ms: 300, drain_ms: 2_000, ..Limits::default() }
}

async fn gateway(behaviour: Behaviour, limits: Limits, tls: Option<TlsAcceptor>) -> Gateway {
    gateway_that_keeps(None, behaviour, limits, tls).await
}

/// One whose requests are kept here.
async fn gateway_that_keeps(
    capture: Option<Arc<Capture>>,
    behaviour: Behaviour,
    limits: Limits,
    tls: Option<TlsAcceptor>,
) -> Gateway {
    let text = include_str!("../mappings/plain/mapping.rhai");
    let mapping = Mapping::parse("mapping.rhai", text, &BTreeMap::new()).unwrap();
    let backend = Arc::new(StandIn { behaviour, ended: AtomicUsize::new(0) });
    let target = Target {
        name: "s".into(),
        path: "/s".into(),
        read_only: false,
        clients: vec![Arc::new(Client {
            name: "c".into(),
            token_sha256: http::token_sha256(b"t"),
            profile: Ways::rfc(),
            user: None,
        })],
        mapping: Arc::new(mapping),
        backend: backend.clone(),
        limits,
        base_url: "http://h/s".into(),
        scans: Scans::default(),
        cursors: Arc::new(Cursors::new(None).unwrap()),
        long_answers: LongAnswers::default(),
        capture,
    };
    let snapshot = Snapshot {
        targets: vec![Arc::new(target)],
        limits,
        public_url: "http://h".into(),
        loaded: OffsetDateTime::UNIX_EPOCH,
        hash: "0".into(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, told) = oneshot::channel::<()>();
    let ended = async {
        let _ = told.await;
    };
    let tls = Arc::new(http::Tls::from_pointee(tls));
    let served = tokio::spawn(http::serve(listener, Arc::new(Live::new(snapshot)), tls, ended));
    Gateway { address, backend, shutdown, served }
}

// === impl Gateway ===

impl Gateway {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends a text on a connection of its own and reads one answer.
    async fn ask(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        ask_on(&mut stream, text).await
    }
}

/// Sends a text and reads one answer, head and body.
async fn ask_on(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    answer_on(stream).await
}

async fn answer_on(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = within(stream.read(&mut buffer)).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if count == 0 || is_whole(&text) {
            return text;
        }
    }
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it should have ended by now")
}

#[track_caller]
fn is(answer: &str, status: u16, header: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(header), "{answer}");
    assert!(answer.contains("x-request-id: "), "{answer}");
}

// === Work ===

#[tokio::test]
async fn a_defect_is_a_500_and_ends_nothing_else() {
    let gateway = gateway(Behaviour::Panics, short(), None).await;
    let mut stream = gateway.connect().await;
    for _ in 0..2 {
        let answer = ask_on(&mut stream, GET).await;
        is(&answer, 500, "\"status\":\"500\"");
        assert!(answer.contains("the log has it under this request's id"), "{answer}");
    }
    is(&gateway.ask("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await, 200, "ok");
    is(&gateway.ask("GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n").await, 200, r#""backend":"down""#);
}

#[tokio::test]
async fn work_that_takes_too_long_is_a_503_and_goes_on() {
    let gateway = gateway(Behaviour::TakesTime(Duration::from_millis(900)), short(), None).await;
    is(&gateway.ask(GET).await, 503, "retry-after: 5");
    assert_eq!(gateway.backend.ended.load(Ordering::SeqCst), 0);
    until_ended(&gateway, 1).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_the_work() {
    let gateway = gateway(Behaviour::TakesTime(Duration::from_millis(300)), short(), None).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    until_ended(&gateway, 1).await;
}

async fn until_ended(gateway: &Gateway, count: usize) {
    within(async {
        while gateway.backend.ended.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn more_requests_than_may_be_in_work_are_refused_at_once() {
    let limits = Limits { concurrent_requests: 1, ..short() };
    let gateway = gateway(Behaviour::TakesTime(Duration::from_millis(900)), limits, None).await;
    // The first gives up after 300 ms, yet its work keeps the only place.
    is(&gateway.ask(GET).await, 503, "retry-after: 5");
    let asked = Instant::now();
    is(&gateway.ask(GET).await, 503, "nothing was done");
    assert!(asked.elapsed() < Duration::from_millis(250));
    is(&gateway.ask(&GET.replace("Bearer t", "Bearer u")).await, 401, "www-authenticate: Bearer");
    is(&gateway.ask("GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n").await, 200, r#""backend":"up""#);
    until_ended(&gateway, 1).await;
    is(&gateway.ask(&GET.replace("GET", "POST").replace("Users/1", "Users")).await, 400, "invalidSyntax");
}

// === Clients ===

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    let gateway = gateway(Behaviour::TakesTime(Duration::ZERO), short(), None).await;
    // Silence; half of HTTP/2's preface; half a head.
    for text in ["", "PRI * HTTP", "GET /s/Users HTTP/1.1\r\nHost: h\r\nX: "] {
        let mut stream = gateway.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
    }
    // Half a body.
    let head = GET.replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n{");
    is(&gateway.ask(&head).await, 408, "\"status\":\"408\"");
}

#[tokio::test]
async fn heads_and_bodies_are_bounded() {
    let gateway = gateway(Behaviour::TakesTime(Duration::ZERO), short(), None).await;
    let head = GET.replace("Host", &format!("X: {}\r\nHost", "x".repeat(100_000)));
    let mut stream = gateway.connect().await;
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(answer_on(&mut stream).await.starts_with("HTTP/1.1 431 "));

    let length = (1 << 20) + 1;
    let head =
        GET.replace("GET", "POST").replace("\r\n\r\n", &format!("\r\nContent-Length: {length}\r\n\r\n"));
    is(&gateway.ask(&format!("{head}{}", "x".repeat(length))).await, 413, "\"status\":\"413\"");
    let head =
        GET.replace("GET", "POST").replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n");
    is(
        &gateway.ask(&format!("{head}{}\r\n0\r\n\r\n", "x".repeat(0x20_0000))).await,
        413,
        "\"status\":\"413\"",
    );
}

#[tokio::test]
async fn a_caller_is_told_how_to_say_who_he_is() {
    let gateway = gateway(Behaviour::TakesTime(Duration::ZERO), short(), None).await;
    is(&gateway.ask(GET).await, 404, "content-type: application/scim+json");
    is(
        &gateway.ask("GET /x HTTP/1.1\r\nHost: h\r\nX-Request-Id: me.1\r\n\r\n").await,
        404,
        "x-request-id: me.1",
    );
    is(&gateway.ask(&GET.replace("Authorization", "X")).await, 401, "www-authenticate: Bearer");
    is(&gateway.ask(&GET.replace("GET", "OPTIONS")).await, 405, "allow: GET, POST, PUT, PATCH, DELETE");
    let head = gateway.ask("HEAD /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    is(&head, 200, "content-length: 15");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    is(&gateway.ask("POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await, 405, "allow: GET, HEAD");
}

// === The end ===

#[tokio::test]
async fn requests_in_work_may_end() {
    let gateway = gateway(Behaviour::TakesTime(Duration::from_millis(200)), short(), None).await;
    let (mut busy, mut idle) = (gateway.connect().await, gateway.connect().await);
    busy.write_all(GET.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    gateway.shutdown.send(()).unwrap();
    is(&answer_on(&mut busy).await, 404, "");
    assert!(answer_on(&mut idle).await.is_empty());
    within(gateway.served).await.unwrap();
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn the_work_of_a_client_that_hung_up_may_end_too() {
    let gateway = gateway(Behaviour::TakesTime(Duration::from_millis(300)), short(), None).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    gateway.shutdown.send(()).unwrap();
    within(gateway.served).await.unwrap();
    assert_eq!(gateway.backend.ended.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_to_be_kept_is_on_the_disk_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Arc::new(Capture::open(&folder.path().join("kept"), 1_000, Removed::new([])).unwrap());
    let gateway =
        gateway_that_keeps(Some(capture.clone()), Behaviour::TakesTime(Duration::ZERO), short(), None).await;
    // As many as may wait: two files each take longer than all else at the end.
    for _ in 0..250 {
        let asked = Asked { method: "GET", path: "/Users", query: &[], headers: &[], body: None };
        let answered = Answered { status: 200, location: None, version: None, body: None };
        capture.request(&asked).answered(&answered);
    }
    assert!(!capture.is_written());
    gateway.shutdown.send(()).unwrap();
    within(gateway.served).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("kept")).unwrap().count(), 500);
}

#[tokio::test]
async fn what_does_not_end_is_not_waited_for() {
    let limits = Limits { drain_ms: 200, ..Limits::default() };
    let gateway = gateway(Behaviour::TakesTime(Duration::from_secs(60)), limits, None).await;
    let mut stream = gateway.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    gateway.shutdown.send(()).unwrap();
    within(gateway.served).await.unwrap();
}

// === TLS ===

#[tokio::test]
async fn tls_offers_http_2_and_asks_for_a_certificate_when_told_to() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let quick = Behaviour::TakesTime(Duration::ZERO);
    let open = http::acceptor(cert.as_bytes(), key.as_bytes(), None).unwrap();
    let open = gateway(quick, short(), Some(open)).await;

    let mut stream = handshake(&open, made.cert.der(), &[b"http/1.1"]).await.unwrap();
    is(&ask_on(&mut stream, GET).await, 404, "");
    let stream = handshake(&open, made.cert.der(), &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // One that speaks no TLS, or nothing at all, is let go.
    for text in [GET, ""] {
        let mut plain = open.connect().await;
        plain.write_all(text.as_bytes()).await.unwrap();
        let _ = within(plain.read_to_end(&mut Vec::new())).await;
    }

    let strict = http::acceptor(cert.as_bytes(), key.as_bytes(), Some(cert.as_bytes())).unwrap();
    let strict = gateway(quick, short(), Some(strict)).await;
    let mut stream = handshake(&strict, made.cert.der(), &[b"http/1.1"]).await.unwrap();
    // TLS 1.3 tells the client only after its own handshake that a certificate was missing.
    let _ = stream.write_all(GET.as_bytes()).await;
    assert!(within(stream.read_to_end(&mut Vec::new())).await.is_err());
}

async fn handshake(
    gateway: &Gateway,
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    within(connector.connect(name, gateway.connect().await)).await
}

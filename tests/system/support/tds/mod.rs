//! An endpoint on loopback that speaks as much of TDS 7.4 ([MS-TDS]) as a client of SQL Server needs, and answers
//! what a script says. It shows what a real server cannot be asked for: it stalls, cuts, lies and answers late.

pub mod answer;
pub mod application;
mod conversation;
mod octets;
pub mod request;
pub mod token;
pub mod value;
mod wire;

use std::collections::HashMap;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use answer::Answer;
use conversation::Conversation;
use request::Request;

/// What the endpoint answers to a request.
pub type Script = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// What is encrypted, with which certificate.
#[derive(Clone)]
pub enum Encryption {
    None,
    /// The login, if the client wants no more.
    Login(Arc<ServerConfig>),
    /// All of it, whatever the client wants.
    All(Arc<ServerConfig>),
    /// All of it from the first octet: TDS 8.0.
    Strict(Arc<ServerConfig>),
}

/// A running endpoint. Ends with this, and ends its test if a client broke the protocol.
pub struct Endpoint {
    host: &'static str,
    port: u16,
    state: Arc<State>,
    listening: Option<JoinHandle<()>>,
}

struct State {
    script: Mutex<Script>,
    encryption: Encryption,
    seen: Mutex<Vec<Request>>,
    requests: AtomicU64,
    connections: AtomicUsize,
    open: Mutex<HashMap<usize, TcpStream>>,
    is_over: AtomicBool,
    /// Whether a conversation ended loudly.
    is_broken: AtomicBool,
}

// === impl Endpoint ===

impl Endpoint {
    /// An endpoint that answers what the script says.
    pub fn start(
        encryption: Encryption,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::at("127.0.0.1", encryption, script)
    }

    /// The same at another address of loopback.
    pub fn at(
        host: &'static str,
        encryption: Encryption,
        script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            script: Mutex::new(Arc::new(script)),
            encryption,
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
        });
        let listening = spawn({
            let state = state.clone();
            move || state.listen(&listener)
        });
        Self { host, port, state, listening: Some(listening) }
    }

    pub fn host(&self) -> &'static str {
        self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Another script from the next request on.
    pub fn answers(&self, script: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Request> {
        self.state.seen.lock().unwrap().clone()
    }

    /// What was asked since the last time.
    pub fn taken(&self) -> Vec<Request> {
        std::mem::take(&mut *self.state.seen.lock().unwrap())
    }

    /// Closes all connections, without a word.
    pub fn cut(&self) {
        for socket in self.state.open.lock().unwrap().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.state.open.lock().unwrap().len()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        // Who waits for a connection gets one.
        let _ = TcpStream::connect((self.host, self.port));
        let _ = self.listening.take().unwrap().join();
        self.cut();
        let is_broken = self.state.is_broken.load(Ordering::Relaxed);
        assert!(!is_broken || std::thread::panicking(), "the client broke the protocol, see above");
    }
}

// === impl State ===

impl State {
    fn script(&self) -> Script {
        self.script.lock().unwrap().clone()
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((socket, _)) = listener.accept() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            socket.set_nodelay(true).unwrap();
            let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
            self.open.lock().unwrap().insert(number, socket.try_clone().unwrap());
            let open = Open { number, state: self.clone() };
            spawn(move || open.hold(socket));
        }
    }
}

/// A connection; it is open as long as this lives.
struct Open {
    number: usize,
    state: Arc<State>,
}

// === impl Open ===

impl Open {
    fn hold(&self, socket: TcpStream) {
        let mut conversation = Conversation::new(self.number, socket, &self.state);
        // That the client has gone is for the test to judge.
        let _ = conversation.hold();
        conversation.close();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.state.is_broken.store(true, Ordering::Relaxed);
        }
        if let Some(socket) = self.state.open.lock().unwrap().remove(&self.number) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// How a server encrypts with the certificate `NAME.pem` of a folder (see [`super::certificates`]).
pub fn certified(folder: &Path, name: &str) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config =
        builder.with_no_client_auth().with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap();
    // What follows the handshake stands in no packets of its own: nothing follows it.
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

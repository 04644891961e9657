//! A TCP relay in front of a server, so that one directory looks like several: each can refuse, freeze or cut
//! what goes through it, and tells how much that was. What is encrypted stays so; in the clear, a relay can also
//! lose a single write or its answer, let something happen just before a write, and answer in the server's place.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::{eventually, free_port};

const TICK: Duration = Duration::from_millis(2);

/// A running relay. Ends with this.
pub struct Relay {
    port: u16,
    state: Arc<State>,
}

/// What a relay does with what comes.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Open,
    /// Nothing goes through; connections stay, and new ones are not accepted.
    Frozen,
    /// All connections are closed, new ones refused.
    Refusing,
    Ended,
}

/// What a relay can lose; the connection is closed in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// The request of a write: it never reaches the server.
    Request,
    /// The answer to one: it was carried out.
    Answer,
}

/// What a client gets in the place of the server's answer, by the request's message id and operation.
pub type Spoiler = fn(u8, u8) -> Spoilt;

type Event = Box<dyn FnOnce() + Send>;

/// An answer by hand.
pub struct Spoilt {
    pub octets: Vec<u8>,
    /// Whether the connection is closed after it.
    pub closes: bool,
}

struct State {
    mode: Mutex<Mode>,
    /// What is lost next, after so many that pass.
    loss: Mutex<Option<(Loss, usize)>>,
    spoiler: Mutex<Option<Spoiler>>,
    /// What happens before a write goes on, after so many that pass.
    event: Mutex<Option<(Event, usize)>>,
    is_listening: AtomicBool,
    octets: AtomicU64,
    /// So many may go through.
    limit: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

// === impl Relay ===

impl Relay {
    /// A relay to this port of loopback.
    pub fn to(target: u16) -> Self {
        let state = State {
            mode: Mutex::new(Mode::Open),
            loss: Mutex::default(),
            spoiler: Mutex::default(),
            event: Mutex::default(),
            is_listening: AtomicBool::new(false),
            octets: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            streams: Mutex::default(),
        };
        let relay = Self { port: free_port(), state: Arc::new(state) };
        let (port, state) = (relay.port, relay.state.clone());
        spawn(move || state.serve(port, target));
        relay.listens(true);
        relay
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets everything through again.
    pub fn open(&self) {
        self.state.limit.store(u64::MAX, Ordering::SeqCst);
        self.state.set(Mode::Open);
        self.listens(true);
    }

    /// Lets nothing through, and closes nothing.
    pub fn freeze(&self) {
        self.state.set(Mode::Frozen);
    }

    /// Closes everything, and refuses new connections.
    pub fn refuse(&self) {
        self.state.set(Mode::Refusing);
        self.listens(false);
        self.cut();
    }

    /// Closes all connections; new ones are welcome.
    pub fn cut(&self) {
        for stream in self.state.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Loses one write after so many others.
    pub fn lose(&self, loss: Loss, after: usize) {
        *self.state.loss.lock().unwrap() = Some((loss, after));
    }

    /// Whether what was to be lost is lost.
    pub fn has_lost(&self) -> bool {
        self.state.loss.lock().unwrap().is_none()
    }

    /// Lets something happen when a write is on its way, before the server has it, after so many others.
    pub fn before_a_write(&self, after: usize, event: impl FnOnce() + Send + 'static) {
        *self.state.event.lock().unwrap() = Some((Box::new(event), after));
    }

    /// Whether that happened.
    pub fn has_happened(&self) -> bool {
        self.state.event.lock().unwrap().is_none()
    }

    /// Answers every request in the server's place.
    pub fn spoil(&self, spoiler: Option<Spoiler>) {
        *self.state.spoiler.lock().unwrap() = spoiler;
    }

    /// Closes everything and refuses new connections once so much more went through.
    pub fn refuse_after(&self, octets: u64) {
        self.state.limit.store(self.octets() + octets, Ordering::SeqCst);
    }

    /// How much went through, both ways.
    pub fn octets(&self) -> u64 {
        self.state.octets.load(Ordering::SeqCst)
    }

    fn listens(&self, wanted: bool) {
        eventually("the relay's turn", || self.state.is_listening.load(Ordering::SeqCst) == wanted);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.set(Mode::Ended);
        self.cut();
    }
}

// === impl State ===

impl State {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    fn serve(self: &Arc<Self>, port: u16, target: u16) {
        let mut listener = None;
        loop {
            match self.mode() {
                Mode::Ended => return,
                Mode::Refusing => listener = None,
                Mode::Frozen => {}
                Mode::Open => {
                    let listener = listener.get_or_insert_with(|| listen(port));
                    while let Ok((client, _)) = listener.accept() {
                        self.join(client, target);
                    }
                }
            }
            self.is_listening.store(listener.is_some(), Ordering::SeqCst);
            sleep(TICK);
        }
    }

    /// Connects a client with the server; closes it when that is away.
    fn join(self: &Arc<Self>, client: TcpStream, target: u16) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { return };
        client.set_nonblocking(false).unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            from.set_nodelay(true).unwrap();
            self.streams.lock().unwrap().push(from.try_clone().unwrap());
            let state = self.clone();
            spawn(move || state.pump(from, to));
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 << 10];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            while self.mode() == Mode::Frozen {
                sleep(TICK);
            }
            if let Some(Spoilt { octets, closes }) = self.spoilt(&buffer[..read]) {
                if from.write_all(&octets).is_err() || closes {
                    break;
                }
                continue;
            }
            if let Some(event) = self.event_before(&buffer[..read]) {
                event();
            }
            if self.loses(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
                break;
            }
            let octets = self.octets.fetch_add(read as u64, Ordering::SeqCst) + read as u64;
            if octets >= self.limit.load(Ordering::SeqCst) {
                self.set(Mode::Refusing);
                self.streams.lock().unwrap().iter().for_each(|stream| _ = stream.shutdown(Shutdown::Both));
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

impl State {
    /// The answer by hand to what is a request.
    fn spoilt(&self, octets: &[u8]) -> Option<Spoilt> {
        let spoiler = (*self.spoiler.lock().unwrap())?;
        let (id, operation) = message(octets)?;
        matches!(operation, 0x60 | 0x63 | 0x66 | 0x68 | 0x4a | 0x6c).then(|| spoiler(id, operation))
    }

    fn event_before(&self, octets: &[u8]) -> Option<Event> {
        let mut next = self.event.lock().unwrap();
        if write(octets) != Some(Loss::Request) {
            return None;
        }
        let (event, after) = next.take()?;
        match after.checked_sub(1) {
            Some(left) => *next = Some((event, left)),
            None => return Some(event),
        }
        None
    }

    fn loses(&self, octets: &[u8]) -> bool {
        let mut next = self.loss.lock().unwrap();
        let Some((loss, after)) = *next else { return false };
        if write(octets) != Some(loss) {
            return false;
        }
        *next = after.checked_sub(1).map(|left| (loss, left));
        next.is_none()
    }
}

/// The id and the operation of an LDAP message (RFC 4511 section 4.1.1): they stand behind its tag and length.
fn message(octets: &[u8]) -> Option<(u8, u8)> {
    let (0x30, length) = (*octets.first()?, *octets.get(1)?) else { return None };
    let id = 2 + if length < 0x80 { 0 } else { usize::from(length - 0x80) };
    // What goes on a message that came before is mostly text.
    (*octets.get(id)? == 0x02).then_some(())?;
    let operation = id + 2 + usize::from(*octets.get(id + 1)?);
    Some((*octets.get(operation - 1)?, *octets.get(operation)?))
}

/// Whether an LDAP message is a write's request or answer.
fn write(octets: &[u8]) -> Option<Loss> {
    match message(octets)?.1 {
        0x66 | 0x68 | 0x4a | 0x6c => Some(Loss::Request),
        0x67 | 0x69 | 0x6b | 0x6d => Some(Loss::Answer),
        _ => None,
    }
}

fn listen(port: u16) -> TcpListener {
    let mut bound = None;
    eventually("the relay's port", || {
        bound = TcpListener::bind(("127.0.0.1", port)).ok();
        bound.is_some()
    });
    let listener = bound.unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

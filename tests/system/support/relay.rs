//! A TCP relay in front of a server, so that one directory looks like several: each can refuse, freeze or cut
//! what goes through it, and tells how much that was. What is encrypted stays so.

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

struct State {
    mode: Mutex<Mode>,
    is_listening: AtomicBool,
    octets: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

// === impl Relay ===

impl Relay {
    /// A relay to this port of loopback.
    pub fn to(target: u16) -> Self {
        let state = State {
            mode: Mutex::new(Mode::Open),
            is_listening: AtomicBool::new(false),
            octets: AtomicU64::new(0),
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
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
            self.octets.fetch_add(read as u64, Ordering::SeqCst);
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
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

//! Messages on a connection, in packets ([MS-TDS] section 2.2.3), with TLS and without.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

/// What a client said.
pub struct Message {
    pub kind: u8,
    pub content: Vec<u8>,
}

/// What came, if anything.
pub enum Heard {
    Message(Message),
    /// Nothing yet.
    Silence,
    /// The client has closed the connection.
    End,
}

/// The server's end of a connection.
pub struct Wire {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// What has come and is no message yet.
    incoming: Vec<u8>,
}

const HEADER: usize = 8;
const ANSWER: u8 = 4;
const LAST: u8 = 1;

// === impl Message ===

impl Message {
    pub const BATCH: u8 = 1;
    pub const CALL: u8 = 3;
    pub const ATTENTION: u8 = 6;
    pub const TRANSACTION: u8 = 14;
    pub const LOGIN: u8 = 16;
    pub const PRELOGIN: u8 = 18;

    /// Whether it is no prelogin, but what TLS begins with.
    pub fn begins_tls(&self) -> bool {
        const HANDSHAKE: u8 = 0x16;
        self.kind == Self::PRELOGIN && self.content.first() == Some(&HANDSHAKE)
    }

    /// Takes a message off the front of these octets, when all of it is there.
    fn take(octets: &mut Vec<u8>) -> Option<Self> {
        let (mut at, mut content) = (0, Vec::new());
        loop {
            let header = octets.get(at..at + HEADER)?;
            let (kind, status) = (header[0], header[1]);
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            content.extend_from_slice(octets.get(at + HEADER..at + length)?);
            at += length;
            if status & LAST != 0 {
                octets.drain(..at);
                return Some(Self { kind, content });
            }
        }
    }
}

/// The packets of an answer with at most so many octets in each. `is_last`: nothing follows.
pub fn packets(content: &[u8], size: usize, is_last: bool) -> Vec<u8> {
    framed(ANSWER, content, size, is_last)
}

fn framed(kind: u8, content: &[u8], size: usize, is_last: bool) -> Vec<u8> {
    let chunks: Vec<&[u8]> = if content.is_empty() { vec![content] } else { content.chunks(size).collect() };
    let count = chunks.len();
    let mut octets = Vec::new();
    for (at, chunk) in chunks.into_iter().enumerate() {
        let status = u8::from(is_last && at + 1 == count) * LAST;
        octets.extend([kind, status]);
        octets.extend(((HEADER + chunk.len()) as u16).to_be_bytes());
        octets.extend([0, 0, at as u8, 0]);
        octets.extend(chunk);
    }
    octets
}

fn feed(tls: &mut ServerConnection, mut octets: &[u8]) -> Result<()> {
    while !octets.is_empty() {
        tls.read_tls(&mut octets)?;
        tls.process_new_packets().map_err(std::io::Error::other)?;
    }
    Ok(())
}

// === impl Wire ===

impl Wire {
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, tls: None, incoming: Vec::new() }
    }

    /// The next message; waits for it this long, or as long as it takes.
    pub fn hear(&mut self, patience: Option<Duration>) -> Result<Heard> {
        self.socket.set_read_timeout(patience)?;
        loop {
            if let Some(message) = Message::take(&mut self.incoming) {
                return Ok(Heard::Message(message));
            }
            match self.read() {
                Ok(true) => {}
                Ok(false) => return Ok(Heard::End),
                Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(Heard::Silence);
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    /// Reads what there is; whether there can be more.
    fn read(&mut self) -> Result<bool> {
        let mut octets = [0; 8 << 10];
        let length = match &mut self.tls {
            Some(tls) => match rustls::Stream::new(tls.as_mut(), &mut self.socket).read(&mut octets) {
                // Without a word that it ends, as a killed process does.
                Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => 0,
                read => read?,
            },
            None => self.socket.read(&mut octets)?,
        };
        self.incoming.extend(&octets[..length]);
        Ok(length > 0)
    }

    pub fn send(&mut self, octets: &[u8]) -> Result<()> {
        match &mut self.tls {
            Some(tls) => {
                let mut stream = rustls::Stream::new(tls.as_mut(), &mut self.socket);
                stream.write_all(octets)?;
                stream.flush()
            }
            None => self.socket.write_all(octets),
        }
    }

    /// Makes TLS. Its handshake goes in packets, as those of the prelogin do, or as it is.
    pub fn encrypt(&mut self, config: &Arc<ServerConfig>, in_packets: bool) -> Result<()> {
        let mut tls = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
        while in_packets && (tls.is_handshaking() || tls.wants_write()) {
            if tls.wants_write() {
                let mut octets = Vec::new();
                tls.write_tls(&mut octets)?;
                self.socket.write_all(&framed(Message::PRELOGIN, &octets, 4_000, true))?;
                continue;
            }
            let Heard::Message(message) = self.hear(None)? else {
                return Err(ErrorKind::UnexpectedEof.into());
            };
            feed(&mut tls, &message.content)?;
        }
        // What came with the last of it stands in no packet any more.
        feed(&mut tls, &std::mem::take(&mut self.incoming))?;
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Ends TLS: what follows goes in the clear.
    pub fn decrypt(&mut self) {
        self.tls = None;
    }

    pub fn close(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

//! One connection: the endpoint hears a request, asks the script, and answers with the fault that it says.

use std::io::Result;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::answer::{Answer, Fault};
use super::request::{Ask, Prelogin, Request};
use super::token::{CANCELLED, Change, Done, FAILED, Token, encode};
use super::wire::{Heard, Message, Wire, packets};
use super::{Encryption, State};

/// How soon a waiting endpoint sees that the client has gone.
const TICK: Duration = Duration::from_millis(2);

/// The endpoint's side of a connection.
pub(super) struct Conversation<'a> {
    connection: usize,
    wire: Wire,
    state: &'a State,
    /// Whether nothing but the login is encrypted.
    only_login: bool,
    /// The transaction that is open.
    transaction: Option<u64>,
}

/// How a wait ended.
enum Wait {
    Over,
    /// The client cancels.
    Cancelled,
    /// There is no client any more.
    Alone,
}

// === impl Conversation ===

impl<'a> Conversation<'a> {
    pub(super) fn new(connection: usize, socket: TcpStream, state: &'a State) -> Self {
        Self { connection, wire: Wire::new(socket), state, only_login: false, transaction: None }
    }

    /// Goes on until one of the two ends it.
    pub(super) fn hold(&mut self) -> Result<()> {
        if let Encryption::Strict(config) = &self.state.encryption {
            self.wire.encrypt(config, false)?;
        }
        while let Heard::Message(message) = self.wire.hear(None)? {
            if message.begins_tls() {
                break; // with somebody who does not encrypt
            }
            let request = self.read(&message);
            let answer = (self.state.script())(&request);
            let goes_on = match &request.ask {
                Ask::Prelogin(asked) => self.prelogin(asked, answer)?,
                Ask::Attention => self.cancelled().map(|()| true)?,
                ask => {
                    if matches!(ask, Ask::Login(_)) && self.only_login {
                        self.wire.decrypt();
                    }
                    self.deliver(&answer)?
                }
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Reads a request and keeps it.
    fn read(&self, message: &Message) -> Request {
        let number = self.state.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let request = Request::read(number, self.connection, message);
        let is_one_in_itself = matches!(request.ask, Ask::Prelogin(_) | Ask::Login(_) | Ask::Attention);
        assert!(is_one_in_itself || request.transaction == self.transaction, "{request:?}");
        self.state.seen.lock().unwrap().push(request.clone());
        request
    }

    pub(super) fn close(&mut self) {
        self.wire.close();
    }

    /// Agrees on encryption, as [MS-TDS] section 2.2.6.5 says, and begins it.
    fn prelogin(&mut self, asked: &Prelogin, answer: Answer) -> Result<bool> {
        const OFF: u8 = 0;
        const ON: u8 = 1;
        const NOT_SUPPORTED: u8 = 2;
        const REQUIRED: u8 = 3;
        let (said, config) = match (&self.state.encryption, asked.encryption) {
            (Encryption::None, _) | (Encryption::Login(_), NOT_SUPPORTED) => (NOT_SUPPORTED, None),
            (Encryption::Strict(_), _) => (asked.encryption, None),
            (Encryption::Login(config), OFF) => (OFF, Some(config)),
            (Encryption::Login(config), _) => (ON, Some(config)),
            (Encryption::All(config), ON) => (ON, Some(config)),
            (Encryption::All(config), _) => (REQUIRED, Some(config)),
        };
        self.only_login = said == OFF && config.is_some();
        let tokens = vec![Token::Octets(options(said, asked.by_token))];
        let goes_on = self.deliver(&Answer { tokens, ..answer })?;
        if let Some(config) = config.filter(|_| goes_on) {
            self.wire.encrypt(config, true)?;
        }
        Ok(goes_on)
    }

    /// Sends an answer, or what its fault leaves of it; whether the connection goes on.
    fn deliver(&mut self, answer: &Answer) -> Result<bool> {
        let encoded = encode(&answer.tokens);
        let (all, count) = (encoded.concat(), encoded.len());
        let whole = || packets(&all, answer.packet, true);
        let split = |after: usize| all.split_at(encoded[..after.min(count)].concat().len());
        match &answer.fault {
            None => {
                self.wire.send(&whole())?;
                self.follow(&answer.tokens);
                Ok(!answer.closes)
            }
            Some(Fault::Stall(after, time)) => {
                let (first, rest) = split(*after);
                self.begin(first, answer.packet)?;
                match self.wait(*time)? {
                    Wait::Over => {
                        self.wire.send(&packets(rest, answer.packet, true))?;
                        self.follow(&answer.tokens);
                        Ok(!answer.closes)
                    }
                    Wait::Cancelled => self.cancelled().map(|()| true),
                    Wait::Alone => Ok(false),
                }
            }
            Some(Fault::CutAfterToken(after)) => {
                self.begin(split(*after).0, answer.packet)?;
                Ok(false)
            }
            Some(Fault::CutAfterOctet(after)) => {
                let octets = whole();
                self.wire.send(&octets[..(*after).min(octets.len())])?;
                Ok(false)
            }
            Some(Fault::Garbage(after, garbage)) => {
                self.begin(split(*after).0, answer.packet)?;
                self.wire.send(garbage)?;
                self.wait(None)?;
                Ok(false)
            }
            Some(Fault::Late) => match self.wait(None)? {
                Wait::Cancelled => {
                    self.wire.send(&whole())?;
                    self.follow(&answer.tokens);
                    self.cancelled().map(|()| true)
                }
                _ => Ok(false),
            },
        }
    }

    /// The beginning of an answer.
    fn begin(&mut self, first: &[u8], packet: usize) -> Result<()> {
        if first.is_empty() { Ok(()) } else { self.wire.send(&packets(first, packet, false)) }
    }

    /// What a client does in the meantime. It may cancel, and nothing else.
    fn wait(&mut self, time: Option<Duration>) -> Result<Wait> {
        let began = Instant::now();
        loop {
            let left = time.map(|time| time.saturating_sub(began.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Wait::Over);
            }
            if self.state.is_over.load(Ordering::Relaxed) {
                return Ok(Wait::Alone);
            }
            match self.wire.hear(Some(left.map_or(TICK, |left| left.min(TICK))))? {
                Heard::Message(message) => match self.read(&message).ask {
                    Ask::Attention => return Ok(Wait::Cancelled),
                    other => panic!("{other:?} before the answer's end"),
                },
                Heard::Silence => {}
                Heard::End => return Ok(Wait::Alone),
            }
        }
    }

    /// Says that a cancellation was heard.
    fn cancelled(&mut self) -> Result<()> {
        let done = encode(&[Token::Done(Done::Statement, CANCELLED | FAILED, None)]).concat();
        self.wire.send(&packets(&done, done.len(), true))
    }

    /// The transaction that these tokens leave open.
    fn follow(&mut self, tokens: &[Token]) {
        for token in tokens {
            match token {
                Token::Change(Change::Begin(number)) => self.transaction = Some(*number),
                Token::Change(Change::Commit(_) | Change::Rollback(_)) => self.transaction = None,
                _ => {}
            }
        }
    }
}

/// The options of a prelogin's answer: version, encryption, instance, thread, MARS, and whether a token is taken.
fn options(encryption: u8, by_token: bool) -> Vec<u8> {
    let mut options: Vec<(u8, &[u8])> = vec![
        (0, &[16, 0, 0x10, 0, 0, 0]),
        (1, std::slice::from_ref(&encryption)),
        (2, &[0]),
        (3, &[]),
        (4, &[0]),
    ];
    options.extend(by_token.then_some((6, &[1][..])));
    let mut at = options.len() * 5 + 1;
    let mut octets = Vec::new();
    for (kind, value) in &options {
        octets.push(*kind);
        octets.extend((at as u16).to_be_bytes());
        octets.extend((value.len() as u16).to_be_bytes());
        at += value.len();
    }
    octets.push(0xff);
    octets.extend(options.iter().flat_map(|(_, value)| *value));
    octets
}

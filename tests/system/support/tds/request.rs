//! What a client asks ([MS-TDS] sections 2.2.6 and 2.2.1.6), as plain values.

use super::octets::{Reader, text};
use super::value::{Value, parameter};
use super::wire::Message;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of all requests to this endpoint, from 1.
    pub number: u64,
    /// Of all connections to this endpoint, from 1.
    pub connection: usize,
    /// The descriptor of the transaction that it is a part of.
    pub transaction: Option<u64>,
    pub ask: Ask,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Prelogin(Prelogin),
    Login(Login),
    Batch(String),
    /// `sp_executesql`, or another procedure by its name.
    Call(Call),
    /// A transaction of this isolation, by its number in the protocol.
    Begin(u8),
    Commit,
    Rollback,
    /// The request before it is to end.
    Attention,
}

/// What a client says of encryption, and whether it logs in by a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Prelogin {
    pub encryption: u8,
    pub by_token: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Login {
    pub user: String,
    pub password: String,
    pub application: String,
    pub server: String,
    pub database: String,
    pub packet_size: u32,
    /// Whether the client says that it only reads.
    pub only_reads: bool,
    pub token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The statement; of another procedure the name.
    pub text: String,
    /// `@P1 int,@P2 nvarchar(4000)`
    pub declarations: String,
    /// Names and values.
    pub parameters: Vec<(String, Value)>,
}

const SP_EXECUTESQL: u16 = 10;

// === impl Request ===

impl Request {
    /// Reads a message. Ends loudly when it is none that a client may send.
    pub(super) fn read(number: u64, connection: usize, message: &Message) -> Self {
        let mut reader = Reader(&message.content);
        let mut transaction = None;
        let mut in_transaction = |reader: &mut Reader| transaction = descriptor(reader);
        let ask = match message.kind {
            Message::PRELOGIN => Ask::Prelogin(prelogin(&message.content)),
            Message::LOGIN => Ask::Login(login(&message.content)),
            Message::ATTENTION => Ask::Attention,
            Message::BATCH => {
                in_transaction(&mut reader);
                Ask::Batch(text(reader.0))
            }
            Message::CALL => {
                in_transaction(&mut reader);
                Ask::Call(call(&mut reader))
            }
            Message::TRANSACTION => {
                in_transaction(&mut reader);
                match reader.u16() {
                    5 => Ask::Begin(reader.u8()),
                    7 => Ask::Commit,
                    8 => Ask::Rollback,
                    other => panic!("a transaction's request {other}"),
                }
            }
            other => panic!("a message of the type {other}"),
        };
        Self { number, connection, transaction, ask }
    }

    /// The text of a statement.
    pub fn text(&self) -> Option<&str> {
        match &self.ask {
            Ask::Batch(text) => Some(text),
            Ask::Call(call) => Some(&call.text),
            _ => None,
        }
    }

    /// The parameter with this number, from 1.
    pub fn parameter(&self, number: usize) -> Option<&Value> {
        match &self.ask {
            Ask::Call(call) => call.parameters.get(number - 1).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// The transaction's descriptor, from the headers of a request; none when it is in none.
fn descriptor(reader: &mut Reader) -> Option<u64> {
    let length = reader.u32() as usize;
    let mut headers = Reader(reader.take(length - 4));
    let (_, kind) = (headers.u32(), headers.u16());
    assert_eq!(kind, 2, "the header of a transaction");
    Some(headers.u64()).filter(|descriptor| *descriptor != 0)
}

fn call(reader: &mut Reader) -> Call {
    let name = match reader.u16() {
        u16::MAX => match reader.u16() {
            SP_EXECUTESQL => None,
            other => panic!("the procedure {other}"),
        },
        units => Some(text(reader.take(usize::from(units) * 2))),
    };
    reader.u16();
    let mut parameters = Vec::new();
    while !reader.0.is_empty() {
        let name = reader.short_text();
        reader.u8();
        parameters.push((name, parameter(reader)));
    }
    match name {
        Some(text) => Call { text, declarations: String::new(), parameters },
        None => {
            let values = parameters.split_off(2.min(parameters.len()));
            let [(_, Value::Text(text)), (_, declared)] = &parameters[..] else {
                panic!("no statement: {parameters:?}")
            };
            let declarations = match declared {
                Value::Text(text) => text.clone(),
                _ => String::new(),
            };
            Call { text: text.clone(), declarations, parameters: values }
        }
    }
}

fn prelogin(content: &[u8]) -> Prelogin {
    let mut asked = Prelogin { encryption: 2, by_token: false };
    let mut options = content;
    while let [kind, a, b, c, d, rest @ ..] = options {
        if *kind == 0xff {
            break;
        }
        let (at, length) = (u16::from_be_bytes([*a, *b]).into(), u16::from_be_bytes([*c, *d]).into());
        let value: &[u8] = &content[at..][..length];
        match kind {
            1 => asked.encryption = value[0],
            6 => asked.by_token = value[0] == 1,
            _ => {}
        }
        options = rest;
    }
    asked
}

fn login(content: &[u8]) -> Login {
    let number = |at: usize| usize::from(u16::from_le_bytes([content[at], content[at + 1]]));
    let octets = |at: usize| &content[number(at)..][..number(at + 2) * 2];
    let of = |at: usize| text(octets(at));
    let plain: Vec<u8> = octets(44).iter().map(|octet| (octet ^ 0xa5).rotate_left(4)).collect();
    let (flags, more_flags) = (content[26], content[27]);
    let token = (more_flags & 0x10 != 0).then(|| {
        let extension = &content[number(56)..][..4];
        let at = u32::from_le_bytes(extension.try_into().unwrap()) as usize;
        let mut features = Reader(&content[at..]);
        assert_eq!(features.u8(), 2, "a token");
        features.u32();
        features.u8();
        let length = features.u32() as usize;
        text(features.take(length))
    });
    Login {
        user: of(40),
        password: text(&plain),
        application: of(48),
        server: of(52),
        database: of(68),
        packet_size: u32::from_le_bytes(content[8..12].try_into().unwrap()),
        only_reads: flags & 0x20 != 0,
        token,
    }
}

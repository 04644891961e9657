//! The tokens of an answer ([MS-TDS] section 2.2.7).

use super::octets::{long_text, short_text};
use super::value::{COLLATION, Type, Value};

/// A token.
#[derive(Clone, Debug)]
pub enum Token {
    /// COLMETADATA: the names and types of the columns of the rows that follow.
    Columns(Vec<(String, Type)>),
    Row(Vec<Value>),
    /// NBCROW: which are null stands before them.
    CompressedRow(Vec<Value>),
    /// DONE, DONEPROC or DONEINPROC, with what it says ([`MORE`] and so on) and how many rows.
    Done(Done, u16, Option<u64>),
    Error(Message),
    Info(Message),
    /// ENVCHANGE.
    Change(Change),
    ReturnStatus(i32),
    /// A parameter's value after a procedure.
    ReturnValue(String, Type, Value),
    LoginAck,
    /// FEATUREEXTACK of a token that was taken.
    LoginByTokenAck,
    /// Whatever octets.
    Octets(Vec<u8>),
}

/// What is done: a statement of a batch, of a procedure, or the procedure.
#[derive(Clone, Copy, Debug)]
pub enum Done {
    Statement = 0xfd,
    Procedure = 0xfe,
    InProcedure = 0xff,
}

/// More follows in this answer.
pub const MORE: u16 = 0x01;
/// The statement failed.
pub const FAILED: u16 = 0x02;
const COUNTED: u16 = 0x10;
/// The client's cancellation is heard.
pub const CANCELLED: u16 = 0x20;

/// An error or a message.
#[derive(Clone, Debug)]
pub struct Message {
    pub number: i32,
    /// Up to 10 a message, from 20 on the connection ends.
    pub class: u8,
    pub text: String,
}

/// What is other from now on.
#[derive(Clone, Debug)]
pub enum Change {
    Database(String),
    PacketSize(u16),
    Collation,
    /// A transaction with this descriptor began.
    Begin(u64),
    /// It ended.
    Commit(u64),
    Rollback(u64),
    /// Whom the client must ask in this one's place.
    Routing(String, u16),
}

/// The octets of each token.
pub fn encode(tokens: &[Token]) -> Vec<Vec<u8>> {
    let mut columns = &Vec::new();
    let mut encoded = Vec::new();
    for token in tokens {
        if let Token::Columns(of_these) = token {
            columns = of_these;
        }
        encoded.push(token.octets(columns));
    }
    encoded
}

// === impl Token ===

impl Token {
    fn octets(&self, columns: &[(String, Type)]) -> Vec<u8> {
        match self {
            Self::Columns(columns) => metadata(columns),
            Self::Row(values) => [vec![0xd1], row(columns, values)].concat(),
            Self::CompressedRow(values) => [vec![0xd2], compressed(columns, values)].concat(),
            Self::Done(kind, status, count) => done(*kind, *status, *count),
            Self::Error(message) => [vec![0xaa], sized(message.octets())].concat(),
            Self::Info(message) => [vec![0xab], sized(message.octets())].concat(),
            Self::Change(change) => [vec![0xe3], sized(change.octets())].concat(),
            Self::ReturnStatus(status) => [&[0x79][..], &status.to_le_bytes()].concat(),
            Self::ReturnValue(name, kind, value) => {
                let head = [&[0xac, 0, 0][..], &short_text(name), &[1], &[0; 6]].concat();
                [head, kind.octets(), kind.framed(value)].concat()
            }
            Self::LoginAck => {
                // T-SQL, TDS 7.4, and a server of version 16.
                let version = [16, 0, 0x10, 0];
                let content = [&[1, 0x74, 0, 0, 4][..], &short_text("Gantry's tests"), &version].concat();
                [vec![0xad], sized(content)].concat()
            }
            Self::LoginByTokenAck => vec![0xae, 2, 0, 0, 0, 0, 0xff],
            Self::Octets(octets) => octets.clone(),
        }
    }
}

fn metadata(columns: &[(String, Type)]) -> Vec<u8> {
    let mut octets = vec![0x81];
    octets.extend((columns.len() as u16).to_le_bytes());
    for (name, kind) in columns {
        // No type of a user's, can be null.
        octets.extend([0, 0, 0, 0, 1, 0]);
        octets.extend(kind.octets());
        octets.extend(short_text(name));
    }
    octets
}

fn row(columns: &[(String, Type)], values: &[Value]) -> Vec<u8> {
    assert_eq!(columns.len(), values.len(), "{values:?}");
    columns.iter().zip(values).flat_map(|((_, kind), value)| kind.framed(value)).collect()
}

fn compressed(columns: &[(String, Type)], values: &[Value]) -> Vec<u8> {
    assert_eq!(columns.len(), values.len(), "{values:?}");
    let mut octets = vec![0; values.len().div_ceil(8)];
    for (at, ((_, kind), value)) in columns.iter().zip(values).enumerate() {
        match value {
            Value::Null => octets[at / 8] |= 1 << (at % 8),
            _ => octets.extend(kind.framed(value)),
        }
    }
    octets
}

fn done(kind: Done, status: u16, count: Option<u64>) -> Vec<u8> {
    let status = status | if count.is_some() { COUNTED } else { 0 };
    let mut octets = vec![kind as u8];
    octets.extend(status.to_le_bytes());
    octets.extend([0xc1, 0]);
    octets.extend(count.unwrap_or_default().to_le_bytes());
    octets
}

fn sized(content: Vec<u8>) -> Vec<u8> {
    [(content.len() as u16).to_le_bytes().to_vec(), content].concat()
}

// === impl Message, Change ===

impl Message {
    fn octets(&self) -> Vec<u8> {
        let mut octets = self.number.to_le_bytes().to_vec();
        octets.extend([1, self.class]);
        octets.extend(long_text(&self.text));
        octets.extend(short_text("endpoint"));
        octets.extend(short_text(""));
        octets.extend(1_u32.to_le_bytes());
        octets
    }
}

impl Change {
    fn octets(&self) -> Vec<u8> {
        let descriptor = |number: &u64| [&[8][..], &number.to_le_bytes()].concat();
        match self {
            Self::Database(name) => [vec![1], short_text(name), short_text("master")].concat(),
            Self::PacketSize(size) => [vec![4], short_text(&size.to_string()), short_text("4096")].concat(),
            Self::Collation => [&[7, 5][..], &COLLATION, &[0]].concat(),
            Self::Begin(number) => [vec![8], descriptor(number), vec![0]].concat(),
            Self::Commit(number) => [vec![9, 0], descriptor(number)].concat(),
            Self::Rollback(number) => [vec![10, 0], descriptor(number)].concat(),
            Self::Routing(host, port) => {
                let route = [&[0][..], &port.to_le_bytes(), &long_text(host)].concat();
                [vec![20], sized(route), vec![0, 0]].concat()
            }
        }
    }
}

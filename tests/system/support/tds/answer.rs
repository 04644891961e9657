//! What the endpoint answers, and which fault it commits in doing so.

use std::time::Duration;

use super::request::{Ask, Request};
use super::token::{Change, Done, FAILED, MORE, Message, Token, encode};
use super::value::{Type, Value};

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub tokens: Vec<Token>,
    pub(super) fault: Option<Fault>,
    /// Whether the connection is closed after it.
    pub(super) closes: bool,
    /// The most octets in a packet.
    pub(super) packet: usize,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// After so many tokens nothing comes for this time, or ever.
    Stall(usize, Option<Duration>),
    /// The connection is closed after so many tokens.
    CutAfterToken(usize),
    /// Or after so many octets, those of the packets' headers too.
    CutAfterOctet(usize),
    /// After so many tokens come these octets, which are no packet.
    Garbage(usize, Vec<u8>),
    /// All of it comes after the client has cancelled, and the answer to that after it.
    Late,
}

/// The result of one statement.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Columns and rows.
    Rows(Vec<(String, Type)>, Vec<Vec<Value>>),
    /// So many rows are other now.
    Changed(u64),
    Error(Message),
}

// === impl Outcome ===

impl Outcome {
    /// One row, its columns without names.
    pub fn row(values: impl IntoIterator<Item = (Type, Value)>) -> Self {
        let (types, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        Self::Rows(types.into_iter().map(|kind| (String::new(), kind)).collect(), vec![values])
    }

    pub fn error(number: i32, class: u8, text: &str) -> Self {
        Self::Error(Message { number, class, text: text.to_owned() })
    }
}

// === impl Request ===

impl Request {
    /// The answer of a server where all is well. A statement has touched no row.
    pub fn usual(&self) -> Answer {
        match &self.ask {
            // The conversation knows how it encrypts, and answers these itself; a script can add a fault.
            Ask::Prelogin(_) | Ask::Attention => Answer::of(Vec::new()),
            Ask::Login(login) => {
                let mut tokens = vec![
                    Token::Change(Change::Database(login.database.clone())),
                    Token::Info(Message { number: 5701, class: 0, text: "Changed database context".into() }),
                    Token::Change(Change::Collation),
                    Token::LoginAck,
                ];
                tokens.extend(login.token.is_some().then_some(Token::LoginByTokenAck));
                tokens.push(Token::Change(Change::PacketSize(4096)));
                tokens.push(Token::Done(Done::Statement, 0, None));
                Answer::of(tokens)
            }
            Ask::Begin(_) => self.changes(Change::Begin(self.number)),
            Ask::Commit => self.changes(Change::Commit(self.transaction.unwrap())),
            Ask::Rollback => self.changes(Change::Rollback(self.transaction.unwrap())),
            Ask::Batch(_) | Ask::Call(_) => self.answer([Outcome::Changed(0)]),
        }
    }

    fn changes(&self, change: Change) -> Answer {
        Answer::of(vec![Token::Change(change), Token::Done(Done::Statement, 0, None)])
    }

    /// The answer with these results, framed as the request's kind wants them. After an error of class 20 or more the
    /// connection ends; one that ends a transaction says so.
    pub fn answer(&self, outcomes: impl IntoIterator<Item = Outcome>) -> Answer {
        let is_call = matches!(self.ask, Ask::Call(_));
        let done = if is_call { Done::InProcedure } else { Done::Statement };
        let (mut tokens, mut failed, mut closes) = (Vec::new(), 0, false);
        for outcome in outcomes {
            match outcome {
                Outcome::Rows(columns, rows) => {
                    let count = rows.len() as u64;
                    tokens.push(Token::Columns(columns));
                    tokens.extend(rows.into_iter().map(|row| match row.contains(&Value::Null) {
                        true => Token::CompressedRow(row),
                        false => Token::Row(row),
                    }));
                    tokens.push(Token::Done(done, MORE, Some(count)));
                }
                Outcome::Changed(count) => tokens.push(Token::Done(done, MORE, Some(count))),
                Outcome::Error(message) => {
                    (failed, closes) = (FAILED, closes || message.class >= 20);
                    tokens.push(Token::Error(message));
                    tokens.push(Token::Done(done, MORE | FAILED, None));
                }
            }
        }
        match tokens.last_mut() {
            _ if is_call => {
                tokens.push(Token::ReturnStatus(i32::from(failed != 0)));
                tokens.push(Token::Done(Done::Procedure, failed, None));
            }
            Some(Token::Done(_, status, _)) => *status &= !MORE,
            _ => tokens.push(Token::Done(done, 0, None)),
        }
        Answer { closes, ..Answer::of(tokens) }
    }

    /// An error, and nothing else.
    pub fn error(&self, number: i32, class: u8, text: &str) -> Answer {
        self.answer([Outcome::error(number, class, text)])
    }

    /// The victim of a deadlock: the transaction is rolled back.
    pub fn deadlock(&self) -> Answer {
        let mut answer = self.error(1205, 13, "Transaction was deadlocked and has been chosen as the victim");
        let rolled_back = self.transaction.map(|number| Token::Change(Change::Rollback(number)));
        answer.tokens.splice(1..1, rolled_back);
        answer
    }

    /// The login is refused; a server closes then.
    pub fn refused(&self, number: i32, text: &str) -> Answer {
        let error = Message { number, class: 14, text: text.to_owned() };
        let done = Token::Done(Done::Statement, FAILED, None);
        Answer { closes: true, ..Answer::of(vec![Token::Error(error), done]) }
    }

    /// Somebody else is to be asked, at this address.
    pub fn routed(&self, host: &str, port: u16) -> Answer {
        let mut answer = self.usual();
        let last = answer.tokens.len() - 1;
        answer.tokens.insert(last, Token::Change(Change::Routing(host.to_owned(), port)));
        answer
    }
}

// === impl Answer ===

impl Answer {
    pub fn of(tokens: Vec<Token>) -> Self {
        Self { tokens, fault: None, closes: false, packet: 4_000 }
    }

    /// In packets of so many octets.
    pub fn in_packets_of(self, octets: usize) -> Self {
        Self { packet: octets, ..self }
    }

    /// Nothing comes for this time after so many tokens.
    pub fn stalls(self, after: usize, time: Duration) -> Self {
        self.with(Fault::Stall(after, Some(time)))
    }

    /// Nothing comes any more after so many tokens.
    pub fn hangs(self, after: usize) -> Self {
        self.with(Fault::Stall(after, None))
    }

    /// The connection is closed after so many tokens.
    pub fn cut_after_token(self, after: usize) -> Self {
        self.with(Fault::CutAfterToken(after))
    }

    /// The connection is closed after so many octets.
    pub fn cut_after_octet(self, after: usize) -> Self {
        self.with(Fault::CutAfterOctet(after))
    }

    /// After so many tokens these octets come, and nothing any more.
    pub fn turns_into(self, after: usize, garbage: &[u8]) -> Self {
        self.with(Fault::Garbage(after, garbage.to_vec()))
    }

    /// It comes when the client has given up waiting.
    pub fn comes_late(self) -> Self {
        self.with(Fault::Late)
    }

    fn with(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// How many octets it has, those of the packets' headers too.
    pub fn length(&self) -> usize {
        super::wire::packets(&encode(&self.tokens).concat(), self.packet, true).len()
    }
}

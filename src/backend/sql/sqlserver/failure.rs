//! What SQL Server's errors mean. By number and class, never by text: the text is for the log.

use tiberius::error::{Error, TokenError};

use crate::backend::Failure;
use crate::plan::Plan;

/// Errors of this class and above end the connection.
const FATAL_CLASS: u8 = 20;
/// A foreign key or a check does not permit it.
const FOREIGN_KEY: u32 = 547;
/// Numbers that are an application's own, by RAISERROR or THROW; Babelfish has some of its own above.
const OWN: std::ops::Range<u32> = 50_000..33_000_000;

/// Why a request was not answered as it should be.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server's error. The answer was read to its end, and the connection can be used again.
    Server(TokenError),
    /// The connection is of no use any more.
    Lost(String),
    /// The answer did not come in time; the connection is of no use any more.
    Late,
    /// Nothing was sent, or what came is no value.
    Other(Failure),
}

// === impl Trouble ===

impl From<Error> for Trouble {
    /// tiberius answers an error of the server only after it has read all of the answer.
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) if error.class() < FATAL_CLASS => Self::Server(error),
            other => Self::Lost(other.to_string()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Server(error) => failure(&error),
            Trouble::Lost(cause) => Self::Unavailable(cause),
            Trouble::Other(failure) => failure,
            Trouble::Late => Self::Unavailable("no answer in time".to_owned()),
        }
    }
}

/// What an error of the server means.
pub(super) fn failure(error: &TokenError) -> Failure {
    let cause = described(error);
    let rejected = |detail: &str| Failure::Rejected(detail.to_owned(), cause.clone());
    match error.code() {
        2627 | 2601 => Failure::Uniqueness(cause),
        FOREIGN_KEY => rejected("The database lacks what a value refers to, or does not take it."),
        515 => rejected("A value that the database requires is absent."),
        8152 | 2628 => rejected("A value is too long to be stored."),
        220 | 8115 => rejected("A number is too large to be stored."),
        241 | 242 | 245 | 8114 | 8169 => {
            rejected("A value is not of the kind that the database stores there.")
        }
        // A deadlock, or a snapshot that another write overtook: the whole transaction once more.
        1205 | 3960 => Failure::Conflict(cause),
        229 | 230 | 262 | 297 | 300 | 916 => Failure::Forbidden(cause),
        // The login or the database, a lock that was not given in time, and what Azure SQL says of a moment's trouble.
        18452 | 18456 | 18470 | 4060 | 911 | 1222 | 615 | 4221 | 10928 | 10929 | 40197 | 40501 | 40613
        | 49918 | 49919 | 49920 => Failure::Unavailable(cause),
        own if OWN.contains(&own) => Failure::Raised(own, cause),
        _ => Failure::Internal(cause),
    }
}

/// The same of a step of this plan.
pub(super) fn of_plan(trouble: Trouble, plan: &Plan) -> Failure {
    match trouble {
        Trouble::Server(error) if error.code() == FOREIGN_KEY && plan.only_deletes_rows() => {
            Failure::Referred(described(&error))
        }
        other => other.into(),
    }
}

/// For the log.
pub(super) fn described(error: &TokenError) -> String {
    let place = match error.procedure() {
        "" => String::new(),
        procedure => format!(" in {procedure}"),
    };
    format!("error {} of class {}{place}: {}", error.code(), error.class(), error.message())
}

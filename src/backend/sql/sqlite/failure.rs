//! What SQLite's errors mean. By code, never by text: the text is for the log.

use rusqlite::ffi::{self, ErrorCode};

use crate::backend::Failure;
use crate::plan::Plan;

/// What went wrong, for the gateway.
pub(super) fn failure(error: &rusqlite::Error) -> Failure {
    let cause = error.to_string();
    let rusqlite::Error::SqliteFailure(code, _) = error else { return Failure::Internal(cause) };
    match (code.code, code.extended_code) {
        (ErrorCode::ConstraintViolation, extended) => constraint(extended, cause),
        (ErrorCode::TooBig, _) => Failure::Rejected("A value is too long to be stored.".to_owned(), cause),
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted, _) => {
            Failure::Unavailable(cause)
        }
        (
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied,
            _,
        ) => {
            tracing::error!(cause, "the database cannot be used");
            Failure::Unavailable(cause)
        }
        _ => Failure::Internal(cause),
    }
}

/// The same of a step of this plan.
pub(super) fn of_plan(error: &rusqlite::Error, plan: &Plan) -> Failure {
    let is_foreign_key = |code: &ffi::Error| code.extended_code == ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
    match error {
        rusqlite::Error::SqliteFailure(code, _) if is_foreign_key(code) && plan.only_deletes_rows() => {
            Failure::Referred(error.to_string())
        }
        other => failure(other),
    }
}

fn constraint(extended: i32, cause: String) -> Failure {
    match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            Failure::Uniqueness(cause)
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => {
            Failure::Rejected("A value that the database requires is absent.".to_owned(), cause)
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            Failure::Rejected("The database lacks what a value refers to.".to_owned(), cause)
        }
        _ => Failure::Rejected("A value is not one that the database takes.".to_owned(), cause),
    }
}

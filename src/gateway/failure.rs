//! Why a request's way ended early, and the one place that makes a SCIM error of a backend's failure. The
//! client gets what helps it; the cause goes to the log, under the request's id.

use crate::backend::Failure;
use crate::plan::Plan;
use crate::scim::error::{Error, ScimType};

/// Why a request's way ended early.
pub(super) enum Stop {
    /// The client's fault, or a mapping's.
    Scim(Error),
    /// The backend's.
    Backend(Failure),
    /// The dry run reached the plan.
    Planned(Plan),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Scim(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Backend(failure)
    }
}

/// What the client is told.
pub(super) fn answer(stop: Stop) -> Error {
    match stop {
        Stop::Scim(error) => error,
        Stop::Backend(failure) => of_backend(failure),
        Stop::Planned(_) => Error::internal("A plan was made where something should have been done."),
    }
}

fn of_backend(failure: Failure) -> Error {
    match &failure {
        Failure::NotFound(_)
        | Failure::Uniqueness(_)
        | Failure::Hidden(_)
        | Failure::Referred(_)
        | Failure::Rejected(..)
        | Failure::Refused(_) => {
            tracing::info!(cause = %failure, "the backend did not do it");
        }
        Failure::Internal(_) | Failure::Forbidden(_) => {
            tracing::error!(cause = %failure, "the backend failed")
        }
        _ => tracing::warn!(cause = %failure, "the backend failed"),
    }
    match failure {
        Failure::Unavailable(_) => {
            Error::unavailable("The system behind this target does not answer; try again.")
        }
        Failure::Unknown(_) => Error::unavailable(
            "The system behind this target did not say whether it was done; look, and try again.",
        ),
        Failure::Overtaken(_) => Error::unavailable("Many are creating the same; try again."),
        Failure::Conflict(_) => Error::unavailable("Others are changing the same resource; try again."),
        Failure::NotFound(_) => Error::not_found("There is no such resource."),
        Failure::Uniqueness(_) => Error::uniqueness("Another resource has a value that must be unique."),
        Failure::Hidden(_) => Error::uniqueness(
            "A resource that was deleted here has a value that must be unique; the system behind this target keeps it.",
        ),
        Failure::Referred(_) => Error::status(
            409,
            "It cannot be deleted: something else in the system behind this target still refers to it.",
        ),
        Failure::Rejected(detail, _) => Error::bad_request(ScimType::InvalidValue, detail),
        Failure::Refused(detail) => Error::forbidden(detail),
        Failure::TooMany(_) => {
            Error::too_many("More resources would have to be looked at than may be; narrow the filter.")
        }
        Failure::Forbidden(_) => {
            Error::forbidden("The gateway itself may not do this in the system behind this target.")
        }
        Failure::Internal(_) => {
            Error::internal("Something failed here; the log has the cause under this request's id.")
        }
    }
}

//! Why a request's way ended early, and the one place that makes a SCIM error of a backend's failure. The
//! client gets what helps it; the cause goes to the log, under the request's id.

use crate::backend::Failure;
use crate::plan::{Plan, Raised};
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
        | Failure::Raised(..)
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
        Failure::Raised(..) => {
            Error::bad_request(ScimType::InvalidValue, "The system behind this target refuses this.")
        }
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

/// The error that the mapping makes of a number, in its words or in ours.
pub(super) fn of_raised(raised: &Raised) -> Error {
    let said = |ours: &str| raised.detail.as_deref().unwrap_or(ours).to_owned();
    match ScimType::from_name(&raised.scim_type) {
        Some(ScimType::Uniqueness) => {
            Error::uniqueness(said("Another resource has a value that must be unique."))
        }
        Some(ScimType::Mutability) => {
            Error::mutability(said("The system behind this target does not let this be changed."))
        }
        Some(kind) => Error::bad_request(
            kind,
            said("The system behind this target does not take what was sent, by a rule of its own."),
        ),
        None => Error::internal("The mapping gives an error a kind that SCIM does not have."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_procedure_raises_is_told_in_the_mappings_words_or_in_ours() {
        let answered = |kind: &str, detail: Option<&str>| {
            of_raised(&Raised { scim_type: kind.into(), detail: detail.map(Into::into) })
        };
        for (kind, status) in
            [("uniqueness", 409), ("mutability", 400), ("invalidValue", 400), ("noTarget", 400)]
        {
            let error = answered(kind, None);
            assert_eq!((error.status, error.scim_type.map(ScimType::name)), (status, Some(kind)));
            assert!(error.detail.ends_with('.'), "{}", error.detail);
            assert_eq!(answered(kind, Some("No.")).detail, "No.");
        }
        // Of a number that the mapping does not know the client hears nothing but that.
        let error = answer(Failure::Raised(50_009, "Msg 50009 in dbo.usp_UserAdd".to_owned()).into());
        assert_eq!((error.status, error.detail.contains("usp")), (400, false));
    }
}

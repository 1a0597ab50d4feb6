//! The one error type of the house, and the codes that clients see.

use std::time::Duration;

/// What a method gives when it fails.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, sorted by what the client should do about it.
///
/// The text of [`Error::Unavailable`] and [`Error::Internal`] is for the log alone; every other text is one plain
/// sentence for a person.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument breaks a rule; `field` is its path, such as `input.username`.
    #[error("{message}")]
    BadUserInput { field: String, message: String },
    /// No valid session, or a login that failed.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The request was made for someone else than its session's user.
    #[error("Someone else is signed in here now; load the page again.")]
    ViewerChanged,
    /// The viewer may see the thing but not do this to it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// What the argument at `field` names does not exist, or the viewer may not know that it does.
    #[error("{message}")]
    NotFound {
        field: String,
        message: &'static str,
    },
    /// It clashes with what is there already; `field` is the argument's path.
    #[error("{message}")]
    Conflict { field: String, message: String },
    /// Too much in too short a time.
    #[error("{message}")]
    RateLimited {
        message: String,
        retry_after: Duration,
    },
    /// The stream cannot go on from here; the client loads its screen again.
    #[error(
        "Too much has happened since this cursor; load the screen again and subscribe from there."
    )]
    ResyncRequired,
    /// The store does not answer, or an operation took too long.
    #[error("The service is unavailable for the moment; try again soon.")]
    Unavailable(String),
    /// A fault of ours.
    #[error("Something went wrong on our side.")]
    Internal(String),
}

impl Error {
    /// A broken rule about the argument at `field`.
    pub fn bad_input(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadUserInput {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The argument at `field` names no user.
    pub fn no_user(field: impl Into<String>) -> Self {
        Self::not_found(field, "There is no such user.")
    }

    /// The argument at `field` names no conversation of the viewer's.
    pub fn no_conversation(field: impl Into<String>) -> Self {
        Self::not_found(field, "There is no such conversation.")
    }

    /// The argument at `field` names no message that it may name.
    pub fn no_message(field: impl Into<String>) -> Self {
        Self::not_found(field, "There is no such message.")
    }

    /// The argument at `field` names no session of the viewer's.
    pub fn no_session(field: impl Into<String>) -> Self {
        Self::not_found(field, "There is no such session.")
    }

    fn not_found(field: impl Into<String>, message: &'static str) -> Self {
        Self::NotFound {
            field: field.into(),
            message,
        }
    }

    /// A clash at the argument `field`.
    pub fn conflict(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Conflict {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The viewer is not signed in.
    pub const fn signed_out() -> Self {
        Self::Unauthenticated("Sign in first.")
    }

    /// The value of `extensions.code`, with the names that Apollo's clients know.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadUserInput { .. } => "BAD_USER_INPUT",
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::ViewerChanged => "VIEWER_CHANGED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Conflict { .. } => "CONFLICT",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::ResyncRequired => "RESYNC_REQUIRED",
            Self::Unavailable(_) => "SERVICE_UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }
}

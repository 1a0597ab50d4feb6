//! Why a command came to nothing.

use std::{fmt, path::Path};

use crate::{error::Error, store::OpenError};

/// One line for the person who gave the command, without any secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// From anything that can be shown; line breaks become spaces.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(OpenError::new(reason).0)
    }

    /// A file that cannot be worked with; `what` is what cannot be done to it.
    pub fn of_file(path: &Path, what: &str, error: &std::io::Error) -> Self {
        Self::new(format_args!("{} cannot be {what}: {error}", path.display()))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::new(error)
    }
}

/// An operator is told what clients are not.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(detail) | Error::Internal(detail) => Self::new(detail),
            other => Self::new(other),
        }
    }
}

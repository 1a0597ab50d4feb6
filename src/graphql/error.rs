//! Errors as clients see them: one place maps them all.

use serde::Serialize;

use crate::error::Error;

/// One entry of a response's `errors`.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorReply {
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathSegment>,
    pub extensions: ErrorExtensions,
}

/// What programs read of an error.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorExtensions {
    pub code: &'static str,
    /// The path of the argument that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Milliseconds to wait before trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The codes of what is wrong with a request before anything runs.
pub mod code {
    pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    pub const TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
    pub const NO_OPERATION: &str = "OPERATION_RESOLUTION_FAILURE";
    pub const BAD_REQUEST: &str = "BAD_REQUEST";
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    pub const NOT_PERSISTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
}

/// A line and a column of a document, from 1.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

impl Location {
    /// Of a byte of a text.
    pub(super) fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

/// A step on the way to a field of a response.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum PathSegment {
    Field(String),
    Index(usize),
}

impl ErrorReply {
    /// An error that belongs to no place in a document.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            locations: Vec::new(),
            path: Vec::new(),
            extensions: ErrorExtensions {
                code,
                field: None,
                retry_after_ms: None,
            },
        }
    }

    /// The same error, at these places of the document.
    pub fn at(mut self, locations: Vec<Location>) -> Self {
        self.locations = locations;
        self
    }
}

impl From<&Error> for ErrorReply {
    fn from(error: &Error) -> Self {
        match error {
            Error::Unavailable(detail) => {
                tracing::warn!(detail, "an operation found the store unavailable");
            }
            Error::Internal(detail) => tracing::error!(detail, "an operation failed"),
            _ => {}
        }
        let mut reply = Self::new(error.code(), error.to_string());
        match error {
            Error::BadUserInput { field, .. }
            | Error::NotFound { field, .. }
            | Error::Conflict { field, .. } => {
                reply.extensions.field = Some(field.clone());
            }
            Error::RateLimited { retry_after, .. } => {
                // Rounded up: a try that comes a part of a millisecond too early is refused again.
                let wait = retry_after.as_nanos().div_ceil(1_000_000);
                reply.extensions.retry_after_ms = Some(u64::try_from(wait).unwrap_or(u64::MAX));
            }
            _ => {}
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn whoever_waits_as_long_as_told_has_waited_long_enough() {
        for (nanoseconds, milliseconds) in [(1_000_000, 1), (1_000_001, 2), (1_999_999, 2)] {
            let reply = ErrorReply::from(&Error::RateLimited {
                message: "Wait.".to_owned(),
                retry_after: Duration::from_nanos(nanoseconds),
            });
            assert_eq!(reply.extensions.retry_after_ms, Some(milliseconds));
        }
    }
}

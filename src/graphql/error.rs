//! Errors as clients see them: one place maps them all.

use async_graphql::{Context, PathSegment, Pos, Result, ServerError};
use serde::Serialize;

use crate::error::Error;

/// One entry of a response's `errors`.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorReply {
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Pos>,
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

/// What a field that may be null gives. An error in it leaves null in its place and the rest of the response whole
/// (GraphQL specification, 6.4.4); a `Result<Option<T>>` would take the field's parent along.
pub(super) type Nullable<T> = Option<Result<T>>;

/// Waits for what a field that may be null gives.
pub(super) async fn nullable<T>(found: impl Future<Output = Result<Option<T>>>) -> Nullable<T> {
    found.await.transpose()
}

/// What a field gives that has several things to complain of: the first one. The response has the others behind it.
pub(super) fn all_of(ctx: &Context<'_>, errors: Vec<Error>) -> async_graphql::Error {
    let mut errors = errors.into_iter().map(async_graphql::Error::from);
    let first = errors.next();
    for error in errors {
        ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
    }
    first.unwrap_or_else(|| Error::Internal("a failure without an error".into()).into())
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
    pub fn at(mut self, locations: Vec<Pos>) -> Self {
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

impl From<ServerError> for ErrorReply {
    fn from(error: ServerError) -> Self {
        let mut reply = match error.source::<Error>() {
            Some(ours) => Self::from(ours),
            // What is left of an operation's own errors are values that do not fit their types.
            None if !error.path.is_empty() => Self::new(code::BAD_USER_INPUT, error.message),
            None => Self::new(code::VALIDATION_FAILED, error.message),
        };
        reply.locations = error.locations;
        reply.path = error.path;
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

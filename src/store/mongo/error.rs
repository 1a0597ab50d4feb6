//! What the driver's errors mean.

use mongodb::{
    bson::Document,
    error::{ErrorKind, RETRYABLE_WRITE_ERROR, WriteFailure},
};

use crate::error::Error;

/// The code of a unique index's refusal.
const DUPLICATE: i32 = 11_000;

/// Codes that say "not now": no primary, shutting down, a time limit, a majority that did not answer.
const PASSING: [i32; 22] = [
    6, 7, 18, 43, 50, 64, 89, 91, 100, 112, 133, 134, 189, 237, 246, 262, 9_001, 10_058, 10_107,
    11_600, 11_602, 13_435,
];

/// The error for a call that took too long.
pub(super) fn late() -> Error {
    Error::Unavailable("MongoDB did not answer in time".to_owned())
}

/// An error of the driver as one of ours.
pub(super) fn from_driver(failure: &mongodb::error::Error) -> Error {
    let passing = failure.contains_label(RETRYABLE_WRITE_ERROR)
        || match &*failure.kind {
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::Shutdown
            | ErrorKind::Write(WriteFailure::WriteConcernError(_)) => true,
            ErrorKind::Command(command) => is_passing(command.code),
            ErrorKind::Write(WriteFailure::WriteError(write)) => is_passing(write.code),
            ErrorKind::InsertMany(insert) => {
                insert.write_concern_error.is_some()
                    || insert
                        .write_errors
                        .iter()
                        .flatten()
                        .any(|write| is_passing(write.code))
            }
            _ => false,
        };
    let detail = format!("MongoDB: {}", failure.kind);
    if passing {
        Error::Unavailable(detail)
    } else {
        Error::Internal(detail)
    }
}

/// The name of the unique index that refused a write.
pub(super) fn clash(failure: &mongodb::error::Error) -> Option<&str> {
    match &*failure.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) if write.code == DUPLICATE => {
            index_in(&write.message)
        }
        _ => None,
    }
}

/// How an ordered insert of many was stopped by a unique index: at which document, and by which index.
pub(super) fn batch_clash(failure: &mongodb::error::Error) -> Option<(usize, &str)> {
    match &*failure.kind {
        ErrorKind::InsertMany(insert) if insert.write_concern_error.is_none() => {
            let first = insert
                .write_errors
                .iter()
                .flatten()
                .next()
                .filter(|write| write.code == DUPLICATE)?;
            Some((first.index, index_in(&first.message)?))
        }
        _ => None,
    }
}

/// Whether an insert of many, not ordered, failed in nothing but documents that were there already.
pub(super) fn is_only_duplicates(failure: &mongodb::error::Error) -> bool {
    match &*failure.kind {
        ErrorKind::InsertMany(insert) => {
            insert.write_concern_error.is_none()
                && insert
                    .write_errors
                    .iter()
                    .flatten()
                    .all(|write| write.code == DUPLICATE)
        }
        _ => false,
    }
}

/// Looks for what a reply to a bare command says failed, though the command as a whole did not.
pub(super) fn check_reply(reply: &Document) -> Result<(), Error> {
    if let Some(failure) = reply
        .get("writeErrors")
        .or_else(|| reply.get("writeConcernError"))
    {
        // All of these may be repeated, so whatever it is, it is worth another try.
        return Err(Error::Unavailable(format!("MongoDB: {failure}")));
    }
    Ok(())
}

/// What the log may know of an error.
pub(super) fn detail(error: &Error) -> String {
    match error {
        Error::Unavailable(detail) | Error::Internal(detail) => detail.clone(),
        other => other.to_string(),
    }
}

fn is_passing(code: i32) -> bool {
    PASSING.contains(&code)
}

/// `E11000 duplicate key error collection: chat.messages index: position dup key: { … }` gives `position`. The
/// driver keeps nothing better than this text.
fn index_in(message: &str) -> Option<&str> {
    message.split_once(" index: ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_found_whatever_the_value_says() {
        let message = "E11000 duplicate key error collection: a.messages index: sender_clientMessageId dup key: \
                       { clientMessageId: \" index: position dup key\" }";
        assert_eq!(index_in(message), Some("sender_clientMessageId"));
        assert_eq!(index_in("something else"), None);
    }
}

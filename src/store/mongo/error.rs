//! What the driver's errors mean.

use mongodb::{
    bson::Document,
    error::{ErrorKind, RETRYABLE_WRITE_ERROR, WriteFailure},
};

use crate::error::Error;

/// The code of a unique index's refusal.
const DUPLICATE: i32 = 11_000;

/// The code for what the server's user may not do.
pub(super) const UNAUTHORIZED: i32 = 13;

/// The code of a validator's refusal.
const DOCUMENT_VALIDATION_FAILURE: i32 = 121;

/// Codes that say "not now", by the names that the server gives them: no primary, shutting down, a time limit, a
/// majority that did not answer, too much to do.
const PASSING: [(i32, &str); 27] = [
    (6, "HostUnreachable"),
    (7, "HostNotFound"),
    (18, "AuthenticationFailed"),
    (24, "LockTimeout"),
    (43, "CursorNotFound"),
    (50, "MaxTimeMSExpired"),
    (64, "WriteConcernTimeout"),
    (89, "NetworkTimeout"),
    (91, "ShutdownInProgress"),
    (100, "UnsatisfiableWriteConcern"),
    (112, "WriteConflict"),
    (133, "FailedToSatisfyReadPreference"),
    (134, "ReadConcernMajorityNotAvailableYet"),
    (189, "PrimarySteppedDown"),
    (202, "NetworkInterfaceExceededTimeLimit"),
    (237, "CursorKilled"),
    (246, "SnapshotUnavailable"),
    (262, "ExceededTimeLimit"),
    (365, "TemporarilyUnavailable"),
    (9_001, "SocketException"),
    (10_058, "LegacyNotPrimary"),
    (10_107, "NotWritablePrimary"),
    (11_600, "InterruptedAtShutdown"),
    (11_601, "Interrupted"),
    (11_602, "InterruptedDueToReplStateChange"),
    (13_435, "NotPrimaryNoSecondaryOk"),
    (13_436, "NotPrimaryOrSecondary"),
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
        ErrorKind::Command(command) if command.code == DUPLICATE => index_in(&command.message),
        _ => None,
    }
}

/// Whether a command failed with this code.
pub(super) fn is_command(failure: &mongodb::error::Error, code: i32) -> bool {
    matches!(&*failure.kind, ErrorKind::Command(command) if command.code == code)
}

/// The first error of a bare write command's reply.
pub(super) fn first_write_error(reply: &Document) -> Option<&Document> {
    let errors = reply.get_array("writeErrors").ok()?;
    errors.first()?.as_document()
}

/// The keys of the unique index that refused a write, in their order; `None` for another error.
pub(super) fn clash_of(failure: &Document) -> Option<Vec<&str>> {
    let keys = failure.get_document("keyPattern").ok();
    let keys = keys.filter(|_| failure.get_i32("code").ok() == Some(DUPLICATE))?;
    Some(keys.keys().map(String::as_str).collect())
}

/// An error of a bare write command's reply as one of ours.
pub(super) fn from_write_error(failure: &Document) -> Error {
    let code = failure.get_i32("code").unwrap_or_default();
    let reason = failure.get_str("errmsg").unwrap_or_default();
    // The text of a refusal by an index or a validator may quote the document.
    let detail = match code {
        DUPLICATE | DOCUMENT_VALIDATION_FAILURE => format!("MongoDB refused a write ({code})"),
        _ => format!("MongoDB refused a write ({code}): {reason}"),
    };
    if is_passing(code) {
        Error::Unavailable(detail)
    } else {
        Error::Internal(detail)
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
    PASSING.iter().any(|(passing, _)| *passing == code)
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

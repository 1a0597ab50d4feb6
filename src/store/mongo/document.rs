//! How values stand in documents: ids as binary UUIDs, instants as dates, counters as 64-bit integers.

use mongodb::bson::{
    Binary, Bson, DateTime, RawArray, RawDocument, doc,
    raw::{RawBinaryRef, RawBsonRef},
    spec::BinarySubtype,
};
use uuid::Uuid;

use crate::{
    domain::{Fingerprint, Lane, Pair, Position, Timestamp, UserId},
    error::{Error, Result},
    store::broken,
};

/// An id as a value.
pub(super) fn id(id: Uuid) -> Bson {
    Binary {
        subtype: BinarySubtype::Uuid,
        bytes: id.as_bytes().to_vec(),
    }
    .into()
}

/// An id as a value of a raw document.
pub(super) fn raw_id(id: &Uuid) -> RawBinaryRef<'_> {
    RawBinaryRef {
        subtype: BinarySubtype::Uuid,
        bytes: id.as_bytes(),
    }
}

/// Ids as an array.
pub(super) fn ids(ids: impl IntoIterator<Item = Uuid>) -> Bson {
    ids.into_iter().map(id).collect::<Vec<_>>().into()
}

/// A lane as a value: its number.
pub(super) fn lane(lane: Lane) -> Bson {
    i64::try_from(lane.number()).unwrap_or(i64::MAX).into()
}

/// What lies behind a position in its lane.
pub(super) fn behind(position: Position) -> Bson {
    doc! { "$gt": position.0, "$lte": position.lane().end().0 }.into()
}

/// An instant as a date.
pub(super) fn time(at: Timestamp) -> Bson {
    DateTime::from_millis(at.0).into()
}

/// A fingerprint as a value.
pub(super) fn fingerprint(fingerprint: Fingerprint) -> Bson {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: fingerprint.0.to_vec(),
    }
    .into()
}

/// A pair as one value: both ids, the smaller one first.
pub(super) fn pair(pair: Pair) -> Bson {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: pair.to_bytes().to_vec(),
    }
    .into()
}

/// The pair in a value.
pub(super) fn read_pair(value: RawBsonRef<'_>) -> Option<Pair> {
    Pair::from_bytes(value.as_binary()?.bytes)
}

/// What a document holds under a key; a missing or foreign value is an error that names the key.
pub(super) trait Fields {
    /// An id.
    fn id(&self, key: &str) -> Result<Uuid>;
    /// An id that may be missing.
    fn id_if_any(&self, key: &str) -> Result<Option<Uuid>>;
    /// A counter that may be missing.
    fn number_if_any(&self, key: &str) -> Result<Option<i64>>;
    /// A counter.
    fn number(&self, key: &str) -> Result<i64>;
    /// A counter that is 0 when it was never set.
    fn number_or_zero(&self, key: &str) -> Result<i64>;
    /// A text.
    fn text(&self, key: &str) -> Result<&str>;
    /// A text that may be missing.
    fn text_if_any(&self, key: &str) -> Result<Option<&str>>;
    /// An instant.
    fn time(&self, key: &str) -> Result<Timestamp>;
    /// An instant that may be missing.
    fn time_if_any(&self, key: &str) -> Result<Option<Timestamp>>;
    /// A document inside.
    fn document(&self, key: &str) -> Result<&RawDocument>;
    /// An array.
    fn array(&self, key: &str) -> Result<&RawArray>;
}

impl Fields for RawDocument {
    fn id(&self, key: &str) -> Result<Uuid> {
        required(self, key, read_id)
    }

    fn id_if_any(&self, key: &str) -> Result<Option<Uuid>> {
        optional(self, key, read_id)
    }

    fn number_if_any(&self, key: &str) -> Result<Option<i64>> {
        // A group of documents without it has a null.
        optional(self, key, |value| match value {
            RawBsonRef::Null => Some(None),
            value => read_number(value).map(Some),
        })
        .map(Option::flatten)
    }

    fn number(&self, key: &str) -> Result<i64> {
        required(self, key, read_number)
    }

    fn number_or_zero(&self, key: &str) -> Result<i64> {
        Ok(self.number_if_any(key)?.unwrap_or(0))
    }

    fn text(&self, key: &str) -> Result<&str> {
        required(self, key, RawBsonRef::as_str)
    }

    fn text_if_any(&self, key: &str) -> Result<Option<&str>> {
        optional(self, key, RawBsonRef::as_str)
    }

    fn time(&self, key: &str) -> Result<Timestamp> {
        required(self, key, read_time)
    }

    fn time_if_any(&self, key: &str) -> Result<Option<Timestamp>> {
        optional(self, key, read_time)
    }

    fn document(&self, key: &str) -> Result<&RawDocument> {
        required(self, key, RawBsonRef::as_document)
    }

    fn array(&self, key: &str) -> Result<&RawArray> {
        required(self, key, RawBsonRef::as_array)
    }
}

/// The user ids in documents' `user` field.
pub(super) fn user_id(document: &RawDocument) -> Result<UserId> {
    document.id("user").map(UserId)
}

/// The id in a value.
pub(super) fn read_id(value: RawBsonRef<'_>) -> Option<Uuid> {
    Uuid::from_slice(value.as_binary()?.bytes).ok()
}

/// The counter in a value; a 32-bit one, as people type it into a shell, is as good.
pub(super) fn read_number(value: RawBsonRef<'_>) -> Option<i64> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

/// The instant in a value.
pub(super) fn read_time(value: RawBsonRef<'_>) -> Option<Timestamp> {
    value
        .as_datetime()
        .map(|at| Timestamp(at.timestamp_millis()))
}

/// The error for a document that this version did not write.
pub(super) fn unreadable(key: &str) -> Error {
    broken(format_args!("a document in MongoDB has no readable {key}"))
}

fn optional<'a, T>(
    document: &'a RawDocument,
    key: &str,
    read: impl Fn(RawBsonRef<'a>) -> Option<T>,
) -> Result<Option<T>> {
    match document.get(key) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => read(value).map(Some).ok_or_else(|| unreadable(key)),
        Err(_) => Err(unreadable(key)),
    }
}

fn required<'a, T>(
    document: &'a RawDocument,
    key: &str,
    read: impl Fn(RawBsonRef<'a>) -> Option<T>,
) -> Result<T> {
    optional(document, key, read)?.ok_or_else(|| unreadable(key))
}

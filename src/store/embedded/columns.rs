//! How the domain's types stand in columns: ids as 16 bytes, instants as milliseconds, positions as numbers, words as text.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use uuid::Uuid;

use crate::{
    domain::{
        AvatarUrl, Body, ClientMessageId, ConversationId, ConversationKind, Device, DisplayName,
        Emoji, Fingerprint, MemberRole, MessageId, Pair, Position, SessionId, Timestamp, UserId,
        Username,
    },
    error::{Error, Result},
    store::broken,
};

/// What names an entry, as its column has it.
pub(super) struct EntryId(pub(super) Uuid);

macro_rules! ids {
    ($($id:ident),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Uuid::from_slice(value.as_blob()?).map(Self).map_err(FromSqlError::other)
            }
        }
    )*};
}

macro_rules! texts {
    ($($text:ident),*) => {$(
        impl ToSql for $text {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $text {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str().map(Self::stored)
            }
        }
    )*};
}

macro_rules! words {
    ($($word:ident { $($variant:ident = $name:literal),* })*) => {$(
        impl ToSql for $word {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(match self { $(Self::$variant => $name,)* }.into())
            }
        }

        impl FromSql for $word {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? {
                    $($name => Ok(Self::$variant),)*
                    _ => Err(FromSqlError::InvalidType),
                }
            }
        }
    )*};
}

macro_rules! numbers {
    ($($number:ident),*) => {$(
        impl ToSql for $number {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }

        impl FromSql for $number {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self)
            }
        }
    )*};
}

numbers!(Position, Timestamp);
ids!(ConversationId, EntryId, MessageId, SessionId, UserId);
texts!(
    AvatarUrl,
    Body,
    ClientMessageId,
    Device,
    DisplayName,
    Emoji,
    Username
);
words! {
    ConversationKind { Direct = "direct", Group = "group" }
    MemberRole { Owner = "owner", Member = "member" }
}

impl ToSql for Fingerprint {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Fingerprint {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value
            .as_blob()?
            .try_into()
            .map(Self)
            .map_err(FromSqlError::other)
    }
}

/// Both ids, the smaller first.
impl ToSql for Pair {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_bytes().to_vec().into())
    }
}

impl FromSql for Pair {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_bytes(value.as_blob()?).ok_or(FromSqlError::InvalidType)
    }
}

/// What the disk or the moment refuses may work later; all else is a fault of ours.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OperationInterrupted, OutOfMemory,
            ReadOnly, SystemIoFailure,
        };
        match error.sqlite_error_code() {
            Some(
                CannotOpen | DatabaseBusy | DatabaseLocked | DiskFull | OperationInterrupted
                | OutOfMemory | ReadOnly | SystemIoFailure,
            ) => Self::Unavailable(format!("embedded store: {error}")),
            _ => broken(error),
        }
    }
}

/// A size from outside as SQLite counts.
pub(super) fn limit(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// What `find` gives for each of `keys`, those asked for twice once.
pub(super) fn find_each<K: Ord + Copy, T>(
    keys: &[K],
    mut find: impl FnMut(K) -> Result<Option<T>>,
) -> Result<Vec<T>> {
    let keys: std::collections::BTreeSet<K> = keys.iter().copied().collect();
    keys.into_iter()
        .filter_map(|key| find(key).transpose())
        .collect()
}

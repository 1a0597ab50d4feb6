//! What processes signal: a document for all that is told at a time, in a capped collection of which each process follows
//! the tail.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use mongodb::{
    bson::{
        Binary, Bson, Document, RawArrayBuf, RawDocument, RawDocumentBuf, Timestamp as ClusterTime,
        doc,
        raw::{RawBsonRef, cstr},
        spec::BinarySubtype,
    },
    error::ErrorKind,
};
use uuid::Uuid;

use super::{
    Inner, MongoStore,
    attempt::Purpose,
    document::{self, Fields, unreadable},
    error,
};
use crate::{
    domain::{
        ConversationId, Pair, Position, ProcessId, RateLimit, SessionId, Signal, Spent, UserId,
    },
    error::{Error, Result},
    store::{Heard, Signals},
};

/// How many bytes of signals are kept: more than many busy processes tell while a tail that broke is taken up again, and
/// few enough to be gone through whenever one is.
const KEPT: i64 = 64 * 1024 * 1024;

/// The server's code for a collection that is there already.
const NAMESPACE_EXISTS: i32 = 48;

/// The field that says when something was told, by the database.
pub(super) const TOLD_AT: &str = "toldAt";

/// What the server puts the time in place of, on insertion: "Timestamps", MongoDB's manual on BSON types.
const NOW: ClusterTime = ClusterTime {
    time: 0,
    increment: 0,
};

impl Inner {
    /// Makes the collection of signals. One that is not bounded came to be by a signal, after it was dropped, and goes.
    pub(super) async fn make_signals(&self) -> mongodb::error::Result<()> {
        // By a command, as the driver's typed answer brings much to be compiled with it.
        let list = || {
            let list = doc! { "listCollections": 1, "filter": { "name": "signals" } };
            self.db.run_command(list).into_future()
        };
        // The driver repeats no command by itself.
        let listed = match list().await {
            Err(failure) if matches!(error::from_driver(&failure), Error::Unavailable(_)) => {
                list().await?
            }
            listed => listed?,
        };
        if let Some(signals) = first_listed(&listed) {
            let options = signals.get_document("options").cloned().unwrap_or_default();
            if !options.get_bool("capped").unwrap_or(false) {
                self.collections.signals.drop().await?;
            } else if options
                .get("size")
                .and_then(size)
                .is_some_and(|size| size < KEPT)
            {
                let grow = doc! { "collMod": "signals", "cappedSize": KEPT };
                if let Err(failure) = self.db.run_command(grow).await {
                    // One of before 6.0 cannot.
                    tracing::debug!(%failure, "MongoDB: the collection signals keeps its size");
                }
            }
        }
        let create = self.db.create_collection("signals").capped(true);
        match create.size(KEPT.cast_unsigned()).await {
            Err(failure) if matches!(&*failure.kind, ErrorKind::Command(command) if command.code == NAMESPACE_EXISTS) => {
                Ok(())
            }
            result => result,
        }
    }

    /// Tells signals with a mark.
    async fn tell(&self, signals: Vec<Bson>) -> Result<()> {
        let mark = self.signalling.mark();
        self.insert_signals(self.instance, mark, signals).await?;
        self.signalling.take_as_kept(mark);
        Ok(())
    }

    /// Inserts a document of signals; returns once a majority has it. By a command, which the driver does not repeat on
    /// another primary by itself: what was heard of the first might be undone then.
    pub(super) async fn insert_signals(
        &self,
        by: Uuid,
        mark: i64,
        signals: Vec<Bson>,
    ) -> Result<()> {
        let told = doc! {
            "by": document::id(by),
            "from": document::id(self.name()),
            "mark": mark,
            TOLD_AT: NOW,
            "signals": signals,
        };
        let mut documents = RawArrayBuf::new();
        documents.push(RawDocumentBuf::try_from(&told).map_err(|_| unreadable("signals"))?);
        let command = self.raw_insert(cstr!("signals"), &documents);
        let insert = self.db.run_raw_command(command);
        let reply = self.timed("mongodb.insert", insert).await?;
        error::check_reply(&reply)
    }

    /// What a document of signals says, to this process.
    pub(super) fn heard(&self, document: &RawDocument) -> Result<Option<Heard>> {
        let (by, mark) = (document.id("by")?, document.number("mark")?);
        if by == self.instance {
            let at = told_at(document);
            return Ok(self.signalling.heard_own(mark, at).map(Heard::UpTo));
        }
        let signals = document.array("signals")?;
        if signals.is_empty() || self.signalling.is_old(by, mark) {
            return Ok(None);
        }
        let from = ProcessId(document.id("from")?);
        let signals = signals.into_iter();
        let signals = signals.map(|signal| {
            let signal = signal.map_err(|_| unreadable("signals"))?;
            decode(signal.as_document().ok_or_else(|| unreadable("signals"))?)
        });
        let signals = signals.collect::<Result<Vec<_>>>()?.into_iter().flatten();
        Ok(Some(Heard::Signals(from, signals.collect())))
    }
}

/// The first of the collections that were listed.
fn first_listed(listed: &Document) -> Option<&Document> {
    let found = listed.get_document("cursor").ok()?;
    found.get_array("firstBatch").ok()?.first()?.as_document()
}

/// A collection's size, which servers give as a number of one kind or another.
fn size(given: &Bson) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "sizes are whole")]
    match given {
        Bson::Int32(size) => Some(i64::from(*size)),
        Bson::Int64(size) => Some(*size),
        Bson::Double(size) => Some(*size as i64),
        _ => None,
    }
}

/// When a document of signals was told, by the database. Those of the release before do not say.
pub(super) fn told_at(document: &RawDocument) -> Option<ClusterTime> {
    document.get(TOLD_AT).ok()??.as_timestamp()
}

fn encode(signal: &Signal) -> Document {
    match signal {
        Signal::Wrote {
            up_to,
            rank,
            concerns,
        } => {
            let mut wrote = doc! { "is": "wrote", "position": up_to.0, "rank": *rank };
            wrote.extend(
                concerns
                    .as_deref()
                    .map(|users| ("concerns".to_owned(), encode_ids(users))),
            );
            wrote
        }
        Signal::Read => doc! { "is": "read" },
        Signal::Typing {
            conversation_id,
            user_id,
            typing,
        } => doc! {
            "is": "typing",
            "conversation": document::id(conversation_id.0),
            "user": document::id(user_id.0),
            "typing": *typing,
        },
        Signal::Sockets {
            user_id,
            count,
            closed_at,
        } => doc! {
            "is": "sockets",
            "user": document::id(user_id.0),
            "count": i64::from(*count),
            "closedAt": document::time(*closed_at),
        },
        Signal::Gone(process, at) => doc! {
            "is": "gone",
            "process": document::id(process.0),
            "at": document::time(*at),
        },
        Signal::SessionEnded(id) => doc! { "is": "ended", "session": document::id(id.0) },
        Signal::Apart(pair) => doc! {
            "is": "apart",
            "low": document::id(pair.low().0),
            "high": document::id(pair.high().0),
        },
        Signal::ProfileChanged(user_id) => {
            doc! { "is": "profile", "user": document::id(user_id.0) }
        }
        Signal::Spent(spent) => doc! {
            "is": "spent",
            "limit": spent.limit as i64,
            "key": document::id(Uuid::from_u128(spent.key)),
            "times": i64::from(spent.times),
        },
        Signal::Everything => doc! { "is": "everything" },
    }
}

/// Ids one after the other in one value, as there may be hundreds.
fn encode_ids(users: &[UserId]) -> Bson {
    let bytes = users.iter().flat_map(|user| user.0.into_bytes()).collect();
    let subtype = BinarySubtype::Generic;
    Binary { subtype, bytes }.into()
}

fn decode_ids(value: RawBsonRef<'_>) -> Option<Vec<UserId>> {
    let (ids, rest) = value.as_binary()?.bytes.as_chunks();
    let ids = ids.iter().map(|id| UserId(Uuid::from_bytes(*id)));
    rest.is_empty().then(|| ids.collect())
}

/// Nothing for what a newer version tells.
fn decode(signal: &RawDocument) -> Result<Option<Signal>> {
    let user_id = || document::user_id(signal);
    let is = |key| {
        let value = signal.get(key).ok().flatten();
        value
            .and_then(RawBsonRef::as_bool)
            .ok_or_else(|| unreadable(key))
    };
    let count = |key| {
        let number = signal.number(key)?;
        u32::try_from(number).map_err(|_| unreadable(key))
    };
    Ok(Some(match signal.text("is")? {
        "wrote" => Signal::Wrote {
            up_to: Position(signal.number("position")?),
            rank: signal.number_or_zero("rank")?,
            concerns: match signal.get("concerns").ok().flatten() {
                Some(users) => Some(decode_ids(users).ok_or_else(|| unreadable("concerns"))?),
                None => None,
            },
        },
        "read" => Signal::Read,
        "typing" => Signal::Typing {
            conversation_id: ConversationId(signal.id("conversation")?),
            user_id: user_id()?,
            typing: is("typing")?,
        },
        "sockets" => Signal::Sockets {
            user_id: user_id()?,
            count: count("count")?,
            closed_at: signal.time("closedAt")?,
        },
        "gone" => Signal::Gone(ProcessId(signal.id("process")?), signal.time("at")?),
        "ended" => Signal::SessionEnded(SessionId(signal.id("session")?)),
        "apart" => {
            let pair = Pair::new(UserId(signal.id("low")?), UserId(signal.id("high")?));
            Signal::Apart(pair.ok_or_else(|| unreadable("low"))?)
        }
        "profile" => Signal::ProfileChanged(user_id()?),
        "spent" => {
            let limit = usize::try_from(signal.number("limit")?).ok();
            let limit = limit.and_then(|limit| RateLimit::ALL.get(limit).copied());
            let Some(limit) = limit else { return Ok(None) };
            Signal::Spent(Spent {
                limit,
                key: signal.id("key")?.as_u128(),
                times: count("times")?,
            })
        }
        "everything" => Signal::Everything,
        _ => return Ok(None),
    }))
}

#[async_trait]
impl Signals for MongoStore {
    async fn signal(&self, signals: &[Signal]) -> Result<()> {
        let inner = &self.inner;
        if !inner.has_company() || inner.is_standalone.get() == Some(&true) {
            return Ok(());
        }
        let signals: Vec<Bson> = signals.iter().map(|signal| encode(signal).into()).collect();
        let patience = inner.attempt_time();
        let told = inner.attempt(Purpose::Upkeep, patience, move |inner| async move {
            inner.tell(signals).await
        });
        told.await
    }

    async fn hear(&self) -> Heard {
        let signalling = &self.inner.signalling;
        if !signalling.is_heard.swap(true, Ordering::Relaxed) {
            let inner = &self.inner;
            inner.beside(Inner::keep_hearing(Arc::downgrade(inner)));
        }
        let mut heard = signalling.heard.lock().await;
        match heard.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_signal_is_read_as_it_was_told() {
        let (ann, ben) = (UserId::new(), UserId::new());
        let pair = Pair::new(ann, ben).expect("two");
        let spent = |limit| {
            Signal::Spent(Spent {
                limit,
                key: 7 << 100,
                times: 3,
            })
        };
        let mut all = vec![
            Signal::Wrote {
                up_to: Position(5),
                rank: 7,
                concerns: None,
            },
            Signal::Wrote {
                up_to: Position(5),
                rank: 7,
                concerns: Some(vec![ann, ben]),
            },
            Signal::Read,
            Signal::Typing {
                conversation_id: ConversationId::new(),
                user_id: ann,
                typing: true,
            },
            Signal::Sockets {
                user_id: ben,
                count: 4,
                closed_at: Timestamp(9),
            },
            Signal::Gone(ProcessId(Uuid::new_v4()), Timestamp(9)),
            Signal::SessionEnded(SessionId::new()),
            Signal::Apart(pair),
            Signal::ProfileChanged(ann),
            Signal::Everything,
        ];
        all.extend(RateLimit::ALL.map(spent));
        for signal in all {
            let document = RawDocumentBuf::try_from(&encode(&signal)).expect("a document");
            assert_eq!(decode(&document), Ok(Some(signal)));
        }
        let newer = RawDocumentBuf::try_from(&doc! { "is": "later" }).expect("a document");
        assert_eq!(decode(&newer), Ok(None));
    }
}

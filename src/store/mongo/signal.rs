//! What processes signal: a document for all that is told at a time, in a capped collection that a change stream of
//! each process follows.

use std::{
    collections::{HashMap, VecDeque},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Instant,
};

use async_trait::async_trait;
use mongodb::{
    bson::{
        Binary, Bson, Document, RawDocument, RawDocumentBuf, doc, raw::RawBsonRef,
        spec::BinarySubtype,
    },
    error::ErrorKind,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Inner, MongoStore,
    attempt::Purpose,
    document::{self, Fields, unreadable},
};
use crate::{
    domain::{
        ConversationId, Pair, Position, ProcessId, RateLimit, SessionId, Signal, Spent, UserId,
    },
    error::Result,
    store::{Heard, Queue, Signals},
};

/// How many bytes of signals are kept: far more than is told while a stream that broke is taken up again.
const KEPT: u64 = 16 * 1024 * 1024;

/// The server's code for a collection that is there already.
const NAMESPACE_EXISTS: i32 = 48;

/// Marks of which it is not known yet that they were heard; of more than that the first are forgotten.
const MARKS: usize = 1_000;

/// Processes of which is remembered what was heard last: far more than there are at a time.
const OTHERS: usize = 1_000;

/// What this process has told, and hears.
pub(super) struct Signalling {
    last_mark: AtomicI64,
    /// When what was told with each mark was about to be told.
    marks: Mutex<VecDeque<(i64, Instant)>>,
    /// The last mark of each other process that was heard. What comes with an earlier one was given up by its process,
    /// which has told it again since.
    others: Mutex<HashMap<Uuid, i64>>,
    pub(super) ears: mpsc::Sender<Heard>,
    /// Whether a change stream is open.
    pub(super) listens: AtomicBool,
    heard: tokio::sync::Mutex<mpsc::Receiver<Heard>>,
}

impl Default for Signalling {
    fn default() -> Self {
        // Who hears too slowly reads on later: the stream keeps its place.
        let (ears, heard) = mpsc::channel(64);
        Self {
            last_mark: AtomicI64::new(0),
            marks: Mutex::default(),
            others: Mutex::default(),
            ears,
            listens: AtomicBool::new(false),
            heard: tokio::sync::Mutex::new(heard),
        }
    }
}

impl Signalling {
    fn mark(&self) -> i64 {
        let mark = self.last_mark.fetch_add(1, Ordering::Relaxed) + 1;
        let mut marks = self.marks.lock();
        if marks.len() >= MARKS {
            marks.pop_front();
        }
        marks.push_back((mark, Instant::now()));
        mark
    }

    /// Whether what others signal comes by itself.
    pub(super) fn hears(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }

    /// What the stream has brought and nobody has taken up yet.
    pub(super) fn unheard(&self) -> Queue {
        let capacity = self.ears.max_capacity();
        Queue {
            name: "signals_heard",
            length: capacity - self.ears.capacity(),
            capacity,
        }
    }

    /// Whether what comes with a mark is told again by a later one that was heard.
    fn is_late(&self, by: Uuid, mark: i64) -> bool {
        let mut others = self.others.lock();
        if others.len() >= OTHERS {
            others.clear();
        }
        let last = others.entry(by).or_insert(mark);
        let is_late = mark < *last;
        *last = mark.max(*last);
        is_late
    }

    /// From before when everything was heard, once a mark is.
    fn marked_at(&self, heard: i64) -> Option<Instant> {
        let mut marks = self.marks.lock();
        let mut at = None;
        while let Some((_, marked)) = marks.pop_front_if(|(mark, _)| *mark <= heard) {
            at = Some(marked);
        }
        at
    }
}

impl Inner {
    /// Makes the collection of signals. One that is not bounded came to be by a signal, after it was dropped, and goes.
    pub(super) async fn make_signals(&self) -> mongodb::error::Result<()> {
        let signals = self
            .db
            .list_collections()
            .filter(doc! { "name": "signals" });
        let mut signals = signals.await?;
        while signals.advance().await? {
            if signals.deserialize_current()?.options.capped != Some(true) {
                self.collections.signals.drop().await?;
            }
        }
        let create = self.db.create_collection("signals").capped(true);
        match create.size(KEPT).await {
            Err(failure) if matches!(&*failure.kind, ErrorKind::Command(command) if command.code == NAMESPACE_EXISTS) => {
                Ok(())
            }
            result => result,
        }
    }

    /// What a document of signals says, to this process.
    pub(super) fn heard(&self, document: &RawDocument) -> Result<Option<Heard>> {
        let (by, mark) = (document.id("by")?, document.number("mark")?);
        if by == self.instance {
            return Ok(self.signalling.marked_at(mark).map(Heard::UpTo));
        }
        if self.signalling.is_late(by, mark) {
            return Ok(None);
        }
        let from = ProcessId(document.id("from")?);
        let signals = document.array("signals")?.into_iter();
        let signals = signals.map(|signal| {
            let signal = signal.map_err(|_| unreadable("signals"))?;
            decode(signal.as_document().ok_or_else(|| unreadable("signals"))?)
        });
        let signals = signals.collect::<Result<Vec<_>>>()?.into_iter().flatten();
        Ok(Some(Heard::Signals(from, signals.collect())))
    }
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
            let mark = inner.signalling.mark();
            let all = doc! {
                "by": document::id(inner.instance),
                "from": document::id(inner.name()),
                "mark": mark,
                "signals": signals,
            };
            let all = RawDocumentBuf::try_from(&all).map_err(|_| unreadable("signals"))?;
            let insert = inner.collections.signals.insert_one(all);
            inner.timed("mongodb.insert", insert).await.map(drop)
        });
        told.await
    }

    async fn hear(&self) -> Heard {
        let mut heard = self.inner.signalling.heard.lock().await;
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

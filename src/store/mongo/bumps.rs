//! What follows from messages and is kept beside them: a conversation's newest message, and what a sender has read.
//!
//! Not written by the append itself: what many messages owe is gathered for a moment and written as one. Whoever
//! reads adds what is still owed, or, where the server has to find or sort by it, has it written first. What a crash
//! keeps from being written is owed again by the next process that opens the store, from a position in `meta` up to
//! which all is known to be written.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use mongodb::bson::{Document, doc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Inner,
    document::{self, Fields},
    error,
};
use crate::{
    domain::{ConversationId, Message, Position, Seq, Timestamp, UserId},
    error::Result,
};

/// How long what is owed may gather. A busy conversation is then written twice a second, not for each message.
const GATHER: Duration = Duration::from_millis(500);

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_millis(500);

/// How much may be owed before an append waits until it is written.
const MOST_OWED: usize = 50_000;

/// What is owed, and what is written.
#[derive(Default)]
pub(super) struct Bumps {
    ledger: Mutex<Ledger>,
    /// Held by who is writing.
    writing: tokio::sync::Mutex<()>,
    owing: Arc<Notify>,
}

#[derive(Default)]
struct Ledger {
    owed: Owed,
    /// Owed before, and being written.
    in_flight: Arc<Owed>,
    /// Everything up to this position is written.
    written: Position,
}

#[derive(Default)]
struct Owed {
    newest: HashMap<ConversationId, Newest>,
    read: HashMap<(ConversationId, UserId), Seq>,
    /// Everything up to this position was owed at some time.
    up_to: Position,
}

/// The newest message of a conversation.
#[derive(Clone, Copy)]
pub(super) struct Newest {
    pub(super) seq: Seq,
    position: Position,
    pub(super) sent_at: Timestamp,
}

impl Owed {
    fn len(&self) -> usize {
        self.newest.len() + self.read.len()
    }

    fn newest(&mut self, conversation: ConversationId, newest: Newest) {
        let kept = self.newest.entry(conversation).or_insert(newest);
        if newest.seq > kept.seq {
            *kept = newest;
        }
    }

    fn read(&mut self, who: (ConversationId, UserId), seq: Seq) {
        let kept = self.read.entry(who).or_insert(seq);
        *kept = seq.max(*kept);
    }

    fn merge(&mut self, other: &Self) {
        for (conversation, newest) in &other.newest {
            self.newest(*conversation, *newest);
        }
        for (who, seq) in &other.read {
            self.read(*who, *seq);
        }
    }

    fn conversation_updates(&self) -> Vec<Document> {
        let update = |(conversation, newest): (&ConversationId, &Newest)| {
            // All three belong to one message; an older one finds nothing to update.
            doc! {
                "q": { "_id": document::id(conversation.0), "lastSeq": { "$lt": newest.seq } },
                "u": { "$set": {
                    "lastSeq": newest.seq,
                    "lastPosition": newest.position,
                    "lastActivityAt": document::time(newest.sent_at),
                } },
            }
        };
        self.newest.iter().map(update).collect()
    }

    fn read_mark_updates(&self) -> Vec<Document> {
        let update = |((conversation, user), seq): (&(ConversationId, UserId), &Seq)| {
            doc! { "q": { "_id": read_mark_id(*conversation, *user) }, "u": { "$max": { "seq": *seq } }, "upsert": true }
        };
        self.read.iter().map(update).collect()
    }
}

/// Where a member's read mark is kept.
pub(super) fn read_mark_id(conversation: ConversationId, user: UserId) -> Document {
    doc! { "conversation": document::id(conversation.0), "user": document::id(user.0) }
}

impl Bumps {
    /// Everything up to here is written.
    pub(super) fn begin_at(&self, position: Position) {
        let mut ledger = self.ledger.lock();
        ledger.written = position;
        ledger.owed.up_to = position;
    }

    /// Takes note of what the next message of the log owes.
    pub(super) fn owe(&self, message: &Message) {
        let mut ledger = self.ledger.lock();
        let Message {
            conversation_id,
            sender_id,
            seq,
            position,
            sent_at,
            ..
        } = *message;
        if ledger.owed.len() == 0 {
            self.owing.notify_one();
        }
        ledger.owed.newest(
            conversation_id,
            Newest {
                seq,
                position,
                sent_at,
            },
        );
        ledger.owed.read((conversation_id, sender_id), seq);
        ledger.owed.up_to = position;
    }

    /// The newest messages that are not written yet, of those of `conversations` that have one. Ask before reading
    /// the documents: what is not here then is there.
    pub(super) fn newest_of(
        &self,
        conversations: &[ConversationId],
    ) -> HashMap<ConversationId, Newest> {
        let ledger = self.ledger.lock();
        let newest = |id: &ConversationId| {
            let newest = ledger
                .owed
                .newest
                .get(id)
                .or_else(|| ledger.in_flight.newest.get(id))?;
            Some((*id, *newest))
        };
        conversations.iter().filter_map(newest).collect()
    }

    /// How far a sender has read that is not written yet, 0 when nothing is owed. Ask before reading the document.
    pub(super) fn read_by(&self, conversation: ConversationId, user: UserId) -> Seq {
        let ledger = self.ledger.lock();
        let read = |owed: &Owed| owed.read.get(&(conversation, user)).copied().unwrap_or(0);
        read(&ledger.owed).max(read(&ledger.in_flight))
    }
}

impl Inner {
    /// Returns when all that was owed at the call is written.
    pub(super) async fn settle_bumps(&self) -> Result<()> {
        let due = {
            let ledger = self.bumps.ledger.lock();
            if ledger.written >= ledger.owed.up_to {
                return Ok(());
            }
            ledger.owed.up_to
        };
        let _writing = self.bumps.writing.lock().await;
        let owed = {
            let mut ledger = self.bumps.ledger.lock();
            if ledger.written >= due {
                return Ok(());
            }
            let nothing = Owed {
                up_to: ledger.owed.up_to,
                ..Owed::default()
            };
            ledger.in_flight = Arc::new(mem::replace(&mut ledger.owed, nothing));
            Arc::clone(&ledger.in_flight)
        };
        let (conversations, read_marks) = tokio::join!(
            self.update_each("conversations", owed.conversation_updates()),
            self.update_each("readMarks", owed.read_mark_updates()),
        );
        let mut ledger = self.bumps.ledger.lock();
        ledger.in_flight = Arc::default();
        match conversations.and(read_marks) {
            Ok(()) => ledger.written = owed.up_to,
            Err(failure) => {
                ledger.owed.merge(&owed);
                self.bumps.owing.notify_one();
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Waits until there is room to owe for so many more messages.
    pub(super) async fn make_room_for_bumps(&self, messages: usize) -> Result<()> {
        let full = self.bumps.ledger.lock().owed.len() + 2 * messages > MOST_OWED;
        if full {
            self.settle_bumps().await
        } else {
            Ok(())
        }
    }

    /// Keeps the position up to which all is written.
    pub(super) async fn remember_bumped(&self) -> Result<()> {
        let written = self.bumps.ledger.lock().written;
        let keep = || {
            let raise = doc! { "$max": { "position": written } };
            self.collections
                .meta
                .update_one(doc! { "_id": "bumped" }, raise)
                .upsert(true)
        };
        self.twice("mongodb.update", keep).await.map(drop)
    }

    /// The position up to which all is written, as a process kept it.
    pub(super) async fn remembered_bumped(&self) -> Result<Position> {
        let kept = self.collections.meta.find(doc! { "_id": "bumped" });
        Ok(self
            .first(kept, |kept| kept.number("position"))
            .await?
            .unwrap_or(0))
    }

    /// Writes what is owed a moment after it is owed, as long as the store is open.
    pub(super) fn keep_bumping(inner: &Arc<Self>) {
        let store = Arc::downgrade(inner);
        let owing = Arc::clone(&inner.bumps.owing);
        let stop = inner.stop.clone();
        tokio::spawn(async move {
            while stop.run_until_cancelled(owing.notified()).await.is_some() {
                tokio::time::sleep(GATHER).await;
                while let Err(failure) = settle(&store).await {
                    tracing::warn!(detail = %error::detail(&failure), "MongoDB: conversations are not up to date yet");
                    if stop
                        .run_until_cancelled(tokio::time::sleep(RETRY))
                        .await
                        .is_none()
                    {
                        return;
                    }
                }
            }
        });
    }
}

/// Writes what is owed, and up to where, if the store is still there.
async fn settle(store: &Weak<Inner>) -> Result<()> {
    match store.upgrade() {
        Some(inner) => {
            inner.settle_bumps().await?;
            inner.remember_bumped().await
        }
        None => Ok(()),
    }
}

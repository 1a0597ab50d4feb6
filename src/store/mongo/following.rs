//! What follows from entries and is kept beside them: a conversation's newest entry, message and state, what a sender
//! has read, and a message's newest state.
//!
//! It is gathered for a moment and written as one. Nobody misses it meanwhile: whoever reads has first read what is new in
//! the log, on whichever process, and lays that over the documents ([`super::overlay`]). At once is written who belongs to
//! a conversation, and that what was deleted is gone. Each lane keeps in `lanes` up to where all is written, and whoever
//! takes up a lane after its holder is gone makes up for the rest. Every update is guarded by rank or step, so that it may
//! run twice, or after a newer one.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use mongodb::bson::{Bson, Document, doc};
use uuid::Uuid;

use super::{
    Inner,
    attempt::Purpose,
    document::{self, Fields},
    error,
    news::{Due, Left, News, Owed},
    record,
};
use crate::{
    domain::{
        ConversationId, Lane, MessageId, MessageState, Position, ReactionChange, Step, UserId,
    },
    error::Result,
};

/// How long what is owed may gather. A busy conversation is then written twice a second, not for each message.
const GATHER: Duration = Duration::from_millis(500);

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_millis(500);

/// How many records of a lane may be owed before an append waits until they are followed.
const MOST_OWED: usize = 50_000;

/// For how many records what follows is written at a time.
const PART: usize = 5_000;

/// Where a member's read mark is kept.
pub(super) fn read_mark_id(conversation: ConversationId, user: UserId) -> Document {
    doc! { "conversation": document::id(conversation.0), "user": document::id(user.0) }
}

/// Whether a counter of the document is below a number; one that was never set counts as 0.
pub(super) fn is_below(field: &str, number: i64) -> Bson {
    doc! { "$lt": [{ "$ifNull": [format!("${field}"), 0_i64] }, number] }.into()
}

/// Fields that get other values where a condition holds.
fn set_where(set: &mut Document, holds: &Bson, fields: Vec<(&str, Bson)>) {
    for (field, value) in fields {
        let kept = format!("${field}");
        set.insert(field, doc! { "$cond": [holds.clone(), value, kept] });
    }
}

/// A conversation's document once it shows its news. Each part stands or falls by itself, as another process may have
/// been further in one and not in the other.
fn conversation_update(id: ConversationId, news: &News) -> Document {
    let mut set = Document::new();
    if let Some(tail) = news.tail {
        let fields = vec![
            ("lastStep", tail.step.into()),
            ("lastPosition", tail.position.0.into()),
        ];
        set_where(&mut set, &is_below("lastStep", tail.step), fields);
    }
    if let Some(sent) = news.sent {
        let fields = vec![
            ("lastSeq", sent.seq.into()),
            ("lastActivityAt", document::time(sent.at)),
            ("lastRank", sent.rank.into()),
        ];
        set_where(&mut set, &is_below("lastRank", sent.rank), fields);
    } else if let Some(made) = news.made {
        let is_new_group = doc! { "$and": [
            { "$eq": ["$kind", "group"] },
            { "$eq": [{ "$ifNull": ["$lastRank", 0_i64] }, 0_i64] },
        ] };
        let fields = vec![("lastRank", made.rank.into())];
        set_where(&mut set, &is_new_group.into(), fields);
    }
    if let Some(remade) = &news.remade {
        let title = match &remade.state.title {
            Some(title) => doc! { "$literal": title }.into(),
            None => Bson::from("$$REMOVE"),
        };
        let members = record::encode_members(&remade.state.members);
        let fields = vec![
            ("title", title),
            ("members", doc! { "$literal": members }.into()),
            ("changed", remade.step.into()),
        ];
        set_where(&mut set, &is_below("changed", remade.step), fields);
    }
    doc! { "q": { "_id": document::id(id.0) }, "u": [{ "$set": set }] }
}

fn mark_update(conversation: ConversationId, user: UserId, seq: i64) -> Document {
    doc! { "q": { "_id": read_mark_id(conversation, user) }, "u": { "$max": { "seq": seq } }, "upsert": true }
}

/// A time of someone's in a conversation that is over.
fn stay_update(conversation: ConversationId, left: &Left) -> Document {
    let Left { departure, tail } = left;
    let id = doc! {
        "conversation": document::id(conversation.0),
        "user": document::id(departure.user_id.0),
        "until": tail.step,
    };
    let stay = doc! {
        "since": departure.since, "seq": tail.seq, "position": tail.position.0, "rank": tail.rank,
    };
    doc! { "q": { "_id": id }, "u": { "$setOnInsert": stay }, "upsert": true }
}

/// Where it is kept what someone has under a message.
pub(super) fn reaction_id(change: &ReactionChange) -> Document {
    doc! {
        "message": document::id(change.message_id.0),
        "user": document::id(change.user_id.0),
        "emoji": change.emoji.as_str(),
    }
}

/// What someone has under a message, or had: what was taken away stays known, so that nothing older puts it back.
fn reaction_update(change: &ReactionChange, step: Step) -> Document {
    let id = reaction_id(change);
    let mut set = Document::new();
    let fields = vec![("step", step.into()), ("added", change.added.into())];
    set_where(&mut set, &is_below("step", step), fields);
    doc! { "q": { "_id": id }, "u": [{ "$set": set }], "upsert": true }
}

/// A message's document once it shows a state.
fn message_update(id: MessageId, state: &MessageState, step: Step) -> Document {
    let mut set = doc! { "body": state.body.as_str(), "changed": step };
    let mut unset = Document::new();
    for (field, value) in [
        ("editedAt", state.edited_at.map(document::time)),
        ("deletedAt", state.deleted_at.map(document::time)),
        ("first", state.first.map(document::fingerprint)),
    ] {
        match value {
            Some(value) => set.insert(field, value),
            None => unset.insert(field, ""),
        };
    }
    let mut update = doc! { "$set": set };
    if !unset.is_empty() {
        update.insert("$unset", unset);
    }
    doc! { "q": { "_id": document::id(id.0), "changed": { "$not": { "$gte": step } } }, "u": update }
}

/// A message's document once it was reacted to.
fn reacted_update(id: MessageId, step: Step) -> Document {
    doc! { "q": { "_id": document::id(id.0) }, "u": { "$max": { "reacted": step } } }
}

/// What records ask for, together.
#[derive(Default)]
struct Together {
    conversations: Vec<Document>,
    marks: Vec<Document>,
    messages: Vec<Document>,
    stays: Vec<Document>,
    reactions: Vec<Document>,
    /// Messages that were reacted to.
    reacted: Vec<MessageId>,
    /// Messages of which nothing but their places stays.
    deleted: Vec<MessageId>,
    /// Entries whose texts stand in their messages.
    emptied: Vec<Uuid>,
    /// What does not wait, of all that.
    urgent: Vec<Arc<Owed>>,
}

impl Together {
    /// Everything that records ask for; of several changes of one thing, the last.
    fn of(records: &[Arc<Owed>]) -> Self {
        let mut all = Self::default();
        let mut news = HashMap::<ConversationId, News>::new();
        let (mut changed, mut reacted) = (HashMap::new(), HashMap::new());
        for owed in records {
            if let Some(id) = owed.what.conversation_id() {
                news.entry(id).or_default().add(owed);
            }
            match &owed.what {
                Due::MessageChanged {
                    tail,
                    message_id,
                    entry_id,
                    state: Some(state),
                    ..
                } => {
                    all.emptied.push(*entry_id);
                    // Of what was deleted at once, nothing is left to write.
                    if state.deleted_at.is_none() || owed.what.is_urgent() {
                        let last = changed.entry(*message_id).or_insert((tail.step, state));
                        if last.0 < tail.step {
                            *last = (tail.step, state);
                        }
                    }
                }
                Due::Reacted { tail, change, .. } => {
                    let of_message = reacted
                        .entry(change.message_id)
                        .or_insert_with(HashMap::new);
                    let of_emoji = (change.user_id, &change.emoji);
                    let last = of_message.entry(of_emoji).or_insert((tail.step, change));
                    if last.0 < tail.step {
                        *last = (tail.step, change);
                    }
                }
                _ => {}
            }
        }
        for (id, (step, state)) in changed {
            all.change_message(id, state, step);
        }
        for (id, changes) in reacted {
            let last = changes.values().map(|(step, _)| *step).max();
            all.messages.push(reacted_update(id, last.unwrap_or(0)));
            all.reacted.push(id);
            let changes = changes.into_values();
            all.reactions
                .extend(changes.map(|(step, change)| reaction_update(change, step)));
        }
        for (id, news) in &news {
            all.change_conversation(*id, news);
        }
        let urgent = records.iter().filter(|owed| owed.what.is_urgent());
        all.urgent.extend(urgent.cloned());
        all
    }

    /// What of that does not wait.
    fn urgent(records: &[Arc<Owed>]) -> Self {
        let mut all = Self::default();
        for owed in records.iter().filter(|owed| owed.what.is_urgent()) {
            match &owed.what {
                Due::MessageChanged {
                    tail,
                    message_id,
                    state: Some(state),
                    ..
                } => all.change_message(*message_id, state, tail.step),
                Due::ConversationChanged {
                    conversation_id, ..
                } => {
                    let mut news = News::default();
                    news.add(owed);
                    all.change_conversation(*conversation_id, &news);
                }
                _ => {}
            }
            all.urgent.push(Arc::clone(owed));
        }
        all
    }

    fn change_message(&mut self, id: MessageId, state: &MessageState, step: Step) {
        if state.deleted_at.is_some() {
            self.deleted.push(id);
        }
        self.messages.push(message_update(id, state, step));
    }

    fn change_conversation(&mut self, id: ConversationId, news: &News) {
        self.conversations.push(conversation_update(id, news));
        let marks = news.marks.iter();
        self.marks
            .extend(marks.map(|mark| mark_update(id, mark.user_id, mark.seq)));
        let left = news.left.iter();
        self.stays.extend(left.map(|left| stay_update(id, left)));
    }
}

impl Inner {
    /// Writes what records ask for.
    async fn follow(&self, all: Together) -> Result<()> {
        let Together {
            conversations,
            marks,
            messages,
            stays,
            reactions,
            reacted,
            mut deleted,
            emptied,
            urgent,
        } = all;
        let (conversations, marks, messages, stays, reactions) = tokio::join!(
            self.update_each("conversations", conversations),
            self.update_each("readMarks", marks),
            self.update_each("messages", messages),
            self.update_each("stays", stays),
            self.update_each("reactions", reactions),
        );
        conversations
            .and(marks)
            .and(messages)
            .and(stays)
            .and(reactions)?;
        deleted.extend(self.deleted_of(reacted).await?);
        if !deleted.is_empty() {
            let these =
                doc! { "_id.message": { "$in": document::ids(deleted.iter().map(|id| id.0)) } };
            let forget = || self.collections.reactions.delete_many(these.clone());
            self.twice("mongodb.delete", forget).await?;
        }
        for owed in urgent {
            owed.set_done();
        }
        if !emptied.is_empty() {
            let these = doc! { "_id": { "$in": document::ids(emptied) } };
            let empty = doc! { "$unset": { "state": "" } };
            let empty = || {
                self.collections
                    .messages
                    .update_many(these.clone(), empty.clone())
            };
            self.twice("mongodb.update", empty).await?;
        }
        Ok(())
    }

    /// Those of messages that were deleted: another process may have done that, and forgotten who had reacted to them,
    /// before this one wrote down a reaction of before.
    async fn deleted_of(&self, messages: Vec<MessageId>) -> Result<Vec<MessageId>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let ids = document::ids(messages.into_iter().map(|id| id.0));
        let find = self
            .collections
            .messages
            .find(doc! { "_id": { "$in": ids }, "deletedAt": { "$exists": true } })
            .projection(doc! { "_id": 1 });
        self.all(find, |found| found.id("_id").map(MessageId)).await
    }

    /// Writes what does not wait, of what this process has just written. What fails stays owed.
    pub(super) async fn follow_urgent(self: &Arc<Self>, first: Position, count: usize) {
        let records = self.overlay.owed_behind(Position(first.0 - 1), count);
        let mut urgent = Together::urgent(&records);
        if urgent.urgent.is_empty() {
            return;
        }
        if !urgent.deleted.is_empty() {
            // What was deleted is nowhere any more, in no entry of before either.
            let deleted = urgent.deleted.iter().copied().collect();
            urgent.emptied = self.overlay.changes_told(&deleted);
        }
        let follow = self.attempt(Purpose::Upkeep, self.patience(), |inner| async move {
            inner.follow(urgent).await
        });
        if let Err(failure) = follow.await {
            tracing::warn!(detail = %error::detail(&failure), "MongoDB: a change is not everywhere yet");
        }
    }

    /// Returns when all that was owed in this process's lanes at the call is followed.
    pub(super) async fn settle(self: &Arc<Self>) -> Result<()> {
        let _settling = self.settling.lock().await;
        for lane in self.terms.lanes() {
            self.settle_lane(lane).await?;
        }
        Ok(())
    }

    /// Returns when all that was known of a lane at the call is followed.
    pub(super) async fn settle_lane(self: &Arc<Self>, lane: Lane) -> Result<()> {
        let owed = self.overlay.owed(lane);
        for records in owed.chunks(PART) {
            let Some(last) = records.last() else { continue };
            let (all, up_to) = (Together::of(records), last.position);
            self.attempt(Purpose::Upkeep, self.patience(), move |inner| async move {
                inner.follow(all).await?;
                inner.keep_followed(lane, up_to).await
            })
            .await?;
            self.overlay.follow(up_to);
        }
        Ok(())
    }

    /// Keeps up to where a lane is followed.
    async fn keep_followed(&self, lane: Lane, up_to: Position) -> Result<()> {
        let keep = || {
            self.collections.lanes.update_one(
                doc! { "_id": document::lane(lane) },
                doc! { "$max": { "followed": up_to.0 } },
            )
        };
        self.twice("mongodb.update", keep).await.map(drop)
    }

    /// Waits until a lane has room to owe for so many more records.
    pub(super) async fn make_room(self: &Arc<Self>, lane: Lane, records: usize) -> Result<()> {
        if self.overlay.owes(lane) + records > MOST_OWED {
            self.settle().await
        } else {
            Ok(())
        }
    }

    /// Writes what is owed a moment after it is owed, as long as the store is open.
    pub(super) async fn keep_following(store: Weak<Self>) {
        let Some((owing, stop)) = store
            .upgrade()
            .map(|inner| (Arc::clone(&inner.owing), inner.stop.clone()))
        else {
            return;
        };
        while stop.run_until_cancelled(owing.notified()).await.is_some() {
            tokio::time::sleep(GATHER).await;
            loop {
                let Some(inner) = store.upgrade() else { return };
                let Err(failure) = inner.settle().await else {
                    break;
                };
                drop(inner);
                tracing::warn!(detail = %error::detail(&failure), "MongoDB: conversations are not up to date yet");
                let pause = tokio::time::sleep(RETRY);
                if stop.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
        }
    }
}

//! How far members have read, in documents of their own; what a sender has read follows from its messages.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mongodb::bson::{Bson, RawDocument, doc};
use parking_lot::Mutex;

use super::{
    Inner, MongoStore,
    document::{self, Fields},
    following::{is_below, read_mark_id},
};
use crate::{
    domain::{ConversationId, MovedMark, ReadMark, Seq, Stamp, Timestamp, UserId},
    error::Result,
    store::Marks,
};

/// Finds the read marks that moved lately.
pub(super) const MOVED: &str = "at";
/// Finds those of some conversations.
pub(super) const CONVERSATION_MOVED: &str = "conversation_at";

impl Inner {
    async fn members_marks(&self, ids: &[ConversationId]) -> Result<Vec<ReadMark>> {
        let news = self.overlay.news_of(ids);
        let conversations = self.conversations(ids).await?;
        let members = conversations.iter().flat_map(|conversation| {
            let mark = |user_id| {
                let mut mark = ReadMark {
                    conversation_id: conversation.id,
                    user_id,
                    seq: 0,
                };
                if let Some(news) = news.get(&conversation.id) {
                    news.amend_mark(&mut mark);
                }
                mark
            };
            conversation
                .members
                .iter()
                .map(move |member| mark(member.user_id))
        });
        let mut marks: Vec<ReadMark> = members.collect();
        let marked: Vec<Bson> = marks
            .iter()
            .map(|mark| read_mark_id(mark.conversation_id, mark.user_id).into())
            .collect();
        let find = self
            .collections
            .read_marks
            .find(doc! { "_id": { "$in": marked } });
        let found: HashMap<(ConversationId, UserId), Seq> = self
            .all(find, |found| {
                let who = found.document("_id")?;
                Ok((
                    (
                        ConversationId(who.id("conversation")?),
                        document::user_id(who)?,
                    ),
                    found.number("seq")?,
                ))
            })
            .await?
            .into_iter()
            .collect();
        for mark in &mut marks {
            let found = found.get(&(mark.conversation_id, mark.user_id));
            mark.seq = mark.seq.max(found.copied().unwrap_or(0));
        }
        Ok(marks)
    }

    async fn mark_read(
        &self,
        conversation: ConversationId,
        user: UserId,
        seq: Seq,
    ) -> Result<bool> {
        let news = self.overlay.news_of(&[conversation]);
        let found = self.conversations(&[conversation]).await?;
        if !found.iter().any(|found| found.has_member(user)) {
            return Ok(false);
        }
        let mut sent = ReadMark {
            conversation_id: conversation,
            user_id: user,
            seq: 0,
        };
        if let Some(news) = news.get(&conversation) {
            news.amend_mark(&mut sent);
        }
        if sent.seq >= seq {
            return Ok(false);
        }
        let raise = self
            .collections
            .read_marks
            .update_one(
                doc! { "_id": read_mark_id(conversation, user) },
                // By the server's clock, as several processes stamp.
                vec![doc! { "$set": {
                    "seq": { "$max": ["$seq", seq] },
                    "at": { "$cond": [is_below("seq", seq), "$$NOW", "$at"] },
                } }],
            )
            .upsert(true);
        let done = self.timed("mongodb.update", raise).await?;
        Ok(done.modified_count > 0 || done.upserted_id.is_some())
    }

    /// A mark's stamp is when it moved, in milliseconds. One stamped earlier may show later.
    async fn moved_marks(
        &self,
        viewer: Option<UserId>,
        after: Stamp,
        late: Duration,
        limit: usize,
    ) -> Result<(Vec<MovedMark>, Stamp)> {
        let since = after.saturating_sub(stamps(late)).max(0);
        let since = document::time(Timestamp(since));
        let asked_at = self.reads_clock.now();
        let news = self.overlay.news_of(&self.overlay.moved());
        let mut filter = doc! { "at": { "$gt": since } };
        let mut hint = MOVED;
        if let Some(viewer) = viewer {
            let own = self.conversations_with(viewer).await?;
            let own = document::ids(own.iter().map(|id| id.0));
            filter.insert("_id.conversation", doc! { "$in": own });
            hint = CONVERSATION_MOVED;
        }
        let find = self
            .collections
            .read_marks
            .find(filter.clone())
            .sort(doc! { "at": 1 })
            .hint(hint)
            .limit(super::limit(limit));
        let mut moved = self.all(find, decode_moved).await?;
        let is_cut_short = moved.len() >= limit;
        if let (true, Some(last)) = (is_cut_short, moved.last().map(|last| last.stamp)) {
            // All of its moment, as who asks next begins behind that.
            filter.insert("at", document::time(Timestamp(last)));
            let find = self.collections.read_marks.find(filter);
            let of_moment = find.hint(hint);
            moved.retain(|moved| moved.stamp < last);
            moved.extend(self.all(of_moment, decode_moved).await?);
        }
        for moved in &mut moved {
            // What its owner has sent since moved it on.
            if let Some(news) = news.get(&moved.mark.conversation_id) {
                news.amend_mark(&mut moved.mark);
            }
        }
        let last = moved.last().map_or(after, |moved| moved.stamp);
        if is_cut_short {
            return Ok((moved, last));
        }
        if viewer.is_none() {
            self.reads_clock.learn(last);
        }
        Ok((moved, last.max(asked_at).max(after)))
    }

    async fn newest_stamp(&self) -> Result<Stamp> {
        let newest = self
            .collections
            .read_marks
            .find(doc! { "at": { "$exists": true } })
            .sort(doc! { "at": -1 })
            .hint(MOVED);
        let newest = self.first(newest, decode_moved).await?;
        let stamp = newest.map_or(0, |moved| moved.stamp);
        self.reads_clock.learn(stamp);
        Ok(stamp)
    }
}

/// A time in stamps, which are milliseconds.
fn stamps(time: Duration) -> Stamp {
    time.as_millis().try_into().unwrap_or(Stamp::MAX)
}

fn decode_moved(found: &RawDocument) -> Result<MovedMark> {
    let who = found.document("_id")?;
    Ok(MovedMark {
        mark: ReadMark {
            conversation_id: ConversationId(who.id("conversation")?),
            user_id: document::user_id(who)?,
            seq: found.number("seq")?,
        },
        stamp: found.time("at")?.0,
    })
}

/// What the server's clock shows at least, as the stamps that were read tell.
#[derive(Default)]
pub(super) struct ReadsClock(Mutex<Option<(Stamp, Instant)>>);

impl ReadsClock {
    fn learn(&self, stamp: Stamp) {
        if stamp > self.now() {
            *self.0.lock() = Some((stamp, Instant::now()));
        }
    }

    /// 0 when no stamp was read yet.
    fn now(&self) -> Stamp {
        let known = *self.0.lock();
        known.map_or(0, |(stamp, read)| {
            let since = i64::try_from(read.elapsed().as_millis()).unwrap_or(0);
            stamp.saturating_add(since)
        })
    }
}

#[async_trait]
impl Marks for MongoStore {
    async fn read_marks(&self, ids: &[ConversationId]) -> Result<Vec<ReadMark>> {
        let ids = ids.to_vec();
        self.bounded(|inner| async move { inner.members_marks(&ids).await })
            .await
    }

    async fn moved_marks(
        &self,
        viewer: Option<UserId>,
        after: Stamp,
        late: Duration,
        limit: usize,
    ) -> Result<(Vec<MovedMark>, Stamp)> {
        if limit == 0 {
            return Ok((Vec::new(), after));
        }
        self.bounded(
            move |inner| async move { inner.moved_marks(viewer, after, late, limit).await },
        )
        .await
    }

    fn stamps_late(&self, late: Duration) -> Stamp {
        stamps(late)
    }

    async fn newest_stamp(&self) -> Result<Stamp> {
        self.bounded(|inner| async move { inner.newest_stamp().await })
            .await
    }

    async fn mark_read(
        &self,
        conversation: ConversationId,
        user: UserId,
        seq: Seq,
    ) -> Result<bool> {
        if seq <= 0 {
            return Ok(false);
        }
        self.bounded(move |inner| async move { inner.mark_read(conversation, user, seq).await })
            .await
    }
}

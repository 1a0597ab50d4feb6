//! Conversations with their members inside, and read marks in documents of their own: a busy conversation's
//! document changes with its entries only.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mongodb::{
    bson::{Bson, Document, RawDocument, RawDocumentBuf, doc},
    options::Hint,
};
use parking_lot::Mutex;

use super::{
    Inner, MongoStore,
    document::{self, Fields, unreadable},
    error,
    following::{is_below, read_mark_id},
    record,
};
use crate::{
    domain::{
        Conversation, ConversationActivity, ConversationId, ConversationKind, MovedMark, Pair,
        Rank, ReadMark, Seq, Stamp, Stay, Step, Timestamp, UserId,
    },
    error::Result,
    store::Conversations,
};

/// The unique index that lets a pair have one direct conversation.
pub(super) const PAIR: &str = "pair";
/// How long to wait when what stands there cannot be read yet.
const PAUSE: Duration = Duration::from_millis(5);

/// Serves a member's list of conversations, and finds news in them.
pub(super) const MEMBER_RANK: &str = "member_rank";

/// Finds the read marks that moved lately.
pub(super) const MOVED: &str = "at";
/// Finds those of some conversations.
pub(super) const CONVERSATION_MOVED: &str = "conversation_at";

/// Finds someone's times in conversations that are over.
pub(super) const STAY_USER: &str = "user_position";

/// Finds who left a conversation behind a step.
pub(super) const STAY_CONVERSATION: &str = "conversation_until";

fn encode(conversation: &Conversation) -> Result<RawDocumentBuf> {
    let kind = match conversation.kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
    };
    let mut fields = doc! {
        "_id": document::id(conversation.id.0),
        "kind": kind,
        "members": record::encode_members(&conversation.members),
        // Without a rank it stands in nobody's list.
        "lastSeq": 0_i64,
        "lastStep": 0_i64,
        "createdAt": document::time(conversation.created_at),
    };
    if let Some(pair) = conversation.pair() {
        fields.insert("pair", document::pair(pair));
    }
    if let Some(title) = &conversation.title {
        fields.insert("title", title);
    }
    RawDocumentBuf::try_from(&fields).map_err(|_| unreadable("conversation"))
}

pub(super) fn decode(found: &RawDocument) -> Result<Conversation> {
    Ok(Conversation {
        id: ConversationId(found.id("_id")?),
        kind: decode_kind(found)?,
        title: found.text_if_any("title")?.map(str::to_owned),
        members: record::decode_members(found.array("members")?)?,
        created_at: found.time("createdAt")?,
        changed: found.number_or_zero("changed")?,
    })
}

fn decode_kind(found: &RawDocument) -> Result<ConversationKind> {
    match found.text("kind")? {
        "direct" => Ok(ConversationKind::Direct),
        "group" => Ok(ConversationKind::Group),
        _ => Err(unreadable("kind")),
    }
}

pub(super) fn decode_activity(found: &RawDocument) -> Result<ConversationActivity> {
    let last_activity_at = match found.time_if_any("lastActivityAt")? {
        Some(at) => at,
        None => found.time("createdAt")?,
    };
    Ok(ConversationActivity {
        conversation_id: ConversationId(found.id("_id")?),
        last_seq: found.number_or_zero("lastSeq")?,
        last_activity_at,
        rank: found.number_or_zero("lastRank")?,
    })
}

pub(super) fn among(ids: &[ConversationId]) -> Document {
    doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } }
}

impl Inner {
    async fn create_direct(&self, conversation: Conversation) -> Result<Conversation> {
        let Some(pair) = conversation.pair() else {
            return Err(unreadable("pair of a direct conversation"));
        };
        let document = encode(&conversation)?;
        let insert = async {
            match self.collections.conversations.insert_one(document).await {
                Err(failure) if error::clash(&failure).is_some() => Ok(false),
                result => result.map(|_| true),
            }
        };
        if self.timed("mongodb.insert", insert).await? {
            return Ok(conversation);
        }
        // Another one stands there, which a majority may not have yet: it is nobody's to see before.
        let deadline = self.deadline();
        loop {
            if let Some(existing) = self.direct_conversations(&[pair]).await?.pop() {
                return Ok(existing);
            }
            super::pause(PAUSE, deadline).await?;
        }
    }

    async fn create_group(&self, conversation: Conversation) -> Result<()> {
        let document = encode(&conversation)?;
        let insert = self.collections.conversations.insert_one(document);
        self.timed("mongodb.insert", insert).await.map(drop)
    }

    async fn departures(&self, id: ConversationId, after: Step) -> Result<Vec<(UserId, Stay)>> {
        let news = self.overlay.news_of(&[id]);
        let filter = doc! { "_id.conversation": document::id(id.0), "_id.until": { "$gt": after } };
        let find = self
            .collections
            .stays
            .find(filter)
            .hint(Hint::Name(STAY_CONVERSATION.to_owned()));
        let mut departures = self
            .all(find, |found| {
                let of = found.document("_id")?;
                let stay = Stay {
                    from: found.number("since")?,
                    to: Some(of.number("until")?),
                };
                Ok((document::user_id(of)?, stay))
            })
            .await?;
        for left in news.values().flat_map(|news| &news.left) {
            let stay = Stay {
                from: left.departure.since,
                to: Some(left.tail.step),
            };
            let departure = (left.departure.user_id, stay);
            if left.tail.step > after && !departures.contains(&departure) {
                departures.push(departure);
            }
        }
        Ok(departures)
    }

    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>> {
        let pairs: Vec<Bson> = pairs.iter().copied().map(document::pair).collect();
        let news = self.overlay.remade();
        let find = self
            .collections
            .conversations
            .find(doc! { "pair": { "$in": pairs } });
        let mut conversations = self.all(find, decode).await?;
        for conversation in &mut conversations {
            if let Some(news) = news.get(&conversation.id) {
                news.amend(conversation);
            }
        }
        Ok(conversations)
    }

    pub(super) async fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
        let news = self.overlay.news_of(ids);
        let find = self.collections.conversations.find(among(ids));
        let mut conversations = self.all(find, decode).await?;
        for conversation in &mut conversations {
            if let Some(news) = news.get(&conversation.id) {
                news.amend(conversation);
            }
        }
        Ok(conversations)
    }

    async fn activities(&self, ids: &[ConversationId]) -> Result<Vec<ConversationActivity>> {
        let news = self.overlay.news_of(ids);
        let fields =
            doc! { "kind": 1, "lastSeq": 1, "lastActivityAt": 1, "lastRank": 1, "createdAt": 1 };
        let find = self
            .collections
            .conversations
            .find(among(ids))
            .projection(fields);
        let found = self
            .all(find, |found| {
                Ok((decode_kind(found)?, decode_activity(found)?))
            })
            .await?;
        let amended = found.into_iter().map(|(kind, mut activity)| {
            if let Some(news) = news.get(&activity.conversation_id) {
                news.amend_activity(kind, &mut activity);
            }
            activity
        });
        Ok(amended.collect())
    }

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
}

impl Inner {
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
}

impl Inner {
    /// A mark's stamp is when it moved, in milliseconds. One stamped earlier may show later.
    async fn moved_marks(
        &self,
        viewer: Option<UserId>,
        after: Stamp,
        late: Duration,
        limit: usize,
    ) -> Result<(Vec<MovedMark>, Stamp)> {
        let late = i64::try_from(late.as_millis()).unwrap_or(i64::MAX);
        let since = document::time(Timestamp(after.saturating_sub(late).max(0)));
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
            .hint(Hint::Name(hint.to_owned()))
            .limit(super::limit(limit));
        let mut moved = self.all(find, decode_moved).await?;
        let is_cut_short = moved.len() >= limit;
        if let (true, Some(last)) = (is_cut_short, moved.last().map(|last| last.stamp)) {
            // All of its moment, as who asks next begins behind that.
            filter.insert("at", document::time(Timestamp(last)));
            let find = self.collections.read_marks.find(filter);
            let of_moment = find.hint(Hint::Name(hint.to_owned()));
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
            .hint(Hint::Name(MOVED.to_owned()));
        let newest = self.first(newest, decode_moved).await?;
        let stamp = newest.map_or(0, |moved| moved.stamp);
        self.reads_clock.learn(stamp);
        Ok(stamp)
    }
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
impl Conversations for MongoStore {
    async fn create_direct(&self, conversation: &Conversation) -> Result<Conversation> {
        let conversation = conversation.clone();
        self.bounded(|inner| async move { inner.create_direct(conversation).await })
            .await
    }

    async fn create_group(&self, conversation: &Conversation) -> Result<()> {
        let conversation = conversation.clone();
        self.bounded(|inner| async move { inner.create_group(conversation).await })
            .await
    }

    async fn departures(&self, id: ConversationId, after: Step) -> Result<Vec<(UserId, Stay)>> {
        self.bounded(move |inner| async move { inner.departures(id, after).await })
            .await
    }

    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>> {
        let pairs = pairs.to_vec();
        self.bounded(|inner| async move { inner.direct_conversations(&pairs).await })
            .await
    }

    async fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
        let ids = ids.to_vec();
        self.bounded(|inner| async move { inner.conversations(&ids).await })
            .await
    }

    async fn conversations_of(
        &self,
        viewer: UserId,
        after: Option<(Rank, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Conversation, ConversationActivity)>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.bounded(move |inner| async move { inner.list(viewer, after, limit).await })
            .await
    }

    async fn activities(&self, ids: &[ConversationId]) -> Result<Vec<ConversationActivity>> {
        let ids = ids.to_vec();
        self.bounded(|inner| async move { inner.activities(&ids).await })
            .await
    }

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

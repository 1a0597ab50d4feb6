//! Conversations with their members inside, and read marks in documents of their own: a busy conversation's
//! document changes with its messages only.

use std::collections::HashMap;

use async_trait::async_trait;
use mongodb::{
    bson::{Bson, Document, RawDocument, RawDocumentBuf, doc, raw::RawBsonRef},
    options::Hint,
};

use super::{
    Inner, MongoStore,
    bumps::read_mark_id,
    document::{self, Fields, unreadable},
    error,
};
use crate::{
    domain::{
        Conversation, ConversationActivity, ConversationId, ConversationKind, Member, MemberRole,
        Pair, ReadMark, Seq, Timestamp, UserId,
    },
    error::Result,
    store::Conversations,
};

/// The unique index that lets a pair have one direct conversation.
pub(super) const PAIR: &str = "pair";
/// Serves a member's list of conversations.
pub(super) const MEMBER_ACTIVITY: &str = "member_activity";

/// Later than any instant.
const END_OF_TIME: Timestamp = Timestamp(i64::MAX);

fn encode(conversation: &Conversation) -> RawDocumentBuf {
    let kind = match conversation.kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
    };
    let members: Vec<Document> = conversation
        .members
        .iter()
        .map(|member| {
            let role = match member.role {
                MemberRole::Owner => "owner",
                MemberRole::Member => "member",
            };
            doc! {
                "user": document::id(member.user_id.0), "role": role, "joinedAt": document::time(member.joined_at),
            }
        })
        .collect();
    let mut fields = doc! {
        "_id": document::id(conversation.id.0),
        "kind": kind,
        "members": members,
        "lastSeq": 0_i64,
        "createdAt": document::time(conversation.created_at),
    };
    match conversation.pair() {
        // Without an activity it stands in nobody's list until its first message.
        Some(pair) => fields.insert("pair", document::pair(pair)),
        None => fields.insert("lastActivityAt", document::time(conversation.created_at)),
    };
    if let Some(title) = &conversation.title {
        fields.insert("title", title);
    }
    RawDocumentBuf::try_from(&fields).unwrap_or_default()
}

fn decode(found: &RawDocument) -> Result<Conversation> {
    let kind = match found.text("kind")? {
        "direct" => ConversationKind::Direct,
        "group" => ConversationKind::Group,
        _ => return Err(unreadable("kind")),
    };
    let mut members = Vec::new();
    for member in found.array("members")? {
        let member = member
            .ok()
            .and_then(RawBsonRef::as_document)
            .ok_or_else(|| unreadable("member"))?;
        let role = match member.text("role")? {
            "owner" => MemberRole::Owner,
            "member" => MemberRole::Member,
            _ => return Err(unreadable("role")),
        };
        members.push(Member {
            user_id: document::user_id(member)?,
            role,
            joined_at: member.time("joinedAt")?,
        });
    }
    Ok(Conversation {
        id: ConversationId(found.id("_id")?),
        kind,
        title: found.text_if_any("title")?.map(str::to_owned),
        members,
        created_at: found.time("createdAt")?,
    })
}

fn decode_activity(found: &RawDocument) -> Result<ConversationActivity> {
    let last_activity_at = match found.time_if_any("lastActivityAt")? {
        Some(at) => at,
        None => found.time("createdAt")?,
    };
    Ok(ConversationActivity {
        conversation_id: ConversationId(found.id("_id")?),
        last_seq: found.number_or_zero("lastSeq")?,
        last_activity_at,
    })
}

fn among(ids: &[ConversationId]) -> Document {
    doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } }
}

impl Inner {
    async fn create_direct(&self, conversation: Conversation) -> Result<Conversation> {
        let Some(pair) = conversation.pair() else {
            return Err(unreadable("pair of a direct conversation"));
        };
        let insert = async {
            match self
                .collections
                .conversations
                .insert_one(encode(&conversation))
                .await
            {
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
            let find = self
                .collections
                .conversations
                .find(doc! { "pair": document::pair(pair) });
            if let Some(existing) = self.first(find, decode).await? {
                return Ok(existing);
            }
            if std::time::Instant::now() >= deadline {
                return Err(error::late());
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    async fn members_marks(&self, ids: &[ConversationId]) -> Result<Vec<ReadMark>> {
        let find = self
            .collections
            .conversations
            .find(among(ids))
            .projection(doc! { "members.user": 1 });
        let members = self
            .all(find, |found| {
                let conversation_id = ConversationId(found.id("_id")?);
                let users = found.array("members")?.into_iter().map(|member| {
                    let member = member.ok().and_then(RawBsonRef::as_document);
                    document::user_id(member.ok_or_else(|| unreadable("member"))?)
                });
                let mark = |user_id| ReadMark {
                    conversation_id,
                    user_id,
                    seq: self.bumps.read_by(conversation_id, user_id),
                };
                users.map(|user| user.map(mark)).collect::<Result<Vec<_>>>()
            })
            .await?;
        let mut marks: Vec<ReadMark> = members.into_iter().flatten().collect();
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

#[async_trait]
impl Conversations for MongoStore {
    async fn create_direct(&self, conversation: &Conversation) -> Result<Conversation> {
        let conversation = conversation.clone();
        self.bounded(|inner| async move { inner.create_direct(conversation).await })
            .await
    }

    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>> {
        let filter = doc! { "pair": { "$in": pairs.iter().copied().map(document::pair).collect::<Vec<_>>() } };
        self.bounded(|inner| async move {
            inner
                .all(inner.collections.conversations.find(filter), decode)
                .await
        })
        .await
    }

    async fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
        let filter = among(ids);
        self.bounded(|inner| async move {
            inner
                .all(inner.collections.conversations.find(filter), decode)
                .await
        })
        .await
    }

    async fn conversations_of(
        &self,
        viewer: UserId,
        after: Option<(Timestamp, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Conversation, ConversationActivity)>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (until, passed) = match after {
            Some((at, id)) => {
                let earlier = doc! { "lastActivityAt": { "$lt": document::time(at) } };
                (
                    at,
                    vec![earlier, doc! { "_id": { "$lt": document::id(id.0) } }],
                )
            }
            None => (END_OF_TIME, vec![doc! {}]),
        };
        let filter = doc! {
            "members.user": document::id(viewer.0),
            "lastActivityAt": { "$lte": document::time(until) },
            "$or": passed,
        };
        self.bounded(move |inner| async move {
            inner.settle_bumps().await?;
            let find = inner
                .collections
                .conversations
                .find(filter)
                .sort(doc! { "lastActivityAt": -1, "_id": -1 })
                .hint(Hint::Name(MEMBER_ACTIVITY.to_owned()))
                .limit(i64::try_from(limit).unwrap_or(i64::MAX));
            inner
                .all(find, |found| Ok((decode(found)?, decode_activity(found)?)))
                .await
        })
        .await
    }

    async fn activities(&self, ids: &[ConversationId]) -> Result<Vec<ConversationActivity>> {
        let filter = among(ids);
        let owed = self.inner.bumps.newest_of(ids);
        self.bounded(|inner| async move {
            let fields = doc! { "lastSeq": 1, "lastActivityAt": 1, "createdAt": 1 };
            let find = inner
                .collections
                .conversations
                .find(filter)
                .projection(fields);
            let mut activities = inner.all(find, decode_activity).await?;
            for activity in &mut activities {
                if let Some(newest) = owed
                    .get(&activity.conversation_id)
                    .filter(|newest| newest.seq > activity.last_seq)
                {
                    activity.last_seq = newest.seq;
                    activity.last_activity_at = newest.sent_at;
                }
            }
            Ok(activities)
        })
        .await
    }

    async fn read_marks(&self, ids: &[ConversationId]) -> Result<Vec<ReadMark>> {
        let ids = ids.to_vec();
        self.bounded(|inner| async move { inner.members_marks(&ids).await })
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
        self.bounded(move |inner| async move {
            let member =
                doc! { "_id": document::id(conversation.0), "members.user": document::id(user.0) };
            let member = inner
                .collections
                .conversations
                .find(member)
                .projection(doc! { "_id": 1 });
            if inner.first(member, |_| Ok(())).await?.is_none() {
                return Ok(false);
            }
            if inner.bumps.read_by(conversation, user) >= seq {
                return Ok(false);
            }
            let raise = inner
                .collections
                .read_marks
                .update_one(
                    doc! { "_id": read_mark_id(conversation, user) },
                    doc! { "$max": { "seq": seq } },
                )
                .upsert(true);
            let done = inner.timed("mongodb.update", raise).await?;
            Ok(done.modified_count > 0 || done.upserted_id.is_some())
        })
        .await
    }
}

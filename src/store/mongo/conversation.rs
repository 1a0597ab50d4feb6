//! Conversations with their members inside, and read marks in documents of their own: a busy conversation's
//! document changes with its entries only.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};

use super::{
    Inner, MongoStore,
    document::{self, Fields, unreadable},
    error, record,
};
use crate::{
    domain::{
        Conversation, ConversationActivity, ConversationId, ConversationKind, Pair, Rank, Stay,
        Step, UserId,
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
        let find = self.collections.stays.find(filter).hint(STAY_CONVERSATION);
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
}

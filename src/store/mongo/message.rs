//! Messages as they are read; how they are written is in [`super::append`].

use async_trait::async_trait;
use mongodb::{
    bson::{RawDocument, RawDocumentBuf, doc, raw::cstr},
    options::Hint,
};

use super::{
    Inner, MongoStore,
    document::{self, Fields, raw_id, read_id, read_number, read_time, unreadable},
};
use crate::{
    domain::{
        Body, ClientMessageId, ConversationId, Draft, Message, MessageId, Page, Position, Seq,
        UserId, Window,
    },
    error::Result,
    store::Messages,
};

/// The unique index that keeps the log without holes or doubles.
pub(super) const POSITION: &str = "position";
/// The same for each conversation; it also serves history.
pub(super) const CONVERSATION_SEQ: &str = "conversation_seq";
/// The unique index that makes a retry harmless.
pub(super) const SENDER_CLIENT_MESSAGE_ID: &str = "sender_clientMessageId";
/// Serves those who missed something.
pub(super) const CONVERSATION_POSITION: &str = "conversation_position";

/// In how many conversations one query looks; beyond 200 the server would walk through the log instead.
const MERGED: usize = 200;

/// A message as a document.
pub(super) fn encode(message: &Message) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), raw_id(&message.id.0));
    document.append(cstr!("position"), message.position);
    document.append(cstr!("conversation"), raw_id(&message.conversation_id.0));
    document.append(cstr!("seq"), message.seq);
    document.append(cstr!("sender"), raw_id(&message.sender_id.0));
    document.append(cstr!("body"), message.body.as_str());
    if let Some(client_message_id) = &message.client_message_id {
        document.append(cstr!("clientMessageId"), client_message_id.as_str());
    }
    document.append(
        cstr!("sentAt"),
        mongodb::bson::DateTime::from_millis(message.sent_at.0),
    );
    if let Some(reply_to) = &message.reply_to {
        document.append(cstr!("replyTo"), raw_id(&reply_to.0));
    }
    document
}

/// A document as a message, in one walk through its fields.
pub(super) fn decode(document: &RawDocument) -> Result<Message> {
    let (mut id, mut position, mut conversation, mut seq, mut sender, mut body, mut sent_at) =
        (None, None, None, None, None, None, None);
    let (mut client_message_id, mut reply_to) = (None, None);
    for field in document {
        let (key, value) = field.map_err(|_| unreadable("message"))?;
        match key.as_str() {
            "_id" => id = read_id(value),
            "position" => position = read_number(value),
            "conversation" => conversation = read_id(value),
            "seq" => seq = read_number(value),
            "sender" => sender = read_id(value),
            "body" => body = value.as_str(),
            "clientMessageId" => client_message_id = value.as_str(),
            "sentAt" => sent_at = read_time(value),
            "replyTo" => reply_to = read_id(value),
            _ => {}
        }
    }
    Ok(Message {
        id: MessageId(id.ok_or_else(|| unreadable("_id"))?),
        position: position.ok_or_else(|| unreadable("position"))?,
        conversation_id: ConversationId(conversation.ok_or_else(|| unreadable("conversation"))?),
        seq: seq.ok_or_else(|| unreadable("seq"))?,
        sender_id: UserId(sender.ok_or_else(|| unreadable("sender"))?),
        body: Body::stored(body.ok_or_else(|| unreadable("body"))?),
        client_message_id: client_message_id.map(ClientMessageId::stored),
        sent_at: sent_at.ok_or_else(|| unreadable("sentAt"))?,
        reply_to: reply_to.map(MessageId),
    })
}

/// A limit as the driver takes it.
fn limit(limit: usize) -> i64 {
    // The server takes 0 for "no limit"; who asks for nothing gets nothing before a query is made.
    i64::try_from(limit).unwrap_or(i64::MAX).max(1)
}

impl Inner {
    /// The messages after a position, in order.
    pub(super) async fn read_log(&self, after: Position, at_most: usize) -> Result<Vec<Message>> {
        let find = self
            .collections
            .messages
            .find(doc! { "position": { "$gt": after } })
            .sort(doc! { "position": 1 })
            .limit(limit(at_most));
        self.all(find, decode).await
    }

    /// The position of the newest message, 0 when there is none.
    pub(super) async fn newest_position(&self) -> Result<Position> {
        let newest = self
            .collections
            .messages
            .find(doc! {})
            .sort(doc! { "position": -1 })
            .projection(doc! { "_id": 0, "position": 1 });
        let read = |message: &RawDocument| message.number("position");
        Ok(self.first(newest, read).await?.unwrap_or(0))
    }

    /// The last seq of a conversation, 0 when it has no message.
    async fn last_seq(&self, conversation: ConversationId) -> Result<Seq> {
        let newest = self
            .collections
            .messages
            .find(doc! { "conversation": document::id(conversation.0) })
            .sort(doc! { "seq": -1 })
            .projection(doc! { "_id": 0, "seq": 1 });
        Ok(self
            .first(newest, |message| message.number("seq"))
            .await?
            .unwrap_or(0))
    }

    /// As seqs have no holes, what lies before a page is known from its first seq, and what lies behind from one
    /// message more.
    async fn history_page(
        &self,
        conversation: ConversationId,
        window: Window<Seq>,
    ) -> Result<Page<Message>> {
        let after = window.after.unwrap_or(0).max(0);
        let before = window.before.unwrap_or(Seq::MAX);
        let find = self
            .collections
            .messages
            .find(doc! { "conversation": document::id(conversation.0), "seq": { "$gt": after, "$lte": before } })
            .sort(doc! { "seq": if window.from_end { -1 } else { 1 } })
            .hint(Hint::Name(CONVERSATION_SEQ.to_owned()))
            .limit(limit(window.limit + 1));
        let mut items = self.all(find, decode).await?;
        if window.from_end {
            items.reverse();
        }
        // The one at `before` itself is not of the page; it was read to know that it is there.
        let mut has_next = items.last().is_some_and(|message| message.seq >= before);
        items.truncate(items.len() - usize::from(has_next));
        let surplus = items.len().saturating_sub(window.limit);
        if window.from_end {
            items.drain(..surplus);
        } else {
            items.truncate(window.limit);
            has_next |= surplus > 0;
        }
        let has_previous = if let Some(first) = items.first() {
            first.seq > 1
        } else {
            let last = self.last_seq(conversation).await?;
            has_next = last > 0 && before <= last;
            after > 0 && last > 0
        };
        Ok(Page {
            items,
            has_previous,
            has_next,
        })
    }

    /// The viewer's conversations that hold a message after a position.
    async fn with_news(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: Position,
    ) -> Result<Vec<ConversationId>> {
        self.settle_bumps().await?;
        let mut filter =
            doc! { "members.user": document::id(viewer.0), "lastPosition": { "$gt": after } };
        if let Some(conversation) = conversation {
            filter.insert("_id", document::id(conversation.0));
        }
        let find = self
            .collections
            .conversations
            .find(filter)
            .projection(doc! { "_id": 1 });
        self.all(find, |found| found.id("_id").map(ConversationId))
            .await
    }
}

#[async_trait]
impl Messages for MongoStore {
    async fn append(&self, drafts: &[Draft]) -> Result<Vec<Message>> {
        self.append_drafts(drafts).await
    }

    async fn head(&self) -> Result<Position> {
        self.bounded(|inner| async move { inner.newest_position().await })
            .await
    }

    async fn log_after(&self, position: Position, limit: usize) -> Result<Vec<Message>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.bounded(move |inner| async move {
            if position > inner.seen() {
                inner.catch_up(|_| ()).await?;
            }
            let messages = inner.read_log(position, limit).await?;
            inner.learn(&messages);
            Ok(messages)
        })
        .await
    }

    async fn missed(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: Position,
        up_to: Position,
        at_most: usize,
    ) -> Result<Vec<Message>> {
        if at_most == 0 || up_to <= after {
            return Ok(Vec::new());
        }
        self.bounded(move |inner| async move {
            if up_to > inner.seen() {
                inner.catch_up(|_| ()).await?;
            }
            let mut missed = Vec::new();
            for conversations in inner.with_news(viewer, conversation, after).await?.chunks(MERGED) {
                let find = inner
                    .collections
                    .messages
                    .find(doc! {
                        "conversation": { "$in": document::ids(conversations.iter().map(|id| id.0)) },
                        "position": { "$gt": after, "$lte": up_to },
                    })
                    .sort(doc! { "position": 1 })
                    .hint(Hint::Name(CONVERSATION_POSITION.to_owned()))
                    .limit(limit(at_most));
                missed.extend(inner.all(find, decode).await?);
            }
            missed.sort_unstable_by_key(|message| message.position);
            missed.truncate(at_most);
            Ok(missed)
        })
        .await
    }

    async fn history(
        &self,
        conversation: ConversationId,
        window: &Window<Seq>,
    ) -> Result<Page<Message>> {
        let window = window.clone();
        self.bounded(move |inner| async move { inner.history_page(conversation, window).await })
            .await
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>> {
        let filter = doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } };
        self.bounded(|inner| async move {
            inner
                .all(inner.collections.messages.find(filter), decode)
                .await
        })
        .await
    }

    async fn messages_at(&self, places: &[(ConversationId, Seq)]) -> Result<Vec<Message>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let at = |(conversation, seq): &(ConversationId, Seq)| doc! { "conversation": document::id(conversation.0), "seq": *seq };
        let filter = doc! { "$or": places.iter().map(at).collect::<Vec<_>>() };
        self.bounded(|inner| async move {
            inner
                .all(inner.collections.messages.find(filter), decode)
                .await
        })
        .await
    }
}

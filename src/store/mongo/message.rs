//! Messages as they are read, in their newest state.

use std::collections::HashMap;

use async_trait::async_trait;
use mongodb::bson::{RawDocument, doc};

use super::{
    Inner, MongoStore,
    document::{self, Fields},
    following::reaction_id,
    overlay::Reacted,
    record,
};
use crate::{
    domain::{
        ClientMessageId, ConversationId, Emoji, Message, MessageId, Page, Reactor, Seq, Step,
        UserId, Window,
    },
    error::Result,
    store::Messages,
};

/// Serves history.
pub(super) const CONVERSATION_MESSAGE: &str = "conversation_message";
/// The unique index that makes a retry harmless.
pub(super) const SENDER_CLIENT_MESSAGE_ID: &str = "sender_clientMessageId";

/// Finds what is under a message.
pub(super) const REACTED_MESSAGE: &str = "message";

/// How many places one query asks for.
const ASKED: usize = 200;

impl Inner {
    /// The last seq of a conversation, 0 when it has no message.
    async fn last_seq(&self, conversation: ConversationId) -> Result<Seq> {
        let newest = self
            .collections
            .messages
            .find(doc! { "conversation": document::id(conversation.0), "seq": { "$gt": 0_i64 } })
            .sort(doc! { "seq": -1 })
            .hint(CONVERSATION_MESSAGE)
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
        let changes = self.overlay.changes_in(conversation);
        let after = window.after.unwrap_or(0).max(0);
        let before = window.before.unwrap_or(Seq::MAX);
        let find = self
            .collections
            .messages
            .find(doc! { "conversation": document::id(conversation.0), "seq": { "$gt": after, "$lte": before } })
            .sort(doc! { "seq": if window.from_end { -1 } else { 1 } })
            .hint(CONVERSATION_MESSAGE)
            .limit(super::limit(window.limit + 1));
        let mut items = self.all(find, record::decode_message).await?;
        changes.amend(&mut items);
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

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>> {
        let changes = self.overlay.changes_of(ids);
        let ids = document::ids(ids.iter().map(|id| id.0));
        // Changes have ids too, and are no messages.
        let filter = doc! { "_id": { "$in": ids }, "seq": { "$exists": true } };
        let find = self.collections.messages.find(filter);
        let mut messages = self.all(find, record::decode_message).await?;
        changes.amend(&mut messages);
        Ok(messages)
    }

    async fn messages_at(&self, places: &[(ConversationId, Seq)]) -> Result<Vec<Message>> {
        let changes = self.overlay.all_changes();
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        let mut messages = Vec::new();
        for places in places.chunks(ASKED) {
            let at = |(conversation, seq): &(ConversationId, Seq)| doc! { "conversation": document::id(conversation.0), "seq": *seq };
            let find = self
                .collections
                .messages
                .find(doc! { "$or": places.iter().map(at).collect::<Vec<_>>() });
            messages.extend(self.all(find, record::decode_message).await?);
        }
        changes.amend(&mut messages);
        Ok(messages)
    }
}

impl Inner {
    async fn reactors(&self, ids: &[MessageId]) -> Result<Vec<Reactor>> {
        let news = self.overlay.reactions_to(ids);
        let ids = document::ids(ids.iter().map(|id| id.0));
        let find = self
            .collections
            .reactions
            .find(doc! { "_id.message": { "$in": ids }, "added": true })
            .hint(REACTED_MESSAGE);
        let mut found = self.all(find, decode_reaction).await?;
        if !news.is_empty() {
            // Something newer may have taken away what is new here.
            let changed = news.iter().map(|reacted| reaction_id(&reacted.change));
            let these = doc! { "_id": { "$in": changed.collect::<Vec<_>>() } };
            let find = self.collections.reactions.find(these);
            found.extend(self.all(find, decode_reaction).await?);
        }
        let mut known = HashMap::new();
        for (key, step, added) in found {
            known.insert(key, (step, added));
        }
        for Reacted { change, step, .. } in news {
            let key = (change.message_id, change.user_id, change.emoji.clone());
            let state = known.entry(key).or_insert((step, change.added));
            if state.0 < step {
                *state = (step, change.added);
            }
        }
        let present = known.into_iter().filter(|(_, (_, added))| *added);
        let reactor = |((message_id, user_id, emoji), (since, _))| Reactor {
            message_id,
            user_id,
            emoji,
            since,
        };
        Ok(present.map(reactor).collect())
    }

    async fn message_called(&self, sender: UserId, called: &str) -> Result<Option<Message>> {
        let changes = self.overlay.all_changes();
        let filter = doc! { "sender": document::id(sender.0), "clientMessageId": called };
        let find = self.collections.messages.find(filter);
        let mut found = self.first(find, record::decode_message).await?;
        changes.amend(&mut found);
        Ok(found)
    }
}

type ReactionKey = (MessageId, UserId, Emoji);

fn decode_reaction(found: &RawDocument) -> Result<(ReactionKey, Step, bool)> {
    let of = found.document("_id")?;
    let key = (
        MessageId(of.id("message")?),
        document::user_id(of)?,
        Emoji::stored(of.text("emoji")?),
    );
    let added = found.get_bool("added");
    let added = added.map_err(|_| document::unreadable("added"))?;
    Ok((key, found.number("step")?, added))
}

#[async_trait]
impl Messages for MongoStore {
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
        let ids = ids.to_vec();
        self.bounded(|inner| async move { inner.messages(&ids).await })
            .await
    }

    async fn reactors(&self, ids: &[MessageId]) -> Result<Vec<Reactor>> {
        let ids = ids.to_vec();
        self.bounded(|inner| async move { inner.reactors(&ids).await })
            .await
    }

    async fn message_called(
        &self,
        sender: UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>> {
        let called = client_message_id.clone();
        self.bounded(
            move |inner| async move { inner.message_called(sender, called.as_str()).await },
        )
        .await
    }

    async fn messages_at(&self, places: &[(ConversationId, Seq)]) -> Result<Vec<Message>> {
        let places = places.to_vec();
        self.bounded(|inner| async move { inner.messages_at(&places).await })
            .await
    }
}

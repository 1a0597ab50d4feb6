//! Searching messages.

use uuid::Uuid;

use super::{
    Query,
    connection::{ListCursor, decode, encode},
    conversation::ConversationRef,
    engine::fields,
    message::{Message, MessageConnection},
};
use crate::{
    chat::Place,
    domain::{ConversationId, PageArgs, SearchText, Seq, Timestamp},
};

/// Of a message in what a search found.
impl ListCursor for Place {
    fn write(&self) -> String {
        let id = self.conversation_id.0;
        let parts = [
            &self.sent_at.0.to_be_bytes(),
            &id.as_bytes()[..],
            &self.seq.to_be_bytes(),
        ];
        encode(b'f', &parts)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = decode(b'f', text)?;
        let (sent_at, rest) = bytes.split_first_chunk()?;
        let (id, seq) = rest.split_first_chunk()?;
        Some(Self {
            sent_at: Timestamp(i64::from_be_bytes(*sent_at)),
            conversation_id: ConversationId(Uuid::from_bytes(*id)),
            seq: Seq::from_be_bytes(seq.try_into().ok()?),
        })
    }
}

/// Of a message in the list that it stands in.
pub(super) enum MessageCursor {
    InHistory(Seq),
    Found(Place),
}

impl ListCursor for MessageCursor {
    fn write(&self) -> String {
        match self {
            Self::InHistory(seq) => seq.write(),
            Self::Found(place) => place.write(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let in_history = Seq::read(text).map(Self::InHistory);
        in_history.or_else(|| Place::read(text).map(Self::Found))
    }
}

fields! { queries of Query, |_query, cx| {
    /// Messages in the viewer's conversations whose body holds all the words, newest first. Case and marks are no matter; the last word may be the beginning of one, from two letters on.
    searchMessages(
        /// 1 to 10 words, at most 200 characters.
        text: String,
        /// Only there.
        r#in: Option<ConversationRef>,
        /// How many, 1 to 100.
        first: i32 = 20,
        /// Only what comes after this cursor.
        after: Option<String>,
    ): MessageConnection = each[page 20] loads {
        let viewer = cx.viewer_id()?;
        let window = PageArgs::forwards(first, after).window(0, Place::read)?;
        let text = SearchText::parse("text", &text)?;
        let target = match r#in {
            Some(reference) => Some(cx.chat.target(viewer, "in", reference.parse("in")?).await?),
            None => None,
        };
        let found = cx.chat.search(viewer, &text, target.as_ref(), window.after, window.limit);
        let found = found.await?;
        let items = found.items.into_iter().map(Message::found).collect();
        Ok(MessageConnection::new(items, found.has_previous, found.has_next))
    };
} }

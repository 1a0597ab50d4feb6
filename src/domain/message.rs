//! What people say, and the two numbers that order it.

use std::sync::Arc;

use super::{ConversationId, MessageId, Timestamp, UserId};
use crate::error::{Error, Result};

/// A message's place in its conversation: 1, 2, 3, … without holes.
pub type Seq = i64;

/// A message's place among all messages of the store, in commit order: 1, 2, 3, … without holes. Nobody ever sees
/// n + 1 before n, so one number says exactly what a reader has had.
pub type Position = i64;

/// A message as it is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub position: Position,
    pub conversation_id: ConversationId,
    pub seq: Seq,
    pub sender_id: UserId,
    pub body: Body,
    pub client_message_id: Option<ClientMessageId>,
    pub sent_at: Timestamp,
    pub reply_to: Option<MessageId>,
}

/// A message on its way to the store, which gives it its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Made once, before the first try: it tells "ours was written" when the outcome of a write is unknown.
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub sender_id: UserId,
    pub body: Body,
    pub client_message_id: Option<ClientMessageId>,
    pub sent_at: Timestamp,
    pub reply_to: Option<MessageId>,
}

impl Draft {
    /// The message that this becomes at its place.
    pub fn placed(&self, position: Position, seq: Seq) -> Message {
        Message {
            id: self.id,
            position,
            conversation_id: self.conversation_id,
            seq,
            sender_id: self.sender_id,
            body: self.body.clone(),
            client_message_id: self.client_message_id.clone(),
            sent_at: self.sent_at,
            reply_to: self.reply_to,
        }
    }
}

/// 1 to 4,000 characters, not only white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(Arc<str>);

impl Body {
    /// Checks a text from a client; `field` is the argument's path.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::bad_input(field, "A message needs some text."));
        }
        if text.chars().count() > 4_000 {
            return Err(Error::bad_input(
                field,
                "A message has at most 4,000 characters.",
            ));
        }
        Ok(Self(text.into()))
    }

    /// Takes what a store kept, which was checked before it was kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the sender's client called a message: 1 to 64 characters, unique among its sender's messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientMessageId(Arc<str>);

impl ClientMessageId {
    /// Checks an id from a client; `field` is the argument's path.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        if !(1..=64).contains(&text.chars().count()) {
            return Err(Error::bad_input(
                field,
                "A clientMessageId has 1 to 64 characters.",
            ));
        }
        Ok(Self(text.into()))
    }

    /// Takes what a store kept, which was checked before it was kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

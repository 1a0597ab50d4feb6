//! What people say.

use std::sync::Arc;

use super::{ConversationId, MessageId, MessageState, Step, Timestamp, UserId};
use crate::error::{Error, Result};

/// A message's place in its conversation: 1, 2, 3, … without holes.
pub type Seq = i64;

/// A message in its newest state.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    /// 0 while it is on its way to the store.
    pub seq: Seq,
    pub sender_id: UserId,
    /// Empty when deleted.
    pub body: Body,
    pub client_message_id: Option<ClientMessageId>,
    pub sent_at: Timestamp,
    pub reply_to: Option<MessageId>,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// Of what was first sent, once that was changed and where its client gave it an id.
    pub first: Option<Fingerprint>,
    /// The step that edited or deleted it last; 0 when none has. What is of a lower step is older.
    pub changed: Step,
    /// The step that changed its reactions last; 0 when none has.
    pub reacted: Step,
}

impl Message {
    /// A message as it is first sent, on its way to the store.
    pub fn new(
        conversation_id: ConversationId,
        sender_id: UserId,
        body: Body,
        sent_at: Timestamp,
    ) -> Self {
        Self {
            id: MessageId::new(),
            conversation_id,
            seq: 0,
            sender_id,
            body,
            client_message_id: None,
            sent_at,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
            first: None,
            changed: 0,
            reacted: 0,
        }
    }

    /// Takes over a state that the step `at` gave it, unless it is as new already.
    pub fn change(&mut self, state: &MessageState, at: Step) {
        if at > self.changed {
            let MessageState {
                body,
                edited_at,
                deleted_at,
                first,
            } = state.clone();
            self.body = body;
            self.edited_at = edited_at;
            self.deleted_at = deleted_at;
            self.first = first;
            self.changed = at;
        }
    }

    /// Takes note that the step `at` changed its reactions.
    pub fn react(&mut self, at: Step) {
        self.reacted = self.reacted.max(at);
    }

    /// The step of its newest change of any kind; 0 when it is as it was sent.
    pub fn touched(&self) -> Step {
        self.changed.max(self.reacted)
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}

/// Tells one text from all others without telling it: half of a keyed SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

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

    /// Of a message that was deleted.
    pub fn none() -> Self {
        Self("".into())
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

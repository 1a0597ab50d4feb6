//! Messages: sending them and looking back.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::{Chat, Target, sending::Posting};
use crate::{
    domain::{
        Body, ClientMessageId, Conversation, ConversationId, ConversationRef, Message, MessageId,
        Page, Seq, Timestamp, User, UserId, Window,
    },
    error::{Error, Result},
};

/// A message that someone wants to send, checked.
pub struct NewMessage {
    pub to: ConversationRef,
    pub body: Body,
    pub client_message_id: Option<ClientMessageId>,
    pub reply_to: Option<MessageId>,
}

/// A message that was sent, with what is known around it.
pub struct Sent {
    pub message: Arc<Message>,
    pub conversation: Arc<Conversation>,
    pub sender: Arc<User>,
}

impl Chat {
    /// Sends a message; it is durable when this returns, and is sent to its end even when nobody waits for that. What is
    /// not handed to the store by `deadline` is dropped.
    ///
    /// # Errors
    /// Those of [`Chat::target`]; [`Error::NotFound`] for someone whose account was deleted; [`Error::Forbidden`] where
    /// one of the two has blocked the other; [`Error::Conflict`] when the client's id was used for something else;
    /// [`Error::NotFound`] for a reply to what is not in this conversation; limits;
    /// [`Error::Unavailable`] when the outcome is not known.
    pub async fn send(&self, viewer: UserId, new: NewMessage, deadline: Instant) -> Result<Sent> {
        let NewMessage {
            to,
            body,
            client_message_id,
            reply_to,
        } = new;
        if let Some(throttles) = &self.0.throttles {
            throttles.send(viewer)?;
        }
        let target = self.target(viewer, "input.to", to).await?;
        self.check_reach(viewer, "input.to", to, &target).await?;
        if let Some(id) = reply_to {
            let field = "input.replyToId";
            let (_, conversation) = self.visible_message(viewer, field, id).await?;
            if !target.is(&conversation) {
                return Err(Error::no_message(field));
            }
        }
        let conversation = self.started(target).await?;
        let sender = self
            .0
            .directory
            .user(viewer)
            .await?
            .filter(|sender| !sender.is_deleted())
            .ok_or(Error::signed_out())?;
        let message = Message {
            id: MessageId::new(),
            conversation_id: conversation.id,
            seq: 0,
            sender_id: viewer,
            body,
            client_message_id,
            sent_at: Timestamp::now(),
            reply_to,
            edited_at: None,
            deleted_at: None,
            changed: 0,
        };
        let posting = Posting {
            message: message.clone(),
            conversation: conversation.clone(),
            sender: sender.clone(),
            deadline,
        };
        let sent = self.0.outbox.post(posting).await?;
        // What it said first is not known any more once it was changed.
        let first_differs = sent.conversation_id != message.conversation_id
            || (sent.changed == 0 && sent.body != message.body)
            || sent.reply_to != message.reply_to;
        if first_differs {
            let sentence = "This clientMessageId was used for another message.";
            return Err(Error::conflict("input.clientMessageId", sentence));
        }
        if self.0.typing.stop((conversation.id, viewer)) {
            self.tell_typing(&conversation, viewer, false).await?;
        }
        Ok(Sent {
            message: sent,
            conversation,
            sender,
        })
    }

    /// A part of a conversation's history.
    ///
    /// # Errors
    /// Those of [`Chat::target`]; the store's.
    pub async fn history(&self, target: &Target, window: &Window<Seq>) -> Result<Page<Message>> {
        match target {
            Target::Existing(conversation) => self.0.store.history(conversation.id, window).await,
            Target::Unstarted(_) => Ok(Page {
                items: Vec::new(),
                has_previous: false,
                has_next: false,
            }),
        }
    }

    /// Those of `ids` that exist. It is the caller who knows that the viewer may see them.
    ///
    /// # Errors
    /// The store's.
    pub async fn messages(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Arc<Message>>> {
        let messages = self.0.store.messages(ids).await?;
        Ok(messages
            .into_iter()
            .map(|message| (message.id, Arc::new(message)))
            .collect())
    }

    /// The messages at these places. It is the caller who knows that the viewer may see them.
    ///
    /// # Errors
    /// The store's.
    pub async fn messages_at(
        &self,
        places: &[(ConversationId, Seq)],
    ) -> Result<HashMap<(ConversationId, Seq), Arc<Message>>> {
        let messages = self.0.store.messages_at(places).await?;
        Ok(messages
            .into_iter()
            .map(|message| ((message.conversation_id, message.seq), Arc::new(message)))
            .collect())
    }

    /// Conversations by id. It is the caller who knows that the viewer may see them.
    ///
    /// # Errors
    /// The store's.
    pub async fn conversations_by_id(
        &self,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Arc<Conversation>>> {
        self.0.directory.conversations(ids).await
    }
}

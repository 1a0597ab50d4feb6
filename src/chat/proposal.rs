//! What people want to happen in conversations, before it is decided whether it may.

use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::{
    Body, ClientMessageId, Conversation, ConversationId, ConversationKind, Emoji, GroupTitle,
    Message, MessageId, Timestamp, User, UserId,
};

/// What a client calls one of its messages.
pub(super) type ClientKey = (UserId, ClientMessageId);

/// Something that someone wants to happen in a conversation.
pub(super) struct Proposal {
    pub(super) conversation: Arc<Conversation>,
    /// Who wants it.
    pub(super) by: Arc<User>,
    pub(super) at: Timestamp,
    pub(super) what: Proposed,
    /// Nobody waits longer; what is not handed to the store by then is dropped.
    pub(super) deadline: Instant,
}

pub(super) enum Proposed {
    /// Its `seq` is not known yet.
    Send(Message),
    Edit(MessageId, Body),
    Delete(MessageId),
    React {
        to: MessageId,
        emoji: Emoji,
        added: bool,
    },
    /// The conversation, which nobody knows yet, is made.
    Make,
    Rename(GroupTitle),
    Add(Vec<UserId>),
    Remove(UserId),
    /// Whoever wants it has blocked the other one of a direct conversation.
    Estrange,
}

impl Proposal {
    pub(super) fn conversation_id(&self) -> ConversationId {
        self.conversation.id
    }

    /// What its client calls it, if it is a message and its client does.
    pub(super) fn client_key(&self) -> Option<ClientKey> {
        match &self.what {
            Proposed::Send(message) => {
                let id = message.client_message_id.clone()?;
                Some((message.sender_id, id))
            }
            _ => None,
        }
    }

    /// The message that has to be known to decide on it.
    pub(super) fn about(&self) -> Option<MessageId> {
        match &self.what {
            Proposed::Send(message) => message.reply_to,
            Proposed::Edit(id, _) | Proposed::Delete(id) | Proposed::React { to: id, .. } => {
                Some(*id)
            }
            Proposed::Make
            | Proposed::Rename(_)
            | Proposed::Add(_)
            | Proposed::Remove(_)
            | Proposed::Estrange => None,
        }
    }

    /// Whether it may not happen where one of two has blocked the other.
    pub(super) fn takes_peace(&self) -> bool {
        let writes = matches!(
            self.what,
            Proposed::Send(_) | Proposed::Edit(..) | Proposed::React { .. }
        );
        writes && self.conversation.kind == ConversationKind::Direct
    }
}

/// How things stand once something was done, or was found to be done already.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) conversation: Arc<Conversation>,
    /// If it was about one.
    pub(super) message: Option<Arc<Message>>,
    /// Who sent that.
    pub(super) sender: Option<Arc<User>>,
}

//! Messages: sending and changing them, and looking back.

use std::{collections::HashMap, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::{
    Chat, Target,
    outbox::{Sending, late},
    proposal::{Proposal, Proposed, Written},
};
use crate::{
    domain::{
        Body, ClientMessageId, Conversation, ConversationId, ConversationRef, Emoji, Message,
        MessageId, Page, Pair, Reaction, Seq, Timestamp, User, UserId, Window,
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

/// A message, with what is known around it.
pub struct ShownMessage {
    pub message: Arc<Message>,
    pub conversation: Arc<Conversation>,
    pub sender: Option<Arc<User>>,
}

/// A message that was sent: now, or earlier under the same client's id.
struct Sent {
    message: ShownMessage,
    is_repeat: bool,
}

/// Whether a send is not allowed, so that nothing was written.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. } | Error::Forbidden(_))
}

impl TryFrom<Written> for ShownMessage {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self> {
        let message = written.message;
        Ok(Self {
            message: message.ok_or_else(|| Error::Internal("a change of no message".into()))?,
            conversation: written.conversation,
            sender: written.sender,
        })
    }
}

impl Chat {
    /// Sends a message; it is durable when this returns, and is sent to its end even when nobody waits for that. What is
    /// not handed to the store by `deadline` is dropped. A message that was sent before with the same client's id is
    /// given in its newest state, whatever stands in its way by now.
    ///
    /// # Errors
    /// Those of [`Chat::target`]; [`Error::NotFound`] for someone whose account was deleted; [`Error::Forbidden`] where
    /// one of the two has blocked the other; [`Error::Conflict`] when the client's id was used for something else;
    /// [`Error::NotFound`] for a reply to what is not in this conversation; limits;
    /// [`Error::Unavailable`] when the outcome is not known.
    pub async fn send(
        &self,
        viewer: UserId,
        new: NewMessage,
        deadline: Instant,
    ) -> Result<ShownMessage> {
        let _sending = self.admit(viewer, &new, deadline).await?;
        let knows_all = self.is_up_to_date();
        let was_remembered = self.remembers(viewer, &new);
        // Nothing is written past what others did, known here or not: its step would not be the next one.
        let mut sent = self.send_as_known(viewer, &new, deadline).await;
        if !knows_all {
            let again = self.review(viewer, &new, was_remembered, &mut sent);
            if again.await? {
                sent = self.send_as_known(viewer, &new, deadline).await;
            }
        }
        match sent {
            Ok(sent) => Ok(sent.message),
            Err(error) if is_refusal(&error) => {
                let earlier = self.sent_before(viewer, &new).await?;
                earlier.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets a send count among its sender's, unless it repeats one that is written or on its way, as a repeat makes no
    /// message. Says that it is on its way, if it has a name by which it can be repeated.
    async fn admit(
        &self,
        viewer: UserId,
        new: &NewMessage,
        deadline: Instant,
    ) -> Result<Option<Sending<'_>>> {
        let outbox = &self.0.outbox;
        let sending = match &new.client_message_id {
            None => None,
            Some(called) => {
                let key = (viewer, called.clone());
                loop {
                    let written = outbox.written(&key);
                    if written.is_some_and(|written| self.is_repeat(viewer, new, &written)) {
                        return Ok(None);
                    }
                    match outbox.begin(&key) {
                        Ok(sending) => break Some(sending),
                        Err(other) => timeout_at(deadline, other.cancelled())
                            .await
                            .map_err(|_| late())?,
                    }
                }
            }
        };
        if let Some(throttles) = &self.0.throttles {
            throttles.send(viewer)?;
        }
        Ok(sending)
    }

    /// Whether what a client sends is what was written before.
    fn is_repeat(&self, viewer: UserId, new: &NewMessage, written: &Written) -> bool {
        let conversation = &written.conversation;
        let is_to = match new.to {
            ConversationRef::Conversation(id) => conversation.id == id,
            ConversationRef::User(other) => {
                Pair::new(viewer, other).is_some_and(|pair| conversation.pair() == Some(pair))
            }
        };
        let sent = written.message.as_ref();
        is_to && sent.is_some_and(|sent| self.check_is_same(sent, conversation.id, new).is_ok())
    }

    /// Whether what a client sends is remembered as it was written before.
    fn remembers(&self, viewer: UserId, new: &NewMessage) -> bool {
        let called = new.client_message_id.clone();
        called.is_some_and(|called| self.0.outbox.remembers(&(viewer, called)))
    }

    /// Looks, now that all is known that others did, at what may be out of date: a refusal, and what is shown of an earlier
    /// message. Tells whether it is to be sent once more.
    async fn review(
        &self,
        viewer: UserId,
        new: &NewMessage,
        was_remembered: bool,
        sent: &mut Result<Sent>,
    ) -> Result<bool> {
        match sent {
            Err(error) if is_refusal(error) => {
                self.up_to_date().await?;
                Ok(true)
            }
            Ok(sent) if sent.is_repeat => {
                self.up_to_date().await?;
                let shown = &mut sent.message;
                match self.target(viewer, "input.to", new.to).await? {
                    Target::Existing(of_now) if of_now.id == shown.conversation.id => {
                        shown.conversation = of_now;
                    }
                    _ => return Ok(true),
                }
                if was_remembered {
                    // What no longer is was changed.
                    return Ok(!self.remembers(viewer, new));
                }
                let id = shown.message.id;
                if let Some(newest) = self.messages(&[id]).await?.remove(&id) {
                    shown.message = newest;
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    async fn send_as_known(
        &self,
        viewer: UserId,
        new: &NewMessage,
        deadline: Instant,
    ) -> Result<Sent> {
        let target = self.target(viewer, "input.to", new.to).await?;
        self.send_to(viewer, &target, new, deadline).await
    }

    async fn send_to(
        &self,
        viewer: UserId,
        target: &Target,
        new: &NewMessage,
        deadline: Instant,
    ) -> Result<Sent> {
        self.check_reach(viewer, "input.to", new.to, target).await?;
        if let Some(id) = new.reply_to {
            let field = "input.replyToId";
            let (conversation, _) = self.visible_message(viewer, field, id).await?;
            if !target.is(&conversation) {
                return Err(Error::no_message(field));
            }
        }
        let conversation = self.started(target.clone()).await?;
        let at = Timestamp::now();
        let message = Message {
            client_message_id: new.client_message_id.clone(),
            reply_to: new.reply_to,
            ..Message::new(conversation.id, viewer, new.body.clone(), at)
        };
        let own = message.id;
        let (by, id) = (self.active(viewer).await?, conversation.id);
        let send = Proposed::Send(message);
        let sent = self.propose(by, conversation, at, send, deadline).await?;
        let sent = ShownMessage::try_from(sent)?;
        self.check_is_same(&sent.message, id, new)?;
        self.stops_typing(&sent.conversation, viewer).await?;
        Ok(Sent {
            is_repeat: sent.message.id != own,
            message: sent,
        })
    }

    /// Whether a message is the one that is sent again.
    fn check_is_same(&self, sent: &Message, to: ConversationId, new: &NewMessage) -> Result<()> {
        let said = &self.0.fingerprints;
        let is_same = sent.conversation_id == to
            && sent.reply_to == new.reply_to
            && said.said_first(sent, &new.body);
        if is_same {
            return Ok(());
        }
        let sentence = "This clientMessageId was used for another message.";
        Err(Error::conflict("input.clientMessageId", sentence))
    }

    /// The same message, if it was sent before.
    async fn sent_before(&self, viewer: UserId, new: &NewMessage) -> Result<Option<ShownMessage>> {
        let Some(called) = &new.client_message_id else {
            return Ok(None);
        };
        let target = self.target(viewer, "input.to", new.to).await?;
        let Target::Existing(conversation) = target else {
            return Ok(None);
        };
        let Some(message) = self.0.store.message_called(viewer, called).await? else {
            return Ok(None);
        };
        self.check_is_same(&message, conversation.id, new)?;
        Ok(Some(ShownMessage {
            message: Arc::new(message),
            conversation,
            sender: self.0.directory.user(viewer).await?,
        }))
    }

    /// Gives a message of the viewer's another text; the same one changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a message that the viewer may not see, or that was deleted; [`Error::Forbidden`] for one
    /// that somebody else sent, and where one of two has blocked the other; limits; the store's.
    pub async fn edit_message(
        &self,
        viewer: UserId,
        id: MessageId,
        body: Body,
        deadline: Instant,
    ) -> Result<ShownMessage> {
        let conversation = self.changeable(viewer, id).await?;
        self.check_peace(viewer, &conversation).await?;
        let edit = Proposed::Edit(id, body);
        self.change(viewer, conversation, edit, deadline).await
    }

    /// Deletes a message of the viewer's, or in a group of the viewer's: its text is gone for good, its place stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a message that the viewer may not see; [`Error::Forbidden`] for one that is not the
    /// viewer's to delete; limits; the store's.
    pub async fn delete_message(
        &self,
        viewer: UserId,
        id: MessageId,
        deadline: Instant,
    ) -> Result<ShownMessage> {
        let conversation = self.changeable(viewer, id).await?;
        let delete = Proposed::Delete(id);
        self.change(viewer, conversation, delete, deadline).await
    }

    /// Puts an emoji under a message, or takes it away; what is so already stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a message that the viewer may not see, or that was deleted; bad input for one kind too
    /// many; [`Error::Forbidden`] where one of two has blocked the other; limits; the store's.
    pub async fn react(
        &self,
        viewer: UserId,
        to: MessageId,
        emoji: Emoji,
        added: bool,
        deadline: Instant,
    ) -> Result<ShownMessage> {
        let conversation = self.changeable(viewer, to).await?;
        self.check_peace(viewer, &conversation).await?;
        let react = Proposed::React { to, emoji, added };
        self.change(viewer, conversation, react, deadline).await
    }

    /// The conversation of a message that the viewer sees and may change as often as one may send.
    async fn changeable(&self, viewer: UserId, id: MessageId) -> Result<Arc<Conversation>> {
        if let Some(throttles) = &self.0.throttles {
            throttles.send(viewer)?;
        }
        let (conversation, _) = self.visible_message(viewer, "messageId", id).await?;
        Ok(conversation)
    }

    async fn change(
        &self,
        viewer: UserId,
        conversation: Arc<Conversation>,
        what: Proposed,
        deadline: Instant,
    ) -> Result<ShownMessage> {
        let (by, at) = (self.active(viewer).await?, Timestamp::now());
        let changed = self.propose(by, conversation, at, what, deadline);
        changed.await?.try_into()
    }

    /// The viewer, whose account is there.
    pub(super) async fn active(&self, viewer: UserId) -> Result<Arc<User>> {
        let user = self.0.directory.user(viewer).await?;
        user.filter(|user| !user.is_deleted())
            .ok_or(Error::signed_out())
    }

    /// Hands in what someone wants to happen, and waits until it is durable.
    pub(super) async fn propose(
        &self,
        by: Arc<User>,
        conversation: Arc<Conversation>,
        at: Timestamp,
        what: Proposed,
        deadline: Instant,
    ) -> Result<Written> {
        let proposal = Proposal {
            conversation,
            by,
            at,
            what,
            deadline,
        };
        self.0.outbox.post(proposal).await
    }

    /// Who put which emoji under messages. It is the caller who knows that the viewer may see them.
    ///
    /// # Errors
    /// The store's.
    pub async fn reactions(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Vec<Reaction>>> {
        let mut of_message = HashMap::<_, Vec<_>>::new();
        for reactor in self.0.store.reactors(ids).await? {
            let reactors = of_message.entry(reactor.message_id).or_default();
            reactors.push(reactor);
        }
        let reactions = of_message.into_iter();
        let reactions = reactions.map(|(id, reactors)| (id, Reaction::of(reactors)));
        Ok(reactions.collect())
    }

    /// A part of a conversation's history; nothing of one that the viewer has left since.
    ///
    /// # Errors
    /// The store's.
    pub async fn history(
        &self,
        viewer: UserId,
        target: &Target,
        window: &Window<Seq>,
    ) -> Result<Page<Message>> {
        match target {
            Target::Existing(conversation) if self.is_member(viewer, conversation) => {
                self.0.store.history(conversation.id, window).await
            }
            Target::Existing(_) | Target::Unstarted(_) => Ok(Page {
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

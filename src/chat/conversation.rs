//! Conversations: finding them, listing them, reading and typing in them.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::Chat;
use crate::{
    domain::{
        Conversation, ConversationActivity, ConversationId, ConversationKind, ConversationRef,
        Message, MessageId, Pair, Rank, ReadMark, Seq, Timestamp, TypingEvent, UserId,
    },
    error::{Error, Result},
    realtime::typing::Sign,
};

/// The conversation that a viewer means.
#[derive(Clone, Debug)]
pub enum Target {
    /// It exists, and the viewer is a member.
    Existing(Arc<Conversation>),
    /// The direct conversation of two people which nobody has started.
    Unstarted(Pair),
}

impl Target {
    /// What cursors of this conversation's stream are bound to: the same before and after it is started.
    pub(super) fn scope(&self, viewer: UserId) -> Uuid {
        match self {
            Self::Existing(conversation) => conversation
                .peer_of(viewer)
                .map_or(conversation.id.0, |peer| peer.0),
            Self::Unstarted(pair) if pair.low() == viewer => pair.high().0,
            Self::Unstarted(pair) => pair.low().0,
        }
    }

    /// The other one, unless it is a group.
    pub(super) fn peer_of(&self, viewer: UserId) -> Option<UserId> {
        match self {
            Self::Existing(conversation) => conversation.peer_of(viewer),
            Self::Unstarted(pair) if pair.low() == viewer => Some(pair.high()),
            Self::Unstarted(pair) => Some(pair.low()),
        }
    }

    /// Whether `conversation` is the one that is meant.
    pub fn is(&self, conversation: &Conversation) -> bool {
        match self {
            Self::Existing(meant) => meant.id == conversation.id,
            Self::Unstarted(pair) => conversation.pair() == Some(*pair),
        }
    }
}

impl Chat {
    /// The conversation that `viewer` means by `reference`; `field` is the argument's path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it, or the user, does not exist or the viewer is no member; a reference to oneself
    /// is bad input.
    pub async fn target(
        &self,
        viewer: UserId,
        field: &str,
        reference: ConversationRef,
    ) -> Result<Target> {
        match reference {
            ConversationRef::Conversation(id) => match self.0.directory.conversation(id).await? {
                Some(conversation) if conversation.has_member(viewer) => {
                    Ok(Target::Existing(conversation))
                }
                _ => Err(Error::no_conversation(format!("{field}.conversationId"))),
            },
            ConversationRef::User(peer) => {
                let Some(pair) = Pair::new(viewer, peer) else {
                    return Err(Error::bad_input(
                        format!("{field}.userId"),
                        "There is no conversation with oneself.",
                    ));
                };
                if let Some(conversation) = self.0.directory.direct(&[pair]).await?.remove(&pair) {
                    return Ok(Target::Existing(conversation));
                }
                match self.0.directory.user(peer).await? {
                    Some(user) if !user.is_deleted() => Ok(Target::Unstarted(pair)),
                    _ => Err(Error::no_user(format!("{field}.userId"))),
                }
            }
        }
    }

    /// The conversation, made if nobody has started it yet. It shows nowhere before its first message.
    pub(super) async fn started(&self, target: Target) -> Result<Arc<Conversation>> {
        match target {
            Target::Existing(conversation) => Ok(conversation),
            Target::Unstarted(pair) => {
                let fresh = Conversation::direct(pair, Timestamp::now());
                Ok(self
                    .0
                    .directory
                    .learn_conversation(self.0.store.create_direct(&fresh).await?))
            }
        }
    }

    /// Whether someone belongs to a conversation by now; events show it also to who has left it since.
    pub fn is_member(&self, user: UserId, conversation: &Conversation) -> bool {
        let newest = self.0.directory.cached_conversation(conversation.id);
        let newest = newest.as_deref().unwrap_or(conversation);
        newest.has_member(user)
    }

    /// A conversation of the viewer's; `None` for all others.
    ///
    /// # Errors
    /// The store's.
    pub async fn conversation(
        &self,
        viewer: UserId,
        id: ConversationId,
    ) -> Result<Option<Arc<Conversation>>> {
        let Some(conversation) = self.0.directory.conversation(id).await? else {
            return Ok(None);
        };
        if !conversation.has_member(viewer) {
            return Ok(None);
        }
        let shown = self.only_started([conversation]).await?;
        Ok(shown.into_iter().next())
    }

    /// The viewer's conversations, most recent activity first.
    ///
    /// # Errors
    /// The store's.
    pub async fn conversations(
        &self,
        viewer: UserId,
        after: Option<(Rank, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Arc<Conversation>, ConversationActivity)>> {
        let listed = self.0.store.conversations_of(viewer, after, limit).await?;
        let learn = |(conversation, activity)| {
            (self.0.directory.learn_conversation(conversation), activity)
        };
        Ok(listed.into_iter().map(learn).collect())
    }

    /// The direct conversations among `pairs` that someone has started.
    ///
    /// # Errors
    /// The store's.
    pub async fn direct_conversations(
        &self,
        pairs: &[Pair],
    ) -> Result<HashMap<Pair, Arc<Conversation>>> {
        let found = self.0.directory.direct(pairs).await?;
        let shown = self.only_started(found.into_values()).await?;
        Ok(shown
            .into_iter()
            .filter_map(|conversation| Some((conversation.pair()?, conversation)))
            .collect())
    }

    async fn only_started(
        &self,
        conversations: impl IntoIterator<Item = Arc<Conversation>>,
    ) -> Result<Vec<Arc<Conversation>>> {
        let mut conversations = conversations.into_iter().collect::<Vec<_>>();
        let ids = conversations
            .iter()
            .map(|conversation| conversation.id)
            .collect::<Vec<_>>();
        let activities = self.activities(&ids).await?;
        conversations.retain(|conversation| {
            conversation.kind == ConversationKind::Group
                || activities
                    .get(&conversation.id)
                    .is_some_and(|activity| activity.last_seq > 0)
        });
        Ok(conversations)
    }

    /// What follows from the messages of conversations.
    ///
    /// # Errors
    /// The store's.
    pub async fn activities(
        &self,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, ConversationActivity>> {
        let activities = self.0.store.activities(ids).await?;
        Ok(activities
            .into_iter()
            .map(|activity| (activity.conversation_id, activity))
            .collect())
    }

    /// The read marks of all members of conversations.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_marks(
        &self,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Vec<ReadMark>>> {
        let mut marks = HashMap::<_, Vec<_>>::new();
        for mark in self.0.store.read_marks(ids).await? {
            marks.entry(mark.conversation_id).or_default().push(mark);
        }
        Ok(marks)
    }

    /// Marks everything up to and including a message as read by the viewer.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a message that the viewer may not see; the store's.
    pub async fn mark_read(&self, viewer: UserId, message: MessageId) -> Result<Arc<Conversation>> {
        let (conversation, seq) = self.visible_message(viewer, "messageId", message).await?;
        if self.0.store.mark_read(conversation.id, viewer, seq).await? {
            self.0.marks.insert((conversation.id, viewer), seq);
            self.0.signalling.read();
            self.tell_read((conversation.id, viewer), seq).await;
        }
        Ok(conversation)
    }

    /// Where a message stands that the viewer may see; `field` is the argument's path.
    pub(super) async fn visible_message(
        &self,
        viewer: UserId,
        field: &str,
        id: MessageId,
    ) -> Result<(Arc<Conversation>, Seq)> {
        let nothing = || Error::no_message(field);
        let place = match self.0.places.get(&id) {
            Some(place) => Some(place),
            None => self.look_up_place(id).await?,
        };
        let (conversation_id, seq) = place.ok_or_else(nothing)?;
        match self.0.directory.conversation(conversation_id).await? {
            Some(conversation) if conversation.has_member(viewer) => Ok((conversation, seq)),
            _ => Err(nothing()),
        }
    }

    async fn look_up_place(&self, id: MessageId) -> Result<Option<(ConversationId, Seq)>> {
        let place = |message: Message| (message.id, (message.conversation_id, message.seq));
        let read = async |ids: Vec<MessageId>| {
            let found = self.0.store.messages(&ids).await?;
            Ok(found.into_iter().map(place).collect())
        };
        let found = self.0.lookups.one(id, read).await?;
        if let Some(place) = found {
            self.0.places.insert(id, place);
        }
        Ok(found)
    }

    /// Tells the other members that the viewer is typing, or no longer.
    ///
    /// # Errors
    /// As for [`Chat::target`]; [`Error::NotFound`] for someone whose account was deleted.
    pub async fn set_typing(
        &self,
        viewer: UserId,
        reference: ConversationRef,
        typing: bool,
    ) -> Result<()> {
        let target = self.target(viewer, "in", reference).await?;
        match self.check_reach(viewer, "in", reference, &target).await {
            // That stands in nobody's way, and nobody is told.
            Err(Error::Forbidden(_)) => return Ok(()),
            reaches => reaches?,
        }
        let Target::Existing(conversation) = target else {
            return Ok(());
        };
        if !typing {
            return self.stops_typing(&conversation, viewer).await;
        }
        // A block may have made it, which shows nowhere.
        let is_begun = || {
            self.0
                .hub
                .tail(conversation.id)
                .is_some_and(|tail| tail.seq > 0)
        };
        let is_known_to_show = conversation.changed > 0 || is_begun();
        if !is_known_to_show && self.only_started([conversation.clone()]).await?.is_empty() {
            return Ok(());
        }
        let typist = (conversation.id, viewer);
        let sign = self.0.typing.start(typist);
        if sign != Sign::Close {
            self.0.signalling.typing(typist, true);
        }
        if sign == Sign::First {
            self.tell_typing(&conversation, viewer, true).await?;
        }
        Ok(())
    }

    /// Notes that someone types no more, and tells it here and elsewhere.
    pub(super) async fn stops_typing(
        &self,
        conversation: &Arc<Conversation>,
        typist: UserId,
    ) -> Result<()> {
        if !self.0.typing.stop((conversation.id, typist)) {
            return Ok(());
        }
        self.0.signalling.typing((conversation.id, typist), false);
        self.tell_typing(conversation, typist, false).await
    }

    /// Tells the others here. When the typist cannot be read, a beginning is told with the next sign of life, and an end
    /// once typing has faded again.
    pub(super) async fn tell_typing(
        &self,
        conversation: &Arc<Conversation>,
        typist: UserId,
        typing: bool,
    ) -> Result<()> {
        let user = match self.0.directory.user(typist).await {
            Ok(Some(user)) => user,
            Ok(None) => return Ok(()),
            Err(error) => {
                if typing {
                    self.0.typing.stop((conversation.id, typist));
                } else {
                    self.0.typing.keep((conversation.id, typist));
                }
                return Err(error);
            }
        };
        let event = Arc::new(TypingEvent {
            conversation: conversation.clone(),
            user,
            typing,
        });
        let others = conversation
            .members
            .iter()
            .map(|member| member.user_id)
            .filter(|id| *id != typist);
        self.0.hub.typing(&event, others);
        Ok(())
    }
}

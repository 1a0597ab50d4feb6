//! The rules of what may happen in a conversation, held against how it stands before the next step.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    Chat,
    blocks::{self, Estranged},
    fingerprint::FingerprintKey,
    proposal::{Proposal, Proposed, Written},
};
use crate::{
    domain::{
        Body, Conversation, ConversationId, ConversationKind, Emoji, Entry, Happening, Limits,
        Member, MemberRole, Message, MessageChange, MessageId, MessageState, ReactionChange,
        Reactor, User, UserId,
    },
    error::{Error, Result},
};

/// How things stand, as far as proposals are about them. What is decided is applied, so that the next proposal is held
/// against it.
#[derive(Default)]
pub(super) struct Standing {
    conversations: HashMap<ConversationId, Arc<Conversation>>,
    messages: HashMap<MessageId, Arc<Message>>,
    senders: HashMap<UserId, Arc<User>>,
    reactors: HashMap<MessageId, Vec<Reactor>>,
    /// Of those who want to write to one other person.
    estranged: HashMap<UserId, Estranged>,
}

/// What becomes of a proposal.
pub(super) enum Decision {
    Happens(Happening),
    /// It is so already.
    Is(Written),
}

impl Standing {
    /// Reads what proposals are about. What was told here by now is part of it.
    pub(super) async fn read(
        chat: &Chat,
        proposals: impl Iterator<Item = &Proposal> + Clone,
    ) -> Result<Self> {
        let is_new = |proposal: &&Proposal| matches!(proposal.what, Proposed::Make);
        let known = proposals.clone().filter(|proposal| !is_new(proposal));
        let known = known.map(Proposal::conversation_id).collect::<Vec<_>>();
        let mut standing = Self {
            conversations: chat.0.directory.conversations(&known).await?,
            estranged: chat.estranged_of(proposals.clone()).await?,
            ..Self::default()
        };
        for new in proposals.clone().filter(is_new) {
            let conversations = &mut standing.conversations;
            let id = new.conversation_id();
            conversations.insert(id, new.conversation.clone());
        }
        let ids: HashSet<MessageId> = proposals.clone().filter_map(Proposal::about).collect();
        if ids.is_empty() {
            return Ok(standing);
        }
        let ids = ids.into_iter().collect::<Vec<_>>();
        standing.messages = chat.messages(&ids).await?;
        let senders = standing.messages.values().map(|message| message.sender_id);
        let senders = senders.collect::<Vec<_>>();
        standing.senders = chat.0.directory.users(&senders).await?;
        let reacted = proposals.filter_map(|proposal| match proposal.what {
            Proposed::React { to, .. } => Some(to),
            _ => None,
        });
        let reacted = reacted.collect::<HashSet<_>>().into_iter();
        let reacted = reacted.collect::<Vec<_>>();
        if !reacted.is_empty() {
            for reactor in chat.0.store.reactors(&reacted).await? {
                // It may have come after the message was read.
                if let Some(message) = standing.messages.get_mut(&reactor.message_id) {
                    Arc::make_mut(message).react(reactor.since);
                }
                let of_message = standing.reactors.entry(reactor.message_id).or_default();
                of_message.push(reactor);
            }
        }
        Ok(standing)
    }

    /// Applies an entry that was decided on, and gives how things stand with it.
    pub(super) fn apply(&mut self, entry: &Entry, proposal: &Proposal) -> Written {
        let unknown = || proposal.conversation.clone();
        let conversations = self.conversations.entry(entry.conversation_id);
        let conversation = conversations.or_insert_with(unknown);
        let mut message = None;
        match &entry.what {
            Happening::Sent(sent) => message = Some(sent.clone()),
            Happening::MessageChanged(MessageChange { message_id, state }) => {
                if let (Some(known), Some(state)) = (self.messages.get_mut(message_id), state) {
                    Arc::make_mut(known).change(state, entry.step);
                    message = Some(known.clone());
                }
            }
            Happening::Reacted(change) => {
                if let Some(known) = self.messages.get_mut(&change.message_id) {
                    Arc::make_mut(known).react(entry.step);
                    message = Some(known.clone());
                }
                let reactors = self.reactors.entry(change.message_id).or_default();
                reactors.retain(|reactor| !is_by(reactor, change.user_id, &change.emoji));
                if change.added {
                    reactors.push(Reactor {
                        message_id: change.message_id,
                        user_id: change.user_id,
                        emoji: change.emoji.clone(),
                        since: entry.step,
                    });
                }
            }
            Happening::ConversationChanged(state) => {
                Arc::make_mut(conversation).change(state, entry.step);
            }
            Happening::Estranged(_) => {}
        }
        let conversation = conversation.clone();
        self.written(conversation, message, &proposal.by)
    }

    /// Whether a direct conversation that has no message yet is still to be made.
    pub(super) fn is_unmade(&self, id: ConversationId) -> bool {
        let conversation = self.conversations.get(&id);
        conversation.is_some_and(|of| of.kind == ConversationKind::Direct && of.changed == 0)
    }

    fn written(
        &self,
        conversation: Arc<Conversation>,
        message: Option<Arc<Message>>,
        by: &Arc<User>,
    ) -> Written {
        let sender = message.as_ref().and_then(|message| {
            let known = self.senders.get(&message.sender_id);
            known.or(Some(by).filter(|by| by.id == message.sender_id))
        });
        Written {
            sender: sender.cloned(),
            conversation,
            message,
        }
    }

    /// Decides on a proposal.
    ///
    /// # Errors
    /// Those that its sender is told.
    pub(super) fn decide(
        &self,
        proposal: &Proposal,
        limits: &Limits,
        fingerprints: &FingerprintKey,
    ) -> Result<Decision> {
        let Proposal {
            conversation: proposed,
            by,
            at,
            what,
            ..
        } = proposal;
        let conversation = self.conversations.get(&proposed.id);
        let member = conversation.and_then(|conversation| {
            let member = conversation.member(by.id)?;
            Some((conversation, member))
        });
        let Some((conversation, member)) = member else {
            return Err(stranger(what));
        };
        if proposal.takes_peace()
            && let Some(peer) = conversation.peer_of(by.id)
            && let Some(estranged) = self.estranged.get(&by.id)
        {
            blocks::check(estranged, peer)?;
        }
        let is = |message: Option<&Arc<Message>>| {
            Ok(Decision::Is(self.written(
                conversation.clone(),
                message.cloned(),
                by,
            )))
        };
        let happens = |what| Ok(Decision::Happens(what));
        let message = |id: &MessageId| {
            let message = self.messages.get(id);
            message.filter(|message| message.conversation_id == conversation.id)
        };
        match what {
            Proposed::Send(sent) => {
                if let Some(id) = &sent.reply_to {
                    let answered = message(id).filter(|message| !message.is_deleted());
                    answered.ok_or_else(|| Error::no_message("input.replyToId"))?;
                }
                happens(Happening::Sent(Arc::new(sent.clone())))
            }
            Proposed::Edit(id, body) => {
                let message = message(id).ok_or_else(no_message)?;
                if message.sender_id != by.id {
                    return Err(Error::Forbidden("Only its sender can edit a message."));
                }
                if message.is_deleted() {
                    return Err(no_message());
                }
                if message.body == *body {
                    return is(Some(message));
                }
                happens(Happening::MessageChanged(MessageChange {
                    message_id: *id,
                    state: Some(MessageState {
                        body: body.clone(),
                        edited_at: Some((*at).max(message.sent_at)),
                        deleted_at: None,
                        first: fingerprints.first_of(message),
                    }),
                }))
            }
            Proposed::Delete(id) => {
                let message = message(id).ok_or_else(no_message)?;
                if message.sender_id != by.id && !is_owner(member) {
                    return Err(Error::Forbidden(
                        "Only its sender and a group's owner can delete a message.",
                    ));
                }
                if message.is_deleted() {
                    return is(Some(message));
                }
                happens(Happening::MessageChanged(MessageChange {
                    message_id: *id,
                    state: Some(MessageState {
                        body: Body::none(),
                        edited_at: message.edited_at,
                        deleted_at: Some((*at).max(message.sent_at)),
                        first: fingerprints.first_of(message),
                    }),
                }))
            }
            Proposed::React { to, emoji, added } => {
                let message = message(to).filter(|message| !message.is_deleted());
                let message = message.ok_or_else(no_message)?;
                let reactors = self.reactors.get(to).map_or(&[][..], Vec::as_slice);
                if reactors.iter().any(|known| is_by(known, by.id, emoji)) == *added {
                    return is(Some(message));
                }
                if *added {
                    let kinds: HashSet<&Emoji> =
                        reactors.iter().map(|known| &known.emoji).collect();
                    if kinds.len() >= Emoji::KINDS && !kinds.contains(emoji) {
                        let rule = format!(
                            "A message takes at most {} kinds of reactions.",
                            Emoji::KINDS
                        );
                        return Err(Error::bad_input("emoji", rule));
                    }
                }
                happens(Happening::Reacted(ReactionChange {
                    message_id: *to,
                    user_id: by.id,
                    emoji: emoji.clone(),
                    added: *added,
                }))
            }
            Proposed::Make => happens(Happening::ConversationChanged(conversation.state())),
            Proposed::Rename(title) => {
                owners_only(conversation, by.id)?;
                if conversation.title.as_deref() == Some(title.as_str()) {
                    return is(None);
                }
                let mut state = conversation.state();
                state.title = Some(title.as_str().to_owned());
                happens(Happening::ConversationChanged(state))
            }
            Proposed::Add(users) => {
                owners_only(conversation, by.id)?;
                let new = users.iter().filter(|user| !conversation.has_member(**user));
                let new: Vec<UserId> = new.copied().collect();
                if new.is_empty() {
                    return is(None);
                }
                check_size("userIds", conversation.members.len() + new.len(), limits)?;
                happens(Happening::ConversationChanged(conversation.with(&new, *at)))
            }
            Proposed::Remove(user) => {
                let leaves = *user == by.id;
                if leaves {
                    groups_only(conversation)?;
                } else {
                    owners_only(conversation, by.id)?;
                }
                if !conversation.has_member(*user) {
                    return Err(Error::no_user("userId"));
                }
                happens(Happening::ConversationChanged(conversation.without(*user)))
            }
            Proposed::Estrange => {
                let pair = conversation.pair();
                let pair = pair.ok_or_else(|| Error::Internal("a group cannot part".into()))?;
                happens(Happening::Estranged(pair))
            }
        }
    }
}

fn is_owner(member: &Member) -> bool {
    member.role == MemberRole::Owner
}

fn is_by(reactor: &Reactor, user: UserId, emoji: &Emoji) -> bool {
    reactor.user_id == user && reactor.emoji == *emoji
}

fn no_message() -> Error {
    Error::no_message("messageId")
}

/// What someone is told who is no member: the same as of a conversation that does not exist.
fn stranger(what: &Proposed) -> Error {
    match what {
        Proposed::Send(_) => Error::no_conversation("input.to.conversationId"),
        Proposed::Edit(..) | Proposed::Delete(_) | Proposed::React { .. } => no_message(),
        Proposed::Make
        | Proposed::Rename(_)
        | Proposed::Add(_)
        | Proposed::Remove(_)
        | Proposed::Estrange => Error::no_conversation("conversationId"),
    }
}

/// A direct conversation has no title and always the same members.
pub(super) fn groups_only(conversation: &Conversation) -> Result<()> {
    match conversation.kind {
        ConversationKind::Group => Ok(()),
        ConversationKind::Direct => Err(Error::bad_input(
            "conversationId",
            "This is a conversation of two people, not a group.",
        )),
    }
}

/// Of a group, its owner alone may change who is in it and what it is called.
pub(super) fn owners_only(conversation: &Conversation, user: UserId) -> Result<()> {
    groups_only(conversation)?;
    if conversation.member(user).is_some_and(is_owner) {
        return Ok(());
    }
    Err(Error::Forbidden("Only the group's owner can do this."))
}

/// A group has 2 to so many members; `field` is the argument's path.
pub(super) fn check_size(field: &str, members: usize, limits: &Limits) -> Result<()> {
    let most = limits.group_members;
    if members > most {
        let rule = format!("A group has at most {most} members.");
        return Err(Error::bad_input(field, rule));
    }
    Ok(())
}

//! What is told to those who listen.

use std::sync::Arc;

use super::{
    Conversation, Departure, Message, Position, Progress, Stamp, Step, TermsCheck, User, UserId,
};

/// Where this process stands in the log: how far it has told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// How many records it has told since its start; orders what it tells.
    pub index: u64,
    pub progress: Progress,
    pub terms: TermsCheck,
    /// Up to which read marks were told that moved.
    pub reads: Stamp,
}

/// An entry of the log as it is told.
#[derive(Debug)]
pub struct LogEvent {
    pub position: Position,
    pub step: Step,
    /// Where this process stands with it.
    pub stand: Arc<Stand>,
    /// As the entry leaves it.
    pub conversation: Arc<Conversation>,
    pub told: Told,
}

impl LogEvent {
    /// Whether `user` is to hear of it: it is a member, or was one until then.
    pub fn concerns(&self, user: UserId) -> bool {
        self.conversation.has_member(user) || self.is_departure_of(user)
    }

    /// Whether `user` left with it.
    pub fn is_departure_of(&self, user: UserId) -> bool {
        self.departures().iter().any(|left| left.user_id == user)
    }

    /// Who left with it.
    pub fn departures(&self) -> &[Departure] {
        match &self.told {
            Told::ConversationChanged(departures) => departures,
            Told::Sent(_) | Told::MessageChanged(_) | Told::Nothing => &[],
        }
    }

    /// Whether `user` became a member with it.
    pub fn is_arrival_of(&self, user: UserId) -> bool {
        let member = self.conversation.member(user);
        matches!(self.told, Told::ConversationChanged(_))
            && member.is_some_and(|member| member.since == self.step)
    }
}

/// What an entry tells.
#[derive(Clone, Debug)]
pub enum Told {
    Sent(Arc<MessageEvent>),
    /// A message was edited, deleted or reacted to.
    MessageChanged(Arc<MessageEvent>),
    /// With those who are members no more.
    ConversationChanged(Vec<Departure>),
    /// It is told to nobody, or what it is about is not there to be shown.
    Nothing,
}

/// A message that was sent or changed, with what the usual documents select beside it.
#[derive(Debug)]
pub struct MessageEvent {
    pub message: Arc<Message>,
    pub conversation: Arc<Conversation>,
    pub sender: Arc<User>,
}

/// A member read further.
#[derive(Debug)]
pub struct ReadEvent {
    pub conversation: Arc<Conversation>,
    pub reader: Arc<User>,
    /// The newest message that the reader has read.
    pub last_read: Arc<Message>,
    pub stamp: Stamp,
}

/// A member started or stopped typing.
#[derive(Clone, Debug)]
pub struct TypingEvent {
    pub conversation: Arc<Conversation>,
    pub user: Arc<User>,
    pub typing: bool,
}

/// Who came online and who went offline, gathered over a short while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnlineChange {
    pub joined: Vec<UserId>,
    pub left: Vec<UserId>,
}

//! What is told to those who listen.

use std::sync::Arc;

use super::{Conversation, Message, MessageId, Position, Progress, TermsCheck, User, UserId};

/// Where this process stands in the log: how far it has told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// How many records it has told since its start; orders what it tells.
    pub index: u64,
    pub progress: Progress,
    pub terms: TermsCheck,
}

/// An entry of the log as it is told.
#[derive(Debug)]
pub struct LogEvent {
    pub position: Position,
    /// Where this process stands with it.
    pub stand: Arc<Stand>,
    pub conversation: Arc<Conversation>,
    pub told: Told,
}

/// What an entry tells.
#[derive(Clone, Debug)]
pub enum Told {
    Sent(Arc<MessageEvent>),
    MessageChanged(MessageId),
    ConversationChanged,
}

/// A message that was sent, with what the usual documents select beside it.
#[derive(Debug)]
pub struct MessageEvent {
    pub message: Arc<Message>,
    pub conversation: Arc<Conversation>,
    pub sender: Arc<User>,
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

//! What is told to those who listen.

use std::sync::Arc;

use super::{Conversation, Message, User, UserId};

/// A message that was just written, with what the usual documents select beside it.
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

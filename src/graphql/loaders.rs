//! Loaders: what many fields of a page ask for one by one is read from the store at once. Nothing is kept between
//! batches, so nothing goes stale, and keys name the viewer where the answer depends on one.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    chat::Chat,
    domain::{
        Conversation, ConversationActivity, ConversationId, Message, MessageId, Pair, Reaction,
        ReadMark, Seq, Timestamp, User, UserId,
    },
    error::{Error, Result},
};

/// All loaders, each by the type of its key.
pub struct Loaders(pub(super) Chat);

/// A conversation's activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ActivityOf(pub(super) ConversationId);

/// A conversation's read marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MarksOf(pub(super) ConversationId);

/// The message at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MessageAt(pub(super) ConversationId, pub(super) Seq);

/// What is under a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReactionsOf(pub(super) MessageId);

/// When a user was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LastSeenOf(pub(super) UserId);

/// Declares the loader of what the chat has for many keys. The last part says what the chat calls a key.
macro_rules! loader {
    ($key:ty => $value:ty, |$loaders:ident, $keys:ident| $load:expr, |$by:ident| $called:expr) => {
        impl Loader<$key> for Loaders {
            type Value = $value;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>> {
                let called = |$by: &$key| $called;
                let ($loaders, $keys) = (&self.0, keys.iter().map(called).collect::<Vec<_>>());
                let mut found = $load.await?;
                let found = keys
                    .iter()
                    .filter_map(|key| Some((*key, found.remove(&called(key))?)));
                Ok(found.collect())
            }
        }
    };
}

loader!(UserId => Arc<User>, |chat, ids| chat.users(&ids), |id| *id);
loader!(ConversationId => Arc<Conversation>, |chat, ids| chat.conversations_by_id(&ids), |id| *id);
loader!(Pair => Arc<Conversation>, |chat, pairs| chat.direct_conversations(&pairs), |pair| *pair);
loader!(ActivityOf => ConversationActivity, |chat, ids| chat.activities(&ids), |of| of.0);
loader!(MarksOf => Vec<ReadMark>, |chat, ids| chat.read_marks(&ids), |of| of.0);
loader!(MessageAt => Arc<Message>, |chat, places| chat.messages_at(&places), |at| (at.0, at.1));
loader!(MessageId => Arc<Message>, |chat, ids| chat.messages(&ids), |id| *id);
loader!(ReactionsOf => Vec<Reaction>, |chat, ids| chat.reactions(&ids), |of| of.0);
loader!(LastSeenOf => Timestamp, |chat, ids| chat.last_seen(&ids), |of| of.0);

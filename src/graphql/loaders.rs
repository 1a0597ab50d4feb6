//! Loaders: what many fields of a page ask for one by one is read from the store at once. Nothing is kept between
//! batches, so nothing goes stale, and keys name the viewer where the answer depends on one.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_graphql::dataloader::Loader;

use crate::{
    chat::Chat,
    domain::{
        Conversation, ConversationActivity, ConversationId, Message, MessageId, Pair, ReadMark,
        Seq, Timestamp, User, UserId,
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

/// When a user was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LastSeenOf(pub(super) UserId);

/// Values by the loader's key, from values by another.
fn rekeyed<K: Copy + Eq + Hash, I: Eq + Hash, V>(
    keys: &[K],
    inner: impl Fn(K) -> I,
    mut found: HashMap<I, V>,
) -> HashMap<K, V> {
    keys.iter()
        .filter_map(|key| found.remove(&inner(*key)).map(|value| (*key, value)))
        .collect()
}

impl Loader<UserId> for Loaders {
    type Value = Arc<User>;
    type Error = Error;

    async fn load(&self, keys: &[UserId]) -> Result<HashMap<UserId, Arc<User>>> {
        self.0.users(keys).await
    }
}

impl Loader<ConversationId> for Loaders {
    type Value = Arc<Conversation>;
    type Error = Error;

    async fn load(
        &self,
        keys: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Arc<Conversation>>> {
        self.0.conversations_by_id(keys).await
    }
}

impl Loader<Pair> for Loaders {
    type Value = Arc<Conversation>;
    type Error = Error;

    async fn load(&self, keys: &[Pair]) -> Result<HashMap<Pair, Arc<Conversation>>> {
        self.0.direct_conversations(keys).await
    }
}

impl Loader<ActivityOf> for Loaders {
    type Value = ConversationActivity;
    type Error = Error;

    async fn load(&self, keys: &[ActivityOf]) -> Result<HashMap<ActivityOf, ConversationActivity>> {
        let ids = keys.iter().map(|key| key.0).collect::<Vec<_>>();
        Ok(rekeyed(keys, |key| key.0, self.0.activities(&ids).await?))
    }
}

impl Loader<MarksOf> for Loaders {
    type Value = Vec<ReadMark>;
    type Error = Error;

    async fn load(&self, keys: &[MarksOf]) -> Result<HashMap<MarksOf, Vec<ReadMark>>> {
        let ids = keys.iter().map(|key| key.0).collect::<Vec<_>>();
        Ok(rekeyed(keys, |key| key.0, self.0.read_marks(&ids).await?))
    }
}

impl Loader<MessageAt> for Loaders {
    type Value = Arc<Message>;
    type Error = Error;

    async fn load(&self, keys: &[MessageAt]) -> Result<HashMap<MessageAt, Arc<Message>>> {
        let places = keys.iter().map(|key| (key.0, key.1)).collect::<Vec<_>>();
        Ok(rekeyed(
            keys,
            |key| (key.0, key.1),
            self.0.messages_at(&places).await?,
        ))
    }
}

impl Loader<MessageId> for Loaders {
    type Value = Arc<Message>;
    type Error = Error;

    async fn load(&self, keys: &[MessageId]) -> Result<HashMap<MessageId, Arc<Message>>> {
        self.0.messages(keys).await
    }
}

impl Loader<LastSeenOf> for Loaders {
    type Value = Timestamp;
    type Error = Error;

    async fn load(&self, keys: &[LastSeenOf]) -> Result<HashMap<LastSeenOf, Timestamp>> {
        let ids = keys.iter().map(|key| key.0).collect::<Vec<_>>();
        Ok(rekeyed(keys, |key| key.0, self.0.last_seen(&ids).await?))
    }
}

//! Users and conversations in memory: what every event needs and what hardly ever changes.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::kept;
use crate::{
    cache::Cache,
    domain::{Conversation, ConversationId, Pair, User, UserId},
    error::Result,
    store::DynStore,
};

const CACHED_USERS: usize = 100_000;
const CACHED_CONVERSATIONS: usize = 100_000;

/// Looks users and conversations up, in memory first.
pub(super) struct Directory {
    store: DynStore,
    users: Cache<UserId, Arc<User>>,
    /// Counts the changes of users that were made here.
    changes: Mutex<u64>,
    conversations: Cache<ConversationId, Arc<Conversation>>,
    direct: Cache<Pair, ConversationId>,
}

/// When users were read: before or after a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct AsOf(u64);

impl Directory {
    /// Users are looked up again after `kept_shared`, where other processes may change them.
    pub(super) fn new(store: DynStore, kept_shared: Duration) -> Self {
        let kept = kept(&store, kept_shared);
        Self {
            store,
            users: Cache::new(CACHED_USERS).lasting(kept),
            changes: Mutex::default(),
            conversations: Cache::new(CACHED_CONVERSATIONS),
            direct: Cache::new(CACHED_CONVERSATIONS),
        }
    }

    /// A user, when it is in memory.
    pub(super) fn cached_user(&self, id: UserId) -> Option<Arc<User>> {
        self.users.get(&id)
    }

    /// The moment, for users that are read from here on.
    pub(super) fn now(&self) -> AsOf {
        AsOf(*self.changes.lock())
    }

    /// Lets a user that was changed be read anew.
    pub(super) fn forget_user(&self, id: UserId) {
        let mut changes = self.changes.lock();
        *changes += 1;
        self.users.forget(&id);
    }

    /// Lets all users be read anew.
    pub(super) fn forget_users(&self) {
        let mut changes = self.changes.lock();
        *changes += 1;
        self.users.forget_all();
    }

    /// Takes in a user that was read elsewhere, unless it may have been changed since.
    pub(super) fn learn_user(&self, user: User, as_of: AsOf) -> Arc<User> {
        // Taking one in costs several times what looking it up does, and most are known.
        if let Some(known) = self.users.get(&user.id).filter(|known| **known == user) {
            return known;
        }
        let user = Arc::new(user);
        let changes = self.changes.lock();
        if AsOf(*changes) == as_of {
            self.users.insert(user.id, user.clone());
        }
        user
    }

    /// A conversation, when it is in memory.
    pub(super) fn cached_conversation(&self, id: ConversationId) -> Option<Arc<Conversation>> {
        self.conversations.get(&id)
    }

    /// Takes in a conversation that was read or written elsewhere, and gives it as it is by now: the newest state that
    /// was taken in.
    pub(super) fn learn_conversation(&self, conversation: Conversation) -> Arc<Conversation> {
        let (id, pair) = (conversation.id, conversation.pair());
        let known = self.conversations.get(&id);
        if let Some(known) = known.filter(|known| known.changed >= conversation.changed) {
            return known;
        }
        let conversation = Arc::new(conversation);
        let changed = conversation.changed;
        let is_newer = |known: &Arc<Conversation>| known.changed >= changed;
        let newest = self.conversations.update(&id, conversation, is_newer);
        if let Some(pair) = pair {
            self.direct.insert(pair, id);
        }
        newest
    }

    pub(super) async fn users(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<User>>> {
        let (mut found, missing) = split(ids, |id| self.users.get(id));
        if !missing.is_empty() {
            let as_of = self.now();
            for user in self.store.users(&missing).await? {
                found.insert(user.id, self.learn_user(user, as_of));
            }
        }
        Ok(found)
    }

    pub(super) async fn user(&self, id: UserId) -> Result<Option<Arc<User>>> {
        Ok(self.users(&[id]).await?.remove(&id))
    }

    pub(super) async fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Arc<Conversation>>> {
        let (mut found, missing) = split(ids, |id| self.conversations.get(id));
        if !missing.is_empty() {
            for conversation in self.store.conversations(&missing).await? {
                found.insert(conversation.id, self.learn_conversation(conversation));
            }
        }
        Ok(found)
    }

    pub(super) async fn conversation(
        &self,
        id: ConversationId,
    ) -> Result<Option<Arc<Conversation>>> {
        Ok(self.conversations(&[id]).await?.remove(&id))
    }

    /// The direct conversations that exist, also those that no message has started yet.
    pub(super) async fn direct(&self, pairs: &[Pair]) -> Result<HashMap<Pair, Arc<Conversation>>> {
        let known = |pair: &Pair| self.conversations.get(&self.direct.get(pair)?);
        let (mut found, missing) = split(pairs, known);
        if !missing.is_empty() {
            for conversation in self.store.direct_conversations(&missing).await? {
                if let Some(pair) = conversation.pair() {
                    found.insert(pair, self.learn_conversation(conversation));
                }
            }
        }
        Ok(found)
    }
}

fn split<K: Copy + Eq + Hash, V>(
    keys: &[K],
    cached: impl Fn(&K) -> Option<V>,
) -> (HashMap<K, V>, Vec<K>) {
    let mut found = HashMap::with_capacity(keys.len());
    let mut missing = Vec::new();
    for key in keys {
        match cached(key) {
            Some(value) => {
                found.insert(*key, value);
            }
            None => missing.push(*key),
        }
    }
    (found, missing)
}

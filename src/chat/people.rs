//! People as others see them: the sidebar, profiles, who is online.

use std::{collections::HashMap, sync::Arc};

use super::Chat;
use crate::{
    domain::{Timestamp, User, UserId},
    error::Result,
};

impl Chat {
    /// Everyone but the viewer, by display name.
    ///
    /// # Errors
    /// The store's.
    pub async fn sidebar_users(
        &self,
        viewer: UserId,
        search: Option<&str>,
        after: Option<&(String, UserId)>,
        limit: usize,
    ) -> Result<Vec<Arc<User>>> {
        let search = search
            .map(|text| text.trim().to_lowercase())
            .filter(|text| !text.is_empty());
        let as_of = self.0.directory.now();
        let users = self
            .0
            .store
            .sidebar_users(viewer, search.as_deref(), after, limit)
            .await?;
        Ok(users
            .into_iter()
            .map(|user| self.0.directory.learn_user(user, as_of))
            .collect())
    }

    /// A user, when it is in memory: most are.
    pub fn known_user(&self, id: UserId) -> Option<Arc<User>> {
        self.0.directory.cached_user(id)
    }

    /// Whether another server may have changed something that is not known here yet.
    pub fn may_have_changed_elsewhere(&self) -> bool {
        !self.0.store.is_alone()
    }

    /// A user as the store has it by now.
    ///
    /// # Errors
    /// The store's.
    pub async fn user_as_stored(&self, id: UserId) -> Result<Option<Arc<User>>> {
        self.0.directory.forget_user(id);
        self.0.directory.user(id).await
    }

    /// Those of `ids` that exist.
    ///
    /// # Errors
    /// The store's.
    pub async fn users(&self, ids: &[UserId]) -> Result<HashMap<UserId, Arc<User>>> {
        self.0.directory.users(ids).await
    }

    /// Everyone who is online now.
    pub fn online(&self) -> Vec<UserId> {
        self.0.presence.online()
    }

    /// How many users events are handed out to.
    pub fn channels(&self) -> usize {
        self.0.hub.channels()
    }

    /// Whether a user is online now.
    pub fn is_online(&self, user: UserId) -> bool {
        self.0.presence.is_online(user)
    }

    /// When `ids` were last online, nothing of those who never were; whoever came back while it was read counts as
    /// offline, so that the answer fits the question.
    ///
    /// # Errors
    /// The store's.
    pub async fn last_seen(&self, ids: &[UserId]) -> Result<HashMap<UserId, Timestamp>> {
        let mut seen = self
            .0
            .store
            .last_seen(ids)
            .await?
            .into_iter()
            .collect::<HashMap<_, _>>();
        for id in ids {
            if let Some(closed_at) = self.0.presence.closed_at(*id) {
                let at = seen.entry(*id).or_insert(closed_at);
                *at = closed_at.max(*at);
            }
        }
        Ok(seen)
    }
}

//! What an operator's orders ask of a server that runs.

use tokio::time::Instant;

use super::Chat;
use crate::{auth::Hasher, domain::UserId, error::Result};

impl Chat {
    /// What hashes passwords here.
    pub fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    /// How many people are online.
    pub fn count_online(&self) -> u64 {
        self.0.presence.online().len() as u64
    }

    /// Ends all of someone's sessions for good; sockets that hold them are closed.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_all_sessions(&self, user: UserId) -> Result<()> {
        self.end_sessions(user, None).await
    }

    /// Takes someone whose account was deleted in the store out of everything.
    ///
    /// # Errors
    /// The store's; what is left to do then is done soon.
    pub async fn account_is_deleted(&self, user: UserId) -> Result<()> {
        self.profile_changed(user);
        self.0.presence.take_offline(user);
        let deadline = Instant::now() + self.0.limits.operation;
        self.leave_all_groups(user, deadline).await
    }
}

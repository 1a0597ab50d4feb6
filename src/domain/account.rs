//! People as they are moved from one store to another.

use serde::{Deserialize, Serialize};

use super::{Timestamp, User, UserId};

/// A person with everything that is kept of one, also of a deleted account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub user: User,
    /// What keeps the username from others; a deleted account has it still.
    pub username_key: String,
    /// `None` for a deleted account.
    pub password_hash: Option<String>,
    /// Whether it is deleted and may still be in groups.
    pub leaving: bool,
}

/// Somebody whom somebody else has blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub blocker: UserId,
    pub blocked: UserId,
    pub at: Timestamp,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// With an account.
    pub users: u64,
    pub deleted_users: u64,
    pub conversations: u64,
    pub messages: u64,
    /// That were not ended and have not expired.
    pub sessions: u64,
    /// People who are online; `None` where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<u64>,
}

//! A sign-in.

use super::{SessionId, Timestamp, UserId};

/// One sign-in of a user, from login to logout or expiry.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

//! Blocking: having nothing to do with someone any more.

use async_graphql::ID;

use super::{Mutation, Query, engine::fields, user::User};
use crate::{
    domain::UserId,
    error::{Error, Result},
};

fn user_id(id: &ID) -> Result<UserId> {
    UserId::parse(id).ok_or_else(|| Error::no_user("userId"))
}

fields! { queries of Query, |_query, cx| {
    /// Whom the viewer has blocked, the latest first.
    blockedUsers: Vec<User> = each[about 5] loads {
        let blocked = cx.chat.blocked(cx.viewer_id()?).await?;
        Ok(blocked.into_iter().map(User).collect::<Vec<_>>())
    };
} }

fields! { mutations of Mutation, |_mutation, cx| {
    /// Blocks a user: direct messages between the two are refused, and neither sees the other online or typing. Neither is told; their history stays. At most 1,000 people can be blocked.
    blockUser(
        /// The user's id.
        userId: ID,
    ): User = each loads {
        let viewer = cx.viewer_id()?;
        Ok(User(cx.chat.block(viewer, user_id(&userId)?, cx.deadline()).await?))
    };
    /// Takes a block back.
    unblockUser(
        /// The user's id.
        userId: ID,
    ): User = each loads {
        let viewer = cx.viewer_id()?;
        Ok(User(cx.chat.unblock(viewer, user_id(&userId)?).await?))
    };
} }

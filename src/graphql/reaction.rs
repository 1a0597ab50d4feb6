//! Emoji under messages.

use std::sync::Arc;

use super::{
    engine::{Hole, object},
    user::{User, in_order},
};
use crate::domain::{self, page};

/// How many people one reaction names.
const MOST: i32 = 50;

object! {
    /// An emoji under a message, and whose it is.
    pub(super) struct Reaction(Arc<domain::Reaction>);
    |reaction, cx| {
        /// In its fully qualified form.
        emoji: String = everyone => reaction.0.emoji.as_str();
        /// How many put it there.
        count: i32 = everyone => i32::try_from(reaction.0.users.len()).unwrap_or(i32::MAX);
        /// Whether the viewer is among them.
        viewerReacted: bool = reader => Hole::Among(reaction.0.users.as_slice().into());
        /// The first who did.
        users(
            /// How many, 1 to 50.
            first: i32 = 10,
        ): Vec<User> = everyone[page 10 of MOST] loads {
            let first = page::size(Some(first.into()), None, MOST)?.unwrap_or_default();
            let users = &reaction.0.users;
            Ok(in_order(&cx, &users[..first.min(users.len())]).await?)
        };
    }
}

impl Reaction {
    pub(super) fn new(reaction: domain::Reaction) -> Self {
        Self(Arc::new(reaction))
    }
}

//! Reading everything page by page and putting it elsewhere as it was, for whoever moves a store; the log itself is read
//! and written by [`super::Log`].

use async_trait::async_trait;

use crate::{
    domain::{Account, Block, ConversationId, MessageId, Totals, UserId},
    error::Result,
};

/// What moves a store.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// The accounts behind an id, deleted ones too, in the order of their ids, at most `limit`.
    async fn accounts_behind(&self, after: Option<UserId>, limit: usize) -> Result<Vec<Account>>;

    /// Adds an account as it was; false when its username's key is taken, or its id. What is told of its presence is no
    /// part of it.
    async fn add_account(&self, account: &Account) -> Result<bool>;

    /// The blocks behind one of these two people, in the order of (blocker, blocked), at most `limit`.
    async fn blocks_behind(
        &self,
        after: Option<(UserId, UserId)>,
        limit: usize,
    ) -> Result<Vec<Block>>;

    /// The conversations behind an id, in the order of their ids, at most `limit`; also those in which nothing happened.
    async fn conversations_behind(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<ConversationId>>;

    /// What the engine below finds wrong with its own files, at most so many lines; what it can only tell with its own
    /// tools is left to those.
    async fn damage(&self, limit: usize) -> Result<Vec<String>>;

    /// How much there is; who is online is no part of it.
    async fn totals(&self) -> Result<Totals>;

    /// Those of `ids` that messages have, in any order.
    async fn known_messages(&self, ids: &[MessageId]) -> Result<Vec<MessageId>>;
}

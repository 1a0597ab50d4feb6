//! Who has blocked whom: a document a block, whose `_id` says both, so that it is there once.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc, raw::RawBsonRef};

use super::{
    Inner, MongoStore,
    document::{self, Fields, unreadable},
    error,
};
use crate::{
    domain::{Pair, Timestamp, UserId},
    error::Result,
    store::{Blocks, KeptBlock},
};

/// Serves whom a user has blocked, in order.
pub(super) const BLOCKER: &str = "blocker";
/// Serves by whom a user is blocked.
pub(super) const BLOCKED: &str = "blocked";
/// MongoDB's own.
const ID: &str = "_id_";
/// How long to wait when what stands there cannot be read yet.
const PAUSE: Duration = Duration::from_millis(5);

fn id(blocker: UserId, blocked: UserId) -> Document {
    doc! { "by": document::id(blocker.0), "of": document::id(blocked.0) }
}

fn blocked(found: &RawDocument) -> Result<UserId> {
    found.id("blocked").map(UserId)
}

fn kept(found: &RawDocument) -> Result<KeptBlock> {
    let told = found.get("told").map_err(|_| unreadable("told"))?;
    Ok(KeptBlock {
        at: found.time("at")?,
        told: told.and_then(RawBsonRef::as_bool).unwrap_or(false),
    })
}

#[async_trait]
impl Blocks for MongoStore {
    async fn block(&self, blocker: UserId, blocked: UserId, at: Timestamp) -> Result<KeptBlock> {
        let fields = doc! {
            "_id": id(blocker, blocked),
            "blocker": document::id(blocker.0),
            "blocked": document::id(blocked.0),
            "at": document::time(at),
        };
        let block = RawDocumentBuf::try_from(&fields).map_err(|_| unreadable("block"))?;
        self.bounded(move |inner| async move {
            let deadline = inner.deadline();
            loop {
                let insert = async {
                    match inner.collections.blocks.insert_one(block.clone()).await {
                        Err(failure) if error::clash(&failure) == Some(ID) => Ok(false),
                        result => result.map(|_| true),
                    }
                };
                if inner.timed("mongodb.insert", insert).await? {
                    return Ok(KeptBlock { at, told: false });
                }
                let there = doc! { "_id": id(blocker, blocked) };
                let find = inner.collections.blocks.find(there);
                if let Some(kept) = inner.first(find, kept).await? {
                    return Ok(kept);
                }
                // It was taken back by now, or a majority may not have it yet.
                super::pause(PAUSE, deadline).await?;
            }
        })
        .await
    }

    async fn block_is_told(
        &self,
        blocker: UserId,
        blocked: UserId,
        block: KeptBlock,
    ) -> Result<()> {
        let same = doc! { "_id": id(blocker, blocked), "at": document::time(block.at) };
        self.bounded(|inner| async move {
            let told = || {
                let blocks = &inner.collections.blocks;
                blocks.update_one(same.clone(), doc! { "$set": { "told": true } })
            };
            inner.twice("mongodb.update", told).await.map(drop)
        })
        .await
    }

    async fn unblock(&self, blocker: UserId, blocked: UserId) -> Result<bool> {
        let filter = doc! { "_id": id(blocker, blocked) };
        self.bounded(|inner| async move {
            let delete = inner.collections.blocks.delete_one(filter);
            let done = inner.timed("mongodb.delete", delete).await?;
            Ok(done.deleted_count > 0)
        })
        .await
    }

    async fn blocked_by(&self, blocker: UserId, limit: usize) -> Result<Vec<UserId>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let filter = doc! { "blocker": document::id(blocker.0) };
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .blocks
                .find(filter)
                .sort(doc! { "at": -1, "_id": -1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX));
            inner.all(find, blocked).await
        })
        .await
    }

    async fn estranged_from(&self, user: UserId) -> Result<Vec<UserId>> {
        let either = of_either(user);
        self.bounded(move |inner| async move {
            let other = |found: &RawDocument| {
                let blocker = found.id("blocker").map(UserId)?;
                if blocker == user {
                    blocked(found)
                } else {
                    Ok(blocker)
                }
            };
            let mut others = inner
                .all(inner.collections.blocks.find(either), other)
                .await?;
            others.sort_unstable();
            others.dedup();
            Ok(others)
        })
        .await
    }

    async fn estranged_pairs(&self, users: &[UserId]) -> Result<Vec<Pair>> {
        let users = document::ids(users.iter().map(|user| user.0));
        let either = doc! { "$or": [{ "blocker": { "$in": users.clone() } }, { "blocked": { "$in": users } }] };
        self.bounded(move |inner| async move {
            let pair = |found: &RawDocument| {
                let pair = Pair::new(found.id("blocker").map(UserId)?, blocked(found)?);
                pair.ok_or_else(|| unreadable("blocked"))
            };
            inner.all(inner.collections.blocks.find(either), pair).await
        })
        .await
    }
}

impl Inner {
    /// Forgets all blocks that a user has to do with.
    pub(super) async fn forget_blocks(&self, user: UserId) -> Result<()> {
        let all = || self.collections.blocks.delete_many(of_either(user));
        self.twice("mongodb.delete", all).await.map(drop)
    }
}

fn of_either(user: UserId) -> Document {
    let user = document::id(user.0);
    doc! { "$or": [{ "blocker": user.clone() }, { "blocked": user }] }
}

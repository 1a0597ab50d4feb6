//! Who has blocked whom.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{Pair, Timestamp, UserId},
    error::Result,
    store::{Blocks, KeptBlock},
};

const BLOCKED_BY: &str = "SELECT blocked FROM blocks WHERE blocker = ?1
     ORDER BY at DESC, blocked DESC LIMIT ?2";

const ESTRANGED: &str = "SELECT blocked FROM blocks WHERE blocker = ?1
     UNION SELECT blocker FROM blocks WHERE blocked = ?1";

#[async_trait]
impl Blocks for EmbeddedStore {
    async fn block(&self, blocker: UserId, blocked: UserId, at: Timestamp) -> Result<KeptBlock> {
        const ADD: &str = "INSERT INTO blocks (blocker, blocked, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING";
        const KEPT: &str = "SELECT at, told FROM blocks WHERE blocker = ?1 AND blocked = ?2";
        self.write(move |db| {
            db.prepare_cached(ADD)?
                .execute(params![blocker, blocked, at])?;
            let kept = |row: &Row<'_>| {
                Ok(KeptBlock {
                    at: row.get(0)?,
                    told: row.get(1)?,
                })
            };
            Ok(db
                .prepare_cached(KEPT)?
                .query_row([blocker, blocked], kept)?)
        })
        .await
    }

    async fn block_is_told(
        &self,
        blocker: UserId,
        blocked: UserId,
        block: KeptBlock,
    ) -> Result<()> {
        const SQL: &str =
            "UPDATE blocks SET told = 1 WHERE blocker = ?1 AND blocked = ?2 AND at = ?3";
        self.write(move |db| {
            db.prepare_cached(SQL)?
                .execute(params![blocker, blocked, block.at])?;
            Ok(())
        })
        .await
    }

    async fn unblock(&self, blocker: UserId, blocked: UserId) -> Result<bool> {
        const SQL: &str = "DELETE FROM blocks WHERE blocker = ?1 AND blocked = ?2";
        self.write(move |db| {
            let removed = db.prepare_cached(SQL)?.execute([blocker, blocked])?;
            Ok(removed == 1)
        })
        .await
    }

    async fn blocked_by(&self, blocker: UserId, limit: usize) -> Result<Vec<UserId>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(BLOCKED_BY)?;
            let ids =
                statement.query_map(params![blocker, columns::limit(limit)], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn estranged_from(&self, user: UserId) -> Result<Vec<UserId>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(ESTRANGED)?;
            let ids = statement.query_map([user], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn estranged_pairs(&self, users: &[UserId]) -> Result<Vec<Pair>> {
        let users = users.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached(ESTRANGED)?;
            let mut pairs = Vec::new();
            for user in users {
                for other in statement.query_map([user], |row| row.get(0))? {
                    pairs.extend(Pair::new(user, other?));
                }
            }
            Ok(pairs)
        })
        .await
    }
}

/// Forgets all blocks that a user has to do with.
pub(super) fn forget(db: &Connection, user: UserId) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM blocks WHERE blocker = ?1",
        "DELETE FROM blocks WHERE blocked = ?1",
    ] {
        db.prepare_cached(sql)?.execute([user])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn nothing_looks_at_the_blocks_of_others() -> rusqlite::Result<()> {
        for sql in [BLOCKED_BY, ESTRANGED] {
            let steps = plan(sql)?;
            assert!(
                !steps.iter().any(|step| step.starts_with("SCAN ")),
                "{steps:?}"
            );
        }
        Ok(())
    }
}

//! How far members have read, beside their membership.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{ConversationId, MovedMark, ReadMark, Seq, Stamp, UserId},
    error::Result,
    store::Marks,
};

const MOVED_MARKS: &str = "SELECT conversation, user, read_seq, read_stamp FROM members
     WHERE read_stamp > 0 AND read_stamp > ?1
     ORDER BY read_stamp LIMIT ?2";

const MOVED_MARKS_OF_VIEWER: &str = "SELECT conversation, user, read_seq, read_stamp FROM members
     WHERE read_stamp > 0 AND read_stamp > ?1 AND EXISTS (
         SELECT 1 FROM members AS own
         WHERE own.conversation = members.conversation AND own.user = ?3)
     ORDER BY read_stamp LIMIT ?2";

const NEWEST_STAMP: &str = "SELECT value FROM meta WHERE name = 'read_stamp'";

const NEXT_STAMP: &str =
    "UPDATE meta SET value = value + 1 WHERE name = 'read_stamp' RETURNING value";

#[async_trait]
impl Marks for EmbeddedStore {
    async fn read_marks(&self, ids: &[ConversationId]) -> Result<Vec<ReadMark>> {
        const SQL: &str = "SELECT user, read_seq FROM members WHERE conversation = ?1";
        let ids = ids.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            let marks = columns::find_each(&ids, |conversation_id| {
                let marks = statement.query_map([conversation_id], |row| {
                    Ok(ReadMark {
                        conversation_id,
                        user_id: row.get(0)?,
                        seq: row.get(1)?,
                    })
                })?;
                Ok(Some(marks.collect::<rusqlite::Result<Vec<_>>>()?))
            })?;
            Ok(marks.into_iter().flatten().collect())
        })
        .await
    }

    async fn mark_read(
        &self,
        conversation: ConversationId,
        user: UserId,
        seq: Seq,
    ) -> Result<bool> {
        self.write(move |db| {
            let moved = move_mark(db, conversation, user, seq)?;
            if moved {
                let stamp: Stamp = db
                    .prepare_cached(NEXT_STAMP)?
                    .query_row([], |row| row.get(0))?;
                db.prepare_cached(
                    "UPDATE members SET read_stamp = ?3 WHERE conversation = ?1 AND user = ?2",
                )?
                .execute(params![conversation, user, stamp])?;
            }
            Ok(moved)
        })
        .await
    }

    async fn moved_marks(
        &self,
        viewer: Option<UserId>,
        after: Stamp,
        _late: Duration,
        limit: usize,
    ) -> Result<(Vec<MovedMark>, Stamp)> {
        let moved = |row: &Row<'_>| {
            Ok(MovedMark {
                mark: ReadMark {
                    conversation_id: row.get(0)?,
                    user_id: row.get(1)?,
                    seq: row.get(2)?,
                },
                stamp: row.get(3)?,
            })
        };
        self.read(move |db| {
            let (after, most) = (after.max(0), columns::limit(limit));
            let found: Vec<MovedMark> = match viewer {
                None => db
                    .prepare_cached(MOVED_MARKS)?
                    .query_map(params![after, most], moved)?
                    .collect::<rusqlite::Result<_>>()?,
                Some(viewer) => db
                    .prepare_cached(MOVED_MARKS_OF_VIEWER)?
                    .query_map(params![after, most, viewer], moved)?
                    .collect::<rusqlite::Result<_>>()?,
            };
            let newest = newest_stamp(db)?;
            let last = found.last().map_or(newest, |last| last.stamp);
            let is_all = found.len() < limit;
            Ok((found, if is_all { newest } else { last }))
        })
        .await
    }

    /// Marks are stamped one behind the other, as they are written.
    fn stamps_late(&self, _late: Duration) -> Stamp {
        0
    }

    async fn newest_stamp(&self) -> Result<Stamp> {
        self.read(newest_stamp).await
    }
}

/// Of the last move by reading; 0 before the first.
fn newest_stamp(db: &Connection) -> Result<Stamp> {
    let mut statement = db.prepare_cached(NEWEST_STAMP)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Moves a member's mark forward to `seq`; false when it is there already, or nobody's.
pub(super) fn move_mark(
    db: &Connection,
    conversation: ConversationId,
    user: UserId,
    seq: Seq,
) -> Result<bool> {
    let mut update = db.prepare_cached(
        "UPDATE members SET read_seq = ?3
         WHERE conversation = ?1 AND user = ?2 AND read_seq < ?3",
    )?;
    Ok(update.execute(params![conversation, user, seq])? == 1)
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn marks_that_moved_are_found_without_a_scan() -> rusqlite::Result<()> {
        for sql in [MOVED_MARKS, MOVED_MARKS_OF_VIEWER, NEWEST_STAMP] {
            for step in plan(sql)? {
                let is_found = step.contains("SEARCH ") || step.contains("SUBQUERY");
                assert!(is_found, "{sql}: {step}");
            }
        }
        Ok(())
    }
}

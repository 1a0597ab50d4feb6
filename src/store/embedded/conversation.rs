//! Conversations, their members, and how far each has read.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{
        Conversation, ConversationActivity, ConversationId, Member, Pair, ReadMark, Seq, Timestamp,
        UserId,
    },
    error::Result,
    store::{Conversations, broken},
};

macro_rules! select_conversations {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, title, conversations.created_at, last_seq, last_activity_at ",
            $rest
        )
    };
}

const OF_VIEWER: &str = select_conversations!(
    "FROM members CROSS JOIN conversations ON conversations.id = members.conversation
     WHERE members.user = ?1
       AND (last_seq > 0 OR kind = 'group')
       AND (?2 IS NULL OR (last_activity_at, id) < (?2, ?3))
     ORDER BY last_activity_at DESC, id DESC LIMIT ?4"
);

#[async_trait]
impl Conversations for EmbeddedStore {
    async fn create_direct(&self, conversation: &Conversation) -> Result<Conversation> {
        let new = conversation.clone();
        let pair = new
            .pair()
            .ok_or_else(|| broken("a direct conversation without a pair"))?;
        self.write(move |db| create(db, new, pair)).await
    }

    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>> {
        let pairs: Vec<_> = pairs.iter().copied().map(pair_key).collect();
        self.read(move |db| columns::find_each(&pairs, |pair| find_direct(db, pair)))
            .await
    }

    async fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            columns::find_each(&ids, |id| {
                let found = find(db, id)?;
                found.map(|(found, _)| with_members(db, found)).transpose()
            })
        })
        .await
    }

    async fn conversations_of(
        &self,
        viewer: UserId,
        after: Option<(Timestamp, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Conversation, ConversationActivity)>> {
        let (after_activity, after_id) = after.unzip();
        self.read(move |db| {
            db.prepare_cached(OF_VIEWER)?
                .query_map(
                    params![viewer, after_activity, after_id, columns::limit(limit)],
                    without_members,
                )?
                .map(|found| {
                    let (conversation, activity) = found?;
                    Ok((with_members(db, conversation)?, activity))
                })
                .collect()
        })
        .await
    }

    async fn activities(&self, ids: &[ConversationId]) -> Result<Vec<ConversationActivity>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            columns::find_each(&ids, |id| Ok(find(db, id)?.map(|(_, activity)| activity)))
        })
        .await
    }

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
        self.write(move |db| move_mark(db, conversation, user, seq))
            .await
    }
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

fn create(db: &Connection, new: Conversation, pair: Pair) -> Result<Conversation> {
    let pair = pair_key(pair);
    if let Some(existing) = find_direct(db, pair)? {
        return Ok(existing);
    }
    db.prepare_cached(
        "INSERT INTO conversations (id, kind, title, pair, created_at, last_activity_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?
    .execute(params![new.id, new.kind, new.title, pair, new.created_at])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO members (conversation, user, place, role, joined_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (member, place) in new.members.iter().zip(1_i64..) {
        insert.execute(params![
            new.id,
            member.user_id,
            place,
            member.role,
            member.joined_at
        ])?;
    }
    Ok(new)
}

type PairKey = [u8; 32];

fn pair_key(pair: Pair) -> PairKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(pair.low().0.as_bytes());
    key[16..].copy_from_slice(pair.high().0.as_bytes());
    key
}

fn find_direct(db: &Connection, pair: PairKey) -> Result<Option<Conversation>> {
    let mut statement =
        db.prepare_cached(select_conversations!("FROM conversations WHERE pair = ?1"))?;
    let found = statement.query_row([pair], without_members).optional()?;
    found
        .map(|(conversation, _)| with_members(db, conversation))
        .transpose()
}

fn find(
    db: &Connection,
    id: ConversationId,
) -> Result<Option<(Conversation, ConversationActivity)>> {
    let mut statement =
        db.prepare_cached(select_conversations!("FROM conversations WHERE id = ?1"))?;
    Ok(statement.query_row([id], without_members).optional()?)
}

fn without_members(row: &Row<'_>) -> rusqlite::Result<(Conversation, ConversationActivity)> {
    let id = row.get(0)?;
    let conversation = Conversation {
        id,
        kind: row.get(1)?,
        title: row.get(2)?,
        members: Vec::new(),
        created_at: row.get(3)?,
    };
    let activity = ConversationActivity {
        conversation_id: id,
        last_seq: row.get(4)?,
        last_activity_at: row.get(5)?,
    };
    Ok((conversation, activity))
}

fn with_members(db: &Connection, mut conversation: Conversation) -> Result<Conversation> {
    let mut statement = db.prepare_cached(
        "SELECT user, role, joined_at FROM members WHERE conversation = ?1 ORDER BY place",
    )?;
    let members = statement.query_map([conversation.id], |row| {
        Ok(Member {
            user_id: row.get(0)?,
            role: row.get(1)?,
            joined_at: row.get(2)?,
        })
    })?;
    conversation.members = members.collect::<rusqlite::Result<_>>()?;
    Ok(conversation)
}

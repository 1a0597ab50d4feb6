//! Conversations and their members.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{
        Conversation, ConversationActivity, ConversationId, ConversationState, Entry, Member, Pair,
        Rank, Seq, Stay, Step, UserId,
    },
    error::Result,
    store::{Conversations, broken},
};

macro_rules! select_conversations {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, title, conversations.created_at, changed,
                 last_seq, last_activity_at, last_position ",
            $rest
        )
    };
}

const OF_VIEWER: &str = select_conversations!(
    "FROM members CROSS JOIN conversations ON conversations.id = members.conversation
     WHERE members.user = ?1
       AND (last_seq > 0 OR kind = 'group' AND change_count > 0)
       AND (?2 IS NULL OR (last_position, id) < (?2, ?3))
     ORDER BY last_position DESC, id DESC LIMIT ?4"
);

const DEPARTURES: &str =
    "SELECT user, since, until FROM stays WHERE conversation = ?1 AND until > ?2";

#[async_trait]
impl Conversations for EmbeddedStore {
    async fn create_direct(&self, conversation: &Conversation) -> Result<Conversation> {
        let new = conversation.clone();
        let pair = new
            .pair()
            .ok_or_else(|| broken("a direct conversation without a pair"))?;
        self.write(move |db| create(db, new, pair)).await
    }

    async fn create_group(&self, conversation: &Conversation) -> Result<()> {
        let new = conversation.clone();
        self.write(move |db| insert(db, &new, None)).await
    }

    async fn departures(&self, id: ConversationId, after: Step) -> Result<Vec<(UserId, Stay)>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(DEPARTURES)?;
            let departures = statement.query_map(params![id, after], |row| {
                let stay = Stay {
                    from: row.get(1)?,
                    to: row.get(2)?,
                };
                Ok((row.get(0)?, stay))
            })?;
            Ok(departures.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>> {
        let pairs = pairs.to_vec();
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
        after: Option<(Rank, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Conversation, ConversationActivity)>> {
        let (after_rank, after_id) = after.unzip();
        self.read(move |db| {
            db.prepare_cached(OF_VIEWER)?
                .query_map(
                    params![viewer, after_rank, after_id, columns::limit(limit)],
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
}

fn create(db: &Connection, new: Conversation, pair: Pair) -> Result<Conversation> {
    if let Some(existing) = find_direct(db, pair)? {
        return Ok(existing);
    }
    insert(db, &new, Some(pair))?;
    Ok(new)
}

fn insert(db: &Connection, new: &Conversation, pair: Option<Pair>) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO conversations (id, kind, title, pair, created_at, last_activity_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?
    .execute(params![new.id, new.kind, new.title, pair, new.created_at])?;
    put_members(db, new.id, &new.members, 0)
}

/// Makes a conversation what an entry tells of it.
pub(super) fn change(db: &Connection, entry: &Entry, state: &ConversationState) -> Result<()> {
    let id = entry.conversation_id;
    db.prepare_cached("UPDATE conversations SET title = ?2, changed = ?3 WHERE id = ?1")?
        .execute(params![id, state.title, entry.step])?;
    let mut remove =
        db.prepare_cached("DELETE FROM members WHERE conversation = ?1 AND user = ?2")?;
    for member in members(db, id)? {
        let stays = |other: &Member| other.user_id == member.user_id;
        if !state.members.iter().any(stays) {
            remove.execute(params![id, member.user_id])?;
        }
    }
    put_members(db, id, &state.members, entry.seq)
}

/// Adds members, who have read up to a message; those who are members already keep how far they have read.
fn put_members(
    db: &Connection,
    conversation: ConversationId,
    members: &[Member],
    read: Seq,
) -> Result<()> {
    let mut put = db.prepare_cached(
        "INSERT INTO members (conversation, user, place, role, joined_at, since, read_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (conversation, user) DO UPDATE
         SET place = excluded.place, role = excluded.role, joined_at = excluded.joined_at,
             since = excluded.since
         WHERE (place, role, joined_at, since)
             <> (excluded.place, excluded.role, excluded.joined_at, excluded.since)",
    )?;
    for (member, place) in members.iter().zip(1_i64..) {
        put.execute(params![
            conversation,
            member.user_id,
            place,
            member.role,
            member.joined_at,
            member.since,
            read
        ])?;
    }
    Ok(())
}

fn find_direct(db: &Connection, pair: Pair) -> Result<Option<Conversation>> {
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
        changed: row.get(4)?,
    };
    let activity = ConversationActivity {
        conversation_id: id,
        last_seq: row.get(5)?,
        last_activity_at: row.get(6)?,
        rank: row.get(7)?,
    };
    Ok((conversation, activity))
}

fn with_members(db: &Connection, mut conversation: Conversation) -> Result<Conversation> {
    conversation.members = members(db, conversation.id)?;
    Ok(conversation)
}

fn members(db: &Connection, conversation: ConversationId) -> Result<Vec<Member>> {
    let mut statement = db.prepare_cached(
        "SELECT user, role, joined_at, since FROM members WHERE conversation = ?1 ORDER BY place",
    )?;
    let members = statement.query_map([conversation], member)?;
    Ok(members.collect::<rusqlite::Result<_>>()?)
}

/// A member from a row of (user, role, time and step of joining).
pub(super) fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        user_id: row.get(0)?,
        role: row.get(1)?,
        joined_at: row.get(2)?,
        since: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{
        super::tests::{gone, store},
        *,
    };
    use crate::{
        domain::{
            Body, ConversationKind, Happening, MemberRole, Message, MessageId, NewEntry, Pen, Tail,
            Timestamp,
        },
        store::Log,
    };

    /// What happens in a conversation: something that was said, or else that it is what it is.
    fn happens(conversation: &Conversation, says: Option<&str>) -> NewEntry {
        let id = MessageId::new();
        let message = |body| Message {
            id,
            ..Message::new(
                conversation.id,
                conversation.members[0].user_id,
                Body::stored(body),
                Timestamp(7),
            )
        };
        NewEntry {
            id: id.0,
            conversation_id: conversation.id,
            what: match says {
                Some(body) => Happening::Sent(Arc::new(message(body))),
                None => Happening::ConversationChanged(conversation.state()),
            },
        }
    }

    #[test]
    fn who_has_left_is_found_without_a_scan() -> rusqlite::Result<()> {
        for step in super::super::schema::tests::plan(DEPARTURES)? {
            assert!(step.starts_with("SEARCH "), "{step}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_group_is_listed_from_its_making_on_and_moves_with_its_messages_alone() -> Result<()>
    {
        let (store, dir) = store(std::time::Duration::from_mins(1)).await;
        let ann = UserId::new();
        let member = Member {
            user_id: ann,
            role: MemberRole::Owner,
            joined_at: Timestamp(5),
            since: 0,
        };
        let group = |_| Conversation {
            id: ConversationId::new(),
            kind: ConversationKind::Group,
            title: Some("a group".to_owned()),
            members: vec![member.clone()],
            created_at: Timestamp(5),
            changed: 0,
        };
        let groups = [0, 1].map(group);
        for group in groups.clone() {
            let add = store.write(move |db| {
                let sql = "INSERT INTO conversations (id, kind, created_at, last_activity_at)
                     VALUES (?1, 'group', 5, 5)";
                Ok(db.execute(sql, [group.id])?)
            });
            add.await?;
        }
        let seal = store.begin_term(None).await?;
        let mut pen = Pen::new(seal.position, seal.rank);
        let mut tails = [Tail::NOTHING; 2];
        // The seal is at 1, so that these stand at 2, 3, and so on.
        let expected = [
            (0, None, vec![(0, 2)]),
            (1, None, vec![(1, 3), (0, 2)]),
            (0, None, vec![(1, 3), (0, 2)]),
            (0, Some("hi"), vec![(0, 5), (1, 3)]),
            (1, Some("hi"), vec![(1, 6), (0, 5)]),
            (0, None, vec![(1, 6), (0, 5)]),
        ];
        for (group, says, order) in expected {
            let entry = pen.write(happens(&groups[group], says), &mut tails[group], 0);
            store.append(&[entry]).await?;
            let listed = store.conversations_of(ann, None, 9).await?;
            let listed: Vec<_> = listed
                .iter()
                .map(|(group, activity)| (group.id, activity.rank))
                .collect();
            let order: Vec<_> = order
                .iter()
                .map(|(group, rank)| (groups[*group].id, *rank))
                .collect();
            assert_eq!(listed, order);
        }
        gone(store, dir).await;
        Ok(())
    }
}

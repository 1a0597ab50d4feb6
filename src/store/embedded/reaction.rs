//! Emoji under messages.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    domain::{Entry, MessageId, Position, ReactionChange, Reactor},
    error::Result,
    store::broken,
};

const UNDER: &str = "SELECT reactions.user, emoji, since FROM messages
     JOIN reactions ON message = position WHERE id = ?1";

/// Puts an emoji under a message, or takes it away.
pub(super) fn change(db: &Connection, entry: &Entry, change: &ReactionChange) -> Result<()> {
    let mut find =
        db.prepare_cached("SELECT position FROM messages WHERE id = ?1 AND conversation = ?2")?;
    let position: Option<Position> = find
        .query_row(params![change.message_id, entry.conversation_id], |row| {
            row.get(0)
        })
        .optional()?;
    let position = position.ok_or_else(|| broken("a reaction to what does not exist"))?;
    if change.added {
        db.prepare_cached(
            "INSERT INTO reactions (message, user, emoji, since) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![position, change.user_id, change.emoji, entry.step])?;
    } else {
        db.prepare_cached("DELETE FROM reactions WHERE message = ?1 AND user = ?2 AND emoji = ?3")?
            .execute(params![position, change.user_id, change.emoji])?;
    }
    db.prepare_cached(
        "INSERT INTO edits (message, changed, reacted) VALUES (?1, 0, ?2)
         ON CONFLICT (message) DO UPDATE SET reacted = excluded.reacted",
    )?
    .execute(params![position, entry.step])?;
    Ok(())
}

/// Takes all away from under a message.
pub(super) fn forget(db: &Connection, message: Position) -> Result<()> {
    db.prepare_cached("DELETE FROM reactions WHERE message = ?1")?
        .execute([message])?;
    Ok(())
}

/// What is under a message.
pub(super) fn under(db: &Connection, message_id: MessageId) -> Result<Vec<Reactor>> {
    let reactor = |row: &Row<'_>| {
        Ok(Reactor {
            message_id,
            user_id: row.get(0)?,
            emoji: row.get(1)?,
            since: row.get(2)?,
        })
    };
    let mut statement = db.prepare_cached(UNDER)?;
    let reactors = statement.query_map([message_id], reactor)?;
    Ok(reactors.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn what_is_under_a_message_is_found_without_a_scan() -> rusqlite::Result<()> {
        for step in plan(UNDER)? {
            assert!(step.starts_with("SEARCH "), "{step}");
        }
        Ok(())
    }
}

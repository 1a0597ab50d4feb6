//! Entries that are no messages, as they stand in the log.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{columns::EntryId, conversation, log::Unplaced};
use crate::{
    domain::{
        ConversationId, ConversationState, Departure, Entry, Happening, Member, MessageChange,
        NewEntry, Position, ReactionChange, Seq, Step,
    },
    error::Result,
};

macro_rules! select_changes {
    ($rest:literal) => {
        concat!(
            "SELECT position, id, conversation, seq, message, title, user, emoji, added, step, estranged
             FROM changes ",
            $rest
        )
    };
}

/// The changes of the log behind a position, at most so many.
pub(super) const LOG_AFTER: &str =
    select_changes!("WHERE position > ?1 ORDER BY position LIMIT ?2");

/// The changes of a conversation from one step to another.
pub(super) const IN_STRETCH: &str =
    select_changes!("WHERE conversation = ?1 AND step BETWEEN ?2 AND ?3 ORDER BY step");

const MEMBERS: &str =
    "SELECT user, role, joined_at, since FROM change_members WHERE position = ?1 ORDER BY place";

const DEPARTURES: &str = "SELECT user, since FROM stays WHERE conversation = ?1 AND until = ?2";

/// The newest of a conversation before a position.
pub(super) const BEFORE_POSITION: &str = "SELECT position, step, seq FROM changes
     WHERE conversation = ?1 AND position < ?2 ORDER BY position DESC LIMIT 1";

/// The newest of a conversation before a step.
pub(super) const BEFORE_STEP: &str = "SELECT position, step, seq FROM changes
     WHERE conversation = ?1 AND step < ?2 ORDER BY step DESC LIMIT 1";

/// Where a change stands.
pub(super) struct Place {
    pub(super) position: Position,
    step: Step,
    seq: Seq,
}

impl Place {
    /// How many changes of its conversation there are up to it.
    pub(super) fn count(&self) -> i64 {
        self.step - self.seq
    }
}

/// Writes an entry that is no message.
pub(super) fn insert(db: &Connection, entry: &Entry) -> Result<()> {
    let (message, reaction, state, estranged) = match &entry.what {
        Happening::Sent(_) => return Ok(()),
        Happening::MessageChanged(change) => (Some(change.message_id), None, None, None),
        Happening::Reacted(change) => (Some(change.message_id), Some(change), None, None),
        Happening::ConversationChanged(state) => (None, None, Some(state), None),
        Happening::Estranged(pair) => (None, None, None, Some(pair)),
    };
    db.prepare_cached(
        "INSERT INTO changes
             (position, id, conversation, step, seq, message, title, user, emoji, added, estranged)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        entry.position,
        EntryId(entry.id),
        entry.conversation_id,
        entry.step,
        entry.seq,
        message,
        state.and_then(|state| state.title.as_ref()),
        reaction.map(|reaction| reaction.user_id),
        reaction.map(|reaction| &reaction.emoji),
        reaction.map(|reaction| reaction.added),
        estranged
    ])?;
    // Other entries than messages do not move a conversation in lists; the one that makes it puts it there.
    db.prepare_cached(
        "UPDATE conversations SET
             change_count = change_count + 1,
             change_position = ?2,
             last_position = iif(?3, ?2, last_position)
         WHERE id = ?1",
    )?
    .execute(params![
        entry.conversation_id,
        entry.position,
        entry.step == 1 && state.is_some()
    ])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO change_members (position, place, user, role, joined_at, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let members = state.into_iter().flat_map(|state| &state.members);
    for (member, place) in members.zip(1_i64..) {
        insert.execute(params![
            entry.position,
            place,
            member.user_id,
            member.role,
            member.joined_at,
            member.since
        ])?;
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO stays (conversation, until, user, since, seq, position)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for Departure { user_id, since } in state.into_iter().flat_map(|state| &state.departures) {
        insert.execute(params![
            entry.conversation_id,
            entry.step,
            user_id,
            since,
            entry.seq,
            entry.position
        ])?;
    }
    Ok(())
}

/// The changes that a statement finds, and where they stand.
pub(super) fn select(
    db: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(Position, Unplaced)>> {
    let mut statement = db.prepare_cached(sql)?;
    let changes = statement.query_map(params, |row| change(db, row))?;
    Ok(changes.collect::<rusqlite::Result<_>>()?)
}

/// Where the change stands that [`BEFORE_POSITION`] or [`BEFORE_STEP`] finds.
pub(super) fn before(db: &Connection, sql: &str, params: impl Params) -> Result<Option<Place>> {
    let place = |row: &Row<'_>| {
        Ok(Place {
            position: row.get(0)?,
            step: row.get(1)?,
            seq: row.get(2)?,
        })
    };
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row(params, place).optional()?)
}

fn change(db: &Connection, row: &Row<'_>) -> rusqlite::Result<(Position, Unplaced)> {
    let position = row.get(0)?;
    let conversation_id = row.get(2)?;
    let what = match (row.get(4)?, row.get(7)?, row.get(10)?) {
        (Some(message_id), None, _) => Happening::MessageChanged(MessageChange {
            message_id,
            state: None,
        }),
        (Some(message_id), Some(emoji), _) => Happening::Reacted(ReactionChange {
            message_id,
            user_id: row.get(6)?,
            emoji,
            added: row.get(8)?,
        }),
        (None, _, Some(pair)) => Happening::Estranged(pair),
        (None, _, None) => Happening::ConversationChanged(ConversationState {
            title: row.get(5)?,
            members: members(db, position)?,
            departures: departures(db, conversation_id, row.get(9)?)?,
        }),
    };
    let new = NewEntry {
        id: row.get::<_, EntryId>(1)?.0,
        conversation_id,
        what,
    };
    let said = row.get(3)?;
    Ok((position, Unplaced { said, new }))
}

fn members(db: &Connection, position: Position) -> rusqlite::Result<Vec<Member>> {
    let mut statement = db.prepare_cached(MEMBERS)?;
    let members = statement.query_map([position], conversation::member)?;
    members.collect()
}

fn departures(
    db: &Connection,
    conversation: ConversationId,
    step: Step,
) -> rusqlite::Result<Vec<Departure>> {
    let departure = |row: &Row<'_>| {
        Ok(Departure {
            user_id: row.get(0)?,
            since: row.get(1)?,
        })
    };
    let mut statement = db.prepare_cached(DEPARTURES)?;
    let departures = statement.query_map(params![conversation, step], departure)?;
    departures.collect()
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn no_statement_scans_or_sorts_changes() -> rusqlite::Result<()> {
        for sql in [
            LOG_AFTER,
            IN_STRETCH,
            MEMBERS,
            DEPARTURES,
            BEFORE_POSITION,
            BEFORE_STEP,
        ] {
            for step in plan(sql)? {
                assert!(step.starts_with("SEARCH "), "{sql}: {step}");
            }
        }
        Ok(())
    }
}

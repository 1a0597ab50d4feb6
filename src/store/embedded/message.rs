//! Messages: `position` is the row's number, so its order is that of the commits.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{EmbeddedStore, columns, reaction};
use crate::{
    domain::{
        ClientMessageId, ConversationId, Entry, Message, MessageChange, MessageId, Page, Position,
        Reactor, Seq, UserId, Window,
    },
    error::Result,
    store::{Messages, broken},
};

macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "SELECT id, conversation, seq, sender, body, client_message_id, sent_at, reply_to,
                 edited_at, deleted_at, changed, position, reacted, first
             FROM messages LEFT JOIN edits ON message = position ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO messages
         (id, position, conversation, seq, sender, body, client_message_id, sent_at, reply_to)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
     ON CONFLICT DO NOTHING";

/// The messages of the log behind a position, at most so many.
pub(super) const LOG_AFTER: &str =
    select_messages!("WHERE position > ?1 ORDER BY position LIMIT ?2");

/// The messages of a conversation from one seq to another.
pub(super) const HISTORY: &str =
    select_messages!("WHERE conversation = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq");

const BY_ID: &str = select_messages!("WHERE id = ?1");
const BY_CLIENT_ID: &str = select_messages!("WHERE sender = ?1 AND client_message_id = ?2");
const AT_PLACE: &str = select_messages!("WHERE conversation = ?1 AND seq = ?2");

const POSITION: &str = "SELECT position FROM messages WHERE conversation = ?1 AND seq = ?2";

#[async_trait]
impl Messages for EmbeddedStore {
    async fn history(
        &self,
        conversation: ConversationId,
        window: &Window<Seq>,
    ) -> Result<Page<Message>> {
        let window = window.clone();
        self.read(move |db| {
            let last_seq = last_seq(db, conversation)?.unwrap_or(0);
            let part = Part::of(last_seq, &window);
            let items = select(db, HISTORY, (conversation, part.first, part.last))?;
            Ok(Page {
                items: items.into_iter().map(|(_, message)| message).collect(),
                has_previous: part.has_previous,
                has_next: part.has_next,
            })
        })
        .await
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>> {
        let ids = ids.to_vec();
        self.read(move |db| columns::find_each(&ids, |id| find(db, BY_ID, [id])))
            .await
    }

    async fn reactors(&self, ids: &[MessageId]) -> Result<Vec<Reactor>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let found = columns::find_each(&ids, |id| reaction::under(db, id).map(Some))?;
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }

    async fn message_called(
        &self,
        sender: UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>> {
        let called = client_message_id.clone();
        self.read(move |db| find(db, BY_CLIENT_ID, params![sender, called]))
            .await
    }

    async fn messages_at(&self, places: &[(ConversationId, Seq)]) -> Result<Vec<Message>> {
        let places = places.to_vec();
        self.read(move |db| {
            columns::find_each(&places, |place| {
                find(db, AT_PLACE, params![place.0, place.1])
            })
        })
        .await
    }
}

/// Writes a message that an entry sends; false when its sender has sent it already.
pub(super) fn insert(db: &Connection, entry: &Entry, message: &Message) -> Result<bool> {
    let written = db.prepare_cached(INSERT)?.execute(params![
        message.id,
        entry.position,
        entry.conversation_id,
        entry.seq,
        message.sender_id,
        message.body,
        message.client_message_id,
        message.sent_at,
        message.reply_to
    ])?;
    Ok(written == 1)
}

/// The message that its sender has sent already under the same client message id, or under the same id.
pub(super) fn earlier(db: &Connection, message: &Message) -> Result<Option<Message>> {
    let same = match &message.client_message_id {
        Some(client_id) => find(db, BY_CLIENT_ID, params![message.sender_id, client_id])?,
        None => None,
    };
    match same {
        Some(earlier) => Ok(Some(earlier)),
        None => find(db, BY_ID, [message.id]),
    }
}

/// Makes a message what an entry tells of it.
pub(super) fn change(db: &Connection, entry: &Entry, change: &MessageChange) -> Result<()> {
    let Some(state) = &change.state else {
        return Ok(());
    };
    let position: Option<Position> = db
        .prepare_cached(
            "UPDATE messages SET body = ?3 WHERE id = ?1 AND conversation = ?2 RETURNING position",
        )?
        .query_row(
            params![change.message_id, entry.conversation_id, state.body],
            |row| row.get(0),
        )
        .optional()?;
    let position = position.ok_or_else(|| broken("a change of a message that does not exist"))?;
    db.prepare_cached(
        "INSERT INTO edits (message, edited_at, deleted_at, changed, first)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (message) DO UPDATE SET
             edited_at = excluded.edited_at,
             deleted_at = excluded.deleted_at,
             changed = excluded.changed,
             first = excluded.first",
    )?
    .execute(params![
        position,
        state.edited_at,
        state.deleted_at,
        entry.step,
        state.first
    ])?;
    if state.deleted_at.is_some() {
        reaction::forget(db, position)?;
    }
    Ok(())
}

/// Where a message stands in the log.
pub(super) fn position(
    db: &Connection,
    conversation: ConversationId,
    seq: Seq,
) -> Result<Option<Position>> {
    let mut statement = db.prepare_cached(POSITION)?;
    let found = statement.query_row(params![conversation, seq], |row| row.get(0));
    Ok(found.optional()?)
}

/// The seqs of a page, and whether there are more on either side of it.
#[derive(Debug, PartialEq)]
struct Part {
    first: Seq,
    last: Seq,
    has_previous: bool,
    has_next: bool,
}

impl Part {
    /// The part of 1 to `last_seq` that a window shows; as seqs have no holes, it takes no look at the messages.
    fn of(last_seq: Seq, window: &Window<Seq>) -> Self {
        let limit = columns::limit(window.limit);
        let mut first = window.after.unwrap_or(0).clamp(0, last_seq) + 1;
        let mut last = window.before.unwrap_or(Seq::MAX).clamp(1, last_seq + 1) - 1;
        if window.from_end {
            first = first.max(last.saturating_sub(limit) + 1);
        } else {
            last = last.min((first - 1).saturating_add(limit));
        }
        Self {
            first,
            last,
            has_previous: first > 1,
            has_next: last < last_seq,
        }
    }
}

fn last_seq(db: &Connection, conversation: ConversationId) -> Result<Option<Seq>> {
    let mut statement = db.prepare_cached("SELECT last_seq FROM conversations WHERE id = ?1")?;
    Ok(statement
        .query_row([conversation], |row| row.get(0))
        .optional()?)
}

fn find(db: &Connection, sql: &str, params: impl Params) -> Result<Option<Message>> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row(params, message).optional()?)
}

/// The messages that a statement finds, and where they stand.
pub(super) fn select(
    db: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(Position, Message)>> {
    let mut statement = db.prepare_cached(sql)?;
    let messages = statement.query_map(params, |row| Ok((row.get(11)?, message(row)?)))?;
    Ok(messages.collect::<rusqlite::Result<_>>()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        conversation_id: row.get(1)?,
        seq: row.get(2)?,
        sender_id: row.get(3)?,
        body: row.get(4)?,
        client_message_id: row.get(5)?,
        sent_at: row.get(6)?,
        reply_to: row.get(7)?,
        edited_at: row.get(8)?,
        deleted_at: row.get(9)?,
        changed: row.get::<_, Option<_>>(10)?.unwrap_or(0),
        reacted: row.get::<_, Option<_>>(12)?.unwrap_or(0),
        first: row.get(13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn no_statement_scans_or_sorts_messages() -> rusqlite::Result<()> {
        let statements = [LOG_AFTER, HISTORY, BY_ID, BY_CLIENT_ID, AT_PLACE, POSITION];
        for sql in statements {
            for step in plan(sql)? {
                assert!(step.starts_with("SEARCH "), "{sql}: {step}");
            }
        }
        Ok(())
    }
}

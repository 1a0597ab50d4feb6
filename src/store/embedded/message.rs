//! The log of all messages: `position` is the row's number, so its order is that of the commits.

use std::collections::{BTreeMap, btree_map::Entry};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{EmbeddedStore, columns, conversation};
use crate::{
    domain::{
        ConversationId, Draft, Message, MessageId, Page, Position, Seq, Timestamp, UserId, Window,
    },
    error::Result,
    store::{Messages, broken},
};

macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "SELECT id, position, conversation, seq, sender, body, client_message_id, sent_at, reply_to
             FROM messages ",
            $rest
        )
    };
}

const INSERT: &str = "INSERT INTO messages
         (id, position, conversation, seq, sender, body, client_message_id, sent_at, reply_to)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
     ON CONFLICT DO NOTHING";

const LOG_AFTER: &str = select_messages!("WHERE position > ?1 ORDER BY position LIMIT ?2");
const BY_ID: &str = select_messages!("WHERE id = ?1");
const BY_CLIENT_ID: &str = select_messages!("WHERE sender = ?1 AND client_message_id = ?2");
const AT_PLACE: &str = select_messages!("WHERE conversation = ?1 AND seq = ?2");
const HISTORY: &str =
    select_messages!("WHERE conversation = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq");

const POSITION_AT_PLACE: &str =
    "SELECT position FROM messages WHERE conversation = ?1 AND seq = ?2";

const WITH_NEWER: &str =
    "SELECT id, last_seq FROM members CROSS JOIN conversations ON id = conversation
     WHERE user = ?1 AND last_position > ?2 AND (?3 IS NULL OR id = ?3)";

#[async_trait]
impl Messages for EmbeddedStore {
    async fn append(&self, drafts: &[Draft]) -> Result<Vec<Message>> {
        let drafts = drafts.to_vec();
        self.write(move |db| append(db, &drafts)).await
    }

    async fn head(&self) -> Result<Position> {
        self.read(head).await
    }

    async fn log_after(&self, position: Position, limit: usize) -> Result<Vec<Message>> {
        self.read(move |db| select(db, LOG_AFTER, (position, columns::limit(limit))))
            .await
    }

    async fn missed(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: Position,
        up_to: Position,
        limit: usize,
    ) -> Result<Vec<Message>> {
        self.read(move |db| missed(db, viewer, conversation, after, up_to, limit))
            .await
    }

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
                items,
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

/// The newest message of a conversation, as the conversation's row keeps it; zeros before the first.
struct Tail {
    seq: Seq,
    position: Position,
    sent_at: Timestamp,
}

fn append(db: &Connection, drafts: &[Draft]) -> Result<Vec<Message>> {
    let mut insert = db.prepare_cached(INSERT)?;
    let mut position = head(db)?;
    let mut tails = BTreeMap::new();
    let mut read = BTreeMap::new();
    let mut messages = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let tail = match tails.entry(draft.conversation_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(tail(db, draft.conversation_id)?),
        };
        let message = draft.placed(position + 1, tail.seq + 1);
        let written = insert.execute(params![
            message.id,
            message.position,
            message.conversation_id,
            message.seq,
            message.sender_id,
            message.body,
            message.client_message_id,
            message.sent_at,
            message.reply_to
        ])?;
        if written == 0 {
            messages.push(earlier(db, draft)?);
            continue;
        }
        position = message.position;
        *tail = Tail {
            seq: message.seq,
            position,
            sent_at: message.sent_at,
        };
        read.insert((message.conversation_id, message.sender_id), message.seq);
        messages.push(message);
    }
    let mut update = db.prepare_cached(
        "UPDATE conversations SET last_seq = ?2, last_position = ?3, last_activity_at = ?4
         WHERE id = ?1 AND last_seq < ?2",
    )?;
    for (conversation, tail) in tails {
        update.execute(params![conversation, tail.seq, tail.position, tail.sent_at])?;
    }
    for ((conversation, sender), seq) in read {
        conversation::move_mark(db, conversation, sender, seq)?;
    }
    Ok(messages)
}

fn tail(db: &Connection, conversation: ConversationId) -> Result<Tail> {
    let mut statement = db.prepare_cached(
        "SELECT last_seq, last_position, last_activity_at FROM conversations WHERE id = ?1",
    )?;
    let tail = statement.query_row([conversation], |row| {
        Ok(Tail {
            seq: row.get(0)?,
            position: row.get(1)?,
            sent_at: row.get(2)?,
        })
    });
    tail.optional()?
        .ok_or_else(|| broken("a message for a conversation that does not exist"))
}

/// The message that kept a draft from being written: its sender's of the same client message id, or itself.
fn earlier(db: &Connection, draft: &Draft) -> Result<Message> {
    let same = match &draft.client_message_id {
        Some(client_id) => find(db, BY_CLIENT_ID, params![draft.sender_id, client_id])?,
        None => None,
    };
    match same {
        Some(message) => Ok(message),
        None => find(db, BY_ID, [draft.id])?
            .ok_or_else(|| broken("the place of a new message is taken")),
    }
}

fn head(db: &Connection) -> Result<Position> {
    let mut statement = db.prepare_cached("SELECT coalesce(max(position), 0) FROM messages")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn missed(
    db: &Connection,
    viewer: UserId,
    conversation: Option<ConversationId>,
    after: Position,
    up_to: Position,
    limit: usize,
) -> Result<Vec<Message>> {
    let mut with_newer = db.prepare_cached(WITH_NEWER)?;
    let mut rows = with_newer.query(params![viewer, after, conversation])?;
    // Of each conversation the next message that was not taken yet.
    let mut next = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (conversation, last_seq) = (row.get(0)?, row.get(1)?);
        let seq = first_after(db, conversation, last_seq, after)?;
        next.extend(at_place(db, conversation, seq)?);
    }
    let mut missed = Vec::new();
    while missed.len() < limit
        && let Some((position, message)) = next.pop_first()
        && position <= up_to
    {
        next.extend(at_place(db, message.conversation_id, message.seq + 1)?);
        missed.push(message);
    }
    Ok(missed)
}

/// The seq of a conversation's first message after `after`, found by halving; the caller knows that there is one.
fn first_after(
    db: &Connection,
    conversation: ConversationId,
    last_seq: Seq,
    after: Position,
) -> Result<Seq> {
    let mut position = db.prepare_cached(POSITION_AT_PLACE)?;
    let (mut had, mut new) = (0, last_seq);
    while new - had > 1 {
        let middle = had + (new - had) / 2;
        let at: Position = position.query_row(params![conversation, middle], |row| row.get(0))?;
        *if at <= after { &mut had } else { &mut new } = middle;
    }
    Ok(new)
}

fn at_place(
    db: &Connection,
    conversation: ConversationId,
    seq: Seq,
) -> Result<Option<(Position, Message)>> {
    let found = find(db, AT_PLACE, params![conversation, seq])?;
    Ok(found.map(|message| (message.position, message)))
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
    Ok(db
        .prepare_cached(sql)?
        .query_row(params, message)
        .optional()?)
}

fn select(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<Message>> {
    let mut statement = db.prepare_cached(sql)?;
    let messages = statement.query_map(params, message)?;
    Ok(messages.collect::<rusqlite::Result<_>>()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        position: row.get(1)?,
        conversation_id: row.get(2)?,
        seq: row.get(3)?,
        sender_id: row.get(4)?,
        body: row.get(5)?,
        client_message_id: row.get(6)?,
        sent_at: row.get(7)?,
        reply_to: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn no_statement_scans_or_sorts_messages() -> rusqlite::Result<()> {
        let statements = [
            LOG_AFTER,
            BY_ID,
            BY_CLIENT_ID,
            AT_PLACE,
            HISTORY,
            POSITION_AT_PLACE,
            WITH_NEWER,
        ];
        for sql in statements {
            for step in plan(sql)? {
                assert!(step.starts_with("SEARCH "), "{sql}: {step}");
            }
        }
        Ok(())
    }
}

//! Reading the log: messages, other entries and seals, each in a table of its own, in the order of their positions.
//!
//! There is one lane, and an entry's rank is the number of its position. Which step a message is, follows from the
//! changes before it.

use std::{
    collections::{BTreeMap, HashMap, btree_map, hash_map},
    sync::Arc,
};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{
    EmbeddedStore, append,
    change::{self, Place},
    columns, message,
};
use crate::{
    domain::{
        ConversationId, Entry, Happening, Lane, Message, NewEntry, Pen, Position, Progress, Record,
        Seal, Seq, Stay, Stretch, Tail, Unseen, UserId,
    },
    error::Result,
    store::{Appended, Call, Log, SEALS},
};

const HEAD: &str = "SELECT max(
     coalesce((SELECT max(position) FROM messages), 0),
     coalesce((SELECT max(position) FROM changes), 0),
     coalesce((SELECT max(position) FROM seals), 0))";

const SEALS_AFTER: &str =
    "SELECT position, mark FROM seals WHERE position > ?1 ORDER BY position LIMIT ?2";

const NEWEST_SEALS: &str =
    "SELECT position, mark FROM seals WHERE position > 0 ORDER BY position DESC LIMIT ?1";

macro_rules! select_tails {
    ($rest:literal) => {
        concat!(
            "SELECT id, last_seq + change_count, last_seq, max(last_position, change_position) ",
            $rest
        )
    };
}

const TAIL: &str = select_tails!("FROM conversations WHERE id = ?1");

const UNSEEN_AS_MEMBER: &str = "SELECT conversation, since FROM members
     CROSS JOIN conversations ON id = conversation
     WHERE user = ?1 AND max(last_position, change_position) > ?2 AND (?3 IS NULL OR id = ?3)";

const UNSEEN_OF_STAYS: &str = "SELECT conversation, since, until, seq, position FROM stays
     WHERE user = ?1 AND position > ?2 AND (?3 IS NULL OR conversation = ?3) ORDER BY position";

#[async_trait]
impl Log for EmbeddedStore {
    async fn begin_term(&self, _over: Option<Lane>) -> Result<Seal> {
        self.write(append::seal).await
    }

    async fn append(&self, entries: &[Entry]) -> Result<Appended> {
        let entries = entries.to_vec();
        self.write(move |db| append::append(db, &entries)).await
    }

    async fn log_after(&self, after: &Progress, limit: usize) -> Result<Vec<Record>> {
        let after = after.in_lane(Lane::FIRST);
        self.read(move |db| log_after(db, after, limit)).await
    }

    async fn heads(&self) -> Result<Progress> {
        self.read(|db| Ok(Progress::from_iter([head(db)?]))).await
    }

    async fn seals(&self) -> Result<Vec<Seal>> {
        self.read(|db| {
            let mut seals = seals(db, NEWEST_SEALS, [columns::limit(SEALS)])?;
            seals.reverse();
            Ok(seals)
        })
        .await
    }

    async fn tails(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Tail)>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            columns::find_each(&ids, |id| {
                let tail = tail(db, id)?.filter(|tail| tail.step > 0);
                Ok(tail.map(|tail| (id, tail)))
            })
        })
        .await
    }

    async fn unseen(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
    ) -> Result<Vec<Unseen>> {
        let after = after.in_lane(Lane::FIRST);
        self.read(move |db| unseen(db, params![viewer, after, conversation]))
            .await
    }

    async fn entries(&self, stretches: &[Stretch]) -> Result<Vec<Entry>> {
        let stretches = stretches.to_vec();
        self.read(move |db| {
            let mut found = Vec::new();
            for stretch in stretches {
                found.extend(entries(db, stretch)?);
            }
            Ok(found)
        })
        .await
    }

    fn is_alone(&self) -> bool {
        true
    }

    async fn call_for_turns(&self, _conversations: &[ConversationId]) -> Result<()> {
        Ok(())
    }

    async fn called_for(&self) -> Result<Vec<(ConversationId, Call)>> {
        Ok(Vec::new())
    }
}

/// Where the log ends.
pub(super) fn head(db: &Connection) -> Result<Position> {
    let mut statement = db.prepare_cached(HEAD)?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The seal at a position.
pub(super) fn seal(position: Position, mark: u32) -> Seal {
    Seal {
        position,
        rank: position.number(),
        mark,
    }
}

fn seals(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<Seal>> {
    let mut statement = db.prepare_cached(sql)?;
    let seals = statement.query_map(params, |row| Ok(seal(row.get(0)?, row.get(1)?)))?;
    Ok(seals.collect::<rusqlite::Result<_>>()?)
}

/// Where a conversation ends; `None` when there is none.
pub(super) fn tail(db: &Connection, conversation: ConversationId) -> Result<Option<Tail>> {
    let mut statement = db.prepare_cached(TAIL)?;
    let found = statement.query_row([conversation], tail_row).optional()?;
    Ok(found.map(|(_, tail)| tail))
}

fn tail_row(row: &Row<'_>) -> rusqlite::Result<(ConversationId, Tail)> {
    let position: Position = row.get(3)?;
    let tail = Tail {
        step: row.get(1)?,
        seq: row.get(2)?,
        position,
        rank: position.number(),
    };
    Ok((row.get(0)?, tail))
}

fn unseen(db: &Connection, params: impl Params + Copy) -> Result<Vec<Unseen>> {
    let mut all = BTreeMap::<ConversationId, Unseen>::new();
    let mut statement = db.prepare_cached(UNSEEN_OF_STAYS)?;
    let over = statement.query_map(params, |row| {
        let (step, position): (_, Position) = (row.get(2)?, row.get(4)?);
        Ok(Unseen {
            conversation_id: row.get(0)?,
            tail: Tail {
                step,
                seq: row.get(3)?,
                position,
                rank: position.number(),
            },
            stays: vec![Stay {
                from: row.get(1)?,
                to: Some(step),
            }],
        })
    })?;
    for unseen in over {
        let unseen = unseen?;
        match all.entry(unseen.conversation_id) {
            btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.tail = unseen.tail;
                known.stays.extend(unseen.stays);
            }
            btree_map::Entry::Vacant(none) => drop(none.insert(unseen)),
        }
    }
    let mut statement = db.prepare_cached(UNSEEN_AS_MEMBER)?;
    let present = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
    for found in present {
        let (conversation_id, from) = found?;
        let tail = tail(db, conversation_id)?.unwrap_or(Tail::NOTHING);
        let known = all.entry(conversation_id).or_insert(Unseen {
            conversation_id,
            tail,
            stays: Vec::new(),
        });
        known.tail = tail;
        known.stays.push(Stay { from, to: None });
    }
    Ok(all.into_values().collect())
}

/// What stands at a position.
enum Piece {
    Seal(Seal),
    Entry(Unplaced),
}

/// An entry as its table has it.
pub(super) struct Unplaced {
    /// The seq of the newest message before it.
    pub(super) said: Seq,
    pub(super) new: NewEntry,
}

impl Unplaced {
    fn message(message: Message) -> Self {
        Self {
            said: message.seq - 1,
            new: NewEntry {
                id: message.id.0,
                conversation_id: message.conversation_id,
                what: Happening::Sent(Arc::new(message)),
            },
        }
    }

    /// The entry at its position, where its conversation ends with it then.
    fn placed(self, position: Position, tail: &mut Tail) -> Entry {
        let before = position.number() - 1;
        Pen::new(Position::at(Lane::FIRST, before), before).write(self.new, tail, 0)
    }
}

fn log_after(db: &Connection, after: Position, limit: usize) -> Result<Vec<Record>> {
    let parameters = (after, columns::limit(limit));
    let mut pieces = BTreeMap::new();
    for (position, message) in message::select(db, message::LOG_AFTER, parameters)? {
        pieces.insert(position, Piece::Entry(Unplaced::message(message)));
    }
    for (position, change) in change::select(db, change::LOG_AFTER, parameters)? {
        pieces.insert(position, Piece::Entry(change));
    }
    for seal in seals(db, SEALS_AFTER, parameters)? {
        pieces.insert(seal.position, Piece::Seal(seal));
    }
    let mut tails = HashMap::new();
    let records = pieces.into_iter().take(limit).map(|(position, piece)| {
        let entry = match piece {
            Piece::Seal(seal) => return Ok(Record::Seal(seal)),
            Piece::Entry(entry) => entry,
        };
        let conversation = entry.new.conversation_id;
        let tail = match tails.entry(conversation) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(unknown) => {
                let change = change::before(db, change::BEFORE_POSITION, (conversation, position))?;
                unknown.insert(tail_behind(db, conversation, change.as_ref(), entry.said)?)
            }
        };
        Ok(Record::Entry(entry.placed(position, tail)))
    });
    records.collect()
}

fn entries(db: &Connection, stretch: Stretch) -> Result<Vec<Entry>> {
    let id = stretch.conversation_id;
    let end = tail(db, id)?.unwrap_or(Tail::NOTHING);
    let (first, last) = (stretch.first.max(1), stretch.last.min(end.step));
    if first > last {
        return Ok(Vec::new());
    }
    let change = change::before(db, change::BEFORE_STEP, (id, first))?;
    let said = first - 1 - change.as_ref().map_or(0, Place::count);
    let mut tail = tail_behind(db, id, change.as_ref(), said)?;
    let changes = change::select(db, change::IN_STRETCH, (id, first, last))?;
    let sent = last - first + 1 - columns::limit(changes.len());
    let messages = message::select(db, message::HISTORY, (id, said + 1, said + sent))?;
    let messages = messages
        .into_iter()
        .map(|(position, message)| (position, Unplaced::message(message)));
    let pieces: BTreeMap<_, _> = changes.into_iter().chain(messages).collect();
    let entries = pieces
        .into_iter()
        .map(|(position, entry)| entry.placed(position, &mut tail));
    Ok(entries.collect())
}

/// Where a conversation ended behind its newest change by then and its newest message by then.
fn tail_behind(
    db: &Connection,
    conversation: ConversationId,
    change: Option<&Place>,
    said: Seq,
) -> Result<Tail> {
    let changed_at = change.map_or(Position::START, |change| change.position);
    let said_at = message::position(db, conversation, said)?.unwrap_or(Position::START);
    let position = changed_at.max(said_at);
    Ok(Tail {
        step: said + change.map_or(0, Place::count),
        seq: said,
        position,
        rank: position.number(),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn no_statement_scans_or_sorts_the_log() -> rusqlite::Result<()> {
        for sql in [
            SEALS_AFTER,
            NEWEST_SEALS,
            TAIL,
            UNSEEN_AS_MEMBER,
            UNSEEN_OF_STAYS,
        ] {
            for step in plan(sql)? {
                assert!(step.starts_with("SEARCH "), "{sql}: {step}");
            }
        }
        for step in plan(HEAD)? {
            assert!(
                !step.starts_with("SCAN ") || step == "SCAN CONSTANT ROW",
                "{step}"
            );
        }
        Ok(())
    }
}

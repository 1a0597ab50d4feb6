//! The tables, and how those of an older version become today's.

use rusqlite::Connection;

/// The version of the tables that this program knows.
pub(super) const VERSION: u32 = 6;

/// Each step makes the tables of one version those of the next; the first makes them from nothing. A released step
/// is never changed: what is to be different comes as a further step.
pub(super) const STEPS: [&str; VERSION as usize] = [TABLES, LOG, ACCOUNTS, GROUPS, SEARCH, BLOCKS];

/// The version of the tables in the file, 0 in a new one.
pub(super) fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Takes the steps that the file has not had yet, each together with its version or not at all.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    let had = version(db)?;
    for (step, version) in STEPS.iter().zip(1..).filter(|(_, version)| *version > had) {
        let transaction = db.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Rows refer to each other by id without foreign keys: nothing that is referred to is ever deleted, and a check for
/// each message would cost more than the message.
const TABLES: &str = "
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE users (
    id            BLOB PRIMARY KEY,
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL UNIQUE,
    display_name  TEXT NOT NULL,
    sort_key      TEXT NOT NULL,
    avatar_url    TEXT,
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX users_sorted ON users (sort_key, id);

-- Bytes, not text: no key contains the byte 255, so the keys that start with some bytes end before those and 255.
CREATE TABLE search_keys (
    key  BLOB NOT NULL,
    user BLOB NOT NULL,
    PRIMARY KEY (key, user)
) WITHOUT ROWID, STRICT;

CREATE TABLE sessions (
    id         BLOB PRIMARY KEY,
    user       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- pair: of a direct conversation, both ids, the smaller first. last_*: of the newest message.
CREATE TABLE conversations (
    id               BLOB PRIMARY KEY,
    kind             TEXT NOT NULL,
    title            TEXT,
    pair             BLOB UNIQUE,
    created_at       INTEGER NOT NULL,
    last_seq         INTEGER NOT NULL DEFAULT 0,
    last_position    INTEGER NOT NULL DEFAULT 0,
    last_activity_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- place: 1, 2, 3 in the order in which they joined.
CREATE TABLE members (
    conversation BLOB NOT NULL,
    user         BLOB NOT NULL,
    place        INTEGER NOT NULL,
    role         TEXT NOT NULL,
    joined_at    INTEGER NOT NULL,
    read_seq     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, user)
) WITHOUT ROWID, STRICT;
CREATE INDEX members_by_user ON members (user);

CREATE TABLE messages (
    position          INTEGER PRIMARY KEY,
    id                BLOB NOT NULL UNIQUE,
    conversation      BLOB NOT NULL,
    seq               INTEGER NOT NULL,
    sender            BLOB NOT NULL,
    body              TEXT NOT NULL,
    client_message_id TEXT,
    sent_at           INTEGER NOT NULL,
    reply_to          BLOB,
    UNIQUE (conversation, seq)
) STRICT;
CREATE UNIQUE INDEX messages_by_client_id ON messages (sender, client_message_id)
    WHERE client_message_id IS NOT NULL;

CREATE TABLE online_users (
    user BLOB PRIMARY KEY
) WITHOUT ROWID, STRICT;

CREATE TABLE last_seen (
    user BLOB PRIMARY KEY,
    at   INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
";

/// A log of more than messages. Nothing of the old rows is written anew: what stands there says what it said. Steps are
/// not kept for messages: a message's step is its seq and the number of the changes before it.
const LOG: &str = "
-- last_seq, last_activity_at: of the newest message. last_position: of the newest message, before the first of the
-- entry that made it. change_count, change_position: how many entries there are that are no messages, and where the newest
-- of them stands. changed: the step that made or changed it last.
ALTER TABLE conversations ADD COLUMN change_count    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN change_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN changed         INTEGER NOT NULL DEFAULT 0;

-- Of messages that were edited or deleted, by their positions; their bodies stand with them. Not columns of theirs, as
-- adding those would read all messages.
CREATE TABLE edits (
    message    INTEGER PRIMARY KEY,
    edited_at  INTEGER,
    deleted_at INTEGER,
    changed    INTEGER NOT NULL
) STRICT;

CREATE TABLE seals (
    position INTEGER PRIMARY KEY,
    mark     INTEGER NOT NULL
) STRICT;

-- Entries that are no messages. seq: of the newest message before it. message: whose change it is; else it is the
-- conversation's, which has this title and these members then.
CREATE TABLE changes (
    position     INTEGER PRIMARY KEY,
    id           BLOB NOT NULL,
    conversation BLOB NOT NULL,
    step         INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    message      BLOB,
    title        TEXT,
    UNIQUE (conversation, step)
) STRICT;
CREATE INDEX changes_by_position ON changes (conversation, position);

CREATE TABLE change_members (
    position  INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    user      BLOB NOT NULL,
    role      TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (position, place)
) WITHOUT ROWID, STRICT;
";

/// Of a deleted account the texts are empty, but for `username_key`.
const ACCOUNTS: &str = "
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
CREATE INDEX users_listed ON users (sort_key, id) WHERE deleted_at IS NULL;
DROP INDEX users_sorted;

-- A row is a sign-in that was not ended. device: what the client said of itself.
ALTER TABLE sessions ADD COLUMN device TEXT;
ALTER TABLE sessions ADD COLUMN last_used_at INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET last_used_at = created_at;

CREATE TABLE blocks (
    blocker BLOB NOT NULL,
    blocked BLOB NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (blocker, blocked)
) WITHOUT ROWID, STRICT;
CREATE INDEX blocks_by_blocked ON blocks (blocked);
";

/// Groups, changed messages and reactions.
const GROUPS: &str = "
-- since: the step that made it a member; 0 where that is not known, as it was there before all steps.
ALTER TABLE members ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
-- read_stamp: which of all moves by reading was its last; 0 when there was none. How many there were is kept apart, as
-- members go.
INSERT INTO meta (name, value) VALUES ('read_stamp', 0);
ALTER TABLE members ADD COLUMN read_stamp INTEGER NOT NULL DEFAULT 0;
CREATE INDEX members_by_read ON members (read_stamp) WHERE read_stamp > 0;
ALTER TABLE change_members ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- leaving: whether it is deleted and may still be in groups.
ALTER TABLE users ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_leaving ON users (leaving) WHERE leaving = 1;

-- Times for which somebody was a member, once they are over: from the step that began one to the one that ended it,
-- which stands at a position and behind a message.
CREATE TABLE stays (
    conversation BLOB NOT NULL,
    until        INTEGER NOT NULL,
    user         BLOB NOT NULL,
    since        INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    PRIMARY KEY (conversation, until, user)
) WITHOUT ROWID, STRICT;
CREATE INDEX stays_by_user ON stays (user, position);

-- reacted: the step that changed the message's reactions last. first: a fingerprint of what it said first.
ALTER TABLE edits ADD COLUMN reacted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE edits ADD COLUMN first BLOB;

-- emoji: what was put under the message by user, or, where added is 0, taken away.
ALTER TABLE changes ADD COLUMN user BLOB;
ALTER TABLE changes ADD COLUMN emoji TEXT;
ALTER TABLE changes ADD COLUMN added INTEGER;

-- message: its position. since: the step that put it there.
CREATE TABLE reactions (
    message INTEGER NOT NULL,
    user    BLOB NOT NULL,
    emoji   TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (message, user, emoji)
) WITHOUT ROWID, STRICT;
";

/// See [`crate::search`]: what stands in a part is the index's own affair.
const SEARCH: &str = "
CREATE TABLE search_catalogue (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    number INTEGER NOT NULL,
    text   TEXT NOT NULL
) STRICT;

CREATE TABLE search_parts (
    number INTEGER PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
";

/// Blocks in the log.
const BLOCKS: &str = "
-- estranged: of an entry that says no more, both ids, the smaller first, where one of the two blocked the other.
ALTER TABLE changes ADD COLUMN estranged BLOB;
-- told: whether the log is known to tell of it.
ALTER TABLE blocks ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
";

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An empty database.
    pub(in crate::store::embedded) fn database() -> rusqlite::Result<Connection> {
        let mut db = Connection::open_in_memory()?;
        migrate(&mut db)?;
        Ok(db)
    }

    /// How SQLite would find what a statement asks for, a line a step.
    pub(in crate::store::embedded) fn plan(sql: &str) -> rusqlite::Result<Vec<String>> {
        let db = database()?;
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        for parameter in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(parameter, 1)?;
        }
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get("detail")?);
        }
        Ok(steps)
    }

    #[test]
    fn migrating_brings_any_older_file_to_todays_version_once() -> rusqlite::Result<()> {
        let mut db = Connection::open_in_memory()?;
        assert_eq!(version(&db)?, 0);
        for _ in 0..2 {
            migrate(&mut db)?;
            assert_eq!(version(&db)?, VERSION);
        }
        Ok(())
    }
}

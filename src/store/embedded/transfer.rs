//! Everything page by page, and accounts put in as they were.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{
    EmbeddedStore, columns,
    user::{add_search_keys, user},
};
use crate::{
    domain::{Account, Block, ConversationId, MessageId, Timestamp, Totals, UserId},
    error::Result,
    store::Transfer,
};

// No id is less than the empty one.
const ACCOUNTS: &str = "SELECT id, username, display_name, avatar_url, created_at, deleted_at,
         username_key, password_hash, leaving
     FROM users WHERE id > coalesce(?1, x'') ORDER BY id LIMIT ?2";

const BLOCKS: &str = "SELECT blocker, blocked, at FROM blocks
     WHERE (blocker, blocked) > (coalesce(?1, x''), coalesce(?2, x''))
     ORDER BY blocker, blocked LIMIT ?3";

const CONVERSATIONS: &str =
    "SELECT id FROM conversations WHERE id > coalesce(?1, x'') ORDER BY id LIMIT ?2";

const MESSAGE: &str = "SELECT 1 FROM messages WHERE id = ?1";

#[async_trait]
impl Transfer for EmbeddedStore {
    async fn accounts_behind(&self, after: Option<UserId>, limit: usize) -> Result<Vec<Account>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(ACCOUNTS)?;
            let found = statement.query_map(params![after, columns::limit(limit)], account)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn add_account(&self, account: &Account) -> Result<bool> {
        let account = account.clone();
        self.write(move |db| add(db, &account)).await
    }

    async fn blocks_behind(
        &self,
        after: Option<(UserId, UserId)>,
        limit: usize,
    ) -> Result<Vec<Block>> {
        let (blocker, blocked) = after.unzip();
        self.read(move |db| {
            let mut statement = db.prepare_cached(BLOCKS)?;
            let values = params![blocker, blocked, columns::limit(limit)];
            let found = statement.query_map(values, |row| {
                Ok(Block {
                    blocker: row.get(0)?,
                    blocked: row.get(1)?,
                    at: row.get(2)?,
                })
            })?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn conversations_behind(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(CONVERSATIONS)?;
            let values = params![after, columns::limit(limit)];
            let found = statement.query_map(values, |row| row.get(0))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn damage(&self, limit: usize) -> Result<Vec<String>> {
        self.read(move |db| {
            let mut check = db.prepare(&format!("PRAGMA integrity_check({limit})"))?;
            let found = check.query_map([], |row| row.get::<_, String>(0))?;
            let found: Vec<String> = found.collect::<rusqlite::Result<_>>()?;
            Ok(found.into_iter().filter(|line| line != "ok").collect())
        })
        .await
    }

    async fn totals(&self) -> Result<Totals> {
        self.read(|db| {
            let count = |sql: &str| -> Result<u64> {
                let count: i64 = db.query_row(sql, [], |row| row.get(0))?;
                Ok(count.cast_unsigned())
            };
            let now = Timestamp::now().0;
            Ok(Totals {
                users: count("SELECT count(*) FROM users WHERE deleted_at IS NULL")?,
                deleted_users: count("SELECT count(*) FROM users WHERE deleted_at IS NOT NULL")?,
                conversations: count(
                    "SELECT count(*) FROM conversations WHERE last_seq > 0 OR change_count > 0",
                )?,
                messages: count("SELECT count(*) FROM messages")?,
                sessions: count(&format!(
                    "SELECT count(*) FROM sessions WHERE expires_at > {now}"
                ))?,
                online: None,
            })
        })
        .await
    }

    async fn known_messages(&self, ids: &[MessageId]) -> Result<Vec<MessageId>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached(MESSAGE)?;
            columns::find_each(&ids, |id| Ok(statement.exists([id])?.then_some(id)))
        })
        .await
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let user = user(row)?;
    let password_hash = (!user.is_deleted()).then(|| row.get(7)).transpose()?;
    Ok(Account {
        user,
        username_key: row.get(6)?,
        password_hash,
        leaving: row.get(8)?,
    })
}

fn add(db: &Connection, account: &Account) -> Result<bool> {
    let user = &account.user;
    let shown = |text: &str| {
        if user.is_deleted() {
            String::new()
        } else {
            text.to_owned()
        }
    };
    let added = db
        .prepare_cached(
            "INSERT INTO users
                 (id, username, username_key, display_name, sort_key, avatar_url, password_hash, created_at,
                  deleted_at, leaving)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            user.id,
            user.username,
            account.username_key,
            shown(user.display_name.as_str()),
            shown(&user.sort_key()),
            user.avatar_url,
            account.password_hash.as_deref().unwrap_or_default(),
            user.created_at,
            user.deleted_at,
            account.leaving
        ])?;
    if added == 1 && !user.is_deleted() {
        add_search_keys(db, user)?;
    }
    Ok(added == 1)
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn pages_are_found_without_a_sort() -> rusqlite::Result<()> {
        for sql in [ACCOUNTS, BLOCKS, CONVERSATIONS, MESSAGE] {
            for step in plan(sql)? {
                assert!(step.starts_with("SEARCH "), "{sql}: {step}");
            }
        }
        Ok(())
    }
}

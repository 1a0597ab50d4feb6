//! People.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{User, UserId},
    error::Result,
    store::Users,
};

macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT id, username, display_name, avatar_url, created_at FROM users ",
            $rest
        )
    };
}

const SIDEBAR: &str = select_users!(
    "WHERE id <> ?1 AND (sort_key, id) > (?2, ?3)
     ORDER BY sort_key, id LIMIT ?4"
);

const SIDEBAR_SEARCH: &str = select_users!(
    "WHERE id <> ?1 AND (sort_key, id) > (?2, ?3)
       AND id IN (SELECT user FROM search_keys WHERE key >= ?5 AND key < ?6)
     ORDER BY sort_key, id LIMIT ?4"
);

#[async_trait]
impl Users for EmbeddedStore {
    async fn create_user(&self, user: &User, password_hash: &str) -> Result<bool> {
        let (user, password_hash) = (user.clone(), password_hash.to_owned());
        self.write(move |db| create(db, &user, &password_hash))
            .await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        const SQL: &str = "SELECT id, username, display_name, avatar_url, created_at, password_hash
             FROM users WHERE username_key = ?1";
        let key = username_key.to_owned();
        self.read(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            let found = statement.query_row([key], |row| Ok((user(row)?, row.get(5)?)));
            Ok(found.optional()?)
        })
        .await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached(select_users!("WHERE id = ?1"))?;
            columns::find_each(&ids, |id| Ok(statement.query_row([id], user).optional()?))
        })
        .await
    }

    async fn sidebar_users(
        &self,
        viewer: UserId,
        search: Option<&str>,
        after: Option<&(String, UserId)>,
        limit: usize,
    ) -> Result<Vec<User>> {
        let (search, after) = (search.map(str::to_owned), after.cloned());
        self.read(move |db| sidebar(db, viewer, search, after, limit))
            .await
    }
}

fn create(db: &Connection, user: &User, password_hash: &str) -> Result<bool> {
    let added = db
        .prepare_cached(
            "INSERT INTO users
                 (id, username, username_key, display_name, sort_key, avatar_url, password_hash, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (username_key) DO NOTHING",
        )?
        .execute(params![
            user.id,
            user.username,
            user.username.key(),
            user.display_name,
            user.sort_key(),
            user.avatar_url,
            password_hash,
            user.created_at
        ])?;
    if added == 0 {
        return Ok(false);
    }
    let mut insert = db.prepare_cached("INSERT INTO search_keys (key, user) VALUES (?1, ?2)")?;
    for key in user.search_keys() {
        insert.execute(params![key.as_bytes(), user.id])?;
    }
    Ok(true)
}

fn sidebar(
    db: &Connection,
    viewer: UserId,
    search: Option<String>,
    after: Option<(String, UserId)>,
    limit: usize,
) -> Result<Vec<User>> {
    let limit = columns::limit(limit);
    // Every sort key is greater than the empty text.
    let (after_key, after_id): (String, Box<dyn ToSql>) = match after {
        Some((key, id)) => (key, Box::new(id)),
        None => (String::new(), Box::new(Vec::new())),
    };
    let users = match search {
        None => db
            .prepare_cached(SIDEBAR)?
            .query_map(params![viewer, after_key, after_id, limit], user)?
            .collect::<rusqlite::Result<_>>(),
        Some(prefix) => {
            let first = prefix.into_bytes();
            let end = [first.as_slice(), &[u8::MAX]].concat();
            db.prepare_cached(SIDEBAR_SEARCH)?
                .query_map(
                    params![viewer, after_key, after_id, limit, first, end],
                    user,
                )?
                .collect()
        }
    };
    Ok(users?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        avatar_url: row.get(3)?,
        created_at: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn nothing_scans_users_and_only_the_found_are_sorted() -> rusqlite::Result<()> {
        for sql in [SIDEBAR, SIDEBAR_SEARCH] {
            let steps = plan(sql)?;
            assert!(
                !steps.iter().any(|step| step.starts_with("SCAN ")),
                "{steps:?}"
            );
        }
        assert_eq!(plan(SIDEBAR)?.len(), 1, "read in its order");
        Ok(())
    }
}

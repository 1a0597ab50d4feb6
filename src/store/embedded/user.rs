//! People.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{EmbeddedStore, blocks, columns};
use crate::{
    domain::{ProfileChange, Timestamp, User, UserId},
    error::Result,
    store::Users,
};

macro_rules! select_users {
    ($rest:literal) => {
        concat!(
            "SELECT id, username, display_name, avatar_url, created_at, deleted_at FROM users ",
            $rest
        )
    };
}

const SIDEBAR: &str = select_users!(
    "WHERE id <> ?1 AND (sort_key, id) > (?2, ?3) AND deleted_at IS NULL
     ORDER BY sort_key, id LIMIT ?4"
);

const SIDEBAR_SEARCH: &str = select_users!(
    "WHERE id <> ?1 AND (sort_key, id) > (?2, ?3) AND deleted_at IS NULL
       AND id IN (SELECT user FROM search_keys WHERE key >= ?5 AND key < ?6)
     ORDER BY sort_key, id LIMIT ?4"
);

/// How many of some keys there are, but not more than there are to count.
const COUNT_KEYS: &str = "SELECT count(*) FROM
     (SELECT 1 FROM search_keys WHERE key >= ?1 AND key < ?2 LIMIT ?3)";

/// A search that so many keys fit mostly finds its page sooner by looking at everyone in the list's order than by
/// sorting all that fit.
const MANY_KEYS: usize = 1_000;
/// At how many users it looks so, as those that fit may all stand elsewhere in the list.
const LOOKED_AT: usize = 5 * MANY_KEYS;

/// How many there are.
pub(super) fn count(db: &Connection) -> rusqlite::Result<u64> {
    let count = db.query_row("SELECT count(*) FROM users", [], |row| row.get(0));
    count.map(i64::cast_unsigned)
}

#[async_trait]
impl Users for EmbeddedStore {
    async fn create_user(&self, user: &User, password_hash: &str) -> Result<bool> {
        let (user, password_hash) = (user.clone(), password_hash.to_owned());
        self.write(move |db| create(db, &user, &password_hash))
            .await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        const SQL: &str =
            "SELECT id, username, display_name, avatar_url, created_at, deleted_at, password_hash
             FROM users WHERE username_key = ?1 AND deleted_at IS NULL";
        let key = username_key.to_owned();
        self.read(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            let found = statement.query_row([key], |row| Ok((user(row)?, row.get(6)?)));
            Ok(found.optional()?)
        })
        .await
    }

    async fn is_taken(&self, username_key: &str) -> Result<bool> {
        let key = username_key.to_owned();
        self.read(move |db| {
            let mut statement = db.prepare_cached("SELECT 1 FROM users WHERE username_key = ?1")?;
            Ok(statement.exists([key])?)
        })
        .await
    }

    async fn password_hash(&self, user: UserId) -> Result<Option<String>> {
        const SQL: &str = "SELECT password_hash FROM users WHERE id = ?1 AND deleted_at IS NULL";
        self.read(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            Ok(statement.query_row([user], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn change_password(&self, user: UserId, old: &str, new: &str) -> Result<bool> {
        const SQL: &str = "UPDATE users SET password_hash = ?3
             WHERE id = ?1 AND password_hash = ?2 AND deleted_at IS NULL";
        let (old, new) = (old.to_owned(), new.to_owned());
        self.write(move |db| {
            let changed = db.prepare_cached(SQL)?.execute(params![user, old, new])?;
            Ok(changed == 1)
        })
        .await
    }

    async fn change_profile(&self, user: UserId, change: &ProfileChange) -> Result<Option<User>> {
        let change = change.clone();
        self.write(move |db| change_profile(db, user, change)).await
    }

    async fn delete_user(&self, user: UserId, hash: &str, at: Timestamp) -> Result<bool> {
        let hash = hash.to_owned();
        self.write(move |db| delete(db, user, &hash, at)).await
    }

    async fn leaving(&self) -> Result<Vec<UserId>> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT id FROM users WHERE leaving = 1")?;
            let leaving = statement.query_map([], |row| row.get(0))?;
            Ok(leaving.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn has_left(&self, user: UserId) -> Result<()> {
        self.write(move |db| {
            db.prepare_cached("UPDATE users SET leaving = 0 WHERE id = ?1")?
                .execute([user])?;
            Ok(())
        })
        .await
    }

    async fn count_users(&self) -> Result<u64> {
        self.read(|db| Ok(count(db)?)).await
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
    add_search_keys(db, user)?;
    Ok(true)
}

pub(super) fn add_search_keys(db: &Connection, user: &User) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached("INSERT INTO search_keys (key, user) VALUES (?1, ?2)")?;
    for key in user.search_keys() {
        insert.execute(params![key.as_bytes(), user.id])?;
    }
    Ok(())
}

fn remove_search_keys(db: &Connection, user: &User) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached("DELETE FROM search_keys WHERE key = ?1 AND user = ?2")?;
    for key in user.search_keys() {
        delete.execute(params![key.as_bytes(), user.id])?;
    }
    Ok(())
}

/// A user with an account.
fn existing(db: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    db.prepare_cached(select_users!("WHERE id = ?1 AND deleted_at IS NULL"))?
        .query_row([id], user)
        .optional()
}

fn change_profile(db: &Connection, id: UserId, change: ProfileChange) -> Result<Option<User>> {
    let Some(before) = existing(db, id)? else {
        return Ok(None);
    };
    remove_search_keys(db, &before)?;
    let user = change.applied_to(before);
    add_search_keys(db, &user)?;
    db.prepare_cached(
        "UPDATE users SET display_name = ?2, sort_key = ?3, avatar_url = ?4 WHERE id = ?1",
    )?
    .execute(params![
        id,
        user.display_name,
        user.sort_key(),
        user.avatar_url
    ])?;
    Ok(Some(user))
}

fn delete(db: &Connection, id: UserId, hash: &str, at: Timestamp) -> Result<bool> {
    let Some(user) = existing(db, id)? else {
        return Ok(false);
    };
    let sql = "SELECT password_hash FROM users WHERE id = ?1";
    let now: String = db.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
    if now != hash {
        return Ok(false);
    }
    remove_search_keys(db, &user)?;
    db.prepare_cached(
        "UPDATE users SET username = '', display_name = '', sort_key = '', avatar_url = NULL,
                          password_hash = '', deleted_at = ?2, leaving = 1
         WHERE id = ?1",
    )?
    .execute(params![id, at])?;
    blocks::forget(db, id)?;
    Ok(true)
}

/// From where on the sidebar is read, and by whom.
struct Place {
    viewer: UserId,
    after_key: String,
    after_id: Box<dyn ToSql>,
}

fn sidebar(
    db: &Connection,
    viewer: UserId,
    search: Option<String>,
    after: Option<(String, UserId)>,
    at_most: usize,
) -> Result<Vec<User>> {
    // Every sort key is greater than the empty text.
    let (after_key, after_id): (String, Box<dyn ToSql>) = match after {
        Some((key, id)) => (key, Box::new(id)),
        None => (String::new(), Box::new(Vec::new())),
    };
    let place = Place {
        viewer,
        after_key,
        after_id,
    };
    let Some(prefix) = search else {
        return Ok(in_order(db, &place, at_most, |_| true, at_most)?.0);
    };
    let first = prefix.as_bytes();
    let end = [first, &[u8::MAX]].concat();
    let many = columns::limit(MANY_KEYS);
    let keys: i64 = db
        .prepare_cached(COUNT_KEYS)?
        .query_row(params![first, end, many], |row| row.get(0))?;
    if keys == many {
        let fits = |user: &User| user.fits(&prefix);
        let (found, looked_at) = in_order(db, &place, LOOKED_AT, fits, at_most)?;
        if found.len() == at_most || looked_at < LOOKED_AT {
            return Ok(found);
        }
    }
    let mut statement = db.prepare_cached(SIDEBAR_SEARCH)?;
    let limit = columns::limit(at_most);
    let parameters = params![
        place.viewer,
        place.after_key,
        place.after_id,
        limit,
        first,
        end
    ];
    let users = statement.query_map(parameters, user)?;
    Ok(users.collect::<rusqlite::Result<_>>()?)
}

/// The next who fit, and at how many it looked for them, which are `most` at most.
fn in_order(
    db: &Connection,
    place: &Place,
    most: usize,
    fits: impl Fn(&User) -> bool,
    at_most: usize,
) -> Result<(Vec<User>, usize)> {
    let mut statement = db.prepare_cached(SIDEBAR)?;
    let limit = columns::limit(most);
    let parameters = params![place.viewer, place.after_key, place.after_id, limit];
    let mut everyone = statement.query(parameters)?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while found.len() < at_most
        && let Some(row) = everyone.next()?
    {
        looked_at += 1;
        let user = user(row)?;
        if fits(&user) {
            found.push(user);
        }
    }
    Ok((found, looked_at))
}

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let (id, created_at, deleted_at) = (row.get(0)?, row.get(4)?, row.get(5)?);
    if let Some(deleted_at) = deleted_at {
        return Ok(User::deleted(id, created_at, deleted_at));
    }
    Ok(User {
        id,
        username: row.get(1)?,
        display_name: row.get(2)?,
        avatar_url: row.get(3)?,
        created_at,
        deleted_at,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::schema::tests::{database, plan},
        *,
    };
    use crate::domain::{DisplayName, Username};

    #[test]
    fn a_search_that_fits_many_finds_who_fits_in_order() -> Result<()> {
        let db = database()?;
        let person = |number: usize| User {
            id: UserId::new(),
            username: Username::stored(&format!("person{number}")),
            // Not in the order of their ids, and some at the same place.
            display_name: DisplayName::stored(&format!("{} Ön", number * 7 % 900)),
            avatar_url: None,
            created_at: Timestamp(0),
            deleted_at: None,
        };
        let mut everyone = (0..MANY_KEYS + 200).map(person).collect::<Vec<_>>();
        // These stand behind everyone who could be looked at.
        let last = |number| User {
            display_name: DisplayName::stored("zz"),
            username: Username::stored(&format!("last{number}")),
            ..person(number)
        };
        let others = |number| User {
            username: Username::stored(&format!("other{number}")),
            ..person(number)
        };
        everyone.extend((0..MANY_KEYS + 10).map(last));
        everyone.extend((0..LOOKED_AT).map(others));
        for user in &everyone {
            assert!(create(&db, user, "")?);
        }
        everyone.sort_by_key(|user| (user.sort_key(), user.id));
        let viewer = everyone[3].id;
        for search in ["p", "person", "person1", "1", "persons", "last"] {
            let fits = |user: &&User| {
                let keys = user.search_keys();
                user.id != viewer && keys.iter().any(|key| key.starts_with(search))
            };
            let expected = everyone.iter().filter(fits).cloned().collect::<Vec<_>>();
            let mut found = Vec::new();
            loop {
                let after = found.last().map(|last: &User| (last.sort_key(), last.id));
                let page = sidebar(&db, viewer, Some(search.to_owned()), after, 300)?;
                if page.is_empty() {
                    break;
                }
                assert!(page.len() <= 300);
                found.extend(page);
            }
            assert_eq!(found, expected, "{search}");
        }
        Ok(())
    }

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

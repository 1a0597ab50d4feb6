//! Where the search's index is kept.

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{OptionalExtension, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{ConversationId, UserId},
    error::Result,
    store::Search,
};

const CONVERSATIONS_WITH: &str = "SELECT conversation FROM members WHERE user = ?1";
const CATALOGUE: &str = "SELECT number, text FROM search_catalogue WHERE only = 1";
const PART: &str = "SELECT number, bytes FROM search_parts WHERE number = ?1";
const PART_BEHIND: &str =
    "SELECT number FROM search_parts WHERE number > ?1 ORDER BY number LIMIT 1";
const REMOVE_PARTS: &str = "DELETE FROM search_parts WHERE number IN
     (SELECT number FROM search_parts WHERE number >= ?1 AND number < ?2 ORDER BY number LIMIT ?3)";

/// How many parts one call removes, so that writers do not wait for long.
const REMOVED: usize = 128;

#[async_trait]
impl Search for EmbeddedStore {
    async fn conversations_with(&self, member: UserId) -> Result<Vec<ConversationId>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(CONVERSATIONS_WITH)?;
            let ids = statement.query_map([member], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn catalogue(&self) -> Result<(i64, String)> {
        self.read(|db| {
            let mut statement = db.prepare_cached(CATALOGUE)?;
            let found = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(found.optional()?.unwrap_or_default())
        })
        .await
    }

    async fn replace_catalogue(&self, number: i64, text: &str) -> Result<bool> {
        let text = text.to_owned();
        self.write(move |db| {
            let replace = if number == 0 {
                "INSERT INTO search_catalogue (only, number, text) VALUES (1, ?1 + 1, ?2)
                 ON CONFLICT DO NOTHING"
            } else {
                "UPDATE search_catalogue SET number = ?1 + 1, text = ?2
                 WHERE only = 1 AND number = ?1"
            };
            Ok(db.prepare_cached(replace)?.execute(params![number, text])? == 1)
        })
        .await
    }

    async fn add_parts(&self, parts: &[(i64, Bytes)]) -> Result<()> {
        let parts = parts.to_vec();
        self.write(move |db| {
            let mut insert =
                db.prepare_cached("INSERT INTO search_parts (number, bytes) VALUES (?1, ?2)")?;
            for (number, bytes) in &parts {
                insert.execute(params![number, &bytes[..]])?;
            }
            Ok(())
        })
        .await
    }

    async fn parts(&self, numbers: &[i64]) -> Result<Vec<(i64, Bytes)>> {
        let numbers = numbers.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached(PART)?;
            columns::find_each(&numbers, |number| {
                let part = |row: &rusqlite::Row<'_>| {
                    let bytes = row.get_ref(1)?.as_blob()?;
                    Ok((row.get(0)?, Bytes::copy_from_slice(bytes)))
                };
                Ok(statement.query_row([number], part).optional()?)
            })
        })
        .await
    }

    async fn part_behind(&self, number: i64) -> Result<Option<i64>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(PART_BEHIND)?;
            Ok(statement.query_row([number], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn remove_parts(&self, first: i64, end: i64) -> Result<bool> {
        self.write(move |db| {
            let mut remove = db.prepare_cached(REMOVE_PARTS)?;
            Ok(remove.execute(params![first, end, columns::limit(REMOVED)])? == REMOVED)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn no_statement_scans_or_sorts_the_index() -> rusqlite::Result<()> {
        let statements = [
            CONVERSATIONS_WITH,
            CATALOGUE,
            PART,
            PART_BEHIND,
            REMOVE_PARTS,
        ];
        for sql in statements {
            for step in plan(sql)? {
                let is_subquery = step.starts_with("LIST SUBQUERY");
                assert!(step.starts_with("SEARCH ") || is_subquery, "{sql}: {step}");
            }
        }
        Ok(())
    }
}

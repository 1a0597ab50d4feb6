//! Sign-ins: a row is a session that was not ended.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::EmbeddedStore;
use crate::{
    domain::{Session, SessionId, Timestamp, UserId},
    error::Result,
    store::Sessions,
};

#[async_trait]
impl Sessions for EmbeddedStore {
    async fn create_session(&self, session: &Session) -> Result<()> {
        const SQL: &str =
            "INSERT INTO sessions (id, user, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
        let Session {
            id,
            user_id,
            created_at,
            expires_at,
        } = *session;
        self.write(move |db| {
            db.prepare_cached(SQL)?
                .execute(params![id, user_id, created_at, expires_at])?;
            Ok(())
        })
        .await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        const SQL: &str = "SELECT id, user, created_at, expires_at FROM sessions
             WHERE id = ?1 AND expires_at > ?2";
        self.read(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            Ok(statement
                .query_row(params![id, Timestamp::now()], session)
                .optional()?)
        })
        .await
    }

    async fn end_session(&self, id: SessionId) -> Result<bool> {
        const SQL: &str = "DELETE FROM sessions WHERE id = ?1 AND expires_at > ?2";
        self.write(move |db| {
            Ok(db
                .prepare_cached(SQL)?
                .execute(params![id, Timestamp::now()])?
                == 1)
        })
        .await
    }

    async fn end_sessions_of(&self, user: UserId) -> Result<Vec<SessionId>> {
        const SQL: &str = "DELETE FROM sessions WHERE user = ?1 AND expires_at > ?2 RETURNING id";
        self.write(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            let ended = statement.query_map(params![user, Timestamp::now()], |row| row.get(0))?;
            Ok(ended.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn sessions_ended_elsewhere(&self) -> Result<Vec<SessionId>> {
        Ok(Vec::new())
    }
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        created_at: row.get(2)?,
        expires_at: row.get(3)?,
    })
}

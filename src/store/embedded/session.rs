//! Sign-ins: a row is a session that was not ended.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{Session, SessionId, Timestamp, UserId},
    error::Result,
    store::Sessions,
};

macro_rules! select_sessions {
    ($rest:literal) => {
        concat!(
            "SELECT id, user, device, created_at, last_used_at, expires_at FROM sessions ",
            $rest
        )
    };
}

const OF_USER: &str =
    select_sessions!("WHERE user = ?1 AND expires_at > ?2 ORDER BY created_at DESC, id LIMIT ?3");

#[async_trait]
impl Sessions for EmbeddedStore {
    async fn create_session(&self, session: &Session) -> Result<()> {
        const SQL: &str =
            "INSERT INTO sessions (id, user, device, created_at, last_used_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Session {
            id,
            user_id,
            device,
            created_at,
            last_used_at,
            expires_at,
        } = session.clone();
        self.write(move |db| {
            let values = params![id, user_id, device, created_at, last_used_at, expires_at];
            db.prepare_cached(SQL)?.execute(values)?;
            Ok(())
        })
        .await
    }

    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>> {
        const SQL: &str = "SELECT 1 FROM sessions WHERE id = ?1 AND expires_at > ?2";
        let ids = ids.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            columns::find_each(&ids, |id| {
                let is_live = statement.exists(params![id, Timestamp::now()])?;
                Ok(is_live.then_some(id))
            })
        })
        .await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        const SQL: &str = select_sessions!("WHERE id = ?1 AND expires_at > ?2");
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

    async fn end_sessions_of(
        &self,
        user: UserId,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>> {
        const SQL: &str = "DELETE FROM sessions
             WHERE user = ?1 AND expires_at > ?2 AND id IS NOT ?3 RETURNING id";
        self.write(move |db| {
            let mut statement = db.prepare_cached(SQL)?;
            let values = params![user, Timestamp::now(), keep];
            let ended = statement.query_map(values, |row| row.get(0))?;
            Ok(ended.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn sessions_of(&self, user: UserId, limit: usize) -> Result<Vec<Session>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(OF_USER)?;
            let values = params![user, Timestamp::now(), columns::limit(limit)];
            let sessions = statement.query_map(values, session)?;
            Ok(sessions.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn note_use(&self, ids: &[SessionId], at: Timestamp) -> Result<()> {
        const SQL: &str =
            "UPDATE sessions SET last_used_at = ?2 WHERE id = ?1 AND last_used_at < ?2";
        let ids = ids.to_vec();
        self.write(move |db| {
            let mut update = db.prepare_cached(SQL)?;
            for id in ids {
                update.execute(params![id, at])?;
            }
            Ok(())
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
        device: row.get(2)?,
        created_at: row.get(3)?,
        last_used_at: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::schema::tests::plan, *};

    #[test]
    fn only_a_users_own_sessions_are_looked_at() -> rusqlite::Result<()> {
        let steps = plan(OF_USER)?;
        assert!(steps[0].contains("sessions_by_user"), "{steps:?}");
        Ok(())
    }
}

//! When people were last online.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{EmbeddedStore, columns};
use crate::{
    domain::{ProcessId, Signal, Timestamp, UserId},
    error::Result,
    store::{Heard, Lease, Presence, Signals},
};

/// Remembers that a user was seen at a time, unless it was seen later already.
const SEEN: &str = "INSERT INTO last_seen (user, at) VALUES (?1, ?2)
     ON CONFLICT (user) DO UPDATE SET at = max(at, excluded.at)";

#[async_trait]
impl Presence for EmbeddedStore {
    async fn record_online(&self, users: &[UserId]) -> Result<()> {
        const SQL: &str = "INSERT INTO online_users (user) VALUES (?1) ON CONFLICT DO NOTHING";
        let users = users.to_vec();
        self.write(move |db| {
            let mut insert = db.prepare_cached(SQL)?;
            for user in users {
                insert.execute([user])?;
            }
            Ok(())
        })
        .await
    }

    async fn record_offline(&self, users: &[(UserId, Timestamp)]) -> Result<()> {
        let users = users.to_vec();
        self.write(move |db| {
            let mut delete = db.prepare_cached("DELETE FROM online_users WHERE user = ?1")?;
            let mut seen = db.prepare_cached(SEEN)?;
            for (user, at) in users {
                delete.execute([user])?;
                seen.execute(params![user, at])?;
            }
            Ok(())
        })
        .await
    }

    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Timestamp)>> {
        let ids = ids.to_vec();
        self.read(move |db| {
            let mut statement = db.prepare_cached("SELECT at FROM last_seen WHERE user = ?1")?;
            columns::find_each(&ids, |user| {
                let at = statement.query_row([user], |row| row.get(0)).optional()?;
                Ok(at.map(|at| (user, at)))
            })
        })
        .await
    }

    async fn renew_lease(&self) -> Result<Lease> {
        let renewed = self.write(|db| Ok(set_alive(db, Timestamp::now())?));
        renewed.await.map(|()| Lease::default())
    }

    fn name(&self) -> Option<ProcessId> {
        None
    }

    async fn online_elsewhere(&self) -> Result<Vec<(ProcessId, UserId)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Signals for EmbeddedStore {
    async fn signal(&self, _: &[Signal]) -> Result<()> {
        Ok(())
    }

    async fn hear(&self) -> Heard {
        std::future::pending().await
    }
}

/// Those whom a process that was killed had online were last seen when it was last known to be alive.
pub(super) fn take_offline_those_left(db: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO last_seen (user, at)
         SELECT user, (SELECT value FROM meta WHERE name = 'alive_at') FROM online_users WHERE true
         ON CONFLICT (user) DO UPDATE SET at = max(at, excluded.at)",
        [],
    )?;
    db.execute("DELETE FROM online_users", [])?;
    set_alive(db, now)
}

/// Remembers a sign of life of this process.
pub(super) fn set_alive(db: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta (name, value) VALUES ('alive_at', ?1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute([now])?;
    Ok(())
}

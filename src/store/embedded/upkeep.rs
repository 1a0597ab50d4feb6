//! What keeps the store going.

use async_trait::async_trait;
use tokio::time::timeout;

use super::EmbeddedStore;
use crate::{
    domain::Timestamp,
    error::Result,
    store::{Upkeep, Vitals},
};

#[async_trait]
impl Upkeep for EmbeddedStore {
    async fn signing_secret(&self, fresh: &str) -> Result<String> {
        let fresh = fresh.to_owned();
        self.write(move |db| {
            db.execute(
                "INSERT INTO meta (name, value) VALUES ('signing_secret', ?1) ON CONFLICT DO NOTHING",
                [fresh],
            )?;
            let kept = "SELECT value FROM meta WHERE name = 'signing_secret'";
            Ok(db.query_row(kept, [], |row| row.get(0))?)
        })
        .await
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn place(&self) -> &str {
        &self.0.place
    }

    async fn ping(&self) -> Result<()> {
        self.write(|_| Ok(())).await?;
        self.read(|db| Ok(db.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?))
            .await
    }

    fn vitals(&self) -> Vitals {
        let lanes = &self.0;
        let size = |file| std::fs::metadata(file).ok().map(|file| file.len());
        let queues = [
            lanes.writer.queued("sqlite_writes"),
            lanes.readers.queued("sqlite_reads"),
        ];
        Vitals {
            database: size(lanes.database.clone()),
            write_ahead_log: size(lanes.database.with_extension("db-wal")),
            queues: queues.into_iter().flatten().collect(),
            ..Vitals::default()
        }
    }

    async fn tidy(&self) -> Result<()> {
        self.write(|db| {
            db.execute(
                "DELETE FROM sessions WHERE expires_at <= ?1",
                [Timestamp::now()],
            )?;
            Ok(())
        })
        .await?;
        // In the database what is deleted is overwritten, but not in the log.
        self.in_time(self.0.checkpoints.empty()).await
    }

    async fn failed(&self) -> String {
        self.0.failure.happened().await
    }

    async fn close(&self) {
        let closed = async {
            self.0.readers.close().await;
            self.0.checkpoints.close().await;
            // Last, as SQLite folds its log into the database when the last connection to it closes.
            self.0.writer.close().await;
        };
        if timeout(self.0.limits.operation, closed).await.is_err() {
            tracing::error!("the embedded store did not close in time");
        }
    }
}

//! The store that needs no server: one SQLite file in the data directory.
//!
//! One thread writes and commits whatever waits as one transaction, so that all who wait for the disk share one sync;
//! a few threads read, each job from one snapshot; one more folds the log into the database now and then. The topics'
//! files say what these threads are asked to do.

mod checkpoints;
mod columns;
mod conversation;
mod files;
mod message;
mod presence;
mod schema;
mod session;
mod threads;
mod unopened;
mod upkeep;
mod user;

use std::{path::Path, sync::Arc};

use rusqlite::Connection;
use tokio::time::timeout;

use self::{
    checkpoints::Checkpoints,
    files::Files,
    threads::{Jobs, Lane},
};
pub use unopened::Unopened;

use super::{Observer, OpenError, StoreLimits};
use crate::error::{Error, Result};

/// The store in a data directory; cheap to clone.
#[derive(Clone)]
pub struct EmbeddedStore(Arc<Lanes>);

struct Lanes {
    writer: Arc<Lane>,
    readers: Lane,
    checkpoints: Checkpoints,
    limits: StoreLimits,
    place: String,
}

impl EmbeddedStore {
    /// Opens the data directory, making it and its parents when there is none, and brings what an older version left
    /// there up to date.
    ///
    /// # Errors
    /// The directory cannot be made or written, another process uses it, or what lies there is no database or one of
    /// a newer version; nothing there is changed then.
    pub async fn open(
        dir: &Path,
        limits: StoreLimits,
        observer: Observer,
    ) -> Result<Self, OpenError> {
        let path = dir.to_owned();
        let opening = tokio::task::spawn_blocking(move || Self::start(&path, limits, &observer));
        match timeout(limits.open, opening).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(panic)) => Err(OpenError::new(panic)),
            Err(_) => Err(OpenError::new(format!(
                "the data directory {} did not open within {:?}",
                dir.display(),
                limits.open
            ))),
        }
    }

    fn start(dir: &Path, limits: StoreLimits, observer: &Observer) -> Result<Self, OpenError> {
        let Files {
            lock,
            writer,
            readers,
            checkpointer,
        } = files::open(dir)?;
        let observe = Arc::clone(observer);
        let write = move |jobs: &Jobs| {
            threads::write(jobs, writer, &observe);
            drop(lock);
        };
        let reads = readers.into_iter().map(|reader| {
            let observe = Arc::clone(observer);
            move |jobs: &Jobs| threads::read(jobs, reader, &observe)
        });
        let refused = |error| OpenError::new(format!("the store's threads do not start: {error}"));
        let writer = Arc::new(Lane::start("chinwag-write", [write]).map_err(refused)?);
        let checkpoints = Checkpoints::start(
            checkpointer,
            Arc::clone(&writer),
            limits.checkpoint,
            Arc::clone(observer),
        )
        .map_err(refused)?;
        Ok(Self(Arc::new(Lanes {
            writer,
            readers: Lane::start("chinwag-read", reads).map_err(refused)?,
            checkpoints,
            limits,
            place: format!("embedded store in {}", shown(dir)),
        })))
    }

    /// Runs `work` on the writer's thread; what it wrote is on disk when this returns, or undone when it failed.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.in_time(self.0.writer.run(work)).await
    }

    /// Runs `work` on a reader's thread; all its statements see the same state, which has every write that returned.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.in_time(self.0.readers.run(work)).await
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.0.limits.operation;
        timeout(limit, answer).await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!(
                "embedded store: no answer within {limit:?}"
            )))
        })
    }
}

/// A directory as a person finds it from anywhere.
fn shown(dir: &Path) -> String {
    let absolute = std::path::absolute(dir);
    absolute.as_deref().unwrap_or(dir).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, sync::mpsc, time::Duration};

    use super::*;
    use crate::{
        domain::UserId,
        store::{Presence, Upkeep},
    };

    /// A store in a directory of its own, with this much time for each call.
    async fn store(operation: Duration) -> (EmbeddedStore, PathBuf) {
        let dir = std::env::temp_dir().join(format!("chinwag-{}", UserId::new()));
        let limits = StoreLimits {
            operation,
            ..StoreLimits::default()
        };
        let store = EmbeddedStore::open(&dir, limits, Arc::new(|_, _| {})).await;
        (store.expect("opens"), dir)
    }

    fn online(db: &Connection) -> Result<i64> {
        Ok(db.query_row("SELECT count(*) FROM online_users", [], |row| row.get(0))?)
    }

    #[tokio::test]
    async fn a_job_that_reads_sees_one_state_while_others_write() {
        let (store, dir) = store(Duration::from_mins(1)).await;
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let reading = store.read(move |db| {
            let before = online(db)?;
            let _ = begun.send(());
            let _ = wait.recv();
            Ok((before, online(db)?))
        });
        let writing = async {
            has_begun.await.expect("begins");
            store
                .record_online(&[UserId::new()])
                .await
                .expect("answers");
            let seen = store.read(online).await;
            drop(go_on);
            seen
        };
        let (slow, quick) = tokio::join!(reading, writing);
        assert_eq!(slow, Ok((0, 0)));
        assert_eq!(quick, Ok(1), "another one sees what was written");
        store.close().await;
        fs::remove_dir_all(dir).expect("is there");
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_unavailable_until_it_does() {
        let (store, dir) = store(Duration::from_millis(200)).await;
        let (go_on, wait) = mpsc::channel::<()>();
        let stuck = store.write(move |_| {
            let _ = wait.recv();
            Ok(())
        });
        for late in [stuck.await, store.ping().await] {
            assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        }
        drop(go_on);
        while store.ping().await.is_err() {}
        store.close().await;
        fs::remove_dir_all(dir).expect("is there");
    }
}

//! The store that needs no server: one SQLite file in the data directory.
//!
//! One thread writes and commits whatever waits as one transaction, so that all who wait for the disk share one sync;
//! a few threads read, each job from one snapshot; one more folds the log into the database now and then. The topics'
//! files say what these threads are asked to do.

mod append;
mod backup;
mod blocks;
mod change;
mod checkpoints;
mod columns;
mod conversation;
mod failure;
mod files;
mod log;
mod mark;
mod message;
#[cfg(test)]
mod older;
mod presence;
mod reaction;
mod schema;
mod search;
mod session;
mod threads;
mod transfer;
mod unopened;
mod upkeep;
mod user;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::Connection;
use tokio::time::timeout;

use self::{
    checkpoints::Checkpoints,
    failure::Failure,
    files::Files,
    threads::{Jobs, Lane},
};
pub use backup::{back_up, restore, unfinished};
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
    failure: Failure,
    limits: StoreLimits,
    place: String,
    database: PathBuf,
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
        let failure = Failure::none();
        let observe = Arc::clone(observer);
        let watched = failure.watch();
        let write = move |jobs: &Jobs| {
            let _watched = watched;
            threads::write(jobs, writer, &observe);
            drop(lock);
        };
        let reads = readers.into_iter().map(|reader| {
            let observe = Arc::clone(observer);
            let watched = failure.watch();
            move |jobs: &Jobs| {
                let _watched = watched;
                threads::read(jobs, reader, &observe);
            }
        });
        let refused = |error| OpenError::new(format!("the store's threads do not start: {error}"));
        let writer = Arc::new(Lane::start("chinwag-write", [write]).map_err(refused)?);
        let checkpoints = Checkpoints::start(
            checkpointer,
            Arc::clone(&writer),
            limits.checkpoint,
            Arc::clone(observer),
            failure.watch(),
        )
        .map_err(refused)?;
        Ok(Self(Arc::new(Lanes {
            writer,
            readers: Lane::start("chinwag-read", reads).map_err(refused)?,
            checkpoints,
            failure,
            limits,
            place: format!("embedded store in {}", shown(dir)),
            database: dir.join(files::DATABASE),
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
    use std::{
        fs,
        path::PathBuf,
        sync::{
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use futures_util::FutureExt;

    use super::*;
    use crate::{
        domain::UserId,
        store::{Presence, Upkeep},
    };

    /// A store in a directory of its own, with this much time for each call.
    pub(super) async fn store(operation: Duration) -> (EmbeddedStore, PathBuf) {
        let dir = std::env::temp_dir().join(format!("chinwag-{}", UserId::new()));
        let limits = StoreLimits {
            operation,
            ..StoreLimits::default()
        };
        let store = EmbeddedStore::open(&dir, limits, Arc::new(|_, _| {})).await;
        (store.expect("opens"), dir)
    }

    /// Closes a store and takes its directory away.
    pub(super) async fn gone(store: EmbeddedStore, dir: PathBuf) {
        store.close().await;
        fs::remove_dir_all(dir).expect("is there");
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
        gone(store, dir).await;
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
        gone(store, dir).await;
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_the_end_of_the_store_and_closing_is_not() {
        for call in ["sqlite.write", "sqlite.read"] {
            let dir = std::env::temp_dir().join(format!("chinwag-{}", UserId::new()));
            let breaks = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&breaks);
            let observer: Observer = Arc::new(move |name, _| {
                assert!(name != call || !seen.load(Ordering::SeqCst), "on purpose");
            });
            let store = EmbeddedStore::open(&dir, StoreLimits::default(), observer).await;
            let store = store.expect("opens");
            assert_eq!(store.failed().now_or_never(), None);
            breaks.store(true, Ordering::SeqCst);
            assert!(matches!(store.ping().await, Err(Error::Unavailable(_))));
            assert!(store.failed().await.ends_with(" panicked"));
            gone(store, dir).await;
        }
        let (store, dir) = store(Duration::from_mins(1)).await;
        store.close().await;
        assert_eq!(store.failed().now_or_never(), None);
        fs::remove_dir_all(dir).expect("is there");
    }
}

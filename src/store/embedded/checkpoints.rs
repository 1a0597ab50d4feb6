//! Folding the write-ahead log into the database, so that the file by itself is never far behind.

use std::{
    io, mem,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::{failure::Watched, presence, threads::Lane};
use crate::{domain::Timestamp, error::Result, store::Observer};

/// The thread that folds, with a connection of its own: writers and readers go on meanwhile, and nobody waits for its
/// syncs.
pub(super) struct Checkpoints {
    end: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    /// Folds what the log holds `every` so often, until closed or dropped.
    pub(super) fn start(
        db: Connection,
        writer: Arc<Lane>,
        every: Duration,
        observer: Observer,
        watched: Watched,
    ) -> io::Result<Self> {
        let (end, ended) = channel();
        let mut folding = Folding {
            db,
            writer,
            observer,
            folded: None,
        };
        let thread = thread::Builder::new()
            .name("chinwag-fold".to_owned())
            .spawn(move || {
                let _watched = watched;
                folding.run(every, &ended);
            })?;
        Ok(Self {
            end: Mutex::new(Some(end)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns when the thread has ended and its connection is closed. The writer must still run.
    pub(super) async fn close(&self) {
        drop(self.end.lock().take());
        let Some(thread) = mem::take(&mut *self.thread.lock()) else {
            return;
        };
        let joining = tokio::task::spawn_blocking(|| {
            if thread.join().is_err() {
                tracing::error!("the thread that folds the embedded store's log panicked");
            }
        });
        // Its own panic is the only error that it could have.
        let _ = joining.await;
    }
}

struct Folding {
    db: Connection,
    writer: Arc<Lane>,
    observer: Observer,
    /// How many changes the writer had made when all of them were folded, if they are.
    folded: Option<u64>,
}

impl Folding {
    fn run(&mut self, every: Duration, ended: &Receiver<()>) {
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            if let Err(error) = self.fold_what_is_new() {
                tracing::warn!(
                    ?error,
                    "the write-ahead log could not be folded into the database; it is tried again soon"
                );
            }
        }
    }

    fn fold_what_is_new(&mut self) -> Result<()> {
        let changes = self.writer.run_blocking(|db| Ok(db.total_changes()))?;
        if self.folded == Some(changes) {
            return Ok(());
        }
        let begun = Instant::now();
        // Passive: it waits for nobody. What a reader still needs of the log is folded the next time.
        let (in_log, in_database) =
            self.db
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                    Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
                })?;
        (self.observer)("sqlite.checkpoint", begun.elapsed());
        self.folded = None;
        if in_log == in_database {
            // The next write begins the log anew, with a sync of its own for that: better this one than a message.
            let (before, after) = self.writer.run_blocking(|db| {
                let before = db.total_changes();
                presence::set_alive(db, Timestamp::now())?;
                Ok((before, db.total_changes()))
            })?;
            self.folded = (before == changes).then_some(after);
        }
        Ok(())
    }
}

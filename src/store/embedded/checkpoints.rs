//! Folding the write-ahead log into the database, so that the file by itself is never far behind; and emptying it, so
//! that nothing stays there of what was deleted.

use std::{
    io, mem,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{failure::Watched, presence, threads::Lane};
use crate::{
    domain::Timestamp,
    error::Result,
    store::{CallEnd, Observer},
};

/// How many may ask at once for the log to be emptied.
const WAITING: usize = 8;

/// Where it is told that the log was emptied.
type Emptied = oneshot::Sender<Result<()>>;

/// The thread that folds, with a connection of its own: writers and readers go on meanwhile, and nobody waits for its
/// syncs.
pub(super) struct Checkpoints {
    /// Asks it to empty the log; dropped at the end.
    asks: Mutex<Option<SyncSender<Emptied>>>,
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
        let (asks, asked) = sync_channel(WAITING);
        let mut folding = Folding {
            db,
            writer,
            observer,
            folded: None,
            emptied: None,
        };
        let thread = thread::Builder::new()
            .name("chinwag-fold".to_owned())
            .spawn(move || {
                let _watched = watched;
                folding.run(every, &asked);
            })?;
        Ok(Self {
            asks: Mutex::new(Some(asks)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Empties the log, if anything was written since the last time. Where somebody reads or writes for long just then,
    /// it is left for the next time.
    pub(super) async fn empty(&self) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        let asks = self.asks.lock().clone();
        // Who finds others waiting comes again.
        match asks.map(|asks| asks.try_send(done)) {
            Some(Ok(())) => is_done.await.unwrap_or(Ok(())),
            _ => Ok(()),
        }
    }

    /// Returns when the thread has ended and its connection is closed. The writer must still run.
    pub(super) async fn close(&self) {
        drop(self.asks.lock().take());
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
    /// The same of emptying the log.
    emptied: Option<u64>,
}

impl Folding {
    fn run(&mut self, every: Duration, asked: &Receiver<Emptied>) {
        loop {
            match asked.recv_timeout(every) {
                Ok(done) => {
                    // Whoever asked may have gone meanwhile.
                    let _ = done.send(self.empty());
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.fold_what_is_new() {
                        tracing::warn!(
                            ?error,
                            "the write-ahead log could not be folded into the database; it is tried again soon"
                        );
                    }
                }
            }
        }
    }

    fn empty(&mut self) -> Result<()> {
        let changes = self.changes()?;
        if self.emptied != Some(changes) {
            self.fold("PRAGMA wal_checkpoint(TRUNCATE)", changes)?;
            self.emptied = self.folded;
        }
        Ok(())
    }

    fn fold_what_is_new(&mut self) -> Result<()> {
        let changes = self.changes()?;
        if self.folded == Some(changes) {
            return Ok(());
        }
        // Passive: it waits for nobody. What a reader still needs of the log is folded the next time.
        self.fold("PRAGMA wal_checkpoint(PASSIVE)", changes)
    }

    fn changes(&self) -> Result<u64> {
        self.writer.run_blocking(|db| Ok(db.total_changes()))
    }

    fn fold(&mut self, how: &str, changes: u64) -> Result<()> {
        let begun = Instant::now();
        let folded = self.db.query_row(how, [], |row| {
            let (is_busy, in_log, in_database): (bool, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(!is_busy && in_log == in_database)
        });
        let ended = CallEnd {
            took: begun.elapsed(),
            failed: folded.is_err(),
        };
        (self.observer)("sqlite.checkpoint", ended);
        let is_whole = folded?;
        self.folded = None;
        if is_whole {
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

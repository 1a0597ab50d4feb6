//! Folding the write-ahead log into the database, so that the file by itself is never far behind.

use std::{
    io, mem,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::store::Observer;

/// The thread that folds, with a connection of its own: writers and readers go on meanwhile, and its syncs are waited for
/// by nobody. SQLite begins the log anew after that, and syncs its new head together with the next commit: one more
/// sync every so often, where folding by the writer itself would cost a send three.
pub(super) struct Checkpoints {
    end: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    /// Folds what the log holds `every` so often, until closed or dropped.
    pub(super) fn start(db: Connection, every: Duration, observer: Observer) -> io::Result<Self> {
        let (end, ended) = channel();
        let thread = thread::Builder::new()
            .name("chinwag-fold".to_owned())
            .spawn(move || run(&db, every, &ended, &observer))?;
        Ok(Self {
            end: Mutex::new(Some(end)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Returns when the thread has ended and its connection is closed.
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

fn run(db: &Connection, every: Duration, ended: &Receiver<()>, observer: &Observer) {
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let begun = Instant::now();
        // Passive: it waits for nobody and nobody waits for it. What a reader still needs is folded the next time, and
        // a log that is folded already costs nothing.
        let folded = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        observer("sqlite.checkpoint", begun.elapsed());
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded into the database; it is tried again soon");
        }
    }
}

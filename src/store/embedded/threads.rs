//! The threads that own SQLite's connections, and how they are asked for work.

use std::{
    io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
    time::Instant,
};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::{Error, Result},
    store::{Observer, broken},
};

/// How many jobs may wait for a lane; who comes then waits for a place, within the time that every call has.
const QUEUE: usize = 1_024;

/// How many jobs one commit takes at most, so that the first of them does not wait for ever newer ones.
const BATCH: usize = 256;

/// The jobs that wait, for the one thread or the several that take them.
pub(super) type Jobs = Mutex<mpsc::Receiver<Box<dyn Job>>>;

/// A bounded queue of jobs and the threads that take from it.
pub(super) struct Lane {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Lane {
    /// Starts a thread for each of `workers`, which returns when no more jobs can come.
    pub(super) fn start<W>(name: &str, workers: impl IntoIterator<Item = W>) -> io::Result<Self>
    where
        W: FnOnce(&Jobs) + Send + 'static,
    {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = std::sync::Arc::new(Mutex::new(jobs));
        let threads = workers.into_iter().map(|worker| {
            let jobs = std::sync::Arc::clone(&jobs);
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || worker(&jobs))
        });
        let threads = threads.collect::<io::Result<_>>()?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(threads),
        })
    }

    /// Has `work` done by one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone = || Error::Unavailable("embedded store: closed".to_owned());
        let queue = self.queue.lock().clone().ok_or_else(gone)?;
        let (reply, answer) = oneshot::channel();
        let task = Task {
            work: Some(work),
            outcome: None,
            reply,
        };
        queue.send(Box::new(task)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Takes no more jobs and returns when those that wait are done and the threads have ended.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().take());
        let threads = std::mem::take(&mut *self.threads.lock());
        let joined =
            tokio::task::spawn_blocking(|| threads.into_iter().all(|thread| thread.join().is_ok()));
        if !joined.await.unwrap_or(false) {
            tracing::error!("a thread of the embedded store panicked");
        }
    }
}

/// Work for a thread, and the way back to who asked for it.
pub(super) trait Job: Send {
    /// Whether nobody waits for the answer any more; such a job that has not begun is not done.
    fn is_abandoned(&self) -> bool;

    /// Does the work, keeping what it gave for [`Job::answer`]; false when it failed.
    fn run(&mut self, db: &Connection) -> bool;

    /// Answers with what the work gave, or with `failure` when that came to nothing.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct Task<W, T> {
    work: Option<W>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<W, T> Job for Task<W, T>
where
    W: FnOnce(&Connection) -> Result<T> + Send,
    T: Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, db: &Connection) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(db)))
            .unwrap_or_else(|_| Err(broken("a job panicked")));
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let outcome = match failure {
            Some(failure) => Err(failure),
            None => self
                .outcome
                .unwrap_or_else(|| Err(broken("a job was not done"))),
        };
        // Whoever asked may have gone meanwhile.
        let _ = self.reply.send(outcome);
    }
}

/// Works as the writer until the lane is closed: commits what waits as one, and answers after that.
pub(super) fn write(jobs: &Jobs, mut db: Connection, observer: &Observer) {
    let mut jobs = jobs.lock();
    while let Some(first) = jobs.blocking_recv() {
        let waiting = iter::from_fn(|| jobs.try_recv().ok());
        let mut batch: Vec<_> = iter::once(first).chain(waiting).take(BATCH).collect();
        batch.retain(|job| !job.is_abandoned());
        let begun = Instant::now();
        let failure = commit(&mut db, &mut batch)
            .err()
            .map(|error| Error::Unavailable(format!("embedded store: commit: {error}")));
        observer("sqlite.write", begun.elapsed());
        for job in batch {
            job.answer(failure.clone());
        }
    }
}

/// Runs each job inside a savepoint of its own, so that one that fails undoes nothing of the others.
fn commit(db: &mut Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let mut transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        let savepoint = transaction.savepoint()?;
        if job.run(&savepoint) {
            savepoint.commit()?;
        } else {
            savepoint.finish()?;
        }
    }
    transaction.commit()
}

/// Works as one of the readers until the lane is closed.
pub(super) fn read(jobs: &Jobs, mut db: Connection, observer: &Observer) {
    loop {
        let Some(mut job) = jobs.lock().blocking_recv() else {
            return;
        };
        if job.is_abandoned() {
            continue;
        }
        let begun = Instant::now();
        // One transaction, so that a job of several statements sees one state; it only reads, so its end is no matter.
        let failure = match db.transaction() {
            Ok(snapshot) => {
                job.run(&snapshot);
                None
            }
            Err(error) => Some(error.into()),
        };
        observer("sqlite.read", begun.elapsed());
        job.answer(failure);
    }
}

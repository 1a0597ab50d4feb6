//! The threads that own SQLite's connections, and how they are asked for work.

use std::{
    io, iter, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::{Error, Result},
    store::{CallEnd, Observer, Queue, broken},
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
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = workers.into_iter().map(|worker| {
            let jobs = Arc::clone(&jobs);
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
        let queue = self.queue()?;
        let (task, answer) = Task::job(work);
        queue.send(task).await.map_err(|_| closed())?;
        // The threads end when the last sender is gone; who waits for an answer must not hold one.
        drop(queue);
        answer.await.map_err(|_| closed())?
    }

    /// The same, for a thread that may wait.
    pub(super) fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let queue = self.queue()?;
        let (task, answer) = Task::job(work);
        queue.blocking_send(task).map_err(|_| closed())?;
        drop(queue);
        answer.blocking_recv().map_err(|_| closed())?
    }

    /// How much waits; nothing once it is closed.
    pub(super) fn queued(&self, name: &'static str) -> Option<Queue> {
        let queue = self.queue().ok()?;
        Some(Queue {
            name,
            length: queue.max_capacity() - queue.capacity(),
            capacity: queue.max_capacity(),
        })
    }

    fn queue(&self) -> Result<mpsc::Sender<Box<dyn Job>>> {
        self.queue.lock().clone().ok_or_else(closed)
    }

    /// Takes no more jobs and returns when those that wait are done and the threads have ended.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().take());
        let threads = mem::take(&mut *self.threads.lock());
        let joining = tokio::task::spawn_blocking(|| {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the embedded store panicked");
                }
            }
        });
        // Its own panic is the only error that it could have.
        let _ = joining.await;
    }
}

fn closed() -> Error {
    Error::Unavailable("embedded store: closed".to_owned())
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

impl<W, T> Task<W, T>
where
    W: FnOnce(&Connection) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    /// The job, and where its answer comes out.
    fn job(work: W) -> (Box<dyn Job>, oneshot::Receiver<Result<T>>) {
        let (reply, answer) = oneshot::channel();
        let task = Self {
            work: Some(work),
            outcome: None,
            reply,
        };
        (Box::new(task), answer)
    }
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
        let ended = CallEnd {
            took: begun.elapsed(),
            failed: failure.is_some(),
        };
        observer("sqlite.write", ended);
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
        let (is_done, failure) = match db.transaction() {
            Ok(snapshot) => (job.run(&snapshot), None),
            Err(error) => (false, Some(error.into())),
        };
        let ended = CallEnd {
            took: begun.elapsed(),
            failed: !is_done,
        };
        observer("sqlite.read", ended);
        job.answer(failure);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc as blocking,
    };

    use futures_util::future::{join, join_all};

    use super::*;

    const TABLES: &str = "
        PRAGMA foreign_keys = ON;
        CREATE TABLE owners (id INTEGER PRIMARY KEY);
        CREATE TABLE things (
            id    INTEGER PRIMARY KEY,
            owner INTEGER REFERENCES owners DEFERRABLE INITIALLY DEFERRED
        );";

    /// A writer on a database in memory, and how often it has committed.
    fn writer() -> (Lane, Arc<AtomicUsize>) {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch(TABLES).expect("makes tables");
        let commits = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&commits);
        let observer: Observer = Arc::new(move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let lane = Lane::start("test", [move |jobs: &Jobs| write(jobs, db, &observer)]);
        (lane.expect("a thread"), commits)
    }

    fn add(id: i64) -> impl FnOnce(&Connection) -> Result<()> + Send {
        move |db| {
            db.execute("INSERT INTO things (id) VALUES (?1)", [id])?;
            Ok(())
        }
    }

    async fn things(lane: &Lane) -> Vec<i64> {
        let read = lane.run(|db| {
            let mut statement = db.prepare("SELECT id FROM things ORDER BY id")?;
            let ids = statement.query_map([], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        });
        read.await.expect("answers")
    }

    /// Keeps the writer busy while `meanwhile` is begun, so that all of that waits; then lets it go on.
    async fn while_busy<T>(lane: &Lane, meanwhile: impl Future<Output = T>) -> T {
        let (begun, has_begun) = oneshot::channel();
        let (go_on, wait) = blocking::channel::<()>();
        let busy = lane.run(move |_| {
            let _ = begun.send(());
            let _ = wait.recv();
            Ok(())
        });
        let rest = async {
            has_begun.await.expect("begins");
            // Futures that are joined begin in their order.
            join(meanwhile, async { drop(go_on) }).await.0
        };
        let (busy, rest) = join(busy, rest).await;
        busy.expect("answers");
        rest
    }

    #[tokio::test]
    async fn what_waits_is_committed_as_one() {
        let (lane, commits) = writer();
        let added = while_busy(&lane, join_all((1..=10).map(|id| lane.run(add(id))))).await;
        assert!(added.iter().all(Result::is_ok));
        assert_eq!(
            commits.load(Ordering::SeqCst),
            2,
            "the busy one, and then all that waited"
        );
        assert_eq!(things(&lane).await, (1..=10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_job_that_fails_or_panics_undoes_nothing_but_its_own() {
        let (lane, _) = writer();
        let fail = lane.run(|db| {
            add(2)(db)?;
            Err::<(), _>(broken("on purpose"))
        });
        let panic = lane.run(|db| -> Result<()> {
            add(3)(db)?;
            panic!("on purpose")
        });
        let all = join(join(lane.run(add(1)), fail), join(panic, lane.run(add(4))));
        let ((first, failed), (panicked, last)) = while_busy(&lane, all).await;
        assert_eq!((first, last), (Ok(()), Ok(())));
        assert_eq!(failed, Err(broken("on purpose")));
        assert_eq!(panicked, Err(broken("a job panicked")));
        assert_eq!(things(&lane).await, [1, 4]);
    }

    #[tokio::test]
    async fn a_commit_that_fails_is_a_success_for_nobody_and_the_next_works() {
        let (lane, _) = writer();
        let orphan = lane.run(|db| {
            db.execute("INSERT INTO things (id, owner) VALUES (2, 7)", [])?;
            Ok(())
        });
        let (good, orphan) = while_busy(&lane, join(lane.run(add(1)), orphan)).await;
        for failed in [good, orphan] {
            assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        }
        lane.run(add(3)).await.expect("works again");
        assert_eq!(things(&lane).await, [3]);
    }

    #[tokio::test]
    async fn a_full_disk_fails_what_does_not_fit_and_no_more() {
        let (lane, _) = writer();
        let limit = lane.run(|db| Ok(db.pragma_update(None, "max_page_count", 5)?));
        limit.await.expect("answers");
        let large = lane.run(|db| {
            db.execute_batch("CREATE TABLE large AS SELECT zeroblob(100000)")?;
            Ok(())
        });
        let large = while_busy(&lane, large).await;
        assert!(matches!(large, Err(Error::Unavailable(_))), "{large:?}");
        lane.run(add(1)).await.expect("fits");
        assert_eq!(things(&lane).await, [1]);
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_any_more_is_not_done() {
        let (lane, _) = writer();
        let given_up = async {
            let waiting = lane.run(add(1));
            tokio::select! {
                biased;
                _ = waiting => panic!("the writer is busy"),
                () = async {} => {}
            }
        };
        while_busy(&lane, given_up).await;
        lane.run(add(2)).await.expect("answers");
        assert_eq!(things(&lane).await, [2]);
    }

    #[tokio::test]
    async fn closing_does_what_waits_and_takes_no_more() {
        let (lane, commits) = writer();
        let added = while_busy(&lane, join(lane.run(add(1)), lane.close()));
        assert_eq!(added.await.0, Ok(()));
        assert_eq!(commits.load(Ordering::SeqCst), 2);
        assert!(matches!(lane.run(add(2)).await, Err(Error::Unavailable(_))));
    }
}

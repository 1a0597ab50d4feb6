//! Reading what is new in the log, for all who ask at once.
//!
//! Whoever has to know everything that was acknowledged anywhere asks for a round: a read of all lanes that begins after
//! the question. Those who come while one is under way share the next.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{Chat, Prepared};
use crate::{
    domain::{Position, Progress, Record},
    error::{Error, Result},
};

/// Records of one lane read at a time, and how many of one may wait for others.
const LOG_PAGE: usize = 500;

/// How long a round takes at least: so often at most is the log read.
const SHORTEST: Duration = Duration::from_millis(2);

/// How often the log is read at most because other processes have written.
const PACE: Duration = Duration::from_millis(20);

/// How long to wait before what is missing is looked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Who asks for rounds, and what came of them.
pub(super) struct Rounds {
    asked: AtomicU64,
    bell: Notify,
    /// Rung by what other processes signal.
    rung: Notify,
    /// When the last round began.
    begun: Mutex<Instant>,
    /// When the last round began that came to its end.
    read: Mutex<Instant>,
    done: watch::Sender<Done>,
    /// Whether something was read that may not have been told yet.
    under_way: AtomicBool,
}

#[derive(Clone)]
struct Done {
    /// Whoever asked up to here was answered.
    up_to: u64,
    outcome: Result<()>,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            asked: AtomicU64::new(0),
            bell: Notify::new(),
            rung: Notify::new(),
            begun: Mutex::new(Instant::now()),
            read: Mutex::new(Instant::now()),
            done: watch::Sender::new(Done {
                up_to: 0,
                outcome: Ok(()),
            }),
            under_way: AtomicBool::new(false),
        }
    }
}

impl Rounds {
    /// Completes when somebody wants one.
    pub(super) async fn wanted(&self) {
        self.bell.notified().await;
    }

    /// Asks for one without waiting for it.
    pub(super) fn want(&self) {
        self.bell.notify_one();
    }

    /// Takes note that another process has written.
    pub(super) fn ring(&self) {
        self.rung.notify_one();
    }

    /// How long ago everything was told that had been written by then.
    pub(super) fn lag(&self) -> Duration {
        self.read.lock().elapsed()
    }

    /// Completes when another process has written, some time after the last round, so that a round brings more than
    /// one message while there are many. Given up only for a round.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
        let last = *self.begun.lock();
        sleep_until(last + PACE).await;
    }
}

impl Chat {
    /// Completes when everything was told here that was acknowledged anywhere before the call.
    ///
    /// # Errors
    /// The store's.
    pub async fn up_to_date(&self) -> Result<()> {
        if self.is_up_to_date() {
            return Ok(());
        }
        self.round().await
    }

    /// Whether [`Chat::up_to_date`] has to wait for nothing.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.0.store.is_alone() && !self.0.rounds.under_way.load(Ordering::Acquire)
    }

    /// Reads and tells what is new, in a round that begins after the call.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn round(&self) -> Result<()> {
        let rounds = &self.0.rounds;
        let mut done = rounds.done.subscribe();
        let ticket = rounds.asked.fetch_add(1, Ordering::AcqRel) + 1;
        rounds.bell.notify_one();
        // Two reads may lie before the answer, the one under way and the next.
        let patience = self.0.limits.operation * 4 / 5;
        let done = timeout(patience, done.wait_for(|done| done.up_to >= ticket)).await;
        let done = done.map_err(|_| Error::Unavailable("the log was not read in time".into()))?;
        let done = done.map_err(|_| Error::Internal("nobody reads the log".into()))?;
        done.outcome.clone()
    }

    /// Completes when everything up to `progress` was told, or with false when the log ends before it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn covers(&self, progress: &Progress) -> Result<bool> {
        if !self.0.hub.stand().progress.includes(progress) {
            self.round().await?;
        }
        Ok(self.0.hub.stand().progress.includes(progress))
    }

    /// Holds the round that those who ask by now wait for. It is not followed by another one at once.
    pub(super) async fn hold_round(&self) {
        let rounds = &self.0.rounds;
        let begun = Instant::now();
        *rounds.begun.lock() = begun;
        let up_to = rounds.asked.load(Ordering::Acquire);
        rounds.under_way.store(true, Ordering::Release);
        let outcome = self.catch_up().await;
        rounds.under_way.store(outcome.is_err(), Ordering::Release);
        match &outcome {
            Ok(()) => *rounds.read.lock() = begun,
            Err(error) => {
                tracing::warn!(?error, "reading the log failed; it is tried again soon");
            }
        }
        rounds.done.send_replace(Done { up_to, outcome });
        sleep_until(begun + SHORTEST).await;
    }

    /// Tells everything that the log holds by now.
    async fn catch_up(&self) -> Result<()> {
        let mut missing_since = HashMap::new();
        loop {
            let known = self.0.hub.known(LOG_PAGE);
            let news = self.0.store.log_after(&known, LOG_PAGE).await?;
            let is_all = !has_full_lane(&news);
            let records = self.prepare(news).await?;
            self.take_in(records, true);
            let missing = self.0.hub.missing();
            if missing.is_empty() && is_all {
                return Ok(());
            }
            // What is missing was written before what waits for it, so that the next read brings it, unless it comes
            // from a server that does not know yet that another one has taken over.
            let again = missing
                .iter()
                .any(|position| missing_since.contains_key(position));
            missing_since.retain(|position, _| missing.contains(position));
            let mut holes = Vec::new();
            for position in missing {
                let since = *missing_since.entry(position).or_insert_with(Instant::now);
                if since.elapsed() >= self.0.limits.hole_patience {
                    holes.push(position);
                }
            }
            if !holes.is_empty() {
                self.go_on_behind_holes(&holes);
            } else if again {
                sleep(LOOK_AGAIN).await;
            }
        }
    }

    fn go_on_behind_holes(&self, holes: &[Position]) {
        for hole in holes {
            tracing::error!(position = %hole, "the log lacks an entry that others were written behind; going on without it");
            self.0
                .hub
                .tell_in_spite_of(*hole, |entry, prepared, before| {
                    self.telling(entry, prepared, before)
                });
        }
    }

    /// Hands records to the hub, which tells what it can; `read` says that they were read from the store, so that what
    /// is missing between them is not there.
    pub(super) fn take_in(&self, records: Vec<(Record, Prepared)>, read: bool) {
        let tell = |entry: &_, prepared, before| self.telling(entry, prepared, before);
        let taken_in = self.0.hub.take_in(records, read, tell);
        match taken_in.hole {
            Some(position) if read => {
                tracing::error!(%position, "the log has a hole before this position; going on behind it");
            }
            // Somebody else wrote in between; that is read, and this with it.
            Some(_) => self.0.rounds.want(),
            None => {}
        }
    }
}

fn has_full_lane(records: &[Record]) -> bool {
    let mut counts = [0; crate::domain::log::LANES];
    records.iter().any(|record| {
        let count = &mut counts[record.position().lane().number()];
        *count += 1;
        *count >= LOG_PAGE
    })
}

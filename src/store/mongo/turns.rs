//! How processes that append at the same time let each other in.
//!
//! Who writes back to back is always one read ahead of who has just lost, so a busy process could keep another out
//! for as long as it is busy. Therefore one that has lost a few times in a row says so in its document in
//! `processes`, and one that is winning looks there now and then and pauses until the other has had its turn.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use mongodb::{
    bson::doc,
    options::{ReadConcern, WriteConcern},
};
use uuid::Uuid;

use super::{
    Inner,
    document::{self, Fields},
};

/// After how many losses in a row a process says that it waits.
const PATIENCE: u32 = 3;

/// How often a process that is winning looks for others that wait.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A win longer ago than this keeps nobody out.
const RECENT: Duration = Duration::from_secs(1);

/// The longest pause for one who waits, as that one may be dead; each wait is honoured once.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How often the pausing process looks whether it may go on.
const POLL: Duration = Duration::from_millis(5);

/// One process's part in the race.
#[derive(Default)]
pub(super) struct Turns {
    losses: u32,
    waiting: bool,
    /// Numbers this process's waits, so that others tell a new one from one that they honoured.
    waits: i64,
    last_win: Option<Instant>,
    last_look: Option<Instant>,
    honoured: HashMap<Uuid, i64>,
}

impl Turns {
    /// Something of ours was written.
    pub(super) fn won(&mut self) {
        self.last_win = Some(Instant::now());
    }
}

impl Inner {
    /// Someone else was first.
    pub(super) async fn lost_turn(&self, turns: &mut Turns) {
        turns.losses += 1;
        if turns.losses < PATIENCE || turns.waiting {
            return;
        }
        turns.waiting = true;
        turns.waits += 1;
        self.say_waiting(doc! { "$set": { "waiting": turns.waits } })
            .await;
    }

    /// The append is over.
    pub(super) async fn end_turn(&self, turns: &mut Turns) {
        turns.losses = 0;
        if std::mem::take(&mut turns.waiting) {
            self.say_waiting(doc! { "$unset": { "waiting": "" } }).await;
        }
    }

    /// Pauses when this process has been winning and another one waits.
    pub(super) async fn let_others_in(&self, turns: &mut Turns) {
        let within = |at: Option<Instant>, span| at.is_some_and(|at| at.elapsed() < span);
        if turns.waiting || !within(turns.last_win, RECENT) || within(turns.last_look, LOOK_EVERY) {
            return;
        }
        let start = Instant::now();
        loop {
            let waiting = self.waiting().await;
            turns.last_look = Some(Instant::now());
            let new = waiting
                .iter()
                .any(|(process, wait)| turns.honoured.get(process) != Some(wait));
            if !new || start.elapsed() >= LONGEST_PAUSE {
                turns.honoured = waiting;
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Other processes that wait, and the numbers of their waits; none when that cannot be read.
    async fn waiting(&self) -> HashMap<Uuid, i64> {
        let here = *self.process.lock();
        let others = doc! { "_id": { "$ne": document::id(here) }, "waiting": { "$exists": true } };
        // What is true now matters here, not what a majority knows.
        let find = self
            .collections
            .processes
            .find(others)
            .read_concern(ReadConcern::local());
        let waiting = self
            .all(find, |process| {
                Ok((process.id("_id")?, process.number("waiting")?))
            })
            .await;
        waiting.unwrap_or_default().into_iter().collect()
    }

    async fn say_waiting(&self, change: mongodb::bson::Document) {
        let here = *self.process.lock();
        let update = self
            .collections
            .processes
            .update_one(doc! { "_id": document::id(here) }, change)
            .write_concern(WriteConcern::nodes(1));
        // When it fails nobody makes room this time: the append goes on, or ends at its deadline.
        let _ = self.timed("mongodb.update", update).await;
    }
}

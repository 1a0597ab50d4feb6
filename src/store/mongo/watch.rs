//! A look around, now and then: which other processes there are, how far they have followed their lanes, whether one
//! has left a lane behind, and whether the log is still what it was.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Instant,
};

use futures_util::FutureExt;
use mongodb::{
    bson::{RawDocument, doc},
    options::ReadConcern,
};

use super::{
    Inner,
    attempt::Purpose,
    document::Fields,
    error,
    tenure::{Tenure, decode_tenure},
};
use crate::{
    domain::{Lane, Position, Progress},
    error::{Error, Result},
};

/// Why a process ends whose database is not what it was.
const PUT_BACK: &str = "The database was put back to an earlier state under this server.";

/// Why a process ends in which a task of the store ended by itself.
const TASK_ENDED: &str = "A background task of the store on MongoDB ended by itself.";

/// A look that found nobody else who could write.
pub(super) struct Alone {
    /// From before it began.
    at: Instant,
    /// Where the lanes ended, behind the end of everybody else.
    heads: Progress,
}

impl Inner {
    pub(super) fn is_alone(&self) -> bool {
        let alone = self.alone.lock();
        alone.as_ref().is_some_and(|alone| {
            alone.at.elapsed() <= self.limits.alone && self.overlay.has_told(&alone.heads)
        })
    }

    /// Whether other processes may be there. One that begins reckons with not being seen at once.
    pub(super) fn has_company(&self) -> bool {
        let alone = self.alone.lock();
        alone
            .as_ref()
            .is_none_or(|alone| alone.at.elapsed() > self.limits.alone)
    }

    /// Looks around as long as the store is open.
    pub(super) async fn keep_looking(store: Weak<Self>) {
        let mut is_well = true;
        loop {
            let Some(inner) = store.upgrade() else { return };
            let result = inner.look().await;
            // A look that closing cuts short says nothing about the server.
            let is_closing = inner.stop.is_cancelled();
            if let (true, false, Err(failure)) = (is_well, is_closing, &result) {
                tracing::warn!(detail = %error::detail(failure), "MongoDB: who else is there cannot be read");
            }
            is_well = result.is_ok();
            let stop = inner.stop.clone();
            // Where there are others, a look shows less that is new.
            let pause = if inner.has_company() {
                inner.limits.alone * 4
            } else {
                inner.limits.alone / 2
            };
            let pause = tokio::time::sleep(pause);
            drop(inner);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    async fn look(self: &Arc<Self>) -> Result<()> {
        let at = Instant::now();
        let deadline = at + self.limits.operation / 2;
        let known = self.overlay.known();
        // In this order, as who takes a lane has registered before; and the heads last, as nobody writes any more who
        // was not there before.
        let lanes = self.lanes(Purpose::Upkeep, deadline).await?;
        let living = self.living(Purpose::Upkeep, deadline).await?;
        let heads = self
            .insist(Purpose::Upkeep, deadline, |inner| async move {
                inner.read_heads().await
            })
            .await?;
        let me = self.name();
        let is_own = |lane: Lane, tenure: &Tenure| match tenure.holder {
            None => true,
            Some(holder) => holder == me && self.terms.holds(lane),
        };
        let is_alone = living.len() == 1
            && living.contains(&me)
            && lanes.iter().all(|(lane, tenure)| is_own(*lane, tenure));
        *self.alone.lock() = is_alone.then_some(Alone { at, heads });
        for tenure in lanes.values() {
            self.overlay.follow(tenure.followed);
        }
        for position in known.positions() {
            if !heads.covers(position) {
                self.check_back(position).await?;
            }
        }
        let is_orphan = |(lane, tenure): &(Lane, Tenure)| match tenure.holder {
            None => false,
            Some(holder) if holder == me => !self.terms.holds(*lane),
            Some(holder) => !living.contains(&holder),
        };
        self.tend_all(lanes.into_iter().filter(is_orphan).collect(), deadline)
            .await
    }

    /// Takes care of lanes that were left behind.
    async fn tend_all(
        self: &Arc<Self>,
        orphans: HashMap<Lane, Tenure>,
        deadline: Instant,
    ) -> Result<()> {
        if orphans.is_empty() {
            return Ok(());
        }
        // Whoever takes a lane at this moment may take one of these.
        let Ok(_turn) = self.terms.turn.try_lock() else {
            return Ok(());
        };
        for (lane, tenure) in orphans {
            if !self.terms.holds(lane) {
                self.tend(lane, tenure, deadline).await?;
            }
        }
        Ok(())
    }

    /// Ends the store when a record that was there is gone. A head below it can also come from a server that does not
    /// know yet that it is no primary any more, so it is asked for once more in a way that such a one cannot answer.
    async fn check_back(self: &Arc<Self>, position: Position) -> Result<()> {
        let is_there = self
            .attempt(Purpose::Upkeep, self.patience(), move |inner| async move {
                let find = || {
                    let record = doc! { "position": position.0 };
                    inner
                        .collections
                        .messages
                        .find(record)
                        .projection(doc! { "_id": 1 })
                };
                let exists = |_: &RawDocument| Ok(());
                let find_now = find().read_concern(ReadConcern::linearizable());
                let found = if inner.is_standalone.get() == Some(&true) {
                    inner.first(find(), exists).await?
                } else {
                    inner.first(find_now, exists).await?
                };
                Ok(found.is_some())
            })
            .await;
        match is_there {
            Ok(false) => self.fail(PUT_BACK),
            Ok(true) | Err(Error::Unavailable(_)) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// The store can no longer work; the first reason is told.
    pub(super) fn fail(&self, line: &'static str) {
        self.failed.send_if_modified(|failed| {
            let is_first = failed.is_none();
            failed.get_or_insert(line);
            is_first
        });
    }

    /// Runs a task beside the store; that it ends by a panic ends the store.
    pub(super) fn beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        let failed = self.failed.clone();
        let task = tokio::spawn(task.boxed());
        tokio::spawn(async move {
            if task.await.is_err_and(|failure| failure.is_panic()) {
                failed.send_if_modified(|failed| failed.replace(TASK_ENDED).is_none());
            }
        });
    }

    /// Where all lanes end: those that were ever taken, and the first, which may hold what is from before there were lanes.
    /// What is not taken at the call may be left out.
    pub(super) async fn read_heads(&self) -> Result<Progress> {
        let taken = self.collections.lanes.find(doc! {});
        let taken = self.all(taken, decode_tenure).await?;
        let last_of = |lane: Lane| {
            vec![
                doc! { "$match": { "position": super::document::behind(lane.start()) } },
                doc! { "$sort": { "position": -1 } },
                doc! { "$limit": 1 },
                doc! { "$project": { "_id": 0, "position": 1 } },
            ]
        };
        let mut pipeline = last_of(Lane::FIRST);
        let others = taken.iter().map(|(lane, _)| *lane);
        let others = others.filter(|lane| *lane != Lane::FIRST);
        pipeline.extend(others.map(|lane| {
            doc! { "$unionWith": { "coll": "messages", "pipeline": last_of(lane) } }
        }));
        let heads = self
            .grouped(pipeline, |head| head.number("position"))
            .await?;
        Ok(heads.into_iter().map(Position).collect())
    }
}

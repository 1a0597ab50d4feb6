//! Lanes, and who holds them.
//!
//! `lanes` says which process holds which lane, so that processes keep out of each other's way; what keeps the log whole
//! is the unique index on positions alone. A term begins with a seal behind all that stands in the lane: whatever an
//! earlier holder still has under way clashes with it or stands before it. A lane without a holder has been sealed, so
//! that nothing more can come there; one whose holder is no living process may still get something, until whoever
//! notices has sealed it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout_at};
use uuid::Uuid;

use super::{Inner, MongoStore, attempt::Purpose, error, tenure::Tenure};
use crate::{
    domain::{Lane, Position, Seal, log::LANES},
    error::{Error, Result},
};

/// How long to wait when what stands in the way cannot be read yet.
const PAUSE: Duration = Duration::from_millis(10);

/// The terms of this process.
#[derive(Default)]
pub(super) struct Terms {
    held: Mutex<HashMap<Lane, Term>>,
    /// The seal that this process's last term in a lane began with, also when it is over.
    begun: Mutex<HashMap<Lane, Position>>,
    /// Held by who is taking or leaving a lane.
    pub(super) turn: tokio::sync::Mutex<()>,
}

struct Term {
    seal: Position,
    /// How many appends of it have no known outcome.
    doubts: usize,
}

impl Terms {
    /// The lanes in which there is one.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        self.held.lock().keys().copied().collect()
    }

    /// Whether there is one in a lane.
    pub(super) fn holds(&self, lane: Lane) -> bool {
        self.held.lock().contains_key(&lane)
    }

    fn begin(&self, seal: &Seal) {
        let (lane, seal) = (seal.position.lane(), seal.position);
        self.begun.lock().insert(lane, seal);
        self.held.lock().insert(lane, Term { seal, doubts: 0 });
    }

    pub(super) fn end(&self, lane: Lane) {
        self.held.lock().remove(&lane);
    }

    /// An append begins of which nobody knows the outcome yet; names the term.
    pub(super) fn doubt(&self, lane: Lane) -> Option<Position> {
        let mut held = self.held.lock();
        let term = held.get_mut(&lane)?;
        term.doubts += 1;
        Some(term.seal)
    }

    /// Its outcome is known.
    pub(super) fn no_doubt(&self, lane: Lane, term: Option<Position>) {
        if let Some(held) = self.held.lock().get_mut(&lane)
            && Some(held.seal) == term
        {
            held.doubts = held.doubts.saturating_sub(1);
        }
    }

    /// The lanes in which nothing more can come of this process.
    pub(super) fn quiet(&self) -> Vec<Lane> {
        let held = self.held.lock();
        let quiet = held.iter().filter(|(_, term)| term.doubts == 0);
        quiet.map(|(lane, _)| *lane).collect()
    }
}

impl MongoStore {
    pub(super) async fn begin(&self, over: Option<Lane>) -> Result<Seal> {
        let deadline = self.inner.deadline();
        let inner = Arc::clone(&self.inner);
        let (give, mut given) = oneshot::channel();
        tokio::spawn(async move {
            let _turn = inner.terms.turn.lock().await;
            let result = inner.begin_term(over, deadline).await;
            let lane = result.as_ref().ok().map(|seal| seal.position.lane());
            if let (Err(_), Some(lane)) = (give.send(result), lane) {
                // Nobody waits for it any more, so nobody will write there.
                inner.terms.end(lane);
            }
        });
        let result = timeout_at(deadline.into(), &mut given).await;
        if result.is_err() {
            given.close();
        }
        match result.map_or_else(
            |_| given.try_recv().ok(),
            |given| Some(given.unwrap_or_else(|_| Err(error::late()))),
        ) {
            Some(result) => result,
            None => Err(error::late()),
        }
    }
}

impl Inner {
    async fn begin_term(self: &Arc<Self>, over: Option<Lane>, deadline: Instant) -> Result<Seal> {
        self.be_registered(deadline).await?;
        self.let_others_look(deadline).await?;
        if let Some(lane) = over
            && let Some(seal) = self.end_term(lane, deadline).await?
        {
            return Ok(seal);
        }
        loop {
            let (lane, tenure) = self.free_lane(deadline).await?;
            if let Some(seal) = self.settle_in(lane, tenure, deadline).await? {
                return Ok(seal);
            }
        }
    }

    /// Makes sure that nothing more comes of this process's term in a lane, and begins the next there if this process
    /// holds it still.
    async fn end_term(self: &Arc<Self>, lane: Lane, deadline: Instant) -> Result<Option<Seal>> {
        let lanes = self.lanes(Purpose::Terms, deadline).await?;
        let me = self.name();
        if let Some(tenure) = lanes.get(&lane).copied()
            && tenure.holder == Some(me)
        {
            return self.settle_in(lane, tenure, deadline).await;
        }
        self.terms.end(lane);
        let begun = self.terms.begun.lock().get(&lane).copied();
        let newest = self
            .insist(Purpose::Terms, deadline, move |inner| async move {
                inner.newest_seals(lane, 1).await
            })
            .await?;
        let is_over = newest
            .first()
            .is_some_and(|seal| begun.is_some_and(|begun| seal.position > begun));
        if !is_over {
            self.seal(lane, Uuid::new_v4(), deadline).await?;
        }
        Ok(None)
    }

    /// Begins a term in a lane that this process holds by `lanes`; `None` when it is lost at once.
    async fn settle_in(
        self: &Arc<Self>,
        lane: Lane,
        tenure: Tenure,
        deadline: Instant,
    ) -> Result<Option<Seal>> {
        self.overlay.follow(tenure.followed);
        let Some(seal) = self.seal(lane, Uuid::new_v4(), deadline).await? else {
            self.terms.end(lane);
            return Ok(None);
        };
        // Whatever is not followed there is this process's to follow from now on.
        self.catch_up_with_seal(&seal, deadline).await?;
        self.terms.begin(&seal);
        self.owing.notify_one();
        Ok(Some(seal))
    }

    /// Takes the lowest lane that no living process holds.
    async fn free_lane(self: &Arc<Self>, deadline: Instant) -> Result<(Lane, Tenure)> {
        let me = self.name();
        loop {
            // In this order: who held a lane before was registered before, so that who is not is gone.
            let lanes = self.lanes(Purpose::Terms, deadline).await?;
            let living = self.living(Purpose::Terms, deadline).await?;
            let is_free = |lane: &Lane| match lanes.get(lane).and_then(|tenure| tenure.holder) {
                None => true,
                Some(holder) if holder == me => !self.terms.holds(*lane),
                Some(holder) => !living.contains(&holder),
            };
            let Some(lane) = Lane::all().find(is_free) else {
                return Err(Error::Internal(format!(
                    "MongoDB: all of the {LANES} lanes are held by other servers that are alive; no more can write to \
                     this database"
                )));
            };
            let known = lanes.get(&lane).copied();
            if let Some(tenure) = self.take_lane(lane, known, deadline).await? {
                return Ok((lane, tenure));
            }
            super::pause(PAUSE, deadline).await?;
        }
    }
}

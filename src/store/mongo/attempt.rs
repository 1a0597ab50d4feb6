//! Calls that must not wait for a connection whose other end is gone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, time::timeout_at};

use super::{Inner, apart, broken, error};
use crate::error::{Error, Result};

/// The longest that one of the attempts at a call may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// How many calls may be under way at once, stuck ones included, in which terms are begun, in which the store looks after
/// itself, and in which a primary is waited for.
const TERMS: usize = 8;
const UPKEEP: usize = 4;
const PRIMARIES: usize = 4;

/// How long to wait after an attempt that failed at once.
const PAUSE: Duration = Duration::from_millis(20);

/// For what a call is made, so that what is stuck of one kind keeps nothing of the other out.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Terms,
    Upkeep,
    Primaries,
}

/// Room for calls of each kind.
pub(super) struct Rooms {
    terms: Arc<Semaphore>,
    upkeep: Arc<Semaphore>,
    primaries: Arc<Semaphore>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            terms: Arc::new(Semaphore::new(TERMS)),
            upkeep: Arc::new(Semaphore::new(UPKEEP)),
            primaries: Arc::new(Semaphore::new(PRIMARIES)),
        }
    }
}

impl Inner {
    /// Makes a call that is given up after a while. It runs to its end by itself then, as the driver's futures must not
    /// be dropped half way, and there is room for some such only.
    pub(super) async fn attempt<T, F>(
        self: &Arc<Self>,
        purpose: Purpose,
        patience: Duration,
        call: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let deadline = Instant::now() + patience;
        let room = match purpose {
            Purpose::Terms => &self.rooms.terms,
            Purpose::Upkeep => &self.rooms.upkeep,
            Purpose::Primaries => &self.rooms.primaries,
        };
        let permit = timeout_at(deadline.into(), Arc::clone(room).acquire_owned())
            .await
            .map_err(|_| error::late())?
            .map_err(broken)?;
        let call = call(Arc::clone(self));
        apart(deadline, async move {
            let _permit = permit;
            call.await
        })
        .await
    }

    /// How long one of the attempts at a call may take.
    pub(super) fn attempt_time(&self) -> Duration {
        ATTEMPT.min(self.limits.operation / 4)
    }

    /// Makes a call that may run twice until it answers: an attempt that gets no answer leaves its connection behind,
    /// and the next one takes another.
    pub(super) async fn insist<T, F>(
        self: &Arc<Self>,
        purpose: Purpose,
        deadline: Instant,
        call: impl Fn(Arc<Self>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let patience = self.attempt_time();
        loop {
            match self.attempt(purpose, patience, &call).await {
                Err(Error::Unavailable(_)) if Instant::now() + PAUSE < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }
}

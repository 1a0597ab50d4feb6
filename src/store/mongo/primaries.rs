//! Primaries, one after the other, and whether the newest shows all that the ones before had acknowledged.
//!
//! Who is elected has all of it, but may not know for a moment that a majority has it too, and until then a read with
//! read concern `majority` shows less. A linearizable read waits until something of the primary's own term is kept by a
//! majority, and then all before it is (the MongoDB manual, "Read Concern linearizable"; Raft, section 5.4.2). So each
//! new primary is asked for one, and other reads wait for that.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use mongodb::{
    ServerType,
    bson::doc,
    event::{EventHandler, sdam::SdamEvent},
    options::ReadConcern,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout_at},
};

use super::{Inner, attempt::Purpose, error};
use crate::error::{Error, Result};

/// How long to wait after a read that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Primaries by number, in the order in which they were found. None is found where there are none to be elected: a
/// standalone server, or a router.
#[derive(Default)]
pub(super) struct Primaries {
    newest: watch::Sender<u64>,
    /// The newest that is known to show all.
    caught_up: watch::Sender<u64>,
}

impl Primaries {
    /// Hears from the driver of each primary before anything is sent there.
    pub(super) fn listener(&self) -> EventHandler<SdamEvent> {
        let newest = self.newest.clone();
        EventHandler::callback(move |event| {
            // One that is elected again shows by another version of its state.
            if let SdamEvent::ServerDescriptionChanged(change) = event
                && change.new_description.server_type() == ServerType::RsPrimary
            {
                newest.send_modify(|number| *number += 1);
            }
        })
    }

    /// The newest primary, once it shows all.
    async fn caught_up(&self, deadline: Instant) -> Result<u64> {
        let mut caught_up = self.caught_up.subscribe();
        let is_newest = |number: &u64| *number == *self.newest.borrow();
        let number = timeout_at(deadline.into(), caught_up.wait_for(is_newest)).await;
        let number = number.map_err(|_| error::late())?;
        number.map(|number| *number).map_err(super::broken)
    }

    fn is_newest(&self, number: u64) -> bool {
        *self.newest.borrow() == number
    }
}

/// Waits for another number; `None` when there will be none.
async fn other_than(known: u64, newest: &mut watch::Receiver<u64>) -> Option<u64> {
    let other = newest.wait_for(|number| *number != known).await;
    other.ok().map(|number| *number)
}

impl Inner {
    /// Reads on a primary that shows all that was acknowledged before: again, when another one was found meanwhile.
    pub(super) async fn seeing_all<T, F>(&self, read: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let deadline = Instant::now() + self.patience();
        loop {
            let primary = self.primaries.caught_up(deadline).await?;
            let found = read().await?;
            if self.primaries.is_newest(primary) {
                return Ok(found);
            }
        }
    }

    /// Has each new primary show all, as long as the store is open.
    pub(super) async fn keep_catching_up(store: Weak<Self>) {
        let Some(inner) = store.upgrade() else { return };
        let mut newest = inner.primaries.newest.subscribe();
        drop(inner);
        let mut caught_up = 0;
        // Not only until the store is told to close: what is read at its end matters too.
        while let Some(number) = other_than(caught_up, &mut newest).await {
            let Some(inner) = store.upgrade() else { return };
            match inner.wait_for_all().await {
                Err(Error::Unavailable(_)) => {
                    drop(inner);
                    sleep(PAUSE).await;
                    continue;
                }
                Err(failure) => {
                    tracing::warn!(
                        detail = %error::detail(&failure),
                        "MongoDB: what is read right after an election may be old for a moment"
                    );
                }
                Ok(()) => {}
            }
            caught_up = number;
            inner.primaries.caught_up.send_replace(number);
        }
    }

    /// Waits until the primary shows all.
    async fn wait_for_all(self: &Arc<Self>) -> Result<()> {
        self.attempt(
            Purpose::Primaries,
            self.attempt_time(),
            |inner| async move {
                let anything = inner.collections.meta.find(doc! { "_id": "schema" });
                let now = anything.read_concern(ReadConcern::linearizable());
                let now = now.limit(1).make(inner.patience());
                inner
                    .timed("mongodb.find", async { now.await?.advance().await })
                    .await
                    .map(drop)
            },
        )
        .await
    }
}

//! Primaries, one after the other, and whether the newest shows all that the ones before had acknowledged.
//!
//! Who is elected has all of it, but may not know for a moment that a majority has it too, and until then a read with
//! read concern `majority` shows less. A linearizable read waits until something of the primary's own term is kept by a
//! majority, and then all before it is (the MongoDB manual, "Read Concern linearizable"; Raft, section 5.4.2). So each
//! new primary is asked for one, and other reads wait for that.

use std::{
    mem,
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

use super::{Inner, attempt::Purpose, calls::observed, error};
use crate::error::{Error, Result};

/// How long to wait after a read that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Primaries by number, in the order in which they were found. None is found on a standalone server, nor behind a router,
/// which hides them.
#[derive(Default)]
pub(super) struct Primaries {
    newest: watch::Sender<u64>,
    /// The newest that is known to show all.
    caught_up: watch::Sender<u64>,
}

impl Primaries {
    /// Hears of each primary. The driver says so before it sends anything there; it is heard at once, well before anything
    /// is answered.
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

    /// The number of the newest, whether it shows all or not.
    pub(super) fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    fn is_newest(&self, number: u64) -> bool {
        self.newest() == number
    }
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

    /// Has each new primary show all, as long as there is a store.
    pub(super) async fn keep_catching_up(store: Weak<Self>) {
        let Some(inner) = store.upgrade() else { return };
        let mut newest = inner.primaries.newest.subscribe();
        let caught_up = inner.primaries.caught_up.clone();
        drop(inner);
        let mut is_well = true;
        // Not only until the store is told to close: what is read at its end matters too.
        while let Some(number) = behind(&caught_up, &mut newest).await {
            let Some(inner) = store.upgrade() else { return };
            match inner.wait_for_all(number).await {
                Ok(()) => is_well = true,
                Err(Error::Unavailable(detail)) => {
                    if mem::replace(&mut is_well, false) {
                        tracing::warn!(
                            detail,
                            "MongoDB: a primary does not confirm yet that it shows all; what is read there waits"
                        );
                    }
                    drop(inner);
                    sleep(PAUSE).await;
                }
                Err(failure) => {
                    tracing::warn!(
                        detail = %error::detail(&failure),
                        "MongoDB: what is read right after an election may be old for a moment"
                    );
                    tell(&caught_up, number);
                }
            }
        }
    }

    /// Waits until the primary shows all. When that takes long, it is told by itself.
    async fn wait_for_all(self: &Arc<Self>, number: u64) -> Result<()> {
        self.attempt(Purpose::Primaries, self.attempt_time(), |inner| {
            // Nothing here keeps the store from ending.
            let (meta, observer) = (inner.collections.meta.clone(), inner.observer.clone());
            let (patience, caught_up) = (inner.patience(), inner.primaries.caught_up.clone());
            drop(inner);
            async move {
                let find = meta
                    .find(doc! { "_id": "schema" })
                    .limit(1)
                    .read_concern(ReadConcern::linearizable())
                    .make(patience);
                let read = async { find.await?.advance().await };
                observed(&observer, "mongodb.find", read).await?;
                tell(&caught_up, number);
                Ok(())
            }
        })
        .await
    }
}

/// The newest primary, once it is another than the one that is known to show all; `None` when there will be none.
async fn behind(caught_up: &watch::Sender<u64>, newest: &mut watch::Receiver<u64>) -> Option<u64> {
    let other = newest.wait_for(|number| *number != *caught_up.borrow());
    other.await.ok().map(|number| *number)
}

/// A primary shows all; late answers may come in any order.
fn tell(caught_up: &watch::Sender<u64>, number: u64) {
    caught_up.send_if_modified(|known| {
        let is_newer = *known < number;
        *known = number.max(*known);
        is_newer
    });
}

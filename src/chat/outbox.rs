//! Where proposals are handed in, and wait for whoever writes.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};
use tokio_util::sync::CancellationToken;

use super::proposal::{ClientKey, Proposal, Written};
use crate::{
    cache::Cache,
    domain::Message,
    error::{Error, Result},
    metrics::Counter,
};

/// Latest messages with a client's id that are remembered, so that quick retries never reach the store.
const RECENT: usize = 10_000;

/// A proposal, and the way back to who handed it in.
pub(super) struct Waiting {
    pub(super) proposal: Proposal,
    pub(super) answer: oneshot::Sender<Result<Written>>,
}

/// Where proposals are handed in.
pub(super) struct Outbox {
    queue: mpsc::Sender<Waiting>,
    /// Counts what is turned away.
    turned_away: Counter,
    recent: Cache<ClientKey, Written>,
    /// Messages with a client's id that are on their way, with what tells when one is no longer.
    sending: Mutex<HashMap<ClientKey, CancellationToken>>,
    closed: CancellationToken,
}

/// Says that a message is on its way, until it is dropped.
pub(super) struct Sending<'a> {
    outbox: &'a Outbox,
    key: ClientKey,
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if let Some(ended) = self.outbox.sending.lock().remove(&self.key) {
            ended.cancel();
        }
    }
}

/// The other end of the queue.
pub(super) struct Inbox {
    pub(super) queue: mpsc::Receiver<Waiting>,
    pub(super) closed: CancellationToken,
}

/// Both ends of a queue for at most `waiting` proposals; one more is turned away.
pub(super) fn outbox(waiting: usize, turned_away: Counter) -> (Outbox, Inbox) {
    let (sender, queue) = mpsc::channel(waiting);
    let closed = CancellationToken::new();
    let outbox = Outbox {
        queue: sender,
        turned_away,
        recent: Cache::of_latest(RECENT),
        sending: Mutex::default(),
        closed: closed.clone(),
    };
    (outbox, Inbox { queue, closed })
}

impl Outbox {
    /// Hands a proposal in and waits until it is durable. Once handed to the store it is written, whoever waits.
    pub(super) async fn post(&self, proposal: Proposal) -> Result<Written> {
        let key = proposal.client_key();
        if let Some(written) = key.as_ref().and_then(|key| self.recent.get(key)) {
            return Ok(written);
        }
        let deadline = proposal.deadline;
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { proposal, answer })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => {
                    self.turned_away.inc();
                    Error::RateLimited {
                        message: "Too much is waiting to be written; try again soon.".into(),
                        retry_after: Duration::from_secs(1),
                    }
                }
                mpsc::error::TrySendError::Closed(_) => {
                    Error::Unavailable("the server is stopping".into())
                }
            })?;
        timeout_at(deadline, answered)
            .await
            .map_err(|_| late())?
            .map_err(|_| Error::Internal("a proposal was dropped".into()))?
    }

    /// Says that a message is on its way.
    ///
    /// # Errors
    /// One of this name is already; what tells when it is no longer.
    pub(super) fn begin(&self, key: &ClientKey) -> Result<Sending<'_>, CancellationToken> {
        match self.sending.lock().entry(key.clone()) {
            Entry::Occupied(other) => Err(other.get().clone()),
            Entry::Vacant(free) => {
                free.insert(CancellationToken::new());
                let key = key.clone();
                Ok(Sending { outbox: self, key })
            }
        }
    }

    /// What is remembered of a message as it was written.
    pub(super) fn written(&self, key: &ClientKey) -> Option<Written> {
        self.recent.get(key)
    }

    /// Whether a message is remembered as it was written.
    pub(super) fn remembers(&self, key: &ClientKey) -> bool {
        self.recent.contains(key)
    }

    /// Remembers a message that was written.
    pub(super) fn remember(&self, key: ClientKey, written: Written) {
        self.recent.insert(key, written);
    }

    /// Forgets a message that was changed.
    pub(super) fn forget(&self, message: &Message) {
        if let Some(called) = &message.client_message_id {
            let key = (message.sender_id, called.clone());
            self.recent.forget(&key);
        }
    }

    /// How many wait, and how many may.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let most = self.queue.max_capacity();
        (most - self.queue.capacity(), most)
    }

    /// Takes no more; what was handed in is still written.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

/// The error for what was not written in its sender's time.
pub(super) fn late() -> Error {
    Error::Unavailable("something was not written in time".into())
}

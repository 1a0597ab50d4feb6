//! Where sends are handed in, and wait for whoever writes.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{ClientMessageId, Conversation, Message, User, UserId},
    error::{Error, Result},
};

/// Latest messages with a client's id that are remembered, so that quick retries never reach the store.
const RECENT: u64 = 10_000;

/// What a client calls one of its messages.
pub(super) type ClientKey = (UserId, ClientMessageId);

/// A message on its way, with what its event will carry.
pub(super) struct Posting {
    /// Its `seq` is not known yet.
    pub(super) message: Message,
    pub(super) conversation: Arc<Conversation>,
    pub(super) sender: Arc<User>,
    /// Its sender waits no longer; what is not handed to the store by then is dropped.
    pub(super) deadline: Instant,
}

impl Posting {
    /// What its client calls it, if it does.
    pub(super) fn client_key(&self) -> Option<ClientKey> {
        let id = self.message.client_message_id.clone()?;
        Some((self.message.sender_id, id))
    }
}

/// A posting, and the way back to who handed it in.
pub(super) struct Waiting {
    pub(super) posting: Posting,
    pub(super) answer: oneshot::Sender<Result<Arc<Message>>>,
}

/// Where sends are handed in.
pub(super) struct Outbox {
    queue: mpsc::Sender<Waiting>,
    recent: Cache<ClientKey, Arc<Message>>,
    closed: CancellationToken,
}

/// The other end of the queue.
pub(super) struct Inbox {
    pub(super) queue: mpsc::Receiver<Waiting>,
    pub(super) closed: CancellationToken,
}

/// Both ends of a queue for at most `waiting` sends; one more is turned away.
pub(super) fn outbox(waiting: usize) -> (Outbox, Inbox) {
    let (sender, queue) = mpsc::channel(waiting);
    let closed = CancellationToken::new();
    let outbox = Outbox {
        queue: sender,
        recent: Cache::new(RECENT),
        closed: closed.clone(),
    };
    (outbox, Inbox { queue, closed })
}

impl Outbox {
    /// Hands a message in and waits until it is durable. Once handed to the store it is written, whoever waits.
    pub(super) async fn post(&self, posting: Posting) -> Result<Arc<Message>> {
        let key = posting.client_key();
        if let Some(message) = key.as_ref().and_then(|key| self.recent.get(key)) {
            return Ok(message);
        }
        let deadline = posting.deadline;
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { posting, answer })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => Error::RateLimited {
                    message: "Too many messages are waiting to be written; try again soon.".into(),
                    retry_after: Duration::from_secs(1),
                },
                mpsc::error::TrySendError::Closed(_) => {
                    Error::Unavailable("the server is stopping".into())
                }
            })?;
        let message = timeout_at(deadline, answered)
            .await
            .map_err(|_| late())?
            .map_err(|_| Error::Internal("a send was dropped".into()))??;
        if let Some(key) = key {
            self.recent.insert(key, message.clone());
        }
        Ok(message)
    }

    /// Takes no more; what was handed in is still written.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

/// The error for what was not written in its sender's time.
pub(super) fn late() -> Error {
    Error::Unavailable("a message was not written in time".into())
}

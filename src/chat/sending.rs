//! Sends that arrive while a write is under way wait for the next one and travel together: the cost of durability
//! is shared by all who wait.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Chat;
use crate::{
    domain::{ClientMessageId, Conversation, Draft, Message, MessageEvent, User, UserId},
    error::{Error, Result},
    metrics::Metrics,
    realtime::hub::Intake,
};

/// Latest messages with a client's id that are remembered, so that quick retries never reach the store.
const RECENT: u64 = 10_000;

/// What a client calls one of its messages.
type ClientKey = (UserId, ClientMessageId);

/// A draft with what its event will carry.
pub(super) struct Posting {
    pub(super) draft: Draft,
    pub(super) conversation: Arc<Conversation>,
    pub(super) sender: Arc<User>,
}

struct Waiting {
    posting: Posting,
    answer: oneshot::Sender<Result<Arc<Message>>>,
}

/// Where sends are handed in.
pub(super) struct Outbox {
    queue: mpsc::Sender<Waiting>,
    recent: Cache<ClientKey, Arc<Message>>,
    closed: CancellationToken,
}

/// The other end of the queue, for the one task that writes.
pub(super) struct WaitingSends {
    queue: mpsc::Receiver<Waiting>,
    closed: CancellationToken,
}

/// Both ends of a queue for at most `waiting` sends; one more is turned away.
pub(super) fn outbox(waiting: usize) -> (Outbox, WaitingSends) {
    let (sender, receiver) = mpsc::channel(waiting);
    let closed = CancellationToken::new();
    let outbox = Outbox {
        queue: sender,
        recent: Cache::new(RECENT),
        closed: closed.clone(),
    };
    (
        outbox,
        WaitingSends {
            queue: receiver,
            closed,
        },
    )
}

impl Outbox {
    /// Hands a message in and waits until it is durable. Once handed in it is written, whoever waits.
    pub(super) async fn post(&self, posting: Posting) -> Result<Arc<Message>> {
        let key = client_key(&posting.draft);
        if let Some(message) = key.as_ref().and_then(|key| self.recent.get(key)) {
            return Ok(message);
        }
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
        let message = answered
            .await
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

impl WaitingSends {
    /// Writes what waits, batch by batch, until the queue is closed and empty.
    pub(super) async fn write_batches(mut self, chat: Chat, metrics: Arc<Metrics>) {
        let limit = chat.0.limits.batch;
        let mut waiting = Vec::with_capacity(limit);
        loop {
            let taken = tokio::select! {
                taken = self.queue.recv_many(&mut waiting, limit) => taken,
                () = self.closed.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            if taken == 0 {
                return;
            }
            // Whoever is about to hand something in gets to, before the write begins.
            tokio::task::yield_now().await;
            while waiting.len() < limit
                && let Ok(one_more) = self.queue.try_recv()
            {
                waiting.push(one_more);
            }
            #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
            metrics.batch_size.observe(waiting.len() as f64);
            chat.write_batch(waiting.drain(..)).await;
        }
    }
}

impl Chat {
    async fn write_batch(&self, waiting: impl Iterator<Item = Waiting>) {
        let mut drafts = Vec::new();
        let mut entries = Vec::<(Posting, Vec<oneshot::Sender<_>>)>::new();
        let mut places = HashMap::new();
        for Waiting { posting, answer } in waiting {
            // One draft for all copies of one message; the others get its outcome.
            let place = match client_key(&posting.draft).map(|key| places.entry(key)) {
                Some(Entry::Occupied(place)) => Some(*place.get()),
                Some(Entry::Vacant(vacant)) => {
                    vacant.insert(entries.len());
                    None
                }
                None => None,
            };
            if let Some(place) = place {
                let (_, answers): &mut (Posting, Vec<_>) = &mut entries[place];
                answers.push(answer);
            } else {
                drafts.push(posting.draft.clone());
                entries.push((posting, vec![answer]));
            }
        }
        let written = match self.0.store.append(&drafts).await {
            Ok(written) if written.len() == entries.len() => {
                written.into_iter().map(Arc::new).map(Ok).collect()
            }
            Ok(_) => {
                vec![Err(Error::Internal("the store lost count of a batch".into())); entries.len()]
            }
            Err(error) => {
                // Some of it may be in the log all the same.
                self.0.behind.notify_one();
                vec![Err(error); entries.len()]
            }
        };
        for ((posting, answers), outcome) in entries.into_iter().zip(written) {
            if let Ok(message) = &outcome
                && message.id == posting.draft.id
            {
                let Posting {
                    conversation,
                    sender,
                    ..
                } = posting;
                self.publish(Arc::new(MessageEvent {
                    message: message.clone(),
                    conversation,
                    sender,
                }));
            }
            for answer in answers {
                // A client that hung up waits for no answer.
                let _ = answer.send(outcome.clone());
            }
        }
    }

    /// Tells those concerned of a message that is in the log.
    pub(super) fn publish(&self, event: Arc<MessageEvent>) {
        match self.0.hub.publish(&event) {
            Intake::Published => {
                if event.message.seq == 1 {
                    let members = event
                        .conversation
                        .members
                        .iter()
                        .map(|member| member.user_id);
                    self.0
                        .hub
                        .conversation_changed(event.conversation.id, members);
                }
            }
            Intake::Known => {}
            // Another process wrote in between; the log is read up to here, this message with it.
            Intake::Gap => self.0.behind.notify_one(),
        }
    }
}

fn client_key(draft: &Draft) -> Option<ClientKey> {
    draft
        .client_message_id
        .clone()
        .map(|id| (draft.sender_id, id))
}

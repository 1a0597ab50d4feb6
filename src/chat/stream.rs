//! The stream of new messages: first what was missed, then live, each message once and in the log's order.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Chat, Connection, Held, Target,
    cursor::{Claim, News},
};
use crate::{
    domain::{ConversationRef, MessageEvent, Position, UserId},
    error::{Error, Result},
};
use tokio::sync::broadcast::{self, error::RecvError};

/// Messages read from the store at a time.
const REPLAY_PAGE: usize = 200;

/// A message as it goes to one subscription.
pub struct Delivery {
    pub event: Arc<MessageEvent>,
    /// What its reader has had with it.
    pub cursor: Arc<str>,
    /// What its reader has had before it.
    pub previous: Arc<str>,
    /// Whether others hold the same event, which came live.
    pub live: bool,
}

/// One subscription's way through the log.
pub struct MessageStream {
    chat: Chat,
    connection: Arc<Connection>,
    viewer: UserId,
    target: Option<Target>,
    claim: Claim,
    /// The cursor of what was delivered last; at first that of where it began.
    cursor: Arc<str>,
    receiver: broadcast::Receiver<Arc<MessageEvent>>,
    /// Where the log stood when it began; what comes after is live, also when it is read from the store.
    began: Position,
    /// Everything up to here was delivered, or does not concern this subscription.
    delivered: Position,
    /// Up to here the store is read; what comes after, the receiver brings.
    replay_to: Position,
    buffer: VecDeque<MessageEvent>,
}

impl Chat {
    /// The cursor of someone who has seen everything up to `position`.
    pub fn cursor(&self, viewer: UserId, position: Position) -> String {
        self.0.cursors.write(viewer, Claim::WHOLE, position)
    }

    /// Begins a stream at the later of `after` and the cursor that the socket was opened with; without both, at
    /// the moment when `held` was taken.
    ///
    /// # Errors
    /// Those of [`Chat::target`]; bad input for a cursor that is malformed or someone else's;
    /// [`Error::ResyncRequired`] for one that is too far back.
    pub async fn stream(
        &self,
        connection: Arc<Connection>,
        held: Held,
        news: News,
        only: Option<ConversationRef>,
        after: Option<&str>,
    ) -> Result<MessageStream> {
        let viewer = connection.viewer().user_id;
        let target = match only {
            Some(reference) => Some(self.target(viewer, "in", reference).await?),
            None => None,
        };
        let scope = target.as_ref().map(|target| target.scope(viewer));
        let claim = Claim { news, scope };
        let read = |text: &str| self.0.cursors.read(viewer, claim, text);
        let refused =
            |field: &str| Error::bad_input(field, "This is not a cursor of this subscription.");
        let mut given = Vec::new();
        if let Some(after) = after {
            given.push((read(after).ok_or_else(|| refused("after"))?, after));
        }
        let resumed = held.resume.iter();
        let resumed = resumed.filter_map(|text| Some((read(text)?, text.as_str())));
        let resumed = resumed.collect::<Vec<_>>();
        if resumed.is_empty() && !held.resume.is_empty() {
            return Err(refused("resume"));
        }
        given.extend(resumed);
        let (since, cursor) = match given.into_iter().max_by_key(|(position, _)| *position) {
            Some((position, text)) => (position, text.to_owned()),
            None => (held.head, self.0.cursors.write(viewer, claim, held.head)),
        };
        if since > self.0.hub.head() {
            // Another process was ahead of this one; a log that ends before the cursor was put back in time.
            self.catch_up().await?;
            if since > self.0.hub.head() {
                return Err(Error::ResyncRequired);
            }
        }
        let stream = MessageStream {
            chat: self.clone(),
            connection,
            viewer,
            target,
            claim,
            cursor: cursor.into(),
            receiver: held.receiver,
            began: held.head,
            delivered: since,
            replay_to: held.head,
            buffer: VecDeque::new(),
        };
        stream.refuse_long_replay().await?;
        Ok(stream)
    }
}

impl MessageStream {
    /// The next message. `None` when the server stops.
    ///
    /// # Errors
    /// [`Error::ResyncRequired`] when the reader fell too far behind; the store's. The stream is over then.
    pub async fn next(&mut self) -> Option<Result<Delivery>> {
        match self.advance().await {
            Ok(event) => event.map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    async fn advance(&mut self) -> Result<Option<Delivery>> {
        loop {
            if let Some(event) = self.buffer.pop_front() {
                return Ok(Some(self.deliver(Arc::new(event), false)));
            }
            if self.delivered < self.replay_to {
                // Boxed, here and below, so that a stream that waits for the next message takes little memory.
                Box::pin(self.read_page()).await?;
                continue;
            }
            match self.receiver.recv().await {
                Ok(event) => {
                    if event.message.position <= self.delivered {
                        continue;
                    }
                    if self
                        .target
                        .as_ref()
                        .is_some_and(|target| !target.is(&event.conversation))
                    {
                        self.delivered = event.message.position;
                        continue;
                    }
                    return Ok(Some(self.deliver(event, true)));
                }
                Err(RecvError::Lagged(_)) => Box::pin(self.fell_behind()).await?,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// Skips nothing: what the receiver lost is read from the store, behind which a new receiver goes on. The old one
    /// is full of what the store gives by then, and would lag again with the next message.
    async fn fell_behind(&mut self) -> Result<()> {
        self.receiver = self.receiver.resubscribe();
        if let Some(Target::Unstarted(pair)) = self.target
            && let Some(started) = self.chat.0.directory.direct(&[pair]).await?.remove(&pair)
        {
            self.target = Some(Target::Existing(started));
        }
        self.replay_to = self.chat.0.hub.head();
        self.refuse_long_replay().await
    }

    fn deliver(&mut self, event: Arc<MessageEvent>, live: bool) -> Delivery {
        let position = event.message.position;
        if position > self.began {
            self.connection.went_live();
        }
        self.delivered = position;
        let cursor = self.chat.0.cursors.write(self.viewer, self.claim, position);
        let previous = std::mem::replace(&mut self.cursor, cursor.into());
        Delivery {
            event,
            cursor: self.cursor.clone(),
            previous,
            live,
        }
    }

    async fn read_page(&mut self) -> Result<()> {
        let Some(page) = self.missed(REPLAY_PAGE).await? else {
            self.delivered = self.replay_to;
            return Ok(());
        };
        if page.len() < REPLAY_PAGE {
            // Nothing else up to there concerns this subscription; the last of the page moves `delivered` on.
            self.replay_to = page.last().map_or(self.replay_to, |last| last.position);
        }
        if page.is_empty() {
            self.delivered = self.replay_to;
        }
        self.buffer = self.chat.events(page).await?.into();
        Ok(())
    }

    /// The next messages that the store has for this subscription; `None` when there can be none.
    async fn missed(&self, limit: usize) -> Result<Option<Vec<crate::domain::Message>>> {
        let conversation = match &self.target {
            None => None,
            Some(Target::Existing(conversation)) => Some(conversation.id),
            // Nobody has started it.
            Some(Target::Unstarted(_)) => return Ok(None),
        };
        let missed = self.chat.0.store.missed(
            self.viewer,
            conversation,
            self.delivered,
            self.replay_to,
            limit,
        );
        Ok(Some(missed.await?))
    }

    /// A replay that is too long is refused before it begins. Only a log that is longer can hold so many.
    async fn refuse_long_replay(&self) -> Result<()> {
        let limit = self.chat.0.limits.replay;
        let log = usize::try_from(self.replay_to - self.delivered).unwrap_or(0);
        if log > limit
            && self
                .missed(limit + 1)
                .await?
                .is_some_and(|missed| missed.len() > limit)
        {
            return Err(Error::ResyncRequired);
        }
        Ok(())
    }
}

//! The stream of what the log holds: first what was missed, then live, each entry once and each conversation in its
//! order.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::broadcast::error::RecvError;

use super::{
    Chat, Connection, Held, Target,
    cursor::{Claim, News},
    replay::Replay,
};
use crate::{
    domain::{
        ConversationRef, Entry, LogEvent, MessageEvent, Position, Progress, Record, Stand,
        TermsCheck, Told, UserId,
    },
    error::{Error, Result},
    realtime::LogReceiver,
};

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
    receiver: LogReceiver,
    /// What the receiver brings up to here was delivered, or does not concern this subscription.
    stand: Arc<Stand>,
    /// What was missed, while that is told.
    missed: Option<Box<Missed>>,
}

/// What a subscription missed.
struct Missed {
    /// Delivered, or of no concern to this subscription.
    had: Progress,
    /// Whether it came after the subscription began, so that it is as good as live.
    since_begin: bool,
    ready: VecDeque<(Position, Option<Arc<MessageEvent>>)>,
    /// The rest, which is in the store; `None` when all is ready.
    stored: Option<Replay>,
}

impl Chat {
    /// The cursor of someone who has seen everything that was told by then.
    pub fn cursor(&self, viewer: UserId, stand: &Stand) -> String {
        let Stand {
            progress, terms, ..
        } = stand;
        self.0.cursors.write(viewer, Claim::WHOLE, progress, *terms)
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
        let held = self.taking_effect(held).await?;
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
        let Held {
            receiver, stand, ..
        } = held;
        let mut stream = MessageStream {
            chat: self.clone(),
            connection,
            viewer,
            target,
            claim,
            cursor: "".into(),
            receiver,
            stand,
            missed: None,
        };
        stream.begin(&given).await?;
        Ok(stream)
    }
}

impl Chat {
    /// Lets a subscription begin behind everything that was acknowledged before it arrived, on whichever process.
    async fn taking_effect(&self, mut held: Held) -> Result<Held> {
        if let Some(effect) = held.effect.take() {
            self.up_to_date().await?;
            held.receiver = held.receiver.resubscribe();
            held.stand = self.0.hub.stand();
            drop(effect);
        }
        Ok(held)
    }
}

impl MessageStream {
    /// Begins behind everything that any of the given cursors has had.
    async fn begin(&mut self, given: &[(super::cursor::Read, &str)]) -> Result<()> {
        let mut since = Progress::default();
        for (read, _) in given {
            since.join(&read.progress);
        }
        if !self.stand.progress.includes(&since) {
            // Another process was ahead of this one; a log that ends before the cursor was put back in time.
            if !self.chat.covers(&since).await? {
                return Err(Error::ResyncRequired);
            }
            self.catch_hold();
        }
        for (read, _) in given {
            // Those of the first release come from before all terms.
            let expected = read
                .terms
                .or_else(|| self.chat.0.hub.terms(&Progress::default()));
            if expected != self.chat.0.hub.terms(&read.progress) {
                return Err(Error::ResyncRequired);
            }
        }
        if given.is_empty() {
            let Stand {
                progress, terms, ..
            } = *self.stand;
            self.cursor = self.write(&progress, terms).into();
            return Ok(());
        }
        let whole = given
            .iter()
            .find(|(read, _)| read.progress.includes(&since));
        self.cursor = if let Some((_, text)) = whole {
            (*text).into()
        } else {
            let terms = self.chat.0.hub.terms(&since).unwrap_or_default();
            self.write(&since, terms).into()
        };
        self.replay(since, false).await
    }

    /// Begins anew from what is told by now; the receiver first, so that nothing falls in between.
    fn catch_hold(&mut self) {
        self.receiver = self.receiver.resubscribe();
        self.stand = self.chat.0.hub.stand();
    }

    /// Lets what was missed since then come first.
    async fn replay(&mut self, had: Progress, since_begin: bool) -> Result<()> {
        let up_to = self.stand.progress;
        if had == up_to {
            return Ok(());
        }
        let conversation = match &self.target {
            None => None,
            Some(Target::Existing(conversation)) => Some(conversation.id),
            // Nobody has started it.
            Some(Target::Unstarted(_)) => return Ok(()),
        };
        let mut missed = Missed {
            had,
            since_begin,
            ready: VecDeque::new(),
            stored: None,
        };
        if let Some(recent) = self.chat.0.hub.recent(self.viewer, &had, &up_to) {
            let concerns = |event: &Arc<LogEvent>| {
                conversation.is_none_or(|conversation| event.conversation.id == conversation)
            };
            let recent = recent.into_iter().filter(concerns);
            missed.ready = recent
                .map(|event| (event.position, sent(&event.told)))
                .collect();
            let messages = missed.ready.iter().filter(|(_, message)| message.is_some());
            if messages.count() > self.chat.limits().replay {
                return Err(Error::ResyncRequired);
            }
        } else {
            let replay = Replay::find(&self.chat, self.viewer, conversation, &had, &up_to);
            missed.stored = Some(Box::pin(replay).await?);
        }
        self.missed = Some(Box::new(missed));
        Ok(())
    }

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
            if self.missed.is_some() {
                // Boxed, here and below, so that a stream that waits for the next message takes little memory.
                if let Some(delivery) = Box::pin(self.next_missed()).await? {
                    return Ok(Some(delivery));
                }
            }
            match self.receiver.recv().await {
                Ok(event) => {
                    if event.stand.index <= self.stand.index {
                        continue;
                    }
                    self.stand = event.stand.clone();
                    let target = self.target.as_ref();
                    if target.is_some_and(|target| !target.is(&event.conversation)) {
                        continue;
                    }
                    if let Some(message) = sent(&event.told) {
                        self.connection.went_live();
                        let Stand {
                            progress, terms, ..
                        } = *event.stand;
                        return Ok(Some(self.deliver(message, &progress, terms, true)));
                    }
                }
                Err(RecvError::Lagged(_)) => Box::pin(self.fell_behind()).await?,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// Skips nothing: what the receiver lost is read elsewhere, behind which a new receiver goes on. The old one is full
    /// of what is read by then, and would lag again with the next message.
    async fn fell_behind(&mut self) -> Result<()> {
        let had = self.stand.progress;
        self.catch_hold();
        if let Some(Target::Unstarted(pair)) = self.target
            && let Some(started) = self.chat.0.directory.direct(&[pair]).await?.remove(&pair)
        {
            self.target = Some(Target::Existing(started));
        }
        self.replay(had, true).await
    }

    /// The next message that was missed; `None` when there is no more.
    async fn next_missed(&mut self) -> Result<Option<Delivery>> {
        while let Some(missed) = &mut self.missed {
            while let Some((position, message)) = missed.ready.pop_front() {
                missed.had.advance(position);
                if let Some(message) = message {
                    let (had, since_begin) = (missed.had, missed.since_begin);
                    if since_begin {
                        self.connection.went_live();
                    }
                    let terms = self.chat.0.hub.terms(&had).unwrap_or_default();
                    return Ok(Some(self.deliver(message, &had, terms, false)));
                }
            }
            let page = match &mut missed.stored {
                Some(replay) => replay.page(&self.chat).await?,
                None => Vec::new(),
            };
            if page.is_empty() {
                self.missed = None;
                break;
            }
            missed.ready = self.chat.messages_of(page).await?.into();
        }
        Ok(None)
    }

    fn write(&self, progress: &Progress, terms: TermsCheck) -> String {
        self.chat
            .0
            .cursors
            .write(self.viewer, self.claim, progress, terms)
    }

    fn deliver(
        &mut self,
        event: Arc<MessageEvent>,
        progress: &Progress,
        terms: TermsCheck,
        live: bool,
    ) -> Delivery {
        let cursor = self.write(progress, terms);
        let previous = std::mem::replace(&mut self.cursor, cursor.into());
        Delivery {
            event,
            cursor: self.cursor.clone(),
            previous,
            live,
        }
    }
}

/// The message that an event tells of as sent.
fn sent(told: &Told) -> Option<Arc<MessageEvent>> {
    match told {
        Told::Sent(message) => Some(message.clone()),
        Told::MessageChanged(_) | Told::ConversationChanged => None,
    }
}

impl Chat {
    /// What entries tell that are read from the store, at their places.
    async fn messages_of(
        &self,
        entries: Vec<Entry>,
    ) -> Result<Vec<(Position, Option<Arc<MessageEvent>>)>> {
        let records = entries.into_iter().map(Record::Entry).collect();
        let prepared = self.prepare(records).await?;
        let messages = prepared.into_iter().filter_map(|(record, prepared)| {
            let Record::Entry(entry) = record else {
                return None;
            };
            Some((entry.position, prepared.message_event(&entry)))
        });
        Ok(messages.collect())
    }
}

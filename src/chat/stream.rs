//! The stream of what the log holds: first what was missed, then live, each entry once and each conversation in its
//! order.

mod marks;

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::broadcast::error::RecvError;

use self::marks::Marks;
use super::{
    Chat, Connection, LogSource, Target,
    cursor::{Claim, Had, News, ToldMarks},
    reading::LATE,
    replay::Replay,
    seen::{StreamEvent, newest_states},
};
use crate::{
    domain::{Conversation, ConversationRef, Position, Progress, ReadEvent, Stand, UserId},
    error::{Error, Result},
    realtime::LogReceiver,
};

/// An event as it goes to one subscription.
pub struct Delivery {
    pub event: StreamEvent,
    /// What its reader has had with it.
    pub cursor: Arc<str>,
    /// What its reader has had before it.
    pub previous: Arc<str>,
    /// Whether others hold the same event, which came live.
    pub live: bool,
}

/// One subscription's way through the log.
pub struct LogStream {
    chat: Chat,
    connection: Arc<Connection>,
    viewer: UserId,
    target: Option<Target>,
    claim: Claim,
    /// The cursor of what was delivered last; at first that of where it began.
    cursor: Arc<str>,
    receiver: LogReceiver,
    marks: Marks,
    /// What the receiver brings up to here was delivered, or does not concern this subscription.
    stand: Arc<Stand>,
    /// What was missed, while that is told.
    missed: Option<Box<Missed>>,
    /// Whether the viewer has left the one conversation that it tells of.
    is_over: bool,
}

/// What a subscription missed.
struct Missed {
    /// Delivered, or of no concern to this subscription.
    had: Progress,
    /// Whether it came after the subscription began, so that it is as good as live.
    since_begin: bool,
    ready: VecDeque<(Position, Option<StreamEvent>)>,
    /// The rest, which is in the store; `None` when all is ready.
    stored: Option<Replay>,
}

impl Chat {
    /// The cursor of someone who has seen everything that was told by then.
    pub fn cursor(&self, viewer: UserId, stand: &Stand) -> String {
        self.0.cursors.write(viewer, Claim::WHOLE, &stand.into())
    }

    /// Begins a stream at the later of `after` and the cursor that the socket was opened with; without both, at
    /// the moment when `source` was taken.
    ///
    /// # Errors
    /// Those of [`Chat::target`]; bad input for a cursor that is malformed or someone else's;
    /// [`Error::ResyncRequired`] for one that is too far back.
    pub async fn stream(
        &self,
        connection: Arc<Connection>,
        source: LogSource,
        news: News,
        only: Option<ConversationRef>,
        after: Option<&str>,
    ) -> Result<LogStream> {
        let viewer = connection.viewer().user_id;
        let source = self.taking_effect(source).await?;
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
        let resumed = source.resume.iter();
        let resumed = resumed.filter_map(|text| Some((read(text)?, text.as_str())));
        let resumed = resumed.collect::<Vec<_>>();
        if resumed.is_empty() && !source.resume.is_empty() {
            return Err(refused("resume"));
        }
        given.extend(resumed);
        let LogSource {
            receiver,
            stand,
            reads,
            ..
        } = source;
        let mut stream = LogStream {
            chat: self.clone(),
            connection,
            viewer,
            target,
            claim,
            cursor: "".into(),
            receiver,
            marks: Marks::new(reads, stand.reads, self.0.store.stamps_late(LATE)),
            stand,
            missed: None,
            is_over: false,
        };
        stream.begin(&given).await?;
        Ok(stream)
    }
}

impl Chat {
    /// Lets a subscription begin behind everything that was acknowledged before it arrived, on whichever process.
    async fn taking_effect(&self, mut source: LogSource) -> Result<LogSource> {
        if let Some(effect) = source.effect.take() {
            self.up_to_date().await?;
            source.reads.begin_anew();
            source.receiver = source.receiver.resubscribe();
            source.stand = self.0.hub.stand();
            drop(effect);
        }
        Ok(source)
    }
}

/// Whether a subscription with this target, if any, tells of a conversation.
fn is_wanted(target: Option<&Target>, conversation: &Conversation) -> bool {
    target.is_none_or(|target| target.is(conversation))
}

impl LogStream {
    /// Begins behind everything that any of the given cursors has had.
    async fn begin(&mut self, given: &[(super::cursor::Read, &str)]) -> Result<()> {
        let stood = self.stand.reads;
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
            self.cursor = self.write(&(&*self.stand).into());
            return Ok(());
        }
        let reads = given.iter().filter_map(|(read, _)| read.reads).max();
        let whole = given
            .iter()
            .find(|(read, _)| read.progress.includes(&since) && read.reads == reads);
        self.cursor = if let Some((_, text)) = whole {
            (*text).into()
        } else {
            self.write(&Had {
                progress: since,
                terms: self.chat.0.hub.terms(&since).unwrap_or_default(),
                reads: reads.unwrap_or(self.marks.had()),
                told: ToldMarks::default(),
            })
        };
        if let Some(reads) = reads {
            self.marks.go_on_from(reads);
            self.find_marks(given, stood).await?;
        }
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
        if let Some(mut recent) = self.chat.0.hub.recent(self.viewer, &had, &up_to) {
            if let Some(conversation) = conversation {
                recent.retain(|event| event.conversation.id == conversation);
            }
            missed.ready = newest_states(&recent, self.viewer).into();
            let tells = |event: &StreamEvent| self.claim.news.tells(event);
            let told = missed.ready.iter().filter_map(|(_, event)| event.as_ref());
            let count = match self.claim.news {
                News::Messages => told.filter(|event| tells(event)).count(),
                News::Everything | News::MessageChanges => recent.len(),
            };
            if count > self.chat.limits().replay {
                return Err(Error::ResyncRequired);
            }
        } else {
            let replay = Replay::find(
                &self.chat,
                self.viewer,
                conversation,
                self.claim.news,
                &had,
                &up_to,
            );
            missed.stored = Some(Box::pin(replay).await?);
        }
        self.missed = Some(Box::new(missed));
        Ok(())
    }

    /// The next event. `None` when the server stops.
    ///
    /// # Errors
    /// [`Error::ResyncRequired`] when the reader fell too far behind; [`Error::NotFound`] when the viewer is a member of
    /// the one conversation no more; the store's. The stream is over then.
    pub async fn next(&mut self) -> Option<Result<Delivery>> {
        match self.advance().await {
            Ok(event) => event.map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    async fn advance(&mut self) -> Result<Option<Delivery>> {
        loop {
            if self.missed.is_some() {
                // Boxed, here and below, so that a stream that waits for the next event takes little memory.
                if let Some(delivery) = Box::pin(self.next_missed()).await? {
                    return Ok(Some(delivery));
                }
            }
            if self.is_over {
                return Err(Error::no_conversation("in.conversationId"));
            }
            if let Some(mark) = self.marks.pop() {
                if self.is_to_be_told(&mark) {
                    return Ok(Some(self.deliver_mark(mark)));
                }
                continue;
            }
            let told = if self.claim.news == News::Everything {
                let (hub, target) = (&self.chat.0.hub, self.target.as_ref());
                let stood = || hub.stand().reads;
                tokio::select! {
                    biased;
                    told = self.receiver.recv() => told,
                    taken_up = self.marks.take_up(stood, |of| is_wanted(target, of)) => {
                        taken_up.ok_or(Error::ResyncRequired)?;
                        continue;
                    }
                }
            } else {
                self.receiver.recv().await
            };
            match told {
                Ok(event) => {
                    if event.stand.index <= self.stand.index {
                        continue;
                    }
                    self.stand = event.stand.clone();
                    if !is_wanted(self.target.as_ref(), &event.conversation) {
                        continue;
                    }
                    let told = StreamEvent::of(&event, self.viewer);
                    if let Some(told) = told.and_then(|told| self.wanted(told)) {
                        self.connection.went_live();
                        let had = self.had_with(&event.stand);
                        return Ok(Some(self.deliver(told, &had, true)));
                    }
                }
                Err(RecvError::Lagged(_)) => Box::pin(self.fell_behind()).await?,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }

    /// What its reader has had where the log stands here; all read marks that were told by then, if none waits.
    fn had_with(&mut self, stand: &Stand) -> Had {
        Had {
            reads: self.marks.had_with(stand.reads),
            told: self.marks.told(),
            ..stand.into()
        }
    }

    /// What of that this subscription tells. Whoever is told anything after having left has come back.
    fn wanted(&mut self, event: StreamEvent) -> Option<StreamEvent> {
        let leaves = matches!(event, StreamEvent::ConversationLeft(_));
        self.is_over = leaves && self.target.is_some();
        self.claim.news.tells(&event).then_some(event)
    }

    /// Whether the viewer is a member by now of the one conversation that this tells of.
    async fn is_back(&self) -> Result<bool> {
        let Some(Target::Existing(conversation)) = &self.target else {
            return Ok(true);
        };
        let newest = self.chat.0.directory.conversation(conversation.id).await?;
        Ok(newest.is_some_and(|newest| newest.has_member(self.viewer)))
    }

    /// Whether a mark still says something: nothing more is told of what the viewer has left, and what its reader has
    /// sent since says that it has read further.
    fn is_to_be_told(&self, mark: &ReadEvent) -> bool {
        let whose = (mark.conversation.id, mark.reader.id);
        let known = self.chat.0.marks.get(&whose);
        known.is_none_or(|seq| seq <= mark.last_read.seq)
            && self.chat.is_member(self.viewer, &mark.conversation)
    }

    /// A read mark has no place in the log: it stands where its reader is.
    fn deliver_mark(&mut self, mark: Arc<ReadEvent>) -> Delivery {
        let had = Had {
            reads: self.marks.tell(&mark),
            told: self.marks.told(),
            ..(&*self.stand).into()
        };
        self.deliver(StreamEvent::ConversationRead(mark), &had, true)
    }

    /// Skips nothing: what the receiver lost is read elsewhere, behind which a new receiver goes on. The old one is full
    /// of what is read by then, and would lag again with the next message.
    async fn fell_behind(&mut self) -> Result<()> {
        self.chat.0.metrics.subscription_lags.inc();
        let had = self.stand.progress;
        self.catch_hold();
        if let Some(Target::Unstarted(pair)) = self.target
            && let Some(started) = self.chat.0.directory.direct(&[pair]).await?.remove(&pair)
        {
            self.target = Some(Target::Existing(started));
        }
        self.replay(had, true).await
    }

    /// The next event that was missed; `None` when there is no more.
    async fn next_missed(&mut self) -> Result<Option<Delivery>> {
        while let Some(missed) = &mut self.missed {
            if let Some((position, event)) = missed.ready.pop_front() {
                missed.had.advance(position);
                let (had, since_begin) = (missed.had, missed.since_begin);
                if let Some(event) = event.and_then(|event| self.wanted(event)) {
                    if since_begin {
                        self.connection.went_live();
                    }
                    let had = Had {
                        terms: self.chat.0.hub.terms(&had).unwrap_or_default(),
                        progress: had,
                        reads: self.marks.had(),
                        told: self.marks.told(),
                    };
                    return Ok(Some(self.deliver(event, &had, false)));
                }
                continue;
            }
            let page = match &mut missed.stored {
                Some(replay) => replay.page(&self.chat).await?,
                None => Vec::new(),
            };
            if page.is_empty() {
                self.missed = None;
                // What is not of this subscription's kind may be left out, coming back with it.
                self.is_over = self.is_over && !self.is_back().await?;
                break;
            }
            missed.ready = self.chat.seen(self.viewer, page).await?.into();
        }
        Ok(None)
    }

    fn write(&self, had: &Had) -> Arc<str> {
        let cursors = &self.chat.0.cursors;
        cursors.write(self.viewer, self.claim, had).into()
    }

    fn deliver(&mut self, event: StreamEvent, had: &Had, live: bool) -> Delivery {
        let cursor = self.write(had);
        let previous = std::mem::replace(&mut self.cursor, cursor);
        Delivery {
            event,
            cursor: self.cursor.clone(),
            previous,
            live,
        }
    }
}

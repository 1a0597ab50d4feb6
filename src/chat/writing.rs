//! Writes what was handed in. Sends that arrive while a write is under way wait for the next one and travel together:
//! the cost of durability is shared by all who wait.
//!
//! Each attempt numbers what waits behind what was told here, checks the rules once more on that state, and offers it to
//! the store. Whatever lost a race, or whose fate was unknown and turned out to be "not written", goes back to those who
//! wait, and is numbered anew.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    mem,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Chat, Prepared,
    sending::{ClientKey, Inbox, Posting, Waiting, late},
    turns::Turns,
};
use crate::{
    domain::{
        ConversationId, ConversationKind, Entry, Happening, Lane, Message, NewEntry, Pen, Progress,
        Rank, Record, Stretch, Tail,
    },
    error::{Error, Result},
    metrics::Metrics,
    store::{Appended, Stopped},
};

/// How long to wait when nothing could be done; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A message that waits, with everyone who waits for it: one for all copies of it.
struct Pending {
    posting: Posting,
    answers: Vec<oneshot::Sender<Result<Arc<Message>>>>,
}

impl Pending {
    fn conversation(&self) -> ConversationId {
        self.posting.conversation.id
    }

    fn answer(self, outcome: &Result<Arc<Message>>) {
        for answer in self.answers {
            // Whoever hung up waits for no answer.
            let _ = answer.send(outcome.clone());
        }
    }
}

/// The one task that writes.
pub(super) struct Writer {
    chat: Chat,
    metrics: Arc<Metrics>,
    queue: mpsc::Receiver<Waiting>,
    closed: CancellationToken,
    pending: VecDeque<Pending>,
    /// Where the next entry goes in the lane that is held; `None` while none is.
    pen: Option<Pen>,
    /// The lane of a term that is over, when what it holds of ours is not known.
    over: Option<Lane>,
    /// What was offered in that term, for whom, when nobody knows whether it was written.
    doubtful: Vec<(Entry, Pending)>,
    /// Conversations in which others write, until what they wrote was told here: where someone else was first, and where
    /// this process was, which gives it no more of a start for the next step than them.
    unread: HashSet<ConversationId>,
    turns: Turns,
}

/// What is offered to the store as one, each entry with the number of the message that it is for.
type Offer = Vec<(Entry, usize)>;

impl Writer {
    pub(super) fn new(chat: Chat, inbox: Inbox, metrics: Arc<Metrics>) -> Self {
        let Inbox { queue, closed } = inbox;
        let turns = Turns::new(chat.0.store.clone());
        Self {
            chat,
            metrics,
            queue,
            closed,
            pending: VecDeque::new(),
            pen: None,
            over: None,
            doubtful: Vec::new(),
            unread: HashSet::new(),
            turns,
        }
    }

    /// Takes a lane up. The chat reads the log meanwhile.
    pub(super) async fn begin(&mut self) -> Result<()> {
        self.take_up_lane().await
    }

    /// Writes what waits, batch by batch, until the queue is closed and empty.
    pub(super) async fn write(mut self) {
        let mut pause = FIRST_PAUSE;
        while self.gather().await {
            self.drop_the_late();
            match self.attempt().await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => sleep(FIRST_PAUSE).await,
                Err(error) => {
                    tracing::warn!(?error, "messages cannot be written now; trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        self.turns.give_up().await;
    }

    /// Waits until something waits to be written and takes what there is; false when nothing will come any more.
    async fn gather(&mut self) -> bool {
        let limit = self.chat.0.limits.batch;
        let mut taken = Vec::new();
        if self.pending.is_empty() && self.doubtful.is_empty() {
            let count = loop {
                tokio::select! {
                    count = self.queue.recv_many(&mut taken, limit) => break count,
                    () = self.closed.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                }
            };
            if count == 0 {
                return false;
            }
            // Whoever is about to hand something in gets to, before the write begins.
            tokio::task::yield_now().await;
        }
        while self.pending.len() + taken.len() < limit
            && let Ok(one_more) = self.queue.try_recv()
        {
            taken.push(one_more);
        }
        self.take(taken);
        true
    }

    fn take(&mut self, waiting: Vec<Waiting>) {
        let named = |(at, pending): (usize, &Pending)| Some((pending.posting.client_key()?, at));
        let mut places: HashMap<ClientKey, usize> =
            self.pending.iter().enumerate().filter_map(named).collect();
        for Waiting { posting, answer } in waiting {
            if let Some(key) = posting.client_key() {
                match places.entry(key) {
                    hash_map::Entry::Occupied(place) => {
                        let same = &mut self.pending[*place.get()];
                        same.posting.deadline = same.posting.deadline.max(posting.deadline);
                        same.answers.push(answer);
                        continue;
                    }
                    hash_map::Entry::Vacant(place) => place.insert(self.pending.len()),
                };
            }
            self.pending.push_back(Pending {
                posting,
                answers: vec![answer],
            });
        }
    }

    /// Lets those go whose senders wait no longer.
    fn drop_the_late(&mut self) {
        let now = Instant::now();
        let is_late = |pending: &Pending| pending.posting.deadline <= now;
        for pending in mem::take(&mut self.pending) {
            if is_late(&pending) {
                pending.answer(&Err(late()));
            } else {
                self.pending.push_back(pending);
            }
        }
        for (entry, pending) in mem::take(&mut self.doubtful) {
            if is_late(&pending) {
                pending.answer(&Err(late()));
            } else {
                self.doubtful.push((entry, pending));
            }
        }
    }

    /// Offers what waits to the store; true when that came to something, be it that somebody else was first.
    async fn attempt(&mut self) -> Result<bool> {
        if self.pen.is_none() {
            self.take_up_lane().await?;
        }
        if self.pending.is_empty() {
            return Ok(true);
        }
        if self.turns.has_rivals() {
            let waiting = self.pending.iter().map(Pending::conversation).collect();
            self.turns.look(&waiting).await;
        }
        if !self.unread.is_empty() && self.pending.iter().all(|pending| self.is_unread(pending)) {
            self.chat.round().await?;
            self.unread.clear();
        }
        let tails = self.tails().await?;
        // Finding out where to write takes time, too.
        self.drop_the_late();
        let (offer, offered) = self.number(tails)?;
        if offer.is_empty() {
            return Ok(self.pending.is_empty());
        }
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        self.metrics.batch_size.observe(offer.len() as f64);
        let entries: Vec<Entry> = offer.iter().map(|(entry, _)| entry.clone()).collect();
        let catches_up = !self.unread.is_empty();
        let (appended, caught_up) = tokio::join!(self.chat.0.store.append(&entries), async {
            catches_up && self.chat.round().await.is_ok()
        });
        if caught_up {
            self.unread.clear();
        }
        match appended {
            Ok(appended) => {
                self.settle(offer, offered, appended);
                Ok(true)
            }
            Err(error) => {
                self.doubt(offer, offered);
                Err(error)
            }
        }
    }

    fn is_unread(&self, pending: &Pending) -> bool {
        self.unread.contains(&pending.conversation())
    }

    /// Begins a term, and finds out what became of what was offered in the last one.
    async fn take_up_lane(&mut self) -> Result<()> {
        let chat = &self.chat;
        let seal = chat.0.store.begin_term(self.over).await?;
        // Should what follows fail, it is this lane that is taken up again.
        self.over = Some(seal.position.lane());
        let sealed = [seal.position].into_iter().collect();
        if !chat.covers(&sealed).await? {
            return Err(Error::Unavailable(
                "a term's seal cannot be read yet".into(),
            ));
        }
        let places = self.doubtful.iter().map(|(entry, _)| Stretch {
            conversation_id: entry.conversation_id,
            first: entry.step,
            last: entry.step,
        });
        let places: Vec<Stretch> = places.collect();
        if !places.is_empty() {
            let found = chat.0.store.entries(&places).await?;
            let found: HashMap<_, _> = found.iter().map(|entry| (entry.id, entry)).collect();
            for (offered, pending) in self.doubtful.drain(..).rev() {
                match found.get(&offered.id).and_then(|entry| entry.message()) {
                    Some(message) => pending.answer(&Ok(message.clone())),
                    None => self.pending.push_front(pending),
                }
            }
        }
        self.over = None;
        self.pen = Some(Pen::new(seal.position, seal.rank));
        Ok(())
    }

    /// Where the conversations end that something waits for; nothing of those of which more happened than was told.
    async fn tails(&self) -> Result<HashMap<ConversationId, Tail>> {
        let hub = &self.chat.0.hub;
        let mut tails = HashMap::new();
        let mut missing = Vec::new();
        for pending in &self.pending {
            let id = pending.conversation();
            if self.is_unread(pending) || tails.contains_key(&id) || missing.contains(&id) {
                continue;
            }
            match hub.tail(id) {
                Some(tail) => {
                    tails.insert(id, tail);
                }
                None => missing.push(id),
            }
        }
        if missing.is_empty() {
            return Ok(tails);
        }
        let mut found: HashMap<_, _> = self
            .chat
            .0
            .store
            .tails(&missing)
            .await?
            .into_iter()
            .collect();
        let ends: Progress = found.values().map(|tail| tail.position).collect();
        self.chat.covers(&ends).await?;
        for id in missing {
            match found.remove(&id) {
                Some(tail) => tails.extend(hub.learn_tail(id, tail).map(|tail| (id, tail))),
                None => {
                    tails.insert(id, hub.tail(id).unwrap_or(Tail::NOTHING));
                }
            }
        }
        Ok(tails)
    }

    /// Checks the rules and gives what waits its numbers; those whose turn it is not stay where they are.
    fn number(
        &mut self,
        mut tails: HashMap<ConversationId, Tail>,
    ) -> Result<(Offer, Vec<Pending>)> {
        let mut pen = self
            .pen
            .ok_or_else(|| Error::Internal("no lane to write in".into()))?;
        pen.rise(self.chat.0.hub.rank());
        let now = clock();
        let mut offer = Offer::new();
        let mut offered = Vec::new();
        for pending in mem::take(&mut self.pending) {
            let id = pending.conversation();
            let Some(tail) = tails
                .get_mut(&id)
                .filter(|_| !self.turns.lets_others_in(id))
            else {
                self.pending.push_back(pending);
                continue;
            };
            let known = self.chat.0.directory.cached_conversation(id);
            let conversation = known.as_ref().unwrap_or(&pending.posting.conversation);
            if !conversation.has_member(pending.posting.message.sender_id) {
                pending.answer(&Err(Error::no_conversation("input.to.conversationId")));
                continue;
            }
            if tail.step == 0 && conversation.kind == ConversationKind::Direct {
                let made = NewEntry {
                    id: Uuid::now_v7(),
                    conversation_id: id,
                    what: Happening::ConversationChanged(conversation.state()),
                };
                offer.push((pen.write(made, tail, now), offered.len()));
            }
            let message = pending.posting.message.clone();
            let sent = NewEntry {
                id: message.id.0,
                conversation_id: id,
                what: Happening::Sent(Arc::new(message)),
            };
            offer.push((pen.write(sent, tail, now), offered.len()));
            offered.push(pending);
        }
        Ok((offer, offered))
    }

    /// Tells what was written, and lets the rest wait again.
    fn settle(&mut self, offer: Offer, offered: Vec<Pending>, appended: Appended) {
        let Appended { written, stopped } = appended;
        let mut offered: Vec<Option<Pending>> = offered.into_iter().map(Some).collect();
        let mut rest = offer;
        let done: Offer = rest.drain(..written.min(rest.len())).collect();
        if let Some((last, _)) = done.last() {
            self.pen = Some(Pen::new(last.position, last.rank));
        }
        let mut answers = Vec::new();
        let mut records = Vec::with_capacity(done.len());
        for (entry, for_whom) in done {
            if self.turns.won(entry.conversation_id) {
                self.unread.insert(entry.conversation_id);
            }
            let posting = offered[for_whom].as_ref().map(|pending| &pending.posting);
            let prepared = Prepared {
                conversation: posting.map(|posting| posting.conversation.clone()),
                sender: posting.map(|posting| posting.sender.clone()),
            };
            // What makes a conversation comes before the message that it is made for.
            if let Some(message) = entry.message()
                && let Some(pending) = offered[for_whom].take()
            {
                answers.push((pending, message.clone()));
            }
            records.push((Record::Entry(entry), prepared));
        }
        self.chat.take_in(records, false);
        for (pending, message) in answers {
            pending.answer(&Ok(message));
        }
        match stopped {
            None => {}
            Some(Stopped::Known(earlier)) => {
                for (at, message) in earlier {
                    let entry = at.checked_sub(written).and_then(|at| rest.get(at));
                    let pending = entry.and_then(|(_, for_whom)| offered[*for_whom].take());
                    if let Some(pending) = pending {
                        pending.answer(&Ok(Arc::new(message)));
                    }
                }
            }
            Some(Stopped::Lost) => {
                if let Some((entry, _)) = rest.first() {
                    self.unread.insert(entry.conversation_id);
                    self.turns.lost(entry.conversation_id);
                }
            }
            Some(Stopped::Over) => {
                if let Some((entry, _)) = rest.first() {
                    self.over = Some(entry.position.lane());
                }
                self.pen = None;
            }
        }
        for pending in offered.into_iter().flatten().rev() {
            self.pending.push_front(pending);
        }
    }

    /// Nobody knows what of this is written, until the term's end is sealed.
    fn doubt(&mut self, offer: Offer, offered: Vec<Pending>) {
        let mut offered: Vec<Option<Pending>> = offered.into_iter().map(Some).collect();
        self.pen = None;
        self.over = offer.first().map(|(entry, _)| entry.position.lane());
        let messages = offer
            .into_iter()
            .filter(|(entry, _)| entry.message().is_some());
        self.doubtful = messages
            .filter_map(|(entry, for_whom)| Some((entry, offered[for_whom].take()?)))
            .collect();
        // Some of it may be in the log all the same, whether somebody waits for it or not.
        self.chat.0.rounds.want();
    }
}

/// The clock as ranks count: microseconds since the Unix epoch.
fn clock() -> Rank {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

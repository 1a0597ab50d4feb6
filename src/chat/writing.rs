//! Writes what was handed in. Sends that arrive while a write is under way wait for the next one and travel together:
//! the cost of durability is shared by all who wait.
//!
//! Each attempt numbers what waits behind what was told here, checks the rules once more on that state, and offers it to
//! the store. Whatever lost a race, or whose fate was unknown and turned out to be "not written", goes back to those who
//! wait, and is numbered anew.

mod numbering;
mod settling;

pub(super) use numbering::clock;

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    mem,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Chat,
    outbox::{Inbox, Waiting, late},
    proposal::{ClientKey, Proposal, Written},
    standing::Standing,
    turns::Turns,
};
use crate::{
    domain::{ConversationId, Entry, Lane, Pen, Progress, Signal, Stretch, Tail},
    error::{Error, Result},
};

/// How long to wait when nothing could be done; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A proposal that waits, with everyone who waits for it: one for all copies of a message.
struct Pending {
    proposal: Proposal,
    answers: Vec<oneshot::Sender<Result<Written>>>,
}

impl Pending {
    fn conversation(&self) -> ConversationId {
        self.proposal.conversation_id()
    }

    fn answer(self, outcome: &Result<Written>) {
        for answer in self.answers {
            // Whoever hung up waits for no answer.
            let _ = answer.send(outcome.clone());
        }
    }
}

/// The one task that writes.
pub(super) struct Writer {
    chat: Chat,
    queue: mpsc::Receiver<Waiting>,
    closed: CancellationToken,
    pending: VecDeque<Pending>,
    /// Where the next entry goes in the lane that is held; `None` while none is.
    pen: Option<Pen>,
    /// The lane of a term that is over, when what it holds of ours is not known.
    over: Option<Lane>,
    /// What was offered in that term when nobody knows whether it was written: the last entry of each proposal.
    doubtful: Vec<(Entry, Offered)>,
    /// Conversations in which others write, until what they wrote was told here: where someone else was first, and where
    /// this process was, which gives it no more of a start for the next step than them.
    unread: HashSet<ConversationId>,
    turns: Turns,
}

/// What is offered to the store as one, each entry with the number of the proposal that it is for.
type Offer = Vec<(Entry, usize)>;

/// A proposal that entries are offered for, with how things stand once the last of them is written.
struct Offered {
    pending: Pending,
    written: Written,
}

impl Writer {
    pub(super) fn new(chat: Chat, inbox: Inbox) -> Self {
        let Inbox { queue, closed } = inbox;
        let turns = Turns::new(chat.0.store.clone());
        Self {
            chat,
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
                    tracing::warn!(?error, "nothing can be written now; trying again");
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
        let named = |(at, pending): (usize, &Pending)| Some((pending.proposal.client_key()?, at));
        let mut places: HashMap<ClientKey, usize> =
            self.pending.iter().enumerate().filter_map(named).collect();
        for Waiting { proposal, answer } in waiting {
            if let Some(key) = proposal.client_key() {
                match places.entry(key) {
                    hash_map::Entry::Occupied(place) => {
                        let same = &mut self.pending[*place.get()];
                        same.proposal.deadline = same.proposal.deadline.max(proposal.deadline);
                        same.answers.push(answer);
                        continue;
                    }
                    hash_map::Entry::Vacant(place) => place.insert(self.pending.len()),
                };
            }
            self.pending.push_back(Pending {
                proposal,
                answers: vec![answer],
            });
        }
    }

    /// Lets those go whose senders wait no longer.
    fn drop_the_late(&mut self) {
        let now = Instant::now();
        let is_late = |pending: &Pending| pending.proposal.deadline <= now;
        for pending in mem::take(&mut self.pending) {
            if is_late(&pending) {
                pending.answer(&Err(late()));
            } else {
                self.pending.push_back(pending);
            }
        }
        for (entry, offered) in mem::take(&mut self.doubtful) {
            if is_late(&offered.pending) {
                offered.pending.answer(&Err(late()));
            } else {
                self.doubtful.push((entry, offered));
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
        let waiting = self.pending.iter().map(|pending| &pending.proposal);
        let known = waiting.filter(|proposal| tails.contains_key(&proposal.conversation_id()));
        let standing = Standing::read(&self.chat, known).await?;
        let (offer, offered) = self.number(tails, standing)?;
        if offer.is_empty() {
            return Ok(self.pending.is_empty());
        }
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        self.chat.0.metrics.batch.observe(offer.len() as f64);
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
        chat.0.metrics.terms.inc();
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
            // Others may not have heard of what was in doubt.
            chat.0.signalling.tell([Signal::Wrote {
                up_to: seal.position,
                rank: seal.rank,
                concerns: None,
            }]);
            for (last, Offered { pending, written }) in self.doubtful.drain(..).rev() {
                if found.contains_key(&last.id) {
                    chat.count_written(&last.what);
                    pending.answer(&Ok(written));
                } else {
                    self.pending.push_front(pending);
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
}

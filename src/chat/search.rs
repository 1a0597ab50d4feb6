//! Searching messages, and the tasks that keep the index.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    select,
    time::{Instant, sleep},
};

use super::{Chat, Target};
use crate::{
    domain::{
        Conversation, ConversationId, LogEvent, Message, Page, Progress, SearchText, Stand, Told,
        UserId,
    },
    error::Result,
    search::{Catalogue, News, Place},
};

/// How long new messages are gathered before they are indexed: a message is found this long after it was sent at the
/// latest, and a bit.
const GATHER: Duration = Duration::from_millis(800);

/// How often it is looked whether there is something to index.
const LOOK: Duration = Duration::from_millis(50);

/// So many entries are not gathered any longer: the hub keeps twice as many at hand.
const MANY: u64 = 1_000;

/// How long to rest when there is nothing to do, unless something is indexed.
const REST: Duration = Duration::from_secs(10);

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// How many places are asked for beyond those that a page shows, so that some may be out of date.
const SPARE: usize = 4;

/// A message that was found, with its conversation and its place in the list.
#[derive(Clone)]
pub struct Found {
    pub message: Arc<Message>,
    pub conversation: Arc<Conversation>,
    pub place: Place,
}

impl Chat {
    /// Messages that hold all words of a text, in the viewer's conversations or only in one: the newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn search(
        &self,
        viewer: UserId,
        text: &SearchText,
        target: Option<&Target>,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Page<Found>> {
        let conversations = match target {
            None => self.0.store.conversations_with(viewer).await?,
            Some(Target::Existing(conversation)) => vec![conversation.id],
            Some(Target::Unstarted(_)) => Vec::new(),
        };
        let mut found: Vec<Found> = Vec::new();
        let mut behind = after;
        // One more, to know whether there is more.
        while found.len() <= limit {
            let wanted = limit + 1 - found.len() + SPARE;
            let index = &self.0.index;
            let places = index.find(text, &conversations, behind, wanted).await?;
            found.extend(self.still(viewer, text, &places).await?);
            behind = places.last().copied();
            if places.len() < wanted {
                break;
            }
        }
        let has_next = found.len() > limit;
        found.truncate(limit);
        in_order_of_conversations(&mut found);
        Ok(Page {
            items: found,
            has_previous: after.is_some(),
            has_next,
        })
    }

    /// What stands at these places and holds the words still, as the viewer may see it now.
    async fn still(
        &self,
        viewer: UserId,
        text: &SearchText,
        places: &[Place],
    ) -> Result<Vec<Found>> {
        let at: Vec<_> = places
            .iter()
            .map(|place| (place.conversation_id, place.seq))
            .collect();
        let mut messages = self.messages_at(&at).await?;
        let ids: HashSet<ConversationId> = at.iter().map(|(id, _)| *id).collect();
        let ids: Vec<ConversationId> = ids.into_iter().collect();
        let conversations = self.conversations_by_id(&ids).await?;
        let found = places.iter().filter_map(|place| {
            let message = messages.remove(&(place.conversation_id, place.seq))?;
            let conversation = conversations.get(&place.conversation_id)?.clone();
            let is_there = message.deleted_at.is_none()
                && message.sent_at == place.sent_at
                && conversation.has_member(viewer)
                && text.fits(message.body.as_str());
            let place = *place;
            is_there.then_some(Found {
                message,
                conversation,
                place,
            })
        });
        Ok(found.collect())
    }

    /// Indexes what is new, as long as no other process does.
    pub(super) async fn index_messages(self) {
        let mut follower = Follower::default();
        loop {
            sleep(LOOK).await;
            if let Err(error) = self.follow_with_index(&mut follower).await {
                tracing::warn!(?error, "indexing messages failed; it is tried again soon");
                follower = Follower::default();
                sleep(RETRY).await;
            }
        }
    }

    async fn follow_with_index(&self, follower: &mut Follower) -> Result<()> {
        let (index, stand) = (&self.0.index, self.0.hub.stand());
        let mut known = match follower.known.take() {
            Some(known) => known,
            None => self.catalogue(&stand.progress).await?,
        };
        let (leads, patience) = (index.leads(&known), self.0.limits.index_patience);
        self.0.leads_index.store(leads, Ordering::Relaxed);
        let has_to_index = follower.has_to_index(&stand, &known, leads, patience);
        self.0.metrics.unindexed.set(follower.count_waiting(&stand));
        if has_to_index {
            let number = known.number;
            known = index.catalogue().await?;
            let is_at_work = known.number != number && !index.leads(&known);
            if is_at_work && follower.is_done(&known) {
                follower.waiting = Some(Waiting::from(&stand));
            } else if !is_at_work || follower.is_late(patience) {
                // What comes meanwhile has waited since.
                let waiting = Waiting::from(&stand);
                known = self.index_news(known).await?;
                follower.waiting = Some(waiting);
            }
        }
        follower.known = Some(known);
        Ok(())
    }

    /// The catalogue; the first one where there is none.
    async fn catalogue(&self, heads: &Progress) -> Result<Catalogue> {
        let index = &self.0.index;
        let found = index.catalogue().await?;
        if found.number > 0 {
            return Ok(found);
        }
        index.begin(heads).await?;
        self.0.indexed.notify_one();
        index.catalogue().await
    }

    /// Indexes all that is new behind a catalogue, and gives the one that there is then. What comes meanwhile is gathered
    /// again.
    async fn index_news(&self, mut known: Catalogue) -> Result<Catalogue> {
        let index = &self.0.index;
        loop {
            let recent = self.0.hub.recent_since(&known.live);
            let (news, up_to, is_all) = if let Some((recent, up_to)) = recent {
                (taken(recent), up_to, true)
            } else {
                let (news, up_to) = index.read_news(&known).await?;
                let is_all = known.live.includes(&up_to);
                (news, up_to, is_all)
            };
            if !known.live.includes(&up_to) {
                match index.add(&known, news, up_to).await? {
                    Some(added) => known = added,
                    // Another process was faster.
                    None => return index.catalogue().await,
                }
            }
            if is_all {
                self.0.indexed.notify_one();
                return Ok(known);
            }
        }
    }

    /// Keeps the index in shape.
    pub(super) async fn keep_index(self) {
        loop {
            let begun = Instant::now();
            let rest = match self.0.index.keep().await {
                // Half of the time is for others.
                Ok(true) => begun.elapsed(),
                Ok(false) => {
                    select! {
                        () = self.0.indexed.notified() => {}
                        () = sleep(REST) => {}
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(?error, "the search's index is not in shape yet");
                    RETRY
                }
            };
            sleep(rest).await;
        }
    }
}

/// What the task that indexes knows.
#[derive(Default)]
struct Follower {
    /// The catalogue as it was last seen.
    known: Option<Catalogue>,
    waiting: Option<Waiting>,
}

/// Since when something waits to be indexed, and how far the log was told then.
struct Waiting {
    since: Instant,
    index: u64,
    progress: Progress,
}

impl Waiting {
    fn from(stand: &Stand) -> Self {
        Self {
            since: Instant::now(),
            index: stand.index,
            progress: stand.progress,
        }
    }
}

impl Follower {
    /// Whether what was told and is not in `known` has waited for long enough, or is much.
    fn has_to_index(
        &mut self,
        stand: &Stand,
        known: &Catalogue,
        leads: bool,
        patience: Duration,
    ) -> bool {
        if known.live.includes(&stand.progress) {
            self.waiting = None;
            return false;
        }
        let waiting = self.waiting.get_or_insert_with(|| Waiting::from(stand));
        let patience = if leads { GATHER } else { GATHER + patience };
        let is_much = leads && stand.index >= waiting.index + MANY;
        is_much || waiting.since.elapsed() >= patience
    }

    /// Whether all that waited is indexed by now, so that the rest waits for less long.
    fn is_done(&self, known: &Catalogue) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_some_and(|waiting| known.live.includes(&waiting.progress))
    }

    /// How many entries wait, at least one where any do.
    fn count_waiting(&self, stand: &Stand) -> i64 {
        let waiting = self.waiting.as_ref();
        waiting.map_or(0, |waiting| {
            let since = stand.index.saturating_sub(waiting.index) + 1;
            i64::try_from(since).unwrap_or(i64::MAX)
        })
    }

    /// Whether it waits for longer than another process that is at work would let it.
    fn is_late(&self, patience: Duration) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_some_and(|waiting| waiting.since.elapsed() >= GATHER + 2 * patience)
    }
}

/// What the hub has told.
fn taken(events: Vec<Arc<LogEvent>>) -> News {
    let mut news = News::default();
    for event in events {
        match &event.told {
            Told::Sent(sent) => news.sent.push(sent.message.clone()),
            // A reaction changes no words.
            Told::MessageChanged(changed) if changed.message.changed == event.step => {
                news.changed.push(changed.message.id);
            }
            Told::MessageChanged(_) | Told::ConversationChanged(_) | Told::Nothing => {}
        }
    }
    news
}

/// Puts the messages of each conversation in the order of their seqs, in the places that the list has for them: those of
/// the same moment, of older versions, and of servers whose clocks differ by a lot may have been numbered the other way
/// round.
fn in_order_of_conversations(found: &mut [Found]) {
    let mut places: HashMap<ConversationId, Vec<usize>> = HashMap::new();
    for (at, one) in found.iter().enumerate() {
        places.entry(one.conversation.id).or_default().push(at);
    }
    for places in places.into_values() {
        let mut messages: Vec<_> = places.iter().map(|at| found[*at].message.clone()).collect();
        messages.sort_unstable_by_key(|message| std::cmp::Reverse(message.seq));
        for (at, message) in places.into_iter().zip(messages) {
            found[at].message = message;
        }
    }
}

//! What a reader missed, read from the store: conversation by conversation, merged by rank.

use std::collections::{HashMap, VecDeque};

use super::Chat;
use crate::{
    domain::{ConversationId, Entry, Progress, Seq, Step, Stretch, UserId},
    error::{Error, Result},
};

/// Entries read from the store at a time.
const PAGE: usize = 200;

/// Entries of one conversation read at first, where most that miss something have missed no more.
const FIRST_LOOK: i64 = 50;

/// The way through what was missed.
pub(super) struct Replay {
    ways: Vec<Way>,
    /// What comes behind this is told live.
    up_to: Progress,
}

/// The part of one conversation.
struct Way {
    conversation_id: ConversationId,
    /// The next step to be read.
    next: Step,
    last: Step,
    read: VecDeque<Entry>,
}

/// Looks for the first step of a conversation that a progress does not cover.
struct Search {
    conversation_id: ConversationId,
    /// Covered, with the seq there.
    covered: (Step, Seq),
    /// Not covered.
    missed: Step,
    last: (Step, Seq),
    /// The newest entries that are not covered.
    read: Vec<Entry>,
}

impl Search {
    fn is_over(&self) -> bool {
        self.missed == self.covered.0 + 1
    }

    /// The step that tells most. From the end at first, as most have missed little.
    fn middle(&self) -> Step {
        let from_end = self.last.0 - self.missed + 1;
        (self.missed - 2 * from_end).max(self.covered.0 + (self.missed - self.covered.0) / 2)
    }

    fn learn(&mut self, entry: &Entry, after: &Progress) {
        if after.covers(entry.position) {
            if entry.step > self.covered.0 {
                self.covered = (entry.step, entry.seq);
            }
        } else if entry.step < self.missed {
            self.missed = entry.step;
        }
    }
}

impl Replay {
    /// Finds what of the viewer's conversations, or of one of them, `after` does not cover and `up_to` does.
    ///
    /// # Errors
    /// [`Error::ResyncRequired`] when that is more messages than are replayed; the store's.
    pub(super) async fn find(
        chat: &Chat,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
        up_to: &Progress,
    ) -> Result<Self> {
        let store = &chat.0.store;
        let with_news = store.with_news(viewer, conversation, after).await?;
        let page = i64::try_from(PAGE / with_news.len().max(1)).unwrap_or(1);
        let first_look = page.clamp(1, FIRST_LOOK);
        let mut searches: Vec<Search> = with_news
            .into_iter()
            .map(|(conversation_id, tail)| Search {
                conversation_id,
                covered: (0, 0),
                missed: tail.step,
                last: (tail.step, tail.seq),
                read: Vec::new(),
            })
            .collect();
        let newest = searches.iter().map(|search| Stretch {
            conversation_id: search.conversation_id,
            first: (search.missed - first_look).max(1),
            last: search.missed,
        });
        let newest: Vec<Stretch> = newest.collect();
        let mut found = by_conversation(store.entries(&newest).await?);
        for search in &mut searches {
            for entry in found.remove(&search.conversation_id).unwrap_or_default() {
                search.learn(&entry, after);
                if !after.covers(entry.position) {
                    search.read.push(entry);
                }
            }
        }
        loop {
            let open = searches.iter().filter(|search| !search.is_over());
            let middles = open.map(|search| Stretch {
                conversation_id: search.conversation_id,
                first: search.middle(),
                last: search.middle(),
            });
            let middles: Vec<Stretch> = middles.collect();
            if middles.is_empty() {
                break;
            }
            let found = by_conversation(store.entries(&middles).await?);
            for search in searches.iter_mut().filter(|search| !search.is_over()) {
                let entry = found
                    .get(&search.conversation_id)
                    .and_then(|found| found.first());
                match entry {
                    Some(entry) => search.learn(entry, after),
                    // A hole: what comes behind it is all that there is to find.
                    None => search.covered = (search.middle(), search.covered.1),
                }
            }
        }
        let missed = searches
            .iter()
            .map(|search| search.last.1 - search.covered.1);
        if usize::try_from(missed.sum::<Seq>()).unwrap_or(0) > chat.limits().replay {
            return Err(Error::ResyncRequired);
        }
        let ways = searches.into_iter().map(|search| {
            let mut way = Way {
                conversation_id: search.conversation_id,
                next: search.missed,
                last: search.last.0,
                read: VecDeque::new(),
            };
            // What was read is of use if it begins where the missed does.
            if search
                .read
                .first()
                .is_some_and(|entry| entry.step == search.missed)
            {
                way.next = way.last + 1;
                way.take(search.read, up_to);
            }
            way
        });
        let mut ways: Vec<Way> = ways.collect();
        ways.retain(|way| !way.read.is_empty() || way.next <= way.last);
        Ok(Self {
            ways,
            up_to: *up_to,
        })
    }

    /// The next entries, in the order of ranks; none when there are no more.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn page(&mut self, chat: &Chat) -> Result<Vec<Entry>> {
        self.read_on(chat).await?;
        let mut page = Vec::new();
        let first = |way: &Way| way.read.front().map(|entry| (entry.rank, entry.position));
        // Up to where a way has to be read on, as what it holds may come before all others.
        while page.len() < PAGE
            && let Some(way) = self.ways.iter_mut().min_by_key(|way| first(way))
            && let Some(entry) = way.read.pop_front()
        {
            page.push(entry);
            if way.read.is_empty() && way.next > way.last {
                self.ways
                    .retain(|way| !way.read.is_empty() || way.next <= way.last);
            }
        }
        Ok(page)
    }

    /// Lets every way have its next entry at hand, or end.
    async fn read_on(&mut self, chat: &Chat) -> Result<()> {
        while self.ways.iter().any(|way| way.read.is_empty()) {
            let page = i64::try_from((PAGE / self.ways.len()).max(1)).unwrap_or(1);
            let mut wanted = Vec::new();
            for way in self.ways.iter_mut().filter(|way| way.read.is_empty()) {
                let last = way.last.min(way.next + page - 1);
                wanted.push(Stretch {
                    conversation_id: way.conversation_id,
                    first: way.next,
                    last,
                });
                way.next = last + 1;
            }
            let mut found = by_conversation(chat.0.store.entries(&wanted).await?);
            for way in &mut self.ways {
                if let Some(entries) = found.remove(&way.conversation_id) {
                    way.take(entries, &self.up_to);
                }
            }
            self.ways
                .retain(|way| !way.read.is_empty() || way.next <= way.last);
        }
        Ok(())
    }
}

impl Way {
    /// Takes over what was read; behind the first entry that is told live there is nothing of use.
    fn take(&mut self, entries: Vec<Entry>, up_to: &Progress) {
        let count = entries.len();
        self.read.extend(
            entries
                .into_iter()
                .take_while(|entry| up_to.covers(entry.position)),
        );
        if self.read.len() < count {
            self.last = self.next - 1;
        }
    }
}

fn by_conversation(entries: Vec<Entry>) -> HashMap<ConversationId, Vec<Entry>> {
    let mut sorted = HashMap::<_, Vec<_>>::new();
    for entry in entries {
        sorted.entry(entry.conversation_id).or_default().push(entry);
    }
    sorted
}

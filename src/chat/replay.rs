//! What a reader missed, read from the store: conversation by conversation, merged by rank.

use std::collections::{HashMap, VecDeque};

use super::{Chat, News};
use crate::{
    domain::{ConversationId, Entry, Progress, Seq, Stay, Step, Stretch, UserId},
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
    stays: Vec<Stay>,
    /// The next step to be read.
    next: Step,
    last: Step,
    read: VecDeque<Entry>,
}

/// What an entry is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The reader became a member with it.
    Arrives,
    /// The reader was a member.
    Stays,
    /// The reader was a member until then.
    Leaves,
}

/// Looks for the first step of a conversation that a progress does not cover.
struct Search {
    conversation_id: ConversationId,
    stays: Vec<Stay>,
    /// Covered, or before the reader was there, with the seq there.
    covered: (Step, Seq),
    /// Not covered.
    missed: Step,
    last: (Step, Seq),
    /// The newest entries that are not covered.
    read: Vec<Entry>,
}

impl Search {
    /// The first step that the reader may be told of.
    fn begins(&self) -> Step {
        let arrival = self.stays.first().map_or(1, |stay| stay.from.max(1));
        last_departure(&self.stays).unwrap_or(arrival)
    }

    fn is_over(&self) -> bool {
        self.missed == self.covered.0 + 1
    }

    /// The step that tells most. From the end at first, as most have missed little.
    fn middle(&self) -> Step {
        let from_end = self.last.0 - self.missed + 1;
        (self.missed - 2 * from_end).max(self.covered.0 + (self.missed - self.covered.0) / 2)
    }

    fn learn(&mut self, entry: &Entry, after: &Progress) {
        let arrival = self.begins();
        if entry.step == arrival && arrival > 1 && self.covered.0 < arrival - 1 {
            // What was before is not the reader's. The entry itself is no message.
            self.covered = (arrival - 1, entry.seq);
        }
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
    /// [`Error::ResyncRequired`] when that is more than is replayed; the store's.
    pub(super) async fn find(
        chat: &Chat,
        viewer: UserId,
        conversation: Option<ConversationId>,
        news: News,
        after: &Progress,
        up_to: &Progress,
    ) -> Result<Self> {
        let store = &chat.0.store;
        let unseen = store.unseen(viewer, conversation, after).await?;
        let page = i64::try_from(PAGE / unseen.len().max(1)).unwrap_or(1);
        let first_look = page.clamp(1, FIRST_LOOK);
        let mut searches: Vec<Search> = unseen
            .into_iter()
            .map(|unseen| Search {
                conversation_id: unseen.conversation_id,
                covered: (0, 0),
                missed: unseen.tail.step,
                last: (unseen.tail.step, unseen.tail.seq),
                stays: unseen.stays,
                read: Vec::new(),
            })
            .collect();
        let wanted = searches.iter().flat_map(|search| {
            let from = search.begins();
            let newest = Stretch {
                conversation_id: search.conversation_id,
                first: (search.missed - first_look).max(from).max(1),
                last: search.missed,
            };
            let arrival = Stretch {
                first: from,
                last: from,
                ..newest
            };
            let is_apart = from > 1 && from < newest.first;
            is_apart.then_some(arrival).into_iter().chain([newest])
        });
        let wanted: Vec<Stretch> = wanted.collect();
        let mut found = by_conversation(store.entries(&wanted).await?);
        for search in &mut searches {
            let newest = search.last.0 - first_look;
            for entry in found.remove(&search.conversation_id).unwrap_or_default() {
                search.learn(&entry, after);
                if entry.step >= newest && !after.covers(entry.position) {
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
        // Who is told of messages alone has missed no more than those.
        let missed = searches.iter().map(|search| match news {
            News::Messages => search.last.1 - search.covered.1,
            News::Everything | News::MessageChanges => search.last.0 - search.covered.0,
        });
        if usize::try_from(missed.sum::<Seq>()).unwrap_or(0) > chat.limits().replay {
            return Err(Error::ResyncRequired);
        }
        let ways = searches.into_iter().map(|search| {
            let mut way = Way {
                conversation_id: search.conversation_id,
                stays: search.stays,
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

    /// The next entries that concern the reader, in the order of ranks; none when there are no more.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn page(&mut self, chat: &Chat) -> Result<Vec<(Entry, Part)>> {
        loop {
            let page = self.read_page(chat).await?;
            if page.is_empty() || page.iter().any(|(_, part)| part.is_some()) {
                let seen = page.into_iter();
                return Ok(seen
                    .filter_map(|(entry, part)| Some((entry, part?)))
                    .collect());
            }
        }
    }

    async fn read_page(&mut self, chat: &Chat) -> Result<Vec<(Entry, Option<Part>)>> {
        self.read_on(chat).await?;
        let mut page = Vec::new();
        let first = |way: &Way| way.read.front().map(|entry| (entry.rank, entry.position));
        // Up to where a way has to be read on, as what it holds may come before all others.
        while page.len() < PAGE
            && let Some(way) = self.ways.iter_mut().min_by_key(|way| first(way))
            && let Some(entry) = way.read.pop_front()
        {
            let part = way.part(&entry);
            page.push((entry, part));
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
    /// What an entry is to the reader; `None` for one who was no member then.
    fn part(&self, entry: &Entry) -> Option<Part> {
        // To who has left, the conversation did not exist, also when it has come back since: only that it left is told.
        let left = last_departure(&self.stays);
        if left.is_some_and(|left| entry.step <= left) {
            return (left == Some(entry.step)).then_some(Part::Leaves);
        }
        let stay = self.stays.iter().find(|stay| stay.holds(entry.step))?;
        Some(if stay.from == entry.step {
            Part::Arrives
        } else {
            Part::Stays
        })
    }

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

/// The step with which somebody left last, of the times that matter.
fn last_departure(stays: &[Stay]) -> Option<Step> {
    stays.iter().filter_map(|stay| stay.to).max()
}

fn by_conversation(entries: Vec<Entry>) -> HashMap<ConversationId, Vec<Entry>> {
    let mut sorted = HashMap::<_, Vec<_>>::new();
    for entry in entries {
        sorted.entry(entry.conversation_id).or_default().push(entry);
    }
    sorted
}

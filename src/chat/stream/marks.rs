//! What one subscription tells of read marks.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{LogStream, is_wanted};
use crate::{
    chat::{
        News,
        cursor::{Read, ToldMarks},
        reading::LATE,
    },
    domain::{Conversation, ConversationId, ReadEvent, Seq, Stamp, UserId},
    error::Result,
    realtime::Reads,
};

/// [`LATE`] where stamps are milliseconds; else it is more than enough.
const LATE_STAMPS: Stamp = LATE.as_secs().cast_signed() * 1_000;

/// Read marks on their way to one reader.
pub(super) struct Marks {
    moves: Reads,
    /// Those that are still to be told.
    waiting: VecDeque<Arc<ReadEvent>>,
    /// Up to which they were told.
    had: Stamp,
    /// Those that were told when the subscription went on from a cursor, as long as older ones may be told live.
    had_at_begin: Option<Box<HadReads>>,
}

impl Marks {
    /// Those that move from here on; those before `had` were told.
    pub(super) fn new(moves: Reads, had: Stamp) -> Self {
        Self {
            moves,
            waiting: VecDeque::new(),
            had,
            had_at_begin: None,
        }
    }

    /// Up to which they were told.
    pub(super) fn had(&self) -> Stamp {
        self.had
    }

    /// The reader goes on from a cursor.
    pub(super) fn go_on_from(&mut self, cursor: Stamp) {
        self.had = cursor;
    }

    /// Lets those be told that are news of all that moved since the cursor, or a while before, where all moves up to `stood`
    /// were told when the subscription began.
    pub(super) fn tell_missed(
        &mut self,
        moved: &[Arc<ReadEvent>],
        stood: Stamp,
        is_news: impl Fn(&ReadEvent) -> bool,
    ) {
        let news = moved.iter().filter(|mark| is_news(mark));
        self.waiting.extend(news.cloned());
        self.had_at_begin = Some(Box::new(HadReads::new(self.had, moved, stood)));
    }

    /// What its reader was told of those that may show late at another process; as this one has it, where it is `alone` or
    /// no more is known.
    pub(super) fn told(&self, alone: bool) -> Option<ToldMarks> {
        if !self.waiting.is_empty() || !self.moves.is_current() {
            return Some(ToldMarks::UNKNOWN);
        }
        let had = self.had_at_begin.as_ref().filter(|_| !alone)?;
        Some(had.told_shortly_before(self.had))
    }

    /// The next one that is to be told.
    pub(super) fn pop(&mut self) -> Option<Arc<ReadEvent>> {
        self.waiting.pop_front()
    }

    /// Takes up what moves live. `None` when more has moved than is remembered.
    pub(super) async fn take_up(
        &mut self,
        stood: impl Fn() -> Stamp,
        is_wanted: impl Fn(&Conversation) -> bool,
    ) -> Option<()> {
        // Before what may have been told by then is looked for.
        let stood = self.had_at_begin.as_ref().map(|_| stood());
        for (_, mark) in self.moves.next().await? {
            let had = self.had_at_begin.as_mut();
            if had.is_none_or(|had| had.is_news(&mark)) && is_wanted(&mark.conversation) {
                self.waiting.push_back(mark);
            }
        }
        self.had_at_begin
            .take_if(|had| stood.is_some_and(|stood| had.is_over(stood)));
        Some(())
    }

    /// Up to which they were told where all up to `stood` were, if none waits.
    pub(super) fn had_with(&mut self, stood: Stamp) -> Stamp {
        if self.waiting.is_empty() && self.moves.is_current() {
            self.had = self.had.max(stood);
        }
        self.had
    }

    /// One is told. What its reader has had differs from before all the same, so that one that is lost is missed.
    pub(super) fn tell(&mut self, mark: &ReadEvent) -> Stamp {
        let least = self.had + i64::from(mark.stamp <= self.had);
        self.had = mark.stamp.max(least);
        self.had
    }
}

impl LogStream {
    /// Lets the read marks be told that moved since the newest of the given cursors, or showed late.
    pub(super) async fn find_marks(&mut self, given: &[(Read, &str)]) -> Result<()> {
        if self.claim.news != News::Everything {
            return Ok(());
        }
        let had = self.marks.had();
        let moved = self.chat.moved_since(self.viewer, had).await?;
        let earlier = moved.iter().filter(|mark| mark.stamp <= had);
        let told = ToldMarks::these(earlier.map(|mark| stands_for(mark)));
        let newest = || given.iter().filter(|(read, _)| read.reads == Some(had));
        let knows_all = newest().any(|(read, _)| read.told == Some(told));
        let is_own = newest().any(|(read, _)| read.is_own);
        let target = self.target.as_ref();
        let is_news = |mark: &ReadEvent| {
            // What shows late elsewhere is known where it was told.
            let was_told =
                mark.stamp <= had && knows_all || is_own && self.chat.has_told_mark(mark, had);
            !was_told && is_wanted(target, &mark.conversation)
        };
        self.marks.tell_missed(&moved, self.stand.reads, is_news);
        Ok(())
    }

    /// What its reader was told of marks that may show late at another process, if there may be one.
    pub(super) fn told_marks(&self) -> Option<ToldMarks> {
        self.marks.told(self.chat.0.store.is_alone())
    }
}

/// What a reader was told of read marks when a subscription began, and since. What is told live may have been read before
/// that, by a server that was then long in telling it.
struct HadReads {
    /// What moved before was told by the subscription's cursor, or shows later than anything may.
    since: Stamp,
    /// What has moved by then is told live no more once all up to here was.
    until: Stamp,
    newest: HashMap<(ConversationId, UserId), HadRead>,
}

/// The newest state of a mark that a reader was told.
struct HadRead {
    seq: Seq,
    stamp: Stamp,
    stands_for: u16,
}

impl From<&ReadEvent> for HadRead {
    fn from(event: &ReadEvent) -> Self {
        Self {
            seq: event.last_read.seq,
            stamp: event.stamp,
            stands_for: stands_for(event),
        }
    }
}

impl HadReads {
    /// Of one who goes on from `cursor` and has had these, where all moves up to `stood` had been told before.
    fn new(cursor: Stamp, had: &[Arc<ReadEvent>], stood: Stamp) -> Self {
        let last = had.iter().map(|event| event.stamp).max();
        let last = last.unwrap_or(cursor).max(cursor);
        // What is still told live is at most so old, and the state of which it is a part moved at about the same time.
        let oldest = stood.saturating_sub(2 * LATE_STAMPS);
        // And a cursor stands for those that moved shortly before it.
        let oldest = oldest.min(last.saturating_sub(LATE_STAMPS));
        let had = had.iter().filter(|event| event.stamp > oldest);
        Self {
            since: cursor.saturating_sub(LATE_STAMPS),
            until: last.saturating_add(LATE_STAMPS),
            newest: had
                .map(|event| (whose(event), HadRead::from(&**event)))
                .collect(),
        }
    }

    /// Whether a mark that is told live says something new; it is had then.
    fn is_news(&mut self, event: &ReadEvent) -> bool {
        let seq = event.last_read.seq;
        let had = self.newest.get(&whose(event));
        let is_news = event.stamp > self.since && had.is_none_or(|had| had.seq < seq);
        if is_news {
            self.newest.insert(whose(event), event.into());
        }
        is_news
    }

    /// What stands for those of so long before a stamp that others may show late.
    fn told_shortly_before(&self, stamp: Stamp) -> ToldMarks {
        let oldest = stamp.saturating_sub(LATE_STAMPS);
        let told = self.newest.values();
        let told = told.filter(|had| had.stamp > oldest && had.stamp <= stamp);
        ToldMarks::these(told.map(|had| had.stands_for))
    }

    /// Whether nothing is told live any more that may be older, where all moves up to a stamp were told.
    fn is_over(&self, told: Stamp) -> bool {
        told > self.until
    }
}

fn whose(event: &ReadEvent) -> (ConversationId, UserId) {
    (event.conversation.id, event.reader.id)
}

/// What stands for a mark among those that a reader was told.
fn stands_for(event: &ReadEvent) -> u16 {
    ToldMarks::one(event.conversation.id, event.reader.id, event.stamp)
}

//! What one subscription tells of read marks.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::{LogStream, is_wanted};
use crate::{
    chat::{
        News,
        cursor::{MarkDigest, Read, ToldMarks},
        reading::LATE,
    },
    domain::{Conversation, ConversationId, ReadEvent, Seq, Stamp, UserId},
    error::Result,
    realtime::Reads,
};

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

    /// Lets those be told that are news of all that moved since the cursor, or a while before. All moves up to `stood` were
    /// told when the subscription began; a mark may show `late` stamps after one that moved later.
    pub(super) fn tell_missed(
        &mut self,
        moved: &[Arc<ReadEvent>],
        (stood, late): (Stamp, Stamp),
        is_news: impl Fn(&ReadEvent) -> bool,
    ) {
        let mut had = HadReads::new(self.had, moved, (stood, late));
        for mark in moved {
            if is_news(mark) {
                self.waiting.push_back(mark.clone());
            } else {
                had.tell(mark);
            }
        }
        self.had_at_begin = Some(Box::new(had));
    }

    /// What its reader was told of those that may show late at another process.
    pub(super) fn told(&self) -> ToldMarks {
        if let Some(had) = &self.had_at_begin {
            ToldMarks::These(had.told_shortly_before(self.had))
        } else if self.is_current() {
            ToldMarks::ByThis
        } else {
            ToldMarks::UNKNOWN
        }
    }

    /// Whether its reader was told of all that moved.
    fn is_current(&self) -> bool {
        self.waiting.is_empty() && self.moves.is_current()
    }

    /// The next one that is to be told, or was told by what its reader has sent since.
    pub(super) fn pop(&mut self) -> Option<Arc<ReadEvent>> {
        let mark = self.waiting.pop_front()?;
        if let Some(had) = &mut self.had_at_begin {
            had.tell(&mark);
        }
        Some(mark)
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
        if self.is_current() {
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
        let newest = given.iter().filter(|(read, _)| read.reads == Some(had));
        let (mut told, mut is_own) = (HashSet::<MarkDigest>::new(), false);
        for (read, _) in newest {
            match &read.told {
                ToldMarks::ByThis => is_own = true,
                ToldMarks::These(marks) => told.extend(marks),
            }
        }
        let target = self.target.as_ref();
        let is_news = |mark: &ReadEvent| {
            // What shows late elsewhere is known where it was told.
            let was_told =
                told.contains(&digest(mark)) || is_own && self.chat.has_told_mark(mark, had);
            !(mark.stamp <= had && was_told) && is_wanted(target, &mark.conversation)
        };
        let late = self.chat.0.store.stamps_late(LATE);
        self.marks
            .tell_missed(&moved, (self.stand.reads, late), is_news);
        Ok(())
    }
}

/// What a reader was told of read marks when a subscription began, and since. What is told live may have been read before
/// that, by a server that was then long in telling it.
struct HadReads {
    /// What moved before was told by the subscription's cursor, or shows later than anything may.
    since: Stamp,
    /// What has moved by then is told live no more once all up to here was.
    until: Stamp,
    /// How much lower the stamp of one may be that shows late.
    late: Stamp,
    /// Up to where its reader knows those that may be told once more, or is about to.
    newest: HashMap<Whose, Seq>,
    /// The latest that were told.
    told: VecDeque<ToldMark>,
}

type Whose = (ConversationId, UserId);

/// A mark as a reader was told of it.
struct ToldMark {
    whose: Whose,
    stamp: Stamp,
    digest: MarkDigest,
}

impl HadReads {
    /// Of one who goes on from `cursor` and has had these or is about to, where all moves up to `stood` had been told
    /// before.
    fn new(cursor: Stamp, had: &[Arc<ReadEvent>], (stood, late): (Stamp, Stamp)) -> Self {
        let last = had.iter().map(|event| event.stamp).max();
        let last = last.unwrap_or(cursor).max(cursor);
        // What is still told live is at most so old, and the state of which it is a part moved at about the same time.
        let oldest = stood.saturating_sub(late.saturating_mul(2));
        let had = had.iter().filter(|event| event.stamp > oldest);
        Self {
            since: cursor.saturating_sub(late),
            until: last.saturating_add(late),
            late,
            newest: had
                .map(|event| (whose(event), event.last_read.seq))
                .collect(),
            told: VecDeque::new(),
        }
    }

    /// Whether a mark that is told live says something new; its reader is about to have it then.
    fn is_news(&mut self, event: &ReadEvent) -> bool {
        let seq = event.last_read.seq;
        let had = self.newest.get(&whose(event));
        let is_news = event.stamp > self.since && had.is_none_or(|had| *had < seq);
        if is_news {
            self.newest.insert(whose(event), seq);
        }
        is_news
    }

    /// Its reader has had this one.
    fn tell(&mut self, event: &ReadEvent) {
        let whose = whose(event);
        let oldest = event.stamp.saturating_sub(self.late);
        self.told
            .retain(|told| told.whose != whose && told.stamp > oldest);
        if self.told.len() == ToldMarks::MOST {
            self.told.pop_front();
        }
        self.told.push_back(ToldMark {
            whose,
            stamp: event.stamp,
            digest: digest(event),
        });
    }

    /// Those that were told, the latest first, of so long before a stamp that others may show late.
    fn told_shortly_before(&self, stamp: Stamp) -> Vec<MarkDigest> {
        let oldest = stamp.saturating_sub(self.late);
        let told = self.told.iter().rev();
        let told = told.filter(|told| told.stamp > oldest && told.stamp <= stamp);
        told.map(|told| told.digest).collect()
    }

    /// Whether nothing is told live any more that may be older, where all moves up to a stamp were told.
    fn is_over(&self, told: Stamp) -> bool {
        told > self.until
    }
}

fn whose(event: &ReadEvent) -> Whose {
    (event.conversation.id, event.reader.id)
}

fn digest(event: &ReadEvent) -> MarkDigest {
    MarkDigest::new(event.conversation.id, event.reader.id, event.stamp)
}

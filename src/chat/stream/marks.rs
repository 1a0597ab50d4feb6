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
    /// How far behind others those may be that show late; 0 where none does.
    late: Stamp,
    /// The latest of those that showed late, which elsewhere would be told once more.
    listed: VecDeque<Listed>,
    /// What its reader had when the subscription went on from a cursor, as long as that may be told live.
    had_at_begin: Option<Box<HadMarks>>,
}

type Whose = (ConversationId, UserId);

/// A mark of which a cursor says that it was told.
struct Listed {
    whose: Whose,
    stamp: Stamp,
    digest: MarkDigest,
}

impl Marks {
    /// Those that move from here on; those before `had` were told, but for what shows so `late`.
    pub(super) fn new(moves: Reads, had: Stamp, late: Stamp) -> Self {
        Self {
            moves,
            waiting: VecDeque::new(),
            had,
            late,
            listed: VecDeque::new(),
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

    /// Lets those be told of what moved since the cursor, or showed late, that its reader was not told: neither those that
    /// the cursor lists nor those that this process is known to have told. All moves up to `stood` were told when the
    /// subscription began.
    fn tell_missed(
        &mut self,
        moved: &[Arc<ReadEvent>],
        stood: Stamp,
        is_listed: impl Fn(&ReadEvent) -> bool,
        was_told: impl Fn(&ReadEvent) -> bool,
    ) {
        for mark in moved {
            let shows_late = mark.stamp <= self.had;
            if shows_late && is_listed(mark) {
                self.list(mark);
            } else if !(shows_late && was_told(mark)) {
                self.waiting.push_back(mark.clone());
            }
        }
        self.had_at_begin =
            (self.late > 0).then(|| Box::new(HadMarks::new(self.had, moved, stood, self.late)));
    }

    /// What its reader was told.
    pub(super) fn told(&self) -> ToldMarks {
        let is_ahead = self.had_at_begin.as_ref().is_some_and(|had| had.is_ahead);
        let oldest = self.had.saturating_sub(self.late);
        let listed = self.listed.iter().rev();
        let listed = listed.filter(|listed| listed.stamp > oldest);
        ToldMarks {
            by_this: self.is_current() && !is_ahead,
            these: listed.map(|listed| listed.digest).collect(),
        }
    }

    /// Whether its reader was told of all that moved.
    fn is_current(&self) -> bool {
        self.waiting.is_empty() && self.moves.is_current()
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
            if self.is_news(&mark) && is_wanted(&mark.conversation) {
                self.waiting.push_back(mark);
            }
        }
        if let Some(stood) = stood {
            self.all_moved(stood);
        }
        Some(())
    }

    /// Whether a mark that is told live says something new; its reader is about to have it then.
    fn is_news(&mut self, mark: &ReadEvent) -> bool {
        if self.late == 0 {
            return mark.stamp > self.had;
        }
        let had = self.had_at_begin.as_mut();
        had.is_none_or(|had| had.is_news(mark))
    }

    /// Up to which they were told where this process has told all up to `stood`, if none waits.
    pub(super) fn had_with(&mut self, stood: Stamp) -> Stamp {
        if self.is_current() {
            self.all_moved(stood);
            self.had = self.had.max(stood);
        }
        self.had
    }

    /// All were taken up that this process has told up to here.
    fn all_moved(&mut self, stood: Stamp) {
        self.had_at_begin.take_if(|had| {
            had.is_ahead &= stood < had.last;
            stood > had.until
        });
    }

    /// One is told. A cursor says so in one way or the other, so that one that is lost is missed.
    pub(super) fn tell(&mut self, mark: &ReadEvent) -> Stamp {
        if mark.stamp > self.had {
            self.had = mark.stamp;
        } else {
            self.list(mark);
        }
        self.had
    }

    /// Its reader has been told of one that showed late, here and maybe elsewhere before.
    fn list(&mut self, mark: &ReadEvent) {
        let whose = whose(mark);
        let oldest = self.had.saturating_sub(self.late);
        self.listed
            .retain(|listed| listed.whose != whose && listed.stamp > oldest);
        if self.listed.len() == ToldMarks::MOST {
            self.listed.pop_front();
        }
        self.listed.push_back(Listed {
            whose,
            stamp: mark.stamp,
            digest: digest(mark),
        });
    }
}

impl LogStream {
    /// Lets the read marks be told that moved since the newest of the given cursors, or showed late.
    /// Up to `stood` all were told when those that move live began to be heard.
    pub(super) async fn find_marks(&mut self, given: &[(Read, &str)], stood: Stamp) -> Result<()> {
        if self.claim.news != News::Everything {
            return Ok(());
        }
        let had = self.marks.had;
        let mut moved = self.chat.moved_since(self.viewer, had).await?;
        let (mut listed, mut by_this) = (HashSet::<MarkDigest>::new(), false);
        for (Read { told, reads, .. }, _) in given {
            listed.extend(&told.these);
            by_this |= told.by_this && *reads == Some(had);
        }
        moved.retain(|mark| is_wanted(self.target.as_ref(), &mark.conversation));
        let is_listed = |mark: &ReadEvent| !listed.is_empty() && listed.contains(&digest(mark));
        let was_told = |mark: &ReadEvent| by_this && self.chat.has_told_mark(mark, had);
        self.marks.tell_missed(&moved, stood, is_listed, was_told);
        Ok(())
    }
}

/// What a reader has had of read marks when a subscription began, or is about to have, and since. What is told live may
/// have been read before that, by a server that was then long in telling it.
struct HadMarks {
    /// The newest that moved before the subscription began.
    last: Stamp,
    /// Whether that is ahead of what this process tells of.
    is_ahead: bool,
    /// What moved before shows later than anything may.
    since: Stamp,
    /// What has moved by then is told live no more once all up to here was.
    until: Stamp,
    /// Up to where those have read that may be told live.
    newest: HashMap<Whose, Seq>,
}

impl HadMarks {
    /// Of one who goes on from `cursor`, where all moves up to `stood` had been told.
    fn new(cursor: Stamp, had: &[Arc<ReadEvent>], stood: Stamp, late: Stamp) -> Self {
        let last = had.iter().map(|mark| mark.stamp).max();
        let last = last.unwrap_or(cursor).max(cursor);
        // What is told live is at most so old, and the state of which it is a part moved at about the same time.
        let oldest = stood.saturating_sub(2 * late);
        let had = had.iter().filter(|mark| mark.stamp > oldest);
        Self {
            last,
            is_ahead: last > stood,
            since: cursor.saturating_sub(late),
            until: last.saturating_add(late),
            newest: had.map(|mark| (whose(mark), mark.last_read.seq)).collect(),
        }
    }

    fn is_news(&mut self, mark: &ReadEvent) -> bool {
        let seq = mark.last_read.seq;
        let had = self.newest.get(&whose(mark));
        let is_news = mark.stamp > self.since && had.is_none_or(|had| *had < seq);
        if is_news {
            self.newest.insert(whose(mark), seq);
        }
        is_news
    }
}

fn whose(mark: &ReadEvent) -> Whose {
    (mark.conversation.id, mark.reader.id)
}

fn digest(mark: &ReadEvent) -> MarkDigest {
    MarkDigest::new(mark.conversation.id, mark.reader.id, mark.last_read.seq)
}

#[cfg(test)]
mod tests;

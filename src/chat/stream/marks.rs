//! What one subscription tells of read marks.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::{
    chat::reading::LATE,
    domain::{Conversation, ConversationId, ReadEvent, Seq, Stamp, UserId},
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

    /// Lets those be told that moved since the cursor, where all moves up to `stood` were told when the subscription began.
    pub(super) fn tell_missed(
        &mut self,
        moved: Vec<Arc<ReadEvent>>,
        stood: Stamp,
        is_wanted: impl Fn(&Conversation) -> bool,
    ) {
        self.had_at_begin = Some(Box::new(HadReads::new(self.had, &moved, stood)));
        let wanted = moved.into_iter();
        self.waiting
            .extend(wanted.filter(|mark| is_wanted(&mark.conversation)));
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
            let had = self.had_at_begin.as_ref();
            if !had.is_some_and(|had| had.has(&mark)) && is_wanted(&mark.conversation) {
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

/// What a reader was told of read marks when a subscription began. What is told live may have been read before that, by a
/// server that was then long in telling it.
struct HadReads {
    /// What moved before was told by the subscription's cursor, or shows later than anything may.
    since: Stamp,
    /// What has moved by then is told live no more once all up to here was.
    until: Stamp,
    seqs: HashMap<(ConversationId, UserId), Seq>,
}

impl HadReads {
    /// Of one who goes on from `cursor` and was told these, where all moves up to `stood` had been told before.
    fn new(cursor: Stamp, told: &[Arc<ReadEvent>], stood: Stamp) -> Self {
        let late = Stamp::try_from(LATE.as_millis()).unwrap_or(Stamp::MAX);
        // What is still told live is at most so old, and the state of which it is a part moved at about the same time.
        let oldest = stood.saturating_sub(late.saturating_mul(2));
        let told = told.iter().filter(|event| event.stamp > oldest);
        let newest = told.clone().map(|event| event.stamp).max();
        Self {
            since: cursor.saturating_sub(late),
            until: newest.unwrap_or(cursor).max(cursor).saturating_add(late),
            seqs: told
                .map(|event| (whose(event), event.last_read.seq))
                .collect(),
        }
    }

    /// Whether a mark that is told live says nothing new.
    fn has(&self, event: &ReadEvent) -> bool {
        let had = self.seqs.get(&whose(event));
        event.stamp <= self.since || had.is_some_and(|seq| *seq >= event.last_read.seq)
    }

    /// Whether nothing is told live any more that may be older, where all moves up to a stamp were told.
    fn is_over(&self, told: Stamp) -> bool {
        told > self.until
    }
}

fn whose(event: &ReadEvent) -> (ConversationId, UserId) {
    (event.conversation.id, event.reader.id)
}

//! Telling how far people have read. Marks are states beside the log: of one that moved several times only the newest
//! state need be told.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Chat;
use crate::{
    domain::{ConversationId, MovedMark, ReadEvent, Seq, Stamp, UserId},
    error::{Error, Result},
};

/// How much older what was just written may be than what was seen before it.
const SHORTLY: Duration = Duration::from_secs(1);

/// How much older something may be that is told late, be it as another server had to take over, or as it is looked for only
/// now and then.
pub(super) const LATE: Duration = Duration::from_secs(10);

/// How often marks are looked for at most because other processes have moved some: of a mark that moves again and again
/// only the newest state is told.
const PACE: Duration = Duration::from_millis(100);

/// What was told is remembered for so much longer, where stamps are milliseconds; else it is more than enough.
const REMEMBERED: Stamp = 20_000;

impl Chat {
    /// Tells of marks that moved elsewhere.
    pub(super) async fn follow_reads(self) {
        let mut sweep = interval(self.0.limits.sweep_interval);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let late = tokio::select! {
                _ = sweep.tick() => LATE,
                () = self.0.reads_rung.notified() => SHORTLY,
            };
            let begun = Instant::now();
            let turn = self.0.telling_reads.lock().await;
            warn_of(self.tell_reads(late).await);
            drop(turn);
            sleep_until(begun + PACE).await;
        }
    }

    /// Tells that somebody has read up to a message, with all else that has moved. Who comes while that is told shares the
    /// next look.
    pub(super) async fn tell_read(&self, whose: (ConversationId, UserId), seq: Seq) {
        let _turn = self.0.telling_reads.lock().await;
        if !self.0.told_reads.lock().is_told(whose, seq, Stamp::MAX) {
            warn_of(self.tell_reads(SHORTLY).await);
        }
    }

    /// Page by page: of what may show late there can be more than a page that was told already.
    async fn tell_reads(&self, late: Duration) -> Result<()> {
        let page = self.0.limits.marks_at_once;
        let stood = self.stand().reads;
        let (mut after, mut late) = (stood, late);
        loop {
            let moved = self.0.store.moved_marks(None, after, late, page);
            let (mut news, up_to) = moved.await?;
            let is_all = news.len() < page;
            news.retain(|MovedMark { mark, .. }| {
                let whose = (mark.conversation_id, mark.user_id);
                !self
                    .0
                    .told_reads
                    .lock()
                    .is_told(whose, mark.seq, Stamp::MAX)
            });
            for event in self.read_events(&news).await? {
                let told = || self.told_of_marks(&event.conversation, event.reader.id);
                self.0.hub.read(&event, told());
                let id = event.conversation.id;
                self.0.hub.conversation_changed(id, told());
            }
            let stands = stood.max(up_to);
            self.0.told_reads.lock().remember(&news, stood, stands);
            self.0.hub.told_reads(stands);
            if is_all {
                return Ok(());
            }
            (after, late) = (up_to, Duration::ZERO);
        }
    }

    /// The marks of which a viewer is told that moved since a cursor was made, or may have shown only then.
    ///
    /// # Errors
    /// [`Error::ResyncRequired`] when that is more than is replayed; the store's.
    pub(super) async fn moved_since(
        &self,
        viewer: UserId,
        since: Stamp,
    ) -> Result<Vec<Arc<ReadEvent>>> {
        let store = &self.0.store;
        let most = self.0.limits.replay;
        let moved = store.moved_marks(Some(viewer), since, LATE, most + 1);
        let (moved, _) = moved.await?;
        if moved.len() > most {
            return Err(Error::ResyncRequired);
        }
        let mut events = self.read_events(&moved).await?;
        events.retain(|event| {
            let mut told = self.told_of_marks(&event.conversation, event.reader.id);
            told.any(|user| user == viewer)
        });
        Ok(events)
    }

    /// Whether a mark was told here to all who stood at a stamp.
    pub(super) fn has_told_mark(&self, mark: &ReadEvent, by: Stamp) -> bool {
        let whose = (mark.conversation.id, mark.reader.id);
        let seq = mark.last_read.seq;
        self.0.told_reads.lock().is_told(whose, seq, by)
    }

    /// What moved marks tell, in their order.
    pub(super) async fn read_events(&self, moved: &[MovedMark]) -> Result<Vec<Arc<ReadEvent>>> {
        if moved.is_empty() {
            return Ok(Vec::new());
        }
        let marks = || moved.iter().map(|moved| moved.mark);
        let conversations: Vec<_> = marks().map(|mark| mark.conversation_id).collect();
        let readers: Vec<_> = marks().map(|mark| mark.user_id).collect();
        let places = marks().map(|mark| (mark.conversation_id, mark.seq));
        let places: Vec<_> = places.collect();
        let conversations = self.0.directory.conversations(&conversations).await?;
        let readers = self.0.directory.users(&readers).await?;
        let messages = self.messages_at(&places).await?;
        let event = |MovedMark { mark, stamp }: &MovedMark| {
            let conversation = conversations.get(&mark.conversation_id)?;
            // That of who has left is of no concern to anyone.
            conversation.member(mark.user_id)?;
            let last_read = messages.get(&(mark.conversation_id, mark.seq))?;
            // It was moved on by sending that, which says so.
            if last_read.sender_id == mark.user_id {
                return None;
            }
            Some(Arc::new(ReadEvent {
                conversation: conversation.clone(),
                reader: readers.get(&mark.user_id)?.clone(),
                last_read: last_read.clone(),
                stamp: *stamp,
            }))
        };
        Ok(moved.iter().filter_map(event).collect())
    }
}

fn warn_of(telling: Result<()>) {
    if let Err(error) = telling {
        tracing::warn!(
            ?error,
            "looking for read marks failed; the next sweep follows"
        );
    }
}

/// What was told lately and may be found again: marks as they stood, and where this process stood with them.
#[derive(Default)]
pub(super) struct ToldReads(HashMap<(ConversationId, UserId), ToldRead>);

struct ToldRead {
    seq: Seq,
    stamp: Stamp,
    /// Who is there, as this process says, has had it: nobody, when it came late.
    with: Stamp,
}

impl ToldReads {
    /// Whether it was told how far a mark has moved, by when this process stood there.
    fn is_told(&self, whose: (ConversationId, UserId), seq: Seq, by: Stamp) -> bool {
        let told = self.0.get(&whose);
        told.is_some_and(|told| told.seq >= seq && told.with <= by)
    }

    fn remember(&mut self, moved: &[MovedMark], stood: Stamp, stands: Stamp) {
        let mut before = None;
        for MovedMark { mark, stamp } in moved {
            let whose = (mark.conversation_id, mark.user_id);
            // Who is at the stamp of one that came in its turn has had it, or another one of that moment; of one that came
            // late that cannot be said.
            let is_second = before.replace(*stamp) == Some(*stamp);
            let came_late = *stamp <= stood;
            let with = if came_late {
                Stamp::MAX
            } else {
                stamp + i64::from(is_second)
            };
            let told = ToldRead {
                seq: mark.seq,
                stamp: *stamp,
                with,
            };
            self.0.insert(whose, told);
        }
        self.forget_before(stands.saturating_sub(REMEMBERED));
    }

    fn forget_before(&mut self, stamp: Stamp) {
        self.0.retain(|_, told| told.stamp >= stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ReadMark;

    #[test]
    fn who_is_at_a_moment_may_have_had_the_first_of_its_marks_alone() {
        let mark = |stamp| MovedMark {
            mark: ReadMark {
                conversation_id: ConversationId::new(),
                user_id: UserId::new(),
                seq: 1,
            },
            stamp,
        };
        let moved = [mark(5), mark(7), mark(7), mark(9)];
        let mut told = ToldReads::default();
        told.remember(&moved, 6, 9);
        let told_by = |by| {
            moved.map(|MovedMark { mark, .. }| {
                told.is_told((mark.conversation_id, mark.user_id), mark.seq, by)
            })
        };
        assert_eq!(told_by(6), [false; 4], "the first came late");
        assert_eq!(told_by(7), [false, true, false, false]);
        assert_eq!(told_by(9), [false, true, true, true]);
        assert_eq!(told_by(Stamp::MAX), [true; 4]);
    }
}

//! Tells what the log holds to those concerned: one channel per user who is online, shared by all their sockets, made
//! by the first and dropped with the last.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast;

use super::{
    changes::{ChangeLog, Changes},
    intake::{Intake, Taken},
    recent::Recent,
    tails::Tails,
};
use crate::domain::{
    Conversation, ConversationId, Entry, LogEvent, Position, Progress, Rank, ReadEvent, Record,
    Stamp, Stand, Tail, Terms, TermsCheck, Told, TypingEvent, UserId,
};

/// Entries that a channel holds for its slowest reader. One that falls behind reads what it missed elsewhere.
const LOG_RING: usize = 32;
/// Typing events that a channel holds. One that falls behind misses some: they are out of date by then.
const TYPING_RING: usize = 16;

/// Changed conversations.
pub type ConversationChanges = Changes<ConversationId, ()>;

/// Read marks that moved, in their newest state.
pub type Reads = Changes<(ConversationId, UserId), Arc<ReadEvent>>;

type ReadLog = ChangeLog<(ConversationId, UserId), Arc<ReadEvent>>;

/// Brings entries from here on.
pub type LogReceiver = broadcast::Receiver<Arc<LogEvent>>;

/// Hands events to the users they concern. `T` is what comes along with an entry until it is told. Cheap to clone.
pub struct Hub<T>(Arc<Inner<T>>);

impl<T> Clone for Hub<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<T> {
    log: Mutex<Log<T>>,
    stand: RwLock<Arc<Stand>>,
    channels: RwLock<HashMap<UserId, Arc<Channel>>>,
}

/// What this process knows of the log.
struct Log<T> {
    intake: Intake<T>,
    terms: Terms,
    /// How many seals of a lane `terms` began with at most.
    kept_seals: usize,
    tails: Tails,
    recent: Recent,
}

struct Channel {
    log: broadcast::Sender<Arc<LogEvent>>,
    typing: OnceLock<broadcast::Sender<Arc<TypingEvent>>>,
    changes: OnceLock<Arc<ChangeLog<ConversationId, ()>>>,
    reads: OnceLock<Arc<ReadLog>>,
}

/// What came of records that were handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Where the log lacks records before one of them, which was taken all the same or not, as was asked.
    pub hole: Option<Position>,
}

/// How an entry is told.
pub struct Telling {
    /// In the state that the entry leaves.
    pub conversation: Arc<Conversation>,
    pub told: Told,
}

impl<T> Hub<T> {
    /// A hub that stands at `progress` in the log and at `reads` among the moves of read marks: what came before counts
    /// as told. Of each lane `terms` has at most
    /// `kept_seals`.
    pub fn new(
        progress: Progress,
        rank: Rank,
        terms: Terms,
        kept_seals: usize,
        reads: Stamp,
    ) -> Self {
        let stand = Stand {
            index: 0,
            progress,
            terms: terms.check(&progress, kept_seals).unwrap_or_default(),
            reads,
        };
        Self(Arc::new(Inner {
            log: Mutex::new(Log {
                intake: Intake::new(progress, rank),
                terms,
                kept_seals,
                tails: Tails::default(),
                recent: Recent::new(progress),
            }),
            stand: RwLock::new(Arc::new(stand)),
            channels: RwLock::default(),
        }))
    }

    /// How far the log was told.
    pub fn stand(&self) -> Arc<Stand> {
        self.0.stand.read().clone()
    }

    /// What need not be read again, where `page` is how many records of one lane are wanted to wait at most.
    pub fn known(&self, page: usize) -> Progress {
        self.0.log.lock().intake.known(page)
    }

    /// The greatest rank that was told or heard of.
    pub fn rank(&self) -> Rank {
        self.0.log.lock().intake.rank()
    }

    /// Takes note of a rank that somebody else gave.
    pub fn rise(&self, rank: Rank) {
        self.0.log.lock().intake.rise(rank);
    }

    /// In which terms a progress stands; `None` when that is too long ago to be known.
    pub fn terms(&self, progress: &Progress) -> Option<TermsCheck> {
        let log = self.0.log.lock();
        log.terms.check(progress, log.kept_seals)
    }

    /// Where a conversation ends, as far as it was told; `None` when that is not remembered.
    pub fn tail(&self, conversation: ConversationId) -> Option<Tail> {
        self.0.log.lock().tails.get(conversation)
    }

    /// Takes note of where a conversation ends, if what it ends with was told, and gives where it ends by now.
    pub fn learn_tail(&self, conversation: ConversationId, tail: Tail) -> Option<Tail> {
        let mut log = self.0.log.lock();
        if log.intake.told().covers(tail.position) {
            log.tails.learn(conversation, tail);
        }
        log.tails.get(conversation)
    }

    /// What was told last and `after` does not cover, if it concerns `user`; `None` when that is more than is kept.
    pub fn recent(
        &self,
        user: UserId,
        after: &Progress,
        up_to: &Progress,
    ) -> Option<Vec<Arc<LogEvent>>> {
        let log = self.0.log.lock();
        let concerned =
            |event: &&Arc<LogEvent>| up_to.covers(event.position) && event.concerns(user);
        let recent = log.recent.since(after)?;
        Some(recent.filter(concerned).cloned().collect())
    }

    /// Everything that was told and `after` does not cover, and how far the log was told with it; `None` when that is
    /// more than is kept.
    pub fn recent_since(&self, after: &Progress) -> Option<(Vec<Arc<LogEvent>>, Progress)> {
        let log = self.0.log.lock();
        let recent = log.recent.since(after)?.cloned().collect();
        Some((recent, *log.intake.told()))
    }

    /// Takes records in, each lane in its order, and tells what may be told by then; `tell` says how, in the order in
    /// which it is told, and is given the conversation as the step before leaves it, if that is known. A record before which others of its lane are missing is taken only when there is a `hole`, as
    /// the caller knows.
    pub fn take_in(
        &self,
        records: impl IntoIterator<Item = (Record, T)>,
        holes: bool,
        mut tell: impl FnMut(&Entry, T, Option<Arc<Conversation>>) -> Telling,
    ) -> TakenIn {
        let mut log = self.0.log.lock();
        let mut taken_in = TakenIn::default();
        for (record, with) in records {
            let position = record.position();
            match log.intake.take(record, with, holes) {
                // Told at once, so that little waits when nothing is amiss.
                Taken::New => self.tell_all(&mut log, &mut tell),
                Taken::Known => {}
                Taken::Gap => taken_in.hole = Some(position),
            }
        }
        self.tell_all(&mut log, &mut tell);
        taken_in
    }

    /// How many records could not be told yet.
    pub fn waiting(&self) -> usize {
        self.0.log.lock().intake.waiting()
    }

    /// What entries that could not be told yet wait for.
    pub fn missing(&self) -> Vec<Position> {
        self.0.log.lock().intake.missing().collect()
    }

    /// Tells what waits for a record that the log does not have.
    pub fn tell_in_spite_of(
        &self,
        hole: Position,
        mut tell: impl FnMut(&Entry, T, Option<Arc<Conversation>>) -> Telling,
    ) {
        let mut log = self.0.log.lock();
        if let Some((record, with)) = log.intake.give_in_spite_of(hole) {
            self.tell(&mut log, record, with, &mut tell);
        }
        self.tell_all(&mut log, &mut tell);
    }

    fn tell_all(
        &self,
        log: &mut Log<T>,
        tell: &mut impl FnMut(&Entry, T, Option<Arc<Conversation>>) -> Telling,
    ) {
        while let Some((record, with)) = log.intake.give() {
            self.tell(log, record, with, tell);
        }
    }

    fn tell(
        &self,
        log: &mut Log<T>,
        record: Record,
        with: T,
        tell: &mut impl FnMut(&Entry, T, Option<Arc<Conversation>>) -> Telling,
    ) {
        let progress = *log.intake.told();
        let mut stand = *self.stand();
        stand.index += 1;
        stand.progress = progress;
        let entry = match record {
            Record::Seal(seal) => {
                log.terms.learn(seal);
                stand.terms = log
                    .terms
                    .check(&progress, log.kept_seals)
                    .unwrap_or_default();
                *self.0.stand.write() = Arc::new(stand);
                return;
            }
            Record::Entry(entry) => entry,
        };
        let stand = Arc::new(stand);
        let before = log.tails.conversation(entry.conversation_id);
        let Telling { conversation, told } = tell(&entry, with, before);
        log.tails.tell(conversation.clone(), entry.tail());
        let event = Arc::new(LogEvent {
            position: entry.position,
            step: entry.step,
            stand: stand.clone(),
            conversation,
            told,
        });
        log.recent.push(event.clone());
        // Before the channels: whoever takes a receiver and then asks how far the log was told finds what comes later in
        // the receiver, and the rest behind it.
        *self.0.stand.write() = stand;
        let channels = self.0.channels.read();
        let members = event.conversation.members.iter();
        let left = event.departures().iter().map(|left| left.user_id);
        for user in members.map(|member| member.user_id).chain(left) {
            if let Some(channel) = channels.get(&user) {
                // No receiver is no fault: nobody subscribed.
                let _ = channel.log.send(event.clone());
            }
        }
    }

    /// Whether any of `users` would be told of anything.
    pub fn reaches(&self, mut users: impl Iterator<Item = UserId>) -> bool {
        let channels = self.0.channels.read();
        users.any(|user| channels.contains_key(&user))
    }

    /// Tells `users` that a conversation of theirs changed.
    pub fn conversation_changed(
        &self,
        conversation: ConversationId,
        users: impl IntoIterator<Item = UserId>,
    ) {
        let channels = self.0.channels.read();
        for user in users {
            if let Some(log) = channels
                .get(&user)
                .and_then(|channel| channel.changes.get())
            {
                log.record(conversation, ());
            }
        }
    }

    /// Tells `users` that someone has read further.
    pub fn read(&self, event: &Arc<ReadEvent>, users: impl IntoIterator<Item = UserId>) {
        let channels = self.0.channels.read();
        for user in users {
            if let Some(log) = channels.get(&user).and_then(|channel| channel.reads.get()) {
                log.record((event.conversation.id, event.reader.id), event.clone());
            }
        }
    }

    /// Takes note that all moves of read marks up to a stamp were told.
    pub fn told_reads(&self, reads: Stamp) {
        // Whoever tells of the log takes over what stands here.
        let _log = self.0.log.lock();
        let stand = *self.stand();
        *self.0.stand.write() = Arc::new(Stand { reads, ..stand });
    }

    /// Tells `users` that someone is typing, or no longer.
    pub fn typing(&self, event: &Arc<TypingEvent>, users: impl IntoIterator<Item = UserId>) {
        let channels = self.0.channels.read();
        for user in users {
            if let Some(sender) = channels.get(&user).and_then(|channel| channel.typing.get()) {
                let _ = sender.send(event.clone());
            }
        }
    }

    /// Holds the user's channel open.
    pub fn attach(&self, user: UserId) -> Attachment<T> {
        let mut channels = self.0.channels.write();
        let channel = channels.entry(user).or_insert_with(|| {
            Arc::new(Channel {
                log: broadcast::Sender::new(LOG_RING),
                typing: OnceLock::new(),
                changes: OnceLock::new(),
                reads: OnceLock::new(),
            })
        });
        Attachment {
            hub: self.clone(),
            user,
            channel: channel.clone(),
        }
    }

    /// How many users have a channel.
    pub fn channels(&self) -> usize {
        self.0.channels.read().len()
    }
}

/// One holder of a user's channel; the channel goes with the last of them.
pub struct Attachment<T> {
    hub: Hub<T>,
    user: UserId,
    channel: Arc<Channel>,
}

impl<T> Attachment<T> {
    /// Entries from here on, and how far the log was told: what the receiver will not bring is part of that.
    pub fn log(&self) -> (LogReceiver, Arc<Stand>) {
        let receiver = self.channel.log.subscribe();
        (receiver, self.hub.stand())
    }

    /// Typing events from here on.
    pub fn typing(&self) -> broadcast::Receiver<Arc<TypingEvent>> {
        self.channel
            .typing
            .get_or_init(|| broadcast::Sender::new(TYPING_RING))
            .subscribe()
    }

    /// Changed conversations from here on.
    pub fn changes(&self) -> ConversationChanges {
        self.channel.changes.get_or_init(Arc::default).follow()
    }

    /// Who has read further, from here on.
    pub fn reads(&self) -> Reads {
        self.channel.reads.get_or_init(Arc::default).follow()
    }
}

impl<T> Drop for Attachment<T> {
    fn drop(&mut self) {
        let mut channels = self.hub.0.channels.write();
        let is_ours = channels
            .get(&self.user)
            .is_some_and(|channel| Arc::ptr_eq(channel, &self.channel));
        // Ours and the map's: attachments are only made under the lock that is held here.
        if is_ours && Arc::strong_count(&self.channel) <= 2 {
            channels.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests;

//! What readers lay over the documents: what follows from records that this process knows and that may not be followed
//! yet.
//!
//! A record comes in as soon as this process has written it or was given it, in the order of its lane, and stays until
//! the lane is known to be followed up to it. Who reads takes what is here *before* reading the documents: what is gone
//! from here by then stands there, and of what is in both the greater step decides.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use uuid::Uuid;

use super::news::{Due, News, Owed};
use crate::{
    cache::Cache,
    domain::{
        ConversationId, Entry, Happening, Lane, Message, MessageId, MessageState, Position,
        Progress, ReactionChange, Record, Step, UserId, log::LANES,
    },
};

/// Of how many conversations the members are remembered.
const KNOWN_MEMBERS: usize = 20_000;

/// How long they are, so that nothing wrong stays.
const MEMBERS_FOR: Duration = Duration::from_mins(1);

pub(super) struct Overlay {
    state: Mutex<State>,
    members: Cache<ConversationId, Members>,
}

/// Who belongs to a conversation.
#[derive(Clone)]
struct Members {
    /// The step that made it so.
    since: Step,
    users: Arc<[UserId]>,
}

#[derive(Default)]
struct State {
    lanes: [LaneState; LANES],
    news: HashMap<ConversationId, News>,
    messages: HashMap<MessageId, Changed>,
    /// Changes of messages' reactions, in the order of their steps.
    reactions: HashMap<MessageId, Vec<Reacted>>,
    /// What this process has written itself or was given by the log.
    told: Progress,
}

#[derive(Default)]
struct LaneState {
    /// In the lane, everything up to this number has come in, or is followed.
    known: i64,
    followed: i64,
    /// The records behind that.
    records: VecDeque<Arc<Owed>>,
}

/// A message's newest state.
#[derive(Clone)]
struct Changed {
    conversation_id: ConversationId,
    state: Arc<MessageState>,
    step: Step,
    position: Position,
}

/// A change of a message's reactions.
#[derive(Clone)]
pub(super) struct Reacted {
    pub(super) change: Arc<ReactionChange>,
    pub(super) step: Step,
    conversation_id: ConversationId,
    position: Position,
}

/// What is new of the messages of some conversations.
pub(super) struct Changes {
    messages: HashMap<MessageId, Changed>,
    /// The step of the newest change of a message's reactions.
    reacted: HashMap<MessageId, Step>,
}

impl Changes {
    /// Brings what was read of messages up to date.
    pub(super) fn amend<'a>(&self, messages: impl IntoIterator<Item = &'a mut Message>) {
        for message in messages {
            if let Some(changed) = self.messages.get(&message.id) {
                message.change(&changed.state, changed.step);
            }
            if let Some(step) = self.reacted.get(&message.id) {
                message.react(*step);
            }
        }
    }

    /// The same with messages as they were read with the entries that sent them.
    pub(super) fn amend_sent<'a>(&self, entries: impl IntoIterator<Item = &'a mut Entry>) {
        if self.messages.is_empty() && self.reacted.is_empty() {
            return;
        }
        for entry in entries {
            if let Happening::Sent(message) = &mut entry.what {
                self.amend([Arc::make_mut(message)]);
            }
        }
    }
}

impl State {
    fn is_followed(lanes: &[LaneState; LANES], position: Position) -> bool {
        position.number() <= lanes[position.lane().number()].followed
    }

    fn take(&mut self, record: &Record) {
        let position = record.position();
        let lane = &mut self.lanes[position.lane().number()];
        if position.number() <= lane.known {
            return;
        }
        lane.known = position.number();
        let owed = Arc::new(Owed::of(record));
        lane.records.push_back(Arc::clone(&owed));
        let Some((conversation_id, tail)) = owed.what.place() else {
            return;
        };
        self.news.entry(conversation_id).or_default().add(&owed);
        if let Due::MessageChanged {
            message_id,
            state: Some(state),
            ..
        } = &owed.what
        {
            let changed = Changed {
                conversation_id,
                state: Arc::clone(state),
                step: tail.step,
                position,
            };
            let known = self.messages.entry(*message_id).or_insert(changed.clone());
            if known.step < changed.step {
                *known = changed;
            }
        }
        if let Due::Reacted { change, .. } = &owed.what {
            let reacted = Reacted {
                change: Arc::clone(change),
                step: tail.step,
                conversation_id,
                position,
            };
            let of_message = self.reactions.entry(change.message_id).or_default();
            let place = of_message.partition_point(|known| known.step < reacted.step);
            of_message.insert(place, reacted);
        }
    }

    fn follow(&mut self, up_to: Position) {
        let lane = &mut self.lanes[up_to.lane().number()];
        let number = up_to.number();
        if number <= lane.followed {
            return;
        }
        lane.followed = number;
        lane.known = lane.known.max(number);
        loop {
            let records = &mut self.lanes[up_to.lane().number()].records;
            let Some(owed) = records.pop_front_if(|owed| owed.position <= up_to) else {
                return;
            };
            let lanes = &self.lanes;
            let is_followed = |position| Self::is_followed(lanes, position);
            if let Some((conversation_id, _)) = owed.what.place()
                && let Some(news) = self.news.get_mut(&conversation_id)
                && news.forget(is_followed)
            {
                self.news.remove(&conversation_id);
            }
            if let Due::MessageChanged { message_id, .. } = owed.what
                && self
                    .messages
                    .get(&message_id)
                    .is_some_and(|changed| is_followed(changed.position))
            {
                self.messages.remove(&message_id);
            }
            if let Due::Reacted { change, .. } = &owed.what
                && let hash_map::Entry::Occupied(mut known) =
                    self.reactions.entry(change.message_id)
            {
                known
                    .get_mut()
                    .retain(|reacted| !is_followed(reacted.position));
                if known.get().is_empty() {
                    known.remove();
                }
            }
        }
    }
}

impl Default for Overlay {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            members: Cache::new(KNOWN_MEMBERS).lasting(MEMBERS_FOR),
        }
    }
}

impl Overlay {
    /// Takes in records, each lane's in its order and joining what is known of it.
    pub(super) fn take<'a>(&self, records: impl IntoIterator<Item = &'a Record> + Clone) {
        for record in records.clone() {
            // Also of those that are followed already: the change itself is news here.
            if let Record::Entry(entry) = record
                && let Happening::ConversationChanged(state) = &entry.what
            {
                let users = state.members.iter().map(|member| member.user_id);
                self.remember_members(entry.conversation_id, entry.step, users);
            }
        }
        let mut state = self.state.lock();
        records.into_iter().for_each(|record| state.take(record));
    }

    /// A lane is followed up to here.
    pub(super) fn follow(&self, up_to: Position) {
        self.state.lock().follow(up_to);
    }

    /// The log was given up to here, lane by lane.
    pub(super) fn tell(&self, told: &Progress) {
        self.state.lock().told.join(told);
    }

    /// This process has written these positions of a lane, which follow each other.
    pub(super) fn tell_own(&self, first: Position, last: Position) {
        let mut state = self.state.lock();
        // What stands before them may be somebody else's, which is still to be given.
        if state.told.in_lane(first.lane()).next() >= first {
            state.told.advance(last);
        }
    }

    /// Whether all up to here was written by this process or given to it.
    pub(super) fn has_told(&self, progress: &Progress) -> bool {
        self.state.lock().told.includes(progress)
    }

    /// Where what has come in ends, lane by lane.
    pub(super) fn known(&self) -> Progress {
        let state = self.state.lock();
        Lane::all()
            .map(|lane| Position::at(lane, state.lanes[lane.number()].known))
            .collect()
    }

    /// The records of a lane that are not known to be followed, in order.
    pub(super) fn owed(&self, lane: Lane) -> Vec<Arc<Owed>> {
        let state = self.state.lock();
        state.lanes[lane.number()].records.iter().cloned().collect()
    }

    /// The same of those behind a position, at most so many.
    pub(super) fn owed_behind(&self, after: Position, limit: usize) -> Vec<Arc<Owed>> {
        let state = self.state.lock();
        let records = &state.lanes[after.lane().number()].records;
        let first = records.partition_point(|owed| owed.position <= after);
        records.range(first..).take(limit).cloned().collect()
    }

    /// The entries that say what became of these messages, as far as that is not known to be followed.
    pub(super) fn changes_told(&self, messages: &HashSet<MessageId>) -> Vec<Uuid> {
        let state = self.state.lock();
        let owed = state.lanes.iter().flat_map(|lane| &lane.records);
        let told = owed.filter_map(|owed| match &owed.what {
            Due::MessageChanged {
                message_id,
                entry_id,
                state: Some(_),
                ..
            } if messages.contains(message_id) => Some(*entry_id),
            _ => None,
        });
        told.collect()
    }

    /// How many records of a lane are not known to be followed.
    pub(super) fn owes(&self, lane: Lane) -> usize {
        self.state.lock().lanes[lane.number()].records.len()
    }

    /// What is new of those of `ids` of which something is.
    pub(super) fn news_of(&self, ids: &[ConversationId]) -> HashMap<ConversationId, News> {
        let state = self.state.lock();
        let news = |id: &ConversationId| Some((*id, state.news.get(id)?.clone()));
        ids.iter().filter_map(news).collect()
    }

    /// The conversations that are changed in a way that is new.
    pub(super) fn remade(&self) -> HashMap<ConversationId, News> {
        let state = self.state.lock();
        let remade = state.news.iter().filter(|(_, news)| news.remade.is_some());
        remade.map(|(id, news)| (*id, news.clone())).collect()
    }

    /// The conversations of which something is new.
    pub(super) fn moved(&self) -> Vec<ConversationId> {
        self.state.lock().news.keys().copied().collect()
    }

    /// What is new of a conversation's messages.
    pub(super) fn changes_in(&self, conversation: ConversationId) -> Changes {
        self.changes(|_, of| of == conversation)
    }

    /// What is new of those of `ids` of which something is.
    pub(super) fn changes_of(&self, ids: &[MessageId]) -> Changes {
        let state = self.state.lock();
        let changed = |id: &MessageId| Some((*id, state.messages.get(id)?.clone()));
        let reacted = |id: &MessageId| Some((*id, state.reactions.get(id)?.last()?.step));
        Changes {
            messages: ids.iter().filter_map(changed).collect(),
            reacted: ids.iter().filter_map(reacted).collect(),
        }
    }

    /// What is new of all messages.
    pub(super) fn all_changes(&self) -> Changes {
        self.changes(|_, _| true)
    }

    fn changes(&self, which: impl Fn(&MessageId, ConversationId) -> bool) -> Changes {
        let state = self.state.lock();
        let messages = state.messages.iter();
        let messages = messages.filter(|(id, changed)| which(id, changed.conversation_id));
        let reacted = state.reactions.iter();
        let reacted = reacted.filter_map(|(id, reacted)| {
            let last = reacted.last()?;
            which(id, last.conversation_id).then_some((*id, last.step))
        });
        Changes {
            messages: messages
                .map(|(id, changed)| (*id, changed.clone()))
                .collect(),
            reacted: reacted.collect(),
        }
    }

    /// What is new of the reactions to those of `ids` of which something is, in the order of steps.
    pub(super) fn reactions_to(&self, ids: &[MessageId]) -> Vec<Reacted> {
        let state = self.state.lock();
        let reacted = ids.iter().filter_map(|id| state.reactions.get(id));
        reacted.flatten().cloned().collect()
    }

    /// Remembers who belongs to a conversation since a step.
    pub(super) fn remember_members(
        &self,
        conversation: ConversationId,
        since: Step,
        users: impl Iterator<Item = UserId>,
    ) {
        let users = users.collect();
        let members = Members { since, users };
        let is_newer = |known: &Members| known.since > since;
        self.members.update(&conversation, members, is_newer);
    }

    /// Those of `ids` of which `user` is a member, and those of which nobody here knows.
    pub(super) fn sort_by_membership(
        &self,
        user: UserId,
        ids: &[ConversationId],
    ) -> (Vec<ConversationId>, Vec<ConversationId>) {
        let (mut own, mut unknown) = (Vec::new(), Vec::new());
        for id in ids {
            match self.members.get(id) {
                Some(members) if members.users.contains(&user) => own.push(*id),
                Some(_) => {}
                None => unknown.push(*id),
            }
        }
        (own, unknown)
    }
}

//! What the processes share: everything that was written, in the order in which it was, and what a reader sees of it who
//! has the first so many writes.

use std::collections::{HashMap, HashSet};

use chinwag::domain::{
    ClientMessageId, Conversation, ConversationActivity, ConversationId, ConversationKind, Entry,
    Happening, Lane, Message, MessageId, Pair, Position, Progress, Record, Seal, Seq, Stay, Tail,
    Unseen, UserId,
};

/// A write's number; what comes before it is older.
pub type Write = usize;

/// Why an entry cannot be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Clash {
    Place,
    Step,
    Client(Message),
}

/// All that was ever written.
#[derive(Clone, Default)]
pub struct SharedLog {
    writes: Write,
    /// So many writes are held by a majority: none of them is lost or unseen any more.
    committed: Write,
    lanes: HashMap<Lane, Vec<(Write, Record)>>,
    conversations: HashMap<ConversationId, (Write, Conversation)>,
    pairs: HashMap<Pair, ConversationId>,
    entries: HashMap<ConversationId, Vec<(Write, Entry)>>,
    clients: HashMap<(UserId, ClientMessageId), MessageId>,
    ids: HashSet<uuid::Uuid>,
    messages: HashMap<MessageId, ConversationId>,
}

impl SharedLog {
    /// How much there is.
    pub fn writes(&self) -> Write {
        self.writes
    }

    pub fn committed(&self) -> Write {
        self.committed
    }

    pub fn commit(&mut self, writes: Write) {
        self.committed = self.committed.max(writes);
    }

    fn next(&mut self) -> Write {
        self.writes += 1;
        self.writes
    }

    /// Where a lane ends, with the rank there.
    pub fn head(&self, lane: Lane) -> (Position, i64) {
        let last = self.lanes.get(&lane).and_then(|lane| lane.last());
        last.map_or((lane.start(), 0), |(_, record)| {
            (record.position(), record.rank())
        })
    }

    pub fn seal(&mut self, lane: Lane, rank: i64, mark: u32) -> Seal {
        let (last, last_rank) = self.head(lane);
        let seal = Seal {
            position: last.next(),
            rank: rank.max(last_rank + 1),
            mark,
        };
        let write = self.next();
        let lane = self.lanes.entry(lane).or_default();
        lane.push((write, Record::Seal(seal)));
        seal
    }

    pub fn add_conversation(&mut self, conversation: Conversation) {
        let write = self.next();
        if let Some(pair) = conversation.pair() {
            self.pairs.insert(pair, conversation.id);
        }
        self.conversations
            .insert(conversation.id, (write, conversation));
    }

    pub fn of_pair(&self, pair: Pair) -> Option<ConversationId> {
        self.pairs.get(&pair).copied()
    }

    /// The unique indexes.
    pub fn clashes(&self, entry: &Entry) -> Vec<Clash> {
        let mut clashes = Vec::new();
        if entry.position <= self.head(entry.position.lane()).0 {
            clashes.push(Clash::Place);
        }
        if entry.step <= self.tail(entry.conversation_id, self.writes).step {
            clashes.push(Clash::Step);
        }
        if let Some(earlier) = self.known(entry) {
            clashes.push(Clash::Client(earlier));
        }
        clashes
    }

    /// The message with the same client's id.
    pub fn known(&self, entry: &Entry) -> Option<Message> {
        let message = entry.message()?;
        let key = (message.sender_id, message.client_message_id.clone()?);
        self.message(*self.clients.get(&key)?, self.writes)
    }

    /// The message that its sender's client called so.
    pub fn message_called(
        &self,
        sender: UserId,
        called: &ClientMessageId,
        seen: Write,
    ) -> Option<Message> {
        let id = self.clients.get(&(sender, called.clone()))?;
        self.message(*id, seen)
    }

    /// Writes an entry that clashes with nothing; an error says which rule it breaks.
    pub fn write(&mut self, entry: Entry) -> Result<Write, String> {
        self.check(&entry)?;
        let write = self.next();
        if let Some(message) = entry.message() {
            self.messages.insert(message.id, entry.conversation_id);
            if let Some(id) = &message.client_message_id {
                self.clients
                    .insert((message.sender_id, id.clone()), message.id);
            }
        }
        self.ids.insert(entry.id);
        let entries = self.entries.entry(entry.conversation_id).or_default();
        entries.push((write, entry.clone()));
        let lane = self.lanes.entry(entry.position.lane()).or_default();
        lane.push((write, Record::Entry(entry)));
        Ok(write)
    }

    /// Each entry is made on the state after the step before it.
    fn check(&self, entry: &Entry) -> Result<(), String> {
        let demand = |kept: bool, rule: &str| {
            let broken = || format!("{rule}: {entry:?}");
            kept.then_some(()).ok_or_else(broken)
        };
        let tail = self.tail(entry.conversation_id, self.writes);
        let (head, head_rank) = self.head(entry.position.lane());
        demand(entry.position == head.next(), "a hole in a lane")?;
        demand(entry.step == tail.step + 1, "a hole between steps")?;
        demand(entry.before == tail.position, "another step before it")?;
        demand(entry.rank > head_rank.max(tail.rank), "a rank too low")?;
        demand(!self.ids.contains(&entry.id), "an entry written twice")?;
        let Some(conversation) = self.conversation(entry.conversation_id, self.writes) else {
            return Err(format!("no conversation: {entry:?}"));
        };
        let sent = entry.message();
        let seq = tail.seq + Seq::from(sent.is_some());
        demand(entry.seq == seq, "seq does not count messages")?;
        if let Some(message) = sent {
            demand(message.seq == seq, "a message with another seq")?;
            let member = conversation.has_member(message.sender_id);
            demand(member, "a message by who is no member")?;
            demand(tail.step > 0, "a message in what is not made")?;
        }
        Ok(())
    }

    fn entries_at(&self, id: ConversationId, seen: Write) -> &[(Write, Entry)] {
        let entries = self.entries.get(&id).map_or(&[][..], Vec::as_slice);
        &entries[..entries.partition_point(|(write, _)| *write <= seen)]
    }

    pub fn tail(&self, id: ConversationId, seen: Write) -> Tail {
        let last = self.entries_at(id, seen).last();
        last.map_or(Tail::NOTHING, |(_, entry)| entry.tail())
    }

    /// The entries of a conversation, by step.
    pub fn entries(&self, id: ConversationId, seen: Write) -> impl Iterator<Item = &Entry> {
        self.entries_at(id, seen).iter().map(|(_, entry)| entry)
    }

    pub fn ids(&self) -> impl Iterator<Item = ConversationId> + '_ {
        self.conversations.keys().copied()
    }

    pub fn conversation(&self, id: ConversationId, seen: Write) -> Option<Conversation> {
        let (made, conversation) = self.conversations.get(&id)?;
        let mut conversation = conversation.clone();
        for entry in self.entries(id, seen) {
            if let Happening::ConversationChanged(state) = &entry.what {
                conversation.change(state, entry.step);
            }
        }
        (*made <= seen).then_some(conversation)
    }

    pub fn messages(&self, id: ConversationId, seen: Write) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        for entry in self.entries(id, seen) {
            match &entry.what {
                Happening::Sent(message) => messages.push(Message::clone(message)),
                Happening::MessageChanged(change) => {
                    let changed = messages.iter_mut().find(|m| m.id == change.message_id);
                    if let (Some(message), Some(state)) = (changed, &change.state) {
                        message.change(state, entry.step);
                    }
                }
                Happening::Reacted(change) => {
                    let changed = messages.iter_mut().find(|m| m.id == change.message_id);
                    if let Some(message) = changed {
                        message.react(entry.step);
                    }
                }
                Happening::ConversationChanged(_) | Happening::Estranged(_) => {}
            }
        }
        messages
    }

    pub fn message(&self, id: MessageId, seen: Write) -> Option<Message> {
        let messages = self.messages(*self.messages.get(&id)?, seen);
        messages.into_iter().find(|message| message.id == id)
    }

    pub fn activity(&self, id: ConversationId, seen: Write) -> Option<ConversationActivity> {
        let conversation = self.conversation(id, seen)?;
        let mut activity = ConversationActivity {
            conversation_id: id,
            last_seq: 0,
            last_activity_at: conversation.created_at,
            rank: self.entries(id, seen).next().map_or(0, |entry| entry.rank),
        };
        for entry in self.entries(id, seen) {
            if let Some(message) = entry.message() {
                activity.last_seq = entry.seq;
                activity.last_activity_at = message.sent_at;
                activity.rank = entry.rank;
            }
        }
        Some(activity)
    }

    /// What of a conversation someone has not seen.
    pub fn unseen(
        &self,
        viewer: UserId,
        id: ConversationId,
        after: &Progress,
        seen: Write,
    ) -> Option<Unseen> {
        let mut unseen = Unseen {
            conversation_id: id,
            tail: Tail::NOTHING,
            stays: Vec::new(),
        };
        for entry in self.entries(id, seen) {
            let left = entry.departures().iter();
            for left in left.filter(|left| left.user_id == viewer) {
                if !after.covers(entry.position) {
                    unseen.tail = entry.tail();
                    unseen.stays.push(Stay {
                        from: left.since,
                        to: Some(entry.step),
                    });
                }
            }
        }
        let conversation = self.conversation(id, seen)?;
        let tail = self.tail(id, seen);
        if let Some(member) = conversation.member(viewer)
            && tail.step > 0
            && !after.covers(tail.position)
        {
            unseen.tail = tail;
            unseen.stays.push(Stay {
                from: member.since,
                to: None,
            });
        }
        (!unseen.stays.is_empty()).then_some(unseen)
    }

    /// The conversations of someone that show in lists.
    pub fn shown_to(
        &self,
        viewer: UserId,
        seen: Write,
    ) -> Vec<(Conversation, ConversationActivity)> {
        let all = self.ids().filter_map(|id| {
            let conversation = self.conversation(id, seen)?;
            Some((conversation, self.activity(id, seen)?))
        });
        let mut shown: Vec<_> = all
            .filter(|(conversation, activity)| {
                conversation.has_member(viewer)
                    && (activity.last_seq > 0 || conversation.kind == ConversationKind::Group)
            })
            .collect();
        shown.sort_by_key(|(conversation, activity)| {
            std::cmp::Reverse((activity.rank, conversation.id))
        });
        shown
    }

    /// What stands in a lane behind a position, each with its write.
    pub fn lane_after(
        &self,
        after: Position,
        seen: Write,
    ) -> impl Iterator<Item = &(Write, Record)> {
        let lane = self.lanes.get(&after.lane());
        let lane = lane.map_or(&[][..], Vec::as_slice);
        let first = lane.partition_point(|(_, record)| record.position() <= after);
        let end = lane.partition_point(|(write, _)| *write <= seen);
        lane[first..end.max(first)].iter()
    }

    pub fn heads(&self, seen: Write) -> Progress {
        let lanes = self.lanes.values().flatten();
        let seen = lanes.filter(|(write, _)| *write <= seen);
        seen.map(|(_, record)| record.position()).collect()
    }

    pub fn seals(&self, seen: Write) -> Vec<Seal> {
        let lanes = Lane::all().filter_map(|lane| self.lanes.get(&lane));
        let records = lanes.flatten().filter(|(write, _)| *write <= seen);
        let seals = records.filter_map(|(_, record)| match record {
            Record::Seal(seal) => Some(*seal),
            Record::Entry(_) => None,
        });
        seals.collect()
    }

    /// Loses what stands at a position, as no store should.
    pub fn lose(&mut self, position: Position) {
        for lane in self.lanes.values_mut() {
            lane.retain(|(_, record)| record.position() != position);
        }
        for entries in self.entries.values_mut() {
            entries.retain(|(_, entry)| entry.position != position);
        }
    }
}

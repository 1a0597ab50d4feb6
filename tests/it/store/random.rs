//! A log of everything that can happen, in memory and in a store.

use std::collections::HashMap;

use chinwag::domain::{
    Body, Conversation, ConversationId, Entry, Happening, Member, MemberRole, Message, MessageId,
    MessageState, NewEntry, Pair, Position, Progress, Seal, Tail, Timestamp, UserId,
};
use rand::{RngExt, rngs::StdRng};

use super::{
    add_direct, draft,
    writer::{Writer, changed, clock, sent, told},
};

/// Several conversations of several people, written in batches of random sizes.
pub struct RandomLog {
    pub writer: Writer,
    pub people: Vec<UserId>,
    /// As they are now. The last one stays silent.
    pub conversations: Vec<Conversation>,
    /// In the order in which they were written.
    pub entries: Vec<Entry>,
    /// As they are now, in the order in which they were sent.
    pub messages: Vec<Message>,
    tails: HashMap<ConversationId, Tail>,
}

impl RandomLog {
    /// Writes at least `size` entries.
    pub async fn write(writer: Writer, random: &mut StdRng, size: usize) -> Self {
        let people: Vec<UserId> = (0..4).map(|_| UserId::new()).collect();
        let mut conversations = Vec::new();
        for (number, a) in people.iter().enumerate() {
            for b in &people[number + 1..] {
                conversations.push(add_direct(&writer.store, *a, *b).await);
            }
        }
        let mut log = Self {
            writer,
            people,
            conversations,
            entries: Vec::new(),
            messages: Vec::new(),
            tails: HashMap::new(),
        };
        while log.entries.len() < size {
            log.write_some(random).await;
        }
        log
    }

    async fn write_some(&mut self, random: &mut StdRng) {
        let begun = self.entries.len();
        let mut pen = self.writer.pen();
        for _ in 0..random.random_range(1..=10) {
            let at = random.random_range(0..self.conversations.len() - 1);
            let new = match self.tails.get(&self.conversations[at].id) {
                None if random.random_range(0..3) == 0 => self.block(at),
                None => told(&self.conversations[at]),
                Some(_) => self.something(at, random),
            };
            let tail = self
                .tails
                .entry(new.conversation_id)
                .or_insert(Tail::NOTHING);
            let entry = pen.write(new, tail, clock());
            self.take_in(at, entry);
        }
        let batch = &self.entries[begun..];
        let appended = self.writer.append(batch).await;
        assert_eq!((appended.written, appended.stopped), (batch.len(), None));
    }

    /// One of two people blocks the other.
    fn block(&self, at: usize) -> NewEntry {
        let pair = Pair::new(self.people[0], self.people[1]);
        NewEntry {
            id: MessageId::new().0,
            conversation_id: self.conversations[at].id,
            what: Happening::Estranged(pair.expect("two people")),
        }
    }

    /// What happens next in a conversation.
    fn something(&self, at: usize, random: &mut StdRng) -> NewEntry {
        let conversation = &self.conversations[at];
        let said = self.of(conversation.id);
        match random.random_range(0..10) {
            0..2 if !said.is_empty() => {
                let message = &said[random.random_range(0..said.len())];
                let now = Some(Timestamp::now());
                let deleted = random.random_range(0..3) == 0;
                let text = if deleted { "" } else { "edited" };
                let state = MessageState {
                    body: Body::stored(text),
                    edited_at: if deleted { message.edited_at } else { now },
                    deleted_at: if deleted { now } else { None },
                    first: None,
                };
                changed(message, state)
            }
            2 => {
                let title = Some(format!("title {}", random.random_range(0..100)));
                told(&Conversation {
                    title,
                    ..conversation.clone()
                })
            }
            3 => {
                let mut other = conversation.clone();
                let user_id = self.people[random.random_range(0..self.people.len())];
                if !other.has_member(user_id) {
                    other.members.push(Member {
                        user_id,
                        role: [MemberRole::Owner, MemberRole::Member][random.random_range(0..2)],
                        joined_at: Timestamp::now(),
                        since: 0,
                    });
                } else if other.members.len() > 1 {
                    other.members.retain(|member| member.user_id != user_id);
                }
                told(&other)
            }
            4 => self.block(at),
            number => {
                let member = random.random_range(0..conversation.members.len());
                let sender = conversation.members[member].user_id;
                sent(draft(conversation.id, sender, &format!("{number}")))
            }
        }
    }

    fn take_in(&mut self, at: usize, entry: Entry) {
        match &entry.what {
            Happening::Sent(message) => self.messages.push((**message).clone()),
            Happening::MessageChanged(change) => {
                let mut messages = self.messages.iter_mut();
                let message = messages.find(|message| message.id == change.message_id);
                let state = change.state.as_ref().expect("is told");
                message.expect("was sent").change(state, entry.step);
            }
            Happening::Reacted(_) | Happening::Estranged(_) => {}
            Happening::ConversationChanged(state) => {
                self.conversations[at].change(state, entry.step);
            }
        }
        self.entries.push(entry);
    }

    /// What one conversation says, in its order.
    pub fn of(&self, conversation: ConversationId) -> Vec<Message> {
        let of = |message: &&Message| message.conversation_id == conversation;
        self.messages.iter().filter(of).cloned().collect()
    }

    /// Everything that happened in one conversation, in its order.
    pub fn in_conversation(&self, conversation: ConversationId) -> Vec<Entry> {
        let of = |entry: &&Entry| entry.conversation_id == conversation;
        self.entries.iter().filter(of).cloned().collect()
    }

    /// The seal of the term in which all was written.
    pub fn seal(&self) -> Seal {
        self.writer.seal
    }

    /// A reader who has had this much of the log.
    pub fn up_to(&self, number: i64) -> Progress {
        [Position::at(self.seal().position.lane(), number)]
            .into_iter()
            .collect()
    }

    /// The number of the last entry.
    pub fn end(&self) -> i64 {
        self.entries
            .last()
            .map_or(self.seal().position, |last| last.position)
            .number()
    }
}

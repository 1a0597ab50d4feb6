//! The log of everything that happens in conversations.
//!
//! What happens is an *entry*. Entries of one conversation are numbered by *step*: 1, 2, 3, … without holes, each made
//! on the state that the one before it left; a unique index on (conversation, step) is the only referee. Besides, each
//! entry has a *position*, its place in one of a few *lanes*: a lane is written by one process at a time, which counts
//! 1, 2, 3, … in it, so that writers do not wait for each other and everyone finds what is new by counting. A process
//! holds a lane for a *term*, which begins with a *seal*: whatever an earlier holder still had under way clashes there.
//! What a reader has had is a [`Progress`]: how far it is in each lane.

mod position;

use std::sync::Arc;

use uuid::Uuid;

pub use position::{LANES, Lane, Position, Progress};

use super::{
    Body, ConversationId, Emoji, Fingerprint, Member, Message, MessageId, Pair, Seq, Timestamp,
    UserId,
};

/// An entry's number in its conversation: 1, 2, 3, … without holes.
pub type Step = i64;

/// Greater than that of the entry before it in its lane, of the step before it, and of all that its writer had told
/// by then: entries sorted by rank keep the order of every lane and of every conversation. On MongoDB the writer's
/// clock in microseconds, where that is greater; in an embedded store the position's number.
pub type Rank = i64;

/// What stands at a position.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Seal(Seal),
    Entry(Entry),
}

impl Record {
    /// Where it stands.
    pub fn position(&self) -> Position {
        match self {
            Self::Seal(seal) => seal.position,
            Self::Entry(entry) => entry.position,
        }
    }

    /// Its rank.
    pub fn rank(&self) -> Rank {
        match self {
            Self::Seal(seal) => seal.rank,
            Self::Entry(entry) => entry.rank,
        }
    }
}

/// The beginning of a term: no earlier holder of the lane can write behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    pub position: Position,
    pub rank: Rank,
    /// Random, so that a log that was put back in time and went on differently is told from the one before.
    pub mark: u32,
}

/// Something that happened in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Names it for good; a sent message's is the message's own.
    pub id: Uuid,
    pub position: Position,
    pub rank: Rank,
    pub conversation_id: ConversationId,
    pub step: Step,
    /// Where the step before it stands; [`Position::START`] for the first.
    pub before: Position,
    /// Of the conversation's newest message, this entry's own included; 0 before the first.
    pub seq: Seq,
    pub what: Happening,
}

impl Entry {
    /// Where its conversation ends with it.
    pub fn tail(&self) -> Tail {
        Tail {
            step: self.step,
            seq: self.seq,
            position: self.position,
            rank: self.rank,
        }
    }

    /// The message, if one was sent.
    pub fn message(&self) -> Option<&Arc<Message>> {
        match &self.what {
            Happening::Sent(message) => Some(message),
            Happening::MessageChanged(_)
            | Happening::Reacted(_)
            | Happening::ConversationChanged(_)
            | Happening::Estranged(_) => None,
        }
    }

    /// The message that was changed, if one was.
    pub fn changed_message(&self) -> Option<MessageId> {
        match &self.what {
            Happening::MessageChanged(change) => Some(change.message_id),
            Happening::Reacted(change) => Some(change.message_id),
            Happening::Sent(_) | Happening::ConversationChanged(_) | Happening::Estranged(_) => {
                None
            }
        }
    }

    /// Who left with it.
    pub fn departures(&self) -> &[Departure] {
        match &self.what {
            Happening::ConversationChanged(state) => &state.departures,
            Happening::Sent(_)
            | Happening::MessageChanged(_)
            | Happening::Reacted(_)
            | Happening::Estranged(_) => &[],
        }
    }
}

/// What an entry tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A message was sent.
    Sent(Arc<Message>),
    /// A message was edited or deleted.
    MessageChanged(MessageChange),
    /// An emoji was put under a message, or taken away.
    Reacted(ReactionChange),
    /// A conversation was made, renamed, or has other members.
    ConversationChanged(ConversationState),
    /// One of two people blocked the other, which is told to nobody. Who has blocked whom is not kept here: this says
    /// that it is to be looked up again before anything else happens between the two.
    Estranged(Pair),
}

/// A change of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageChange {
    pub message_id: MessageId,
    /// What it is from then on. `None` once the message itself shows it: a body that is deleted later must not stay
    /// here.
    pub state: Option<MessageState>,
}

/// What of a message can change.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageState {
    pub body: Body,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// Of what was first sent, where its client gave it an id: a repeat has to be told from another message.
    pub first: Option<Fingerprint>,
}

/// An emoji that someone put under a message, or took away.
#[derive(Clone, Debug, PartialEq)]
pub struct ReactionChange {
    pub message_id: MessageId,
    pub user_id: UserId,
    pub emoji: Emoji,
    /// Whether it is there from then on.
    pub added: bool,
}

/// What of a conversation can change.
#[derive(Clone, Debug, PartialEq)]
pub struct ConversationState {
    pub title: Option<String>,
    pub members: Vec<Member>,
    /// Who was a member until then.
    pub departures: Vec<Departure>,
}

/// Someone who left a conversation, or was removed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    pub user_id: UserId,
    /// The step that had made it a member.
    pub since: Step,
}

/// A time during which somebody was a member of a conversation: from the step that began it to the one that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub from: Step,
    /// `None` when it goes on.
    pub to: Option<Step>,
}

impl Stay {
    /// Whether a step is part of it, the one that ended it included.
    pub fn holds(&self, step: Step) -> bool {
        self.from <= step && self.to.is_none_or(|to| step <= to)
    }
}

/// A conversation in which something happened that somebody has not seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    pub conversation_id: ConversationId,
    /// Where it ends; for one who is a member no more, where that ended.
    pub tail: Tail,
    /// When the viewer was a member, as far as it matters, in their order; never empty.
    pub stays: Vec<Stay>,
}

/// Where a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Of its newest entry; 0 before the first.
    pub step: Step,
    /// Of its newest message; 0 before the first.
    pub seq: Seq,
    pub position: Position,
    pub rank: Rank,
}

impl Tail {
    /// Of a conversation in which nothing has happened.
    pub const NOTHING: Self = Self {
        step: 0,
        seq: 0,
        position: Position::START,
        rank: 0,
    };
}

/// Steps of one conversation, from the first to the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub conversation_id: ConversationId,
    pub first: Step,
    pub last: Step,
}

/// Numbers what is about to be written in one lane.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    last: Position,
    rank: Rank,
}

impl Pen {
    /// Goes on behind `last`; everything that was told so far has at most `rank`.
    pub fn new(last: Position, rank: Rank) -> Self {
        Self { last, rank }
    }

    /// What is written from here on has a greater rank than this.
    pub fn rise(&mut self, rank: Rank) {
        self.rank = self.rank.max(rank);
    }

    /// The entry that is next in the lane and next in its conversation, which ends with it then. `now` is the clock as
    /// ranks count.
    pub fn write(&mut self, new: NewEntry, tail: &mut Tail, now: Rank) -> Entry {
        self.last = self.last.next();
        self.rank = now.max(self.rank + 1).max(tail.rank + 1);
        let mut entry = Entry {
            id: new.id,
            position: self.last,
            rank: self.rank,
            conversation_id: new.conversation_id,
            step: tail.step + 1,
            before: tail.position,
            seq: tail.seq,
            what: new.what,
        };
        match &mut entry.what {
            Happening::Sent(message) => {
                entry.seq += 1;
                Arc::make_mut(message).seq = entry.seq;
            }
            Happening::ConversationChanged(state) => {
                let new = state.members.iter_mut().filter(|member| member.since == 0);
                new.for_each(|member| member.since = entry.step);
            }
            Happening::MessageChanged(_) | Happening::Reacted(_) | Happening::Estranged(_) => {}
        }
        *tail = entry.tail();
        entry
    }
}

/// An entry that has no place yet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    pub id: Uuid,
    pub conversation_id: ConversationId,
    /// A message's `seq` is not known yet.
    pub what: Happening,
}

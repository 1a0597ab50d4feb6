//! Who talks with whom, and how far each has read.

use super::{ConversationId, ConversationState, Rank, Seq, Step, Timestamp, UserId};

/// A conversation and its members; what changes with each message is in [`ConversationActivity`].
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: ConversationKind,
    /// Of a group; `None` for a direct conversation.
    pub title: Option<String>,
    pub members: Vec<Member>,
    pub created_at: Timestamp,
    /// The step that made or changed it last; 0 when none has. What is of a lower step is older.
    pub changed: Step,
}

impl Conversation {
    /// What an entry tells of it when it is made or changed.
    pub fn state(&self) -> ConversationState {
        ConversationState {
            title: self.title.clone(),
            members: self.members.clone(),
        }
    }

    /// Takes over a state that the step `at` gave it, unless it is as new already.
    pub fn change(&mut self, state: &ConversationState, at: Step) {
        if at > self.changed {
            let ConversationState { title, members } = state.clone();
            self.title = title;
            self.members = members;
            self.changed = at;
        }
    }

    /// A direct conversation of two people, not stored yet.
    pub fn direct(pair: Pair, created_at: Timestamp) -> Self {
        let member = |user_id| Member {
            user_id,
            role: MemberRole::Member,
            joined_at: created_at,
        };
        Self {
            id: ConversationId::new(),
            kind: ConversationKind::Direct,
            title: None,
            members: vec![member(pair.low()), member(pair.high())],
            created_at,
            changed: 0,
        }
    }

    /// Whether `user` is a member.
    pub fn has_member(&self, user: UserId) -> bool {
        self.members.iter().any(|member| member.user_id == user)
    }

    /// The other person of a direct conversation, as `viewer` sees it.
    pub fn peer_of(&self, viewer: UserId) -> Option<UserId> {
        match self.kind {
            ConversationKind::Direct => self
                .members
                .iter()
                .map(|member| member.user_id)
                .find(|id| *id != viewer),
            ConversationKind::Group => None,
        }
    }

    /// The two people of a direct conversation.
    pub fn pair(&self) -> Option<Pair> {
        match (self.kind, self.members.as_slice()) {
            (ConversationKind::Direct, [a, b]) => Pair::new(a.user_id, b.user_id),
            _ => None,
        }
    }
}

/// Direct conversations are between two people and exist once for a pair; groups have a title and an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    Direct,
    Group,
}

/// A person's part in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub user_id: UserId,
    pub role: MemberRole,
    pub joined_at: Timestamp,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    Owner,
    Member,
}

/// Two different users, in one order whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair(UserId, UserId);

impl Pair {
    /// `None` when both are the same person.
    pub fn new(a: UserId, b: UserId) -> Option<Self> {
        (a != b).then(|| Self(a.min(b), a.max(b)))
    }

    /// The smaller id.
    pub fn low(self) -> UserId {
        self.0
    }

    /// The greater id.
    pub fn high(self) -> UserId {
        self.1
    }
}

/// How a client names a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConversationRef {
    /// The direct conversation with this user, which the first message starts.
    User(UserId),
    /// By its id.
    Conversation(ConversationId),
}

/// What follows from a conversation's messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConversationActivity {
    pub conversation_id: ConversationId,
    /// Of the newest message; 0 before the first.
    pub last_seq: Seq,
    /// When the newest message was sent, or the conversation was created.
    pub last_activity_at: Timestamp,
    /// Of the newest message, or of the entry with which the conversation was made; lists are ordered by it.
    pub rank: Rank,
}

impl ConversationActivity {
    /// How many messages by others somebody has not read. Sending reads, so that one's own messages are never behind
    /// one's mark. The marks are to be read after this: those read before could be behind a message sent meanwhile.
    pub fn unread(&self, by: UserId, marks: &[ReadMark]) -> i32 {
        let mark = marks.iter().find(|mark| mark.user_id == by);
        let unread = self.last_seq - mark.map_or(0, |mark| mark.seq);
        i32::try_from(unread.max(0)).unwrap_or(i32::MAX)
    }
}

/// How far a member has read: everything up to `seq`, 0 when nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadMark {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub seq: Seq,
}

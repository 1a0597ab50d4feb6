//! Who talks with whom, and how far each has read.

use super::{
    ConversationId, ConversationState, Departure, Rank, Seq, Stay, Step, Timestamp, UserId,
};
use crate::error::{Error, Result};

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
            departures: Vec::new(),
        }
    }

    /// What an entry tells when someone is a member no more. The owner's office goes to who joined first of those who
    /// remain.
    pub fn without(&self, user: UserId) -> ConversationState {
        let mut state = self.state();
        let gone = state
            .members
            .extract_if(.., |member| member.user_id == user);
        let gone = gone.collect::<Vec<_>>();
        let was_owner = gone.iter().any(|member| member.role == MemberRole::Owner);
        if let (true, Some(heir)) = (was_owner, state.members.first_mut()) {
            heir.role = MemberRole::Owner;
        }
        let departure = |member: Member| Departure {
            user_id: member.user_id,
            since: member.since,
        };
        state.departures = gone.into_iter().map(departure).collect();
        state
    }

    /// What an entry tells when others become members, in this order.
    pub fn with(&self, users: &[UserId], at: Timestamp) -> ConversationState {
        let mut state = self.state();
        let joining = users.iter().map(|user| Member::joining(*user, at));
        state.members.extend(joining);
        state
    }

    /// Takes over a state that the step `at` gave it, unless it is as new already.
    pub fn change(&mut self, state: &ConversationState, at: Step) {
        if at > self.changed {
            let ConversationState { title, members, .. } = state.clone();
            self.title = title;
            self.members = members;
            self.changed = at;
        }
    }

    /// A direct conversation of two people, not stored yet.
    pub fn direct(pair: Pair, created_at: Timestamp) -> Self {
        let member = |user| Member::joining(user, created_at);
        Self {
            id: ConversationId::new(),
            kind: ConversationKind::Direct,
            title: None,
            members: vec![member(pair.low()), member(pair.high())],
            created_at,
            changed: 0,
        }
    }

    /// A group of its owner and others, in this order, not stored yet.
    pub fn group(
        owner: UserId,
        others: &[UserId],
        title: &GroupTitle,
        created_at: Timestamp,
    ) -> Self {
        let mut members = vec![Member::joining(owner, created_at)];
        members[0].role = MemberRole::Owner;
        members.extend(others.iter().map(|user| Member::joining(*user, created_at)));
        Self {
            id: ConversationId::new(),
            kind: ConversationKind::Group,
            title: Some(title.as_str().to_owned()),
            members,
            created_at,
            changed: 0,
        }
    }

    /// It with the members that it had at an earlier step, where `departures` are those of later ones.
    pub fn as_of(&self, step: Step, departures: &[(UserId, Stay)]) -> Self {
        let mut then = self.clone();
        then.members.retain(|member| member.since <= step);
        let left = departures.iter().filter(|(_, stay)| stay.from <= step);
        then.members.extend(left.map(|(user_id, stay)| Member {
            since: stay.from,
            ..Member::joining(*user_id, self.created_at)
        }));
        // The entry of this step, if it changes the conversation, has yet to.
        then.changed = step - 1;
        then
    }

    /// Someone's part in it.
    pub fn member(&self, user: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user_id == user)
    }

    /// Whether `user` is a member.
    pub fn has_member(&self, user: UserId) -> bool {
        self.member(user).is_some()
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
    /// The step that made it a member; 0 before that is known, and of those who were members before steps were counted.
    pub since: Step,
}

impl Member {
    /// Someone who joins, in no office.
    pub fn joining(user_id: UserId, joined_at: Timestamp) -> Self {
        Self {
            user_id,
            role: MemberRole::Member,
            joined_at,
            since: 0,
        }
    }
}

/// What a group is called: 1 to 100 characters, not only white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTitle(String);

impl GroupTitle {
    /// Checks a text from a client; `field` is the argument's path.
    ///
    /// # Errors
    /// Bad input.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::bad_input(field, "A group needs a title."));
        }
        if text.chars().count() > 100 {
            let rule = "A group's title has at most 100 characters.";
            return Err(Error::bad_input(field, rule));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    Owner,
    Member,
}

/// Two different users, in one order whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

    /// Both ids, the smaller first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(self.0.0.as_bytes());
        bytes[16..].copy_from_slice(self.1.0.as_bytes());
        bytes
    }

    /// The pair of these bytes; `None` when they are no such.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (low, high) = bytes.split_at_checked(16)?;
        let id = |bytes| uuid::Uuid::from_slice(bytes).ok().map(UserId);
        Self::new(id(low)?, id(high)?)
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
    /// Of a conversation without any message.
    pub fn none(conversation: &Conversation) -> Self {
        Self {
            conversation_id: conversation.id,
            last_seq: 0,
            last_activity_at: conversation.created_at,
            rank: 0,
        }
    }

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

/// Orders the moves of read marks: one that moved later has a greater one. What it counts is the store's affair.
pub type Stamp = i64;

/// A read mark that was moved by reading, in its newest state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MovedMark {
    pub mark: ReadMark,
    pub stamp: Stamp,
}

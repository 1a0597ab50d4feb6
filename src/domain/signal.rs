//! What processes on one store tell each other in passing. None of it is the truth, which is in the store: it says
//! where to look, or what is so at this moment and need not last.

use uuid::Uuid;

use super::{ConversationId, Pair, Position, Rank, SessionId, Timestamp, UserId};

/// One process among those on a store, for as long as it is not taken for dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub Uuid);

/// What one process tells the others. Each can come twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// The log goes up to here, with this rank. What was written since the last such signal concerns these people; `None`
    /// says that it may concern everyone.
    Wrote {
        up_to: Position,
        rank: Rank,
        concerns: Option<Vec<UserId>>,
    },
    /// Read marks have moved.
    Read,
    /// Someone is typing, or no longer.
    Typing {
        conversation_id: ConversationId,
        user_id: UserId,
        typing: bool,
    },
    /// About so many sockets of someone's are open at the process that tells it. With none, the last one closed then.
    Sockets {
        user_id: UserId,
        count: u32,
        closed_at: Timestamp,
    },
    /// A process is there no more, since then, nor any socket of its.
    Gone(ProcessId, Timestamp),
    /// A session was ended.
    SessionEnded(SessionId),
    /// One of two people has blocked the other, or no longer.
    Apart(Pair),
    /// A profile was changed, or its account deleted.
    ProfileChanged(UserId),
    /// So much was done of what is limited in rate.
    Spent(Spent),
    /// More than could be told: whatever is kept in memory may be out of date.
    Everything,
}

/// What someone did of something that is limited in rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spent {
    pub limit: RateLimit,
    /// Whose: a user's id, or what stands for an address or a name and cannot be read.
    pub key: u128,
    pub times: u32,
}

/// What is limited in rate, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateLimit {
    LoginFromAddress,
    LoginOfUsername,
    SignupFromAddress,
    SignupOfUsername,
    PasswordOfUser,
    SendOfUser,
}

impl RateLimit {
    /// All of them, each in the place that stands for it among processes.
    pub const ALL: [Self; 6] = [
        Self::LoginFromAddress,
        Self::LoginOfUsername,
        Self::SignupFromAddress,
        Self::SignupOfUsername,
        Self::PasswordOfUser,
        Self::SendOfUser,
    ];
}

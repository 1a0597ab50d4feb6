//! What is remembered: one trait a topic, summed into [`Store`], with two implementations that one suite holds to
//! the same contract.
//!
//! Four rules hold for every method of both:
//! - **Durable means durable.** What a method says it wrote survives the loss of the process (embedded: synced to
//!   disk; MongoDB: acknowledged by a majority, journaled).
//! - **Read your writes.** Once a write has returned, every later read through the same store shows it; and once
//!   [`Log::log_after`] has given an entry, every later read shows it and what follows from it, whoever wrote it.
//! - **Typed values only.** No client's text reaches a query as anything but a bound scalar.
//! - **Bounded time.** A store that does not answer gives [`Error::Unavailable`] within
//!   [`StoreLimits::operation`], never a hang; the next call after its return works again by itself.

pub mod embedded;
mod log;
pub mod mongo;
mod signal;
mod transfer;
mod vitals;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    domain::{
        ClientMessageId, Conversation, ConversationActivity, ConversationId, Message, MessageId,
        MovedMark, Page, Pair, ProcessId, ProfileChange, Rank, Reactor, ReadMark, Seq, Session,
        SessionId, Stamp, Stay, Step, Timestamp, User, UserId, Window,
    },
    error::{Error, Result},
};

pub use log::{Appended, Call, Log, SEALS, Stopped};
pub use signal::{Heard, Signals};
pub use transfer::Transfer;
pub use vitals::{CallEnd, Queue, Vitals};

/// The store, whichever it is, with what moves it elsewhere.
pub type WholeStore = Arc<dyn Whole>;

/// The store, whichever it is.
pub type DynStore = Arc<dyn Store>;

/// Names some traits as one.
macro_rules! summed {
    ($(#[$doc:meta])* $name:ident: $first:ident $(+ $more:ident)*) => {
        $(#[$doc])*
        pub trait $name: $first $(+ $more)* {}

        impl<T: $first $(+ $more)*> $name for T {}
    };
}

summed! {
    /// Everything the app remembers.
    Store: Users
        + Blocks
        + Sessions
        + Conversations
        + Marks
        + Log
        + Messages
        + Search
        + Presence
        + Signals
        + Upkeep
}

summed! {
    /// Everything that a store can do.
    Whole: Store + Transfer
}

/// Times that bound a store's work; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// How long one method may take before it gives [`Error::Unavailable`].
    pub operation: Duration,
    /// How long opening may take before the start is given up.
    pub open: Duration,
    /// How long a process may be silent before its users are taken offline.
    pub lease: Duration,
    /// How often the embedded store folds its log into its database.
    pub checkpoint: Duration,
    /// How long a look that found no other process on the same MongoDB holds. A process that finds others at its start
    /// lets twice as long pass before it writes, so that none of them still takes itself for alone.
    pub alone: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            operation: Duration::from_secs(8),
            open: Duration::from_secs(10),
            lease: Duration::from_secs(20),
            checkpoint: Duration::from_secs(5),
            alone: Duration::from_secs(1),
        }
    }
}

/// Told of each call to the engine below: what it was (a fixed name, never a client's) and how it ended.
pub type Observer = Arc<dyn Fn(&'static str, CallEnd) + Send + Sync>;

/// Why a store could not be opened: one line for the person who starts the server, without any secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

impl OpenError {
    /// From anything that can be shown; line breaks become spaces.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(
            reason
                .to_string()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
        )
    }
}

/// People and their passwords' hashes.
#[async_trait]
pub trait Users: Send + Sync {
    /// Adds a user; false when the username's key is taken. A unique index decides races.
    async fn create_user(&self, user: &User, password_hash: &str) -> Result<bool>;

    /// The user with this username key (see [`crate::domain::Username::key`]) and the password's hash; `None` for a
    /// deleted account.
    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>>;

    /// Whether a username key is taken. That of a deleted account is.
    async fn is_taken(&self, username_key: &str) -> Result<bool>;

    /// The hash of a user's password; `None` for a deleted account and for none at all.
    async fn password_hash(&self, user: UserId) -> Result<Option<String>>;

    /// Puts another hash in place of `old`; false when it is not there any more, so that of two changes that were
    /// checked against one password only the first is made.
    async fn change_password(&self, user: UserId, old: &str, new: &str) -> Result<bool>;

    /// Changes what others see of a user, with what lists and searches find it by, and gives the user as it is then;
    /// `None` for a deleted account and for none at all.
    async fn change_profile(&self, user: UserId, change: &ProfileChange) -> Result<Option<User>>;

    /// Deletes an account whose password has this hash; false when there is none. Kept are the id, the two instants and
    /// the username key, which stays taken; the user is found by id alone. What it blocked, and who blocked it, is
    /// forgotten. It counts as leaving until [`Users::has_left`].
    async fn delete_user(&self, user: UserId, hash: &str, at: Timestamp) -> Result<bool>;

    /// Deleted accounts that may still be in groups, or come into one; in any order.
    async fn leaving(&self) -> Result<Vec<UserId>>;

    /// Takes note that a deleted account is in no group and comes into none any more.
    async fn has_left(&self, user: UserId) -> Result<()>;

    /// How many there are.
    async fn count_users(&self) -> Result<u64>;

    /// Those of `ids` that exist, in any order.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>>;

    /// Everyone with an account but `viewer`, ordered by ([`User::sort_key`], id), after `after` in that order, at most `limit`.
    /// With `search` (lower case, not empty): only those of whom one of [`User::search_keys`] starts with it.
    async fn sidebar_users(
        &self,
        viewer: UserId,
        search: Option<&str>,
        after: Option<&(String, UserId)>,
        limit: usize,
    ) -> Result<Vec<User>>;
}

/// A block as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptBlock {
    /// When it was made. Tells it from one that is made when this was taken back.
    pub at: Timestamp,
    /// Whether the log is known to tell of it.
    pub told: bool,
}

/// Who has blocked whom.
#[async_trait]
pub trait Blocks: Send + Sync {
    /// Remembers a block, made at `at`, and gives what is kept of it: when it was there already, that stays.
    async fn block(&self, blocker: UserId, blocked: UserId, at: Timestamp) -> Result<KeptBlock>;

    /// Takes note that the log tells of a block, if it is still the one that [`Blocks::block`] gave.
    async fn block_is_told(&self, blocker: UserId, blocked: UserId, block: KeptBlock)
    -> Result<()>;

    /// Forgets a block; false when there was none.
    async fn unblock(&self, blocker: UserId, blocked: UserId) -> Result<bool>;

    /// Whom a user has blocked, the latest first, at most `limit`.
    async fn blocked_by(&self, blocker: UserId, limit: usize) -> Result<Vec<UserId>>;

    /// Everyone whom a user has blocked or by whom it was blocked, in any order.
    async fn estranged_from(&self, user: UserId) -> Result<Vec<UserId>>;

    /// Pairs of which one has blocked the other and one is of `users`; in any order.
    async fn estranged_pairs(&self, users: &[UserId]) -> Result<Vec<Pair>>;
}

/// Sign-ins.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Remembers a sign-in.
    async fn create_session(&self, session: &Session) -> Result<()>;

    /// Those of `ids` that were not ended and have not expired; in any order.
    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>>;

    /// A session that was not ended and has not expired.
    async fn session(&self, id: SessionId) -> Result<Option<Session>>;

    /// Ends one for good; true when it was live.
    async fn end_session(&self, id: SessionId) -> Result<bool>;

    /// Ends all of a user's but `keep` for good and names those that were live.
    async fn end_sessions_of(
        &self,
        user: UserId,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>>;

    /// A user's sessions that were not ended and have not expired, the newest first, at most `limit`.
    async fn sessions_of(&self, user: UserId, limit: usize) -> Result<Vec<Session>>;

    /// Remembers that those of `ids` that exist were used then, unless they were used later already.
    async fn note_use(&self, ids: &[SessionId], at: Timestamp) -> Result<()>;

    /// Sessions that *other* processes on the same store ended in the last half minute or more; the same one may
    /// be named many times. Empty where there can be no other process.
    async fn sessions_ended_elsewhere(&self) -> Result<Vec<SessionId>>;
}

/// Conversations and their members.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Adds a direct conversation, or gives the one that its pair already has. A unique index decides races.
    /// It stays out of [`Conversations::conversations_of`] until its first message.
    async fn create_direct(&self, conversation: &Conversation) -> Result<Conversation>;

    /// Adds a group. It stays out of [`Conversations::conversations_of`] until the entry with which it is made.
    async fn create_group(&self, conversation: &Conversation) -> Result<()>;

    /// Those of `pairs` that have a direct conversation, also one without a message yet; in any order.
    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>>;

    /// Those of `ids` that exist, with members in the order in which they joined; in any order.
    async fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>>;

    /// The viewer's conversations, ordered by (rank of the activity, id) downwards, after `after` in that order, at most
    /// `limit`. A direct conversation without a message is left out. Conversations that are active at this very moment
    /// may change place between two calls; none that stays quiet is skipped or repeated.
    async fn conversations_of(
        &self,
        viewer: UserId,
        after: Option<(Rank, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Conversation, ConversationActivity)>>;

    /// Who left a conversation behind a step, each time with when it was a member; in any order.
    async fn departures(&self, id: ConversationId, after: Step) -> Result<Vec<(UserId, Stay)>>;

    /// What follows from the messages of those of `ids` that exist; in any order.
    async fn activities(&self, ids: &[ConversationId]) -> Result<Vec<ConversationActivity>>;
}

/// How far members have read.
#[async_trait]
pub trait Marks: Send + Sync {
    /// The read marks of every member of those of `ids` that exist; in any order. A member's mark is at least the
    /// seq of its own newest message, as sending reads.
    async fn read_marks(&self, ids: &[ConversationId]) -> Result<Vec<ReadMark>>;

    /// Marks that members moved by reading behind a stamp, in the order of their stamps (or only those in a viewer's
    /// conversations), and from which stamp on to ask next. Where a mark may show later than one with a greater stamp,
    /// those are given again that are up to `late` older; who asks again and again knows them. About `limit` of them at
    /// most; where there may be more, the stamp is that of the last, behind which they go on.
    async fn moved_marks(
        &self,
        viewer: Option<UserId>,
        after: Stamp,
        late: Duration,
        limit: usize,
    ) -> Result<(Vec<MovedMark>, Stamp)>;

    /// How much lower the stamp of a mark that shows so `late` is than of one that shows when it should; 0 where all show
    /// in the order of their stamps.
    fn stamps_late(&self, late: Duration) -> Stamp;

    /// Up to which stamp marks have moved by now.
    async fn newest_stamp(&self) -> Result<Stamp>;

    /// Moves a member's mark forward to `seq`, never back, as it was read; true when it moved.
    async fn mark_read(&self, conversation: ConversationId, user: UserId, seq: Seq)
    -> Result<bool>;
}

/// Messages in their newest state.
#[async_trait]
pub trait Messages: Send + Sync {
    /// A part of a conversation's history, in the order of seq, with exact `has_previous` and `has_next`. Every
    /// page costs the same, wherever it lies.
    async fn history(
        &self,
        conversation: ConversationId,
        window: &Window<Seq>,
    ) -> Result<Page<Message>>;

    /// Those of `ids` that exist, in any order.
    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>>;

    /// What is under those of `ids` that exist and are not deleted, in any order.
    async fn reactors(&self, ids: &[MessageId]) -> Result<Vec<Reactor>>;

    /// The message that its sender's client called so.
    async fn message_called(
        &self,
        sender: UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>>;

    /// Those of the places that hold a message, in any order.
    async fn messages_at(&self, places: &[(ConversationId, Seq)]) -> Result<Vec<Message>>;
}

/// Where the index of [`crate::search`] is kept, and where its searches look.
#[async_trait]
pub trait Search: Send + Sync {
    /// All conversations of which a user is a member, also those in which nothing was said yet; in any order.
    async fn conversations_with(&self, member: UserId) -> Result<Vec<ConversationId>>;

    /// The catalogue and its number; 0 and nothing before the first.
    async fn catalogue(&self) -> Result<(i64, String)>;

    /// Puts a catalogue in the place of the one with this number, whose number is one greater then; false when that is
    /// not there any more. Of several at once one succeeds.
    async fn replace_catalogue(&self, number: i64, text: &str) -> Result<bool>;

    /// Keeps parts under numbers that are not taken. All are there once this has returned; when it fails, some may be.
    async fn add_parts(&self, parts: &[(i64, Bytes)]) -> Result<()>;

    /// Those of the parts that are there; in any order.
    async fn parts(&self, numbers: &[i64]) -> Result<Vec<(i64, Bytes)>>;

    /// The least number behind another one under which there is a part.
    async fn part_behind(&self, number: i64) -> Result<Option<i64>>;

    /// Removes some of the parts from one number on up to before another; whether there may be more.
    async fn remove_parts(&self, first: i64, end: i64) -> Result<bool>;
}

/// Who is online, and when people were last online. Who is online *now* is known by those who hold the sockets; the
/// store keeps it for other processes that begin, and to say when a crashed process's users were last seen.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Remembers that this process has these users online.
    async fn record_online(&self, users: &[UserId]) -> Result<()>;

    /// Remembers when these users' last sockets closed, and that this process has them online no more.
    async fn record_offline(&self, users: &[(UserId, Timestamp)]) -> Result<()>;

    /// When those of `ids` who were ever online were last seen; in any order.
    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Timestamp)>>;

    /// Renews this process's lease, and gives the users of processes whose lease ran out the time of its last
    /// renewal as `last_seen`. Opening the embedded store does the second part at once: there is no other process.
    async fn renew_lease(&self) -> Result<Lease>;

    /// By what name others know this process by now; `None` where there can be no others.
    fn name(&self) -> Option<ProcessId>;

    /// Who is online at which *other* process; in any order.
    async fn online_elsewhere(&self) -> Result<Vec<(ProcessId, UserId)>>;
}

/// What renewing the lease showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease {
    /// The other processes that live.
    pub others: Vec<ProcessId>,
    /// Those whose lease ran out, with their last renewal.
    pub buried: Vec<(ProcessId, Timestamp)>,
    /// As whom the others know this process. It is another one once it was taken for dead, when the others have forgotten
    /// what it signalled.
    pub name: ProcessId,
}

/// What keeps a store going.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Gives the kept signing secret, keeping `fresh` when there is none yet. All processes get the same one.
    async fn signing_secret(&self, fresh: &str) -> Result<String>;

    /// Whether other processes may write to it at the same time.
    fn is_shared(&self) -> bool;

    /// Where everything is kept, for people: the folder, or the address without any secret.
    fn place(&self) -> &str;

    /// Whether the store answers.
    async fn ping(&self) -> Result<()>;

    /// How it stands, without asking the engine below. May look at files, and block for that.
    fn vitals(&self) -> Vitals;

    /// Writes what is still owed, forgets what has expired.
    async fn tidy(&self) -> Result<()>;

    /// Completes with a line that says why, when the store can no longer work at all; never otherwise.
    async fn failed(&self) -> String;

    /// Writes what is still owed and lets go of files and connections; no other call may follow.
    async fn close(&self);
}

/// The error for a store that did what it must not.
pub(crate) fn broken(what: impl fmt::Display) -> Error {
    Error::Internal(format!("store: {what}"))
}

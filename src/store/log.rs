//! The log: what is appended, what is read of it, and how an append ends.

use async_trait::async_trait;

use crate::{
    domain::{
        ConversationId, Entry, Lane, Message, Progress, Record, Seal, Stretch, Tail, Unseen, UserId,
    },
    error::Result,
};

/// The log of everything that happens in conversations; see [`crate::domain::log`].
#[async_trait]
pub trait Log: Send + Sync {
    /// Begins a term: writes a seal behind everything that stands in a lane which no living process holds, and holds
    /// it. `over` is the lane of a term of this process that has come to its end, by a clash or because nobody knows
    /// what became of a write: once this has returned, what that lane holds of the term is all that it will ever hold,
    /// and [`Log::log_after`] shows it. It is sealed again and goes on where no other process has it by now.
    ///
    /// # Errors
    /// [`Unavailable`](super::Error::Unavailable) when it could not be done in time; another call takes it up again.
    /// Anything else is a reason not to go on: every lane is held by a living process, say.
    async fn begin_term(&self, over: Option<Lane>) -> Result<Seal>;

    /// Writes entries in this order as one ordered write, and what follows from them. They are of one lane and follow
    /// each other and what this process wrote there before without a hole; each one's step follows the one before it of
    /// its conversation. One call at a time for each lane.
    ///
    /// # Errors
    /// Whatever it is, nobody knows which of them are written, or still will be, until [`Log::begin_term`] returns.
    async fn append(&self, entries: &[Entry]) -> Result<Appended>;

    /// What stands behind `after` in all lanes, each lane in its order without a hole that is not one of the log's own;
    /// of each lane at most `limit`, in a read that began after the call. A lane of which less than `limit` comes has
    /// no more.
    async fn log_after(&self, after: &Progress, limit: usize) -> Result<Vec<Record>>;

    /// Where all lanes end, in a read that began after the call.
    async fn heads(&self) -> Result<Progress>;

    /// The seals, lane by lane in their order; of a lane with very many only the newest [`SEALS`].
    async fn seals(&self) -> Result<Vec<Seal>>;

    /// Where conversations end; nothing of those in which nothing has happened. In any order.
    async fn tails(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Tail)>>;

    /// The conversations (or only `conversation`) in which something has happened while the viewer was a member that
    /// `after` does not cover. In any order.
    async fn unseen(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
    ) -> Result<Vec<Unseen>>;

    /// The entries of stretches that are there, each stretch in the order of steps; a message as it was or as it is.
    async fn entries(&self, stretches: &[Stretch]) -> Result<Vec<Entry>>;

    /// Whether [`Log::log_after`] or [`Log::append`] has given everything that is in the log, as no other process can
    /// write: then nothing has to be read to know what is new.
    fn is_alone(&self) -> bool;

    /// Tells other processes in which conversations this one loses the race for the next step again and again; none is
    /// the end of it.
    async fn call_for_turns(&self, conversations: &[ConversationId]) -> Result<()>;

    /// In which conversations other processes call for a turn, each call with the number that tells it from the next.
    async fn called_for(&self) -> Result<Vec<(ConversationId, Call)>>;
}

/// How many seals of a lane [`Log::seals`] gives at most.
pub const SEALS: usize = 1_000;

/// Tells one call for a turn from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call(pub uuid::Uuid, pub i64);

/// How an append ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Appended {
    /// So many are written, from the first on, for good; of the others none is, nor will be.
    pub written: usize,
    /// Why the others are not; `None` when there are none.
    pub stopped: Option<Stopped>,
}

/// Why an append did not write the entry behind the last that is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Stopped {
    /// Its sender has used the client message id before. Of the entries that are not written, those of which this is
    /// so, by their number in the call, with the earlier message; at least the first of them.
    Known(Vec<(usize, Message)>),
    /// Its conversation has this step already, from someone else.
    Lost,
    /// Its place in the lane is taken: the term is over.
    Over,
}

//! How messages come into the log.
//!
//! All messages of the database are one log: `position` is 1, 2, 3, … over all of them and `seq` the same in each
//! conversation. A process offers position n + 1 only when it knows that n is written, in one ordered insert of
//! many at a time, and unique indexes are the referee: of processes that offer the same position one wins, and the
//! others read what it wrote and offer again behind it. So a late insert, one whose outcome nobody waited for, can
//! still come into the log at its place, or not at all, but never out of order, and never twice.

use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use mongodb::bson::{RawDocumentBuf, doc};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::{Inner, MongoStore, document, document::Fields, error, message, turns::Turns, until};
use crate::{
    domain::{ConversationId, Draft, Message, Position, Seq},
    error::{Error, Result},
};

/// How many messages one read of the log takes.
const READ: usize = 1_000;

/// Of how many conversations the last seq is remembered, twice over.
const KNOWN_SEQS: usize = 50_000;

/// How long to wait when what stands in the way cannot be read yet; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);

const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What this process knows of the log.
#[derive(Default)]
pub(super) struct Log {
    known: Mutex<Known>,
    /// Whose turn it is to append, within this process and among all.
    turn: Arc<tokio::sync::Mutex<Turns>>,
    /// When the append under way should have answered.
    due: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    /// Everything up to this position has been learned, in order.
    seen: Position,
    seqs: LastSeqs,
}

/// The last seqs of the conversations that were written to most recently.
#[derive(Default)]
struct LastSeqs {
    young: HashMap<ConversationId, Seq>,
    old: HashMap<ConversationId, Seq>,
}

impl LastSeqs {
    fn get(&mut self, conversation: ConversationId) -> Option<Seq> {
        if let Some(seq) = self.young.get(&conversation) {
            return Some(*seq);
        }
        let seq = self.old.remove(&conversation)?;
        self.raise(conversation, seq);
        Some(seq)
    }

    fn raise(&mut self, conversation: ConversationId, seq: Seq) {
        if self.young.len() >= KNOWN_SEQS {
            self.old = mem::take(&mut self.young);
        }
        let last = self.young.entry(conversation).or_insert(seq);
        *last = seq.max(*last);
    }

    fn forget(&mut self, conversation: ConversationId) {
        self.young.remove(&conversation);
        self.old.remove(&conversation);
    }
}

/// Why an ordered insert stopped.
enum Stop {
    /// The message is in the log already, under this id or its sender's.
    Known,
    /// Someone else was first at the place.
    Taken { by_seq: bool },
    /// Nobody knows what was written.
    Unknown(Error),
}

impl MongoStore {
    pub(super) async fn append_drafts(&self, drafts: &[Draft]) -> Result<Vec<Message>> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = self.inner.deadline();
        let log = &self.inner.log;
        // Behind an append that should have answered long ago there is little hope: give up sooner.
        let is_stuck = log.due.lock().is_some_and(|due| due < Instant::now());
        let patience = if is_stuck {
            self.inner.limits.operation / 4
        } else {
            self.inner.limits.operation
        };
        let turn = timeout(patience, Arc::clone(&log.turn).lock_owned()).await;
        let mut turns = turn.map_err(|_| error::late())?;
        let inner = Arc::clone(&self.inner);
        let drafts = drafts.to_vec();
        // Not one of the bounded calls: reads that are stuck must not keep messages out.
        let task = tokio::spawn(async move {
            *inner.log.due.lock() = Some(deadline);
            let result = inner.append(&drafts, &mut turns, deadline).await;
            inner.end_turn(&mut turns).await;
            *inner.log.due.lock() = None;
            result
        });
        until(deadline, task).await
    }
}

impl Inner {
    async fn append(
        &self,
        drafts: &[Draft],
        turns: &mut Turns,
        deadline: Instant,
    ) -> Result<Vec<Message>> {
        self.make_room_for_bumps(drafts.len()).await?;
        let mut placed: Vec<Option<Message>> = vec![None; drafts.len()];
        let mut pause = FIRST_PAUSE;
        let mut obstacle = error::late();
        loop {
            let open: Vec<usize> = (0..drafts.len())
                .filter(|at| placed[*at].is_none())
                .collect();
            if open.is_empty() {
                return Ok(placed.into_iter().flatten().collect());
            }
            if Instant::now() >= deadline {
                return Err(obstacle);
            }
            self.let_others_in(turns).await;
            let mut offer = self.places(&open, drafts).await?;
            let (written, stop) = self.offer(&offer).await?;
            if written > 0 {
                turns.won();
            }
            let refused = offer.get(written).map(|message| message.conversation_id);
            offer.truncate(written);
            self.learn(&offer);
            for (at, message) in open.iter().zip(offer) {
                placed[*at] = Some(message);
            }
            let news = match stop {
                None => true,
                Some(Stop::Known) => self.find_existing(drafts, &mut placed).await?,
                Some(Stop::Taken { by_seq }) => {
                    self.lost_turn(turns).await;
                    let news = self.find_ours(drafts, &mut placed).await?;
                    if let (false, true, Some(conversation)) = (news, by_seq, refused) {
                        // Not the log but what is remembered of the conversation may be wrong.
                        self.log.known.lock().seqs.forget(conversation);
                    }
                    news
                }
                Some(Stop::Unknown(failure)) => {
                    obstacle = failure;
                    // What was written shows itself here, or refuses the next offer.
                    self.find_ours(drafts, &mut placed).await.unwrap_or(false)
                }
            };
            if news {
                pause = FIRST_PAUSE;
            } else {
                // Written, but not by a majority yet, or not reached: there is nothing to do but wait.
                tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now())))
                    .await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// The messages that the open drafts become at the next places.
    async fn places(&self, open: &[usize], drafts: &[Draft]) -> Result<Vec<Message>> {
        let missing: Vec<ConversationId> = {
            let mut known = self.log.known.lock();
            let mut missing: Vec<_> = open
                .iter()
                .map(|at| drafts[*at].conversation_id)
                .filter(|conversation| known.seqs.get(*conversation).is_none())
                .collect();
            missing.sort_unstable();
            missing.dedup();
            missing
        };
        let found = if missing.is_empty() {
            HashMap::new()
        } else {
            self.last_seqs(&missing).await?
        };
        let mut known = self.log.known.lock();
        for conversation in missing {
            known
                .seqs
                .raise(conversation, found.get(&conversation).copied().unwrap_or(0));
        }
        let mut last = HashMap::new();
        let mut position = known.seen;
        Ok(open
            .iter()
            .map(|at| {
                let draft = &drafts[*at];
                let conversation = draft.conversation_id;
                let seq = last
                    .entry(conversation)
                    .or_insert_with(|| known.seqs.get(conversation).unwrap_or_default());
                *seq += 1;
                position += 1;
                draft.placed(position, *seq)
            })
            .collect())
    }

    /// The last seq of each conversation that has one; one step in the index for each.
    async fn last_seqs(
        &self,
        conversations: &[ConversationId],
    ) -> Result<HashMap<ConversationId, Seq>> {
        let pipeline = [
            doc! { "$match": { "conversation": { "$in": document::ids(conversations.iter().map(|id| id.0)) } } },
            doc! { "$sort": { "conversation": -1, "seq": -1 } },
            doc! { "$group": { "_id": "$conversation", "seq": { "$first": "$seq" } } },
        ];
        let found = self
            .timed("mongodb.aggregate", async {
                let query = self
                    .collections
                    .messages
                    .aggregate(pipeline)
                    .max_time(self.patience())
                    .batch_size(10_000);
                let mut cursor = query.with_type::<RawDocumentBuf>().await?;
                let mut found = Vec::new();
                while cursor.advance().await? {
                    let group = cursor.current();
                    found.push(
                        group
                            .id("_id")
                            .and_then(|id| Ok((ConversationId(id), group.number("seq")?))),
                    );
                }
                Ok(found)
            })
            .await?;
        found.into_iter().collect()
    }

    /// Inserts in order, and tells how many are written, and what stopped it there.
    async fn offer(&self, messages: &[Message]) -> Result<(usize, Option<Stop>)> {
        let start = Instant::now();
        let documents: Vec<_> = messages.iter().map(message::encode).collect();
        let result = self.collections.messages.insert_many(documents).await;
        (self.observer)("mongodb.insert", start.elapsed());
        let Err(failure) = result else {
            return Ok((messages.len(), None));
        };
        if let Some((at, index)) = error::batch_clash(&failure) {
            let stop = match index {
                "_id_" | message::SENDER_CLIENT_MESSAGE_ID => Stop::Known,
                index => Stop::Taken {
                    by_seq: index == message::CONVERSATION_SEQ,
                },
            };
            return Ok((at, Some(stop)));
        }
        match error::from_driver(&failure) {
            unavailable @ Error::Unavailable(_) => Ok((0, Some(Stop::Unknown(unavailable)))),
            other => Err(other),
        }
    }

    /// Finds the messages that stand in the log for open drafts, all at once, as one of them seldom comes alone, and
    /// tells whether there was any; there is none as long as a majority does not have it.
    async fn find_existing(
        &self,
        drafts: &[Draft],
        placed: &mut [Option<Message>],
    ) -> Result<bool> {
        let open = || {
            let open = drafts.iter().zip(placed.iter());
            open.filter(|(_, placed)| placed.is_none())
                .map(|(draft, _)| draft)
        };
        let mut called = HashMap::<_, Vec<_>>::new();
        for draft in open() {
            if let Some(client_message_id) = &draft.client_message_id {
                let of_sender = called.entry(draft.sender_id).or_default();
                of_sender.push(client_message_id.as_str());
            }
        }
        let ids = document::ids(open().map(|draft| draft.id.0));
        let mut any = vec![doc! { "_id": { "$in": ids } }];
        any.extend(called.into_iter().map(|(sender, called)| {
            doc! { "sender": document::id(sender.0), "clientMessageId": { "$in": called } }
        }));
        let find = self.collections.messages.find(doc! { "$or": any });
        let found = self.all(find, message::decode).await?;
        for message in &found {
            let stands_for = |draft: &Draft| {
                draft.id == message.id
                    || (draft.sender_id == message.sender_id
                        && draft.client_message_id.is_some()
                        && draft.client_message_id == message.client_message_id)
            };
            if let Some(at) = drafts.iter().position(stands_for) {
                placed[at] = Some(message.clone());
            }
        }
        Ok(!found.is_empty())
    }

    /// Reads what is new in the log, keeps what is ours of it, and tells whether there was anything.
    async fn find_ours(&self, drafts: &[Draft], placed: &mut [Option<Message>]) -> Result<bool> {
        let read = self.catch_up(|message| {
            if let Some(at) = drafts.iter().position(|draft| draft.id == message.id) {
                placed[at] = Some(message.clone());
            }
        });
        Ok(read.await? > 0)
    }

    /// Reads the log from where this process knows it to its end, and tells how many messages that were.
    pub(super) async fn catch_up(&self, mut each: impl FnMut(&Message)) -> Result<usize> {
        let mut read = 0;
        loop {
            let messages = self.read_log(self.seen(), READ).await?;
            messages.iter().for_each(&mut each);
            read += messages.len();
            self.learn(&messages);
            if messages.len() < READ {
                return Ok(read);
            }
            self.make_room_for_bumps(READ).await?;
        }
    }

    /// The position up to which this process knows the log.
    pub(super) fn seen(&self) -> Position {
        self.log.known.lock().seen
    }

    /// Begins to know the log behind `position`.
    pub(super) fn begin_at(&self, position: Position) {
        self.log.known.lock().seen = position;
        self.bumps.begin_at(position);
    }

    /// Takes note of a stretch of the log: of the part that joins what is known already.
    pub(super) fn learn(&self, messages: &[Message]) {
        let mut known = self.log.known.lock();
        for message in messages {
            if message.position == known.seen + 1 {
                known.seen = message.position;
                known.seqs.raise(message.conversation_id, message.seq);
                self.bumps.owe(message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_seqs_never_fall_and_outlive_one_generation() {
        let mut seqs = LastSeqs::default();
        let kept = ConversationId::new();
        seqs.raise(kept, 7);
        seqs.raise(kept, 3);
        for _ in 0..KNOWN_SEQS {
            seqs.raise(ConversationId::new(), 1);
        }
        assert_eq!(seqs.get(kept), Some(7));
        seqs.forget(kept);
        assert_eq!(seqs.get(kept), None);
    }
}

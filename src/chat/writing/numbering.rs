//! What gives waiting proposals their places in the log, and messages their times.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
    time::SystemTime,
};

use uuid::Uuid;

use super::{Offer, Offered, Writer};
use crate::{
    chat::{
        proposal::Proposed,
        standing::{Decision, Standing},
    },
    domain::{ConversationId, Happening, NewEntry, Rank, Tail, Timestamp},
    error::{Error, Result},
};

/// How far another server's clock may be ahead, as ranks count, for messages to be sent at its time.
const MOST_AHEAD: Rank = 60_000_000;

impl Writer {
    /// Checks the rules and gives what waits its numbers; those whose turn it is not stay where they are.
    pub(super) fn number(
        &mut self,
        mut tails: HashMap<ConversationId, Tail>,
        mut standing: Standing,
    ) -> Result<(Offer, Vec<Offered>)> {
        let mut pen = self
            .pen
            .ok_or_else(|| Error::Internal("no lane to write in".into()))?;
        pen.rise(self.chat.0.hub.rank());
        let now = clock();
        let mut offer = Offer::new();
        let mut offered = Vec::new();
        let mut moved = HashSet::new();
        for pending in mem::take(&mut self.pending) {
            let id = pending.conversation();
            let Some(tail) = tails
                .get_mut(&id)
                .filter(|_| !self.turns.lets_others_in(id))
            else {
                self.pending.push_back(pending);
                continue;
            };
            let (limits, fingerprints) = (&self.chat.0.limits, &self.chat.0.fingerprints);
            let what = match standing.decide(&pending.proposal, limits, fingerprints) {
                Ok(Decision::Happens(what)) => what,
                // What that rests on is not written yet.
                _ if moved.contains(&id) => {
                    self.pending.push_back(pending);
                    continue;
                }
                Ok(Decision::Is(written)) => {
                    pending.answer(&Ok(written));
                    continue;
                }
                Err(error) => {
                    pending.answer(&Err(error));
                    continue;
                }
            };
            let makes = tail.seq == 0
                && matches!(pending.proposal.what, Proposed::Send(_))
                && standing.is_unmade(id);
            let made = makes
                .then(|| Happening::ConversationChanged(pending.proposal.conversation.state()));
            let mut written = None;
            for what in made.into_iter().chain([what]) {
                let new = NewEntry {
                    id: match &what {
                        Happening::Sent(message) => message.id.0,
                        _ => Uuid::now_v7(),
                    },
                    conversation_id: id,
                    what,
                };
                let mut entry = pen.write(new, tail, now);
                if let Happening::Sent(message) = &mut entry.what {
                    let message = Arc::make_mut(message);
                    message.sent_at = time_of(entry.rank, now, message.sent_at);
                }
                written = Some(standing.apply(&entry, &pending.proposal));
                offer.push((entry, offered.len()));
            }
            let Some(written) = written else { continue };
            moved.insert(id);
            offered.push(Offered { pending, written });
        }
        Ok((offer, offered))
    }
}

/// When a message is sent that arrived at a time: at that of its rank, so that in a conversation times grow with seqs,
/// whichever servers' clocks they are from. One that is further ahead than [`MOST_AHEAD`] is wrong, and not followed: the
/// time steps back then.
fn time_of(rank: Rank, now: Rank, arrived: Timestamp) -> Timestamp {
    if rank - now <= MOST_AHEAD {
        arrived.max(Timestamp(rank / 1_000))
    } else {
        arrived
    }
}

/// The clock as ranks count: microseconds since the Unix epoch.
pub(in crate::chat) fn clock() -> Rank {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sent_no_earlier_than_a_clock_that_is_little_ahead_says() {
        let arrived = 1_700_000_000_000;
        let sent_at = |ahead: i64| {
            let now = arrived * 1_000;
            time_of(now + ahead * 1_000, now, Timestamp(arrived)).0 - arrived
        };
        for ahead in [0, 1, 59_000, 60_000] {
            assert_eq!(sent_at(ahead), ahead);
        }
        for ahead in [-5_000, 60_001, 1_000_000] {
            assert_eq!(sent_at(ahead), 0);
        }
    }
}

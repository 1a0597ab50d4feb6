//! What becomes of what was offered to the store.

use std::sync::Arc;

use super::{Offer, Offered, Writer};
use crate::{
    chat::{Chat, Prepared, proposal::Written},
    domain::{Entry, Happening, Pen, Record, UserId},
    store::{Appended, Stopped},
};

impl Writer {
    /// Tells what was written, and lets the rest wait again.
    pub(super) fn settle(&mut self, offer: Offer, offered: Vec<Offered>, appended: Appended) {
        let Appended { written, stopped } = appended;
        let mut offered: Vec<Option<Offered>> = offered.into_iter().map(Some).collect();
        let mut rest = offer;
        let done: Offer = rest.drain(..written.min(rest.len())).collect();
        if let Some((last, _)) = done.last() {
            self.pen = Some(Pen::new(last.position, last.rank));
        }
        let mut answers = Vec::new();
        let mut records = Vec::with_capacity(done.len());
        let mut done = done.into_iter().peekable();
        while let Some((entry, for_whom)) = done.next() {
            if self.turns.won(entry.conversation_id) {
                self.unread.insert(entry.conversation_id);
            }
            self.chat.count_written(&entry.what);
            let known = offered[for_whom].as_ref().map(|offered| &offered.written);
            let prepared = known.map(Prepared::from).unwrap_or_default();
            // What makes a conversation comes before the message that it is made for.
            let next = done.peek().or(rest.first());
            if next.is_none_or(|(_, next)| *next != for_whom)
                && let Some(done) = offered[for_whom].take()
            {
                // Before it is told: whoever changes it then lets it be forgotten.
                if let Some(key) = done.pending.proposal.client_key() {
                    self.chat.0.outbox.remember(key, done.written.clone());
                }
                answers.push(done);
            }
            records.push((Record::Entry(entry), prepared));
        }
        // Before they are handed over to be told.
        if let Some((last, _)) = records.last() {
            let concerned = records.iter().flat_map(concerned);
            let chat = &self.chat.0;
            let known = chat.trust.holds().then_some(&chat.presence);
            chat.signalling.wrote(last, concerned, known);
        }
        self.chat.take_in(records, false);
        for Offered { pending, written } in answers {
            pending.answer(&Ok(written));
        }
        match stopped {
            None => {}
            Some(Stopped::Known(earlier)) => {
                for (at, message) in earlier {
                    let entry = at.checked_sub(written).and_then(|at| rest.get(at));
                    let earlier = entry.and_then(|(_, for_whom)| offered[*for_whom].take());
                    if let Some(Offered { pending, written }) = earlier {
                        pending.answer(&Ok(Written {
                            message: Some(Arc::new(message)),
                            ..written
                        }));
                    }
                }
            }
            Some(Stopped::Lost) => {
                if let Some((entry, _)) = rest.first() {
                    self.unread.insert(entry.conversation_id);
                    self.turns.lost(entry.conversation_id);
                }
            }
            Some(Stopped::Over) => {
                if let Some((entry, _)) = rest.first() {
                    self.over = Some(entry.position.lane());
                }
                self.pen = None;
            }
        }
        for offered in offered.into_iter().flatten().rev() {
            self.pending.push_front(offered.pending);
        }
    }

    /// Nobody knows what of this is written, until the term's end is sealed.
    pub(super) fn doubt(&mut self, offer: Offer, offered: Vec<Offered>) {
        let mut offered: Vec<Option<Offered>> = offered.into_iter().map(Some).collect();
        self.pen = None;
        self.over = offer.first().map(|(entry, _)| entry.position.lane());
        // From the end, so that it is the last entry of each proposal that is looked for.
        let last = offer.into_iter().rev();
        let last = last.filter_map(|(entry, for_whom)| Some((entry, offered[for_whom].take()?)));
        self.doubtful = last.collect();
        self.doubtful.reverse();
        // Some of it may be in the log all the same, whether somebody waits for it or not.
        self.chat.0.rounds.want();
    }
}

/// Who is to hear of what was written: the members, and those who were that until then.
fn concerned((record, prepared): &(Record, Prepared)) -> impl Iterator<Item = UserId> {
    let members = prepared.conversation.iter();
    let members = members.flat_map(|conversation| &conversation.members);
    let departures = match record {
        Record::Entry(Entry {
            what: Happening::ConversationChanged(state),
            ..
        }) => state.departures.as_slice(),
        _ => &[],
    };
    let left = departures.iter().map(|left| left.user_id);
    members.map(|member| member.user_id).chain(left)
}

impl Chat {
    /// Counts what was written, by what it is.
    pub(super) fn count_written(&self, what: &Happening) {
        let written = &self.0.metrics.written;
        let count = match what {
            Happening::Sent(_) => &written.messages,
            Happening::MessageChanged(_) => &written.message_changes,
            Happening::Reacted(_) => &written.reactions,
            Happening::ConversationChanged(_) => &written.conversation_changes,
            Happening::Estranged(_) => &written.blocks,
        };
        count.inc();
    }
}

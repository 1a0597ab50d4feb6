//! Writing to the log: one lane, whose only writer counts in the order of the commits.

use std::collections::{BTreeMap, btree_map};

use rusqlite::{Connection, params};

use super::{change, conversation, log, mark, message, reaction};
use crate::{
    domain::{
        ConversationId, Entry, Happening, Message, Position, Seal, Seq, Tail, Timestamp, UserId,
    },
    error::Result,
    store::{Appended, Stopped, broken},
};

/// Writes a seal behind everything. All that was queued before this job is done or given up for good by now.
pub(super) fn seal(db: &Connection) -> Result<Seal> {
    let position = log::head(db)?.next();
    let mark: u32 = rand::random();
    db.prepare_cached("INSERT INTO seals (position, mark) VALUES (?1, ?2)")?
        .execute(params![position, mark])?;
    Ok(log::seal(position, mark))
}

/// Writes entries up to the first that is not to be written, and what follows from them.
pub(super) fn append(db: &Connection, entries: &[Entry]) -> Result<Appended> {
    let mut writing = Writing {
        db,
        head: log::head(db)?,
        tails: BTreeMap::new(),
        sent: BTreeMap::new(),
        read: BTreeMap::new(),
    };
    let mut appended = Appended {
        written: 0,
        stopped: None,
    };
    for entry in entries {
        appended.stopped = match writing.write(entry)? {
            Ok(()) => None,
            Err(Refusal::Over) => Some(Stopped::Over),
            Err(Refusal::Lost) => Some(Stopped::Lost),
            Err(Refusal::Known) => Some(Stopped::Known(known(db, entries, appended.written)?)),
        };
        if appended.stopped.is_some() {
            break;
        }
        appended.written += 1;
    }
    writing.finish()?;
    Ok(appended)
}

/// Why an entry is not written.
enum Refusal {
    Over,
    Lost,
    Known,
}

/// A call that is under way.
struct Writing<'a> {
    db: &'a Connection,
    head: Position,
    tails: BTreeMap<ConversationId, Tail>,
    /// When the newest message of a conversation was sent, where it stands.
    sent: BTreeMap<ConversationId, (Tail, Timestamp)>,
    /// The seq of the newest message of a sender.
    read: BTreeMap<(ConversationId, UserId), Seq>,
}

impl Writing<'_> {
    fn write(&mut self, entry: &Entry) -> Result<std::result::Result<(), Refusal>> {
        if entry.position != self.head.next() {
            return Ok(Err(Refusal::Over));
        }
        let id = entry.conversation_id;
        let tail = match self.tails.entry(id) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(unknown) => {
                let tail = log::tail(self.db, id)?
                    .ok_or_else(|| broken("an entry of a conversation that does not exist"))?;
                unknown.insert(tail)
            }
        };
        if entry.step != tail.step + 1 {
            // A message that stands there itself did not lose against another.
            let is_known = match entry.message() {
                Some(message) => message::earlier(self.db, message)?.is_some(),
                None => false,
            };
            return Ok(Err(if is_known {
                Refusal::Known
            } else {
                Refusal::Lost
            }));
        }
        if entry.seq != tail.seq + i64::from(entry.message().is_some()) {
            return Err(broken("an entry whose seq does not follow"));
        }
        match &entry.what {
            Happening::Sent(message) => {
                if !message::insert(self.db, entry, message)? {
                    return Ok(Err(Refusal::Known));
                }
                self.sent.insert(id, (entry.tail(), message.sent_at));
                self.read.insert((id, message.sender_id), entry.seq);
            }
            Happening::MessageChanged(change) => {
                change::insert(self.db, entry)?;
                message::change(self.db, entry, change)?;
            }
            Happening::Reacted(reaction) => {
                change::insert(self.db, entry)?;
                reaction::change(self.db, entry, reaction)?;
            }
            Happening::ConversationChanged(state) => {
                change::insert(self.db, entry)?;
                conversation::change(self.db, entry, state)?;
            }
            Happening::Estranged(_) => change::insert(self.db, entry)?,
        }
        *tail = entry.tail();
        self.head = entry.position;
        Ok(Ok(()))
    }

    /// Writes what follows from several entries once.
    fn finish(self) -> Result<()> {
        let mut update = self.db.prepare_cached(
            "UPDATE conversations SET last_seq = ?2, last_position = ?3, last_activity_at = ?4
             WHERE id = ?1",
        )?;
        for (conversation, (tail, sent_at)) in self.sent {
            update.execute(params![conversation, tail.seq, tail.position, sent_at])?;
        }
        for ((conversation, sender), seq) in self.read {
            mark::move_mark(self.db, conversation, sender, seq)?;
        }
        Ok(())
    }
}

/// Those messages from a place in the call on that their senders have sent already, with the earlier ones.
fn known(db: &Connection, entries: &[Entry], from: usize) -> Result<Vec<(usize, Message)>> {
    let mut known = Vec::new();
    for (number, entry) in entries.iter().enumerate().skip(from) {
        if let Some(message) = entry.message()
            && let Some(earlier) = message::earlier(db, message)?
        {
            known.push((number, earlier));
        }
    }
    if known.first().is_none_or(|(number, _)| *number > from) {
        return Err(broken("the place of a new message is taken"));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::{
        super::tests::{gone, store},
        *,
    };
    use crate::{
        domain::{Conversation, NewEntry, Pair, Pen, Progress, Record},
        error::Error,
        store::{Conversations, Log},
    };

    #[tokio::test]
    async fn what_was_given_up_before_a_term_is_not_written_in_it() -> Result<()> {
        let (store, dir) = store(Duration::from_millis(200)).await;
        let pair = Pair::new(UserId::new(), UserId::new()).expect("two people");
        let talk = store
            .create_direct(&Conversation::direct(pair, Timestamp(5)))
            .await?;
        let seal = store.begin_term(None).await?;
        let new = NewEntry {
            id: uuid::Uuid::now_v7(),
            conversation_id: talk.id,
            what: Happening::ConversationChanged(talk.state()),
        };
        let mut pen = Pen::new(seal.position, seal.rank);
        let entry = pen.write(new, &mut Tail::NOTHING.clone(), 0);

        let (go_on, wait) = mpsc::channel::<()>();
        let stuck = store.write(move |_| {
            let _ = wait.recv();
            Ok(())
        });
        assert!(matches!(stuck.await, Err(Error::Unavailable(_))));
        let late = store.append(std::slice::from_ref(&entry)).await;
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        drop(go_on);
        let lane = Some(seal.position.lane());
        while store.begin_term(lane).await.is_err() {}
        let over = Appended {
            written: 0,
            stopped: Some(Stopped::Over),
        };
        assert_eq!(store.append(&[entry]).await?, over);
        let log = store.log_after(&Progress::default(), 9).await?;
        assert!(
            log.iter().all(|record| matches!(record, Record::Seal(_))),
            "{log:?}"
        );
        gone(store, dir).await;
        Ok(())
    }
}

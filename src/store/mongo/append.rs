//! How entries come into the log: as one ordered insert, with unique indexes as the referees.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use mongodb::bson::{
    Bson, Document, RawArrayBuf, RawDocumentBuf, doc,
    raw::{CStr, cstr},
};
use tokio::time::{sleep_until, timeout_at};

use super::{Inner, MongoStore, apart, broken, document, error, record};
use crate::{
    domain::{Entry, Message, Record, UserId},
    error::{Error, Result},
    store::{Appended, Stopped},
};

/// How many appends may be without an answer at once. Each lane has one under way, and leaves a stuck one behind.
pub(super) const APPENDS: usize = 4;

/// How much one command may hold, in bytes; the server takes at most 16 MiB.
const COMMAND: usize = 8 * 1024 * 1024;

/// How long to wait when what stands in the way cannot be read yet; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);

const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Which unique index refused an entry.
#[derive(Debug, PartialEq)]
enum Referee {
    Position,
    Step,
    /// The entry's own id, or what its sender's client called it.
    Name,
}

impl MongoStore {
    pub(super) async fn append_entries(&self, entries: &[Entry]) -> Result<Appended> {
        let Some(first) = entries.first() else {
            return Ok(Appended {
                written: 0,
                stopped: None,
            });
        };
        let lane = first.position.lane();
        // Half the time of a method, so that a term can be begun in the other half of its caller's.
        let deadline = Instant::now() + self.inner.limits.operation / 2;
        let permit = Arc::clone(&self.inner.appends).acquire_owned();
        let permit = timeout_at(deadline.into(), permit)
            .await
            .map_err(|_| error::late())?
            .map_err(broken)?;
        let doubt = self.inner.terms.doubt(lane);
        let (inner, entries) = (Arc::clone(&self.inner), entries.to_vec());
        // Not one of the bounded calls: reads that are stuck must not keep entries out.
        apart(deadline, async move {
            let _permit = permit;
            inner.make_room(lane, entries.len()).await?;
            let result = inner.append(&entries, deadline).await?;
            inner.terms.no_doubt(lane, doubt);
            Ok(result)
        })
        .await
    }
}

impl Inner {
    async fn append(self: &Arc<Self>, entries: &[Entry], deadline: Instant) -> Result<Appended> {
        let (written, refused) = self.insert(entries).await?;
        let (done, left) = entries.split_at(written);
        if let Some(first) = done.first() {
            self.take_own(done);
            let (inner, first, count) = (Arc::clone(self), first.position, done.len());
            let following = tokio::spawn(async move { inner.follow_urgent(first, count).await });
            // What is late is still owed.
            let _ = timeout_at(deadline.into(), following).await;
        }
        let stopped = match refused {
            None => None,
            Some(Referee::Position) => Some(Stopped::Over),
            Some(Referee::Step) => Some(Stopped::Lost),
            Some(Referee::Name) => {
                let known = self.known(left, deadline).await?.into_iter();
                let in_call = known.map(|(number, message)| (written + number, message));
                Some(Stopped::Known(in_call.collect()))
            }
        };
        Ok(Appended { written, stopped })
    }

    /// Takes note of what this process has written.
    fn take_own(&self, entries: &[Entry]) {
        let records: Vec<Record> = entries.iter().cloned().map(Record::Entry).collect();
        self.overlay.take(&records);
        if let [first, ..] = entries
            && let Some(last) = entries.last()
        {
            self.overlay.tell_own(first.position, last.position);
        }
        self.owing.notify_one();
    }

    /// Inserts in order, and tells how many are written for good, and what refused the one behind them.
    async fn insert(&self, entries: &[Entry]) -> Result<(usize, Option<Referee>)> {
        let mut written = 0;
        let mut documents = RawArrayBuf::new();
        let (mut count, mut size) = (0, 0);
        for entry in entries {
            let document = record::encode(entry);
            let length = document.as_bytes().len();
            if size + length > COMMAND && count > 0 {
                let (done, refused) = self.insert_part(&documents, count).await?;
                written += done;
                if refused.is_some() {
                    return Ok((written, refused));
                }
                (documents, count, size) = (RawArrayBuf::new(), 0, 0);
            }
            documents.push(document);
            count += 1;
            size += length;
        }
        let (done, refused) = self.insert_part(&documents, count).await?;
        Ok((written + done, refused))
    }

    async fn insert_part(
        &self,
        documents: &RawArrayBuf,
        count: usize,
    ) -> Result<(usize, Option<Referee>)> {
        let command = self.raw_insert(cstr!("messages"), documents);
        let reply = self
            .timed("mongodb.insert", self.db.run_raw_command(command))
            .await?;
        outcome(&reply, count)
    }

    /// An ordered insert that waits for a majority, and that the server gives up in time.
    pub(super) fn raw_insert(&self, collection: &CStr, documents: &RawArrayBuf) -> RawDocumentBuf {
        let mut concern = RawDocumentBuf::new();
        concern.append(cstr!("w"), "majority");
        concern.append(cstr!("j"), true);
        concern.append(cstr!("wtimeout"), self.wait_for_majority());
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("insert"), collection.as_str());
        command.append(cstr!("ordered"), true);
        command.append(cstr!("maxTimeMS"), self.wait_for_majority());
        command.append(cstr!("writeConcern"), concern);
        command.append(cstr!("documents"), documents.clone());
        command
    }

    /// Those of entries, by their number, for which a message stands in the log already: all at once, as one of them
    /// seldom comes alone. At least the first, for which is waited as long as a majority does not have it.
    async fn known(&self, entries: &[Entry], deadline: Instant) -> Result<Vec<(usize, Message)>> {
        let mut called = HashMap::<UserId, Vec<&str>>::new();
        for message in entries.iter().filter_map(Entry::message) {
            if let Some(client_message_id) = &message.client_message_id {
                let of_sender = called.entry(message.sender_id).or_default();
                of_sender.push(client_message_id.as_str());
            }
        }
        let ids = document::ids(entries.iter().map(|entry| entry.id));
        let mut any = vec![doc! { "_id": { "$in": ids } }];
        any.extend(called.into_iter().map(|(sender, called)| {
            doc! { "sender": document::id(sender.0), "clientMessageId": { "$in": called } }
        }));
        let filter = doc! { "$or": any };
        let mut pause = FIRST_PAUSE;
        loop {
            let changes = self.overlay.all_changes();
            let find = self.collections.messages.find(filter.clone());
            let found = self.all(find, record::decode).await?;
            let mut messages: Vec<Message> = found.into_iter().filter_map(sent).collect();
            changes.amend(&mut messages);
            let known = match_up(entries, &messages);
            if known.first().is_some_and(|(number, _)| *number == 0) {
                return Ok(known);
            }
            if Instant::now() + pause >= deadline {
                return Err(Error::Unavailable(
                    "MongoDB: an entry is there already and cannot be read yet".to_owned(),
                ));
            }
            sleep_until((Instant::now() + pause).into()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn sent(record: Record) -> Option<Message> {
    match record {
        Record::Entry(entry) => entry.message().map(|message| Message::clone(message)),
        Record::Seal(_) => None,
    }
}

/// Which entry each message stands for.
fn match_up(entries: &[Entry], messages: &[Message]) -> Vec<(usize, Message)> {
    let mut by_id = HashMap::new();
    let mut by_name = HashMap::new();
    for message in messages {
        by_id.insert(message.id.0, message);
        if let Some(name) = &message.client_message_id {
            by_name.insert((message.sender_id, name), message);
        }
    }
    let earlier = |(number, entry): (usize, &Entry)| {
        let named = || {
            let message = entry.message()?;
            let name = message.client_message_id.as_ref()?;
            by_name.get(&(message.sender_id, name))
        };
        let earlier = by_id.get(&entry.id).or_else(named)?;
        Some((number, Message::clone(earlier)))
    };
    entries.iter().enumerate().filter_map(earlier).collect()
}

/// What a reply says of an ordered insert of so many documents.
fn outcome(reply: &Document, count: usize) -> Result<(usize, Option<Referee>)> {
    if let Some(failure) = reply.get("writeConcernError") {
        return Err(Error::Unavailable(format!("MongoDB: {failure}")));
    }
    let Some(refused) = error::first_write_error(reply) else {
        return Ok((count, None));
    };
    let referee = error::clash_of(refused).and_then(|keys| match keys.as_slice() {
        ["position"] => Some(Referee::Position),
        ["conversation", "step"] => Some(Referee::Step),
        ["_id"] | ["sender", "clientMessageId"] => Some(Referee::Name),
        _ => None,
    });
    let at = match refused.get("index") {
        Some(Bson::Int32(at)) => usize::try_from(*at).ok(),
        _ => None,
    };
    match (at, referee) {
        (Some(at), Some(referee)) => Ok((at, Some(referee))),
        _ => Err(error::from_write_error(refused)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(keys: Document) -> Document {
        let error = doc! { "index": 2, "code": 11_000, "errmsg": "E11000", "keyPattern": keys };
        doc! { "ok": 1.0, "n": 2, "writeErrors": [error] }
    }

    #[test]
    fn a_reply_tells_how_many_are_written_and_which_index_refused_the_next() {
        assert_eq!(outcome(&doc! { "ok": 1.0, "n": 3 }, 3), Ok((3, None)));
        for (keys, referee) in [
            (doc! { "position": 1 }, Referee::Position),
            (doc! { "conversation": 1, "step": 1 }, Referee::Step),
            (doc! { "_id": 1 }, Referee::Name),
            (doc! { "sender": 1, "clientMessageId": 1 }, Referee::Name),
        ] {
            assert_eq!(outcome(&refused(keys), 5), Ok((2, Some(referee))));
        }
    }

    #[test]
    fn nobody_knows_what_became_of_it_where_a_majority_did_not_answer() {
        let mut reply = refused(doc! { "position": 1 });
        reply.insert("writeConcernError", doc! { "code": 64, "errmsg": "waited" });
        let outcome = outcome(&reply, 5);
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
}

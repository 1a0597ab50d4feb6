//! Whether messages are found by their words.

use std::collections::{BTreeMap, HashSet};

use super::PAGE;
use crate::{
    commands::Failure,
    domain::{ConversationId, Happening, MessageId, Progress, Record, Seq},
    search::{Findable, Index},
    store::WholeStore,
};

/// How many messages are remembered as lost at most; of an index that lacks much, the first say enough.
const MOST: usize = 10_000;

/// What goes by of the log is looked up in the search's index.
pub struct Search {
    store: WholeStore,
    /// None when the index lacks parts of itself.
    findable: Option<Findable>,
    lost: BTreeMap<MessageId, (ConversationId, Seq)>,
    /// Messages that the index need not know as they are by now.
    behind: HashSet<MessageId>,
}

impl Search {
    /// Reads the index.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(store: &WholeStore) -> Result<Self, Failure> {
        Ok(Self {
            findable: Index::new(store.clone()).findable().await?,
            store: store.clone(),
            lost: BTreeMap::new(),
            behind: HashSet::new(),
        })
    }

    /// Looks for the messages that records of the log are about.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&mut self, records: &[Record]) -> Result<(), Failure> {
        let Some(findable) = &self.findable else {
            return Ok(());
        };
        let mut indexed = HashSet::new();
        for record in records {
            if let Some(id) = message_of(record) {
                if findable.covers(record.position()) {
                    indexed.insert(id);
                } else {
                    self.behind.insert(id);
                }
            }
        }
        let indexed: Vec<MessageId> = indexed.into_iter().collect();
        for message in self.store.messages(&indexed).await? {
            if self.lost.len() < MOST && !findable.finds(&message) {
                let place = (message.conversation_id, message.seq);
                self.lost.insert(message.id, place);
            }
        }
        Ok(())
    }

    /// What is wrong, a line each; the log was looked at up to here. What happened behind that may have changed messages
    /// before they were looked for.
    ///
    /// # Errors
    /// The store's.
    pub async fn faults(mut self, mut read: Progress) -> Result<Vec<String>, Failure> {
        if self.findable.is_none() {
            return Ok(vec!["the search's index lacks parts of itself".to_owned()]);
        }
        while !self.lost.is_empty() {
            let records = self.store.log_after(&read, PAGE).await?;
            if records.is_empty() {
                break;
            }
            for record in records {
                read.advance(record.position());
                self.behind.extend(message_of(&record));
            }
        }
        self.lost.retain(|id, _| !self.behind.contains(id));
        let fault = |(_, (conversation, seq))| {
            format!("message {seq} of {conversation} is not found by its words")
        };
        Ok(self.lost.into_iter().map(fault).collect())
    }
}

/// The message whose words a record may have changed.
fn message_of(record: &Record) -> Option<MessageId> {
    let Record::Entry(entry) = record else {
        return None;
    };
    match &entry.what {
        Happening::Sent(message) => Some(message.id),
        Happening::MessageChanged(change) => Some(change.message_id),
        Happening::Reacted(_) | Happening::ConversationChanged(_) | Happening::Estranged(_) => None,
    }
}

//! A small writer, as the server has a larger one: it numbers entries, gives way to whoever was first, and begins a new
//! term when one is over.

use std::{collections::HashMap, sync::Arc};

use chinwag::domain::{
    Entry, Happening, Lane, MessageChange, MessageState, NewEntry, Pen, Rank, Seal, Tail,
};
use chinwag::store::{Appended, Log, Stopped};

use super::*;

/// The holder of one term after the other in one store.
pub struct Writer {
    pub store: MongoStore,
    pub seal: Seal,
    pen: Pen,
}

impl Writer {
    /// Begins a term; what the store cannot do at once it does in the end.
    pub async fn begin(store: &MongoStore) -> Self {
        Self::after(store, None).await
    }

    async fn after(store: &MongoStore, over: Option<Lane>) -> Self {
        let seal = soon(|| async {
            let beginning = timeout(SHORT.operation * 20, store.begin_term(over)).await;
            beginning.expect("a beginning ends in bounded time")
        });
        Self::of(store, seal.await)
    }

    pub fn of(store: &MongoStore, seal: Seal) -> Self {
        Self {
            store: store.clone(),
            seal,
            pen: Pen::new(seal.position, seal.rank),
        }
    }

    pub fn lane(&self) -> Lane {
        self.seal.position.lane()
    }

    /// Begins the next term.
    pub async fn again(&mut self) {
        *self = Self::after(&self.store, Some(self.lane())).await;
    }

    /// Entries at the places where they would stand now.
    pub async fn number(&self, new: &[NewEntry]) -> Vec<Entry> {
        let ids: Vec<_> = new.iter().map(|new| new.conversation_id).collect();
        let tails = soon(|| self.store.tails(&ids)).await;
        let mut tails: HashMap<_, _> = tails.into_iter().collect();
        let mut pen = self.pen;
        let number = |new: &NewEntry| {
            let tail = tails.entry(new.conversation_id).or_insert(Tail::NOTHING);
            pen.write(new.clone(), tail, clock())
        };
        new.iter().map(number).collect()
    }

    pub async fn append(&mut self, entries: &[Entry]) -> Result<Appended, Error> {
        let appended = timeout(SHORT.operation * 20, self.store.append(entries))
            .await
            .expect("an append answers in bounded time")?;
        if let Some(last) = entries[..appended.written].last() {
            self.pen = Pen::new(last.position, last.rank);
        }
        Ok(appended)
    }

    /// Writes all of these, however often somebody is first or the term is over, and gives them as they were written.
    pub async fn write(&mut self, new: Vec<NewEntry>) -> Vec<Entry> {
        let mut open = new;
        let mut written = Vec::new();
        while !open.is_empty() {
            let entries = self.number(&open).await;
            match self.append(&entries).await {
                Ok(appended) => {
                    written.extend_from_slice(&entries[..appended.written]);
                    open.drain(..appended.written);
                    match appended.stopped {
                        None => assert!(open.is_empty()),
                        Some(Stopped::Lost) => {}
                        Some(Stopped::Over) => self.again().await,
                        Some(Stopped::Known(known)) => panic!("{known:?}"),
                    }
                }
                Err(Error::Unavailable(_)) => {
                    self.again().await;
                    for entry in super::entries(&self.store).await {
                        if let Some(at) = open.iter().position(|open| open.id == entry.id) {
                            open.remove(at);
                            written.push(entry);
                        }
                    }
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        written
    }

    /// Sends so many messages of the first member.
    pub async fn send(&mut self, conversation: &Conversation, count: usize) -> Vec<Entry> {
        self.write(messages(conversation, count)).await
    }
}

/// The clock as ranks count.
pub fn clock() -> Rank {
    Timestamp::now().0 * 1_000
}

/// A message of the first member's.
pub fn message(conversation: &Conversation, body: &str) -> NewEntry {
    let message = Message::new(
        conversation.id,
        conversation.members[0].user_id,
        Body::parse("body", body).expect("a body"),
        Timestamp::now(),
    );
    sent(message)
}

/// So many of them.
pub fn messages(conversation: &Conversation, count: usize) -> Vec<NewEntry> {
    (1..=count)
        .map(|number| message(conversation, &format!("message {number}")))
        .collect()
}

pub fn sent(message: Message) -> NewEntry {
    NewEntry {
        id: message.id.0,
        conversation_id: message.conversation_id,
        what: Happening::Sent(Arc::new(message)),
    }
}

/// That a message is deleted.
pub fn deletion(entry: &Entry) -> NewEntry {
    let state = MessageState {
        body: Body::stored(""),
        edited_at: None,
        deleted_at: Some(Timestamp::now()),
        first: None,
    };
    NewEntry {
        id: MessageId::new().0,
        conversation_id: entry.conversation_id,
        what: Happening::MessageChanged(MessageChange {
            message_id: MessageId(entry.id),
            state: Some(state),
        }),
    }
}

/// That a conversation is what this one is from now on.
pub fn told(conversation: &Conversation) -> NewEntry {
    NewEntry {
        id: MessageId::new().0,
        conversation_id: conversation.id,
        what: Happening::ConversationChanged(conversation.state()),
    }
}

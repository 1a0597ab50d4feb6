//! A writer as the chat has one: it numbers what it writes behind what stands, and knows what became of it.

use std::{collections::HashMap, sync::Arc};

use chinwag::{
    domain::{
        Conversation, ConversationId, Entry, Happening, Message, MessageChange, MessageState,
        NewEntry, Pen, Rank, Seal, Tail, Timestamp,
    },
    store::{Appended, DynStore, Stopped},
};
use uuid::Uuid;

/// The holder of one term.
pub struct Writer {
    pub store: DynStore,
    pub seal: Seal,
    pen: Pen,
}

impl Writer {
    /// Begins a term in any lane.
    pub async fn begin(store: &DynStore) -> Self {
        Self::holding(store, store.begin_term(None).await.expect("a lane is free"))
    }

    /// The holder of the term that this seal begins.
    pub fn holding(store: &DynStore, seal: Seal) -> Self {
        Self {
            store: store.clone(),
            seal,
            pen: Pen::new(seal.position, seal.rank),
        }
    }

    /// Numbers behind what this writer has written.
    pub fn pen(&self) -> Pen {
        self.pen
    }

    /// Where these conversations end.
    pub async fn tails(&self, ids: &[ConversationId]) -> HashMap<ConversationId, Tail> {
        let tails = self.store.tails(ids).await.expect("answers");
        tails.into_iter().collect()
    }

    /// What is to be written, at the places where it would stand now.
    pub async fn number(&self, new: Vec<NewEntry>) -> Vec<Entry> {
        let ids: Vec<_> = new.iter().map(|new| new.conversation_id).collect();
        let mut tails = self.tails(&ids).await;
        let mut pen = self.pen;
        let numbered = new.into_iter().map(|new| {
            let tail = tails.entry(new.conversation_id).or_insert(Tail::NOTHING);
            pen.write(new, tail, clock())
        });
        numbered.collect()
    }

    /// Offers entries to the store, and goes on behind the last that it takes.
    pub async fn append(&mut self, entries: &[Entry]) -> Appended {
        let appended = self.store.append(entries).await.expect("answers");
        if let Some(last) = entries[..appended.written].last() {
            self.pen = Pen::new(last.position, last.rank);
        }
        appended
    }

    /// Writes all of these.
    pub async fn write(&mut self, new: Vec<NewEntry>) -> Vec<Entry> {
        let entries = self.number(new).await;
        let all = Appended {
            written: entries.len(),
            stopped: None,
        };
        assert_eq!(self.append(&entries).await, all);
        entries
    }

    /// Sends messages and gives for each the one that stands in the log: itself at its place, or the one that its
    /// sender sent earlier under the same client message id. The first of a conversation comes behind an entry that
    /// makes it.
    pub async fn send(&mut self, messages: &[Message]) -> Vec<Message> {
        let mut placed: Vec<Option<Message>> = vec![None; messages.len()];
        loop {
            let (new, of) = self.not_placed(messages, &placed).await;
            if new.is_empty() {
                return placed.into_iter().flatten().collect();
            }
            let entries = self.number(new).await;
            let appended = self.append(&entries).await;
            for (entry, at) in entries[..appended.written].iter().zip(&of) {
                if let (Some(message), Some(at)) = (entry.message(), at) {
                    placed[*at] = Some((**message).clone());
                }
            }
            match appended.stopped {
                None => assert_eq!(appended.written, entries.len()),
                Some(Stopped::Known(known)) => {
                    assert_eq!(known.first().map(|known| known.0), Some(appended.written));
                    for (number, message) in known {
                        placed[of[number].expect("a message")] = Some(message);
                    }
                }
                Some(stopped) => panic!("nobody else writes: {stopped:?}"),
            }
        }
    }

    /// The entries for those messages that have no place, with what makes their conversations; and of which of the
    /// messages each is.
    async fn not_placed(
        &self,
        messages: &[Message],
        placed: &[Option<Message>],
    ) -> (Vec<NewEntry>, Vec<Option<usize>>) {
        let open = || (0..messages.len()).filter(|at| placed[*at].is_none());
        let ids: Vec<_> = open().map(|at| messages[at].conversation_id).collect();
        let mut known = self.tails(&ids).await;
        let (mut new, mut of) = (Vec::new(), Vec::new());
        for at in open() {
            let id = messages[at].conversation_id;
            if known.insert(id, Tail::NOTHING).is_none() {
                let found = self.store.conversations(&[id]).await.expect("answers");
                new.push(told(&found[0]));
                of.push(None);
            }
            new.push(sent(messages[at].clone()));
            of.push(Some(at));
        }
        (new, of)
    }

    /// Sends one message.
    pub async fn say(&mut self, message: &Message) -> Message {
        self.send(std::slice::from_ref(message)).await.remove(0)
    }
}

/// The clock as ranks count.
pub fn clock() -> Rank {
    Timestamp::now().0 * 1_000
}

/// That a message is sent.
pub fn sent(message: Message) -> NewEntry {
    NewEntry {
        id: message.id.0,
        conversation_id: message.conversation_id,
        what: Happening::Sent(Arc::new(message)),
    }
}

/// That a message is something else from now on.
pub fn changed(message: &Message, state: MessageState) -> NewEntry {
    NewEntry {
        id: Uuid::now_v7(),
        conversation_id: message.conversation_id,
        what: Happening::MessageChanged(MessageChange {
            message_id: message.id,
            state: Some(state),
        }),
    }
}

/// That a conversation is what this one is from now on.
pub fn told(conversation: &Conversation) -> NewEntry {
    NewEntry {
        id: Uuid::now_v7(),
        conversation_id: conversation.id,
        what: Happening::ConversationChanged(conversation.state()),
    }
}

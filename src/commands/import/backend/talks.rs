//! What two people said to each other, in the order in which they said it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::oid::ObjectId;
use uuid::Uuid;

use super::{
    super::log::{LogWriter, Planned},
    Import,
    ids::{conversation_of, time_of, uuid_of},
    pair,
    report::Kind,
    source::OldMessage,
};
use crate::{
    commands::{Failure, progress::Progress},
    domain::{
        Body, Conversation, Happening, Message, MessageId, NewEntry, Pair, Timestamp, UserId,
    },
    store::WholeStore,
};

/// How many messages are written together.
const BATCH: usize = 2_000;

/// How many conversations are made, and marks moved, at once.
const AT_ONCE: usize = 32;

/// How many conversations are remembered.
const KNOWN_CONVERSATIONS: usize = 100_000;

/// The messages of an import.
pub struct Talks<'a, 'b> {
    import: &'a mut Import<'b>,
    writer: Option<LogWriter>,
    conversations: HashMap<Pair, Arc<Conversation>>,
    /// Conversations of a run that writes nothing.
    counted: HashSet<Pair>,
}

/// A message that can be imported.
struct Told {
    id: MessageId,
    pair: Pair,
    sender: UserId,
    body: Body,
    sent_at: Timestamp,
}

impl<'a, 'b> Talks<'a, 'b> {
    pub fn new(import: &'a mut Import<'b>) -> Self {
        Self {
            writer: import.store.clone().map(LogWriter::new),
            import,
            conversations: HashMap::new(),
            counted: HashSet::new(),
        }
    }

    pub async fn take_all(mut self) -> Result<(), Failure> {
        let total = self.import.source.count("messages").await?;
        let mut progress = Progress::start("messages imported", Some(total));
        let mut messages = self.import.source.messages().await?;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH
                && let Some(found) = messages.next().await?
            {
                batch.push(OldMessage::from(found));
            }
            if batch.is_empty() {
                break;
            }
            let read = batch.len() as u64;
            self.take(batch).await?;
            progress.step(read);
        }
        progress.finish();
        Ok(())
    }

    async fn take(&mut self, batch: Vec<OldMessage>) -> Result<(), Failure> {
        let people = batch.iter().flat_map(|old| [old.sender, old.receiver]);
        let people: Vec<ObjectId> = people.flatten().collect();
        self.import.learn(&people).await?;
        let mut told = Vec::with_capacity(batch.len());
        for old in batch {
            match self.judge(&old) {
                Ok(message) => told.push(message),
                Err(reason) => {
                    let Import { tally, report, .. } = &mut *self.import;
                    tally.messages_left_out += 1;
                    report.tell(Kind::Message, &old.shown_id, &reason)?;
                }
            }
        }
        let (Some(store), Some(mut writer)) = (self.import.store.clone(), self.writer.take())
        else {
            self.counted.extend(told.iter().map(|message| message.pair));
            self.import.tally.messages += told.len() as u64;
            self.import.tally.conversations = self.counted.len() as u64;
            return Ok(());
        };
        let done = self.write(&store, &mut writer, told).await;
        self.writer = Some(writer);
        done
    }

    /// What a message becomes; an error is why it is left out.
    fn judge(&self, old: &OldMessage) -> Result<Told, String> {
        let id = old.id.ok_or("its _id is no ObjectId")?;
        let known = |id: Option<ObjectId>| id.filter(|id| self.import.is_known(*id));
        let sender = known(old.sender).ok_or("its sender is no user")?;
        let receiver = known(old.receiver).ok_or("its receiver is no user")?;
        let pair = pair(sender, receiver).ok_or("its sender and its receiver are the same")?;
        let body = old.body.as_deref().unwrap_or_default();
        let body = Body::parse("message", body).map_err(|rule| rule.to_string())?;
        Ok(Told {
            id: MessageId(uuid_of(id)),
            pair,
            sender: UserId(uuid_of(sender)),
            body,
            sent_at: old.sent_at.unwrap_or_else(|| time_of(id)),
        })
    }

    async fn write(
        &mut self,
        store: &WholeStore,
        writer: &mut LogWriter,
        mut told: Vec<Told>,
    ) -> Result<(), Failure> {
        let all = told.len();
        let ids: Vec<MessageId> = told.iter().map(|message| message.id).collect();
        let known: HashSet<_> = store.known_messages(&ids).await?.into_iter().collect();
        told.retain(|message| !known.contains(&message.id));
        self.import.tally.messages_there += (all - told.len()) as u64;
        if told.is_empty() {
            return Ok(());
        }
        let conversations = self.conversations_of(store, &told).await?;
        let ids = conversations.values().map(|conversation| conversation.id);
        let mut ends = writer.tails(ids.collect::<Vec<_>>()).await?;
        let (mut planned, mut made) = (Vec::with_capacity(told.len()), 0);
        for message in told {
            let Some(conversation) = conversations.get(&message.pair) else {
                continue;
            };
            let end = ends.get_mut(&conversation.id);
            if let Some(end) = end.filter(|end| end.step == 0) {
                end.step = 1;
                made += 1;
                let state = Happening::ConversationChanged(conversation.state());
                planned.push(entry(Uuid::now_v7(), conversation, state));
            }
            let id = message.id.0;
            let sent = Happening::Sent(Arc::new(message.into_message(conversation)));
            planned.push(entry(id, conversation, sent));
        }
        let written = writer.write(planned).await?;
        self.import.tally.conversations += made;
        self.import.tally.messages += (written as u64).saturating_sub(made);
        if self.import.as_read {
            let ids = conversations.values().map(|conversation| conversation.id);
            let ends = writer.tails(ids.collect::<Vec<_>>()).await?;
            let marks = conversations.values().flat_map(|conversation| {
                let seq = ends.get(&conversation.id).map_or(0, |end| end.seq);
                let members = conversation.members.iter();
                members.map(move |member| (conversation.id, member.user_id, seq))
            });
            let marks = stream::iter(marks.collect::<Vec<_>>());
            let moved = marks.map(|(id, user, seq)| store.mark_read(id, user, seq));
            moved.buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
        }
        Ok(())
    }

    /// The conversations that messages belong to, made where there are none.
    async fn conversations_of(
        &mut self,
        store: &WholeStore,
        told: &[Told],
    ) -> Result<HashMap<Pair, Arc<Conversation>>, Failure> {
        if self.conversations.len() > KNOWN_CONVERSATIONS {
            self.conversations.clear();
        }
        let mut began = HashMap::<Pair, Timestamp>::new();
        for message in told {
            began.entry(message.pair).or_insert(message.sent_at);
        }
        let unknown = began
            .keys()
            .filter(|pair| !self.conversations.contains_key(*pair));
        let unknown: Vec<Pair> = unknown.copied().collect();
        let mut conversations = HashMap::new();
        for pair in began.keys() {
            conversations.extend(
                self.conversations
                    .get(pair)
                    .map(|known| (*pair, Arc::clone(known))),
            );
        }
        let mut found = Vec::new();
        if !unknown.is_empty() {
            found = store.direct_conversations(&unknown).await?;
        }
        let there: HashSet<Pair> = found.iter().filter_map(Conversation::pair).collect();
        let new = began
            .iter()
            .filter(|(pair, _)| !there.contains(pair) && !conversations.contains_key(*pair));
        let new = new.map(|(pair, began)| Conversation {
            id: conversation_of(*pair, *began),
            ..Conversation::direct(*pair, *began)
        });
        let new: Vec<Conversation> = new.collect();
        let made = stream::iter(&new).map(|new| store.create_direct(new));
        found.extend(made.buffered(AT_ONCE).try_collect::<Vec<_>>().await?);
        for conversation in found {
            let Some(pair) = conversation.pair() else {
                continue;
            };
            let conversation = Arc::new(conversation);
            self.conversations.insert(pair, Arc::clone(&conversation));
            conversations.insert(pair, conversation);
        }
        Ok(conversations)
    }
}

fn entry(id: Uuid, conversation: &Conversation, what: Happening) -> Planned {
    Planned {
        new: NewEntry {
            id,
            conversation_id: conversation.id,
            what,
        },
        step: None,
    }
}

impl Told {
    fn into_message(self, conversation: &Conversation) -> Message {
        Message {
            id: self.id,
            ..Message::new(conversation.id, self.sender, self.body, self.sent_at)
        }
    }
}

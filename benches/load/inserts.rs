//! The driver alone, inserting messages, with the server's indexes and its write concern.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chinwag::domain::{ConversationId, MessageId, UserId};
use mongodb::{
    Client, Collection, IndexModel,
    bson::{Binary, DateTime, Document, RawDocumentBuf, doc, rawdoc, spec::BinarySubtype},
    options::{Acknowledgment, ClientOptions, IndexOptions, WriteConcern},
};

use crate::{Result, place::Place, talk::body, work::Work};

/// Conversations that the messages are spread over.
const CONVERSATIONS: u32 = 100;

/// A collection for messages, and a client for it.
pub struct Inserts {
    client: Client,
    messages: Collection<RawDocumentBuf>,
    conversations: Arc<[ConversationId]>,
}

impl Inserts {
    /// In a database that is MongoDB's; the client opens so many connections at most.
    pub async fn new(place: &Place, connections: u32) -> Result<Self> {
        let Place::Mongo(uri) = place else {
            return Err("inserts need MongoDB".into());
        };
        let mut options = ClientOptions::parse(uri).await?;
        let durable = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true);
        options.write_concern = Some(durable.build());
        options.max_pool_size = Some(connections);
        let database = options.default_database.clone().ok_or("no database")?;
        let client = Client::with_options(options)?;
        let messages = client.database(&database).collection("inserted");
        let indexes = [
            index(doc! { "position": 1 }, true),
            index(doc! { "conversation": 1, "seq": 1 }, true),
            index(doc! { "conversation": 1, "position": 1 }, false),
        ];
        messages.create_indexes(indexes).await?;
        let conversations = (0..CONVERSATIONS).map(|_| ConversationId::new());
        Ok(Self {
            client,
            messages,
            conversations: conversations.collect(),
        })
    }

    /// Has so many tasks insert messages of these numbers, and gives how long each took.
    pub async fn insert(&self, work: &Work, at_once: u32) -> Result<Vec<Duration>> {
        let tasks = (0..at_once).map(|_| {
            let (messages, conversations) =
                (self.messages.clone(), Arc::clone(&self.conversations));
            let work = work.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while let Some(number) = work.next() {
                    let place = usize::try_from(number % CONVERSATIONS)?;
                    let message = message(number, conversations[place]);
                    let began = Instant::now();
                    messages.insert_one(message).await?;
                    latencies.push(began.elapsed());
                }
                Result::<_>::Ok(latencies)
            })
        });
        let mut latencies = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            latencies.extend(task.await??);
        }
        Ok(latencies)
    }

    /// Lets go of the connections.
    pub async fn close(self) {
        self.client.shutdown().immediate(true).await;
    }
}

fn index(keys: Document, unique: bool) -> IndexModel {
    let options = IndexOptions::builder().unique(unique).build();
    IndexModel::builder().keys(keys).options(options).build()
}

fn message(number: u32, conversation: ConversationId) -> RawDocumentBuf {
    let id = |id: uuid::Uuid| Binary {
        subtype: BinarySubtype::Uuid,
        bytes: id.into_bytes().to_vec(),
    };
    rawdoc! {
        "_id": id(MessageId::new().0),
        "position": i64::from(number),
        "conversation": id(conversation.0),
        "seq": i64::from(number / CONVERSATIONS),
        "sender": id(UserId::new().0),
        "body": body(number),
        "sentAt": DateTime::now(),
    }
}

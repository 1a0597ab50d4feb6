//! What only the store on MongoDB has to keep.

mod failure;
mod link;
mod log;
mod opening;
mod processes;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chinwag::{
    domain::{Body, Conversation, Draft, Message, MessageId, Pair, Timestamp, UserId},
    error::Error,
    store::{
        Conversations, Messages, OpenError, StoreLimits,
        mongo::{self, MongoStore},
    },
};
use mongodb::{Client, Database};
use tokio::time::timeout;

/// Limits for tests that run into them.
const SHORT: StoreLimits = StoreLimits {
    operation: Duration::from_secs(2),
    open: Duration::from_secs(4),
    lease: Duration::from_secs(1),
    checkpoint: Duration::from_secs(5),
};

/// The server that an expression starts; where none can be had, the test ends with a loud word, or fails in CI.
macro_rules! server_or_skip {
    ($server:expr) => {
        match $crate::support::or_skipped("MongoDB", $server.await) {
            Some(server) => server,
            None => return,
        }
    };
}

async fn open_with(uri: &str, limits: StoreLimits) -> Result<MongoStore, OpenError> {
    let opening = mongo::open(uri, limits, Arc::new(|_, _| ()));
    timeout(limits.open * 4, opening)
        .await
        .expect("opening ends by itself")
}

async fn open(uri: &str) -> MongoStore {
    open_with(uri, StoreLimits::default())
        .await
        .expect("the store opens")
}

async fn refusal(uri: &str) -> String {
    match open_with(uri, SHORT).await {
        Ok(_) => panic!("{uri} is opened"),
        Err(OpenError(line)) => line,
    }
}

async fn database(uri: &str) -> Database {
    let client = Client::with_uri_str(uri).await.expect("a client");
    client.default_database().expect("a database in the string")
}

async fn direct(store: &MongoStore) -> Conversation {
    let pair = Pair::new(UserId::new(), UserId::new()).expect("two people");
    let conversation = Conversation::direct(pair, Timestamp::now());
    store.create_direct(&conversation).await.expect("answers")
}

fn draft(conversation: &Conversation, body: &str) -> Draft {
    Draft {
        id: MessageId::new(),
        conversation_id: conversation.id,
        sender_id: conversation.members[0].user_id,
        body: Body::parse("body", body).expect("a body"),
        client_message_id: None,
        sent_at: Timestamp::now(),
        reply_to: None,
    }
}

fn drafts(conversation: &Conversation, count: usize) -> Vec<Draft> {
    (1..=count)
        .map(|number| draft(conversation, &format!("message {number}")))
        .collect()
}

/// Appends with one call that must answer in time.
async fn append(store: &MongoStore, drafts: &[Draft]) -> Result<Vec<Message>, Error> {
    timeout(SHORT.operation * 2, store.append(drafts))
        .await
        .expect("an append answers in bounded time")
}

/// Calls until the store answers; each call must end, and one of the first few must work.
async fn append_soon(store: &MongoStore, drafts: &[Draft]) -> Vec<Message> {
    for _ in 0..8 {
        match append(store, drafts).await {
            Ok(messages) => return messages,
            Err(Error::Unavailable(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the store does not recover");
}

async fn whole_log(store: &MongoStore) -> Vec<Message> {
    let mut log: Vec<Message> = Vec::new();
    loop {
        let last = log.last().map_or(0, |message| message.position);
        let part = store.log_after(last, 1_000).await.expect("answers");
        if part.is_empty() {
            return log;
        }
        log.extend(part);
    }
}

/// That places are 1, 2, 3, … in the log and in each conversation, and no message is there twice.
fn assert_contiguous(log: &[Message]) {
    let mut seqs = HashMap::new();
    let mut ids = HashSet::new();
    for (message, position) in log.iter().zip(1..) {
        let seq = seqs.entry(message.conversation_id).or_insert(0);
        *seq += 1;
        assert_eq!((message.position, message.seq), (position, *seq));
        assert!(ids.insert(message.id), "{} is there twice", message.id);
    }
}

fn ids(messages: &[Message]) -> HashSet<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

fn draft_ids(drafts: &[Draft]) -> HashSet<MessageId> {
    drafts.iter().map(|draft| draft.id).collect()
}

use server_or_skip;

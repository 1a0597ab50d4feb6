//! What only the store on MongoDB has to keep.

mod failure;
mod link;
mod log;
mod migration;
mod opening;
mod overlay;
mod plans;
mod processes;
mod search;
mod writer;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chinwag::{
    domain::{
        Body, Conversation, Entry, Message, MessageId, Pair, Position, Progress, Record, Timestamp,
        UserId,
    },
    error::Error,
    store::{
        Conversations, Log, OpenError, StoreLimits,
        mongo::{self, MongoStore},
    },
};
use mongodb::{Client, Database};
use tokio::time::timeout;

use self::writer::{Writer, message, messages};

/// Limits for tests that run into them.
const SHORT: StoreLimits = StoreLimits {
    operation: Duration::from_secs(2),
    open: Duration::from_secs(4),
    lease: Duration::from_secs(1),
    checkpoint: Duration::from_secs(5),
    alone: Duration::from_millis(100),
};

/// Those of a server, in which no process waits long for the others to see it.
fn limits() -> StoreLimits {
    StoreLimits {
        alone: Duration::from_millis(100),
        ..StoreLimits::default()
    }
}

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
    open_with(uri, limits()).await.expect("the store opens")
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

/// What a call gives once the store answers.
async fn soon<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            match call().await {
                Err(Error::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                result => return result.expect("answers"),
            }
        }
    };
    timeout(Duration::from_mins(1), asking)
        .await
        .expect("the store recovers")
}

/// Everything in the log, lane by lane.
async fn whole_log(store: &MongoStore) -> Vec<Record> {
    let mut had = Progress::default();
    let mut log: Vec<Record> = Vec::new();
    loop {
        let part = soon(|| store.log_after(&had, 1_000)).await;
        if part.is_empty() {
            log.sort_by_key(Record::position);
            return log;
        }
        for record in &part {
            had.advance(record.position());
        }
        log.extend(part);
    }
}

/// The entries of the log, lane by lane.
async fn entries(store: &MongoStore) -> Vec<Entry> {
    let entry = |record| match record {
        Record::Entry(entry) => Some(entry),
        Record::Seal(_) => None,
    };
    whole_log(store)
        .await
        .into_iter()
        .filter_map(entry)
        .collect()
}

/// That places are 1, 2, 3, … in each lane, steps and seqs in each conversation, that ranks grow in both, and that
/// nothing is there twice.
fn assert_contiguous(log: &[Record]) {
    let mut lanes = HashMap::new();
    let mut conversations: HashMap<_, Vec<&Entry>> = HashMap::new();
    let mut ids = HashSet::new();
    for record in log {
        let position = record.position();
        let (last, rank) = lanes.entry(position.lane()).or_insert((0, 0));
        *last += 1;
        assert_eq!(position, Position::at(position.lane(), *last));
        assert!(record.rank() > *rank, "ranks grow in a lane");
        *rank = record.rank();
        if let Record::Entry(entry) = record {
            assert!(ids.insert(entry.id), "{} is there twice", entry.id);
            let of = conversations.entry(entry.conversation_id).or_default();
            of.push(entry);
        }
    }
    for mut of in conversations.into_values() {
        of.sort_by_key(|entry| entry.step);
        let (mut step, mut seq, mut rank, mut before) = (0, 0, 0, Position::START);
        for entry in of {
            step += 1;
            seq += i64::from(entry.message().is_some());
            assert_eq!((entry.step, entry.seq, entry.before), (step, seq, before));
            assert!(entry.rank > rank, "ranks grow in a conversation");
            (rank, before) = (entry.rank, entry.position);
        }
    }
}

fn ids(entries: &[Entry]) -> HashSet<uuid::Uuid> {
    entries.iter().map(|entry| entry.id).collect()
}

use server_or_skip;

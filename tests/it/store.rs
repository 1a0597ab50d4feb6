//! One suite for every store: what the contract in `chinwag::store` promises, whichever it is.

mod blocks;
mod conversation;
mod history;
mod log;
mod message;
mod presence;
mod random;
mod session;
mod term;
mod upkeep;
mod user;
pub mod writer;

use std::sync::Arc;

use chinwag::{
    domain::{
        Body, Conversation, ConversationId, DisplayName, Entry, Happening, Message, MessageId,
        Pair, Progress, Record, Timestamp, User, UserId, Username,
    },
    store::DynStore,
};
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use self::{random::RandomLog, writer::Writer};

/// Makes each check a test of every kind of store. A check is an `async fn(DynStore)` whose name is a sentence.
macro_rules! on_every_store {
    ($($check:ident),+ $(,)?) => {
        crate::store::on_store!(embedded, Embedded, $($check),+);
        crate::store::on_store!(mongo, Mongo, $($check),+);
    };
}

macro_rules! on_store {
    ($module:ident, $kind:ident, $($check:ident),+) => {
        mod $module {
            use crate::support::store::{StoreKind, fresh, mongo_is_there};

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    if matches!(StoreKind::$kind, StoreKind::Mongo) && !mongo_is_there().await {
                        return;
                    }
                    let (store, _guard) = fresh(StoreKind::$kind).await;
                    super::$check(store.clone()).await;
                    store.close().await;
                }
            )+
        }
    };
}

use {on_every_store, on_store};

/// Someone who is not stored yet.
fn user(display_name: &str, username: &str) -> User {
    User {
        id: UserId::new(),
        username: Username::stored(username),
        display_name: DisplayName::stored(display_name),
        avatar_url: None,
        created_at: Timestamp::now(),
        deleted_at: None,
    }
}

async fn add_user(store: &DynStore, display_name: &str, username: &str) -> User {
    let user = user(display_name, username);
    assert!(
        store.create_user(&user, "hash").await.expect("answers"),
        "{username} is free"
    );
    user
}

/// The stored direct conversation of two people.
async fn add_direct(store: &DynStore, a: UserId, b: UserId) -> Conversation {
    let pair = Pair::new(a, b).expect("two people");
    let conversation = Conversation::direct(pair, Timestamp::now());
    store.create_direct(&conversation).await.expect("answers")
}

/// A message on its way that says which one it is.
fn draft(conversation_id: ConversationId, sender_id: UserId, body: &str) -> Message {
    Message::new(
        conversation_id,
        sender_id,
        Body::stored(body),
        Timestamp::now(),
    )
}

/// Everything in the log, read in small parts.
async fn whole_log(store: &DynStore) -> Vec<Record> {
    let mut had = Progress::default();
    let mut log = Vec::new();
    loop {
        let part = store.log_after(&had, 7).await.expect("answers");
        for record in &part {
            let position = record.position();
            assert!(!had.covers(position), "{position} is repeated");
            had.advance(position);
        }
        if part.is_empty() {
            assert_eq!(store.heads().await.expect("answers"), had);
            return log;
        }
        log.extend(part);
    }
}

/// The entries of the whole log.
async fn all_entries(store: &DynStore) -> Vec<Entry> {
    let log = whole_log(store).await.into_iter();
    let entry = |record| match record {
        Record::Entry(entry) => Some(entry),
        Record::Seal(_) => None,
    };
    log.filter_map(entry).collect()
}

/// What of entries is the same whenever they are read: their ranks are the store's affair, and what can change of a
/// message, the message shows as it is.
fn lasting(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let lasting = |mut entry: Entry| {
        entry.rank = 0;
        match &mut entry.what {
            Happening::Sent(message) => {
                let message = Arc::make_mut(message);
                message.body = Body::stored("");
                message.edited_at = None;
                message.deleted_at = None;
                message.changed = 0;
            }
            Happening::MessageChanged(change) => change.state = None,
            Happening::Reacted(_) | Happening::ConversationChanged(_) | Happening::Estranged(_) => {
            }
        }
        entry
    };
    entries.into_iter().map(lasting).collect()
}

/// How many there are, as places count.
fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).expect("a small log")
}

/// A generator of its own for each run, which says how to get it again.
fn random() -> StdRng {
    let seed = rand::random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

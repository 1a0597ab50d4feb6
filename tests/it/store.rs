//! One suite for every store: what the contract in `chinwag::store` promises, whichever it is.

mod conversation;
mod history;
mod message;
mod presence;
mod session;
mod upkeep;
mod user;

use chinwag::{
    domain::{
        Body, Conversation, ConversationId, DisplayName, Draft, Message, MessageId, Pair,
        Timestamp, User, UserId, Username,
    },
    store::DynStore,
};
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

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
fn draft(conversation_id: ConversationId, sender_id: UserId, body: &str) -> Draft {
    Draft {
        id: MessageId::new(),
        conversation_id,
        sender_id,
        body: Body::stored(body),
        client_message_id: None,
        sent_at: Timestamp::now(),
        reply_to: None,
    }
}

/// Writes one message.
async fn say(store: &DynStore, draft: &Draft) -> Message {
    let mut messages = store
        .append(std::slice::from_ref(draft))
        .await
        .expect("answers");
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

/// The whole log, read in small parts.
async fn whole_log(store: &DynStore) -> Vec<Message> {
    let mut log: Vec<Message> = Vec::new();
    loop {
        let last = log.last().map_or(0, |message| message.position);
        let part = store.log_after(last, 7).await.expect("answers");
        if part.is_empty() {
            return log;
        }
        assert!(
            part.len() <= 7 && part[0].position > last,
            "something is repeated"
        );
        log.extend(part);
    }
}

/// How many there are, as places count.
fn count(messages: &[Message]) -> i64 {
    i64::try_from(messages.len()).expect("a small log")
}

/// A log with several conversations of several people, written in batches of random sizes.
struct RandomLog {
    people: Vec<UserId>,
    conversations: Vec<Conversation>,
    messages: Vec<Message>,
}

impl RandomLog {
    async fn write(store: &DynStore, random: &mut StdRng, size: usize) -> Self {
        let people: Vec<UserId> = (0..4).map(|_| UserId::new()).collect();
        let mut conversations = Vec::new();
        for (number, a) in people.iter().enumerate() {
            for b in &people[number + 1..] {
                conversations.push(add_direct(store, *a, *b).await);
            }
        }
        let mut messages = Vec::new();
        while messages.len() < size {
            let drafts: Vec<Draft> = (0..random.random_range(1..=10))
                .map(|number| {
                    // The last conversation stays silent.
                    let conversation =
                        &conversations[random.random_range(0..conversations.len() - 1)];
                    let sender = conversation.members[random.random_range(0..2)].user_id;
                    draft(conversation.id, sender, &format!("{number}"))
                })
                .collect();
            let written = store.append(&drafts).await.expect("answers");
            for (draft, message) in drafts.iter().zip(&written) {
                assert_eq!(*message, draft.placed(message.position, message.seq));
            }
            assert_eq!(written.len(), drafts.len());
            messages.extend(written);
        }
        Self {
            people,
            conversations,
            messages,
        }
    }

    /// What one conversation says, in its order.
    fn of(&self, conversation: ConversationId) -> Vec<Message> {
        let of = |message: &&Message| message.conversation_id == conversation;
        self.messages.iter().filter(of).cloned().collect()
    }
}

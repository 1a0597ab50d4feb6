//! What only the store on MongoDB has to keep.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chinwag::{
    domain::{
        Body, ClientMessageId, Conversation, Draft, Message, MessageId, Pair, Position, Session,
        SessionId, Timestamp, UserId, Window,
    },
    error::Error,
    store::{
        Conversations, Messages, OpenError, Presence, Sessions, StoreLimits, Upkeep,
        mongo::{self, MongoStore},
    },
};
use futures_util::future::join_all;
use mongodb::{
    Client, Database,
    bson::{Bson, Document, doc},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use crate::support::mongod::{self, OwnMongod, fresh_database};

/// Limits for tests that run into them.
const SHORT: StoreLimits = StoreLimits {
    operation: Duration::from_secs(2),
    open: Duration::from_secs(4),
    lease: Duration::from_secs(1),
};

/// A store of its own on the shared server; none, with a loud word, where no server can be had and nobody insists.
macro_rules! server_or_skip {
    ($server:expr) => {
        match $server.await {
            Ok(server) => server,
            Err(reason) if std::env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: no MongoDB to test on: {reason}");
                return;
            }
            Err(reason) => panic!("no MongoDB to test on: {reason}"),
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

#[tokio::test(flavor = "multi_thread")]
async fn busy_processes_share_the_log_and_none_is_kept_out() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let stores = join_all((0..3).map(|_| open(&uri))).await;
    let shared = direct(&stores[0]).await;
    // Everyone goes on back to back until the slowest has had its share; an append that is kept out for the time
    // that a method may take fails.
    let behind = Arc::new(AtomicUsize::new(stores.len()));
    let writers = stores.iter().cloned().map(|store| {
        let (behind, shared) = (Arc::clone(&behind), shared.clone());
        tokio::spawn(async move {
            let own = direct(&store).await;
            let mut written = Vec::new();
            while behind.load(Ordering::Relaxed) > 0 {
                let batch: Vec<Draft> = [drafts(&shared, 3), drafts(&own, 3)].concat();
                let messages = store.append(&batch).await.expect("its turn comes");
                assert_eq!(
                    messages
                        .iter()
                        .map(|message| message.id)
                        .collect::<Vec<_>>(),
                    batch.iter().map(|draft| draft.id).collect::<Vec<_>>()
                );
                written.extend(messages);
                if written.len() == 50 * batch.len() {
                    behind.fetch_sub(1, Ordering::Relaxed);
                }
            }
            written
        })
    });
    let mut written: Vec<Message> = Vec::new();
    for writer in join_all(writers).await {
        written.extend(writer.expect("ends"));
    }
    written.sort_unstable_by_key(|message| message.position);
    assert_contiguous(&written);
    for store in &stores {
        assert_eq!(whole_log(store).await, written);
        let activity = store.activities(&[shared.id]).await.expect("answers");
        let last = written
            .iter()
            .rfind(|message| message.conversation_id == shared.id);
        assert_eq!(Some(activity[0].last_seq), last.map(|message| message.seq));
        store.close().await;
    }
}

#[tokio::test]
async fn what_a_crash_kept_from_being_bumped_is_bumped_by_the_next_start() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let conversation = direct(&store).await;
    store
        .append(&drafts(&conversation, 3))
        .await
        .expect("answers");
    let seen_before = store.activities(&[conversation.id]).await.expect("answers");
    store.close().await;

    // As if the process had ended between its insert and its bumps.
    let db = database(&uri).await;
    let unbumped = doc! { "$set": { "lastSeq": 0_i64 }, "$unset": { "lastActivityAt": "", "lastPosition": "" } };
    let conversations = db.collection::<Document>("conversations");
    conversations
        .update_many(doc! {}, unbumped)
        .await
        .expect("set back");
    db.collection::<Document>("readMarks")
        .delete_many(doc! {})
        .await
        .expect("set back");
    let bumped = doc! { "$set": { "position": 0_i64 } };
    db.collection::<Document>("meta")
        .update_one(doc! { "_id": "bumped" }, bumped)
        .await
        .expect("set back");

    let store = open(&uri).await;
    let sender = conversation.members[0].user_id;
    assert_eq!(store.activities(&[conversation.id]).await, Ok(seen_before));
    let listed = store
        .conversations_of(sender, None, 10)
        .await
        .expect("answers");
    assert_eq!(listed.len(), 1);
    let marks = store.read_marks(&[conversation.id]).await.expect("answers");
    let mark = marks.iter().find(|mark| mark.user_id == sender);
    assert_eq!(mark.map(|mark| mark.seq), Some(3));
    store.close().await;
}

#[tokio::test]
async fn a_duplicate_in_the_middle_of_a_batch_stops_nothing_behind_it() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let conversation = direct(&here).await;
    let named = |name: &str| Draft {
        client_message_id: Some(ClientMessageId::parse("id", name).expect("a name")),
        ..draft(&conversation, name)
    };
    let first = here
        .append(&[named("a"), named("b")])
        .await
        .expect("answers");
    let mixed = [
        draft(&conversation, "c"),
        named("b"),
        draft(&conversation, "d"),
        named("a"),
    ];
    let second = elsewhere.append(&mixed).await.expect("answers");
    assert_eq!(
        second.iter().map(|message| message.seq).collect::<Vec<_>>(),
        [3, 2, 4, 1]
    );
    assert_eq!([&second[3], &second[1]], [&first[0], &first[1]]);
    // The very same drafts once more, as after an outcome that was not known.
    assert_eq!(here.append(&mixed).await, Ok(second));
    assert_contiguous(&whole_log(&here).await);
    here.close().await;
    elsewhere.close().await;
}

/// What the server says about the queries on messages since profiling began: (plan, documents examined, returned).
async fn profiled(db: &Database) -> Vec<(String, i64, i64)> {
    let number = |entry: &Document, key: &str| match entry.get(key) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{key} is {other:?}"),
    };
    let profile = db.collection::<Document>("system.profile");
    let queries = doc! { "op": "query", "ns": format!("{}.messages", db.name()) };
    let mut entries = profile.find(queries).await.expect("a profile");
    let mut found = Vec::new();
    while entries.advance().await.expect("a profile") {
        let entry = entries.deserialize_current().expect("an entry");
        let plan = entry.get_str("planSummary").expect("a plan").to_owned();
        found.push((
            plan,
            number(&entry, "docsExamined"),
            number(&entry, "nreturned"),
        ));
    }
    found
}

#[tokio::test]
async fn a_page_costs_the_same_wherever_it_lies_in_ten_thousand_messages() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let (long, other) = (direct(&store).await, direct(&store).await);
    for _ in 0..10 {
        let batch = [drafts(&long, 1_000), drafts(&other, 50)].concat();
        store.append(&batch).await.expect("answers");
    }
    let db = database(&uri).await;
    db.run_command(doc! { "profile": 2 })
        .await
        .expect("profiling");
    let window = |after, before, from_end| Window {
        after,
        before,
        limit: 50,
        from_end,
    };
    let member = long.members[0].user_id;
    for window in [
        window(None, None, true),
        window(None, None, false),
        window(Some(5_000), None, false),
        window(None, Some(5_000), true),
        window(Some(9_990), None, false),
        window(None, Some(10), true),
    ] {
        let page = store.history(long.id, &window).await.expect("answers");
        assert!(!page.items.is_empty());
    }
    let head = store.head().await.expect("answers");
    for after in [0, 5_000, head - 60] {
        let missed = store
            .missed(member, None, after, head, 50)
            .await
            .expect("answers");
        assert!(!missed.is_empty());
    }
    db.run_command(doc! { "profile": 0 })
        .await
        .expect("profiling ends");
    let queries = profiled(&db).await;
    assert_eq!(queries.len(), 6 + 1 + 3);
    for (plan, examined, returned) in queries {
        assert!(plan.starts_with("IXSCAN"), "{plan}");
        assert!(
            examined <= 51 && returned <= 51,
            "{plan}: {examined} for {returned}"
        );
    }
    store.close().await;
}

#[tokio::test]
async fn a_session_ended_by_one_process_is_named_to_the_others() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let now = Timestamp::now();
    let session = Session {
        id: SessionId::new(),
        user_id: UserId::new(),
        created_at: now,
        expires_at: now.after(Duration::from_secs(60)),
    };
    here.create_session(&session).await.expect("answers");
    assert_eq!(elsewhere.sessions_ended_elsewhere().await, Ok(vec![]));
    assert_eq!(here.end_session(session.id).await, Ok(true));
    assert_eq!(elsewhere.session(session.id).await, Ok(None));
    assert_eq!(
        elsewhere.sessions_ended_elsewhere().await,
        Ok(vec![session.id])
    );
    assert_eq!(here.sessions_ended_elsewhere().await, Ok(vec![]));
    here.close().await;
    elsewhere.close().await;
}

/// Renews the lease until it has buried somebody of these.
async fn seen_after_burial(store: &MongoStore, user: UserId, later_than: Timestamp) -> Timestamp {
    for _ in 0..200 {
        store.renew_lease().await.expect("answers");
        let seen = store.last_seen(&[user]).await.expect("answers");
        if let Some((_, at)) = seen.first().filter(|(_, at)| *at > later_than) {
            return *at;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is buried");
}

#[tokio::test]
async fn a_dead_process_takes_its_users_offline_and_a_paused_one_comes_back_with_them() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let paused = open_with(&uri, SHORT).await.expect("the store opens");
    let alive = open_with(&uri, SHORT).await.expect("the store opens");
    let user = UserId::new();
    paused.record_online(&[user]).await.expect("answers");
    let first = seen_after_burial(&alive, user, Timestamp(0)).await;
    paused.renew_lease().await.expect("answers");
    // Not closed: as dead as a process that was killed.
    drop(paused);
    seen_after_burial(&alive, user, first).await;
    alive.close().await;
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_named_without_the_password() {
    let line = refusal("mongodb://ann:s3cret@127.0.0.1:1/chat").await;
    assert_eq!(line, "MongoDB at 127.0.0.1:1 cannot be reached.");
    let line = refusal("mongodb+srv://ann:s3cret@no-such-host.invalid/chat").await;
    assert_eq!(line, "MongoDB at no-such-host.invalid cannot be reached.");
    let line = refusal("mongodb://ann:s3cret@pass@127.0.0.1:1:2/chat").await;
    assert!(
        line.contains("MONGODB_URI") && !line.contains("s3cret"),
        "{line}"
    );
}

#[tokio::test]
async fn a_frozen_server_is_refused_at_the_start() {
    let server = server_or_skip!(mongod::own());
    server.stop();
    let line = refusal(&server.uri_for("chat")).await;
    assert_eq!(
        line,
        format!("MongoDB at {} cannot be reached.", server.address())
    );
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    open(&uri).await.close().await;
    let meta = database(&uri).await.collection::<Document>("meta");
    let newer = doc! { "$set": { "version": 1_000 } };
    meta.update_one(doc! { "_id": "schema" }, newer)
        .await
        .expect("set");
    let line = refusal(&uri).await;
    assert!(line.contains("version 1000"), "{line}");
}

#[tokio::test]
async fn an_index_that_cannot_be_made_is_a_reason_not_to_serve() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let users = database(&uri).await.collection::<Document>("users");
    let twins = [doc! { "usernameKey": "ann" }, doc! { "usernameKey": "ann" }];
    users.insert_many(twins).await.expect("inserted");
    let line = refusal(&uri).await;
    assert!(line.contains("usernameKey"), "{line}");
}

#[tokio::test]
async fn a_user_without_the_rights_or_with_a_wrong_password_is_refused() {
    let server = server_or_skip!(mongod::standalone(&["--auth"]));
    let create = |name: &str, role: &str, db: &str| {
        doc! { "createUser": name, "pwd": "s3cret", "roles": [{ "role": role, "db": db }] }
    };
    let uri = |user: &str| {
        format!(
            "mongodb://{user}@{}/chat?authSource=admin",
            server.address()
        )
    };
    let admin = Client::with_uri_str(server.uri_for(""))
        .await
        .expect("a client")
        .database("admin");
    admin
        .run_command(create("root", "root", "admin"))
        .await
        .expect("the first user");
    let admin = Client::with_uri_str(uri("root:s3cret"))
        .await
        .expect("a client")
        .database("admin");
    admin
        .run_command(create("reader", "read", "chat"))
        .await
        .expect("a user");
    admin
        .run_command(create("writer", "readWrite", "chat"))
        .await
        .expect("a user");

    let address = server.address();
    let line = refusal(&uri("reader:s3cret")).await;
    let rights = "does not let this user read, write and create indexes in the database.";
    assert_eq!(line, format!("MongoDB at {address} {rights}"));
    let line = refusal(&uri("writer:wr0ng")).await;
    assert_eq!(
        line,
        format!("MongoDB at {address} does not accept the user name and password.")
    );
    let line = refusal(&server.uri_for("chat")).await;
    assert_eq!(line, format!("MongoDB at {address} {rights}"));
    let store = open_with(&uri("writer:s3cret"), SHORT)
        .await
        .expect("enough rights");
    assert_eq!(store.ping().await, Ok(()));
    store.close().await;
}

#[tokio::test]
async fn a_standalone_server_works() {
    let server = server_or_skip!(mongod::standalone(&[]));
    let store = open_with(&server.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let batch = drafts(&conversation, 20);
    let written = store.append(&batch).await.expect("answers");
    assert_eq!(store.append(&batch).await, Ok(written.clone()));
    assert_eq!(whole_log(&store).await, written);
    let activity = store.activities(&[conversation.id]).await.expect("answers");
    assert_eq!(activity[0].last_seq, 20);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_makes_calls_unavailable_and_all_works_again_when_it_goes_on() {
    let server = server_or_skip!(mongod::own());
    let store = open_with(&server.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let first = drafts(&conversation, 3);
    append(&store, &first).await.expect("answers");

    server.stop();
    let second = drafts(&conversation, 3);
    let late = append(&store, &second).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    let readers = (0..200).map(|_| timeout(SHORT.operation * 3, store.ping()));
    for answer in join_all(readers).await {
        let answer = answer.expect("every call answers in bounded time");
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }

    server.cont();
    assert_eq!(store.ping().await, Ok(()));
    let third = drafts(&conversation, 3);
    append(&store, &third).await.expect("the next call works");
    // What became of the second batch was not known; now each of it is there, once.
    append(&store, &second).await.expect("answers");
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    assert_eq!(ids(&log), draft_ids(&[first, second, third].concat()));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_what_was_acknowledged_and_is_found_again() {
    let mut server = server_or_skip!(mongod::own());
    let store = open_with(&server.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let (mut acknowledged, mut tried) = (HashSet::new(), HashSet::new());
            let mut interrupted = false;
            while !stop.load(Ordering::Relaxed) || !interrupted {
                let batch = drafts(&conversation, 5);
                tried.extend(draft_ids(&batch));
                match append(&store, &batch).await {
                    Ok(messages) => acknowledged.extend(ids(&messages)),
                    Err(Error::Unavailable(_)) => interrupted = true,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (acknowledged, tried, conversation)
        }
    });
    wait_for_messages(&store, 50).await;
    server.kill();
    stop.store(true, Ordering::Relaxed);
    let (acknowledged, tried, conversation) = writer.await.expect("ends");
    server.restart().await.expect("it starts again");
    append_soon(&store, &[draft(&conversation, "again")]).await;
    let mut log = whole_log(&store).await;
    assert_contiguous(&log);
    assert_eq!(
        log.pop()
            .map(|message| message.body.as_str().to_owned())
            .as_deref(),
        Some("again")
    );
    let kept = ids(&log);
    assert!(acknowledged.is_subset(&kept) && kept.is_subset(&tried));
    store.close().await;
}

/// Waits until the log holds so many messages.
async fn wait_for_messages(store: &MongoStore, count: Position) {
    while store.head().await.expect("answers") < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A link to a server whose connections can go silent for good, as behind a firewall that forgets them; later ones
/// work.
struct Link {
    address: String,
    silence: watch::Sender<()>,
}

impl Link {
    async fn to(server: &OwnMongod) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (silence, silenced) = watch::channel(());
        let server = server.address();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&server)
                    .await
                    .expect("the server listens");
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(forward(near_in, far_out, silenced.clone()));
                tokio::spawn(forward(far_in, near_out, silenced.clone()));
            }
        });
        Self { address, silence }
    }
}

/// Forwards until silenced; then keeps the connection open and says nothing.
async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut silenced: watch::Receiver<()>,
) {
    silenced.mark_unchanged();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            _ = silenced.changed() => return std::future::pending().await,
            read = from.read(&mut buffer) => match read {
                Ok(length @ 1..) if to.write_all(&buffer[..length]).await.is_ok() => {}
                _ => return,
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_silent_are_given_up_and_replaced() {
    let server = server_or_skip!(mongod::own());
    let link = Link::to(&server).await;
    let uri = format!("mongodb://{}/chat?directConnection=true", link.address);
    let store = open_with(&uri, SHORT).await.expect("the store opens");
    let conversation = direct(&store).await;
    let first = append(&store, &drafts(&conversation, 3))
        .await
        .expect("answers");
    link.silence.send(()).expect("connections are there");
    let second = append_soon(&store, &drafts(&conversation, 3)).await;
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    assert!(
        ids(&first)
            .union(&ids(&second))
            .all(|id| ids(&log).contains(id))
    );
    store.close().await;
}

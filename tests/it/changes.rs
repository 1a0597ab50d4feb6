//! Conversations that change: created, read.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{Client, TestApp, json as at, store::StoreKind, ws::Ws},
};

const CHANGED: &str = "subscription {
    conversationChanged {
        id unreadCount lastMessage { seq } members { user { username } lastRead { seq } }
    }
}";
const MARK: &str = "mutation($id: ID!) {
    markRead(messageId: $id) { id unreadCount members { user { username } lastRead { seq } } }
}";

/// A socket of `client` that listens to changes.
async fn listener(app: &TestApp, client: &Client) -> Ws {
    let mut socket = app.socket(client).await;
    socket.subscribe("changed", CHANGED, json!({})).await;
    socket.settle().await;
    socket
}

/// The next changed conversation.
async fn next(socket: &mut Ws) -> Value {
    socket.event("changed").await["conversationChanged"].clone()
}

/// Makes sure that nothing else was told by now: what is told next is a conversation that begins only here.
async fn is_all(app: &TestApp, listening: &mut Ws, client: &Client) {
    static NEWCOMERS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("newcomer{}", NEWCOMERS.fetch_add(1, Relaxed));
    let sent = app.user(&name).await.send(client, "hello").await;
    assert_eq!(next(listening).await["id"], sent["conversation"]["id"]);
}

/// How far a member has read, as a conversation shows it.
fn read_by(conversation: &Value, username: &str) -> Value {
    let mut members = conversation["members"].as_array().expect("a list").iter();
    let member = members.find(|member| at(member, "user.username") == username);
    at(member.expect("a member"), "lastRead.seq")
}

/// Marks as read, which must go well.
async fn mark(client: &Client, message: &Value) -> Value {
    let data = client.ok(MARK, json!({ "id": message["id"] })).await;
    data["markRead"].clone()
}

/// How many messages of the conversation with `peer` the viewer has not read.
async fn unread(viewer: &Client, peer: &Client) -> Value {
    let document = "query($id: ID!) { user(id: $id) { directConversation { unreadCount } } }";
    let data = viewer.ok(document, json!({ "id": peer.id })).await;
    at(&data, "user.directConversation.unreadCount")
}

on_both_stores!(
    the_first_message_tells_both_members,
    reading_tells_both_members_and_nobody_else,
    unread_counts_follow_what_is_sent_and_read,
    read_marks_only_move_forward,
    what_one_may_not_see_cannot_be_marked,
);

async fn the_first_message_tells_both_members(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let mut sockets = [listener(&app, &ann).await, listener(&app, &bob).await];
    let mut stranger = listener(&app, &eve).await;
    let sent = ann.send(&bob, "hello").await;
    for (socket, unread) in sockets.iter_mut().zip([0, 1]) {
        let changed = next(socket).await;
        assert_eq!(changed["id"], sent["conversation"]["id"]);
        assert_eq!(changed["lastMessage"]["seq"], 1);
        assert_eq!(changed["unreadCount"], unread);
        assert_eq!(read_by(&changed, "ann"), 1);
        assert_eq!(read_by(&changed, "bob"), Value::Null);
    }
    // Who answers has read what was there.
    bob.send(&ann, "hello").await;
    for (socket, unread) in sockets.iter_mut().zip([1, 0]) {
        let changed = next(socket).await;
        assert_eq!(changed["lastMessage"]["seq"], 2);
        assert_eq!(changed["unreadCount"], unread);
        assert_eq!(read_by(&changed, "bob"), 2);
    }
    // All else that messages change is what newMessage is for.
    bob.send(&ann, "are you there?").await;
    let [anns, bobs] = &mut sockets;
    is_all(&app, anns, &ann).await;
    is_all(&app, bobs, &bob).await;
    is_all(&app, &mut stranger, &eve).await;
}

async fn reading_tells_both_members_and_nobody_else(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    ann.send(&bob, "one").await;
    let second = ann.send(&bob, "two").await;
    eve.send(&ann, "elsewhere").await;
    let mut sockets = [
        listener(&app, &ann).await,
        listener(&app, &bob).await,
        listener(&app, &bob).await,
    ];
    let mut stranger = listener(&app, &eve).await;
    let marked = mark(&bob, &second).await;
    assert_eq!(marked["unreadCount"], 0);
    assert_eq!(read_by(&marked, "bob"), 2);
    for socket in &mut sockets {
        let changed = next(socket).await;
        assert_eq!(changed["id"], second["conversation"]["id"]);
        assert_eq!(changed["unreadCount"], 0);
        assert_eq!(read_by(&changed, "ann"), 2);
        assert_eq!(read_by(&changed, "bob"), 2);
    }
    is_all(&app, &mut stranger, &eve).await;
}

async fn unread_counts_follow_what_is_sent_and_read(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut sent = Vec::new();
    for n in 1..=5 {
        sent.push(ann.send(&bob, "hello").await);
        assert_eq!(unread(&bob, &ann).await, n);
        assert_eq!(unread(&ann, &bob).await, 0, "one has read what one sends");
    }
    mark(&bob, &sent[1]).await;
    assert_eq!(unread(&bob, &ann).await, 3);
    assert_eq!(unread(&ann, &bob).await, 0);
    bob.send(&ann, "sending reads").await;
    assert_eq!(unread(&bob, &ann).await, 0);
    assert_eq!(unread(&ann, &bob).await, 1);
    let data = ann
        .ok(
            "{ conversations { nodes { unreadCount lastMessage { body } } } }",
            json!({}),
        )
        .await;
    let expected = json!([{ "unreadCount": 1, "lastMessage": { "body": "sending reads" } }]);
    assert_eq!(at(&data, "conversations.nodes"), expected);
}

async fn read_marks_only_move_forward(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(ann.send(&bob, "hello").await);
    }
    mark(&bob, &sent[1]).await;
    let mut listening = listener(&app, &ann).await;
    for earlier in [&sent[0], &sent[1]] {
        let marked = mark(&bob, earlier).await;
        assert_eq!(read_by(&marked, "bob"), 2);
        assert_eq!(marked["unreadCount"], 1);
    }
    is_all(&app, &mut listening, &ann).await;
    // One's own messages were read when they were sent.
    mark(&ann, &sent[0]).await;
    assert_eq!(unread(&ann, &bob).await, 0);
    // Many at once: the furthest holds.
    let marks = sent
        .iter()
        .cycle()
        .take(12)
        .map(|message| mark(&bob, message));
    futures_util::future::join_all(marks).await;
    assert_eq!(unread(&bob, &ann).await, 0);
    assert_eq!(read_by(&next(&mut listening).await, "bob"), 3);
}

async fn what_one_may_not_see_cannot_be_marked(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let sent = ann.send(&bob, "private").await;
    let mut listening = listener(&app, &ann).await;
    let unknown = uuid::Uuid::now_v7().to_string();
    let answers = [&sent["id"], &json!(unknown), &json!("junk"), &json!("")]
        .map(|id| eve.fails("NOT_FOUND", MARK, json!({ "id": id })));
    let answers = futures_util::future::join_all(answers).await;
    for answer in &answers {
        assert_eq!(
            answer["message"], answers[0]["message"],
            "all sound the same"
        );
    }
    is_all(&app, &mut listening, &ann).await;
    assert_eq!(unread(&bob, &ann).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_pressure_a_conversation_is_told_once_in_its_newest_state() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    bob.send(&ann, "first").await;
    let mut anns = Ws::open_narrow(app.address).await;
    anns.init(json!({ "token": ann.token })).await;
    for n in 0..99 {
        let document = "subscription { newMessage { message { body } } }";
        anns.subscribe(&n.to_string(), document, json!({})).await;
    }
    anns.subscribe("changed", CHANGED, json!({})).await;
    anns.settle().await;
    // Nothing of this is read, until what is on its way fills all that holds it.
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(bob.send(&ann, &"🦀".repeat(4_000)).await);
    }
    for message in &sent {
        mark(&ann, message).await;
    }
    let mut told = Vec::new();
    while told
        .last()
        .is_none_or(|last: &Value| last["unreadCount"] != 0)
    {
        told.push(next(&mut anns).await);
    }
    assert!(told.len() < sent.len(), "{} times", told.len());
    assert_eq!(read_by(told.last().expect("told"), "ann"), 21);
    let left = anns.until_settled().await;
    assert!(left.iter().all(|message| message["id"] != "changed"));
}

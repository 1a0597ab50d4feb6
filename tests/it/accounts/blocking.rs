//! Having nothing to do with someone any more.

use serde_json::{Value, json};

use super::field;
use crate::{
    on_both_stores,
    support::{Client, TestApp, eventually, json as at, store::StoreKind},
};

const BLOCK: &str = "mutation($id: ID!) { blockUser(userId: $id) { id online lastSeenAt } }";
const UNBLOCK: &str = "mutation($id: ID!) { unblockUser(userId: $id) { id } }";
const BLOCKED: &str = "{ blockedUsers { username } }";
const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
const ONLINE: &str = "query($id: ID!) {
    onlineUsers { username } user(id: $id) { online lastSeenAt }
}";
const WATCH: &str = "subscription($among: [ID!]) {
    onlineUsersChanged(among: $among) { joined { username } left { username } }
}";

on_both_stores!(
    neither_writes_to_the_other_and_the_history_stays,
    a_first_message_is_refused_too,
    neither_sees_the_other_online,
    open_subscriptions_tell_that_the_other_left_and_is_back,
    neither_sees_the_other_typing,
    blocks_are_listed_and_made_once,
    a_block_from_both_sides_lasts_until_both_have_taken_it_back,
    a_block_holds_on_every_process_and_after_a_restart,
);

async fn block(blocker: &Client, blocked: &Client) {
    let shown = blocker.ok(BLOCK, json!({ "id": blocked.id })).await;
    let expected = json!({ "id": blocked.id, "online": false, "lastSeenAt": null });
    assert_eq!(shown["blockUser"], expected);
}

async fn unblock(blocker: &Client, blocked: &Client) {
    let shown = blocker.ok(UNBLOCK, json!({ "id": blocked.id })).await;
    assert_eq!(shown["unblockUser"]["id"], blocked.id.as_str());
}

async fn blocked(client: &Client) -> Vec<String> {
    names(&client.ok(BLOCKED, json!({})).await["blockedUsers"])
}

/// The usernames in a list of users.
fn names(users: &Value) -> Vec<String> {
    let users = users.as_array().expect("a list").iter();
    let name = |user: &Value| user["username"].as_str().expect("a name").to_owned();
    users.map(name).collect()
}

/// Whether a message from one to the other is taken.
async fn may_write(from: &Client, to: &Value) -> bool {
    let input = json!({ "input": { "to": to, "body": "hello" } });
    let reply = from.run(SEND, input).await;
    match at(&reply, "errors.0.extensions.code").as_str() {
        None => true,
        Some("FORBIDDEN") => false,
        other => panic!("{other:?}: {reply}"),
    }
}

async fn neither_writes_to_the_other_and_the_history_stays(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let said = ann.send(&bob, "before").await;
    let conversation = json!({ "conversationId": said["conversation"]["id"] });
    let mut bobs = app.socket(&bob).await;
    let changes = "subscription { conversationChanged { id } }";
    bobs.subscribe("changes", changes, json!({})).await;
    block(&ann, &bob).await;
    for (from, to) in [(&ann, &bob), (&bob, &ann)] {
        for target in [&json!({ "userId": to.id }), &conversation] {
            assert!(!may_write(from, target).await, "{} {target}", from.username);
            assert_eq!(from.history(target).await.len(), 1);
        }
        assert!(may_write(from, &json!({ "userId": cleo.id })).await);
        assert!(may_write(&cleo, &json!({ "userId": from.id })).await);
    }
    let mine = "mutation($id: ID!) { markRead(messageId: $id) { unreadCount } }";
    let read = bob.ok(mine, json!({ "id": said["id"] })).await;
    assert_eq!(read["markRead"]["unreadCount"], 0);
    unblock(&ann, &bob).await;
    assert!(may_write(&bob, &conversation).await);
    assert_eq!(ann.history(&conversation).await.len(), 2);
    app.stop().await;
}

async fn a_first_message_is_refused_too(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    block(&ann, &bob).await;
    for (from, to) in [(&ann, &bob), (&bob, &ann)] {
        assert!(!may_write(from, &json!({ "userId": to.id })).await);
        let document = "query($id: ID!) {
            conversations { nodes { id } } user(id: $id) { directConversation { id } }
        }";
        let nothing = json!({
            "conversations": { "nodes": [] }, "user": { "directConversation": null },
        });
        assert_eq!(from.ok(document, json!({ "id": to.id })).await, nothing);
    }
    unblock(&ann, &bob).await;
    assert!(may_write(&bob, &json!({ "userId": ann.id })).await);
    app.stop().await;
}

async fn neither_sees_the_other_online(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        config.limits.presence_grace = std::time::Duration::ZERO;
    })
    .await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let (anns, bobs) = (app.socket(&ann).await, app.socket(&bob).await);
    block(&ann, &bob).await;
    for (viewer, other) in [(&ann, &bob), (&bob, &ann)] {
        let seen = viewer.ok(ONLINE, json!({ "id": other.id })).await;
        assert_eq!(names(&seen["onlineUsers"]), [viewer.username.as_str()]);
        let hidden = json!({ "online": false, "lastSeenAt": null });
        assert_eq!(seen["user"], hidden);
        let seen = cleo.ok(ONLINE, json!({ "id": other.id })).await;
        assert_eq!(names(&seen["onlineUsers"]), ["ann", "bob"]);
        assert_eq!(seen["user"]["online"], true);
    }
    drop((anns, bobs));
    eventually("both are offline", async || {
        let seen = cleo.ok(ONLINE, json!({ "id": bob.id })).await;
        seen["onlineUsers"] == json!([]) && seen["user"]["lastSeenAt"].is_string()
    })
    .await;
    let seen = ann.ok(ONLINE, json!({ "id": bob.id })).await;
    assert_eq!(seen["user"]["lastSeenAt"], Value::Null);
    unblock(&ann, &bob).await;
    let seen = ann.ok(ONLINE, json!({ "id": bob.id })).await;
    assert!(seen["user"]["lastSeenAt"].is_string());
    app.stop().await;
}

async fn open_subscriptions_tell_that_the_other_left_and_is_back(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        config.limits.presence_grace = std::time::Duration::ZERO;
    })
    .await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let (mut anns, mut bobs) = (app.socket(&ann).await, app.socket(&bob).await);
    let mut cleos = app.socket(&cleo).await;
    let only_bob = json!({ "among": [bob.id] });
    anns.subscribe("all", WATCH, json!({})).await;
    anns.subscribe("one", WATCH, only_bob.clone()).await;
    bobs.subscribe("all", WATCH, json!({})).await;
    cleos.subscribe("all", WATCH, json!({})).await;
    for (id, count) in [("all", 3), ("one", 1)] {
        let first = anns.event(id).await["onlineUsersChanged"].clone();
        assert_eq!(first["joined"].as_array().map(Vec::len), Some(count));
    }
    for socket in [&mut bobs, &mut cleos] {
        let first = socket.event("all").await["onlineUsersChanged"].clone();
        assert_eq!(first["joined"].as_array().map(Vec::len), Some(3));
    }
    let change = |joined: &[&str], left: &[&str]| {
        let list = |names: &[&str]| {
            let users = names.iter().map(|name| json!({ "username": name }));
            Value::Array(users.collect())
        };
        json!({ "onlineUsersChanged": { "joined": list(joined), "left": list(left) } })
    };
    block(&ann, &bob).await;
    for id in ["all", "one"] {
        assert_eq!(anns.event(id).await, change(&[], &["bob"]), "{id}");
    }
    assert_eq!(bobs.event("all").await, change(&[], &["ann"]));
    // Who subscribes now never hears of the other.
    anns.subscribe("late", WATCH, only_bob).await;
    assert_eq!(anns.event("late").await, change(&[], &[]));
    drop(bobs);
    assert_eq!(cleos.event("all").await, change(&[], &["bob"]));
    let _bobs = app.socket(&bob).await;
    assert_eq!(cleos.event("all").await, change(&["bob"], &[]));

    unblock(&ann, &bob).await;
    let mut back = 0;
    while back < 3 {
        let message = anns.next().await;
        assert_eq!(
            message["payload"]["data"],
            change(&["bob"], &[]),
            "{message}"
        );
        back += 1;
    }
    // Of all this cleo heard nothing but bob's going and coming.
    let dora = app.user("dora").await;
    let _doras = app.socket(&dora).await;
    assert_eq!(cleos.event("all").await, change(&["dora"], &[]));
    app.stop().await;
}

async fn neither_sees_the_other_typing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "hello").await;
    let listen = "subscription { typing { user { username } typing } }";
    let typing = "mutation($in: ConversationRef!, $typing: Boolean!) {
        setTyping(in: $in, typing: $typing)
    }";
    let types = async |from: &Client, to: &Client, typing_now: bool| {
        let variables = json!({ "in": { "userId": to.id }, "typing": typing_now });
        let told = from.ok(typing, variables).await;
        assert_eq!(told, json!({ "setTyping": true }));
    };
    let (mut anns, mut bobs) = (app.socket(&ann).await, app.socket(&bob).await);
    anns.subscribe("typing", listen, json!({})).await;
    bobs.subscribe("typing", listen, json!({})).await;
    anns.settle().await;
    bobs.settle().await;
    let event = |name: &str, typing: bool| json!({ "typing": { "user": { "username": name }, "typing": typing } });
    types(&bob, &ann, true).await;
    assert_eq!(anns.event("typing").await, event("bob", true));
    block(&ann, &bob).await;
    assert_eq!(anns.event("typing").await, event("bob", false));
    for typing_now in [true, false, true] {
        types(&bob, &ann, typing_now).await;
        types(&ann, &bob, typing_now).await;
    }
    unblock(&ann, &bob).await;
    types(&ann, &bob, true).await;
    assert_eq!(bobs.event("typing").await, event("ann", true));
    types(&bob, &ann, true).await;
    assert_eq!(anns.event("typing").await, event("bob", true));
    app.stop().await;
}

async fn blocks_are_listed_and_made_once(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.limits.blocked_users = 3).await;
    let ann = app.user("ann").await;
    let (bob, cleo, dora) = (
        app.user("bob").await,
        app.user("cleo").await,
        app.user("dora").await,
    );
    let eve = app.user("eve").await;
    assert_eq!(blocked(&ann).await, [""; 0]);
    for other in [&bob, &cleo, &bob, &dora, &cleo] {
        block(&ann, other).await;
    }
    assert_eq!(blocked(&ann).await, ["dora", "cleo", "bob"]);
    assert_eq!(blocked(&bob).await, [""; 0], "nobody is told");
    let error = ann
        .fails("BAD_USER_INPUT", BLOCK, json!({ "id": eve.id }))
        .await;
    assert_eq!(field(&error), "userId");
    for _ in 0..2 {
        unblock(&ann, &cleo).await;
        unblock(&bob, &ann).await;
    }
    assert_eq!(blocked(&ann).await, ["dora", "bob"]);
    block(&ann, &eve).await;
    for document in [BLOCK, UNBLOCK] {
        for (id, code) in [
            (ann.id.as_str(), "BAD_USER_INPUT"),
            ("user_01h455vb4pex5vsknk084sn02q", "NOT_FOUND"),
            ("conv_01h455vb4pex5vsknk084sn02q", "NOT_FOUND"),
            ("", "NOT_FOUND"),
        ] {
            let error = ann.fails(code, document, json!({ "id": id })).await;
            assert_eq!(field(&error), "userId", "{id}");
        }
        let variables = json!({ "id": ann.id });
        app.anonymous()
            .fails("UNAUTHENTICATED", document, variables)
            .await;
    }
    app.anonymous()
        .fails("UNAUTHENTICATED", BLOCKED, json!({}))
        .await;
    app.stop().await;
}

async fn a_block_from_both_sides_lasts_until_both_have_taken_it_back(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let _sockets = (app.socket(&ann).await, app.socket(&bob).await);
    block(&ann, &bob).await;
    block(&bob, &ann).await;
    for (taken_back, other, apart) in [(&ann, &bob, true), (&bob, &ann, false)] {
        unblock(taken_back, other).await;
        for (from, to) in [(&ann, &bob), (&bob, &ann)] {
            let may = may_write(from, &json!({ "userId": to.id })).await;
            let seen = from.ok(ONLINE, json!({ "id": to.id })).await;
            assert_eq!(may, !apart);
            assert_eq!(seen["user"]["online"], !apart);
        }
    }
    app.stop().await;
}

async fn a_block_holds_on_every_process_and_after_a_restart(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let to_ann = json!({ "userId": ann.id });
    if let StoreKind::Mongo = kind {
        let other = app.beside(|_| {}).await;
        let there = bob.at(other.url("/graphql"));
        assert!(may_write(&there, &to_ann).await);
        block(&ann, &bob).await;
        eventually("the other process knows", async || {
            !may_write(&there, &to_ann).await
        })
        .await;
        unblock(&ann, &bob).await;
        eventually("the other process knows", async || {
            may_write(&there, &to_ann).await
        })
        .await;
        other.stop().await;
    }
    block(&ann, &bob).await;
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let (ann, bob) = (ann.at(app.url("/graphql")), bob.at(app.url("/graphql")));
    assert!(!may_write(&bob, &to_ann).await);
    assert_eq!(blocked(&ann).await, ["bob"]);
    app.stop().await;
}

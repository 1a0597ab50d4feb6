//! Two servers side by side on one MongoDB.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chinwag::app::Config;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Client, Reader, TestApp, eventually,
    record::delivery_faults,
    store::{StoreKind, mongo_is_there},
};

/// Two servers that read often what the other one wrote; none when there is no MongoDB.
async fn two_servers() -> Option<[TestApp; 2]> {
    let often = |config: &mut Config| config.limits.sweep_interval = Duration::from_millis(50);
    if !mongo_is_there().await {
        return None;
    }
    let app = TestApp::with(StoreKind::Mongo, often).await;
    let beside = app.beside(often).await;
    Some([app, beside])
}

async fn stop(apps: [TestApp; 2]) {
    for app in apps {
        app.stop().await;
    }
}

fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

/// Waits until a question has this answer.
async fn until_it_is(expected: Value, viewer: &Client, document: &str) {
    eventually(&format!("it is {expected}"), async || {
        viewer.ok(document, json!({})).await == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_up_at_one_server_is_known_at_the_other() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[1].user("bob").await);
    let me = "{ me { username } sidebarUsers { nodes { username } } }";
    for (client, other) in [(&ann, &bob), (&bob, &ann)] {
        for app in &apps {
            let reply = client.at(app.url("/graphql")).ok(me, json!({})).await;
            let expected = json!({
                "me": { "username": client.username },
                "sidebarUsers": { "nodes": [{ "username": other.username }] },
            });
            assert_eq!(reply, expected);
            Reader::open(app.address, client, json!({})).await;
        }
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_reach_the_subscribers_of_both_servers_whoever_takes_them() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let mut readers = Vec::new();
    for app in &apps {
        for (viewer, peer) in [(&ann, &bob), (&bob, &ann)] {
            for only in [Value::Null, with(peer)] {
                readers.push(Reader::open(app.address, viewer, json!({ "in": only })).await);
            }
        }
    }
    // A first message, then one and the other server in turns and at the same time.
    for number in 0..20 {
        let [here, there] = if number % 2 == 0 { [0, 1] } else { [1, 0] };
        let (sender, receiver) = if number % 4 < 2 {
            (&ann, &bob)
        } else {
            (&bob, &ann)
        };
        let (here, there) = (
            sender.at(apps[here].url("/graphql")),
            receiver.at(apps[there].url("/graphql")),
        );
        here.send(receiver, &format!("{number} first")).await;
        let (one, other) = (format!("{number} one"), format!("{number} other"));
        tokio::join!(here.send(receiver, &one), there.send(sender, &other));
    }
    let history = ann.history(&with(&bob)).await;
    assert_eq!(history.len(), 60);
    assert_eq!(
        ann.at(apps[1].url("/graphql")).history(&with(&bob)).await,
        history
    );
    for mut reader in readers {
        reader.read_to(60).await;
        assert_eq!(delivery_faults(&history, &reader.has_all().await), []);
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_counts_and_the_list_agree_at_both_servers() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let [here, there] = [0, 1].map(|at: usize| bob.at(apps[at].url("/graphql")));
    let document = "{ conversations { nodes { unreadCount lastMessage { id } } } }";
    let listed = |unread: usize, last: &Value| json!({ "conversations": { "nodes": [{ "unreadCount": unread, "lastMessage": { "id": last } }] } });
    let mut last = Value::Null;
    for count in 1..=5 {
        last = ann.send(&bob, "hello").await["id"].clone();
        until_it_is(listed(count, &last), &there, document).await;
        assert_eq!(here.ok(document, json!({})).await, listed(count, &last));
    }
    let read = "mutation($id: ID!) { markRead(messageId: $id) { unreadCount } }";
    let reply = there.ok(read, json!({ "id": last })).await;
    assert_eq!(reply["markRead"]["unreadCount"], 0);
    assert_eq!(
        here.ok(document, json!({})).await,
        listed(0, &last),
        "a mark is written at once"
    );
    // Whoever was told of a message live finds it in the list of the same server.
    let mut reader = Reader::open(apps[1].address, &bob, json!({})).await;
    for count in 1..=5 {
        ann.send(&bob, "hello again").await;
        let said = reader.next().await;
        assert_eq!(
            there.ok(document, json!({})).await,
            listed(count, &json!(said.id))
        );
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_sent_by_one_server_is_never_unread_at_the_other() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let there = ann.at(apps[1].url("/graphql"));
    ann.send(&bob, "first").await;
    let over = AtomicBool::new(false);
    let writing = join_all((0..4).map(async |_| {
        while !over.load(Ordering::Relaxed) {
            ann.send(&bob, "more").await;
        }
    }));
    let reading = async {
        for _ in 0..100 {
            let list = "{ conversations { nodes { unreadCount } } }";
            let nodes = there.ok(list, json!({})).await["conversations"]["nodes"].clone();
            for node in nodes.as_array().expect("a list") {
                assert_eq!(node["unreadCount"], 0);
            }
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, reading);
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_at_one_server_gets_the_first_message_taken_by_the_other() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[1].user("bob").await);
    let mut reader = Reader::open(apps[1].address, &bob, json!({ "in": with(&ann) })).await;
    let first = ann.say(json!({ "to": with(&bob), "body": "hello" })).await;
    assert_eq!(reader.next().await, first);
    // A cursor of the server that is ahead is good at the one that is behind.
    let ahead = ann.ok("{ streamCursor }", json!({})).await["streamCursor"].clone();
    let mut own = Reader::open(apps[1].address, &ann, json!({ "after": ahead })).await;
    let second = bob
        .say(json!({ "to": with(&ann), "body": "hello to you" }))
        .await;
    assert_eq!(own.next().await, second);
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_is_ahead_of_a_server_that_has_not_read_so_far_holds_there() {
    if !mongo_is_there().await {
        return;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    // It reads what the other one wrote only when it must.
    let beside = app
        .beside(|config| config.limits.sweep_interval = Duration::from_hours(1))
        .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut reader = Reader::open(app.address, &bob, json!({})).await;
    for number in 0..5 {
        ann.send(&bob, &number.to_string()).await;
    }
    reader.read_to(3).await;
    let there = bob.at(beside.url("/graphql"));
    reader
        .resume(beside.address, &there, false, &Value::Null)
        .await;
    reader.read_to(5).await;
    let end = ann.ok("{ streamCursor }", json!({})).await["streamCursor"].clone();
    let mut at_end = Reader::open(beside.address, &ann, json!({ "after": end })).await;
    let next = there.say(json!({ "to": with(&ann), "body": "next" })).await;
    assert_eq!(at_end.next().await, next);
    assert_eq!(reader.next().await, next);
    let history = there.history(&with(&ann)).await;
    assert_eq!(delivery_faults(&history, &reader.has_all().await), []);
    app.stop().await;
    beside.stop().await;
}

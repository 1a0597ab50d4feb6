//! A server goes on hearing where it was, or knows that it cannot.

use std::time::Duration;

use chinwag::{app::Config, domain::UserId};
use mongodb::bson::{Binary, Bson, DateTime, Document, Timestamp, doc, spec::BinarySubtype};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{hears_only, moved};
use crate::support::{
    TestApp, acts::with, app::Place, eventually, feed::Feed, link::Link, mongod::own, or_skipped,
};

/// Such that it never has to look by itself whether it still hears.
fn hears_for_long(config: &mut Config) {
    hears_only(config);
    config.limits.hearing_lasts = Duration::from_hours(1);
}

async fn database(uri: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(uri).await;
    client.expect("a client").database("chat")
}

fn binary(id: Uuid) -> Binary {
    Binary {
        subtype: BinarySubtype::Uuid,
        bytes: id.into_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_while_a_server_does_not_hear_is_heard_afterwards() {
    const TYPE: &str = "mutation($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }";
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let uri = mongod.uri_for("chat");
    let app = TestApp::at(Place::mongo(&uri), hears_for_long).await;
    let beside = app.beside(hears_for_long).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "hello").await;
    let mut socket = beside.socket(&bob).await;
    let document = "subscription { typing { typing } }";
    socket.subscribe("typing", document, json!({})).await;
    socket.settle().await;
    let admin = database(&uri).await.client().database("admin");
    for typing in [true, false, true, false] {
        let mut followed = admin
            .aggregate([
                doc! { "$currentOp": { "allUsers": true, "idleCursors": true } },
                doc! { "$match": { "ns": "chat.signals", "cursor.tailable": true } },
            ])
            .await
            .expect("is answered");
        let mut cursors = Vec::new();
        while followed.advance().await.expect("is read") {
            let found = followed.deserialize_current().expect("a document");
            let cursor = found.get_document("cursor").expect("a cursor");
            cursors.push(Bson::from(cursor.get_i64("cursorId").expect("an id")));
        }
        assert!(!cursors.is_empty(), "somebody listens");
        let kill = doc! { "killCursors": "signals", "cursors": cursors };
        let chat = admin.client().database("chat");
        chat.run_command(kill).await.expect("is done");
        ann.ok(TYPE, json!({ "in": with(&bob), "typing": typing }))
            .await;
        let told = socket.event("typing").await;
        assert_eq!(told["typing"]["typing"], typing);
    }
    app.stop().await;
    beside.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_for_more_than_is_kept_looks_at_everything() {
    let now = Timestamp {
        time: 0,
        increment: 0,
    };
    misses_much(Some(now)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_while_the_release_before_told_more_than_is_kept_looks_at_everything() {
    misses_much(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_release_before_told_long_ago_is_not_heard() {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let uri = mongod.uri_for("chat");
    let first = TestApp::at(Place::mongo(&uri), hears_for_long).await;
    let (ann, bob) = (first.user("ann").await, first.user("bob").await);
    let UserId(gone) = UserId::parse(&ann.id).expect("an id");
    // It does not say when, and its process is no more.
    let told = doc! {
        "by": binary(Uuid::new_v4()), "from": binary(Uuid::new_v4()), "mark": 1_i64,
        "signals": [{ "is": "sockets", "user": binary(gone), "count": 1_i64, "closedAt": DateTime::MIN }],
    };
    let signals = database(&uri).await.collection::<Document>("signals");
    signals.insert_one(told).await.expect("is told");
    let beside = first.beside(hears_for_long).await;
    // Whoever comes now is heard behind all that.
    let _socket = first.socket(&bob).await;
    let there = moved(&bob, &beside);
    let mut online = Value::Null;
    eventually("who comes is heard", async || {
        online = there.ok("{ onlineUsers { username } }", json!({})).await["onlineUsers"].take();
        online.as_array().is_some_and(|online| !online.is_empty())
    })
    .await;
    assert_eq!(online, json!([{ "username": "bob" }]));
    first.stop().await;
    beside.stop().await;
}

/// Who is away while more is told than is kept, at this time.
async fn misses_much(told_at: Option<Timestamp>) {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let uri = mongod.uri_for("chat");
    let link = Link::to(mongod.address()).await;
    let app = TestApp::at(Place::mongo(&uri), hears_for_long).await;
    let away = TestApp::at(Place::mongo(&link.uri_for("chat")), hears_for_long).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let other = bob.sign_in_again().await;
    let mut ended = Feed::live(away.address, &other).await;
    let mut lasting = Feed::live(away.address, &bob).await;
    ann.send(&bob, "before").await;
    for feed in [&mut ended, &mut lasting] {
        while !feed.told().await.contains("before") {}
    }
    link.hold();
    other.ok("mutation { logout }", json!({})).await;
    // More than the collection holds.
    let signals = database(&uri).await.collection::<Document>("signals");
    for mark in 0..10_i64 {
        let id = || Bson::from(binary(Uuid::new_v4()));
        let mut filling = doc! {
            "by": id(), "from": id(), "mark": mark, "signals": [], "filling": "x".repeat(10_000_000),
        };
        filling.extend(told_at.map(|at| ("toldAt".to_owned(), at.into())));
        signals.insert_one(filling).await.expect("is told");
    }
    link.release();
    assert_eq!(ended.closed().await.1, Some(4403));
    moved(&ann, &away).send(&bob, "after").await;
    while !lasting.told().await.contains("after") {}
    app.stop().await;
    away.stop().await;
}

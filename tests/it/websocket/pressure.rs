//! Clients that do not read, and clients that will not stop.

use std::time::Duration;

use chinwag::app::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::NEW_MESSAGE;
use crate::support::{
    Client, TestApp,
    app::Place,
    frames::{PING, PONG, TEXT, frame, write},
    program::Program,
    store::StoreKind,
    ws::{PATIENCE, Ws},
};

const SOCKETS: &str = "chinwag_sockets";
const SUBSCRIPTIONS: &str = "chinwag_subscriptions";

/// A body as large as bodies may be, in bytes.
fn large() -> String {
    "🦀".repeat(4_000)
}

/// A socket that takes in little, with a hundred subscriptions to new messages, none of which is ever read.
async fn deaf(address: std::net::SocketAddr, client: &Client) -> Ws {
    let mut socket = Ws::open_narrow(address).await;
    socket.init(json!({ "token": client.token })).await;
    for n in 0..100 {
        socket
            .subscribe(&n.to_string(), NEW_MESSAGE, json!({}))
            .await;
    }
    socket
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_and_delays_nobody() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.write_stall = Duration::from_secs(2);
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let at = ann.ok("{ streamCursor }", json!({})).await["streamCursor"].clone();
    let mut deaf = deaf(app.address, &ann).await;
    app.metric_becomes(SUBSCRIPTIONS, 100.0).await;
    let mut tab = app.socket(&ann).await;
    let mut bobs = app.socket(&bob).await;
    for socket in [&mut tab, &mut bobs] {
        socket.subscribe("1", NEW_MESSAGE, json!({})).await;
        socket.settle().await;
    }
    let mut sent = 0;
    // Each message is on its way to everyone who reads before the next one is sent.
    while app.metric(SOCKETS).await > 2.0 {
        bob.send(&ann, &format!("{sent} {}", &large()[..15_000]))
            .await;
        for socket in [&mut tab, &mut bobs] {
            let event = socket.event("1").await;
            let body = event["newMessage"]["message"]["body"].as_str();
            let number = body.and_then(|body| body.split(' ').next());
            assert_eq!(number, Some(sent.to_string().as_str()));
        }
        sent += 1;
    }
    assert_eq!(deaf.closed().await, None);
    for (counter, cut) in [
        (
            "chinwag_slow_readers_cut_total{transport=\"websocket\"}",
            1.0,
        ),
        ("chinwag_slow_readers_cut_total{transport=\"http\"}", 0.0),
        ("chinwag_sockets_closed_total{reason=\"cut\"}", 1.0),
    ] {
        app.metric_becomes(counter, cut).await;
    }
    app.metric_becomes(SUBSCRIPTIONS, 2.0).await;
    // What was missed is there for whoever comes back.
    let mut back = app.socket(&ann).await;
    let document =
        "subscription($after: String!) { newMessage(after: $after) { message { seq } } }";
    back.subscribe("1", document, json!({ "after": at })).await;
    for seq in 1..=sent {
        let event = back.event("1").await;
        assert_eq!(event["newMessage"]["message"]["seq"], seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_client_that_does_not_read_is_bounded() {
    let place = Place::fresh(StoreKind::Embedded).await;
    let program = Program::start(&place).await;
    let ann = program.anonymous().sign_up("ann").await;
    let bob = program.anonymous().sign_up("bob").await;
    let mut bobs = Ws::open(program.address).await;
    bobs.init(json!({ "token": bob.token })).await;
    bobs.subscribe("1", NEW_MESSAGE, json!({})).await;
    bobs.settle().await;
    bob.send(&ann, &large()).await;
    bobs.event("1").await;
    let before = program.memory();
    let mut deaf_ones = Vec::new();
    for _ in 0..5 {
        deaf_ones.push(deaf(program.address, &ann).await);
    }
    let mut most = 0;
    for _ in 0..100 {
        bob.send(&ann, &large()).await;
        bobs.event("1").await;
        most = most.max(program.memory());
    }
    // What was not read: five sockets, a hundred subscriptions, a hundred messages of 16 kB: 800 MB.
    let grown = most.saturating_sub(before) / 1024 / 1024;
    assert!(grown < 100, "it grew by {grown} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_whose_pongs_nobody_reads_is_cut() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.write_stall = Duration::from_secs(1);
        config.limits.ping_interval = Duration::from_hours(1);
        config.limits.silence = Duration::from_hours(1);
    })
    .await;
    let by_websocket = frame(PING, &[7; 125]).repeat(1_000);
    let payload = json!({ "type": "ping", "payload": { "x": "y".repeat(1_000) } });
    let by_protocol = frame(TEXT, payload.to_string().as_bytes()).repeat(100);
    for pings in [by_websocket, by_protocol] {
        let mut socket = Ws::open_narrow(app.address).await;
        socket.init(json!({})).await;
        let mut tcp = socket.into_tcp();
        let flooding = async {
            let mut written = 0_usize;
            while tcp.write_all(&pings).await.is_ok() {
                written += pings.len();
                // What both ends' kernels hold is some megabytes.
                assert!(written < 256 * 1024 * 1024, "it takes in all that comes");
            }
        };
        tokio::time::timeout(PATIENCE, flooding)
            .await
            .expect("it is cut");
        app.metric_becomes(SOCKETS, 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_subscriptions_that_are_given_up_at_once_is_bounded() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.write_stall = Duration::from_secs(5);
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = Ws::open_narrow(app.address).await;
    socket.init(json!({ "token": ann.token })).await;
    for n in 0..99 {
        socket
            .subscribe(&n.to_string(), NEW_MESSAGE, json!({}))
            .await;
    }
    app.metric_becomes(SUBSCRIPTIONS, 99.0).await;
    for _ in 0..20 {
        bob.send(&ann, &large()).await;
    }
    let subscribe = json!({ "id": "x", "type": "subscribe", "payload": { "query": "subscription { typing { typing } }" } });
    let complete = json!({ "id": "x", "type": "complete" });
    let pair = [subscribe, complete].map(|message| frame(TEXT, message.to_string().as_bytes()));
    let pairs = pair.concat().repeat(1_000);
    let mut tcp = socket.into_tcp();
    let flooding = tokio::spawn(async move {
        // Until it is cut.
        while tcp.write_all(&pairs).await.is_ok() {}
    });
    let mut most = 0.0_f64;
    while app.metric(SOCKETS).await > 0.0 {
        most = most.max(app.metric(SUBSCRIPTIONS).await);
    }
    assert!(most < 500.0, "{most} at once");
    flooding.await.expect("it ends");
    app.metric_becomes(SUBSCRIPTIONS, 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_that_goes_on_reading_gets_everything() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.write_stall = Duration::from_secs(5);
        config.limits.ping_interval = Duration::from_millis(200);
        config.limits.silence = Duration::from_secs(5);
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let deaf = deaf(app.address, &ann).await;
    app.metric_becomes(SUBSCRIPTIONS, 100.0).await;
    let mut tcp = deaf.into_tcp();
    // About 16 MB, a little at a time, with a sign of life each time: for twice as long as a write may stand still.
    let messages = 10;
    let wanted = messages * 100 * large().len();
    let reading = tokio::spawn(async move {
        let mut piece = vec![0; 16 * 1024];
        let mut read = 0;
        while read < wanted {
            let more = tcp.read(&mut piece).await.expect("it is not cut");
            assert!(
                more > 0,
                "the server hung up after {read} of {wanted} bytes"
            );
            read += more;
            write(&mut tcp, &frame(PONG, b"")).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    for _ in 0..messages {
        bob.send(&ann, &large()).await;
    }
    tokio::time::timeout(PATIENCE * 2, reading)
        .await
        .expect("it arrives")
        .expect("it is not cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_behind_a_blocked_write_is_answered_in_the_end() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = deaf(app.address, &ann).await;
    app.metric_becomes(SUBSCRIPTIONS, 100.0).await;
    for _ in 0..5 {
        bob.send(&ann, &large()).await;
    }
    let mut events = 0;
    socket
        .subscribe("q", "{ me { username } }", json!({}))
        .await;
    loop {
        let message = socket.next().await;
        if message["id"] != "q" {
            events += 1;
            assert!(message["payload"].get("errors").is_none(), "{message}");
        } else if message["type"] == "complete" {
            break;
        } else {
            let me = json!({ "me": { "username": "ann" } });
            assert_eq!(message["payload"]["data"], me);
        }
    }
    while events < 500 {
        let message: Value = socket.next().await;
        assert_eq!(message["type"], "next");
        events += 1;
    }
}

/// Lets nothing wake a socket but what it is about.
fn undisturbed(config: &mut Config) {
    config.limits.write_stall = PATIENCE * 10;
    config.limits.ping_interval = PATIENCE * 10;
    config.limits.silence = PATIENCE * 10;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_behind_a_large_answer_is_not_held_up() {
    let app = TestApp::with(StoreKind::Embedded, undisturbed).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for _ in 0..70 {
        ann.send(&bob, &large()).await;
    }
    let mut socket = app.socket(&ann).await;
    let document =
        "query($in: ConversationRef!) { messages(in: $in, last: 100) { nodes { body } } }";
    for id in ["1", "2", "3"] {
        let variables = json!({ "in": { "userId": bob.id } });
        socket.subscribe(id, document, variables).await;
    }
    let mut left = vec!["1", "2", "3"];
    while !left.is_empty() {
        let message = socket.next().await;
        if message["type"] == "complete" {
            left.retain(|id| message["id"] != *id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_that_says_nothing_gets_everything() {
    let app = TestApp::with(StoreKind::Embedded, undisturbed).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = Ws::open_narrow(app.address).await;
    socket.init(json!({ "token": ann.token })).await;
    socket.subscribe("1", NEW_MESSAGE, json!({})).await;
    socket.settle().await;
    for _ in 0..400 {
        bob.send(&ann, &large()).await;
    }
    for _ in 0..400 {
        socket.event("1").await;
    }
}
